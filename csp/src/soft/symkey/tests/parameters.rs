//! The KP_ parameters.

use super::*;
use crate::alg::Family;
use crate::soft::testing::{Counting, encrypt, hex, key};

static DSS_LIKE: Provider = Provider {
    prov_type: PROV_DSS_DH,
    family: Family::Dss,
    public_key_step: 64,
    algorithms: RSA_AES.algorithms,
};

/// Windows: the effective length is that of the key until it is set.
#[test]
fn rc2_effective_length_can_exceed_the_key() {
    let mut key = windows_key(AlgId::CALG_RC2, 56 << 16);
    assert_eq!(get(&key, KP_EFFECTIVE_KEYLEN), Ok(56));
    for refused in [0, 1025] {
        assert_eq!(
            set(&mut key, KP_EFFECTIVE_KEYLEN, refused),
            Err(CspError::NTE_BAD_DATA)
        );
    }
    assert_eq!(set(&mut key, KP_EFFECTIVE_KEYLEN, 128), Ok(()));
    assert_eq!(get(&key, KP_EFFECTIVE_KEYLEN), Ok(128));
    assert_eq!(get(&key, KP_KEYLEN), Ok(56));
    let plain: Vec<u8> = (0..13).collect();
    assert_eq!(
        encrypt(&mut key, &plain),
        Ok(hex("8281f7ffddd7888c2a2ac0ce4c89b666"))
    );
}

#[test]
fn salt_lengths_are_reported_as_an_enhanced_provider_does() {
    let salt_len = |key: &SymKey| key.param(KP_SALT).map(|salt| salt.len());
    for (flags, expected) in [
        (0, 0),
        (40 << 16, 11),
        (40 << 16 | CRYPT_NO_SALT, 0),
        (40 << 16 | CRYPT_CREATE_SALT, 0),
        (56 << 16 | CRYPT_CREATE_SALT, 0),
        (128 << 16 | CRYPT_CREATE_SALT, 0),
    ] {
        let key = SymKey::generate(&RSA_AES, AlgId::CALG_RC4, flags, &mut Counting(0));
        assert_eq!(
            salt_len(&key.expect("the length exists")),
            Ok(expected),
            "{flags:#x}"
        );
    }
    for algorithm in [AlgId::CALG_RC2, AlgId::CALG_RC4] {
        let mut key = windows_key(algorithm, 56 << 16);
        key.set_param(KP_SALT, &[7; 11]).expect("eleven bytes");
        assert_eq!(salt_len(&key), Ok(0));
        for len in 0..24 {
            key.set_param(KP_SALT_EX, &vec![7; len])
                .expect("up to 23 bytes are fine");
            assert_eq!(salt_len(&key), Ok(len));
        }
        assert_eq!(
            key.set_param(KP_SALT_EX, &[7; 25]),
            Err(CspError::NTE_BAD_DATA)
        );
    }
    for algorithm in [AlgId::CALG_AES_128, AlgId::CALG_DES] {
        let mut key = windows_key(algorithm, 0);
        assert_eq!(salt_len(&key), Ok(0));
        assert_eq!(key.set_param(KP_SALT, &[7; 11]), Err(CspError::NTE_BAD_KEY));
        assert_eq!(
            key.set_param(KP_SALT_EX, &[7; 11]),
            Err(CspError::NTE_BAD_KEY)
        );
    }
}

#[test]
fn a_long_rc2_key_leaves_no_room_for_a_salt() {
    let mut key = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &[1; 120], 0)
        .expect("wrapped RC2 keys may be long");
    assert_eq!(key.set_param(KP_SALT_EX, &[0; 8]), Ok(()));
    assert_eq!(
        key.set_param(KP_SALT, &[0; 11]),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(key.decrypt(&mut [0; 8], false), Ok(8));
}

#[test]
fn ofb_and_cts_differ_by_family() {
    for mode in [CRYPT_MODE_OFB, CRYPT_MODE_CTS] {
        let mut key = windows_key(AlgId::CALG_RC2, 0);
        assert_eq!(set(&mut key, KP_MODE, mode), Ok(()));
        assert_eq!(get(&key, KP_MODE), Ok(mode));
        assert_eq!(
            key.encrypt(&mut [0; 24], 23, true),
            Err(CspError::NTE_BAD_ALGID)
        );
        assert_eq!(
            key.decrypt(&mut [0; 24], true),
            Err(CspError::NTE_BAD_ALGID)
        );

        let mut key =
            SymKey::generate(&DSS_LIKE, AlgId::CALG_RC2, 0, &mut Counting(0)).expect("RC2 exists");
        assert_eq!(set(&mut key, KP_MODE, mode), Err(CspError::NTE_BAD_DATA));
        assert_eq!(get(&key, KP_MODE), Ok(CRYPT_MODE_CBC));
    }
    let mut key = windows_key(AlgId::CALG_RC2, 0);
    for mode in [0, 6, u32::MAX] {
        assert_eq!(set(&mut key, KP_MODE, mode), Err(CspError::NTE_BAD_DATA));
    }
}

#[test]
fn parameters_of_a_new_block_cipher_key() {
    let key = windows_key(AlgId::CALG_3DES, CRYPT_EXPORTABLE);
    let all = CRYPT_ENCRYPT | CRYPT_DECRYPT | CRYPT_READ | CRYPT_WRITE | CRYPT_MAC;
    assert_eq!(get(&key, KP_ALGID), Ok(AlgId::CALG_3DES.0));
    assert_eq!(get(&key, KP_KEYLEN), Ok(192));
    assert_eq!(get(&key, KP_BLOCKLEN), Ok(64));
    assert_eq!(get(&key, KP_MODE), Ok(CRYPT_MODE_CBC));
    assert_eq!(get(&key, KP_MODE_BITS), Ok(8));
    assert_eq!(get(&key, KP_PADDING), Ok(PKCS5_PADDING));
    assert_eq!(get(&key, KP_PERMISSIONS), Ok(all | CRYPT_EXPORT));
    assert_eq!(key.param(KP_IV), Ok(vec![0; 8]));
    for absent in [
        KP_EFFECTIVE_KEYLEN,
        KP_P,
        KP_KEYVAL,
        KP_CERTIFICATE,
        KP_INFO,
        0,
        1000,
    ] {
        assert_eq!(key.param(absent), Err(CspError::NTE_BAD_TYPE), "{absent}");
    }
}

#[test]
fn parameters_of_a_stream_cipher_key() {
    let mut key = windows_key(AlgId::CALG_RC4, 56 << 16);
    assert_eq!(get(&key, KP_KEYLEN), Ok(56));
    assert_eq!(get(&key, KP_BLOCKLEN), Ok(0));
    assert_eq!(get(&key, KP_MODE), Ok(0));
    assert_eq!(key.param(KP_IV), Ok(vec![]));
    assert_eq!(key.set_param(KP_IV, &[]), Ok(()));
    assert_eq!(
        set(&mut key, KP_MODE, CRYPT_MODE_ECB),
        Err(CspError::NTE_BAD_TYPE)
    );
    assert_eq!(
        set(&mut key, KP_EFFECTIVE_KEYLEN, 40),
        Err(CspError::NTE_BAD_TYPE)
    );
}

#[test]
fn values_that_do_not_suit_are_refused() {
    let mut key = windows_key(AlgId::CALG_AES_128, 0);
    for (param, value) in [
        (KP_PADDING, RANDOM_PADDING),
        (KP_PADDING, ZERO_PADDING),
        (KP_MODE_BITS, 64),
    ] {
        assert_eq!(set(&mut key, param, value), Err(CspError::NTE_BAD_DATA));
    }
    assert_eq!(set(&mut key, KP_PADDING, PKCS5_PADDING), Ok(()));
    assert_eq!(set(&mut key, KP_MODE_BITS, 8), Ok(()));
    assert_eq!(key.set_param(KP_IV, &[0; 8]), Err(CspError::NTE_BAD_DATA));
    for fixed in [
        KP_ALGID,
        KP_KEYLEN,
        KP_BLOCKLEN,
        KP_EFFECTIVE_KEYLEN,
        KP_KEYVAL,
        KP_P,
        1000,
    ] {
        assert_eq!(
            set(&mut key, fixed, 0),
            Err(CspError::NTE_BAD_TYPE),
            "{fixed}"
        );
        assert_eq!(
            key.param_form(fixed),
            Err(CspError::NTE_BAD_TYPE),
            "{fixed}"
        );
    }
    assert_eq!(key.param_form(KP_IV), Ok(ParamForm::Bytes(16)));
    let rc2 = windows_key(AlgId::CALG_RC2, 0);
    assert_eq!(rc2.param_form(KP_SALT), Ok(ParamForm::Bytes(11)));
    assert_eq!(rc2.param_form(KP_SALT_EX), Ok(ParamForm::Blob));
}

#[test]
fn export_permission_is_settled_when_the_key_is_made() {
    let all = CRYPT_ENCRYPT | CRYPT_DECRYPT | CRYPT_READ | CRYPT_WRITE | CRYPT_MAC;
    let mut key = windows_key(AlgId::CALG_AES_128, 0);
    assert!(!key.is_exportable());
    for added in [CRYPT_EXPORT, CRYPT_ARCHIVE, 0x8000] {
        assert_eq!(
            set(&mut key, KP_PERMISSIONS, all | added),
            Err(CspError::NTE_BAD_DATA)
        );
    }
    assert_eq!(get(&key, KP_PERMISSIONS), Ok(all));
    for (flag, bit) in [
        (CRYPT_EXPORTABLE, CRYPT_EXPORT),
        (CRYPT_ARCHIVABLE, CRYPT_ARCHIVE),
    ] {
        let mut key = windows_key(AlgId::CALG_AES_128, flag);
        assert_eq!(set(&mut key, KP_PERMISSIONS, all), Ok(()));
        assert_eq!(get(&key, KP_PERMISSIONS), Ok(all | bit));
        assert!(key.is_exportable());
    }
}

#[test]
fn cleared_permissions_are_enforced() {
    let mut key = windows_key(AlgId::CALG_AES_128, 0);
    set(&mut key, KP_PERMISSIONS, CRYPT_DECRYPT).expect("permissions can be cleared");
    assert_eq!(key.encrypted_len(1, true), Err(CspError::NTE_PERM));
    assert_eq!(key.encrypt(&mut [0; 16], 1, true), Err(CspError::NTE_PERM));
    assert_eq!(key.decrypt(&mut [0; 16], false), Ok(16));
    for algorithm in [AlgId::CALG_MAC, AlgId::CALG_HMAC] {
        let hash = HashState::new(&RSA_AES, algorithm, Some(&key));
        assert_eq!(hash.err(), Some(CspError::NTE_PERM));
    }
    set(&mut key, KP_PERMISSIONS, CRYPT_ENCRYPT).expect("permissions can come back");
    assert_eq!(key.decrypt(&mut [0; 16], false), Err(CspError::NTE_PERM));
}

#[test]
fn des_key_bytes_can_be_set() {
    let mut set_later = windows_key(AlgId::CALG_DES, 0);
    assert_eq!(set_later.param_form(KP_KEYVAL), Ok(ParamForm::Bytes(8)));
    set_later
        .set_param(KP_KEYVAL, &hex("1011121314151617"))
        .expect("eight bytes");
    let mut imported = key(AlgId::CALG_DES, &hex("1011121314151617"), 0);
    assert_eq!(
        encrypt(&mut set_later, b"text"),
        encrypt(&mut imported, b"text")
    );
}

#[test]
fn a_salt_or_length_set_between_two_blocks_is_met_by_the_next() {
    let block = |key: &mut SymKey| {
        let mut data = *b"one block beside another";
        key.encrypt(&mut data, 24, false).expect("whole blocks");
        key.set_param(KP_IV, &[0; 8]).expect("one block");
        data
    };
    let fresh = |salt: &[u8], bits| {
        let mut key = windows_key(AlgId::CALG_RC2, 56 << 16);
        key.set_param(KP_SALT_EX, salt).expect("a salt fits");
        set(&mut key, KP_EFFECTIVE_KEYLEN, bits).expect("the length is allowed");
        key
    };
    let mut key = fresh(&[], 56);
    let mut met = vec![block(&mut key)];
    for (salt, bits) in [(&[7; 11][..], 56), (&[8; 11], 56), (&[8; 11], 128)] {
        key.set_param(KP_SALT_EX, salt).expect("a salt fits");
        set(&mut key, KP_EFFECTIVE_KEYLEN, bits).expect("the length is allowed");
        let next = block(&mut key);
        assert_eq!(next, block(&mut fresh(salt, bits)));
        assert!(!met.contains(&next), "{salt:?} {bits}");
        met.push(next);
    }
}
