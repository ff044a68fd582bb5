//! The `Crypt*` functions with slices in place of pointers, and the provider's own entry points.
//!
//! On Windows the functions are the system's, and the provider is what its registry says; elsewhere both are our own.
//!
//! Every function here is safe to call with any handles and lengths: those that go to the provider come from the
//! slices, output buffers have guard bytes behind them, and data whose length the provider knows by itself is padded far
//! enough. Parameters whose data holds pointers have functions of their own; their numbers must not go through the
//! functions for plain bytes.

// The subject is a C interface.
#![allow(unsafe_code)]

mod entry;
#[cfg(not(windows))]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::ffi::CString;
use std::ptr::{null, null_mut};

use super::Code;

pub use entry::Arguments;
pub(super) use entry::EntryPoints;
pub(super) use platform::{entry_points, register_providers};

/// `HCRYPTPROV`, `HCRYPTKEY`, `HCRYPTHASH`; 0 is none.
pub type Handle = usize;

/// A value, or the last error.
pub(super) type Result<T> = std::result::Result<T, Code>;

/// Bytes behind every output buffer, to be found unchanged.
const GUARD: [u8; 32] = [0xa5; 32];

/// Room for a provider's name in bytes (MAX_PATH).
const NAME_ROOM: usize = 260;

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

/// The registered providers, with their types, in the order of CryptEnumProviders.
pub(super) fn providers() -> Vec<(String, u32)> {
    let mut found = Vec::new();
    loop {
        let mut prov_type = 0;
        let index = found.len() as u32;
        let name = output(Room::Bytes(NAME_ROOM), |data, length| {
            // SAFETY: the buffer is as long as the length says; the type goes into the local; the reserved pointer is NULL.
            unsafe {
                platform::CryptEnumProvidersA(
                    index,
                    null_mut(),
                    0,
                    &raw mut prov_type,
                    data.cast(),
                    length,
                )
            }
        });
        match name.data() {
            Ok(name) => found.push((super::text(&name), prov_type)),
            Err(_) => return found,
        }
    }
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
            platform::CryptAcquireContextA(
                handle,
                pointer(&container).cast(),
                pointer(&provider).cast(),
                prov_type,
                flags,
            )
        }
    })
}

/// CryptReleaseContext.
pub(super) fn release(context: Handle, flags: u32) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { platform::CryptReleaseContext(context, flags) })
}

/// CryptContextAddRef.
pub(super) fn add_ref(context: Handle) -> Result<()> {
    // SAFETY: any number may be passed; the reserved pointer is NULL.
    result(unsafe { platform::CryptContextAddRef(context, null_mut(), 0) })
}

/// CryptGenKey.
pub(super) fn gen_key(context: Handle, algid: u32, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { platform::CryptGenKey(context, algid, flags, handle) })
}

/// CryptDeriveKey.
pub(super) fn derive_key(context: Handle, algid: u32, hash: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { platform::CryptDeriveKey(context, algid, hash, flags, handle) })
}

/// CryptGetUserKey.
pub(super) fn user_key(context: Handle, key_spec: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { platform::CryptGetUserKey(context, key_spec, handle) })
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
        platform::CryptImportKey(
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
    result(unsafe { platform::CryptDestroyKey(key) })
}

/// CryptDuplicateKey.
pub(super) fn duplicate_key(key: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer; the reserved pointer is NULL.
    new_handle(|handle| unsafe { platform::CryptDuplicateKey(key, null_mut(), flags, handle) })
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
    result(unsafe { platform::CryptSetKeyParam(key, param, bytes_pointer(&data), flags) })
}

/// CryptSetKeyParam of a parameter whose data is a CRYPT_DATA_BLOB.
pub(super) fn set_key_blob(key: Handle, param: u32, data: &[u8]) -> Result<()> {
    let blob = DataBlob::of(data);
    // SAFETY: the structure is what this parameter takes, and its bytes are as many as is said.
    result(unsafe { platform::CryptSetKeyParam(key, param, (&raw const blob).cast(), 0) })
}

/// CryptGetKeyParam.
pub(super) fn key_param(key: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        platform::CryptGetKeyParam(key, param, data, length, flags)
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
        platform::CryptExportKey(key, export_key, blob_type, flags, data, length)
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
            platform::CryptEncrypt(
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
        unsafe { platform::CryptDecrypt(key, hash, last.into(), flags, pointer, used) }
    })
}

/// CryptCreateHash.
pub(super) fn create_hash(context: Handle, algid: u32, key: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer.
    new_handle(|handle| unsafe { platform::CryptCreateHash(context, algid, key, flags, handle) })
}

/// CryptDestroyHash.
pub(super) fn destroy_hash(hash: Handle) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { platform::CryptDestroyHash(hash) })
}

/// CryptDuplicateHash.
pub(super) fn duplicate_hash(hash: Handle, flags: u32) -> Result<Handle> {
    // SAFETY: `handle` is a place for the answer; the reserved pointer is NULL.
    new_handle(|handle| unsafe { platform::CryptDuplicateHash(hash, null_mut(), flags, handle) })
}

/// CryptHashData.
pub(super) fn hash_data(hash: Handle, data: &[u8], flags: u32) -> Result<()> {
    // SAFETY: the data is as long as is said.
    result(unsafe { platform::CryptHashData(hash, data.as_ptr(), length(data), flags) })
}

/// CryptHashSessionKey.
pub(super) fn hash_session_key(hash: Handle, key: Handle, flags: u32) -> Result<()> {
    // SAFETY: any number may be passed.
    result(unsafe { platform::CryptHashSessionKey(hash, key, flags) })
}

/// CryptGetHashParam.
pub(super) fn hash_param(hash: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        platform::CryptGetHashParam(hash, param, data, length, flags)
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
    result(unsafe { platform::CryptSetHashParam(hash, param, bytes_pointer(&data), flags) })
}

/// CryptSetHashParam of a parameter whose data is a CRYPT_DATA_BLOB.
pub(super) fn set_hash_blob(hash: Handle, param: u32, data: &[u8]) -> Result<()> {
    let blob = DataBlob::of(data);
    // SAFETY: the structure is what this parameter takes, and its bytes are as many as is said.
    result(unsafe { platform::CryptSetHashParam(hash, param, (&raw const blob).cast(), 0) })
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
    result(unsafe { platform::CryptSetHashParam(hash, HP_HMAC_INFO, (&raw const info).cast(), 0) })
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
        platform::CryptSignHashW(hash, key_spec, description, flags, data, length)
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
        platform::CryptVerifySignatureW(
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
    result(unsafe { platform::CryptGenRandom(context, length(buffer), buffer.as_mut_ptr()) })
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
    result(unsafe { platform::CryptSetProvParam(context, param, bytes_pointer(&data), flags) })
}

/// CryptGetProvParam.
pub(super) fn prov_param(context: Handle, param: u32, room: Room, flags: u32) -> Output<Code> {
    // SAFETY: the buffer is as long as the length says.
    output(room, |data, length| unsafe {
        platform::CryptGetProvParam(context, param, data, length, flags)
    })
}

/// GetLastError.
pub fn last_error() -> Code {
    Code(platform::last_error())
}

/// SetLastError.
pub fn set_last_error(code: Code) {
    platform::set_last_error(code.0);
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
