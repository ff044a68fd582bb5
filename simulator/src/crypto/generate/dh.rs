//! Diffie-Hellman key pairs, in a group given or in a new one.
//!
//! A new group is one of X9.42's kind, also for keys that do not show its order: a prime `p` for which `p - 1` has a
//! prime factor `q` of a good size, and a generator of the subgroup of order `q`. A safe prime (`q = (p - 1) / 2`) of
//! 4096 bits would take minutes, and a fixed group from a standard would be no generated group.

use crypto_bigint::{BoxedUint, Limb, NonZero, Resize};
use engine::{Engine, number};
use ncore::types::{KeyType, KeyTypeDHExPrivateGenParams, KeyTypeDHPrivateGenParams};
use ncore::{Bignum, Status};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::super::key::{Body, Group, KeyMaterial, Secret, public_value};
use super::super::prime::{self, TopBits};
use super::super::{dsa, validate};
use super::dsa::{generator, given_group};

/// Makes a pair of 512 to 4096 bits in steps of 64 (KeyType_DHPrivate).
///
/// `xlength` is the size of the private exponent in bits; zero stands for the size of the order in a new group, and for
/// the whole range in a given one.
///
/// # Errors
/// `InvalidParameter` for another size, or a given group whose size is not `plength`, or an exponent below 160 bits or
/// not below the prime; `InvalidData` for a given prime that is none.
pub(super) fn generate(
    engine: &dyn Engine,
    params: &KeyTypeDHPrivateGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    no_flags(params.flags)?;
    let (p, g, default) = match &params.dlg {
        Some(given) => {
            let (p, g) = (given.p.to_be(), given.g.to_be());
            check_given_size(params.plength, &given.p)?;
            validate::modulus_ranges(&p, &g)?;
            if !prime::is_prime(&p) {
                return Err(Status::InvalidData);
            }
            let less_one = number::from_be(&p).wrapping_sub(BoxedUint::one());
            (p, g, less_one)
        }
        None => {
            check_size(params.plength)?;
            let group = new_group(engine, params.plength, order_bits(params.plength), rng)?;
            let q = number::from_be(&group.q);
            (group.p, group.g, q)
        }
    };
    let size = Bignum::from_be(&p).bits() as u32;
    let x = match params.xlength {
        0 => dsa::random_below(rng, &number::non_zero(default).ok_or(Status::Failed)?)?,
        bits if (160..size).contains(&bits) => random_of_size(rng, bits),
        _ => return Err(Status::InvalidParameter),
    };
    let x = Secret::new(&number::to_be(&Zeroizing::new(x)));
    let gx = public_value(engine, &p, &g, x.bytes(), p.len())?;
    KeyMaterial::new(KeyType::DHPrivate, Body::DhPrivate { p, g, x, gx })
}

/// Makes a pair that shows the order of its group (KeyType_DHExPrivate). `qlength` zero stands for a size that goes
/// with the prime.
///
/// # Errors
/// As for [`generate`]; `InvalidParameter` for an order of less than 160 or more than 512 bits.
pub(super) fn generate_ex(
    engine: &dyn Engine,
    params: &KeyTypeDHExPrivateGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    no_flags(params.flags)?;
    let group = match &params.dlg {
        Some(given) => {
            if params.qlength != 0 && params.qlength as usize != given.q.bits() {
                return Err(Status::InvalidParameter);
            }
            given_group(engine, params.plength, given, false)?
        }
        None => {
            check_size(params.plength)?;
            let bits = if params.qlength == 0 {
                order_bits(params.plength)
            } else {
                params.qlength
            };
            if !(160..=512).contains(&bits) || bits >= params.plength {
                return Err(Status::InvalidParameter);
            }
            new_group(engine, params.plength, bits, rng)?
        }
    };
    let q = number::non_zero(number::from_be(&group.q)).ok_or(Status::Failed)?;
    let x = Zeroizing::new(dsa::random_below(rng, &q)?);
    let x = Secret::new(&number::to_be(&x));
    let gx = group.power(engine, x.bytes())?;
    KeyMaterial::new(KeyType::DHExPrivate, Body::DhExPrivate { group, x, gx })
}

fn no_flags(flags: u32) -> Result<(), Status> {
    if flags == 0 {
        Ok(())
    } else {
        Err(Status::UnknownFlag)
    }
}

fn check_size(bits: u32) -> Result<(), Status> {
    let good = (512..=4096).contains(&bits) && bits.is_multiple_of(64);
    if good {
        Ok(())
    } else {
        Err(Status::InvalidParameter)
    }
}

fn check_given_size(asked: u32, p: &Bignum) -> Result<(), Status> {
    if asked == 0 || asked as usize == p.bits() {
        Ok(())
    } else {
        Err(Status::InvalidParameter)
    }
}

/// The size of the order that goes with a prime, as in FIPS 186 and X9.42.
fn order_bits(prime_bits: u32) -> u32 {
    if prime_bits <= 1024 { 160 } else { 256 }
}

fn random_of_size(rng: &mut dyn CryptoRng, bits: u32) -> BoxedUint {
    let mut bytes = Zeroizing::new(vec![0; bits.div_ceil(8) as usize]);
    rng.fill_bytes(&mut bytes);
    let top = (bits - 1) % 8;
    bytes[0] &= ((1u16 << (top + 1)) - 1) as u8;
    bytes[0] |= 1 << top;
    number::from_be(&bytes)
}

/// A new group: a random prime `q`, then the first prime from a random place on in the progression `1 mod 2q`.
fn new_group(
    engine: &dyn Engine,
    p_bits: u32,
    q_bits: u32,
    rng: &mut dyn CryptoRng,
) -> Result<Group, Status> {
    loop {
        let q = prime::random_prime(rng, q_bits, TopBits::One)?;
        let step = number::mul(&q, &BoxedUint::from(2u8)).resize_unchecked(p_bits);
        let modulus = number::non_zero(step).ok_or(Status::Failed)?;
        let start = random_of_size(rng, p_bits);
        let start = start
            .wrapping_sub(number::reduce(&start, &modulus))
            .wrapping_add(BoxedUint::one());
        let Some(p) = first_prime(engine, &start, &modulus, p_bits) else {
            continue;
        };
        if let Some((g, _)) = generator(engine, &p, &q, 0)? {
            return Ok(Group {
                p: number::to_be(&p).to_vec(),
                q: number::to_be(&q).to_vec(),
                g,
            });
        }
    }
}

/// The first prime of exactly `bits` bits in an arithmetic progression, among enough terms to expect dozens.
fn first_prime(
    engine: &dyn Engine,
    start: &BoxedUint,
    step: &NonZero<BoxedUint>,
    bits: u32,
) -> Option<BoxedUint> {
    // One term in about bits / 3 is prime.
    let terms = 16 * bits as usize;
    let mut composite = vec![false; terms];
    for small in prime::SMALL_PRIMES.iter().copied() {
        let Some(divisor) = NonZero::new(Limb::from(small)).into_option() else {
            continue;
        };
        let (first, increment) = (
            u64::from(start.rem_limb(divisor)),
            u64::from(step.as_ref().rem_limb(divisor)),
        );
        let small = u64::from(small);
        // A step that is a multiple of the small prime leaves every term the same remainder, which is one.
        let mut remainder = first;
        for term in composite.iter_mut() {
            *term |= remainder == 0;
            remainder += increment;
            if remainder >= small {
                remainder -= small;
            }
        }
    }
    let sieved = composite
        .iter()
        .enumerate()
        .filter(|(_, composite)| !**composite);
    sieved
        .map(|(index, _)| {
            start.wrapping_add(number::mul(step.as_ref(), &BoxedUint::from(index as u64)))
        })
        .take_while(|candidate| candidate.bit_width_vartime() == bits)
        .find(|candidate| {
            prime::may_be_prime(engine, candidate) && prime::is_prime_number(candidate)
        })
}
