//! What `regsvr32` calls: the library registers itself, from where it is.

#![allow(non_snake_case)]

use std::io;
use std::panic::catch_unwind;

use csp::registration;

/// `S_OK`.
const OK: i32 = 0;
/// `SELFREG_E_CLASS`: the library could not register itself.
const FAILED: i32 = 0x8004_0201_u32 as i32;

/// Registers the providers with this library as their image.
#[unsafe(no_mangle)]
extern "system" fn DllRegisterServer() -> i32 {
    answer(registration::register_itself)
}

/// Removes every registration of the providers.
#[unsafe(no_mangle)]
extern "system" fn DllUnregisterServer() -> i32 {
    answer(registration::unregister_itself)
}

fn answer(work: fn() -> io::Result<()>) -> i32 {
    match catch_unwind(work) {
        Ok(Ok(())) => OK,
        // The cause is logged.
        Ok(Err(_)) | Err(_) => FAILED,
    }
}
