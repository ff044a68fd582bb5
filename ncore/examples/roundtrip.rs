//! Measures what the client connection costs: microseconds a command against a server that answers at once.
//!
//! `cargo run --release -p ncore --example roundtrip [-- [--tcp] [CASE]]`, where CASE is a part of a case's name. Each
//! figure is the median and the lowest of eleven
//! rounds; the cases take turns, so that a busy machine disturbs them alike. The command is Sign with a 32-byte hash,
//! the reply a 256-byte signature, already encoded: the server copies it and puts the tag in.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::frame::{self, LENGTH_WORD};
use ncore::message::Reply;
use ncore::profile::WireProfile;
use ncore::types::*;

const ROUNDS: usize = 11;
const COMMANDS: usize = 20_000;
const IN_FLIGHT: usize = 8;

type Case = (&'static str, fn(&Endpoint) -> Result<(), ClientError>);

const CASES: [Case; 7] = [
    ("bare socket, one caller", |to| bare(to, 1)),
    ("bare socket, one caller, 8 in flight", |to| {
        bare(to, IN_FLIGHT)
    }),
    ("one connection, one caller", alone),
    ("one connection, one caller, 8 in flight", pipelined),
    ("one connection, 2 callers", |to| shared(to, 2)),
    ("one connection, 8 callers", |to| shared(to, IN_FLIGHT)),
    ("8 connections, 8 callers", separate),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (options, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|arg| arg == "--tcp");
    let endpoint = serve(!options.is_empty())?;
    let wanted = |case: &&Case| names.iter().all(|name| case.0.contains(name));
    let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
    let mut figures = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, run), figures) in cases.iter().zip(&mut figures) {
            let start = Instant::now();
            run(&endpoint)?;
            figures.push(start.elapsed().as_secs_f64() * 1e6 / COMMANDS as f64);
        }
    }
    println!(
        "{:<42} {:>8} {:>8}  (us a command, {endpoint})",
        "", "median", "lowest"
    );
    for ((name, _), figures) in cases.iter().zip(&mut figures) {
        figures.sort_by(f64::total_cmp);
        println!(
            "{name:<42} {:>8.2} {:>8.2}",
            figures[ROUNDS / 2],
            figures[0]
        );
    }
    if let Endpoint::Unix(path) = &endpoint {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn connect(endpoint: &Endpoint) -> Result<Connection, ClientError> {
    Connection::connect(endpoint, ConnectOptions::default())
}

fn sign() -> SignArgs {
    SignArgs {
        key: 7,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: PlainText {
            type_: PlainTextType::Hash32,
            data: PlainTextTypeData::Hash32(PlainTextTypeHash32Data { data: [7; 32] }),
        },
        ..SignArgs::default()
    }
}

/// A reply with the tag 0, length word included.
fn reply_frame() -> &'static [u8] {
    static FRAME: OnceLock<Vec<u8>> = OnceLock::new();
    FRAME.get_or_init(|| {
        let mut frame = vec![0; LENGTH_WORD];
        Reply::ok(0, Cmd::Sign, signature().into())
            .encode(&mut frame, Default::default(), &WireProfile::DEFAULT)
            .expect("a reply that can be encoded");
        frame::finish(&mut frame, 0, WireProfile::DEFAULT.frame_len);
        frame
    })
}

fn signature() -> SignReply {
    SignReply {
        sig: CipherText {
            mech: Mech::RSAhSHA256pPKCS1,
            data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
                m: Bignum::from_le(&[7; 256]),
            }),
            ..CipherText::default()
        },
    }
}

/// What the sockets themselves cost: writes and reads without looking at what comes.
fn bare(endpoint: &Endpoint, in_flight: usize) -> Result<(), ClientError> {
    let mut command = vec![0; LENGTH_WORD];
    ncore::message::Command::new(0, sign())
        .encode(&mut command, &WireProfile::DEFAULT)
        .expect("a command that can be encoded");
    frame::finish(&mut command, 0, WireProfile::DEFAULT.frame_len);
    match endpoint {
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let stream = std::os::unix::net::UnixStream::connect(path);
            exchange(stream.expect("the server listens"), &command, in_flight);
        }
        Endpoint::Tcp(address) => {
            let stream = std::net::TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("a socket option");
            exchange(stream, &command, in_flight);
        }
        #[cfg(not(unix))]
        Endpoint::Unix(_) => {}
    }
    Ok(())
}

fn exchange(mut stream: impl Read + Write, command: &[u8], in_flight: usize) {
    let mut buffer = [0; 16 * 1024];
    let (mut sent, mut received) = (0, 0);
    while received < COMMANDS * reply_frame().len() {
        while sent < COMMANDS && sent - received / reply_frame().len() < in_flight {
            stream.write_all(command).expect("the server reads");
            sent += 1;
        }
        received += stream.read(&mut buffer).expect("the server answers");
    }
}

fn alone(endpoint: &Endpoint) -> Result<(), ClientError> {
    let connection = connect(endpoint)?;
    (0..COMMANDS).try_for_each(|_| connection.transact(sign()).map(drop))
}

fn pipelined(endpoint: &Endpoint) -> Result<(), ClientError> {
    let connection = connect(endpoint)?;
    let mut pending = VecDeque::new();
    for _ in 0..COMMANDS {
        if pending.len() == IN_FLIGHT
            && let Some(oldest) = pending.pop_front()
        {
            connection.wait(oldest)?;
        }
        pending.push_back(connection.submit(sign(), None)?);
    }
    pending
        .into_iter()
        .try_for_each(|one| connection.wait(one).map(drop))
}

fn shared(endpoint: &Endpoint, callers: usize) -> Result<(), ClientError> {
    let connection = connect(endpoint)?;
    run_threads(callers, |_| {
        (0..COMMANDS / callers).try_for_each(|_| connection.transact(sign()).map(drop))
    })
}

fn separate(endpoint: &Endpoint) -> Result<(), ClientError> {
    run_threads(IN_FLIGHT, |_| {
        let connection = connect(endpoint)?;
        (0..COMMANDS / IN_FLIGHT).try_for_each(|_| connection.transact(sign()).map(drop))
    })
}

fn run_threads(
    count: usize,
    run: impl Fn(usize) -> Result<(), ClientError> + Sync,
) -> Result<(), ClientError> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|i| {
                scope.spawn({
                    let run = &run;
                    move || run(i)
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a caller that does not panic"))
    })
}

/// Starts a server on a thread of its own, with a thread a connection, and returns where it listens.
fn serve(tcp: bool) -> std::io::Result<Endpoint> {
    #[cfg(unix)]
    if !tcp {
        let path = std::env::temp_dir().join(format!("roundtrip-{}.sock", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
        return Ok(Endpoint::Unix(path));
    }
    let _ = tcp;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = Endpoint::Tcp(listener.local_addr()?.to_string());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| answer(stream)));
        }
    });
    Ok(endpoint)
}

/// Answers every command that has arrived with one write, until the client closes.
fn answer(mut stream: impl Read + Write) -> std::io::Result<()> {
    let profile = WireProfile::DEFAULT;
    let mut reply = reply_frame().to_vec();
    let (mut bytes, mut end, mut out) = (vec![0; 64 * 1024], 0, Vec::new());
    loop {
        let count = stream.read(&mut bytes[end..])?;
        if count == 0 {
            return Ok(());
        }
        end += count;
        let mut start = 0;
        while let Ok(Some((message, taken))) =
            frame::split(&bytes[start..end], profile.frame_len, &profile)
        {
            reply[LENGTH_WORD..][..4].copy_from_slice(&message[..4]);
            out.extend_from_slice(&reply);
            start += taken;
        }
        bytes.copy_within(start..end, 0);
        end -= start;
        stream.write_all(&out)?;
        out.clear();
    }
}
