//! Security identifiers: who somebody is to a security descriptor, in Windows' binary and text forms on every system.

use std::fmt;
use std::str::FromStr;

use crate::error::{CspError, Result};

/// A security identifier: `S-1-<authority>-<sub>-<sub>...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sid {
    pub(crate) authority: u64,
    pub(crate) subs: Vec<u32>,
}

/// The most sub-authorities that there are.
pub(crate) const SUBS_MAX: usize = 15;

impl Sid {
    /// The SID with this authority (48 bits) and these sub-authorities (at most 15).
    ///
    /// # Errors
    /// `NTE_BAD_DATA` beyond those limits.
    pub fn new(authority: u64, subs: &[u32]) -> Result<Sid> {
        if authority >> 48 != 0 || subs.len() > SUBS_MAX {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(Sid {
            authority,
            subs: subs.to_vec(),
        })
    }

    /// Everyone.
    pub fn everyone() -> Sid {
        Sid {
            authority: 1,
            subs: vec![0],
        }
    }

    /// BUILTIN\Administrators.
    pub fn administrators() -> Sid {
        Sid {
            authority: 5,
            subs: vec![32, 544],
        }
    }

    /// NT AUTHORITY\SYSTEM, LOCALSYSTEM in the guide.
    pub fn local_system() -> Sid {
        Sid {
            authority: 5,
            subs: vec![18],
        }
    }

    /// Its binary form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![1, self.subs.len() as u8];
        bytes.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        self.subs
            .iter()
            .for_each(|sub| bytes.extend_from_slice(&sub.to_le_bytes()));
        bytes
    }

    /// Reads a SID from the start of `bytes`. None if it is cut or not of revision 1.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Sid> {
        let (&[revision, count, a, b, c, d, e, f], rest) = bytes.split_first_chunk::<8>()?;
        let count = usize::from(count);
        if revision != 1 || count > SUBS_MAX {
            return None;
        }
        let subs = rest
            .get(..count * 4)?
            .chunks_exact(4)
            .filter_map(|sub| sub.first_chunk().copied().map(u32::from_le_bytes))
            .collect();
        Some(Sid {
            authority: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            subs,
        })
    }
}

impl FromStr for Sid {
    type Err = CspError;

    /// Reads the form `S-1-5-21-...`, the authority in decimal.
    fn from_str(text: &str) -> Result<Sid> {
        let mut numbers = text
            .strip_prefix("S-1-")
            .ok_or(CspError::NTE_BAD_DATA)?
            .split('-');
        let authority = numbers.next().and_then(|number| number.parse().ok());
        let subs: Option<Vec<u32>> = numbers.map(|number| number.parse().ok()).collect();
        match (authority, subs) {
            (Some(authority), Some(subs)) => Sid::new(authority, &subs),
            _ => Err(CspError::NTE_BAD_DATA),
        }
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.subs.iter().try_for_each(|sub| write!(f, "-{sub}"))
    }
}
