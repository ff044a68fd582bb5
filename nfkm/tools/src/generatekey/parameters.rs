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
        let question = with_prompt(format!("{name}: {question} [{shown}]"));
        self.value(name, &question, description, default, check, &[])
    }

    /// A text that may be left out.
    pub(super) fn optional(
        &mut self,
        name: &str,
        question: &str,
        description: &str,
        check: &Check<'_>,
    ) -> Result<String, Failure> {
        let question = with_prompt(format!("OPTIONAL: {name}: {question} []"));
        self.value(name, &question, description, Some(""), check, &[])
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
        let question = with_choices(&format!("{name}: {question}"), choices, default);
        let is_choice: &Check<'_> = &|text| choices.contains(&text);
        self.value(name, &question, description, default, is_choice, choices)
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
        let question = with_prompt(format!("{name}: {question} (yes/no) [{default}]"));
        let choices = ["yes", "no"];
        let check: &Check<'_> = &|text| choices.contains(&text);
        let value = self.value(name, &question, description, Some(default), check, &choices)?;
        Ok(value == "yes")
    }

    /// What this software never does, for the reason given: nobody is asked, but scripts may say no to it.
    pub(super) fn never(
        &mut self,
        name: &str,
        description: &str,
        reason: &str,
    ) -> Result<(), Failure> {
        match self.given(name).as_deref() {
            None => Ok(()),
            Some("no") => {
                self.row(name, description, "no");
                Ok(())
            }
            Some("yes") => Err(Failure::CommandLine(format!("{name}=yes: {reason}"))),
            Some(_) => Err(invalid(name, &["yes", "no"])),
        }
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
        choices: &[&str],
    ) -> Result<String, Failure> {
        if let Some(given) = self.given(name) {
            if check(&given) {
                self.row(name, description, &given);
                return Ok(given);
            }
            if self.batch {
                return Err(invalid(name, choices));
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

/// A question with what it can be answered by. Choices that do not fit a line go on below the first one; where even one does not,
/// they stand alone, and the default below them.
fn with_choices(question: &str, choices: &[&str], default: Option<&str>) -> String {
    let head = format!("{question} (");
    let indent = head.chars().count();
    if choices
        .iter()
        .any(|choice| indent + choice.chars().count() >= WIDTH)
    {
        let default =
            default.map_or_else(String::new, |default| format!("\n  [default {default}]"));
        return format!("{question}\n({}){default}\n> ", choices.join(",\n "));
    }
    let shown = default.unwrap_or_default();
    let words = format!("{}) [{shown}]", choices.join(", "));
    let (mut text, mut line) = (String::new(), head);
    for word in words.split_inclusive(' ') {
        if line.chars().count() + word.trim_end().chars().count() > WIDTH {
            text.push_str(&format!("{}\n", line.trim_end()));
            line = " ".repeat(indent);
        }
        line.push_str(word);
    }
    text + &with_prompt(line)
}

/// The line with the place for the answer, which is the next line where little is left of this one.
fn with_prompt(line: String) -> String {
    let end = match line.chars().count() > PROMPT_MAX {
        true => "\n> ",
        false => " > ",
    };
    line + end
}

/// The longest line of a question.
const WIDTH: usize = 79;

/// The longest line with the answer after it. The vendor's longest has 47 characters, its shortest without the answer 55.
const PROMPT_MAX: usize = 50;

/// `choices` are all there are, if they can be counted.
fn invalid(name: &str, choices: &[&str]) -> Failure {
    let possible = match choices {
        [] => String::new(),
        choices => format!("; possible: {}", choices.join(", ")),
    };
    Failure::CommandLine(format!("{name}: invalid option{possible}"))
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
    fn questions_are_laid_out_as_the_vendors() {
        // Transcripts of real units (UTILITIES section 6).
        let types = [
            "DES3",
            "DH",
            "DHEx",
            "DSA",
            "HMACSHA1",
            "HMACSHA256",
            "HMACSHA384",
            "HMACSHA512",
            "RSA",
            "DES2",
            "AES",
            "Rijndael",
            "ECDSA",
            "ECDH",
            "Ed25519",
            "X25519",
        ];
        assert_eq!(
            with_choices("type: Key type?", &types, Some("RSA")),
            "type: Key type? (DES3, DH, DHEx, DSA, HMACSHA1, HMACSHA256, HMACSHA384,\n\
             \x20                HMACSHA512, RSA, DES2, AES, Rijndael, ECDSA, ECDH, Ed25519,\n\
             \x20                X25519) [RSA] > "
        );
        assert_eq!(
            with_choices(
                "protect: Protected by?",
                &["token", "module"],
                Some("token")
            ),
            "protect: Protected by? (token, module) [token] > "
        );
        assert_eq!(
            with_choices(
                "from-application: Source application?",
                &["caping", "mscapi", "pkcs11"],
                Some("caping")
            ),
            "from-application: Source application? (caping, mscapi, pkcs11) [caping]\n> "
        );
        let ident = "machine--d085239508f9d1890989497b38aef757494cf329";
        assert_eq!(
            with_choices("from-ident: Source key identifier?", &[ident], Some(ident)),
            format!("from-ident: Source key identifier?\n({ident})\n  [default {ident}]\n> ")
        );
        for (line, end) in [
            ("nvram: Blob in NVRAM (needs ACS)? (yes/no) [no]", " > "),
            (
                "OPTIONAL: pubexp: Public exponent for RSA key (hex)? []",
                "\n> ",
            ),
        ] {
            assert_eq!(with_prompt(line.to_owned()), format!("{line}{end}"));
        }
    }

    #[test]
    fn without_anyone_to_ask_values_must_be_there_and_make_sense() {
        let missing = batch(&[]).text("ident", "?", "", None, &|_| true);
        assert!(
            matches!(missing, Err(Failure::CommandLine(text)) if text == "ident must be given")
        );
        let wrong = batch(&["recovery=maybe"]).yes("recovery", "?", "", true);
        assert!(
            matches!(wrong, Err(Failure::CommandLine(text)) if text == "recovery: invalid option; possible: yes, no")
        );
        let wrong = batch(&["type=ECDSA"]).choice("type", "?", "", &["DH", "RSA"], None);
        assert!(
            matches!(wrong, Err(Failure::CommandLine(text)) if text == "type: invalid option; possible: DH, RSA")
        );
        let wrong = batch(&["size=x"]).text("size", "?", "", None, &|_| false);
        assert!(matches!(wrong, Err(Failure::CommandLine(text)) if text == "size: invalid option"));
        let unused = batch(&["colour=red"]).finish();
        assert!(matches!(unused, Err(Failure::CommandLine(_))));
        for words in [&["ident"][..], &["a=1", "a=2"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert!(Parameters::new(&words, true).is_err(), "{words:?}");
        }
    }
}
