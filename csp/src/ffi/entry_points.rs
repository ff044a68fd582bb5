//! The 25 entry points, in alphabetical order. What each does is said at the method of [`Csp`](crate::csp::Csp) it calls.
//!
//! Every `unsafe` block in here relies on the promise that the callers of all entry points make, which the parent module's
//! documentation spells out; the comments name the pointer it is about.

#![allow(non_snake_case)]

use std::ffi::c_char;

use super::pointers::{self, Length, Place, VTableProvStruc};
use super::{Bool, enter};
use crate::calls::{HashParam, Signature};
use crate::error::CspError;
use crate::key_values::KeyParamForm;
use crate::soft::ParamForm;

/// `CPAcquireContext`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPAcquireContext(
    phProv: *mut usize,
    pszContainer: *const c_char,
    dwFlags: u32,
    pVTable: *const VTableProvStruc,
) -> Bool {
    enter("CPAcquireContext", |csp| {
        // SAFETY: phProv.
        let place = unsafe { Place::new(phProv) }?;
        // SAFETY: pszContainer.
        let container = unsafe { pointers::c_string(pszContainer) };
        // SAFETY: pVTable and its members.
        let caller = unsafe { pointers::caller(pVTable) };
        place.set(csp.acquire_context(container, dwFlags, &caller)?);
        // The one entry point that clears the last error on success: certificate functions above it rely on that.
        Ok(Some(CspError::ERROR_SUCCESS))
    })
}

/// `CPCreateHash`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPCreateHash(
    hProv: usize,
    Algid: u32,
    hKey: usize,
    dwFlags: u32,
    phHash: *mut usize,
) -> Bool {
    enter("CPCreateHash", |csp| {
        // SAFETY: phHash.
        let place = unsafe { Place::new(phHash) }?;
        place.set(csp.create_hash(hProv, Algid, hKey, dwFlags)?);
        Ok(None)
    })
}

/// `CPDecrypt`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDecrypt(
    hProv: usize,
    hKey: usize,
    hHash: usize,
    Final: Bool,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
) -> Bool {
    enter("CPDecrypt", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: as many bytes at pbData as it says.
        let data = unsafe { pointers::in_place(pbData, &mut length, None) }?;
        csp.decrypt(hProv, hKey, hHash, Final != 0, dwFlags, data)?;
        Ok(None)
    })
}

/// `CPDeriveKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDeriveKey(
    hProv: usize,
    Algid: u32,
    hBaseData: usize,
    dwFlags: u32,
    phKey: *mut usize,
) -> Bool {
    enter("CPDeriveKey", |csp| {
        // SAFETY: phKey.
        let place = unsafe { Place::new(phKey) }?;
        place.set(csp.derive_key(hProv, Algid, hBaseData, dwFlags)?);
        Ok(None)
    })
}

/// `CPDestroyHash`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDestroyHash(hProv: usize, hHash: usize) -> Bool {
    enter("CPDestroyHash", |csp| {
        csp.destroy_hash(hProv, hHash)?;
        Ok(None)
    })
}

/// `CPDestroyKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDestroyKey(hProv: usize, hKey: usize) -> Bool {
    enter("CPDestroyKey", |csp| {
        csp.destroy_key(hProv, hKey)?;
        Ok(None)
    })
}

/// `CPDuplicateHash`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDuplicateHash(
    hProv: usize,
    hHash: usize,
    pdwReserved: *mut u32,
    dwFlags: u32,
    phHash: *mut usize,
) -> Bool {
    enter("CPDuplicateHash", |csp| {
        // SAFETY: phHash.
        let place = unsafe { Place::new(phHash) }?;
        if !pdwReserved.is_null() {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        }
        place.set(csp.duplicate_hash(hProv, hHash, dwFlags)?);
        Ok(None)
    })
}

/// `CPDuplicateKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPDuplicateKey(
    hProv: usize,
    hKey: usize,
    pdwReserved: *mut u32,
    dwFlags: u32,
    phKey: *mut usize,
) -> Bool {
    enter("CPDuplicateKey", |csp| {
        // SAFETY: phKey.
        let place = unsafe { Place::new(phKey) }?;
        if !pdwReserved.is_null() {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        }
        place.set(csp.duplicate_key(hProv, hKey, dwFlags)?);
        Ok(None)
    })
}

/// `CPEncrypt`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPEncrypt(
    hProv: usize,
    hKey: usize,
    hHash: usize,
    Final: Bool,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwBufLen: u32,
) -> Bool {
    enter("CPEncrypt", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: dwBufLen bytes at pbData.
        let data = unsafe { pointers::in_place(pbData, &mut length, Some(dwBufLen)) }?;
        csp.encrypt(hProv, hKey, hHash, Final != 0, dwFlags, data)?;
        Ok(None)
    })
}

/// `CPExportKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPExportKey(
    hProv: usize,
    hKey: usize,
    hPubKey: usize,
    dwBlobType: u32,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
) -> Bool {
    enter("CPExportKey", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: as many bytes at pbData as it says.
        let output = unsafe { pointers::output(pbData, &mut length) }?;
        csp.export_key(hProv, hKey, hPubKey, dwBlobType, dwFlags, output)?;
        Ok(None)
    })
}

/// `CPGenKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGenKey(
    hProv: usize,
    Algid: u32,
    dwFlags: u32,
    phKey: *mut usize,
) -> Bool {
    enter("CPGenKey", |csp| {
        // SAFETY: phKey.
        let place = unsafe { Place::new(phKey) }?;
        place.set(csp.gen_key(hProv, Algid, dwFlags)?);
        Ok(None)
    })
}

/// `CPGenRandom`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGenRandom(hProv: usize, dwLen: u32, pbBuffer: *mut u8) -> Bool {
    enter("CPGenRandom", |csp| {
        // SAFETY: dwLen bytes at pbBuffer.
        csp.gen_random(hProv, unsafe {
            pointers::bytes_mut(pbBuffer, dwLen as usize)
        }?)?;
        Ok(None)
    })
}

/// `CPGetHashParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGetHashParam(
    hProv: usize,
    hHash: usize,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    enter("CPGetHashParam", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: as many bytes at pbData as it says.
        let output = unsafe { pointers::output(pbData, &mut length) }?;
        csp.hash_param(hProv, hHash, dwParam, dwFlags, output)?;
        Ok(None)
    })
}

/// `CPGetKeyParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGetKeyParam(
    hProv: usize,
    hKey: usize,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    enter("CPGetKeyParam", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: as many bytes at pbData as it says.
        let output = unsafe { pointers::output(pbData, &mut length) }?;
        csp.key_param(hProv, hKey, dwParam, dwFlags, output)?;
        Ok(None)
    })
}

/// `CPGetProvParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGetProvParam(
    hProv: usize,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    enter("CPGetProvParam", |csp| {
        // SAFETY: pdwDataLen.
        let mut length = unsafe { Length::new(pdwDataLen) }?;
        // SAFETY: as many bytes at pbData as it says.
        let output = unsafe { pointers::output(pbData, &mut length) }?;
        csp.prov_param(hProv, dwParam, dwFlags, output)
    })
}

/// `CPGetUserKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPGetUserKey(
    hProv: usize,
    dwKeySpec: u32,
    phUserKey: *mut usize,
) -> Bool {
    enter("CPGetUserKey", |csp| {
        // SAFETY: phUserKey.
        let place = unsafe { Place::new(phUserKey) }?;
        place.set(csp.get_user_key(hProv, dwKeySpec)?);
        Ok(None)
    })
}

/// `CPHashData`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPHashData(
    hProv: usize,
    hHash: usize,
    pbData: *const u8,
    dwDataLen: u32,
    dwFlags: u32,
) -> Bool {
    enter("CPHashData", |csp| {
        // SAFETY: dwDataLen bytes at pbData.
        let data = unsafe { pointers::bytes(pbData, dwDataLen as usize) }?;
        csp.hash_data(hProv, hHash, data, dwFlags)?;
        Ok(None)
    })
}

/// `CPHashSessionKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPHashSessionKey(
    hProv: usize,
    hHash: usize,
    hKey: usize,
    dwFlags: u32,
) -> Bool {
    enter("CPHashSessionKey", |csp| {
        csp.hash_session_key(hProv, hHash, hKey, dwFlags)?;
        Ok(None)
    })
}

/// `CPImportKey`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPImportKey(
    hProv: usize,
    pbData: *const u8,
    dwDataLen: u32,
    hPubKey: usize,
    dwFlags: u32,
    phKey: *mut usize,
) -> Bool {
    enter("CPImportKey", |csp| {
        // SAFETY: phKey.
        let place = unsafe { Place::new(phKey) }?;
        // SAFETY: dwDataLen bytes at pbData.
        let blob = unsafe { pointers::bytes(pbData, dwDataLen as usize) }?;
        place.set(csp.import_key(hProv, blob, hPubKey, dwFlags)?);
        Ok(None)
    })
}

/// `CPReleaseContext`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPReleaseContext(hProv: usize, dwFlags: u32) -> Bool {
    enter("CPReleaseContext", |csp| {
        csp.release_context(hProv, dwFlags)?;
        Ok(None)
    })
}

/// `CPSetHashParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPSetHashParam(
    hProv: usize,
    hHash: usize,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    enter("CPSetHashParam", |csp| {
        match csp.hash_param_form(hProv, hHash, dwParam, dwFlags)? {
            ParamForm::Bytes(length) => {
                if pbData.is_null() {
                    return Err(CspError::ERROR_INVALID_PARAMETER);
                }
                // SAFETY: as many bytes at pbData as the hash's value has.
                let value = unsafe { pointers::bytes(pbData, length) }?;
                csp.set_hash_param(hProv, hHash, dwParam, &HashParam::Bytes(value))?;
            }
            ParamForm::HmacInfo => {
                // SAFETY: HMAC_INFO at pbData.
                let info = unsafe { pointers::hmac_info(pbData) }?;
                csp.set_hash_param(hProv, hHash, dwParam, &HashParam::Hmac(info))?;
            }
            ParamForm::Blob => {
                // SAFETY: a blob structure at pbData.
                let value = unsafe { pointers::data_blob(pbData) }?;
                csp.set_hash_param(hProv, hHash, dwParam, &HashParam::Bytes(value))?;
            }
        }
        Ok(None)
    })
}

/// `CPSetKeyParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPSetKeyParam(
    hProv: usize,
    hKey: usize,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    enter("CPSetKeyParam", |csp| {
        let form = csp.key_param_form(hProv, hKey, dwParam, dwFlags)?;
        if form == KeyParamForm::CmsDhKeyInfo {
            // SAFETY: pbData leads to the structure, and its pointers as it says.
            let info = unsafe { pointers::cms_dh_key_info(pbData) }?;
            csp.set_cms_dh_key_info(hProv, hKey, &info, dwFlags)?;
            return Ok(None);
        }
        // SAFETY: pbData leads to what the parameter is made of.
        let value = unsafe { pointers::key_param(form, pbData) }?;
        csp.set_key_param(hProv, hKey, dwParam, value, dwFlags)?;
        Ok(None)
    })
}

/// `CPSetProvParam`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPSetProvParam(
    hProv: usize,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    enter("CPSetProvParam", |csp| {
        let form = csp.prov_param_form(hProv, dwParam)?;
        // SAFETY: pbData leads to what the parameter is made of.
        let value = unsafe { pointers::prov_param(form, pbData) }?;
        csp.set_prov_param(hProv, dwParam, value, dwFlags)?;
        Ok(None)
    })
}

/// `CPSignHash`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPSignHash(
    hProv: usize,
    hHash: usize,
    dwKeySpec: u32,
    sDescription: *const u16,
    dwFlags: u32,
    pbSignature: *mut u8,
    pdwSigLen: *mut u32,
) -> Bool {
    enter("CPSignHash", |csp| {
        // SAFETY: pdwSigLen.
        let mut length = unsafe { Length::new(pdwSigLen) }?;
        // SAFETY: as many bytes at pbSignature as it says.
        let output = unsafe { pointers::output(pbSignature, &mut length) }?;
        // SAFETY: sDescription.
        let description = unsafe { pointers::wide_string(sDescription) };
        csp.sign_hash(hProv, hHash, dwKeySpec, &description, dwFlags, output)?;
        Ok(None)
    })
}

/// `CPVerifySignature`.
///
/// # Safety
/// As the module [`ffi`](super) says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CPVerifySignature(
    hProv: usize,
    hHash: usize,
    pbSignature: *const u8,
    dwSigLen: u32,
    hPubKey: usize,
    sDescription: *const u16,
    dwFlags: u32,
) -> Bool {
    enter("CPVerifySignature", |csp| {
        let length = dwSigLen as usize;
        // SAFETY: dwSigLen bytes at pbSignature.
        let bytes = unsafe { pointers::bytes(pbSignature, length) }.ok();
        // SAFETY: sDescription.
        let description = unsafe { pointers::wide_string(sDescription) };
        csp.verify_signature(
            hProv,
            hHash,
            Signature { length, bytes },
            hPubKey,
            &description,
            dwFlags,
        )?;
        Ok(None)
    })
}
