//! Encryption and decryption (CRYPTSPI 3.9).

use super::{call, outcome, pointer::required};
use crate::{
    objects,
    table::{Bool, Handle},
};

/// Encrypts in place, hashing the plain text on the way when a hash is given. NULL data asks for
/// the size.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptEncrypt(
    hKey: Handle,
    hHash: Handle,
    Final: Bool,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwBufLen: u32,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        let hash = objects::optional_hash(hHash)?;
        required(pdwDataLen)?;
        let context = &key.context;
        // SAFETY: the caller's buffer of dwBufLen bytes and the length of its content.
        outcome(&context.table, unsafe {
            (context.table.encrypt)(
                context.handle,
                key.handle,
                hash,
                Final,
                dwFlags,
                pbData,
                pdwDataLen,
                dwBufLen,
            )
        })
    })
}

/// Decrypts in place, hashing the plain text on the way when a hash is given.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDecrypt(
    hKey: Handle,
    hHash: Handle,
    Final: Bool,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        let hash = objects::optional_hash(hHash)?;
        required(pbData)?;
        required(pdwDataLen)?;
        let context = &key.context;
        // SAFETY: the caller's buffer and the length of its content.
        outcome(&context.table, unsafe {
            (context.table.decrypt)(
                context.handle,
                key.handle,
                hash,
                Final,
                dwFlags,
                pbData,
                pdwDataLen,
            )
        })
    })
}
