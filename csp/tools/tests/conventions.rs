//! What all utilities have in common: the help options, bad command lines, and a world or a hardserver that is not there.

mod common;

use std::fs;

use common::{Rig, Run, command};

const UTILITIES: [&str; 11] = [
    "cnginstall",
    "cngregister",
    "configure-csp-poolmode",
    "cspcheck",
    "cspimport",
    "cspmigrate",
    "cspnvfix",
    "csptest",
    "csputils",
    "cspwizard",
    "keytst",
];

fn run(utility: &str, arguments: &[&str]) -> Run {
    Run::of(&mut command(utility, arguments))
}

#[test]
fn every_utility_has_help_version_and_usage() {
    let mut helps = String::new();
    for utility in UTILITIES {
        let help = run(utility, &["-h"]);
        assert_eq!(
            (help.code, help.stderr.as_str()),
            (Some(0), ""),
            "{utility}"
        );
        assert_eq!(run(utility, &["--help"]).stdout, help.stdout, "{utility}");
        helps.push_str(&help.stdout);
        helps.push('\n');

        let usage = run(utility, &["-u"]);
        assert_eq!(
            (usage.code, usage.stderr.as_str()),
            (Some(0), ""),
            "{utility}"
        );
        assert_eq!(run(utility, &["--usage"]).stdout, usage.stdout, "{utility}");
        assert!(help.stdout.starts_with(&usage.stdout), "{utility}");

        for option in ["-v", "--version"] {
            let version = run(utility, &[option]);
            assert_eq!(
                version.stdout,
                format!("{utility} {} (softshield)\n", env!("CARGO_PKG_VERSION"))
            );
            assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
        }
    }
    insta::assert_snapshot!(helps);
}

#[test]
fn an_unknown_option_is_named_and_the_usage_follows() {
    for utility in UTILITIES {
        let usage = self::run(utility, &["-u"]).stdout;
        for option in ["--no-such-option", "-~"] {
            let run = run(utility, &[option]);
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{utility}");
            let (complaint, rest) = run.stderr.split_once('\n').unwrap();
            assert!(
                complaint.starts_with(&format!("{utility}: ")) && complaint.contains(option),
                "{complaint}"
            );
            assert_eq!(rest, usage, "{utility}");
        }
    }
}

/// A command of each utility that needs the world.
const NEED_WORLD: [(&str, &[&str]); 5] = [
    ("cspcheck", &[]),
    ("cspimport", &["-d", "a", "-k", "simple,a", "-x"]),
    ("csputils", &[]),
    ("cspwizard", &["--pool-mode=on"]),
    ("keytst", &["-p24", "-cx", "-n", "a"]),
];

#[test]
fn without_a_world_or_a_readable_folder_a_sentence_says_so() {
    let rig = Rig::without_world();
    let mut said = String::new();
    for (utility, arguments) in NEED_WORLD {
        said.push_str(&rig.transcript(utility, &[arguments]));
    }
    // Not even an administrator reads a folder that is a file.
    let file = rig.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for (utility, arguments) in NEED_WORLD {
        let mut command = rig.command(utility, arguments);
        let run = Run::of(command.env("NFAST_KMLOCAL", &file));
        said.push_str(&format!(
            "$ {utility} (folder is a file)\n{}\n",
            rig.masked(&run.transcript())
        ));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn without_a_hardserver_what_needs_it_says_so_and_the_rest_works() {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cx", "-n", "a"]);
    let run = |utility: &str, arguments: &[&str]| {
        let mut command = rig.command(utility, arguments);
        Run::of(command.env("NFAST_SERVER", rig.folder.path().join("no-server")))
    };
    for (utility, arguments) in [
        ("keytst", &["-l", "-p24"][..]),
        ("keytst", &["-cx", "-n", "b"]),
        ("csptest", &["-f", "--seconds=1"]),
    ] {
        let run = run(utility, arguments);
        assert_eq!(run.code, Some(1), "{utility}");
        assert!(
            run.stderr.contains("is the hardserver running"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    let card_set = run("cspwizard", &["--create-card-set=1/1"]);
    assert_eq!(card_set.code, Some(1));
    assert!(
        card_set.stderr.contains("ServerNotRunning"),
        "{}",
        card_set.stderr
    );
    for (utility, arguments) in [("csputils", &["-d"][..]), ("cspcheck", &[])] {
        let run = run(utility, arguments);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{utility}");
    }
}

#[test]
fn a_system_without_a_registry_says_so() {
    let mut said = String::new();
    for (utility, arguments) in [
        ("cnginstall", &["--install"][..]),
        ("cnginstall", &["-U"]),
        ("cnginstall", &[]),
        ("cngregister", &[]),
        ("cngregister", &["-U"]),
        ("cspmigrate", &[]),
    ] {
        let run = run(utility, arguments).transcript();
        said.push_str(&format!("$ {utility} {}\n{run}\n", arguments.join(" ")));
    }
    insta::assert_snapshot!(said);
}
