//! RSA with the public half: encryption and signature verification. The private half is the
//! module's.

mod padding;

use crypto_bigint::BoxedUint;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};

pub use self::padding::{bare_block, digest_info, digest_info_block, x931_block};
use super::Random;
use crate::constants::{AlgId, CRYPT_NOHASHOID, CRYPT_TYPE2_FORMAT, CRYPT_X931_FORMAT};
use crate::error::{CspError, Result};

/// An RSA public key of 384 to 16384 bits. Any public exponent that fits the blob's DWORD works,
/// one included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    /// Little-endian; odd, top byte not zero.
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

/// Lengths of a modulus in bytes.
const MODULUS_LEN: std::ops::RangeInclusive<usize> = 384 / 8..=16_384 / 8;

impl RsaPublicKey {
    /// A key of little-endian numbers, as blobs and nCore bignums hold them. The key's length is
    /// that of the modulus as given.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` if the modulus is even, begins with a zero byte or is of a length not
    /// offered, or the exponent is zero.
    pub fn new(modulus_le: &[u8], exponent: u32) -> Result<RsaPublicKey> {
        let is_odd = modulus_le.first().is_some_and(|byte| byte % 2 == 1);
        let is_full = modulus_le.last().is_some_and(|byte| *byte != 0);
        if !MODULUS_LEN.contains(&modulus_le.len()) || !is_odd || !is_full || exponent == 0 {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(RsaPublicKey {
            modulus: modulus_le.to_vec(),
            exponent,
        })
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

    /// Length of the modulus in bits, a multiple of eight.
    pub fn bits(&self) -> u32 {
        self.modulus.len() as u32 * 8
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
        let mut block = padding::encryption_block(plain, padding, self.modulus_len(), random)?;
        block.reverse();
        // The block's top byte is zero and the modulus' is not.
        self.raise(&block).ok_or(CspError::NTE_FAIL)
    }

    /// CPVerifySignature over a finished hash value. `flags` are the caller's: with none both
    /// forms are accepted, with and without DigestInfo; CRYPT_NOHASHOID accepts the bare form
    /// alone; CRYPT_X931_FORMAT expects ANSI X9.31; CRYPT_TYPE2_FORMAT is ignored.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS` for unknown bits; `NTE_BAD_ALGID` for a hash that cannot be signed;
    /// `NTE_BAD_SIGNATURE` for a wrong length or value.
    pub fn verify(
        &self,
        algorithm: AlgId,
        digest: &[u8],
        signature: &[u8],
        flags: u32,
    ) -> Result<()> {
        if flags & !(CRYPT_NOHASHOID | CRYPT_TYPE2_FORMAT | CRYPT_X931_FORMAT) != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        if signature.len() != self.modulus_len() {
            return Err(CspError::NTE_BAD_SIGNATURE);
        }
        let mut found = self.raise(signature).ok_or(CspError::NTE_BAD_SIGNATURE)?;
        if flags & CRYPT_X931_FORMAT != 0 && found[0] % 16 != 0x0c {
            // X9.31 signs with the lesser of two values, of which one leads to the block and the
            // other to the modulus minus the block.
            subtract_from(&self.modulus, &mut found);
        }
        found.reverse();

        let len = self.modulus_len();
        let expected = if flags & CRYPT_X931_FORMAT != 0 {
            vec![x931_block(algorithm, digest, len)]
        } else if flags & CRYPT_NOHASHOID != 0 {
            vec![bare_block(algorithm, digest, len)]
        } else {
            vec![
                digest_info_block(algorithm, digest, len),
                bare_block(algorithm, digest, len),
            ]
        };
        for block in expected {
            match block {
                Ok(block) if block == found => return Ok(()),
                Err(CspError::NTE_BAD_ALGID) => return Err(CspError::NTE_BAD_ALGID),
                // Another value, or no room for this form under the modulus.
                Ok(_) | Err(_) => {}
            }
        }
        Err(CspError::NTE_BAD_SIGNATURE)
    }

    /// Whether a little-endian number may be a cipher text or signature of this key: as long as the modulus, and below it.
    pub fn may_have_made(&self, number: &[u8]) -> bool {
        number.len() == self.modulus_len() && is_less(number, &self.modulus)
    }

    /// What ANSI X9.31 makes of a module's signature of [`x931_block`], little-endian and as long as the modulus: the lesser
    /// of it and the modulus minus it.
    ///
    /// # Errors
    /// `NTE_FAIL` if it is not below the modulus.
    pub fn x931_signature(&self, signature: &mut [u8]) -> Result<()> {
        if !self.may_have_made(signature) {
            return Err(CspError::NTE_FAIL);
        }
        let mut other = signature.to_vec();
        subtract_from(&self.modulus, &mut other);
        if is_less(&other, signature) {
            signature.copy_from_slice(&other);
        }
        Ok(())
    }

    /// The public operation on a little-endian number; `None` if that is not below the modulus.
    fn raise(&self, number: &[u8]) -> Option<Vec<u8>> {
        let modulus = BoxedUint::from_le_slice(&self.modulus, self.bits()).ok()?;
        let number = BoxedUint::from_le_slice(number, self.bits()).ok()?;
        if number >= modulus {
            return None;
        }
        let odd = modulus.into_odd().into_option()?;
        let params = BoxedMontyParams::new_vartime(odd);
        let exponent = BoxedUint::from(self.exponent);
        let result = BoxedMontyForm::new(number, &params)
            .pow_bounded_exp(&exponent, u32::BITS - self.exponent.leading_zeros())
            .retrieve();
        let mut bytes = result.to_le_bytes().to_vec();
        bytes.resize(self.modulus_len(), 0);
        Some(bytes)
    }
}

/// Whether the first of two little-endian numbers of one length is the lesser.
fn is_less(number: &[u8], other: &[u8]) -> bool {
    number.iter().rev().lt(other.iter().rev())
}

/// Replaces a little-endian number by `total` minus it; both of one length, the number not the
/// larger.
fn subtract_from(total: &[u8], number: &mut [u8]) {
    let mut borrow = false;
    for (byte, total) in number.iter_mut().zip(total) {
        let (difference, first) = total.overflowing_sub(*byte);
        let (difference, second) = difference.overflowing_sub(u8::from(borrow));
        *byte = difference;
        borrow = first || second;
    }
}

#[cfg(test)]
mod tests;
