//! `keytst`: containers and their keys, through CryptoAPI alone (CAPI guide, sections 5 and 10).

use std::process::ExitCode;

use clap::{Args, Parser, ValueEnum};
use csp::constants::{
    ALG_CLASS_KEY_EXCHANGE, ALG_CLASS_SIGNATURE, AT_KEYEXCHANGE, AT_SIGNATURE, AlgId,
    CRYPT_EXPORTABLE, CRYPT_MACHINE_KEYSET, CRYPT_NEWKEYSET, CRYPT_SILENT, CRYPT_VERIFYCONTEXT,
    PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE,
};
use csp::error::CspError;
use nfkm_tools::cli::{self, Failure};
use serde::Serialize;

use crate::capi::{self, Context, Provider, Refusal};
use crate::leftover::Leftover;
use crate::names;

/// Display CSP key containers, and create and delete containers and their keys. Prompts for cards and pass phrases are
/// answered at the terminal, or by the file that NCCAPI_ANSWERS names.
#[derive(Debug, Parser)]
#[command(name = "keytst")]
struct Options {
    /// List the containers and their keys (the default).
    #[arg(short, long)]
    list: bool,
    /// Create a container (c), an exchange key (x), a signature key (s) or both keys (xs); a container that keys need is
    /// made first.
    #[arg(short, long, value_name = "c|x|s|xs", conflicts_with = "list")]
    create: Option<Create>,
    /// Delete the container with its keys.
    #[arg(short, long, conflicts_with_all = ["list", "create"])]
    delete: bool,
    /// The container.
    #[arg(short = 'n', long, value_name = "NAME")]
    container: Option<String>,
    /// The provider's type (default = 24; all when listing).
    #[arg(short = 'p', long = "type", value_name = "NUMBER")]
    prov_type: Option<u32>,
    /// The provider's name.
    #[arg(short = 'P', long, value_name = "NAME")]
    provider: Option<String>,
    /// The machine's containers rather than the user's.
    #[arg(short, long)]
    machine: bool,
    /// Fail rather than ask for cards or pass phrases.
    #[arg(short, long)]
    silent: bool,
    /// List in JSON.
    #[arg(long, conflicts_with_all = ["create", "delete"])]
    json: bool,
    #[command(flatten)]
    flags: CreationFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Key creation flags (only valid with -cx or -cs)")]
struct CreationFlags {
    /// Create the key(s) with the 'exportable' bit set.
    #[arg(short, long)]
    export: bool,
    /// Specify the new key length (default = 1024).
    #[arg(short = 'L', long, value_name = "BITLEN", value_parser = clap::value_parser!(u32).range(1..=0xffff))]
    length: Option<u32>,
    /// Create key counters (if supported).
    #[arg(short = 'C', long)]
    counter: bool,
    /// Create NVRAM-stored key(s) (if supported).
    #[arg(short = 'K', long)]
    kitb: bool,
}

/// What is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Create {
    #[value(name = "c")]
    Container,
    #[value(name = "x")]
    Exchange,
    #[value(name = "s")]
    Signature,
    #[value(name = "xs", alias = "sx")]
    Both,
}

/// The length of a key where none is given (CAPI guide, section 10).
const LENGTH: u32 = 1024;

/// The two keys of a container, as they are called here.
const KEYS: [(u32, &str); 2] = [
    (AT_KEYEXCHANGE, "exchange key"),
    (AT_SIGNATURE, "signature key"),
];

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        options.check().map_err(Failure::CommandLine)?;
        match (&options.container, options.create) {
            (Some(name), Some(what)) => options.create(name, what),
            (Some(name), None) if options.delete => options.delete(name),
            _ => options.list(),
        }
    })
}

impl Options {
    fn check(&self) -> Result<(), String> {
        let flags = &self.flags;
        let creates_keys = self.create.is_some_and(|what| what != Create::Container);
        if !creates_keys && (flags.export || flags.length.is_some() || flags.counter || flags.kitb)
        {
            return Err("key creation flags are only valid with -cx or -cs".to_owned());
        }
        let names_one = self.create.is_some() || self.delete;
        if names_one && self.container.as_ref().is_none_or(String::is_empty) {
            return Err("the container is not named; -n names it".to_owned());
        }
        Ok(())
    }

    fn context_flags(&self) -> u32 {
        let machine = if self.machine {
            CRYPT_MACHINE_KEYSET
        } else {
            0
        };
        let silent = if self.silent { CRYPT_SILENT } else { 0 };
        machine | silent
    }

    /// The providers that are meant.
    fn providers(&self) -> Result<Vec<Provider>, Failure> {
        let installed = capi::providers()?;
        let wanted = |provider: &Provider| match (&self.provider, self.prov_type) {
            (Some(name), prov_type) => {
                provider.name.eq_ignore_ascii_case(name)
                    && prov_type.is_none_or(|it| it == provider.prov_type)
            }
            (None, prov_type) => {
                prov_type.is_none_or(|it| it == provider.prov_type)
                    && csp::names::canonical(provider.prov_type) == Some(provider.name.as_str())
            }
        };
        let found: Vec<Provider> = installed.into_iter().filter(wanted).collect();
        match found.is_empty() {
            true => Err(Failure::Operation(
                "no such provider is installed; csptest lists those that are".to_owned(),
            )),
            false => Ok(found),
        }
    }

    /// The one provider that keys are made for.
    fn provider(&self) -> Result<Provider, Failure> {
        let providers = self.providers()?;
        let prov_type = self.prov_type.unwrap_or(names::DEFAULT_TYPE);
        let named = self.provider.is_some() || self.prov_type.is_some();
        providers
            .into_iter()
            .find(|provider| named || provider.prov_type == prov_type)
            .ok_or_else(|| Failure::Operation("the default provider is not installed".to_owned()))
    }

    fn create(&self, name: &str, what: Create) -> Result<(), Failure> {
        let provider = self.provider()?;
        let flags = self.context_flags();
        let (context, new) = match (what, provider.acquire(Some(name), flags)) {
            (Create::Container, Ok(_)) => {
                let text = format!("there is a container `{name}' already");
                return Err(Failure::Operation(text));
            }
            (_, Ok(context)) => (context, false),
            (_, Err(Refusal { code, .. })) if code == CspError::NTE_BAD_KEYSET => {
                let context = provider.acquire(Some(name), flags | CRYPT_NEWKEYSET)?;
                cli::print(&format!("Container `{name}' created.\n"))?;
                (context, true)
            }
            (_, Err(refusal)) => return Err(refusal.into()),
        };
        let created = KEYS
            .iter()
            .filter(|(spec, _)| match what {
                Create::Container => false,
                Create::Exchange => *spec == AT_KEYEXCHANGE,
                Create::Signature => *spec == AT_SIGNATURE,
                Create::Both => true,
            })
            .try_for_each(|(spec, called)| self.create_key(&context, *spec, called));
        if created.is_err() && new {
            drop(context);
            provider.delete(name, flags)?;
            cli::print(&format!("Container `{name}' deleted again.\n"))?;
        }
        created
    }

    fn create_key(&self, context: &Context, spec: u32, called: &str) -> Result<(), Failure> {
        // CryptGenKey would put the new key in the old one's place.
        match context.user_key(spec) {
            Err(Refusal { code, .. }) if code == CspError::NTE_NO_KEY => {}
            Ok(_) => {
                let text = format!("the container has {} already", article(called));
                return Err(Failure::Operation(text));
            }
            Err(refusal) => return Err(refusal.into()),
        }
        if self.flags.counter {
            context.set(PP_CRYPT_COUNT_KEY_USE, 1)?;
        }
        if self.flags.kitb {
            context.set(PP_NO_HOST_STORAGE, 1)?;
        }
        let exportable = if self.flags.export {
            CRYPT_EXPORTABLE
        } else {
            0
        };
        let length = self.flags.length.unwrap_or(LENGTH);
        let key = match context.generate(spec, length << 16 | exportable) {
            Err(refusal) if refusal.code == CspError::NTE_BAD_FLAGS => {
                let limits = limits(context, spec).unwrap_or_default();
                return Err(Failure::Operation(format!("{refusal}{limits}")));
            }
            made => made?,
        };
        let mut called = called.to_owned();
        called[..1].make_ascii_uppercase();
        cli::print(&format!("{called} created: {} bits.\n", key.length()?))
    }

    fn delete(&self, name: &str) -> Result<(), Failure> {
        let provider = self.provider()?;
        let left = Leftover::of(provider.prov_type, self.machine, name);
        provider.delete(name, self.context_flags())?;
        cli::print(&format!("Container `{name}' deleted.\n"))?;
        if let Some(left) = left {
            left.tell("keytst");
        }
        Ok(())
    }

    fn list(&self) -> Result<(), Failure> {
        let mut listed = Vec::new();
        let mut refused = false;
        for provider in self.providers()? {
            match self.listed(&provider) {
                Ok(containers) => listed.push(Listed {
                    provider: provider.name,
                    prov_type: provider.prov_type,
                    containers,
                }),
                Err(refusal) => {
                    refused = true;
                    cli::complain("keytst", &format!("{}: {refusal}", provider.name));
                }
            }
        }
        // A container that is named may be one provider's alone.
        if self.container.is_some() {
            listed.retain(|listed| !listed.containers.is_empty());
            if listed.is_empty() && !refused {
                let name = self.container.as_deref().unwrap_or_default();
                let text = format!("no provider has a container `{name}'");
                return Err(Failure::Operation(text));
            }
        }
        match self.json {
            true => cli::print_json(&listed)?,
            false => cli::print(&report(&listed))?,
        }
        match refused {
            true => Err(Failure::Reported),
            false => Ok(()),
        }
    }

    fn listed(&self, provider: &Provider) -> capi::Result<Vec<Container>> {
        let flags = self.context_flags();
        if let Some(name) = &self.container {
            return match provider.acquire(Some(name), flags) {
                Ok(context) => Ok(vec![Container::of(&context)?]),
                Err(Refusal { code, .. }) if code == CspError::NTE_BAD_KEYSET => Ok(Vec::new()),
                Err(refusal) => Err(refusal),
            };
        }
        let machine = flags & CRYPT_MACHINE_KEYSET;
        let names = provider
            .acquire(None, CRYPT_VERIFYCONTEXT | flags)?
            .containers(machine)?;
        let mut containers = Vec::new();
        for name in names {
            // A list does not ask for the cards of every key.
            let context = provider.acquire(Some(&name), machine | CRYPT_SILENT)?;
            containers.push(Container::of(&context)?);
        }
        Ok(containers)
    }
}

/// A provider's containers.
#[derive(Debug, Serialize)]
struct Listed {
    provider: String,
    #[serde(rename = "type")]
    prov_type: u32,
    containers: Vec<Container>,
}

#[derive(Debug, Serialize)]
struct Container {
    name: String,
    unique_name: String,
    exchange: KeyState,
    signature: KeyState,
}

/// A key of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum KeyState {
    None,
    Bits(u32),
    NotUsable(String),
}

impl Container {
    fn of(context: &Context) -> capi::Result<Container> {
        let state = |spec| match context.user_key(spec).and_then(|key| key.length()) {
            Ok(bits) => KeyState::Bits(bits),
            Err(Refusal { code, .. }) if code == CspError::NTE_NO_KEY => KeyState::None,
            Err(refusal) => KeyState::NotUsable(refusal.to_string()),
        };
        Ok(Container {
            name: context.container()?,
            unique_name: context.unique_container()?,
            exchange: state(AT_KEYEXCHANGE),
            signature: state(AT_SIGNATURE),
        })
    }
}

fn report(listed: &[Listed]) -> String {
    let mut text = String::new();
    for listed in listed {
        text.push_str(&format!(
            "{} (type {}):\n",
            listed.provider, listed.prov_type
        ));
        if listed.containers.is_empty() {
            text.push_str(" No containers\n");
        }
        for container in &listed.containers {
            text.push_str(&format!(
                " Container `{}'\n  {:14} {}\n",
                container.name, "unique name", container.unique_name
            ));
            let keys = [&container.exchange, &container.signature];
            for ((_, called), state) in KEYS.iter().zip(keys) {
                let state = match state {
                    KeyState::None => "none".to_owned(),
                    KeyState::Bits(bits) => format!("{bits} bits"),
                    KeyState::NotUsable(why) => format!("not usable: {why}"),
                };
                text.push_str(&format!("  {called:14} {state}\n"));
            }
        }
    }
    text
}

/// Which lengths the provider offers for such a key, after a refusal that the length may be the reason of.
fn limits(context: &Context, spec: u32) -> Option<String> {
    let class = match spec {
        AT_SIGNATURE => ALG_CLASS_SIGNATURE,
        _ => ALG_CLASS_KEY_EXCHANGE,
    };
    let algorithms = context.algorithms().ok()?;
    let its = algorithms.iter().find(|it| AlgId(it.id).class() == class)?;
    let (name, min, max) = (&its.name, its.min, its.max);
    Some(format!(": its {name} keys have {min} to {max} bits"))
}

fn article(called: &str) -> String {
    match called.starts_with('e') {
        true => format!("an {called}"),
        false => format!("a {called}"),
    }
}
