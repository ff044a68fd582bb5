//! Runs the stack's signing beside `openssl speed` in alternating rounds. `scripts/side-by-side` builds and calls it.
//!
//! One line a figure on standard output: name, median, lowest and highest over the rounds, separated by tabs. The rates
//! are ratios: CryptSignHash through socket and module over `openssl speed` of the same round. Each measurement is made of
//! slices of a second that alternate between the two sides, in turned order every second time: a machine that gets faster
//! or slower meanwhile does so for both. What was measured in each round goes to standard error.

use std::process::ExitCode;
use std::time::Duration;

use benches::alternate::{alternate, mean};
use benches::bare::Bare;
use benches::load::{self, Measured};
use benches::openssl;
use benches::stack::{KEY_BITS, Stack};
use clap::Parser;
use conformance::daemon::Role;
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
    /// Seconds of each measurement, in slices of one second that alternate between the two sides
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Numbers of callers, each with the number of `openssl` processes it is held against.
const CALLERS: [(usize, u32); 3] = [(1, 1), (2, 2), (16, 2)];

/// Seconds of a slice: the least that `openssl speed` measures.
const SLICE: u32 = 1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play(),
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
    let stack = Stack::start(&std::env::current_exe()?, KEY_BITS)?;
    let bare = Bare::new(Kind::Fast)?;
    let mut ratios: [Vec<f64>; CALLERS.len()] = Default::default();
    let mut added = Vec::new();
    for round in 1..=rounds {
        for ((callers, processes), ratios) in CALLERS.into_iter().zip(&mut ratios) {
            let peer = || openssl::sign_rate(processes, SLICE);
            let ours = || load::run(callers, slice(), &|| stack.sign());
            let (peer, ours) = alternate(seconds, peer, ours)?;
            let (peer, ours) = (mean(&peer), mean_rate(&ours));
            ratios.push(ours / peer);
            eprintln!(
                "round {round}: {callers} callers {ours:.0}/s, openssl with {processes} processes {peer:.0}/s, ratio {:.3}",
                ours / peer
            );
        }
        let bare = || load::run(1, slice(), &|| bare.sign());
        let ours = || load::run(1, slice(), &|| stack.sign());
        let (bare, ours) = alternate(seconds, bare, ours)?;
        let (bare, ours) = (median_us(&bare)?, median_us(&ours)?);
        eprintln!("round {round}: median {ours:.1} us at one caller, bare operation {bare:.1} us");
        added.push(ours - bare);
    }
    for ((callers, _), ratios) in CALLERS.into_iter().zip(&mut ratios) {
        print_figure(&format!("rsa2048-sign-{callers}"), ratios, 3);
    }
    print_figure("added-latency-us", &mut added, 1);
    Ok(())
}

fn slice() -> Duration {
    Duration::from_secs(SLICE.into())
}

fn mean_rate(slices: &[Measured]) -> f64 {
    mean(&slices.iter().map(|slice| slice.rate).collect::<Vec<_>>())
}

/// The median time of one operation over all slices, in microseconds.
fn median_us(slices: &[Measured]) -> anyhow::Result<f64> {
    let Some((first, rest)) = slices.split_first() else {
        anyhow::bail!("nothing was measured")
    };
    let mut all = first.latency.clone();
    for slice in rest {
        all.add(&slice.latency)?;
    }
    Ok(all.value_at_quantile(0.5) as f64 / 1000.0)
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
