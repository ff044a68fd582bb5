//! Bytes that have arrived, cut into messages.

use std::io;
use std::thread;
use std::time::Duration;

use super::stream::Stream;
use super::sync::Instant;
use super::sys::{self, Until};
use super::waiting::Waiting;
use crate::frame::{self, BadLength, LENGTH_WORD};
use crate::profile::WireProfile;

/// Bytes read at once. A message is at most 8 KiB unless its command says otherwise (PROTOCOL section 2.3), so one read
/// takes in at least one reply, and many small ones.
const READ_SIZE: usize = 16 * 1024;

/// While replies come within this time, a reader asks the socket again and again for as long before it sleeps, giving way
/// to other threads in between: to wake a sleeping thread on a processor that has gone idle takes tens of microseconds,
/// more than all else in a round trip. Slower replies (hardware, key generation, many callers) are waited for asleep, and
/// so are those of more readers than there are processors to spare (see [`Waiting`]).
const QUICK: Duration = Duration::from_millis(1);

/// The read buffer. Whoever holds it is the connection's reader.
#[derive(Debug)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last wait was a short one.
    quick: bool,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; READ_SIZE],
            start: 0,
            end: 0,
            quick: false,
        }
    }

    /// Reads once, waiting until `deadline` at most. Returns the number of bytes; `None` if the time was over.
    pub(super) fn fill(
        &mut self,
        stream: &Stream,
        deadline: Option<Instant>,
    ) -> io::Result<Option<usize>> {
        let start = Instant::now();
        let waiting = Waiting::begin();
        let patience = if self.quick && waiting.may_spin() {
            QUICK
        } else {
            Duration::ZERO
        };
        loop {
            match stream.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    self.quick = start.elapsed() < QUICK;
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
            if now - start < patience {
                thread::yield_now();
                continue;
            }
            let left = deadline.map(|deadline| deadline - now);
            match sys::wait(stream, Until::Readable, left) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the next whole message. `None` means that more bytes are needed, for which there is room then.
    pub(super) fn next(&mut self, profile: &WireProfile) -> Result<Option<&[u8]>, BadLength> {
        let bytes = &self.buffer[self.start..self.end];
        let Some(word) = bytes.first_chunk::<LENGTH_WORD>() else {
            self.make_room(LENGTH_WORD);
            return Ok(None);
        };
        let needed = LENGTH_WORD + frame::message_len(*word, profile.frame_len, profile)?;
        if bytes.len() < needed {
            self.make_room(needed);
            return Ok(None);
        }
        let message = self.start + LENGTH_WORD..self.start + needed;
        self.start += needed;
        Ok(Some(&self.buffer[message]))
    }

    /// Moves what is there to the front, and lets the buffer hold `needed` bytes from there and one read more.
    /// `needed` is a checked frame length, so the buffer stays below the largest message and one read.
    fn make_room(&mut self, needed: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
    }
}
