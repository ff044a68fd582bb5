//! What the scripted walks share: a hardserver of their own, the hands that put cards into its readers, and steps that are
//! told as they are done.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use ncore::types::{
    KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams, PlainText, PlainTextType,
    PlainTextTypeBytesData, PlainTextTypeData,
};
use nfkm::cards::{Card, Notice, Operator, Purpose};
use nfkm::{Environment, Error, IdentRule, LoadedKey, NewKey, Protection};
use simulator::control::client::Client;
use simulator::control::{Access, api};
use tempfile::TempDir;

use crate::daemon::{Daemon, Settings};

/// A hardserver in a process and a folder of its own.
#[derive(Debug)]
pub struct Site {
    settings: Settings,
    daemon: Daemon,
    _folder: TempDir,
}

impl Site {
    /// Starts `executable` as the hardserver, with modules new from the factory.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(executable: &Path, modules: u32) -> anyhow::Result<Site> {
        let folder = tempfile::tempdir()?;
        let settings = Settings {
            folder: folder.path().to_owned(),
            modules,
            seed: None,
        };
        Ok(Site {
            daemon: Daemon::start(executable, settings.clone())?,
            settings,
            _folder: folder,
        })
    }

    /// Kills the hardserver (`kill -9`) and starts it again. Cards are out of the readers then.
    ///
    /// # Errors
    /// It does not start again.
    pub fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.daemon.kill_and_restart()
    }

    /// Where its clients find it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The environment of its clients.
    pub fn environment(&self) -> Environment {
        Environment {
            server: Some(self.settings.ordinary().to_string()),
            privileged_server: Some(self.settings.privileged().to_string()),
            kmdata: Some(self.settings.kmdata()),
            ..Environment::default()
        }
    }

    /// The hands at its modules.
    ///
    /// # Errors
    /// The control channel's record cannot be read.
    pub fn hands(&self) -> anyhow::Result<Hands> {
        let access = Access::read(&self.settings.state()).context("no control channel")?;
        Ok(Hands::at(access))
    }
}

/// The hands of a person at the modules. Cards have names in the folder of cards.
#[derive(Clone, Debug)]
pub struct Hands(Client);

impl Hands {
    /// The hands of whoever has access to the control channel.
    pub fn at(access: Access) -> Hands {
        Hands(Client::new(access))
    }

    /// What can be seen of a module.
    ///
    /// # Errors
    /// The control channel refuses.
    pub fn look(&self, module: u32) -> anyhow::Result<api::Module> {
        Ok(self.0.get(&format!("/modules/{module}"))?)
    }

    /// Puts a card into a module's reader, slot 0, a blank one if there is none of the name. It comes out of the reader
    /// where it was, and what was in this one comes out first.
    ///
    /// # Errors
    /// The control channel refuses.
    pub fn insert(&self, module: u32, name: &str) -> anyhow::Result<()> {
        self.insert_into(module, 0, name)
    }

    /// [`Hands::insert`] into another slot.
    ///
    /// # Errors
    /// The control channel refuses.
    pub fn insert_into(&self, module: u32, slot: u32, name: &str) -> anyhow::Result<()> {
        let card = api::CardName {
            name: name.to_owned(),
        };
        let cards: Vec<api::Card> = self.0.get("/cards")?;
        if !cards.iter().any(|card| card.name == name) {
            let _: Vec<api::Card> = self.0.post("/cards", &card)?;
        }
        let status: api::Status = self.0.get("/status")?;
        for other in status.modules {
            let has_it = |slot: &&api::Slot| slot.card.as_deref() == Some(name);
            if let Some(from) = other.slots.iter().find(has_it) {
                self.remove_from(other.number, from.number)?;
            }
        }
        self.remove_from(module, slot)?;
        let _: api::Module = self.0.put(&place(module, slot), &card)?;
        Ok(())
    }

    /// Takes the card out of a module's reader, slot 0, if there is one.
    ///
    /// # Errors
    /// The control channel refuses.
    pub fn remove(&self, module: u32) -> anyhow::Result<()> {
        self.remove_from(module, 0)
    }

    /// [`Hands::remove`] from another slot.
    ///
    /// # Errors
    /// The control channel refuses.
    pub fn remove_from(&self, module: u32, slot: u32) -> anyhow::Result<()> {
        let before = self.look(module)?;
        let is_full = |at: &api::Slot| at.number == slot && at.insertions > 0;
        if before.slots.iter().any(is_full) {
            let _: Option<String> = self.0.delete(&place(module, slot))?;
        }
        Ok(())
    }
}

fn place(module: u32, slot: u32) -> String {
    format!("/modules/{module}/slots/{slot}/card")
}

/// A person who puts these cards into the reader, one after the other, whenever one is asked for, and knows pass phrases.
#[derive(Debug)]
pub struct Person {
    hands: Hands,
    cards: Vec<String>,
    /// The pass phrase of each card that has one, by the card's number.
    pub passphrases: BTreeMap<u32, String>,
}

impl Person {
    /// A person with these cards, in this order.
    pub fn new(hands: &Hands, cards: &[&str]) -> Person {
        Person {
            hands: hands.clone(),
            cards: cards.iter().rev().map(|card| (*card).to_owned()).collect(),
            passphrases: BTreeMap::new(),
        }
    }
}

impl Operator for Person {
    fn notice(&mut self, _: Notice) {}

    fn passphrase(&mut self, _: Purpose, card: &Card) -> Result<Option<String>, Error> {
        Ok(self.passphrases.get(&card.number).cloned())
    }

    fn wrong_passphrase(&mut self, _: &Card, tries: u32) -> Result<bool, Error> {
        // A person tries three times.
        Ok(tries < 3)
    }

    fn other_card(&mut self, module: u32, _: Duration) -> Result<(), Error> {
        let none = || Error::Cards("there is no other card".to_owned());
        let card = self.cards.pop().ok_or_else(none)?;
        self.hands
            .insert(module, &card)
            .map_err(|error| Error::Cards(format!("{error:#}")))
    }

    fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Does a step, and tells it.
///
/// # Errors
/// Those of the step, with its name.
pub fn step<T>(name: &str, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let done = act().with_context(|| name.to_owned())?;
    println!("ok\t{name}");
    Ok(done)
}

/// A new RSA-2048 key of this name.
pub fn new_key(ident: &str, protection: Protection) -> NewKey {
    NewKey {
        appname: "simple".to_owned(),
        ident: IdentRule::Fixed(ident.to_owned()),
        plainname: None,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                lenbits: 2048,
                ..Default::default()
            }),
        },
        recovery: true,
        protection,
    }
}

/// One signature.
///
/// # Errors
/// The key does not sign.
pub fn sign(key: &LoadedKey) -> Result<(), Error> {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: b"a walk".to_vec(),
    });
    let text = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    key.sign(ncore::Mech::RSAhSHA256pPKCS1, text).map(drop)
}
