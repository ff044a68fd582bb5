//! `cspcheck`: whether CSP container files are whole and the key files they refer to exist (CAPI guide, section 5).

use std::collections::HashSet;
use std::process::ExitCode;

use clap::Parser;
use csp::admin::{self, Containers, KeySpec, Record, Scope, Slot};
use csp::identity::Identity;
use csp::sid::Sid;
use ncore::types::KeyType;
use nfkm::{Environment, Error};
use nfkm_tools::cli::{self, Failure};
use nfkm_tools::progress;
use serde::Serialize;

use crate::names;

/// Check that CSP container files are intact, and that the key files they refer to exist. Run nfkmcheck first, which
/// checks the files of the Security World itself.
#[derive(Debug, Parser)]
#[command(name = "cspcheck")]
struct Options {
    /// The machine's containers alone.
    #[arg(short, long)]
    machine: bool,
    /// The containers of the user with this SID alone.
    #[arg(short = 'U', long, value_name = "SID", conflicts_with = "machine", value_parser = names::sid)]
    user: Option<Sid>,
    /// Name the keys of each container too.
    #[arg(short = 'V', long, conflicts_with = "json")]
    verbose: bool,
    /// Answer in JSON.
    #[arg(short, long)]
    json: bool,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let containers = Containers::open(&Environment::from_process(), Identity::from_process()?)?;
        let checked = check(&containers, options.scope().as_ref())?;
        let problems: usize = checked.iter().map(|file| file.problems.len()).sum();
        match options.json {
            true => cli::print_json(&checked)?,
            false => cli::print(&report(&checked, problems, options.verbose))?,
        }
        match problems {
            0 => Ok(()),
            // Each was reported.
            _ => Err(Failure::Reported),
        }
    })
}

impl Options {
    /// Whose containers are checked; None for everybody's.
    fn scope(&self) -> Option<Scope> {
        match self.machine {
            true => Some(Scope::Machine),
            false => self.user.as_ref().map(|sid| Scope::User(sid.to_string())),
        }
    }
}

/// A file, and what is wrong with it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The file: a container's ident, or `key mscapi` and the key's.
    pub file: String,
    /// The keys of a container, and what they are to it.
    pub keys: Vec<String>,
    /// What is wrong, one sentence each; none for a file that is as it should be.
    pub problems: Vec<String>,
}

/// Looks at every container and every key made for one, or with a scope at the containers of it and their keys. Nothing is
/// changed. Whose a damaged container is cannot be told, so each is named.
///
/// # Errors
/// [`Error::File`] when the folder cannot be listed.
pub fn check(containers: &Containers, scope: Option<&Scope>) -> Result<Vec<Checked>, Error> {
    let mut checked = Vec::new();
    // A key that a container refers to is reported with the container.
    let mut referred = HashSet::new();
    let idents = containers.idents()?;
    let bar = progress::bar(idents.len(), "containers");
    for ident in bar.wrap_iter(idents.into_iter()) {
        let (keys, problems) = match containers.read(&ident) {
            Err(error) => (Vec::new(), vec![error.to_string()]),
            Ok(record) if scope.is_some_and(|scope| *scope != record.scope) => continue,
            Ok(record) => {
                let slots = record.slots.iter().flatten();
                referred.extend(slots.map(|slot| slot.ident.clone()));
                let problems = problems_of(containers, &ident, &record);
                (keys_of(&record), problems)
            }
        };
        checked.push(Checked {
            file: ident,
            keys,
            problems,
        });
    }
    bar.finish_and_clear();
    if scope.is_some() {
        return Ok(checked);
    }
    for ident in containers.key_idents()? {
        if let Err(error) = containers.key("mscapi", &ident)
            && !referred.contains(&ident)
        {
            checked.push(Checked {
                file: format!("key mscapi {ident}"),
                keys: Vec::new(),
                problems: vec![error.to_string()],
            });
        }
    }
    Ok(checked)
}

/// The places of a container for keys, and what is in each is called.
const PLACES: [(KeySpec, &str); 2] = [
    (KeySpec::Exchange, "exchange key"),
    (KeySpec::Signature, "signature key"),
];

fn keys_of(record: &Record) -> Vec<String> {
    let key = |(spec, called): (KeySpec, &str)| {
        let Slot { appname, ident, .. } = record.slots[spec as usize].as_ref()?;
        Some(format!("{called} {appname} {ident}"))
    };
    PLACES.into_iter().filter_map(key).collect()
}

fn problems_of(containers: &Containers, ident: &str, record: &Record) -> Vec<String> {
    let mut problems = Vec::new();
    if record.ident() != ident {
        problems.push(format!(
            "is the container `{}', whose place is {}",
            record.name,
            record.ident()
        ));
    }
    let prov_type = record.prov_type();
    if prov_type.is_none() {
        problems.push(format!("has an unknown provider `{}'", record.provider));
    }
    for (spec, called) in PLACES {
        let Some(Slot { appname, ident, .. }) = &record.slots[spec as usize] else {
            continue;
        };
        match containers.key(appname, ident) {
            Err(Error::NotFound { .. }) => {
                problems.push(format!("missing key {appname} {ident}, its {called}"));
            }
            Err(error) => problems.push(format!("its {called}: {error}")),
            Ok(key) => {
                if let Some(prov_type) = prov_type
                    && !admin::suits(prov_type, spec, key.key_type)
                {
                    problems.push(format!(
                        "key {appname} {ident} is of type {}, which is no {called} of `{}'",
                        KeyType(key.key_type),
                        record.provider
                    ));
                }
            }
        }
    }
    problems
}

fn report(checked: &[Checked], problems: usize, verbose: bool) -> String {
    let mut text = String::new();
    for Checked {
        file,
        keys,
        problems,
    } in checked
    {
        if problems.is_empty() {
            text.push_str(&format!("{file}: ok\n"));
        }
        for problem in problems {
            text.push_str(&format!("{file}: {problem}\n"));
        }
        for key in keys.iter().filter(|_| verbose) {
            text.push_str(&format!("  {key}\n"));
        }
    }
    match problems {
        0 => text.push_str("cspcheck: all containers are OK\n"),
        _ => text.push_str(&format!("cspcheck: {problems} problem(s) found\n")),
    }
    text
}
