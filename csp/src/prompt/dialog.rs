//! Dialogs on the desktop.

use std::time::Duration;

use super::{
    CardName, NVRAM_QUESTION, OfferedModule, OfferedSet, Prompt, Refusal, Secret, TRIES, Wanted,
};
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

    /// Lets the user choose one of the items, the first of which is proposed: its index.
    fn choose_one(&self, question: &str, items: &[String]) -> Result<usize, Refusal> {
        let question = self.question(question);
        let chosen = dialogs::choose(self.owner, TITLE, &question, items, false, &[0]);
        let chosen = chosen.map_err(Refusal::Broken)?.ok_or(Refusal::Cancelled)?;
        chosen.first().copied().ok_or(Refusal::Cancelled)
    }
}

impl Prompt for Dialogs {
    fn choose_set(&mut self, sets: &[OfferedSet]) -> Result<usize, Refusal> {
        // The question about the modules names the only one.
        match sets.len() {
            1 => Ok(0),
            _ => self.choose_one("Card set that is to protect the key:", &texts(sets)),
        }
    }

    fn choose_modules(
        &mut self,
        set: &OfferedSet,
        modules: &[OfferedModule],
    ) -> Result<Vec<u32>, Refusal> {
        let with_card = |with: bool| {
            let modules = modules.iter().enumerate();
            let indices = modules.filter(|(_, module)| module.has_card || !with);
            indices.map(|(index, _)| index).collect::<Vec<_>>()
        };
        let proposed = Some(with_card(true)).filter(|found| !found.is_empty());
        let proposed = proposed.unwrap_or_else(|| with_card(false));
        let question = format!("Modules on which to load the card set {set}:");
        let question = self.question(&question);
        let items = texts(modules);
        loop {
            let chosen = dialogs::choose(self.owner, TITLE, &question, &items, true, &proposed);
            let chosen = chosen.map_err(Refusal::Broken)?.ok_or(Refusal::Cancelled)?;
            let chosen = chosen.iter().filter_map(|index| modules.get(*index));
            let numbers: Vec<u32> = chosen.map(|module| module.number).collect();
            if !numbers.is_empty() {
                return Ok(numbers);
            }
        }
    }

    fn choose_nvram(&mut self, modules: &[OfferedModule]) -> Result<u32, Refusal> {
        let index = self.choose_one(NVRAM_QUESTION, &texts(modules))?;
        let chosen = modules.get(index).ok_or(Refusal::Cancelled)?;
        Ok(chosen.number)
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

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}
