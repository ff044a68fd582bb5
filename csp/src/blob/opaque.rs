//! OPAQUEKEYBLOB of the Schannel providers: a session key or master as it stands, for another context or process.
//!
//! ```text
//! offset size
//!      0    8  magic: "CAPISKEY"
//!      8    2  format version: 1, little-endian
//!     10    n  bincode (legacy configuration): which kind of key, and its parts
//! ```
//!
//! The key is in the clear, as in a PLAINTEXTKEYBLOB: processes have no secret in common under which to hide it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::header;
use crate::alg::Provider;
use crate::constants::{AlgId, OPAQUEKEYBLOB};
use crate::error::{CspError, Result};
use crate::soft::{Master, SavedKey, SavedMaster, SymKey};

/// What such a blob holds.
#[derive(Debug)]
pub enum OpaqueKey {
    /// A cipher's or a MAC's.
    Session(SymKey),
    /// A premaster or master.
    Master(Master),
}

#[derive(Serialize, Deserialize)]
enum Content {
    Session(SavedKey),
    Master(SavedMaster),
}

const MAGIC: &[u8; 8] = b"CAPISKEY";
const VERSION: u16 = 1;

/// The most that decoding may allocate, in bytes: the longest blob that is read at all.
const CONTENT_MAX: usize = 128 << 10;

/// The whole blob of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable.
pub fn build(key: &SymKey) -> Result<Zeroizing<Vec<u8>>> {
    match key.is_exportable() {
        true => encode(key.algorithm(), &Content::Session(key.save())),
        false => Err(CspError::NTE_BAD_KEY_STATE),
    }
}

/// The whole blob of a premaster or master.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if it is not exportable.
pub fn build_master(master: &Master) -> Result<Zeroizing<Vec<u8>>> {
    match master.is_exportable() {
        true => encode(master.algorithm(), &Content::Master(master.save())),
        false => Err(CspError::NTE_BAD_KEY_STATE),
    }
}

fn encode(algorithm: AlgId, content: &Content) -> Result<Zeroizing<Vec<u8>>> {
    let mut blob = Zeroizing::new(header(OPAQUEKEYBLOB, algorithm));
    blob.extend_from_slice(MAGIC);
    blob.extend_from_slice(&VERSION.to_le_bytes());
    let content = bincode::serde::encode_to_vec(content, bincode::config::legacy());
    let content = Zeroizing::new(content.map_err(|_| CspError::NTE_FAIL)?);
    blob.extend_from_slice(&content);
    Ok(blob)
}

/// The key in a blob's body. `flags` are CPImportKey's: they say whether it may be exported again.
///
/// # Errors
/// `NTE_BAD_DATA` for what no such blob holds; `NTE_BAD_ALGID` for an algorithm that the provider has not.
pub fn parse(
    provider: &'static Provider,
    algorithm: AlgId,
    body: &[u8],
    flags: u32,
) -> Result<OpaqueKey> {
    let content = body
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_prefix(&VERSION.to_le_bytes()))
        .ok_or(CspError::NTE_BAD_DATA)?;
    let config = bincode::config::legacy().with_limit::<CONTENT_MAX>();
    let (content, _) =
        bincode::serde::decode_from_slice(content, config).map_err(|_| CspError::NTE_BAD_DATA)?;
    match content {
        Content::Session(saved) => {
            SymKey::restore(provider, algorithm, &saved, flags).map(OpaqueKey::Session)
        }
        Content::Master(saved) => {
            Master::restore(provider, algorithm, &saved, flags).map(OpaqueKey::Master)
        }
    }
}
