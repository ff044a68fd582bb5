//! What every utility that needs a module or a world says in every state of theirs: one snapshot a state.

mod common;

use std::fs;

use common::Rig;
use csp::settings::SetupParameters;
use ncore::types::{ConfigurePoolModuleArgs, FailArgs};
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::{Admin, WorldParams};

/// Each utility with what it does most; CARD stands for the administrator card's file. What changes something comes last.
const COMMANDS: [(&str, &[&str]); 14] = [
    ("cspcheck", &[]),
    ("csputils", &[]),
    ("csputils", &["-d"]),
    ("configure-csp-poolmode", &["--mscapi"]),
    ("configure-csp-poolmode", &["--cng"]),
    ("keytst", &["-p24"]),
    ("keytst", &["-cx", "-s", "-n", "new"]),
    ("keytst", &["-cs", "-p3", "-n", "long", "-L", "2048"]),
    ("keytst", &["-cs", "-C", "-s", "-n", "counted"]),
    ("csptest", &["-f", "--seconds=1", "--threads=1"]),
    ("cspnvfix", &["-x", "one", "--admin-card=CARD"]),
    ("cspimport", &["-d", "one", "-k", "mscapi,none", "-s"]),
    (
        "cspwizard",
        &["--create-card-set=1/1", "--card-set-name=ops"],
    ),
    ("keytst", &["-d", "-n", "one"]),
];

/// Runs every utility.
fn table(rig: &Rig) -> String {
    let mut table = String::new();
    for (utility, arguments) in COMMANDS {
        let card = rig.admin_card().display().to_string();
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| argument.replace("CARD", &card))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = rig.run(utility, &arguments);
        table.push_str(&format!("$ {utility} {}\n", arguments.join(" ")));
        for line in run.stdout.lines() {
            // The rates are of this run.
            let line = match line.split_once(" signatures") {
                Some(_) => "N signatures",
                None => line,
            };
            // How many there are is this run's too.
            if !table.ends_with(&format!("\n{line}\n")) {
                table.push_str(&format!("{line}\n"));
            }
        }
        for line in run.stderr.lines() {
            table.push_str(&format!("! {line}\n"));
        }
        table.push_str(&format!("-> {}\n\n", run.code.unwrap()));
    }
    rig.masked(&table)
}

/// A world with a container that has a key.
fn in_use() -> Rig {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cx", "-n", "one"]);
    rig
}

fn admin(rig: &Rig) -> Admin {
    Admin::open(&rig.environment()).unwrap()
}

#[test]
fn no_world() {
    insta::assert_snapshot!(table(&Rig::without_world()));
}

#[test]
fn usable() {
    insta::assert_snapshot!(table(&in_use()));
}

#[test]
fn failed_module() {
    let rig = in_use();
    // A module that fails may not live to tell.
    let _ = admin(&rig).client().transact(FailArgs { module: 1 });
    insta::assert_snapshot!(table(&rig));
}

#[test]
fn foreign_module() {
    let rig = in_use();
    let aside = rig.folder.path().join("aside");
    fs::rename(rig.local(), &aside).unwrap();
    let cards = CardSource::Files(vec![rig.folder.path().join("other-card")]);
    let parameters = WorldParams::new(1, 1);
    admin(&rig)
        .create(&[1], &parameters, &cards, &mut Unattended::default())
        .unwrap();
    fs::remove_dir_all(rig.local()).unwrap();
    fs::rename(&aside, rig.local()).unwrap();
    insta::assert_snapshot!(table(&rig));
}

#[test]
fn fips_140_level_3() {
    let rig = Rig::without_world();
    let cards = CardSource::Files(vec![rig.admin_card()]);
    let parameters = WorldParams {
        strict_fips: true,
        ..WorldParams::new(1, 1)
    };
    admin(&rig)
        .create(&[1], &parameters, &cards, &mut Unattended::default())
        .unwrap();
    // Nobody puts in the card that csptest's key would need.
    let nobody = SetupParameters {
        no_desktop: true,
        prompt_timeout_secs: 0,
        ..SetupParameters::default()
    };
    nobody.write(&rig.environment()).unwrap();
    insta::assert_snapshot!(table(&rig));
}

#[test]
fn pool() {
    let rig = in_use();
    rig.succeed("configure-csp-poolmode", &["--mscapi", "-e"]);
    let pool = ConfigurePoolModuleArgs::default();
    admin(&rig).client().transact(pool).unwrap();
    insta::assert_snapshot!(table(&rig));
}

#[test]
fn pool_mode_without_a_pool() {
    let rig = in_use();
    rig.succeed("configure-csp-poolmode", &["--mscapi", "-e"]);
    insta::assert_snapshot!(table(&rig));
}
