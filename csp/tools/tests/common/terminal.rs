//! A utility at a terminal: `script` of util-linux gives it one, and whoever holds the other end sees what it shows and types.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The end of the input, as typed at a terminal (EOT).
pub const END_OF_INPUT: &str = "\x04";

/// How long a utility may take until it shows what is expected of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The other end of a utility's terminal.
pub struct Terminal {
    child: Child,
    /// The utility's end.
    device: String,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    shown: String,
    /// How much of what was shown has been looked at.
    seen: usize,
}

impl Terminal {
    /// Starts a command, with its environment, at a terminal of 30 lines of 100 characters.
    pub fn start(command: &Command) -> Terminal {
        let words = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let words: Vec<String> = words
            .map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")))
            .collect();
        let line = format!("tty; stty rows 30 cols 100; exec {}", words.join(" "));
        let mut script = Command::new("script");
        script.env_clear();
        for (name, value) in command.get_envs() {
            script.envs(value.map(|value| (name, value)));
        }
        let mut child = script
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keyboard = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Terminal {
            child,
            device: String::new(),
            keyboard,
            screen,
            shown: String::new(),
            seen: 0,
        };
        terminal.device = terminal.expect("\n").trim().to_owned();
        terminal
    }

    /// Waits until the text is shown, after what was waited for before; all that came until its end.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown[self.seen..].find(text) {
                let from = self.seen;
                self.seen += at + text.len();
                return self.shown[from..self.seen].to_owned();
            }
            match self
                .screen
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("`{text}' is not shown ({error}), but: {}", self.shown),
            }
        }
    }

    /// Types this, without a key that ends a line.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line.
    #[track_caller]
    pub fn line(&mut self, text: &str) {
        self.press(&format!("{text}\n"));
    }

    /// Waits until what is typed is not shown: a utility hides it a moment after its question.
    #[track_caller]
    pub fn expect_hidden(&self) {
        let end = Instant::now() + PATIENCE;
        let mut stty = Command::new("stty");
        stty.args(["-a", "-F", &self.device]);
        loop {
            let settings = String::from_utf8(stty.output().unwrap().stdout).unwrap();
            if settings.split_whitespace().any(|word| word == "-echo") {
                return;
            }
            assert!(Instant::now() < end, "what is typed is shown: {settings}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types a line that is not to be seen.
    #[track_caller]
    pub fn secret(&mut self, text: &str) {
        self.expect_hidden();
        self.line(text);
    }

    /// Waits until the utility ends; its exit code, and all that the terminal showed.
    #[track_caller]
    pub fn end(mut self) -> (Option<i32>, String) {
        loop {
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("it does not end: {}", self.shown);
                }
            }
        }
        (self.child.wait().unwrap().code(), self.shown)
    }
}
