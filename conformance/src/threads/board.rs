//! The contexts that threads share.

use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ffi;
use crate::capi::Code;
use crate::capi::numbers::{CALG_AES_128, CALG_SHA_256};

/// A context with a session key and a hash in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    pub(super) context: usize,
    pub(super) key: usize,
    pub(super) hash: usize,
}

/// Where a thread found a context, and how many had stood there before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    index: usize,
    uses: u64,
}

/// The contexts in use, each with the number of those before it, and the latest that were released.
pub(super) struct Board {
    places: Vec<Mutex<(u64, Shared)>>,
    released: Mutex<Vec<Shared>>,
}

/// How many contexts are shared.
const PLACES: usize = 4;

/// How many of the released ones are remembered.
const RELEASED_MAX: usize = 256;

impl Board {
    pub(super) fn new(container: &CStr) -> Result<Board, Code> {
        let place = |_| Ok(Mutex::new((0, Shared::new(container)?)));
        Ok(Board {
            places: (0..PLACES).map(place).collect::<Result<_, Code>>()?,
            released: Mutex::default(),
        })
    }

    /// One of the contexts. It may be released at any time.
    pub(super) fn look(&self, pick: usize) -> (Place, Shared) {
        let index = pick % PLACES;
        let (uses, shared) = *lock(&self.places[index]);
        (Place { index, uses }, shared)
    }

    /// Whether the context that was found in a place is no longer there.
    pub(super) fn gone(&self, place: Place) -> bool {
        lock(&self.places[place.index]).0 != place.uses
    }

    /// Puts a new context in a place and releases the old one.
    pub(super) fn retire(&self, container: &CStr, pick: usize) -> Result<(), Code> {
        let new = Shared::new(container)?;
        let old = {
            let mut place = lock(&self.places[pick % PLACES]);
            place.0 += 1;
            std::mem::replace(&mut place.1, new)
        };
        ffi::release(old.context)?;
        let mut released = lock(&self.released);
        if released.len() == RELEASED_MAX {
            released.swap_remove(pick % RELEASED_MAX);
        }
        released.push(old);
        Ok(())
    }

    /// One that was released, if there is any.
    pub(super) fn released(&self, pick: usize) -> Option<Shared> {
        let released = lock(&self.released);
        released.get(pick % released.len().max(1)).copied()
    }

    /// Releases all.
    pub(super) fn clear(self) -> Result<(), Code> {
        let mut contexts = self.places.iter().map(|place| lock(place).1.context);
        contexts.try_for_each(ffi::release)
    }
}

impl Shared {
    fn new(container: &CStr) -> Result<Shared, Code> {
        let context = ffi::acquire(Some(container), 0)?;
        Ok(Shared {
            context,
            key: ffi::gen_key(context, CALG_AES_128, 0)?,
            hash: ffi::create_hash(context, CALG_SHA_256)?,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
