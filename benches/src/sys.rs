//! Calls of CryptoAPI as a C program makes them, with nothing around them that would be measured too.

use std::ptr::null;

use cryptoapi::{Handle, ffi};

type Answer<T> = Result<T, CallFailed>;

/// A function of CryptoAPI that answered FALSE.
#[derive(Clone, Copy, Debug)]
pub struct CallFailed {
    /// Which.
    pub function: &'static str,
    /// The last error.
    pub code: u32,
}

impl std::fmt::Display for CallFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} failed with {:#010x}", self.function, self.code)
    }
}

impl std::error::Error for CallFailed {}

/// CALG_SHA_256.
const CALG_SHA_256: u32 = 0x800c;

/// HP_HASHVAL.
const HP_HASHVAL: u32 = 2;

/// CryptCreateHash with SHA-256.
///
/// # Errors
/// The call answers FALSE, here as below.
pub fn create_hash(context: Handle) -> Answer<Handle> {
    let mut hash: Handle = 0;
    // SAFETY: `hash` is a valid place for a handle.
    let created = unsafe { ffi::CryptCreateHash(context, CALG_SHA_256, 0, 0, &mut hash) };
    check("CryptCreateHash", created)?;
    Ok(hash)
}

/// CryptHashData.
///
/// # Errors
/// As [`create_hash`].
pub fn hash_data(hash: Handle, data: &[u8]) -> Answer<()> {
    // SAFETY: pointer and length are one slice's.
    let hashed = unsafe { ffi::CryptHashData(hash, data.as_ptr(), length(data.len()), 0) };
    check("CryptHashData", hashed)
}

/// CryptGetHashParam of the value, of which it gives the length.
///
/// # Errors
/// As [`create_hash`]; the value is longer than `value`.
pub fn hash_value(hash: Handle, value: &mut [u8]) -> Answer<usize> {
    let mut len = length(value.len());
    // SAFETY: `len` holds the room behind the pointer.
    let read = unsafe { ffi::CryptGetHashParam(hash, HP_HASHVAL, value.as_mut_ptr(), &mut len, 0) };
    check("CryptGetHashParam", read)?;
    Ok(len as usize)
}

/// CryptDestroyHash.
///
/// # Errors
/// As [`create_hash`].
pub fn destroy_hash(hash: Handle) -> Answer<()> {
    // SAFETY: any number may be passed.
    check("CryptDestroyHash", unsafe { ffi::CryptDestroyHash(hash) })
}

/// CryptEncrypt of whole blocks in place, without Final.
///
/// # Errors
/// As [`create_hash`].
pub fn encrypt(key: Handle, blocks: &mut [u8]) -> Answer<()> {
    let room = length(blocks.len());
    let mut len = room;
    // SAFETY: the buffer has as many bytes as `room` says.
    let encrypted = unsafe { ffi::CryptEncrypt(key, 0, 0, 0, blocks.as_mut_ptr(), &mut len, room) };
    check("CryptEncrypt", encrypted)
}

/// CryptDecrypt of whole blocks in place, without Final.
///
/// # Errors
/// As [`create_hash`].
pub fn decrypt(key: Handle, blocks: &mut [u8]) -> Answer<()> {
    let mut len = length(blocks.len());
    // SAFETY: the buffer has as many bytes as `len` says.
    let decrypted = unsafe { ffi::CryptDecrypt(key, 0, 0, 0, blocks.as_mut_ptr(), &mut len) };
    check("CryptDecrypt", decrypted)
}

/// CryptGetUserKey.
///
/// # Errors
/// As [`create_hash`].
pub fn user_key(context: Handle, key_spec: u32) -> Answer<Handle> {
    let mut key: Handle = 0;
    // SAFETY: `key` is a valid place for a handle.
    let found = unsafe { ffi::CryptGetUserKey(context, key_spec, &mut key) };
    check("CryptGetUserKey", found)?;
    Ok(key)
}

/// CryptDestroyKey.
///
/// # Errors
/// As [`create_hash`].
pub fn destroy_key(key: Handle) -> Answer<()> {
    // SAFETY: any number may be passed.
    check("CryptDestroyKey", unsafe { ffi::CryptDestroyKey(key) })
}

/// CryptGenRandom.
///
/// # Errors
/// As [`create_hash`].
pub fn random(context: Handle, buffer: &mut [u8]) -> Answer<()> {
    // SAFETY: pointer and length are one slice's.
    let filled = unsafe { ffi::CryptGenRandom(context, length(buffer.len()), buffer.as_mut_ptr()) };
    check("CryptGenRandom", filled)
}

/// Hashes `message` with SHA-256 and signs it with the context's key of `key_spec` into `signature`.
pub(crate) fn sign(
    context: Handle,
    key_spec: u32,
    message: &[u8],
    signature: &mut [u8],
) -> Answer<usize> {
    let hash = create_hash(context)?;
    let mut len = length(signature.len());
    let signed = hash_data(hash, message).and_then(|()| {
        // SAFETY: `len` holds the room behind the pointer; a null description is allowed.
        let signed = unsafe {
            ffi::CryptSignHashW(hash, key_spec, null(), 0, signature.as_mut_ptr(), &mut len)
        };
        check("CryptSignHash", signed)
    });
    let destroyed = destroy_hash(hash);
    signed.and(destroyed)?;
    Ok(len as usize)
}

fn check(function: &'static str, answer: cryptoapi::Bool) -> Result<(), CallFailed> {
    if answer != 0 {
        Ok(())
    } else {
        Err(CallFailed {
            function,
            code: ffi::GetLastError(),
        })
    }
}

/// Buffers here have a few kilobytes.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
