//! The provider inside this program.

pub(super) use csp::ffi::{CSPGetLastError as last_error, *};

/// How many contexts, keys and hashes are held.
pub(in crate::threads) fn live_handles() -> Option<[usize; 3]> {
    Some(csp::ffi::live_handles())
}
