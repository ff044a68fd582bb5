//! Holds a hardserver that keeps the pace of a unit against the unit's figures. `scripts/profile-check` builds and calls it.
//!
//! It signs with RSA-2048 through CryptSignHash with more and more callers, prints what each number of callers reaches, and
//! last one line a figure: name, measured, expected, ratio, separated by tabs. It exits with 0 only if both figures are
//! within the tolerance.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use benches::load;
use benches::stack::{KEY_BITS, Signer};
use clap::Parser;
use simulator::profile::{Operation, Profile, Timing};

/// Holds the hardserver that the environment names against a unit's figures.
#[derive(Debug, Parser)]
struct Cli {
    /// The profile that the hardserver was started with
    #[arg(long)]
    profile: String,
    /// Its scale
    #[arg(long, default_value_t = 1.0)]
    profile_scale: f64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// How far a figure may be from the table.
const TOLERANCE: f64 = 0.03;

fn main() -> ExitCode {
    match check(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("profile-check: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(cli: &Cli) -> anyhow::Result<bool> {
    let profile = Profile::find(&cli.profile).filter(|profile| profile.is_unit());
    let profile = profile.context("no profile of a unit")?;
    let scale = cli.profile_scale;
    let timing = Timing {
        profile,
        scale,
        delays: false,
    };
    let signer = Signer::new(KEY_BITS)?;
    let time = Duration::from_secs(cli.seconds);
    // Connections and keys are in place before anything counts.
    load::run(1, Duration::from_millis(100), &|| signer.sign())?;

    println!("callers\tsignatures/s\tmedian ms");
    let engines = usize::try_from(profile.engines)?;
    let mut callers = 1;
    let mut alone = 0.0;
    let mut saturated = 0.0;
    loop {
        let measured = load::run(callers, time, &|| signer.sign())?;
        let median = measured.median_us() / 1000.0;
        println!("{callers}\t{:.1}\t{median:.2}", measured.rate);
        if callers == 1 {
            alone = median;
        }
        saturated = measured.rate.max(saturated);
        if callers >= 2 * engines {
            break;
        }
        callers *= 2;
    }

    let latency = timing.service(Operation::Rsa(KEY_BITS)) + timing.overhead();
    let expected = [
        (
            "rsa2048-saturated",
            saturated,
            profile.rsa_rate(KEY_BITS) * scale,
        ),
        ("one-caller-latency-ms", alone, latency.as_secs_f64() * 1e3),
    ];
    let mut holds = true;
    for (name, measured, expected) in expected {
        let ratio = measured / expected;
        println!("{name}\t{measured:.2}\t{expected:.2}\t{ratio:.3}");
        holds &= (ratio - 1.0).abs() <= TOLERANCE;
    }
    Ok(holds)
}
