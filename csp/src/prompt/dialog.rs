//! Dialogs on the desktop.

use std::time::Duration;

use super::{CardName, Choice, Offer, Prompt, Refusal, Secret, TRIES, Wanted};
use crate::sys::dialogs::{self, Owner, Waiting};

/// The title of every dialog.
const TITLE: &str = "nShield CSP";

/// Asks with modal dialogs, but for a card, which is waited for under a window with a button to cancel.
pub(crate) struct Dialogs {
    owner: Owner,
    /// PP_UI_PROMPT.
    text: Option<String>,
    waiting: Option<(Wanted, Waiting)>,
}

impl Dialogs {
    /// `window` is the owner's handle, or 0. None for a process whose desktop nobody sees.
    pub(super) fn new(window: usize, text: Option<&str>) -> Option<Dialogs> {
        dialogs::has_desktop().then(|| Dialogs {
            owner: Owner::of_handle(window),
            text: text.map(str::to_owned),
            waiting: None,
        })
    }

    fn question(&self, question: &str) -> String {
        match &self.text {
            Some(text) => format!("{text}\n{question}"),
            None => question.to_owned(),
        }
    }
}

impl Prompt for Dialogs {
    fn choose(&mut self, offer: &Offer) -> Result<Choice, Refusal> {
        let set = match offer.sets.len() {
            0 | 1 => 0,
            _ => {
                let names: Vec<String> = offer.sets.iter().map(ToString::to_string).collect();
                let question = self.question("Card set that is to protect the key:");
                let chosen = dialogs::choose(self.owner, TITLE, &question, &names, false, &[0]);
                *chosen
                    .map_err(Refusal::Broken)?
                    .ok_or(Refusal::Cancelled)?
                    .first()
                    .ok_or(Refusal::Cancelled)?
            }
        };
        let names: Vec<String> = offer.modules.iter().map(ToString::to_string).collect();
        let with_card = |with: bool| {
            let modules = offer.modules.iter().enumerate();
            let indices = modules.filter(|(_, module)| module.has_card || !with);
            indices.map(|(index, _)| index).collect::<Vec<_>>()
        };
        let proposed = Some(with_card(true)).filter(|found| !found.is_empty());
        let proposed = proposed.unwrap_or_else(|| with_card(false));
        loop {
            let question = self.question("Modules on which to load the key:");
            let chosen = dialogs::choose(self.owner, TITLE, &question, &names, true, &proposed);
            let chosen = chosen.map_err(Refusal::Broken)?.ok_or(Refusal::Cancelled)?;
            let modules = chosen.iter().filter_map(|index| offer.modules.get(*index));
            let modules: Vec<u32> = modules.map(|module| module.number).collect();
            if !modules.is_empty() {
                return Ok(Choice { set, modules });
            }
        }
    }

    fn wait_for_card(&mut self, wanted: &Wanted, _: Duration) -> Result<(), Refusal> {
        if !matches!(&self.waiting, Some((shown, _)) if shown == wanted) {
            // The old window goes before the new one comes.
            self.waiting = None;
            let text = self.question(&wanted.to_string());
            let window = Waiting::open(self.owner, TITLE, &text).map_err(Refusal::Broken)?;
            self.waiting = Some((wanted.clone(), window));
        }
        match &self.waiting {
            Some((_, window)) if window.was_cancelled() => Err(Refusal::Cancelled),
            _ => Ok(()),
        }
    }

    fn passphrase(&mut self, card: &CardName, wrong: u32) -> Result<Secret, Refusal> {
        self.waiting = None;
        if wrong >= TRIES {
            return Err(Refusal::WrongPassphrase);
        }
        let again = if wrong > 0 {
            "The pass phrase was wrong.\n"
        } else {
            ""
        };
        let question = self.question(&format!("{again}Pass phrase for {}:", card.label));
        let given = dialogs::passphrase(self.owner, TITLE, &question).map_err(Refusal::Broken)?;
        given.map(Secret::from).ok_or(Refusal::Cancelled)
    }
}
