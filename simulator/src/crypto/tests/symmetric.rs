//! Symmetric keys, ciphers, MACs and hashes against OpenSSL and the RFCs.

use ncore::Status;
use ncore::types::{
    CipherText, IV, KeyData, KeyGenParams, KeyType, KeyTypeDES2Data, KeyTypeDES3Data,
    KeyTypeDESData, KeyTypeData, KeyTypeGenParams, KeyTypeRandomData, KeyTypeRandomGenParams, Mech,
    MechArcFourpNONECipher, MechCipher, MechGeneric64Cipher, MechGeneric64IV,
    MechGeneric64MACCipher, MechGeneric64MACIV, MechGeneric128Cipher, MechGeneric128IV,
    MechGeneric128MACCipher, MechGeneric128MACIV, MechIV, PlainText, PlainTextType,
    PlainTextTypeBignumData, PlainTextTypeData,
};
use proptest::prelude::*;

use super::super::testing::{ENGINES, Scripted, bytes, hex, rng, rsa_1024};
use super::super::{KeyMaterial, decrypt, encrypt, generate_key, hash, sign, verify};

/// One line of the vectors.
pub(super) struct Vector {
    pub(super) mech: Mech,
    pub(super) mac: Option<Mech>,
    pub(super) key: KeyMaterial,
    pub(super) iv: Vec<u8>,
    pub(super) plain: Vec<u8>,
    pub(super) result: Vec<u8>,
}

pub(super) fn vectors() -> Vec<Vector> {
    let lines = include_str!("openssl-ciphers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines.map(vector).collect()
}

fn vector(line: &str) -> Vector {
    let words: Vec<&str> = line.split(' ').collect();
    let (mech, mac) = match words[0] {
        "des-ecb" => (Mech::DESmECBpPKCS5, None),
        "des-ede" => (Mech::DES2mECBpPKCS5, None),
        "des-ede3" => (Mech::DES3mECBpPKCS5, None),
        "des-ecb-nopad" => (Mech::DESmECBpNONE, None),
        "des-ede-nopad" => (Mech::DES2mECBpNONE, None),
        "des-ede3-nopad" => (Mech::DES3mECBpNONE, None),
        "des-cbc" => (Mech::DESmCBCi64pPKCS5, Some(Mech::DESmCBCMACi64pPKCS5)),
        "des-ede-cbc" => (Mech::DES2mCBCi64pPKCS5, Some(Mech::DES2mCBCMACi64pPKCS5)),
        "des-ede3-cbc" => (Mech::DES3mCBCi64pPKCS5, Some(Mech::DES3mCBCMACi64pPKCS5)),
        "des-cbc-nopad" => (Mech::DESmCBCpNONE, None),
        "des-ede-cbc-nopad" => (Mech::DES2mCBCpNONE, None),
        "des-ede3-cbc-nopad" => (Mech::DES3mCBCpNONE, None),
        "rc4" | "rc4-40" => (Mech::ArcFourpNONE, None),
        aes => match aes
            .split_once('-')
            .and_then(|(_, rest)| rest.split_once('-'))
            .map(|(_, mode)| mode)
        {
            Some("ecb") => (Mech::RijndaelmECBpPKCS5, None),
            Some("ecb-nopad") => (Mech::RijndaelmECBpNONE, None),
            Some("cbc") => (
                Mech::RijndaelmCBCi128pPKCS5,
                Some(Mech::RijndaelmCBCMACi128pPKCS5),
            ),
            Some("cbc-nopad") => (Mech::RijndaelmCBCpNONE, None),
            other => panic!("no such cipher: {other:?}"),
        },
    };
    let key_type = match words[0].split('-').take(2).collect::<Vec<_>>()[..] {
        ["des", "ecb" | "cbc"] => KeyType::DES,
        ["des", "ede"] => KeyType::DES2,
        ["des", "ede3"] => KeyType::DES3,
        ["aes", _] => KeyType::Rijndael,
        _ => KeyType::ArcFour,
    };
    let iv = if words[2] == "-" {
        Vec::new()
    } else {
        hex(words[2])
    };
    Vector {
        mech,
        mac,
        key: key(key_type, &hex(words[1])),
        iv,
        plain: hex(words[3]),
        result: hex(words[4]),
    }
}

pub(super) fn try_key(type_: KeyType, k: &[u8]) -> Result<KeyMaterial, Status> {
    let data = match type_ {
        KeyType::DES => KeyTypeData::DES(KeyTypeDESData {
            k: k.try_into().expect("8 bytes"),
        }),
        KeyType::DES2 => KeyTypeData::DES2(KeyTypeDES2Data {
            k: k.try_into().expect("16 bytes"),
        }),
        KeyType::DES3 => KeyTypeData::DES3(KeyTypeDES3Data {
            k: k.try_into().expect("24 bytes"),
        }),
        _ => KeyTypeData::Random(KeyTypeRandomData { k: k.to_vec() }),
    };
    KeyMaterial::import(ENGINES[0], &KeyData { type_, data })
}

pub(super) fn key(type_: KeyType, k: &[u8]) -> KeyMaterial {
    try_key(type_, k).expect("a good key")
}

/// The initialisation vector of an encryption as the mechanism carries it.
pub(super) fn encryption_iv(iv: &[u8]) -> MechIV {
    match iv.len() {
        0 => MechIV::Empty,
        8 => MechIV::Generic64(MechGeneric64IV {
            iv: iv.try_into().expect("8 bytes"),
        }),
        _ => MechIV::Generic128(MechGeneric128IV {
            iv: iv.try_into().expect("16 bytes"),
        }),
    }
}

fn encrypted(vector: &Vector) -> CipherText {
    let cipher = vector.result.clone();
    let data = match (vector.mech, vector.key.key_type()) {
        (Mech::ArcFourpNONE, _) => MechCipher::ArcFourpNONE(MechArcFourpNONECipher { cipher }),
        (_, KeyType::Rijndael) => MechCipher::Generic128(MechGeneric128Cipher { cipher }),
        _ => MechCipher::Generic64(MechGeneric64Cipher { cipher }),
    };
    CipherText {
        mech: vector.mech,
        data,
        iv: encryption_iv(&vector.iv),
    }
}

#[test]
fn ciphers_agree_with_openssl() {
    let engine = ENGINES[0];
    let vectors = vectors();
    assert_eq!(vectors.len(), 26);
    for vector in vectors {
        let (mech, expected) = (vector.mech, encrypted(&vector));
        let iv = IV {
            mech,
            iv: encryption_iv(&vector.iv),
        };
        let made = encrypt(
            engine,
            &mut rng(1),
            &vector.key,
            mech,
            &bytes(&vector.plain),
            Some(&iv),
        );
        assert_eq!(made, Ok(expected.clone()), "{mech}");
        let back = decrypt(engine, &vector.key, mech, &expected, PlainTextType::Bytes);
        assert_eq!(back, Ok(bytes(&vector.plain)), "{mech}");
    }
}

#[test]
fn cbc_mac_is_the_last_block_of_cbc() {
    let engine = ENGINES[0];
    let mut seen = 0;
    for vector in vectors() {
        let Some(mech) = vector.mac else { continue };
        seen += 1;
        let block = vector.iv.len();
        let last = &vector.result[vector.result.len() - block..];
        let (data, iv) = if block == 8 {
            (
                MechCipher::Generic64MAC(MechGeneric64MACCipher {
                    mac: last.try_into().expect("8 bytes"),
                }),
                MechIV::Generic64MAC(MechGeneric64MACIV {
                    iv: vector.iv[..].try_into().expect("8 bytes"),
                }),
            )
        } else {
            (
                MechCipher::Generic128MAC(MechGeneric128MACCipher {
                    mac: last.try_into().expect("16 bytes"),
                }),
                MechIV::Generic128MAC(MechGeneric128MACIV {
                    iv: vector.iv[..].try_into().expect("16 bytes"),
                }),
            )
        };
        let expected = CipherText {
            mech,
            data,
            iv: iv.clone(),
        };
        let given = IV { mech, iv };
        let made = sign(
            engine,
            &mut rng(1),
            &vector.key,
            mech,
            &bytes(&vector.plain),
            Some(&given),
        );
        assert_eq!(made, Ok(expected.clone()), "{mech}");
        assert_eq!(
            verify(engine, &vector.key, mech, &bytes(&vector.plain), &expected),
            Ok(())
        );
        let refused = verify(engine, &vector.key, mech, &bytes(b"other"), &expected);
        assert_eq!(refused, Err(Status::VerifyFailed));
    }
    assert_eq!(seen, 6);
}

/// FIPS 113 (withdrawn), appendix 2, data authentication algorithm: DES CBC-MAC from zeros over whole blocks.
#[test]
fn mac_from_zeros_is_that_of_fips_113() {
    let key = key(KeyType::DES, &hex("0123456789abcdef"));
    let data = bytes(b"7654321 Now is the time for \0\0\0\0");
    let made = sign(
        ENGINES[0],
        &mut rng(1),
        &key,
        Mech::DESmCBCMACi0pNONE,
        &data,
        None,
    )
    .expect("whole blocks");
    let mac = hex("f1d30f6849312ca4").try_into().expect("8 bytes");
    assert_eq!(
        made.data,
        MechCipher::Generic64MAC(MechGeneric64MACCipher { mac })
    );
    assert_eq!(made.iv, MechIV::Empty);
    let refused = sign(
        ENGINES[0],
        &mut rng(1),
        &key,
        Mech::DESmCBCMACi0pNONE,
        &bytes(b"7654321"),
        None,
    );
    assert_eq!(refused, Err(Status::InvalidData));
    let refused = sign(
        ENGINES[0],
        &mut rng(1),
        &key,
        Mech::DESmCBCMACi0pNONE,
        &bytes(b""),
        None,
    );
    assert_eq!(refused, Err(Status::InvalidData));
}

/// RFC 2202 and RFC 4231, test case 2.
#[test]
fn hmacs_are_those_of_the_rfcs() {
    let cases = [
        (KeyType::HMACMD5, Mech::HMACMD5, "750c783e6ab0b503eaa86e310a5db738"),
        (KeyType::HMACSHA1, Mech::HMACSHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (KeyType::HMACSHA224, Mech::HMACSHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
        (
            KeyType::HMACSHA256,
            Mech::HMACSHA256,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            KeyType::HMACSHA384,
            Mech::HMACSHA384,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            KeyType::HMACSHA512,
            Mech::HMACSHA512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd
             caeab1a34d4a6b4b636e070a38bce737",
        ),
    ];
    let data = bytes(b"what do ya want for nothing?");
    for (type_, mech, expected) in cases {
        let key = key(type_, b"Jefe");
        let made = sign(ENGINES[0], &mut rng(1), &key, Mech::Any, &data, None).expect("signs");
        assert_eq!(made.mech, mech);
        assert!(
            format!("{:?}", made.data).contains(&format!("{:?}", hex(expected))),
            "{mech}"
        );
        assert_eq!(verify(ENGINES[0], &key, mech, &data, &made), Ok(()));
        assert_eq!(
            verify(ENGINES[0], &key, mech, &bytes(b""), &made),
            Err(Status::VerifyFailed)
        );
    }
    let key = key(KeyType::HMACSHA1, b"Jefe");
    let refused = sign(ENGINES[0], &mut rng(1), &key, Mech::HMACSHA256, &data, None);
    assert_eq!(refused, Err(Status::TypeMismatch));
}

/// RFC 1321 and FIPS 180-4: the digests of "abc".
#[test]
fn hashes_are_those_of_the_standards() {
    let cases = [
        (Mech::MD5Hash, "900150983cd24fb0d6963f7d28e17f72"),
        (Mech::SHA1Hash, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Mech::SHA224Hash, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Mech::SHA256Hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Mech::SHA384Hash,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Mech::SHA512Hash,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd
             454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (mech, expected) in cases {
        let made = hash(mech, &bytes(b"abc")).expect("known");
        assert_eq!(made.mech, mech);
        assert!(
            format!("{:?}", made.data).contains(&format!("{:?}", hex(expected))),
            "{mech}"
        );
    }
    assert_eq!(
        hash(Mech::TigerHash, &bytes(b"abc")),
        Err(Status::UnknownMechanism)
    );
    assert_eq!(
        hash(Mech::Any, &bytes(b"abc")),
        Err(Status::UnknownMechanism)
    );
    let data = PlainTextTypeData::Bignum(PlainTextTypeBignumData::default());
    let number = PlainText {
        type_: PlainTextType::Bignum,
        data,
    };
    assert_eq!(hash(Mech::SHA1Hash, &number), Err(Status::TypeMismatch));
}

fn generated(type_: KeyType, lenbytes: Option<u32>, seed: u64) -> Result<KeyMaterial, Status> {
    let params = match lenbytes {
        Some(lenbytes) => KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
        None => KeyTypeGenParams::Empty,
    };
    generate_key(ENGINES[0], &KeyGenParams { type_, params }, &mut rng(seed))
}

#[test]
fn keys_have_the_lengths_of_their_types() {
    let good = [
        (KeyType::DES, None, 64),
        (KeyType::DES2, None, 128),
        (KeyType::DES3, None, 192),
        (KeyType::Rijndael, Some(16), 128),
        (KeyType::Rijndael, Some(24), 192),
        (KeyType::Rijndael, Some(32), 256),
        (KeyType::ArcFour, Some(5), 40),
        (KeyType::ArcFour, Some(256), 2048),
        (KeyType::HMACSHA512, Some(64), 512),
        (KeyType::Random, Some(1), 8),
    ];
    for (type_, lenbytes, bits) in good {
        let key = generated(type_, lenbytes, 1).expect("supported");
        assert_eq!(
            (key.key_type(), key.length_bits(), key.is_private()),
            (type_, bits, false)
        );
        assert_eq!(
            key.to_key_data(),
            generated(type_, lenbytes, 1)
                .expect("supported")
                .to_key_data()
        );
        assert_ne!(
            key.hash(),
            generated(type_, lenbytes, 2).expect("supported").hash()
        );
        KeyMaterial::import(ENGINES[0], &key.to_key_data()).expect("a good key");
    }
    let bad = [
        (KeyType::Rijndael, Some(0)),
        (KeyType::Rijndael, Some(17)),
        (KeyType::Rijndael, Some(u32::MAX)),
        (KeyType::ArcFour, Some(0)),
        (KeyType::ArcFour, Some(257)),
        (KeyType::HMACMD5, Some(0)),
        (KeyType::Random, Some(0)),
        (KeyType::Random, Some(u32::MAX)),
    ];
    for (type_, lenbytes) in bad {
        assert_eq!(
            generated(type_, lenbytes, 1).err(),
            Some(Status::InvalidParameter),
            "{type_}"
        );
    }
    for (type_, lenbytes) in [
        (KeyType::Blowfish, Some(16)),
        (KeyType::Any, None),
        (KeyType::Wrapped, Some(8)),
    ] {
        assert_eq!(
            generated(type_, lenbytes, 1).err(),
            Some(Status::UnknownParameter),
            "{type_}"
        );
    }
    assert_eq!(
        try_key(KeyType::Rijndael, &[1; 20]).err(),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        try_key(KeyType::ArcFour, &[]).err(),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        try_key(KeyType::CAST, &[1; 16]).err(),
        Some(Status::UnknownParameter)
    );
}

#[test]
fn generated_des_keys_have_odd_parity_and_are_not_weak() {
    for (type_, seed) in [KeyType::DES, KeyType::DES2, KeyType::DES3]
        .into_iter()
        .flat_map(|t| (0..50).map(move |s| (t, s)))
    {
        let key = generated(type_, None, seed)
            .expect("supported")
            .to_key_data();
        let bytes = match key.data {
            KeyTypeData::DES(key) => key.k.to_vec(),
            KeyTypeData::DES2(key) => key.k.to_vec(),
            KeyTypeData::DES3(key) => key.k.to_vec(),
            other => panic!("no DES key: {other:?}"),
        };
        assert!(bytes.iter().all(|byte| byte.count_ones() % 2 == 1));
        // FIPS 74 lists the weak and semi-weak keys: they are made of these four bytes alone.
        assert!(!bytes.chunks(8).any(|part| {
            part.iter()
                .all(|byte| [0x01, 0xfe, 0x1f, 0xe0, 0x0e, 0xf1].contains(byte))
        }));
    }
}

/// A weak, a semi-weak and a possibly weak key are drawn and thrown away; then the parity of a good one is set.
#[test]
fn weak_des_keys_are_drawn_again() {
    let drawn = [
        "0000000000000000",
        "e11ee11ef00ef00e",
        "1f1f01010e0e0101",
        "1022446688aaccee",
    ]
    .concat();
    let params = KeyGenParams {
        type_: KeyType::DES,
        params: KeyTypeGenParams::Empty,
    };
    let key =
        generate_key(ENGINES[0], &params, &mut Scripted(hex(&drawn))).expect("the fourth is good");
    let KeyTypeData::DES(key) = key.to_key_data().data else {
        panic!("a DES key")
    };
    assert_eq!(key.k.to_vec(), hex("1023456789abcdef"));
}

#[test]
fn type_and_value_must_go_together() {
    let random = KeyTypeData::Random(KeyTypeRandomData { k: vec![1; 16] });
    for (type_, data) in [
        (KeyType::DES2, random.clone()),
        (KeyType::RSAPrivate, random),
        (
            KeyType::Rijndael,
            KeyTypeData::DES2(KeyTypeDES2Data { k: [1; 16] }),
        ),
        (KeyType::DSAComm, KeyTypeData::Empty),
    ] {
        let refused = KeyMaterial::import(ENGINES[0], &KeyData { type_, data });
        assert_eq!(refused.err(), Some(Status::UnknownParameter), "{type_}");
    }
}

#[test]
fn missing_initialisation_vector_is_drawn_and_travels() {
    let key = key(KeyType::Rijndael, &[7; 16]);
    let engine = ENGINES[0];
    let made = |seed| {
        encrypt(
            engine,
            &mut rng(seed),
            &key,
            Mech::Any,
            &bytes(b"data"),
            None,
        )
        .expect("encrypts")
    };
    let (one, two) = (made(1), made(2));
    assert_eq!(one.mech, Mech::RijndaelmCBCi128pPKCS5);
    assert_ne!(one.iv, two.iv);
    assert_eq!(one, made(1));
    for cipher in [one, two] {
        assert_eq!(
            decrypt(engine, &key, Mech::Any, &cipher, PlainTextType::Bytes),
            Ok(bytes(b"data"))
        );
    }
    let mac = sign(engine, &mut rng(3), &key, Mech::Any, &bytes(b"data"), None).expect("signs");
    assert_eq!(mac.mech, Mech::RijndaelmCBCMACi128pPKCS5);
    assert_eq!(
        verify(engine, &key, Mech::Any, &bytes(b"data"), &mac),
        Ok(())
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let engine = ENGINES[0];
    let aes = key(KeyType::Rijndael, &[7; 16]);
    let made = |key, mech, iv: Option<IV>| {
        encrypt(
            engine,
            &mut rng(1),
            key,
            mech,
            &bytes(b"12345678"),
            iv.as_ref(),
        )
        .err()
    };
    let iv = |mech| {
        Some(IV {
            mech,
            iv: encryption_iv(&[1; 8]),
        })
    };
    assert_eq!(
        made(&aes, Mech::DESmECBpNONE, None),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        made(&aes, Mech::RijndaelmECBpNONE, None),
        Some(Status::EncryptFailed),
        "half a block"
    );
    assert_eq!(
        made(&aes, Mech::RijndaelmCBCMACi0pPKCS5, None),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        made(&aes, Mech::SHA1Hash, None),
        Some(Status::UnknownMechanism)
    );
    assert_eq!(
        made(&aes, Mech::RijndaelmCBCpNONE, iv(Mech::DESmCBCpNONE)),
        Some(Status::MechanismNotExpected)
    );
    assert_eq!(
        made(
            &aes,
            Mech::RijndaelmCBCi128pPKCS5,
            iv(Mech::RijndaelmCBCi128pPKCS5)
        ),
        Some(Status::TypeMismatch)
    );
    assert_eq!(
        made(rsa_1024(), Mech::RijndaelmECBpPKCS5, None),
        Some(Status::TypeMismatch)
    );
    let random = key(KeyType::Random, &[7; 16]);
    assert_eq!(made(&random, Mech::Any, None), Some(Status::UnknownDefault));
    let refused = sign(engine, &mut rng(1), &random, Mech::Any, &bytes(b""), None);
    assert_eq!(refused, Err(Status::UnknownDefault));
    let refused = sign(
        engine,
        &mut rng(1),
        &key(KeyType::ArcFour, &[1; 5]),
        Mech::Any,
        &bytes(b""),
        None,
    );
    assert_eq!(refused, Err(Status::UnknownDefault));
}

#[test]
fn bad_padding_and_broken_blocks_are_reported() {
    let key = key(KeyType::Rijndael, &[7; 16]);
    let engine = ENGINES[0];
    // Encrypted without padding, so that the last block can be anything.
    let attempt = |block: &[u8]| {
        let made = encrypt(
            engine,
            &mut rng(1),
            &key,
            Mech::RijndaelmECBpNONE,
            &bytes(block),
            None,
        )
        .expect("whole");
        let cipher = CipherText {
            mech: Mech::RijndaelmECBpPKCS5,
            ..made
        };
        decrypt(engine, &key, Mech::Any, &cipher, PlainTextType::Bytes)
    };
    assert_eq!(attempt(&[16; 16]), Ok(bytes(&[])));
    assert_eq!(attempt(&[&[9; 15][..], &[1]].concat()), Ok(bytes(&[9; 15])));
    for bad in [[0; 16], [17; 16], [255; 16]] {
        assert_eq!(attempt(&bad), Err(Status::DecryptFailed));
    }
    assert_eq!(
        attempt(&[&[9; 14][..], &[1, 2]].concat()),
        Err(Status::DecryptFailed)
    );
    assert_eq!(attempt(&[]), Err(Status::DecryptFailed));
    let data = MechCipher::Generic128(MechGeneric128Cipher {
        cipher: vec![1; 15],
    });
    for mech in [Mech::RijndaelmECBpPKCS5, Mech::RijndaelmECBpNONE] {
        let cipher = CipherText {
            mech,
            data: data.clone(),
            iv: MechIV::Empty,
        };
        let result = decrypt(engine, &key, mech, &cipher, PlainTextType::Bytes);
        assert_eq!(result, Err(Status::DecryptFailed), "{mech}");
    }
}

proptest! {
    #[test]
    fn every_cipher_undoes_itself(index in 0usize..26, blocks in 0usize..6, rest in 0usize..16, seed in any::<u64>()) {
        let vector = &vectors()[index];
        let padded = vector.result.len() != vector.plain.len();
        let free = padded || vector.mech == Mech::ArcFourpNONE;
        let plain = vec![seed as u8; 16 * blocks + if free { rest } else { 0 }];
        let made = encrypt(ENGINES[0], &mut rng(seed), &vector.key, vector.mech, &bytes(&plain), None).expect("fits");
        prop_assert_eq!(decrypt(ENGINES[0], &vector.key, vector.mech, &made, PlainTextType::Bytes), Ok(bytes(&plain)));
    }

    #[test]
    fn no_ciphertext_makes_decryption_panic(index in 0usize..26, cipher in proptest::collection::vec(any::<u8>(), 0..70)) {
        let vector = &vectors()[index];
        for data in [
            MechCipher::Generic64(MechGeneric64Cipher { cipher: cipher.clone() }),
            MechCipher::Generic128(MechGeneric128Cipher { cipher: cipher.clone() }),
            MechCipher::Empty,
        ] {
            for iv in [MechIV::Empty, encryption_iv(&[1; 8]), encryption_iv(&[1; 16])] {
                let cipher = CipherText { mech: vector.mech, data: data.clone(), iv };
                // The result does not matter here, only that there is one.
                let _ = decrypt(ENGINES[0], &vector.key, vector.mech, &cipher, PlainTextType::Bytes);
            }
        }
    }
}
