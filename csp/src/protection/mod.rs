//! What section 8 of the CAPI guide decides: what protects a new key, whether loading a key needs its user, and when a
//! card must authorise it. The decisions are pure functions; [`effect`] puts them into effect.

mod effect;

pub(crate) use self::effect::{ForKey, authorise, check_nvram};
use crate::error::{CspError, Result};
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
