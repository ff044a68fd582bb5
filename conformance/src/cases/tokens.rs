//! Logical tokens, cards and shares. Cards are images in a soft token slot, which the client itself puts in.

use anyhow::Context as _;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "tokens.quorum.opens",
        "Any quorum of the cards gives the token back, and a short one opens nothing",
        "nCore API: Cmd_GenerateLogicalToken, Cmd_WriteShare, Cmd_ReadShare",
        quorum_opens,
    )
    .covers(&[
        replies(Cmd::GenerateLogicalToken),
        replies(Cmd::LoadLogicalToken),
        replies(Cmd::WriteShare),
        replies(Cmd::ReadShare),
        replies(Cmd::FormatToken),
        replies(Cmd::InsertSoftToken),
        replies(Cmd::RemoveSoftToken),
        replies(Cmd::GetLogicalTokenInfo),
        replies(Cmd::GetLogicalTokenInfoEx),
        replies(Cmd::MakeBlob),
        denies(Cmd::LoadBlob, Status::LogTokenNotPresent),
        denies(Cmd::ReadShare, Status::BadShareState),
    ]),
    Case::new(
        "tokens.quorum.impossible",
        "A quorum that cannot be is refused",
        "nCore API: Cmd_GenerateLogicalToken",
        quorum_impossible,
    )
    .covers(&[
        denies(Cmd::GenerateLogicalToken, Status::InvalidParameter),
        denies(Cmd::LoadLogicalToken, Status::InvalidParameter),
    ]),
    Case::new(
        "tokens.pin.needed",
        "A share with a pass phrase opens with that one only",
        "nCore API: Cmd_ReadShare, Cmd_ReadSoftTokenShare",
        pin_needed,
    )
    .covers(&[
        denies(Cmd::ReadShare, Status::DecryptFailed),
        replies(Cmd::ReadSoftTokenShare),
        denies(Cmd::ReadSoftTokenShare, Status::DecryptFailed),
    ]),
    Case::new(
        "tokens.pin.changed",
        "A changed pass phrase replaces the old one",
        "nCore API: Cmd_ChangeSharePIN",
        pin_changed,
    )
    .covers(&[
        replies(Cmd::ChangeSharePIN),
        denies(Cmd::ChangeSharePIN, Status::DecryptFailed),
    ]),
    Case::new(
        "tokens.card.belongs",
        "A card of another token is refused",
        "nCore API: Cmd_ReadShare",
        card_belongs,
    )
    .covers(&[
        denies(Cmd::ReadShare, Status::IncorrectToken),
        denies(Cmd::ReadShare, Status::TokenNotFormatted),
    ]),
    Case::new(
        "tokens.share.once",
        "A share is written once, and erased once",
        "nCore API: Cmd_WriteShare, Cmd_EraseShare",
        share_once,
    )
    .covers(&[
        denies(Cmd::WriteShare, Status::BadShareState),
        replies(Cmd::EraseShare),
        denies(Cmd::EraseShare, Status::IncorrectToken),
        replies(Cmd::GetSlotInfo),
    ]),
    Case::new(
        "tokens.share.list",
        "A share tells its list",
        "nCore API: Cmd_GetShareACL",
        share_list,
    )
    .covers(&[
        replies(Cmd::GetShareACL),
        denies(Cmd::GetShareACL, Status::IncorrectToken),
    ]),
    Case::new(
        "tokens.slot.absent",
        "A card that is not there any more is told by its insertion count",
        "nCore API: M_PhysToken",
        slot_absent,
    )
    .covers(&[
        denies(Cmd::FormatToken, Status::PhysTokenNotPresent),
        denies(Cmd::RemoveSoftToken, Status::PhysTokenNotPresent),
        denies(Cmd::GetSlotInfo, Status::PhysTokenNotPresent),
    ]),
    Case::new(
        "tokens.slot.reader",
        "A card reader takes no image",
        "nCore API: Cmd_InsertSoftToken",
        slot_reader,
    )
    .covers(&[denies(Cmd::InsertSoftToken, Status::InvalidSlot)]),
    Case::new(
        "tokens.info.unknown",
        "An identifier that is no token's is refused",
        "nCore API: Cmd_GetLogicalTokenInfo",
        info_unknown,
    )
    .covers(&[
        denies(Cmd::GetLogicalTokenInfo, Status::TypeMismatch),
        denies(Cmd::GetLogicalTokenInfoEx, Status::UnknownID),
    ]),
];

/// The null module key of triple DES, which gives no secrecy: tokens under it need no world.
const NULL_KM: [u8; 20] = [0; 20];

type Pin = Option<[u8; 20]>;

fn params(sharesneeded: u32, sharestotal: u32) -> TokenParams {
    TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS,
        sharesneeded,
        sharestotal,
        timelimit: 0,
    }
}

/// A module, its soft token slot, and a connection.
struct Desk {
    wire: Wire,
    module: u32,
    slot: u32,
}

impl Desk {
    fn new(rig: &Rig) -> anyhow::Result<Desk> {
        let (wire, module) = (rig.wire()?, rig.module()?);
        let slots = wire.send(GetSlotListArgs { module })?.slots;
        let soft = slots.iter().find(|slot| slot.type_ == SlotType::SoftToken);
        let slot = soft
            .context("the module has no soft token slot")?
            .token
            .slot;
        Ok(Desk { wire, module, slot })
    }

    fn generate(&self, needed: u32, total: u32) -> anyhow::Result<GenerateLogicalTokenReply> {
        let args = GenerateLogicalTokenArgs {
            module: self.module,
            hkm: NULL_KM,
            params: params(needed, total),
        };
        Ok(self.wire.send(args)?)
    }

    fn reload(&self, hkt: [u8; 20], needed: u32, total: u32) -> anyhow::Result<u32> {
        let args = LoadLogicalTokenArgs {
            module: self.module,
            hkt,
            hkm: NULL_KM,
            params: params(needed, total),
        };
        Ok(self.wire.send(args)?.idkt)
    }

    fn insert(&self, image: &[u8]) -> anyhow::Result<PhysToken> {
        let token = PhysToken {
            module: self.module,
            slot: self.slot,
            ic: 0,
        };
        let args = InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data: image.to_vec(),
        };
        let ic = self.wire.send(args)?.ic;
        Ok(PhysToken { ic, ..token })
    }

    fn remove(&self, token: PhysToken) -> anyhow::Result<Vec<u8>> {
        Ok(self
            .wire
            .send(RemoveSoftTokenArgs { flags: 0, token })?
            .data)
    }

    /// A formatted card in the slot.
    fn blank(&self) -> anyhow::Result<PhysToken> {
        let token = self.insert(b"")?;
        self.wire.send(FormatTokenArgs {
            flags: 0,
            token: token.clone(),
            auth_key: None,
        })?;
        Ok(token)
    }

    /// Writes every share of a token to a card of its own.
    fn write_cards(
        &self,
        idkt: u32,
        total: u32,
        pin: impl Fn(u32) -> Pin,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        (1..=total)
            .map(|i| {
                let token = self.blank()?;
                self.wire.send(write(&token, idkt, i, pin(i)))?;
                self.remove(token)
            })
            .collect()
    }

    /// Reads share `i` from a card; how many are still needed.
    fn read_card(
        &self,
        card: &[u8],
        idkt: u32,
        i: u32,
        pin: Pin,
    ) -> anyhow::Result<Result<u32, ncore::client::ClientError>> {
        let token = self.insert(card)?;
        let answer = self.wire.send(ReadShareArgs {
            flags: 0,
            token: token.clone(),
            idkt,
            i,
            pin,
        });
        self.remove(token)?;
        Ok(answer.map(|reply| reply.sharesleft))
    }
}

fn write(token: &PhysToken, idkt: u32, i: u32, pin: Pin) -> WriteShareArgs {
    WriteShareArgs {
        flags: 0,
        token: token.clone(),
        idkt,
        i,
        pin,
        acl: None,
    }
}

fn short(hkt: [u8; 20]) -> [u8; 10] {
    std::array::from_fn(|index| hkt[index])
}

fn quorum_opens(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let made = desk.generate(2, 3)?;
    let state = |idkt| {
        desk.wire
            .send(GetLogicalTokenInfoArgs { idkt })
            .map(|info| (info.state, info.sharesneeded))
    };
    equal(
        state(made.idkt)?,
        (LogTokenState::Writing, 3),
        "the new token's state",
    )?;
    let cards = desk.write_cards(made.idkt, 3, |_| None)?;
    equal(
        state(made.idkt)?,
        (LogTokenState::Present, 0),
        "the written token's state",
    )?;

    let key = aes(&desk.wire, desk.module, anything())?;
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt: made.idkt });
    let blob = MakeBlobArgs {
        format: BlobFormat::Token,
        idka: key,
        blobkey,
        ..MakeBlobArgs::default()
    };
    let blob = desk.wire.send(blob)?.blob;
    let idkt = desk.reload(made.hkt, 2, 3)?;
    let load = || {
        desk.wire.send(LoadBlobArgs {
            module: desk.module,
            blob: blob.clone(),
            idkb: Some(idkt),
            ..LoadBlobArgs::default()
        })
    };
    denied(load(), Status::LogTokenNotPresent)?;
    equal(
        desk.read_card(&cards[2], idkt, 3, None)??,
        1,
        "the shares still needed",
    )?;
    denied(load(), Status::LogTokenNotPresent)?;
    denied(
        desk.read_card(&cards[2], idkt, 3, None)?,
        Status::BadShareState,
    )?;
    equal(
        desk.read_card(&cards[0], idkt, 1, None)??,
        0,
        "the shares still needed",
    )?;
    equal(
        state(idkt)?,
        (LogTokenState::Present, 0),
        "the read token's state",
    )?;
    equal(
        hash_of(&desk.wire, load()?.idka)?,
        hash_of(&desk.wire, key)?,
        "the hash of the key",
    )?;
    let more = desk
        .wire
        .send(GetLogicalTokenInfoExArgs { flags: 0, idkt })?;
    equal(
        (more.hkt, more.hkm),
        (made.hkt, NULL_KM),
        "the hashes of token and module key",
    )?;
    Ok(Outcome::Passed)
}

fn quorum_impossible(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    for (needed, total) in [(0, 1), (2, 1), (0, 0), (1, 65)] {
        let module = desk.module;
        let made = GenerateLogicalTokenArgs {
            module,
            hkm: NULL_KM,
            params: params(needed, total),
        };
        denied(desk.wire.send(made), Status::InvalidParameter)?;
        let loaded = LoadLogicalTokenArgs {
            module,
            hkt: [1; 20],
            hkm: NULL_KM,
            params: params(needed, total),
        };
        denied(desk.wire.send(loaded), Status::InvalidParameter)?;
    }
    Ok(Outcome::Passed)
}

fn pin_needed(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let made = desk.generate(1, 1)?;
    let cards = desk.write_cards(made.idkt, 1, |_| Some([1; 20]))?;
    let idkt = desk.reload(made.hkt, 1, 1)?;
    for wrong in [Some([9; 20]), None] {
        denied(
            desk.read_card(&cards[0], idkt, 1, wrong)?,
            Status::DecryptFailed,
        )?;
    }
    equal(
        desk.read_card(&cards[0], idkt, 1, Some([1; 20]))??,
        0,
        "the shares still needed",
    )?;

    let idkt = desk.reload(made.hkt, 1, 1)?;
    let token = PhysToken {
        module: desk.module,
        slot: desk.slot,
        ic: 0,
    };
    let args = |pin| ReadSoftTokenShareArgs {
        flags: 0,
        token: token.clone(),
        data: cards[0].clone(),
        idkt,
        i: 1,
        pin,
    };
    denied(desk.wire.send(args(None)), Status::DecryptFailed)?;
    equal(
        desk.wire.send(args(Some([1; 20])))?.sharesleft,
        0,
        "the shares still needed",
    )?;
    Ok(Outcome::Passed)
}

fn pin_changed(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let made = desk.generate(1, 1)?;
    let cards = desk.write_cards(made.idkt, 1, |_| Some([1; 20]))?;
    let token = desk.insert(&cards[0])?;
    let change = |oldpin| ChangeSharePINArgs {
        flags: 0,
        token: token.clone(),
        hkm: NULL_KM,
        hkt: short(made.hkt),
        i: 1,
        oldpin: Some(oldpin),
        newpin: Some([2; 20]),
    };
    denied(desk.wire.send(change([9; 20])), Status::DecryptFailed)?;
    desk.wire.send(change([1; 20]))?;
    let card = desk.remove(token)?;
    let idkt = desk.reload(made.hkt, 1, 1)?;
    denied(
        desk.read_card(&card, idkt, 1, Some([1; 20]))?,
        Status::DecryptFailed,
    )?;
    equal(
        desk.read_card(&card, idkt, 1, Some([2; 20]))??,
        0,
        "the shares still needed",
    )?;
    Ok(Outcome::Passed)
}

fn card_belongs(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let (one, other) = (desk.generate(1, 1)?, desk.generate(1, 1)?);
    desk.write_cards(one.idkt, 1, |_| None)?;
    let foreign = desk.write_cards(other.idkt, 1, |_| None)?;
    let idkt = desk.reload(one.hkt, 1, 1)?;
    denied(
        desk.read_card(&foreign[0], idkt, 1, None)?,
        Status::IncorrectToken,
    )?;
    denied(
        desk.read_card(b"", idkt, 1, None)?,
        Status::TokenNotFormatted,
    )?;
    Ok(Outcome::Passed)
}

fn share_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    // Of a token that one share opens, whoever has it whole can write any share again.
    let made = desk.generate(2, 2)?;
    let token = desk.blank()?;
    desk.wire.send(write(&token, made.idkt, 1, None))?;
    denied(
        desk.wire.send(write(&token, made.idkt, 1, None)),
        Status::BadShareState,
    )?;
    let shares = || {
        desk.wire
            .send(GetSlotInfoArgs {
                module: desk.module,
                slot: desk.slot,
            })
            .map(|info| info.tokens.len())
    };
    equal(shares()?, 1, "the shares on the card")?;
    let erase = EraseShareArgs {
        token: token.clone(),
        hkt: short(made.hkt),
        i: 1,
    };
    desk.wire.send(erase.clone())?;
    equal(shares()?, 0, "the shares on the card")?;
    denied(desk.wire.send(erase), Status::IncorrectToken)?;
    desk.remove(token)?;
    Ok(Outcome::Passed)
}

fn share_list(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let made = desk.generate(1, 1)?;
    let token = desk.blank()?;
    let read = acl(vec![Action {
        type_: Act::ReadShare,
        details: ActDetails::ReadShare(ActReadShareDetails::default()),
    }]);
    desk.wire.send(WriteShareArgs {
        acl: Some(read.clone()),
        ..write(&token, made.idkt, 1, None)
    })?;
    let ask = |i| {
        desk.wire.send(GetShareACLArgs {
            flags: 0,
            token: token.clone(),
            hkt: short(made.hkt),
            i,
        })
    };
    equal(ask(1)?.acl, read, "the list")?;
    denied(ask(2), Status::IncorrectToken)?;
    desk.remove(token)?;
    Ok(Outcome::Passed)
}

fn slot_absent(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let old = desk.insert(b"")?;
    desk.remove(old.clone())?;
    denied(
        desk.wire.send(FormatTokenArgs {
            flags: 0,
            token: old.clone(),
            auth_key: None,
        }),
        Status::PhysTokenNotPresent,
    )?;
    denied(
        desk.wire.send(RemoveSoftTokenArgs {
            flags: 0,
            token: old.clone(),
        }),
        Status::PhysTokenNotPresent,
    )?;
    denied(
        desk.wire.send(GetSlotInfoArgs {
            module: desk.module,
            slot: desk.slot,
        }),
        Status::PhysTokenNotPresent,
    )?;
    let new = desk.insert(b"")?;
    denied(
        desk.wire.send(FormatTokenArgs {
            flags: 0,
            token: old,
            auth_key: None,
        }),
        Status::PhysTokenNotPresent,
    )?;
    desk.remove(new)?;
    Ok(Outcome::Passed)
}

fn slot_reader(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let token = PhysToken {
        module: desk.module,
        slot: 0,
        ic: 0,
    };
    denied(
        desk.wire.send(InsertSoftTokenArgs {
            flags: 0,
            token,
            data: Vec::new(),
        }),
        Status::InvalidSlot,
    )?;
    Ok(Outcome::Passed)
}

fn info_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::new(rig)?;
    let key = aes(&desk.wire, desk.module, anything())?;
    denied(
        desk.wire.send(GetLogicalTokenInfoArgs { idkt: key }),
        Status::TypeMismatch,
    )?;
    desk.wire.send(DestroyArgs { key })?;
    denied(
        desk.wire.send(GetLogicalTokenInfoExArgs {
            flags: 0,
            idkt: key,
        }),
        Status::UnknownID,
    )?;
    Ok(Outcome::Passed)
}
