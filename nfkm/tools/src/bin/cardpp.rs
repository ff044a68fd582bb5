//! The utility `cardpp`; see [`nfkm_tools::cardpp`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::cardpp::main()
}
