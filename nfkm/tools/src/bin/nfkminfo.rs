//! The utility `nfkminfo`; see [`nfkm_tools::nfkminfo`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::nfkminfo::main()
}
