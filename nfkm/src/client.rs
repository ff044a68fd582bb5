//! A client of a hardserver: one connection, one ClientID, and the few commands every part of key management needs.

use ncore::client::{ConnectOptions, Connection, Endpoint, Pending};
use ncore::message::Request;
use ncore::types::{
    BlobFormat, BlobFormatIndirectMkBlobParams, BlobFormatMkBlobParams,
    BlobFormatModuleMkBlobParams, BlobFormatTokenMkBlobParams, Certificate, CertificateList,
    DestroyArgs, ExportArgs, GetKeyInfoArgs, GetKeyInfoReply, KeyData, LoadBlobArgs, MakeBlobArgs,
    Mech, NewClientArgs,
};

use crate::Hash;
use crate::error::Error;

/// A client of a hardserver (M_ClientID) and the connection it came in by. Shared by any number of threads.
///
/// Every identifier of a key or token belongs to the client; all die when the connection closes.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

/// An identifier of a key, a token or a merged key (M_KeyID), meaningful to the client that made it.
pub type KeyId = u32;

impl Client {
    /// Connects and obtains a ClientID.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Status`].
    pub fn connect(endpoint: &Endpoint) -> Result<Client, Error> {
        let client = Client {
            connection: Connection::connect(endpoint, ConnectOptions::default())?,
        };
        client.transact(NewClientArgs::default())?;
        Ok(client)
    }

    /// Whether the connection is known to be lost, and this client with it. A forked process has lost its parent's.
    pub fn is_lost(&self) -> bool {
        self.connection.loss().is_some()
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// [`Error::Status`] when it is refused, [`Error::Connection`] when no reply comes.
    pub fn transact<R: Request>(&self, args: R) -> Result<R::Reply, Error> {
        Ok(self.connection.transact(args)?)
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
        Ok(self.connection.transact_with(args, 0, Some(certs))?)
    }

    /// Sends a command and goes on; [`Client::wait`] takes the reply.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn submit<R: Request>(&self, args: R) -> Result<Pending<R>, Error> {
        Ok(self.connection.submit(args, None)?)
    }

    /// Waits for the reply to a command sent by [`Client::submit`].
    ///
    /// # Errors
    /// Those of [`Client::transact`].
    pub fn wait<R: Request>(&self, pending: Pending<R>) -> Result<R::Reply, Error> {
        Ok(self.connection.wait(pending)?)
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
