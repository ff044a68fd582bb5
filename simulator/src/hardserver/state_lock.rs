//! One hardserver a state folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::StartError;

const FILE: &str = "lock";

/// The right to use a state folder. It ends with the value, and with the process however that ends.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Whether somebody has it.
    pub(super) fn is_taken(state: &Path) -> bool {
        File::open(state.join(FILE))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Takes the lock, or says that somebody else has it.
    pub(super) fn take(state: &Path) -> Result<StateLock, StartError> {
        let path = state.join(FILE);
        let fail = |cause| StartError::StateLock {
            path: path.clone(),
            cause,
        };
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(StateLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StartError::StateInUse(state.to_owned())),
            Err(TryLockError::Error(cause)) => Err(fail(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_as_long_as_the_value_lives() {
        let folder = tempfile::tempdir().unwrap();
        let lock = StateLock::take(folder.path()).unwrap();
        assert!(matches!(
            StateLock::take(folder.path()),
            Err(StartError::StateInUse(_))
        ));
        assert!(StateLock::is_taken(folder.path()));
        drop(lock);
        assert!(!StateLock::is_taken(folder.path()));
        assert!(StateLock::take(folder.path()).is_ok());
    }
}
