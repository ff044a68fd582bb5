//! Randomness for what lives in software.
//!
//! Session keys, IVs and encryption padding are made and kept in the process (CAPI guide, section 7), so the system's
//! generator serves them, and they need no module. CPGenRandom is another matter: it asks a module.

use crate::error::{CspError, Result};

/// Fills a buffer from the operating system's generator.
///
/// # Errors
/// `NTE_FAIL` if it has none to give.
pub(crate) fn system(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|_| CspError::NTE_FAIL)
}
