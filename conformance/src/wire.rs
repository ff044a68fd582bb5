//! The raw protocol as the cases use it: typed commands with every answer written down, and bare sockets for what no
//! typed command can say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::message::{Command, Reply, Request};
use ncore::types::{CertificateList, Cmd, NewClientArgs, Status};

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

/// A stream to the hardserver for bytes of the case's own.
///
/// # Errors
/// No hardserver.
pub fn raw(endpoint: &Endpoint) -> anyhow::Result<RawStream> {
    let stream = match endpoint {
        Endpoint::Unix(path) => {
            RawStream::Unix(UnixStream::connect(path).with_context(|| endpoint.to_string())?)
        }
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).with_context(|| endpoint.to_string())?;
            // Cases send frames in pieces, which must leave as they are.
            stream.set_nodelay(true)?;
            RawStream::Tcp(stream)
        }
    };
    stream.set_timeouts(Some(PATIENCE))?;
    Ok(stream)
}

/// A connected stream of either kind.
#[derive(Debug)]
pub enum RawStream {
    /// On a Unix socket.
    Unix(UnixStream),
    /// On a TCP port.
    Tcp(TcpStream),
}

impl RawStream {
    /// A second handle of the same stream.
    ///
    /// # Errors
    /// The system's own.
    pub fn try_clone(&self) -> std::io::Result<RawStream> {
        match self {
            RawStream::Unix(stream) => stream.try_clone().map(RawStream::Unix),
            RawStream::Tcp(stream) => stream.try_clone().map(RawStream::Tcp),
        }
    }

    /// Tells the hardserver that nothing more comes.
    ///
    /// # Errors
    /// The system's own.
    pub fn finish(&self) -> std::io::Result<()> {
        match self {
            RawStream::Unix(stream) => stream.shutdown(Shutdown::Write),
            RawStream::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn set_timeouts(&self, limit: Option<Duration>) -> std::io::Result<()> {
        match self {
            RawStream::Unix(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
            RawStream::Tcp(stream) => {
                stream.set_read_timeout(limit)?;
                stream.set_write_timeout(limit)
            }
        }
    }
}

impl Read for RawStream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            RawStream::Unix(stream) => stream.read(buffer),
            RawStream::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            RawStream::Unix(stream) => stream.write(bytes),
            RawStream::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            RawStream::Unix(stream) => stream.flush(),
            RawStream::Tcp(stream) => stream.flush(),
        }
    }
}

/// Sends one frame with an exclusive length word.
///
/// # Errors
/// The stream's own.
pub fn write_frame(stream: &mut impl Write, message: &[u8]) -> anyhow::Result<()> {
    let length = u32::try_from(message.len())?.to_le_bytes();
    // In one piece, as clients write it.
    Ok(stream.write_all(&[&length[..], message].concat())?)
}

/// Reads one frame; None when the hardserver has closed the stream.
///
/// # Errors
/// The stream's own; no frame in time.
pub fn read_frame(stream: &mut impl Read) -> anyhow::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read(&mut length)? {
        0 => return Ok(None),
        part => stream.read_exact(&mut length[part..])?,
    }
    let mut message = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}
