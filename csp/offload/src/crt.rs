//! The numbers of the Chinese remainder theorem, which a caller does not give but the primes determine.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero};
use ncore::bignum::Bignum;
use ncore::types::ModExpCrtArgs;

use crate::exponentiation::Exponentiation;

/// The command for an exponentiation modulo the product of two primes; None if that is not the modulus.
pub(crate) fn args(work: &Exponentiation<'_>, primes: [&[u8]; 2]) -> Option<ModExpCrtArgs> {
    let length = work.modulus.len();
    // Each prime is shorter than the modulus, whatever the length of its buffer.
    let [p, q] = primes.map(|prime| number(prime, length));
    if p.concatenating_mul(&q) != number(work.modulus, 2 * length) {
        return None;
    }
    let one = BoxedUint::one_with_precision(p.bits_precision());
    let [p_1, q_1] = [&p, &q].map(|prime| nonzero(prime.wrapping_sub(&one)));
    let exponent = number(work.exponent, work.exponent.len().max(length));
    let coefficient = q.rem(&nonzero(p.clone())?).invert_mod(&nonzero(p.clone())?);
    Some(ModExpCrtArgs {
        a: Bignum::from_le(work.base),
        dmp1: bignum(&exponent.rem(&p_1?)),
        dmq1: bignum(&exponent.rem(&q_1?)),
        iqmp: bignum(&coefficient.into_option()?),
        p: bignum(&p),
        q: bignum(&q),
    })
}

/// A little-endian number with room for `length` bytes, which it must fit.
fn number(bytes: &[u8], length: usize) -> BoxedUint {
    BoxedUint::from_le_slice_truncated(bytes, length as u32 * 8)
}

fn nonzero(number: BoxedUint) -> Option<NonZero<BoxedUint>> {
    number.into_nz().into_option()
}

fn bignum(number: &BoxedUint) -> Bignum {
    Bignum::from_le(&number.to_le_bytes())
}
