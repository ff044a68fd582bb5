//! Operator card sets: made, found and loaded (SECURITY-WORLD section 5).

use std::sync::Arc;

use ncore::types::{AdminToken, GenerateLogicalTokenArgs, LoadLogicalTokenArgs, TokenParams};

use crate::cards::{CardContent, CardSource, Cards, Known, NewToken, Operator, Reading, SetName};
use crate::client::Client;
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::keygen::now;
use crate::kmdata::{CardSetRecord, Listed};
use crate::session::Session;
use crate::token::{LoadedToken, Member};
use crate::world::World;
use crate::world::admin::CARDS_MAX;
use crate::{Hash, cards, pin_recovery, unhex};

/// An operator card set to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCardSet {
    /// Its name, any text.
    pub name: String,
    /// Cards needed, K.
    pub needed: u32,
    /// Cards to be made, N, at most 64.
    pub cards: u32,
    /// Names of the cards, in their order; those beyond the end are empty.
    pub card_names: Vec<String>,
    /// Life of the loaded token in seconds, 0 for no limit.
    pub time_limit: u32,
    /// Whether keys stay loaded when the last card read leaves its slot.
    pub persistent: bool,
    /// Whether its cards may be read in readers on other machines.
    pub remote: bool,
    /// Whether the administrator cards can replace a forgotten pass phrase, which the world must allow.
    pub passphrase_recovery: bool,
}

impl NewCardSet {
    /// A set that is neither persistent nor remotely readable, without time limit and pass phrase recovery.
    pub fn new(name: &str, needed: u32, cards: u32) -> NewCardSet {
        NewCardSet {
            name: name.to_owned(),
            needed,
            cards,
            card_names: Vec::new(),
            time_limit: 0,
            persistent: false,
            remote: false,
            passphrase_recovery: false,
        }
    }

    /// Refuses a quorum that is none.
    ///
    /// # Errors
    /// [`Error::Parameters`].
    pub fn check_quorum(&self) -> Result<(), Error> {
        if self.needed == 0 || self.needed > self.cards || self.cards > CARDS_MAX {
            return Err(Error::Parameters(format!(
                "{}/{} is not a quorum of 1 to {CARDS_MAX} cards",
                self.needed, self.cards
            )));
        }
        Ok(())
    }

    /// Refuses parameters that contradict each other or the world.
    ///
    /// # Errors
    /// [`Error::Parameters`].
    pub fn check(&self, world: &World) -> Result<(), Error> {
        self.check_quorum()?;
        if self.card_names.len() > self.cards as usize {
            return Err(Error::Parameters(format!(
                "{} card names for {} cards",
                self.card_names.len(),
                self.cards
            )));
        }
        pin_recovery::check_allowed(world, self.passphrase_recovery)
    }
}

impl CardSetRecord {
    /// The parameters of the set's token, which cannot be loaded with others.
    pub(crate) fn token_params(&self) -> TokenParams {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        TokenParams {
            flags: flag(!self.persistent, TokenParams::NOT_PERSISTENT)
                | flag(self.remote, TokenParams::REMOTELY_READABLE)
                | flag(self.soft, TokenParams::ALLOW_SOFT_SLOTS),
            sharesneeded: self.shares_needed,
            sharestotal: self.shares_total,
            timelimit: self.time_limit,
        }
    }
}

impl Session {
    /// Makes an operator card set on the cards in this module, and records it.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Parameters`], [`Error::Cards`], [`Error::NoSuchModule`], [`Error::NoUsableModule`] when
    /// the module is not usable, [`Error::Status`], [`Error::Connection`], [`Error::File`].
    pub fn create_card_set(
        &self,
        module: u32,
        request: &NewCardSet,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<CardSetRecord, Error> {
        let world = World::required(self.folder())?;
        request.check(&world)?;
        let known = self.known_cards(&world)?;
        let mut cards = Cards::new(source, operator, set_name(&request.name), known);
        cards.check_enough(request.cards)?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;

        let mut card_names = request.card_names.clone();
        card_names.resize(request.cards as usize, String::new());
        let mut record = CardSetRecord {
            name: request.name.clone(),
            hkltu: crate::ZERO_HASH,
            shares_needed: request.needed,
            shares_total: request.cards,
            time_limit: request.time_limit,
            persistent: request.persistent,
            remote: request.remote,
            passphrase_recovery: request.passphrase_recovery,
            card_names,
            gentime: now(),
            soft: source.is_soft(),
        };
        let fips = FipsAuthorisation::obtain(self, &client, module, &world)?;
        let made = fips.transact(GenerateLogicalTokenArgs {
            module,
            hkm: world.hkm(),
            params: record.token_params(),
        })?;
        record.hkltu = made.hkt;
        cards.learn_set(&record);
        // One more token here is one more share on every card.
        let mut tokens = vec![NewToken {
            id: made.idkt,
            hkt: made.hkt,
            total: request.cards,
            open: false,
        }];
        if let (Some(id), Some(record)) = (fips.token(), world.token(AdminToken::FIPS)) {
            tokens.push(NewToken {
                id,
                hkt: record.hkt,
                total: record.shares_total,
                open: true,
            });
        }
        let bound = Some(world.hkm());
        let written = cards.write(&client, module, request.cards, bound, &tokens, Some(&fips));
        client.destroy(made.idkt);
        written?;

        let pins = match request.passphrase_recovery {
            false => Vec::new(),
            true => (1..=request.cards)
                .map(|number| {
                    pin_recovery::seal(&client, module, &world, cards.given_pin(number), &fips)
                })
                .collect::<Result<_, _>>()?,
        };
        self.folder().write_card_set(&world.hknso, &record, &pins)?;
        Ok(record)
    }

    /// The operator card sets of the world, sorted by name.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`] for the world's file, [`Error::File`].
    pub fn card_sets(&self) -> Result<Listed<CardSetRecord>, Error> {
        let world = World::required(self.folder())?;
        self.folder().card_sets(&world.hknso)
    }

    /// The operator card set with this name or hash, in hexadecimal.
    ///
    /// # Errors
    /// Those of [`Session::card_sets`]; [`Error::Cards`] if there is none, or several of the name; what is wrong with a
    /// card set's file, if that may be the one.
    pub fn card_set(&self, name: &str) -> Result<CardSetRecord, Error> {
        let world = World::required(self.folder())?.hknso;
        by_name_or_hash(
            "card set",
            name,
            |hkltu| self.folder().card_set(&world, hkltu),
            || self.folder().card_sets(&world),
            |set| &set.name,
        )
    }

    /// The cards that are in readers of usable modules, and the module of each, in the order of modules and slots.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`] for the world's file, [`Error::File`], [`Error::NoUsableModule`],
    /// [`Error::Connection`].
    pub fn cards_in_readers(&self) -> Result<Vec<(u32, CardContent)>, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let known = self.known_cards(&world)?;
        let mut found = Vec::new();
        for module in self.usable_modules(&client, &world)? {
            for (place, content) in cards::in_readers(&client, module.number, &known)? {
                if content != CardContent::Empty {
                    found.push((place.module, content));
                }
            }
        }
        Ok(found)
    }

    /// The usable modules with a card of the set in a reader.
    ///
    /// # Errors
    /// Those of [`Session::cards_in_readers`].
    pub fn modules_with_card(&self, wanted: &CardSetRecord) -> Result<Vec<u32>, Error> {
        let is_of_set = |content: &CardContent| match content {
            CardContent::Operator { set, .. } => set.hkltu == wanted.hkltu,
            _ => false,
        };
        let cards = self.cards_in_readers()?.into_iter();
        let mut found: Vec<u32> = cards
            .filter(|(_, content)| is_of_set(content))
            .map(|(module, _)| module)
            .collect();
        found.dedup();
        Ok(found)
    }

    /// Loads the token of a card set on these modules, from cards in any reader of each.
    ///
    /// # Errors
    /// [`Error::Cards`] when the cards do not suffice, [`Error::WrongPassphrase`], [`Error::NoWorld`],
    /// [`Error::NoSuchModule`], [`Error::NoUsableModule`], [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub fn load_card_set(
        &self,
        set: &CardSetRecord,
        modules: &[u32],
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<LoadedToken, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let known = self.known_cards(&world)?;
        let mut cards = Cards::new(source, operator, set_name(&set.name), known);
        for module in modules {
            self.usable_module(&client, &world, *module)?;
        }
        let mut members = Vec::new();
        for module in modules {
            match load_on(&client, *module, &world, set, &mut cards) {
                Ok(member) => members.push(member),
                Err(error) => {
                    // What was loaded before is unloaded with this.
                    drop(LoadedToken::new(client, set.hkltu, false, members));
                    return Err(error);
                }
            }
        }
        Ok(LoadedToken::new(client, set.hkltu, false, members))
    }

    /// What this host knows of the cards that may be in a reader. Cards of a set with a damaged file are unknown ones.
    pub(crate) fn known_cards(&self, world: &World) -> Result<Known, Error> {
        let sets = self.folder().card_sets(&world.hknso)?;
        Ok(Known::new(Some(world), sets.records))
    }
}

fn load_on(
    client: &Arc<Client>,
    module: u32,
    world: &World,
    set: &CardSetRecord,
    cards: &mut Cards<'_>,
) -> Result<Member, Error> {
    let args = LoadLogicalTokenArgs {
        module,
        hkt: set.hkltu,
        hkm: world.hkm(),
        params: set.token_params(),
    };
    let id = client.transact(args)?.idkt;
    let reading = Reading {
        id,
        hkt: set.hkltu,
        left: set.shares_needed,
    };
    match cards.read(client, module, vec![reading], !set.persistent) {
        Ok(card) => Ok(Member::new(module, id, card)),
        Err(error) => {
            client.destroy(id);
            Err(error)
        }
    }
}

fn set_name(name: &str) -> SetName {
    SetName::Operator(name.to_owned())
}

/// The card set or softcard with this name or hash, in hexadecimal. Files of others are in nobody's way.
///
/// # Errors
/// Those of `read` and `list`; [`Error::Cards`].
pub(crate) fn by_name_or_hash<R>(
    what: &str,
    meant: &str,
    read: impl FnOnce(&Hash) -> Result<R, Error>,
    list: impl FnOnce() -> Result<Listed<R>, Error>,
    name: impl Fn(&R) -> &str,
) -> Result<R, Error> {
    if let Some(hkltu) = unhex(meant) {
        match read(&hkltu) {
            // A name may look like a hash.
            Err(Error::NotFound { .. }) => {}
            outcome => return outcome,
        }
    }
    let Listed { records, faults } = list()?;
    let mut found = records.into_iter().filter(|record| name(record) == meant);
    match (found.next(), found.next(), faults.into_iter().next()) {
        (Some(only), None, _) => Ok(only),
        (Some(_), Some(_), _) => Err(Error::Cards(format!(
            "there are several {what}s `{meant}': name the hash of one"
        ))),
        (None, _, Some(fault)) => Err(fault),
        (None, _, None) => Err(Error::Cards(format!("there is no {what} `{meant}'"))),
    }
}
