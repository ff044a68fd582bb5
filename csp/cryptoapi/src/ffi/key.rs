//! Keys and their parameters (CRYPTSPI 3.3, 3.4, 3.6, 3.7, 3.14, 3.15, 4.1).

use super::{
    call, outcome,
    pointer::{required, store},
};
use crate::{
    codes::{ERROR_BUSY, ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_PARAMETER},
    objects,
    table::{Bool, Handle},
};

/// Makes a random key, or a pair in the context's container.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGenKey(
    hProv: Handle,
    Algid: u32,
    dwFlags: u32,
    phKey: *mut Handle,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        required(phKey)?;
        let mut key = 0;
        // SAFETY: `key` is a place for the answer.
        outcome(&context.table, unsafe {
            (context.table.gen_key)(context.handle, Algid, dwFlags, &raw mut key)
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phKey, objects::add_key(&context, key)) };
        Ok(())
    })
}

/// Makes a key from a hash.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDeriveKey(
    hProv: Handle,
    Algid: u32,
    hBaseData: Handle,
    dwFlags: u32,
    phKey: *mut Handle,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        let base = objects::hash(hBaseData)?;
        required(phKey)?;
        let mut key = 0;
        // SAFETY: `key` is a place for the answer.
        outcome(&context.table, unsafe {
            (context.table.derive_key)(context.handle, Algid, base.handle, dwFlags, &raw mut key)
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phKey, objects::add_key(&context, key)) };
        Ok(())
    })
}

/// A handle of one of the container's two pairs.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetUserKey(
    hProv: Handle,
    dwKeySpec: u32,
    phUserKey: *mut Handle,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        required(phUserKey)?;
        let mut key = 0;
        // SAFETY: `key` is a place for the answer.
        outcome(&context.table, unsafe {
            (context.table.get_user_key)(context.handle, dwKeySpec, &raw mut key)
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phUserKey, objects::add_key(&context, key)) };
        Ok(())
    })
}

/// Ends a key handle. It stays good only when the provider says `ERROR_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDestroyKey(hKey: Handle) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        let context = &key.context;
        // SAFETY: plain values; the provider keeps its contract.
        let answer = unsafe { (context.table.destroy_key)(context.handle, key.handle) };
        let result = outcome(&context.table, answer);
        if result != Err(ERROR_BUSY) {
            objects::remove(hKey);
        }
        result
    })
}

/// Copies a key and its state.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDuplicateKey(
    hKey: Handle,
    pdwReserved: *mut u32,
    dwFlags: u32,
    phKey: *mut Handle,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        required(phKey)?;
        let context = &key.context;
        let duplicate = context
            .table
            .duplicate_key
            .ok_or(ERROR_CALL_NOT_IMPLEMENTED)?;
        let mut copy = 0;
        // SAFETY: `copy` is a place for the answer; pdwReserved is the caller's.
        outcome(&context.table, unsafe {
            duplicate(
                context.handle,
                key.handle,
                pdwReserved,
                dwFlags,
                &raw mut copy,
            )
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phKey, objects::add_key(context, copy)) };
        Ok(())
    })
}

/// Reads a parameter of a key.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetKeyParam(
    hKey: Handle,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        required(pdwDataLen)?;
        let context = &key.context;
        // SAFETY: the caller's buffer and its length.
        outcome(&context.table, unsafe {
            (context.table.get_key_param)(
                context.handle,
                key.handle,
                dwParam,
                pbData,
                pdwDataLen,
                dwFlags,
            )
        })
    })
}

/// Sets a parameter of a key. NULL data goes through to the provider: `KP_X` has none.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetKeyParam(
    hKey: Handle,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        let context = &key.context;
        // SAFETY: the caller's data, as long as the parameter asks.
        outcome(&context.table, unsafe {
            (context.table.set_key_param)(context.handle, key.handle, dwParam, pbData, dwFlags)
        })
    })
}

/// Writes a key out as a blob.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptExportKey(
    hKey: Handle,
    hExpKey: Handle,
    dwBlobType: u32,
    dwFlags: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
) -> Bool {
    call(|| {
        let key = objects::key(hKey)?;
        let export_key = objects::optional_key(hExpKey)?;
        required(pdwDataLen)?;
        let context = &key.context;
        // SAFETY: the caller's buffer and its length.
        outcome(&context.table, unsafe {
            (context.table.export_key)(
                context.handle,
                key.handle,
                export_key,
                dwBlobType,
                dwFlags,
                pbData,
                pdwDataLen,
            )
        })
    })
}

/// Makes a key from a blob.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptImportKey(
    hProv: Handle,
    pbData: *const u8,
    dwDataLen: u32,
    hPubKey: Handle,
    dwFlags: u32,
    phKey: *mut Handle,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        let import_key = objects::optional_key(hPubKey)?;
        required(pbData)?;
        required(phKey)?;
        if dwDataLen == 0 {
            return Err(ERROR_INVALID_PARAMETER);
        }
        let mut key = 0;
        // SAFETY: the caller's blob of dwDataLen bytes; `key` is a place for the answer.
        outcome(&context.table, unsafe {
            (context.table.import_key)(
                context.handle,
                pbData,
                dwDataLen,
                import_key,
                dwFlags,
                &raw mut key,
            )
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phKey, objects::add_key(&context, key)) };
        Ok(())
    })
}
