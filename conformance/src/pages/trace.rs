//! The trace from sources to cases: the CryptoAPI guide section by section, then every other source, and at last the
//! documented answers of every function.

use std::collections::BTreeMap;

use super::{code, codes, head, refusals, row};
use crate::case::Case;

/// The page.
pub(super) fn render(cases: &[&'static Case]) -> String {
    let trace = Trace::of(cases);
    let mut text = format!(
        "# From the sources to the cases\n\n\
         {} conformance cases, by the sources that they cite. [sources.md](sources.md) says what the names stand for.\n\n\
         ## CAPI guide\n\n",
        cases.len()
    );
    text += &head(&["section", "title", "cases", "besides"]);
    for section in &GUIDE {
        let cases = trace.guide.get(section.number);
        text += &row(&[
            section.number,
            section.title,
            &cases.map(codes).unwrap_or_default(),
            section.besides,
        ]);
    }
    for document in DOCUMENTS.into_iter().filter(|name| *name != GUIDE_NAME) {
        let Some(places) = trace.others.get(document) else {
            continue;
        };
        text += &format!("\n## {document}\n\n{}", head(&["place", "cases"]));
        for (place, cases) in places {
            text += &row(&[place, &codes(cases)]);
        }
    }
    text += &refusals::render(cases);
    for (source, case) in &trace.unknown {
        text += &format!("\nNot understood: {source}, of {}\n", code(case));
    }
    text
}

const GUIDE_NAME: &str = "CAPI guide";

/// The documents that a source may begin with.
const DOCUMENTS: [&str; 13] = [
    GUIDE_NAME,
    "CryptoAPI reference",
    "nCore API",
    "nCore wire format",
    "PROTOCOL",
    "CRYPTSPI",
    "SECURITY-WORLD",
    "UTILITIES",
    "Entrust application note",
    "RFC",
    "FIPS",
    "NIST SP",
    "Wycheproof",
];

struct Section {
    number: &'static str,
    title: &'static str,
    /// Where else the section is tested, or what of it there is not.
    besides: &'static str,
}

/// The sections of the CryptoAPI guide that say how something behaves.
const GUIDE: [Section; 13] = [
    Section {
        number: "1.3",
        title: "Default directories",
        besides: "tests of `simulator/src/options.rs`, `nfkm/src/environment.rs`",
    },
    Section {
        number: "1.4",
        title: "Utility help options",
        besides: "`nfkm/tools/tests/utilities.rs`, `csp/tools/tests/conventions.rs`",
    },
    Section {
        number: "2.2",
        title: "Security World Software server",
        besides: "`simulator/tests/hardserver`, `simulator/tests/daemon`",
    },
    Section {
        number: "2.6",
        title: "Acceleration-only or key management",
        besides: "`simulator/src/module/tests/admission.rs`",
    },
    Section {
        number: "3",
        title: "Microsoft CAPI CSP",
        besides: "`csp/cryptoapi/tests`, `conformance/tests/desk.rs`",
    },
    Section {
        number: "4",
        title: "CSP setup and utilities",
        besides: "`csp/tools/tests/setup.rs`; [utilities.md](utilities.md)",
    },
    Section {
        number: "5",
        title: "Utilities for the CAPI CSP",
        besides: "`csp/tools/tests`; [utilities.md](utilities.md)",
    },
    Section {
        number: "6",
        title: "Supported algorithms",
        besides: "tests of `csp/src/soft`; [support.md](support.md) has the list",
    },
    Section {
        number: "7",
        title: "Key generation and storage",
        besides: "`csp/tests/containers.rs`, `conformance/tests/desk.rs`",
    },
    Section {
        number: "8",
        title: "User interface issues",
        besides: "tests of `csp/src/protection.rs` and `csp/src/prompt`",
    },
    Section {
        number: "9",
        title: "Key counting",
        besides: "`nfkm/tests/nvram.rs`",
    },
    Section {
        number: "10",
        title: "NVRAM-stored keys",
        besides: "`nfkm/tests/nvram.rs`",
    },
    Section {
        number: "11",
        title: "Container storage format",
        besides: "`nfkm/tests/fixtures.rs`, `csp/tools/tests/migrate.rs`",
    },
];

/// Ids of cases by place, in the order of the cases.
type Places = BTreeMap<String, Vec<&'static str>>;

#[derive(Default)]
struct Trace {
    guide: Places,
    others: BTreeMap<&'static str, Places>,
    /// Sources that name no known document, or no section of the guide, with the case.
    unknown: Vec<(&'static str, &'static str)>,
}

impl Trace {
    fn of(cases: &[&'static Case]) -> Trace {
        let mut trace = Trace::default();
        for case in cases {
            for source in case.source.split("; ") {
                trace.add(source, case.id);
            }
        }
        trace
    }

    fn add(&mut self, source: &'static str, id: &'static str) {
        let document = DOCUMENTS
            .into_iter()
            .find_map(|name| Some((name, source.strip_prefix(name)?)));
        match document {
            Some((GUIDE_NAME, place)) => {
                let sections = sections(place);
                let known = |number: &&str| GUIDE.iter().any(|section| section.number == *number);
                if sections.is_empty() || !sections.iter().all(known) {
                    self.unknown.push((source, id));
                }
                for number in sections {
                    self.guide.entry(number.to_owned()).or_default().push(id);
                }
            }
            Some((name, place)) => {
                // A number is part of what is cited: RFC 8017. A section or a subject comes behind a sign.
                let place = place.trim_start_matches([',', ':']).trim_start();
                let places = self.others.entry(name).or_default();
                places.entry(place.to_owned()).or_default().push(id);
            }
            None => self.unknown.push((source, id)),
        }
    }
}

/// The numbers in `, section 3` or `, sections 3 and 7 (keytst -L)`.
fn sections(place: &str) -> Vec<&str> {
    let before = place.split('(').next().unwrap_or(place);
    before
        .split([' ', ','])
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_names_a_known_place() {
        let trace = Trace::of(&crate::cases::all());
        assert_eq!(trace.unknown, []);
    }

    #[test]
    fn a_section_that_the_guide_does_not_have_is_not_understood() {
        let mut trace = Trace::default();
        trace.add("CAPI guide, sections 3 and 7 (keytst -L)", "a.b");
        trace.add("CAPI guide, section 12", "a.c");
        trace.add("CAPI guide", "a.d");
        trace.add("hearsay", "a.e");
        assert_eq!(trace.guide["3"], ["a.b"]);
        assert_eq!(trace.guide["7"], ["a.b"]);
        let unknown: Vec<_> = trace.unknown.iter().map(|(_, id)| *id).collect();
        assert_eq!(unknown, ["a.c", "a.d", "a.e"]);
    }
}
