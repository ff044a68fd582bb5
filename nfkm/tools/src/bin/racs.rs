//! The utility `racs`; see [`nfkm_tools::racs`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::racs::main()
}
