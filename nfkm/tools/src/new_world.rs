//! `new-world`: makes a Security World, loads it on modules, erases modules (UTILITIES section 4.3).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgGroup, Parser};
use ncore::types::KMLType;
use nfkm::cards::CardSource;
use nfkm::world::admin::{Admin, CARDS_MAX, SUITES, Suite, WorldParams};
use nfkm::{Client, Enquiry, Environment, Error, World};

use crate::card_files;
use crate::cli::{self, Failure};
use crate::emulator;
use crate::terminal::Terminal;
use crate::values;

/// Create a Security World, add modules to it, or return modules to factory state.
///
/// Without an action it creates a world if there is none, else it loads the existing one. It resets the modules into
/// initialisation mode by itself, and leaves them in operational mode.
///
/// Before a module is erased for an existing world it reads the administrator cards: a wrong card or pass phrase, or none,
/// leaves the module as it was. Cards that go through one reader one after the other are the exception: the first is read
/// before, the others after the module was erased. So is a module whose switch holds it in initialisation mode. One that waited
/// in that mode is operational if new-world is interrupted at the cards.
#[derive(Debug, Parser)]
#[command(name = "new-world", group = ArgGroup::new("action").args(["initialize", "program", "factory"]))]
struct Options {
    /// Create a new world; old host data is renamed from local to local<nn>
    #[arg(short, long)]
    initialize: bool,
    /// Load the existing world on the modules
    #[arg(short = 'l', long)]
    program: bool,
    /// Erase the modules and return them to factory state
    #[arg(short = 'e', long)]
    factory: bool,
    /// The module; several times, or with commas, for several, of which the first makes the world
    #[arg(
        short,
        long = "module",
        value_name = "MODULE",
        value_delimiter = ',',
        default_value = "1"
    )]
    modules: Vec<u32>,
    /// Administrator cards needed and made; without it, it is asked for
    #[arg(short = 'Q', long, value_name = "K/N")]
    acs_quorum: Option<String>,
    /// A card file, put into a soft token slot of each module in turn; once for each card. Without it the cards are in the
    /// modules' readers; emulated modules with empty readers use files in the folder `cards` beside `local`
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// What the administrator keys are made of
    #[arg(short, long, value_name = "SUITE", value_parser = suites())]
    cipher_suite: Option<String>,
    /// The mode of the world
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<Mode>,
    /// How the modules make their own signing keys
    #[arg(long, value_name = "TYPE", value_parser = kml_types())]
    kml_type: Option<String>,
    /// No recovery of keys and no replacement of card sets
    #[arg(short = 'R', long)]
    no_recovery: bool,
    /// Modules of the world cannot receive shares from afar
    #[arg(short = 'S', long)]
    no_remoteshare_cert: bool,
    /// Longest life of the administrator's authorisation: seconds, or with m, h or d
    #[arg(long, value_name = "TIME", value_parser = values::seconds)]
    nso_timeout: Option<u32>,
    /// Shortest pass phrase that is taken without a warning
    #[arg(long, value_name = "LENGTH")]
    pp_min: Option<u32>,
    /// Modules of the world refuse the paddings of PKCS#1 v1.5
    #[arg(long)]
    disablepkcs1padding: bool,
    #[command(flatten)]
    vendors: Vendors,
    /// Features of the world: m r p nv rtc dsee dseeall fto, each as FEAT, FEAT=K, !FEAT or no-FEAT
    #[arg(value_name = "FEATURES")]
    features: Vec<String>,
}

/// The names of the suites that a world can be made with, and those that the vendor's tool knows besides.
fn suites() -> PossibleValuesParser {
    let known = SUITES.iter().map(|suite| PossibleValue::new(suite.name));
    known
        .chain(VENDORS_SUITES.map(hidden))
        .collect::<Vec<_>>()
        .into()
}

/// The same of the kinds of KML.
fn kml_types() -> PossibleValuesParser {
    let known = KML_TYPES.map(|(name, _)| PossibleValue::new(name));
    known
        .into_iter()
        .chain(VENDORS_KML_TYPES.map(hidden))
        .collect::<Vec<_>>()
        .into()
}

fn hidden(name: &'static str) -> PossibleValue {
    PossibleValue::new(name).hide(true)
}

/// The kinds of KML that modules make, the default first.
const KML_TYPES: [(&str, KMLType); 2] = [
    ("DSAp3072s256", KMLType::DSAp3072s256),
    ("DSAp1024s160", KMLType::DSAp1024s160),
];

/// Suites of the vendor's tool (UTILITIES section 4.3) for which there are no keys here.
const VENDORS_SUITES: [&str; 3] = ["ECp521mAES", "DLf1024s160mDES3", "DLf1024s160mRijndael"];

/// Kinds of KML of the vendor's tool that no module here makes.
const VENDORS_KML_TYPES: [&str; 2] = ["NISTp521hSHA1", "NISTp256hSHA1"];

/// The mode of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Keys are made and imported, and cards written, only with a card of the world in a reader
    #[value(name = "fips-140-2-level-3")]
    Fips1402Level3,
    /// The same by the later standard
    #[value(name = "fips-140-3-level-3")]
    Fips1403Level3,
    #[value(name = "common-criteria-cmts", hide = true)]
    CommonCriteria,
}

// What the vendor's tool takes (UTILITIES section 4.3) and no module here does: known, to say so.
#[derive(Clone, Debug, clap::Args)]
struct Vendors {
    #[arg(short = 'G', hide = true)]
    g: bool,
    #[arg(long, hide = true)]
    audit_logging: bool,
    #[arg(long, hide = true)]
    reduced_features: bool,
    #[arg(long, hide = true)]
    strict_sp80056ar3: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Load,
    Erase,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        let mut terminal = Terminal::default();
        // Whatever is wrong with the command line is found before a module is touched.
        let action = options.action(World::read(&environment.folder()?)?.is_some())?;
        options.check_modules()?;
        options.check_emulated()?;
        let params = match action {
            Action::Create => Some(options.params(&options.quorum(&mut terminal)?)?),
            Action::Load | Action::Erase => None,
        };
        let admin = Admin::open(&environment)?;
        warn_of_emulators(admin.client(), &options.modules)?;
        match (action, params) {
            (Action::Create, Some(params)) => {
                terminal.passphrase_min = params.passphrase_min;
                let source = options.cards(&admin, &|number, _| number <= params.cards)?;
                admin.create(&options.modules, &params, &source, &mut terminal)?;
            }
            (Action::Erase, _) => admin.erase(&options.modules, &mut terminal)?,
            _ => {
                let source = options.cards(&admin, &|_, file| file.exists())?;
                let share_target = !options.no_remoteshare_cert;
                admin.load(&options.modules, &source, share_target, &mut terminal)?;
            }
        }
        Ok(())
    })
}

impl Options {
    fn action(&self, has_world: bool) -> Result<Action, Failure> {
        let action = match (self.initialize, self.program, self.factory) {
            (true, _, _) => Action::Create,
            (_, true, _) => Action::Load,
            (_, _, true) => Action::Erase,
            _ if has_world => Action::Load,
            _ => Action::Create,
        };
        if let Some(given) = self.world_option().filter(|_| action != Action::Create) {
            return Err(Failure::CommandLine(format!(
                "{given} is for a new world only"
            )));
        }
        if action == Action::Load && !has_world {
            // The words are the vendor's (UTILITIES section 4.3).
            return Err(Failure::Operation("no existing world to load".to_owned()));
        }
        if action == Action::Erase && !self.cards.is_empty() {
            return Err(Failure::CommandLine("erasing needs no cards".to_owned()));
        }
        if action == Action::Erase && self.no_remoteshare_cert {
            let text = "--no-remoteshare-cert is for modules of a world";
            return Err(Failure::CommandLine(text.to_owned()));
        }
        Ok(action)
    }

    /// Refuses a module that is named twice.
    fn check_modules(&self) -> Result<(), Failure> {
        let mut modules = self.modules.clone();
        modules.sort_unstable();
        match modules.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Failure::CommandLine(format!(
                "module #{} is named twice",
                pair[0]
            ))),
            None => Ok(()),
        }
    }

    /// Refuses what only the vendor's tool and modules know.
    fn check_emulated(&self) -> Result<(), Failure> {
        let vendors = &self.vendors;
        let among = |given: &Option<String>, names: &[&'static str]| {
            let given = given.as_deref();
            names.iter().copied().find(|name| given == Some(*name))
        };
        let flags = [
            (vendors.g, "-G"),
            (vendors.audit_logging, "--audit-logging"),
            (vendors.reduced_features, "--reduced-features"),
            (vendors.strict_sp80056ar3, "--strict-sp80056ar3"),
            (
                self.mode == Some(Mode::CommonCriteria),
                "--mode=common-criteria-cmts",
            ),
        ];
        let flag = flags
            .into_iter()
            .find_map(|(given, name)| given.then_some(name));
        let named = flag
            .or_else(|| among(&self.cipher_suite, &VENDORS_SUITES))
            .or_else(|| among(&self.kml_type, &VENDORS_KML_TYPES));
        match named {
            Some(name) => Err(Failure::CommandLine(format!(
                "{name} is known to the vendor's new-world, and not emulated"
            ))),
            None => Ok(()),
        }
    }

    /// The quorum, as it was given or is answered now.
    fn quorum(&self, terminal: &mut Terminal) -> Result<String, Failure> {
        match &self.acs_quorum {
            Some(quorum) => Ok(quorum.clone()),
            None => {
                let question = "Administrator cards needed / made (K/N) [1/1] > ";
                Ok(terminal.answer(question, "--acs-quorum=K/N gives it")?)
            }
        }
    }

    /// An option that was given and says what a new world is like.
    fn world_option(&self) -> Option<&'static str> {
        [
            (self.acs_quorum.is_some(), "--acs-quorum"),
            (self.cipher_suite.is_some(), "--cipher-suite"),
            (self.mode.is_some(), "--mode"),
            (self.kml_type.is_some(), "--kml-type"),
            (self.no_recovery, "--no-recovery"),
            (self.nso_timeout.is_some(), "--nso-timeout"),
            (self.pp_min.is_some(), "--pp-min"),
            (self.disablepkcs1padding, "--disablepkcs1padding"),
            (!self.features.is_empty(), "a feature"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }

    /// Where the cards are; of the emulator's card files those that `wanted` takes.
    fn cards(
        &self,
        admin: &Admin,
        wanted: &dyn Fn(u32, &Path) -> bool,
    ) -> Result<CardSource, Failure> {
        let (client, folder) = (admin.client(), admin.folder());
        let choice = card_files::choose(
            "new-world",
            "administrator cards",
            client,
            folder,
            &self.modules,
            &self.cards,
        )?;
        Ok(choice.source(|folder| {
            (1..=CARDS_MAX)
                .map(|number| (number, card_files::admin(folder, number)))
                .filter(|(number, file)| wanted(*number, file))
                .map(|(_, file)| file)
                .collect()
        }))
    }

    fn params(&self, quorum: &str) -> Result<WorldParams, Failure> {
        let mistake = |error: Error| Failure::CommandLine(error.to_string());
        let (needed, cards) = values::quorum(quorum)?;
        let mut params = WorldParams::new(needed, cards);
        if let Some(name) = &self.cipher_suite {
            params.suite = Suite::by_name(name).map_err(mistake)?;
        }
        if self.no_recovery {
            params.features.apply("!r").map_err(mistake)?;
        }
        for word in &self.features {
            if self.no_recovery && word.starts_with("r=") {
                return Err(Failure::CommandLine(
                    "a quorum for recovery, which --no-recovery disables".to_owned(),
                ));
            }
            params.features.apply(word).map_err(mistake)?;
        }
        params.nso_timeout = self.nso_timeout;
        params.passphrase_min = self.pp_min.unwrap_or(0);
        params.share_target = !self.no_remoteshare_cert;
        params.strict_fips = self.mode.is_some();
        params.fips_140_3 = self.mode == Some(Mode::Fips1403Level3);
        let kml = KML_TYPES
            .iter()
            .find(|(name, _)| self.kml_type.as_deref() == Some(*name));
        params.kml = kml.map_or(params.kml, |(_, kml)| *kml);
        params.disable_pkcs1_padding = self.disablepkcs1padding;
        params.check().map_err(mistake)?;
        Ok(params)
    }
}

/// Says which modules are emulators.
fn warn_of_emulators(client: &Client, modules: &[u32]) -> Result<(), Failure> {
    for module in modules {
        match Enquiry::of(client, *module) {
            Ok(enquiry) => {
                if let Some(warning) = emulator::warning(&enquiry) {
                    cli::complain("new-world", &warning);
                }
            }
            // The action itself says which module there is not.
            Err(Error::Status { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let arguments = std::iter::once("new-world").chain(arguments.iter().copied());
        Options::from_arg_matches(&cli::command::<Options>().try_get_matches_from(arguments)?)
    }

    #[test]
    fn the_action_follows_from_the_world_unless_it_is_given() {
        let action =
            |arguments: &[&str], has_world| parse(arguments).unwrap().action(has_world).unwrap();
        assert_eq!(action(&[], false), Action::Create);
        assert_eq!(action(&[], true), Action::Load);
        assert_eq!(action(&["-i"], true), Action::Create);
        assert!(parse(&["-l"]).unwrap().action(false).is_err());
        assert_eq!(action(&["--factory"], true), Action::Erase);
        assert_eq!(action(&["--init"], true), Action::Create);
        assert!(parse(&["-i", "-l"]).is_err());
    }

    #[test]
    fn options_of_a_new_world_are_refused_for_an_old_one() {
        for arguments in [
            &["-l", "-Q", "1/1"][..],
            &["-e", "nv=1"],
            &["-l", "-R"],
            &["-e", "--card", "x"],
            &["-l", "--mode=fips-140-2-level-3"],
            &["-l", "--kml-type=DSAp1024s160"],
            &["-e", "-S"],
        ] {
            let refused = parse(arguments).unwrap().action(true);
            assert!(
                matches!(refused, Err(Failure::CommandLine(_))),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn parameters_are_read_from_all_forms_of_options() {
        let options = parse(&[
            "-iSm1,2",
            "-Q2/3",
            "--nso-timeout=90m",
            "--pp-min",
            "8",
            "--mode=fips-140-3-level-3",
            "--kml-type=DSAp1024s160",
            "nv=1",
            "!fto",
            "no-dsee",
        ])
        .unwrap();
        assert_eq!(options.modules, [1, 2]);
        let params = options
            .params(options.acs_quorum.as_deref().unwrap())
            .unwrap();
        let mut expected = WorldParams::new(2, 3);
        for word in ["nv=1", "!fto", "!dsee"] {
            expected.features.apply(word).unwrap();
        }
        expected.nso_timeout = Some(5_400);
        expected.passphrase_min = 8;
        expected.share_target = false;
        (expected.strict_fips, expected.fips_140_3) = (true, true);
        expected.kml = KMLType::DSAp1024s160;
        assert_eq!(params, expected);
    }

    #[test]
    fn what_only_the_vendors_tool_does_is_refused_by_name() {
        for word in [
            "-G",
            "--audit-logging",
            "--reduced-features",
            "--strict-sp80056ar3",
            "--mode=common-criteria-cmts",
            "--cipher-suite=ECp521mAES",
            "--cipher-suite=DLf1024s160mDES3",
            "--kml-type=NISTp521hSHA1",
        ] {
            let Err(Failure::CommandLine(text)) = parse(&[word]).unwrap().check_emulated() else {
                panic!("{word} is taken");
            };
            let name = word.rsplit('=').next().unwrap();
            assert!(
                text.contains(name) && text.contains("not emulated"),
                "{text}"
            );
        }
        let plain = &["-i", "--kml-type=DSAp3072s256", "--mode=fips-140-3-level-3"];
        assert!(parse(plain).unwrap().check_emulated().is_ok());
    }

    #[test]
    fn mistakes_are_found_before_a_module_is_touched() {
        let refused = |arguments: &[&str], quorum| {
            let refused = parse(arguments).unwrap().params(quorum);
            assert!(
                matches!(refused, Err(Failure::CommandLine(_))),
                "{arguments:?} {quorum}"
            );
        };
        refused(&[], "2/1");
        refused(&[], "1");
        refused(&[], "x/y");
        refused(&["nv=4"], "1/3");
        refused(&["-R", "r=1"], "1/1");
        refused(&["--nso-timeout", "10"], "1/1");
        for arguments in [
            &["--nso-timeout", "x"][..],
            &["--nso-timeout", "9999999h"],
            &["-m", "-1"],
            &["-c", "rot13"],
            &["--what"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
