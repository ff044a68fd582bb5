//! The utility `enquiry`; see [`nfkm_tools::enquiry`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    nfkm_tools::enquiry::main()
}
