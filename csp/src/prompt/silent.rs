//! Nobody: CRYPT_SILENT.

use std::time::Duration;

use super::{CardName, OfferedModule, OfferedSet, Prompt, Refusal, Secret, Wanted};

/// Refuses every question.
pub(crate) struct Silent;

impl Prompt for Silent {
    fn choose_set(&mut self, _: &[OfferedSet]) -> Result<usize, Refusal> {
        Err(Refusal::Silent)
    }

    fn choose_modules(&mut self, _: &OfferedSet, _: &[OfferedModule]) -> Result<Vec<u32>, Refusal> {
        Err(Refusal::Silent)
    }

    fn choose_nvram(&mut self, _: &[OfferedModule]) -> Result<u32, Refusal> {
        Err(Refusal::Silent)
    }

    fn wait_for_card(&mut self, _: &Wanted, _: Duration) -> Result<(), Refusal> {
        Err(Refusal::Silent)
    }

    fn passphrase(&mut self, _: &CardName, _: u32) -> Result<Secret, Refusal> {
        Err(Refusal::Silent)
    }
}
