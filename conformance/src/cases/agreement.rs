//! Diffie-Hellman: what an agreed key becomes, blobs of both versions, and pairs made value by value.

use anyhow::Context as _;
use num_bigint::BigUint;

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_INVALID_PARAMETER, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS,
    NTE_BAD_KEY, NTE_BAD_KEY_STATE, NTE_BAD_TYPE, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::blob_head;
use crate::rig::{Rig, equal, refused};
use crate::vectors::{self, Vector};

use super::family::{DH, DSS, blob, bytes_of, little, of};

const PAGE: &str = "CryptoAPI reference: Diffie-Hellman keys";
const FLOW: &str = "CRYPTSPI, section 8";
const BLOBS: &str = "CryptoAPI reference: Diffie-Hellman Version 3 Public Key BLOBs";

/// Those with AES beside Diffie-Hellman.
const DH_AES: &[u32] = &[PROV_DH_SCHANNEL];

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    becomes("agreement.key.des", DH, |rig| {
        agreed_key(rig, CALG_DES, 0, 8)
    }),
    becomes("agreement.key.3des-112", DH, |rig| {
        agreed_key(rig, CALG_3DES_112, 0, 16)
    }),
    becomes("agreement.key.3des", DH, |rig| {
        agreed_key(rig, CALG_3DES, 0, 24)
    }),
    becomes("agreement.key.rc2", DH, |rig| {
        agreed_key(rig, CALG_RC2, 64, 8)
    }),
    becomes("agreement.key.rc4", DH, |rig| {
        agreed_key(rig, CALG_RC4, 56, 7)
    }),
    becomes("agreement.key.aes-128", DH_AES, |rig| {
        agreed_key(rig, CALG_AES_128, 0, 16)
    }),
    becomes("agreement.key.aes-192", DH_AES, |rig| {
        agreed_key(rig, CALG_AES_192, 0, 24)
    }),
    becomes("agreement.key.aes-256", DH_AES, |rig| {
        agreed_key(rig, CALG_AES_256, 0, 32)
    }),
    of(
        "agreement.key.refused",
        DH,
        "An agreed key becomes no pair, no hash, and none of a wrong length",
        FLOW,
        key_refused,
    )
    .covers(&[
        refuses(Function::SetKeyParam, NTE_BAD_ALGID),
        refuses(Function::SetKeyParam, NTE_BAD_FLAGS),
        refuses(Function::SetKeyParam, ERROR_INVALID_PARAMETER),
    ]),
    of(
        "agreement.key.nothing-yet",
        DH,
        "An agreed key does nothing until it has an algorithm",
        PAGE,
        nothing_yet,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_KEY),
        refuses(Function::Decrypt, NTE_BAD_KEY),
        refuses(Function::ExportKey, NTE_BAD_KEY),
        refuses(Function::HashSessionKey, NTE_BAD_KEY),
        refuses(Function::CreateHash, NTE_BAD_KEY),
    ]),
    of(
        "agreement.key.parameters",
        DH,
        "An agreed key tells its algorithm and length, and no more",
        FLOW,
        key_parameters,
    )
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "agreement.key.once",
        DH,
        "The algorithm of an agreed key is set once",
        FLOW,
        key_once,
    )
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "agreement.key.duplicate",
        DH,
        "A duplicate of an agreed key becomes another cipher's key",
        FLOW,
        key_duplicate,
    )
    .covers(&[works(Function::DuplicateKey)]),
    of(
        "agreement.blob.layout",
        DH,
        "A public value is a blob of its length and itself",
        PAGE,
        blob_layout,
    )
    .covers(&[works(Function::ExportKey)]),
    of(
        "agreement.blob.version-3",
        DH,
        "A blob of version 3 brings the group, and is a key by itself",
        BLOBS,
        blob_version_3,
    )
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    of(
        "agreement.blob.private",
        DH,
        "A private value comes in blobs of both versions",
        "CryptoAPI reference: Diffie-Hellman Version 3 Private Key BLOBs",
        blob_private,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
    ]),
    of(
        "agreement.blob.cut",
        DH,
        "A private value that is cut off anywhere is bad data",
        PAGE,
        blob_cut,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "agreement.group.other",
        DH,
        "Values of different groups agree on nothing",
        PAGE,
        group_other,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_DATA)]),
    of(
        "agreement.public.alone",
        DH,
        "Public keys alone agree on nothing",
        PAGE,
        public_alone,
    )
    .covers(&[refuses(Function::ImportKey, NTE_BAD_KEY)]),
    of(
        "agreement.pair.stored",
        DH,
        "A stored pair agrees on the same key after its container was opened anew",
        FLOW,
        pair_stored,
    )
    .covers(&[works(Function::GetUserKey), works(Function::ImportKey)]),
    of(
        "agreement.pair.uses",
        DH,
        "An exchange pair neither encrypts, signs nor verifies",
        PAGE,
        pair_uses,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_KEY),
        refuses(Function::SignHash, NTE_BAD_KEY),
        refuses(Function::VerifySignature, NTE_BAD_KEY),
    ]),
    of(
        "agreement.generate.rsa",
        DSS,
        "The DSS family makes no RSA pairs",
        "CRYPTSPI, section 5",
        generate_rsa,
    )
    .covers(&[refuses(Function::GenKey, NTE_BAD_ALGID)]),
];
const fn becomes(id: &'static str, types: &'static [u32], run: Run) -> Case {
    of(
        id,
        types,
        "The agreed secret's first bytes are this cipher's key",
        FLOW,
        run,
    )
    .covers(
        const {
            &[
                works(Function::ImportKey),
                works(Function::SetKeyParam),
                works(Function::ExportKey),
            ]
        },
    )
}

/// The shortest group of the RFCs'.
pub(super) fn group() -> anyhow::Result<Vector> {
    let vectors = vectors::parse(include_str!("../../../vectors/dh-groups.txt"))?;
    vectors.into_iter().next().context("a group")
}

/// A private value that is no power of two.
fn private_value(length: usize) -> BigUint {
    (BigUint::from(1_u32) << (length as u64 * 8 - 17)) + 7_654_321_u32
}

fn bytes(number: &BigUint, length: usize) -> Vec<u8> {
    let mut bytes = number.to_bytes_le();
    bytes.resize(length, 0);
    bytes
}

/// The blob of version 2 of a private value in the group.
fn private_2(algid: u32) -> anyhow::Result<(Vec<u8>, BigUint, BigUint)> {
    let group = group()?;
    let p = group.bytes("p");
    let length = p.len();
    let x = private_value(length);
    let parts = [
        &little(&p, length)[..],
        &little(&group.bytes("g"), length),
        &bytes(&x, length),
    ];
    let blob = blob(PRIVATEKEYBLOB, algid, b"\0DH2", length * 8, &parts);
    Ok((blob, BigUint::from_bytes_be(&p), x))
}

/// The blob of version 2 of somebody's public value.
fn public_2(value: &BigUint, length: usize) -> Vec<u8> {
    blob(
        PUBLICKEYBLOB,
        CALG_DH_SF,
        b"\0DH1",
        length * 8,
        &[&bytes(value, length)],
    )
}

/// An agreed key and the secret that num-bigint finds, little-endian and as long as the prime.
fn agreed(context: &Context) -> anyhow::Result<(Key, Vec<u8>)> {
    let (private, p, x) = private_2(CALG_DH_SF)?;
    let own = context.import_key(&private, None, 0)?;
    let length = p.bits() as usize / 8;
    let theirs = BigUint::from(3_u32).modpow(&BigUint::from(1_000_003_u32), &p);
    let key = context.import_key(&public_2(&theirs, length), Some(&own), 0)?;
    Ok((key, bytes(&theirs.modpow(&x, &p), length)))
}

fn set_algid(key: &Key, algid: u32, flags: u32) -> crate::capi::CapiResult<()> {
    key.set_param(KP_ALGID, Some(&algid.to_le_bytes()), flags)
}

fn agreed_key(rig: &Rig, algid: u32, bits: u32, length: usize) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, secret) = agreed(&context)?;
    set_algid(&key, algid, bits << 16 | CRYPT_EXPORTABLE)?;
    equal(key.param_word(KP_ALGID)?, algid, "KP_ALGID")?;
    equal(bytes_of(&key)?, secret[..length].to_vec(), "the key")?;
    let cipher = key.encrypt(b"text", 0)?;
    equal(key.decrypt(&cipher, 0)?, b"text".to_vec(), "the plain text")?;
    Ok(Outcome::Passed)
}

fn key_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, _) = agreed(&context)?;
    for algid in [0, CALG_SHA1, CALG_DH_SF, CALG_DSS_SIGN, CALG_RC5, CALG_AES] {
        refused(set_algid(&key, algid, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    refused(
        set_algid(&key, CALG_RC4, 256 << 16),
        ERROR_INVALID_PARAMETER,
    )?;
    refused(set_algid(&key, CALG_RC4, 0x20), NTE_BAD_FLAGS)?;
    set_algid(&key, CALG_RC4, 0)?;
    Ok(Outcome::Passed)
}

fn nothing_yet(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, _) = agreed(&context)?;
    refused(
        key.encrypt_into(b"text", None, true, 0, Room::Bytes(16))
            .result,
        NTE_BAD_KEY,
    )?;
    refused(key.decrypt(&[0; 8], 0), NTE_BAD_KEY)?;
    for blob_type in [PLAINTEXTKEYBLOB, PUBLICKEYBLOB, PRIVATEKEYBLOB] {
        refused(key.export(blob_type, None, 0), NTE_BAD_KEY)?;
    }
    let hash = context.create_hash(CALG_SHA1, None)?;
    refused(hash.session_key(&key, 0), NTE_BAD_KEY)?;
    refused(context.create_hash(CALG_HMAC, Some(&key)), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn key_parameters(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, secret) = agreed(&context)?;
    equal(key.param_word(KP_ALGID)?, CALG_AGREEDKEY_ANY, "KP_ALGID")?;
    equal(
        key.param_word(KP_KEYLEN)? as usize,
        secret.len() * 8,
        "KP_KEYLEN",
    )?;
    for param in [KP_IV, KP_MODE, KP_P, KP_KEYVAL, KP_BLOCKLEN] {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn key_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, _) = agreed(&context)?;
    refused(key.set_word(KP_PADDING, 1), NTE_BAD_TYPE)?;
    set_algid(&key, CALG_RC4, 0)?;
    refused(set_algid(&key, CALG_3DES, 0), NTE_BAD_TYPE)?;
    equal(key.param_word(KP_ALGID)?, CALG_RC4, "KP_ALGID")?;
    Ok(Outcome::Passed)
}

fn key_duplicate(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (key, secret) = agreed(&context)?;
    let copy = key.duplicate(0)?;
    set_algid(&key, CALG_RC4, CRYPT_EXPORTABLE)?;
    set_algid(&copy, CALG_3DES, CRYPT_EXPORTABLE)?;
    equal(bytes_of(&key)?, secret[..16].to_vec(), "the key")?;
    equal(bytes_of(&copy)?, secret[..24].to_vec(), "the duplicate's")?;
    Ok(Outcome::Passed)
}

fn blob_layout(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_DH_SF, CALG_DH_EPHEM] {
        let found = context
            .gen_pair(algid, 512)?
            .export(PUBLICKEYBLOB, None, 0)?;
        equal(
            &found[..16],
            &blob(PUBLICKEYBLOB, algid, b"\0DH1", 512, &[])[..],
            "the head",
        )?;
        equal(found.len(), 16 + 64, "the blob's length")?;
    }
    Ok(Outcome::Passed)
}

fn blob_version_3(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (private, p, x) = private_2(CALG_DH_SF)?;
    let own = context.import_key(&private, None, 0)?;
    let third = own.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?;
    equal(
        (third[1], &third[8..12]),
        (3, &b"\0DH3"[..]),
        "version and magic",
    )?;
    let public = context.import_key(&third, None, 0)?;
    let length = p.bits() as usize / 8;
    let y = group()?;
    let g = BigUint::from_bytes_be(&y.bytes("g"));
    let expected = public_2(&g.modpow(&x, &p), length);
    equal(
        public.export(PUBLICKEYBLOB, None, 0)?,
        expected,
        "version 2 of it",
    )?;
    equal(
        public.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?,
        third.clone(),
        "version 3",
    )?;
    equal(public.param(KP_P)?, bytes(&p, length), "KP_P")?;
    // With the own pair it is a value to agree with.
    let key = context.import_key(&third, Some(&own), 0)?;
    equal(key.param_word(KP_ALGID)?, CALG_AGREEDKEY_ANY, "KP_ALGID")?;
    Ok(Outcome::Passed)
}

fn blob_private(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (second, p, x) = private_2(CALG_DH_SF)?;
    let length = p.bits() as usize / 8;
    let group = group()?;
    let g = BigUint::from_bytes_be(&group.bytes("g"));
    let y = bytes(&g.modpow(&x, &p), length);
    let mut third = blob_head(PRIVATEKEYBLOB, CALG_DH_SF);
    third[1] = 3;
    third.extend(b"\0DH4");
    for bits in [length * 8, 0, 0, length * 8] {
        third.extend((bits as u32).to_le_bytes());
    }
    for part in [
        &[0xff; 4][..],
        &[0; 20],
        &bytes(&p, length),
        &bytes(&g, length),
        &y,
        &bytes(&x, length),
    ] {
        third.extend(part);
    }
    for blob in [second, third] {
        let key = context.import_key(&blob, None, CRYPT_EXPORTABLE)?;
        let public = key.export(PUBLICKEYBLOB, None, 0)?;
        equal(&public[16..], &y[..], "the public value")?;
        refused(key.export(PRIVATEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
        context.user_key(AT_KEYEXCHANGE)?;
    }
    Ok(Outcome::Passed)
}

fn blob_cut(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (blob, _, _) = private_2(CALG_DH_EPHEM)?;
    for length in 8..blob.len() {
        refused(context.import_key(&blob[..length], None, 0), NTE_BAD_DATA)
            .with_context(|| format!("{length} bytes"))?;
    }
    Ok(Outcome::Passed)
}

fn group_other(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let own = context.gen_pair(CALG_DH_EPHEM, 512)?;
    let (theirs, _, _) = private_2(CALG_DH_EPHEM)?;
    let theirs = context.import_key(&theirs, None, 0)?;
    for flags in [0, CRYPT_BLOB_VER3] {
        let blob = theirs.export(PUBLICKEYBLOB, None, flags)?;
        refused(context.import_key(&blob, Some(&own), 0), NTE_BAD_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn public_alone(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(CALG_DH_EPHEM, 512)?;
    let blob = pair.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?;
    let public = context.import_key(&blob, None, 0)?;
    refused(context.import_key(&blob, Some(&public), 0), NTE_BAD_KEY)?;
    let signature = context.gen_pair(AT_SIGNATURE, 512)?;
    refused(context.import_key(&blob, Some(&signature), 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn pair_stored(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let (private, p, x) = private_2(CALG_DH_SF)?;
    context.import_key(&private, None, 0)?;
    context.release(0)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    let own = again.user_key(AT_KEYEXCHANGE)?;
    equal(own.param_word(KP_ALGID)?, CALG_DH_SF, "KP_ALGID")?;
    let length = p.bits() as usize / 8;
    let theirs = BigUint::from(0x1234_5678_u32);
    let key = again.import_key(&public_2(&theirs, length), Some(&own), 0)?;
    set_algid(&key, CALG_3DES, CRYPT_EXPORTABLE)?;
    let secret = bytes(&theirs.modpow(&x, &p), length);
    equal(bytes_of(&key)?, secret[..24].to_vec(), "the key")?;
    Ok(Outcome::Passed)
}

fn pair_uses(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    refused(
        key.encrypt_into(b"text", None, true, 0, Room::Bytes(64))
            .result,
        NTE_BAD_KEY,
    )?;
    refused(key.decrypt(&[1; 64], 0), NTE_BAD_KEY)?;
    let hash = context.hash(CALG_SHA1, b"text")?;
    refused(hash.sign(AT_KEYEXCHANGE, 0), NTE_BAD_KEY)?;
    refused(hash.verify(&[1; 40], &key, 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn generate_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_RSA_KEYX, CALG_RSA_SIGN, CALG_SHA1, CALG_AES, 0] {
        refused(context.gen_key(algid, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}
