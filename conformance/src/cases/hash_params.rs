//! Keyed hashes, values that are set, and hashes beside keys of other contexts: the HP_ parameters and their edges.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Function, NTE_BAD_FLAGS, NTE_BAD_HASH, NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_TYPE, Room,
};
use crate::case::{Case, EVERY, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::digest;
use crate::oracle::hashes::Hash as Oracle;
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, SHAMD5, block_cipher, hmac_key, hmac_of, is_on, of, public_blob, session_key,
};

const CREATE: &str = "CryptoAPI reference: CryptCreateHash";
const SET: &str = "CryptoAPI reference: CryptSetHashParam";
const SESSION: &str = "CryptoAPI reference: CryptHashSessionKey";

pub(super) const CASES: &[Case] = &[
    of(
        "hashes.create.flags",
        EVERY,
        "A hash is made without flags",
        CREATE,
        create_flags,
    )
    .covers(&[refuses(Function::CreateHash, NTE_BAD_FLAGS)]),
    of(
        "hashes.value.replaced",
        EVERY,
        "A value that is set takes the place of what was hashed, or set before",
        SET,
        value_replaced,
    )
    .covers(&[
        works(Function::SetHashParam),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    of(
        "hashes.value.unset",
        SHAMD5,
        "The hash of TLS client authentication has no value until one is set",
        "CRYPTSPI, section 3.8",
        value_unset,
    )
    .covers(&[
        refuses(Function::GetHashParam, NTE_BAD_HASH_STATE),
        works(Function::SetHashParam),
    ]),
    of(
        "hashes.value.query",
        EVERY,
        "Asking for the size of the value does not finish the hash",
        "CRYPTSPI, section 4.2",
        value_query,
    )
    .covers(&[works(Function::GetHashParam), works(Function::HashData)]),
    of(
        "hashes.param.elsewhere",
        EVERY,
        "Parameters of other hashes are refused",
        SET,
        param_elsewhere,
    )
    .covers(&[
        refuses(Function::SetHashParam, NTE_BAD_TYPE),
        refuses(Function::GetHashParam, NTE_BAD_TYPE),
    ]),
    of(
        "hashes.data.long",
        EVERY,
        "A hash takes much data at once, and none at all",
        "CryptoAPI reference: CryptHashData",
        data_long,
    )
    .covers(&[works(Function::HashData)]),
    of(
        "hashes.duplicate.keyed",
        CIPHERS,
        "A duplicate of a keyed hash goes its own way",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_keyed,
    )
    .covers(&[works(Function::DuplicateHash)]),
    of(
        "hashes.duplicate.set",
        EVERY,
        "A duplicate of a hash whose value was set is finished with that value",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_set,
    )
    .covers(&[
        works(Function::DuplicateHash),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    of(
        "hashes.session-key.every",
        CIPHERS,
        "Every cipher's key goes into a hash as it is stored, with parity and without salt",
        SESSION,
        session_key_every,
    )
    .covers(&[works(Function::HashSessionKey)]),
    of(
        "hashes.session-key.elsewhere",
        EVERY,
        "A key of another context does not go into a hash",
        SESSION,
        session_key_elsewhere,
    )
    .covers(&[refuses(Function::HashSessionKey, NTE_BAD_KEY)]),
    of(
        "hashes.session-key.flags",
        EVERY,
        "Unknown flags are refused, whatever the key",
        SESSION,
        session_key_flags,
    )
    .covers(&[refuses(Function::HashSessionKey, NTE_BAD_FLAGS)]),
    of(
        "hashes.along.elsewhere",
        CIPHERS,
        "A hash of another context does not go along with encryption",
        "CryptoAPI reference: CryptEncrypt",
        along_elsewhere,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_HASH),
        refuses(Function::Decrypt, NTE_BAD_HASH),
    ]),
    of(
        "hashes.along.finished",
        CIPHERS,
        "A finished hash does not go along with encryption, and nothing is encrypted",
        "CryptoAPI reference: CryptEncrypt",
        along_finished,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_HASH_STATE),
        refuses(Function::Decrypt, NTE_BAD_HASH_STATE),
    ]),
    of(
        "hashes.along.parts",
        CIPHERS,
        "A hash that goes along with parts hashes the plain text without its padding",
        "CryptoAPI reference: CryptDecrypt",
        along_parts,
    )
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
];

fn create_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for flags in [1, 0x8000_0000] {
        refused(
            context.create_hash_with(CALG_SHA1, None, flags),
            NTE_BAD_FLAGS,
        )?;
    }
    Ok(Outcome::Passed)
}

fn value_replaced(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_MD5, b"abc")?;
    for value in [[1; 16], [2; 16]] {
        hash.set_param(HP_HASHVAL, Some(&value), 0)?;
        equal(hash.value()?, value.to_vec(), "the value")?;
        refused(hash.data(b"d"), NTE_BAD_HASH_STATE)?;
    }
    Ok(Outcome::Passed)
}

fn value_unset(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    refused(
        hash.param_into(HP_HASHVAL, Room::Bytes(36), 0).result,
        NTE_BAD_HASH_STATE,
    )?;
    let value: Vec<u8> = (1..=36).collect();
    hash.set_param(HP_HASHVAL, Some(&value), 0)?;
    equal(hash.value()?, value, "the value")?;
    Ok(Outcome::Passed)
}

fn value_query(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"ab")?;
    for room in [Room::Ask, Room::Bytes(19)] {
        equal(hash.param_into(HP_HASHVAL, room, 0).length, 20, "the size")?;
    }
    hash.param(HP_ALGID)?;
    hash.param(HP_HASHSIZE)?;
    hash.data(b"c")?;
    equal(hash.value()?, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}

fn param_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    for param in [HP_TLS1PRF_LABEL, HP_TLS1PRF_SEED] {
        refused(hash.set_blob(param, b"label"), NTE_BAD_TYPE)?;
        refused(hash.param(param), NTE_BAD_TYPE)?;
    }
    for param in [0, 3, 7, 0xffff_ffff] {
        refused(hash.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
    }
    let size = 20_u32.to_le_bytes();
    refused(hash.set_param(HP_HASHSIZE, Some(&size), 0), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn data_long(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let message: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.data(&[])?;
    hash.data(&message)?;
    hash.data(&[])?;
    equal(hash.value()?, digest(CALG_SHA1, &message)?, "the value")?;
    Ok(Outcome::Passed)
}

fn duplicate_keyed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_DES, 0)?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    mac.data(b"one block and ")?;
    let copy = mac.duplicate(0)?;
    mac.data(b"this")?;
    copy.data(b"that one")?;
    let last = |text: &[u8]| -> anyhow::Result<Vec<u8>> {
        let cipher = key.encrypt(text, 0)?;
        Ok(cipher[cipher.len() - 8..].to_vec())
    };
    equal(mac.value()?, last(b"one block and this")?, "the MAC")?;
    equal(
        copy.value()?,
        last(b"one block and that one")?,
        "the duplicate's",
    )?;
    let key = hmac_key(&context, b"key")?;
    let hash = hmac_of(&context, &key, CALG_SHA1)?;
    hash.data(b"mess")?;
    let copy = hash.duplicate(0)?;
    copy.data(b"age")?;
    equal(
        copy.value()?,
        Oracle::Sha1.hmac(b"key", b"message"),
        "the duplicate's HMAC",
    )?;
    equal(
        hash.value()?,
        Oracle::Sha1.hmac(b"key", b"mess"),
        "the HMAC",
    )?;
    Ok(Outcome::Passed)
}

fn duplicate_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.set_param(HP_HASHVAL, Some(&[7; 20]), 0)?;
    let copy = hash.duplicate(0)?;
    hash.destroy()?;
    equal(copy.value()?, vec![7; 20], "the value")?;
    refused(copy.data(b"more"), NTE_BAD_HASH_STATE)?;
    Ok(Outcome::Passed)
}

fn session_key_every(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, _, length) = block_cipher(rig);
    for (algid, length) in [
        (cipher, length),
        (CALG_DES, 8),
        (CALG_3DES_112, 16),
        (CALG_RC2, 5),
        (CALG_RC4, 5),
    ] {
        let bytes: Vec<u8> = (0..length as u8).map(|byte| byte * 2 + 1).collect();
        let key = session_key(&context, algid, &bytes)?;
        let hash = context.create_hash(CALG_MD5, None)?;
        hash.session_key(&key, CRYPT_LITTLE_ENDIAN)?;
        equal(
            hash.value()?,
            digest(CALG_MD5, &bytes)?,
            &format!("{algid:#x}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn session_key_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let key = match is_on(rig, CIPHERS) {
        true => other.gen_key(CALG_RC4, 0)?,
        false => other.import_key(&public_blob(rig)?, None, 0)?,
    };
    let hash = context.hash(CALG_SHA1, b"abc")?;
    refused(hash.session_key(&key, 0), NTE_BAD_KEY)?;
    equal(hash.value()?, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}

fn session_key_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    for flags in [2, 0x8000_0001] {
        refused(hash.session_key(&key, flags), NTE_BAD_FLAGS)?;
    }
    refused(hash.session_key(&key, CRYPT_LITTLE_ENDIAN), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn along_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let key = context.gen_key(CALG_RC4, 0)?;
    let hash = other.create_hash(CALG_SHA1, None)?;
    let answer = key.encrypt_into(b"text", Some(&hash), true, 0, Room::Bytes(4));
    refused(answer.result, NTE_BAD_HASH)?;
    refused(
        key.decrypt_into(b"text", Some(&hash), true, 0).result,
        NTE_BAD_HASH,
    )?;
    Ok(Outcome::Passed)
}

fn along_finished(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    let expected = key.encrypt(b"text", 0)?;
    let hash = context.hash(CALG_SHA1, b"abc")?;
    hash.value()?;
    let answer = key.encrypt_into(b"text", Some(&hash), false, 0, Room::Bytes(4));
    ensure!(answer.buffer == b"text", "the data was changed");
    refused(answer.result, NTE_BAD_HASH_STATE)?;
    let answer = key.decrypt_into(&expected, Some(&hash), false, 0);
    ensure!(answer.buffer == expected, "the data was changed");
    refused(answer.result, NTE_BAD_HASH_STATE)?;
    equal(
        key.encrypt(b"text", 0)?,
        expected,
        "the cipher text afterwards",
    )?;
    Ok(Outcome::Passed)
}

fn along_parts(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    let text: Vec<u8> = (0..2 * block as u8 + 3).collect();
    let expected = digest(CALG_SHA1, &text)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    let (one, two) = text.split_at(2 * block);
    let mut sealed = key
        .encrypt_into(one, Some(&hash), false, 0, Room::Bytes(2 * block))
        .data()?;
    sealed.extend(
        key.encrypt_into(two, Some(&hash), true, 0, Room::Bytes(block))
            .data()?,
    );
    equal(hash.value()?, expected.clone(), "the hash of encryption")?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    key.decrypt_into(&sealed[..block], Some(&hash), false, 0)
        .data()?;
    key.decrypt_into(&sealed[block..], Some(&hash), true, 0)
        .data()?;
    equal(hash.value()?, expected, "the hash of decryption")?;
    Ok(Outcome::Passed)
}
