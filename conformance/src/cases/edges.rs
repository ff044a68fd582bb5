//! CPEncrypt and CPDecrypt at the edges of blocks, buffers and moduli, cipher by cipher.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, Function, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY,
    NTE_BAD_LEN, Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{Cover, refuses, works};
use crate::oracle::digest;
use crate::rig::{Rig, equal, refused};

use super::family::{AES, CIPHERS, block_cipher, exchange, of, private_blob};

const ENCRYPT: &str = "CryptoAPI reference: CryptEncrypt";
const DECRYPT: &str = "CryptoAPI reference: CryptDecrypt";
const RULES: &str = "CRYPTSPI, section 3.9";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

const BLOCK: &[Cover] = &[
    works(Function::Encrypt),
    works(Function::Decrypt),
    refuses(Function::Encrypt, ERROR_MORE_DATA),
    refuses(Function::Encrypt, NTE_BAD_DATA),
    refuses(Function::Decrypt, NTE_BAD_DATA),
];

pub(super) const CASES: &[Case] = &[
    block("edges.des", CIPHERS, |rig| edges(rig, CALG_DES, 8)),
    block("edges.3des-112", CIPHERS, |rig| edges(rig, CALG_3DES_112, 8)),
    block("edges.3des", CIPHERS, |rig| edges(rig, CALG_3DES, 8)),
    block("edges.rc2", CIPHERS, |rig| edges(rig, CALG_RC2, 8)),
    block("edges.aes-128", AES, |rig| edges(rig, CALG_AES_128, 16)),
    block("edges.aes-192", AES, |rig| edges(rig, CALG_AES_192, 16)),
    block("edges.aes-256", AES, |rig| edges(rig, CALG_AES_256, 16)),
    of("edges.rc4", CIPHERS, "A stream cipher's text is as long as its plain text, whatever that is", RULES, stream)
        .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    of("edges.last.restarts", CIPHERS, "The last part starts the key over, also when it is empty or its padding is wrong", RULES, last_restarts)
        .covers(&[works(Function::Encrypt), refuses(Function::Decrypt, NTE_BAD_DATA)]),
    of("edges.query.untouched", CIPHERS, "Asking for the size moves no chain and hashes nothing", RULES, query_untouched)
        .covers(&[works(Function::Encrypt), works(Function::HashData)]),
    of("edges.flags.pair", EVERY, "Flags are refused before the key is looked at", RULES, flags_pair)
        .covers(&[refuses(Function::Encrypt, NTE_BAD_FLAGS), refuses(Function::Decrypt, NTE_BAD_FLAGS)]),
    of("edges.flags.oaep-session", CIPHERS, "CRYPT_OAEP means nothing to a session key, and CRYPT_DECRYPT_RSA_NO_PADDING_CHECK is refused", DECRYPT, flags_session)
        .covers(&[works(Function::Encrypt), refuses(Function::Decrypt, NTE_BAD_FLAGS)]),
    of("edges.key.signature", EVERY, "A signature key neither encrypts nor decrypts", RULES, key_signature)
        .covers(&[refuses(Function::Encrypt, NTE_BAD_KEY), refuses(Function::Decrypt, NTE_BAD_KEY)]),
    of("edges.rsa.no-check", RSA, "Without a check of the padding the whole block comes out", DECRYPT, rsa_no_check)
        .covers(&[works(Function::Decrypt), refuses(Function::Decrypt, NTE_BAD_FLAGS)]),
    of("edges.rsa.part", RSA, "RSA takes a message whole", RULES, rsa_part)
        .covers(&[refuses(Function::Encrypt, ERROR_INVALID_PARAMETER), refuses(Function::Decrypt, ERROR_INVALID_PARAMETER)]),
    of("edges.rsa.longest", RSA, "The longest message of each modulus goes through", ENCRYPT, rsa_longest)
        .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    of("edges.rsa.oaep-longest", RSA, "The longest message of each modulus goes through OAEP", ENCRYPT, rsa_oaep_longest)
        .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    of("edges.rsa.oaep-short", RSA, "A modulus too short for OAEP encrypts nothing with it", RULES, rsa_oaep_short)
        .covers(&[refuses(Function::Encrypt, NTE_BAD_LEN)]),
    of("edges.rsa.hash", RSA, "A hash goes along with RSA too", ENCRYPT, rsa_hash)
        .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    of("edges.rsa.order", RSA, "A cipher text in the wrong byte order does not come out", DECRYPT, rsa_order)
        .covers(&[refuses(Function::Decrypt, NTE_BAD_DATA)]),
    of("edges.rsa.modulus", RSA, "A number that is not below the modulus is no cipher text", DECRYPT, rsa_modulus)
        .covers(&[refuses(Function::Decrypt, NTE_BAD_DATA)]),
];

const fn block(id: &'static str, types: &'static [u32], run: Run) -> Case {
    of(
        id,
        types,
        "Texts of every length around the block come and go, and parts of blocks do not",
        ENCRYPT,
        run,
    )
    .covers(BLOCK)
}

fn edges(rig: &Rig, algid: u32, block: usize) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(algid, 0)?;
    for mode in [CRYPT_MODE_CBC, CRYPT_MODE_ECB, CRYPT_MODE_CFB] {
        key.set_word(KP_MODE, mode)?;
        for length in [0, 1, block - 1, block, block + 1, 2 * block - 1, 2 * block] {
            let plain: Vec<u8> = (0..length as u8).collect();
            let whole = (length / block + 1) * block;
            let asked = key.encrypt_into(&plain, None, true, 0, Room::Ask);
            equal(
                (asked.result, asked.length),
                (Ok(()), whole as u32),
                "the answer to NULL",
            )?;
            let short = key.encrypt_into(&plain, None, true, 0, Room::Bytes(whole - 1));
            equal(
                short.length as usize,
                whole,
                "the length for a short buffer",
            )?;
            refused(short.result, ERROR_MORE_DATA)?;
            let cipher = key.encrypt(&plain, 0)?;
            equal(cipher.len(), whole, "bytes of the cipher text")?;
            equal(key.decrypt(&cipher, 0)?, plain, "the plain text")?;
        }
        for length in [1, block - 1, block + 1] {
            let part = vec![0; length];
            let answer = key.encrypt_into(&part, None, false, 0, Room::Bytes(3 * block));
            refused(answer.result, NTE_BAD_DATA).with_context(|| format!("{length} bytes"))?;
            for last in [false, true] {
                refused(key.decrypt_into(&part, None, last, 0).result, NTE_BAD_DATA)
                    .with_context(|| format!("{length} bytes"))?;
            }
        }
        // Nothing at all is a part, and no last one.
        equal(
            key.encrypt_into(&[], None, false, 0, Room::Bytes(0)).length,
            0,
            "no part",
        )?;
        refused(key.decrypt(&[], 0), NTE_BAD_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn stream(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    for length in [0, 1, 7, 8, 9, 1000] {
        let plain: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let cipher = key.encrypt(&plain, 0)?;
        equal(cipher.len(), plain.len(), "bytes of the cipher text")?;
        equal(key.decrypt(&cipher, 0)?, plain, "the plain text")?;
    }
    let answer = key.encrypt_into(&[1; 8], None, true, 0, Room::Ask);
    answer.result?;
    ensure!(answer.length >= 8, "{} bytes for 8", answer.length);
    Ok(Outcome::Passed)
}

fn last_restarts(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    let first = key.encrypt(b"text", 0)?;
    let part = || key.encrypt_into(&vec![1; block], None, false, 0, Room::Bytes(block));
    part().result?;
    key.encrypt(b"", 0)?;
    equal(
        key.encrypt(b"text", 0)?,
        first.clone(),
        "after an empty last part",
    )?;
    // A last block of zeros has no padding, whatever the key.
    let mut two = vec![1; block];
    two.resize(2 * block, 0);
    let two = key.encrypt_into(&two, None, false, 0, Room::Bytes(2 * block));
    let two = two.data()?;
    key.encrypt(b"", 0)?;
    key.decrypt_into(&two[..block], None, false, 0).result?;
    refused(key.decrypt(&two[block..], 0), NTE_BAD_DATA)?;
    equal(
        key.encrypt(b"text", 0)?,
        first,
        "after a last part with a wrong padding",
    )?;
    Ok(Outcome::Passed)
}

fn query_untouched(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    let hash = context.hash(CALG_SHA1, b"abc")?;
    let copy = key.duplicate(0)?;
    for room in [Room::Ask, Room::Bytes(block)] {
        let answer = key.encrypt_into(&vec![1; block], Some(&hash), true, 0, room);
        equal(answer.length as usize, 2 * block, "the size")?;
    }
    hash.data(b"d")?;
    equal(hash.value()?, digest(CALG_SHA1, b"abcd")?, "the hash")?;
    equal(
        key.encrypt(b"text", 0)?,
        copy.encrypt(b"text", 0)?,
        "the cipher text",
    )?;
    Ok(Outcome::Passed)
}

fn flags_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    for flags in [1, 0x80] {
        let answer = key.encrypt_into(b"text", None, true, flags, Room::Bytes(64));
        refused(answer.result, NTE_BAD_FLAGS)?;
        refused(key.decrypt(&[1; 64], flags), NTE_BAD_FLAGS)?;
    }
    Ok(Outcome::Passed)
}

fn flags_session(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(block_cipher(rig).0, 0)?;
    let cipher = key.encrypt(b"text", CRYPT_OAEP)?;
    equal(
        key.decrypt(&cipher, CRYPT_OAEP)?,
        b"text".to_vec(),
        "the plain text",
    )?;
    refused(
        key.decrypt(&cipher, CRYPT_DECRYPT_RSA_NO_PADDING_CHECK),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn key_signature(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    for flags in [0, CRYPT_OAEP] {
        let answer = key.encrypt_into(b"text", None, true, flags, Room::Bytes(64));
        refused(answer.result, NTE_BAD_KEY)?;
        refused(key.decrypt(&[1; 64], flags), NTE_BAD_KEY)?;
    }
    Ok(Outcome::Passed)
}

fn rsa_no_check(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 512)?;
    let cipher = public.encrypt(b"text")?;
    let block = key.decrypt(&cipher, CRYPT_DECRYPT_RSA_NO_PADDING_CHECK)?;
    equal(block.len(), 64, "bytes of the block")?;
    ensure!(
        block.starts_with(&[0, 2]) && block.ends_with(b"\0text"),
        "{block:02x?}"
    );
    let both = CRYPT_OAEP | CRYPT_DECRYPT_RSA_NO_PADDING_CHECK;
    refused(key.decrypt(&cipher, both), NTE_BAD_FLAGS)?;
    Ok(Outcome::Passed)
}

fn rsa_part(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 512)?;
    let answer = key.encrypt_into(b"text", None, false, 0, Room::Bytes(64));
    refused(answer.result, ERROR_INVALID_PARAMETER)?;
    let cipher = public.encrypt(b"text")?;
    refused(
        key.decrypt_into(&cipher, None, false, 0).result,
        ERROR_INVALID_PARAMETER,
    )?;
    equal(key.decrypt(&cipher, 0)?, b"text".to_vec(), "the plain text")?;
    Ok(Outcome::Passed)
}

/// The longest message, and the one byte more that is too long, of moduli of several lengths.
fn longest(rig: &Rig, flags: u32, overhead: usize) -> anyhow::Result<()> {
    for bits in [512, 768, 1024] {
        let (_context, key, _) = exchange(rig, bits)?;
        let modulus = bits as usize / 8;
        for length in [0, 1, modulus - overhead] {
            let message = vec![0x5a; length];
            let cipher = key.encrypt(&message, flags)?;
            equal(cipher.len(), modulus, "bytes of the cipher text")?;
            equal(key.decrypt(&cipher, flags)?, message, "the plain text")?;
        }
        let long = vec![0; modulus - overhead + 1];
        let answer = key.encrypt_into(&long, None, true, flags, Room::Bytes(modulus));
        refused(answer.result, NTE_BAD_LEN)?;
    }
    Ok(())
}

fn rsa_longest(rig: &Rig) -> anyhow::Result<Outcome> {
    longest(rig, 0, 11)?;
    Ok(Outcome::Passed)
}

fn rsa_oaep_longest(rig: &Rig) -> anyhow::Result<Outcome> {
    longest(rig, CRYPT_OAEP, 42)?;
    Ok(Outcome::Passed)
}

fn rsa_oaep_short(rig: &Rig) -> anyhow::Result<Outcome> {
    // 48 bytes, of which OAEP with SHA-1 takes 42.
    let (_context, key, _) = exchange(rig, 384)?;
    let answer = key.encrypt_into(&[0; 7], None, true, CRYPT_OAEP, Room::Bytes(48));
    refused(answer.result, NTE_BAD_LEN)?;
    key.encrypt(&[0; 7], 0)?;
    Ok(Outcome::Passed)
}

fn rsa_hash(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key, _) = exchange(rig, 512)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    let cipher = key
        .encrypt_into(b"text", Some(&hash), true, 0, Room::Bytes(64))
        .data()?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, b"text")?,
        "the hash of encryption",
    )?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    key.decrypt_into(&cipher, Some(&hash), true, 0).data()?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, b"text")?,
        "the hash of decryption",
    )?;
    Ok(Outcome::Passed)
}

fn rsa_order(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 512)?;
    let mut cipher = public.encrypt(b"text")?;
    cipher.reverse();
    refused(key.decrypt(&cipher, 0), NTE_BAD_DATA)?;
    Ok(Outcome::Passed)
}

fn rsa_modulus(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, _) = exchange(rig, 512)?;
    let modulus = key.export(PUBLICKEYBLOB, None, 0)?[20..].to_vec();
    for number in [modulus, vec![0xff; 64], vec![0; 64]] {
        refused(key.decrypt(&number, 0), NTE_BAD_DATA).with_context(|| format!("{number:02x?}"))?;
    }
    Ok(Outcome::Passed)
}
