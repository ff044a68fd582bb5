//! `slotinfo`: the slots of a module, what is on a card, and formatting one (UTILITIES section 3.3).

use std::fmt::Write;
use std::process::ExitCode;

use clap::Parser;
use ncore::Status;
use ncore::types::{AdminToken, FormatTokenArgs, SlotListData, SlotType, TokenInfo};
use nfkm::cards::{CardContent, Known};
use nfkm::kmdata::Listed;
use nfkm::{Client, Enquiry, Environment, Error, World, ZERO_HASH, hex};
use serde_json::{Value as Json, json};

use crate::cli::{self, Failure};
use crate::layout::{self, Rows};
use crate::modules;
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
    /// Answer in JSON
    #[arg(short, long, conflicts_with = "format")]
    json: bool,
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
            None => Listed::default(),
        };
        let known = Known::new(world.as_ref(), sets.records);
        let client = Client::connect(&environment.endpoint()?)?;
        match (options.module, options.slot) {
            (Some(module), Some(number)) => {
                let slots = working(&client, module)?;
                let slot = slots.iter().find(|slot| slot.listed.token.slot == number);
                let slot = slot.ok_or_else(|| {
                    Failure::Operation(format!("module #{module} has no slot #{number}"))
                })?;
                if options.format {
                    return format(&client, slot, &known, options.ignoreauth);
                }
                match options.json {
                    true => cli::print_json(&Detail::of(slot, &known).json(module, number))?,
                    false => cli::print(&Detail::of(slot, &known).text(module, number))?,
                }
            }
            (Some(module), None) => {
                let slots = working(&client, module)?;
                match options.json {
                    true => cli::print_json(&[listing_json(module, &slots, &known)])?,
                    false => cli::print(&listing(&slots, &known))?,
                }
            }
            (None, _) => all(&client, &known, options.json)?,
        }
        cli::complain_of_faults("slotinfo", &sets.faults)
    })
}

fn all(client: &Client, known: &Known, as_json: bool) -> Result<(), Failure> {
    let mut report = String::new();
    let mut answer = Vec::new();
    let mut failed = false;
    for module in 1.. {
        let (slots, status) = match look(client, module) {
            Err(Error::NoSuchModule { .. }) if module > 1 => break,
            looked => looked?,
        };
        // One that has failed does not hide the others.
        if status != Status::OK {
            failed = true;
            cli::complain("slotinfo", &format!("module #{module}: {status}"));
        }
        // Writing to a string cannot fail.
        let _ = writeln!(report, "Module #{module}:");
        report.push_str(&listing(&slots, known));
        answer.push(listing_json(module, &slots, known));
    }
    match as_json {
        true => cli::print_json(&answer)?,
        false => cli::print(&report)?,
    }
    match failed {
        true => Err(Failure::Reported),
        false => Ok(()),
    }
}

/// The slots of a module that has not failed.
fn working(client: &Client, module: u32) -> Result<Vec<Slot>, Failure> {
    match look(client, module)? {
        (slots, Status::OK) => Ok(slots),
        (_, status) => Err(Failure::Operation(format!("module #{module}: {status}"))),
    }
}

/// The slots of a module, and how it answers.
fn look(client: &Client, module: u32) -> Result<(Vec<Slot>, Status), Error> {
    match Enquiry::of(client, module) {
        Ok(_) if module != 0 => Ok((
            slots::look(client, module)?,
            modules::health(client, module)?,
        )),
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
    let mut report = row(COLUMNS.map(str::to_owned));
    for slot in slots {
        report.push_str(&row(cells(slot, known)));
    }
    report
}

/// The table for programs, by its columns.
fn listing_json(module: u32, slots: &[Slot], known: &Known) -> Json {
    let slots = slots.iter().map(|slot| {
        let cells = COLUMNS.into_iter().zip(cells(slot, known));
        layout::object(cells.collect())
    });
    json!({ "module": module, "slots": slots.collect::<Vec<_>>() })
}

const COLUMNS: [&str; 6] = ["Slot", "Type", "Token", "IC", "Flags", "Details"];

fn cells(slot: &Slot, known: &Known) -> [String; 6] {
    let listed = &slot.listed;
    let kind = match listed.type_ {
        SlotType::SmartCard => "Smartcard".to_owned(),
        SlotType::SoftToken => "Software Tkn".to_owned(),
        other => other.to_string(),
    };
    let present = if listed.token.ic == 0 { "-" } else { "present" };
    let flags = LETTERS
        .into_iter()
        .filter(|(bit, _)| listed.flags & bit != 0);
    let details = match slot.card(known) {
        CardContent::Damaged => Status::BadTokenData.to_string(),
        CardContent::Error(status) => status.to_string(),
        _ => String::new(),
    };
    [
        format!("#{}", listed.token.slot),
        kind,
        present.to_owned(),
        listed.token.ic.to_string(),
        flags.map(|(_, letter)| letter).collect(),
        details,
    ]
}

/// What the flags of a slot are called in the listing.
const LETTERS: [(u32, char); 6] = [
    (SlotListData::SUPPORTS_AUTHENTICATION, 'A'),
    (SlotListData::REMOTE_MODULE, 'R'),
    (SlotListData::DYNAMIC_SLOT, 'D'),
    (SlotListData::ASSOCIATED, 'a'),
    (SlotListData::TIMED_OUT, 't'),
    (SlotListData::CHANNEL_FAILED, 'f'),
];

fn row([slot, kind, token, ic, flags, details]: [String; 6]) -> String {
    let line = format!("{slot:5}{kind:16}{token:8}{ic:6}{flags:8}{details}");
    format!("{}\n", line.trim_end())
}

/// Everything about the card in a slot. The vendor's lines are unknown; these are this software's.
#[derive(Debug, Default)]
pub struct Detail {
    rows: Rows,
    shares: Vec<String>,
    files: Vec<String>,
}

impl Detail {
    /// What is known of the card in a slot.
    pub fn of(slot: &Slot, known: &Known) -> Detail {
        let content = slot.card(known);
        let token = match &content {
            CardContent::Empty => "none".to_owned(),
            CardContent::Unformatted => "present, not formatted".to_owned(),
            CardContent::Damaged => format!("present, {}", Status::BadTokenData),
            CardContent::Error(status) => format!("present, {status}"),
            CardContent::Unknown if slot.content.is_err() => "present, unknown type".to_owned(),
            _ => "present, formatted".to_owned(),
        };
        let mut detail = Detail {
            rows: vec![("Token", token)],
            ..Detail::default()
        };
        let Ok(card) = &slot.content else {
            return detail;
        };
        let auth_key = match card.auth_key {
            ZERO_HASH => "none".to_owned(),
            hash => hex(&hash),
        };
        detail.rows.extend([
            ("Card", content.to_string()),
            ("Auth key", auth_key),
            ("Free", format!("{} bytes", card.freespace)),
        ]);
        for share in &card.tokens {
            let passphrase = if share.flags & TokenInfo::PIN_PRESENT != 0 {
                " (PIN)"
            } else {
                ""
            };
            let token = token_name(share, known);
            detail
                .shares
                .push(format!("#{} of {token}{passphrase}", share.i));
        }
        for file in &card.files {
            let end = file.id.iter().position(|byte| *byte == 0);
            let name = String::from_utf8_lossy(&file.id[..end.unwrap_or(file.id.len())]);
            detail.files.push(format!("{name}, {} bytes", file.length));
        }
        detail
    }

    /// The report.
    pub fn text(&self, module: u32, slot: u32) -> String {
        let mut report = format!("Module {module} Slot {slot}:\n");
        let rows = self.rows.iter().map(|(name, value)| (*name, value));
        let shares = self.shares.iter().map(|share| ("Share", share));
        let files = self.files.iter().map(|file| ("File", file));
        for (name, value) in rows.chain(shares).chain(files) {
            // Writing to a string cannot fail.
            let _ = writeln!(report, " {name}: {value}");
        }
        report
    }

    fn json(self, module: u32, slot: u32) -> Json {
        let mut answer = layout::object(self.rows);
        answer.insert("module".to_owned(), module.into());
        answer.insert("slot".to_owned(), slot.into());
        answer.insert("Shares".to_owned(), self.shares.into());
        answer.insert("Files".to_owned(), self.files.into());
        Json::Object(answer)
    }
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
        Slot {
            listed,
            content,
            locked: false,
        }
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
    fn every_flag_of_a_slot_has_its_letter() {
        let mut remote = slot(2, SlotType::SmartCard, Err(Status::PhysTokenNotPresent));
        for (flags, letters) in [
            (0, ""),
            (SlotListData::REMOTE_MODULE, "R"),
            (
                SlotListData::SUPPORTS_AUTHENTICATION | SlotListData::REMOTE_MODULE,
                "AR",
            ),
            (SlotListData::DYNAMIC_SLOT | SlotListData::ASSOCIATED, "Da"),
            (SlotListData::TIMED_OUT, "t"),
            (SlotListData::CHANNEL_FAILED, "f"),
        ] {
            remote.listed.flags = flags;
            assert_eq!(cells(&remote, &known())[4], letters);
        }
    }

    #[test]
    fn a_card_is_shown_with_its_shares() {
        let shown = Detail::of(&slot(0, SlotType::SmartCard, Ok(card())), &known()).text(1, 0);
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
            let shown = Detail::of(&slot(0, SlotType::SmartCard, Err(status)), &known()).text(1, 0);
            assert_eq!(shown, format!("Module 1 Slot 0:\n Token: {token}\n"));
        }
    }
}
