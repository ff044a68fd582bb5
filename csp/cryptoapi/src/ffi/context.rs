//! Contexts and their parameters (CRYPTSPI 3.1, 3.2, 4.3, 4.4).

use std::{
    ffi::c_char,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    call, outcome,
    pointer::{ansi, load, required, required_bytes, store, wide},
    provider_error,
};
use crate::{
    codes::{
        CRYPT_DELETEKEYSET, ERROR_BUSY, ERROR_INVALID_PARAMETER, MAX_PROV_TYPE,
        NTE_BAD_KEYSET_PARAM, NTE_BAD_PROV_TYPE, PP_CLIENT_HWND, PP_KEYSET_SEC_DESCR,
    },
    last_error,
    objects::{self, Release},
    registry, sys,
    table::{Bool, Handle, VTableProvStruc},
    text::Text,
};

/// Opens, creates or deletes a container, or opens a context without one.
///
/// Success sets the last error to 0. The handle is 0 after a failure and after
/// `CRYPT_DELETEKEYSET`, which needs no release.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptAcquireContextA(
    phProv: *mut Handle,
    szContainer: *const c_char,
    szProvider: *const c_char,
    dwProvType: u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's strings are NULL or terminated.
        let (container, provider) = unsafe { (ansi(szContainer), ansi(szProvider)) };
        // SAFETY: the caller's phProv is NULL or writable.
        unsafe { acquire(phProv, container, provider, dwProvType, dwFlags) }
    })
}

/// [`CryptAcquireContextA`] with UTF-16 names.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptAcquireContextW(
    phProv: *mut Handle,
    szContainer: *const u16,
    szProvider: *const u16,
    dwProvType: u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's strings are NULL or terminated.
        let (container, provider) = unsafe { (wide(szContainer), wide(szProvider)) };
        // SAFETY: the caller's phProv is NULL or writable.
        unsafe { acquire(phProv, container, provider, dwProvType, dwFlags) }
    })
}

unsafe fn acquire(
    place: *mut Handle,
    container: Option<Text>,
    provider: Option<Text>,
    prov_type: u32,
    flags: u32,
) -> Result<(), u32> {
    // The type is looked at before the pointer; seen on Windows.
    if !(1..=MAX_PROV_TYPE).contains(&prov_type) {
        return Err(NTE_BAD_PROV_TYPE);
    }
    required(place)?;
    // SAFETY: not NULL, so writable.
    unsafe { store(place, 0) };

    let provider = provider.map(|name| name.to_name());
    let provider = registry::resolve(provider.as_deref(), prov_type)?;
    let table = sys::entry_points(&provider.source)?;
    let container = container
        .map(|name| name.to_ansi(NTE_BAD_KEYSET_PARAM))
        .transpose()?;
    let mut name = provider.name.into_bytes();
    name.push(0);
    let vtable = VTableProvStruc {
        Version: 3,
        FuncVerifyImage: Some(verify_image),
        FuncReturnhWnd: Some(return_hwnd),
        dwProvType: prov_type,
        pbContextInfo: std::ptr::null_mut(),
        cbContextInfo: 0,
        pszProvName: name.as_mut_ptr().cast(),
    };
    let mut handle = 0;
    let container = container
        .as_deref()
        .map_or(std::ptr::null(), |name| name.as_ptr());
    // SAFETY: all pointers are valid until the entry point returns, which is as long as CryptoSPI
    // lets it use them; the two functions are static.
    outcome(&table, unsafe {
        (table.acquire_context)(&raw mut handle, container, flags, &raw const vtable)
    })?;
    if flags & CRYPT_DELETEKEYSET == 0 {
        // SAFETY: not NULL, so writable.
        unsafe { store(place, objects::add_context(table, handle)) };
    }
    last_error::set(0);
    Ok(())
}

/// Counts one user more of a context. The provider does not learn of it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptContextAddRef(
    hProv: Handle,
    pdwReserved: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        if !pdwReserved.is_null() || dwFlags != 0 {
            return Err(ERROR_INVALID_PARAMETER);
        }
        objects::add_user(hProv)
    })
}

/// Counts one user fewer of a context, and has the provider release it after the last one.
///
/// A provider that answers `NTE_BAD_FLAGS` has released it all the same; one that answers
/// `ERROR_BUSY` has not, and the handle stays good.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptReleaseContext(hProv: Handle, dwFlags: u32) -> Bool {
    call(|| match objects::release_context(hProv)? {
        Release::Kept => Ok(()),
        Release::Last(context) => {
            // SAFETY: plain values; the provider keeps its contract.
            let answer = unsafe { (context.table.release_context)(context.handle, dwFlags) };
            let result = outcome(&context.table, answer);
            if result == Err(ERROR_BUSY) {
                objects::restore_context(context);
            }
            result
        }
    })
}

/// Reads a parameter of the provider.
///
/// `PP_KEYSET_SEC_DESCR` can be TRUE and yet leave `ERROR_INSUFFICIENT_BUFFER` as last error
/// (CRYPTSPI 4.3); the provider's code is passed on when the buffer could not take the answer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetProvParam(
    hProv: Handle,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        let room = match pdwDataLen.is_null() || pbData.is_null() {
            true => 0,
            // SAFETY: not NULL, so readable.
            false => unsafe { load(pdwDataLen) },
        };
        // The length pointer is passed on as it is: some parameters have no data.
        // SAFETY: the caller's pointers, with the promise CryptoSPI asks for.
        outcome(&context.table, unsafe {
            (context.table.get_prov_param)(context.handle, dwParam, pbData, pdwDataLen, dwFlags)
        })?;
        if dwParam == PP_KEYSET_SEC_DESCR && !pdwDataLen.is_null() {
            // SAFETY: not NULL, so readable.
            let needed = unsafe { load(pdwDataLen) };
            if needed > room {
                last_error::set(provider_error(&context.table));
            }
        }
        Ok(())
    })
}

/// Sets a parameter of the provider.
///
/// `PP_CLIENT_HWND` without a context sets the window of the whole process, which providers ask
/// for through `FuncReturnhWnd`; with a context it goes to the provider.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetProvParam(
    hProv: Handle,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    call(|| {
        if hProv == 0 && dwParam == PP_CLIENT_HWND {
            required(pbData)?;
            // SAFETY: for this parameter the data is a window handle, and it is not NULL.
            WINDOW.store(unsafe { load(pbData.cast::<usize>()) }, Ordering::Relaxed);
            return Ok(());
        }
        let context = objects::context(hProv)?;
        // SAFETY: the caller's pointer, with the promise CryptoSPI asks for.
        outcome(&context.table, unsafe {
            (context.table.set_prov_param)(context.handle, dwParam, pbData, dwFlags)
        })
    })
}

/// Fills a buffer with random bytes.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGenRandom(hProv: Handle, dwLen: u32, pbBuffer: *mut u8) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        required_bytes(pbBuffer, dwLen)?;
        // SAFETY: the caller's buffer of dwLen bytes.
        outcome(&context.table, unsafe {
            (context.table.gen_random)(context.handle, dwLen, pbBuffer)
        })
    })
}

/// The window that `PP_CLIENT_HWND` set for the process.
static WINDOW: AtomicUsize = AtomicUsize::new(0);

unsafe extern "system" fn return_hwnd(window: *mut usize) {
    if !window.is_null() {
        // SAFETY: the provider passes NULL or a place to write to.
        unsafe { store(window, WINDOW.load(Ordering::Relaxed)) };
    }
}

/// There are no image signatures here, so every image is as good as signed.
unsafe extern "system" fn verify_image(_image: *const c_char, _signature: *const u8) -> Bool {
    super::TRUE
}
