//! Another stack as a program: started, connected, read to its end.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// The longest that one step of a peer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which kind of key a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// 1024 bits.
    Rsa,
    /// 1024 bits with an order of 160, all that a version 2 blob can hold.
    Dss,
}

impl KeyKind {
    /// OpenSSL's command for such keys.
    pub(super) fn command(self) -> &'static str {
        match self {
            KeyKind::Rsa => "rsa",
            KeyKind::Dss => "dsa",
        }
    }
}

/// The program. Killed when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a server that prints `ACCEPT` and its address, and connects to it.
    ///
    /// # Errors
    /// The system's, and a program that ends before.
    pub fn listening(command: &mut Command) -> anyhow::Result<(Peer, TcpStream)> {
        let mut peer = Peer::start(command)?;
        loop {
            let mut line = String::new();
            let length = peer.output.read_line(&mut line)?;
            ensure!(length != 0, "the peer has ended");
            if let Some(address) = line.trim_end().strip_prefix("ACCEPT ") {
                let stream = TcpStream::connect(address)?;
                return Ok((peer, patient(stream)?));
            }
        }
    }

    /// Starts a client and waits until it connects.
    ///
    /// # Errors
    /// The system's, and a program that ends before.
    pub fn connecting(
        command: &mut Command,
        listener: &TcpListener,
    ) -> anyhow::Result<(Peer, TcpStream)> {
        let mut peer = Peer::start(command)?;
        listener.set_nonblocking(true)?;
        let started = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    ensure!(peer.child.try_wait()?.is_none(), "the peer has ended");
                    ensure!(started.elapsed() < PATIENCE, "the peer does not connect");
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_nonblocking(false)?;
        Ok((peer, patient(stream)?))
    }

    fn start(command: &mut Command) -> anyhow::Result<Peer> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the output is piped")?;
        Ok(Peer {
            child,
            output: BufReader::new(output),
        })
    }

    /// Where the program reads, if that is a pipe.
    pub(super) fn input(&mut self) -> anyhow::Result<&mut ChildStdin> {
        self.child.stdin.as_mut().context("the input is piped")
    }

    /// What the program prints until it ends.
    ///
    /// # Errors
    /// The system's.
    pub fn output(&mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection on which no step takes for ever.
fn patient(stream: TcpStream) -> anyhow::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
