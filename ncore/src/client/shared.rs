//! One connection, many threads: who writes, who reads, and how each gets its own reply.
//!
//! A writer lock is held around one write. There is no thread of our own: of the threads that wait, one is the reader,
//! blocked in `read` itself; the others sleep. The reader gives every reply it finds to its slot and wakes that slot's
//! thread, and when it leaves, with its own reply or because its time is over, it sees that somebody reads on. So a lone
//! caller never sleeps on anything but the socket.
//!
//! Whenever nobody reads and some sleep without a reply, at least one thread has been woken that will look for itself
//! (and read), or leave and look for the others (see `Shared::receive`).

use std::io;
use std::process;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::error::{ClientError, Loss};
use super::incoming::Incoming;
use super::slots::{MAX_OUTSTANDING, Slots, WakeList};
use super::stream::Stream;
use super::sync::{Instant, Mutex, MutexGuard};
use super::sys::{self, Until};
use super::{BadReply, ConnectOptions, Endpoint};
use crate::bignum::BignumOrder;
use crate::codec::EncodeError;
use crate::frame;
use crate::message::{Command, Reply};
use crate::types::Cmd;

/// How long a write may stand still before the writer looks whether replies wait to be read. The hardserver stops reading
/// while its own replies are not taken, so a client that only wrote would wait for ever.
const STALLED_WRITE: Duration = Duration::from_millis(10);

/// How long a stalled writer waits for a reply before it tries to write again.
const DRAIN_WAIT: Duration = Duration::from_millis(5);

/// What the threads of one connection share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) options: ConnectOptions,
    stream: Stream,
    /// The process that connected. A fork shares the socket, and its locks may be held by threads it does not have.
    process: u32,
    /// The writer lock, around the buffer in which a frame is built.
    outgoing: Mutex<Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    slots: Slots,
    /// The read buffer; taken by the thread that reads.
    incoming: Option<Box<Incoming>>,
    /// Set once nothing more can be read.
    loss: Option<Loss>,
    /// Set once nothing more can be written. Replies that have arrived can still be read.
    write_loss: Option<Loss>,
}

/// A command that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    tag: u32,
    cmd: Cmd,
    order: BignumOrder,
    at: Instant,
}

impl Shared {
    pub(super) fn connect(
        endpoint: &Endpoint,
        options: ConnectOptions,
    ) -> Result<Self, ClientError> {
        let start = Instant::now();
        let stream = Stream::connect(endpoint, options.connect_timeout).map_err(|cause| {
            let after = start.elapsed();
            let (endpoint, cause) = (endpoint.clone(), Arc::new(cause));
            // Of TCP it is said by what stands between, not by who may use a hardserver.
            let is_socket = matches!(endpoint, Endpoint::Unix(_));
            if is_socket && cause.kind() == io::ErrorKind::PermissionDenied {
                return ClientError::Closed { endpoint, cause };
            }
            ClientError::NotRunning {
                endpoint,
                after,
                cause,
            }
        })?;
        Ok(Self::over(stream, endpoint, options))
    }

    /// A connection over a socket that is connected.
    pub(super) fn over(stream: Stream, endpoint: &Endpoint, options: ConnectOptions) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options,
            stream,
            process: process::id(),
            outgoing: Mutex::default(),
            state: Mutex::new(State {
                slots: Slots::default(),
                incoming: Some(Box::new(Incoming::new())),
                loss: None,
                write_loss: None,
            }),
        }
    }

    /// Sends a command under a tag of its own, whatever tag it has.
    pub(super) fn send(&self, mut command: Command) -> Result<Sent, ClientError> {
        let cmd = command.cmd();
        let at = Instant::now();
        if self.is_forked() {
            return Err(self.not_sent(cmd, Loss::Forked));
        }
        command.tag = {
            let mut state = self.lock();
            if let Some(loss) = state.loss.as_ref().or(state.write_loss.as_ref()) {
                return Err(self.not_sent(cmd, loss.clone()));
            }
            state.slots.open().ok_or_else(|| self.too_many(cmd))?
        };
        let sent = Sent {
            tag: command.tag,
            cmd,
            order: BignumOrder::from_command_flags(command.flags),
            at,
        };
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(cause) = self.build(&command, &mut outgoing) {
            drop(outgoing);
            self.lock().slots.cancel(sent.tag);
            return Err(ClientError::Encode { cmd, cause });
        }
        self.write(&outgoing, at).map_err(|cause| {
            self.stop_writing(&cause, sent.tag);
            self.lost(&sent, cause)
        })?;
        Ok(sent)
    }

    /// Waits for the reply to a command that was sent before, maybe before a fork.
    pub(super) fn wait_later(
        &self,
        sent: &Sent,
        limit: Option<Duration>,
    ) -> Result<Reply, ClientError> {
        if self.is_forked() {
            return Err(self.lost(sent, Loss::Forked));
        }
        self.wait(sent, limit)
    }

    /// Waits for the reply to a command that was sent just now.
    pub(super) fn wait(&self, sent: &Sent, limit: Option<Duration>) -> Result<Reply, ClientError> {
        // A limit beyond the clock's range is none.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let message = self.receive(sent, deadline)?;
        Reply::decode(&message, sent.order, &self.options.profile)
            .map_err(|error| self.malformed(sent.cmd, error.into()))
    }

    /// Says that nobody will wait for the reply.
    pub(super) fn abandon(&self, sent: &Sent) {
        if !self.is_forked() {
            self.lock().slots.abandon(sent.tag);
        }
    }

    /// Ends the connection and wakes everyone who waits. In a forked process it does nothing: the connection is the
    /// parent's.
    pub(super) fn close(&self) {
        if !self.is_forked() {
            let mut wake = WakeList::new();
            self.lock().lose(Loss::Closed, &mut wake);
            self.stream.shutdown();
            wake_each(&mut wake);
        }
    }

    /// How the connection was lost, if it was.
    pub(super) fn loss(&self) -> Option<Loss> {
        if self.is_forked() {
            return Some(Loss::Forked);
        }
        let state = self.lock();
        state.loss.clone().or(state.write_loss.clone())
    }

    pub(super) fn malformed(&self, cmd: Cmd, cause: BadReply) -> ClientError {
        ClientError::Malformed {
            endpoint: self.endpoint.clone(),
            cmd,
            cause,
        }
    }

    fn receive(&self, sent: &Sent, deadline: Option<Instant>) -> Result<Vec<u8>, ClientError> {
        let mut wake = WakeList::new();
        let mut state = self.lock();
        let outcome = loop {
            if let Some(message) = state.slots.take(sent.tag) {
                break Ok(message);
            }
            if let Some(loss) = state.loss.clone() {
                state.slots.cancel(sent.tag);
                break Err(self.lost(sent, loss));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                state.slots.abandon(sent.tag);
                break Err(self.timed_out(sent));
            }
            state = match state.incoming.take() {
                Some(incoming) => self.read(state, incoming, deadline, &mut wake).0,
                None => sleep(state, sent.tag, deadline),
            };
        };
        // Somebody must read for those who sleep. Where this thread wakes others to fetch their replies, they come by
        // here too and see to it, unless this one is back by then with its next command, which saves a switch.
        if wake.is_empty() && state.loss.is_none() && state.incoming.is_some() {
            state.slots.wake_one(&mut wake);
        }
        drop(state);
        wake_each(&mut wake);
        outcome
    }

    /// Reads once as the connection's reader, without the lock, and gives out what came. Says whether anything came.
    fn read<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        mut incoming: Box<Incoming>,
        deadline: Option<Instant>,
        wake: &mut WakeList,
    ) -> (MutexGuard<'s, State>, bool) {
        drop(state);
        wake_each(wake);
        let filled = incoming.fill(&self.stream, deadline);
        let came = matches!(filled, Ok(Some(1..)));
        let mut state = self.lock();
        let loss = match filled {
            Ok(Some(0)) => Some(Loss::PeerClosed),
            Ok(Some(_)) => state.give_out(&mut incoming, &self.options, wake).err(),
            Ok(None) => None,
            Err(error) => Some(Loss::Io(Arc::new(error))),
        };
        state.incoming = Some(incoming);
        if let Some(loss) = loss {
            state.lose(loss, wake);
            self.stream.shutdown();
        }
        (state, came)
    }

    /// Builds the frame of a command in `out`.
    fn build(&self, command: &Command, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let profile = &self.options.profile;
        out.clear();
        let start = frame::begin(out);
        command.encode(out, profile)?;
        let len = out.len() - frame::LENGTH_WORD;
        if len > profile.max_message {
            return Err(EncodeError::message_too_long(
                command.cmd(),
                len,
                profile.max_message,
            ));
        }
        frame::finish(out, start, profile.frame_len);
        Ok(())
    }

    /// Writes all of `bytes`. While the hardserver takes none, it reads what has come if nobody else does.
    fn write(&self, mut bytes: &[u8], start: Instant) -> Result<(), Loss> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(Loss::PeerClosed),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let limit = self.options.reply_timeout;
                    if limit.is_some_and(|limit| start.elapsed() >= limit) {
                        return Err(Loss::Stuck);
                    }
                    // An interrupted wait is as good as one that ended.
                    let room = sys::wait(&self.stream, Until::Writable, Some(STALLED_WRITE));
                    if !room.unwrap_or(false) {
                        self.drain()?;
                    }
                }
                Err(error) => return Err(Loss::Io(Arc::new(error))),
            }
        }
        Ok(())
    }

    /// Takes what the hardserver has sent, as long as it sends and nobody else reads, so that it reads again.
    fn drain(&self) -> Result<(), Loss> {
        let mut wake = WakeList::new();
        let mut state = self.lock();
        while let Some(incoming) = state.incoming.take() {
            let deadline = Instant::now() + DRAIN_WAIT;
            let came;
            (state, came) = self.read(state, incoming, Some(deadline), &mut wake);
            if !came {
                break;
            }
        }
        // As in `receive`.
        if wake.is_empty() && state.loss.is_none() && state.incoming.is_some() {
            state.slots.wake_one(&mut wake);
        }
        let loss = state.loss.clone();
        drop(state);
        wake_each(&mut wake);
        loss.map_or(Ok(()), Err)
    }

    /// After a write that failed: no further command can be sent, but replies that have arrived still reach their
    /// threads. Who reads on finds the end of the stream, since both directions are shut.
    fn stop_writing(&self, cause: &Loss, tag: u32) {
        let mut state = self.lock();
        state.write_loss.get_or_insert(cause.clone());
        state.slots.cancel(tag);
        drop(state);
        self.stream.shutdown();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No thread stops half-way through a change of the state, so it is sound whatever happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_forked(&self) -> bool {
        process::id() != self.process
    }

    fn not_sent(&self, cmd: Cmd, cause: Loss) -> ClientError {
        ClientError::NotSent {
            endpoint: self.endpoint.clone(),
            cmd,
            cause,
        }
    }

    fn lost(&self, sent: &Sent, cause: Loss) -> ClientError {
        ClientError::Lost {
            endpoint: self.endpoint.clone(),
            cmd: sent.cmd,
            after: sent.at.elapsed(),
            cause,
        }
    }

    fn timed_out(&self, sent: &Sent) -> ClientError {
        ClientError::TimedOut {
            endpoint: self.endpoint.clone(),
            cmd: sent.cmd,
            after: sent.at.elapsed(),
        }
    }

    fn too_many(&self, cmd: Cmd) -> ClientError {
        ClientError::TooMany {
            endpoint: self.endpoint.clone(),
            cmd,
            limit: MAX_OUTSTANDING,
        }
    }
}

impl State {
    /// Gives every whole message that has arrived to its slot.
    fn give_out(
        &mut self,
        incoming: &mut Incoming,
        options: &ConnectOptions,
        wake: &mut WakeList,
    ) -> Result<(), Loss> {
        while let Some(message) = incoming.next(&options.profile).map_err(Loss::BadLength)? {
            self.slots
                .deliver(message, wake)
                .map_err(Loss::UnknownTag)?;
        }
        Ok(())
    }

    /// Ends the connection for everyone. A write that failed before is the better explanation.
    fn lose(&mut self, loss: Loss, wake: &mut WakeList) {
        let loss = self.write_loss.clone().unwrap_or(loss);
        self.loss.get_or_insert(loss);
        self.slots.wake_all(wake);
    }
}

/// Sleeps until the reply has come, the reader's role is free, the connection is lost, or the time is over.
fn sleep<'s>(
    mut state: MutexGuard<'s, State>,
    tag: u32,
    deadline: Option<Instant>,
) -> MutexGuard<'s, State> {
    let signal = state.slots.fall_asleep(tag);
    let mut state = match deadline {
        None => signal.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            let woken = signal.wait_timeout(state, left);
            woken.unwrap_or_else(PoisonError::into_inner).0
        }
    };
    state.slots.wake_up(tag);
    state
}

fn wake_each(wake: &mut WakeList) {
    for signal in wake.drain(..) {
        signal.notify_one();
    }
}
