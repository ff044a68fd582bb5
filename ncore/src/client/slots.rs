//! The commands under way: one slot each, found by the tag of its reply.

use std::sync::Arc;

use super::sync::Condvar;

/// The most commands under way on one connection. A tag's low half is its slot, its high half counts the slot's uses,
/// so that a reply that comes after its slot has gone to another command is not taken for the new one's.
pub(super) const MAX_OUTSTANDING: usize = 1 << 16;

/// The slots of a connection.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots whose thread sleeps until its reply comes or it is asked to read.
    sleepers: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    tag: u32,
    phase: Phase,
    /// Wakes the slot's thread. It stays with the slot, so that no command allocates one.
    signal: Arc<Condvar>,
}

#[derive(Debug)]
enum Phase {
    Free,
    /// Sent; its thread is busy elsewhere or is the reader.
    Sent,
    /// Sent; its thread sleeps.
    Asleep,
    /// The reply has come.
    Ready(Vec<u8>),
    /// Nobody wants the reply any more, but its tag is taken until it comes.
    Abandoned,
}

/// Threads to wake once no lock is held: one that is woken earlier would only run into the lock.
pub(super) type WakeList = Vec<Arc<Condvar>>;

impl Slots {
    /// Takes a slot for a command and returns its tag; `None` if all are taken.
    pub(super) fn open(&mut self) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < MAX_OUTSTANDING => {
                let index = self.slots.len();
                self.slots.push(Slot {
                    // Below MAX_OUTSTANDING, hence within 16 bits.
                    tag: index as u32,
                    phase: Phase::Free,
                    signal: Arc::default(),
                });
                index
            }
            None => return None,
        };
        let slot = &mut self.slots[index];
        slot.tag = slot.tag.wrapping_add(1 << 16);
        slot.phase = Phase::Sent;
        Some(slot.tag)
    }

    /// Frees the slot of a command that was not sent.
    pub(super) fn cancel(&mut self, tag: u32) {
        if let Some(index) = self.find(tag) {
            self.release(index);
        }
    }

    /// Says that nobody waits for this reply any more.
    pub(super) fn abandon(&mut self, tag: u32) {
        let Some(index) = self.find(tag) else { return };
        match self.slots[index].phase {
            Phase::Ready(_) => self.release(index),
            _ => self.slots[index].phase = Phase::Abandoned,
        }
    }

    /// Takes the reply, if it has come, and frees the slot.
    pub(super) fn take(&mut self, tag: u32) -> Option<Vec<u8>> {
        let index = self.find(tag)?;
        let slot = &mut self.slots[index];
        if !matches!(slot.phase, Phase::Ready(_)) {
            return None;
        }
        let phase = std::mem::replace(&mut slot.phase, Phase::Free);
        self.free.push(index);
        match phase {
            Phase::Ready(message) => Some(message),
            _ => None,
        }
    }

    /// Gives a reply to the slot its tag names.
    ///
    /// # Errors
    /// The tag, if no command under way has it.
    pub(super) fn deliver(&mut self, message: &[u8], wake: &mut WakeList) -> Result<(), u32> {
        // A message has at least a header.
        let tag = message
            .first_chunk()
            .map_or(0, |word| u32::from_le_bytes(*word));
        let index = self.find(tag).ok_or(tag)?;
        let slot = &mut self.slots[index];
        match slot.phase {
            Phase::Free | Phase::Ready(_) => return Err(tag),
            Phase::Abandoned => self.release(index),
            Phase::Sent => slot.phase = Phase::Ready(message.to_vec()),
            Phase::Asleep => {
                wake.push(Arc::clone(&slot.signal));
                slot.phase = Phase::Ready(message.to_vec());
            }
        }
        Ok(())
    }

    /// Marks the slot's thread as asleep and returns what wakes it.
    pub(super) fn fall_asleep(&mut self, tag: u32) -> Arc<Condvar> {
        let Some(index) = self.find(tag) else {
            return Arc::default();
        };
        self.sleepers.push(index);
        self.slots[index].phase = Phase::Asleep;
        Arc::clone(&self.slots[index].signal)
    }

    /// Marks the slot's thread as awake.
    pub(super) fn wake_up(&mut self, tag: u32) {
        let Some(index) = self.find(tag) else { return };
        if let Some(place) = self.sleepers.iter().position(|sleeper| *sleeper == index) {
            self.sleepers.swap_remove(place);
        }
        if matches!(self.slots[index].phase, Phase::Asleep) {
            self.slots[index].phase = Phase::Sent;
        }
    }

    /// Wakes one thread whose reply has not come, so that it reads.
    pub(super) fn wake_one(&self, wake: &mut WakeList) {
        let mut sleepers = self.sleepers.iter().map(|index| &self.slots[*index]);
        if let Some(slot) = sleepers.find(|slot| matches!(slot.phase, Phase::Asleep)) {
            wake.push(Arc::clone(&slot.signal));
        }
    }

    /// Wakes every thread that sleeps.
    pub(super) fn wake_all(&self, wake: &mut WakeList) {
        wake.extend(
            self.sleepers
                .iter()
                .map(|index| Arc::clone(&self.slots[*index].signal)),
        );
    }

    fn find(&self, tag: u32) -> Option<usize> {
        let index = (tag & 0xffff) as usize;
        self.slots
            .get(index)
            .is_some_and(|slot| slot.tag == tag)
            .then_some(index)
    }

    fn release(&mut self, index: usize) {
        self.slots[index].phase = Phase::Free;
        self.free.push(index);
    }
}
