//! Elsewhere than on Windows: Linux tells in `/proc`.

use anyhow::Context as _;

use super::Footprint;

/// What this process holds now.
///
/// # Errors
/// The system does not tell.
pub fn footprint() -> anyhow::Result<Footprint> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib = kib.context("no VmRSS in the status of the process")?;
    Ok(Footprint {
        kib: kib.trim().parse()?,
        handles: std::fs::read_dir("/proc/self/fd")?.count(),
    })
}
