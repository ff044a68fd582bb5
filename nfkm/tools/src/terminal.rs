//! The person at the terminal: cards on request, pass phrases unseen, progress on the standard error stream.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use nfkm::cards::{Card, Notice, Operator, Purpose};
use nfkm::{Error, hex};

/// Asks on the standard error stream and listens to the standard input, so that the standard output has the report
/// alone. Where the input is no terminal, each answer is one line of it. Its end is no answer.
#[derive(Default)]
pub struct Terminal {
    /// A new pass phrase with fewer characters is taken with a warning.
    pub passphrase_min: u32,
}

impl Terminal {
    /// One line of input without its end; None at the end of the input. Only a terminal is shown the question.
    pub fn ask(&mut self, question: &str) -> Result<Option<String>, Error> {
        if io::stdin().is_terminal() {
            say(question);
        }
        let mut answer = String::new();
        match io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(unreadable)?
        {
            0 => Ok(None),
            _ => Ok(Some(answer.trim_end_matches(['\r', '\n']).to_owned())),
        }
    }

    /// One line of input that must be there. `instead` says how to do without the question.
    pub fn answer(&mut self, question: &str, instead: &str) -> Result<String, Error> {
        let answer = self.ask(question)?;
        answer.ok_or_else(|| ended(instead))
    }

    /// A pass phrase that is already in use; None for an empty one.
    pub fn old_passphrase(&mut self, question: &str) -> Result<Option<String>, Error> {
        Ok(Some(self.ask_secret(question)?).filter(|text| !text.is_empty()))
    }

    /// A pass phrase that is to be set, asked for twice; None for an empty one.
    pub fn new_passphrase(&mut self, question: &str, again: &str) -> Result<Option<String>, Error> {
        loop {
            let first = self.ask_secret(question)?;
            // A mistyped new pass phrase would lock its card for ever; a script does not mistype.
            if !first.is_empty() && io::stdin().is_terminal() && first != self.ask_secret(again)? {
                say("The pass phrases differ.\n");
                continue;
            }
            if first.chars().count() < self.passphrase_min as usize {
                say(&format!(
                    " WARNING: the pass phrase has fewer than {} characters\n",
                    self.passphrase_min
                ));
            }
            return Ok(Some(first).filter(|text| !text.is_empty()));
        }
    }

    /// Whether a wrong pass phrase is asked for again, which it is said to be then: a person may know better the second
    /// time, a script does not.
    pub fn again(&mut self, wrong: &Error) -> bool {
        let again = io::stdin().is_terminal();
        if again {
            say(&format!(" {wrong}\n"));
        }
        again
    }

    /// A pass phrase: unseen at a terminal.
    fn ask_secret(&mut self, question: &str) -> Result<String, Error> {
        if io::stdin().is_terminal() {
            rpassword::prompt_password(question).map_err(unreadable)
        } else {
            self.answer("", PASSPHRASE)
        }
    }
}

impl Operator for Terminal {
    fn notice(&mut self, notice: Notice) {
        let text = text(&notice);
        match notice {
            // What was done is the report.
            Notice::Created { .. } | Notice::Loaded { .. } | Notice::Erased { .. } => {
                let _ = io::stdout().lock().write_all(text.as_bytes());
            }
            _ => say(&text),
        }
    }

    fn begins(&mut self) -> Result<(), Error> {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Ok(());
        }
        match stdin.lock().fill_buf().map_err(unreadable)? {
            [] => Err(ended(PASSPHRASE)),
            _ => Ok(()),
        }
    }

    fn passphrase(&mut self, purpose: Purpose, card: &Card) -> Result<Option<String>, Error> {
        let place = card.place();
        let question = format!("{place}: Enter pass phrase for {}: ", card.label());
        match purpose {
            Purpose::Read => self.old_passphrase(&question),
            Purpose::Write => self.new_passphrase(&question, &format!("{place}: Enter it again: ")),
        }
    }

    fn wrong_passphrase(&mut self, card: &Card, tries: u32) -> Result<bool, Error> {
        let place = card.to_string();
        Ok(self.again(&Error::WrongPassphrase { place, tries }))
    }

    fn other_card(&mut self, module: u32, waited: Duration) -> Result<(), Error> {
        if waited.is_zero() {
            say(&format!(" Module {module}: insert another card\n"));
        }
        if !io::stdin().is_terminal() && waited > CARD_PATIENCE {
            let text = format!(
                "module #{module} has no further card in a reader; --card names card files"
            );
            return Err(Error::Cards(text));
        }
        Ok(())
    }

    fn may_overwrite(&mut self, card: &Card, found: &str) -> Result<bool, Error> {
        let question = format!(
            " {}: not a blank card - overwrite card? (press Return)",
            card.place()
        );
        // Any line agrees, as the vendor's question has it.
        match self.ask(&question)? {
            Some(_) => Ok(true),
            None => Err(Error::Cards(format!(
                "{found}; --card names another, and an empty line of input has this one written over"
            ))),
        }
    }
}

/// How long a script has for putting in the next card. A person has any time, and the key that ends a program.
const CARD_PATIENCE: Duration = Duration::from_secs(30);

/// A notice in the words of the vendor's transcripts (UTILITIES section 4.3).
pub fn text(notice: &Notice) -> String {
    let past = |purpose: &Purpose| {
        if *purpose == Purpose::Write {
            "written"
        } else {
            "read"
        }
    };
    match notice {
        Notice::Creating { .. } => "\nCreate Security World:\n".to_owned(),
        Notice::Loading { .. } => "\nLoad Security World:\n".to_owned(),
        Notice::Progress {
            purpose,
            module,
            done,
            total,
        } => {
            format!(
                " Module {module}: {done} cards of {total} {}\n",
                past(purpose)
            )
        }
        Notice::Slot {
            module,
            slot,
            content,
        } => format!(" Module {module} slot {slot}: {content}\n"),
        Notice::Card {
            purpose,
            card,
            passphrase,
        } => {
            let phrase = match (passphrase, purpose) {
                (false, _) => "no passphrase specified",
                (true, Purpose::Write) => "passphrase specified",
                (true, Purpose::Read) => "passphrase supplied",
            };
            let verb = if *purpose == Purpose::Write {
                "writing"
            } else {
                "reading"
            };
            format!(
                " Module {} slot {}:- {phrase} - {verb} card\n",
                card.module, card.slot
            )
        }
        Notice::CardsDone {
            purpose: Purpose::Write,
        } => "Card writing complete.\n".to_owned(),
        Notice::CardsDone {
            purpose: Purpose::Read,
        } => "Card reading complete.\n".to_owned(),
        Notice::Created { module, hknso } => {
            format!(
                "\nsecurity world generated on module #{module}; hknso = {}\n",
                hex(hknso)
            )
        }
        Notice::Loaded { module, hknso } => {
            format!(
                "\nsecurity world loaded on module #{module}; hknso = {}\n",
                hex(hknso)
            )
        }
        Notice::Erased { module } => format!("module #{module} erased: it is in factory state\n"),
        Notice::LeftErased {
            module,
            initialisation,
            world,
        } => {
            let mode = match initialisation {
                true => ", and is in initialization mode",
                false => "",
            };
            let remedy = match world {
                true => {
                    "`new-world -l' with the cards of the world that is on this host loads that one"
                }
                false => "`new-world' begins again",
            };
            format!("\nmodule #{module} was erased{mode}: {remedy}\n")
        }
    }
}

/// Says something on the standard error stream. Where nobody listens, nothing can be said.
pub fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// How a script answers the question for a pass phrase.
const PASSPHRASE: &str = "a pass phrase is one line of it, an empty one none";

fn ended(instead: &str) -> Error {
    Error::Cards(format!("the input ended before an answer: {instead}"))
}

fn unreadable(cause: io::Error) -> Error {
    Error::Cards(format!("no answer: {cause}"))
}

#[cfg(test)]
mod tests {
    use nfkm::cards::SetName;

    use super::*;

    #[test]
    fn a_transcript_reads_as_the_vendors() {
        let card = Card {
            module: 1,
            slot: 0,
            number: 1,
            set: SetName::Admin,
        };
        let slot = |content: &str| Notice::Slot {
            module: 1,
            slot: 0,
            content: content.to_owned(),
        };
        let notices = [
            Notice::Creating { module: 1 },
            Notice::Progress {
                purpose: Purpose::Write,
                module: 1,
                done: 0,
                total: 1,
            },
            slot("empty"),
            slot("blank card"),
            Notice::Card {
                purpose: Purpose::Write,
                card: card.clone(),
                passphrase: true,
            },
            Notice::CardsDone {
                purpose: Purpose::Write,
            },
            Notice::Created {
                module: 1,
                hknso: [0xab; 20],
            },
            Notice::Loading { module: 2 },
            Notice::Progress {
                purpose: Purpose::Read,
                module: 2,
                done: 0,
                total: 1,
            },
            slot("Admin Card #1"),
            Notice::Card {
                purpose: Purpose::Read,
                card,
                passphrase: false,
            },
            Notice::CardsDone {
                purpose: Purpose::Read,
            },
            Notice::Loaded {
                module: 2,
                hknso: [0xab; 20],
            },
            Notice::Erased { module: 1 },
            Notice::LeftErased {
                module: 2,
                initialisation: true,
                world: true,
            },
            Notice::LeftErased {
                module: 2,
                initialisation: false,
                world: false,
            },
        ];
        insta::assert_snapshot!(notices.iter().map(text).collect::<String>());
    }
}
