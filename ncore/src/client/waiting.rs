//! How many threads of this process wait for replies, and whether one more may do so without sleep.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The readers of this process that wait now, over all connections.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A reader that waits, until dropped.
pub(super) struct Waiting {
    /// How many wait, this one included.
    readers: usize,
}

impl Waiting {
    /// Begins to wait.
    pub(super) fn begin() -> Waiting {
        Waiting {
            readers: WAITING.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }

    /// Whether there are processors to spare: one for each reader that asks again and again, and one for whoever
    /// computes its reply, since that may be on this machine.
    pub(super) fn may_spin(&self) -> bool {
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        let processors = PROCESSORS
            .get_or_init(|| thread::available_parallelism().map_or(1, std::num::NonZero::get));
        self.readers * 2 <= *processors
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}
