//! The utilities for modules as executables: modes, counts, checks and figures.

mod common;

use common::{Rig, masked, text};
use simulator::control::api;

#[test]
fn modules_are_pinged_failed_retried_and_cleared() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1"]);
    assert_eq!(
        rig.succeed("nopclearfail", &["-n", "-a"]),
        "Module 1, command NoOp: OK\nModule 2, command NoOp: OK\n"
    );
    assert_eq!(
        rig.succeed("nopclearfail", &["-c", "-m2", "-w"]),
        "Module 2, command ClearUnit: OK\n"
    );
    assert_eq!(
        rig.succeed("nopclearfail", &["--fail", "-m2"]),
        "Module 2, command Fail: OK\n"
    );
    let failed = rig.run("nopclearfail", &["-na"]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(
        text(&failed.stdout),
        "Module 1, command NoOp: OK\nModule 2, command NoOp: HardwareFailed\n"
    );
    assert!(rig.succeed("nfkminfo", &["-m2"]).contains(" Failed\n"));
    assert_eq!(
        rig.succeed("nopclearfail", &["-r", "-m2", "--wait"]),
        "Module 2, command RetryFailedModule: OK\n"
    );
    // The line that scripts look for (UTILITIES section 2).
    assert_eq!(
        rig.succeed("nopclearfail", &["-I", "-m", "1"]),
        "Module 1, command ClearUnitEx: OK\n"
    );
    assert!(rig.succeed("nfkminfo", &["-m1"]).contains(" PreInitMode\n"));
    rig.succeed("nopclearfail", &["-Mm1"]);
    assert!(rig.succeed("nfkminfo", &["-m1"]).contains(" MaintMode\n"));
    rig.succeed("nopclearfail", &["-Om1"]);
    assert!(rig.succeed("nfkminfo", &["-m1"]).contains(" 0x2 Usable\n"));
    assert!(
        rig.fail(1, "nopclearfail", &["-nm7"])
            .contains("there is no module #7")
    );
    for arguments in [
        &["-n"][..],
        &["-a"],
        &["-n", "-c", "-a"],
        &["-n", "-a", "-m1"],
    ] {
        rig.fail(2, "nopclearfail", arguments);
    }
}

#[test]
fn a_mode_that_the_switch_overrides_is_refused() {
    let rig = Rig::start();
    rig.set_switch(1, api::SwitchPosition::Operational, true);
    let refused = rig.run("nopclearfail", &["-I", "-a"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        text(&refused.stdout),
        "Module 1, command ClearUnitEx: AccessDenied\nModule 2, command ClearUnitEx: OK\n"
    );
    assert!(rig.succeed("nfkminfo", &["-m2"]).contains(" PreInitMode\n"));
    assert!(!rig.succeed("nfkminfo", &["-m1"]).contains("PreInitMode"));
    rig.succeed("nopclearfail", &["-c", "-m1"]);
    rig.set_switch(1, api::SwitchPosition::Operational, false);
    rig.succeed("nopclearfail", &["-I", "-m1"]);
}

#[test]
fn the_modes_of_a_world_are_its_modules_too() {
    let rig = Rig::start();
    let admin = rig.file("card", "admin");
    let told = |module: &str| {
        let world = rig.succeed("nfkminfo", &["-w"]);
        let state = world.lines().find(|line| line.starts_with(" state "));
        let words = state.unwrap().split(' ').map(str::to_owned);
        let of_the_mode = |word: &String| word.contains("StrongPrimes") || word.contains("PKCS1");
        let enquiry = rig.succeed("enquiry", &["-m", module]);
        let modes = enquiry
            .lines()
            .find(|line| line.starts_with(" active modes "));
        let modes = modes.unwrap().split_whitespace().skip(2).map(str::to_owned);
        [
            words.filter(of_the_mode).collect::<Vec<_>>().join(" "),
            modes.collect::<Vec<_>>().join(" "),
        ]
    };
    rig.succeed("new-world", &["-Q1/1", &admin]);
    let default = "UseFIPSApprovedInternalMechanisms AlwaysUseStrongPrimes";
    assert_eq!(
        told("1"),
        ["AlwaysUseStrongPrimes !DisablePKCS1Padding", default]
    );
    rig.succeed(
        "new-world",
        &[
            "-i",
            "-Q1/1",
            "--disablepkcs1padding",
            &rig.file("card", "new"),
        ],
    );
    let more = format!("{default} DisablePKCS1Padding");
    let expected = ["AlwaysUseStrongPrimes DisablePKCS1Padding", more.as_str()];
    assert_eq!(told("1"), expected);
    rig.succeed("new-world", &["-l", "-m2", &rig.file("card", "new")]);
    assert_eq!(told("2"), expected);
    // A key of it is made, recorded and verified all the same.
    let key = ["--batch", "simple", "ident=a", "size=1024"];
    rig.succeed("generatekey", &key);
    rig.succeed("nfkmverify", &["simple", "a"]);
    let refused = rig.fail(2, "new-world", &["-l", "--disablepkcs1padding"]);
    assert!(refused.contains("for a new world only"), "{refused}");
}

#[test]
fn a_unit_is_initialised_without_a_world() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    let refused = rig.fail(1, "initunit", &[]);
    assert!(
        refused.contains("initunit: module #1 is not in pre-initialisation mode"),
        "{refused}"
    );
    rig.succeed("nopclearfail", &["-Im1"]);
    let output = rig.run("initunit", &["-m1", "-s"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "Initialising Unit 1 (SetNSOPerms)\n");
    insta::assert_snapshot!("initunit", masked(&rig, &text(&output.stdout)));
    rig.succeed("nopclearfail", &["-Om1"]);
    assert!(
        rig.succeed("nfkminfo", &["-m1"])
            .contains("\n state      0x5 Factory\n")
    );
}

#[test]
fn what_is_counted_is_shown_as_a_tree() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    let report = rig.succeed("stattree", &["PerModule", "1", "ModuleObjStats"]);
    let head = "+PerModule:\n   +#1:\n      +ModuleObjStats:\n";
    assert!(report.starts_with(head), "{report}");
    assert!(
        report.contains("\n         -ObjectsCreated       "),
        "{report}"
    );
    let whole = rig.succeed("stattree", &[]);
    for node in [
        "+ServerGlobals:",
        "+Connections:",
        "+PerModule:",
        "   +#2:",
        "+PerDevice:",
    ] {
        assert!(whole.lines().any(|line| line == node), "{node}: {whole}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&rig.succeed("stattree", &["--json", "ServerGlobals"])).unwrap();
    assert!(
        json["ServerGlobals"]["CmdCount"].as_u64().unwrap() > 0,
        "{json}"
    );
    assert!(
        rig.fail(1, "stattree", &["PerModule", "9"])
            .contains("there is no node `PerModule 9'")
    );
    assert!(
        rig.fail(2, "stattree", &["Nonsense"])
            .contains("`Nonsense' is no name of a node")
    );
}

#[test]
fn every_module_has_its_place_in_the_tree() {
    let rig = Rig::with_modules(3);
    // The numbers are of this run; what is counted, and where, is not.
    let counted = |line: &str| match line.rsplit_once(' ') {
        Some((head, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{} N\n", head.trim_end())
        }
        _ => format!("{line}\n"),
    };
    let tree = rig.succeed("stattree", &[]);
    insta::assert_snapshot!("stattree", tree.lines().map(counted).collect::<String>());
    for module in ["1", "2", "3"] {
        let tree = rig.succeed("stattree", &["PerModule", module, "ModuleEnvStats"]);
        let head = format!("+PerModule:\n   +#{module}:\n      +ModuleEnvStats:\n         -");
        assert!(tree.starts_with(&head), "{tree}");
    }
}

#[test]
fn results_of_the_module_are_checked_and_wrong_ones_named() {
    let rig = Rig::start();
    let report = rig.succeed("checkmod", &[]);
    assert!(
        report.starts_with("built-in results: 29 of 29 correct\n"),
        "{report}"
    );
    let file = rig.folder.path().join("results");
    // 2^5 mod 23 is 9.
    std::fs::write(&file, "modexp 2 5 17 9\nmodexp 2 5 17 8\n").unwrap();
    let output = rig.run("checkmod", &[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains(": 1 of 2 correct\n"));
    assert!(text(&output.stderr).contains("results, line 2: the module has another result"));
    assert!(
        rig.fail(1, "checkmod", &["/nonexistent"])
            .contains("/nonexistent: ")
    );
}

#[test]
fn figures_are_measured_of_what_was_done() {
    let rig = Rig::start();
    let report = rig.succeed("floodtest", &["-t1", "-l512", "-q8"]);
    let last = report.lines().last().unwrap();
    assert!(
        last.contains(" exponentiations of 512 bits in ") && !last.starts_with("0 "),
        "{report}"
    );
    assert!(
        rig.fail(1, "perfcheck", &["misc:1"])
            .contains("no Security World")
    );
    rig.succeed("new-world", &["-Q1/1"]);
    let folder = rig.folder.path().join("figures");
    let folder = folder.to_str().unwrap();
    let arguments = [
        "-t1",
        "-s",
        "-q4",
        "-n",
        "-o",
        folder,
        "--json",
        "misc:1",
        "signing:1",
    ];
    let json: serde_json::Value =
        serde_json::from_str(&rig.succeed("perfcheck", &arguments)).unwrap();
    assert_eq!(json[1]["id"], "signing:1");
    for result in json.as_array().unwrap() {
        assert!(result["jobs"].as_u64().unwrap() > 0, "{result}");
        assert_eq!((&result["queue"], &result["runs"]), (&4.into(), &1.into()));
    }
    let written = std::fs::read_to_string(format!("{folder}/results.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&written).unwrap(),
        json
    );
    // The same run is no worse than itself; half the rate is.
    let compare = ["--diff", "--old", folder, "--new"];
    let table = rig.succeed("perfcheck", &[&compare[..], &[folder]].concat());
    assert!(
        table.contains("signing:1    RSA") && table.contains("+0.0%"),
        "{table}"
    );
    let mut worse = json.clone();
    let rate = &mut worse[1]["per_second"]["average"];
    *rate = (rate.as_f64().unwrap() / 2.0).into();
    let file = rig.folder.path().join("worse.json");
    std::fs::write(&file, worse.to_string()).unwrap();
    let compare = [&compare[..], &[file.to_str().unwrap()]].concat();
    let refused = rig.fail(1, "perfcheck", &compare);
    assert_eq!(
        refused,
        "perfcheck: 1 of 2 rates have fallen by more than 10%\n"
    );
    rig.succeed("perfcheck", &[&compare[..], &["--threshold=60"]].concat());
    for (broken, reason) in [
        ("junk", "no results of perfcheck"),
        ("[]", "no test in common"),
    ] {
        std::fs::write(&file, broken).unwrap();
        assert!(rig.fail(1, "perfcheck", &compare).contains(reason));
    }
    for arguments in [
        &["--diff"][..],
        &["--old=x"],
        &["--threshold=-1"],
        &["-s", "-r2"],
    ] {
        rig.fail(2, "perfcheck", arguments);
    }
    let twice = ["-t1", "-r2", "-q1", "--json", "misc:1"];
    let json: serde_json::Value = serde_json::from_str(&rig.succeed("perfcheck", &twice)).unwrap();
    assert_eq!(json[0]["runs"], 2);
    let suites = rig.succeed("perfcheck", &["--help-suites"]);
    assert_eq!(suites.lines().count(), 4, "{suites}");
    assert!(
        rig.succeed("perfcheck", &["--list", "modexp"])
            .starts_with("modexp:1     Modular")
    );
    assert!(
        rig.fail(2, "perfcheck", &["kx:9"])
            .contains("there is no test `kx:9'")
    );
}

#[test]
fn the_times_of_each_job_are_written_where_raw_data_is_wanted() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1"]);
    let folder = rig.folder.path().join("figures");
    let name = folder.to_str().unwrap();
    let output = ["-n", "-o", name];
    let words = ["-t1", "-r2", "-q2", "--capture-raw-data", "kx:1"];
    rig.succeed("perfcheck", &[&words[..], &output].concat());
    for (queue, run) in [(2, 1), (2, 2), (1, 1), (1, 2)] {
        let file = |extension| {
            let file = format!("raw_results/kx_1-queue{queue}-run{run}.{extension}");
            std::fs::read_to_string(folder.join(file)).unwrap()
        };
        let figures: serde_json::Value = serde_json::from_str(&file("json")).unwrap();
        let csv = file("csv");
        let jobs = csv.strip_prefix("sent_ms,taken_ms\n").unwrap().lines();
        assert_eq!(figures["jobs"], jobs.count(), "{figures}");
        assert_eq!(figures["run"], run);
    }
    rig.fail(2, "perfcheck", &["--capture-raw-data"]);
}
