//! Bare streams, for bytes that no typed command can say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context as _;
use ncore::client::Endpoint;

use super::PATIENCE;

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

    /// How long a read or a write may take; without end if that is None.
    ///
    /// # Errors
    /// The system's own.
    pub fn set_timeouts(&self, limit: Option<Duration>) -> std::io::Result<()> {
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
