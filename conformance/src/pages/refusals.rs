//! What each function is documented to answer, with the cases that meet it on every provider type.

use std::collections::BTreeSet;

use super::{code, codes, head, row};
use crate::case::{Case, EVERY};
use crate::refusals::{self, TABLE};

/// How many cases a row names.
const NAMED: usize = 3;

/// The section.
pub(super) fn render(cases: &[&'static Case]) -> String {
    let met = refusals::declared(cases);
    let mut text = format!(
        "\n## Documented answers\n\n\
         What CRYPTSPI and the error tables of the CryptoAPI reference say that each function answers: {} rows, each met on \
         the provider types {}, but for those in the last column. A test of the runs of all six providers holds them to what \
         was observed.\n\n",
        TABLE.len(),
        list(EVERY)
    );
    text += &head(&["function", "answer", "cases", "not met on"]);
    for documented in TABLE {
        let ids: BTreeSet<&String> = EVERY
            .iter()
            .filter_map(|prov_type| met.get(&(*prov_type, documented.cover)))
            .flatten()
            .collect();
        let mut named = codes(ids.iter().take(NAMED));
        if ids.len() > NAMED {
            named += &format!(" and {} more", ids.len() - NAMED);
        }
        let missing = documented.missing.map(|missing| match missing.types.len() {
            count if count == EVERY.len() => format!("any: {}", missing.reason),
            _ => format!("{}: {}", list(missing.types), missing.reason),
        });
        text += &row(&[
            &code(documented.cover.subject),
            &documented.cover.answer_name(),
            &named,
            &missing.unwrap_or_default(),
        ]);
    }
    text
}

fn list(types: &[u32]) -> String {
    let mut types = types.to_vec();
    types.sort_unstable();
    let types: Vec<String> = types.iter().map(u32::to_string).collect();
    types.join(", ")
}
