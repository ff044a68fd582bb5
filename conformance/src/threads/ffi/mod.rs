//! The provider's entry points as its own C interface has them, below any layer that would keep a wrong handle from it: on
//! Windows those of its library, elsewhere those that are linked into this program.

#[cfg(not(windows))]
#[path = "linked.rs"]
mod platform;
#[cfg(windows)]
#[path = "library.rs"]
mod platform;

use std::ffi::CStr;
use std::ptr::{null, null_mut};

pub(super) use self::platform::live_handles;
use self::platform::*;
use crate::capi::Code;
use crate::capi::numbers::PUBLICKEYBLOB;

type Result<T> = std::result::Result<T, Code>;

fn answer(answer: i32) -> Result<()> {
    if answer != 0 {
        Ok(())
    } else {
        Err(Code(last_error()))
    }
}

/// A handle that a call stores.
fn handle(call: impl FnOnce(&mut usize) -> i32) -> Result<usize> {
    let mut handle = 0;
    answer(call(&mut handle)).map(|()| handle)
}

/// A result that is no longer than 4 KiB, as those here are.
fn bytes(call: impl FnOnce(*mut u8, &mut u32) -> i32) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let mut length = 4096;
    answer(call(buffer.as_mut_ptr(), &mut length))?;
    buffer.truncate(length as usize);
    Ok(buffer)
}

/// Buffers here have less than 4 GiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

pub(super) fn acquire(name: Option<&CStr>, flags: u32) -> Result<usize> {
    let name = name.map_or(null(), CStr::as_ptr);
    // SAFETY: a place, a string or NULL, and no structure.
    handle(|place| unsafe { CPAcquireContext(place, name, flags, null()) })
}

pub(super) fn release(context: usize) -> Result<()> {
    // SAFETY: any number may be passed.
    answer(unsafe { CPReleaseContext(context, 0) })
}

pub(super) fn gen_key(context: usize, algorithm: u32, flags: u32) -> Result<usize> {
    // SAFETY: a place.
    handle(|place| unsafe { CPGenKey(context, algorithm, flags, place) })
}

pub(super) fn user_key(context: usize, spec: u32) -> Result<usize> {
    // SAFETY: a place.
    handle(|place| unsafe { CPGetUserKey(context, spec, place) })
}

pub(super) fn duplicate_key(context: usize, key: usize) -> Result<usize> {
    // SAFETY: the reserved pointer is NULL; a place.
    handle(|place| unsafe { CPDuplicateKey(context, key, null_mut(), 0, place) })
}

pub(super) fn destroy_key(context: usize, key: usize) -> Result<()> {
    // SAFETY: any numbers may be passed.
    answer(unsafe { CPDestroyKey(context, key) })
}

pub(super) fn create_hash(context: usize, algorithm: u32) -> Result<usize> {
    // SAFETY: a place.
    handle(|place| unsafe { CPCreateHash(context, algorithm, 0, 0, place) })
}

pub(super) fn duplicate_hash(context: usize, hash: usize) -> Result<usize> {
    // SAFETY: the reserved pointer is NULL; a place.
    handle(|place| unsafe { CPDuplicateHash(context, hash, null_mut(), 0, place) })
}

pub(super) fn hash_data(context: usize, hash: usize, data: &[u8]) -> Result<()> {
    // SAFETY: pointer and length are one slice's.
    answer(unsafe { CPHashData(context, hash, data.as_ptr(), length(data), 0) })
}

pub(super) fn hash_param(context: usize, hash: usize, param: u32) -> Result<Vec<u8>> {
    // SAFETY: the buffer has as many bytes as the length says.
    bytes(|data, length| unsafe { CPGetHashParam(context, hash, param, data, length, 0) })
}

pub(super) fn destroy_hash(context: usize, hash: usize) -> Result<()> {
    // SAFETY: any numbers may be passed.
    answer(unsafe { CPDestroyHash(context, hash) })
}

/// Encrypts with Final, in place.
pub(super) fn encrypt(context: usize, key: usize, data: &mut Vec<u8>) -> Result<()> {
    let mut produced = length(data);
    data.resize(data.len() + 512, 0);
    let room = length(data);
    let pointer = data.as_mut_ptr();
    // SAFETY: the buffer has `room` bytes.
    answer(unsafe { CPEncrypt(context, key, 0, 1, 0, pointer, &mut produced, room) })?;
    data.truncate(produced as usize);
    Ok(())
}

/// Decrypts with Final, in place.
pub(super) fn decrypt(context: usize, key: usize, data: &mut Vec<u8>) -> Result<()> {
    let mut produced = length(data);
    // SAFETY: the buffer has as many bytes as the length says.
    answer(unsafe { CPDecrypt(context, key, 0, 1, 0, data.as_mut_ptr(), &mut produced) })?;
    data.truncate(produced as usize);
    Ok(())
}

pub(super) fn sign(context: usize, hash: usize, spec: u32) -> Result<Vec<u8>> {
    // SAFETY: no description; the buffer has as many bytes as the length says.
    bytes(|data, length| unsafe { CPSignHash(context, hash, spec, null(), 0, data, length) })
}

pub(super) fn verify(context: usize, hash: usize, signature: &[u8], key: usize) -> Result<()> {
    let (data, length) = (signature.as_ptr(), length(signature));
    // SAFETY: pointer and length are one slice's; no description.
    answer(unsafe { CPVerifySignature(context, hash, data, length, key, null(), 0) })
}

pub(super) fn public_blob(context: usize, key: usize) -> Result<Vec<u8>> {
    let blob = PUBLICKEYBLOB;
    // SAFETY: the buffer has as many bytes as the length says.
    bytes(|data, length| unsafe { CPExportKey(context, key, 0, blob, 0, data, length) })
}

pub(super) fn import(context: usize, blob: &[u8]) -> Result<usize> {
    let (data, length) = (blob.as_ptr(), length(blob));
    // SAFETY: pointer and length are one slice's; a place.
    handle(|place| unsafe { CPImportKey(context, data, length, 0, 0, place) })
}

pub(super) fn random(context: usize, buffer: &mut [u8]) -> Result<()> {
    // SAFETY: pointer and length are one slice's.
    answer(unsafe { CPGenRandom(context, length(buffer), buffer.as_mut_ptr()) })
}

pub(super) fn prov_param(context: usize, param: u32) -> Result<Vec<u8>> {
    // SAFETY: the buffer has as many bytes as the length says.
    bytes(|data, length| unsafe { CPGetProvParam(context, param, data, length, 0) })
}
