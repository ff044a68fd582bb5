//! `softshield fault`: what goes wrong on purpose.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use simulator::Options;
use simulator::faults::{Plan, Report};

use super::client;

/// Plays fault plans. A plan is a TOML file: `seed`, and a `[[fault]]` for each rule.
#[derive(Debug, Args)]
pub(crate) struct Fault {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Begins to play a plan; the one before it ends.
    Play {
        /// The plan
        file: PathBuf,
    },
    /// Shows how often each rule met a command, how often it struck, and when.
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Ends the plan, and shows how it went.
    Clear,
}

impl Fault {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let client = client(options)?;
        match self.action {
            Action::Play { file } => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let plan: Plan = toml::from_str(&text)
                    .with_context(|| format!("{} is no fault plan", file.display()))?;
                let _: Report = client.put("/faults", &plan)?;
                Ok(())
            }
            Action::Show { json } => {
                let report: Report = client.get("/faults")?;
                if json {
                    let mut out = std::io::stdout().lock();
                    serde_json::to_writer_pretty(&mut out, &report)?;
                    writeln!(out)?;
                    return Ok(());
                }
                print(&report)
            }
            Action::Clear => print(&client.delete("/faults")?),
        }
    }
}

fn print(report: &Report) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (number, outcome) in (1..).zip(&report.faults) {
        let effect = serde_json::to_string(&outcome.rule.effect)?;
        writeln!(
            out,
            "fault {number}: {effect} met {} commands, struck {} times",
            outcome.met, outcome.struck
        )?;
    }
    for strike in &report.strikes {
        let place = match strike.module {
            0 => "in the hardserver".to_owned(),
            module => format!("on module {module}"),
        };
        writeln!(
            out,
            " fault {} at {} number {} {place}",
            strike.rule, strike.name, strike.command
        )?;
    }
    Ok(())
}
