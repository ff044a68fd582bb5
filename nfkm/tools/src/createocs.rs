//! `createocs`: makes an operator card set, or erases operator cards (UTILITIES section 5.1).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use nfkm::cards::{CardContent, CardSource};
use nfkm::kmdata::CardSetRecord;
use nfkm::{Environment, NewCardSet, Session, World, hex};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::terminal::{Terminal, say};
use crate::values;

/// Create an operator card set, or erase operator cards.
#[derive(Debug, Parser)]
#[command(name = "createocs")]
struct Options {
    /// The module with the reader
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// Cards needed and made; without it, it is asked for
    #[arg(short = 'Q', long, value_name = "K/N")]
    ocs_quorum: Option<String>,
    /// The name of the card set
    #[arg(short = 'N', long, value_name = "NAME", default_value = "")]
    name: String,
    /// Ask for a name for each card
    #[arg(short = 'M', long)]
    name_cards: bool,
    /// Keys stay loaded when the card is removed
    #[arg(short, long)]
    persist: bool,
    /// Keys are unloaded when the card is removed (the default)
    #[arg(short = 'P', long, conflicts_with = "persist")]
    no_persist: bool,
    /// How long keys stay loaded: seconds, or with m, h or d; 0 is for ever
    #[arg(short = 'T', long, value_name = "TIME", value_parser = values::seconds, default_value = "0")]
    timeout: u32,
    /// The cards may be read in readers on other machines
    #[arg(short = 'q', long)]
    remotely_readable: bool,
    /// Forgotten pass phrases cannot be replaced (the default)
    #[arg(short = 'R', long)]
    no_pp_recovery: bool,
    /// Forgotten pass phrases can be replaced with the administrator cards
    #[arg(long, conflicts_with = "no_pp_recovery")]
    pp_recovery: bool,
    /// Erase operator cards of this world
    #[arg(short, long, conflicts_with_all = ["ocs_quorum", "name", "name_cards", "persist", "no_persist", "timeout",
        "remotely_readable", "no_pp_recovery", "pp_recovery"])]
    erase: bool,
    /// A card file, put into a soft token slot of the module; once for each card. Without it the cards are in the module's
    /// reader; an emulated module with an empty reader makes files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// The same for an administrator card, which authorises this in a world of FIPS 140 level 3
    #[arg(long = "admin-card", value_name = "FILE", conflicts_with = "erase")]
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
        if options.erase {
            return options.erase(&Session::open(&environment)?);
        }
        let world = World::required(&environment.folder()?)?;
        let mut terminal = Terminal {
            passphrase_min: world.record.passphrase_min,
        };
        // Whatever is wrong with the command line is found before the module is asked.
        let request = options.request(&mut terminal)?;
        request
            .check(&world)
            .map_err(|error| Failure::CommandLine(error.to_string()))?;
        let session = Session::open(&environment)?;
        let is_namesake = |set: &CardSetRecord| !set.name.is_empty() && set.name == request.name;
        if session.card_sets()?.records.iter().any(is_namesake) {
            let text = format!(
                "warning: there is a card set `{}' already, and each will have to be named by its hash",
                request.name
            );
            cli::complain("createocs", &text);
        }
        let modules = [options.module];
        card_files::authorise("createocs", &session, &modules, &options.admin_cards)?;
        let source = options.source(&session, |folder| {
            card_files::new_operators(folder, request.cards)
        })?;
        say("\nCreating Cardset:\n");
        let set = session.create_card_set(options.module, &request, &source, &mut terminal)?;
        cli::print(&format!("\ncardset created; hkltu = {}\n", hex(&set.hkltu)))
    })
}

impl Options {
    fn request(&self, terminal: &mut Terminal) -> Result<NewCardSet, Failure> {
        let quorum = match &self.ocs_quorum {
            Some(quorum) => quorum.clone(),
            None => {
                let question = "Operator cards needed / made (K/N) [1/1] > ";
                terminal.answer(question, "--ocs-quorum=K/N gives it")?
            }
        };
        let (needed, cards) = values::quorum(&quorum)?;
        let mut request = NewCardSet {
            time_limit: self.timeout,
            persistent: self.persist,
            remote: self.remotely_readable,
            passphrase_recovery: self.pp_recovery,
            ..NewCardSet::new(&self.name, needed, cards)
        };
        request
            .check_quorum()
            .map_err(|error| Failure::CommandLine(error.to_string()))?;
        if self.name_cards {
            for number in 1..=cards {
                let question = format!("Name of card #{number} > ");
                let name = terminal.answer(&question, "--name-cards takes a line for each card")?;
                request.card_names.push(name);
            }
        }
        Ok(request)
    }

    fn source(
        &self,
        session: &Session,
        pick: impl FnOnce(&Path) -> Vec<PathBuf>,
    ) -> Result<CardSource, Failure> {
        let client = session.client()?;
        let modules = [self.module];
        let choice = card_files::choose(
            "createocs",
            "operator cards",
            &client,
            session.folder(),
            &modules,
            &self.cards,
        )?;
        Ok(choice.source(pick))
    }

    /// Erases the operator cards of this world; a card of any other kind is left as it is, and makes it a failure.
    fn erase(&self, session: &Session) -> Result<(), Failure> {
        // Cards that nobody named and nobody put in are not erased.
        let source = match self.cards.is_empty() {
            true => CardSource::Readers,
            false => CardSource::Files(self.cards.clone()),
        };
        say("\nExamining/erasing card(s):\n");
        let mut other = None;
        let mut erased = 0;
        session.each_card(self.module, &source, &mut |card| {
            let place = card.place();
            say(&format!(" {place}: {}\n", card.content()));
            match card.content() {
                CardContent::Operator { .. } => {
                    say(&format!(" {place}:- confirmed - erasing card\n"));
                    card.erase()?;
                    erased += 1;
                    say(" Card erased\n");
                }
                content => other = Some(format!("{place}: not an operator card: {content}")),
            }
            Ok(())
        })?;
        match other {
            Some(reason) => Err(Failure::Operation(reason)),
            None if erased == 0 => Err(Failure::Operation(format!(
                "module #{} has no card in a reader, and --card names no card file",
                self.module
            ))),
            None => cli::print("Card erasure complete.\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let arguments = std::iter::once("createocs").chain(arguments.iter().copied());
        Options::from_arg_matches(&cli::command::<Options>().try_get_matches_from(arguments)?)
    }

    fn request(arguments: &[&str]) -> Result<NewCardSet, Failure> {
        parse(arguments).unwrap().request(&mut Terminal::default())
    }

    #[test]
    fn a_card_set_is_read_from_all_forms_of_options() {
        let expected = NewCardSet {
            time_limit: 7_200,
            persistent: true,
            remote: true,
            passphrase_recovery: true,
            ..NewCardSet::new("ops", 2, 3)
        };
        let arguments = ["-m2", "-Q2/3", "-N", "ops", "-pqT2h", "--pp-recovery"];
        assert_eq!(request(&arguments).unwrap(), expected);
        let arguments = [
            "--module=2",
            "--ocs-quorum=2/3",
            "--name=ops",
            "--persist",
            "--remotely-readable",
            "--timeout",
            "120m",
            "--pp-rec",
        ];
        assert_eq!(request(&arguments).unwrap(), expected);
        let plain = request(&["-Q1/1", "-P", "-R", "--timeout", "0"]).unwrap();
        assert_eq!(plain, NewCardSet::new("", 1, 1));
    }

    #[test]
    fn mistakes_are_found_before_a_module_is_asked() {
        for quorum in ["2/1", "0/1", "1/65", "x"] {
            let refused = request(&["-Q", quorum]);
            assert!(matches!(refused, Err(Failure::CommandLine(_))), "{quorum}");
        }
        for arguments in [
            &["-p", "-P"][..],
            &["-R", "--pp-recovery"],
            &["-e", "-Q1/1"],
            &["--timeout", "x"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
