//! `cspwizard`: installs the provider on a machine that has a Security World (CAPI guide, sections 4.1 and 4.2).
//!
//! At a terminal it is a form that fills the screen. Every field is an option as well, for scripts; with any of them there
//! is no form. It creates no world: `new-world` does.

mod form;
mod plan;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use csp::settings::KeyProtection;
use nfkm::{Environment, World};
use nfkm_tools::cli::{self, Failure};

use crate::setup;
use plan::{CardSet, Plan};

/// Install the nShield CAPI CSP: load the Security World, choose what protects keys, create an Operator Card Set, and set
/// the parameters of the CSP.
#[derive(Debug, Parser)]
#[command(name = "cspwizard")]
struct Options {
    #[command(flatten)]
    steps: Steps,
    /// A card file, put into a soft token slot of the module, for a step that reads or writes cards; once for each card.
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
}

/// What is to be done; what is not named stays as it is.
#[derive(Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Steps (without any, a form asks for them)")]
struct Steps {
    /// Load the Security World on this module, with the Administrator Cards.
    #[arg(long, value_name = "MODULE")]
    load_world: Option<u32>,
    /// What protects new keys: module or card-set.
    #[arg(long, value_enum, value_name = "PROTECTION")]
    protection: Option<Protection>,
    /// Create an Operator Card Set of N cards, of which K are needed.
    #[arg(long, value_name = "K/N")]
    create_card_set: Option<String>,
    /// Its name.
    #[arg(long, value_name = "NAME", requires = "create_card_set")]
    card_set_name: Option<String>,
    /// Keys stay loaded when its card is removed.
    #[arg(long, requires = "create_card_set")]
    persistent: bool,
    /// The module with the reader for it (default = 1).
    #[arg(long, value_name = "MODULE", requires = "create_card_set")]
    module: Option<u32>,
    /// HSM Pool mode: on or off.
    #[arg(long, value_enum, value_name = "SWITCH")]
    pool_mode: Option<Switch>,
    /// Always display the user interface at key generation: on or off.
    #[arg(long, value_enum, value_name = "SWITCH")]
    always_display: Option<Switch>,
    /// Offload of modular exponentiations to a module, for the Microsoft CSPs: on or off.
    #[arg(long, value_enum, value_name = "SWITCH")]
    offload: Option<Switch>,
    /// Register the CSP with the system.
    #[arg(long)]
    register: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protection {
    Module,
    CardSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        let folder = environment.folder()?;
        if World::read(&folder)?.is_none() {
            return Err(Failure::Operation(format!(
                "{}: no Security World; new-world creates one, this wizard does not",
                folder.world_path().display()
            )));
        }
        let parameters = setup::read(&environment)?;
        let plan = if options.steps != Steps::default() {
            options.steps.plan(&parameters)?
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            match form::run(Plan::keeping(&parameters))? {
                Some(plan) => plan,
                None => return Err(Failure::Operation("cancelled".to_owned())),
            }
        } else {
            return Err(Failure::CommandLine(
                "no step is named, and there is no terminal for the form".to_owned(),
            ));
        };
        plan.carry_out(&environment, &options.cards)
    })
}

impl Steps {
    fn plan(&self, parameters: &csp::settings::SetupParameters) -> Result<Plan, Failure> {
        let mut plan = Plan::keeping(parameters);
        plan.load_world = self.load_world;
        if let Some(protection) = self.protection {
            plan.parameters.protection = match protection {
                Protection::Module => KeyProtection::Module,
                Protection::CardSet => KeyProtection::CardSet,
            };
        }
        if let Some(quorum) = &self.create_card_set {
            let (needed, cards) = nfkm_tools::values::quorum(quorum)?;
            plan.card_set = Some(CardSet {
                module: self.module.unwrap_or(1),
                name: self.card_set_name.clone().unwrap_or_default(),
                needed,
                cards,
                persistent: self.persistent,
            });
        }
        let switched = |switch: Option<Switch>, state| switch.map_or(state, |it| it == Switch::On);
        plan.parameters.pool_mode = switched(self.pool_mode, plan.parameters.pool_mode);
        plan.parameters.always_display_ui =
            switched(self.always_display, plan.parameters.always_display_ui);
        plan.offload = self.offload.map(|switch| switch == Switch::On);
        plan.register = self.register;
        Ok(plan)
    }
}
