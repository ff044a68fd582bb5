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

use super::world::PowerOnError;
use crate::record::{self, Kind, RecordError};
use crate::store::Store;

/// The name of a file (M_FileID): by habit ASCII, filled up with zeros.
pub(super) type FileId = [u8; 11];

/// Bytes that files may take together, their lists included: tens of kilobytes on a genuine unit (SECURITY-WORLD
/// section 9), and small enough to be saved as one record.
pub(super) const CAPACITY: usize = 64 * 1024;

/// Bytes that a file takes beside its content and list.
pub(super) const OVERHEAD: usize = 32;

/// Every file.
#[derive(Clone, Default)]
pub(super) struct Nvram {
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

/// How the content of a file changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// Puts these bytes there.
    Write(&'a [u8]),
    /// Counts the number there (little-endian) up.
    Increase(u32),
    /// Counts it down.
    Decrease(u32),
    /// Sets the bits that are set here.
    SetBits(&'a [u8]),
    /// Clears the bits that are set here.
    ClearBits(&'a [u8]),
}

impl Nvram {
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
        self.check_room(OVERHEAD + marshalled.len(), length)?;
        let file = File {
            acl: Arc::new(acl),
            marshalled,
            data: vec![0; length as usize],
        };
        self.files.insert(id, file);
        Ok(())
    }

    /// Makes files of nobody's until nothing more fits.
    pub(super) fn fill(&mut self) -> Result<(), Status> {
        for number in 0u8..=255 {
            let left = CAPACITY.saturating_sub(self.used());
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

    /// The part of a file that an operation is about: all of it unless one is named. OutOfRange if it is not inside.
    pub(super) fn part(&self, id: &FileId, range: Option<NVMemRange>) -> Result<Part, Status> {
        let length = self.file(id)?.data.len() as u32;
        let (first, last) = range.map_or((0, length - 1), |range| (range.first, range.last));
        if first <= last && last < length {
            Ok(Part { first, last })
        } else {
            Err(Status::OutOfRange)
        }
    }

    /// The bytes of a part.
    pub(super) fn read(&self, id: &FileId, part: Part) -> Result<Vec<u8>, Status> {
        let bytes = self.file(id)?.data.get(part.bytes());
        bytes.map(<[u8]>::to_vec).ok_or(Status::OutOfRange)
    }

    /// Changes the bytes of a part. OutOfRange, and no change, if a number leaves its bytes; InvalidParameter if there are
    /// more or fewer bytes than the part has.
    pub(super) fn change(
        &mut self,
        id: &FileId,
        part: Part,
        change: Change<'_>,
    ) -> Result<(), Status> {
        let file = self.files.get_mut(id).ok_or(NO_SUCH_FILE)?;
        let bytes = file.data.get_mut(part.bytes()).ok_or(Status::OutOfRange)?;
        match change {
            Change::Write(new) => pairs(bytes, new)?.for_each(|(byte, new)| *byte = new),
            Change::SetBits(mask) => pairs(bytes, mask)?.for_each(|(byte, mask)| *byte |= mask),
            Change::ClearBits(mask) => pairs(bytes, mask)?.for_each(|(byte, mask)| *byte &= !mask),
            Change::Increase(step) => count(bytes, step, u8::overflowing_add)?,
            Change::Decrease(step) => count(bytes, step, u8::overflowing_sub)?,
        }
        Ok(())
    }

    /// The number in a part, little-endian. OutOfRange if it is not inside the file.
    pub(super) fn number(&self, id: &FileId, first: u32, last: u32) -> Result<u64, Status> {
        let part = self.part(id, Some(NVMemRange { first, last }))?;
        let bytes = self.read(id, part)?;
        let number = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(bytes.iter().rev().fold(0, number))
    }

    /// Replaces the number in a part of at most 8 bytes.
    pub(super) fn set_number(
        &mut self,
        id: &FileId,
        first: u32,
        last: u32,
        number: u64,
    ) -> Result<(), Status> {
        let part = self.part(id, Some(NVMemRange { first, last }))?;
        let bytes = number.to_le_bytes();
        let new = bytes
            .get(..=(part.last - part.first) as usize)
            .ok_or(Status::OutOfRange)?;
        self.change(id, part, Change::Write(new))
    }

    /// Gives a file another length; new bytes are zeros.
    pub(super) fn resize(&mut self, id: &FileId, length: u32) -> Result<(), Status> {
        let now = self.file(id)?.data.len() as u32;
        if length == 0 {
            return Err(Status::InvalidParameter);
        }
        self.check_room(0, length.saturating_sub(now))?;
        if let Some(file) = self.files.get_mut(id) {
            file.data.resize(length as usize, 0);
        }
        Ok(())
    }

    /// Bytes that the files take together.
    fn used(&self) -> usize {
        let size = |file: &File| OVERHEAD + file.marshalled.len() + file.data.len();
        self.files.values().map(size).sum()
    }

    fn check_room(&self, more: usize, length: u32) -> Result<(), Status> {
        if self.used() + more + length as usize <= CAPACITY {
            Ok(())
        } else {
            Err(Status::NoModuleMemory)
        }
    }

    fn file(&self, id: &FileId) -> Result<&File, Status> {
        self.files.get(id).ok_or(NO_SUCH_FILE)
    }
}

/// No public source tells the status for a name that is not there; this one says the like of objects.
const NO_SUCH_FILE: Status = Status::UnknownID;

/// A part of a file that is known to be inside it: offsets of its first and last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Part {
    fn bytes(self) -> std::ops::RangeInclusive<usize> {
        self.first as usize..=self.last as usize
    }
}

fn pairs<'a>(
    bytes: &'a mut [u8],
    other: &'a [u8],
) -> Result<impl Iterator<Item = (&'a mut u8, u8)>, Status> {
    if bytes.len() == other.len() {
        Ok(bytes.iter_mut().zip(other.iter().copied()))
    } else {
        Err(Status::InvalidParameter)
    }
}

/// Counts a little-endian number of any length up or down by `step`.
fn count(
    bytes: &mut [u8],
    step: u32,
    with_carry: impl Fn(u8, u8) -> (u8, bool),
) -> Result<(), Status> {
    let steps = step.to_le_bytes();
    let mut counted = bytes.to_vec();
    let mut carry = false;
    for (place, byte) in counted.iter_mut().enumerate() {
        let (sum, first) = with_carry(*byte, steps.get(place).copied().unwrap_or(0));
        let (sum, second) = with_carry(sum, carry.into());
        *byte = sum;
        carry = first || second;
    }
    if carry || steps.iter().skip(bytes.len()).any(|&rest| rest != 0) {
        return Err(Status::OutOfRange);
    }
    bytes.copy_from_slice(&counted);
    Ok(())
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
    /// The files in the store.
    pub(super) fn load(store: &dyn Store) -> Result<Nvram, PowerOnError> {
        let Some(record) = store.load(NAME)? else {
            return Ok(Nvram::default());
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
        Ok(Nvram { files })
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
    use proptest::prelude::*;

    use super::*;

    const ID: FileId = *b"counter\0\0\0\0";

    fn with_bytes(bytes: &[u8]) -> (Nvram, Part) {
        let mut nvram = Nvram::default();
        nvram
            .allocate(ID, bytes.len() as u32, ACL::default())
            .unwrap();
        let part = nvram.part(&ID, None).unwrap();
        nvram.change(&ID, part, Change::Write(bytes)).unwrap();
        (nvram, part)
    }

    #[test]
    fn a_number_that_leaves_its_bytes_stays_as_it_was() {
        let check = |bytes: &[u8], change: Change<'_>| {
            let (mut nvram, part) = with_bytes(bytes);
            assert_eq!(nvram.change(&ID, part, change), Err(Status::OutOfRange));
            assert_eq!(nvram.read(&ID, part).unwrap(), bytes);
        };
        check(&[0xff, 0xff], Change::Increase(1));
        check(&[1, 0], Change::Increase(0x1_0000));
        check(&[1, 0], Change::Decrease(2));
        check(&[5], Change::Decrease(0x100));
    }

    #[test]
    fn bits_are_set_and_cleared_where_the_mask_has_them() {
        let (mut nvram, part) = with_bytes(&[0b1010, 0xff]);
        nvram
            .change(&ID, part, Change::SetBits(&[0b0101, 0]))
            .unwrap();
        nvram
            .change(&ID, part, Change::ClearBits(&[0b0010, 0xf0]))
            .unwrap();
        assert_eq!(nvram.read(&ID, part).unwrap(), [0b1101, 0x0f]);
        let short = nvram.change(&ID, part, Change::SetBits(&[1]));
        assert_eq!(short, Err(Status::InvalidParameter));
    }

    #[test]
    fn all_files_together_fit_the_memory() {
        let mut nvram = Nvram::default();
        let list = to_bytes(&ACL::default(), &WireProfile::DEFAULT)
            .unwrap()
            .len();
        let most = (CAPACITY - OVERHEAD - list) as u32;
        let full = nvram.allocate(ID, most + 1, ACL::default());
        assert_eq!(full, Err(Status::NoModuleMemory));
        nvram.allocate(ID, most, ACL::default()).unwrap();
        assert_eq!(nvram.resize(&ID, most + 1), Err(Status::NoModuleMemory));
        let other = nvram.allocate([1; 11], 1, ACL::default());
        assert_eq!(other, Err(Status::NoModuleMemory));
        nvram.resize(&ID, 10).unwrap();
        nvram.allocate([1; 11], 1, ACL::default()).unwrap();
        assert!(nvram.record().is_ok());
    }

    proptest! {
        /// Counting is what a machine word does, for as long as it fits.
        #[test]
        fn counting_is_arithmetic(start: u64, step: u32, up: bool) {
            let (mut nvram, part) = with_bytes(&start.to_le_bytes());
            let (change, expected) = match up {
                true => (Change::Increase(step), start.checked_add(step.into())),
                false => (Change::Decrease(step), start.checked_sub(step.into())),
            };
            let done = nvram.change(&ID, part, change);
            prop_assert_eq!(done.is_ok(), expected.is_some());
            let bytes = nvram.read(&ID, part).unwrap();
            prop_assert_eq!(bytes, expected.unwrap_or(start).to_le_bytes());
        }
    }
}
