//! The CryptoAPI provider: contexts, containers, keys, hashes, blobs. Private keys never enter it.

pub mod alg;
pub mod blob;
pub mod constants;
pub mod error;
pub mod soft;
