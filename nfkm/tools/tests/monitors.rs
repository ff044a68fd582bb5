//! The patterns by which scripts in the field read the vendor's utilities (UTILITIES section 2, and public health checks),
//! as the shell runs them: what they find where all is well, and that they raise the alarm where it is not.

#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Rig, empty_lines, text};
use simulator::faults::Effect;

/// A world on both modules, and a key.
fn rig() -> Rig {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1", &rig.file("card", "admin")]);
    let key = [
        "--batch",
        "simple",
        "size=1024",
        "ident=plain",
        "plainname=Plain",
    ];
    rig.succeed("generatekey", &key);
    rig
}

/// What a script prints, with the utilities in its path.
fn shell(rig: &Rig, script: &str) -> String {
    let like = rig.command("enquiry", &[]);
    let folder = Path::new(like.get_program()).parent().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env_clear()
        .stdin(empty_lines());
    for (name, value) in like.get_envs() {
        command.env(name, value.unwrap());
    }
    let path = format!("{}:/usr/bin:/bin", folder.display());
    text(&command.env("PATH", path).output().unwrap().stdout)
}

const WORLD_IS_USABLE: &str = "nfkminfo | grep -A 3 '^World' | grep -c 'Initialised Usable'";
const MODULE_IS_USABLE: &str =
    "nfkminfo | grep -A 3 '^Module #1$' | grep -c '^ state      0x2 Usable$'";
const HARDWARE_IS_SOUND: &str = "enquiry -m1 2>/dev/null | grep -c '^ hardware status      OK$'";
const OTHER_MODES: &str = "enquiry 2>/dev/null | awk '$1 == \"mode\" && $2 != \"operational\"'";
const SLOT_ERRORS: &str = "nfkminfo | grep error | grep -v OK";
const FIPS: &str = "nfkminfo | grep '^ mode ' | grep -v '^ mode        none$'";

const HOT: &str = "stattree PerModule 1 ModuleEnvStats | awk '/CPUTemp|MaxTemp/ && $2 > 80'";

#[test]
fn where_all_is_well_no_alarm_is_raised() {
    let rig = rig();
    for (script, found) in [
        (WORLD_IS_USABLE, "1\n"),
        (MODULE_IS_USABLE, "1\n"),
        (HARDWARE_IS_SOUND, "1\n"),
        (OTHER_MODES, ""),
        (SLOT_ERRORS, ""),
        (FIPS, ""),
        // Negated flags begin with an exclamation mark.
        ("nfkminfo | grep -c '!Usable\\|!Initialised'", "0\n"),
        ("nfkminfo | tail -n 1", "No Pre-Loaded Objects\n"),
        ("nfkminfo -k | head -n 2", "\nKey list - 1 keys\n"),
        (
            "nfkminfo -k simple | awk '$1 == \"AppName\" { print $2, $4 }'",
            "simple plain\n",
        ),
        // Names as a table with commas.
        (
            "nfkminfo -l | grep -v 'Keys with module protection:' | sed -e 's/ `/,/g' -e \"s/'/$/\"",
            " key_simple_plain,Plain$\n",
        ),
        // Blocks are cut at the blank lines between them.
        (
            "enquiry 2>/dev/null | sed -n '/^Server:/,/^$/p' | grep -c 'Module #'",
            "0\n",
        ),
        (
            "enquiry 2>/dev/null | grep -n '^Server:$\\|^Module #1:$' | cut -d: -f2",
            "Server\nModule #1\n",
        ),
        (
            "enquiry -m0 2>/dev/null | awk '/kneti hash/ { print $3 }'",
            "0000000000000000000000000000000000000000\n",
        ),
        // What is looked at is there.
        (
            "stattree PerModule 1 ModuleEnvStats | awk '/CPUTemp|MaxTemp/ && $2 > 0' | wc -l",
            "3\n",
        ),
        (HOT, ""),
        (
            "stattree PerModule 1 ModuleEnvStats | awk '/FanRPM/ && $2 >= 3500 && $2 <= 6500' | wc -l",
            "1\n",
        ),
        (
            "stattree PerModule 1 ModuleJobStats | awk '/CPULoadPercent/ && NF == 2' | wc -l",
            "1\n",
        ),
        (
            "stattree PerModule 1 ModuleJobStats | awk '/CPULoadPercent/ && $2 > 50'",
            "",
        ),
        (
            "nopclearfail -c -m1 | grep -c '^Module 1, command ClearUnit: OK$'",
            "1\n",
        ),
        (
            "nopclearfail -O -m1 -w | grep -c '^Module 1, command ClearUnitEx: OK$'",
            "1\n",
        ),
    ] {
        assert_eq!(shell(&rig, script), found, "{script}");
    }
    let serials = shell(
        &rig,
        "enquiry -m0 2>/dev/null | grep '^ serial' | grep -oE '[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}'",
    );
    assert_eq!(serials.lines().count(), 2, "{serials}");
}

#[test]
fn where_something_is_wrong_the_alarm_is_raised() {
    let rig = rig();
    rig.succeed("nopclearfail", &["--fail", "-m1"]);
    assert_eq!(shell(&rig, MODULE_IS_USABLE), "0\n");
    assert_eq!(shell(&rig, HARDWARE_IS_SOUND), "0\n");
    // The world is usable while one module is.
    assert_eq!(shell(&rig, WORLD_IS_USABLE), "1\n");
    rig.succeed("nopclearfail", &["-M", "-m2"]);
    assert_eq!(shell(&rig, WORLD_IS_USABLE), "0\n");
    assert_eq!(
        shell(&rig, OTHER_MODES),
        " mode                 maintenance\n"
    );

    let strict = Rig::start();
    strict.succeed("new-world", &["-Q1/1", "--mode=fips-140-2-level-3"]);
    assert_eq!(shell(&strict, FIPS), " mode        fips1402level3\n");
    let none = Rig::start();
    assert_eq!(shell(&none, WORLD_IS_USABLE), "0\n");
    assert_eq!(
        shell(&none, "nfkminfo | grep -c '!Initialised !Usable'"),
        "1\n"
    );
}

#[test]
fn a_hot_module_is_found() {
    let rig = Rig::start();
    assert_eq!(shell(&rig, HOT), "");
    rig.play(Effect::Temperature(95), "NoOp");
    rig.succeed("nopclearfail", &["-n", "-m1"]);
    let hot = shell(&rig, HOT);
    assert_eq!(hot.lines().count(), 3, "{hot}");
    assert!(hot.lines().all(|line| line.ends_with(" 95")), "{hot}");
}

#[test]
fn what_was_made_is_found_in_what_is_printed() {
    let rig = Rig::start();
    let is_hash = |line: &str| line.len() == 41 && line.ends_with('\n');
    let hknso = shell(
        &rig,
        "new-world -Q1/1 2>/dev/null | sed -n 's/^security world generated on module #1; hknso = \\([0-9a-f]*\\)$/\\1/p'",
    );
    let hkltu = shell(
        &rig,
        "createocs -Q1/1 -N ops 2>/dev/null | sed -n 's/^cardset created; hkltu = \\([0-9a-f]*\\)$/\\1/p'",
    );
    assert!(is_hash(&hknso) && is_hash(&hkltu), "{hknso}{hkltu}");
    assert!(rig.succeed("nfkminfo", &["-c"]).contains(hkltu.trim_end()));
    for (words, verb) in [
        ("mscapi size=1024 protect=module", "generated"),
        ("--retarget simple ident=copy", "retargetted"),
    ] {
        let script = format!(
            "generatekey --batch {words} | grep -A 1 '^Key successfully {verb}.$' | sed -n 's/^Path to key: //p'"
        );
        let path = shell(&rig, &script);
        assert!(Path::new(path.trim_end()).is_file(), "{script}: {path}");
    }
}
