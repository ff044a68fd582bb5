//! The utility `nfkmcheck`; see [`nfkm_tools::nfkmcheck`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::nfkmcheck::main()
}
