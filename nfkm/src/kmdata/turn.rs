//! Taking turns: processes that read an entry, change it and write it back must not do so at once.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::atomic;

/// The right to change the entries of one application in one folder. It ends when the value is dropped, and when its
/// process ends, however that happens: the operating system keeps it as a lock on a file of the folder.
#[derive(Debug)]
pub struct Turn(File);

impl Turn {
    /// Waits until nobody else has the turn that the file at `path` stands for.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn wait(path: &Path) -> io::Result<Turn> {
        let file = open(path)?;
        loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                waited => return waited.map(|()| Turn(file)),
            }
        }
    }
}

impl Drop for Turn {
    /// Closing the file is not enough: a process forked meanwhile has it open too.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Opens the file, making it the first time. Reading it is all that a lock needs, so that users wait for each other whoever
/// made it.
fn open(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    match atomic::create(path, &[]) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(path),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::TryLockError;

    use super::*;

    #[test]
    fn one_has_the_turn_until_it_drops_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local").join(".turn-mscapi");
        let turn = Turn::wait(&path).unwrap();
        let other = open(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(turn);
        other.try_lock().unwrap();
    }
}
