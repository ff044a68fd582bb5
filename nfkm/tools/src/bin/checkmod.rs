//! The utility `checkmod`; see [`nfkm_tools::checkmod`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::checkmod::main()
}
