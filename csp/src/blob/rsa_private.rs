//! RSA PRIVATEKEYBLOB: magic "RSA2", length in bits, public exponent, modulus, two primes, two
//! CRT exponents, CRT coefficient, private exponent. Read only: the provider exports no private
//! key.

use std::fmt;

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Resize};
use zeroize::Zeroizing;

use super::rsa_public::parse_numbers;
use super::{BlobHeader, take};
use crate::error::{CspError, Result};
use crate::soft::RsaPublicKey;

/// "RSA2"
const MAGIC: u32 = 0x3241_5352;

/// The numbers of an RSA key pair, all unsigned and little-endian, ready for an import into a
/// module. Those the blob lacked are computed.
pub struct RsaKeyPair {
    /// The public half.
    pub public: RsaPublicKey,
    /// p.
    pub prime1: Zeroizing<Vec<u8>>,
    /// q.
    pub prime2: Zeroizing<Vec<u8>>,
    /// d mod (p - 1).
    pub exponent1: Zeroizing<Vec<u8>>,
    /// d mod (q - 1).
    pub exponent2: Zeroizing<Vec<u8>>,
    /// q⁻¹ mod p.
    pub coefficient: Zeroizing<Vec<u8>>,
    /// d.
    pub private_exponent: Zeroizing<Vec<u8>>,
}

/// The key pair in a PRIVATEKEYBLOB's body.
///
/// The private exponent at the end may be missing or cut, and any of the CRT numbers may be zero:
/// they are computed from the primes. Whether the primes are prime is the module's to find out.
///
/// # Errors
/// `NTE_BAD_DATA` if the body is malformed, the numbers do not belong together, or the header's
/// algorithm is not RSA or its version not 2.
pub fn parse(header: &BlobHeader, body: &[u8]) -> Result<RsaKeyPair> {
    let mut body = body;
    let public = parse_numbers(header, &mut body, MAGIC)?;
    let half = (public.bits() as usize).div_ceil(16);
    let mut next = || take(&mut body, half).map(|bytes| number(bytes, half));
    let (p, q, dp, dq, qinv) = (next()?, next()?, next()?, next()?, next()?);
    let d = body.get(..public.modulus_len());
    complete(public, [p, q], [dp, dq], qinv, d).ok_or(CspError::NTE_BAD_DATA)
}

/// Checks the numbers against each other and computes those that are missing; `None` if they do
/// not belong together.
fn complete(
    public: RsaPublicKey,
    [p, q]: [BoxedUint; 2],
    [dp, dq]: [BoxedUint; 2],
    qinv: BoxedUint,
    d: Option<&[u8]>,
) -> Option<RsaKeyPair> {
    let len = public.modulus_len();
    let half = len.div_ceil(2);
    let modulus = number(public.modulus_le(), 2 * half);
    if p.concatenating_mul(&q) != modulus {
        return None;
    }
    // Both are odd and not one: their product is odd, and neither can be the modulus itself.
    let one = BoxedUint::one_with_precision(p.bits_precision());
    let (p_1, q_1) = (
        nonzero(p.wrapping_sub(&one))?,
        nonzero(q.wrapping_sub(&one))?,
    );
    let e = BoxedUint::from(public.exponent()).resize(p.bits_precision());

    let dp = given_or_inverse(dp, &e, &p_1)?;
    let dq = given_or_inverse(dq, &e, &q_1)?;
    let qinv = given_or_inverse(qinv, &q, &nonzero(p.clone())?)?;
    let d = match d {
        Some(d) if d.iter().any(|byte| *byte != 0) => {
            let d = number(d, 2 * half);
            let belongs = is_inverse(&d, &e, &p_1) && is_inverse(&d, &e, &q_1);
            belongs.then_some(d)?
        }
        // The least positive d: the inverse modulo the least common multiple.
        _ => {
            let gcd = p_1.gcd(&q_1);
            let quotient = p_1.div_exact(&gcd).into_option()?;
            let lcm = nonzero(quotient.concatenating_mul(q_1.as_ref()))?;
            e.resize(lcm.bits_precision())
                .invert_mod(&lcm)
                .into_option()?
        }
    };
    Some(RsaKeyPair {
        prime1: bytes(&p, half),
        prime2: bytes(&q, half),
        exponent1: bytes(&dp, half),
        exponent2: bytes(&dq, half),
        coefficient: bytes(&qinv, half),
        private_exponent: bytes(&d, len),
        public,
    })
}

/// `given` if it is the inverse of `of`, the inverse computed if it is zero, else nothing.
fn given_or_inverse(
    given: BoxedUint,
    of: &BoxedUint,
    modulus: &NonZero<BoxedUint>,
) -> Option<BoxedUint> {
    if given.is_zero().to_bool() {
        return of.rem(modulus).invert_mod(modulus).into_option();
    }
    is_inverse(&given, of, modulus).then_some(given)
}

fn is_inverse(number: &BoxedUint, of: &BoxedUint, modulus: &NonZero<BoxedUint>) -> bool {
    number.concatenating_mul(of).rem(modulus).is_one().to_bool()
}

/// A little-endian number of at most `len` bytes, with room for that many.
fn number(bytes: &[u8], len: usize) -> BoxedUint {
    BoxedUint::from_le_slice_truncated(bytes, len as u32 * 8)
}

/// The little-endian bytes of a number that is known to fit.
fn bytes(number: &BoxedUint, len: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(number.to_le_bytes().into_vec());
    bytes.resize(len, 0);
    bytes
}

fn nonzero(number: BoxedUint) -> Option<NonZero<BoxedUint>> {
    number.into_nz().into_option()
}

impl fmt::Debug for RsaKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKeyPair({} bits)", self.public.bits())
    }
}
