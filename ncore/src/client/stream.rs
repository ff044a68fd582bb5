//! The socket, whichever kind it is.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::Endpoint;

/// How long a write may stand still before the writer looks whether replies wait to be read. The hardserver stops
/// reading while its own replies are not taken, so a client that only wrote would wait for ever.
#[cfg(unix)]
const STALLED_WRITE: Duration = Duration::from_millis(10);

/// A connected socket. Reading and writing need no exclusive access: the one reader and the one writer are chosen
/// above it.
#[derive(Debug)]
pub(super) enum Stream {
    #[cfg(unix)]
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub(super) fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Self> {
        let stream = match endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => Self::Unix(UnixStream::connect(path)?),
            #[cfg(not(unix))]
            Endpoint::Unix(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "this system has no Unix sockets",
                ));
            }
            Endpoint::Tcp(address) => Self::Tcp(connect_tcp(address, limit)?),
        };
        // Elsewhere a send that times out leaves the socket in an unknown state, so there a write just waits.
        #[cfg(unix)]
        match &stream {
            Self::Unix(socket) => socket.set_write_timeout(Some(STALLED_WRITE))?,
            Self::Tcp(socket) => socket.set_write_timeout(Some(STALLED_WRITE))?,
        }
        Ok(stream)
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => (&*socket).read(buffer),
            Self::Tcp(socket) => (&*socket).read(buffer),
        }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => (&*socket).write(bytes),
            Self::Tcp(socket) => (&*socket).write(bytes),
        }
    }

    pub(super) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Unix(socket) => socket.set_read_timeout(limit),
            Self::Tcp(socket) => socket.set_read_timeout(limit),
        }
    }

    /// Ends both directions, which wakes whoever reads or writes.
    pub(super) fn shutdown(&self) {
        // A socket whose other end is gone already refuses, which is as good.
        let _ = match self {
            #[cfg(unix)]
            Self::Unix(socket) => socket.shutdown(Shutdown::Both),
            Self::Tcp(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

/// Whether a read or write ended because its time was over.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    // Unix says the first, Windows the second.
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Tries every address of the host, all within `limit`.
fn connect_tcp(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let start = Instant::now();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for candidate in address.to_socket_addrs()? {
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&candidate, left) {
            Ok(socket) => {
                // A command is one write, so waiting to fill a packet only adds to its latency.
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
