//! HMACs and MACs: the keys they are made with, HP_HMAC_INFO, and what they refuse.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{Function, NTE_BAD_ALGID, NTE_BAD_HASH_STATE, NTE_BAD_KEY, Room};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::digest;
use crate::oracle::hashes::Hash as Oracle;
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, block_cipher, hmac_key, hmac_of, of, public_blob, session_key};

const CREATE: &str = "CryptoAPI reference: CryptCreateHash";
const HMAC: &str = "CRYPTSPI, section 4.2; CryptoAPI reference: HMAC_INFO";

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
];

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
