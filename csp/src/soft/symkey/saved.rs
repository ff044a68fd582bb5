//! A session key as an opaque blob has it.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::modes::{Mode, RC2_MAX_LEN};
use super::params::MAX_SALT_LEN;
use super::rc4::Rc4;
use super::{State, SymKey, permissions};
use crate::alg::Provider;
use crate::constants::{ALG_CLASS_DATA_ENCRYPT, AlgId, CRYPT_ARCHIVE, CRYPT_EXPORT, CRYPT_NO_SALT};
use crate::error::{CspError, Result};

/// Everything that a key is made of and where it stands, its algorithm apart.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct SavedKey {
    key: Vec<u8>,
    salt: Vec<u8>,
    reported_salt_len: u8,
    effective_bits: Option<u16>,
    permissions: u32,
    state: SavedState,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
enum SavedState {
    /// KP_MODE, IV and feedback register.
    Block(u32, Vec<u8>, Vec<u8>),
    Stream(Option<Vec<u8>>),
    HmacOnly,
}

impl SymKey {
    /// What an opaque blob is to hold.
    pub fn save(&self) -> SavedKey {
        SavedKey {
            key: self.key.to_vec(),
            salt: self.salt.clone(),
            // At most MAX_SALT_LEN and 1024: both fit.
            reported_salt_len: self.reported_salt_len as u8,
            effective_bits: self.effective_bits.map(|bits| bits as u16),
            permissions: self.permissions,
            state: match &self.state {
                State::Block { mode, iv, chain } => {
                    SavedState::Block(mode.code(), iv.clone(), chain.clone())
                }
                State::Stream(stream) => {
                    SavedState::Stream(stream.as_ref().map(|stream| stream.save()))
                }
                State::HmacOnly => SavedState::HmacOnly,
            },
        }
    }

    /// The key of an opaque blob, where it stood. Whether it may be exported again is for `flags`, as in every import.
    ///
    /// # Errors
    /// As [`SymKey::import_wrapped`]; `NTE_BAD_DATA` for content that no key has.
    pub fn restore(
        provider: &'static Provider,
        algorithm: AlgId,
        saved: &SavedKey,
        flags: u32,
    ) -> Result<SymKey> {
        let made = match (&saved.state, algorithm) {
            (SavedState::HmacOnly, AlgId::CALG_SCHANNEL_MAC_KEY | AlgId::CALG_RC2) => {
                provider.algorithm(algorithm)?;
                let key = Zeroizing::new(saved.key.clone());
                let mut made = SymKey::assemble(provider, algorithm, key, flags | CRYPT_NO_SALT);
                made.state = State::HmacOnly;
                made
            }
            (SavedState::HmacOnly, _) => return Err(CspError::NTE_BAD_DATA),
            _ if algorithm.class() != ALG_CLASS_DATA_ENCRYPT => {
                return Err(CspError::NTE_BAD_ALGID);
            }
            _ => SymKey::import_wrapped(provider, algorithm, &saved.key, flags)?,
        };
        let state = match (&saved.state, &made.state) {
            (SavedState::Block(mode, iv, chain), State::Block { iv: usual, .. })
                if iv.len() == usual.len() && chain.len() == usual.len() =>
            {
                State::Block {
                    mode: Mode::from_code(*mode).ok_or(CspError::NTE_BAD_DATA)?,
                    iv: iv.clone(),
                    chain: chain.clone(),
                }
            }
            (SavedState::Stream(None), State::Stream(_)) => State::Stream(None),
            (SavedState::Stream(Some(stream)), State::Stream(_)) => {
                let stream = Rc4::restore(stream).ok_or(CspError::NTE_BAD_DATA)?;
                State::Stream(Some(Box::new(stream)))
            }
            (SavedState::HmacOnly, State::HmacOnly) => State::HmacOnly,
            _ => return Err(CspError::NTE_BAD_DATA),
        };
        let is_cipher = !matches!(state, State::HmacOnly);
        let salt_fits = saved.salt.len() <= MAX_SALT_LEN
            && usize::from(saved.reported_salt_len) <= saved.salt.len()
            && !(is_cipher
                && algorithm == AlgId::CALG_RC2
                && saved.key.len() + saved.salt.len() > RC2_MAX_LEN);
        let bits_fit = saved
            .effective_bits
            .is_none_or(|bits| (1..=1024).contains(&bits));
        if !salt_fits || !bits_fit {
            return Err(CspError::NTE_BAD_DATA);
        }
        let settled = CRYPT_EXPORT | CRYPT_ARCHIVE;
        Ok(SymKey {
            salt: saved.salt.clone(),
            reported_salt_len: saved.reported_salt_len.into(),
            effective_bits: saved.effective_bits.map(u32::from),
            permissions: saved.permissions & !settled | permissions(flags) & settled,
            state,
            ..made
        })
    }
}
