//! `floodtest`: floods the modules with modular exponentiations (UTILITIES section 9).

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ncore::types::{Bignum, GenerateRandomArgs, ModExpArgs};
use nfkm::{Client, Environment};

use crate::cli::{self, Failure};
use crate::load;
use crate::values;

/// Flood the modules with modular exponentiations, and say each second how many are done.
///
/// The hardserver chooses a module for each: the command names none.
#[derive(Debug, Parser)]
#[command(name = "floodtest")]
struct Options {
    /// Bits of base, exponent and modulus
    #[arg(short, long, value_name = "BITS", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(64..=16_384))]
    length: u32,
    /// Jobs outstanding at once
    #[arg(short, long, value_name = "JOBS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    queue: u32,
    /// How long: seconds, or with m, h or d; without it, until the program is ended
    #[arg(short, long, value_name = "TIME", value_parser = values::seconds)]
    time: Option<u32>,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let client = Client::connect(&Environment::from_process().endpoint()?)?;
        let args = options.job(&client)?;
        let mut before = load::Figures::default();
        let time = options
            .time
            .map(|seconds| Duration::from_secs(seconds.into()));
        let mut seconds = 0;
        let mut tick = |now: &load::Figures| {
            seconds += 1;
            let last = load::Figures {
                jobs: now.jobs - before.jobs,
                elapsed: now.elapsed - before.elapsed,
                ..load::Figures::default()
            };
            before = *now;
            // Whoever has closed the pipe has seen enough.
            cli::print(&format!(
                "{seconds}: {:.0} modexp/s, overall {:.1}\n",
                last.rate(),
                now.rate()
            ))
            .is_ok()
        };
        let figures = load::run(&client, &args, options.queue as usize, time, &mut tick)?;
        cli::print(&format!(
            "{} exponentiations of {} bits in {:.1} s: {:.1} modexp/s\n",
            figures.jobs,
            options.length,
            figures.elapsed.as_secs_f64(),
            figures.rate()
        ))
    })
}

impl Options {
    /// Random numbers: the modulus odd and of full length.
    fn job(&self, client: &Client) -> Result<ModExpArgs, Failure> {
        let lenbytes = self.length.div_ceil(8);
        let number = |full: bool| -> Result<Bignum, Failure> {
            let mut bytes = client.transact(GenerateRandomArgs { lenbytes })?.data;
            let top = (self.length - 1) % 8;
            if let (Some(first), true) = (bytes.first_mut(), full) {
                *first = (*first & ((1 << top) - 1)) | 1 << top;
            } else if let Some(first) = bytes.first_mut() {
                *first &= (1 << top) - 1;
            }
            if let (Some(last), true) = (bytes.last_mut(), full) {
                *last |= 1;
            }
            Ok(Bignum::from_be(&bytes))
        };
        Ok(ModExpArgs {
            a: number(false)?,
            p: number(false)?,
            n: number(true)?,
        })
    }
}
