//! KP_ parameters of pairs and public keys, and what their handles have of their own.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_MORE_DATA, Function, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_PERM,
    Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::hex;
use crate::rig::{Rig, equal, refused};

use super::family::{DSS, of, private_blob, public_blob};

const GET: &str = "CryptoAPI reference: CryptGetKeyParam";
const SET: &str = "CryptoAPI reference: CryptSetKeyParam";
const TABLE: &str = "CRYPTSPI, section 4.1";

pub(super) const CASES: &[Case] = &[
    of(
        "pairs.size.rules",
        EVERY,
        "Sizes are told for NULL and for a short buffer",
        GET,
        size_rules,
    )
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::GetKeyParam, ERROR_MORE_DATA),
    ]),
    of(
        "pairs.set.refused",
        EVERY,
        "Flags, and what a pair does not have, are refused",
        SET,
        set_refused,
    )
    .covers(&[
        refuses(Function::SetKeyParam, NTE_BAD_FLAGS),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
        refuses(Function::GetKeyParam, NTE_BAD_FLAGS),
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "pairs.cipher.parameters",
        EVERY,
        "A pair has no mode, no initialisation vector and no salt",
        TABLE,
        cipher_parameters,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_KEY),
        refuses(Function::SetKeyParam, NTE_BAD_KEY),
    ]),
    of(
        "pairs.permissions.handle",
        EVERY,
        "Permissions bind the handle on which they were set",
        "CAPI guide, section 7",
        permissions_handle,
    )
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::GetKeyParam, NTE_PERM),
    ]),
    of(
        "pairs.permissions.export",
        EVERY,
        "CRYPT_EXPORT and CRYPT_ARCHIVE cannot be given to a pair",
        "CAPI guide, section 7",
        permissions_export,
    )
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_DATA)]),
    of(
        "pairs.permissions.decrypt",
        RSA,
        "Without CRYPT_DECRYPT or CRYPT_ENCRYPT an exchange pair does not",
        "CAPI guide, section 7",
        permissions_decrypt,
    )
    .covers(&[
        refuses(Function::Decrypt, NTE_PERM),
        refuses(Function::Encrypt, NTE_PERM),
    ]),
    of(
        "pairs.duplicate.handle",
        EVERY,
        "A duplicate of a pair's handle is the pair, with permissions of its own",
        "CryptoAPI reference: CryptDuplicateKey",
        duplicate_handle,
    )
    .covers(&[works(Function::DuplicateKey), works(Function::DestroyKey)]),
    of(
        "pairs.public.duplicate",
        EVERY,
        "A duplicate of a public key outlives it",
        "CryptoAPI reference: CryptDuplicateKey",
        public_duplicate,
    )
    .covers(&[works(Function::DuplicateKey), works(Function::ExportKey)]),
    of(
        "pairs.unused.parameters",
        EVERY,
        "Parameters that are defined without a use are refused on a pair",
        SET,
        unused,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "pairs.user.independent",
        EVERY,
        "Each CryptGetUserKey gives a handle of its own",
        "CryptoAPI reference: CryptGetUserKey",
        user_independent,
    )
    .covers(&[works(Function::GetUserKey), works(Function::SetKeyParam)]),
    of(
        "pairs.user.by-algorithm",
        DSS,
        "The DSS family gives its signature pair by the algorithm's id too",
        "CRYPTSPI, section 3.6",
        user_by_algorithm,
    )
    .covers(&[works(Function::GetUserKey)]),
];
fn size_rules(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    let asked = key.param_into(KP_KEYLEN, Room::Ask, 0);
    equal(
        (asked.result, asked.length),
        (Ok(()), 4),
        "the answer to NULL",
    )?;
    for room in [0, 3] {
        let short = key.param_into(KP_KEYLEN, Room::Bytes(room), 0);
        equal(
            (short.length, short.buffer),
            (4, vec![0; room]),
            "a short buffer and its length",
        )?;
        refused(short.result, ERROR_MORE_DATA)?;
    }
    let long = key.param_into(KP_KEYLEN, Room::Bytes(9), 0);
    equal(
        long.data()?,
        512_u32.to_le_bytes().to_vec(),
        "the value with room to spare",
    )?;
    Ok(Outcome::Passed)
}

fn set_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    let word = 0x3b_u32.to_le_bytes();
    refused(key.set_param(KP_PERMISSIONS, Some(&word), 1), NTE_BAD_FLAGS)?;
    refused(
        key.param_into(KP_PERMISSIONS, Room::Bytes(4), 1).result,
        NTE_BAD_FLAGS,
    )?;
    for param in [KP_ALGID, KP_KEYLEN, KP_BLOCKLEN, KP_EFFECTIVE_KEYLEN, 999] {
        refused(key.set_word(param, 512), NTE_BAD_TYPE)
            .with_context(|| format!("parameter {param}"))?;
    }
    for param in [KP_EFFECTIVE_KEYLEN, KP_X, KP_KEYVAL, 0, 999] {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn cipher_parameters(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    for param in [KP_IV, KP_SALT, KP_MODE, KP_MODE_BITS, KP_PADDING] {
        refused(key.param(param), NTE_BAD_KEY).with_context(|| format!("parameter {param}"))?;
        refused(key.set_param(param, Some(&[1; 16]), 0), NTE_BAD_KEY)
            .with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn permissions_handle(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let (one, other) = (
        context.user_key(AT_SIGNATURE)?,
        context.user_key(AT_SIGNATURE)?,
    );
    one.set_word(KP_PERMISSIONS, CRYPT_WRITE)?;
    refused(one.param(KP_KEYLEN), NTE_PERM)?;
    equal(
        one.param_word(KP_PERMISSIONS)?,
        CRYPT_WRITE,
        "KP_PERMISSIONS",
    )?;
    equal(
        other.param_word(KP_KEYLEN)?,
        512,
        "KP_KEYLEN of the other handle",
    )?;
    equal(
        other.param_word(KP_PERMISSIONS)?,
        0x3b,
        "KP_PERMISSIONS of the other handle",
    )?;
    // Signing goes by the container's pair, not by a handle.
    context.hash(CALG_SHA1, b"text")?.sign(AT_SIGNATURE, 0)?;
    Ok(Outcome::Passed)
}

fn permissions_export(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, CRYPT_EXPORTABLE)?;
    for permission in [CRYPT_EXPORT, CRYPT_ARCHIVE, 0x8000_0000] {
        refused(
            key.set_word(KP_PERMISSIONS, 0x3b | permission),
            NTE_BAD_DATA,
        )?;
    }
    key.set_word(KP_PERMISSIONS, 0x3b)?;
    equal(key.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    Ok(Outcome::Passed)
}

fn permissions_decrypt(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let cipher = key.encrypt(b"text", 0)?;
    key.set_word(KP_PERMISSIONS, CRYPT_READ | CRYPT_WRITE)?;
    refused(key.decrypt(&cipher, 0), NTE_PERM)?;
    refused(
        key.encrypt_into(b"text", None, true, 0, Room::Bytes(64))
            .result,
        NTE_PERM,
    )?;
    let other = context.user_key(AT_KEYEXCHANGE)?;
    equal(
        other.decrypt(&cipher, 0)?,
        b"text".to_vec(),
        "the plain text",
    )?;
    Ok(Outcome::Passed)
}

fn duplicate_handle(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    key.set_word(KP_PERMISSIONS, CRYPT_READ | CRYPT_WRITE)?;
    let copy = key.duplicate(0)?;
    equal(
        copy.param_word(KP_PERMISSIONS)?,
        CRYPT_READ | CRYPT_WRITE,
        "KP_PERMISSIONS",
    )?;
    copy.set_word(KP_PERMISSIONS, 0x3b)?;
    equal(
        key.param_word(KP_PERMISSIONS)?,
        CRYPT_READ | CRYPT_WRITE,
        "the first handle's own",
    )?;
    let public = key.export(PUBLICKEYBLOB, None, 0)?;
    key.destroy()?;
    equal(
        copy.export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the public key",
    )?;
    context.hash(CALG_SHA1, b"text")?.sign(AT_SIGNATURE, 0)?;
    Ok(Outcome::Passed)
}

fn public_duplicate(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let blob = public_blob(rig)?;
    let key = context.import_key(&blob, None, 0)?;
    let copy = key.duplicate(0)?;
    key.destroy()?;
    equal(copy.export(PUBLICKEYBLOB, None, 0)?, blob, "the public key")?;
    Ok(Outcome::Passed)
}

fn unused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    for param in [
        KP_Y,
        KP_RA,
        KP_RB,
        KP_INFO,
        KP_RP,
        KP_PRECOMP_MD5,
        KP_PRECOMP_SHA,
        KP_CLEAR_KEY,
        KP_PUB_EX_LEN,
        KP_PUB_EX_VAL,
        KP_ADMIN_PIN,
        KP_KEYEXCHANGE_PIN,
        KP_SIGNATURE_PIN,
        KP_PREHASH,
        KP_ROUNDS,
        KP_CMS_KEY_INFO,
    ] {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
        refused(
            key.set_param(param, Some(&hex("00112233")), 0),
            NTE_BAD_TYPE,
        )
        .with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn user_independent(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let (one, other) = (
        context.user_key(AT_SIGNATURE)?,
        context.user_key(AT_SIGNATURE)?,
    );
    ensure!(one.handle() != other.handle(), "one handle twice");
    one.set_word(KP_PERMISSIONS, 0)?;
    equal(other.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    one.destroy()?;
    equal(other.param_word(KP_KEYLEN)?, 512, "KP_KEYLEN")?;
    Ok(Outcome::Passed)
}

fn user_by_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    let found = context.user_key(CALG_DSS_SIGN)?;
    let public = |key: &crate::capi::Key| key.export(PUBLICKEYBLOB, None, 0);
    equal(public(&found)?, public(&key)?, "the public key")?;
    Ok(Outcome::Passed)
}
