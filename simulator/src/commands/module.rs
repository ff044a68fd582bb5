//! `softshield module`: the buttons and the mode switch.

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use simulator::Options;
use simulator::control::api;

use super::client;

/// Resets modules, lets them fail, moves their mode switch.
#[derive(Debug, Args)]
pub(crate) struct Module {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Resets a module: everything loaded is gone.
    Clear(Number),
    /// Lets a module fail.
    Fail(Number),
    /// Brings a failed module back.
    Retry(Number),
    /// Switches a module off and on: everything loaded is gone, and a failed module is back.
    PowerCycle(Number),
    /// Plugs in one more module, and prints its number.
    Add,
    /// Unplugs a module: everything loaded is gone.
    Unplug(Number),
    /// Plugs an unplugged module in again.
    PlugIn(Number),
    /// Moves the mode switch; the next reset enters the mode.
    Switch {
        #[command(flatten)]
        module: Number,
        /// The position
        position: api::SwitchPosition,
        /// Hold it there: commands for another mode are refused until it is moved without this
        #[arg(long = "override")]
        overrides: bool,
    },
}

#[derive(Debug, Args)]
struct Number {
    /// The module's number
    module: u32,
}

impl Module {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let client = client(options)?;
        let press = |module: Number, button: &str| {
            client.post::<api::Module>(&format!("/modules/{}/{button}", module.module), &())
        };
        match self.action {
            Action::Clear(module) => press(module, "clear")?,
            Action::Fail(module) => press(module, "fail")?,
            Action::Retry(module) => press(module, "retry")?,
            Action::PowerCycle(module) => press(module, "power-cycle")?,
            Action::Add => {
                let module = client.post::<api::Module>("/modules", &())?;
                writeln!(std::io::stdout(), "{}", module.number)?;
                module
            }
            Action::Unplug(module) => press(module, "unplug")?,
            Action::PlugIn(module) => press(module, "plug-in")?,
            Action::Switch {
                module,
                position,
                overrides,
            } => client.put(
                &format!("/modules/{}/switch", module.module),
                &api::NewPosition {
                    position,
                    overrides,
                },
            )?,
        };
        Ok(())
    }
}
