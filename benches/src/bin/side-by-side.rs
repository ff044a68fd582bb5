//! Runs the stack's signing beside `openssl speed` in alternating rounds. `scripts/side-by-side` builds and calls it.
//!
//! One line a figure on standard output: name, median, lowest and highest over the rounds, separated by tabs. The rates
//! are ratios: CryptSignHash through socket and module over `openssl speed` of the same round. What was measured in each
//! round goes to standard error.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use benches::bare::Bare;
use benches::stack::Stack;
use benches::{load, openssl};
use clap::{Parser, Subcommand};
use conformance::daemon;
use engine::Kind;

/// Compares RSA-2048 signing through the whole stack with `openssl speed`.
#[derive(Debug, Parser)]
#[command(name = "side-by-side", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds; each figure is the median over them
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Be the hardserver, until standard input ends
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        modules: u32,
        #[arg(long)]
        seed: Option<String>,
    },
}

/// Numbers of callers, each with the number of `openssl` processes it is held against.
const CALLERS: [(usize, u32); 3] = [(1, 1), (2, 2), (16, 2)];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(Role::Serve {
            folder,
            modules,
            seed,
        }) => daemon::serve(folder, *modules, seed.as_deref()),
        None => compare(cli.rounds, cli.seconds),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("side-by-side: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(rounds: u32, seconds: u32) -> anyhow::Result<()> {
    let stack = Stack::start(&std::env::current_exe()?)?;
    let bare = Bare::new(Kind::Fast)?;
    let time = Duration::from_secs(seconds.into());
    let mut ratios: [Vec<f64>; CALLERS.len()] = Default::default();
    let mut added = Vec::new();
    for round in 1..=rounds {
        let mut alone = None;
        for ((callers, processes), ratios) in CALLERS.into_iter().zip(&mut ratios) {
            let peer = openssl::sign_rate(processes, seconds)?;
            let ours = load::run(callers, time, &|| stack.sign())?;
            ratios.push(ours.rate / peer);
            eprintln!(
                "round {round}: {callers} callers {:.0}/s, openssl with {processes} processes {peer:.0}/s, ratio {:.3}",
                ours.rate,
                ours.rate / peer
            );
            alone.get_or_insert(ours);
        }
        let operation = load::run(1, time, &|| bare.sign())?;
        let alone = alone.map_or(0.0, |alone| alone.median_us());
        eprintln!(
            "round {round}: median {alone:.1} us at one caller, bare operation {:.1} us",
            operation.median_us()
        );
        added.push(alone - operation.median_us());
    }
    for ((callers, _), ratios) in CALLERS.into_iter().zip(&mut ratios) {
        print_figure(&format!("rsa2048-sign-{callers}"), ratios, 3);
    }
    print_figure("added-latency-us", &mut added, 1);
    Ok(())
}

fn print_figure(name: &str, values: &mut [f64], digits: usize) {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    };
    let (lowest, highest) = (values[0], values[values.len() - 1]);
    println!("{name}\t{median:.digits$}\t{lowest:.digits$}\t{highest:.digits$}");
}
