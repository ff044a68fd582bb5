//! From a C caller's pointers to slices and values. Each function says what the pointer must lead to; the entry points get
//! that promise from their callers.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::slice;

use crate::calls::{Caller, InPlace, ProvParamForm};
use crate::certificate;
use crate::constants::AlgId;
use crate::error::{CspError, Result};
use crate::key::CERTIFICATE_MAX;
use crate::key_values::KeyParamForm;
use crate::output::Output;
use crate::security::Descriptor;
use crate::soft::{CmsDhKeyInfo, HmacInfo, ParamForm};

/// `VTableProvStruc`: what CPAcquireContext is told of its caller (CRYPTSPI 1.4). Members after the two functions are there
/// only from version 2 on, the name only from version 3 on.
#[repr(C)]
#[derive(Debug)]
#[allow(non_snake_case)]
pub struct VTableProvStruc {
    /// 1, 2 or 3.
    pub Version: u32,
    /// Verifies the signature of an image.
    pub FuncVerifyImage: *const c_void,
    /// Tells the window that owns prompts.
    pub FuncReturnhWnd: *const c_void,
    /// The provider type that was asked for.
    pub dwProvType: u32,
    /// Context information.
    pub pbContextInfo: *mut u8,
    /// Its length in bytes.
    pub cbContextInfo: u32,
    /// The provider name that is being opened.
    pub pszProvName: *mut c_char,
}

/// `CRYPT_RETURN_HWND`.
type ReturnHwnd = unsafe extern "system" fn(window: *mut usize);

/// `CRYPT_DATA_BLOB` and `CRYPT_INTEGER_BLOB`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_snake_case)]
pub struct CryptDataBlob {
    /// Length in bytes.
    pub cbData: u32,
    /// The bytes.
    pub pbData: *mut u8,
}

/// `CMS_DH_KEY_INFO`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_snake_case)]
pub struct CmsDhKeyInfoStruct {
    /// The structure's size in bytes.
    pub dwVersion: u32,
    /// What the key will be for.
    pub Algid: u32,
    /// The object identifier of the algorithm that the key serves, in numbers with dots.
    pub pszContentEncObjId: *const c_char,
    /// What else both parties know.
    pub PubInfo: CryptDataBlob,
    /// NULL.
    pub pReserved: *mut c_void,
}

/// `HMAC_INFO`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_snake_case)]
pub struct HmacInfoStruct {
    /// The hash.
    pub HashAlgid: u32,
    /// Replaces the inner pad.
    pub pbInnerString: *mut u8,
    /// Its length in bytes; 0 for the usual pad.
    pub cbInnerString: u32,
    /// Replaces the outer pad.
    pub pbOuterString: *mut u8,
    /// Its length in bytes; 0 for the usual pad.
    pub cbOuterString: u32,
}

/// The caller's variable for a handle.
pub(super) struct Place(*mut usize);

impl Place {
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` for NULL.
    ///
    /// # Safety
    /// `pointer` is NULL or leads to a writable handle for as long as the value lives.
    pub(super) unsafe fn new(pointer: *mut usize) -> Result<Place> {
        if pointer.is_null() {
            Err(CspError::ERROR_INVALID_PARAMETER)
        } else {
            Ok(Place(pointer))
        }
    }

    /// Stores the handle.
    pub(super) fn set(self, handle: usize) {
        // SAFETY: `new` was promised a writable handle.
        unsafe { self.0.write_unaligned(handle) }
    }
}

/// The caller's variable for a length, which may stand anywhere. What becomes of the value is stored when this ends.
pub(super) struct Length {
    place: *mut u32,
    value: u32,
}

impl Length {
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` for NULL.
    ///
    /// # Safety
    /// `place` is NULL or leads to a writable DWORD for as long as the value lives.
    pub(super) unsafe fn new(place: *mut u32) -> Result<Length> {
        if place.is_null() {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        }
        // SAFETY: not NULL, so it leads to a DWORD.
        let value = unsafe { place.read_unaligned() };
        Ok(Length { place, value })
    }
}

impl Drop for Length {
    fn drop(&mut self) {
        // SAFETY: `new` was promised a writable DWORD.
        unsafe { self.place.write_unaligned(self.value) }
    }
}

/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL, unless there are no bytes at all, and for more bytes than any object has.
///
/// # Safety
/// `pointer` is NULL or leads to `length` readable bytes for as long as the slice lives.
pub(super) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> Result<&'a [u8]> {
    match (pointer.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) | (_, OBJECT_TOO_LONG..) => Err(CspError::ERROR_INVALID_PARAMETER),
        // SAFETY: the pointer is not NULL, so it leads to `length` readable bytes.
        (false, _) => Ok(unsafe { slice::from_raw_parts(pointer, length) }),
    }
}

/// # Errors
/// As [`bytes`].
///
/// # Safety
/// As [`bytes`], and the bytes are writable.
pub(super) unsafe fn bytes_mut<'a>(pointer: *mut u8, length: usize) -> Result<&'a mut [u8]> {
    match (pointer.is_null(), length) {
        (_, 0) => Ok(&mut []),
        (true, _) | (_, OBJECT_TOO_LONG..) => Err(CspError::ERROR_INVALID_PARAMETER),
        // SAFETY: the pointer is not NULL, so it leads to `length` writable bytes.
        (false, _) => Ok(unsafe { slice::from_raw_parts_mut(pointer, length) }),
    }
}

/// A result's buffer and length.
///
/// # Errors
/// As [`bytes`].
///
/// # Safety
/// `data` is NULL or leads to as many writable bytes as the length says, for as long as the output lives.
pub(super) unsafe fn output(data: *mut u8, length: &mut Length) -> Result<Output<'_>> {
    let buffer = match data.is_null() {
        true => None,
        // SAFETY: not NULL, so it leads to as many writable bytes as the length says.
        false => Some(unsafe { bytes_mut(data, length.value as usize) }?),
    };
    Ok(Output::new(buffer, &mut length.value))
}

/// The data of CPEncrypt and CPDecrypt; `room` is the buffer's length, or as much as the text's own if absent.
///
/// # Errors
/// As [`bytes`].
///
/// # Safety
/// As [`output`], with `room` bytes at `data`.
pub(super) unsafe fn in_place(
    data: *mut u8,
    length: &mut Length,
    room: Option<u32>,
) -> Result<InPlace<'_>> {
    let buffer = match data.is_null() {
        true => None,
        // SAFETY: not NULL, so it leads to so many writable bytes.
        false => Some(unsafe { bytes_mut(data, room.unwrap_or(length.value) as usize) }?),
    };
    Ok(InPlace {
        buffer,
        length: &mut length.value,
    })
}

/// The bytes of a string without its NUL; None for NULL.
///
/// # Safety
/// `pointer` is NULL or leads to a string that ends with a NUL, for as long as the slice lives.
pub(super) unsafe fn c_string<'a>(pointer: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL, so it leads to a string that ends with a NUL.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// The units of a UTF-16 string, which may stand anywhere, without its NUL; none for NULL.
///
/// # Safety
/// `pointer` is NULL or leads to a string that ends with a NUL.
pub(super) unsafe fn wide_string(mut pointer: *const u16) -> Vec<u16> {
    let mut units = Vec::new();
    while !pointer.is_null() {
        // SAFETY: no unit before this one is the NUL, so this one is still part of the string.
        let unit = unsafe { pointer.read_unaligned() };
        if unit == 0 {
            break;
        }
        units.push(unit);
        // SAFETY: behind a unit that is not the NUL there is another.
        pointer = unsafe { pointer.add(1) };
    }
    units
}

/// What a VTableProvStruc says; its strings are copied, because they die with the call. NULL says nothing.
///
/// # Safety
/// `pointer` is NULL or leads to as much of the structure as its version has, and its strings end with a NUL.
pub(super) unsafe fn caller(pointer: *const VTableProvStruc) -> Caller {
    if pointer.is_null() {
        return Caller::default();
    }
    // SAFETY: every version has this member. No reference is made to the structure, which may be shorter than ours.
    let version = unsafe { ptr::addr_of!((*pointer).Version).read_unaligned() };
    let prov_type = (version >= 2)
        // SAFETY: version 2 has this member.
        .then(|| unsafe { ptr::addr_of!((*pointer).dwProvType).read_unaligned() });
    let name = match version >= 3 {
        // SAFETY: version 3 has this member, which is NULL or a string.
        true => unsafe { c_string(ptr::addr_of!((*pointer).pszProvName).read_unaligned()) },
        false => None,
    };
    // SAFETY: every version has this member, which is NULL or a function of this type, says the header.
    let window_of: Option<ReturnHwnd> = unsafe {
        ptr::addr_of!((*pointer).FuncReturnhWnd)
            .cast::<Option<ReturnHwnd>>()
            .read_unaligned()
    };
    let mut window = 0;
    if let Some(window_of) = window_of {
        // SAFETY: the function stores a window handle where it is told to.
        unsafe { window_of(&raw mut window) };
    }
    Caller {
        prov_type,
        provider_name: name.map(<[u8]>::to_vec),
        window,
    }
}

/// CPSetKeyParam's data.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL where there must be data, and for data where there must be NULL; `NTE_BAD_FLAGS` for a certificate that is none.
///
/// # Safety
/// `data` is NULL or leads to what the form says, for as long as the slice lives.
pub(super) unsafe fn key_param<'a>(form: KeyParamForm, data: *const u8) -> Result<&'a [u8]> {
    if data.is_null() != (form == KeyParamForm::Null) {
        return Err(CspError::ERROR_INVALID_PARAMETER);
    }
    match form {
        KeyParamForm::Null => Ok(&[]),
        // SAFETY: so many bytes, says the form.
        KeyParamForm::Plain(ParamForm::Bytes(length)) => unsafe { bytes(data, length) },
        // SAFETY: a blob structure, says the form.
        KeyParamForm::Plain(ParamForm::Blob) => unsafe { data_blob(data) },
        KeyParamForm::Plain(ParamForm::HmacInfo) | KeyParamForm::CmsDhKeyInfo => {
            Err(CspError::NTE_BAD_TYPE)
        }
        // SAFETY: a DER value, says the form.
        KeyParamForm::Der => unsafe { der(data) },
    }
}

/// The bytes of a CRYPT_DATA_BLOB or CRYPT_INTEGER_BLOB.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL, in the structure too unless it has no bytes.
///
/// # Safety
/// `data` is NULL or leads to the structure, and its pointer to as many bytes as it says, for as long as the slice lives.
pub(super) unsafe fn data_blob<'a>(data: *const u8) -> Result<&'a [u8]> {
    if data.is_null() {
        return Err(CspError::ERROR_INVALID_PARAMETER);
    }
    // SAFETY: not NULL, so it leads to the structure.
    let blob = unsafe { data.cast::<CryptDataBlob>().read_unaligned() };
    // SAFETY: the structure's pointer leads to as many bytes as it says.
    unsafe { bytes(blob.pbData, blob.cbData as usize) }
}

/// A DER value, which tells its length itself.
///
/// # Safety
/// `data` leads to a DER value, for as long as the slice lives.
unsafe fn der<'a>(data: *const u8) -> Result<&'a [u8]> {
    // SAFETY: every DER value has two bytes.
    let head = unsafe { bytes(data, 2) }?;
    let octets = if head[1] < 0x80 {
        0
    } else {
        usize::from(head[1] & 0x7f)
    };
    if octets > 4 {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    // SAFETY: the value's second byte counts its length octets.
    let head = unsafe { bytes(data, 2 + octets) }?;
    let length = certificate::total_length(head).filter(|length| *length <= CERTIFICATE_MAX);
    // SAFETY: the length octets count the rest.
    unsafe { bytes(data, length.ok_or(CspError::NTE_BAD_FLAGS)?) }
}

/// CPSetProvParam's data.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL where there must be data; `NTE_BAD_FLAGS` for a security descriptor that is none.
///
/// # Safety
/// `data` is NULL or leads to what the form says, for as long as the slice lives.
pub(super) unsafe fn prov_param<'a>(form: ProvParamForm, data: *const u8) -> Result<&'a [u8]> {
    match form {
        ProvParamForm::None => Ok(&[]),
        ProvParamForm::Window | ProvParamForm::Text | ProvParamForm::WideText if data.is_null() => {
            Ok(&[])
        }
        // SAFETY: a window handle, says the form.
        ProvParamForm::Window => unsafe { bytes(data, size_of::<usize>()) },
        // SAFETY: a string, says the form.
        ProvParamForm::Text => Ok(unsafe { c_string(data.cast()) }.unwrap_or_default()),
        ProvParamForm::WideText => {
            // Not read as units, for which the pointer might not be aligned.
            let mut length = 0;
            loop {
                // SAFETY: a string of units, says the form, which has not ended yet.
                let known = unsafe { bytes(data, length + 2) }?;
                match known[length..] {
                    [0, 0] => return Ok(&known[..length]),
                    _ => length += 2,
                }
            }
        }
        // SAFETY: a DWORD, says the form.
        ProvParamForm::Dword => unsafe { bytes(data, 4) },
        ProvParamForm::Descriptor => {
            let mut known: &[u8] = &[];
            loop {
                let length = Descriptor::length_so_far(known)?;
                if length <= known.len() {
                    return Ok(known);
                }
                // SAFETY: a security descriptor, says the form, and it has as many bytes as what is known of it tells.
                known = unsafe { bytes(data, length) }?;
            }
        }
    }
}

/// CPSetHashParam's HMAC_INFO, its strings copied.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL; `NTE_BAD_FLAGS` for a string that is too long.
///
/// # Safety
/// `data` is NULL or leads to an HMAC_INFO, whose pointers lead to as many bytes as it says.
pub(super) unsafe fn hmac_info(data: *const u8) -> Result<HmacInfo> {
    if data.is_null() {
        return Err(CspError::ERROR_INVALID_PARAMETER);
    }
    // SAFETY: not NULL, so it leads to the structure.
    let info = unsafe { data.cast::<HmacInfoStruct>().read_unaligned() };
    // SAFETY: the structure's pointers lead to as many bytes as it says.
    let (inner, outer) = unsafe {
        (
            bytes(info.pbInnerString, info.cbInnerString as usize)?,
            bytes(info.pbOuterString, info.cbOuterString as usize)?,
        )
    };
    if inner.len().max(outer.len()) > PAD_MAX {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    Ok(HmacInfo {
        algorithm: AlgId(info.HashAlgid),
        inner: inner.to_vec(),
        outer: outer.to_vec(),
    })
}

/// CPSetKeyParam's CMS_DH_KEY_INFO, its strings copied.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for NULL; `NTE_BAD_DATA` for another version, a reserved pointer, or a string that is absent or
/// too long.
///
/// # Safety
/// `data` is NULL or leads to a CMS_DH_KEY_INFO, whose pointers lead to a string and as many bytes as it says.
pub(super) unsafe fn cms_dh_key_info(data: *const u8) -> Result<CmsDhKeyInfo> {
    if data.is_null() {
        return Err(CspError::ERROR_INVALID_PARAMETER);
    }
    // SAFETY: not NULL, so it leads to the structure.
    let info = unsafe { data.cast::<CmsDhKeyInfoStruct>().read_unaligned() };
    if info.dwVersion as usize != size_of::<CmsDhKeyInfoStruct>() || !info.pReserved.is_null() {
        return Err(CspError::NTE_BAD_DATA);
    }
    // SAFETY: the string ends with a NUL, and the blob's pointer leads to as many bytes as it says.
    let (oid, public) = unsafe {
        (
            c_string(info.pszContentEncObjId).ok_or(CspError::NTE_BAD_DATA)?,
            bytes(info.PubInfo.pbData, info.PubInfo.cbData as usize)?,
        )
    };
    if oid.len().max(public.len()) > PAD_MAX {
        return Err(CspError::NTE_BAD_DATA);
    }
    Ok(CmsDhKeyInfo {
        algorithm: AlgId(info.Algid),
        content_oid: oid.to_vec(),
        public_info: public.to_vec(),
    })
}

/// Lengths from here on are longer than any object, which on 32 bits a DWORD can say.
const OBJECT_TOO_LONG: usize = isize::MAX as usize + 1;

/// The longest string of HMAC_INFO and CMS_DH_KEY_INFO, in bytes. It is copied, so there must be an end to it; pads have a
/// block's length.
const PAD_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(version: u32, name: *mut c_char) -> VTableProvStruc {
        VTableProvStruc {
            Version: version,
            FuncVerifyImage: ptr::null(),
            FuncReturnhWnd: ptr::null(),
            dwProvType: 24,
            pbContextInfo: ptr::null_mut(),
            cbContextInfo: 0,
            pszProvName: name,
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn structures_have_the_layout_of_the_header() {
        assert_eq!(size_of::<VTableProvStruc>(), 56);
        assert_eq!(size_of::<CryptDataBlob>(), 16);
        assert_eq!(size_of::<HmacInfoStruct>(), 40);
        assert_eq!(size_of::<CmsDhKeyInfoStruct>(), 40);
    }

    #[test]
    fn cms_dh_key_info_is_copied_and_another_form_of_it_refused() {
        let mut public = [1, 2, 3];
        let good = CmsDhKeyInfoStruct {
            dwVersion: size_of::<CmsDhKeyInfoStruct>() as u32,
            Algid: AlgId::CALG_3DES.0,
            pszContentEncObjId: c"1.2.3".as_ptr(),
            PubInfo: CryptDataBlob {
                cbData: 3,
                pbData: public.as_mut_ptr(),
            },
            pReserved: ptr::null_mut(),
        };
        let read = |info: &CmsDhKeyInfoStruct| {
            // SAFETY: a whole structure with a real string and real bytes.
            unsafe { cms_dh_key_info((&raw const *info).cast()) }
        };
        let expected = CmsDhKeyInfo {
            algorithm: AlgId::CALG_3DES,
            content_oid: b"1.2.3".to_vec(),
            public_info: vec![1, 2, 3],
        };
        assert_eq!(read(&good), Ok(expected));
        let version = CmsDhKeyInfoStruct {
            dwVersion: 4,
            ..good
        };
        let reserved = CmsDhKeyInfoStruct {
            pReserved: (&raw mut public).cast(),
            ..good
        };
        let nameless = CmsDhKeyInfoStruct {
            pszContentEncObjId: ptr::null(),
            ..good
        };
        for bad in [version, reserved, nameless] {
            assert_eq!(read(&bad), Err(CspError::NTE_BAD_DATA));
        }
        // SAFETY: NULL is allowed.
        let refused = unsafe { cms_dh_key_info(ptr::null()) };
        assert_eq!(refused, Err(CspError::ERROR_INVALID_PARAMETER));
    }

    #[test]
    fn members_are_read_only_from_their_version_on() {
        let name = c"nCipher".as_ptr().cast_mut();
        let said = |structure: &VTableProvStruc| {
            // SAFETY: a whole structure with a real string.
            unsafe { caller(structure) }
        };
        let full = Caller {
            prov_type: Some(24),
            provider_name: Some(b"nCipher".to_vec()),
            window: 0,
        };
        assert_eq!(said(&structure(3, name)), full);
        assert_eq!(
            said(&structure(2, name)),
            Caller {
                provider_name: None,
                ..full
            }
        );
        assert_eq!(said(&structure(1, name)), Caller::default());
        assert_eq!(said(&structure(3, ptr::null_mut())).provider_name, None);
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { caller(ptr::null()) }, Caller::default());
    }

    #[test]
    fn the_window_is_asked_for() {
        unsafe extern "system" fn answer(window: *mut usize) {
            // SAFETY: `caller` passes a variable of its own.
            unsafe { window.write(0x1234) };
        }
        let answer: ReturnHwnd = answer;
        let structure = VTableProvStruc {
            FuncReturnhWnd: answer as *const c_void,
            ..structure(1, ptr::null_mut())
        };
        // SAFETY: a whole structure with a real function.
        assert_eq!(unsafe { caller(&raw const structure) }.window, 0x1234);
    }

    #[test]
    fn null_is_refused_where_there_must_be_data() {
        // SAFETY: NULL is allowed everywhere here.
        unsafe {
            assert_eq!(bytes(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(
                bytes(ptr::null(), 1),
                Err(CspError::ERROR_INVALID_PARAMETER)
            );
            assert!(Length::new(ptr::null_mut()).is_err());
            assert!(Place::new(ptr::null_mut()).is_err());
            assert_eq!(wide_string(ptr::null()), [0u16; 0]);
            assert_eq!(c_string(ptr::null()), None);
            assert_eq!(
                prov_param(ProvParamForm::Dword, ptr::null()),
                Err(CspError::ERROR_INVALID_PARAMETER)
            );
            assert_eq!(
                prov_param(ProvParamForm::Descriptor, ptr::null()),
                Err(CspError::ERROR_INVALID_PARAMETER)
            );
            assert_eq!(
                key_param(KeyParamForm::Der, ptr::null()),
                Err(CspError::ERROR_INVALID_PARAMETER)
            );
            assert_eq!(
                hmac_info(ptr::null()),
                Err(CspError::ERROR_INVALID_PARAMETER)
            );
        }
    }

    #[test]
    fn texts_and_windows_of_prompts_may_be_absent() {
        let units: Vec<u16> = "ü\0x".encode_utf16().collect();
        let window = 0x1234_usize;
        // SAFETY: NULL is allowed here, and the others are live and end as their forms say.
        unsafe {
            for form in [
                ProvParamForm::Window,
                ProvParamForm::Text,
                ProvParamForm::WideText,
            ] {
                assert_eq!(prov_param(form, ptr::null()), Ok(&[][..]));
            }
            assert_eq!(
                prov_param(ProvParamForm::Text, c"pin".as_ptr().cast()),
                Ok(&b"pin"[..])
            );
            assert_eq!(
                prov_param(ProvParamForm::WideText, units.as_ptr().cast()),
                Ok(&[0xfc, 0][..])
            );
            assert_eq!(
                prov_param(ProvParamForm::Window, (&raw const window).cast()),
                Ok(&window.to_ne_bytes()[..])
            );
        }
    }

    #[test]
    fn a_blob_and_a_wide_string_are_followed_to_their_bytes() {
        let mut label = *b"label";
        let blob = CryptDataBlob {
            cbData: 5,
            pbData: label.as_mut_ptr(),
        };
        let text: Vec<u16> = "text\0rest".encode_utf16().collect();
        // SAFETY: both lead to live data of the lengths they say.
        unsafe {
            let form = KeyParamForm::Plain(ParamForm::Blob);
            assert_eq!(
                key_param(form, ptr::from_ref(&blob).cast()),
                Ok(&b"label"[..])
            );
            assert_eq!(wide_string(text.as_ptr()), &text[..4]);
        }
    }

    #[test]
    fn variables_and_strings_may_stand_anywhere() {
        let mut memory = [0u32; 3];
        let odd = memory.as_mut_ptr().cast::<u8>().wrapping_add(1);
        let text = [b'o', 0, b'd', 0, 0, 0];
        // SAFETY: the memory has room for all of it behind its first byte.
        unsafe {
            odd.cast::<u32>().write_unaligned(5);
            let mut length = Length::new(odd.cast()).unwrap();
            let taken = output(ptr::null_mut(), &mut length).unwrap();
            assert_eq!(taken.put(b"seven!!"), Ok(()));
            drop(length);
            assert_eq!(odd.cast::<u32>().read_unaligned(), 7);
            odd.copy_from_nonoverlapping(text.as_ptr(), text.len());
            assert_eq!(wide_string(odd.cast()), [0x6f, 0x64]);
        }
    }

    #[test]
    fn der_tells_its_own_length() {
        let value = [0x30, 0x81, 0x02, 0x05, 0x00, 0xff];
        // SAFETY: every value here is as long as it says, or refused by its head.
        unsafe {
            assert_eq!(
                key_param(KeyParamForm::Der, value.as_ptr()),
                Ok(&value[..5])
            );
            assert_eq!(
                key_param(KeyParamForm::Der, [0x30, 0x85].as_ptr()),
                Err(CspError::NTE_BAD_FLAGS)
            );
            let huge = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff];
            assert_eq!(
                key_param(KeyParamForm::Der, huge.as_ptr()),
                Err(CspError::NTE_BAD_FLAGS)
            );
        }
    }
}
