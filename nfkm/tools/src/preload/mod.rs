//! `preload`: loads card sets, softcards and keys once, for other programs to use (UTILITIES section 8).

mod keys;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use clap::Parser;
use ncore::types::{AdminKey, NoOpArgs};
use nfkm::cards::{CardContent, Known};
use nfkm::kmdata::CardSetRecord;
use nfkm::{Environment, Error, LoadedToken, Preload, Session, World, hex};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::ppmk;
use crate::slots;
use crate::terminal::{Terminal, say};

/// Load card sets, softcards and keys, and let other programs use them.
///
/// Programs find them by NFAST_NFKM_TOKENSFILE, which a program that is run here is given. What is loaded lasts while at least
/// one preload that uses the file goes on. With a card set or softcard its key pairs are loaded; in a world of FIPS 140 level 3
/// also what authorises the making of keys, on each module that has a card of the world in a slot.
#[derive(Debug, Parser)]
#[command(
    name = "preload",
    after_help = "\
Exit codes:
0                    Success.
1                    The operation failed.
2                    The command line makes no sense.
other                That of the program, if one is run."
)]
struct Options {
    /// A card set, by name or hash
    #[arg(short, long = "cardset", value_name = "NAME|HASH")]
    cardsets: Vec<String>,
    /// The card set of an operator card in a reader, whichever is there
    #[arg(short = 'o', long, conflicts_with_all = ["cardsets", "cards"])]
    any_one: bool,
    /// A softcard, by name or hash
    #[arg(short, long = "softcard", value_name = "NAME|HASH")]
    softcards: Vec<String>,
    /// Ask for further card sets, until none is named
    #[arg(short, long, conflicts_with = "cards")]
    interactive: bool,
    #[command(flatten)]
    keys: keys::Choice,
    /// Fail where a world of FIPS 140 level 3 asks for a card and no module has one
    #[arg(short = 'F', long)]
    require_fips: bool,
    /// List the names of the world's administrator keys, and load nothing
    #[arg(long, exclusive = true)]
    list_admin: bool,
    /// A module that card sets are loaded on; several times, or with commas, for several
    #[arg(
        short,
        long = "module",
        value_name = "MODULE",
        value_delimiter = ',',
        default_value = "1"
    )]
    modules: Vec<u32>,
    /// The file that says what is loaded, instead of NFAST_NFKM_TOKENSFILE
    #[arg(short = 'f', long, value_name = "FILE")]
    preload_file: Option<PathBuf>,
    /// An operator card file, put into a soft token slot of the module; once for each card. Without it the cards are in the
    /// modules' readers; emulated modules with empty readers use files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// `pause` to wait until it is ended, `exit` to add to what another preload keeps loaded, or a program to run
    #[arg(
        value_name = "SUBCOMMAND",
        required_unless_present = "list_admin",
        trailing_var_arg = true
    )]
    command: Vec<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let mut environment = Environment::from_process();
        if options.list_admin {
            let world = World::required(&environment.folder()?)?;
            let roles = world.record.keys.iter().map(|key| AdminKey(key.role));
            return cli::print(&roles.map(|role| format!("{role}\n")).collect::<String>());
        }
        if let Some(file) = &options.preload_file {
            environment.tokens_file = Some(file.clone());
        }
        let file = environment.tokens_file.clone().ok_or_else(|| {
            Failure::CommandLine(
                "no file: give --preload-file, or set NFAST_NFKM_TOKENSFILE".to_owned(),
            )
        })?;
        World::required(&environment.folder()?)?;
        let session = Session::open(&environment)?;
        let joined = session.preload()?.cloned();
        let first = joined.is_none();
        if first && options.command == ["exit"] {
            return Err(Failure::Operation(
                "no other preload goes on, so nothing would stay loaded".to_owned(),
            ));
        }
        let mut preload = joined.unwrap_or(Preload {
            client: session.client()?.id(),
            ..Preload::default()
        });
        let tokens = options.load(&session)?;
        for token in &tokens {
            preload.add(token);
        }
        let keys = options.keys.load(&session, &tokens)?;
        for key in &keys {
            preload.add_key(key);
        }
        options.authorise(&session, &mut preload)?;
        preload.write(&file)?;
        let ended = options.run(&session, &preload, &file);
        match options.command == ["exit"] {
            // They stay loaded in the name of the preload that goes on.
            true => std::mem::forget((tokens, keys)),
            // With the last one the file says nothing that is true.
            false if first => drop(std::fs::remove_file(&file)),
            false => {}
        }
        ended
    })
}

impl Options {
    fn load(&self, session: &Session) -> Result<Vec<LoadedToken>, Failure> {
        let mut terminal = Terminal::default();
        let mut tokens = Vec::new();
        let mut sets = Vec::new();
        for name in &self.cardsets {
            sets.push(session.card_set(name)?);
        }
        if self.any_one {
            sets.push(self.set_in_reader(session)?);
        }
        for set in sets {
            tokens.push(self.load_set(session, &set, &mut terminal)?);
        }
        while self.interactive
            && let Some(name) = terminal.ask("Card set to load (none to go on) > ")?
            && !name.is_empty()
        {
            tokens.push(self.load_set(session, &session.card_set(&name)?, &mut terminal)?);
        }
        for name in &self.softcards {
            let softcard = session.softcard(name)?;
            tokens.push(ppmk::with_passphrase(
                &softcard,
                &mut terminal,
                |passphrase, _| session.load_softcard(&softcard, passphrase),
            )?);
        }
        Ok(tokens)
    }

    fn load_set(
        &self,
        session: &Session,
        set: &CardSetRecord,
        terminal: &mut Terminal,
    ) -> Result<LoadedToken, Failure> {
        let choice = card_files::choose(
            "preload",
            "operator cards",
            &*session.client()?,
            session.folder(),
            &self.modules,
            &self.cards,
        )?;
        let source = choice.source(card_files::operators);
        say(&format!("Loading `{}':\n", set.name));
        Ok(session.load_card_set(set, &self.modules, &source, terminal)?)
    }

    /// Keeps what authorises commands in a world of FIPS 140 level 3 loaded, on every module that has a card.
    fn authorise(&self, session: &Session, preload: &mut Preload) -> Result<(), Failure> {
        if !session.is_strict_fips()? {
            return Ok(());
        }
        let modules = session.world()?.modules;
        if self.require_fips {
            let numbers: Vec<u32> = modules.iter().map(|module| module.number).collect();
            card_files::authorise("preload", session, &numbers, &self.cards)?;
        } else {
            session.authorise_with(self.cards.clone());
        }
        let mut missing = None;
        for module in modules {
            // A pool has no slots: its members have.
            if !module.is_usable() || module.is_pool() {
                continue;
            }
            match session.preload_authorisation(module.number, preload) {
                Ok(_) => {}
                Err(error @ Error::NeedsFipsCard { .. }) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match missing {
            Some(error) if self.require_fips && preload.fips.is_empty() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The card set of the first operator card in a reader of the modules.
    fn set_in_reader(&self, session: &Session) -> Result<CardSetRecord, Failure> {
        let world = World::required(session.folder())?;
        let sets = session.card_sets()?;
        let known = Known::new(Some(&world), sets.records);
        let client = session.client()?;
        let present = session.world()?.modules;
        for &number in &self.modules {
            let module = present.iter().find(|module| module.number == number);
            let module = module.ok_or(Error::NoSuchModule { module: number })?;
            if module.is_pool() {
                return Err(Error::IsPool { module: number }.into());
            }
            if let Some(why) = module.why_not_usable() {
                return Err(Failure::Operation(why));
            }
        }
        for &module in &self.modules {
            for slot in slots::look(&client, module)? {
                if let CardContent::Operator { set, .. } = slot.card(&known) {
                    return Ok(*set);
                }
            }
        }
        // The card may be one of a set whose file is damaged.
        let _ = cli::complain_of_faults("preload", &sets.faults);
        Err(Failure::Operation(
            "no operator card of this world is in a reader".to_owned(),
        ))
    }

    /// Does what the subcommand says, while everything is loaded.
    fn run(&self, session: &Session, preload: &Preload, file: &Path) -> Result<(), Failure> {
        match &self.command[..] {
            [word] if word == "exit" => Ok(()),
            [word] if word == "pause" => pause(session),
            [program, arguments @ ..] => {
                let status = Command::new(program)
                    .args(arguments)
                    .env("NFAST_NFKM_TOKENSFILE", file)
                    .env("NFAST_NFKM_TOKENSSELECT", hex(&preload.client))
                    .status()
                    .map_err(|error| Failure::Operation(format!("{program}: {error}")))?;
                match status.code() {
                    Some(0) => Ok(()),
                    // A code that does not fit is a failure all the same.
                    Some(code) => Err(Failure::Program(u8::try_from(code).unwrap_or(1))),
                    None => Err(Failure::Operation(format!("{program}: {status}"))),
                }
            }
            [] => Ok(()),
        }
    }
}

/// Waits for ever, or until the hardserver is gone and everything loaded with it.
fn pause(session: &Session) -> Result<(), Failure> {
    cli::print("Everything is loaded; end this program to unload it.\n")?;
    let client = session.client()?;
    loop {
        thread::sleep(LOOK_EVERY);
        match client.transact(NoOpArgs { module: 0 }) {
            Ok(_) | Err(Error::Status { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
