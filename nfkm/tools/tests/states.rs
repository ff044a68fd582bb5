//! What the utilities that tell of a state say in each state there is, so that any change of their text is a difference to
//! be reviewed. The emulator is seeded: hashes and serial numbers are the same each time, dates alone are not.

mod common;

use common::Rig;
use ncore::types::ConfigurePoolModuleArgs;
use nfkm::world::admin::Admin;

#[test]
fn no_world() {
    let rig = Rig::start();
    insta::assert_snapshot!(rig.transcript(&[
        ("enquiry", &[]),
        ("nfkminfo", &[]),
        ("nfkminfo", &["-k"]),
        ("nfkminfo", &["-l"]),
        ("nfkminfo", &["-c"]),
        ("nfkminfo", &["-s"]),
        ("slotinfo", &[]),
        ("nfkmcheck", &[]),
        ("nopclearfail", &["-n", "-a"]),
    ]));
}

/// A world with an operator card set and a softcard, and a key under each protection. The operator card is in the reader.
fn rig_in_use() -> Rig {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", "p", &rig.file("card", "admin")]);
    rig.insert(1, "ann");
    rig.succeed_with_input("createocs", &["-Q1/1", "-Nops", "-p"], "secret\n");
    rig.succeed("ppmk", &["--new", "--recoverable", "soft"]);
    let key = ["--batch", "simple", "size=1024"];
    for more in [
        &["protect=module", "ident=plain", "plainname=Plain"][..],
        &["protect=softcard", "ident=soft"],
    ] {
        rig.succeed("generatekey", &[&key, more].concat());
    }
    let carded = ["-cops", "protect=token", "ident=carded"];
    rig.succeed_with_input("generatekey", &[&key[..], &carded].concat(), "secret\n");
    rig
}

#[test]
fn a_world_in_use() {
    let rig = rig_in_use();
    let set = nfkm::hex(&rig.session().card_set("ops").unwrap().hkltu);
    let softcard = nfkm::hex(&rig.session().softcard("soft").unwrap().hkltu);
    insta::assert_snapshot!(rig.transcript(&[
        ("enquiry", &[]),
        ("nfkminfo", &[]),
        ("nfkminfo", &["-m1", "-p"]),
        ("nfkminfo", &["-k"]),
        ("nfkminfo", &["-k", "simple", "carded"]),
        ("nfkminfo", &["-l"]),
        ("nfkminfo", &["-c"]),
        ("nfkminfo", &["-c", &set]),
        ("nfkminfo", &["-s"]),
        ("nfkminfo", &["-s", &softcard]),
        ("slotinfo", &["-m1"]),
        ("slotinfo", &["-m1", "-s0"]),
        ("cardpp", &["--examine"]),
        ("ppmk", &["--list"]),
        ("nfkmcheck", &[]),
        ("nfkmcheck", &["--verbose"]),
        ("nfkmverify", &[]),
    ]));
}

#[test]
fn a_world_in_use_for_programs() {
    let rig = rig_in_use();
    let set = nfkm::hex(&rig.session().card_set("ops").unwrap().hkltu);
    let softcard = nfkm::hex(&rig.session().softcard("soft").unwrap().hkltu);
    let commands: &[(&str, &[&str])] = &[
        ("enquiry", &["--json"]),
        ("enquiry", &["--json", "-m1"]),
        ("nfkminfo", &["--json"]),
        ("nfkminfo", &["--json", "-p", "-m2"]),
        ("nfkminfo", &["--json", "-k"]),
        ("nfkminfo", &["--json", "-k", "simple", "carded"]),
        ("nfkminfo", &["--json", "-l"]),
        ("nfkminfo", &["--json", "-c"]),
        ("nfkminfo", &["--json", "-c", &set]),
        ("nfkminfo", &["--json", "-s"]),
        ("nfkminfo", &["--json", "-s", &softcard]),
        ("slotinfo", &["--json"]),
        ("slotinfo", &["--json", "-m1"]),
        ("slotinfo", &["--json", "-m1", "-s0"]),
        ("nfkmcheck", &["--json"]),
        ("ppmk", &["--json", "--list"]),
        ("cardpp", &["--json", "--examine"]),
    ];
    for (utility, arguments) in commands {
        let answer = rig.succeed(utility, arguments);
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&answer);
        assert!(parsed.is_ok(), "{utility} {arguments:?}: {answer}");
    }
    insta::assert_snapshot!(rig.transcript(commands));
}

#[test]
fn a_world_of_fips_140_level_3() {
    let rig = Rig::start();
    let mode = "--mode=fips-140-2-level-3";
    rig.succeed("new-world", &["-Q1/1", mode, &rig.file("card", "admin")]);
    insta::assert_snapshot!(rig.transcript(&[
        ("enquiry", &["-m1"]),
        ("nfkminfo", &[]),
        ("generatekey", &["--batch", "simple", "ident=a"]),
        ("perfcheck", &["modexp:1"]),
    ]));
    rig.succeed(
        "new-world",
        &[
            "-iQ1/1",
            "--mode=fips-140-3-level-3",
            "--kml-type=DSAp1024s160",
            &rig.file("card", "new"),
        ],
    );
    let report = rig.succeed("nfkminfo", &[]);
    assert!(
        report.contains("\n mode        fips1403level3\n"),
        "{report}"
    );
}

#[test]
fn a_module_and_cards_of_another_world() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1", "-Q1/1", &rig.file("card", "admin")]);
    rig.insert(1, "theirs");
    rig.succeed("createocs", &["-Q1/1", "-Ntheirs"]);
    let world = rig.file("card", "other");
    rig.succeed("new-world", &["-i", "-m2", "-Q1/1", &world]);
    insta::assert_snapshot!(rig.transcript(&[
        ("nfkminfo", &[]),
        ("slotinfo", &["-m1"]),
        ("slotinfo", &["-m1", "-s0"]),
        ("cardpp", &["--examine"]),
        ("createocs", &["--erase"]),
        ("slotinfo", &["--format", "-m1", "-s0"]),
        ("nfkmcheck", &[]),
        ("generatekey", &["--batch", "-m1", "simple", "ident=a"]),
    ]));
}

#[test]
fn a_card_of_this_world_in_an_erased_module_is_not_called_blank() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    rig.insert(1, "ann");
    rig.succeed("createocs", &["-Q1/1", "-Nops"]);
    rig.succeed("new-world", &["-e"]);
    let transcript = rig.transcript(&[
        ("slotinfo", &["-m1"]),
        ("slotinfo", &["-m1", "-s0"]),
        ("nfkminfo", &["-m1"]),
        ("slotinfo", &["--format", "-m1", "-s0"]),
    ]);
    assert!(!transcript.to_lowercase().contains("blank"), "{transcript}");
    insta::assert_snapshot!(transcript);
    // The card is whole: with the module back in its world it is what it was.
    rig.succeed("new-world", &["-l", &rig.file("card", "admin")]);
    let report = rig.succeed("slotinfo", &["-m1", "-s0"]);
    assert!(report.contains(" Card: `ops' #1\n"), "{report}");
}

#[test]
fn a_reader_with_each_kind_of_card() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-Q1/1", &rig.file("card", "admin")]);
    let looks: &[(&str, &[&str])] = &[
        ("slotinfo", &["-m1"]),
        ("slotinfo", &["-m1", "-s0"]),
        ("nfkminfo", &["-m1"]),
        ("cardpp", &["--examine"]),
    ];
    let mut shown = String::new();
    let mut look = |what: &str| shown.push_str(&format!("=== {what}\n{}", rig.transcript(looks)));
    look("no card");
    rig.insert(1, "ann");
    look("unformatted");
    rig.succeed("slotinfo", &["--format", "-m1", "-s0"]);
    look("blank");
    rig.succeed("createocs", &["-Q1/1", "-Nops"]);
    look("operator");
    rig.empty(1);
    rig.damage("ann");
    rig.insert(1, "ann");
    look("damaged");
    insta::assert_snapshot!(shown);
}

#[test]
fn an_administrator_card_in_the_reader() {
    let rig = Rig::start();
    rig.insert(1, "boss");
    rig.succeed_with_input("new-world", &["-Q1/1"], "secret\n");
    insta::assert_snapshot!(rig.transcript(&[
        ("slotinfo", &["-m1"]),
        ("slotinfo", &["-m1", "-s0"]),
        ("nfkminfo", &["-m1"]),
        ("cardpp", &["--examine"]),
        ("createocs", &["--erase"]),
    ]));
}

#[test]
fn a_failed_module_and_one_in_each_mode() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1"]);
    rig.succeed("nopclearfail", &["--fail", "-m1"]);
    let mut shown = rig.transcript(&[
        ("enquiry", &["-m1"]),
        ("nfkminfo", &[]),
        ("slotinfo", &["-m1"]),
        ("nopclearfail", &["-n", "-a"]),
    ]);
    for mode in ["-I", "-M"] {
        shown.push_str(&rig.transcript(&[
            ("nopclearfail", &[mode, "-m2"]),
            ("enquiry", &["-m2"]),
            ("nfkminfo", &["-m2"]),
            ("slotinfo", &["-m2"]),
        ]));
    }
    shown.push_str(&rig.transcript(&[
        ("generatekey", &["--batch", "simple", "ident=a"]),
        ("nfkmverify", &[]),
        ("createocs", &["-Q1/1"]),
        ("new-world", &["-l", "-m1"]),
        ("perfcheck", &["-m1", "modexp:1"]),
        ("nopclearfail", &["-r", "-m1"]),
        ("nopclearfail", &["-O", "-m2"]),
    ]));
    insta::assert_snapshot!(shown);
}

#[test]
fn a_pool_of_all_modules() {
    let rig = Rig::start();
    rig.succeed("new-world", &["-m1,2", "-Q1/1"]);
    let admin = Admin::open(&rig.environment()).unwrap();
    let pool = ConfigurePoolModuleArgs::default();
    admin.client().transact(pool).unwrap();
    insta::assert_snapshot!(rig.transcript(&[
        ("enquiry", &["-m3"]),
        ("nfkminfo", &[]),
        ("nfkminfo", &["--pool"]),
        ("slotinfo", &["-m3"]),
        ("nopclearfail", &["-n", "-a"]),
        ("nopclearfail", &["-n", "-m3"]),
        ("new-world", &["-l", "-m3"]),
        ("createocs", &["-m3", "-Q1/1"]),
        ("ppmk", &["-m3", "--new", "soft"]),
    ]));
}
