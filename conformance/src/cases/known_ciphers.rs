//! Known answers of every cipher in every mode, and of the MACs made of them.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{Function, Key, NTE_BAD_DATA, Room};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::hex;
use crate::rig::{Rig, equal, refused};
use crate::vectors::{self, Vector};

use super::family::{AES, CIPHERS, session_key};

const MODES: &str = "CryptoAPI reference: CryptSetKeyParam";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    cipher("known.cipher.des-ecb", CIPHERS, |rig| {
        known_cipher(rig, "DES", "ECB")
    }),
    cipher("known.cipher.des-cbc", CIPHERS, |rig| {
        known_cipher(rig, "DES", "CBC")
    }),
    cipher("known.cipher.des-cfb", CIPHERS, |rig| {
        known_cipher(rig, "DES", "CFB")
    }),
    mac("known.mac.des", CIPHERS, |rig| known_mac(rig, "DES")),
    cipher("known.cipher.3des-112-ecb", CIPHERS, |rig| {
        known_cipher(rig, "3DES_112", "ECB")
    }),
    cipher("known.cipher.3des-112-cbc", CIPHERS, |rig| {
        known_cipher(rig, "3DES_112", "CBC")
    }),
    cipher("known.cipher.3des-112-cfb", CIPHERS, |rig| {
        known_cipher(rig, "3DES_112", "CFB")
    }),
    mac("known.mac.3des-112", CIPHERS, |rig| {
        known_mac(rig, "3DES_112")
    }),
    cipher("known.cipher.3des-ecb", CIPHERS, |rig| {
        known_cipher(rig, "3DES", "ECB")
    }),
    cipher("known.cipher.3des-cbc", CIPHERS, |rig| {
        known_cipher(rig, "3DES", "CBC")
    }),
    cipher("known.cipher.3des-cfb", CIPHERS, |rig| {
        known_cipher(rig, "3DES", "CFB")
    }),
    mac("known.mac.3des", CIPHERS, |rig| known_mac(rig, "3DES")),
    cipher("known.cipher.rc2-ecb", CIPHERS, |rig| {
        known_cipher(rig, "RC2", "ECB")
    }),
    cipher("known.cipher.rc2-cbc", CIPHERS, |rig| {
        known_cipher(rig, "RC2", "CBC")
    }),
    cipher("known.cipher.rc2-cfb", CIPHERS, |rig| {
        known_cipher(rig, "RC2", "CFB")
    }),
    mac("known.mac.rc2", CIPHERS, |rig| known_mac(rig, "RC2")),
    cipher("known.cipher.aes-128-ecb", AES, |rig| {
        known_cipher(rig, "AES_128", "ECB")
    }),
    cipher("known.cipher.aes-128-cbc", AES, |rig| {
        known_cipher(rig, "AES_128", "CBC")
    }),
    cipher("known.cipher.aes-128-cfb", AES, |rig| {
        known_cipher(rig, "AES_128", "CFB")
    }),
    mac("known.mac.aes-128", AES, |rig| known_mac(rig, "AES_128")),
    cipher("known.cipher.aes-192-ecb", AES, |rig| {
        known_cipher(rig, "AES_192", "ECB")
    }),
    cipher("known.cipher.aes-192-cbc", AES, |rig| {
        known_cipher(rig, "AES_192", "CBC")
    }),
    cipher("known.cipher.aes-192-cfb", AES, |rig| {
        known_cipher(rig, "AES_192", "CFB")
    }),
    mac("known.mac.aes-192", AES, |rig| known_mac(rig, "AES_192")),
    cipher("known.cipher.aes-256-ecb", AES, |rig| {
        known_cipher(rig, "AES_256", "ECB")
    }),
    cipher("known.cipher.aes-256-cbc", AES, |rig| {
        known_cipher(rig, "AES_256", "CBC")
    }),
    cipher("known.cipher.aes-256-cfb", AES, |rig| {
        known_cipher(rig, "AES_256", "CFB")
    }),
    mac("known.mac.aes-256", AES, |rig| known_mac(rig, "AES_256")),
    Case::new(
        "known.cipher.wycheproof-aes",
        "Cipher texts with their padding come out, and those with a wrong one are refused",
        "Wycheproof: aes_cbc_pkcs5_test",
        aes_with_padding,
    )
    .on(AES)
    .covers(&[
        works(Function::Encrypt),
        works(Function::Decrypt),
        refuses(Function::Decrypt, NTE_BAD_DATA),
    ]),
    Case::new(
        "known.cipher.rc2-effective",
        "RC2 keys of every effective length give the cipher texts of the RFC",
        "RFC 2268, section 5",
        rc2_effective,
    )
    .on(CIPHERS)
    .covers(&[works(Function::SetKeyParam), works(Function::Encrypt)]),
    stream("known.cipher.rc4-56", |rig| {
        rc4(rig, 7, "293f02d47f37c9b6 33f2af5285feb46b")
    }),
    stream("known.cipher.rc4-64", |rig| {
        rc4(rig, 8, "97ab8a1bf0afb961 32f2f67258da15a8")
    }),
    stream("known.cipher.rc4-80", |rig| {
        rc4(rig, 10, "ede3b04643e586cc 907dc21851709902")
    }),
];

const fn cipher(id: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(
        id,
        "The cipher gives OpenSSL's cipher text in this mode, at once and in parts",
        MODES,
        run,
    )
    .on(types)
    .covers(
        const {
            &[
                works(Function::ImportKey),
                works(Function::SetKeyParam),
                works(Function::Encrypt),
                works(Function::Decrypt),
            ]
        },
    )
}

const fn mac(id: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(
        id,
        "The MAC of this cipher is the last block that OpenSSL makes in CBC",
        "CryptoAPI reference: CALG_MAC",
        run,
    )
    .on(types)
    .covers(
        const {
            &[
                works(Function::CreateHash),
                works(Function::HashData),
                works(Function::GetHashParam),
            ]
        },
    )
}

const fn stream(id: &'static str, run: Run) -> Case {
    Case::new(
        id,
        "RC4 with a key of this length gives the key stream of the RFC",
        "RFC 6229, section 2",
        run,
    )
    .on(CIPHERS)
    .covers(const { &[works(Function::Encrypt)] })
}

fn algorithm(name: &str) -> anyhow::Result<u32> {
    Ok(match name {
        "DES" => CALG_DES,
        "3DES_112" => CALG_3DES_112,
        "3DES" => CALG_3DES,
        "RC2" => CALG_RC2,
        "AES_128" => CALG_AES_128,
        "AES_192" => CALG_AES_192,
        "AES_256" => CALG_AES_256,
        other => anyhow::bail!("no cipher {other}"),
    })
}

fn vectors_of(cipher: &str, mode: &str) -> anyhow::Result<Vec<Vector>> {
    let mut found = vectors::parse(include_str!("../../../vectors/capi-ciphers.txt"))?;
    found.retain(|vector| vector.text("cipher") == cipher && vector.text("mode") == mode);
    ensure!(!found.is_empty(), "no vector of {cipher} in {mode}");
    Ok(found)
}

/// A vector's key, in the vector's mode and with its initialisation vector.
fn keyed(rig: &Rig, vector: &Vector) -> anyhow::Result<(crate::capi::Context, Key)> {
    let context = rig.capi().verify_context()?;
    let algid = algorithm(vector.text("cipher"))?;
    let key = session_key(&context, algid, &vector.bytes("key"))?;
    let mode = match vector.text("mode") {
        "ECB" => CRYPT_MODE_ECB,
        "CFB" => CRYPT_MODE_CFB,
        _ => CRYPT_MODE_CBC,
    };
    key.set_word(KP_MODE, mode)?;
    key.set_param(KP_IV, Some(&vector.bytes("iv")), 0)?;
    Ok((context, key))
}

fn known_cipher(rig: &Rig, cipher: &str, mode: &str) -> anyhow::Result<Outcome> {
    for vector in vectors_of(cipher, mode)? {
        let (_context, key) = keyed(rig, &vector)?;
        let (msg, ct) = (vector.bytes("msg"), vector.bytes("ct"));
        let part = msg.len() / 4;
        let encrypt = |key: &Key, data: &[u8]| {
            key.encrypt_into(data, None, false, 0, Room::Bytes(data.len()))
                .data()
        };
        equal(encrypt(&key.duplicate(0)?, &msg)?, ct.clone(), "the whole")?;
        let (mut together, copy) = (Vec::new(), key.duplicate(0)?);
        for piece in [&msg[..part], &msg[part..3 * part], &msg[3 * part..]] {
            together.extend(encrypt(&copy, piece)?);
        }
        equal(together, ct.clone(), "the parts together")?;
        // What has no padding is decrypted in parts too.
        let (mut plain, copy) = (Vec::new(), key.duplicate(0)?);
        for piece in ct.chunks(2 * part) {
            plain.extend(copy.decrypt_into(piece, None, false, 0).data()?);
        }
        equal(plain, msg, "the plain text")?;
    }
    Ok(Outcome::Passed)
}

fn known_mac(rig: &Rig, cipher: &str) -> anyhow::Result<Outcome> {
    for vector in vectors_of(cipher, "MAC")? {
        let (context, key) = keyed(rig, &vector)?;
        let mac = vector.bytes("mac");
        let hash = context.create_hash(CALG_MAC, Some(&key))?;
        let size = hash.param(HP_HASHSIZE)?;
        equal(
            size,
            (mac.len() as u32).to_le_bytes().to_vec(),
            "HP_HASHSIZE",
        )?;
        for piece in vector.bytes("msg").chunks(3) {
            hash.data(piece)?;
        }
        equal(hash.value()?, mac, "the MAC")?;
    }
    Ok(Outcome::Passed)
}

fn aes_with_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in vectors::parse(include_str!(
        "../../../vectors/wycheproof-aes-cbc-pkcs5.txt"
    ))? {
        let key = vector.bytes("key");
        let algid = match key.len() {
            16 => CALG_AES_128,
            24 => CALG_AES_192,
            _ => CALG_AES_256,
        };
        let key = session_key(&context, algid, &key)?;
        key.set_param(KP_IV, Some(&vector.bytes("iv")), 0)?;
        let (msg, ct) = (vector.bytes("msg"), vector.bytes("ct"));
        let tried = key.decrypt(&ct, 0);
        match vector.text("result") {
            "valid" => {
                equal(tried?, msg.clone(), vector.text("id"))?;
                equal(key.encrypt(&msg, 0)?, ct, vector.text("id"))?;
            }
            _ => refused(tried, NTE_BAD_DATA).with_context(|| vector.text("id"))?,
        }
    }
    Ok(Outcome::Passed)
}

fn rc2_effective(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (key, bits, plain, cipher) in [
        (
            "0000000000000000",
            63,
            "0000000000000000",
            "ebb773f993278eff",
        ),
        (
            "ffffffffffffffff",
            64,
            "ffffffffffffffff",
            "278b27e42e2f0d49",
        ),
        (
            "3000000000000000",
            64,
            "1000000000000001",
            "30649edf9be7d2c2",
        ),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        (
            "88bca90e90875a7f0f79c384627bafb2",
            64,
            "0000000000000000",
            "1a807d272bbe5db1",
        ),
        (
            "88bca90e90875a7f0f79c384627bafb2",
            128,
            "0000000000000000",
            "2269552ab0f85ca6",
        ),
    ] {
        let key = session_key(&context, CALG_RC2, &hex(key))?;
        key.set_word(KP_EFFECTIVE_KEYLEN, bits)?;
        equal(
            key.param_word(KP_EFFECTIVE_KEYLEN)?,
            bits,
            "KP_EFFECTIVE_KEYLEN",
        )?;
        let found = key
            .encrypt_into(&hex(plain), None, false, 0, Room::Bytes(8))
            .data()?;
        equal(found, hex(cipher), &format!("{bits} bits"))?;
    }
    Ok(Outcome::Passed)
}

fn rc4(rig: &Rig, length: u8, expected: &str) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key: Vec<u8> = (1..=length).collect();
    let key = session_key(&context, CALG_RC4, &key)?;
    equal(key.encrypt(&[0; 16], 0)?, hex(expected), "the key stream")?;
    equal(
        key.decrypt(&hex(expected), 0)?,
        vec![0; 16],
        "the plain text",
    )?;
    Ok(Outcome::Passed)
}
