//! A key that is used through a pool: making world, key and pool, and clients that sign with it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use conformance::walk::new_key;
use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::types::*;
use nfkm::cards::{CardSource, Unattended};
use nfkm::kmdata::EntryContent;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{EntryName, Environment, Protection, Session};

/// Makes a world on these modules with one administrator card, the file `card`, a key of this ident in it, and a pool of
/// every module; the key's blob. `privileged` is the privileged socket of the same hardserver.
///
/// # Errors
/// The hardserver refuses.
pub fn set_up(
    environment: &Environment,
    privileged: &Path,
    modules: &[u32],
    card: PathBuf,
    ident: &str,
) -> anyhow::Result<Vec<u8>> {
    let admin = Admin::open(environment)?;
    let cards = CardSource::Files(vec![card]);
    let params = WorldParams::new(1, 1);
    let world = admin.create(modules, &params, &cards, &mut Unattended::default())?;
    let session = Session::open(environment)?;
    session.generate_key_pair(&new_key(ident, Protection::Module))?;
    let name = EntryName::new("simple", ident)?;
    let EntryContent::Key(record) = session.folder().entry(&world.hknso, &name)? else {
        bail!("the key has no record")
    };
    connect(privileged)?.transact(ConfigurePoolModuleArgs::default())?;
    Ok(record.blob)
}

/// A client with the key, loaded through the pool.
#[derive(Debug)]
pub struct Signer {
    /// Its connection.
    pub wire: Connection,
    /// The key's identifier.
    pub key: u32,
}

impl Signer {
    /// Connects, and loads the key on the pool of this number.
    ///
    /// # Errors
    /// The hardserver refuses.
    pub fn load(socket: &Path, pool: u32, blob: &[u8]) -> anyhow::Result<Signer> {
        let wire = connect(socket)?;
        wire.transact(NewClientArgs::default())?;
        let load = LoadBlobArgs {
            module: pool,
            blob: blob.to_vec(),
            ..Default::default()
        };
        let key = wire.transact(load).context("a key was not loaded")?.idka;
        Ok(Signer { wire, key })
    }

    /// One signature.
    ///
    /// # Errors
    /// The hardserver's status.
    pub fn sign(&self) -> Result<SignReply, ClientError> {
        let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
            data: b"pooled".to_vec(),
        });
        self.wire.transact(SignArgs {
            key: self.key,
            mech: Mech::RSAhSHA256pPKCS1,
            plain: PlainText {
                type_: PlainTextType::Bytes,
                data,
            },
            ..Default::default()
        })
    }
}

/// A connection to a Unix socket.
///
/// # Errors
/// Nobody answers.
pub fn connect(socket: &Path) -> anyhow::Result<Connection> {
    let endpoint = Endpoint::Unix(socket.to_owned());
    Ok(Connection::connect(&endpoint, ConnectOptions::default())?)
}
