//! The utility `initunit`; see [`nfkm_tools::initunit`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::initunit::main()
}
