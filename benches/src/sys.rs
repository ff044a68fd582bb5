//! The three calls of one signature, as a C program makes them.

use std::ptr::null;

use cryptoapi::{Handle, ffi};

use crate::stack::CallFailed;

/// CALG_SHA_256.
const CALG_SHA_256: u32 = 0x800c;

/// Hashes `message` with SHA-256 and signs it with the context's key of `key_spec` into `signature`.
pub(crate) fn sign(
    context: Handle,
    key_spec: u32,
    message: &[u8],
    signature: &mut [u8],
) -> Result<usize, CallFailed> {
    let mut hash: Handle = 0;
    let mut len = length(signature.len());
    // SAFETY: `hash` is a valid place for a handle.
    let created = unsafe { ffi::CryptCreateHash(context, CALG_SHA_256, 0, 0, &mut hash) };
    check("CryptCreateHash", created)?;
    // SAFETY: pointer and length are one slice's.
    let hashed = unsafe { ffi::CryptHashData(hash, message.as_ptr(), length(message.len()), 0) };
    let signed = check("CryptHashData", hashed).and_then(|()| {
        // SAFETY: `len` holds the room behind the pointer; a null description is allowed.
        let signed = unsafe {
            ffi::CryptSignHashW(hash, key_spec, null(), 0, signature.as_mut_ptr(), &mut len)
        };
        check("CryptSignHash", signed)
    });
    // SAFETY: the handle was made above and is not used again.
    let destroyed = unsafe { ffi::CryptDestroyHash(hash) };
    signed?;
    check("CryptDestroyHash", destroyed)?;
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

/// Buffers here have a few hundred bytes.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
