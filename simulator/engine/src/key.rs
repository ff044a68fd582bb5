//! Components of RSA keys, checked for consistency before an engine sees them.

use std::fmt;

use crypto_bigint::{BoxedUint, NonZero};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Error;
use crate::number::{self, from_be, invert_mod, mul, non_zero, reduce, to_be};
use crate::{MAX_MODULUS_BITS, MIN_RSA_BITS};

/// An RSA private key as numbers: modulus, exponents and, unless the primes are unknown, the
/// values for the Chinese remainder theorem. Big-endian, without leading zeros.
///
/// The fields agree with each other; that the primes are primes is not checked here.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RsaPrivateComponents {
    n: Vec<u8>,
    e: Vec<u8>,
    d: Vec<u8>,
    crt: Option<CrtComponents>,
}

/// The values for the Chinese remainder theorem, named as nCore names them.
/// Big-endian, without leading zeros.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CrtComponents {
    /// First prime factor of the modulus.
    pub p: Vec<u8>,
    /// Second prime factor of the modulus.
    pub q: Vec<u8>,
    /// `e^-1 mod (p - 1)`.
    pub dmp1: Vec<u8>,
    /// `e^-1 mod (q - 1)`.
    pub dmq1: Vec<u8>,
    /// `q^-1 mod p`.
    pub iqmp: Vec<u8>,
}

impl RsaPrivateComponents {
    /// Derives the whole key from its two primes and the public exponent.
    ///
    /// # Errors
    /// [`Error::UnsupportedSize`] if the modulus is outside [`MIN_RSA_BITS`] to
    /// [`MAX_MODULUS_BITS`]; [`Error::InvalidKey`] if the factors are equal or even, or the exponent
    /// has no inverse modulo the factors less one.
    pub fn from_primes(p: &[u8], q: &[u8], e: &[u8]) -> Result<Self, Error> {
        let (p, q) = (Zeroizing::new(from_be(p)), Zeroizing::new(from_be(q)));
        // A factor larger than the largest modulus is refused before anything is multiplied.
        if p.bit_width() > MAX_MODULUS_BITS || q.bit_width() > MAX_MODULUS_BITS {
            return Err(Error::UnsupportedSize);
        }
        if !is_odd(&p) || !is_odd(&q) || *p == *q {
            return Err(Error::InvalidKey("factors are even or equal"));
        }
        let n = mul(&p, &q);
        let public = RsaPublicComponents::new(&to_be(&n), e)?;
        let e = from_be(e);

        let p_less_one = less_one(&p)?;
        let q_less_one = less_one(&q)?;
        let order = secret_modulus(mul(&p_less_one, &q_less_one))?;
        let no_inverse = Error::InvalidKey("public exponent has no inverse");
        let d = Zeroizing::new(invert_mod(&e, &order).ok_or(no_inverse)?);
        let dmp1 = Zeroizing::new(reduce(&d, &p_less_one));
        let dmq1 = Zeroizing::new(reduce(&d, &q_less_one));
        let p_modulus = secret_modulus((*p).clone())?;
        let iqmp = invert_mod(&q, &p_modulus);
        let iqmp = Zeroizing::new(iqmp.ok_or(Error::InvalidKey("factors share a factor"))?);

        Ok(Self {
            n: public.n.clone(),
            e: public.e.clone(),
            d: to_be(&d).to_vec(),
            crt: Some(CrtComponents {
                p: to_be(&p).to_vec(),
                q: to_be(&q).to_vec(),
                dmp1: to_be(&dmp1).to_vec(),
                dmq1: to_be(&dmq1).to_vec(),
                iqmp: to_be(&iqmp).to_vec(),
            }),
        })
    }

    /// Takes a key whose CRT values are given. A value of zero stands for one that is missing, and
    /// is computed; any other must be right, though an exponent may be unreduced.
    ///
    /// # Errors
    /// As [`from_primes`](Self::from_primes), and [`Error::InvalidKey`] if a given value is wrong.
    pub fn from_crt(given: &CrtComponents, e: &[u8]) -> Result<Self, Error> {
        let key = Self::from_primes(&given.p, &given.q, e)?;
        let crt = key.crt.as_ref().ok_or(Error::InvalidKey("no factors"))?;
        let p_less_one = less_one(&from_be(&crt.p))?;
        let q_less_one = less_one(&from_be(&crt.q))?;
        let p = secret_modulus(from_be(&crt.p))?;
        let checks = [
            (&given.dmp1, &p_less_one, &crt.dmp1),
            (&given.dmq1, &q_less_one, &crt.dmq1),
            (&given.iqmp, &p, &crt.iqmp),
        ];
        for (value, modulus, right) in checks {
            let value = number::trim(value);
            if value.len() > (MAX_MODULUS_BITS / 8) as usize {
                return Err(Error::InvalidKey("a CRT value is too long"));
            }
            let reduced = Zeroizing::new(reduce(&from_be(value), modulus));
            if !value.is_empty() && *reduced != from_be(right) {
                return Err(Error::InvalidKey(
                    "a CRT value does not belong to the factors",
                ));
            }
        }
        Ok(key)
    }

    /// Takes a key of which only the modulus and the exponents are known.
    ///
    /// # Errors
    /// [`Error::UnsupportedSize`], or [`Error::InvalidKey`] if an exponent cannot be one. Whether the
    /// exponents belong together shows only when the key is used.
    pub fn without_crt(n: &[u8], e: &[u8], d: &[u8]) -> Result<Self, Error> {
        let public = RsaPublicComponents::new(n, e)?;
        let private = Zeroizing::new(from_be(d));
        if !is_odd(&private) || bool::from(private.is_one()) || *private >= from_be(n) {
            return Err(Error::InvalidKey("private exponent is impossible"));
        }
        Ok(Self {
            n: public.n.clone(),
            e: public.e.clone(),
            d: to_be(&private).to_vec(),
            crt: None,
        })
    }

    /// The modulus.
    pub fn n(&self) -> &[u8] {
        &self.n
    }

    /// The public exponent.
    pub fn e(&self) -> &[u8] {
        &self.e
    }

    /// The private exponent, reduced modulo the product of the primes less one where they are
    /// known.
    pub fn d(&self) -> &[u8] {
        &self.d
    }

    /// The values for the Chinese remainder theorem, if the primes are known.
    pub fn crt(&self) -> Option<&CrtComponents> {
        self.crt.as_ref()
    }

    /// The public half.
    pub fn public(&self) -> RsaPublicComponents {
        RsaPublicComponents {
            n: self.n.clone(),
            e: self.e.clone(),
        }
    }
}

impl fmt::Debug for RsaPrivateComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaPrivateComponents")
            .field("bits", &from_be(&self.n).bit_width_vartime())
            .field("crt", &self.crt.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CrtComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = [from_be(&self.p).bit_width(), from_be(&self.q).bit_width()];
        f.debug_struct("CrtComponents")
            .field("bits", &bits)
            .finish_non_exhaustive()
    }
}

/// An RSA public key. Big-endian, without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicComponents {
    n: Vec<u8>,
    e: Vec<u8>,
}

impl RsaPublicComponents {
    /// Takes a modulus and a public exponent.
    ///
    /// # Errors
    /// [`Error::UnsupportedSize`] if the modulus is outside [`MIN_RSA_BITS`] to
    /// [`MAX_MODULUS_BITS`]; [`Error::InvalidKey`] if it is even, or the exponent is even, one, or
    /// not less than the modulus.
    pub fn new(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        let (n, e) = (number::trim(n), number::trim(e));
        if n.len() > (MAX_MODULUS_BITS / 8) as usize {
            return Err(Error::UnsupportedSize);
        }
        if e.len() > n.len() {
            return Err(Error::InvalidKey("public exponent is impossible"));
        }
        let modulus = from_be(n);
        let exponent = from_be(e);
        if !(MIN_RSA_BITS..=MAX_MODULUS_BITS).contains(&modulus.bit_width_vartime()) {
            return Err(Error::UnsupportedSize);
        }
        if !is_odd(&modulus) {
            return Err(Error::InvalidKey("modulus is even"));
        }
        if !is_odd(&exponent) || bool::from(exponent.is_one()) || exponent >= modulus {
            return Err(Error::InvalidKey("public exponent is impossible"));
        }
        Ok(Self {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// The modulus.
    pub fn n(&self) -> &[u8] {
        &self.n
    }

    /// The public exponent.
    pub fn e(&self) -> &[u8] {
        &self.e
    }
}

fn is_odd(value: &BoxedUint) -> bool {
    value.bit(0).into()
}

/// A factor less one, as a modulus.
fn less_one(factor: &BoxedUint) -> Result<Zeroizing<NonZero<BoxedUint>>, Error> {
    secret_modulus(factor.wrapping_sub(BoxedUint::one()))
}

/// A number that is wiped and not zero: it is made of odd factors, one of which may be one.
fn secret_modulus(value: BoxedUint) -> Result<Zeroizing<NonZero<BoxedUint>>, Error> {
    let modulus = non_zero(value).ok_or(Error::InvalidKey("a factor is one"))?;
    Ok(Zeroizing::new(modulus))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The Mersenne primes 2^521 - 1 and 2^607 - 1.
    fn mersenne(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] = ((1u16 << (bits - (bits - 1) / 8 * 8)) - 1) as u8;
        bytes
    }

    fn key() -> RsaPrivateComponents {
        RsaPrivateComponents::from_primes(&mersenne(521), &mersenne(607), &[1, 0, 1])
            .expect("valid")
    }

    #[test]
    fn missing_crt_values_are_computed() {
        let key = key();
        let mut given = key.crt().expect("has primes").clone();
        given.dmp1 = vec![0, 0];
        given.dmq1.clear();
        given.iqmp = vec![0];
        let again = RsaPrivateComponents::from_crt(&given, key.e()).expect("valid");
        let (one, two) = (key.crt().expect("primes"), again.crt().expect("primes"));
        assert_eq!(one.dmp1, two.dmp1);
        assert_eq!(one.dmq1, two.dmq1);
        assert_eq!(one.iqmp, two.iqmp);
    }

    #[test]
    fn wrong_crt_values_are_refused() {
        let key = key();
        for field in 0..3 {
            let mut given = key.crt().expect("has primes").clone();
            let value = [&mut given.dmp1, &mut given.dmq1, &mut given.iqmp]
                .into_iter()
                .nth(field);
            let value = value.expect("three fields");
            let last = value.len() - 1;
            value[last] ^= 4;
            let refused = RsaPrivateComponents::from_crt(&given, key.e()).expect_err("wrong");
            assert!(matches!(refused, Error::InvalidKey(_)), "field {field}");
        }
    }

    #[test]
    fn impossible_keys_are_refused() {
        let (p, q) = (mersenne(521), mersenne(607));
        let cases: [(&[u8], &[u8], &[u8]); 7] = [
            (&[1], &q, &[3]),
            (&p, &p, &[1, 0, 1]),
            (&[4], &q, &[1, 0, 1]),
            (&p, &q, &[]),
            (&p, &q, &[1]),
            (&p, &q, &[1, 0, 0]),
            // 2^521 - 2 is a multiple of 3, so 3 has no inverse.
            (&p, &q, &[3]),
        ];
        for (index, (p, q, e)) in cases.into_iter().enumerate() {
            let result = RsaPrivateComponents::from_primes(p, q, e);
            assert!(matches!(result, Err(Error::InvalidKey(_))), "case {index}");
        }
        let small = RsaPrivateComponents::from_primes(&[13], &[11], &[7]);
        assert_eq!(small.expect_err("8 bits"), Error::UnsupportedSize);
        let huge = vec![0xff; 4096];
        assert!(RsaPrivateComponents::from_primes(&huge, &q, &[3]).is_err());
        assert!(RsaPublicComponents::new(&huge, &[3]).is_err());
        assert!(RsaPublicComponents::new(&[&[0x80; 64][..], &[2]].concat(), &[3]).is_err());
        assert!(RsaPrivateComponents::without_crt(key().n(), key().e(), &[2]).is_err());
        assert!(RsaPrivateComponents::without_crt(key().n(), key().e(), key().n()).is_err());
    }

    #[test]
    fn debug_prints_lengths_only() {
        assert_eq!(
            format!("{:?}", key()),
            "RsaPrivateComponents { bits: 1128, crt: true, .. }"
        );
        let crt = format!("{:?}", key().crt().expect("primes"));
        assert_eq!(crt, "CrtComponents { bits: [521, 607], .. }");
    }
}
