//! How options name containers and providers.

use clap::Args;
use csp::admin::{Scope, Wanted};
use csp::constants::PROV_RSA_AES;
use csp::identity::Identity;
use csp::sid::Sid;

/// The provider's type where none is given.
pub(crate) const DEFAULT_TYPE: u32 = PROV_RSA_AES;

/// Whose containers are meant, and of which provider.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The machine's containers rather than the user's.
    #[arg(short, long)]
    pub(crate) machine: bool,
    /// The containers of the user with this SID.
    #[arg(long, value_name = "SID", conflicts_with = "machine", value_parser = sid)]
    pub(crate) sid: Option<Sid>,
    /// The provider, by its name or the number of its type.
    #[arg(long, value_name = "NAME|TYPE", value_parser = provider)]
    pub(crate) provider: Option<u32>,
}

impl Whose {
    /// Whose containers they are.
    pub(crate) fn scope(&self, user: &Identity) -> Scope {
        match (self.machine, &self.sid) {
            (true, _) => Scope::Machine,
            (false, Some(sid)) => Scope::User(sid.to_string()),
            (false, None) => Scope::User(user.user.to_string()),
        }
    }

    /// The container of this name or ident.
    pub(crate) fn wanted(&self, user: &Identity, name: &str) -> Wanted {
        Wanted {
            name: name.to_owned(),
            scope: self.scope(user),
            prov_type: self.provider,
        }
    }
}

/// A user's SID: a name that is none would find nothing, and say that all is well.
pub(crate) fn sid(text: &str) -> Result<Sid, String> {
    text.parse()
        .map_err(|_| "no SID, which is of the form S-1-5-21-...".to_owned())
}

/// A provider's type, by its number or by a name of it.
fn provider(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| csp::names::canonical(*number).is_some())
        .or_else(|| csp::names::type_of(text))
        .ok_or_else(|| "no such provider".to_owned())
}
