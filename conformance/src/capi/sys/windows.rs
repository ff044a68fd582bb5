//! On Windows: the system's `Crypt*` functions, and the library that its registry names for a provider.

use std::ffi::{CStr, c_void};
use std::mem::transmute;

use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::Foundation::{GetLastError, SetLastError};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};

pub(super) use windows_sys::Win32::Security::Cryptography::*;

use super::{EntryPoints, utf16};
use crate::capi::Provider;

/// GetLastError.
pub(super) fn last_error() -> u32 {
    // SAFETY: the function takes nothing.
    unsafe { GetLastError() }
}

/// SetLastError.
pub(super) fn set_last_error(code: u32) {
    // SAFETY: any number may be passed.
    unsafe { SetLastError(code) }
}

/// Nothing to do: an installation has registered them, or has not.
pub(in crate::capi) fn register_providers() {}

/// The entry points of the library behind a provider; None if it is not registered, or does not load.
pub(in crate::capi) fn entry_points(provider: &Provider) -> Option<EntryPoints> {
    let key = format!(
        r"SOFTWARE\Microsoft\Cryptography\Defaults\Provider\{}",
        provider.name
    );
    let image = LOCAL_MACHINE
        .open(key)
        .and_then(|key| key.get_string("Image Path"))
        .ok()?;
    // SAFETY: the path is terminated. That loading a registered provider is sound is what its registration promises. It
    // stays loaded, as nobody frees it.
    let module = unsafe { LoadLibraryW(utf16(&image).as_ptr()) };
    let export = |name: &CStr| {
        // SAFETY: the name is terminated; a module that is NULL has no exports.
        unsafe { GetProcAddress(module, name.as_ptr().cast()) }.map(|place| place as *const c_void)
    };
    // SAFETY: that exports of these names have CryptoSPI's signatures is the contract of a provider's image.
    unsafe {
        Some(EntryPoints {
            acquire_context: transmute::<*const c_void, _>(export(c"CPAcquireContext")?),
            create_hash: transmute::<*const c_void, _>(export(c"CPCreateHash")?),
            decrypt: transmute::<*const c_void, _>(export(c"CPDecrypt")?),
            derive_key: transmute::<*const c_void, _>(export(c"CPDeriveKey")?),
            destroy_hash: transmute::<*const c_void, _>(export(c"CPDestroyHash")?),
            destroy_key: transmute::<*const c_void, _>(export(c"CPDestroyKey")?),
            duplicate_hash: transmute::<*const c_void, _>(export(c"CPDuplicateHash")?),
            duplicate_key: transmute::<*const c_void, _>(export(c"CPDuplicateKey")?),
            encrypt: transmute::<*const c_void, _>(export(c"CPEncrypt")?),
            export_key: transmute::<*const c_void, _>(export(c"CPExportKey")?),
            gen_key: transmute::<*const c_void, _>(export(c"CPGenKey")?),
            gen_random: transmute::<*const c_void, _>(export(c"CPGenRandom")?),
            get_hash_param: transmute::<*const c_void, _>(export(c"CPGetHashParam")?),
            get_key_param: transmute::<*const c_void, _>(export(c"CPGetKeyParam")?),
            get_prov_param: transmute::<*const c_void, _>(export(c"CPGetProvParam")?),
            get_user_key: transmute::<*const c_void, _>(export(c"CPGetUserKey")?),
            hash_data: transmute::<*const c_void, _>(export(c"CPHashData")?),
            hash_session_key: transmute::<*const c_void, _>(export(c"CPHashSessionKey")?),
            import_key: transmute::<*const c_void, _>(export(c"CPImportKey")?),
            release_context: transmute::<*const c_void, _>(export(c"CPReleaseContext")?),
            set_hash_param: transmute::<*const c_void, _>(export(c"CPSetHashParam")?),
            set_key_param: transmute::<*const c_void, _>(export(c"CPSetKeyParam")?),
            set_prov_param: transmute::<*const c_void, _>(export(c"CPSetProvParam")?),
            sign_hash: transmute::<*const c_void, _>(export(c"CPSignHash")?),
            verify_signature: transmute::<*const c_void, _>(export(c"CPVerifySignature")?),
            last_error: GetLastError,
        })
    }
}
