//! CPExportKey: sizes, types, flags and export keys, on every type.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_MORE_DATA, Function, NTE_BAD_FLAGS, NTE_BAD_KEY, NTE_BAD_KEY_STATE, NTE_BAD_PUBLIC_KEY,
    NTE_BAD_TYPE, NTE_NO_KEY, Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, DH, DSS, SCHANNEL, block_cipher, is_on, of, private_blob, public_blob,
};

const EXPORT: &str = "CryptoAPI reference: CryptExportKey";
const RULES: &str = "CRYPTSPI, section 3.14";

pub(super) const CASES: &[Case] = &[
    of(
        "exports.public.sizes",
        EVERY,
        "The size of a public key is told for NULL and for a short buffer",
        EXPORT,
        public_sizes,
    )
    .covers(&[
        works(Function::ExportKey),
        refuses(Function::ExportKey, ERROR_MORE_DATA),
    ]),
    of(
        "exports.public.same",
        EVERY,
        "Pair, imported key and duplicate give the same public key",
        EXPORT,
        public_same,
    )
    .covers(&[works(Function::ExportKey)]),
    of(
        "exports.public.wrong-key",
        EVERY,
        "A public key is exported under no other key",
        RULES,
        public_wrong_key,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY)]),
    of(
        "exports.public.session",
        CIPHERS,
        "A session key has no public key, and makes none secret",
        EXPORT,
        public_session,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_BAD_KEY),
        refuses(Function::ExportKey, NTE_BAD_PUBLIC_KEY),
    ]),
    of(
        "exports.type.unknown",
        EVERY,
        "Types of blobs that nobody exports are refused",
        EXPORT,
        type_unknown,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_TYPE)]),
    of(
        "exports.flags.unknown",
        EVERY,
        "Unknown flags are refused",
        EXPORT,
        flags_unknown,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_FLAGS)]),
    of(
        "exports.flags.unused",
        EVERY,
        "CRYPT_Y_ONLY is defined without a use",
        EXPORT,
        flags_unused,
    )
    .covers(&[works(Function::ExportKey)]),
    of(
        "exports.flags.version-3",
        RSA,
        "CRYPT_BLOB_VER3 changes nothing in an RSA key",
        EXPORT,
        version_3_rsa,
    )
    .covers(&[works(Function::ExportKey)]),
    of(
        "exports.flags.version-3-dss",
        DSS,
        "A blob of version 3 begins with the lengths of its numbers",
        "CryptoAPI reference: DSS Version 3 Public Key BLOBs",
        version_3_dss,
    )
    .covers(&[works(Function::ExportKey)]),
    of(
        "exports.flags.other-blobs",
        EVERY,
        "Flags of opaque blobs and of SSL 2.0 are refused elsewhere",
        EXPORT,
        flags_other,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_BAD_FLAGS),
        refuses(Function::ExportKey, NTE_BAD_KEY),
    ]),
    of(
        "exports.private.no-half",
        EVERY,
        "A public key has no private half to export",
        RULES,
        private_no_half,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_BAD_KEY),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
    ]),
    of(
        "exports.private.query",
        EVERY,
        "A private key is refused already when its size is asked for",
        "CAPI guide, section 7",
        private_query,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY_STATE)]),
    of(
        "exports.session.kept",
        CIPHERS,
        "A session key that is not exportable stays, in every kind of blob",
        EXPORT,
        session_kept,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY_STATE)]),
    of(
        "exports.session.sizes",
        CIPHERS,
        "The sizes of session keys' blobs are told for NULL and for a short buffer",
        EXPORT,
        session_sizes,
    )
    .covers(&[
        works(Function::ExportKey),
        refuses(Function::ExportKey, ERROR_MORE_DATA),
    ]),
    of(
        "exports.simple.no-key",
        CIPHERS,
        "A SIMPLEBLOB wants an exchange key",
        EXPORT,
        simple_no_key,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_NO_KEY),
        refuses(Function::ExportKey, NTE_BAD_PUBLIC_KEY),
    ]),
    of(
        "exports.simple.agreement",
        DH,
        "A Diffie-Hellman pair encrypts no session key",
        RULES,
        simple_agreement,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_PUBLIC_KEY)]),
    of(
        "exports.simple.differs",
        RSA,
        "Two SIMPLEBLOBs of one key differ, and hold the same",
        "RFC 8017, section 7.2.1",
        simple_differs,
    )
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    of(
        "exports.wrap.wrong-key",
        CIPHERS,
        "RFC 3217 wraps triple DES under triple DES and RC2 under RC2, nothing else",
        "RFC 3217",
        wrap_wrong_key,
    )
    .covers(&[
        works(Function::ExportKey),
        refuses(Function::ExportKey, NTE_BAD_KEY),
    ]),
    of(
        "exports.key.elsewhere",
        EVERY,
        "A key of another context exports nothing",
        EXPORT,
        key_elsewhere,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY)]),
];

fn public_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    let key = context.import_key(&blob, None, 0)?;
    let size = blob.len();
    let asked = key.export_into(PUBLICKEYBLOB, None, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), size as u32),
        "the answer to NULL",
    )?;
    for room in [0, size - 1] {
        let short = key.export_into(PUBLICKEYBLOB, None, 0, Room::Bytes(room));
        equal(
            (short.length, short.buffer),
            (size as u32, vec![0; room]),
            "a short buffer",
        )?;
        refused(short.result, ERROR_MORE_DATA)?;
    }
    let long = key.export_into(PUBLICKEYBLOB, None, 0, Room::Bytes(size + 9));
    equal(long.data()?, blob, "the blob with room to spare")?;
    Ok(Outcome::Passed)
}

fn public_same(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.import_key(&private_blob(rig)?, None, 0)?;
    let found = context.user_key(AT_SIGNATURE)?;
    let blob = public_blob(rig)?;
    let public = context.import_key(&blob, None, 0)?;
    let copy = public.duplicate(0)?;
    for key in [pair, found, public, copy] {
        equal(
            key.export(PUBLICKEYBLOB, None, 0)?,
            blob.clone(),
            "the public key",
        )?;
    }
    Ok(Outcome::Passed)
}

fn public_wrong_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(key.export(PUBLICKEYBLOB, Some(&key), 0), NTE_BAD_KEY)?;
    refused(key.export(PLAINTEXTKEYBLOB, None, 0), NTE_BAD_KEY)?;
    refused(key.export(SIMPLEBLOB, Some(&key), 0), NTE_BAD_KEY)?;
    refused(key.export(SYMMETRICWRAPKEYBLOB, Some(&key), 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn public_session(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let session = context.gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?;
    for blob_type in [PUBLICKEYBLOB, PRIVATEKEYBLOB] {
        refused(session.export(blob_type, None, 0), NTE_BAD_KEY)?;
    }
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(
        public.export(PUBLICKEYBLOB, Some(&session), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn type_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    let mut types = vec![0, 2, 5, PUBLICKEYBLOBEX, KEYSTATEBLOB, 13, 0x106];
    if !is_on(rig, SCHANNEL) {
        types.push(OPAQUEKEYBLOB);
    }
    for blob_type in types {
        refused(key.export(blob_type, None, 0), NTE_BAD_TYPE)
            .with_context(|| format!("type {blob_type}"))?;
    }
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    for flags in [8, 0x20, 0x100, 0x8000_0000] {
        refused(key.export(PUBLICKEYBLOB, None, flags), NTE_BAD_FLAGS)
            .with_context(|| format!("flags {flags:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn flags_unused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    let key = context.import_key(&blob, None, 0)?;
    equal(
        key.export(PUBLICKEYBLOB, None, CRYPT_Y_ONLY)?,
        blob,
        "the public key",
    )?;
    Ok(Outcome::Passed)
}

fn version_3_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = RsaPrivate::new(512)?.to_public_blob(CALG_RSA_KEYX);
    let key = context.import_key(&blob, None, 0)?;
    equal(
        key.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?,
        blob,
        "the public key",
    )?;
    Ok(Outcome::Passed)
}

fn version_3_dss(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let second = public_blob(rig)?;
    let third =
        context
            .import_key(&second, None, 0)?
            .export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?;
    equal(&third[..8], &[6, 3, 0, 0, 0, 0x22, 0, 0][..], "the head")?;
    let words: Vec<u8> = [512_u32, 160, 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    equal(
        &third[8..24],
        &[b"DSS3", &words[..]].concat()[..],
        "magic and lengths",
    )?;
    // Behind the seed stand the numbers of version 2, in its order.
    equal(&third[48..], &second[16..second.len() - 24], "the numbers")?;
    Ok(Outcome::Passed)
}

fn flags_other(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(
        key.export(PUBLICKEYBLOB, None, CRYPT_DESTROYKEY),
        NTE_BAD_FLAGS,
    )?;
    refused(
        key.export(PUBLICKEYBLOB, None, CRYPT_SSL2_FALLBACK),
        NTE_BAD_KEY,
    )?;
    key.export(PUBLICKEYBLOB, None, 0)?;
    Ok(Outcome::Passed)
}

fn private_no_half(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(public.export(PRIVATEKEYBLOB, None, 0), NTE_BAD_KEY)?;
    let pair = context.import_key(&private_blob(rig)?, None, 0)?;
    refused(pair.export(PRIVATEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    Ok(Outcome::Passed)
}

fn private_query(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let imported = context.import_key(&private_blob(rig)?, None, CRYPT_EXPORTABLE)?;
    let generated = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_EXPORTABLE)?;
    let found = context.user_key(AT_SIGNATURE)?;
    for key in [imported, generated, found] {
        for room in [Room::Ask, Room::Bytes(0), Room::Bytes(4096)] {
            refused(
                key.export_into(PRIVATEKEYBLOB, None, 0, room).result,
                NTE_BAD_KEY_STATE,
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn session_kept(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = context.gen_key(CALG_3DES, 0)?;
    let key = context.gen_key(CALG_3DES, 0)?;
    for room in [Room::Ask, Room::Bytes(200)] {
        let plain = key.export_into(PLAINTEXTKEYBLOB, None, 0, room);
        refused(plain.result, NTE_BAD_KEY_STATE)?;
        let wrapped = key.export_into(SYMMETRICWRAPKEYBLOB, Some(&wrapping), 0, room);
        refused(wrapped.result, NTE_BAD_KEY_STATE)?;
        if is_on(rig, SCHANNEL) {
            let opaque = key.export_into(OPAQUEKEYBLOB, None, 0, room);
            refused(opaque.result, NTE_BAD_KEY_STATE)?;
        }
    }
    Ok(Outcome::Passed)
}

fn session_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = context.gen_key(CALG_3DES, 0)?;
    let key = context.gen_key(CALG_3DES, CRYPT_EXPORTABLE)?;
    for (blob_type, export_key, size) in [
        (PLAINTEXTKEYBLOB, None, 12 + 24),
        (SYMMETRICWRAPKEYBLOB, Some(&wrapping), 12 + 40),
    ] {
        let asked = key.export_into(blob_type, export_key, 0, Room::Ask);
        equal(
            (asked.result, asked.length),
            (Ok(()), size),
            "the answer to NULL",
        )?;
        let room = size as usize - 1;
        let short = key.export_into(blob_type, export_key, 0, Room::Bytes(room));
        equal(
            (short.length, short.buffer),
            (size, vec![0; room]),
            "a short buffer",
        )?;
        refused(short.result, ERROR_MORE_DATA)?;
        key.export(blob_type, export_key, 0)?;
    }
    Ok(Outcome::Passed)
}

fn simple_no_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, CRYPT_EXPORTABLE)?;
    refused(key.export(SIMPLEBLOB, None, 0), NTE_NO_KEY)?;
    let signature = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(
        key.export(SIMPLEBLOB, Some(&signature), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    refused(key.export(SIMPLEBLOB, Some(&key), 0), NTE_BAD_PUBLIC_KEY)?;
    Ok(Outcome::Passed)
}

fn simple_agreement(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let key = context.gen_key(CALG_RC4, CRYPT_EXPORTABLE)?;
    refused(key.export(SIMPLEBLOB, Some(&pair), 0), NTE_BAD_PUBLIC_KEY)?;
    Ok(Outcome::Passed)
}

fn simple_differs(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let plain = plaintext_blob(CALG_RC4, &[0x42; 16]);
    let key = context.import_key(&plain, None, CRYPT_EXPORTABLE)?;
    let export = || key.export(SIMPLEBLOB, Some(&pair), 0);
    let (one, other) = (export()?, export()?);
    equal(&one[..12], &other[..12], "the heads")?;
    anyhow::ensure!(one != other, "the padding is not random");
    for blob in [one, other] {
        let found = context.import_key(&blob, Some(&pair), CRYPT_EXPORTABLE)?;
        equal(
            found.export(PLAINTEXTKEYBLOB, None, 0)?,
            plain.clone(),
            "the key",
        )?;
    }
    Ok(Outcome::Passed)
}

fn wrap_wrong_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = |algid| context.gen_key(algid, CRYPT_EXPORTABLE);
    let all = [CALG_DES, CALG_3DES_112, CALG_3DES, CALG_RC2, CALG_RC4];
    let fits = [
        (CALG_3DES, CALG_3DES),
        (CALG_3DES_112, CALG_3DES),
        (CALG_3DES_112, CALG_3DES_112),
        (CALG_RC2, CALG_RC2),
    ];
    for wrapped in all {
        for wrapping in all {
            let answer = key(wrapped)?.export(SYMMETRICWRAPKEYBLOB, Some(&key(wrapping)?), 0);
            let what = || format!("{wrapped:#x} under {wrapping:#x}");
            match fits.contains(&(wrapped, wrapping)) {
                true => drop(answer.with_context(what)?),
                false => refused(answer, NTE_BAD_KEY).with_context(what)?,
            }
        }
    }
    Ok(Outcome::Passed)
}

fn key_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    let theirs = other.import_key(&public_blob(rig)?, None, 0)?;
    refused(key.export(PUBLICKEYBLOB, Some(&theirs), 0), NTE_BAD_KEY)?;
    if is_on(rig, CIPHERS) {
        let session = context.gen_key(CALG_3DES, CRYPT_EXPORTABLE)?;
        let wrapping = other.gen_key(CALG_3DES, 0)?;
        for (blob_type, key) in [(SIMPLEBLOB, &theirs), (SYMMETRICWRAPKEYBLOB, &wrapping)] {
            refused(session.export(blob_type, Some(key), 0), NTE_BAD_KEY)?;
        }
    }
    Ok(Outcome::Passed)
}
