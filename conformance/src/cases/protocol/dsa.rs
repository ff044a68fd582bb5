//! DSA and Diffie-Hellman: groups checked by the standard's relations, keys, signatures, against num-bigint.

use anyhow::{Context as _, bail, ensure};
use ncore::types::*;
use num_bigint::BigUint;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::hashes::Hash;
use crate::oracle::numbers::{
    big, bignum, dsa_verifies, group_defect, is_prime, order_from_seed, order_from_seed_186_4,
    prime_from_seed,
};
use crate::rig::Rig;
use crate::vectors::{self, Vector};
use crate::wire::denied;

const FIPS: &str = "FIPS 186-4, appendix A";
const DSA: &str = "FIPS 186-4, section 4";
const DH: &str = "nCore API: Cmd_GenerateKeyPair, KeyType_DHPrivate";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "dsa.group.fixed-seed",
        "A group of 512 to 1024 bits comes of its seed and counter as the standard says",
        "FIPS 186-2, appendix 2.2",
        group_fixed_seed,
    )
    .covers(&[
        replies(Cmd::GenerateKey),
        denies(Cmd::GenerateKey, Status::InvalidParameter),
    ]),
    Case::new(
        "dsa.group.example",
        "The standard's example of a group is made again from its seed",
        "FIPS 186, appendix 5",
        group_example,
    )
    .covers(&[
        replies(Cmd::GenerateKey),
        denies(Cmd::GenerateKey, Status::InvalidData),
    ]),
    Case::new(
        "dsa.group.variable-seed",
        "A group of 2048 bits comes of its seed as FIPS 186-4 says, with either order",
        FIPS,
        group_variable_seed,
    )
    .covers(&[replies(Cmd::GenerateKey)]),
    Case::new(
        "dsa.pair.sizes",
        "Pairs of the old sizes have groups that hold and a public value of theirs",
        FIPS,
        pair_sizes,
    )
    .covers(&[
        replies(Cmd::GenerateKeyPair),
        denies(Cmd::GenerateKeyPair, Status::InvalidParameter),
    ]),
    Case::new(
        "dsa.pair.given-group",
        "A pair is made in the group that is given, which is checked",
        FIPS,
        pair_given_group,
    )
    .covers(&[
        replies(Cmd::GenerateKeyPair),
        denies(Cmd::GenerateKeyPair, Status::InvalidData),
        denies(Cmd::GenerateKeyPair, Status::InvalidParameter),
    ]),
    Case::new(
        "dsa.sign.every-hash",
        "Signatures over every hash verify elsewhere, and no two are alike",
        DSA,
        sign_every_hash,
    )
    .covers(&[
        replies(Cmd::Sign),
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "dsa.verify.known",
        "The RFC's signatures verify, and changed ones do not",
        "RFC 6979, appendix A.2; FIPS 186, appendix 5",
        verify_known,
    )
    .covers(&[
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "dsa.verify.wycheproof",
        "Signatures out of range and forged ones do not verify",
        "Wycheproof, dsa",
        verify_wycheproof,
    )
    .covers(&[
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::VerifyFailed),
    ]),
    Case::new(
        "dsa.import.known",
        "A known private key signs, and its public half follows from it",
        "RFC 6979, appendix A.2",
        import_known,
    )
    .covers(&[replies(Cmd::Import), replies(Cmd::Sign)]),
    Case::new(
        "dsa.import.contradicts",
        "Numbers that are no DSA key are refused",
        "nCore API: Cmd_Import",
        import_contradicts,
    )
    .covers(&[
        denies(Cmd::Import, Status::InvalidData),
        denies(Cmd::Import, Status::InvalidParameter),
    ]),
    Case::new(
        "dsa.dh.generated-group",
        "A Diffie-Hellman pair in a new group has a generator of a large prime order",
        DH,
        dh_generated,
    )
    .covers(&[
        replies(Cmd::GenerateKeyPair),
        denies(Cmd::GenerateKeyPair, Status::InvalidParameter),
    ]),
    Case::new(
        "dsa.dh.given-group",
        "Diffie-Hellman pairs are made in the RFCs' groups, and two of them agree on a secret",
        "RFC 2409, section 6; RFC 3526",
        dh_given,
    )
    .covers(&[
        replies(Cmd::GenerateKeyPair),
        denies(Cmd::GenerateKeyPair, Status::InvalidData),
    ]),
    Case::new(
        "dsa.dh.agreement",
        "A pair agrees on the secret that num-bigint finds, and on none with a value that nobody can have",
        "nCore API: Cmd_Decrypt, Mech_DHKeyExchange, Mech_DHExKeyExchange",
        dh_agreement,
    )
    .covers(&[
        replies(Cmd::Decrypt),
        denies(Cmd::Decrypt, Status::InvalidData),
        denies(Cmd::Decrypt, Status::TypeMismatch),
        denies(Cmd::Decrypt, Status::AccessDenied),
    ]),
    Case::new(
        "dsa.dh.with-order",
        "A pair that shows its order has one",
        "nCore API: KeyType_DHExPrivate",
        dh_with_order,
    )
    .covers(&[replies(Cmd::GenerateKeyPair)]),
];

const MECHS: [(Mech, Hash); 5] = [
    (Mech::DSA, Hash::Sha1),
    (Mech::DSAhSHA224, Hash::Sha224),
    (Mech::DSAhSHA256, Hash::Sha256),
    (Mech::DSAhSHA384, Hash::Sha384),
    (Mech::DSAhSHA512, Hash::Sha512),
];

fn comm_params(lenbits: u32, iv: Option<DSAInitValues>) -> KeyGenParams {
    KeyGenParams {
        type_: KeyType::DSAComm,
        params: KeyTypeGenParams::DSAComm(KeyTypeDSACommGenParams {
            flags: 0,
            lenbits,
            iv,
        }),
    }
}

fn pair_params(lenbits: u32, dlg: Option<DSADiscreteLogGroup>) -> KeyGenParams {
    let params = KeyTypeDSAPrivateGenParams {
        lenbits,
        dlg,
        ..KeyTypeDSAPrivateGenParams::default()
    };
    KeyGenParams {
        type_: KeyType::DSAPrivate,
        params: KeyTypeGenParams::DSAPrivate(params),
    }
}

fn dh_params(params: KeyTypeDHPrivateGenParams) -> KeyGenParams {
    KeyGenParams {
        type_: KeyType::DHPrivate,
        params: KeyTypeGenParams::DHPrivate(params),
    }
}

/// A new DSA pair with every permission: its identifiers and its public half.
fn dsa_pair(bench: &Bench, params: KeyGenParams) -> anyhow::Result<(Pair, KeyTypeDSAPublicData)> {
    let made = bench.send(bench.pair_args(params, may(Op::KNOWN_PERMS), may(Op::KNOWN_PERMS)))?;
    let KeyTypeData::DSAPublic(public) = bench.export(made.keypub)?.data else {
        bail!("no DSA public key")
    };
    Ok((
        Pair {
            private: made.keypriv,
            public: made.keypub,
        },
        public,
    ))
}

fn signature(cipher: &CipherText) -> anyhow::Result<&MechDSACipher> {
    match &cipher.data {
        MechCipher::DSA(body) => Ok(body),
        other => bail!("a DSA signature was expected, not {other:?}"),
    }
}

fn dsa_cipher(mech: Mech, r: Bignum, s: Bignum) -> CipherText {
    CipherText {
        mech,
        data: MechCipher::DSA(MechDSACipher { r, s }),
        iv: MechIV::Empty,
    }
}

fn field(vector: &Vector, name: &str) -> Bignum {
    Bignum::from_be(&vector.bytes(name))
}

fn group_of(vector: &Vector) -> DSADiscreteLogGroup {
    DSADiscreteLogGroup {
        p: field(vector, "p"),
        q: field(vector, "q"),
        g: field(vector, "g"),
    }
}

fn known() -> anyhow::Result<Vec<Vector>> {
    vectors::parse(include_str!("../../../../vectors/dsa.txt"))
}

fn group_fixed_seed(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for bits in [512, 576, 1024] {
        let key = bench
            .send(bench.key_args(comm_params(bits, None), may(Op::EXPORT_AS_PLAIN)))?
            .key;
        let KeyTypeData::DSAComm(group) = bench.export(key)?.data else {
            bail!("no DSA group")
        };
        is(
            group_defect(&group.dlg, (bits.into(), 160)),
            None,
            &format!("{bits} bits"),
        )?;
        let q = order_from_seed(&group.iv.seed);
        is(bignum(&q), group.dlg.q.clone(), "the order of the seed")?;
        let p = prime_from_seed(
            Hash::Sha1,
            bits.into(),
            &q,
            &group.iv.seed,
            2,
            group.iv.counter,
        );
        is(bignum(&p), group.dlg.p.clone(), "the prime of the seed")?;
        let g = BigUint::from(group.iv.h).modpow(&((&p - 1_u32) / &q), &p);
        is(bignum(&g), group.dlg.g.clone(), "the generator of h")?;
        // The same seed makes the same group again.
        let again = comm_params(bits, Some(group.iv.clone()));
        let again = bench
            .send(bench.key_args(again, may(Op::EXPORT_AS_PLAIN)))?
            .key;
        is(
            bench.export(again)?.data,
            KeyTypeData::DSAComm(group),
            "the group made again",
        )?;
    }
    for bits in [0, 448, 500, 1000, 1088, 2048] {
        denied(
            bench.send(bench.key_args(comm_params(bits, None), anything())),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn group_example(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let vector = known()?
        .into_iter()
        .find(|vector| vector.has("seed"))
        .context("the example")?;
    let iv = |counter| {
        let seed = vector.bytes("seed").try_into().unwrap_or([0; 20]);
        Some(DSAInitValues {
            seed,
            counter,
            h: 2,
        })
    };
    let counter: u32 = vector.text("counter").parse()?;
    let key = bench
        .send(bench.key_args(comm_params(512, iv(counter)), may(Op::EXPORT_AS_PLAIN)))?
        .key;
    let KeyTypeData::DSAComm(group) = bench.export(key)?.data else {
        bail!("no DSA group")
    };
    is(group.dlg, group_of(&vector), "the group")?;
    denied(
        bench.send(bench.key_args(comm_params(512, iv(counter + 1)), anything())),
        Status::InvalidData,
    )?;
    Ok(Outcome::Passed)
}

fn group_variable_seed(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (type_, bits, order, mech, hash) in [
        (
            KeyType::DSACommVariableSeed,
            1024_u32,
            160_u64,
            Mech::SHA1Hash,
            Hash::Sha1,
        ),
        (
            KeyType::DSACommFIPS186_3,
            2048,
            224,
            Mech::SHA224Hash,
            Hash::Sha224,
        ),
        (
            KeyType::DSACommVariableSeed,
            2048,
            256,
            Mech::SHA256Hash,
            Hash::Sha256,
        ),
    ] {
        let params = KeyTypeDSACommVariableSeedGenParams {
            flags: 0,
            lenbits: bits,
            iv: None,
            qhash: Some(DSAGenerationHash { hash: mech }),
        };
        let params = KeyGenParams {
            type_,
            params: KeyTypeGenParams::DSACommVariableSeed(params),
        };
        let key = bench
            .send(bench.key_args(params, may(Op::EXPORT_AS_PLAIN)))?
            .key;
        let data = bench.export(key)?;
        is(data.type_, type_, "the type")?;
        let hash_found = bench.hash_of(key)?.to_vec();
        is(
            hash_found,
            crate::oracle::key_hash::key_hash(&data, Hash::Sha1)?,
            "the key hash",
        )?;
        let KeyTypeData::DSACommVariableSeed(group) = data.data else {
            bail!("no DSA group")
        };
        is(
            group_defect(&group.dlg, (bits.into(), order)),
            None,
            &format!("{bits} bits"),
        )?;
        ensure!(
            group.iv.seed.len() as u64 * 8 >= order,
            "a seed of {} bytes",
            group.iv.seed.len()
        );
        let q = order_from_seed_186_4(hash, order, &group.iv.seed);
        is(bignum(&q), group.dlg.q.clone(), "the order of the seed")?;
        let p = prime_from_seed(hash, bits.into(), &q, &group.iv.seed, 1, group.iv.counter);
        is(bignum(&p), group.dlg.p.clone(), "the prime of the seed")?;
    }
    Ok(Outcome::Passed)
}

fn pair_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for bits in [512_u32, 640, 1024] {
        let (pair, public) = dsa_pair(&bench, pair_params(bits, None))?;
        is(
            group_defect(&public.dlg, (bits.into(), 160)),
            None,
            &format!("{bits} bits"),
        )?;
        let KeyTypeData::DSAPrivate(private) = bench.export(pair.private)?.data else {
            bail!("no DSA key")
        };
        is(&private.dlg, &public.dlg, "the group of both halves")?;
        let (p, g, x) = (big(&public.dlg.p), big(&public.dlg.g), big(&private.x));
        ensure!(
            x > BigUint::ZERO && x < big(&public.dlg.q),
            "the private value is out of range"
        );
        is(bignum(&g.modpow(&x, &p)), public.y, "the public value")?;
        let info = bench.send(GetKeyInfoExArgs {
            flags: 0,
            key: pair.private,
        })?;
        is(
            (info.type_, info.length),
            (KeyType::DSAPrivate, bits),
            "type and length",
        )?;
    }
    for bits in [0, 448, 513, 1088, 1536, 2047, 4096] {
        denied(
            bench.send(bench.pair_args(pair_params(bits, None), anything(), anything())),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn pair_given_group(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mut groups: Vec<DSADiscreteLogGroup> = known()?.iter().map(group_of).collect();
    groups.dedup();
    for group in &groups {
        let bits = group.p.bits() as u32;
        for asked in [0, bits] {
            let (pair, public) = dsa_pair(&bench, pair_params(asked, Some(group.clone())))?;
            is(&public.dlg, group, "the group")?;
            let sig = bench.sign(pair.private, Mech::DSA, bytes(b"message"))?;
            let digest = Hash::Sha1.digest(b"message");
            let found = signature(&sig)?;
            ensure!(
                dsa_verifies(group, &public.y, &digest, &found.r, &found.s),
                "{bits} bits"
            );
        }
        let try_with = |bits, group| {
            status(bench.send(bench.pair_args(
                pair_params(bits, Some(group)),
                anything(),
                anything(),
            )))
        };
        is(
            try_with(bits + 64, group.clone()),
            Status::InvalidParameter,
            "another length",
        )?;
        let one = Bignum::from(1);
        let more = |number: &Bignum| bignum(&(big(number) + 2_u32));
        for (changed, what) in [
            (
                DSADiscreteLogGroup {
                    g: one,
                    ..group.clone()
                },
                "the generator one",
            ),
            (
                DSADiscreteLogGroup {
                    g: more(&group.g),
                    ..group.clone()
                },
                "a generator of another order",
            ),
            (
                DSADiscreteLogGroup {
                    q: more(&group.q),
                    ..group.clone()
                },
                "another order",
            ),
            (
                DSADiscreteLogGroup {
                    p: more(&group.p),
                    ..group.clone()
                },
                "another prime",
            ),
        ] {
            is(try_with(0, changed), Status::InvalidData, what)?;
        }
    }
    Ok(Outcome::Passed)
}

fn sign_every_hash(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let groups: Vec<_> = known()?.iter().map(group_of).collect();
    let group = groups
        .iter()
        .find(|group| group.p.bits() == 2048)
        .context("a group")?;
    for params in [pair_params(512, None), pair_params(0, Some(group.clone()))] {
        let (pair, public) = dsa_pair(&bench, params)?;
        let mut seen = Vec::new();
        for (mech, hash) in MECHS {
            let digest = hash.digest(b"message");
            for plain in [bytes(b"message"), digest_text(&digest)?] {
                let sig = bench.sign(pair.private, mech, plain.clone())?;
                let found = signature(&sig)?;
                ensure!(
                    dsa_verifies(&public.dlg, &public.y, &digest, &found.r, &found.s),
                    "{mech} does not verify"
                );
                ensure!(!seen.contains(&found.r), "{mech}: a number drawn twice");
                seen.push(found.r.clone());
                bench.send(verify_args(pair.public, plain, sig.clone()))?;
                denied(
                    bench.send(verify_args(pair.public, bytes(b"messagf"), sig)),
                    Status::VerifyFailed,
                )?;
            }
        }
    }
    Ok(Outcome::Passed)
}

fn verify_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for vector in known()? {
        let key = KeyTypeDSAPublicData {
            dlg: group_of(&vector),
            y: field(&vector, "y"),
        };
        let key = KeyData {
            type_: KeyType::DSAPublic,
            data: KeyTypeData::DSAPublic(key),
        };
        let key = bench.import(key, may(Op::VERIFY))?;
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let mech = MECHS
            .iter()
            .find(|(_, known)| *known == hash)
            .context("the mechanism")?
            .0;
        let (r, s) = (field(&vector, "r"), field(&vector, "s"));
        let verify = |msg: &[u8], r: &Bignum, s: &Bignum| {
            status(bench.send(verify_args(
                key,
                bytes(msg),
                dsa_cipher(mech, r.clone(), s.clone()),
            )))
        };
        let msg = vector.bytes("msg");
        let q = big(&field(&vector, "q"));
        is(verify(&msg, &r, &s), Status::OK, vector.text("id"))?;
        for (r, s, what) in [
            (s.clone(), r.clone(), "r and s exchanged"),
            (bignum(&(big(&r) + &q)), s.clone(), "r plus q"),
            (r.clone(), bignum(&(big(&s) + &q)), "s plus q"),
            (Bignum::default(), s.clone(), "r is zero"),
            (r.clone(), Bignum::default(), "s is zero"),
            (bignum(&q), s.clone(), "r is q"),
            (
                bignum(&(big(&r) ^ BigUint::from(1_u32))),
                s.clone(),
                "a bit of r",
            ),
        ] {
            is(verify(&msg, &r, &s), Status::VerifyFailed, what)?;
        }
        is(
            verify(b"another", &r, &s),
            Status::VerifyFailed,
            "another message",
        )?;
        // Unlike on a curve, minus s is no second signature.
        let other = bignum(&(&q - big(&s)));
        ensure!(
            verify(&msg, &r, &other) == Status::VerifyFailed,
            "minus s verifies"
        );
    }
    Ok(Outcome::Passed)
}

fn verify_wycheproof(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (mut keys, mut tried) = (Vec::new(), 0);
    for vector in vectors::parse(include_str!(
        "../../../../vectors/wycheproof-dsa-verify.txt"
    ))? {
        let half = vector.bytes("q").len();
        let sig = vector.bytes("sig");
        // r and s travel as two numbers, so another length of their concatenation cannot be sent.
        if sig.len() != 2 * half {
            continue;
        }
        let y = vector.bytes("y");
        let key = match keys.iter().find(|(known, _)| *known == y) {
            Some((_, key)) => *key,
            None => {
                let data = KeyTypeDSAPublicData {
                    dlg: group_of(&vector),
                    y: field(&vector, "y"),
                };
                let data = KeyData {
                    type_: KeyType::DSAPublic,
                    data: KeyTypeData::DSAPublic(data),
                };
                let key = bench.import(data, may(Op::VERIFY))?;
                keys.push((y, key));
                key
            }
        };
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let mech = MECHS
            .iter()
            .find(|(_, known)| *known == hash)
            .context("the mechanism")?
            .0;
        let sig = dsa_cipher(
            mech,
            Bignum::from_be(&sig[..half]),
            Bignum::from_be(&sig[half..]),
        );
        let found = status(bench.send(verify_args(key, bytes(&vector.bytes("msg")), sig)));
        let expected = if vector.text("result") == "valid" {
            Status::OK
        } else {
            Status::VerifyFailed
        };
        is(
            found,
            expected,
            &format!("{}, {}", vector.text("id"), vector.text("comment")),
        )?;
        tried += 1;
    }
    ensure!(tried >= 50, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn import_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let mut seen = Vec::new();
    for vector in known()? {
        let (dlg, x, y) = (group_of(&vector), field(&vector, "x"), field(&vector, "y"));
        if seen.contains(&y) {
            continue;
        }
        seen.push(y.clone());
        let private = KeyTypeDSAPrivateData {
            dlg: dlg.clone(),
            x,
        };
        let private = KeyData {
            type_: KeyType::DSAPrivate,
            data: KeyTypeData::DSAPrivate(private),
        };
        let private = bench.import(private, may(Op::SIGN))?;
        let public = KeyTypeDSAPublicData {
            dlg: dlg.clone(),
            y: y.clone(),
        };
        let public = KeyData {
            type_: KeyType::DSAPublic,
            data: KeyTypeData::DSAPublic(public),
        };
        let expected = crate::oracle::key_hash::key_hash(&public, Hash::Sha1)?;
        let public = bench.import(public, may(Op::VERIFY))?;
        is(
            bench.hash_of(private)?.to_vec(),
            expected.clone(),
            "the private half's hash",
        )?;
        is(
            bench.hash_of(public)?.to_vec(),
            expected,
            "the public half's hash",
        )?;
        let sig = bench.sign(private, Mech::DSAhSHA256, bytes(b"message"))?;
        let found = signature(&sig)?;
        let digest = Hash::Sha256.digest(b"message");
        ensure!(
            dsa_verifies(&dlg, &y, &digest, &found.r, &found.s),
            "it does not verify"
        );
    }
    is(seen.len(), 3, "keys")?;
    Ok(Outcome::Passed)
}

fn import_contradicts(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let vector = known()?.into_iter().next().context("a key")?;
    let (group, x, y) = (group_of(&vector), field(&vector, "x"), field(&vector, "y"));
    let private = |dlg: &DSADiscreteLogGroup, x: &Bignum| {
        let data = KeyTypeDSAPrivateData {
            dlg: dlg.clone(),
            x: x.clone(),
        };
        let data = KeyData {
            type_: KeyType::DSAPrivate,
            data: KeyTypeData::DSAPrivate(data),
        };
        status(bench.send(bench.import_args(data, anything())))
    };
    let public = |dlg: &DSADiscreteLogGroup, y: &Bignum| {
        let data = KeyTypeDSAPublicData {
            dlg: dlg.clone(),
            y: y.clone(),
        };
        let data = KeyData {
            type_: KeyType::DSAPublic,
            data: KeyTypeData::DSAPublic(data),
        };
        status(bench.send(bench.import_args(data, anything())))
    };
    let invalid = Status::InvalidData;
    is(private(&group, &x), Status::OK, "the key")?;
    is(private(&group, &Bignum::default()), invalid, "x is zero")?;
    is(private(&group, &group.q), invalid, "x is q")?;
    is(public(&group, &y), Status::OK, "the key")?;
    is(public(&group, &Bignum::from(1)), invalid, "y is one")?;
    is(public(&group, &group.p), invalid, "y is p")?;
    let doubled = bignum(&(big(&y) * 2_u32 % big(&group.p)));
    is(public(&group, &doubled), invalid, "y outside the subgroup")?;
    let composite = DSADiscreteLogGroup {
        p: bignum(&(big(&group.p) + 2_u32)),
        ..group.clone()
    };
    is(private(&composite, &x), invalid, "a prime that is none")?;
    let even = DSADiscreteLogGroup {
        p: bignum(&(big(&group.p) + 1_u32)),
        ..group.clone()
    };
    is(public(&even, &y), invalid, "an even prime")?;
    let tiny = DSADiscreteLogGroup {
        p: Bignum::from(23),
        q: Bignum::from(11),
        g: Bignum::from(4),
    };
    is(
        private(&tiny, &Bignum::from(3)),
        Status::InvalidParameter,
        "a group of 5 bits",
    )?;
    let mixed = KeyData {
        type_: KeyType::DSAPublic,
        data: KeyTypeData::Empty,
    };
    ensure!(
        status(bench.send(bench.import_args(mixed, anything()))) != Status::OK,
        "a key of nothing"
    );
    Ok(Outcome::Passed)
}

/// The halves of a Diffie-Hellman pair.
fn halves(
    bench: &Bench,
    args: GenerateKeyPairArgs,
) -> anyhow::Result<(DiscreteLogGroup, Bignum, Bignum)> {
    let made = bench.send(args)?;
    let KeyTypeData::DHPrivate(private) = bench.export(made.keypriv)?.data else {
        bail!("no private key")
    };
    let KeyTypeData::DHPublic(public) = bench.export(made.keypub)?.data else {
        bail!("no public key")
    };
    is(&private.dlg, &public.dlg, "the group of both halves")?;
    let value = big(&public.dlg.g).modpow(&big(&private.x), &big(&public.dlg.p));
    is(bignum(&value), public.gx.clone(), "the public value")?;
    Ok((private.dlg, private.x, public.gx))
}

fn dh_generated(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let args = |params| {
        bench.pair_args(
            dh_params(params),
            may(Op::EXPORT_AS_PLAIN),
            may(Op::EXPORT_AS_PLAIN),
        )
    };
    for (plength, xlength) in [(512_u32, 0), (768, 200), (1024, 0)] {
        let params = KeyTypeDHPrivateGenParams {
            plength,
            xlength,
            ..KeyTypeDHPrivateGenParams::default()
        };
        let (group, x, gx) = halves(&bench, args(params))?;
        let (p, g) = (big(&group.p), big(&group.g));
        is(
            (group.p.bits() as u32, is_prime(&p)),
            (plength, true),
            "bits of a prime",
        )?;
        ensure!(
            g > BigUint::from(1_u32) && g < &p - 1_u32,
            "the generator is trivial"
        );
        ensure!(gx.bits() > 1, "the public value is trivial");
        if xlength != 0 {
            is(x.bits() as u32, xlength, "bits of the private value")?;
        }
        ensure!(x.bits() >= 150, "a private value of {} bits", x.bits());
        // No small order: g is not a root of one for any small exponent.
        for small in 1_u32..200 {
            ensure!(
                g.modpow(&BigUint::from(small), &p) != BigUint::from(1_u32),
                "the order is {small}"
            );
        }
    }
    for (plength, xlength) in [
        (0, 0),
        (448, 0),
        (513, 0),
        (520, 0),
        (4160, 0),
        (512, 100),
        (512, 512),
    ] {
        let params = KeyTypeDHPrivateGenParams {
            plength,
            xlength,
            ..KeyTypeDHPrivateGenParams::default()
        };
        denied(bench.send(args(params)), Status::InvalidParameter)
            .with_context(|| format!("{plength} bits, private value of {xlength}"))?;
    }
    Ok(Outcome::Passed)
}

fn dh_given(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let args = |dlg: DiscreteLogGroup, plength| {
        let params = KeyTypeDHPrivateGenParams {
            plength,
            dlg: Some(dlg),
            ..KeyTypeDHPrivateGenParams::default()
        };
        bench.pair_args(
            dh_params(params),
            may(Op::EXPORT_AS_PLAIN),
            may(Op::EXPORT_AS_PLAIN),
        )
    };
    for vector in vectors::parse(include_str!("../../../../vectors/dh-groups.txt"))? {
        let group = DiscreteLogGroup {
            p: field(&vector, "p"),
            g: field(&vector, "g"),
        };
        let one = halves(&bench, args(group.clone(), 0))?;
        let two = halves(&bench, args(group.clone(), group.p.bits() as u32))?;
        is((&one.0, &two.0), (&group, &group), "the groups")?;
        ensure!(one.1 != two.1, "the same private value twice");
        let p = big(&group.p);
        let mine = big(&two.2).modpow(&big(&one.1), &p);
        is(
            mine,
            big(&one.2).modpow(&big(&two.1), &p),
            "the secret both come to",
        )?;
        // The module's own exponentiation comes to it too.
        let power = ModExpArgs {
            a: two.2.clone(),
            p: one.1.clone(),
            n: group.p.clone(),
        };
        is(
            big(&bench.send(power)?.r),
            big(&one.2).modpow(&big(&two.1), &p),
            "by ModExp",
        )?;
        let composite = DiscreteLogGroup {
            p: bignum(&(&p + 2_u32)),
            ..group.clone()
        };
        denied(bench.send(args(composite, 0)), Status::InvalidData)?;
        let trivial = DiscreteLogGroup {
            g: Bignum::from(1),
            ..group.clone()
        };
        denied(bench.send(args(trivial, 0)), Status::InvalidData)?;
        let other_length = group.p.bits() as u32 + 64;
        denied(
            bench.send(args(group, other_length)),
            Status::InvalidParameter,
        )?;
    }
    Ok(Outcome::Passed)
}

fn dh_with_order(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for (plength, qlength) in [(512_u32, 0_u32), (768, 192)] {
        let params = KeyTypeDHExPrivateGenParams {
            plength,
            qlength,
            ..KeyTypeDHExPrivateGenParams::default()
        };
        let params = KeyGenParams {
            type_: KeyType::DHExPrivate,
            params: KeyTypeGenParams::DHExPrivate(params),
        };
        let made = bench.send(bench.pair_args(
            params,
            may(Op::EXPORT_AS_PLAIN),
            may(Op::EXPORT_AS_PLAIN),
        ))?;
        let KeyTypeData::DHExPublic(public) = bench.export(made.keypub)?.data else {
            bail!("no public key")
        };
        let order = if qlength == 0 {
            160
        } else {
            u64::from(qlength)
        };
        is(
            group_defect(&public.dlg, (plength.into(), order)),
            None,
            &format!("{plength} bits"),
        )?;
        let one = big(&public.gx).modpow(&big(&public.dlg.q), &big(&public.dlg.p));
        is(one, BigUint::from(1_u32), "the public value to the order")?;
    }
    Ok(Outcome::Passed)
}

fn dh_agreement(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let plain = |dlg: DiscreteLogGroup, ops| {
        let params = KeyTypeDHPrivateGenParams {
            plength: dlg.p.bits() as u32,
            dlg: Some(dlg),
            ..KeyTypeDHPrivateGenParams::default()
        };
        bench.pair_args(dh_params(params), may(ops), may(Op::EXPORT_AS_PLAIN))
    };
    let agree = |key, mech, gx: Bignum| {
        let data = match mech {
            Mech::DHKeyExchange => MechCipher::DHKeyExchange(MechDHKeyExchangeCipher { gx }),
            _ => MechCipher::DHExKeyExchange(MechDHExKeyExchangeCipher { gx }),
        };
        let cipher = CipherText {
            mech,
            data,
            iv: MechIV::Empty,
        };
        bench.send(DecryptArgs {
            reply_type: PlainTextType::Bignum,
            ..decrypt_args(key, cipher)
        })
    };
    let secret = |plain: &PlainText| match &plain.data {
        PlainTextTypeData::Bignum(number) => Ok(big(&number.m)),
        other => Err(anyhow::anyhow!("a number was expected, not {other:?}")),
    };
    for vector in vectors::parse(include_str!("../../../../vectors/dh-groups.txt"))? {
        let group = DiscreteLogGroup {
            p: field(&vector, "p"),
            g: field(&vector, "g"),
        };
        let ops = Op::EXPORT_AS_PLAIN | Op::DECRYPT;
        let one = bench.send(plain(group.clone(), ops))?;
        let KeyTypeData::DHPrivate(private) = bench.export(one.keypriv)?.data else {
            bail!("no private key")
        };
        let other = bench.send(plain(group.clone(), Op::EXPORT_AS_PLAIN))?;
        let KeyTypeData::DHPublic(public) = bench.export(other.keypub)?.data else {
            bail!("no public key")
        };
        let mech = Mech::DHKeyExchange;
        let found = agree(one.keypriv, mech, public.gx.clone())?.plain;
        let p = big(&group.p);
        is(
            secret(&found)?,
            big(&public.gx).modpow(&big(&private.x), &p),
            "the secret",
        )?;
        let less_one = bignum(&(&p - 1_u32));
        for value in [
            Bignum::default(),
            Bignum::from(1),
            less_one,
            group.p.clone(),
        ] {
            denied(agree(one.keypriv, mech, value), Status::InvalidData)?;
        }
        denied(
            agree(one.keypriv, Mech::DHExKeyExchange, public.gx.clone()),
            Status::TypeMismatch,
        )?;
        denied(agree(other.keypriv, mech, public.gx), Status::AccessDenied)?;
    }
    Ok(Outcome::Passed)
}
