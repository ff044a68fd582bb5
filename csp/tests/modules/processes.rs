//! Containers that several processes and several users change, each a process of its own.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use csp::admin::Containers;
use csp::constants::*;
use csp::csp::{Csp, Settings};
use csp::error::CspError;
use csp::identity::{Identity, SID_VARIABLE};
use csp::settings::SetupParameters;
use nfkm::Environment;

use crate::rig::{Rig, acquire, public_blob, sign, value};

/// Names the part that a process plays: a function below and its argument.
const PART: &str = "CSP_TEST_PART";

const BITS: u32 = 512 << 16;

/// The user `nobody`, who owns nothing.
const STRANGER: u32 = 65_534;

/// A self-relative descriptor whose ACL has no entries.
const FOR_NOBODY: [u8; 28] = [
    1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 2, 0, 8, 0, 0, 0, 0, 0,
];

/// DACL_SECURITY_INFORMATION.
const DACL: u32 = 4;

#[test]
#[ignore = "a part that the other tests give to processes of their own"]
fn part() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    // All begin when standard input ends.
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let csp = library(Environment::from_process());
    match part.split_once(' ').unwrap_or((&part, "")) {
        ("make", name) => make(&csp, name),
        ("fill", spec) => fill(&csp, spec.parse().unwrap()),
        ("live", name) => live(&csp, name),
        ("intrude", _) => intrude(&csp),
        ("own", name) => own(&csp, name),
        ("claim", name) => claim(&csp, name, 0),
        ("claim-machines", name) => claim(&csp, name, CRYPT_MACHINE_KEYSET),
        ("locked-out", _) => {
            let opened = acquire(&csp, "of the machine", CRYPT_MACHINE_KEYSET);
            assert_eq!(opened, Err(CspError::NTE_BAD_KEYSET));
        }
        _ => panic!("no such part: {part}"),
    }
}

/// The library as an application of this process's user has it.
fn library(environment: Environment) -> Csp {
    Csp::new(Settings {
        environment: Some(environment),
        identity: None,
        setup: Some(SetupParameters::default()),
        answers: None,
    })
}

/// Another process: `executable` is this one, or a copy of it.
fn process(rig: &Rig, executable: &Path, part: &str) -> Command {
    let environment = &rig.environment;
    // The shell's mask lets nobody else read what it makes.
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077 && exec \"$0\" \"$@\""])
        .arg(executable)
        .args(["--exact", "processes::part", "--ignored", "--nocapture"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("NFAST_SERVER", environment.server.as_ref().unwrap())
        .env("NFAST_KMLOCAL", environment.kmlocal.as_ref().unwrap())
        .env(PART, part)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts one process a part; they begin once all are there.
fn start(rig: &Rig, parts: &[String]) -> Vec<Child> {
    let executable = std::env::current_exe().unwrap();
    let start = |part: &String| process(rig, &executable, part).spawn().unwrap();
    let mut children: Vec<Child> = parts.iter().map(start).collect();
    children
        .iter_mut()
        .for_each(|child| drop(child.stdin.take()));
    children
}

/// Waits for a process, which must have played its part to the end.
fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let played = output.status.success() && text.contains("1 passed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(played, "{}: {text}\n{errors}", output.status);
}

/// Uses the container of the user whose SID this process claims to have, and cannot change it.
fn claim(csp: &Csp, name: &str, flags: u32) {
    let context = acquire(csp, name, flags).unwrap();
    sign(csp, context, AT_SIGNATURE, b"text").unwrap();
    let refused = Err(CspError::NTE_PERM);
    assert_eq!(csp.gen_key(context, AT_SIGNATURE, BITS), refused);
    let replaced = csp.set_prov_param(context, PP_KEYSET_SEC_DESCR, &FOR_NOBODY, DACL);
    assert_eq!(replaced, Err(CspError::NTE_PERM));
    let deleted = acquire(csp, name, CRYPT_DELETEKEYSET | flags);
    assert_eq!(deleted, Err(CspError::NTE_BAD_KEYSET));
}

/// A container with both pairs.
fn make(csp: &Csp, name: &str) {
    let context = acquire(csp, name, CRYPT_NEWKEYSET).unwrap();
    for spec in [AT_KEYEXCHANGE, AT_SIGNATURE] {
        csp.gen_key(context, spec, BITS).unwrap();
    }
}

/// Makes pair after pair in one slot of a container, while another process does so in the other slot.
fn fill(csp: &Csp, spec: u32) {
    let mut other_was_there = false;
    for _ in 0..25 {
        let context = acquire(csp, "shared", 0).unwrap();
        let made = csp.gen_key(context, spec, BITS).unwrap();
        let found = csp.get_user_key(context, spec).unwrap();
        let blob = public_blob(csp, context, found);
        assert_eq!(blob, public_blob(csp, context, made));
        sign(csp, context, spec, b"text").unwrap();
        match csp.get_user_key(context, AT_KEYEXCHANGE + AT_SIGNATURE - spec) {
            Ok(_) => other_was_there = true,
            Err(error) => {
                assert_eq!(error, CspError::NTE_NO_KEY);
                assert!(!other_was_there, "the other slot's pair is lost");
            }
        }
        csp.release_context(context, 0).unwrap();
    }
}

/// Containers from beginning to end: one of this process alone, and one that the others delete too.
fn live(csp: &Csp, name: &str) {
    for _ in 0..6 {
        make(csp, name);
        let context = acquire(csp, name, 0).unwrap();
        for spec in [AT_KEYEXCHANGE, AT_SIGNATURE] {
            sign(csp, context, spec, b"text").unwrap();
        }
        assert_eq!(acquire(csp, name, CRYPT_DELETEKEYSET), Ok(0));

        let created = acquire(csp, "common", CRYPT_NEWKEYSET);
        match created.or_else(|_| acquire(csp, "common", 0)) {
            Ok(context) => {
                // Between opening it and this it may be deleted.
                if let Err(error) = csp.gen_key(context, AT_SIGNATURE, BITS) {
                    assert_eq!(error, CspError::NTE_BAD_KEYSET);
                }
            }
            Err(error) => assert_eq!(error, CspError::NTE_BAD_KEYSET),
        }
        if let Err(error) = acquire(csp, "common", CRYPT_DELETEKEYSET) {
            assert_eq!(error, CspError::NTE_BAD_KEYSET);
        }
    }
}

/// What a stranger can do with the machine's container: use its pairs, and nothing else, through the provider or without.
fn intrude(csp: &Csp) {
    let machine = |flags| acquire(csp, "of the machine", CRYPT_MACHINE_KEYSET | flags);
    let context = machine(0).unwrap();
    sign(csp, context, AT_SIGNATURE, b"text").unwrap();
    assert_eq!(
        csp.gen_key(context, AT_KEYEXCHANGE, BITS),
        Err(CspError::NTE_PERM)
    );
    assert_eq!(
        csp.set_prov_param(context, PP_KEYSET_SEC_DESCR, &FOR_NOBODY, DACL),
        Err(CspError::NTE_PERM)
    );
    assert_eq!(machine(CRYPT_DELETEKEYSET), Err(CspError::NTE_BAD_KEYSET));
    assert_eq!(machine(CRYPT_NEWKEYSET), Err(CspError::NTE_EXISTS));

    let folder = Environment::from_process().kmlocal.unwrap();
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        fs::read(&path).unwrap();
        let written = OpenOptions::new().append(true).open(&path);
        let errors = [written.unwrap_err(), fs::remove_file(&path).unwrap_err()];
        for error in errors {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{path:?}");
        }
        files += 1;
    }
    assert!(files >= 3, "a world, a container and its key");
}

/// A container of one's own, made or changed.
fn own(csp: &Csp, name: &str) {
    let context = acquire(csp, name, 0)
        .or_else(|_| acquire(csp, name, CRYPT_NEWKEYSET))
        .unwrap();
    csp.gen_key(context, AT_SIGNATURE, BITS).unwrap();
    sign(csp, context, AT_SIGNATURE, b"text").unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn everyone_may_read_a_container_and_its_keys_whatever_the_mask() {
    let rig = Rig::start();
    start(&rig, &["make private".to_owned()])
        .into_iter()
        .for_each(finish);
    let files = rig.files();
    assert_eq!(files.len(), 3);
    let turn = rig.folder.path().join(".turn-mscapi");
    for path in files.iter().chain([&turn]) {
        assert_eq!(mode(path), 0o644, "{}", path.display());
    }

    // With the access list go the modes, and stay when the files are written again.
    let csp = library(rig.environment.clone());
    let context = acquire(&csp, "private", 0).unwrap();
    let guides =
        value(|output| csp.prov_param(context, PP_KEYSET_SEC_DESCR, DACL, output)).unwrap();
    csp.set_prov_param(context, PP_KEYSET_SEC_DESCR, &FOR_NOBODY, DACL)
        .unwrap();
    let only_mine = || rig.files().iter().all(|path| mode(path) == 0o600);
    assert!(only_mine());
    csp.gen_key(context, AT_SIGNATURE, BITS).unwrap();
    assert!(only_mine());
    csp.set_prov_param(context, PP_KEYSET_SEC_DESCR, &guides, DACL)
        .unwrap();
    assert!(rig.files().iter().all(|path| mode(path) == 0o644));
}

#[test]
fn two_processes_fill_both_slots_of_a_container_at_once() {
    let rig = Rig::start();
    let csp = library(rig.environment.clone());
    let context = acquire(&csp, "shared", CRYPT_NEWKEYSET).unwrap();
    let parts = [AT_KEYEXCHANGE, AT_SIGNATURE].map(|spec| format!("fill {spec}"));
    let mut children = start(&rig, &parts);
    // A third reads the file all the while, as a utility does, and loads what it finds.
    let containers = Containers::open(&rig.environment, Identity::from_process().unwrap()).unwrap();
    let ident = containers.idents().unwrap().remove(0);
    let mut filled = [false; 2];
    while children
        .iter_mut()
        .any(|child| child.try_wait().unwrap().is_none())
    {
        let record = containers.read(&ident).unwrap();
        let specs = [AT_KEYEXCHANGE, AT_SIGNATURE];
        for ((filled, slot), spec) in filled.iter_mut().zip(&record.slots).zip(specs) {
            assert!(slot.is_some() || !*filled, "a slot is empty again");
            *filled = slot.is_some();
            if *filled {
                let pair = csp.get_user_key(context, spec).unwrap();
                csp.destroy_key(context, pair).unwrap();
            }
        }
    }
    children.into_iter().for_each(finish);
    assert_eq!(rig.key_files().len(), 2, "one key a slot, and none left");
    for spec in [AT_KEYEXCHANGE, AT_SIGNATURE] {
        sign(&csp, context, spec, b"text").unwrap();
    }
}

#[test]
fn eight_processes_make_and_delete_containers_at_once() {
    let rig = Rig::start();
    let parts: Vec<String> = (0..8).map(|number| format!("live own {number}")).collect();
    start(&rig, &parts).into_iter().for_each(finish);
    let csp = library(rig.environment.clone());
    if let Err(error) = acquire(&csp, "common", CRYPT_DELETEKEYSET) {
        assert_eq!(error, CspError::NTE_BAD_KEYSET);
    }
    assert_eq!(rig.files(), Vec::<std::path::PathBuf>::new());
    let left = fs::read_dir(rig.folder.path()).unwrap();
    let left = left.map(|file| file.unwrap().file_name());
    let staged = left.filter(|name| name.to_string_lossy().starts_with(".new-"));
    assert_eq!(staged.count(), 0);
}

#[test]
fn another_user_may_use_the_machines_pairs_and_change_nothing_but_his_own() {
    if !Identity::from_process().unwrap().administrator {
        println!("skipped: only the superuser can start a process of another user");
        return;
    }
    let rig = Rig::start();
    // As for a folder of many users: each may put files there, and remove his own.
    fs::set_permissions(rig.folder.path(), Permissions::from_mode(0o1777)).unwrap();
    let socket = Path::new(rig.environment.server.as_ref().unwrap());
    fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(socket.parent().unwrap(), Permissions::from_mode(0o711)).unwrap();
    // Where the build is, others may have no way.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let executable = place.path().join("modules");
    fs::copy(std::env::current_exe().unwrap(), &executable).unwrap();
    let stranger = |part: &str| {
        let mut command = process(&rig, &executable, part);
        command.uid(STRANGER).gid(STRANGER).current_dir("/");
        let mut child = command.spawn().unwrap();
        drop(child.stdin.take());
        finish(child);
    };

    let csp = library(rig.environment.clone());
    let context = acquire(
        &csp,
        "of the machine",
        CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET,
    )
    .unwrap();
    csp.gen_key(context, AT_SIGNATURE, BITS).unwrap();
    stranger("intrude");

    let machines = rig.files();
    stranger("own mine");
    let owners = || {
        let files = rig.files().into_iter();
        let his = files.filter(|path| !machines.contains(path));
        let mut owners: Vec<u32> = his.map(|path| fs::metadata(path).unwrap().uid()).collect();
        owners.sort_unstable();
        owners
    };
    assert_eq!(owners(), [STRANGER, STRANGER]);

    // An administrator changes it: it stays the user's, who can go on.
    let containers = rig.container_files();
    let his = containers
        .iter()
        .find(|path| !machines.contains(path))
        .unwrap();
    let name = his.file_name().unwrap().to_str().unwrap();
    let opened = acquire(&csp, name.strip_prefix("key_mscapi_").unwrap(), 0).unwrap();
    csp.gen_key(opened, AT_KEYEXCHANGE, BITS).unwrap();
    assert_eq!(fs::metadata(his).unwrap().uid(), STRANGER);
    stranger("own mine");

    csp.set_prov_param(context, PP_KEYSET_SEC_DESCR, &FOR_NOBODY, DACL)
        .unwrap();
    stranger("locked-out");

    // In a folder where everyone may replace every file, who claims another SID uses what its owner may, and changes nothing.
    fs::set_permissions(rig.folder.path(), Permissions::from_mode(0o777)).unwrap();
    let mine = Identity::from_process().unwrap().user.to_string();
    for (part, flags, sid) in [
        ("claim", 0, mine.as_str()),
        ("claim-machines", CRYPT_MACHINE_KEYSET, "S-1-5-32-544"),
    ] {
        let context = acquire(&csp, part, CRYPT_NEWKEYSET | flags).unwrap();
        csp.gen_key(context, AT_SIGNATURE, BITS).unwrap();
        let mut command = process(&rig, &executable, &format!("{part} {part}"));
        command.env(SID_VARIABLE, sid).uid(STRANGER).gid(STRANGER);
        let mut child = command.current_dir("/").spawn().unwrap();
        drop(child.stdin.take());
        finish(child);
    }
}
