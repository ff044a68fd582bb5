//! A pool of three modules that fail, are reset, lose power and return at random while sixteen threads sign through it.
//! `scripts/pool-storm` builds and calls it.
//!
//! It keeps a log of when each module was up. No call may fail for which one module was up from its beginning to its end;
//! in the calm after the storm the load spreads evenly. One line a figure on standard output: name and value, separated by a
//! tab. It exits with 0 only if everything held.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use conformance::daemon::Role;
use conformance::walk::{Site, new_key};
use ncore::client::{ConnectOptions, Connection};
use ncore::types::*;
use nfkm::cards::{CardSource, Unattended};
use nfkm::kmdata::EntryContent;
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{EntryName, Protection, Session};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use simulator::control::api;
use simulator::control::client::Client;

/// Lets a storm go over a pool of modules.
#[derive(Debug, Parser)]
#[command(name = "pool-storm", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// How long the storm lasts
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Decides what happens when [default: any]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Modules in the pool.
const MODULES: u32 = 3;

/// The pool's number.
const POOL: u32 = MODULES + 1;

/// Threads that sign.
const THREADS: usize = 16;

/// How long the calm lasts in which the load is measured.
const CALM: Duration = Duration::from_secs(10);

/// By how much a module's share may be off.
const TOLERANCE: f64 = 0.1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play(),
        None => storm(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pool-storm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// When each module was down: from before it was told to fail until after it was back.
struct Log {
    start: Instant,
    /// For each module, in order: when it went down, and when it was up again.
    down: Vec<Vec<(Duration, Option<Duration>)>>,
}

impl Log {
    fn down(&mut self, module: usize) {
        let now = self.start.elapsed();
        self.down[module].push((now, None));
    }

    fn up(&mut self, module: usize) {
        let now = self.start.elapsed();
        if let Some(last) = self.down[module].last_mut() {
            last.1 = Some(now);
        }
    }

    /// Whether a module was up all the time.
    fn some_up(&self, from: Duration, to: Duration) -> bool {
        let overlaps = |&(down, up): &(Duration, Option<Duration>)| {
            down <= to && up.is_none_or(|up| from <= up)
        };
        self.down.iter().any(|log| !log.iter().any(overlaps))
    }
}

/// A call that failed.
struct Failure {
    from: Duration,
    to: Duration,
    words: String,
}

fn storm(cli: &Cli) -> anyhow::Result<()> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()))
    });
    eprintln!("pool-storm: --seed {seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let site = Site::start(&std::env::current_exe()?, MODULES)?;
    let blob = set_up(&site)?;
    let control = site.control()?;

    let log = Mutex::new(Log {
        start: Instant::now(),
        down: vec![Vec::new(); MODULES as usize],
    });
    let lock = || log.lock().unwrap_or_else(PoisonError::into_inner);
    let start = lock().start;
    let (signed, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(Vec::new());
    let mut events = 0u64;
    let mut shares = Vec::new();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let sign = || -> anyhow::Result<()> {
            let wire = Connection::connect(&site.settings().ordinary(), ConnectOptions::default())?;
            wire.transact(NewClientArgs::default())?;
            let key = wire
                .transact(LoadBlobArgs {
                    module: POOL,
                    blob: blob.clone(),
                    ..Default::default()
                })?
                .idka;
            while !over.load(Ordering::SeqCst) {
                let from = start.elapsed();
                match wire.transact(sign_args(key)) {
                    Ok(_) => drop(signed.fetch_add(1, Ordering::SeqCst)),
                    Err(error) => {
                        let to = start.elapsed();
                        let words = error.to_string();
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(Failure { from, to, words });
                    }
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(sign)).collect();
        let mut rage = || -> anyhow::Result<()> {
            let calm = start + Duration::from_secs(cli.seconds);
            let mut failed = [false; MODULES as usize];
            while Instant::now() < calm {
                std::thread::sleep(Duration::from_millis(rng.next_u64() % 120));
                let module = (rng.next_u32() % MODULES) as usize;
                let press = |button: &str| -> anyhow::Result<()> {
                    let path = format!("/modules/{}/{button}", module + 1);
                    let _: api::Module = control.post(&path, &())?;
                    Ok(())
                };
                events += 1;
                if failed[module] {
                    press(if rng.next_u32().is_multiple_of(2) {
                        "retry"
                    } else {
                        "power-cycle"
                    })?;
                    lock().up(module);
                    failed[module] = false;
                    continue;
                }
                lock().down(module);
                match rng.next_u32() % 3 {
                    0 => {
                        press("fail")?;
                        failed[module] = true;
                    }
                    1 => {
                        press("clear")?;
                        lock().up(module);
                    }
                    _ => {
                        press("power-cycle")?;
                        lock().up(module);
                    }
                }
            }
            for module in (0..MODULES as usize).filter(|&module| failed[module]) {
                let path = format!("/modules/{}/retry", module + 1);
                let _: api::Module = control.post(&path, &())?;
                lock().up(module);
            }
            // What came back is loaded again first.
            std::thread::sleep(Duration::from_secs(1));
            let before = started(&control)?;
            std::thread::sleep(CALM);
            let after = started(&control)?;
            shares = before
                .iter()
                .zip(after)
                .map(|(before, after)| after - before)
                .collect();
            Ok(())
        };
        let raged = rage();
        over.store(true, Ordering::SeqCst);
        for thread in threads {
            match thread.join() {
                Ok(done) => done.context("a thread could not begin")?,
                Err(_) => bail!("a thread panicked"),
            }
        }
        raged
    })?;

    let failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unjust: Vec<&Failure> = failures
        .iter()
        .filter(|failure| log.some_up(failure.from, failure.to))
        .collect();
    let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    let off = shares
        .iter()
        .map(|&share| (share as f64 / mean - 1.0).abs())
        .fold(0.0, f64::max);
    println!("seed\t{seed}");
    println!("events\t{events}");
    println!("signatures\t{}", signed.into_inner());
    println!(
        "failed-with-no-module-up\t{}",
        failures.len() - unjust.len()
    );
    println!("failed-with-a-module-up\t{}", unjust.len());
    println!("largest-share-off-by\t{off:.3}");
    if let Some(failure) = unjust.first() {
        bail!(
            "a call from {:.3} s to {:.3} s failed although a module was up: {}",
            failure.from.as_secs_f64(),
            failure.to.as_secs_f64(),
            failure.words
        );
    }
    ensure!(
        off <= TOLERANCE,
        "the load spread unevenly after the storm: {shares:?}"
    );
    Ok(())
}

/// Makes a world on all modules, a key in it, and a pool of them; the key's blob.
fn set_up(site: &Site) -> anyhow::Result<Vec<u8>> {
    let admin = Admin::open(&site.environment())?;
    let modules: Vec<u32> = (1..=MODULES).collect();
    let source = CardSource::Files(vec![site.settings().folder.join("admin")]);
    let mut nobody = Unattended::default();
    let world = admin.create(&modules, &WorldParams::new(1, 1), &source, &mut nobody)?;
    let session = Session::open(&site.environment())?;
    session.generate_key_pair(&new_key("storm", Protection::Module))?;
    let name = EntryName::new("simple", "storm")?;
    let EntryContent::Key(record) = session.folder().entry(&world.hknso, &name)? else {
        bail!("the key has no record")
    };
    let privileged = Connection::connect(&site.settings().privileged(), ConnectOptions::default())?;
    privileged.transact(ConfigurePoolModuleArgs::default())?;
    Ok(record.blob)
}

fn sign_args(key: u32) -> SignArgs {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: b"storm".to_vec(),
    });
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data,
        },
        ..Default::default()
    }
}

/// The commands that each module was given.
fn started(control: &Client) -> anyhow::Result<Vec<u64>> {
    let status: api::Status = control.get("/status")?;
    Ok(status
        .modules
        .iter()
        .map(|module| module.queue.started)
        .collect())
}
