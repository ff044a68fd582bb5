//! Exponentiations by a module behind a real socket, against num-bigint's.

use nfkm::Environment;
use nfmodexp::exponentiation::Exponentiation;
use nfmodexp::module::Module;
use num_bigint::BigUint;
use simulator::hardserver::Server;
use simulator::options::Options;

struct Rig {
    module: Module,
    server: Option<Server>,
    _folder: tempfile::TempDir,
}

fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    let server = Server::start(&options).unwrap();
    let environment = Environment {
        server: Some(options.socket.display().to_string()),
        ..Environment::default()
    };
    Rig {
        module: Module::new(Some(environment)),
        server: Some(server),
        _folder: folder,
    }
}

/// Two primes of 512 bits, from `openssl prime -generate -bits 512 -hex`.
const PRIMES: [&str; 2] = [
    "CAA3AB730E766170AFE261A92F71F71DA26ACBC890DB62C181A8620F4D9FA0BFD098B0B1A06FC67424514B2F75439F64A75ECE8B3CD040765E65C6BB6BA797BD",
    "C5A075D93FCF364A0A3FE4A02D9835B11B66C3E3194713DBD432DF71ACE5B836D3B1B86CA2607D9B9B6AA7AFCD5CF9BC290FE799DA9F99C47611C4ECE7E322D1",
];

fn primes() -> [BigUint; 2] {
    PRIMES.map(|hex| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap())
}

fn bytes(number: &BigUint, length: usize) -> Vec<u8> {
    let mut bytes = number.to_bytes_le();
    bytes.resize(length, 0);
    bytes
}

/// A number of about 1020 bits that looks like any other.
fn number(start: u8) -> BigUint {
    let bytes: Vec<u8> = (0..127u8)
        .map(|i| start.wrapping_add(i.wrapping_mul(59)))
        .collect();
    BigUint::from_bytes_le(&bytes)
}

fn computed(rig: &Rig, exponent: &BigUint, primes: Option<[&[u8]; 2]>) -> Option<Vec<u8>> {
    let [p, q] = self::primes();
    let modulus = p * q;
    let work = Exponentiation {
        base: &bytes(&number(7), 128),
        exponent: &bytes(exponent, 128),
        modulus: &bytes(&modulus, 128),
        primes,
    };
    rig.module.compute(&work).map(|value| value.to_vec())
}

#[test]
fn a_module_computes_with_and_without_the_primes() {
    let rig = rig();
    let [p, q] = primes();
    let modulus = &p * &q;
    for exponent in [number(3), BigUint::from(65_537u32), BigUint::from(1u32)] {
        let expected = bytes(&number(7).modpow(&exponent, &modulus), 128);
        assert_eq!(computed(&rig, &exponent, None), Some(expected.clone()));
        let primes = [bytes(&p, 64), bytes(&q, 64)];
        let primes = [&primes[0][..], &primes[1][..]];
        assert_eq!(computed(&rig, &exponent, Some(primes)), Some(expected));
    }
}

#[test]
fn primes_of_another_modulus_do_not_matter() {
    let rig = rig();
    let [p, q] = primes();
    let exponent = number(3);
    let expected = bytes(&number(7).modpow(&exponent, &(&p * &q)), 128);
    for primes in [
        [vec![1], bytes(&(&p * &q), 128)],
        [bytes(&p, 64), bytes(&p, 64)],
        [vec![0], vec![0]],
    ] {
        let primes = [&primes[0][..], &primes[1][..]];
        assert_eq!(
            computed(&rig, &exponent, Some(primes)),
            Some(expected.clone())
        );
    }
}

#[test]
fn what_no_module_does_is_declined() {
    let rig = rig();
    for modulus in [&[6u8, 1][..], &[7, 0], &[]] {
        let work = Exponentiation {
            base: &[2, 0][..modulus.len()],
            exponent: &[3],
            modulus,
            primes: None,
        };
        assert!(rig.module.compute(&work).is_none(), "{modulus:?}");
    }
}

#[test]
fn without_a_hardserver_the_caller_is_told_at_once() {
    let mut rig = rig();
    let exponent = number(3);
    assert!(computed(&rig, &exponent, None).is_some());
    rig.server.take().unwrap().shutdown();
    for _ in 0..100 {
        assert_eq!(computed(&rig, &exponent, None), None);
    }
}
