//! Answers prepared in a file, for CI.
//!
//! The variable [`ANSWERS_VARIABLE`] names the file, TOML:
//!
//! ```toml
//! card-set = "ops"        # its name or its hash
//! modules = [1, 2]
//! wait-for-card = 30      # seconds that a card may take
//! cancel = false          # true: every prompt is closed by its user
//!
//! [passphrases]           # of the cards of a set, in the order in which they are tried
//! ops = ["mistyped", "right"]
//!
//! [administrator]
//! module = 1              # that takes their cards for a key with something in its NVRAM
//! passphrases = ["secret"]
//! ```
//!
//! A question that the file has no answer to is an error that names it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use serde::Deserialize;

use super::{CardName, OfferedModule, OfferedSet, Prompt, Refusal, Secret, Wanted};

/// The environment variable with the path of the file of answers.
pub const ANSWERS_VARIABLE: &str = "NCCAPI_ANSWERS";

/// Prepared answers. What is left out is not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Answers {
    /// The card set for new keys, by name or hash.
    pub card_set: Option<String>,
    /// The modules on which keys are loaded, by number.
    pub modules: Option<Vec<u32>>,
    /// How long a card may take, in seconds.
    #[serde(rename = "wait-for-card")]
    pub wait_for_card_secs: Option<u32>,
    /// Whether every prompt is closed by its user.
    pub cancel: bool,
    /// The pass phrases of operator cards, by the name of their set, in the order in which they are tried.
    pub passphrases: BTreeMap<String, Vec<Secret>>,
    /// About the administrator cards.
    pub administrator: AdministratorAnswers,
}

/// Prepared answers about the administrator cards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdministratorAnswers {
    /// The module that takes their cards for a key with something in its NVRAM, by number.
    pub module: Option<u32>,
    /// Their pass phrases, in the order in which they are tried.
    pub passphrases: Vec<Secret>,
}

/// Why there are no prepared answers though a file of them is named.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// The file cannot be read.
    #[error("{}: {cause}", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is no TOML, or has an answer to a question that does not exist.
    #[error("{}: {cause}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        cause: Box<toml::de::Error>,
    },
}

impl Answers {
    /// The answers that [`ANSWERS_VARIABLE`] names, if it is set.
    ///
    /// # Errors
    /// [`AnswersError`].
    pub fn from_process() -> Result<Option<Answers>, AnswersError> {
        match env::var_os(ANSWERS_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => Answers::from_file(Path::new(&path)).map(Some),
            None => Ok(None),
        }
    }

    /// The answers in a file.
    ///
    /// # Errors
    /// [`AnswersError`].
    pub fn from_file(path: &Path) -> Result<Answers, AnswersError> {
        let text = fs::read_to_string(path).map_err(|cause| AnswersError::Access {
            path: path.to_owned(),
            cause,
        })?;
        toml::from_str(&text).map_err(|cause| AnswersError::Content {
            path: path.to_owned(),
            cause: Box::new(cause),
        })
    }

    fn not_cancelled(&self) -> Result<(), Refusal> {
        match self.cancel {
            true => Err(Refusal::Cancelled),
            false => Ok(()),
        }
    }
}

/// Gives prepared answers.
pub(crate) struct Scripted<'a>(pub(super) &'a Answers);

impl Prompt for Scripted<'_> {
    fn choose_set(&mut self, sets: &[OfferedSet]) -> Result<usize, Refusal> {
        self.0.not_cancelled()?;
        match (sets, &self.0.card_set) {
            ([_], None) => Ok(0),
            (sets, Some(answer)) => sets
                .iter()
                .position(|set| set.name == *answer || set.hash == *answer)
                .ok_or_else(|| Refusal::Unanswered(format!("there is no card set `{answer}'"))),
            (_, None) => Err(Refusal::Unanswered("the card set".to_owned())),
        }
    }

    fn choose_modules(
        &mut self,
        _: &OfferedSet,
        modules: &[OfferedModule],
    ) -> Result<Vec<u32>, Refusal> {
        self.0.not_cancelled()?;
        let answers = self.0.modules.clone().unwrap_or_default();
        if answers.is_empty() {
            return Err(Refusal::Unanswered("the modules".to_owned()));
        }
        for answer in &answers {
            check_offered(*answer, modules)?;
        }
        Ok(answers)
    }

    fn choose_nvram(&mut self, modules: &[OfferedModule]) -> Result<u32, Refusal> {
        self.0.not_cancelled()?;
        let answer = self.0.administrator.module;
        let answer =
            answer.ok_or_else(|| Refusal::Unanswered("the module with NVRAM".to_owned()))?;
        check_offered(answer, modules)?;
        Ok(answer)
    }

    fn wait_for_card(&mut self, wanted: &Wanted, waited: Duration) -> Result<(), Refusal> {
        self.0.not_cancelled()?;
        match self.0.wait_for_card_secs {
            Some(limit) if waited < Duration::from_secs(limit.into()) => Ok(()),
            _ => Err(Refusal::Unanswered(wanted.to_string())),
        }
    }

    fn passphrase(&mut self, card: &CardName, wrong: u32) -> Result<Secret, Refusal> {
        self.0.not_cancelled()?;
        let answers = match &card.set {
            Some(set) => self.0.passphrases.get(set).map_or(&[][..], Vec::as_slice),
            None => &self.0.administrator.passphrases,
        };
        match answers.get(wrong as usize) {
            Some(answer) => Ok(answer.clone()),
            None if wrong > 0 => Err(Refusal::WrongPassphrase),
            None => Err(Refusal::Unanswered(format!(
                "the pass phrase of {}",
                card.label
            ))),
        }
    }
}

fn check_offered(answer: u32, modules: &[OfferedModule]) -> Result<(), Refusal> {
    match modules.iter().any(|module| module.number == answer) {
        true => Ok(()),
        false => Err(Refusal::Unanswered(format!(
            "module {answer} is none that the key can be on"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str) -> Answers {
        toml::from_str(text).unwrap()
    }

    fn set(name: &str) -> OfferedSet {
        OfferedSet {
            name: name.to_owned(),
            hash: format!("hash of {name}"),
            quorum: (1, 2),
        }
    }

    fn modules() -> [OfferedModule; 2] {
        [1, 2].map(|number| OfferedModule {
            number,
            esn: "0001-0000-0000".to_owned(),
            has_card: false,
        })
    }

    #[test]
    fn a_set_is_chosen_by_name_or_hash_and_never_guessed() {
        let check = |text: &str, sets: &[&str], expected: Option<usize>| {
            let sets: Vec<OfferedSet> = sets.iter().map(|name| set(name)).collect();
            let chosen = Scripted(&answers(text)).choose_set(&sets);
            assert_eq!(chosen.ok(), expected, "{text}");
        };
        let both = &["ops", "other"][..];
        check("card-set = 'other'", both, Some(1));
        check("card-set = 'hash of ops'", both, Some(0));
        check("", &["ops"], Some(0));
        check("card-set = 'other'", &["ops"], None);
        check("", both, None);
        check("card-set = 'third'", both, None);
        check("cancel = true", &["ops"], None);
    }

    #[test]
    fn modules_are_those_of_the_answer_and_only_offered_ones() {
        let check = |text: &str, expected: Option<Vec<u32>>| {
            let chosen = Scripted(&answers(text)).choose_modules(&set("ops"), &modules());
            assert_eq!(chosen.ok(), expected, "{text}");
        };
        check("modules = [2]", Some(vec![2]));
        check("modules = [1, 2]", Some(vec![1, 2]));
        check("", None);
        check("modules = []", None);
        check("modules = [1, 3]", None);
        check("cancel = true\nmodules = [1]", None);
    }

    #[test]
    fn the_module_with_nvram_is_an_answer_of_its_own() {
        let check = |text: &str, expected: Option<u32>| {
            let chosen = Scripted(&answers(text)).choose_nvram(&modules());
            assert_eq!(chosen.ok(), expected, "{text}");
        };
        check("[administrator]\nmodule = 2", Some(2));
        check("[administrator]\nmodule = 3", None);
        check("modules = [1]", None);
        check("cancel = true\n[administrator]\nmodule = 2", None);
    }

    #[test]
    fn the_unanswered_question_is_named() {
        let none = Answers::default();
        let wanted = Wanted::Operator {
            module: 2,
            set: "ops".to_owned(),
        };
        let refusal = Scripted(&none).wait_for_card(&wanted, Duration::ZERO);
        let text = refusal.unwrap_err().to_string();
        assert!(
            text.contains("`ops'") && text.contains("module 2"),
            "{text}"
        );
    }

    #[test]
    fn pass_phrases_are_given_in_order_until_there_is_none() {
        let given =
            answers("[passphrases]\nops = ['a', 'b']\n[administrator]\npassphrases = ['c']");
        let card = |set: Option<&str>| CardName {
            set: set.map(str::to_owned),
            label: "the card".to_owned(),
        };
        let ask = |set, wrong| {
            let answer = Scripted(&given).passphrase(&card(set), wrong);
            answer.map(|secret| secret.text().to_owned())
        };
        assert_eq!(ask(Some("ops"), 0), Ok("a".to_owned()));
        assert_eq!(ask(Some("ops"), 1), Ok("b".to_owned()));
        assert_eq!(ask(Some("ops"), 2), Err(Refusal::WrongPassphrase));
        assert_eq!(ask(None, 0), Ok("c".to_owned()));
        assert!(matches!(ask(Some("other"), 0), Err(Refusal::Unanswered(_))));
    }

    #[test]
    fn answers_to_questions_that_do_not_exist_are_refused_and_secrets_are_not_shown() {
        assert!(toml::from_str::<Answers>("colour = 'red'").is_err());
        let shown = format!("{:?}", answers("[passphrases]\nops = ['swordfish']"));
        assert!(
            !shown.contains("swordfish") && shown.contains("9 bytes"),
            "{shown}"
        );
    }
}
