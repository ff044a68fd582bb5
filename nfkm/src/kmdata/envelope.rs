//! What every file of the Key Management Data has around its content. All integers are little-endian.
//!
//! ```text
//! offset size
//!      0    8  magic: "NFKMDATA"
//!      8    2  format version of the content: 1; of worlds, keys, card sets and cards 2
//!     10    2  kind: 1 world, 2 module, 3 key, 4 card set, 5 card, 6 softcard
//!     12    4  length n of the content in bytes, at most the kind's limit
//!     16   20  hknso of the world the file belongs to; zeros when it belongs to none
//!     36    n  content: bincode (legacy configuration) of the kind's record
//!   36+n    4  CRC-32 (IEEE) of all bytes before
//! ```
//!
//! The vendor's own layout is unpublished. Nothing secret is in clear: private parts are blobs, encrypted by a module.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic;
use crate::error::{Corruption, Error};
use crate::{Hash, ZERO_HASH};

const MAGIC: &[u8; 8] = b"NFKMDATA";
const HEADER: usize = 36;
const TRAILER: usize = 4;

/// The largest content of any kind, in bytes; it also bounds what the decoder may allocate.
const CONTENT_MAX: usize = 1 << 20;

/// What a file of the folder describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    World = 1,
    Module = 2,
    Key = 3,
    CardSet = 4,
    Card = 5,
    Softcard = 6,
}

impl Kind {
    /// The largest content in bytes. Real worlds have 18 to 36 KB, keys up to 12 KB; an application's opaque data may
    /// be larger than a key.
    fn limit(self) -> usize {
        match self {
            Kind::World => 256 << 10,
            Kind::Module | Kind::CardSet | Kind::Card | Kind::Softcard => 64 << 10,
            Kind::Key => CONTENT_MAX,
        }
    }
}

/// A record that has a file of its own.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The kind its files carry.
    const KIND: Kind;
    /// The version of the content that is written.
    const VERSION: u16 = 1;

    /// Reads the content of version 1 when that is not the version that is written; None if it makes no sense.
    fn older(content: &[u8]) -> Option<Self> {
        self::content(content)
    }
}

/// Reads a content; None if it makes no sense.
pub(crate) fn content<R: DeserializeOwned>(bytes: &[u8]) -> Option<R> {
    let config = bincode::config::legacy().with_limit::<CONTENT_MAX>();
    let (record, used) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    (used == bytes.len()).then_some(record)
}

/// The content of a file, and the world it belongs to.
#[derive(Debug)]
pub(crate) struct Stored<R> {
    /// hknso of the world, or [`ZERO_HASH`].
    pub(crate) world: Hash,
    pub(crate) record: R,
}

/// Reads one file.
///
/// # Errors
/// [`Error::NotFound`] when there is none, [`Error::Corrupt`] when it is damaged, [`Error::File`] when it cannot be read.
pub(crate) fn read<R: Record>(path: &Path) -> Result<Stored<R>, Error> {
    let bytes = read_limited(path, HEADER + R::KIND.limit() + TRAILER)?;
    decode(&bytes).map_err(|reason| Error::Corrupt {
        path: path.to_owned(),
        reason,
    })
}

/// Writes one file, in the place of an older one if there is one.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::File`].
pub(crate) fn replace<R: Record>(path: &Path, world: &Hash, record: &R) -> Result<(), Error> {
    let bytes = encode(world, record).ok_or_else(|| Error::TooLarge {
        path: path.to_owned(),
        limit: R::KIND.limit(),
    })?;
    atomic::replace(path, &bytes).map_err(Error::file(path))
}

/// Writes one file that must not exist yet.
///
/// # Errors
/// [`Error::Exists`], [`Error::TooLarge`], [`Error::File`].
pub(crate) fn create<R: Record>(path: &Path, world: &Hash, record: &R) -> Result<(), Error> {
    let bytes = encode(world, record).ok_or_else(|| Error::TooLarge {
        path: path.to_owned(),
        limit: R::KIND.limit(),
    })?;
    atomic::create(path, &bytes).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists {
            path: path.to_owned(),
        },
        _ => Error::file(path)(error),
    })
}

/// None when the record is larger than its kind's limit.
fn encode<R: Record>(world: &Hash, record: &R) -> Option<Vec<u8>> {
    let content = bincode::serde::encode_to_vec(record, bincode::config::legacy()).ok()?;
    if content.len() > R::KIND.limit() {
        return None;
    }
    let mut bytes = Vec::with_capacity(HEADER + content.len() + TRAILER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&R::VERSION.to_le_bytes());
    bytes.extend_from_slice(&(R::KIND as u16).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(content.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(world);
    bytes.extend_from_slice(&content);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    Some(bytes)
}

fn decode<R: Record>(bytes: &[u8]) -> Result<Stored<R>, Corruption> {
    let (header, rest) = bytes
        .split_first_chunk::<HEADER>()
        .ok_or(Corruption::Truncated)?;
    let (magic, header) = header
        .split_first_chunk::<8>()
        .ok_or(Corruption::Truncated)?;
    if magic != MAGIC {
        return Err(Corruption::Magic);
    }
    let [v0, v1, k0, k1, l0, l1, l2, l3, world @ ..] = header else {
        return Err(Corruption::Truncated);
    };
    let version = u16::from_le_bytes([*v0, *v1]);
    if version == 0 || version > R::VERSION {
        return Err(Corruption::Version(version));
    }
    let kind = u16::from_le_bytes([*k0, *k1]);
    if kind != R::KIND as u16 {
        return Err(Corruption::Kind(kind));
    }
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    if length > R::KIND.limit() {
        return Err(Corruption::Length(length));
    }
    let (content, trailer) = rest.split_at_checked(length).ok_or(Corruption::Truncated)?;
    let checksum: [u8; TRAILER] =
        trailer
            .try_into()
            .map_err(|_| match trailer.len() < TRAILER {
                true => Corruption::Truncated,
                false => Corruption::Trailing,
            })?;
    if crc32fast::hash(&bytes[..HEADER + length]) != u32::from_le_bytes(checksum) {
        return Err(Corruption::Checksum);
    }
    let record = if version == R::VERSION {
        self::content(content)
    } else {
        R::older(content)
    };
    Ok(Stored {
        world: world.try_into().unwrap_or(ZERO_HASH),
        record: record.ok_or(Corruption::Content)?,
    })
}

fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound {
            path: path.to_owned(),
        },
        _ => Error::file(path)(error),
    })?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too long without reading all of it.
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::file(path))?;
    if bytes.len() > limit {
        return Err(Error::Corrupt {
            path: path.to_owned(),
            reason: Corruption::Trailing,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Sample {
        name: String,
        blob: Vec<u8>,
    }

    impl Record for Sample {
        const KIND: Kind = Kind::Module;
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Other;

    impl Record for Other {
        const KIND: Kind = Kind::Card;
    }

    fn sample(blob: Vec<u8>) -> Sample {
        Sample {
            name: "contoso".to_owned(),
            blob,
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = encode(&[0xab; 20], &sample(vec![1, 2])).unwrap();
        assert_eq!(&bytes[..12], b"NFKMDATA\x01\x00\x02\x00");
        assert_eq!(bytes[12..16], 25u32.to_le_bytes());
        assert_eq!(bytes[16..36], [0xab; 20]);
        // bincode's legacy form: u64 lengths, little-endian.
        assert_eq!(
            &bytes[36..61],
            b"\x07\0\0\0\0\0\0\0contoso\x02\0\0\0\0\0\0\0\x01\x02"
        );
        assert_eq!(bytes.len(), 65);
    }

    #[test]
    fn each_kind_of_damage_has_its_name() {
        let good = encode(&ZERO_HASH, &sample(vec![7; 40])).unwrap();
        let check = |bytes: &[u8], expected: Corruption| {
            assert_eq!(decode::<Sample>(bytes).unwrap_err(), expected);
        };
        check(&[], Corruption::Truncated);
        check(&good[..20], Corruption::Truncated);
        check(&good[..good.len() - 1], Corruption::Truncated);
        check(&[good.as_slice(), &[0]].concat(), Corruption::Trailing);
        let with = |index: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[index] = value;
            bytes
        };
        check(&with(0, b'X'), Corruption::Magic);
        check(&with(8, 9), Corruption::Version(9));
        check(&with(10, 3), Corruption::Kind(3));
        check(&with(15, 0xff), Corruption::Length(0xff00_0000 + 63));
        check(&with(50, 0), Corruption::Checksum);
        assert!(matches!(decode::<Other>(&good), Err(Corruption::Kind(2))));
    }

    #[test]
    fn a_record_over_its_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module");
        let error = replace(&path, &ZERO_HASH, &sample(vec![0; 65 << 10])).unwrap_err();
        assert!(
            matches!(error, Error::TooLarge { limit: 65_536, .. }),
            "{error}"
        );
        std::fs::write(&path, vec![0; 70 << 10]).unwrap();
        assert!(matches!(
            read::<Sample>(&path),
            Err(Error::Corrupt {
                reason: Corruption::Trailing,
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(world: [u8; 20], name in ".{0,40}", blob in proptest::collection::vec(any::<u8>(), 0..300)) {
            let record = Sample { name, blob };
            let stored = decode::<Sample>(&encode(&world, &record).unwrap()).unwrap();
            prop_assert_eq!(stored.world, world);
            prop_assert_eq!(stored.record, record);
        }

        #[test]
        fn one_changed_byte_never_passes(position: proptest::sample::Index, change in 1u8..) {
            let mut bytes = encode(&[5; 20], &sample(vec![9; 30])).unwrap();
            let index = position.index(bytes.len());
            bytes[index] ^= change;
            prop_assert!(decode::<Sample>(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Sample>(&bytes);
        }
    }
}
