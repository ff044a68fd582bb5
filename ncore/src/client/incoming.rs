//! Bytes that have arrived, cut into messages.

use std::io;
use std::time::{Duration, Instant};

use super::stream::{Stream, is_timeout};
use crate::frame::{self, BadLength, LENGTH_WORD};
use crate::profile::WireProfile;

/// Bytes read at once. A message is at most 8 KiB unless its command says otherwise (PROTOCOL section 2.3), so one read
/// takes in at least one reply, and many small ones.
const READ_SIZE: usize = 16 * 1024;

/// The read buffer. Whoever holds it is the connection's reader.
#[derive(Debug)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The time limit that the socket has now.
    limit: Option<Duration>,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; READ_SIZE],
            start: 0,
            end: 0,
            limit: None,
        }
    }

    /// Reads once, waiting until `deadline` at most. Returns the number of bytes; `None` if the time was over, which may
    /// be a little before the deadline.
    pub(super) fn fill(
        &mut self,
        stream: &Stream,
        deadline: Option<Instant>,
    ) -> io::Result<Option<usize>> {
        self.set_limit(stream, deadline)?;
        loop {
            match stream.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => return Ok(None),
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

    /// Sets the socket's time limit, but only where the one it has would be far off: a lone caller who always allows
    /// the same time never pays a system call for it.
    fn set_limit(&mut self, stream: &Stream, deadline: Option<Instant>) -> io::Result<()> {
        let wanted = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            left.max(Duration::from_millis(1))
        });
        let suits = match (self.limit, wanted) {
            (None, None) => true,
            (Some(limit), Some(wanted)) => limit >= wanted / 2 && limit <= wanted + wanted / 16,
            _ => false,
        };
        if !suits {
            stream.set_read_timeout(wanted)?;
            self.limit = wanted;
        }
        Ok(())
    }
}
