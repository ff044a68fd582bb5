//! One connection: its socket, what has been read of it, what waits to be written, and when it may end.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ncore::profile::FrameLen;

use super::clients::{Attachment, Client, Clients};
use super::flow::{Flow, Limits, Turn};
use super::framing::Framing;
use super::poller::Poller;
use super::remote::Guests;
use super::stream::Stream;

/// Beyond these nothing more of a connection is read, and the client's writes wait. The widest genuine recommendation for
/// one module is 250 commands (enquiry, `rec. queue`). One reply may be as large as a message.
const LIMITS: Limits = Limits {
    in_flight: 256,
    unread: 512 * 1024,
};

/// Bytes of input buffer that an idle connection keeps.
const KEPT_CAPACITY: usize = 4096;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its number in this run, from 1.
    pub(super) number: u64,
    /// Whether it came in by a privileged endpoint.
    pub(super) privileged: bool,
    /// When it was accepted, from the start of the daemon.
    pub(super) opened: Duration,
    pub(super) traffic: Traffic,
    stream: Stream,
    /// The clients of another hardserver, if it is one that is connected.
    guests: Option<Guests>,
    client: Mutex<Option<Attachment>>,
    /// Who reads, and when nothing more will come.
    pub(super) flow: Flow<Input>,
    /// The peer announced its end: there is an end of file to be read.
    end_announced: AtomicBool,
    output: Mutex<Output>,
    closed: AtomicBool,
}

/// Counts of one connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) commands: AtomicU64,
    pub(super) command_bytes: AtomicU64,
    pub(super) replies: AtomicU64,
    pub(super) reply_bytes: AtomicU64,
}

/// What has been read and not yet been understood.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) pending: Vec<u8>,
    pub(super) framing: Framing,
}

#[derive(Debug)]
struct Output {
    /// Bytes that found no room in the socket.
    waiting: Vec<u8>,
    /// A frame that goes after the next one.
    put_back: Option<Vec<u8>>,
}

/// What reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes, and perhaps more where they came from.
    More,
    /// Bytes, and nothing is left.
    Last,
    /// Nothing for now.
    Nothing,
    /// The peer sends nothing more.
    End,
    /// The connection is broken.
    Broken,
}

impl Connection {
    pub(super) fn new(
        number: u64,
        stream: Stream,
        privileged: bool,
        opened: Duration,
        frame_len: FrameLen,
        guests: Option<Guests>,
    ) -> Connection {
        let input = Input {
            pending: Vec::new(),
            framing: Framing::new(frame_len),
        };
        Connection {
            number,
            privileged,
            opened,
            traffic: Traffic::default(),
            stream,
            guests,
            client: Mutex::new(None),
            flow: Flow::new(input, LIMITS),
            end_announced: AtomicBool::new(false),
            output: Mutex::new(Output {
                waiting: Vec::new(),
                put_back: None,
            }),
            closed: AtomicBool::new(false),
        }
    }

    /// The socket.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The clients of another hardserver, if it is one that is connected.
    pub(super) fn guests(&self) -> Option<&Guests> {
        self.guests.as_ref()
    }

    /// The client it obtained, if it did.
    pub(super) fn client(&self) -> Option<Arc<Client>> {
        self.attachment()
            .as_ref()
            .map(|attachment| Arc::clone(attachment.client()))
    }

    /// The client it obtained, or else a nameless one of its own.
    pub(super) fn client_or_anonymous(&self, clients: &Arc<Clients>) -> Arc<Client> {
        let mut attachment = self.attachment();
        Arc::clone(
            attachment
                .get_or_insert_with(|| clients.anonymous())
                .client(),
        )
    }

    /// Makes the connection one of this client's, and of no other's.
    pub(super) fn attach(&self, attachment: Attachment) {
        let former = self.attachment().replace(attachment);
        // Dropped here, not under the lock: the last hold on a client clears its objects away.
        drop(former);
    }

    fn attachment(&self) -> MutexGuard<'_, Option<Attachment>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the socket has news. What follows is [`turn`](Self::turn).
    pub(super) fn announce(&self, end: bool) {
        if end {
            self.end_announced.store(true, SeqCst);
        }
        self.flow.announce();
    }

    /// The turn to read, if there is news and nobody else has it.
    pub(super) fn turn(&self) -> Option<Turn<'_, Input>> {
        match self.closed() {
            true => None,
            false => self.flow.turn(),
        }
    }

    /// Reads once, behind what is pending.
    pub(super) fn read(&self, input: &mut Input, buffer: &mut [u8]) -> Read {
        if self.flow.input_ended() {
            return Read::Nothing;
        }
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => Read::End,
                Ok(count) => {
                    input.pending.extend_from_slice(&buffer[..count]);
                    // On a stream socket a short read has emptied it; an end that came with the bytes is still there.
                    if count < buffer.len() && !self.end_announced.load(SeqCst) {
                        Read::Last
                    } else {
                        Read::More
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Nothing,
                Err(_) => Read::Broken,
            };
        }
    }

    /// Sends a frame. What finds no room waits, and goes when the peer reads. False if the connection is broken.
    pub(super) fn send(&self, frame: &[u8], poller: &Poller) -> bool {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.load(SeqCst) {
            return false;
        }
        let both = output.put_back.take().map(|after| [frame, &after].concat());
        let frame = both.as_deref().unwrap_or(frame);
        let mut rest = frame;
        if output.waiting.is_empty() {
            match self.write(frame) {
                Some(written) => rest = &frame[written..],
                None => return false,
            }
            if !rest.is_empty()
                && poller
                    .set_writable(&self.stream, self.number, true)
                    .is_err()
            {
                return false;
            }
        }
        output.waiting.extend_from_slice(rest);
        self.flow.set_unread(output.waiting.len());
        true
    }

    /// Keeps a frame until after the next one. Whether it does: not while it keeps another.
    pub(super) fn put_back(&self, frame: &[u8]) -> bool {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let free = output.put_back.is_none();
        if free {
            output.put_back = Some(frame.to_vec());
        }
        free
    }

    /// Writes what waits. False if the connection is broken.
    pub(super) fn flush(&self, poller: &Poller) -> bool {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.waiting.is_empty() {
            return true;
        }
        let Some(written) = self.write(&output.waiting) else {
            return false;
        };
        output.waiting.drain(..written);
        self.flow.set_unread(output.waiting.len());
        if !output.waiting.is_empty() {
            return true;
        }
        output.waiting = Vec::new();
        poller
            .set_writable(&self.stream, self.number, false)
            .is_ok()
    }

    /// Writes until there is no room: the number of bytes, or None if the connection is broken.
    fn write(&self, bytes: &[u8]) -> Option<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(0) => return None,
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        Some(written)
    }

    /// Ends the connection, and its hold on its client. False if that was done before.
    pub(super) fn close(&self, poller: &Poller) -> bool {
        if self.closed.swap(true, SeqCst) {
            return false;
        }
        poller.remove(&self.stream);
        self.stream.shutdown();
        let attachment = self.attachment().take();
        drop(attachment);
        if let Some(guests) = &self.guests {
            guests.leave();
        }
        true
    }

    /// Whether it was closed.
    pub(super) fn closed(&self) -> bool {
        self.closed.load(SeqCst)
    }
}

impl Input {
    /// Drops what has been understood, and memory that a large message needed.
    pub(super) fn consume(&mut self, count: usize) {
        self.pending.drain(..count);
        if self.pending.is_empty() && self.pending.capacity() > KEPT_CAPACITY {
            self.pending = Vec::new();
        }
    }
}

/// Every open connection.
#[derive(Debug, Default)]
pub(super) struct Connections {
    opened: AtomicU64,
    most: AtomicU64,
    open: RwLock<HashMap<u64, Arc<Connection>>>,
}

impl Connections {
    /// A number for a new connection.
    pub(super) fn number(&self) -> u64 {
        self.opened.fetch_add(1, SeqCst) + 1
    }

    pub(super) fn insert(&self, connection: Arc<Connection>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(connection.number, connection);
        self.most.fetch_max(open.len() as u64, SeqCst);
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<Connection>> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&number)
            .cloned()
    }

    pub(super) fn remove(&self, number: u64) {
        self.open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
    }

    pub(super) fn count(&self) -> usize {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The most that were open at a time.
    pub(super) fn most(&self) -> u64 {
        self.most.load(SeqCst)
    }

    /// Every open connection, by number.
    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        let mut all: Vec<_> = self
            .open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        all.sort_by_key(|connection| connection.number);
        all
    }
}
