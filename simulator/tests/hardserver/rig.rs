//! A hardserver in a folder of its own, and clients of it.

use std::path::PathBuf;

use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::message::Request;
use ncore::types::*;
use simulator::{Options, Server};
use tempfile::TempDir;

use crate::raw::Raw;

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) options: Options,
    pub(crate) _folder: TempDir,
}

impl Rig {
    /// A hardserver with this many modules, new from the factory.
    pub(crate) fn new(modules: u32) -> Rig {
        Rig::with(|options| options.modules = modules)
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::in_folder(folder.path());
        options.engines = 2;
        change(&mut options);
        let server = Server::start(&options).unwrap();
        Rig {
            server,
            options,
            _folder: folder,
        }
    }

    /// The same with every module initialised, so that it makes and uses keys.
    pub(crate) fn ready(modules: u32) -> Rig {
        Rig::ready_with(|options| options.modules = modules)
    }

    pub(crate) fn ready_with(change: impl FnOnce(&mut Options)) -> Rig {
        let rig = Rig::with(change);
        let privileged = rig.privileged();
        for module in 1..=rig.options.modules {
            let clear = ClearUnitExArgs {
                module,
                mode: ModuleMode::Initialisation,
                ..Default::default()
            };
            privileged.transact(clear).unwrap();
            privileged.transact(InitialiseUnitArgs { module }).unwrap();
        }
        rig
    }

    pub(crate) fn connect(&self) -> Connection {
        connect(self.options.socket.clone())
    }

    pub(crate) fn privileged(&self) -> Connection {
        connect(self.options.privileged_socket.clone())
    }

    /// A connection with a client of its own.
    pub(crate) fn client(&self) -> Connection {
        let connection = self.connect();
        connection.transact(NewClientArgs::default()).unwrap();
        connection
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(&self.options.socket)
    }

    /// A value of the statistics.
    pub(crate) fn statistic(&self, path: &[u32], id: StatID) -> u32 {
        let args = StatGetValuesArgs {
            flags: 0,
            path_tags: path.to_vec(),
        };
        let reply = self.connect().transact(args).unwrap();
        let place = reply
            .statinfos
            .iter()
            .position(|info| info.id == id)
            .expect("the statistic is there");
        reply.values[place]
    }

    /// The number of objects in a module.
    pub(crate) fn objects(&self, module: u32) -> u32 {
        let path = [
            StatNodeTag::PerModule.0,
            module,
            StatNodeTag::ModuleObjStats.0,
        ];
        self.statistic(&path, StatID::ObjectCount)
    }
}

fn connect(path: PathBuf) -> Connection {
    Connection::connect(&Endpoint::Unix(path), ConnectOptions::default()).unwrap()
}

/// The status with which a command is refused.
pub(crate) fn refusal<R: Request>(connection: &Connection, args: R) -> Status
where
    R::Reply: std::fmt::Debug,
{
    match connection.transact(args) {
        Err(ClientError::Status { status, .. }) => status,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

/// An ACL that permits these operations.
pub(crate) fn permit(perms: u32) -> ACL {
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails { perms });
    let actions = vec![Action {
        type_: Act::OpPermissions,
        details,
    }];
    ACL {
        groups: vec![PermissionGroup {
            actions,
            ..Default::default()
        }],
    }
}

/// Cmd_Import of an AES key that may do anything.
pub(crate) fn import_aes(module: u32, byte: u8) -> ImportArgs {
    ImportArgs {
        module,
        data: KeyData {
            type_: KeyType::Rijndael,
            data: KeyTypeData::Random(KeyTypeRandomData { k: vec![byte; 32] }),
        },
        acl: permit(ActOpPermissionsDetails::KNOWN_PERMS),
        appdata: [0; 64],
    }
}

/// Cmd_GenerateKeyPair of an RSA key that may sign, and be blobbed under a module key.
pub(crate) fn generate_rsa(module: u32, lenbits: u32) -> GenerateKeyPairArgs {
    let blob = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NON_KM0,
        ..Default::default()
    };
    let mut aclpriv = permit(ActOpPermissionsDetails::SIGN | ActOpPermissionsDetails::DECRYPT);
    aclpriv.groups[0].actions.push(Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(blob),
    });
    GenerateKeyPairArgs {
        module,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                lenbits,
                ..Default::default()
            }),
        },
        aclpriv,
        aclpub: permit(ActOpPermissionsDetails::VERIFY | ActOpPermissionsDetails::EXPORT_AS_PLAIN),
        ..Default::default()
    }
}

/// The 32 bytes 07, as a SHA-256 hash.
pub(crate) fn hash32() -> PlainText {
    let data = PlainTextTypeHash32Data { data: [7; 32] };
    PlainText {
        type_: PlainTextType::Hash32,
        data: PlainTextTypeData::Hash32(data),
    }
}

/// Cmd_Sign of [`hash32`].
pub(crate) fn sign(key: u32) -> SignArgs {
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: hash32(),
        ..Default::default()
    }
}

/// Cmd_Encrypt of 16 bytes under AES.
pub(crate) fn encrypt(key: u32) -> EncryptArgs {
    let data = PlainTextTypeBytesData { data: vec![5; 16] };
    EncryptArgs {
        key,
        mech: Mech::RijndaelmECBpNONE,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data: PlainTextTypeData::Bytes(data),
        },
        ..Default::default()
    }
}
