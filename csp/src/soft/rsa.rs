//! RSA with the public half: encryption and signature verification, and the padded blocks that
//! a module signs.

use super::Random;
use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// An RSA public key of 384 to 16384 bits. Any public exponent that fits the blob's DWORD works,
/// one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: u32,
}

/// How a plain text is padded before the public operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaPadding<'a> {
    /// PKCS#1 v1.5 block type 2.
    Pkcs1,
    /// OAEP with SHA-1 and MGF1-SHA-1 (CRYPT_OAEP).
    Oaep {
        /// The label (KP_OAEP_PARAMS), empty by default.
        label: &'a [u8],
    },
}

impl RsaPublicKey {
    /// A key of little-endian numbers, as blobs and nCore bignums hold them. The length in bits
    /// is that of the modulus as given, `8 * modulus.len()`.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` if the modulus is even or of a length not offered, or the exponent is zero.
    pub fn new(modulus_le: &[u8], exponent: u32) -> Result<RsaPublicKey> {
        let _ = (modulus_le, exponent);
        Err(CspError::NTE_FAIL)
    }

    /// The modulus, little-endian, [`RsaPublicKey::modulus_len`] bytes.
    pub fn modulus_le(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent.
    pub fn exponent(&self) -> u32 {
        self.exponent
    }

    /// Length of the modulus in bytes, which is that of every cipher text and signature.
    pub fn modulus_len(&self) -> usize {
        self.modulus.len()
    }

    /// Length of the modulus in bits.
    pub fn bits(&self) -> u32 {
        0
    }

    /// CPEncrypt: pads, encrypts and reverses; the result has the modulus' length.
    ///
    /// # Errors
    /// `NTE_BAD_LEN` if the plain text is too long for the padding; the random source's error.
    pub fn encrypt(
        &self,
        plain: &[u8],
        padding: RsaPadding<'_>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>> {
        let _ = (plain, padding, random);
        Err(CspError::NTE_FAIL)
    }

    /// CPVerifySignature over a finished hash value. `flags` are the caller's: with none both
    /// forms are accepted, with and without DigestInfo; CRYPT_NOHASHOID accepts the bare form
    /// alone; CRYPT_X931_FORMAT expects ANSI X9.31.
    ///
    /// # Errors
    /// `NTE_BAD_SIGNATURE` for a wrong length or value; `NTE_BAD_FLAGS` for unknown bits;
    /// `NTE_BAD_ALGID` for a hash that cannot be signed.
    pub fn verify(
        &self,
        algorithm: AlgId,
        digest: &[u8],
        signature: &[u8],
        flags: u32,
    ) -> Result<()> {
        let _ = (algorithm, digest, signature, flags);
        Err(CspError::NTE_FAIL)
    }
}

/// The DER DigestInfo of a hash value (PKCS#1 section 9.2), which a module pads and signs;
/// CALG_SSL3_SHAMD5 has none and stays bare.
///
/// # Errors
/// `NTE_BAD_ALGID` for a MAC, an HMAC or anything else without an object identifier.
pub fn digest_info(algorithm: AlgId, digest: &[u8]) -> Result<Vec<u8>> {
    let _ = (algorithm, digest);
    Err(CspError::NTE_FAIL)
}

/// The PKCS#1 type 1 block, big-endian, over [`digest_info`]; `len` is the modulus' length in
/// bytes.
///
/// # Errors
/// `NTE_BAD_ALGID` as [`digest_info`]; `NTE_BAD_LEN` if the modulus is too short.
pub fn digest_info_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    let _ = (algorithm, digest, len);
    Err(CspError::NTE_FAIL)
}

/// The PKCS#1 type 1 block, big-endian, over the bare value (CRYPT_NOHASHOID).
///
/// # Errors
/// As [`digest_info_block`].
pub fn bare_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    let _ = (algorithm, digest, len);
    Err(CspError::NTE_FAIL)
}

/// The ANSI X9.31 block, big-endian (CRYPT_X931_FORMAT).
///
/// # Errors
/// As [`digest_info_block`].
pub fn x931_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    let _ = (algorithm, digest, len);
    Err(CspError::NTE_FAIL)
}
