//! Hashes: CPCreateHash, CPHashData, CPHashSessionKey, CPGetHashParam, CPSetHashParam, CPDuplicateHash, CPDestroyHash.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, Function, Key, NTE_BAD_ALGID, NTE_BAD_FLAGS,
    NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_BAD_UID, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{digest, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

const CREATE: &str = "CryptoAPI reference: CryptCreateHash";
const DATA: &str = "CryptoAPI reference: CryptHashData";
const SESSION: &str = "CryptoAPI reference: CryptHashSessionKey";
const GET: &str = "CryptoAPI reference: CryptGetHashParam";
const SET: &str = "CryptoAPI reference: CryptSetHashParam";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "hash.value.known",
        "Hashes of a known message are those of the standards",
        "FIPS 180-4, RFC 1319, RFC 1321",
        value_known,
    )
    .covers(&[
        works(Function::CreateHash),
        works(Function::HashData),
        works(Function::GetHashParam),
    ]),
    Case::new(
        "hash.value.pieces",
        "It does not matter in which pieces data comes",
        DATA,
        value_pieces,
    )
    .covers(&[works(Function::HashData)]),
    Case::new(
        "hash.value.empty",
        "A hash without data has a value",
        GET,
        value_empty,
    )
    .covers(&[works(Function::GetHashParam)]),
    Case::new(
        "hash.value.finishes",
        "Reading the value finishes the hash",
        GET,
        value_finishes,
    )
    .covers(&[
        works(Function::GetHashParam),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "hash.value.set",
        "A value that is set is the value, and finishes the hash",
        SET,
        value_set,
    )
    .covers(&[
        works(Function::SetHashParam),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "hash.param.sizes",
        "Algorithm and size are told before there is data, by the rules of sizes",
        GET,
        param_sizes,
    )
    .covers(&[
        works(Function::GetHashParam),
        refuses(Function::GetHashParam, ERROR_MORE_DATA),
    ]),
    Case::new(
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
    Case::new(
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
    .covers(&[refuses(Function::CreateHash, NTE_BAD_KEY)]),
    Case::new(
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
    .covers(&[refuses(Function::HashData, NTE_BAD_ALGID)]),
    Case::new(
        "hash.hmac.known",
        "HMACs are those of the standards",
        "RFC 2202, RFC 4231",
        hmac_known,
    )
    .covers(&[
        works(Function::CreateHash),
        works(Function::SetHashParam),
        works(Function::GetHashParam),
    ]),
    Case::new(
        "hash.mac.known",
        "A MAC is the last block of CBC with padding",
        "CryptoAPI reference: CALG_MAC; FIPS 113",
        mac_known,
    )
    .covers(&[works(Function::CreateHash), works(Function::GetHashParam)]),
    Case::new(
        "hash.session-key.bytes",
        "A session key goes into a hash in either order",
        SESSION,
        session_key_bytes,
    )
    .covers(&[works(Function::HashSessionKey)]),
    Case::new(
        "hash.session-key.refused",
        "Only session keys are hashed, into hashes that are open",
        SESSION,
        session_key_refused,
    )
    .covers(&[
        refuses(Function::HashSessionKey, NTE_BAD_KEY),
        refuses(Function::HashSessionKey, NTE_BAD_FLAGS),
        refuses(Function::HashSessionKey, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "hash.duplicate.independent",
        "A duplicate goes its own way, also of a finished hash",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_independent,
    )
    .covers(&[
        works(Function::DuplicateHash),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "hash.duplicate.flags",
        "A duplicate takes no flags",
        "CryptoAPI reference: CryptDuplicateHash",
        duplicate_flags,
    )
    .covers(&[refuses(Function::DuplicateHash, ERROR_INVALID_PARAMETER)]),
    Case::new(
        "hash.destroy.once",
        "A hash is destroyed once",
        "CryptoAPI reference: CryptDestroyHash",
        destroy_once,
    )
    .covers(&[works(Function::DestroyHash)]),
    Case::new(
        "hash.destroy.unknown",
        "The provider knows hashes and contexts that it never gave out",
        "CryptoAPI reference: CryptDestroyHash",
        destroy_unknown,
    )
    .covers(&[refuses(Function::DestroyHash, NTE_BAD_UID)]),
];

fn value_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, expected) in [
        (CALG_MD2, "da853b0d3f88d99b30283a69e6ded6bb"),
        (CALG_MD5, "900150983cd24fb0d6963f7d28e17f72"),
        (CALG_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            CALG_SHA_256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            CALG_SHA_384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163 1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            CALG_SHA_512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ] {
        equal(
            context.hash(algid, b"abc")?.value()?,
            hex(expected),
            &format!("hash {algid:#x} of abc"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn value_pieces(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let message: Vec<u8> = (0..1000_u32).map(|index| index as u8).collect();
    for algid in [
        CALG_MD5,
        CALG_SHA1,
        CALG_SHA_256,
        CALG_SHA_384,
        CALG_SHA_512,
    ] {
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
    let hash = context.create_hash(CALG_SHA_256, None)?;
    let value: Vec<u8> = (0..32).collect();
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
    let electronic = context.gen_key(CALG_AES_128, 0)?;
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

/// An HMAC key of any length, imported as CryptoAPI imports one.
fn hmac_key(context: &Context, key: &[u8]) -> anyhow::Result<Key> {
    Ok(context.import_key(&plaintext_blob(CALG_RC2, key), None, CRYPT_IPSEC_HMAC_KEY)?)
}

fn hmac_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let long_key = [0xaa; 131];
    let cases: [(u32, &[u8], &[u8], &str); 5] = [
        (
            CALG_MD5,
            b"Jefe",
            b"what do ya want for nothing?",
            "750c783e6ab0b503eaa86e310a5db738",
        ),
        (
            CALG_SHA1,
            b"Jefe",
            b"what do ya want for nothing?",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            CALG_SHA_256,
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            CALG_SHA_256,
            &long_key,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            CALG_SHA_512,
            &long_key,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352
             6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ];
    for (algid, key, message, expected) in cases {
        let hash = context.create_hash(CALG_HMAC, Some(&hmac_key(&context, key)?))?;
        hash.set_hmac_info(algid, &[], &[])?;
        hash.data(message)?;
        equal(
            hash.value()?,
            hex(expected),
            &format!("HMAC of hash {algid:#x}"),
        )?;
    }
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
    let bytes: Vec<u8> = (1..=16).collect();
    let key = context.import_key(&plaintext_blob(CALG_AES_128, &bytes), None, 0)?;
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
    let key = context.gen_key(CALG_AES_128, 0)?;
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
    refused(
        rig.capi().spi_destroy_hash(usize::MAX, usize::MAX)?,
        NTE_BAD_UID,
    )?;
    Ok(Outcome::Passed)
}
