//! The client's end of a connection to a hardserver: blocking, shared by any number of threads, with no thread of its
//! own.
//!
//! Submit, Wait and Transact are the field's words: [`Connection::submit`] sends a command and returns at once,
//! [`Connection::wait`] waits for its reply, [`Connection::transact`] does both. Replies come in any order and find
//! their command by tag; the connection chooses the tags.
//!
//! A connection is either whole or lost. It is lost when the hardserver goes away, when what arrives cannot be read as
//! replies to what was sent, when it is closed, and for a forked process, which must connect for itself; then every
//! command fails with the same cause. It does not reconnect: keys and tokens belong to the client that the connection
//! carried, so only the layer that can obtain a client and load its keys again can go on.

mod endpoint;
mod error;
mod incoming;
mod shared;
mod slots;
mod stream;
mod sync;
#[allow(unsafe_code)]
mod sys;
#[cfg(test)]
mod tests;
mod waiting;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use endpoint::{Endpoint, EndpointError};
pub use error::{BadReply, ClientError, Loss};

use crate::message::{Command, Reply, Request};
use crate::profile::WireProfile;
use crate::types::{CertificateList, Status};
use shared::{Sent, Shared};

/// How to connect, and how long to be patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// The encoding that the hardserver speaks. A client reads and writes `Auto` frames as `Exclusive` ones.
    pub profile: WireProfile,
    /// How long to wait for a TCP connection, over all addresses of the host.
    pub connect_timeout: Duration,
    /// How long [`Connection::wait`] and [`Connection::transact`] wait for a reply, and how long a command may take to
    /// be written; `None` for as long as it takes. A module may take minutes over one key.
    pub reply_timeout: Option<Duration>,
}

impl Default for ConnectOptions {
    /// The default wire profile, 10 seconds to connect, and no limit on a reply.
    fn default() -> Self {
        Self {
            profile: WireProfile::DEFAULT,
            connect_timeout: Duration::from_secs(10),
            reply_timeout: None,
        }
    }
}

/// A connection to a hardserver. Dropping it closes it and wakes whoever still waits on a [`Pending`] of it.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

impl Connection {
    /// Connects. Nothing is sent; whether the connection is privileged depends on the endpoint alone.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ClientError::Closed`].
    pub fn connect(endpoint: &Endpoint, options: ConnectOptions) -> Result<Self, ClientError> {
        let shared = Arc::new(Shared::connect(endpoint, options)?);
        Ok(Self { shared })
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// The encoding it speaks.
    pub fn profile(&self) -> &WireProfile {
        &self.shared.options.profile
    }

    /// How the connection was lost; `None` while it is whole, as far as this side has seen.
    pub fn loss(&self) -> Option<Loss> {
        self.shared.loss()
    }

    /// Sends a command, authorised by `certs`, and returns without waiting for its reply.
    ///
    /// # Errors
    /// What sending can meet: [`ClientError::NotSent`], [`ClientError::Lost`], [`ClientError::Encode`],
    /// [`ClientError::TooMany`].
    pub fn submit<R: Request>(
        &self,
        args: R,
        certs: Option<CertificateList>,
    ) -> Result<Pending<R>, ClientError> {
        let reply = self.submit_command(command(args, 0, certs))?;
        Ok(Pending {
            reply,
            request: PhantomData,
        })
    }

    /// Sends a command given whole and returns without waiting for its reply. Its tag is replaced.
    ///
    /// # Errors
    /// Those of [`Connection::submit`].
    pub fn submit_command(&self, command: Command) -> Result<PendingReply, ClientError> {
        let sent = self.shared.send(command)?;
        Ok(PendingReply {
            shared: Arc::clone(&self.shared),
            sent,
            wanted: true,
        })
    }

    /// Waits for the reply to a command, within the connection's time limit.
    ///
    /// # Errors
    /// Those of [`Connection::transact`] that come after sending.
    pub fn wait<R: Request>(&self, pending: Pending<R>) -> Result<R::Reply, ClientError> {
        pending.wait_for(self.shared.options.reply_timeout)
    }

    /// Waits for the reply to a command given whole, within the connection's time limit. A refusal is a reply too.
    ///
    /// # Errors
    /// Those of [`Connection::transact_command`] that come after sending.
    pub fn wait_reply(&self, pending: PendingReply) -> Result<Reply, ClientError> {
        pending.wait_for(self.shared.options.reply_timeout)
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// [`ClientError::Status`] if it is refused; every other variant but `NotRunning` and `Closed`.
    pub fn transact<R: Request>(&self, args: R) -> Result<R::Reply, ClientError> {
        self.transact_with(args, 0, None)
    }

    /// Sends a command with option bits (see [`crate::message::command_flags`]) and certificates, and waits for its
    /// reply.
    ///
    /// # Errors
    /// Those of [`Connection::transact`].
    pub fn transact_with<R: Request>(
        &self,
        args: R,
        flags: u32,
        certs: Option<CertificateList>,
    ) -> Result<R::Reply, ClientError> {
        let reply = self.transact_command(command(args, flags, certs))?;
        typed::<R>(reply, &self.shared)
    }

    /// Sends a command given whole and waits for its reply, which may be a refusal. The command's tag is replaced.
    ///
    /// # Errors
    /// Every variant but `NotRunning`, `Closed` and `Status`.
    pub fn transact_command(&self, command: Command) -> Result<Reply, ClientError> {
        let sent = self.shared.send(command)?;
        self.shared.wait(&sent, self.shared.options.reply_timeout)
    }

    /// Ends the connection; whoever waits on it fails with [`Loss::Closed`].
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// A command under way, whose reply is not looked into. Dropping it gives the reply up.
#[derive(Debug)]
pub struct PendingReply {
    shared: Arc<Shared>,
    sent: Sent,
    /// Nobody has waited for it yet.
    wanted: bool,
}

impl PendingReply {
    /// Waits for the reply, at most `limit`.
    ///
    /// # Errors
    /// Those of [`Connection::transact_command`] that come after sending.
    pub fn wait_for(mut self, limit: Option<Duration>) -> Result<Reply, ClientError> {
        self.wanted = false;
        self.shared.wait_later(&self.sent, limit)
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if self.wanted {
            self.shared.abandon(&self.sent);
        }
    }
}

/// A command under way and what its reply will be. Dropping it gives the reply up.
#[derive(Debug)]
pub struct Pending<R> {
    reply: PendingReply,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Pending<R> {
    /// Waits for the reply, at most `limit`.
    ///
    /// # Errors
    /// Those of [`Connection::transact`] that come after sending.
    pub fn wait_for(self, limit: Option<Duration>) -> Result<R::Reply, ClientError> {
        let shared = Arc::clone(&self.reply.shared);
        let reply = self.reply.wait_for(limit)?;
        typed::<R>(reply, &shared)
    }
}

fn command<R: Request>(args: R, flags: u32, certs: Option<CertificateList>) -> Command {
    Command {
        flags,
        certs,
        ..Command::new(0, args)
    }
}

fn typed<R: Request>(reply: Reply, shared: &Shared) -> Result<R::Reply, ClientError> {
    if reply.status != Status::OK {
        return Err(ClientError::Status {
            cmd: R::CMD,
            status: reply.status,
            info: Box::new(reply.info),
        });
    }
    let other = BadReply::OtherCommand(reply.cmd);
    if reply.cmd != R::CMD {
        return Err(shared.malformed(R::CMD, other));
    }
    R::reply(reply.body).ok_or_else(|| shared.malformed(R::CMD, other))
}
