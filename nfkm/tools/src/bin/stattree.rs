//! The utility `stattree`; see [`nfkm_tools::stattree`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::stattree::main()
}
