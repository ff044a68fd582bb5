//! The CAPI utilities: keytst, csptest, csputils, cspcheck and others. They never link the simulator.
//!
//! A utility is a module here with a function `main`, which its executable calls, and a function `command`, from which
//! help, man page and shell completions come. `keytst` and `csptest` use CryptoAPI alone, as any application does; the
//! others work on the files of the Security World through `csp::admin`. What CryptoAPI does not tell them, the cause of an
//! `NTE_FAIL` and what stays in a module's NVRAM, those two look for there too.

mod capi;
pub mod cng;
pub mod cspcheck;
pub mod cspimport;
pub mod cspmigrate;
pub mod cspnvfix;
pub mod csptest;
pub mod csputils;
pub mod cspwizard;
pub mod keytst;
mod leftover;
mod names;
pub mod poolmode;
mod setup;

/// The command line of every utility.
pub fn commands() -> Vec<clap::Command> {
    vec![
        cng::install_command(),
        cng::register_command(),
        poolmode::command(),
        cspcheck::command(),
        cspimport::command(),
        cspmigrate::command(),
        cspnvfix::command(),
        csptest::command(),
        csputils::command(),
        cspwizard::command(),
        keytst::command(),
    ]
}
