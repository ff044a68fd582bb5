//! The wire profile: what public sources leave open about the encoding, as one value.
//!
//! PROTOCOL section 6 lists the open points. One capture from a genuine unit settles them by changing the defaults here.

pub use crate::generated::presence::PresenceBits;

/// How a frame's length word counts (open point F1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FrameLen {
    /// The length word counts the message only.
    #[default]
    Exclusive,
    /// The length word counts itself and the message.
    Inclusive,
    /// A server decides at a connection's first frame: it keeps the reading under which the header parses.
    Auto,
}

/// How a nested ACL is carried (open point M1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NestAcl {
    /// Inside a byte block.
    #[default]
    ByteBlock,
    /// Inline, as the structure itself.
    Inline,
}

/// Every setting of the encoding that no public source states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireProfile {
    /// What the frame's length word counts.
    pub frame_len: FrameLen,
    /// Largest message accepted, in bytes, the length word left out (open point F3).
    pub max_message: usize,
    /// How a nested ACL is carried.
    pub nest_acl: NestAcl,
    /// Whether the 11 bytes of a file identifier are padded to a whole number of words (open point M6).
    pub pad_fileid: bool,
    /// Whether the 10 bytes of a short hash are padded to a whole number of words (open point M6).
    pub pad_shorthash: bool,
    /// The bits that announce optional fields (open point M3).
    pub presence: PresenceBits,
}

impl WireProfile {
    /// The recommended choice for every open point.
    pub const DEFAULT: Self = Self {
        frame_len: FrameLen::Exclusive,
        max_message: 262_152,
        nest_acl: NestAcl::ByteBlock,
        pad_fileid: false,
        pad_shorthash: false,
        presence: PresenceBits::DEFAULT,
    };
}

impl Default for WireProfile {
    fn default() -> Self {
        Self::DEFAULT
    }
}
