//! Channels: Cmd_ChannelOpen, Cmd_ChannelUpdate.
//!
//! A channel's updates take effect in the order in which they arrive, so each is done when it begins: what a channel can
//! do (symmetric ciphers, MACs, hashes) takes less time than handing it to another thread.

use std::sync::{Mutex, PoisonError};

use ncore::Status;
use ncore::types::{
    ActOpPermissionsDetails, ChannelMode, ChannelOpenArgs, ChannelOpenInfo, ChannelOpenReply,
    ChannelType, ChannelTypeExtraCOI, ChannelUpdateArgs, ChannelUpdateReply,
};

use super::call::{Call, Outcome, body, check_flags};
use super::objects::Object;
use crate::crypto;

/// Flag of Cmd_ChannelUpdate that marks the last update. Its value is unpublished: the first bit, by the rule for such.
pub const UPDATE_FINAL: u32 = 0x1;

/// An open channel.
pub(super) struct Channel(Mutex<crypto::Channel>);

/// Cmd_ChannelOpen. The permission is that of the mode: Encrypt, Decrypt, Sign or Verify; hashes take no key and need
/// none.
pub(super) fn open(call: Call, args: ChannelOpenArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    if ![ChannelType::Any, ChannelType::Simple].contains(&args.type_) {
        return Err(Status::UnsupportedChannelType);
    }
    let operation = match args.mode {
        ChannelMode::Encrypt => ActOpPermissionsDetails::ENCRYPT,
        ChannelMode::Decrypt => ActOpPermissionsDetails::DECRYPT,
        ChannelMode::Sign => ActOpPermissionsDetails::SIGN,
        ChannelMode::Verify => ActOpPermissionsDetails::VERIFY,
        _ => return Err(Status::InvalidParameter),
    };
    let key = args.key.map(|id| call.key(id)).transpose()?;
    if let Some(key) = &key {
        call.permit_operation(key, operation)?;
    }
    let material = key.as_ref().map(|key| &*key.material);
    let mut rng = call.stream("channel");
    let (channel, new_iv) = crypto::Channel::open(
        &mut rng,
        material,
        args.mode,
        args.mech,
        args.given_iv.as_ref(),
    )?;
    let idch = call.insert(0, Object::Channel(Channel(Mutex::new(channel)).into()))?;
    let openinfo = ChannelOpenInfo {
        type_: ChannelType::Simple,
        info: ChannelTypeExtraCOI::Empty,
    };
    body(ChannelOpenReply {
        flags: 0,
        idch,
        new_iv,
        openinfo,
    })
}

/// Cmd_ChannelUpdate. The last update of a channel that signs gives the MAC or hash; that of one that verifies takes it.
pub(super) fn update(call: Call, args: ChannelUpdateArgs) -> Outcome {
    check_flags(args.flags, UPDATE_FINAL)?;
    let channel = call.look(|objects| objects.channel(call.client.ordinal, args.idch))?;
    let mut channel = channel.0.lock().unwrap_or_else(PoisonError::into_inner);
    body(ChannelUpdateReply {
        output: channel.update(&args.input, args.flags & UPDATE_FINAL != 0)?,
    })
}
