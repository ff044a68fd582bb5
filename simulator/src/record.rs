//! How saved state is written: one value, with enough around it to tell a damaged or foreign one.
//!
//! ```text
//! offset  size  content
//!      0     4  magic, tells what kind of record this is
//!      4     2  version of the value's layout, little-endian
//!      6     4  length of the value in bytes, little-endian
//!     10     4  CRC-32 of the value, little-endian
//!     14     n  the value, bincode (legacy configuration: fixed-size integers, little-endian)
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest value in bytes, when reading and when writing. A module with a full list of module keys needs under 16 KiB; a
/// card holds 32 KiB.
pub const LIMIT: usize = 1 << 20;

/// What kind of record a value is, and which layout of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Four characters that name the kind.
    pub magic: [u8; 4],
    /// The layout this program writes and reads.
    pub version: u16,
}

/// Why a record could not be read or written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes do not begin with the kind's magic: another kind of file.
    #[error("not a {} record", String::from_utf8_lossy(.0))]
    Foreign([u8; 4]),
    /// The record was written by another version of this program.
    #[error(
        "written by another version of softshield: record layout {found}, this one reads {known}"
    )]
    Version {
        /// The version in the record.
        found: u16,
        /// The version this program knows.
        known: u16,
    },
    /// The record is cut short, too long, its checksum is wrong or the value in it makes no sense.
    #[error("damaged record: {0}")]
    Damaged(&'static str),
    /// The value to be written is larger than [`LIMIT`].
    #[error("value larger than {LIMIT} bytes")]
    TooLarge,
}

const HEADER: usize = 14;

/// Writes a value as a record.
pub fn encode<T: Serialize>(kind: Kind, value: &T) -> Result<Vec<u8>, RecordError> {
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let value = bincode::serde::encode_to_vec(value, config).map_err(|_| RecordError::TooLarge)?;
    let length = u32::try_from(value.len()).map_err(|_| RecordError::TooLarge)?;
    if value.len() > LIMIT {
        return Err(RecordError::TooLarge);
    }
    let mut record = Vec::with_capacity(HEADER + value.len());
    record.extend_from_slice(&kind.magic);
    record.extend_from_slice(&kind.version.to_le_bytes());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
    record.extend_from_slice(&value);
    Ok(record)
}

/// Reads a record of this kind back.
pub fn decode<T: DeserializeOwned>(kind: Kind, record: &[u8]) -> Result<T, RecordError> {
    const SHORT: RecordError = RecordError::Damaged("cut short");
    let (magic, rest) = record.split_first_chunk::<4>().ok_or(SHORT)?;
    if *magic != kind.magic {
        return Err(RecordError::Foreign(kind.magic));
    }
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let (checksum, value) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let found = u16::from_le_bytes(*version);
    if found != kind.version {
        return Err(RecordError::Version {
            found,
            known: kind.version,
        });
    }
    if u32::from_le_bytes(*length) as usize != value.len() || value.len() > LIMIT {
        return Err(RecordError::Damaged("wrong length"));
    }
    if u32::from_le_bytes(*checksum) != crc32fast::hash(value) {
        return Err(RecordError::Damaged("wrong checksum"));
    }
    let config = bincode::config::legacy().with_limit::<LIMIT>();
    let (decoded, used) = bincode::serde::decode_from_slice(value, config)
        .map_err(|_| RecordError::Damaged("value does not decode"))?;
    if used != value.len() {
        return Err(RecordError::Damaged("bytes after the value"));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: Kind = Kind {
        magic: *b"TEST",
        version: 3,
    };
    type Value = (u32, String, Vec<[u8; 20]>);

    #[test]
    fn layout_is_as_drawn() {
        let record = encode(KIND, &7u16).unwrap();
        // CRC-32 of 07 00 as zlib computes it.
        assert_eq!(
            record,
            [
                &b"TEST\x03\x00\x02\x00\x00\x00"[..],
                &0x0e98_8438_u32.to_le_bytes(),
                &[7, 0]
            ]
            .concat()
        );
    }

    #[test]
    fn tells_foreign_newer_and_damaged_records_apart() {
        let record = encode(KIND, &7u32).unwrap();
        let other = Kind {
            magic: *b"CARD",
            ..KIND
        };
        assert_eq!(
            decode::<u32>(other, &record),
            Err(RecordError::Foreign(*b"CARD"))
        );
        let newer = Kind { version: 4, ..KIND };
        assert_eq!(
            decode::<u32>(newer, &record),
            Err(RecordError::Version { found: 3, known: 4 })
        );
        assert_eq!(
            decode::<u32>(KIND, &record[..13]),
            Err(RecordError::Damaged("cut short"))
        );
        assert_eq!(
            decode::<u32>(KIND, &record[..16]),
            Err(RecordError::Damaged("wrong length"))
        );
        assert_eq!(
            decode::<u16>(KIND, &record),
            Err(RecordError::Damaged("bytes after the value"))
        );
    }

    proptest! {
        #[test]
        fn values_come_back(value: Value) {
            let record = encode(KIND, &value).unwrap();
            prop_assert_eq!(decode::<Value>(KIND, &record).unwrap(), value);
        }

        #[test]
        fn a_changed_bit_is_noticed(value: Value, place: prop::sample::Index, bit in 0..8) {
            let mut record = encode(KIND, &value).unwrap();
            let place = place.index(record.len());
            record[place] ^= 1u8 << bit;
            prop_assert!(decode::<Value>(KIND, &record).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = decode::<Value>(KIND, &bytes);
            let framed = [&b"TEST\x03\x00"[..], &bytes].concat();
            let _ = decode::<Value>(KIND, &framed);
        }
    }
}
