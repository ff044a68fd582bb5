//! `nfkminfo`: the Security World, its modules, slots, keys and card sets (UTILITIES section 3.2).

pub mod keys;
pub mod preloaded;
pub mod slots;
pub mod softcards;
pub mod world;

use std::io::{self, BufRead};
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm::cards::Known;
use nfkm::kmdata::{EntryContent, Folder};
use nfkm::{
    Client, EntryName, Environment, Error, Hash, Module, Preload, World, ZERO_HASH, survey,
};

use crate::cli::{self, Failure};

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
        if options.softcard_list {
            return match names[..] {
                [] => cli::print(&softcards::list(&folder.softcards(&hknso(&folder)?)?)),
                [hash] => softcard(&folder, hash),
                _ => Err(unexpected(&names)),
            };
        }
        match (
            options.key_list,
            options.name_list,
            options.cardset_list,
            &names[..],
        ) {
            (true, _, _, []) => cli::print(&keys::list(&folder.entries(None)?)),
            (true, _, _, [appname]) => cli::print(&keys::list(&folder.entries(Some(appname))?)),
            (true, _, _, [appname, ident]) => key(&folder, &EntryName::new(appname, ident)?),
            (_, true, _, appnames) => name_list(&folder, appnames),
            (_, _, true, []) => {
                cli::print(&slots::card_set_list(&folder.card_sets(&hknso(&folder)?)?))
            }
            (_, _, true, [hash]) => card_set(&folder, hash),
            (false, false, false, []) => world_info(&environment, &folder, &options),
            _ => Err(unexpected(&names)),
        }
    })
}

fn unexpected(names: &[&str]) -> Failure {
    Failure::CommandLine(format!(
        "unexpected argument `{}'",
        names.last().copied().unwrap_or_default()
    ))
}

fn world_info(
    environment: &Environment,
    folder: &Folder,
    options: &Options,
) -> Result<(), Failure> {
    let client = Client::connect(&environment.endpoint()?)?;
    // The generation counts how often the state was looked at, as the vendor's library does.
    for generation in 1.. {
        let mut report = world_report(&client, folder, options, generation)?;
        // The file may come and go while the state is watched.
        let preload = match &environment.tokens_file {
            Some(file) => Preload::read(file)?,
            None => None,
        };
        report.push_str(&preloaded::section(
            preload.as_ref(),
            options.preload_client_id,
        ));
        cli::print(&report)?;
        let mut line = String::new();
        if !options.repeat || io::stdin().lock().read_line(&mut line)? == 0 {
            break;
        }
    }
    Ok(())
}

fn world_report(
    client: &Client,
    folder: &Folder,
    options: &Options,
    generation: u32,
) -> Result<String, Failure> {
    let world = World::read(folder)?;
    let modules = survey(client, folder, world.as_ref())?;
    let is_shown = |module: &&Module| match options.module {
        Some(number) => module.number == number,
        None => !options.pool || module.is_pool(),
    };
    if !modules.iter().any(|module| is_shown(&module)) {
        if let Some(number) = options.module {
            return Err(Failure::Operation(format!("there is no module #{number}")));
        }
        if options.pool {
            return Err(Failure::Operation("there is no HSM pool".to_owned()));
        }
    }
    let card_sets = match &world {
        Some(world) => folder.card_sets(&world.hknso)?,
        None => Vec::new(),
    };
    let known = Known::new(world.as_ref(), card_sets);
    for fault in modules.iter().filter_map(|module| module.fault.as_ref()) {
        cli::complain("nfkminfo", fault);
    }
    let mut report = world::world_block(world.as_ref(), &modules, generation);
    for module in modules.iter().filter(is_shown) {
        let slots = crate::slots::look(client, module.number)?;
        report.push_str(&world::module_block(module, slots.len(), generation));
        for slot in &slots {
            report.push_str(&slots::slot_block(slot, module.number, generation, &known));
        }
    }
    Ok(report)
}

fn key(folder: &Folder, name: &EntryName) -> Result<(), Failure> {
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
    cli::print(&keys::detail(name, &content))
}

fn name_list(folder: &Folder, appnames: &[&str]) -> Result<(), Failure> {
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
    cli::print(&keys::name_list(&keys))?;
    if damaged {
        Err(Failure::Reported)
    } else {
        Ok(())
    }
}

fn card_set(folder: &Folder, hash: &str) -> Result<(), Failure> {
    let world = hknso(folder)?;
    let sets = folder.card_sets(&world)?;
    let set = sets
        .iter()
        .find(|set| nfkm::hex(&set.hkltu) == hash)
        .ok_or_else(|| Failure::Operation(format!("no card set with hash `{hash}'")))?;
    cli::print(&format!(
        "{}{}",
        slots::card_set_block(set),
        keys::list(&protected(folder, &world, &set.hkltu)?)
    ))
}

fn softcard(folder: &Folder, hash: &str) -> Result<(), Failure> {
    let world = hknso(folder)?;
    let softcards = folder.softcards(&world)?;
    let softcard = softcards
        .iter()
        .find(|softcard| nfkm::hex(&softcard.hkltu) == hash)
        .ok_or_else(|| Failure::Operation(format!("no softcard with hash `{hash}'")))?;
    cli::print(&format!(
        "{}{}",
        softcards::block(softcard),
        keys::list(&protected(folder, &world, &softcard.hkltu)?)
    ))
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
