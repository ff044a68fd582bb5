//! Known answers of RSA: signatures, verification and decryption with keys that others made.

use anyhow::{Context as _, ensure};
use num_bigint::BigUint;

use crate::capi::numbers::*;
use crate::capi::{Context, Function, Hash, Key, NTE_BAD_DATA, NTE_BAD_SIGNATURE};
use crate::case::{Case, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::blob_head;
use crate::rig::{Rig, equal, refused};
use crate::vectors::{self, Vector};

use super::family::{SHA2, little};

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

const SIGN: &str = "CryptoAPI reference: CryptSignHash";

pub(super) const CASES: &[Case] = &[
    signature("known.sign.md5", RSA, |rig| signs(rig, "MD5", "pkcs1")),
    signature("known.sign.sha1", RSA, |rig| signs(rig, "SHA-1", "pkcs1")),
    signature("known.sign.sha256", SHA2, |rig| {
        signs(rig, "SHA-256", "pkcs1")
    }),
    signature("known.sign.sha384", SHA2, |rig| {
        signs(rig, "SHA-384", "pkcs1")
    }),
    signature("known.sign.sha512", SHA2, |rig| {
        signs(rig, "SHA-512", "pkcs1")
    }),
    signature("known.sign.sha-md5", RSA, |rig| {
        signs(rig, "MD5 and SHA-1", "bare")
    }),
    signature("known.sign.bare-sha1", RSA, |rig| {
        signs(rig, "SHA-1", "bare")
    }),
    signature("known.sign.bare-sha512", SHA2, |rig| {
        signs(rig, "SHA-512", "bare")
    }),
    signature("known.sign.x931-sha1", RSA, |rig| {
        signs(rig, "SHA-1", "x931")
    }),
    signature("known.sign.x931-sha256", SHA2, |rig| {
        signs(rig, "SHA-256", "x931")
    }),
    signature("known.sign.x931-sha384", SHA2, |rig| {
        signs(rig, "SHA-384", "x931")
    }),
    signature("known.sign.x931-sha512", SHA2, |rig| {
        signs(rig, "SHA-512", "x931")
    }),
    verification(
        "known.verify.sha256-2048",
        "Wycheproof: rsa_signature_2048_sha256_test",
        |rig| verifies(rig, "SHA-256", 256),
    ),
    verification(
        "known.verify.sha384-2048",
        "Wycheproof: rsa_signature_2048_sha384_test",
        |rig| verifies(rig, "SHA-384", 256),
    ),
    verification(
        "known.verify.sha512-2048",
        "Wycheproof: rsa_signature_2048_sha512_test",
        |rig| verifies(rig, "SHA-512", 256),
    ),
    verification(
        "known.verify.sha512-3072",
        "Wycheproof: rsa_signature_3072_sha512_test",
        |rig| verifies(rig, "SHA-512", 384),
    ),
    decryption(
        "known.decrypt.pkcs1",
        "Wycheproof: rsa_pkcs1_2048_test",
        |rig| {
            decrypts(
                rig,
                include_str!("../../../vectors/wycheproof-rsa-pkcs1-decrypt.txt"),
                0,
            )
        },
    ),
    decryption(
        "known.decrypt.oaep",
        "Wycheproof: rsa_oaep_2048_sha1_mgf1sha1_test",
        |rig| {
            decrypts(
                rig,
                include_str!("../../../vectors/wycheproof-rsa-oaep.txt"),
                CRYPT_OAEP,
            )
        },
    ),
];

const fn signature(id: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(
        id,
        "The signature is the one that OpenSSL makes, and verifies",
        SIGN,
        run,
    )
    .on(types)
    .covers(
        const {
            &[
                works(Function::ImportKey),
                works(Function::SignHash),
                works(Function::VerifySignature),
            ]
        },
    )
}

const fn verification(id: &'static str, source: &'static str, run: Run) -> Case {
    Case::new(
        id,
        "Good signatures verify, and forged ones do not",
        source,
        run,
    )
    .on(SHA2)
    .covers(
        const {
            &[
                works(Function::VerifySignature),
                refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
            ]
        },
    )
}

const fn decryption(id: &'static str, source: &'static str, run: Run) -> Case {
    Case::new(
        id,
        "Good cipher texts come out, and malformed ones are refused",
        source,
        run,
    )
    .covers(
        const {
            &[
                works(Function::Decrypt),
                refuses(Function::Decrypt, NTE_BAD_DATA),
            ]
        },
    )
}

fn algorithm(name: &str) -> anyhow::Result<u32> {
    Ok(match name {
        "MD5" => CALG_MD5,
        "SHA-1" => CALG_SHA1,
        "SHA-256" => CALG_SHA_256,
        "SHA-384" => CALG_SHA_384,
        "SHA-512" => CALG_SHA_512,
        "MD5 and SHA-1" => CALG_SSL3_SHAMD5,
        other => anyhow::bail!("no hash {other}"),
    })
}

/// The PRIVATEKEYBLOB of two primes and an exponent.
fn private_blob(algid: u32, vector: &Vector) -> anyhow::Result<Vec<u8>> {
    let number = |name: &str| BigUint::from_bytes_be(&vector.bytes(name));
    let (p, q, e) = (number("p"), number("q"), number("e"));
    let one = BigUint::from(1_u32);
    let (below_p, below_q) = (&p - &one, &q - &one);
    let n = &p * &q;
    let d = e
        .modinv(&(&below_p * &below_q))
        .context("no such exponent")?;
    let length = n.bits().div_ceil(8) as usize;
    let half = length / 2;
    let coefficient = q.modinv(&p).context("the primes are one")?;
    let mut blob = blob_head(PRIVATEKEYBLOB, algid);
    blob.extend(b"RSA2");
    blob.extend((length as u32 * 8).to_le_bytes());
    blob.extend(little(&vector.bytes("e"), 4));
    for (number, length) in [
        (&n, length),
        (&p, half),
        (&q, half),
        (&(&d % &below_p), half),
        (&(&d % &below_q), half),
        (&coefficient, half),
        (&d, length),
    ] {
        blob.extend(little(&number.to_bytes_be(), length));
    }
    Ok(blob)
}

/// A hash that has a vector's value.
fn valued(context: &Context, vector: &Vector) -> anyhow::Result<Hash> {
    let hash = context.create_hash(algorithm(vector.text("hash"))?, None)?;
    hash.set_param(HP_HASHVAL, Some(&vector.bytes("digest")), 0)?;
    Ok(hash)
}

fn signs(rig: &Rig, hash: &str, padding: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut vectors = vectors::parse(include_str!("../../../vectors/capi-signatures.txt"))?;
    vectors.retain(|vector| vector.text("hash") == hash && vector.text("padding") == padding);
    ensure!(vectors.len() == 1, "{} vectors", vectors.len());
    let vector = &vectors[0];
    let key = context.import_key(&private_blob(CALG_RSA_SIGN, vector)?, None, 0)?;
    let flags = match padding {
        "bare" if hash != "MD5 and SHA-1" => CRYPT_NOHASHOID,
        "x931" => CRYPT_X931_FORMAT,
        _ => 0,
    };
    let expected = little(&vector.bytes("sig"), 128);
    equal(
        valued(&context, vector)?.sign(AT_SIGNATURE, flags)?,
        expected.clone(),
        "the signature",
    )?;
    valued(&context, vector)?.verify(&expected, &key, flags)?;
    Ok(Outcome::Passed)
}

fn verifies(rig: &Rig, hash: &str, length: usize) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut vectors = vectors::parse(include_str!(
        "../../../vectors/wycheproof-rsa-pkcs1-verify.txt"
    ))?;
    vectors.retain(|vector| vector.text("hash") == hash && vector.bytes("n").len() == length);
    ensure!(vectors.len() > 10, "{} vectors", vectors.len());
    for vector in vectors {
        let mut blob = blob_head(PUBLICKEYBLOB, CALG_RSA_SIGN);
        blob.extend(b"RSA1");
        blob.extend((length as u32 * 8).to_le_bytes());
        blob.extend(little(&vector.bytes("e"), 4));
        blob.extend(little(&vector.bytes("n"), length));
        let key = context.import_key(&blob, None, 0)?;
        let mut signature = vector.bytes("sig");
        signature.reverse();
        let answer = context
            .hash(algorithm(hash)?, &vector.bytes("msg"))?
            .verify(&signature, &key, 0);
        match vector.text("result") {
            "valid" => answer.with_context(|| vector.text("id"))?,
            // The form without DigestInfo, whatever the comment says of its first bytes: CryptoAPI takes it.
            _ if vector.text("comment").ends_with("00<hash>") => {
                answer.with_context(|| vector.text("id"))?;
            }
            "invalid" => refused(answer, NTE_BAD_SIGNATURE).with_context(|| vector.text("id"))?,
            // A DigestInfo without its NULL: a verifier may take it.
            _ => {}
        }
    }
    Ok(Outcome::Passed)
}

fn decrypts(rig: &Rig, text: &'static str, flags: u32) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut vectors = vectors::parse(text)?;
    if flags == CRYPT_OAEP {
        vectors.retain(|vector| vector.text("hash") == "SHA-1");
    }
    ensure!(vectors.len() > 10, "{} vectors", vectors.len());
    let mut current: Option<(Vec<u8>, Key)> = None;
    for vector in vectors {
        let blob = private_blob(CALG_RSA_KEYX, &vector)?;
        let key = match current.take() {
            Some((known, key)) if known == blob => key,
            _ => context.import_key(&blob, None, 0)?,
        };
        let handle = key.duplicate(0)?;
        current = Some((blob, key));
        if flags == CRYPT_OAEP {
            handle.set_blob(KP_OAEP_PARAMS, &vector.bytes("label"))?;
        }
        let mut cipher = vector.bytes("ct");
        cipher.reverse();
        let answer = handle.decrypt(&cipher, flags);
        match vector.text("result") {
            "invalid" => refused(answer, NTE_BAD_DATA).with_context(|| vector.text("id"))?,
            _ => equal(answer?, vector.bytes("msg"), vector.text("id"))?,
        }
    }
    Ok(Outcome::Passed)
}
