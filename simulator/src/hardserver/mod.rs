//! The hardserver: it listens, keeps clients and their connections, and gives commands to the modules.
//!
//! One thread with an asynchronous runtime accepts connections and handles signals; the connections themselves belong to
//! plain threads that all wait in one place (`poller` and `worker` say why).

mod attendance;
mod clients;
mod clock;
mod connection;
mod dispatch;
mod engines;
mod enquiry;
mod flow;
mod framing;
mod injection;
mod listeners;
mod merged;
mod merging;
mod modules;
mod number;
mod pace;
mod poller;
mod pool;
mod remote;
mod replies;
mod routing;
mod runs;
mod sensors;
mod server;
mod state_lock;
mod statistics;
mod stream;
mod unit;
mod worker;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ncore::Status;
use ncore::profile::WireProfile;

use self::attendance::Attendance;
use self::clients::Clients;
use self::clock::Clock;
pub(crate) use self::clock::MOST_AHEAD;
use self::connection::{Connection, Connections};
pub(crate) use self::listeners::{open_tcp, open_unix};
use self::modules::Modules;
pub(crate) use self::modules::Slot as ModuleSlot;
use self::poller::Poller;
use self::remote::{Guests, Imported, Kneti, Parcel};
pub use self::remote::{KnetiError, KnetiHash, NotAHash};
use self::sensors::Sensors;
pub use self::server::{Endpoints, Server, StartError, is_running, serve};
use self::stream::Stream;
use self::unit::Own;
pub(crate) use self::unit::Unit;
use self::worker::Worker;
use crate::faults::Faults;
use crate::job::Now;
use crate::module::mode::Mode;
use crate::module::{Module, Setup, SlotKind};
use crate::options::{Import, Options};
use crate::profile::Timing;
use crate::seed::Seed;
use crate::store::{Failing, RedbStore};

/// Most connections at a time. Beyond it new ones are closed at once.
const MAX_CONNECTIONS: usize = 4096;

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
    /// Connections that somebody is to look at again, though nothing happens on their sockets.
    requeued: Mutex<VecDeque<Arc<Connection>>>,
    counts: Counts,
    /// What goes wrong on purpose.
    faults: Faults,
    /// Modules that are used as one.
    pool: pool::Pool,
    clock: Clock,
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
        self.end_what_was_in_work(number);
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
        let timing = self.modules.next_timing(&numbers);
        let on = power_on(number, timing, &self.options, &self.seed, self.now())?;
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
    pub(crate) fn end_what_was_in_work(&self, number: u32) {
        if let Ok(index) = self.modules.index_of(number)
            && let Some(slot) = self.modules.get(index)
        {
            self.held.hurry(index, slot.epoch());
        }
    }

    /// What goes wrong on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The clock that every module sees.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
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
        Now {
            uptime: self.started.elapsed(),
            unix: self.clock.unix(),
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
        if connection.flow.finished() {
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

    /// Lets somebody look at a connection again, after the others. What is there to be begun may have been read already, so
    /// that its socket would wake nobody.
    fn requeue(&self, connection: &Arc<Connection>) {
        self.requeued().push_back(Arc::clone(connection));
        self.poller.wake_one();
    }

    /// The first connection that is to be looked at again. Somebody else is woken for the next one.
    fn next_requeued(&self) -> Option<Arc<Connection>> {
        let mut requeued = self.requeued();
        let next = requeued.pop_front();
        if !requeued.is_empty() {
            self.poller.wake_one();
        }
        next
    }

    /// Wakes somebody if a task stands in line although an engine is free: two wake-ups may have woken one thread only.
    fn wake_for_tasks(&self) {
        if self.modules.iter().any(|slot| slot.engines.can_take()) {
            self.poller.wake_one();
        }
    }

    fn requeued(&self) -> MutexGuard<'_, VecDeque<Arc<Connection>>> {
        self.requeued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins what has arrived, reads nothing more, and waits until everything is answered. Whether that was achieved.
    fn drain(self: &Arc<Self>, patience: Duration) -> bool {
        let mut reader = Worker::new(Arc::clone(self));
        for connection in self.connections.all() {
            connection.announce(false);
            // Without `keep` every task goes to the line.
            let kept = reader.read_commands(&connection, false);
            debug_assert!(kept.is_none());
            connection.flow.end_input();
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

/// Switches a module on, with a card reader as slot 0.
fn power_on(
    number: u32,
    timing: Timing,
    options: &Options,
    seed: &Seed,
    now: Now,
) -> Result<Own, StartError> {
    let fail = |cause| StartError::Module { number, cause };
    let path = options.state.join(format!("module{number}.redb"));
    let power = Arc::default();
    let store = RedbStore::open_with_power(&path, Arc::clone(&power))
        .map_err(|cause| fail(cause.into()))?;
    let (store, failing_writes) = Failing::new(store);
    let module = Module::power_on(Setup {
        number,
        seed: seed.clone(),
        engine: options.engine.engine(),
        store: Box::new(store),
        slots: std::iter::once(SlotKind::SmartCard)
            .chain(options.more_slots.iter().copied())
            .collect(),
        nvram: options.nvram_size.unwrap_or(timing.profile.nvram),
        now,
    })
    .map_err(fail)?;
    Ok(Own {
        module,
        failing_writes,
        power,
        sensors: Sensors::default(),
    })
}
