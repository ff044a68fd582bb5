//! Windows: the token's user, the ANSI code page, the system's own last error.

pub(crate) mod dialogs;

use std::ffi::c_void;
use std::sync::Once;
use std::{io, ptr};

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_FILE_NOT_FOUND, ERROR_SUCCESS, GetLastError, HANDLE, SetLastError,
};
use windows_sys::Win32::Globalization::{
    CP_ACP, MB_ERR_INVALID_CHARS, MultiByteToWideChar, WideCharToMultiByte,
};
use windows_sys::Win32::Security::{
    CheckTokenMembership, GetLengthSid, GetTokenInformation, TOKEN_PRIMARY_GROUP, TOKEN_QUERY,
    TOKEN_USER, TokenPrimaryGroup, TokenUser,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_DWORD, RRF_RT_REG_DWORD, RegGetValueW, RegSetKeyValueW,
};
use windows_sys::Win32::System::SystemInformation::{
    ComputerNamePhysicalNetBIOS, GetComputerNameExW,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken,
};
use windows_sys::Win32::System::WindowsProgramming::GetUserNameW;

use crate::security::Sid;

/// SID of the thread's user, who differs from the process's under impersonation.
pub(crate) fn user_sid() -> Sid {
    token_sid(TokenUser, |information| {
        // SAFETY: for TokenUser the information begins with a TOKEN_USER, which token_sid has checked the length of.
        unsafe { (*information.cast::<TOKEN_USER>()).User.Sid }
    })
}

/// SID of the user's primary group.
pub(crate) fn group_sid() -> Sid {
    token_sid(TokenPrimaryGroup, |information| {
        // SAFETY: for TokenPrimaryGroup the information begins with a TOKEN_PRIMARY_GROUP, checked as above.
        unsafe { (*information.cast::<TOKEN_PRIMARY_GROUP>()).PrimaryGroup }
    })
}

fn token_sid(class: i32, sid_in: fn(*const c_void) -> *mut c_void) -> Sid {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: both calls write a handle into the live local; the pseudo handles are always valid.
    let open = unsafe {
        OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, 1, &raw mut token) != 0
            || OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) != 0
    };
    if !open {
        return Sid::everyone();
    }
    // Words, so that the structures inside are aligned.
    let mut information = [0u64; 64];
    let mut length = 0;
    // SAFETY: the buffer is as long as said, and the token was opened above.
    let read = unsafe {
        GetTokenInformation(
            token,
            class,
            information.as_mut_ptr().cast(),
            size_of_val(&information) as u32,
            &raw mut length,
        )
    };
    // SAFETY: the token was opened above and is used no more.
    unsafe { CloseHandle(token) };
    if read == 0
        || (length as usize) < size_of::<TOKEN_USER>().min(size_of::<TOKEN_PRIMARY_GROUP>())
    {
        return Sid::everyone();
    }
    let sid = sid_in(information.as_ptr().cast());
    // SAFETY: the SID lies inside `information`, where the system put it whole.
    let bytes = unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), GetLengthSid(sid) as usize) };
    Sid::decode(bytes).unwrap_or_else(Sid::everyone)
}

/// Whether the user is a member of BUILTIN\Administrators.
pub(crate) fn is_administrator() -> bool {
    // S-1-5-32-544 in its binary form.
    let mut sid: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
    let mut member = 0;
    // SAFETY: the SID is whole, and no token means the calling thread's.
    unsafe {
        CheckTokenMembership(ptr::null_mut(), sid.as_mut_ptr().cast(), &raw mut member) != 0
            && member != 0
    }
}

/// Name of the thread's user.
pub(crate) fn user_name() -> String {
    let mut buffer = [0u16; 257];
    let mut length = buffer.len() as u32;
    // SAFETY: the buffer is as long as said.
    match unsafe { GetUserNameW(buffer.as_mut_ptr(), &raw mut length) } {
        0 => "user".to_owned(),
        // The length counts the NUL.
        _ => String::from_utf16_lossy(
            &buffer[..(length as usize).saturating_sub(1).min(buffer.len())],
        ),
    }
}

/// Name of this machine.
pub(crate) fn host_name() -> String {
    let mut buffer = [0u16; 257];
    let mut length = buffer.len() as u32;
    // SAFETY: the buffer is as long as said.
    match unsafe {
        GetComputerNameExW(
            ComputerNamePhysicalNetBIOS,
            buffer.as_mut_ptr(),
            &raw mut length,
        )
    } {
        0 => "localhost".to_owned(),
        _ => String::from_utf16_lossy(&buffer[..(length as usize).min(buffer.len())]),
    }
}

/// Text of a C string in the ANSI code page.
pub(crate) fn decode_ansi(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some(String::new());
    }
    let length = i32::try_from(bytes.len()).ok()?;
    let mut wide = vec![0u16; bytes.len()];
    // SAFETY: both buffers are as long as said; no code page makes more units than it had bytes.
    let units = unsafe {
        MultiByteToWideChar(
            CP_ACP,
            MB_ERR_INVALID_CHARS,
            bytes.as_ptr(),
            length,
            wide.as_mut_ptr(),
            length,
        )
    };
    (units > 0).then(|| String::from_utf16_lossy(&wide[..(units as usize).min(wide.len())]))
}

/// The bytes of a C string in the ANSI code page, without the NUL.
pub(crate) fn encode_ansi(text: &str) -> Vec<u8> {
    let wide: Vec<u16> = text.encode_utf16().collect();
    // No code page needs more than four bytes for a unit.
    let mut bytes = vec![0u8; wide.len() * 4];
    let (Ok(units), Ok(room)) = (i32::try_from(wide.len()), i32::try_from(bytes.len())) else {
        return Vec::new();
    };
    // SAFETY: both buffers are as long as said.
    let length = unsafe {
        WideCharToMultiByte(
            CP_ACP,
            0,
            wide.as_ptr(),
            units,
            bytes.as_mut_ptr(),
            room,
            ptr::null(),
            ptr::null_mut(),
        )
    };
    bytes.truncate(usize::try_from(length).unwrap_or(0));
    bytes
}

/// Keeps this library loaded for good: advapi32 unloads it after every last release, which would replace the last error
/// that was just set (CRYPTSPI 1.5).
pub(crate) fn pin_library() {
    static PINNED: Once = Once::new();
    PINNED.call_once(|| {
        let mut module = ptr::null_mut();
        let here = pin_library as fn() as *const u16;
        // SAFETY: with FROM_ADDRESS the name is any address inside the library, and this function is in it.
        unsafe {
            GetModuleHandleExW(
                GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                here,
                &raw mut module,
            )
        };
    });
}

/// A DWORD value of a key under HKEY_LOCAL_MACHINE; None when there is none.
///
/// # Errors
/// The system's, as for a value of another type.
pub(crate) fn registry_dword(key: &str, name: &str) -> io::Result<Option<u32>> {
    let (key, name) = (wide(key), wide(name));
    let mut value = 0u32;
    let mut length = size_of::<u32>() as u32;
    // SAFETY: both names end with a NUL, and the buffer is as long as said.
    let code = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            RRF_RT_REG_DWORD,
            ptr::null_mut(),
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    match code {
        ERROR_SUCCESS => Ok(Some(value)),
        ERROR_FILE_NOT_FOUND => Ok(None),
        code => Err(io::Error::from_raw_os_error(code as i32)),
    }
}

/// Sets such a value, making the key if need be.
///
/// # Errors
/// The system's: only administrators may.
pub(crate) fn set_registry_dword(key: &str, name: &str, value: u32) -> io::Result<()> {
    let (key, name) = (wide(key), wide(name));
    // SAFETY: both names end with a NUL, and the data is as long as said.
    let code = unsafe {
        RegSetKeyValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            REG_DWORD,
            (&raw const value).cast(),
            size_of::<u32>() as u32,
        )
    };
    match code {
        ERROR_SUCCESS => Ok(()),
        code => Err(io::Error::from_raw_os_error(code as i32)),
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Sets the calling thread's last error.
pub(crate) fn set_last_error(code: u32) {
    // SAFETY: SetLastError takes any number.
    unsafe { SetLastError(code) }
}

/// The calling thread's last error.
pub(crate) fn last_error() -> u32 {
    // SAFETY: GetLastError has no arguments.
    unsafe { GetLastError() }
}
