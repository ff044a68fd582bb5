//! Containers as versions before 1.11.0 kept them: keys of the registry.
//!
//! ```text
//! HKEY_CURRENT_USER\Software\nCipher\Cryptography\Containers\<provider>\<container>   the user's
//! HKEY_USERS\<SID>\Software\nCipher\Cryptography\Containers\<provider>\<container>    another user's
//! HKEY_LOCAL_MACHINE\SOFTWARE\nCipher\Cryptography\Containers\<provider>\<container>  the machine's
//!     ExchangeKey   REG_SZ  APPNAME,IDENT of the exchange key, if there is one
//!     SignatureKey  REG_SZ  the same of the signature key
//!     Name          REG_SZ  the container's name, if it cannot be a key's
//! ```
//!
//! The vendor's layout is unpublished. Names of values and keys are compared without regard to case.

use std::path::Path;

use csp::admin::{KeySpec, Scope, Slot};
use csp::identity::Identity;

use super::Skipped;
use super::entry::Entry;
use super::export::Export;
#[cfg(windows)]
use super::system;

/// Where old containers are.
pub(super) enum Registry {
    /// In a file that the registry editor exported.
    Export(Export),
    /// In the registry of this machine.
    #[cfg(windows)]
    System,
}

/// A container of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OldContainer {
    /// Its registry key.
    pub(super) place: String,
    pub(super) scope: Scope,
    pub(super) prov_type: u32,
    pub(super) name: String,
    pub(super) slots: [Option<Slot>; 2],
}

/// Where each owner's containers are, after the root and for HKEY_USERS the SID.
const CONTAINERS: &str = r"Software\nCipher\Cryptography\Containers";

impl Registry {
    /// Opens the place of old containers.
    pub(super) fn open(file: Option<&Path>) -> Result<Registry, Skipped> {
        match file {
            Some(file) => Export::read(file).map(Registry::Export),
            #[cfg(windows)]
            None => Ok(Registry::System),
            #[cfg(not(windows))]
            None => Err(Skipped::Entry {
                place: "no registry on this system".to_owned(),
                reason: "FILE names an export of one".to_owned(),
            }),
        }
    }

    /// All old containers, or why one of them cannot be read.
    pub(super) fn containers(
        &self,
        user: &Identity,
    ) -> Result<Vec<Result<OldContainer, Skipped>>, Skipped> {
        let entries = match self {
            Registry::Export(export) => export.entries(),
            #[cfg(windows)]
            Registry::System => system::entries(CONTAINERS)?,
        };
        Ok(entries
            .into_iter()
            .filter_map(|entry| OldContainer::of(entry, user))
            .collect())
    }

    /// Takes a container out.
    pub(super) fn remove(&mut self, old: &OldContainer) -> Result<(), Skipped> {
        match self {
            Registry::Export(export) => export.remove(&old.place),
            #[cfg(windows)]
            Registry::System => system::remove(&old.place),
        }
    }
}

impl OldContainer {
    /// The container of a registry key; None if the key is elsewhere, or a provider's.
    fn of(entry: Entry, user: &Identity) -> Option<Result<OldContainer, Skipped>> {
        let (scope, rest) = owner(&entry.place, user)?;
        let rest = strip(rest, CONTAINERS)?.strip_prefix('\\')?;
        let (provider, name) = rest.split_once('\\')?;
        let damaged = |reason: String| Skipped::Entry {
            place: entry.place.clone(),
            reason,
        };
        let read = || {
            let prov_type = csp::names::type_of(provider)
                .ok_or_else(|| damaged(format!("unknown provider `{provider}'")))?;
            let value = |name: &str| {
                let mut values = entry.values.iter();
                values
                    .find(|(other, _)| other.eq_ignore_ascii_case(name))
                    .map(|(_, text)| text.as_str())
            };
            let slot = |name| -> Result<Option<Slot>, Skipped> {
                let Some(text) = value(name) else {
                    return Ok(None);
                };
                let (appname, ident) = text.split_once(',').ok_or_else(|| {
                    damaged(format!("{name} is `{text}', which is not APPNAME,IDENT"))
                })?;
                Ok(Some(Slot {
                    appname: appname.to_owned(),
                    ident: ident.to_owned(),
                    certificate: None,
                }))
            };
            Ok(OldContainer {
                place: entry.place.clone(),
                scope,
                prov_type,
                name: value("Name").unwrap_or(name).to_owned(),
                slots: [slot("ExchangeKey")?, slot("SignatureKey")?],
            })
        };
        Some(read())
    }

    /// The keys that it has.
    pub(super) fn keys(&self) -> impl Iterator<Item = (KeySpec, &Slot)> {
        [KeySpec::Exchange, KeySpec::Signature]
            .into_iter()
            .filter_map(|spec| Some((spec, self.slots[spec as usize].as_ref()?)))
    }
}

/// Whose part of the registry a key is in, and the rest of its path.
fn owner<'a>(place: &'a str, user: &Identity) -> Option<(Scope, &'a str)> {
    let (root, rest) = place.split_once('\\')?;
    match root.to_ascii_uppercase().as_str() {
        "HKEY_CURRENT_USER" => Some((Scope::User(user.user.to_string()), rest)),
        "HKEY_LOCAL_MACHINE" => Some((Scope::Machine, rest)),
        "HKEY_USERS" => {
            let (sid, rest) = rest.split_once('\\')?;
            Some((Scope::User(sid.to_owned()), rest))
        }
        _ => None,
    }
}

/// The rest of a path, compared as the registry compares.
fn strip<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let start = path.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &path[prefix.len()..])
}
