//! Block ciphers and the modes they run in.
//!
//! A key keeps its expanded cipher from call to call, together with what it was expanded from: the
//! salt and the effective length can change between two calls.

use aes::{Aes128, Aes192, Aes256};
use cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    IvState, KeyInit,
};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;
use zeroize::Zeroizing;

use crate::constants::{
    AlgId, CRYPT_MODE_CBC, CRYPT_MODE_CFB, CRYPT_MODE_CTS, CRYPT_MODE_ECB, CRYPT_MODE_OFB,
};
use crate::error::{CspError, Result};

/// KP_MODE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// CRYPT_MODE_CBC
    Cbc,
    /// CRYPT_MODE_ECB
    Ecb,
    /// CRYPT_MODE_CFB with 8 bits of feedback
    Cfb,
    /// CRYPT_MODE_OFB: can be set in the RSA family, but nothing can be done in it
    Ofb,
    /// CRYPT_MODE_CTS: as OFB
    Cts,
}

impl Mode {
    /// The mode of a KP_MODE value, if it is one.
    pub(super) fn from_code(code: u32) -> Option<Mode> {
        [Mode::Cbc, Mode::Ecb, Mode::Cfb, Mode::Ofb, Mode::Cts]
            .into_iter()
            .find(|mode| mode.code() == code)
    }

    /// Its KP_MODE value.
    pub(super) fn code(self) -> u32 {
        match self {
            Mode::Cbc => CRYPT_MODE_CBC,
            Mode::Ecb => CRYPT_MODE_ECB,
            Mode::Cfb => CRYPT_MODE_CFB,
            Mode::Ofb => CRYPT_MODE_OFB,
            Mode::Cts => CRYPT_MODE_CTS,
        }
    }

    /// Whether data can be encrypted or decrypted in it.
    pub(super) fn is_computed(self) -> bool {
        !matches!(self, Mode::Ofb | Mode::Cts)
    }
}

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Plain text to cipher text.
    Encrypt,
    /// Cipher text to plain text.
    Decrypt,
}

/// What a block cipher is expanded from.
#[derive(Clone, Copy)]
pub(super) struct BlockKey<'a> {
    pub(super) algorithm: AlgId,
    pub(super) key: &'a [u8],
    /// Follows the key bytes.
    pub(super) salt: &'a [u8],
    /// Effective length of an RC2 key in bits; other ciphers have none.
    pub(super) effective_bits: u32,
}

/// An expanded block cipher, and what it was expanded from.
#[derive(Clone)]
pub(super) struct BlockCipher {
    algorithm: AlgId,
    /// Key bytes and salt.
    bytes: Zeroizing<Vec<u8>>,
    effective_bits: u32,
    schedule: Schedule,
}

#[derive(Clone)]
enum Schedule {
    Des(Des),
    TdesEde2(TdesEde2),
    TdesEde3(TdesEde3),
    Rc2(Rc2),
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

/// Length of the longest RC2 key, salt included, in bytes (RFC 2268).
pub(super) const RC2_MAX_LEN: usize = 128;

/// Block length of an algorithm in bytes, `None` if it is no block cipher.
pub(in crate::soft) fn block_len(algorithm: AlgId) -> Option<usize> {
    match algorithm {
        AlgId::CALG_DES | AlgId::CALG_3DES_112 | AlgId::CALG_3DES | AlgId::CALG_RC2 => Some(8),
        AlgId::CALG_AES_128 | AlgId::CALG_AES_192 | AlgId::CALG_AES_256 => Some(16),
        _ => None,
    }
}

impl BlockCipher {
    /// Expands a key.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` if it is no block cipher's; `NTE_FAIL` if its length does not suit, which its maker has checked.
    pub(super) fn new(key: BlockKey<'_>) -> Result<BlockCipher> {
        let bytes = Zeroizing::new([key.key, key.salt].concat());
        let schedule = match key.algorithm {
            AlgId::CALG_DES => Schedule::Des(expand(&bytes)?),
            AlgId::CALG_3DES_112 => Schedule::TdesEde2(expand(&bytes)?),
            AlgId::CALG_3DES => Schedule::TdesEde3(expand(&bytes)?),
            AlgId::CALG_AES_128 => Schedule::Aes128(expand(&bytes)?),
            AlgId::CALG_AES_192 => Schedule::Aes192(expand(&bytes)?),
            AlgId::CALG_AES_256 => Schedule::Aes256(expand(&bytes)?),
            AlgId::CALG_RC2 => {
                // The crate indexes by these two without a check of its own.
                if bytes.is_empty()
                    || bytes.len() > RC2_MAX_LEN
                    || !(1..=1024).contains(&key.effective_bits)
                {
                    return Err(CspError::NTE_FAIL);
                }
                let bits = key.effective_bits as usize;
                Schedule::Rc2(Rc2::new_with_eff_key_len(&bytes, bits))
            }
            _ => return Err(CspError::NTE_BAD_ALGID),
        };
        Ok(BlockCipher {
            algorithm: key.algorithm,
            bytes,
            effective_bits: key.effective_bits,
            schedule,
        })
    }

    /// The cipher of `key`: what `kept` has if that is it, else a new one that is kept from now on.
    ///
    /// # Errors
    /// Those of [`BlockCipher::new`].
    pub(super) fn kept<'k>(
        kept: &'k mut Option<Box<BlockCipher>>,
        key: BlockKey<'_>,
    ) -> Result<&'k BlockCipher> {
        let cipher = match kept.take() {
            Some(cipher) if cipher.is_of(key) => cipher,
            _ => Box::new(BlockCipher::new(key)?),
        };
        Ok(kept.insert(cipher))
    }

    fn is_of(&self, key: BlockKey<'_>) -> bool {
        self.algorithm == key.algorithm
            && self.effective_bits == key.effective_bits
            && self.bytes.strip_prefix(key.key) == Some(key.salt)
    }

    /// Processes whole blocks in place and moves `chain`, one block long, along with them.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for a mode that is not computed; `NTE_BAD_DATA` for a broken block.
    pub(super) fn process(
        &self,
        mode: Mode,
        direction: Direction,
        chain: &mut [u8],
        data: &mut [u8],
    ) -> Result<()> {
        match &self.schedule {
            Schedule::Des(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::TdesEde2(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::TdesEde3(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::Rc2(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::Aes128(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::Aes192(cipher) => run(cipher, mode, direction, chain, data),
            Schedule::Aes256(cipher) => run(cipher, mode, direction, chain, data),
        }
    }
}

fn expand<C: KeyInit>(bytes: &[u8]) -> Result<C> {
    C::new_from_slice(bytes).map_err(|_| CspError::NTE_FAIL)
}

/// [`BlockCipher::process`] for one cipher.
fn run<C>(
    cipher: &C,
    mode: Mode,
    direction: Direction,
    chain: &mut [u8],
    data: &mut [u8],
) -> Result<()>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt,
{
    let iv = Array::try_from(&*chain).map_err(|_| CspError::NTE_FAIL)?;
    let (blocks, broken) = Array::slice_as_chunks_mut(data);
    if !broken.is_empty() {
        return Err(CspError::NTE_BAD_DATA);
    }
    match (mode, direction) {
        (Mode::Ecb, Direction::Encrypt) => cipher.encrypt_blocks(blocks),
        (Mode::Ecb, Direction::Decrypt) => cipher.decrypt_blocks(blocks),
        (Mode::Cbc, Direction::Encrypt) => {
            let mut cbc = cbc::Encryptor::inner_iv_init(cipher, &iv);
            cbc.encrypt_blocks(blocks);
            chain.copy_from_slice(&cbc.iv_state());
        }
        (Mode::Cbc, Direction::Decrypt) => {
            let mut cbc = cbc::Decryptor::inner_iv_init(cipher, &iv);
            cbc.decrypt_blocks(blocks);
            chain.copy_from_slice(&cbc.iv_state());
        }
        (Mode::Cfb, Direction::Encrypt) => {
            let mut cfb = cfb8::Encryptor::inner_iv_init(cipher, &iv);
            cfb.encrypt(data);
            chain.copy_from_slice(&cfb.iv_state());
        }
        (Mode::Cfb, Direction::Decrypt) => {
            let mut cfb = cfb8::Decryptor::inner_iv_init(cipher, &iv);
            cfb.decrypt(data);
            chain.copy_from_slice(&cfb.iv_state());
        }
        (Mode::Ofb | Mode::Cts, _) => return Err(CspError::NTE_BAD_ALGID),
    }
    Ok(())
}
