//! Block ciphers and the modes they run in.
//!
//! The cipher is expanded anew for every call: what a key schedule depends on (salt, effective
//! length) can change between two calls, and a cached one would have to be kept in step.

use aes::{Aes128, Aes192, Aes256};
use cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    IvState, KeyInit,
};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;

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
pub(super) struct BlockKey<'a> {
    pub(super) algorithm: AlgId,
    /// Key bytes followed by the salt.
    pub(super) bytes: &'a [u8],
    /// Effective length of an RC2 key in bits; other ciphers have none.
    pub(super) effective_bits: u32,
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

impl BlockKey<'_> {
    /// Processes whole blocks in place and moves `chain`, one block long, along with them.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for a mode that is not computed; `NTE_FAIL` if the key's length does not
    /// suit, which its maker has checked.
    pub(super) fn process(
        &self,
        mode: Mode,
        direction: Direction,
        chain: &mut [u8],
        data: &mut [u8],
    ) -> Result<()> {
        match self.algorithm {
            AlgId::CALG_DES => run(&self.expand::<Des>()?, mode, direction, chain, data),
            AlgId::CALG_3DES_112 => run(&self.expand::<TdesEde2>()?, mode, direction, chain, data),
            AlgId::CALG_3DES => run(&self.expand::<TdesEde3>()?, mode, direction, chain, data),
            AlgId::CALG_AES_128 => run(&self.expand::<Aes128>()?, mode, direction, chain, data),
            AlgId::CALG_AES_192 => run(&self.expand::<Aes192>()?, mode, direction, chain, data),
            AlgId::CALG_AES_256 => run(&self.expand::<Aes256>()?, mode, direction, chain, data),
            AlgId::CALG_RC2 => {
                // The crate indexes by these two without a check of its own.
                if self.bytes.is_empty()
                    || self.bytes.len() > RC2_MAX_LEN
                    || !(1..=1024).contains(&self.effective_bits)
                {
                    return Err(CspError::NTE_FAIL);
                }
                let rc2 = Rc2::new_with_eff_key_len(self.bytes, self.effective_bits as usize);
                run(&rc2, mode, direction, chain, data)
            }
            _ => Err(CspError::NTE_BAD_ALGID),
        }
    }

    fn expand<C: KeyInit>(&self) -> Result<C> {
        C::new_from_slice(self.bytes).map_err(|_| CspError::NTE_FAIL)
    }
}

/// [`BlockKey::process`] for one cipher.
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
