//! Keys with counters and blobs in NVRAM: `csputils` tells their state, `cspnvfix` makes erased counters again.

mod common;

use common::Rig;
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::Admin;
use nfkm::{InNvram, LoadedKey, Session};

const BLOB: InNvram = InNvram {
    counter: false,
    blob: true,
};
const COUNTER: InNvram = InNvram {
    counter: true,
    blob: false,
};

/// Makes a key with this in NVRAM, and a container for it.
fn key(rig: &Rig, name: &str, kept: InNvram) -> LoadedKey {
    let session = Session::open(&rig.environment()).unwrap();
    let cards = CardSource::Files(vec![rig.admin_card()]);
    let authority = session
        .open_nvram(1, &cards, &mut Unattended::default())
        .unwrap();
    let key = authority
        .generate_key_pair(&common::rsa_key("simple", name), kept)
        .unwrap();
    let key_name = format!("simple,{name}");
    rig.succeed(
        "cspimport",
        &["-d", name, "--create", "-s", "-k", &key_name],
    );
    key
}

/// Loads the world on the module again, which erases its NVRAM.
fn initialise(rig: &Rig) {
    let admin = Admin::open(&rig.environment()).unwrap();
    let cards = CardSource::Files(vec![rig.admin_card()]);
    admin
        .load(&[1], &cards, true, &mut Unattended::default())
        .unwrap();
}

#[test]
fn counters_and_blobs_are_told_lost_and_made_again() {
    let rig = Rig::start();
    drop(key(&rig, "counted", COUNTER));
    drop(key(&rig, "kept", BLOB));
    rig.succeed(
        "cspimport",
        &["-d", "plain", "--create", "-s", "-k", "simple,kept"],
    );
    let card = format!("--admin-card={}", rig.admin_card().display());
    let mut transcript = rig.transcript("csputils", &[&["-d"]]);
    transcript.push_str(&rig.transcript(
        "cspnvfix",
        &[
            &[],
            &["-s", "counted", &card],
            &["-x", "counted", &card],
            &["-s", "kept", &card],
            &["0123456789abcdef0123456789abcdef01234567", &card],
            &["Not an ident", &card],
        ],
    ));
    initialise(&rig);
    transcript.push_str("\nThe module is initialised.\n\n");
    transcript.push_str(&rig.transcript(
        "csputils",
        &[&["-d", "-n", "counted"], &["-d", "-n", "kept"]],
    ));
    transcript.push_str(&rig.transcript(
        "cspnvfix",
        &[
            &["-s", "kept", &card],
            &["-s", "counted", "--admin-card=/nonexistent/card"],
            &["-s", "counted", &card],
            &["-s", "counted", &card],
        ],
    ));
    transcript.push_str(&rig.transcript(
        "csputils",
        &[&["-d", "-n", "counted"], &["--json", "-n", "counted"]],
    ));
    insta::assert_snapshot!(transcript);
}

#[test]
fn keys_with_counters_and_in_nvram_are_made_with_an_administrator_card_in_the_reader() {
    let rig = Rig::start();
    let refused = rig.fail(1, "keytst", &["-cs", "-n", "counted", "-C", "-s"]);
    assert!(refused.contains("NTE_SILENT_CONTEXT"), "{refused}");
    rig.insert_card(1, &rig.admin_card());
    for (name, flags, expected) in [
        ("counted", &["-C"][..], ["0", "counter"]),
        ("held", &["-K"], ["none", "blob"]),
        ("both", &["-C", "-K"], ["0", "blob"]),
    ] {
        rig.succeed("keytst", &[&["-cs", "-n", name], flags].concat());
        let told = rig.succeed("csputils", &["-d", "-n", name]);
        for (field, value) in [" counter", " NVRAM"].iter().zip(expected) {
            let line = format!(" {field:14} {value}\n");
            assert!(told.contains(&line), "{name}: {told}");
        }
        let flood = ["-f", "-s1", "-t2"];
        let run = rig.run("csptest", &[&flood, flags].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        stays(&run);
    }
    // The test's own keys are gone with it.
    assert_eq!(rig.containers().idents().unwrap().len(), 3);
    assert_eq!(rig.containers().key_idents().unwrap().len(), 3);
    stays(&rig.run("keytst", &["-d", "-n", "both"]));
    rig.succeed("keytst", &["-cs", "-n", "plain"]);
    let plain = rig.run("keytst", &["-d", "-n", "plain"]);
    assert_eq!((plain.code, plain.stderr.as_str()), (Some(0), ""));
}

/// What a deleted key leaves in the module is said.
fn stays(run: &common::Run) {
    let said = &run.stderr;
    assert!(
        said.contains(" stays in the NVRAM of module ") && said.contains("nvram-sw"),
        "{said}"
    );
}

#[test]
fn no_key_is_made_over_one_whose_blob_was_erased() {
    let rig = Rig::start();
    drop(key(&rig, "kept", BLOB));
    initialise(&rig);
    let said = rig.fail(1, "keytst", &["-cs", "-n", "kept"]);
    assert!(
        said.contains("NTE_KEYSET_ENTRY_BAD") && said.contains("csputils -d"),
        "{said}"
    );
    let told = rig.succeed("csputils", &["-d", "-n", "kept"]);
    assert!(told.contains("signature key  simple kept"), "{told}");
    let listed = rig.succeed("keytst", &["-n", "kept"]);
    assert!(listed.contains("not usable: "), "{listed}");
}

#[test]
fn the_area_of_a_key_that_outlives_its_container_is_not_called_left() {
    let rig = Rig::start();
    // A key that was not made for a container, and one that two containers have.
    drop(key(&rig, "outside", BLOB));
    rig.insert_card(1, &rig.admin_card());
    rig.succeed("keytst", &["-cs", "-n", "first", "-K"]);
    let idents = rig.containers().key_idents().unwrap();
    let shared = format!("mscapi,{}", idents[0]);
    rig.succeed(
        "cspimport",
        &["-d", "second", "--create", "-s", "-k", &shared],
    );
    for name in ["outside", "first"] {
        let run = rig.run("keytst", &["-d", "-n", name]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}");
    }
    stays(&rig.run("keytst", &["-d", "-n", "second"]));
}

#[test]
fn without_a_hardserver_counters_are_unknown() {
    let rig = Rig::start();
    drop(key(&rig, "counted", COUNTER));
    let mut command = rig.command("csputils", &["-d"]);
    command.env("NFAST_SERVER", rig.folder.path().join("no-server"));
    let run = common::Run::of(&mut command);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stdout.contains("counter       unknown: "),
        "{}",
        run.stdout
    );
    let mut list = rig.command("csputils", &[]);
    list.env("NFAST_SERVER", rig.folder.path().join("no-server"));
    // A list has no counters.
    assert_eq!(common::Run::of(&mut list).code, Some(0));
}
