//! One emulated module.
//!
//! A command takes three steps. [`ncore`] has decoded it; [`Module::begin`] checks whether it may run (the table of
//! [`support`], the mode, certificates, access control lists) and charges use limits; what takes long then runs outside
//! every lock of the module, and its result goes into the object table unless the module was reset meanwhile.
//!
//! The module never asks the operating system for time, randomness or files: they are in the [`Job`], behind
//! [`Store`] and behind [`Card`](crate::cards::Card).

mod acceleration;
mod acl;
mod area;
mod authorisation;
mod blob;
mod blobs;
mod call;
mod card;
mod certs;
mod challenge;
mod channel;
mod clock;
mod counters;
mod dispatch;
mod files;
mod generate;
mod info;
mod jumper;
mod key;
mod klf2;
mod kml;
pub mod mode;
mod modes;
mod module_keys;
mod module_state;
mod nvmem;
mod nvram;
mod objects;
mod operations;
mod panel;
mod readers;
mod reset;
mod sealed;
mod sharing;
mod slot;
mod slots;
mod snapshot;
mod statistics;
mod strict;
pub mod support;
pub mod tickets;
mod token;
mod tokens;
mod transfer;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::Engine;
use ncore::Status;
use ncore::message::Reply;
use ncore::types::{Cmd, KeyType, ReplyBody};
use rand_core::Rng;

use self::acl::Uses;
use self::call::{Call, Done, Outcome, later};
use self::certs::Certificates;
use self::challenge::Challenges;
use self::clock::Clock;
use self::counters::UseCounters;
use self::jumper::Jumper;
use self::klf2::Klf2;
use self::mode::{Class, Event, Machine, Mode, Switch};
use self::nvram::Nvram;
use self::objects::Objects;
use self::readers::Readers;
use self::slot::Slot;
use self::statistics::Counters;
use self::support::Support;
use self::tickets::Tickets;
use self::world::{Saved, World};
use crate::job::{Begun, Job, Now};
use crate::seed::Seed;
use crate::store::Store;

pub use self::channel::UPDATE_FINAL;
pub use self::panel::{AreaView, KeyView, SlotView};
pub use self::slot::SlotKind;
pub use self::snapshot::{Snapshot, SnapshotError};
pub use self::statistics::Statistic;

pub use self::world::{PowerOnError, WorldIdentity};

/// SHA-1 of a key, a module key or a logical token (M_KeyHash, M_KMHash, M_TokenHash).
pub type KeyHash = [u8; 20];

/// The first 10 bytes of a hash (M_ShortHash).
type ShortHash = [u8; 10];

/// Bytes as hexadecimal digits, for the log.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What a module is made of.
pub struct Setup {
    /// Its number, from 1.
    pub number: u32,
    /// The seed of the run.
    pub seed: Seed,
    /// Its public-key arithmetic.
    pub engine: Arc<dyn Engine>,
    /// Where it keeps what must survive a power cut.
    pub store: Box<dyn Store>,
    /// Its slots, numbered from 0.
    pub slots: Vec<SlotKind>,
    /// Bytes of its non-volatile memory.
    pub nvram: usize,
    /// The time.
    pub now: Now,
}

/// One emulated module.
pub struct Module {
    number: u32,
    engine: Arc<dyn Engine>,
    store: Box<dyn Store>,
    slots: Vec<Slot>,
    powered_on: Duration,
    /// Counts everything that makes object identifiers invalid: resets, failures.
    epoch: AtomicU64,
    inner: Mutex<Inner>,
    global_uses: Mutex<Uses>,
    /// Held while saved state changes, so that one change follows another; the switch as it is saved.
    saving: Mutex<Switch>,
    /// The non-volatile memory as it is on the disk. Held for a moment only.
    nvram: Mutex<Arc<Nvram>>,
    /// Held while the non-volatile memory changes, so that one change follows another.
    writing_nvram: Mutex<()>,
    /// Uses that are reserved in the non-volatile memory.
    counters: UseCounters,
    /// Whether a key was made or loaded since the last reset whose uses are counted there: then a permission may have to
    /// wait for the disk.
    counted: AtomicBool,
    /// Counts the changes of the non-volatile memory.
    nvram_events: AtomicU32,
    clock: Clock,
    jumper: Jumper,
    readers: Readers,
    statistics: Counters,
}

/// What a lock protects. It is held for looking things up and putting things in, never for arithmetic, files or cards.
struct Inner {
    machine: Machine,
    world: Arc<World>,
    objects: Objects,
    tickets: Tickets,
    challenges: Challenges,
    epoch: u64,
}

/// What a module says of itself (Cmd_NewEnquiry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The electronic serial number, `XXXX-XXXX-XXXX`.
    pub esn: String,
    /// What it is doing.
    pub mode: Mode,
    /// The position of the mode switch.
    pub switch: Switch,
    /// hknso, if a security officer is set.
    pub officer: Option<KeyHash>,
    /// The modes that SetNSOPerms chose: bits of M_SetNSOPermsArgs' flags.
    pub officer_modes: u32,
    /// The modes that InitialiseUnitEx chose: bits of M_InitialiseUnitExArgs' flags.
    pub initial_modes: u32,
    /// The number of slots.
    pub slots: usize,
}

impl Module {
    /// Switches a module on. The first time it is new from the factory: it makes up its serial number and has no world.
    pub fn power_on(setup: Setup) -> Result<Arc<Module>, PowerOnError> {
        let saved = match Saved::load(&*setup.store)? {
            Some(saved) => saved,
            None => {
                let saved = Saved {
                    esn: new_esn(&setup),
                    switch: Switch::Operational,
                    officer: None,
                    module_keys: Vec::new(),
                    kml: None,
                    initial_modes: 0,
                };
                saved.save(&*setup.store, None)?;
                saved
            }
        };
        let world = saved.world(&*setup.engine)?;
        let mut factory = setup.seed.module_stream(setup.number, "KLF2");
        Klf2::provide(&*setup.store, &mut factory)?;
        let nvram = Nvram::load(&*setup.store, setup.nvram)?;
        let clock = Clock::load(&*setup.store)?;
        let jumper = Jumper::load(&*setup.store)?;
        let readers = Readers::load(&*setup.store)?;
        let inner = Inner {
            machine: Machine::power_on(saved.switch, world.officer.is_some()),
            world: Arc::new(world),
            objects: Objects::default(),
            tickets: Tickets::default(),
            challenges: Challenges::default(),
            epoch: 0,
        };
        let slots = (0..)
            .zip(setup.slots)
            .map(|(number, kind)| Slot::new(number, kind))
            .collect();
        let module = Arc::new(Module {
            number: setup.number,
            engine: setup.engine,
            store: setup.store,
            slots,
            powered_on: setup.now.uptime,
            epoch: AtomicU64::new(0),
            inner: Mutex::new(inner),
            global_uses: Mutex::default(),
            saving: Mutex::new(saved.switch),
            nvram: Mutex::new(Arc::new(nvram)),
            writing_nvram: Mutex::default(),
            counters: UseCounters::default(),
            counted: AtomicBool::new(false),
            nvram_events: AtomicU32::new(0),
            clock,
            jumper,
            readers,
            statistics: Counters::default(),
        });
        module.put_cards_back();
        Ok(module)
    }

    /// Admits a command and answers it, or hands back what is left to do.
    pub fn begin(self: &Arc<Self>, job: Job) -> Begun {
        let (tag, cmd) = (job.command.tag, job.command.cmd());
        self.statistics.commands.add(1);
        match self.admit(job) {
            Ok(Done::Body(body)) => Begun::Reply(self.reply(tag, cmd, Ok(body))),
            Err(status) => Begun::Reply(self.reply(tag, cmd, Err(status))),
            Ok(Done::Later(work)) => {
                let module = Arc::clone(self);
                Begun::Work(Box::new(move || module.reply(tag, cmd, work())))
            }
        }
    }

    /// Makes room for a client's objects, before its first command.
    pub fn welcome(&self, client: u64) {
        self.lock().objects.welcome(client);
    }

    /// Drops everything a client owns. Its commands that are still running leave nothing behind.
    pub fn dismiss(&self, client: u64) {
        let mut inner = self.lock();
        let dropped = inner.objects.dismiss(client);
        inner.tickets.dismiss(client);
        inner.challenges.dismiss(client);
        self.statistics
            .objects_destroyed
            .add(u32::try_from(dropped).unwrap_or(u32::MAX));
    }

    /// The module's number, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The electronic serial number, `XXXX-XXXX-XXXX`.
    pub fn esn(&self) -> String {
        self.lock().world.esn.clone()
    }

    /// What the module says of itself.
    pub fn description(&self) -> Description {
        let inner = self.lock();
        Description {
            esn: inner.world.esn.clone(),
            mode: inner.machine.mode,
            switch: inner.machine.switch,
            officer: inner.world.officer_hash(),
            officer_modes: inner.world.officer_modes(),
            initial_modes: inner.world.initial_modes,
            slots: self.slots.len(),
        }
    }

    /// Counts resets and failures: objects made under another count are gone.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether the module is in operation, in a world.
    pub fn in_world(&self) -> bool {
        self.lock().machine.mode == Mode::Operational
    }

    /// The world that the module serves; None unless it is in operation.
    pub fn world(&self) -> Option<WorldIdentity> {
        let inner = self.lock();
        match inner.machine.mode {
            Mode::Operational => inner.world.identity(),
            _ => None,
        }
    }

    /// Whether the module is in operation in this world.
    pub fn serves(&self, world: &WorldIdentity) -> bool {
        let inner = self.lock();
        inner.machine.mode == Mode::Operational && inner.world.is(world)
    }

    /// Whether the module is of this world, in operation or not.
    pub fn is_of(&self, world: &WorldIdentity) -> bool {
        self.lock().world.is(world)
    }

    /// Whether the list of a client's key limits its uses or its time.
    pub fn limits(&self, client: u64, id: u32) -> bool {
        let key = self.lock().objects.key(client, id);
        key.is_ok_and(|key| {
            key.acl()
                .groups
                .iter()
                .any(|group| !group.limits.is_empty())
        })
    }

    /// Drops an object of a client, if it is there.
    pub fn forget_object(&self, client: u64, id: u32) {
        if self.lock().objects.remove(client, id).is_ok() {
            self.statistics.objects_destroyed.add(1);
        }
    }

    /// Whether the module has failed, or is absent, which is the same to clients.
    pub fn failed(&self) -> bool {
        matches!(self.lock().machine.mode, Mode::Failed | Mode::Absent)
    }

    /// The type and hash of a client's key; None if the identifier names no key of it here.
    pub fn key_identity(&self, client: u64, id: u32) -> Option<(KeyType, KeyHash)> {
        let key = self.lock().objects.key(client, id).ok()?;
        Some((key.key_type(), key.hash))
    }

    /// The type of a client's key, and its length in bits; None if the identifier names no key of it here.
    pub fn key_length(&self, client: u64, id: u32) -> Option<(KeyType, u32)> {
        let key = self.lock().objects.key(client, id).ok()?;
        Some((key.key_type(), key.material.length_bits()))
    }

    /// Whether the identifier names an object of this client here.
    pub fn holds(&self, client: u64, id: u32) -> bool {
        self.lock().objects.object(client, id).is_ok()
    }

    /// What the module has counted, given the time since the daemon started.
    pub fn statistics(&self, uptime: Duration) -> Vec<Statistic> {
        let objects = u32::try_from(self.lock().objects.count()).unwrap_or(u32::MAX);
        self.statistics
            .values(objects, uptime.saturating_sub(self.powered_on))
    }

    fn admit(self: &Arc<Self>, job: Job) -> Outcome {
        let Job {
            command,
            number,
            client,
            now,
            streams,
        } = job;
        let needs = match support::support(command.cmd()) {
            Support::Module(needs) => needs,
            Support::Refused(status) => return Err(status),
            // The hardserver never sends these here.
            Support::Hardserver => return Err(Status::SoftwareFailed),
        };
        support::check_header(&command)?;
        if needs.privileged && !client.privileged {
            return Err(Status::PrivilegedCommand);
        }
        let (world, epoch) = {
            let inner = self.lock();
            inner.machine.admit(needs.class)?;
            (Arc::clone(&inner.world), inner.epoch)
        };
        if needs.objects > 0 && client.hash.is_none() {
            return Err(Status::ClientUnknown);
        }
        let mut ids = [0; 2];
        ids.iter_mut()
            .take(needs.objects.into())
            .for_each(|id| *id = client.key_ids.allocate());
        let module = Arc::clone(self);
        let mut call = Call {
            module,
            number,
            client,
            now,
            streams,
            ids,
            certificates: Certificates::default(),
            world,
            epoch,
        };
        match command.certs {
            // A permission may have to be written down.
            None if needs.class == Class::Work && self.counted.load(Ordering::Acquire) => {
                later(move || match dispatch::run(call, command.args)? {
                    Done::Body(body) => Ok(body),
                    Done::Later(work) => work(),
                })
            }
            None => dispatch::run(call, command.args),
            Some(list)
                if !certs::needs_arithmetic(&list) && !self.counted.load(Ordering::Acquire) =>
            {
                call.certificates = certs::examine(&call, &list)?;
                dispatch::run(call, command.args)
            }
            Some(list) => later(move || {
                call.certificates = certs::examine(&call, &list)?;
                match dispatch::run(call, command.args)? {
                    Done::Body(body) => Ok(body),
                    Done::Later(work) => work(),
                }
            }),
        }
    }

    fn reply(&self, tag: u32, cmd: Cmd, outcome: Result<ReplyBody, Status>) -> Reply {
        self.statistics.replies.add(1);
        match outcome {
            Ok(body) => Reply::ok(tag, cmd, body),
            Err(status) => {
                tracing::debug!(module = self.number, %cmd, %status, "refused");
                Reply::error(tag, status)
            }
        }
    }

    /// Whether an event is allowed now.
    fn would_happen(&self, event: Event) -> Result<(), Status> {
        let inner = self.lock();
        inner
            .machine
            .after(event, inner.world.officer.is_some())
            .map(drop)
    }

    /// Lets an event happen. Every object, ticket, challenge and counter goes with it, and what is running ends in
    /// UnitReset or HardwareFailed.
    fn happen(&self, event: Event) -> Result<(), Status> {
        self.forget(|inner| {
            inner.machine = inner.machine.after(event, inner.world.officer.is_some())?;
            Ok(())
        })
    }

    /// Changes what a power cut or an event changes, and drops everything that goes with it.
    fn forget<E>(&self, change: impl FnOnce(&mut Inner) -> Result<(), E>) -> Result<(), E> {
        {
            let mut inner = self.lock();
            change(&mut inner)?;
            inner.epoch += 1;
            self.epoch.store(inner.epoch, Ordering::Release);
            let dropped = inner.objects.clear();
            inner.tickets.clear();
            inner.challenges.clear();
            self.global_uses().clear();
            self.counters.forget();
            self.counted.store(false, Ordering::Release);
            self.statistics
                .objects_destroyed
                .add(u32::try_from(dropped).unwrap_or(u32::MAX));
            self.statistics.resets.add(1);
            tracing::info!(module = self.number, mode = ?inner.machine.mode, "mode");
        }
        // Soft tokens are in the module's memory; cards stay in their readers.
        for slot in self.slots.iter().filter(|slot| !slot.is_reader()) {
            let _ = slot.state().remove();
        }
        Ok(())
    }

    /// Changes what the module keeps: first on the disk, then in memory. Failed if it cannot be saved, and then nothing
    /// has changed.
    fn commit(
        &self,
        change: impl FnOnce(&mut World, &mut Switch) -> Result<(), Status>,
    ) -> Result<(), Status> {
        self.commit_beside(None, change)
    }

    /// As [`commit`](Self::commit), and erases the non-volatile memory in the same step.
    fn commit_erasing(
        &self,
        change: impl FnOnce(&mut World, &mut Switch) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let _writing = self.writing_nvram();
        let empty = Nvram::new(self.nvram_size());
        let record = empty.record().map_err(|_| Status::Failed)?;
        self.commit_beside(Some((nvram::NAME, &record)), change)?;
        self.set_nvram(empty);
        self.counters.forget();
        Ok(())
    }

    fn commit_beside(
        &self,
        beside: Option<(&str, &[u8])>,
        change: impl FnOnce(&mut World, &mut Switch) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let mut saved_switch = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut world, mut switch) = ((*self.lock().world).clone(), *saved_switch);
        change(&mut world, &mut switch)?;
        let saved = Saved::of(switch, &world).map_err(|_| Status::Failed)?;
        saved.save(&*self.store, beside).map_err(|error| {
            tracing::error!(module = self.number, %error, "state not saved");
            Status::Failed
        })?;
        *saved_switch = switch;
        self.lock().world = Arc::new(world);
        Ok(())
    }

    /// Changes the non-volatile memory: first on the disk, then in memory. Failed if it cannot be saved, and then nothing
    /// has changed.
    fn change_nvram<T>(
        &self,
        change: impl FnOnce(&mut Nvram) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let _writing = self.writing_nvram();
        let mut changed = (*self.nvram()).clone();
        let result = change(&mut changed)?;
        let record = changed.record().map_err(|_| Status::Failed)?;
        self.store
            .save(&[(nvram::NAME, &record)])
            .map_err(|error| {
                tracing::error!(module = self.number, %error, "NVRAM not saved");
                Status::Failed
            })?;
        self.set_nvram(changed);
        Ok(result)
    }

    fn slots(&self) -> &[Slot] {
        &self.slots
    }

    fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// How often the module changed its mode.
    fn state_events(&self) -> u32 {
        self.epoch() as u32
    }

    /// How often the non-volatile memory changed.
    fn nvram_events(&self) -> u32 {
        self.nvram_events.load(Ordering::Relaxed)
    }

    /// The non-volatile memory as it is on the disk.
    fn nvram(&self) -> Arc<Nvram> {
        let nvram = self.nvram.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&nvram)
    }

    /// Replaces the non-volatile memory by what is on the disk now.
    fn set_nvram(&self, nvram: Nvram) {
        *self.nvram.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(nvram);
        self.nvram_events.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the right to change the non-volatile memory: whoever has it waits for the disk, so no thread that has other
    /// things to do may take it.
    fn writing_nvram(&self) -> MutexGuard<'_, ()> {
        let writing = self.writing_nvram.lock();
        writing.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn global_uses(&self) -> MutexGuard<'_, Uses> {
        self.global_uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Why a command that was admitted under this count of resets cannot end well, if it cannot.
    fn reset_status(&self, epoch: u64) -> Result<(), Status> {
        match self.machine.mode {
            _ if self.epoch == epoch => Ok(()),
            Mode::Failed | Mode::Absent => Err(Status::HardwareFailed),
            _ => Err(Status::UnitReset),
        }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Module")
            .field("number", &self.number)
            .field("esn", &self.esn())
            .finish_non_exhaustive()
    }
}

/// Makes up a serial number: three groups of four hexadecimal digits.
fn new_esn(setup: &Setup) -> String {
    let mut digits = [0; 6];
    setup
        .seed
        .module_stream(setup.number, "ESN")
        .fill_bytes(&mut digits);
    let group = |place: usize| format!("{:02X}{:02X}", digits[place], digits[place + 1]);
    format!("{}-{}-{}", group(0), group(2), group(4))
}
