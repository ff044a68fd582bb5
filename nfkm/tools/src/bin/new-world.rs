//! The utility `new-world`; see [`nfkm_tools::new_world`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::new_world::main()
}
