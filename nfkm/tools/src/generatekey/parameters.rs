//! The parameters of a key: given as NAME=VALUE, or asked for one after the other (UTILITIES section 6).

use std::collections::BTreeMap;

use crate::cli::{self, Failure};
use crate::terminal::Terminal;

/// Whether a value makes sense.
pub(super) type Check<'a> = dyn Fn(&str) -> bool + 'a;

/// Values as they were given and answered.
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
    batch: bool,
    terminal: Terminal,
    /// Name, description, value: the table that is shown before anything is done.
    rows: Vec<[String; 3]>,
}

impl Parameters {
    /// Reads NAME=VALUE words.
    pub(super) fn new(words: &[String], batch: bool) -> Result<Parameters, Failure> {
        let mut given = BTreeMap::new();
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| {
                Failure::CommandLine(format!("`{word}' is not of the form NAME=VALUE"))
            })?;
            if given.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Failure::CommandLine(format!("{name} is given twice")));
            }
        }
        Ok(Parameters {
            given,
            batch,
            terminal: Terminal::default(),
            rows: Vec::new(),
        })
    }

    /// A row of the table that is no parameter.
    pub(super) fn row(&mut self, name: &str, description: &str, value: &str) {
        self.rows
            .push([name, description, value].map(str::to_owned));
    }

    /// A value, if it was given. It counts as used.
    pub(super) fn given(&mut self, name: &str) -> Option<String> {
        self.given.remove(name)
    }

    /// A text; without a default it must be given or answered.
    pub(super) fn text(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        default: Option<&str>,
        check: &Check<'_>,
    ) -> Result<String, Failure> {
        let shown = default.unwrap_or_default();
        let question = format!("{name}: {question} [{shown}] > ");
        self.value(name, &question, description, default, check)
    }

    /// A text that may be left out.
    pub(super) fn optional(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        check: &Check<'_>,
    ) -> Result<String, Failure> {
        let question = format!("OPTIONAL: {name}: {question} []\n> ");
        self.value(name, &question, description, Some(""), check)
    }

    /// One of several words.
    pub(super) fn choice(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        choices: &[&str],
        default: Option<&str>,
    ) -> Result<String, Failure> {
        let shown = default.unwrap_or_default();
        let question = format!("{name}: {question} ({}) [{shown}]", choices.join(", "));
        // A long question has its answer on a line of its own.
        let end = if question.len() > 76 { "\n> " } else { " > " };
        let is_choice: &Check<'_> = &|text| choices.contains(&text);
        self.value(name, &(question + end), description, default, is_choice)
    }

    /// Yes or no.
    pub(super) fn yes(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        default: bool,
    ) -> Result<bool, Failure> {
        let default = if default { "yes" } else { "no" };
        let question = format!("{name}: {question} (yes/no) [{default}] > ");
        let value = self.value(name, &question, description, Some(default), YES_OR_NO)?;
        Ok(value == "yes")
    }

    /// Refuses what was given and is no parameter of this key.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.given.keys().next() {
            None => Ok(()),
            Some(name) => Err(Failure::CommandLine(format!(
                "{name} is no parameter of such a key"
            ))),
        }
    }

    /// The table that is shown before anything is done.
    pub(super) fn table(&self) -> String {
        let width = |column: usize| {
            let widths = self.rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default() + 2
        };
        let (first, second) = (width(0), width(1));
        let mut report = "key generation parameters:\n".to_owned();
        for [name, description, value] in &self.rows {
            let row = format!(" {name:first$}{description:second$}{value}");
            report.push_str(row.trim_end());
            report.push('\n');
        }
        report
    }

    fn value(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        default: Option<&str>,
        check: &Check<'_>,
    ) -> Result<String, Failure> {
        if let Some(given) = self.given(name) {
            if check(&given) {
                self.row(name, description, &given);
                return Ok(given);
            }
            if self.batch {
                return Err(invalid(name));
            }
            say_invalid(name);
        }
        let value = match (self.batch, default) {
            (true, Some(default)) => default.to_owned(),
            (true, None) => {
                return Err(Failure::CommandLine(format!("{name} must be given")));
            }
            (false, _) => self.answer(name, question, default, check)?,
        };
        self.row(name, description, &value);
        Ok(value)
    }

    /// Asks until an answer makes sense. An empty one is the default.
    fn answer(
        &mut self,
        name: &str,
        question: &str,
        default: Option<&str>,
        check: &Check<'_>,
    ) -> Result<String, Failure> {
        loop {
            let answer = self.terminal.ask(question)?;
            let value = match (answer.as_deref(), default) {
                (Some(""), Some(default)) => return Ok(default.to_owned()),
                (Some(value), _) => value,
                (None, default) => {
                    let batch = match default {
                        Some(_) => ", and --batch takes what is usual",
                        None => "",
                    };
                    return Err(Failure::Operation(format!(
                        "{name}: the input ended before an answer: {name}=VALUE gives it{batch}"
                    )));
                }
            };
            if check(value) {
                return Ok(value.to_owned());
            }
            say_invalid(name);
        }
    }
}

const YES_OR_NO: &Check<'static> = &|text| text == "yes" || text == "no";

fn invalid(name: &str) -> Failure {
    Failure::CommandLine(format!("{name}: invalid option"))
}

fn say_invalid(name: &str) {
    cli::complain("ERROR", &format!("{name}: invalid option"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(words: &[&str]) -> Parameters {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Parameters::new(&words, true).unwrap()
    }

    #[test]
    fn the_table_is_as_wide_as_its_longest_words() {
        let mut parameters = batch(&["protect=token", "plainname=demo"]);
        parameters.row("operation", "Operation to perform", "generate");
        parameters
            .choice("protect", "?", "Protected by", &["token", "module"], None)
            .unwrap();
        parameters
            .text("size", "?", "Key size", Some("256"), &|_| true)
            .unwrap();
        parameters
            .text("plainname", "?", "Key name", Some(""), &|_| true)
            .unwrap();
        assert!(
            !parameters
                .yes("nvram", "?", "Blob in NVRAM (needs ACS)", false)
                .unwrap()
        );
        parameters.finish().unwrap();
        // UTILITIES section 6: each column is two wider than its longest word.
        let expected = "\
key generation parameters:
 operation  Operation to perform       generate
 protect    Protected by               token
 size       Key size                   256
 plainname  Key name                   demo
 nvram      Blob in NVRAM (needs ACS)  no
";
        assert_eq!(parameters.table(), expected);
    }

    #[test]
    fn without_anyone_to_ask_values_must_be_there_and_make_sense() {
        let missing = batch(&[]).text("ident", "?", "", None, &|_| true);
        assert!(
            matches!(missing, Err(Failure::CommandLine(text)) if text == "ident must be given")
        );
        let wrong = batch(&["recovery=maybe"]).yes("recovery", "?", "", true);
        assert!(
            matches!(wrong, Err(Failure::CommandLine(text)) if text == "recovery: invalid option")
        );
        let unused = batch(&["colour=red"]).finish();
        assert!(matches!(unused, Err(Failure::CommandLine(_))));
        for words in [&["ident"][..], &["a=1", "a=2"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(Parameters::new(&words, true).is_err(), "{words:?}");
        }
    }
}
