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
use nfkm::kmdata::{Folder, Listed};
use nfkm::{Client, EntryName, Environment, Error, Hash, World, ZERO_HASH};
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
        let mut result = Ok(());
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
            let faults = cli::complain_of_faults("nfkminfo", report.faults());
            result = result.and(faults);
            // The file may come and go while the state is watched.
            let preload = environment.preload()?;
            let report = report.with_preload(preload, self.preload_client_id);
            self.print(&report.text(), &report.json())?;
            let mut line = String::new();
            if !self.repeat || io::stdin().lock().read_line(&mut line)? == 0 {
                break;
            }
        }
        result
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
        let wanted: Vec<Option<&str>> = match appnames {
            [] => vec![None],
            _ => appnames.iter().copied().map(Some).collect(),
        };
        let (mut keys, mut faults) = (Vec::new(), Vec::new());
        for appname in wanted {
            let listed = folder.keys(&world, appname)?;
            keys.extend(listed.records);
            faults.extend(listed.faults);
        }
        self.print(&keys::name_list(&keys), &keys::name_list_json(&keys))?;
        cli::complain_of_faults("nfkminfo", &faults)
    }

    fn card_sets(&self, folder: &Folder, names: &[&str]) -> Result<(), Failure> {
        let world = hknso(folder)?;
        let hash = match names {
            [] => {
                let Listed { records, faults } = folder.card_sets(&world)?;
                let json = records.iter().map(slots::card_set_json).collect();
                self.print(&slots::card_set_list(&records), &json)?;
                return cli::complain_of_faults("nfkminfo", &faults);
            }
            [hash] => hash,
            _ => return Err(unexpected(names)),
        };
        let set = match nfkm::unhex(hash).map(|hkltu| folder.card_set(&world, &hkltu)) {
            None | Some(Err(Error::NotFound { .. })) => {
                let text = format!("no card set with hash `{hash}'");
                return Err(Failure::Operation(text));
            }
            Some(read) => read?,
        };
        let (keys, faults) = protected(folder, &world, &set.hkltu)?;
        self.print(
            &(slots::card_set_block(&set) + &keys::list(&keys)),
            &json!({ "cardset": slots::card_set_json(&set), "keys": keys::list_json(&keys) }),
        )?;
        cli::complain_of_faults("nfkminfo", &faults)
    }

    fn softcards(&self, folder: &Folder, names: &[&str]) -> Result<(), Failure> {
        let world = hknso(folder)?;
        let hash = match names {
            [] => {
                let Listed { records, faults } = folder.softcards(&world)?;
                self.print(&softcards::list(&records), &softcards::list_json(&records))?;
                return cli::complain_of_faults("nfkminfo", &faults);
            }
            [hash] => hash,
            _ => return Err(unexpected(names)),
        };
        let softcard = match nfkm::unhex(hash).map(|hkltu| folder.softcard(&world, &hkltu)) {
            None | Some(Err(Error::NotFound { .. })) => {
                let text = format!("no softcard with hash `{hash}'");
                return Err(Failure::Operation(text));
            }
            Some(read) => read?,
        };
        let (keys, faults) = protected(folder, &world, &softcard.hkltu)?;
        self.print(
            &(softcards::block(&softcard) + &keys::list(&keys)),
            &json!({ "softcard": softcards::json(&softcard), "keys": keys::list_json(&keys) }),
        )?;
        cli::complain_of_faults("nfkminfo", &faults)
    }
}

/// The keys under a card set or softcard, and what is wrong with files of keys: one of those may be under it too.
fn protected(
    folder: &Folder,
    world: &Hash,
    hkltu: &Hash,
) -> Result<(Vec<EntryName>, Vec<Error>), Failure> {
    let Listed { records, faults } = folder.keys(world, None)?;
    let protected = records
        .into_iter()
        .filter(|(_, record)| record.cardset == Some(*hkltu));
    Ok((protected.map(|(name, _)| name).collect(), faults))
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
