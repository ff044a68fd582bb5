//! A prompt in the role of the person at the module, as the layer below knows one.

use std::time::Duration;

use nfkm::Error;
use nfkm::cards::{Card, Notice, Operator, Purpose, SetName};

use super::{CardName, Prompt, Refusal, Secret, Wanted};
use crate::error::{CspError, Result};
use crate::failure;

/// Asks a prompt for cards and pass phrases while cards are read, and keeps why it refused: the layer below has one error
/// for all that a person does not do.
pub(crate) struct AtTheModules<'a> {
    prompt: &'a mut dyn Prompt,
    /// Tried before anybody is asked.
    pin: Option<&'a Secret>,
    set: SetName,
    /// The card whose pass phrases were wrong, by number, and how many.
    wrong: (u32, u32),
    refusal: Option<Refusal>,
}

impl<'a> AtTheModules<'a> {
    pub(crate) fn new(
        prompt: &'a mut dyn Prompt,
        pin: Option<&'a Secret>,
        set: SetName,
    ) -> AtTheModules<'a> {
        AtTheModules {
            prompt,
            pin,
            set,
            wrong: (0, 0),
            refusal: None,
        }
    }

    /// The result of the operation, with the refusal's code if that is why it failed.
    pub(crate) fn finish<T>(self, result: Result<T, Error>) -> Result<T> {
        result.map_err(|error| match self.refusal {
            Some(refusal) => CspError::from(refusal),
            None => failure::of_key(error),
        })
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Prompt) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        question(self.prompt).map_err(|refusal| {
            let text = refusal.to_string();
            self.refusal = Some(refusal);
            Error::Cards(text)
        })
    }
}

impl Operator for AtTheModules<'_> {
    fn notice(&mut self, _: Notice) {}

    fn passphrase(&mut self, _: Purpose, card: &Card) -> Result<Option<String>, Error> {
        let wrong = match self.wrong {
            (number, tries) if number == card.number => tries,
            _ => 0,
        };
        if let (0, Some(pin)) = (wrong, self.pin) {
            return Ok(Some(pin.text().to_owned()));
        }
        let name = CardName {
            set: match &card.set {
                SetName::Admin => None,
                SetName::Operator(name) => Some(name.clone()),
            },
            label: card.to_string(),
        };
        let asked = wrong - u32::from(self.pin.is_some());
        let given = self.ask(|prompt| match prompt.passphrase(&name, asked) {
            // What the application gave was wrong, which says more.
            Err(Refusal::Silent) if wrong > 0 => Err(Refusal::WrongPassphrase),
            given => given,
        })?;
        Ok(Some(given.text().to_owned()))
    }

    fn wrong_passphrase(&mut self, card: &Card, tries: u32) -> Result<bool, Error> {
        // Whether there is another one is known when it is asked for.
        self.wrong = (card.number, tries);
        Ok(true)
    }

    fn other_card(&mut self, module: u32, waited: Duration) -> Result<(), Error> {
        let wanted = match &self.set {
            SetName::Admin => Wanted::Administrator { module },
            SetName::Operator(name) => Wanted::Operator {
                module,
                set: name.clone(),
            },
        };
        self.ask(|prompt| prompt.wait_for_card(&wanted, waited))
    }

    fn may_overwrite(&mut self, _: &Card, _: &str) -> Result<bool, Error> {
        Ok(false)
    }
}
