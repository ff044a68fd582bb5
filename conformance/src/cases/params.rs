//! KP_ parameters of session keys: CPGetKeyParam and CPSetKeyParam, one parameter after the other.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_TYPE, Room};
use crate::case::{Case, Outcome, RSA};
use crate::coverage::{Cover, refuses, works};
use crate::oracle::ciphers::rc4;
use crate::oracle::hex;
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, DH, block_cipher, of, session_key};

const SET: &str = "CryptoAPI reference: CryptSetKeyParam";
const TABLE: &str = "CRYPTSPI, section 4.1";

const BOTH: &[Cover] = &[works(Function::GetKeyParam), works(Function::SetKeyParam)];
const BOTH_DATA: &[Cover] = &[
    works(Function::GetKeyParam),
    works(Function::SetKeyParam),
    refuses(Function::SetKeyParam, NTE_BAD_DATA),
];

pub(super) const CASES: &[Case] = &[
    of(
        "params.iv.block",
        CIPHERS,
        "A new KP_IV restarts the chain, and has the length of a block",
        TABLE,
        iv_block,
    )
    .covers(BOTH),
    of(
        "params.iv.stream",
        CIPHERS,
        "A stream cipher has a KP_IV without bytes",
        TABLE,
        iv_stream,
    )
    .covers(BOTH),
    of(
        "params.mode.values",
        CIPHERS,
        "KP_MODE takes the modes that there are, and no other number",
        TABLE,
        mode_values,
    )
    .covers(BOTH_DATA),
    Case::new(
        "params.mode.uncomputed-rsa",
        "The RSA family takes OFB and CTS, and then neither encrypts nor decrypts",
        TABLE,
        mode_uncomputed_rsa,
    )
    .on(RSA)
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::Encrypt, NTE_BAD_ALGID),
        refuses(Function::Decrypt, NTE_BAD_ALGID),
    ]),
    Case::new(
        "params.mode.uncomputed-dss",
        "The DSS family refuses OFB and CTS at once",
        TABLE,
        mode_uncomputed_dss,
    )
    .on(DH)
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_DATA)]),
    of(
        "params.mode.stream",
        CIPHERS,
        "A stream cipher has no mode to set",
        TABLE,
        mode_stream,
    )
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "params.mode-bits.eight",
        CIPHERS,
        "KP_MODE_BITS is 8, and nothing else",
        TABLE,
        mode_bits,
    )
    .covers(BOTH_DATA),
    of(
        "params.padding.pkcs5",
        CIPHERS,
        "KP_PADDING is PKCS #5, and nothing else",
        TABLE,
        padding,
    )
    .covers(BOTH_DATA),
    of(
        "params.keyval.des",
        CIPHERS,
        "KP_KEYVAL gives a DES key its bytes, and other keys none",
        SET,
        keyval,
    )
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "params.algid.fixed",
        CIPHERS,
        "The algorithm of a session key is what it is",
        SET,
        algid_fixed,
    )
    .covers(&[
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_FLAGS),
    ]),
    of(
        "params.keylen.without-salt",
        CIPHERS,
        "KP_KEYLEN counts parity and leaves salt away",
        "CryptoAPI reference: CryptGetKeyParam",
        keylen,
    )
    .covers(&[works(Function::GetKeyParam)]),
    of(
        "params.unused.session",
        CIPHERS,
        "Parameters that are defined without a use are refused on a session key",
        SET,
        unused,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "params.pair.numbers",
        CIPHERS,
        "A session key has no numbers of a pair",
        TABLE,
        numbers,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "params.duplicate.state",
        CIPHERS,
        "A duplicate has salt, effective length, mode and permissions of its key",
        "CryptoAPI reference: CryptDuplicateKey",
        duplicate_state,
    )
    .covers(&[works(Function::DuplicateKey), works(Function::GetKeyParam)]),
    of(
        "params.duplicate.stream",
        CIPHERS,
        "A duplicate goes on where the key stream stands",
        "CryptoAPI reference: CryptDuplicateKey",
        duplicate_stream,
    )
    .covers(&[works(Function::DuplicateKey), works(Function::Encrypt)]),
];
fn part(key: &Key, data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let answer = key.encrypt_into(data, None, false, 0, Room::Bytes(data.len()));
    Ok(answer.data()?)
}

fn iv_block(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    for (algid, block) in [(cipher, block), (CALG_RC2, 8), (CALG_DES, 8)] {
        let key = context.gen_key(algid, 0)?;
        let iv: Vec<u8> = (0..block as u8).map(|byte| byte ^ 0x5a).collect();
        key.set_param(KP_IV, Some(&iv), 0)?;
        let first = part(&key, &vec![1; block])?;
        ensure!(part(&key, &vec![1; block])? != first, "no chain");
        key.set_param(KP_IV, Some(&iv), 0)?;
        equal(part(&key, &vec![1; block])?, first, "the first block again")?;
        equal(key.param(KP_IV)?, iv, "KP_IV")?;
    }
    Ok(Outcome::Passed)
}

fn iv_stream(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    equal(key.param(KP_IV)?, Vec::new(), "KP_IV")?;
    let whole = key.encrypt(&[0; 8], 0)?;
    part(&key, &[0; 3])?;
    // It starts the key stream over as it does a chain.
    key.set_param(KP_IV, Some(&[]), 0)?;
    equal(part(&key, &[0; 8])?, whole, "the key stream")?;
    Ok(Outcome::Passed)
}

fn mode_values(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    for mode in [CRYPT_MODE_CFB, CRYPT_MODE_ECB, CRYPT_MODE_CBC] {
        key.set_word(KP_MODE, mode)?;
        equal(key.param_word(KP_MODE)?, mode, "KP_MODE")?;
    }
    for mode in [0, 6, 7, 0xffff_ffff] {
        refused(key.set_word(KP_MODE, mode), NTE_BAD_DATA)
            .with_context(|| format!("mode {mode}"))?;
    }
    equal(
        key.param_word(KP_MODE)?,
        CRYPT_MODE_CBC,
        "KP_MODE afterwards",
    )?;
    Ok(Outcome::Passed)
}

fn mode_uncomputed_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    let before = key.encrypt(b"text", 0)?;
    for mode in [CRYPT_MODE_OFB, CRYPT_MODE_CTS] {
        key.set_word(KP_MODE, mode)?;
        equal(key.param_word(KP_MODE)?, mode, "KP_MODE")?;
        let answer = key.encrypt_into(b"text", None, true, 0, Room::Bytes(32));
        refused(answer.result, NTE_BAD_ALGID)?;
        refused(key.decrypt(&vec![0; block], 0), NTE_BAD_ALGID)?;
    }
    key.set_word(KP_MODE, CRYPT_MODE_CBC)?;
    equal(
        key.encrypt(b"text", 0)?,
        before,
        "the cipher text in CBC again",
    )?;
    Ok(Outcome::Passed)
}

fn mode_uncomputed_dss(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_3DES, 0)?;
    for mode in [CRYPT_MODE_OFB, CRYPT_MODE_CTS] {
        refused(key.set_word(KP_MODE, mode), NTE_BAD_DATA)?;
    }
    equal(key.param_word(KP_MODE)?, CRYPT_MODE_CBC, "KP_MODE")?;
    key.encrypt(b"text", 0)?;
    Ok(Outcome::Passed)
}

fn mode_stream(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    equal(key.param_word(KP_MODE)?, 0, "KP_MODE")?;
    equal(key.param_word(KP_MODE_BITS)?, 0, "KP_MODE_BITS")?;
    equal(key.param_word(KP_BLOCKLEN)?, 0, "KP_BLOCKLEN")?;
    refused(key.set_word(KP_MODE, CRYPT_MODE_CBC), NTE_BAD_TYPE)?;
    refused(key.set_word(KP_MODE_BITS, 8), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn mode_bits(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_DES, 0)?;
    equal(key.param_word(KP_MODE_BITS)?, 8, "KP_MODE_BITS")?;
    key.set_word(KP_MODE_BITS, 8)?;
    for bits in [0, 1, 16, 64] {
        refused(key.set_word(KP_MODE_BITS, bits), NTE_BAD_DATA)
            .with_context(|| format!("{bits} bits"))?;
    }
    Ok(Outcome::Passed)
}

fn padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    equal(key.param_word(KP_PADDING)?, 1, "KP_PADDING")?;
    key.set_word(KP_PADDING, 1)?;
    // Random bytes, zeros, and what is none.
    for padding in [0, 2, 3, 4] {
        refused(key.set_word(KP_PADDING, padding), NTE_BAD_DATA)?;
    }
    equal(key.param_word(KP_PADDING)?, 1, "KP_PADDING afterwards")?;
    Ok(Outcome::Passed)
}

fn keyval(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_DES, 0)?;
    key.set_param(KP_KEYVAL, Some(&hex("0123456789abcdef")), 0)?;
    key.set_word(KP_MODE, CRYPT_MODE_ECB)?;
    // FIPS 81, table B1.
    equal(
        part(&key, b"Now is t")?,
        hex("3fa40e8a984d4815"),
        "the cipher text",
    )?;
    let other = context.gen_key(CALG_3DES, 0)?;
    refused(other.set_param(KP_KEYVAL, Some(&[0; 24]), 0), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn algid_fixed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    refused(key.set_word(KP_ALGID, CALG_RC2), NTE_BAD_TYPE)?;
    let algid = CALG_RC2.to_le_bytes();
    refused(
        key.set_param(KP_ALGID, Some(&algid), 64 << 16),
        NTE_BAD_FLAGS,
    )?;
    equal(key.param_word(KP_ALGID)?, CALG_RC4, "KP_ALGID")?;
    Ok(Outcome::Passed)
}

fn keylen(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, bits, told) in [
        (CALG_DES, 56, 64),
        (CALG_3DES, 168, 192),
        (CALG_RC4, 40, 40),
    ] {
        let key = context.gen_key(algid, bits << 16)?;
        equal(
            key.param_word(KP_KEYLEN)?,
            told,
            &format!("KP_KEYLEN of {algid:#x}"),
        )?;
        refused(key.set_word(KP_KEYLEN, told), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}

/// Those whose data would be plain bytes.
const UNUSED: [u32; 16] = [
    KP_Y,
    KP_RA,
    KP_RB,
    KP_INFO,
    KP_RP,
    KP_PRECOMP_MD5,
    KP_PRECOMP_SHA,
    KP_PUB_EX_LEN,
    KP_PUB_EX_VAL,
    KP_ADMIN_PIN,
    KP_KEYEXCHANGE_PIN,
    KP_SIGNATURE_PIN,
    KP_PREHASH,
    KP_ROUNDS,
    KP_CMS_KEY_INFO,
    KP_CLEAR_KEY,
];

fn unused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    for param in UNUSED {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
        refused(key.set_param(param, Some(&[0; 8]), 0), NTE_BAD_TYPE)
            .with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn numbers(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    for param in [KP_P, KP_Q, KP_G, KP_PUB_PARAMS] {
        refused(key.set_blob(param, &[1; 64]), NTE_BAD_TYPE)?;
    }
    for param in [
        KP_P,
        KP_Q,
        KP_G,
        KP_X,
        KP_VERIFY_PARAMS,
        KP_OAEP_PARAMS,
        KP_CERTIFICATE,
    ] {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn duplicate_state(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC2, 40 << 16)?;
    key.set_blob(KP_SALT_EX, &[3; 5])?;
    key.set_word(KP_EFFECTIVE_KEYLEN, 77)?;
    key.set_word(KP_MODE, CRYPT_MODE_CFB)?;
    key.set_word(KP_PERMISSIONS, CRYPT_ENCRYPT | CRYPT_READ)?;
    let copy = key.duplicate(0)?;
    equal(copy.param(KP_SALT)?, vec![3; 5], "KP_SALT")?;
    for param in [KP_EFFECTIVE_KEYLEN, KP_MODE, KP_PERMISSIONS, KP_KEYLEN] {
        equal(
            copy.param_word(param)?,
            key.param_word(param)?,
            &format!("parameter {param}"),
        )?;
    }
    copy.set_word(KP_EFFECTIVE_KEYLEN, 40)?;
    equal(key.param_word(KP_EFFECTIVE_KEYLEN)?, 77, "the key's own")?;
    Ok(Outcome::Passed)
}

fn duplicate_stream(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let bytes: Vec<u8> = (1..=16).collect();
    let key = session_key(&context, CALG_RC4, &bytes)?;
    part(&key, &[0; 100])?;
    let copy = key.duplicate(0)?;
    let expected = rc4(&bytes, &[0; 130])[100..].to_vec();
    equal(
        part(&copy, &[0; 30])?,
        expected.clone(),
        "the duplicate's key stream",
    )?;
    equal(part(&key, &[0; 30])?, expected, "the key's own")?;
    Ok(Outcome::Passed)
}
