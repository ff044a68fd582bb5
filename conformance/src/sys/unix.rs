//! Elsewhere than on Windows: Linux tells in `/proc`.

use anyhow::Context as _;

use super::Footprint;

/// What this process holds now.
///
/// # Errors
/// The system does not tell.
pub fn footprint() -> anyhow::Result<Footprint> {
    Ok(Footprint {
        kib: resident_kib(std::process::id())?,
        handles: std::fs::read_dir("/proc/self/fd")?.count(),
    })
}

/// KiB of memory that a process has resident.
///
/// # Errors
/// There is no such process, or the kernel does not tell.
pub fn resident_kib(process: u32) -> anyhow::Result<i64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib = kib.context("no VmRSS in the status of the process")?;
    Ok(kib.trim().parse()?)
}
