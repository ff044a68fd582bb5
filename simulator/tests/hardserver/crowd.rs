//! Many commands at a time: order, back pressure, fairness.

use std::collections::HashSet;
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use ncore::message::Command;
use ncore::types::*;

use crate::raw::{burst, framed, message, words};
use crate::rig::{Rig, encrypt, generate_rsa, import_aes, sign};

#[test]
fn a_cheap_command_does_not_wait_for_an_expensive_one() {
    let rig = Rig::ready(1);
    let mut raw = rig.raw();
    raw.send(&message(&Command::new(1, NewClientArgs::default())));
    raw.receive();
    // In one write, so that one worker reads them all: more arithmetic than there are engines, then a question.
    let mut bytes = Vec::new();
    for tag in 2..6 {
        bytes.extend(framed(&message(&Command::new(tag, generate_rsa(1, 2048)))));
    }
    bytes.extend(framed(&words(&[9, Cmd::NoOp.0, 0, 0, 1])));
    raw.write(&bytes);
    assert_eq!(raw.reply().tag, 9);
    let made: HashSet<u32> = (2..6)
        .map(|_| raw.reply())
        .map(|reply| (assert_eq!(reply.status, Status::OK), reply.tag).1)
        .collect();
    assert_eq!(made, (2..6).collect());
}

#[test]
fn a_connection_beside_one_that_computes_is_served() {
    let rig = Rig::ready(1);
    let (busy, other) = (rig.client(), rig.client());
    let pending: Vec<_> = (0..6)
        .map(|_| busy.submit(generate_rsa(1, 2048), None).unwrap())
        .collect();
    for _ in 0..100 {
        other.transact(NoOpArgs { module: 1 }).unwrap();
    }
    assert!(
        rig.statistic(
            &[
                StatNodeTag::PerDevice.0,
                1,
                StatNodeTag::ModuleServerStats.0
            ],
            StatID::JobsOutstanding
        ) > 0
    );
    for pending in pending {
        busy.wait(pending).unwrap();
    }
}

#[test]
fn every_one_of_many_commands_is_answered_though_nobody_reads_meanwhile() {
    const COMMANDS: u32 = 4000;
    let rig = Rig::ready(1);
    let client = rig.connect();
    let id = client.transact(NewClientArgs::default()).unwrap().client;
    let key = client.transact(generate_rsa(1, 512)).unwrap().keypriv;
    let mut raw = rig.raw();
    raw.send(&message(&Command::new(
        0,
        ExistingClientArgs {
            flags: 0,
            client: id,
        },
    )));
    raw.receive();
    let mut writer = raw.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for tag in 0..COMMANDS {
                // Signatures go through the engines, random bytes are answered on the spot.
                let command = match tag % 4 {
                    0 => Command::new(tag, GenerateRandomArgs { lenbytes: 1000 }),
                    _ => Command::new(tag, sign(key)),
                };
                writer.write_all(&framed(&message(&command))).unwrap();
            }
        });
        // The writer is held up until somebody reads; another client is not.
        for _ in 0..50 {
            client.transact(NoOpArgs { module: 1 }).unwrap();
        }
        let mut tags = HashSet::new();
        for _ in 0..COMMANDS {
            let reply = raw.reply();
            assert_eq!(reply.status, Status::OK);
            tags.insert(reply.tag);
        }
        assert_eq!(tags.len(), COMMANDS as usize);
    });
}

#[test]
fn what_was_sent_before_the_end_is_answered_after_it() {
    let rig = Rig::ready(1);
    let mut raw = rig.raw();
    raw.send(&message(&Command::new(1, NewClientArgs::default())));
    raw.receive();
    let commands = (0..5).map(|tag| Command::new(tag, generate_rsa(1, 1024)));
    raw.write(&burst(commands));
    raw.stream.shutdown(Shutdown::Write).unwrap();
    let tags: HashSet<u32> = (0..5).map(|_| raw.reply().tag).collect();
    assert_eq!(tags.len(), 5);
    assert!(raw.ended());
}

/// The replies are read only when the daemon has stopped reading commands for them: it goes on, and ends the connection.
#[test]
fn a_connection_whose_replies_are_read_late_ends() {
    const COMMANDS: u32 = 400;
    let rig = Rig::ready(1);
    for _ in 0..5 {
        let mut raw = rig.raw();
        let command = |tag| Command::new(tag, GenerateRandomArgs { lenbytes: 4096 });
        raw.write(&burst((0..COMMANDS).map(command)));
        raw.stream.shutdown(Shutdown::Write).unwrap();
        // The longer they are left, the surer it has stopped.
        std::thread::sleep(Duration::from_millis(50));
        for tag in 0..COMMANDS {
            assert_eq!(raw.reply().tag, tag);
        }
        assert!(raw.ended());
    }
}

/// Commands that end just where the daemon stops reading one socket for the sake of the others.
#[test]
fn a_burst_that_fills_every_read_is_answered_to_its_end() {
    const FRAME: usize = 1024;
    let rig = Rig::ready(1);
    let mut raw = rig.raw();
    let mut frame = framed(&message(&Command::new(
        7,
        GenerateRandomArgs { lenbytes: 8 },
    )));
    // What follows a command's fields makes it malformed, which is an answer too.
    frame.resize(FRAME, 0);
    frame[..4].copy_from_slice(&(FRAME as u32 - 4).to_le_bytes());
    for kib in [64, 128, 256, 256, 256, 512, 1024].repeat(4) {
        let mut writer = raw.stream.try_clone().unwrap();
        let burst = frame.repeat(kib);
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&burst).unwrap());
            for _ in 0..kib {
                assert_eq!(raw.reply().tag, 7);
            }
        });
    }
}

/// However the last replies, the end of the input and the news of it meet, somebody ends the connection.
#[test]
fn every_connection_that_the_peer_has_ended_ends() {
    let rig = Rig::ready(1);
    let client = rig.connect();
    let id = client.transact(NewClientArgs::default()).unwrap().client;
    let key = client.transact(generate_rsa(1, 512)).unwrap().keypriv;
    let enter = ExistingClientArgs {
        flags: 0,
        client: id,
    };
    let signs = (1..4).map(|tag| Command::new(tag, sign(key)));
    let bytes = burst(std::iter::once(Command::new(0, enter)).chain(signs));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let mut raw = rig.raw();
                    raw.write(&bytes);
                    raw.stream.shutdown(Shutdown::Write).unwrap();
                    for _ in 0..4 {
                        assert_eq!(raw.reply().status, Status::OK);
                    }
                    assert!(raw.ended());
                }
            });
        }
    });
}

#[test]
fn a_client_that_leaves_takes_its_waiting_jobs_along() {
    let rig = Rig::ready(1);
    let leaving = rig.client();
    let pending: Vec<_> = (0..200)
        .map(|_| leaving.submit(generate_rsa(1, 2048), None).unwrap())
        .collect();
    drop(pending);
    drop(leaving);
    // Two hundred keys would take minutes: only what had begun is computed to its end.
    let other = rig.client();
    other.transact(generate_rsa(1, 512)).unwrap();
    while rig.objects(1) > 2 {
        std::thread::yield_now();
    }
}

#[test]
fn many_threads_on_many_connections_get_their_own_answers() {
    let rig = Rig::ready(2);
    std::thread::scope(|scope| {
        for byte in 0..8 {
            let rig = &rig;
            scope.spawn(move || {
                let client = rig.client();
                let key = client.transact(import_aes(0, byte)).unwrap().key;
                let expected = client.transact(encrypt(key)).unwrap();
                std::thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            for _ in 0..50 {
                                assert_eq!(client.transact(encrypt(key)).unwrap(), expected);
                            }
                        });
                    }
                });
            });
        }
    });
}
