//! `softshield snapshot`: a whole unit in a file.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use simulator::Options;
use simulator::control::api;

use super::client;

/// Keeps a unit in a file, and makes a module that unit again. It holds the keys of the module: guard it like them.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes everything of a module that survives a power cut to a file.
    Take {
        /// The module's number
        module: u32,
        /// The file
        file: PathBuf,
    },
    /// Makes a module what the file says, and switches it off and on.
    Restore {
        /// The module's number
        module: u32,
        /// The file
        file: PathBuf,
    },
}

impl Snapshot {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let client = client(options)?;
        match self.action {
            Action::Take { module, file } => {
                let bytes = client.download(&format!("/modules/{module}/snapshot"))?;
                let folder = match file.parent() {
                    Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                    _ => PathBuf::from("."),
                };
                let write = || {
                    let mut new = tempfile::NamedTempFile::new_in(folder)?;
                    std::io::Write::write_all(&mut new, &bytes)?;
                    new.persist(&file)?;
                    std::io::Result::Ok(())
                };
                write().with_context(|| format!("cannot write {}", file.display()))
            }
            Action::Restore { module, file } => {
                let bytes = std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let path = format!("/modules/{module}/snapshot");
                let restored: Result<api::Module, _> = client.upload(&path, bytes);
                restored.with_context(|| file.display().to_string())?;
                Ok(())
            }
        }
    }
}
