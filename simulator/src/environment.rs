//! What `softshield env` prints: the variables that point clients at a daemon, in a form every Bourne shell evaluates.
//!
//! A running daemon leaves them in a file of its state folder, so that they are right whatever options it was given.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::options::Options;

/// The variables and their values. The ports are there only when the daemon listens on them.
pub fn variables(options: &Options) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![
        ("NFAST_HOME", options.home.clone().into_os_string()),
        ("NFAST_KMDATA", options.kmdata.clone().into_os_string()),
        ("NFAST_SERVER", options.socket.clone().into_os_string()),
        (
            "NFAST_PRIVSERVER",
            options.privileged_socket.clone().into_os_string(),
        ),
    ];
    let ports = [
        ("NFAST_SERVER_PORT", options.port),
        ("NFAST_SERVER_PRIVPORT", options.privileged_port),
    ];
    for (name, port) in ports {
        if let Some(port) = port {
            variables.push((name, port.to_string().into()));
        }
    }
    variables
}

/// The shell commands that export the variables, one a line.
pub fn exports(options: &Options) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in variables(options) {
        text.extend_from_slice(b"export ");
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(quoted(&value).as_bytes());
        text.push(b'\n');
    }
    text
}

/// What a running daemon keeps in its state folder for `softshield env`. The file goes with the value.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
}

impl Record {
    /// Writes the variables down.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(options: &Options) -> std::io::Result<Record> {
        let mut file = tempfile::NamedTempFile::new_in(&options.state)?;
        file.write_all(&exports(options))?;
        let path = record_path(&options.state);
        file.persist(&path)?;
        Ok(Record { path })
    }

    /// What a daemon that uses this state folder wrote down, if it did. After a crash it may be out of date.
    pub fn read(state: &Path) -> Option<Vec<u8>> {
        std::fs::read(record_path(state)).ok()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // Left behind it does no harm: it counts only while a daemon runs.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn record_path(state: &Path) -> PathBuf {
    state.join("environment")
}

/// The value as one shell word. Inside single quotes every byte stands for itself, except the single quote.
fn quoted(value: &OsStr) -> OsString {
    let mut word = vec![b'\''];
    for &byte in value.as_bytes() {
        if byte == b'\'' {
            word.extend_from_slice(b"'\\''");
        } else {
            word.push(byte);
        }
    }
    word.push(b'\'');
    OsString::from_vec(word)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn names_the_sockets_and_the_folders() {
        let options = Options::in_folder(Path::new("/o"));
        assert_eq!(
            String::from_utf8(exports(&options)).unwrap(),
            "export NFAST_HOME='/o'\n\
             export NFAST_KMDATA='/o/kmdata'\n\
             export NFAST_SERVER='/o/nserver'\n\
             export NFAST_PRIVSERVER='/o/priv/privnserver'\n"
        );
    }

    #[test]
    fn names_the_ports_that_are_open() {
        let options = Options {
            port: Some(9000),
            ..Options::in_folder(Path::new("/o"))
        };
        let names: Vec<_> = variables(&options)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert!(names.contains(&"NFAST_SERVER_PORT"));
        assert!(!names.contains(&"NFAST_SERVER_PRIVPORT"));
    }

    #[test]
    fn a_record_is_there_as_long_as_its_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            state: folder.path().to_owned(),
            ..Options::in_folder(Path::new("/o"))
        };
        let record = Record::write(&options).unwrap();
        assert_eq!(Record::read(folder.path()), Some(exports(&options)));
        drop(record);
        assert_eq!(Record::read(folder.path()), None);
    }

    #[test]
    fn a_shell_reads_back_any_bytes() {
        let odd = OsString::from_vec(b"/a b/'quoted' $HOME `id` \"x\" \\ \n!*\xff;end".to_vec());
        let mut script = exports(&Options::in_folder(Path::new(&odd)));
        script.extend_from_slice(b"printf %s \"$NFAST_HOME\"");
        // As `eval "$(softshield env)"' does it.
        let output = Command::new("sh")
            .arg("-c")
            .arg("eval \"$1\"")
            .arg("sh")
            .arg(OsString::from_vec(script))
            .output();
        assert_eq!(output.unwrap().stdout, odd.as_bytes());
    }
}
