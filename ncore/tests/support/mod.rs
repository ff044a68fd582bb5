//! The hardserver's end of a connection, played by a test: a script of what is expected and what is sent.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::codec::to_bytes;
use ncore::frame::{self, LENGTH_WORD};
use ncore::message::{Command, Reply};
use ncore::profile::WireProfile;
use ncore::types::{Args, Cmd, GenerateRandomArgs, GenerateRandomReply, Status};

/// A listening hardserver.
pub(crate) struct Server {
    listener: TcpListener,
}

/// One accepted connection.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Server {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp(self.listener.local_addr().unwrap().to_string())
    }

    pub(crate) fn connect(&self) -> (Connection, Peer) {
        self.connect_with(ConnectOptions::default())
    }

    pub(crate) fn connect_with(&self, options: ConnectOptions) -> (Connection, Peer) {
        let connection = Connection::connect(&self.endpoint(), options).unwrap();
        (connection, self.accept())
    }

    /// The two directions of one connection, for a hardserver that answers while it reads.
    pub(crate) fn accept_both(&self) -> (Peer, Peer) {
        let (stream, _) = self.listener.accept().unwrap();
        let other = Box::new(stream.try_clone().unwrap());
        let stream = Box::new(stream);
        (Peer { stream }, Peer { stream: other })
    }

    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().unwrap();
        // A test that goes wrong ends instead of hanging.
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Peer {
            stream: Box::new(stream),
        }
    }
}

/// A connection over a Unix socket, whose buffers are small. The socket's file is gone again.
#[cfg(unix)]
pub(crate) fn connect_unix(name: &str) -> (Connection, Peer) {
    use std::os::unix::net::UnixListener;
    let name = format!("ncore-{name}-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path).unwrap();
    let options = ConnectOptions::default();
    let connection = Connection::connect(&Endpoint::Unix(path.clone()), options).unwrap();
    std::fs::remove_file(path).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream.set_write_timeout(limit).unwrap();
    let stream = Box::new(stream);
    (connection, Peer { stream })
}

impl Peer {
    /// The next command, which must come.
    pub(crate) fn expect(&mut self) -> Command {
        self.next().unwrap()
    }

    /// The next command; `None` when there are no more.
    pub(crate) fn next(&mut self) -> Option<Command> {
        let mut word = [0; LENGTH_WORD];
        self.stream.read_exact(&mut word).ok()?;
        let profile = WireProfile::DEFAULT;
        let len = frame::message_len(word, profile.frame_len, &profile).unwrap();
        let mut message = vec![0; len];
        self.stream.read_exact(&mut message).ok()?;
        Some(Command::decode(&message, &profile).unwrap())
    }

    /// Reads until the client closes, which it must do without another byte.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }

    pub(crate) fn send(&mut self, reply: &Reply) {
        let mut message = Vec::new();
        let profile = WireProfile::DEFAULT;
        reply
            .encode(&mut message, Default::default(), &profile)
            .unwrap();
        self.send_message(&message);
    }

    /// Sends a message given as bytes.
    pub(crate) fn send_message(&mut self, message: &[u8]) {
        let mut bytes = (message.len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(message);
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Answers a command of [`ask`].
    pub(crate) fn answer(&mut self, command: &Command) {
        self.send(&answer(command));
    }

    pub(crate) fn refuse(&mut self, command: &Command, status: Status) {
        self.send(&Reply::error(command.tag, status));
    }
}

/// A command whose reply tells it from others: see [`data`].
pub(crate) fn ask(number: u32) -> GenerateRandomArgs {
    GenerateRandomArgs { lenbytes: number }
}

/// What [`Peer::answer`] gives to `ask(number)`.
pub(crate) fn data(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + number as usize % 50)
}

pub(crate) fn answer(command: &Command) -> Reply {
    let Args::GenerateRandom(args) = &command.args else {
        panic!("not what was asked: {command:?}");
    };
    let body = GenerateRandomReply {
        data: data(args.lenbytes),
    };
    Reply::ok(command.tag, Cmd::GenerateRandom, body.into())
}

/// Words as they stand on the wire.
pub(crate) fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
    to_bytes(&words.map(u32::to_le_bytes).concat(), &WireProfile::DEFAULT).unwrap()[4..].to_vec()
}
