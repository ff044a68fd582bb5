//! Big numbers by num-bigint: primality, DSA and the generation of its groups, all by their definitions.

use ncore::types::{Bignum, DSADiscreteLogGroup};
use num_bigint::BigUint;

use super::hashes::Hash;

/// A protocol number as an oracle's.
pub fn big(number: &Bignum) -> BigUint {
    BigUint::from_bytes_be(&number.to_be())
}

/// An oracle's number as the protocol's.
pub fn bignum(number: &BigUint) -> Bignum {
    Bignum::from_be(&number.to_bytes_be())
}

/// Miller and Rabin's test to the first 24 primes as bases.
pub fn is_prime(number: &BigUint) -> bool {
    const BASES: [u32; 24] = [
        2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
    ];
    let one = BigUint::from(1_u32);
    if *number <= one {
        return false;
    }
    let less_one = number - &one;
    let zeros = less_one.trailing_zeros().unwrap_or(0);
    let odd = &less_one >> zeros;
    BASES.iter().map(|base| BigUint::from(*base)).all(|base| {
        if (number % &base) == BigUint::ZERO {
            return *number == base;
        }
        let mut power = base.modpow(&odd, number);
        if power == one || power == less_one {
            return true;
        }
        (1..zeros).any(|_| {
            power = power.modpow(&BigUint::from(2_u32), number);
            power == less_one
        })
    })
}

/// What is wrong with a DSA group of these sizes: FIPS 186-4, A.1.1.3 without the seed, and A.2.2.
pub fn group_defect(group: &DSADiscreteLogGroup, sizes: (u64, u64)) -> Option<&'static str> {
    let (p, q, g) = (big(&group.p), big(&group.q), big(&group.g));
    let one = BigUint::from(1_u32);
    if (p.bits(), q.bits()) != sizes {
        return Some("the sizes are others");
    }
    if !is_prime(&p) || !is_prime(&q) {
        return Some("p or q is not prime");
    }
    if (&p - &one) % &q != BigUint::ZERO {
        return Some("q does not divide p - 1");
    }
    if g <= one || g >= p || g.modpow(&q, &p) != one {
        return Some("g has not the order q");
    }
    None
}

/// Where a group is generated from a seed, the prime p that FIPS 186 comes to at `counter`; q is given.
///
/// `first` is the offset of the first hash: 2 in FIPS 186-2 (appendix 2.2), 1 in FIPS 186-4 (A.1.1.2).
pub fn prime_from_seed(
    hash: Hash,
    bits: u64,
    q: &BigUint,
    seed: &[u8],
    first: u32,
    counter: u32,
) -> BigUint {
    let size = seed.len() as u64 * 8;
    let out = hash.digest(b"").len() as u64 * 8;
    let count = bits.div_ceil(out) as u32;
    let mask = (BigUint::from(1_u32) << size) - 1_u32;
    let seed_number = BigUint::from_bytes_be(seed);
    let part = |offset: u32| {
        let number = (&seed_number + offset) & &mask;
        let mut bytes = number.to_bytes_be();
        while bytes.len() < seed.len() {
            bytes.insert(0, 0);
        }
        BigUint::from_bytes_be(&hash.digest(&bytes))
    };
    let start = first + counter * count;
    let mut w = (0..count).fold(BigUint::ZERO, |w, j| {
        w + (part(start + j) << (out * u64::from(j)))
    });
    w %= BigUint::from(1_u32) << (bits - 1);
    let x = w + (BigUint::from(1_u32) << (bits - 1));
    let rest = &x % (q * 2_u32);
    x - rest + 1_u32
}

/// The order q that FIPS 186-2 (appendix 2.2) makes of a seed of 20 bytes.
pub fn order_from_seed(seed: &[u8]) -> BigUint {
    let next: BigUint = (BigUint::from_bytes_be(seed) + 1_u32) % (BigUint::from(1_u32) << 160);
    let mut bytes = next.to_bytes_be();
    while bytes.len() < 20 {
        bytes.insert(0, 0);
    }
    let (one, two) = (Hash::Sha1.digest(seed), Hash::Sha1.digest(&bytes));
    let mut mixed: Vec<u8> = one.iter().zip(&two).map(|(one, two)| one ^ two).collect();
    mixed[0] |= 0x80;
    mixed[19] |= 1;
    BigUint::from_bytes_be(&mixed)
}

/// The order q that FIPS 186-4 (A.1.1.2) makes of a seed.
pub fn order_from_seed_186_4(hash: Hash, bits: u64, seed: &[u8]) -> BigUint {
    let high = BigUint::from(1_u32) << (bits - 1);
    let u = BigUint::from_bytes_be(&hash.digest(seed)) % &high;
    let odd = if u.bit(0) { 0_u32 } else { 1 };
    high + u + odd
}

/// Whether (r, s) signs a digest (FIPS 186-4, section 4.7).
pub fn dsa_verifies(
    group: &DSADiscreteLogGroup,
    y: &Bignum,
    digest: &[u8],
    r: &Bignum,
    s: &Bignum,
) -> bool {
    let (p, q, g, y) = (big(&group.p), big(&group.q), big(&group.g), big(y));
    let (r, s) = (big(r), big(s));
    if r == BigUint::ZERO || s == BigUint::ZERO || r >= q || s >= q {
        return false;
    }
    let excess = (digest.len() as u64 * 8).saturating_sub(q.bits());
    let z = BigUint::from_bytes_be(digest) >> excess;
    // q is prime, so the inverse is a power.
    let w = s.modpow(&(&q - 2_u32), &q);
    let v = g.modpow(&(z * &w % &q), &p) * y.modpow(&(&r * &w % &q), &p) % &p % &q;
    v == r
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn knows_primes() {
        for prime in [2_u32, 3, 89, 97, 65_537, 4_294_967_291] {
            assert!(is_prime(&BigUint::from(prime)), "{prime}");
        }
        // Carmichael numbers and strong pseudoprimes to base 2 among them (OEIS A002997, A001262).
        for composite in [0_u32, 1, 4, 561, 1105, 2047, 3277, 29_341, 65_535] {
            assert!(!is_prime(&BigUint::from(composite)), "{composite}");
        }
    }

    #[test]
    fn the_oracle_takes_the_known_signatures_and_no_other() {
        let number = |vector: &vectors::Vector, name: &str| Bignum::from_be(&vector.bytes(name));
        for vector in vectors::parse(include_str!("../../../vectors/dsa.txt")).expect("well formed")
        {
            let group = DSADiscreteLogGroup {
                p: number(&vector, "p"),
                q: number(&vector, "q"),
                g: number(&vector, "g"),
            };
            let sizes = (big(&group.p).bits(), big(&group.q).bits());
            assert_eq!(group_defect(&group, sizes), None);
            let hash = Hash::named(vector.text("hash")).expect("known");
            let digest = hash.digest(&vector.bytes("msg"));
            let (y, r, s) = (
                number(&vector, "y"),
                number(&vector, "r"),
                number(&vector, "s"),
            );
            assert!(dsa_verifies(&group, &y, &digest, &r, &s), "{vector:?}");
            assert!(!dsa_verifies(&group, &y, &digest, &s, &r), "{vector:?}");
            if vector.has("seed") {
                let seed = vector.bytes("seed");
                let q = order_from_seed(&seed);
                assert_eq!(bignum(&q), group.q);
                let counter = vector.text("counter").parse().expect("decimal");
                assert_eq!(
                    bignum(&prime_from_seed(Hash::Sha1, 512, &q, &seed, 2, counter)),
                    group.p
                );
            }
        }
    }
}
