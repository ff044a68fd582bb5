//! `nfkmcheck`: whether the files of the Key Management Data are whole and belong together (UTILITIES section 7.1).

use std::process::ExitCode;

use clap::Parser;
use ncore::types::{AdminKey, NFKMNKF};
use nfkm::kmdata::{CardSetRecord, EntryContent, File, Folder, KeyRecord};
use nfkm::{EntryName, Environment, Error, Hash, World, hex};
use serde_json::{Value as Json, json};

use crate::cli::{self, Failure};

/// Check the files of the Security World: that each can be read, and that what they refer to is there.
///
/// It looks at files alone and needs no hardserver. Nothing is changed.
#[derive(Debug, Parser)]
#[command(name = "nfkmcheck")]
struct Options {
    /// Name every file that was checked
    #[arg(short = 'V', long)]
    verbose: bool,
    /// Answer in JSON: the files, warnings and errors
    #[arg(short, long, conflicts_with = "verbose")]
    json: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let folder = Environment::from_process().folder()?;
        let world = World::required(&folder)?;
        let found = check(&folder, &world)?;
        if options.json {
            cli::print_json(&found.json())?;
            return match found.errors.is_empty() {
                true => Ok(()),
                false => Err(Failure::Reported),
            };
        }
        if options.verbose {
            for file in &found.files {
                cli::print(&format!("{file}\n"))?;
            }
        }
        for warning in &found.warnings {
            cli::complain("nfkmcheck", &format!("warning: {warning}"));
        }
        for error in &found.errors {
            cli::complain("nfkmcheck", &format!("error: {error}"));
        }
        match (found.errors.len(), found.warnings.len()) {
            (0, 0) => cli::print("nfkmcheck: everything seems to be in order\n"),
            (0, warnings) => cli::print(&format!("nfkmcheck: {warnings} warnings, no errors\n")),
            (errors, _) => Err(Failure::Operation(format!(
                "{errors} errors in {}",
                folder.path().display()
            ))),
        }
    })
}

/// What a check of a folder found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The files that were looked at.
    pub files: Vec<File>,
    /// What may be meant so.
    pub warnings: Vec<String>,
    /// What cannot.
    pub errors: Vec<String>,
}

impl Found {
    /// The same for programs.
    fn json(&self) -> Json {
        let files: Vec<String> = self.files.iter().map(File::to_string).collect();
        json!({ "files": files, "warnings": self.warnings, "errors": self.errors })
    }
}

/// Checks every file of a folder against the world in it.
///
/// # Errors
/// [`Error::File`] when the folder cannot be listed. What is wrong with a file is found, not an error.
pub fn check(folder: &Folder, world: &World) -> Result<Found, Error> {
    let mut check = Check {
        folder,
        world,
        found: Found {
            files: folder.files()?,
            ..Found::default()
        },
        sets: Vec::new(),
        softcards: Vec::new(),
    };
    let files = check.found.files.clone();
    check.world();
    // What keys refer to comes first.
    for file in &files {
        check.token(file);
    }
    for file in &files {
        match file {
            File::Card(hkltu, number) => check.card(hkltu, *number),
            File::Module(esn) => check.module(esn),
            File::Entry(name) => check.entry(name),
            File::World | File::CardSet(_) | File::Softcard(_) => {}
        }
    }
    Ok(check.found)
}

struct Check<'a> {
    folder: &'a Folder,
    world: &'a World,
    found: Found,
    /// The card sets that have a file, with its content if it can be read.
    sets: Vec<(Hash, Option<CardSetRecord>)>,
    /// The softcards that have a file.
    softcards: Vec<Hash>,
}

impl Check<'_> {
    fn error(&mut self, problem: impl std::fmt::Display) {
        self.found.errors.push(problem.to_string());
    }

    fn has(&self, file: &File) -> bool {
        self.found.files.contains(file)
    }

    fn world(&mut self) {
        let world = self.world;
        for role in [AdminKey::NSO, AdminKey::M, AdminKey::MC] {
            if world.key(role).is_none() {
                self.error(format!("world: no administrator key {role}"));
            }
        }
        if world
            .hash(AdminKey::NSO)
            .is_some_and(|hash| hash != world.hknso)
        {
            self.error("world: its security officer's key is not that of the file's header");
        }
        for token in &world.record.tokens {
            let (needed, total) = (token.shares_needed, token.shares_total);
            if needed == 0 || needed > total || total > world.record.cards {
                self.error(format!(
                    "world: {needed}/{total} is no quorum of {} cards",
                    world.record.cards
                ));
            }
        }
        for key in &world.record.keys {
            if !world
                .record
                .tokens
                .iter()
                .any(|token| token.role == key.token)
            {
                self.error(format!(
                    "world: no token for administrator key {}",
                    AdminKey(key.role)
                ));
            }
        }
        let maker = File::Module(world.record.esn.clone());
        if !self.has(&maker) {
            let warning = format!("world: {maker}, of the module that made it, is missing");
            self.found.warnings.push(warning);
        }
    }

    fn token(&mut self, file: &File) {
        match file {
            File::CardSet(hkltu) => match self.folder.card_set(&self.world.hknso, hkltu) {
                Ok(record) => {
                    self.card_set(file, &record);
                    self.sets.push((*hkltu, Some(record)));
                }
                Err(error) => {
                    self.sets.push((*hkltu, None));
                    self.error(error);
                }
            },
            File::Softcard(hkltu) => {
                self.softcards.push(*hkltu);
                if let Err(error) = self.folder.softcard(&self.world.hknso, hkltu) {
                    self.error(error);
                }
            }
            _ => {}
        }
    }

    fn card_set(&mut self, file: &File, record: &CardSetRecord) {
        let (needed, total) = (record.shares_needed, record.shares_total);
        if needed == 0 || needed > total || record.card_names.len() != total as usize {
            self.error(format!(
                "{file}: {needed}/{total} is no quorum of its cards"
            ));
        }
        // The names bound the loop: the numbers of a damaged file do not.
        for number in (1..=total).take(record.card_names.len()) {
            let card = File::Card(record.hkltu, number);
            if !self.has(&card) {
                self.error(format!("{card}: missing, a card of {file}"));
            }
        }
    }

    fn card(&mut self, hkltu: &Hash, number: u32) {
        let file = File::Card(*hkltu, number);
        let record = match self.folder.card(&self.world.hknso, hkltu, number) {
            Ok(record) => record,
            Err(error) => return self.error(error),
        };
        let problem = match self.sets.iter().find(|(hash, _)| hash == hkltu) {
            None => Some(format!("{file}: there is no {}", File::CardSet(*hkltu))),
            // What is wrong with the set's file has been said.
            Some((_, None)) => None,
            Some((_, Some(set))) => match set.card_names.get((number as usize).wrapping_sub(1)) {
                None => Some(format!("{file}: its set has no card of this number")),
                Some(name) if *name != record.name => {
                    Some(format!("{file}: its set has another name for the card"))
                }
                Some(_) => None,
            },
        };
        if let Some(problem) = problem {
            self.error(problem);
        }
    }

    fn module(&mut self, esn: &str) {
        if let Err(error) = self.folder.module(&self.world.hknso, esn) {
            self.error(error);
        }
    }

    fn entry(&mut self, name: &EntryName) {
        match self.folder.entry(&self.world.hknso, name) {
            Ok(EntryContent::Key(record)) => self.key(name, &record),
            Ok(EntryContent::Opaque(_)) => {}
            Err(error) => self.error(error),
        }
    }

    fn key(&mut self, name: &EntryName, record: &KeyRecord) {
        let file = name.file_name();
        if record.hkm != self.world.hkm() {
            self.error(format!(
                "{file}: its module key {} is not the world's",
                hex(&record.hkm)
            ));
        }
        let recovery = record.recovery.as_ref().map(|recovery| recovery.hkre);
        if recovery.is_some() && recovery != self.world.hash(AdminKey::RE) {
            self.error(format!(
                "{file}: its recovery copy is not under the world's recovery key"
            ));
        }
        let protection = record.flags & NFKMNKF::Protection_mask.0;
        match record.cardset {
            None if protection != NFKMNKF::ProtectionModule.0 => {
                self.error(format!("{file}: it does not say which cards protect it"));
            }
            None => {}
            Some(hkltu) => {
                let (there, protector) = match protection == NFKMNKF::ProtectionPassPhrase.0 {
                    true => (self.softcards.contains(&hkltu), File::Softcard(hkltu)),
                    false => {
                        let listed = self.sets.iter().any(|(hash, _)| *hash == hkltu);
                        (listed, File::CardSet(hkltu))
                    }
                };
                if !there {
                    self.error(format!(
                        "{file}: {protector}, which protects it, is missing"
                    ));
                }
            }
        }
    }
}
