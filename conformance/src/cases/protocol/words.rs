//! The bytes themselves: the worked examples, orders of big numbers, lengths of frames, flags of the header.

use std::io::Write as _;

use anyhow::{Context as _, ensure};
use ncore::frame;
use ncore::message::{Command, Header, command_flags};
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::*;
use num_bigint::BigUint;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::replies;
use crate::rig::Rig;
use crate::wire::{RawStream, raw, read_frame, write_frame};

const EXAMPLES: &str = "PROTOCOL, section 1, worked examples";
const NUMBERS: &str = "PROTOCOL, sections 1.4 and 6, M9";
const FRAMES: &str = "PROTOCOL, sections 2.2 and 6, F1 to F5";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "words.examples.bytes",
        "The worked examples are answered byte for byte",
        EXAMPLES,
        examples,
    ),
    Case::new(
        "words.key-data.example",
        "The worked example of a key is understood, and exported as it came",
        EXAMPLES,
        key_example,
    ),
    Case::new(
        "words.bignum.orders",
        "The order flags turn big numbers around in the command and in its reply",
        NUMBERS,
        bignum_orders,
    ),
    Case::new(
        "words.bignum.longer",
        "Numbers with zero words at the top are taken, and come back without them",
        NUMBERS,
        bignum_longer,
    ),
    Case::new(
        "words.bignum.zero",
        "Zero is four zero bytes",
        NUMBERS,
        bignum_zero,
    ),
    Case::new(
        "words.block.padding",
        "A byte block ends at a whole word, inside the message",
        "PROTOCOL, section 1.2",
        block_padding,
    ),
    Case::new(
        "words.frame.inclusive",
        "A client that counts the length word is understood and answered in kind",
        FRAMES,
        frame_inclusive,
    )
    .needs(&[Need::Control]),
    Case::new(
        "words.frame.length",
        "A length below a header or above the largest message ends the connection",
        FRAMES,
        frame_length,
    ),
    Case::new(
        "words.frame.longest",
        "The longest message is read whole",
        FRAMES,
        frame_longest,
    ),
    Case::new(
        "words.frame.half-closed",
        "What was asked before the client stopped writing is still answered",
        FRAMES,
        half_closed,
    ),
    Case::new(
        "words.header.bits",
        "Each bit of the header's flags has its answer",
        "PROTOCOL, sections 1.13 and 6, F4",
        header_bits,
    ),
    Case::new(
        "words.body.every-cut",
        "A command cut short anywhere is malformed, and the connection goes on",
        FRAMES,
        every_cut,
    ),
    Case::new(
        "words.random.largest",
        "The largest reply arrives whole, and one byte more is refused",
        FRAMES,
        largest,
    )
    .covers(&[replies(Cmd::GenerateRandom)]),
];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Sends a message and reads its reply.
fn exchange(stream: &mut RawStream, message: &[u8]) -> anyhow::Result<Vec<u8>> {
    write_frame(stream, message)?;
    read_frame(stream)?.context("the connection was closed")
}

/// Sends a message: the tag and the status of its reply.
fn answer(stream: &mut RawStream, message: &[u8]) -> anyhow::Result<(u32, Status)> {
    let header = Header::peek(&exchange(stream, message)?)?;
    Ok((header.tag, header.status))
}

fn examples(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let reply = exchange(&mut stream, &words(&[1, 0x15, 0, 0, 0]))?;
    is(
        &reply[..20],
        &words(&[1, 0x15, 0, 0, 0])[..],
        "the reply to NewClient",
    )?;
    is(
        reply.len(),
        40,
        "its length: header, flags, 20 bytes of ClientID",
    )?;
    let reply = exchange(&mut stream, &words(&[2, 0x35, 0, 0, 0, 6, 1]))?;
    is(
        &reply[..28],
        &words(&[2, 0x35, 0, 0, 0, 1, 6])[..],
        "the reply to NewEnquiry",
    )?;
    let reply = exchange(&mut stream, &words(&[3, 8, 0, 0, 5]))?;
    is(
        &reply[..20],
        &words(&[3, 8, 0, 0, 5])[..],
        "the reply to GenerateRandom",
    )?;
    is(
        (reply.len(), &reply[25..]),
        (28, &[0, 0, 0][..]),
        "its length and padding",
    )?;
    // A refusal is four words.
    let reply = exchange(
        &mut stream,
        &words(&[7, Cmd::GetKeyInfo.0, 0, 0, 0x1234_5678]),
    )?;
    is(reply, words(&[7, 0, Status::UnknownID.0, 0]), "the refusal")?;
    Ok(Outcome::Passed)
}

fn key_example(rig: &Rig) -> anyhow::Result<Outcome> {
    let module = rig.module()?;
    let mut stream = raw(rig.target().ordinary())?;
    exchange(&mut stream, &words(&[1, 0x15, 0, 0, 0]))?;
    // The example's modulus is too short for an RSA key here; a longer one of the same form.
    let key = |modulus: &[u8]| {
        [
            words(&[1, 4, 0x1_0001, modulus.len() as u32]),
            modulus.to_vec(),
        ]
        .concat()
    };
    let import = |key: &[u8]| {
        let acl = words(&[1, 0, 0, 1, 1, Op::EXPORT_AS_PLAIN]);
        [
            words(&[2, Cmd::Import.0, 0, 0, module]),
            key.to_vec(),
            acl,
            vec![0; 64],
        ]
        .concat()
    };
    let example = [
        0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xee, 0xff, 0xc0, 0, 0,
    ];
    is(
        answer(&mut stream, &import(&key(&example)))?,
        (2, Status::InvalidParameter),
        "the example, which is read and too short",
    )?;
    let mut modulus = [0x5a; 64];
    modulus[0] = 1;
    let reply = exchange(&mut stream, &import(&key(&modulus)))?;
    is(
        &reply[..16],
        &words(&[2, Cmd::Import.0, 0, 0])[..],
        "the reply to Import",
    )?;
    let id = u32::from_le_bytes(reply[16..20].try_into()?);
    let reply = exchange(&mut stream, &words(&[3, Cmd::Export.0, 0, 0, id]))?;
    let expected = [words(&[3, Cmd::Export.0, 0, 0]), key(&modulus)].concat();
    is(reply, expected, "the exported key")?;
    Ok(Outcome::Passed)
}

/// A number of these words, least significant first, in an order: bytes of each word turned, words turned.
fn ordered(number: &[u32], bytes_first: bool, words_first: bool) -> Vec<u8> {
    let mut parts: Vec<[u8; 4]> = number
        .iter()
        .map(|word| {
            if bytes_first {
                word.to_be_bytes()
            } else {
                word.to_le_bytes()
            }
        })
        .collect();
    if words_first {
        parts.reverse();
    }
    [words(&[parts.len() as u32 * 4]), parts.concat()].concat()
}

fn bignum_orders(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let (a, p, n) = (
        [0x0102_0304, 0x0506_0708, 0x090a_0b0c],
        [0x0001_0203, 0x11],
        [0x8000_0001, 0x1234_5678, 0x9abc_def0],
    );
    let value = |words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        BigUint::from_bytes_le(&bytes)
    };
    let power = value(&a).modpow(&value(&p), &value(&n)).to_u32_digits();
    ensure!(power.len() == 3, "the result has {} words", power.len());
    let mut seen = Vec::new();
    for (bytes_first, words_first) in [(false, false), (true, false), (false, true), (true, true)] {
        let flags = (u32::from(bytes_first) * command_flags::BIGNUM_MS_BIT_FIRST)
            | (u32::from(words_first) * command_flags::BIGNUM_MS_WORD_FIRST);
        let turned = |number: &[u32]| ordered(number, bytes_first, words_first);
        let message = [
            words(&[9, Cmd::ModExp.0, 0, flags]),
            turned(&a),
            turned(&p),
            turned(&n),
        ]
        .concat();
        let reply = exchange(&mut stream, &message)?;
        let expected = [words(&[9, Cmd::ModExp.0, 0, 0]), turned(&power)].concat();
        is(&reply, &expected, &format!("flags {flags}"))?;
        ensure!(!seen.contains(&reply), "two orders give the same bytes");
        seen.push(reply);
    }
    Ok(Outcome::Passed)
}

fn bignum_longer(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let number = |words: &[u32]| ordered(words, false, false);
    let message = [
        words(&[1, Cmd::ModExp.0, 0, 0]),
        number(&[2, 0, 0]),
        number(&[10, 0]),
        number(&[1_000_003, 0, 0, 0]),
    ]
    .concat();
    let expected = [words(&[1, Cmd::ModExp.0, 0, 0]), number(&[1024])].concat();
    is(
        exchange(&mut stream, &message)?,
        expected,
        "two to the tenth",
    )?;
    // A length that is no multiple of a word is none.
    for length in [1, 2, 3, 5] {
        let mut message = words(&[2, Cmd::ModExp.0, 0, 0, length]);
        message.resize(message.len() + 8, 1);
        message.extend([number(&[3]), number(&[5])].concat());
        is(
            answer(&mut stream, &message)?,
            (2, Status::Malformed),
            &format!("{length} bytes"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn bignum_zero(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let number = |words: &[u32]| ordered(words, false, false);
    let command = |a: &[u32], p: &[u32], n: &[u32]| {
        [
            words(&[1, Cmd::ModExp.0, 0, 0]),
            number(a),
            number(p),
            number(n),
        ]
        .concat()
    };
    let expected = words(&[1, Cmd::ModExp.0, 0, 0, 4, 0]);
    is(
        exchange(&mut stream, &command(&[0], &[5], &[7]))?,
        expected.clone(),
        "zero to the fifth",
    )?;
    // No bytes at all are a number too: a receiver need not insist on the shortest form.
    is(
        exchange(&mut stream, &command(&[], &[5], &[7]))?,
        expected,
        "nothing to the fifth",
    )?;
    let one = words(&[1, Cmd::ModExp.0, 0, 0, 4, 1]);
    is(
        exchange(&mut stream, &command(&[3], &[0], &[7]))?,
        one,
        "three to zero",
    )?;
    is(
        answer(&mut stream, &command(&[3], &[5], &[0]))?,
        (1, Status::InvalidParameter),
        "modulo zero",
    )?;
    Ok(Outcome::Passed)
}

fn block_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let hash = |block: &[u8]| {
        let head = words(&[
            4,
            Cmd::Hash.0,
            0,
            0,
            0,
            Mech::SHA1Hash.0,
            PlainTextType::Bytes.0,
        ]);
        [head, block.to_vec()].concat()
    };
    let block =
        |data: &[u8], padding: &[u8]| [&words(&[data.len() as u32])[..], data, padding].concat();
    for length in 0..9_usize {
        let data = vec![0xee; length];
        let good = hash(&block(&data, &vec![0; length.next_multiple_of(4) - length]));
        let reply = exchange(&mut stream, &good)?;
        let digest = crate::oracle::hashes::Hash::Sha1.digest(&data);
        ensure!(reply.ends_with(&digest), "{length} bytes: {reply:02x?}");
        if length % 4 != 0 {
            let cut = hash(&block(&data, &[]));
            is(
                answer(&mut stream, &cut)?,
                (4, Status::Malformed),
                &format!("{length} bytes, no padding"),
            )?;
        }
    }
    let far = hash(&words(&[0x7fff_ffff]));
    is(
        answer(&mut stream, &far)?,
        (4, Status::Malformed),
        "a block longer than the message",
    )?;
    Ok(Outcome::Passed)
}

fn frame_inclusive(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare_with(|options| options.frame_len = FrameLen::Auto)?;
    for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive] {
        let mut stream = raw(&spare.ordinary())?;
        for tag in 1..4 {
            let mut bytes = Vec::new();
            let start = frame::begin(&mut bytes);
            bytes.extend(words(&[tag, Cmd::NoOp.0, 0, 0, 1]));
            frame::finish(&mut bytes, start, frame_len);
            stream.write_all(&bytes)?;
            let mut reply = [0; 20];
            std::io::Read::read_exact(&mut stream, &mut reply)?;
            let length = if frame_len == FrameLen::Inclusive {
                20
            } else {
                16
            };
            is(
                &reply[..],
                &words(&[length, tag, Cmd::NoOp.0, 0, 0])[..],
                &format!("{frame_len:?}"),
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn frame_length(rig: &Rig) -> anyhow::Result<Outcome> {
    let other = Bench::open(rig)?;
    let key = other.aes(may(Op::SIGN))?;
    for length in [0, 1, 12, 15, 262_153, 0x7fff_ffff, u32::MAX] {
        let mut stream = raw(rig.target().ordinary())?;
        // The hardserver may close before everything is written.
        let _ = stream.write_all(&words(&[length, 5, Cmd::NoOp.0, 0, 0, 1]));
        let _ = stream.finish();
        // A message that is too long has a header all the same, and its tag is refused.
        if length > 262_152 {
            let reply = read_frame(&mut stream)?.context("no refusal")?;
            let header = Header::peek(&reply)?;
            is(
                (header.tag, header.status),
                (5, Status::Malformed),
                &format!("length {length}"),
            )?;
        }
        ensure!(
            !matches!(read_frame(&mut stream), Ok(Some(_))),
            "length {length}: the connection goes on"
        );
        other.send(sign_something(key))?;
    }
    Ok(Outcome::Passed)
}

fn frame_longest(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    // A hash over as much as fits: 16 bytes of header, flags, mechanism, type, length.
    let data = vec![0x77; WireProfile::DEFAULT.max_message - 32];
    let head = words(&[
        6,
        Cmd::Hash.0,
        0,
        0,
        0,
        Mech::SHA256Hash.0,
        PlainTextType::Bytes.0,
        data.len() as u32,
    ]);
    let message = [head, data.clone()].concat();
    is(
        message.len(),
        WireProfile::DEFAULT.max_message,
        "the length of the message",
    )?;
    let reply = exchange(&mut stream, &message)?;
    let digest = crate::oracle::hashes::Hash::Sha256.digest(&data);
    ensure!(reply.ends_with(&digest), "the hash is wrong: {reply:02x?}");
    Ok(Outcome::Passed)
}

fn half_closed(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let mut bytes = Vec::new();
    for tag in 1..=20 {
        bytes.extend(words(&[20, tag, Cmd::GenerateRandom.0, 0, 0, 8]));
    }
    // And the beginning of one more.
    bytes.extend(words(&[20, 21]));
    stream.write_all(&bytes)?;
    stream.finish()?;
    let mut tags = Vec::new();
    while let Some(reply) = read_frame(&mut stream)? {
        let header = Header::peek(&reply)?;
        is(header.status, Status::OK, "the status")?;
        tags.push(header.tag);
    }
    tags.sort_unstable();
    is(tags, (1..=20).collect(), "the tags that were answered")?;
    Ok(Outcome::Passed)
}

fn header_bits(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    for place in 0..32 {
        let flag = 1_u32 << place;
        let expected = match flag {
            command_flags::BIGNUM_MS_BIT_FIRST | command_flags::BIGNUM_MS_WORD_FIRST => Status::OK,
            command_flags::LONG_JOB | command_flags::RESUBMIT => Status::OK,
            // Bits that announce something that is not there.
            0x4 | 0x10 | 0x40 | 0x100 => Status::Malformed,
            command_flags::POOL_MODULE => Status::NotPoolModule,
            command_flags::RETAIN_STATE => Status::CommandCannotHaveState,
            _ => Status::UnknownFlag,
        };
        let message = words(&[place, Cmd::GenerateRandom.0, 0, flag, 4]);
        is(
            answer(&mut stream, &message)?,
            (place, expected),
            &format!("bit {flag:#x}"),
        )?;
    }
    // The presence bits that the profile has are those four: with their parts the command is whole.
    let bits = WireProfile::DEFAULT.presence;
    let mut present = [
        bits.command_certs,
        bits.command_state,
        bits.command_extractstate,
        bits.command_sessionid,
    ];
    present.sort_unstable();
    is(present, [0x4, 0x10, 0x40, 0x100], "the presence bits")?;
    let with_certificates = words(&[1, Cmd::GenerateRandom.0, 0, bits.command_certs, 4, 0]);
    is(
        answer(&mut stream, &with_certificates)?,
        (1, Status::OK),
        "no certificates",
    )?;
    let with_session = words(&[2, Cmd::GenerateRandom.0, 0, bits.command_sessionid, 4, 1, 0]);
    is(
        answer(&mut stream, &with_session)?,
        (2, Status::NotAvailable),
        "a session",
    )?;
    Ok(Outcome::Passed)
}

fn every_cut(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut stream = raw(rig.target().ordinary())?;
    let bench = Bench::open(rig)?;
    let commands: [Args; 5] = [
        NewEnquiryArgs {
            flags: 0,
            version: 6,
            module: 1,
        }
        .into(),
        bench.aes_args(anything()).into(),
        sign_something(7).into(),
        ModExpArgs {
            a: Bignum::from(3),
            p: Bignum::from(5),
            n: Bignum::from(7),
        }
        .into(),
        StatEnumTreeArgs {
            flags: 0,
            path_tags: vec![1, 2],
        }
        .into(),
    ];
    for args in commands {
        let cmd = args.cmd();
        let mut message = Vec::new();
        Command::new(3, args).encode(&mut message, &WireProfile::DEFAULT)?;
        for length in 16..message.len() {
            let found = answer(&mut stream, &message[..length])?;
            is(
                found,
                (3, Status::Malformed),
                &format!("{length} bytes of {cmd}"),
            )?;
        }
        for more in [1, 2, 3, 4, 5, 100] {
            let longer = [&message[..], &vec![0; more]].concat();
            let found = answer(&mut stream, &longer)?;
            is(
                found,
                (3, Status::Malformed),
                &format!("{more} bytes behind {cmd}"),
            )?;
        }
    }
    is(
        answer(&mut stream, &words(&[4, Cmd::GenerateRandom.0, 0, 0, 4]))?,
        (4, Status::OK),
        "the end",
    )?;
    Ok(Outcome::Passed)
}

fn largest(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    // Header and length word leave so much of 262152 bytes.
    let most = 262_152 - 20 - 4;
    let random = bench.send(GenerateRandomArgs { lenbytes: most })?.data;
    is(random.len() as u32, most, "bytes")?;
    ensure!(
        random
            .chunks(64)
            .all(|part| part.iter().any(|byte| *byte != 0)),
        "64 zeros in a row"
    );
    is(
        status(bench.send(GenerateRandomArgs { lenbytes: most + 5 })),
        Status::OutOfRange,
        "more than a message",
    )?;
    is(
        status(bench.send(GenerateRandomArgs { lenbytes: u32::MAX })),
        Status::OutOfRange,
        "4 GiB",
    )?;
    is(
        bench.send(GenerateRandomArgs { lenbytes: 0 })?.data,
        vec![],
        "nothing",
    )?;
    Ok(Outcome::Passed)
}
