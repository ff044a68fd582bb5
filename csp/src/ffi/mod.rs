//! The C face: the 25 CryptSPI entry points and `CSPGetLastError`, under their undecorated names.
//!
//! Each entry point converts its arguments, calls the method of [`Csp`] that has its name, and turns the result into TRUE,
//! or FALSE and a last error. A panic ends here and becomes `NTE_FAIL`.
//!
//! On Windows the last error is the system's. Elsewhere it is a variable of the calling thread; the layer above reads it
//! through `CSPGetLastError` after each call that answered FALSE.
//!
//! What every entry point asks of its caller, as CryptSPI's contract has it: a pointer is NULL or leads to as many readable
//! bytes (writable, for results) as the argument beside it says, or as its type has; strings end with a NUL; what two
//! pointers of one call lead to does not overlap; and none of it changes during the call.

mod entry_points;
mod pointers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

pub use self::entry_points::*;
pub use self::pointers::{CmsDhKeyInfoStruct, CryptDataBlob, HmacInfoStruct, VTableProvStruc};
use crate::csp::{Csp, Settings};
use crate::error::{CspError, Result};
use crate::{log, sys};

/// Win32 `BOOL`: 0 is FALSE, everything else TRUE.
pub type Bool = i32;

const TRUE: Bool = 1;
const FALSE: Bool = 0;

/// The process's provider library. Nothing happens before the first call.
static CSP: LazyLock<Csp> = LazyLock::new(|| Csp::new(Settings::default()));

/// Runs an entry point. On success the last error stays as it is, unless `call` names one.
fn enter(name: &str, call: impl FnOnce(&Csp) -> Result<Option<CspError>>) -> Bool {
    // The state behind the provider's locks is whole after every step, so a panic between steps breaks nothing.
    let result = catch_unwind(AssertUnwindSafe(|| call(&CSP))).unwrap_or_else(|_| {
        log::error(format_args!("{name}: a panic"));
        Err(CspError::NTE_FAIL)
    });
    match result {
        Ok(note) => {
            log::call(format_args!("{name}: done"));
            if let Some(note) = note {
                sys::set_last_error(note.code());
            }
            TRUE
        }
        Err(error) => {
            log_failure(name, error);
            sys::set_last_error(error.code());
            FALSE
        }
    }
}

/// A size that is asked for twice and the end of a walk are how calls are meant to go; everything else is an error.
fn log_failure(name: &str, error: CspError) {
    let text = format_args!("{name}: {error} {:#010x}", error.code()).to_string();
    match error {
        CspError::ERROR_MORE_DATA | CspError::ERROR_NO_MORE_ITEMS => {
            log::call(format_args!("{text}"))
        }
        _ => log::error(format_args!("{text}")),
    }
}

/// How many contexts, keys and hashes the process holds: what is left where all were released was leaked.
pub fn live_handles() -> [usize; 3] {
    CSP.live_handles()
}

/// Why the calling thread's last entry point that answered FALSE did so.
#[unsafe(no_mangle)]
pub extern "system" fn CSPGetLastError() -> u32 {
    sys::last_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        assert_eq!(enter("test", |_| panic!("expected by this test")), FALSE);
        assert_eq!(CSPGetLastError(), CspError::NTE_FAIL.code());
    }

    #[test]
    fn success_leaves_the_last_error_alone_unless_told() {
        assert_eq!(enter("test", |_| Err(CspError::NTE_BAD_UID)), FALSE);
        assert_eq!(enter("test", |_| Ok(None)), TRUE);
        assert_eq!(CSPGetLastError(), CspError::NTE_BAD_UID.code());
        assert_eq!(
            enter("test", |_| Ok(Some(CspError::ERROR_INSUFFICIENT_BUFFER))),
            TRUE
        );
        assert_eq!(
            CSPGetLastError(),
            CspError::ERROR_INSUFFICIENT_BUFFER.code()
        );
    }
}
