//! `racs`: replaces the administrator card set (UTILITIES section 4.4).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nfkm::{Environment, Session, World, hex};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::terminal::{Terminal, say};

/// Replace the administrator card set of the Security World by another one of as many cards.
///
/// The old cards are read, the new ones are written, and the world file is replaced last: until then the old cards are
/// good, after that the new ones. Other hosts need the new world file. Modules are left as they are.
#[derive(Debug, Parser)]
#[command(name = "racs")]
struct Options {
    /// The module with the reader
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// A file for a new card, put into a soft token slot of the module; once for each card. Without it the cards are in the
    /// module's reader; an emulated module with an empty reader makes files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// A file of an old card; once for each card. Without it they are in the reader, or in the same folder
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
        let world = World::required(&environment.folder()?)?;
        let mut terminal = Terminal {
            passphrase_min: world.record.passphrase_min,
        };
        let session = Session::open(&environment)?;
        let old = options
            .choose(&session, "old administrator cards", &options.admin_cards)?
            .source(card_files::admins);
        let new = options
            .choose(&session, "new administrator cards", &options.cards)?
            .source(|folder| card_files::new_admins(folder, world.record.cards));
        say("\nReplacing the Administrator Card Set:\n");
        let world = session.replace_administrators(options.module, &old, &new, &mut terminal)?;
        cli::print(&format!(
            "\nadministrator card set replaced; hknso = {}\n",
            hex(&world.hknso)
        ))
    })
}

impl Options {
    fn choose(
        &self,
        session: &Session,
        cards: &str,
        named: &[PathBuf],
    ) -> Result<card_files::Choice, Failure> {
        card_files::choose(
            "racs",
            cards,
            &*session.client()?,
            session.folder(),
            &[self.module],
            named,
        )
    }
}
