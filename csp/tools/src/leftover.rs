//! What stays in a module's NVRAM when keys are deleted: freeing it takes the administrator cards.

use csp::admin::{Containers, Scope, Slot, Wanted};
use csp::identity::Identity;
use nfkm::{Environment, Error};
use nfkm_tools::cli;

/// What a key has in a module's NVRAM.
#[derive(Debug)]
pub(crate) struct Left {
    key: Slot,
    /// What it is, and where.
    what: String,
}

/// What the keys of a container have in the NVRAM of modules; nothing for a container that is not of the Security World.
/// It is asked before the container is deleted.
pub(crate) fn of(prov_type: u32, machine: bool, name: &str) -> Vec<Left> {
    found(prov_type, machine, name).unwrap_or_default()
}

fn found(prov_type: u32, machine: bool, name: &str) -> Option<Vec<Left>> {
    let containers = containers()?;
    let scope = match machine {
        true => Scope::Machine,
        false => Scope::User(containers.user().user.to_string()),
    };
    let wanted = Wanted {
        name: name.to_owned(),
        scope,
        prov_type: Some(prov_type),
    };
    let (_, record) = containers.find(&wanted).ok()?;
    let left = record.slots.into_iter().flatten().filter_map(|key| {
        let record = containers.key(&key.appname, &key.ident).ok()?;
        let nvram = record.nvram?;
        let what = match (nvram.blob, nvram.counter) {
            (Some(_), Some(_)) => "blob and counter",
            (Some(_), None) => "blob",
            (None, _) => "counter",
        };
        let what = format!(
            "the {what} of key {} {} stays in the NVRAM of module {}; nvram-sw frees it",
            key.appname, key.ident, nvram.esn
        );
        Some(Left { key, what })
    });
    Some(left.collect())
}

/// Says what is left of the keys that are gone. A key that another container refers to, or that was not made for one, has
/// outlived the container, and what it has in NVRAM is in use.
pub(crate) fn tell(utility: &str, left: &[Left]) {
    let Some(containers) = containers() else {
        return;
    };
    for Left { key, what } in left {
        if let Err(Error::NotFound { .. }) = containers.key(&key.appname, &key.ident) {
            cli::complain(utility, what);
        }
    }
}

fn containers() -> Option<Containers> {
    let user = Identity::from_process().ok()?;
    Containers::open(&Environment::from_process(), user).ok()
}
