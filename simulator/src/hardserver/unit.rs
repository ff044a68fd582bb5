//! What is in a place of the table of modules: a module of this hardserver, or one that it imports from another.
//!
//! The hardserver asks both the same questions; what it knows of an imported module is what its exporter told last.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use ncore::message::Reply;
use ncore::types::KeyType;

use super::remote::Imported;
use super::sensors::Sensors;
use crate::job::Job;
use crate::module::mode::{Mode, Switch};
use crate::module::{KeyHash, Module, WorldIdentity};
use crate::power::Power;

/// A module, here or elsewhere.
#[derive(Debug)]
pub(crate) enum Unit {
    /// A module in this process.
    Own(Own),
    /// A module of another hardserver.
    Imported(Arc<Imported>),
}

/// A module that is on, and what a fault on purpose needs of it.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) module: Arc<Module>,
    /// The number of its next writes that fail.
    pub(crate) failing_writes: Arc<AtomicU32>,
    /// The power of the file of its state.
    pub(crate) power: Arc<Power>,
    /// What its sensors show.
    pub(crate) sensors: Sensors,
}

impl Unit {
    /// The module, if it is in this process.
    pub(crate) fn own(&self) -> Option<&Own> {
        match self {
            Unit::Own(own) => Some(own),
            Unit::Imported(_) => None,
        }
    }

    /// The module, if it is another hardserver's.
    pub(crate) fn imported(&self) -> Option<&Arc<Imported>> {
        match self {
            Unit::Own(_) => None,
            Unit::Imported(imported) => Some(imported),
        }
    }

    /// The electronic serial number.
    pub(crate) fn esn(&self) -> String {
        match self {
            Unit::Own(own) => own.module.esn(),
            Unit::Imported(imported) => imported.esn().to_owned(),
        }
    }

    /// The count of resets: objects made under another count are gone.
    pub(crate) fn epoch(&self) -> u64 {
        match self {
            Unit::Own(own) => own.module.epoch(),
            Unit::Imported(imported) => imported.epoch(),
        }
    }

    /// The mode, and the position of the mode switch.
    pub(crate) fn mode(&self) -> (Mode, Switch) {
        match self {
            Unit::Own(own) => own.module.mode(),
            Unit::Imported(imported) => imported.mode(),
        }
    }

    /// Whether the module has failed, or is absent, which is the same to clients.
    pub(super) fn failed(&self) -> bool {
        matches!(self.mode().0, Mode::Failed | Mode::Absent)
    }

    /// Whether the module is in operation, in a world.
    pub(super) fn in_world(&self) -> bool {
        self.mode().0 == Mode::Operational
    }

    /// The world that the module serves; None unless it is in operation.
    pub(super) fn world(&self) -> Option<WorldIdentity> {
        match self {
            Unit::Own(own) => own.module.world(),
            Unit::Imported(imported) => imported.world(),
        }
    }

    /// Whether the module is in operation in this world.
    pub(super) fn serves(&self, world: &WorldIdentity) -> bool {
        match self {
            Unit::Own(own) => own.module.serves(world),
            Unit::Imported(imported) => imported.serves(world),
        }
    }

    /// Whether the module serves this world as soon as it is in operation; also where that is not known.
    pub(super) fn may_serve(&self, world: &WorldIdentity) -> bool {
        match self {
            Unit::Own(own) => own.module.is_of(world),
            Unit::Imported(imported) => imported.may_serve(world),
        }
    }

    /// The modes that SetNSOPerms chose.
    pub(super) fn officer_modes(&self) -> u32 {
        match self {
            Unit::Own(own) => own.module.description().officer_modes,
            Unit::Imported(imported) => imported.officer_modes(),
        }
    }

    /// Makes room for a client's objects. An exporter makes it when the client first needs it.
    pub(super) fn welcome(&self, client: u64) {
        if let Unit::Own(own) = self {
            own.module.welcome(client);
        }
    }

    /// Drops everything a client owns.
    pub(super) fn dismiss(&self, client: u64) {
        match self {
            Unit::Own(own) => own.module.dismiss(client),
            Unit::Imported(imported) => imported.dismiss(client),
        }
    }

    /// Drops an object of a client, if it is there.
    pub(super) fn forget_object(&self, client: u64, id: u32) {
        match self {
            Unit::Own(own) => own.module.forget_object(client, id),
            Unit::Imported(imported) => imported.forget_object(client, id),
        }
    }

    /// Whether the list of a client's key limits its uses or its time.
    pub(super) fn limits(&self, client: u64, id: u32) -> bool {
        match self {
            Unit::Own(own) => own.module.limits(client, id),
            Unit::Imported(imported) => imported.limits(client, id),
        }
    }

    /// The type and hash of a client's key; None if the identifier names no key of it here.
    pub(super) fn key_identity(&self, client: u64, id: u32) -> Option<(KeyType, KeyHash)> {
        match self {
            Unit::Own(own) => own.module.key_identity(client, id),
            Unit::Imported(imported) => imported.key_identity(client, id),
        }
    }

    /// Carries a job out on this thread, which waits if the module is another hardserver's.
    pub(super) fn carry_out(&self, job: Job) -> Reply {
        match self {
            Unit::Own(own) => Module::begin(&own.module, job).finish(),
            Unit::Imported(imported) => imported.carry_out(job),
        }
    }
}
