//! The utility `perfcheck`; see [`nfkm_tools::perfcheck`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::perfcheck::main()
}
