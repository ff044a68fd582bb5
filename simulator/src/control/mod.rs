//! The control channel: what hands and eyes do at a unit, over HTTP and JSON, apart from the data channel.
//!
//! It is served on a Unix socket, and on a port of 127.0.0.1 if one is asked for. Each start makes a token, without which
//! nothing is answered; address and token are in a file of the state folder that its owner alone can read.

mod access;
pub mod api;
pub mod client;
mod describe;
mod failure;
mod panel;
mod routes;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::access::Token;
use self::panel::Panel;
use crate::hardserver::{Hardserver, StartError, open_tcp, open_unix};
use crate::options::Options;

/// Where a running daemon takes control, and the secret it asks for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The Unix socket.
    pub socket: PathBuf,
    /// The port on 127.0.0.1, if it is open.
    pub port: Option<u16>,
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Access({})", self.socket.display())
    }
}

impl Access {
    /// What the daemon on this state folder wrote down. After a crash it may be out of date.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn read(state: &Path) -> std::io::Result<Access> {
        let text = std::fs::read(record_path(state))?;
        serde_json::from_slice(&text).map_err(std::io::Error::other)
    }
}

fn record_path(state: &Path) -> PathBuf {
    state.join("control.json")
}

/// The open control channel. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Control {
    /// Where it is, and its token.
    access: Access,
    record: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Opens the channel and begins to serve it.
    pub(crate) fn open(options: &Options, server: Arc<Hardserver>) -> Result<Control, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::System)?;
        let guard = runtime.enter();
        let (unix, file) = open_unix(&options.control_socket, true)?;
        let tcp = options.control_port.map(open_tcp).transpose()?;
        drop(guard);

        let token = new_token().map_err(StartError::System)?;
        let access = Access {
            socket: options.control_socket.clone(),
            port: tcp.as_ref().map(|(_, port)| *port),
            token,
        };
        let record = record_path(&options.state);
        write_private(&record, &access).map_err(StartError::System)?;

        let files = options.kmdata.join("cards");
        let panel = Arc::new(Panel::new(server, options.cards.clone(), files));
        let router = routes::router(panel, Token(access.token.as_str().into()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime.block_on(async {
                let on_unix = axum::serve(unix, router.clone());
                let mut serving = tokio::task::JoinSet::new();
                serving.spawn(async move { on_unix.await });
                if let Some((tcp, _)) = tcp {
                    let on_tcp = axum::serve(tcp, router);
                    serving.spawn(async move { on_tcp.await });
                }
                // It ends when the other end is used or dropped.
                let _ = stopped.await;
            });
            // What still runs does not hold up the end.
            runtime.shutdown_background();
            drop(file);
        };
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(serve)
            .map_err(StartError::System)?;
        Ok(Control {
            access,
            record,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it is, and its token.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Left behind it does no harm: the next start makes another token.
        let _ = std::fs::remove_file(&self.record);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control channel panicked");
        }
    }
}

/// The token decides who may control the emulator, and nothing that a seed repeats: it comes from the operating system.
fn new_token() -> std::io::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Replaces the file; temporary files are readable to their owner only.
fn write_private(path: &Path, access: &Access) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(access)?)?;
    file.persist(path)?;
    Ok(())
}
