//! The utilities as executables, against a hardserver with two modules in this process.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nfkm::{Environment, Session};
use simulator::control::api;
use simulator::control::client::Client;
use simulator::faults::{Effect, Plan, Report, Rule};
use simulator::hardserver::Server;
use simulator::options::Options;

pub struct Rig {
    pub folder: tempfile::TempDir,
    pub options: Options,
    server: Server,
}

impl Rig {
    pub fn start() -> Rig {
        Rig::start_with(|_| {})
    }

    pub fn with_modules(modules: u32) -> Rig {
        Rig::start_with(|options| options.modules = modules)
    }

    /// One that is started otherwise.
    pub fn start_with(change: impl FnOnce(&mut Options)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options {
            modules: 2,
            // What enquiry tells of speed and queues follows from it.
            engines: 2,
            seed: Some(b"the utilities".to_vec()),
            ..Options::in_folder(folder.path())
        };
        change(&mut options);
        let server = Server::start(&options).unwrap();
        Rig {
            folder,
            options,
            server,
        }
    }

    pub fn command(&self, utility: &str, arguments: &[&str]) -> Command {
        let path = Path::new(env!("CARGO_BIN_EXE_enquiry")).with_file_name(utility);
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env_clear()
            .env("NFAST_SERVER", &self.options.socket)
            .env("NFAST_PRIVSERVER", &self.options.privileged_socket)
            .env("NFAST_KMDATA", &self.options.kmdata)
            .stdin(empty_lines());
        command
    }

    pub fn run(&self, utility: &str, arguments: &[&str]) -> Output {
        self.command(utility, arguments).output().unwrap()
    }

    /// Runs a utility with these lines of input.
    pub fn run_with_input(&self, utility: &str, arguments: &[&str], input: &str) -> Output {
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
        child.wait_with_output().unwrap()
    }

    /// Runs a utility with these lines of input that must succeed; what it printed.
    pub fn succeed_with_input(&self, utility: &str, arguments: &[&str], input: &str) -> String {
        let output = self.run_with_input(utility, arguments, input);
        assert!(
            output.status.success(),
            "{utility} {arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs a utility that must succeed; what it printed.
    pub fn succeed(&self, utility: &str, arguments: &[&str]) -> String {
        let output = self.run(utility, arguments);
        assert!(
            output.status.success(),
            "{utility} {arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs a utility that must succeed without a word on the standard error stream; what it printed.
    pub fn succeed_silently(&self, utility: &str, arguments: &[&str]) -> String {
        let output = self.run(utility, arguments);
        let said = (output.status.code(), text(&output.stderr));
        assert_eq!(said, (Some(0), String::new()), "{utility} {arguments:?}");
        text(&output.stdout)
    }

    /// Runs a utility that must fail with this exit code; what it complained of.
    pub fn fail(&self, code: i32, utility: &str, arguments: &[&str]) -> String {
        let output = self.run(utility, arguments);
        let complaint = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{utility} {arguments:?}: {complaint}"
        );
        complaint
    }

    /// Puts a card into the reader of a module, a blank one if there is none with the name; what was in it goes out first.
    pub fn insert(&self, module: u32, name: &str) {
        self.insert_into(module, 0, name);
    }

    /// The same with another slot of it.
    pub fn insert_into(&self, module: u32, slot: u32, name: &str) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let card = api::CardName {
            name: name.to_owned(),
        };
        let place = format!("/modules/{module}/slots/{slot}/card");
        let _: Result<Vec<api::Card>, _> = hands.post("/cards", &card);
        let _: Result<Option<String>, _> = hands.delete(&place);
        let _: api::Module = hands.put(&place, &card).unwrap();
    }

    /// Puts a card that is there into the reader of a module, which is empty.
    pub fn insert_old(&self, module: u32, name: &str) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let card = api::CardName {
            name: name.to_owned(),
        };
        let place = format!("/modules/{module}/slots/0/card");
        let _: api::Module = hands.put(&place, &card).unwrap();
    }

    /// Takes the card out of a slot.
    pub fn remove_from(&self, module: u32, slot: u32) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let place = format!("/modules/{module}/slots/{slot}/card");
        let _: Option<String> = hands.delete(&place).unwrap();
    }

    /// Moves the mode switch of a module, and holds it there or lets commands move it.
    pub fn set_switch(&self, module: u32, position: api::SwitchPosition, overrides: bool) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let position = api::NewPosition {
            position,
            overrides,
        };
        let place = format!("/modules/{module}/switch");
        let _: api::Module = hands.put(&place, &position).unwrap();
    }

    /// Lets something go wrong at the next command of this name.
    pub fn play(&self, effect: Effect, command: &str) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let rule = Rule {
            effect,
            command: Some(command.to_owned()),
            module: None,
            nth: Some(1),
            every: None,
            chance: None,
            times: None,
        };
        let plan = Plan {
            seed: String::new(),
            faults: vec![rule],
        };
        let _: Report = hands.put("/faults", &plan).unwrap();
    }

    /// Takes what is in the reader of a module out of it.
    pub fn empty(&self, module: u32) {
        let hands = Client::new(self.server.endpoints().control.clone());
        let place = format!("/modules/{module}/slots/0/card");
        let _: Result<Option<String>, _> = hands.delete(&place);
    }

    /// Changes a byte of a card that is in no reader.
    pub fn damage(&self, name: &str) {
        let path = self.options.cards.join(format!("{name}.card"));
        let mut card = std::fs::read(&path).unwrap();
        let middle = card.len() / 2;
        card[middle] ^= 1;
        std::fs::write(&path, card).unwrap();
    }

    /// A file in the rig's folder, as an option names it.
    pub fn file(&self, option: &str, name: &str) -> String {
        format!("--{option}={}", self.folder.path().join(name).display())
    }

    /// The hash of a key, as its file has it.
    pub fn key_hash(&self, appname: &str, ident: &str) -> nfkm::Hash {
        let folder = self.environment().folder().unwrap();
        let hknso = folder.world().unwrap().unwrap().0;
        let keys = folder.keys(&hknso, Some(appname)).unwrap().records;
        let key = keys.iter().find(|(name, _)| name.ident() == ident);
        key.unwrap().1.hash
    }

    pub fn session(&self) -> Session {
        Session::open(&self.environment()).unwrap()
    }

    /// A session that uses what the file says is loaded.
    pub fn preloaded_session(&self, file: &Path) -> Session {
        let environment = Environment {
            tokens_file: Some(file.to_owned()),
            ..self.environment()
        };
        Session::open(&environment).unwrap()
    }

    /// What people see at a terminal who run these commands, for a snapshot.
    pub fn transcript(&self, commands: &[(&str, &[&str])]) -> String {
        let mut transcript = String::new();
        for (utility, arguments) in commands {
            let output = self.run(utility, arguments);
            let code = output.status.code().map(|code| code.to_string());
            transcript.push_str(&format!(
                "$ {utility} {}\n{}---- standard error\n{}---- exit code {}\n\n",
                arguments.join(" "),
                text(&output.stdout),
                text(&output.stderr),
                code.as_deref().unwrap_or("none: killed"),
            ));
        }
        masked(self, &transcript)
    }

    pub fn environment(&self) -> Environment {
        Environment {
            server: Some(self.options.socket.display().to_string()),
            privileged_server: Some(self.options.privileged_socket.display().to_string()),
            kmdata: Some(self.options.kmdata.clone()),
            ..Environment::default()
        }
    }
}

/// An input of empty lines, enough for any number of questions: cards get no pass phrases.
pub fn empty_lines() -> Stdio {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'\n'; 64]).unwrap();
    file.rewind().unwrap();
    file.into()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The text with everything that no seed decides replaced: dates, durations, the rig's folder.
pub fn masked(rig: &Rig, text: &str) -> String {
    let text = text.replace(rig.folder.path().to_str().unwrap(), "FOLDER");
    let mut masked = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(mask).collect();
        masked.push_str(&words.join(" "));
        masked.push('\n');
    }
    // That is told on a slow machine only.
    masked.replace(", tried for <duration>", "")
}

fn mask(word: &str) -> String {
    let bare = word.trim_matches(['"', ',', ':']);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = |separator, lengths: &[usize]| {
        let parts: Vec<&str> = bare.split(separator).collect();
        parts.iter().all(|part| is_number(part))
            && parts
                .iter()
                .map(|part| part.len())
                .eq(lengths.iter().copied())
    };
    let is_duration = ["µs", "ms"].into_iter().any(|unit| {
        let number = bare.strip_suffix(unit).unwrap_or_default();
        is_number(&number.replace('.', ""))
    });
    if digits('-', &[4, 2, 2]) {
        word.replace(bare, "<date>")
    } else if digits(':', &[2, 2, 2]) {
        word.replace(bare, "<time>")
    } else if is_duration {
        word.replace(bare, "<duration>")
    } else {
        word.to_owned()
    }
}
