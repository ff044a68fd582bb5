//! Which functions and commands are exercised, with which answers.
//!
//! A case declares what it covers; the wrappers write down what really happened; the runner compares. So a declaration
//! that no longer holds fails the case, and the table of what is covered can be trusted without running anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ncore::types::{Cmd, Status};

use crate::capi::{Code, Function};
use crate::case::Case;

/// What is exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A CryptoSPI entry point, by itself or through its `Crypt*` function.
    Function(Function),
    /// An nCore command, by its number.
    Command(u32),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Function(function) => write!(f, "{function}"),
            Subject::Command(number) => write!(f, "Cmd_{}", Cmd(*number)),
        }
    }
}

/// How it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// TRUE, or status OK.
    Success,
    /// FALSE with this last error, or this status.
    Refusal(u32),
}

/// One subject with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cover {
    /// What is exercised.
    pub subject: Subject,
    /// How it answers.
    pub answer: Answer,
}

impl Cover {
    /// The answer's name: `success`, or the code's.
    pub fn answer_name(&self) -> String {
        match (self.answer, self.subject) {
            (Answer::Success, _) => "success".to_owned(),
            (Answer::Refusal(code), Subject::Function(_)) => Code(code).to_string(),
            (Answer::Refusal(status), Subject::Command(_)) => Status(status).to_string(),
        }
    }
}

impl fmt::Display for Cover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.answer_name())
    }
}

/// `function` answers TRUE.
pub const fn works(function: Function) -> Cover {
    Cover {
        subject: Subject::Function(function),
        answer: Answer::Success,
    }
}

/// `function` answers FALSE with `code`.
pub const fn refuses(function: Function, code: Code) -> Cover {
    Cover {
        subject: Subject::Function(function),
        answer: Answer::Refusal(code.0),
    }
}

/// `command` answers OK.
pub const fn replies(command: Cmd) -> Cover {
    Cover {
        subject: Subject::Command(command.0),
        answer: Answer::Success,
    }
}

/// `command` answers `status`.
pub const fn denies(command: Cmd, status: Status) -> Cover {
    Cover {
        subject: Subject::Command(command.0),
        answer: Answer::Refusal(status.0),
    }
}

/// What the wrappers saw during one case. Clones write into the same list.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Cover>>>);

impl Recorder {
    /// Writes one event down.
    pub fn note(&self, cover: Cover) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cover);
    }

    /// Everything that happened.
    pub fn observed(&self) -> BTreeSet<Cover> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().copied().collect()
    }

    /// Those of `declared` that did not happen.
    pub fn missing(&self, declared: &[Cover]) -> Vec<Cover> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        declared
            .iter()
            .filter(|cover| !seen.contains(cover))
            .copied()
            .collect()
    }
}

/// Who exercises one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Ids of cases in which it succeeds.
    pub successes: Vec<&'static str>,
    /// Refusals by code, each with the ids of the cases that meet it.
    pub refusals: BTreeMap<String, Vec<&'static str>>,
}

/// The declarations of `cases`, by subject.
pub fn table(cases: &[&'static Case]) -> BTreeMap<Subject, Row> {
    let mut table: BTreeMap<Subject, Row> = BTreeMap::new();
    for case in cases {
        for cover in case.covers {
            let row = table.entry(cover.subject).or_default();
            match cover.answer {
                Answer::Success => row.successes.push(case.id),
                Answer::Refusal(_) => row
                    .refusals
                    .entry(cover.answer_name())
                    .or_default()
                    .push(case.id),
            }
        }
    }
    table
}

/// What is missing so that each of `subjects` has a success and a refusal, as sentences.
pub fn gaps(cases: &[&'static Case], subjects: impl IntoIterator<Item = Subject>) -> Vec<String> {
    let table = table(cases);
    let mut gaps = Vec::new();
    for subject in subjects {
        let row = table.get(&subject);
        if row.is_none_or(|row| row.successes.is_empty()) {
            gaps.push(format!("{subject}: no case declares a success"));
        }
        if row.is_none_or(|row| row.refusals.is_empty()) {
            gaps.push(format!("{subject}: no case declares a refusal"));
        }
    }
    gaps
}
