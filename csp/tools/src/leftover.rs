//! What stays in a module's NVRAM when keys are deleted: freeing it takes the administrator cards.

use csp::admin::{Containers, Scope, Wanted};
use csp::identity::Identity;
use nfkm::Environment;
use nfkm_tools::cli;

/// The keys of a container that have an area in a module's NVRAM, as lines to say once they are deleted. None for a
/// container that is not of the Security World.
pub(crate) fn of(prov_type: u32, machine: bool, name: &str) -> Vec<String> {
    found(prov_type, machine, name).unwrap_or_default()
}

fn found(prov_type: u32, machine: bool, name: &str) -> Option<Vec<String>> {
    let user = Identity::from_process().ok()?;
    let scope = match machine {
        true => Scope::Machine,
        false => Scope::User(user.user.to_string()),
    };
    let containers = Containers::open(&Environment::from_process(), user).ok()?;
    let wanted = Wanted {
        name: name.to_owned(),
        scope,
        prov_type: Some(prov_type),
    };
    let (_, record) = containers.find(&wanted).ok()?;
    let left = record.slots.iter().flatten().filter_map(|slot| {
        let record = containers.key(&slot.appname, &slot.ident).ok()?;
        let nvram = record.nvram?;
        let what = match (nvram.blob, nvram.counter) {
            (Some(_), Some(_)) => "blob and counter",
            (Some(_), None) => "blob",
            (None, _) => "counter",
        };
        Some(format!(
            "the {what} of key {} {} stays in the NVRAM of module {}; nvram-sw frees it",
            slot.appname, slot.ident, nvram.esn
        ))
    });
    Some(left.collect())
}

/// Says it.
pub(crate) fn tell(utility: &str, left: &[String]) {
    for line in left {
        cli::complain(utility, line);
    }
}
