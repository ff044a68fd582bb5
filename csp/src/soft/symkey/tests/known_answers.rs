//! Ciphers, salts and derivation against OpenSSL, PyCryptodome and the RFCs.

use super::*;
use crate::soft::testing::{algorithm, decrypt, encrypt, hex, key, vectors};

#[test]
fn block_ciphers_agree_with_openssl() {
    let keys: Vec<u8> = (0x10..0x30).collect();
    let ivs: Vec<u8> = (0xa0..0xb0).collect();
    let plain: Vec<u8> = (0..37).collect();
    for [name, mode, expected] in vectors(include_str!("../testdata/ciphers.txt"), 18) {
        let id = algorithm(name);
        let row = RSA_AES.algorithm(id).expect("the provider has it");
        let len = if id.is_des() {
            row.max_bits / 7
        } else {
            row.max_bits / 8
        };
        let mut key = key(id, &keys[..len as usize], 0);
        let block = key.block_len().expect("a block cipher");
        key.set_param(KP_IV, &ivs[..block])
            .expect("an IV of one block");
        let mode = match mode {
            "ECB" => CRYPT_MODE_ECB,
            "CBC" => CRYPT_MODE_CBC,
            _ => CRYPT_MODE_CFB,
        };
        set(&mut key, KP_MODE, mode).expect("the mode exists");
        assert_eq!(
            encrypt(&mut key, &plain),
            Ok(hex(expected)),
            "{name} {mode}"
        );
        assert_eq!(
            decrypt(&mut key, &hex(expected)),
            Ok(plain.clone()),
            "{name} {mode}"
        );
    }
}

#[test]
fn derived_keys_agree_with_openssl() {
    let data: Vec<u8> = (0..=255).chain(0..=255).collect();
    for [base, name, expected] in vectors(include_str!("../testdata/derived.txt"), 48) {
        let mut base_hash = hash(algorithm(base), &data);
        let mut key =
            SymKey::derive(&RSA_AES, algorithm(name), &mut base_hash, 0).expect("the key is made");
        assert_eq!(
            encrypt(&mut key, &[0, 1, 2, 3]),
            Ok(hex(expected)),
            "{base} {name}"
        );
    }
}

/// RFC 2268, section 5. The last key is too long to encrypt, so its row is decrypted.
#[test]
fn rc2_agrees_with_rfc_2268() {
    const LONG: &str = "88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e";
    for (bytes, bits, plain, cipher) in [
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
        (LONG, 129, "0000000000000000", "5b78d3a43dfff1f1"),
    ] {
        let mut key = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &hex(bytes), 0)
            .expect("wrapped RC2 keys may be long");
        set(&mut key, KP_EFFECTIVE_KEYLEN, bits).expect("the length is allowed");
        let mut data = hex(cipher);
        key.decrypt(&mut data, false).expect("one block");
        assert_eq!(data, hex(plain), "{bytes} {bits}");
    }
}

/// Windows: RC2 of 40 bits, derived from MD2, with its default salt of 11 zero bytes.
#[test]
fn rc2_of_40_bits_is_salted_with_zeros() {
    let plain: Vec<u8> = (0..23).collect();
    let mut key = windows_key(AlgId::CALG_RC2, 40 << 16);
    for (mode, expected) in [
        (
            CRYPT_MODE_ECB,
            "c09ae42f0a476711f2b25d5f08ff49a4453a6814ca18e5f4",
        ),
        (
            CRYPT_MODE_CBC,
            "c09ae42f0a47671110f5da614e3dabc09785011297a4f7d3",
        ),
        (
            CRYPT_MODE_CFB,
            "29b567850b1bec07672da1a41a47246a54e1e092f90ef6eb",
        ),
    ] {
        set(&mut key, KP_MODE, mode).expect("the mode exists");
        assert_eq!(encrypt(&mut key, &plain), Ok(hex(expected)), "{mode}");
    }
    assert_eq!(key.param(KP_SALT), Ok(vec![0; 11]));
    assert_eq!(get(&key, KP_KEYLEN), Ok(40));
    assert_eq!(get(&key, KP_EFFECTIVE_KEYLEN), Ok(40));
}

/// Windows: keys of 0xcc bytes that came in a SIMPLEBLOB; one block of 0xcc.
#[test]
fn long_rc2_keys_decrypt_but_do_not_encrypt() {
    for (len, expected) in [
        (17, "e21b7eb34870d61e"),
        (32, "040b7d7c76bb743a"),
        (64, "2c23fd7b4f2cd593"),
    ] {
        let mut key = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &vec![0xcc; len], 0)
            .expect("wrapped RC2 keys may be long");
        assert_eq!(get(&key, KP_KEYLEN), Ok(len as u32 * 8));
        assert_eq!(get(&key, KP_EFFECTIVE_KEYLEN), Ok(len as u32 * 8));
        for last in [false, true] {
            assert_eq!(
                key.encrypt(&mut [0xcc; 16], 8, last),
                Err(CspError::NTE_BAD_KEY)
            );
        }
        let mut data = [0xcc; 8];
        assert_eq!(key.decrypt(&mut data, false), Ok(8));
        assert_eq!(data.to_vec(), hex(expected));
    }
}

/// PyCryptodome's `ARC4.new(key + salt)`; the first row is a Windows value too.
#[test]
fn rc4_is_keyed_with_key_and_salt() {
    let plain: Vec<u8> = (0..16).collect();
    let zeros = windows_key(AlgId::CALG_RC4, 40 << 16);
    let mut set_salt = windows_key(AlgId::CALG_RC4, 40 << 16);
    let salt: Vec<u8> = (0x30..0x3b).collect();
    set_salt.set_param(KP_SALT, &salt).expect("eleven bytes");
    let mut long_salt = windows_key(AlgId::CALG_RC4, 0);
    let salt: Vec<u8> = (0..23).collect();
    long_salt
        .set_param(KP_SALT_EX, &salt)
        .expect("twenty-three bytes");
    for (mut key, expected) in [
        (
            windows_key(AlgId::CALG_RC4, 56 << 16),
            "170c448eae90cdb07f87f57aecb22e35",
        ),
        (zeros, "308897f78686b5b6145270160b1be185"),
        (
            windows_key(AlgId::CALG_RC4, 40 << 16 | CRYPT_NO_SALT),
            "a1622a9c782802509f06259852eb536a",
        ),
        (
            windows_key(AlgId::CALG_RC4, 40 << 16 | CRYPT_CREATE_SALT),
            "a1622a9c782802509f06259852eb536a",
        ),
        (set_salt, "c5771bf23ae6362e6ff0cc38800ae04d"),
        (long_salt, "46eef61c0488cc35dfc08b7a6ef1c957"),
    ] {
        assert_eq!(encrypt(&mut key, &plain), Ok(hex(expected)));
        // The key stream starts over after Final, for the other direction too.
        assert_eq!(decrypt(&mut key, &hex(expected)), Ok(plain.clone()));
    }
}
