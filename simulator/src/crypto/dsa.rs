//! DSA signatures (FIPS 186-4, section 4), with the exponentiations done by the engine.

use crypto_bigint::{BoxedUint, NonZero};
use engine::{Engine, number};
use ncore::types::{
    CipherText, Mech, MechCipher, MechDSACipher, MechIV, PlainText, PlainTextTypeData,
};
use ncore::{Bignum, Status};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::hash::Hash;
use super::key::Group;
use super::{engine_status, plain};

/// Signs a digest, or the hash of bytes.
///
/// # Errors
/// `TypeMismatch` if the data are of a type the mechanism cannot sign.
pub(super) fn sign(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    (group, x): (&Group, &[u8]),
    mech: Mech,
    hash: Option<Hash>,
    data: &PlainText,
) -> Result<CipherText, Status> {
    let (r, s) = sign_digest(engine, rng, group, x, &digest_of(hash, data)?)?;
    let body = MechDSACipher {
        r: Bignum::from_be(&r),
        s: Bignum::from_be(&s),
    };
    Ok(CipherText {
        mech,
        data: MechCipher::DSA(body),
        iv: MechIV::Empty,
    })
}

/// Verifies what [`sign`] makes.
///
/// # Errors
/// `VerifyFailed` if the signature is not one of the data; `TypeMismatch` if the data or the signature are of a wrong
/// type.
pub(super) fn verify(
    engine: &dyn Engine,
    group: &Group,
    y: &[u8],
    hash: Option<Hash>,
    data: &PlainText,
    signature: &MechCipher,
) -> Result<(), Status> {
    let MechCipher::DSA(signature) = signature else {
        return Err(Status::TypeMismatch);
    };
    let digest = digest_of(hash, data)?;
    let good = verify_digest(
        engine,
        group,
        y,
        &digest,
        &signature.r.to_be(),
        &signature.s.to_be(),
    )?;
    if good {
        Ok(())
    } else {
        Err(Status::VerifyFailed)
    }
}

/// The signature `(r, s)` of a digest, big-endian.
pub(super) fn sign_digest(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    group: &Group,
    x: &[u8],
    digest: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), Status> {
    let q = order(group)?;
    let z = leftmost_bits(digest, &q);
    let x = Zeroizing::new(number::from_be(x));
    loop {
        let k = Zeroizing::new(random_below(rng, &q)?);
        let k_bytes = number::to_be_padded(&k, group.q.len()).ok_or(Status::Failed)?;
        let power = engine
            .mod_exp(&group.g, &k_bytes, &group.p)
            .map_err(engine_status)?;
        let r = number::reduce(&number::from_be(&power), &q);
        let k_inverse = Zeroizing::new(number::invert_mod(&k, &q).ok_or(Status::Failed)?);
        let xr = Zeroizing::new(number::mul_mod(&x, &r, &q));
        let sum = Zeroizing::new(number::add_mod(&xr, &z, &q));
        let s = number::mul_mod(&k_inverse, &sum, &q);
        // The standard has both made again if either is zero, which nobody will live to see.
        if bool::from(!(r.is_zero() | s.is_zero())) {
            return Ok((number::to_be(&r).to_vec(), number::to_be(&s).to_vec()));
        }
    }
}

/// Whether `(r, s)` is a signature of a digest. All of it is public.
pub(super) fn verify_digest(
    engine: &dyn Engine,
    group: &Group,
    y: &[u8],
    digest: &[u8],
    r: &[u8],
    s: &[u8],
) -> Result<bool, Status> {
    let q = order(group)?;
    let (r, s) = (number::from_be(r), number::from_be(s));
    let in_range = |value: &BoxedUint| !bool::from(value.is_zero()) && value < q.as_ref();
    if !in_range(&r) || !in_range(&s) {
        return Ok(false);
    }
    let Some(w) = number::invert_mod(&s, &q) else {
        return Ok(false);
    };
    let u1 = number::mul_mod(&leftmost_bits(digest, &q), &w, &q);
    let u2 = number::mul_mod(&r, &w, &q);
    let one = engine
        .mod_exp(&group.g, &number::to_be(&u1), &group.p)
        .map_err(engine_status)?;
    let two = engine
        .mod_exp(y, &number::to_be(&u2), &group.p)
        .map_err(engine_status)?;
    let p = number::non_zero(number::from_be(&group.p)).ok_or(Status::InvalidData)?;
    let v = number::mul_mod(&number::from_be(&one), &number::from_be(&two), &p);
    Ok(number::reduce(&v, &q) == r)
}

/// A number from 1 to `limit - 1`, uniform to within 2^-64: 64 bits more than needed, reduced (FIPS 186-4,
/// sections B.1.1 and B.2.1).
pub(super) fn random_below(
    rng: &mut dyn CryptoRng,
    limit: &NonZero<BoxedUint>,
) -> Result<BoxedUint, Status> {
    let mut bytes = Zeroizing::new(vec![
        0;
        limit.as_ref().bit_width_vartime().div_ceil(8) as usize
            + 8
    ]);
    rng.fill_bytes(&mut bytes);
    let wide = Zeroizing::new(number::from_be(&bytes));
    let less_one = number::non_zero(limit.as_ref().wrapping_sub(BoxedUint::one()))
        .ok_or(Status::InvalidData)?;
    Ok(number::reduce(&wide, &less_one).wrapping_add(BoxedUint::one()))
}

/// The digest that is signed: the data's own, or the hash of bytes (SHA-1 where the mechanism names no function).
fn digest_of(hash: Option<Hash>, data: &PlainText) -> Result<Vec<u8>, Status> {
    if let PlainTextTypeData::Bytes(body) = &data.data {
        return Ok(hash.unwrap_or(Hash::Sha1).digest(&body.data));
    }
    let (given, digest) = plain::digest(data).ok_or(Status::TypeMismatch)?;
    if hash.is_some_and(|hash| hash != given) {
        return Err(Status::TypeMismatch);
    }
    Ok(digest.to_vec())
}

/// The leftmost bits of a digest, as many as the order has (FIPS 186-4, section 4.6).
fn leftmost_bits(digest: &[u8], q: &NonZero<BoxedUint>) -> BoxedUint {
    let value = number::from_be(digest);
    let excess = (digest.len() as u32 * 8).saturating_sub(q.as_ref().bit_width_vartime());
    value.shr_vartime(excess).unwrap_or_else(BoxedUint::zero)
}

fn order(group: &Group) -> Result<NonZero<BoxedUint>, Status> {
    number::non_zero(number::from_be(&group.q)).ok_or(Status::InvalidData)
}
