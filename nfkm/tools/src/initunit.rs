//! `initunit`: erases a module without making a Security World (UTILITIES section 4.2).

use std::process::ExitCode;

use clap::Parser;
use nfkm::world::admin::Admin;
use nfkm::{Environment, hex};

use crate::cli::{self};
use crate::terminal::say;

/// Erase a module's Security World data, and give it the factory's security officer.
///
/// The module must be in pre-initialisation mode (nopclearfail --initialization), and is of use again in operational mode
/// (nopclearfail --operational).
#[derive(Debug, Parser)]
#[command(name = "initunit")]
struct Options {
    /// The module
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// Give the module a signing key of 3072 bits instead of 1024
    #[arg(short, long)]
    strong_kml: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let admin = Admin::open(&Environment::from_process())?;
        say(&format!(
            "Initialising Unit {} (SetNSOPerms)\n",
            options.module
        ));
        let keys = admin.initialise(options.module, options.strong_kml)?;
        cli::print("Module Key Info\n")?;
        for (number, hkm) in keys.iter().enumerate() {
            cli::print(&format!("HKM[{number}] is {}\n", hex(hkm)))?;
        }
        Ok(())
    })
}
