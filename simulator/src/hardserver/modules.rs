//! The modules behind the hardserver, numbered from 1, and how busy each is.
//!
//! Modules come while the daemon runs, and go. The table only grows: a module that is unplugged keeps its place and its
//! number and answers as a failed one, so that a place that somebody remembers never means another module. Looking one up
//! takes no lock.

use std::ops::Index;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use ncore::Status;

use super::clients::Client;
use super::engines::Engines;
use super::pace::Pace;
use super::unit::Unit;
use super::worker::Task;
use crate::profile::Timing;

/// One module and what the hardserver knows of it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Its number on the wire.
    pub(crate) number: u32,
    pub(crate) unit: Unit,
    /// Those of this process; an imported module computes elsewhere and has none.
    pub(super) engines: Engines<Task>,
    /// The pace it keeps, if it emulates a unit's.
    pub(super) pace: Option<Pace>,
    /// Jobs that the module has and has not answered.
    pub(crate) outstanding: AtomicUsize,
    /// Jobs given to the module in this run.
    pub(crate) started: AtomicU64,
    /// Bytes of the commands given to the module.
    pub(super) command_bytes: AtomicU64,
    /// The replies it gave.
    pub(super) replies: AtomicU64,
    /// Bytes of them.
    pub(super) reply_bytes: AtomicU64,
}

impl Slot {
    /// The count of resets: objects made under another count are gone.
    pub(super) fn epoch(&self) -> u64 {
        self.unit.epoch()
    }

    /// How much of the engines is busy now, in percent: of the unit's that is emulated, if one is.
    pub(super) fn load_percent(&self) -> u32 {
        let (busy, all) = match &self.pace {
            Some(pace) => (pace.busy(Instant::now()), pace.timing().profile.engines),
            None => (self.engines.busy(), self.engines.count() as u32),
        };
        // There is at least one engine, and no more are busy than there are.
        (busy as u32 * 100).checked_div(all).unwrap_or(0)
    }
}

/// The most modules of one hardserver, unplugged ones and the pool included. Clients ask for no number beyond it.
pub(super) const MAX_MODULES: usize = 256;

/// Every module, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Modules {
    /// The first `count` places are filled, for good.
    slots: Box<[OnceLock<Box<Slot>>]>,
    count: AtomicUsize,
    /// The number that was given last. Held while a module is added, so that one comes after the other.
    last_number: Mutex<u32>,
    engines: usize,
    timings: Vec<Timing>,
    /// Whether the choice of a module may depend on what is going on. A seeded run repeats itself for each client,
    /// whatever the others do and however long everything takes; so there each client just takes turns.
    shared_load: bool,
}

impl Modules {
    /// An empty table of modules with this many engines each, and the pace of units: the last one's for all beyond; without
    /// any all go as fast as possible.
    pub(super) fn new(engines: usize, timings: Vec<Timing>, seeded: bool) -> Modules {
        Modules {
            slots: (0..MAX_MODULES).map(|_| OnceLock::new()).collect(),
            count: AtomicUsize::new(0),
            last_number: Mutex::new(0),
            engines,
            timings,
            shared_load: !seeded,
        }
    }

    /// The right to give numbers away: nobody else does until it is dropped.
    pub(super) fn numbers(&self) -> Numbers<'_> {
        let last = &self.last_number;
        Numbers(last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The unit that the next module emulates. It stays the next one while nobody else can add one.
    pub(super) fn next_timing(&self, _: &Numbers<'_>) -> Timing {
        let timing = self.timings.get(self.len()).or(self.timings.last());
        timing.copied().unwrap_or(Timing::FASTEST)
    }

    /// Puts a module into the next place. None if the table is full.
    pub(super) fn push(&self, numbers: &mut Numbers<'_>, unit: Unit) -> Option<&Slot> {
        let timing = self.next_timing(numbers);
        let keeps_pace = unit.own().is_some() && timing.profile.is_unit();
        let number = numbers.take()?;
        let index = self.len();
        let slot = self.slots.get(index)?.get_or_init(|| {
            Box::new(Slot {
                number,
                engines: Engines::new(unit.own().map_or(0, |_| self.engines)),
                unit,
                pace: keeps_pace.then(|| Pace::new(timing, Instant::now())),
                outstanding: AtomicUsize::new(0),
                started: AtomicU64::new(0),
                command_bytes: AtomicU64::new(0),
                replies: AtomicU64::new(0),
                reply_bytes: AtomicU64::new(0),
            })
        });
        self.count.store(index + 1, Ordering::Release);
        Some(slot)
    }

    /// The number of modules, unplugged ones included.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Every module, unplugged ones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        let filled = self.slots[..self.len()].iter();
        filled.filter_map(|slot| slot.get().map(|slot| &**slot))
    }

    /// The module in a place, if it is filled.
    pub(super) fn get(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)?.get().map(|slot| &**slot)
    }

    /// The place of a module in the table: InvalidModule if there is no module of this number.
    pub(super) fn index_of(&self, number: u32) -> Result<usize, Status> {
        // Places are numbered on, but for the pool's number.
        let index = self.iter().position(|slot| slot.number == number);
        index.ok_or(Status::InvalidModule)
    }

    /// The modules to choose from when a command leaves the choice: those that work in a world; if there are none, those
    /// that have not failed; if there are none of these, all, so that one of them says what is wrong.
    pub(super) fn able(&self) -> Vec<usize> {
        let those = |accepts: &dyn Fn(&Unit) -> bool| -> Vec<usize> {
            (0..self.len())
                .filter(|&index| accepts(&self[index].unit))
                .collect()
        };
        [
            those(&Unit::in_world),
            those(&|unit| !unit.failed()),
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
            true => self[index].outstanding.load(Ordering::Relaxed),
            false => 0,
        };
        let count = candidates.len();
        let in_turn = (0..count).map(|place| candidates[(place + turn) % count]);
        in_turn.min_by_key(|&index| load(index)).unwrap_or(0)
    }
}

impl Index<usize> for Modules {
    type Output = Slot;

    fn index(&self, index: usize) -> &Slot {
        // Places come from this table and stay filled.
        self.get(index).expect("a place of the table")
    }
}

/// The right to give numbers away.
#[derive(Debug)]
pub(super) struct Numbers<'a>(MutexGuard<'a, u32>);

impl Numbers<'_> {
    /// The number that would be next. None if there is none left.
    pub(super) fn next(&self) -> Option<u32> {
        let next = *self.0 + 1;
        (next as usize <= MAX_MODULES).then_some(next)
    }

    /// Takes the next number.
    pub(super) fn take(&mut self) -> Option<u32> {
        let number = self.next()?;
        *self.0 = number;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_and_end() {
        let modules = Modules::new(1, Vec::new(), false);
        let mut numbers = modules.numbers();
        for expected in 1..=256 {
            assert_eq!(numbers.next(), Some(expected));
            assert_eq!(numbers.take(), Some(expected));
        }
        assert_eq!((numbers.next(), numbers.take()), (None, None));
        drop(numbers);
        assert_eq!(modules.numbers().next(), None);
        assert_eq!(modules.len(), 0, "a number is not yet a module");
        assert!(modules.get(0).is_none());
    }
}
