//! The 25 functions in safe Rust, one file a family. Each is a method of [`Csp`](crate::csp::Csp) named after its entry
//! point, and returns the code that the caller is to see.
//!
//! They check in the order of Microsoft's providers: context, flags, key or hash, then the rest (CRYPTSPI section 2).

mod acquire;
mod cipher;
mod export;
mod generate;
mod hashing;
mod import;
mod key_param;
mod pregen;
mod prov_param;
mod signing;

pub use acquire::Caller;
pub use cipher::InPlace;
pub use hashing::HashParam;
pub use prov_param::ProvParamForm;
pub use signing::Signature;
