//! Keys in blobs: CPExportKey and CPImportKey.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_MORE_DATA, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS,
    NTE_BAD_KEY, NTE_BAD_KEY_STATE, NTE_BAD_PUBLIC_KEY, NTE_BAD_TYPE, NTE_NO_KEY, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, RsaPublic, blob_head, digest, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{AES, CIPHERS, block_cipher, is_on, public_blob};

const EXPORT: &str = "CryptoAPI reference: CryptExportKey";
const IMPORT: &str = "CryptoAPI reference: CryptImportKey";
const LAYOUT: &str = "CryptoAPI reference: Base Provider Key BLOBs";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "blobs.public.layout",
        "A public key's blob has the documented layout",
        LAYOUT,
        public_layout,
    )
    .covers(&[works(Function::ExportKey)]),
    Case::new(
        "blobs.public.round",
        "A public key comes back byte for byte, and touches no container",
        IMPORT,
        public_round,
    )
    .covers(&[
        works(Function::ImportKey),
        works(Function::ExportKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::new(
        "blobs.private.never",
        "A private key is never exported",
        "CAPI guide, sections 3 and 7",
        private_never,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY_STATE)]),
    Case::new(
        "blobs.private.import",
        "A private key is imported into the module and works there",
        IMPORT,
        private_import,
    )
    .covers(&[
        works(Function::ImportKey),
        works(Function::GetUserKey),
        works(Function::SignHash),
    ]),
    Case::new(
        "blobs.private.cut",
        "The private exponent at the end may be missing",
        IMPORT,
        private_cut,
    )
    .covers(&[works(Function::ImportKey)]),
    Case::new(
        "blobs.private.ephemeral",
        "A private key imported into a CRYPT_VERIFYCONTEXT ends with it",
        IMPORT,
        private_ephemeral,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::new(
        "blobs.private.inconsistent",
        "A private key whose numbers do not fit is refused",
        IMPORT,
        private_inconsistent,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    Case::new(
        "blobs.plain.round",
        "An exportable session key comes out and back",
        LAYOUT,
        plain_round,
    )
    .on(CIPHERS)
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    Case::new(
        "blobs.plain.not-exportable",
        "A session key without CRYPT_EXPORTABLE stays",
        EXPORT,
        plain_not_exportable,
    )
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY_STATE)]),
    Case::new(
        "blobs.plain.wrong-length",
        "A key of a length that its algorithm lacks is refused",
        IMPORT,
        plain_wrong_length,
    )
    .on(CIPHERS)
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    Case::new(
        "blobs.plain.wrong-algorithm",
        "A session key of an algorithm that the provider lacks is refused",
        IMPORT,
        plain_wrong_algorithm,
    )
    .on(CIPHERS)
    .covers(&[refuses(Function::ImportKey, NTE_BAD_ALGID)]),
    Case::new(
        "blobs.simple.round",
        "A session key travels under an exchange key",
        LAYOUT,
        simple_round,
    )
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    Case::new(
        "blobs.simple.foreign",
        "A session key wrapped elsewhere is imported, and one wrapped here is read elsewhere",
        "RFC 8017, section 7.2",
        simple_foreign,
    )
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    Case::new(
        "blobs.simple.export-key",
        "A SIMPLEBLOB needs a public exchange key",
        EXPORT,
        simple_export_key,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_NO_KEY),
        refuses(Function::ExportKey, NTE_BAD_PUBLIC_KEY),
    ]),
    Case::new(
        "blobs.simple.other-key",
        "A session key that was wrapped for another is refused",
        IMPORT,
        simple_other_key,
    )
    .covers(&[
        refuses(Function::ImportKey, NTE_BAD_DATA),
        refuses(Function::ImportKey, NTE_BAD_PUBLIC_KEY),
    ]),
    Case::new(
        "blobs.wrap.round",
        "A session key travels under another session key",
        "RFC 3217",
        wrap_round,
    )
    .on(CIPHERS)
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    Case::new(
        "blobs.export.sizes",
        "The size is told for NULL and for a short buffer",
        EXPORT,
        export_sizes,
    )
    .covers(&[
        works(Function::ExportKey),
        refuses(Function::ExportKey, ERROR_MORE_DATA),
    ]),
    Case::new(
        "blobs.export.refused",
        "What makes no sense together is refused",
        EXPORT,
        export_refused,
    )
    .covers(&[
        refuses(Function::ExportKey, NTE_BAD_TYPE),
        refuses(Function::ExportKey, NTE_BAD_FLAGS),
        refuses(Function::ExportKey, NTE_BAD_KEY),
    ]),
    Case::new(
        "blobs.import.garbage",
        "Blobs that are none are refused",
        IMPORT,
        import_garbage,
    )
    .covers(&[
        refuses(Function::ImportKey, NTE_BAD_DATA),
        refuses(Function::ImportKey, NTE_BAD_TYPE),
    ]),
    Case::any(
        "blobs.import.flags",
        "Unknown flags, and flags of other blobs, are refused",
        IMPORT,
        import_flags,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_FLAGS)]),
    Case::new(
        "blobs.import.cut-anywhere",
        "A blob cut off anywhere is refused",
        IMPORT,
        import_cut_anywhere,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
];

fn public_layout(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (spec, algid) in [
        (AT_SIGNATURE, CALG_RSA_SIGN),
        (AT_KEYEXCHANGE, CALG_RSA_KEYX),
    ] {
        let blob = context
            .gen_pair(spec, 1024)?
            .export(PUBLICKEYBLOB, None, 0)?;
        equal(blob.len(), 8 + 12 + 128, "the blob's length")?;
        equal(
            RsaPublic::from_blob(&blob)?.algid,
            algid,
            "the blob's algorithm",
        )?;
        equal(
            &blob[16..20],
            &65_537_u32.to_le_bytes()[..],
            "the public exponent",
        )?;
    }
    Ok(Outcome::Passed)
}

fn public_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for (bits, algid) in [
        (512, CALG_RSA_KEYX),
        (1024, CALG_RSA_SIGN),
        (2048, CALG_RSA_KEYX),
    ] {
        let blob = RsaPrivate::new(bits)?.to_public_blob(algid);
        let key = context.import_key(&blob, None, 0)?;
        equal(key.export(PUBLICKEYBLOB, None, 0)?, blob, "the blob")?;
        equal(key.param_word(KP_ALGID)?, algid, "KP_ALGID")?;
        equal(key.param_word(KP_KEYLEN)?, bits as u32, "KP_KEYLEN")?;
    }
    for spec in [AT_SIGNATURE, AT_KEYEXCHANGE] {
        refused(context.user_key(spec), NTE_NO_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn private_never(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let generated = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_EXPORTABLE)?;
    let blob = RsaPrivate::new(512)?.to_blob(CALG_RSA_KEYX)?;
    let imported = context.import_key(&blob, None, CRYPT_EXPORTABLE)?;
    let session = context.gen_key(CALG_3DES, 0)?;
    for key in [&generated, &imported] {
        for room in [Room::Ask, Room::Bytes(2048)] {
            refused(
                key.export_into(PRIVATEKEYBLOB, None, 0, room).result,
                NTE_BAD_KEY_STATE,
            )?;
            refused(
                key.export_into(PRIVATEKEYBLOB, Some(&session), 0, room)
                    .result,
                NTE_BAD_KEY_STATE,
            )?;
        }
    }
    Ok(Outcome::Passed)
}

/// Whether the context signs and decrypts as `private` does.
fn acts_as(context: &Context, private: &RsaPrivate, spec: u32) -> anyhow::Result<()> {
    let expected = private.sign_hash(CALG_SHA1, &digest(CALG_SHA1, b"message")?)?;
    equal(
        context.hash(CALG_SHA1, b"message")?.sign(spec, 0)?,
        expected,
        "the signature",
    )
}

fn private_import(rig: &Rig) -> anyhow::Result<Outcome> {
    for (bits, algid, spec) in [
        (512, CALG_RSA_SIGN, AT_SIGNATURE),
        (1024, CALG_RSA_KEYX, AT_KEYEXCHANGE),
    ] {
        let private = RsaPrivate::new(bits)?;
        let (context, name) = rig.container()?;
        let key = context.import_key(&private.to_blob(algid)?, None, 0)?;
        equal(
            key.export(PUBLICKEYBLOB, None, 0)?,
            private.to_public_blob(algid),
            "the public half",
        )?;
        let again = rig.capi().acquire(Some(&name), 0)?;
        again.user_key(spec)?;
        acts_as(&again, &private, spec)?;
        if spec == AT_KEYEXCHANGE {
            let cipher =
                RsaPublic::from_blob(&private.to_public_blob(algid))?.encrypt(b"message")?;
            equal(
                again.user_key(spec)?.decrypt(&cipher, 0)?,
                b"message".to_vec(),
                "the plain text",
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn private_cut(rig: &Rig) -> anyhow::Result<Outcome> {
    let private = RsaPrivate::new(512)?;
    let blob = private.to_blob(CALG_RSA_SIGN)?;
    let context = rig.capi().verify_context()?;
    for cut in [64, 40, 1] {
        context
            .import_key(&blob[..blob.len() - cut], None, 0)
            .with_context(|| format!("{cut} bytes missing"))?;
        acts_as(&context, &private, AT_SIGNATURE)?;
    }
    refused(
        context.import_key(&blob[..blob.len() - 65], None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn private_ephemeral(rig: &Rig) -> anyhow::Result<Outcome> {
    let private = RsaPrivate::new(512)?;
    let before = rig.key_files()?;
    let context = rig.capi().verify_context()?;
    context.import_key(&private.to_blob(CALG_RSA_SIGN)?, None, 0)?;
    acts_as(&context, &private, AT_SIGNATURE)?;
    equal(rig.key_files()?, before, "the files of the Security World")?;
    refused(
        rig.capi().verify_context()?.user_key(AT_SIGNATURE),
        NTE_NO_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn private_inconsistent(rig: &Rig) -> anyhow::Result<Outcome> {
    let blob = RsaPrivate::new(512)?.to_blob(CALG_RSA_SIGN)?;
    let (context, _) = rig.container()?;
    // In the modulus, the first prime and the second.
    for at in [20 + 5, 20 + 64 + 5, 20 + 64 + 32 + 5] {
        let mut changed = blob.clone();
        changed[at] ^= 4;
        refused(context.import_key(&changed, None, 0), NTE_BAD_DATA)
            .with_context(|| format!("byte {at} changed"))?;
    }
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

const AES_KEYS: [u32; 3] = [CALG_AES_128, CALG_AES_192, CALG_AES_256];

fn plain_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, length) in [
        (CALG_DES, 8),
        (CALG_3DES_112, 16),
        (CALG_3DES, 24),
        (CALG_RC2, 16),
        (CALG_RC4, 16),
        (CALG_AES_128, 16),
        (CALG_AES_192, 24),
        (CALG_AES_256, 32),
    ] {
        if AES_KEYS.contains(&algid) && !is_on(rig, AES) {
            continue;
        }
        let key = context.gen_key(algid, CRYPT_EXPORTABLE)?;
        let blob = key.export(PLAINTEXTKEYBLOB, None, 0)?;
        let what = format!("{algid:#x}");
        equal(
            &blob[..12],
            &plaintext_blob(algid, &vec![0; length])[..12],
            &what,
        )?;
        equal(blob.len(), 12 + length, &what)?;
        let copy = context.import_key(&blob, None, 0)?;
        equal(
            copy.encrypt(b"a message", 0)?,
            key.encrypt(b"a message", 0)?,
            &what,
        )?;
    }
    Ok(Outcome::Passed)
}

fn plain_not_exportable(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, _, length) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    refused(key.export(PLAINTEXTKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    let exchange = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    refused(
        key.export(SIMPLEBLOB, Some(&exchange), 0),
        NTE_BAD_KEY_STATE,
    )?;
    // An import grants it anew or not.
    let blob = plaintext_blob(cipher, &vec![1; length]);
    refused(
        context
            .import_key(&blob, None, 0)?
            .export(PLAINTEXTKEYBLOB, None, 0),
        NTE_BAD_KEY_STATE,
    )?;
    let exportable = context.import_key(&blob, None, CRYPT_EXPORTABLE)?;
    equal(
        exportable.export(PLAINTEXTKEYBLOB, None, 0)?,
        blob,
        "the blob",
    )?;
    Ok(Outcome::Passed)
}

fn plain_wrong_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, length) in [
        (CALG_AES_128, 15),
        (CALG_AES_128, 17),
        (CALG_AES_256, 16),
        (CALG_DES, 7),
        (CALG_3DES, 16),
        (CALG_RC2, 17),
        (CALG_RC4, 4),
    ] {
        if AES_KEYS.contains(&algid) && !is_on(rig, AES) {
            continue;
        }
        refused(
            context.import_key(&plaintext_blob(algid, &vec![1; length]), None, 0),
            NTE_BAD_DATA,
        )
        .with_context(|| format!("{algid:#x} with {length} bytes"))?;
    }
    Ok(Outcome::Passed)
}

fn plain_wrong_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_RC5, CALG_AES, CALG_SHA1] {
        refused(
            context.import_key(&plaintext_blob(algid, &[1; 16]), None, 0),
            NTE_BAD_ALGID,
        )
        .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

/// Whether two keys are one: what the first encrypts the second decrypts.
fn same(one: &Key, other: &Key, what: &str) -> anyhow::Result<()> {
    equal(
        other.decrypt(&one.encrypt(b"a message", 0)?, 0)?,
        b"a message".to_vec(),
        what,
    )
}

fn simple_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let exchange = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    for algid in [block_cipher(rig).0, CALG_3DES, CALG_RC4] {
        for flags in [0, CRYPT_OAEP] {
            let key = context.gen_key(algid, CRYPT_EXPORTABLE)?;
            let blob = key.export(SIMPLEBLOB, Some(&exchange), flags)?;
            let what = format!("{algid:#x} with flags {flags:#x}");
            equal(&blob[..8], &blob_head(SIMPLEBLOB, algid)[..], &what)?;
            equal(&blob[8..12], &CALG_RSA_KEYX.to_le_bytes()[..], &what)?;
            equal(blob.len(), 12 + 128, &what)?;
            same(
                &key,
                &context.import_key(&blob, Some(&exchange), flags)?,
                &what,
            )?;
            // No import key means the context's own exchange pair.
            same(&key, &context.import_key(&blob, None, flags)?, &what)?;
        }
    }
    Ok(Outcome::Passed)
}

fn simple_foreign(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let exchange = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let public = RsaPublic::from_blob(&exchange.export(PUBLICKEYBLOB, None, 0)?)?;
    let head = |algid: u32| {
        [
            blob_head(SIMPLEBLOB, algid),
            CALG_RSA_KEYX.to_le_bytes().to_vec(),
        ]
        .concat()
    };
    let (cipher, _, length) = block_cipher(rig);
    let bytes: Vec<u8> = (1..=length as u8).collect();
    let blob = [head(cipher), public.encrypt(&bytes)?].concat();
    let imported = context.import_key(&blob, Some(&exchange), CRYPT_EXPORTABLE)?;
    equal(
        imported.export(PLAINTEXTKEYBLOB, None, 0)?,
        plaintext_blob(cipher, &bytes),
        "the imported key",
    )?;

    let foreign = RsaPrivate::new(1024)?;
    let theirs = context.import_key(&foreign.to_public_blob(CALG_RSA_KEYX), None, 0)?;
    let blob = imported.export(SIMPLEBLOB, Some(&theirs), 0)?;
    equal(foreign.decrypt(&blob[12..])?, bytes, "the exported key")?;
    Ok(Outcome::Passed)
}

fn simple_export_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?;
    refused(key.export(SIMPLEBLOB, None, 0), NTE_NO_KEY)?;
    let signature = context.gen_pair(AT_SIGNATURE, 512)?;
    refused(
        key.export(SIMPLEBLOB, Some(&signature), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    let session = context.gen_key(block_cipher(rig).0, 0)?;
    refused(
        key.export(SIMPLEBLOB, Some(&session), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn simple_other_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let other = rig.capi().verify_context()?;
    let exchange = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let wrong = other.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let blob = context
        .gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?
        .export(SIMPLEBLOB, Some(&exchange), 0)?;
    refused(other.import_key(&blob, Some(&wrong), 0), NTE_BAD_DATA)?;
    let signature = context.gen_pair(AT_SIGNATURE, 1024)?;
    refused(
        context.import_key(&blob, Some(&signature), 0),
        NTE_BAD_PUBLIC_KEY,
    )?;
    refused(
        context.import_key(&blob, Some(&exchange), CRYPT_OAEP),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn wrap_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let wrapping = context.gen_key(CALG_3DES, 0)?;
    let key = context.gen_key(CALG_3DES, CRYPT_EXPORTABLE)?;
    let blob = key.export(SYMMETRICWRAPKEYBLOB, Some(&wrapping), 0)?;
    equal(
        &blob[8..12],
        &CALG_3DES.to_le_bytes()[..],
        "the wrapping algorithm",
    )?;
    // RFC 3217, section 3: a triple DES key is wrapped into 40 bytes.
    equal(blob.len(), 12 + 40, "the blob's length")?;
    same(
        &key,
        &context.import_key(&blob, Some(&wrapping), 0)?,
        "the wrapped key",
    )?;
    let other = context.gen_key(CALG_3DES, 0)?;
    ensure!(
        context.import_key(&blob, Some(&other), 0).is_err(),
        "another key unwraps it"
    );
    Ok(Outcome::Passed)
}

fn export_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let asked = key.export_into(PUBLICKEYBLOB, None, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), 84),
        "the answer to NULL",
    )?;
    let short = key.export_into(PUBLICKEYBLOB, None, 0, Room::Bytes(83));
    equal(
        (short.length, short.buffer),
        (84, vec![0; 83]),
        "a short buffer and its length",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    let session = context.gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?;
    let asked = session.export_into(SIMPLEBLOB, Some(&key), 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), 76),
        "the answer to NULL for a SIMPLEBLOB",
    )?;
    refused(
        session
            .export_into(SIMPLEBLOB, Some(&key), 0, Room::Bytes(75))
            .result,
        ERROR_MORE_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn export_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let session = context.gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?;
    let refused_types: &[u32] = match rig.capi().provider().prov_type {
        PROV_RSA_SCHANNEL => &[0, 2, 99],
        _ => &[0, 2, 99, OPAQUEKEYBLOB],
    };
    for &blob_type in refused_types {
        refused(session.export(blob_type, None, 0), NTE_BAD_TYPE)
            .with_context(|| format!("type {blob_type}"))?;
    }
    refused(pair.export(PUBLICKEYBLOB, None, 0x1000), NTE_BAD_FLAGS)?;
    refused(session.export(PUBLICKEYBLOB, None, 0), NTE_BAD_KEY)?;
    refused(pair.export(PUBLICKEYBLOB, Some(&pair), 0), NTE_BAD_KEY)?;
    refused(pair.export(PLAINTEXTKEYBLOB, None, 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn import_garbage(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let good = RsaPrivate::new(512)?.to_public_blob(CALG_RSA_KEYX);
    let with = |at: usize, value: u8| {
        let mut blob = good.clone();
        blob[at] = value;
        blob
    };
    context.import_key(&good, None, 0)?;
    for (what, blob) in [
        ("seven bytes", good[..7].to_vec()),
        ("a header alone", good[..8].to_vec()),
        ("reserved bytes", with(2, 1)),
        ("the magic of a private key", with(11, b'2')),
        ("a length that is longer", with(13, 4)),
        ("an even modulus", with(20, good[20] & 0xfe)),
        ("an algorithm that is no public key's", with(4, 0x01)),
    ] {
        refused(context.import_key(&blob, None, 0), NTE_BAD_DATA).context(what)?;
    }
    for blob_type in [0, 2, 99] {
        refused(
            context.import_key(&with(0, blob_type), None, 0),
            NTE_BAD_TYPE,
        )
        .with_context(|| format!("type {blob_type}"))?;
    }
    Ok(Outcome::Passed)
}

fn import_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let public = public_blob(rig)?;
    refused(context.import_key(&public, None, 0x8000), NTE_BAD_FLAGS)?;
    refused(
        context.import_key(&public, None, CRYPT_IPSEC_HMAC_KEY),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn import_cut_anywhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let private = RsaPrivate::new(512)?;
    let exchange = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let simple = context
        .gen_key(block_cipher(rig).0, CRYPT_EXPORTABLE)?
        .export(SIMPLEBLOB, Some(&exchange), 0)?;
    let whole = private.to_blob(CALG_RSA_SIGN)?;
    for (what, blob) in [
        ("public", private.to_public_blob(CALG_RSA_KEYX)),
        // What may not be missing: all but the private exponent.
        ("private", whole[..whole.len() - 64].to_vec()),
        ("simple", simple),
        ("plain", plaintext_blob(CALG_3DES, &[1; 24])),
    ] {
        for length in 1..blob.len() {
            refused(context.import_key(&blob[..length], None, 0), NTE_BAD_DATA)
                .with_context(|| format!("{length} bytes of a {what} blob"))?;
        }
    }
    Ok(Outcome::Passed)
}
