//! The rules of CPEncrypt and CPDecrypt.

use super::*;
use crate::soft::testing::{decrypt, encrypt, key};

#[test]
fn a_short_buffer_leaves_data_and_state_alone() {
    let mut key = windows_key(AlgId::CALG_AES_128, 0);
    let mut twin = key.clone();
    let mut buffer = [7; 20];
    assert_eq!(key.encrypted_len(20, true), Ok(32));
    assert_eq!(
        key.encrypt(&mut buffer, 20, true),
        Err(CspError::ERROR_MORE_DATA)
    );
    assert_eq!(buffer, [7; 20]);
    assert_eq!(encrypt(&mut key, &buffer), encrypt(&mut twin, &buffer));
}

#[test]
fn broken_blocks_are_refused_without_final() {
    let mut key = windows_key(AlgId::CALG_3DES, 0);
    assert_eq!(key.encrypted_len(7, false), Err(CspError::NTE_BAD_DATA));
    assert_eq!(
        key.encrypt(&mut [0; 16], 7, false),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(key.decrypt(&mut [0; 7], false), Err(CspError::NTE_BAD_DATA));
    assert_eq!(key.decrypt(&mut [0; 7], true), Err(CspError::NTE_BAD_DATA));
    assert_eq!(key.decrypt(&mut [], true), Err(CspError::NTE_BAD_DATA));
    assert_eq!(key.decrypt(&mut [], false), Ok(0));
    assert_eq!(key.encrypt(&mut [], 0, false), Ok(0));
    assert_eq!(key.encrypted_len(0, true), Ok(8));
}

#[test]
fn every_mode_pads_a_whole_block_by_one_more() {
    for mode in [CRYPT_MODE_CBC, CRYPT_MODE_ECB, CRYPT_MODE_CFB] {
        let mut key = windows_key(AlgId::CALG_DES, 0);
        set(&mut key, KP_MODE, mode).expect("the mode exists");
        assert_eq!(
            encrypt(&mut key, b"12345678").map(|cipher| cipher.len()),
            Ok(16)
        );
    }
}

/// Final with bad padding fails, and still brings the key back to its IV.
#[test]
fn bad_padding_resets_the_key() {
    for algorithm in [
        AlgId::CALG_DES,
        AlgId::CALG_3DES,
        AlgId::CALG_AES_256,
        AlgId::CALG_RC2,
    ] {
        let mut key = windows_key(algorithm, 0);
        let plain = b"abcdefghijkl";
        let cipher = encrypt(&mut key, plain).expect("the key encrypts");
        key.decrypt(&mut cipher.clone(), false)
            .expect("whole blocks");
        let mut bad = cipher.clone();
        *bad.last_mut().expect("not empty") ^= 0xff;
        assert_eq!(key.decrypt(&mut bad, true), Err(CspError::NTE_BAD_DATA));
        assert_eq!(
            decrypt(&mut key, &cipher).as_deref(),
            Ok(&plain[..]),
            "{algorithm}"
        );
    }
}

#[test]
fn padding_must_count_itself() {
    let block = |tail: &[u8]| [&[9; 8][tail.len()..], tail].concat();
    assert_eq!(unpadded_len(&block(&[1]), 8), Some(7));
    assert_eq!(unpadded_len(&block(&[3, 3, 3]), 8), Some(5));
    assert_eq!(unpadded_len(&[8; 8], 8), Some(0));
    assert_eq!(unpadded_len(&block(&[0]), 8), None);
    assert_eq!(unpadded_len(&block(&[2, 3, 3]), 8), None);
    assert_eq!(unpadded_len(&[9; 16], 8), None);
    assert_eq!(unpadded_len(&[], 8), None);
}

#[test]
fn a_new_iv_restarts_the_chain() {
    let mut key = windows_key(AlgId::CALG_DES, 0);
    key.encrypt(&mut [1; 8], 8, false).expect("one block");
    key.set_param(KP_IV, &[5; 8]).expect("one block");
    let mut fresh = windows_key(AlgId::CALG_DES, 0);
    fresh.set_param(KP_IV, &[5; 8]).expect("one block");
    assert_eq!(encrypt(&mut key, b"text"), encrypt(&mut fresh, b"text"));
    assert_eq!(
        key.param(KP_IV),
        Ok(vec![5; 8]),
        "chaining leaves KP_IV alone"
    );
}

#[test]
fn debug_output_shows_no_key() {
    let key = key(AlgId::CALG_AES_128, &[0xab; 16], 0);
    assert_eq!(format!("{key:?}"), "SymKey(CALG_AES_128, 128 bits)");
}
