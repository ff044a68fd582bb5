//! The override jumpers of the mode switch: while they are set, hands alone choose the mode (SECURITY-WORLD section 11,
//! UTILITIES section 4.1). Hands set them too; they stay so through power cuts and initialisation.

use std::sync::atomic::{AtomicBool, Ordering};

use ncore::Status;

use super::mode::Switch;
use super::world::PowerOnError;
use crate::record::{self, Kind};
use crate::store::Store;

/// What a command is answered that asks for another mode than the switch. No public source tells the status.
const REFUSAL: Status = Status::AccessDenied;

/// The record of jumpers that were set once: whether they are.
const NAME: &str = "jumper";
const KIND: Kind = Kind {
    magic: *b"SSJP",
    version: 1,
};

/// The jumpers.
#[derive(Debug, Default)]
pub(super) struct Jumper(AtomicBool);

impl Jumper {
    /// The jumpers as they were saved.
    pub(super) fn load(store: &dyn Store) -> Result<Jumper, PowerOnError> {
        let set = match store.load(NAME)? {
            Some(record) => record::decode(KIND, &record)?,
            None => false,
        };
        Ok(Jumper(AtomicBool::new(set)))
    }

    /// Takes them from what is saved now, after a power cut.
    pub(super) fn load_again(&self, store: &dyn Store) -> Result<(), PowerOnError> {
        let saved = Jumper::load(store)?.is_set();
        self.0.store(saved, Ordering::Release);
        Ok(())
    }

    /// Whether they are set.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sets or clears them: first on the disk.
    pub(super) fn set(&self, store: &dyn Store, set: bool) -> Result<(), PowerOnError> {
        if set != self.is_set() {
            store.save(&[(NAME, &record::encode(KIND, &set)?)])?;
            self.0.store(set, Ordering::Release);
        }
        Ok(())
    }

    /// Whether a command may ask for this mode: not for another one than that of the switch while they are set.
    pub(super) fn check(&self, switch: Switch, wanted: Switch) -> Result<(), Status> {
        match self.is_set() && switch != wanted {
            false => Ok(()),
            true => Err(REFUSAL),
        }
    }
}
