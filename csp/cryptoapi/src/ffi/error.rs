//! The last error of the calling thread.

use crate::last_error;

/// The code of the calling thread's last failure.
#[unsafe(no_mangle)]
pub extern "system" fn GetLastError() -> u32 {
    last_error::last()
}

/// Sets the calling thread's last error.
#[unsafe(no_mangle)]
pub extern "system" fn SetLastError(code: u32) {
    last_error::set(code);
}
