//! What `regsvr32` calls: the library registers itself, from where it is.

#![allow(non_snake_case)]

use std::io;
use std::panic::catch_unwind;

use crate::{log, registration, sys};

/// `S_OK`.
const OK: i32 = 0;
/// `SELFREG_E_CLASS`: the library could not register itself.
const FAILED: i32 = 0x8004_0201_u32 as i32;

/// Registers the providers with this library as their image.
#[unsafe(no_mangle)]
pub extern "system" fn DllRegisterServer() -> i32 {
    answer(|| registration::register(&sys::library_path()?))
}

/// Removes every registration of the providers.
#[unsafe(no_mangle)]
pub extern "system" fn DllUnregisterServer() -> i32 {
    answer(registration::unregister)
}

fn answer(work: fn() -> io::Result<()>) -> i32 {
    match catch_unwind(work) {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => {
            log::error(format_args!("registration: {error}"));
            FAILED
        }
        Err(_) => FAILED,
    }
}
