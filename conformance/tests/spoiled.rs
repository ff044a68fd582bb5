//! The suite can fail: behind a proxy that spoils what the hardserver says, it exits with 1 and names cases.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use conformance::target::{Choice, Prepared, Target};
use ncore::types::{Cmd, PlainTextType, Status};

/// What a proxy makes of each message from the hardserver; a new one for each connection.
type Spoil = fn() -> Box<dyn FnMut(Message) -> Vec<Message> + Send>;

/// A message without its length word.
type Message = Vec<u8>;

#[test]
fn behind_an_honest_proxy_nothing_fails() {
    let run = Proxied::new(|| Box::new(|reply| vec![reply])).run(&["sign.", "cipher.rsa"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
}

#[test]
fn a_flipped_bit_in_signatures_is_found() {
    let spoil: Spoil = || {
        Box::new(|mut reply| {
            if word(&reply, 4) == Cmd::Sign.0 {
                // In the middle of the signature, which is nearly all of the reply.
                let middle = reply.len() / 2;
                reply[middle] ^= 0x10;
            }
            vec![reply]
        })
    };
    failed(
        &Proxied::new(spoil).run(&["sign.rsa.sha256"]),
        "sign.rsa.sha256",
    );
}

#[test]
fn swapped_tags_are_found() {
    let spoil: Spoil = || {
        let (mut held, mut done) = (None::<Message>, false);
        Box::new(move |mut reply| {
            if done || word(&reply, 4) != Cmd::Sign.0 {
                return vec![reply];
            }
            // The first signature waits for the second, which comes: sixteen threads have asked for one.
            let Some(mut first) = held.take() else {
                held = Some(reply);
                return Vec::new();
            };
            first[..4].swap_with_slice(&mut reply[..4]);
            done = true;
            vec![first, reply]
        })
    };
    failed(
        &Proxied::new(spoil).run(&["sign.threads.sixteen"]),
        "sign.threads.sixteen",
    );
}

#[test]
fn a_refusal_turned_into_ok_is_found() {
    let spoil: Spoil = || {
        Box::new(|reply| {
            if word(&reply, 4) != Cmd::ErrorReturn.0 || word(&reply, 8) != Status::DecryptFailed.0 {
                return vec![reply];
            }
            // A decryption that went well: a plain text of no bytes.
            let mut good = reply[..4].to_vec();
            for part in [Cmd::Decrypt.0, Status::OK.0, 0, PlainTextType::Bytes.0, 0] {
                good.extend(part.to_le_bytes());
            }
            vec![good]
        })
    };
    failed(
        &Proxied::new(spoil).run(&["cipher.rsa.bad-padding"]),
        "cipher.rsa.bad-padding",
    );
}

/// A hardserver with a world, and a proxy before its ordinary endpoint.
struct Proxied {
    proxy: PathBuf,
    target: Arc<Target>,
    kmdata: PathBuf,
}

impl Proxied {
    fn new(spoil: Spoil) -> Proxied {
        let prepared = Prepared::new(Choice::Own {
            modules: 1,
            seed: None,
        })
        .expect("a folder");
        let kmdata = prepared.environment().kmdata.expect("it is set");
        let executable = Path::new(env!("CARGO_BIN_EXE_conformance"));
        let target = Arc::new(
            prepared
                .open_with(executable)
                .expect("a hardserver and a world"),
        );
        let folder = target.folder().expect("it is ours");
        let proxy = folder.join("proxy");
        let server = folder.join("nserver");
        let listener = UnixListener::bind(&proxy).expect("the folder is writable");
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&server) else {
                    break;
                };
                pump(client, server, spoil());
            }
        });
        Proxied {
            proxy,
            target,
            kmdata,
        }
    }

    fn run(&self, filters: &[&str]) -> Output {
        let reports = self.target.folder().expect("it is ours").join("reports");
        let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
        command
            .arg("--target")
            .arg(format!("unix:{}", self.proxy.display()));
        command
            .arg("--kmdata")
            .arg(&self.kmdata)
            .arg("--reports")
            .arg(reports)
            .args(["--time-limit", "30"]);
        for filter in filters {
            command.args(["--filter", filter]);
        }
        command.output().expect("the suite starts")
    }
}

/// Carries bytes to the server as they are, and messages back as `spoil` leaves them.
fn pump(
    client: UnixStream,
    server: UnixStream,
    mut spoil: Box<dyn FnMut(Message) -> Vec<Message> + Send>,
) {
    let (mut from_client, mut to_server) = (
        client.try_clone().expect("a descriptor"),
        server.try_clone().expect("a descriptor"),
    );
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut buffer = [0; 1 << 16];
        while let Ok(count @ 1..) = from_server.read(&mut buffer) {
            bytes.extend(&buffer[..count]);
            for reply in take_messages(&mut bytes).into_iter().flat_map(&mut spoil) {
                let length = u32::try_from(reply.len())
                    .expect("replies are short")
                    .to_le_bytes();
                if to_client
                    .write_all(&[&length[..], &reply].concat())
                    .is_err()
                {
                    return;
                }
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
}

/// Takes the whole messages off the front.
fn take_messages(bytes: &mut Vec<u8>) -> Vec<Message> {
    let mut messages = Vec::new();
    while bytes.len() >= 4 {
        let end = 4 + word(bytes, 0) as usize;
        if bytes.len() < end {
            break;
        }
        messages.push(bytes[4..end].to_vec());
        bytes.drain(..end);
    }
    messages
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn text(run: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    )
}

#[track_caller]
fn failed(run: &Output, case: &str) {
    let text = text(run);
    assert_eq!(run.status.code(), Some(1), "{text}");
    let named = text
        .lines()
        .any(|line| line.starts_with("FAILED") && line.contains(case));
    assert!(named, "{case} is not named as failed:\n{text}");
}
