//! The utility `configure-csp-poolmode`; see [`csp_tools::poolmode`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::poolmode::main()
}
