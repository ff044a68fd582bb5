//! The client connection against a scripted hardserver.

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ncore::bignum::BignumOrder;
use ncore::client::{BadReply, ClientError, ConnectOptions, Connection, Endpoint, Loss};
use ncore::message::{Command, Reply, command_flags};
use ncore::profile::WireProfile;
use ncore::types::*;
use support::{Server, answer, ask, data, words};

const SHORT: Duration = Duration::from_millis(60);

fn patient(limit: Duration) -> ConnectOptions {
    ConnectOptions {
        reply_timeout: Some(limit),
        ..ConnectOptions::default()
    }
}

#[test]
fn replies_in_any_order_reach_their_commands() {
    let (connection, mut peer) = Server::listen().connect();
    let pending: Vec<_> = (0..20)
        .map(|i| connection.submit(ask(i), None).unwrap())
        .collect();
    let mut commands: Vec<_> = (0..20).map(|_| peer.expect()).collect();
    commands.reverse();
    commands.rotate_left(7);
    commands.iter().for_each(|command| peer.answer(command));
    for (i, pending) in (0..).zip(pending) {
        assert_eq!(connection.wait(pending).unwrap().data, data(i));
    }
}

#[cfg(unix)]
#[test]
fn unix_socket_carries_a_transaction() {
    let (connection, mut peer) = support::connect_unix("transaction");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| connection.transact(ask(3)));
        let command = peer.expect();
        peer.answer(&command);
        assert_eq!(waiting.join().unwrap().unwrap().data, data(3));
    });
}

#[test]
fn many_threads_share_one_connection() {
    const THREADS: u32 = 8;
    const EACH: u32 = 200;
    let (connection, mut peer) = Server::listen().connect();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let connection = &connection;
            scope.spawn(move || {
                for i in 0..EACH {
                    let number = thread * EACH + i;
                    assert_eq!(connection.transact(ask(number)).unwrap().data, data(number));
                }
            });
        }
        // Every thread has one command under way; each time all are there, they are answered in another order.
        for round in 0..EACH {
            let mut commands: Vec<_> = (0..THREADS).map(|_| peer.expect()).collect();
            commands.rotate_left((round % THREADS) as usize);
            commands
                .iter()
                .rev()
                .for_each(|command| peer.answer(command));
        }
    });
}

/// Threads that wait, wait a little, or give up, and a hardserver that answers in its own time and order: nobody gets
/// another's reply, and nobody who is patient waits for ever.
#[test]
fn patient_and_hasty_threads_share_one_connection() {
    const THREADS: u32 = 8;
    const EACH: u32 = 300;
    let server = Server::listen();
    let connection = Connection::connect(&server.endpoint(), ConnectOptions::default()).unwrap();
    let (mut reader, mut writer) = server.accept_both();
    let (arrived, commands) = mpsc::channel::<Command>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(command) = reader.next() {
                arrived.send(command).unwrap();
            }
        });
        let answerer = scope.spawn(move || {
            let (mut held, mut answered) = (Vec::<Command>::new(), 0);
            while answered < (THREADS * EACH) as usize {
                let keep = match commands.recv_timeout(Duration::from_micros(300)) {
                    Ok(command) => {
                        held.push(command);
                        answered % 7
                    }
                    Err(_) => held.len().saturating_sub(1),
                };
                while held.len() > keep {
                    writer.answer(&held.swap_remove(answered % held.len()));
                    answered += 1;
                }
            }
        });
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let connection = &connection;
                scope.spawn(move || {
                    for number in thread * EACH..(thread + 1) * EACH {
                        let pending = connection.submit(ask(number), None).unwrap();
                        let outcome = match number % 5 {
                            0 => continue,
                            1 => pending.wait_for(Some(Duration::from_micros(200))),
                            2 => pending.wait_for(Some(Duration::from_millis(3))),
                            _ => pending.wait_for(None),
                        };
                        match outcome {
                            Ok(reply) => assert_eq!(reply.data, data(number)),
                            Err(ClientError::TimedOut { .. }) => assert!(number % 5 < 3),
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        answerer.join().unwrap();
        connection.close();
    });
}

#[test]
fn time_out_names_command_and_leaves_the_connection_usable() {
    let (connection, mut peer) = Server::listen().connect_with(patient(SHORT));
    let start = Instant::now();
    let error = connection.transact(ask(1)).unwrap_err();
    assert!(start.elapsed() >= SHORT);
    let late = peer.expect();
    let ClientError::TimedOut {
        cmd,
        after,
        endpoint,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (*cmd, endpoint),
        (Cmd::GenerateRandom, connection.endpoint())
    );
    assert!(*after >= SHORT);
    let text = error.to_string();
    assert!(text.contains("no reply to GenerateRandom within"), "{text}");
    assert_eq!(error.status(), Status::OperationTimeout);

    // The late reply is dropped; the next command gets its own.
    let pending = connection.submit(ask(2), None).unwrap();
    let next = peer.expect();
    assert_ne!(next.tag, late.tag);
    peer.answer(&late);
    peer.answer(&next);
    let reply = pending.wait_for(None).unwrap();
    assert_eq!(reply.data, data(2));
}

#[test]
fn reader_whose_time_is_over_hands_its_role_on() {
    let (connection, mut peer) = Server::listen().connect();
    let first = connection.submit(ask(1), None).unwrap();
    let second = connection.submit(ask(2), None).unwrap();
    let (_first, wanted) = (peer.expect(), peer.expect());
    let (over, is_over) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let error = first.wait_for(Some(SHORT)).unwrap_err();
            assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
            over.send(()).unwrap();
        });
        thread::sleep(SHORT / 3);
        let sleeper = scope.spawn(move || second.wait_for(None));
        is_over.recv().unwrap();
        peer.answer(&wanted);
        assert_eq!(sleeper.join().unwrap().unwrap().data, data(2));
    });
}

#[test]
fn sleeper_times_out_while_another_thread_reads() {
    let (connection, mut peer) = Server::listen().connect();
    let patient = connection.submit(ask(1), None).unwrap();
    let hasty = connection.submit(ask(2), None).unwrap();
    let wanted = peer.expect();
    thread::scope(|scope| {
        let reader = scope.spawn(move || patient.wait_for(None));
        thread::sleep(SHORT / 3);
        let error = hasty.wait_for(Some(SHORT)).unwrap_err();
        assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
        peer.answer(&wanted);
        assert_eq!(reader.join().unwrap().unwrap().data, data(1));
    });
}

#[test]
fn dropped_pending_gives_its_reply_up() {
    let (connection, mut peer) = Server::listen().connect();
    for answered_first in [false, true] {
        let dropped = connection.submit(ask(1), None).unwrap();
        let kept = connection.submit(ask(2), None).unwrap();
        let commands = [peer.expect(), peer.expect()];
        if answered_first {
            commands.iter().for_each(|command| peer.answer(command));
            assert_eq!(connection.wait(kept).unwrap().data, data(2));
            drop(dropped);
        } else {
            drop(dropped);
            commands.iter().for_each(|command| peer.answer(command));
            assert_eq!(connection.wait(kept).unwrap().data, data(2));
        }
    }
}

#[test]
fn reply_to_no_command_ends_the_connection() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(1), None).unwrap();
    let command = peer.expect();
    peer.send(&Reply {
        tag: command.tag ^ 0x8000_0000,
        ..answer(&command)
    });
    let error = connection.wait(pending).unwrap_err();
    let ClientError::Lost { cause, cmd, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*cmd, Cmd::GenerateRandom);
    let tag = command.tag ^ 0x8000_0000;
    assert!(matches!(cause, Loss::UnknownTag(other) if *other == tag));
    assert!(
        error.to_string().contains(&format!("{tag:#010x}")),
        "{error}"
    );

    let error = connection.transact(ask(2)).unwrap_err();
    assert!(
        matches!(
            &error,
            ClientError::NotSent {
                cause: Loss::UnknownTag(_),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.status(), Status::ServerConnectionLost);
    assert!(connection.loss().is_some());
    peer.expect_end();
}

#[test]
fn second_reply_to_one_command_ends_the_connection() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(1), None).unwrap();
    let other = connection.submit(ask(2), None).unwrap();
    let command = peer.expect();
    peer.answer(&command);
    peer.answer(&command);
    // The reply that came first is the command's own.
    assert_eq!(connection.wait(pending).unwrap().data, data(1));
    let error = connection.wait(other).unwrap_err();
    assert!(matches!(
        error,
        ClientError::Lost {
            cause: Loss::UnknownTag(_),
            ..
        }
    ));
}

#[test]
fn lost_hardserver_is_reported_to_everyone_who_waits() {
    let (connection, mut peer) = Server::listen().connect();
    let pending: Vec<_> = (0..4)
        .map(|i| connection.submit(ask(i), None).unwrap())
        .collect();
    let answered = peer.expect();
    thread::scope(|scope| {
        let waiting: Vec<_> = pending
            .into_iter()
            .map(|pending| scope.spawn(move || pending.wait_for(None)))
            .collect();
        for _ in 1..4 {
            peer.expect();
        }
        peer.answer(&answered);
        drop(peer);
        for (i, thread) in waiting.into_iter().enumerate() {
            match thread.join().unwrap() {
                Ok(reply) => assert_eq!((i, reply.data), (0, data(0))),
                Err(error) => {
                    assert_ne!(i, 0);
                    let text = error.to_string();
                    assert!(text.contains("closed by the hardserver"), "{text}");
                    assert!(text.contains("after GenerateRandom was sent"), "{text}");
                    assert_eq!(error.status(), Status::ServerConnectionLost);
                }
            }
        }
    });
    let error = connection.transact(ask(9)).unwrap_err();
    assert!(matches!(error, ClientError::NotSent { .. }), "{error}");
}

#[test]
fn missing_hardserver_is_named() {
    let endpoint = Server::listen().endpoint();
    let error = Connection::connect(&endpoint, ConnectOptions::default()).unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    assert_eq!(error.status(), Status::ServerNotRunning);
    assert!(
        error.to_string().starts_with(&endpoint.to_string()),
        "{error}"
    );

    let endpoint: Endpoint = "unix:/nonexistent/nserver".parse().unwrap();
    let error = Connection::connect(&endpoint, ConnectOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("unix:/nonexistent/nserver"),
        "{error}"
    );
}

#[test]
fn malformed_reply_names_the_field_and_leaves_the_connection_usable() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(1), None).unwrap();
    let tag = peer.expect().tag;
    peer.send_message(&words([tag, Cmd::GenerateRandom.0, 0, 0, 5, 0x0403_0201]));
    let error = connection.wait(pending).unwrap_err();
    assert!(matches!(
        &error,
        ClientError::Malformed {
            cause: BadReply::Decode(_),
            ..
        }
    ));
    let text = error.to_string();
    assert!(text.contains("Cmd_GenerateRandom_Reply.data"), "{text}");
    assert_eq!(error.status(), Status::Malformed);

    let pending = connection.submit(ask(2), None).unwrap();
    let command = peer.expect();
    peer.answer(&command);
    assert_eq!(connection.wait(pending).unwrap().data, data(2));
}

#[test]
fn success_of_another_command_is_not_a_reply() {
    let (connection, mut peer) = Server::listen().connect();
    for (cmd, body) in [
        (Cmd::NoOp, ReplyBody::Empty),
        (Cmd::ErrorReturn, ReplyBody::Empty),
    ] {
        let pending = connection.submit(ask(1), None).unwrap();
        let tag = peer.expect().tag;
        peer.send(&Reply::ok(tag, cmd, body));
        let error = connection.wait(pending).unwrap_err();
        assert!(
            matches!(&error, ClientError::Malformed { cause: BadReply::OtherCommand(other), .. } if *other == cmd),
            "{error}"
        );
        assert_eq!(error.status(), Status::CommandReplyMismatch);
    }
}

#[test]
fn refusal_carries_status_and_details() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(1), None).unwrap();
    let command = peer.expect();
    peer.refuse(&command, Status::InvalidState);
    let error = connection.wait(pending).unwrap_err();
    let ClientError::Status { cmd, status, info } = &error else {
        panic!("{error}");
    };
    assert_eq!((*cmd, *status), (Cmd::GenerateRandom, Status::InvalidState));
    assert_eq!(**info, StatusInfo::Empty);
    assert_eq!(error.to_string(), "GenerateRandom: InvalidState");

    // Given whole, the refusal is a reply like any other.
    let pending = connection.submit_command(Command::new(77, ask(1))).unwrap();
    let command = peer.expect();
    peer.refuse(&command, Status::AccessDenied);
    let reply = connection.wait_reply(pending).unwrap();
    assert_eq!(
        (reply.tag, reply.status),
        (command.tag, Status::AccessDenied)
    );
}

#[test]
fn impossible_length_word_ends_the_connection() {
    for length in [0u32, 15, 300_000, u32::MAX] {
        let (connection, mut peer) = Server::listen().connect();
        let pending = connection.submit(ask(1), None).unwrap();
        peer.expect();
        peer.send_bytes(&length.to_le_bytes());
        let error = connection.wait(pending).unwrap_err();
        assert!(
            matches!(&error, ClientError::Lost { cause: Loss::BadLength(bad), .. } if bad.length == length as usize),
            "{error}"
        );
    }
}

#[test]
fn reply_may_arrive_byte_by_byte_and_many_at_once() {
    let (connection, mut peer) = Server::listen().connect();
    let pending = connection.submit(ask(49), None).unwrap();
    let command = peer.expect();
    let mut message = Vec::new();
    answer(&command)
        .encode(&mut message, BignumOrder::default(), &WireProfile::DEFAULT)
        .unwrap();
    let mut frame = (message.len() as u32).to_le_bytes().to_vec();
    frame.extend(message);
    thread::scope(|scope| {
        let waiting = scope.spawn(move || pending.wait_for(None));
        for byte in frame {
            peer.send_bytes(&[byte]);
        }
        assert_eq!(waiting.join().unwrap().unwrap().data, data(49));
    });
    // Replies larger than the read buffer.
    let pending: Vec<_> = (0..3)
        .map(|_| connection.submit(ask(0), None).unwrap())
        .collect();
    for byte in 0..3 {
        let tag = peer.expect().tag;
        let data = vec![byte; 200_000];
        peer.send(&Reply::ok(
            tag,
            Cmd::GenerateRandom,
            GenerateRandomReply { data }.into(),
        ));
    }
    for (byte, pending) in (0..).zip(pending) {
        assert_eq!(connection.wait(pending).unwrap().data, vec![byte; 200_000]);
    }
}

#[test]
fn dropping_the_connection_wakes_whoever_waits() {
    let (connection, mut peer) = Server::listen().connect();
    let pending: Vec<_> = (0..3)
        .map(|i| connection.submit(ask(i), None).unwrap())
        .collect();
    thread::scope(|scope| {
        let waiting: Vec<_> = pending
            .into_iter()
            .map(|pending| scope.spawn(move || pending.wait_for(None)))
            .collect();
        thread::sleep(SHORT);
        drop(connection);
        for thread in waiting {
            let error = thread.join().unwrap().unwrap_err();
            assert!(
                matches!(
                    &error,
                    ClientError::Lost {
                        cause: Loss::Closed,
                        ..
                    }
                ),
                "{error}"
            );
        }
    });
    (0..3).for_each(|_| drop(peer.expect()));
    peer.expect_end();
}

#[test]
fn reply_is_read_in_the_order_the_command_asked_for() {
    let (connection, mut peer) = Server::listen().connect();
    let prime = Bignum::from_be(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let flags = command_flags::BIGNUM_MS_BIT_FIRST | command_flags::BIGNUM_MS_WORD_FIRST;
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| connection.transact_with(GeneratePrimeArgs::default(), flags, None));
        let command = peer.expect();
        assert_eq!(command.flags, flags);
        let number = [12, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let header = words([command.tag, Cmd::GeneratePrime.0, 0, 0]);
        peer.send_message(&[&header[..], &number].concat());
        assert_eq!(waiting.join().unwrap().unwrap().r, prime);
    });
}

#[test]
fn certificates_travel_with_the_command() {
    let (connection, mut peer) = Server::listen().connect();
    let certs = CertificateList {
        certs: vec![Certificate {
            keyhash: [9; 20],
            type_: CertType::SigningKey,
            body: CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key: 5 }),
        }],
    };
    let _pending = connection.submit(ask(1), Some(certs.clone())).unwrap();
    assert_eq!(peer.expect().certs, Some(certs));
}

#[test]
fn oversized_command_is_refused_before_it_is_sent() {
    let (connection, mut peer) = Server::listen().connect();
    let error = connection.transact(hash_of(300_000)).unwrap_err();
    assert!(
        matches!(&error, ClientError::Encode { cmd: Cmd::Hash, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("300"), "{error}");
    let mismatch = SignArgs {
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data: PlainTextTypeData::Empty,
        },
        ..Default::default()
    };
    let error = connection.transact(mismatch).unwrap_err();
    assert!(error.to_string().contains("PlainTextType__Data"), "{error}");

    let pending = connection.submit(ask(1), None).unwrap();
    let command = peer.expect();
    peer.answer(&command);
    connection.wait(pending).unwrap();
}

/// A hardserver stops reading while its replies are not taken. A client that only submits must then take them itself.
#[cfg(unix)]
#[test]
fn submitting_without_waiting_does_not_lock_both_ends_up() {
    const COUNT: u8 = 20;
    let (connection, mut peer) = support::connect_unix("submit");
    thread::scope(|scope| {
        scope.spawn(move || {
            for byte in 0..COUNT {
                let tag = peer.expect().tag;
                let data = vec![byte; 250_000];
                peer.send(&Reply::ok(
                    tag,
                    Cmd::GenerateRandom,
                    GenerateRandomReply { data }.into(),
                ));
            }
        });
        let pending: Vec<_> = (0..COUNT)
            .map(|_| {
                connection
                    .submit_command(Command::new(0, hash_of(250_000)))
                    .unwrap()
            })
            .collect();
        for (byte, pending) in (0..).zip(pending) {
            let body = GenerateRandomReply {
                data: vec![byte; 250_000],
            };
            assert_eq!(connection.wait_reply(pending).unwrap().body, body.into());
        }
    });
}

#[cfg(unix)]
#[test]
fn hardserver_that_stops_reading_is_given_up_in_time() {
    let server = Server::listen();
    let (connection, peer) = server.connect_with(patient(SHORT));
    // The system's buffers take a good deal before a write stands still.
    let error = (0..1000)
        .find_map(|_| connection.submit(hash_of(250_000), None).err())
        .unwrap();
    assert!(
        matches!(
            &error,
            ClientError::Lost {
                cause: Loss::Stuck,
                ..
            }
        ),
        "{error}"
    );
    let error = connection.transact(ask(1)).unwrap_err();
    assert!(
        matches!(
            &error,
            ClientError::NotSent {
                cause: Loss::Stuck,
                ..
            }
        ),
        "{error}"
    );
    drop(peer);
}

fn hash_of(len: usize) -> HashArgs {
    HashArgs {
        mech: Mech::SHA256Hash,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data: PlainTextTypeData::Bytes(PlainTextTypeBytesData { data: vec![0; len] }),
        },
        ..HashArgs::default()
    }
}
