//! The `Crypt*` functions with slices in place of pointers, and the provider's own entry points.
//!
//! Every function here is safe to call with any handles and lengths: those that go to the provider come from the
//! slices, output buffers have guard bytes behind them, and data whose length the provider knows by itself is padded far
//! enough. Parameters whose data holds pointers have functions of their own; their numbers must not go through the
//! functions for plain bytes.

// The subject is a C interface.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use cryptoapi::{Handle, Table, VTableProvStruc, ffi};

use super::Code;

/// A value, or the last error.
pub(super) type Result<T> = std::result::Result<T, Code>;

/// Bytes behind every output buffer, to be found unchanged.
const GUARD: [u8; 32] = [0xa5; 32];

/// Room given to data whose length the provider knows by the parameter: no parameter that is plain bytes has more.
const PARAMETER_ROOM: usize = 1024;

/// What to pass as an output buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// NULL: a question for the size.
    Ask,
    /// A buffer of so many bytes, and that length.
    Bytes(usize),
}

/// What a function with an output buffer answered.
#[derive(Clone, Debug)]
pub struct Output<E> {
    /// TRUE, or why not.
    pub result: std::result::Result<(), E>,
    /// What the length variable holds afterwards.
    pub length: u32,
    /// The buffer as it is afterwards, whole; empty for [`Room::Ask`].
    pub buffer: Vec<u8>,
}

impl<E> Output<E> {
    /// The answer's bytes, when it was TRUE: the buffer up to the length.
    pub fn data(mut self) -> std::result::Result<Vec<u8>, E> {
        self.result?;
        self.buffer.truncate(self.length as usize);
        Ok(self.buffer)
    }
}

/// What the guide's names (CAPI guide, section 3) have between the vendor and their common end, with their types.
const NAMES: [(&str, u32); 6] = [
    ("Enhanced", 1),
    ("DSS Signature", 3),
    ("Enhanced SChannel", 12),
    ("Enhanced DSS and Diffie-Hellman", 13),
    ("Enhanced DSS and Diffie-Hellman SChannel", 18),
    ("Enhanced RSA and AES", 24),
];

/// The provider under test, registered once under all its names and types.
pub fn register_provider() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for vendor in ["nShield", "nCipher"] {
            for (name, prov_type) in NAMES {
                cryptoapi::register(&full_name(vendor, name), prov_type, provider());
            }
        }
    });
}

/// The guide's name of the provider of a type; none for a type that it has not.
pub(super) fn name_of(prov_type: u32) -> Option<String> {
    let (name, _) = NAMES.iter().find(|(_, found)| *found == prov_type)?;
    Some(full_name("nShield", name))
}

fn full_name(vendor: &str, name: &str) -> String {
    format!("{vendor} {name} Cryptographic Provider")
}

/// The provider's 25 entry points and its last error.
pub(super) fn provider() -> Table {
    use csp::ffi::*;
    Table {
        acquire_context,
        release_context: CPReleaseContext,
        gen_key: CPGenKey,
        derive_key: CPDeriveKey,
        destroy_key: CPDestroyKey,
        set_key_param: CPSetKeyParam,
        get_key_param: CPGetKeyParam,
        set_prov_param: CPSetProvParam,
        get_prov_param: CPGetProvParam,
        set_hash_param: CPSetHashParam,
        get_hash_param: CPGetHashParam,
        export_key: CPExportKey,
        import_key: CPImportKey,
        encrypt: CPEncrypt,
        decrypt: CPDecrypt,
        create_hash: CPCreateHash,
        hash_data: CPHashData,
        hash_session_key: CPHashSessionKey,
        destroy_hash: CPDestroyHash,
        sign_hash: CPSignHash,
        verify_signature: CPVerifySignature,
        gen_random: CPGenRandom,
        get_user_key: CPGetUserKey,
        duplicate_key: Some(CPDuplicateKey),
        duplicate_hash: Some(CPDuplicateHash),
        last_error: CSPGetLastError,
    }
}

/// CPAcquireContext, whose structure has a type on each side of the table, as both are defined apart.
unsafe extern "system" fn acquire_context(
    context: *mut Handle,
    container: *const std::ffi::c_char,
    flags: u32,
    vtable: *const VTableProvStruc,
) -> i32 {
    // SAFETY: the caller's promises; both types have the layout of Microsoft's reference.
    unsafe { csp::ffi::CPAcquireContext(context, container, flags, vtable.cast()) }
}

/// CryptAcquireContext.
pub(super) fn acquire(
    container: Option<&str>,
    provider: Option<&str>,
    prov_type: u32,
    flags: u32,
) -> Result<Handle> {
    let (container, provider) = (container.map(c_string), provider.map(c_string));
    new_handle(|handle| {
        // SAFETY: the strings are terminated and live until the call returns; `handle` is a place for the answer.
        unsafe {
            ffi::CryptAcquireContextA(
                handle,
                pointer(&container),
                pointer(&provider),
                prov_type,
                flags,
            )
        }
    })
}

/// CryptReleaseContext.
pub(super) fn release(context: Handle, flags: u32) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { ffi::CryptReleaseContext(context, flags) })
}

/// CryptContextAddRef.
pub(super) fn add_ref(context: Handle) -> Result<()> {
    // SAFETY: any number may be passed; the reserved pointer is NULL.
    result(unsafe { ffi::CryptContextAddRef(context, null_mut(), 0) })
}

/// CryptGenKey.
pub(super) fn gen_key(context: Handle, algid: u32, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { ffi::CryptGenKey(context, algid, flags, handle) })
}

/// CryptDeriveKey.
pub(super) fn derive_key(context: Handle, algid: u32, hash: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { ffi::CryptDeriveKey(context, algid, hash, flags, handle) })
}

/// CryptGetUserKey.
pub(super) fn user_key(context: Handle, key_spec: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { ffi::CryptGetUserKey(context, key_spec, handle) })
}

/// CryptImportKey.
pub(super) fn import_key(
    context: Handle,
    blob: &[u8],
    import_key: Handle,
    flags: u32,
) -> Result<Handle> {
    // SAFETY: the blob is as long as is said; `handle` is a place for the answer.
    new_handle(|handle| unsafe {
        ffi::CryptImportKey(
            context,
            blob.as_ptr(),
            length(blob),
            import_key,
            flags,
            handle,
        )
    })
}

/// CryptDestroyKey.
pub(super) fn destroy_key(key: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { ffi::CryptDestroyKey(key) })
}

/// CryptDuplicateKey.
pub(super) fn duplicate_key(key: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer; the reserved pointer is NULL.
    new_handle(|handle| unsafe { ffi::CryptDuplicateKey(key, null_mut(), flags, handle) })
}

/// CryptSetKeyParam; no data is NULL.
pub(super) fn set_key_param(
    key: Handle,
    param: u32,
    data: Option<&[u8]>,
    flags: u32,
) -> Result<()> {
    let data = data.map(padded);
    // SAFETY: the data is NULL or longer than any parameter of plain bytes.
    result(unsafe { ffi::CryptSetKeyParam(key, param, bytes_pointer(&data), flags) })
}

/// CryptSetKeyParam of a parameter whose data is a CRYPT_DATA_BLOB.
pub(super) fn set_key_blob(key: Handle, param: u32, data: &[u8]) -> Result<()> {
    let blob = DataBlob::of(data);
    // SAFETY: the structure is what this parameter takes, and its bytes are as many as is said.
    result(unsafe { ffi::CryptSetKeyParam(key, param, (&raw const blob).cast(), 0) })
}

/// CryptGetKeyParam.
pub(super) fn key_param(key: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        ffi::CryptGetKeyParam(key, param, data, length, flags)
    })
}

/// CryptExportKey.
pub(super) fn export_key(
    key: Handle,
    export_key: Handle,
    blob_type: u32,
    flags: u32,
    room: Room,
) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        ffi::CryptExportKey(key, export_key, blob_type, flags, data, length)
    })
}

/// CryptEncrypt. `room` is the whole buffer, at whose start the data is; it must hold it.
pub(super) fn encrypt(
    key: Handle,
    hash: Handle,
    last: bool,
    flags: u32,
    data: &[u8],
    room: Room,
) -> Output<Code> {
    let buffer_length = match room {
        Room::Ask => 0,
        Room::Bytes(length) => length,
    };
    in_place(data, room, |pointer, used| {
        // SAFETY: the buffer has `buffer_length` bytes, of which `used` are the data.
        unsafe {
            ffi::CryptEncrypt(
                key,
                hash,
                last.into(),
                flags,
                pointer,
                used,
                buffer_length as u32,
            )
        }
    })
}

/// CryptDecrypt, in a buffer as long as the data.
pub(super) fn decrypt(
    key: Handle,
    hash: Handle,
    last: bool,
    flags: u32,
    data: &[u8],
) -> Output<Code> {
    in_place(data, Room::Bytes(data.len()), |pointer, used| {
        // SAFETY: the buffer has `used` bytes.
        unsafe { ffi::CryptDecrypt(key, hash, last.into(), flags, pointer, used) }
    })
}

/// CryptCreateHash.
pub(super) fn create_hash(context: Handle, algid: u32, key: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { ffi::CryptCreateHash(context, algid, key, flags, handle) })
}

/// CryptDestroyHash.
pub(super) fn destroy_hash(hash: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { ffi::CryptDestroyHash(hash) })
}

/// CryptDuplicateHash.
pub(super) fn duplicate_hash(hash: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer; the reserved pointer is NULL.
    new_handle(|handle| unsafe { ffi::CryptDuplicateHash(hash, null_mut(), flags, handle) })
}

/// CryptHashData.
pub(super) fn hash_data(hash: Handle, data: &[u8], flags: u32) -> Result<()> {
    // SAFETY: the data is as long as is said.
    result(unsafe { ffi::CryptHashData(hash, data.as_ptr(), length(data), flags) })
}

/// CryptHashSessionKey.
pub(super) fn hash_session_key(hash: Handle, key: Handle, flags: u32) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { ffi::CryptHashSessionKey(hash, key, flags) })
}

/// CryptGetHashParam.
pub(super) fn hash_param(hash: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        ffi::CryptGetHashParam(hash, param, data, length, flags)
    })
}

/// CryptSetHashParam; no data is NULL.
pub(super) fn set_hash_param(
    hash: Handle,
    param: u32,
    data: Option<&[u8]>,
    flags: u32,
) -> Result<()> {
    let data = data.map(padded);
    // SAFETY: the data is NULL or longer than any parameter of plain bytes.
    result(unsafe { ffi::CryptSetHashParam(hash, param, bytes_pointer(&data), flags) })
}

/// CryptSetHashParam of a parameter whose data is a CRYPT_DATA_BLOB.
pub(super) fn set_hash_blob(hash: Handle, param: u32, data: &[u8]) -> Result<()> {
    let blob = DataBlob::of(data);
    // SAFETY: the structure is what this parameter takes, and its bytes are as many as is said.
    result(unsafe { ffi::CryptSetHashParam(hash, param, (&raw const blob).cast(), 0) })
}

/// CryptSetHashParam with HP_HMAC_INFO.
pub(super) fn set_hmac_info(hash: Handle, algid: u32, inner: &[u8], outer: &[u8]) -> Result<()> {
    /// The layout of Microsoft's reference.
    #[repr(C)]
    struct HmacInfo {
        algid: u32,
        inner: *const u8,
        inner_length: u32,
        outer: *const u8,
        outer_length: u32,
    }
    const HP_HMAC_INFO: u32 = 5;
    let info = HmacInfo {
        algid,
        inner: inner.as_ptr(),
        inner_length: length(inner),
        outer: outer.as_ptr(),
        outer_length: length(outer),
    };
    // SAFETY: the structure is what this parameter takes, and its strings are as long as is said.
    result(unsafe { ffi::CryptSetHashParam(hash, HP_HMAC_INFO, (&raw const info).cast(), 0) })
}

/// CryptSignHash; a description goes through the W form.
pub(super) fn sign_hash(
    hash: Handle,
    key_spec: u32,
    description: Option<&str>,
    flags: u32,
    room: Room,
) -> Output<Code> {
    let description = description.map(utf16);
    let description = description.as_ref().map_or(null(), |units| units.as_ptr());
    // SAFETY: the description is NULL or terminated; the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        ffi::CryptSignHashW(hash, key_spec, description, flags, data, length)
    })
}

/// CryptVerifySignature; a description goes through the W form.
pub(super) fn verify_signature(
    hash: Handle,
    signature: &[u8],
    key: Handle,
    description: Option<&str>,
    flags: u32,
) -> Result<()> {
    let description = description.map(utf16);
    let description = description.as_ref().map_or(null(), |units| units.as_ptr());
    // SAFETY: the description is NULL or terminated; the signature is as long as is said.
    result(unsafe {
        ffi::CryptVerifySignatureW(
            hash,
            signature.as_ptr(),
            length(signature),
            key,
            description,
            flags,
        )
    })
}

/// CryptGenRandom.
pub(super) fn gen_random(context: Handle, buffer: &mut [u8]) -> Result<()> {
    // SAFETY: the buffer is as long as is said.
    result(unsafe { ffi::CryptGenRandom(context, length(buffer), buffer.as_mut_ptr()) })
}

/// CryptSetProvParam; no data is NULL.
pub(super) fn set_prov_param(
    context: Handle,
    param: u32,
    data: Option<&[u8]>,
    flags: u32,
) -> Result<()> {
    let data = data.map(padded);
    // SAFETY: the data is NULL or longer than any parameter of plain bytes.
    result(unsafe { ffi::CryptSetProvParam(context, param, bytes_pointer(&data), flags) })
}

/// CryptGetProvParam.
pub(super) fn prov_param(context: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        ffi::CryptGetProvParam(context, param, data, length, flags)
    })
}

/// GetLastError.
pub fn last_error() -> Code {
    Code(ffi::GetLastError())
}

/// SetLastError.
pub fn set_last_error(code: Code) {
    ffi::SetLastError(code.0);
}

/// The provider's own entry points with handles that it never gave out: what the layer above keeps from it.
pub mod spi {
    use super::{Code, Handle, Result, provider};

    /// CPReleaseContext.
    pub fn release_context(context: Handle, flags: u32) -> Result<()> {
        // SAFETY: a provider looks handles up; any number may be passed.
        result(unsafe { (provider().release_context)(context, flags) })
    }

    /// CPDestroyKey.
    pub fn destroy_key(context: Handle, key: Handle) -> Result<()> {
        // SAFETY: as above.
        result(unsafe { (provider().destroy_key)(context, key) })
    }

    /// CPDestroyHash.
    pub fn destroy_hash(context: Handle, hash: Handle) -> Result<()> {
        // SAFETY: as above.
        result(unsafe { (provider().destroy_hash)(context, hash) })
    }

    /// CPGenRandom.
    pub fn gen_random(context: Handle, buffer: &mut [u8]) -> Result<()> {
        // SAFETY: as above; the buffer is as long as is said.
        result(unsafe {
            (provider().gen_random)(context, super::length(buffer), buffer.as_mut_ptr())
        })
    }

    fn result(answer: i32) -> Result<()> {
        if answer != 0 {
            return Ok(());
        }
        // SAFETY: the function takes nothing.
        Err(Code(unsafe { (provider().last_error)() }))
    }
}

fn result(answer: i32) -> Result<()> {
    if answer != 0 {
        Ok(())
    } else {
        Err(last_error())
    }
}

fn new_handle(call: impl FnOnce(*mut Handle) -> i32) -> Result<Handle> {
    let mut handle = 0;
    result(call(&raw mut handle))?;
    Ok(handle)
}

fn output(room: Room, call: impl FnOnce(*mut u8, *mut u32) -> i32) -> Output<Code> {
    let length = match room {
        Room::Ask => 0,
        Room::Bytes(length) => length,
    };
    with_buffer(vec![0; length], length, room, call)
}

/// A call whose data is in the buffer that the answer goes to.
fn in_place(data: &[u8], room: Room, call: impl FnOnce(*mut u8, *mut u32) -> i32) -> Output<Code> {
    let length = match room {
        Room::Ask => 0,
        Room::Bytes(length) => length.max(data.len()),
    };
    let mut buffer = vec![0; length];
    if room != Room::Ask {
        buffer[..data.len()].copy_from_slice(data);
    }
    with_buffer(buffer, data.len(), room, call)
}

fn with_buffer(
    mut buffer: Vec<u8>,
    used: usize,
    room: Room,
    call: impl FnOnce(*mut u8, *mut u32) -> i32,
) -> Output<Code> {
    let length = buffer.len();
    buffer.extend(GUARD);
    let mut used = u32::try_from(used).expect("buffers of the cases are short");
    let pointer = if room == Room::Ask {
        null_mut()
    } else {
        buffer.as_mut_ptr()
    };
    let result = result(call(pointer, &raw mut used));
    assert!(
        buffer[length..] == GUARD,
        "the provider wrote behind a buffer of {length} bytes"
    );
    buffer.truncate(length);
    Output {
        result,
        length: used,
        buffer,
    }
}

/// `CRYPT_DATA_BLOB`.
#[repr(C)]
struct DataBlob {
    length: u32,
    data: *const u8,
}

impl DataBlob {
    /// The structure for some data, which must live as long as it is used.
    fn of(data: &[u8]) -> DataBlob {
        DataBlob {
            length: length(data),
            data: data.as_ptr(),
        }
    }
}

fn length(data: &[u8]) -> u32 {
    u32::try_from(data.len()).expect("data of the cases is short")
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().max(PARAMETER_ROOM), 0);
    data
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("names of the cases have no NUL inside")
}

fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn pointer(text: &Option<CString>) -> *const std::ffi::c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

fn bytes_pointer(bytes: &Option<Vec<u8>>) -> *const u8 {
    bytes.as_ref().map_or(null(), |bytes| bytes.as_ptr())
}
