//! Whether a key from outside is what it claims to be.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crypto_bigint::BoxedUint;
use engine::{Engine, number};
use ncore::Status;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use super::key::{Body, Group, KeyMaterial};
use super::{dsa, engine_status, prime};

/// Sizes of the prime of a discrete logarithm key, in bits. nShield generates DSA up to 3072 and Diffie-Hellman up to
/// 4096; what fits the larger range is taken for either.
const PRIME_BITS: std::ops::RangeInclusive<u32> = 512..=4096;

/// Sizes of the order of a subgroup, in bits. DHEx has no table of its own and may use a larger one than DSA.
const ORDER_BITS: std::ops::RangeInclusive<u32> = 160..=512;

/// Checks that take no arithmetic worth mentioning: sizes, parity, ranges.
///
/// # Errors
/// `InvalidParameter` for a size, `InvalidData` for a value.
pub(super) fn check_ranges(body: &Body) -> Result<(), Status> {
    match body {
        // The engine's types have their own checks.
        Body::RsaPrivate(_) | Body::RsaPublic(_) | Body::Raw(_) | Body::Template(_) => Ok(()),
        Body::DsaPrivate { group, x, .. } | Body::DhExPrivate { group, x, .. } => {
            group_ranges(group)?;
            between_one_and(x.bytes(), &group.q)
        }
        Body::DsaPublic { group, y } | Body::DhExPublic { group, gx: y } => {
            group_ranges(group)?;
            between_one_and(y, &group.p)?;
            not_one(y)
        }
        Body::DsaGroup { group, .. } => group_ranges(group),
        Body::DhPrivate { p, g, x, .. } => {
            modulus_ranges(p, g)?;
            between_one_and(x.bytes(), p)
        }
        Body::DhPublic { p, g, gx } => {
            modulus_ranges(p, g)?;
            between_one_and(gx, p)?;
            not_one(gx)
        }
    }
}

/// The numbers of a group have sizes we handle, and the order and the generator are smaller than the prime.
pub(super) fn group_ranges(group: &Group) -> Result<(), Status> {
    modulus_ranges(&group.p, &group.g)?;
    let q = number::from_be(&group.q);
    if !ORDER_BITS.contains(&q.bit_width_vartime()) {
        return Err(Status::InvalidParameter);
    }
    if number::odd(&q).is_none() || q >= number::from_be(&group.p) {
        return Err(Status::InvalidData);
    }
    Ok(())
}

/// A prime has a size we handle and is odd; a generator is neither zero nor one and smaller than the prime.
pub(super) fn modulus_ranges(p: &[u8], g: &[u8]) -> Result<(), Status> {
    let prime = number::from_be(p);
    if !PRIME_BITS.contains(&prime.bit_width_vartime()) {
        return Err(Status::InvalidParameter);
    }
    if number::odd(&prime).is_none() {
        return Err(Status::InvalidData);
    }
    between_one_and(g, p)?;
    not_one(g)
}

/// A public value that a peer may have: neither zero nor one nor the prime less one, of which every power is known, and
/// below the prime.
///
/// # Errors
/// `InvalidData`.
pub(super) fn peer(value: &[u8], p: &[u8]) -> Result<(), Status> {
    between_one_and(value, p)?;
    not_one(value)?;
    let less_one = number::from_be(p).wrapping_sub(BoxedUint::one());
    if number::from_be(value) == less_one {
        Err(Status::InvalidData)
    } else {
        Ok(())
    }
}

/// Checks that take arithmetic: that primes are prime, that groups have the order they claim, that the halves of an
/// RSA key invert each other.
///
/// # Errors
/// `InvalidData`.
pub(super) fn check(engine: &dyn Engine, body: &Body) -> Result<(), Status> {
    match body {
        Body::RsaPrivate(key) => {
            let crt = key.components.crt().ok_or(Status::InvalidData)?;
            if !prime::is_prime(&crt.p) || !prime::is_prime(&crt.q) {
                return Err(Status::InvalidData);
            }
            Ok(())
        }
        Body::RsaPublic(_) | Body::Raw(_) | Body::Template(_) => Ok(()),
        Body::DsaPrivate { group, .. }
        | Body::DsaGroup { group, .. }
        | Body::DhExPrivate { group, .. } => check_group(engine, group),
        Body::DsaPublic { group, y } | Body::DhExPublic { group, gx: y } => {
            check_group(engine, group)?;
            has_order(engine, group, y)
        }
        Body::DhPrivate { p, .. } | Body::DhPublic { p, .. } => {
            if prime::is_prime(p) {
                Ok(())
            } else {
                Err(Status::InvalidData)
            }
        }
    }
}

/// `p` and `q` are prime, `q` divides `p - 1`, and `g` has order `q`.
///
/// The answer depends on the group alone, so groups that passed lately are remembered: many keys share one, the
/// administrator keys of a Security World for instance, and the check takes as long as a hundred signatures.
pub(super) fn check_group(engine: &dyn Engine, group: &Group) -> Result<(), Status> {
    let name = group_name(group);
    if passed_groups().contains(&name) {
        return Ok(());
    }
    check_group_afresh(engine, group)?;
    let mut passed = passed_groups();
    passed.truncate(GROUPS_REMEMBERED - 1);
    passed.push_front(name);
    Ok(())
}

/// How many groups are remembered.
const GROUPS_REMEMBERED: usize = 16;

/// The names of groups that passed, the latest first.
static PASSED_GROUPS: Mutex<VecDeque<[u8; 32]>> = Mutex::new(VecDeque::new());

fn passed_groups() -> MutexGuard<'static, VecDeque<[u8; 32]>> {
    PASSED_GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hash of the three numbers, each with its length.
fn group_name(group: &Group) -> [u8; 32] {
    let mut hash = Sha256::new();
    for number in [&group.p, &group.q, &group.g] {
        hash.update((number.len() as u64).to_le_bytes());
        hash.update(number);
    }
    hash.finalize().into()
}

fn check_group_afresh(engine: &dyn Engine, group: &Group) -> Result<(), Status> {
    if !prime::is_prime(&group.q) || !prime::is_prime(&group.p) {
        return Err(Status::InvalidData);
    }
    // The order of g is a prime that divides p - 1, so this also shows that q does.
    has_order(engine, group, &group.g)
}

/// Tests both halves of a pair against each other.
///
/// # Errors
/// `Failed` if they do not fit, `TypeMismatch` if the key has no public half.
pub(super) fn pairwise(
    engine: &dyn Engine,
    private: &KeyMaterial,
    rng: &mut dyn CryptoRng,
) -> Result<(), Status> {
    let fits = match &private.body {
        Body::RsaPrivate(key) => {
            let mut input = vec![0; key.components.n().len() - 1];
            rng.fill_bytes(&mut input);
            let output = key
                .prepared(engine)?
                .private(&input)
                .map_err(engine_status)?;
            let back = engine
                .rsa_public(&key.components.public(), &output)
                .map_err(engine_status)?;
            number::trim(&back) == number::trim(&input)
        }
        Body::DsaPrivate { group, x, y } => {
            let mut digest = vec![0; group.q.len()];
            rng.fill_bytes(&mut digest);
            let (r, s) = dsa::sign_digest(engine, rng, group, x.bytes(), &digest)?;
            dsa::verify_digest(engine, group, y, &digest, &r, &s)?
        }
        Body::DhPrivate { p, g, x, gx } => {
            // Two exponentiations in another order: (g^x)^2 = (g^2)^x.
            let square = engine.mod_exp(g, &[2], p).map_err(engine_status)?;
            let one = engine.mod_exp(gx, &[2], p).map_err(engine_status)?;
            let two = engine
                .mod_exp(&square, x.bytes(), p)
                .map_err(engine_status)?;
            one == two
        }
        Body::DhExPrivate { group, gx, .. } => has_order(engine, group, gx).is_ok(),
        _ => return Err(Status::TypeMismatch),
    };
    if fits { Ok(()) } else { Err(Status::Failed) }
}

fn has_order(engine: &dyn Engine, group: &Group, value: &[u8]) -> Result<(), Status> {
    let power = engine
        .mod_exp(value, &group.q, &group.p)
        .map_err(engine_status)?;
    if number::trim(&power) == [1] {
        Ok(())
    } else {
        Err(Status::InvalidData)
    }
}

/// `1 <= value < limit`.
fn between_one_and(value: &[u8], limit: &[u8]) -> Result<(), Status> {
    let value = number::trim(value);
    if value.is_empty() || number::from_be(value) >= number::from_be(limit) {
        return Err(Status::InvalidData);
    }
    Ok(())
}

fn not_one(value: &[u8]) -> Result<(), Status> {
    if number::trim(value) == [1] {
        Err(Status::InvalidData)
    } else {
        Ok(())
    }
}
