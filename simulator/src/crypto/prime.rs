//! Finding and recognising primes, by one path that depends on nothing but the random stream.

use std::sync::LazyLock;

use crypto_bigint::{BoxedUint, Limb, NonZero, Odd, Resize};
use crypto_primes::hazmat::{MillerRabin, SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, sieve_and_find};
use engine::{Engine, number};
use ncore::types::Bignum;
use ncore::{Status, types::GeneratePrimeArgs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Sizes Cmd_GeneratePrime takes, in bits.
const GENERATE_BITS: std::ops::RangeInclusive<u32> = 16..=8192;

/// Cmd_GeneratePrime: a random prime of exactly `lenbits` bits.
///
/// # Errors
/// `InvalidParameter` if the size is below 16 or above 8192.
pub fn generate_prime(args: &GeneratePrimeArgs, rng: &mut dyn CryptoRng) -> Result<Bignum, Status> {
    if !GENERATE_BITS.contains(&args.lenbits) {
        return Err(Status::InvalidParameter);
    }
    let prime = Zeroizing::new(random_prime(rng, args.lenbits, TopBits::One)?);
    Ok(Bignum::from_be(&number::to_be(&prime)))
}

/// How much of the top of a prime is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopBits {
    /// The top bit is set, so that the prime has the size asked for.
    One,
    /// The two top bits are set, so that the product of two such primes has the sum of their sizes.
    Two,
}

/// A random prime of exactly `bits` bits (at least 8).
pub(super) fn random_prime(
    rng: &mut dyn CryptoRng,
    bits: u32,
    top: TopBits,
) -> Result<BoxedUint, Status> {
    random_prime_where(rng, bits, top, |_| true)
}

/// A random prime of exactly `bits` bits (at least 8) that `accept` takes. `accept` is asked before the costly tests.
pub(super) fn random_prime_where(
    rng: &mut dyn CryptoRng,
    bits: u32,
    top: TopBits,
    accept: impl Fn(&BoxedUint) -> bool,
) -> Result<BoxedUint, Status> {
    let set = match top {
        TopBits::One => SetBits::Msb,
        TopBits::Two => SetBits::TwoMsb,
    };
    let sieve =
        SmallFactorsSieveFactory::new(Flavor::Any, bits.max(8), set).map_err(|_| Status::Failed)?;
    let found = sieve_and_find(rng, sieve, |_, candidate: &BoxedUint| {
        accept(candidate) && is_prime_number(candidate)
    });
    found.ok().flatten().ok_or(Status::Failed)
}

/// Whether a big-endian number is prime, by the Baillie-PSW test, to which no composite number is known to be an
/// exception.
pub(super) fn is_prime(number: &[u8]) -> bool {
    is_prime_number(&Zeroizing::new(number::from_be(number)))
}

/// As [`is_prime`].
pub(super) fn is_prime_number(candidate: &BoxedUint) -> bool {
    // The test wants a modulus without leading zero limbs.
    let candidate = Zeroizing::new(candidate.resize_unchecked(candidate.bit_width().max(1)));
    crypto_primes::is_prime(Flavor::Any, &*candidate)
}

/// Whether an odd number passes Fermat's test to base 2, done by the engine, which is several times as fast as the test
/// proper. It turns away almost every composite number and no prime, so it decides how long a search takes and never what
/// it finds: the engines still agree on every key.
pub(super) fn may_be_prime(engine: &dyn Engine, candidate: &BoxedUint) -> bool {
    let less_one = Zeroizing::new(candidate.wrapping_sub(BoxedUint::one()));
    let exponent = Zeroizing::new(number::to_be(&less_one));
    let modulus = Zeroizing::new(number::to_be(candidate));
    match engine.mod_exp(&[2], &exponent, &modulus) {
        Ok(power) => number::trim(&power) == [1],
        // An engine that cannot tell leaves it to the test proper.
        Err(_) => true,
    }
}

/// `rounds` of the Miller-Rabin test with random bases.
pub(super) fn survives_miller_rabin(
    rng: &mut dyn CryptoRng,
    candidate: &BoxedUint,
    rounds: u32,
) -> bool {
    let candidate = candidate.resize_unchecked(candidate.bit_width().max(1));
    let Some(candidate) = Odd::new(candidate).into_option() else {
        return false;
    };
    let test = MillerRabin::new(candidate);
    (0..rounds).all(|_| test.test_random_base(rng).is_probably_prime())
}

/// Trial division by the small primes, which spares most candidates the costly tests. The candidate is larger than any
/// of them.
pub(super) fn has_no_small_factor(candidate: &BoxedUint) -> bool {
    SMALL_PRIMES.iter().all(|small| {
        let divisor = NonZero::new(Limb::from(*small)).into_option();
        divisor.is_some_and(|divisor| candidate.rem_limb(divisor) != Limb::ZERO)
    })
}

/// The odd primes below 2048.
pub(super) static SMALL_PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let is_prime = |n: &u32| {
        (3..)
            .step_by(2)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    (3..2048).step_by(2).filter(is_prime).collect()
});

#[cfg(test)]
mod tests {
    use super::super::testing::rng;
    use super::*;

    #[test]
    fn prime_has_the_size_asked_for() {
        for lenbits in [16, 17, 64, 65, 160, 512] {
            let prime =
                generate_prime(&GeneratePrimeArgs { lenbits }, &mut rng(1)).expect("supported");
            assert_eq!(prime.bits(), lenbits as usize);
            // An oracle that is not the generator's: Fermat's test by num-bigint.
            let p = num_bigint::BigUint::from_bytes_be(&prime.to_be());
            let one = num_bigint::BigUint::from(1u8);
            for base in [2u8, 3, 5, 7, 11, 13] {
                assert_eq!(num_bigint::BigUint::from(base).modpow(&(&p - 1u8), &p), one);
            }
        }
    }

    #[test]
    fn sizes_nobody_supports_are_refused() {
        for lenbits in [0, 1, 15, 8193, u32::MAX] {
            let refused = generate_prime(&GeneratePrimeArgs { lenbits }, &mut rng(1));
            assert_eq!(refused, Err(Status::InvalidParameter));
        }
    }

    #[test]
    fn recognises_primes_and_composites() {
        // Carmichael numbers and strong pseudoprimes to base 2 among the composites (OEIS A002997, A001262).
        for composite in [0u32, 1, 4, 9, 561, 1105, 2047, 3277, 29341, 65535] {
            assert!(!is_prime(&composite.to_be_bytes()), "{composite}");
        }
        for prime in [2u32, 3, 5, 65537, 4_294_967_291] {
            assert!(is_prime(&prime.to_be_bytes()), "{prime}");
        }
        assert!(!is_prime(&[]));
    }

    #[test]
    fn fermats_test_turns_away_no_prime() {
        for kind in [engine::Kind::Fast, engine::Kind::Portable] {
            let engine = kind.engine();
            for bits in [64, 128, 256, 521] {
                let prime = random_prime(&mut rng(bits.into()), bits, TopBits::One).expect("found");
                assert!(may_be_prime(&*engine, &prime), "{bits}");
                let composite = prime.wrapping_add(BoxedUint::from(2u8));
                let product = number::mul(&prime, &composite);
                assert!(!may_be_prime(&*engine, &product), "{bits}");
            }
        }
    }

    #[test]
    fn miller_rabin_catches_what_is_not_prime() {
        assert!(survives_miller_rabin(
            &mut rng(2),
            &number::from_be(&65537u32.to_be_bytes()),
            20
        ));
        assert!(!survives_miller_rabin(
            &mut rng(2),
            &number::from_be(&29341u32.to_be_bytes()),
            20
        ));
        assert!(!survives_miller_rabin(
            &mut rng(2),
            &number::from_be(&[4]),
            1
        ));
    }
}
