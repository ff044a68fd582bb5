//! `configure-csp-poolmode`: HSM Pool mode without the wizard (CAPI guide, section 5).

use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm::Environment;
use nfkm_tools::cli::{self, Failure};

use crate::setup;

/// Enable or disable HSM Pool mode, or tell which it is.
#[derive(Debug, Parser)]
#[command(
    name = "configure-csp-poolmode",
    group = ArgGroup::new("action").args(["enable", "disable"])
)]
struct Options {
    /// Of the nShield CAPI CSP.
    #[arg(long)]
    mscapi: bool,
    /// Of the nShield CNG provider, which this software does not have.
    #[arg(long, conflicts_with = "mscapi")]
    cng: bool,
    /// Enable it.
    #[arg(short, long)]
    enable: bool,
    /// Disable it.
    #[arg(short, long)]
    disable: bool,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        if options.cng {
            return Err(Failure::Operation(
                "there is no nShield CNG provider to configure: --mscapi names the CAPI CSP"
                    .to_owned(),
            ));
        }
        if !options.mscapi {
            return Err(Failure::CommandLine(
                "no provider is named; --mscapi does".to_owned(),
            ));
        }
        let environment = Environment::from_process();
        let mut parameters = setup::read(&environment)?;
        if options.enable || options.disable {
            parameters.pool_mode = options.enable;
            setup::write(&parameters, &environment)?;
        }
        let state = setup::on_off(parameters.pool_mode);
        cli::print(&format!("HSM Pool mode of the nShield CAPI CSP: {state}\n"))
    })
}
