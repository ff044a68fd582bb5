//! The utility `slotinfo`; see [`nfkm_tools::slotinfo`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::slotinfo::main()
}
