//! What the wizard does, once it is known.

use std::path::PathBuf;

use csp::settings::{KeyProtection, SetupParameters};
use nfkm::world::admin::Admin;
use nfkm::{Environment, NewCardSet, Session, World, hex};
use nfkm_tools::card_files;
use nfkm_tools::cli::{self, Failure};
use nfkm_tools::terminal::{Terminal, say};

use crate::{cng, setup};

/// The steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The module on which the world is loaded.
    pub(super) load_world: Option<u32>,
    pub(super) card_set: Option<CardSet>,
    /// The parameters afterwards.
    pub(super) parameters: SetupParameters,
    /// The parameters before.
    before: SetupParameters,
    /// Whether Microsoft's providers use a module; None leaves it as it is.
    pub(super) offload: Option<bool>,
    pub(super) register: bool,
}

/// A card set to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CardSet {
    pub(super) module: u32,
    pub(super) name: String,
    pub(super) needed: u32,
    pub(super) cards: u32,
    pub(super) persistent: bool,
}

impl Plan {
    /// The plan that changes nothing.
    pub(super) fn keeping(parameters: &SetupParameters) -> Plan {
        Plan {
            load_world: None,
            card_set: None,
            parameters: *parameters,
            before: *parameters,
            offload: None,
            register: false,
        }
    }

    /// Does all steps, in the order of the installation. The first that fails is the last.
    pub(super) fn carry_out(
        &self,
        environment: &Environment,
        cards: &[PathBuf],
    ) -> Result<(), Failure> {
        if let Some(module) = self.load_world {
            load_world(environment, module, cards)?;
        }
        if let Some(set) = &self.card_set {
            set.create(environment, cards)?;
        }
        if self.parameters != self.before {
            setup::write(&self.parameters, environment)?;
            self.tell_parameters()?;
        }
        if let Some(warning) = setup::pool_warning(&self.parameters, environment)? {
            cli::complain("cspwizard", &warning);
        }
        if let Some(on) = self.offload {
            cng::offload(on)?;
            cli::print(&format!("Modexp offload: {}\n", setup::on_off(on)))?;
        }
        if self.register {
            cng::register()?;
            cli::print("The nShield CAPI CSP is registered.\n")?;
        }
        Ok(())
    }

    fn tell_parameters(&self) -> Result<(), Failure> {
        let protection = match self.parameters.protection {
            KeyProtection::Module => "module",
            KeyProtection::CardSet => "card set",
        };
        cli::print(&format!(
            "Protection of new keys: {protection}\n\
             HSM Pool mode: {}\n\
             Always display UI at key generation: {}\n",
            setup::on_off(self.parameters.pool_mode),
            setup::on_off(self.parameters.always_display_ui)
        ))
    }
}

impl CardSet {
    /// What the module is asked for.
    pub(super) fn request(&self) -> NewCardSet {
        NewCardSet {
            persistent: self.persistent,
            ..NewCardSet::new(&self.name, self.needed, self.cards)
        }
    }

    fn create(&self, environment: &Environment, cards: &[PathBuf]) -> Result<(), Failure> {
        let world = World::required(&environment.folder()?)?;
        let request = self.request();
        request
            .check(&world)
            .map_err(|error| Failure::CommandLine(error.to_string()))?;
        let session = Session::open(environment)?;
        card_files::authorise("cspwizard", &session, &[self.module], &[])?;
        let choice = card_files::choose(
            "cspwizard",
            "operator cards",
            &*session.client()?,
            session.folder(),
            &[self.module],
            cards,
        )?;
        let source = choice.source(|folder| card_files::new_operators(folder, self.cards));
        say("\nCreating Cardset:\n");
        let mut terminal = Terminal {
            passphrase_min: world.record.passphrase_min,
        };
        let set = session.create_card_set(self.module, &request, &source, &mut terminal)?;
        cli::print(&format!("cardset created; hkltu = {}\n", hex(&set.hkltu)))
    }
}

fn load_world(environment: &Environment, module: u32, cards: &[PathBuf]) -> Result<(), Failure> {
    let admin = Admin::open(environment)?;
    let (client, folder) = (admin.client(), admin.folder());
    let source = card_files::administrators("cspwizard", client, folder, module, cards)?;
    admin.load(&[module], &source, true, &mut Terminal::default())?;
    Ok(())
}
