//! The utility `cspwizard`; see [`csp_tools::cspwizard`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cspwizard::main()
}
