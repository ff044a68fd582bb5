//! Answers for programs (`--json`).

use nfkm_tools::cli::{self, Failure};
use serde::Serialize;

/// Prints an answer as one JSON document.
pub(crate) fn print(answer: &impl Serialize) -> Result<(), Failure> {
    cli::print(&format!("{}\n", serde_json::to_string_pretty(answer)?))
}
