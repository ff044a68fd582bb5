//! 64 threads in one process with mixed calls over shared contexts and their own. `scripts/threads` builds and calls it.
//!
//! The hardserver is this executable in another role, so that memory and handles are the provider's alone; without the feature
//! `embedded` it is the one that the environment names. One line a figure on standard output: name and value, separated by a
//! tab. It exits with 0 only if no call failed but for a handle that another thread had released, every released handle was
//! dead, nothing was left, and memory did not grow.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
#[cfg(feature = "embedded")]
use conformance::daemon::Role;
use conformance::sys::{self, Footprint};
#[cfg(feature = "embedded")]
use conformance::target::{Choice, Prepared, Target};
use conformance::threads::{self, Plan};

/// Lets many threads call the provider.
#[derive(Debug, Parser)]
#[command(name = "threads")]
struct Cli {
    #[cfg(feature = "embedded")]
    #[command(subcommand)]
    role: Option<Role>,
    /// How many threads
    #[arg(long, value_name = "N", default_value_t = 64)]
    threads: usize,
    /// How long they call
    #[arg(long, value_name = "N", default_value_t = 120)]
    seconds: u64,
    /// Decides who does what [default: any]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// By how much resident memory may grow from the third tenth of the run to its end
    #[arg(long, value_name = "KIB", default_value_t = GROWTH_MAX)]
    growth: i64,
}

/// What an allocator with an arena for every few threads takes its time to spread, in KiB.
const GROWTH_MAX: i64 = 8 << 10;

/// By how many the handles of the system may grow from the third tenth of the run to when all is released: the client keeps a
/// connection for each thread that waits for a module, 64 at most, and opens them when it needs them.
const HANDLES_MAX: usize = 80;

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "embedded")]
    let result = match &cli.role {
        Some(role) => role.play(),
        None => hardserver().and_then(|_target| soak(&cli)),
    };
    #[cfg(not(feature = "embedded"))]
    let result = soak(&cli);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("threads: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A hardserver of our own with a Security World, to which the provider is pointed.
#[cfg(feature = "embedded")]
fn hardserver() -> anyhow::Result<Target> {
    let prepared = Prepared::new(Choice::Own {
        modules: 2,
        seed: None,
    })?;
    prepared.point_provider()?;
    prepared.open_with(&std::env::current_exe()?)
}

fn soak(cli: &Cli) -> anyhow::Result<()> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()))
    });
    let plan = Plan {
        threads: cli.threads,
        duration: Duration::from_secs(cli.seconds),
        seed,
    };
    let mut samples = Vec::new();
    let report = threads::run(&plan, || samples.push(sys::footprint()))
        .context("the provider refuses what the threads share")?;
    let after = sys::footprint()?;
    let samples = samples
        .into_iter()
        .collect::<anyhow::Result<Vec<Footprint>>>()?;
    let grown = samples[9].kib - samples[2].kib;
    let handles_grown = after.handles.saturating_sub(samples[2].handles);

    println!("seed\t{seed}");
    println!("rounds\t{}", report.total());
    for (name, count) in &report.rounds {
        println!("rounds-{name}\t{count}");
    }
    for (code, count) in &report.raced {
        println!("raced-{code}\t{count}");
    }
    println!("failures\t{}", report.failures.values().sum::<u64>());
    if let Some(left) = report.left {
        println!("handles-left\t{}", left.iter().sum::<usize>());
    }
    println!("system-handles-grown\t{handles_grown}");
    println!("kib-resident\t{}", samples[9].kib);
    println!("kib-grown\t{grown}");
    for (what, count) in &report.failures {
        eprintln!("threads: {count} times {what}");
    }
    ensure!(report.holds(), "calls failed, or handles were left");
    ensure!(
        handles_grown <= HANDLES_MAX,
        "handles of the system were left: {samples:?}, {after:?}"
    );
    ensure!(grown <= cli.growth, "memory grew: {samples:?}");
    Ok(())
}
