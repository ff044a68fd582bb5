//! Keys: CPGenKey, CPGetUserKey, CPDestroyKey, CPDuplicateKey, CPGetKeyParam and CPSetKeyParam.

use anyhow::{Context as _, ensure};

#[cfg(not(windows))]
use crate::capi::NTE_PERM;
use crate::capi::numbers::*;
use crate::capi::{
    Arguments, ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, Function, NTE_BAD_ALGID, NTE_BAD_DATA,
    NTE_BAD_FLAGS, NTE_BAD_KEY, NTE_BAD_TYPE, NTE_BAD_UID, NTE_NO_KEY, NTE_SILENT_CONTEXT, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::RsaPublic;
use crate::rig::{Rig, equal, refused};

use super::family::{AES, CIPHERS, block_cipher, is_on, public_blob};

const GEN: &str = "CryptoAPI reference: CryptGenKey";
const USER: &str = "CryptoAPI reference: CryptGetUserKey";
const DESTROY: &str = "CryptoAPI reference: CryptDestroyKey";
const DUPLICATE: &str = "CryptoAPI reference: CryptDuplicateKey";
const GET: &str = "CryptoAPI reference: CryptGetKeyParam";
const SET: &str = "CryptoAPI reference: CryptSetKeyParam";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "keys.generate.two-slots",
        "A container holds a signature pair and an exchange pair",
        "CAPI guide, section 7",
        two_slots,
    )
    .on(CIPHERS)
    .covers(&[
        works(Function::GenKey),
        works(Function::GetUserKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    // On Windows the file system holds the list against its users, which under Wine is nobody.
    #[cfg(not(windows))]
    Case::any(
        "keys.generate.read-only",
        "No pair is made in a container that its descriptor lets nobody change",
        "CAPI guide, section 7; CryptoAPI reference: CryptGenKey",
        read_only,
    )
    .covers(&[refuses(Function::GenKey, NTE_PERM)]),
    Case::new(
        "keys.generate.by-algorithm",
        "The ALG_IDs of RSA name the same slots as the key specifications",
        GEN,
        by_algorithm,
    )
    .covers(&[works(Function::GenKey)]),
    Case::any(
        "keys.generate.default-length",
        "A pair has 1024 bits when no length is given",
        "CAPI guide, section 10 (keytst -L)",
        default_length,
    )
    .covers(&[works(Function::GenKey), works(Function::GetKeyParam)]),
    Case::new(
        "keys.generate.lengths",
        "RSA pairs have the length that is asked for, in steps of 8 bits",
        GEN,
        lengths,
    )
    .covers(&[works(Function::GenKey), works(Function::GetKeyParam)]),
    Case::new(
        "keys.generate.bad-length",
        "Lengths outside the range and between the steps are refused",
        GEN,
        bad_length,
    )
    .covers(&[
        refuses(Function::GenKey, ERROR_INVALID_PARAMETER),
        refuses(Function::GenKey, NTE_BAD_DATA),
    ]),
    Case::new(
        "keys.generate.bad-algorithm",
        "Algorithms that the provider lacks are refused",
        GEN,
        bad_algorithm,
    )
    .covers(&[refuses(Function::GenKey, NTE_BAD_ALGID)]),
    Case::new(
        "keys.generate.bad-flags",
        "Unknown flags are refused",
        GEN,
        bad_flags,
    )
    .on(CIPHERS)
    .covers(&[refuses(Function::GenKey, NTE_BAD_FLAGS)]),
    Case::any(
        "keys.generate.silent",
        "A prompt that may not be shown is refused",
        "CAPI guide, section 8",
        silent,
    )
    .covers(&[refuses(Function::GenKey, NTE_SILENT_CONTEXT)]),
    Case::new(
        "keys.generate.replaces",
        "A new pair replaces the old one, whose handles stay usable",
        GEN,
        replaces,
    )
    .covers(&[works(Function::GenKey)]),
    Case::new(
        "keys.generate.session",
        "Session keys have their algorithm's lengths",
        GEN,
        session,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GenKey), works(Function::GetKeyParam)]),
    Case::any(
        "keys.user.bad-specification",
        "A key specification that is none has no key",
        USER,
        bad_specification,
    )
    .covers(&[refuses(Function::GetUserKey, NTE_NO_KEY)]),
    Case::any(
        "keys.destroy.keeps-pair",
        "Destroying a handle keeps the container's pair",
        DESTROY,
        destroy_keeps_pair,
    )
    .covers(&[works(Function::DestroyKey), works(Function::GetUserKey)]),
    Case::any(
        "keys.destroy.unknown",
        "The provider knows keys and contexts that it never gave out",
        DESTROY,
        destroy_unknown,
    )
    .covers(&[refuses(Function::DestroyKey, NTE_BAD_UID)]),
    Case::new(
        "keys.duplicate.independent",
        "A duplicate has the key's state and goes its own way",
        DUPLICATE,
        duplicate_independent,
    )
    .on(CIPHERS)
    .covers(&[works(Function::DuplicateKey), works(Function::Encrypt)]),
    Case::any(
        "keys.duplicate.flags",
        "A duplicate takes no flags",
        DUPLICATE,
        duplicate_flags,
    )
    .covers(&[refuses(Function::DuplicateKey, ERROR_INVALID_PARAMETER)]),
    Case::new(
        "keys.param.pair",
        "A pair tells its algorithm, lengths and permissions",
        GET,
        param_pair,
    )
    .covers(&[works(Function::GetKeyParam)]),
    Case::new(
        "keys.param.cipher",
        "A cipher key tells mode, padding, block and initialisation vector",
        GET,
        param_cipher,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GetKeyParam), works(Function::SetKeyParam)]),
    Case::new(
        "keys.param.exportable",
        "Exportability of a session key shows in its permissions, and a pair's never",
        "CAPI guide, section 7",
        param_exportable,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GetKeyParam)]),
    Case::new(
        "keys.param.sizes",
        "Sizes are told for NULL and for a short buffer",
        GET,
        param_sizes,
    )
    .on(CIPHERS)
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::GetKeyParam, ERROR_MORE_DATA),
    ]),
    Case::any(
        "keys.param.unknown",
        "Unknown parameters and flags are refused",
        GET,
        param_unknown,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::GetKeyParam, NTE_BAD_FLAGS),
    ]),
    Case::new(
        "keys.set.unknown",
        "What cannot be set, and values that make no sense, are refused",
        SET,
        set_unknown,
    )
    .on(CIPHERS)
    .covers(&[
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_FLAGS),
        refuses(Function::SetKeyParam, NTE_BAD_DATA),
        refuses(Function::SetKeyParam, NTE_BAD_KEY),
    ]),
];

fn two_slots(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for spec in [AT_SIGNATURE, AT_KEYEXCHANGE] {
        refused(context.user_key(spec), NTE_NO_KEY)?;
    }
    let signature = context
        .gen_pair(AT_SIGNATURE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    refused(context.user_key(AT_KEYEXCHANGE), NTE_NO_KEY)?;
    let exchange = context
        .gen_pair(AT_KEYEXCHANGE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    ensure!(signature[8..] != exchange[8..], "both pairs are one");
    for (spec, blob) in [(AT_SIGNATURE, signature), (AT_KEYEXCHANGE, exchange)] {
        equal(
            context.user_key(spec)?.export(PUBLICKEYBLOB, None, 0)?,
            blob,
            "the slot's public key",
        )?;
    }
    Ok(Outcome::Passed)
}

#[cfg(not(windows))]
fn read_only(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    // A self-relative SECURITY_DESCRIPTOR: the local system owns it, and everyone may read and delete.
    let head = [
        1, 0, 4, 0x80, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0,
    ];
    let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let list = [2, 0, 28, 0, 1, 0, 0, 0];
    let entry = [0, 0, 20, 0, 0x89, 0, 0x13, 0];
    let everyone = [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let descriptor = [&head[..], &system, &list, &entry, &everyone].concat();
    let parts = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    context.set_param(PP_KEYSET_SEC_DESCR, Some(&descriptor), parts)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    for context in [&context, &again] {
        refused(context.gen_key(AT_SIGNATURE, 512 << 16), NTE_PERM)?;
        refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn by_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    for (algid, filled, empty) in [
        (CALG_RSA_SIGN, AT_SIGNATURE, AT_KEYEXCHANGE),
        (CALG_RSA_KEYX, AT_KEYEXCHANGE, AT_SIGNATURE),
    ] {
        let (context, _) = rig.container()?;
        context.gen_pair(algid, 512)?;
        equal(
            context.user_key(filled)?.param_word(KP_ALGID)?,
            algid,
            "KP_ALGID",
        )?;
        refused(context.user_key(empty), NTE_NO_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn default_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let key = rig.capi().verify_context()?;
    let key = key.gen_key(AT_SIGNATURE, 0)?;
    equal(key.param_word(KP_KEYLEN)?, 1024, "KP_KEYLEN")?;
    Ok(Outcome::Passed)
}

fn lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for bits in [384, 512, 520, 1024, 2048] {
        let key = context.gen_pair(AT_SIGNATURE, bits)?;
        equal(key.param_word(KP_KEYLEN)?, bits, "KP_KEYLEN")?;
        let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
        equal(public.length * 8, bits as usize, "bits of the modulus")?;
    }
    Ok(Outcome::Passed)
}

fn bad_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, bits, code) in [
        (AT_SIGNATURE, 376, ERROR_INVALID_PARAMETER),
        (AT_SIGNATURE, 16_392, ERROR_INVALID_PARAMETER),
        (AT_SIGNATURE, 513, NTE_BAD_DATA),
        (CALG_RC4, 32, ERROR_INVALID_PARAMETER),
        (CALG_RC4, 136, ERROR_INVALID_PARAMETER),
        (CALG_DES, 60, NTE_BAD_FLAGS),
    ] {
        refused(context.gen_key(algid, bits << 16), code)
            .with_context(|| format!("{algid:#x} of {bits} bits"))?;
    }
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn bad_algorithm(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_AES, CALG_RC5, CALG_DSS_SIGN, CALG_SHA1, 0, 3, 0xffff] {
        refused(context.gen_key(algid, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn bad_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, ..) = block_cipher(rig);
    for algid in [AT_SIGNATURE, cipher] {
        refused(context.gen_key(algid, 0x20), NTE_BAD_FLAGS)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn silent(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.name();
    let context = rig
        .capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_SILENT)?;
    refused(
        context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_USER_PROTECTED),
        NTE_SILENT_CONTEXT,
    )?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    Ok(Outcome::Passed)
}

fn replaces(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let old = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let old_blob = old.export(PUBLICKEYBLOB, None, 0)?;
    let new_blob = context
        .gen_pair(AT_KEYEXCHANGE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    ensure!(old_blob != new_blob, "the pair was not replaced");
    equal(
        context
            .user_key(AT_KEYEXCHANGE)?
            .export(PUBLICKEYBLOB, None, 0)?,
        new_blob,
        "the slot's public key",
    )?;
    let secret = RsaPublic::from_blob(&old_blob)?.encrypt(b"for the old key")?;
    equal(
        old.decrypt(&secret, 0)?,
        b"for the old key".to_vec(),
        "what the old handle decrypts",
    )?;
    Ok(Outcome::Passed)
}

fn session(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, flags, bits, block) in [
        (CALG_DES, 0, 64, 64),
        (CALG_DES, 64 << 16, 64, 64),
        (CALG_3DES_112, 0, 128, 64),
        (CALG_3DES, 0, 192, 64),
        (CALG_RC2, 0, 128, 64),
        (CALG_RC2, 40 << 16, 40, 64),
        (CALG_RC4, 0, 128, 0),
        (CALG_RC4, 56 << 16, 56, 0),
        (CALG_AES_128, 0, 128, 128),
        (CALG_AES_192, 0, 192, 128),
        (CALG_AES_256, 0, 256, 128),
    ] {
        if block == 128 && !is_on(rig, AES) {
            continue;
        }
        let key = context.gen_key(algid, flags)?;
        let what = format!("{algid:#x} with flags {flags:#x}");
        equal(key.param_word(KP_ALGID)?, algid, &what)?;
        equal(key.param_word(KP_KEYLEN)?, bits, &what)?;
        equal(key.param_word(KP_BLOCKLEN)?, block, &what)?;
    }
    Ok(Outcome::Passed)
}

fn bad_specification(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for spec in [0, 3, 0xffff_ffff] {
        refused(context.user_key(spec), NTE_NO_KEY)
            .with_context(|| format!("specification {spec:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn destroy_keeps_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let key = context.gen_pair(AT_SIGNATURE, 512)?;
    key.destroy()?;
    context.user_key(AT_SIGNATURE)?;
    refused(key.param_word(KP_KEYLEN), ERROR_INVALID_PARAMETER)?;
    refused(key.destroy(), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn destroy_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let nothing = Arguments::of(usize::MAX);
    refused(
        rig.capi().spi()?.call(Function::DestroyKey, &nothing),
        NTE_BAD_UID,
    )?;
    Ok(Outcome::Passed)
}

fn duplicate_independent(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    key.set_param(KP_IV, Some(&[7; 16][..block]), 0)?;
    let encrypt = |key: &crate::capi::Key| {
        key.encrypt_into(&[1; 16][..block], None, false, 0, Room::Bytes(block))
            .data()
    };
    encrypt(&key)?;
    // The chain has moved on; the duplicate starts where the key stands.
    let copy = key.duplicate(0)?;
    equal(copy.param(KP_IV)?, vec![7; block], "the duplicate's KP_IV")?;
    let second = encrypt(&key)?;
    equal(encrypt(&copy)?, second.clone(), "the next block of both")?;
    let third = encrypt(&key)?;
    ensure!(third != second, "the chain does not move");
    copy.set_param(KP_IV, Some(&[9; 16][..block]), 0)?;
    equal(
        key.param(KP_IV)?,
        vec![7; block],
        "the key's KP_IV after the duplicate's was set",
    )?;
    key.destroy()?;
    encrypt(&copy)?;
    Ok(Outcome::Passed)
}

fn duplicate_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(key.duplicate(1), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn param_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (spec, algid) in [
        (AT_SIGNATURE, CALG_RSA_SIGN),
        (AT_KEYEXCHANGE, CALG_RSA_KEYX),
    ] {
        let key = context.gen_pair(spec, 512)?;
        equal(key.param_word(KP_ALGID)?, algid, "KP_ALGID")?;
        equal(key.param_word(KP_KEYLEN)?, 512, "KP_KEYLEN")?;
        equal(key.param_word(KP_BLOCKLEN)?, 512, "KP_BLOCKLEN")?;
        // Encrypt, decrypt, read, write and MAC; export is missing.
        equal(key.param_word(KP_PERMISSIONS)?, 0x3b, "KP_PERMISSIONS")?;
    }
    Ok(Outcome::Passed)
}

fn param_cipher(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    equal(key.param_word(KP_MODE)?, CRYPT_MODE_CBC, "KP_MODE")?;
    equal(key.param_word(KP_PADDING)?, 1, "KP_PADDING")?;
    equal(key.param(KP_IV)?, vec![0; block], "KP_IV")?;
    key.set_word(KP_MODE, CRYPT_MODE_ECB)?;
    equal(
        key.param_word(KP_MODE)?,
        CRYPT_MODE_ECB,
        "KP_MODE after setting it",
    )?;
    let iv: Vec<u8> = (1..=block as u8).collect();
    key.set_param(KP_IV, Some(&iv), 0)?;
    equal(key.param(KP_IV)?, iv, "KP_IV after setting it")?;
    equal(
        context.gen_key(CALG_RC4, 0)?.param_word(KP_MODE)?,
        0,
        "KP_MODE of RC4",
    )?;
    Ok(Outcome::Passed)
}

fn param_exportable(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, ..) = block_cipher(rig);
    for (algid, flags, expected) in [
        (cipher, 0, 0),
        (cipher, CRYPT_EXPORTABLE, CRYPT_EXPORT),
        (AT_SIGNATURE, 512 << 16 | CRYPT_EXPORTABLE, 0),
    ] {
        let permissions = context.gen_key(algid, flags)?.param_word(KP_PERMISSIONS)?;
        equal(
            permissions & CRYPT_EXPORT,
            expected,
            &format!("CRYPT_EXPORT of {algid:#x} with flags {flags:#x}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn param_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    let size = block as u32;
    let asked = key.param_into(KP_IV, Room::Ask, 0);
    equal(
        (asked.result, asked.length),
        (Ok(()), size),
        "the answer to NULL",
    )?;
    let short = key.param_into(KP_IV, Room::Bytes(block - 1), 0);
    equal(
        (short.length, short.buffer),
        (size, vec![0; block - 1]),
        "a short buffer and its length",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    let long = key.param_into(KP_IV, Room::Bytes(40), 0);
    equal(
        (long.result, long.length),
        (Ok(()), size),
        "the answer with room to spare",
    )?;
    Ok(Outcome::Passed)
}

fn param_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(key.param(999), NTE_BAD_TYPE)?;
    refused(
        key.param_into(KP_KEYLEN, Room::Bytes(4), 1).result,
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn set_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, ..) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    refused(key.set_word(KP_KEYLEN, 256), NTE_BAD_TYPE)?;
    refused(key.set_word(999, 0), NTE_BAD_TYPE)?;
    refused(key.set_word(KP_EFFECTIVE_KEYLEN, 40), NTE_BAD_TYPE)?;
    refused(
        key.set_param(KP_MODE, Some(&CRYPT_MODE_ECB.to_le_bytes()), 1),
        NTE_BAD_FLAGS,
    )?;
    refused(key.set_word(KP_PADDING, 3), NTE_BAD_DATA)?;
    refused(key.set_param(KP_SALT, Some(&[0; 11]), 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}
