//! The utility `cspimport`; see [`csp_tools::cspimport`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cspimport::main()
}
