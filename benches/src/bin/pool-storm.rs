//! A pool of modules that fail, are reset, lose power, are unplugged, return and are added at random while sixteen threads
//! sign through it. `scripts/pool-storm` builds and calls it.
//!
//! It keeps a log of when each module was up. No call may fail for which one module was up from its beginning to its end;
//! in the calm after the storm the load spreads evenly. One line a figure on standard output: name and value, separated by a
//! tab. It exits with 0 only if everything held.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure};
use benches::pooled::{self, Signer};
use clap::Parser;
use nfkm::Environment;
use nfkm::cards::{CardSource, Unattended};
use nfkm::world::admin::Admin;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use simulator::control::api;
use simulator::control::client::Client;
use simulator::{Options, Server};
use tempfile::TempDir;

/// Lets a storm go over a pool of modules.
#[derive(Debug, Parser)]
#[command(name = "pool-storm")]
struct Cli {
    /// How long the storm lasts
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Decides what happens when [default: any]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Modules in the pool at first.
const MODULES: u32 = 3;

/// The pool's number.
const POOL: u32 = MODULES + 1;

/// Modules that are added during the storm.
const ADDED: usize = 2;

/// Threads that sign.
const THREADS: usize = 16;

/// How long the calm lasts in which the load is measured.
const CALM: Duration = Duration::from_secs(10);

/// By how much a module's share may be off.
const TOLERANCE: f64 = 0.1;

fn main() -> ExitCode {
    match storm(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pool-storm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn storm(cli: &Cli) -> anyhow::Result<()> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()))
    });
    eprintln!("pool-storm: --seed {seed}");
    let site = Site::start()?;
    let blob = site.set_up()?;
    let signers = (0..THREADS).map(|_| Signer::load(&site.options.socket, POOL, &blob));
    let signers = signers.collect::<anyhow::Result<Vec<_>>>()?;

    let start = Instant::now();
    let mut weather = Weather {
        site: &site,
        control: Client::new(site.server.endpoints().control.clone()),
        rng: ChaCha20Rng::seed_from_u64(seed),
        log: Log::new(start),
        numbers: (1..=MODULES).collect(),
        states: vec![State::Up; MODULES as usize],
        events: 0,
        added: 0,
    };
    let (signed, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(Vec::new());
    let shares = std::thread::scope(|scope| {
        for signer in &signers {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let from = start.elapsed();
                    match signer.sign() {
                        Ok(_) => drop(signed.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => {
                            let to = start.elapsed();
                            let words = error.to_string();
                            let mut failures =
                                failures.lock().unwrap_or_else(PoisonError::into_inner);
                            failures.push(Failure { from, to, words });
                        }
                    }
                }
            });
        }
        let shares = weather.pass(start + Duration::from_secs(cli.seconds));
        over.store(true, Ordering::SeqCst);
        shares
    })?;

    let failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let unjust: Vec<&Failure> = failures
        .iter()
        .filter(|failure| weather.log.some_up(failure.from, failure.to))
        .collect();
    ensure!(
        shares.iter().all(|&share| share > 0),
        "a module signed nothing after the storm: {shares:?}"
    );
    let mean = shares.iter().sum::<u64>() as f64 / shares.len() as f64;
    let off = shares
        .iter()
        .map(|&share| (share as f64 / mean - 1.0).abs())
        .fold(0.0, f64::max);
    println!("seed\t{seed}");
    println!("events\t{}", weather.events);
    println!("modules-added\t{}", weather.added);
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

/// What happens to the modules.
struct Weather<'a> {
    site: &'a Site,
    control: Client,
    rng: ChaCha20Rng,
    log: Log,
    numbers: Vec<u32>,
    states: Vec<State>,
    events: u64,
    added: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Failed,
    Unplugged,
}

impl Weather<'_> {
    /// The storm until `calm`, and the calm after it: the commands that each module had then.
    fn pass(&mut self, calm: Instant) -> anyhow::Result<Vec<u64>> {
        while Instant::now() < calm {
            std::thread::sleep(Duration::from_millis(u64::from(self.below(120))));
            self.events += 1;
            // Seldom enough that the storm goes over most of the time with those that were added.
            if self.added < ADDED && self.below(40) == 0 {
                self.add()?;
                continue;
            }
            let module = self.below(self.numbers.len() as u32) as usize;
            if self.states[module] == State::Up {
                self.strike(module)?;
            } else {
                self.bring_back(module)?;
            }
        }
        for module in 0..self.numbers.len() {
            if self.states[module] != State::Up {
                self.bring_back(module)?;
            }
        }
        while self.added < ADDED {
            self.add()?;
        }
        // What came back is loaded again first.
        std::thread::sleep(Duration::from_secs(1));
        let before = self.started()?;
        std::thread::sleep(CALM);
        let after = self.started()?;
        let shares = before
            .iter()
            .zip(after)
            .map(|(before, after)| after - before);
        Ok(shares.collect())
    }

    fn strike(&mut self, module: usize) -> anyhow::Result<()> {
        self.log.down(module);
        self.states[module] = match self.below(4) {
            0 => {
                self.press(module, "fail")?;
                State::Failed
            }
            1 => {
                let unplugged = self.site.server.unplug(self.numbers[module]);
                unplugged.map_err(|status| anyhow!("unplugging: {status}"))?;
                State::Unplugged
            }
            2 => {
                self.press(module, "clear")?;
                State::Up
            }
            _ => {
                self.press(module, "power-cycle")?;
                State::Up
            }
        };
        if self.states[module] == State::Up {
            self.log.up(module);
        }
        Ok(())
    }

    fn bring_back(&mut self, module: usize) -> anyhow::Result<()> {
        let button = match self.below(2) {
            0 => "retry",
            _ => "power-cycle",
        };
        match self.states[module] {
            State::Unplugged => {
                let plugged = self.site.server.plug_in(self.numbers[module]);
                plugged.map_err(|status| anyhow!("plugging in: {status}"))?;
            }
            _ => self.press(module, button)?,
        }
        self.states[module] = State::Up;
        self.log.up(module);
        Ok(())
    }

    /// Adds a module and loads the world on it.
    fn add(&mut self) -> anyhow::Result<()> {
        let module = self.log.new_module();
        let number = self.site.server.add_module()?;
        let admin = Admin::open(&self.site.environment())?;
        let cards = CardSource::Files(vec![self.site.card()]);
        admin.load(&[number], &cards, false, &mut Unattended::default())?;
        self.numbers.push(number);
        self.states.push(State::Up);
        self.log.up(module);
        self.added += 1;
        Ok(())
    }

    fn press(&self, module: usize, button: &str) -> anyhow::Result<()> {
        let path = format!("/modules/{}/{button}", self.numbers[module]);
        let _: api::Module = self.control.post(&path, &())?;
        Ok(())
    }

    /// The commands that each module was given.
    fn started(&self) -> anyhow::Result<Vec<u64>> {
        let status: api::Status = self.control.get("/status")?;
        let started = status.modules.iter().map(|module| module.queue.started);
        Ok(started.collect())
    }

    /// A number from 0, below this one.
    fn below(&mut self, end: u32) -> u32 {
        self.rng.next_u32() % end
    }
}

/// When each module was down: from before it was told to go until after it was back.
struct Log {
    start: Instant,
    /// For each module, in order: when it went down, and when it was up again.
    down: Vec<Vec<(Duration, Option<Duration>)>>,
}

impl Log {
    fn new(start: Instant) -> Log {
        Log {
            start,
            down: vec![Vec::new(); MODULES as usize],
        }
    }

    /// A module that is down, as it was from the start; its place.
    fn new_module(&mut self) -> usize {
        self.down.push(vec![(Duration::ZERO, None)]);
        self.down.len() - 1
    }

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

/// A hardserver in this process and a folder of its own.
struct Site {
    server: Server,
    options: Options,
    folder: TempDir,
}

impl Site {
    fn start() -> anyhow::Result<Site> {
        let folder = tempfile::tempdir()?;
        let options = Options {
            modules: MODULES,
            ..Options::in_folder(folder.path())
        };
        Ok(Site {
            server: Server::start(&options)?,
            options,
            folder,
        })
    }

    /// Makes a world on all modules, a key in it, and a pool of every module; the key's blob.
    fn set_up(&self) -> anyhow::Result<Vec<u8>> {
        let modules: Vec<u32> = (1..=MODULES).collect();
        let privileged = &self.options.privileged_socket;
        let environment = self.environment();
        pooled::set_up(&environment, privileged, &modules, self.card(), "storm")
    }

    /// The file of the world's administrator card.
    fn card(&self) -> PathBuf {
        self.folder.path().join("admin")
    }

    fn environment(&self) -> Environment {
        Environment {
            server: Some(self.options.socket.display().to_string()),
            privileged_server: Some(self.options.privileged_socket.display().to_string()),
            kmdata: Some(self.options.kmdata.clone()),
            ..Environment::default()
        }
    }
}
