//! Blobs: keys on their way out of the module and back. The layout is our own (PROTOCOL section 4.4, K2).
//!
//! ```text
//! offset  size  content
//!      0     4  "SSBL"
//!      4     4  version, 1
//!      8     4  format: a BlobFormat
//!     12    20  what protects it: hash of the module key, of the logical token, or of the key
//!     32     n  Direct, Indirect, UserKey: mechanism, then a byte block: a random secret encrypted to the public key, or
//!               nothing under a symmetric key, which is the secret itself
//!      …     m  sealed under the protecting secret, everything before it authenticated: key data, ACL, application data
//! ```
//!
//! Numbers are little-endian words and structures are marshalled, as in the protocol.

use ncore::Status;
use ncore::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};
use ncore::profile::WireProfile;
use ncore::types::{ACL, BlobFormat, KeyData, Mech};
use rand_core::Rng;

use super::KeyHash;
use super::key::AppData;
use super::sealed::{self, Derivation};

/// What a blob says about itself in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What kind of thing protects it.
    pub(super) format: BlobFormat,
    /// The hash of that thing.
    pub(super) protector: KeyHash,
    /// Blobs under a key: how.
    pub(super) under_key: Option<UnderKey>,
}

/// How a blob is protected by a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnderKey {
    /// The blob's mechanism.
    pub(super) mech: Mech,
    /// The secret encrypted to a public key, most significant byte first; empty under a symmetric key.
    pub(super) secret: Vec<u8>,
}

/// What a blob protects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The key.
    pub(super) key: KeyData,
    /// Its access control list.
    pub(super) acl: ACL,
    /// Its application data.
    pub(super) appdata: AppData,
}

/// Makes a blob.
pub(super) fn seal(
    header: &Header,
    content: &Content,
    secret: &[u8],
    rng: &mut impl Rng,
) -> Result<Vec<u8>, EncodeError> {
    let mut plain = Writer::new(&WireProfile::DEFAULT);
    content.key.encode(&mut plain)?;
    content.acl.encode(&mut plain)?;
    content.appdata.encode(&mut plain)?;
    let plain = zeroize::Zeroizing::new(plain.into_bytes());
    let header = ncore::codec::to_bytes(header, &WireProfile::DEFAULT)?;
    let sealed = sealed::seal(derivation(secret), &header, &plain, rng);
    Ok([header, sealed].concat())
}

/// A blob whose header has been read.
pub(super) struct Blob<'a> {
    /// What it says about itself.
    pub(super) header: Header,
    authenticated: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    /// Reads a blob's header: BlobTypeUnknown if it is no blob, or none that this program knows.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Blob<'a>, Status> {
        let mut reader = Reader::new(bytes, &WireProfile::DEFAULT);
        let header = Header::read(&mut reader).ok_or(Status::BlobTypeUnknown)?;
        let sealed = reader.take_rest();
        Ok(Blob {
            header,
            authenticated: &bytes[..bytes.len() - sealed.len()],
            sealed,
        })
    }

    /// Opens it: DecryptFailed if it was not sealed under this secret or was changed since.
    pub(super) fn open(&self, secret: &[u8]) -> Result<Content, Status> {
        let plain = sealed::open(derivation(secret), self.authenticated, self.sealed);
        let plain = plain.map_err(|_| Status::DecryptFailed)?;
        let mut reader = Reader::new(&plain, &WireProfile::DEFAULT);
        // What was sealed here decodes here: the version says so.
        read_content(&mut reader).map_err(|_| Status::DecryptFailed)
    }
}

const MAGIC: [u8; 4] = *b"SSBL";
const VERSION: u32 = 1;

impl Encode for Header {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        MAGIC.encode(w)?;
        VERSION.encode(w)?;
        self.format.encode(w)?;
        self.protector.encode(w)?;
        match &self.under_key {
            Some(under) => {
                under.mech.encode(w)?;
                under.secret.encode(w)
            }
            None => Ok(()),
        }
    }
}

impl Header {
    /// Reads a header; None if it is none that this program knows.
    fn read(r: &mut Reader<'_>) -> Option<Header> {
        let (magic, version) = (<[u8; 4]>::decode(r).ok()?, u32::decode(r).ok()?);
        if magic != MAGIC || version != VERSION {
            return None;
        }
        let format = BlobFormat::decode(r).ok()?;
        let protector = KeyHash::decode(r).ok()?;
        let under_key = match format {
            BlobFormat::Module | BlobFormat::Token => None,
            BlobFormat::Direct | BlobFormat::Indirect | BlobFormat::UserKey => {
                let mech = Mech::decode(r).ok()?;
                Some(UnderKey {
                    mech,
                    secret: Decode::decode(r).ok()?,
                })
            }
            _ => return None,
        };
        Some(Header {
            format,
            protector,
            under_key,
        })
    }
}

fn read_content(r: &mut Reader<'_>) -> Result<Content, DecodeError> {
    Ok(Content {
        key: Decode::decode(r)?,
        acl: Decode::decode(r)?,
        appdata: Decode::decode(r)?,
    })
}

fn derivation(secret: &[u8]) -> Derivation<'_> {
    Derivation {
        secret,
        purpose: "blob",
        input: &[],
    }
}

#[cfg(test)]
mod tests {
    use ncore::types::{KeyType, KeyTypeData, KeyTypeRandomData};
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn content(k: &[u8]) -> Content {
        let key = KeyData {
            type_: KeyType::Random,
            data: KeyTypeData::Random(KeyTypeRandomData { k: k.to_vec() }),
        };
        Content {
            key,
            acl: ACL::default(),
            appdata: [4; 64],
        }
    }

    fn blob(k: &[u8], format: BlobFormat) -> Vec<u8> {
        let under_key = (format == BlobFormat::Indirect).then(|| UnderKey {
            mech: Mech::BlobCrypt,
            secret: vec![1; 5],
        });
        let header = Header {
            format,
            protector: [8; 20],
            under_key,
        };
        seal(
            &header,
            &content(k),
            b"secret",
            &mut ChaCha20Rng::from_seed([2; 32]),
        )
        .unwrap()
    }

    #[test]
    fn a_blob_of_another_kind_is_not_taken_for_a_damaged_one() {
        let good = blob(b"key", BlobFormat::Module);
        for (place, value) in [(0, b'X'), (4, 2), (8, 10), (8, 77)] {
            let mut other = good.clone();
            other[place] = value;
            assert_eq!(
                Blob::parse(&other).err(),
                Some(Status::BlobTypeUnknown),
                "byte {place} = {value}"
            );
        }
        assert_eq!(
            Blob::parse(&good[..31]).err(),
            Some(Status::BlobTypeUnknown)
        );
        assert_eq!(
            Blob::parse(&good[..40]).unwrap().open(b"secret"),
            Err(Status::DecryptFailed)
        );
    }

    proptest! {
        #[test]
        fn keys_come_back(k: Vec<u8>, indirect: bool) {
            let format = if indirect { BlobFormat::Indirect } else { BlobFormat::Token };
            let blob = blob(&k, format);
            let parsed = Blob::parse(&blob).unwrap();
            prop_assert_eq!(parsed.header.format, format);
            prop_assert_eq!(parsed.open(b"secret").unwrap(), content(&k));
            prop_assert_eq!(parsed.open(b"another").unwrap_err(), Status::DecryptFailed);
        }

        #[test]
        fn a_changed_bit_is_noticed(place: prop::sample::Index, bit in 0..8) {
            let mut blob = blob(b"key", BlobFormat::Indirect);
            let place = place.index(blob.len());
            blob[place] ^= 1u8 << bit;
            if let Ok(parsed) = Blob::parse(&blob) {
                prop_assert_eq!(parsed.open(b"secret").unwrap_err(), Status::DecryptFailed);
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, framed: bool) {
            let bytes = if framed { [&blob(b"", BlobFormat::Indirect)[..32], &bytes].concat() } else { bytes };
            if let Ok(parsed) = Blob::parse(&bytes) {
                prop_assert_eq!(parsed.open(b"secret").unwrap_err(), Status::DecryptFailed);
            }
        }
    }
}
