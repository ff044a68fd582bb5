//! `cspnvfix`: makes the counter of a key again, which was erased with the module's other NVRAM areas (CAPI guide,
//! sections 5 and 9).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use csp::admin::{Containers, KeySpec};
use csp::identity::Identity;
use nfkm::{Area, EntryName, Environment, Session, World};
use nfkm_tools::card_files;
use nfkm_tools::cli::{self, Failure};
use nfkm_tools::terminal::Terminal;

use crate::names::Whose;

/// Regenerate the erased NVRAM key counter area of a CSP key. The new counter begins at zero. It needs the Administrator
/// Cards for NVRAM.
#[derive(Debug, Parser)]
#[command(name = "cspnvfix")]
struct Options {
    /// The exchange key of the container.
    #[arg(short = 'x', long, conflicts_with = "signature")]
    exchange: bool,
    /// The signature key of the container.
    #[arg(short, long)]
    signature: bool,
    /// The module that gets the counter.
    #[arg(long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// An administrator card file, put into a soft token slot of the module; once for each card. Without it the cards are
    /// in the module's readers; an emulated module with empty readers uses files in the folder `cards` beside `local`.
    #[arg(long = "admin-card", value_name = "FILE")]
    admin_cards: Vec<PathBuf>,
    /// With -x or -s a container, by its name or ident; else a key, by its ident.
    #[arg(value_name = "CONTAINER|IDENT")]
    name: Option<String>,
    #[command(flatten)]
    whose: Whose,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let Some(name) = &options.name else {
            let text = "neither a container nor a key is named".to_owned();
            return Err(Failure::CommandLine(text));
        };
        let environment = Environment::from_process();
        let key = options.key(&environment, name)?;
        let session = Session::open(&environment)?;
        // The cards are not asked for in vain: whatever is wrong with the key is known without them.
        let reason = match session.nvram_state(&key)?.and_then(|state| state.counter) {
            None => Some(format!("key {key} has no counter")),
            Some(Area::Present(_)) => Some(format!("the counter of key {key} is not erased")),
            Some(Area::Erased | Area::Unreachable) => None,
        };
        if let Some(reason) = reason {
            return Err(Failure::Operation(reason));
        }
        let source = card_files::administrators(
            "cspnvfix",
            &*session.client()?,
            session.folder(),
            options.module,
            &options.admin_cards,
        )?;
        let mut terminal = Terminal {
            passphrase_min: World::required(session.folder())?.record.passphrase_min,
        };
        session
            .open_nvram(options.module, &source, &mut terminal)?
            .recreate_counter(&key)?;
        cli::print(&format!(
            "counter for key {} recreated on module {}\n",
            key.ident(),
            options.module
        ))
    })
}

impl Options {
    fn key(&self, environment: &Environment, name: &str) -> Result<EntryName, Failure> {
        let spec = match (self.exchange, self.signature) {
            (true, _) => KeySpec::Exchange,
            (_, true) => KeySpec::Signature,
            // Keys that the CSP makes.
            _ => return Ok(EntryName::new("mscapi", name)?),
        };
        let containers = Containers::open(environment, Identity::from_process()?)?;
        let (_, record) = containers.find(&self.whose.wanted(containers.user(), name))?;
        match &record.slots[spec as usize] {
            Some(slot) => Ok(EntryName::new(&slot.appname, &slot.ident)?),
            None => Err(Failure::Operation(format!(
                "container `{}' has no such key",
                record.name
            ))),
        }
    }
}
