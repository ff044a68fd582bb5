//! The utility `nvram-sw`; see [`nfkm_tools::nvram_sw`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::nvram_sw::main()
}
