//! A number that a state folder keeps, in a file of its own.

use std::fmt::Display;
use std::fs::File;
use std::io::{Error, ErrorKind, Write};
use std::path::Path;
use std::str::FromStr;

use tempfile::NamedTempFile;

/// The number in a file; None if there is no file.
///
/// # Errors
/// The file cannot be read, or holds no such number.
pub(super) fn read<T: FromStr>(path: &Path) -> std::io::Result<Option<T>> {
    match std::fs::read_to_string(path) {
        Ok(text) => match text.trim_end().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Error::new(ErrorKind::InvalidData, "not a number")),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a number into a file of the state folder. It is on the disk when this returns.
pub(super) fn write(state: &Path, file: &str, number: impl Display) -> std::io::Result<()> {
    let mut draft = NamedTempFile::new_in(state)?;
    writeln!(draft, "{number}")?;
    draft.as_file().sync_all()?;
    draft.persist(state.join(file))?;
    File::open(state)?.sync_all()
}
