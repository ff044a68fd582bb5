//! `cspmigrate`: moves container information from the registry into the Security World (CAPI guide, sections 5 and 11).
//!
//! Each container is written into the world first and taken out of the registry then, so that an interruption leaves it in
//! one of the two places at least; whoever starts again goes on where it ended.

mod entry;
mod export;
mod old;
#[cfg(windows)]
mod system;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use csp::admin::{self, Containers, Error, KeySpec, Slot, Wanted};
use csp::identity::Identity;
use nfkm::Environment;
use nfkm_tools::cli::{self, Failure};
use nfkm_tools::progress;
use nfkm_tools::terminal::Terminal;

use old::{OldContainer, Registry};

/// Move the containers of CSP versions before 1.11.0 from the registry into the Security World.
#[derive(Debug, Parser)]
#[command(name = "cspmigrate")]
struct Options {
    /// Keep the new keys where a container of the Security World has one already.
    #[arg(short = 'q', long, conflicts_with = "overwrite")]
    keep: bool,
    /// Overwrite new keys with old keys there.
    #[arg(short = 'f', long)]
    overwrite: bool,
    /// A registry export (.reg) that has the old containers, in place of the registry.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let mut registry = Registry::open(options.file.as_deref())?;
        let containers = Containers::open(&Environment::from_process(), Identity::from_process()?)?;
        let (mut migrated, mut skipped) = (0, 0);
        let found = registry.containers(containers.user())?;
        let bar = progress::bar(found.len(), "containers");
        for old in bar.wrap_iter(found.into_iter()) {
            // What is asked and said goes where the bar is.
            bar.suspend(|| {
                let moved = old.and_then(|old| {
                    options.migrate(&containers, &old)?;
                    registry.remove(&old)
                });
                match moved {
                    Ok(()) => migrated += 1,
                    Err(reason) => {
                        skipped += 1;
                        cli::complain("cspmigrate", &format!("skipped: {reason}"));
                    }
                }
            });
        }
        bar.finish_and_clear();
        cli::print(&format!(
            "{migrated} container(s) migrated, {skipped} skipped\n"
        ))?;
        match skipped {
            0 => Ok(()),
            _ => Err(Failure::Reported),
        }
    })
}

/// Why a container stays where it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Skipped {
    /// Its entry makes no sense.
    #[error("{place}: {reason}")]
    Entry { place: String, reason: String },
    /// The key it refers to is missing, or cannot be in it.
    #[error("container `{name}': {reason}")]
    Key { name: String, reason: String },
    /// The old place does not let it go, or cannot be read.
    #[error("{place}: {cause}")]
    Place {
        place: String,
        cause: std::io::Error,
    },
    /// Which key to keep was asked, and not answered.
    #[error("container `{name}': nobody answered which key to keep; -q and -f do")]
    NoAnswer { name: String },
    /// The Security World's reason.
    #[error(transparent)]
    World(#[from] Error),
}

impl Options {
    /// Writes an old container into the world.
    fn migrate(&self, containers: &Containers, old: &OldContainer) -> Result<(), Skipped> {
        for (spec, slot) in old.keys() {
            check_key(containers, old, spec, slot)?;
        }
        let wanted = Wanted {
            name: old.name.clone(),
            scope: old.scope.clone(),
            prov_type: Some(old.prov_type),
        };
        let ident = match containers.find(&wanted) {
            Ok((ident, _)) => ident,
            Err(Error::NoContainer { .. }) => {
                containers.create(old.prov_type, &old.scope, &old.name)?
            }
            Err(error) => return Err(error.into()),
        };
        containers.change(&ident, |slots| {
            for (spec, slot) in old.keys() {
                let place = &mut slots[spec as usize];
                match place {
                    Some(new) if new.appname == slot.appname && new.ident == slot.ident => {}
                    Some(new) if !self.takes_old(old, spec, new, slot)? => {
                        left(slot);
                    }
                    _ => {
                        if let Some(new) = place.replace(slot.clone()) {
                            left(&new);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Whether the old key goes in the place of the new one.
    fn takes_old(
        &self,
        container: &OldContainer,
        spec: KeySpec,
        new: &Slot,
        old: &Slot,
    ) -> Result<bool, Skipped> {
        if self.keep || self.overwrite {
            return Ok(self.overwrite);
        }
        let called = match spec {
            KeySpec::Exchange => "exchange key",
            KeySpec::Signature => "signature key",
        };
        let question = format!(
            "Container `{}' has a new {called}, {} {}, and an old one, {} {}.\n\
             Which key to keep? -q keeps the new one, -f overwrites it with the old one: ",
            container.name, new.appname, new.ident, old.appname, old.ident
        );
        loop {
            let answer = Terminal::default().ask(&question);
            let answer = answer.map_err(Error::from)?.ok_or(Skipped::NoAnswer {
                name: container.name.clone(),
            })?;
            match answer.trim() {
                "-q" | "q" => return Ok(false),
                "-f" | "f" => return Ok(true),
                _ => {}
            }
        }
    }
}

fn check_key(
    containers: &Containers,
    old: &OldContainer,
    spec: KeySpec,
    slot: &Slot,
) -> Result<(), Skipped> {
    let refused = |reason| Skipped::Key {
        name: old.name.clone(),
        reason,
    };
    let key = containers
        .key(&slot.appname, &slot.ident)
        .map_err(|error| refused(error.to_string()))?;
    match admin::suits(old.prov_type, spec, key.key_type) {
        true => Ok(()),
        false => Err(refused(format!(
            "key {} {} is none of its provider's",
            slot.appname, slot.ident
        ))),
    }
}

fn left(slot: &Slot) {
    let text = format!(
        "key {} {} is in the container no longer; its file is left",
        slot.appname, slot.ident
    );
    cli::complain("cspmigrate", &text);
}
