//! SIMPLEBLOB: the ALG_ID of the wrapping key, then a session key under an RSA public key.

use crate::error::{CspError, Result};
use crate::soft::{Random, RsaPadding, RsaPublicKey, SymKey};

/// The cipher text in a SIMPLEBLOB's body, in CAPI's (reversed) byte order, to be decrypted with
/// the exchange key; what comes out goes to [`SymKey::import_wrapped`].
///
/// # Errors
/// `NTE_BAD_DATA` if it is shorter than `modulus_len` asks; `NTE_BAD_ALGID` if the wrapping
/// algorithm is not CALG_RSA_KEYX.
pub fn parse(body: &[u8], modulus_len: usize) -> Result<&[u8]> {
    let _ = (body, modulus_len);
    Err(CspError::NTE_FAIL)
}

/// Length of a SIMPLEBLOB under a modulus of so many bytes.
pub fn len(modulus_len: usize) -> usize {
    modulus_len
}

/// The whole SIMPLEBLOB of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable; `NTE_BAD_LEN` if it is too long for the
/// modulus.
pub fn build(
    key: &SymKey,
    public: &RsaPublicKey,
    padding: RsaPadding<'_>,
    random: &mut dyn Random,
) -> Result<Vec<u8>> {
    let _ = (key, public, padding, random);
    Err(CspError::NTE_FAIL)
}
