//! What holds for every value and for every sequence of bytes.

mod sampling;

use ncore::bignum::BignumOrder;
use ncore::codec::{DecodeError, DecodeErrorKind, Encode, from_bytes};
use ncore::frame;
use ncore::message::{Command, Header, Reply};
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::*;
use proptest::prelude::*;
use sampling::generated::{check_every_structure, decode_as_every_structure};
use sampling::{ORDERS, Source, profiles, sample_command, sample_reply};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_structure_survives_a_round_trip(seed in any::<u64>()) {
        check_every_structure(&mut Source::new(seed));
    }

    #[test]
    fn arbitrary_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(bytes(), 0..120)) {
        decode_as_every_structure(&bytes.concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn every_command_survives_a_round_trip_in_its_frame(seed in any::<u64>()) {
        let source = &mut Source::new(seed);
        let mut command = sample_command(source);
        for (i, profile) in profiles().iter().enumerate() {
            if i > 0 {
                command = Command::decode(&encoded(&command, profile), profile).unwrap();
            }
            let message = encoded(&command, profile);
            let framed = framed(&message, profile.frame_len);
            let (unframed, taken) = frame::split(&framed, profile.frame_len, profile).unwrap().unwrap();
            prop_assert_eq!((unframed, taken), (&message[..], framed.len()));
            prop_assert_eq!(&Command::decode(unframed, profile).unwrap(), &command);
            let header = Header::peek(&message).unwrap();
            prop_assert_eq!((header.tag, header.cmd), (command.tag, command.cmd()));
        }
    }

    #[test]
    fn every_reply_survives_a_round_trip_in_its_frame(seed in any::<u64>()) {
        let source = &mut Source::new(seed);
        let mut reply = sample_reply(source);
        for (i, profile) in profiles().iter().enumerate() {
            for order in ORDERS {
                if i > 0 {
                    let message = encoded_reply(&reply, order, profile);
                    reply = Reply::decode(&message, order, profile).unwrap();
                }
                let message = encoded_reply(&reply, order, profile);
                let framed = framed(&message, profile.frame_len);
                let (unframed, _) = frame::split(&framed, profile.frame_len, profile).unwrap().unwrap();
                prop_assert_eq!(&Reply::decode(unframed, order, profile).unwrap(), &reply);
            }
        }
    }

    /// A part of a message is never a message, and what is wrong is said with command and field.
    #[test]
    fn truncation_at_every_byte_names_command_and_field(seed in any::<u64>()) {
        let source = &mut Source::new(seed);
        let profile = &WireProfile::DEFAULT;
        let command = sample_command(source);
        let message = encoded(&command, profile);
        if !matches!(command.args, Args::Raw(..)) {
            for cut in 0..message.len() {
                let error = Command::decode(&message[..cut], profile).unwrap_err();
                check_truncation(&error, cut, command.cmd());
            }
        }
        let reply = sample_reply(source);
        let message = encoded_reply(&reply, BignumOrder::default(), profile);
        if !matches!(reply.body, ReplyBody::Raw(_)) {
            for cut in 0..message.len() {
                let error = Reply::decode(&message[..cut], BignumOrder::default(), profile).unwrap_err();
                check_truncation(&error, cut, reply.cmd);
            }
        }
    }

    /// Bytes changed in a message give another message or an error.
    #[test]
    fn mutated_messages_are_messages_or_errors(
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), bytes()), 1..6),
    ) {
        let source = &mut Source::new(seed);
        for profile in &profiles() {
            let mut message = encoded(&sample_command(source), profile);
            mutate(&mut message, &changes);
            if let Ok(command) = Command::decode(&message, profile) {
                prop_assert_eq!(&Command::decode(&encoded(&command, profile), profile).unwrap(), &command);
            }
            let order = BignumOrder::default();
            let mut message = encoded_reply(&sample_reply(source), order, profile);
            mutate(&mut message, &changes);
            if let Ok(reply) = Reply::decode(&message, order, profile) {
                prop_assert_eq!(&Reply::decode(&encoded_reply(&reply, order, profile), order, profile).unwrap(), &reply);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let profile = WireProfile::DEFAULT;
        for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive, FrameLen::Auto] {
            if let Ok(Some((message, taken))) = frame::split(&bytes, frame_len, &profile) {
                prop_assert_eq!(taken, message.len() + frame::LENGTH_WORD);
                prop_assert!(message.len() >= frame::MIN_MESSAGE);
                let _ = Command::decode(message, &profile);
            }
        }
    }

    #[test]
    fn unknown_codes_survive_and_print_as_numbers(number in any::<u32>()) {
        let profile = WireProfile::DEFAULT;
        for mech in [Mech(number), Mech(0x8000_0000 | number)] {
            let bytes = ncore::codec::to_bytes(&mech, &profile).unwrap();
            prop_assert_eq!(from_bytes::<Mech>(&bytes, &profile).unwrap(), mech);
            match mech.name() {
                Some(name) => prop_assert_eq!(Mech::from_name(name), Some(mech)),
                None => prop_assert_eq!(mech.to_string(), format!("Mech({:#x})", mech.0)),
            }
        }
    }

    #[test]
    fn numbers_keep_their_value_in_every_form(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        zeros in 0..9usize,
    ) {
        let number = Bignum::from_be(&bytes);
        let oracle = num_bigint::BigUint::from_bytes_be(&bytes);
        prop_assert_eq!(number.bits() as u64, oracle.bits());
        prop_assert_eq!(number.is_zero(), oracle == num_bigint::BigUint::ZERO);
        prop_assert_eq!(&Bignum::from_le(&oracle.to_bytes_le()), &number);
        let padded = number.to_be_padded(bytes.len() + zeros).unwrap();
        prop_assert_eq!(&Bignum::from_be(&padded), &number);
        prop_assert_eq!(&Bignum::from_le(&number.to_le_padded(bytes.len() + zeros).unwrap()), &number);
        if !number.is_zero() {
            prop_assert!(number.to_be_padded(number.le_bytes().len() - 1).is_none());
        }
        // A receiver accepts more words than the number needs (PROTOCOL section 1.4).
        let profile = WireProfile::DEFAULT;
        for order in ORDERS {
            let mut w = ncore::codec::Writer::new(&profile).with_bignum_order(order);
            number.encode(&mut w).unwrap();
            let wire = w.into_bytes();
            prop_assert_eq!(wire.len() % 4, 0);
            prop_assert_eq!(wire.len(), 4 + number.le_bytes().len().div_ceil(4).max(1) * 4);
        }
        let mut wire = padded.clone();
        wire.reverse();
        wire.resize(wire.len().next_multiple_of(4), 0);
        let wire = [(wire.len() as u32).to_le_bytes().to_vec(), wire].concat();
        prop_assert_eq!(from_bytes::<Bignum>(&wire, &profile).unwrap(), number);
    }
}

/// Four bytes: any, or a small number, as counts, lengths and codes are.
fn bytes() -> impl Strategy<Value = [u8; 4]> {
    prop_oneof![any::<[u8; 4]>(), (0..40u32).prop_map(u32::to_le_bytes)]
}

fn mutate(message: &mut [u8], changes: &[(prop::sample::Index, [u8; 4])]) {
    for (place, bytes) in changes {
        // Mostly whole words, as the fields are.
        let place = place.index(message.len());
        let place = if place % 3 == 0 { place } else { place & !3 };
        for (old, new) in message[place..].iter_mut().zip(bytes) {
            *old = *new;
        }
    }
}

fn check_truncation(error: &DecodeError, cut: usize, cmd: Cmd) {
    let is_header = cut < frame::MIN_MESSAGE;
    assert_eq!(error.command(), (!is_header).then_some(cmd), "{error}");
    assert!(!error.field().is_empty(), "{cmd} cut to {cut}: {error}");
    assert_eq!(error.field().starts_with("header."), is_header, "{error}");
    assert!(
        matches!(
            error.kind(),
            DecodeErrorKind::Truncated { .. } | DecodeErrorKind::Count { .. }
        ),
        "{error}"
    );
}

fn encoded(command: &Command, profile: &WireProfile) -> Vec<u8> {
    let mut message = Vec::new();
    command.encode(&mut message, profile).unwrap();
    message
}

fn encoded_reply(reply: &Reply, order: BignumOrder, profile: &WireProfile) -> Vec<u8> {
    let mut message = Vec::new();
    reply.encode(&mut message, order, profile).unwrap();
    message
}

fn framed(message: &[u8], frame_len: FrameLen) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::begin(&mut out);
    out.extend_from_slice(message);
    frame::finish(&mut out, start, frame_len);
    out
}
