//! What KP_SCHANNEL_ALG chooses: the cipher and the MAC of a connection.

use crate::alg::Provider;
use crate::constants::{
    ALG_CLASS_DATA_ENCRYPT, AlgId, INTERNATIONAL_USAGE, SCHANNEL_ENC_KEY, SCHANNEL_MAC_KEY,
};
use crate::error::{CspError, Result};
use crate::soft::symkey::{block_len, stored_bits};

/// Length of a `SCHANNEL_ALG` structure in bytes: dwUse, Algid, cBits, dwFlags, dwReserved.
pub(super) const SCHANNEL_ALG_LEN: usize = 20;

/// One call of KP_SCHANNEL_ALG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Cipher(Cipher),
    Mac(Mac),
}

/// The cipher of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cipher {
    pub(super) algorithm: AlgId,
    /// Bytes that a key takes of the key block.
    pub(super) material: usize,
    /// Length of an export suite's final key in bytes; none where the key block has the key itself.
    pub(super) export: Option<usize>,
}

/// The MAC of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mac {
    /// CALG_MD5 or CALG_SHA1.
    pub(super) algorithm: AlgId,
    /// Length of a key and of a MAC in bytes.
    pub(super) len: usize,
}

impl Choice {
    /// Reads a `SCHANNEL_ALG`.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a use, an algorithm, a length or flags that are not known.
    pub(super) fn parse(provider: &Provider, value: &[u8]) -> Result<Choice> {
        let word = |i: usize| {
            let bytes = value.get(4 * i..4 * i + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes))
        };
        let words = [word(0), word(1), word(2), word(3), word(4)];
        let [
            Some(usage),
            Some(algorithm),
            Some(bits),
            Some(flags),
            Some(0),
        ] = words
        else {
            return Err(CspError::NTE_BAD_DATA);
        };
        let algorithm = AlgId(algorithm);
        match usage {
            SCHANNEL_ENC_KEY => Cipher::new(provider, algorithm, bits, flags).map(Choice::Cipher),
            // A MAC is the same in export suites.
            SCHANNEL_MAC_KEY if flags & !INTERNATIONAL_USAGE == 0 => {
                Mac::new(algorithm, bits).map(Choice::Mac)
            }
            _ => Err(CspError::NTE_BAD_DATA),
        }
    }
}

impl Cipher {
    /// The lengths of DES keys are known with parity and without.
    fn new(provider: &Provider, algorithm: AlgId, bits: u32, flags: u32) -> Result<Cipher> {
        let bad = Err(CspError::NTE_BAD_DATA);
        let row = match provider.algorithm(algorithm) {
            Ok(row) if algorithm.class() == ALG_CLASS_DATA_ENCRYPT => row,
            _ => return bad,
        };
        let stored_max = stored_bits(algorithm, row.max_bits);
        let stored = match bits {
            0 => return bad,
            bits if algorithm.is_des() && bits == row.max_bits => stored_max,
            bits => bits as usize,
        };
        let streams = matches!(algorithm, AlgId::CALG_RC2 | AlgId::CALG_RC4);
        let is_whole = stored == stored_max
            || streams
                && stored.is_multiple_of(8)
                && (row.min_bits as usize..stored_max).contains(&stored);
        let export = match flags {
            0 if is_whole => None,
            // RFC 2246 appendix C: RC4_40, RC2_CBC_40, DES40_CBC; the suites with 56 bits came later. All expand what the
            // key block has.
            INTERNATIONAL_USAGE if streams && matches!(stored, 40 | 56) => Some(stored_max / 8),
            INTERNATIONAL_USAGE
                if algorithm == AlgId::CALG_DES && (stored == 40 || stored == stored_max) =>
            {
                Some(stored_max / 8)
            }
            _ => return bad,
        };
        Ok(Cipher {
            algorithm,
            material: stored / 8,
            export,
        })
    }

    /// Length of a block, and of an IV, in bytes; 0 for RC4.
    pub(super) fn block_len(&self) -> usize {
        block_len(self.algorithm).unwrap_or(0)
    }
}

impl Mac {
    fn new(algorithm: AlgId, bits: u32) -> Result<Mac> {
        match (algorithm, bits) {
            (AlgId::CALG_MD5, 128) | (AlgId::CALG_SHA1, 160) => Ok(Mac {
                algorithm,
                len: bits as usize / 8,
            }),
            _ => Err(CspError::NTE_BAD_DATA),
        }
    }
}
