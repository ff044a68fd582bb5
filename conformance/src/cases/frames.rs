//! Bytes on the socket: frames, headers, and input that makes no sense.

use std::io::Write as _;

use anyhow::{Context as _, ensure};
use ncore::client::Endpoint;
use ncore::message::Command;
use ncore::profile::WireProfile;
use ncore::types::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{RawStream, raw, read_frame, write_frame};

const WIRE: &str = "nCore wire format: commands and replies";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "frames.tag.echoed",
        "Replies carry the tag of their command",
        WIRE,
        tag_echoed,
    )
    .needs(&[]),
    Case::new(
        "frames.many.in-flight",
        "Many commands are under way on one connection",
        WIRE,
        many_in_flight,
    )
    .needs(&[]),
    Case::new(
        "frames.pieces.joined",
        "A frame may come in pieces, and two in one",
        WIRE,
        pieces_joined,
    )
    .needs(&[]),
    Case::new(
        "frames.command.unknown",
        "Unknown commands are answered, and the connection goes on",
        WIRE,
        command_unknown,
    )
    .needs(&[]),
    Case::new(
        "frames.command.known-by-name",
        "Every command known by name is answered",
        WIRE,
        known_by_name,
    )
    .needs(&[]),
    Case::new(
        "frames.body.malformed",
        "A body that is cut off or goes on is malformed, and the connection goes on",
        WIRE,
        body_malformed,
    )
    .needs(&[]),
    Case::new(
        "frames.header.flags",
        "Unknown header flags are refused",
        WIRE,
        header_flags,
    )
    .needs(&[])
    .covers(&[replies(Cmd::GenerateRandom)]),
    Case::new(
        "frames.frame.truncated",
        "A frame that ends too early disturbs nobody",
        WIRE,
        frame_truncated,
    )
    .needs(&[]),
    Case::new(
        "frames.frame.too-long",
        "A frame longer than any message ends the connection",
        WIRE,
        frame_too_long,
    )
    .needs(&[]),
    Case::new(
        "frames.privilege.refused",
        "Privileged commands are refused on the ordinary endpoint",
        "nCore API: Cmd_ClearUnit",
        privilege_refused,
    )
    .covers(&[
        denies(Cmd::ClearUnit, Status::PrivilegedCommand),
        denies(Cmd::Fail, Status::PrivilegedCommand),
        denies(Cmd::InitialiseUnit, Status::PrivilegedCommand),
    ]),
    Case::new(
        "frames.random.survived",
        "Ten thousand random and ten thousand mutated frames disturb nobody",
        WIRE,
        random_survived,
    )
    .needs(&[Need::Control]),
];

/// A message as bytes.
fn encoded(tag: u32, args: impl Into<Args>) -> anyhow::Result<Vec<u8>> {
    let mut message = Vec::new();
    Command::new(tag, args).encode(&mut message, &WireProfile::DEFAULT)?;
    Ok(message)
}

/// A message of header words and a body of the case's own.
fn made_up(tag: u32, cmd: u32, flags: u32, body: &[u8]) -> Vec<u8> {
    let mut message: Vec<u8> = [tag, cmd, 0, flags]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    message.extend(body);
    message
}

fn word(message: &[u8], at: usize) -> anyhow::Result<u32> {
    let bytes = message
        .get(at..at + 4)
        .context("the reply is shorter than its header")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

/// Sends a message and gives tag and status of the next reply.
fn exchange(stream: &mut RawStream, message: &[u8]) -> anyhow::Result<(u32, Status)> {
    write_frame(stream, message)?;
    let reply = read_frame(stream)?.context("the hardserver closed the connection")?;
    Ok((word(&reply, 0)?, Status(word(&reply, 8)?)))
}

fn random(tag: u32) -> anyhow::Result<Vec<u8>> {
    encoded(tag, GenerateRandomArgs { lenbytes: 4 })
}

fn tag_echoed(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for tag in [0, 1, 0x1234_5678, u32::MAX] {
        equal(
            exchange(&mut stream, &random(tag)?)?,
            (tag, Status::OK),
            "tag and status",
        )?;
    }
    Ok(Outcome::Passed)
}

fn many_in_flight(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    // Each asks for another number of bytes, so that a reply shows whose it is.
    for tag in 0..200 {
        let args = GenerateRandomArgs { lenbytes: tag + 1 };
        write_frame(&mut stream, &encoded(tag, args)?)?;
    }
    let mut tags = Vec::new();
    for _ in 0..200 {
        let reply = read_frame(&mut stream)?.context("the hardserver closed the connection")?;
        equal(Status(word(&reply, 8)?), Status::OK, "the status")?;
        let tag = word(&reply, 0)?;
        // Behind the header: the length of the block, then the block.
        equal(word(&reply, 16)?, tag + 1, "the number of bytes")?;
        tags.push(tag);
    }
    tags.sort_unstable();
    equal(tags, (0..200).collect(), "the tags")?;
    Ok(Outcome::Passed)
}

fn pieces_joined(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let mut both = Vec::new();
    write_frame(&mut both, &random(1)?)?;
    write_frame(&mut both, &random(2)?)?;
    // One byte at a time over the border between the two, then the rest.
    for byte in &both[..30] {
        stream.write_all(&[*byte])?;
    }
    stream.write_all(&both[30..])?;
    for tag in [1, 2] {
        let reply = read_frame(&mut stream)?.context("the hardserver closed the connection")?;
        equal(
            (word(&reply, 0)?, Status(word(&reply, 8)?)),
            (tag, Status::OK),
            "tag and status",
        )?;
    }
    Ok(Outcome::Passed)
}

fn command_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for cmd in [0, 9_999, u32::MAX] {
        equal(
            exchange(&mut stream, &made_up(5, cmd, 0, b""))?,
            (5, Status::UnknownCommand),
            "tag and status",
        )
        .with_context(|| format!("command {cmd}"))?;
    }
    equal(
        exchange(&mut stream, &random(6)?)?,
        (6, Status::OK),
        "tag and status",
    )?;
    Ok(Outcome::Passed)
}

fn known_by_name(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for (number, cmd) in Cmd::ALL.iter().enumerate() {
        // Four words of zeros are a body of many commands, and none of many others.
        let (tag, status) = exchange(&mut stream, &made_up(number as u32, cmd.0, 0, &[0; 16]))
            .with_context(|| cmd.to_string())?;
        equal(tag, number as u32, "the tag")?;
        ensure!(status.name().is_some(), "{cmd}: {status}");
    }
    Ok(Outcome::Passed)
}

fn body_malformed(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let good = encoded(
        7,
        NewEnquiryArgs {
            version: 6,
            ..NewEnquiryArgs::default()
        },
    )?;
    let mut longer = good.clone();
    longer.extend([0; 4]);
    for message in [
        &good[..good.len() - 4],
        &good[..good.len() - 1],
        &longer[..],
    ] {
        equal(
            exchange(&mut stream, message)?,
            (7, Status::Malformed),
            "tag and status",
        )?;
    }
    // A count of a thousand million items, which are not there.
    let path = [0_u32.to_le_bytes(), 0x4000_0000_u32.to_le_bytes()].concat();
    equal(
        exchange(&mut stream, &made_up(8, Cmd::StatEnumTree.0, 0, &path))?,
        (8, Status::Malformed),
        "tag and status",
    )?;
    equal(
        exchange(&mut stream, &good)?,
        (7, Status::OK),
        "tag and status",
    )?;
    Ok(Outcome::Passed)
}

fn header_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for (flags, expected) in [
        (0x8000_0000, Status::UnknownFlag),
        (0x20, Status::NotPoolModule),
        (0, Status::OK),
    ] {
        let command = Command {
            flags,
            ..Command::new(0, GenerateRandomArgs { lenbytes: 1 })
        };
        equal(
            wire.send_command(command)?.status,
            expected,
            &format!("the status with flags {flags:#x}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn frame_truncated(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut other = raw(rig.target().ordinary())?;
    let mut whole = Vec::new();
    write_frame(&mut whole, &random(1)?)?;
    for length in 1..whole.len() {
        let mut stream = raw(rig.target().ordinary())?;
        stream.write_all(&whole[..length])?;
        stream.finish()?;
        ensure!(
            read_frame(&mut stream)?.is_none(),
            "{length} bytes of a frame were answered"
        );
    }
    equal(
        exchange(&mut other, &random(2)?)?,
        (2, Status::OK),
        "tag and status on another connection",
    )?;
    Ok(Outcome::Passed)
}

fn frame_too_long(rig: &Rig) -> anyhow::Result<Outcome> {
    for length in [0_u32, 15, 300_000, u32::MAX] {
        let mut stream = raw(rig.target().ordinary())?;
        stream.write_all(&length.to_le_bytes())?;
        // The hardserver may close before it has read all of this.
        let _ = stream.write_all(&[0; 64]);
        loop {
            match read_frame(&mut stream) {
                Ok(Some(reply)) => ensure!(
                    Status(word(&reply, 8)?) == Status::Malformed,
                    "{length} was no error"
                ),
                Ok(None) => break,
                Err(error) if is_reset(&error) => break,
                Err(error) => return Err(error).with_context(|| format!("length {length}")),
            }
        }
    }
    Ok(Outcome::Passed)
}

fn is_reset(error: &anyhow::Error) -> bool {
    let kind = error
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::ConnectionReset)
}

fn privilege_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    crate::wire::denied(
        wire.send(ClearUnitArgs { module }),
        Status::PrivilegedCommand,
    )?;
    crate::wire::denied(wire.send(FailArgs { module }), Status::PrivilegedCommand)?;
    crate::wire::denied(
        wire.send(InitialiseUnitArgs { module }),
        Status::PrivilegedCommand,
    )?;
    wire.send(NoOpArgs { module })?;
    Ok(Outcome::Passed)
}

/// Frames sent on one connection before another is opened.
const BATCH: usize = 50;

fn random_survived(rig: &Rig) -> anyhow::Result<Outcome> {
    const FRAMES: usize = 10_000;
    let process = rig
        .target()
        .daemon()
        .context("the hardserver is ours")?
        .process();
    let mut other = raw(rig.target().ordinary())?;
    let mut rng = ChaCha20Rng::seed_from_u64(0x6672_616d_6573);
    let seeds = [
        encoded(1, NewClientArgs::default())?,
        encoded(
            2,
            NewEnquiryArgs {
                version: 6,
                ..NewEnquiryArgs::default()
            },
        )?,
        encoded(
            3,
            super::kit::rsa_args(1, 512, super::kit::anything(), super::kit::anything()),
        )?,
        encoded(4, super::kit::sign_args(1, b"message"))?,
        encoded(
            5,
            StatEnumTreeArgs {
                flags: 0,
                path_tags: vec![1, 2],
            },
        )?,
        encoded(
            6,
            LoadBlobArgs {
                blob: vec![1; 100],
                ..LoadBlobArgs::default()
            },
        )?,
    ];
    let made: Vec<Vec<u8>> = (0..2 * FRAMES)
        .map(|number| {
            if number % 2 == 0 {
                let mut message = vec![0; 16 + (rng.next_u32() % 200) as usize];
                rng.fill_bytes(&mut message);
                message
            } else {
                let mut message = seeds[rng.next_u32() as usize % seeds.len()].clone();
                for _ in 0..1 + rng.next_u32() % 4 {
                    let at = rng.next_u32() as usize % message.len();
                    message[at] ^= 1 << (rng.next_u32() % 8);
                }
                message
            }
        })
        .collect();
    let before = resident_kilobytes(process)?;
    for (round, batch) in made.chunks(BATCH).enumerate() {
        let privileged = rig.target().privileged().filter(|_| round % 2 == 1);
        send_batch(privileged.unwrap_or(rig.target().ordinary()), batch)?;
        equal(
            exchange(&mut other, &random(9)?)?,
            (9, Status::OK),
            "tag and status on another connection",
        )?;
    }
    let grown = resident_kilobytes(process)?.saturating_sub(before);
    ensure!(grown < 64 * 1024, "the hardserver grew by {grown} KiB");
    Ok(Outcome::Passed)
}

/// Sends messages without looking at what comes back, until the hardserver has answered or closed.
fn send_batch(endpoint: &Endpoint, batch: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut stream = raw(endpoint)?;
    let mut reader = stream.try_clone()?;
    let drain = std::thread::spawn(move || while let Ok(Some(_)) = read_frame(&mut reader) {});
    for message in batch {
        // It may close at any of them.
        if write_frame(&mut stream, message).is_err() {
            break;
        }
    }
    let _ = stream.finish();
    drain
        .join()
        .map_err(|_| anyhow::anyhow!("reading panicked"))
}

/// Resident memory of a process.
fn resident_kilobytes(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
