//! The rules of CPGenKey, CPDeriveKey and CPImportKey.

use super::*;
use crate::soft::HmacInfo;
use crate::soft::testing::{Counting, key};

#[test]
fn deriving_finishes_the_base_hash_and_leaves_its_value() {
    let mut base = hash(AlgId::CALG_SHA1, b"secret");
    let value = base.clone().value();
    SymKey::derive(&RSA_AES, AlgId::CALG_AES_128, &mut base, 0).expect("the key is made");
    assert_eq!(base.update(b"more", 0), Err(CspError::NTE_BAD_HASH_STATE));
    assert_eq!(base.value(), value);
}

#[test]
fn only_session_algorithms_are_made() {
    for algorithm in [
        AlgId::CALG_AES,
        AlgId::CALG_RC5,
        AlgId::CALG_RSA_SIGN,
        AlgId::CALG_RSA_KEYX,
        AlgId::CALG_MD5,
        AlgId(0),
    ] {
        let mut base = hash(AlgId::CALG_MD5, b"secret");
        let derived = SymKey::derive(&RSA_AES, algorithm, &mut base, 0);
        assert_eq!(derived.err(), Some(CspError::NTE_BAD_ALGID), "{algorithm}");
        assert_eq!(base.update(b"the hash is still open", 0), Ok(()));
        let made = SymKey::generate(&RSA_AES, algorithm, 128 << 16, &mut Counting(0));
        assert_eq!(made.err(), Some(CspError::NTE_BAD_ALGID), "{algorithm}");
        let imported = SymKey::import_plaintext(&RSA_AES, algorithm, &[0; 16], 0);
        assert_eq!(imported.err(), Some(CspError::NTE_BAD_ALGID), "{algorithm}");
    }
}

#[test]
fn a_key_is_not_expanded_from_a_keyed_hash() {
    let hmac_key = key(AlgId::CALG_RC4, b"0123456789", 0);
    let mut base = HashState::new(&RSA_AES, AlgId::CALG_HMAC, Some(&hmac_key)).expect("an HMAC");
    let info = HmacInfo {
        algorithm: AlgId::CALG_SHA1,
        inner: vec![],
        outer: vec![],
    };
    base.set_hmac_info(&info).expect("SHA-1 goes into an HMAC");
    let value = base.clone().value().expect("the hash is chosen");
    let long = SymKey::derive(&RSA_AES, AlgId::CALG_3DES, &mut base, 0);
    assert_eq!(long.err(), Some(CspError::NTE_BAD_HASH));
    let short = SymKey::derive(&RSA_AES, AlgId::CALG_AES_128, &mut base, 0);
    assert_eq!(short.expect("a prefix is enough").key_bytes(), &value[..16]);
}

#[test]
fn unknown_flags_are_refused() {
    let mut random = Counting(0);
    for flags in [0x20, CRYPT_UPDATE_KEY] {
        let made = SymKey::generate(&RSA_AES, AlgId::CALG_AES_128, flags, &mut random);
        assert_eq!(made.err(), Some(CspError::NTE_BAD_FLAGS));
    }
    let mut base = hash(AlgId::CALG_MD5, b"secret");
    let derived = SymKey::derive(&RSA_AES, AlgId::CALG_AES_128, &mut base, CRYPT_UPDATE_KEY);
    assert!(derived.is_ok());
    let unused = CRYPT_CREATE_IV | CRYPT_KEK | CRYPT_DATA_KEY | CRYPT_VOLATILE | CRYPT_ONLINE;
    assert!(SymKey::generate(&RSA_AES, AlgId::CALG_AES_128, unused, &mut random).is_ok());
    for flags in [CRYPT_OAEP, CRYPT_CREATE_SALT, 0x8000_0000] {
        let imported = SymKey::import_plaintext(&RSA_AES, AlgId::CALG_RC4, &[0; 16], flags);
        assert_eq!(imported.err(), Some(CspError::NTE_BAD_FLAGS), "{flags:#x}");
    }
    let wrapped = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC4, &[0; 16], CRYPT_OAEP);
    assert!(wrapped.is_ok());
    let wrapped = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &[0; 16], CRYPT_IPSEC_HMAC_KEY);
    assert_eq!(wrapped.err(), Some(CspError::NTE_BAD_FLAGS));
}

#[test]
fn generated_keys_have_their_lengths_and_odd_parity() {
    for (algorithm, bits) in [
        (AlgId::CALG_DES, 64),
        (AlgId::CALG_3DES_112, 128),
        (AlgId::CALG_3DES, 192),
        (AlgId::CALG_RC2, 128),
        (AlgId::CALG_RC4, 128),
        (AlgId::CALG_AES_128, 128),
        (AlgId::CALG_AES_192, 192),
        (AlgId::CALG_AES_256, 256),
    ] {
        let key = SymKey::generate(&RSA_AES, algorithm, 0, &mut Counting(0))
            .expect("the default length exists");
        assert_eq!(get(&key, KP_KEYLEN), Ok(bits));
        assert_eq!(key.key_bytes().len() * 8, bits as usize);
        let odd = key
            .key_bytes()
            .iter()
            .all(|byte| byte.count_ones() % 2 == 1);
        assert_eq!(odd, algorithm.is_des());
    }
}

#[test]
fn imported_lengths_must_suit() {
    for (algorithm, good, bad) in [
        (AlgId::CALG_DES, &[8][..], &[0, 7, 9, 16][..]),
        (AlgId::CALG_3DES_112, &[16], &[8, 14, 24]),
        (AlgId::CALG_3DES, &[24], &[16, 21]),
        (AlgId::CALG_RC2, &[5, 7, 16], &[0, 4, 17, 32, 128]),
        (AlgId::CALG_RC4, &[5, 16], &[0, 4, 17]),
        (AlgId::CALG_AES_128, &[16], &[15, 24]),
        (AlgId::CALG_AES_192, &[24], &[16, 32]),
        (AlgId::CALG_AES_256, &[32], &[31, 33]),
    ] {
        for len in good {
            let made = SymKey::import_plaintext(&RSA_AES, algorithm, &vec![1; *len], 0);
            assert!(made.is_ok(), "{algorithm} {len}");
        }
        for len in bad {
            let made = SymKey::import_plaintext(&RSA_AES, algorithm, &vec![1; *len], 0);
            assert_eq!(
                made.err(),
                Some(CspError::NTE_BAD_DATA),
                "{algorithm} {len}"
            );
        }
    }
    let longest = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &[1; 128], 0);
    assert!(longest.is_ok());
    let longer = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &[1; 129], 0);
    assert_eq!(longer.err(), Some(CspError::NTE_BAD_DATA));
}

#[test]
fn an_ipsec_hmac_key_has_any_length_and_no_cipher() {
    for len in [0, 4, 20, 80, 2048] {
        let mut key = key(AlgId::CALG_RC2, &vec![0x0b; len], CRYPT_IPSEC_HMAC_KEY);
        assert_eq!(get(&key, KP_KEYLEN), Ok(len as u32 * 8));
        assert_eq!(key.encrypted_len(8, true), Err(CspError::NTE_BAD_KEY));
        assert_eq!(
            key.encrypt(&mut [0; 8], 8, false),
            Err(CspError::NTE_BAD_KEY)
        );
        assert_eq!(key.decrypt(&mut [0; 8], false), Err(CspError::NTE_BAD_KEY));
        let mac = HashState::new(&RSA_AES, AlgId::CALG_MAC, Some(&key));
        assert_eq!(mac.err(), Some(CspError::NTE_BAD_KEY));
        assert!(HashState::new(&RSA_AES, AlgId::CALG_HMAC, Some(&key)).is_ok());
    }
    let other = SymKey::import_plaintext(&RSA_AES, AlgId::CALG_RC4, &[0; 16], CRYPT_IPSEC_HMAC_KEY);
    assert_eq!(other.err(), Some(CspError::NTE_BAD_FLAGS));
}
