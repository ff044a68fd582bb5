//! The utility `createocs`; see [`nfkm_tools::createocs`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::createocs::main()
}
