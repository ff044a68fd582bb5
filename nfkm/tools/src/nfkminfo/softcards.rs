//! Lists of softcards, and everything about one.

use std::fmt::Write;

use nfkm::hex;
use nfkm::kmdata::SoftcardRecord;
use serde_json::Value as Json;

use crate::layout::{self, Rows};
use crate::time;

/// The list `-s`.
pub fn list(softcards: &[SoftcardRecord]) -> String {
    let mut report = format!("SoftCard summary - {} softcards:\n", softcards.len());
    report.push_str(" Operator logical token hash               name\n");
    for softcard in softcards {
        // Writing to a string cannot fail.
        let _ = writeln!(report, " {}  {}", hex(&softcard.hkltu), softcard.name);
    }
    report
}

/// The list for programs.
pub fn list_json(softcards: &[SoftcardRecord]) -> Json {
    softcards.iter().map(json).collect()
}

/// The block of one softcard, in the layout of a card set's.
pub fn block(softcard: &SoftcardRecord) -> String {
    let mut report = "SoftCard\n".to_owned();
    layout::lines(&mut report, 13, &rows(softcard));
    report
}

/// One for programs.
pub fn json(softcard: &SoftcardRecord) -> Json {
    let mut answer = layout::object(rows(softcard));
    // The name is a text, and not in quotes.
    answer.insert("name".to_owned(), softcard.name.as_str().into());
    Json::Object(answer)
}

fn rows(softcard: &SoftcardRecord) -> Rows {
    let recovery = match softcard.pin {
        Some(_) => "PINRecoveryPermitted(enabled)",
        None => "PINRecoveryForbidden(disabled)",
    };
    vec![
        ("name", format!("\"{}\"", softcard.name)),
        ("hkltu", hex(&softcard.hkltu)),
        ("flags", recovery.to_owned()),
        ("gentime", time::stamp(softcard.gentime)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softcards_are_listed_and_shown() {
        let softcard = SoftcardRecord {
            name: "soft".to_owned(),
            hkltu: [7; 20],
            image: vec![0; 300],
            passphrase: true,
            pin: Some(vec![0; 384]),
            gentime: 1_705_035_753,
        };
        insta::assert_snapshot!(list(std::slice::from_ref(&softcard)) + &block(&softcard));
        assert!(list(&[]).starts_with("SoftCard summary - 0 softcards:\n"));
    }
}
