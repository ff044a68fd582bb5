//! Random values of every type, and the checks that every type must pass.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fmt::Debug;

use ncore::bignum::BignumOrder;
use ncore::codec::{Decode, DecodeErrorKind, Encode, Reader, Writer};
use ncore::message::{Command, Reply};
use ncore::profile::{FrameLen, NestAcl, WireProfile};
use ncore::types::*;

#[rustfmt::skip]
#[allow(clippy::match_single_binding)]
#[path = "../generated/sample.rs"]
pub(crate) mod generated;

/// A type of which random values can be made.
pub(crate) trait Sample: Sized {
    fn sample(source: &mut Source) -> Self;
}

/// Choices that follow from a seed alone (SplitMix64).
pub(crate) struct Source {
    state: u64,
    depth: u32,
}

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            depth: 0,
        }
    }

    /// A word: often small, sometimes of any size.
    pub(crate) fn word(&mut self) -> u32 {
        let word = self.next();
        match word >> 62 {
            0 => word as u32 & 0xf,
            1 => 1 << (word & 31),
            _ => word as u32,
        }
    }

    /// A number below `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Mostly one of the named codes, sometimes any number.
    pub(crate) fn code<C: Copy>(&mut self, named: &[C], code: fn(u32) -> C) -> C {
        match self.index(8) {
            0 => code(self.next() as u32),
            _ => named[self.index(named.len())],
        }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// How many elements a vector gets: few, and none deep inside.
    fn count(&mut self) -> usize {
        if self.depth > 2 { 0 } else { self.index(4) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Sample for u32 {
    fn sample(source: &mut Source) -> Self {
        source.word()
    }
}

impl Sample for u64 {
    fn sample(source: &mut Source) -> Self {
        source.next()
    }
}

impl Sample for u8 {
    fn sample(source: &mut Source) -> Self {
        source.next() as u8
    }
}

impl<const N: usize> Sample for [u8; N] {
    fn sample(source: &mut Source) -> Self {
        std::array::from_fn(|_| Sample::sample(source))
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source) -> Self {
        (0..source.count()).map(|_| T::sample(source)).collect()
    }
}

impl Sample for String {
    fn sample(source: &mut Source) -> Self {
        let letters = ['A', '-', '7', 'é', '\u{1f511}', ' '];
        let count = source.count();
        (0..count)
            .map(|_| letters[source.index(letters.len())])
            .collect()
    }
}

impl Sample for Bignum {
    fn sample(source: &mut Source) -> Self {
        let len = source.index(12);
        Self::from_le(&source.bytes(len))
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source) -> Self {
        let present = source.depth < 4 && source.index(2) == 1;
        present.then(|| T::sample(source))
    }
}

impl<T: Sample> Sample for Box<T> {
    fn sample(source: &mut Source) -> Self {
        source.depth += 1;
        let value = T::sample(source);
        source.depth -= 1;
        Self::new(value)
    }
}

impl<T: Sample> Sample for Nested<T> {
    fn sample(source: &mut Source) -> Self {
        Self(T::sample(source))
    }
}

impl<T: Sample> Sample for Opt<T> {
    fn sample(source: &mut Source) -> Self {
        Self(Sample::sample(source))
    }
}

/// A random command, of known layout or (sometimes) not.
pub(crate) fn sample_command(source: &mut Source) -> Command {
    let args = match source.index(20) {
        0 => {
            let len = 4 * source.index(6);
            Args::Raw(Cmd(0x1000 + source.word() % 0x1000), source.bytes(len))
        }
        _ => generated::sample_args(source),
    };
    let is_raw = matches!(args, Args::Raw(..));
    let mut after = |chance: usize| !is_raw && source.index(chance) == 0;
    let (certs, extract_state, session_id) = (after(3), after(6), after(6));
    Command {
        tag: source.word(),
        flags: source.word() & ncore::message::command_flags::KNOWN,
        state: (source.index(6) == 0).then(|| Sample::sample(source)),
        args,
        certs: certs.then(|| Sample::sample(source)),
        extract_state: extract_state.then(|| Sample::sample(source)),
        session_id: session_id.then(|| Sample::sample(source)),
    }
}

/// A random reply: a success, a refusal with its details, or (sometimes) of unknown layout.
pub(crate) fn sample_reply(source: &mut Source) -> Reply {
    let tag = source.word();
    match source.index(20) {
        0 => {
            let len = 4 * source.index(6);
            let cmd = Cmd(0x1000 + source.word() % 0x1000);
            Reply::ok(tag, cmd, ReplyBody::Raw(source.bytes(len)))
        }
        1..8 => {
            let status = source.code(Status::ALL, Status);
            let info = generated::sample_statusinfo(status, source);
            Reply {
                info,
                ..Reply::error(tag, status)
            }
        }
        _ => {
            let (cmd, body) = generated::sample_reply(source);
            Reply {
                state: (source.index(6) == 0).then(|| Sample::sample(source)),
                esn: (source.index(6) == 0).then(|| Sample::sample(source)),
                ..Reply::ok(tag, cmd, body)
            }
        }
    }
}

/// Every order of big numbers.
pub(crate) const ORDERS: [BignumOrder; 4] = [
    BignumOrder {
        ms_bit_first: false,
        ms_word_first: false,
    },
    BignumOrder {
        ms_bit_first: true,
        ms_word_first: false,
    },
    BignumOrder {
        ms_bit_first: false,
        ms_word_first: true,
    },
    BignumOrder {
        ms_bit_first: true,
        ms_word_first: true,
    },
];

/// The default profile, and others that differ from it in each setting.
pub(crate) fn profiles() -> Vec<WireProfile> {
    let mut shifted = WireProfile::DEFAULT;
    for (_, bit) in shifted.presence.by_field() {
        *bit = bit.rotate_left(11);
    }
    vec![
        WireProfile::DEFAULT,
        WireProfile {
            frame_len: FrameLen::Inclusive,
            nest_acl: NestAcl::Inline,
            ..WireProfile::DEFAULT
        },
        WireProfile {
            pad_fileid: true,
            pad_shorthash: true,
            ..WireProfile::DEFAULT
        },
        shifted,
    ]
}

/// A value encodes, decodes to itself, and no part of its bytes is a value.
pub(crate) fn check_structure<T>(name: &str, source: &mut Source)
where
    T: Sample + Encode + Decode + PartialEq + Debug,
{
    let mut value = T::sample(source);
    for (i, profile) in profiles().iter().enumerate() {
        let order = ORDERS[source.index(ORDERS.len())];
        if i > 0 {
            // Option bits that another profile uses as presence bits go when the value is written.
            value = round_trip(name, &value, profile, order);
        }
        let again = round_trip(name, &value, profile, order);
        assert_eq!(again, value, "{name} under profile {i}");

        let bytes = write(&value, profile, order);
        assert!(bytes.len() >= T::MIN_LEN, "{name}: {} bytes", bytes.len());
        let mut longer = bytes.clone();
        longer.extend([0; 4]);
        let error = read::<T>(&longer, profile, order).unwrap_err();
        assert_eq!(
            *error.kind(),
            DecodeErrorKind::Trailing { left: 4 },
            "{name}"
        );
        if !bytes.is_empty() {
            let cut = source.index(bytes.len());
            assert!(
                read::<T>(&bytes[..cut], profile, order).is_err(),
                "{name} cut to {cut}"
            );
        }
    }
}

/// Bytes that happen to be a value are written as one that is read as the same value.
pub(crate) fn check_bytes<T: Encode + Decode + PartialEq + Debug>(bytes: &[u8]) {
    let mut r = Reader::new(bytes, &WireProfile::DEFAULT);
    if let Ok(value) = T::decode(&mut r) {
        round_trip(
            "bytes",
            &value,
            &WireProfile::DEFAULT,
            BignumOrder::default(),
        );
    }
}

fn round_trip<T: Encode + Decode + Debug>(
    name: &str,
    value: &T,
    profile: &WireProfile,
    order: BignumOrder,
) -> T {
    let bytes = write(value, profile, order);
    read(&bytes, profile, order).unwrap_or_else(|error| panic!("{name}: {error}: {value:?}"))
}

fn write<T: Encode + Debug>(value: &T, profile: &WireProfile, order: BignumOrder) -> Vec<u8> {
    let mut w = Writer::new(profile).with_bignum_order(order);
    value
        .encode(&mut w)
        .unwrap_or_else(|error| panic!("{error}: {value:?}"));
    w.into_bytes()
}

fn read<T: Decode>(
    bytes: &[u8],
    profile: &WireProfile,
    order: BignumOrder,
) -> Result<T, ncore::codec::DecodeError> {
    let mut r = Reader::new(bytes, profile).with_bignum_order(order);
    let value = T::decode(&mut r)?;
    r.finish()?;
    Ok(value)
}
