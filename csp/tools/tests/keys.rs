//! `keytst` and `csptest` against a module, through CryptoAPI and the provider's library.

mod common;

use common::Rig;

#[test]
fn containers_and_keys_are_created_listed_and_deleted() {
    let rig = Rig::start();
    let transcript = rig.transcript(
        "keytst",
        &[
            &["-l", "-p24"],
            &["-cc", "-n", "empty"],
            &["-cc", "-n", "empty"],
            &["-cx", "-n", "one"],
            &["-cs", "-n", "one", "--length=2048", "--export"],
            &["-cx", "-n", "one"],
            &[
                "-cxs",
                "-n",
                "machine's",
                "-m",
                "-P",
                "ncipher enhanced rsa and aes cryptographic provider",
            ],
            &["-p24"],
            &["-p24", "-m"],
            &["-n", "one"],
            &["-n", "none"],
            &["-p24", "--json"],
            &["-d", "-n", "empty"],
            &["-d", "-n", "empty"],
            &["-d", "-n", "one"],
            &["-p24"],
            &["-P", "Microsoft Base Cryptographic Provider v1.0"],
            &["-cx", "-n", "short", "-L", "8"],
        ],
    );
    insta::assert_snapshot!(transcript);
}

#[test]
fn creation_flags_are_for_keys_alone() {
    let rig = Rig::start();
    for arguments in [
        &["-e"][..],
        &["-L1024"],
        &["-C", "-l"],
        &["-K", "-d", "-n", "x"],
        &["-cc", "-n", "x", "-e"],
    ] {
        let complaint = rig.fail(2, "keytst", arguments);
        assert!(
            complaint.contains("only valid with -cx or -cs"),
            "{complaint}"
        );
    }
    for arguments in [&["-cx"][..], &["-d"], &["-d", "-n", ""]] {
        let complaint = rig.fail(2, "keytst", arguments);
        assert!(complaint.contains("is not named"), "{complaint}");
    }
}

#[test]
fn every_installed_provider_tells_its_capabilities() {
    let rig = Rig::start();
    let run = rig.run("csptest", &[]);
    for names in &csp::names::NAMES {
        for name in [names.canonical, names.alias] {
            assert!(run.stdout.contains(&format!("\n{name}\n")), "{name}");
        }
    }
    insta::assert_snapshot!(run.transcript());
    let json: serde_json::Value =
        serde_json::from_str(&rig.run("csptest", &["--json"]).stdout).unwrap();
    let aes = json
        .as_array()
        .unwrap()
        .iter()
        .find(|provider| provider["name"] == "nShield Enhanced RSA and AES Cryptographic Provider")
        .unwrap();
    assert_eq!(aes["type"], 24);
    let algorithms = aes["algorithms"].as_array().unwrap();
    let aes_256 = algorithms.iter().find(|row| row["id"] == "0x6610").unwrap();
    assert_eq!(
        (&aes_256["min"], &aes_256["max"]),
        (&256.into(), &256.into())
    );
}

#[test]
fn a_flood_signs_on_all_its_threads_and_leaves_nothing() {
    let rig = Rig::start();
    for extra in [&[][..], &["--dsa"]] {
        let mut arguments = vec!["--flood", "--threads=3", "--seconds=2"];
        arguments.extend(extra);
        let report = rig.succeed("csptest", &arguments);
        let rates = report
            .lines()
            .filter(|line| line.ends_with(" signatures/s") && line.contains(" s "))
            .count();
        assert_eq!(rates, 3, "{report}");
        let summary = report.lines().last().unwrap();
        assert!(summary.contains(" on 3 threads: "), "{report}");
        let signatures: u64 = summary.split(' ').next().unwrap().parse().unwrap();
        assert!(signatures > 0, "{report}");
    }
    assert_eq!(rig.containers().idents().unwrap(), [""; 0]);
    assert_eq!(rig.containers().key_idents().unwrap(), [""; 0]);
}

#[test]
fn a_flood_without_a_hardserver_says_so_and_fails() {
    let mut command = common::command("csptest", &["--flood", "--seconds=1"]);
    command.env("NFAST_SERVER", "/nonexistent/nserver");
    let run = common::Run::of(&mut command);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("ServerNotRunning"), "{}", run.stderr);
}

#[test]
fn an_unanswered_prompt_is_not_taken_for_a_hardserver_that_is_not_there() {
    let rig = Rig::start();
    let settings = rig.folder.path().join("settings");
    std::fs::write(&settings, "no-desktop = true\nprompt-timeout = 0\n").unwrap();
    let mut command = rig.command("keytst", &["-cs", "-n", "counted", "-C"]);
    let run = common::Run::of(command.env("NCCAPI_SETTINGS", &settings));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("nobody answers a prompt in time") && run.stderr.contains("NTE_FAIL"),
        "{}",
        run.stderr
    );
}
