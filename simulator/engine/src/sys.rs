//! The C library AWS-LC behind types that own what they point to. The only unsafe code of this
//! crate is here.
//!
//! A C function that fails leaves an entry in a queue of the calling thread; [`failed`] empties it.

use std::ptr::{self, NonNull};

use aws_lc_sys as c;
use zeroize::Zeroizing;

use crate::error::Error;

/// A number of the C library. Its memory is wiped when it is dropped.
pub(crate) struct Bn(NonNull<c::BIGNUM>);

impl Bn {
    /// The number zero.
    pub(crate) fn new() -> Result<Self, Error> {
        // SAFETY: the function takes nothing and returns null or a number that the caller owns.
        NonNull::new(unsafe { c::BN_new() })
            .map(Self)
            .ok_or_else(failed)
    }

    /// Reads big-endian bytes. The number keeps the width of the slice, leading zeros included,
    /// which is what the constant-time functions take as the public bound of a secret.
    pub(crate) fn from_be(bytes: &[u8]) -> Result<Self, Error> {
        // SAFETY: pointer and length come from one slice; with a null third argument the function
        // returns null or a number that the caller owns.
        let bn = unsafe { c::BN_bin2bn(bytes.as_ptr(), bytes.len(), ptr::null_mut()) };
        NonNull::new(bn).map(Self).ok_or_else(failed)
    }

    /// Big-endian bytes of exactly `length`.
    pub(crate) fn to_be_padded(&self, length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut out = Zeroizing::new(vec![0; length]);
        // SAFETY: the function writes exactly `length` bytes, which is the length of `out`, and
        // fails if the number needs more; `self` owns a live number.
        check(unsafe { c::BN_bn2bin_padded(out.as_mut_ptr(), length, self.0.as_ptr()) })?;
        Ok(out)
    }

    fn is_odd(&self) -> bool {
        // SAFETY: `self` owns a live number, which the function only reads.
        unsafe { c::BN_is_odd(self.0.as_ptr()) == 1 }
    }

    fn is_less_than(&self, other: &Self) -> bool {
        // SAFETY: both own live numbers, which the function only reads.
        unsafe { c::BN_ucmp(self.0.as_ptr(), other.0.as_ptr()) < 0 }
    }
}

impl Drop for Bn {
    fn drop(&mut self) {
        // SAFETY: `self` owns the number and nothing uses it after this.
        unsafe { c::BN_clear_free(self.0.as_ptr()) }
    }
}

/// `base ^ exponent mod modulus`, for a modulus that is not zero. Constant-time in the exponent if
/// the modulus is odd.
pub(crate) fn mod_exp(base: Bn, exponent: &Bn, modulus: &Bn) -> Result<Bn, Error> {
    let scratch = Scratch::new()?;
    let base = if base.is_less_than(modulus) {
        base
    } else {
        let reduced = Bn::new()?;
        // SAFETY: all four are live and distinct, and the modulus is not zero.
        check(unsafe {
            c::BN_nnmod(
                reduced.0.as_ptr(),
                base.0.as_ptr(),
                modulus.0.as_ptr(),
                scratch.0.as_ptr(),
            )
        })?;
        reduced
    };
    let result = Bn::new()?;
    let (r, b) = (result.0.as_ptr(), base.0.as_ptr());
    let (e, m, s) = (exponent.0.as_ptr(), modulus.0.as_ptr(), scratch.0.as_ptr());
    if modulus.is_odd() {
        // SAFETY: all are live and distinct; the base is reduced; a null last argument makes the
        // function derive the Montgomery values itself.
        check(unsafe { c::BN_mod_exp_mont_consttime(r, b, e, m, s, ptr::null()) })?;
    } else {
        // SAFETY: all are live and distinct, and the modulus is not zero.
        check(unsafe { c::BN_mod_exp(r, b, e, m, s) })?;
    }
    Ok(result)
}

/// Scratch space of the C library for one call.
struct Scratch(NonNull<c::BN_CTX>);

impl Scratch {
    fn new() -> Result<Self, Error> {
        // SAFETY: the function takes nothing and returns null or an object that the caller owns.
        NonNull::new(unsafe { c::BN_CTX_new() })
            .map(Self)
            .ok_or_else(failed)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: `self` owns the object and nothing uses it after this.
        unsafe { c::BN_CTX_free(self.0.as_ptr()) }
    }
}

/// An RSA key of the C library, with Montgomery values and blinding factors kept between calls.
#[derive(Debug)]
pub(crate) struct Rsa(NonNull<c::RSA>);

// SAFETY: an `RSA` object is not bound to the thread that made it; its memory comes from the
// process-wide allocator.
unsafe impl Send for Rsa {}

// SAFETY: after construction this type calls only `RSA_sign_raw`, `RSA_verify_raw` and `RSA_size`.
// They read the key, and take the object's own mutex around the values they cache (Montgomery
// values, the list of blinding factors), never around the arithmetic.
unsafe impl Sync for Rsa {}

impl Rsa {
    /// A private key with the values for the Chinese remainder theorem. The library checks that
    /// they belong together.
    pub(crate) fn with_crt(key: &CrtNumbers) -> Result<Self, Error> {
        // SAFETY: the eight numbers are live; the function copies them, and returns null or an
        // object that the caller owns.
        Self::own(unsafe {
            c::RSA_new_private_key_large_e(
                key.n.0.as_ptr(),
                key.e.0.as_ptr(),
                key.d.0.as_ptr(),
                key.p.0.as_ptr(),
                key.q.0.as_ptr(),
                key.dmp1.0.as_ptr(),
                key.dmq1.0.as_ptr(),
                key.iqmp.0.as_ptr(),
            )
        })
    }

    /// A private key of which the factors are unknown.
    pub(crate) fn without_crt(n: &Bn, e: &Bn, d: &Bn) -> Result<Self, Error> {
        // SAFETY: the three numbers are live; the function copies them, and returns null or an
        // object that the caller owns.
        Self::own(unsafe {
            c::RSA_new_private_key_no_crt(n.0.as_ptr(), e.0.as_ptr(), d.0.as_ptr())
        })
    }

    /// A public key.
    pub(crate) fn public(n: &Bn, e: &Bn) -> Result<Self, Error> {
        // SAFETY: both numbers are live; the function copies them, and returns null or an object
        // that the caller owns.
        Self::own(unsafe { c::RSA_new_public_key_large_e(n.0.as_ptr(), e.0.as_ptr()) })
    }

    /// Length of the modulus in bytes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: `self` owns a live key with a modulus, which the function only reads.
        unsafe { c::RSA_size(self.0.as_ptr()) as usize }
    }

    /// The blinded and checked private operation. `input` has the length of the modulus and lies
    /// strictly between one and the modulus less one: the library refuses the rest.
    pub(crate) fn private(&self, input: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut out = Zeroizing::new(vec![0; self.size()]);
        let mut length = 0;
        // SAFETY: `self` owns a live private key; the function writes at most `out.len()` bytes to
        // `out` and reads `input.len()` bytes of `input`.
        let result = unsafe {
            c::RSA_sign_raw(
                self.0.as_ptr(),
                &raw mut length,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                c::RSA_NO_PADDING,
            )
        };
        match check(result) {
            Ok(()) if length == out.len() => Ok(out),
            _ => Err(Error::Fault),
        }
    }

    /// The public operation. `input` has the length of the modulus and is less than it.
    pub(crate) fn verify(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; self.size()];
        let mut length = 0;
        // SAFETY: `self` owns a live key; the function writes at most `out.len()` bytes to `out`
        // and reads `input.len()` bytes of `input`.
        let result = unsafe {
            c::RSA_verify_raw(
                self.0.as_ptr(),
                &raw mut length,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                c::RSA_NO_PADDING,
            )
        };
        check(result)?;
        Ok(out)
    }

    fn own(rsa: *mut c::RSA) -> Result<Self, Error> {
        let refused = || {
            failed();
            Error::InvalidKey("the components do not belong together")
        };
        NonNull::new(rsa).map(Self).ok_or_else(refused)
    }
}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: `self` owns the key and nothing uses it after this. The library's allocator
        // wipes what it frees.
        unsafe { c::RSA_free(self.0.as_ptr()) }
    }
}

/// The numbers of a private key, for [`Rsa::with_crt`].
pub(crate) struct CrtNumbers {
    pub(crate) n: Bn,
    pub(crate) e: Bn,
    pub(crate) d: Bn,
    pub(crate) p: Bn,
    pub(crate) q: Bn,
    pub(crate) dmp1: Bn,
    pub(crate) dmq1: Bn,
    pub(crate) iqmp: Bn,
}

/// Turns the C library's "one is success" into a result.
fn check(result: std::ffi::c_int) -> Result<(), Error> {
    if result == 1 { Ok(()) } else { Err(failed()) }
}

/// Empties the calling thread's error queue after a failure.
fn failed() -> Error {
    // SAFETY: the function touches only the calling thread's own queue.
    unsafe { c::ERR_clear_error() };
    Error::Library
}
