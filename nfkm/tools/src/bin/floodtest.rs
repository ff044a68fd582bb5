//! The utility `floodtest`; see [`nfkm_tools::floodtest`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::floodtest::main()
}
