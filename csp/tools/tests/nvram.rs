//! Keys with counters and blobs in NVRAM: `csputils` tells their state, `cspnvfix` makes erased counters again.

mod common;

use common::Rig;
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::Admin;
use nfkm::{InNvram, LoadedKey, Session};

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
    let counter = InNvram {
        counter: true,
        blob: false,
    };
    let blob = InNvram {
        counter: false,
        blob: true,
    };
    drop(key(&rig, "counted", counter));
    drop(key(&rig, "kept", blob));
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
fn without_a_hardserver_counters_are_unknown() {
    let rig = Rig::start();
    let counter = InNvram {
        counter: true,
        blob: false,
    };
    drop(key(&rig, "counted", counter));
    let mut command = rig.command("csputils", &["-d"]);
    command.env("NFAST_SERVER", rig.folder.path().join("no-server"));
    let run = common::Run::of(&mut command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("counter       unknown: "),
        "{}",
        run.stdout
    );
}
