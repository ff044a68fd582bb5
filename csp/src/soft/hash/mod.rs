//! Hash objects: CPCreateHash, CPHashData, CPHashSessionKey and the HP_ parameters.

mod digest;
mod hmac;
mod mac;

use std::fmt;

use zeroize::Zeroizing;

pub(super) use self::digest::Digest;
pub(super) use self::hmac::Hmac;
use self::mac::CbcMac;
use super::{Master, MasterHash, ParamForm, Prf, SymKey};
use crate::alg::Provider;
use crate::constants::{
    ALG_CLASS_HASH, AlgId, CRYPT_LITTLE_ENDIAN, CRYPT_USERDATA, HP_ALGID, HP_HASHSIZE, HP_HASHVAL,
    HP_HMAC_INFO, HP_TLS1PRF_LABEL, HP_TLS1PRF_SEED,
};
use crate::error::{CspError, Result};

/// A hash object. `Clone` is CPDuplicateHash.
#[derive(Clone)]
pub struct HashState {
    algorithm: AlgId,
    state: State,
}

/// HMAC_INFO (HP_HMAC_INFO): the hash inside an HMAC and the strings that replace its pads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacInfo {
    /// The hash. It need not be one that the provider lists.
    pub algorithm: AlgId,
    /// Replaces the block of 0x36; empty for the usual one.
    pub inner: Vec<u8>,
    /// Replaces the block of 0x5c; empty for the usual one.
    pub outer: Vec<u8>,
}

#[derive(Clone)]
enum State {
    /// A plain hash function.
    Plain(Digest),
    /// CALG_MAC.
    Mac(CbcMac),
    /// CALG_HMAC before HP_HMAC_INFO told its hash: only the key is there.
    HmacWithoutInfo(Zeroizing<Vec<u8>>),
    /// CALG_HMAC. The key is kept for another HP_HMAC_INFO, as long as no data has come.
    Hmac {
        key: Zeroizing<Vec<u8>>,
        hmac: Hmac,
        started: bool,
    },
    /// CALG_SCHANNEL_MASTER_HASH: keys are derived from it, data does not go in.
    Master(MasterHash),
    /// CALG_TLS1PRF: its value is as long as the caller wants, data does not go in.
    Prf(Prf),
    /// CALG_SSL3_SHAMD5, whose value can only be set.
    Unset,
    /// Finished, by reading or setting its value.
    Finished(Zeroizing<Vec<u8>>),
}

/// Length of a CALG_SSL3_SHAMD5 value in bytes: MD5 and SHA-1.
const SHAMD5_LEN: usize = 36;

impl HashState {
    /// CPCreateHash. The key is copied; plain hashes ignore it.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID`; `NTE_BAD_KEY` for a MAC or HMAC without a key, or a MAC with a stream
    /// cipher's key or one not in CBC mode; `NTE_PERM` for a key without CRYPT_MAC.
    pub fn new(
        provider: &'static Provider,
        algorithm: AlgId,
        key: Option<&SymKey>,
    ) -> Result<HashState> {
        if algorithm.class() != ALG_CLASS_HASH {
            return Err(CspError::NTE_BAD_ALGID);
        }
        provider.algorithm(algorithm)?;
        let state = match algorithm {
            AlgId::CALG_MAC => State::Mac(CbcMac::new(key.ok_or(CspError::NTE_BAD_KEY)?)?),
            AlgId::CALG_HMAC => {
                State::HmacWithoutInfo(key.ok_or(CspError::NTE_BAD_KEY)?.for_hmac()?)
            }
            AlgId::CALG_SSL3_SHAMD5 => State::Unset,
            _ => State::Plain(Digest::new(algorithm)?),
        };
        Ok(HashState { algorithm, state })
    }

    /// CPCreateHash for the two hashes that are made of a master. The first CALG_SCHANNEL_MASTER_HASH turns a premaster into
    /// the master.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for another hash; those of [`Master::hash`] and [`Master::prf`].
    pub fn of_master(
        provider: &'static Provider,
        algorithm: AlgId,
        master: &mut Master,
    ) -> Result<HashState> {
        provider.algorithm(algorithm)?;
        let state = match algorithm {
            AlgId::CALG_SCHANNEL_MASTER_HASH => State::Master(master.hash()?),
            AlgId::CALG_TLS1PRF => State::Prf(master.prf()?),
            _ => return Err(CspError::NTE_BAD_ALGID),
        };
        Ok(HashState { algorithm, state })
    }

    /// Its ALG_ID.
    pub fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    /// The master hash, where only that will do.
    ///
    /// # Errors
    /// `NTE_BAD_HASH` if this is none.
    pub fn master(&self) -> Result<&MasterHash> {
        match &self.state {
            State::Master(master) => Ok(master),
            _ => Err(CspError::NTE_BAD_HASH),
        }
    }

    /// The pseudo-random function, if this is one.
    pub fn prf(&mut self) -> Option<&mut Prf> {
        match &mut self.state {
            State::Prf(prf) => Some(prf),
            _ => None,
        }
    }

    /// CPHashData. CRYPT_USERDATA is accepted and ignored.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS`; `NTE_BAD_HASH_STATE` once finished; `NTE_BAD_ALGID` for a hash that can
    /// only be set, or an HMAC whose inner hash was not chosen.
    pub fn update(&mut self, data: &[u8], flags: u32) -> Result<()> {
        if flags & !CRYPT_USERDATA != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        self.add(data)
    }

    /// CPHashSessionKey: the key's bytes without salt, reversed unless CRYPT_LITTLE_ENDIAN.
    ///
    /// # Errors
    /// As [`HashState::update`].
    pub fn update_key(&mut self, key: &[u8], flags: u32) -> Result<()> {
        if flags & !CRYPT_LITTLE_ENDIAN != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let mut bytes = Zeroizing::new(key.to_vec());
        if flags & CRYPT_LITTLE_ENDIAN == 0 {
            bytes.reverse();
        }
        self.add(&bytes)
    }

    /// Finishes the hash and returns its value; may be called again.
    ///
    /// # Errors
    /// `NTE_BAD_HASH_STATE` for a hash that can only be set and was not; `NTE_BAD_ALGID` for an
    /// HMAC whose inner hash was not chosen; `NTE_BAD_HASH` for one that is made of a master.
    pub fn value(&mut self) -> Result<Vec<u8>> {
        let value = match &mut self.state {
            State::Plain(digest) => digest.finish(),
            State::Mac(mac) => mac.finish()?,
            State::Hmac { hmac, .. } => hmac.finish(),
            State::HmacWithoutInfo(_) => return Err(CspError::NTE_BAD_ALGID),
            State::Master(_) | State::Prf(_) => return Err(CspError::NTE_BAD_HASH),
            State::Unset => return Err(CspError::NTE_BAD_HASH_STATE),
            State::Finished(value) => return Ok(value.to_vec()),
        };
        self.state = State::Finished(Zeroizing::new(value.clone()));
        Ok(value)
    }

    /// Length of the value in bytes, known before any data; zero for an HMAC whose inner hash was
    /// not chosen, and for the hashes made of a master, of which one has no value and one a value
    /// of any length.
    pub fn size(&self) -> usize {
        match &self.state {
            State::Plain(digest) => digest.size(),
            State::Mac(mac) => mac.size(),
            State::HmacWithoutInfo(_) | State::Master(_) | State::Prf(_) => 0,
            State::Hmac { hmac, .. } => hmac.size(),
            State::Unset => SHAMD5_LEN,
            State::Finished(value) => value.len(),
        }
    }

    /// CPGetHashParam's size query: the length of [`HashState::param`] in bytes, without
    /// finishing the hash.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for an unknown parameter, and for the value of a master hash, which has none
    /// to tell; that of a pseudo-random function is [`Prf::fill`]'s.
    pub fn param_len(&self, param: u32) -> Result<usize> {
        match param {
            HP_ALGID | HP_HASHSIZE => Ok(4),
            HP_HASHVAL if !self.is_of_master() => Ok(self.size()),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPGetHashParam: the value's bytes (DWORDs little-endian); HP_HASHVAL finishes the hash.
    ///
    /// # Errors
    /// As [`HashState::param_len`] and [`HashState::value`].
    pub fn param(&mut self, param: u32) -> Result<Vec<u8>> {
        match param {
            HP_ALGID => Ok(self.algorithm.0.to_le_bytes().to_vec()),
            HP_HASHSIZE => Ok((self.size() as u32).to_le_bytes().to_vec()),
            HP_HASHVAL => self.value(),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// How CPSetHashParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown or cannot be set.
    pub fn param_form(&self, param: u32) -> Result<ParamForm> {
        match param {
            HP_HASHVAL if !self.is_of_master() => Ok(ParamForm::Bytes(self.size())),
            HP_TLS1PRF_LABEL | HP_TLS1PRF_SEED if matches!(self.state, State::Prf(_)) => {
                Ok(ParamForm::Blob)
            }
            HP_HMAC_INFO if self.algorithm == AlgId::CALG_HMAC => Ok(ParamForm::HmacInfo),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPSetHashParam(HP_HASHVAL): takes exactly [`HashState::size`] bytes and finishes the hash.
    /// A value that was set or computed before is replaced.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS` for another length; `NTE_BAD_ALGID` for an HMAC whose inner hash was not
    /// chosen; `NTE_BAD_TYPE` for a hash that is made of a master.
    pub fn set_value(&mut self, value: &[u8]) -> Result<()> {
        if self.is_of_master() {
            return Err(CspError::NTE_BAD_TYPE);
        }
        if matches!(self.state, State::HmacWithoutInfo(_)) {
            return Err(CspError::NTE_BAD_ALGID);
        }
        if value.len() != self.size() {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        self.state = State::Finished(Zeroizing::new(value.to_vec()));
        Ok(())
    }

    /// CPSetHashParam(HP_HMAC_INFO).
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` if this is no HMAC; `NTE_BAD_ALGID` for a hash it cannot use;
    /// `NTE_BAD_HASH_STATE` once data has gone in or the value was read.
    pub fn set_hmac_info(&mut self, info: &HmacInfo) -> Result<()> {
        if self.algorithm != AlgId::CALG_HMAC {
            return Err(CspError::NTE_BAD_TYPE);
        }
        match &self.state {
            State::HmacWithoutInfo(key)
            | State::Hmac {
                key,
                started: false,
                ..
            } => {
                let hmac = Hmac::new(key, info)?;
                self.state = State::Hmac {
                    key: key.clone(),
                    hmac,
                    started: false,
                };
                Ok(())
            }
            _ => Err(CspError::NTE_BAD_HASH_STATE),
        }
    }

    fn is_of_master(&self) -> bool {
        matches!(self.state, State::Master(_) | State::Prf(_))
    }

    fn add(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.state {
            State::Plain(digest) => digest.update(data),
            State::Mac(mac) => mac.update(data)?,
            State::Hmac { hmac, started, .. } => {
                *started = true;
                hmac.update(data);
            }
            State::HmacWithoutInfo(_) | State::Unset | State::Master(_) | State::Prf(_) => {
                return Err(CspError::NTE_BAD_ALGID);
            }
            State::Finished(_) if self.algorithm == AlgId::CALG_SSL3_SHAMD5 => {
                return Err(CspError::NTE_BAD_ALGID);
            }
            State::Finished(_) => return Err(CspError::NTE_BAD_HASH_STATE),
        }
        Ok(())
    }
}

impl fmt::Debug for HashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashState({})", self.algorithm)
    }
}

#[cfg(test)]
mod tests;
