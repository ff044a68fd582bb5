//! The objects in the module's memory, by client and identifier.

use std::collections::HashMap;
use std::sync::Arc;

use ncore::Status;

use super::channel::Channel;
use super::key::Key;
use super::token::Token;

/// Most objects a module holds, over all clients: what keeps a runaway client from eating the host's memory. An RSA-2048
/// key ready for use takes some 8 KiB.
const MAX_OBJECTS: usize = 50_000;

/// One object. A handle is a reference: a redeemed ticket gives a second one to the same object.
#[derive(Clone)]
pub(super) enum Object {
    /// A key.
    Key(Arc<Key>),
    /// A logical token.
    Token(Arc<Token>),
    /// A channel.
    Channel(Arc<Channel>),
}

/// Everything clients own in this module.
#[derive(Default)]
pub(super) struct Objects {
    clients: HashMap<u64, HashMap<u32, Object>>,
    count: usize,
}

impl Objects {
    /// Makes room for a client's objects. Objects are only put where this was done, so that a command which ends after
    /// its client is gone leaves nothing behind.
    pub(super) fn welcome(&mut self, client: u64) {
        self.clients.entry(client).or_default();
    }

    /// Drops a client with everything it owns; the number of its objects.
    pub(super) fn dismiss(&mut self, client: u64) -> usize {
        let dropped = self
            .clients
            .remove(&client)
            .map_or(0, |objects| objects.len());
        self.count -= dropped;
        dropped
    }

    /// Drops every object of every client; their number. The clients stay.
    pub(super) fn clear(&mut self) -> usize {
        self.clients.values_mut().for_each(HashMap::clear);
        std::mem::take(&mut self.count)
    }

    /// Puts an object in its place. NoModuleMemory if the module is full, ClientUnknown if the client is gone.
    pub(super) fn insert(&mut self, client: u64, id: u32, object: Object) -> Result<(), Status> {
        if self.count >= MAX_OBJECTS {
            return Err(Status::NoModuleMemory);
        }
        let objects = self.clients.get_mut(&client).ok_or(Status::ClientUnknown)?;
        if objects.insert(id, object).is_none() {
            self.count += 1;
        }
        Ok(())
    }

    /// Takes an object away: UnknownID if there is none.
    pub(super) fn remove(&mut self, client: u64, id: u32) -> Result<Object, Status> {
        let object = self
            .clients
            .get_mut(&client)
            .and_then(|objects| objects.remove(&id));
        let object = object.ok_or(Status::UnknownID)?;
        self.count -= 1;
        Ok(object)
    }

    /// The object with this identifier: UnknownID if there is none.
    pub(super) fn object(&self, client: u64, id: u32) -> Result<&Object, Status> {
        self.clients
            .get(&client)
            .and_then(|objects| objects.get(&id))
            .ok_or(Status::UnknownID)
    }

    /// The key with this identifier: TypeMismatch if it names something else.
    pub(super) fn key(&self, client: u64, id: u32) -> Result<Arc<Key>, Status> {
        match self.object(client, id)? {
            Object::Key(key) => Ok(Arc::clone(key)),
            _ => Err(Status::TypeMismatch),
        }
    }

    /// The logical token with this identifier: TypeMismatch if it names something else.
    pub(super) fn token(&self, client: u64, id: u32) -> Result<Arc<Token>, Status> {
        match self.object(client, id)? {
            Object::Token(token) => Ok(Arc::clone(token)),
            _ => Err(Status::TypeMismatch),
        }
    }

    /// The channel with this identifier: TypeMismatch if it names something else.
    pub(super) fn channel(&self, client: u64, id: u32) -> Result<Arc<Channel>, Status> {
        match self.object(client, id)? {
            Object::Channel(channel) => Ok(Arc::clone(channel)),
            _ => Err(Status::TypeMismatch),
        }
    }

    /// Every object with its client and identifier, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, u32, &Object)> {
        self.clients
            .iter()
            .flat_map(|(client, objects)| objects.iter().map(|(id, object)| (*client, *id, object)))
    }

    /// The number of objects.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}
