//! What holds for any key and any data.

use proptest::prelude::*;

use super::*;
use crate::alg::Algorithm;
use crate::soft::testing::{Counting, encrypt};

/// Every cipher of the provider with a key of its default length.
fn any_key() -> impl Strategy<Value = SymKey> {
    let ciphers: Vec<&Algorithm> = RSA_AES
        .algorithms
        .iter()
        .filter(|row| row.id.class() == ALG_CLASS_DATA_ENCRYPT)
        .collect();
    const MODES: &[u32] = &[CRYPT_MODE_CBC, CRYPT_MODE_ECB, CRYPT_MODE_CFB];
    (
        prop::sample::select(ciphers),
        any::<u8>(),
        prop::sample::select(MODES),
    )
        .prop_map(|(row, seed, mode)| {
            let mut key = SymKey::generate(&RSA_AES, row.id, 0, &mut Counting(seed))
                .expect("the default length exists");
            if key.block_len().is_some() {
                set(&mut key, KP_MODE, mode).expect("the mode exists");
            }
            key
        })
}

/// Encrypts a message in pieces of so many 16-byte units, the rest as the last piece.
fn encrypt_in_pieces(key: &mut SymKey, plain: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut cipher = Vec::new();
    let mut rest = plain;
    for units in pieces {
        let (piece, after) = rest.split_at((units * 16).min(rest.len() / 16 * 16));
        rest = after;
        let mut buffer = piece.to_vec();
        assert_eq!(
            key.encrypt(&mut buffer, piece.len(), false),
            Ok(piece.len())
        );
        cipher.extend(buffer);
    }
    cipher.extend(encrypt(key, rest).expect("the key encrypts"));
    cipher
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_cipher_text(
        key in any_key(),
        plain in prop::collection::vec(any::<u8>(), 0..200),
        pieces in prop::collection::vec(0usize..4, 0..6),
    ) {
        let (mut whole, mut chunked) = (key.clone(), key);
        let cipher = encrypt(&mut whole, &plain).expect("the key encrypts");
        prop_assert_eq!(&encrypt_in_pieces(&mut chunked, &plain, &pieces), &cipher);

        let mut back = cipher.clone();
        let mut from = 0;
        for units in pieces {
            let to = (from + units * 16).min(cipher.len().saturating_sub(1) / 16 * 16);
            prop_assert_eq!(chunked.decrypt(&mut back[from..to], false), Ok(to - from));
            from = to;
        }
        let len = chunked.decrypt(&mut back[from..], true).expect("the padding is good");
        prop_assert_eq!(&back[..from + len], &plain[..]);
    }

    #[test]
    fn duplicates_go_separate_ways(
        key in any_key(),
        first in prop::collection::vec(any::<u8>(), 16..=16),
        second in prop::collection::vec(any::<u8>(), 0..50),
        disturbance in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut original = key;
        original.encrypt(&mut first.clone(), 16, false).expect("a whole block");
        let mut duplicate = original.clone();
        let expected = encrypt(&mut original.clone(), &second);
        encrypt(&mut original, &disturbance).expect("the key encrypts");
        prop_assert_eq!(encrypt(&mut duplicate, &second), expected);
    }

    #[test]
    fn arbitrary_cipher_text_never_panics(
        key in any_key(),
        data in prop::collection::vec(any::<u8>(), 0..100),
        last in any::<bool>(),
    ) {
        let mut buffer = data.clone();
        if let Ok(len) = key.clone().decrypt(&mut buffer, last) {
            prop_assert!(len <= data.len());
        }
    }

    #[test]
    fn arbitrary_parameters_never_panic(
        key in any_key(),
        param in 0u32..50,
        value in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut key = key;
        let _ = key.param(param);
        let _ = key.param_form(param);
        let _ = key.set_param(param, &value);
        let _ = encrypt(&mut key, b"text");
    }
}
