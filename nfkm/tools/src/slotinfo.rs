//! `slotinfo`: the slots of a module, what is on a card, and formatting one (UTILITIES section 3.3).

use std::fmt::Write;
use std::process::ExitCode;

use clap::Parser;
use ncore::Status;
use ncore::types::{AdminToken, FormatTokenArgs, SlotListData, SlotType, TokenInfo};
use nfkm::cards::{CardContent, Known};
use nfkm::{Client, Enquiry, Environment, Error, World, ZERO_HASH, hex};

use crate::cli::{self, Failure};
use crate::slots::{self, Slot};

/// Show the slots of modules and what is on a card, or format a card.
#[derive(Debug, Parser)]
#[command(name = "slotinfo")]
struct Options {
    /// The module; without it, all are shown
    #[arg(short, long, value_name = "MODULE")]
    module: Option<u32>,
    /// Show the card in this slot, with its shares
    #[arg(short, long, value_name = "SLOT", requires = "module")]
    slot: Option<u32>,
    /// Format the card in this slot: everything on it is lost
    #[arg(long, requires = "slot")]
    format: bool,
    /// Format a card that is bound to an unknown key too, if the module can
    #[arg(long, requires = "format")]
    ignoreauth: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        let folder = environment.folder()?;
        let world = World::read(&folder)?;
        let sets = match &world {
            Some(world) => folder.card_sets(&world.hknso)?,
            None => Vec::new(),
        };
        let known = Known::new(world.as_ref(), sets);
        let client = Client::connect(&environment.endpoint()?)?;
        let (module, number) = match (options.module, options.slot) {
            (Some(module), Some(slot)) => (module, slot),
            (Some(module), None) => return cli::print(&listing(&look(&client, module)?, &known)),
            (None, _) => return all(&client, &known),
        };
        let slots = look(&client, module)?;
        let slot = slots
            .iter()
            .find(|slot| slot.listed.token.slot == number)
            .ok_or_else(|| Failure::Operation(format!("module #{module} has no slot #{number}")))?;
        match options.format {
            true => format(&client, slot, &known, options.ignoreauth),
            false => cli::print(&detail(slot, module, &known)),
        }
    })
}

fn all(client: &Client, known: &Known) -> Result<(), Failure> {
    let mut report = String::new();
    for module in 1.. {
        let slots = match look(client, module) {
            Err(Error::NoSuchModule { .. }) if module > 1 => break,
            slots => slots?,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(report, "Module #{module}:");
        report.push_str(&listing(&slots, known));
    }
    cli::print(&report)
}

fn look(client: &Client, module: u32) -> Result<Vec<Slot>, Error> {
    match Enquiry::of(client, module) {
        Ok(_) if module != 0 => slots::look(client, module),
        Ok(_)
        | Err(Error::Status {
            status: Status::InvalidModule,
            ..
        }) => Err(Error::NoSuchModule { module }),
        Err(error) => Err(error),
    }
}

/// The table of a module's slots.
pub fn listing(slots: &[Slot], known: &Known) -> String {
    let mut report = row("Slot", "Type", "Token", "IC", "Flags", "Details");
    for slot in slots {
        let listed = &slot.listed;
        let kind = match listed.type_ {
            SlotType::SmartCard => "Smartcard".to_owned(),
            SlotType::SoftToken => "Software Tkn".to_owned(),
            other => other.to_string(),
        };
        let present = if listed.token.ic == 0 { "-" } else { "present" };
        let authenticates = listed.flags & SlotListData::SUPPORTS_AUTHENTICATION != 0;
        let details = match slot.card(known) {
            CardContent::Damaged => Status::BadTokenData.to_string(),
            CardContent::Error(status) => status.to_string(),
            _ => String::new(),
        };
        report.push_str(&row(
            &format!("#{}", listed.token.slot),
            &kind,
            present,
            &listed.token.ic.to_string(),
            if authenticates { "A" } else { "" },
            &details,
        ));
    }
    report
}

fn row(slot: &str, kind: &str, token: &str, ic: &str, flags: &str, details: &str) -> String {
    let line = format!("{slot:5}{kind:16}{token:8}{ic:6}{flags:8}{details}");
    format!("{}\n", line.trim_end())
}

/// Everything about the card in a slot. The vendor's lines are unknown; these are this software's.
pub fn detail(slot: &Slot, module: u32, known: &Known) -> String {
    let mut report = format!("Module {module} Slot {}:\n", slot.listed.token.slot);
    let content = slot.card(known);
    let token = match &content {
        CardContent::Empty => "none".to_owned(),
        CardContent::Unformatted => "present, not formatted".to_owned(),
        CardContent::Damaged => format!("present, {}", Status::BadTokenData),
        CardContent::Error(status) => format!("present, {status}"),
        CardContent::Unknown if slot.content.is_err() => "present, unknown type".to_owned(),
        _ => "present, formatted".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(report, " Token: {token}");
    let Ok(card) = &slot.content else {
        return report;
    };
    let auth_key = match card.auth_key {
        ZERO_HASH => "none".to_owned(),
        hash => hex(&hash),
    };
    let _ = writeln!(report, " Card: {content}");
    let _ = writeln!(report, " Auth key: {auth_key}");
    let _ = writeln!(report, " Free: {} bytes", card.freespace);
    for share in &card.tokens {
        let passphrase = if share.flags & TokenInfo::PIN_PRESENT != 0 {
            " (PIN)"
        } else {
            ""
        };
        let token = token_name(share, known);
        let _ = writeln!(report, " Share: #{} of {token}{passphrase}", share.i);
    }
    for file in &card.files {
        let end = file.id.iter().position(|byte| *byte == 0);
        let name = String::from_utf8_lossy(&file.id[..end.unwrap_or(file.id.len())]);
        let _ = writeln!(report, " File: {name}, {} bytes", file.length);
    }
    report
}

/// The token of a share by its role; by the first bytes of its hash if it is not of this world.
fn token_name(share: &TokenInfo, known: &Known) -> String {
    let of_set = |hkltu: &nfkm::Hash| hkltu.starts_with(&share.hkt);
    if known.sets.iter().any(|set| of_set(&set.hkltu)) {
        return "LTU".to_owned();
    }
    match known.tokens.iter().find(|token| of_set(&token.hkt)) {
        Some(token) => format!("LT{}", AdminToken(token.role)),
        None => hex(&share.hkt),
    }
}

fn format(client: &Client, slot: &Slot, known: &Known, ignoreauth: bool) -> Result<(), Failure> {
    if slot.card(known) == CardContent::Foreign && !ignoreauth {
        return Err(Failure::Operation(
            "the card is bound to an unknown key; --ignoreauth formats it if the module can"
                .to_owned(),
        ));
    }
    let token = &slot.listed.token;
    client.transact(FormatTokenArgs {
        token: token.clone(),
        ..FormatTokenArgs::default()
    })?;
    cli::print(&format!(
        "Module {} slot {}: card formatted\n",
        token.module, token.slot
    ))
}

#[cfg(test)]
mod tests {
    use ncore::types::{GetSlotInfoReply, PhysToken, SlotTypeSlotExData};
    use nfkm::kmdata::AdminTokenRecord;

    use super::*;

    fn slot(number: u32, type_: SlotType, content: Result<GetSlotInfoReply, Status>) -> Slot {
        let ic = match content {
            Err(Status::PhysTokenNotPresent) => 0,
            _ => 3,
        };
        let flags = if type_ == SlotType::SmartCard {
            SlotListData::SUPPORTS_AUTHENTICATION
        } else {
            0
        };
        let token = PhysToken {
            module: 1,
            slot: number,
            ic,
        };
        let listed = SlotListData {
            type_,
            flags,
            token,
            exdata: SlotTypeSlotExData::Empty,
        };
        Slot { listed, content }
    }

    fn known() -> Known {
        let token = AdminTokenRecord {
            role: AdminToken::NSO.0,
            hkt: [1; 20],
            hkm: [0; 20],
            flags: 0,
            shares_needed: 1,
            shares_total: 1,
            time_limit: 0,
        };
        Known {
            hkm: Some([5; 20]),
            tokens: vec![token],
            sets: Vec::new(),
        }
    }

    fn card() -> GetSlotInfoReply {
        let share = |byte, flags| TokenInfo {
            flags,
            hkt: [byte; 10],
            i: 2,
        };
        GetSlotInfoReply {
            ic: 3,
            tokens: vec![share(1, TokenInfo::PIN_PRESENT), share(9, 0)],
            freespace: 31_000,
            ..GetSlotInfoReply::default()
        }
    }

    #[test]
    fn the_listing_has_the_columns_of_the_vendor() {
        let slots = [
            slot(0, SlotType::SmartCard, Ok(card())),
            slot(1, SlotType::SoftToken, Err(Status::PhysTokenNotPresent)),
            slot(2, SlotType::SmartCard, Err(Status::TokenIOError)),
            slot(3, SlotType::SmartCard, Err(Status::TokenNotFormatted)),
        ];
        insta::assert_snapshot!(listing(&slots, &known()));
    }

    #[test]
    fn a_card_is_shown_with_its_shares() {
        let shown = detail(&slot(0, SlotType::SmartCard, Ok(card())), 1, &known());
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_card_that_cannot_be_read_is_shown_with_the_reason() {
        for (status, token) in [
            (Status::PhysTokenNotPresent, "none"),
            (Status::TokenNotFormatted, "present, not formatted"),
            (Status::BadTokenData, "present, BadTokenData"),
            (Status::TokenIOError, "present, TokenIOError"),
            (Status::UnknownTokenType, "present, unknown type"),
        ] {
            let shown = detail(&slot(0, SlotType::SmartCard, Err(status)), 1, &known());
            assert_eq!(shown, format!("Module 1 Slot 0:\n Token: {token}\n"));
        }
    }
}
