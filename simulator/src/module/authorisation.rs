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

/// The time of a token. The cards that it was read from remember it, since they must leave their slots once it is over.
#[derive(Debug)]
pub(super) struct Term {
    /// Its end, counted since the daemon started.
    end: Duration,
    state: Mutex<TermState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TermState {
    Running,
    /// Somebody asked when it was over.
    Over,
    /// The token and everything under it is gone, and nobody saw the end.
    GivenBack,
}

impl Term {
    /// Whether the time came to its end while the token was there.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        let mut state = self.state();
        if *state == TermState::Running && now >= self.end {
            *state = TermState::Over;
        }
        *state == TermState::Over
    }

    /// Whether it can come to its end, or has.
    pub(super) fn matters(&self) -> bool {
        *self.state() != TermState::GivenBack
    }

    fn give_back(&self) {
        let mut state = self.state();
        if *state == TermState::Running {
            *state = TermState::GivenBack;
        }
    }

    fn state(&self) -> MutexGuard<'_, TermState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends a token.
#[derive(Default)]
struct Limits {
    term: Option<Arc<Term>>,
    /// The card that must stay in its slot.
    stay: Option<Arc<Stay>>,
}

impl Authorisation {
    /// The counters.
    pub(super) fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the end of its time, counted since the daemon started.
    pub(super) fn ends_at(&self, end: Duration) -> Arc<Term> {
        let term = Arc::new(Term {
            end,
            state: Mutex::new(TermState::Running),
        });
        self.limits().term = Some(Arc::clone(&term));
        term
    }

    /// Lets it last no longer than a card stays in its slot.
    pub(super) fn lasts_with(&self, stay: Arc<Stay>) {
        self.limits().stay = Some(stay);
    }

    /// TimeLimitExceeded after the end of its time, PhysTokenNotPresent without the card that it needs.
    pub(super) fn check_alive(&self, now: Duration) -> Result<(), Status> {
        let limits = self.limits();
        if limits.term.as_ref().is_some_and(|term| term.is_over(now)) {
            return Err(Status::TimeLimitExceeded);
        }
        limits.stay.as_deref().map_or(Ok(()), Stay::check)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Authorisation {
    fn drop(&mut self) {
        if let Some(term) = &self.limits().term {
            term.give_back();
        }
    }
}
