//! Smart cards: how they come to a module, what is on them, and how shares get on and off them (PROTOCOL section 4.5).
//!
//! Administrator and operator card sets go the same way: a card carries one share of each token of its set, all under the
//! card's one pass phrase.

mod content;
mod handling;
mod operator;
mod slot;

use std::path::PathBuf;

use sha1::{Digest, Sha1};

use crate::Hash;

pub use content::{CardContent, Known};
pub(crate) use handling::{Cards, NewToken, Reading};
pub use operator::{Card, Notice, Operator, Purpose, SetName, Unattended};
pub use slot::is_locked;
pub(crate) use slot::{InSlot, in_readers, insert_image, remove_image};

/// Where the cards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardSource {
    /// In the modules' card readers, changed by hand.
    Readers,
    /// In these files, one a card. Each is put into a soft token slot of the module and taken out again
    /// (Cmd_InsertSoftToken, Cmd_RemoveSoftToken). A file that does not exist is a blank card.
    Files(Vec<PathBuf>),
}

impl CardSource {
    /// Whether shares go through soft token slots, which a token must allow.
    pub(crate) fn is_soft(&self) -> bool {
        matches!(self, CardSource::Files(_))
    }
}

/// What a pass phrase is on the wire: its SHA-1.
pub(crate) type Pin = [u8; 20];

/// The pass phrase as it goes on the wire; an empty one is none.
pub(crate) fn pin(passphrase: Option<&str>) -> Option<Pin> {
    passphrase
        .filter(|text| !text.is_empty())
        .map(|text| Sha1::digest(text.as_bytes()).into())
}

/// M_ShortHash: the first 10 bytes of a hash, by which a share on a card names its token.
pub(crate) fn short(hash: &Hash) -> [u8; 10] {
    let mut short = [0; 10];
    short.copy_from_slice(&hash[..10]);
    short
}
