//! What a provider looks like from here: 25 CryptoSPI entry points with C ABI, and the function
//! that tells why the last one failed.
//!
//! Windows keeps one last error per thread for the whole process, which a provider sets with the
//! system's `SetLastError`. Here a provider keeps its own and exports `CSPGetLastError`; this layer
//! reads it after each entry point that answered FALSE.

use std::ffi::c_char;

/// Win32 `BOOL`: 0 is FALSE, everything else TRUE.
pub type Bool = i32;

/// `HCRYPTPROV`, `HCRYPTKEY` and `HCRYPTHASH`: an opaque number; 0 means none.
pub type Handle = usize;

/// `FuncReturnhWnd` of [`VTableProvStruc`].
pub type ReturnHwnd = unsafe extern "system" fn(window: *mut usize);

/// `FuncVerifyImage` of [`VTableProvStruc`].
pub type VerifyImage =
    unsafe extern "system" fn(image: *const c_char, signature: *const u8) -> Bool;

/// What `CPAcquireContext` is told of its caller (CRYPTSPI 1.4), always in version 3.
///
/// The pointers in it die when the entry point returns; the two functions stay valid.
#[repr(C)]
#[derive(Debug)]
#[allow(non_snake_case)]
pub struct VTableProvStruc {
    /// 3: all seven members are there.
    pub Version: u32,
    /// Verifies the signature of an image; always TRUE.
    pub FuncVerifyImage: Option<VerifyImage>,
    /// Stores the window that `PP_CLIENT_HWND` set for the process, or 0.
    pub FuncReturnhWnd: Option<ReturnHwnd>,
    /// The provider type the caller asked for.
    pub dwProvType: u32,
    /// NULL.
    pub pbContextInfo: *mut u8,
    /// 0, in bytes.
    pub cbContextInfo: u32,
    /// The provider name that is being opened, NUL-terminated.
    pub pszProvName: *mut c_char,
}

/// A provider: the 25 entry points of CryptoSPI (CRYPTSPI 1.1) and its last error.
///
/// Field names are the entry points' without the `CP` prefix, in Rust case; the argument order is
/// CryptoSPI's. `CPDuplicateKey` and `CPDuplicateHash` may be missing, as on Windows; the calls
/// above them then fail with `ERROR_CALL_NOT_IMPLEMENTED`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // Each field is the entry point of its name; CRYPTSPI section 3 has them all.
pub struct Table {
    pub acquire_context: unsafe extern "system" fn(
        context: *mut Handle,
        container: *const c_char,
        flags: u32,
        vtable: *const VTableProvStruc,
    ) -> Bool,
    pub release_context: unsafe extern "system" fn(context: Handle, flags: u32) -> Bool,
    pub gen_key: unsafe extern "system" fn(
        context: Handle,
        algid: u32,
        flags: u32,
        key: *mut Handle,
    ) -> Bool,
    pub derive_key: unsafe extern "system" fn(
        context: Handle,
        algid: u32,
        base: Handle,
        flags: u32,
        key: *mut Handle,
    ) -> Bool,
    pub destroy_key: unsafe extern "system" fn(context: Handle, key: Handle) -> Bool,
    pub set_key_param: unsafe extern "system" fn(
        context: Handle,
        key: Handle,
        param: u32,
        data: *const u8,
        flags: u32,
    ) -> Bool,
    pub get_key_param: unsafe extern "system" fn(
        context: Handle,
        key: Handle,
        param: u32,
        data: *mut u8,
        length: *mut u32,
        flags: u32,
    ) -> Bool,
    pub set_prov_param:
        unsafe extern "system" fn(context: Handle, param: u32, data: *const u8, flags: u32) -> Bool,
    pub get_prov_param: unsafe extern "system" fn(
        context: Handle,
        param: u32,
        data: *mut u8,
        length: *mut u32,
        flags: u32,
    ) -> Bool,
    pub set_hash_param: unsafe extern "system" fn(
        context: Handle,
        hash: Handle,
        param: u32,
        data: *const u8,
        flags: u32,
    ) -> Bool,
    pub get_hash_param: unsafe extern "system" fn(
        context: Handle,
        hash: Handle,
        param: u32,
        data: *mut u8,
        length: *mut u32,
        flags: u32,
    ) -> Bool,
    pub export_key: unsafe extern "system" fn(
        context: Handle,
        key: Handle,
        export_key: Handle,
        blob_type: u32,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
    ) -> Bool,
    pub import_key: unsafe extern "system" fn(
        context: Handle,
        data: *const u8,
        length: u32,
        import_key: Handle,
        flags: u32,
        key: *mut Handle,
    ) -> Bool,
    pub encrypt: unsafe extern "system" fn(
        context: Handle,
        key: Handle,
        hash: Handle,
        last: Bool,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
        buffer: u32,
    ) -> Bool,
    pub decrypt: unsafe extern "system" fn(
        context: Handle,
        key: Handle,
        hash: Handle,
        last: Bool,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
    ) -> Bool,
    pub create_hash: unsafe extern "system" fn(
        context: Handle,
        algid: u32,
        key: Handle,
        flags: u32,
        hash: *mut Handle,
    ) -> Bool,
    pub hash_data: unsafe extern "system" fn(
        context: Handle,
        hash: Handle,
        data: *const u8,
        length: u32,
        flags: u32,
    ) -> Bool,
    pub hash_session_key:
        unsafe extern "system" fn(context: Handle, hash: Handle, key: Handle, flags: u32) -> Bool,
    pub destroy_hash: unsafe extern "system" fn(context: Handle, hash: Handle) -> Bool,
    pub sign_hash: unsafe extern "system" fn(
        context: Handle,
        hash: Handle,
        key_spec: u32,
        description: *const u16,
        flags: u32,
        signature: *mut u8,
        length: *mut u32,
    ) -> Bool,
    pub verify_signature: unsafe extern "system" fn(
        context: Handle,
        hash: Handle,
        signature: *const u8,
        length: u32,
        key: Handle,
        description: *const u16,
        flags: u32,
    ) -> Bool,
    pub gen_random:
        unsafe extern "system" fn(context: Handle, length: u32, buffer: *mut u8) -> Bool,
    pub get_user_key:
        unsafe extern "system" fn(context: Handle, key_spec: u32, key: *mut Handle) -> Bool,
    pub duplicate_key: Option<
        unsafe extern "system" fn(
            context: Handle,
            key: Handle,
            reserved: *mut u32,
            flags: u32,
            copy: *mut Handle,
        ) -> Bool,
    >,
    pub duplicate_hash: Option<
        unsafe extern "system" fn(
            context: Handle,
            hash: Handle,
            reserved: *mut u32,
            flags: u32,
            copy: *mut Handle,
        ) -> Bool,
    >,
    /// `CSPGetLastError`: the code set by the calling thread's last entry point that failed.
    pub last_error: unsafe extern "system" fn() -> u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn vtable_has_the_layout_of_version_3() {
        // Measured size of the structure on 64-bit Windows.
        assert_eq!(size_of::<VTableProvStruc>(), 56);
        assert_eq!(std::mem::offset_of!(VTableProvStruc, pszProvName), 48);
    }
}
