//! What all utilities have in common: the help options, bad command lines, and a world or a hardserver that is not there.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

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
        let usage = run(utility, &["-u"]).stdout;
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

/// A command of each utility that does something.
const COMMANDS: [(&str, &[&str]); 12] = [
    ("cnginstall", &["--install"]),
    ("cngregister", &[]),
    ("configure-csp-poolmode", &["--mscapi", "--enable"]),
    ("cspcheck", &[]),
    ("cspimport", &["-d", "a", "-k", "simple,a", "-x"]),
    ("cspmigrate", &["old.reg"]),
    ("cspnvfix", &["0123456789abcdef0123456789abcdef01234567"]),
    ("csptest", &["-f", "--seconds=1", "--threads=1"]),
    ("csputils", &["-d"]),
    ("cspwizard", &["--pool-mode=on"]),
    ("cspwizard", &["--create-card-set=1/1"]),
    ("keytst", &["-p24", "-cx", "-n", "a"]),
];

/// Runs every command, with this setting changed, and checks what every outcome has in common: a code that the help
/// lists, and for a failure a last line that says why. What was said, for the snapshot.
fn each(rig: &Rig, variable: &str, value: &Path) -> String {
    let old = rig.folder.path().join("old.reg");
    let container = "[HKEY_CURRENT_USER\\Software\\nCipher\\Cryptography\\Containers\\nCipher Enhanced RSA and AES \
                     Cryptographic Provider\\a]\r\n\"ExchangeKey\"=\"simple,a\"\r\n";
    let head = "Windows Registry Editor Version 5.00\r\n\r\n";
    let mut said = String::new();
    for (utility, arguments) in COMMANDS {
        fs::write(&old, format!("{head}{container}")).unwrap();
        let mut command = rig.command(utility, arguments);
        command.current_dir(rig.folder.path());
        let run = Run::of(command.env(variable, value));
        let codes = exit_codes(&self::run(utility, &["-h"]).stdout);
        assert!(
            run.code.is_some_and(|code| codes.contains(&code)),
            "{utility}: {:?}: {}",
            run.code,
            run.stderr
        );
        if run.code != Some(0) {
            let last = run.stderr.lines().last().unwrap_or_default();
            assert!(last.starts_with(&format!("{utility}: ")), "{last}");
        }
        let transcript = rig.masked(&run.transcript());
        said.push_str(&format!(
            "$ {utility} {}\n{transcript}\n",
            arguments.join(" ")
        ));
    }
    said
}

/// The codes that a help lists.
fn exit_codes(help: &str) -> BTreeSet<i32> {
    let (_, list) = help.split_once("\nExit codes:\n").unwrap();
    let words = list.lines().filter_map(|line| line.split(' ').next());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_utility_is_tried_in_each_case() {
    let tried: BTreeSet<&str> = COMMANDS.map(|(utility, _)| utility).into_iter().collect();
    assert_eq!(tried, BTreeSet::from(UTILITIES));
}

#[test]
fn without_a_world_each_that_needs_one_says_so() {
    let rig = Rig::without_world();
    // Where the files are is not changed by naming it once more.
    insta::assert_snapshot!(each(&rig, "NFAST_KMDATA", &rig.options.kmdata));
}

#[test]
fn a_folder_that_cannot_be_read_is_named() {
    let rig = Rig::without_world();
    // Not even an administrator reads a folder that is a file.
    let file = rig.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    insta::assert_snapshot!(each(&rig, "NFAST_KMLOCAL", &file));
}

#[test]
fn without_a_hardserver_each_says_what_it_could_not_do() {
    let rig = Rig::start();
    let missing = rig.folder.path().join("no-server");
    insta::assert_snapshot!(each(&rig, "NFAST_SERVER", &missing));
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
        assert!(run.stderr.contains("ServerNotRunning"), "{}", run.stderr);
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
