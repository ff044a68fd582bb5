//! A module that is imported: what the importing hardserver knows of it, and the jobs that it has given to the exporter.
//!
//! Nothing here asks over the link and waits, except [`Imported::carry_out`]: the exporter tells how the module is whenever
//! that has changed, before the answer in which the change shows, and about each object what has to be known of it. While
//! there is no link the module is as an unplugged one.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use ncore::Status;
use ncore::message::{Command, Reply, command_flags};
use ncore::profile::WireProfile;
use ncore::types::{
    Cmd, EnqVerSixData, EnquiryRMData, KeyHashAndMech, KeyType, Mech, ModuleAttrib,
    ModuleAttribList, ModuleAttribTag, ModuleAttribTagESNValue, ModuleAttribTagValue,
    NetworkAddress, NetworkAddressFamily, NetworkAddressFamilyINET6Value,
    NetworkAddressFamilyINETValue, NetworkAddressFamilyValue, RemoteModule, StatusErrorInfo,
    WrapVecKeyHashAndMech,
};

use super::message::{AnswerHead, BadMessage, Condition, Facts, JobHead, Request};
use crate::hardserver::dispatch::Before;
use crate::hardserver::engines::Engines;
use crate::hardserver::replies::made_objects;
use crate::hardserver::worker::Owed;
use crate::job::Job;
use crate::module::mode::{Mode, Switch};
use crate::module::support::{Support, support};
use crate::module::{KeyHash, WorldIdentity};
use crate::options::Import;

/// The most jobs that the exporter has at a time; the others wait in line. It is below the number at which a connection
/// is read no further, so that an exporter which is busy for long still answers pings.
const WINDOW: usize = 128;

/// A job on its way to an exporter.
pub(in crate::hardserver) struct Outgoing {
    pub(in crate::hardserver) job: Job,
    /// Identifiers for the objects that it makes.
    pub(in crate::hardserver) ids: [u32; 2],
    /// What has to be done first, and waits for the exporter.
    pub(in crate::hardserver) before: Option<Before>,
}

impl Outgoing {
    /// A job with identifiers of its client for whatever it makes.
    pub(in crate::hardserver) fn new(job: Job, before: Option<Before>) -> Outgoing {
        let objects = match support(job.command.cmd()) {
            Support::Module(needs) => usize::from(needs.objects),
            Support::Hardserver | Support::Refused(_) => 0,
        };
        let mut ids = [0; 2];
        ids.iter_mut()
            .take(objects)
            .for_each(|id| *id = job.client.key_ids.allocate());
        Outgoing { job, ids, before }
    }
}

/// A job and whom to tell.
pub(in crate::hardserver) struct Parcel {
    pub(in crate::hardserver) outgoing: Box<Outgoing>,
    pub(in crate::hardserver) owed: Box<Owed>,
}

/// A module of another hardserver.
pub(crate) struct Imported {
    number: u32,
    import: Import,
    profile: WireProfile,
    /// Counts what makes object identifiers invalid: resets of the module, failures, losses of the link.
    epoch: AtomicU64,
    tags: AtomicU32,
    /// The jobs that may be sent now, and those that wait.
    line: Engines<Parcel>,
    /// To the threads that send what waits for something else first.
    makers: Mutex<Option<mpsc::Sender<Parcel>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// To the exporter; None while there is no link.
    link: Option<tokio::sync::mpsc::Sender<Vec<u8>>>,
    /// How the last link, or the attempt to make one, ended.
    lost: Option<Status>,
    /// How the module is; None while that is not known.
    condition: Option<Box<Condition>>,
    /// Its count of resets, as the exporter told it last.
    remote_epoch: u64,
    /// Jobs that were sent and not answered, by tag.
    waiting: HashMap<u32, Waiting>,
    /// Clients that the exporter knows.
    clients: HashSet<u64>,
    /// The objects of clients.
    objects: HashMap<(u64, u32), Facts>,
}

/// A job that was sent.
struct Waiting {
    cmd: Cmd,
    client: u64,
    ids: [u32; 2],
    who: Waiter,
}

/// Who waits for an answer.
pub(super) enum Waiter {
    Client(Box<Owed>),
    /// A thread of this hardserver's own.
    Thread(mpsc::SyncSender<Reply>),
}

impl Imported {
    /// A module that is imported under this number, and has no link yet.
    pub(in crate::hardserver) fn new(
        number: u32,
        import: Import,
        profile: WireProfile,
        makers: mpsc::Sender<Parcel>,
    ) -> Imported {
        Imported {
            number,
            import,
            profile,
            epoch: AtomicU64::new(0),
            tags: AtomicU32::new(0),
            line: Engines::new(WINDOW),
            makers: Mutex::new(Some(makers)),
            state: Mutex::default(),
        }
    }

    /// Its number here.
    pub(in crate::hardserver) fn number(&self) -> u32 {
        self.number
    }

    /// Where it is, and who its exporter has to be.
    pub(super) fn import(&self) -> &Import {
        &self.import
    }

    /// Where it is imported from.
    pub(crate) fn address(&self) -> SocketAddr {
        self.import.remote
    }

    /// The electronic serial number.
    pub(crate) fn esn(&self) -> &str {
        &self.import.esn
    }

    /// The jobs that may be sent now, and those that wait.
    pub(in crate::hardserver) fn line(&self) -> &Engines<Parcel> {
        &self.line
    }

    /// The count of resets and of losses of the link.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The mode, and the position of the mode switch, as far as is known.
    pub(crate) fn mode(&self) -> (Mode, Switch) {
        let state = self.state();
        match &state.condition {
            Some(condition) => (condition.mode, condition.switch),
            None => (Mode::Absent, Switch::Operational),
        }
    }

    /// The world that it serves.
    pub(in crate::hardserver) fn world(&self) -> Option<WorldIdentity> {
        self.state().condition.as_ref()?.world.clone()
    }

    /// Whether it is in operation in this world.
    pub(in crate::hardserver) fn serves(&self, world: &WorldIdentity) -> bool {
        let state = self.state();
        let condition = state.condition.as_ref();
        condition.is_some_and(|condition| condition.world.as_ref() == Some(world))
    }

    /// Whether it serves this world as soon as it is in operation; true while that is not known.
    pub(in crate::hardserver) fn may_serve(&self, world: &WorldIdentity) -> bool {
        let state = self.state();
        let condition = state.condition.as_ref();
        let other = condition.and_then(|condition| condition.world.as_ref());
        other.is_none_or(|other| other == world)
    }

    /// The modes that SetNSOPerms chose.
    pub(in crate::hardserver) fn officer_modes(&self) -> u32 {
        let state = self.state();
        let condition = state.condition.as_ref();
        condition.map_or(0, |it| it.enquiry.six.activensopermsmodes)
    }

    /// What the module said of itself last. None while there is no link.
    pub(in crate::hardserver) fn enquiry(&self) -> Option<EnqVerSixData> {
        let state = self.state();
        state.condition.as_ref().map(|it| it.enquiry.clone())
    }

    /// How it is connected.
    pub(in crate::hardserver) fn connection(&self) -> EnquiryRMData {
        let state = self.state();
        let st = match state.link {
            Some(_) => Status::OK,
            None => state.lost.unwrap_or(Status::ServerConnectionLost),
        };
        EnquiryRMData {
            flags: 0,
            stinfo: StatusErrorInfo {
                st,
                ..StatusErrorInfo::default()
            },
            rm: self.remote_module(),
        }
    }

    fn remote_module(&self) -> RemoteModule {
        let esn = ModuleAttribTagESNValue {
            esn: self.esn().to_owned(),
        };
        let attribs = vec![ModuleAttrib {
            tag: ModuleAttribTag::ESN,
            value: ModuleAttribTagValue::ESN(esn),
        }];
        let port = u32::from(self.address().port());
        let (af, addr) = match self.address() {
            SocketAddr::V4(at) => {
                let addr = at.ip().octets();
                let value = NetworkAddressFamilyINETValue { addr, port };
                (
                    NetworkAddressFamily::INET,
                    NetworkAddressFamilyValue::INET(value),
                )
            }
            SocketAddr::V6(at) => {
                let addr = at.ip().octets();
                let value = NetworkAddressFamilyINET6Value { addr, port };
                (
                    NetworkAddressFamily::INET6,
                    NetworkAddressFamilyValue::INET6(value),
                )
            }
        };
        let hks = vec![KeyHashAndMech {
            hash: self.import.keyhash.0,
            mech: Mech::Any,
        }];
        RemoteModule {
            ma: Some(Box::new(ModuleAttribList { attribs })),
            addr: Some(NetworkAddress { af, addr }),
            hks: Some(WrapVecKeyHashAndMech { v: hks }),
            ..RemoteModule::default()
        }
    }

    /// Whether the list of a client's key limits its uses or its time.
    pub(in crate::hardserver) fn limits(&self, client: u64, id: u32) -> bool {
        let state = self.state();
        let facts = state.objects.get(&(client, id));
        facts.is_some_and(|facts| facts.limited)
    }

    /// The type and hash of a client's key.
    pub(in crate::hardserver) fn key_identity(
        &self,
        client: u64,
        id: u32,
    ) -> Option<(KeyType, KeyHash)> {
        self.state().objects.get(&(client, id))?.identity
    }

    /// Tells the exporter that a client is gone.
    pub(in crate::hardserver) fn dismiss(&self, client: u64) {
        let mut state = self.state();
        state.objects.retain(|(owner, _), _| *owner != client);
        if state.clients.remove(&client) {
            self.tell(&mut state, &Request::Dismiss { client });
        }
    }

    /// Lets the exporter drop an object of a client.
    pub(in crate::hardserver) fn forget_object(&self, client: u64, id: u32) {
        let mut state = self.state();
        if state.objects.remove(&(client, id)).is_some() {
            self.tell(&mut state, &Request::Forget { client, id });
        }
    }

    /// Has the exporter carry out a job, and waits for it: HardwareFailed without a link, and if it is lost meanwhile.
    pub(in crate::hardserver) fn carry_out(&self, job: Job) -> Reply {
        let tag = job.command.tag;
        let (sender, receiver) = mpsc::sync_channel(1);
        let sent = self.send(Outgoing::new(job, None), Waiter::Thread(sender));
        // Whoever loses the link drops the other end.
        match sent.ok().and_then(|()| receiver.recv().ok()) {
            Some(reply) => Reply { tag, ..reply },
            None => Reply::error(tag, Status::HardwareFailed),
        }
    }

    /// Gives a parcel to the threads that do first what it waits for. It comes back if there are none any more.
    pub(in crate::hardserver) fn send_later(&self, parcel: Parcel) -> Result<(), Parcel> {
        let makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        match &*makers {
            Some(makers) => makers.send(parcel).map_err(|error| error.0),
            None => Err(parcel),
        }
    }

    /// Sends a job. Whoever waits comes back if there is no link.
    pub(super) fn send(&self, outgoing: Outgoing, who: Waiter) -> Result<(), Waiter> {
        let Outgoing { job, ids, .. } = outgoing;
        let tag = self.tags.fetch_add(1, Ordering::Relaxed);
        let cmd = job.command.cmd();
        let client = job.client.ordinal;
        let command = Command {
            tag,
            // Numbers go in the plain order, whatever the client's is.
            flags: job.command.flags
                & !(command_flags::BIGNUM_MS_BIT_FIRST | command_flags::BIGNUM_MS_WORD_FIRST),
            ..job.command
        };
        let mut message = Vec::new();
        let head = JobHead {
            tag,
            client,
            privileged: job.client.privileged && self.import.privileged,
            ids,
            streams: job.streams.to_bytes(),
        };
        let mut frames = Vec::new();
        let mut state = self.state();
        if !state.clients.contains(&client) {
            let hash = job.client.hash;
            // It has a fixed length: it can always be written.
            let _ = Request::Client { client, hash }.write(&mut frames);
        }
        let written = command
            .encode(&mut message, &self.profile)
            .and_then(|()| Request::Job(head, &message).write(&mut frames));
        if let Err(error) = written {
            tracing::error!(module = self.number, %cmd, %error, "a job cannot be written");
            return Err(who);
        }
        if !self.post(&mut state, frames) {
            return Err(who);
        }
        state.clients.insert(client);
        let waiting = Waiting {
            cmd,
            client,
            ids,
            who,
        };
        state.waiting.insert(tag, waiting);
        Ok(())
    }

    fn tell(&self, state: &mut State, request: &Request<'_>) {
        let mut frame = Vec::new();
        if request.write(&mut frame).is_ok() {
            self.post(state, frame);
        }
    }

    /// Puts frames in line for the exporter. False without a link; one whose exporter does not keep up is ended.
    fn post(&self, state: &mut State, frames: Vec<u8>) -> bool {
        let Some(link) = &state.link else {
            return false;
        };
        if link.try_send(frames).is_ok() {
            return true;
        }
        self.sever(state);
        false
    }

    /// Ends the link, as far as clients can see. Those who wait are told by whoever keeps the link.
    fn sever(&self, state: &mut State) {
        state.link = None;
        state.condition = None;
        self.forget_objects(state);
    }

    fn forget_objects(&self, state: &mut State) {
        state.objects.clear();
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// There is a link, and the module is in this condition.
    pub(super) fn connected(
        &self,
        link: tokio::sync::mpsc::Sender<Vec<u8>>,
        condition: Box<Condition>,
    ) {
        let mut state = self.state();
        state.remote_epoch = condition.epoch;
        state.condition = Some(condition);
        state.link = Some(link);
        self.forget_objects(&mut state);
    }

    /// The exporter tells how the module is.
    pub(super) fn changed(&self, condition: Box<Condition>) {
        let mut state = self.state();
        if state.link.is_none() {
            return;
        }
        // With a new count of resets the objects are gone.
        if state.remote_epoch != condition.epoch {
            state.remote_epoch = condition.epoch;
            self.forget_objects(&mut state);
        }
        state.condition = Some(condition);
    }

    /// The exporter answers a job. Who waits for it, if anybody does.
    pub(super) fn answered(
        &self,
        head: AnswerHead,
        reply: &Reply,
    ) -> Result<Option<Waiter>, BadMessage> {
        let mut state = self.state();
        if state.link.is_none() {
            return Ok(None);
        }
        let waiting = state.waiting.remove(&head.tag);
        let waiting = waiting.ok_or(BadMessage::OutOfPlace("an answer to no job"))?;
        let fits = match reply.status {
            Status::OK => reply.cmd == waiting.cmd,
            _ => reply.cmd == Cmd::ErrorReturn,
        };
        let made = made_objects(&reply.body);
        let ours = |(id, expected): (Option<u32>, u32)| id.is_none_or(|id| id == expected);
        if !fits || !made.into_iter().zip(waiting.ids).all(ours) {
            // Its waiter is told with the others when the link is ended for this.
            state.waiting.insert(head.tag, waiting);
            return Err(BadMessage::OutOfPlace("an answer to another command"));
        }
        for (id, facts) in made.into_iter().zip(head.facts) {
            if let Some(id) = id {
                state.objects.insert((waiting.client, id), facts);
            }
        }
        if let Waiter::Client(owed) = &waiting.who
            && let Some(id) = owed.answer.destroys
            && reply.status == Status::OK
        {
            state.objects.remove(&(waiting.client, id));
        }
        Ok(Some(waiting.who))
    }

    /// The link is lost, with this status in enquiry: everybody who waits.
    pub(super) fn lost(&self, status: Status) -> Vec<Waiter> {
        let mut state = self.state();
        state.lost = Some(status);
        if state.link.is_some() {
            self.sever(&mut state);
        }
        state.clients.clear();
        let waiting = std::mem::take(&mut state.waiting);
        waiting.into_values().map(|waiting| waiting.who).collect()
    }

    /// Lets the threads end that send what waits for something else first.
    pub(super) fn stop_makers(&self) {
        let mut makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        *makers = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Imported {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Imported")
            .field("number", &self.number)
            .field("import", &self.import)
            .finish_non_exhaustive()
    }
}
