//! The saved form of a container: the data of its opaque entry in the Key Management Data.
//!
//! ```text
//! offset size
//!      0    8  magic: "CAPICONT"
//!      8    2  format version, little-endian: 1, or 2 with an unfinished pair
//!     10    n  bincode (legacy configuration): provider, SID or nothing for the machine's, name, two slots, descriptor
//!   10+n    m  version 2 only, bincode: length, P, Q and G of the unfinished pair
//! ```
//!
//! Length and checksum are those of the entry around it. The vendor's format is unpublished.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::security::{DACL, Descriptor, GROUP, OWNER};

/// Whose a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A user's, by his SID in text.
    User(String),
    /// The machine's (CRYPT_MACHINE_KEYSET).
    Machine,
}

/// A container as it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Canonical name of the provider.
    pub provider: String,
    /// Whose it is.
    pub scope: Scope,
    /// The name under which it was created.
    pub name: String,
    /// The exchange pair and the signature pair.
    pub slots: [Option<Slot>; 2],
    /// Who may do what with it.
    pub descriptor: Descriptor,
    /// The Diffie-Hellman pair that is being made for the exchange slot.
    pub unfinished: Option<Unfinished>,
}

/// The values so far of a CALG_DH_SF pair that is made value by value, little-endian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Length of the prime in bits.
    pub bits: u32,
    /// KP_P.
    pub p: Option<Vec<u8>>,
    /// KP_Q.
    pub q: Option<Vec<u8>>,
    /// KP_G.
    pub g: Option<Vec<u8>>,
}

/// The association of a container with one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Application name of the key's entry. Keys made here have `mscapi`; any key of the world may be put into a container.
    pub appname: String,
    /// Ident of the key's entry.
    pub ident: String,
    /// KP_CERTIFICATE: a DER certificate of the key.
    pub certificate: Option<Vec<u8>>,
}

/// Why bytes are not a container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They do not begin as a container does.
    #[error("not a container")]
    Magic,
    /// They were written by a later version.
    #[error("unknown format version {0}")]
    Version(u16),
    /// They are cut, too long, or make no sense.
    #[error("damaged content")]
    Content,
}

const MAGIC: &[u8; 8] = b"CAPICONT";
const VERSION: u16 = 1;
const VERSION_UNFINISHED: u16 = 2;

/// The most that decoding may allocate, in bytes: two certificates and the descriptor, with room to spare.
const CONTENT_MAX: usize = 512 << 10;

#[derive(Serialize, Deserialize)]
struct Content {
    provider: String,
    sid: Option<String>,
    name: String,
    slots: [Option<Slot>; 2],
    descriptor: Vec<u8>,
}

impl Scope {
    /// The SID, or `machine`.
    pub fn as_str(&self) -> &str {
        match self {
            Scope::User(sid) => sid,
            Scope::Machine => "machine",
        }
    }
}

impl Record {
    /// The bytes to save.
    ///
    /// # Errors
    /// [`DecodeError::Content`] if they would be more than can be read back.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        let content = Content {
            provider: self.provider.clone(),
            sid: match &self.scope {
                Scope::User(sid) => Some(sid.clone()),
                Scope::Machine => None,
            },
            name: self.name.clone(),
            slots: self.slots.clone(),
            descriptor: self.descriptor.encode(OWNER | GROUP | DACL),
        };
        let version = match self.unfinished {
            None => VERSION,
            Some(_) => VERSION_UNFINISHED,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend(encoded(&content)?);
        if let Some(unfinished) = &self.unfinished {
            bytes.extend(encoded(unfinished)?);
        }
        if bytes.len() > CONTENT_MAX {
            Err(DecodeError::Content)
        } else {
            Ok(bytes)
        }
    }

    /// Reads saved bytes.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Magic)?;
        let (version, rest) = rest.split_first_chunk().ok_or(DecodeError::Content)?;
        let mut rest = rest;
        let has_unfinished = match u16::from_le_bytes(*version) {
            VERSION => false,
            VERSION_UNFINISHED => true,
            other => return Err(DecodeError::Version(other)),
        };
        let content: Content = decoded(&mut rest)?;
        let unfinished = match has_unfinished {
            true => Some(decoded(&mut rest)?),
            false => None,
        };
        if !rest.is_empty() {
            return Err(DecodeError::Content);
        }
        Ok(Record {
            provider: content.provider,
            scope: content.sid.map_or(Scope::Machine, Scope::User),
            name: content.name,
            slots: content.slots,
            descriptor: Descriptor::decode(&content.descriptor)
                .map_err(|_| DecodeError::Content)?,
            unfinished,
        })
    }
}

fn encoded(content: &impl Serialize) -> Result<Vec<u8>, DecodeError> {
    let bytes = bincode::serde::encode_to_vec(content, bincode::config::legacy());
    bytes.map_err(|_| DecodeError::Content)
}

/// What the bytes begin with, which is taken off them.
fn decoded<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, DecodeError> {
    let config = bincode::config::legacy().with_limit::<CONTENT_MAX>();
    let (content, used) =
        bincode::serde::decode_from_slice(bytes, config).map_err(|_| DecodeError::Content)?;
    *bytes = bytes.get(used..).ok_or(DecodeError::Content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Identity;
    use crate::sid::Sid;

    fn descriptor(machine: bool) -> Descriptor {
        let creator = Identity {
            user: Sid::everyone(),
            claimed: false,
            group: Sid::local_system(),
            administrator: false,
            user_name: None,
            host_name: None,
        };
        Descriptor::of_new_container(&creator, machine)
    }

    fn slot() -> impl Strategy<Value = Option<Slot>> {
        let slot = (
            "[a-z]{1,8}",
            "[0-9a-f]{40}",
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        )
            .prop_map(|(appname, ident, certificate)| Slot {
                appname,
                ident,
                certificate,
            });
        proptest::option::of(slot)
    }

    fn unfinished() -> impl Strategy<Value = Option<Unfinished>> {
        let value = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64));
        let unfinished = (any::<u32>(), value(), value(), value())
            .prop_map(|(bits, p, q, g)| Unfinished { bits, p, q, g });
        proptest::option::of(unfinished)
    }

    fn record() -> impl Strategy<Value = Record> {
        let scope = prop_oneof![Just(Scope::Machine), "S-1-[0-9]{1,9}".prop_map(Scope::User)];
        (".{0,40}", scope, ".{0,40}", [slot(), slot()], unfinished()).prop_map(
            |(provider, scope, name, slots, unfinished)| Record {
                descriptor: descriptor(scope == Scope::Machine),
                provider,
                scope,
                name,
                slots,
                unfinished,
            },
        )
    }

    proptest! {
        #[test]
        fn records_survive_their_saved_form(record in record()) {
            let bytes = record.encode().unwrap();
            prop_assert_eq!(Record::decode(&bytes), Ok(record));
        }

        #[test]
        fn every_cut_and_every_added_byte_is_refused(record in record(), at in any::<proptest::sample::Index>()) {
            let mut bytes = record.encode().unwrap();
            prop_assert!(Record::decode(&bytes[..at.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert_eq!(Record::decode(&bytes), Err(DecodeError::Content));
        }

        #[test]
        fn arbitrary_content_never_panics(
            version in 1u8..=2,
            content in proptest::collection::vec(any::<u8>(), 0..256),
        ) {
            let mut bytes = [&b"CAPICONT"[..], &[version, 0]].concat();
            bytes.extend_from_slice(&content);
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn foreign_data_and_later_versions_are_told_apart() {
        assert_eq!(Record::decode(b"something else"), Err(DecodeError::Magic));
        assert_eq!(
            Record::decode(b"CAPICONT\x03\0"),
            Err(DecodeError::Version(3))
        );
        assert_eq!(Record::decode(b"CAPICONT"), Err(DecodeError::Content));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_allocated() {
        let mut bytes = b"CAPICONT\x01\0".to_vec();
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Record::decode(&bytes), Err(DecodeError::Content));
    }
}
