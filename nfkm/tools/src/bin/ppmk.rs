//! The utility `ppmk`; see [`nfkm_tools::ppmk`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::ppmk::main()
}
