//! What all utilities have in common: the help options, bad command lines, and a hardserver, a world or a folder that is not
//! there. Each utility is tried in each case.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};

use common::{Rig, masked, text};

/// A utility, a command of it that does something, and what that needs.
struct Utility {
    name: &'static str,
    command: &'static [&'static str],
    server: bool,
    /// A world; without one the utility names it.
    world: bool,
    /// The folder of the world's files, read before anything else.
    folder: bool,
}

const fn utility(
    name: &'static str,
    command: &'static [&'static str],
    [server, world, folder]: [bool; 3],
) -> Utility {
    Utility {
        name,
        command,
        server,
        world,
        folder,
    }
}

const UTILITIES: [Utility; 21] = [
    utility("cardpp", &["--examine"], [true, true, true]),
    utility("checkmod", &[], [true, false, false]),
    utility("createocs", &["-Q1/1"], [true, true, true]),
    utility("enquiry", &[], [true, false, false]),
    utility("floodtest", &["-t1", "-l512"], [true, false, false]),
    utility(
        "generatekey",
        &["--batch", "simple", "ident=a", "size=1024"],
        [true, true, true],
    ),
    utility("initunit", &[], [true, false, false]),
    utility("new-world", &["-l"], [true, true, true]),
    utility("nfkmcheck", &[], [false, true, true]),
    utility("nfkminfo", &[], [true, false, true]),
    utility("nfkmverify", &[], [true, true, true]),
    utility("nopclearfail", &["-n", "-a"], [true, false, false]),
    utility("nvram-sw", &[], [true, true, true]),
    utility(
        "perfcheck",
        &["-s", "-t1", "-q1", "modexp:1"],
        [true, true, true],
    ),
    utility("ppmk", &["--list"], [true, true, true]),
    utility("preload", &["-f", "tokens", "true"], [true, true, true]),
    utility("racs", &[], [true, true, true]),
    utility("rocs", &[], [true, true, true]),
    utility("rtc", &["--set-clock"], [true, true, true]),
    utility("slotinfo", &[], [true, false, true]),
    utility("stattree", &["ServerGlobals"], [true, false, false]),
];

#[test]
fn the_table_has_every_utility() {
    let commands = nfkm_tools::commands();
    let names: Vec<&str> = commands.iter().map(clap::Command::get_name).collect();
    assert_eq!(names, UTILITIES.map(|utility| utility.name));
}

#[test]
fn every_utility_has_help_version_and_usage() {
    let rig = Rig::start();
    let mut helps = String::new();
    for Utility { name, .. } in UTILITIES {
        let help = rig.succeed_silently(name, &["-h"]);
        assert_eq!(rig.succeed_silently(name, &["--help"]), help, "{name}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{name}: a line is wider than a terminal"
        );
        assert!(exit_codes(&help).is_superset(&BTreeSet::from([0, 1, 2])));
        let usage = rig.succeed_silently(name, &["-u"]);
        assert_eq!(rig.succeed_silently(name, &["--usage"]), usage, "{name}");
        assert!(usage.starts_with(&format!("Usage: {name} ")), "{usage}");
        assert!(help.starts_with(&usage), "{name}");
        for option in ["-v", "--version", "--vers"] {
            assert_eq!(
                rig.succeed_silently(name, &[option]),
                format!("{name} {} (softshield)\n", env!("CARGO_PKG_VERSION"))
            );
        }
        helps.push_str(&help);
        helps.push('\n');
    }
    insta::assert_snapshot!(helps);
}

#[test]
fn an_unknown_option_is_named_and_the_usage_follows() {
    let rig = Rig::start();
    for Utility { name, .. } in UTILITIES {
        let usage = rig.succeed_silently(name, &["-u"]);
        for option in ["--no-such-option", "-~"] {
            let output = rig.run(name, &[option]);
            let said = (output.status.code(), text(&output.stdout));
            assert_eq!(said, (Some(2), String::new()), "{name}");
            let complaint = text(&output.stderr);
            let (first, rest) = complaint.split_once('\n').unwrap();
            assert!(
                first.starts_with(&format!("{name}: ")) && first.contains(option),
                "{first}"
            );
            assert_eq!(rest, usage, "{name}");
        }
    }
}

#[test]
fn a_wrong_value_is_named_with_its_option_as_it_is_typed() {
    let rig = Rig::start();
    for (utility, arguments, expected) in [
        (
            "slotinfo",
            &["-m", "x"][..],
            "slotinfo: invalid value `x' for `--module=MODULE': not a number",
        ),
        (
            "createocs",
            &["-e", "-Q1/1"],
            "createocs: the argument `--erase' cannot be used with `--ocs-quorum=K/N'",
        ),
        (
            "floodtest",
            &["-t", "soon"],
            "floodtest: invalid value `soon' for `--time=TIME': not a number of seconds",
        ),
    ] {
        let complaint = rig.fail(2, utility, arguments);
        assert_eq!(complaint.lines().next(), Some(expected));
    }
}

#[test]
fn without_a_hardserver_each_says_where_it_looked() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    let missing = rig.folder.path().join("nobody");
    let mut said = String::new();
    for utility in UTILITIES {
        let mut command = in_folder(&rig, &utility);
        command
            .env("NFAST_SERVER", &missing)
            .env("NFAST_PRIVSERVER", &missing);
        let output = command.output().unwrap();
        said.push_str(&outcome(&rig, &utility, &output, utility.server));
        if utility.server {
            assert!(
                text(&output.stderr).contains("nobody")
                    && text(&output.stderr).ends_with("ServerNotRunning\n"),
                "{}: {}",
                utility.name,
                text(&output.stderr)
            );
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn without_a_world_each_that_needs_one_says_so() {
    let rig = Rig::start();
    // So that initunit has nothing to complain of.
    rig.succeed("nopclearfail", &["-I", "-m1"]);
    let mut said = String::new();
    for utility in UTILITIES {
        let output = in_folder(&rig, &utility).output().unwrap();
        said.push_str(&outcome(&rig, &utility, &output, utility.world));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_folder_that_cannot_be_read_is_named() {
    let rig = Rig::start();
    rig.succeed("nopclearfail", &["-I", "-m1"]);
    // Not even an administrator reads a folder that is a file.
    let file = rig.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let mut said = String::new();
    for utility in UTILITIES {
        let mut command = in_folder(&rig, &utility);
        let output = command.env("NFAST_KMLOCAL", &file).output().unwrap();
        said.push_str(&outcome(&rig, &utility, &output, utility.folder));
        assert_eq!(
            text(&output.stderr).contains(&file.display().to_string()),
            utility.folder,
            "{}",
            utility.name
        );
    }
    insta::assert_snapshot!(said);
}

#[test]
fn the_end_of_the_input_answers_no_question() {
    let rig = Rig::start();
    let fails = |utility: &str, arguments: &[&str], said: &str| {
        let output = rig.run_with_input(utility, arguments, "");
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{utility}: {complaint}");
        let last = complaint.lines().last().unwrap();
        assert!(
            last.starts_with(&format!("{utility}: ")) && last.contains(said),
            "{utility}: {complaint}"
        );
    };
    fails("new-world", &[], "--acs-quorum=K/N gives it");
    // A card's pass phrase is asked for when the card is at hand.
    fails("new-world", &["-Q1/1"], "an empty one none");
    rig.succeed("new-world", &["-Q1/1"]);
    fails("createocs", &[], "--ocs-quorum=K/N gives it");
    fails("createocs", &["-Q1/1", "-M"], "--name-cards takes a line");
    fails("createocs", &["-Q1/1"], "an empty one none");
    fails("ppmk", &["--new", "soft"], "an empty one none");
    fails("generatekey", &["simple"], "protect=VALUE gives it");
    let key = [
        "simple",
        "protect=module",
        "recovery=yes",
        "type=AES",
        "size=128",
    ];
    fails("generatekey", &key, "ident=VALUE gives it");
    assert_eq!(rig.session().card_sets().unwrap().records, []);
}

/// The command of a utility, in the rig's folder, where it may leave files.
fn in_folder(rig: &Rig, utility: &Utility) -> Command {
    let mut command = rig.command(utility.name, utility.command);
    command.current_dir(rig.folder.path()).stdin(Stdio::null());
    command
}

/// Checks what every outcome has in common: a code that the help lists, and for a failure no report but one line of
/// complaint. What was said, for the snapshot.
fn outcome(rig: &Rig, utility: &Utility, output: &Output, fails: bool) -> String {
    let name = utility.name;
    let (code, complaint) = (output.status.code().unwrap(), text(&output.stderr));
    assert_eq!(code, i32::from(fails), "{name}: {complaint}");
    let codes = exit_codes(&rig.succeed_silently(name, &["-h"]));
    assert!(codes.contains(&code), "{name}: {code} is not in its help");
    if !fails {
        return format!("$ {name}: success\n");
    }
    assert_eq!(text(&output.stdout), "", "{name}");
    assert!(
        complaint.starts_with(&format!("{name}: ")) && complaint.lines().count() == 1,
        "{name}: {complaint}"
    );
    masked(rig, &format!("$ {name}: failure\n{complaint}"))
}

/// The codes that a help lists.
fn exit_codes(help: &str) -> BTreeSet<i32> {
    let (_, list) = help.split_once("\nExit codes:\n").unwrap();
    let words = list.lines().filter_map(|line| line.split(' ').next());
    words.filter_map(|word| word.parse().ok()).collect()
}
