//! `rocs`: recovers keys of lost card sets and softcards onto other ones with the administrator cards (UTILITIES section
//! 5.4).

mod keys;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nfkm::{Environment, Error, Hash, LoadedToken, RecoveredKey, Recovery, Session, World};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::ppmk;
use crate::progress;
use crate::terminal::Terminal;
use keys::{Key, Sets};

/// Recover keys of lost card sets and softcards onto other ones, by commands of the standard input or all in one go.
#[derive(Debug, Parser)]
#[command(name = "rocs")]
struct Options {
    /// The module with the reader
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// The card set or softcard to recover keys onto, by name or hash
    #[arg(short, long, value_name = "TARGET")]
    target: Option<String>,
    /// The keys to recover: `all`, a number of the list, APPNAME:IDENT, or a card set's or softcard's name for all its keys
    #[arg(short, long = "keys", value_name = "KEYSPEC", requires = "target")]
    keys: Vec<String>,
    /// An operator card file of the target, put into a soft token slot of the module; once for each card. Without it the
    /// cards are in the module's reader; an emulated module with an empty reader uses files in the folder `cards` beside
    /// `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// The same for administrator cards
    #[arg(long = "admin-card", value_name = "FILE")]
    admin_cards: Vec<PathBuf>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        World::required(&environment.folder()?)?;
        let session = Session::open(&environment)?;
        let mut shell = Shell::new(session, &options)?;
        match (&options.target, &options.keys[..]) {
            (Some(target), keys @ [_, ..]) => {
                shell.target(target)?;
                for key in keys {
                    shell.mark(key)?;
                }
                shell.recover()?;
                shell.save()?;
                shell.conclude()
            }
            (Some(target), []) => {
                shell.target(target)?;
                shell.run()
            }
            _ => shell.run(),
        }
    })
}

/// What the commands work on.
struct Shell<'a> {
    session: Session,
    options: &'a Options,
    terminal: Terminal,
    module: u32,
    sets: Sets,
    keys: Vec<Key>,
    /// Hash of the card set or softcard that keys are to come under.
    target: Option<Hash>,
    /// Places in the list of keys.
    marked: BTreeSet<usize>,
    recovered: Vec<RecoveredKey>,
    /// Once the administrator cards were read.
    recovery: Option<Recovery>,
    /// Whether a file could not be read, so that the lists are not of everything.
    damaged: bool,
}

/// How a command ends that did what it should.
enum Next {
    Go,
    Quit,
}

impl<'a> Shell<'a> {
    fn new(session: Session, options: &'a Options) -> Result<Shell<'a>, Failure> {
        let (sets, keys, damaged) = read(&session)?;
        Ok(Shell {
            session,
            options,
            terminal: Terminal::default(),
            module: options.module,
            sets,
            keys,
            target: None,
            marked: BTreeSet::new(),
            recovered: Vec::new(),
            recovery: None,
            damaged,
        })
    }

    /// Does what the lines of the input say. A command that fails is complained of, and the next one is read; but a script
    /// of which a command failed has failed.
    fn run(&mut self) -> Result<(), Failure> {
        cli::print("`rocs' key recovery tool\nUseful commands: `help', `quit'.\n")?;
        let mut failed = false;
        while let Some(line) = self.terminal.ask("rocs> ")? {
            let line = line.trim();
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            match self.command(command, argument.trim()) {
                Ok(Next::Go) => {}
                Ok(Next::Quit) => break,
                Err(Failure::Operation(reason) | Failure::CommandLine(reason)) => {
                    failed = true;
                    cli::complain("rocs", &reason);
                }
                Err(Failure::Reported | Failure::Program(_)) => failed = true,
            }
        }
        if !self.recovered.is_empty() {
            return Err(Failure::Operation(format!(
                "{} recovered keys were not saved",
                self.recovered.len()
            )));
        }
        match failed {
            true => Err(Failure::Reported),
            false => self.conclude(),
        }
    }

    /// Whoever meant all keys is not told that all went well while some could not be read.
    fn conclude(&self) -> Result<(), Failure> {
        match self.damaged {
            true => Err(Failure::Reported),
            false => Ok(()),
        }
    }

    fn command(&mut self, command: &str, argument: &str) -> Result<Next, Failure> {
        match (command, argument) {
            ("", "") => {}
            ("help" | "?", _) => cli::print(HELP)?,
            ("module", number) => {
                self.module = number
                    .parse()
                    .map_err(|_| Failure::CommandLine(format!("`{number}' is not a module")))?;
                self.recovery = None;
            }
            ("list", "cardsets") => {
                cli::print(&keys::card_set_list(&self.sets, &self.keys))?;
            }
            ("list", "keys") => {
                let list = keys::key_list(&self.keys, &self.sets, &self.marked, &self.recovered);
                cli::print(&list)?;
            }
            ("target", name) => self.target(name)?,
            ("mark", spec) => self.mark(spec)?,
            ("unmark", spec) => {
                for place in self.places(spec)? {
                    self.marked.remove(&place);
                }
            }
            ("recover", "") => self.recover()?,
            ("revert", spec) => {
                for place in self.places(spec)? {
                    let name = &self.keys[place].name;
                    self.recovered.retain(|key| key.name() != name);
                }
            }
            ("save", "") => self.save()?,
            ("rescan", "") => {
                (self.sets, self.keys, self.damaged) = read(&self.session)?;
                self.marked.clear();
            }
            ("status", "") => cli::print(&self.status())?,
            ("quit" | "exit", "") => return Ok(Next::Quit),
            _ => {
                return Err(Failure::CommandLine(format!(
                    "unknown command `{command}'; `help' lists the commands"
                )));
            }
        }
        Ok(Next::Go)
    }

    fn target(&mut self, name: &str) -> Result<(), Failure> {
        if name.is_empty() {
            let text =
                "no target is named: give a card set or softcard, which `list cardsets' lists";
            return Err(Failure::CommandLine(text.to_owned()));
        }
        self.target = Some(self.sets.find(name)?);
        Ok(())
    }

    fn mark(&mut self, spec: &str) -> Result<(), Failure> {
        let places = self.places(spec)?;
        if let Some(place) = places.iter().find(|place| !self.keys[**place].recoverable) {
            return Err(Failure::Operation(format!(
                "{}: the key cannot be recovered",
                self.keys[*place].name
            )));
        }
        if let Some(target) = self.target {
            self.check_kind(places.iter(), &target)?;
        }
        self.marked.extend(places);
        Ok(())
    }

    /// Refuses a key that cannot come under the target: keys of card sets go to card sets, keys of softcards to softcards.
    fn check_kind<'p>(
        &self,
        places: impl IntoIterator<Item = &'p usize>,
        target: &Hash,
    ) -> Result<(), Failure> {
        let kind = |softcard| if softcard { "softcard" } else { "card set" };
        let softcard = self.sets.is_softcard(target);
        let mut keys = places.into_iter().map(|place| &self.keys[*place]);
        match keys.find(|key| key.softcard != softcard) {
            Some(key) => {
                let (own, other) = (kind(key.softcard), kind(softcard));
                Err(Failure::Operation(format!(
                    "{}: the key is protected by a {own}, and the target `{}' is a {other}: keys of {own}s come under {own}s alone",
                    key.name,
                    self.sets.name(target),
                )))
            }
            None => Ok(()),
        }
    }

    fn places(&self, spec: &str) -> Result<Vec<usize>, Failure> {
        if spec.is_empty() {
            let text = "no key is named: give a number, APPNAME:IDENT, a card set, or all";
            return Err(Failure::CommandLine(text.to_owned()));
        }
        keys::places(&self.keys, &self.sets, spec).ok_or_else(|| {
            Failure::CommandLine(format!(
                "`{spec}' is no key: give a number, APPNAME:IDENT, a card set, or all"
            ))
        })
    }

    /// Puts the marked keys under the target. They are not saved.
    fn recover(&mut self) -> Result<(), Failure> {
        let target = self
            .target
            .ok_or_else(|| Failure::Operation("no target was given".to_owned()))?;
        if self.marked.is_empty() {
            return Err(Failure::Operation("no keys are marked".to_owned()));
        }
        // Before anybody is asked for a card.
        self.check_kind(&self.marked, &target)?;
        // The administrator cards come first: a card that must stay in the reader can then stay there.
        let recovery = match self.recovery.take() {
            Some(recovery) => recovery,
            None => self.open_recovery()?,
        };
        let recovery = self.recovery.insert(recovery);
        let token = load_target(
            &self.session,
            self.module,
            &self.sets,
            &target,
            &self.options.cards,
            &mut self.terminal,
        )?;
        let marked = std::mem::take(&mut self.marked);
        let bar = progress::bar(marked.len(), "keys");
        for place in marked {
            let name = &self.keys[place].name;
            let key = recovery.recover(name, &token)?;
            self.recovered.retain(|other| other.name() != name);
            self.recovered.push(key);
            bar.suspend(|| cli::print(&format!(" recovered {name}\n")))?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn open_recovery(&mut self) -> Result<Recovery, Failure> {
        let client = self.session.client()?;
        let folder = self.session.folder();
        let files = &self.options.admin_cards;
        let source = card_files::administrators("rocs", &client, folder, self.module, files)?;
        let terminal = &mut self.terminal;
        Ok(self.session.open_recovery(self.module, &source, terminal)?)
    }

    fn save(&mut self) -> Result<(), Failure> {
        let saved = self.recovered.len();
        for key in self.recovered.drain(..) {
            key.save()?;
        }
        self.keys = keys::read(&self.session)?.0;
        cli::print(&format!("{saved} keys saved.\n"))
    }

    fn status(&self) -> String {
        let target = self.target.map(|hash| self.sets.name(&hash));
        format!(
            " module    {}\n target    {}\n marked    {}\n recovered {}\n",
            self.module,
            target.unwrap_or_else(|| "none".to_owned()),
            self.marked.len(),
            self.recovered.len()
        )
    }
}

/// The card sets, softcards and keys that there are, and whether a file of one could not be read, which is complained of.
fn read(session: &Session) -> Result<(Sets, Vec<Key>, bool), Failure> {
    let (sets, mut faults) = Sets::read(session)?;
    let (keys, of_keys) = keys::read(session)?;
    faults.extend(of_keys);
    let damaged = cli::complain_of_faults("rocs", &faults).is_err();
    Ok((sets, keys, damaged))
}

/// Loads the card set or softcard with this hash.
fn load_target(
    session: &Session,
    module: u32,
    sets: &Sets,
    target: &Hash,
    files: &[PathBuf],
    terminal: &mut Terminal,
) -> Result<LoadedToken, Failure> {
    if let Some(softcard) = sets.softcards.iter().find(|card| card.hkltu == *target) {
        return Ok(ppmk::with_passphrase(
            softcard,
            terminal,
            |passphrase, _| session.load_softcard(softcard, passphrase),
        )?);
    }
    let set = sets.cards.iter().find(|set| set.hkltu == *target);
    let set = set.ok_or_else(|| Error::Cards("the target is gone".to_owned()))?;
    let client = session.client()?;
    let choice = card_files::choose(
        "rocs",
        "operator cards",
        &client,
        session.folder(),
        &[module],
        files,
    )?;
    let source = choice.source(card_files::operators);
    Ok(session.load_card_set(set, &[module], &source, terminal)?)
}

const HELP: &str = " module N        use module N
 list cardsets   list card sets and softcards
 list keys       list keys
 target NAME     recover keys onto this card set or softcard
 mark SPEC       mark keys: a number, APPNAME:IDENT, a card set's name, or all
 unmark SPEC     unmark keys
 recover         put the marked keys under the target
 revert SPEC     leave recovered keys as they were
 save            save the recovered keys
 rescan          read keys and card sets again
 status          what is set, marked and recovered
 quit            end
";
