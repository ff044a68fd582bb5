//! The provider as a loadable library: the 25 entry points, `CSPGetLastError`, on Windows what `regsvr32` calls, and nothing
//! else.
//!
//! The entry points carry their export names where they are defined, in `csp::ffi`; linking that crate into this one is what
//! exports them.

#[cfg(windows)]
#[allow(unsafe_code)]
mod ffi;

pub use csp::ffi::*;
