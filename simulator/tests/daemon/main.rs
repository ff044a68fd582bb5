//! The executable `softshield`, as a person or a script uses it.

mod users;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ncore::client::{ClientError, ConnectOptions, Connection, Endpoint};
use ncore::types::*;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// `softshield` with no environment but these variables.
fn softshield(variables: &[(&str, &Path)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_softshield"));
    command
        .env_clear()
        .envs(variables.iter().copied())
        .args(arguments);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running daemon. Its log goes nowhere.
struct Daemon {
    child: Child,
    banner: Vec<String>,
}

impl Daemon {
    fn start(command: &mut Command) -> Daemon {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut daemon = Daemon {
            child,
            banner: Vec::new(),
        };
        for line in BufReader::new(daemon.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                return daemon;
            }
            daemon.banner.push(line);
        }
        panic!("the daemon ended before it was ready: {:?}", daemon.banner);
    }

    fn signal(&mut self, signal: Signal) -> std::process::ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(socket: PathBuf) -> Connection {
    Connection::connect(&Endpoint::Unix(socket), ConnectOptions::default()).unwrap()
}

fn folder() -> TempDir {
    // A short path: sockets are inside it.
    tempfile::Builder::new().prefix("ss").tempdir().unwrap()
}

#[test]
fn a_shell_finds_the_daemon_by_what_env_prints() {
    let folder = folder();
    let home = folder.path().join("it's $HOME; \"here\"");
    let variables = [("NFAST_HOME", home.as_path())];
    let daemon = Daemon::start(&mut softshield(&variables, &["serve", "--modules", "2"]));
    assert!(
        daemon.banner[0].contains("guards nothing"),
        "{:?}",
        daemon.banner
    );

    let env = output(&mut softshield(&variables, &["env"]));
    assert!(
        env.status.success() && env.stderr.is_empty(),
        "{}",
        stderr(&env)
    );
    let script = "eval \"$1\"; printf '%s|%s|%s|%s|%s' \"$NFAST_SERVER\" \"$NFAST_PRIVSERVER\" \"$NFAST_HOME\" \
                  \"$NFAST_KMDATA\" \"${NFAST_SERVER_PORT-off}\"";
    let exports = String::from_utf8(env.stdout).unwrap();
    let shell = output(
        Command::new("sh")
            .env_clear()
            .args(["-c", script, "sh", &exports]),
    );
    let shell = String::from_utf8(shell.stdout).unwrap();
    let values: Vec<&str> = shell.split('|').collect();
    assert_eq!(
        values[2..],
        [
            home.to_str().unwrap(),
            home.join("kmdata").to_str().unwrap(),
            "off"
        ]
    );
    connect(values[0].into())
        .transact(NoOpArgs { module: 2 })
        .unwrap();
    connect(values[1].into())
        .transact(ClearUnitArgs { module: 2 })
        .unwrap();
}

#[test]
fn env_tells_of_options_that_only_the_daemon_was_given() {
    let folder = folder();
    let variables = [("NFAST_HOME", folder.path())];
    let socket = folder.path().join("elsewhere");
    let before = output(&mut softshield(&variables, &["env"]));
    assert!(
        stderr(&before).contains("nobody answers"),
        "{}",
        stderr(&before)
    );
    assert!(
        !String::from_utf8(before.stdout.clone())
            .unwrap()
            .contains("elsewhere")
    );

    let mut daemon = Daemon::start(&mut softshield(
        &variables,
        &["serve", "--socket", socket.to_str().unwrap()],
    ));
    let during = output(&mut softshield(&variables, &["env"]));
    assert!(
        String::from_utf8(during.stdout)
            .unwrap()
            .contains("elsewhere")
    );
    daemon.signal(Signal::TERM);
    let after = output(&mut softshield(&variables, &["env"]));
    assert_eq!(after.stdout, before.stdout);
}

#[test]
fn sigterm_and_sigint_end_it_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = folder();
        let home = folder.path();
        let mut daemon = Daemon::start(&mut softshield(&[("NFAST_HOME", home)], &["serve"]));
        let sockets = home.join("sockets");
        assert!(sockets.join("nserver").exists());
        assert!(daemon.signal(signal).success());
        assert!(!sockets.join("nserver").exists());
        assert!(!sockets.join("priv/privnserver").exists());
    }
}

#[test]
fn killed_at_any_time_it_starts_again_with_the_same_module() {
    let folder = folder();
    let home = folder.path();
    let variables = [("NFAST_HOME", home)];
    let keys = || {
        let list = GetKMListArgs {
            module: 1,
            flags: 0,
        };
        connect(home.join("sockets/nserver"))
            .transact(list)
            .unwrap()
            .hkms
    };
    let mut daemon = Daemon::start(&mut softshield(&variables, &["serve"]));
    let privileged = connect(home.join("sockets/priv/privnserver"));
    let clear = ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Initialisation,
    };
    privileged.transact(clear).unwrap();
    privileged
        .transact(InitialiseUnitArgs { module: 1 })
        .unwrap();
    let before = keys();
    daemon.signal(Signal::KILL);
    assert!(
        home.join("sockets/nserver").exists(),
        "it had no time to remove its socket"
    );
    let _again = Daemon::start(&mut softshield(&variables, &["serve"]));
    assert_eq!(keys(), before);
    assert_eq!(before.len(), 1);
}

/// The power goes at a byte of what a command writes: the module has the areas that it had, or the new one too, and what
/// was acknowledged in any case.
#[test]
fn a_state_that_is_torn_in_a_write_is_old_or_new() {
    let folder = folder();
    let home = folder.path();
    let variables = [("NFAST_HOME", home)];
    let plan = home.join("plan.toml");
    let area = |name: u8| NVMemAllocArgs {
        module: 1,
        info: FileInfo {
            flags: 0,
            length: 16,
            id: [name; 11],
        },
        ..Default::default()
    };
    let start = || {
        let daemon = Daemon::start(&mut softshield(&variables, &["serve"]));
        let wire = connect(home.join("sockets/priv/privnserver"));
        wire.transact(NewClientArgs::default()).unwrap();
        (daemon, wire)
    };
    let areas = |wire: &Connection| -> Vec<u8> {
        let list = NVMemListArgs {
            module: 1,
            flags: 0,
        };
        let infos = wire.transact(list).unwrap().infos;
        infos.iter().map(|file| file.id[0]).collect()
    };
    let (mut daemon, mut wire) = start();
    let reset = |wire: &Connection, mode| {
        let clear = ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode,
        };
        wire.transact(clear).unwrap();
    };
    reset(&wire, ModuleMode::Initialisation);
    wire.transact(InitialiseUnitArgs { module: 1 }).unwrap();
    wire.transact(SetNSOPermsArgs {
        module: 1,
        hknso: [1; 20],
        publicperms: NSOPerms { ops: 0x7_ffff },
        ..Default::default()
    })
    .unwrap();
    reset(&wire, ModuleMode::Operational);

    let mut names = Vec::new();
    for (name, bytes) in (1..).zip([0, 1, 100, 4096, 5000, 9000]) {
        let rule =
            format!("[[fault]]\ndo = {{ tear-state = {bytes} }}\ncommand = 'NVMemAlloc'\nnth = 1");
        std::fs::write(&plan, rule).unwrap();
        let play = ["fault", "play", plan.to_str().unwrap()];
        let played = output(&mut softshield(&variables, &play));
        assert!(played.status.success(), "{}", stderr(&played));
        let answer = wire.transact(area(name));
        assert!(
            matches!(answer, Err(ClientError::Lost { .. })),
            "{bytes} bytes: {answer:?}"
        );
        daemon.child.wait().unwrap();
        (daemon, wire) = start();
        let found = areas(&wire);
        let with_new = [names.as_slice(), &[name]].concat();
        assert!(
            found == names || found == with_new,
            "{bytes} bytes: {found:?}"
        );
        assert!(
            bytes > 0 || found == names,
            "of nothing written nothing is there"
        );
        names = found;
    }
    // What writes less is not torn, and is answered.
    let rule = "[[fault]]\ndo = { tear-state = 1_000_000_000 }\ncommand = 'NVMemAlloc'\nnth = 1";
    std::fs::write(&plan, rule).unwrap();
    let played = softshield(&variables, &["fault", "play", plan.to_str().unwrap()]).status();
    assert!(played.unwrap().success());
    wire.transact(area(100)).unwrap();
    names.push(100);
    assert_eq!(areas(&wire), names);
    drop(wire);
    daemon.signal(Signal::KILL);

    // A file that lost its end is refused, not begun anew.
    let state = home.join("modules/module1.redb");
    let whole = std::fs::read(&state).unwrap();
    for length in [0, whole.len() - 1] {
        std::fs::write(&state, &whole[..length]).unwrap();
        let refused = output(&mut softshield(&variables, &["serve"]));
        let said = stderr(&refused);
        assert!(
            !refused.status.success() && said.contains("module1.redb: damaged: it"),
            "{said}"
        );
    }
}

#[test]
fn a_second_instance_is_refused_in_words() {
    let folder = folder();
    let variables = [("NFAST_HOME", folder.path())];
    let _daemon = Daemon::start(&mut softshield(&variables, &["serve"]));
    let second = output(&mut softshield(&variables, &["serve"]));
    assert!(!second.status.success());
    assert!(
        stderr(&second).contains("another softshield uses the state in"),
        "{}",
        stderr(&second)
    );
    // Another state does not help: the sockets are taken.
    let state = folder.path().join("other");
    let third = output(&mut softshield(
        &variables,
        &["serve", "--state", state.to_str().unwrap()],
    ));
    assert!(!third.status.success());
    assert!(
        stderr(&third).contains("somebody already answers on"),
        "{}",
        stderr(&third)
    );
}

#[test]
fn a_linked_key_data_folder_is_refused_in_words() {
    let folder = folder();
    let real = folder.path().join("real");
    std::fs::create_dir(&real).unwrap();
    let link = folder.path().join("kmdata");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let named = [
        ("NFAST_HOME", elsewhere.as_path()),
        ("NFAST_KMDATA", link.as_path()),
    ];
    for variables in [&named[..], &[("NFAST_HOME", folder.path())]] {
        for command in ["serve", "env", "kneti"] {
            let refused = output(&mut softshield(variables, &[command]));
            assert!(!refused.status.success(), "{command}");
            assert!(refused.stdout.is_empty(), "{command}");
            let words = stderr(&refused);
            assert!(words.contains("are a symbolic link"), "{words}");
            assert!(words.contains("section 1.3"), "{words}");
        }
    }
}

#[test]
fn a_mistake_in_the_configuration_file_is_named_with_its_line() {
    let folder = folder();
    let config = folder.path().join("kmdata/config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(
        config.join("config"),
        "syntax-version=1\n[server_startup]\nnonpriv_port=many\n",
    )
    .unwrap();
    let refused = output(&mut softshield(
        &[("NFAST_HOME", folder.path())],
        &["serve"],
    ));
    assert!(!refused.status.success());
    assert!(
        stderr(&refused).contains("line 3: `many' is not a port"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn the_configuration_file_moves_the_sockets() {
    let folder = folder();
    let home = folder.path();
    let config = home.join("kmdata/config");
    std::fs::create_dir_all(&config).unwrap();
    let text = format!(
        "syntax-version=1\n[server_startup]\nunix_socket_name={0}/a\nunix_privsocket_name={0}/b\n",
        home.display()
    );
    std::fs::write(config.join("config"), text).unwrap();
    let _daemon = Daemon::start(&mut softshield(&[("NFAST_HOME", home)], &["serve"]));
    connect(home.join("a"))
        .transact(NoOpArgs { module: 1 })
        .unwrap();
    connect(home.join("b"))
        .transact(ClearUnitArgs { module: 1 })
        .unwrap();
}

#[test]
fn the_log_goes_to_a_file_when_its_folder_is_named_or_a_file_is_asked_for() {
    let folder = folder();
    let (home, elsewhere) = (folder.path(), folder.path().join("logs"));
    let named = [("NFAST_HOME", home), ("NFAST_LOGDIR", &elsewhere)];
    let arguments = ["serve", "--log-format", "json"];
    let asked = ["serve", "--log-format", "json", "--log-to-file"];
    for (variables, arguments, folder) in [
        (&named[..], &arguments[..], elsewhere.clone()),
        (&named[..1], &asked[..], home.join("log")),
    ] {
        let file = folder.join("hardserver.log");
        let mut daemon = Daemon::start(&mut softshield(variables, arguments));
        let place = format!(" log        {}", file.display());
        assert!(daemon.banner.contains(&place), "{:?}", daemon.banner);
        daemon.signal(Signal::TERM);
        let text = std::fs::read_to_string(file).unwrap();
        let is_json = |line: &str| line.starts_with('{') && line.ends_with('}');
        assert!(text.lines().all(is_json), "{text}");
        let whole = text.contains("listening") && text.contains("stopped");
        assert!(whole, "{text}");
    }
}

#[test]
fn what_has_no_effect_is_named_in_a_line_of_the_log_for_each_kind() {
    let folder = folder();
    let home = folder.path();
    for name in ["kmdata/config", "femcerts"] {
        std::fs::create_dir_all(home.join(name)).unwrap();
    }
    std::fs::write(home.join("femcerts/speed.cert"), "").unwrap();
    let text = "syntax-version=1\n[server_settings]\nloglevel=info\nconnect_keepidle=30\n\
                [of_a_newer_release]\nx=1\n";
    std::fs::write(home.join("kmdata/config/config"), text).unwrap();
    let variables = [("NFAST_HOME", home)];
    let mut daemon = Daemon::start(&mut softshield(&variables, &["serve", "--log-to-file"]));
    daemon.signal(Signal::TERM);
    let log = std::fs::read_to_string(home.join("log/hardserver.log")).unwrap();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warnings.len(), 3, "{log}");
    for (warning, words) in warnings.iter().zip([
        "of_a_newer_release",
        "[server_settings] loglevel, [server_settings] connect_keepidle",
        "speed.cert",
    ]) {
        assert!(warning.contains(words), "{warning}");
    }
}

#[test]
fn what_is_about_units_wants_one() {
    let folder = folder();
    let variables = [("NFAST_HOME", folder.path())];
    for arguments in [
        &["serve", "--profile-delays"][..],
        &["serve", "--profile", "ci", "--profile-scale", "2"],
    ] {
        let refused = output(&mut softshield(&variables, arguments));
        assert!(!refused.status.success());
        let words = stderr(&refused);
        assert!(words.contains("--profile names none"), "{words}");
    }
    let listed = ["serve", "--profile", "xc-base,ci", "--profile-delays"];
    drop(Daemon::start(&mut softshield(&variables, &listed)));
    let too_small = ["serve", "--nvram-size", "4095"];
    let refused = output(&mut softshield(&variables, &too_small));
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_seed_is_whole_bytes_in_hexadecimal() {
    let folder = folder();
    for seed in ["", "abc", "xy"] {
        let refused = output(&mut softshield(
            &[("NFAST_HOME", folder.path())],
            &["serve", "--seed", seed],
        ));
        assert_eq!(refused.status.code(), Some(2), "{seed:?}");
    }
}

#[test]
fn a_seed_decides_the_serial_numbers() {
    let serial = |seed| {
        let folder = folder();
        let arguments = ["serve", "--seed", seed];
        Daemon::start(&mut softshield(
            &[("NFAST_HOME", folder.path())],
            &arguments,
        ))
        .banner[1]
            .clone()
    };
    assert_eq!(serial("00ff"), serial("00FF"));
    assert_ne!(serial("00ff"), serial("00fe"));
}

#[test]
fn a_configuration_file_joins_two_daemons() {
    let (exporting, importing) = (folder(), folder());
    let kneti = |folder: &TempDir| {
        let output = output(&mut softshield(
            &[("NFAST_HOME", folder.path())],
            &["kneti"],
        ));
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let start = |folder: &TempDir, sections: &str| {
        let config = folder.path().join("own.conf");
        std::fs::write(&config, format!("syntax-version=1\n{sections}")).unwrap();
        let config = config.to_str().unwrap();
        let variables = [("NFAST_HOME", folder.path())];
        Daemon::start(&mut softshield(&variables, &["serve", "--config", config]))
    };
    let last_word = |daemon: &Daemon, name: &str| {
        let line = daemon.banner.iter().find(|line| line.contains(name));
        line.unwrap().split_whitespace().last().unwrap().to_owned()
    };
    let exporter = start(
        &exporting,
        &format!(
            "[server_remotecomms]\nimpath_addr=127.0.0.1\nimpath_port=0\n[hs_clients]\nkeyhash={}\n",
            kneti(&importing)
        ),
    );
    assert_eq!(last_word(&exporter, "kneti"), kneti(&exporting));
    let impath = last_word(&exporter, "impath");
    let (ip, port) = impath.rsplit_once(':').unwrap();
    let importer = start(
        &importing,
        &format!(
            "[nethsm_imports]\nremote_ip={ip}\nremote_port={port}\nremote_esn={}\nkeyhash={}\n",
            last_word(&exporter, "module #1"),
            kneti(&exporting)
        ),
    );
    assert_eq!(last_word(&importer, "module #2"), impath);
    let wire = connect(importing.path().join("sockets/nserver"));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while wire.transact(NoOpArgs { module: 2 }).is_err() {
        assert!(std::time::Instant::now() < until, "never imported");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let variables = [("NFAST_HOME", importing.path())];
    let status = output(&mut softshield(&variables, &["status"]));
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains(&format!(" imported from  {impath}\n")),
        "{status}"
    );
    let fail = output(&mut softshield(&variables, &["module", "fail", "2"]));
    assert!(!fail.status.success());
    assert!(
        stderr(&fail).contains("module 2 is imported"),
        "{}",
        stderr(&fail)
    );
}
