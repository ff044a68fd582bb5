//! The utilities as executables, against a hardserver with one module in this process and a world on it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

#[cfg(unix)]
pub mod terminal;

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use csp::admin::Containers;
use csp::identity::Identity;
use ncore::types::{KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams};
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Environment, IdentRule, NewCardSet, NewKey, Protection, Session};
use simulator::control::api;
use simulator::control::client::Client;
use simulator::hardserver::Server;
use simulator::options::Options;

pub struct Rig {
    pub folder: tempfile::TempDir,
    pub options: Options,
    server: Server,
}

impl Rig {
    /// A module without a world.
    pub fn without_world() -> Rig {
        Rig::of_modules(1)
    }

    fn of_modules(modules: u32) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            modules,
            ..Options::in_folder(folder.path())
        };
        let server = Server::start(&options).unwrap();
        Rig {
            folder,
            options,
            server,
        }
    }

    /// A module with a world, whose one administrator card is a file.
    pub fn start() -> Rig {
        Rig::with_modules(1)
    }

    /// [`Rig::start`] with the world on so many modules.
    pub fn with_modules(modules: u32) -> Rig {
        let rig = Rig::of_modules(modules);
        let modules: Vec<u32> = (1..=modules).collect();
        let admin = Admin::open(&rig.environment()).unwrap();
        let cards = CardSource::Files(vec![rig.admin_card()]);
        let parameters = WorldParams::new(1, 1);
        admin
            .create(&modules, &parameters, &cards, &mut Unattended::default())
            .unwrap();
        rig
    }

    pub fn admin_card(&self) -> PathBuf {
        self.folder.path().join("administrator-card")
    }

    /// Puts a card of a file into a module's reader.
    pub fn insert_card(&self, module: u32, file: &Path) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let name = file.file_name().unwrap().to_str().unwrap();
        fs::create_dir_all(&self.options.cards).unwrap();
        fs::copy(file, self.options.cards.join(format!("{name}.card"))).unwrap();
        let card = api::CardName {
            name: name.to_owned(),
        };
        let reader = format!("/modules/{module}/slots/0/card");
        let _: api::Module = hands.put(&reader, &card).unwrap();
    }

    /// Makes a set of one operator card, a file, with a pass phrase.
    pub fn card_set(&self, name: &str, passphrase: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        let mut person = Unattended::default();
        person.passphrases.insert(1, passphrase.to_owned());
        let request = NewCardSet::new(name, 1, 1);
        let cards = CardSource::Files(vec![file.clone()]);
        let session = Session::open(&self.environment()).unwrap();
        session
            .create_card_set(1, &request, &cards, &mut person)
            .unwrap();
        file
    }

    pub fn environment(&self) -> Environment {
        Environment {
            server: Some(self.options.socket.display().to_string()),
            privileged_server: Some(self.options.privileged_socket.display().to_string()),
            kmdata: Some(self.options.kmdata.clone()),
            ..Environment::default()
        }
    }

    /// The containers, as the user of this process sees them.
    pub fn containers(&self) -> Containers {
        Containers::open(&self.environment(), Identity::from_process().unwrap()).unwrap()
    }

    pub fn local(&self) -> PathBuf {
        self.options.kmdata.join("local")
    }

    pub fn command(&self, utility: &str, arguments: &[&str]) -> Command {
        let mut command = command(utility, arguments);
        command
            .env("NFAST_SERVER", &self.options.socket)
            .env("NFAST_PRIVSERVER", &self.options.privileged_socket)
            .env("NFAST_KMDATA", &self.options.kmdata);
        command
    }

    pub fn run(&self, utility: &str, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(utility, arguments))
    }

    /// Runs a utility with these lines of input.
    pub fn run_with_input(&self, utility: &str, arguments: &[&str], input: &str) -> Run {
        let mut child = self
            .command(utility, arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let written = child.stdin.take().unwrap().write_all(input.as_bytes());
        // A utility that fails early may not read all of it.
        drop(written);
        Run::from(child.wait_with_output().unwrap())
    }

    /// Runs a utility that must succeed; what it printed.
    #[track_caller]
    pub fn succeed(&self, utility: &str, arguments: &[&str]) -> String {
        let run = self.run(utility, arguments);
        assert_eq!(run.code, Some(0), "{utility} {arguments:?}: {}", run.stderr);
        run.stdout
    }

    /// Runs a utility that must fail with this exit code; what it complained of.
    #[track_caller]
    pub fn fail(&self, code: i32, utility: &str, arguments: &[&str]) -> String {
        let run = self.run(utility, arguments);
        let said = format!("{utility} {arguments:?}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.code, Some(code), "{said}");
        run.stderr
    }

    /// What a person sees at a terminal who runs these commands, for a snapshot.
    pub fn transcript(&self, utility: &str, commands: &[&[&str]]) -> String {
        let mut transcript = String::new();
        for arguments in commands {
            let said = self.run(utility, arguments).transcript();
            transcript.push_str(&format!("$ {utility} {}\n{said}\n", arguments.join(" ")));
        }
        self.masked(&transcript)
    }

    /// The text with everything that differs from run to run replaced: hashes, serial numbers, dates, folders, the user.
    pub fn masked(&self, text: &str) -> String {
        let user = Identity::from_process().unwrap().user.to_string();
        let text = text
            .replace(self.folder.path().to_str().unwrap(), "FOLDER")
            .replace(&user, "<user>");
        let mut masked = String::new();
        for line in text.split_inclusive('\n') {
            let words: Vec<String> = line.split(' ').map(mask).collect();
            masked.push_str(&words.join(" "));
        }
        // That is told on a slow machine only.
        masked.replace(", tried for <duration>", "")
    }
}

/// A utility without a hardserver, a world or anything else.
pub fn command(utility: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(utility_path(utility));
    command
        .args(arguments)
        .env_clear()
        .env("SOFTSHIELD_CSP", provider())
        .stdin(empty_lines());
    command
}

/// An input of empty lines, enough for any number of questions: cards get no pass phrases.
fn empty_lines() -> Stdio {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'\n'; 64]).unwrap();
    file.rewind().unwrap();
    file.into()
}

/// What a utility said, and its exit code.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Run {
        Run::from(command.output().unwrap())
    }

    /// Both streams and the code, for a snapshot.
    pub fn transcript(&self) -> String {
        let code = self
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        format!(
            "{}---- standard error\n{}---- exit code {code}\n",
            self.stdout, self.stderr
        )
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn utility_path(utility: &str) -> &'static str {
    match utility {
        "cnginstall" => env!("CARGO_BIN_EXE_cnginstall"),
        "cngregister" => env!("CARGO_BIN_EXE_cngregister"),
        "configure-csp-poolmode" => env!("CARGO_BIN_EXE_configure-csp-poolmode"),
        "cspcheck" => env!("CARGO_BIN_EXE_cspcheck"),
        "cspimport" => env!("CARGO_BIN_EXE_cspimport"),
        "cspmigrate" => env!("CARGO_BIN_EXE_cspmigrate"),
        "cspnvfix" => env!("CARGO_BIN_EXE_cspnvfix"),
        "csptest" => env!("CARGO_BIN_EXE_csptest"),
        "csputils" => env!("CARGO_BIN_EXE_csputils"),
        "cspwizard" => env!("CARGO_BIN_EXE_cspwizard"),
        "keytst" => env!("CARGO_BIN_EXE_keytst"),
        _ => panic!("there is no {utility}"),
    }
}

/// The provider's library. No test can depend on another package's library of this kind, so it is built here, where Cargo
/// put this package's executables.
fn provider() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_keytst")).parent().unwrap();
        // The folder is named after the profile, but for the profile that is called dev.
        let profile = match folder.file_name().and_then(OsStr::to_str) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("{} is not a profile's folder", folder.display()),
        };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "ncsp"])
            .args(["--profile", profile, "--target-dir"])
            .arg(folder.parent().unwrap())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(status.success(), "the provider does not build");
        folder.join("libncsp.so")
    })
}

fn mask(word: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bare = word.trim_matches(['\n', ',', '.', ':', ';', '"', '\'', '`']);
    // Seconds since 1970 have ten digits.
    let tail = bare.rsplit(['-', '_', '/', ',']).next().unwrap_or_default();
    let parts: Vec<&str> = bare.split('-').collect();
    let digits = |separator, count| {
        let parts: Vec<&str> = bare.split(separator).collect();
        parts.len() == count
            && parts
                .iter()
                .all(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if tail.len() == 40 && is_hex(tail) {
        word.replace(tail, "<hash>")
    } else if parts.len() == 3 && parts.iter().all(|part| part.len() == 4 && is_hex(part)) {
        word.replace(bare, "<esn>")
    } else if ["µs", "ms"].into_iter().any(|unit| {
        let number = bare.strip_suffix(unit).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    }) {
        word.replace(bare, "<duration>")
    } else if bare.len() == 10 && digits('-', 1) {
        word.replace(bare, "<seconds>")
    } else if digits('-', 3) {
        word.replace(bare, "<date>")
    } else if digits(':', 3) {
        word.replace(bare, "<time>")
    } else {
        word.to_owned()
    }
}

/// What a key of 1024 bits under module protection is made of.
pub fn rsa_key(appname: &str, ident: &str) -> NewKey {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    NewKey {
        appname: appname.to_owned(),
        ident: IdentRule::Fixed(ident.to_owned()),
        plainname: None,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        recovery: true,
        protection: Protection::Module,
    }
}
