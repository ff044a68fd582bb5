//! RSA PUBLICKEYBLOB: magic "RSA1", length in bits, public exponent, modulus.

use super::{BlobHeader, header, take, take_u32};
use crate::constants::{AlgId, PUBLICKEYBLOB};
use crate::error::{CspError, Result};
use crate::soft::RsaPublicKey;

/// "RSA1"
const MAGIC: u32 = 0x3141_5352;

/// The key in a PUBLICKEYBLOB's body.
///
/// # Errors
/// `NTE_BAD_DATA` if the body is malformed, the key is not valid, or the header's algorithm is
/// not RSA or its version not 2.
pub fn parse(header: &BlobHeader, body: &[u8]) -> Result<RsaPublicKey> {
    parse_numbers(header, &mut &*body, MAGIC)
}

/// The whole PUBLICKEYBLOB of a key, `algorithm` being CALG_RSA_KEYX or CALG_RSA_SIGN.
pub fn build(algorithm: AlgId, key: &RsaPublicKey) -> Vec<u8> {
    let mut blob = header(PUBLICKEYBLOB, algorithm);
    for number in [MAGIC, key.bits(), key.exponent()] {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob.extend_from_slice(key.modulus_le());
    blob
}

/// Takes RSAPUBKEY and the modulus, with which public and private blobs begin alike.
pub(super) fn parse_numbers(
    header: &BlobHeader,
    body: &mut &[u8],
    magic: u32,
) -> Result<RsaPublicKey> {
    header.check_version_2()?;
    if !matches!(
        header.algorithm,
        AlgId::CALG_RSA_KEYX | AlgId::CALG_RSA_SIGN
    ) {
        return Err(CspError::NTE_BAD_DATA);
    }
    let found = take_u32(body)?;
    let bits = take_u32(body)?;
    let exponent = take_u32(body)?;
    if found != magic || bits % 8 != 0 {
        return Err(CspError::NTE_BAD_DATA);
    }
    let modulus = take(body, bits as usize / 8)?;
    RsaPublicKey::new(modulus, exponent)
}
