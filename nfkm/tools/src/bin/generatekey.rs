//! The utility `generatekey`; see [`nfkm_tools::generatekey`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::generatekey::main()
}
