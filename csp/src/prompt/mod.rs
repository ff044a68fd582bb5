//! The user interface: what the provider asks a person at key generation and key loading (CAPI guide, section 8).
//!
//! There is one trait and several forms of it: nobody (`silent`), answers prepared for CI (`scripted`), a terminal or
//! dialogs, and a process whose prompts nobody sees (`unattended`). Only the thread that calls is blocked. Which form a
//! context has is decided in `Interaction::prompt` alone.

#[cfg(windows)]
mod dialog;
mod operator;
mod scripted;
mod secret;
mod silent;
#[cfg(not(windows))]
mod terminal;
mod unattended;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::operator::AtTheModules;
pub use self::scripted::{ANSWERS_VARIABLE, Answers, AnswersError};
pub use self::secret::Secret;
use crate::error::CspError;
use crate::key_spec::KeySpec;
use crate::log;
use crate::settings::SetupParameters;

/// A person, or what stands for one. A value serves one operation; what it shows goes when it is dropped.
pub(crate) trait Prompt {
    /// The card set that is to protect a new key, of at least one: its index.
    fn choose_set(&mut self, sets: &[OfferedSet]) -> Result<usize, Refusal>;

    /// The modules, of at least one, on which a card set and the key under it are loaded: their numbers, at least one.
    fn choose_modules(
        &mut self,
        set: &OfferedSet,
        modules: &[OfferedModule],
    ) -> Result<Vec<u32>, Refusal>;

    /// The one module, of at least one, that keeps something of a new key in its NVRAM, and so takes the administrator
    /// cards: its number.
    fn choose_nvram(&mut self, modules: &[OfferedModule]) -> Result<u32, Refusal>;

    /// A card is waited for, for so long already. Called a few times a second until the card is there.
    fn wait_for_card(&mut self, wanted: &Wanted, waited: Duration) -> Result<(), Refusal>;

    /// The pass phrase of a card, of which so many were wrong before.
    fn passphrase(&mut self, card: &CardName, wrong: u32) -> Result<Secret, Refusal>;
}

/// A card set as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedSet {
    pub(crate) name: String,
    /// Hash of its token, in hexadecimal: names are not unique.
    pub(crate) hash: String,
    /// Cards needed, and cards there are.
    pub(crate) quorum: (u32, u32),
}

/// A module as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfferedModule {
    pub(crate) number: u32,
    pub(crate) esn: String,
    /// Whether an operator card is in it.
    pub(crate) has_card: bool,
}

/// The card that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A further card of an operator card set.
    Operator { module: u32, set: String },
    /// A further administrator card.
    Administrator { module: u32 },
    /// Any card of the world in any module: a world of FIPS 140 level 3 makes and imports nothing without.
    World,
}

/// A card whose pass phrase is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CardName {
    /// The card set's name; None for the administrators'.
    pub(crate) set: Option<String>,
    /// The card as people know it, with its place.
    pub(crate) label: String,
}

/// Why a prompt has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The context is silent.
    #[error("the context is silent")]
    Silent,
    /// The user closed the prompt.
    #[error("the user cancelled")]
    Cancelled,
    /// The pass phrases given were wrong, and there is no further one.
    #[error("wrong pass phrase")]
    WrongPassphrase,
    /// Nobody answered in time.
    #[error("nobody answered within {0:?}")]
    TimedOut(Duration),
    /// The prepared answers lack this one.
    #[error("the prepared answers have none to: {0}")]
    Unanswered(String),
    /// The terminal or the window system failed.
    #[error("the prompt could not be shown: {0}")]
    Broken(String),
}

/// What a person is asked who chooses the module of a key that needs NVRAM (CAPI guide, sections 9 and 10).
const NVRAM_QUESTION: &str =
    "Module that is to have the key's area in its NVRAM, and that takes the administrator cards:";

/// How often a person may mistype a pass phrase.
const TRIES: u32 = 3;

/// What the prompts of a context depend on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interaction {
    /// CRYPT_SILENT: nothing may be shown.
    pub(crate) silent: bool,
    pub(crate) setup: SetupParameters,
    /// Answers prepared for CI, which then stand for the person.
    pub(crate) answers: Option<Arc<Answers>>,
    /// PP_CLIENT_HWND, or what the layer above said: the window that owns dialogs; 0 for none.
    pub(crate) window: usize,
    /// PP_UI_PROMPT: a text to show with prompts.
    pub(crate) text: Option<String>,
    /// PP_KEYEXCHANGE_PIN and PP_SIGNATURE_PIN: pass phrases to try before anybody is asked, by slot.
    pub(crate) pins: [Option<Secret>; 2],
}

impl Interaction {
    /// The form of prompt that suits the process.
    pub(crate) fn prompt(&self) -> Box<dyn Prompt + '_> {
        if self.silent {
            return Box::new(silent::Silent);
        }
        if let Some(answers) = &self.answers {
            return Box::new(scripted::Scripted(answers));
        }
        let attended = match self.setup.no_desktop {
            true => None,
            false => self.attended(),
        };
        attended.unwrap_or_else(|| Box::new(unattended::Unattended(self.setup.prompt_timeout())))
    }

    /// A prompt that a person sees, if one can be shown at all.
    #[cfg(not(windows))]
    fn attended(&self) -> Option<Box<dyn Prompt + '_>> {
        let terminal = terminal::Terminal::open(self.text.as_deref())?;
        Some(Box::new(terminal))
    }

    #[cfg(windows)]
    fn attended(&self) -> Option<Box<dyn Prompt + '_>> {
        let dialogs = dialog::Dialogs::new(self.window, self.text.as_deref())?;
        Some(Box::new(dialogs))
    }

    /// The pass phrase that the application gave for the keys of a slot.
    pub(crate) fn pin(&self, spec: KeySpec) -> Option<&Secret> {
        self.pins[spec as usize].as_ref()
    }
}

/// The code for the caller (CAPI-CSP, section 11); the cause is logged.
impl From<Refusal> for CspError {
    fn from(refusal: Refusal) -> CspError {
        log::error(format_args!("prompt: {refusal}"));
        match refusal {
            Refusal::Silent => CspError::NTE_SILENT_CONTEXT,
            Refusal::Cancelled => CspError::SCARD_W_CANCELLED_BY_USER,
            Refusal::WrongPassphrase => CspError::SCARD_W_WRONG_CHV,
            Refusal::TimedOut(_) | Refusal::Unanswered(_) | Refusal::Broken(_) => {
                CspError::NTE_FAIL
            }
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Operator { module, set } => {
                write!(f, "Insert a card of the set `{set}' into module {module}.")
            }
            Wanted::Administrator { module } => {
                write!(f, "Insert an administrator card into module {module}.")
            }
            Wanted::World => f.write_str(
                "Insert any card of the Security World into a module: it authorizes new keys under FIPS 140 level 3.",
            ),
        }
    }
}

impl fmt::Display for OfferedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (needed, cards) = self.quorum;
        write!(f, "{} ({needed} of {cards} cards)", self.name)
    }
}

impl fmt::Display for OfferedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let card = if self.has_card {
            ", a card is in it"
        } else {
            ""
        };
        write!(f, "module {} ({}{card})", self.number, self.esn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_code_of_the_table() {
        let check = |refusal, code: u32| assert_eq!(CspError::from(refusal), CspError(code));
        check(Refusal::Silent, 0x8009_0022);
        check(Refusal::Cancelled, 0x8010_006e);
        check(Refusal::WrongPassphrase, 0x8010_006b);
        check(Refusal::TimedOut(Duration::from_secs(60)), 0x8009_0020);
        check(Refusal::Unanswered("modules".to_owned()), 0x8009_0020);
        check(Refusal::Broken("no tty".to_owned()), 0x8009_0020);
    }

    #[test]
    fn a_process_without_a_desktop_waits_and_a_silent_context_never_does() {
        let mut interaction = Interaction {
            setup: SetupParameters {
                no_desktop: true,
                prompt_timeout_secs: 0,
                ..SetupParameters::default()
            },
            ..Interaction::default()
        };
        let ask = |interaction: &Interaction| interaction.prompt().choose_nvram(&[]);
        assert_eq!(ask(&interaction), Err(Refusal::TimedOut(Duration::ZERO)));
        interaction.silent = true;
        assert_eq!(ask(&interaction), Err(Refusal::Silent));
    }
}
