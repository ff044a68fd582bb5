//! The provider's library, `ncsp.dll`, which lies beside this program.

use std::ffi::{c_char, c_void};

use windows_sys::Win32::Foundation::GetLastError;

/// The library keeps that to itself.
pub(in crate::threads) fn live_handles() -> Option<[usize; 3]> {
    None
}

/// GetLastError.
pub(super) fn last_error() -> u32 {
    // SAFETY: the function takes nothing.
    unsafe { GetLastError() }
}

// The signatures are CryptSPI's.
#[link(name = "ncsp", kind = "raw-dylib")]
unsafe extern "system" {
    pub(super) fn CPAcquireContext(
        place: *mut usize,
        name: *const c_char,
        flags: u32,
        vtable: *const c_void,
    ) -> i32;
    pub(super) fn CPReleaseContext(context: usize, flags: u32) -> i32;
    pub(super) fn CPGenKey(context: usize, algorithm: u32, flags: u32, place: *mut usize) -> i32;
    pub(super) fn CPGetUserKey(context: usize, spec: u32, place: *mut usize) -> i32;
    pub(super) fn CPDuplicateKey(
        context: usize,
        key: usize,
        reserved: *mut u32,
        flags: u32,
        place: *mut usize,
    ) -> i32;
    pub(super) fn CPDestroyKey(context: usize, key: usize) -> i32;
    pub(super) fn CPExportKey(
        context: usize,
        key: usize,
        public: usize,
        blob: u32,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
    ) -> i32;
    pub(super) fn CPImportKey(
        context: usize,
        data: *const u8,
        length: u32,
        public: usize,
        flags: u32,
        place: *mut usize,
    ) -> i32;
    pub(super) fn CPCreateHash(
        context: usize,
        algorithm: u32,
        key: usize,
        flags: u32,
        place: *mut usize,
    ) -> i32;
    pub(super) fn CPDuplicateHash(
        context: usize,
        hash: usize,
        reserved: *mut u32,
        flags: u32,
        place: *mut usize,
    ) -> i32;
    pub(super) fn CPHashData(
        context: usize,
        hash: usize,
        data: *const u8,
        length: u32,
        flags: u32,
    ) -> i32;
    pub(super) fn CPGetHashParam(
        context: usize,
        hash: usize,
        param: u32,
        data: *mut u8,
        length: *mut u32,
        flags: u32,
    ) -> i32;
    pub(super) fn CPDestroyHash(context: usize, hash: usize) -> i32;
    pub(super) fn CPSignHash(
        context: usize,
        hash: usize,
        spec: u32,
        description: *const u16,
        flags: u32,
        signature: *mut u8,
        length: *mut u32,
    ) -> i32;
    pub(super) fn CPVerifySignature(
        context: usize,
        hash: usize,
        signature: *const u8,
        length: u32,
        public: usize,
        description: *const u16,
        flags: u32,
    ) -> i32;
    pub(super) fn CPEncrypt(
        context: usize,
        key: usize,
        hash: usize,
        last: i32,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
        room: u32,
    ) -> i32;
    pub(super) fn CPDecrypt(
        context: usize,
        key: usize,
        hash: usize,
        last: i32,
        flags: u32,
        data: *mut u8,
        length: *mut u32,
    ) -> i32;
    pub(super) fn CPGenRandom(context: usize, length: u32, buffer: *mut u8) -> i32;
    pub(super) fn CPGetProvParam(
        context: usize,
        param: u32,
        data: *mut u8,
        length: *mut u32,
        flags: u32,
    ) -> i32;
}
