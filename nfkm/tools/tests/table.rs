//! What every utility says in every state that a module, a world or a card reader can be in: one snapshot a state. Reports
//! that tell of a state at length are in `states.rs`; here they are cut to the lines that tell it.

mod common;

use std::fs;

use common::{Rig, masked, text};
use ncore::types::ConfigurePoolModuleArgs;
use nfkm::world::admin::Admin;

/// A utility, its arguments, and the parts of lines that are kept; without one, all lines are. MODULE stands for the module
/// that is meant, FOLDER for the rig's folder. What changes something comes last.
const COMMANDS: [(&str, &[&str], &[&str]); 18] = [
    (
        "enquiry",
        &["-mMODULE"],
        &["reply flags", " mode ", "status"],
    ),
    ("nfkminfo", &["-mMODULE"], &[" state ", " error "]),
    ("nfkmcheck", &[], &[]),
    (
        "nfkmverify",
        &["-mMODULE"],
        &["simple", "Protected", "verified"],
    ),
    ("slotinfo", &["-mMODULE"], &[]),
    (
        "stattree",
        &["PerModule", "MODULE"],
        &["+#", "Serial", "ModuleO"],
    ),
    ("cardpp", &["--examine", "-mMODULE"], &[]),
    ("ppmk", &["--list"], &[]),
    ("rocs", &["-mMODULE"], &[]),
    ("checkmod", &[], &[]),
    ("floodtest", &["-t1", "-l512"], &["exponentiations"]),
    (
        "perfcheck",
        &["-mMODULE", "-s", "-t1", "-q1", "misc:1"],
        &[],
    ),
    ("nopclearfail", &["-n", "-mMODULE"], &[]),
    ("initunit", &["-mMODULE"], &[]),
    (
        "preload",
        &["-mMODULE", "-fFOLDER/tokens", "-F", "--any-one", "true"],
        &[],
    ),
    (
        "generatekey",
        &[
            "--batch",
            "-mMODULE",
            "simple",
            "protect=module",
            "size=1024",
            "ident=new",
        ],
        &["successfully"],
    ),
    (
        "createocs",
        &["-mMODULE", "-Q1/1", "-Nnew", "--card=FOLDER/new"],
        &[],
    ),
    ("new-world", &["-l", "-mMODULE", "--card=FOLDER/admin"], &[]),
];

/// Runs every utility on a module.
fn table(rig: &Rig, module: u32) -> String {
    let folder = rig.folder.path().display().to_string();
    let mut table = String::new();
    for (utility, arguments, kept) in COMMANDS {
        let arguments = arguments.iter().map(|argument| {
            let argument = argument.replace("MODULE", &module.to_string());
            argument.replace("FOLDER", &folder)
        });
        let arguments: Vec<String> = arguments.collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = rig.run(utility, &arguments);
        table.push_str(&format!("$ {utility} {}\n", arguments.join(" ")));
        let measures = matches!(utility, "floodtest" | "perfcheck");
        for line in text(&output.stdout).lines() {
            if kept.is_empty() || kept.iter().any(|part| line.contains(part)) {
                let line = if measures {
                    without_figures(line)
                } else {
                    line.to_owned()
                };
                table.push_str(&format!("{line}\n"));
            }
        }
        for line in text(&output.stderr).lines() {
            table.push_str(&format!("! {line}\n"));
        }
        table.push_str(&format!("-> {}\n\n", output.status.code().unwrap()));
    }
    masked(rig, &table)
}

/// A line whose figures are of this run.
fn without_figures(line: &str) -> String {
    let is_figure = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let words = line.split_whitespace();
    let words = words.map(|word| if is_figure(word) { "N" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A world on module 1 with a card set, a softcard and a key under each protection. The reader is empty.
fn in_use() -> Rig {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1", "-Q1/1", &rig.file("card", "admin")]);
    rig.insert(1, "ann");
    rig.succeed("createocs", &["-Q1/1", "-Nops"]);
    rig.succeed("ppmk", &["--new", "soft"]);
    for words in [
        &["protect=module", "ident=bare"][..],
        &["protect=softcard", "ident=softly"],
        &["protect=token", "ident=carded"],
    ] {
        let key = ["--batch", "simple", "size=1024"];
        rig.succeed("generatekey", &[&key, words].concat());
    }
    rig.empty(1);
    rig
}

#[test]
fn no_world() {
    insta::assert_snapshot!(table(&Rig::start(), 1));
}

#[test]
fn no_card() {
    insta::assert_snapshot!(table(&in_use(), 1));
}

#[test]
fn operator_card() {
    let rig = in_use();
    rig.insert(1, "ann");
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn unformatted_card() {
    let rig = in_use();
    rig.insert(1, "blank");
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn damaged_card() {
    let rig = in_use();
    rig.damage("ann");
    rig.insert(1, "ann");
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn factory_module() {
    insta::assert_snapshot!(table(&in_use(), 2));
}

#[test]
fn foreign_module() {
    let rig = in_use();
    let local = rig.options.kmdata.join("local");
    let aside = rig.folder.path().join("aside");
    fs::rename(&local, &aside).unwrap();
    rig.succeed(
        "new-world",
        &["-i", "-m2", "-Q1/1", &rig.file("card", "other")],
    );
    fs::remove_dir_all(&local).unwrap();
    fs::rename(&aside, &local).unwrap();
    insta::assert_snapshot!(table(&rig, 2));
}

#[test]
fn failed_module() {
    let rig = in_use();
    rig.succeed("nopclearfail", &["--fail", "-m1"]);
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn module_in_maintenance_mode() {
    let rig = in_use();
    rig.succeed("nopclearfail", &["-M", "-m1"]);
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn no_such_module() {
    insta::assert_snapshot!(table(&in_use(), 9));
}

#[test]
fn fips_140_level_3() {
    let rig = Rig::start();
    let mode = "--mode=fips-140-2-level-3";
    rig.succeed("new-world", &["-Q1/1", mode, &rig.file("card", "admin")]);
    insta::assert_snapshot!(table(&rig, 1));
}

#[test]
fn pool() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1", &rig.file("card", "admin")]);
    let admin = Admin::open(&rig.environment()).unwrap();
    let pool = ConfigurePoolModuleArgs::default();
    admin.client().transact(pool).unwrap();
    insta::assert_snapshot!(table(&rig, 3));
}
