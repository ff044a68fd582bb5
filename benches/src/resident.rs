//! Memory of a process.

use anyhow::Context as _;

/// KiB of memory that a process has resident.
///
/// # Errors
/// There is no such process, or the kernel does not tell.
pub fn kib(process: u32) -> anyhow::Result<i64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib = kib.context("no VmRSS in the status of the process")?;
    Ok(kib.trim().parse()?)
}
