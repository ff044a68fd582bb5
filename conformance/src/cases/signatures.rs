//! CPSignHash and CPVerifySignature on every type: sizes, specifications, flags, and the states of the hash.

use anyhow::ensure;

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_MORE_DATA, Function, Hash, NTE_BAD_FLAGS, NTE_BAD_HASH_STATE, NTE_BAD_KEY,
    NTE_BAD_SIGNATURE, NTE_NO_KEY, Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, digest};
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, DSS, at_once, is_on, of, private_blob, public_blob, signature_len, signed, signer,
};

const SIGN: &str = "CryptoAPI reference: CryptSignHash";
const RULES: &str = "CRYPTSPI, section 3.12";

pub(super) const CASES: &[Case] = &[
    of(
        "signatures.size.rules",
        EVERY,
        "The size is told for NULL and for a short buffer, and the hash stays open",
        SIGN,
        size_rules,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::SignHash, ERROR_MORE_DATA),
        works(Function::HashData),
    ]),
    of(
        "signatures.key.later",
        EVERY,
        "A pair that takes the slot later signs a hash that was begun before",
        SIGN,
        key_later,
    )
    .covers(&[
        refuses(Function::SignHash, NTE_NO_KEY),
        works(Function::SignHash),
    ]),
    of(
        "signatures.key.replaced",
        EVERY,
        "A new pair in the slot signs in place of the old one",
        SIGN,
        key_replaced,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    of(
        "signatures.key.exchange",
        DSS,
        "The exchange pair of the DSS family is none, or does not sign",
        RULES,
        key_exchange,
    )
    .covers(&[works(Function::SignHash)]),
    of(
        "signatures.description.every",
        EVERY,
        "A description is part of what is signed, for every kind of key",
        SIGN,
        description,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    of(
        "signatures.description.finished",
        EVERY,
        "A finished hash takes no description",
        SIGN,
        description_finished,
    )
    .covers(&[refuses(Function::SignHash, NTE_BAD_HASH_STATE)]),
    of(
        "signatures.flags.type-2",
        EVERY,
        "CRYPT_TYPE2_FORMAT is defined without a use",
        SIGN,
        type_2,
    )
    .covers(&[works(Function::SignHash), works(Function::VerifySignature)]),
    of(
        "signatures.flags.unknown",
        EVERY,
        "Unknown flags are refused before key and hash are looked at",
        RULES,
        flags_unknown,
    )
    .covers(&[
        refuses(Function::SignHash, NTE_BAD_FLAGS),
        refuses(Function::VerifySignature, NTE_BAD_FLAGS),
    ]),
    of(
        "signatures.x931.round",
        RSA,
        "An X9.31 signature verifies as such, and not as PKCS #1",
        "CryptoAPI reference: CryptSignHash",
        x931_round,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    of(
        "signatures.short.modulus",
        RSA,
        "A modulus too short for the DigestInfo signs the bare value alone",
        "RFC 8017, section 9.2",
        short_modulus,
    )
    .covers(&[works(Function::SignHash)]),
    of(
        "signatures.container.threads",
        EVERY,
        "Threads sign with one container through contexts of their own",
        "CAPI guide, section 3",
        threads,
    )
    .covers(&[works(Function::SignHash), works(Function::AcquireContext)]),
];
fn size_rules(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let length = signature_len(rig);
    let hash = context.hash(CALG_SHA1, b"te")?;
    let asked = hash.sign_into(AT_SIGNATURE, None, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), length as u32),
        "the answer to NULL",
    )?;
    for room in [0, length - 1] {
        let short = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(room));
        equal(
            (short.length, short.buffer),
            (length as u32, vec![0; room]),
            "a short buffer",
        )?;
        refused(short.result, ERROR_MORE_DATA)?;
    }
    hash.data(b"xt")?;
    let long = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(length + 30));
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&long.data()?, &public, 0)?;
    Ok(Outcome::Passed)
}

fn key_later(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    refused(hash.sign(AT_SIGNATURE, 0), NTE_NO_KEY)?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &public, 0)?;
    Ok(Outcome::Passed)
}

fn key_replaced(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let old = context.import_key(&public_blob(rig)?, None, 0)?;
    let before = signed(&context, b"text")?;
    let new = context.gen_pair(AT_SIGNATURE, 512)?;
    let after = signed(&context, b"text")?;
    let check = |signature: &[u8], key| context.hash(CALG_SHA1, b"text")?.verify(signature, key, 0);
    check(&before, &old)?;
    check(&after, &new)?;
    refused(check(&after, &old), NTE_BAD_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn key_exchange(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    let (code, empty) = match is_on(rig, CIPHERS) {
        true => (NTE_BAD_KEY, NTE_NO_KEY),
        // There is no such slot at all.
        false => (NTE_NO_KEY, NTE_NO_KEY),
    };
    refused(hash.sign(AT_KEYEXCHANGE, 0), empty)?;
    if is_on(rig, CIPHERS) {
        context.gen_pair(AT_KEYEXCHANGE, 512)?;
    }
    refused(hash.sign(AT_KEYEXCHANGE, 0), code)?;
    hash.sign(AT_SIGNATURE, 0)?;
    Ok(Outcome::Passed)
}

fn describe(hash: &Hash, description: &str, length: usize) -> anyhow::Result<Vec<u8>> {
    let answer = hash.sign_into(AT_SIGNATURE, Some(description), 0, Room::Bytes(length));
    Ok(answer.data()?)
}

fn description(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    let signature = describe(&hash, "Größe", signature_len(rig))?;
    // UTF-16 behind the data, without its NUL.
    let units: Vec<u8> = "Größe".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let whole = [b"text", &units[..]].concat();
    equal(hash.value()?, digest(CALG_SHA1, &whole)?, "the value")?;
    context
        .hash(CALG_SHA1, &whole)?
        .verify(&signature, &public, 0)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    refused(hash.verify(&signature, &public, 0), NTE_BAD_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn description_finished(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    hash.value()?;
    let room = Room::Bytes(signature_len(rig));
    let answer = hash.sign_into(AT_SIGNATURE, Some("too late"), 0, room);
    refused(answer.result, NTE_BAD_HASH_STATE)?;
    // An empty one adds nothing.
    describe(&hash, "", signature_len(rig))?;
    Ok(Outcome::Passed)
}

fn type_2(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    let signature = hash.sign(AT_SIGNATURE, CRYPT_TYPE2_FORMAT)?;
    for flags in [0, CRYPT_TYPE2_FORMAT] {
        context
            .hash(CALG_SHA1, b"text")?
            .verify(&signature, &public, flags)?;
    }
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    for flags in [8, 0x100, 0x8000_0000] {
        // Without a pair there would be no key, and the signature is too short.
        refused(hash.sign(AT_SIGNATURE, flags), NTE_BAD_FLAGS)?;
        refused(hash.verify(&[1; 3], &public, flags), NTE_BAD_FLAGS)?;
    }
    hash.data(b"goes on")?;
    Ok(Outcome::Passed)
}

fn x931_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let private = RsaPrivate::new(1024)?;
    let key = context.import_key(&private.to_blob(CALG_RSA_SIGN)?, None, 0)?;
    let x931 = context
        .hash(CALG_SHA1, b"text")?
        .sign(AT_SIGNATURE, CRYPT_X931_FORMAT)?;
    let pkcs1 = signed(&context, b"text")?;
    ensure!(x931 != pkcs1, "the formats are one");
    let check = |signature: &[u8], flags| {
        context
            .hash(CALG_SHA1, b"text")?
            .verify(signature, &key, flags)
    };
    check(&x931, CRYPT_X931_FORMAT)?;
    refused(check(&x931, 0), NTE_BAD_SIGNATURE)?;
    refused(check(&pkcs1, CRYPT_X931_FORMAT), NTE_BAD_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn short_modulus(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    // 48 bytes: SHA-1 with its DigestInfo and padding takes 46, SHA-1 and MD5 alone 47.
    let key = context.gen_pair(AT_SIGNATURE, 384)?;
    let signature = signed(&context, b"text")?;
    equal(signature.len(), 48, "bytes of the signature")?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &key, 0)?;
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    hash.set_param(HP_HASHVAL, Some(&[5; 36]), 0)?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    hash.set_param(HP_HASHVAL, Some(&[5; 36]), 0)?;
    hash.verify(&signature, &key, 0)?;
    Ok(Outcome::Passed)
}

fn threads(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let sign = |thread: u8| -> anyhow::Result<()> {
        let own = rig.capi().acquire(Some(&name), CRYPT_SILENT)?;
        let public = own.import_key(&public_blob(rig)?, None, 0)?;
        for round in 0..4 {
            let text = [thread, round];
            let signature = signed(&own, &text)?;
            own.hash(CALG_SHA1, &text)?.verify(&signature, &public, 0)?;
        }
        Ok(())
    };
    at_once(8, sign)?;
    Ok(Outcome::Passed)
}
