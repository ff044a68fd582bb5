//! The CryptoAPI provider: contexts, containers, keys, hashes, blobs. Private keys never enter it.
//!
//! [`csp::Csp`] is the provider in safe Rust: 25 functions in the modules of `calls`, named after the CryptSPI entry points.
//! [`ffi`] gives them their C face. Hashes, session keys and public-key operations are software ([`soft`], [`blob`]); a key
//! pair is a `nfkm::LoadedKey`, whose private half is in the modules. Containers are opaque entries of the Security World.
//!
//! The library does nothing when it is loaded, starts no thread, and connects to the hardserver when it first must.

mod agreed;
pub mod alg;
pub mod blob;
mod calls;
mod certificate;
pub mod constants;
mod container;
mod context;
pub mod csp;
pub mod error;
mod failure;
#[allow(unsafe_code)]
pub mod ffi;
mod handle;
pub mod identity;
mod key;
mod key_spec;
mod key_values;
mod log;
pub mod names;
mod new_pair;
pub mod output;
mod pair;
mod pending;
pub mod prompt;
mod protection;
mod random;
pub mod registration;
pub mod security;
pub mod settings;
pub mod sid;
pub mod soft;
#[allow(unsafe_code)]
mod sys;

pub use calls::{Caller, HashParam, InPlace, ProvParamForm, Signature};
pub use container::admin;
pub use key_values::KeyParamForm;
