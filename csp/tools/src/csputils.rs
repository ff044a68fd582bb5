//! `csputils`: the containers of the Security World with their keys (CAPI guide, sections 5, 9 and 10).

use std::cell::OnceCell;
use std::process::ExitCode;

use clap::Parser;
use csp::admin::{Containers, Record, Scope, Slot};
use csp::identity::Identity;
use ncore::types::{KeyType, NFKMNKF};
use nfkm::kmdata::KeyRecord;
use nfkm::{Area, EntryName, Environment, NvramState, Session, hex};
use nfkm_tools::cli::{self, Failure};
use nfkm_tools::time;
use serde::Serialize;

use crate::names::Whose;

/// List CSP containers, show what is in them, or delete their files.
#[derive(Debug, Parser)]
#[command(name = "csputils")]
struct Options {
    /// List the containers (the default).
    #[arg(short, long)]
    list: bool,
    /// Show the keys of the containers, with their counters and their state in NVRAM. It is a failure if something of that
    /// cannot be told.
    #[arg(short, long, conflicts_with = "list")]
    detail: bool,
    /// Delete the file of a container, named by its name or ident. The files of its keys are left. For administrators.
    #[arg(long, value_name = "CONTAINER", conflicts_with_all = ["list", "detail", "container", "all"])]
    delete: Option<String>,
    /// The container with this name or ident alone.
    #[arg(short = 'n', long, value_name = "CONTAINER")]
    container: Option<String>,
    /// The containers of all users and of the machine.
    #[arg(short, long, conflicts_with_all = ["machine", "sid", "container"])]
    all: bool,
    /// Answer in JSON.
    #[arg(short, long, conflicts_with = "delete")]
    json: bool,
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
        let containers = Containers::open(&Environment::from_process(), Identity::from_process()?)?;
        match &options.delete {
            Some(name) => options.delete(&containers, name),
            None => options.list(&containers),
        }
    })
}

impl Options {
    fn list(&self, containers: &Containers) -> Result<(), Failure> {
        let (found, damaged) = self.found(containers)?;
        let looking = Looking {
            containers,
            session: OnceCell::new(),
        };
        let found: Vec<Found> = found
            .into_iter()
            .map(|(ident, record)| looking.container(ident, &record))
            .collect();
        match (self.json, self.detail) {
            (true, _) => cli::print_json(&found)?,
            (false, true) => cli::print(&details(&found))?,
            (false, false) => cli::print(&list(&found))?,
        }
        // What was asked for and cannot be told is a failure; the details say why.
        let untold = (self.json || self.detail) && !found.iter().all(Found::is_told);
        match damaged || untold {
            false => Ok(()),
            true => Err(Failure::Reported),
        }
    }

    /// The containers that are meant, and whether others cannot be read.
    fn found(&self, containers: &Containers) -> Result<(Vec<(String, Record)>, bool), Failure> {
        let user = containers.user();
        if let Some(name) = &self.container {
            let found = containers.find(&self.whose.wanted(user, name))?;
            return Ok((vec![found], false));
        }
        let scope = self.whose.scope(user);
        let mut found = Vec::new();
        let mut damaged = false;
        for ident in containers.idents()? {
            match containers.read(&ident) {
                Ok(record) => found.push((ident, record)),
                Err(error) => {
                    damaged = true;
                    cli::complain("csputils", &error);
                }
            }
        }
        let wanted = |record: &Record| {
            (self.all || record.scope == scope)
                && (self.whose.provider.is_none() || self.whose.provider == record.prov_type())
        };
        found.retain(|(_, record)| wanted(record));
        found.sort_by(|(_, a), (_, b)| {
            (a.scope.as_str(), &a.name, &a.provider).cmp(&(b.scope.as_str(), &b.name, &b.provider))
        });
        Ok((found, damaged))
    }

    fn delete(&self, containers: &Containers, name: &str) -> Result<(), Failure> {
        // A damaged container can be named by its ident alone.
        let by_ident = containers.idents()?.iter().any(|ident| ident == name);
        let (ident, left) = match by_ident {
            true => (name.to_owned(), containers.read(name).ok()),
            false => {
                let (ident, record) =
                    containers.find(&self.whose.wanted(containers.user(), name))?;
                (ident, Some(record))
            }
        };
        containers.delete_file(&ident)?;
        cli::print(&format!("{ident} deleted.\n"))?;
        let slots = left.iter().flat_map(|record| record.slots.iter().flatten());
        for Slot { appname, ident, .. } in slots {
            cli::complain("csputils", &format!("key {appname} {ident} is left"));
        }
        Ok(())
    }
}

/// A container and its keys.
#[derive(Debug, Serialize)]
struct Found {
    name: String,
    ident: String,
    /// The SID, or `machine`.
    owner: String,
    provider: String,
    #[serde(rename = "type")]
    prov_type: Option<u32>,
    exchange: Option<FoundKey>,
    signature: Option<FoundKey>,
}

#[derive(Debug, Serialize)]
struct FoundKey {
    appname: String,
    ident: String,
    #[serde(flatten)]
    key: Option<KeyDetails>,
    /// Why there are no details.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a key's file tells.
#[derive(Debug, Serialize)]
struct KeyDetails {
    hash: String,
    #[serde(rename = "type")]
    key_type: String,
    protection: String,
    /// Seconds since 1970.
    made: u64,
    /// Electronic serial number of the module that made it.
    esn: String,
    counter: Counter,
    nvram: InNvram,
}

/// The counter of a key's uses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Counter {
    None,
    Count(u64),
    /// With the module's other areas.
    Erased,
    /// Why it cannot be read.
    Unknown(String),
}

/// What of a key is in a module's NVRAM.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum InNvram {
    No,
    Counter,
    Blob,
    /// The blob was erased with the module's other areas, and the key is lost with it.
    BlobErased,
    /// Why that is not known.
    Unknown(String),
}

/// Where details come from: the files, and the modules if a key has something there.
struct Looking<'a> {
    containers: &'a Containers,
    session: OnceCell<Result<Session, String>>,
}

impl Looking<'_> {
    fn container(&self, ident: String, record: &Record) -> Found {
        let [exchange, signature] = &record.slots;
        Found {
            name: record.name.clone(),
            ident,
            owner: match &record.scope {
                Scope::User(sid) => sid.clone(),
                Scope::Machine => "machine".to_owned(),
            },
            provider: record.provider.clone(),
            prov_type: record.prov_type(),
            exchange: exchange.as_ref().map(|slot| self.key(slot)),
            signature: signature.as_ref().map(|slot| self.key(slot)),
        }
    }

    fn key(&self, slot: &Slot) -> FoundKey {
        let (key, error) = match self.containers.key(&slot.appname, &slot.ident) {
            Ok(record) => (Some(self.details(slot, &record)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        FoundKey {
            appname: slot.appname.clone(),
            ident: slot.ident.clone(),
            key,
            error,
        }
    }

    fn details(&self, slot: &Slot, record: &KeyRecord) -> KeyDetails {
        let softcard = record.flags & NFKMNKF::Protection_mask.0 == NFKMNKF::ProtectionPassPhrase.0;
        let (counter, nvram) = match &record.nvram {
            None => (Counter::None, InNvram::No),
            Some(_) => match self.nvram_state(slot) {
                Ok(state) => (Counter::of(&state), InNvram::of(&state)),
                Err(why) => (Counter::Unknown(why.clone()), InNvram::Unknown(why)),
            },
        };
        KeyDetails {
            hash: hex(&record.hash),
            key_type: KeyType(record.key_type).to_string(),
            protection: match &record.cardset {
                None => "module".to_owned(),
                Some(hkltu) if softcard => format!("softcard {}", hex(hkltu)),
                Some(hkltu) => format!("card set {}", hex(hkltu)),
            },
            made: record.gentime,
            esn: record.esn.clone(),
            counter,
            nvram,
        }
    }

    fn nvram_state(&self, slot: &Slot) -> Result<NvramState, String> {
        let open = || Session::open(&Environment::from_process()).map_err(|it| it.to_string());
        let session = self.session.get_or_init(open).as_ref()?;
        let name = EntryName::new(&slot.appname, &slot.ident).map_err(|it| it.to_string())?;
        match session.nvram_state(&name) {
            Ok(Some(state)) => Ok(state),
            Ok(None) => Err("the key has changed meanwhile".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Counter {
    fn of(state: &NvramState) -> Counter {
        match state.counter {
            None => Counter::None,
            Some(Area::Present(count)) => Counter::Count(count),
            Some(Area::Erased) => Counter::Erased,
            Some(Area::Unreachable) => Counter::Unknown(unreachable_module(state)),
        }
    }

    fn text(&self) -> String {
        match self {
            Counter::None => "none".to_owned(),
            Counter::Count(count) => count.to_string(),
            Counter::Erased => "erased; cspnvfix makes it again".to_owned(),
            Counter::Unknown(why) => format!("unknown: {why}"),
        }
    }
}

impl InNvram {
    fn of(state: &NvramState) -> InNvram {
        match state.blob {
            None => InNvram::Counter,
            Some(Area::Present(())) => InNvram::Blob,
            Some(Area::Erased) => InNvram::BlobErased,
            Some(Area::Unreachable) => InNvram::Unknown(unreachable_module(state)),
        }
    }

    fn text(&self) -> String {
        match self {
            InNvram::No => "no".to_owned(),
            InNvram::Counter => "counter".to_owned(),
            InNvram::Blob => "blob".to_owned(),
            InNvram::BlobErased => "blob, erased: the key is lost".to_owned(),
            InNvram::Unknown(why) => format!("unknown: {why}"),
        }
    }
}

fn unreachable_module(state: &NvramState) -> String {
    format!("module {} is not usable", state.esn)
}

impl Found {
    /// Whether everything about its keys is known.
    fn is_told(&self) -> bool {
        let keys = self.keys();
        keys.into_iter()
            .filter_map(|(_, key)| key.as_ref())
            .all(|found| {
                found.key.as_ref().is_some_and(|key| {
                    !matches!(key.counter, Counter::Unknown(_))
                        && !matches!(key.nvram, InNvram::Unknown(_))
                })
            })
    }

    fn keys(&self) -> [(&'static str, &Option<FoundKey>); 2] {
        [
            ("exchange key", &self.exchange),
            ("signature key", &self.signature),
        ]
    }
}

fn list(found: &[Found]) -> String {
    let mut text = format!("Container list - {} containers\n", found.len());
    for container in found {
        let keys: String = [("x", &container.exchange), ("s", &container.signature)]
            .iter()
            .map(|(letter, key)| if key.is_some() { letter } else { "-" })
            .collect();
        let prov_type = container
            .prov_type
            .map_or("?".to_owned(), |number| number.to_string());
        text.push_str(&format!(
            " {} type {prov_type:2} keys {keys} {} `{}'\n",
            container.ident, container.owner, container.name
        ));
    }
    text
}

fn details(found: &[Found]) -> String {
    if found.is_empty() {
        return list(found);
    }
    let mut text = String::new();
    for container in found {
        text.push_str(&format!("Container `{}'\n", container.name));
        let prov_type = container.prov_type.map(|number| number.to_string());
        line(
            &mut text,
            "file",
            &format!("key_mscapi_{}", container.ident),
        );
        line(&mut text, "owner", &container.owner);
        line(&mut text, "provider", &container.provider);
        line(&mut text, "type", prov_type.as_deref().unwrap_or("unknown"));
        for (called, key) in container.keys() {
            let Some(FoundKey {
                appname,
                ident,
                key,
                error,
            }) = key
            else {
                line(&mut text, called, "none");
                continue;
            };
            line(&mut text, called, &format!("{appname} {ident}"));
            if let Some(error) = error {
                line(&mut text, " not readable", error);
            }
            if let Some(key) = key {
                line(&mut text, " hash", &key.hash);
                line(&mut text, " type", &key.key_type);
                line(&mut text, " protection", &key.protection);
                line(&mut text, " made", &time::stamp(key.made));
                line(&mut text, " made by", &key.esn);
                line(&mut text, " counter", &key.counter.text());
                line(&mut text, " NVRAM", &key.nvram.text());
            }
        }
    }
    text
}

fn line(text: &mut String, field: &str, value: &str) {
    nfkm_tools::layout::line(text, 14, field, value);
}
