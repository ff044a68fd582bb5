//! Conversions and modular arithmetic on [`BoxedUint`], with the precisions taken care of.
//!
//! `BoxedUint` has a fixed precision chosen at run time and some of its operations want equal
//! precisions on both sides, so callers that take numbers from elsewhere go through here. Values
//! are treated as secret unless a name says otherwise: time depends on precisions, and those on
//! the lengths of the inputs.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd, Resize};
use zeroize::{Zeroize, Zeroizing};

/// Reads big-endian bytes. The precision follows from the length of the slice, leading zeros
/// included.
pub fn from_be(bytes: &[u8]) -> BoxedUint {
    // The slice never exceeds a precision made from its own length, hence nothing is truncated.
    BoxedUint::from_be_slice_truncated(bytes, bits_for(bytes.len()))
}

/// Reads big-endian bytes into a number of the precision of `like`, or `None` if the value does
/// not fit it.
pub fn from_be_like(bytes: &[u8], like: &BoxedUint) -> Option<BoxedUint> {
    from_be(bytes).try_resize(like.bits_precision())
}

/// Big-endian bytes without leading zeros; empty for zero. The length is public.
pub fn to_be(value: &BoxedUint) -> Zeroizing<Vec<u8>> {
    let mut bytes = value.to_be_bytes();
    let out = Zeroizing::new(trim(&bytes).to_vec());
    bytes.zeroize();
    out
}

/// Big-endian bytes of exactly `length`, or `None` if the value needs more.
pub fn to_be_padded(value: &BoxedUint, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = value.to_be_bytes();
    let out = pad(&bytes, length);
    bytes.zeroize();
    out
}

/// The same number in exactly `length` big-endian bytes, or `None` if it needs more.
pub fn pad(bytes: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; length]);
    if let Some(lead) = length.checked_sub(bytes.len()) {
        out[lead..].copy_from_slice(bytes);
    } else {
        let (dropped, kept) = bytes.split_at(bytes.len() - length);
        if dropped.iter().fold(0, |all, byte| all | byte) != 0 {
            return None;
        }
        out.copy_from_slice(kept);
    }
    Some(out)
}

/// Big-endian bytes without leading zeros.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// `value mod modulus`, in the precision of the modulus.
pub fn reduce(value: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    value.rem(modulus)
}

/// `a * b`, in a precision that holds every product.
pub fn mul(a: &BoxedUint, b: &BoxedUint) -> BoxedUint {
    a.concatenating_mul(b)
}

/// `a * b mod modulus`, in the precision of the modulus.
pub fn mul_mod(a: &BoxedUint, b: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    let mut product = a.concatenating_mul(b);
    let result = reduce(&product, modulus);
    product.zeroize();
    result
}

/// `a + b mod modulus`, in the precision of the modulus.
pub fn add_mod(a: &BoxedUint, b: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    reduce(&a.concatenating_add(b), modulus)
}

/// `a - b mod modulus`, in the precision of the modulus.
pub fn sub_mod(a: &BoxedUint, b: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    reduce(a, modulus).sub_mod(&reduce(b, modulus), modulus)
}

/// The inverse of `value` modulo `modulus`, odd or even, or `None` if they share a factor.
pub fn invert_mod(value: &BoxedUint, modulus: &NonZero<BoxedUint>) -> Option<BoxedUint> {
    let value = reduce(value, modulus);
    // Modulo one everything is zero, and zero is no inverse.
    if bool::from(modulus.as_ref().is_one()) {
        return None;
    }
    Option::from(value.invert_mod(modulus))
}

/// The number as a modulus, or `None` if it is zero.
pub fn non_zero(value: BoxedUint) -> Option<NonZero<BoxedUint>> {
    NonZero::new(value).into_option()
}

/// The number as an odd modulus of the smallest precision that holds it, or `None` if it is even.
/// The length of the modulus is public.
pub fn odd(value: &BoxedUint) -> Option<Odd<BoxedUint>> {
    let bits = value.bit_width_vartime().max(1);
    Odd::new(value.resize_unchecked(bits)).into_option()
}

/// Bits of precision for a number of `length` bytes: never zero, so that zero has a limb to be in.
fn bits_for(length: usize) -> u32 {
    u32::try_from(length.max(1) * 8).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;

    fn modulus(bytes: &[u8]) -> NonZero<BoxedUint> {
        non_zero(from_be(bytes)).expect("the strategy gives no zero")
    }

    fn big(value: &BoxedUint) -> BigUint {
        BigUint::from_bytes_be(&value.to_be_bytes())
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_num_bigint(
            a in proptest::collection::vec(any::<u8>(), 0..40),
            b in proptest::collection::vec(any::<u8>(), 0..40),
            m in proptest::collection::vec(any::<u8>(), 1..30).prop_filter("zero", |m| m.iter().any(|b| *b != 0)),
        ) {
            let (x, y, n) = (from_be(&a), from_be(&b), modulus(&m));
            let (p, q, r) = (BigUint::from_bytes_be(&a), BigUint::from_bytes_be(&b), BigUint::from_bytes_be(&m));
            prop_assert_eq!(big(&mul(&x, &y)), &p * &q);
            prop_assert_eq!(big(&mul_mod(&x, &y, &n)), &p * &q % &r);
            prop_assert_eq!(big(&add_mod(&x, &y, &n)), (&p + &q) % &r);
            prop_assert_eq!(big(&sub_mod(&x, &y, &n)), (&p % &r + &r - &q % &r) % &r);
            let inverse = (r > BigUint::from(1u8)).then(|| p.modinv(&r)).flatten();
            prop_assert_eq!(invert_mod(&x, &n).map(|i| big(&i)), inverse);
        }

        #[test]
        fn bytes_survive_the_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let value = from_be(&bytes);
            prop_assert_eq!(&to_be(&value)[..], trim(&bytes));
            prop_assert_eq!(&to_be_padded(&value, bytes.len()).expect("fits")[..], &bytes[..]);
        }
    }

    #[test]
    fn padding_refuses_to_lose_digits() {
        assert_eq!(pad(&[0, 0, 7], 1).expect("fits").as_slice(), [7]);
        assert_eq!(pad(&[7], 3).expect("fits").as_slice(), [0, 0, 7]);
        assert!(pad(&[1, 7], 1).is_none());
        assert!(to_be_padded(&from_be(&[1, 0]), 1).is_none());
        assert!(from_be_like(&[1, 0, 0, 0, 0, 0, 0, 0, 0], &from_be(&[1])).is_none());
    }

    #[test]
    fn an_even_or_zero_number_is_no_odd_modulus() {
        assert!(odd(&from_be(&[])).is_none());
        assert!(odd(&from_be(&[2])).is_none());
        assert!(odd(&from_be(&[3])).is_some());
    }
}
