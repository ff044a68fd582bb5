//! Cutting a connection's bytes into messages, also when it is not yet known how the client counts (open point F1).

use ncore::frame::{self, BadLength};
use ncore::message::Command;
use ncore::profile::{FrameLen, WireProfile};

/// How one connection's frames are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Framing {
    frame_len: FrameLen,
}

impl Framing {
    pub(super) fn new(frame_len: FrameLen) -> Framing {
        Framing { frame_len }
    }

    /// How replies are counted: as the client counts, once that is known.
    pub(super) fn frame_len(self) -> FrameLen {
        self.frame_len
    }

    /// Takes the first whole message from the front of `bytes`: the message and how many bytes of the stream it took.
    /// None means that more bytes are needed.
    pub(super) fn split<'a>(
        &mut self,
        bytes: &'a [u8],
        profile: &WireProfile,
    ) -> Result<Option<(&'a [u8], usize)>, BadLength> {
        if self.frame_len == FrameLen::Auto {
            return self.split_undecided(bytes, profile);
        }
        frame::split(bytes, self.frame_len, profile)
    }

    /// Tries both readings and keeps the one under which the message is a whole command.
    ///
    /// They cannot both succeed: a command's layout says where it ends, so it is whole either with the last four bytes or
    /// without them. If neither succeeds, the frame is taken as exclusive, and the next one is tried again.
    fn split_undecided<'a>(
        &mut self,
        bytes: &'a [u8],
        profile: &WireProfile,
    ) -> Result<Option<(&'a [u8], usize)>, BadLength> {
        let inclusive = frame::split(bytes, FrameLen::Inclusive, profile);
        if let Ok(Some((message, taken))) = inclusive
            && is_command(message, profile)
        {
            self.frame_len = FrameLen::Inclusive;
            return Ok(Some((message, taken)));
        }
        let exclusive = match frame::split(bytes, FrameLen::Exclusive, profile) {
            Ok(exclusive) => exclusive,
            // The longest message counted with its length word: the other reading may still be whole later.
            Err(_) if matches!(inclusive, Ok(None)) => return Ok(None),
            Err(bad) => return Err(bad),
        };
        if let Some((message, _)) = exclusive
            && is_command(message, profile)
        {
            self.frame_len = FrameLen::Exclusive;
        }
        Ok(exclusive)
    }
}

/// Whether the bytes are one command and nothing else. A command of unknown layout decides nothing, since any bytes may
/// be its body.
fn is_command(message: &[u8], profile: &WireProfile) -> bool {
    match Command::decode(message, profile) {
        Ok(command) => !matches!(command.args, ncore::Args::Raw(..)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use ncore::types::{GenerateRandomArgs, NewClientArgs, NoOpArgs};
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8], frame_len: FrameLen) -> Vec<u8> {
        let mut out = Vec::new();
        let start = frame::begin(&mut out);
        out.extend_from_slice(message);
        frame::finish(&mut out, start, frame_len);
        out
    }

    fn message(command: &Command) -> Vec<u8> {
        let mut out = Vec::new();
        command.encode(&mut out, &WireProfile::DEFAULT).unwrap();
        out
    }

    /// Everything that comes out when the bytes arrive in pieces that end at `cuts`.
    fn feed(bytes: &[u8], cuts: &[usize], frame_len: FrameLen) -> (Vec<Vec<u8>>, Framing, bool) {
        let profile = WireProfile::DEFAULT;
        let mut framing = Framing::new(frame_len);
        let (mut messages, mut pending, mut from) = (Vec::new(), Vec::new(), 0);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        for end in ends {
            pending.extend_from_slice(&bytes[from..end]);
            from = end;
            loop {
                match framing.split(&pending, &profile) {
                    Ok(Some((message, taken))) => {
                        messages.push(message.to_vec());
                        pending.drain(..taken);
                    }
                    Ok(None) => break,
                    Err(_) => return (messages, framing, true),
                }
            }
        }
        (messages, framing, false)
    }

    #[test]
    fn the_first_whole_command_settles_how_a_client_counts() {
        let first = message(&Command::new(1, NewClientArgs { flags: 0 }));
        let second = message(&Command::new(2, GenerateRandomArgs { lenbytes: 5 }));
        for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive] {
            let bytes = [framed(&first, frame_len), framed(&second, frame_len)].concat();
            let (messages, framing, bad) = feed(&bytes, &[], FrameLen::Auto);
            assert_eq!(messages, [first.clone(), second.clone()]);
            assert_eq!(framing.frame_len(), frame_len);
            assert!(!bad);
        }
    }

    #[test]
    fn a_broken_first_frame_leaves_the_question_open() {
        let profile = WireProfile::DEFAULT;
        let mut framing = Framing::new(FrameLen::Auto);
        let broken = framed(&[0xff; 20], FrameLen::Exclusive);
        assert!(framing.split(&broken, &profile).unwrap().is_some());
        assert_eq!(framing.frame_len(), FrameLen::Auto);
    }

    #[test]
    fn the_largest_message_fits_under_either_reading() {
        let profile = WireProfile::DEFAULT;
        let message = vec![0; profile.max_message];
        for frame_len in [FrameLen::Exclusive, FrameLen::Inclusive] {
            let bytes = framed(&message, frame_len);
            assert!(
                Framing::new(FrameLen::Auto)
                    .split(&bytes[..100], &profile)
                    .unwrap()
                    .is_none()
            );
        }
        let longer = framed(&vec![0; profile.max_message + 1], FrameLen::Inclusive);
        assert!(
            Framing::new(FrameLen::Auto)
                .split(&longer[..100], &profile)
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn messages_come_out_whole_however_the_stream_is_cut(
            lengths in prop::collection::vec(0u32..200, 1..6),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
            inclusive: bool,
            auto: bool,
        ) {
            let frame_len = if inclusive { FrameLen::Inclusive } else { FrameLen::Exclusive };
            let sent: Vec<Vec<u8>> = lengths
                .iter()
                .map(|&length| message(&Command::new(length, NoOpArgs { module: length })))
                .collect();
            let bytes: Vec<u8> = sent.iter().flat_map(|message| framed(message, frame_len)).collect();
            let known = if auto { FrameLen::Auto } else { frame_len };
            let (messages, _, bad) = feed(&bytes, &cuts, known);
            prop_assert_eq!(messages, sent);
            prop_assert!(!bad);
        }

        #[test]
        fn any_bytes_end_in_messages_of_bounded_length_or_a_bad_length(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
            auto: bool,
        ) {
            let frame_len = if auto { FrameLen::Auto } else { FrameLen::Exclusive };
            let (messages, _, _) = feed(&bytes, &cuts, frame_len);
            for message in messages {
                prop_assert!((frame::MIN_MESSAGE..=WireProfile::DEFAULT.max_message).contains(&message.len()));
            }
        }
    }
}
