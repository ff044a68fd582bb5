//! The table a person reads while the cases run.

use std::time::Duration;

use crate::case::{Case, Finished, Verdict};

use super::Totals;

/// One line for a case that has run: verdict, time, id, title, and the reason below when it did not pass.
pub fn line(finished: &Finished, width: usize) -> String {
    let (colour, mark) = match finished.verdict {
        Verdict::Passed => (GREEN, "passed     "),
        Verdict::Failed(_) => (RED, "FAILED     "),
        Verdict::Differs(_) => (YELLOW, "differs    "),
        Verdict::Unsupported(_) => (YELLOW, "unsupported"),
        Verdict::Skipped(_) => (BLUE, "skipped    "),
    };
    let case = finished.case;
    let mut line = format!(
        "{colour}{mark}{RESET} {:>9}  {:<width$}  {}",
        duration(finished.took),
        case.id,
        case.title
    );
    if let Some(reason) = finished.verdict.reason() {
        for text in reason.lines() {
            line.push_str(&format!("\n{:23}{colour}{text}{RESET}", ""));
        }
    }
    line
}

/// The heading of a family.
pub fn heading(family: &str) -> String {
    format!("\n{BOLD}{family}{RESET}")
}

/// The last line.
pub fn summary(totals: Totals, took: Duration) -> String {
    let Totals {
        passed,
        failed,
        differs,
        unsupported,
        skipped,
    } = totals;
    let count = |colour: &str, number: usize, word: &str| match number {
        0 => format!("{number} {word}"),
        _ => format!("{colour}{number} {word}{RESET}"),
    };
    // Only other providers than ours have a list of differences.
    let differs = match differs {
        0 => String::new(),
        _ => format!("{}, ", count(YELLOW, differs, "different")),
    };
    format!(
        "\n{BOLD}{} cases{RESET} in {}: {}, {}, {differs}{}, {}",
        totals.sum(),
        duration(took),
        count(GREEN, passed, "passed"),
        count(RED, failed, "failed"),
        count(YELLOW, unsupported, "unsupported"),
        count(BLUE, skipped, "skipped"),
    )
}

/// A line of the list of cases.
pub fn listed(case: &Case, width: usize) -> String {
    format!("{:<width$}  {}  ({})", case.id, case.title, case.source)
}

/// As wide as the longest id.
pub fn id_width(cases: &[&Case]) -> usize {
    cases.iter().map(|case| case.id.len()).max().unwrap_or(0)
}

/// With the unit that leaves three or four digits.
fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.2} ms")
    } else if milliseconds < 1_000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1e3)
    }
}

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        for (micros, text) in [
            (250, "0.25 ms"),
            (9_994, "9.99 ms"),
            (10_000, "10 ms"),
            (1_234_000, "1.23 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn the_summary_counts_every_verdict() {
        let totals = Totals {
            passed: 3,
            failed: 1,
            differs: 0,
            unsupported: 0,
            skipped: 2,
        };
        let text = summary(totals, Duration::from_secs(2));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    }
}
