//! Signatures by OpenSSL, encryptions by PyCryptodome, and the rules of CPEncrypt and
//! CPVerifySignature. Private operations of the tests are num-bigint's.

use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;
use crate::blob::{self, rsa_private};
use crate::soft::testing::{Counting, algorithm, hex, vectors};

const PRIVATE_BLOB: &[u8] = include_bytes!("../../blob/testdata/rsa1024.private.blob");

fn public() -> RsaPublicKey {
    let (header, body) = blob::parse(PRIVATE_BLOB).expect("a blob by OpenSSL");
    rsa_private::parse(&header, body)
        .expect("a blob by OpenSSL")
        .public
}

/// The private operation, big-endian in and out.
fn private_operation(number: &[u8]) -> Vec<u8> {
    let (header, body) = blob::parse(PRIVATE_BLOB).expect("a blob by OpenSSL");
    let key = rsa_private::parse(&header, body).expect("a blob by OpenSSL");
    let d = BigUint::from_bytes_le(&key.private_exponent);
    let n = BigUint::from_bytes_le(key.public.modulus_le());
    let result = BigUint::from_bytes_be(number).modpow(&d, &n).to_bytes_be();
    let mut bytes = vec![0; key.public.modulus_len() - result.len()];
    bytes.extend(result);
    bytes
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

/// A line of the signature file: form, algorithm, value, signature as CAPI has it.
fn signatures() -> Vec<(&'static str, AlgId, Vec<u8>, Vec<u8>)> {
    vectors(include_str!("testdata/signatures.txt"), 19)
        .into_iter()
        .map(|[form, name, value, signature]| {
            (form, algorithm(name), hex(value), reversed(&hex(signature)))
        })
        .collect()
}

#[test]
fn openssl_signatures_verify_under_the_flags_of_their_form() {
    let key = public();
    for (form, algorithm, value, signature) in signatures() {
        let verify = |flags| key.verify(algorithm, &value, &signature, flags);
        let bad = Err(CspError::NTE_BAD_SIGNATURE);
        // An SSL3_SHAMD5 value has no DigestInfo, so that its two forms are one.
        let (plain, bare, x931) = match form {
            "info" => (Ok(()), bad, bad),
            "bare" => (Ok(()), Ok(()), bad),
            _ => (bad, bad, Ok(())),
        };
        assert_eq!(verify(0), plain, "{form} {algorithm}");
        assert_eq!(verify(CRYPT_TYPE2_FORMAT), plain, "{form} {algorithm}");
        assert_eq!(verify(CRYPT_NOHASHOID), bare, "{form} {algorithm}");
        // X9.31 has numbers for the SHA family alone.
        let x931 = match algorithm {
            AlgId::CALG_MD2 | AlgId::CALG_MD4 | AlgId::CALG_MD5 | AlgId::CALG_SSL3_SHAMD5 => {
                Err(CspError::NTE_BAD_ALGID)
            }
            _ => x931,
        };
        assert_eq!(verify(CRYPT_X931_FORMAT), x931, "{form} {algorithm}");
    }
}

#[test]
fn wrong_signatures_are_refused() {
    let key = public();
    for (form, algorithm, value, signature) in signatures() {
        let flags = if form == "x931" { CRYPT_X931_FORMAT } else { 0 };
        let refused = |value: &[u8], signature: &[u8]| {
            let result = key.verify(algorithm, value, signature, flags);
            assert_eq!(
                result,
                Err(CspError::NTE_BAD_SIGNATURE),
                "{form} {algorithm}"
            );
        };
        let mut other = value.clone();
        other[0] ^= 1;
        refused(&other, &signature);
        for at in [0, 64, 127] {
            let mut other = signature.clone();
            other[at] ^= 0x10;
            refused(&value, &other);
        }
        refused(&value, &reversed(&signature));
        refused(&value, &signature[1..]);
        refused(&value, &[&signature[..], &[0]].concat());
        refused(&value, &[]);
        refused(&value, &[0xff; 128]);
        refused(&value, key.modulus_le());
        refused(&value, &[0; 128]);
    }
}

#[test]
fn another_hash_algorithm_of_the_same_length_is_refused() {
    let key = public();
    for (form, algorithm, value, signature) in signatures() {
        if (form, algorithm) == ("info", AlgId::CALG_MD5) {
            let result = key.verify(AlgId::CALG_MD4, &value, &signature, 0);
            assert_eq!(result, Err(CspError::NTE_BAD_SIGNATURE));
        }
    }
}

#[test]
fn what_cannot_be_signed_cannot_be_verified() {
    let key = public();
    for algorithm in [AlgId::CALG_MAC, AlgId::CALG_HMAC] {
        for flags in [0, CRYPT_NOHASHOID, CRYPT_X931_FORMAT] {
            let result = key.verify(algorithm, &[0; 16], &[1; 128], flags);
            assert_eq!(result, Err(CspError::NTE_BAD_ALGID));
        }
        assert_eq!(
            digest_info(algorithm, &[0; 16]),
            Err(CspError::NTE_BAD_ALGID)
        );
        assert_eq!(
            bare_block(algorithm, &[0; 16], 128),
            Err(CspError::NTE_BAD_ALGID)
        );
    }
    for flags in [8, CRYPT_NOHASHOID | 0x40] {
        let result = key.verify(AlgId::CALG_SHA1, &[0; 20], &[1; 128], flags);
        assert_eq!(result, Err(CspError::NTE_BAD_FLAGS));
    }
}

/// The blocks for the module, checked by signing them here: PKCS#1 signatures are unique.
#[test]
fn signing_blocks_lead_to_openssl_signatures() {
    for (form, algorithm, value, signature) in signatures() {
        let block = match form {
            "info" => digest_info_block(algorithm, &value, 128),
            "bare" => bare_block(algorithm, &value, 128),
            _ => x931_block(algorithm, &value, 128),
        };
        let mut found = private_operation(&block.expect("the value fits"));
        if form == "x931" {
            let n = BigUint::from_bytes_le(public().modulus_le());
            let other = n - BigUint::from_bytes_be(&found);
            found = found.min(other.to_bytes_be());
        }
        assert_eq!(reversed(&found), signature, "{form} {algorithm}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_refused() {
    let sha512 = [1; 64];
    assert_eq!(
        bare_block(AlgId::CALG_SHA_512, &sha512, 74),
        Err(CspError::NTE_BAD_LEN)
    );
    assert_eq!(
        bare_block(AlgId::CALG_SHA_512, &sha512, 75).map(|block| block.len()),
        Ok(75)
    );
    assert_eq!(
        digest_info_block(AlgId::CALG_SHA_512, &sha512, 93),
        Err(CspError::NTE_BAD_LEN)
    );
    let block = digest_info_block(AlgId::CALG_SHA_512, &sha512, 94);
    assert_eq!(block.map(|block| block.len()), Ok(94));
    assert_eq!(
        x931_block(AlgId::CALG_SHA_512, &sha512, 67),
        Err(CspError::NTE_BAD_LEN)
    );
    let block = x931_block(AlgId::CALG_SHA_512, &sha512, 68).expect("no padding at all");
    assert_eq!((block.len(), block[0], block[1]), (68, 0x6b, 0xba));
    assert_eq!(
        digest_info(AlgId::CALG_SHA1, &[0; 16]),
        Err(CspError::NTE_BAD_LEN)
    );
}

#[test]
fn encryptions_agree_with_pycryptodome() {
    let key = public();
    for [form, label, plain, cipher] in vectors(include_str!("testdata/encryptions.txt"), 3) {
        let label = if label == "-" { vec![] } else { hex(label) };
        let padding = match form {
            "pkcs1" => RsaPadding::Pkcs1,
            _ => RsaPadding::Oaep { label: &label },
        };
        let found = key.encrypt(&hex(plain), padding, &mut Counting(0));
        assert_eq!(found, Ok(reversed(&hex(cipher))), "{form} {label:?}");
    }
}

#[test]
fn plain_texts_have_their_limits() {
    let key = public();
    let oaep = RsaPadding::Oaep { label: b"" };
    for (padding, most) in [(RsaPadding::Pkcs1, 128 - 11), (oaep, 128 - 42)] {
        let len = |len| {
            key.encrypt(&vec![1; len], padding, &mut Counting(0))
                .map(|c| c.len())
        };
        assert_eq!(len(0), Ok(128));
        assert_eq!(len(most), Ok(128));
        assert_eq!(len(most + 1), Err(CspError::NTE_BAD_LEN));
    }
}

#[test]
fn pkcs1_padding_has_no_zeros() {
    // Every second byte of this source is zero.
    let mut flip = false;
    let mut source = |buffer: &mut [u8]| {
        for byte in buffer {
            flip = !flip;
            *byte = if flip { 0 } else { 0x5a };
        }
        Ok(())
    };
    let cipher = public()
        .encrypt(b"x", RsaPadding::Pkcs1, &mut source)
        .expect("it fits");
    let block = private_operation(&reversed(&cipher));
    assert_eq!(block[..2], [0, 2]);
    assert!(block[2..126].iter().all(|byte| *byte == 0x5a));
    assert_eq!(block[126..], [0, b'x']);
}

#[test]
fn broken_random_sources_end_in_an_error() {
    let key = public();
    let mut zeros = |buffer: &mut [u8]| {
        buffer.fill(0);
        Ok(())
    };
    let result = key.encrypt(b"x", RsaPadding::Pkcs1, &mut zeros);
    assert_eq!(result, Err(CspError::NTE_FAIL));
    let mut failing = |_: &mut [u8]| Err(CspError::NTE_DEVICE_NOT_READY);
    for padding in [RsaPadding::Pkcs1, RsaPadding::Oaep { label: b"" }] {
        let result = key.encrypt(b"x", padding, &mut failing);
        assert_eq!(result, Err(CspError::NTE_DEVICE_NOT_READY));
    }
}

/// With exponent one the cipher text is the padded block itself, reversed: how callers read
/// session keys in the clear.
#[test]
fn exponent_one_leaves_the_block_readable() {
    let mut modulus = vec![0x11; 64];
    modulus[63] = 0xab;
    let key = RsaPublicKey::new(&modulus, 1).expect("a 512-bit modulus");
    let cipher = key.encrypt(b"0123456789abcdef", RsaPadding::Pkcs1, &mut Counting(0));
    let cipher = cipher.expect("it fits");
    assert_eq!(cipher[..16], *b"fedcba9876543210");
    assert_eq!(cipher[16], 0);
    assert_eq!(cipher[62..], [2, 0]);
}

#[test]
fn moduli_and_exponents_are_checked() {
    let modulus = |len: usize| vec![0x11; len];
    for good in [48, 64, 65, 129, 2048] {
        let key = RsaPublicKey::new(&modulus(good), 3).expect("a length that is offered");
        assert_eq!((key.modulus_len(), key.bits()), (good, good as u32 * 8));
    }
    let mut even = modulus(64);
    even[0] = 0x10;
    let mut short = modulus(64);
    short[63] = 0;
    for bad in [modulus(47), modulus(2049), vec![], even, short] {
        assert_eq!(RsaPublicKey::new(&bad, 3), Err(CspError::NTE_BAD_DATA));
    }
    assert_eq!(
        RsaPublicKey::new(&modulus(64), 0),
        Err(CspError::NTE_BAD_DATA)
    );
}

proptest! {
    /// num-bigint as the oracle, for moduli that are no product of two primes as well.
    #[test]
    fn the_public_operation_agrees_with_num_bigint(
        mut modulus in prop::collection::vec(any::<u8>(), 48..80),
        number in prop::collection::vec(any::<u8>(), 80),
        exponent in prop_oneof![1u32..20, any::<u32>(), Just(65_537)],
    ) {
        modulus[0] |= 1;
        *modulus.last_mut().expect("not empty") |= 0x40;
        prop_assume!(exponent != 0);
        let key = RsaPublicKey::new(&modulus, exponent).expect("odd and full");
        let n = BigUint::from_bytes_le(&modulus);
        let number = BigUint::from_bytes_le(&number[..modulus.len()]);
        let pad = |number: &BigUint| {
            let mut bytes = number.to_bytes_le();
            bytes.resize(modulus.len(), 0);
            bytes
        };
        let found = key.raise(&pad(&number));
        if number >= n {
            prop_assert_eq!(found, None);
        } else {
            prop_assert_eq!(found, Some(pad(&number.modpow(&exponent.into(), &n))));
        }
    }
}
