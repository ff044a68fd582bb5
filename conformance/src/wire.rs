//! The raw protocol as the cases use it: typed commands with every answer written down, and bare sockets for what no
//! typed command can say.

#[cfg(feature = "embedded")]
mod raw;

use std::time::Duration;

use anyhow::bail;
use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::message::{Command, Reply, Request};
use ncore::types::{CertificateList, Cmd, NewClientArgs, Status};

#[cfg(feature = "embedded")]
pub use self::raw::{RawStream, raw, read_frame, write_frame};
use crate::coverage::{Answer, Cover, Recorder, Subject};

/// How long a reply may take before a case gives up: less than a case's own limit, so that the command is named.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that writes down what it sees.
#[derive(Debug)]
pub struct Wire {
    connection: Connection,
    recorder: Recorder,
}

impl Wire {
    /// Connects and obtains a client.
    ///
    /// # Errors
    /// No hardserver, or one that gives no client.
    pub fn connect(endpoint: &Endpoint, recorder: Recorder) -> anyhow::Result<Wire> {
        let wire = Wire::connect_bare(endpoint, recorder)?;
        wire.send(NewClientArgs::default())?;
        Ok(wire)
    }

    /// Connects and sends nothing.
    ///
    /// # Errors
    /// No hardserver.
    pub fn connect_bare(endpoint: &Endpoint, recorder: Recorder) -> anyhow::Result<Wire> {
        let options = ConnectOptions {
            reply_timeout: Some(PATIENCE),
            ..ConnectOptions::default()
        };
        Ok(Wire {
            connection: Connection::connect(endpoint, options)?,
            recorder,
        })
    }

    /// The connection, for what is not worth writing down.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// A refusal, or no reply.
    pub fn send<R: Request>(&self, args: R) -> Result<R::Reply, ClientError> {
        self.note(R::CMD, self.connection.transact(args))
    }

    /// [`Wire::send`] with certificates.
    ///
    /// # Errors
    /// A refusal, or no reply.
    pub fn send_with<R: Request>(
        &self,
        args: R,
        certs: CertificateList,
    ) -> Result<R::Reply, ClientError> {
        self.note(R::CMD, self.connection.transact_with(args, 0, Some(certs)))
    }

    /// Sends a command given whole. A refusal is a reply too.
    ///
    /// # Errors
    /// No reply.
    pub fn send_command(&self, command: Command) -> Result<Reply, ClientError> {
        let cmd = command.cmd();
        let reply = self.connection.transact_command(command)?;
        self.write_down(cmd, reply.status);
        Ok(reply)
    }

    fn note<T>(&self, cmd: Cmd, answer: Result<T, ClientError>) -> Result<T, ClientError> {
        match &answer {
            Ok(_) => self.write_down(cmd, Status::OK),
            Err(ClientError::Status { status, .. }) => self.write_down(cmd, *status),
            Err(_) => {}
        }
        answer
    }

    fn write_down(&self, cmd: Cmd, status: Status) {
        let answer = if status == Status::OK {
            Answer::Success
        } else {
            Answer::Refusal(status.0)
        };
        self.recorder.note(Cover {
            subject: Subject::Command(cmd.0),
            answer,
        });
    }
}

/// The answer must be a refusal with this status.
///
/// # Errors
/// It is not.
#[track_caller]
pub fn denied<T>(answer: Result<T, ClientError>, expected: Status) -> anyhow::Result<()> {
    let place = std::panic::Location::caller();
    match answer {
        Err(ClientError::Status { status, .. }) if status == expected => Ok(()),
        Err(error) => bail!("expected {expected}, met {error}, at {place}"),
        Ok(_) => bail!("expected {expected}, met success, at {place}"),
    }
}
