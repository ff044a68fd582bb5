//! `perfcheck --capture-raw-data`: a JSON file for each run, and a CSV file with a line for each of its jobs. What the vendor's
//! files say is unpublished; these are this software's.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::milliseconds;
use super::suites::Test;
use crate::cli::Failure;
use crate::load::Figures;

/// A job of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// When it was sent, counted from the first one.
    pub(super) sent: Duration,
    /// How long it took.
    pub(super) taken: Duration,
}

/// The folder `raw_results` beside the results.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    ///
    /// # Errors
    /// [`Failure::Operation`] with its name.
    pub(super) fn make(results: &Path) -> Result<Folder, Failure> {
        let folder = results.join("raw_results");
        match fs::create_dir_all(&folder) {
            Ok(()) => Ok(Folder(folder)),
            Err(error) => Err(Failure::Operation(format!("{}: {error}", folder.display()))),
        }
    }

    /// Writes what came of a run.
    ///
    /// # Errors
    /// [`Failure::Operation`] with the name of the file.
    pub(super) fn write(
        &self,
        test: &Test,
        queue: u32,
        run: u32,
        figures: &Figures,
        jobs: &[Job],
    ) -> Result<(), Failure> {
        let of_run = json!({
            "id": test.id(),
            "name": test.name,
            "queue": queue,
            "run": run,
            "jobs": figures.jobs,
            "seconds": figures.elapsed.as_secs_f64(),
            "per_second": figures.rate(),
            "milliseconds": {
                "min": milliseconds(figures.fastest),
                "average": milliseconds(figures.average()),
                "max": milliseconds(figures.slowest),
            },
        });
        // A colon is no part of a file's name everywhere.
        let stem = format!("{}_{}-queue{queue}-run{run}", test.suite, test.number);
        for (extension, text) in [("json", format!("{of_run:#}\n")), ("csv", csv(jobs))] {
            let file = self.0.join(format!("{stem}.{extension}"));
            fs::write(&file, text)
                .map_err(|error| Failure::Operation(format!("{}: {error}", file.display())))?;
        }
        Ok(())
    }
}

fn csv(jobs: &[Job]) -> String {
    let mut text = "sent_ms,taken_ms\n".to_owned();
    for job in jobs {
        // Writing to a string cannot fail.
        let (sent, taken) = (milliseconds(job.sent), milliseconds(job.taken));
        let _ = writeln!(text, "{sent:.3},{taken:.3}");
    }
    text
}
