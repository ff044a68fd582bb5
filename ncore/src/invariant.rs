//! What holds for any bytes at all: the properties that the fuzz targets look for exceptions to.
//!
//! Each function takes bytes as they might come from a socket and returns true. None of them panics.

use crate::bignum::BignumOrder;
use crate::frame::{self, LENGTH_WORD};
use crate::message::{Command, Header, Reply};
use crate::profile::{FrameLen, WireProfile};

const PROFILE: WireProfile = WireProfile::DEFAULT;

/// Bytes are no command, or one that is written and read again as the same.
pub fn command(bytes: &[u8]) -> bool {
    let Ok(command) = Command::decode(bytes, &PROFILE) else {
        return true;
    };
    let mut again = Vec::new();
    command.encode(&mut again, &PROFILE).is_ok()
        && Command::decode(&again, &PROFILE).is_ok_and(|read| read == command)
        && Header::peek(bytes).is_ok_and(|header| header.tag == command.tag)
}

/// Bytes are no reply, or one that is written and read again as the same. The lowest bits of the tag stand for the order
/// of big numbers that the command asked for.
pub fn reply(bytes: &[u8]) -> bool {
    let flags = Header::peek(bytes).map_or(0, |header| header.tag);
    let order = BignumOrder::from_command_flags(flags);
    let Ok(reply) = Reply::decode(bytes, order, &PROFILE) else {
        return true;
    };
    let mut again = Vec::new();
    reply.encode(&mut again, order, &PROFILE).is_ok()
        && Reply::decode(&again, order, &PROFILE).is_ok_and(|read| read == reply)
}

/// Bytes of a stream are cut into messages, each with its length word and no byte more, up to a part of one or a length
/// that none can have, and each message is a command or not.
pub fn frames(bytes: &[u8]) -> bool {
    [FrameLen::Exclusive, FrameLen::Inclusive, FrameLen::Auto]
        .into_iter()
        .all(|frame_len| {
            let mut rest = bytes;
            while let Ok(Some((message, taken))) = frame::split(rest, frame_len, &PROFILE) {
                let whole = taken == message.len() + LENGTH_WORD
                    && (frame::MIN_MESSAGE..=PROFILE.max_message).contains(&message.len());
                if !whole || !command(message) {
                    return false;
                }
                rest = &rest[taken..];
            }
            true
        })
}
