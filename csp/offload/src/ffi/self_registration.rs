//! What `regsvr32` calls: the library registers itself, from where it is.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::ptr;

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
    GetModuleFileNameW, GetModuleHandleExW,
};

use crate::registration;

/// `S_OK`.
const OK: i32 = 0;
/// `SELFREG_E_CLASS`: the library could not register itself.
const FAILED: i32 = 0x8004_0201_u32 as i32;

/// Has Microsoft's providers load this library.
#[unsafe(no_mangle)]
pub extern "system" fn DllRegisterServer() -> i32 {
    answer(|| registration::register(&library_path()?))
}

/// Takes this library away again.
#[unsafe(no_mangle)]
pub extern "system" fn DllUnregisterServer() -> i32 {
    answer(|| registration::unregister(&library_path()?))
}

fn answer(work: fn() -> io::Result<()>) -> i32 {
    match catch_unwind(work) {
        Ok(Ok(())) => OK,
        Ok(Err(_)) | Err(_) => FAILED,
    }
}

/// The file that this library was loaded from.
fn library_path() -> io::Result<PathBuf> {
    /// The longest path that Windows has, in units.
    const LONGEST: usize = 0x8000;
    let mut module = ptr::null_mut();
    let here = library_path as fn() -> io::Result<PathBuf> as *const u16;
    let flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    // SAFETY: with FROM_ADDRESS the name is any address inside the library, and this function is in it.
    if unsafe { GetModuleHandleExW(flags, here, &raw mut module) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut path = vec![0u16; LONGEST];
    // SAFETY: the buffer is as long as said, and the handle is this library's, which is loaded while this runs.
    let length = unsafe { GetModuleFileNameW(module, path.as_mut_ptr(), LONGEST as u32) };
    match length as usize {
        0 => Err(io::Error::last_os_error()),
        units => Ok(OsString::from_wide(&path[..units.min(LONGEST)]).into()),
    }
}
