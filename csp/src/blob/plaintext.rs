//! PLAINTEXTKEYBLOB: a length in bytes and a session key in the clear.

use super::{HEADER_LEN, header, take, take_u32};
use crate::constants::PLAINTEXTKEYBLOB;
use crate::error::{CspError, Result};
use crate::soft::SymKey;

/// The key bytes in a PLAINTEXTKEYBLOB's body, for [`SymKey::import_plaintext`].
///
/// # Errors
/// `NTE_BAD_DATA` if the body is shorter than it says.
pub fn parse(body: &[u8]) -> Result<&[u8]> {
    let mut body = body;
    let len = take_u32(&mut body)?;
    take(&mut body, len as usize)
}

/// Length of the PLAINTEXTKEYBLOB of a session key.
pub fn len(key: &SymKey) -> usize {
    HEADER_LEN + 4 + key.key_bytes().len()
}

/// The whole PLAINTEXTKEYBLOB of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable.
pub fn build(key: &SymKey) -> Result<Vec<u8>> {
    if !key.is_exportable() {
        return Err(CspError::NTE_BAD_KEY_STATE);
    }
    let mut blob = header(PLAINTEXTKEYBLOB, key.algorithm());
    blob.extend_from_slice(&(key.key_bytes().len() as u32).to_le_bytes());
    blob.extend_from_slice(key.key_bytes());
    Ok(blob)
}
