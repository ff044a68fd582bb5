//! `csputils`, `cspcheck` and `cspimport` over containers that `keytst` made.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use common::{Rig, Run};
use csp::admin::{KeySpec, Scope, Slot};
use csp::identity::{Identity, SID_VARIABLE};
use nfkm::Session;

/// The ident of the container that the user, or the machine, has under this name.
fn ident(rig: &Rig, name: &str) -> String {
    let containers = rig.containers();
    let idents = containers.idents().unwrap();
    let named = |ident: &&String| containers.read(ident).unwrap().name == name;
    idents.iter().find(named).unwrap().clone()
}

fn slot(rig: &Rig, name: &str, spec: KeySpec) -> Option<Slot> {
    let record = rig.containers().read(&ident(rig, name)).unwrap();
    record.slots[spec as usize].clone()
}

#[test]
fn containers_are_listed_detailed_and_deleted() {
    let rig = Rig::start();
    for arguments in [
        &["-cxs", "-n", "both"][..],
        &["-cc", "-n", "none"],
        &["-cs", "-n", "machine's", "-m"],
    ] {
        rig.succeed("keytst", arguments);
    }
    let transcript = rig.transcript(
        "csputils",
        &[
            &[],
            &["-m"],
            &["-a"],
            &["-d"],
            &["-d", "-n", "none"],
            &["-n", "no such"],
            &["-n", "both", "--provider=3"],
            &[
                "-n",
                "both",
                "--provider=nCipher Enhanced RSA and AES Cryptographic Provider",
            ],
            &["-n", "both", "--provider=5"],
            &["--sid=S-1-5-21-1-2-3-1000"],
            &["--json", "-n", "both"],
            &["--delete=no such"],
        ],
    );
    insta::assert_snapshot!(transcript);
}

#[test]
fn the_containers_of_one_owner_are_checked_alone() {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cxs", "-n", "mine"]);
    rig.succeed("keytst", &["-cs", "-n", "machine's", "-m"]);
    let idents = ["mine", "machine's"].map(|name| ident(&rig, name));
    let user = Identity::from_process().unwrap().user.to_string();
    for (arguments, checked) in [
        (&[][..], [true, true]),
        (&["-m"], [false, true]),
        (&["-U", user.as_str()], [true, false]),
        (&["-U", "S-1-5-21-1-2-3-1000"], [false, false]),
    ] {
        let report = rig.succeed("cspcheck", arguments);
        for (ident, checked) in idents.iter().zip(checked) {
            let line = format!("{ident}: ok\n");
            assert_eq!(report.contains(&line), checked, "{arguments:?}: {report}");
        }
        assert!(
            report.ends_with("cspcheck: all containers are OK\n"),
            "{report}"
        );
    }
    let Slot { ident: key, .. } = slot(&rig, "machine's", KeySpec::Signature).unwrap();
    let report = rig.succeed("cspcheck", &["-mV"]);
    assert!(
        report.contains(&format!(": ok\n  signature key mscapi {key}\n")),
        "{report}"
    );
    // A key that is gone is a problem of its owner alone.
    std::fs::remove_file(rig.local().join(format!("key_mscapi_{key}"))).unwrap();
    rig.succeed("cspcheck", &["-U", &user]);
    let run = rig.run("cspcheck", &["-m"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains(&format!("missing key mscapi {key}")));
}

#[test]
fn only_administrators_delete_and_keys_are_left() {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cxs", "-n", "both", "-m"]);
    let nobody = |arguments: &[&str]| {
        let mut command = rig.command("csputils", arguments);
        if Identity::from_process().unwrap().administrator {
            // Others must find the folder, but not write to it.
            for folder in [rig.folder.path(), &rig.options.kmdata, &rig.local()] {
                let everyone = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(folder, everyone).unwrap();
            }
            command.uid(65_534);
        }
        Run::of(&mut command)
    };
    let refused = nobody(&["-m", "--delete=both"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("not allowed"), "{}", refused.stderr);
    let before = rig.containers().idents().unwrap();
    assert_eq!(before.len(), 1);

    let administrator = Identity {
        administrator: true,
        ..Identity::from_process().unwrap()
    };
    let containers = csp::admin::Containers::open(&rig.environment(), administrator).unwrap();
    containers.delete_file(&before[0]).unwrap();
    assert_eq!(rig.containers().idents().unwrap(), [""; 0]);
    assert_eq!(rig.containers().key_idents().unwrap().len(), 2);
}

#[test]
fn a_damaged_container_is_named_and_can_be_deleted_by_its_ident() {
    let rig = Rig::start();
    rig.succeed("keytst", &["-cx", "-n", "one"]);
    rig.succeed("keytst", &["-cx", "-n", "two"]);
    let damaged = ident(&rig, "one");
    let file = rig.local().join(format!("key_mscapi_{damaged}"));
    std::fs::write(&file, b"").unwrap();
    let run = rig.run("csputils", &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains(&damaged), "{}", run.stderr);
    assert!(run.stdout.contains("`two'"), "{}", run.stdout);
    if Identity::from_process().unwrap().administrator {
        let delete = format!("--delete={damaged}");
        assert_eq!(
            rig.succeed("csputils", &[&delete]),
            format!("{damaged} deleted.\n")
        );
        assert!(!file.exists());
    }
}

#[test]
fn any_key_of_the_world_goes_into_a_container() {
    let rig = Rig::start();
    let session = Session::open(&rig.environment()).unwrap();
    session
        .generate_key_pair(&common::rsa_key("simple", "outside"))
        .unwrap();
    rig.succeed("keytst", &["-cx", "-n", "dst"]);
    let transcript = rig.transcript(
        "cspimport",
        &[
            &["-d", "dst", "-s", "-k", "simple,outside"],
            &["-d", "dst", "-s", "-k", "simple,outside"],
            &["-d", "dst", "-x", "-k", "simple,outside"],
            &["-d", "dst", "-x", "-k", "simple,outside", "--force"],
            &["-d", "new", "-x", "-k", "simple,outside"],
            &["-d", "new", "-x", "-k", "simple,outside", "--create"],
            &[
                "-d",
                "dss",
                "-s",
                "-k",
                "simple,outside",
                "--create",
                "--provider=3",
            ],
            &["-d", "dst", "-x", "-k", "simple,missing"],
            &["-d", "dst", "-x", "-k", "Not A,name"],
            &["-d", "dst", "-x", "-k", "simple"],
            &["-d", "dst", "-k", "simple,outside"],
            &["-d", "dst"],
            &["-k", "simple,outside", "-x"],
            &["-d", "dst", "-k", "simple,outside", "-f", "new", "-x"],
        ],
    );
    insta::assert_snapshot!(transcript);
    // The key works: CryptoAPI loads it, and tells its length.
    let listed = rig.succeed("keytst", &["-p24", "-n", "new"]);
    assert!(listed.contains("exchange key   1024 bits"), "{listed}");
    assert_eq!(rig.containers().idents().unwrap().len(), 2);
    rig.succeed("cspcheck", &[]);
}

#[test]
fn keys_are_copied_from_containers_of_users_unknown_here() {
    let rig = Rig::start();
    // A container of another machine's user: its file was brought here with its keys.
    let administrator = Identity {
        administrator: true,
        ..Identity::from_process().unwrap()
    };
    let containers = csp::admin::Containers::open(&rig.environment(), administrator).unwrap();
    let stranger = Scope::User("S-1-5-21-1-2-3-1000".to_owned());
    let source = containers.create(24, &stranger, "theirs").unwrap();
    rig.succeed("keytst", &["-cxs", "-n", "both"]);
    let both = rig.containers().read(&ident(&rig, "both")).unwrap().slots;
    let copied = both.clone();
    containers
        .change(&source, |slots| -> Result<(), csp::admin::Error> {
            *slots = copied;
            Ok(())
        })
        .unwrap();
    if !Identity::from_process().unwrap().administrator {
        return;
    }
    rig.succeed("cspimport", &["-d", "mine", "-f", &source, "--create"]);
    assert_eq!(
        rig.containers().read(&ident(&rig, "mine")).unwrap().slots,
        both
    );
    // One key alone, among the machine's containers.
    rig.succeed(
        "cspimport",
        &["-m", "-d", "machine's", "-f", &source, "--create", "-s"],
    );
    assert_eq!(slot(&rig, "machine's", KeySpec::Exchange), None);
    assert_eq!(slot(&rig, "machine's", KeySpec::Signature), both[1]);
    let complaint = rig.fail(1, "cspimport", &["-d", "mine", "-f", "nobody's"]);
    assert!(complaint.contains("no container `nobody's'"), "{complaint}");
}

#[test]
fn a_claimed_sid_is_the_users_for_names_and_descriptors() {
    let rig = Rig::start();
    let claimed = "S-1-5-21-1-2-3-1001";
    let run = |utility, arguments: &[&str], sid: &str| {
        let mut command = rig.command(utility, arguments);
        command
            .env(SID_VARIABLE, sid)
            .env("NFLOG_FILE", "&2")
            .env("NFLOG_SEVERITY", "ERROR");
        Run::of(&mut command)
    };
    let made = run("keytst", &["-cs", "-n", "theirs"], claimed);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    // printf '%s\0%s\0%s\0' "$PROVIDER" S-1-5-21-1-2-3-1001 theirs | iconv -t UTF-16LE | openssl sha1
    let expected = "container-551ebcd5c629414a5bf3baee340d6be86aa839c0";
    assert_eq!(rig.containers().idents().unwrap(), [expected]);
    let record = rig.containers().read(expected).unwrap();
    assert_eq!(record.scope, Scope::User(claimed.to_owned()));
    assert_eq!(record.descriptor.owner().unwrap().to_string(), claimed);

    let there = run("csputils", &["-d", "-n", "theirs"], claimed);
    assert_eq!(there.code, Some(0), "{}", there.stderr);
    rig.fail(1, "csputils", &["-d", "-n", "theirs"]);
    let mine = rig.run("keytst", &["-n", "theirs"]);
    assert!(mine.stderr.contains("no provider has"), "{}", mine.stderr);

    for utility in ["keytst", "csputils"] {
        let bad = run(utility, &["-n", "theirs"], "S-1-5-x");
        assert_eq!(bad.code, Some(1), "{}", bad.stdout);
        let named = bad.stderr.contains("NCCAPI_SID: `S-1-5-x' is no SID");
        assert!(named, "{}", bad.stderr);
    }
}

#[test]
fn a_sid_that_is_none_is_a_bad_command_line() {
    let rig = Rig::start();
    for (utility, arguments) in [
        ("cspcheck", &["-U", "bogus"][..]),
        ("csputils", &["--sid=bogus"]),
        ("csputils", &["--sid=S-1-5-x"]),
        ("cspimport", &["--sid=", "-d", "a", "-s", "-k", "simple,a"]),
        ("cspnvfix", &["--sid=S-1-", "-s", "a"]),
    ] {
        let said = rig.fail(2, utility, arguments);
        assert!(said.contains("SID"), "{utility}: {said}");
    }
    rig.succeed("cspcheck", &["-U", "S-1-5-18"]);
}
