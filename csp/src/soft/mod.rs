//! What the provider does in software: session keys, hashes and public-key operations.
//!
//! Pure functions and values. Nothing here knows of contexts, handles, containers or the
//! hardserver; randomness comes in through [`Random`]. A value's `Clone` is the duplicate that
//! CPDuplicateKey and CPDuplicateHash make: it shares nothing with the original.

mod cms;
mod discrete;
mod hash;
mod public;
mod rsa;
mod schannel;
mod symkey;

pub use cms::CmsDhKeyInfo;
pub(crate) use discrete::trim;
pub use discrete::{DSS_ORDER_LEN, DiscretePublicKey, Group};
pub use hash::{HashState, HmacInfo};
pub use public::PublicKey;
pub(crate) use public::dss_hash;
pub use rsa::{RsaPadding, RsaPublicKey, bare_block, digest_info, digest_info_block, x931_block};
pub use schannel::{Master, MasterHash, Prf, SavedMaster, is_schannel};
pub(crate) use symkey::set_odd_parity;
pub use symkey::{ParamForm, SavedKey, SymKey};

use crate::error::Result;

/// A source of random bytes: the module's generator in use, a fixed stream in tests.
pub trait Random {
    /// Fills the buffer.
    ///
    /// # Errors
    /// Whatever the source fails with, usually `NTE_FAIL`.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()>;
}

impl<F: FnMut(&mut [u8]) -> Result<()>> Random for F {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        self(buffer)
    }
}

#[cfg(test)]
pub(crate) mod testing;
