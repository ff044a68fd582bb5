//! Which cards are in the readers, kept so that hands find them there when the daemon starts again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::world::PowerOnError;
use super::{Module, SlotKind};
use crate::cards::FileCard;
use crate::record::{self, Kind};
use crate::store::Store;

/// The record: the number of a slot and the card's file, for each reader with a card that is in a file.
pub(super) const NAME: &str = "readers";
const KIND: Kind = Kind {
    magic: *b"SSRD",
    version: 1,
};

/// The cards as they were saved last. Held while that changes.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Vec<(u32, PathBuf)>>);

impl Readers {
    /// The readers as they were saved.
    pub(super) fn load(store: &dyn Store) -> Result<Readers, PowerOnError> {
        let cards = match store.load(NAME)? {
            Some(record) => record::decode(KIND, &record)?,
            None => Vec::new(),
        };
        Ok(Readers(Mutex::new(cards)))
    }
}

impl Module {
    /// Puts the cards back that were in the readers. One whose file is gone has been taken out.
    pub(super) fn put_cards_back(&self) {
        let saved = self.readers.0.lock();
        let saved = saved.unwrap_or_else(PoisonError::into_inner).clone();
        for (number, path) in saved {
            let reader = self.slots.get(number as usize);
            let Some(reader) = reader.filter(|slot| slot.kind() != SlotKind::SoftToken) else {
                continue;
            };
            if path.is_file() {
                // The slot is new and empty.
                let _ = reader.state().insert(Box::new(FileCard::new(path)));
            } else {
                let card = path.display();
                tracing::warn!(module = self.number, slot = number, %card, "the card is gone");
            }
        }
        self.keep_readers();
    }

    /// Saves which cards are in the readers, if that changed. The hand that moved a card is not held up by a full disk.
    pub(super) fn keep_readers(&self) {
        let mut saved = self
            .readers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.cards_in_readers();
        if *saved != now {
            self.save_readers(&now);
            *saved = now;
        }
    }

    /// Saves them again, where the records were replaced.
    pub(super) fn keep_readers_again(&self) {
        let mut saved = self
            .readers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *saved = self.cards_in_readers();
        self.save_readers(&saved);
    }

    fn cards_in_readers(&self) -> Vec<(u32, PathBuf)> {
        let card = |(number, slot): (u32, &super::Slot)| {
            let path = slot.state().place()?;
            // The daemon may start again from another folder.
            Some((number, std::path::absolute(&path).unwrap_or(path)))
        };
        (0..).zip(&self.slots).filter_map(card).collect()
    }

    fn save_readers(&self, cards: &[(u32, PathBuf)]) {
        let save = || -> Result<(), PowerOnError> {
            let record = record::encode(KIND, &cards)?;
            Ok(self.store.save(&[(NAME, &record)])?)
        };
        if let Err(error) = save() {
            tracing::error!(module = self.number, %error, "readers not saved");
        }
    }
}
