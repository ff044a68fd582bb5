//! Blobs by OpenSSL, wrapped keys of RFC 3217, round trips, and what is refused.
//!
//! `testdata/rsa1024.*.blob` and `rsa1032.private.blob` were written by OpenSSL 3.0.19:
//! `openssl rsa -in key.pem -outform MSBLOB`, the public one with `-pubout`.

use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;
use crate::alg::RSA_AES;
use crate::constants::*;
use crate::soft::testing::{Counting, encrypt, hex, key};
use crate::soft::{RsaPadding, RsaPublicKey, SymKey};

const PRIVATE_1024: &[u8] = include_bytes!("testdata/rsa1024.private.blob");
const PUBLIC_1024: &[u8] = include_bytes!("testdata/rsa1024.public.blob");
const PRIVATE_1032: &[u8] = include_bytes!("testdata/rsa1032.private.blob");

/// Where the numbers of the 1024-bit private blob begin: modulus, p, q, dp, dq, qinv, d, end.
const OFFSETS: [usize; 8] = [20, 148, 212, 276, 340, 404, 468, 596];

fn private(blob: &[u8]) -> Result<rsa_private::RsaKeyPair> {
    let (header, body) = parse(blob)?;
    rsa_private::parse(&header, body)
}

fn public(blob: &[u8]) -> Result<RsaPublicKey> {
    let (header, body) = parse(blob)?;
    rsa_public::parse(&header, body)
}

/// The blob with some bytes replaced.
fn patched(blob: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob[at..at + bytes.len()].copy_from_slice(bytes);
    blob
}

#[test]
fn headers_are_checked() {
    let (header, body) = parse(PUBLIC_1024).expect("a blob by OpenSSL");
    let expected = BlobHeader {
        blob_type: PUBLICKEYBLOB,
        version: 2,
        algorithm: AlgId::CALG_RSA_KEYX,
    };
    assert_eq!(header, expected);
    assert_eq!(body.len(), PUBLIC_1024.len() - HEADER_LEN);
    for len in 0..HEADER_LEN {
        assert_eq!(parse(&PUBLIC_1024[..len]), Err(CspError::NTE_BAD_DATA));
    }
    for (at, byte, code) in [
        (0, 0, CspError::NTE_BAD_TYPE),
        (0, 2, CspError::NTE_BAD_TYPE),
        (0, PUBLICKEYBLOBEX as u8, CspError::NTE_BAD_TYPE),
        (0, KEYSTATEBLOB as u8, CspError::NTE_BAD_TYPE),
        (0, 0xff, CspError::NTE_BAD_TYPE),
        (1, 1, CspError::NTE_BAD_VER),
        (1, 4, CspError::NTE_BAD_VER),
        (2, 1, CspError::NTE_BAD_DATA),
        (3, 1, CspError::NTE_BAD_DATA),
    ] {
        assert_eq!(
            parse(&patched(PUBLIC_1024, at, &[byte])),
            Err(code),
            "{at} {byte}"
        );
    }
    let version_3 = patched(PUBLIC_1024, 1, &[VERSION_3]);
    assert!(parse(&version_3).is_ok(), "DSS and DH keys have it");
    assert_eq!(public(&version_3), Err(CspError::NTE_BAD_VER));
}

#[test]
fn public_blobs_come_back_byte_for_byte() {
    let key = public(PUBLIC_1024).expect("a blob by OpenSSL");
    assert_eq!((key.bits(), key.exponent()), (1024, 65_537));
    assert_eq!(rsa_public::build(AlgId::CALG_RSA_KEYX, &key), PUBLIC_1024);
    let sign = rsa_public::build(AlgId::CALG_RSA_SIGN, &key);
    assert_eq!(sign, patched(PUBLIC_1024, 5, &[0x24]));
    assert_eq!(public(&sign), Ok(key));
}

/// A 512-bit modulus of 0x11 bytes, which real callers' test suites import.
#[test]
fn a_small_public_key_is_imported() {
    let mut blob = hex("0602000000a40000525341310002000001000100");
    blob.extend([0x11; 64]);
    let key = public(&blob).expect("a 512-bit modulus");
    assert_eq!(rsa_public::build(AlgId::CALG_RSA_KEYX, &key), blob);
}

#[test]
fn malformed_public_blobs_are_refused() {
    for len in HEADER_LEN..PUBLIC_1024.len() {
        assert_eq!(
            public(&PUBLIC_1024[..len]),
            Err(CspError::NTE_BAD_DATA),
            "{len}"
        );
    }
    for (at, bytes, what) in [
        (4, &[0x00, 0x22][..], "CALG_DSS_SIGN"),
        (8, b"RSA2", "the private magic"),
        (12, &[0x04, 0x04], "1028 bits"),
        (12, &[0x08, 0x04], "more bits than bytes"),
        (12, &[0, 0, 0, 0], "no bits"),
        (12, &[0xf8, 0xff, 0xff, 0xff], "very many bits"),
        (16, &[0, 0, 0, 0], "exponent zero"),
        (20, &[0], "an even modulus"),
        (147, &[0], "a modulus that begins with zeros"),
    ] {
        assert_eq!(
            public(&patched(PUBLIC_1024, at, bytes)),
            Err(CspError::NTE_BAD_DATA),
            "{what}"
        );
    }
    let longer = [PUBLIC_1024, b"slack"].concat();
    assert!(
        public(&longer).is_ok(),
        "the size of the caller's buffer may be larger"
    );
}

#[test]
fn private_blobs_give_their_numbers() {
    let key = private(PRIVATE_1024).expect("a blob by OpenSSL");
    assert_eq!(Ok(key.public.clone()), public(PUBLIC_1024));
    let field = |i: usize| &PRIVATE_1024[OFFSETS[i]..OFFSETS[i + 1]];
    assert_eq!(key.public.modulus_le(), field(0));
    assert_eq!(&key.prime1[..], field(1));
    assert_eq!(&key.prime2[..], field(2));
    assert_eq!(&key.exponent1[..], field(3));
    assert_eq!(&key.exponent2[..], field(4));
    assert_eq!(&key.coefficient[..], field(5));
    assert_eq!(&key.private_exponent[..], field(6));
    assert_eq!(format!("{key:?}"), "RsaKeyPair(1024 bits)");
}

/// A key whose halves are not whole bytes: each has one byte more.
#[test]
fn lengths_that_do_not_halve_are_understood() {
    let key = private(PRIVATE_1032).expect("a blob by OpenSSL");
    assert_eq!(key.public.modulus_len(), 129);
    assert_eq!(key.prime1.len(), 65);
    let product = BigUint::from_bytes_le(&key.prime1) * BigUint::from_bytes_le(&key.prime2);
    assert_eq!(product, BigUint::from_bytes_le(key.public.modulus_le()));
    let cut = private(&PRIVATE_1032[..PRIVATE_1032.len() - 129]).expect("d may be missing");
    assert_undoes_the_public_operation(&cut);
}

/// num-bigint decrypts with the key's d, and with its CRT numbers.
fn assert_undoes_the_public_operation(key: &rsa_private::RsaKeyPair) {
    let n = BigUint::from_bytes_le(key.public.modulus_le());
    let number = BigUint::from_bytes_be(b"some number below the modulus");
    let raised = number.modpow(&key.public.exponent().into(), &n);
    let [p, q, dp, dq, qinv, d] = [
        &key.prime1,
        &key.prime2,
        &key.exponent1,
        &key.exponent2,
        &key.coefficient,
        &key.private_exponent,
    ]
    .map(|bytes| BigUint::from_bytes_le(bytes));
    assert_eq!(raised.modpow(&d, &n), number);
    let (m1, m2) = (raised.modpow(&dp, &p), raised.modpow(&dq, &q));
    let h = (qinv * (m1 + &p - &m2 % &p)) % &p;
    assert_eq!(m2 + h * q, number);
}

#[test]
fn the_private_exponent_may_be_cut_anywhere() {
    for len in OFFSETS[6]..PRIVATE_1024.len() {
        let key = private(&PRIVATE_1024[..len]).expect("d is computed");
        assert_eq!(key.private_exponent.len(), 128);
        if len % 16 == 0 {
            assert_undoes_the_public_operation(&key);
        }
    }
    for len in HEADER_LEN..OFFSETS[6] {
        assert_eq!(
            private(&PRIVATE_1024[..len]).err(),
            Some(CspError::NTE_BAD_DATA),
            "{len}"
        );
    }
}

#[test]
fn missing_numbers_are_computed() {
    let whole = private(PRIVATE_1024).expect("a blob by OpenSSL");
    let key = private(&patched(PRIVATE_1024, OFFSETS[3], &[0; 320])).expect("p and q suffice");
    assert_eq!(key.exponent1, whole.exponent1);
    assert_eq!(key.exponent2, whole.exponent2);
    assert_eq!(key.coefficient, whole.coefficient);
    assert_undoes_the_public_operation(&key);
}

#[test]
fn numbers_that_do_not_belong_together_are_refused() {
    for (i, offset) in OFFSETS[..7].iter().enumerate() {
        let at = offset + 8;
        let wrong = patched(PRIVATE_1024, at, &[PRIVATE_1024[at] ^ 4]);
        assert_eq!(
            private(&wrong).err(),
            Some(CspError::NTE_BAD_DATA),
            "field {i}"
        );
    }
    for (at, bytes, what) in [
        (4, &[0x01, 0x68][..], "CALG_RC4"),
        (8, b"RSA1", "the public magic"),
        (16, &[3, 0, 0], "another exponent"),
        (16, &[2, 0, 0], "an even exponent"),
    ] {
        let wrong = patched(PRIVATE_1024, at, bytes);
        assert_eq!(
            private(&wrong).err(),
            Some(CspError::NTE_BAD_DATA),
            "{what}"
        );
    }
    // One times the modulus is the modulus, but one is no prime.
    let mut trivial = PRIVATE_1024.to_vec();
    trivial[OFFSETS[1]..].fill(0);
    trivial[OFFSETS[1]] = 1;
    assert_eq!(private(&trivial).err(), Some(CspError::NTE_BAD_DATA));
    trivial[OFFSETS[1]] = 0;
    assert_eq!(private(&trivial).err(), Some(CspError::NTE_BAD_DATA));
}

/// Exponent one everywhere: the key with which callers export session keys in the clear.
#[test]
fn a_pair_of_exponent_one_is_a_pair() {
    let mut blob = patched(PRIVATE_1024, 16, &[1, 0, 0, 0]);
    for i in [3, 4, 6] {
        blob[OFFSETS[i]..OFFSETS[i + 1]].fill(0);
        blob[OFFSETS[i]] = 1;
    }
    let key = private(&blob).expect("the numbers belong together");
    assert_eq!(key.public.exponent(), 1);
    let computed = private(&blob[..OFFSETS[6]]).expect("d is computed");
    assert_eq!(computed.private_exponent, key.private_exponent);
}

#[test]
fn simple_blobs_hold_the_reversed_encryption() {
    let public = public(PUBLIC_1024).expect("a blob by OpenSSL");
    let session = key(AlgId::CALG_RC4, b"0123456789abcdef", CRYPT_EXPORTABLE);
    for padding in [RsaPadding::Pkcs1, RsaPadding::Oaep { label: b"" }] {
        let (id, bytes) = (session.algorithm(), session.key_bytes());
        let blob = simple::build(id, bytes, &public, padding, &mut Counting(0)).expect("it fits");
        assert_eq!(blob.len(), simple::len(128));
        let (header, body) = parse(&blob).expect("our own blob");
        assert_eq!(
            (header.blob_type, header.algorithm),
            (SIMPLEBLOB, AlgId::CALG_RC4)
        );
        let cipher = simple::parse(body, 128).expect("our own blob");
        let direct = public.encrypt(b"0123456789abcdef", padding, &mut Counting(0));
        assert_eq!(Ok(cipher.to_vec()), direct);
        let too_short = simple::parse(&body[..body.len() - 1], 128);
        assert_eq!(too_short, Err(CspError::NTE_BAD_DATA));
        let other = patched(body, 0, &AlgId::CALG_RSA_SIGN.0.to_le_bytes());
        assert_eq!(simple::parse(&other, 128), Err(CspError::NTE_BAD_ALGID));
    }
    assert_eq!(simple::parse(&[0, 0xa4], 128), Err(CspError::NTE_BAD_DATA));
}

#[test]
fn only_exportable_keys_leave() {
    let wrapping = key(AlgId::CALG_3DES, &[7; 24], 0);
    let fixed = key(AlgId::CALG_3DES, &[9; 24], 0);
    let denied = Err(CspError::NTE_BAD_KEY_STATE);
    assert_eq!(plaintext::build(&fixed), denied);
    assert_eq!(wrap::build(&fixed, &wrapping, &mut Counting(0)), denied);
    assert_eq!(
        wrap::len(&fixed, &wrapping),
        Err(CspError::NTE_BAD_KEY_STATE)
    );
    for flags in [CRYPT_EXPORTABLE, CRYPT_ARCHIVABLE] {
        let free = key(AlgId::CALG_3DES, &[9; 24], flags);
        assert!(plaintext::build(&free).is_ok());
    }
}

#[test]
fn plaintext_blobs_hold_key_bytes_without_salt() {
    let session = key(AlgId::CALG_RC2, b"abcde", CRYPT_EXPORTABLE);
    let blob = plaintext::build(&session).expect("exportable");
    assert_eq!(
        blob,
        [
            &hex("0802000002660000 05000000".replace(' ', "").as_str())[..],
            b"abcde"
        ]
        .concat()
    );
    assert_eq!(plaintext::len(&session), blob.len());
    let (_, body) = parse(&blob).expect("our own blob");
    assert_eq!(plaintext::parse(body), Ok(&b"abcde"[..]));
    assert_eq!(plaintext::parse(&body[..8]), Err(CspError::NTE_BAD_DATA));
    assert_eq!(
        plaintext::parse(&hex("ffffffff00")),
        Err(CspError::NTE_BAD_DATA)
    );
    assert_eq!(plaintext::parse(&[]), Err(CspError::NTE_BAD_DATA));
}

/// A source that hands out given bytes once.
fn given(text: &str) -> impl FnMut(&mut [u8]) -> Result<()> {
    let mut bytes = hex(text).into_iter();
    move |buffer: &mut [u8]| {
        for byte in buffer {
            *byte = bytes.next().expect("enough bytes were given");
        }
        Ok(())
    }
}

/// RFC 3217, section 3.4.
#[test]
fn triple_des_wrapping_agrees_with_rfc_3217() {
    let wrapping = key(
        AlgId::CALG_3DES,
        &hex("255e0d1c07b646dfb3134cc843ba8aa71f025b7c0838251f"),
        0,
    );
    let bytes = hex("2923bf85e06dd6ae529149f1f1bae9eab3a7da3d860d3e98");
    let session = key(AlgId::CALG_3DES, &bytes, CRYPT_EXPORTABLE);
    let blob = wrap::build(&session, &wrapping, &mut given("5dd4cbfc96f5453b"))
        .expect("triple DES wraps triple DES");
    assert_eq!(wrap::len(&session, &wrapping), Ok(blob.len()));
    let (header, body) = parse(&blob).expect("our own blob");
    assert_eq!(header.blob_type, SYMMETRICWRAPKEYBLOB);
    assert_eq!(body[..4], AlgId::CALG_3DES.0.to_le_bytes());
    assert_eq!(
        body[4..],
        hex("690107618ef092b3b48ca1796b234ae9fa33ebb4159604037db5d6a84eb3aac2768c632775a467d4")
    );
    let back = wrap::parse(body, header.algorithm, &wrapping).expect("the check value is right");
    assert_eq!(back[..], bytes);
}

/// RFC 3217, section 4.4, with the effective length of 40 bits from its erratum 639.
#[test]
fn rc2_wrapping_agrees_with_rfc_3217() {
    let mut wrapping = key(AlgId::CALG_RC2, &hex("fd04fd08060707fb0003fefffd02fe05"), 0);
    wrapping
        .set_param(KP_EFFECTIVE_KEYLEN, &40u32.to_le_bytes())
        .expect("a length of RC2");
    let bytes = hex("b70a25fbc9d86a86050ce0d711ead4d9");
    let session = key(AlgId::CALG_RC2, &bytes, CRYPT_EXPORTABLE);
    let blob = wrap::build(
        &session,
        &wrapping,
        &mut given("4845cce7fd1250c7d90059b29e97f7"),
    )
    .expect("RC2 wraps RC2");
    assert_eq!(wrap::len(&session, &wrapping), Ok(blob.len()));
    let (header, body) = parse(&blob).expect("our own blob");
    assert_eq!(
        body[4..],
        hex("70e699fb5701f7833330fb71e87c85a420bdc99af05d22af5a0e48d35f3138986cbaafb4b28d4f35")
    );
    let back = wrap::parse(body, header.algorithm, &wrapping).expect("the check value is right");
    assert_eq!(back[..], bytes);
}

#[test]
fn two_key_triple_des_is_wrapped_as_three_keys() {
    let bytes = hex("0123456789abcdeffedcba9876543210");
    let session = key(AlgId::CALG_3DES_112, &bytes, CRYPT_EXPORTABLE);
    let three = key(AlgId::CALG_3DES, &[7; 24], 0);
    let two = key(AlgId::CALG_3DES_112, &[7; 16], 0);
    for wrapping in [&three, &two] {
        let blob = wrap::build(&session, wrapping, &mut Counting(0)).expect("the pair fits");
        assert_eq!(blob.len(), 8 + 4 + 40);
        let (header, body) = parse(&blob).expect("our own blob");
        let back = wrap::parse(body, header.algorithm, wrapping).expect("our own blob");
        assert_eq!(back[..], bytes);
    }
    // Three different keys are no two-key triple DES key.
    let bytes = [hex("0123456789abcdeffedcba9876543210"), vec![1; 8]].concat();
    let session = key(AlgId::CALG_3DES, &bytes, CRYPT_EXPORTABLE);
    let blob = wrap::build(&session, &three, &mut Counting(0)).expect("the pair fits");
    let claimed = wrap::parse(&blob[8..], AlgId::CALG_3DES_112, &three);
    assert_eq!(claimed, Err(CspError::NTE_BAD_DATA));
    assert_eq!(wrap::len(&session, &two), Err(CspError::NTE_BAD_KEY));
}

#[test]
fn wrapping_needs_a_pair_that_goes_together() {
    let pairs = [
        (AlgId::CALG_AES_128, 16, AlgId::CALG_3DES, 24),
        (AlgId::CALG_3DES, 24, AlgId::CALG_AES_128, 16),
        (AlgId::CALG_RC2, 16, AlgId::CALG_3DES, 24),
        (AlgId::CALG_3DES, 24, AlgId::CALG_RC2, 16),
        (AlgId::CALG_RC4, 16, AlgId::CALG_RC4, 16),
        (AlgId::CALG_DES, 8, AlgId::CALG_DES, 8),
    ];
    for (inner, inner_len, outer, outer_len) in pairs {
        let session = key(inner, &vec![1; inner_len], CRYPT_EXPORTABLE);
        let wrapping = key(outer, &vec![2; outer_len], 0);
        let refused = wrap::build(&session, &wrapping, &mut Counting(0));
        assert_eq!(refused, Err(CspError::NTE_BAD_KEY), "{inner} under {outer}");
        let body = [&outer.0.to_le_bytes()[..], &[0; 40]].concat();
        let refused = wrap::parse(&body, inner, &wrapping);
        assert_eq!(refused, Err(CspError::NTE_BAD_KEY), "{inner} under {outer}");
    }
    let hmac_key = key(
        AlgId::CALG_RC2,
        &[3; 300],
        CRYPT_EXPORTABLE | CRYPT_IPSEC_HMAC_KEY,
    );
    let wrapping = key(AlgId::CALG_RC2, &[3; 16], CRYPT_EXPORTABLE);
    assert_eq!(wrap::len(&hmac_key, &wrapping), Err(CspError::NTE_BAD_KEY));
    assert_eq!(wrap::len(&wrapping, &hmac_key), Err(CspError::NTE_BAD_KEY));
}

#[test]
fn damaged_wrapped_keys_are_refused() {
    let wrapping = key(AlgId::CALG_3DES, &[7; 24], 0);
    let session = key(AlgId::CALG_3DES, &[9; 24], CRYPT_EXPORTABLE);
    let blob = wrap::build(&session, &wrapping, &mut Counting(0)).expect("the pair fits");
    let body = &blob[8..];
    for at in 4..body.len() {
        let damaged = patched(body, at, &[body[at] ^ 1]);
        let refused = wrap::parse(&damaged, AlgId::CALG_3DES, &wrapping);
        assert_eq!(refused, Err(CspError::NTE_BAD_DATA), "{at}");
    }
    for len in 0..body.len() {
        let refused = wrap::parse(&body[..len], AlgId::CALG_3DES, &wrapping);
        assert_eq!(refused, Err(CspError::NTE_BAD_DATA), "{len}");
    }
    let other = key(AlgId::CALG_3DES, &[6; 24], 0);
    assert!(
        wrap::parse(body, AlgId::CALG_3DES, &other).is_ok(),
        "only parity bits differ"
    );
    let other = key(AlgId::CALG_3DES, &[0x77; 24], 0);
    let refused = wrap::parse(body, AlgId::CALG_3DES, &other);
    assert_eq!(refused, Err(CspError::NTE_BAD_DATA));
    let other = key(AlgId::CALG_3DES_112, &[7; 16], 0);
    let refused = wrap::parse(body, AlgId::CALG_3DES, &other);
    assert_eq!(refused, Err(CspError::NTE_BAD_ALGID));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(blob in prop::collection::vec(any::<u8>(), 0..700)) {
        parse_all(&blob);
    }

    /// Bytes behind a header that says RSA get further.
    #[test]
    fn mutated_private_blobs_never_panic(
        changes in prop::collection::vec((0usize..596, any::<u8>()), 1..8),
        len in 0usize..=596,
    ) {
        let mut blob = PRIVATE_1024.to_vec();
        for (at, byte) in changes {
            blob[at] = byte;
        }
        parse_all(&blob[..len]);
    }

    /// Small numbers in every field: zeros, ones, even and equal primes.
    #[test]
    fn degenerate_private_blobs_never_panic(
        numbers in prop::collection::vec(0u8..8, 6),
        exponent in any::<u32>(),
        modulus in any::<[u8; 48]>(),
    ) {
        let mut blob = hex("0702000000a400005253413280010000");
        blob.extend(exponent.to_le_bytes());
        blob.extend(modulus);
        for number in &numbers[..5] {
            blob.push(*number);
            blob.extend([0; 23]);
        }
        blob.push(numbers[5]);
        blob.extend([0; 47]);
        parse_all(&blob);
    }

    /// Two odd numbers in place of primes, the rest missing: where a key comes out, num-bigint
    /// agrees that its numbers are inverses.
    #[test]
    fn computed_numbers_are_inverses(
        p in any::<[u8; 24]>(),
        q in any::<[u8; 24]>(),
        exponent in prop_oneof![Just(1u32), Just(3), Just(65_537), any::<u32>()],
    ) {
        let odd = |mut bytes: [u8; 24]| {
            bytes[0] |= 1;
            bytes[23] |= 0xc0;
            bytes
        };
        let (p, q) = (odd(p), odd(q));
        let (p_number, q_number) = (BigUint::from_bytes_le(&p), BigUint::from_bytes_le(&q));
        let mut blob = hex("0702000000a400005253413280010000");
        blob.extend(exponent.to_le_bytes());
        blob.extend((&p_number * &q_number).to_bytes_le());
        blob.extend(p);
        blob.extend(q);
        blob.extend([0; 3 * 24]);
        if let Ok(key) = private(&blob) {
            let one = BigUint::from(1u32);
            let e = BigUint::from(exponent);
            for (number, of, modulus) in [
                (&key.exponent1, &e, &p_number - &one),
                (&key.exponent2, &e, &q_number - &one),
                (&key.private_exponent, &e, &p_number - &one),
                (&key.private_exponent, &e, &q_number - &one),
                (&key.coefficient, &q_number, p_number.clone()),
            ] {
                prop_assert_eq!(BigUint::from_bytes_le(number) * of % modulus, one.clone());
            }
        } else {
            // No inverse exists: p and q have a divisor in common, or e and one of p-1, q-1.
            let common = |a: &BigUint, b: &BigUint| {
                let (mut a, mut b) = (a.clone(), b.clone());
                while b != BigUint::ZERO {
                    (a, b) = (b.clone(), a % b);
                }
                a != BigUint::from(1u32)
            };
            let e = BigUint::from(exponent);
            let phi = (&p_number - 1u32) * (&q_number - 1u32);
            prop_assert!(common(&p_number, &q_number) || common(&e, &phi));
        }
    }

    #[test]
    fn wrapped_rc2_keys_come_back(
        bytes in prop::collection::vec(any::<u8>(), 5..=16),
        seed in any::<u8>(),
    ) {
        let wrapping = key(AlgId::CALG_RC2, &[seed; 16], 0);
        let session = key(AlgId::CALG_RC2, &bytes, CRYPT_EXPORTABLE);
        let blob = wrap::build(&session, &wrapping, &mut Counting(seed)).expect("the pair fits");
        prop_assert_eq!(wrap::len(&session, &wrapping), Ok(blob.len()));
        let back = wrap::parse(&blob[8..], AlgId::CALG_RC2, &wrapping).expect("our own blob");
        let imported = SymKey::import_wrapped(&RSA_AES, AlgId::CALG_RC2, &back, 0);
        let found = encrypt(&mut imported.expect("the length suits"), b"text");
        prop_assert_eq!(found, encrypt(&mut session.clone(), b"text"));
    }
}

/// Every parser on the same bytes.
fn parse_all(blob: &[u8]) {
    let wrapping = [
        key(AlgId::CALG_3DES, &[1; 24], 0),
        key(AlgId::CALG_RC2, &[1; 16], 0),
    ];
    if let Ok((header, body)) = parse(blob) {
        let _ = rsa_public::parse(&header, body);
        let _ = rsa_private::parse(&header, body);
    }
    let body = blob.get(HEADER_LEN..).unwrap_or(&[]);
    let _ = simple::parse(body, 128);
    let _ = plaintext::parse(body);
    for wrapping in &wrapping {
        let header = BlobHeader {
            blob_type: SYMMETRICWRAPKEYBLOB,
            version: 2,
            algorithm: wrapping.algorithm(),
        };
        let body = [&header.algorithm.0.to_le_bytes()[..], body].concat();
        let _ = wrap::parse(&body, header.algorithm, wrapping);
        // The ALG_ID and whole blocks.
        let whole = 4 + (body.len() - 4) / 8 * 8;
        let _ = wrap::parse(&body[..whole], header.algorithm, wrapping);
    }
}
