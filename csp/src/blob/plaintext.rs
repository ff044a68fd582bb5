//! PLAINTEXTKEYBLOB: a length in bytes and a session key in the clear.

use crate::error::{CspError, Result};
use crate::soft::SymKey;

/// The key bytes in a PLAINTEXTKEYBLOB's body, for [`SymKey::import_plaintext`].
///
/// # Errors
/// `NTE_BAD_DATA` if the body is shorter than it says.
pub fn parse(body: &[u8]) -> Result<&[u8]> {
    let _ = body;
    Err(CspError::NTE_FAIL)
}

/// The whole PLAINTEXTKEYBLOB of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable.
pub fn build(key: &SymKey) -> Result<Vec<u8>> {
    let _ = key;
    Err(CspError::NTE_FAIL)
}
