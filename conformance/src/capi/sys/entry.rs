//! A provider's own entry points, for calls that the layer above never lets through: handles that nobody gave out, and
//! NULL where a pointer must be.

use std::ffi::{CString, c_char, c_void};
use std::ptr::{null, null_mut};

use super::{Handle, Result, c_string};
use crate::capi::numbers::*;
use crate::capi::{Code, Function, Provider};

/// Win32 `BOOL`.
type Bool = i32;

type Acquire =
    unsafe extern "system" fn(*mut Handle, *const c_char, u32, *const VTableProvStruc) -> Bool;
type Flagged = unsafe extern "system" fn(Handle, u32) -> Bool;
type Destroy = unsafe extern "system" fn(Handle, Handle) -> Bool;
type Duplicate = unsafe extern "system" fn(Handle, Handle, *mut u32, u32, *mut Handle) -> Bool;
type Get = unsafe extern "system" fn(Handle, Handle, u32, *mut u8, *mut u32, u32) -> Bool;
type Set = unsafe extern "system" fn(Handle, Handle, u32, *const u8, u32) -> Bool;

/// The 25 entry points, and where the provider says why the last one failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::capi) struct EntryPoints {
    pub(super) acquire_context: Acquire,
    pub(super) create_hash:
        unsafe extern "system" fn(Handle, u32, Handle, u32, *mut Handle) -> Bool,
    pub(super) decrypt:
        unsafe extern "system" fn(Handle, Handle, Handle, Bool, u32, *mut u8, *mut u32) -> Bool,
    pub(super) derive_key: unsafe extern "system" fn(Handle, u32, Handle, u32, *mut Handle) -> Bool,
    pub(super) destroy_hash: Destroy,
    pub(super) destroy_key: Destroy,
    pub(super) duplicate_hash: Duplicate,
    pub(super) duplicate_key: Duplicate,
    pub(super) encrypt: unsafe extern "system" fn(
        Handle,
        Handle,
        Handle,
        Bool,
        u32,
        *mut u8,
        *mut u32,
        u32,
    ) -> Bool,
    pub(super) export_key:
        unsafe extern "system" fn(Handle, Handle, Handle, u32, u32, *mut u8, *mut u32) -> Bool,
    pub(super) gen_key: unsafe extern "system" fn(Handle, u32, u32, *mut Handle) -> Bool,
    pub(super) gen_random: unsafe extern "system" fn(Handle, u32, *mut u8) -> Bool,
    pub(super) get_hash_param: Get,
    pub(super) get_key_param: Get,
    pub(super) get_prov_param:
        unsafe extern "system" fn(Handle, u32, *mut u8, *mut u32, u32) -> Bool,
    pub(super) get_user_key: unsafe extern "system" fn(Handle, u32, *mut Handle) -> Bool,
    pub(super) hash_data: unsafe extern "system" fn(Handle, Handle, *const u8, u32, u32) -> Bool,
    pub(super) hash_session_key: unsafe extern "system" fn(Handle, Handle, Handle, u32) -> Bool,
    pub(super) import_key:
        unsafe extern "system" fn(Handle, *const u8, u32, Handle, u32, *mut Handle) -> Bool,
    pub(super) release_context: Flagged,
    pub(super) set_hash_param: Set,
    pub(super) set_key_param: Set,
    pub(super) set_prov_param: unsafe extern "system" fn(Handle, u32, *const u8, u32) -> Bool,
    pub(super) sign_hash:
        unsafe extern "system" fn(Handle, Handle, u32, *const u16, u32, *mut u8, *mut u32) -> Bool,
    pub(super) verify_signature:
        unsafe extern "system" fn(Handle, Handle, *const u8, u32, Handle, *const u16, u32) -> Bool,
    /// On Windows the system's last error.
    pub(super) last_error: unsafe extern "system" fn() -> u32,
}

/// What an entry point is called with. What is not named here is in order.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    /// `hProv`.
    pub context: Handle,
    /// `hKey`, or the key that goes along where there is no other.
    pub key: Handle,
    /// `hHash`, or the hash that goes along.
    pub hash: Handle,
    /// The blob of CPImportKey, the signature of CPVerifySignature; other functions have data of their own.
    pub data: &'a [u8],
    /// Whether pointers that the function cannot do without are there, or NULL.
    pub pointers: bool,
}

impl Arguments<'_> {
    /// A context, a key and a hash that nobody gave out, and nothing else amiss.
    pub fn of(context: Handle) -> Arguments<'static> {
        Arguments {
            context,
            key: Handle::MAX,
            hash: Handle::MAX,
            data: &[6, 2, 0, 0, 0, 0, 0, 0],
            pointers: true,
        }
    }
}

/// `VTableProvStruc` in version 3.
#[repr(C)]
pub(super) struct VTableProvStruc {
    version: u32,
    verify_image: *const c_void,
    return_window: *const c_void,
    prov_type: u32,
    context_info: *mut u8,
    context_info_length: u32,
    name: *const c_char,
}

impl EntryPoints {
    /// CPAcquireContext with CRYPT_VERIFYCONTEXT; NULL for the handle's place unless `pointers`.
    pub(in crate::capi) fn acquire(&self, provider: &Provider, pointers: bool) -> Result<Handle> {
        let name: CString = c_string(&provider.name);
        let vtable = VTableProvStruc {
            version: 3,
            verify_image: null(),
            return_window: null(),
            prov_type: provider.prov_type,
            context_info: null_mut(),
            context_info_length: 0,
            name: name.as_ptr(),
        };
        let mut handle = 0;
        let place = if pointers {
            &raw mut handle
        } else {
            null_mut()
        };
        // SAFETY: the place is NULL or writable; structure and name live until the call returns.
        self.result(unsafe {
            (self.acquire_context)(place, null(), CRYPT_VERIFYCONTEXT, &raw const vtable)
        })?;
        Ok(handle)
    }

    /// CPCreateHash of SHA-1.
    pub(in crate::capi) fn new_hash(&self, context: Handle) -> Result<Handle> {
        let mut handle = 0;
        // SAFETY: `handle` is a place for the answer.
        let answer = unsafe { (self.create_hash)(context, CALG_SHA1, 0, 0, &raw mut handle) };
        self.result(answer).map(|()| handle)
    }

    /// CPGenKey.
    pub(in crate::capi) fn new_key(
        &self,
        context: Handle,
        algid: u32,
        flags: u32,
    ) -> Result<Handle> {
        let mut handle = 0;
        // SAFETY: `handle` is a place for the answer.
        let answer = unsafe { (self.gen_key)(context, algid, flags, &raw mut handle) };
        self.result(answer).map(|()| handle)
    }

    /// CPImportKey.
    pub(in crate::capi) fn import(&self, context: Handle, blob: &[u8]) -> Result<Handle> {
        let mut handle = 0;
        // SAFETY: the blob is as long as is said; `handle` is a place for the answer.
        let answer = unsafe {
            (self.import_key)(context, blob.as_ptr(), length(blob), 0, 0, &raw mut handle)
        };
        self.result(answer).map(|()| handle)
    }

    /// Any of the functions but CPAcquireContext.
    pub(in crate::capi) fn call(
        &self,
        function: Function,
        arguments: &Arguments<'_>,
    ) -> Result<()> {
        let Arguments {
            context,
            key,
            hash,
            data,
            pointers,
        } = *arguments;
        let (mut handle, mut size, mut buffer) = (0, 16_u32, [0_u8; 64]);
        let (mut place, mut size_place) = (&raw mut handle, &raw mut size);
        let (mut bytes, mut data_bytes) = (buffer.as_mut_ptr(), data.as_ptr());
        if !pointers {
            (place, size_place) = (null_mut(), null_mut());
            (bytes, data_bytes) = (null_mut(), null());
        }
        let data_length = length(data);
        // SAFETY: a provider looks handles up, so any number may be passed. Pointers are NULL, or lead to a variable or to
        // 64 bytes, which is more than any length or parameter here says, or to as many bytes of data as is said.
        self.result(unsafe {
            match function {
                Function::AcquireContext => return Err(Code(0)),
                Function::CreateHash => (self.create_hash)(context, CALG_MAC, key, 0, place),
                Function::Decrypt => (self.decrypt)(context, key, hash, 1, 0, bytes, size_place),
                Function::DeriveKey => (self.derive_key)(context, CALG_RC4, hash, 0, place),
                Function::DestroyHash => (self.destroy_hash)(context, hash),
                Function::DestroyKey => (self.destroy_key)(context, key),
                Function::DuplicateHash => {
                    (self.duplicate_hash)(context, hash, null_mut(), 0, place)
                }
                Function::DuplicateKey => (self.duplicate_key)(context, key, null_mut(), 0, place),
                Function::Encrypt => {
                    (self.encrypt)(context, key, hash, 1, 0, bytes, size_place, 64)
                }
                Function::ExportKey => {
                    (self.export_key)(context, key, 0, PUBLICKEYBLOB, 0, bytes, size_place)
                }
                Function::GenKey => (self.gen_key)(context, AT_SIGNATURE, 512 << 16, place),
                Function::GenRandom => (self.gen_random)(context, 8, bytes),
                Function::GetHashParam => {
                    (self.get_hash_param)(context, hash, HP_HASHSIZE, bytes, size_place, 0)
                }
                Function::GetKeyParam => {
                    (self.get_key_param)(context, key, KP_ALGID, bytes, size_place, 0)
                }
                Function::GetProvParam => {
                    (self.get_prov_param)(context, PP_PROVTYPE, bytes, size_place, 0)
                }
                Function::GetUserKey => (self.get_user_key)(context, AT_SIGNATURE, place),
                Function::HashData => (self.hash_data)(context, hash, bytes, 3, 0),
                Function::HashSessionKey => (self.hash_session_key)(context, hash, key, 0),
                Function::ImportKey => {
                    (self.import_key)(context, data_bytes, data_length, key, 0, place)
                }
                Function::ReleaseContext => (self.release_context)(context, 0),
                Function::SetHashParam => {
                    (self.set_hash_param)(context, hash, HP_HASHVAL, bytes, 0)
                }
                Function::SetKeyParam => {
                    (self.set_key_param)(context, key, KP_PERMISSIONS, bytes, 0)
                }
                Function::SetProvParam => {
                    (self.set_prov_param)(context, PP_CRYPT_COUNT_KEY_USE, bytes, 0)
                }
                Function::SignHash => {
                    (self.sign_hash)(context, hash, AT_SIGNATURE, null(), 0, bytes, size_place)
                }
                Function::VerifySignature => {
                    (self.verify_signature)(context, hash, data_bytes, data_length, key, null(), 0)
                }
            }
        })
    }

    fn result(&self, answer: Bool) -> Result<()> {
        if answer != 0 {
            return Ok(());
        }
        // SAFETY: the function takes nothing.
        Err(Code(unsafe { (self.last_error)() }))
    }
}

fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).expect("data of the cases is short")
}
