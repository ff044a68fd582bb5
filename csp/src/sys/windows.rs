//! Windows: the token's user, the ANSI code page, the system's own last error.

pub(crate) mod dialogs;

use std::ffi::{OsString, c_void};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{io, ptr};

use windows_sys::Win32::Foundation::{CloseHandle, GetLastError, HANDLE, HMODULE, SetLastError};
use windows_sys::Win32::Globalization::{
    CP_ACP, MB_ERR_INVALID_CHARS, MultiByteToWideChar, WideCharToMultiByte,
};
use windows_sys::Win32::Security::{
    CheckTokenMembership, DACL_SECURITY_INFORMATION, GetLengthSid, GetTokenInformation,
    SetFileSecurityW, TOKEN_PRIMARY_GROUP, TOKEN_QUERY, TOKEN_USER, TokenPrimaryGroup, TokenUser,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleFileNameW, GetModuleHandleExW,
};
use windows_sys::Win32::System::SystemInformation::{
    ComputerNamePhysicalNetBIOS, GetComputerNameExW,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcessToken, OpenThreadToken,
};
use windows_sys::Win32::System::WindowsProgramming::GetUserNameW;

use crate::security::{DACL, Descriptor};
use crate::sid::Sid;

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
        // It cannot fail for an address of loaded code; should it, calls still work.
        let _ = this_library(GET_MODULE_HANDLE_EX_FLAG_PIN);
    });
}

/// Gives a file the access list of a self-relative security descriptor.
///
/// # Errors
/// The system's.
pub(crate) fn protect(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let descriptor = descriptor.encode(DACL);
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    // Words, so that the descriptor is aligned.
    let mut words = vec![0u32; descriptor.len().div_ceil(4)];
    for (word, bytes) in words.iter_mut().zip(descriptor.chunks(4)) {
        let mut whole = [0; 4];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u32::from_ne_bytes(whole);
    }
    // SAFETY: the path is terminated, and the descriptor is a whole self-relative one.
    let set = unsafe {
        SetFileSecurityW(
            path.as_ptr(),
            DACL_SECURITY_INFORMATION,
            words.as_mut_ptr().cast(),
        )
    };
    match set {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The file that this library was loaded from.
///
/// # Errors
/// The system's.
pub(crate) fn library_path() -> io::Result<PathBuf> {
    /// The longest path that Windows has, in units.
    const LONGEST: usize = 0x8000;
    let mut path = vec![0u16; LONGEST];
    // SAFETY: the buffer is as long as said, and the handle is this library's, which is loaded while this runs.
    let length = unsafe {
        GetModuleFileNameW(
            this_library(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT)?,
            path.as_mut_ptr(),
            LONGEST as u32,
        )
    };
    match length as usize {
        0 => Err(io::Error::last_os_error()),
        units => Ok(OsString::from_wide(&path[..units.min(LONGEST)]).into()),
    }
}

/// The handle of this library; `flags` say what becomes of its count of references.
fn this_library(flags: u32) -> io::Result<HMODULE> {
    let mut module = ptr::null_mut();
    let here = this_library as fn(u32) -> io::Result<HMODULE> as *const u16;
    // SAFETY: with FROM_ADDRESS the name is any address inside the library, and this function is in it.
    let found = unsafe {
        GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags,
            here,
            &raw mut module,
        )
    };
    match found {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(module),
    }
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
