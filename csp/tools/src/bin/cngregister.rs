//! The utility `cngregister`; see [`csp_tools::cng`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    csp_tools::cng::register_main()
}
