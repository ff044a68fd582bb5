//! Reads what went over a connection, and says where the wire profile does not fit.
//!
//! `cargo run -p ncore --example dissect COMMANDS [REPLIES]`. COMMANDS holds the bytes a client sent from the connection's
//! first byte on, REPLIES those it received. Each reading of the length word is tried; under the one that cuts both
//! streams to their ends, every message is shown, or the field at which reading it failed.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use ncore::bignum::BignumOrder;
use ncore::codec::DecodeError;
use ncore::frame;
use ncore::message::{Command, Header, Reply};
use ncore::profile::{FrameLen, WireProfile};

const PROFILE: WireProfile = WireProfile::DEFAULT;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let streams: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    if !(1..=2).contains(&streams.len()) {
        return Err("usage: dissect COMMANDS [REPLIES]".into());
    }
    let mut fits = false;
    for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive] {
        let cuts: Vec<_> = streams
            .iter()
            .map(|stream| cut(stream, frame_len))
            .collect();
        for ((messages, left), path) in cuts.iter().zip(&paths) {
            let count = messages.len();
            println!(
                "{frame_len:?}: {count} messages, {left} bytes left, {}",
                path.display()
            );
        }
        if cuts
            .iter()
            .all(|(messages, left)| *left == 0 && !messages.is_empty())
        {
            fits = true;
            show(&cuts[0].0, cuts.get(1).map_or(&[], |(replies, _)| replies));
        }
    }
    if fits {
        Ok(())
    } else {
        Err("no reading of the length word cuts the streams to their ends".into())
    }
}

/// The messages of a stream, and the number of bytes that are no whole message.
fn cut(stream: &[u8], frame_len: FrameLen) -> (Vec<&[u8]>, usize) {
    let (mut rest, mut messages) = (stream, Vec::new());
    while let Ok(Some((message, taken))) = frame::split(rest, frame_len, &PROFILE) {
        messages.push(message);
        rest = &rest[taken..];
    }
    (messages, rest.len())
}

fn show(commands: &[&[u8]], replies: &[&[u8]]) {
    let mut orders = HashMap::new();
    for message in commands {
        if let Ok(header) = Header::peek(message) {
            orders.insert(header.tag, BignumOrder::from_command_flags(header.flags));
        }
        print(message, Command::decode(message, &PROFILE));
    }
    for message in replies {
        let tag = Header::peek(message).map_or(0, |header| header.tag);
        let order = orders.get(&tag).copied().unwrap_or_default();
        print(message, Reply::decode(message, order, &PROFILE));
    }
}

fn print<T: Debug>(message: &[u8], outcome: Result<T, DecodeError>) {
    match outcome {
        Ok(value) => println!("{value:?}"),
        Err(error) => {
            println!("DOES NOT FIT: {error}");
            let words: Vec<_> = message.chunks(4).map(hex).collect();
            println!("  {}", words.join(" "));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
