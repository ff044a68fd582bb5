//! The clock that every module sees: the machine's, or so many seconds ahead of it. The state folder keeps by how many, since
//! a module's clock does not go back while the hardserver is away.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{StartError, number};

const FILE: &str = "clock";

/// The most seconds by which the clock is ahead of the machine's, or behind it: a hundred years, beyond any life of a key.
pub(crate) const MOST_AHEAD: i64 = 36_525 * 24 * 3600;

/// The clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// By how much it is ahead of the machine's, in seconds.
    ahead: AtomicI64,
    /// The state folder. Held while the clock is moved.
    state: Mutex<PathBuf>,
}

impl Clock {
    /// The clock as the last run left it.
    ///
    /// # Errors
    /// [`StartError::Clock`]: the file cannot be read, or holds no number that fits.
    pub(super) fn load(state: &Path) -> Result<Clock, StartError> {
        let path = state.join(FILE);
        let ahead = number::read(&path).map_err(|cause| StartError::Clock { path, cause })?;
        let ahead: i64 = ahead.unwrap_or(0);
        Ok(Clock {
            ahead: AtomicI64::new(ahead.clamp(-MOST_AHEAD, MOST_AHEAD)),
            state: Mutex::new(state.to_owned()),
        })
    }

    /// By how many seconds it is ahead of the machine's.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Moves it to where `place` puts it from where it is, as far as [`MOST_AHEAD`]: first on the disk.
    ///
    /// # Errors
    /// It cannot be saved; then it is as before.
    pub(crate) fn set(&self, place: impl FnOnce(i64) -> i64) -> std::io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = place(self.ahead()).clamp(-MOST_AHEAD, MOST_AHEAD);
        number::write(&state, FILE, ahead)?;
        self.ahead.store(ahead, Ordering::Relaxed);
        Ok(())
    }

    /// Time since 1970.
    pub(super) fn unix(&self) -> Duration {
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let ahead = self.ahead();
        let jump = Duration::from_secs(ahead.unsigned_abs());
        match ahead < 0 {
            true => unix.saturating_sub(jump),
            false => unix.saturating_add(jump),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_goes_on_with_the_same_clock() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::load(folder.path()).unwrap();
        assert_eq!(clock.ahead(), 0);
        clock.set(|_| -3600).unwrap();
        clock.set(|ahead| ahead + 60).unwrap();
        assert_eq!(Clock::load(folder.path()).unwrap().ahead(), -3540);
        clock.set(|_| i64::MAX).unwrap();
        assert_eq!(Clock::load(folder.path()).unwrap().ahead(), MOST_AHEAD);
    }

    #[test]
    fn a_damaged_clock_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "noon").unwrap();
        let text = Clock::load(folder.path()).unwrap_err().to_string();
        assert!(
            text.contains("clock") && text.contains("not a number"),
            "{text}"
        );
    }
}
