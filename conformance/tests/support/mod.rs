//! Whole programs for the tests that run them: built, started, asked and killed as a person at a terminal would.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;

/// The folder with the daemon, the utilities and the two libraries. No test can depend on another package's executables,
/// so they are built here, where Cargo put this package's own.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        build(&[
            "--package",
            "simulator",
            "--package",
            "nfkm-tools",
            "--bins",
        ]);
        libraries().to_owned()
    })
}

/// The folder with `libcryptoapi.so` and `libncsp.so`.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        build(&["--package", "ncsp", "--package", "cryptoapi", "--lib"]);
        profile_folder().to_owned()
    })
}

/// Compiles a C program of this project, named by its path from the top, against the project's headers.
pub fn compile(source: &str, folder: &Path) -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = top.join(source);
    let program = folder.join(source.file_stem().expect("a program has a name"));
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(top.join("csp/include"))
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(libraries())
        .args(["-lcryptoapi", "-lpthread"])
        .status()
        .expect("the C compiler starts");
    assert!(status.success(), "{} does not compile", source.display());
    program
}

/// A command with none of the variables that this project reads, and with its programs and libraries first on the paths.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["NFAST_", "NFLOG_", "SOFTSHIELD_", "XDG_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = [programs().to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(places).expect("a good PATH"))
        .env("LD_LIBRARY_PATH", libraries())
        .stdin(enters());
    command
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Run {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// The input of a person who answers every question with Enter: a card gets no pass phrase.
fn enters() -> Stdio {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&[b'\n'; 16]).expect("room for it");
    file.rewind().expect("it is a file");
    file.into()
}

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Run {
        let output = command.output().expect("the program starts");
        Run {
            status: output.status,
            stdout: String::from_utf8(output.stdout).expect("the report is UTF-8"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The report of a program that succeeded.
    #[track_caller]
    pub fn report(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.stdout
    }

    /// The complaint of a program that ended with this exit code.
    #[track_caller]
    pub fn complaint(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self.stderr
    }
}

/// `softshield serve` on files of its own, and a shell that is pointed at it. Dropping it kills the daemon.
#[derive(Debug)]
pub struct Desk {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    daemon: Option<Daemon>,
}

#[derive(Debug)]
struct Daemon {
    child: Child,
    /// Drains the standard streams, which nobody else reads.
    readers: [JoinHandle<String>; 2],
}

impl Desk {
    /// Starts the daemon with `serve --home DIR` and these arguments.
    pub fn start(arguments: &[&str]) -> Desk {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut desk = Desk {
            folder,
            arguments: arguments.iter().copied().map(str::to_owned).collect(),
            daemon: None,
        };
        desk.start_again();
        desk
    }

    /// [`Desk::start`] with a world on these modules (`1` or `1,2`), made by `new-world` with one card.
    pub fn with_world(arguments: &[&str], modules: &str) -> Desk {
        let desk = Desk::start(arguments);
        desk.shell(&format!(
            "new-world --initialize --module {modules} --acs-quorum 1/1 --card \"$CARDS/card\""
        ))
        .report();
        desk
    }

    /// Starts the daemon on the files that are there, and waits until it says that it is ready.
    pub fn start_again(&mut self) {
        assert!(self.daemon.is_none(), "it runs");
        let mut child = command("softshield")
            .args(["serve", "--home"])
            .arg(self.home())
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut said = String::new();
        while !said.ends_with("\nready\n") {
            if stdout.read_line(&mut said).expect("text") == 0 {
                panic!("{said}{}", log.join().unwrap_or_default());
            }
        }
        let rest = std::thread::spawn(move || {
            let _ = stdout.read_to_string(&mut said);
            said
        });
        self.daemon = Some(Daemon {
            child,
            readers: [rest, log],
        });
    }

    /// Ends the daemon as `kill -9` does. What it said on its standard output and in its log.
    pub fn kill(&mut self) -> [String; 2] {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.child.kill().expect("it is our child");
        daemon.child.wait().expect("it is our child");
        daemon
            .readers
            .map(|reader| reader.join().unwrap_or_default())
    }

    /// Runs a script in a shell after `eval "$(softshield env)"`. `$CARDS` is a folder for the administrator's cards.
    pub fn shell(&self, script: &str) -> Run {
        Run::of(&mut self.shell_command(script))
    }

    /// The command of [`Desk::shell`].
    pub fn shell_command(&self, script: &str) -> Command {
        let script = format!("eval \"$(softshield env --home \"$0\")\"\n{script}");
        let mut command = command("sh");
        command
            .args(["-e", "-u", "-c", &script])
            .arg(self.home())
            .env("CARDS", self.folder.path());
        command
    }

    /// NFAST_HOME. Its name has what a shell must be told to leave alone.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("a desk's $HOME")
    }

    /// The folder of the world's files.
    pub fn kmlocal(&self) -> PathBuf {
        self.home().join("kmdata").join("local")
    }

    /// The ordinary socket.
    pub fn socket(&self) -> PathBuf {
        self.home().join("sockets").join("nserver")
    }

    /// The privileged socket.
    pub fn privileged_socket(&self) -> PathBuf {
        self.home().join("sockets").join("priv").join("privnserver")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.daemon.is_some() {
            let said = self.kill();
            if std::thread::panicking() {
                let [stdout, log] = said;
                eprintln!("the daemon said:\n{stdout}{log}");
            }
        }
    }
}

fn build(arguments: &[&str]) {
    let target = profile_folder();
    // The folder is named after the profile, but for the profile that is called dev.
    let profile = match target.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("{} is not a profile's folder", target.display()),
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile, "--target-dir"])
        .arg(target.parent().expect("it is in the target folder"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the programs do not build");
}

fn profile_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_conformance"))
        .parent()
        .expect("an executable is in a folder")
}
