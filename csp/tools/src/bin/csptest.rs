//! The utility `csptest`; see [`csp_tools::csptest`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::csptest::main()
}
