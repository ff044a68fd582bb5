//! CPVerifySignature on every type: lengths, numbers, and the state of the hash.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{
    Function, NTE_BAD_ALGID, NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_SIGNATURE, Room,
};
use crate::case::{Case, EVERY, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::digest;
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, DSS, SHAMD5, of, signature_len, signed, signer};

const SIGN: &str = "CryptoAPI reference: CryptSignHash";
const VERIFY: &str = "CryptoAPI reference: CryptVerifySignature";
const RULES: &str = "CRYPTSPI, section 3.12";

pub(super) const CASES: &[Case] = &[
    of(
        "signatures.hash.finished",
        EVERY,
        "Signing finishes the hash, which can be signed again",
        SIGN,
        hash_finished,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    of(
        "signatures.hash.read",
        EVERY,
        "A hash whose value was read is signed like any other",
        SIGN,
        hash_read,
    )
    .covers(&[works(Function::SignHash), works(Function::VerifySignature)]),
    of(
        "signatures.hash.set",
        EVERY,
        "A value that was set is signed, and verifies over the data",
        SIGN,
        hash_set,
    )
    .covers(&[
        works(Function::SetHashParam),
        works(Function::SignHash),
        works(Function::VerifySignature),
    ]),
    of(
        "signatures.hash.keyed",
        CIPHERS,
        "Keyed hashes are neither signed nor verified, and not finished by the attempt",
        RULES,
        hash_keyed,
    )
    .covers(&[
        refuses(Function::SignHash, NTE_BAD_ALGID),
        refuses(Function::VerifySignature, NTE_BAD_ALGID),
    ]),
    of(
        "signatures.hash.unset",
        SHAMD5,
        "The hash of TLS client authentication is not signed before it is set",
        RULES,
        hash_unset,
    )
    .covers(&[refuses(Function::SignHash, NTE_BAD_HASH_STATE)]),
    of(
        "signatures.hash.md5-dss",
        DSS,
        "DSS neither signs nor verifies MD5 values",
        "CryptoAPI reference: CryptSignHash",
        md5_dss,
    )
    .covers(&[
        refuses(Function::SignHash, NTE_BAD_ALGID),
        refuses(Function::VerifySignature, NTE_BAD_ALGID),
    ]),
    of(
        "signatures.verify.length",
        EVERY,
        "A signature of another length is wrong, whatever is in it",
        VERIFY,
        verify_length,
    )
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_SIGNATURE)]),
    of(
        "signatures.verify.changed",
        EVERY,
        "No bit of a signature is free",
        VERIFY,
        verify_changed,
    )
    .covers(&[
        works(Function::VerifySignature),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    of(
        "signatures.verify.finishes",
        EVERY,
        "Verifying finishes the hash, right or wrong",
        VERIFY,
        verify_finishes,
    )
    .covers(&[refuses(Function::HashData, NTE_BAD_HASH_STATE)]),
    of(
        "signatures.verify.elsewhere",
        EVERY,
        "A key of another context verifies nothing",
        VERIFY,
        verify_elsewhere,
    )
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_KEY)]),
    of(
        "signatures.verify.numbers",
        DSS,
        "Numbers outside the order are no signature",
        "FIPS 186-4, section 4.7",
        verify_numbers,
    )
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_SIGNATURE)]),
];
fn hash_finished(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    let (one, two) = (hash.sign(AT_SIGNATURE, 0)?, hash.sign(AT_SIGNATURE, 0)?);
    refused(hash.data(b"more"), NTE_BAD_HASH_STATE)?;
    equal(hash.value()?, digest(CALG_SHA1, b"text")?, "the value")?;
    for signature in [one, two] {
        context
            .hash(CALG_SHA1, b"text")?
            .verify(&signature, &public, 0)?;
    }
    Ok(Outcome::Passed)
}

fn hash_read(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    hash.value()?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    let again = context.hash(CALG_SHA1, b"text")?;
    again.value()?;
    again.verify(&signature, &public, 0)?;
    Ok(Outcome::Passed)
}

fn hash_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.set_param(HP_HASHVAL, Some(&digest(CALG_SHA1, b"text")?), 0)?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &public, 0)?;
    Ok(Outcome::Passed)
}

fn hash_keyed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let key = context.gen_key(CALG_DES, 0)?;
    let hmac = context.create_hash(CALG_HMAC, Some(&key))?;
    hmac.set_hmac_info(CALG_SHA1, &[], &[])?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    let length = signature_len(rig);
    for hash in [hmac, mac] {
        let answer = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(length));
        refused(answer.result, NTE_BAD_ALGID)?;
        refused(hash.verify(&vec![1; length], &public, 0), NTE_BAD_ALGID)?;
        hash.data(b"goes on")?;
    }
    Ok(Outcome::Passed)
}

fn hash_unset(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig)?;
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    let answer = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(64));
    refused(answer.result, NTE_BAD_HASH_STATE)?;
    Ok(Outcome::Passed)
}

fn md5_dss(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.hash(CALG_MD5, b"text")?;
    refused(hash.sign(AT_SIGNATURE, 0), NTE_BAD_ALGID)?;
    refused(hash.verify(&[1; 40], &public, 0), NTE_BAD_ALGID)?;
    Ok(Outcome::Passed)
}

fn verify_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let signature = signed(&context, b"text")?;
    let longer = [&signature[..], &[0]].concat();
    for wrong in [
        &[][..],
        &signature[..1],
        &signature[..signature.len() - 1],
        &longer,
    ] {
        let hash = context.hash(CALG_SHA1, b"text")?;
        refused(hash.verify(wrong, &public, 0), NTE_BAD_SIGNATURE)
            .with_context(|| format!("{} bytes", wrong.len()))?;
    }
    Ok(Outcome::Passed)
}

fn verify_changed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let signature = signed(&context, b"text")?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &public, 0)?;
    for bit in 0..signature.len() * 8 {
        let mut changed = signature.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let hash = context.hash(CALG_SHA1, b"text")?;
        refused(hash.verify(&changed, &public, 0), NTE_BAD_SIGNATURE)
            .with_context(|| format!("bit {bit}"))?;
    }
    Ok(Outcome::Passed)
}

fn verify_finishes(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let signature = signed(&context, b"text")?;
    for text in [&b"text"[..], b"other"] {
        let hash = context.hash(CALG_SHA1, text)?;
        let answer = hash.verify(&signature, &public, 0);
        equal(answer.is_ok(), text == b"text", "whether it verifies")?;
        refused(hash.data(b"more"), NTE_BAD_HASH_STATE)?;
    }
    Ok(Outcome::Passed)
}

fn verify_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig)?;
    let (_other, theirs) = signer(rig)?;
    let signature = signed(&context, b"text")?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    refused(hash.verify(&signature, &theirs, 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn verify_numbers(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let signature = signed(&context, b"text")?;
    let (r, s) = signature.split_at(20);
    let q = public.param(KP_Q)?;
    for (what, wrong) in [
        ("no r", [&[0; 20], s].concat()),
        ("no s", [r, &[0; 20]].concat()),
        ("the order for r", [&q[..], s].concat()),
        ("the order for s", [r, &q[..]].concat()),
        ("halves that changed places", [s, r].concat()),
        ("all ones", vec![0xff; 40]),
    ] {
        let hash = context.hash(CALG_SHA1, b"text")?;
        refused(hash.verify(&wrong, &public, 0), NTE_BAD_SIGNATURE).context(what)?;
    }
    Ok(Outcome::Passed)
}
