//! Salt, permissions and effective lengths of session keys: KP_SALT, KP_SALT_EX, KP_PERMISSIONS, KP_EFFECTIVE_KEYLEN.

use anyhow::ensure;

use crate::capi::numbers::*;
use crate::capi::{Function, Key, NTE_BAD_DATA, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_PERM, Room};
use crate::case::{Case, Outcome};
use crate::coverage::{Cover, refuses, works};
use crate::oracle::ciphers::rc4;
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, block_cipher, of, session_key};

const SET: &str = "CryptoAPI reference: CryptSetKeyParam";
const TABLE: &str = "CRYPTSPI, section 4.1";
const SALT: &str = "CRYPTSPI, section 6; CryptoAPI reference: CryptSetKeyParam";

const BOTH: &[Cover] = &[works(Function::GetKeyParam), works(Function::SetKeyParam)];
const BOTH_DATA: &[Cover] = &[
    works(Function::GetKeyParam),
    works(Function::SetKeyParam),
    refuses(Function::SetKeyParam, NTE_BAD_DATA),
];

pub(super) const CASES: &[Case] = &[
    of(
        "params.permissions.export",
        CIPHERS,
        "CRYPT_EXPORT cannot be given, and taking it away is ignored",
        TABLE,
        permissions_export,
    )
    .covers(BOTH_DATA),
    of(
        "params.permissions.archive",
        CIPHERS,
        "CRYPT_ARCHIVE can neither be given nor taken away",
        SET,
        permissions_archive,
    )
    .covers(BOTH_DATA),
    of(
        "params.permissions.encrypt",
        CIPHERS,
        "Without CRYPT_ENCRYPT a key only decrypts",
        "CAPI guide, section 7",
        permissions_encrypt,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_PERM),
        works(Function::Decrypt),
    ]),
    of(
        "params.permissions.decrypt",
        CIPHERS,
        "Without CRYPT_DECRYPT a key only encrypts",
        "CAPI guide, section 7",
        permissions_decrypt,
    )
    .covers(&[
        works(Function::Encrypt),
        refuses(Function::Decrypt, NTE_PERM),
    ]),
    of(
        "params.permissions.mac",
        CIPHERS,
        "Without CRYPT_MAC a key makes neither MAC nor HMAC",
        "CAPI guide, section 7",
        permissions_mac,
    )
    .covers(&[
        refuses(Function::CreateHash, NTE_PERM),
        works(Function::Encrypt),
    ]),
    of(
        "params.salt.set",
        CIPHERS,
        "KP_SALT takes eleven bytes, which the cipher sees and nobody is told of",
        SALT,
        salt_set,
    )
    .covers(BOTH),
    of(
        "params.salt.any-length",
        CIPHERS,
        "KP_SALT_EX takes a salt of any length up to 24 bytes, and KP_SALT tells it",
        SALT,
        salt_any_length,
    )
    .covers(BOTH_DATA),
    of(
        "params.salt.default",
        CIPHERS,
        "A key of 40 bits has a salt of zeros unless it was made without",
        SALT,
        salt_default,
    )
    .covers(&[works(Function::GenKey), works(Function::GetKeyParam)]),
    of(
        "params.salt.others",
        CIPHERS,
        "Ciphers without salt tell none and take none",
        TABLE,
        salt_others,
    )
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_KEY),
    ]),
    of(
        "params.salt.not-exported",
        CIPHERS,
        "A blob carries a key without its salt",
        SALT,
        salt_not_exported,
    )
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    of(
        "params.effective.range",
        CIPHERS,
        "An effective length has 1 to 1024 bits, and is the key's until it is set",
        TABLE,
        effective_range,
    )
    .covers(BOTH_DATA),
    of(
        "params.effective.others",
        CIPHERS,
        "Only RC2 has an effective length",
        TABLE,
        effective_others,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
];
fn permissions_export(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let cipher = block_cipher(rig).0;
    let kept = context.gen_key(cipher, 0)?;
    let permissions = kept.param_word(KP_PERMISSIONS)?;
    refused(
        kept.set_word(KP_PERMISSIONS, permissions | CRYPT_EXPORT),
        NTE_BAD_DATA,
    )?;
    equal(
        kept.param_word(KP_PERMISSIONS)?,
        permissions,
        "KP_PERMISSIONS",
    )?;
    let free = context.gen_key(cipher, CRYPT_EXPORTABLE)?;
    free.set_word(KP_PERMISSIONS, permissions)?;
    equal(
        free.param_word(KP_PERMISSIONS)?,
        permissions | CRYPT_EXPORT,
        "KP_PERMISSIONS",
    )?;
    free.export(PLAINTEXTKEYBLOB, None, 0)?;
    Ok(Outcome::Passed)
}

fn permissions_archive(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let cipher = block_cipher(rig).0;
    let key = context.gen_key(cipher, 0)?;
    let permissions = key.param_word(KP_PERMISSIONS)?;
    refused(
        key.set_word(KP_PERMISSIONS, permissions | CRYPT_ARCHIVE),
        NTE_BAD_DATA,
    )?;
    let archived = context.gen_key(cipher, CRYPT_ARCHIVABLE)?;
    archived.set_word(KP_PERMISSIONS, permissions)?;
    equal(
        archived.param_word(KP_PERMISSIONS)?,
        permissions | CRYPT_ARCHIVE,
        "KP_PERMISSIONS",
    )?;
    Ok(Outcome::Passed)
}

/// A key that has lost one permission.
fn without(rig: &Rig, permission: u32) -> anyhow::Result<(crate::capi::Context, Key)> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    let permissions = key.param_word(KP_PERMISSIONS)?;
    key.set_word(KP_PERMISSIONS, permissions & !permission)?;
    Ok((context, key))
}

fn permissions_encrypt(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key) = without(rig, CRYPT_ENCRYPT)?;
    let copy = key.duplicate(0)?;
    copy.set_word(KP_PERMISSIONS, CRYPT_ENCRYPT)?;
    let cipher = copy.encrypt(b"text", 0)?;
    let answer = key.encrypt_into(b"text", None, true, 0, Room::Bytes(32));
    refused(answer.result, NTE_PERM)?;
    equal(key.decrypt(&cipher, 0)?, b"text".to_vec(), "the plain text")?;
    Ok(Outcome::Passed)
}

fn permissions_decrypt(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key) = without(rig, CRYPT_DECRYPT)?;
    let cipher = key.encrypt(b"text", 0)?;
    refused(key.decrypt(&cipher, 0), NTE_PERM)?;
    Ok(Outcome::Passed)
}

fn permissions_mac(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key) = without(rig, CRYPT_MAC)?;
    for algid in [CALG_MAC, CALG_HMAC] {
        refused(context.create_hash(algid, Some(&key)), NTE_PERM)?;
    }
    key.encrypt(b"text", 0)?;
    Ok(Outcome::Passed)
}

fn salt_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (bytes, salt) = ([1, 2, 3, 4, 5], [9; 11]);
    let key = session_key(&context, CALG_RC4, &bytes)?;
    key.set_param(KP_SALT, Some(&salt), 0)?;
    equal(key.param(KP_SALT)?, Vec::new(), "KP_SALT")?;
    let expected = rc4(&[&bytes[..], &salt].concat(), &[0; 16]);
    equal(key.encrypt(&[0; 16], 0)?, expected, "the key stream")?;
    Ok(Outcome::Passed)
}

fn salt_any_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for length in [0, 1, 11, 16, 23, 24] {
        let salt: Vec<u8> = (0..length).collect();
        let key = session_key(&context, CALG_RC4, &[7; 5])?;
        key.set_blob(KP_SALT_EX, &salt)?;
        equal(key.param(KP_SALT)?, salt.clone(), "KP_SALT")?;
        let expected = rc4(&[vec![7; 5], salt].concat(), &[0; 16]);
        equal(key.encrypt(&[0; 16], 0)?, expected, "the key stream")?;
    }
    for algid in [CALG_RC4, CALG_RC2] {
        let key = context.gen_key(algid, 40 << 16)?;
        refused(key.set_blob(KP_SALT_EX, &[0; 25]), NTE_BAD_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn salt_default(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_RC2, CALG_RC4] {
        for (flags, length) in [
            (40 << 16, 11),
            (40 << 16 | CRYPT_NO_SALT, 0),
            // An Enhanced provider makes no salt for a key of 40 bits.
            (40 << 16 | CRYPT_CREATE_SALT, 0),
            (48 << 16, 0),
            (128 << 16, 0),
        ] {
            let key = context.gen_key(algid, flags)?;
            equal(
                key.param(KP_SALT)?,
                vec![0; length],
                &format!("flags {flags:#x}"),
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn salt_others(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [block_cipher(rig).0, CALG_DES, CALG_3DES_112] {
        let key = context.gen_key(algid, 0)?;
        equal(key.param(KP_SALT)?, Vec::new(), "KP_SALT")?;
        refused(key.set_param(KP_SALT, Some(&[0; 11]), 0), NTE_BAD_KEY)?;
        refused(key.set_blob(KP_SALT_EX, &[0; 4]), NTE_BAD_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn salt_not_exported(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 40 << 16 | CRYPT_EXPORTABLE)?;
    let bare = key.encrypt(&[0; 8], 0)?;
    key.set_blob(KP_SALT_EX, &[9; 8])?;
    ensure!(key.encrypt(&[0; 8], 0)? != bare, "the salt is not used");
    let blob = key.export(PLAINTEXTKEYBLOB, None, 0)?;
    equal(blob.len(), 12 + 5, "the blob's length")?;
    let copy = context.import_key(&blob, None, 0)?;
    equal(
        copy.encrypt(&[0; 8], 0)?,
        bare,
        "the key stream of the imported key",
    )?;
    Ok(Outcome::Passed)
}

fn effective_range(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for bits in [40, 64, 128] {
        let key = context.gen_key(CALG_RC2, bits << 16)?;
        equal(
            key.param_word(KP_EFFECTIVE_KEYLEN)?,
            bits,
            "KP_EFFECTIVE_KEYLEN",
        )?;
        for good in [1, 8, 1023, 1024] {
            key.set_word(KP_EFFECTIVE_KEYLEN, good)?;
            equal(
                key.param_word(KP_EFFECTIVE_KEYLEN)?,
                good,
                "KP_EFFECTIVE_KEYLEN",
            )?;
        }
        for bad in [0, 1025, 0xffff_ffff] {
            refused(key.set_word(KP_EFFECTIVE_KEYLEN, bad), NTE_BAD_DATA)?;
        }
        equal(key.param_word(KP_KEYLEN)?, bits, "KP_KEYLEN")?;
    }
    Ok(Outcome::Passed)
}

fn effective_others(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [block_cipher(rig).0, CALG_DES, CALG_RC4] {
        let key = context.gen_key(algid, 0)?;
        refused(key.param(KP_EFFECTIVE_KEYLEN), NTE_BAD_TYPE)?;
        refused(key.set_word(KP_EFFECTIVE_KEYLEN, 64), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}
