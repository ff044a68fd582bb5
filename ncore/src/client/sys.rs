//! Waiting for a socket, which the standard library has no function for.
//!
//! A thread asleep in `read` on a Unix socket is woken twice for each reply: once when the hardserver takes the command
//! out of the socket, for nothing, and once for the reply. Asleep in `poll` it is woken once.

use std::io;
use std::time::Duration;

use super::stream::Stream;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// There is something to read, the end of the stream included.
    Readable,
    /// There is room to write.
    Writable,
}

/// Waits until the socket is ready, `limit` at most, rounded up to milliseconds. False if the time was over.
pub(super) fn wait(stream: &Stream, until: Until, limit: Option<Duration>) -> io::Result<bool> {
    let milliseconds = limit.map_or(-1, |limit| {
        i32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
    });
    let mut entry = platform::Entry::new(stream, until);
    // SAFETY: the pointer is to one entry, as the count says, and the socket in it is open while `stream` is borrowed.
    let ready = unsafe { platform::poll(&mut entry, 1, milliseconds) };
    match ready {
        0 => Ok(false),
        1.. => Ok(true),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(unix)]
mod platform {
    use std::ffi::{c_int, c_short};
    use std::os::fd::AsRawFd;

    use super::{Stream, Until};

    /// `struct pollfd`.
    #[repr(C)]
    pub(super) struct Entry {
        fd: c_int,
        events: c_short,
        revents: c_short,
    }

    const POLLIN: c_short = 0x1;
    const POLLOUT: c_short = 0x4;

    /// `nfds_t`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    type Count = std::ffi::c_ulong;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    type Count = std::ffi::c_uint;

    unsafe extern "C" {
        pub(super) fn poll(entries: *mut Entry, count: Count, milliseconds: c_int) -> c_int;
    }

    impl Entry {
        pub(super) fn new(stream: &Stream, until: Until) -> Entry {
            let fd = match stream {
                Stream::Unix(socket) => socket.as_raw_fd(),
                Stream::Tcp(socket) => socket.as_raw_fd(),
            };
            let events = match until {
                Until::Readable => POLLIN,
                Until::Writable => POLLOUT,
            };
            Entry {
                fd,
                events,
                revents: 0,
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::ffi::{c_int, c_short, c_ulong};
    use std::os::windows::io::{AsRawSocket, RawSocket};

    use super::{Stream, Until};

    /// `WSAPOLLFD`.
    #[repr(C)]
    pub(super) struct Entry {
        fd: RawSocket,
        events: c_short,
        revents: c_short,
    }

    const POLLRDNORM: c_short = 0x100;
    const POLLWRNORM: c_short = 0x10;

    #[link(name = "ws2_32")]
    unsafe extern "system" {
        #[link_name = "WSAPoll"]
        pub(super) fn poll(entries: *mut Entry, count: c_ulong, milliseconds: c_int) -> c_int;
    }

    impl Entry {
        pub(super) fn new(stream: &Stream, until: Until) -> Entry {
            let Stream::Tcp(socket) = stream;
            let events = match until {
                Until::Readable => POLLRDNORM,
                Until::Writable => POLLWRNORM,
            };
            Entry {
                fd: socket.as_raw_socket(),
                events,
                revents: 0,
            }
        }
    }
}
