//! Which providers and types there are, and which provider is a type's default.

use std::ffi::c_char;

use super::{
    call,
    pointer::{ansi, load, required, store, wide},
};
use crate::{
    codes::{
        CRYPT_DELETE_DEFAULT, CRYPT_MACHINE_DEFAULT, CRYPT_USER_DEFAULT, ERROR_INVALID_PARAMETER,
        ERROR_MORE_DATA, MAX_PROV_TYPE, NTE_BAD_FLAGS, NTE_BAD_PROV_TYPE,
    },
    registry::{self, Owner},
    table::Bool,
    text::Text,
};

/// Name and type of the provider at an index; `ERROR_NO_MORE_ITEMS` after the last. A NULL name
/// asks for the size in bytes, terminator included.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptEnumProvidersA(
    dwIndex: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pdwProvType: *mut u32,
    szProvName: *mut c_char,
    pcbProvName: *mut u32,
) -> Bool {
    call(|| {
        let (name, prov_type) = entry(pdwReserved, dwFlags, pdwProvType, pcbProvName, || {
            registry::provider_at(dwIndex)
        })?;
        // SAFETY: checked not to be NULL, so writable.
        unsafe { store(pdwProvType, prov_type) };
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_ansi(&name, szProvName, pcbProvName) }
    })
}

/// [`CryptEnumProvidersA`] with a UTF-16 name; sizes are in bytes here too.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptEnumProvidersW(
    dwIndex: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pdwProvType: *mut u32,
    szProvName: *mut u16,
    pcbProvName: *mut u32,
) -> Bool {
    call(|| {
        let (name, prov_type) = entry(pdwReserved, dwFlags, pdwProvType, pcbProvName, || {
            registry::provider_at(dwIndex)
        })?;
        // SAFETY: checked not to be NULL, so writable.
        unsafe { store(pdwProvType, prov_type) };
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_wide(&name, szProvName, pcbProvName) }
    })
}

/// Number and name of the provider type at an index; `ERROR_NO_MORE_ITEMS` after the last. A NULL
/// name asks for the size in bytes, terminator included.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptEnumProviderTypesA(
    dwIndex: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pdwProvType: *mut u32,
    szTypeName: *mut c_char,
    pcbTypeName: *mut u32,
) -> Bool {
    call(|| {
        let (prov_type, name) = entry(pdwReserved, dwFlags, pdwProvType, pcbTypeName, || {
            registry::type_at(dwIndex)
        })?;
        // SAFETY: checked not to be NULL, so writable.
        unsafe { store(pdwProvType, prov_type) };
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_ansi(name, szTypeName, pcbTypeName) }
    })
}

/// [`CryptEnumProviderTypesA`] with a UTF-16 name; sizes are in bytes here too.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptEnumProviderTypesW(
    dwIndex: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pdwProvType: *mut u32,
    szTypeName: *mut u16,
    pcbTypeName: *mut u32,
) -> Bool {
    call(|| {
        let (prov_type, name) = entry(pdwReserved, dwFlags, pdwProvType, pcbTypeName, || {
            registry::type_at(dwIndex)
        })?;
        // SAFETY: checked not to be NULL, so writable.
        unsafe { store(pdwProvType, prov_type) };
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_wide(name, szTypeName, pcbTypeName) }
    })
}

/// The name of a type's default provider, of the user or of the machine by flag.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetDefaultProviderA(
    dwProvType: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pszProvName: *mut c_char,
    pcbProvName: *mut u32,
) -> Bool {
    call(|| {
        let name = default_name(dwProvType, pdwReserved, dwFlags, pcbProvName)?;
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_ansi(&name, pszProvName, pcbProvName) }
    })
}

/// [`CryptGetDefaultProviderA`] with a UTF-16 name; sizes are in bytes here too.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetDefaultProviderW(
    dwProvType: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
    pszProvName: *mut u16,
    pcbProvName: *mut u32,
) -> Bool {
    call(|| {
        let name = default_name(dwProvType, pdwReserved, dwFlags, pcbProvName)?;
        // SAFETY: the caller's buffer and its length.
        unsafe { answer_wide(&name, pszProvName, pcbProvName) }
    })
}

/// Makes a provider the user's default of its type, for this process.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetProviderA(
    pszProvName: *const c_char,
    dwProvType: u32,
) -> Bool {
    // SAFETY: the caller's string is NULL or terminated.
    call(|| set_default(unsafe { ansi(pszProvName) }, dwProvType, CRYPT_USER_DEFAULT))
}

/// [`CryptSetProviderA`] with a UTF-16 name.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetProviderW(pszProvName: *const u16, dwProvType: u32) -> Bool {
    // SAFETY: the caller's string is NULL or terminated.
    call(|| set_default(unsafe { wide(pszProvName) }, dwProvType, CRYPT_USER_DEFAULT))
}

/// Sets or deletes the user's or the machine's default provider of a type, for this process.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetProviderExA(
    pszProvName: *const c_char,
    dwProvType: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        reserved(pdwReserved)?;
        // SAFETY: the caller's string is NULL or terminated.
        set_default(unsafe { ansi(pszProvName) }, dwProvType, dwFlags)
    })
}

/// [`CryptSetProviderExA`] with a UTF-16 name.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetProviderExW(
    pszProvName: *const u16,
    dwProvType: u32,
    pdwReserved: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        reserved(pdwReserved)?;
        // SAFETY: the caller's string is NULL or terminated.
        set_default(unsafe { wide(pszProvName) }, dwProvType, dwFlags)
    })
}

/// The checks of the enumerations, in the order seen on Windows, then the item.
fn entry<T>(
    reserved_pointer: *const u32,
    flags: u32,
    prov_type: *const u32,
    length: *const u32,
    item: impl FnOnce() -> Result<T, u32>,
) -> Result<T, u32> {
    reserved(reserved_pointer)?;
    required(prov_type)?;
    required(length)?;
    if flags != 0 {
        return Err(NTE_BAD_FLAGS);
    }
    item()
}

fn reserved(pointer: *const u32) -> Result<(), u32> {
    if pointer.is_null() {
        Ok(())
    } else {
        Err(ERROR_INVALID_PARAMETER)
    }
}

fn default_name(
    prov_type: u32,
    reserved_pointer: *const u32,
    flags: u32,
    length: *const u32,
) -> Result<String, u32> {
    reserved(reserved_pointer)?;
    required(length)?;
    if flags & !(CRYPT_USER_DEFAULT | CRYPT_MACHINE_DEFAULT) != 0 {
        return Err(NTE_BAD_FLAGS);
    }
    let owner = if flags & CRYPT_USER_DEFAULT != 0 {
        Owner::User
    } else {
        Owner::Machine
    };
    registry::default_provider(prov_type, owner)
}

fn set_default(name: Option<Text>, prov_type: u32, flags: u32) -> Result<(), u32> {
    let name = name.ok_or(ERROR_INVALID_PARAMETER)?;
    if !(1..=MAX_PROV_TYPE).contains(&prov_type) {
        return Err(NTE_BAD_PROV_TYPE);
    }
    let owner = match flags & !CRYPT_DELETE_DEFAULT {
        CRYPT_USER_DEFAULT => Owner::User,
        CRYPT_MACHINE_DEFAULT => Owner::Machine,
        _ => return Err(NTE_BAD_FLAGS),
    };
    if flags & CRYPT_DELETE_DEFAULT != 0 {
        registry::delete_default(prov_type, owner)
    } else {
        registry::set_default(&name.to_name(), prov_type, owner)
    }
}

/// Answers with a string under the rule of all size queries: NULL gets the size, a short buffer
/// gets the size and `ERROR_MORE_DATA`. Sizes are in bytes, with the terminator.
///
/// # Safety
/// `length` is valid; `buffer` is NULL or `*length` bytes long.
unsafe fn answer_ansi(text: &str, buffer: *mut c_char, length: *mut u32) -> Result<(), u32> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    // SAFETY: the caller's promise.
    unsafe { answer(&bytes, buffer.cast(), length) }
}

/// [`answer_ansi`] in UTF-16.
///
/// # Safety
/// The same.
unsafe fn answer_wide(text: &str, buffer: *mut u16, length: *mut u32) -> Result<(), u32> {
    let bytes: Vec<u8> = text
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_ne_bytes)
        .collect();
    // SAFETY: the caller's promise.
    unsafe { answer(&bytes, buffer.cast(), length) }
}

unsafe fn answer(bytes: &[u8], buffer: *mut u8, length: *mut u32) -> Result<(), u32> {
    // SAFETY: the length is valid.
    let room = unsafe { load(length) };
    let needed = u32::try_from(bytes.len()).map_err(|_| ERROR_INVALID_PARAMETER)?;
    // SAFETY: the length is valid.
    unsafe { store(length, needed) };
    if buffer.is_null() {
        return Ok(());
    }
    if room < needed {
        return Err(ERROR_MORE_DATA);
    }
    // SAFETY: the buffer has `room` bytes, which are enough, and is the caller's own.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
    Ok(())
}
