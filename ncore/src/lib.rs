//! The nCore protocol both ends speak: codes, structures, commands, frames, the client connection.
//!
//! It does no cryptography and knows nothing of modules or Security Worlds. Names are the vendor's: a command's fields
//! are found by searching for its name. What public sources leave open about the encoding is one value,
//! [`profile::WireProfile`].

#![deny(unsafe_code)]

pub mod bignum;
pub mod client;
mod code;
pub mod codec;
mod curves;
pub mod delegation;
pub mod frame;
pub mod invariant;
pub mod keyhash;
pub mod message;
pub mod profile;

#[rustfmt::skip]
#[allow(clippy::large_enum_variant, clippy::match_single_binding, clippy::upper_case_acronyms, unused_imports, unused_variables)]
mod generated {
    pub(super) mod codes;
    pub(super) mod flags;
    pub(super) mod messages;
    pub(super) mod presence;
    pub(super) mod structs;
    pub(super) mod unions;
}

/// Every code, structure and tagged union of the protocol, generated from `ncore/tables`.
pub mod types {
    pub use crate::bignum::Bignum;
    pub use crate::codec::{Nested, Opt};
    pub use crate::generated::codes::*;
    pub use crate::generated::messages::{Args, ReplyBody};
    pub use crate::generated::structs::*;
    pub use crate::generated::unions::*;
}

pub use types::{Args, Bignum, Cmd, Mech, ReplyBody, Status};
