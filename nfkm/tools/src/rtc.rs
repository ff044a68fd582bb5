//! `rtc`: shows and sets the clocks of modules (UTILITIES section 3.5).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Parser};
use nfkm::{Environment, Session, World};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::modules;
use crate::terminal::Terminal;
use crate::time;

/// Show the clock of a module, or set it to the time of this host with the administrator cards.
#[derive(Debug, Parser)]
#[command(name = "rtc", group = ArgGroup::new("action").args(["get_clock", "set_clock"]))]
struct Options {
    /// Show the clock (the default)
    #[arg(long)]
    get_clock: bool,
    /// Set the clock
    #[arg(long)]
    set_clock: bool,
    /// The module
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// An administrator card file, put into a soft token slot of the module; once for each card. Without it the cards are in
    /// the module's reader; an emulated module with an empty reader uses files in the folder `cards` beside `local`
    #[arg(long = "admin-card", value_name = "FILE", requires = "set_clock")]
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
        if options.set_clock {
            World::required(&environment.folder()?)?;
        }
        let session = Session::open(&environment)?;
        let module = modules::existing(&*session.client()?, options.module)?;
        if options.set_clock {
            options.set(&session)?;
        }
        let shown = match session.clock(module)? {
            Some(seconds) => format!("{} UTC", time::stamp(seconds)),
            None => "not set".to_owned(),
        };
        cli::print(&format!("Module {module}: clock {shown}\n"))
    })
}

impl Options {
    fn set(&self, session: &Session) -> Result<(), Failure> {
        let source = card_files::administrators(
            "rtc",
            &*session.client()?,
            session.folder(),
            self.module,
            &self.admin_cards,
        )?;
        let terminal = &mut Terminal::default();
        Ok(session.set_clock(self.module, host_time, &source, terminal)?)
    }
}

/// Seconds since 1970. A host whose clock is before that has none.
fn host_time() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
