//! The utility `nfkmverify`; see [`nfkm_tools::nfkmverify`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::nfkmverify::main()
}
