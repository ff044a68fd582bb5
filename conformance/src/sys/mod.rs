//! What the harness asks of the process itself.

// Setting variables is unsafe, see below, and so are the functions of Windows.
#![allow(unsafe_code)]

#[cfg(not(windows))]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::ffi::OsStr;

pub use platform::footprint;
#[cfg(not(windows))]
pub use platform::resident_kib;

/// What this process holds of the system.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Resident memory in KiB; on Windows the working set.
    pub kib: i64,
    /// Descriptors of open files and sockets; on Windows handles of everything.
    pub handles: usize,
}

/// Sets environment variables of this process, which is how the provider in it learns of the hardserver, and the Security
/// World's folder.
///
/// # Errors
/// The process has more than one thread: another could be reading the environment. On Windows that does no harm.
pub fn set_variables<'a>(
    variables: impl IntoIterator<Item = (&'a str, Option<&'a OsStr>)>,
) -> anyhow::Result<()> {
    #[cfg(not(windows))]
    {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        anyhow::ensure!(
            threads == 1,
            "the environment can be set while there is one thread, and there are {threads}"
        );
    }
    for (name, value) in variables {
        match value {
            // SAFETY: this is the only thread, so nobody reads the environment at the same time, or the system locks it.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
    Ok(())
}
