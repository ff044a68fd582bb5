//! CPDeriveKey: which bytes of which hash become the key of which cipher.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{
    Code, ERROR_INVALID_PARAMETER, Function, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS,
    NTE_BAD_HASH, NTE_BAD_HASH_STATE, NTE_SILENT_CONTEXT, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::ciphers::rc4;
use crate::oracle::digest;
use crate::rig::{Rig, equal, refused};

use super::family::{AES, CIPHERS, SHA2, SHAMD5, block_cipher, bytes_of, is_on};

const DERIVE: &str = "CryptoAPI reference: CryptDeriveKey";
const RULES: &str = "CryptoAPI reference: CryptDeriveKey; CRYPTSPI, section 6";

type Run = fn(&Rig) -> anyhow::Result<Outcome>;

pub(super) const CASES: &[Case] = &[
    derived("derive.des.prefix", CIPHERS, |rig| {
        prefixes(
            rig,
            CALG_DES,
            &[(CALG_MD5, 0, 8), (CALG_SHA1, 0, 8), (CALG_SHA1, 56, 8)],
        )
    }),
    derived("derive.3des-112.prefix", CIPHERS, |rig| {
        prefixes(
            rig,
            CALG_3DES_112,
            &[(CALG_MD5, 0, 16), (CALG_SHA1, 112, 16)],
        )
    }),
    derived("derive.3des.expanded", CIPHERS, |rig| {
        expansions(rig, CALG_3DES, 24, &[CALG_MD5, CALG_SHA1])
    }),
    derived("derive.3des.prefix", SHA2, |rig| {
        prefixes(
            rig,
            CALG_3DES,
            &[(CALG_SHA_256, 0, 24), (CALG_SHA_512, 168, 24)],
        )
    }),
    derived("derive.rc2.prefix", CIPHERS, |rig| {
        prefixes(
            rig,
            CALG_RC2,
            &[
                (CALG_MD5, 0, 16),
                (CALG_SHA1, 40, 5),
                (CALG_SHA1, 64, 8),
                (CALG_SHA1, 128, 16),
            ],
        )
    }),
    derived("derive.rc4.prefix", CIPHERS, |rig| {
        prefixes(
            rig,
            CALG_RC4,
            &[
                (CALG_MD5, 0, 16),
                (CALG_SHA1, 40, 5),
                (CALG_SHA1, 56, 7),
                (CALG_MD5, 128, 16),
            ],
        )
    }),
    derived("derive.aes-128.expanded", AES, |rig| {
        expansions(rig, CALG_AES_128, 16, &[CALG_MD5, CALG_SHA1])
    }),
    derived("derive.aes-192.expanded", AES, |rig| {
        expansions(rig, CALG_AES_192, 24, &[CALG_MD5, CALG_SHA1])
    }),
    derived("derive.aes-256.expanded", AES, |rig| {
        expansions(rig, CALG_AES_256, 32, &[CALG_MD5, CALG_SHA1])
    }),
    derived("derive.aes-128.prefix", SHA2, |rig| {
        prefixes(
            rig,
            CALG_AES_128,
            &[(CALG_SHA_256, 0, 16), (CALG_SHA_384, 128, 16)],
        )
    }),
    derived("derive.aes-192.prefix", SHA2, |rig| {
        prefixes(
            rig,
            CALG_AES_192,
            &[(CALG_SHA_256, 0, 24), (CALG_SHA_512, 192, 24)],
        )
    }),
    derived("derive.aes-256.prefix", SHA2, |rig| {
        prefixes(
            rig,
            CALG_AES_256,
            &[(CALG_SHA_256, 0, 32), (CALG_SHA_384, 256, 32)],
        )
    }),
    Case::new(
        "derive.salt.default",
        "A key of 40 bits has eleven zero bytes of salt, and none with CRYPT_NO_SALT",
        "CRYPTSPI, section 6",
        salt,
    )
    .on(CIPHERS)
    .covers(&[works(Function::DeriveKey), works(Function::Encrypt)]),
    Case::new(
        "derive.flags.ignored",
        "CRYPT_UPDATE_KEY and the flags without a use change nothing",
        DERIVE,
        flags_ignored,
    )
    .on(CIPHERS)
    .covers(&[works(Function::DeriveKey)]),
    Case::new(
        "derive.length.refused",
        "Lengths that the cipher has not are refused, and the hash goes on",
        DERIVE,
        length_refused,
    )
    .on(CIPHERS)
    .covers(&[
        refuses(Function::DeriveKey, ERROR_INVALID_PARAMETER),
        refuses(Function::DeriveKey, NTE_BAD_DATA),
        refuses(Function::DeriveKey, NTE_BAD_FLAGS),
        works(Function::HashData),
    ]),
    Case::any(
        "derive.hash.elsewhere",
        "A hash of another context is none",
        DERIVE,
        hash_elsewhere,
    )
    .covers(&[refuses(Function::DeriveKey, NTE_BAD_HASH)]),
    Case::new(
        "derive.hash.unset",
        "A hash that can only be set makes no key before it was",
        DERIVE,
        hash_unset,
    )
    .on(SHAMD5)
    .covers(&[
        refuses(Function::DeriveKey, NTE_BAD_HASH_STATE),
        works(Function::DeriveKey),
    ]),
    Case::new(
        "derive.hash.short",
        "A MAC is too short for a long key, and is not expanded",
        DERIVE,
        hash_short,
    )
    .on(CIPHERS)
    .covers(&[
        refuses(Function::DeriveKey, NTE_BAD_HASH),
        works(Function::DeriveKey),
    ]),
    Case::any(
        "derive.silent.prompt",
        "A prompt that may not be shown is refused, and the hash goes on",
        DERIVE,
        silent,
    )
    .covers(&[
        refuses(Function::DeriveKey, NTE_SILENT_CONTEXT),
        works(Function::HashData),
    ]),
    Case::any(
        "derive.algorithm.none",
        "Keys of pairs, hashes and unknown algorithms are not derived",
        DERIVE,
        algorithm_none,
    )
    .covers(&[refuses(Function::DeriveKey, NTE_BAD_ALGID)]),
    Case::any(
        "derive.flags.unknown",
        "Unknown flags are refused before the hash is finished",
        DERIVE,
        flags_unknown,
    )
    .covers(&[
        refuses(Function::DeriveKey, NTE_BAD_FLAGS),
        works(Function::HashData),
    ]),
];

const fn derived(id: &'static str, types: &'static [u32], run: Run) -> Case {
    Case::new(
        id,
        "The key is made of the hash by the rule of its cipher",
        RULES,
        run,
    )
    .on(types)
    .covers(const { &[works(Function::DeriveKey), works(Function::ExportKey)] })
}

/// The key's bytes, parity left away where there is any: a provider may set it.
fn compared(algid: u32, mut bytes: Vec<u8>) -> Vec<u8> {
    if matches!(algid, CALG_DES | CALG_3DES | CALG_3DES_112) {
        bytes.iter_mut().for_each(|byte| *byte &= 0xfe);
    }
    bytes
}

/// Keys that are the first bytes of a hash: the hash, the length in bits that is asked for, and that in bytes.
fn prefixes(rig: &Rig, algid: u32, keys: &[(u32, u32, usize)]) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (base, bits, length) in keys {
        let hash = context.hash(*base, b"secret")?;
        let key = context.derive_key(algid, &hash, bits << 16 | CRYPT_EXPORTABLE)?;
        let expected = digest(*base, b"secret")?[..*length].to_vec();
        let what = format!("{bits} bits from hash {base:#x}");
        equal(
            compared(algid, bytes_of(&key)?),
            compared(algid, expected),
            &what,
        )?;
    }
    Ok(Outcome::Passed)
}

/// Keys of the expansion on Microsoft's page.
fn expansions(rig: &Rig, algid: u32, length: usize, bases: &[u32]) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for &base in bases {
        let value = digest(base, b"secret")?;
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            block
                .iter_mut()
                .zip(&value)
                .for_each(|(byte, value)| *byte ^= value);
            digest(base, &block)
        };
        let expected = [padded(0x36)?, padded(0x5c)?].concat()[..length].to_vec();
        let hash = context.hash(base, b"secret")?;
        let key = context.derive_key(algid, &hash, CRYPT_EXPORTABLE)?;
        let what = format!("from hash {base:#x}");
        equal(
            compared(algid, bytes_of(&key)?),
            compared(algid, expected),
            &what,
        )?;
    }
    Ok(Outcome::Passed)
}

fn salt(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let bytes = digest(CALG_SHA1, b"secret")?[..5].to_vec();
    for (flags, salt) in [(0, 11), (CRYPT_NO_SALT, 0), (CRYPT_CREATE_SALT, 0)] {
        let hash = context.hash(CALG_SHA1, b"secret")?;
        let key = context.derive_key(CALG_RC4, &hash, 40 << 16 | flags)?;
        equal(key.param(KP_SALT)?, vec![0; salt], "KP_SALT")?;
        let with_salt = [bytes.clone(), vec![0; salt]].concat();
        equal(
            key.encrypt(&[0; 16], 0)?,
            rc4(&with_salt, &[0; 16]),
            "the key stream",
        )?;
    }
    Ok(Outcome::Passed)
}

fn flags_ignored(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let cipher = block_cipher(rig).0;
    let key = |flags| {
        let hash = context.hash(CALG_SHA1, b"secret")?;
        bytes_of(&context.derive_key(cipher, &hash, CRYPT_EXPORTABLE | flags)?)
    };
    let plain = key(0)?;
    for flags in [
        CRYPT_UPDATE_KEY,
        CRYPT_ONLINE | CRYPT_SF,
        CRYPT_SERVER,
        CRYPT_VOLATILE | CRYPT_DATA_KEY,
    ] {
        equal(key(flags)?, plain.clone(), &format!("flags {flags:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn length_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    let cases: [(u32, u32, Code); 5] = [
        (CALG_RC4, 32, ERROR_INVALID_PARAMETER),
        (CALG_RC2, 136, ERROR_INVALID_PARAMETER),
        (CALG_RC4, 60, NTE_BAD_DATA),
        (CALG_DES, 60, NTE_BAD_FLAGS),
        (CALG_3DES, 112, ERROR_INVALID_PARAMETER),
    ];
    for (algid, bits, code) in cases {
        refused(context.derive_key(algid, &hash, bits << 16), code)
            .with_context(|| format!("{algid:#x} of {bits} bits"))?;
    }
    hash.data(b"abc")?;
    equal(hash.value()?, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}

fn hash_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let other = rig.capi().verify_context()?;
    let hash = other.hash(CALG_SHA1, b"secret")?;
    refused(context.derive_key(CALG_RC4, &hash, 0), NTE_BAD_HASH)?;
    Ok(Outcome::Passed)
}

fn hash_unset(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
    refused(context.derive_key(CALG_RC4, &hash, 0), NTE_BAD_HASH_STATE)?;
    let value: Vec<u8> = (0..36).collect();
    hash.set_param(HP_HASHVAL, Some(&value), 0)?;
    let key = context.derive_key(CALG_RC4, &hash, CRYPT_EXPORTABLE)?;
    equal(bytes_of(&key)?, value[..16].to_vec(), "the key")?;
    Ok(Outcome::Passed)
}

fn hash_short(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_DES, 0)?;
    let mac = context.create_hash(CALG_MAC, Some(&key))?;
    mac.data(b"secret")?;
    refused(context.derive_key(CALG_3DES, &mac, 0), NTE_BAD_HASH)?;
    let derived = context.derive_key(CALG_RC4, &mac, 64 << 16 | CRYPT_EXPORTABLE)?;
    equal(bytes_of(&derived)?, mac.value()?, "the key")?;
    Ok(Outcome::Passed)
}

fn silent(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig
        .capi()
        .acquire(Some(&rig.name()), CRYPT_NEWKEYSET | CRYPT_SILENT)?;
    let hash = context.hash(CALG_SHA1, b"se")?;
    refused(
        context.derive_key(CALG_RC4, &hash, CRYPT_USER_PROTECTED),
        NTE_SILENT_CONTEXT,
    )?;
    hash.data(b"cret")?;
    if is_on(rig, CIPHERS) {
        let key = context.derive_key(CALG_RC4, &hash, CRYPT_EXPORTABLE)?;
        let expected = digest(CALG_SHA1, b"secret")?[..16].to_vec();
        equal(bytes_of(&key)?, expected, "the key without a prompt")?;
    }
    Ok(Outcome::Passed)
}

fn algorithm_none(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"secret")?;
    for algid in [
        0,
        CALG_RSA_SIGN,
        CALG_DSS_SIGN,
        CALG_DH_EPHEM,
        CALG_MD5,
        CALG_AES,
        CALG_RC5,
    ] {
        refused(context.derive_key(algid, &hash, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    refused(context.derive_key(CALG_RC4, &hash, 0x20), NTE_BAD_FLAGS)?;
    hash.data(b"abc")?;
    let value = hash.param_into(HP_HASHVAL, Room::Bytes(20), 0).data()?;
    equal(value, digest(CALG_SHA1, b"abc")?, "the value")?;
    Ok(Outcome::Passed)
}
