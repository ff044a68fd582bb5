//! Encryption: CPEncrypt, CPDecrypt and CPDeriveKey.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_MORE_DATA, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS,
    NTE_BAD_HASH_STATE, NTE_BAD_KEY, NTE_BAD_LEN, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, digest, hex, plaintext_blob};
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, block_cipher, bytes_of, exchange};

const ENCRYPT: &str = "CryptoAPI reference: CryptEncrypt";
const DECRYPT: &str = "CryptoAPI reference: CryptDecrypt";
const DERIVE: &str = "CryptoAPI reference: CryptDeriveKey";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "cipher.known.rc",
        "RC2 and RC4 give the cipher texts of their RFCs",
        "RFC 2268, section 5; RFC 6229",
        known_rc,
    )
    .on(CIPHERS)
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.block.padding",
        "The last block is padded, always",
        ENCRYPT,
        block_padding,
    )
    .on(CIPHERS)
    .covers(&[works(Function::Encrypt), works(Function::Decrypt)]),
    Case::new(
        "cipher.block.sizes",
        "The padded size is told for NULL and for a short buffer, and nothing is consumed",
        ENCRYPT,
        block_sizes,
    )
    .on(CIPHERS)
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
    .on(CIPHERS)
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
    .on(CIPHERS)
    .covers(&[works(Function::Encrypt)]),
    Case::new(
        "cipher.block.bad-padding",
        "Wrong padding is refused, and the key starts over",
        DECRYPT,
        block_bad_padding,
    )
    .on(CIPHERS)
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
    .on(CIPHERS)
    .covers(&[works(Function::Encrypt)]),
    Case::new(
        "cipher.hash.along",
        "A hash that goes along sees the plain text both ways",
        ENCRYPT,
        hash_along,
    )
    .on(CIPHERS)
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
    .on(CIPHERS)
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
        "cipher.derive.finishes",
        "Deriving finishes the hash",
        DERIVE,
        derive_finishes,
    )
    .on(CIPHERS)
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
    .on(CIPHERS)
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
    let (cipher, block, _) = block_cipher(rig);
    for (algid, block) in [(cipher, block), (CALG_DES, 8)] {
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
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    // Twenty bytes and their padding.
    let size = 20_usize.next_multiple_of(block);
    let asked = key.encrypt_into(&[7; 20], None, true, 0, Room::Ask);
    equal(
        (asked.result, asked.length),
        (Ok(()), size as u32),
        "the answer to NULL",
    )?;
    let short = key.encrypt_into(&[7; 20], None, true, 0, Room::Bytes(size - 1));
    equal(
        (short.length, &short.buffer[..20]),
        (size as u32, &[7; 20][..]),
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
    let key = context.gen_key(block_cipher(rig).0, 0)?;
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
    let (cipher, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher, 0)?;
    key.set_param(KP_IV, Some(&[3; 16][..block]), 0)?;
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
    let (cipher_id, block, _) = block_cipher(rig);
    let key = context.gen_key(cipher_id, 0)?;
    let tail = block as u8;
    let cipher = key.encrypt(b"twenty bytes of text", 0)?;
    for ending in [
        // No padding at all, more than a block, and one wrong byte in it.
        vec![0; block],
        vec![tail + 1; block],
        [vec![9; block - 4], vec![4, 4, 5, 4]].concat(),
    ] {
        let spoiled = key
            .encrypt_into(&ending, None, false, 0, Room::Bytes(block))
            .data()?;
        // The part moved the chain; a last one starts it over.
        key.encrypt(b"", 0)?;
        let answer = key.decrypt_into(&spoiled, None, true, 0);
        equal(answer.length, u32::from(tail), "the length after a failure")?;
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
    let key = context.gen_key(block_cipher(rig).0, 0)?;
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
    let key = context.gen_key(block_cipher(rig).0, 0)?;
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
    for algid in [CALG_RSA_KEYX, CALG_DH_SF, CALG_RC5, CALG_AES, CALG_SHA1] {
        refused(context.derive_key(algid, &hash, 0), NTE_BAD_ALGID)
            .with_context(|| format!("algorithm {algid:#x}"))?;
    }
    refused(
        context.derive_key(block_cipher(rig).0, &hash, 0x20),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}
