//! SYMMETRICWRAPKEYBLOB: the ALG_ID of the wrapping key, then a session key wrapped with 3DES or
//! RC2 as RFC 3217 has it.

use zeroize::Zeroizing;

use crate::error::{CspError, Result};
use crate::soft::{Random, SymKey};

/// Unwraps the key in a SYMMETRICWRAPKEYBLOB's body, for [`SymKey::import_wrapped`].
///
/// # Errors
/// `NTE_BAD_DATA` if the body is malformed or its check value wrong; `NTE_BAD_ALGID` if the
/// wrapping algorithm is not the key's; `NTE_BAD_KEY` if the key is neither 3DES nor RC2.
pub fn parse(body: &[u8], wrapping: &SymKey) -> Result<Zeroizing<Vec<u8>>> {
    let _ = (body, wrapping);
    Err(CspError::NTE_FAIL)
}

/// Length of the SYMMETRICWRAPKEYBLOB of `key` under `wrapping`.
///
/// # Errors
/// `NTE_BAD_KEY` and `NTE_BAD_KEY_STATE` as [`build`].
pub fn len(key: &SymKey, wrapping: &SymKey) -> Result<usize> {
    let _ = (key, wrapping);
    Err(CspError::NTE_FAIL)
}

/// The whole SYMMETRICWRAPKEYBLOB of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable; `NTE_BAD_KEY` if the wrapping key is
/// neither 3DES nor RC2, or the pair does not go together.
pub fn build(key: &SymKey, wrapping: &SymKey, random: &mut dyn Random) -> Result<Vec<u8>> {
    let _ = (key, wrapping, random);
    Err(CspError::NTE_FAIL)
}
