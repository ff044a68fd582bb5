//! Hash functions and HMAC, one-shot and streaming.

use digest::{Digest, FixedOutput, KeyInit, Update};
use hmac::Hmac;
use md5::Md5;
use ncore::Status;
use ncore::types::{
    CipherText, KeyType, Mech, MechCipher, MechIV, MechMD5HashCipher, MechSHA1HashCipher,
    MechSHA224HashCipher, MechSHA256HashCipher, MechSHA384HashCipher, MechSHA512HashCipher,
    PlainText,
};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::plain;

/// A hash function of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Cmd_Hash: the hash of byte data, in the form in which signatures travel.
///
/// # Errors
/// `UnknownMechanism` if `mech` is no hash mechanism of this module, `TypeMismatch` if `plain` is a number.
pub fn hash(mech: Mech, data: &PlainText) -> Result<CipherText, Status> {
    let hash = Hash::from_mech(mech).ok_or(Status::UnknownMechanism)?;
    let digest = hash.digest(&plain::bytes(data)?);
    Ok(CipherText {
        mech,
        data: hash.to_cipher(&digest),
        iv: MechIV::Empty,
    })
}

impl Hash {
    /// Every function, in order of length.
    pub(super) const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The function of a plain hash mechanism.
    pub(super) fn from_mech(mech: Mech) -> Option<Self> {
        Some(match mech {
            Mech::MD5Hash => Self::Md5,
            Mech::SHA1Hash => Self::Sha1,
            Mech::SHA224Hash => Self::Sha224,
            Mech::SHA256Hash => Self::Sha256,
            Mech::SHA384Hash => Self::Sha384,
            Mech::SHA512Hash => Self::Sha512,
            _ => return None,
        })
    }

    /// The function whose HMAC a key type is for.
    pub(super) fn from_hmac_key(key_type: KeyType) -> Option<Self> {
        Some(match key_type {
            KeyType::HMACMD5 => Self::Md5,
            KeyType::HMACSHA1 => Self::Sha1,
            KeyType::HMACSHA224 => Self::Sha224,
            KeyType::HMACSHA256 => Self::Sha256,
            KeyType::HMACSHA384 => Self::Sha384,
            KeyType::HMACSHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// The function whose output has this length in bytes.
    pub(super) fn of_length(length: usize) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|hash| hash.output_len() == length)
    }

    /// Length of the output in bytes.
    pub(super) fn output_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// What stands before the digest in a DigestInfo (RFC 8017, section 9.2, note 1).
    pub(super) fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Md5 => {
                b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"
            }
            Self::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::Sha224 => {
                b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c"
            }
            Self::Sha256 => {
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
            }
            Self::Sha384 => {
                b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
            }
            Self::Sha512 => {
                b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
            }
        }
    }

    /// The hash of `data`.
    pub(super) fn digest(self, data: &[u8]) -> Vec<u8> {
        let mut state = self.start();
        state.update(data);
        state.finish()
    }

    /// A hash to be fed piece by piece.
    pub(super) fn start(self) -> Box<dyn Streaming> {
        match self {
            Self::Md5 => Box::new(State(Md5::new())),
            Self::Sha1 => Box::new(State(Sha1::new())),
            Self::Sha224 => Box::new(State(Sha224::new())),
            Self::Sha256 => Box::new(State(Sha256::new())),
            Self::Sha384 => Box::new(State(Sha384::new())),
            Self::Sha512 => Box::new(State(Sha512::new())),
        }
    }

    /// An HMAC (RFC 2104) to be fed piece by piece.
    pub(super) fn start_hmac(self, key: &[u8]) -> Result<Box<dyn Streaming>, Status> {
        fn start<M: KeyInit + Update + FixedOutput + Send + 'static>(
            key: &[u8],
        ) -> Result<Box<dyn Streaming>, Status> {
            let mac = M::new_from_slice(key).map_err(|_| Status::InvalidData)?;
            Ok(Box::new(State(mac)))
        }
        match self {
            Self::Md5 => start::<Hmac<Md5>>(key),
            Self::Sha1 => start::<Hmac<Sha1>>(key),
            Self::Sha224 => start::<Hmac<Sha224>>(key),
            Self::Sha256 => start::<Hmac<Sha256>>(key),
            Self::Sha384 => start::<Hmac<Sha384>>(key),
            Self::Sha512 => start::<Hmac<Sha512>>(key),
        }
    }

    /// The body of the ciphertext that carries an output of this function.
    pub(super) fn to_cipher(self, output: &[u8]) -> MechCipher {
        match self {
            Self::Md5 => MechCipher::MD5Hash(MechMD5HashCipher { h: array(output) }),
            Self::Sha1 => MechCipher::SHA1Hash(MechSHA1HashCipher { h: array(output) }),
            Self::Sha224 => MechCipher::SHA224Hash(MechSHA224HashCipher { h: array(output) }),
            Self::Sha256 => MechCipher::SHA256Hash(MechSHA256HashCipher { h: array(output) }),
            Self::Sha384 => MechCipher::SHA384Hash(MechSHA384HashCipher { h: array(output) }),
            Self::Sha512 => MechCipher::SHA512Hash(MechSHA512HashCipher { h: array(output) }),
        }
    }

    /// The output that a ciphertext carries, if it is one of this function's.
    pub(super) fn of_cipher(self, cipher: &MechCipher) -> Option<&[u8]> {
        Some(match (self, cipher) {
            (Self::Md5, MechCipher::MD5Hash(body)) => &body.h,
            (Self::Sha1, MechCipher::SHA1Hash(body)) => &body.h,
            (Self::Sha224, MechCipher::SHA224Hash(body)) => &body.h,
            (Self::Sha256, MechCipher::SHA256Hash(body)) => &body.h,
            (Self::Sha384, MechCipher::SHA384Hash(body)) => &body.h,
            (Self::Sha512, MechCipher::SHA512Hash(body)) => &body.h,
            _ => return None,
        })
    }
}

/// Something that takes bytes and gives one value at the end: a hash or a MAC.
pub(super) trait Streaming: Send {
    fn update(&mut self, data: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
}

struct State<D>(D);

impl<D: Update + FixedOutput + Send> Streaming for State<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize_fixed().to_vec()
    }
}

/// The bytes as an array. Outputs come from the function itself, so the lengths are equal.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}
