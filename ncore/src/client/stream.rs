//! The socket, whichever kind it is.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::Endpoint;

/// A connected socket that never waits: whoever wants to does it by [`sys::wait`](super::sys::wait). Reading and writing need no exclusive access: the one reader and the one writer are chosen
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
        match &stream {
            #[cfg(unix)]
            Self::Unix(socket) => socket.set_nonblocking(true)?,
            Self::Tcp(socket) => socket.set_nonblocking(true)?,
        }
        Ok(stream)
    }

    /// Reads what is there. Where nothing is, the error is `WouldBlock`, as for a write without room.
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
