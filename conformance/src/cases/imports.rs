//! CPImportKey: blobs of every kind, whole, malformed and in the wrong hands.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Function, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_BAD_VER, NTE_NO_KEY,
    NTE_SILENT_CONTEXT,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, blob_head, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, DSS, SCHANNEL, changed, dss_blob, dss_key, is_on, of, private_blob, public_blob,
};

const IMPORT: &str = "CryptoAPI reference: CryptImportKey";
const RULES: &str = "CRYPTSPI, section 3.15";
const DSS_BLOBS: &str = "CryptoAPI reference: DSS Provider Key BLOBs";

pub(super) const CASES: &[Case] = &[
    of(
        "imports.head.version",
        EVERY,
        "A version that the provider does not know is told from bad data",
        IMPORT,
        head_version,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_VER)]),
    of(
        "imports.head.version-3",
        RSA,
        "Version 3 is for DSS and Diffie-Hellman keys alone",
        IMPORT,
        head_version_3,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_VER)]),
    of(
        "imports.head.reserved",
        EVERY,
        "Reserved bytes are zero",
        RULES,
        head_reserved,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.head.type",
        EVERY,
        "Types of blobs that nobody imports are refused",
        IMPORT,
        head_type,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_TYPE)]),
    of(
        "imports.head.algorithm",
        EVERY,
        "A pair of another provider's algorithm is bad data",
        IMPORT,
        head_algorithm,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.head.session-algorithm",
        EVERY,
        "A session key of an algorithm that the provider lacks is refused",
        RULES,
        session_algorithm,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_ALGID)]),
    of(
        "imports.head.cut",
        EVERY,
        "A head that is cut off is bad data",
        RULES,
        head_cut,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.tail.ignored",
        EVERY,
        "Bytes behind a blob are ignored: callers pass the size of a buffer",
        RULES,
        tail_ignored,
    )
    .covers(&[works(Function::ImportKey)]),
    of(
        "imports.key.elsewhere",
        EVERY,
        "A key of another context imports nothing",
        IMPORT,
        key_elsewhere,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_KEY)]),
    of(
        "imports.silent.prompt",
        EVERY,
        "A prompt that may not be shown is refused",
        IMPORT,
        silent_prompt,
    )
    .covers(&[
        refuses(Function::ImportKey, NTE_SILENT_CONTEXT),
        works(Function::ImportKey),
    ]),
    of(
        "imports.private.slot",
        EVERY,
        "A private key takes its slot for good, in place of what was there",
        RULES,
        private_slot,
    )
    .covers(&[works(Function::ImportKey), works(Function::SignHash)]),
    of(
        "imports.private.encrypted",
        CIPHERS,
        "A private key comes encrypted with a session key, and with no other",
        IMPORT,
        private_encrypted,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::ImportKey, NTE_BAD_DATA),
    ]),
    of(
        "imports.private.wrong-key",
        EVERY,
        "A private key is not encrypted with a pair",
        IMPORT,
        private_wrong_key,
    )
    .covers(&[
        refuses(Function::ImportKey, NTE_BAD_KEY),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    of(
        "imports.dss.cut",
        DSS,
        "A DSS key that is cut off anywhere is bad data",
        DSS_BLOBS,
        dss_cut,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.dss.malformed",
        DSS,
        "A DSS key whose numbers are none is bad data",
        DSS_BLOBS,
        dss_malformed,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "imports.dss.version-3",
        DSS,
        "A private DSS key comes in version 3 too",
        "CryptoAPI reference: DSS Version 3 Private Key BLOBs",
        dss_version_3,
    )
    .covers(&[works(Function::ImportKey), works(Function::ExportKey)]),
];
fn head_version(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for blob in [public_blob(rig)?, private_blob(rig)?] {
        for version in [0, 1, 4, 255] {
            refused(
                context.import_key(&changed(&blob, 1, version), None, 0),
                NTE_BAD_VER,
            )
            .with_context(|| format!("version {version}"))?;
        }
        context.import_key(&blob, None, 0)?;
    }
    Ok(Outcome::Passed)
}

fn head_version_3(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let plain = plaintext_blob(CALG_RC4, &[1; 16]);
    for blob in [public_blob(rig)?, private_blob(rig)?, plain] {
        refused(
            context.import_key(&changed(&blob, 1, 3), None, 0),
            NTE_BAD_VER,
        )?;
    }
    Ok(Outcome::Passed)
}

fn head_reserved(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    for at in [2, 3] {
        refused(
            context.import_key(&changed(&blob, at, 1), None, 0),
            NTE_BAD_DATA,
        )?;
    }
    Ok(Outcome::Passed)
}

fn head_type(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    let mut types = vec![0, 2, 5, PUBLICKEYBLOBEX as u8, KEYSTATEBLOB as u8, 255];
    if !is_on(rig, SCHANNEL) {
        types.push(OPAQUEKEYBLOB as u8);
    }
    for blob_type in types {
        refused(
            context.import_key(&changed(&blob, 0, blob_type), None, 0),
            NTE_BAD_TYPE,
        )
        .with_context(|| format!("type {blob_type}"))?;
    }
    Ok(Outcome::Passed)
}

fn head_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (foreign, foreign_private) = match is_on(rig, RSA) {
        true => (
            dss_blob(&dss_key(512)?, false),
            dss_blob(&dss_key(512)?, true),
        ),
        false => {
            let key = RsaPrivate::new(512)?;
            (
                key.to_public_blob(CALG_RSA_SIGN),
                key.to_blob(CALG_RSA_SIGN)?,
            )
        }
    };
    for blob in [foreign, foreign_private] {
        refused(context.import_key(&blob, None, 0), NTE_BAD_DATA)?;
    }
    // A session key's algorithm, and a hash's, in the head of a public key.
    for algid in [CALG_RC4, CALG_SHA1, 0] {
        let mut blob = public_blob(rig)?;
        blob[4..8].copy_from_slice(&algid.to_le_bytes());
        refused(context.import_key(&blob, None, 0), NTE_BAD_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn session_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut lacking = vec![CALG_RC5, CALG_AES, CALG_SHA1, CALG_RSA_KEYX];
    if !is_on(rig, CIPHERS) {
        lacking.extend([CALG_RC4, CALG_3DES]);
    }
    for algid in lacking {
        refused(
            context.import_key(&plaintext_blob(algid, &[1; 16]), None, 0),
            NTE_BAD_ALGID,
        )
        .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn head_cut(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    for length in 1..20 {
        refused(context.import_key(&blob[..length], None, 0), NTE_BAD_DATA)
            .with_context(|| format!("{length} bytes"))?;
    }
    Ok(Outcome::Passed)
}

fn tail_ignored(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for blob in [public_blob(rig)?, private_blob(rig)?] {
        let long = [&blob[..], &[0xee; 100]].concat();
        let key = context.import_key(&long, None, 0)?;
        equal(
            key.export(PUBLICKEYBLOB, None, 0)?,
            public_blob(rig)?,
            "the public key",
        )?;
    }
    Ok(Outcome::Passed)
}

fn key_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let key = other.import_key(&public_blob(rig)?, None, 0)?;
    for blob in [public_blob(rig)?, private_blob(rig)?] {
        refused(context.import_key(&blob, Some(&key), 0), NTE_BAD_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn silent_prompt(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.name();
    let silent = rig
        .capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_SILENT)?;
    for blob in [public_blob(rig)?, private_blob(rig)?] {
        refused(
            silent.import_key(&blob, None, CRYPT_USER_PROTECTED),
            NTE_SILENT_CONTEXT,
        )?;
    }
    refused(silent.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    let open = rig.capi().acquire(Some(&name), 0)?;
    open.import_key(&private_blob(rig)?, None, CRYPT_USER_PROTECTED)?;
    open.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn private_slot(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let old = context
        .gen_pair(AT_SIGNATURE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    let public = public_blob(rig)?;
    ensure!(old != public, "the generated pair is the known one");
    context.import_key(&private_blob(rig)?, None, 0)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    let found = again.user_key(AT_SIGNATURE)?;
    equal(
        found.export(PUBLICKEYBLOB, None, 0)?,
        public.clone(),
        "the slot's public key",
    )?;
    let signature = again.hash(CALG_SHA1, b"text")?.sign(AT_SIGNATURE, 0)?;
    let key = context.import_key(&public, None, 0)?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &key, 0)?;
    Ok(Outcome::Passed)
}

fn private_encrypted(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = private_blob(rig)?;
    let (right, wrong) = (
        context.gen_key(CALG_3DES, 0)?,
        context.gen_key(CALG_3DES, 0)?,
    );
    let sealed = [&blob[..8], &right.encrypt(&blob[8..], 0)?].concat();
    refused(context.import_key(&sealed, Some(&wrong), 0), NTE_BAD_DATA)?;
    refused(context.import_key(&sealed, None, 0), NTE_BAD_DATA)?;
    let key = context.import_key(&sealed, Some(&right), 0)?;
    equal(
        key.export(PUBLICKEYBLOB, None, 0)?,
        public_blob(rig)?,
        "the public key",
    )?;
    // The session key stands where it stood.
    context.import_key(&sealed, Some(&right), 0)?;
    Ok(Outcome::Passed)
}

fn private_wrong_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(
        context.import_key(&private_blob(rig)?, Some(&public), 0),
        NTE_BAD_KEY,
    )?;
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn dss_cut(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let vector = dss_key(512)?;
    for is_private in [false, true] {
        let blob = dss_blob(&vector, is_private);
        for length in 1..blob.len() {
            refused(context.import_key(&blob[..length], None, 0), NTE_BAD_DATA)
                .with_context(|| format!("{length} bytes"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn dss_malformed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = dss_blob(&dss_key(512)?, false);
    // The magic and length stand at 8 and 12, p at 16, q at 80, g at 100 and y at 164.
    let zeros = |at: usize, length: usize| {
        let mut blob = blob.clone();
        blob[at..at + length].fill(0);
        blob
    };
    for (what, blob) in [
        ("the magic of a private key", changed(&blob, 11, b'2')),
        ("the magic of RSA", changed(&blob, 8, b'R')),
        ("a length of part of a byte", changed(&blob, 12, 1)),
        ("a length that is longer", changed(&blob, 13, 8)),
        ("an even p", changed(&blob, 16, blob[16] & 0xfe)),
        ("no q", zeros(80, 20)),
        ("no g", zeros(100, 64)),
        ("no y", zeros(164, 64)),
    ] {
        refused(context.import_key(&blob, None, 0), NTE_BAD_DATA).context(what)?;
    }
    Ok(Outcome::Passed)
}

fn dss_version_3(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let second = dss_blob(&dss_key(512)?, true);
    let (p, rest) = second[16..].split_at(64);
    let (q, rest) = rest.split_at(20);
    let (g, rest) = rest.split_at(64);
    let x = &rest[..20];
    let public = dss_blob(&dss_key(512)?, false);
    let y = &public[164..228];
    let mut blob = changed(&blob_head(PRIVATEKEYBLOB, CALG_DSS_SIGN), 1, 3);
    blob.extend(b"DSS4");
    for bits in [512_u32, 160, 0, 160] {
        blob.extend(bits.to_le_bytes());
    }
    for part in [&[0xff; 4][..], &[0; 20], p, q, g, y, x] {
        blob.extend(part);
    }
    let key = context.import_key(&blob, None, 0)?;
    equal(
        key.export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the public key",
    )?;
    refused(
        context.import_key(&changed(&blob, 11, b'3'), None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}
