//! CPImportKey: blobs of every kind, whole, malformed and in the wrong hands.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY,
    NTE_BAD_PUBLIC_KEY, NTE_BAD_TYPE, NTE_BAD_VER, NTE_NO_KEY, NTE_SILENT_CONTEXT, Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::ciphers::rc4;
use crate::oracle::{RsaPrivate, RsaPublic, blob_head, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{
    CIPHERS, DH, DSS, SCHANNEL, block_cipher, bytes_of, dss_blob, dss_key, is_on, private_blob,
    public_blob, session_key,
};

const IMPORT: &str = "CryptoAPI reference: CryptImportKey";
const RULES: &str = "CRYPTSPI, section 3.15";
const DSS_BLOBS: &str = "CryptoAPI reference: DSS Provider Key BLOBs";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

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

const fn of(
    id: &'static str,
    types: &'static [u32],
    title: &'static str,
    source: &'static str,
    run: Run,
) -> Case {
    Case::new(id, title, source, run).on(types)
}

/// A blob with one byte changed.
fn with(blob: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob[at] = value;
    blob
}

fn head_version(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for blob in [public_blob(rig)?, private_blob(rig)?] {
        for version in [0, 1, 4, 255] {
            refused(
                context.import_key(&with(&blob, 1, version), None, 0),
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
        refused(context.import_key(&with(&blob, 1, 3), None, 0), NTE_BAD_VER)?;
    }
    Ok(Outcome::Passed)
}

fn head_reserved(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    for at in [2, 3] {
        refused(
            context.import_key(&with(&blob, at, 1), None, 0),
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
            context.import_key(&with(&blob, 0, blob_type), None, 0),
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
        ("the magic of a private key", with(&blob, 11, b'2')),
        ("the magic of RSA", with(&blob, 8, b'R')),
        ("a length of part of a byte", with(&blob, 12, 1)),
        ("a length that is longer", with(&blob, 13, 8)),
        ("an even p", with(&blob, 16, blob[16] & 0xfe)),
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
    let mut blob = with(&blob_head(PRIVATEKEYBLOB, CALG_DSS_SIGN), 1, 3);
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
        context.import_key(&with(&blob, 11, b'3'), None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

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

/// An exchange pair whose public half the oracle has.
fn exchange(context: &Context) -> anyhow::Result<(Key, RsaPublic)> {
    let key = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    Ok((key, public))
}

/// The SIMPLEBLOB of a key's bytes.
fn simple(public: &RsaPublic, algid: u32, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut blob = blob_head(SIMPLEBLOB, algid);
    blob.extend(CALG_RSA_KEYX.to_le_bytes());
    blob.extend(public.encrypt(bytes)?);
    Ok(blob)
}

fn long_rc2(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, public) = exchange(&context)?;
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
    let context = rig.capi().verify_context()?;
    let (key, public) = exchange(&context)?;
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
    let context = rig.capi().verify_context()?;
    let (key, public) = exchange(&context)?;
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
        let changed = with(&blob, at, blob[at] ^ 0x80);
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
        context.import_key(&with(&blob, 8, 0), None, 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}
