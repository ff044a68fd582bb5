//! Two daemons on two addresses, one importing the other's module, and a pool across both that sixteen threads sign through
//! while the exporter is killed, started again, frozen and thawed. `scripts/two-hosts` builds and calls it; it runs `softshield`
//! and `enquiry` from beside itself.
//!
//! The importer's own module is up all the time, so no call may fail. Reports on standard error what enquiry says; one line a
//! figure on standard output: name and value, separated by a tab. It exits with 0 only if everything held.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use benches::pooled::{self, Signer, connect};
use clap::Parser;
use ncore::types::*;
use nfkm::Environment;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Lets a pool go across two daemons, one of which comes and goes.
#[derive(Debug, Parser)]
#[command(name = "two-hosts")]
struct Cli {
    /// How long each step lasts
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
}

/// The addresses of the hosts.
const IMPORTER: &str = "127.0.0.1";
const EXPORTER: &str = "127.0.0.2";

/// The pool's number: behind the importer's module and the exporter's.
const POOL: u32 = 3;

/// Threads that sign.
const THREADS: usize = 16;

/// How long a silent exporter is waited for, in seconds.
const BROKEN: u64 = 2;

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match walk(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("two-hosts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn walk(cli: &Cli) -> anyhow::Result<()> {
    let step = Duration::from_secs(cli.seconds);
    let (mut exporter, importer) = (Host::new()?, Host::new()?);
    let (exporter_hash, importer_hash) = (exporter.kneti()?, importer.kneti()?);
    let permit = |port: &str| {
        format!(
            "[server_remotecomms]\nimpath_addr={EXPORTER}\nimpath_port={port}\n\
             [hs_clients]\naddr={IMPORTER}\nclientperm=priv\nkeyhash={importer_hash}\n"
        )
    };
    exporter.configure(&permit("0"))?;
    let banner = exporter.start()?;
    let impath = word(&banner, "impath")?;
    let port = impath.rsplit(':').next().context("no port")?;
    exporter.configure(&permit(port))?;
    importer.configure(&format!(
        "[server_settings]\nconnect_retry=1\nconnect_broken={BROKEN}\n\
         [nethsm_imports]\nlocal_module=0\nremote_ip={EXPORTER}\nremote_port={port}\nremote_esn={}\nkeyhash={exporter_hash}\n\
         privileged=1\n",
        word(&banner, "module")?
    ))?;
    let mut importer = importer;
    importer.start()?;
    let site = Site {
        socket: importer.socket(),
        importer,
    };
    site.wait_for_link(Status::OK)?;
    let blob = site.set_up()?;
    site.show("both daemons are up")?;
    exporter.show("the exporter itself")?;

    let signers = (0..THREADS).map(|_| Signer::load(&site.socket, POOL, &blob));
    let signers = signers.collect::<anyhow::Result<Vec<_>>>()?;
    let load = Load::default();
    let mut figures = Vec::new();
    std::thread::scope(|scope| {
        for signer in &signers {
            scope.spawn(|| load.sign(signer));
        }
        let walked = walk_under_load(&site, &mut exporter, &load, step, &mut figures);
        load.over.store(true, Ordering::SeqCst);
        walked
    })?;

    for (name, value) in figures {
        println!("{name}\t{value}");
    }
    let failures = load.failures.into_inner();
    let failures = failures.unwrap_or_else(PoisonError::into_inner);
    println!("signatures\t{}", load.signed.into_inner());
    println!("failed\t{}", failures.len());
    if let Some(failure) = failures.first() {
        bail!("a call failed although a module was up: {failure}");
    }
    Ok(())
}

fn walk_under_load(
    site: &Site,
    exporter: &mut Host,
    load: &Load,
    step: Duration,
    figures: &mut Vec<(&'static str, String)>,
) -> anyhow::Result<()> {
    let mut steady = |name: &'static str, remote_works: bool| -> anyhow::Result<()> {
        let (before, there) = (load.count(), site.started()?);
        std::thread::sleep(step);
        let (after, there) = (load.count(), site.started()? - there);
        figures.push((name, (after - before).to_string()));
        ensure!(after > before, "nothing was signed: {name}");
        ensure!(
            (there > 0) == remote_works,
            "the exporter's module got {there} commands: {name}"
        );
        Ok(())
    };
    steady("signatures-on-both", true)?;

    exporter.kill()?;
    site.wait_for_link(Status::ServerConnectionLost)?;
    site.show("the exporter was killed")?;
    steady("signatures-while-killed", false)?;
    exporter.start()?;
    site.wait_for_return()?;
    site.show("the exporter is back")?;
    steady("signatures-after-the-kill", true)?;

    exporter.signal(Signal::STOP)?;
    site.wait_for_link(Status::ServerConnectionLost)?;
    steady("signatures-while-frozen", false)?;
    exporter.signal(Signal::CONT)?;
    site.wait_for_return()?;
    steady("signatures-after-the-frost", true)
}

/// The words of threads that sign.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    signed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Load {
    fn sign(&self, signer: &Signer) {
        while !self.over.load(Ordering::SeqCst) {
            match signer.sign() {
                Ok(_) => drop(self.signed.fetch_add(1, Ordering::SeqCst)),
                Err(error) => {
                    let mut failures = self.failures.lock();
                    let failures = failures.as_mut().map_err(|_| ());
                    if let Ok(failures) = failures {
                        failures.push(error.to_string());
                    }
                }
            }
        }
    }

    fn count(&self) -> u64 {
        self.signed.load(Ordering::SeqCst)
    }
}

/// A daemon in a folder of its own.
struct Host {
    folder: TempDir,
    daemon: Option<Child>,
}

impl Host {
    fn new() -> anyhow::Result<Host> {
        Ok(Host {
            folder: tempfile::tempdir()?,
            daemon: None,
        })
    }

    fn home(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.home().join("sockets/nserver")
    }

    /// A program from beside this one, for this installation.
    fn program(&self, name: &str) -> anyhow::Result<Command> {
        let here = std::env::current_exe()?;
        let mut command = Command::new(here.with_file_name(name));
        command
            .env_clear()
            .env("NFAST_HOME", self.home())
            .env("NFAST_SERVER", self.socket());
        Ok(command)
    }

    fn answer(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.program(program)?.args(arguments).output()?;
        ensure!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The hash of its key.
    fn kneti(&self) -> anyhow::Result<String> {
        Ok(self.answer("softshield", &["kneti"])?.trim().to_owned())
    }

    fn configure(&self, sections: &str) -> anyhow::Result<()> {
        let folder = self.home().join("kmdata/config");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
            folder.join("config"),
            format!("syntax-version=1\n{sections}"),
        )?;
        Ok(())
    }

    /// Starts the daemon; what it says until it is ready.
    fn start(&mut self) -> anyhow::Result<Vec<String>> {
        let mut command = self.program("softshield")?;
        command.args(["serve", "--log", "warn"]);
        let mut daemon = command.stdout(Stdio::piped()).spawn()?;
        let out = daemon.stdout.take().context("no output")?;
        self.daemon = Some(daemon);
        let mut banner = Vec::new();
        for line in BufReader::new(out).lines() {
            let line = line?;
            if line == "ready" {
                return Ok(banner);
            }
            banner.push(line);
        }
        bail!("the daemon ended before it was ready: {banner:?}")
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        let mut daemon = self.daemon.take().context("no daemon")?;
        daemon.kill()?;
        daemon.wait()?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let daemon = self.daemon.as_ref().context("no daemon")?;
        kill_process(Pid::from_child(daemon), signal)?;
        Ok(())
    }

    /// What enquiry says of it.
    fn show(&self, when: &str) -> anyhow::Result<()> {
        eprintln!("== {when}\n{}", self.answer("enquiry", &[])?);
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// What follows a name at the front of a line.
fn word(banner: &[String], name: &str) -> anyhow::Result<String> {
    let line = banner.iter().find(|line| line.trim().starts_with(name));
    let last = line.and_then(|line| line.split_whitespace().last());
    let last = last.with_context(|| format!("the daemon said nothing of its {name}"))?;
    Ok(last.to_owned())
}

/// The importing host, as its clients see it.
struct Site {
    importer: Host,
    socket: PathBuf,
}

impl Site {
    fn show(&self, when: &str) -> anyhow::Result<()> {
        self.importer.show(when)
    }

    /// Makes a world on both modules, a key in it, and a pool of every module; the key's blob.
    fn set_up(&self) -> anyhow::Result<Vec<u8>> {
        let home = self.importer.home();
        let privileged_socket = home.join("sockets/priv/privnserver");
        let environment = Environment {
            server: Some(self.socket.display().to_string()),
            privileged_server: Some(privileged_socket.display().to_string()),
            kmdata: Some(home.join("kmdata")),
            ..Environment::default()
        };
        let card = home.join("admin");
        pooled::set_up(&environment, &privileged_socket, &[1, 2], card, "two-hosts")
    }

    /// Waits until the link to the exporter is in this state.
    fn wait_for_link(&self, status: Status) -> anyhow::Result<()> {
        let wire = connect(&self.socket)?;
        wait(&format!("the link to be {status}"), || {
            let asked = NewEnquiryArgs {
                flags: 0,
                module: 2,
                version: 6,
            };
            let EnqVerData::Six(data) = wire.transact(asked)?.data else {
                bail!("no level six")
            };
            let remote = data.six.rmdata.context("the module is not imported")?;
            Ok(remote.stinfo.st == status)
        })
    }

    /// Waits until both modules are members of the pool.
    fn wait_for_return(&self) -> anyhow::Result<()> {
        let wire = connect(&self.socket)?;
        wait("both members of the pool", || {
            let info = wire.transact(GetPoolInfoArgs {
                flags: 0,
                type_: PoolInfo::StoreInfo,
                req: PoolInfoReqData::Empty,
            })?;
            Ok(info.info == b"1 2")
        })
    }

    /// The commands that the exporter's module was given.
    fn started(&self) -> anyhow::Result<u32> {
        let reply = connect(&self.socket)?.transact(StatGetValuesArgs {
            flags: 0,
            path_tags: vec![
                StatNodeTag::PerDevice.0,
                2,
                StatNodeTag::ModuleServerStats.0,
            ],
        })?;
        let started = |info: &StatInfo| info.id == StatID::JobsStarted;
        let place = reply.statinfos.iter().position(started);
        let value = place.and_then(|place| reply.values.get(place));
        value.copied().context("no count of jobs")
    }
}

fn wait(what: &str, holds: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
