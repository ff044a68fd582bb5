//! Slots and cards as a whole: Cmd_GetSlotList, Cmd_GetSlotInfo, Cmd_PollSlotList, Cmd_FormatToken, Cmd_InsertSoftToken,
//! Cmd_RemoveSoftToken.

use std::sync::Arc;

use ncore::Status;
use ncore::types::{
    FileInfo, FormatTokenArgs, GetSlotInfoArgs, GetSlotInfoReply, GetSlotListArgs,
    GetSlotListReply, InsertSoftTokenArgs, InsertSoftTokenReply, NSOPerms, PhysToken,
    PollSlotListArgs, PollSlotListReply, RemoveSoftTokenArgs, RemoveSoftTokenReply, ReplyBody,
    TokenInfo,
};
use rand_core::Rng;
use zeroize::Zeroizing;

use super::call::{Call, Outcome, body, check_flags, later};
use super::card::{CAPACITY, Content, Image, StoredFile, StoredShare};
use super::slot::{self, Slot, SlotKind, Stay};
use super::{KeyHash, ShortHash};

/// Cmd_GetSlotList.
pub(super) fn slot_list(call: Call, _: GetSlotListArgs) -> Outcome {
    let slots = call
        .module
        .slots()
        .iter()
        .map(|slot| slot.list_data(call.number))
        .collect();
    body(GetSlotListReply { slots })
}

/// Cmd_PollSlotList: the list with a count of changes for each slot, answered at once.
pub(super) fn poll_slot_list(call: Call, args: PollSlotListArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let slots = call
        .module
        .slots()
        .iter()
        .map(|slot| slot.poll_data(call.number))
        .collect();
    body(PollSlotListReply { flags: 0, slots })
}

/// Cmd_GetSlotInfo: what is on the card. Of a card that is bound to a module key which is not here, only that.
pub(super) fn slot_info(call: Call, args: GetSlotInfoArgs) -> Outcome {
    slot(&call, args.slot)?;
    later(move || {
        let mut state = slot(&call, args.slot)?.state();
        let ic = state.insertion_count();
        let image = Image::decode(&slot::load(state.any_card()?)?)?;
        let content = match card_secret(&call, &image) {
            Ok(secret) => image.content(secret.as_deref().map(Vec::as_slice))?,
            Err(_) => Content::default(),
        };
        Ok(GetSlotInfoReply {
            ic,
            flags: 0,
            tokens: content.shares.iter().map(token_info).collect(),
            files: content.files.iter().map(file_info).collect(),
            freespace: image.free_space(),
            auth_key: image.auth_key.unwrap_or_default(),
            tokenserial: Some(image.serial),
        }
        .into())
    })
}

/// Cmd_FormatToken: erases the card. One that is bound to a module key which is not here cannot be erased.
pub(super) fn format_token(call: Call, args: FormatTokenArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_FORMAT_TOKEN)?;
    slot(&call, args.token.slot)?;
    let binding = args
        .auth_key
        .map(|hash| secret(&call, &hash).map(|secret| (hash, secret)))
        .transpose()?;
    later(move || {
        let mut state = slot(&call, args.token.slot)?.state();
        let card = state.card(args.token.ic)?;
        let mut rng = call.stream("card");
        let serial = match Image::decode(&slot::load(card)?) {
            Ok(image) => {
                card_secret(&call, &image)?;
                image.serial
            }
            Err(Status::TokenIOError) => return Err(Status::TokenIOError),
            // Blank, foreign or damaged: nothing is lost.
            Err(_) => {
                let mut serial = [0; 8];
                rng.fill_bytes(&mut serial);
                serial
            }
        };
        let binding = binding
            .as_ref()
            .map(|(hash, secret)| (*hash, secret.as_slice()));
        slot::save(card, &Image::blank(serial, binding, &mut rng)?)?;
        call.still_valid()?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_InsertSoftToken: InvalidSlot if the slot is a real reader.
pub(super) fn insert_soft_token(call: Call, args: InsertSoftTokenArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let slot = soft_slot(&call, args.token.slot)?;
    if args.data.len() > CAPACITY {
        return Err(Status::NoSpaceOnToken);
    }
    if !args.data.is_empty() {
        Image::decode(&args.data)?;
    }
    let ic = slot.state().insert_image(args.data)?;
    body(InsertSoftTokenReply { ic })
}

/// Cmd_RemoveSoftToken: gives the image back, changed or not.
pub(super) fn remove_soft_token(call: Call, args: RemoveSoftTokenArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let slot = soft_slot(&call, args.token.slot)?;
    let mut state = slot.state();
    let data = slot::load(state.card(args.token.ic)?)?;
    state.remove()?;
    body(RemoveSoftTokenReply { data })
}

/// The slot of this number: UnknownSlot if there is none.
pub(super) fn slot(call: &Call, number: u32) -> Result<&Slot, Status> {
    call.module
        .slots()
        .get(number as usize)
        .ok_or(Status::UnknownSlot)
}

/// The secret of a module key or null module key: UnknownKM if it is not here.
pub(super) fn secret(call: &Call, hash: &KeyHash) -> Result<Zeroizing<Vec<u8>>, Status> {
    call.world
        .token_secret(hash)
        .map(Zeroizing::new)
        .ok_or(Status::UnknownKM)
}

/// The secret of the key to which a card is bound, if it is: TokenAuthFailed if that key is not here.
pub(super) fn card_secret(
    call: &Call,
    image: &Image,
) -> Result<Option<Zeroizing<Vec<u8>>>, Status> {
    let secret = image.auth_key.as_ref().map(|hash| secret(call, hash));
    secret.transpose().map_err(|_| Status::TokenAuthFailed)
}

/// Reads a card with what is on it.
pub(super) fn read_image(call: &Call, bytes: &[u8]) -> Result<(Image, Content), Status> {
    let image = Image::decode(bytes)?;
    let secret = card_secret(call, &image)?;
    let content = image.content(secret.as_deref().map(Vec::as_slice))?;
    Ok((image, content))
}

/// What is on the card that is meant: PhysTokenNotPresent if it is not there any more.
pub(super) fn read_card(call: &Call, token: &PhysToken) -> Result<Content, Status> {
    let mut state = slot(call, token.slot)?.state();
    let (_, content) = read_image(call, &slot::load(state.card(token.ic)?)?)?;
    Ok(content)
}

/// Changes what is on a card, and gives its stay and what the change gives. The card is written once, when everything else
/// has succeeded.
pub(super) fn change_card<T>(
    call: &Call,
    token: &PhysToken,
    change: impl FnOnce(&mut Content) -> Result<T, Status>,
) -> Result<(Arc<Stay>, T), Status> {
    let mut state = slot(call, token.slot)?.state();
    let stay = state.stay();
    let card = state.card(token.ic)?;
    let (mut image, mut content) = read_image(call, &slot::load(card)?)?;
    let result = change(&mut content)?;
    let secret = card_secret(call, &image)?;
    image.set_content(
        &content,
        secret.as_deref().map(Vec::as_slice),
        &mut call.stream("card"),
    )?;
    slot::save(card, &image)?;
    Ok((stay, result))
}

fn soft_slot(call: &Call, number: u32) -> Result<&Slot, Status> {
    let slot = slot(call, number)?;
    if slot.kind() == SlotKind::SoftToken {
        Ok(slot)
    } else {
        Err(Status::InvalidSlot)
    }
}

fn token_info(share: &StoredShare) -> TokenInfo {
    let flags = if share.pin { TokenInfo::PIN_PRESENT } else { 0 };
    TokenInfo {
        flags,
        hkt: short(&share.hkt),
        i: share.index,
    }
}

fn file_info(file: &StoredFile) -> FileInfo {
    FileInfo {
        flags: 0,
        length: file.data.len() as u32,
        id: file.id,
    }
}

/// M_ShortHash: the first 10 bytes of a hash.
pub(super) fn short(hash: &KeyHash) -> ShortHash {
    let mut short = [0; 10];
    short.copy_from_slice(&hash[..10]);
    short
}
