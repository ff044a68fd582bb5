//! KP_ parameters of session keys: CPGetKeyParam and CPSetKeyParam.

use zeroize::Zeroizing;

use super::make::DEFAULT_SALT_LEN;
use super::modes::{Mode, RC2_MAX_LEN};
use super::{State, SymKey};
use crate::alg::Family;
use crate::constants::{
    AlgId, CRYPT_ARCHIVE, CRYPT_DECRYPT, CRYPT_ENCRYPT, CRYPT_EXPORT, CRYPT_EXPORT_KEY,
    CRYPT_IMPORT_KEY, CRYPT_MAC, CRYPT_READ, CRYPT_WRITE, KP_ALGID, KP_BLOCKLEN,
    KP_EFFECTIVE_KEYLEN, KP_IV, KP_KEYLEN, KP_KEYVAL, KP_MODE, KP_MODE_BITS, KP_PADDING,
    KP_PERMISSIONS, KP_SALT, KP_SALT_EX, PKCS5_PADDING,
};
use crate::error::{CspError, Result};

/// How the data pointer of CPSetKeyParam or CPSetHashParam is to be read, since neither call
/// passes a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamForm {
    /// So many bytes at the pointer.
    Bytes(usize),
    /// A `CRYPT_DATA_BLOB` (or `CRYPT_INTEGER_BLOB`) at the pointer: length and pointer to the
    /// bytes.
    Blob,
    /// An `HMAC_INFO` structure at the pointer, which becomes an
    /// [`HmacInfo`](crate::soft::HmacInfo).
    HmacInfo,
}

/// Bits of feedback in CFB mode, the only width there is.
const CFB_BITS: u32 = 8;

/// Longest salt that KP_SALT_EX takes, in bytes.
pub(super) const MAX_SALT_LEN: usize = 24;

/// Bits of KP_PERMISSIONS that the holder of a key may change.
const CHANGEABLE_PERMISSIONS: u32 = CRYPT_ENCRYPT
    | CRYPT_DECRYPT
    | CRYPT_READ
    | CRYPT_WRITE
    | CRYPT_MAC
    | CRYPT_EXPORT_KEY
    | CRYPT_IMPORT_KEY;

impl SymKey {
    /// CPGetKeyParam: the value's bytes as the caller sees them (DWORDs little-endian).
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown or that this key does not have.
    pub fn param(&self, param: u32) -> Result<Vec<u8>> {
        let number = match param {
            KP_IV => {
                return Ok(match &self.state {
                    State::Block { iv, .. } => iv.clone(),
                    State::Stream(_) | State::HmacOnly => Vec::new(),
                });
            }
            KP_SALT => return Ok(self.salt[..self.reported_salt_len].to_vec()),
            KP_ALGID => self.algorithm.0,
            KP_KEYLEN => self.key_bits(),
            KP_BLOCKLEN => self.block_len().map_or(0, |len| len as u32 * 8),
            KP_PERMISSIONS => self.permissions,
            KP_PADDING => PKCS5_PADDING,
            KP_MODE => match &self.state {
                State::Block { mode, .. } => mode.code(),
                State::Stream(_) | State::HmacOnly => 0,
            },
            KP_MODE_BITS => match &self.state {
                State::Block { .. } => CFB_BITS,
                State::Stream(_) | State::HmacOnly => 0,
            },
            KP_EFFECTIVE_KEYLEN if self.algorithm == AlgId::CALG_RC2 => self.effective_bits(),
            _ => return Err(CspError::NTE_BAD_TYPE),
        };
        Ok(number.to_le_bytes().to_vec())
    }

    /// How CPSetKeyParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown or cannot be set; `NTE_BAD_KEY` for a salt
    /// of a cipher without one.
    pub fn param_form(&self, param: u32) -> Result<ParamForm> {
        let has_salt = matches!(self.algorithm, AlgId::CALG_RC2 | AlgId::CALG_RC4);
        match param {
            KP_SALT | KP_SALT_EX if !has_salt => Err(CspError::NTE_BAD_KEY),
            KP_SALT => Ok(ParamForm::Bytes(DEFAULT_SALT_LEN)),
            KP_SALT_EX => Ok(ParamForm::Blob),
            KP_IV => Ok(ParamForm::Bytes(self.block_len().unwrap_or(0))),
            KP_MODE | KP_MODE_BITS if self.block_len().is_some() => Ok(ParamForm::Bytes(4)),
            KP_EFFECTIVE_KEYLEN if self.algorithm == AlgId::CALG_RC2 => Ok(ParamForm::Bytes(4)),
            KP_PADDING | KP_PERMISSIONS => Ok(ParamForm::Bytes(4)),
            KP_KEYVAL if self.algorithm == AlgId::CALG_DES => Ok(ParamForm::Bytes(self.key.len())),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPSetKeyParam with the bytes read as [`SymKey::param_form`] says.
    ///
    /// # Errors
    /// As [`SymKey::param_form`]; `NTE_BAD_DATA` for a value that is not valid.
    pub fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        if let ParamForm::Bytes(len) = self.param_form(param)?
            && len != value.len()
        {
            return Err(CspError::NTE_BAD_DATA);
        }
        match param {
            KP_IV => self.set_iv(value),
            KP_SALT => {
                self.set_salt(value)?;
                // An Enhanced provider reports no salt after KP_SALT, though it uses it.
                self.reported_salt_len = 0;
            }
            KP_SALT_EX => self.set_salt(value)?,
            KP_MODE => self.set_mode(number(value)?)?,
            KP_MODE_BITS if number(value)? == CFB_BITS => {}
            KP_PADDING if number(value)? == PKCS5_PADDING => {}
            KP_PERMISSIONS => self.set_permissions(number(value)?)?,
            KP_EFFECTIVE_KEYLEN => match number(value)? {
                bits @ 1..=1024 => self.effective_bits = Some(bits),
                _ => return Err(CspError::NTE_BAD_DATA),
            },
            KP_KEYVAL => {
                self.key = Zeroizing::new(value.to_vec());
                self.reset();
            }
            _ => return Err(CspError::NTE_BAD_DATA),
        }
        Ok(())
    }

    /// A new IV also restarts the chain.
    pub(super) fn set_iv(&mut self, value: &[u8]) {
        if let State::Block { iv, .. } = &mut self.state {
            iv.copy_from_slice(value);
        }
        self.reset();
    }

    /// A new salt also restarts the key stream or chain, which belonged to the old one.
    fn set_salt(&mut self, salt: &[u8]) -> Result<()> {
        let fits = self.algorithm != AlgId::CALG_RC2 || self.key.len() + salt.len() <= RC2_MAX_LEN;
        let is_cipher = !matches!(self.state, State::HmacOnly);
        if salt.len() > MAX_SALT_LEN || (is_cipher && !fits) {
            return Err(CspError::NTE_BAD_DATA);
        }
        self.salt = salt.to_vec();
        self.reported_salt_len = salt.len();
        self.reset();
        Ok(())
    }

    /// The RSA family takes modes that it cannot compute and then fails to encrypt; the DSS
    /// family refuses them at once.
    fn set_mode(&mut self, code: u32) -> Result<()> {
        let wanted = Mode::from_code(code)
            .filter(|mode| mode.is_computed() || self.provider.family == Family::Rsa)
            .ok_or(CspError::NTE_BAD_DATA)?;
        if let State::Block { mode, .. } = &mut self.state {
            *mode = wanted;
        }
        Ok(())
    }

    /// CRYPT_EXPORT and CRYPT_ARCHIVE are settled when the key is made: adding one fails, leaving
    /// one out succeeds without effect.
    fn set_permissions(&mut self, wanted: u32) -> Result<()> {
        let fixed = self.permissions & (CRYPT_EXPORT | CRYPT_ARCHIVE);
        if wanted & !(CHANGEABLE_PERMISSIONS | fixed) != 0 {
            return Err(CspError::NTE_BAD_DATA);
        }
        self.permissions = wanted & CHANGEABLE_PERMISSIONS | fixed;
        Ok(())
    }
}

fn number(value: &[u8]) -> Result<u32> {
    value
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_| CspError::NTE_BAD_DATA)
}
