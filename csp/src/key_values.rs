//! What the kinds of keys have in common of their KP_ parameters.

use crate::constants::{
    CRYPT_DECRYPT, CRYPT_ENCRYPT, CRYPT_MAC, CRYPT_READ, CRYPT_WRITE, KP_G, KP_P, KP_Q,
    KP_VERIFY_PARAMS,
};
use crate::error::{CspError, Result};
use crate::soft::{Group, ParamForm};

/// How the data pointer of CPSetKeyParam is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyParamForm {
    /// As for session keys.
    Plain(ParamForm),
    /// A DER value at the pointer, which tells its own length.
    Der,
    /// A CMS_DH_KEY_INFO, which [`Csp::set_cms_dh_key_info`](crate::csp::Csp::set_cms_dh_key_info) takes.
    CmsDhKeyInfo,
    /// NULL.
    Null,
}

/// What a pair, or a public key, allows at first: all but export.
pub(crate) const DEFAULT_PERMISSIONS: u32 =
    CRYPT_ENCRYPT | CRYPT_DECRYPT | CRYPT_READ | CRYPT_WRITE | CRYPT_MAC;

/// KP_P, KP_Q, KP_G: the number's bytes. KP_VERIFY_PARAMS: no bytes, if the numbers are what they claim to be.
///
/// # Errors
/// `NTE_BAD_DATA` if they are not; `NTE_BAD_TYPE` for the order of a group that does not show it.
pub(crate) fn group_param(group: &Group, param: u32) -> Result<Vec<u8>> {
    match param {
        KP_P => Ok(group.p.clone()),
        KP_Q => group.q.clone().ok_or(CspError::NTE_BAD_TYPE),
        KP_G => Ok(group.g.clone()),
        KP_VERIFY_PARAMS if group.is_sound() => Ok(Vec::new()),
        KP_VERIFY_PARAMS => Err(CspError::NTE_BAD_DATA),
        _ => Err(CspError::NTE_BAD_TYPE),
    }
}
