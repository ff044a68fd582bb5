//! The seeds of the fuzz targets: real messages, kept in `fuzz/seeds`.

mod sampling;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ncore::bignum::BignumOrder;
use ncore::frame;
use ncore::invariant;
use ncore::message::{Command, Header, Reply};
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::*;
use sampling::{Source, sample_command, sample_reply};

const PROFILE: WireProfile = WireProfile::DEFAULT;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target)
}

/// Name and bytes of every seed of a target.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder(target)).unwrap();
    let mut seeds: Vec<_> = files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

/// The commands whose layout is known.
fn known() -> BTreeSet<Cmd> {
    let has_layout = |cmd: &Cmd| {
        let mut r = ncore::codec::Reader::new(&[0; 4096], &PROFILE);
        !matches!(Args::decode(*cmd, &mut r), Ok(Args::Raw(..)))
    };
    Cmd::ALL.iter().copied().filter(has_layout).collect()
}

#[test]
fn every_command_has_a_seed() {
    let seeds = seeds("commands");
    let read = |(name, bytes): &(String, Vec<u8>)| {
        let command = Command::decode(bytes, &PROFILE).unwrap_or_else(|e| panic!("{name}: {e}"));
        command.cmd()
    };
    let seen: BTreeSet<_> = seeds.iter().map(read).collect();
    assert_eq!(known().difference(&seen).collect::<Vec<_>>(), [&Cmd(0); 0]);
}

#[test]
fn every_reply_has_a_seed_and_refusals_have_some() {
    let (mut seen, mut refusals) = (BTreeSet::new(), 0);
    for (name, bytes) in seeds("replies") {
        let order = BignumOrder::from_command_flags(Header::peek(&bytes).unwrap().tag);
        let reply =
            Reply::decode(&bytes, order, &PROFILE).unwrap_or_else(|e| panic!("{name}: {e}"));
        seen.insert(reply.cmd);
        refusals += usize::from(reply.info != StatusInfo::Empty);
    }
    assert_eq!(known().difference(&seen).collect::<Vec<_>>(), [&Cmd(0); 0]);
    assert!(refusals >= 8);
}

#[test]
fn every_stream_of_frames_is_cut_to_its_end() {
    for (name, bytes) in seeds("frames") {
        let frame_len = match name.starts_with("inclusive") {
            true => FrameLen::Inclusive,
            false => FrameLen::Exclusive,
        };
        let (mut rest, mut count) = (&bytes[..], 0);
        while let Some((message, taken)) = frame::split(rest, frame_len, &PROFILE).unwrap() {
            Command::decode(message, &PROFILE).unwrap();
            rest = &rest[taken..];
            count += 1;
        }
        assert!(rest.is_empty() && count > 1, "{name}");
    }
}

#[test]
fn every_change_of_a_byte_keeps_the_invariant() {
    type Target = (&'static str, fn(&[u8]) -> bool);
    let targets: [Target; 3] = [
        ("commands", invariant::command),
        ("replies", invariant::reply),
        ("frames", invariant::frames),
    ];
    for (target, holds) in targets {
        for (name, mut bytes) in seeds(target) {
            assert!(holds(&bytes), "{target}/{name}");
            for place in 0..bytes.len() {
                for change in [0x01, 0x04, 0x80, 0xff] {
                    bytes[place] ^= change;
                    assert!(holds(&bytes), "{target}/{name} at {place} by {change:#x}");
                    bytes[place] ^= change;
                }
                assert!(holds(&bytes[..place]), "{target}/{name} cut to {place}");
            }
        }
    }
}

/// Not a test: writes the seeds. Each is one of many random messages of its kind, of middle length.
#[test]
#[ignore = "writes the seeds of the fuzz targets"]
fn write_seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder(target)).unwrap();
        fs::write(folder(target).join(name), bytes).unwrap();
    };
    let (mut commands, mut replies) = (Vec::new(), Vec::new());
    for seed in 0..20_000 {
        let mut bytes = Vec::new();
        let command = sample_command(&mut Source::new(seed));
        command.encode(&mut bytes, &PROFILE).unwrap();
        commands.push((command.cmd(), bytes));
        let mut bytes = Vec::new();
        let reply = sample_reply(&mut Source::new(seed));
        let order = BignumOrder::from_command_flags(reply.tag);
        reply.encode(&mut bytes, order, &PROFILE).unwrap();
        replies.push(((reply.cmd, reply.status), bytes));
    }
    for cmd in known() {
        let of = |(other, _): &&(Cmd, Vec<u8>)| *other == cmd;
        write(
            "commands",
            &cmd.to_string(),
            middle(commands.iter().filter(of).map(|(_, bytes)| bytes)),
        );
        let of = |((other, _), _): &&((Cmd, Status), Vec<u8>)| *other == cmd;
        let bytes = replies.iter().filter(of).map(|(_, bytes)| bytes);
        write("replies", &cmd.to_string(), middle(bytes));
    }
    for status in Status::ALL {
        let of =
            |((_, other), bytes): &&((Cmd, Status), Vec<u8>)| other == status && bytes.len() > 16;
        let details: Vec<_> = replies.iter().filter(of).map(|(_, bytes)| bytes).collect();
        if *status != Status::OK && !details.is_empty() {
            write(
                "replies",
                &format!("refused-{status}"),
                middle(details.into_iter()),
            );
        }
    }
    for (i, some) in commands.chunks(5).take(6).enumerate() {
        for (name, frame_len) in [
            ("exclusive", FrameLen::Exclusive),
            ("inclusive", FrameLen::Inclusive),
        ] {
            let mut stream = Vec::new();
            for (_, message) in some {
                let start = frame::begin(&mut stream);
                stream.extend_from_slice(message);
                frame::finish(&mut stream, start, frame_len);
            }
            write("frames", &format!("{name}-{i}"), &stream);
        }
    }
}

/// The message in the middle when they are sorted by length.
fn middle<'a>(messages: impl Iterator<Item = &'a Vec<u8>>) -> &'a [u8] {
    let mut messages: Vec<_> = messages.collect();
    messages.sort_by_key(|message| message.len());
    messages[messages.len() / 2]
}
