//! The two engines against each other, against `num-bigint` and against published numbers.

use std::sync::Arc;

use engine::{Engine, Error, Fast, Kind, Portable, RsaPrivateComponents, RsaPublicComponents};
use num_bigint::BigUint;
use proptest::prelude::*;

const ENGINES: [&dyn Engine; 2] = [&Fast, &Portable];

fn big(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

/// The Mersenne prime `2^bits - 1`, big-endian.
fn mersenne(bits: u32) -> Vec<u8> {
    ((BigUint::from(1u8) << bits) - 1u8).to_bytes_be()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    BigUint::parse_bytes(digits.as_bytes(), 16)
        .expect("hexadecimal")
        .to_bytes_be()
}

/// Every engine computes `input ^ d mod n` for the key, as num-bigint does.
fn check_private(key: &RsaPrivateComponents, input: &BigUint) {
    let n = big(key.n());
    let expected = input.modpow(&big(key.d()), &n);
    for engine in ENGINES {
        let prepared = engine.prepare_rsa(key).expect("valid key");
        assert_eq!(prepared.modulus_len(), key.n().len());
        let result = prepared.private(&input.to_bytes_be()).expect("in range");
        assert_eq!(result.len(), key.n().len());
        assert_eq!(big(&result), expected, "{}", engine.kind());
        let back = engine.rsa_public(&key.public(), &result).expect("in range");
        assert_eq!(big(&back), *input, "{}", engine.kind());
    }
}

/// Fixed primes of several sizes, so that a property run does not spend its time finding them.
/// Found with `openssl prime -generate -hex -bits N` (OpenSSL 3.0.19).
const PRIMES: [(u32, &str, &str); 4] = include!("primes.in");

fn keys() -> impl Strategy<Value = RsaPrivateComponents> {
    let exponents = prop_oneof![
        Just(vec![1, 0, 1]),
        Just(vec![17]),
        Just(vec![1, 0, 0, 0, 0, 0, 0, 0, 15])
    ];
    (0..PRIMES.len(), any::<bool>(), exponents).prop_filter_map(
        "exponent has no inverse",
        |(i, swap, e)| {
            let (_, p, q) = PRIMES[i];
            let (p, q) = if swap {
                (hex(q), hex(p))
            } else {
                (hex(p), hex(q))
            };
            RsaPrivateComponents::from_primes(&p, &q, &e).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn private_operation_agrees_with_num_bigint(key in keys(), seed in proptest::collection::vec(any::<u8>(), 1..160)) {
        check_private(&key, &(big(&seed) % big(key.n())));
    }

    #[test]
    fn key_without_factors_gives_the_same_result(key in keys(), seed in proptest::collection::vec(any::<u8>(), 1..160)) {
        let plain = RsaPrivateComponents::without_crt(key.n(), key.e(), key.d());
        check_private(&plain.expect("valid"), &(big(&seed) % big(key.n())));
    }
}

proptest! {
    #[test]
    fn mod_exp_agrees_with_num_bigint(
        base in proptest::collection::vec(any::<u8>(), 0..200),
        exponent in proptest::collection::vec(any::<u8>(), 0..40),
        modulus in proptest::collection::vec(any::<u8>(), 1..140),
    ) {
        for engine in ENGINES {
            let result = engine.mod_exp(&base, &exponent, &modulus);
            if modulus.iter().all(|byte| *byte == 0) {
                prop_assert_eq!(result.expect_err("zero"), Error::ZeroModulus);
            } else {
                let result = result.expect("within limits");
                prop_assert_eq!(result.len(), modulus.len());
                let expected = big(&base).modpow(&big(&exponent), &big(&modulus));
                prop_assert_eq!(big(&result), expected);
            }
        }
    }
}

#[test]
fn mod_exp_handles_the_edges() {
    let cases: [[&[u8]; 4]; 8] = [
        // Anything modulo one is zero, also the empty product.
        [&[5], &[], &[1], &[0]],
        [&[5], &[3], &[1], &[0]],
        [&[5], &[], &[7], &[1]],
        [&[], &[], &[7], &[1]],
        [&[], &[5], &[7], &[0]],
        [&[3], &[0, 0, 4], &[0, 0, 10], &[0, 0, 1]],
        [&[2], &[10], &[4, 0], &[0, 0]],
        [&[2], &[7], &[1, 0], &[0, 128]],
    ];
    for engine in ENGINES {
        for [base, exponent, modulus, expected] in cases {
            let result = engine
                .mod_exp(base, exponent, modulus)
                .expect("within limits");
            assert_eq!(
                result.as_slice(),
                expected,
                "{base:?} {exponent:?} {modulus:?}"
            );
        }
    }
}

#[test]
fn operands_beyond_the_limit_are_refused() {
    let (fits, long) = (vec![1; 2048], vec![1; 2049]);
    for engine in ENGINES {
        let refused = [
            engine.mod_exp(&[2], &[3], &long),
            engine.mod_exp(&[2], &long, &[7]),
            engine.mod_exp(&[1; 4097], &[3], &[7]),
        ];
        for result in refused {
            assert_eq!(result.expect_err("too long"), Error::TooLarge);
        }
        engine.mod_exp(&[2], &[3], &fits).expect("within limits");
    }
}

#[test]
fn unequal_factors_are_tolerated() {
    // 521 and 127 bits, 1279 and 607 bits, and a small factor beside a large one.
    for (p, q) in [(521, 127), (607, 1279), (89, 521)] {
        for start in [BigUint::from(65_537u32), (BigUint::from(1u8) << 72) + 1u8] {
            let key = (0..50u8).find_map(|step| {
                let e = &start + 2 * step;
                RsaPrivateComponents::from_primes(&mersenne(p), &mersenne(q), &e.to_bytes_be()).ok()
            });
            let key = key.expect("an exponent with an inverse is near");
            check_private(&key, &(BigUint::from(3u8).pow(300) % big(key.n())));
        }
    }
}

#[test]
fn largest_modulus_works() {
    // The 8192-bit primes of RFC 3526 (group 18) and RFC 7919 (ffdhe8192): 16384 bits together.
    let key = RsaPrivateComponents::from_primes(
        &hex(include_str!("rfc3526-8192.hex")),
        &hex(include_str!("rfc7919-8192.hex")),
        &[1, 0, 1],
    );
    let key = key.expect("valid");
    assert_eq!(big(key.n()).bits(), 16_384);
    check_private(&key, &BigUint::from(3u8).pow(9_000));
}

#[test]
fn inputs_at_the_edges_of_the_range() {
    let (_, p, q) = PRIMES[0];
    let key = RsaPrivateComponents::from_primes(&hex(p), &hex(q), &[1, 0, 1]).expect("valid");
    let n = big(key.n());
    for input in [BigUint::ZERO, 1u8.into(), 2u8.into(), &n - 2u8, &n - 1u8] {
        check_private(&key, &input);
    }
    for engine in ENGINES {
        let prepared = engine.prepare_rsa(&key).expect("valid");
        for input in [n.clone(), &n + 1u8, &n << 64] {
            let input = input.to_bytes_be();
            assert_eq!(
                prepared.private(&input).expect_err("too big"),
                Error::OutOfRange
            );
            let public = engine.rsa_public(&key.public(), &input);
            assert_eq!(public.expect_err("too big"), Error::OutOfRange);
        }
        // Leading zeros do not make a number larger.
        let padded = [&[0; 100][..], &[2]].concat();
        assert_eq!(prepared.private(&padded), prepared.private(&[2]));
    }
}

#[test]
fn key_with_a_composite_factor_is_caught_by_the_check() {
    // 2^11 - 1 = 23 * 89, times a prime; the components agree with each other all the same.
    let (_, p, q) = PRIMES[0];
    let composite = (big(&hex(p)) * 0x7ffu32).to_bytes_be();
    let found = [3u32, 5, 7, 11, 13, 65537].into_iter().find_map(|e| {
        RsaPrivateComponents::from_primes(&composite, &hex(q), &e.to_be_bytes()).ok()
    });
    let key = found.expect("one exponent has an inverse");
    for engine in ENGINES {
        let prepared = engine.prepare_rsa(&key).expect("components agree");
        assert_eq!(
            prepared.private(&[2]).expect_err("not prime"),
            Error::Fault,
            "{}",
            engine.kind()
        );
    }
}

#[test]
fn mismatched_exponents_are_caught() {
    let (_, p, q) = PRIMES[0];
    let key = RsaPrivateComponents::from_primes(&hex(p), &hex(q), &[1, 0, 1]).expect("valid");
    let wrong = RsaPrivateComponents::without_crt(key.n(), &[3], key.d()).expect("possible");
    for engine in ENGINES {
        let result = engine
            .prepare_rsa(&wrong)
            .and_then(|prepared| prepared.private(&[2]));
        assert_eq!(
            result.expect_err("wrong exponent"),
            Error::Fault,
            "{}",
            engine.kind()
        );
    }
}

#[test]
fn one_key_serves_many_threads() {
    let (_, p, q) = PRIMES[1];
    let key = RsaPrivateComponents::from_primes(&hex(p), &hex(q), &[1, 0, 1]).expect("valid");
    for kind in [Kind::Fast, Kind::Portable] {
        let prepared = kind.engine().prepare_rsa(&key).expect("valid");
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let prepared = Arc::clone(&prepared);
                let key = &key;
                scope.spawn(move || {
                    for round in 0..20u8 {
                        let input = [thread + 1, round, 77];
                        let expected = big(&input).modpow(&big(key.d()), &big(key.n()));
                        let result = prepared.private(&input).expect("in range");
                        assert_eq!(big(&result), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn debug_of_a_prepared_key_shows_no_secret() {
    let (_, p, q) = PRIMES[0];
    let key = RsaPrivateComponents::from_primes(&hex(p), &hex(q), &[1, 0, 1]).expect("valid");
    let plain = RsaPrivateComponents::without_crt(key.n(), key.e(), key.d()).expect("valid");
    let secret = format!("{:?}", &key.d()[..4]);
    let secret = secret.trim_matches(['[', ']']);
    for engine in ENGINES {
        for key in [&key, &plain] {
            let text = format!("{:?}", engine.prepare_rsa(key).expect("valid"));
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn public_operation_takes_any_exponent_below_the_modulus() {
    let n = big(&mersenne(521)) * big(&mersenne(127));
    for e in [
        BigUint::from(3u8),
        (BigUint::from(1u8) << 64) + 13u8,
        &n - 2u8,
    ] {
        let key = RsaPublicComponents::new(&n.to_bytes_be(), &e.to_bytes_be()).expect("valid");
        let input = BigUint::from(12_345_678u32);
        for engine in ENGINES {
            let result = engine
                .rsa_public(&key, &input.to_bytes_be())
                .expect("in range");
            assert_eq!(big(&result), input.modpow(&e, &n));
        }
    }
}
