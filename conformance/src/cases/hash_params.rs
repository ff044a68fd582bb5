//! Keyed hashes, values that are set, and hashes beside keys of other contexts: the HP_ parameters and their edges.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Function, Hash, Key, NTE_BAD_ALGID, NTE_BAD_FLAGS, NTE_BAD_HASH, NTE_BAD_HASH_STATE,
    NTE_BAD_KEY, NTE_BAD_TYPE, Room,
};
use crate::case::{Case, EVERY, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::hashes::Hash as Oracle;
use crate::oracle::{digest, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, SHAMD5, block_cipher, is_on, public_blob, session_key};

const CREATE: &str = "CryptoAPI reference: CryptCreateHash";
const SET: &str = "CryptoAPI reference: CryptSetHashParam";
const HMAC: &str = "CRYPTSPI, section 4.2; CryptoAPI reference: HMAC_INFO";
const SESSION: &str = "CryptoAPI reference: CryptHashSessionKey";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    of(
        "hashes.hmac.pads",
        CIPHERS,
        "Strings of HMAC_INFO take the place of the pads, at their own lengths",
        HMAC,
        hmac_pads,
    )
    .covers(&[works(Function::SetHashParam), works(Function::GetHashParam)]),
    of(
        "hashes.hmac.usual-pads",
        CIPHERS,
        "The usual pads, given as strings, make the usual HMAC",
        HMAC,
        hmac_usual_pads,
    )
    .covers(&[works(Function::SetHashParam)]),
    of(
        "hashes.hmac.without-info",
        CIPHERS,
        "An HMAC without a hash takes no data, and has no value to read or to set",
        HMAC,
        hmac_without_info,
    )
    .covers(&[
        refuses(Function::HashData, NTE_BAD_ALGID),
        refuses(Function::HashSessionKey, NTE_BAD_ALGID),
        refuses(Function::GetHashParam, NTE_BAD_ALGID),
        refuses(Function::SetHashParam, NTE_BAD_ALGID),
    ]),
    of(
        "hashes.hmac.once-begun",
        CIPHERS,
        "The hash of an HMAC can be changed until data has come",
        HMAC,
        hmac_once_begun,
    )
    .covers(&[
        works(Function::SetHashParam),
        refuses(Function::SetHashParam, NTE_BAD_HASH_STATE),
    ]),
    of(
        "hashes.hmac.no-hash",
        CIPHERS,
        "An HMAC is not made of what is no plain hash",
        HMAC,
        hmac_no_hash,
    )
    .covers(&[refuses(Function::SetHashParam, NTE_BAD_ALGID)]),
    of(
        "hashes.hmac.any-key",
        CIPHERS,
        "Every session key makes an HMAC, of its bytes without salt",
        HMAC,
        hmac_any_key,
    )
    .covers(&[works(Function::CreateHash)]),
    of(
        "hashes.hmac.long-key",
        CIPHERS,
        "A key of two kilobytes makes an HMAC, and nothing else",
        "CRYPTSPI, section 3.15",
        hmac_long_key,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::Encrypt, NTE_BAD_KEY),
        refuses(Function::Decrypt, NTE_BAD_KEY),
        refuses(Function::CreateHash, NTE_BAD_KEY),
    ]),
    of(
        "hashes.key.copied",
        CIPHERS,
        "A keyed hash outlives the key that it was made with",
        CREATE,
        key_copied,
    )
    .covers(&[works(Function::DestroyKey), works(Function::GetHashParam)]),
    of(
        "hashes.mac.modes",
        CIPHERS,
        "A MAC wants a block cipher in CBC",
        CREATE,
        mac_modes,
    )
    .covers(&[refuses(Function::CreateHash, NTE_BAD_KEY)]),
    of(
        "hashes.mac.initial",
        CIPHERS,
        "A MAC begins at the initialisation vector, wherever the chain stands",
        "CRYPTSPI, section 3.8",
        mac_initial,
    )
    .covers(&[works(Function::CreateHash)]),
    of(
        "hashes.key.elsewhere",
        CIPHERS,
        "A key of another context makes no keyed hash",
        CREATE,
        key_elsewhere,
    )
    .covers(&[refuses(Function::CreateHash, NTE_BAD_KEY)]),
    of(
        "hashes.key.pair",
        CIPHERS,
        "A pair makes no keyed hash",
        CREATE,
        key_pair,
    )
    .covers(&[refuses(Function::CreateHash, NTE_BAD_KEY)]),
    of(
        "hashes.key.ignored",
        CIPHERS,
        "A plain hash ignores the key that it is given",
        "CRYPTSPI, section 3.8",
        key_ignored,
    )
    .covers(&[works(Function::CreateHash)]),
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

const fn of(
    id: &'static str,
    types: &'static [u32],
    title: &'static str,
    source: &'static str,
    run: Run,
) -> Case {
    Case::new(id, title, source, run).on(types)
}

/// An HMAC key of any length.
fn hmac_key(context: &crate::capi::Context, key: &[u8]) -> anyhow::Result<Key> {
    Ok(context.import_key(&plaintext_blob(CALG_RC2, key), None, CRYPT_IPSEC_HMAC_KEY)?)
}

fn hmac_of(context: &crate::capi::Context, key: &Key, algid: u32) -> anyhow::Result<Hash> {
    let hash = context.create_hash(CALG_HMAC, Some(key))?;
    hash.set_hmac_info(algid, &[], &[])?;
    Ok(hash)
}

fn hmac_pads(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = b"a key of some bytes";
    // Shorter than the key, a block, and more than a block.
    for (inner, outer) in [(5, 7), (64, 64), (100, 80), (1, 130)] {
        let (inner, outer) = (vec![0x11; inner], vec![0x22; outer]);
        let hash = context.create_hash(CALG_HMAC, Some(&hmac_key(&context, key)?))?;
        hash.set_hmac_info(CALG_SHA1, &inner, &outer)?;
        hash.data(b"message")?;
        let masked = |pad: &[u8]| -> Vec<u8> {
            let key = key.iter().chain(std::iter::repeat(&0));
            pad.iter().zip(key).map(|(pad, key)| pad ^ key).collect()
        };
        let first = digest(CALG_SHA1, &[masked(&inner), b"message".to_vec()].concat())?;
        let expected = digest(CALG_SHA1, &[masked(&outer), first].concat())?;
        let what = format!("pads of {} and {} bytes", inner.len(), outer.len());
        equal(hash.value()?, expected, &what)?;
    }
    Ok(Outcome::Passed)
}

fn hmac_usual_pads(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = hmac_key(&context, b"Jefe")?;
    let hash = context.create_hash(CALG_HMAC, Some(&key))?;
    hash.set_hmac_info(CALG_SHA1, &[0x36; 64], &[0x5c; 64])?;
    hash.data(b"what do ya want for nothing?")?;
    let expected = Oracle::Sha1.hmac(b"Jefe", b"what do ya want for nothing?");
    equal(hash.value()?, expected, "the HMAC of RFC 2202")?;
    Ok(Outcome::Passed)
}

fn hmac_without_info(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    let hash = context.create_hash(CALG_HMAC, Some(&key))?;
    refused(hash.data(b"abc"), NTE_BAD_ALGID)?;
    refused(hash.session_key(&key, 0), NTE_BAD_ALGID)?;
    refused(
        hash.param_into(HP_HASHVAL, Room::Bytes(20), 0).result,
        NTE_BAD_ALGID,
    )?;
    refused(hash.set_param(HP_HASHVAL, Some(&[0; 20]), 0), NTE_BAD_ALGID)?;
    equal(hash.param(HP_HASHSIZE)?, vec![0; 4], "HP_HASHSIZE")?;
    Ok(Outcome::Passed)
}

fn hmac_once_begun(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = hmac_key(&context, b"key")?;
    let hash = hmac_of(&context, &key, CALG_MD5)?;
    equal(
        hash.param(HP_HASHSIZE)?,
        16_u32.to_le_bytes().to_vec(),
        "HP_HASHSIZE of MD5",
    )?;
    hash.set_hmac_info(CALG_SHA1, &[], &[])?;
    equal(
        hash.param(HP_HASHSIZE)?,
        20_u32.to_le_bytes().to_vec(),
        "HP_HASHSIZE of SHA-1",
    )?;
    hash.data(b"message")?;
    refused(hash.set_hmac_info(CALG_MD5, &[], &[]), NTE_BAD_HASH_STATE)?;
    equal(
        hash.value()?,
        Oracle::Sha1.hmac(b"key", b"message"),
        "the HMAC",
    )?;
    refused(hash.set_hmac_info(CALG_MD5, &[], &[]), NTE_BAD_HASH_STATE)?;
    Ok(Outcome::Passed)
}

fn hmac_no_hash(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = hmac_key(&context, b"key")?;
    let hash = context.create_hash(CALG_HMAC, Some(&key))?;
    for algid in [0, CALG_MAC, CALG_HMAC, CALG_SSL3_SHAMD5, CALG_RC4] {
        refused(hash.set_hmac_info(algid, &[], &[]), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn hmac_any_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, _, length) = block_cipher(rig);
    for (algid, length) in [
        (cipher, length),
        (CALG_DES, 8),
        (CALG_RC2, 5),
        (CALG_RC4, 5),
        (CALG_RC4, 16),
    ] {
        let bytes: Vec<u8> = (0..length as u8).map(|byte| byte ^ 0x51).collect();
        let key = session_key(&context, algid, &bytes)?;
        let hash = hmac_of(&context, &key, CALG_SHA1)?;
        hash.data(b"message")?;
        let what = format!("{algid:#x} of {length} bytes");
        equal(hash.value()?, Oracle::Sha1.hmac(&bytes, b"message"), &what)?;
    }
    Ok(Outcome::Passed)
}

fn hmac_long_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let bytes: Vec<u8> = (0..2048_u32).map(|index| index as u8).collect();
    let key = hmac_key(&context, &bytes)?;
    let hash = hmac_of(&context, &key, CALG_MD5)?;
    hash.data(b"message")?;
    equal(
        hash.value()?,
        Oracle::Md5.hmac(&bytes, b"message"),
        "the HMAC",
    )?;
    refused(
        key.encrypt_into(b"text", None, true, 0, Room::Bytes(16))
            .result,
        NTE_BAD_KEY,
    )?;
    refused(key.decrypt(&[0; 8], 0), NTE_BAD_KEY)?;
    refused(context.create_hash(CALG_MAC, Some(&key)), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn key_copied(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = hmac_key(&context, b"key")?;
    let hash = hmac_of(&context, &key, CALG_SHA1)?;
    hash.data(b"mess")?;
    key.destroy()?;
    hash.data(b"age")?;
    equal(
        hash.value()?,
        Oracle::Sha1.hmac(b"key", b"message"),
        "the HMAC",
    )?;
    let key = context.gen_key(CALG_DES, 0)?;
    let expected = key.encrypt(b"message", 0)?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    key.destroy()?;
    mac.data(b"message")?;
    equal(mac.value()?, expected, "the MAC")?;
    Ok(Outcome::Passed)
}

fn mac_modes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    for mode in [CRYPT_MODE_ECB, CRYPT_MODE_CFB] {
        key.set_word(KP_MODE, mode)?;
        refused(context.create_hash(CALG_MAC, Some(&key)), NTE_BAD_KEY)?;
    }
    key.set_word(KP_MODE, CRYPT_MODE_CBC)?;
    context.create_hash(CALG_MAC, Some(&key))?;
    let stream = context.gen_key(CALG_RC4, 0)?;
    refused(context.create_hash(CALG_MAC, Some(&stream)), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn mac_initial(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    key.set_param(KP_IV, Some(&[8; 16][..block]), 0)?;
    let expected = key.encrypt(b"text", 0)?;
    key.encrypt_into(&vec![1; block], None, false, 0, Room::Bytes(block))
        .result?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    mac.data(b"text")?;
    equal(mac.value()?, expected, "the MAC")?;
    Ok(Outcome::Passed)
}

fn key_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let key = other.gen_key(CALG_DES, 0)?;
    for algid in [CALG_MAC, CALG_HMAC] {
        refused(context.create_hash(algid, Some(&key)), NTE_BAD_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn key_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    for algid in [CALG_MAC, CALG_HMAC] {
        refused(context.create_hash(algid, Some(&key)), NTE_BAD_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn key_ignored(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    let hash = context.create_hash(CALG_SHA1, Some(&key))?;
    hash.data(b"abc")?;
    equal(hash.value()?, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}

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
