//! KNETI: the key by which other hardservers know this one, in the state folder.
//!
//! A genuine KNETI is in a module, and its hash is told by `anonkneti` and wanted by `nethsmenroll` (UTILITIES section 12).
//! Ours is an Ed25519 key of the hardserver itself; HKNETI is the SHA-1 of its SubjectPublicKeyInfo.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// The file in the state folder: PKCS #8, for its owner's eyes.
const FILE: &str = "kneti";

/// HKNETI, 40 hexadecimal digits in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KnetiHash(pub [u8; 20]);

/// The key and its hash.
#[derive(Clone, Debug)]
pub(in crate::hardserver) struct Kneti {
    pub(super) key: Arc<CertifiedKey>,
    pub(in crate::hardserver) hash: KnetiHash,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KnetiError {
    /// The file cannot be read or written.
    #[error("cannot keep the hardserver's key in {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The file holds no key.
    #[error("{0} holds no Ed25519 key: remove it, and a new one is made")]
    NotAKey(PathBuf),
    /// The operating system gave no random bytes.
    #[error("no key could be made")]
    NotMade,
}

impl KnetiHash {
    /// That of the hardserver with this state folder, which must exist. The first time a key is made.
    ///
    /// # Errors
    /// [`KnetiError`].
    pub fn of_state(state: &Path) -> Result<KnetiHash, KnetiError> {
        Kneti::load(state).map(|kneti| kneti.hash)
    }

    /// The hash of a SubjectPublicKeyInfo.
    pub(super) fn of(public: &[u8]) -> KnetiHash {
        KnetiHash(Sha1::digest(public).into())
    }
}

impl fmt::Display for KnetiHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Text that is not 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a key: 40 hexadecimal digits")]
pub struct NotAHash;

impl FromStr for KnetiHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<KnetiHash, NotAHash> {
        if text.len() != 40 {
            return Err(NotAHash);
        }
        let mut hash = [0; 20];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(NotAHash);
            *byte = (digit(digits[0])? << 4 | digit(digits[1])?) as u8;
        }
        Ok(KnetiHash(hash))
    }
}

impl Kneti {
    /// Reads the key of a state folder. The first time it makes one.
    pub(in crate::hardserver) fn load(state: &Path) -> Result<Kneti, KnetiError> {
        let path = state.join(FILE);
        let fail = |cause| KnetiError::File {
            path: path.clone(),
            cause,
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = new_key()?;
                let mut file = tempfile::NamedTempFile::new_in(state).map_err(fail)?;
                file.write_all(&bytes).map_err(fail)?;
                file.as_file().sync_all().map_err(fail)?;
                match file.persist_noclobber(&path) {
                    Ok(_) => bytes,
                    // Somebody else was quicker: theirs is the key.
                    Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                        Zeroizing::new(std::fs::read(&path).map_err(fail)?)
                    }
                    Err(error) => return Err(fail(error.error)),
                }
            }
            Err(error) => return Err(fail(error)),
        };
        let not_a_key = || KnetiError::NotAKey(path.clone());
        let key = any_eddsa_type(&PrivatePkcs8KeyDer::from(&bytes[..])).map_err(|_| not_a_key())?;
        let public = key.public_key().ok_or_else(not_a_key)?;
        Ok(Kneti {
            hash: KnetiHash::of(public.as_ref()),
            key: Arc::new(CertifiedKey::new(
                vec![CertificateDer::from(public.to_vec())],
                key,
            )),
        })
    }
}

fn new_key() -> Result<Zeroizing<Vec<u8>>, KnetiError> {
    use aws_lc_rs::signature::Ed25519KeyPair;

    let rng = aws_lc_rs::rand::SystemRandom::new();
    let key = Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| KnetiError::NotMade)?;
    Ok(Zeroizing::new(key.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_stays_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let hash = Kneti::load(folder.path()).unwrap().hash;
        assert_eq!(Kneti::load(folder.path()).unwrap().hash, hash);
        let mode = folder.path().join(FILE).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Kneti::load(other.path()).unwrap().hash, hash);
    }

    #[test]
    fn what_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "no key").unwrap();
        let error = Kneti::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("kneti holds no Ed25519 key"));
    }

    /// The private key of RFC 8410, section 10.3; its hash with OpenSSL:
    /// `openssl pkey -in key.pem -pubout -outform DER | openssl sha1`.
    #[test]
    fn the_hash_is_that_of_the_public_key_info() {
        const KEY: &[u8] = &[
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20, 0xd4, 0xee, 0x72, 0xdb, 0xf9, 0x13, 0x58, 0x4a, 0xd5, 0xb6, 0xd8, 0xf1,
            0xf7, 0x69, 0xf8, 0xad, 0x3a, 0xfe, 0x7c, 0x28, 0xcb, 0xf1, 0xd4, 0xfb, 0xe0, 0x97,
            0xa8, 0x8f, 0x44, 0x75, 0x58, 0x42,
        ];
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), KEY).unwrap();
        let hash = Kneti::load(folder.path()).unwrap().hash;
        assert_eq!(hash.to_string(), "3a04967761a552db7e9e18c6dba4bd4aae119908");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("12".parse::<KnetiHash>(), Err(NotAHash));
        assert_eq!("é".repeat(20).parse::<KnetiHash>(), Err(NotAHash));
    }
}
