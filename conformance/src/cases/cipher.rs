//! Encryption: CPEncrypt, CPDecrypt and CPDeriveKey.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_MORE_DATA, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS,
    NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_LEN, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, RsaPublic, digest, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

const ENCRYPT: &str = "CryptoAPI reference: CryptEncrypt";
const DECRYPT: &str = "CryptoAPI reference: CryptDecrypt";
const DERIVE: &str = "CryptoAPI reference: CryptDeriveKey";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "cipher.known.aes",
        "AES in CBC, ECB and CFB gives the standard's cipher texts",
        "NIST SP 800-38A, appendix F",
        known_aes,
    )
    .covers(&[
        works(Function::Encrypt),
        works(Function::Decrypt),
        works(Function::SetKeyParam),
    ]),
    Case::new(
        "cipher.known.des",
        "DES and triple DES give the standards' cipher texts",
        "FIPS 81, appendix B; NIST SP 800-67, appendix B",
        known_des,
    )
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.known.rc",
        "RC2 and RC4 give the cipher texts of their RFCs",
        "RFC 2268, section 5; RFC 6229",
        known_rc,
    )
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.block.padding",
        "The last block is padded, always",
        ENCRYPT,
        block_padding,
    )
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.block.sizes",
        "The padded size is told for NULL and for a short buffer, and nothing is consumed",
        ENCRYPT,
        block_sizes,
    )
    .covers(&[
        works(Function::Encrypt),
        refuses(Function::Encrypt, ERROR_MORE_DATA),
    ]),
    Case::new(
        "cipher.block.part",
        "A part that is not the last has whole blocks",
        ENCRYPT,
        block_part,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_DATA),
        refuses(Function::Decrypt, NTE_BAD_DATA),
    ]),
    Case::new(
        "cipher.block.chain",
        "Parts chain, and the last one starts the key over",
        ENCRYPT,
        block_chain,
    )
    .covers(&[works(Function::Encrypt)]),
    Case::new(
        "cipher.block.bad-padding",
        "Wrong padding is refused, and the key starts over",
        DECRYPT,
        block_bad_padding,
    )
    .covers(&[
        works(Function::Decrypt),
        refuses(Function::Decrypt, NTE_BAD_DATA),
    ]),
    Case::new(
        "cipher.stream.restarts",
        "RC4 goes on from part to part and starts over after the last",
        ENCRYPT,
        stream_restarts,
    )
    .covers(&[works(Function::Encrypt)]),
    Case::new(
        "cipher.hash.along",
        "A hash that goes along sees the plain text both ways",
        ENCRYPT,
        hash_along,
    )
    .covers(&[
        works(Function::Encrypt),
        works(Function::Decrypt),
        refuses(Function::Decrypt, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "cipher.flags.unknown",
        "Unknown flags are refused",
        ENCRYPT,
        flags_unknown,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_FLAGS),
        refuses(Function::Decrypt, NTE_BAD_FLAGS),
    ]),
    Case::new(
        "cipher.rsa.decrypt",
        "The module decrypts what was encrypted elsewhere",
        "RFC 8017, section 7.2",
        rsa_decrypt,
    )
    .covers(&[works(Function::Decrypt)]),
    Case::new(
        "cipher.rsa.encrypt",
        "What is encrypted here is decrypted elsewhere",
        "RFC 8017, sections 7.1 and 7.2",
        rsa_encrypt,
    )
    .covers(&[works(Function::Encrypt)]),
    Case::new(
        "cipher.rsa.oaep",
        "OAEP has SHA-1, MGF1 and no label",
        "RFC 8017, section 7.1",
        rsa_oaep,
    )
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.rsa.lengths",
        "Messages that do not fit the modulus are refused",
        ENCRYPT,
        rsa_lengths,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_LEN),
        refuses(Function::Encrypt, ERROR_MORE_DATA),
        refuses(Function::Decrypt, NTE_BAD_DATA),
    ]),
    Case::new(
        "cipher.rsa.bad-padding",
        "Each way to spoil PKCS#1 padding is refused",
        DECRYPT,
        rsa_bad_padding,
    )
    .covers(&[refuses(Function::Decrypt, NTE_BAD_DATA)]),
    Case::new(
        "cipher.rsa.signature-key",
        "A signature pair does not encrypt",
        ENCRYPT,
        rsa_signature_key,
    )
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_KEY),
        refuses(Function::Decrypt, NTE_BAD_KEY),
    ]),
    Case::new(
        "cipher.rsa.public-only",
        "A public key does not decrypt",
        DECRYPT,
        rsa_public_only,
    )
    .covers(&[refuses(Function::Decrypt, NTE_BAD_KEY)]),
    Case::new(
        "cipher.derive.prefix",
        "A derived key is the beginning of a long enough hash",
        DERIVE,
        derive_prefix,
    )
    .covers(&[works(Function::DeriveKey)]),
    Case::new(
        "cipher.derive.expanded",
        "A short hash is expanded for triple DES, and an old one for AES",
        DERIVE,
        derive_expanded,
    )
    .covers(&[works(Function::DeriveKey)]),
    Case::new(
        "cipher.derive.finishes",
        "Deriving finishes the hash",
        DERIVE,
        derive_finishes,
    )
    .covers(&[
        works(Function::DeriveKey),
        refuses(Function::HashData, NTE_BAD_HASH_STATE),
    ]),
    Case::new(
        "cipher.derive.refused",
        "Only session keys are derived, with flags that exist",
        DERIVE,
        derive_refused,
    )
    .covers(&[
        refuses(Function::DeriveKey, NTE_BAD_ALGID),
        refuses(Function::DeriveKey, NTE_BAD_FLAGS),
    ]),
];

fn import(context: &Context, algid: u32, key: &str, flags: u32) -> anyhow::Result<Key> {
    Ok(context.import_key(
        &plaintext_blob(algid, &hex(key)),
        None,
        flags | CRYPT_EXPORTABLE,
    )?)
}

/// Encrypts without padding, and checks that decryption leads back.
fn both_ways(key: &Key, plain: &str, cipher: &str, what: &str) -> anyhow::Result<()> {
    let (plain, cipher) = (hex(plain), hex(cipher));
    // A duplicate each way: a part that is not the last moves the chain.
    let room = Room::Bytes(plain.len());
    equal(
        key.duplicate(0)?
            .encrypt_into(&plain, None, false, 0, room)
            .data()?,
        cipher.clone(),
        what,
    )?;
    equal(
        key.duplicate(0)?
            .decrypt_into(&cipher, None, false, 0)
            .data()?,
        plain,
        what,
    )
}

fn known_aes(rig: &Rig) -> anyhow::Result<Outcome> {
    const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51";
    const KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
    let context = rig.capi().verify_context()?;
    let iv = hex("000102030405060708090a0b0c0d0e0f");
    for (algid, key, cipher) in [
        (
            CALG_AES_128,
            KEY,
            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2",
        ),
        (
            CALG_AES_192,
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a",
        ),
        (
            CALG_AES_256,
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d",
        ),
    ] {
        let key = import(&context, algid, key, 0)?;
        key.set_param(KP_IV, Some(&iv), 0)?;
        both_ways(&key, PLAIN, cipher, &format!("{algid:#x} in CBC"))?;
    }
    let key = import(&context, CALG_AES_128, KEY, 0)?;
    key.set_word(KP_MODE, CRYPT_MODE_ECB)?;
    both_ways(
        &key,
        "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51",
        "3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf",
        "AES-128 in ECB",
    )?;
    // Eight-bit feedback, on the whole blocks that a part must have.
    let key = import(&context, CALG_AES_128, KEY, 0)?;
    key.set_word(KP_MODE, CRYPT_MODE_CFB)?;
    key.set_param(KP_IV, Some(&iv), 0)?;
    both_ways(
        &key,
        "6bc1bee22e409f96e93d7e117393172a",
        "3b79424c9c0dd436bace9e0ed4586a4f",
        "AES-128 in CFB",
    )?;
    Ok(Outcome::Passed)
}

fn known_des(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = import(&context, CALG_DES, "0123456789abcdef", 0)?;
    key.set_param(KP_IV, Some(&hex("1234567890abcdef")), 0)?;
    both_ways(
        &key,
        "4e6f772069732074 68652074696d6520 666f7220616c6c20",
        "e5c7cdde872bf27c 43e934008c389c0f 683788499a7c05f6",
        "DES in CBC",
    )?;
    let key = import(
        &context,
        CALG_3DES,
        "0123456789abcdef 23456789abcdef01 456789abcdef0123",
        0,
    )?;
    key.set_word(KP_MODE, CRYPT_MODE_ECB)?;
    both_ways(
        &key,
        "5468652071756663 6b2062726f776e20 666f78206a756d70",
        "a826fd8ce53b855f cce21c8112256fe6 68d5c05dd9b6b900",
        "triple DES in ECB",
    )?;
    // With the first key again as the third, two keys are three.
    let two = import(
        &context,
        CALG_3DES_112,
        "0123456789abcdef 23456789abcdef01",
        0,
    )?;
    let three = import(
        &context,
        CALG_3DES,
        "0123456789abcdef 23456789abcdef01 0123456789abcdef",
        0,
    )?;
    equal(
        two.encrypt(b"a message", 0)?,
        three.encrypt(b"a message", 0)?,
        "two-key triple DES",
    )?;
    Ok(Outcome::Passed)
}

fn known_rc(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = import(&context, CALG_RC2, "88bca90e90875a7f0f79c384627bafb2", 0)?;
    both_ways(
        &key,
        "0000000000000000",
        "2269552ab0f85ca6",
        "RC2 with 128 bits",
    )?;
    let key = import(&context, CALG_RC4, "0102030405", CRYPT_NO_SALT)?;
    both_ways(
        &key,
        &"00".repeat(16),
        "b2396305f03dc027ccc3524a0a1118a8",
        "RC4 with 40 bits",
    )?;
    let key = import(&context, CALG_RC4, "0102030405060708090a0b0c0d0e0f10", 0)?;
    both_ways(
        &key,
        &"00".repeat(16),
        "9ac7cc9a609d1ef7b2932899cde41b97",
        "RC4 with 128 bits",
    )?;
    Ok(Outcome::Passed)
}

fn block_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (algid, block) in [(CALG_AES_128, 16), (CALG_3DES, 8)] {
        for mode in [CRYPT_MODE_CBC, CRYPT_MODE_ECB, CRYPT_MODE_CFB] {
            let key = context.gen_key(algid, 0)?;
            key.set_word(KP_MODE, mode)?;
            for length in [0, 1, block - 1, block, block + 1, 3 * block] {
                let plain = vec![0x61; length];
                let cipher = key.encrypt(&plain, 0)?;
                let what = format!("{length} bytes, {algid:#x}, mode {mode}");
                equal(cipher.len(), (length / block + 1) * block, &what)?;
                equal(key.decrypt(&cipher, 0)?, plain, &what)?;
            }
        }
    }
    Ok(Outcome::Passed)
}

fn block_sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_128, 0)?;
    let asked = key.encrypt_into(&[7; 20], None, true, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), 32),
        "the answer to NULL",
    )?;
    let short = key.encrypt_into(&[7; 20], None, true, 0, Room::Bytes(31));
    equal(
        (short.length, &short.buffer[..20]),
        (32, &[7; 20][..]),
        "a short buffer and its length",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    let fresh = key.duplicate(0)?;
    equal(
        key.encrypt(&[7; 20], 0)?,
        fresh.encrypt(&[7; 20], 0)?,
        "the cipher text after the failure",
    )?;
    Ok(Outcome::Passed)
}

fn block_part(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_128, 0)?;
    refused(
        key.encrypt_into(&[0; 17], None, false, 0, Room::Bytes(32))
            .result,
        NTE_BAD_DATA,
    )?;
    refused(
        key.decrypt_into(&[0; 17], None, false, 0).result,
        NTE_BAD_DATA,
    )?;
    refused(
        key.decrypt_into(&[0; 17], None, true, 0).result,
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn block_chain(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_256, 0)?;
    key.set_param(KP_IV, Some(&[3; 16]), 0)?;
    let message: Vec<u8> = (0..50).collect();
    let whole = key.encrypt(&message, 0)?;
    let mut parts = key
        .encrypt_into(&message[..16], None, false, 0, Room::Bytes(16))
        .data()?;
    parts.extend(
        key.encrypt_into(&message[16..48], None, false, 0, Room::Bytes(32))
            .data()?,
    );
    parts.extend(
        key.encrypt_into(&message[48..], None, true, 0, Room::Bytes(16))
            .data()?,
    );
    equal(parts, whole.clone(), "the parts together")?;
    equal(key.encrypt(&message, 0)?, whole, "the whole again")?;
    Ok(Outcome::Passed)
}

fn block_bad_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_128, 0)?;
    let cipher = key.encrypt(b"twenty bytes of text", 0)?;
    for ending in [
        // No padding at all, more than a block, and one wrong byte in it.
        [vec![0; 15], vec![0]].concat(),
        [vec![17; 15], vec![17]].concat(),
        [vec![9; 12], vec![4, 4, 5, 4]].concat(),
    ] {
        let spoiled = key
            .encrypt_into(&ending, None, false, 0, Room::Bytes(16))
            .data()?;
        // The part moved the chain; a last one starts it over.
        key.encrypt(b"", 0)?;
        let answer = key.decrypt_into(&spoiled, None, true, 0);
        equal(answer.length, 16, "the length after a failure")?;
        refused(answer.result, NTE_BAD_DATA)?;
        equal(
            key.decrypt(&cipher, 0)?,
            b"twenty bytes of text".to_vec(),
            "the next plain text",
        )?;
    }
    refused(key.decrypt(&[], 0), NTE_BAD_DATA)?;
    Ok(Outcome::Passed)
}

fn stream_restarts(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_RC4, 0)?;
    let whole = key.encrypt(&[0; 20], 0)?;
    let mut parts = key
        .encrypt_into(&[0; 7], None, false, 0, Room::Bytes(7))
        .data()?;
    parts.extend(
        key.encrypt_into(&[0; 13], None, true, 0, Room::Bytes(13))
            .data()?,
    );
    equal(parts, whole.clone(), "the parts together")?;
    equal(key.encrypt(&[0; 20], 0)?, whole, "the whole again")?;
    Ok(Outcome::Passed)
}

fn hash_along(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_128, 0)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    let cipher = key
        .encrypt_into(b"plain text", Some(&hash), true, 0, Room::Bytes(16))
        .data()?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, b"plain text")?,
        "the hash of encryption",
    )?;
    refused(
        key.decrypt_into(&cipher, Some(&hash), true, 0).result,
        NTE_BAD_HASH_STATE,
    )?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    key.decrypt_into(&cipher, Some(&hash), true, 0).data()?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, b"plain text")?,
        "the hash of decryption",
    )?;
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(CALG_AES_128, 0)?;
    refused(
        key.encrypt_into(&[0; 16], None, true, 1, Room::Bytes(32))
            .result,
        NTE_BAD_FLAGS,
    )?;
    refused(
        key.decrypt_into(&[0; 16], None, true, 1).result,
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

/// A context with an ephemeral exchange pair, the pair, and its public half as the oracle has it.
fn exchange(rig: &Rig, bits: u32) -> anyhow::Result<(Context, Key, RsaPublic)> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, bits)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    Ok((context, key, public))
}

fn rsa_decrypt(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 1024)?;
    for length in [0, 1, 20, 116, 117] {
        let message = vec![0x5a; length];
        let cipher = public.encrypt(&message)?;
        equal(
            key.decrypt(&cipher, 0)?,
            message,
            &format!("{length} bytes"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn rsa_encrypt(rig: &Rig) -> anyhow::Result<Outcome> {
    let foreign = RsaPrivate::new(1024)?;
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&foreign.to_public_blob(CALG_RSA_KEYX), None, 0)?;
    for length in [0, 1, 117] {
        let message = vec![0xa5; length];
        let cipher = key.encrypt(&message, 0)?;
        equal(cipher.len(), 128, "the length of the cipher text")?;
        equal(
            foreign.decrypt(&cipher)?,
            message,
            &format!("{length} bytes"),
        )?;
    }
    ensure!(
        key.encrypt(b"same", 0)? != key.encrypt(b"same", 0)?,
        "the padding is not random"
    );
    Ok(Outcome::Passed)
}

fn rsa_oaep(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, key, public) = exchange(rig, 1024)?;
    for length in [0, 1, 86] {
        let message = vec![0x77; length];
        equal(
            key.decrypt(&public.encrypt_oaep(&message)?, CRYPT_OAEP)?,
            message,
            &format!("{length} bytes in"),
        )?;
    }
    let foreign = RsaPrivate::new(1024)?;
    let key = context.import_key(&foreign.to_public_blob(CALG_RSA_KEYX), None, 0)?;
    for length in [0, 1, 86] {
        let message = vec![0x77; length];
        let cipher = key.encrypt(&message, CRYPT_OAEP)?;
        equal(
            foreign.decrypt_oaep(&cipher)?,
            message,
            &format!("{length} bytes out"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn rsa_lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 1024)?;
    let encrypt =
        |length, flags| key.encrypt_into(&vec![0; length], None, true, flags, Room::Bytes(128));
    refused(encrypt(118, 0).result, NTE_BAD_LEN)?;
    refused(encrypt(87, CRYPT_OAEP).result, NTE_BAD_LEN)?;
    let asked = key.encrypt_into(&[0; 5], None, true, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), 128),
        "the answer to NULL",
    )?;
    let short = key.encrypt_into(&[0; 5], None, true, 0, Room::Bytes(127));
    equal(short.length, 128, "the length for a short buffer")?;
    refused(short.result, ERROR_MORE_DATA)?;
    let cipher = public.encrypt(b"message")?;
    let mut longer = cipher.clone();
    longer.push(0);
    for wrong in [&cipher[..127], &longer, &[]] {
        let answer = key.decrypt_into(wrong, None, true, 0);
        equal(
            answer.length as usize,
            wrong.len(),
            "the length after a failure",
        )?;
        refused(answer.result, NTE_BAD_DATA).with_context(|| format!("{} bytes", wrong.len()))?;
    }
    Ok(Outcome::Passed)
}

fn rsa_bad_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, key, public) = exchange(rig, 512)?;
    // A good block, most significant byte first: 00 02, eight or more bytes that are not zero, 00, the message.
    let good = [vec![0, 2], vec![0xff; 54], vec![0], b"message".to_vec()].concat();
    let raise = |block: &[u8]| public.raise(&block.iter().rev().copied().collect::<Vec<u8>>());
    equal(
        key.decrypt(&raise(&good), 0)?,
        b"message".to_vec(),
        "the good block",
    )?;
    let with = |at: usize, value: u8| {
        let mut block = good.clone();
        block[at] = value;
        block
    };
    let no_end: Vec<u8> = good
        .iter()
        .enumerate()
        .map(|(at, byte)| if at > 1 { byte | 1 } else { *byte })
        .collect();
    for (what, block) in [
        ("a first byte of 1", with(0, 1)),
        ("block type 1", with(1, 1)),
        ("block type 0", with(1, 0)),
        ("a zero among the first eight bytes of padding", with(5, 0)),
        ("no zero behind the padding", no_end),
    ] {
        refused(key.decrypt(&raise(&block), 0), NTE_BAD_DATA).context(what)?;
    }
    // PKCS#1 v1.5 is not OAEP, nor the other way round.
    refused(key.decrypt(&raise(&good), CRYPT_OAEP), NTE_BAD_DATA)?;
    Ok(Outcome::Passed)
}

fn rsa_signature_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_SIGNATURE, 512)?;
    refused(
        key.encrypt_into(b"message", None, true, 0, Room::Bytes(64))
            .result,
        NTE_BAD_KEY,
    )?;
    refused(key.decrypt(&[1; 64], 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn rsa_public_only(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(
        &RsaPrivate::new(512)?.to_public_blob(CALG_RSA_KEYX),
        None,
        0,
    )?;
    let cipher = key.encrypt(b"message", 0)?;
    refused(key.decrypt(&cipher, 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

/// The bytes of an exportable session key.
fn bytes_of(key: &Key) -> anyhow::Result<Vec<u8>> {
    Ok(key.export(PLAINTEXTKEYBLOB, None, 0)?.split_off(12))
}

fn derive_prefix(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (base, algid, length) in [
        (CALG_SHA_256, CALG_AES_256, 32),
        (CALG_SHA_256, CALG_AES_128, 16),
        (CALG_SHA_384, CALG_AES_192, 24),
        (CALG_SHA_256, CALG_3DES, 24),
        (CALG_MD5, CALG_3DES_112, 16),
        (CALG_SHA1, CALG_RC4, 16),
        (CALG_SHA1, CALG_DES, 8),
    ] {
        let key = context.derive_key(algid, &context.hash(base, b"secret")?, CRYPT_EXPORTABLE)?;
        let expected = digest(base, b"secret")?[..length].to_vec();
        let mut found = bytes_of(&key)?;
        let what = format!("{algid:#x} from hash {base:#x}");
        if matches!(algid, CALG_DES | CALG_3DES | CALG_3DES_112) {
            // The eighth bit of each byte is parity, which a provider may set.
            let strip = |bytes: Vec<u8>| {
                bytes
                    .into_iter()
                    .map(|byte| byte & 0xfe)
                    .collect::<Vec<u8>>()
            };
            found = strip(found);
            equal(found, strip(expected), &what)?;
        } else {
            equal(found, expected, &what)?;
        }
    }
    let key = context.derive_key(
        CALG_RC4,
        &context.hash(CALG_SHA1, b"secret")?,
        40 << 16 | CRYPT_EXPORTABLE,
    )?;
    equal(
        bytes_of(&key)?,
        digest(CALG_SHA1, b"secret")?[..5].to_vec(),
        "RC4 with 40 bits",
    )?;
    Ok(Outcome::Passed)
}

fn derive_expanded(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for (base, algid, length) in [
        (CALG_SHA1, CALG_AES_128, 16),
        (CALG_SHA1, CALG_AES_256, 32),
        (CALG_MD5, CALG_AES_192, 24),
        (CALG_MD5, CALG_AES_128, 16),
    ] {
        let key = context.derive_key(algid, &context.hash(base, b"secret")?, CRYPT_EXPORTABLE)?;
        let expected = expanded(base, b"secret")?[..length].to_vec();
        equal(
            bytes_of(&key)?,
            expected,
            &format!("{algid:#x} from hash {base:#x}"),
        )?;
    }
    let key = context.derive_key(
        CALG_3DES,
        &context.hash(CALG_SHA1, b"secret")?,
        CRYPT_EXPORTABLE,
    )?;
    let strip = |bytes: &[u8]| bytes.iter().map(|byte| byte & 0xfe).collect::<Vec<u8>>();
    equal(
        strip(&bytes_of(&key)?),
        strip(&expanded(CALG_SHA1, b"secret")?[..24]),
        "triple DES from SHA-1",
    )?;
    Ok(Outcome::Passed)
}

/// The expansion of Microsoft's page on CryptDeriveKey.
fn expanded(base: u32, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let value = digest(base, message)?;
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block
            .iter_mut()
            .zip(&value)
            .for_each(|(byte, value)| *byte ^= value);
        digest(base, &block)
    };
    Ok([padded(0x36)?, padded(0x5c)?].concat())
}

fn derive_finishes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"secret")?;
    let first = context.derive_key(CALG_RC4, &hash, CRYPT_EXPORTABLE)?;
    refused(hash.data(b"more"), NTE_BAD_HASH_STATE)?;
    equal(
        hash.value()?,
        digest(CALG_SHA1, b"secret")?,
        "the hash's value",
    )?;
    let second = context.derive_key(CALG_RC4, &hash, CRYPT_EXPORTABLE)?;
    equal(bytes_of(&second)?, bytes_of(&first)?, "the second key")?;
    Ok(Outcome::Passed)
}

fn derive_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.hash(CALG_SHA1, b"secret")?;
    for algid in [CALG_RSA_KEYX, CALG_RC5, CALG_AES, CALG_SHA1] {
        refused(context.derive_key(algid, &hash, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    refused(context.derive_key(CALG_AES_128, &hash, 0x20), NTE_BAD_FLAGS)?;
    Ok(Outcome::Passed)
}
