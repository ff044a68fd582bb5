//! Card readers of every kind, with hands that put cards in and pull them out, on a hardserver of the case's own.

use ncore::types::*;
use simulator::module::SlotKind;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};
use crate::walk::Hands;
use crate::wire::{Wire, denied};

const OWN: &[Need] = &[Need::Control];

pub(super) const CASES: &[Case] = &[
    Case::new(
        "readers.kinds.told",
        "Each kind of slot shows itself by its type and flags",
        "UTILITIES, section 3.3, flags of slotinfo",
        kinds,
    )
    .needs(OWN)
    .covers(&[replies(Cmd::GetSlotList), replies(Cmd::PollSlotList)]),
    Case::new(
        "readers.remote.readable",
        "A slot of a remote module gives shares of remotely readable tokens, and refuses the others",
        "SECURITY-WORLD, section 5, Remote Operator",
        remote,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::ReadShare),
        denies(Cmd::ReadShare, Status::AccessDenied),
    ]),
    Case::new(
        "readers.dynamic.every-card",
        "A dynamic slot takes every card as the module's own reader does",
        "CAPI guide, section 1.6, remote presentation of administrator cards",
        dynamic,
    )
    .needs(OWN)
    .covers(&[replies(Cmd::ReadShare), replies(Cmd::WriteShare)]),
];

const READER: u32 = 0;
const REMOTE: u32 = 1;
const DYNAMIC: u32 = 2;

/// A module in operation with a slot of each kind, whose readers hands reach.
struct Desk {
    wire: Wire,
    hands: Hands,
    // The last to go.
    _spare: Spare,
}

impl Desk {
    fn open(rig: &Rig) -> anyhow::Result<Desk> {
        let spare = rig.spare_with(|options| {
            options.more_slots = vec![SlotKind::Remote, SlotKind::Dynamic, SlotKind::SoftToken];
        })?;
        spare.initialise(1)?;
        spare.operate(1, [1; 20], EVERYTHING)?;
        Ok(Desk {
            wire: spare.wire()?,
            hands: spare.hands()?,
            _spare: spare,
        })
    }

    /// Puts a card into a slot.
    fn insert(&self, slot: u32, name: &str) -> anyhow::Result<PhysToken> {
        self.hands.insert_into(1, slot, name)?;
        let slots = self.wire.send(GetSlotListArgs { module: 1 })?.slots;
        Ok(slots[slot as usize].token.clone())
    }

    /// A token of one share, which is written on a card in a slot.
    fn write(&self, slot: u32, name: &str, params: &TokenParams) -> anyhow::Result<KeyHash> {
        let made = self.wire.send(GenerateLogicalTokenArgs {
            module: 1,
            hkm: NULL_AES,
            params: params.clone(),
        })?;
        let token = self.insert(slot, name)?;
        self.wire.send(FormatTokenArgs {
            token: token.clone(),
            ..FormatTokenArgs::default()
        })?;
        self.wire.send(WriteShareArgs {
            token,
            idkt: made.idkt,
            i: 1,
            ..WriteShareArgs::default()
        })?;
        Ok(made.hkt)
    }

    /// Reads the share of a card in a slot; how many are still needed.
    fn read(
        &self,
        slot: u32,
        name: &str,
        hkt: KeyHash,
        params: &TokenParams,
    ) -> anyhow::Result<Sent<u32>> {
        let idkt = self.wire.send(LoadLogicalTokenArgs {
            module: 1,
            hkt,
            hkm: NULL_AES,
            params: params.clone(),
        })?;
        let answer = self.wire.send(ReadShareArgs {
            token: self.insert(slot, name)?,
            idkt: idkt.idkt,
            i: 1,
            ..ReadShareArgs::default()
        });
        Ok(answer.map(|reply| reply.sharesleft))
    }
}

fn params(flags: u32) -> TokenParams {
    TokenParams {
        flags,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    }
}

fn kinds(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::open(rig)?;
    const CARD: u32 = SlotListData::SUPPORTS_AUTHENTICATION;
    let kinds = [
        (SlotType::SmartCard, CARD),
        (SlotType::SmartCard, CARD | SlotListData::REMOTE_MODULE),
        (
            SlotType::SmartCard,
            CARD | SlotListData::DYNAMIC_SLOT | SlotListData::ASSOCIATED,
        ),
        (SlotType::SoftToken, 0),
    ];
    let expected: Vec<_> = (0..).zip(kinds).collect();
    let told = |slot: &SlotListData| (slot.token.slot, (slot.type_, slot.flags));
    let listed = desk.wire.send(GetSlotListArgs { module: 1 })?.slots;
    let listed: Vec<_> = listed.iter().map(told).collect();
    is(&listed, &expected, "the list of slots")?;
    let polled = desk.wire.send(PollSlotListArgs {
        module: 1,
        ..PollSlotListArgs::default()
    })?;
    let polled: Vec<_> = polled.slots.iter().map(|slot| told(&slot.sld)).collect();
    is(&polled, &expected, "the polled list")?;
    Ok(Outcome::Passed)
}

fn remote(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::open(rig)?;
    let local = params(0);
    let hkt = desk.write(READER, "local", &local)?;
    denied(
        desk.read(REMOTE, "local", hkt, &local)?,
        Status::AccessDenied,
    )?;
    is(desk.read(READER, "local", hkt, &local)??, 0, "at home")?;
    let anywhere = params(TokenParams::REMOTELY_READABLE);
    let hkt = desk.write(READER, "anywhere", &anywhere)?;
    for slot in [REMOTE, DYNAMIC, READER] {
        let left = desk.read(slot, "anywhere", hkt, &anywhere)??;
        is(left, 0, &format!("slot {slot}"))?;
    }
    // The flag is the token's, and cannot be added when it is loaded.
    let hkt = desk.write(READER, "local", &local)?;
    denied(
        desk.read(REMOTE, "local", hkt, &anywhere)?,
        Status::BadTokenData,
    )?;
    Ok(Outcome::Passed)
}

fn dynamic(rig: &Rig) -> anyhow::Result<Outcome> {
    let desk = Desk::open(rig)?;
    for flags in [0, TokenParams::NOT_PERSISTENT] {
        let params = params(flags);
        let hkt = desk.write(DYNAMIC, "card", &params)?;
        for slot in [DYNAMIC, READER] {
            let left = desk.read(slot, "card", hkt, &params)??;
            is(left, 0, &format!("slot {slot}"))?;
        }
    }
    Ok(Outcome::Passed)
}
