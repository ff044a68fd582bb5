//! Known answers of the hashes, and of HMAC with each of them.

use anyhow::ensure;

use crate::capi::numbers::*;
use crate::capi::{Context, Function, Hash};
use crate::case::{Case, EVERY, Outcome};
use crate::coverage::works;
use crate::oracle::hex;
use crate::rig::{Rig, equal};
use crate::vectors::{self, Vector};

use super::family::{CIPHERS, OLD_HASHES, SHA2, hmac_key};

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "known.hash.md2",
        "MD2 gives the values of its RFC",
        "RFC 1319, section A.5",
        md2,
    )
    .on(OLD_HASHES)
    .covers(HASHING),
    hash("known.hash.md4", OLD_HASHES, |rig| {
        edges(rig, CALG_MD4, "MD4")
    }),
    hash("known.hash.md5", EVERY, |rig| edges(rig, CALG_MD5, "MD5")),
    hash("known.hash.sha1", EVERY, |rig| {
        edges(rig, CALG_SHA1, "SHA-1")
    }),
    hash("known.hash.sha256", SHA2, |rig| {
        edges(rig, CALG_SHA_256, "SHA-256")
    }),
    hash("known.hash.sha384", SHA2, |rig| {
        edges(rig, CALG_SHA_384, "SHA-384")
    }),
    hash("known.hash.sha512", SHA2, |rig| {
        edges(rig, CALG_SHA_512, "SHA-512")
    }),
    standard(
        "known.standard.md5",
        "RFC 1321, section A.5",
        EVERY,
        |rig| standards(rig, CALG_MD5, "MD5"),
    ),
    standard("known.standard.sha1", "FIPS 180-4", EVERY, |rig| {
        standards(rig, CALG_SHA1, "SHA-1")
    }),
    standard("known.standard.sha256", "FIPS 180-4", SHA2, |rig| {
        standards(rig, CALG_SHA_256, "SHA-256")
    }),
    standard("known.standard.sha384", "FIPS 180-4", SHA2, |rig| {
        standards(rig, CALG_SHA_384, "SHA-384")
    }),
    standard("known.standard.sha512", "FIPS 180-4", SHA2, |rig| {
        standards(rig, CALG_SHA_512, "SHA-512")
    }),
    hmac("known.hmac.md5", "RFC 2202, section 2", |rig| {
        hmacs(rig, CALG_MD5, "MD5")
    }),
    hmac("known.hmac.sha1", "RFC 2202, section 3", |rig| {
        hmacs(rig, CALG_SHA1, "SHA-1")
    }),
    hmac("known.hmac.sha256", "RFC 4231", |rig| {
        hmacs(rig, CALG_SHA_256, "SHA-256")
    }),
    hmac("known.hmac.sha384", "RFC 4231", |rig| {
        hmacs(rig, CALG_SHA_384, "SHA-384")
    }),
    hmac("known.hmac.sha512", "RFC 4231", |rig| {
        hmacs(rig, CALG_SHA_512, "SHA-512")
    }),
    hmac(
        "known.hmac.wycheproof-sha1",
        "Wycheproof: hmac_sha1_test",
        |rig| tags(rig, CALG_SHA1, "SHA-1"),
    ),
    hmac(
        "known.hmac.wycheproof-sha256",
        "Wycheproof: hmac_sha256_test",
        |rig| tags(rig, CALG_SHA_256, "SHA-256"),
    ),
    hmac(
        "known.hmac.wycheproof-sha384",
        "Wycheproof: hmac_sha384_test",
        |rig| tags(rig, CALG_SHA_384, "SHA-384"),
    ),
    hmac(
        "known.hmac.wycheproof-sha512",
        "Wycheproof: hmac_sha512_test",
        |rig| tags(rig, CALG_SHA_512, "SHA-512"),
    ),
];

const HASHING: &[crate::coverage::Cover] = &[
    works(Function::CreateHash),
    works(Function::HashData),
    works(Function::GetHashParam),
];

const fn hash(id: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(
        id,
        "The hash gives OpenSSL's values around the edges of its blocks",
        "CryptoAPI reference: CryptHashData",
        run,
    )
    .on(types)
    .covers(HASHING)
}

const fn standard(id: &'static str, source: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(id, "The hash gives the values of its standard", source, run)
        .on(types)
        .covers(HASHING)
}

const fn hmac(id: &'static str, source: &'static str, run: Run) -> Case {
    Case::new(
        id,
        "HMAC with this hash gives the published values",
        source,
        run,
    )
    .on(CIPHERS)
    .covers(
        const {
            &[
                works(Function::ImportKey),
                works(Function::CreateHash),
                works(Function::SetHashParam),
                works(Function::GetHashParam),
            ]
        },
    )
}

/// The vectors of one hash.
fn of_hash(text: &'static str, name: &str) -> anyhow::Result<Vec<Vector>> {
    let mut found = vectors::parse(text)?;
    found.retain(|vector| vector.text("hash") == name);
    ensure!(found.len() > 1, "{} vectors of {name}", found.len());
    Ok(found)
}

fn md2(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (message, expected) in [
        ("", "8350e5a3e24c153df2275c9f80692773"),
        ("a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"),
        ("abc", "da853b0d3f88d99b30283a69e6ded6bb"),
        ("message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        (
            "abcdefghijklmnopqrstuvwxyz",
            "4e8ddff3650292ab5a4108c3aa47940b",
        ),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "da33def2a42df13975352846c30338cd",
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "d5976f79d83d3a0dc9806c3c66f3efd8",
        ),
    ] {
        let hash = context.hash(CALG_MD2, message.as_bytes())?;
        equal(hash.value()?, hex(expected), message)?;
    }
    Ok(Outcome::Passed)
}

fn edges(rig: &Rig, algid: u32, name: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in of_hash(include_str!("../../../vectors/capi-hashes.txt"), name)? {
        let message = vec![b'a'; vector.text("length").parse()?];
        let expected = vector.bytes("digest");
        let what = vector.text("id");
        equal(
            context.hash(algid, &message)?.value()?,
            expected.clone(),
            what,
        )?;
        // The same in two pieces, the first of which ends within a block.
        let hash = context.create_hash(algid, None)?;
        let (one, two) = message.split_at(message.len() / 2);
        hash.data(one)?;
        hash.data(two)?;
        equal(hash.value()?, expected, what)?;
    }
    Ok(Outcome::Passed)
}

fn standards(rig: &Rig, algid: u32, name: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in of_hash(include_str!("../../../vectors/hashes.txt"), name)? {
        let found = context.hash(algid, &vector.bytes("msg"))?.value()?;
        equal(found, vector.bytes("digest"), vector.text("id"))?;
    }
    Ok(Outcome::Passed)
}

/// The HMAC of a vector's message, which comes in pieces.
fn computed(context: &Context, algid: u32, vector: &Vector) -> anyhow::Result<Hash> {
    let key = hmac_key(context, &vector.bytes("key"))?;
    let hash = context.create_hash(CALG_HMAC, Some(&key))?;
    hash.set_hmac_info(algid, &[], &[])?;
    for piece in vector.bytes("msg").chunks(20) {
        hash.data(piece)?;
    }
    Ok(hash)
}

fn hmacs(rig: &Rig, algid: u32, name: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in of_hash(include_str!("../../../vectors/hmac.txt"), name)? {
        let hash = computed(&context, algid, &vector)?;
        equal(hash.value()?, vector.bytes("tag"), vector.text("id"))?;
    }
    Ok(Outcome::Passed)
}

fn tags(rig: &Rig, algid: u32, name: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in of_hash(include_str!("../../../vectors/wycheproof-hmac.txt"), name)? {
        let tag = vector.bytes("tag");
        let value = computed(&context, algid, &vector)?.value()?;
        // Some tags are the first half of a value.
        let is_right = value.starts_with(&tag);
        equal(
            is_right,
            vector.text("result") == "valid",
            vector.text("id"),
        )?;
    }
    Ok(Outcome::Passed)
}
