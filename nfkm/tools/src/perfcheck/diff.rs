//! `perfcheck --diff`: the rates of two runs beside each other, from the files that they left.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Failure;

/// What a run left of a test with one size of queue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Measured {
    id: String,
    name: String,
    queue: u32,
    per_second: Rates,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Rates {
    average: f64,
}

/// A test that both runs have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) queue: u32,
    /// Jobs a second.
    pub(super) old: f64,
    /// Jobs a second.
    pub(super) new: f64,
    /// By how much the new rate is above the old one.
    pub(super) percent: f64,
    /// Whether it is further below the old one than is put up with.
    pub(super) regression: bool,
}

/// The results at a path: a file, or a folder with a `results.json`.
///
/// # Errors
/// [`Failure::Operation`] with the file's name.
pub(super) fn read(path: &Path) -> Result<Vec<Measured>, Failure> {
    let file: PathBuf = match path.is_dir() {
        true => path.join(super::RESULTS),
        false => path.to_owned(),
    };
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::Operation(format!("{}: {reason}", file.display()))
    };
    let text = fs::read_to_string(&file).map_err(|error| failed(&error))?;
    serde_json::from_str(&text)
        .map_err(|error| failed(&format!("no results of perfcheck: {error}")))
}

/// The tests that both have, in the order of the new ones; a rate more than `threshold` percent below the old one is a
/// regression.
pub(super) fn compare(old: &[Measured], new: &[Measured], threshold: f64) -> Vec<Difference> {
    let both = new.iter().filter_map(|new| {
        let is_same = |old: &&Measured| (&old.id, old.queue) == (&new.id, new.queue);
        Some((old.iter().find(is_same)?, new))
    });
    both.map(|(old, new)| {
        let (before, now) = (old.per_second.average, new.per_second.average);
        // Nothing at all cannot get worse.
        let percent = match before > 0.0 {
            true => (now / before - 1.0) * 100.0,
            false => 0.0,
        };
        Difference {
            id: new.id.clone(),
            name: new.name.clone(),
            queue: new.queue,
            old: before,
            new: now,
            percent,
            regression: percent < -threshold,
        }
    })
    .collect()
}

/// The differences as a table.
pub(super) fn table(differences: &[Difference]) -> String {
    let row = |cells: [&str; 7]| {
        let [id, name, queue, old, new, percent, note] = cells;
        let line = format!("{id:12} {name:44} {queue:>5} {old:>10} {new:>10} {percent:>8} {note}");
        format!("{}\n", line.trim_end())
    };
    let mut report = row([
        "ID",
        "Name",
        "queue",
        "old ops/s",
        "new ops/s",
        "change",
        "",
    ]);
    for it in differences {
        report.push_str(&row([
            &it.id,
            &it.name,
            &it.queue.to_string(),
            &format!("{:.1}", it.old),
            &format!("{:.1}", it.new),
            &format!("{:+.1}%", it.percent),
            if it.regression { "REGRESSION" } else { "" },
        ]));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(id: &str, queue: u32, average: f64) -> Measured {
        Measured {
            id: id.to_owned(),
            name: format!("Test {id}."),
            queue,
            per_second: Rates { average },
        }
    }

    #[test]
    fn a_rate_further_below_the_old_one_than_the_threshold_is_a_regression() {
        let old = [
            measured("a:1", 16, 100.0),
            measured("a:1", 1, 10.0),
            measured("a:2", 1, 0.0),
            measured("b:1", 1, 5.0),
        ];
        let new = [
            measured("a:1", 16, 89.0),
            measured("a:1", 1, 9.5),
            measured("a:2", 1, 3.0),
            measured("c:1", 1, 1.0),
        ];
        let differences = compare(&old, &new, 10.0);
        let found: Vec<(u32, i64, bool)> = differences
            .iter()
            .map(|it| (it.queue, it.percent.round() as i64, it.regression))
            .collect();
        assert_eq!(found, [(16, -11, true), (1, -5, false), (1, 0, false)]);
        insta::assert_snapshot!(table(&differences));
    }
}
