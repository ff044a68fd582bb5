//! A hardserver with modules in this process, and a Security World, in a folder of their own.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ncore::Bignum;
use ncore::types::{
    AdminKey, AdminToken, KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams,
    LoadBlobArgs, LoadLogicalTokenArgs, ModuleState, PhysToken, PlainText, PlainTextType,
    PlainTextTypeData, PlainTextTypeHash32Data, ReadSoftTokenShareArgs, StatGetValuesArgs, StatID,
    StatNodeTag, TokenParams,
};
use nfkm::cards::{Card, CardSource, Notice, Operator, Purpose, Unattended};
use nfkm::kmdata::SoftcardRecord;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Client, Environment, Error, IdentRule, NewKey, Protection, Session, World};
use simulator::control;
use simulator::hardserver::Server;
use simulator::options::Options;

pub struct Rig {
    pub folder: tempfile::TempDir,
    pub environment: Environment,
    options: Options,
    server: Option<Server>,
}

impl Rig {
    /// Starts a hardserver with this many modules, fresh from the factory.
    pub fn start(modules: u32) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            modules,
            ..Options::in_folder(folder.path())
        };
        let environment = Environment {
            server: Some(options.socket.display().to_string()),
            privileged_server: Some(options.privileged_socket.display().to_string()),
            kmdata: Some(options.kmdata.clone()),
            ..Environment::default()
        };
        let server = Some(Server::start(&options).unwrap());
        Rig {
            folder,
            environment,
            options,
            server,
        }
    }

    /// A hardserver with one world on all of its modules.
    pub fn with_world(modules: u32) -> Rig {
        let rig = Rig::start(modules);
        let all: Vec<u32> = (1..=modules).collect();
        rig.create(&all, &WorldParams::new(1, 1));
        rig
    }

    /// Stops the hardserver, as a crash or an administrator would.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }

    /// Starts it again on the same state.
    pub fn restart(&mut self) {
        self.stop();
        self.server = Some(Server::start(&self.options).unwrap());
    }

    pub fn admin(&self) -> Admin {
        Admin::open(&self.environment).unwrap()
    }

    pub fn session(&self) -> Session {
        Session::open(&self.environment).unwrap()
    }

    /// Makes a world whose cards have no pass phrases.
    pub fn create(&self, modules: &[u32], params: &WorldParams) -> World {
        let cards = self.cards(params.cards);
        self.admin()
            .create(modules, params, &cards, &mut Unattended::default())
            .unwrap()
    }

    /// The first so many administrator cards.
    pub fn cards(&self, count: u32) -> CardSource {
        CardSource::Files((1..=count).map(|number| self.card(number)).collect())
    }

    /// Who puts cards into readers and takes them out.
    pub fn hands(&self) -> Hands {
        let server = self.server.as_ref().unwrap();
        Hands(control::client::Client::new(
            server.endpoints().control.clone(),
        ))
    }

    pub fn card(&self, number: u32) -> PathBuf {
        self.folder.path().join(format!("admin-{number}"))
    }
}

/// The hands of a person at the modules. Each card is a file with its name in the folder of cards.
#[derive(Clone)]
pub struct Hands(control::client::Client);

impl Hands {
    /// Puts a card into a reader, a blank one if there is none with the name; what was in it goes out first.
    pub fn insert(&self, module: u32, name: &str) {
        let card = control::api::CardName {
            name: name.to_owned(),
        };
        let _: Result<Vec<control::api::Card>, _> = self.0.post("/cards", &card);
        self.remove(module);
        let place = format!("/modules/{module}/slots/0/card");
        let _: control::api::Module = self.0.put(&place, &card).unwrap();
    }

    /// Takes the card out of a reader, if there is one.
    pub fn remove(&self, module: u32) {
        let place = format!("/modules/{module}/slots/0/card");
        let _: Result<Option<String>, _> = self.0.delete(&place);
    }
}

/// A person who puts these cards into the readers, one after the other, whenever one is asked for, and knows their pass
/// phrases. Wrong ones come first.
pub struct Person {
    pub hands: Hands,
    pub cards: Vec<String>,
    /// By the card's number; each is used once, the last one for ever.
    pub passphrases: BTreeMap<u32, Vec<String>>,
    /// How many wrong pass phrases are enough.
    pub patience: u32,
    /// Whether cards that are not blank may be written over.
    pub overwrites: bool,
    pub notices: Vec<Notice>,
}

impl Person {
    pub fn new(rig: &Rig, cards: &[&str]) -> Person {
        Person {
            hands: rig.hands(),
            cards: cards.iter().rev().map(|card| (*card).to_owned()).collect(),
            passphrases: BTreeMap::new(),
            patience: 1,
            overwrites: false,
            notices: Vec::new(),
        }
    }

    pub fn with_passphrases(mut self, card: u32, passphrases: &[&str]) -> Person {
        let passphrases = passphrases.iter().map(|text| (*text).to_owned()).collect();
        self.passphrases.insert(card, passphrases);
        self
    }

    /// What was seen in the slots, in order.
    pub fn seen(&self) -> Vec<&str> {
        let mut seen = Vec::new();
        for notice in &self.notices {
            match notice {
                Notice::Slot { content, .. } if content != "empty" => seen.push(content.as_str()),
                _ => {}
            }
        }
        seen
    }
}

impl Operator for Person {
    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn passphrase(&mut self, _: Purpose, card: &Card) -> Result<Option<String>, Error> {
        let Some(passphrases) = self.passphrases.get_mut(&card.number) else {
            return Ok(None);
        };
        match passphrases.len() {
            0 => Ok(None),
            1 => Ok(passphrases.first().cloned()),
            _ => Ok(Some(passphrases.remove(0))),
        }
    }

    fn wrong_passphrase(&mut self, _: &Card, tries: u32) -> Result<bool, Error> {
        Ok(tries < self.patience)
    }

    fn other_card(&mut self, module: u32, _: Duration) -> Result<(), Error> {
        match self.cards.pop() {
            Some(card) => {
                self.hands.insert(module, &card);
                Ok(())
            }
            None => Err(Error::Cards("no more cards".to_owned())),
        }
    }

    fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
        Ok(self.overwrites)
    }
}

pub fn rsa(lenbits: u32) -> KeyGenParams {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits,
        given_e: Some(Bignum::from(65_537)),
        ..KeyTypeRSAPrivateGenParams::default()
    };
    KeyGenParams {
        type_: KeyType::RSAPrivate,
        params: KeyTypeGenParams::RSAPrivate(params),
    }
}

pub fn request(ident: IdentRule) -> NewKey {
    NewKey {
        appname: "mscapi".to_owned(),
        ident,
        plainname: Some("a key".to_owned()),
        params: rsa(1024),
        recovery: true,
        protection: Protection::Module,
    }
}

pub fn digest(byte: u8) -> PlainText {
    let data = PlainTextTypeData::Hash32(PlainTextTypeHash32Data { data: [byte; 32] });
    PlainText {
        type_: PlainTextType::Hash32,
        data,
    }
}

/// Loads an administrator key as a utility with the cards would: its token from the first cards, then its blob.
pub fn admin_key(rig: &Rig, client: &Client, world: &World, role: AdminKey) -> u32 {
    let record = world.key(role).unwrap();
    let token = world.token(AdminToken(record.token)).unwrap();
    let params = TokenParams {
        flags: token.flags,
        sharesneeded: token.shares_needed,
        sharestotal: token.shares_total,
        timelimit: token.time_limit,
    };
    let args = LoadLogicalTokenArgs {
        module: 1,
        hkt: token.hkt,
        hkm: token.hkm,
        params,
    };
    let idkt = client.transact(args).unwrap().idkt;
    for i in 1..=token.shares_needed {
        let data = std::fs::read(rig.card(i)).unwrap();
        let place = PhysToken {
            module: 1,
            ..PhysToken::default()
        };
        let args = ReadSoftTokenShareArgs {
            token: place,
            idkt,
            i,
            data,
            ..ReadSoftTokenShareArgs::default()
        };
        client.transact(args).unwrap();
    }
    let args = LoadBlobArgs {
        module: 1,
        blob: record.blob.clone(),
        idkb: Some(idkt),
        ..LoadBlobArgs::default()
    };
    client.transact(args).unwrap().idka
}

/// Loads the token of a softcard without a pass phrase on module 1, command by command.
pub fn softcard_token(
    client: &Client,
    world: &World,
    softcard: &SoftcardRecord,
    params: &TokenParams,
) -> u32 {
    let args = LoadLogicalTokenArgs {
        module: 1,
        hkt: softcard.hkltu,
        hkm: world.hkm(),
        params: params.clone(),
    };
    let idkt = client.transact(args).unwrap().idkt;
    let place = PhysToken {
        module: 1,
        ..PhysToken::default()
    };
    let args = ReadSoftTokenShareArgs {
        token: place,
        idkt,
        i: 1,
        data: softcard.image.clone(),
        ..ReadSoftTokenShareArgs::default()
    };
    client.transact(args).unwrap();
    idkt
}

/// How many objects each module holds for all clients together, by its own statistics.
pub fn object_counts(rig: &Rig, modules: u32) -> Vec<u32> {
    (1..=modules)
        .map(|module| {
            let path = [
                StatNodeTag::PerModule.0,
                module,
                StatNodeTag::ModuleObjStats.0,
            ];
            statistic(rig, &path, StatID::ObjectCount)
        })
        .collect()
}

/// How many commands the hardserver has had from all its clients.
pub fn command_count(rig: &Rig) -> u32 {
    statistic(rig, &[StatNodeTag::ServerGlobals.0], StatID::CmdCount)
}

fn statistic(rig: &Rig, path: &[u32], id: StatID) -> u32 {
    let client = Client::connect(&rig.environment.endpoint().unwrap()).unwrap();
    let args = StatGetValuesArgs {
        path_tags: path.to_vec(),
        ..StatGetValuesArgs::default()
    };
    let reply = client.transact(args).unwrap();
    let place = reply
        .statinfos
        .iter()
        .position(|info| info.id == id)
        .unwrap();
    reply.values[place]
}

/// The states of the modules, in the order of their numbers.
pub fn states(rig: &Rig) -> Vec<ModuleState> {
    let info = rig.session().world().unwrap();
    info.modules.iter().map(|module| module.state).collect()
}

/// Nobody at the cards, with the pass phrases of cards by their numbers.
pub fn unattended(passphrases: &[(u32, &str)]) -> Unattended {
    let passphrases = passphrases
        .iter()
        .map(|(card, text)| (*card, (*text).to_owned()))
        .collect();
    Unattended {
        passphrases,
        ..Unattended::default()
    }
}
