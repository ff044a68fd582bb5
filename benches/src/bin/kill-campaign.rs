//! Power cuts at random instants while a counted key is used. `scripts/kill-campaign` builds and calls it.
//!
//! Three campaigns: a real daemon that is killed (`kill -9`) while threads sign through its socket; a module on a disk that
//! loses everything that was not synced; and a state file torn at every byte of its last write. One line a figure on
//! standard output: name and value, separated by a tab. It exits with 0 only if everything held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use benches::counted;
use benches::disk::{Change, Disk};
use clap::Parser;
use conformance::daemon::{Daemon, Role, Settings};
use ncore::client::{ConnectOptions, Connection, Endpoint};
use ncore::message::{Command, Request};
use ncore::types::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use simulator::job::{Client, Job, KeyIds, Now};
use simulator::module::{Module, Setup};
use simulator::profile::Timing;
use simulator::seed::{Seed, Streams};
use simulator::store::RedbStore;

/// Cuts power at random instants while a counted key is used.
#[derive(Debug, Parser)]
#[command(name = "kill-campaign", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// How often the daemon is killed, and how often the disk loses power
    #[arg(long, value_name = "N", default_value_t = 500)]
    rounds: u32,
    /// Decides the instants [default: any]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Threads that sign.
const THREADS: usize = 8;

/// Uses that are reserved at a time.
const PREFETCH: u32 = 5;

/// The longest that threads sign between two cuts.
const LONGEST: Duration = Duration::from_millis(40);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play(),
        None => campaigns(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kill-campaign: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn campaigns(cli: &Cli) -> anyhow::Result<()> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()))
    });
    eprintln!("kill-campaign: --seed {seed}");
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let killed = killed(cli.rounds, &mut rng).context("the killed daemon")?;
    let lost = lost(cli.rounds, &mut rng).context("the disk that loses what is not synced")?;
    let torn = torn().context("the torn state file")?;
    println!("seed\t{seed}");
    println!("kills\t{}", cli.rounds);
    println!("signatures-acknowledged\t{}", killed.acknowledged);
    println!("signatures-counted\t{}", killed.counted);
    println!("power-cuts\t{}", cli.rounds);
    println!("uses-acknowledged\t{}", lost.acknowledged);
    println!("uses-counted\t{}", lost.counted);
    println!("torn-at-bytes\t{}", torn.bytes);
    println!("torn-opened-old\t{}", torn.old);
    println!("torn-opened-new\t{}", torn.new);
    println!("torn-refused\t{}", torn.refused);
    Ok(())
}

/// What a campaign counted.
#[derive(Default)]
struct Counts {
    acknowledged: u64,
    counted: u64,
}

/// Holds the counter against what is known of it.
fn check(before: u64, counted: u64, acknowledged: u64, in_flight: u64) -> anyhow::Result<()> {
    ensure!(
        counted >= before + acknowledged,
        "the counter went from {before} to {counted} with {acknowledged} signatures acknowledged"
    );
    let most = before + acknowledged + in_flight + u64::from(PREFETCH);
    ensure!(
        counted <= most,
        "the counter went from {before} to {counted} with {acknowledged} signatures acknowledged, {in_flight} in flight and \
         {PREFETCH} prefetched"
    );
    Ok(())
}

fn pause(rng: &mut ChaCha20Rng) -> Duration {
    Duration::from_micros(rng.next_u64() % LONGEST.as_micros() as u64)
}

/// Kills the daemon again and again.
fn killed(rounds: u32, rng: &mut ChaCha20Rng) -> anyhow::Result<Counts> {
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        folder: folder.path().to_owned(),
        modules: 1,
        seed: None,
    };
    let mut daemon = Daemon::start(&std::env::current_exe()?, settings.clone())?;
    let privileged = connect(&settings.privileged())?;
    let mut over_the_socket = |args: SetUp| -> anyhow::Result<()> {
        match args {
            SetUp::Clear(args) => privileged.transact(args).map(drop)?,
            SetUp::Initialise(args) => privileged.transact(args).map(drop)?,
            SetUp::Officer(args) => privileged.transact(args).map(drop)?,
        }
        Ok(())
    };
    set_up(&mut over_the_socket)?;
    let wire = connect(&settings.ordinary())?;
    wire.transact(NewClientArgs::default())?;
    wire.transact(counted::area())?;
    let key = wire.transact(counted::generate(PREFETCH))?.key;
    let list = GetKMListArgs {
        module: 1,
        flags: 0,
    };
    let hkms = wire.transact(list)?.hkms;
    let hkm = *hkms.first().context("no KM0")?;
    let blob = wire.transact(counted::make_blob(key, hkm))?.blob;
    drop((wire, privileged));

    let mut counts = Counts::default();
    for round in 1..=rounds {
        let wait = pause(rng);
        let (started, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
        let endpoint = settings.ordinary();
        let sign = || -> anyhow::Result<()> {
            let wire = connect(&endpoint)?;
            wire.transact(NewClientArgs::default())?;
            let key = wire.transact(counted::load(&blob))?.idka;
            loop {
                started.fetch_add(1, Ordering::SeqCst);
                wire.transact(counted::sign(key))?;
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        };
        let sign = &sign;
        std::thread::scope(|scope| -> anyhow::Result<()> {
            for _ in 0..THREADS {
                // It ends with the daemon; what counts is how far it came.
                scope.spawn(move || drop(sign()));
            }
            // Not before they sign, or nothing is at stake; but a round without any is one too.
            let patience = Instant::now() + Duration::from_secs(5);
            while round % 8 != 0
                && acknowledged.load(Ordering::SeqCst) == 0
                && Instant::now() < patience
            {
                std::thread::yield_now();
            }
            std::thread::sleep(wait);
            daemon.kill_and_restart()
        })
        .with_context(|| format!("round {round}: the daemon does not start again"))?;
        let acknowledged = acknowledged.into_inner();
        let in_flight = started.into_inner() - acknowledged;
        let wire = connect(&settings.ordinary())?;
        let counted = counted::number(wire.transact(counted::read())?)?;
        check(counts.counted, counted, acknowledged, in_flight)
            .with_context(|| format!("round {round}"))?;
        counts.acknowledged += acknowledged;
        counts.counted = counted;
    }
    ensure!(counts.acknowledged > 0, "nothing was signed");
    Ok(counts)
}

fn connect(endpoint: &Endpoint) -> anyhow::Result<Connection> {
    Ok(Connection::connect(endpoint, ConnectOptions::default())?)
}

/// The commands that bring a module into operation, everything being public.
enum SetUp {
    Clear(ClearUnitExArgs),
    Initialise(InitialiseUnitArgs),
    Officer(SetNSOPermsArgs),
}

fn set_up(send: &mut dyn FnMut(SetUp) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let reset = |mode| {
        SetUp::Clear(ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode,
        })
    };
    send(reset(ModuleMode::Initialisation))?;
    send(SetUp::Initialise(InitialiseUnitArgs { module: 1 }))?;
    send(SetUp::Officer(SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: [1; 20],
        publicperms: NSOPerms { ops: 0x7_ffff },
    }))?;
    send(reset(ModuleMode::Operational))
}

/// A client at a module, without a socket between them.
#[derive(Clone)]
struct Desk {
    module: Arc<Module>,
    client: Client,
    commands: u64,
}

impl Desk {
    /// Switches a module on whose state is on this disk.
    fn power_on(disk: Disk) -> anyhow::Result<Desk> {
        let now = Now {
            uptime: Duration::ZERO,
            unix: Duration::ZERO,
        };
        let module = Module::power_on(Setup {
            number: 1,
            seed: Seed::from_bytes(b"campaign"),
            engine: engine::Kind::default().engine(),
            store: Box::new(RedbStore::open_on(disk, Path::new("module1.redb"))?),
            slots: Vec::new(),
            nvram: Timing::FASTEST.profile.nvram,
            now,
        })?;
        Ok(Desk::at(module, 1))
    }

    fn at(module: Arc<Module>, ordinal: u64) -> Desk {
        module.welcome(ordinal);
        let client = Client {
            ordinal,
            hash: Some([1; 20]),
            privileged: true,
            key_ids: Arc::new(KeyIds::new(0)),
        };
        Desk {
            module,
            client,
            commands: 0,
        }
    }

    fn send<R: Request>(&mut self, args: R) -> anyhow::Result<R::Reply> {
        self.commands += 1;
        let now = Now {
            uptime: Duration::ZERO,
            unix: Duration::ZERO,
        };
        let seed = Seed::from_bytes(b"campaign");
        let job = Job {
            command: Command::new(1, args),
            number: 1,
            client: self.client.clone(),
            now,
            streams: Streams::new(&seed, 1, self.client.ordinal, self.commands),
        };
        let reply = self.module.begin(job).finish();
        match R::reply(reply.body) {
            Some(body) if reply.status == Status::OK => Ok(body),
            _ => bail!("{} was refused: {}", R::CMD, reply.status),
        }
    }

    fn set_up(&mut self) -> anyhow::Result<()> {
        set_up(&mut |args| {
            match args {
                SetUp::Clear(args) => drop(self.send(args)?),
                SetUp::Initialise(args) => drop(self.send(args)?),
                SetUp::Officer(args) => drop(self.send(args)?),
            }
            Ok(())
        })
    }

    fn number(&mut self) -> anyhow::Result<u64> {
        counted::number(self.send(counted::read())?)
    }
}

/// Cuts the power of a disk again and again. Threads sign all the while; each cut looks at what would be left.
fn lost(rounds: u32, rng: &mut ChaCha20Rng) -> anyhow::Result<Counts> {
    let disk = Disk::default();
    let mut desk = Desk::power_on(disk.clone())?;
    desk.set_up()?;
    desk.send(counted::area())?;
    let key = desk.send(counted::generate(PREFETCH))?.key;
    let (started, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let module = Arc::clone(&desk.module);
    std::thread::scope(|scope| -> anyhow::Result<Counts> {
        let (started, acknowledged, stop) = (&started, &acknowledged, &stop);
        let signing: Vec<_> = (0..THREADS)
            .map(|_| {
                let mut desk = desk.clone();
                scope.spawn(move || -> anyhow::Result<()> {
                    while !stop.load(Ordering::SeqCst) {
                        started.fetch_add(1, Ordering::SeqCst);
                        desk.send(counted::sign(key))?;
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(())
                })
            })
            .collect();
        let mut cut = || -> anyhow::Result<Counts> {
            let mut counts = Counts::default();
            for round in 1..=rounds {
                std::thread::sleep(pause(rng) / 4);
                // What was acknowledged before must be there; what was started by then may be.
                let before = acknowledged.load(Ordering::SeqCst);
                let image = match round % 3 {
                    0 => disk.after_power_cut(|| false),
                    1 => disk.after_power_cut(|| rng.next_u32().is_multiple_of(2)),
                    _ => {
                        let mut landed = rng.next_u32() % 8;
                        disk.after_power_cut(|| {
                            landed = landed.saturating_sub(1);
                            landed > 0
                        })
                    }
                };
                let after = started.load(Ordering::SeqCst);
                let mut again = Desk::power_on(Disk::new(image))
                    .with_context(|| format!("cut {round}: the module does not start again"))?;
                let counted = again.number()?;
                ensure!(
                    counted >= counts.counted,
                    "cut {round}: the counter went back from {} to {counted}",
                    counts.counted
                );
                check(0, counted, before, after - before)
                    .with_context(|| format!("cut {round}"))?;
                counts = Counts {
                    acknowledged: before,
                    counted,
                };
            }
            Ok(counts)
        };
        let counts = cut();
        stop.store(true, Ordering::SeqCst);
        for thread in signing {
            match thread.join() {
                Ok(done) => done?,
                Err(_) => bail!("a thread panicked"),
            }
        }
        drop(module);
        counts
    })
}

/// What became of torn state files.
#[derive(Default)]
struct Torn {
    bytes: u64,
    old: u64,
    new: u64,
    refused: u64,
}

/// Tears the state at every byte of its last write.
fn torn() -> anyhow::Result<Torn> {
    let disk = Disk::default();
    let mut desk = Desk::power_on(disk.clone())?;
    desk.set_up()?;
    desk.send(counted::area())?;
    let key = desk.send(counted::generate(1))?.key;
    desk.send(counted::sign(key))?;
    let mut image = disk.record();
    desk.send(counted::sign(key))?;
    let changes = disk.recorded();
    ensure!(!changes.is_empty(), "the last write wrote nothing");

    let mut torn = Torn::default();
    for change in &changes {
        for bytes in 0..=change.bytes() {
            let mut cut = image.clone();
            change.apply(&mut cut, bytes);
            torn.bytes += 1;
            let opened = catch_unwind(AssertUnwindSafe(|| open(cut)));
            match opened {
                Err(_) => bail!("{} torn at byte {bytes}: it panics", describe(change)),
                Ok(Err(error)) => {
                    let words = format!("{error:#}");
                    ensure!(
                        words.contains("module1.redb") || words.contains("module state"),
                        "{} torn at byte {bytes}: refused without its name: {words}",
                        describe(change)
                    );
                    torn.refused += 1;
                }
                Ok(Ok(1)) => torn.old += 1,
                Ok(Ok(2)) => torn.new += 1,
                Ok(Ok(other)) => bail!(
                    "{} torn at byte {bytes}: the counter says {other}",
                    describe(change)
                ),
            }
        }
        change.apply(&mut image, usize::MAX);
    }
    Ok(torn)
}

fn open(image: Vec<u8>) -> anyhow::Result<u64> {
    Desk::power_on(Disk::new(image))?.number()
}

fn describe(change: &Change) -> String {
    match change {
        Change::Write(offset, data) => format!("a write of {} bytes at {offset}", data.len()),
        Change::Length(length) => format!("a change of the length to {length}"),
    }
}
