//! The module's cryptography: pure functions over key material.
//!
//! Nothing here knows of handles, ACLs or clients, and nothing asks the operating system for anything: an
//! [`Engine`](engine::Engine) does the public-key arithmetic, and randomness comes in as a stream, so that the same
//! command with the same stream gives the same bytes. No input makes any of it panic.
//!
//! # Statuses
//!
//! | status | when |
//! | --- | --- |
//! | `UnknownMechanism` | this module has no such mechanism |
//! | `UnknownDefault` | `Mech_Any` with a key type that has no default for this use |
//! | `MechanismNotExpected` | a ciphertext or an initialisation vector of another mechanism than the command's |
//! | `TypeMismatch` | the mechanism does not go with the key's type, or with the type of the data |
//! | `InvalidData` | a key whose values contradict each other; data to be signed that do not fit the key or the block |
//! | `InvalidParameter` | a size that the key type does not have; a type of plain text that cannot carry the result |
//! | `UnknownParameter` | a key type this module does not handle |
//! | `OutOfRange` | a number that is not less than the modulus |
//! | `EncryptFailed` | data to be encrypted that do not fit the key or the block |
//! | `DecryptFailed` | bad padding, or a ciphertext that is no whole blocks |
//! | `VerifyFailed` | the signature is not one of the data |
//! | `Failed` | a result that did not survive the check with the public exponent |

mod block;
mod channel;
mod dh;
mod dsa;
mod generate;
mod hash;
mod immediate;
mod key;
mod mechanism;
mod operation;
mod plain;
mod prime;
mod rsa;
mod symmetric;
mod validate;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use ncore::Status;
use ncore::types::{IV, Mech, MechIV};

pub use channel::Channel;
pub use generate::{generate_key, generate_key_pair};
pub use hash::hash;
pub use immediate::{mod_exp, mod_exp_crt, rsa_immed_sign_decrypt, rsa_immed_verify_encrypt};
pub use key::KeyMaterial;
pub use mechanism::pads_by_pkcs1;
pub use operation::{decrypt, encrypt, sign, verify};
pub use prime::generate_prime;

/// Whether this module knows a mechanism, for keys or as a hash function.
pub fn has_mechanism(mech: Mech) -> bool {
    mechanism::lookup(mech).is_ok() || hash::Hash::from_mech(mech).is_some()
}

/// What the other side sees of an engine's error.
fn engine_status(error: engine::Error) -> Status {
    match error {
        engine::Error::InvalidKey(_) => Status::InvalidData,
        engine::Error::OutOfRange => Status::OutOfRange,
        engine::Error::UnsupportedSize | engine::Error::ZeroModulus | engine::Error::TooLarge => {
            Status::InvalidParameter
        }
        engine::Error::Fault | engine::Error::Library => Status::Failed,
    }
}

/// The body of a given initialisation vector, which must be for the mechanism in use.
fn iv_for(mech: Mech, given: Option<&IV>) -> Result<Option<&MechIV>, Status> {
    match given {
        Some(iv) if iv.mech != mech => Err(Status::MechanismNotExpected),
        given => Ok(given.map(|iv| &iv.iv)),
    }
}
