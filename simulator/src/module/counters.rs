//! Use limits counted in non-volatile memory (UseLim_NonVolatile, PROTOCOL section 4.3; the CAPI guide, section 9).
//!
//! The number in the file counts uses up from zero, little-endian. Uses are reserved there before they are made, `prefetch`
//! at a time: a power cut or a reset loses what was reserved and not used, and never gives a use back. Whoever needs new
//! ones writes for all who wait, with one write; nobody goes on before it is on the disk.
//!
//! Our own decisions, since they are unpublished: which end of the number comes first, that it has at most 8 bytes, that a
//! list of no keys in Act_NVMemUseLimit lets every key count there, and the statuses.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ncore::Status;
use ncore::types::{ACL, ActDetails, NVMemRange, UseLimDetails, UseLimNonVolatileDetails};

use super::KeyHash;
use super::area::FileId;
use super::call::Call;
use super::nvram::Nvram;

/// A number in a file of the non-volatile memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    file: FileId,
    first: u32,
    last: u32,
}

/// A counter as a limit names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    place: Place,
    /// The most uses.
    max: u64,
    /// How many are reserved at a time, at least one.
    prefetch: u64,
}

/// Bytes of the largest number.
const LARGEST: u32 = 8;

impl Counter {
    /// The counter of a limit: None if it names no number.
    pub(crate) fn of(limit: &UseLimNonVolatileDetails) -> Option<Counter> {
        let NVMemRange { first, last } = limit.range;
        if limit.flags != 0 || last < first || last - first >= LARGEST {
            return None;
        }
        Some(Counter {
            place: Place {
                file: limit.file,
                first,
                last,
            },
            max: u64::from(limit.maxhi) << 32 | u64::from(limit.maxlo),
            prefetch: u64::from(limit.prefetch).max(1),
        })
    }

    /// Whether a key may count a use now: UseLimitExceeded if none is left; UseLimitsUnavailable without the file, which
    /// is on one module only; AccessDenied if the file's list does not let this key count there.
    fn check(
        &self,
        nvram: &Nvram,
        reserved: Option<&Reserved>,
        key: &KeyHash,
    ) -> Result<(), Status> {
        let acl = nvram.acl(&self.place.file);
        let acl = acl.map_err(|_| Status::UseLimitsUnavailable)?;
        if !lets_count(&acl, &self.place, key) {
            return Err(Status::AccessDenied);
        }
        let used = match reserved {
            Some(reserved) if reserved.used < reserved.until => reserved.used,
            _ => self.read(nvram)?,
        };
        if used < self.max {
            Ok(())
        } else {
            Err(Status::UseLimitExceeded)
        }
    }

    fn read(&self, nvram: &Nvram) -> Result<u64, Status> {
        let Place { file, first, last } = self.place;
        let number = nvram.number(&file, first, last);
        number.map_err(|_| Status::UseLimitsUnavailable)
    }
}

/// Whether a list has limits that are counted in non-volatile memory.
pub(super) fn counts(acl: &ACL) -> bool {
    let mut limits = acl.groups.iter().flat_map(|group| &group.limits);
    limits.any(|limit| matches!(limit.details, UseLimDetails::NonVolatile(_)))
}

/// Whether a file's list lets this key count there (Act_NVMemUseLimit).
fn lets_count(acl: &ACL, place: &Place, key: &KeyHash) -> bool {
    let mut actions = acl.groups.iter().flat_map(|group| &group.actions);
    actions.any(|action| match &action.details {
        ActDetails::NVMemUseLimit(granted) => {
            granted.range.first <= place.first
                && place.last <= granted.range.last
                && (granted.hks.is_empty() || granted.hks.contains(key))
        }
        _ => false,
    })
}

/// Uses that are reserved on the disk.
#[derive(Clone, Copy, Debug)]
struct Reserved {
    /// Uses made, those before included.
    used: u64,
    /// What the number on the disk says.
    until: u64,
}

/// The counters in use since the module's last reset.
#[derive(Debug, Default)]
pub(super) struct UseCounters {
    state: Mutex<State>,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    reserved: HashMap<Place, Reserved>,
    /// What those who wait for the next write need: how many uses of which counter.
    wanted: HashMap<Place, (Counter, u64)>,
    /// Whether somebody writes.
    writing: bool,
    /// Counts writes.
    round: u64,
    /// Counts how often something that was reserved was dropped.
    forgotten: u64,
}

impl UseCounters {
    /// Whether a key may count a use now, as [`Counter::check`].
    pub(super) fn check(
        &self,
        counter: &Counter,
        nvram: &Nvram,
        key: &KeyHash,
    ) -> Result<(), Status> {
        let state = self.lock();
        counter.check(nvram, state.reserved.get(&counter.place), key)
    }

    /// Counts a use; when this returns, it is on the disk. UseLimitExceeded if none is left by now.
    pub(super) fn charge(&self, call: &Call, counter: &Counter) -> Result<(), Status> {
        let mut state = self.lock();
        let mut waits_for = None;
        loop {
            if let Some(reserved) = state.reserved.get_mut(&counter.place)
                && reserved.used < reserved.until
            {
                if reserved.used >= counter.max {
                    return Err(Status::UseLimitExceeded);
                }
                reserved.used += 1;
                return Ok(());
            }
            if call.is_stale() {
                // A reset drops what is reserved while it has the module's lock, which the reason is under too.
                drop(state);
                return call.still_valid();
            }
            if waits_for != Some(state.round) {
                let wanted = state.wanted.entry(counter.place);
                wanted.or_insert((*counter, 0)).1 += 1;
                waits_for = Some(state.round);
            }
            if state.writing {
                let woken = self.written.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.writing = true;
            state.round += 1;
            let wanted = std::mem::take(&mut state.wanted);
            let forgotten = state.forgotten;
            drop(state);
            let reserved = reserve(call, counter, &wanted);
            state = self.lock();
            state.writing = false;
            self.written.notify_all();
            let reserved = reserved?;
            // Somebody may have written to the same file since, or reset the module: the numbers are read again.
            if state.forgotten == forgotten {
                state.reserved.extend(reserved);
            }
        }
    }

    /// Drops what is reserved of a file's numbers: somebody wrote there.
    pub(super) fn forget_file(&self, file: &FileId) {
        let mut state = self.lock();
        state.reserved.retain(|place, _| place.file != *file);
        state.forgotten += 1;
    }

    /// Drops everything that is reserved.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.reserved.clear();
        state.forgotten += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reserves uses for all who wait, with one write. A counter of somebody else that cannot be reserved is left out: they find
/// out themselves.
fn reserve(
    call: &Call,
    own: &Counter,
    wanted: &HashMap<Place, (Counter, u64)>,
) -> Result<Vec<(Place, Reserved)>, Status> {
    call.change_nvram(|nvram| {
        let mut reserved = Vec::new();
        for (place, (counter, uses)) in wanted {
            match reserve_one(nvram, counter, *uses) {
                Ok(uses) => reserved.push((*place, uses)),
                Err(status) if *place == own.place => return Err(status),
                Err(_) => {}
            }
        }
        Ok(reserved)
    })
}

fn reserve_one(nvram: &mut Nvram, counter: &Counter, uses: u64) -> Result<Reserved, Status> {
    let used = counter.read(nvram)?;
    if used >= counter.max {
        return Err(Status::UseLimitExceeded);
    }
    let Place { file, first, last } = counter.place;
    let until = used
        .saturating_add(counter.prefetch.max(uses))
        .min(counter.max)
        .min(largest(last - first + 1));
    if until == used {
        return Err(Status::UseLimitExceeded);
    }
    nvram.set_number(&file, first, last, until)?;
    Ok(Reserved { used, until })
}

/// The largest number of so many bytes.
fn largest(bytes: u32) -> u64 {
    match bytes {
        0..8 => (1 << (8 * bytes)) - 1,
        _ => u64::MAX,
    }
}
