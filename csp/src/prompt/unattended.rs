//! A process whose prompts nobody sees: a service without a desktop, a program without a terminal. What needs an answer
//! waits in vain until its time is over; a card that somebody inserts is an answer all the same.

use std::thread;
use std::time::Duration;

use super::{CardName, OfferedModule, OfferedSet, Prompt, Refusal, Secret, Wanted};

/// Waits so long for each answer.
pub(crate) struct Unattended(pub(super) Duration);

impl Unattended {
    fn wait_in_vain<T>(&self) -> Result<T, Refusal> {
        thread::sleep(self.0);
        Err(Refusal::TimedOut(self.0))
    }
}

impl Prompt for Unattended {
    fn choose_set(&mut self, _: &[OfferedSet]) -> Result<usize, Refusal> {
        self.wait_in_vain()
    }

    fn choose_modules(&mut self, _: &OfferedSet, _: &[OfferedModule]) -> Result<Vec<u32>, Refusal> {
        self.wait_in_vain()
    }

    fn choose_nvram(&mut self, _: &[OfferedModule]) -> Result<u32, Refusal> {
        self.wait_in_vain()
    }

    fn wait_for_card(&mut self, _: &Wanted, waited: Duration) -> Result<(), Refusal> {
        match waited < self.0 {
            true => Ok(()),
            false => Err(Refusal::TimedOut(self.0)),
        }
    }

    fn passphrase(&mut self, _: &CardName, _: u32) -> Result<Secret, Refusal> {
        self.wait_in_vain()
    }
}
