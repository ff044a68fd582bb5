//! The commands without keys, with `num-bigint` as the oracle.

use ncore::Status;
use ncore::types::{
    Bignum, KeyTypeData, KeyTypeRSAPrivateData, ModExpArgs, ModExpCrtArgs, RSAImmedSignDecryptArgs,
    RSAImmedVerifyEncryptArgs,
};
use num_bigint::BigUint;
use proptest::prelude::*;

use super::super::testing::{ENGINES, rsa_1024};
use super::super::{mod_exp, mod_exp_crt, rsa_immed_sign_decrypt, rsa_immed_verify_encrypt};

fn number(value: &BigUint) -> Bignum {
    Bignum::from_be(&value.to_bytes_be())
}

fn big(value: &Bignum) -> BigUint {
    BigUint::from_bytes_be(&value.to_be())
}

fn private() -> KeyTypeRSAPrivateData {
    match rsa_1024().to_key_data().data {
        KeyTypeData::RSAPrivate(data) => data,
        other => panic!("no RSA key: {other:?}"),
    }
}

fn crt_args(a: Bignum) -> ModExpCrtArgs {
    let key = private();
    ModExpCrtArgs {
        a,
        p: key.p,
        q: key.q,
        dmp1: key.dmp1,
        dmq1: key.dmq1,
        iqmp: key.iqmp,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn mod_exp_agrees_with_num_bigint(
        a in proptest::collection::vec(any::<u8>(), 0..80),
        p in proptest::collection::vec(any::<u8>(), 0..20),
        n in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let args = ModExpArgs { a: Bignum::from_be(&a), p: Bignum::from_be(&p), n: Bignum::from_be(&n) };
        for engine in ENGINES {
            let result = mod_exp(engine, &args);
            if args.n.is_zero() {
                prop_assert_eq!(result, Err(Status::InvalidParameter));
            } else {
                prop_assert_eq!(result, Ok(number(&big(&args.a).modpow(&big(&args.p), &big(&args.n)))));
            }
        }
    }

    #[test]
    fn private_and_public_operation_undo_each_other(seed in proptest::collection::vec(any::<u8>(), 1..120)) {
        let key = private();
        let n = big(&key.p) * big(&key.q);
        let input = number(&(BigUint::from_bytes_be(&seed) % &n));
        for engine in ENGINES {
            let args = RSAImmedSignDecryptArgs {
                m: input.clone(),
                k_p: key.p.clone(),
                k_q: key.q.clone(),
                k_dmp1: key.dmp1.clone(),
                k_dmq1: key.dmq1.clone(),
                k_iqmp: key.iqmp.clone(),
            };
            let output = rsa_immed_sign_decrypt(engine, &args).expect("in range");
            prop_assert_eq!(mod_exp_crt(engine, &crt_args(input.clone())), Ok(output.clone()));
            prop_assert_eq!(big(&output).modpow(&big(&key.e), &n), big(&input));
            let args = RSAImmedVerifyEncryptArgs { m: output, k_e: key.e.clone(), k_n: number(&n) };
            prop_assert_eq!(rsa_immed_verify_encrypt(engine, &args), Ok(input.clone()));
        }
    }

    #[test]
    fn no_numbers_make_the_crt_panic(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 6)) {
        let value = |index: usize| Bignum::from_be(&values[index]);
        let args =
            ModExpCrtArgs { a: value(0), p: value(1), q: value(2), dmp1: value(3), dmq1: value(4), iqmp: value(5) };
        let [one, two] = ENGINES.map(|engine| mod_exp_crt(engine, &args));
        prop_assert_eq!(one, two);
    }
}

/// 5^3 mod 15 by halves: 5^3 = 0 mod 5 and 5^(3 mod 2) = 2 mod 3, which is 5; the inverse of 3 modulo 5 is 2.
#[test]
fn crt_takes_small_factors_that_are_no_rsa_key() {
    let args = |iqmp| ModExpCrtArgs {
        a: Bignum::from(5),
        p: Bignum::from(5),
        q: Bignum::from(3),
        dmp1: Bignum::from(3),
        dmq1: Bignum::from(1),
        iqmp: Bignum::from(iqmp),
    };
    for engine in ENGINES {
        assert_eq!(mod_exp_crt(engine, &args(2)), Ok(Bignum::from(5)));
        assert_eq!(mod_exp_crt(engine, &args(3)), Err(Status::InvalidData));
    }
}

#[test]
fn wrong_keys_are_refused() {
    let engine = ENGINES[0];
    let refused = |change: &dyn Fn(&mut ModExpCrtArgs)| {
        let mut args = crt_args(Bignum::from(2));
        change(&mut args);
        mod_exp_crt(engine, &args).err()
    };
    assert_eq!(refused(&|_| ()), None);
    assert_eq!(
        refused(&|args| args.p = Bignum::default()),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        refused(&|args| args.q = Bignum::default()),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        refused(&|args| args.p = Bignum::from(1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(&|args| args.iqmp = Bignum::from(1)),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(&|args| args.iqmp = Bignum::from_be(&[0xff; 5000])),
        Some(Status::InvalidData)
    );
    assert_eq!(
        refused(&|args| args.p = Bignum::from_be(&[0xff; 5000])),
        Some(Status::InvalidParameter)
    );
    assert_eq!(
        refused(&|args| args.a = Bignum::from_be(&[0xff; 128])),
        Some(Status::OutOfRange)
    );
    let huge = ModExpArgs {
        a: Bignum::from(2),
        p: Bignum::from_be(&[0xff; 5000]),
        n: Bignum::from(7),
    };
    assert_eq!(mod_exp(engine, &huge), Err(Status::InvalidParameter));

    let public = |m: &[u8], e: u32, n: &[u8]| {
        let args = RSAImmedVerifyEncryptArgs {
            m: Bignum::from_be(m),
            k_e: Bignum::from(e),
            k_n: Bignum::from_be(n),
        };
        rsa_immed_verify_encrypt(engine, &args).err()
    };
    assert_eq!(public(&[2], 3, &[0xff; 64]), None);
    assert_eq!(public(&[2], 2, &[0xff; 64]), Some(Status::InvalidData));
    assert_eq!(public(&[2], 3, &[0xfe; 64]), Some(Status::InvalidData));
    assert_eq!(public(&[2], 3, &[15]), Some(Status::InvalidParameter));
    assert_eq!(
        public(&[0xff; 64], 3, &[0xff; 64]),
        Some(Status::OutOfRange)
    );
}
