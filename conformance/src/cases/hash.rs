//! Hashes: CPCreateHash, CPHashData, CPHashSessionKey, CPGetHashParam, CPSetHashParam, CPDuplicateHash, CPDestroyHash.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Arguments, ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, Function, NTE_BAD_ALGID, NTE_BAD_FLAGS,
    NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_BAD_UID, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{digest, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, SHA2, SHAMD5, block_cipher, is_on, session_key, signed_hash};

const CREATE: &str = "CryptoAPI reference: CryptCreateHash";
const DATA: &str = "CryptoAPI reference: CryptHashData";
const SESSION: &str = "CryptoAPI reference: CryptHashSessionKey";
const GET: &str = "CryptoAPI reference: CryptGetHashParam";
const SET: &str = "CryptoAPI reference: CryptSetHashParam";

pub(super) const CASES: &[Case] = &[
    Case::any(
        "hash.value.pieces",
        "It does not matter in which pieces data comes",
        DATA,
        value_pieces,
    )
    .covers(&[works(Function::HashData)]),
    Case::any(
        "hash.value.empty",
        "A hash without data has a value",
        GET,
        value_empty,
    )
    .covers(&[works(Function::GetHashParam)]),
    Case::any(
        "hash.value.finishes",
        "Reading the value finishes the hash",
        GET,
        value_finishes,
    )
    .covers(&[
        works(Function::GetHashParam),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::any(
        "hash.value.set",
        "A value that is set is the value, and finishes the hash",
        SET,
        value_set,
    )
    .covers(&[
        works(Function::SetHashParam),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::any(
        "hash.param.sizes",
        "Algorithm and size are told before there is data, by the rules of sizes",
        GET,
        param_sizes,
    )
    .covers(&[
        works(Function::GetHashParam),
        refuses(Function::GetHashParam, ERROR_MORE_DATA),
    ]),
    Case::any(
        "hash.param.unknown",
        "Unknown parameters and flags are refused",
        GET,
        param_unknown,
    )
    .covers(&[
        refuses(Function::GetHashParam, NTE_BAD_TYPE),
        refuses(Function::GetHashParam, NTE_BAD_FLAGS),
        refuses(Function::SetHashParam, NTE_BAD_TYPE),
        refuses(Function::SetHashParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "hash.create.unknown",
        "Algorithms that are no hash are refused",
        CREATE,
        create_unknown,
    )
    .covers(&[refuses(Function::CreateHash, NTE_BAD_ALGID)]),
    Case::new(
        "hash.create.without-key",
        "Keyed hashes need a key that suits them",
        CREATE,
        create_without_key,
    )
    .on(CIPHERS)
    .covers(&[refuses(Function::CreateHash, NTE_BAD_KEY)]),
    Case::any(
        "hash.data.flags",
        "CRYPT_USERDATA is ignored, and other flags are refused",
        DATA,
        data_flags,
    )
    .covers(&[
        works(Function::HashData),
        refuses(Function::HashData, NTE_BAD_FLAGS),
    ]),
    Case::new(
        "hash.data.sha-md5",
        "The hash of TLS client authentication takes a value only",
        DATA,
        data_sha_md5,
    )
    .on(SHAMD5)
    .covers(&[refuses(Function::HashData, NTE_BAD_ALGID)]),
    Case::new(
        "hash.mac.known",
        "A MAC is the last block of CBC with padding",
        "CryptoAPI reference: CALG_MAC; FIPS 113",
        mac_known,
    )
    .on(CIPHERS)
    .covers(&[works(Function::CreateHash), works(Function::GetHashParam)]),
    Case::new(
        "hash.session-key.bytes",
        "A session key goes into a hash in either order",
        SESSION,
        session_key_bytes,
    )
    .on(CIPHERS)
    .covers(&[works(Function::HashSessionKey)]),
    Case::new(
        "hash.session-key.refused",
        "Only session keys are hashed, into hashes that are open",
        SESSION,
        session_key_refused,
    )
    .on(CIPHERS)
    .covers(&[
        refuses(Function::HashSessionKey, NTE_BAD_KEY),
        refuses(Function::HashSessionKey, NTE_BAD_FLAGS),
        refuses(Function::HashSessionKey, NTE_BAD_HASH_STATE),
    ]),
    Case::any(
        "hash.duplicate.independent",
        "A duplicate goes its own way, also of a finished hash",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_independent,
    )
    .covers(&[
        works(Function::DuplicateHash),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::any(
        "hash.duplicate.flags",
        "A duplicate takes no flags",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_flags,
    )
    .covers(&[refuses(Function::DuplicateHash, ERROR_INVALID_PARAMETER)]),
    Case::any(
        "hash.destroy.once",
        "A hash is destroyed once",
        "CryptoAPI reference: CryptDestroyHash",
        destroy_once,
    )
    .covers(&[works(Function::DestroyHash)]),
    Case::any(
        "hash.destroy.unknown",
        "The provider knows hashes and contexts that it never gave out",
        "CryptoAPI reference: CryptDestroyHash",
        destroy_unknown,
    )
    .covers(&[refuses(Function::DestroyHash, NTE_BAD_UID)]),
];

/// The hashes that the provider has.
fn hashes(rig: &Rig) -> &'static [u32] {
    const HASHES: &[u32] = &[
        CALG_MD5,
        CALG_SHA1,
        CALG_SHA_256,
        CALG_SHA_384,
        CALG_SHA_512,
    ];
    if is_on(rig, SHA2) {
        HASHES
    } else {
        &HASHES[..2]
    }
}

fn value_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let message: Vec<u8> = (0..1000_u32).map(|index| index as u8).collect();
    for &algid in hashes(rig) {
        let hash = context.create_hash(algid, None)?;
        for piece in message.chunks(37) {
            hash.data(piece)?;
            hash.data(&[])?;
        }
        equal(
            hash.value()?,
            digest(algid, &message)?,
            &format!("hash {algid:#x}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn value_empty(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    equal(
        context.create_hash(CALG_SHA1, None)?.value()?,
        digest(CALG_SHA1, b"")?,
        "SHA-1 of nothing",
    )?;
    Ok(Outcome::Passed)
}

fn value_finishes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"abc")?;
    let value = hash.value()?;
    refused(hash.data(b"d"), NTE_BAD_HASH_STATE)?;
    equal(hash.value()?, value, "the value read again")?;
    Ok(Outcome::Passed)
}

fn value_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let algid = signed_hash(rig);
    let hash = context.create_hash(algid, None)?;
    let value: Vec<u8> = (0..digest(algid, b"")?.len() as u8).collect();
    hash.set_param(HP_HASHVAL, Some(&value), 0)?;
    equal(hash.value()?, value, "the value")?;
    refused(hash.data(b"d"), NTE_BAD_HASH_STATE)?;
    Ok(Outcome::Passed)
}

fn param_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, size) in [
        (CALG_MD5, 16_u32),
        (CALG_SHA1, 20),
        (CALG_SHA_384, 48),
        (CALG_SSL3_SHAMD5, 36),
    ] {
        let lacking = match algid {
            CALG_SHA_384 => !is_on(rig, SHA2),
            CALG_SSL3_SHAMD5 => !is_on(rig, SHAMD5),
            _ => false,
        };
        if lacking {
            continue;
        }
        let hash = context.create_hash(algid, None)?;
        equal(
            hash.param(HP_ALGID)?,
            algid.to_le_bytes().to_vec(),
            "HP_ALGID",
        )?;
        equal(
            hash.param(HP_HASHSIZE)?,
            size.to_le_bytes().to_vec(),
            "HP_HASHSIZE",
        )?;
    }
    let hash = context.hash(CALG_SHA1, b"abc")?;
    let asked = hash.param_into(HP_HASHVAL, Room::Ask, 0);
    equal(
        (asked.result, asked.length),
        (Ok(()), 20),
        "the answer to NULL",
    )?;
    let short = hash.param_into(HP_HASHVAL, Room::Bytes(19), 0);
    equal(
        (short.length, short.buffer),
        (20, vec![0; 19]),
        "a short buffer and its length",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    let long = hash.param_into(HP_HASHVAL, Room::Bytes(64), 0);
    equal(
        long.data()?,
        digest(CALG_SHA1, b"abc")?,
        "the value with room to spare",
    )?;
    Ok(Outcome::Passed)
}

fn param_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"abc")?;
    refused(hash.param(999), NTE_BAD_TYPE)?;
    refused(
        hash.param_into(HP_HASHSIZE, Room::Bytes(4), 1).result,
        NTE_BAD_FLAGS,
    )?;
    refused(hash.set_param(999, Some(&[0; 20]), 0), NTE_BAD_TYPE)?;
    refused(
        hash.set_param(HP_ALGID, Some(&CALG_MD5.to_le_bytes()), 0),
        NTE_BAD_TYPE,
    )?;
    refused(hash.set_param(HP_HASHVAL, Some(&[0; 20]), 2), NTE_BAD_FLAGS)?;
    refused(hash.set_hmac_info(CALG_SHA1, &[], &[]), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn create_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [0, CALG_AES_128, CALG_RSA_SIGN, 0x8006, 0x80ff] {
        refused(context.create_hash(algid, None), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn create_without_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_MAC, CALG_HMAC] {
        refused(context.create_hash(algid, None), NTE_BAD_KEY)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    let stream = context.gen_key(CALG_RC4, 0)?;
    refused(context.create_hash(CALG_MAC, Some(&stream)), NTE_BAD_KEY)?;
    let electronic = context.gen_key(block_cipher(rig).0, 0)?;
    electronic.set_word(KP_MODE, CRYPT_MODE_ECB)?;
    refused(
        context.create_hash(CALG_MAC, Some(&electronic)),
        NTE_BAD_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn data_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.data_with(b"abc", CRYPT_USERDATA)?;
    refused(hash.data_with(b"d", 2), NTE_BAD_FLAGS)?;
    equal(hash.value()?, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}

fn data_sha_md5(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    refused(
        context.create_hash(CALG_SSL3_SHAMD5, None)?.data(b"abc"),
        NTE_BAD_ALGID,
    )?;
    Ok(Outcome::Passed)
}

fn mac_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&plaintext_blob(CALG_DES, &hex("0123456789abcdef")), None, 0)?;
    key.set_param(KP_IV, Some(&hex("1234567890abcdef")), 0)?;
    // 24 bytes are three blocks, and a fourth of padding.
    let message = b"Now is the time for all ";
    let cipher = key.encrypt(message, 0)?;
    equal(
        cipher[..24].to_vec(),
        hex("e5c7cdde872bf27c 43e934008c389c0f 683788499a7c05f6"),
        "the cipher text of FIPS 81, appendix B",
    )?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    for piece in message.chunks(5) {
        mac.data(piece)?;
    }
    // The key moves on; the MAC has a copy.
    key.encrypt_into(&[0; 8], None, false, 0, Room::Bytes(8))
        .result?;
    equal(
        mac.param(HP_HASHSIZE)?,
        8_u32.to_le_bytes().to_vec(),
        "HP_HASHSIZE",
    )?;
    equal(mac.value()?, cipher[24..].to_vec(), "the MAC")?;
    Ok(Outcome::Passed)
}

fn session_key_bytes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, _, length) = block_cipher(rig);
    let bytes: Vec<u8> = (1..=length as u8).collect();
    let key = session_key(&context, cipher, &bytes)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.session_key(&key, CRYPT_LITTLE_ENDIAN)?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, &bytes)?,
        "the hash with CRYPT_LITTLE_ENDIAN",
    )?;
    let hash = context.hash(CALG_SHA1, b"before ")?;
    hash.session_key(&key, 0)?;
    let mut expected = b"before ".to_vec();
    expected.extend(bytes.iter().rev());
    equal(
        hash.value()?,
        digest(CALG_SHA1, &expected)?,
        "the hash with flags 0",
    )?;
    Ok(Outcome::Passed)
}

fn session_key_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_SIGNATURE, 512)?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    refused(hash.session_key(&pair, 0), NTE_BAD_KEY)?;
    refused(hash.session_key(&key, 2), NTE_BAD_FLAGS)?;
    hash.value()?;
    refused(hash.session_key(&key, 0), NTE_BAD_HASH_STATE)?;
    Ok(Outcome::Passed)
}

fn duplicate_independent(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"one ")?;
    let copy = hash.duplicate(0)?;
    hash.data(b"two")?;
    copy.data(b"three")?;
    equal(hash.value()?, digest(CALG_SHA1, b"one two")?, "the hash")?;
    equal(
        copy.value()?,
        digest(CALG_SHA1, b"one three")?,
        "the duplicate",
    )?;
    let finished = hash.duplicate(0)?;
    hash.destroy()?;
    refused(finished.data(b"more"), NTE_BAD_HASH_STATE)?;
    equal(
        finished.value()?,
        digest(CALG_SHA1, b"one two")?,
        "the duplicate of the finished hash",
    )?;
    Ok(Outcome::Passed)
}

fn duplicate_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    refused(
        context.create_hash(CALG_SHA1, None)?.duplicate(1),
        ERROR_INVALID_PARAMETER,
    )?;
    Ok(Outcome::Passed)
}

fn destroy_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"abc")?;
    let other = context.hash(CALG_SHA1, b"abc")?;
    hash.destroy()?;
    refused(hash.data(b"d"), ERROR_INVALID_PARAMETER)?;
    refused(hash.destroy(), ERROR_INVALID_PARAMETER)?;
    ensure!(
        other.value()? == digest(CALG_SHA1, b"abc")?,
        "another hash suffered"
    );
    Ok(Outcome::Passed)
}

fn destroy_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let nothing = Arguments::of(usize::MAX);
    refused(
        rig.capi().spi()?.call(Function::DestroyHash, &nothing),
        NTE_BAD_UID,
    )?;
    Ok(Outcome::Passed)
}
