//! 64 threads in one process with mixed calls over shared contexts and their own. `scripts/threads` builds and calls it.
//!
//! The hardserver is this executable in another role, so that memory and handles are the provider's alone. One line a figure on
//! standard output: name and value, separated by a tab. It exits with 0 only if no call failed but for a handle that another
//! thread had released, every released handle was dead, nothing was left, and memory did not grow.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use benches::resident;
use clap::Parser;
use conformance::daemon::Role;
use conformance::target::{Choice, Prepared};
use conformance::threads::{self, Plan};

/// Lets many threads call the provider.
#[derive(Debug, Parser)]
#[command(name = "threads")]
struct Cli {
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

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play(),
        None => soak(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("threads: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn soak(cli: &Cli) -> anyhow::Result<()> {
    let seed = cli.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()))
    });
    let prepared = Prepared::new(Choice::Own {
        modules: 2,
        seed: None,
    })?;
    prepared.point_provider()?;
    let target = prepared.open_with(&std::env::current_exe()?)?;
    let plan = Plan {
        threads: cli.threads,
        duration: Duration::from_secs(cli.seconds),
        seed,
    };
    let mut kib = Vec::new();
    let report = threads::run(&plan, || kib.push(resident::kib(std::process::id())))
        .context("the provider refuses what the threads share")?;
    drop(target);
    let kib = kib.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let grown = kib[9] - kib[2];

    println!("seed\t{seed}");
    println!("rounds\t{}", report.total());
    for (name, count) in &report.rounds {
        println!("rounds-{name}\t{count}");
    }
    for (code, count) in &report.raced {
        println!("raced-{code}\t{count}");
    }
    println!("failures\t{}", report.failures.values().sum::<u64>());
    println!("handles-left\t{}", report.left.iter().sum::<usize>());
    println!("kib-resident\t{}", kib[9]);
    println!("kib-grown\t{grown}");
    for (what, count) in &report.failures {
        eprintln!("threads: {count} times {what}");
    }
    ensure!(report.holds(), "calls failed, or handles were left");
    ensure!(grown <= cli.growth, "memory grew: {kib:?} KiB");
    Ok(())
}
