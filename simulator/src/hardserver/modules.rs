//! The modules behind the hardserver, numbered from 1, and how busy each is.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use ncore::Status;

use super::PoweredOn;
use super::clients::Client;
use super::engines::Engines;
use super::pace::Pace;
use super::worker::Task;
use crate::module::Module;
use crate::profile::Timing;

/// One module and what the hardserver knows of it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its number on the wire.
    pub(crate) number: u32,
    pub(crate) module: Arc<Module>,
    pub(super) engines: Engines<Task>,
    /// The number of its next writes that fail on purpose.
    pub(super) failing_writes: Arc<AtomicU32>,
    /// The file of its state.
    pub(super) state: PathBuf,
    /// The pace it keeps, if it emulates a unit's.
    pub(super) pace: Option<Pace>,
    /// Jobs that the module has and has not answered.
    pub(crate) outstanding: AtomicUsize,
    /// Jobs given to the module in this run.
    pub(crate) started: AtomicU64,
    /// Bytes of the commands given to the module.
    pub(super) command_bytes: AtomicU64,
    /// Bytes of the replies it gave.
    pub(super) reply_bytes: AtomicU64,
}

impl Slot {
    /// The count of resets: objects made under another count are gone.
    pub(super) fn epoch(&self) -> u64 {
        self.module.epoch()
    }
}

/// Every module, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Modules {
    slots: Vec<Slot>,
    /// Whether the choice of a module may depend on what is going on. A seeded run repeats itself for each client,
    /// whatever the others do and however long everything takes; so there each client just takes turns.
    shared_load: bool,
}

impl Modules {
    /// A table of these modules, each with this many engines and the pace of a unit, if one is given.
    pub(super) fn new(
        modules: Vec<PoweredOn>,
        engines: usize,
        timing: Option<Timing>,
        seeded: bool,
    ) -> Modules {
        let slots = (1..)
            .zip(modules)
            .map(|(number, on)| Slot {
                number,
                module: on.module,
                failing_writes: on.failing_writes,
                state: on.state,
                engines: Engines::new(engines),
                pace: timing.map(|timing| Pace::new(timing, Instant::now())),
                outstanding: AtomicUsize::new(0),
                started: AtomicU64::new(0),
                command_bytes: AtomicU64::new(0),
                reply_bytes: AtomicU64::new(0),
            })
            .collect();
        Modules {
            slots,
            shared_load: !seeded,
        }
    }

    /// The place of a module in the table: InvalidModule if there is no module of this number.
    pub(super) fn index_of(&self, number: u32) -> Result<usize, Status> {
        let index = (number as usize)
            .checked_sub(1)
            .filter(|&index| index < self.slots.len());
        index.ok_or(Status::InvalidModule)
    }

    /// The modules to choose from when a command leaves the choice: those that work in a world; if there are none, those
    /// that have not failed; if there are none of these, all, so that one of them says what is wrong.
    pub(super) fn able(&self) -> Vec<usize> {
        let those = |accepts: &dyn Fn(&Module) -> bool| -> Vec<usize> {
            (0..self.slots.len())
                .filter(|&index| accepts(&self.slots[index].module))
                .collect()
        };
        [
            those(&Module::in_world),
            those(&|module| !module.failed()),
            those(&|_| true),
        ]
        .into_iter()
        .find(|modules| !modules.is_empty())
        .unwrap_or_default()
    }

    /// Of these modules, the one with the fewest jobs; among equals the client takes turns. 0 if there is none.
    pub(super) fn least_loaded(&self, client: &Client, candidates: Vec<usize>) -> usize {
        if let [only] = candidates.as_slice() {
            return *only;
        }
        let turn = client.next_turn();
        let load = |index: usize| match self.shared_load {
            true => self.slots[index].outstanding.load(Ordering::Relaxed),
            false => 0,
        };
        let count = candidates.len();
        let in_turn = (0..count).map(|place| candidates[(place + turn) % count]);
        in_turn.min_by_key(|&index| load(index)).unwrap_or(0)
    }
}

impl Deref for Modules {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        &self.slots
    }
}
