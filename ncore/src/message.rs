//! Messages: a command and its reply (PROTOCOL sections 1.13 and 1.14).

use crate::bignum::BignumOrder;
use crate::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};
use crate::profile::WireProfile;
use crate::types::{
    Args, CertificateList, Cmd, ExtractStateParams, ReplyBody, StateList, Status, StatusInfo,
};

/// Bits of a command's flag word that are options, not presence bits.
pub mod command_flags {
    /// Big numbers carry the most significant byte of each word first.
    pub const BIGNUM_MS_BIT_FIRST: u32 = 0x1;
    /// Big numbers carry the most significant word first.
    pub const BIGNUM_MS_WORD_FIRST: u32 = 0x2;
    /// The module number means the pool.
    pub const POOL_MODULE: u32 = 0x20;
    /// Keep the extracted state.
    pub const RETAIN_STATE: u32 = 0x80;
    /// The command may take long.
    pub const LONG_JOB: u32 = 0x1_0000;
    /// The command may be sent to another module.
    pub const RESUBMIT: u32 = 0x2_0000;
    /// Every published option bit. Bit 8 is named `Unused` and refused.
    pub const KNOWN: u32 = BIGNUM_MS_BIT_FIRST
        | BIGNUM_MS_WORD_FIRST
        | POOL_MODULE
        | RETAIN_STATE
        | LONG_JOB
        | RESUBMIT;
}

/// A command's arguments: ties the command to its reply.
pub trait Request: Into<Args> {
    /// The command.
    const CMD: Cmd;
    /// What a successful reply carries.
    type Reply;

    /// Takes the reply out of a reply body; `None` if the body belongs to another command.
    fn reply(body: ReplyBody) -> Option<Self::Reply>;
}

/// A command with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Chosen by the client, echoed in the reply; unique among the commands outstanding on a connection.
    pub tag: u32,
    /// Option bits, see [`command_flags`]; presence bits are added and removed by the codec.
    pub flags: u32,
    /// State of keys that travels with a pool command.
    pub state: Option<StateList>,
    /// The body, which says which command it is.
    pub args: Args,
    /// Certificates that authorise the command.
    pub certs: Option<CertificateList>,
    /// What state to give back.
    pub extract_state: Option<ExtractStateParams>,
    /// Audit session.
    pub session_id: Option<u64>,
}

impl Command {
    /// A command with nothing but its body.
    pub fn new(tag: u32, args: impl Into<Args>) -> Self {
        Self {
            tag,
            flags: 0,
            state: None,
            args: args.into(),
            certs: None,
            extract_state: None,
            session_id: None,
        }
    }

    /// The same command, authorised by `certs`.
    #[must_use]
    pub fn with_certs(mut self, certs: CertificateList) -> Self {
        self.certs = Some(certs);
        self
    }

    /// The command's code.
    pub fn cmd(&self) -> Cmd {
        self.args.cmd()
    }

    /// Appends the message to `out`.
    ///
    /// # Errors
    /// A union whose body does not suit its tag; `out` then ends in a part of the message.
    pub fn encode(&self, out: &mut Vec<u8>, profile: &WireProfile) -> Result<(), EncodeError> {
        let mut w = Writer::over(profile, std::mem::take(out))
            .with_bignum_order(BignumOrder::from_command_flags(self.flags));
        let written = self.write(&mut w);
        *out = w.into_bytes();
        written.map_err(|e| e.in_message(self.cmd()))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let bits = &w.profile().presence;
        let optional = [
            (self.state.is_some(), bits.command_state),
            (self.certs.is_some(), bits.command_certs),
            (self.extract_state.is_some(), bits.command_extractstate),
            (self.session_id.is_some(), bits.command_sessionid),
        ];
        self.tag.encode(w)?;
        self.cmd().encode(w)?;
        Status::OK.encode(w)?;
        flag_word(self.flags, optional, matches!(self.args, Args::Raw(..))).encode(w)?;
        encode_if(&self.state, w).map_err(|e| e.at("Command.state"))?;
        self.args.encode(w).map_err(|e| e.at("Command.args"))?;
        encode_if(&self.certs, w).map_err(|e| e.at("Command.certs"))?;
        encode_if(&self.extract_state, w).map_err(|e| e.at("Command.extractstate"))?;
        encode_if(&self.session_id, w)
    }

    /// Reads a whole message.
    ///
    /// # Errors
    /// Bytes that are not a command, among them bytes left over.
    pub fn decode(message: &[u8], profile: &WireProfile) -> Result<Self, DecodeError> {
        let mut r = Reader::new(message, profile);
        let header = Header::decode(&mut r)?;
        let order = BignumOrder::from_command_flags(header.flags);
        Self::read(header, r.with_bignum_order(order)).map_err(|e| e.in_message(header.cmd))
    }

    fn read(header: Header, mut r: Reader<'_>) -> Result<Self, DecodeError> {
        if header.status != Status::OK {
            return Err(DecodeError::not_zero("Command.status"));
        }
        let bits = &r.profile().presence;
        let has = |bit: u32| header.flags & bit != 0;
        let state = decode_if(has(bits.command_state), "Command.state", &mut r)?;
        let args = Args::decode(header.cmd, &mut r)?;
        // A command of unknown layout takes everything up to the end, its certificates included, and keeps the bits
        // that announce them.
        let is_raw = matches!(args, Args::Raw(..));
        let follows = |bit: u32| has(bit) && !is_raw;
        let certs = decode_if(follows(bits.command_certs), "Command.certs", &mut r)?;
        let extract_state = decode_if(
            follows(bits.command_extractstate),
            "Command.extractstate",
            &mut r,
        )?;
        let session_id = decode_if(follows(bits.command_sessionid), "Command.sessionid", &mut r)?;
        let after = bits.command_certs | bits.command_extractstate | bits.command_sessionid;
        let present = bits.command_state | if is_raw { 0 } else { after };
        r.finish()?;
        Ok(Self {
            tag: header.tag,
            flags: header.flags & !present,
            state,
            args,
            certs,
            extract_state,
            session_id,
        })
    }
}

/// A reply with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command's tag.
    pub tag: u32,
    /// The command that succeeded, or `ErrorReturn`.
    pub cmd: Cmd,
    /// Why the command failed, or `OK`.
    pub status: Status,
    /// Flag word, 0; presence bits are added and removed by the codec.
    pub flags: u32,
    /// The body of a success.
    pub body: ReplyBody,
    /// What the status tells beside its number.
    pub info: StatusInfo,
    /// State of keys that travels back from a pool command. Never sent: its presence bit is unpublished.
    pub state: Option<StateList>,
    /// The module that ran the command. Never sent: its presence bit is unpublished.
    pub esn: Option<String>,
}

impl Reply {
    /// The reply to a command that succeeded.
    pub fn ok(tag: u32, cmd: Cmd, body: ReplyBody) -> Self {
        Self {
            tag,
            cmd,
            status: Status::OK,
            flags: 0,
            body,
            info: StatusInfo::Empty,
            state: None,
            esn: None,
        }
    }

    /// The reply to a command that failed.
    pub fn error(tag: u32, status: Status) -> Self {
        Self {
            status,
            ..Self::ok(tag, Cmd::ErrorReturn, ReplyBody::Empty)
        }
    }

    /// Appends the message to `out`. `order` is the order of big numbers that the command asked for.
    ///
    /// # Errors
    /// A union whose body does not suit its tag; `out` then ends in a part of the message.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        order: BignumOrder,
        profile: &WireProfile,
    ) -> Result<(), EncodeError> {
        let mut w = Writer::over(profile, std::mem::take(out)).with_bignum_order(order);
        let written = self.write(&mut w);
        *out = w.into_bytes();
        written.map_err(|e| e.in_message(self.cmd))
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let bits = &w.profile().presence;
        let optional = [
            (self.state.is_some(), bits.reply_state),
            (self.esn.is_some(), bits.reply_esn),
        ];
        self.tag.encode(w)?;
        self.cmd.encode(w)?;
        self.status.encode(w)?;
        let is_raw = matches!(self.body, ReplyBody::Raw(_));
        flag_word(self.flags, optional, is_raw).encode(w)?;
        self.body.encode(w).map_err(|e| e.at("Reply.reply"))?;
        if !is_raw {
            let info = self.info.encode(self.status, w);
            info.map_err(|e| e.at("Reply.errorinfo"))?;
        }
        encode_if(&self.state, w).map_err(|e| e.at("Reply.state"))?;
        encode_if(&self.esn, w).map_err(|e| e.at("Reply.esn"))
    }

    /// Reads a whole message. `order` is the order of big numbers that the command asked for.
    ///
    /// # Errors
    /// Bytes that are not a reply, among them bytes left over.
    pub fn decode(
        message: &[u8],
        order: BignumOrder,
        profile: &WireProfile,
    ) -> Result<Self, DecodeError> {
        let mut r = Reader::new(message, profile).with_bignum_order(order);
        let header = Header::decode(&mut r)?;
        Self::read(header, r).map_err(|e| e.in_message(header.cmd))
    }

    fn read(header: Header, mut r: Reader<'_>) -> Result<Self, DecodeError> {
        let bits = &r.profile().presence;
        let body = ReplyBody::decode(header.cmd, &mut r)?;
        // As in a command.
        let is_raw = matches!(body, ReplyBody::Raw(_));
        let follows = |bit: u32| header.flags & bit != 0 && !is_raw;
        let info = if is_raw {
            StatusInfo::Empty
        } else {
            StatusInfo::decode(header.status, &mut r).map_err(|e| e.at("Reply.errorinfo"))?
        };
        let state = decode_if(follows(bits.reply_state), "Reply.state", &mut r)?;
        let esn = decode_if(follows(bits.reply_esn), "Reply.esn", &mut r)?;
        let present = bits.reply_state | bits.reply_esn;
        r.finish()?;
        Ok(Self {
            tag: header.tag,
            cmd: header.cmd,
            status: header.status,
            flags: header.flags & !if is_raw { 0 } else { present },
            body,
            info,
            state,
            esn,
        })
    }
}

/// The four words every message begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The tag.
    pub tag: u32,
    /// The command, or `ErrorReturn`.
    pub cmd: Cmd,
    /// Zero in a command.
    pub status: Status,
    /// The whole flag word, presence bits included.
    pub flags: u32,
}

impl Header {
    /// Reads the header of a message, whatever its body is.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn peek(message: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(message, &WireProfile::DEFAULT))
    }
}

impl Decode for Header {
    const MIN_LEN: usize = 16;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            tag: Decode::decode(r).map_err(|e: DecodeError| e.at("header.tag"))?,
            cmd: Decode::decode(r).map_err(|e: DecodeError| e.at("header.cmd"))?,
            status: Decode::decode(r).map_err(|e: DecodeError| e.at("header.status"))?,
            flags: Decode::decode(r).map_err(|e: DecodeError| e.at("header.flags"))?,
        })
    }
}

/// A message's flag word: option bits, and the bits that announce what is there. Where the body was not understood,
/// bits that announce something inside it stay.
fn flag_word<const N: usize>(flags: u32, optional: [(bool, u32); N], is_raw: bool) -> u32 {
    let known = optional.iter().fold(0, |all, (_, bit)| all | bit);
    let there = optional.iter().filter(|(there, _)| *there);
    let present = there.fold(0, |all, (_, bit)| all | bit);
    let options = if is_raw { flags } else { flags & !known };
    options | present
}

fn encode_if<T: Encode>(value: &Option<T>, w: &mut Writer<'_>) -> Result<(), EncodeError> {
    value.as_ref().map_or(Ok(()), |value| value.encode(w))
}

fn decode_if<T: Decode>(
    present: bool,
    place: &'static str,
    r: &mut Reader<'_>,
) -> Result<Option<T>, DecodeError> {
    if present {
        T::decode(r).map(Some).map_err(|e| e.at(place))
    } else {
        Ok(None)
    }
}
