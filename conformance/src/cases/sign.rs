//! Signatures: CPSignHash and CPVerifySignature.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_MORE_DATA, Function, NTE_BAD_ALGID, NTE_BAD_FLAGS, NTE_BAD_HASH_STATE,
    NTE_BAD_KEY, NTE_BAD_SIGNATURE, NTE_NO_KEY, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, RsaPublic, digest};
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, SHA2, at_once, block_cipher, is_on, signed_hash};

const SIGN: &str = "CryptoAPI reference: CryptSignHash";
const VERIFY: &str = "CryptoAPI reference: CryptVerifySignature";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sign.rsa.sha256",
        "A hash signed in the module verifies elsewhere",
        SIGN,
        rsa_sha256,
    )
    .covers(&[works(Function::SignHash), works(Function::ExportKey)]),
    Case::new(
        "sign.rsa.every-hash",
        "Every hash that can be signed has its DigestInfo",
        "RFC 8017, section 9.2",
        every_hash,
    )
    .covers(&[works(Function::SignHash)]),
    Case::new(
        "sign.rsa.every-length",
        "Keys of every length sign",
        SIGN,
        every_length,
    )
    .covers(&[works(Function::SignHash)]),
    Case::new(
        "sign.rsa.bare",
        "CRYPT_NOHASHOID leaves the DigestInfo out",
        SIGN,
        bare,
    )
    .covers(&[works(Function::SignHash)]),
    Case::new(
        "sign.rsa.sha-md5",
        "The 36 bytes of TLS client authentication are signed without DigestInfo",
        "RFC 2246, section 7.4.8",
        sha_md5,
    )
    .covers(&[works(Function::SignHash), works(Function::SetHashParam)]),
    Case::new(
        "sign.rsa.exchange-key",
        "An exchange pair signs too",
        "CAPI guide, section 7",
        exchange_key,
    )
    .covers(&[works(Function::SignHash)]),
    Case::new(
        "sign.rsa.known-key",
        "An imported key gives the one signature that PKCS#1 v1.5 has",
        "RFC 8017, section 8.2.1",
        known_key,
    )
    .covers(&[works(Function::SignHash), works(Function::ImportKey)]),
    Case::new(
        "sign.value.set",
        "A hash value that was set is signed like one that was computed",
        SIGN,
        value_set,
    )
    .covers(&[works(Function::SignHash), works(Function::SetHashParam)]),
    Case::new(
        "sign.value.finished",
        "Signing finishes the hash, and asking for the size does not",
        SIGN,
        value_finished,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "sign.description.hashed",
        "A description is part of what is signed",
        SIGN,
        description,
    )
    .covers(&[
        works(Function::SignHash),
        works(Function::VerifySignature),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    Case::new(
        "sign.size.rules",
        "The size is told for NULL and for a short buffer",
        SIGN,
        size_rules,
    )
    .covers(&[
        works(Function::SignHash),
        refuses(Function::SignHash, ERROR_MORE_DATA),
    ]),
    Case::any(
        "sign.key.absent",
        "Without the pair there is no signature",
        SIGN,
        key_absent,
    )
    .covers(&[refuses(Function::SignHash, NTE_NO_KEY)]),
    Case::any(
        "sign.key.bad-specification",
        "A key specification that is none is refused",
        SIGN,
        bad_specification,
    )
    .covers(&[refuses(Function::SignHash, NTE_BAD_ALGID)]),
    Case::new("sign.hash.keyed", "A MAC is not signed", SIGN, hash_keyed)
        .on(CIPHERS)
        .covers(&[refuses(Function::SignHash, NTE_BAD_ALGID)]),
    Case::any(
        "sign.flags.unknown",
        "Unknown flags are refused",
        SIGN,
        flags_unknown,
    )
    .covers(&[
        refuses(Function::SignHash, NTE_BAD_FLAGS),
        refuses(Function::VerifySignature, NTE_BAD_FLAGS),
    ]),
    Case::new(
        "sign.threads.sixteen",
        "Sixteen threads sign with one key",
        "CAPI guide, section 3",
        sixteen_threads,
    )
    .covers(&[works(Function::SignHash)]),
    Case::new(
        "sign.verify.foreign",
        "A signature made elsewhere verifies, and each changed byte of it does not",
        VERIFY,
        verify_foreign,
    )
    .covers(&[
        works(Function::VerifySignature),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    Case::new(
        "sign.verify.wrong-key",
        "A signature does not verify with another key, or over another hash",
        VERIFY,
        verify_wrong_key,
    )
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_SIGNATURE)]),
    Case::new(
        "sign.verify.wrong-length",
        "A signature has the length of the modulus",
        VERIFY,
        verify_wrong_length,
    )
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_SIGNATURE)]),
    Case::new(
        "sign.verify.pair",
        "A pair's own handle verifies",
        VERIFY,
        verify_pair,
    )
    .covers(&[works(Function::VerifySignature)]),
    Case::new(
        "sign.verify.no-public-key",
        "A session key verifies nothing",
        VERIFY,
        verify_no_public_key,
    )
    .on(CIPHERS)
    .covers(&[refuses(Function::VerifySignature, NTE_BAD_KEY)]),
];

const HASHES: [u32; 5] = [
    CALG_MD5,
    CALG_SHA1,
    CALG_SHA_256,
    CALG_SHA_384,
    CALG_SHA_512,
];

/// A context with an ephemeral signature pair, and the pair's public half as the oracle has it.
fn signer(rig: &Rig, bits: u32) -> anyhow::Result<(Context, RsaPublic)> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_SIGNATURE, bits)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    Ok((context, public))
}

/// A context with an ephemeral signature pair of either kind.
fn any_signer(rig: &Rig) -> anyhow::Result<Context> {
    let context = rig.capi().verify_context()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    Ok(context)
}

fn rsa_sha256(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let (context, _) = rig.container()?;
    let key = context.gen_pair(AT_SIGNATURE, 2048)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    equal(public.algid, CALG_RSA_SIGN, "the blob's algorithm")?;
    let signature = context.hash(algid, b"softshield")?.sign(AT_SIGNATURE, 0)?;
    public.verify(algid, &digest(algid, b"softshield")?, &signature)?;
    Ok(Outcome::Passed)
}

fn every_hash(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig, 1024)?;
    let hashes = if is_on(rig, SHA2) {
        &HASHES[..]
    } else {
        &HASHES[..2]
    };
    for &algid in hashes {
        let signature = context.hash(algid, b"message")?.sign(AT_SIGNATURE, 0)?;
        public
            .verify(algid, &digest(algid, b"message")?, &signature)
            .with_context(|| format!("hash {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn every_length(rig: &Rig) -> anyhow::Result<Outcome> {
    for bits in [512, 1024, 1032, 2048, 3072] {
        let (context, public) = signer(rig, bits)?;
        let signature = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
        equal(signature.len() * 8, bits as usize, "bits of the signature")?;
        public
            .verify(CALG_SHA1, &digest(CALG_SHA1, b"message")?, &signature)
            .with_context(|| format!("{bits} bits"))?;
    }
    Ok(Outcome::Passed)
}

fn bare(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig, 1024)?;
    let value = digest(CALG_SHA1, b"message")?;
    let signature = context
        .hash(CALG_SHA1, b"message")?
        .sign(AT_SIGNATURE, CRYPT_NOHASHOID)?;
    public.verify_bare(&value, &signature)?;
    ensure!(
        public.verify(CALG_SHA1, &value, &signature).is_err(),
        "the DigestInfo is there"
    );
    // The provider takes both forms without the flag, and the bare one alone with it.
    let key = context.user_key(AT_SIGNATURE)?;
    context
        .hash(CALG_SHA1, b"message")?
        .verify(&signature, &key, 0)?;
    context
        .hash(CALG_SHA1, b"message")?
        .verify(&signature, &key, CRYPT_NOHASHOID)?;
    let prefixed = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    refused(
        context
            .hash(CALG_SHA1, b"message")?
            .verify(&prefixed, &key, CRYPT_NOHASHOID),
        NTE_BAD_SIGNATURE,
    )?;
    Ok(Outcome::Passed)
}

fn sha_md5(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig, 1024)?;
    let value: Vec<u8> = (0..36).collect();
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    hash.set_param(HP_HASHVAL, Some(&value), 0)?;
    public.verify_bare(&value, &hash.sign(AT_SIGNATURE, 0)?)?;
    Ok(Outcome::Passed)
}

fn exchange_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    let signature = context.hash(algid, b"message")?.sign(AT_KEYEXCHANGE, 0)?;
    public.verify(algid, &digest(algid, b"message")?, &signature)?;
    Ok(Outcome::Passed)
}

fn known_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let (context, name) = rig.container()?;
    let key = RsaPrivate::new(1024)?;
    context.import_key(&key.to_blob(CALG_RSA_SIGN)?, None, 0)?;
    let expected = key.sign_hash(algid, &digest(algid, b"message")?)?;
    equal(
        context.hash(algid, b"message")?.sign(AT_SIGNATURE, 0)?,
        expected.clone(),
        "the signature",
    )?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    equal(
        again.hash(algid, b"message")?.sign(AT_SIGNATURE, 0)?,
        expected,
        "the signature later",
    )?;
    Ok(Outcome::Passed)
}

fn value_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let (context, public) = signer(rig, 1024)?;
    let value = digest(algid, b"message")?;
    let hash = context.create_hash(algid, None)?;
    hash.set_param(HP_HASHVAL, Some(&value), 0)?;
    public.verify(algid, &value, &hash.sign(AT_SIGNATURE, 0)?)?;
    Ok(Outcome::Passed)
}

fn value_finished(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig, 512)?;
    let hash = context.hash(CALG_SHA1, b"one ")?;
    hash.sign_into(AT_SIGNATURE, None, 0, Room::Ask).result?;
    hash.data(b"two")?;
    let signature = hash.sign(AT_SIGNATURE, 0)?;
    public.verify(CALG_SHA1, &digest(CALG_SHA1, b"one two")?, &signature)?;
    refused(hash.data(b"three"), NTE_BAD_HASH_STATE)?;
    equal(
        hash.sign(AT_SIGNATURE, 0)?,
        signature,
        "the signature of the finished hash",
    )?;
    Ok(Outcome::Passed)
}

fn description(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, public) = signer(rig, 512)?;
    let signed = context.hash(CALG_SHA1, b"message")?;
    let signature = signed
        .sign_into(AT_SIGNATURE, Some("hé"), 0, Room::Bytes(64))
        .data()?;
    let value = signed.value()?;
    ensure!(
        value != digest(CALG_SHA1, b"message")?,
        "the description is not in the hash"
    );
    public.verify(CALG_SHA1, &value, &signature)?;
    let key = context.user_key(AT_SIGNATURE)?;
    context
        .hash(CALG_SHA1, b"message")?
        .verify_described(&signature, &key, Some("hé"), 0)?;
    for other in [None, Some("he")] {
        let answer = context
            .hash(CALG_SHA1, b"message")?
            .verify_described(&signature, &key, other, 0);
        refused(answer, NTE_BAD_SIGNATURE)?;
    }
    Ok(Outcome::Passed)
}

fn size_rules(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig, 1024)?;
    let hash = context.hash(CALG_SHA1, b"message")?;
    let asked = hash.sign_into(AT_SIGNATURE, None, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), 128),
        "the answer to NULL",
    )?;
    let short = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(127));
    equal(
        (short.length, short.buffer),
        (128, vec![0; 127]),
        "a short buffer and its length",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    let long = hash.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(200));
    equal(
        (long.result, long.length),
        (Ok(()), 128),
        "the answer with room to spare",
    )?;
    ensure!(
        long.buffer[128..].iter().all(|byte| *byte == 0),
        "more than the signature was written"
    );
    Ok(Outcome::Passed)
}

fn key_absent(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let hash = context.hash(CALG_SHA1, b"message")?;
    for room in [Room::Ask, Room::Bytes(256)] {
        refused(
            hash.sign_into(AT_SIGNATURE, None, 0, room).result,
            NTE_NO_KEY,
        )?;
    }
    if is_on(rig, CIPHERS) {
        context.gen_pair(AT_KEYEXCHANGE, 512)?;
    }
    refused(hash.sign(AT_SIGNATURE, 0), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn bad_specification(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = any_signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"message")?;
    for spec in [0, 3, CALG_RSA_SIGN] {
        refused(hash.sign(spec, 0), NTE_BAD_ALGID)
            .with_context(|| format!("specification {spec:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn hash_keyed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = any_signer(rig)?;
    let key = context.gen_key(CALG_3DES, 0)?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    mac.data(b"message")?;
    refused(
        mac.sign_into(AT_SIGNATURE, None, 0, Room::Bytes(64)).result,
        NTE_BAD_ALGID,
    )?;
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = any_signer(rig)?;
    let hash = context.hash(CALG_SHA1, b"message")?;
    refused(hash.sign(AT_SIGNATURE, 0x100), NTE_BAD_FLAGS)?;
    let key = context.user_key(AT_SIGNATURE)?;
    refused(hash.verify(&[0; 64], &key, 0x100), NTE_BAD_FLAGS)?;
    Ok(Outcome::Passed)
}

fn sixteen_threads(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let (context, public) = signer(rig, 1024)?;
    let sign = |thread: u8| -> anyhow::Result<()> {
        for round in 0..8 {
            let message = [thread, round];
            let signature = context.hash(algid, &message)?.sign(AT_SIGNATURE, 0)?;
            public.verify(algid, &digest(algid, &message)?, &signature)?;
        }
        Ok(())
    };
    at_once(16, sign)?;
    Ok(Outcome::Passed)
}

fn verify_foreign(rig: &Rig) -> anyhow::Result<Outcome> {
    let algid = signed_hash(rig);
    let foreign = RsaPrivate::new(1024)?;
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&foreign.to_public_blob(CALG_RSA_SIGN), None, 0)?;
    let signature = foreign.sign_hash(algid, &digest(algid, b"message")?)?;
    context
        .hash(algid, b"message")?
        .verify(&signature, &key, 0)?;
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1 << (at % 8);
        let answer = context.hash(algid, b"message")?.verify(&changed, &key, 0);
        refused(answer, NTE_BAD_SIGNATURE).with_context(|| format!("byte {at} changed"))?;
    }
    Ok(Outcome::Passed)
}

fn verify_wrong_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig, 512)?;
    let signature = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    let right = context.user_key(AT_SIGNATURE)?;
    // One that could have made the number: not below the modulus, it is refused before any arithmetic.
    let wrong = loop {
        let wrong = context.gen_pair(AT_KEYEXCHANGE, 512)?;
        let blob = wrong.export(PUBLICKEYBLOB, None, 0)?;
        if signature.iter().rev().lt(blob[20..].iter().rev()) {
            break wrong;
        }
    };
    refused(
        context
            .hash(CALG_SHA1, b"message")?
            .verify(&signature, &wrong, 0),
        NTE_BAD_SIGNATURE,
    )?;
    refused(
        context
            .hash(CALG_SHA1, b"massage")?
            .verify(&signature, &right, 0),
        NTE_BAD_SIGNATURE,
    )?;
    refused(
        context
            .hash(CALG_MD5, b"message")?
            .verify(&signature, &right, 0),
        NTE_BAD_SIGNATURE,
    )?;
    context
        .hash(CALG_SHA1, b"message")?
        .verify(&signature, &right, 0)?;
    Ok(Outcome::Passed)
}

fn verify_wrong_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig, 512)?;
    let signature = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    let key = context.user_key(AT_SIGNATURE)?;
    let mut longer = signature.clone();
    longer.push(0);
    for wrong in [&signature[..63], &longer, &[]] {
        let answer = context.hash(CALG_SHA1, b"message")?.verify(wrong, &key, 0);
        refused(answer, NTE_BAD_SIGNATURE).with_context(|| format!("{} bytes", wrong.len()))?;
    }
    Ok(Outcome::Passed)
}

fn verify_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = signer(rig, 512)?;
    let signature = context.hash(CALG_SHA1, b"message")?.sign(AT_SIGNATURE, 0)?;
    context
        .hash(CALG_SHA1, b"message")?
        .verify(&signature, &context.user_key(AT_SIGNATURE)?, 0)?;
    Ok(Outcome::Passed)
}

fn verify_no_public_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    refused(
        context
            .hash(CALG_SHA1, b"message")?
            .verify(&[0; 64], &key, 0),
        NTE_BAD_KEY,
    )?;
    Ok(Outcome::Passed)
}
