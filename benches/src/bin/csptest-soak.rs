//! `csptest --flood` for ten minutes, and then beside the load generator. `scripts/csptest-soak` builds and calls it; it runs
//! `csptest` from beside itself, against a hardserver that is this executable in another role.
//!
//! One line a figure on standard output: name and value, separated by a tab. It exits with 0 only if no signature failed,
//! neither process grew, and both rates agree.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use benches::alternate::{alternate, mean};
use benches::load;
use benches::stack::Stack;
use clap::Parser;
use conformance::daemon::Role;
use conformance::sys::resident_kib;

/// Lets csptest sign for a long time, and holds its rate against the load generator's.
#[derive(Debug, Parser)]
#[command(name = "csptest-soak", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// How long csptest signs
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    seconds: u64,
    /// How many threads of it
    #[arg(long, value_name = "N", default_value_t = 16)]
    threads: u16,
    /// How often its rate and the load generator's are measured, in turns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Bits of the key that csptest makes: the provider's default.
const KEY_BITS: u32 = 1024;

/// In how many slices each rate of a round is measured, in turns with the other: such machines get faster and slower within
/// seconds.
const SLICES: u32 = 4;

/// How long a slice is.
const SLICE: Duration = Duration::from_secs(2);

/// By how much either process may grow from the first tenth of the time to its end, in KiB.
const GROWTH_MAX: i64 = 8 << 10;

/// How far the median of the ratios may be from 1.
const APART_MAX: f64 = 0.1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.role {
        Some(role) => role.play(),
        None => soak(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("csptest-soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn soak(cli: &Cli) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let csptest = own.with_file_name("csptest");
    let stack = Stack::start(&own, KEY_BITS)?;
    let daemon = {
        let daemon = stack.target().daemon().context("no hardserver")?;
        daemon.process()
    };

    let endured = endure(&csptest, cli, daemon)?;
    println!("signatures\t{}", endured.signatures);
    println!("slowest-second\t{}", endured.slowest);
    println!("fastest-second\t{}", endured.fastest);
    println!("kib-grown-csptest\t{}", endured.csptest_grown);
    println!("kib-grown-hardserver\t{}", endured.daemon_grown);

    let mut ratios = Vec::new();
    for round in 1..=cli.rounds {
        let theirs = || flood_rate(&csptest, cli.threads);
        let ours = || Ok(load::run(cli.threads.into(), SLICE, &|| stack.sign())?.rate);
        let (theirs, ours) = alternate(SLICES, theirs, ours)?;
        let (theirs, ours) = (mean(&theirs), mean(&ours));
        let ratio = theirs / ours;
        eprintln!(
            "round {round}: csptest {theirs:.0}/s, load generator {ours:.0}/s, ratio {ratio:.3}"
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("csptest-to-load-generator\t{median:.3}");

    ensure!(
        endured.csptest_grown <= GROWTH_MAX && endured.daemon_grown <= GROWTH_MAX,
        "memory grew"
    );
    ensure!((median - 1.0).abs() <= APART_MAX, "the rates differ");
    Ok(())
}

/// What a long run brought.
struct Endured {
    signatures: u64,
    /// Signatures in the slowest and in the fastest second.
    slowest: u64,
    fastest: u64,
    csptest_grown: i64,
    daemon_grown: i64,
}

fn endure(csptest: &Path, cli: &Cli, daemon: u32) -> anyhow::Result<Endured> {
    let mut child = flood(csptest, cli.threads, cli.seconds)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", csptest.display()))?;
    let output = child.stdout.take().context("no output")?;
    let (mut rates, mut memory) = (Vec::new(), Vec::new());
    let mut total = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "s", rate, "signatures/s"] => {
                rates.push(rate.parse::<u64>()?);
                // With the last line of a second the process is still there.
                let now = (resident_kib(child.id())?, resident_kib(daemon)?);
                memory.push(now);
            }
            [signatures, "signatures", "in", ..] => total = Some(signatures.parse()?),
            _ => bail!("csptest said: {line}"),
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "csptest ended with {status}");
    ensure!(
        rates.len() as u64 == cli.seconds,
        "{} lines in {} s",
        rates.len(),
        cli.seconds
    );
    let (early, late) = (memory[memory.len() / 10], memory[memory.len() - 1]);
    Ok(Endured {
        signatures: total.context("csptest told no sum")?,
        slowest: *rates.iter().min().context("no second")?,
        fastest: *rates.iter().max().context("no second")?,
        csptest_grown: late.0 - early.0,
        daemon_grown: late.1 - early.1,
    })
}

/// Signatures a second, as csptest sums them up.
fn flood_rate(csptest: &Path, threads: u16) -> anyhow::Result<f64> {
    let output = flood(csptest, threads, SLICE.as_secs())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "csptest ended with {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("csptest said nothing")?;
    let rate = last.strip_suffix(" signatures/s");
    let rate = rate.and_then(|rest| rest.rsplit(' ').next());
    Ok(rate
        .with_context(|| format!("no rate in: {last}"))?
        .parse()?)
}

fn flood(csptest: &Path, threads: u16, seconds: u64) -> Command {
    let mut command = Command::new(csptest);
    command.arg("--flood");
    command.args(["--threads", &threads.to_string()]);
    command.args(["--seconds", &seconds.to_string()]);
    command
}
