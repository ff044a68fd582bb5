//! Loom's locks, and a clock that stands still until it is moved.

use std::ops::{Add, Sub};
use std::sync::{Arc, LockResult};
use std::time::Duration;

use loom::sync::atomic::{AtomicU64, Ordering};
pub(super) use loom::sync::{Mutex, MutexGuard};

loom::lazy_static! {
    /// Milliseconds since the model began.
    static ref NOW: AtomicU64 = AtomicU64::new(0);
    /// Those who wait until a time at most.
    static ref SLEEPERS: Mutex<Vec<Arc<loom::sync::Condvar>>> = Mutex::default();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(Duration);

impl Instant {
    pub(super) fn now() -> Instant {
        Instant(Duration::from_millis(NOW.load(Ordering::SeqCst)))
    }

    pub(super) fn elapsed(self) -> Duration {
        Instant::now() - self
    }

    pub(super) fn checked_add(self, by: Duration) -> Option<Instant> {
        self.0.checked_add(by).map(Instant)
    }

    pub(super) fn saturating_duration_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, by: Duration) -> Instant {
        Instant(self.0 + by)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.0 - earlier.0
    }
}

/// Lets time pass. Who waits until a time at most is woken after `settle`, which takes and gives back the lock that they
/// wait with: whoever looked at the clock before it was moved waits by then.
pub(super) fn pass(time: Duration, settle: impl FnOnce()) {
    NOW.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    settle();
    let sleepers = std::mem::take(&mut *SLEEPERS.lock().unwrap());
    for sleeper in sleepers {
        sleeper.notify_all();
    }
}

#[derive(Debug, Default)]
pub(super) struct Condvar(Arc<loom::sync::Condvar>);

impl Condvar {
    pub(super) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(super) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        left: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        if left.is_zero() {
            return Ok((guard, ()));
        }
        SLEEPERS.lock().unwrap().push(Arc::clone(&self.0));
        Ok((self.0.wait(guard).unwrap(), ()))
    }

    pub(super) fn notify_one(&self) {
        self.0.notify_one();
    }
}
