//! Which cards are in the readers, kept so that hands find them there when the daemon starts again.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Module;
use super::world::PowerOnError;
use crate::cards::FileCard;
use crate::record::{self, Kind};
use crate::store::Store;

/// The record: the number of a slot and the card's file, for each reader with a card that is in a file.
pub(super) const NAME: &str = "readers";
const KIND: Kind = Kind {
    magic: *b"SSRD",
    version: 1,
};

/// A card's file, by the number of the slot.
type Cards = Vec<(u32, PathBuf)>;

/// The cards as they are on the disk. Held while that changes.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Cards>);

impl Readers {
    /// The readers as they were saved.
    pub(super) fn load(store: &dyn Store) -> Result<Readers, PowerOnError> {
        let cards = match store.load(NAME)? {
            Some(record) => record::decode(KIND, &record)?,
            None => Cards::new(),
        };
        Ok(Readers(Mutex::new(cards)))
    }

    fn saved(&self) -> MutexGuard<'_, Cards> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Module {
    /// Puts the cards back that were in the readers. One whose file is gone has been taken out.
    pub(super) fn put_cards_back(&self) {
        let saved = self.readers.saved().clone();
        for (number, path) in saved {
            if !path.is_file() {
                let card = path.display();
                tracing::warn!(module = self.number, slot = number, %card, "the card is gone");
            } else if let Ok(reader) = self.reader(number) {
                // The slot is new and empty.
                let _ = reader.state().insert(Box::new(FileCard::new(path)));
            }
        }
        self.keep_readers();
    }

    /// Saves which cards are in the readers, if that is not what is on the disk. The hand that moved a card is not held up
    /// by a full one.
    pub(super) fn keep_readers(&self) {
        let mut saved = self.readers.saved();
        let now = self.cards_in_readers();
        if *saved == now {
            return;
        }
        match self.save_readers(&now) {
            Ok(()) => *saved = now,
            Err(error) => tracing::error!(module = self.number, %error, "readers not saved"),
        }
    }

    /// As [`keep_readers`](Self::keep_readers), where other records have taken the place of all, this one too.
    pub(super) fn keep_readers_again(&self) {
        self.readers.saved().clear();
        self.keep_readers();
    }

    fn cards_in_readers(&self) -> Cards {
        let card = |(number, slot): (u32, &super::Slot)| {
            let path = slot.state().place()?;
            // The daemon may start again from another folder.
            Some((number, std::path::absolute(&path).unwrap_or(path)))
        };
        (0..).zip(&self.slots).filter_map(card).collect()
    }

    fn save_readers(&self, cards: &Cards) -> Result<(), PowerOnError> {
        let record = record::encode(KIND, cards)?;
        Ok(self.store.save(&[(NAME, &record)])?)
    }
}
