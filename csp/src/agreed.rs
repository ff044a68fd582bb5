//! The secret of a Diffie-Hellman agreement, which is a key of no algorithm until KP_ALGID or KP_CMS_DH_KEY_INFO names one.

use std::fmt;

use zeroize::Zeroizing;

use crate::constants::{AlgId, KP_ALGID, KP_CMS_DH_KEY_INFO, KP_KEYLEN, KP_PERMISSIONS};
use crate::error::{CspError, Result};
use crate::key_values::{DEFAULT_PERMISSIONS, KeyParamForm};
use crate::soft::ParamForm;

/// The secret, little-endian and as long as the group's prime.
#[derive(Clone)]
pub(crate) struct Agreed(pub(crate) Zeroizing<Vec<u8>>);

impl Agreed {
    /// CPGetKeyParam.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE`.
    pub(crate) fn param(&self, param: u32) -> Result<Vec<u8>> {
        let number = match param {
            KP_ALGID => AlgId::CALG_AGREEDKEY_ANY.0,
            KP_KEYLEN => self.0.len() as u32 * 8,
            KP_PERMISSIONS => DEFAULT_PERMISSIONS,
            _ => return Err(CspError::NTE_BAD_TYPE),
        };
        Ok(number.to_le_bytes().to_vec())
    }

    /// How CPSetKeyParam's data pointer is to be read.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE`.
    pub(crate) fn param_form(&self, param: u32) -> Result<KeyParamForm> {
        match param {
            KP_ALGID => Ok(KeyParamForm::Plain(ParamForm::Bytes(4))),
            KP_CMS_DH_KEY_INFO => Ok(KeyParamForm::CmsDhKeyInfo),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }
}

impl fmt::Debug for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agreed({} bits)", self.0.len() * 8)
    }
}
