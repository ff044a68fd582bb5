//! SIMPLEBLOB: the ALG_ID of the wrapping key, then a session key or premaster under an RSA public key.

use super::{HEADER_LEN, header, take, take_u32};
use crate::constants::{AlgId, SIMPLEBLOB};
use crate::error::{CspError, Result};
use crate::soft::{Random, RsaPadding, RsaPublicKey};

/// The cipher text in a SIMPLEBLOB's body, in CAPI's (reversed) byte order, to be decrypted with
/// the exchange key of `modulus_len` bytes; what comes out goes to [`SymKey::import_wrapped`](crate::soft::SymKey::import_wrapped) or
/// [`Master::receive`](crate::soft::Master::receive).
///
/// # Errors
/// `NTE_BAD_ALGID` if the wrapping algorithm is not CALG_RSA_KEYX; `NTE_BAD_DATA` if the body is
/// too short.
pub fn parse(body: &[u8], modulus_len: usize) -> Result<&[u8]> {
    let mut body = body;
    if AlgId(take_u32(&mut body)?) != AlgId::CALG_RSA_KEYX {
        return Err(CspError::NTE_BAD_ALGID);
    }
    take(&mut body, modulus_len)
}

/// Length of a SIMPLEBLOB under a modulus of so many bytes.
pub fn len(modulus_len: usize) -> usize {
    HEADER_LEN + 4 + modulus_len
}

/// The whole SIMPLEBLOB of a session key's bytes. Whether they may be exported is the caller's to check.
///
/// # Errors
/// `NTE_BAD_LEN` if the key is too long for the modulus; the random source's error.
pub fn build(
    algorithm: AlgId,
    key: &[u8],
    public: &RsaPublicKey,
    padding: RsaPadding<'_>,
    random: &mut dyn Random,
) -> Result<Vec<u8>> {
    let mut blob = header(SIMPLEBLOB, algorithm);
    blob.extend_from_slice(&AlgId::CALG_RSA_KEYX.0.to_le_bytes());
    blob.extend_from_slice(&public.encrypt(key, padding, random)?);
    Ok(blob)
}
