//! `cspmigrate`: from an export of the registry into the world.

mod common;
#[allow(dead_code, reason = "its main function")]
#[path = "../examples/old-containers.rs"]
mod old_containers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::Rig;
use csp::admin::{KeySpec, Scope, Wanted};
use csp::identity::Identity;
use nfkm::Session;

const PROVIDER: &str = "nCipher Enhanced RSA and AES Cryptographic Provider";
const USER: &str = r"HKEY_CURRENT_USER\Software\nCipher\Cryptography\Containers";
const MACHINE: &str = r"HKEY_LOCAL_MACHINE\SOFTWARE\nCipher\Cryptography\Containers";

/// A world with keys `old` and `new`, and a registry with what `containers` says.
fn rig(containers: &str) -> (Rig, PathBuf) {
    let rig = Rig::start();
    let session = Session::open(&rig.environment()).unwrap();
    for ident in ["old", "new"] {
        session
            .generate_key_pair(&common::rsa_key("simple", ident))
            .unwrap();
    }
    let path = rig.folder.path().join("old.reg");
    let head = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\Other]\r\n\"a\"=\"b\"\r\n\r\n";
    fs::write(&path, format!("{head}{containers}")).unwrap();
    (rig, path)
}

fn container(root: &str, name: &str, values: &[(&str, &str)]) -> String {
    let mut text = format!("[{root}\\{PROVIDER}\\{name}]\r\n");
    for (name, value) in values {
        let value = value.replace('\\', r"\\").replace('"', "\\\"");
        text.push_str(&format!("\"{name}\"=\"{value}\"\r\n"));
    }
    text + "\r\n"
}

/// The keys of a container in the world; None if it is not there.
fn keys(rig: &Rig, scope: &Scope, name: &str) -> Option<[Option<String>; 2]> {
    let wanted = Wanted {
        name: name.to_owned(),
        scope: scope.clone(),
        prov_type: Some(24),
    };
    let (_, record) = rig.containers().find(&wanted).ok()?;
    let ident = |spec: KeySpec| {
        let slot = record.slots[spec as usize].as_ref()?;
        Some(format!("{},{}", slot.appname, slot.ident))
    };
    Some([ident(KeySpec::Exchange), ident(KeySpec::Signature)])
}

fn user() -> Scope {
    Scope::User(Identity::from_process().unwrap().user.to_string())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn containers_move_and_the_rest_of_the_registry_stays() {
    let old = [
        container(USER, "one", &[("ExchangeKey", "simple,old")]),
        container(
            USER,
            "odd",
            &[("Name", r#"a\b "c""#), ("SignatureKey", "simple,new")],
        ),
        container(
            MACHINE,
            "one",
            &[
                ("exchangekey", "simple,new"),
                ("SignatureKey", "simple,old"),
            ],
        ),
        container(USER, "empty", &[]),
    ];
    let (rig, file) = rig(&old.concat());
    let said = rig.succeed("cspmigrate", &[text(&file)]);
    assert_eq!(said, "4 container(s) migrated, 0 skipped\n");
    let (old, new) = (Some("simple,old".to_owned()), Some("simple,new".to_owned()));
    assert_eq!(keys(&rig, &user(), "one"), Some([old.clone(), None]));
    assert_eq!(keys(&rig, &user(), r#"a\b "c""#), Some([None, new.clone()]));
    assert_eq!(keys(&rig, &Scope::Machine, "one"), Some([new, old]));
    assert_eq!(keys(&rig, &user(), "empty"), Some([None, None]));
    // The keys work.
    let listed = rig.succeed("keytst", &["-p24", "-n", "one"]);
    assert!(listed.contains("exchange key   1024 bits"), "{listed}");
    rig.succeed("cspcheck", &[]);
    let left = fs::read_to_string(&file).unwrap();
    assert!(
        left.contains("Software\\Other") && !left.contains("Containers"),
        "{left}"
    );
    assert_eq!(
        rig.succeed("cspmigrate", &[text(&file)]),
        "0 container(s) migrated, 0 skipped\n"
    );
}

#[test]
fn what_is_made_of_containers_comes_back_as_they_were() {
    let rig = Rig::start();
    let odd = r#"a\b "c""#;
    rig.succeed("keytst", &["-cxs", "-n", "web"]);
    rig.succeed("keytst", &["-cs", "-n", odd]);
    rig.succeed("keytst", &["-cx", "-m", "-p13", "-n", "web"]);
    let list = || rig.succeed("csputils", &["--json", "--all"]);
    let before = list();
    let file = rig.folder.path().join("old.reg");
    fs::write(&file, old_containers::export(&before).unwrap()).unwrap();
    for ident in rig.containers().idents().unwrap() {
        fs::remove_file(rig.containers().path(&ident).unwrap()).unwrap();
    }
    let said = rig.succeed("cspmigrate", &[text(&file)]);
    assert_eq!(said, "3 container(s) migrated, 0 skipped\n");
    assert_eq!(list(), before);
    rig.succeed("cspcheck", &[]);
}

#[test]
fn which_key_to_keep_is_answered_by_switch_and_by_answer() {
    let keeps_new = ("simple,new", "key simple old is in the container no longer");
    let keeps_old = ("simple,old", "key simple new is in the container no longer");
    for (switch, answer, (expected, left)) in [
        (Some("-q"), "", keeps_new),
        (Some("-f"), "", keeps_old),
        (None, "-q\n", keeps_new),
        (None, "q\n", keeps_new),
        (None, "-f\n", keeps_old),
        (None, "what?\nf\n", keeps_old),
    ] {
        let (rig, file) = rig(&container(USER, "one", &[("ExchangeKey", "simple,old")]));
        rig.succeed(
            "cspimport",
            &["-d", "one", "--create", "-x", "-k", "simple,new"],
        );
        let arguments: Vec<&str> = switch.into_iter().chain([text(&file)]).collect();
        let run = rig.run_with_input("cspmigrate", &arguments, answer);
        assert_eq!(run.code, Some(0), "{switch:?} {answer:?}: {}", run.stderr);
        assert_eq!(run.stdout, "1 container(s) migrated, 0 skipped\n");
        assert!(run.stderr.contains(left), "{}", run.stderr);
        assert_eq!(
            keys(&rig, &user(), "one"),
            Some([Some(expected.to_owned()), None])
        );
        assert!(!fs::read_to_string(&file).unwrap().contains("Containers"));
        // Neither key's file is gone.
        for ident in ["old", "new"] {
            rig.containers().key("simple", ident).unwrap();
        }
    }
}

#[test]
fn without_an_answer_and_without_a_conflict_nothing_is_lost() {
    let old = [
        container(USER, "one", &[("ExchangeKey", "simple,old")]),
        // The same key on both sides, and one beside the other, are no conflict.
        container(USER, "same", &[("ExchangeKey", "simple,old")]),
        container(USER, "beside", &[("SignatureKey", "simple,old")]),
    ];
    let (rig, file) = rig(&old.concat());
    for (name, key) in [("one", "new"), ("same", "old"), ("beside", "new")] {
        let key = format!("simple,{key}");
        rig.succeed("cspimport", &["-d", name, "--create", "-x", "-k", &key]);
    }
    let run = rig.run("cspmigrate", &[text(&file)]);
    insta::assert_snapshot!(rig.masked(&run.transcript()));
    let (old, new) = (Some("simple,old".to_owned()), Some("simple,new".to_owned()));
    assert_eq!(keys(&rig, &user(), "one"), Some([new.clone(), None]));
    assert_eq!(keys(&rig, &user(), "same"), Some([old.clone(), None]));
    assert_eq!(keys(&rig, &user(), "beside"), Some([new, old]));
    assert!(fs::read_to_string(&file).unwrap().contains("\\one]"));
}

#[test]
fn what_cannot_be_moved_is_named_and_stays() {
    let old = [
        container(USER, "missing", &[("ExchangeKey", "simple,missing")]),
        container(USER, "no pair", &[("ExchangeKey", "simple")]),
        container(USER, "bad name", &[("ExchangeKey", "Simple App,old")]),
        container(USER, "good", &[("ExchangeKey", "simple,old")]),
        container(USER, "kind", &[("SignatureKey", "simple,old")])
            .replace(PROVIDER, "nShield DSS Signature Cryptographic Provider"),
        container(USER, "provider", &[]).replace(PROVIDER, "Some Other Provider"),
    ];
    let (rig, file) = rig(&old.concat());
    let run = rig.run("cspmigrate", &[text(&file)]);
    insta::assert_snapshot!(rig.masked(&run.transcript()));
    let left = fs::read_to_string(&file).unwrap();
    for name in ["missing", "no pair", "bad name", "kind", "provider"] {
        assert!(left.contains(&format!("\\{name}]")), "{name}");
    }
    assert!(!left.contains("\\good]"));
    assert_eq!(rig.containers().idents().unwrap().len(), 1);
}

#[test]
fn an_interruption_at_any_instant_loses_nothing() {
    const CONTAINERS: usize = 40;
    let names: Vec<String> = (0..CONTAINERS).map(|number| format!("c{number}")).collect();
    let old: String = names
        .iter()
        .map(|name| container(USER, name, &[("ExchangeKey", "simple,old")]))
        .collect();
    let (rig, file) = rig(&old);
    let key = Some([Some("simple,old".to_owned()), None]);
    let check = || {
        let left = fs::read_to_string(&file).unwrap();
        for name in &names {
            let moved = keys(&rig, &user(), name) == key;
            assert!(
                moved || left.contains(&format!("\\{name}]")),
                "{name} is lost"
            );
        }
        left.matches("Containers").count()
    };
    for round in 0..25 {
        let mut child = rig.command("cspmigrate", &[text(&file)]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 2));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        if check() == 0 {
            break;
        }
    }
    rig.succeed("cspmigrate", &[text(&file)]);
    assert_eq!(check(), 0);
    assert!(names.iter().all(|name| keys(&rig, &user(), name) == key));
}
