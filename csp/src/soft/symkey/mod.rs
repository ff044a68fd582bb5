//! Session keys: CPEncrypt and CPDecrypt, and what the rest of [`soft`](super) needs of a key.
//!
//! How keys come about is in `make`, their KP_ parameters in `params`, the ciphers themselves in
//! `modes` and `rc4`.

mod make;
mod modes;
mod params;
mod rc4;
mod saved;

pub(crate) use self::make::set_odd_parity;
pub(in crate::soft) use self::make::{GENERATE_FLAGS, IMPORT_FLAGS, permissions, stored_bits};
pub(in crate::soft) use self::modes::block_len;
pub use self::params::ParamForm;
pub use self::saved::SavedKey;

use std::fmt;

use zeroize::Zeroizing;

use self::modes::{BlockCipher, BlockKey, Direction, Mode};
use self::rc4::Rc4;
use crate::alg::Provider;
use crate::constants::{
    AlgId, CRYPT_ARCHIVE, CRYPT_DECRYPT, CRYPT_ENCRYPT, CRYPT_EXPORT, CRYPT_MAC,
};
use crate::error::{CspError, Result};

/// A session key with its cipher state. `Clone` is CPDuplicateKey: the copy continues where the
/// original stands.
#[derive(Clone)]
pub struct SymKey {
    provider: &'static Provider,
    algorithm: AlgId,
    /// Key bytes, DES parity included, salt not.
    key: Zeroizing<Vec<u8>>,
    /// Salt that follows the key bytes in RC2 and RC4.
    salt: Vec<u8>,
    /// Length that KP_SALT reports, which is not always that of `salt`.
    reported_salt_len: usize,
    /// Effective length of an RC2 key in bits, once it was set.
    effective_bits: Option<u32>,
    /// KP_PERMISSIONS.
    permissions: u32,
    state: State,
    /// A block cipher's schedule, once it was needed.
    cipher: Option<Box<BlockCipher>>,
}

/// What a key can do and how far it has come.
#[derive(Clone)]
enum State {
    /// A block cipher. `chain` is the feedback register, as long as `iv`, one block.
    Block {
        mode: Mode,
        iv: Vec<u8>,
        chain: Vec<u8>,
    },
    /// A stream cipher: its running key stream, `None` at the start.
    Stream(Option<Box<Rc4>>),
    /// A CRYPT_IPSEC_HMAC_KEY or CALG_SCHANNEL_MAC_KEY: bytes for an HMAC, no cipher.
    HmacOnly,
}

impl SymKey {
    /// Its ALG_ID.
    pub fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    /// Whether CPExportKey may hand it out: it was made exportable, or archivable.
    pub fn is_exportable(&self) -> bool {
        self.permissions & (CRYPT_EXPORT | CRYPT_ARCHIVE) != 0
    }

    /// The stored key bytes, DES parity included, salt not. What blobs carry and
    /// CPHashSessionKey and HMAC take.
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// Block length in bytes, `None` for a stream cipher or an HMAC key.
    pub fn block_len(&self) -> Option<usize> {
        match &self.state {
            State::Block { iv, .. } => Some(iv.len()),
            State::Stream(_) | State::HmacOnly => None,
        }
    }

    /// How many bytes CPEncrypt will produce from `len` bytes. Makes every check that
    /// [`SymKey::encrypt`] makes, and consumes nothing: it answers size queries, and is to be
    /// called before an attached hash is fed.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a broken block without `last`; `NTE_BAD_KEY` for an RC2 key over the
    /// provider's maximum or an HMAC key; `NTE_BAD_ALGID` for a mode that is not computed;
    /// `NTE_PERM` without CRYPT_ENCRYPT; `NTE_BAD_LEN` if the sum overflows.
    pub fn encrypted_len(&self, len: usize, last: bool) -> Result<usize> {
        let block_len = self.check_use(CRYPT_ENCRYPT)?;
        if self.exceeds_maximum() {
            return Err(CspError::NTE_BAD_KEY);
        }
        match block_len {
            None => Ok(len),
            Some(block) if last => {
                let padding = block - len % block;
                len.checked_add(padding).ok_or(CspError::NTE_BAD_LEN)
            }
            Some(block) if !len.is_multiple_of(block) => Err(CspError::NTE_BAD_DATA),
            Some(_) => Ok(len),
        }
    }

    /// CPEncrypt in place: the first `len` bytes of `buffer` are the plain text; returns the
    /// length of the cipher text. `last` (Final) pads with PKCS#5, in every mode by at least one
    /// byte, and then resets the key to its IV.
    ///
    /// # Errors
    /// `ERROR_MORE_DATA` if `buffer` is shorter than [`SymKey::encrypted_len`], with data and
    /// state untouched; else as there.
    pub fn encrypt(&mut self, buffer: &mut [u8], len: usize, last: bool) -> Result<usize> {
        let produced = self.encrypted_len(len, last)?;
        let data = buffer
            .get_mut(..produced)
            .ok_or(CspError::ERROR_MORE_DATA)?;
        // At most one block, so the count fits a byte; nothing for a stream cipher.
        data[len..].fill((produced - len) as u8);
        self.process(Direction::Encrypt, data)?;
        if last {
            self.reset();
        }
        Ok(produced)
    }

    /// CPDecrypt in place: returns the length of the plain text, which begins at the start of
    /// `data`. `last` removes the padding and resets the key to its IV, also when the padding is
    /// bad.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a broken block, an empty last piece or bad padding; `NTE_BAD_KEY` for
    /// an HMAC key; `NTE_BAD_ALGID` for a mode that is not computed; `NTE_PERM` without
    /// CRYPT_DECRYPT.
    pub fn decrypt(&mut self, data: &mut [u8], last: bool) -> Result<usize> {
        let block_len = self.check_use(CRYPT_DECRYPT)?;
        if block_len
            .is_some_and(|block| !data.len().is_multiple_of(block) || (last && data.is_empty()))
        {
            return Err(CspError::NTE_BAD_DATA);
        }
        self.process(Direction::Decrypt, data)?;
        if last {
            self.reset();
        }
        match block_len {
            Some(block) if last => unpadded_len(data, block).ok_or(CspError::NTE_BAD_DATA),
            _ => Ok(data.len()),
        }
    }

    /// A copy for CALG_MAC, at its IV.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` if it is no block cipher's key in CBC mode; `NTE_PERM` without CRYPT_MAC.
    pub(super) fn for_mac(&self) -> Result<SymKey> {
        match &self.state {
            State::Block {
                mode: Mode::Cbc, ..
            } => {
                self.check_permission(CRYPT_MAC)?;
                let mut copy = self.clone();
                copy.reset();
                Ok(copy)
            }
            _ => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// The bytes for CALG_HMAC.
    ///
    /// # Errors
    /// `NTE_PERM` without CRYPT_MAC.
    pub(super) fn for_hmac(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.check_permission(CRYPT_MAC)?;
        Ok(self.key.clone())
    }

    /// Encrypts whole blocks in CBC mode and returns the last one. For [`SymKey::for_mac`]'s
    /// copy, whose chain goes on from call to call.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for a key that has no blocks, `NTE_BAD_DATA` for a broken one.
    pub(super) fn mac_blocks(&mut self, data: &mut [u8]) -> Result<&[u8]> {
        self.process(Direction::Encrypt, data)?;
        match &self.state {
            State::Block { chain, .. } => Ok(chain),
            State::Stream(_) | State::HmacOnly => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// CBC over whole blocks from a given IV, whatever the key's own mode, IV and chain: for key
    /// wrapping.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for a key that has no blocks, `NTE_BAD_DATA` for a broken one.
    pub(crate) fn cbc_encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<()> {
        self.cbc(Direction::Encrypt, iv, data)
    }

    /// The inverse of [`SymKey::cbc_encrypt`].
    pub(crate) fn cbc_decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<()> {
        self.cbc(Direction::Decrypt, iv, data)
    }

    fn cbc(&self, direction: Direction, iv: &[u8], data: &mut [u8]) -> Result<()> {
        if self.block_len() != Some(iv.len()) {
            return Err(CspError::NTE_BAD_KEY);
        }
        let key = BlockKey {
            algorithm: self.algorithm,
            key: &self.key,
            salt: &self.salt,
            effective_bits: self.effective_bits(),
        };
        BlockCipher::new(key)?.process(Mode::Cbc, direction, &mut iv.to_vec(), data)
    }

    /// Block length, once it is sure that the key may be used this way at all.
    fn check_use(&self, permission: u32) -> Result<Option<usize>> {
        let block_len = match &self.state {
            State::HmacOnly => return Err(CspError::NTE_BAD_KEY),
            State::Block { mode, .. } if !mode.is_computed() => {
                return Err(CspError::NTE_BAD_ALGID);
            }
            State::Block { iv, .. } => Some(iv.len()),
            State::Stream(_) => None,
        };
        self.check_permission(permission)?;
        Ok(block_len)
    }

    fn check_permission(&self, permission: u32) -> Result<()> {
        if self.permissions & permission == 0 {
            Err(CspError::NTE_PERM)
        } else {
            Ok(())
        }
    }

    /// A SIMPLEBLOB can bring RC2 keys that are longer than the provider makes. They decrypt, MAC
    /// and HMAC, but do not encrypt.
    fn exceeds_maximum(&self) -> bool {
        self.algorithm == AlgId::CALG_RC2
            && self
                .provider
                .algorithm(self.algorithm)
                .is_ok_and(|row| self.key.len() * 8 > row.max_bits as usize)
    }

    fn process(&mut self, direction: Direction, data: &mut [u8]) -> Result<()> {
        let effective_bits = self.effective_bits();
        match &mut self.state {
            State::Block { mode, chain, .. } => {
                let key = BlockKey {
                    algorithm: self.algorithm,
                    key: &self.key,
                    salt: &self.salt,
                    effective_bits,
                };
                BlockCipher::kept(&mut self.cipher, key)?.process(*mode, direction, chain, data)
            }
            State::Stream(stream) => {
                let start = || {
                    let bytes = Zeroizing::new([&self.key[..], &self.salt].concat());
                    Box::new(Rc4::new(&bytes))
                };
                stream.get_or_insert_with(start).apply(data);
                Ok(())
            }
            State::HmacOnly => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// Back to the IV, or to the start of the key stream.
    fn reset(&mut self) {
        match &mut self.state {
            State::Block { iv, chain, .. } => chain.clone_from(iv),
            State::Stream(stream) => *stream = None,
            State::HmacOnly => {}
        }
    }

    /// Effective length of an RC2 key: what was set, or the length of the key without salt.
    fn effective_bits(&self) -> u32 {
        self.effective_bits.unwrap_or(self.key_bits())
    }

    /// Length of the key in bits, DES parity included, salt not.
    fn key_bits(&self) -> u32 {
        u32::try_from(self.key.len() * 8).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for SymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymKey({}, {} bits)", self.algorithm, self.key_bits())
    }
}

/// Length of the data without its PKCS#5 padding, if that is right: the last byte counts the
/// padding, one to a block, and all padding bytes equal it.
fn unpadded_len(data: &[u8], block_len: usize) -> Option<usize> {
    let padding = *data.last()?;
    let count = usize::from(padding);
    if count == 0 || count > block_len {
        return None;
    }
    let len = data.len().checked_sub(count)?;
    data[len..]
        .iter()
        .all(|byte| *byte == padding)
        .then_some(len)
}

#[cfg(test)]
mod tests;
