//! Tables from the numbers a C caller holds to the objects behind them.
//!
//! A handle is never 0 (CRYPTSPI 1.5: 0 means "none"), and one that was released, belongs to another context, or names an
//! object of another kind is told from a live one:
//!
//! ```text
//! 64 bits: generation 32 | index 30 | kind 2        32 bits: generation 10 | index 20 | kind 2
//! ```
//!
//! The table's lock is held for the lookup alone. What comes back is an `Arc`, so that a call in progress keeps its
//! object while another thread releases the handle.

mod sync;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::table::{Kind, NO_OWNER, Table};
