//! The utility `cspcheck`; see [`csp_tools::cspcheck`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cspcheck::main()
}
