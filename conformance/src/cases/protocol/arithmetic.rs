//! Arithmetic for anyone, against num-bigint: any modulus, any size, and the private operation by its parts.

use anyhow::ensure;
use ncore::types::*;
use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::RsaPrivate;
use crate::oracle::numbers::{big, bignum, is_prime};
use crate::rig::Rig;
use crate::wire::denied;

const MODEXP: &str = "nCore API: Cmd_ModExp, Cmd_ModExpCrt";
const IMMEDIATE: &str = "nCore API: Cmd_RSAImmedSignDecrypt, Cmd_RSAImmedVerifyEncrypt";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "arithmetic.modexp.sizes",
        "Numbers of every size are raised modulo odd and even numbers",
        MODEXP,
        sizes,
    )
    .covers(&[
        replies(Cmd::ModExp),
        denies(Cmd::ModExp, Status::InvalidParameter),
    ]),
    Case::new(
        "arithmetic.modexp.edges",
        "Zero and one are raised as anywhere else",
        MODEXP,
        edges,
    )
    .covers(&[replies(Cmd::ModExp)]),
    Case::new(
        "arithmetic.private.parts",
        "The private operation by its parts is the inverse of the public one",
        IMMEDIATE,
        parts,
    )
    .covers(&[
        replies(Cmd::RSAImmedSignDecrypt),
        replies(Cmd::RSAImmedVerifyEncrypt),
        replies(Cmd::ModExpCrt),
        denies(Cmd::RSAImmedSignDecrypt, Status::OutOfRange),
        denies(Cmd::RSAImmedSignDecrypt, Status::InvalidData),
        denies(Cmd::RSAImmedVerifyEncrypt, Status::OutOfRange),
        denies(Cmd::RSAImmedVerifyEncrypt, Status::InvalidData),
        denies(Cmd::RSAImmedVerifyEncrypt, Status::InvalidParameter),
        denies(Cmd::ModExpCrt, Status::OutOfRange),
        denies(Cmd::ModExpCrt, Status::InvalidData),
        denies(Cmd::ModExpCrt, Status::InvalidParameter),
    ]),
    Case::new(
        "arithmetic.primes.sizes",
        "Primes have the length asked for, to the bit, and no two are alike",
        "nCore API: Cmd_GeneratePrime",
        primes,
    )
    .covers(&[
        replies(Cmd::GeneratePrime),
        denies(Cmd::GeneratePrime, Status::InvalidParameter),
    ]),
    Case::new(
        "arithmetic.random.spread",
        "Random bytes are no two times the same and look like chance",
        "nCore API: Cmd_GenerateRandom",
        random,
    )
    .covers(&[replies(Cmd::GenerateRandom)]),
    Case::new(
        "arithmetic.without-world.works",
        "A module without a world computes, and makes no keys",
        "PROTOCOL, sections 4.1 and 4.3",
        without_world,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::ModExp),
        replies(Cmd::ModExpCrt),
        replies(Cmd::RSAImmedSignDecrypt),
        replies(Cmd::RSAImmedVerifyEncrypt),
        replies(Cmd::GeneratePrime),
        replies(Cmd::Hash),
        denies(Cmd::Import, Status::InvalidState),
    ]),
];

/// A number of so many bits, the top one set.
fn number_of(rng: &mut ChaCha20Rng, bits: u64) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    rng.fill_bytes(&mut bytes);
    let below = BigUint::from(1_u32) << (bits - 1);
    BigUint::from_bytes_be(&bytes) % &below + below
}

fn sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    for bits in [
        2, 8, 31, 32, 33, 63, 64, 65, 127, 512, 1023, 1024, 1025, 2048,
    ] {
        for odd in [true, false] {
            let mut n = number_of(rng, bits);
            n.set_bit(0, odd);
            for (base_bits, power_bits) in [
                (bits, bits),
                (1, bits),
                (bits, 1),
                (bits.div_ceil(2), 17),
                (bits + 40, bits),
            ] {
                let (a, p) = (number_of(rng, base_bits), number_of(rng, power_bits));
                let args = ModExpArgs {
                    a: bignum(&a),
                    p: bignum(&p),
                    n: bignum(&n),
                };
                let found = big(&bench.send(args)?.r);
                is(found, a.modpow(&p, &n), &format!("{a} to {p} modulo {n}"))?;
            }
        }
    }
    let huge = Bignum::from_be(&vec![0xff; 4096]);
    let args = ModExpArgs {
        a: Bignum::from(2),
        p: Bignum::from(3),
        n: huge.clone(),
    };
    denied(bench.send(args), Status::InvalidParameter)?;
    let args = ModExpArgs {
        a: Bignum::from(2),
        p: huge,
        n: Bignum::from(7),
    };
    denied(bench.send(args), Status::InvalidParameter)?;
    let args = ModExpArgs {
        a: Bignum::from(2),
        p: Bignum::from(3),
        n: Bignum::from(0),
    };
    denied(bench.send(args), Status::InvalidParameter)?;
    Ok(Outcome::Passed)
}

fn edges(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (a, p, n, expected) in [
        (0_u32, 5_u32, 7_u32, 0_u32),
        (5, 0, 7, 1),
        (0, 0, 7, 1),
        (5, 1, 7, 5),
        (6, 2, 7, 1),
        (7, 3, 7, 0),
        (100, 3, 7, 1),
        (5, 3, 1, 0),
        (5, 0, 1, 0),
        (3, 2, 8, 1),
        (2, 31, u32::MAX, 0x8000_0000),
    ] {
        let args = ModExpArgs {
            a: Bignum::from(a),
            p: Bignum::from(p),
            n: Bignum::from(n),
        };
        is(
            bench.send(args)?.r,
            Bignum::from(expected),
            &format!("{a} to {p} modulo {n}"),
        )?;
    }
    Ok(Outcome::Passed)
}

/// The numbers of a key that no module made.
struct Parts {
    p: BigUint,
    q: BigUint,
    dmp1: BigUint,
    dmq1: BigUint,
    iqmp: BigUint,
    e: BigUint,
}

impl Parts {
    fn new(bits: usize) -> anyhow::Result<Parts> {
        let key = RsaPrivate::new(bits)?.parts()?;
        Ok(Parts {
            p: big(&key.p),
            q: big(&key.q),
            dmp1: big(&key.dmp1),
            dmq1: big(&key.dmq1),
            iqmp: big(&key.iqmp),
            e: big(&key.e),
        })
    }

    fn n(&self) -> BigUint {
        &self.p * &self.q
    }

    fn private(&self, m: &BigUint) -> RSAImmedSignDecryptArgs {
        RSAImmedSignDecryptArgs {
            m: bignum(m),
            k_p: bignum(&self.p),
            k_q: bignum(&self.q),
            k_dmp1: bignum(&self.dmp1),
            k_dmq1: bignum(&self.dmq1),
            k_iqmp: bignum(&self.iqmp),
        }
    }

    fn crt(&self, a: &BigUint) -> ModExpCrtArgs {
        ModExpCrtArgs {
            a: bignum(a),
            p: bignum(&self.p),
            q: bignum(&self.q),
            dmp1: bignum(&self.dmp1),
            dmq1: bignum(&self.dmq1),
            iqmp: bignum(&self.iqmp),
        }
    }

    fn public(&self, m: &BigUint) -> RSAImmedVerifyEncryptArgs {
        RSAImmedVerifyEncryptArgs {
            m: bignum(m),
            k_e: bignum(&self.e),
            k_n: bignum(&self.n()),
        }
    }
}

fn parts(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    for bits in [512, 1024, 2048] {
        let key = Parts::new(bits)?;
        let n = key.n();
        let less_one: BigUint = &n - 1_u32;
        let middle = number_of(rng, bits as u64 - 1);
        for m in [
            BigUint::ZERO,
            BigUint::from(1_u32),
            BigUint::from(2_u32),
            middle,
            less_one,
            key.p.clone(),
        ] {
            let signed = big(&bench.send(key.private(&m))?.r);
            is(
                signed.modpow(&key.e, &n),
                m.clone(),
                "the private operation undone",
            )?;
            is(
                big(&bench.send(key.crt(&m))?.r),
                signed,
                "the same by ModExpCrt",
            )?;
            is(
                big(&bench.send(key.public(&m))?.r),
                m.modpow(&key.e, &n),
                "the public operation",
            )?;
        }
        for beyond in [n.clone(), &n + 5_u32] {
            denied(bench.send(key.private(&beyond)), Status::OutOfRange)?;
            denied(bench.send(key.crt(&beyond)), Status::OutOfRange)?;
            denied(bench.send(key.public(&beyond)), Status::OutOfRange)?;
        }
        let wrong = Parts {
            iqmp: &key.iqmp + 1_u32,
            ..Parts::new(bits)?
        };
        let m = BigUint::from(3_u32);
        denied(bench.send(wrong.private(&m)), Status::InvalidData)?;
        denied(bench.send(wrong.crt(&m)), Status::InvalidData)?;
        let nothing = Parts {
            p: BigUint::ZERO,
            ..Parts::new(bits)?
        };
        denied(bench.send(nothing.crt(&m)), Status::InvalidParameter)?;
        let even = RSAImmedVerifyEncryptArgs {
            k_n: bignum(&(&n - 1_u32)),
            ..key.public(&m)
        };
        denied(bench.send(even), Status::InvalidData)?;
        let short = RSAImmedVerifyEncryptArgs {
            k_e: Bignum::from(3),
            k_n: Bignum::from(35),
            ..key.public(&m)
        };
        denied(bench.send(short), Status::InvalidParameter)?;
    }
    Ok(Outcome::Passed)
}

fn primes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mut seen = Vec::new();
    for lenbits in [16, 17, 31, 32, 33, 64, 160, 255, 256, 512, 1024] {
        for _ in 0..2 {
            let prime = big(&bench.send(GeneratePrimeArgs { lenbits })?.r);
            is(prime.bits(), u64::from(lenbits), "bits of the prime")?;
            ensure!(is_prime(&prime), "{prime} is no prime");
            // Of the short ones there are not so many.
            ensure!(
                lenbits < 64 || !seen.contains(&prime),
                "the same prime twice"
            );
            seen.push(prime);
        }
    }
    for lenbits in [0, 1, 15, 8193, u32::MAX] {
        denied(
            bench.send(GeneratePrimeArgs { lenbits }),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn random(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let data = bench.send(GenerateRandomArgs { lenbytes: 64_000 })?.data;
    let ones: u32 = data.iter().map(|byte| byte.count_ones()).sum();
    // Of 512000 bits half, and nine standard deviations to either side.
    ensure!(
        ones.abs_diff(256_000) < 3_200,
        "{ones} of 512000 bits are set"
    );
    let mut counts = [0_u32; 256];
    for byte in &data {
        counts[usize::from(*byte)] += 1;
    }
    // Each byte 250 times, standard deviation 15.8.
    ensure!(
        counts.iter().all(|count| count.abs_diff(250) < 120),
        "some byte is too frequent or too rare"
    );
    let mut parts: Vec<&[u8]> = data.chunks(8).collect();
    parts.sort_unstable();
    let before = parts.len();
    parts.dedup();
    is(parts.len(), before, "different groups of eight bytes")?;
    let again = bench.send(GenerateRandomArgs { lenbytes: 64_000 })?.data;
    ensure!(data != again, "the same bytes twice");
    Ok(Outcome::Passed)
}

fn without_world(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = Bench::at(spare.wire()?, 1);
    let key = Parts::new(512)?;
    let m = BigUint::from(0x1234_5678_u32);
    let args = ModExpArgs {
        a: bignum(&m),
        p: bignum(&key.e),
        n: bignum(&key.n()),
    };
    let raised = big(&bench.send(args)?.r);
    is(raised.clone(), m.modpow(&key.e, &key.n()), "ModExp")?;
    is(
        big(&bench.send(key.public(&m))?.r),
        raised.clone(),
        "RSAImmedVerifyEncrypt",
    )?;
    is(
        big(&bench.send(key.private(&raised))?.r),
        m.clone(),
        "RSAImmedSignDecrypt",
    )?;
    is(big(&bench.send(key.crt(&raised))?.r), m, "ModExpCrt")?;
    ensure!(
        is_prime(&big(&bench.send(GeneratePrimeArgs { lenbits: 128 })?.r)),
        "no prime"
    );
    bench.send(HashArgs {
        flags: 0,
        mech: Mech::SHA1Hash,
        plain: bytes(b"x"),
    })?;
    let data = raw_key(KeyType::Rijndael, &[1; 16])?;
    denied(
        bench.send(bench.import_args(data, anything())),
        Status::InvalidState,
    )?;
    Ok(Outcome::Passed)
}
