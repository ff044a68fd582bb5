//! The provider as a loadable library: the 25 entry points, `CSPGetLastError`, and nothing else.
//!
//! The functions carry their export names where they are defined, in `csp::ffi`; linking that crate into this one is what
//! exports them.

pub use csp::ffi;
