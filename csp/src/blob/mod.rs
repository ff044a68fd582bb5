//! Key blobs: what CPExportKey writes and CPImportKey reads.
//!
//! ```text
//! 0  bType     1 byte   a blob type such as PUBLICKEYBLOB
//! 1  bVersion  1 byte   2, or 3 for the DSS and DH *_VER3 forms
//! 2  reserved  2 bytes  zero
//! 4  aiKeyAlg  4 bytes  ALG_ID of the key inside
//! 8  body
//! ```
//!
//! All numbers are little-endian. [`parse`] checks the header; the submodules take the body after
//! it. Bytes behind the end of a body are ignored, because callers pass the size of their buffer.

pub mod discrete;
pub mod opaque;
pub mod plaintext;
pub mod rsa_private;
pub mod rsa_public;
pub mod simple;
pub mod wrap;

use crate::constants::{
    AlgId, CUR_BLOB_VERSION, OPAQUEKEYBLOB, PLAINTEXTKEYBLOB, PRIVATEKEYBLOB, PUBLICKEYBLOB,
    SIMPLEBLOB, SYMMETRICWRAPKEYBLOB,
};
use crate::error::{CspError, Result};

/// Length of a BLOBHEADER in bytes.
pub const HEADER_LEN: usize = 8;

/// Version of the DSS and DH *_VER3 forms.
pub const VERSION_3: u8 = 3;

/// BLOBHEADER (PUBLICKEYSTRUC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHeader {
    /// A blob type such as PUBLICKEYBLOB.
    pub blob_type: u32,
    /// CUR_BLOB_VERSION, or [`VERSION_3`]. Only the DSS and DH forms may have the latter: see
    /// [`BlobHeader::check_version_2`].
    pub version: u8,
    /// The algorithm of the key inside.
    pub algorithm: AlgId,
}

/// Splits a blob into its header and body.
///
/// # Errors
/// `NTE_BAD_DATA` if it is too short or its reserved word is not zero; `NTE_BAD_VER` for a version
/// that is neither 2 nor 3; `NTE_BAD_TYPE` for a blob type that cannot be imported anywhere.
pub fn parse(blob: &[u8]) -> Result<(BlobHeader, &[u8])> {
    let (header, body) = blob.split_first_chunk().ok_or(CspError::NTE_BAD_DATA)?;
    let [blob_type, version, reserved_0, reserved_1, algorithm @ ..]: &[u8; HEADER_LEN] = header;
    let blob_type = u32::from(*blob_type);
    if [*reserved_0, *reserved_1] != [0, 0] {
        return Err(CspError::NTE_BAD_DATA);
    }
    if !(VERSION_2..=VERSION_3).contains(version) {
        return Err(CspError::NTE_BAD_VER);
    }
    let is_known = matches!(
        blob_type,
        SIMPLEBLOB
            | PUBLICKEYBLOB
            | PRIVATEKEYBLOB
            | PLAINTEXTKEYBLOB
            | OPAQUEKEYBLOB
            | SYMMETRICWRAPKEYBLOB
    );
    if !is_known {
        return Err(CspError::NTE_BAD_TYPE);
    }
    let algorithm = AlgId(u32::from_le_bytes(*algorithm));
    Ok((
        BlobHeader {
            blob_type,
            version: *version,
            algorithm,
        },
        body,
    ))
}

impl BlobHeader {
    /// Refuses the version of the DSS and DH forms, for keys of any other kind.
    ///
    /// # Errors
    /// `NTE_BAD_VER` unless the version is 2.
    pub fn check_version_2(&self) -> Result<()> {
        if self.version == VERSION_2 {
            Ok(())
        } else {
            Err(CspError::NTE_BAD_VER)
        }
    }
}

const VERSION_2: u8 = CUR_BLOB_VERSION as u8;

/// The beginning of a version 2 blob.
fn header(blob_type: u32, algorithm: AlgId) -> Vec<u8> {
    let mut blob = vec![blob_type as u8, VERSION_2, 0, 0];
    blob.extend_from_slice(&algorithm.0.to_le_bytes());
    blob
}

/// Takes a DWORD from the front of a body.
fn take_u32(body: &mut &[u8]) -> Result<u32> {
    let (bytes, rest) = body.split_first_chunk().ok_or(CspError::NTE_BAD_DATA)?;
    *body = rest;
    Ok(u32::from_le_bytes(*bytes))
}

/// Takes so many bytes from the front of a body.
fn take<'a>(body: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (bytes, rest) = body.split_at_checked(len).ok_or(CspError::NTE_BAD_DATA)?;
    *body = rest;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
