//! What puts the decisions about a key's protection into effect: cards are looked for, users asked, card sets loaded.

use std::thread;
use std::time::{Duration, Instant};

use nfkm::cards::{CardContent, CardSource, SetName};
use nfkm::kmdata::CardSetRecord;
use nfkm::{
    Area, EntryName, Error, LoadedKey, LoadedToken, NvramAuthority, Protection, Session, hex,
};

use super::{Situation, Way, at_generation, at_loading};
use crate::error::{CspError, Result};
use crate::failure;
use crate::key_spec::KeySpec;
use crate::log;
use crate::prompt::{AtTheModules, Interaction, OfferedModule, OfferedSet, Prompt, Wanted};
use crate::settings::KeyProtection;

/// A key of a slot that is to be made or loaded, and what its prompts depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForKey<'a> {
    pub(crate) session: &'a Session,
    pub(crate) interaction: &'a Interaction,
    pub(crate) spec: KeySpec,
    /// The only module that it can be on, because something of it is in that one's NVRAM. None for any.
    pub(crate) module: Option<u32>,
}

/// An operator card in a reader.
struct OperatorCard {
    module: u32,
    set: CardSetRecord,
    passphrase: bool,
}

impl ForKey<'_> {
    /// Brings about what protects a new key.
    ///
    /// # Errors
    /// Those of [`at_generation`], of the prompts, and the module's.
    pub(crate) fn protection(&self, wanted: KeyProtection) -> Result<Protection> {
        let setup = &self.interaction.setup;
        let mut attempts = 0;
        loop {
            let strict = self.session.is_strict_fips().map_err(failure::of_key)?;
            let cards = match wanted {
                KeyProtection::CardSet => self.operator_cards()?,
                KeyProtection::Module => Vec::new(),
            };
            let automatic = self.automatic(&cards).next();
            let way = at_generation(Situation {
                protection: wanted,
                automatic_card: automatic.is_some(),
                always_display_ui: setup.always_display_ui,
                silent: self.interaction.silent,
                strict,
                world_card: strict && has_world_card(self.session)?,
                pool: setup.pool_mode,
            });
            let token = match (way.inspect_err(|code| explain(*code))?, automatic) {
                (Way::Module, _) => return Ok(Protection::Module),
                (Way::AskForWorldCard, _) => {
                    ask_for_world_card(self.session, self.interaction)?;
                    return Ok(Protection::Module);
                }
                (Way::AutomaticCard, Some(card)) => self.load_automatically(&cards, &card.set),
                (Way::AutomaticCard | Way::Ask, _) => self.load_with_user(&cards),
            };
            match token {
                Ok(token) => return Ok(Protection::Token(token)),
                Err(error) => again(&mut attempts, error)?,
            }
        }
    }

    /// Loads a recorded key, with its card set if it has one.
    ///
    /// # Errors
    /// Those of [`at_loading`], of [`check_nvram`], of the prompts, and the module's.
    pub(crate) fn load(&self, appname: &str, ident: &str) -> Result<LoadedKey> {
        let name = EntryName::new(appname, ident).map_err(failure::of_key)?;
        let this = ForKey {
            module: check_nvram(self.session, &name)?,
            ..*self
        };
        let mut attempts = 0;
        loop {
            let hkltu = match this.session.load_key(appname, ident) {
                Err(Error::NeedsToken {
                    hkltu,
                    softcard: false,
                    ..
                }) => hkltu,
                loaded => return loaded.map_err(failure::of_key),
            };
            let cards = this.operator_cards()?;
            let is_its = |card: &&OperatorCard| card.set.hkltu == hkltu;
            let automatic = this.automatic(&cards).find(is_its);
            let way = at_loading(Situation {
                protection: KeyProtection::CardSet,
                automatic_card: automatic.is_some(),
                always_display_ui: this.interaction.setup.always_display_ui,
                silent: this.interaction.silent,
                // Loading a key authorises itself.
                strict: false,
                world_card: false,
                pool: this.interaction.setup.pool_mode,
            });
            let token = match (way.inspect_err(|code| explain(*code))?, automatic) {
                (Way::AutomaticCard, Some(card)) => this.load_automatically(&cards, &card.set),
                _ => {
                    let set = this.session.card_set(&hex(&hkltu));
                    let set = set.map_err(failure::of_key)?;
                    this.load_on_chosen(&mut *this.interaction.prompt(), &cards, &set)
                }
            };
            let loaded = token.and_then(|token| {
                let loaded = this.session.load_key_with(appname, ident, &token);
                loaded.map_err(Attempt::of_key)
            });
            match loaded {
                Ok(loaded) => return Ok(loaded),
                Err(error) => again(&mut attempts, error)?,
            }
        }
    }

    /// The modules on which the card set of a loaded token could be loaded now without asking anybody.
    ///
    /// # Errors
    /// The module's.
    pub(crate) fn automatic_modules(&self, token: &LoadedToken) -> Result<Vec<u32>> {
        let cards = self.operator_cards()?;
        let its = self.automatic(&cards);
        Ok(modules(its.filter(|card| card.set.hkltu == token.hash())))
    }

    /// Takes the right to make areas in NVRAM from the administrator cards: in the module that has one of them, or else
    /// the one that the user chooses.
    ///
    /// # Errors
    /// The prompts' and the module's.
    pub(crate) fn nvram_authority(&self) -> Result<NvramAuthority> {
        let module = self.nvram_module()?;
        log::notice(format_args!(
            "reading administrator cards in module {module}"
        ));
        let mut prompt = self.interaction.prompt();
        let mut person = AtTheModules::new(&mut *prompt, None, SetName::Admin);
        let opened = self
            .session
            .open_nvram(module, &CardSource::Readers, &mut person);
        person.finish(opened)
    }

    fn nvram_module(&self) -> Result<u32> {
        let cards = self.session.cards_in_readers().map_err(failure::of_key)?;
        let is_admin = |content: &CardContent| matches!(content, CardContent::Admin { .. });
        if let Some((module, _)) = cards.iter().find(|(_, content)| is_admin(content)) {
            return Ok(*module);
        }
        let modules = self.offered_modules(&[]).map_err(failure::of_key)?;
        match &modules[..] {
            [] => {
                log::error(format_args!(
                    "key: there is no usable module whose NVRAM could have its area"
                ));
                Err(CspError::NTE_FAIL)
            }
            [only] => Ok(only.number),
            modules => Ok(self.interaction.prompt().choose_nvram(modules)?),
        }
    }

    /// Loads a card set on every module that has one of its automatic cards.
    fn load_automatically(
        &self,
        cards: &[OperatorCard],
        set: &CardSetRecord,
    ) -> Result<LoadedToken, Attempt> {
        let its = self.automatic(cards);
        let its = modules(its.filter(|card| card.set.hkltu == set.hkltu));
        let nobody = Interaction {
            silent: true,
            ..self.interaction.clone()
        };
        let silently = ForKey {
            interaction: &nobody,
            ..*self
        };
        silently.load_set(set, &its)
    }

    /// Loads the card set that the user chooses, where and with the cards that the user says.
    fn load_with_user(&self, cards: &[OperatorCard]) -> Result<LoadedToken, Attempt> {
        let sets = self.session.card_sets().map_err(Attempt::of_key)?;
        for fault in &sets.faults {
            log::error(format_args!("key: a card set cannot be offered: {fault}"));
        }
        let sets = sets.records;
        if sets.is_empty() {
            log::error(format_args!("key: there are no card sets to choose from"));
            return Err(Attempt::Final(CspError::NTE_FAIL));
        }
        let offered: Vec<OfferedSet> = sets.iter().map(offered_set).collect();
        let mut prompt = self.interaction.prompt();
        let chosen = prompt.choose_set(&offered);
        let chosen = chosen.map_err(|refusal| Attempt::Final(refusal.into()))?;
        let set = sets.get(chosen);
        let set = set.ok_or(Attempt::Final(CspError::NTE_FAIL))?;
        self.load_on_chosen(&mut *prompt, cards, set)
    }

    /// Loads a card set on the modules that the user chooses.
    fn load_on_chosen(
        &self,
        prompt: &mut dyn Prompt,
        cards: &[OperatorCard],
        set: &CardSetRecord,
    ) -> Result<LoadedToken, Attempt> {
        let modules = self.offered_modules(cards).map_err(Attempt::of_key)?;
        if modules.is_empty() {
            log::error(format_args!(
                "key: there is no usable module that it can be on"
            ));
            return Err(Attempt::Final(CspError::NTE_FAIL));
        }
        let chosen = prompt.choose_modules(&offered_set(set), &modules);
        let chosen = chosen.map_err(|refusal| Attempt::Final(refusal.into()))?;
        self.load_set(set, &chosen)
    }

    fn load_set(&self, set: &CardSetRecord, modules: &[u32]) -> Result<LoadedToken, Attempt> {
        log::notice(format_args!(
            "loading the card set `{}' on modules {modules:?}",
            set.name
        ));
        let mut prompt = self.interaction.prompt();
        let name = SetName::Operator(set.name.clone());
        let pin = self.interaction.pin(self.spec);
        let mut person = AtTheModules::new(&mut *prompt, pin, name);
        let loaded = self
            .session
            .load_card_set(set, modules, &CardSource::Readers, &mut person);
        match loaded {
            Err(error) if error.is_loss() => Err(Attempt::of_key(error)),
            loaded => person.finish(loaded).map_err(|code| match code {
                // An automatic card was pulled this very moment, or the decision was another one.
                CspError::NTE_SILENT_CONTEXT => Attempt::Again(code),
                code => Attempt::Final(code),
            }),
        }
    }

    /// The modules that the key can be on.
    fn offered_modules(&self, cards: &[OperatorCard]) -> Result<Vec<OfferedModule>, Error> {
        let modules = self.session.world()?.modules.into_iter();
        let usable = modules.filter(|module| module.is_usable() && !module.is_pool());
        let possible = usable.filter(|module| self.may_be_on(module.number));
        let offered = possible.map(|module| OfferedModule {
            has_card: cards.iter().any(|card| card.module == module.number),
            number: module.number,
            esn: module.esn,
        });
        Ok(offered.collect())
    }

    /// The operator cards in the modules that the key can be on. A pool has no readers.
    fn operator_cards(&self) -> Result<Vec<OperatorCard>> {
        if self.interaction.setup.pool_mode {
            return Ok(Vec::new());
        }
        let cards = self.session.cards_in_readers().map_err(failure::of_key)?;
        let operator = |(module, content)| match content {
            CardContent::Operator {
                set, passphrase, ..
            } => Some(OperatorCard {
                module,
                set: *set,
                passphrase,
            }),
            _ => None,
        };
        let cards = cards.into_iter().filter_map(operator);
        Ok(cards.filter(|card| self.may_be_on(card.module)).collect())
    }

    fn may_be_on(&self, module: u32) -> bool {
        self.module.is_none_or(|only| only == module)
    }

    /// The cards that need no user.
    fn automatic<'c>(
        &self,
        cards: &'c [OperatorCard],
    ) -> impl Iterator<Item = &'c OperatorCard> + use<'c> {
        let has_pin = self.interaction.pin(self.spec).is_some();
        let needs_nobody = move |card: &&OperatorCard| {
            card.set.shares_needed == 1 && (!card.passphrase || has_pin)
        };
        cards.iter().filter(needs_nobody)
    }
}

/// Whether what a key has in NVRAM is there; the module that has it.
///
/// # Errors
/// `NTE_KEYSET_ENTRY_BAD` for a key whose blob was erased: it is not `NTE_NO_KEY`, at which programs put a new key in its
/// place. `NTE_DEVICE_NOT_READY` for one whose counter was: `cspnvfix` makes that again. And the file system's.
pub(crate) fn check_nvram(session: &Session, name: &EntryName) -> Result<Option<u32>> {
    let Some(state) = session.nvram_state(name).map_err(failure::of_key)? else {
        return Ok(None);
    };
    if state.blob == Some(Area::Erased) {
        log::error(format_args!(
            "key {name}: its blob was erased from the NVRAM of module {}",
            state.esn
        ));
        return Err(CspError::NTE_KEYSET_ENTRY_BAD);
    }
    if state.counter == Some(Area::Erased) {
        log::error(format_args!(
            "key {name}: its counter was erased from the NVRAM of module {}; cspnvfix makes it again",
            state.esn
        ));
        return Err(CspError::NTE_DEVICE_NOT_READY);
    }
    let modules = session.world().map_err(failure::of_key)?.modules;
    let its = modules.iter().find(|module| module.esn == state.esn);
    Ok(its.map(|module| module.number))
}

/// Waits for any card of the world, if an import needs its authorisation and there is none.
///
/// # Errors
/// `NTE_SILENT_CONTEXT`, and the prompt's and the module's.
pub(crate) fn authorise(session: &Session, interaction: &Interaction) -> Result<()> {
    match session.check_authorisation() {
        Err(Error::NeedsFipsCard { .. }) => ask_for_world_card(session, interaction),
        result => result.map_err(failure::of_key),
    }
}

fn ask_for_world_card(session: &Session, interaction: &Interaction) -> Result<()> {
    let began = Instant::now();
    let mut prompt = interaction.prompt();
    log::notice(format_args!("waiting: {}", Wanted::World));
    loop {
        prompt.wait_for_card(&Wanted::World, began.elapsed())?;
        match session.check_authorisation() {
            Err(Error::NeedsFipsCard { .. }) => thread::sleep(LOOK_EVERY),
            result => return result.map_err(failure::of_key),
        }
    }
}

fn has_world_card(session: &Session) -> Result<bool> {
    match session.check_authorisation() {
        Ok(()) => Ok(true),
        Err(Error::NeedsFipsCard { .. }) => Ok(false),
        Err(error) => Err(failure::of_key(error)),
    }
}

/// Why a card set or a key was not loaded.
enum Attempt {
    /// A module went away meanwhile: what is decided may be another thing now.
    Again(CspError),
    Final(CspError),
}

impl Attempt {
    fn of_key(error: Error) -> Attempt {
        let passes = error.is_loss();
        let code = failure::of_key(error);
        match passes {
            true => Attempt::Again(code),
            false => Attempt::Final(code),
        }
    }
}

fn again(attempts: &mut u32, failed: Attempt) -> Result<()> {
    *attempts += 1;
    match failed {
        Attempt::Again(_) if *attempts < ATTEMPTS => Ok(()),
        Attempt::Again(code) | Attempt::Final(code) => Err(code),
    }
}

/// How often an operation is begun anew when modules go away under it.
const ATTEMPTS: u32 = 3;

/// How often readers are looked at for a card.
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn offered_set(set: &CardSetRecord) -> OfferedSet {
    OfferedSet {
        name: set.name.clone(),
        hash: hex(&set.hkltu),
        quorum: (set.shares_needed, set.shares_total),
    }
}

fn modules<'a>(cards: impl Iterator<Item = &'a OperatorCard>) -> Vec<u32> {
    let mut modules: Vec<u32> = cards.map(|card| card.module).collect();
    modules.dedup();
    modules
}

/// Why a decision is a refusal: the code alone does not tell.
fn explain(code: CspError) {
    let why = match code {
        CspError::NTE_SILENT_CONTEXT => "a prompt would be needed, and the context is silent",
        CspError::NTE_PERM => {
            "no keys are made in HSM Pool mode in a world of FIPS 140 level 3 (StrictFIPS140)"
        }
        _ => "keys under card sets cannot be used in HSM Pool mode",
    };
    log::error(format_args!("key: {why}"));
}
