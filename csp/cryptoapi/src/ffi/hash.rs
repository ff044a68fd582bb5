//! Hashes, their parameters and signatures (CRYPTSPI 3.7, 3.8, 3.10 to 3.13, 4.2).

use std::ffi::c_char;

use super::{
    call, outcome,
    pointer::{ansi, required, required_bytes, store, wide},
};
use crate::{
    codes::{ERROR_BUSY, ERROR_CALL_NOT_IMPLEMENTED, NTE_BAD_FLAGS},
    objects,
    table::{Bool, Handle},
    text::Text,
};

/// Starts a hash, keyed when a key is given.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptCreateHash(
    hProv: Handle,
    Algid: u32,
    hKey: Handle,
    dwFlags: u32,
    phHash: *mut Handle,
) -> Bool {
    call(|| {
        let context = objects::context(hProv)?;
        let key = objects::optional_key(hKey)?;
        required(phHash)?;
        if dwFlags != 0 {
            return Err(NTE_BAD_FLAGS);
        }
        let mut hash = 0;
        // SAFETY: `hash` is a place for the answer.
        outcome(&context.table, unsafe {
            (context.table.create_hash)(context.handle, Algid, key, dwFlags, &raw mut hash)
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phHash, objects::add_hash(&context, hash)) };
        Ok(())
    })
}

/// Ends a hash handle. It stays good only when the provider says `ERROR_BUSY`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDestroyHash(hHash: Handle) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        let context = &hash.context;
        // SAFETY: plain values; the provider keeps its contract.
        let answer = unsafe { (context.table.destroy_hash)(context.handle, hash.handle) };
        let result = outcome(&context.table, answer);
        if result != Err(ERROR_BUSY) {
            objects::remove(hHash);
        }
        result
    })
}

/// Copies a hash and its state.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptDuplicateHash(
    hHash: Handle,
    pdwReserved: *mut u32,
    dwFlags: u32,
    phHash: *mut Handle,
) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        required(phHash)?;
        let context = &hash.context;
        let duplicate = context
            .table
            .duplicate_hash
            .ok_or(ERROR_CALL_NOT_IMPLEMENTED)?;
        let mut copy = 0;
        // SAFETY: `copy` is a place for the answer; pdwReserved is the caller's.
        outcome(&context.table, unsafe {
            duplicate(
                context.handle,
                hash.handle,
                pdwReserved,
                dwFlags,
                &raw mut copy,
            )
        })?;
        // SAFETY: not NULL, so writable.
        unsafe { store(phHash, objects::add_hash(context, copy)) };
        Ok(())
    })
}

/// Adds data to a hash.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptHashData(
    hHash: Handle,
    pbData: *const u8,
    dwDataLen: u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        required_bytes(pbData, dwDataLen)?;
        let context = &hash.context;
        // SAFETY: the caller's data of dwDataLen bytes.
        outcome(&context.table, unsafe {
            (context.table.hash_data)(context.handle, hash.handle, pbData, dwDataLen, dwFlags)
        })
    })
}

/// Adds the bytes of a session key to a hash.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptHashSessionKey(
    hHash: Handle,
    hKey: Handle,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        let key = objects::key(hKey)?;
        let context = &hash.context;
        // SAFETY: plain values; the provider keeps its contract.
        outcome(&context.table, unsafe {
            (context.table.hash_session_key)(context.handle, hash.handle, key.handle, dwFlags)
        })
    })
}

/// Reads a parameter of a hash, its value among them.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptGetHashParam(
    hHash: Handle,
    dwParam: u32,
    pbData: *mut u8,
    pdwDataLen: *mut u32,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        required(pdwDataLen)?;
        let context = &hash.context;
        // SAFETY: the caller's buffer and its length.
        outcome(&context.table, unsafe {
            (context.table.get_hash_param)(
                context.handle,
                hash.handle,
                dwParam,
                pbData,
                pdwDataLen,
                dwFlags,
            )
        })
    })
}

/// Sets a parameter of a hash. NULL data goes through to the provider.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSetHashParam(
    hHash: Handle,
    dwParam: u32,
    pbData: *const u8,
    dwFlags: u32,
) -> Bool {
    call(|| {
        let hash = objects::hash(hHash)?;
        let context = &hash.context;
        // SAFETY: the caller's data, as long as the parameter asks.
        outcome(&context.table, unsafe {
            (context.table.set_hash_param)(context.handle, hash.handle, dwParam, pbData, dwFlags)
        })
    })
}

/// Signs a hash with one of the container's pairs. A NULL signature asks for the size.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSignHashA(
    hHash: Handle,
    dwKeySpec: u32,
    szDescription: *const c_char,
    dwFlags: u32,
    pbSignature: *mut u8,
    pdwSigLen: *mut u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's string is NULL or terminated.
        let description = unsafe { ansi(szDescription) };
        // SAFETY: the caller's buffer and its length.
        unsafe {
            sign(
                hHash,
                dwKeySpec,
                description,
                dwFlags,
                pbSignature,
                pdwSigLen,
            )
        }
    })
}

/// [`CryptSignHashA`] with a UTF-16 description.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptSignHashW(
    hHash: Handle,
    dwKeySpec: u32,
    szDescription: *const u16,
    dwFlags: u32,
    pbSignature: *mut u8,
    pdwSigLen: *mut u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's string is NULL or terminated.
        let description = unsafe { wide(szDescription) };
        // SAFETY: the caller's buffer and its length.
        unsafe {
            sign(
                hHash,
                dwKeySpec,
                description,
                dwFlags,
                pbSignature,
                pdwSigLen,
            )
        }
    })
}

unsafe fn sign(
    hash: Handle,
    key_spec: u32,
    description: Option<Text>,
    flags: u32,
    signature: *mut u8,
    length: *mut u32,
) -> Result<(), u32> {
    let hash = objects::hash(hash)?;
    required(length)?;
    let description = description.map(|text| text.to_wide()).transpose()?;
    let description = description
        .as_ref()
        .map_or(std::ptr::null(), |units| units.as_ptr());
    let context = &hash.context;
    // SAFETY: the description is NULL or terminated and lives until the end of the call; the
    // buffer and its length are the caller's.
    outcome(&context.table, unsafe {
        (context.table.sign_hash)(
            context.handle,
            hash.handle,
            key_spec,
            description,
            flags,
            signature,
            length,
        )
    })
}

/// Verifies a signature over a hash with a public key.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptVerifySignatureA(
    hHash: Handle,
    pbSignature: *const u8,
    dwSigLen: u32,
    hPubKey: Handle,
    szDescription: *const c_char,
    dwFlags: u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's string is NULL or terminated.
        let description = unsafe { ansi(szDescription) };
        // SAFETY: the caller's signature of dwSigLen bytes.
        unsafe { verify(hHash, pbSignature, dwSigLen, hPubKey, description, dwFlags) }
    })
}

/// [`CryptVerifySignatureA`] with a UTF-16 description.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CryptVerifySignatureW(
    hHash: Handle,
    pbSignature: *const u8,
    dwSigLen: u32,
    hPubKey: Handle,
    szDescription: *const u16,
    dwFlags: u32,
) -> Bool {
    call(|| {
        // SAFETY: the caller's string is NULL or terminated.
        let description = unsafe { wide(szDescription) };
        // SAFETY: the caller's signature of dwSigLen bytes.
        unsafe { verify(hHash, pbSignature, dwSigLen, hPubKey, description, dwFlags) }
    })
}

unsafe fn verify(
    hash: Handle,
    signature: *const u8,
    length: u32,
    key: Handle,
    description: Option<Text>,
    flags: u32,
) -> Result<(), u32> {
    let hash = objects::hash(hash)?;
    let key = objects::key(key)?;
    let description = description.map(|text| text.to_wide()).transpose()?;
    let description = description
        .as_ref()
        .map_or(std::ptr::null(), |units| units.as_ptr());
    let context = &hash.context;
    // The signature pointer goes through: a provider looks at the length first, and answers a
    // wrong one with NTE_BAD_SIGNATURE (CRYPTSPI 3.13).
    // SAFETY: the description is NULL or terminated and lives until the end of the call; the
    // signature is the caller's.
    outcome(&context.table, unsafe {
        (context.table.verify_signature)(
            context.handle,
            hash.handle,
            signature,
            length,
            key.handle,
            description,
            flags,
        )
    })
}
