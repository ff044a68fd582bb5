//! DSA and Diffie-Hellman with the public half: groups, public values, signature verification. The private half is the
//! module's.
//!
//! All numbers are little-endian, as blobs and nCore bignums hold them, and as long as their field: `p`, `g` and public
//! values as the prime, `q` as the order.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};

use crate::error::{CspError, Result};

/// The domain parameters of a key, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The prime modulus, its top bit set.
    pub p: Vec<u8>,
    /// The order of the subgroup; none for a Diffie-Hellman group that does not show it.
    pub q: Option<Vec<u8>>,
    /// The generator.
    pub g: Vec<u8>,
}

/// A DSA or Diffie-Hellman public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscretePublicKey {
    /// Its group.
    pub group: Group,
    /// The public value, y.
    pub y: Vec<u8>,
}

/// Length of a DSS order, a DSS seed and each half of a DSS signature, in bytes (FIPS 186-2).
pub const DSS_ORDER_LEN: usize = 20;

/// Lengths of a prime in bytes that a blob may bring.
const PRIME_LEN: std::ops::RangeInclusive<usize> = 512 / 8..=4096 / 8;

impl Group {
    /// Brings the numbers to their lengths.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` if the prime is even or of a length not offered, or a number does not fit below it.
    pub fn new(p: &[u8], q: Option<&[u8]>, g: &[u8]) -> Result<Group> {
        let p = trim(p);
        let good = PRIME_LEN.contains(&p.len())
            && p.first().is_some_and(|byte| byte % 2 == 1)
            && p.last().is_some_and(|byte| *byte >= 0x80);
        if !good {
            return Err(CspError::NTE_BAD_DATA);
        }
        let q = match q.map(trim) {
            Some(q) if q.is_empty() || q.len() >= p.len() => return Err(CspError::NTE_BAD_DATA),
            q => q.map(<[u8]>::to_vec),
        };
        let g = below(g, p)?;
        if trim(&g).len() < 2 && matches!(trim(&g), [] | [1]) {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(Group {
            p: p.to_vec(),
            q,
            g,
        })
    }

    /// Length of the prime in bits.
    pub fn bits(&self) -> u32 {
        self.p.len() as u32 * 8
    }

    /// KP_VERIFY_PARAMS: that the prime is one, and, where the order is known, that it is prime, divides `p - 1` and is the
    /// generator's.
    pub fn is_sound(&self) -> bool {
        let Some(p) = number(&self.p) else {
            return false;
        };
        if !is_prime(&p) {
            return false;
        }
        let Some(q) = &self.q else {
            return true;
        };
        let Some(order) = number(q) else {
            return false;
        };
        let less_one = p.wrapping_sub(BoxedUint::one_with_precision(p.bits_precision()));
        let Some(divisor) = order
            .clone()
            .resize(p.bits_precision())
            .into_nz()
            .into_option()
        else {
            return false;
        };
        is_prime(&order)
            && less_one.rem(&divisor).is_zero().to_bool()
            && power(&self.g, q, &self.p).is_some_and(|one| trim(&one) == [1])
    }
}

impl DiscretePublicKey {
    /// A public value in its group.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` unless it is more than one and below the prime.
    pub fn new(group: Group, y: &[u8]) -> Result<DiscretePublicKey> {
        let y = below(y, &group.p)?;
        if matches!(trim(&y), [] | [1]) {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(DiscretePublicKey { group, y })
    }

    /// CPVerifySignature of a DSS signature (FIPS 186-2 section 6): `r` and `s`, each [`DSS_ORDER_LEN`] bytes
    /// little-endian, over a SHA-1 value.
    ///
    /// # Errors
    /// `NTE_BAD_SIGNATURE` for a wrong length or value, `NTE_BAD_KEY` for a key without an order.
    pub fn verify_dss(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let q = self.group.q.as_ref().ok_or(CspError::NTE_BAD_KEY)?;
        let (r, s) = signature
            .split_at_checked(DSS_ORDER_LEN)
            .filter(|(_, s)| s.len() == DSS_ORDER_LEN)
            .ok_or(CspError::NTE_BAD_SIGNATURE)?;
        match self.dss_value(q, digest, r, s) {
            Some(v) if v == trim(r) => Ok(()),
            _ => Err(CspError::NTE_BAD_SIGNATURE),
        }
    }

    /// The number that is `r` if the signature is good.
    fn dss_value(&self, q: &[u8], digest: &[u8], r: &[u8], s: &[u8]) -> Option<Vec<u8>> {
        let order = number(q)?;
        let modulus = order.clone().into_nz().into_option()?;
        let bits = order.bits_precision();
        let (r, s) = (sized(r, bits)?, sized(s, bits)?);
        let in_range = |n: &BoxedUint| !n.is_zero().to_bool() && n < &order;
        if !in_range(&r) || !in_range(&s) {
            return None;
        }
        // The leftmost bits of the digest, as many as the order has; SHA-1 has as many bytes.
        let mut digest: Vec<u8> = digest.iter().take(q.len()).copied().collect();
        digest.reverse();
        let digest = sized(&digest, bits)?;
        let w = s.invert_mod(&modulus).into_option()?;
        let times_w = |n: &BoxedUint| n.concatenating_mul(&w).rem(&modulus).to_le_bytes();
        let p = number(&self.group.p)?;
        let prime = p.clone().into_nz().into_option()?;
        let first = power(&self.group.g, &times_w(&digest), &self.group.p)?;
        let second = power(&self.y, &times_w(&r), &self.group.p)?;
        let product = number(&first)?.concatenating_mul(&number(&second)?);
        let v = product.rem(&prime).rem(&modulus);
        Some(trim(&v.to_le_bytes()).to_vec())
    }
}

/// `base ^ exponent mod modulus`, as long as the modulus; `None` if the modulus is even.
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Option<Vec<u8>> {
    let len = modulus.len();
    let modulus = number(modulus)?;
    let base = sized(base, modulus.bits_precision())?;
    let params = BoxedMontyParams::new_vartime(modulus.into_odd().into_option()?);
    let result = BoxedMontyForm::new(base, &params)
        .pow(&number(exponent)?)
        .retrieve();
    let mut bytes = result.to_le_bytes().to_vec();
    bytes.resize(len, 0);
    Some(bytes)
}

/// A little-endian number with room for its bytes and no more.
fn number(bytes: &[u8]) -> Option<BoxedUint> {
    BoxedUint::from_le_slice(bytes, (bytes.len() as u32).checked_mul(8)?).ok()
}

/// A little-endian number in so many bits.
fn sized(bytes: &[u8], bits: u32) -> Option<BoxedUint> {
    BoxedUint::from_le_slice(trim(bytes), bits).ok()
}

fn is_prime(number: &BoxedUint) -> bool {
    crypto_primes::is_prime(crypto_primes::Flavor::Any, number)
}

/// A number as long as the prime it must be below.
fn below(value: &[u8], p: &[u8]) -> Result<Vec<u8>> {
    let mut value = trim(value).to_vec();
    if value.len() > p.len() {
        return Err(CspError::NTE_BAD_DATA);
    }
    value.resize(p.len(), 0);
    if value.iter().rev().lt(p.iter().rev()) {
        Ok(value)
    } else {
        Err(CspError::NTE_BAD_DATA)
    }
}

/// A little-endian number without zeros at its high end.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    &bytes[..used]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn le(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        let mut bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        bytes.reverse();
        bytes
    }

    /// The example of FIPS 186-2 appendix 5: the signature of SHA-1("abc").
    fn example() -> DiscretePublicKey {
        let p = "8df2a494492276aa 3d25759bb06869cb eac0d83afb8d0cf7 cbb8324f0d7882e5 d0762fc5b7210eaf c2e9adac32ab7aac
                 49693dfbf83724c2 ec0736ee31c80291";
        let q = "c773218c737ec8ee 993b4f2ded30f48e dace915f";
        let g = "626d027839ea0a13 413163a55b4cb500 299d5522956cefcb 3bff10f399ce2c2e 71cb9de5fa24babf 58e5b79521925c9c
                 c42e9f6f464b088c c572af53e6d78802";
        let y = "19131871d75b1612 a819f29d78d1b0d7 346f7aa77bb62a85 9bfd6c5675da9d21 2d3a36ef1672ef66 0b8c7c255cc0ec74
                 858fba33f44c0669 9630a76b030ee333";
        let group = Group::new(&le(p), Some(&le(q)), &le(g)).unwrap();
        DiscretePublicKey::new(group, &le(y)).unwrap()
    }

    const DIGEST: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const R: &str = "8bac1ab66410435cb7181f95b16ab97c92b341c0";
    const S: &str = "41e2345f1f56df2458f426d155b4ba2db6dcd8c8";

    fn digest() -> Vec<u8> {
        let mut digest = le(DIGEST);
        digest.reverse();
        digest
    }

    #[test]
    fn the_example_of_the_standard_verifies_and_nothing_near_it() {
        let key = example();
        let signature = [le(R), le(S)].concat();
        assert_eq!(key.verify_dss(&digest(), &signature), Ok(()));
        for byte in 0..signature.len() {
            let mut wrong = signature.clone();
            wrong[byte] ^= 1;
            assert_eq!(
                key.verify_dss(&digest(), &wrong),
                Err(CspError::NTE_BAD_SIGNATURE)
            );
        }
        let mut wrong = digest();
        wrong[19] ^= 1;
        assert_eq!(
            key.verify_dss(&wrong, &signature),
            Err(CspError::NTE_BAD_SIGNATURE)
        );
        for signature in [&[0; 40][..], &[0xff; 40], &[], &signature[..39]] {
            assert_eq!(
                key.verify_dss(&digest(), signature),
                Err(CspError::NTE_BAD_SIGNATURE)
            );
        }
    }

    #[test]
    fn a_group_is_sound_only_as_it_was_made() {
        let group = example().group;
        assert!(group.is_sound());
        let mut other = group.clone();
        other.p[0] ^= 2;
        assert!(!other.is_sound());
        let mut other = group.clone();
        other.g[0] ^= 1;
        assert!(!other.is_sound());
        let mut other = group.clone();
        other.q = other.q.map(|mut q| {
            q[0] ^= 2;
            q
        });
        assert!(!other.is_sound());
        assert!(Group { q: None, ..group }.is_sound());
    }

    #[test]
    fn numbers_out_of_range_make_no_key() {
        let Group { p, q, g } = example().group;
        let bad = Err(CspError::NTE_BAD_DATA);
        let make = |p: &[u8], q: Option<&[u8]>, g: &[u8]| Group::new(p, q, g).map(drop);
        let mut even = p.clone();
        even[0] &= 0xfe;
        assert_eq!(make(&even, None, &g), bad);
        assert_eq!(make(&p[1..], None, &g), bad);
        assert_eq!(make(&p, Some(&p), &g), bad);
        assert_eq!(make(&p, Some(&[0; 20]), &g), bad);
        assert_eq!(make(&p, q.as_deref(), &p), bad);
        assert_eq!(make(&p, q.as_deref(), &[1]), bad);
        assert_eq!(make(&p, q.as_deref(), &[]), bad);
        let group = example().group;
        for y in [&p[..], &[1], &[]] {
            assert_eq!(DiscretePublicKey::new(group.clone(), y).map(drop), bad);
        }
    }
}
