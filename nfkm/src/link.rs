//! How a session reaches its hardserver: one client, shared by all threads and made anew when it is lost.
//!
//! The other way is a connection a thread under one client (ExistingClient). With 8 callers one shared connection costs
//! less a command than eight, as `cargo run --release -p ncore --example roundtrip` measures, and a process whose threads
//! come and go leaves no connections behind. Nothing outside this file knows which way it is.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ncore::Status;
use ncore::client::Endpoint;

use crate::client::Client;
use crate::error::Error;
use crate::preload::Preload;

/// The session's client of the hardserver. When its connection is lost, the client and everything it loaded is gone;
/// the next caller makes a new one.
#[derive(Debug)]
pub(crate) struct Link {
    endpoint: Endpoint,
    client: RwLock<Arc<Client>>,
    connecting: Mutex<()>,
}

impl Link {
    /// Connects, as the client of what another process keeps loaded if it still is one.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub(crate) fn open(endpoint: Endpoint, preload: Option<&Preload>) -> Result<Link, Error> {
        let client = match preload.map(|preload| Client::connect_as(&endpoint, preload)) {
            // The process that preloaded something has ended, and everything went with it.
            None
            | Some(Err(Error::Status {
                status: Status::ClientUnknown,
                ..
            })) => Client::connect(&endpoint)?,
            Some(client) => client?,
        };
        let client = RwLock::new(Arc::new(client));
        Ok(Link {
            endpoint,
            client,
            connecting: Mutex::new(()),
        })
    }

    /// A client whose connection is not known to be lost.
    ///
    /// # Errors
    /// Those of [`Client::connect`], when the connection was lost and cannot be made again.
    pub(crate) fn client(&self) -> Result<Arc<Client>, Error> {
        let client = self.current();
        if !client.is_lost() {
            return Ok(client);
        }
        let _one_at_a_time = self
            .connecting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let client = self.current();
        if !client.is_lost() {
            return Ok(client);
        }
        let fresh = Arc::new(Client::connect(&self.endpoint)?);
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }

    fn current(&self) -> Arc<Client> {
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner))
    }
}
