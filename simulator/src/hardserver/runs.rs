//! How many runs a state folder has seen.
//!
//! The modules keep their keys from run to run. A seeded run that began counting its clients at 1 again would draw what an
//! earlier run has drawn: keys that exist already, and nonces that other messages were signed with. So clients are
//! numbered on: the ordinals of each run lie above those of all runs before it. The first run of a new folder starts at 1,
//! and two first runs with one seed are alike, like two second ones.

use std::path::Path;

use super::{StartError, number};

const FILE: &str = "runs";

/// Ordinals a run has for its clients, as a power of two.
const CLIENT_BITS: u32 = 40;

/// Counts a new run; the ordinal below that of its first client. The count is on the disk when this returns.
///
/// # Errors
/// [`StartError::Runs`]: the file cannot be read or written, or holds no number.
pub(super) fn begin(state: &Path) -> Result<u64, StartError> {
    let path = state.join(FILE);
    let fail = |cause| StartError::Runs {
        path: path.clone(),
        cause,
    };
    let before: u32 = number::read(&path).map_err(fail)?.unwrap_or(0);
    number::write(state, FILE, before.wrapping_add(1)).map_err(fail)?;
    Ok(u64::from(before) << CLIENT_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_counts_its_clients_from_above_the_last() {
        let folder = tempfile::tempdir().unwrap();
        for run in 0..3 {
            assert_eq!(begin(folder.path()).unwrap(), run << 40);
        }
    }

    #[test]
    fn a_damaged_count_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "seven").unwrap();
        let text = begin(folder.path()).unwrap_err().to_string();
        assert!(
            text.contains("runs") && text.contains("not a number"),
            "{text}"
        );
    }
}
