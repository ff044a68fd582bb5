//! A client of a hardserver: one ClientID, its connections, and the few commands every part of key management needs.
//!
//! Each thread that has a command outstanding has a connection to itself, up to a limit; they are opened when they are
//! needed and join the client by its ClientID. One connection shared by all would do: but then the thread that reads
//! replies hands them to others, which costs a switch between threads a command, and with two threads that sign a third
//! of the signatures.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint, Pending};
use ncore::message::Request;
use ncore::types::{
    BlobFormat, BlobFormatIndirectMkBlobParams, BlobFormatMkBlobParams,
    BlobFormatModuleMkBlobParams, BlobFormatTokenMkBlobParams, Certificate, CertificateList,
    DestroyArgs, ExistingClientArgs, ExportArgs, FileSpec, GetKeyInfoArgs, GetKeyInfoReply,
    KeyData, LoadBlobArgs, MakeBlobArgs, Mech, NewClientArgs,
};

use crate::Hash;
use crate::error::Error;
use crate::preload::{Preload, PreloadedFips};

/// A client of a hardserver (M_ClientID) and its connections. Shared by any number of threads.
///
/// Every identifier of a key or token belongs to the client; all die when its last connection closes.
#[derive(Debug)]
pub struct Client {
    /// The connection that obtained the ClientID. Whoever finds no other shares it.
    first: Connection,
    /// Whether a thread has the first connection to itself.
    first_taken: AtomicBool,
    id: [u8; 20],
    /// What the process that made the client keeps loaded to authorise commands in a world of FIPS 140 level 3.
    fips: Vec<PreloadedFips>,
    /// Further connections, open and not in use.
    idle: Mutex<Vec<Connection>>,
    /// How many further connections there are, in use or not.
    opened: AtomicUsize,
}

/// The most connections a client opens beside its first. A module has at most a few hundred commands in work, and a
/// thread beyond the limit shares the first connection.
const FURTHER_CONNECTIONS: usize = 63;

/// An identifier of a key, a token or a merged key (M_KeyID), meaningful to the client that made it.
pub type KeyId = u32;

impl Client {
    /// Connects and obtains a ClientID.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Status`].
    pub fn connect(endpoint: &Endpoint) -> Result<Client, Error> {
        let first = Connection::connect(endpoint, ConnectOptions::default())?;
        let id = first.transact(NewClientArgs::default())?.client;
        Ok(Client::over(first, id, Vec::new()))
    }

    /// Connects as a client that another process has made, whose keys and tokens it then has.
    ///
    /// # Errors
    /// [`Error::Status`] with ClientUnknown when its last connection is closed; [`Error::Connection`].
    pub(crate) fn connect_as(endpoint: &Endpoint, preload: &Preload) -> Result<Client, Error> {
        let first = Connection::connect(endpoint, ConnectOptions::default())?;
        first.transact(ExistingClientArgs {
            client: preload.client,
            ..ExistingClientArgs::default()
        })?;
        Ok(Client::over(first, preload.client, preload.fips.clone()))
    }

    fn over(first: Connection, id: [u8; 20], fips: Vec<PreloadedFips>) -> Client {
        Client {
            first,
            first_taken: AtomicBool::new(false),
            id,
            fips,
            idle: Mutex::default(),
            opened: AtomicUsize::new(0),
        }
    }

    /// What names the client (M_ClientID). Whoever knows it can be the client.
    pub fn id(&self) -> [u8; 20] {
        self.id
    }

    /// What is kept loaded on a module to authorise commands.
    pub(crate) fn preloaded_fips(&self, module: u32) -> Option<&PreloadedFips> {
        self.fips.iter().find(|fips| fips.module == module)
    }

    /// Whether the first connection is known to be lost, and this client with it. A forked process has lost its parent's.
    pub fn is_lost(&self) -> bool {
        self.first.loss().is_some()
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// [`Error::Status`] when it is refused, [`Error::Connection`] when no reply comes.
    pub fn transact<R: Request>(&self, args: R) -> Result<R::Reply, Error> {
        Ok(self.with_connection(|connection| connection.transact(args))?)
    }

    /// Like [`Client::transact`], with certificates that authorise the command.
    ///
    /// # Errors
    /// Those of [`Client::transact`].
    pub fn transact_certified<R: Request>(
        &self,
        args: R,
        certs: &[Certificate],
    ) -> Result<R::Reply, Error> {
        let certs = CertificateList {
            certs: certs.to_vec(),
        };
        Ok(self.with_connection(|connection| connection.transact_with(args, 0, Some(certs)))?)
    }

    /// Sends a command and goes on; [`Client::wait`] takes the reply.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn submit<R: Request>(&self, args: R) -> Result<Pending<R>, Error> {
        Ok(self.first.submit(args, None)?)
    }

    /// Waits for the reply to a command sent by [`Client::submit`].
    ///
    /// # Errors
    /// Those of [`Client::transact`].
    pub fn wait<R: Request>(&self, pending: Pending<R>) -> Result<R::Reply, Error> {
        Ok(self.first.wait(pending)?)
    }

    /// Type and hash of a key.
    pub(crate) fn key_info(&self, key: KeyId) -> Result<GetKeyInfoReply, Error> {
        self.transact(GetKeyInfoArgs { key })
    }

    /// A key in clear, if its ACL allows it.
    pub(crate) fn export(&self, key: KeyId) -> Result<KeyData, Error> {
        Ok(self.transact(ExportArgs { key })?.data)
    }

    /// Loads a blob on one module, with the token or key it is under, if it is under one.
    pub(crate) fn load_blob(
        &self,
        module: u32,
        blob: &[u8],
        under: Option<KeyId>,
    ) -> Result<KeyId, Error> {
        let args = LoadBlobArgs {
            module,
            blob: blob.to_vec(),
            idkb: under,
            ..LoadBlobArgs::default()
        };
        Ok(self.transact(args)?.idka)
    }

    /// Loads a blob that is in a file of the module.
    pub(crate) fn load_stored_blob(
        &self,
        module: u32,
        file: FileSpec,
        under: Option<KeyId>,
    ) -> Result<KeyId, Error> {
        let args = LoadBlobArgs {
            module,
            idkb: under,
            file: Some(file),
            ..LoadBlobArgs::default()
        };
        Ok(self.transact(args)?.idka)
    }

    /// Wraps a key under a module key alone.
    pub(crate) fn module_blob(&self, key: KeyId, hkm: Hash) -> Result<Vec<u8>, Error> {
        let params = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
        self.make_blob(key, BlobFormat::Module, params)
    }

    /// Wraps a key under a logical token.
    pub(crate) fn token_blob(&self, key: KeyId, token: KeyId) -> Result<Vec<u8>, Error> {
        let params = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt: token });
        self.make_blob(key, BlobFormat::Token, params)
    }

    /// Wraps a key under a public key.
    pub(crate) fn indirect_blob(
        &self,
        key: KeyId,
        under: KeyId,
        mech: Mech,
    ) -> Result<Vec<u8>, Error> {
        let params =
            BlobFormatMkBlobParams::Indirect(BlobFormatIndirectMkBlobParams { idkr: under, mech });
        self.make_blob(key, BlobFormat::Indirect, params)
    }

    /// Drops a key or token. Nothing depends on it: what is not dropped now goes with the client.
    pub(crate) fn destroy(&self, key: KeyId) {
        let _ = self.transact(DestroyArgs { key });
    }

    /// Runs one command on a connection that no other thread uses meanwhile, if there is one.
    fn with_connection<T>(&self, command: impl FnOnce(&Connection) -> T) -> T {
        if !self.first_taken.swap(true, Ordering::Acquire) {
            let answer = command(&self.first);
            self.first_taken.store(false, Ordering::Release);
            return answer;
        }
        let Some(connection) = self.further() else {
            return command(&self.first);
        };
        let answer = command(&connection);
        if connection.loss().is_none() {
            self.idle().push(connection);
        } else {
            self.opened.fetch_sub(1, Ordering::Relaxed);
        }
        answer
    }

    /// A further connection for the caller alone. `None` if there may be no more, or the hardserver allows no more.
    fn further(&self) -> Option<Connection> {
        if let Some(connection) = self.idle().pop() {
            return Some(connection);
        }
        if self.opened.fetch_add(1, Ordering::Relaxed) < FURTHER_CONNECTIONS
            && let Ok(connection) = self.join()
        {
            return Some(connection);
        }
        self.opened.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Opens a connection and makes it one of this client's.
    fn join(&self) -> Result<Connection, ClientError> {
        let options = ConnectOptions::default();
        let connection = Connection::connect(self.first.endpoint(), options)?;
        connection.transact(ExistingClientArgs {
            client: self.id,
            ..ExistingClientArgs::default()
        })?;
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_blob(
        &self,
        key: KeyId,
        format: BlobFormat,
        blobkey: BlobFormatMkBlobParams,
    ) -> Result<Vec<u8>, Error> {
        Ok(self
            .transact(MakeBlobArgs {
                format,
                idka: key,
                blobkey,
                ..MakeBlobArgs::default()
            })?
            .blob)
    }
}
