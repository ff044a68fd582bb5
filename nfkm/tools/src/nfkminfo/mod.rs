//! `nfkminfo`: the Security World, its modules, slots, keys and card sets (UTILITIES section 3.2).

pub mod keys;
pub mod preloaded;
mod report;
pub mod slots;
pub mod softcards;
pub mod world;

use std::io::{self, BufRead};
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm::kmdata::{EntryContent, Folder};
use nfkm::{Client, EntryName, Environment, Error, Hash, Preload, World, ZERO_HASH};
use serde_json::{Value as Json, json};

use crate::cli::{self, Failure};
use report::Report;

/// Show the Security World, its modules and slots; list keys, card sets and softcards.
#[derive(Debug, Parser)]
#[command(
    name = "nfkminfo",
    group = ArgGroup::new("list").args(["world_info", "key_list", "name_list", "cardset_list", "softcard_list"])
)]
struct Options {
    /// Show the world, the modules and the slots (the default)
    #[arg(short, long)]
    world_info: bool,
    /// Show them again each time a line is read from the standard input
    #[arg(short, long, conflicts_with_all = ["key_list", "name_list", "cardset_list", "softcard_list"])]
    repeat: bool,
    /// Show the client that preloaded objects belong to, too
    #[arg(short, long, conflicts_with_all = ["key_list", "name_list", "cardset_list", "softcard_list"])]
    preload_client_id: bool,
    /// Show an HSM pool as one module, without its members
    #[arg(long, conflicts_with_all = ["module", "key_list", "name_list", "cardset_list", "softcard_list"])]
    pool: bool,
    /// List keys: all, those of APPNAME, or everything about the key APPNAME IDENT
    #[arg(short, long)]
    key_list: bool,
    /// List keys by protection, with their names; all, or those of each APPNAME
    #[arg(short = 'l', long)]
    name_list: bool,
    /// List card sets, or everything about the one with hash TOKENHASH
    #[arg(short, long)]
    cardset_list: bool,
    /// List softcards, or everything about the one with hash TOKENHASH
    #[arg(short, long)]
    softcard_list: bool,
    /// Show this module only
    #[arg(short, long, value_name = "MODULE", conflicts_with_all = ["key_list", "name_list", "cardset_list", "softcard_list"])]
    module: Option<u32>,
    /// Answer in JSON: the fields of the report by their names
    #[arg(short, long)]
    json: bool,
    /// APPNAME [IDENT], APPNAME ..., or TOKENHASH
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        let folder = environment.folder()?;
        let names: Vec<&str> = options.names.iter().map(String::as_str).collect();
        if options.key_list {
            options.keys(&folder, &names)
        } else if options.name_list {
            options.name_list(&folder, &names)
        } else if options.cardset_list {
            options.card_sets(&folder, &names)
        } else if options.softcard_list {
            options.softcards(&folder, &names)
        } else if names.is_empty() {
            options.world_info(&environment, &folder)
        } else {
            Err(unexpected(&names))
        }
    })
}

fn unexpected(names: &[&str]) -> Failure {
    Failure::CommandLine(format!(
        "unexpected argument `{}'",
        names.last().copied().unwrap_or_default()
    ))
}

impl Options {
    fn print(&self, text: &str, json: &Json) -> Result<(), Failure> {
        match self.json {
            true => cli::print_json(json),
            false => cli::print(text),
        }
    }

    fn world_info(&self, environment: &Environment, folder: &Folder) -> Result<(), Failure> {
        let client = Client::connect(&environment.endpoint()?)?;
        // The generation counts how often the state was looked at, as the vendor's library does.
        for generation in 1.. {
            let report = Report::take(&client, folder, generation, &|module| match self.module {
                Some(number) => module.number == number,
                None => !self.pool || module.is_pool(),
            })?;
            match self.module {
                Some(number) if !report.shows_a_module() => {
                    return Err(Error::NoSuchModule { module: number }.into());
                }
                None if self.pool && !report.shows_a_module() => {
                    return Err(Failure::Operation("there is no HSM pool".to_owned()));
                }
                _ => {}
            }
            for fault in report.faults() {
                cli::complain("nfkminfo", fault);
            }
            // The file may come and go while the state is watched.
            let preload = match &environment.tokens_file {
                Some(file) => Preload::read(file)?,
                None => None,
            };
            let report = report.with_preload(preload, self.preload_client_id);
            self.print(&report.text(), &report.json())?;
            let mut line = String::new();
            if !self.repeat || io::stdin().lock().read_line(&mut line)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn keys(&self, folder: &Folder, names: &[&str]) -> Result<(), Failure> {
        let entries = match names {
            [] => folder.entries(None)?,
            [appname] => folder.entries(Some(appname))?,
            [appname, ident] => return self.key(folder, &EntryName::new(appname, ident)?),
            _ => return Err(unexpected(names)),
        };
        self.print(&keys::list(&entries), &keys::list_json(&entries))
    }

    fn key(&self, folder: &Folder, name: &EntryName) -> Result<(), Failure> {
        let content = folder
            .entry(&hknso(folder)?, name)
            .map_err(|error| match error {
                Error::NotFound { .. } => Failure::Operation(format!(
                    "no key `{}' of application `{}'",
                    name.ident(),
                    name.appname()
                )),
                error => error.into(),
            })?;
        self.print(
            &keys::detail(name, &content),
            &keys::detail_json(name, &content),
        )
    }

    fn name_list(&self, folder: &Folder, appnames: &[&str]) -> Result<(), Failure> {
        let world = hknso(folder)?;
        let mut names = Vec::new();
        match appnames {
            [] => names = folder.entries(None)?,
            _ => {
                for appname in appnames {
                    names.extend(folder.entries(Some(appname))?);
                }
            }
        }
        let mut keys = Vec::new();
        let mut damaged = false;
        for name in names {
            match folder.entry(&world, &name) {
                Ok(EntryContent::Key(record)) => keys.push((name, *record)),
                Ok(EntryContent::Opaque(_)) => {}
                // One damaged file must not hide the others.
                Err(error) => {
                    damaged = true;
                    cli::complain("nfkminfo", &error);
                }
            }
        }
        self.print(&keys::name_list(&keys), &keys::name_list_json(&keys))?;
        match damaged {
            true => Err(Failure::Reported),
            false => Ok(()),
        }
    }

    fn card_sets(&self, folder: &Folder, names: &[&str]) -> Result<(), Failure> {
        let world = hknso(folder)?;
        let sets = folder.card_sets(&world)?;
        let hash = match names {
            [] => {
                let json = sets.iter().map(slots::card_set_json).collect();
                return self.print(&slots::card_set_list(&sets), &json);
            }
            [hash] => hash,
            _ => return Err(unexpected(names)),
        };
        let set = sets
            .iter()
            .find(|set| nfkm::hex(&set.hkltu) == *hash)
            .ok_or_else(|| Failure::Operation(format!("no card set with hash `{hash}'")))?;
        let keys = protected(folder, &world, &set.hkltu)?;
        self.print(
            &(slots::card_set_block(set) + &keys::list(&keys)),
            &json!({ "cardset": slots::card_set_json(set), "keys": keys::list_json(&keys) }),
        )
    }

    fn softcards(&self, folder: &Folder, names: &[&str]) -> Result<(), Failure> {
        let world = hknso(folder)?;
        let softcards = folder.softcards(&world)?;
        let hash = match names {
            [] => {
                let json = softcards.iter().map(softcards::json).collect();
                return self.print(&softcards::list(&softcards), &json);
            }
            [hash] => hash,
            _ => return Err(unexpected(names)),
        };
        let softcard = softcards
            .iter()
            .find(|softcard| nfkm::hex(&softcard.hkltu) == *hash)
            .ok_or_else(|| Failure::Operation(format!("no softcard with hash `{hash}'")))?;
        let keys = protected(folder, &world, &softcard.hkltu)?;
        self.print(
            &(softcards::block(softcard) + &keys::list(&keys)),
            &json!({ "softcard": softcards::json(softcard), "keys": keys::list_json(&keys) }),
        )
    }
}

/// The keys under a card set or softcard.
fn protected(folder: &Folder, world: &Hash, hkltu: &Hash) -> Result<Vec<EntryName>, Failure> {
    let mut protected = Vec::new();
    for name in folder.entries(None)? {
        if let EntryContent::Key(record) = folder.entry(world, &name)?
            && record.cardset == Some(*hkltu)
        {
            protected.push(name);
        }
    }
    Ok(protected)
}

/// The world that the files of the folder belong to; zeros when there is none.
fn hknso(folder: &Folder) -> Result<Hash, Failure> {
    Ok(World::read(folder)?.map_or(ZERO_HASH, |world| world.hknso))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_lists_exclude_each_other() {
        let parse = |arguments: &[&str]| {
            let arguments = std::iter::once("nfkminfo").chain(arguments.iter().copied());
            let matches = cli::command::<Options>().try_get_matches_from(arguments)?;
            Options::from_arg_matches(&matches)
        };
        for arguments in [
            &[][..],
            &["-w"],
            &["-wr"],
            &["-wp"],
            &["--pool"],
            &["-k"],
            &["-k", "simple"],
            &["--name-list", "a", "b"],
            &["-m1"],
            &["-s"],
            &["--softcard-list", "x"],
        ] {
            assert!(parse(arguments).is_ok(), "{arguments:?}");
        }
        for arguments in [
            &["-k", "-l"][..],
            &["-kr"],
            &["-c", "-s"],
            &["-s", "-m1"],
            &["-c", "-m1"],
            &["--pool", "-m1"],
            &["--frob"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
