//! `nvram-sw`: lists the NVRAM areas of a module and deletes them (UTILITIES section 10).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use nfkm::kmdata::Listed;
use nfkm::{Environment, Session, StoredArea, World};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::terminal::Terminal;

/// List the areas in a module's NVRAM, or delete one with the administrator cards.
///
/// An area with the counter or the blob of a key of this host is not deleted: delete the key first.
#[derive(Debug, Parser)]
#[command(name = "nvram-sw", group = ArgGroup::new("action").args(["list", "delete", "alloc", "read", "write"]))]
struct Options {
    /// List the areas (the default)
    #[arg(short, long)]
    list: bool,
    /// Delete the area that --name names
    #[arg(short, long, requires = "name")]
    delete: bool,
    // What the vendor's tool does besides: known, to say so.
    #[arg(short, long, hide = true)]
    alloc: bool,
    #[arg(long, hide = true)]
    read: bool,
    #[arg(long, hide = true)]
    write: bool,
    /// The module
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// The name of an area, as the list has it
    #[arg(short, long, value_name = "NAME", requires = "delete")]
    name: Option<String>,
    /// An administrator card file, put into a soft token slot of the module; once for each card. Without it the cards are in
    /// the module's reader; an emulated module with an empty reader uses files in the folder `cards` beside `local`
    #[arg(long = "admin-card", value_name = "FILE", requires = "delete")]
    admin_cards: Vec<PathBuf>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let vendors = [
            (options.alloc, "--alloc"),
            (options.read, "--read"),
            (options.write, "--write"),
        ];
        if let Some((_, name)) = vendors.into_iter().find(|(given, _)| *given) {
            return Err(Failure::CommandLine(format!(
                "{name} is known to the vendor's nvram-sw, and not emulated"
            )));
        }
        let environment = Environment::from_process();
        World::required(&environment.folder()?)?;
        let session = Session::open(&environment)?;
        let areas = session.nvram_areas(options.module)?;
        match &options.name {
            Some(name) => options.delete(&session, &areas, name),
            None => {
                for fault in &areas.faults {
                    cli::complain("nvram-sw", fault);
                }
                cli::print(&list(options.module, &areas.records))
            }
        }
    })
}

impl Options {
    fn delete(
        &self,
        session: &Session,
        areas: &Listed<StoredArea>,
        name: &str,
    ) -> Result<(), Failure> {
        let Some(area) = areas.records.iter().find(|area| area.name() == name) else {
            return Err(Failure::Operation(format!(
                "module #{} has no NVRAM area `{name}'",
                self.module
            )));
        };
        if let Some(key) = &area.key {
            return Err(Failure::Operation(format!(
                "the NVRAM area `{name}' belongs to key {key}, which is of no use without it"
            )));
        }
        if let Some(fault) = areas.faults.first() {
            return Err(Failure::Operation(format!(
                "whose the NVRAM area `{name}' is cannot be told: {fault}"
            )));
        }
        let source = card_files::administrators(
            "nvram-sw",
            &*session.client()?,
            session.folder(),
            self.module,
            &self.admin_cards,
        )?;
        session
            .open_nvram(self.module, &source, &mut Terminal::default())?
            .free(area)?;
        cli::print(&format!(
            "Module {}: NVRAM area `{name}' deleted\n",
            self.module
        ))
    }
}

/// The areas in columns of our own.
fn list(module: u32, areas: &[StoredArea]) -> String {
    let mut report = format!("Module {module}: {} NVRAM areas\n", areas.len());
    for area in areas {
        let key = match &area.key {
            Some(key) => format!("key {key}"),
            None => "no key of this host".to_owned(),
        };
        report.push_str(&format!(
            " {:11}  {:5} bytes  {key}\n",
            area.name(),
            area.length
        ));
    }
    report
}
