//! The provider's log: lines `hh:mm:ss.mmm : text`, where and how much the client library's variables say
//! (CAPI-CSP section 10, `NFLOG_FILE` and `NFLOG_SEVERITY`).
//!
//! A provider is a guest in other people's processes: with neither variable set it writes nothing. The variables are read
//! once, at the first line. Times are UTC.

use std::env;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The names of `NFLOG_SEVERITY`, most severe first; a line is written if its name is not after the one set.
const SEVERITIES: [&str; 15] = [
    "FATAL",
    "SEVERE",
    "ERROR",
    "WARNING",
    "NOTIFICATION",
    "DEBUG1",
    "DEBUG2",
    "DEBUG3",
    "DEBUG4",
    "DEBUG5",
    "DEBUG6",
    "DEBUG7",
    "DEBUG8",
    "DEBUG9",
    "DEBUG10",
];
const ERROR: usize = 2;
const NOTIFICATION: usize = 4;
const DEBUG1: usize = 5;

/// Why something failed: the cause behind a code that says little.
pub(crate) fn error(text: fmt::Arguments<'_>) {
    write(ERROR, text);
}

/// What the provider does by itself or waits for, of which a user may want to know.
pub(crate) fn notice(text: fmt::Arguments<'_>) {
    write(NOTIFICATION, text);
}

/// An entry point's call and what became of it.
pub(crate) fn call(text: fmt::Arguments<'_>) {
    write(DEBUG1, text);
}

struct Sink {
    threshold: usize,
    target: Mutex<Box<dyn Write + Send>>,
}

static SINK: OnceLock<Option<Sink>> = OnceLock::new();

fn write(severity: usize, text: fmt::Arguments<'_>) {
    let sink = SINK.get_or_init(|| {
        open(
            env::var("NFLOG_FILE").ok().as_deref(),
            env::var("NFLOG_SEVERITY").ok().as_deref(),
        )
    });
    if let Some(sink) = sink.as_ref().filter(|sink| severity <= sink.threshold) {
        let line = format!("{} : {text}\n", time_of_day(since_midnight()));
        let mut target = sink.target.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nobody to tell of a log that cannot be written.
        let _ = target.write_all(line.as_bytes());
    }
}

fn open(file: Option<&str>, severity: Option<&str>) -> Option<Sink> {
    if file.is_none() && severity.is_none() {
        return None;
    }
    let threshold = severity
        .and_then(|name| {
            SEVERITIES
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
        })
        .unwrap_or(NOTIFICATION);
    let target: Box<dyn Write + Send> = match file {
        None | Some("&2") => Box::new(std::io::stderr()),
        Some("&1") => Box::new(std::io::stdout()),
        Some(path) => Box::new(append(path).ok()?),
    };
    Some(Sink {
        threshold,
        target: Mutex::new(target),
    })
}

fn append(path: &str) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Milliseconds since midnight.
fn since_midnight() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    (now.as_millis() % 86_400_000) as u64
}

fn time_of_day(millis: u64) -> String {
    let seconds = millis / 1000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_begins_with_the_time_of_day() {
        assert_eq!(time_of_day(0), "00:00:00.000");
        assert_eq!(time_of_day(86_399_999), "23:59:59.999");
        assert_eq!(
            time_of_day((7 * 3600 + 5 * 60 + 9) * 1000 + 42),
            "07:05:09.042"
        );
    }

    #[test]
    fn nothing_is_opened_unless_a_variable_asks() {
        assert!(open(None, None).is_none());
        assert_eq!(
            open(None, Some("error")).map(|sink| sink.threshold),
            Some(ERROR)
        );
        assert_eq!(
            open(Some("&2"), None).map(|sink| sink.threshold),
            Some(NOTIFICATION)
        );
        assert!(open(Some("/nonexistent/folder/log"), None).is_none());
    }
}
