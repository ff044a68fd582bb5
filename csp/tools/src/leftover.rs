//! What stays in a module's NVRAM when keys are deleted: freeing it takes the administrator cards.

use csp::admin::{Containers, Slot};
use csp::identity::Identity;
use nfkm::{Environment, Error};
use nfkm_tools::cli;

use crate::names::Whose;

/// What the keys of a container have in the NVRAM of modules.
pub(crate) struct Leftover {
    containers: Containers,
    /// Each key, and what it has there.
    keys: Vec<(Slot, String)>,
}

impl Leftover {
    /// That of a container that is about to be deleted; None for one that is not of the Security World.
    pub(crate) fn of(prov_type: u32, machine: bool, name: &str) -> Option<Leftover> {
        let user = Identity::from_process().ok()?;
        let containers = Containers::open(&Environment::from_process(), user).ok()?;
        let whose = Whose {
            machine,
            sid: None,
            provider: Some(prov_type),
        };
        let (_, record) = containers
            .find(&whose.wanted(containers.user(), name))
            .ok()?;
        let keys = record.slots.into_iter().flatten().filter_map(|key| {
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
            Some((key, what))
        });
        let keys = keys.collect();
        Some(Leftover { containers, keys })
    }

    /// Says what is left of the keys that are gone. A key that another container refers to, or that was not made for one, has
    /// outlived the container, and what it has in NVRAM is in use.
    pub(crate) fn tell(&self, utility: &str) {
        for (key, what) in &self.keys {
            if let Err(Error::NotFound { .. }) = self.containers.key(&key.appname, &key.ident) {
                cli::complain(utility, what);
            }
        }
    }
}
