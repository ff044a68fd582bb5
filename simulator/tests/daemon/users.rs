//! A daemon of root and the other users of the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::types::*;

use crate::{Daemon, connect, folder, output, stderr};

/// The installation that the stranger's process looks at.
const HOME: &str = "SOFTSHIELD_TEST_HOME";

/// The user `nobody`, who owns nothing.
const STRANGER: u32 = 65_534;

#[test]
#[ignore = "the part of another user, which the other test gives to a process of its own"]
fn part() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let wire = connect(home.join("sockets/nserver"));
    let enquiry = wire.transact(NewEnquiryArgs {
        flags: 0,
        version: 6,
        module: 1,
    });
    assert!(matches!(enquiry.unwrap().data, EnqVerData::Six(_)));
    fs::read_dir(home.join("kmdata/local")).unwrap();

    let privileged = Endpoint::Unix(home.join("sockets/priv/privnserver"));
    let refused = Connection::connect(&privileged, ConnectOptions::default());
    let refused = refused.unwrap_err();
    let words = format!("{privileged} is closed to this user (Permission denied");
    assert!(refused.to_string().starts_with(&words), "{refused}");
    assert_eq!(refused.status(), Status::ServerAccessDenied);
    for closed in ["modules", "cards"] {
        let error = fs::read_dir(home.join(closed)).unwrap_err();
        let kind = std::io::ErrorKind::PermissionDenied;
        assert_eq!(error.kind(), kind, "{closed}");
    }
}

#[test]
fn every_user_reaches_what_is_ordinary_and_none_but_root_the_rest() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only the superuser can start a process of another user");
        return;
    }
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let home = folder.path().join("home");
    // As root's shell may have it: the mask lets nobody else read what a process makes.
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077 && exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_softshield"), "serve"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("NFAST_HOME", &home);
    let _daemon = Daemon::start(&mut command);

    let as_stranger = |executable: &Path, arguments: &[&str]| {
        // Where the build is, others may have no way.
        let copy = folder.path().join("stranger");
        fs::copy(executable, &copy).unwrap();
        output(
            Command::new(&copy)
                .args(arguments)
                .env_clear()
                .env(HOME, &home)
                .env("NFAST_HOME", &home)
                .uid(STRANGER)
                .gid(STRANGER)
                .current_dir("/"),
        )
    };
    let part = ["--exact", "users::part", "--ignored", "--nocapture"];
    let stranger = as_stranger(&std::env::current_exe().unwrap(), &part);
    let said = String::from_utf8_lossy(&stranger.stdout);
    let played = stranger.status.success() && said.contains("1 passed");
    assert!(played, "{said}\n{}", stderr(&stranger));
    let softshield = Path::new(env!("CARGO_BIN_EXE_softshield"));
    let controlling = stderr(&as_stranger(softshield, &["status"]));
    assert!(
        controlling.contains("the control channel is closed to this user"),
        "{controlling}"
    );
}
