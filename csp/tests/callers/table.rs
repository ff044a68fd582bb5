//! The table of cases: for every function a call that succeeds, and then the same with one argument spoilt. What kinds of
//! arguments have in common is said once; what a function has of its own is a row.

use csp::alg::{PROVIDERS, Provider};
use csp::constants::*;
use csp::error::CspError;
use csp::ffi::{CryptDataBlob, HmacInfoStruct};

use crate::functions::{FUNCTIONS, Function, Kind, Words};
use crate::stage::{BUFFER, Stage, acquire, has_session_keys, rig};

type Answer = Result<(), CspError>;

/// A call with one argument spoilt.
struct Case {
    what: String,
    words: Words,
    answer: Answer,
}

/// One argument of a function, a value for it, and the answer.
struct Row(&'static str, Kind, usize, CspError);

const ALL: usize = u32::MAX as usize;

/// Values that are wrong by themselves. Where a row's code is no NTE_ one the page says so; the others are CRYPTSPI 2's.
static ROWS: &[Row] = &[
    Row("CPAcquireContext", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row(
        "CPAcquireContext",
        Kind::Flags,
        ALL,
        CspError::NTE_BAD_FLAGS,
    ),
    Row("CPCreateHash", Kind::Number, 0, CspError::NTE_BAD_ALGID),
    Row("CPCreateHash", Kind::Number, ALL, CspError::NTE_BAD_ALGID),
    Row(
        "CPCreateHash",
        Kind::Number,
        0xa400,
        CspError::NTE_BAD_ALGID,
    ),
    Row("CPCreateHash", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPDecrypt", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPDecrypt", Kind::Flags, 0x60, CspError::NTE_BAD_FLAGS),
    Row("CPDeriveKey", Kind::Number, 0, CspError::NTE_BAD_ALGID),
    Row("CPDeriveKey", Kind::Number, ALL, CspError::NTE_BAD_ALGID),
    Row("CPDeriveKey", Kind::Number, 0xa400, CspError::NTE_BAD_ALGID),
    Row("CPDeriveKey", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row(
        "CPDuplicateHash",
        Kind::Flags,
        1,
        CspError::ERROR_INVALID_PARAMETER,
    ),
    Row(
        "CPDuplicateKey",
        Kind::Flags,
        1,
        CspError::ERROR_INVALID_PARAMETER,
    ),
    Row("CPEncrypt", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPEncrypt", Kind::Room, 0, CspError::ERROR_MORE_DATA),
    Row("CPEncrypt", Kind::Room, 15, CspError::ERROR_MORE_DATA),
    Row("CPExportKey", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPExportKey", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row(
        "CPExportKey",
        Kind::Number,
        PRIVATEKEYBLOB as usize,
        CspError::NTE_BAD_KEY_STATE,
    ),
    Row("CPExportKey", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPGenKey", Kind::Number, 0, CspError::NTE_BAD_ALGID),
    Row("CPGenKey", Kind::Number, ALL, CspError::NTE_BAD_ALGID),
    Row("CPGenKey", Kind::Number, 3, CspError::NTE_BAD_ALGID),
    Row("CPGenKey", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPGetHashParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPGetHashParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row("CPGetHashParam", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPGetKeyParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPGetKeyParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row("CPGetKeyParam", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPGetProvParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPGetProvParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row("CPGetProvParam", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPGetUserKey", Kind::Number, 0, CspError::NTE_NO_KEY),
    Row("CPGetUserKey", Kind::Number, ALL, CspError::NTE_NO_KEY),
    Row("CPHashData", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row(
        "CPHashSessionKey",
        Kind::Flags,
        ALL,
        CspError::NTE_BAD_FLAGS,
    ),
    Row("CPImportKey", Kind::InputLength, 0, CspError::NTE_BAD_DATA),
    Row("CPImportKey", Kind::InputLength, 7, CspError::NTE_BAD_DATA),
    Row("CPImportKey", Kind::InputLength, 40, CspError::NTE_BAD_DATA),
    Row("CPImportKey", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPReleaseContext", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPSetHashParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPSetHashParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row(
        "CPSetHashParam",
        Kind::Number,
        HP_HASHSIZE as usize,
        CspError::NTE_BAD_TYPE,
    ),
    Row("CPSetHashParam", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPSetKeyParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPSetKeyParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row("CPSetKeyParam", Kind::Flags, 1, CspError::NTE_BAD_FLAGS),
    Row("CPSetProvParam", Kind::Number, 0, CspError::NTE_BAD_TYPE),
    Row("CPSetProvParam", Kind::Number, ALL, CspError::NTE_BAD_TYPE),
    Row("CPSetProvParam", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row("CPSignHash", Kind::Number, 0, CspError::NTE_BAD_ALGID),
    Row("CPSignHash", Kind::Number, ALL, CspError::NTE_BAD_ALGID),
    Row("CPSignHash", Kind::Flags, ALL, CspError::NTE_BAD_FLAGS),
    Row(
        "CPVerifySignature",
        Kind::InputLength,
        0,
        CspError::NTE_BAD_SIGNATURE,
    ),
    Row(
        "CPVerifySignature",
        Kind::InputLength,
        1,
        CspError::NTE_BAD_SIGNATURE,
    ),
    Row(
        "CPVerifySignature",
        Kind::InputLength,
        BUFFER,
        CspError::NTE_BAD_SIGNATURE,
    ),
    Row(
        "CPVerifySignature",
        Kind::Flags,
        ALL,
        CspError::NTE_BAD_FLAGS,
    ),
];

/// Cases that a function has in every provider: spoilt handles and pointers, and its rows.
fn cases(function: &Function, stage: &Stage, others: &[Stage; 2], base: &Words) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut spoil = |at: usize, what: &str, word: usize, answer: Answer| {
        let mut words = *base;
        words[at] = word;
        let argument = function.arguments[at];
        cases.push(Case {
            what: format!("{argument:?} is {what}"),
            words,
            answer,
        });
    };
    let invalid = Err(CspError::ERROR_INVALID_PARAMETER);
    let numbers = [
        ("1", 1),
        ("all ones", usize::MAX),
        ("a pointer", stage.buffer.as_ptr() as usize),
    ];
    let [sibling, stranger] = others;
    for (at, kind) in function.arguments.iter().enumerate() {
        match kind {
            Kind::Context => {
                let answer = Err(CspError::NTE_BAD_UID);
                spoil(at, "0", 0, answer);
                for (what, word) in numbers {
                    spoil(at, what, word, answer);
                }
                spoil(at, "released", stage.released_context, answer);
                spoil(at, "a key", stage.key, answer);
                spoil(at, "a hash", stage.hash, answer);
            }
            Kind::Key | Kind::OptionalKey => {
                // Plain hashes ignore the key.
                if function.name == "CPCreateHash" {
                    continue;
                }
                let answer = Err(CspError::NTE_BAD_KEY);
                if *kind == Kind::Key {
                    spoil(at, "0", 0, answer);
                }
                for (what, word) in numbers {
                    spoil(at, what, word, answer);
                }
                spoil(at, "destroyed", stage.destroyed_key, answer);
                spoil(at, "a context", stage.context, answer);
                spoil(at, "a hash", stage.hash, answer);
                spoil(at, "another context's", sibling.pair, answer);
                spoil(at, "another provider's", stranger.pair, answer);
            }
            Kind::Hash | Kind::OptionalHash => {
                let answer = Err(CspError::NTE_BAD_HASH);
                if *kind == Kind::Hash {
                    spoil(at, "0", 0, answer);
                }
                for (what, word) in numbers {
                    spoil(at, what, word, answer);
                }
                spoil(at, "destroyed", stage.destroyed_hash, answer);
                spoil(at, "a context", stage.context, answer);
                spoil(at, "a key", stage.key, answer);
                spoil(at, "another context's", sibling.hash, answer);
                spoil(at, "another provider's", stranger.hash, answer);
            }
            Kind::Place | Kind::Length | Kind::Input => spoil(at, "NULL", 0, invalid),
            Kind::InPlace if function.name == "CPDecrypt" => spoil(at, "NULL", 0, invalid),
            // A question for the size.
            Kind::Output | Kind::InPlace => spoil(at, "NULL", 0, Ok(())),
            Kind::Reserved => spoil(at, "not NULL", stage.buffer.as_ptr() as usize, invalid),
            _ => {}
        }
    }
    for Row(_, kind, word, code) in ROWS.iter().filter(|row| row.0 == function.name) {
        let at = function.position(*kind).expect("a row's argument");
        spoil(at, &format!("{word:#x}"), *word, Err(*code));
    }
    cases
}

/// The provider whose handles are strange to another.
fn stranger_to(provider: &Provider) -> &'static Provider {
    let other = PROVIDERS
        .iter()
        .find(|other| other.prov_type != provider.prov_type);
    other.expect("there are several")
}

#[test]
fn each_function_answers_the_documented_code() {
    let mut wrong = Vec::new();
    let mut counted = 0;
    for provider in PROVIDERS.iter().copied() {
        let others = [Stage::of(provider), Stage::of(stranger_to(provider))];
        for function in &FUNCTIONS {
            let mut stage = Stage::of(provider);
            let Some(base) = stage.words(function.name) else {
                assert!(!has_session_keys(provider), "{}", function.name);
                continue;
            };
            let answer = unsafe { function.call(&base) };
            assert_eq!(answer, Ok(()), "{} unspoilt", function.name);
            for number in 0.. {
                // Each case has its own stage: the call may have ended or finished what it was made with.
                let mut stage = Stage::of(provider);
                let base = stage.words(function.name).expect("as before");
                let cases = cases(function, &stage, &others, &base);
                let Some(case) = cases.into_iter().nth(number) else {
                    break;
                };
                let (place, data) = (*stage.place, stage.buffer.clone());
                let answer = unsafe { function.call(&case.words) };
                let touched = answer.is_err() && (*stage.place != place || stage.buffer != data);
                if answer != case.answer || touched {
                    wrong.push(format!(
                        "type {} {}: {}: {answer:?}, not {:?}{}",
                        provider.prov_type,
                        function.name,
                        case.what,
                        case.answer,
                        if touched { ", and wrote" } else { "" }
                    ));
                }
                counted += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(counted > 1000, "{counted} cases");
}

/// Every function with a result of variable size: NULL asks, less than the size is refused and told, and nothing is written.
#[test]
fn short_buffers_are_told_the_size() {
    for provider in PROVIDERS.iter().copied() {
        for function in &FUNCTIONS {
            let Some(at) = function.position(Kind::Output) else {
                continue;
            };
            let mut stage = Stage::of(provider);
            let mut words = stage
                .words(function.name)
                .expect("every provider has these");
            words[at] = 0;
            *stage.length = 0;
            let name = function.name;
            assert_eq!(unsafe { function.call(&words) }, Ok(()), "{name}");
            let size = *stage.length;
            assert!(size > 0, "{name}");
            words[at] = stage.buffer();
            for short in [0, 1, size / 2, size - 1] {
                *stage.length = short;
                stage.buffer.fill(0xa5);
                let answer = unsafe { function.call(&words) };
                assert_eq!(answer, Err(CspError::ERROR_MORE_DATA), "{name} {short}");
                assert_eq!(*stage.length, size, "{name} {short}");
                assert!(stage.buffer.iter().all(|byte| *byte == 0xa5), "{name}");
            }
            assert_eq!(unsafe { function.call(&words) }, Ok(()), "{name}");
            assert_eq!(*stage.length, size, "{name}");
            let beyond = &stage.buffer[size as usize..];
            assert!(beyond.iter().all(|byte| *byte == 0xa5), "{name}");
        }
    }
}

/// Lengths of 4 GiB with memory behind them: the system backs a page only when it is written.
#[test]
fn absurd_lengths_are_refused_or_do_no_harm() {
    let mut vast = vec![0u8; 1 << 32];
    let memory = vast.as_mut_ptr() as usize;
    for provider in PROVIDERS.iter().copied() {
        for function in &FUNCTIONS {
            if let Some(at) = function.position(Kind::Output) {
                let mut stage = Stage::of(provider);
                let mut words = stage
                    .words(function.name)
                    .expect("every provider has these");
                words[at] = memory;
                *stage.length = u32::MAX;
                assert_eq!(
                    unsafe { function.call(&words) },
                    Ok(()),
                    "{}",
                    function.name
                );
                assert!(*stage.length as usize <= BUFFER, "{}", function.name);
            }
        }
        let check = |name: &str, answer: CspError, change: &dyn Fn(&mut Stage, &mut Words)| {
            let mut stage = Stage::of(provider);
            let Some(mut words) = stage.words(name) else {
                return;
            };
            change(&mut stage, &mut words);
            let got = unsafe { Function::named(name).call(&words) };
            assert_eq!(got, Err(answer), "type {} {name}", provider.prov_type);
        };
        check("CPImportKey", CspError::NTE_BAD_DATA, &|_, words| {
            (words[1], words[2]) = (memory, ALL);
        });
        check(
            "CPVerifySignature",
            CspError::NTE_BAD_SIGNATURE,
            &|_, words| {
                (words[2], words[3]) = (memory, ALL);
            },
        );
        check("CPEncrypt", CspError::NTE_BAD_LEN, &|stage, words| {
            *stage.length = u32::MAX;
            (words[5], words[7]) = (memory, ALL);
        });
        check("CPEncrypt", CspError::ERROR_MORE_DATA, &|stage, words| {
            *stage.length = u32::MAX - 7;
            words[3] = 0;
            (words[5], words[7]) = (memory, 0);
        });
        check("CPDecrypt", CspError::NTE_BAD_DATA, &|stage, words| {
            *stage.length = u32::MAX;
            words[5] = memory;
        });
        let string = |length: u32| CryptDataBlob {
            cbData: length,
            pbData: memory as *mut u8,
        };
        let label = string(u32::MAX);
        let group = match provider.family {
            csp::alg::Family::Rsa => None,
            csp::alg::Family::Dss => Some(label),
        };
        if group.is_none() {
            check("CPSetKeyParam", CspError::NTE_BAD_DATA, &|stage, words| {
                words[1] = stage.pair;
                words[2] = KP_OAEP_PARAMS as usize;
                words[3] = std::ptr::from_ref(&label) as usize;
            });
        }
        for param in [KP_P, KP_PUB_PARAMS] {
            let Some(value) = group else { continue };
            check("CPSetKeyParam", CspError::NTE_BAD_DATA, &|stage, words| {
                let generated = stage.unmade_pair();
                words[1] = generated;
                words[2] = param as usize;
                words[3] = std::ptr::from_ref(&value) as usize;
            });
        }
        // A certificate and a descriptor that claim to have gigabytes.
        let der = [0x30, 0x84, 0xff, 0xff, 0xff, 0xf0];
        check("CPSetKeyParam", CspError::NTE_BAD_FLAGS, &|stage, words| {
            words[1] = stage.pair;
            words[2] = KP_CERTIFICATE as usize;
            words[3] = der.as_ptr() as usize;
        });
        let mut descriptor = [0xff; 20];
        descriptor[..4].copy_from_slice(&[1, 0, 4, 0x80]);
        check("CPSetProvParam", CspError::NTE_BAD_FLAGS, &|_, words| {
            words[2] = descriptor.as_ptr() as usize;
        });
        if provider.algorithm(AlgId::CALG_HMAC).is_ok() {
            let info = HmacInfoStruct {
                HashAlgid: AlgId::CALG_SHA1.0,
                pbInnerString: memory as *mut u8,
                cbInnerString: u32::MAX,
                pbOuterString: std::ptr::null_mut(),
                cbOuterString: 0,
            };
            check(
                "CPSetHashParam",
                CspError::NTE_BAD_FLAGS,
                &|stage, words| {
                    words[1] = stage.hmac();
                    words[2] = HP_HMAC_INFO as usize;
                    words[3] = std::ptr::from_ref(&info) as usize;
                },
            );
        }
    }
}

#[test]
fn names_that_are_none_open_nothing() {
    rig();
    let provider = PROVIDERS[0];
    let refused = |name: &str, flags, code| assert_eq!(acquire(provider, name, flags), Err(code));
    refused(&"x".repeat(260), 0, CspError::NTE_BAD_KEYSET_PARAM);
    refused(
        &"x".repeat(70_000),
        CRYPT_NEWKEYSET,
        CspError::NTE_BAD_KEYSET_PARAM,
    );
    refused("named", CRYPT_VERIFYCONTEXT, CspError::NTE_BAD_FLAGS);
    refused("not there", 0, CspError::NTE_BAD_KEYSET);
    refused("not there", CRYPT_DELETEKEYSET, CspError::NTE_BAD_KEYSET);
    refused("../../etc/passwd", 0, CspError::NTE_BAD_KEYSET);
    for prov_type in [0, 999, u32::MAX] {
        let mut stage = Stage::of(provider);
        stage.caller.dwProvType = prov_type;
        let words = stage.words("CPAcquireContext").expect("every provider");
        let answer = unsafe { Function::named("CPAcquireContext").call(&words) };
        assert_eq!(answer, Err(CspError::NTE_BAD_PROV_TYPE), "{prov_type}");
    }
    let mut stage = Stage::of(provider);
    let mut words = stage.words("CPAcquireContext").expect("every provider");
    let name = b"\xff\xfe\0";
    words[1] = name.as_ptr() as usize;
    words[2] = CRYPT_NEWKEYSET as usize;
    let answer = unsafe { Function::named("CPAcquireContext").call(&words) };
    assert_eq!(answer, Err(CspError::NTE_BAD_KEYSET_PARAM));
}

/// A keyed hash needs a key that is live, the context's own, and no pair.
#[test]
fn keyed_hashes_refuse_wrong_keys() {
    for provider in PROVIDERS.iter().copied() {
        if provider.algorithm(AlgId::CALG_HMAC).is_err() {
            continue;
        }
        let sibling = Stage::of(provider);
        for algorithm in [AlgId::CALG_HMAC, AlgId::CALG_MAC] {
            let mut stage = Stage::of(provider);
            let (destroyed, hash, pair) = (stage.destroyed_key, stage.hash, stage.pair);
            for key in [0, 1, usize::MAX, destroyed, hash, pair, sibling.key] {
                let mut words = stage.words("CPCreateHash").expect("every provider");
                words[1] = algorithm.0 as usize;
                words[2] = key;
                let answer = unsafe { Function::named("CPCreateHash").call(&words) };
                assert_eq!(answer, Err(CspError::NTE_BAD_KEY), "{key:#x}");
            }
        }
    }
}

/// What was released or destroyed stays so, also for those who hold the handle twice.
#[test]
fn released_handles_are_dead_for_every_function() {
    let provider = PROVIDERS[0];
    for function in FUNCTIONS.iter().filter(|f| f.arguments[0] == Kind::Context) {
        let mut stage = Stage::of(provider);
        let words = stage.words(function.name).expect("it has everything");
        let release = Function::named("CPReleaseContext");
        let mut released = Words::default();
        released[0] = stage.context;
        assert_eq!(unsafe { release.call(&released) }, Ok(()));
        let answer = unsafe { function.call(&words) };
        assert_eq!(answer, Err(CspError::NTE_BAD_UID), "{}", function.name);
    }
}
