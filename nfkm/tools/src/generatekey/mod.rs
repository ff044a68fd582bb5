//! `generatekey`: makes, imports and retargets keys (UTILITIES section 6).

mod kinds;
mod parameters;
mod pem;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use ncore::types::{KeyData, KeyGenParams};
use nfkm::cards::{CardContent, Known};
use nfkm::kmdata::{CardSetRecord, EntryContent, KeyRecord, Listed};
use nfkm::{
    EntryName, Environment, IdentRule, InNvram, LoadedKey, LoadedToken, NewKey, Protection,
    Session, World, hex,
};

use crate::card_files::{self, Choice};
use crate::cli::{self, Failure};
use crate::modules;
use crate::nfkmverify;
use crate::ppmk;
use crate::slots;
use crate::terminal::{Terminal, say};
use parameters::{Check, Parameters};

/// Generate a key, import one, or give a key to another application.
///
/// Parameters that are not given as NAME=VALUE are asked for: operation, protect (module, token, softcard), slot, softcard,
/// recovery, type (RSA, DSA, DH, AES, DES3, HMACSHA1, HMACSHA256), size, pubexp, ident, plainname, nvram; for an import
/// pemreadfile; to retarget a key from-application and from-ident. Where the world has a card set, a key is protected by one
/// unless protect says otherwise. assigned and logkeyusage can be no alone.
#[derive(Debug, Parser)]
#[command(name = "generatekey", group = ArgGroup::new("operation").args(["generate", "import", "retarget"]))]
struct Options {
    /// Generate a key (the default)
    #[arg(short, long)]
    generate: bool,
    /// Import an RSA key from a PEM file; not in a world of FIPS 140 level 3, which takes no key in the clear
    #[arg(short, long)]
    import: bool,
    /// Give a key of one application to another one; the first keeps it
    #[arg(short, long)]
    retarget: bool,
    /// The module that makes the key and has the cards
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// The card set that protects the key; without it, the set of the card in the slot
    #[arg(short, long, value_name = "NAME")]
    cardset: Option<String>,
    /// Never ask: a parameter without a default must be given
    #[arg(short, long)]
    batch: bool,
    /// Do not check the key that was made
    #[arg(long)]
    no_verify: bool,
    /// An operator card file, put into a soft token slot of the module; once for each card. Without it the cards are in the
    /// module's readers; an emulated module with empty readers uses files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// The same for administrator cards, which a key with its blob in NVRAM needs; in a world of FIPS 140 level 3 any card
    /// authorises the making of a key
    #[arg(long = "admin-card", value_name = "FILE")]
    admin_cards: Vec<PathBuf>,
    /// The application that gets the key: simple, custom or mscapi
    #[arg(value_name = "APPNAME")]
    appname: String,
    /// Parameters
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let application = Application::named(&options.appname)?;
        let environment = Environment::from_process();
        let world = World::required(&environment.folder()?)?;
        if options.import && world.is_strict_fips() {
            return Err(Failure::Operation(IMPORT_AT_LEVEL_3.to_owned()));
        }
        let session = Session::open_on(&environment, Some(options.module))?;
        if !options.retarget || !options.no_verify {
            let named = [&options.admin_cards[..], &options.cards].concat();
            card_files::authorise("generatekey", &session, &[options.module], &named)?;
        }
        let mut parameters = Parameters::new(&options.parameters, options.batch)?;
        let maker = Maker {
            options: &options,
            application,
            world,
            session,
        };
        let name = match (options.import, options.retarget) {
            (_, true) => maker.retarget(&mut parameters)?,
            (import, _) => maker.make(&mut parameters, import)?,
        };
        if !options.no_verify {
            nfkmverify::verify_new(&maker.session, &name)?;
        }
        let verb = match options.retarget {
            true => "retargetted",
            false => "generated",
        };
        let path = maker.session.folder().entry_path(&name);
        cli::print(&format!(
            "Key successfully {verb}.\nPath to key: {}\n",
            path.display()
        ))
    })
}

/// A key in a PEM file is in the clear, in which no key enters a module of such a world: it answers StrictFIPS140, whatever
/// authorises the command.
const IMPORT_AT_LEVEL_3: &str = "a world of FIPS 140 level 3 takes no key in the clear, as a PEM file has it: \
    generate the key in the module (--generate), or import it in a world that is not of level 3";

/// An application that keys can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    /// Whoever makes the key names it.
    Named(&'static str),
    /// CryptoAPI: a key is called by its hash, and `cspimport` puts it into a container.
    Mscapi,
}

impl Application {
    fn named(appname: &str) -> Result<Application, Failure> {
        match appname {
            "simple" => Ok(Application::Named("simple")),
            "custom" => Ok(Application::Named("custom")),
            "mscapi" => Ok(Application::Mscapi),
            other => Err(Failure::CommandLine(format!(
                "there is no application `{other}' to make keys for: simple, custom and mscapi are known"
            ))),
        }
    }

    fn appname(self) -> &'static str {
        match self {
            Application::Named(appname) => appname,
            Application::Mscapi => "mscapi",
        }
    }
}

struct Maker<'a> {
    options: &'a Options,
    application: Application,
    world: World,
    session: Session,
}

/// What is to protect a key.
enum Protector {
    Module,
    Cards(CardSetRecord),
    Softcard(String),
}

impl Maker<'_> {
    /// Generates or imports a key.
    fn make(&self, parameters: &mut Parameters, import: bool) -> Result<EntryName, Failure> {
        let operation = if import { "import" } else { "generate" };
        self.begin(parameters, operation);
        let protector = self.protector(parameters)?;
        let recovery = match self.world.has_recovery() {
            true => parameters.yes("recovery", "Key recovery?", "Key recovery", true)?,
            false => false,
        };
        parameters.never(
            "assigned",
            "Make an assigned key",
            "assigned keys are of worlds in common-criteria-cmts mode",
        )?;
        self.say_verify(parameters);
        let (params, private) = match import {
            true => (KeyGenParams::default(), Some(self.read_pem(parameters)?)),
            false => (self.key_params(parameters)?, None),
        };
        let is_pair = import || kinds::is_pair(params.type_);
        parameters.never("logkeyusage", "Log key usage", "there is no audit logging")?;
        let (ident, plainname) = self.names(parameters)?;
        // Only a generated pair can have its blob in NVRAM.
        let nvram = match import || !is_pair {
            true => false,
            false => {
                let question = "Blob in NVRAM (needs ACS)?";
                parameters.yes("nvram", question, "Blob in NVRAM (needs ACS)", false)?
            }
        };
        if nvram && recovery {
            cli::complain(
                "generatekey",
                &"warning: a key with its blob in NVRAM has no recovery copy",
            );
        }
        parameters.finish()?;
        cli::print(&parameters.table())?;
        let request = NewKey {
            appname: self.application.appname().to_owned(),
            ident: ident.map_or(IdentRule::KeyHash, IdentRule::Fixed),
            plainname,
            params,
            recovery,
            protection: self.load(&protector)?,
        };
        let key = match private {
            None if !is_pair => return Ok(self.session.generate_secret_key(&request)?),
            None if nvram => self.generate_in_nvram(&request)?,
            None => self.session.generate_key_pair(&request)?,
            Some(private) => self.session.import_key_pair(&request, private)?,
        };
        let ident = key.ident().unwrap_or_default();
        Ok(EntryName::new(self.application.appname(), ident)?)
    }

    fn generate_in_nvram(&self, request: &NewKey) -> Result<LoadedKey, Failure> {
        let source = self
            .cards("administrator cards", &self.options.admin_cards)?
            .source(card_files::admins);
        let module = self.options.module;
        let authority = self
            .session
            .open_nvram(module, &source, &mut Terminal::default())?;
        let what = InNvram {
            blob: true,
            counter: false,
        };
        Ok(authority.generate_key_pair(request, what)?)
    }

    /// Where cards of a kind are.
    fn cards(&self, kind: &str, named: &[PathBuf]) -> Result<Choice, Failure> {
        card_files::choose(
            "generatekey",
            kind,
            &*self.session.client()?,
            self.session.folder(),
            &[self.options.module],
            named,
        )
    }

    /// Records a key of one application for another one. The key and its protection are the same.
    fn retarget(&self, parameters: &mut Parameters) -> Result<EntryName, Failure> {
        if self.options.cardset.is_some() {
            let text = "a retargeted key keeps its protection: it takes no --cardset";
            return Err(Failure::CommandLine(text.to_owned()));
        }
        self.begin(parameters, "retarget");
        // No card is read, but the slot is in the vendor's table too.
        let slot = parameters.given("slot");
        if let Some(slot) = &slot {
            self.slot(slot)?;
        }
        let slot = slot.as_deref().unwrap_or("0");
        parameters.row("slot", "Slot to read cards from", slot);
        self.say_verify(parameters);
        let folder = self.session.folder();
        let Listed {
            records: mut keys,
            faults,
        } = folder.keys(&self.world.hknso, None)?;
        // A damaged file of another key is in nobody's way, but it may have been meant.
        let _ = cli::complain_of_faults("generatekey", &faults);
        let mscapi = self.application == Application::Mscapi;
        keys.retain(|(name, record)| {
            let suits = !mscapi || record.public_blob.is_some();
            suits && name.appname() != self.application.appname()
        });
        if keys.is_empty() {
            return Err(Failure::Operation(
                "no other application has a key".to_owned(),
            ));
        }
        let mut appnames: Vec<&str> = keys.iter().map(|(name, _)| name.appname()).collect();
        appnames.dedup();
        let appname = parameters.choice(
            "from-application",
            "Source application?",
            "Source application",
            &appnames,
            Some(appnames[0]),
        )?;
        let of_application = || keys.iter().filter(|(name, _)| name.appname() == appname);
        let idents: Vec<&str> = of_application().map(|(name, _)| name.ident()).collect();
        let ident = parameters.choice(
            "from-ident",
            "Source key identifier?",
            "Source key identifier",
            &idents,
            idents.first().copied(),
        )?;
        let found = of_application().find(|(name, _)| name.ident() == ident);
        let (_, record) = found.ok_or_else(|| Failure::Operation("the key is gone".to_owned()))?;
        let (ident, plainname) = self.names(parameters)?;
        parameters.finish()?;
        cli::print(&parameters.table())?;
        let ident = ident.unwrap_or_else(|| hex(&record.hash));
        let name = EntryName::new(self.application.appname(), &ident)?;
        let record = KeyRecord {
            plainname,
            ..record.clone()
        };
        let content = EntryContent::Key(Box::new(record));
        folder.create_entry(&self.world.hknso, &name, content)?;
        Ok(name)
    }

    fn begin(&self, parameters: &mut Parameters, operation: &str) {
        parameters.row("operation", "Operation to perform", operation);
        parameters.row("application", "Application", self.application.appname());
    }

    fn say_verify(&self, parameters: &mut Parameters) {
        let verify = if self.options.no_verify { "no" } else { "yes" };
        parameters.row("verify", "Verify security of key", verify);
    }

    fn protector(&self, parameters: &mut Parameters) -> Result<Protector, Failure> {
        let softcards = self.session.softcards()?;
        let mut ways = vec!["token", "module"];
        // One with a damaged file is there too, and what is wrong with it should be said.
        if !(softcards.records.is_empty() && softcards.faults.is_empty()) {
            ways.insert(0, "softcard");
        }
        let sets = self.session.card_sets()?;
        let has_cards = !(sets.records.is_empty() && sets.faults.is_empty());
        let default = match has_cards || self.options.cardset.is_some() {
            true => "token",
            false => "module",
        };
        let way = parameters.choice(
            "protect",
            "Protected by?",
            "Protected by",
            &ways,
            Some(default),
        )?;
        match (way.as_str(), &self.options.cardset) {
            ("token", Some(name)) => {
                if let Some(slot) = parameters.given("slot") {
                    self.slot(&slot)?;
                    parameters.row("slot", "Slot to read cards from", &slot);
                }
                Ok(Protector::Cards(self.session.card_set(name)?))
            }
            ("token", None) => {
                let last = self.last_slot()?;
                let slot = parameters.text(
                    "slot",
                    &format!("Slot to read cards from? (0-{last})"),
                    "Slot to read cards from",
                    Some("0"),
                    &|text| text.parse().is_ok_and(|number: u32| number <= last),
                )?;
                self.set_in_slot(&slot, &sets).map(Protector::Cards)
            }
            (_, Some(_)) => Err(Failure::CommandLine(format!(
                "--cardset is for protect=token, not for protect={way}"
            ))),
            ("softcard", None) => {
                let faulty = cli::complain_of_faults("generatekey", &softcards.faults);
                if softcards.records.is_empty() {
                    faulty?;
                }
                let records = softcards.records.iter();
                let names: Vec<&str> = records.map(|card| card.name.as_str()).collect();
                let name = parameters.choice(
                    "softcard",
                    "Soft card to protect key?",
                    "Soft card to protect key",
                    &names,
                    (names.len() == 1).then(|| names[0]),
                )?;
                Ok(Protector::Softcard(name))
            }
            _ => Ok(Protector::Module),
        }
    }

    /// The greatest number of a slot of the module.
    fn last_slot(&self) -> Result<u32, Failure> {
        let module = self.options.module;
        let client = self.session.client()?;
        let slots = slots::look(&client, module)?;
        let last = slots.iter().map(|slot| slot.listed.token.slot).max();
        match last {
            Some(last) => Ok(last),
            None => {
                let status = modules::health(&client, module)?;
                Err(Failure::Operation(format!("module #{module}: {status}")))
            }
        }
    }

    /// A slot of the module, by its number.
    fn slot(&self, number: &str) -> Result<slots::Slot, Failure> {
        let module = self.options.module;
        let client = self.session.client()?;
        let slot = slots::look(&client, module)?
            .into_iter()
            .find(|slot| slot.listed.token.slot.to_string() == number);
        slot.ok_or_else(|| Failure::Operation(format!("module #{module} has no slot #{number}")))
    }

    /// The card set of the card in a slot; with an empty one, the set whose token is preloaded on the module, if it is one.
    fn set_in_slot(
        &self,
        number: &str,
        sets: &Listed<CardSetRecord>,
    ) -> Result<CardSetRecord, Failure> {
        let known = Known::new(Some(&self.world), sets.records.clone());
        match self.slot(number)?.card(&known) {
            CardContent::Operator { set, .. } => Ok(*set),
            CardContent::Empty if let Some(set) = self.preloaded_set(sets)? => Ok(set),
            other => {
                // The card may be one of a set whose file is damaged.
                let _ = cli::complain_of_faults("generatekey", &sets.faults);
                Err(Failure::Operation(format!(
                    "Module {} slot {number}: {other}; --cardset names a card set",
                    self.options.module
                )))
            }
        }
    }

    /// The one card set whose token is preloaded on the module.
    fn preloaded_set(
        &self,
        sets: &Listed<CardSetRecord>,
    ) -> Result<Option<CardSetRecord>, Failure> {
        let mut found = None;
        for set in &sets.records {
            if self.preloaded(&set.hkltu)?.is_some() && found.replace(set).is_some() {
                return Ok(None);
            }
        }
        Ok(found.cloned())
    }

    /// The token of a card set or softcard, if another program keeps it loaded on the module.
    fn preloaded(&self, hkltu: &nfkm::Hash) -> Result<Option<LoadedToken>, Failure> {
        let module = self.options.module;
        Ok(self.session.preloaded_token(hkltu, module)?)
    }

    fn names(
        &self,
        parameters: &mut Parameters,
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let appname = self.application.appname();
        let ident = match self.application {
            Application::Mscapi => None,
            Application::Named(_) => {
                let is_name: &Check<'_> = &|text| EntryName::new(appname, text).is_ok();
                Some(parameters.text(
                    "ident",
                    "Key identifier?",
                    "Key identifier",
                    None,
                    is_name,
                )?)
            }
        };
        let plainname =
            parameters.text("plainname", "Key name?", "Key name", Some(""), &|_| true)?;
        Ok((ident, Some(plainname).filter(|text| !text.is_empty())))
    }

    /// What kind of key is to be generated.
    fn key_params(&self, parameters: &mut Parameters) -> Result<KeyGenParams, Failure> {
        // The provider keeps its secret keys in software.
        let types = match self.application {
            Application::Mscapi => &kinds::PAIRS[..],
            Application::Named(_) => &kinds::TYPES,
        };
        kinds::params(parameters, types)
    }

    fn read_pem(&self, parameters: &mut Parameters) -> Result<KeyData, Failure> {
        parameters.choice("type", "Key type?", "Key type", &["RSA"], Some("RSA"))?;
        let file = parameters.text(
            "pemreadfile",
            "PEM file containing RSA key?",
            "PEM file containing RSA key",
            None,
            &|text| !text.is_empty(),
        )?;
        pem::read(Path::new(&file))
    }

    /// Loads what is to protect the key, with its cards or pass phrase, unless it is preloaded. Cards that are named are read.
    fn load(&self, protector: &Protector) -> Result<Protection, Failure> {
        let mut terminal = Terminal::default();
        match protector {
            Protector::Module => Ok(Protection::Module),
            Protector::Softcard(name) => {
                let softcard = self.session.softcard(name)?;
                if let Some(token) = self.preloaded(&softcard.hkltu)? {
                    return Ok(Protection::Token(token));
                }
                let token = ppmk::with_passphrase(&softcard, &mut terminal, |passphrase, _| {
                    self.session.load_softcard(&softcard, passphrase)
                })?;
                Ok(Protection::Token(token))
            }
            Protector::Cards(set) => {
                let module = self.options.module;
                if self.options.cards.is_empty()
                    && let Some(token) = self.preloaded(&set.hkltu)?
                {
                    return Ok(Protection::Token(token));
                }
                let source = self
                    .cards("operator cards", &self.options.cards)?
                    .source(card_files::operators);
                say(&format!("Loading `{}':\n", set.name));
                let token = self
                    .session
                    .load_card_set(set, &[module], &source, &mut terminal)?;
                Ok(Protection::Token(token))
            }
        }
    }
}
