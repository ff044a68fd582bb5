//! What a run leaves behind: one value, written as JSON, as JUnit XML and as a page.

mod html;
mod junit;
pub mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::case::{Case, Finished, Verdict};
use crate::coverage::{self, Subject};
use crate::target::Target;

/// A run, ready to be written.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// This program's version.
    pub version: &'static str,
    /// Where the hardserver was, and whose it was.
    pub target: String,
    /// What the target had, as lines of text.
    pub facts: Vec<String>,
    /// When the run began, in seconds since 1970.
    pub started: u64,
    /// From the first case to the last, in milliseconds.
    pub milliseconds: f64,
    /// How many cases ended how.
    pub totals: Totals,
    /// The cases in the order in which they ran.
    pub cases: Vec<CaseReport>,
    /// What the cases cover, by function and command.
    pub coverage: Vec<CoverageReport>,
}

/// Counts by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The names say it.
pub struct Totals {
    pub passed: usize,
    pub failed: usize,
    pub differs: usize,
    pub unsupported: usize,
    pub skipped: usize,
}

impl Totals {
    /// The number of cases.
    pub fn sum(&self) -> usize {
        self.passed + self.failed + self.differs + self.unsupported + self.skipped
    }
}

/// One case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// As [`Case::id`].
    pub id: &'static str,
    /// As [`Case::family`].
    pub family: &'static str,
    /// As [`Case::title`].
    pub title: &'static str,
    /// As [`Case::source`].
    pub source: &'static str,
    /// `passed`, `failed`, `differs`, `unsupported` or `skipped`.
    pub verdict: &'static str,
    /// Why, when it did not pass.
    pub reason: Option<String>,
    /// From start to end.
    pub milliseconds: f64,
    /// What it covers, as text.
    pub covers: Vec<String>,
    /// Every answer that it met, as text.
    pub observed: Vec<String>,
}

/// One function or command.
#[derive(Clone, Debug, Serialize)]
pub struct CoverageReport {
    /// Its name.
    pub subject: String,
    /// `function` or `command`.
    pub kind: &'static str,
    /// Cases in which it succeeds.
    pub successes: Vec<&'static str>,
    /// Cases in which it refuses, by code.
    pub refusals: BTreeMap<String, Vec<&'static str>>,
}

impl Report {
    /// Puts a run together. `started` is in seconds since 1970.
    pub fn new(target: &Target, started: u64, took: Duration, finished: &[Finished]) -> Report {
        let mut totals = Totals::default();
        for finished in finished {
            match finished.verdict {
                Verdict::Passed => totals.passed += 1,
                Verdict::Failed(_) => totals.failed += 1,
                Verdict::Differs(_) => totals.differs += 1,
                Verdict::Unsupported(_) => totals.unsupported += 1,
                Verdict::Skipped(_) => totals.skipped += 1,
            }
        }
        let cases: Vec<&'static Case> = finished.iter().map(|finished| finished.case).collect();
        Report {
            version: env!("CARGO_PKG_VERSION"),
            target: target.to_string(),
            facts: target.facts(),
            started,
            milliseconds: milliseconds(took),
            totals,
            cases: finished.iter().map(CaseReport::new).collect(),
            coverage: coverage::table(&cases)
                .into_iter()
                .map(|(subject, row)| CoverageReport {
                    subject: subject.to_string(),
                    kind: match subject {
                        Subject::Function(_) => "function",
                        Subject::Command(_) => "command",
                    },
                    successes: row.successes,
                    refusals: row.refusals,
                })
                .collect(),
        }
    }

    /// Writes `report.json`, `junit.xml` and `index.html` into `folder`, and says where.
    pub fn write(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let files = [
            ("report.json", serde_json::to_string_pretty(self)? + "\n"),
            ("junit.xml", junit::render(self)?),
            ("index.html", html::render(self)),
        ];
        let mut written = Vec::new();
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
            written.push(path);
        }
        Ok(written)
    }
}

impl CaseReport {
    fn new(finished: &Finished) -> CaseReport {
        let case = finished.case;
        CaseReport {
            id: case.id,
            family: case.family(),
            title: case.title,
            source: case.source,
            verdict: finished.verdict.word(),
            reason: finished.verdict.reason().map(str::to_owned),
            milliseconds: milliseconds(finished.took),
            covers: case.covers.iter().map(ToString::to_string).collect(),
            observed: finished.observed.iter().map(ToString::to_string).collect(),
        }
    }
}

/// With microseconds behind the point.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One case of each verdict, with text that every format must escape.
    pub(crate) fn sample() -> Report {
        let case = |id, verdict, reason: Option<&str>, milliseconds| CaseReport {
            id,
            family: "sign",
            title: "A signature <of> \"one\" & another",
            source: "CAPI guide, section 7",
            verdict,
            reason: reason.map(str::to_owned),
            milliseconds,
            covers: vec!["CPSignHash: success".to_owned()],
            observed: vec!["CPSignHash: success".to_owned()],
        };
        Report {
            version: "0.1.0",
            target: "unix:/run/nserver".to_owned(),
            facts: vec!["2 modules".to_owned()],
            started: 1_700_000_000,
            milliseconds: 1234.5,
            totals: Totals {
                passed: 1,
                failed: 1,
                differs: 0,
                unsupported: 1,
                skipped: 1,
            },
            cases: vec![
                case("sign.a", "passed", None, 1.5),
                case("sign.b", "failed", Some("expected <a>\nwas b\u{1}"), 1200.0),
                case("sign.c", "unsupported", Some("UnknownCommand"), 0.25),
                case("sign.d", "skipped", Some("needs 2 modules"), 0.0),
            ],
            coverage: vec![CoverageReport {
                subject: "CPSignHash".to_owned(),
                kind: "function",
                successes: vec!["sign.a"],
                refusals: BTreeMap::from([("NTE_NO_KEY".to_owned(), vec!["sign.b"])]),
            }],
        }
    }

    #[test]
    fn three_files_are_written_and_the_json_says_everything() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = sample()
            .write(&folder.path().join("new/folder"))
            .expect("it is writable");
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["report.json", "junit.xml", "index.html"]);
        insta::assert_snapshot!(std::fs::read_to_string(&files[0]).expect("it was written"));
    }
}
