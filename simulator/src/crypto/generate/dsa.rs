//! DSA groups and key pairs.

use crypto_bigint::{BoxedUint, NonZero};
use engine::{Engine, number};
use ncore::Status;
use ncore::types::{
    DSADiscreteLogGroup, DSAGenerationHash, DSAInitValues, DSAInitValuesVarSeed, KeyType,
    KeyTypeDSACommGenParams, KeyTypeDSACommVariableSeedGenParams, KeyTypeDSAPrivateGenParams,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::super::hash::Hash;
use super::super::key::{Body, Group, KeyMaterial, Origin, Secret};
use super::super::{dsa, engine_status, prime, validate};

/// Bit `KeyType_DSAPrivate_GenParams_flags_Strict` of the flags: a given group must have a size that FIPS 186 names.
const STRICT: u32 = 0x2;

/// Makes a group with a seed of 20 bytes and SHA-1 (KeyType_DSAComm): 512 to 1024 bits in steps of 64, and an order of
/// 160 bits, by FIPS 186-2 appendix 2.2.
///
/// A given seed is used instead of a random one. Its counter and `h` must be what the generation arrives at, where they
/// are not zero.
///
/// # Errors
/// `InvalidParameter` for another size, `InvalidData` if nothing can be made of the given values.
pub(super) fn generate_group_fixed(
    engine: &dyn Engine,
    params: &KeyTypeDSACommGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    no_flags(params.flags)?;
    let method = Method::fips186_2(params.lenbits)?;
    let given = params.iv.as_ref().map(|iv| Given {
        seed: &iv.seed,
        counter: iv.counter,
        h: iv.h,
    });
    let made = method.generate(engine, given, rng)?;
    let seed = made
        .seed
        .as_slice()
        .try_into()
        .map_err(|_| Status::Failed)?;
    let origin = Origin::Fixed(DSAInitValues {
        seed,
        counter: made.counter,
        h: made.h,
    });
    KeyMaterial::new(
        KeyType::DSAComm,
        Body::DsaGroup {
            group: made.group,
            origin,
        },
    )
}

/// Makes a group with a seed of any length (KeyType_DSACommVariableSeed, KeyType_DSACommFIPS186_3), by FIPS 186-4
/// appendix A.1.1.2: (1024,160), (2048,224), (2048,256) or (3072,256) bits. The hash function that may be named decides
/// between the two orders of 2048 bits, and defaults to the one of the order's length.
///
/// # Errors
/// As for [`generate_group_fixed`], and `UnknownMechanism` for a hash mechanism the module does not have.
pub(super) fn generate_group_variable(
    engine: &dyn Engine,
    key_type: KeyType,
    params: &KeyTypeDSACommVariableSeedGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    no_flags(params.flags)?;
    let method = Method::fips186_4(params.lenbits, params.qhash.as_ref())?;
    let given = params.iv.as_ref().map(|iv| Given {
        seed: &iv.seed,
        counter: iv.counter,
        h: iv.h,
    });
    let made = method.generate(engine, given, rng)?;
    let origin = Origin::Variable(DSAInitValuesVarSeed {
        seed: made.seed,
        counter: made.counter,
        h: made.h,
    });
    KeyMaterial::new(
        key_type,
        Body::DsaGroup {
            group: made.group,
            origin,
        },
    )
}

/// Makes a key pair, in the group given or in a new one: 512 to 1024 bits in steps of 64 with an order of 160 bits by
/// FIPS 186-2, or 2048 and 3072 bits by FIPS 186-4.
///
/// # Errors
/// `InvalidParameter` for another size, or a given group whose size is not `lenbits`; `InvalidData` for a given group
/// that is none.
pub(super) fn generate(
    engine: &dyn Engine,
    params: &KeyTypeDSAPrivateGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    no_flags(params.flags & !STRICT)?;
    let group = match &params.dlg {
        Some(given) => given_group(engine, params.lenbits, given, params.flags & STRICT != 0)?,
        None if params.lenbits <= 1024 && params.qhash.is_none() => {
            Method::fips186_2(params.lenbits)?
                .generate(engine, None, rng)?
                .group
        }
        None => {
            Method::fips186_4(params.lenbits, params.qhash.as_ref())?
                .generate(engine, None, rng)?
                .group
        }
    };
    let q = number::non_zero(number::from_be(&group.q)).ok_or(Status::Failed)?;
    let x = Zeroizing::new(dsa::random_below(rng, &q)?);
    let x = Secret::new(&number::to_be(&x));
    let y = group.power(engine, x.bytes())?;
    KeyMaterial::new(KeyType::DSAPrivate, Body::DsaPrivate { group, x, y })
}

/// A group from the command, checked.
pub(super) fn given_group(
    engine: &dyn Engine,
    bits: u32,
    given: &DSADiscreteLogGroup,
    strict: bool,
) -> Result<Group, Status> {
    let size = given.p.bits() as u32;
    if bits != 0 && bits != size {
        return Err(Status::InvalidParameter);
    }
    let sizes = (size, given.q.bits() as u32);
    let named = (Method::fips186_2(size).is_ok() && sizes.1 == 160)
        || matches!(sizes, (2048, 224) | (2048, 256) | (3072, 256));
    if strict && !named {
        return Err(Status::InvalidParameter);
    }
    let group = Group::from_wire(given);
    validate::group_ranges(&group)?;
    validate::check_group(engine, &group)?;
    Ok(group)
}

fn no_flags(flags: u32) -> Result<(), Status> {
    if flags == 0 {
        Ok(())
    } else {
        Err(Status::UnknownFlag)
    }
}

/// Values from which the caller wants a group to be made (again).
struct Given<'a> {
    seed: &'a [u8],
    counter: u32,
    h: u32,
}

/// A group and where it came from.
struct Made {
    group: Group,
    seed: Vec<u8>,
    counter: u32,
    h: u32,
}

/// How to make a group. The two standards differ in how the order is made of the seed and where the prime's hashes
/// start.
struct Method {
    p_bits: u32,
    q_bits: u32,
    hash: Hash,
    standard: Standard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standard {
    Fips186_2,
    Fips186_4,
}

impl Method {
    fn fips186_2(p_bits: u32) -> Result<Self, Status> {
        if !(512..=1024).contains(&p_bits) || !p_bits.is_multiple_of(64) {
            return Err(Status::InvalidParameter);
        }
        Ok(Self {
            p_bits,
            q_bits: 160,
            hash: Hash::Sha1,
            standard: Standard::Fips186_2,
        })
    }

    fn fips186_4(p_bits: u32, hash: Option<&DSAGenerationHash>) -> Result<Self, Status> {
        let named = hash
            .map(|named| Hash::from_mech(named.hash).ok_or(Status::UnknownMechanism))
            .transpose()?;
        let q_bits = match (p_bits, named) {
            (1024, _) => 160,
            (2048, Some(Hash::Sha224)) => 224,
            (2048 | 3072, _) => 256,
            _ => return Err(Status::InvalidParameter),
        };
        let default = Hash::of_length(q_bits as usize / 8).ok_or(Status::Failed)?;
        let hash = named.unwrap_or(default);
        // The order is taken from one output.
        if (hash.output_len() * 8) < q_bits as usize {
            return Err(Status::InvalidParameter);
        }
        Ok(Self {
            p_bits,
            q_bits,
            hash,
            standard: Standard::Fips186_4,
        })
    }

    fn generate(
        &self,
        engine: &dyn Engine,
        given: Option<Given<'_>>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Made, Status> {
        if let Some(given) = given {
            return self.group_of(engine, &given)?.ok_or(Status::InvalidData);
        }
        loop {
            let mut seed = vec![0; self.q_bits as usize / 8];
            rng.fill_bytes(&mut seed);
            if let Some(made) = self.group_of(
                engine,
                &Given {
                    seed: &seed,
                    counter: 0,
                    h: 0,
                },
            )? {
                return Ok(made);
            }
        }
    }

    /// The group of a seed, or `None` if it has none.
    fn group_of(&self, engine: &dyn Engine, given: &Given<'_>) -> Result<Option<Made>, Status> {
        // A seed is at least as long as the order; four times that is more than anybody uses.
        let lengths = self.q_bits as usize / 8..=self.q_bits as usize / 2;
        if !lengths.contains(&given.seed.len()) {
            return Err(Status::InvalidParameter);
        }
        let q = self.order(given.seed);
        if !prime::is_prime_number(&q) {
            return Ok(None);
        }
        let Some((p, counter)) = self.prime(engine, given.seed, &q)? else {
            return Ok(None);
        };
        if given.counter != 0 && given.counter != counter {
            return Ok(None);
        }
        let generator = generator(engine, &p, &q, given.h)?;
        Ok(generator.map(|(g, h)| Made {
            group: Group {
                p: number::to_be(&p).to_vec(),
                q: number::to_be(&q).to_vec(),
                g,
            },
            seed: given.seed.to_vec(),
            counter,
            h,
        }))
    }

    /// The candidate for the order: the hash of the seed with top and bottom bit set.
    fn order(&self, seed: &[u8]) -> BoxedUint {
        let length = self.q_bits as usize / 8;
        let mut u = self.hash.digest(seed);
        if self.standard == Standard::Fips186_2 {
            for (byte, other) in u.iter_mut().zip(self.hash.digest(&seed_plus(seed, 1))) {
                *byte ^= other;
            }
        }
        let mut u = u.split_off(u.len() - length);
        u[0] |= 0x80;
        u[length - 1] |= 1;
        number::from_be(&u)
    }

    /// The first prime of the right size in the sequence that the seed gives, and its place there.
    fn prime(
        &self,
        engine: &dyn Engine,
        seed: &[u8],
        q: &BoxedUint,
    ) -> Result<Option<(BoxedUint, u32)>, Status> {
        let length = self.p_bits as usize / 8;
        let hashes = length.div_ceil(self.hash.output_len()) as u64;
        let two_q =
            number::non_zero(number::mul(q, &BoxedUint::from(2u8))).ok_or(Status::Failed)?;
        let (mut offset, candidates) = match self.standard {
            Standard::Fips186_2 => (2, 4096),
            Standard::Fips186_4 => (1, 4 * self.p_bits),
        };
        for counter in 0..candidates {
            // The hashes stand side by side, the first one lowest; what is beyond the top bit is cut off.
            let mut x = Vec::new();
            for index in (0..hashes).rev() {
                x.extend(self.hash.digest(&seed_plus(seed, offset + index)));
            }
            let mut x = x.split_off(x.len() - length);
            x[0] |= 0x80;
            let x = number::from_be(&x);
            let remainder = number::reduce(&x, &two_q);
            let p = x.wrapping_sub(&remainder).wrapping_add(BoxedUint::one());
            if p.bit_width_vartime() == self.p_bits
                && prime::has_no_small_factor(&p)
                && prime::may_be_prime(engine, &p)
                && prime::is_prime_number(&p)
            {
                return Ok(Some((p, counter)));
            }
            offset += hashes;
        }
        Ok(None)
    }
}

/// A generator of the subgroup of order `q`: `h ^ ((p - 1) / q)` for the smallest `h` from 2 that gives one, or for the
/// `h` given (FIPS 186-4 section A.2.1). `None` if the given one gives none.
pub(super) fn generator(
    engine: &dyn Engine,
    p: &BoxedUint,
    q: &BoxedUint,
    given: u32,
) -> Result<Option<(Vec<u8>, u32)>, Status> {
    let q: NonZero<BoxedUint> = number::non_zero(q.clone()).ok_or(Status::Failed)?;
    let exponent = p.wrapping_sub(BoxedUint::one()).wrapping_div(&q);
    let (exponent, p) = (number::to_be(&exponent), number::to_be(p));
    // Each h fails with probability 1/q.
    let tries = if given == 0 { 2..=64 } else { given..=given };
    for h in tries {
        let g = engine
            .mod_exp(&h.to_be_bytes(), &exponent, &p)
            .map_err(engine_status)?;
        let g = number::trim(&g);
        if g.len() > 1 || g.first().is_some_and(|byte| *byte > 1) {
            return Ok(Some((g.to_vec(), h)));
        }
    }
    Ok(None)
}

/// `seed + offset`, modulo two to the length of the seed.
fn seed_plus(seed: &[u8], offset: u64) -> Vec<u8> {
    let mut out = seed.to_vec();
    let mut carry = u128::from(offset);
    for byte in out.iter_mut().rev() {
        carry += u128::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
    out
}
