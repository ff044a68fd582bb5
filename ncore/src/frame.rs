//! Frames on a stream socket: a length word, then that many bytes of one message (PROTOCOL section 2.2, open points F1 to F5).

use crate::profile::{FrameLen, WireProfile};

/// Bytes of the length word.
pub const LENGTH_WORD: usize = 4;

/// Bytes of the shortest message: tag, command, status, flags.
pub const MIN_MESSAGE: usize = 16;

/// A length word that no message can have. The stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {length} bytes, at most {max} are accepted and at least {MIN_MESSAGE} needed")]
pub struct BadLength {
    /// Message bytes the length word asks for.
    pub length: usize,
    /// The largest accepted.
    pub max: usize,
}

/// Begins a frame in `out`: leaves room for the length word. [`finish`] fills it in.
pub fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_WORD]);
    start
}

/// Fills in the length word of the frame that [`begin`] started at `start`; everything after it is the message.
/// `Auto` writes as `Exclusive` does: only a server reads that way, and it answers as it was asked.
pub fn finish(out: &mut [u8], start: usize, frame_len: FrameLen) {
    let message = out.len() - start - LENGTH_WORD;
    let length = match frame_len {
        FrameLen::Inclusive => message + LENGTH_WORD,
        FrameLen::Exclusive | FrameLen::Auto => message,
    };
    // A message is bounded by the profile's limit, far below 32 bits.
    out[start..start + LENGTH_WORD].copy_from_slice(&(length as u32).to_le_bytes());
}

/// The number of message bytes that a length word announces.
///
/// # Errors
/// A length below a header or above the profile's limit.
pub fn message_len(
    word: [u8; LENGTH_WORD],
    frame_len: FrameLen,
    profile: &WireProfile,
) -> Result<usize, BadLength> {
    let word = u32::from_le_bytes(word) as usize;
    let length = match frame_len {
        FrameLen::Inclusive => word.saturating_sub(LENGTH_WORD),
        FrameLen::Exclusive | FrameLen::Auto => word,
    };
    if (MIN_MESSAGE..=profile.max_message).contains(&length) {
        Ok(length)
    } else {
        Err(BadLength {
            length,
            max: profile.max_message,
        })
    }
}

/// Takes the first whole message from the front of `bytes`: the message and how many bytes of the stream it took.
/// `None` means that more bytes are needed.
///
/// # Errors
/// A length word that no message can have.
pub fn split<'a>(
    bytes: &'a [u8],
    frame_len: FrameLen,
    profile: &WireProfile,
) -> Result<Option<(&'a [u8], usize)>, BadLength> {
    let Some((word, rest)) = bytes.split_first_chunk::<LENGTH_WORD>() else {
        return Ok(None);
    };
    let length = message_len(*word, frame_len, profile)?;
    Ok(rest
        .get(..length)
        .map(|message| (message, LENGTH_WORD + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_both_readings_come_back() {
        let profile = WireProfile::default();
        for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive] {
            let mut out = vec![9];
            let start = begin(&mut out);
            out.extend_from_slice(&[7; 20]);
            finish(&mut out, start, frame_len);
            out.push(1);
            let expected = if frame_len == FrameLen::Inclusive {
                24
            } else {
                20
            };
            assert_eq!(out[1], expected);
            assert_eq!(
                split(&out[1..], frame_len, &profile),
                Ok(Some((&[7; 20][..], 24)))
            );
            assert_eq!(split(&out[1..20], frame_len, &profile), Ok(None));
        }
    }

    #[test]
    fn lengths_outside_the_limits_are_refused() {
        let profile = WireProfile::default();
        for length in [0u32, 15, 262_153, u32::MAX] {
            assert!(
                message_len(length.to_le_bytes(), FrameLen::Exclusive, &profile).is_err(),
                "{length}"
            );
        }
        assert_eq!(
            message_len(262_152u32.to_le_bytes(), FrameLen::Exclusive, &profile),
            Ok(262_152)
        );
    }
}
