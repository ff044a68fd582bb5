//! The utility `rtc`; see [`nfkm_tools::rtc`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::rtc::main()
}
