//! A public key of any kind the providers have.

use super::{DSS_ORDER_LEN, DiscretePublicKey, RsaPublicKey};
use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// CALG_RSA_KEYX, CALG_RSA_SIGN.
    Rsa(RsaPublicKey),
    /// CALG_DSS_SIGN.
    Dsa(DiscretePublicKey),
    /// CALG_DH_SF, CALG_DH_EPHEM.
    Dh(DiscretePublicKey),
}

impl PublicKey {
    /// Length of the modulus in bits (KP_KEYLEN).
    pub fn bits(&self) -> u32 {
        match self {
            PublicKey::Rsa(key) => key.bits(),
            PublicKey::Dsa(key) | PublicKey::Dh(key) => key.group.bits(),
        }
    }

    /// Whether the key is of an algorithm's kind.
    pub fn suits(&self, algorithm: AlgId) -> bool {
        match self {
            PublicKey::Rsa(_) => {
                matches!(algorithm, AlgId::CALG_RSA_KEYX | AlgId::CALG_RSA_SIGN)
            }
            PublicKey::Dsa(_) => algorithm == AlgId::CALG_DSS_SIGN,
            PublicKey::Dh(_) => matches!(algorithm, AlgId::CALG_DH_SF | AlgId::CALG_DH_EPHEM),
        }
    }

    /// The RSA key, where only such a key will do.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` if it is none.
    pub fn rsa(&self) -> Result<&RsaPublicKey> {
        match self {
            PublicKey::Rsa(key) => Ok(key),
            _ => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// Length of a signature in bytes.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for a Diffie-Hellman key, which signs nothing.
    pub fn signature_len(&self) -> Result<usize> {
        match self {
            PublicKey::Rsa(key) => Ok(key.modulus_len()),
            PublicKey::Dsa(_) => Ok(2 * DSS_ORDER_LEN),
            PublicKey::Dh(_) => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// CPVerifySignature over a finished hash value.
    ///
    /// # Errors
    /// Those of [`RsaPublicKey::verify`] and [`DiscretePublicKey::verify_dss`]; `NTE_BAD_ALGID` for a hash that is not
    /// signed with such a key.
    pub fn verify(
        &self,
        algorithm: AlgId,
        digest: &[u8],
        signature: &[u8],
        flags: u32,
    ) -> Result<()> {
        match self {
            PublicKey::Rsa(key) => key.verify(algorithm, digest, signature, flags),
            PublicKey::Dsa(key) => {
                dss_hash(algorithm)?;
                key.verify_dss(digest, signature)
            }
            PublicKey::Dh(_) => Err(CspError::NTE_BAD_KEY),
        }
    }
}

/// DSS signs SHA-1 values alone.
///
/// # Errors
/// `NTE_BAD_ALGID` for another hash.
pub(crate) fn dss_hash(algorithm: AlgId) -> Result<()> {
    match algorithm {
        AlgId::CALG_SHA1 => Ok(()),
        _ => Err(CspError::NTE_BAD_ALGID),
    }
}
