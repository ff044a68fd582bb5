//! Power cuts, and a whole unit as it was: everything that survives one. Cards are files of their own.

use std::sync::{Arc, PoisonError};

use super::Module;
use super::clock::Clock;
use super::jumper::Jumper;
use super::klf2::Klf2;
use super::mode::{Machine, Switch};
use super::nvram::Nvram;
use super::readers;
use super::world::{PowerOnError, Saved};
use crate::record::{self, Kind, RecordError};
use crate::store::{MemoryStore, Store, StoreError};

/// The record of a unit: the names and contents of its saved records.
const KIND: Kind = Kind {
    magic: *b"SSSN",
    version: 1,
};

/// Why a snapshot was not taken or restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The module's own state could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is something else.
    #[error("not a snapshot of softshield")]
    Foreign,
    /// It is damaged, or of another version.
    #[error("snapshot: {0}")]
    Record(RecordError),
    /// What it holds is no state of a module.
    #[error("snapshot: {0}")]
    State(#[from] PowerOnError),
    /// It holds no state at all.
    #[error("snapshot: no module in it")]
    Empty,
}

impl From<RecordError> for SnapshotError {
    fn from(error: RecordError) -> SnapshotError {
        match error {
            RecordError::Foreign(_) => SnapshotError::Foreign,
            error => SnapshotError::Record(error),
        }
    }
}

/// A snapshot that was read and can be restored.
#[derive(Debug)]
pub struct Snapshot {
    esn: String,
    records: Vec<(String, Vec<u8>)>,
}

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// It is none, or holds something that no module starts from.
    pub fn read(bytes: &[u8], engine: &dyn engine::Engine) -> Result<Snapshot, SnapshotError> {
        let records: Vec<(String, Vec<u8>)> = record::decode(KIND, bytes)?;
        let store = MemoryStore::default();
        store.replace(&borrowed(&records))?;
        let saved = Saved::load(&store)?.ok_or(SnapshotError::Empty)?;
        saved.world(engine)?;
        // How much fits is up to the module that takes it.
        Nvram::load(&store, 0)?;
        Clock::load(&store)?;
        Jumper::load(&store)?;
        Klf2::load(&store)?;
        Ok(Snapshot {
            esn: saved.esn,
            records,
        })
    }

    /// The electronic serial number of the unit.
    pub fn esn(&self) -> &str {
        &self.esn
    }
}

impl Module {
    /// The unit as it is.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let _writing = self.writing_nvram();
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = self.store.records()?;
        records.retain(|(name, _)| name != readers::NAME);
        Ok(record::encode(KIND, &records)?)
    }

    /// Makes the unit what it was, and switches it off and on.
    ///
    /// # Errors
    /// The state cannot be saved; then the unit is as before.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let _writing = self.writing_nvram();
        let mut switch = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.replace(&borrowed(&snapshot.records))?;
        // The hands that restore a unit leave its cards where they are.
        self.keep_readers_again();
        self.power_on_again(&mut switch)
    }

    /// Switches the unit off and on. What was loaded is gone; a module that failed or was unplugged is back.
    ///
    /// # Errors
    /// Its state cannot be read; then it goes on as it was.
    pub fn power_cycle(&self) -> Result<(), SnapshotError> {
        let _writing = self.writing_nvram();
        let mut switch = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        self.power_on_again(&mut switch)
    }

    fn power_on_again(&self, switch: &mut Switch) -> Result<(), SnapshotError> {
        let saved = Saved::load(&*self.store)?.ok_or(SnapshotError::Empty)?;
        let world = saved.world(self.engine())?;
        let nvram = Nvram::load(&*self.store, self.nvram_size())?;
        self.clock.load_again(&*self.store)?;
        self.jumper.load_again(&*self.store)?;
        self.set_nvram(nvram);
        *switch = saved.switch;
        self.forget(|inner| {
            inner.machine = Machine::power_on(saved.switch, world.officer.is_some());
            inner.world = Arc::new(world);
            Ok(())
        })
    }
}

fn borrowed(records: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    records
        .iter()
        .map(|(name, record)| (name.as_str(), record.as_slice()))
        .collect()
}
