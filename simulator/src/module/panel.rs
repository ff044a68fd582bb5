//! What hands and eyes do at a unit: the mode switch, the buttons, the reader, and what can be seen inside.

use std::path::PathBuf;

use ncore::Status;
use ncore::types::KeyType;

use super::mode::{Event, Mode, Switch};
use super::objects::Object;
use super::{KeyHash, Module, SlotKind};
use crate::cards::{Access, Card};

/// A slot as one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// Its number, from 0.
    pub number: u32,
    /// What kind of slot it is.
    pub kind: SlotKind,
    /// The insertion counter; 0 while the slot is empty.
    pub insertions: u32,
    /// The file of the card that is in, if it is in a file.
    pub card: Option<PathBuf>,
}

/// A loaded key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// Its hash, which both halves of a pair share.
    pub hash: KeyHash,
    /// Its type.
    pub key_type: KeyType,
    /// Its length in bits.
    pub bits: u32,
    /// The ordinal number of the client that owns it.
    pub client: u64,
}

/// A file of the non-volatile memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaView {
    /// Its name, without the zeros that fill it up.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u32,
}

impl Module {
    /// Puts a card into a reader. SlotFull if there is one already, UnknownSlot if there is no such reader.
    pub fn insert_card(&self, slot: u32, card: Box<dyn Card>) -> Result<(), Status> {
        self.reader(slot)?.state().insert(card)?;
        self.keep_readers();
        Ok(())
    }

    /// Takes the card out of a reader. PhysTokenNotPresent if there is none, UnknownSlot if there is no such reader.
    pub fn remove_card(&self, slot: u32) -> Result<Box<dyn Card>, Status> {
        let card = self.reader(slot)?.state().remove()?;
        self.keep_readers();
        Ok(card)
    }

    /// Takes every card out of its reader.
    pub fn remove_cards(&self) {
        for slot in self.slots().iter().filter(|slot| slot.is_reader()) {
            let _ = slot.state().remove();
        }
        self.keep_readers();
    }

    /// Pulls the cards in the readers in the middle of the next access to them, after so many bytes. Their slots notice
    /// that only when the cards are removed.
    pub fn pull_cards_in(&self, access: Access, bytes: usize) {
        for slot in self.slots().iter().filter(|slot| slot.is_reader()) {
            if let Ok(card) = slot.state().any_card() {
                card.pull_in(access, bytes);
            }
        }
    }

    /// Erases the non-volatile memory. Failed if that cannot be saved.
    pub fn wipe_nvram(&self) -> Result<(), Status> {
        self.commit_erasing(|_, _| Ok(()))
    }

    /// Takes all that is left of the non-volatile memory.
    pub fn fill_nvram(&self) -> Result<(), Status> {
        self.change_nvram(|nvram| nvram.fill())
    }

    /// Presses the reset button (ClearUnit). HardwareFailed for a failed module.
    pub fn clear(&self) -> Result<(), Status> {
        self.happen(Event::Reset(None))
    }

    /// Lets the module fail (Cmd_Fail).
    pub fn fail(&self) -> Result<(), Status> {
        self.happen(Event::Fail)
    }

    /// Brings a failed module back (RetryFailedModule). InvalidState for one that has not failed.
    pub fn retry(&self) -> Result<(), Status> {
        self.happen(Event::Retry)
    }

    /// Takes the unit away: everything loaded is gone, and every command is HardwareFailed until it is plugged in again
    /// ([`power_cycle`](Self::power_cycle)). HardwareFailed if it is away already.
    pub fn unplug(&self) -> Result<(), Status> {
        self.happen(Event::Unplug)
    }

    /// Moves the mode switch, and sets or clears the jumpers that let it override commands. What the module does changes
    /// with its next reset. Failed if the position cannot be saved.
    pub fn set_switch(&self, switch: Switch, overrides: bool) -> Result<(), Status> {
        self.commit(|_, saved| {
            // Whatever cannot be saved, a command may not move a switch that is held.
            self.jumper.set(&*self.store, overrides).map_err(|error| {
                tracing::error!(module = self.number, %error, "jumpers not saved");
                Status::Failed
            })?;
            *saved = switch;
            Ok(())
        })?;
        self.lock().machine.switch = switch;
        Ok(())
    }

    /// Whether the mode switch overrides commands.
    pub fn switch_overrides(&self) -> bool {
        self.jumper.is_set()
    }

    /// What the module is doing, and the position of its switch.
    pub fn mode(&self) -> (Mode, Switch) {
        let machine = self.lock().machine;
        (machine.mode, machine.switch)
    }

    /// The slots and what is in them.
    pub fn slots_view(&self) -> Vec<SlotView> {
        let view = |(number, slot): (u32, &super::Slot)| {
            let state = slot.state();
            SlotView {
                number,
                kind: slot.kind(),
                insertions: state.insertion_count(),
                card: state.place(),
            }
        };
        (0..).zip(self.slots()).map(view).collect()
    }

    /// The loaded keys, by client and identifier.
    pub fn keys_view(&self) -> Vec<KeyView> {
        let inner = self.lock();
        let mut keys: Vec<_> = inner.objects.all().collect();
        keys.sort_by_key(|(client, id, _)| (*client, *id));
        let view = |(client, _, object): (u64, u32, &Object)| match object {
            Object::Key(key) => Some(KeyView {
                hash: key.hash,
                key_type: key.key_type(),
                bits: key.material.length_bits(),
                client,
            }),
            Object::Token(_) | Object::Channel(_) => None,
        };
        keys.into_iter().filter_map(view).collect()
    }

    /// The number of objects of all kinds.
    pub fn object_count(&self) -> usize {
        self.lock().objects.count()
    }

    /// Bytes of the non-volatile memory, used and free.
    pub fn nvram_size(&self) -> usize {
        self.nvram().capacity()
    }

    /// The files of the non-volatile memory, by name.
    pub fn areas_view(&self) -> Vec<AreaView> {
        let files = self.nvram().list();
        let view = |file: ncore::types::FileInfo| {
            let name = String::from_utf8_lossy(&file.id);
            AreaView {
                name: name.trim_end_matches('\0').to_owned(),
                bytes: file.length,
            }
        };
        files.into_iter().map(view).collect()
    }

    /// The reader of this number: UnknownSlot if there is none.
    pub(super) fn reader(&self, slot: u32) -> Result<&super::Slot, Status> {
        let slot = self.slots().get(slot as usize);
        let reader = slot.filter(|slot| slot.is_reader());
        reader.ok_or(Status::UnknownSlot)
    }
}
