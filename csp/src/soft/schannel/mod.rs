//! SSL 3.0 and TLS 1.0: masters, what is derived from them, and the pseudo-random function.
//!
//! `kdf` has the formulas of RFC 6101 and RFC 2246, `suite` what KP_SCHANNEL_ALG chooses, `master` the key kind, `derive`
//! the two hash objects that are made of a master. SSL 2.0 and PCT are not spoken (CAPI guide, section 6).

mod derive;
mod kdf;
mod master;
mod suite;

pub use derive::{MasterHash, Prf};
pub use master::{Master, SavedMaster};

use crate::constants::{ALG_CLASS_MSG_ENCRYPT, AlgId};

/// Whether an identifier is that of a master, or of what only a master can become: `CALG_SSL3_MASTER`,
/// `CALG_SCHANNEL_ENC_KEY` and the like, those of SSL 2.0 and PCT included.
pub fn is_schannel(algorithm: AlgId) -> bool {
    algorithm.class() == ALG_CLASS_MSG_ENCRYPT
}

#[cfg(test)]
mod tests;
