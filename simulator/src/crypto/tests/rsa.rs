//! RSA: generation, hashes, signatures and encryption against OpenSSL and the `rsa` crate.

use std::collections::HashMap;
use std::sync::LazyLock;

use engine::Engine;
use ncore::Status;
use ncore::types::{
    Bignum, CipherText, IV, KeyData, KeyGenParams, KeyHashMech, KeyType, KeyTypeData,
    KeyTypeGenParams, KeyTypeRSAPrivateData, KeyTypeRSAPrivateGenParams, Mech, MechCipher, MechIV,
    MechRSApPKCS1Cipher, MechRSApPKCS1OAEPIV, PlainText, PlainTextType, PlainTextTypeBignumData,
    PlainTextTypeData, PlainTextTypeHashData,
};
use proptest::prelude::*;

use super::super::testing::{ENGINES, bytes, hex, rng, rsa_1024, rsa_params};
use super::super::{KeyMaterial, decrypt, encrypt, generate_key_pair, sign, verify};

static VECTORS: LazyLock<HashMap<&str, Vec<u8>>> = LazyLock::new(|| {
    let lines = include_str!("openssl-rsa1024.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, value)| (name, hex(value)))
        .collect()
});

const MESSAGE: &[u8] = b"softshield";

const HASHED: [(&str, Mech); 6] = [
    ("md5", Mech::RSAhMD5pPKCS1),
    ("sha1", Mech::RSAhSHA1pPKCS1),
    ("sha224", Mech::RSAhSHA224pPKCS1),
    ("sha256", Mech::RSAhSHA256pPKCS1),
    ("sha384", Mech::RSAhSHA384pPKCS1),
    ("sha512", Mech::RSAhSHA512pPKCS1),
];

fn vector_data() -> KeyTypeRSAPrivateData {
    let number = |name| Bignum::from_be(&VECTORS[name]);
    KeyTypeRSAPrivateData {
        p: number("p"),
        q: number("q"),
        dmp1: number("dmp1"),
        dmq1: number("dmq1"),
        iqmp: number("iqmp"),
        e: number("e"),
    }
}

fn import(engine: &dyn Engine, data: KeyTypeRSAPrivateData) -> Result<KeyMaterial, Status> {
    KeyMaterial::import(
        engine,
        &KeyData {
            type_: KeyType::RSAPrivate,
            data: KeyTypeData::RSAPrivate(data),
        },
    )
}

fn vector_key(engine: &dyn Engine) -> KeyMaterial {
    import(engine, vector_data()).expect("a good key")
}

fn cipher(mech: Mech, value: &[u8], iv: MechIV) -> CipherText {
    CipherText {
        mech,
        data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_be(value),
        }),
        iv,
    }
}

fn number(value: &[u8]) -> PlainText {
    let data = PlainTextTypeData::Bignum(PlainTextTypeBignumData {
        m: Bignum::from_be(value),
    });
    PlainText {
        type_: PlainTextType::Bignum,
        data,
    }
}

fn sha1_of_message() -> PlainText {
    let digest = <sha1::Sha1 as sha1::Digest>::digest(MESSAGE);
    let data = PlainTextTypeData::Hash(PlainTextTypeHashData {
        data: digest.into(),
    });
    PlainText {
        type_: PlainTextType::Hash,
        data,
    }
}

/// The signature must be OpenSSL's, with either engine, and verify.
fn check_signature(mech: Mech, data: &PlainText, expected: &[u8]) {
    for engine in ENGINES {
        let key = vector_key(engine);
        let made = sign(engine, &mut rng(1), &key, mech, data, None).expect("signs");
        assert_eq!(made, cipher(mech, expected, MechIV::Empty), "{mech}");
        let public = key.public().expect("has a public half");
        assert_eq!(verify(engine, &public, mech, data, &made), Ok(()), "{mech}");
    }
}

#[test]
fn signatures_are_those_of_openssl() {
    for (hash, mech) in HASHED {
        check_signature(
            mech,
            &bytes(MESSAGE),
            &VECTORS[&*format!("signature-{hash}")],
        );
    }
    check_signature(
        Mech::RSApPKCS1,
        &bytes(MESSAGE),
        &VECTORS["signature-bytes"],
    );
    check_signature(
        Mech::RSApPKCS1,
        &number(&VECTORS["raw-input"]),
        &VECTORS["raw-output"],
    );
}

#[test]
fn digest_in_the_plain_text_gives_the_signature_of_what_was_hashed() {
    check_signature(
        Mech::RSApPKCS1,
        &sha1_of_message(),
        &VECTORS["signature-sha1"],
    );
    check_signature(
        Mech::RSAhSHA1pPKCS1,
        &sha1_of_message(),
        &VECTORS["signature-sha1"],
    );
    let refused = sign(
        ENGINES[0],
        &mut rng(1),
        rsa_1024(),
        Mech::RSAhSHA256pPKCS1,
        &sha1_of_message(),
        None,
    );
    assert_eq!(refused, Err(Status::TypeMismatch));
}

#[test]
fn key_hash_is_the_hash_of_the_published_material() {
    // Computed with Python's hashlib from the table in PROTOCOL: "nFast KeyHash\0RSA00\0" B(e) B(n) "invented by
    // nCipher 1997\0" for the key of the vectors.
    let sha1 = hex("1a94bed914a0a40f679d32d89c20a0551c1d0975");
    let sha256 = hex("92a17108eba2b25b680cdf7d7915d30bde3ff57f02252963d199ce1decf8e88a");
    let sha512 = hex(
        "1ba71a7219b97ab3124c3843a0acd46db6d2b549ad78bfd2197d62be158a737f fbcceee85284850d94246ee2038a2f995b1b9c16ab5b71935d2bc71e81e223b5",
    );
    let key = vector_key(ENGINES[0]);
    let public = key.public().expect("has a public half");
    for key in [&key, &public] {
        assert_eq!(key.hash().to_vec(), sha1);
        assert_eq!(key.length_bits(), 1024);
        let encoded = |mech| format!("{:?}", key.hash_ex(mech).expect("known").data);
        assert!(encoded(KeyHashMech::SHA1Hash).contains(&format!("{sha1:?}")));
        assert!(encoded(KeyHashMech::SHA256Hash).contains(&format!("{sha256:?}")));
        assert!(encoded(KeyHashMech::SHA512Hash).contains(&format!("{sha512:?}")));
        assert_eq!(key.hash_ex(KeyHashMech(1)), Err(Status::UnknownMechanism));
    }
    assert_eq!(public.key_type(), KeyType::RSAPublic);
}

#[test]
fn decrypts_what_openssl_encrypted() {
    let label = |p: &[u8]| MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV { p: p.to_vec() });
    let cases = [
        ("cipher-pkcs1", Mech::RSApPKCS1, MechIV::Empty),
        ("cipher-oaep-sha1", Mech::RSApPKCS1OAEP, label(b"")),
        (
            "cipher-oaep-label-sha1",
            Mech::RSApPKCS1OAEP,
            label(b"label"),
        ),
        (
            "cipher-oaep-label-sha224",
            Mech::RSApPKCS1OAEPhSHA224,
            label(b"label"),
        ),
        (
            "cipher-oaep-label-sha256",
            Mech::RSApPKCS1OAEPhSHA256,
            label(b"label"),
        ),
        (
            "cipher-oaep-label-sha384",
            Mech::RSApPKCS1OAEPhSHA384,
            label(b"label"),
        ),
    ];
    for engine in ENGINES {
        let key = vector_key(engine);
        for (name, mech, iv) in cases.clone() {
            let cipher = cipher(mech, &VECTORS[name], iv);
            let plain = decrypt(engine, &key, mech, &cipher, PlainTextType::Bytes);
            assert_eq!(plain, Ok(bytes(MESSAGE)), "{name}");
            // The mechanism may be left to the ciphertext, and must not be another.
            assert_eq!(
                decrypt(engine, &key, Mech::Any, &cipher, PlainTextType::Bytes),
                Ok(bytes(MESSAGE))
            );
            let other = decrypt(
                engine,
                &key,
                Mech::RSAhMD5pPKCS1,
                &cipher,
                PlainTextType::Bytes,
            );
            assert_eq!(other, Err(Status::MechanismNotExpected));
        }
        let wrong = cipher(
            Mech::RSApPKCS1OAEP,
            &VECTORS["cipher-oaep-label-sha1"],
            label(b"lable"),
        );
        let refused = decrypt(
            engine,
            &key,
            Mech::RSApPKCS1OAEP,
            &wrong,
            PlainTextType::Bytes,
        );
        assert_eq!(refused, Err(Status::DecryptFailed));
    }
}

#[test]
fn raw_decryption_gives_the_number() {
    for engine in ENGINES {
        let key = vector_key(engine);
        let cipher = cipher(Mech::RSApPKCS1, &VECTORS["raw-input"], MechIV::Empty);
        let plain = decrypt(
            engine,
            &key,
            Mech::RSApPKCS1,
            &cipher,
            PlainTextType::Bignum,
        );
        assert_eq!(plain, Ok(number(&VECTORS["raw-output"])));
        let public = key.public().expect("has a public half");
        let back = encrypt(
            engine,
            &mut rng(1),
            &public,
            Mech::RSApPKCS1,
            &number(&VECTORS["raw-output"]),
            None,
        );
        assert_eq!(back, Ok(cipher));
    }
}

#[test]
fn bad_padding_is_reported() {
    let key = vector_key(ENGINES[0]);
    let public = key.public().expect("has a public half");
    let good = [&[0, 2][..], &[0x55; 8], &[0], &[7; 117]].concat();
    let padded = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut input = good.clone();
        change(&mut input);
        let cipher = encrypt(
            ENGINES[0],
            &mut rng(1),
            &public,
            Mech::RSApPKCS1,
            &number(&input),
            None,
        )
        .expect("fits");
        decrypt(
            ENGINES[0],
            &key,
            Mech::RSApPKCS1,
            &cipher,
            PlainTextType::Bytes,
        )
    };
    assert_eq!(padded(&|_| ()), Ok(bytes(&[7; 117])));
    assert_eq!(
        padded(&|input| input[10] = 1),
        Err(Status::DecryptFailed),
        "no zero after the filling"
    );
    assert_eq!(
        padded(&|input| input[9] = 0),
        Err(Status::DecryptFailed),
        "filling of seven bytes"
    );
    assert_eq!(
        padded(&|input| input[1] = 1),
        Err(Status::DecryptFailed),
        "block type one"
    );
    assert_eq!(
        padded(&|input| input[0] = 1),
        Err(Status::DecryptFailed),
        "first byte not zero"
    );
    // A hash type takes its own length and no other.
    let cipher = cipher(Mech::RSApPKCS1, &VECTORS["cipher-pkcs1"], MechIV::Empty);
    let refused = decrypt(
        ENGINES[0],
        &key,
        Mech::RSApPKCS1,
        &cipher,
        PlainTextType::Hash,
    );
    assert_eq!(refused, Err(Status::DecryptFailed));
    let refused = decrypt(
        ENGINES[0],
        &key,
        Mech::RSApPKCS1,
        &cipher,
        PlainTextType::ECPoint,
    );
    assert_eq!(refused, Err(Status::InvalidParameter));
}

#[test]
fn wrong_signatures_are_refused() {
    let key = vector_key(ENGINES[0]);
    let public = key.public().expect("has a public half");
    for engine in ENGINES {
        let refused = |value: &[u8], data: &[u8]| {
            let signature = cipher(Mech::RSAhSHA256pPKCS1, value, MechIV::Empty);
            assert_eq!(
                verify(
                    engine,
                    &public,
                    Mech::RSAhSHA256pPKCS1,
                    &bytes(data),
                    &signature
                ),
                Err(Status::VerifyFailed)
            );
        };
        let good = VECTORS["signature-sha256"].clone();
        refused(&good, b"softshields");
        let mut changed = good.clone();
        changed[60] ^= 1;
        refused(&changed, MESSAGE);
        refused(&VECTORS["signature-sha1"], MESSAGE);
        refused(&[0xff; 128], MESSAGE);
        refused(&[0xff; 200], MESSAGE);
        refused(&[], MESSAGE);
    }
}

#[test]
fn data_too_long_for_the_key_are_refused() {
    let key = vector_key(ENGINES[0]);
    let public = key.public().expect("has a public half");
    let sign = |data| sign(ENGINES[0], &mut rng(1), &key, Mech::RSApPKCS1, &data, None).map(|_| ());
    let encrypt =
        |mech, data| encrypt(ENGINES[0], &mut rng(1), &public, mech, &data, None).map(|_| ());
    assert_eq!(sign(bytes(&[1; 117])), Ok(()));
    assert_eq!(sign(bytes(&[1; 118])), Err(Status::InvalidData));
    assert_eq!(sign(number(&[0xff; 128])), Err(Status::OutOfRange));
    assert_eq!(sign(number(&[0xff; 129])), Err(Status::OutOfRange));
    assert_eq!(encrypt(Mech::RSApPKCS1, bytes(&[1; 117])), Ok(()));
    assert_eq!(
        encrypt(Mech::RSApPKCS1, bytes(&[1; 118])),
        Err(Status::EncryptFailed)
    );
    assert_eq!(
        encrypt(Mech::RSApPKCS1, number(&[0xff; 128])),
        Err(Status::OutOfRange)
    );
    assert_eq!(encrypt(Mech::RSApPKCS1OAEP, bytes(&[1; 86])), Ok(()));
    assert_eq!(
        encrypt(Mech::RSApPKCS1OAEP, bytes(&[1; 87])),
        Err(Status::EncryptFailed)
    );
    assert_eq!(
        encrypt(Mech::RSApPKCS1OAEPhSHA512, bytes(&[])),
        Err(Status::EncryptFailed)
    );
}

#[test]
fn mechanism_and_key_must_go_together() {
    let key = rsa_1024();
    let public = key.public().expect("has a public half");
    let engine = ENGINES[0];
    let signed =
        |key, mech| sign(engine, &mut rng(1), key, mech, &bytes(MESSAGE), None).map(|_| ());
    assert_eq!(signed(key, Mech::Any), Ok(()));
    assert_eq!(signed(&public, Mech::RSApPKCS1), Err(Status::TypeMismatch));
    assert_eq!(signed(key, Mech::DSA), Err(Status::TypeMismatch));
    assert_eq!(signed(key, Mech::RSApPKCS1OAEP), Err(Status::TypeMismatch));
    assert_eq!(signed(key, Mech::HMACSHA1), Err(Status::TypeMismatch));
    assert_eq!(signed(key, Mech::ElGamal), Err(Status::UnknownMechanism));
    assert_eq!(signed(key, Mech(0x7777)), Err(Status::UnknownMechanism));
    let iv = IV {
        mech: Mech::RSApPKCS1OAEP,
        iv: MechIV::Empty,
    };
    let given = sign(
        engine,
        &mut rng(1),
        key,
        Mech::RSApPKCS1,
        &bytes(MESSAGE),
        Some(&iv),
    );
    assert_eq!(given, Err(Status::MechanismNotExpected));
    let encrypted = encrypt(
        engine,
        &mut rng(1),
        key,
        Mech::RSApPKCS1,
        &bytes(MESSAGE),
        None,
    );
    assert_eq!(encrypted, Err(Status::TypeMismatch));
}

#[test]
fn same_seed_gives_the_same_key_and_another_seed_another() {
    for lenbits in [384, 392, 512, 520, 1024] {
        let make = |engine: &dyn Engine, seed| {
            generate_key_pair(engine, &rsa_params(lenbits), &mut rng(seed)).expect("supported size")
        };
        let key = make(ENGINES[0], 7);
        assert_eq!(key.to_key_data(), make(ENGINES[1], 7).to_key_data());
        assert_ne!(key.hash(), make(ENGINES[0], 8).hash());
        assert_eq!(key.length_bits(), lenbits);
        assert_eq!(key.pairwise_check(ENGINES[1], &mut rng(3)), Ok(()));
    }
}

#[test]
fn both_engines_sign_alike() {
    let key = rsa_1024();
    let [one, two] = ENGINES.map(|engine| {
        sign(
            engine,
            &mut rng(1),
            key,
            Mech::RSAhSHA1pPKCS1,
            &bytes(MESSAGE),
            None,
        )
    });
    assert!(one.is_ok());
    assert_eq!(one, two);
}

#[test]
fn generated_key_survives_export_and_import() {
    let key = rsa_1024();
    let again = KeyMaterial::import(ENGINES[1], &key.to_key_data()).expect("a good key");
    assert_eq!(again.hash(), key.hash());
    assert_eq!(again.to_key_data(), key.to_key_data());
    let restored = KeyMaterial::restore(ENGINES[1], &key.to_key_data()).expect("a good key");
    assert_eq!(restored.to_key_data(), key.to_key_data());
}

fn generate_with(params: KeyTypeRSAPrivateGenParams) -> Result<KeyMaterial, Status> {
    let params = KeyGenParams {
        type_: KeyType::RSAPrivate,
        params: KeyTypeGenParams::RSAPrivate(params),
    };
    generate_key_pair(ENGINES[0], &params, &mut rng(5))
}

#[test]
fn public_exponent_can_be_chosen() {
    for e in [vec![3], vec![17], vec![1, 0, 0, 0, 0, 0, 0, 0, 13]] {
        let given_e = Some(Bignum::from_be(&e));
        let key = generate_with(KeyTypeRSAPrivateGenParams {
            lenbits: 512,
            given_e,
            ..Default::default()
        });
        let key = key.expect("possible");
        let KeyTypeData::RSAPrivate(data) = key.to_key_data().data else {
            panic!("an RSA key")
        };
        assert_eq!(data.e.to_be(), e);
        assert_eq!(key.pairwise_check(ENGINES[0], &mut rng(1)), Ok(()));
    }
    for e in [vec![], vec![1], vec![2], vec![1, 0, 0], vec![0xff; 32]] {
        let given_e = Some(Bignum::from_be(&e));
        let refused = generate_with(KeyTypeRSAPrivateGenParams {
            lenbits: 512,
            given_e,
            ..Default::default()
        });
        assert_eq!(refused.err(), Some(Status::InvalidParameter), "{e:?}");
    }
}

#[test]
fn sizes_that_rsa_does_not_have_are_refused() {
    for lenbits in [0, 8, 376, 383, 385, 1023, 16_392, u32::MAX] {
        let refused = generate_with(KeyTypeRSAPrivateGenParams {
            lenbits,
            ..Default::default()
        });
        assert_eq!(refused.err(), Some(Status::InvalidParameter), "{lenbits}");
    }
    let refused = generate_with(KeyTypeRSAPrivateGenParams {
        lenbits: 512,
        flags: 8,
        ..Default::default()
    });
    assert_eq!(refused.err(), Some(Status::UnknownFlag));
    let nchecks = Some(257);
    let refused = generate_with(KeyTypeRSAPrivateGenParams {
        lenbits: 512,
        nchecks,
        ..Default::default()
    });
    assert_eq!(refused.err(), Some(Status::InvalidParameter));
}

#[test]
fn checks_and_strong_primes_change_the_key_and_keep_it_good() {
    let plain = KeyTypeRSAPrivateGenParams {
        lenbits: 512,
        ..Default::default()
    };
    let checked = KeyTypeRSAPrivateGenParams {
        nchecks: Some(10),
        ..plain.clone()
    };
    let strong = KeyTypeRSAPrivateGenParams {
        flags: 4,
        ..plain.clone()
    };
    let [plain, checked, strong] =
        [plain, checked, strong].map(|params| generate_with(params).expect("possible"));
    assert_ne!(plain.hash(), strong.hash());
    assert_ne!(plain.hash(), checked.hash());
    for key in [&checked, &strong] {
        assert_eq!(key.length_bits(), 512);
        KeyMaterial::import(ENGINES[0], &key.to_key_data()).expect("a good key");
    }
}

#[test]
fn inconsistent_keys_are_refused_at_import() {
    let change = |change: &dyn Fn(&mut KeyTypeRSAPrivateData)| {
        let mut data = vector_data();
        change(&mut data);
        import(ENGINES[0], data).err()
    };
    let other = |number: &Bignum| {
        let mut bytes = number.to_be();
        bytes[20] ^= 0x10;
        Bignum::from_be(&bytes)
    };
    assert_eq!(change(&|_| ()), None);
    assert_eq!(
        change(&|data| data.dmp1 = other(&data.dmp1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.dmq1 = other(&data.dmq1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.iqmp = other(&data.iqmp)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.e = Bignum::from(4)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.e = Bignum::default()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.q = data.p.clone()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.p = Bignum::default()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        change(&|data| data.p = Bignum::from_be(&[0xff; 4000])),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        change(&|data| data.p = Bignum::from(65_537)),
        Some(Status::InvalidData)
    );
    // The values belong together, but a factor is no prime.
    let composite = |data: &mut KeyTypeRSAPrivateData| {
        data.p = other(&data.p);
        (data.dmp1, data.dmq1, data.iqmp) = Default::default();
    };
    assert_eq!(change(&composite), Some(Status::InvalidData));
}

#[test]
fn missing_crt_values_are_computed() {
    let mut data = vector_data();
    (data.dmp1, data.dmq1, data.iqmp) = Default::default();
    let key = import(ENGINES[0], data).expect("the rest follows from the primes");
    assert_eq!(key.to_key_data(), vector_key(ENGINES[0]).to_key_data());
}

#[test]
fn debug_prints_the_length_only() {
    assert_eq!(
        format!("{:?}", rsa_1024()),
        "KeyMaterial { key_type: RSAPrivate, bits: 1024, .. }"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn encryption_is_undone_by_the_private_half(
        data in proptest::collection::vec(any::<u8>(), 0..=62),
        seed in any::<u64>(),
        mech in prop_oneof![
            Just(Mech::RSApPKCS1), Just(Mech::RSApPKCS1OAEP), Just(Mech::RSApPKCS1OAEPhSHA256)
        ],
    ) {
        let key = rsa_1024();
        let public = key.public().expect("has a public half");
        for engine in ENGINES {
            let cipher = encrypt(engine, &mut rng(seed), &public, mech, &bytes(&data), None).expect("fits");
            prop_assert_eq!(decrypt(engine, key, mech, &cipher, PlainTextType::Bytes), Ok(bytes(&data)));
        }
    }

    #[test]
    fn no_ciphertext_makes_decryption_panic(value in proptest::collection::vec(any::<u8>(), 0..140)) {
        let key = rsa_1024();
        for (mech, iv) in [
            (Mech::RSApPKCS1, MechIV::Empty),
            (Mech::RSApPKCS1OAEP, MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV { p: value.clone() })),
            (Mech::RSApPKCS1OAEP, MechIV::Empty),
        ] {
            let result = decrypt(ENGINES[0], key, mech, &cipher(mech, &value, iv), PlainTextType::Bytes);
            let expected = [Status::DecryptFailed, Status::OutOfRange, Status::TypeMismatch];
            prop_assert!(result.is_err_and(|status| expected.contains(&status)));
        }
    }
}
