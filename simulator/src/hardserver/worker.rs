//! The threads that read commands, answer them and do the modules' arithmetic.
//!
//! A worker that is woken for a socket reads what is there and begins every command in it. Cheap ones it answers on the
//! spot; the arithmetic of the first other one it keeps for itself if an engine of the module is free, and does it after
//! letting go of the socket, so that the next bytes wake somebody else; the rest stands in line. There are as many
//! workers as there are engines, and substitutes for when all of them compute (see `attendance`): however much is
//! computed, somebody is left to answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ncore::frame::{self, BadLength};
use ncore::message::{Header, Reply};
use ncore::profile::FrameLen;
use ncore::types::Status;

use super::Hardserver;
use super::attendance::{Next, Watch, between_looks};
use super::clients::Client;
use super::connection::{Connection, Input, Read};
use super::engines::Entered;
use super::pace::{self, Held};
use super::poller::{Event, Happened};
use super::pool::Attempt;
use super::remote::Parcel;
use super::replies::ends_what_is_in_work;
use crate::faults::ReplyFault;
use crate::job::Work;

/// Bytes read at a time.
const READ_SIZE: usize = 64 * 1024;

/// Full reads of one socket in a row, before others get their turn.
const READS_IN_A_ROW: usize = 4;

/// Arithmetic that is left to do, and whom to tell.
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) owed: Owed,
}

/// A command that a module has, and who waits for its reply.
#[derive(Debug)]
pub(super) struct Owed {
    /// The module's place in the table.
    pub(super) index: usize,
    pub(super) answer: Answer,
    pub(super) outstanding: Outstanding,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let answer = &self.owed.answer;
        write!(
            formatter,
            "Task({} of connection {})",
            answer.header.cmd, answer.connection.number
        )
    }
}

/// Everything that is needed to answer a command once its reply is there.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) connection: Arc<Connection>,
    /// The client, unless the connection has none and the command needed none.
    pub(super) client: Option<Arc<Client>>,
    pub(super) header: Header,
    pub(super) frame_len: FrameLen,
    /// The place in the table of the module that answers, if one does.
    pub(super) index: Option<usize>,
    /// The identifier that the command destroys if it succeeds.
    pub(super) destroys: Option<u32>,
    /// What happens to the reply on purpose.
    pub(super) fault: Option<ReplyFault>,
    /// When the reply may leave, if the module keeps a unit's pace or a fault holds it back.
    pub(super) due: Option<Instant>,
    /// The member of the pool that has the command, if it is one for the pool.
    pub(super) attempt: Option<Attempt>,
}

/// Counts a command as outstanding for as long as it exists.
#[derive(Debug)]
pub(super) struct Outstanding {
    server: Arc<Hardserver>,
    connection: Arc<Connection>,
    /// The place in the table of the module that has the command, if one has.
    index: Option<usize>,
    /// It counts in the module's load: until just before the reply leaves, so that whoever has the reply finds the
    /// module free of it.
    loads: bool,
}

impl Outstanding {
    pub(super) fn new(
        server: &Arc<Hardserver>,
        connection: &Arc<Connection>,
        index: Option<usize>,
    ) -> Outstanding {
        server.in_flight.fetch_add(1, Ordering::SeqCst);
        if let Some(index) = index {
            let slot = &server.modules[index];
            slot.outstanding.fetch_add(1, Ordering::Relaxed);
        }
        connection.flow.begin_command();
        Outstanding {
            server: Arc::clone(server),
            connection: Arc::clone(connection),
            index,
            loads: index.is_some(),
        }
    }

    /// The module has done its part.
    fn unload(&mut self) {
        if let Some(index) = self.index
            && std::mem::take(&mut self.loads)
        {
            let slot = &self.server.modules[index];
            slot.outstanding.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.unload();
        self.connection.flow.end_command();
        self.server.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What became of a command.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for a moment on the stack; a box would cost an allocation a command"
)]
pub(super) enum Begun {
    Answered(Answer, Reply),
    Left(Task),
    /// It goes to another hardserver.
    Outgoing(Parcel),
}

/// One worker, or whoever reads in its place.
pub(super) struct Worker {
    pub(super) server: Arc<Hardserver>,
    buffer: Vec<u8>,
    frame: Vec<u8>,
}

impl Worker {
    pub(super) fn new(server: Arc<Hardserver>) -> Worker {
        Worker {
            server,
            buffer: vec![0; READ_SIZE],
            frame: Vec::new(),
        }
    }

    /// Works until the server stops.
    pub(super) fn run(mut self) {
        let server = Arc::clone(&self.server);
        let mut worked = false;
        loop {
            let event = if worked {
                server.poller.watch()
            } else {
                server.poller.wait()
            };
            let _at_work = server.attendance.begin();
            match event {
                Ok(event) if self.attend(event) => worked = true,
                Ok(_) => return,
                Err(error) => {
                    tracing::error!(%error, "cannot wait for sockets");
                    return;
                }
            }
        }
    }

    /// Works when all others compute, until the server stops.
    pub(super) fn substitute(mut self, number: usize) {
        let pause = between_looks(number);
        let server = Arc::clone(&self.server);
        while server.attendance.wait_for_call() {
            let mut watch = Watch::default();
            let mut next = Next::Look;
            while next != Next::Retire {
                if next == Next::Look {
                    std::thread::sleep(pause);
                }
                if server.attendance.stopped() {
                    return;
                }
                let attendance = &server.attendance;
                next = watch.next(attendance.all_at_work(), attendance.finished());
                let mut event = match next {
                    Next::Stay => server.poller.wait_for(pause),
                    Next::Look | Next::Retire => server.poller.look(),
                };
                while let Ok(Some(happened)) = event {
                    if !self.attend(happened) {
                        return;
                    }
                    event = server.poller.look();
                }
                if let Err(error) = event {
                    tracing::error!(%error, "cannot look at the sockets");
                    return;
                }
            }
        }
    }

    /// Does what an event asks for. False if it asks to stop.
    fn attend(&mut self, event: Event) -> bool {
        match event {
            Event::Stop => return false,
            Event::Woken => self.run_waiting(),
            Event::Socket(number, happened) => {
                if let Some(connection) = self.server.connections.get(number) {
                    self.serve(&connection, happened);
                }
            }
        }
        true
    }

    /// Looks after a socket on which something happened.
    fn serve(&mut self, connection: &Arc<Connection>, happened: Happened) {
        if happened.writable && !connection.flush(&self.server.poller) {
            self.server.close(connection);
            return;
        }
        if happened.gone {
            self.server.withdraw(connection);
        }
        connection.announce(happened.end);
        if let Some(task) = self.read_commands(connection, true) {
            self.run_from(task);
        }
        self.server.settle(connection);
    }

    /// Reads what there is and begins the commands in it. With `keep`, the first one that has arithmetic left and finds
    /// an engine free is for the caller to run.
    pub(super) fn read_commands(
        &mut self,
        connection: &Arc<Connection>,
        keep: bool,
    ) -> Option<Task> {
        let mut mine = None;
        let mut reads = 0;
        while let Some(mut input) = connection.turn() {
            loop {
                if !self.begin_commands(connection, &mut input, keep, &mut mine) {
                    break;
                }
                if reads == READS_IN_A_ROW {
                    drop(input);
                    self.server.requeue(connection);
                    return mine;
                }
                reads += 1;
                match connection.read(&mut input, &mut self.buffer) {
                    Read::More => {}
                    Read::Last => {
                        self.begin_commands(connection, &mut input, keep, &mut mine);
                        break;
                    }
                    Read::Nothing => break,
                    Read::End => {
                        connection.flow.end_input();
                        break;
                    }
                    Read::Broken => {
                        self.server.close(connection);
                        break;
                    }
                }
            }
        }
        mine
    }

    /// Begins every whole command that is pending. False if there is no point in reading on: too much is in work, or the
    /// stream has lost its meaning.
    fn begin_commands(
        &mut self,
        connection: &Arc<Connection>,
        input: &mut Input,
        keep: bool,
        mine: &mut Option<Task>,
    ) -> bool {
        let mut used = 0;
        let goes_on = loop {
            if connection.closed() || connection.flow.pauses() {
                break false;
            }
            let rest = &input.pending[used..];
            let profile = match connection.guests() {
                None => &self.server.profile,
                Some(_) => &self.server.link_profile,
            };
            match input.framing.split(rest, profile) {
                Ok(None) => break true,
                Ok(Some((message, taken))) => {
                    let frame_len = input.framing.frame_len();
                    let begun = match connection.guests() {
                        None => Ok(Some(self.server.begin(connection, message, frame_len))),
                        Some(guests) => self.server.begin_request(connection, guests, message),
                    };
                    match begun {
                        Ok(Some(Begun::Answered(answer, reply))) => match answer.due {
                            None => self.finish(answer, reply),
                            Some(due) => self.hold_back(answer, reply, due),
                        },
                        Ok(Some(Begun::Left(task))) => self.place(task, keep, mine),
                        Ok(Some(Begun::Outgoing(parcel))) => self.send(parcel),
                        Ok(None) => {}
                        Err(bad) => {
                            tracing::warn!(connection = connection.number, error = %bad, "an importer is not understood");
                            self.server.close(connection);
                            break false;
                        }
                    }
                    used += taken;
                }
                Err(bad) => {
                    tracing::warn!(connection = connection.number, error = %bad, "the stream cannot be read on");
                    self.refuse_frame(connection, rest, bad, input.framing.frame_len());
                    connection.flow.end_input();
                    used = input.pending.len();
                    break false;
                }
            }
        };
        input.consume(used);
        goes_on
    }

    /// Answers a frame that is too long, if its header has come along, before the connection ends.
    fn refuse_frame(
        &mut self,
        connection: &Arc<Connection>,
        bytes: &[u8],
        bad: BadLength,
        frame_len: FrameLen,
    ) {
        let counts = &self.server.counts;
        counts.marshal_errors.fetch_add(1, Ordering::Relaxed);
        let after_length = bytes.get(frame::LENGTH_WORD..).unwrap_or_default();
        if bad.length > bad.max
            && connection.guests().is_none()
            && let Ok(header) = Header::peek(after_length)
        {
            let answer = Answer {
                connection: Arc::clone(connection),
                client: None,
                header,
                frame_len,
                index: None,
                destroys: None,
                fault: None,
                due: None,
                attempt: None,
            };
            self.answer(&answer, Reply::error(header.tag, Status::Malformed));
        }
    }

    /// Finds a thread for a task: this one, one that is idle, or one that is busy now.
    fn place(&self, task: Task, keep: bool, mine: &mut Option<Task>) {
        let engines = &self.server.modules[task.owed.index].engines;
        if keep && mine.is_none() {
            if let Entered::Run(first) = engines.enter(task) {
                *mine = Some(first);
            }
        } else if engines.queue(task) {
            self.server.poller.wake_one();
        }
    }

    /// Looks at a connection that is to be looked at again, and runs what stands in line although engines are free.
    fn run_waiting(&mut self) {
        let server = Arc::clone(&self.server);
        if let Some(connection) = server.next_requeued() {
            server.wake_for_tasks();
            self.serve(&connection, Happened::default());
        }
        for slot in server.modules.iter() {
            while let Some(task) = slot.engines.take() {
                server.wake_for_tasks();
                self.run_from(task);
            }
        }
    }

    /// Runs a task on the engine that was taken for it, then those in line for that engine.
    fn run_from(&mut self, task: Task) {
        let mut next = Some(task);
        while let Some(task) = next {
            let index = task.owed.index;
            let connection = self.run_task(task);
            self.server.attendance.progress();
            next = self.server.modules[index].engines.done();
            if connection.flow.resumes() {
                let mine = self.read_commands(&connection, next.is_none());
                next = next.or(mine);
            }
            self.server.settle(&connection);
        }
    }

    fn run_task(&mut self, task: Task) -> Arc<Connection> {
        let Task { work, owed } = task;
        let connection = Arc::clone(&owed.answer.connection);
        if !connection.closed() {
            let reply = unless_it_panics(&owed.answer.header, work);
            self.settle_debt(owed, reply);
        }
        connection
    }

    /// Gives a module's reply to whoever waits for it, or holds it until its time.
    pub(super) fn settle_debt(&mut self, owed: Owed, reply: Reply) {
        let Owed {
            index,
            answer,
            mut outstanding,
        } = owed;
        let Some(due) = answer.due else {
            outstanding.unload();
            self.finish(answer, reply);
            return;
        };
        let slot = &self.server.modules[index];
        if reply.status == Status::DecryptFailed && pace::tries_passphrase(answer.header.cmd) {
            slot.pace.iter().for_each(|pace| pace.wrong_passphrase(due));
        }
        let epoch = slot.epoch();
        if ends_what_is_in_work(answer.header.cmd) {
            self.server.held.hurry(index, epoch);
        }
        let held = Held {
            answer,
            reply,
            outstanding,
            epoch,
        };
        self.server.held.hold(due, held);
    }

    /// Holds a reply of the hardserver's own until its time.
    fn hold_back(&mut self, answer: Answer, reply: Reply, due: Instant) {
        let held = Held {
            outstanding: Outstanding::new(&self.server, &answer.connection, None),
            answer,
            reply,
            epoch: 0,
        };
        self.server.held.hold(due, held);
    }

    /// Sends the replies that are held, each at its time, until the server stops.
    pub(super) fn release(mut self) {
        while let Some(held) = self.server.held.next() {
            let Held {
                answer,
                mut reply,
                mut outstanding,
                epoch,
            } = held;
            let connection = Arc::clone(&answer.connection);
            if !connection.closed() {
                // Until its reply has left, a command is in work: a reset ends it.
                let slot = answer.index.map(|index| &self.server.modules[index]);
                if let Some(slot) = slot.filter(|slot| slot.epoch() != epoch) {
                    let status = match slot.unit.failed() {
                        true => Status::HardwareFailed,
                        false => Status::UnitReset,
                    };
                    reply = Reply::error(answer.header.tag, status);
                }
                outstanding.unload();
                self.finish(answer, reply);
            }
            drop(outstanding);
            if connection.flow.resumes() {
                self.server.requeue(&connection);
            }
            self.server.settle(&connection);
        }
    }

    /// Sends a reply, unless its command goes to another member of the pool.
    fn finish(&mut self, answer: Answer, reply: Reply) {
        match self.server.after_attempt(answer, reply) {
            Begun::Answered(answer, reply) => self.answer(&answer, reply),
            Begun::Left(task) => self.place(task, false, &mut None),
            Begun::Outgoing(parcel) => self.send(parcel),
        }
    }

    /// Sends a reply.
    fn answer(&mut self, answer: &Answer, reply: Reply) {
        tracing::trace!(
            connection = answer.connection.number,
            tag = answer.header.tag,
            cmd = %answer.header.cmd,
            status = %reply.status,
            "answered"
        );
        self.frame.clear();
        self.server.encode(answer, &reply, &mut self.frame);
        let (connection, poller) = (&answer.connection, &self.server.poller);
        let sent = match answer.fault {
            None => connection.send(&self.frame, poller),
            Some(ReplyFault::Drop) => true,
            Some(ReplyFault::Half) => {
                let half = self.frame.len() / 2;
                let _ = connection.send(&self.frame[..half], poller);
                false
            }
            Some(ReplyFault::Swap) => {
                // With nothing else in work there, no reply would ever come before it. What a module answers is in work
                // itself.
                let others = connection.flow.in_flight() > usize::from(answer.index.is_some());
                others && connection.put_back(&self.frame) || connection.send(&self.frame, poller)
            }
        };
        if !sent {
            self.server.close(connection);
        }
        if self.frame.capacity() > READ_SIZE {
            self.frame = Vec::new();
        }
    }
}

/// Runs a part of a module's code. A panic in it is our fault and ends one command, not the daemon.
pub(super) fn unless_it_panics(header: &Header, work: impl FnOnce() -> Reply) -> Reply {
    caught(header, work).unwrap_or_else(|status| Reply::error(header.tag, status))
}

/// As [`unless_it_panics`]: SoftwareFailed for a panic.
pub(super) fn caught<T>(header: &Header, work: impl FnOnce() -> T) -> Result<T, Status> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        tracing::error!(cmd = %header.cmd, "a command panicked");
        Status::SoftwareFailed
    })
}
