//! A connection as bytes: what is written and read is exactly what is on the wire.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use ncore::bignum::BignumOrder;
use ncore::frame;
use ncore::message::{Command, Reply};
use ncore::profile::{FrameLen, WireProfile};

/// How long a test waits for what must come. It only bounds a failing test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Raw {
    pub(crate) stream: UnixStream,
}

impl Raw {
    pub(crate) fn connect(path: &Path) -> Raw {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw { stream }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends one message, the length word counting the message only.
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.write(&framed(message));
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut message = vec![0; u32::from_le_bytes(length) as usize];
        self.stream.read_exact(&mut message).unwrap();
        message
    }

    /// The next message, as a reply.
    pub(crate) fn reply(&mut self) -> Reply {
        Reply::decode(
            &self.receive(),
            BignumOrder::default(),
            &WireProfile::DEFAULT,
        )
        .unwrap()
    }

    /// Whether the server has ended the connection: nothing more comes.
    pub(crate) fn ended(&mut self) -> bool {
        match self.stream.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A frame, the length word counting the message only.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    framed_as(message, FrameLen::Exclusive)
}

/// Commands in frames, one after the other.
pub(crate) fn burst(commands: impl IntoIterator<Item = Command>) -> Vec<u8> {
    commands
        .into_iter()
        .flat_map(|command| framed(&message(&command)))
        .collect()
}

pub(crate) fn framed_as(message: &[u8], frame_len: FrameLen) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out);
    out.extend_from_slice(message);
    frame::finish(&mut out, start, frame_len);
    out
}

pub(crate) fn message(command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    command.encode(&mut out, &WireProfile::DEFAULT).unwrap();
    out
}

/// Words as they are on the wire.
pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
