//! A disk in memory on which power can be cut: it knows what was synced, and what was written since.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What survives a power cut for certain.
    synced: Vec<u8>,
    /// What is read.
    now: Vec<u8>,
    /// Changes since the last sync.
    unsynced: Vec<Change>,
    /// Changes since the recording began.
    recorded: Option<Vec<Change>>,
}

/// One change of the disk.
#[derive(Clone, Debug)]
pub enum Change {
    /// Bytes at an offset.
    Write(usize, Vec<u8>),
    /// Another length.
    Length(usize),
}

impl Change {
    /// Makes the change, or as much of it as `bytes` bytes.
    pub fn apply(&self, image: &mut Vec<u8>, bytes: usize) {
        match self {
            Change::Length(length) => image.resize(*length, 0),
            Change::Write(offset, data) => {
                let data = &data[..bytes.min(data.len())];
                if let Some(place) = image.get_mut(*offset..offset + data.len()) {
                    place.copy_from_slice(data);
                }
            }
        }
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Change::Write(_, data) => data.len(),
            Change::Length(_) => 0,
        }
    }
}

impl Disk {
    /// A disk with this on it.
    pub fn new(image: Vec<u8>) -> Disk {
        Disk(Arc::new(Mutex::new(State {
            synced: image.clone(),
            now: image,
            ..State::default()
        })))
    }

    /// What is on it after a power cut now. Of the changes that were not synced, `lands` decides which are there all the
    /// same.
    pub fn after_power_cut(&self, mut lands: impl FnMut() -> bool) -> Vec<u8> {
        let state = self.lock();
        let mut image = state.synced.clone();
        for change in &state.unsynced {
            if lands() {
                if let Change::Write(offset, data) = change
                    && image.len() < offset + data.len()
                {
                    image.resize(offset + data.len(), 0);
                }
                change.apply(&mut image, usize::MAX);
            }
        }
        image
    }

    /// Records from here on; what is on the disk now.
    pub fn record(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.recorded = Some(Vec::new());
        state.now.clone()
    }

    /// The changes since [`record`](Self::record).
    pub fn recorded(&self) -> Vec<Change> {
        self.lock().recorded.take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.now, usize::MAX);
        if let Some(recorded) = &mut self.recorded {
            recorded.push(change.clone());
        }
        self.unsynced.push(change);
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let end = offset.checked_add(out.len());
        let bytes = end.and_then(|end| state.now.get(offset..end));
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        let length = usize::try_from(length).map_err(Error::other)?;
        self.lock().change(Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.lock();
        let State {
            synced,
            now,
            unsynced,
            ..
        } = &mut *state;
        for change in unsynced.drain(..) {
            change.apply(synced, usize::MAX);
        }
        debug_assert_eq!(synced.len(), now.len());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let mut state = self.lock();
        let inside = offset
            .checked_add(data.len())
            .is_some_and(|end| end <= state.now.len());
        if !inside {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        state.change(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
