//! The utility `csputils`; see [`csp_tools::csputils`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::csputils::main()
}
