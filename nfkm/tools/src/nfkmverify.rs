//! `nfkmverify`: whether keys were made by modules of the world, and their ACLs bind them to it (UTILITIES section 7.2).

use std::fmt::{Display, Write};
use std::process::ExitCode;

use clap::{ArgGroup, Parser};
use indicatif::ProgressBar;
use ncore::types::{ACL, AdminKey, KeyType, KeyTypeData, NFKMNKF};
use nfkm::kmdata::{Folder, KeyRecord};
use nfkm::{EntryName, Environment, Error, Session, VerifiedKey, World, hex};
use serde_json::{Value as Json, json};

use crate::acl;
use crate::card_files;
use crate::cli::{self, Failure};
use crate::modules;
use crate::progress;

/// Check that keys were made by modules of the Security World, and that their ACLs bind them to it.
///
/// Without names, all keys are checked. Other data of applications is passed over.
///
/// The vendor's -v is -V here, since -v is the version of every utility. Its -R, which shows the ACL of the recovery copy, is
/// left out: that copy is loaded with the administrator cards alone.
#[derive(Debug, Parser)]
#[command(name = "nfkmverify", group = ArgGroup::new("which").args(["certificate", "loaded"]))]
struct Options {
    /// Go on with the keys although the world itself fails
    #[arg(short, long)]
    force: bool,
    /// Show public keys and the ACLs that keys were made with
    #[arg(short = 'V', long)]
    verbose: bool,
    /// Take keys that no module can be asked about: imported ones, and those of modules that are not there
    #[arg(short = 'U', long)]
    unverifiable: bool,
    /// Show the ACL that the key was made with
    #[arg(short = 'C', long)]
    certificate: bool,
    /// Show the ACL of the loaded key
    #[arg(short = 'L', long)]
    loaded: bool,
    /// Do it on this module alone
    #[arg(short, long, value_name = "MODULE")]
    module: Option<u32>,
    /// Answer in JSON: what is wrong with the world and with each key
    #[arg(short, long, conflicts_with_all = ["verbose", "certificate", "loaded"])]
    json: bool,
    /// The keys, two words each
    #[arg(value_name = "APPNAME IDENT")]
    keys: Vec<String>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let environment = Environment::from_process();
        let folder = environment.folder()?;
        let world = World::required(&folder)?;
        let names = options.names(&folder)?;
        let session = Session::open_on(&environment, options.module)?;
        let modules = match options.module {
            Some(module) => vec![module],
            None => modules::units(&*session.client()?)?,
        };
        card_files::authorise("nfkmverify", &session, &modules, &[])?;
        let problems = session.verify_world()?;
        if !options.json {
            cli::print(&world_section(&world, &problems))?;
        }
        let goes_on = problems.is_empty() || options.force;
        let names: Vec<EntryName> = names.into_iter().filter(|_| goes_on).collect();
        let mut counts = Counts {
            keys: Vec::new(),
            verified: 0,
            failed: problems.len(),
            passed_over: 0,
            bar: progress::bar(names.len(), "keys"),
        };
        for name in &names {
            options.key(&session, name, &mut counts)?;
            counts.bar.inc(1);
        }
        counts.bar.finish_and_clear();
        if options.json {
            cli::print_json(&json!({
                "world": { "hknso": hex(&world.hknso), "problems": problems },
                "keys": counts.keys,
            }))?;
        }
        match goes_on {
            true => counts.conclude(options.json),
            false => Err(Failure::Operation(
                "the Security World is not verified".to_owned(),
            )),
        }
    })
}

impl Options {
    fn names(&self, folder: &Folder) -> Result<Vec<EntryName>, Failure> {
        if self.keys.is_empty() {
            return Ok(folder.entries(None)?);
        }
        self.keys
            .chunks(2)
            .map(|pair| match pair {
                [appname, ident] => Ok(EntryName::new(appname, ident)?),
                _ => Err(Failure::CommandLine(
                    "a key is named by two words, APPNAME IDENT".to_owned(),
                )),
            })
            .collect()
    }

    /// Checks one key. What is wrong with it is counted; only what stops every check is a failure.
    fn key(&self, session: &Session, name: &EntryName, counts: &mut Counts) -> Result<(), Failure> {
        let verified = match session.verify_key(name) {
            Ok(verified) => verified,
            // Containers and the like are no keys, but a key that was asked for by name should be one.
            Err(Error::WrongContent { .. }) if self.keys.is_empty() => {
                counts.passed_over += 1;
                return Ok(());
            }
            Err(
                error @ (Error::WrongContent { .. }
                | Error::Corrupt { .. }
                | Error::Foreign { .. }
                | Error::NotFound { .. }
                | Error::File { .. }),
            ) => {
                counts.failed += 1;
                counts
                    .keys
                    .push(key_json(name, false, &[error.to_string()], None));
                counts.complain(&error);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let acl = match self.loaded {
            true => &verified.loaded_with,
            false => &verified.made_with,
        };
        let is_asked_for = self.verbose || self.certificate || self.loaded;
        let shown = acl.as_ref().filter(|_| is_asked_for);
        let accepted = verified.uncertified.is_none() || self.unverifiable;
        let is_good = verified.problems.is_empty() && accepted;
        let VerifiedKey {
            problems,
            uncertified,
            ..
        } = &verified;
        match self.json {
            true => {
                let answer = key_json(name, is_good, problems, uncertified.as_deref());
                counts.keys.push(answer);
            }
            false => {
                let section = key_section(name, &verified, shown, self.verbose);
                counts.bar.suspend(|| cli::print(&section))?;
            }
        }
        match is_good {
            true => counts.verified += 1,
            false => counts.failed += 1,
        }
        for problem in &verified.problems {
            counts.complain(&format!("{}: {problem}", name.file_name()));
        }
        if let Some(why) = verified.uncertified.filter(|_| !accepted) {
            counts.complain(&format!("{}: cannot be verified: {why}", name.file_name()));
        }
        Ok(())
    }
}

struct Counts {
    /// What was found of each key, for programs.
    keys: Vec<Json>,
    verified: usize,
    failed: usize,
    passed_over: usize,
    bar: ProgressBar,
}

impl Counts {
    fn complain(&self, text: &dyn Display) {
        self.bar.suspend(|| cli::complain("nfkmverify", text));
    }

    fn conclude(&self, as_json: bool) -> Result<(), Failure> {
        if self.passed_over > 0 && !as_json {
            cli::print(&format!(
                "\n{} entries hold data, not keys, and were passed over.\n",
                self.passed_over
            ))?;
        }
        if self.failed > 0 {
            return Err(Failure::Operation(format!(
                "verification failed: {} problems, {} keys verified",
                self.failed, self.verified
            )));
        }
        if as_json {
            return Ok(());
        }
        let keys = if self.verified == 1 { "key" } else { "keys" };
        cli::print(&format!(
            "\nVerification successful, confirm details above. {} {keys} verified.\n",
            self.verified
        ))
    }
}

/// What was found of a key, for programs. `uncertified` says why no module can be asked about it.
fn key_json(
    name: &EntryName,
    verified: bool,
    problems: &[String],
    uncertified: Option<&str>,
) -> Json {
    json!({
        "appname": name.appname(),
        "ident": name.ident(),
        "verified": verified,
        "problems": problems,
        "uncertified": uncertified,
    })
}

/// What the world is like, and what is wrong with it.
pub fn world_section(world: &World, problems: &[String]) -> String {
    let on = |on: bool| if on { "ENABLED" } else { "disabled" };
    let has = |role| world.key(role).is_some();
    let suite = world.cipher_suite();
    let mut report = "** [Security world] **\n".to_owned();
    let rows = [
        format!(
            "Ciphersuite: {}",
            suite
                .name()
                .map_or_else(|| suite.to_string(), str::to_owned)
        ),
        format!("{} Administrator Card(s)", world.record.cards),
        format!("HKNSO {}", hex(&world.hknso)),
        format!("Cardset recovery {}", on(world.has_recovery())),
        format!("Passphrase recovery {}", on(has(AdminKey::P))),
        format!("Strict FIPS 140 {}", on(world.is_strict_fips())),
        format!("NVRAM authorisation {}", on(has(AdminKey::NV))),
        format!("Real-time clock authorisation {}", on(has(AdminKey::RTC))),
        format!(
            "SEE debugging {}",
            on(has(AdminKey::DSEE) || world.record.debug_for_all)
        ),
        format!("Foreign token open {}", on(has(AdminKey::FTO))),
        format!("Generating module ESN {}", world.record.esn),
    ];
    for row in rows.into_iter().chain(
        problems
            .iter()
            .map(|problem| format!("NOT VERIFIED: {problem}")),
    ) {
        // Writing to a string cannot fail.
        let _ = writeln!(report, "   {row}");
    }
    report
}

/// What a key is like, and what is wrong with it.
fn key_section(name: &EntryName, key: &VerifiedKey, acl: Option<&ACL>, verbose: bool) -> String {
    let record = &key.record;
    let mut report = format!("\n** [Application key {name}] **\n");
    let mut rows = vec![
        match &record.plainname {
            Some(plainname) => format!("Named `{plainname}'"),
            None => "[Named by ident alone]".to_owned(),
        },
        "Useable by HOST applications".to_owned(),
        protection(record),
        match record.recovery {
            Some(_) => "Recovery ENABLED".to_owned(),
            None => "Recovery disabled".to_owned(),
        },
        format!(
            "Type {}{}",
            KeyType(record.key_type),
            key.public
                .as_ref()
                .map_or_else(String::new, |data| format!(" {} bits", bits(&data.data)))
        ),
        format!("Generating module ESN {}", record.esn),
    ];
    rows.extend(
        key.uncertified
            .iter()
            .map(|why| format!("No proof of generation: {why}")),
    );
    rows.extend(
        key.problems
            .iter()
            .map(|problem| format!("NOT VERIFIED: {problem}")),
    );
    if verbose && let Some(public) = &key.public {
        rows.extend(acl::public_key(&public.data));
    }
    rows.extend(acl.map(acl::lines).unwrap_or_default());
    for row in rows {
        let _ = writeln!(report, "   {row}");
    }
    report
}

fn protection(record: &KeyRecord) -> String {
    let set = record.cardset.map(|hkltu| hex(&hkltu)).unwrap_or_default();
    match NFKMNKF(record.flags & NFKMNKF::Protection_mask.0) {
        NFKMNKF::ProtectionModule => "Protected by the module alone".to_owned(),
        NFKMNKF::ProtectionCardSet => format!("Protected by card set {set}"),
        NFKMNKF::ProtectionPassPhrase => format!("Protected by softcard {set}"),
        other => format!("Protected by {other}"),
    }
}

/// The size of a public key.
fn bits(data: &KeyTypeData) -> usize {
    match data {
        KeyTypeData::RSAPublic(key) => key.n.bits(),
        KeyTypeData::DSAPublic(key) => key.dlg.p.bits(),
        KeyTypeData::DHPublic(key) => key.dlg.p.bits(),
        _ => 0,
    }
}

/// Whether a key of the folder would pass, for a utility that has just made it.
///
/// # Errors
/// [`Failure`] with what is wrong with it.
pub(crate) fn verify_new(session: &Session, name: &EntryName) -> Result<(), Failure> {
    let verified = session.verify_key(name)?;
    match verified.problems.first() {
        None => Ok(()),
        Some(problem) => Err(Failure::Operation(format!(
            "{}: {problem}",
            name.file_name()
        ))),
    }
}
