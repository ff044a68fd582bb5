//! The plain hash functions behind one type.

use digest::{Digest as _, FixedOutputReset, OutputSizeUser};
use md2::Md2;
use md4::Md4;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// A running hash. `Clone` duplicates its state.
#[derive(Clone)]
pub(in crate::soft) enum Digest {
    Md2(Md2),
    Md4(Md4),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Does the same with whichever hash it is.
macro_rules! with {
    ($digest:expr, $hash:ident => $body:expr) => {
        match $digest {
            Digest::Md2($hash) => $body,
            Digest::Md4($hash) => $body,
            Digest::Md5($hash) => $body,
            Digest::Sha1($hash) => $body,
            Digest::Sha256($hash) => $body,
            Digest::Sha384($hash) => $body,
            Digest::Sha512($hash) => $body,
        }
    };
}

impl Digest {
    /// A hash of no data yet.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` if the algorithm is no plain hash function.
    pub(in crate::soft) fn new(algorithm: AlgId) -> Result<Digest> {
        Ok(match algorithm {
            AlgId::CALG_MD2 => Digest::Md2(Md2::new()),
            AlgId::CALG_MD4 => Digest::Md4(Md4::new()),
            AlgId::CALG_MD5 => Digest::Md5(Md5::new()),
            AlgId::CALG_SHA1 => Digest::Sha1(Sha1::new()),
            AlgId::CALG_SHA_256 => Digest::Sha256(Sha256::new()),
            AlgId::CALG_SHA_384 => Digest::Sha384(Sha384::new()),
            AlgId::CALG_SHA_512 => Digest::Sha512(Sha512::new()),
            _ => return Err(CspError::NTE_BAD_ALGID),
        })
    }

    /// Adds data.
    pub(in crate::soft) fn update(&mut self, data: &[u8]) {
        with!(self, hash => hash.update(data));
    }

    /// The value of the data so far; the hash is new again.
    pub(in crate::soft) fn finish(&mut self) -> Vec<u8> {
        with!(self, hash => hash.finalize_fixed_reset().to_vec())
    }

    /// Length of the value in bytes.
    pub(in crate::soft) fn size(&self) -> usize {
        with!(self, hash => size_of(hash))
    }

    /// Length in bytes to which HMAC pads its keys: RFC 2104's block for the SHA-2 functions with
    /// 128-byte blocks, and 64 for all others, MD2 included, as Microsoft's HMAC_INFO has it.
    pub(super) fn hmac_block(&self) -> usize {
        match self {
            Digest::Sha384(_) | Digest::Sha512(_) => 128,
            _ => 64,
        }
    }
}

fn size_of<H: OutputSizeUser>(_: &H) -> usize {
    H::output_size()
}
