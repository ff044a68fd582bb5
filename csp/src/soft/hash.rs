//! Hash objects: CPCreateHash, CPHashData, CPHashSessionKey and the HP_ parameters.

use super::{ParamForm, SymKey};
use crate::alg::Provider;
use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// A hash object.
#[derive(Clone)]
pub struct HashState {
    algorithm: AlgId,
}

/// HMAC_INFO (HP_HMAC_INFO): the hash inside an HMAC and the strings that replace its pads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacInfo {
    /// The hash.
    pub algorithm: AlgId,
    /// Replaces the 0x36 pad; empty for the usual one.
    pub inner: Vec<u8>,
    /// Replaces the 0x5c pad; empty for the usual one.
    pub outer: Vec<u8>,
}

impl HashState {
    /// CPCreateHash. The key is copied; plain hashes ignore it.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID`; `NTE_BAD_KEY` for a MAC or HMAC without a key, or a MAC with a stream
    /// cipher's key or one not in CBC mode; `NTE_PERM` for a MAC key without CRYPT_MAC.
    pub fn new(
        provider: &'static Provider,
        algorithm: AlgId,
        key: Option<&SymKey>,
    ) -> Result<HashState> {
        let _ = (provider, key, algorithm);
        Err(CspError::NTE_FAIL)
    }

    /// Its ALG_ID.
    pub fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    /// CPHashData. CRYPT_USERDATA is accepted and ignored.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS`; `NTE_BAD_HASH_STATE` once finished; `NTE_BAD_ALGID` for a hash that can
    /// only be set, or an HMAC whose inner hash was not chosen.
    pub fn update(&mut self, data: &[u8], flags: u32) -> Result<()> {
        let _ = (data, flags);
        Err(CspError::NTE_FAIL)
    }

    /// CPHashSessionKey: the key's bytes without salt, reversed unless CRYPT_LITTLE_ENDIAN.
    ///
    /// # Errors
    /// As [`HashState::update`].
    pub fn update_key(&mut self, key: &SymKey, flags: u32) -> Result<()> {
        let _ = (key, flags);
        Err(CspError::NTE_FAIL)
    }

    /// Finishes the hash and returns its value; may be called again.
    ///
    /// # Errors
    /// `NTE_BAD_HASH_STATE` for a hash that can only be set and was not.
    pub fn value(&mut self) -> Result<Vec<u8>> {
        Err(CspError::NTE_FAIL)
    }

    /// Length of the value in bytes, known before any data.
    pub fn size(&self) -> usize {
        0
    }

    /// CPGetHashParam's size query: the length of [`HashState::param`], without finishing.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for an unknown parameter.
    pub fn param_len(&self, param: u32) -> Result<usize> {
        let _ = param;
        Err(CspError::NTE_FAIL)
    }

    /// CPGetHashParam: the value's bytes; HP_HASHVAL finishes the hash.
    ///
    /// # Errors
    /// As [`HashState::param_len`] and [`HashState::value`].
    pub fn param(&mut self, param: u32) -> Result<Vec<u8>> {
        let _ = param;
        Err(CspError::NTE_FAIL)
    }

    /// How CPSetHashParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown or cannot be set.
    pub fn param_form(&self, param: u32) -> Result<ParamForm> {
        let _ = param;
        Err(CspError::NTE_FAIL)
    }

    /// CPSetHashParam(HP_HASHVAL): takes exactly [`HashState::size`] bytes and finishes.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS` for another length; `NTE_BAD_HASH_STATE` once finished.
    pub fn set_value(&mut self, value: &[u8]) -> Result<()> {
        let _ = value;
        Err(CspError::NTE_FAIL)
    }

    /// CPSetHashParam(HP_HMAC_INFO).
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` if this is no HMAC; `NTE_BAD_ALGID` for a hash it cannot use;
    /// `NTE_BAD_HASH_STATE` once data has gone in.
    pub fn set_hmac_info(&mut self, info: &HmacInfo) -> Result<()> {
        let _ = info;
        Err(CspError::NTE_FAIL)
    }
}
