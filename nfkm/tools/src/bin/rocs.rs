//! The utility `rocs`; see [`nfkm_tools::rocs`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::rocs::main()
}
