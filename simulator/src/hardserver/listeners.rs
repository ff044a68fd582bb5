//! The sockets that clients connect to, ordinary and privileged, Unix and TCP.
//!
//! Privilege is a property of the endpoint (PROTOCOL section 2.1): every connection that comes in by a privileged one
//! may use privileged commands. Who may connect to the privileged Unix socket is the business of its file permissions;
//! TCP is for Java clients and, being open to every user of the machine, off unless asked for.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::stream::Stream;
use super::{Hardserver, StartError};
use crate::options::Options;

/// Bytes of a Unix socket's path that fit an address, the zero byte at its end left out.
const MAX_SOCKET_PATH: usize = 107;

/// How long accepting pauses when the process has run out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open sockets and the thread that accepts. Dropping it closes them and removes their files.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The ordinary TCP port, if it is open.
    pub(super) port: Option<u16>,
    /// The privileged TCP port, if it is open.
    pub(super) privileged_port: Option<u16>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _files: Vec<SocketFile>,
}

enum Listener {
    Unix(tokio::net::UnixListener),
    Tcp(tokio::net::TcpListener),
}

impl Listeners {
    /// Opens everything the options ask for and begins to accept. The ordinary Unix socket comes last: whoever finds it
    /// finds the others.
    pub(super) fn open(
        options: &Options,
        server: Arc<Hardserver>,
    ) -> Result<Listeners, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::System)?;
        let guard = runtime.enter();
        let mut listeners = Vec::new();
        let mut ports = [None, None];
        for (place, (port, privileged)) in ports
            .iter_mut()
            .zip([(options.port, false), (options.privileged_port, true)])
        {
            if let Some(port) = port {
                let (listener, port) = open_tcp(port)?;
                listeners.push((Listener::Tcp(listener), privileged));
                *place = Some(port);
            }
        }
        let mut files = Vec::new();
        for (path, privileged) in [(&options.privileged_socket, true), (&options.socket, false)] {
            let (listener, file) = open_unix(path, privileged)?;
            listeners.push((Listener::Unix(listener), privileged));
            files.push(file);
        }
        drop(guard);

        let (stop, stopped) = oneshot::channel::<()>();
        let accept = move || {
            runtime.block_on(async {
                let mut accepting = tokio::task::JoinSet::new();
                for (listener, privileged) in listeners {
                    accepting.spawn(accept(listener, privileged, Arc::clone(&server)));
                }
                // It ends when the other end is used or dropped.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new()
            .name("accept".to_owned())
            .spawn(accept)
            .map_err(StartError::System)?;
        Ok(Listeners {
            port: ports[0],
            privileged_port: ports[1],
            stop: Some(stop),
            thread: Some(thread),
            _files: files,
        })
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the accepting thread panicked");
        }
    }
}

async fn accept(listener: Listener, privileged: bool, server: Arc<Hardserver>) {
    loop {
        let accepted = match &listener {
            Listener::Unix(listener) => listener
                .accept()
                .await
                .and_then(|(stream, _)| stream.into_std())
                .map(Stream::Unix),
            Listener::Tcp(listener) => listener
                .accept()
                .await
                .and_then(|(stream, _)| stream.into_std())
                .map(Stream::Tcp),
        };
        match accepted {
            Ok(stream) => server.accept(stream, privileged, None),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Opens a port of 127.0.0.1; 0 takes any free one. The port that it is.
pub(crate) fn open_tcp(port: u16) -> Result<(tokio::net::TcpListener, u16), StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let open = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok((tokio::net::TcpListener::from_std(listener)?, port))
    };
    open().map_err(|cause| StartError::Listen {
        place: address.to_string(),
        cause,
    })
}

/// Opens a Unix socket, for its owner only if it is privileged, in a folder that is there.
pub(crate) fn open_unix(
    path: &Path,
    privileged: bool,
) -> Result<(tokio::net::UnixListener, SocketFile), StartError> {
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        return Err(StartError::PathTooLong {
            path: path.to_owned(),
            max: MAX_SOCKET_PATH,
        });
    }
    let fail = |cause| StartError::Listen {
        place: path.display().to_string(),
        cause,
    };
    clear_the_way(path)?;
    let listener = UnixListener::bind(path).map_err(fail)?;
    let file = SocketFile::new(path).map_err(fail)?;
    let mode = if privileged { 0o600 } else { 0o666 };
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    Ok((
        tokio::net::UnixListener::from_std(listener).map_err(fail)?,
        file,
    ))
}

/// Removes a socket that a former daemon left behind. One on which somebody answers stays, and so does anything that is
/// no socket.
fn clear_the_way(path: &Path) -> Result<(), StartError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(StartError::NotASocket(path.to_owned())),
        Err(cause) => {
            return Err(StartError::Listen {
                place: path.display().to_string(),
                cause,
            });
        }
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|cause| StartError::Listen {
                place: path.display().to_string(),
                cause,
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(StartError::Listen {
                place: path.display().to_string(),
                cause,
            })
        }
        _ => Err(StartError::SocketInUse(path.to_owned())),
    }
}

/// A socket's file. It goes with the value, unless somebody has put another in its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> std::io::Result<SocketFile> {
        Ok(SocketFile {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
