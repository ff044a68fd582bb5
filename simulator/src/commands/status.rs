//! `softshield status`: everything at a glance.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use simulator::Options;
use simulator::control::api;

use super::client;

/// Shows the daemon and its modules.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// As JSON, with every loaded key
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let status: api::Status = client(options)?.get("/status")?;
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &status)?;
            writeln!(out)?;
        } else {
            print(&status, &mut out)?;
        }
        Ok(())
    }
}

fn print(status: &api::Status, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "softshield {}, up {} s, {} connections, {} commands in flight",
        status.version, status.uptime, status.connections, status.in_flight
    )?;
    for module in &status.modules {
        writeln!(out, "Module #{}", module.number)?;
        writeln!(out, " serial number  {}", module.esn)?;
        if let Some(exporter) = &module.imported_from {
            writeln!(out, " imported from  {exporter}")?;
        }
        writeln!(out, " mode           {}", word(&module.mode)?)?;
        writeln!(out, " switch         {}", word(&module.switch)?)?;
        if module.imported_from.is_none() {
            writeln!(out, " objects        {}", module.objects)?;
            writeln!(out, " keys           {}", module.keys.len())?;
        }
        writeln!(
            out,
            " commands       {} outstanding, {} since the start",
            module.queue.outstanding, module.queue.started
        )?;
        for slot in &module.slots {
            let card = match (&slot.card, slot.insertions) {
                (Some(name), _) => name.as_str(),
                (None, 0) => "empty",
                (None, _) => "a card",
            };
            writeln!(
                out,
                " slot #{}        {} {card}",
                slot.number,
                word(&slot.kind)?
            )?;
        }
        if module.imported_from.is_none() {
            writeln!(out, " nvram          {} bytes", module.nvram_size)?;
        }
        for area in &module.nvram {
            writeln!(out, "  area          {} ({} bytes)", area.name, area.bytes)?;
        }
    }
    if let Some(pool) = &status.pool {
        writeln!(out, "Pool #{}", pool.number)?;
        writeln!(out, " modules        {}", list(&pool.modules))?;
        writeln!(out, " members        {}", list(&pool.members))?;
    }
    Ok(())
}

fn list(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    }
}

/// The word that JSON has for a value.
fn word(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(text.trim_matches('"').to_owned())
}
