//! Reading and writing through a C caller's pointers.
//!
//! Values are read and written at any alignment: C programs do pass the inside of a byte buffer.

use std::ffi::{CStr, c_char};

use crate::{codes::ERROR_INVALID_PARAMETER, text::Text};

/// A string of an A form; `None` for NULL.
///
/// # Safety
/// `string` is NULL or NUL-terminated.
pub(super) unsafe fn ansi(string: *const c_char) -> Option<Text> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not NULL, so the caller promises a terminator.
    let string = unsafe { CStr::from_ptr(string) };
    Some(Text::Ansi(string.to_bytes().to_vec()))
}

/// A string of a W form; `None` for NULL.
///
/// # Safety
/// `string` is NULL or NUL-terminated.
pub(super) unsafe fn wide(string: *const u16) -> Option<Text> {
    if string.is_null() {
        return None;
    }
    let mut units = Vec::new();
    loop {
        // SAFETY: no terminator was met before this unit, so it lies within the caller's string.
        match unsafe { string.add(units.len()).read_unaligned() } {
            0 => return Some(Text::Wide(units)),
            unit => units.push(unit),
        }
    }
}

/// Refuses NULL.
pub(super) fn required<T>(pointer: *const T) -> Result<(), u32> {
    if pointer.is_null() {
        Err(ERROR_INVALID_PARAMETER)
    } else {
        Ok(())
    }
}

/// Refuses a NULL buffer with a length that is not 0.
pub(super) fn required_bytes(pointer: *const u8, length: u32) -> Result<(), u32> {
    if length == 0 {
        Ok(())
    } else {
        required(pointer)
    }
}

/// Stores a value for the caller.
///
/// # Safety
/// `place` is writable.
pub(super) unsafe fn store<T: Copy>(place: *mut T, value: T) {
    // SAFETY: the caller's promise.
    unsafe { place.write_unaligned(value) }
}

/// Reads a value of the caller.
///
/// # Safety
/// `place` is readable and holds a value.
pub(super) unsafe fn load<T: Copy>(place: *const T) -> T {
    // SAFETY: the caller's promise.
    unsafe { place.read_unaligned() }
}
