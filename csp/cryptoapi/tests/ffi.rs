//! The functions as a caller sees them, over a provider written in C that notes how it was called.
#![allow(unsafe_code)] // The subject is a C interface.
#![allow(clippy::undocumented_unsafe_blocks)] // Each call passes what the function documents.

mod support;

use std::{
    ffi::{CStr, CString, c_char},
    path::{Path, PathBuf},
    ptr::{null, null_mut},
    sync::{Mutex, OnceLock, PoisonError},
};

use cryptoapi::ffi::*;
use libloading::Library;
use tempfile::TempDir;

const ERROR_INVALID_PARAMETER: u32 = 87;
const ERROR_CALL_NOT_IMPLEMENTED: u32 = 120;
const ERROR_INSUFFICIENT_BUFFER: u32 = 122;
const ERROR_BUSY: u32 = 170;
const ERROR_MORE_DATA: u32 = 234;
const ERROR_NO_MORE_ITEMS: u32 = 259;
const NTE_BAD_SIGNATURE: u32 = 0x8009_0006;
const NTE_BAD_FLAGS: u32 = 0x8009_0009;
const NTE_NO_KEY: u32 = 0x8009_000D;
const NTE_BAD_PROV_TYPE: u32 = 0x8009_0014;
const NTE_BAD_KEYSET: u32 = 0x8009_0016;
const NTE_PROV_TYPE_NOT_DEF: u32 = 0x8009_0017;
const NTE_KEYSET_NOT_DEF: u32 = 0x8009_0019;
const NTE_PROV_TYPE_NO_MATCH: u32 = 0x8009_001B;
const NTE_PROVIDER_DLL_FAIL: u32 = 0x8009_001D;
const NTE_PROV_DLL_NOT_FOUND: u32 = 0x8009_001E;
const NTE_BAD_KEYSET_PARAM: u32 = 0x8009_001F;

const PROV_TEST: u32 = 77;
const NAME: &CStr = c"Recording Provider";

/// Held while a provider is registered, and while all are enumerated, which goes by their places in the list.
static REGISTERING: Mutex<()> = Mutex::new(());

fn register_image(name: &str, prov_type: u32, image: &Path) {
    let _alone = REGISTERING.lock().unwrap_or_else(PoisonError::into_inner);
    cryptoapi::register_image(name, prov_type, image);
}

/// The provider's image, compiled and registered once.
struct Recorder {
    library: Library,
    path: PathBuf,
    _folder: TempDir,
}

fn recorder() -> &'static Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = support::provider(folder.path(), "librecorder.so", &[]);
        register_image(name(NAME), PROV_TEST, &path);
        let library = unsafe { Library::new(&path) }.expect("the provider loads");
        Recorder {
            library,
            path,
            _folder: folder,
        }
    })
}

/// What the provider noted for this thread since the last question.
fn notes() -> String {
    let notes = unsafe {
        let ask = recorder()
            .library
            .get::<unsafe extern "C" fn() -> *const c_char>(b"TestNotes");
        CStr::from_ptr(ask.expect("exported")())
    };
    notes.to_str().expect("ASCII").to_owned()
}

/// Has the next entry point on this thread fail with `code`.
fn fail_next(code: u32) {
    unsafe {
        let set = recorder()
            .library
            .get::<unsafe extern "C" fn(u32)>(b"TestFailNext");
        set.expect("exported")(code);
    }
}

fn name(text: &CStr) -> &str {
    text.to_str().expect("ASCII")
}

fn acquire() -> usize {
    recorder();
    let mut context = 0;
    assert_eq!(
        unsafe { CryptAcquireContextA(&mut context, c"box".as_ptr(), NAME.as_ptr(), PROV_TEST, 0) },
        1
    );
    assert_ne!(context, 0);
    notes();
    context
}

fn gen_key(context: usize) -> usize {
    let mut key = 0;
    assert_eq!(unsafe { CryptGenKey(context, 0x6610, 0, &mut key) }, 1);
    notes();
    key
}

fn create_hash(context: usize) -> usize {
    let mut hash = 0;
    assert_eq!(
        unsafe { CryptCreateHash(context, 0x800c, 0, 0, &mut hash) },
        1
    );
    notes();
    hash
}

/// FALSE with this code.
#[track_caller]
fn refused(answer: i32, code: u32) {
    assert_eq!(
        (answer, GetLastError()),
        (0, code),
        "expected FALSE with {code:#x}"
    );
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

#[test]
fn acquire_tells_the_provider_about_its_caller() {
    recorder();
    let mut context = 0;
    let answer = unsafe {
        CryptAcquireContextA(
            &mut context,
            c"my box".as_ptr(),
            NAME.as_ptr(),
            PROV_TEST,
            0x28,
        )
    };
    assert_eq!(answer, 1);
    // The window is the process's, and another test's to set.
    let told = notes();
    let (told, _) = told
        .split_once(" window=")
        .expect("the note ends with the window");
    assert_eq!(
        told,
        "CPAcquireContext container=my box flags=28 version=3 type=77 name=Recording Provider \
         info=null/0 verify=1"
    );
}

#[test]
fn a_missing_container_name_arrives_as_null() {
    recorder();
    let mut context = 0;
    let answer = unsafe {
        CryptAcquireContextW(
            &mut context,
            null(),
            utf16(name(NAME)).as_ptr(),
            PROV_TEST,
            0,
        )
    };
    assert_eq!(answer, 1);
    assert!(notes().starts_with("CPAcquireContext container=null "));
}

#[test]
fn a_wide_container_name_arrives_as_utf8() {
    recorder();
    let mut context = 0;
    let answer = unsafe {
        CryptAcquireContextW(
            &mut context,
            utf16("Schlüssel 🔑").as_ptr(),
            utf16("recording PROVIDER").as_ptr(),
            PROV_TEST,
            0,
        )
    };
    assert_eq!(answer, 1);
    let notes = notes();
    assert!(
        notes.starts_with("CPAcquireContext container=Schlüssel 🔑 "),
        "{notes}"
    );
    assert!(notes.contains("name=Recording Provider"), "{notes}");
}

#[test]
fn half_a_surrogate_pair_is_no_container_name() {
    recorder();
    let mut context = 0;
    let broken = [0x61, 0xD83D, 0];
    let answer = unsafe {
        CryptAcquireContextW(
            &mut context,
            broken.as_ptr(),
            utf16(name(NAME)).as_ptr(),
            PROV_TEST,
            0,
        )
    };
    refused(answer, NTE_BAD_KEYSET_PARAM);
}

#[test]
fn acquire_sets_the_last_error_to_0() {
    SetLastError(5);
    acquire();
    assert_eq!(GetLastError(), 0);
}

#[test]
fn acquire_checks_type_then_pointer_then_name() {
    recorder();
    let mut context = 7;
    let acquire = |place: *mut usize, provider: Option<&CStr>, prov_type| unsafe {
        let provider = provider.map_or(null(), CStr::as_ptr);
        CryptAcquireContextA(place, null(), provider, prov_type, 0)
    };
    refused(acquire(null_mut(), None, 0), NTE_BAD_PROV_TYPE);
    refused(acquire(null_mut(), None, 1000), NTE_BAD_PROV_TYPE);
    refused(
        acquire(null_mut(), Some(NAME), PROV_TEST),
        ERROR_INVALID_PARAMETER,
    );
    refused(
        acquire(&mut context, Some(c"Nobody"), PROV_TEST),
        NTE_KEYSET_NOT_DEF,
    );
    refused(
        acquire(&mut context, Some(NAME), 24),
        NTE_PROV_TYPE_NO_MATCH,
    );
    refused(acquire(&mut context, None, 500), NTE_PROV_TYPE_NOT_DEF);
    refused(acquire(&mut context, Some(c""), 500), NTE_PROV_TYPE_NOT_DEF);
    assert_eq!(notes(), "", "the provider was not asked");
}

#[test]
fn a_failed_acquire_clears_the_handle_and_keeps_the_providers_code() {
    recorder();
    let mut context = 7;
    fail_next(NTE_BAD_KEYSET);
    let answer = unsafe { CryptAcquireContextA(&mut context, null(), NAME.as_ptr(), PROV_TEST, 0) };
    refused(answer, NTE_BAD_KEYSET);
    assert_eq!(context, 0);
}

#[test]
fn deleting_a_container_leaves_no_handle() {
    recorder();
    let mut context = 7;
    let answer = unsafe {
        CryptAcquireContextA(
            &mut context,
            c"box".as_ptr(),
            NAME.as_ptr(),
            PROV_TEST,
            0x10,
        )
    };
    assert_eq!((answer, context, GetLastError()), (1, 0, 0));
}

#[test]
fn images_that_are_absent_broken_or_incomplete_have_their_codes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let acquire = |file: &str, prov_type: u32| {
        let name = CString::new(file).expect("no NUL");
        register_image(file, prov_type, &folder.path().join(file));
        let mut context = 0;
        unsafe { CryptAcquireContextA(&mut context, null(), name.as_ptr(), prov_type, 0) }
    };
    refused(acquire("absent.so", 201), NTE_PROV_DLL_NOT_FOUND);
    std::fs::write(folder.path().join("text.so"), "not an image").expect("writable");
    refused(acquire("text.so", 202), NTE_PROVIDER_DLL_FAIL);
    support::provider(
        folder.path(),
        "incomplete.so",
        &["-DPROVIDER_WITHOUT_RANDOM"],
    );
    refused(acquire("incomplete.so", 203), NTE_PROVIDER_DLL_FAIL);
}

#[test]
fn duplicates_are_the_only_entry_points_that_may_be_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = support::provider(folder.path(), "old.so", &["-DPROVIDER_WITHOUT_DUPLICATES"]);
    register_image("Old Provider", 204, &path);
    let mut context = 0;
    let answer =
        unsafe { CryptAcquireContextA(&mut context, null(), c"Old Provider".as_ptr(), 204, 0) };
    assert_eq!(answer, 1);
    let (key, hash) = (gen_key(context), create_hash(context));
    let mut copy = 0;
    refused(
        unsafe { CryptDuplicateKey(key, null_mut(), 0, &mut copy) },
        ERROR_CALL_NOT_IMPLEMENTED,
    );
    refused(
        unsafe { CryptDuplicateHash(hash, null_mut(), 0, &mut copy) },
        ERROR_CALL_NOT_IMPLEMENTED,
    );
}

#[test]
fn every_argument_reaches_the_provider() {
    let context = acquire();
    let (mut key, mut hash, mut copy) = (0, 0, 0);
    let mut buffer = [0_u8; 16];
    let data = buffer.as_mut_ptr();
    let mut length = 16_u32;

    #[track_caller]
    fn ok(answer: i32, expected: &str) {
        assert_eq!((answer, notes().trim_end()), (1, expected));
    }
    unsafe {
        ok(
            CryptGenKey(context, 0x2400, 0x0800_0001, &mut key),
            "CPGenKey context=1001 algid=2400 flags=8000001",
        );
        ok(
            CryptCreateHash(context, 0x8009, key, 0, &mut hash),
            "CPCreateHash context=1001 algid=8009 key=2001 flags=0",
        );
        ok(
            CryptHashData(hash, data, 16, 1),
            "CPHashData context=1001 hash=3001 length=16 flags=1",
        );
        ok(
            CryptHashSessionKey(hash, key, 1),
            "CPHashSessionKey context=1001 hash=3001 key=2001 flags=1",
        );
        ok(
            CryptDeriveKey(context, 0x6601, hash, 0x10, &mut copy),
            "CPDeriveKey context=1001 algid=6601 base=3001 flags=10",
        );
        ok(
            CryptGetUserKey(context, 2, &mut copy),
            "CPGetUserKey context=1001 spec=2",
        );
        ok(
            CryptDuplicateKey(key, null_mut(), 3, &mut copy),
            "CPDuplicateKey context=1001 key=2001 reserved=null flags=3",
        );
        ok(
            CryptDuplicateHash(hash, &mut length, 0, &mut copy),
            "CPDuplicateHash context=1001 hash=3001 reserved=given flags=0",
        );
        ok(
            CryptSetKeyParam(key, 1, data, 2),
            "CPSetKeyParam context=1001 key=2001 param=1 data=given flags=2",
        );
        ok(
            CryptSetKeyParam(key, 14, null(), 0),
            "CPSetKeyParam context=1001 key=2001 param=14 data=null flags=0",
        );
        ok(
            CryptGetKeyParam(key, 9, data, &mut length, 5),
            "CPGetKeyParam context=1001 key=2001 param=9 data=given length=16 flags=5",
        );
        assert_eq!(buffer[0], 0x5a);
        ok(
            CryptSetHashParam(hash, 2, null(), 0),
            "CPSetHashParam context=1001 hash=3001 param=2 data=null flags=0",
        );
        ok(
            CryptSetProvParam(context, 41, data, 6),
            "CPSetProvParam context=1001 param=41 data=given flags=6",
        );
        ok(
            CryptGetProvParam(context, 38, null_mut(), null_mut(), 0),
            "CPGetProvParam context=1001 param=38 data=null length=null flags=0",
        );
        length = 4;
        ok(
            CryptExportKey(key, key, 1, 0x40, data, &mut length),
            "CPExportKey context=1001 key=2001 export=2001 type=1 flags=40 data=given length=4",
        );
        ok(
            CryptImportKey(context, c"abc".as_ptr().cast(), 3, key, 1, &mut copy),
            "CPImportKey context=1001 data=abc import=2001 flags=1",
        );
        ok(
            CryptImportKey(context, c"abc".as_ptr().cast(), 2, 0, 0, &mut copy),
            "CPImportKey context=1001 data=ab import=0 flags=0",
        );
        length = 9;
        ok(
            CryptEncrypt(key, hash, 1, 0x40, data, &mut length, 16),
            "CPEncrypt context=1001 key=2001 hash=3001 final=1 flags=40 data=given length=9 buffer=16",
        );
        ok(
            CryptEncrypt(key, 0, 0, 0, null_mut(), &mut length, 0),
            "CPEncrypt context=1001 key=2001 hash=0 final=0 flags=0 data=null length=9 buffer=0",
        );
        ok(
            CryptDecrypt(key, hash, 1, 0x20, data, &mut length),
            "CPDecrypt context=1001 key=2001 hash=3001 final=1 flags=20 data=given length=9",
        );
        ok(
            CryptGenRandom(context, 16, data),
            "CPGenRandom context=1001 length=16",
        );
        assert_eq!(buffer, [4; 16]);
        ok(
            CryptGenRandom(context, 0, null_mut()),
            "CPGenRandom context=1001 length=0",
        );
        length = 16;
        ok(
            CryptGetHashParam(hash, 2, data, &mut length, 7),
            "CPGetHashParam context=1001 hash=3001 param=2 data=given length=16 flags=7",
        );
        assert_eq!(length, 1);
        length = 16;
        ok(
            CryptSignHashA(hash, 2, c"aé".as_ptr(), 1, data, &mut length),
            "CPSignHash context=1001 hash=3001 spec=2 description=0061,00e9, flags=1 \
             signature=given length=16",
        );
        assert_eq!(length, 8);
        ok(
            CryptSignHashW(hash, 1, utf16("b").as_ptr(), 0, null_mut(), &mut length),
            "CPSignHash context=1001 hash=3001 spec=1 description=0062, flags=0 signature=null \
             length=8",
        );
        ok(
            CryptVerifySignatureA(hash, data, 8, key, null(), 1),
            "CPVerifySignature context=1001 hash=3001 signature=given length=8 key=2001 \
             description=null flags=1",
        );
        ok(
            CryptVerifySignatureW(hash, data, 8, key, utf16("c").as_ptr(), 0),
            "CPVerifySignature context=1001 hash=3001 signature=given length=8 key=2001 \
             description=0063, flags=0",
        );
        ok(
            CryptDestroyHash(hash),
            "CPDestroyHash context=1001 hash=3001",
        );
        ok(CryptDestroyKey(key), "CPDestroyKey context=1001 key=2001");
        ok(
            CryptReleaseContext(context, 9),
            "CPReleaseContext context=1001 flags=9",
        );
    }
}

#[test]
fn the_providers_failure_becomes_the_callers() {
    let context = acquire();
    let mut key = 0x77;
    fail_next(NTE_NO_KEY);
    refused(unsafe { CryptGetUserKey(context, 2, &mut key) }, NTE_NO_KEY);
    assert_eq!(key, 0x77, "nothing was stored");
    // Success leaves the code alone.
    assert_eq!(unsafe { CryptGetUserKey(context, 2, &mut key) }, 1);
    assert_eq!(GetLastError(), NTE_NO_KEY);
}

#[test]
fn the_last_error_belongs_to_the_thread() {
    let context = acquire();
    std::thread::spawn(move || {
        let mut key = 0;
        fail_next(NTE_NO_KEY);
        refused(unsafe { CryptGetUserKey(context, 2, &mut key) }, NTE_NO_KEY);
    })
    .join()
    .expect("the thread asserts and ends");
    assert_eq!(GetLastError(), 0);
}

#[test]
fn a_wrong_length_signature_with_a_null_pointer_is_the_providers_to_judge() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    let verify = |length| unsafe { CryptVerifySignatureA(hash, null(), length, key, null(), 0) };
    refused(verify(3), NTE_BAD_SIGNATURE);
    refused(verify(8), ERROR_INVALID_PARAMETER);
}

/// Every function that takes a handle, called with `bad` in each place where one goes; the other
/// handles are good.
fn refuses_handle(bad: usize, context: usize, key: usize, hash: usize) {
    let mut out = 0;
    let mut buffer = [0_u8; 8];
    let data = buffer.as_mut_ptr();
    let mut length = 8;
    let answers = unsafe {
        [
            CryptReleaseContext(bad, 0),
            CryptContextAddRef(bad, null_mut(), 0),
            CryptGenKey(bad, 1, 0, &mut out),
            CryptDeriveKey(bad, 1, hash, 0, &mut out),
            CryptDeriveKey(context, 1, bad, 0, &mut out),
            CryptGetUserKey(bad, 1, &mut out),
            CryptDestroyKey(bad),
            CryptDuplicateKey(bad, null_mut(), 0, &mut out),
            CryptSetKeyParam(bad, 1, data, 0),
            CryptGetKeyParam(bad, 1, data, &mut length, 0),
            CryptExportKey(bad, 0, 6, 0, data, &mut length),
            CryptImportKey(bad, data, 8, 0, 0, &mut out),
            CryptEncrypt(bad, 0, 1, 0, data, &mut length, 8),
            CryptDecrypt(bad, 0, 1, 0, data, &mut length),
            CryptCreateHash(bad, 1, 0, 0, &mut out),
            CryptDestroyHash(bad),
            CryptDuplicateHash(bad, null_mut(), 0, &mut out),
            CryptHashData(bad, data, 8, 0),
            CryptHashSessionKey(bad, key, 0),
            CryptHashSessionKey(hash, bad, 0),
            CryptGetHashParam(bad, 2, data, &mut length, 0),
            CryptSetHashParam(bad, 2, data, 0),
            CryptSignHashA(bad, 2, null(), 0, data, &mut length),
            CryptSignHashW(bad, 2, null(), 0, data, &mut length),
            CryptVerifySignatureA(bad, data, 8, key, null(), 0),
            CryptVerifySignatureW(hash, data, 8, bad, null(), 0),
            CryptSetProvParam(bad, 41, data, 0),
            CryptGetProvParam(bad, 4, data, &mut length, 0),
            CryptGenRandom(bad, 8, data),
        ]
    };
    assert_eq!(answers, [0; 29]);
    assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
    if bad != 0 {
        // In these places 0 means none, and is good.
        let answers = unsafe {
            [
                CryptCreateHash(context, 1, bad, 0, &mut out),
                CryptEncrypt(key, bad, 1, 0, data, &mut length, 8),
                CryptDecrypt(key, bad, 1, 0, data, &mut length),
                CryptExportKey(key, bad, 1, 0, data, &mut length),
                CryptImportKey(context, data, 8, bad, 0, &mut out),
            ]
        };
        assert_eq!(answers, [0; 5]);
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
    }
    assert_eq!(notes(), "", "the provider was not asked");
}

#[test]
fn made_up_handles_are_refused_everywhere() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    for bad in [0, 1, 0x1001, usize::MAX, &raw const key as usize] {
        refuses_handle(bad, context, key, hash);
    }
}

#[test]
fn handles_of_the_wrong_kind_are_refused() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    refused(unsafe { CryptDestroyKey(hash) }, ERROR_INVALID_PARAMETER);
    refused(unsafe { CryptDestroyHash(key) }, ERROR_INVALID_PARAMETER);
    refused(
        unsafe { CryptReleaseContext(key, 0) },
        ERROR_INVALID_PARAMETER,
    );
    let mut out = 0;
    refused(
        unsafe { CryptGenKey(key, 1, 0, &mut out) },
        ERROR_INVALID_PARAMETER,
    );
}

#[test]
fn handles_are_stale_after_destroy_and_release() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    let (gone_key, gone_hash) = (gen_key(context), create_hash(context));
    assert_eq!(unsafe { CryptDestroyKey(gone_key) }, 1);
    assert_eq!(unsafe { CryptDestroyHash(gone_hash) }, 1);
    notes();
    refuses_handle(gone_key, context, key, hash);
    refuses_handle(gone_hash, context, key, hash);

    let other = acquire();
    let (other_key, other_hash) = (gen_key(other), create_hash(other));
    assert_eq!(unsafe { CryptReleaseContext(context, 0) }, 1);
    notes();
    for stale in [context, key, hash] {
        refuses_handle(stale, other, other_key, other_hash);
    }
}

#[test]
fn null_output_pointers_are_refused_before_the_provider_is_asked() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    let mut data = [0_u8; 8];
    let data = data.as_mut_ptr();
    let mut length = 8;
    let answers = unsafe {
        [
            CryptGenKey(context, 1, 0, null_mut()),
            CryptDeriveKey(context, 1, hash, 0, null_mut()),
            CryptGetUserKey(context, 1, null_mut()),
            CryptDuplicateKey(key, null_mut(), 0, null_mut()),
            CryptGetKeyParam(key, 1, data, null_mut(), 0),
            CryptExportKey(key, 0, 6, 0, data, null_mut()),
            CryptImportKey(context, data, 8, 0, 0, null_mut()),
            CryptImportKey(context, null(), 8, 0, 0, &mut { 0 }),
            CryptImportKey(context, data, 0, 0, 0, &mut { 0 }),
            CryptEncrypt(key, 0, 1, 0, data, null_mut(), 8),
            CryptDecrypt(key, 0, 1, 0, data, null_mut()),
            CryptDecrypt(key, 0, 1, 0, null_mut(), &mut length),
            CryptCreateHash(context, 1, 0, 0, null_mut()),
            CryptDuplicateHash(hash, null_mut(), 0, null_mut()),
            CryptHashData(hash, null(), 8, 0),
            CryptGetHashParam(hash, 2, data, null_mut(), 0),
            CryptSignHashA(hash, 2, null(), 0, data, null_mut()),
            CryptSignHashW(hash, 2, null(), 0, data, null_mut()),
            CryptGenRandom(context, 8, null_mut()),
            CryptSetProvParam(0, 1, null(), 0),
        ]
    };
    assert_eq!(answers, [0; 20]);
    assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
    assert_eq!(notes(), "");
}

#[test]
fn create_hash_takes_no_flags() {
    let context = acquire();
    let mut hash = 0;
    refused(
        unsafe { CryptCreateHash(context, 0x8004, 0, 1, &mut hash) },
        NTE_BAD_FLAGS,
    );
    assert_eq!(notes(), "");
}

#[test]
fn the_provider_releases_after_the_last_reference() {
    let context = acquire();
    let key = gen_key(context);
    let mut reserved = 0;
    refused(
        unsafe { CryptContextAddRef(context, &mut reserved, 0) },
        ERROR_INVALID_PARAMETER,
    );
    refused(
        unsafe { CryptContextAddRef(context, null_mut(), 1) },
        ERROR_INVALID_PARAMETER,
    );
    assert_eq!(unsafe { CryptContextAddRef(context, null_mut(), 0) }, 1);
    assert_eq!(unsafe { CryptReleaseContext(context, 0) }, 1);
    assert_eq!(notes(), "");
    assert_eq!(
        unsafe { CryptSetKeyParam(key, 1, null(), 0) },
        1,
        "the key is alive"
    );
    notes();
    assert_eq!(unsafe { CryptReleaseContext(context, 0) }, 1);
    assert_eq!(notes(), "CPReleaseContext context=1001 flags=0\n");
    refused(
        unsafe { CryptReleaseContext(context, 0) },
        ERROR_INVALID_PARAMETER,
    );
}

#[test]
fn a_release_with_flags_fails_and_releases() {
    let context = acquire();
    fail_next(NTE_BAD_FLAGS);
    refused(unsafe { CryptReleaseContext(context, 1) }, NTE_BAD_FLAGS);
    refused(
        unsafe { CryptReleaseContext(context, 0) },
        ERROR_INVALID_PARAMETER,
    );
}

#[test]
fn busy_objects_keep_their_handles() {
    let context = acquire();
    let (key, hash) = (gen_key(context), create_hash(context));
    fail_next(ERROR_BUSY);
    refused(unsafe { CryptDestroyKey(key) }, ERROR_BUSY);
    assert_eq!(unsafe { CryptDestroyKey(key) }, 1);
    fail_next(ERROR_BUSY);
    refused(unsafe { CryptDestroyHash(hash) }, ERROR_BUSY);
    assert_eq!(unsafe { CryptDestroyHash(hash) }, 1);
    fail_next(ERROR_BUSY);
    refused(unsafe { CryptReleaseContext(context, 0) }, ERROR_BUSY);
    assert_eq!(unsafe { CryptReleaseContext(context, 0) }, 1);
}

#[test]
fn the_process_window_reaches_providers_and_a_contexts_goes_to_its_provider() {
    let context = acquire();
    let window = 0xabcd_usize;
    let data = (&raw const window).cast();
    // On Windows bit 0 of the flags means nothing here; Wine 8 swallows such calls.
    assert_eq!(unsafe { CryptSetProvParam(context, 8, data, 1) }, 1);
    assert_eq!(
        notes(),
        "CPSetProvParam context=1001 param=8 data=given flags=1\n"
    );
    assert_eq!(unsafe { CryptSetProvParam(context, 1, data, 0) }, 1);
    assert_eq!(
        notes(),
        "CPSetProvParam context=1001 param=1 data=given flags=0\n"
    );

    assert_eq!(unsafe { CryptSetProvParam(0, 1, data, 0) }, 1);
    let mut other = 0;
    let answer = unsafe { CryptAcquireContextA(&mut other, null(), NAME.as_ptr(), PROV_TEST, 0) };
    assert_eq!(answer, 1);
    let told = notes();
    assert!(told.ends_with("window=abcd\n"), "{told}");
    let none = 0_usize;
    assert_eq!(
        unsafe { CryptSetProvParam(0, 1, (&raw const none).cast(), 0) },
        1
    );
    refused(
        unsafe { CryptSetProvParam(0, 41, data, 0) },
        ERROR_INVALID_PARAMETER,
    );
}

#[test]
fn a_short_security_descriptor_buffer_is_true_with_a_last_error() {
    let context = acquire();
    let mut buffer = [0_u8; 40];
    let mut length = 0;
    let ask =
        |data: *mut u8, length: &mut u32| unsafe { CryptGetProvParam(context, 8, data, length, 4) };
    assert_eq!((ask(null_mut(), &mut length), length), (1, 40));
    assert_eq!(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    SetLastError(0);
    length = 39;
    assert_eq!((ask(buffer.as_mut_ptr(), &mut length), length), (1, 40));
    assert_eq!(GetLastError(), ERROR_INSUFFICIENT_BUFFER);
    SetLastError(0);
    assert_eq!((ask(buffer.as_mut_ptr(), &mut length), length), (1, 40));
    assert_eq!(GetLastError(), 0);
}

#[test]
fn providers_are_enumerated_by_name_with_their_types() {
    let _alone = REGISTERING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::new();
    for index in 0.. {
        let (mut prov_type, mut length) = (0, 0);
        let ask = |name, length: &mut u32, prov_type: &mut u32| unsafe {
            CryptEnumProvidersA(index, null_mut(), 0, prov_type, name, length)
        };
        if ask(null_mut(), &mut length, &mut prov_type) == 0 {
            assert_eq!(GetLastError(), ERROR_NO_MORE_ITEMS);
            break;
        }
        let mut name = vec![0_u8; length as usize];
        length -= 1;
        refused(
            ask(name.as_mut_ptr().cast(), &mut length, &mut prov_type),
            ERROR_MORE_DATA,
        );
        assert_eq!(length as usize, name.len());
        assert_eq!(
            ask(name.as_mut_ptr().cast(), &mut length, &mut prov_type),
            1
        );
        let name = CStr::from_bytes_with_nul(&name).expect("exactly one NUL, at the end");
        found.push((self::name(name).to_owned(), prov_type));
    }
    found.retain(|(name, _)| name.starts_with('n'));
    let expected = [
        ("nCipher DSS Signature Cryptographic Provider", 3),
        ("nCipher Enhanced Cryptographic Provider", 1),
        (
            "nCipher Enhanced DSS and Diffie-Hellman Cryptographic Provider",
            13,
        ),
        (
            "nCipher Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
            18,
        ),
        ("nCipher Enhanced RSA and AES Cryptographic Provider", 24),
        ("nCipher Enhanced SChannel Cryptographic Provider", 12),
        ("nShield DSS Signature Cryptographic Provider", 3),
        ("nShield Enhanced Cryptographic Provider", 1),
        (
            "nShield Enhanced DSS and Diffie-Hellman Cryptographic Provider",
            13,
        ),
        (
            "nShield Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
            18,
        ),
        ("nShield Enhanced RSA and AES Cryptographic Provider", 24),
        ("nShield Enhanced SChannel Cryptographic Provider", 12),
    ];
    assert_eq!(
        found,
        expected.map(|(name, prov_type)| (name.to_owned(), prov_type))
    );
}

#[test]
fn wide_sizes_are_in_bytes() {
    let (mut prov_type, mut length) = (0, 0);
    let mut text = [0_u16; 100];
    let answer = unsafe {
        CryptEnumProviderTypesW(5, null_mut(), 0, &mut prov_type, null_mut(), &mut length)
    };
    assert_eq!((answer, prov_type, length), (1, 24, 2 * 17));
    let answer = unsafe {
        CryptEnumProviderTypesW(
            5,
            null_mut(),
            0,
            &mut prov_type,
            text.as_mut_ptr(),
            &mut length,
        )
    };
    assert_eq!(answer, 1);
    assert_eq!(&text[..17], utf16("RSA Full and AES"));
    length = 33;
    refused(
        unsafe {
            CryptEnumProviderTypesW(
                5,
                null_mut(),
                0,
                &mut prov_type,
                text.as_mut_ptr(),
                &mut length,
            )
        },
        ERROR_MORE_DATA,
    );
}

#[test]
fn enumerations_check_reserved_pointers_and_flags() {
    let (mut prov_type, mut length, mut reserved) = (0, 0, 5);
    unsafe {
        refused(
            CryptEnumProvidersA(0, &mut reserved, 0, &mut prov_type, null_mut(), &mut length),
            ERROR_INVALID_PARAMETER,
        );
        refused(
            CryptEnumProvidersW(0, null_mut(), 5, &mut prov_type, null_mut(), &mut length),
            NTE_BAD_FLAGS,
        );
        refused(
            CryptEnumProviderTypesA(0, null_mut(), 0, &mut prov_type, null_mut(), null_mut()),
            ERROR_INVALID_PARAMETER,
        );
        refused(
            CryptEnumProviderTypesA(6, null_mut(), 0, &mut prov_type, null_mut(), &mut length),
            ERROR_NO_MORE_ITEMS,
        );
        refused(
            CryptGetDefaultProviderA(24, &mut reserved, 1, null_mut(), &mut length),
            ERROR_INVALID_PARAMETER,
        );
        refused(
            CryptGetDefaultProviderA(24, null_mut(), 0xdead_beef, null_mut(), &mut length),
            NTE_BAD_FLAGS,
        );
        refused(
            CryptGetDefaultProviderA(0xdead_beef, null_mut(), 1, null_mut(), &mut length),
            NTE_BAD_PROV_TYPE,
        );
        refused(
            CryptGetDefaultProviderW(300, null_mut(), 1, null_mut(), &mut length),
            NTE_PROV_TYPE_NOT_DEF,
        );
        refused(CryptSetProviderA(null(), 24), ERROR_INVALID_PARAMETER);
        refused(
            CryptSetProviderW(utf16("Nobody").as_ptr(), 24),
            NTE_KEYSET_NOT_DEF,
        );
        refused(
            CryptSetProviderExA(NAME.as_ptr(), 24, &mut reserved, 2),
            ERROR_INVALID_PARAMETER,
        );
        refused(
            CryptSetProviderExA(NAME.as_ptr(), 24, null_mut(), 0),
            NTE_BAD_FLAGS,
        );
        refused(
            CryptSetProviderExA(NAME.as_ptr(), 24, null_mut(), 4),
            NTE_BAD_FLAGS,
        );
    }
}

#[test]
fn a_default_provider_is_used_when_no_name_is_given() {
    recorder();
    let path = &recorder().path;
    register_image("Default Provider", 310, path);
    let mut context = 0;
    let acquire =
        |context: &mut usize| unsafe { CryptAcquireContextA(context, null(), null(), 310, 0) };
    refused(acquire(&mut context), NTE_PROV_TYPE_NOT_DEF);
    assert_eq!(
        unsafe { CryptSetProviderA(c"default provider".as_ptr(), 310) },
        1
    );
    assert_eq!(acquire(&mut context), 1);
    let told = notes();
    assert!(told.contains("type=310 name=Default Provider "), "{told}");

    let mut text = [0_u16; 40];
    let mut length = 80;
    let answer =
        unsafe { CryptGetDefaultProviderW(310, null_mut(), 2, text.as_mut_ptr(), &mut length) };
    assert_eq!((answer, length), (1, 34));
    assert_eq!(&text[..17], utf16("Default Provider"));

    let answer =
        unsafe { CryptSetProviderExW(utf16("Default Provider").as_ptr(), 310, null_mut(), 2 | 4) };
    assert_eq!(answer, 1);
    refused(acquire(&mut context), NTE_PROV_TYPE_NOT_DEF);
}

#[test]
fn sixteen_threads_share_the_tables() {
    recorder();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let context = acquire();
                    let hash = create_hash(context);
                    let data = [1_u8; 3];
                    assert_eq!(unsafe { CryptHashData(hash, data.as_ptr(), 3, 0) }, 1);
                    let (mut value, mut length) = ([0_u8; 1], 1);
                    let answer =
                        unsafe { CryptGetHashParam(hash, 2, value.as_mut_ptr(), &mut length, 0) };
                    assert_eq!((answer, value), (1, [3]));
                    assert_eq!(unsafe { CryptReleaseContext(context, 0) }, 1);
                    refused(unsafe { CryptDestroyHash(hash) }, ERROR_INVALID_PARAMETER);
                }
            });
        }
    });
}
