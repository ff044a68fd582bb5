//! The module's non-volatile memory: named files of fixed size, each with an access control list (PROTOCOL section 4.6).
//!
//! What is here changes a copy in memory; saving it is the caller's, who keeps the old one if that fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use ncore::Status;
use ncore::codec::{from_bytes, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::{ACL, FileInfo, NVMemRange};
use serde::{Deserialize, Serialize};

use super::area::{Area, FileId, NO_SUCH_FILE, Part};
use super::world::PowerOnError;
use crate::record::{self, Kind, RecordError};
use crate::store::Store;

/// Bytes that a file takes beside its content and list.
pub(super) const OVERHEAD: usize = 32;

/// Every file.
#[derive(Clone)]
pub(super) struct Nvram {
    /// Bytes that files may take together, their lists included. They may take more if the memory was larger when they were
    /// made; then nothing more fits.
    capacity: usize,
    files: BTreeMap<FileId, File>,
}

/// One file.
#[derive(Clone)]
struct File {
    acl: Arc<ACL>,
    /// The list as it is saved.
    marshalled: Vec<u8>,
    data: Vec<u8>,
}

impl Nvram {
    /// A memory of so many bytes, without files.
    pub(super) fn new(capacity: usize) -> Nvram {
        Nvram {
            capacity,
            files: BTreeMap::new(),
        }
    }

    /// Bytes that files may take together.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The names and sizes of all files, by name.
    pub(super) fn list(&self) -> Vec<FileInfo> {
        let info = |(id, file): (&FileId, &File)| FileInfo {
            flags: 0,
            length: file.data.len() as u32,
            id: *id,
        };
        self.files.iter().map(info).collect()
    }

    /// Makes a file of zeros: AlreadyExists if the name is taken, InvalidParameter for one without content,
    /// NoModuleMemory if it does not fit.
    pub(super) fn allocate(&mut self, id: FileId, length: u32, acl: ACL) -> Result<(), Status> {
        if self.files.contains_key(&id) {
            return Err(Status::AlreadyExists);
        }
        if length == 0 {
            return Err(Status::InvalidParameter);
        }
        let marshalled = to_bytes(&acl, &WireProfile::DEFAULT).map_err(|_| Status::InvalidACL)?;
        let takes = OVERHEAD + marshalled.len() + length as usize;
        if self.used() + takes > self.capacity {
            return Err(Status::NoModuleMemory);
        }
        let file = File {
            acl: Arc::new(acl),
            marshalled,
            data: vec![0; length as usize],
        };
        self.files.insert(id, file);
        Ok(())
    }

    /// Makes a file with this content, as [`allocate`](Self::allocate) does.
    pub(super) fn store(&mut self, id: FileId, data: Vec<u8>, acl: ACL) -> Result<(), Status> {
        let length = u32::try_from(data.len()).map_err(|_| Status::NoModuleMemory)?;
        self.allocate(id, length, acl)?;
        if let Some(file) = self.files.get_mut(&id) {
            file.data = data;
        }
        Ok(())
    }

    /// Makes files of nobody's until nothing more fits.
    pub(super) fn fill(&mut self) -> Result<(), Status> {
        for number in 0u8..=255 {
            let left = self.capacity.saturating_sub(self.used());
            let acl = ACL::default();
            let overhead =
                OVERHEAD + to_bytes(&acl, &WireProfile::DEFAULT).map_or(0, |acl| acl.len());
            let Some(length) = left.checked_sub(overhead).filter(|&length| length > 0) else {
                break;
            };
            let mut id = *b"filler\0\0\0\0\0";
            id[10] = number;
            match self.allocate(id, length as u32, acl) {
                Ok(()) | Err(Status::AlreadyExists) => {}
                Err(status) => return Err(status),
            }
        }
        Ok(())
    }

    /// Deletes a file.
    pub(super) fn free(&mut self, id: &FileId) -> Result<(), Status> {
        self.files.remove(id).map(drop).ok_or(NO_SUCH_FILE)
    }

    /// The list of a file.
    pub(super) fn acl(&self, id: &FileId) -> Result<Arc<ACL>, Status> {
        Ok(Arc::clone(&self.file(id)?.acl))
    }

    /// The bytes of a file.
    pub(super) fn data(&self, id: &FileId) -> Result<&[u8], Status> {
        Ok(&self.file(id)?.data)
    }

    /// Gives a file to an operation. NoModuleMemory if it grows beyond the memory.
    pub(super) fn edit<T>(
        &mut self,
        id: &FileId,
        edit: impl FnOnce(Area<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let free = self.capacity.saturating_sub(self.used());
        let file = self.files.get_mut(id).ok_or(NO_SUCH_FILE)?;
        edit(Area {
            acl: &file.acl,
            most: file.data.len() + free,
            data: &mut file.data,
            full: Status::NoModuleMemory,
        })
    }

    /// The number in a part, little-endian. OutOfRange if it is not inside the file.
    pub(super) fn number(&self, id: &FileId, first: u32, last: u32) -> Result<u64, Status> {
        let data = self.data(id)?;
        let part = Part::of(data, Some(NVMemRange { first, last }))?;
        let number = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(part.of_bytes(data)?.iter().rev().fold(0, number))
    }

    /// Replaces the number in a part of at most 8 bytes.
    pub(super) fn set_number(
        &mut self,
        id: &FileId,
        first: u32,
        last: u32,
        number: u64,
    ) -> Result<(), Status> {
        let file = self.files.get_mut(id).ok_or(NO_SUCH_FILE)?;
        let bytes = file.data.get_mut(first as usize..=last as usize);
        let bytes = bytes.ok_or(Status::OutOfRange)?;
        let new = number.to_le_bytes();
        bytes.copy_from_slice(new.get(..bytes.len()).ok_or(Status::OutOfRange)?);
        Ok(())
    }

    /// Bytes that the files take together.
    fn used(&self) -> usize {
        let size = |file: &File| OVERHEAD + file.marshalled.len() + file.data.len();
        self.files.values().map(size).sum()
    }

    fn file(&self, id: &FileId) -> Result<&File, Status> {
        self.files.get(id).ok_or(NO_SUCH_FILE)
    }
}

/// The record of the files. It stands beside the one of the module's state, and is erased in one step with it.
pub(super) const NAME: &str = "nvram";
const KIND: Kind = Kind {
    magic: *b"SSNV",
    version: 1,
};

/// The saved form of a file.
#[derive(Serialize, Deserialize)]
struct Saved {
    id: FileId,
    acl: Vec<u8>,
    data: Vec<u8>,
}

impl Nvram {
    /// The files in the store, in a memory of so many bytes.
    pub(super) fn load(store: &dyn Store, capacity: usize) -> Result<Nvram, PowerOnError> {
        let Some(record) = store.load(NAME)? else {
            return Ok(Nvram::new(capacity));
        };
        let mut files = BTreeMap::new();
        for saved in record::decode::<Vec<Saved>>(KIND, &record)? {
            let acl = from_bytes(&saved.acl, &WireProfile::DEFAULT)
                .map_err(|_| RecordError::Damaged("the list of a file in NVRAM"))?;
            if saved.data.is_empty() {
                return Err(RecordError::Damaged("a file in NVRAM without content").into());
            }
            let file = File {
                acl: Arc::new(acl),
                marshalled: saved.acl,
                data: saved.data,
            };
            files.insert(saved.id, file);
        }
        Ok(Nvram { capacity, files })
    }

    /// The files as they are saved.
    pub(super) fn record(&self) -> Result<Vec<u8>, RecordError> {
        let saved = |(id, file): (&FileId, &File)| Saved {
            id: *id,
            acl: file.marshalled.clone(),
            data: file.data.clone(),
        };
        record::encode(KIND, &self.files.iter().map(saved).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FileId = *b"counter\0\0\0\0";

    const CAPACITY: usize = 5000;

    fn resize(nvram: &mut Nvram, length: u32) -> Result<(), Status> {
        nvram.edit(&ID, |area| match length as usize {
            length if length > area.most => Err(area.full),
            length => {
                area.data.resize(length, 0);
                Ok(())
            }
        })
    }

    #[test]
    fn all_files_together_fit_the_memory() {
        let mut nvram = Nvram::new(CAPACITY);
        let list = to_bytes(&ACL::default(), &WireProfile::DEFAULT)
            .unwrap()
            .len();
        let most = (CAPACITY - OVERHEAD - list) as u32;
        let full = nvram.allocate(ID, most + 1, ACL::default());
        assert_eq!(full, Err(Status::NoModuleMemory));
        nvram.allocate(ID, most, ACL::default()).unwrap();
        assert_eq!(resize(&mut nvram, most + 1), Err(Status::NoModuleMemory));
        let other = nvram.allocate([1; 11], 1, ACL::default());
        assert_eq!(other, Err(Status::NoModuleMemory));
        resize(&mut nvram, 10).unwrap();
        nvram.allocate([1; 11], 1, ACL::default()).unwrap();
        assert!(nvram.record().is_ok());
    }

    #[test]
    fn a_memory_that_became_smaller_keeps_its_files_and_takes_no_more() {
        let store = crate::store::MemoryStore::default();
        let mut nvram = Nvram::new(CAPACITY);
        nvram.allocate(ID, 1000, ACL::default()).unwrap();
        store.save(&[(NAME, &nvram.record().unwrap())]).unwrap();
        let mut nvram = Nvram::load(&store, 500).unwrap();
        assert_eq!(nvram.data(&ID).unwrap().len(), 1000);
        assert_eq!(resize(&mut nvram, 1001), Err(Status::NoModuleMemory));
        let other = nvram.allocate([1; 11], 1, ACL::default());
        assert_eq!(other, Err(Status::NoModuleMemory));
        nvram.fill().unwrap();
        assert_eq!(nvram.list().len(), 1);
    }
}
