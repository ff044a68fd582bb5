//! The hardserver that the harness starts for itself: this same executable in another role.
//!
//! Parent and child share nothing but the child's standard streams: the child says `ready` when clients can connect, and
//! ends when its standard input does, which is also what happens when the parent dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use ncore::client::Endpoint;
use simulator::hardserver::Server;
use simulator::logging;
use simulator::options::Options;

/// The roles of a program that starts a hardserver for itself, as hidden subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Role {
    /// Be the hardserver, until standard input ends
    #[command(hide = true)]
    Serve {
        /// Where it keeps everything it touches
        #[arg(long)]
        folder: PathBuf,
        /// How many modules it has
        #[arg(long)]
        modules: u32,
        /// What decides every random value, in hexadecimal
        #[arg(long)]
        seed: Option<String>,
    },
}

impl Role {
    /// Plays the role to its end.
    ///
    /// # Errors
    /// The hardserver does not start.
    pub fn play(&self) -> anyhow::Result<()> {
        let Role::Serve {
            folder,
            modules,
            seed,
        } = self;
        serve(folder, *modules, seed.as_deref())
    }
}

/// What the child is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it keeps everything it touches.
    pub folder: PathBuf,
    /// How many modules it has.
    pub modules: u32,
    /// What decides every random value, in hexadecimal; None takes them from the system.
    pub seed: Option<String>,
}

/// The running child.
#[derive(Debug)]
pub struct Daemon {
    executable: PathBuf,
    settings: Settings,
    child: Child,
}

impl Daemon {
    /// Starts `executable`, which is this program, as the child and waits until clients can connect.
    ///
    /// # Errors
    /// It does not start; its own words say why.
    pub fn start(executable: &Path, settings: Settings) -> anyhow::Result<Daemon> {
        let child = spawn(executable, &settings)?;
        Ok(Daemon {
            executable: executable.to_owned(),
            settings,
            child,
        })
    }

    /// Ends the child as `kill -9` does, and starts it again on the same files.
    ///
    /// # Errors
    /// It does not start again.
    pub fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.while_dead(|| ())
    }

    /// [`Daemon::kill_and_restart`] with something done in between.
    ///
    /// # Errors
    /// It does not start again.
    pub fn while_dead<T>(&mut self, act: impl FnOnce() -> T) -> anyhow::Result<T> {
        self.child.kill().context("cannot kill the hardserver")?;
        self.child.wait()?;
        let done = act();
        self.child = spawn(&self.executable, &self.settings)?;
        Ok(done)
    }

    /// The child's process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The end of its input tells the child to finish its work and end.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Settings {
    /// The ordinary endpoint.
    pub fn ordinary(&self) -> Endpoint {
        Endpoint::Unix(options(&self.folder).socket)
    }

    /// The privileged endpoint.
    pub fn privileged(&self) -> Endpoint {
        Endpoint::Unix(options(&self.folder).privileged_socket)
    }

    /// The Key Management Data folder.
    pub fn kmdata(&self) -> PathBuf {
        options(&self.folder).kmdata
    }

    /// The folder of the modules' state.
    pub fn state(&self) -> PathBuf {
        options(&self.folder).state
    }

    /// The hardserver's log file.
    pub fn log(&self) -> PathBuf {
        options(&self.folder).logdir.join("hardserver.log")
    }
}

/// The child's part: serves until standard input ends.
///
/// # Errors
/// The hardserver does not start.
pub fn serve(folder: &Path, modules: u32, seed: Option<&str>) -> anyhow::Result<()> {
    let seed = seed.map(bytes).transpose()?;
    let options = Options {
        modules,
        seed,
        ..options(folder)
    };
    options.prepare_folders()?;
    logging::start("info", logging::Format::Text, Some(&options.logdir))?;
    let server = Server::start(&options)?;
    println!("ready");
    std::io::stdout().flush()?;
    // Nothing is ever written there.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    server.shutdown();
    Ok(())
}

fn options(folder: &Path) -> Options {
    Options::in_folder(folder)
}

fn spawn(executable: &Path, settings: &Settings) -> anyhow::Result<Child> {
    let mut command = Command::new(executable);
    command
        .args([
            "serve",
            "--modules",
            &settings.modules.to_string(),
            "--folder",
        ])
        .arg(&settings.folder);
    if let Some(seed) = &settings.seed {
        command.args(["--seed", seed]);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the hardserver")?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut said)?;
    }
    if said == "ready\n" {
        // Whatever it says from now on is in its log.
        drop(child.stderr.take());
        return Ok(child);
    }
    let mut why = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut why)?;
    }
    child.wait()?;
    bail!("the hardserver did not start: {}", why.trim())
}

fn bytes(hex: &str) -> anyhow::Result<Vec<u8>> {
    ensure!(
        hex.len().is_multiple_of(2) && hex.is_ascii() && !hex.is_empty(),
        "a seed is pairs of hexadecimal digits"
    );
    (0..hex.len())
        .step_by(2)
        .map(|at| {
            u8::from_str_radix(&hex[at..at + 2], 16)
                .context("a seed is pairs of hexadecimal digits")
        })
        .collect()
}
