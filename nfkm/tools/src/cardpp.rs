//! `cardpp`: the pass phrases of cards: whether there is one, whether it is this one, and changing it (UTILITIES section
//! 5.2). The lines it prints are this software's; the vendor's are unknown.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Parser};
use nfkm::cards::{CardContent, CardSource, Operator};
use nfkm::{Environment, Error, Hash, PresentCard, RecoveredPassphrase, Session, World};
use serde_json::{Value as Json, json};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::terminal::Terminal;

/// Examine, check, change or recover the pass phrases of cards.
#[derive(Debug, Parser)]
#[command(
    name = "cardpp",
    group = ArgGroup::new("action").args(["examine", "check", "change", "recover"])
)]
struct Options {
    /// The module with the cards
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// Show what the cards are and whether they have a pass phrase
    #[arg(long)]
    examine: bool,
    /// Ask for the pass phrase of each card and say whether it is right
    #[arg(long)]
    check: bool,
    /// Ask for the pass phrase of each card and a new one; an empty one is none
    #[arg(long)]
    change: bool,
    /// Give an operator card a new pass phrase with the administrator cards
    #[arg(long)]
    recover: bool,
    /// Show it in JSON
    #[arg(short, long, conflicts_with_all = ["check", "change", "recover"])]
    json: bool,
    /// A card file, put into a soft token slot of the module; once for each card. Without it the cards are in the module's
    /// readers; an emulated module with empty readers uses files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// The same for administrator cards that authorise a recovery
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
        // The standard options work without an action, so it is the utility that asks for one.
        if !(options.examine || options.check || options.change || options.recover) {
            return Err(Failure::CommandLine(
                "one of --examine, --check, --change and --recover is needed".to_owned(),
            ));
        }
        if !options.recover && !options.admin_cards.is_empty() {
            return Err(Failure::CommandLine(
                "--admin-card is for --recover only".to_owned(),
            ));
        }
        let environment = Environment::from_process();
        let world = World::required(&environment.folder()?)?;
        let mut terminal = Terminal {
            passphrase_min: world.record.passphrase_min,
        };
        let session = Session::open(&environment)?;
        let client = session.client()?;
        let choose = |cards, files: &[PathBuf]| {
            card_files::choose(
                "cardpp",
                cards,
                &client,
                session.folder(),
                &[options.module],
                files,
            )
        };
        let source = choose("cards", &options.cards)?
            .source(|folder| [card_files::operators(folder), card_files::admins(folder)].concat());
        if options.recover {
            let admin =
                choose("administrator cards", &options.admin_cards)?.source(card_files::admins);
            return recover(&session, options.module, &source, &admin, &mut terminal);
        }
        let mut cards = 0;
        let mut shown = Vec::new();
        session.each_card(options.module, &source, &mut |card| {
            cards += 1;
            let place = card.place();
            if options.json {
                shown.push(json(card.content(), card.has_passphrase(), &place));
                return Ok(());
            }
            let done = match (options.examine, options.check) {
                (true, _) => description(card.content(), card.has_passphrase()),
                (_, true) => check(card, &place, &mut terminal)?,
                _ => change(card, &place, &mut terminal)?,
            };
            // A reader that has gone away is no failure of the utility.
            let _ = cli::print(&format!(" {place}: {done}\n"));
            Ok(())
        })?;
        if cards == 0 {
            return Err(no_card(options.module));
        }
        if options.json {
            cli::print_json(&shown)?;
        }
        // A card that is shown as unknown may be one of a set whose file is damaged.
        match options.examine {
            true => cli::complain_of_faults("cardpp", &session.card_sets()?.faults),
            false => Ok(()),
        }
    })
}

/// What a card is, in a line.
fn description(content: &CardContent, passphrase: bool) -> String {
    match content {
        CardContent::Admin { .. } | CardContent::Operator { .. } => {
            let has = if passphrase {
                "passphrase set"
            } else {
                "no passphrase"
            };
            format!("{content}: {has}")
        }
        content => content.to_string(),
    }
}

/// The same for programs. Whether there is a pass phrase is known of this world's cards alone.
fn json(content: &CardContent, passphrase: bool, place: &str) -> Json {
    let is_known = matches!(
        content,
        CardContent::Admin { .. } | CardContent::Operator { .. }
    );
    json!({
        "place": place,
        "card": content.to_string(),
        "passphrase": is_known.then_some(passphrase),
    })
}

fn check(
    card: &mut PresentCard<'_>,
    place: &str,
    terminal: &mut Terminal,
) -> Result<String, Error> {
    with_passphrase(card, place, terminal, |card, passphrase, _| {
        card.check_passphrase(passphrase)
    })?;
    let content = card.content();
    Ok(match card.has_passphrase() {
        true => format!("{content}: passphrase is correct"),
        false => format!("{content}: no passphrase"),
    })
}

fn change(
    card: &mut PresentCard<'_>,
    place: &str,
    terminal: &mut Terminal,
) -> Result<String, Error> {
    with_passphrase(card, place, terminal, |card, old, terminal| {
        // The old one is known to be right before a new one is thought of.
        card.check_passphrase(old)?;
        let new = new_passphrase(card, place, terminal)?;
        card.change_passphrase(old, new.as_deref())
    })?;
    Ok(format!("{}: passphrase changed", card.content()))
}

/// Asks for the pass phrase of a card, if it has one, as often as the person at the terminal likes.
fn with_passphrase(
    card: &mut PresentCard<'_>,
    place: &str,
    terminal: &mut Terminal,
    mut action: impl FnMut(&mut PresentCard<'_>, Option<&str>, &mut Terminal) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        let passphrase = match card.has_passphrase() {
            true => terminal.old_passphrase(&format!(
                "{place}: Enter pass phrase for {}: ",
                card.content()
            ))?,
            false => None,
        };
        match action(card, passphrase.as_deref(), terminal) {
            Err(error @ Error::WrongPassphrase { .. }) if terminal.again(&error) => {}
            result => return result,
        }
    }
}

fn new_passphrase(
    card: &PresentCard<'_>,
    place: &str,
    terminal: &mut Terminal,
) -> Result<Option<String>, Error> {
    terminal.new_passphrase(
        &format!("{place}: Enter new pass phrase for {}: ", card.content()),
        &format!("{place}: Enter it again: "),
    )
}

/// The administrator cards may have to go through the reader of the very card that is meant: it is looked at first, and
/// waited for again at the end.
fn recover(
    session: &Session,
    module: u32,
    source: &CardSource,
    admin: &CardSource,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let mut meant = None;
    session.each_card(module, source, &mut |card| {
        meant = meant.or(identity(card.content()));
        Ok(())
    })?;
    let (hkltu, number) = meant.ok_or_else(|| no_card(module))?;
    let recovered = session.recovered_passphrase(&hkltu, number, module, admin, terminal)?;
    let began = Instant::now();
    loop {
        if let Some(done) = replace(
            session,
            module,
            source,
            (hkltu, number),
            &recovered,
            terminal,
        )? {
            return cli::print(&done);
        }
        terminal.other_card(module, began.elapsed())?;
        thread::sleep(LOOK_EVERY);
    }
}

/// Gives the card a new pass phrase if it is there.
fn replace(
    session: &Session,
    module: u32,
    source: &CardSource,
    meant: (Hash, u32),
    recovered: &RecoveredPassphrase,
    terminal: &mut Terminal,
) -> Result<Option<String>, Failure> {
    let mut done = None;
    session.each_card(module, source, &mut |card| {
        if identity(card.content()) == Some(meant) && done.is_none() {
            let place = card.place();
            let new = new_passphrase(card, &place, terminal)?;
            card.replace_passphrase(recovered, new.as_deref())?;
            done = Some(format!(
                " {place}: {}: passphrase replaced\n",
                card.content()
            ));
        }
        Ok(())
    })?;
    Ok(done)
}

/// The set and number of an operator card.
fn identity(content: &CardContent) -> Option<(Hash, u32)> {
    match content {
        CardContent::Operator { number, set, .. } => Some((set.hkltu, *number)),
        _ => None,
    }
}

fn no_card(module: u32) -> Failure {
    Failure::Operation(format!("module #{module} has no such card in a reader"))
}

/// How often a reader is looked at while a card is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn the_actions_exclude_each_other() {
        let parse = |arguments: &[&str]| {
            let arguments = std::iter::once("cardpp").chain(arguments.iter().copied());
            let matches = cli::command::<Options>().try_get_matches_from(arguments)?;
            Options::from_arg_matches(&matches)
        };
        for arguments in [
            &["--examine"][..],
            &["--check", "-m2"],
            &["--change", "--card", "x"],
            &["--recover", "--admin-card", "x"],
        ] {
            assert!(parse(arguments).is_ok(), "{arguments:?}");
        }
        assert!(parse(&["--check", "--change"]).is_err());
    }

    #[test]
    fn cards_are_described_with_their_pass_phrase() {
        let admin = CardContent::Admin {
            number: 3,
            shares: Vec::new(),
        };
        assert_eq!(description(&admin, true), "Admin Card #3: passphrase set");
        assert_eq!(description(&admin, false), "Admin Card #3: no passphrase");
        assert_eq!(description(&CardContent::Foreign, false), "foreign card");
    }
}
