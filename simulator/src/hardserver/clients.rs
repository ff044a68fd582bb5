//! Clients: who owns objects, on which module each of them lives, and how long a client lives itself.
//!
//! A client is a secret of 20 bytes; whoever presents it on a connection shares its objects. It lives as long as a
//! connection uses it. Its objects are dropped on every module when, beyond that, no command of it is left in work.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ncore::Status;
use rand_chacha::rand_core::Rng;
use sha1::{Digest, Sha1};

use super::merged::Merged;
use super::modules::{Modules, Numbers, Slot};
use super::pool::PoolObject;
use super::unit::Unit;
use crate::job::{self, KeyIds};
use crate::seed::Seed;

/// The ClientID on the wire.
pub(super) type ClientId = [u8; 20];

/// One client, or a connection that never obtained one.
#[derive(Debug)]
pub(super) struct Client {
    /// What modules may know of it. `privileged` is the connection's and set for each command.
    identity: job::Client,
    /// Counts its commands, for their random streams.
    commands: AtomicU64,
    /// Where its objects are.
    objects: Mutex<HashMap<u32, Location>>,
    /// Counts its choices among modules.
    turns: AtomicUsize,
    /// What CreateClient told about the process behind it.
    pub(super) process: Option<Process>,
    modules: Arc<Modules>,
}

/// The process behind a client, as it described itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) name: String,
}

/// Where the object behind an identifier is.
#[derive(Debug, Clone)]
pub(super) enum Location {
    /// On one module, in this index of the table of modules, unless the module was reset since.
    Module { index: usize, epoch: u64 },
    /// In the hardserver: copies of one key on several modules.
    Merged(Arc<Merged>),
    /// Wherever the pool needs it.
    Pool(PoolObject),
}

impl Client {
    /// Its number in this run, from 1.
    pub(super) fn ordinal(&self) -> u64 {
        self.identity.ordinal
    }

    /// The number of its next command, from 1.
    pub(super) fn next_command(&self) -> u64 {
        self.commands.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of its next choice among modules, from 0.
    pub(super) fn next_turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// What a module may know of it when it uses a connection of this privilege.
    pub(super) fn identity(&self, privileged: bool) -> job::Client {
        job::Client {
            privileged,
            ..self.identity.clone()
        }
    }

    /// Whether it may own objects: ClientUnknown for a connection that never obtained a client.
    pub(super) fn check_owner(&self) -> Result<(), Status> {
        self.identity.hash.map(drop).ok_or(Status::ClientUnknown)
    }

    /// Where the object with this identifier is: UnknownID if there is none, or if it went with a reset; HardwareFailed as
    /// long as its module, with which it went, has failed.
    pub(super) fn locate(&self, id: u32) -> Result<Location, Status> {
        let mut objects = self.objects();
        let location = objects.get(&id).ok_or(Status::UnknownID)?;
        if let Location::Module { index, epoch } = *location
            && self.modules[index].epoch() != epoch
        {
            // A failed module has this one answer to everything (PROTOCOL section 4.1), also in its absence.
            if self.modules[index].unit.failed() {
                return Err(Status::HardwareFailed);
            }
            objects.remove(&id);
            return Err(Status::UnknownID);
        }
        Ok(location.clone())
    }

    /// Remembers where a new object is.
    pub(super) fn remember(&self, id: u32, location: Location) {
        self.objects().insert(id, location);
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, id: u32) {
        self.objects().remove(&id);
    }

    /// A new identifier for an object that the hardserver keeps itself.
    pub(super) fn allocate(&self) -> u32 {
        self.identity.key_ids.allocate()
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<u32, Location>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Without an identifier it owns nothing here, but an exporter may have heard of it.
        let owner = self.identity.hash.is_some();
        for slot in self.modules.iter() {
            if owner || slot.unit.imported().is_some() {
                slot.unit.dismiss(self.identity.ordinal);
            }
        }
    }
}

/// A connection's hold on a client. The client is known by its identifier as long as there is one.
#[derive(Debug)]
pub(super) struct Attachment {
    client: Arc<Client>,
    /// None for a connection that never obtained a client.
    known_as: Option<(ClientId, Arc<Clients>)>,
}

impl Attachment {
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if let Some((id, clients)) = &self.known_as {
            clients.detach(id);
        }
    }
}

/// Every client that a connection uses.
#[derive(Debug)]
pub(super) struct Clients {
    seed: Seed,
    modules: Arc<Modules>,
    ordinals: AtomicU64,
    known: Mutex<HashMap<ClientId, Known>>,
}

#[derive(Debug)]
struct Known {
    client: Weak<Client>,
    attachments: usize,
}

impl Clients {
    /// No clients yet. `ordinal` is the one below that of the first client.
    pub(super) fn new(seed: Seed, modules: Arc<Modules>, ordinal: u64) -> Clients {
        Clients {
            seed,
            modules,
            ordinals: AtomicU64::new(ordinal),
            known: Mutex::new(HashMap::new()),
        }
    }

    /// Makes a client and a first connection's hold on it.
    pub(super) fn create(self: &Arc<Self>, process: Option<Process>) -> (ClientId, Attachment) {
        let ordinal = self.ordinals.fetch_add(1, Ordering::Relaxed) + 1;
        let mut id = ClientId::default();
        self.seed
            .client_stream(ordinal, "client id")
            .fill_bytes(&mut id);
        let client = Arc::new(self.make(ordinal, Some(Sha1::digest(id).into()), process));
        // One step to whoever adds a module: either the client finds it, or it finds the client.
        let mut known = self.known();
        for slot in self.modules.iter() {
            slot.unit.welcome(ordinal);
        }
        known.insert(
            id,
            Known {
                client: Arc::downgrade(&client),
                attachments: 1,
            },
        );
        drop(known);
        (
            id,
            Attachment {
                client,
                known_as: Some((id, Arc::clone(self))),
            },
        )
    }

    /// Puts a module into the table, with room for the objects of every client. None if the table is full.
    pub(super) fn add_module(&self, numbers: &mut Numbers<'_>, unit: Unit) -> Option<&Slot> {
        let known = self.known();
        let slot = self.modules.push(numbers, unit)?;
        for client in known.values().filter_map(|known| known.client.upgrade()) {
            slot.unit.welcome(client.ordinal());
        }
        Some(slot)
    }

    /// One more connection of a client: ClientUnknown if no connection uses it.
    pub(super) fn join(self: &Arc<Self>, id: ClientId) -> Result<Attachment, Status> {
        let mut known = self.known();
        let entry = known.get_mut(&id).ok_or(Status::ClientUnknown)?;
        // The client cannot be gone: the attachments that the entry counts hold it.
        let client = entry.client.upgrade().ok_or(Status::ClientUnknown)?;
        entry.attachments += 1;
        Ok(Attachment {
            client,
            known_as: Some((id, Arc::clone(self))),
        })
    }

    /// A number and streams for a connection that uses commands without having obtained a client.
    pub(super) fn anonymous(self: &Arc<Self>) -> Attachment {
        let ordinal = self.ordinals.fetch_add(1, Ordering::Relaxed) + 1;
        Attachment {
            client: Arc::new(self.make(ordinal, None, None)),
            known_as: None,
        }
    }

    /// A client of another hardserver, which keeps its objects' identifiers itself. `hash` is None for one that obtained no
    /// client there.
    pub(super) fn guest(&self, hash: Option<[u8; 20]>) -> Arc<Client> {
        let ordinal = self.ordinals.fetch_add(1, Ordering::Relaxed) + 1;
        for slot in self.modules.iter().filter(|_| hash.is_some()) {
            slot.unit.welcome(ordinal);
        }
        Arc::new(self.make(ordinal, hash, None))
    }

    fn make(&self, ordinal: u64, hash: Option<[u8; 20]>, process: Option<Process>) -> Client {
        let mask = self.seed.client_stream(ordinal, "key id mask").next_u32();
        Client {
            identity: job::Client {
                ordinal,
                hash,
                privileged: false,
                key_ids: Arc::new(KeyIds::new(mask)),
            },
            commands: AtomicU64::new(0),
            objects: Mutex::new(HashMap::new()),
            turns: AtomicUsize::new(0),
            process,
            modules: Arc::clone(&self.modules),
        }
    }

    fn detach(&self, id: &ClientId) {
        let mut known = self.known();
        if let Some(entry) = known.get_mut(id) {
            entry.attachments -= 1;
            if entry.attachments == 0 {
                known.remove(id);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ClientId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
