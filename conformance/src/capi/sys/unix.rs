//! Elsewhere than on Windows: our own `Crypt*` functions, and our providers inside this process.

use std::sync::OnceLock;

use cryptoapi::{Table, VTableProvStruc};

pub(super) use cryptoapi::ffi::{GetLastError as last_error, SetLastError as set_last_error, *};

use super::entry::VTableProvStruc as EntryVTable;
use super::{EntryPoints, Handle};
use crate::capi::Provider;

/// Registers our providers, once, under both spellings of their names.
pub(in crate::capi) fn register_providers() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for names in csp::names::NAMES {
            if csp::alg::Provider::of_type(names.prov_type).is_some() {
                for name in [names.canonical, names.alias] {
                    cryptoapi::register(name, names.prov_type, table());
                }
            }
        }
    });
}

/// The entry points of the library behind a provider; None if they cannot be reached from here.
pub(in crate::capi) fn entry_points(provider: &Provider) -> Option<EntryPoints> {
    use csp::ffi::*;
    csp::names::type_of(&provider.name)?;
    Some(EntryPoints {
        acquire_context: entry_acquire_context,
        create_hash: CPCreateHash,
        decrypt: CPDecrypt,
        derive_key: CPDeriveKey,
        destroy_hash: CPDestroyHash,
        destroy_key: CPDestroyKey,
        duplicate_hash: CPDuplicateHash,
        duplicate_key: CPDuplicateKey,
        encrypt: CPEncrypt,
        export_key: CPExportKey,
        gen_key: CPGenKey,
        gen_random: CPGenRandom,
        get_hash_param: CPGetHashParam,
        get_key_param: CPGetKeyParam,
        get_prov_param: CPGetProvParam,
        get_user_key: CPGetUserKey,
        hash_data: CPHashData,
        hash_session_key: CPHashSessionKey,
        import_key: CPImportKey,
        release_context: CPReleaseContext,
        set_hash_param: CPSetHashParam,
        set_key_param: CPSetKeyParam,
        set_prov_param: CPSetProvParam,
        sign_hash: CPSignHash,
        verify_signature: CPVerifySignature,
        last_error: CSPGetLastError,
    })
}

fn table() -> Table {
    use csp::ffi::*;
    Table {
        acquire_context,
        release_context: CPReleaseContext,
        gen_key: CPGenKey,
        derive_key: CPDeriveKey,
        destroy_key: CPDestroyKey,
        set_key_param: CPSetKeyParam,
        get_key_param: CPGetKeyParam,
        set_prov_param: CPSetProvParam,
        get_prov_param: CPGetProvParam,
        set_hash_param: CPSetHashParam,
        get_hash_param: CPGetHashParam,
        export_key: CPExportKey,
        import_key: CPImportKey,
        encrypt: CPEncrypt,
        decrypt: CPDecrypt,
        create_hash: CPCreateHash,
        hash_data: CPHashData,
        hash_session_key: CPHashSessionKey,
        destroy_hash: CPDestroyHash,
        sign_hash: CPSignHash,
        verify_signature: CPVerifySignature,
        gen_random: CPGenRandom,
        get_user_key: CPGetUserKey,
        duplicate_key: Some(CPDuplicateKey),
        duplicate_hash: Some(CPDuplicateHash),
        last_error: CSPGetLastError,
    }
}

/// CPAcquireContext, whose structure has a type on each side of the table, as both are defined apart.
unsafe extern "system" fn acquire_context(
    context: *mut Handle,
    container: *const std::ffi::c_char,
    flags: u32,
    vtable: *const VTableProvStruc,
) -> i32 {
    // SAFETY: the caller's promises; both types have the layout of Microsoft's reference.
    unsafe { csp::ffi::CPAcquireContext(context, container, flags, vtable.cast()) }
}

/// The same for calls that go to the entry point directly.
unsafe extern "system" fn entry_acquire_context(
    context: *mut Handle,
    container: *const std::ffi::c_char,
    flags: u32,
    vtable: *const EntryVTable,
) -> i32 {
    // SAFETY: the caller's promises; both types have the layout of Microsoft's reference.
    unsafe { csp::ffi::CPAcquireContext(context, container, flags, vtable.cast()) }
}
