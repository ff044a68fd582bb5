//! `ppmk`: softcards, keys' protection by a pass phrase alone (UTILITIES section 5.3).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm::kmdata::{Listed, SoftcardRecord};
use nfkm::{Environment, Error, Session, World, hex};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::nfkminfo::softcards;
use crate::terminal::Terminal;

/// Create, check, change, recover, delete or list softcards.
#[derive(Debug, Parser)]
#[command(
    name = "ppmk",
    group = ArgGroup::new("action").args(["new", "check", "change", "recover", "delete", "list"])
)]
struct Options {
    /// The module that makes the softcard, or has the administrator cards
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// Create the softcard NAME
    #[arg(short, long)]
    new: bool,
    /// Ask for the pass phrase of a softcard and say whether it is right
    #[arg(long)]
    check: bool,
    /// Ask for the pass phrase of a softcard and a new one
    #[arg(long)]
    change: bool,
    /// Give a softcard a new pass phrase with the administrator cards
    #[arg(long)]
    recover: bool,
    /// Delete a softcard: keys under it are lost, but for their recovery copies
    #[arg(long)]
    delete: bool,
    /// List the softcards
    #[arg(long)]
    list: bool,
    /// The pass phrase of the new softcard can be replaced with the administrator cards
    #[arg(long)]
    recoverable: bool,
    /// It cannot (the default)
    #[arg(long, conflicts_with = "recoverable")]
    non_recoverable: bool,
    /// Create a softcard although there is one of the name
    #[arg(long)]
    force: bool,
    /// An administrator card file, put into a soft token slot of the module; once for each card. Without it the cards are in
    /// the module's readers; an emulated module with empty readers uses files in the folder `cards` beside `local`
    #[arg(long = "admin-card", value_name = "FILE")]
    admin_cards: Vec<PathBuf>,
    /// List in JSON
    #[arg(short, long)]
    json: bool,
    /// The softcard's name, or its hash if there is one of it
    #[arg(value_name = "NAME|HASH")]
    name: Option<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let mistake = |text: &str| Err(Failure::CommandLine(text.to_owned()));
        let actions = [
            options.new,
            options.check,
            options.change,
            options.recover,
            options.delete,
        ];
        let name = match (&options.name, options.list) {
            (None, true) => "",
            (Some(_), true) => return mistake("--list takes no name"),
            _ if !actions.contains(&true) => {
                return mistake(
                    "one of --new, --check, --change, --recover, --delete and --list is needed",
                );
            }
            (Some(name), _) if !name.is_empty() => name,
            _ => return mistake("the softcard is not named"),
        };
        if !options.new && (options.recoverable || options.non_recoverable || options.force) {
            return mistake("--recoverable, --non-recoverable and --force are for --new only");
        }
        if !options.list && options.json {
            return mistake("--json is for --list only");
        }
        if (options.check || options.delete || options.list) && !options.admin_cards.is_empty() {
            return mistake("--admin-card is for --new, --change and --recover only");
        }
        let environment = Environment::from_process();
        let world = World::required(&environment.folder()?)?;
        let mut terminal = Terminal {
            passphrase_min: world.record.passphrase_min,
        };
        let session = Session::open(&environment)?;
        if options.list {
            let Listed { records, faults } = session.softcards()?;
            match options.json {
                true => cli::print_json(&softcards::list_json(&records))?,
                false => cli::print(&softcards::list(&records))?,
            }
            return cli::complain_of_faults("ppmk", &faults);
        }
        if options.new || options.change || options.recover {
            card_files::authorise("ppmk", &session, &[options.module], &options.admin_cards)?;
        }
        if options.new {
            return options.create(&session, name, &mut terminal);
        }
        let softcard = session.softcard(name)?;
        let done = if options.check {
            with_passphrase(&softcard, &mut terminal, |passphrase, _| {
                session.load_softcard(&softcard, passphrase).map(drop)
            })?;
            "Pass phrase is correct."
        } else if options.change {
            with_passphrase(&softcard, &mut terminal, |old, terminal| {
                session.load_softcard(&softcard, old)?;
                let new = new_passphrase(terminal)?;
                session.change_softcard(&softcard, old, new.as_deref())
            })?;
            "Pass phrase changed."
        } else if options.recover {
            options.recover(&session, &softcard, &mut terminal)?;
            "Pass phrase replaced."
        } else {
            session.delete_softcard(&softcard)?;
            "Softcard deleted."
        };
        cli::print(&format!("{done}\n"))
    })
}

impl Options {
    fn create(
        &self,
        session: &Session,
        name: &str,
        terminal: &mut Terminal,
    ) -> Result<(), Failure> {
        let taken = session
            .softcards()?
            .records
            .iter()
            .any(|card| card.name == name);
        if taken && !self.force {
            return Err(Failure::Operation(format!(
                "there is a softcard `{name}' already; --force makes another one"
            )));
        }
        let passphrase = new_passphrase(terminal)?;
        let softcard = session
            .create_softcard(self.module, name, passphrase.as_deref(), self.recoverable)
            .map_err(|error| match error {
                Error::Parameters(text) => Failure::CommandLine(text),
                error => error.into(),
            })?;
        cli::print(&format!(
            "New softcard created: HKLTU {}\n",
            hex(&softcard.hkltu)
        ))
    }

    fn recover(
        &self,
        session: &Session,
        softcard: &SoftcardRecord,
        terminal: &mut Terminal,
    ) -> Result<(), Failure> {
        let client = session.client()?;
        let folder = session.folder();
        let files = &self.admin_cards;
        let source = card_files::administrators("ppmk", &client, folder, self.module, files)?;
        let new = new_passphrase(terminal)?;
        Ok(session.recover_softcard(softcard, new.as_deref(), self.module, &source, terminal)?)
    }
}

/// Asks for the pass phrase of a softcard, if it has one, as often as the person at the terminal likes.
pub(crate) fn with_passphrase<T>(
    softcard: &SoftcardRecord,
    terminal: &mut Terminal,
    mut action: impl FnMut(Option<&str>, &mut Terminal) -> Result<T, Error>,
) -> Result<T, Error> {
    loop {
        let passphrase = match softcard.passphrase {
            true => terminal.old_passphrase(&format!(
                "Enter pass phrase for softcard `{}': ",
                softcard.name
            ))?,
            false => None,
        };
        match action(passphrase.as_deref(), terminal) {
            Err(error @ Error::WrongPassphrase { .. }) if terminal.again(&error) => {}
            result => return result,
        }
    }
}

fn new_passphrase(terminal: &mut Terminal) -> Result<Option<String>, Error> {
    terminal.new_passphrase("Enter new pass phrase: ", "Enter new pass phrase again: ")
}
