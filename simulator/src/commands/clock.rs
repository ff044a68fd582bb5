//! `softshield clock`: the clock that the modules see.

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use simulator::Options;
use simulator::control::api;

use super::client;

/// Shows the clock that the modules see, and sets by how much it is ahead of this machine's.
#[derive(Debug, Args)]
pub(crate) struct Clock {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows it.
    Show,
    /// Sets it.
    Set {
        /// By how many seconds it is ahead of this machine's from now on; less than 0 is behind
        #[arg(value_name = "SECONDS", allow_negative_numbers = true)]
        ahead: i64,
    },
}

impl Clock {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let client = client(options)?;
        let clock: api::Clock = match self.action {
            Action::Show => client.get("/clock")?,
            Action::Set { ahead } => client.put("/clock", &api::Clock { ahead, unix: None })?,
        };
        let mut out = std::io::stdout().lock();
        if let Some(unix) = clock.unix {
            writeln!(out, "{unix} seconds since 1970")?;
        }
        match clock.ahead {
            0 => writeln!(out, "as this machine's")?,
            ahead if ahead > 0 => writeln!(out, "{ahead} seconds ahead of this machine's")?,
            ahead => writeln!(
                out,
                "{} seconds behind this machine's",
                ahead.unsigned_abs()
            )?,
        }
        Ok(())
    }
}
