//! A hardserver with modules in this process, and a Security World, in a folder of their own.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::path::PathBuf;

use ncore::Bignum;
use ncore::types::{
    AdminKey, AdminToken, KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams,
    LoadBlobArgs, LoadLogicalTokenArgs, PhysToken, PlainText, PlainTextType, PlainTextTypeData,
    PlainTextTypeHash32Data, ReadSoftTokenShareArgs, StatGetValuesArgs, StatID, StatNodeTag,
    TokenParams,
};
use nfkm::world::admin::{Admin, CardSource, Unattended, WorldParams};
use nfkm::{Client, Environment, IdentRule, NewKeyPair, Session, World};
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

    pub fn card(&self, number: u32) -> PathBuf {
        self.folder.path().join(format!("admin-{number}"))
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

pub fn request(ident: IdentRule) -> NewKeyPair {
    NewKeyPair {
        appname: "mscapi".to_owned(),
        ident,
        plainname: Some("a key".to_owned()),
        params: rsa(1024),
        recovery: true,
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
