//! The utility `keytst`; see [`csp_tools::keytst`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::keytst::main()
}
