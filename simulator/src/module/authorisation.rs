//! What a loaded key owes its use to: the logical token under which it was loaded, or its own loading.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;

use super::acl::Uses;
use super::slot::Stay;

/// Uses counted per loading of a token (UseLim_Auth), and what ends the token. All keys loaded under one token share its
/// authorisation; a key loaded without one has its own.
#[derive(Default)]
pub(super) struct Authorisation {
    uses: Mutex<Uses>,
    limits: Mutex<Limits>,
}

/// What ends a token.
#[derive(Default)]
struct Limits {
    /// The end of its time, counted since the daemon started.
    end: Option<Duration>,
    /// The card that must stay in its slot.
    stay: Option<Arc<Stay>>,
}

impl Authorisation {
    /// The counters.
    pub(super) fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the end of its time, counted since the daemon started.
    pub(super) fn ends_at(&self, end: Duration) {
        self.limits().end = Some(end);
    }

    /// Lets it last no longer than a card stays in its slot.
    pub(super) fn lasts_with(&self, stay: Arc<Stay>) {
        self.limits().stay = Some(stay);
    }

    /// TimeLimitExceeded after the end of its time, PhysTokenNotPresent without the card that it needs.
    pub(super) fn check_alive(&self, now: Duration) -> Result<(), Status> {
        let limits = self.limits();
        if limits.end.is_some_and(|end| now >= end) {
            return Err(Status::TimeLimitExceeded);
        }
        limits.stay.as_deref().map_or(Ok(()), Stay::check)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
