//! A socket in memory, both its ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use loom::sync::{Condvar, Mutex, MutexGuard};
use loom::thread;

use super::Endpoint;
use super::sync::{self, Instant};
use super::sys::Until;
use crate::bignum::BignumOrder;
use crate::frame;
use crate::message::{Command, Reply};
use crate::profile::WireProfile;
use crate::types::{Args, ReplyBody, ServerNoOpReply};

/// Waits below this are those of a writer that looks what else there is to do. In the model they are over at once.
const SHORT: Duration = Duration::from_secs(1);

/// The client's end.
#[derive(Clone, Debug)]
pub(super) struct Stream(Arc<Wire>);

/// The hardserver's end.
#[derive(Clone)]
pub(super) struct Peer(Arc<Wire>);

#[derive(Debug)]
struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    commands: Vec<u8>,
    /// How many bytes `commands` holds at most.
    room: usize,
    replies: Vec<u8>,
    ended: bool,
}

/// Two ends. The hardserver's takes `room` bytes before it reads.
pub(super) fn pair(room: usize) -> (Stream, Peer) {
    let wire = Arc::new(Wire {
        state: Mutex::new(State {
            commands: Vec::new(),
            room,
            replies: Vec::new(),
            ended: false,
        }),
        changed: Condvar::new(),
    });
    (Stream(Arc::clone(&wire)), Peer(wire))
}

impl Stream {
    pub(super) fn connect(_: &Endpoint, _: Duration) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.replies.is_empty() && !state.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(state.replies.len());
        buffer[..count].copy_from_slice(&state.replies[..count]);
        state.replies.drain(..count);
        self.0.changed.notify_all();
        Ok(count)
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let count = bytes.len().min(state.room - state.commands.len());
        if state.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.commands.extend_from_slice(&bytes[..count]);
        self.0.changed.notify_all();
        Ok(count)
    }

    pub(super) fn shutdown(&self) {
        self.0.end();
    }

    /// False if the time was over.
    pub(super) fn wait(&self, until: Until, limit: Option<Duration>) -> bool {
        let start = Instant::now();
        let mut state = self.0.lock();
        loop {
            let ready = match until {
                Until::Readable => !state.replies.is_empty(),
                Until::Writable => state.commands.len() < state.room,
            };
            if ready || state.ended {
                return true;
            }
            if limit.is_some_and(|limit| start.elapsed() >= limit) {
                return false;
            }
            if let Some(short) = limit.filter(|limit| *limit < SHORT) {
                drop(state);
                sync::pass(short, || ());
                thread::yield_now();
                return false;
            }
            state = self.0.changed.wait(state).unwrap();
        }
    }
}

impl Peer {
    /// Waits for the next command.
    pub(super) fn take(&self) -> Command {
        let mut command = Vec::new();
        let mut needed = frame::LENGTH_WORD;
        let mut state = self.0.lock();
        loop {
            let count = state.commands.len().min(needed - command.len());
            command.extend(state.commands.drain(..count));
            match command.first_chunk() {
                Some(word) if needed == frame::LENGTH_WORD => {
                    needed += u32::from_le_bytes(*word) as usize;
                }
                _ if command.len() == needed => break,
                _ => {
                    self.0.changed.notify_all();
                    state = self.0.changed.wait(state).unwrap();
                }
            }
        }
        self.0.changed.notify_all();
        Command::decode(&command[frame::LENGTH_WORD..], &WireProfile::DEFAULT).unwrap()
    }

    /// Sends a command's payload back.
    pub(super) fn answer(&self, command: Command) {
        let Args::ServerNoOp(args) = command.args else {
            panic!("another command");
        };
        let payload = args.payload;
        let body = ReplyBody::ServerNoOp(ServerNoOpReply { payload });
        let reply = Reply::ok(command.tag, crate::Cmd::ServerNoOp, body);
        let mut bytes = Vec::new();
        let start = frame::begin(&mut bytes);
        let profile = WireProfile::DEFAULT;
        reply
            .encode(&mut bytes, BignumOrder::default(), &profile)
            .unwrap();
        frame::finish(&mut bytes, start, profile.frame_len);
        self.0.lock().replies.extend_from_slice(&bytes);
        self.0.changed.notify_all();
    }

    /// Waits until everything that was sent has been read.
    pub(super) fn flush(&self) {
        let mut state = self.0.lock();
        while !state.replies.is_empty() {
            state = self.0.changed.wait(state).unwrap();
        }
    }

    /// Lets everyone who waits for the socket look again.
    pub(super) fn stir(&self) {
        drop(self.0.lock());
        self.0.changed.notify_all();
    }

    /// Closes this end.
    pub(super) fn hang_up(&self) {
        self.0.end();
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}
