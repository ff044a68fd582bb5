//! The entry point as a C caller reaches it: what it computes, and what of it declines.
#![allow(unsafe_code)] // The subject is a C interface.

use std::process::Command;
use std::ptr::{null, null_mut};

use nfmodexp::ffi::{OFFLOAD_PRIVATE_KEY, OffloadModExpo};
use num_bigint::BigUint;
use simulator::hardserver::Server;
use simulator::options::Options;

/// Tells the process of the second test that it has a hardserver of the first one's.
const PART: &str = "NFMODEXP_TEST_PART";

const TRUE: i32 = 1;
const FALSE: i32 = 0;

/// What a result holds before the call.
const UNTOUCHED: u8 = 0xee;

/// The arguments of a call. Of each number there is one, whatever is said of its length.
#[derive(Clone)]
struct Call {
    base: *const u8,
    exponent: *const u8,
    exponent_len: u32,
    modulus: *const u8,
    modulus_len: u32,
    has_result: bool,
    key: *const OFFLOAD_PRIVATE_KEY,
    flags: u32,
}

/// How a call is spoilt, or varied, and what it answers.
type Row = (&'static str, fn(&mut Call), i32);

/// No caller means so many bytes, and none are read.
const ABSURD: u32 = u32::MAX;

const ROWS: &[Row] = &[
    ("as it should be", |_| (), TRUE),
    ("no base", |call| call.base = null(), FALSE),
    ("no exponent", |call| call.exponent = null(), FALSE),
    ("no modulus", |call| call.modulus = null(), FALSE),
    ("no result", |call| call.has_result = false, FALSE),
    ("no bytes of exponent", |call| call.exponent_len = 0, FALSE),
    ("no bytes of modulus", |call| call.modulus_len = 0, FALSE),
    (
        "an absurd exponent",
        |call| call.exponent_len = ABSURD,
        FALSE,
    ),
    ("an absurd modulus", |call| call.modulus_len = ABSURD, FALSE),
    (
        "a modulus a byte too long",
        |call| call.modulus_len = 2049,
        FALSE,
    ),
    (
        "an even modulus",
        |call| call.modulus = EVEN.as_ptr(),
        FALSE,
    ),
    ("a modulus of 0", |call| call.modulus = ZERO.as_ptr(), FALSE),
    ("flags", |call| call.flags = 1, FALSE),
];

/// 251 and 241, and their product, little-endian.
static P: [u8; 1] = [251];
static Q: [u8; 1] = [241];
static MODULUS: [u8; 2] = (251 * 241_u16).to_le_bytes();
static EVEN: [u8; 2] = (251 * 242_u16).to_le_bytes();
static ZERO: [u8; 2] = [0; 2];
static BASE: [u8; 2] = 12_345_u16.to_le_bytes();
static EXPONENT: [u8; 2] = 6_789_u16.to_le_bytes();

fn good() -> Call {
    Call {
        base: BASE.as_ptr(),
        exponent: EXPONENT.as_ptr(),
        exponent_len: 2,
        modulus: MODULUS.as_ptr(),
        modulus_len: 2,
        has_result: true,
        key: null(),
        flags: 0,
    }
}

fn expected() -> Vec<u8> {
    let [base, modulus] = [&BASE, &MODULUS].map(|bytes| BigUint::from_bytes_le(bytes));
    let value = base.modpow(&BigUint::from_bytes_le(&EXPONENT), &modulus);
    let mut bytes = value.to_bytes_le();
    bytes.resize(2, 0);
    bytes
}

#[track_caller]
fn check(what: &str, call: &Call, expected_answer: i32) {
    let mut result = [UNTOUCHED; 4];
    let place = match call.has_result {
        true => result.as_mut_ptr(),
        false => null_mut(),
    };
    // SAFETY: each pointer is NULL, or leads to as many bytes as are said where a length is one that is read.
    let answer = unsafe {
        OffloadModExpo(
            call.base,
            call.exponent,
            call.exponent_len,
            call.modulus,
            call.modulus_len,
            place,
            call.key,
            call.flags,
        )
    };
    assert_eq!(answer, expected_answer, "{what}");
    let written = match expected_answer {
        TRUE => expected(),
        _ => vec![UNTOUCHED; 2],
    };
    assert_eq!(result[..2], written[..], "{what}");
    assert_eq!(result[2..], [UNTOUCHED; 2], "{what}: beyond the result");
}

#[test]
#[ignore = "a part that the other test gives to a process of its own"]
fn part() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    for (what, spoil, answer) in ROWS {
        let mut call = good();
        spoil(&mut call);
        check(what, &call, *answer);
    }
    private_keys();
    in_place();
    // Nothing that was declined was the module's fault.
    check("at last", &good(), TRUE);
}

/// Whatever is wrong with the primes, the value is the same without them.
fn private_keys() {
    let right = || OFFLOAD_PRIVATE_KEY {
        dwVersion: 1,
        cbPrime1: 1,
        cbPrime2: 1,
        pbPrime1: P.as_ptr(),
        pbPrime2: Q.as_ptr(),
    };
    type Spoil = fn(&mut OFFLOAD_PRIVATE_KEY);
    let rows: &[(&str, Spoil)] = &[
        ("the primes", |_| ()),
        ("version 0", |key| key.dwVersion = 0),
        ("version 2", |key| key.dwVersion = 2),
        ("an absurd version", |key| key.dwVersion = ABSURD),
        ("no first prime", |key| key.pbPrime1 = null()),
        ("no second prime", |key| key.pbPrime2 = null()),
        ("no bytes of prime", |key| key.cbPrime1 = 0),
        ("an absurd prime", |key| key.cbPrime2 = ABSURD),
        ("twice the same prime", |key| key.pbPrime2 = P.as_ptr()),
        // Nothing of such a structure is read but its version.
        ("another version's pointers", |key| {
            key.dwVersion = 7;
            key.pbPrime1 = std::ptr::dangling();
            key.cbPrime1 = 100;
        }),
    ];
    for (what, spoil) in rows {
        let mut key = right();
        spoil(&mut key);
        let call = Call {
            key: &raw const key,
            ..good()
        };
        check(what, &call, TRUE);
    }
    // A structure may be at any address.
    let mut bytes = [0u8; size_of::<OFFLOAD_PRIVATE_KEY>() + 1];
    let odd = bytes[1..].as_mut_ptr().cast::<OFFLOAD_PRIVATE_KEY>();
    // SAFETY: there is room for the structure behind the first byte.
    unsafe { odd.write_unaligned(right()) };
    check("at an odd address", &Call { key: odd, ..good() }, TRUE);
}

fn in_place() {
    let mut number = BASE;
    let at = number.as_mut_ptr();
    // SAFETY: all pointers lead to as many bytes as are said; the result is where the base is, as the caller may want it.
    let answer =
        unsafe { OffloadModExpo(at, EXPONENT.as_ptr(), 2, MODULUS.as_ptr(), 2, at, null(), 0) };
    assert_eq!((answer, &number[..]), (TRUE, &expected()[..]));
}

#[test]
fn what_no_caller_may_mean_is_declined_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    let server = Server::start(&options).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "part", "--ignored", "--nocapture"])
        .env("NFAST_SERVER", &options.socket)
        .env(PART, "1")
        .output()
        .unwrap();
    server.shutdown();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let played = output.status.success() && text.contains("1 passed");
    assert!(played, "{}: {text}\n{errors}", output.status);
}

#[test]
#[cfg(not(windows))]
fn nothing_is_registered_where_nothing_would_be_loaded() {
    use std::io::ErrorKind;
    use std::path::Path;

    use nfmodexp::registration::{register, unregister};

    for answer in [register, unregister] {
        let refused = answer(Path::new("/opt/nfast/lib/libnfmodexp.so")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    }
}
