//! Key generation (Cmd_GenerateKey, Cmd_GenerateKeyPair).
//!
//! There is one path, in Rust, for each key type, and it takes its randomness from the caller: the same parameters and
//! the same stream give the same key on every machine and with either engine. An engine is passed in for work whose
//! result it cannot influence: turning composites away before the test that decides, and the public values of discrete
//! logarithm keys.

mod dh;
mod dsa;
mod rsa;

use engine::Engine;
use ncore::Status;
use ncore::types::{KeyGenParams, KeyType, KeyTypeGenParams};
use rand_core::CryptoRng;

use super::key::KeyMaterial;
use super::symmetric;

/// Makes a key that is not half of a pair: symmetric keys and DSA groups.
///
/// # Errors
/// `InvalidParameter` for a size the type does not have, `TypeMismatch` for the type of a key pair,
/// `UnknownParameter` for a type this module does not handle.
pub fn generate_key(
    engine: &dyn Engine,
    params: &KeyGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    match &params.params {
        KeyTypeGenParams::Random(random) => {
            symmetric::generate(params.type_, Some(random.lenbytes), rng)
        }
        KeyTypeGenParams::DSAComm(params) => dsa::generate_group_fixed(engine, params, rng),
        KeyTypeGenParams::DSACommVariableSeed(comm) => {
            dsa::generate_group_variable(engine, params.type_, comm, rng)
        }
        KeyTypeGenParams::Empty => symmetric::generate(params.type_, None, rng),
        KeyTypeGenParams::RSAPrivate(_)
        | KeyTypeGenParams::DSAPrivate(_)
        | KeyTypeGenParams::DHPrivate(_)
        | KeyTypeGenParams::DHExPrivate(_)
        | KeyTypeGenParams::ECPrivate(_)
        | KeyTypeGenParams::KCDSAPrivate(_) => Err(Status::TypeMismatch),
        _ => Err(Status::UnknownParameter),
    }
}

/// Makes a key pair and gives its private half; [`KeyMaterial::public`] gives the other.
///
/// # Errors
/// `InvalidParameter` for a size or exponent the type does not have, `InvalidData` for a given group that is none,
/// `TypeMismatch` for a type that has no pairs, `UnknownParameter` for a type this module does not handle.
pub fn generate_key_pair(
    engine: &dyn Engine,
    params: &KeyGenParams,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    match &params.params {
        KeyTypeGenParams::RSAPrivate(params) => rsa::generate(engine, params, rng),
        KeyTypeGenParams::DSAPrivate(params) => dsa::generate(engine, params, rng),
        KeyTypeGenParams::DHPrivate(params) => dh::generate(engine, params, rng),
        KeyTypeGenParams::DHExPrivate(params) => dh::generate_ex(engine, params, rng),
        KeyTypeGenParams::ECPrivate(_) | KeyTypeGenParams::KCDSAPrivate(_) => {
            Err(Status::UnknownParameter)
        }
        KeyTypeGenParams::Empty if params.type_ == KeyType::Any => Err(Status::UnknownParameter),
        _ => Err(Status::TypeMismatch),
    }
}
