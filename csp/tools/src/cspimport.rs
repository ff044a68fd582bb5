//! `cspimport`: puts keys into containers that exist (CAPI guide, sections 5, 7 and 10).
//!
//! One mode associates a container with any key of the Security World, the other copies the keys of one container to
//! another: of a user whom this machine does not know, for instance, or one into which `keytst` put a key in NVRAM.

use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use csp::admin::{self, Containers, Error, KeySpec, Record, Slot, Wanted};
use csp::identity::Identity;
use ncore::types::KeyType;
use nfkm::Environment;
use nfkm_tools::cli::{self, Failure};

use crate::names::{DEFAULT_TYPE, Whose};

/// Insert keys into CSP containers: any key of the Security World, or the keys of another container.
#[derive(Debug, Parser)]
#[command(
    name = "cspimport",
    group = ArgGroup::new("mode").args(["key", "from"])
)]
struct Options {
    /// The container that gets the keys, by its name or ident.
    #[arg(short, long, value_name = "CONTAINER")]
    destination: Option<String>,
    /// The key of the Security World that it gets, by application name and ident; with -x or -s.
    #[arg(short, long, value_name = "APPNAME,IDENT")]
    key: Option<String>,
    /// The container whose keys it gets, by its name or ident; both keys, or that of -x or -s.
    #[arg(short, long, value_name = "CONTAINER")]
    from: Option<String>,
    /// As the exchange key.
    #[arg(short = 'x', long)]
    exchange: bool,
    /// As the signature key.
    #[arg(short, long)]
    signature: bool,
    /// Make the destination if it does not exist.
    #[arg(short, long)]
    create: bool,
    /// Replace a key that the destination has already. Its file is left.
    #[arg(long)]
    force: bool,
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
        let (destination, mode) = options.mode().map_err(Failure::CommandLine)?;
        let containers = Containers::open(&Environment::from_process(), Identity::from_process()?)?;
        let slots = options.slots(&containers, mode)?;
        let wanted = options.whose.wanted(containers.user(), destination);
        let found = options.found(&containers, &wanted)?;
        let prov_type = match &found {
            Some((_, record)) => record.prov_type(),
            None => Some(wanted.prov_type.unwrap_or(DEFAULT_TYPE)),
        };
        for (spec, slot) in &slots {
            check_key(&containers, prov_type, *spec, slot)?;
        }
        let (ident, record) = match found {
            Some(found) => found,
            None => create(&containers, prov_type, &wanted)?,
        };
        let mut replaced = Vec::new();
        containers.change(&ident, |kept| -> Result<(), Failure> {
            for (spec, slot) in &slots {
                let place = &mut kept[*spec as usize];
                match place.replace(slot.clone()) {
                    Some(old) if same(&old, slot) => {}
                    Some(old) if options.force => replaced.push(old),
                    Some(old) => {
                        return Err(Failure::Operation(format!(
                            "container `{}' has the {} {} {} already; --force replaces it",
                            record.name,
                            called(*spec),
                            old.appname,
                            old.ident
                        )));
                    }
                    None => {}
                }
            }
            Ok(())
        })?;
        for old in replaced {
            let text = format!("key {} {} is left", old.appname, old.ident);
            cli::complain("cspimport", &text);
        }
        for (spec, slot) in &slots {
            cli::print(&format!(
                "Container `{}': {} is now {} {}\n",
                record.name,
                called(*spec),
                slot.appname,
                slot.ident
            ))?;
        }
        Ok(())
    })
}

/// Where the keys come from.
enum Mode<'a> {
    Key(KeySpec, &'a str, &'a str),
    Container(&'a str, &'a [KeySpec]),
}

impl Options {
    /// The destination and where its keys come from, or what the command line lacks.
    fn mode(&self) -> Result<(&str, Mode<'_>), String> {
        let destination = self
            .destination
            .as_deref()
            .ok_or("the container is not named; -d names it")?;
        let specs: &[KeySpec] = match (self.exchange, self.signature) {
            (true, false) => &[KeySpec::Exchange],
            (false, true) => &[KeySpec::Signature],
            _ => &[KeySpec::Exchange, KeySpec::Signature],
        };
        let mode = match (&self.key, &self.from) {
            (Some(key), _) => {
                let [spec] = specs else {
                    return Err("a key goes to one place: -x or -s".to_owned());
                };
                let (appname, ident) = key
                    .split_once(',')
                    .ok_or_else(|| format!("`{key}' is not APPNAME,IDENT"))?;
                Mode::Key(*spec, appname, ident)
            }
            (None, Some(container)) => Mode::Container(container, specs),
            (None, None) => return Err("one of --key and --from is needed".to_owned()),
        };
        Ok((destination, mode))
    }

    /// The keys that go into the destination.
    fn slots(
        &self,
        containers: &Containers,
        mode: Mode<'_>,
    ) -> Result<Vec<(KeySpec, Slot)>, Failure> {
        match mode {
            Mode::Key(spec, appname, ident) => {
                let slot = Slot {
                    appname: appname.to_owned(),
                    ident: ident.to_owned(),
                    certificate: None,
                };
                Ok(vec![(spec, slot)])
            }
            Mode::Container(name, specs) => {
                let wanted = Wanted {
                    prov_type: None,
                    ..self.whose.wanted(containers.user(), name)
                };
                let (_, record) = containers.find(&wanted)?;
                let slots: Vec<(KeySpec, Slot)> = specs
                    .iter()
                    .filter_map(|spec| Some((*spec, record.slots[*spec as usize].clone()?)))
                    .collect();
                match slots.is_empty() {
                    true => Err(Failure::Operation(format!(
                        "container `{}' has no such key",
                        record.name
                    ))),
                    false => Ok(slots),
                }
            }
        }
    }

    /// The destination; None if it is still to be made.
    fn found(
        &self,
        containers: &Containers,
        wanted: &Wanted,
    ) -> Result<Option<(String, Record)>, Error> {
        match containers.find(wanted) {
            Err(Error::NoContainer { .. }) if self.create => Ok(None),
            found => found.map(Some),
        }
    }
}

fn create(
    containers: &Containers,
    prov_type: Option<u32>,
    wanted: &Wanted,
) -> Result<(String, Record), Failure> {
    let prov_type = prov_type.unwrap_or(DEFAULT_TYPE);
    let ident = containers.create(prov_type, &wanted.scope, &wanted.name)?;
    cli::print(&format!("Container `{}' created.\n", wanted.name))?;
    let record = containers.read(&ident)?;
    Ok((ident, record))
}

/// Whether a key is there, whole, and of a type for this place.
fn check_key(
    containers: &Containers,
    prov_type: Option<u32>,
    spec: KeySpec,
    slot: &Slot,
) -> Result<(), Failure> {
    let key = containers.key(&slot.appname, &slot.ident)?;
    match prov_type.is_some_and(|prov_type| admin::suits(prov_type, spec, key.key_type)) {
        true => Ok(()),
        false => Err(Failure::Operation(format!(
            "key {} {} is of type {}, which the container's provider does not use as {}",
            slot.appname,
            slot.ident,
            KeyType(key.key_type),
            called(spec)
        ))),
    }
}

fn same(a: &Slot, b: &Slot) -> bool {
    a.appname == b.appname && a.ident == b.ident
}

fn called(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::Exchange => "exchange key",
        KeySpec::Signature => "signature key",
    }
}
