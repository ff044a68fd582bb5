//! What section 8 of the CAPI guide decides: what protects a new key, whether loading a key needs its user, and when a
//! card must authorise it. The decisions are pure functions; below them is what puts them into effect.

use std::thread;
use std::time::{Duration, Instant};

use nfkm::cards::{CardSource, SetName};
use nfkm::kmdata::CardSetRecord;
use nfkm::{Error, LoadedKey, LoadedToken, OperatorCard, Protection, Session, hex};

use crate::error::{CspError, Result};
use crate::failure;
use crate::log;
use crate::pair::KeySpec;
use crate::prompt::{AtTheModules, Interaction, Offer, OfferedModule, OfferedSet, Wanted};
use crate::settings::KeyProtection;

/// All that a decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Situation {
    /// What is to protect the new key, or protects the one to be loaded.
    pub(crate) protection: KeyProtection,
    /// Whether an automatic card is in a reader: of a set of which one card suffices, and without a pass phrase but one
    /// that the application gave. For a key that exists, a card of its set.
    pub(crate) automatic_card: bool,
    /// The wizard's flag.
    pub(crate) always_display_ui: bool,
    /// CRYPT_SILENT.
    pub(crate) silent: bool,
    /// Whether the world is of FIPS 140 level 3.
    pub(crate) strict: bool,
    /// Whether any card of the world is in a reader.
    pub(crate) world_card: bool,
    /// Whether the pool is used in place of the modules.
    pub(crate) pool: bool,
}

/// How a key comes under its protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The module alone protects it: nothing is needed.
    Module,
    /// The card set is loaded from the automatic card, on every module that has one.
    AutomaticCard,
    /// The user chooses modules, and for a new key the card set, and presents the cards.
    Ask,
    /// The user is asked for any card of the world, and the module alone protects the key.
    AskForWorldCard,
}

/// What happens when a key is made or imported.
///
/// # Errors
/// `NTE_SILENT_CONTEXT` where the user would have to be asked. In a pool, `NTE_FAIL` for card sets and `NTE_PERM` for any
/// new key of a world of FIPS 140 level 3.
pub(crate) fn at_generation(situation: Situation) -> Result<Way> {
    let Situation { silent, .. } = situation;
    let way = match situation.protection {
        _ if situation.pool && situation.strict => return Err(CspError::NTE_PERM),
        KeyProtection::CardSet if situation.pool => return Err(CspError::NTE_FAIL),
        KeyProtection::CardSet if situation.automatic_card && !situation.always_display_ui => {
            Way::AutomaticCard
        }
        // The card that the user presents authorises the key too.
        KeyProtection::CardSet => Way::Ask,
        KeyProtection::Module if situation.strict && !situation.world_card => Way::AskForWorldCard,
        KeyProtection::Module => Way::Module,
    };
    unless_silent(way, silent)
}

/// What happens when a key is loaded.
///
/// # Errors
/// `NTE_SILENT_CONTEXT` where the user would have to be asked; in a pool, `NTE_FAIL` for card sets.
pub(crate) fn at_loading(situation: Situation) -> Result<Way> {
    let way = match situation.protection {
        KeyProtection::Module => Way::Module,
        KeyProtection::CardSet if situation.pool => return Err(CspError::NTE_FAIL),
        KeyProtection::CardSet if situation.automatic_card => Way::AutomaticCard,
        KeyProtection::CardSet => Way::Ask,
    };
    unless_silent(way, situation.silent)
}

fn unless_silent(way: Way, silent: bool) -> Result<Way> {
    match way {
        Way::Ask | Way::AskForWorldCard if silent => Err(CspError::NTE_SILENT_CONTEXT),
        way => Ok(way),
    }
}

/// Brings about what protects a new key of a slot.
///
/// # Errors
/// Those of [`at_generation`], of the prompts, and the module's.
pub(crate) fn for_new_key(
    session: &Session,
    protection: KeyProtection,
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<Protection> {
    let setup = &interaction.setup;
    let mut attempts = 0;
    loop {
        let strict = session.is_strict_fips().map_err(failure::of_key)?;
        let cards = match protection {
            KeyProtection::CardSet if !setup.pool_mode => {
                session.operator_cards().map_err(failure::of_key)?
            }
            _ => Vec::new(),
        };
        let automatic = automatic(&cards, interaction, spec).next();
        let way = at_generation(Situation {
            protection,
            automatic_card: automatic.is_some(),
            always_display_ui: setup.always_display_ui,
            silent: interaction.silent,
            strict,
            world_card: strict && has_world_card(session)?,
            pool: setup.pool_mode,
        });
        let token = match (way.inspect_err(|code| explain(*code))?, automatic) {
            (Way::Module, _) => return Ok(Protection::Module),
            (Way::AskForWorldCard, _) => {
                ask_for_world_card(session, interaction)?;
                return Ok(Protection::Module);
            }
            (Way::AutomaticCard, Some(card)) => {
                load_automatically(session, &cards, &card.set, interaction, spec)
            }
            (Way::AutomaticCard | Way::Ask, _) => {
                let sets = session.card_sets().map_err(failure::of_key)?;
                load_with_user(session, &cards, &sets, interaction, spec)
            }
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
/// Those of [`at_loading`], of the prompts, and the module's.
pub(crate) fn load(
    session: &Session,
    appname: &str,
    ident: &str,
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<LoadedKey> {
    let mut attempts = 0;
    loop {
        let hkltu = match session.load_key(appname, ident) {
            Err(Error::NeedsToken {
                hkltu,
                softcard: false,
                ..
            }) => hkltu,
            loaded => return loaded.map_err(failure::of_key),
        };
        let pool = interaction.setup.pool_mode;
        let cards = match pool {
            true => Vec::new(),
            false => session.operator_cards().map_err(failure::of_key)?,
        };
        let is_its = |card: &&OperatorCard| card.set.hkltu == hkltu;
        let automatic = automatic(&cards, interaction, spec).find(is_its);
        let way = at_loading(Situation {
            protection: KeyProtection::CardSet,
            automatic_card: automatic.is_some(),
            always_display_ui: interaction.setup.always_display_ui,
            silent: interaction.silent,
            // Loading a key authorises itself.
            strict: false,
            world_card: false,
            pool,
        });
        let token = match (way.inspect_err(|code| explain(*code))?, automatic) {
            (Way::AutomaticCard, Some(card)) => {
                load_automatically(session, &cards, &card.set, interaction, spec)
            }
            _ => {
                let set = session.card_set(&hex(&hkltu)).map_err(failure::of_key)?;
                load_with_user(session, &cards, &[set], interaction, spec)
            }
        };
        let loaded = token.and_then(|token| {
            let loaded = session.load_key_with(appname, ident, &token);
            loaded.map_err(Attempt::of_key)
        });
        match loaded {
            Ok(loaded) => return Ok(loaded),
            Err(error) => again(&mut attempts, error)?,
        }
    }
}

/// The modules on which a card set could be loaded now without asking anybody.
///
/// # Errors
/// The module's.
pub(crate) fn automatic_modules(
    session: &Session,
    token: &LoadedToken,
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<Vec<u32>> {
    let cards = session.operator_cards().map_err(failure::of_key)?;
    let its = automatic(&cards, interaction, spec).filter(|card| card.set.hkltu == token.hash());
    Ok(modules(its))
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

/// Loads a card set on every module that has one of its automatic cards.
fn load_automatically(
    session: &Session,
    cards: &[OperatorCard],
    set: &CardSetRecord,
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<LoadedToken, Attempt> {
    let its = automatic(cards, interaction, spec).filter(|card| card.set.hkltu == set.hkltu);
    let nobody = Interaction {
        silent: true,
        ..interaction.clone()
    };
    load_set(session, set, &modules(its), &nobody, spec)
}

/// Loads a card set where the user says, with the cards that the user presents.
fn load_with_user(
    session: &Session,
    cards: &[OperatorCard],
    sets: &[CardSetRecord],
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<LoadedToken, Attempt> {
    let info = session.world().map_err(Attempt::of_key)?;
    let usable = info
        .modules
        .into_iter()
        .filter(|module| module.is_usable() && !module.is_pool());
    let offer = Offer {
        sets: sets
            .iter()
            .map(|set| OfferedSet {
                name: set.name.clone(),
                hash: hex(&set.hkltu),
                quorum: (set.shares_needed, set.shares_total),
            })
            .collect(),
        modules: usable
            .map(|module| OfferedModule {
                has_card: cards.iter().any(|card| card.module == module.number),
                number: module.number,
                esn: module.esn,
            })
            .collect(),
    };
    if offer.sets.is_empty() || offer.modules.is_empty() {
        log::error(format_args!(
            "key: {} card sets and {} usable modules to choose from",
            offer.sets.len(),
            offer.modules.len()
        ));
        return Err(Attempt::Final(CspError::NTE_FAIL));
    }
    let choice = interaction.prompt().choose(&offer);
    let choice = choice.map_err(|refusal| Attempt::Final(refusal.into()))?;
    let set = sets
        .get(choice.set)
        .ok_or(Attempt::Final(CspError::NTE_FAIL))?;
    load_set(session, set, &choice.modules, interaction, spec)
}

fn load_set(
    session: &Session,
    set: &CardSetRecord,
    modules: &[u32],
    interaction: &Interaction,
    spec: KeySpec,
) -> Result<LoadedToken, Attempt> {
    log::notice(format_args!(
        "loading the card set `{}' on modules {modules:?}",
        set.name
    ));
    let mut prompt = interaction.prompt();
    let name = SetName::Operator(set.name.clone());
    let mut person = AtTheModules::new(&mut *prompt, interaction.pin(spec), name);
    let loaded = session.load_card_set(set, modules, &CardSource::Readers, &mut person);
    match loaded {
        Err(error) if error.is_loss() => Err(Attempt::of_key(error)),
        loaded => person.finish(loaded).map_err(|code| match code {
            // An automatic card was pulled this very moment, or the decision was another one.
            CspError::NTE_SILENT_CONTEXT => Attempt::Again(code),
            code => Attempt::Final(code),
        }),
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

/// The cards that need no user.
fn automatic<'a>(
    cards: &'a [OperatorCard],
    interaction: &Interaction,
    spec: KeySpec,
) -> impl Iterator<Item = &'a OperatorCard> {
    let has_pin = interaction.pin(spec).is_some();
    cards
        .iter()
        .filter(move |card| card.set.shares_needed == 1 && (!card.passphrase || has_pin))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Result<Way> = Err(CspError::NTE_SILENT_CONTEXT);
    const FAIL: Result<Way> = Err(CspError::NTE_FAIL);
    const PERM: Result<Way> = Err(CspError::NTE_PERM);

    /// Columns: protection (module or card set), automatic card, always display, silent, FIPS 140 level 3, card of the world
    /// present, pool. A star is either.
    const AT_GENERATION: &[(&str, Result<Way>)] = &[
        ("m * * * 0 * *", Ok(Way::Module)),
        ("m * * * 1 1 0", Ok(Way::Module)),
        ("m * * 0 1 0 0", Ok(Way::AskForWorldCard)),
        ("m * * 1 1 0 0", SILENT),
        ("m * * * 1 * 1", PERM),
        ("c 1 0 * * * 0", Ok(Way::AutomaticCard)),
        ("c 1 1 0 * * 0", Ok(Way::Ask)),
        ("c 1 1 1 * * 0", SILENT),
        ("c 0 * 0 * * 0", Ok(Way::Ask)),
        ("c 0 * 1 * * 0", SILENT),
        ("c * * * 0 * 1", FAIL),
        ("c * * * 1 * 1", PERM),
    ];

    const AT_LOADING: &[(&str, Result<Way>)] = &[
        ("m * * * * * *", Ok(Way::Module)),
        ("c 1 * * * * 0", Ok(Way::AutomaticCard)),
        ("c 0 * 0 * * 0", Ok(Way::Ask)),
        ("c 0 * 1 * * 0", SILENT),
        ("c * * * * * 1", FAIL),
    ];

    fn check(table: &[(&str, Result<Way>)], decide: fn(Situation) -> Result<Way>) {
        for number in 0..1 << 7 {
            let bit = |place: u32| number >> place & 1 == 1;
            let situation = Situation {
                protection: match bit(0) {
                    true => KeyProtection::CardSet,
                    false => KeyProtection::Module,
                },
                automatic_card: bit(1),
                always_display_ui: bit(2),
                silent: bit(3),
                strict: bit(4),
                world_card: bit(5),
                pool: bit(6),
            };
            let fits = |row: &str| {
                row.split(' ').zip(0..).all(|(cell, place)| match cell {
                    "*" => true,
                    "0" | "m" => !bit(place),
                    _ => bit(place),
                })
            };
            let rows: Vec<_> = table.iter().filter(|(row, _)| fits(row)).collect();
            let [(row, expected)] = rows[..] else {
                panic!("{situation:?} is in {} rows", rows.len());
            };
            assert_eq!(decide(situation), *expected, "{row}: {situation:?}");
        }
    }

    #[test]
    fn generation_follows_the_table_of_section_8() {
        check(AT_GENERATION, at_generation);
    }

    #[test]
    fn loading_follows_the_table_of_section_8() {
        check(AT_LOADING, at_loading);
    }
}
