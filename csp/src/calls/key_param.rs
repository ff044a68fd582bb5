//! CPGetKeyParam and CPSetKeyParam.

use std::sync::{Arc, Mutex};

use crate::certificate;
use crate::constants::KP_CERTIFICATE;
use crate::context::{Context, Keyset};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::{CERTIFICATE_MAX, Key, KeyParamForm};
use crate::output::Output;
use crate::pair::KeyPair;

impl Csp {
    /// CPGetKeyParam.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_FLAGS`, `NTE_BAD_KEY`, `NTE_BAD_TYPE`, `NTE_PERM`, `ERROR_MORE_DATA`; `NTE_NOT_FOUND` for
    /// KP_CERTIFICATE when none was set.
    pub fn key_param(
        &self,
        context: usize,
        key: usize,
        param: u32,
        flags: u32,
        output: Output<'_>,
    ) -> Result<()> {
        let (_, key) = self.key_of_param_call(context, key, flags)?;
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
        let (_, key) = self.key_of_param_call(context, key, flags)?;
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
        let (opened, key) = self.key_of_param_call(context, key, flags)?;
        let mut key = lock(&key);
        match &mut *key {
            Key::Session(key) => key.set_param(param, value),
            Key::Public(handle) if param == KP_CERTIFICATE => {
                let pair = Arc::clone(handle.pair().ok_or(CspError::NTE_BAD_KEY)?);
                drop(key);
                self.set_certificate(&opened, &pair, value)
            }
            Key::Public(handle) => handle.set_param(param, value),
        }
    }

    /// KP_CERTIFICATE: kept with the pair, in the container if there is one.
    fn set_certificate(&self, context: &Context, pair: &KeyPair, der: &[u8]) -> Result<()> {
        if der.len() > CERTIFICATE_MAX || !certificate::is_for(der, pair.public()) {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        match &context.keyset {
            Keyset::Container { container, .. } => {
                container.set_certificate(pair, der.to_vec(), &self.identity())
            }
            Keyset::Ephemeral(_) => {
                pair.set_certificate(der.to_vec());
                Ok(())
            }
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
