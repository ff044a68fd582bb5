//! The exported functions, grouped as CRYPTSPI groups them.
//!
//! Each converts its arguments, finds the objects behind its handles, and calls one entry point of
//! the provider. What the functions have in common:
//!
//! * TRUE is 1. FALSE comes with a last error for the calling thread: this layer's own, or the one
//!   the provider set. Success leaves the last error alone, except where a function says so.
//! * A bad handle and a NULL output pointer are `ERROR_INVALID_PARAMETER`. Data pointers that may
//!   mean something as NULL go through to the provider as they are.
//! * No panic crosses into C: it becomes `NTE_FAIL`.
//!
//! # Safety
//!
//! All functions share one contract. The caller promises what `wincrypt.h` promises: strings are
//! NULL or NUL-terminated, buffers are NULL or as long as the length that goes with them says,
//! output pointers are NULL or writable. Every registered provider promises CryptoSPI's contract.
//! Handles need no promise; any number may be passed.

// The C boundary is here.
#![allow(unsafe_code)]
// The names of functions are C's.
#![allow(non_snake_case)]
// Functions have the argument lists that wincrypt.h gives them.
#![allow(clippy::too_many_arguments)]
// One contract, stated above, serves all.
#![allow(clippy::missing_safety_doc)]

mod catalogue;
mod context;
mod data;
mod error;
mod hash;
mod key;
mod pointer;

pub use catalogue::*;
pub use context::*;
pub use data::*;
pub use error::*;
pub use hash::*;
pub use key::*;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    codes::NTE_FAIL,
    last_error,
    table::{Bool, Table},
};

const TRUE: Bool = 1;
const FALSE: Bool = 0;

/// Runs a function's body and turns its result into what C sees.
fn call(body: impl FnOnce() -> Result<(), u32>) -> Bool {
    // The tables behind the body's locks are sound after a panic, see there.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => TRUE,
        Ok(Err(code)) => {
            last_error::set(code);
            FALSE
        }
        Err(_) => {
            last_error::set(NTE_FAIL);
            FALSE
        }
    }
}

/// The result of a provider's entry point, with the provider's code when it failed.
fn outcome(table: &Table, answer: Bool) -> Result<(), u32> {
    if answer != FALSE {
        Ok(())
    } else {
        Err(provider_error(table))
    }
}

fn provider_error(table: &Table) -> u32 {
    // SAFETY: the function takes nothing, and the provider keeps its contract.
    unsafe { (table.last_error)() }
}
