//! The daemon's log: structured events of `tracing`, as lines of text or of JSON.

use std::fs::File;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter makes no sense.
    #[error("`{filter}' does not say what to log: {cause}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        cause: ParseError,
    },
    /// The file cannot be written.
    #[error("cannot log to {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// Something in this process logs already.
    #[error("the log was started before")]
    Started,
}

/// The log file's name in NFAST_LOGDIR.
const FILE: &str = "hardserver.log";

/// The log file in a folder of logs.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Sends everything the filter lets through to standard error, or, with a folder, to the end of a file in it.
///
/// # Errors
/// A filter that cannot be understood, a file that cannot be written, a second call.
pub fn start(filter: &str, format: Format, folder: Option<&Path>) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(filter).map_err(|cause| LoggingError::Filter {
        filter: filter.to_owned(),
        cause,
    })?;
    let writer = match folder {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(folder) => {
            let path = file_in(folder);
            let file = File::options().create(true).append(true).open(&path);
            BoxMakeWriter::new(file.map_err(|cause| LoggingError::File { path, cause })?)
        }
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(folder.is_none() && stderr_is_terminal());
    let started = match format {
        Format::Text => subscriber.try_init(),
        Format::Json => subscriber.json().try_init(),
    };
    started.map_err(|_| LoggingError::Started)
}

fn stderr_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
