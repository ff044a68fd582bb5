//! Lists of keys, and everything about one.

use std::fmt::Write;

use ncore::types::{BlobFormat, NFKMNKF};
use nfkm::kmdata::{EntryContent, KeyRecord};
use nfkm::{EntryName, Hash, hex};
use serde_json::{Value as Json, json};

use crate::layout::{self, Rows};
use crate::time;

/// The list `-k`, of entries of every kind.
pub fn list(entries: &[EntryName]) -> String {
    let mut report = format!("\nKey list - {} keys\n", entries.len());
    for entry in entries {
        // Writing to a string cannot fail.
        let _ = writeln!(
            report,
            " AppName {:20} Ident {}",
            entry.appname(),
            entry.ident()
        );
    }
    report
}

/// The list `-l`: keys by protection, with their names.
pub fn name_list(keys: &[(EntryName, KeyRecord)]) -> String {
    const GROUPS: [(NFKMNKF, &str); 3] = [
        (NFKMNKF::ProtectionModule, "Keys with module protection:"),
        (NFKMNKF::ProtectionCardSet, "Keys protected by cardsets:"),
        (
            NFKMNKF::ProtectionPassPhrase,
            "Keys protected by softcards:",
        ),
    ];
    let mut report = String::new();
    for (protection, header) in GROUPS {
        let members = keys
            .iter()
            .filter(|(_, record)| record.flags & NFKMNKF::Protection_mask.0 == protection.0);
        let mut rows = members.peekable();
        if rows.peek().is_some() {
            let _ = writeln!(report, "{header}");
        }
        for (name, record) in rows {
            let _ = writeln!(
                report,
                " {} `{}'",
                name.file_name(),
                record.plainname.as_deref().unwrap_or_default()
            );
        }
    }
    report
}

/// The list `-k` for programs.
pub fn list_json(entries: &[EntryName]) -> Json {
    entries.iter().map(name_json).collect()
}

fn name_json(name: &EntryName) -> Json {
    json!({ "appname": name.appname(), "ident": name.ident() })
}

/// The list `-l` for programs.
pub fn name_list_json(keys: &[(EntryName, KeyRecord)]) -> Json {
    let key = |(name, record): &(EntryName, KeyRecord)| {
        let mut answer = name_json(name);
        answer["file"] = name.file_name().into();
        answer["name"] = record.plainname.as_deref().into();
        answer["protection"] = protection(record.flags).into();
        answer
    };
    keys.iter().map(key).collect()
}

/// Everything about one entry for programs. Data that is no key has its length alone.
pub fn detail_json(name: &EntryName, content: &EntryContent) -> Json {
    let mut answer = name_json(name);
    match content {
        EntryContent::Key(record) => {
            answer["key"] = layout::object(rows(record)).into();
            // The name is a text, and not in quotes.
            answer["key"]["name"] = record.plainname.as_deref().into();
            for (blob, length) in lengths(record) {
                answer[blob] = length.into();
            }
        }
        EntryContent::Opaque(data) => answer["data length"] = data.len().into(),
    }
    answer
}

/// The blobs with their lengths in bytes, in the order of the report.
fn lengths(record: &KeyRecord) -> [(&'static str, usize); 3] {
    let recovery = record.recovery.as_ref();
    [
        ("BlobKA length", record.blob.len()),
        (
            "BlobPubKA length",
            record.public_blob.as_ref().map_or(0, Vec::len),
        ),
        (
            "BlobRecoveryKA length",
            recovery.map_or(0, |recovery| recovery.blob.len()),
        ),
    ]
}

/// Everything about one entry.
pub fn detail(name: &EntryName, content: &EntryContent) -> String {
    match content {
        EntryContent::Key(record) => key_detail(name, record),
        EntryContent::Opaque(data) => opaque_detail(name, data),
    }
}

fn key_detail(name: &EntryName, record: &KeyRecord) -> String {
    let [(first, length), others @ ..] = lengths(record);
    let mut report = format!(
        "Key AppName {} Ident {} {first} {length}\n",
        name.appname(),
        name.ident(),
    );
    for (blob, length) in others {
        layout::line(&mut report, 0, blob, &length.to_string());
    }
    layout::lines(&mut report, 0, &rows(record));
    let private = match record.cardset {
        None => Blob {
            name: "BlobKA",
            format: BlobFormat::Module,
            hkm: Some(record.hkm),
            hkt: None,
            hkr: None,
        },
        Some(hkt) => Blob {
            name: "BlobKA",
            format: BlobFormat::Token,
            hkm: Some(record.hkm),
            hkt: Some(hkt),
            hkr: None,
        },
    };
    private.describe(&mut report);
    if let Some(recovery) = &record.recovery {
        let hkr = Some(recovery.hkre);
        Blob {
            name: "BlobRecoveryKA",
            format: BlobFormat::Indirect,
            hkm: None,
            hkt: None,
            hkr,
        }
        .describe(&mut report);
    }
    if record.public_blob.is_some() {
        let hkm = Some(record.hkm);
        Blob {
            name: "BlobPubKA",
            format: BlobFormat::Module,
            hkm,
            hkt: None,
            hkr: None,
        }
        .describe(&mut report);
    }
    report.push_str("No extra entries\n");
    report
}

fn rows(record: &KeyRecord) -> Rows {
    let plainname = record
        .plainname
        .as_ref()
        .map_or("none".to_owned(), |plainname| format!("\"{plainname}\""));
    vec![
        ("name", plainname),
        ("hash", hex(&record.hash)),
        ("recovery", recovery(record.flags).to_owned()),
        ("protection", protection(record.flags).to_owned()),
        ("other flags", other_flags(record.flags)),
        (
            "cardset",
            record.cardset.map_or("none".to_owned(), |hash| hex(&hash)),
        ),
        ("gentime", time::stamp(record.gentime)),
        ("SEE integrity key", "NONE".to_owned()),
    ]
}

fn opaque_detail(name: &EntryName, data: &[u8]) -> String {
    let mut report = format!(
        "Key AppName {} Ident {} BlobKA length 0\n",
        name.appname(),
        name.ident()
    );
    let rows = [
        ("BlobPubKA length", "0".to_owned()),
        ("BlobRecoveryKA length", "0".to_owned()),
        ("name", "none".to_owned()),
        ("hash", "none".to_owned()),
        ("recovery", "NoKey".to_owned()),
        ("protection", "NoKey".to_owned()),
        ("other flags", other_flags(0)),
    ];
    for (field, value) in rows {
        layout::line(&mut report, 0, field, &value);
    }
    let _ = writeln!(
        report,
        "Extra entry #1\n typecode NonKey length {}",
        data.len()
    );
    report
}

/// A blob of a key: what opens it.
struct Blob {
    name: &'static str,
    format: BlobFormat,
    hkm: Option<Hash>,
    hkt: Option<Hash>,
    hkr: Option<Hash>,
}

impl Blob {
    fn describe(&self, report: &mut String) {
        let hash = |hash: Option<Hash>| hash.map_or("none".to_owned(), |hash| hex(&hash));
        let _ = writeln!(report, "\n {}", self.name);
        let _ = writeln!(report, "  format {} {}", self.format.0, self.format);
        let _ = writeln!(report, "  other flags 0x0");
        let _ = writeln!(report, "  hkm {}", hash(self.hkm));
        let _ = writeln!(report, "  hkt {}", hash(self.hkt));
        let _ = writeln!(report, "  hkr {}", hash(self.hkr));
    }
}

fn recovery(flags: u32) -> &'static str {
    match NFKMNKF(flags & NFKMNKF::Recovery_mask.0) {
        NFKMNKF::RecoveryEnabled => "Enabled",
        NFKMNKF::RecoveryDisabled => "Disabled",
        NFKMNKF::RecoveryNoKey => "NoKey",
        _ => "Unknown",
    }
}

fn protection(flags: u32) -> &'static str {
    match NFKMNKF(flags & NFKMNKF::Protection_mask.0) {
        NFKMNKF::ProtectionModule => "Module",
        NFKMNKF::ProtectionCardSet => "CardSet",
        NFKMNKF::ProtectionPassPhrase => "PassPhrase",
        NFKMNKF::ProtectionNoKey => "NoKey",
        _ => "Unknown",
    }
}

/// The flags that have a word of their own, then the rest as a number.
fn other_flags(flags: u32) -> String {
    const NAMES: [(NFKMNKF, &str); 3] = [
        (NFKMNKF::PublicKey, "PublicKey"),
        (NFKMNKF::SEEAppKey, "SEEAppKey"),
        (NFKMNKF::NVMemBlob, "NVMemBlob"),
    ];
    let shown = NAMES.iter().fold(
        NFKMNKF::Recovery_mask.0 | NFKMNKF::Protection_mask.0 | NFKMNKF::HasCertificate.0,
        |shown, (flag, _)| shown | flag.0,
    );
    let words = NAMES.map(|(flag, name)| {
        if flags & flag.0 != 0 {
            name.to_owned()
        } else {
            format!("!{name}")
        }
    });
    format!("{} +{:#x}", words.join(" "), flags & !shown)
}

#[cfg(test)]
mod tests {
    use nfkm::kmdata::RecoveryRecord;

    use super::*;

    fn name(appname: &str, ident: &str) -> EntryName {
        EntryName::new(appname, ident).unwrap()
    }

    fn record(cardset: Option<Hash>) -> KeyRecord {
        let protection = if cardset.is_some() {
            NFKMNKF::ProtectionCardSet
        } else {
            NFKMNKF::ProtectionModule
        };
        KeyRecord {
            plainname: Some("contosokey".to_owned()),
            hash: [0x9f; 20],
            flags: NFKMNKF::RecoveryEnabled.0
                | NFKMNKF::HasCertificate.0
                | NFKMNKF::PublicKey.0
                | protection.0,
            gentime: 1_705_036_811,
            esn: "1A2B-02E0-D947".to_owned(),
            key_type: 2,
            cardset,
            hkm: [2; 20],
            blob: vec![0; 1128],
            public_blob: Some(vec![0; 484]),
            recovery: Some(RecoveryRecord {
                hkre: [3; 20],
                blob: vec![0; 1496],
            }),
            generation: None,
            nvram: None,
        }
    }

    #[test]
    fn key_list_has_the_layout_scripts_know() {
        insta::assert_snapshot!(list(&[
            name("mscapi", "container-5c3e"),
            name("simple", "contosokey")
        ]));
        assert_eq!(list(&[]), "\nKey list - 0 keys\n");
    }

    #[test]
    fn name_list_groups_by_protection() {
        let softcard = KeyRecord {
            flags: NFKMNKF::ProtectionPassPhrase.0,
            plainname: None,
            ..record(Some([7; 20]))
        };
        insta::assert_snapshot!(name_list(&[
            (name("pkcs11", "uc07"), record(Some([7; 20]))),
            (name("simple", "contosokey"), record(None)),
            (name("simple", "soft"), softcard),
        ]));
    }

    #[test]
    fn key_detail_tells_what_opens_each_blob() {
        let content = EntryContent::Key(Box::new(record(Some([7; 20]))));
        insta::assert_snapshot!(detail(&name("simple", "contosokey"), &content));
    }

    #[test]
    fn module_protected_key_without_recovery() {
        let mut record = record(None);
        record.recovery = None;
        record.flags =
            NFKMNKF::RecoveryDisabled.0 | NFKMNKF::ProtectionModule.0 | NFKMNKF::LogKeyUsage.0;
        let report = detail(&name("simple", "a"), &EntryContent::Key(Box::new(record)));
        assert!(
            report.contains("\n recovery Disabled\n protection Module\n"),
            "{report}"
        );
        assert!(
            report.contains("\n other flags !PublicKey !SEEAppKey !NVMemBlob +0x10000\n"),
            "{report}"
        );
        assert!(
            report.contains("\n  format 5 Module\n") && !report.contains("\n BlobRecoveryKA\n"),
            "{report}"
        );
    }

    #[test]
    fn data_is_shown_as_no_key() {
        insta::assert_snapshot!(detail(
            &name("mscapi", "container-5c3e"),
            &EntryContent::Opaque(vec![0; 77])
        ));
    }
}
