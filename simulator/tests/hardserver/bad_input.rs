//! What the server makes of bytes that are no commands (PROTOCOL section 6, F3 to F6).

use ncore::message::{Command, command_flags};
use ncore::types::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::raw::{Raw, framed, message, words};
use crate::rig::{Rig, encrypt, import_aes};

/// PROTOCOL section 1, worked examples.
#[test]
fn answers_the_worked_examples_byte_for_byte() {
    let rig = Rig::new(1);
    let mut raw = rig.raw();
    raw.write(&words(&[20, 1, 0x15, 0, 0, 0]));
    let reply = raw.receive();
    assert_eq!(reply[..20], words(&[1, 0x15, 0, 0, 0]));
    assert_eq!(reply.len(), 40, "flags and 20 bytes of ClientID");

    raw.write(&words(&[20, 3, 8, 0, 0, 5]));
    let reply = raw.receive();
    assert_eq!(reply[..20], words(&[3, 8, 0, 0, 5]));
    assert_eq!((reply.len(), &reply[25..]), (28, &[0, 0, 0][..]));
}

/// The status of the answer, which must carry the tag of the question.
fn status(raw: &mut Raw, message: &[u8]) -> Status {
    raw.send(message);
    let reply = raw.reply();
    assert_eq!(reply.tag.to_le_bytes(), message[..4]);
    assert_eq!(
        (reply.cmd, &reply.body),
        (Cmd::ErrorReturn, &ReplyBody::Empty)
    );
    reply.status
}

#[test]
fn a_readable_header_gets_an_answer_and_the_connection_lives() {
    let rig = Rig::new(1);
    let mut raw = rig.raw();
    let no_op = Cmd::NoOp.0;
    for (what, bytes, expected) in [
        ("no arguments", words(&[1, no_op, 0, 0]), Status::Malformed),
        (
            "trailing bytes",
            words(&[2, no_op, 0, 0, 1, 0]),
            Status::Malformed,
        ),
        ("a status", words(&[3, no_op, 1, 0, 1]), Status::Malformed),
        (
            "a number without a name",
            words(&[4, 3, 0, 0]),
            Status::UnknownCommand,
        ),
        (
            "a number beyond all",
            words(&[5, 0xffff_ffff, 0, 0]),
            Status::UnknownCommand,
        ),
        (
            "a reply's number",
            words(&[6, 0, 0, 0]),
            Status::UnknownCommand,
        ),
        (
            "the bit named Unused",
            words(&[7, no_op, 0, 8, 1]),
            Status::UnknownFlag,
        ),
        (
            "a bit without a name",
            words(&[8, no_op, 0, 0x8000_0000, 1]),
            Status::UnknownFlag,
        ),
        (
            "a fragment",
            words(&[9, Cmd::FRAGMENT.0, 0, 0, 1, 2, 3]),
            Status::FragmentationError,
        ),
        (
            "a notification",
            words(&[10, Cmd::ANModuleReset.0, 0, 0, 1]),
            Status::UnknownCommand,
        ),
        (
            "code for the module",
            words(&[11, Cmd::CreateSEEWorld.0, 0, 0]),
            Status::NotAvailable,
        ),
        (
            "the pool",
            words(&[12, no_op, 0, command_flags::POOL_MODULE, 1]),
            Status::NotPoolModule,
        ),
        (
            "key state",
            words(&[13, no_op, 0, 0x80, 1]),
            Status::CommandCannotHaveState,
        ),
        (
            "a flag of NewClient",
            words(&[14, Cmd::NewClient.0, 0, 0, 1]),
            Status::UnknownFlag,
        ),
        (
            "certificates that are none",
            words(&[15, no_op, 0, 4, 1, 0xffff_ffff]),
            Status::Malformed,
        ),
    ] {
        assert_eq!(status(&mut raw, &bytes), expected, "{what}");
    }
    raw.send(&words(&[16, no_op, 0, 0, 1]));
    assert_eq!(raw.receive(), words(&[16, no_op, 0, 0]));
}

#[test]
fn a_length_below_a_header_ends_the_connection() {
    let rig = Rig::new(1);
    for length in [0, 15] {
        let mut raw = rig.raw();
        raw.write(&words(&[length, 1, Cmd::NoOp.0, 0, 0, 1]));
        assert!(raw.ended(), "{length}");
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_by_its_tag_and_ends_the_connection() {
    let rig = Rig::new(1);
    let mut raw = rig.raw();
    raw.write(&words(&[262_153, 77, Cmd::NoOp.0, 0, 0, 1]));
    let reply = raw.reply();
    assert_eq!((reply.tag, reply.status), (77, Status::Malformed));
    assert!(raw.ended());

    let mut raw = rig.raw();
    raw.write(&words(&[u32::MAX]));
    raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(raw.ended());
}

#[test]
fn the_longest_message_is_read() {
    let rig = Rig::new(1);
    let mut raw = rig.raw();
    let mut bytes = words(&[5, Cmd::NoOp.0, 0, 0, 1]);
    bytes.resize(262_152, 0);
    assert_eq!(
        status(&mut raw, &bytes),
        Status::Malformed,
        "trailing bytes, but read whole"
    );
    raw.send(&words(&[6, Cmd::NoOp.0, 0, 0, 1]));
    assert_eq!(raw.reply().status, Status::OK);
}

#[test]
fn what_was_asked_before_the_stream_lost_its_meaning_is_answered() {
    let rig = Rig::new(1);
    let mut raw = rig.raw();
    let good = framed(&words(&[1, Cmd::NoOp.0, 0, 0, 1]));
    raw.write(&[good, words(&[3])].concat());
    assert_eq!(raw.reply().status, Status::OK);
    assert!(raw.ended());
}

/// One after another, random and mutated messages: each connection gets whole frames back or ends, a client beside them
/// is not disturbed, and at the end nothing is left of them.
#[test]
fn random_and_mutated_messages_disturb_nobody() {
    let rig = Rig::ready(1);
    let client = rig.client();
    let key = client.transact(import_aes(1, 1)).unwrap().key;
    let expected = client.transact(encrypt(key)).unwrap();
    let objects = rig.objects(1);

    let templates: Vec<Vec<u8>> = vec![
        message(&Command::new(1, NewClientArgs::default())),
        message(&Command::new(
            2,
            NewEnquiryArgs {
                flags: 0,
                version: 6,
                module: 1,
            },
        )),
        message(&Command::new(3, import_aes(0, 3))),
        message(&Command::new(4, encrypt(key))),
        message(&Command::new(
            5,
            MergeKeyIDsArgs {
                keys: vec![key, key],
            },
        )),
        message(&Command::new(
            6,
            StatGetValuesArgs {
                flags: 0,
                path_tags: vec![3, 1, 7],
            },
        )),
    ];
    let mutated = (
        0..templates.len(),
        prop::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    );
    let random = prop::collection::vec(any::<u8>(), 0..200);
    let mut runner = TestRunner::deterministic();
    let mut raw = rig.raw();
    for round in 0..600 {
        let bytes = if round % 2 == 0 {
            let (template, changes) = mutated.new_tree(&mut runner).unwrap().current();
            let mut bytes = framed(&templates[template]);
            for (place, value) in changes {
                let place = place % bytes.len();
                bytes[place] = value;
            }
            bytes
        } else {
            random.new_tree(&mut runner).unwrap().current()
        };
        use std::io::Write;
        // The server may have ended the connection, or waits for the rest of a frame: every few rounds a new one.
        if raw.stream.write_all(&bytes).is_err() || round % 8 == 7 {
            raw = rig.raw();
        }
        if round % 50 == 0 {
            assert_eq!(client.transact(encrypt(key)).unwrap(), expected);
        }
    }
    drop(raw);
    assert_eq!(client.transact(encrypt(key)).unwrap(), expected);
    // Keys that broken clients imported go with their connections.
    while rig.objects(1) > objects {
        std::thread::yield_now();
    }
    while rig.statistic(&[StatNodeTag::ServerGlobals.0], StatID::ClientCount) > 3 {
        std::thread::yield_now();
    }
}
