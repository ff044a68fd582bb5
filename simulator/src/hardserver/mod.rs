//! The hardserver: it listens, keeps clients and their connections, and gives commands to the modules.
//!
//! One thread with an asynchronous runtime accepts connections and handles signals; the connections themselves belong to
//! plain threads that all wait in one place (`poller` and `worker` say why).

mod attendance;
mod clients;
mod connection;
mod dispatch;
mod engines;
mod enquiry;
mod framing;
mod injection;
mod listeners;
mod merged;
mod merging;
mod modules;
mod pace;
mod poller;
mod pool;
mod remote;
mod replies;
mod routing;
mod runs;
mod state_lock;
mod statistics;
mod stream;
mod unit;
mod worker;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ncore::Status;
use ncore::profile::WireProfile;

use self::attendance::Attendance;
use self::clients::Clients;
use self::connection::{Connection, Connections};
use self::listeners::Listeners;
pub(crate) use self::listeners::{open_tcp, open_unix};
pub(crate) use self::modules::Slot as ModuleSlot;
use self::modules::{MAX_MODULES, Modules};
use self::poller::Poller;
use self::remote::{Exporter, Guests, Imported, Kneti, Links, Parcel, link_profile};
pub use self::remote::{KnetiError, KnetiHash, NotAHash};
use self::state_lock::StateLock;
use self::stream::Stream;
use self::unit::Own;
pub(crate) use self::unit::Unit;
use self::worker::Worker;
use crate::control::{self, Control};
use crate::environment::Record;
use crate::faults::Faults;
use crate::job::Now;
use crate::module::mode::Mode;
use crate::module::{Module, PowerOnError, Setup, SlotKind};
use crate::options::{Import, Options, OptionsError};
use crate::seed::Seed;
use crate::store::{Failing, RedbStore};

/// Most connections at a time. Beyond it new ones are closed at once.
const MAX_CONNECTIONS: usize = 4096;

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
            attendance: Attendance::new(0),
            workers: Mutex::default(),
            options: options.clone(),
            held: pace::Waiting::default(),
            counts: Counts::default(),
            faults: Faults::default(),
            pool: pool::Pool::default(),
            clock: AtomicI64::new(0),
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

/// What all threads of a hardserver share.
#[derive(Debug)]
pub(crate) struct Hardserver {
    profile: WireProfile,
    /// That of the links to importers.
    link_profile: WireProfile,
    /// The key by which other hardservers know this one.
    kneti: Option<Kneti>,
    /// Where they import its modules.
    impath: OnceLock<SocketAddr>,
    engine: Arc<dyn engine::Engine>,
    seed: Seed,
    modules: Arc<Modules>,
    attendance: Attendance,
    /// Every thread but those of the listeners and of the control channel.
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// What it was started with: modules that come later are like the others.
    options: Options,
    /// Replies that keep a unit's pace.
    held: pace::Waiting,
    clients: Arc<Clients>,
    connections: Connections,
    poller: Poller,
    counts: Counts,
    /// What goes wrong on purpose.
    faults: Faults,
    /// Modules that are used as one.
    pool: pool::Pool,
    /// By how much the clock is ahead of the machine's, in seconds.
    clock: AtomicI64,
    /// Commands begun and not answered.
    in_flight: AtomicUsize,
    draining: AtomicBool,
    started: Instant,
}

/// Counts since the start.
#[derive(Debug, Default)]
struct Counts {
    commands: AtomicU64,
    command_bytes: AtomicU64,
    replies: AtomicU64,
    reply_bytes: AtomicU64,
    /// Messages that could not be read.
    marshal_errors: AtomicU64,
    /// Replies that could not be written.
    reply_errors: AtomicU64,
    /// Modules that were made to fail.
    device_fails: AtomicU64,
    /// Modules that were brought back.
    device_restarts: AtomicU64,
}

impl Hardserver {
    /// Every module, in the order of their numbers, unplugged ones included.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &ModuleSlot> {
        self.modules.iter()
    }

    /// As [`Server::add_module`].
    pub(crate) fn add_module(self: &Arc<Self>) -> Result<u32, StartError> {
        let number = self.power_up()?;
        self.hire(self.options.engines.max(1))?;
        tracing::info!(module = number, "plugged in");
        Ok(number)
    }

    /// As [`Server::unplug`].
    pub(crate) fn unplug(&self, number: u32) -> Result<(), Status> {
        let slot = self.module(number).ok_or(Status::InvalidModule)?;
        let own = slot.unit.own().ok_or(Status::NotAvailable)?;
        own.module.unplug()?;
        self.end_what_was_in_work(slot);
        tracing::info!(module = number, "unplugged");
        Ok(())
    }

    /// As [`Server::plug_in`].
    pub(crate) fn plug_in(&self, number: u32) -> Result<(), Status> {
        let slot = self.module(number).ok_or(Status::InvalidModule)?;
        let own = slot.unit.own().ok_or(Status::NotAvailable)?;
        if own.module.mode().0 != Mode::Absent {
            return Err(Status::InvalidState);
        }
        own.module.power_cycle().map_err(|error| {
            tracing::error!(module = number, %error, "not plugged in");
            Status::Failed
        })?;
        tracing::info!(module = number, "plugged in again");
        Ok(())
    }

    /// Switches one more module on, and puts it into the table; its number.
    fn power_up(&self) -> Result<u32, StartError> {
        let mut numbers = self.modules.numbers();
        let number = numbers.next().ok_or(StartError::TooManyModules)?;
        let on = power_on(number, &self.options, &self.seed, self.now())?;
        let slot = self.clients.add_module(&mut numbers, Unit::Own(on));
        slot.map(|slot| slot.number)
            .ok_or(StartError::TooManyModules)
    }

    /// Puts a module of another hardserver into the table. It, and the line of its jobs that wait for something.
    fn import(
        &self,
        import: &Import,
    ) -> Result<(Arc<Imported>, mpsc::Receiver<Parcel>), StartError> {
        let mut numbers = self.modules.numbers();
        let number = numbers.next().ok_or(StartError::TooManyModules)?;
        let (makers, line) = mpsc::channel();
        let imported = Imported::new(number, import.clone(), self.profile.clone(), makers);
        let imported = Arc::new(imported);
        let unit = Unit::Imported(Arc::clone(&imported));
        let slot = self.clients.add_module(&mut numbers, unit);
        slot.ok_or(StartError::TooManyModules)?;
        Ok((imported, line))
    }

    /// Starts so many more workers.
    fn hire(self: &Arc<Self>, count: usize) -> Result<(), StartError> {
        for _ in 0..count {
            let name = format!("worker-{}", self.workers().len());
            self.spawn(name, Worker::run)?;
            self.attendance.grow(1);
        }
        Ok(())
    }

    /// Starts a thread, unless the server stops.
    fn spawn(
        self: &Arc<Self>,
        name: String,
        run: impl FnOnce(Worker) + Send + 'static,
    ) -> Result<(), StartError> {
        let mut workers = self.workers();
        if self.draining.load(Ordering::SeqCst) {
            return Ok(());
        }
        let worker = Worker::new(Arc::clone(self));
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || run(worker));
        workers.push(thread.map_err(StartError::System)?);
        Ok(())
    }

    fn workers(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The module of this number, if there is one.
    pub(crate) fn module(&self, number: u32) -> Option<&ModuleSlot> {
        let index = self.modules.index_of(number).ok()?;
        self.modules.get(index)
    }

    /// Answers what was in work at a module before its last reset.
    pub(crate) fn end_what_was_in_work(&self, slot: &ModuleSlot) {
        if let Ok(index) = self.modules.index_of(slot.number) {
            self.held.hurry(index, slot.epoch());
        }
    }

    /// What goes wrong on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Lets the clock jump by so many seconds.
    pub(crate) fn move_clock(&self, seconds: i64) {
        let moved = |ahead: i64| Some(ahead.saturating_add(seconds));
        // It never fails: there is always a new value.
        let _ = self
            .clock
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
    }

    /// By how many seconds the clock is ahead of the machine's.
    pub(crate) fn clock(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// The arithmetic of the modules.
    pub(crate) fn engine(&self) -> &dyn engine::Engine {
        &*self.engine
    }

    /// The number of open connections.
    pub(crate) fn connection_count(&self) -> usize {
        self.connections.count()
    }

    /// Commands begun and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The time, as a value.
    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let ahead = self.clock.load(Ordering::Relaxed);
        let jump = Duration::from_secs(ahead.unsigned_abs());
        let unix = match ahead < 0 {
            true => unix.saturating_sub(jump),
            false => unix.saturating_add(jump),
        };
        Now {
            uptime: self.started.elapsed(),
            unix,
        }
    }

    /// Takes a new connection under its care.
    fn accept(&self, stream: Stream, privileged: bool, guests: Option<Guests>) {
        if self.connections.count() >= MAX_CONNECTIONS {
            tracing::warn!(
                max = MAX_CONNECTIONS,
                "too many connections, a new one is closed"
            );
            return;
        }
        if let Err(error) = stream.prepare() {
            tracing::warn!(%error, "a new connection cannot be used");
            return;
        }
        let number = self.connections.number();
        let opened = self.started.elapsed();
        let frame_len = match &guests {
            None => self.profile.frame_len,
            Some(_) => self.link_profile.frame_len,
        };
        let connection = Connection::new(number, stream, privileged, opened, frame_len, guests);
        let connection = Arc::new(connection);
        self.connections.insert(Arc::clone(&connection));
        if let Err(error) = self.poller.add(connection.stream(), number) {
            tracing::warn!(%error, "a new connection cannot be watched");
            self.close(&connection);
        }
        tracing::debug!(connection = number, privileged, "connected");
    }

    /// Ends a connection: what its client left unanswered in line is not computed any more.
    fn close(&self, connection: &Arc<Connection>) {
        if connection.close(&self.poller) {
            self.connections.remove(connection.number);
            self.withdraw(connection);
            tracing::debug!(connection = connection.number, "disconnected");
        }
    }

    /// Ends a connection of which nothing more will come.
    fn settle(&self, connection: &Arc<Connection>) {
        if connection.finished() {
            self.close(connection);
        }
    }

    /// Drops the tasks in line of a connection that nobody listens to.
    fn withdraw(&self, connection: &Connection) {
        for slot in self.modules.iter() {
            drop(
                slot.engines
                    .withdraw(|task| task.owed.answer.connection.number == connection.number),
            );
            if let Some(imported) = slot.unit.imported() {
                drop(
                    imported.line().withdraw(|parcel| {
                        parcel.owed.answer.connection.number == connection.number
                    }),
                );
            }
        }
    }

    /// Lets somebody look at a socket again, after the others.
    fn requeue(&self, connection: &Arc<Connection>) {
        if !connection.rearm(&self.poller) {
            self.close(connection);
        }
    }

    /// Begins what has arrived, reads nothing more, and waits until everything is answered. Whether that was achieved.
    fn drain(self: &Arc<Self>, patience: Duration) -> bool {
        let mut reader = Worker::new(Arc::clone(self));
        for connection in self.connections.all() {
            connection.announce(false);
            // Without `keep` every task goes to the line.
            let kept = reader.read_commands(&connection, false);
            debug_assert!(kept.is_none());
            connection.end_input();
            self.settle(&connection);
        }
        let deadline = Instant::now() + patience;
        while self.in_flight.load(Ordering::SeqCst) > 0 || self.connections.count() > 0 {
            if Instant::now() >= deadline {
                for connection in self.connections.all() {
                    self.close(&connection);
                }
                return self.in_flight.load(Ordering::SeqCst) == 0;
            }
            std::thread::sleep(Duration::from_millis(1));
            for connection in self.connections.all() {
                reader.read_commands(&connection, false);
                self.settle(&connection);
            }
        }
        true
    }
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

/// Switches a module on, with a card reader as slot 0.
fn power_on(number: u32, options: &Options, seed: &Seed, now: Now) -> Result<Own, StartError> {
    let fail = |cause| StartError::Module { number, cause };
    let path = options.state.join(format!("module{number}.redb"));
    let store = RedbStore::open(&path).map_err(|cause| fail(cause.into()))?;
    let (store, failing_writes) = Failing::new(store);
    let module = Module::power_on(Setup {
        number,
        seed: seed.clone(),
        engine: options.engine.engine(),
        store: Box::new(store),
        slots: std::iter::once(SlotKind::SmartCard)
            .chain(options.more_slots.iter().copied())
            .collect(),
        now,
    })
    .map_err(fail)?;
    Ok(Own {
        module,
        failing_writes,
        state: path,
    })
}
