//! RSA: lengths, numbers, signatures, encryption, and what is refused; against the crate rsa, num-bigint and Wycheproof.

use anyhow::{Context as _, bail, ensure};
use ncore::types::*;
use num_bigint::BigUint;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::RsaPrivate;
use crate::oracle::hashes::Hash;
use crate::oracle::numbers::{big, bignum, is_prime};
use crate::oracle::wire_rsa::WireRsa;
use crate::rig::Rig;
use crate::vectors;
use crate::wire::denied;

const GENERATE: &str = "nCore API: Cmd_GenerateKeyPair, KeyType_RSAPrivate";
const PKCS1: &str = "RFC 8017, section 8.2";
const CRYPT1: &str = "RFC 8017, section 7.2";
const OAEP_SOURCE: &str = "RFC 8017, section 7.1";
const PLAIN: &str = "PROTOCOL, section 4.3, RSApPKCS1 by plain text type";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "rsa.generate.lengths",
        "A pair has the length asked for to the bit, and its numbers are what they must be",
        GENERATE,
        lengths,
    )
    .covers(&[replies(Cmd::GenerateKeyPair), replies(Cmd::GetKeyInfoEx)]),
    Case::new(
        "rsa.generate.refused",
        "Lengths out of range and off the steps of 8, bad exponents and unknown flags are refused",
        GENERATE,
        generate_refused,
    )
    .covers(&[
        denies(Cmd::GenerateKeyPair, Status::InvalidParameter),
        denies(Cmd::GenerateKeyPair, Status::UnknownFlag),
    ]),
    Case::new(
        "rsa.generate.exponent",
        "The public exponent can be chosen",
        GENERATE,
        exponent,
    )
    .covers(&[replies(Cmd::GenerateKeyPair)]),
    Case::new(
        "rsa.sign.every-hash",
        "Every hash is signed with its DigestInfo, hashed by the module or before",
        PKCS1,
        every_hash,
    )
    .covers(&[replies(Cmd::Sign), replies(Cmd::Verify), denies(Cmd::Sign, Status::TypeMismatch)]),
    Case::new(
        "rsa.sign.every-length",
        "Keys of every length sign what fits them, and nothing longer",
        PKCS1,
        sign_lengths,
    )
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::InvalidData)]),
    Case::new(
        "rsa.sign.bytes",
        "Bytes are padded without a DigestInfo",
        PLAIN,
        sign_bytes,
    )
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::InvalidData)]),
    Case::new(
        "rsa.sign.number",
        "A number is signed as it is, if it is less than the modulus",
        PLAIN,
        sign_number,
    )
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::OutOfRange)]),
    Case::new(
        "rsa.verify.foreign",
        "Signatures made elsewhere verify, and each changed bit of them does not",
        PKCS1,
        verify_foreign,
    )
    .covers(&[replies(Cmd::Verify), denies(Cmd::Verify, Status::VerifyFailed)]),
    Case::new(
        "rsa.verify.wycheproof",
        "Forged and malformed paddings do not verify",
        "Wycheproof, rsa_signature",
        verify_wycheproof,
    )
    .covers(&[replies(Cmd::Verify), denies(Cmd::Verify, Status::VerifyFailed)]),
    Case::new(
        "rsa.encrypt.pkcs1",
        "What the module encrypts is decrypted elsewhere, up to the longest message",
        CRYPT1,
        encrypt_pkcs1,
    )
    .covers(&[replies(Cmd::Encrypt), denies(Cmd::Encrypt, Status::EncryptFailed)]),
    Case::new(
        "rsa.decrypt.padding",
        "Every defect of the padding is DecryptFailed",
        CRYPT1,
        decrypt_padding,
    )
    .covers(&[
        replies(Cmd::Decrypt),
        denies(Cmd::Decrypt, Status::DecryptFailed),
        denies(Cmd::Decrypt, Status::OutOfRange),
    ]),
    Case::new(
        "rsa.decrypt.wycheproof",
        "Known ciphertexts decrypt, and those with bad padding do not",
        "Wycheproof, rsa_pkcs1",
        decrypt_wycheproof,
    )
    .covers(&[replies(Cmd::Decrypt), denies(Cmd::Decrypt, Status::DecryptFailed)]),
    Case::new(
        "rsa.decrypt.reply-type",
        "What was encrypted comes back in the type asked for, if it suits",
        "nCore API: Cmd_Decrypt",
        reply_type,
    )
    .covers(&[
        replies(Cmd::Decrypt),
        denies(Cmd::Decrypt, Status::DecryptFailed),
        denies(Cmd::Decrypt, Status::InvalidParameter),
    ]),
    Case::new(
        "rsa.oaep.round",
        "OAEP with every hash and a label goes both ways, and not with another label",
        OAEP_SOURCE,
        oaep_round,
    )
    .covers(&[
        replies(Cmd::Encrypt),
        replies(Cmd::Decrypt),
        denies(Cmd::Encrypt, Status::EncryptFailed),
        denies(Cmd::Decrypt, Status::DecryptFailed),
    ]),
    Case::new(
        "rsa.oaep.wycheproof",
        "Known OAEP ciphertexts decrypt, and malformed ones do not",
        "Wycheproof, rsa_oaep",
        oaep_wycheproof,
    )
    .covers(&[replies(Cmd::Decrypt), denies(Cmd::Decrypt, Status::DecryptFailed)]),
    Case::new(
        "rsa.import.known",
        "An imported key gives the one signature that PKCS#1 v1.5 has, also without its CRT numbers",
        PKCS1,
        import_known,
    )
    .covers(&[replies(Cmd::Import), replies(Cmd::Sign)]),
    Case::new(
        "rsa.import.contradicts",
        "A key whose numbers contradict each other is refused",
        "nCore API: Cmd_Import",
        import_contradicts,
    )
    .covers(&[
        denies(Cmd::Import, Status::InvalidData),
        denies(Cmd::Import, Status::InvalidParameter),
    ]),
    Case::new(
        "rsa.halves.apart",
        "Each half does its own operations only",
        "nCore API: Cmd_Sign, Cmd_Verify, Cmd_Encrypt, Cmd_Decrypt",
        halves_apart,
    )
    .covers(&[
        denies(Cmd::Sign, Status::TypeMismatch),
        denies(Cmd::Verify, Status::TypeMismatch),
        denies(Cmd::Encrypt, Status::TypeMismatch),
        denies(Cmd::Decrypt, Status::TypeMismatch),
    ]),
    Case::new(
        "rsa.mechanism.named-twice",
        "A mechanism that contradicts the ciphertext's is refused",
        "nCore API: Cmd_Verify, Cmd_Decrypt",
        named_twice,
    )
    .covers(&[
        denies(Cmd::Verify, Status::MechanismNotExpected),
        denies(Cmd::Decrypt, Status::MechanismNotExpected),
        denies(Cmd::Encrypt, Status::MechanismNotExpected),
    ]),
    Case::new(
        "rsa.certify.module-signed",
        "The module certifies how it made a pair, with its own key",
        "PROTOCOL, section 4.3, ModuleCert",
        certify,
    )
    .covers(&[replies(Cmd::GenerateKeyPair), replies(Cmd::GetKML)]),
];

fn lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for bits in [384, 392, 512, 520, 1016, 1024, 1032, 1536, 2048] {
        let mut args = bench.pair_args(
            rsa_params(bits),
            may(Op::EXPORT_AS_PLAIN),
            may(Op::EXPORT_AS_PLAIN),
        );
        args.flags = GenerateKeyPairArgs::PAIRWISE_CHECK;
        let pair = bench.send(args)?;
        let public = WireRsa::new(&bench.export(pair.keypub)?)?;
        is(public.bits(), u64::from(bits), "bits of the modulus")?;
        for (key, type_) in [
            (pair.keypriv, KeyType::RSAPrivate),
            (pair.keypub, KeyType::RSAPublic),
        ] {
            let info = bench.send(GetKeyInfoExArgs { flags: 0, key })?;
            is((info.type_, info.length), (type_, bits), "type and length")?;
        }
        let KeyTypeData::RSAPrivate(key) = bench.export(pair.keypriv)?.data else {
            bail!("no RSA private key")
        };
        let [p, q, e] = [&key.p, &key.q, &key.e].map(big);
        ensure!(
            is_prime(&p) && is_prime(&q),
            "{bits} bits: a factor is not prime"
        );
        is(
            (p.bits(), q.bits()),
            (u64::from(bits / 2), u64::from(bits / 2)),
            "bits of the factors",
        )?;
        let one = BigUint::from(1_u32);
        is(
            bignum(&(&p * &q)),
            modulus(&bench, pair.keypub)?,
            "the product of the factors",
        )?;
        is(
            &e * big(&key.dmp1) % (&p - 1_u32),
            one.clone(),
            "e dmp1 modulo p - 1",
        )?;
        is(
            &e * big(&key.dmq1) % (&q - 1_u32),
            one.clone(),
            "e dmq1 modulo q - 1",
        )?;
        is(&q * big(&key.iqmp) % &p, one, "q iqmp modulo p")?;
    }
    Ok(Outcome::Passed)
}

fn generate_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let refused = |params: KeyTypeRSAPrivateGenParams, expected| {
        let what = format!("{params:?}");
        let params = KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        };
        is(
            status(bench.send(bench.pair_args(params, anything(), anything()))),
            expected,
            &what,
        )
    };
    let params = |lenbits| KeyTypeRSAPrivateGenParams {
        lenbits,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    for lenbits in [
        0,
        8,
        376,
        383,
        385,
        1023,
        1025,
        1028,
        16_392,
        u32::MAX,
        u32::MAX - 7,
    ] {
        refused(params(lenbits), Status::InvalidParameter)?;
    }
    for e in [0_u32, 1, 2, 65_536] {
        let given_e = Some(Bignum::from(e));
        refused(
            KeyTypeRSAPrivateGenParams {
                given_e,
                ..params(512)
            },
            Status::InvalidParameter,
        )?;
    }
    let given_e = Some(Bignum::from_be(&[0xff; 64]));
    refused(
        KeyTypeRSAPrivateGenParams {
            given_e,
            ..params(512)
        },
        Status::InvalidParameter,
    )?;
    refused(
        KeyTypeRSAPrivateGenParams {
            flags: 0x100,
            ..params(512)
        },
        Status::UnknownFlag,
    )?;
    let nchecks = Some(u32::MAX);
    refused(
        KeyTypeRSAPrivateGenParams {
            nchecks,
            ..params(512)
        },
        Status::InvalidParameter,
    )?;
    let mut args = bench.pair_args(rsa_params(512), anything(), anything());
    args.flags = 0x4000_0000;
    denied(bench.send(args), Status::UnknownFlag)?;
    Ok(Outcome::Passed)
}

fn exponent(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for e in [
        Bignum::from(3),
        Bignum::from(17),
        Bignum::from(65_539),
        Bignum::from_be(&[1, 0, 0, 0, 0, 0, 0, 0, 13]),
    ] {
        let params = KeyTypeRSAPrivateGenParams {
            lenbits: 512,
            given_e: Some(e.clone()),
            flags: KeyTypeRSAPrivateGenParams::USE_STRONG_PRIMES,
            nchecks: Some(4),
        };
        let params = KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        };
        let pair = bench.send(bench.pair_args(params, may(Op::SIGN), may(Op::EXPORT_AS_PLAIN)))?;
        let KeyTypeData::RSAPublic(public) = bench.export(pair.keypub)?.data else {
            bail!("no RSA public key")
        };
        is(&public.e, &e, "the exponent")?;
        let value = Bignum::from(0x1234_5678);
        let signature = bench.sign(pair.keypriv, Mech::RSApPKCS1, number(value.clone()))?;
        let raised = big(rsa_number(&signature)?).modpow(&big(&e), &big(&public.n));
        is(bignum(&raised), value, "the signature raised to e")?;
    }
    Ok(Outcome::Passed)
}

fn every_hash(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (pair, public) = bench.signer(1024)?;
    let message = b"the message of every hash";
    for hash in Hash::ALL {
        let (mech, digest) = (rsa_mech(hash), hash.digest(message));
        let inside = bench.sign(pair.private, mech, bytes(message))?;
        let before = bench.sign(pair.private, Mech::RSApPKCS1, digest_text(&digest)?)?;
        let both = bench.sign(pair.private, mech, digest_text(&digest)?)?;
        is(
            (inside.mech, before.mech),
            (mech, Mech::RSApPKCS1),
            "the mechanisms",
        )?;
        public
            .verify(Some(hash), &digest, rsa_number(&inside)?)
            .with_context(|| format!("{hash:?}"))?;
        // PKCS#1 v1.5 is deterministic.
        is(
            rsa_number(&before)?,
            rsa_number(&inside)?,
            "the signature of the digest",
        )?;
        is(
            rsa_number(&both)?,
            rsa_number(&inside)?,
            "the signature of the digest by its mechanism",
        )?;
        bench.send(verify_args(pair.public, bytes(message), inside.clone()))?;
        bench.send(verify_args(
            pair.public,
            digest_text(&digest)?,
            before.clone(),
        ))?;
        denied(
            bench.send(verify_args(pair.public, bytes(b"another"), inside)),
            Status::VerifyFailed,
        )?;
        for other in Hash::ALL.into_iter().filter(|other| *other != hash) {
            let text = digest_text(&other.digest(message))?;
            denied(
                bench.send(sign_args(pair.private, mech, text)),
                Status::TypeMismatch,
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn sign_lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for bits in [384_u32, 512, 520, 768, 1000, 1024, 2048] {
        let (pair, public) = bench.signer(bits)?;
        for hash in Hash::ALL {
            let digest = hash.digest(b"message");
            let info = match hash {
                Hash::Md5 => 18,
                Hash::Sha1 => 15,
                _ => 19,
            };
            // 00 01, at least eight ff, 00, DigestInfo.
            let fits = digest.len() + info + 11 <= bits as usize / 8;
            let answer = bench.send(sign_args(pair.private, rsa_mech(hash), bytes(b"message")));
            if fits {
                public
                    .verify(Some(hash), &digest, rsa_number(&answer?.sig)?)
                    .with_context(|| format!("{bits} bits, {hash:?}"))?;
            } else {
                denied(answer, Status::InvalidData)
                    .with_context(|| format!("{bits} bits, {hash:?}"))?;
            }
        }
    }
    Ok(Outcome::Passed)
}

fn sign_bytes(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (pair, public) = bench.signer(1024)?;
    for length in [0, 1, 20, 36, 117] {
        let message = vec![0x5a; length];
        let signature = bench.sign(pair.private, Mech::RSApPKCS1, bytes(&message))?;
        public
            .verify(None, &message, rsa_number(&signature)?)
            .with_context(|| format!("{length} bytes"))?;
        bench.send(verify_args(pair.public, bytes(&message), signature))?;
    }
    denied(
        bench.send(sign_args(pair.private, Mech::RSApPKCS1, bytes(&[1; 118]))),
        Status::InvalidData,
    )?;
    Ok(Outcome::Passed)
}

fn sign_number(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (pair, public) = bench.signer(1024)?;
    let n = big(&modulus(&bench, pair.public)?);
    let less_one: BigUint = &n - 1_u32;
    for value in [
        BigUint::ZERO,
        BigUint::from(1_u32),
        BigUint::from(2_u32),
        &n >> 3,
        less_one,
    ] {
        let value = bignum(&value);
        let signature = bench.sign(pair.private, Mech::RSApPKCS1, number(value.clone()))?;
        is(
            public.raise(rsa_number(&signature)?),
            value.clone(),
            "the signature raised to e",
        )?;
        bench.send(verify_args(pair.public, number(value), signature))?;
    }
    for value in [n.clone(), &n + 1_u32, n << 64] {
        let answer = bench.send(sign_args(
            pair.private,
            Mech::RSApPKCS1,
            number(bignum(&value)),
        ));
        denied(answer, Status::OutOfRange)?;
    }
    Ok(Outcome::Passed)
}

fn verify_foreign(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (key, other) = (RsaPrivate::new(1024)?, RsaPrivate::new(1032)?);
    let public = bench.import(key.public(), may(Op::VERIFY))?;
    let another = bench.import(other.public(), may(Op::VERIFY))?;
    let digest = Hash::Sha256.digest(b"message");
    let signature = key.sign(Hash::Sha256, &digest)?;
    let verify = |key, plain: &[u8], m: &Bignum| {
        let sig = rsa_cipher(Mech::RSAhSHA256pPKCS1, m.clone());
        status(bench.send(verify_args(key, bytes(plain), sig)))
    };
    is(
        verify(public, b"message", &signature),
        Status::OK,
        "the signature",
    )?;
    is(
        verify(public, b"messagf", &signature),
        Status::VerifyFailed,
        "another message",
    )?;
    is(
        verify(another, b"message", &signature),
        Status::VerifyFailed,
        "another key",
    )?;
    let good = signature.to_be();
    for bit in (0..good.len() * 8).step_by(5) {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let found = verify(public, b"message", &Bignum::from_be(&changed));
        is(found, Status::VerifyFailed, &format!("bit {bit}"))?;
    }
    // The same residue, and not a signature: it is not less than the modulus.
    let n = big(&modulus_of(&key.public())?);
    let beyond = bignum(&(big(&signature) + n));
    is(
        verify(public, b"message", &beyond),
        Status::VerifyFailed,
        "the signature plus the modulus",
    )?;
    for (value, what) in [(Bignum::from(0), "zero"), (Bignum::from(1), "one")] {
        is(
            verify(public, b"message", &value),
            Status::VerifyFailed,
            what,
        )?;
    }
    Ok(Outcome::Passed)
}

fn verify_wycheproof(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (mut keys, mut tried) = (Vec::new(), 0);
    for vector in vectors::parse(include_str!(
        "../../../../vectors/wycheproof-rsa-pkcs1-verify.txt"
    ))? {
        let (n, sig) = (vector.bytes("n"), vector.bytes("sig"));
        // A number has no length of its own, so what is wrong with the length alone does not reach the module.
        if sig.len() != n.len() || vector.text("result") == "acceptable" {
            continue;
        }
        let key = match keys.iter().find(|(known, _)| *known == n) {
            Some((_, key)) => *key,
            None => {
                let data = KeyTypeRSAPublicData {
                    e: Bignum::from_be(&vector.bytes("e")),
                    n: Bignum::from_be(&n),
                };
                let data = KeyData {
                    type_: KeyType::RSAPublic,
                    data: KeyTypeData::RSAPublic(data),
                };
                let key = bench.import(data, may(Op::VERIFY))?;
                keys.push((n, key));
                key
            }
        };
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let sig = rsa_cipher(rsa_mech(hash), Bignum::from_be(&sig));
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
    ensure!(tried >= 80, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn encrypt_pkcs1(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = RsaPrivate::new(1024)?;
    let public = bench.import(key.public(), may(Op::ENCRYPT))?;
    for length in [0, 1, 16, 117] {
        let message = vec![0; length];
        let one = bench
            .send(encrypt_args(public, Mech::RSApPKCS1, bytes(&message)))?
            .cipher;
        let two = bench
            .send(encrypt_args(public, Mech::Any, bytes(&message)))?
            .cipher;
        is(
            key.decrypt_wire(rsa_number(&one)?)?,
            message.clone(),
            "what the oracle decrypts",
        )?;
        is(
            key.decrypt_wire(rsa_number(&two)?)?,
            message,
            "what the oracle decrypts",
        )?;
        ensure!(one != two, "the padding is not random");
    }
    for length in [118, 128, 1000] {
        let answer = bench.send(encrypt_args(
            public,
            Mech::RSApPKCS1,
            bytes(&vec![0; length]),
        ));
        denied(answer, Status::EncryptFailed)?;
    }
    Ok(Outcome::Passed)
}

fn decrypt_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (pair, public) = bench.signer(1024)?;
    let decrypt = |block: &[u8]| {
        let cipher = rsa_cipher(Mech::RSApPKCS1, public.raise(&Bignum::from_be(block)));
        bench.send(decrypt_args(pair.private, cipher))
    };
    let mut good = vec![0x33; 128];
    good[..2].copy_from_slice(&[0, 2]);
    good[127 - 5] = 0;
    is(
        plain_bytes(&decrypt(&good)?.plain)?,
        &[0x33; 5][..],
        "the message",
    )?;
    let change = |at: usize, value: u8| {
        let mut block = good.clone();
        block[at] = value;
        block
    };
    let mut without_end = good.clone();
    without_end[122] = 1;
    for (block, what) in [
        (change(0, 1), "the first byte is not zero"),
        (change(1, 1), "padding of the type for signatures"),
        (change(1, 3), "padding of no type"),
        (change(2, 0), "no padding bytes"),
        (change(9, 0), "seven padding bytes"),
        (without_end, "no end of the padding"),
        (vec![0; 128], "zero"),
        (vec![1], "one"),
    ] {
        is(status(decrypt(&block)), Status::DecryptFailed, what)?;
    }
    is(
        status(decrypt(&change(10, 0))),
        Status::OK,
        "eight padding bytes",
    )?;
    let n = modulus(&bench, pair.public)?;
    denied(
        bench.send(decrypt_args(pair.private, rsa_cipher(Mech::RSApPKCS1, n))),
        Status::OutOfRange,
    )?;
    Ok(Outcome::Passed)
}

/// Tries every vector of a file of ciphertexts that are as long as the modulus.
fn decrypt_vectors(
    bench: &Bench,
    text: &'static str,
    cipher_of: fn(&vectors::Vector, Bignum) -> anyhow::Result<CipherText>,
) -> anyhow::Result<usize> {
    let (mut keys, mut tried) = (Vec::new(), 0);
    for vector in vectors::parse(text)? {
        let (p, q, ct) = (vector.bytes("p"), vector.bytes("q"), vector.bytes("ct"));
        if ct.len() != 256 {
            continue;
        }
        let key = match keys.iter().find(|(known, _)| *known == p) {
            Some((_, key)) => *key,
            None => {
                let data = KeyTypeRSAPrivateData {
                    p: Bignum::from_be(&p),
                    q: Bignum::from_be(&q),
                    e: Bignum::from_be(&vector.bytes("e")),
                    ..KeyTypeRSAPrivateData::default()
                };
                let data = KeyData {
                    type_: KeyType::RSAPrivate,
                    data: KeyTypeData::RSAPrivate(data),
                };
                let key = bench.import(data, may(Op::DECRYPT))?;
                keys.push((p.clone(), key));
                key
            }
        };
        let n = BigUint::from_bytes_be(&p) * BigUint::from_bytes_be(&q);
        let cipher = cipher_of(&vector, Bignum::from_be(&ct))?;
        let answer = bench.send(decrypt_args(key, cipher));
        let what = format!("{}, {}", vector.text("id"), vector.text("comment"));
        if vector.text("result") == "valid" {
            let plain = answer.with_context(|| what.clone())?.plain;
            is(plain_bytes(&plain)?, &vector.bytes("msg")[..], &what)?;
        } else if BigUint::from_bytes_be(&ct) >= n {
            is(status(answer), Status::OutOfRange, &what)?;
        } else {
            is(status(answer), Status::DecryptFailed, &what)?;
        }
        tried += 1;
    }
    Ok(tried)
}

fn decrypt_wycheproof(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let text = include_str!("../../../../vectors/wycheproof-rsa-pkcs1-decrypt.txt");
    let tried = decrypt_vectors(&bench, text, |_, number| {
        Ok(rsa_cipher(Mech::RSApPKCS1, number))
    })?;
    ensure!(tried >= 30, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn reply_type(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (pair, public) = bench.signer(1024)?;
    let cipher = rsa_cipher(Mech::RSApPKCS1, public.encrypt(&[7; 20])?);
    let decrypt = |reply_type| {
        let args = DecryptArgs {
            reply_type,
            ..decrypt_args(pair.private, cipher.clone())
        };
        bench.send(args)
    };
    is(
        decrypt(PlainTextType::Hash)?.plain,
        digest_text(&[7; 20])?,
        "as a hash of 20 bytes",
    )?;
    let PlainTextTypeData::Bignum(padded) = decrypt(PlainTextType::Bignum)?.plain.data else {
        bail!("no number")
    };
    is(
        public.raise(&padded.m),
        rsa_number(&cipher)?.clone(),
        "the padded number raised to e",
    )?;
    denied(decrypt(PlainTextType::Hash32), Status::DecryptFailed)?;
    denied(decrypt(PlainTextType(77)), Status::InvalidParameter)?;
    Ok(Outcome::Passed)
}

fn oaep_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = RsaPrivate::new(2048)?;
    let public = bench.import(key.public(), may(Op::ENCRYPT))?;
    let private = bench.import(key.to_wire()?, may(Op::DECRYPT))?;
    let oracle = WireRsa::new(&key.public())?;
    for (mech, hash) in OAEP {
        let most = 256 - 2 * hash.digest(b"").len() - 2;
        for label in [&b""[..], b"a label"] {
            let iv = MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV { p: label.to_vec() });
            let encrypt = |length| EncryptArgs {
                given_iv: Some(IV {
                    mech,
                    iv: iv.clone(),
                }),
                ..encrypt_args(public, mech, bytes(&vec![9; length]))
            };
            for length in [0, 1, most] {
                let cipher = bench.send(encrypt(length))?.cipher;
                let found = key.decrypt_oaep_wire(hash, label, rsa_number(&cipher)?)?;
                is(
                    found,
                    vec![9; length],
                    &format!("{mech}, {length} bytes, decrypted elsewhere"),
                )?;
                let cipher = CipherText {
                    iv: iv.clone(),
                    ..rsa_cipher(mech, oracle.encrypt_oaep(hash, label, &vec![8; length])?)
                };
                let plain = bench.send(decrypt_args(private, cipher.clone()))?.plain;
                is(
                    plain_bytes(&plain)?,
                    &vec![8; length][..],
                    &format!("{mech}, decrypted inside"),
                )?;
                let other = MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV {
                    p: b"another".to_vec(),
                });
                denied(
                    bench.send(decrypt_args(
                        private,
                        CipherText {
                            iv: other,
                            ..cipher
                        },
                    )),
                    Status::DecryptFailed,
                )?;
            }
            denied(bench.send(encrypt(most + 1)), Status::EncryptFailed)?;
        }
    }
    Ok(Outcome::Passed)
}

fn oaep_wycheproof(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let text = include_str!("../../../../vectors/wycheproof-rsa-oaep.txt");
    let tried = decrypt_vectors(&bench, text, |vector, number| {
        let hash = Hash::named(vector.text("hash")).context("the hash")?;
        let mech = OAEP
            .iter()
            .find(|(_, known)| *known == hash)
            .context("the mechanism")?
            .0;
        let iv = MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV {
            p: vector.bytes("label"),
        });
        Ok(CipherText {
            iv,
            ..rsa_cipher(mech, number)
        })
    })?;
    ensure!(tried >= 80, "only {tried} vectors");
    Ok(Outcome::Passed)
}

fn import_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    for bits in [512, 1024, 1032, 2048] {
        let key = RsaPrivate::new(bits)?;
        let digest = Hash::Sha1.digest(b"message");
        let expected = key.sign(Hash::Sha1, &digest)?;
        let whole = key.parts()?;
        let bare = KeyTypeRSAPrivateData {
            p: whole.p.clone(),
            q: whole.q.clone(),
            e: whole.e.clone(),
            ..KeyTypeRSAPrivateData::default()
        };
        // The factors may come in either order.
        let turned = KeyTypeRSAPrivateData {
            p: whole.q.clone(),
            q: whole.p.clone(),
            ..bare.clone()
        };
        let mut hashes = Vec::new();
        for (data, what) in [(whole, "whole"), (bare, "bare"), (turned, "turned")] {
            let data = KeyData {
                type_: KeyType::RSAPrivate,
                data: KeyTypeData::RSAPrivate(data),
            };
            let private = bench.import(data, may(Op::SIGN))?;
            let signature = bench.sign(private, Mech::RSAhSHA1pPKCS1, bytes(b"message"))?;
            is(
                rsa_number(&signature)?,
                &expected,
                &format!("{bits} bits, {what}"),
            )?;
            hashes.push(bench.hash_of(private)?);
        }
        let public = bench.import(key.public(), may(Op::VERIFY))?;
        hashes.push(bench.hash_of(public)?);
        hashes.dedup();
        is(hashes.len(), 1, "different key hashes")?;
    }
    Ok(Outcome::Passed)
}

fn import_contradicts(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = RsaPrivate::new(512)?.parts()?;
    let one_more = |number: &Bignum| bignum(&(big(number) + 2_u32));
    let refused = |data: KeyTypeRSAPrivateData, expected, what: &str| {
        let data = KeyData {
            type_: KeyType::RSAPrivate,
            data: KeyTypeData::RSAPrivate(data),
        };
        is(
            status(bench.send(bench.import_args(data, anything()))),
            expected,
            what,
        )
    };
    let bare = KeyTypeRSAPrivateData {
        dmp1: Bignum::default(),
        dmq1: Bignum::default(),
        iqmp: Bignum::default(),
        ..key.clone()
    };
    let composite = bignum(&(((big(&key.p) * 3_u32) >> 1) | BigUint::from(1_u32)));
    ensure!(!is_prime(&big(&composite)), "the composite is a prime");
    let invalid = Status::InvalidData;
    for (data, what) in [
        (
            KeyTypeRSAPrivateData {
                dmp1: one_more(&key.dmp1),
                ..key.clone()
            },
            "dmp1",
        ),
        (
            KeyTypeRSAPrivateData {
                dmq1: one_more(&key.dmq1),
                ..key.clone()
            },
            "dmq1",
        ),
        (
            KeyTypeRSAPrivateData {
                iqmp: one_more(&key.iqmp),
                ..key.clone()
            },
            "iqmp",
        ),
        (
            KeyTypeRSAPrivateData {
                p: composite,
                ..bare.clone()
            },
            "a factor that is not prime",
        ),
        (
            KeyTypeRSAPrivateData {
                p: key.q.clone(),
                ..bare.clone()
            },
            "equal factors",
        ),
        (
            KeyTypeRSAPrivateData {
                p: Bignum::from(2),
                ..bare.clone()
            },
            "an even factor",
        ),
        (
            KeyTypeRSAPrivateData {
                e: Bignum::from(2),
                ..bare.clone()
            },
            "an even exponent",
        ),
        (
            KeyTypeRSAPrivateData {
                e: Bignum::from(1),
                ..bare.clone()
            },
            "the exponent one",
        ),
    ] {
        // An even factor also makes the modulus too short, which may be seen first.
        if what == "an even factor" {
            let found = {
                let data = KeyData {
                    type_: KeyType::RSAPrivate,
                    data: KeyTypeData::RSAPrivate(data),
                };
                status(bench.send(bench.import_args(data, anything())))
            };
            ensure!(
                [invalid, Status::InvalidParameter].contains(&found),
                "{what}: {found}"
            );
        } else {
            refused(data, invalid, what)?;
        }
    }
    let small = RsaPrivate::new(256).and_then(|key| key.parts());
    if let Ok(small) = small {
        refused(small, Status::InvalidParameter, "256 bits")?;
    }
    let public = |e: u32, n: Bignum| KeyData {
        type_: KeyType::RSAPublic,
        data: KeyTypeData::RSAPublic(KeyTypeRSAPublicData {
            e: Bignum::from(e),
            n,
        }),
    };
    let even = bignum(&(BigUint::from(1_u32) << 511));
    is(
        status(bench.send(bench.import_args(public(3, even), anything()))),
        invalid,
        "an even modulus",
    )?;
    let short = bignum(&((BigUint::from(1_u32) << 375) + 1_u32));
    is(
        status(bench.send(bench.import_args(public(3, short), anything()))),
        Status::InvalidParameter,
        "a modulus of 376 bits",
    )?;
    Ok(Outcome::Passed)
}

fn halves_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let pair = bench.rsa(512, may(Op::KNOWN_PERMS), may(Op::KNOWN_PERMS))?;
    let aes = bench.aes(may(Op::KNOWN_PERMS))?;
    let mech = Mech::RSApPKCS1;
    let sig = bench.sign(pair.private, mech, bytes(b"data"))?;
    let cipher = bench
        .send(encrypt_args(pair.public, mech, bytes(b"data")))?
        .cipher;
    for key in [pair.public, aes] {
        denied(
            bench.send(sign_args(key, mech, bytes(b"data"))),
            Status::TypeMismatch,
        )?;
        denied(
            bench.send(decrypt_args(key, cipher.clone())),
            Status::TypeMismatch,
        )?;
    }
    for key in [pair.private, aes] {
        denied(
            bench.send(verify_args(key, bytes(b"data"), sig.clone())),
            Status::TypeMismatch,
        )?;
        denied(
            bench.send(encrypt_args(key, mech, bytes(b"data"))),
            Status::TypeMismatch,
        )?;
    }
    for (mech, expected) in [
        (Mech::DSA, Status::TypeMismatch),
        (Mech::RijndaelmCBCMACi128pPKCS5, Status::TypeMismatch),
        (Mech(0xffff), Status::UnknownMechanism),
    ] {
        denied(
            bench.send(sign_args(pair.private, mech, bytes(b"data"))),
            expected,
        )?;
    }
    Ok(Outcome::Passed)
}

fn named_twice(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let pair = bench.rsa(512, may(Op::KNOWN_PERMS), may(Op::KNOWN_PERMS))?;
    let sig = bench.sign(pair.private, Mech::RSAhSHA1pPKCS1, bytes(b"data"))?;
    let verify = |mech| VerifyArgs {
        mech,
        ..verify_args(pair.public, bytes(b"data"), sig.clone())
    };
    bench.send(verify(Mech::RSAhSHA1pPKCS1))?;
    denied(
        bench.send(verify(Mech::RSAhSHA256pPKCS1)),
        Status::MechanismNotExpected,
    )?;
    let cipher = bench
        .send(encrypt_args(pair.public, Mech::RSApPKCS1, bytes(b"data")))?
        .cipher;
    let decrypt = |mech| DecryptArgs {
        mech,
        ..decrypt_args(pair.private, cipher.clone())
    };
    bench.send(decrypt(Mech::RSApPKCS1))?;
    denied(
        bench.send(decrypt(Mech::RSApPKCS1OAEP)),
        Status::MechanismNotExpected,
    )?;
    let iv = IV {
        mech: Mech::RSApPKCS1OAEPhSHA256,
        iv: MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV::default()),
    };
    let encrypt = EncryptArgs {
        given_iv: Some(iv),
        ..encrypt_args(pair.public, Mech::RSApPKCS1OAEP, bytes(b"x"))
    };
    denied(bench.send(encrypt), Status::MechanismNotExpected)?;
    Ok(Outcome::Passed)
}

fn certify(rig: &Rig) -> anyhow::Result<Outcome> {
    use ncore::codec::to_bytes;
    use ncore::profile::WireProfile;

    let bench = Bench::open(rig)?;
    let signer = bench
        .send(GetKMLArgs {
            module: bench.module,
        })?
        .idka;
    let KeyTypeData::DSAPublic(kml) = bench.export(signer)?.data else {
        bail!("KML is no DSA key")
    };
    let (private, public) = (may(Op::SIGN), may(Op::VERIFY));
    let mut args = bench.pair_args(rsa_params(512), private.clone(), public.clone());
    args.flags = GenerateKeyPairArgs::CERTIFY;
    let pair = bench.send(args)?;
    let hash = bench.hash_of(pair.keypriv)?;
    for (cert, acl) in [(pair.certpriv, private), (pair.certpub, public)] {
        let cert = cert.context("no certificate")?;
        let profile = WireProfile::DEFAULT;
        // Message type 2, no flags, how the key was made, its list, its hash.
        let expected = [
            vec![2, 0, 0, 0, 0, 0, 0, 0],
            to_bytes(&rsa_params(512), &profile)?,
            to_bytes(&acl, &profile)?,
            hash.to_vec(),
        ]
        .concat();
        is(cert.modcertmsg.clone(), expected, "the message")?;
        let MechCipher::DSA(signature) = &cert.signature.data else {
            bail!("no DSA signature")
        };
        let digest = match cert.signature.mech {
            Mech::DSA => Hash::Sha1.digest(&cert.modcertmsg),
            Mech::DSAhSHA256 => Hash::Sha256.digest(&cert.modcertmsg),
            other => bail!("KML signs by {other}"),
        };
        let verifies = |digest: &[u8]| {
            crate::oracle::numbers::dsa_verifies(
                &kml.dlg,
                &kml.y,
                digest,
                &signature.r,
                &signature.s,
            )
        };
        ensure!(verifies(&digest), "the certificate does not verify");
        ensure!(
            !verifies(&Hash::Sha1.digest(b"another")),
            "the oracle takes anything"
        );
        every_byte_counts(&bench, signer, &cert)?;
    }
    Ok(Outcome::Passed)
}

/// A certificate of which one byte is another, of the message or of the signature, is none.
fn every_byte_counts(bench: &Bench, signer: u32, cert: &ModuleCert) -> anyhow::Result<()> {
    let verify = |message: &[u8], signature: &CipherText| {
        let args = verify_args(signer, bytes(message), signature.clone());
        status(bench.send(args))
    };
    let message = &cert.modcertmsg;
    is(verify(message, &cert.signature), Status::OK, "as it is")?;
    for at in (0..message.len()).step_by(5).chain([message.len() - 1]) {
        let mut changed = message.clone();
        changed[at] ^= 1;
        is(
            verify(&changed, &cert.signature),
            Status::VerifyFailed,
            &format!("byte {at} of the message"),
        )?;
    }
    let MechCipher::DSA(numbers) = &cert.signature.data else {
        bail!("no DSA signature")
    };
    for part in ["r", "s"] {
        let whole = if part == "r" { &numbers.r } else { &numbers.s };
        let length = whole.to_be().len();
        for at in 0..length {
            let mut changed = whole.to_be();
            changed[at] ^= 1;
            let mut numbers = numbers.clone();
            let place = match part {
                "r" => &mut numbers.r,
                _ => &mut numbers.s,
            };
            *place = Bignum::from_be(&changed);
            let signature = CipherText {
                data: MechCipher::DSA(numbers),
                ..cert.signature.clone()
            };
            is(
                verify(message, &signature),
                Status::VerifyFailed,
                &format!("byte {at} of {part}"),
            )?;
        }
    }
    Ok(())
}

fn modulus(bench: &Bench, public: u32) -> anyhow::Result<Bignum> {
    modulus_of(&bench.export(public)?)
}

fn modulus_of(key: &KeyData) -> anyhow::Result<Bignum> {
    match &key.data {
        KeyTypeData::RSAPublic(key) => Ok(key.n.clone()),
        other => bail!("no RSA public key but {other:?}"),
    }
}
