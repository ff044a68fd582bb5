//! CALG_MAC: the last block of the data encrypted in CBC mode with PKCS#5 padding.

use crate::error::{CspError, Result};
use crate::soft::SymKey;

/// A running MAC.
#[derive(Clone)]
pub(super) struct CbcMac {
    /// A copy of the caller's key, so that using that one does not disturb the MAC.
    key: SymKey,
    block_len: usize,
    /// The data after the last whole block, always shorter than one.
    pending: Vec<u8>,
}

impl CbcMac {
    /// A MAC of no data yet.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` if the key is no block cipher's in CBC mode; `NTE_PERM` without CRYPT_MAC.
    pub(super) fn new(key: &SymKey) -> Result<CbcMac> {
        let key = key.for_mac()?;
        let block_len = key.block_len().ok_or(CspError::NTE_BAD_KEY)?;
        Ok(CbcMac {
            key,
            block_len,
            pending: Vec::new(),
        })
    }

    /// Adds data.
    ///
    /// # Errors
    /// None that a key which passed [`CbcMac::new`] can raise.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(data);
        let whole = self.pending.len() / self.block_len * self.block_len;
        let rest = self.pending.split_off(whole);
        let mut blocks = std::mem::replace(&mut self.pending, rest);
        if !blocks.is_empty() {
            self.key.mac_blocks(&mut blocks)?;
        }
        Ok(())
    }

    /// The value of the data so far. The MAC is of no further use.
    ///
    /// # Errors
    /// As [`CbcMac::update`].
    pub(super) fn finish(&mut self) -> Result<Vec<u8>> {
        let padding = self.block_len - self.pending.len();
        let mut block = std::mem::take(&mut self.pending);
        block.resize(self.block_len, padding as u8);
        Ok(self.key.mac_blocks(&mut block)?.to_vec())
    }

    /// Length of the value in bytes: one block.
    pub(super) fn size(&self) -> usize {
        self.block_len
    }
}
