//! The keys, card sets and softcards of a world as `rocs` lists and names them. The columns are recalled, not observed.

use std::collections::BTreeSet;
use std::fmt::Write;

use ncore::types::NFKMNKF;
use nfkm::kmdata::{CardSetRecord, KeyRecord, Listed, SoftcardRecord};
use nfkm::{EntryName, Error, Hash, RecoveredKey, Session, World, hex};

use crate::cli::Failure;

/// A key and what protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: EntryName,
    label: String,
    /// The card set or softcard; None for module protection.
    set: Option<Hash>,
    /// Whether it is under a card set or softcard, and has a recovery copy.
    pub(super) recoverable: bool,
    /// Whether a softcard protects it.
    pub(super) softcard: bool,
}

impl Key {
    fn of(name: EntryName, record: &KeyRecord) -> Key {
        let protection = NFKMNKF(record.flags & NFKMNKF::Protection_mask.0);
        let by_token = matches!(
            protection,
            NFKMNKF::ProtectionCardSet | NFKMNKF::ProtectionPassPhrase
        );
        Key {
            name,
            label: record.plainname.clone().unwrap_or_default(),
            set: record.cardset,
            recoverable: by_token && record.recovery.is_some(),
            softcard: protection == NFKMNKF::ProtectionPassPhrase,
        }
    }
}

/// The keys of the world, in the order of their files, and what is wrong with the files of others.
pub(super) fn read(session: &Session) -> Result<(Vec<Key>, Vec<Error>), Error> {
    let world = World::required(session.folder())?;
    let Listed { records, faults } = session.folder().keys(&world.hknso, None)?;
    let keys = records
        .into_iter()
        .map(|(name, record)| Key::of(name, &record));
    Ok((keys.collect(), faults))
}

/// The card sets and softcards of the world.
pub(super) struct Sets {
    pub(super) cards: Vec<CardSetRecord>,
    pub(super) softcards: Vec<SoftcardRecord>,
}

impl Sets {
    /// Those whose files are whole, and what is wrong with the others.
    pub(super) fn read(session: &Session) -> Result<(Sets, Vec<Error>), Error> {
        let (cards, softcards) = (session.card_sets()?, session.softcards()?);
        let sets = Sets {
            cards: cards.records,
            softcards: softcards.records,
        };
        let faults = cards.faults.into_iter().chain(softcards.faults);
        Ok((sets, faults.collect()))
    }

    fn names(&self) -> impl Iterator<Item = (Hash, &str)> {
        let cards = self.cards.iter().map(|set| (set.hkltu, set.name.as_str()));
        let softcards = self
            .softcards
            .iter()
            .map(|card| (card.hkltu, card.name.as_str()));
        cards.chain(softcards)
    }

    fn all(&self, name: &str) -> Vec<Hash> {
        self.names()
            .filter(|(hash, other)| *other == name || hex(hash) == name)
            .map(|(hash, _)| hash)
            .collect()
    }

    /// The only card set or softcard with this name or hash.
    pub(super) fn find(&self, name: &str) -> Result<Hash, Failure> {
        match self.all(name)[..] {
            [hash] => Ok(hash),
            [] => Err(Failure::Operation(format!(
                "there is no card set or softcard `{name}'"
            ))),
            _ => Err(Failure::Operation(format!(
                "there are several card sets or softcards `{name}': name the hash of one"
            ))),
        }
    }

    /// Whether it is a softcard.
    pub(super) fn is_softcard(&self, hash: &Hash) -> bool {
        self.softcards.iter().any(|card| card.hkltu == *hash)
    }

    /// The name of a card set or softcard; its hash if it is not on this host.
    pub(super) fn name(&self, hash: &Hash) -> String {
        let found = self.names().find(|(other, _)| other == hash);
        found.map_or_else(|| hex(hash), |(_, name)| name.to_owned())
    }
}

/// The places in the list of the keys that are meant; None if there are none.
pub(super) fn places(keys: &[Key], sets: &Sets, spec: &str) -> Option<Vec<usize>> {
    let of_set = sets.all(spec);
    let number = spec.parse::<usize>().ok();
    let is_meant = |place: &usize| {
        let key = &keys[*place];
        match number {
            Some(number) => place + 1 == number,
            None if spec == "all" => key.recoverable,
            None => {
                key.set.is_some_and(|set| of_set.contains(&set)) && key.recoverable
                    || spec
                        .split_once(':')
                        .is_some_and(|name| name == (key.name.appname(), key.name.ident()))
            }
        }
    };
    let places: Vec<usize> = (0..keys.len()).filter(is_meant).collect();
    (!places.is_empty()).then_some(places)
}

/// The command `list cardsets`.
pub(super) fn card_set_list(sets: &Sets, keys: &[Key]) -> String {
    let mut report = "No. Name               Keys (recov) Sharing\n".to_owned();
    let cards = sets.cards.iter().map(|set| {
        let mut sharing = format!("{} of {}", set.shares_needed, set.shares_total);
        if set.persistent {
            sharing.push_str("; persistent");
        }
        if set.time_limit != 0 {
            sharing.push_str(&format!("; {} s timeout", set.time_limit));
        }
        (set.hkltu, &set.name, sharing)
    });
    let softcards = sets
        .softcards
        .iter()
        .map(|card| (card.hkltu, &card.name, "softcard".to_owned()));
    for (number, (hash, name, sharing)) in (1..).zip(cards.chain(softcards)) {
        let under = || keys.iter().filter(|key| key.set == Some(hash));
        let count = format!(
            "{} ({})",
            under().count(),
            under().filter(|key| key.recoverable).count()
        );
        // Writing to a string cannot fail.
        let _ = writeln!(report, "{number:3} {name:18} {count:12} {sharing}");
    }
    report
}

/// The command `list keys`. `*` is a marked key, `R` a recovered one, which is not saved, with what it is under then.
pub(super) fn key_list(
    keys: &[Key],
    sets: &Sets,
    marked: &BTreeSet<usize>,
    recovered: &[RecoveredKey],
) -> String {
    let moved: Vec<(&EntryName, Hash)> = recovered
        .iter()
        .filter_map(|key| Some((key.name(), key.target()?)))
        .collect();
    key_rows(keys, sets, marked, &moved)
}

fn key_rows(
    keys: &[Key],
    sets: &Sets,
    marked: &BTreeSet<usize>,
    moved: &[(&EntryName, Hash)],
) -> String {
    let mut report = "  No. Name               App        Protected by\n".to_owned();
    for (place, key) in keys.iter().enumerate() {
        let target = moved.iter().find(|(name, _)| **name == key.name);
        let mark = match target {
            Some(_) => "R",
            None if marked.contains(&place) => "*",
            None => " ",
        };
        let mut protection = key
            .set
            .map_or_else(|| "module".to_owned(), |hash| sets.name(&hash));
        if let Some((_, hash)) = target {
            protection.push_str(&format!(" -> {}", sets.name(hash)));
        }
        if key.set.is_some() && !key.recoverable {
            protection.push_str(" (not recoverable)");
        }
        let label = if key.label.is_empty() {
            key.name.ident()
        } else {
            &key.label
        };
        let _ = writeln!(
            report,
            "{mark} {:3} {label:18} {:10} {protection}",
            place + 1,
            key.name.appname()
        );
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, byte: u8, persistent: bool, time_limit: u32) -> CardSetRecord {
        CardSetRecord {
            name: name.to_owned(),
            hkltu: [byte; 20],
            shares_needed: 2,
            shares_total: 3,
            time_limit,
            persistent,
            remote: false,
            passphrase_recovery: false,
            card_names: vec![String::new(); 3],
            gentime: 0,
            soft: false,
        }
    }

    fn sets() -> Sets {
        let softcard = SoftcardRecord {
            name: "soft".to_owned(),
            hkltu: [9; 20],
            image: Vec::new(),
            passphrase: true,
            pin: None,
            gentime: 0,
        };
        Sets {
            cards: vec![
                set("new", 7, true, 0),
                set("old", 8, false, 3_600),
                set("twice", 5, false, 0),
                set("twice", 6, false, 0),
            ],
            softcards: vec![softcard],
        }
    }

    fn key(appname: &str, ident: &str, label: &str, set: Option<u8>, recoverable: bool) -> Key {
        Key {
            name: EntryName::new(appname, ident).unwrap(),
            label: label.to_owned(),
            set: set.map(|byte| [byte; 20]),
            recoverable,
            softcard: set == Some(9),
        }
    }

    fn keys() -> Vec<Key> {
        vec![
            key("mscapi", "a", "Contoso", Some(8), true),
            key("pkcs11", "b", "", Some(8), false),
            key("simple", "c", "Plain", None, false),
            key("simple", "d", "Soft", Some(9), true),
            key("simple", "e", "Gone", Some(4), true),
        ]
    }

    #[test]
    fn the_lists_have_the_columns_of_the_vendor() {
        let (keys, sets) = (keys(), sets());
        let moved = [(&keys[0].name, [7; 20])];
        let report = card_set_list(&sets, &keys)
            + "\n"
            + &key_rows(&keys, &sets, &BTreeSet::from([0, 3]), &moved);
        insta::assert_snapshot!(report);
    }

    #[test]
    fn keys_are_named_in_several_ways() {
        let (keys, sets) = (keys(), sets());
        let check = |spec: &str, expected: Option<&[usize]>| {
            assert_eq!(places(&keys, &sets, spec).as_deref(), expected, "{spec:?}");
        };
        check("all", Some(&[0, 3, 4]));
        check("2", Some(&[1]));
        check("0", None);
        check("6", None);
        check("old", Some(&[0]));
        check(&hex(&[8; 20]), Some(&[0]));
        check("soft", Some(&[3]));
        check("new", None);
        check("mscapi:a", Some(&[0]));
        check("mscapi:b", None);
        check("", None);
    }

    #[test]
    fn a_target_is_the_only_one_of_its_name() {
        let sets = sets();
        assert_eq!(sets.find("new").unwrap(), [7; 20]);
        assert_eq!(sets.find("soft").unwrap(), [9; 20]);
        assert_eq!(sets.find(&hex(&[5; 20])).unwrap(), [5; 20]);
        assert!(sets.find("twice").is_err());
        assert!(sets.find("none").is_err());
    }
}
