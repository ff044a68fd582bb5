//! The saved form of a container: the data of its opaque entry in the Key Management Data.
//!
//! ```text
//! offset size
//!      0    8  magic: "CAPICONT"
//!      8    2  format version: 1, little-endian
//!     10    n  bincode (legacy configuration): provider, SID or nothing for the machine's, name, two slots, descriptor
//! ```
//!
//! Length and checksum are those of the entry around it. The vendor's format is unpublished.

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
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        let content = bincode::serde::encode_to_vec(&content, bincode::config::legacy());
        bytes.extend_from_slice(&content.map_err(|_| DecodeError::Content)?);
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
        match u16::from_le_bytes(*version) {
            VERSION => {}
            other => return Err(DecodeError::Version(other)),
        }
        let config = bincode::config::legacy().with_limit::<CONTENT_MAX>();
        let (content, used): (Content, usize) =
            bincode::serde::decode_from_slice(rest, config).map_err(|_| DecodeError::Content)?;
        if used != rest.len() {
            return Err(DecodeError::Content);
        }
        Ok(Record {
            provider: content.provider,
            scope: content.sid.map_or(Scope::Machine, Scope::User),
            name: content.name,
            slots: content.slots,
            descriptor: Descriptor::decode(&content.descriptor)
                .map_err(|_| DecodeError::Content)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Identity;
    use crate::security::Sid;

    fn descriptor(machine: bool) -> Descriptor {
        let creator = Identity {
            user: Sid::everyone(),
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

    fn record() -> impl Strategy<Value = Record> {
        let scope = prop_oneof![Just(Scope::Machine), "S-1-[0-9]{1,9}".prop_map(Scope::User)];
        (".{0,40}", scope, ".{0,40}", [slot(), slot()]).prop_map(
            |(provider, scope, name, slots)| Record {
                descriptor: descriptor(scope == Scope::Machine),
                provider,
                scope,
                name,
                slots,
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
        fn arbitrary_content_never_panics(content in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut bytes = b"CAPICONT\x01\0".to_vec();
            bytes.extend_from_slice(&content);
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn foreign_data_and_later_versions_are_told_apart() {
        assert_eq!(Record::decode(b"something else"), Err(DecodeError::Magic));
        assert_eq!(
            Record::decode(b"CAPICONT\x02\0"),
            Err(DecodeError::Version(2))
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
