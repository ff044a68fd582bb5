//! Slots: readers for cards, and places for cards that a client holds (soft tokens).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;
use ncore::types::{PhysToken, PollSlotData, SlotListData, SlotType, SlotTypeSlotExData};

use super::KeyHash;
use super::authorisation::Term;
use super::card::Image;
use crate::cards::{Card, MemoryCard};

/// What kind of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A reader into which a hand puts cards.
    SmartCard,
    /// A reader of another module (Remote Operator): shares are read there of tokens that allow it.
    Remote,
    /// A reader of somebody's own machine (Remote Administration), which takes every card as the module's own does.
    Dynamic,
    /// A place into which clients put card images (Cmd_InsertSoftToken).
    SoftToken,
}

/// One slot.
pub(super) struct Slot {
    number: u32,
    kind: SlotKind,
    state: Mutex<State>,
}

/// One stay of a card in a slot, from its insertion to its removal.
#[derive(Debug, Default)]
pub(super) struct Stay {
    over: AtomicBool,
    /// The times of tokens whose shares were read, by the token's hash.
    terms: Mutex<Vec<(KeyHash, Arc<Term>)>>,
}

impl Stay {
    /// PhysTokenNotPresent once the card has been taken out.
    pub(super) fn check(&self) -> Result<(), Status> {
        match self.over.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(Status::PhysTokenNotPresent),
        }
    }

    /// Remembers the time of a token that was read from the card.
    pub(super) fn lend(&self, hkt: KeyHash, term: Arc<Term>) {
        let mut terms = self.terms();
        terms.retain(|(_, term)| term.matters());
        terms.push((hkt, term));
    }

    /// TimeLimitExceeded if the time of the token is over that was read in this stay: the card must leave first
    /// (SECURITY-WORLD section 5; which status says so is a guess).
    pub(super) fn check_time(&self, hkt: &KeyHash, now: Duration) -> Result<(), Status> {
        let is_over = |(of, term): &(KeyHash, Arc<Term>)| of == hkt && term.is_over(now);
        match self.terms().iter().any(is_over) {
            false => Ok(()),
            true => Err(Status::TimeLimitExceeded),
        }
    }

    fn terms(&self) -> MutexGuard<'_, Vec<(KeyHash, Arc<Term>)>> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in a slot. While it is borrowed nobody else reaches the card.
#[derive(Default)]
pub(super) struct State {
    card: Option<Box<dyn Card>>,
    /// The stay of the card that is in, or of the last one.
    stay: Arc<Stay>,
    insertions: u32,
    changes: u32,
}

impl Slot {
    /// An empty slot.
    pub(super) fn new(number: u32, kind: SlotKind) -> Slot {
        Slot {
            number,
            kind,
            state: Mutex::default(),
        }
    }

    /// What kind of slot it is.
    pub(super) fn kind(&self) -> SlotKind {
        self.kind
    }

    /// Whether it is a reader, in which hands put cards: not a place for soft tokens.
    pub(super) fn is_reader(&self) -> bool {
        self.kind != SlotKind::SoftToken
    }

    /// Borrows the slot.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the slot shows itself in lists.
    pub(super) fn list_data(&self, module: u32) -> SlotListData {
        let (type_, flags) = match self.kind {
            SlotKind::SmartCard => (SlotType::SmartCard, SlotListData::SUPPORTS_AUTHENTICATION),
            SlotKind::Remote => (
                SlotType::SmartCard,
                SlotListData::SUPPORTS_AUTHENTICATION | SlotListData::REMOTE_MODULE,
            ),
            // Its reader is always there, and its channel holds.
            SlotKind::Dynamic => (
                SlotType::SmartCard,
                SlotListData::SUPPORTS_AUTHENTICATION
                    | SlotListData::DYNAMIC_SLOT
                    | SlotListData::ASSOCIATED,
            ),
            SlotKind::SoftToken => (SlotType::SoftToken, 0),
        };
        let token = PhysToken {
            module,
            slot: self.number,
            ic: self.state().insertion_count(),
        };
        SlotListData {
            type_,
            flags,
            token,
            exdata: SlotTypeSlotExData::Empty,
        }
    }

    /// How the slot shows itself to those who watch for changes.
    pub(super) fn poll_data(&self, module: u32) -> PollSlotData {
        let changeevents = self.state().changes;
        PollSlotData {
            changeevents,
            sld: self.list_data(module),
        }
    }
}

impl State {
    /// The insertion counter (ic): 0 while the slot is empty.
    pub(super) fn insertion_count(&self) -> u32 {
        if self.card.is_some() {
            self.insertions
        } else {
            0
        }
    }

    /// The stay of the card that is in.
    pub(super) fn stay(&self) -> Arc<Stay> {
        Arc::clone(&self.stay)
    }

    /// Puts a card in; the insertion counter. SlotFull if there is one.
    pub(super) fn insert(&mut self, card: Box<dyn Card>) -> Result<u32, Status> {
        if self.card.is_some() {
            return Err(Status::SlotFull);
        }
        self.card = Some(card);
        self.stay = Arc::default();
        self.insertions = self.insertions.wrapping_add(1).max(1);
        self.changes = self.changes.wrapping_add(1);
        Ok(self.insertions)
    }

    /// Takes the card out: PhysTokenNotPresent if there is none.
    pub(super) fn remove(&mut self) -> Result<Box<dyn Card>, Status> {
        let card = self.card.take().ok_or(Status::PhysTokenNotPresent)?;
        self.stay.over.store(true, Ordering::Release);
        self.changes = self.changes.wrapping_add(1);
        Ok(card)
    }

    /// The file of the card that is in, if it is in a file.
    pub(super) fn place(&self) -> Option<PathBuf> {
        let card = self.card.as_ref()?;
        card.place().map(Path::to_owned)
    }

    /// The card, if the client means the one that is in: PhysTokenNotPresent if not.
    pub(super) fn card(&mut self, ic: u32) -> Result<&mut Box<dyn Card>, Status> {
        if ic == 0 || ic != self.insertion_count() {
            return Err(Status::PhysTokenNotPresent);
        }
        self.card.as_mut().ok_or(Status::PhysTokenNotPresent)
    }

    /// The card that is in, whichever it is: PhysTokenNotPresent if there is none.
    pub(super) fn any_card(&mut self) -> Result<&mut Box<dyn Card>, Status> {
        self.card.as_mut().ok_or(Status::PhysTokenNotPresent)
    }

    /// Puts an image in as a card.
    pub(super) fn insert_image(&mut self, image: Vec<u8>) -> Result<u32, Status> {
        self.insert(Box::new(MemoryCard::new(image)))
    }
}

/// Reads a card's bytes: TokenIOError if that fails.
pub(super) fn load(card: &mut Box<dyn Card>) -> Result<Vec<u8>, Status> {
    card.load().map_err(|error| {
        tracing::warn!(%error, "card not read");
        Status::TokenIOError
    })
}

/// Writes a card: TokenIOError if that fails.
pub(super) fn save(card: &mut Box<dyn Card>, image: &Image) -> Result<(), Status> {
    card.save(&image.encode()?).map_err(|error| {
        tracing::warn!(%error, "card not written");
        Status::TokenIOError
    })
}
