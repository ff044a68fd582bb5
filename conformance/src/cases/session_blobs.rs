//! CPImportKey of session keys: SIMPLEBLOB, PLAINTEXTKEYBLOB, SYMMETRICWRAPKEYBLOB and OPAQUEKEYBLOB.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{
    Function, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY, NTE_BAD_PUBLIC_KEY,
    NTE_NO_KEY, Room,
};
use crate::case::{Case, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::ciphers::rc4;
use crate::oracle::{RsaPrivate, RsaPublic, blob_head, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, DH, SCHANNEL, block_cipher, bytes_of, changed, exchange, of, public_blob, session_key,
};

const IMPORT: &str = "CryptoAPI reference: CryptImportKey";
const RULES: &str = "CRYPTSPI, section 3.15";

pub(super) const CASES: &[Case] = &[
    of(
        "imports.public.exponent-1",
        RSA,
        "A key with the exponent 1 reads a session key out of its blob",
        RULES,
        exponent_1,
    )
    .covers(&[works(Function::ImportKey), works(Function::ExportKey)]),
    of(
        "imports.simple.long-rc2",
        RSA,
        "Longer RC2 keys than the provider makes decrypt and do not encrypt",
        RULES,
        long_rc2,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::Encrypt, NTE_BAD_KEY),
        works(Function::Decrypt),
    ]),
    of(
        "imports.simple.algorithm",
        RSA,
        "A session key under another algorithm than RSA exchange is refused",
        IMPORT,
        simple_algorithm,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_ALGID)]),
    of(
        "imports.simple.no-pair",
        RSA,
        "Without an exchange pair no session key comes in",
        RULES,
        simple_no_pair,
    )
    .covers(&[refuses(Function::ImportKey, NTE_NO_KEY)]),
    of(
        "imports.simple.length",
        RSA,
        "A session key of a length that its algorithm has not is bad data",
        RULES,
        simple_length,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.simple.dss",
        DH,
        "The DSS family has no pair that a session key could be encrypted for",
        RULES,
        simple_dss,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_PUBLIC_KEY)]),
    of(
        "imports.plain.hmac-key",
        CIPHERS,
        "CRYPT_IPSEC_HMAC_KEY is for plain RC2 blobs alone",
        IMPORT,
        hmac_key,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::ImportKey, NTE_BAD_FLAGS),
    ]),
    of(
        "imports.plain.parity",
        CIPHERS,
        "A DES key keeps the parity that it came with",
        "CryptoAPI reference: CryptExportKey",
        parity,
    )
    .covers(&[works(Function::ImportKey), works(Function::ExportKey)]),
    of(
        "imports.plain.salt",
        CIPHERS,
        "CRYPT_NO_SALT leaves the salt of a short key away",
        "CRYPTSPI, section 6",
        plain_salt,
    )
    .covers(&[works(Function::ImportKey), works(Function::Encrypt)]),
    of(
        "imports.wrap.triple-des",
        CIPHERS,
        "The wrapped key of the RFC's triple DES example comes out",
        "RFC 3217, section 3.4",
        wrap_triple_des,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::ImportKey, NTE_BAD_DATA),
    ]),
    of(
        "imports.wrap.rc2",
        CIPHERS,
        "The wrapped key of the RFC's RC2 example comes out",
        "RFC 3217, section 4.4",
        wrap_rc2,
    )
    .covers(&[works(Function::ImportKey)]),
    of(
        "imports.wrap.mismatch",
        CIPHERS,
        "A wrapping key of another algorithm than the blob's is refused",
        RULES,
        wrap_mismatch,
    )
    .covers(&[
        refuses(Function::ImportKey, NTE_BAD_ALGID),
        refuses(Function::ImportKey, NTE_BAD_KEY),
    ]),
    of(
        "imports.opaque.malformed",
        SCHANNEL,
        "An opaque blob that another provider made is bad data",
        IMPORT,
        opaque_malformed,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
];
fn exponent_1(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut blob = RsaPrivate::new(512)?.to_public_blob(CALG_RSA_KEYX);
    blob[16..20].copy_from_slice(&1_u32.to_le_bytes());
    let one = context.import_key(&blob, None, 0)?;
    let bytes: Vec<u8> = (1..=16).collect();
    let plain = plaintext_blob(CALG_RC4, &bytes);
    let key = context.import_key(&plain, None, CRYPT_EXPORTABLE)?;
    let simple = key.export(SIMPLEBLOB, Some(&one), 0)?;
    // To the power of one, the block is there as it is: little-endian, so the key's bytes come first and reversed.
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    equal(&simple[12..28], &reversed[..], "the key in the block")?;
    Ok(Outcome::Passed)
}

/// The SIMPLEBLOB of a key's bytes.
fn simple(public: &RsaPublic, algid: u32, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut blob = blob_head(SIMPLEBLOB, algid);
    blob.extend(CALG_RSA_KEYX.to_le_bytes());
    blob.extend(public.encrypt(bytes)?);
    Ok(blob)
}

fn long_rc2(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key, public) = exchange(rig, 1024)?;
    for bits in [136_u32, 256, 512] {
        let bytes: Vec<u8> = (0..bits / 8).map(|index| index as u8).collect();
        let long = context.import_key(&simple(&public, CALG_RC2, &bytes)?, Some(&key), 0)?;
        equal(long.param_word(KP_KEYLEN)?, bits, "KP_KEYLEN")?;
        equal(
            long.param_word(KP_EFFECTIVE_KEYLEN)?,
            bits,
            "KP_EFFECTIVE_KEYLEN",
        )?;
        let answer = long.encrypt_into(b"text", None, true, 0, Room::Bytes(8));
        refused(answer.result, NTE_BAD_KEY)?;
        long.decrypt_into(&[0; 8], None, false, 0).data()?;
        context.create_hash(CALG_MAC, Some(&long))?;
        context.create_hash(CALG_HMAC, Some(&long))?;
    }
    refused(
        context.import_key(&plaintext_blob(CALG_RC2, &[1; 17]), None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn simple_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key, public) = exchange(rig, 1024)?;
    let good = simple(&public, CALG_RC4, &[1; 16])?;
    context.import_key(&good, Some(&key), 0)?;
    for algid in [CALG_RSA_SIGN, CALG_DH_SF, CALG_3DES, 0] {
        let mut blob = good.clone();
        blob[8..12].copy_from_slice(&algid.to_le_bytes());
        refused(context.import_key(&blob, Some(&key), 0), NTE_BAD_ALGID)
            .with_context(|| format!("under {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn simple_no_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let public = RsaPublic::from_blob(&RsaPrivate::new(512)?.to_public_blob(CALG_RSA_KEYX))?;
    let blob = simple(&public, CALG_RC4, &[1; 16])?;
    refused(context.import_key(&blob, None, 0), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn simple_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key, public) = exchange(rig, 1024)?;
    for (algid, length) in [
        (CALG_RC4, 17),
        (CALG_RC4, 4),
        (CALG_DES, 7),
        (CALG_3DES, 16),
        (CALG_3DES_112, 24),
    ] {
        let blob = simple(&public, algid, &vec![1; length])?;
        refused(context.import_key(&blob, Some(&key), 0), NTE_BAD_DATA)
            .with_context(|| format!("{algid:#x} with {length} bytes"))?;
    }
    Ok(Outcome::Passed)
}

fn simple_dss(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let mut blob = blob_head(SIMPLEBLOB, CALG_RC4);
    blob.extend(CALG_RSA_KEYX.to_le_bytes());
    blob.extend([1; 64]);
    refused(
        context.import_key(&blob, Some(&pair), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    refused(context.import_key(&blob, None, 0), NTE_BAD_PUBLIC_KEY)?;
    Ok(Outcome::Passed)
}

fn hmac_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let import = |algid, length| {
        let blob = plaintext_blob(algid, &vec![1; length]);
        context.import_key(&blob, None, CRYPT_IPSEC_HMAC_KEY)
    };
    for length in [1, 4, 17, 200] {
        let key = import(CALG_RC2, length)?;
        equal(key.param_word(KP_KEYLEN)? as usize, length * 8, "KP_KEYLEN")?;
    }
    for algid in [CALG_RC4, CALG_3DES] {
        refused(import(algid, 24), NTE_BAD_FLAGS)?;
    }
    refused(
        context.import_key(&public_blob(rig)?, None, CRYPT_IPSEC_HMAC_KEY),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn parity(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, length) in [(CALG_DES, 8), (CALG_3DES_112, 16), (CALG_3DES, 24)] {
        let bytes: Vec<u8> = (0..length).map(|index| index * 3 + 1).collect();
        let blob = plaintext_blob(algid, &bytes);
        let key = context.import_key(&blob, None, CRYPT_EXPORTABLE)?;
        equal(bytes_of(&key)?, bytes.clone(), "the bytes")?;
        let cipher = key.encrypt(b"text", 0)?;
        // The lowest bit of a byte is no part of the key.
        let other: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
        let other = session_key(&context, algid, &other)?;
        equal(
            other.encrypt(b"text", 0)?,
            cipher,
            "the cipher text without regard to parity",
        )?;
    }
    Ok(Outcome::Passed)
}

fn plain_salt(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = plaintext_blob(CALG_RC4, &[1, 2, 3, 4, 5]);
    for (flags, salt) in [(0, 11), (CRYPT_NO_SALT, 0)] {
        let key = context.import_key(&blob, None, flags)?;
        let bytes = [vec![1, 2, 3, 4, 5], vec![0; salt]].concat();
        equal(key.param(KP_SALT)?, vec![0; salt], "KP_SALT")?;
        equal(
            key.encrypt(&[0; 16], 0)?,
            rc4(&bytes, &[0; 16]),
            "the key stream",
        )?;
    }
    Ok(Outcome::Passed)
}

/// A SYMMETRICWRAPKEYBLOB.
fn wrapped(algid: u32, wrapping: u32, text: &str) -> Vec<u8> {
    let mut blob = blob_head(SYMMETRICWRAPKEYBLOB, algid);
    blob.extend(wrapping.to_le_bytes());
    blob.extend(hex(text));
    blob
}

fn wrap_triple_des(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = hex("255e0d1c07b646df b3134cc843ba8aa7 1f025b7c0838251f");
    let wrapping = session_key(&context, CALG_3DES, &wrapping)?;
    let blob = wrapped(
        CALG_3DES,
        CALG_3DES,
        "690107618ef092b3 b48ca1796b234ae9 fa33ebb415960403 7db5d6a84eb3aac2 768c632775a467d4",
    );
    let key = context.import_key(&blob, Some(&wrapping), CRYPT_EXPORTABLE)?;
    let expected = hex("2923bf85e06dd6ae 529149f1f1bae9ea b3a7da3d860d3e98");
    equal(bytes_of(&key)?, expected, "the key")?;
    for at in 12..blob.len() {
        let changed = changed(&blob, at, blob[at] ^ 0x80);
        refused(
            context.import_key(&changed, Some(&wrapping), 0),
            NTE_BAD_DATA,
        )?;
    }
    Ok(Outcome::Passed)
}

fn wrap_rc2(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = session_key(
        &context,
        CALG_RC2,
        &hex("fd04fd08060707fb 0003fefffd02fe05"),
    )?;
    // Erratum 639 of the RFC.
    wrapping.set_word(KP_EFFECTIVE_KEYLEN, 40)?;
    let blob = wrapped(
        CALG_RC2,
        CALG_RC2,
        "70e699fb5701f783 3330fb71e87c85a4 20bdc99af05d22af 5a0e48d35f313898 6cbaafb4b28d4f35",
    );
    let key = context.import_key(&blob, Some(&wrapping), CRYPT_EXPORTABLE)?;
    equal(
        bytes_of(&key)?,
        hex("b70a25fbc9d86a86 050ce0d711ead4d9"),
        "the key",
    )?;
    Ok(Outcome::Passed)
}

fn wrap_mismatch(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = context.gen_key(CALG_3DES, 0)?;
    let blob = context.gen_key(CALG_3DES, CRYPT_EXPORTABLE)?.export(
        SYMMETRICWRAPKEYBLOB,
        Some(&wrapping),
        0,
    )?;
    let other = context.gen_key(CALG_RC2, 0)?;
    refused(context.import_key(&blob, Some(&other), 0), NTE_BAD_ALGID)?;
    let pair = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(context.import_key(&blob, Some(&pair), 0), NTE_BAD_KEY)?;
    refused(context.import_key(&blob, None, 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn opaque_malformed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?;
    let blob = key.export(OPAQUEKEYBLOB, None, 0)?;
    context.import_key(&blob, None, 0)?;
    for length in 1..blob.len() {
        refused(context.import_key(&blob[..length], None, 0), NTE_BAD_DATA)
            .with_context(|| format!("{length} bytes"))?;
    }
    refused(
        context.import_key(&changed(&blob, 8, 0), None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}
