//! CALG_HMAC: RFC 2104, with CryptoAPI's freedom to replace the pads.

use zeroize::Zeroizing;

use super::{Digest, HmacInfo};
use crate::error::Result;

/// A running HMAC.
#[derive(Clone)]
pub(in crate::soft) struct Hmac {
    inner: Digest,
    /// The outer pad, already XORed with the key.
    outer_pad: Zeroizing<Vec<u8>>,
}

impl Hmac {
    /// An HMAC of no data yet.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` if the info names no plain hash function.
    pub(in crate::soft) fn new(key: &[u8], info: &HmacInfo) -> Result<Hmac> {
        let mut inner = Digest::new(info.algorithm)?;
        let block = inner.hmac_block();
        let key = if key.len() > block {
            inner.update(key);
            Zeroizing::new(inner.finish())
        } else {
            Zeroizing::new(key.to_vec())
        };
        inner.update(&keyed_pad(&info.inner, 0x36, block, &key));
        Ok(Hmac {
            inner,
            outer_pad: keyed_pad(&info.outer, 0x5c, block, &key),
        })
    }

    /// Adds data.
    pub(in crate::soft) fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    /// The value of the data so far. The HMAC is of no further use.
    pub(in crate::soft) fn finish(&mut self) -> Vec<u8> {
        let value = self.inner.finish();
        self.inner.update(&self.outer_pad);
        self.inner.update(&value);
        self.inner.finish()
    }

    /// Length of the value in bytes.
    pub(in crate::soft) fn size(&self) -> usize {
        self.inner.size()
    }
}

/// The caller's string, or a block of the usual byte if it is empty, XORed with the key as far as
/// both go. A string longer or shorter than a block keeps its length.
fn keyed_pad(string: &[u8], usual: u8, block: usize, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut pad = Zeroizing::new(string.to_vec());
    if pad.is_empty() {
        pad.resize(block, usual);
    }
    for (byte, key) in pad.iter_mut().zip(key) {
        *byte ^= key;
    }
    pad
}
