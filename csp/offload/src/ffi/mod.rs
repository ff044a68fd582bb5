//! The C face: the one entry point, and on Windows what `regsvr32` calls.

#![allow(non_snake_case, non_camel_case_types)]

#[cfg(windows)]
mod self_registration;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use zeroize::Zeroizing;

#[cfg(windows)]
pub use self::self_registration::*;
use crate::exponentiation::Exponentiation;
use crate::module::{MODULUS_MAX, Module};

/// Win32 `BOOL`: 0 is FALSE, everything else TRUE.
pub type Bool = i32;

const TRUE: Bool = 1;
const FALSE: Bool = 0;

static MODULE: Module = Module::new(None);

/// `CUR_OFFLOAD_VERSION`.
const CUR_OFFLOAD_VERSION: u32 = 1;

/// What `reserved` leads to, when the caller knows the primes.
#[repr(C)]
#[derive(Debug)]
pub struct OFFLOAD_PRIVATE_KEY {
    /// `CUR_OFFLOAD_VERSION`.
    pub dwVersion: u32,
    /// Length of the first prime in bytes.
    pub cbPrime1: u32,
    /// Length of the second prime in bytes.
    pub cbPrime2: u32,
    /// The first prime, p, little-endian.
    pub pbPrime1: *const u8,
    /// The second prime, q, little-endian.
    pub pbPrime2: *const u8,
}

/// result = base^exponent mod modulus. Base, modulus and result have `cbModulus` bytes, the exponent has `cbExponent`; all
/// are little-endian, padded with zeros at the high end. FALSE: the caller has to compute it; `pbResult` is untouched.
///
/// # Safety
/// `pbBase`, `pbModulus` and `pbResult` lead to `cbModulus` bytes, `pbExponent` to `cbExponent` bytes. `pOffloadPrivateKey`
/// is NULL or leads to an `OFFLOAD_PRIVATE_KEY` whose pointers are NULL or lead to as many bytes as it says. The result
/// may be where an argument is.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OffloadModExpo(
    pbBase: *const u8,
    pbExponent: *const u8,
    cbExponent: u32,
    pbModulus: *const u8,
    cbModulus: u32,
    pbResult: *mut u8,
    pOffloadPrivateKey: *const OFFLOAD_PRIVATE_KEY,
    dwFlags: u32,
) -> Bool {
    if dwFlags != 0 || pbResult.is_null() {
        return FALSE;
    }
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise for each pointer. The slices end before the result is written.
        let (base, exponent, modulus, primes) = unsafe {
            (
                bytes(pbBase, cbModulus)?,
                bytes(pbExponent, cbExponent)?,
                bytes(pbModulus, cbModulus)?,
                primes(pOffloadPrivateKey),
            )
        };
        MODULE.compute(&Exponentiation {
            base,
            exponent,
            modulus,
            primes,
        })
    }));
    match result {
        Ok(Some(value)) => write(&value, pbResult),
        // There is nobody to tell of a panic: the caller computes by itself.
        Ok(None) | Err(_) => FALSE,
    }
}

fn write(value: &Zeroizing<Vec<u8>>, result: *mut u8) -> Bool {
    // SAFETY: the value is as long as the modulus, and the caller promised so many bytes there.
    unsafe { slice::from_raw_parts_mut(result, value.len()) }.copy_from_slice(value);
    TRUE
}

/// The primes, if there are two of the version that is known here.
///
/// # Safety
/// As of the entry point.
unsafe fn primes<'a>(key: *const OFFLOAD_PRIVATE_KEY) -> Option<[&'a [u8]; 2]> {
    if key.is_null() {
        return None;
    }
    // SAFETY: not NULL, so it leads to the structure. Its address need not be aligned.
    let key = unsafe { key.read_unaligned() };
    if key.dwVersion != CUR_OFFLOAD_VERSION {
        return None;
    }
    // SAFETY: the caller's promise for the structure's pointers.
    unsafe {
        Some([
            bytes(key.pbPrime1, key.cbPrime1)?,
            bytes(key.pbPrime2, key.cbPrime2)?,
        ])
    }
}

/// # Safety
/// `start` is NULL or leads to `length` bytes.
unsafe fn bytes<'a>(start: *const u8, length: u32) -> Option<&'a [u8]> {
    let length = length as usize;
    if start.is_null() || length == 0 || length > MODULUS_MAX {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { slice::from_raw_parts(start, length) })
}
