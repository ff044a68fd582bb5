//! CPCreateHash, CPHashData, CPHashSessionKey, CPGetHashParam, CPSetHashParam, CPDuplicateHash and CPDestroyHash.

use crate::constants::{AlgId, CRYPT_LITTLE_ENDIAN, CRYPT_USERDATA, HP_HASHVAL};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::Key;
use crate::output::Output;
use crate::soft::{HashState, HmacInfo, ParamForm};

/// What CPSetHashParam's data pointer led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashParam<'a> {
    /// Bytes, as many as [`Csp::hash_param_form`] said, or those of a blob structure.
    Bytes(&'a [u8]),
    /// An HMAC_INFO structure.
    Hmac(HmacInfo),
}

impl Csp {
    /// CPCreateHash. `key` is 0 or, for keyed hashes, a session key or master, of which a copy is taken; others ignore it.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_ALGID`, `NTE_BAD_KEY`, `NTE_PERM`, and those of
    /// [`HashState::of_master`].
    pub fn create_hash(
        &self,
        context: usize,
        algorithm: u32,
        key: usize,
        flags: u32,
    ) -> Result<usize> {
        let opened = self.context(context)?;
        if flags != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let algorithm = AlgId(algorithm);
        let keyed = matches!(algorithm, AlgId::CALG_MAC | AlgId::CALG_HMAC);
        let of_master = matches!(
            algorithm,
            AlgId::CALG_SCHANNEL_MASTER_HASH | AlgId::CALG_TLS1PRF
        );
        let hash = match key {
            key if of_master => {
                opened.provider.algorithm(algorithm)?;
                match &mut *lock(&*self.key(context, key)?) {
                    Key::Master(master) => {
                        HashState::of_master(opened.provider, algorithm, master)?
                    }
                    _ => return Err(CspError::NTE_BAD_KEY),
                }
            }
            _ if !keyed => HashState::new(opened.provider, algorithm, None)?,
            0 => HashState::new(opened.provider, algorithm, None)?,
            key => {
                let key = self.key(context, key)?;
                let key = lock(&key);
                HashState::new(opened.provider, algorithm, Some(key.session()?))?
            }
        };
        self.add_hash(context, hash)
    }

    /// CPHashData.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_HASH`, `NTE_BAD_FLAGS`, `NTE_BAD_HASH_STATE`, `NTE_BAD_ALGID`.
    pub fn hash_data(&self, context: usize, hash: usize, data: &[u8], flags: u32) -> Result<()> {
        self.context(context)?;
        check_flags(flags, CRYPT_USERDATA)?;
        lock(&*self.hash(context, hash)?).update(data, flags)
    }

    /// CPHashSessionKey.
    ///
    /// # Errors
    /// As [`Csp::hash_data`]; `NTE_BAD_KEY` for anything but a session key or master, `NTE_BAD_KEY_STATE` for a premaster.
    pub fn hash_session_key(
        &self,
        context: usize,
        hash: usize,
        key: usize,
        flags: u32,
    ) -> Result<()> {
        self.context(context)?;
        check_flags(flags, CRYPT_LITTLE_ENDIAN)?;
        let key = self.key(context, key)?;
        let hash = self.hash(context, hash)?;
        let key = lock(&key);
        let bytes = match &*key {
            Key::Master(master) => master.bytes()?,
            key => key.session()?.key_bytes(),
        };
        lock(&hash).update_key(bytes, flags)
    }

    /// CPGetHashParam. HP_HASHVAL finishes the hash, a size query does not. Of CALG_TLS1PRF it gives as many bytes as there is
    /// room for, and can be asked again.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_HASH`, `NTE_BAD_TYPE`, `ERROR_MORE_DATA`, and the hash's own.
    pub fn hash_param(
        &self,
        context: usize,
        hash: usize,
        param: u32,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let hash = self.hash_of_param_call(context, hash, flags)?;
        let mut hash = lock(&hash);
        if let (HP_HASHVAL, Some(prf)) = (param, hash.prf()) {
            return prf.fill(output.whole()?);
        }
        match output.reserve(hash.param_len(param)?)? {
            None => Ok(()),
            Some(room) => {
                let value = hash.param(param)?;
                room.copy_from_slice(value.get(..room.len()).ok_or(CspError::NTE_FAIL)?);
                Ok(())
            }
        }
    }

    /// How CPSetHashParam's data pointer is to be read, which the call itself does not say.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_HASH`, `NTE_BAD_TYPE`.
    pub fn hash_param_form(
        &self,
        context: usize,
        hash: usize,
        param: u32,
        flags: u32,
    ) -> Result<ParamForm> {
        lock(&*self.hash_of_param_call(context, hash, flags)?).param_form(param)
    }

    /// CPSetHashParam, with the data read as [`Csp::hash_param_form`] said.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_HASH`, and the hash's own.
    pub fn set_hash_param(
        &self,
        context: usize,
        hash: usize,
        param: u32,
        value: &HashParam<'_>,
    ) -> Result<()> {
        self.context(context)?;
        let hash = self.hash(context, hash)?;
        let mut hash = lock(&hash);
        match value {
            HashParam::Bytes(value) => match hash.prf() {
                Some(prf) => prf.set_param(param, value),
                None if param == HP_HASHVAL => hash.set_value(value),
                None => Err(CspError::NTE_BAD_TYPE),
            },
            HashParam::Hmac(info) => hash.set_hmac_info(info),
        }
    }

    /// CPDuplicateHash: an independent copy, where it stands.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_HASH`; `ERROR_INVALID_PARAMETER` for flags that are not zero.
    pub fn duplicate_hash(&self, context: usize, hash: usize, flags: u32) -> Result<usize> {
        self.context(context)?;
        if flags != 0 {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        }
        let copy = lock(&*self.hash(context, hash)?).clone();
        self.add_hash(context, copy)
    }

    /// CPDestroyHash.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_HASH`.
    pub fn destroy_hash(&self, context: usize, hash: usize) -> Result<()> {
        self.context(context)?;
        self.remove_hash(context, hash)
    }

    fn hash_of_param_call(
        &self,
        context: usize,
        hash: usize,
        flags: u32,
    ) -> Result<std::sync::Arc<std::sync::Mutex<HashState>>> {
        self.context(context)?;
        if flags != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        self.hash(context, hash)
    }
}

/// Flags are looked at before the handles, as Microsoft's providers do.
///
/// # Errors
/// `NTE_BAD_FLAGS` for bits other than `known`.
fn check_flags(flags: u32, known: u32) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        _ => Err(CspError::NTE_BAD_FLAGS),
    }
}
