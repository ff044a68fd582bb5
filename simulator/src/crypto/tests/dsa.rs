//! DSA: groups, keys and signatures against FIPS 186, OpenSSL and the `dsa` crate.

use std::collections::HashMap;

use ::dsa::{Components, Signature, VerifyingKey};
use crypto_bigint::BoxedUint;
use engine::{Engine, Portable};
use ncore::Status;
use ncore::types::{
    Bignum, CipherText, DSADiscreteLogGroup, DSAGenerationHash, DSAInitValues,
    DSAInitValuesVarSeed, KeyData, KeyGenParams, KeyType, KeyTypeDSACommGenParams,
    KeyTypeDSACommVariableSeedGenParams, KeyTypeDSAPrivateData, KeyTypeDSAPrivateGenParams,
    KeyTypeDSAPublicData, KeyTypeData, KeyTypeGenParams, Mech, MechCipher, MechDSACipher, MechIV,
    PlainText, PlainTextType, PlainTextTypeBignumData, PlainTextTypeData, PlainTextTypeHash32Data,
};
use signature::hazmat::PrehashVerifier;

use super::super::testing::{ENGINES, Scripted, bytes, hex, rng};
use super::super::{KeyMaterial, generate_key, generate_key_pair, hash, sign, verify};

const MESSAGE: &[u8] = b"softshield";

/// One group of the vectors, with its key and a signature.
struct Vector {
    method: String,
    bits: u32,
    hash: String,
    values: HashMap<String, String>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let mut vectors: Vec<Self> = Vec::new();
        for line in include_str!("openssl-dsa.txt").lines() {
            let Some((name, value)) = line.split_once(" = ") else {
                continue;
            };
            if name == "group" {
                let words: Vec<&str> = value.split(' ').collect();
                vectors.push(Self {
                    method: words[0].into(),
                    bits: words[1].parse().expect("a size"),
                    hash: words[2].into(),
                    values: HashMap::new(),
                });
            } else if let Some(vector) = vectors.last_mut() {
                vector.values.insert(name.into(), value.into());
            }
        }
        vectors
    }

    fn number(&self, name: &str) -> Bignum {
        Bignum::from_be(&hex(&self.values[name]))
    }

    fn word(&self, name: &str) -> u32 {
        self.values[name].parse().expect("a number")
    }

    fn group(&self) -> DSADiscreteLogGroup {
        DSADiscreteLogGroup {
            p: self.number("p"),
            q: self.number("q"),
            g: self.number("g"),
        }
    }

    fn private(&self) -> KeyData {
        let data = KeyTypeDSAPrivateData {
            dlg: self.group(),
            x: self.number("x"),
        };
        KeyData {
            type_: KeyType::DSAPrivate,
            data: KeyTypeData::DSAPrivate(data),
        }
    }

    fn mech(&self) -> Mech {
        match &*self.hash {
            "sha1" => Mech::DSA,
            "sha224" => Mech::DSAhSHA224,
            _ => Mech::DSAhSHA256,
        }
    }

    fn hash_mech(&self) -> Mech {
        match &*self.hash {
            "sha1" => Mech::SHA1Hash,
            "sha224" => Mech::SHA224Hash,
            _ => Mech::SHA256Hash,
        }
    }
}

fn signature(mech: Mech, r: Bignum, s: Bignum) -> CipherText {
    CipherText {
        mech,
        data: MechCipher::DSA(MechDSACipher { r, s }),
        iv: MechIV::Empty,
    }
}

fn boxed(number: &Bignum) -> BoxedUint {
    engine::number::from_be(&number.to_be())
}

fn pair(params: KeyTypeDSAPrivateGenParams, seed: u64) -> Result<KeyMaterial, Status> {
    pair_by(ENGINES[0], params, seed)
}

fn pair_by(
    engine: &dyn Engine,
    params: KeyTypeDSAPrivateGenParams,
    seed: u64,
) -> Result<KeyMaterial, Status> {
    let params = KeyGenParams {
        type_: KeyType::DSAPrivate,
        params: KeyTypeGenParams::DSAPrivate(params),
    };
    generate_key_pair(engine, &params, &mut rng(seed))
}

fn group_of(key: &KeyMaterial) -> DSADiscreteLogGroup {
    match key.to_key_data().data {
        KeyTypeData::DSAPrivate(data) => data.dlg,
        KeyTypeData::DSAPublic(data) => data.dlg,
        KeyTypeData::DSAComm(data) => data.dlg,
        KeyTypeData::DSACommVariableSeed(data) => data.dlg,
        other => panic!("no DSA key: {other:?}"),
    }
}

/// FIPS 186 (1994), appendix 5: the group, the key and the signature of "abc", with the numbers that were drawn.
#[test]
fn example_of_the_standard_is_reproduced() {
    let seed: [u8; 20] = hex("d5014e4b 60ef2ba8 b6211b40 62ba3224 e0427dd3")
        .try_into()
        .expect("20 bytes");
    let p = "8df2a494 492276aa 3d25759b b06869cb eac0d83a fb8d0cf7 cbb8324f 0d7882e5 d0762fc5 b7210eaf c2e9adac
             32ab7aac 49693dfb f83724c2 ec0736ee 31c80291";
    let q = "c773218c 737ec8ee 993b4f2d ed30f48e dace915f";
    let g = "626d0278 39ea0a13 413163a5 5b4cb500 299d5522 956cefcb 3bff10f3 99ce2c2e 71cb9de5 fa24babf 58e5b795
             21925c9c c42e9f6f 464b088c c572af53 e6d78802";
    let y = "19131871 d75b1612 a819f29d 78d1b0d7 346f7aa7 7bb62a85 9bfd6c56 75da9d21 2d3a36ef 1672ef66 0b8c7c25
             5cc0ec74 858fba33 f44c0669 9630a76b 030ee333";
    let number = |text: &str| Bignum::from_be(&hex(text));

    let iv = Some(DSAInitValues {
        seed,
        counter: 105,
        h: 2,
    });
    let params = KeyTypeDSACommGenParams {
        flags: 0,
        lenbits: 512,
        iv,
    };
    let params = KeyGenParams {
        type_: KeyType::DSAComm,
        params: KeyTypeGenParams::DSAComm(params),
    };
    let made = generate_key(ENGINES[0], &params, &mut rng(0)).expect("the seed of the standard");
    let dlg = DSADiscreteLogGroup {
        p: number(p),
        q: number(q),
        g: number(g),
    };
    assert_eq!(group_of(&made), dlg);

    let x = number("2070b322 3dba372f de1c0ffc 7b2e3b49 8b260614");
    let data = KeyTypeData::DSAPrivate(KeyTypeDSAPrivateData { dlg, x });
    let key = KeyMaterial::import(
        ENGINES[0],
        &KeyData {
            type_: KeyType::DSAPrivate,
            data,
        },
    )
    .expect("good");
    let KeyTypeData::DSAPublic(public) = key.public().expect("a pair").to_key_data().data else {
        panic!("DSA")
    };
    assert_eq!(public.y, number(y));

    // The nonce is drawn as eight bytes more than needed, reduced modulo q - 1, plus one.
    let k_less_one = [
        vec![0; 8],
        hex("358dad57 1462710f 50e254cf 1a376b2b deaadfbe"),
    ]
    .concat();
    for engine in ENGINES {
        let made = sign(
            engine,
            &mut Scripted(k_less_one.clone()),
            &key,
            Mech::DSA,
            &bytes(b"abc"),
            None,
        );
        let r = number("8bac1ab6 6410435c b7181f95 b16ab97c 92b341c0");
        let s = number("41e2345f 1f56df24 58f426d1 55b4ba2d b6dcd8c8");
        assert_eq!(made, Ok(signature(Mech::DSA, r, s)));
    }
}

#[test]
fn groups_of_openssl_are_made_from_its_seeds() {
    for vector in Vector::all() {
        // The largest one takes too long without optimisation; the same code makes it.
        if vector.bits > 2048 {
            continue;
        }
        let seed = hex(&vector.values["seed"]);
        let (counter, h) = (vector.word("counter"), vector.word("h"));
        let (type_, params) = if vector.method == "fips186_2" {
            let seed = seed.try_into().expect("20 bytes");
            let iv = Some(DSAInitValues { seed, counter, h });
            let params = KeyTypeDSACommGenParams {
                flags: 0,
                lenbits: vector.bits,
                iv,
            };
            (KeyType::DSAComm, KeyTypeGenParams::DSAComm(params))
        } else {
            let iv = Some(DSAInitValuesVarSeed { seed, counter, h });
            let qhash = Some(DSAGenerationHash {
                hash: vector.hash_mech(),
            });
            let params = KeyTypeDSACommVariableSeedGenParams {
                flags: 0,
                lenbits: vector.bits,
                iv,
                qhash,
            };
            (
                KeyType::DSACommVariableSeed,
                KeyTypeGenParams::DSACommVariableSeed(params),
            )
        };
        let made = generate_key(&Portable, &KeyGenParams { type_, params }, &mut rng(0))
            .expect("a good seed");
        assert_eq!(
            group_of(&made),
            vector.group(),
            "{} {}",
            vector.method,
            vector.bits
        );
        assert_eq!(made.length_bits(), vector.bits);
        assert!(!made.is_private());
    }
}

#[test]
fn signatures_of_openssl_verify_and_ours_verify_elsewhere() {
    for vector in Vector::all() {
        let (mech, digest) = (
            vector.mech(),
            hash(vector.hash_mech(), &bytes(MESSAGE)).expect("known"),
        );
        for engine in ENGINES {
            let key = KeyMaterial::restore(engine, &vector.private()).expect("a good key");
            let public = key.public().expect("a pair");
            let KeyTypeData::DSAPublic(data) = public.to_key_data().data else {
                panic!("DSA")
            };
            assert_eq!(data.y, vector.number("y"));
            let theirs = signature(mech, vector.number("r"), vector.number("s"));
            assert_eq!(
                verify(engine, &public, mech, &bytes(MESSAGE), &theirs),
                Ok(())
            );
            assert_eq!(
                verify(engine, &public, mech, &bytes(b"other"), &theirs),
                Err(Status::VerifyFailed)
            );

            let ours = sign(engine, &mut rng(9), &key, mech, &bytes(MESSAGE), None).expect("signs");
            let MechCipher::DSA(body) = &ours.data else {
                panic!("DSA")
            };
            let group = vector.group();
            let components =
                Components::from_components(boxed(&group.p), boxed(&group.q), boxed(&group.g));
            let oracle = VerifyingKey::from_components(components.expect("good"), boxed(&data.y))
                .expect("good");
            let q = engine::number::from_be(&group.q.to_be());
            let fit = |number: &Bignum| {
                engine::number::from_be_like(&number.to_be(), &q).expect("below q")
            };
            let signature =
                Signature::from_components(fit(&body.r), fit(&body.s)).expect("not zero");
            let digest = format!("{:?}", digest.data);
            let digest: Vec<u8> = digest_bytes(&digest);
            oracle
                .verify_prehash(&digest, &signature)
                .expect("the dsa crate agrees");
        }
    }
}

/// The digest out of the debug form of a hash ciphertext, whatever its length.
fn digest_bytes(debug: &str) -> Vec<u8> {
    let list = debug
        .rsplit_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("an array")
        .0;
    list.split(',')
        .map(|number| number.trim().parse().expect("a byte"))
        .collect()
}

#[test]
fn same_seed_gives_the_same_key_and_signature() {
    let params = |lenbits| KeyTypeDSAPrivateGenParams {
        lenbits,
        ..Default::default()
    };
    for lenbits in [512, 576] {
        let key = pair(params(lenbits), 5).expect("supported");
        assert_eq!(
            key.to_key_data(),
            pair_by(ENGINES[1], params(lenbits), 5)
                .expect("supported")
                .to_key_data()
        );
        assert_ne!(
            key.hash(),
            pair(params(lenbits), 6).expect("supported").hash()
        );
        assert_eq!(key.length_bits(), lenbits);
        assert_eq!(group_of(&key).q.bits(), 160);
        let made = |engine: &dyn Engine, seed| {
            sign(
                engine,
                &mut rng(seed),
                &key,
                Mech::Any,
                &bytes(MESSAGE),
                None,
            )
        };
        assert_eq!(made(ENGINES[0], 1), made(ENGINES[1], 1));
        assert_ne!(made(ENGINES[0], 1), made(ENGINES[0], 2));
        assert_eq!(key.pairwise_check(ENGINES[0], &mut rng(1)), Ok(()));
        KeyMaterial::import(ENGINES[0], &key.to_key_data()).expect("a good key");
    }
}

#[test]
fn given_group_is_used_and_checked() {
    let vector = &Vector::all()[0];
    let params = |lenbits, flags, dlg| KeyTypeDSAPrivateGenParams {
        flags,
        lenbits,
        dlg: Some(dlg),
        qhash: None,
    };
    for (lenbits, flags) in [(1024, 0), (0, 0), (1024, 2)] {
        let key = pair(params(lenbits, flags, vector.group()), 1).expect("a good group");
        assert_eq!(group_of(&key), vector.group());
    }
    let refused = |lenbits, flags, change: &dyn Fn(&mut DSADiscreteLogGroup)| {
        let mut dlg = vector.group();
        change(&mut dlg);
        pair(params(lenbits, flags, dlg), 1).err()
    };
    assert_eq!(
        refused(512, 0, &|_| ()),
        Some(Status::InvalidParameter),
        "another size"
    );
    assert_eq!(refused(1024, 1 << 7, &|_| ()), Some(Status::UnknownFlag));
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.g = Bignum::from(1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.g = Bignum::from(2)),
        Some(Status::InvalidData),
        "wrong order"
    );
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.g = dlg.p.clone()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.q = Bignum::from(7)),
        Some(Status::InvalidParameter)
    );
    let add_two = |number: &Bignum| {
        let two = BoxedUint::from(2u8);
        Bignum::from_be(&boxed(number).concatenating_add(&two).to_be_bytes())
    };
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.q = add_two(&dlg.q)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(1024, 0, &|dlg| dlg.p = add_two(&dlg.p)),
        Some(Status::InvalidData)
    );
    // A group whose order FIPS 186 does not know is refused only where the caller is strict.
    let odd = &Vector::all()[2];
    assert!(pair(params(2048, 2, odd.group()), 1).is_ok());
}

#[test]
fn sizes_that_dsa_does_not_have_are_refused() {
    let hashed = |hash| Some(DSAGenerationHash { hash });
    for (lenbits, qhash) in [
        (0, None),
        (448, None),
        (500, None),
        (1088, None),
        (2049, None),
        (4096, None),
        (512, hashed(Mech::SHA1Hash)),
        (2048, hashed(Mech::SHA1Hash)),
        (3072, hashed(Mech::SHA224Hash)),
    ] {
        let params = KeyTypeDSAPrivateGenParams {
            lenbits,
            qhash,
            ..Default::default()
        };
        assert_eq!(
            pair(params, 1).err(),
            Some(Status::InvalidParameter),
            "{lenbits}"
        );
    }
    let params = KeyTypeDSAPrivateGenParams {
        lenbits: 2048,
        qhash: hashed(Mech::TigerHash),
        ..Default::default()
    };
    assert_eq!(pair(params, 1).err(), Some(Status::UnknownMechanism));
}

#[test]
fn values_that_do_not_give_a_group_are_refused() {
    let made = |seed: &[u8], counter, h| {
        let iv = Some(DSAInitValuesVarSeed {
            seed: seed.to_vec(),
            counter,
            h,
        });
        let params = KeyTypeDSACommVariableSeedGenParams {
            lenbits: 1024,
            iv,
            ..Default::default()
        };
        let type_ = KeyType::DSACommFIPS186_3;
        let params = KeyGenParams {
            type_,
            params: KeyTypeGenParams::DSACommVariableSeed(params),
        };
        generate_key(ENGINES[0], &params, &mut rng(0)).map(|key| key.key_type())
    };
    let vector = &Vector::all()[1];
    let seed = hex(&vector.values["seed"]);
    assert_eq!(
        made(&seed, vector.word("counter"), 2),
        Ok(KeyType::DSACommFIPS186_3)
    );
    assert_eq!(made(&seed, 0, 0), Ok(KeyType::DSACommFIPS186_3));
    assert_eq!(
        made(&seed, vector.word("counter") + 1, 2),
        Err(Status::InvalidData)
    );
    assert_eq!(
        made(&seed, 0, 1),
        Err(Status::InvalidData),
        "one generates nothing"
    );
    assert_eq!(
        made(&[0; 20], 0, 0),
        Err(Status::InvalidData),
        "the hash gives no prime"
    );
    assert_eq!(made(&seed[1..], 0, 0), Err(Status::InvalidParameter));
    assert_eq!(made(&[1; 81], 0, 0), Err(Status::InvalidParameter));
}

#[test]
fn impossible_keys_are_refused_at_import() {
    let vector = &Vector::all()[0];
    let private = |x: Bignum| {
        let data = KeyTypeData::DSAPrivate(KeyTypeDSAPrivateData {
            dlg: vector.group(),
            x,
        });
        KeyMaterial::import(
            ENGINES[0],
            &KeyData {
                type_: KeyType::DSAPrivate,
                data,
            },
        )
        .err()
    };
    assert_eq!(private(vector.number("x")), None);
    assert_eq!(private(Bignum::default()), Some(Status::InvalidData));
    assert_eq!(private(vector.number("q")), Some(Status::InvalidData));
    assert_eq!(private(vector.number("p")), Some(Status::InvalidData));
    let public = |y: Bignum| {
        let data = KeyTypeData::DSAPublic(KeyTypeDSAPublicData {
            dlg: vector.group(),
            y,
        });
        KeyMaterial::import(
            ENGINES[0],
            &KeyData {
                type_: KeyType::DSAPublic,
                data,
            },
        )
        .err()
    };
    assert_eq!(public(vector.number("y")), None);
    assert_eq!(public(Bignum::from(1)), Some(Status::InvalidData));
    assert_eq!(
        public(Bignum::from(2)),
        Some(Status::InvalidData),
        "not in the subgroup"
    );
    assert_eq!(public(vector.number("p")), Some(Status::InvalidData));
}

#[test]
fn impossible_signatures_are_refused() {
    let vector = &Vector::all()[0];
    let key = KeyMaterial::restore(ENGINES[0], &vector.private()).expect("good");
    let public = key.public().expect("a pair");
    let check = |r: Bignum, s: Bignum| {
        verify(
            ENGINES[0],
            &public,
            Mech::DSA,
            &bytes(MESSAGE),
            &signature(Mech::DSA, r, s),
        )
    };
    let (r, s, q) = (vector.number("r"), vector.number("s"), vector.number("q"));
    assert_eq!(check(r.clone(), s.clone()), Ok(()));
    let zero = Bignum::default();
    let huge = Bignum::from_be(&[0xff; 3000]);
    for (r, s) in [
        (zero.clone(), s.clone()),
        (r.clone(), zero),
        (q.clone(), s.clone()),
        (r.clone(), q),
        (huge.clone(), s),
        (r, huge),
    ] {
        assert_eq!(check(r, s), Err(Status::VerifyFailed));
    }
    let other = CipherText {
        mech: Mech::DSA,
        ..Default::default()
    };
    assert_eq!(
        verify(ENGINES[0], &public, Mech::DSA, &bytes(MESSAGE), &other),
        Err(Status::TypeMismatch)
    );
}

#[test]
fn data_must_be_bytes_or_a_digest_of_the_mechanism() {
    let vector = &Vector::all()[3];
    let key = KeyMaterial::restore(ENGINES[0], &vector.private()).expect("good");
    let signed = |mech, data: &PlainText| sign(ENGINES[0], &mut rng(1), &key, mech, data, None);
    let digest = digest_bytes(&format!(
        "{:?}",
        hash(Mech::SHA256Hash, &bytes(MESSAGE)).expect("known").data
    ));
    let body = PlainTextTypeHash32Data {
        data: digest.try_into().expect("32 bytes"),
    };
    let digest = PlainText {
        type_: PlainTextType::Hash32,
        data: PlainTextTypeData::Hash32(body),
    };
    let of_bytes = signed(Mech::DSAhSHA256, &bytes(MESSAGE)).expect("signs");
    assert_eq!(signed(Mech::DSAhSHA256, &digest), Ok(of_bytes.clone()));
    // A digest may be of any function where the mechanism names none.
    assert_eq!(
        signed(Mech::DSA, &digest).map(|made| made.data),
        Ok(of_bytes.data)
    );
    assert_eq!(signed(Mech::DSAhSHA384, &digest), Err(Status::TypeMismatch));
    let data = PlainTextTypeData::Bignum(PlainTextTypeBignumData { m: Bignum::from(5) });
    let number = PlainText {
        type_: PlainTextType::Bignum,
        data,
    };
    assert_eq!(signed(Mech::DSA, &number), Err(Status::TypeMismatch));
}
