//! The person at the module, as an operation with cards sees one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::Hash;
use crate::error::Error;

/// Who puts in cards, knows pass phrases, and is told what happens: a person at a terminal, or a script.
pub trait Operator {
    /// Something happened.
    fn notice(&mut self, notice: Notice);

    /// A module is about to lose its world for a new one, whose cards' pass phrases will be asked for. Who cannot answer
    /// says so now.
    ///
    /// # Errors
    /// Any error ends the operation, and the module keeps its world.
    fn begins(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The pass phrase of a card that is about to be written or read. None, or an empty one, is none.
    ///
    /// # Errors
    /// Any error ends the operation.
    fn passphrase(&mut self, purpose: Purpose, card: &Card) -> Result<Option<String>, Error>;

    /// The pass phrase given for a card was wrong, for the `tries`th time in this operation. Whether to ask for it again;
    /// otherwise the operation ends with [`Error::WrongPassphrase`].
    ///
    /// # Errors
    /// Any error ends the operation.
    fn wrong_passphrase(&mut self, card: &Card, tries: u32) -> Result<bool, Error>;

    /// No reader of the module has a card that was not used yet; this one has been waited for so long. On return the
    /// readers are looked at again, as soon as a card comes or goes; with nothing new, this is called again after half a
    /// second.
    ///
    /// # Errors
    /// Any error ends the operation.
    fn other_card(&mut self, module: u32, waited: Duration) -> Result<(), Error>;

    /// Whether a card that is not blank may be written over. `found` is its file or slot, and what is on it.
    ///
    /// # Errors
    /// Any error ends the operation.
    fn may_overwrite(&mut self, card: &Card, found: &str) -> Result<bool, Error>;
}

/// Nobody at the module: for programs that work by themselves, with cards in files. Pass phrases come from a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unattended {
    /// The pass phrase of each card that has one, by the card's number.
    pub passphrases: BTreeMap<u32, String>,
    /// What happened, in order.
    pub notices: Vec<Notice>,
}

impl Operator for Unattended {
    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn passphrase(&mut self, _: Purpose, card: &Card) -> Result<Option<String>, Error> {
        Ok(self.passphrases.get(&card.number).cloned())
    }

    fn wrong_passphrase(&mut self, _: &Card, _: u32) -> Result<bool, Error> {
        Ok(false)
    }

    fn other_card(&mut self, module: u32, _: Duration) -> Result<(), Error> {
        Err(Error::Cards(format!(
            "nobody is there to put another card into module #{module}"
        )))
    }

    fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
        Ok(false)
    }
}

/// What is done with cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A card set is made.
    Write,
    /// A quorum is read.
    Read,
}

/// Which set a card belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetName {
    /// The administrator card set.
    Admin,
    /// The operator card set of this name.
    Operator(String),
}

/// A card in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The module, from 1.
    pub module: u32,
    /// The slot, from 0.
    pub slot: u32,
    /// The card's number in its set, from 1.
    pub number: u32,
    /// Its set.
    pub set: SetName,
}

impl Card {
    /// The slot: `Module 1 slot 0`.
    pub fn place(&self) -> String {
        format!("Module {} slot {}", self.module, self.slot)
    }

    /// The card: `Admin Card #1`, `` `ops' #2 ``.
    pub fn label(&self) -> String {
        match &self.set {
            SetName::Admin => format!("Admin Card #{}", self.number),
            SetName::Operator(name) => format!("`{name}' #{}", self.number),
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place(), self.label())
    }
}

/// What happens while cards are handled, and a world is made or loaded with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A world is about to be made on the module.
    Creating {
        /// The module.
        module: u32,
    },
    /// A world is about to be loaded on the module.
    Loading {
        /// The module.
        module: u32,
    },
    /// How many cards of the set are done.
    Progress {
        /// What is done with them.
        purpose: Purpose,
        /// The module.
        module: u32,
        /// Cards done.
        done: u32,
        /// Cards to do.
        total: u32,
    },
    /// What is in a slot.
    Slot {
        /// The module.
        module: u32,
        /// The slot.
        slot: u32,
        /// What is in it, in the words of [`CardContent`](super::CardContent).
        content: String,
    },
    /// A card is being written or read.
    Card {
        /// What is done with it.
        purpose: Purpose,
        /// The card.
        card: Card,
        /// Whether with a pass phrase.
        passphrase: bool,
    },
    /// All cards are done.
    CardsDone {
        /// What was done with them.
        purpose: Purpose,
    },
    /// The world was made on the module.
    Created {
        /// The module.
        module: u32,
        /// The world.
        hknso: Hash,
    },
    /// The world was loaded on the module.
    Loaded {
        /// The module.
        module: u32,
        /// The world.
        hknso: Hash,
    },
    /// The module is in factory state.
    Erased {
        /// The module.
        module: u32,
    },
    /// A world could not be made or loaded on the module, which was erased for it: the error follows.
    LeftErased {
        /// The module.
        module: u32,
        /// Whether it is in initialisation mode, as far as it still tells.
        initialisation: bool,
        /// Whether the host has a world, which can be loaded on it again.
        world: bool,
    },
}
