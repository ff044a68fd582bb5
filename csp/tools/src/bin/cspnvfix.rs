//! The utility `cspnvfix`; see [`csp_tools::cspnvfix`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cspnvfix::main()
}
