//! What a loaded key owes its use to: the logical token under which it was loaded, or its own loading.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;

use super::acl::Uses;

/// Uses counted per loading of a token (UseLim_Auth), and the end of the token's time. All keys loaded under one token
/// share its authorisation; a key loaded without one has its own.
#[derive(Default)]
pub(super) struct Authorisation {
    uses: Mutex<Uses>,
    end: Mutex<Option<Duration>>,
}

impl Authorisation {
    /// The counters.
    pub(super) fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the end of its time, counted since the daemon started.
    pub(super) fn ends_at(&self, end: Duration) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// TimeLimitExceeded after the end of its time.
    pub(super) fn check_alive(&self, now: Duration) -> Result<(), Status> {
        match *self.end.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(end) if now >= end => Err(Status::TimeLimitExceeded),
            _ => Ok(()),
        }
    }
}
