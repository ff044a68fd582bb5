//! The `Crypt*` functions with strings and vectors in place of pointers: the system's on Windows, those of `cryptoapi`
//! elsewhere, which have the same signatures.
//!
//! Every function here may be called with any handle: the callee checks it.

use std::ptr::{null, null_mut};

#[cfg(not(windows))]
use cryptoapi::ffi::{
    CryptAcquireContextW, CryptCreateHash, CryptDestroyHash, CryptDestroyKey, CryptEnumProvidersW,
    CryptGenKey, CryptGetKeyParam, CryptGetProvParam, CryptGetUserKey, CryptHashData,
    CryptReleaseContext, CryptSetProvParam, CryptSignHashW, CryptVerifySignatureW, GetLastError,
};
#[cfg(windows)]
use windows_sys::Win32::{
    Foundation::GetLastError,
    Security::Cryptography::{
        CryptAcquireContextW, CryptCreateHash, CryptDestroyHash, CryptDestroyKey,
        CryptEnumProvidersW, CryptGenKey, CryptGetKeyParam, CryptGetProvParam, CryptGetUserKey,
        CryptHashData, CryptReleaseContext, CryptSetProvParam, CryptSignHashW,
        CryptVerifySignatureW,
    },
};

/// HCRYPTPROV, HCRYPTKEY, HCRYPTHASH.
pub(super) type Handle = usize;

/// A value, or the last error.
pub(super) type Result<T> = std::result::Result<T, u32>;

/// The registered provider at `index`: its name and type.
pub(super) fn provider_at(index: u32) -> Result<(String, u32)> {
    let mut prov_type = 0;
    let mut name = [0u16; NAME_ROOM];
    let mut length = size_of_val(&name) as u32;
    // SAFETY: the buffer has `length` bytes; type and length go into locals; the reserved pointer is NULL.
    result(unsafe {
        CryptEnumProvidersW(
            index,
            null_mut(),
            0,
            &raw mut prov_type,
            name.as_mut_ptr(),
            &raw mut length,
        )
    })?;
    let end = name
        .iter()
        .position(|unit| *unit == 0)
        .unwrap_or(name.len());
    Ok((String::from_utf16_lossy(&name[..end]), prov_type))
}

/// Room for a provider's name in UTF-16 units: registry keys have at most 255.
const NAME_ROOM: usize = 256;

pub(super) fn acquire(
    container: Option<&str>,
    provider: Option<&str>,
    prov_type: u32,
    flags: u32,
) -> Result<Handle> {
    let (container, provider) = (container.map(wide), provider.map(wide));
    let pointer = |text: &Option<Vec<u16>>| text.as_ref().map_or(null(), |text| text.as_ptr());
    // SAFETY: the strings are terminated and live until the call returns; `handle` is a place for the answer.
    new_handle(|handle| unsafe {
        CryptAcquireContextW(
            handle,
            pointer(&container),
            pointer(&provider),
            prov_type,
            flags,
        )
    })
}

pub(super) fn release(context: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { CryptReleaseContext(context, 0) })
}

pub(super) fn prov_param(context: Handle, param: u32, flags: u32) -> Result<Vec<u8>> {
    // SAFETY: the buffer is as long as the length says.
    output(|data, length| unsafe { CryptGetProvParam(context, param, data, length, flags) })
}

/// Sets a parameter that is a DWORD.
pub(super) fn set_prov_param(context: Handle, param: u32, value: u32) -> Result<()> {
    let bytes = value.to_ne_bytes();
    // SAFETY: the parameters that are set through this function are four bytes long.
    result(unsafe { CryptSetProvParam(context, param, bytes.as_ptr(), 0) })
}

pub(super) fn gen_key(context: Handle, algid: u32, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { CryptGenKey(context, algid, flags, handle) })
}

pub(super) fn user_key(context: Handle, key_spec: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { CryptGetUserKey(context, key_spec, handle) })
}

pub(super) fn destroy_key(key: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { CryptDestroyKey(key) })
}

pub(super) fn key_param(key: Handle, param: u32) -> Result<Vec<u8>> {
    // SAFETY: the buffer is as long as the length says.
    output(|data, length| unsafe { CryptGetKeyParam(key, param, data, length, 0) })
}

pub(super) fn create_hash(context: Handle, algid: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { CryptCreateHash(context, algid, 0, 0, handle) })
}

pub(super) fn hash_data(hash: Handle, data: &[u8]) -> Result<()> {
    let length = u32::try_from(data.len()).map_err(|_| ERROR_INVALID_PARAMETER)?;
    // SAFETY: the data is as long as is said.
    result(unsafe { CryptHashData(hash, data.as_ptr(), length, 0) })
}

pub(super) fn destroy_hash(hash: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { CryptDestroyHash(hash) })
}

pub(super) fn sign(hash: Handle, key_spec: u32) -> Result<Vec<u8>> {
    // SAFETY: the buffer is as long as the length says; the description is NULL.
    output(|data, length| unsafe { CryptSignHashW(hash, key_spec, null(), 0, data, length) })
}

pub(super) fn verify(hash: Handle, signature: &[u8], key: Handle) -> Result<()> {
    let length = u32::try_from(signature.len()).map_err(|_| ERROR_INVALID_PARAMETER)?;
    // SAFETY: the signature is as long as is said; the description is NULL.
    result(unsafe { CryptVerifySignatureW(hash, signature.as_ptr(), length, key, null(), 0) })
}

const ERROR_INVALID_PARAMETER: u32 = 87;
const ERROR_MORE_DATA: u32 = 234;

/// Room for an answer, in bytes; a longer one is asked for again.
const ROOM: usize = 1024;

fn output(mut call: impl FnMut(*mut u8, *mut u32) -> i32) -> Result<Vec<u8>> {
    let mut buffer = vec![0; ROOM];
    loop {
        let mut length = buffer.len() as u32;
        match result(call(buffer.as_mut_ptr(), &raw mut length)) {
            Err(ERROR_MORE_DATA) if length as usize > buffer.len() => {
                buffer.resize(length as usize, 0);
            }
            answer => {
                answer?;
                buffer.truncate(length as usize);
                return Ok(buffer);
            }
        }
    }
}

fn new_handle(call: impl FnOnce(*mut Handle) -> i32) -> Result<Handle> {
    let mut handle = 0;
    result(call(&raw mut handle))?;
    Ok(handle)
}

fn result(answer: i32) -> Result<()> {
    match answer {
        // SAFETY: the function has no requirements.
        #[allow(unused_unsafe, reason = "it is safe where it is ours")]
        0 => Err(unsafe { GetLastError() }),
        _ => Ok(()),
    }
}

/// Text in the encoding of providers' strings: UTF-8.
#[cfg(not(windows))]
pub(super) fn ansi(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Text in the encoding of providers' strings: the system's code page.
#[cfg(windows)]
pub(super) fn ansi(bytes: &[u8]) -> String {
    let Ok(length) = i32::try_from(bytes.len()) else {
        return String::new();
    };
    let mut wide = vec![0u16; bytes.len()];
    // SAFETY: both buffers are as long as said; no code page makes more units than it had bytes.
    let units = unsafe {
        windows_sys::Win32::Globalization::MultiByteToWideChar(
            windows_sys::Win32::Globalization::CP_ACP,
            0,
            bytes.as_ptr(),
            length,
            wide.as_mut_ptr(),
            length,
        )
    };
    String::from_utf16_lossy(&wide[..usize::try_from(units).unwrap_or(0)])
}

/// A string with its NUL, in UTF-16.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
