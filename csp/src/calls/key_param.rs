//! CPGetKeyParam and CPSetKeyParam.

use std::sync::{Arc, Mutex};

use crate::certificate;
use crate::constants::{
    AlgId, CRYPT_READ, KP_ALGID, KP_CERTIFICATE, KP_CMS_DH_KEY_INFO, KP_GET_USE_COUNT, KP_X,
};
use crate::context::{Context, Keyset};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::{CERTIFICATE_MAX, Key};
use crate::key_values::KeyParamForm;
use crate::output::Output;
use crate::pair::KeyPair;
use crate::soft::{CmsDhKeyInfo, Master, SymKey, is_schannel};

/// The longest value of a parameter other than a certificate, in bytes. Numbers have 2 KiB at most; a label has no limit of
/// its own that anyone could reach.
const VALUE_MAX: usize = 64 << 10;

impl Csp {
    /// CPGetKeyParam.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_TYPE`, `NTE_PERM`, `ERROR_MORE_DATA`; `NTE_NOT_FOUND` for
    /// KP_CERTIFICATE when none was set and for KP_GET_USE_COUNT of a key without a counter, which is `NTE_DEVICE_NOT_READY`
    /// when it was erased.
    pub fn key_param(
        &self,
        context: usize,
        key: usize,
        param: u32,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let (_, key) = self.key_of_param_call(context, key, flags)?;
        if param == KP_GET_USE_COUNT {
            let handle = match &*lock(&key) {
                Key::Public(handle) => handle.clone(),
                _ => return Err(CspError::NTE_BAD_KEY),
            };
            handle.check(CRYPT_READ)?;
            let pair = handle.pair().ok_or(CspError::NTE_BAD_KEY)?;
            return output.put_count(pair.use_count()?);
        }
        let value = lock(&key).param(param)?;
        output.put(&value)
    }

    /// How CPSetKeyParam's data pointer is to be read, which the call itself does not say.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_TYPE`, `NTE_PERM`.
    pub fn key_param_form(
        &self,
        context: usize,
        key: usize,
        param: u32,
        flags: u32,
    ) -> Result<KeyParamForm> {
        let (_, key) = self.key_of_set_call(context, key, param, flags)?;
        lock(&key).param_form(param)
    }

    /// CPSetKeyParam, with the data read as [`Csp::key_param_form`] said.
    ///
    /// # Errors
    /// As [`Csp::key_param_form`]; `NTE_BAD_DATA` or, for a certificate, `NTE_BAD_FLAGS` for a value that is not valid.
    pub fn set_key_param(
        &self,
        context: usize,
        key: usize,
        param: u32,
        value: &[u8],
        flags: u32,
    ) -> Result<()> {
        let (opened, shared) = self.key_of_set_call(context, key, param, flags)?;
        if value.len() > VALUE_MAX && param != KP_CERTIFICATE {
            return Err(CspError::NTE_BAD_DATA);
        }
        let mut key = lock(&shared);
        match &mut *key {
            Key::Session(key) => key.set_param(param, value),
            Key::Master(key) => key.set_param(param, value),
            Key::Pending(_) if param == KP_X => {
                drop(key);
                self.complete(&opened, &shared).map(drop)
            }
            Key::Pending(pending) => {
                let mut changed = pending.clone();
                changed.set_param(param, value)?;
                self.store_pending(&opened, &changed)?;
                *pending = changed;
                Ok(())
            }
            Key::Agreed(_) if param != KP_ALGID => Err(CspError::NTE_BAD_TYPE),
            Key::Agreed(agreed) => {
                let algorithm = value.try_into().map_err(|_| CspError::NTE_BAD_DATA)?;
                let algorithm = AlgId(u32::from_le_bytes(algorithm));
                let (provider, secret) = (opened.provider, &agreed.0);
                *key = match is_schannel(algorithm) {
                    true => Key::Master(Master::from_secret(provider, algorithm, secret, flags)?),
                    false => Key::Session(SymKey::from_secret(provider, algorithm, secret, flags)?),
                };
                Ok(())
            }
            Key::Public(handle) if param == KP_CERTIFICATE => {
                let pair = Arc::clone(handle.pair().ok_or(CspError::NTE_BAD_KEY)?);
                drop(key);
                self.set_certificate(&opened, &pair, value)
            }
            Key::Public(handle) => handle.set_param(param, value),
        }
    }

    /// CPSetKeyParam of KP_CMS_DH_KEY_INFO, which turns an agreed key into one of the algorithm it names. The flags are those
    /// of KP_ALGID.
    ///
    /// # Errors
    /// As [`Csp::key_param_form`]; those of [`SymKey::from_cms_secret`].
    pub fn set_cms_dh_key_info(
        &self,
        context: usize,
        key: usize,
        info: &CmsDhKeyInfo,
        flags: u32,
    ) -> Result<()> {
        let (opened, key) = self.key_of_set_call(context, key, KP_CMS_DH_KEY_INFO, flags)?;
        let mut key = lock(&key);
        let Key::Agreed(agreed) = &*key else {
            return Err(CspError::NTE_BAD_TYPE);
        };
        let made = SymKey::from_cms_secret(opened.provider, &agreed.0, info, flags)?;
        *key = Key::Session(made);
        Ok(())
    }

    /// KP_CERTIFICATE: kept with the pair, in the container if there is one.
    fn set_certificate(&self, context: &Context, pair: &KeyPair, der: &[u8]) -> Result<()> {
        if der.len() > CERTIFICATE_MAX || !certificate::is_for(der, pair.public()) {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        match &context.keyset {
            Keyset::Container { container, .. } => {
                container.set_certificate(pair, der.to_vec(), &self.identity()?)
            }
            Keyset::Ephemeral(_) => {
                pair.set_certificate(der.to_vec());
                Ok(())
            }
        }
    }

    /// The flags that come with the algorithm of an agreed key are CPGenKey's; elsewhere there are none.
    fn key_of_set_call(
        &self,
        context: usize,
        key: usize,
        param: u32,
        flags: u32,
    ) -> Result<(Arc<Context>, Arc<Mutex<Key>>)> {
        let (opened, key) = self.key_of_param_call(context, key, 0)?;
        let names_algorithm = matches!(param, KP_ALGID | KP_CMS_DH_KEY_INFO);
        let takes_flags = names_algorithm && matches!(*lock(&key), Key::Agreed(_));
        match flags == 0 || takes_flags {
            true => Ok((opened, key)),
            false => Err(CspError::NTE_BAD_FLAGS),
        }
    }

    fn key_of_param_call(
        &self,
        context: usize,
        key: usize,
        flags: u32,
    ) -> Result<(Arc<Context>, Arc<Mutex<Key>>)> {
        let opened = self.context(context)?;
        if flags != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        Ok((opened, self.key(context, key)?))
    }
}
