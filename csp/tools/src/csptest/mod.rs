//! `csptest`: what the installed providers can do, and a soak test of one (CAPI guide, sections 5 and 10).

mod flood;
mod list;

use std::process::ExitCode;

use clap::Parser;
use nfkm_tools::cli::{self};

/// Test the installed Cryptographic Service Providers: list what they can do, or sign without end. Prompts for cards are
/// answered at the terminal, or by the file that NCCAPI_ANSWERS names.
#[derive(Debug, Parser)]
#[command(name = "csptest")]
struct Options {
    /// Run a continuous signature test.
    #[arg(short, long)]
    flood: bool,
    /// Use DSA signatures rather than RSA signatures.
    #[arg(short, long, requires = "flood", conflicts_with = "ms")]
    dsa: bool,
    /// Use the MS AES provider rather than nCipher's one (possibly with modexp offload).
    #[arg(short, long, requires = "flood")]
    ms: bool,
    /// Generate keys with counters (needs NVRAM and ACS). The counter stays in the module's NVRAM; nvram-sw frees it.
    #[arg(short = 'C', long, requires = "flood")]
    counters: bool,
    /// Generate keys using KITB (needs NVRAM and ACS). The blob stays in the module's NVRAM; nvram-sw frees it.
    #[arg(short = 'K', long, requires = "flood")]
    kitb: bool,
    /// Sign in so many threads (default = one for each processor).
    #[arg(short, long, value_name = "NUMBER", requires = "flood",
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// End the signature test after so long (default = when it is interrupted).
    #[arg(short, long, value_name = "SECONDS", requires = "flood")]
    seconds: Option<u64>,
    /// Answer in JSON.
    #[arg(short, long)]
    json: bool,
}

/// The command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| match options.flood {
        true => flood::run(&options),
        false => list::run(options.json),
    })
}
