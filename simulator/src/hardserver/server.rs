//! A hardserver as a whole: how it starts, what those who started it may do with it, and how it ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ncore::Status;
use ncore::profile::WireProfile;
use ncore::types::ConfigurePoolModuleArgs;

use super::attendance::Attendance;
use super::clients::Clients;
use super::clock::Clock;
use super::connection::Connections;
use super::listeners::Listeners;
use super::modules::{MAX_MODULES, Modules};
use super::poller::Poller;
use super::remote::{Exporter, Kneti, KnetiError, KnetiHash, Links, link_profile};
use super::state_lock::StateLock;
use super::worker::Worker;
use super::{Counts, Hardserver, pace, pool, runs};
use crate::control::{self, Control};
use crate::environment::Record;
use crate::faults::Faults;
use crate::module::PowerOnError;
use crate::options::{Options, OptionsError};
use crate::seed::Seed;

/// Threads beside the workers: those that read and answer while every worker computes.
const SUBSTITUTES: usize = 2;

/// How long a shutdown waits for commands in work and for clients to read their replies.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// A running hardserver with its modules, inside this process. Dropping it shuts it down.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Hardserver>,
    endpoints: Endpoints,
    control: Option<Control>,
    listeners: Option<Listeners>,
    exporter: Option<Exporter>,
    links: Option<Links>,
    _lock: StateLock,
}

/// Where a running hardserver listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The ordinary Unix socket.
    pub socket: PathBuf,
    /// The privileged Unix socket.
    pub privileged_socket: PathBuf,
    /// The ordinary TCP port on 127.0.0.1, if it is open.
    pub port: Option<u16>,
    /// The privileged TCP port on 127.0.0.1, if it is open.
    pub privileged_port: Option<u16>,
    /// The control channel.
    pub control: control::Access,
    /// Where other hardservers import the modules, if any may.
    pub impath: Option<SocketAddr>,
    /// The hash of the key by which other hardservers know this one, if it has to do with any.
    pub kneti: Option<KnetiHash>,
    /// The serial numbers of the modules, in the order of their numbers.
    pub serial_numbers: Vec<String>,
}

/// Why a hardserver did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder is not as it must be.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// Another hardserver uses the same state.
    #[error(
        "another softshield uses the state in {0}: stop it, or choose another folder with --state"
    )]
    StateInUse(PathBuf),
    /// The state folder cannot be locked.
    #[error("cannot lock the state in {path}: {cause}")]
    StateLock {
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The count of runs in the state folder cannot be kept.
    #[error("cannot count the run in {path}: {cause}")]
    Runs {
        /// The file of the count.
        path: PathBuf,
        /// What the operating system said, or what is wrong with the file.
        cause: std::io::Error,
    },
    /// By how much the clock is ahead of the machine's.
    #[error("cannot read the clock in {path}: {cause}")]
    Clock {
        /// The file that says so.
        path: PathBuf,
        /// What the operating system said, or what is wrong with the file.
        cause: std::io::Error,
    },
    /// A module could not start from its saved state.
    #[error("module {number}: {cause}")]
    Module {
        /// The module's number.
        number: u32,
        /// What the module said.
        cause: PowerOnError,
    },
    /// Somebody answers on a socket that this hardserver was to use.
    #[error("somebody already answers on {0}: stop them, or choose another socket")]
    SocketInUse(PathBuf),
    /// The key by which other hardservers know this one.
    #[error(transparent)]
    Kneti(#[from] KnetiError),
    /// A socket's path holds something else.
    #[error("{0} is in the way of a socket, and is not one")]
    NotASocket(PathBuf),
    /// A socket's path does not fit an address.
    #[error(
        "the path of a socket may have at most {max} bytes, and {path} has more: choose another with --socket and --priv-socket"
    )]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// The most bytes that fit.
        max: usize,
    },
    /// A socket cannot be opened.
    #[error("cannot listen on {place}: {cause}")]
    Listen {
        /// The path or address.
        place: String,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The table of modules is full.
    #[error("there are {MAX_MODULES} modules, which is as many as there can be")]
    TooManyModules,
    /// The operating system gave no random bytes, threads or descriptors.
    #[error("cannot start: {0}")]
    System(std::io::Error),
}

impl Server {
    /// Starts the modules and listens. When this returns, clients can connect.
    ///
    /// # Errors
    /// Whatever [`StartError`] names. Nothing is left running or listening then.
    pub fn start(options: &Options) -> Result<Server, StartError> {
        options.prepare_folders()?;
        let lock = StateLock::take(&options.state)?;
        let ordinal = runs::begin(&options.state)?;
        let clock = Clock::load(&options.state)?;
        let seed = seed(options).map_err(StartError::System)?;
        let engines = options.engines.max(1);
        let modules = Modules::new(engines, options.timings.clone(), options.seed.is_some());
        let modules = Arc::new(modules);
        let alone = options.imports.is_empty() && options.hs_clients.is_empty();
        let kneti = match alone {
            true => None,
            false => Some(Kneti::load(&options.state)?),
        };
        let profile = WireProfile {
            frame_len: options.frame_len,
            ..WireProfile::default()
        };

        let shared = Arc::new(Hardserver {
            link_profile: link_profile(&profile),
            profile,
            kneti: kneti.clone(),
            impath: OnceLock::new(),
            engine: options.engine.engine(),
            clients: Arc::new(Clients::new(seed.clone(), Arc::clone(&modules), ordinal)),
            seed,
            modules,
            connections: Connections::default(),
            poller: Poller::new().map_err(StartError::System)?,
            requeued: Mutex::default(),
            attendance: Attendance::new(0),
            workers: Mutex::default(),
            options: options.clone(),
            held: pace::Waiting::default(),
            counts: Counts::default(),
            faults: Faults::default(),
            pool: pool::Pool::default(),
            clock,
            in_flight: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            started: Instant::now(),
        });
        for _ in 0..options.modules.max(1) {
            shared.power_up()?;
        }
        let mut lines = Vec::new();
        for import in &options.imports {
            lines.push(shared.import(import)?);
        }
        if options.pool {
            let every = ConfigurePoolModuleArgs::default();
            let made = shared.configure_pool(&every);
            made.map_err(|_| StartError::TooManyModules)?;
        }
        let serial_numbers = shared.modules.iter().map(|slot| slot.unit.esn());
        let serial_numbers = serial_numbers.collect();
        let control = Control::open(options, Arc::clone(&shared))?;
        // From here on the value stops its threads when it is dropped, also on the way out of an error.
        let mut server = Server {
            endpoints: Endpoints {
                socket: options.socket.clone(),
                privileged_socket: options.privileged_socket.clone(),
                port: None,
                privileged_port: None,
                control: control.access().clone(),
                impath: None,
                kneti: kneti.as_ref().map(|kneti| kneti.hash),
                serial_numbers,
            },
            control: Some(control),
            shared,
            listeners: None,
            exporter: None,
            links: None,
            _lock: lock,
        };
        let workers = options.modules.max(1) as usize * engines;
        server.shared.hire(workers)?;
        for number in 0..SUBSTITUTES {
            let name = format!("substitute-{number}");
            let run = move |worker: Worker| worker.substitute(number);
            server.shared.spawn(name, run)?;
        }
        server.shared.spawn("pace".to_owned(), Worker::release)?;
        if let Some(kneti) = &kneti {
            server.exporter = Exporter::open(&server.shared, kneti)?;
            if let Some(exporter) = &server.exporter {
                server.endpoints.impath = Some(exporter.address);
                server.shared.impath.get_or_init(|| exporter.address);
            }
            if !lines.is_empty() {
                server.links = Some(Links::open(&server.shared, kneti, lines)?);
            }
        }
        let listeners = Listeners::open(options, Arc::clone(&server.shared))?;
        server.endpoints.port = listeners.port;
        server.endpoints.privileged_port = listeners.privileged_port;
        server.listeners = Some(listeners);
        tracing::info!(
            modules = options.modules.max(1), workers, socket = %server.endpoints.socket.display(), "listening"
        );
        Ok(server)
    }

    /// Plugs in one more module; its number, the next one. It is new from the factory, unless the state folder has the
    /// state of a module of this number from an earlier run. It takes part at once: clients that are connected can use it,
    /// and a pool of every module takes it in once it is in the pool's world.
    ///
    /// # Errors
    /// [`StartError::Module`], [`StartError::System`], [`StartError::TooManyModules`]. Then there is no such module, except
    /// that with [`StartError::System`] it has fewer threads than it should.
    pub fn add_module(&self) -> Result<u32, StartError> {
        self.shared.add_module()
    }

    /// Unplugs a module. What is in work there ends in HardwareFailed, its objects are lost, and its number stays its own:
    /// every command for it is HardwareFailed until it is plugged in again.
    ///
    /// # Errors
    /// InvalidModule if there is no module of this number, NotAvailable if it is another hardserver's, HardwareFailed if it
    /// is unplugged.
    pub fn unplug(&self, number: u32) -> Result<(), Status> {
        self.shared.unplug(number)
    }

    /// Plugs an unplugged module in again. It has what it had kept: its world, its non-volatile memory, its cards.
    ///
    /// # Errors
    /// InvalidModule if there is no module of this number, NotAvailable if it is another hardserver's, InvalidState if it is
    /// not unplugged, Failed if its state cannot be read.
    pub fn plug_in(&self, number: u32) -> Result<(), Status> {
        self.shared.plug_in(number)
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Accepts and reads nothing more, answers the commands that have arrived, ends the connections and removes the
    /// sockets. Commands that take longer than some seconds are given up.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if self.shared.draining.swap(true, Ordering::SeqCst) {
            return;
        }
        drop(self.control.take());
        drop(self.listeners.take());
        let drained = self.shared.drain(SHUTDOWN_PATIENCE);
        // Until here the answers of other hardservers were awaited, and theirs sent.
        drop(self.exporter.take());
        drop(self.links.take());
        // Nobody is hired any more: `spawn` asks under the same lock whether the server stops.
        let workers = std::mem::take(&mut *self.shared.workers());
        self.shared.poller.wake_all();
        self.shared.attendance.stop();
        self.shared.held.stop();
        for worker in workers {
            // A worker that computes on is left to itself; it ends with its task.
            if drained && worker.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
        tracing::info!(drained, "stopped");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a hardserver until the process is told to end (SIGTERM, SIGINT). `ready` is called once clients can connect.
///
/// # Errors
/// As [`Server::start`].
pub fn serve(options: &Options, ready: impl FnOnce(&Endpoints)) -> Result<(), StartError> {
    // Signals are caught before anything can be lost by one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(StartError::System)?;
    let (mut terminate, mut interrupt) = {
        use tokio::signal::unix::{SignalKind, signal};
        let _guard = runtime.enter();
        let of = |kind| signal(kind).map_err(StartError::System);
        (of(SignalKind::terminate())?, of(SignalKind::interrupt())?)
    };
    let server = Server::start(options)?;
    let Endpoints {
        port,
        privileged_port,
        ..
    } = *server.endpoints();
    let actual = Options {
        port,
        privileged_port,
        ..options.clone()
    };
    let record = Record::write(&actual).map_err(StartError::System)?;
    ready(server.endpoints());
    let signal = runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    });
    tracing::info!(signal, "shutting down");
    drop(record);
    server.shutdown();
    Ok(())
}

/// Whether a hardserver uses this state folder now, in this process or another.
pub fn is_running(state: &Path) -> bool {
    StateLock::is_taken(state)
}

fn seed(options: &Options) -> std::io::Result<Seed> {
    match &options.seed {
        Some(bytes) => Ok(Seed::from_bytes(bytes)),
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            Ok(Seed::from_bytes(&bytes))
        }
    }
}
