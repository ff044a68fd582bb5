//! RSA key pairs.

use crypto_bigint::{BoxedUint, Gcd, NonZero, Resize};
use engine::{Engine, MAX_MODULUS_BITS, MIN_RSA_BITS, RsaPrivateComponents, number};
use ncore::Status;
use ncore::types::{KeyType, KeyTypeRSAPrivateGenParams};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::super::key::{Body, KeyMaterial, RsaPrivateKey};
use super::super::prime::{self, TopBits};

/// Bit `KeyType_RSAPrivate_GenParams_flags_UseStrongPrimes` of the flags: primes `p` such that `p - 1` and `p + 1` have
/// a large prime factor each (ANSI X9.31).
const USE_STRONG_PRIMES: u32 = 0x4;

/// The most rounds of the Miller-Rabin test a caller may ask for beside the Baillie-PSW test that is always made. More
/// show nothing, and each costs an exponentiation.
const MAX_CHECKS: u32 = 256;

/// Makes a pair of 384 to 16384 bits in steps of 8, with the public exponent given or 65537.
///
/// # Errors
/// `InvalidParameter` for another size, an exponent that is even or one or longer than half the modulus, or more than
/// 256 checks; `UnknownFlag` for an unknown flag.
pub(super) fn generate(
    engine: &dyn Engine,
    params: &KeyTypeRSAPrivateGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    if !(MIN_RSA_BITS..=MAX_MODULUS_BITS).contains(&params.lenbits)
        || !params.lenbits.is_multiple_of(8)
    {
        return Err(Status::InvalidParameter);
    }
    if params.flags & !USE_STRONG_PRIMES != 0 {
        return Err(Status::UnknownFlag);
    }
    let half = params.lenbits / 2;
    let e = params
        .given_e
        .as_ref()
        .map_or_else(|| vec![1, 0, 1], |e| e.to_be());
    let e = number::from_be(&e);
    if number::odd(&e).is_none() || bool::from(e.is_one()) || e.bit_width_vartime() >= half {
        return Err(Status::InvalidParameter);
    }
    let checks = params.nchecks.unwrap_or(0);
    if checks > MAX_CHECKS {
        return Err(Status::InvalidParameter);
    }
    let request = Request {
        engine,
        bits: half,
        e: &e,
        checks,
        strong: params.flags & USE_STRONG_PRIMES != 0,
    };
    loop {
        let one = Zeroizing::new(request.prime(rng)?);
        let two = Zeroizing::new(request.prime(rng)?);
        if *one == *two {
            continue;
        }
        let (p, q) = if *one > *two {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let components = RsaPrivateComponents::from_primes(
            &number::to_be(p),
            &number::to_be(q),
            &number::to_be(&e),
        );
        let components = components.map_err(|_| Status::Failed)?;
        return KeyMaterial::new(
            KeyType::RSAPrivate,
            Body::RsaPrivate(RsaPrivateKey::new(components)),
        );
    }
}

/// What a prime of the pair must be like.
struct Request<'a> {
    engine: &'a dyn Engine,
    bits: u32,
    e: &'a BoxedUint,
    checks: u32,
    strong: bool,
}

impl Request<'_> {
    fn prime(&self, rng: &mut dyn CryptoRng) -> Result<BoxedUint, Status> {
        loop {
            let prime = if self.strong {
                self.strong_prime(rng)?
            } else {
                prime::random_prime_where(rng, self.bits, TopBits::Two, |p| {
                    self.exponent_has_inverse(p) && prime::may_be_prime(self.engine, p)
                })?
            };
            if prime::survives_miller_rabin(rng, &prime, self.checks) {
                return Ok(prime);
            }
        }
    }

    /// Whether `e` and `p - 1` share no factor.
    fn exponent_has_inverse(&self, p: &BoxedUint) -> bool {
        let less_one = p.wrapping_sub(BoxedUint::one());
        let Some(e) = NonZero::new(self.e.clone()).into_option() else {
            return false;
        };
        // Reducing first keeps the numbers small for the usual exponents.
        let rest = number::reduce(&less_one, &e);
        rest.gcd_vartime(&e).is_one().into()
    }

    /// A prime `p` for which `p - 1` has the prime factor `r` and `p + 1` the prime factor `s`, both of 101 bits or, in
    /// short keys, of a quarter of the prime: FIPS 186-4 appendix C.9 with random auxiliary primes.
    fn strong_prime(&self, rng: &mut dyn CryptoRng) -> Result<BoxedUint, Status> {
        let auxiliary = (self.bits / 4).min(101);
        let r = Zeroizing::new(prime::random_prime(rng, auxiliary, TopBits::One)?);
        let s = Zeroizing::new(prime::random_prime(rng, auxiliary, TopBits::One)?);
        let two_r = Zeroizing::new(number::mul(&r, &BoxedUint::from(2u8)));
        let step = number::mul(&two_r, &s);
        let (Some(modulus), Some(of_s), Some(of_two_r)) = (
            number::non_zero(step),
            number::non_zero((*s).clone()),
            number::non_zero((*two_r).clone()),
        ) else {
            return Err(Status::Failed);
        };
        // residue = (s^-1 mod 2r) s - (2r^-1 mod s) 2r, which is 1 modulo 2r and -1 modulo s.
        let (Some(s_inverse), Some(r_inverse)) = (
            number::invert_mod(&s, &of_two_r),
            number::invert_mod(&two_r, &of_s),
        ) else {
            // Both primes came out the same.
            return self.strong_prime(rng);
        };
        let plus = number::mul_mod(&s_inverse, &s, &modulus);
        let minus = number::mul_mod(&r_inverse, &two_r, &modulus);
        let residue = number::sub_mod(&plus, &minus, &modulus);

        // Start at a random number with the two top bits set and walk in steps of 2rs.
        let start = crypto_primes::hazmat::random_odd_integer::<BoxedUint, _>(
            rng,
            std::num::NonZeroU32::new(self.bits).ok_or(Status::Failed)?,
            crypto_primes::hazmat::SetBits::TwoMsb,
        );
        let start = start.map_err(|_| Status::Failed)?.get();
        let to_residue = number::sub_mod(&residue, &start, &modulus);
        let mut candidate = Zeroizing::new(start.concatenating_add(&to_residue));
        while candidate.bit_width() == self.bits {
            if prime::has_no_small_factor(&candidate)
                && self.exponent_has_inverse(&candidate)
                && prime::may_be_prime(self.engine, &candidate)
                && prime::is_prime_number(&candidate)
            {
                return Ok(Resize::resize_unchecked(&*candidate, self.bits));
            }
            *candidate = candidate
                .concatenating_add(modulus.as_ref())
                .resize_unchecked(self.bits + 64);
        }
        self.strong_prime(rng)
    }
}
