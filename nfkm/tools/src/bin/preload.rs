//! The utility `preload`; see [`nfkm_tools::preload`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::preload::main()
}
