//! Nobody: CRYPT_SILENT.

use std::time::Duration;

use super::{CardName, Choice, Offer, Prompt, Refusal, Secret, Wanted};

/// Refuses every question.
pub(crate) struct Silent;

impl Prompt for Silent {
    fn choose(&mut self, _: &Offer) -> Result<Choice, Refusal> {
        Err(Refusal::Silent)
    }

    fn wait_for_card(&mut self, _: &Wanted, _: Duration) -> Result<(), Refusal> {
        Err(Refusal::Silent)
    }

    fn passphrase(&mut self, _: &CardName, _: u32) -> Result<Secret, Refusal> {
        Err(Refusal::Silent)
    }
}
