//! The utility `cspmigrate`; see [`csp_tools::cspmigrate`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cspmigrate::main()
}
