//! The utility `nopclearfail`; see [`nfkm_tools::nopclearfail`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::nopclearfail::main()
}
