//! Logical tokens and their shares: Cmd_GenerateLogicalToken, Cmd_LoadLogicalToken, Cmd_WriteShare, Cmd_ReadShare,
//! Cmd_ReadSoftTokenShare, Cmd_EraseShare, Cmd_ChangeSharePIN, Cmd_GetShareACL, Cmd_GetLogicalTokenInfo and ...Ex.

use std::sync::Arc;

use ncore::Status;
use ncore::codec::{from_bytes, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, ChangeSharePINArgs, EraseShareArgs, GenerateLogicalTokenArgs, GenerateLogicalTokenReply,
    GetLogicalTokenInfoArgs, GetLogicalTokenInfoExArgs, GetLogicalTokenInfoExReply,
    GetLogicalTokenInfoReply, GetShareACLArgs, GetShareACLReply, LoadLogicalTokenArgs,
    LoadLogicalTokenReply, NSOPerms, ReadShareArgs, ReadShareReply, ReadSoftTokenShareArgs,
    ReadSoftTokenShareReply, ReplyBody, TokenParams, WriteShareArgs,
};

use super::ShortHash;
use super::acl::{Wanted, admit};
use super::call::{Call, Outcome, body, check_flags, later};
use super::card::{Content, StoredShare};
use super::objects::Object;
use super::sharing::{self, Identity, Pin, Share};
use super::slot::{self, SlotKind, Stay};
use super::slots::{change_card, read_card, read_image, secret, short, slot};
use super::token::{Token, check_params};

/// Cmd_GenerateLogicalToken.
pub(super) fn generate(call: Call, args: GenerateLogicalTokenArgs) -> Outcome {
    call.permit_module_operation(NSOPerms::OPS_GENERATE_LOG_TOKEN)?;
    check_params(&args.params)?;
    let module_key = secret(&call, &args.hkm)?;
    later(move || {
        let mut rng = call.stream("token");
        let (secret, hkt) = sharing::new_secret(&mut rng);
        let identity = Identity {
            hkt,
            hkm: args.hkm,
            params: args.params,
        };
        let pieces = sharing::split(&secret, &identity, &module_key, &mut rng)?;
        let token = Token::generated(identity, secret, pieces);
        Ok(GenerateLogicalTokenReply {
            idkt: call.insert(0, Object::Token(token.into()))?,
            hkt,
        }
        .into())
    })
}

/// Cmd_LoadLogicalToken: an empty token, to be filled by reading shares.
pub(super) fn load(call: Call, args: LoadLogicalTokenArgs) -> Outcome {
    call.permit_module_operation(NSOPerms::OPS_LOAD_LOGICAL_TOKEN)?;
    check_params(&args.params)?;
    secret(&call, &args.hkm)?;
    let token = Token::loading(Identity {
        hkt: args.hkt,
        hkm: args.hkm,
        params: args.params,
    });
    body(LoadLogicalTokenReply {
        idkt: call.insert(0, Object::Token(token.into()))?,
    })
}

/// Cmd_WriteShare. A card takes one share of a token, else AlreadyExists: two on one card would spoil the quorum. A soft
/// slot takes shares of tokens that allow it, else AccessDenied.
pub(super) fn write_share(call: Call, mut args: WriteShareArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_WRITE_SHARE)?;
    let token = token(&call, args.idkt)?;
    let soft = slot(&call, args.token.slot)?.kind() == SlotKind::SoftToken;
    if soft && token.identity.params.flags & TokenParams::ALLOW_SOFT_SLOTS == 0 {
        return Err(Status::AccessDenied);
    }
    if let Some(acl) = &mut args.acl {
        admit(acl, &mut call.stream("limit names"))?;
    }
    let acl = args
        .acl
        .as_ref()
        .map(|acl| to_bytes(acl, &WireProfile::DEFAULT));
    let acl = acl.transpose().map_err(|_| Status::InvalidACL)?;
    later(move || {
        let identity = &token.identity;
        let module_key = secret(&call, &identity.hkm)?;
        let piece = match token.piece(args.i) {
            // Whoever has a whole token of which one share is enough can make every share of it.
            Err(Status::BadShareState) if identity.params.sharesneeded == 1 => {
                let secret = token.secret(call.uptime()).map_err(|status| match status {
                    Status::LogTokenNotPresent => Status::BadShareState,
                    status => status,
                })?;
                let pieces =
                    sharing::split(&secret, identity, &module_key, &mut call.stream("piece"))?;
                let piece = pieces.into_iter().nth(args.i as usize - 1);
                piece.ok_or(Status::OutOfRange)?
            }
            piece => piece?,
        };
        let share = Share::seal(
            identity,
            args.i,
            &piece,
            &module_key,
            args.pin.as_ref(),
            &mut call.stream("share"),
        );
        let stored = StoredShare {
            hkt: identity.hkt,
            index: args.i,
            pin: args.pin.is_some(),
            body: share.to_bytes(),
            acl,
        };
        let (stay, ()) = change_card(&call, &args.token, |content| {
            if content.shares.iter().any(|share| share.hkt == stored.hkt) {
                return Err(Status::AlreadyExists);
            }
            content.shares.push(stored);
            Ok(())
        })?;
        call.still_valid()?;
        token.written(args.i, stay, call.uptime())?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_ReadShare: IncorrectToken if the card has no such share, DecryptFailed for a wrong pass phrase, TimeLimitExceeded if
/// the card was read before and must leave the slot first. A slot of another module takes shares of tokens that allow it,
/// else AccessDenied.
pub(super) fn read_share(call: Call, args: ReadShareArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let token = token(&call, args.idkt)?;
    let kind = slot(&call, args.token.slot)?.kind();
    let remote = token.identity.params.flags & TokenParams::REMOTELY_READABLE != 0;
    if kind == SlotKind::Remote && !remote {
        return Err(Status::AccessDenied);
    }
    later(move || {
        let reader = slot(&call, args.token.slot)?;
        let (content, stay) = {
            let mut state = reader.state();
            let image = slot::load(state.card(args.token.ic)?)?;
            (read_image(&call, &image)?.1, state.stay())
        };
        // A dynamic slot gives the token again without that (SECURITY-WORLD section 5).
        if kind != SlotKind::Dynamic && kind != SlotKind::SoftToken {
            stay.check_time(&token.identity.hkt, call.uptime())?;
        }
        let pin = args.pin.as_ref();
        let sharesleft = take_share(&call, &token, &content, Some(stay), args.i, pin)?;
        Ok(ReadShareReply { sharesleft }.into())
    })
}

/// Cmd_ReadSoftTokenShare: the same from a card image in the command.
pub(super) fn read_soft_token_share(call: Call, args: ReadSoftTokenShareArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let token = token(&call, args.idkt)?;
    // An image in a command stays nowhere, so a token that lasts while its card stays is not read from one.
    let flags = token.identity.params.flags;
    if flags & TokenParams::ALLOW_SOFT_SLOTS == 0 || flags & TokenParams::NOT_PERSISTENT != 0 {
        return Err(Status::AccessDenied);
    }
    let (_, content) = read_image(&call, &args.data)?;
    later(move || {
        let sharesleft = take_share(&call, &token, &content, None, args.i, args.pin.as_ref())?;
        Ok(ReadSoftTokenShareReply { sharesleft }.into())
    })
}

/// Cmd_EraseShare.
pub(super) fn erase_share(call: Call, args: EraseShareArgs) -> Outcome {
    call.permit_module_operation(NSOPerms::OPS_ERASE_SHARE)?;
    slot(&call, args.token.slot)?;
    later(move || {
        change_card(&call, &args.token, |content| {
            let place = place(content, &args.hkt, args.i)?;
            content.shares.remove(place);
            Ok(())
        })?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_ChangeSharePIN: DecryptFailed for a wrong old pass phrase.
pub(super) fn change_share_pin(call: Call, args: ChangeSharePINArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_CHANGE_SHARE_PIN)?;
    slot(&call, args.token.slot)?;
    let module_key = secret(&call, &args.hkm)?;
    later(move || {
        change_card(&call, &args.token, |content| {
            let place = place(content, &args.hkt, args.i)?;
            let stored = &mut content.shares[place];
            let share = Share::from_bytes(&stored.body)?;
            let piece = share.open(&module_key, args.oldpin.as_ref())?;
            let mut rng = call.stream("share");
            let share = Share::seal(
                &share.identity,
                args.i,
                &piece,
                &module_key,
                args.newpin.as_ref(),
                &mut rng,
            );
            stored.body = share.to_bytes();
            stored.pin = args.newpin.is_some();
            Ok(())
        })?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_GetShareACL: an empty list for a share without one.
pub(super) fn share_acl(call: Call, args: GetShareACLArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    slot(&call, args.token.slot)?;
    later(move || {
        let content = read_card(&call, &args.token)?;
        let acl = read_acl(&content.shares[place(&content, &args.hkt, args.i)?])?;
        Ok(GetShareACLReply {
            acl: acl.unwrap_or_default(),
        }
        .into())
    })
}

/// Cmd_GetLogicalTokenInfo.
pub(super) fn info(call: Call, args: GetLogicalTokenInfoArgs) -> Outcome {
    let token = token(&call, args.idkt)?;
    let (state, shares, sharesneeded) = token.info(call.uptime());
    body(GetLogicalTokenInfoReply {
        state,
        hkt: token.identity.hkt,
        shares,
        sharesneeded,
    })
}

/// Cmd_GetLogicalTokenInfoEx: the module key, the age and the time limit too, in seconds.
pub(super) fn info_ex(call: Call, args: GetLogicalTokenInfoExArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let token = token(&call, args.idkt)?;
    let (state, shares, sharesneeded) = token.info(call.uptime());
    body(GetLogicalTokenInfoExReply {
        ver: 0,
        flags: 0,
        state,
        hkt: token.identity.hkt,
        hkm: token.identity.hkm,
        shares,
        sharesneeded,
        age: token.age(call.uptime()),
        timelimit: token.identity.params.timelimit,
    })
}

fn token(call: &Call, id: u32) -> Result<Arc<Token>, Status> {
    call.look(|objects| objects.token(call.client.ordinal, id))
}

/// Reads a share of the token from a card's content into the token; how many shares are still needed.
fn take_share(
    call: &Call,
    token: &Token,
    content: &Content,
    stay: Option<Arc<Stay>>,
    index: u32,
    pin: Option<&Pin>,
) -> Result<u32, Status> {
    token.expects(index)?;
    let stored = content
        .shares
        .iter()
        .find(|share| share.hkt == token.identity.hkt && share.index == index);
    let stored = stored.ok_or(Status::IncorrectToken)?;
    if let Some(acl) = read_acl(stored)? {
        call.permit_by(&acl, &Wanted::ReadShare)?;
    }
    let share = Share::from_bytes(&stored.body)?;
    if share.identity != token.identity || share.index != index {
        return Err(Status::BadTokenData);
    }
    let module_key = secret(call, &token.identity.hkm)?;
    let piece = share.open(&module_key, pin)?;
    call.still_valid()?;
    token.read(index, piece, stay, &module_key, call.uptime())
}

fn read_acl(stored: &StoredShare) -> Result<Option<ACL>, Status> {
    let acl = stored
        .acl
        .as_ref()
        .map(|acl| from_bytes(acl, &WireProfile::DEFAULT));
    acl.transpose().map_err(|_| Status::BadTokenData)
}

/// Where on the card a share is: IncorrectToken if it is not there.
fn place(content: &Content, hkt: &ShortHash, index: u32) -> Result<usize, Status> {
    let is_meant = |share: &StoredShare| short(&share.hkt) == *hkt && share.index == index;
    content
        .shares
        .iter()
        .position(is_meant)
        .ok_or(Status::IncorrectToken)
}
