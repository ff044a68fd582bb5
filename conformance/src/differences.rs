//! Where another provider answers otherwise than the cases expect: a file of rows, each with the cases, the providers, who is
//! right, and by which source. Providers that share a library may have one name for all, a group.
//!
//! The rows and a run must agree: a case that fails without a row, and a row whose case does not fail, both are failures.
//! So the file is the whole list of what is different, and stays it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::case::{Finished, Verdict};

/// The rows of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// Names of providers by a name for all of them.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// The rows.
    #[serde(rename = "difference", default)]
    rows: Vec<Row>,
}

/// Cases that some providers answer otherwise, all for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The ids of the cases.
    cases: BTreeSet<String>,
    /// The names of the providers. When a file is read, those of groups become those of their members.
    providers: Vec<String>,
    right: Right,
    /// What decides it; where nothing is said, the case's own source.
    source: Option<String>,
    /// What differs, and why.
    why: String,
    /// The cases end the process that tries them.
    #[serde(default)]
    crashes: bool,
    /// Chance decides whether there is a difference: the cases may pass as well.
    #[serde(default)]
    sometimes: bool,
}

/// Who is right.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Right {
    /// The case, and with it our provider.
    Case,
    /// The other provider; ours follows another source on purpose.
    Provider,
    /// Both: the source leaves it open, or asks it of one kind of provider only.
    Both,
}

impl Differences {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read or is no such file; a row names a case twice for one provider, or no known case.
    pub fn read(path: &Path, known: impl Fn(&str) -> bool) -> anyhow::Result<Differences> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Differences::parse(&text, known).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, known: impl Fn(&str) -> bool) -> anyhow::Result<Differences> {
        let mut found: Differences = toml::from_str(text)?;
        let mut seen = BTreeSet::new();
        for row in &mut found.rows {
            let named = std::mem::take(&mut row.providers).into_iter();
            let members =
                named.flat_map(|name| found.groups.get(&name).cloned().unwrap_or(vec![name]));
            row.providers = members.collect();
            for case in &row.cases {
                anyhow::ensure!(known(case), "there is no case {case}");
                for text in row.source.iter().chain([&row.why]) {
                    anyhow::ensure!(!text.trim().is_empty(), "{case}: an empty text");
                }
                for provider in &row.providers {
                    anyhow::ensure!(
                        seen.insert((case.clone(), provider.clone())),
                        "{case} is there twice for {provider}"
                    );
                }
            }
        }
        Ok(found)
    }

    /// Whether a case would end this process. Such a case is tried in one of its own.
    pub fn crashes(&self, provider: &str, case: &str) -> bool {
        self.row(provider, case).is_some_and(|row| row.crashes)
    }

    fn row(&self, provider: &str, case: &str) -> Option<&Row> {
        self.rows.iter().find(|row| {
            row.cases.contains(case) && row.providers.iter().any(|name| name == provider)
        })
    }

    /// Holds a case that `provider` was tried on against the rows.
    pub fn judge(&self, provider: &str, finished: &mut Finished) {
        let Some(row) = self.row(provider, finished.case.id) else {
            return;
        };
        finished.verdict = match &finished.verdict {
            Verdict::Failed(met) => Verdict::Differs(format!(
                "{} ({}; {})\n{met}",
                row.why,
                match row.right {
                    Right::Case => "the case is right",
                    Right::Provider => "the provider is right",
                    Right::Both => "both are right",
                },
                row.source.as_deref().unwrap_or(finished.case.source)
            )),
            Verdict::Passed if row.sometimes => Verdict::Passed,
            verdict => Verdict::Failed(format!(
                "a row says that this provider differs, and it does not: {}",
                verdict.word()
            )),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::case::{Case, Outcome};

    static CASE: Case = Case::new("a.b", "A claim", "a test", |_| Ok(Outcome::Passed));

    const ROW: &str = r#"
        [groups]
        pair = ["P", "Q"]

        [[difference]]
        cases = ["a.b"]
        providers = ["pair"]
        right = "case"
        source = "a book"
        why = "because"
    "#;

    fn judged(provider: &str, verdict: Verdict) -> Verdict {
        judged_by(ROW, provider, verdict)
    }

    fn judged_by(rows: &str, provider: &str, verdict: Verdict) -> Verdict {
        let mut finished = Finished {
            case: &CASE,
            verdict,
            observed: BTreeSet::new(),
            took: Duration::ZERO,
        };
        let rows = Differences::parse(rows, |id| id == "a.b").expect("the rows are whole");
        rows.judge(provider, &mut finished);
        finished.verdict
    }

    #[test]
    fn rows_and_differences_must_go_together() {
        let failed = || Verdict::Failed("it met this".to_owned());
        assert_eq!(
            judged("Q", failed()),
            Verdict::Differs("because (the case is right; a book)\nit met this".to_owned())
        );
        let by_chance = format!("{ROW}\nsometimes = true");
        let judged_by_chance = judged_by(&by_chance, "P", Verdict::Passed);
        assert_eq!(judged_by_chance, Verdict::Passed);
        let without_source = ROW.replace("source = \"a book\"", "");
        assert_eq!(
            judged_by(&without_source, "Q", failed()),
            Verdict::Differs("because (the case is right; a test)\nit met this".to_owned())
        );
        assert_eq!(judged("R", failed()), failed());
        assert_eq!(judged("R", Verdict::Passed), Verdict::Passed);
        assert!(matches!(judged("P", Verdict::Passed), Verdict::Failed(_)));
        let skipped = Verdict::Skipped("no reason".to_owned());
        assert!(matches!(judged("P", skipped), Verdict::Failed(_)));
    }

    #[test]
    fn rows_that_cannot_be_meant_are_refused() {
        let parse = |text: &str| Differences::parse(text, |id| id == "a.b").map(drop);
        assert!(parse(ROW).is_ok());
        for (from, to) in [
            ("a.b", "a.c"),
            ("a book", " "),
            ("\"case\"", "\"nobody\""),
            (r#"["pair"]"#, r#"["pair", "Q"]"#),
        ] {
            assert!(parse(&ROW.replace(from, to)).is_err(), "{to}");
        }
    }
}
