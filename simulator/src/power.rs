//! A file whose power can go in the middle of a write, for a fault on purpose (see [`crate::faults`]).

use std::fs::File;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

/// The power of a file. It is on until somebody cuts it, and stays off then.
#[derive(Debug, Default)]
pub(crate) struct Power(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    On,
    /// It goes when so many more bytes are written.
    Going {
        left: u64,
        written: u64,
    },
    Off,
}

/// What became of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The power went.
    Made,
    /// No more than so many bytes were written, and the power stays on.
    Missed(u64),
}

impl Power {
    /// Lets the power go as soon as more than so many bytes are written from now on: those are in the file, and nothing
    /// after them.
    pub(crate) fn cut_after(&self, bytes: u64) {
        let mut state = self.lock();
        if !matches!(*state, State::Off) {
            *state = State::Going {
                left: bytes,
                written: 0,
            };
        }
    }

    /// What became of the cut. One that did not come about does not come any more.
    pub(crate) fn settle(&self) -> Cut {
        let mut state = self.lock();
        match *state {
            State::Off => Cut::Made,
            State::On => Cut::Missed(0),
            State::Going { written, .. } => {
                *state = State::On;
                Cut::Missed(written)
            }
        }
    }

    /// How many of these bytes are written.
    fn spend(&self, bytes: usize) -> usize {
        let mut state = self.lock();
        match &mut *state {
            State::On => bytes,
            State::Off => 0,
            State::Going { left, written } => match left.checked_sub(bytes as u64) {
                Some(rest) => {
                    *left = rest;
                    *written += bytes as u64;
                    bytes
                }
                None => {
                    // Less than `bytes`, so no larger than a usize.
                    let rest = *left as usize;
                    *state = State::Off;
                    rest
                }
            },
        }
    }

    fn check(&self) -> Result<()> {
        match *self.lock() {
            State::Off => Err(off()),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file with such a power.
#[derive(Debug)]
pub(crate) struct PoweredFile {
    file: FileBackend,
    power: Arc<Power>,
}

impl PoweredFile {
    /// The file, which nobody else may have open.
    pub(crate) fn new(file: File, power: Arc<Power>) -> std::result::Result<Self, redb::Error> {
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => redb::Error::DatabaseAlreadyOpen,
            std::fs::TryLockError::Error(error) => redb::Error::Io(error),
        })?;
        let file = FileBackend::new(file)?;
        Ok(PoweredFile { file, power })
    }
}

impl StorageBackend for PoweredFile {
    fn len(&self) -> Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> Result<()> {
        self.power.check()?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> Result<()> {
        self.power.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let bytes = self.power.spend(data.len());
        self.file.write(offset, &data[..bytes])?;
        match bytes == data.len() {
            true => Ok(()),
            false => Err(off()),
        }
    }
}

fn off() -> Error {
    Error::other("the power went while it was written")
}
