//! A hardserver of two modules with a Security World, and calls of the provider library against it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use csp::Caller;
use csp::constants::*;
use csp::csp::{Csp, Settings};
use csp::error::Result;
use csp::identity::Identity;
use csp::output::Output;
use csp::settings::SetupParameters;
use csp::sid::Sid;
use nfkm::Environment;
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::{Admin, WorldParams};
use simulator::hardserver::Server;
use simulator::options::Options;

/// A hardserver with a world on both its modules.
struct Hardserver {
    folder: tempfile::TempDir,
    environment: Environment,
    _server: Server,
}

/// The hardserver, as one test sees it: with keys and containers of its own.
pub(crate) struct Rig {
    pub(crate) folder: tempfile::TempDir,
    /// Where a process finds both.
    pub(crate) environment: Environment,
    _hardserver: Arc<Hardserver>,
}

/// The hardserver that tests running at this moment share; making a world takes longer than any of them.
static SHARED: Mutex<Weak<Hardserver>> = Mutex::new(Weak::new());

impl Hardserver {
    fn shared() -> Arc<Hardserver> {
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let hardserver = Arc::new(Hardserver::start());
            *shared = Arc::downgrade(&hardserver);
            hardserver
        })
    }

    fn start() -> Hardserver {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            modules: 2,
            ..Options::in_folder(folder.path())
        };
        let server = Server::start(&options).unwrap();
        let environment = Environment {
            server: Some(options.socket.display().to_string()),
            privileged_server: Some(options.privileged_socket.display().to_string()),
            kmlocal: Some(folder.path().join("local")),
            ..Environment::default()
        };
        let cards = CardSource::Files(vec![folder.path().join("card")]);
        let admin = Admin::open(&environment).unwrap();
        admin
            .create(
                &[1, 2],
                &WorldParams::new(1, 1),
                &cards,
                &mut Unattended::default(),
            )
            .unwrap();
        Hardserver {
            folder,
            environment,
            _server: server,
        }
    }
}

impl Rig {
    pub(crate) fn start() -> Rig {
        let hardserver = Hardserver::shared();
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(hardserver.folder.path().join("local")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let environment = Environment {
            kmlocal: Some(folder.path().to_owned()),
            ..hardserver.environment.clone()
        };
        Rig {
            folder,
            environment,
            _hardserver: hardserver,
        }
    }

    /// The library of a process of this user.
    pub(crate) fn library(&self, uid: u32) -> Csp {
        Csp::new(Settings {
            environment: Some(self.environment.clone()),
            identity: Some(Identity {
                user: Sid::new(22, &[1, uid]).unwrap(),
                claimed: false,
                group: Sid::new(22, &[2, uid]).unwrap(),
                administrator: uid == 0,
                user_name: Some(format!("user{uid}")),
                host_name: Some("host".to_owned()),
            }),
            setup: Some(SetupParameters::default()),
            answers: None,
        })
    }

    /// The files of keys and containers.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let folder = self.folder.path();
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.retain(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("key_mscapi_")
        });
        files.sort();
        files
    }

    pub(crate) fn key_files(&self) -> Vec<PathBuf> {
        let mut files = self.files();
        files.retain(|path| !path.to_str().unwrap().contains("container-"));
        files
    }

    pub(crate) fn container_files(&self) -> Vec<PathBuf> {
        let mut files = self.files();
        files.retain(|path| path.to_str().unwrap().contains("container-"));
        files
    }
}

pub(crate) fn acquire(csp: &Csp, name: &str, flags: u32) -> Result<usize> {
    csp.acquire_context(Some(name.as_bytes()), flags, &Caller::default())
}

/// A value by the usual two calls: NULL for the size, then a buffer of that size.
pub(crate) fn value<T>(call: impl Fn(Output<'_>) -> Result<T>) -> Result<Vec<u8>> {
    let mut length = 0;
    call(Output::new(None, &mut length))?;
    let mut buffer = vec![0; length as usize];
    call(Output::new(Some(&mut buffer), &mut length))?;
    buffer.truncate(length as usize);
    Ok(buffer)
}

pub(crate) fn prov_text(csp: &Csp, context: usize, param: u32) -> String {
    let bytes = value(|output| csp.prov_param(context, param, 0, output)).unwrap();
    String::from_utf8(bytes[..bytes.len() - 1].to_vec()).unwrap()
}

pub(crate) fn hash(csp: &Csp, context: usize, algorithm: AlgId, text: &[u8]) -> usize {
    let hash = csp.create_hash(context, algorithm.0, 0, 0).unwrap();
    csp.hash_data(context, hash, text, 0).unwrap();
    hash
}

pub(crate) fn sign(csp: &Csp, context: usize, spec: u32, text: &[u8]) -> Result<Vec<u8>> {
    let hash = hash(csp, context, AlgId::CALG_SHA_256, text);
    value(|output| csp.sign_hash(context, hash, spec, &[], 0, output))
}

pub(crate) fn public_blob(csp: &Csp, context: usize, key: usize) -> Vec<u8> {
    value(|output| csp.export_key(context, key, 0, PUBLICKEYBLOB, 0, output)).unwrap()
}
