//! RSA PUBLICKEYBLOB: magic "RSA1", length in bits, public exponent, modulus.

use super::BlobHeader;
use crate::constants::AlgId;
use crate::error::{CspError, Result};
use crate::soft::RsaPublicKey;

/// The key in a PUBLICKEYBLOB's body.
///
/// # Errors
/// `NTE_BAD_DATA` if the body is malformed, the key is not valid, or the header's algorithm is
/// not RSA.
pub fn parse(header: &BlobHeader, body: &[u8]) -> Result<RsaPublicKey> {
    let _ = (header, body);
    Err(CspError::NTE_FAIL)
}

/// The whole PUBLICKEYBLOB of a key, `algorithm` being CALG_RSA_KEYX or CALG_RSA_SIGN.
pub fn build(algorithm: AlgId, key: &RsaPublicKey) -> Vec<u8> {
    let _ = (algorithm, key);
    Vec::new()
}
