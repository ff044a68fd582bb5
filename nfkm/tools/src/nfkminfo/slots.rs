//! Slots and what is in them, and card sets.

use std::fmt::Write;

use ncore::Status;
use ncore::types::{SlotListData, SlotState};
use nfkm::cards::{CardContent, Known};
use nfkm::hex;
use nfkm::kmdata::CardSetRecord;
use serde_json::Value as Json;

use crate::layout::{self, Rows};
use crate::slots::Slot;
use crate::time;

/// The fields of a slot and what is in it.
pub fn slot_rows(slot: &Slot, generation: u32, known: &Known) -> Rows {
    let content = slot.card(known);
    let card = Card::of(&content);
    let flags = if card.shares.iter().any(|share| share.ends_with("(PIN)")) {
        PASSPHRASE
    } else {
        0
    };
    vec![
        ("generation", generation.to_string()),
        ("phystype", slot.listed.type_.to_string()),
        ("slotlistflags", slot_list_flags(slot.listed.flags)),
        ("state", format!("{:#x} {}", card.state.0, card.state)),
        ("flags", format!("{flags:#x}")),
        ("shareno", card.number.to_string()),
        ("shares", card.shares.join(" ")),
        ("error", card.error.to_string()),
    ]
}

/// The block of a slot, after a blank line, and the card set of an operator card.
pub fn slot_block(slot: &Slot, module: u32, generation: u32, known: &Known) -> String {
    let token = &slot.listed.token;
    let mut report = format!("\nModule #{module} Slot #{} IC {}\n", token.slot, token.ic);
    layout::lines(&mut report, 13, &slot_rows(slot, generation, known));
    match slot.card(known) {
        CardContent::Operator { set, .. } => report.push_str(&card_set_block(&set)),
        _ => report.push_str("No Cardset\n"),
    }
    report
}

/// The same for programs; `cardset` is null without one.
pub fn slot_json(slot: &Slot, generation: u32, known: &Known) -> Json {
    let token = &slot.listed.token;
    let mut answer = layout::object(slot_rows(slot, generation, known));
    answer.insert("slot".to_owned(), token.slot.into());
    answer.insert("IC".to_owned(), token.ic.into());
    let set = match slot.card(known) {
        CardContent::Operator { set, .. } => card_set_json(&set),
        _ => Json::Null,
    };
    answer.insert("cardset".to_owned(), set);
    Json::Object(answer)
}

/// The slot flag for a card with a pass phrase: this software's choice, the vendor's bits are unknown.
const PASSPHRASE: u32 = 0x1_0000;

/// The block `Cardset`.
pub fn card_set_block(set: &CardSetRecord) -> String {
    let mut report = "Cardset\n".to_owned();
    layout::lines(&mut report, 13, &card_set_rows(set));
    report
}

/// A card set for programs.
pub fn card_set_json(set: &CardSetRecord) -> Json {
    let mut answer = layout::object(card_set_rows(set));
    // Names are texts, and not in quotes.
    answer.insert("name".to_owned(), set.name.as_str().into());
    answer.insert("card names".to_owned(), set.card_names.clone().into());
    Json::Object(answer)
}

fn card_set_rows(set: &CardSetRecord) -> Rows {
    let persistence = if set.persistent {
        "Persistent"
    } else {
        "NotPersistent"
    };
    let recovery = if set.passphrase_recovery {
        "PINRecoveryPermitted(enabled)"
    } else {
        "PINRecoveryForbidden(disabled)"
    };
    let remote = if set.remote {
        "RemoteEnabled"
    } else {
        "!RemoteEnabled"
    };
    let names: Vec<String> = set
        .card_names
        .iter()
        .map(|name| format!("\"{name}\""))
        .collect();
    vec![
        ("name", format!("\"{}\"", set.name)),
        (
            "k-out-of-n",
            format!("{}/{}", set.shares_needed, set.shares_total),
        ),
        ("flags", format!("{persistence} {recovery} {remote}")),
        ("timeout", timeout(set.time_limit)),
        ("card names", names.join(" ")),
        ("hkltu", hex(&set.hkltu)),
        ("gentime", time::stamp(set.gentime)),
    ]
}

/// The list `-c`.
pub fn card_set_list(sets: &[CardSetRecord]) -> String {
    let mut report = format!(
        "Cardset list - {} cardsets:  (P)ersistent/(N)ot, (R)emoteable/(L)ocal-only\n",
        sets.len()
    );
    report.push_str(" Operator logical token hash               k/n timeout  name\n");
    for set in sets {
        let persistence = if set.persistent { 'P' } else { 'N' };
        let remote = if set.remote { 'R' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = writeln!(
            report,
            " {}  {}/{}  {}-{persistence}{remote}  {}",
            hex(&set.hkltu),
            set.shares_needed,
            set.shares_total,
            timeout(set.time_limit),
            set.name
        );
    }
    report
}

/// What is to be said of the card in a slot.
struct Card {
    state: SlotState,
    number: u32,
    shares: Vec<String>,
    error: Status,
}

impl Card {
    fn of(content: &CardContent) -> Card {
        let plain = |state, error| Card {
            state,
            number: 0,
            shares: Vec::new(),
            error,
        };
        let word = |name: &str, passphrase: bool| match passphrase {
            false => name.to_owned(),
            true => format!("{name}(PIN)"),
        };
        match content {
            CardContent::Empty => plain(SlotState::Empty, Status::OK),
            CardContent::Unformatted => plain(SlotState::Unformatted, Status::OK),
            CardContent::Blank => plain(SlotState::Blank, Status::OK),
            CardContent::Foreign | CardContent::Unknown => {
                plain(SlotState::Unidentified, Status::OK)
            }
            CardContent::Damaged => plain(SlotState::Error, Status::BadTokenData),
            CardContent::Error(status) => plain(SlotState::Error, *status),
            CardContent::Admin { number, shares } => Card {
                number: *number,
                shares: shares
                    .iter()
                    .map(|(token, passphrase)| word(&format!("LT{token}"), *passphrase))
                    .collect(),
                ..plain(SlotState::Admin, Status::OK)
            },
            CardContent::Operator {
                number, passphrase, ..
            } => Card {
                number: *number,
                shares: vec![word("LTU", *passphrase)],
                ..plain(SlotState::Operator, Status::OK)
            },
        }
    }
}

fn slot_list_flags(flags: u32) -> String {
    match flags {
        0 => "0x0".to_owned(),
        flags => format!("{flags:#x} {}", layout::flag_names(flags, &FLAG_NAMES)),
    }
}

const FLAG_NAMES: [(u32, &str); 6] = [
    (
        SlotListData::SUPPORTS_AUTHENTICATION,
        "SupportsAuthentication",
    ),
    (SlotListData::REMOTE_MODULE, "RemoteModule"),
    (SlotListData::DYNAMIC_SLOT, "DynamicSlot"),
    (SlotListData::ASSOCIATED, "Associated"),
    (SlotListData::TIMED_OUT, "TimedOut"),
    (SlotListData::CHANNEL_FAILED, "ChannelFailed"),
];

fn timeout(seconds: u32) -> String {
    if seconds == 0 {
        "none".to_owned()
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use ncore::types::{
        AdminToken, GetSlotInfoReply, PhysToken, SlotType, SlotTypeSlotExData, TokenInfo,
    };
    use nfkm::kmdata::AdminTokenRecord;

    use super::*;

    fn slot(ic: u32, content: Result<GetSlotInfoReply, Status>) -> Slot {
        let listed = SlotListData {
            type_: SlotType::SmartCard,
            flags: SlotListData::SUPPORTS_AUTHENTICATION,
            token: PhysToken {
                module: 1,
                slot: 0,
                ic,
            },
            exdata: SlotTypeSlotExData::Empty,
        };
        Slot {
            listed,
            content,
            locked: false,
        }
    }

    fn share(byte: u8, i: u32, pin: bool) -> TokenInfo {
        TokenInfo {
            flags: if pin { TokenInfo::PIN_PRESENT } else { 0 },
            hkt: [byte; 10],
            i,
        }
    }

    fn card(tokens: Vec<TokenInfo>) -> Result<GetSlotInfoReply, Status> {
        Ok(GetSlotInfoReply {
            ic: 14,
            tokens,
            ..GetSlotInfoReply::default()
        })
    }

    fn set() -> CardSetRecord {
        CardSetRecord {
            name: "ops".to_owned(),
            hkltu: [7; 20],
            shares_needed: 1,
            shares_total: 3,
            time_limit: 0,
            persistent: true,
            remote: false,
            passphrase_recovery: false,
            card_names: vec![String::new(), "spare".to_owned(), String::new()],
            gentime: 1_705_035_753,
            soft: false,
        }
    }

    /// Shares with hashes of 1 and 2 are of administrator tokens.
    fn known() -> Known {
        let token = |role: AdminToken, byte| AdminTokenRecord {
            role: role.0,
            hkt: [byte; 20],
            hkm: [0; 20],
            flags: 0,
            shares_needed: 1,
            shares_total: 3,
            time_limit: 0,
        };
        Known {
            hkm: Some([5; 20]),
            tokens: vec![token(AdminToken::NSO, 1), token(AdminToken::M, 2)],
            sets: vec![set()],
        }
    }

    fn block(slot: &Slot) -> String {
        slot_block(slot, 1, 1, &known())
    }

    #[test]
    fn operator_card_is_shown_with_its_set() {
        insta::assert_snapshot!(block(&slot(14, card(vec![share(7, 1, true)]))));
    }

    #[test]
    fn administrator_card_is_shown_with_its_shares() {
        insta::assert_snapshot!(block(&slot(
            14,
            card(vec![share(1, 2, true), share(2, 2, false)])
        )));
    }

    #[test]
    fn every_content_of_a_slot_has_its_word() {
        let check = |slot: Slot, state: &str, error: &str| {
            let report = block(&slot);
            assert!(
                report.contains(&format!("\n state         {state}\n")),
                "{report}"
            );
            assert!(
                report.contains(&format!("\n error         {error}\n")),
                "{report}"
            );
            assert!(report.ends_with("No Cardset\n"), "{report}");
        };
        check(slot(0, Err(Status::PhysTokenNotPresent)), "0x2 Empty", "OK");
        check(slot(3, card(vec![])), "0x3 Blank", "OK");
        check(
            slot(3, Err(Status::TokenNotFormatted)),
            "0x9 Unformatted",
            "OK",
        );
        check(
            slot(3, card(vec![share(9, 1, false)])),
            "0x6 Unidentified",
            "OK",
        );
        check(
            slot(3, Err(Status::UnknownTokenType)),
            "0x6 Unidentified",
            "OK",
        );
        check(
            slot(3, Err(Status::BadTokenData)),
            "0x7 Error",
            "BadTokenData",
        );
        let foreign = GetSlotInfoReply {
            ic: 3,
            auth_key: [6; 20],
            ..GetSlotInfoReply::default()
        };
        check(slot(3, Ok(foreign)), "0x6 Unidentified", "OK");
        check(
            slot(3, Err(Status::TokenIOError)),
            "0x7 Error",
            "TokenIOError",
        );
    }

    #[test]
    fn card_set_list_has_a_row_for_each_set() {
        insta::assert_snapshot!(card_set_list(&[set()]));
    }
}
