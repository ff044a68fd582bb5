//! The Security World as a client sees it: worlds, key files, card sets, loaded keys and their failover. It never knows
//! what is behind the socket.
//!
//! A [`Session`] is what an application holds: a client of a hardserver and the Key Management Data folder. It makes,
//! records and loads keys; a [`LoadedKey`] lives on every usable module and reloads itself when one goes away. A key may
//! be under an operator card set or a softcard; then it is loaded with the [`LoadedToken`] of that. [`cards`] is about the
//! cards themselves. [`world::admin`] makes worlds and brings modules into them.

#![forbid(unsafe_code)]

mod acl;
mod areas;
mod atomic;
mod card_sets;
pub mod cards;
mod client;
mod clock;
mod environment;
mod error;
mod fips;
mod key;
mod keygen;
pub mod kmdata;
mod link;
mod making;
mod modules;
mod names;
mod nvram;
mod pin_recovery;
mod preload;
mod public;
mod recovery;
mod session;
mod single_cards;
mod softcards;
mod token;
mod verify;
pub mod world;

pub use areas::StoredArea;
pub use card_sets::NewCardSet;
pub use client::{Client, KeyId};
pub use environment::Environment;
pub use error::{Corruption, Error};
pub use key::LoadedKey;
pub use keygen::{IdentRule, NewKey, Protection};
pub use modules::{Enquiry, Mode, Module, survey};
pub use names::{APPNAME_MAX, EntryName, IDENT_MAX};
pub use nvram::{Area, InNvram, NvramAuthority, NvramState};
pub use preload::{Preload, PreloadedFips, PreloadedKey, PreloadedToken};
pub use recovery::{RecoveredKey, Recovery};
pub use session::Session;
pub use single_cards::{PresentCard, RecoveredPassphrase};
pub use token::LoadedToken;
pub use verify::VerifiedKey;
pub use world::{World, WorldInfo};

/// A SHA-1 hash as the protocol carries it: of a key, a logical token or a module key.
pub type Hash = [u8; 20];

/// The hash that stands for "none".
pub const ZERO_HASH: Hash = [0; 20];

/// A hash as people and file names have it: lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A hash as file names have it; None for anything else.
pub fn unhex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 40 || digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| (digit as char).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(hash)
}
