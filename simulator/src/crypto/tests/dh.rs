//! Diffie-Hellman groups and keys, with `num-bigint` as the oracle.

use engine::Engine;
use ncore::Status;
use ncore::types::{
    Bignum, CipherText, DSADiscreteLogGroup, DiscreteLogGroup, KeyData, KeyGenParams, KeyType,
    KeyTypeDHExPrivateGenParams, KeyTypeDHPrivateData, KeyTypeDHPrivateGenParams,
    KeyTypeDHPublicData, KeyTypeData, KeyTypeGenParams, Mech, MechCipher,
    MechDHExKeyExchangeCipher, MechDHKeyExchangeCipher, MechIV, PlainTextType, PlainTextTypeData,
};
use num_bigint::BigUint;

use super::super::testing::{ENGINES, hex, rng};
use super::super::{KeyMaterial, generate_key, generate_key_pair};

/// The 768-bit prime of RFC 2409 (Oakley group 1), whose generator is 2.
const OAKLEY_1: &str = "FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1 29024E08 8A67CC74 020BBEA6 3B139B22
    514A0879 8E3404DD EF9519B3 CD3A431B 302B0A6D F25F1437 4FE1356D 6D51C245 E485B576 625E7EC6 F44C42E9 A63A3620
    FFFFFFFF FFFFFFFF";

fn big(number: &Bignum) -> BigUint {
    BigUint::from_bytes_be(&number.to_be())
}

fn oakley() -> DiscreteLogGroup {
    DiscreteLogGroup {
        p: Bignum::from_be(&hex(OAKLEY_1)),
        g: Bignum::from(2),
    }
}

fn pair(params: KeyTypeDHPrivateGenParams, seed: u64) -> Result<KeyMaterial, Status> {
    pair_by(ENGINES[0], params, seed)
}

fn pair_by(
    engine: &dyn Engine,
    params: KeyTypeDHPrivateGenParams,
    seed: u64,
) -> Result<KeyMaterial, Status> {
    let params = KeyGenParams {
        type_: KeyType::DHPrivate,
        params: KeyTypeGenParams::DHPrivate(params),
    };
    generate_key_pair(engine, &params, &mut rng(seed))
}

fn pair_ex(params: KeyTypeDHExPrivateGenParams, seed: u64) -> Result<KeyMaterial, Status> {
    let params = KeyGenParams {
        type_: KeyType::DHExPrivate,
        params: KeyTypeGenParams::DHExPrivate(params),
    };
    generate_key_pair(ENGINES[0], &params, &mut rng(seed))
}

fn halves(key: &KeyMaterial) -> (DiscreteLogGroup, Bignum, Bignum) {
    let KeyTypeData::DHPrivate(private) = key.to_key_data().data else {
        panic!("a private key")
    };
    let public = key.public().expect("a pair");
    assert_eq!(public.key_type(), KeyType::DHPublic);
    assert_eq!(public.hash(), key.hash());
    let KeyTypeData::DHPublic(public) = public.to_key_data().data else {
        panic!("a public key")
    };
    assert_eq!(private.dlg, public.dlg);
    (private.dlg, private.x, public.gx)
}

fn is_probably_prime(number: &BigUint) -> bool {
    let one = BigUint::from(1u8);
    [2u8, 3, 5, 7, 11]
        .into_iter()
        .all(|base| BigUint::from(base).modpow(&(number - 1u8), number) == one)
}

#[test]
fn new_group_has_a_prime_of_the_size_and_a_pair_that_fits() {
    for plength in [512, 576, 1024] {
        let params = KeyTypeDHPrivateGenParams {
            plength,
            ..Default::default()
        };
        let key = pair(params.clone(), 3).expect("supported");
        assert_eq!(
            key.to_key_data(),
            pair_by(ENGINES[1], params, 3)
                .expect("supported")
                .to_key_data()
        );
        let (dlg, x, gx) = halves(&key);
        assert_eq!(dlg.p.bits(), plength as usize);
        assert!(is_probably_prime(&big(&dlg.p)));
        assert_eq!(big(&dlg.g).modpow(&big(&x), &big(&dlg.p)), big(&gx));
        assert_eq!(key.length_bits(), plength);
        assert_eq!(key.pairwise_check(ENGINES[1], &mut rng(1)), Ok(()));
        KeyMaterial::import(ENGINES[1], &key.to_key_data()).expect("a good key");
    }
}

#[test]
fn given_group_is_used() {
    for (plength, xlength) in [(768, 0), (0, 0), (768, 160), (768, 767)] {
        let params = KeyTypeDHPrivateGenParams {
            flags: 0,
            plength,
            xlength,
            dlg: Some(oakley()),
        };
        let key = pair(params, 4).expect("a good group");
        let (dlg, x, gx) = halves(&key);
        assert_eq!(dlg, oakley());
        if xlength != 0 {
            assert_eq!(x.bits(), xlength as usize);
        }
        assert_eq!(BigUint::from(2u8).modpow(&big(&x), &big(&dlg.p)), big(&gx));
    }
}

#[test]
fn sizes_and_groups_that_are_none_are_refused() {
    let refused = |plength, xlength, dlg| {
        pair(
            KeyTypeDHPrivateGenParams {
                flags: 0,
                plength,
                xlength,
                dlg,
            },
            1,
        )
        .err()
    };
    for plength in [0, 448, 513, 4160, u32::MAX] {
        assert_eq!(
            refused(plength, 0, None),
            Some(Status::InvalidParameter),
            "{plength}"
        );
    }
    assert_eq!(
        refused(512, 0, Some(oakley())),
        Some(Status::InvalidParameter)
    );
    for xlength in [1, 159, 768, u32::MAX] {
        assert_eq!(
            refused(768, xlength, Some(oakley())),
            Some(Status::InvalidParameter),
            "{xlength}"
        );
    }
    let with = |change: &dyn Fn(&mut DiscreteLogGroup)| {
        let mut dlg = oakley();
        change(&mut dlg);
        refused(0, 0, Some(dlg))
    };
    assert_eq!(
        with(&|dlg| dlg.g = Bignum::default()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        with(&|dlg| dlg.g = Bignum::from(1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        with(&|dlg| dlg.g = dlg.p.clone()),
        Some(Status::InvalidData)
    );
    assert_eq!(
        with(&|dlg| dlg.p = Bignum::default()),
        Some(Status::InvalidParameter)
    );
    let composite = (BigUint::from_bytes_be(&hex(OAKLEY_1)) - 2u8).to_bytes_be();
    assert_eq!(
        with(&|dlg| dlg.p = Bignum::from_be(&composite)),
        Some(Status::InvalidData)
    );
    let flags = KeyTypeDHPrivateGenParams {
        flags: 2,
        plength: 512,
        ..Default::default()
    };
    assert_eq!(pair(flags, 1).err(), Some(Status::UnknownFlag));
}

#[test]
fn key_that_shows_its_order_has_that_order() {
    let key = pair_ex(
        KeyTypeDHExPrivateGenParams {
            plength: 512,
            qlength: 192,
            ..Default::default()
        },
        2,
    );
    let key = key.expect("supported");
    let KeyTypeData::DHExPrivate(data) = key.to_key_data().data else {
        panic!("a private key")
    };
    assert_eq!((data.dlg.p.bits(), data.dlg.q.bits()), (512, 192));
    let (p, q, g) = (big(&data.dlg.p), big(&data.dlg.q), big(&data.dlg.g));
    assert!(is_probably_prime(&p) && is_probably_prime(&q));
    assert_eq!(g.modpow(&q, &p), BigUint::from(1u8));
    let public = key.public().expect("a pair");
    assert_eq!(
        (public.key_type(), public.hash()),
        (KeyType::DHExPublic, key.hash())
    );
    let KeyTypeData::DHExPublic(public) = public.to_key_data().data else {
        panic!("a public key")
    };
    assert_eq!(g.modpow(&big(&data.x), &p), big(&public.gx));
    assert_eq!(key.pairwise_check(ENGINES[0], &mut rng(1)), Ok(()));

    let given = |qlength, dlg: DSADiscreteLogGroup| {
        pair_ex(
            KeyTypeDHExPrivateGenParams {
                flags: 0,
                plength: 512,
                qlength,
                dlg: Some(dlg),
            },
            2,
        )
        .err()
    };
    assert_eq!(given(192, data.dlg.clone()), None);
    assert_eq!(given(0, data.dlg.clone()), None);
    assert_eq!(given(160, data.dlg.clone()), Some(Status::InvalidParameter));
    assert_eq!(
        given(
            0,
            DSADiscreteLogGroup {
                g: Bignum::from(3),
                ..data.dlg
            }
        ),
        Some(Status::InvalidData)
    );
    for qlength in [1, 159, 513] {
        let params = KeyTypeDHExPrivateGenParams {
            plength: 1024,
            qlength,
            ..Default::default()
        };
        assert_eq!(
            pair_ex(params, 1).err(),
            Some(Status::InvalidParameter),
            "{qlength}"
        );
    }
}

#[test]
fn impossible_keys_are_refused_at_import() {
    let private = |x: Bignum| {
        let data = KeyTypeData::DHPrivate(KeyTypeDHPrivateData { dlg: oakley(), x });
        KeyMaterial::import(
            ENGINES[0],
            &KeyData {
                type_: KeyType::DHPrivate,
                data,
            },
        )
        .err()
    };
    assert_eq!(private(Bignum::from(3)), None);
    assert_eq!(private(Bignum::default()), Some(Status::InvalidData));
    assert_eq!(private(oakley().p), Some(Status::InvalidData));
    assert_eq!(
        private(Bignum::from_be(&[0xff; 4000])),
        Some(Status::InvalidData)
    );
    let public = |gx: Bignum| {
        let data = KeyTypeData::DHPublic(KeyTypeDHPublicData { dlg: oakley(), gx });
        KeyMaterial::import(
            ENGINES[0],
            &KeyData {
                type_: KeyType::DHPublic,
                data,
            },
        )
        .err()
    };
    assert_eq!(public(Bignum::from(8)), None);
    assert_eq!(public(Bignum::from(1)), Some(Status::InvalidData));
    assert_eq!(public(Bignum::default()), Some(Status::InvalidData));
    assert_eq!(public(oakley().p), Some(Status::InvalidData));
}

#[test]
fn pairs_and_single_keys_are_made_by_their_own_commands() {
    let params = KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
        plength: 512,
        ..Default::default()
    });
    let params = KeyGenParams {
        type_: KeyType::DHPrivate,
        params,
    };
    assert_eq!(
        generate_key(ENGINES[0], &params, &mut rng(1)).err(),
        Some(Status::TypeMismatch)
    );
    let params = KeyGenParams {
        type_: KeyType::DES3,
        params: KeyTypeGenParams::Empty,
    };
    assert_eq!(
        generate_key_pair(ENGINES[0], &params, &mut rng(1)).err(),
        Some(Status::TypeMismatch)
    );
    let params = KeyGenParams {
        type_: KeyType::DHPublic,
        params: KeyTypeGenParams::Empty,
    };
    assert_eq!(
        generate_key(ENGINES[0], &params, &mut rng(1)).err(),
        Some(Status::TypeMismatch)
    );
}

fn decrypt(
    key: &KeyMaterial,
    mech: Mech,
    gx: Bignum,
    wanted: PlainTextType,
) -> Result<PlainTextTypeData, Status> {
    let data = match mech {
        Mech::DHKeyExchange => MechCipher::DHKeyExchange(MechDHKeyExchangeCipher { gx }),
        _ => MechCipher::DHExKeyExchange(MechDHExKeyExchangeCipher { gx }),
    };
    let cipher = CipherText {
        mech,
        data,
        iv: MechIV::Empty,
    };
    super::super::decrypt(ENGINES[0], key, Mech::Any, &cipher, wanted).map(|plain| plain.data)
}

#[test]
fn both_sides_agree_on_the_secret_that_num_bigint_finds() {
    let params = |xlength| KeyTypeDHPrivateGenParams {
        plength: 768,
        xlength,
        dlg: Some(oakley()),
        ..Default::default()
    };
    let (mine, theirs) = (pair(params(0), 1).unwrap(), pair(params(200), 2).unwrap());
    let ((group, x, gx), (_, other_x, other_gx)) = (halves(&mine), halves(&theirs));
    let expected = big(&other_gx).modpow(&big(&x), &big(&group.p));
    for (key, peer) in [(&mine, other_gx), (&theirs, gx)] {
        let number = decrypt(
            key,
            Mech::DHKeyExchange,
            peer.clone(),
            PlainTextType::Bignum,
        );
        let Ok(PlainTextTypeData::Bignum(number)) = number else {
            panic!("{number:?}")
        };
        assert_eq!(big(&number.m), expected);
        let bytes = decrypt(key, Mech::DHKeyExchange, peer, PlainTextType::Bytes);
        let Ok(PlainTextTypeData::Bytes(bytes)) = bytes else {
            panic!("{bytes:?}")
        };
        assert_eq!(bytes.data.len(), 96);
        assert_eq!(BigUint::from_bytes_be(&bytes.data), expected);
    }
    assert_eq!(
        expected,
        big(&halves(&mine).2).modpow(&big(&other_x), &big(&group.p))
    );
}

#[test]
fn values_of_no_peer_give_no_secret() {
    let params = KeyTypeDHPrivateGenParams {
        plength: 768,
        dlg: Some(oakley()),
        ..Default::default()
    };
    let key = pair(params, 1).unwrap();
    let p = oakley().p;
    let less_one = Bignum::from_be(&(big(&p) - 1u8).to_bytes_be());
    for value in [Bignum::default(), Bignum::from(1), less_one, p] {
        let answer = decrypt(&key, Mech::DHKeyExchange, value, PlainTextType::Bignum);
        assert_eq!(answer, Err(Status::InvalidData));
    }
    let other = decrypt(
        &key,
        Mech::DHExKeyExchange,
        Bignum::from(8),
        PlainTextType::Bignum,
    );
    assert_eq!(other, Err(Status::TypeMismatch));
    let hash = decrypt(
        &key,
        Mech::DHKeyExchange,
        Bignum::from(8),
        PlainTextType::Hash,
    );
    assert_eq!(hash, Err(Status::DecryptFailed));
}

#[test]
fn a_group_that_shows_its_order_takes_its_own_members_alone() {
    let params = KeyTypeDHExPrivateGenParams {
        plength: 512,
        ..Default::default()
    };
    let key = pair_ex(params, 3).unwrap();
    let KeyTypeData::DHExPrivate(private) = key.to_key_data().data else {
        panic!("a private key")
    };
    let group = private.dlg;
    let member = big(&group.g).modpow(&BigUint::from(77u8), &big(&group.p));
    let secret = decrypt(
        &key,
        Mech::DHExKeyExchange,
        Bignum::from_be(&member.to_bytes_be()),
        PlainTextType::Bignum,
    );
    let Ok(PlainTextTypeData::Bignum(secret)) = secret else {
        panic!("{secret:?}")
    };
    assert_eq!(
        big(&secret.m),
        member.modpow(&big(&private.x), &big(&group.p))
    );
    // Of all numbers below the prime next to none is in the group.
    let outside = decrypt(
        &key,
        Mech::DHExKeyExchange,
        Bignum::from(3),
        PlainTextType::Bignum,
    );
    assert_eq!(outside, Err(Status::InvalidData));
}
