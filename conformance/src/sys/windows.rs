//! Windows: the process's memory counters, and the system's list of handles.

use anyhow::{Context as _, ensure};
use windows_sys::Wdk::System::SystemInformation::NtQuerySystemInformation;
use windows_sys::Win32::Foundation::STATUS_INFO_LENGTH_MISMATCH;
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::Footprint;

/// What this process holds now.
///
/// # Errors
/// The system does not tell.
pub fn footprint() -> anyhow::Result<Footprint> {
    let mut counters = PROCESS_MEMORY_COUNTERS::default();
    let size = size_of_val(&counters) as u32;
    // SAFETY: the structure is as long as said, and the pseudo handle is always valid.
    let told = unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, size) };
    ensure!(told != 0, "{}", std::io::Error::last_os_error());
    Ok(Footprint {
        kib: i64::try_from(counters.WorkingSetSize >> 10)?,
        handles: handles()?,
    })
}

/// How many handles this process has, by the list of all processes' handles: GetProcessHandleCount is always 0 under Wine.
fn handles() -> anyhow::Result<usize> {
    let mut words = vec![0u64; 1 << 16];
    loop {
        let size = u32::try_from(size_of_val(&words[..])).context("too many handles")?;
        let place = words.as_mut_ptr().cast();
        // SAFETY: the buffer is as long as said.
        let status = unsafe {
            NtQuerySystemInformation(
                SYSTEM_EXTENDED_HANDLE_INFORMATION,
                place,
                size,
                std::ptr::null_mut(),
            )
        };
        match status {
            STATUS_INFO_LENGTH_MISMATCH => words.resize(words.len() * 2, 0),
            status => {
                ensure!(status >= 0, "the list of handles: {status:#010x}");
                break;
            }
        }
    }
    // The number of entries and a reserved word. An entry: the object, the process, the handle, and two words of others.
    let own = u64::from(std::process::id());
    let count = usize::try_from(words[0])?;
    let (entries, _) = words[2..].as_chunks::<5>();
    Ok(entries
        .iter()
        .take(count)
        .filter(|entry| entry[1] == own)
        .count())
}

/// SystemExtendedHandleInformation, which the headers lack.
const SYSTEM_EXTENDED_HANDLE_INFORMATION: i32 = 64;
