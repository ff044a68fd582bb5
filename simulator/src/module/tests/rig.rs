//! A module on the bench, and the words in which a script is written: `ok` and `refused`.

use std::sync::Arc;
use std::time::Duration;

use ncore::Status;
use ncore::message::{Command, Reply, Request};
use ncore::types::*;

use crate::job::{Begun, Client, Job, KeyIds, Now};
use crate::module::{KeyHash, Module, Setup, SlotKind};
use crate::profile::Timing;
use crate::seed::{Seed, Streams};
use crate::store::{MemoryStore, Store, StoreError};

/// A client at a module.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) module: Arc<Module>,
    pub(super) client: Client,
    pub(super) seed: Seed,
    pub(super) uptime: Duration,
    pub(super) certs: Option<CertificateList>,
    commands: u64,
}

/// A store that a second module can open again.
#[derive(Clone, Default)]
pub(super) struct SharedStore(pub(super) Arc<MemoryStore>);

impl Store for SharedStore {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.load(name)
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.0.save(records)
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.0.records()
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.0.replace(records)
    }
}

/// Hash of a security officer's key that nobody has.
pub(super) const OFFICER: KeyHash = [0x0f; 20];

/// Every operation that an officer can make public.
pub(super) const EVERYTHING: u32 = 0x7_ffff;

impl Rig {
    /// A privileged client at a module new from the factory.
    pub(super) fn factory() -> Rig {
        Rig::with(1, b"test", Box::new(MemoryStore::default()))
    }

    /// The same with all that can be chosen.
    pub(super) fn with(number: u32, seed: &[u8], store: Box<dyn Store>) -> Rig {
        let slots = vec![SlotKind::SmartCard, SlotKind::SoftToken];
        Rig::with_slots(number, seed, store, slots)
    }

    pub(super) fn with_slots(
        number: u32,
        seed: &[u8],
        store: Box<dyn Store>,
        slots: Vec<SlotKind>,
    ) -> Rig {
        let seed = Seed::from_bytes(seed);
        let now = Now {
            uptime: Duration::ZERO,
            unix: Duration::ZERO,
        };
        let module = Module::power_on(Setup {
            number,
            seed: seed.clone(),
            engine: engine::Kind::default().engine(),
            store,
            slots,
            nvram: Timing::FASTEST.profile.nvram,
            now,
        });
        Rig::at(module.unwrap(), seed, 1)
    }

    fn at(module: Arc<Module>, seed: Seed, ordinal: u64) -> Rig {
        module.welcome(ordinal);
        let client = Client {
            ordinal,
            hash: Some([ordinal as u8; 20]),
            privileged: true,
            key_ids: Arc::new(KeyIds::new(0x1000_0000 * ordinal as u32)),
        };
        Rig {
            module,
            client,
            seed,
            uptime: Duration::ZERO,
            certs: None,
            commands: 0,
        }
    }

    /// A module in initialisation, without an officer.
    pub(super) fn initialising() -> Rig {
        let mut rig = Rig::factory();
        rig.initialise();
        rig
    }

    /// A module in operation, where everything is public.
    pub(super) fn operational() -> Rig {
        let mut rig = Rig::initialising();
        rig.become_operational(EVERYTHING);
        rig
    }

    pub(super) fn initialise(&mut self) {
        self.ok(ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode: ModuleMode::Initialisation,
        });
        self.ok(InitialiseUnitArgs { module: 1 });
    }

    pub(super) fn become_operational(&mut self, ops: u32) {
        let publicperms = NSOPerms { ops };
        self.ok(SetNSOPermsArgs {
            module: 1,
            flags: 0,
            hknso: OFFICER,
            publicperms,
        });
        self.ok(ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode: ModuleMode::Operational,
        });
    }

    /// Another client at the same module.
    pub(super) fn other_client(&self, ordinal: u64) -> Rig {
        Rig {
            uptime: self.uptime,
            ..Rig::at(Arc::clone(&self.module), self.seed.clone(), ordinal)
        }
    }

    /// Puts certificates on every command from here on.
    pub(super) fn certified(&self, certs: Vec<Certificate>) -> Rig {
        Rig {
            certs: Some(CertificateList { certs }),
            commands: self.commands + 1000,
            ..self.clone()
        }
    }

    pub(super) fn begin(&mut self, command: Command) -> Begun {
        self.commands += 1;
        let streams = Streams::new(
            &self.seed,
            self.module.number(),
            self.client.ordinal,
            self.commands,
        );
        let now = Now {
            uptime: self.uptime,
            unix: self.uptime,
        };
        self.module.begin(Job {
            command,
            number: self.module.number(),
            client: self.client.clone(),
            now,
            streams,
        })
    }

    pub(super) fn send(&mut self, args: impl Into<Args>) -> Reply {
        let mut command = Command::new(7, args);
        command.certs = self.certs.clone();
        self.begin(command).finish()
    }

    /// Sends a command that must succeed.
    #[track_caller]
    pub(super) fn ok<R: Request>(&mut self, args: R) -> R::Reply {
        let reply = self.send(args);
        assert_eq!(reply.status, Status::OK, "{}", R::CMD);
        assert_eq!((reply.tag, reply.cmd), (7, R::CMD));
        R::reply(reply.body).expect("the reply is the command's own")
    }

    /// Sends a command that must be refused with this status.
    #[track_caller]
    pub(super) fn refused(&mut self, args: impl Into<Args>, status: Status) {
        let args = args.into();
        let cmd = args.cmd();
        let reply = self.send(args);
        assert_eq!(reply, Reply::error(7, status), "{cmd}");
    }

    /// A new RSA pair with these permissions: private and public identifier.
    #[track_caller]
    pub(super) fn rsa(&mut self, bits: u32, private: ACL, public: ACL) -> (u32, u32) {
        let reply = self.ok(rsa_args(bits, private, public));
        (reply.keypriv, reply.keypub)
    }

    /// A new AES key with these permissions.
    #[track_caller]
    pub(super) fn aes(&mut self, acl: ACL) -> u32 {
        self.ok(aes_args(acl)).key
    }

    #[track_caller]
    pub(super) fn hash_of(&mut self, key: u32) -> KeyHash {
        self.ok(GetKeyInfoArgs { key }).hash
    }
}

pub(super) fn rsa_args(bits: u32, private: ACL, public: ACL) -> GenerateKeyPairArgs {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: bits,
        ..Default::default()
    };
    GenerateKeyPairArgs {
        flags: 0,
        module: 1,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        aclpriv: private,
        aclpub: public,
        appdatapriv: None,
        appdatapub: None,
    }
}

pub(super) fn aes_args(acl: ACL) -> GenerateKeyArgs {
    let params = KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 });
    GenerateKeyArgs {
        flags: 0,
        module: 1,
        params: KeyGenParams {
            type_: KeyType::Rijndael,
            params,
        },
        acl,
        appdata: None,
    }
}

/// The permissions of Act_OpPermissions by a short name.
pub(super) use ncore::types::ActOpPermissionsDetails as Op;

pub(super) fn operations(perms: u32) -> Action {
    Action {
        type_: Act::OpPermissions,
        details: ActDetails::OpPermissions(Op { perms }),
    }
}

pub(super) fn make_blob(flags: u32) -> Action {
    let details = ActMakeBlobDetails {
        flags,
        ..Default::default()
    };
    Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    }
}

pub(super) fn archive_blob(kahash: KeyHash) -> Action {
    let details = ActMakeArchiveBlobDetails {
        flags: 0,
        mech: Mech::Any,
        kahash: Some(kahash),
        blobfile: None,
    };
    Action {
        type_: Act::MakeArchiveBlob,
        details: ActDetails::MakeArchiveBlob(details),
    }
}

pub(super) fn officer_operations(ops: u32) -> Action {
    let details = ActNSOPermissionsDetails {
        perms: NSOPerms { ops },
    };
    Action {
        type_: Act::NSOPermissions,
        details: ActDetails::NSOPermissions(details),
    }
}

pub(super) fn group(actions: Vec<Action>) -> PermissionGroup {
    PermissionGroup {
        actions,
        ..Default::default()
    }
}

/// A list of one group without limits or conditions.
pub(super) fn acl(actions: Vec<Action>) -> ACL {
    ACL {
        groups: vec![group(actions)],
    }
}

/// A list that allows these operations.
pub(super) fn may(perms: u32) -> ACL {
    acl(vec![operations(perms)])
}

/// A list that allows everything that lists can allow about one key.
pub(super) fn anything() -> ACL {
    let blobs = ActMakeBlobDetails::ALLOW_KM_ONLY
        | ActMakeBlobDetails::ALLOW_NON_KM0
        | ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN;
    acl(vec![operations(Op::KNOWN_PERMS), make_blob(blobs)])
}

pub(super) fn bytes(data: &[u8]) -> PlainText {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: data.to_vec(),
    });
    PlainText {
        type_: PlainTextType::Bytes,
        data,
    }
}

pub(super) fn sign_args(key: u32) -> SignArgs {
    SignArgs {
        flags: 0,
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: bytes(b"message"),
        given_iv: None,
    }
}
