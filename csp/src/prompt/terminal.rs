//! The terminal of the process, whatever its standard streams are.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use super::{
    CardName, NVRAM_QUESTION, OfferedModule, OfferedSet, Prompt, Refusal, Secret, TRIES, Wanted,
};

/// Asks at `/dev/tty`. The end of its input closes a prompt; waiting for a card is ended by the key that ends the program.
pub(crate) struct Terminal {
    input: BufReader<File>,
    output: File,
    /// PP_UI_PROMPT, shown once.
    text: Option<String>,
    /// What was last asked for.
    wanted: Option<Wanted>,
}

impl Terminal {
    /// None for a process that has no terminal.
    pub(super) fn open(text: Option<&str>) -> Option<Terminal> {
        let output = File::options().write(true).open("/dev/tty").ok()?;
        let input = File::open("/dev/tty").ok()?;
        Some(Terminal {
            input: BufReader::new(input),
            output,
            text: text.map(str::to_owned),
            wanted: None,
        })
    }

    fn say(&mut self, text: &str) -> Result<(), Refusal> {
        let heading = self.text.take().map(|text| format!("{text}\n"));
        let text = heading.unwrap_or_default() + text;
        self.output.write_all(text.as_bytes()).map_err(broken)
    }

    fn list(&mut self, modules: &[OfferedModule]) -> Result<(), Refusal> {
        for module in modules {
            self.say(&format!("{:4}: {module}\n", module.number))?;
        }
        Ok(())
    }

    /// A line, or the default for an empty one.
    fn ask(&mut self, question: &str, default: &str) -> Result<String, Refusal> {
        self.say(&format!("{question} [{default}]: "))?;
        let mut line = String::new();
        match self.input.read_line(&mut line).map_err(broken)? {
            0 => Err(Refusal::Cancelled),
            _ => Ok(match line.trim() {
                "" => default.to_owned(),
                line => line.to_owned(),
            }),
        }
    }
}

impl Prompt for Terminal {
    fn choose_set(&mut self, sets: &[OfferedSet]) -> Result<usize, Refusal> {
        // The question about the modules names the only one.
        if sets.len() == 1 {
            return Ok(0);
        }
        self.say("The key is to be protected by one of these card sets:\n")?;
        for (index, set) in sets.iter().enumerate() {
            self.say(&format!("{:4}: {set}\n", index + 1))?;
        }
        loop {
            let answer = self.ask("Card set", "1")?;
            match answer.parse::<usize>() {
                Ok(number) if (1..=sets.len()).contains(&number) => return Ok(number - 1),
                _ => self.say("There is no such number.\n")?,
            }
        }
    }

    fn choose_modules(
        &mut self,
        set: &OfferedSet,
        modules: &[OfferedModule],
    ) -> Result<Vec<u32>, Refusal> {
        self.say(&format!("The card set {set} is to be loaded on:\n"))?;
        self.list(modules)?;
        let default = numbers(&preferred(modules));
        loop {
            let answer = self.ask("Modules", &default)?;
            match chosen(&answer, modules) {
                Some(numbers) => return Ok(numbers),
                None => self.say("Numbers of modules are wanted, with commas between.\n")?,
            }
        }
    }

    fn choose_nvram(&mut self, modules: &[OfferedModule]) -> Result<u32, Refusal> {
        self.say(&format!("{NVRAM_QUESTION}\n"))?;
        self.list(modules)?;
        let default = modules.first().map(|module| module.number.to_string());
        let default = default.unwrap_or_default();
        loop {
            let answer = self.ask("Module", &default)?;
            match chosen(&answer, modules).as_deref() {
                Some([number]) => return Ok(*number),
                _ => self.say("The number of one module is wanted.\n")?,
            }
        }
    }

    fn wait_for_card(&mut self, wanted: &Wanted, waited: Duration) -> Result<(), Refusal> {
        if waited.is_zero() || self.wanted.as_ref() != Some(wanted) {
            self.say(&format!("{wanted}\n"))?;
            self.wanted = Some(wanted.clone());
        }
        Ok(())
    }

    fn passphrase(&mut self, card: &CardName, wrong: u32) -> Result<Secret, Refusal> {
        if wrong >= TRIES {
            return Err(Refusal::WrongPassphrase);
        }
        if wrong > 0 {
            self.say("The pass phrase was wrong.\n")?;
        }
        self.say("")?;
        let question = format!("Pass phrase for {}: ", card.label);
        match rpassword::prompt_password(question) {
            Ok(text) => Ok(Secret::from(text)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(Refusal::Cancelled)
            }
            Err(error) => Err(broken(error)),
        }
    }
}

/// The modules with a card, or all when none has one.
fn preferred(modules: &[OfferedModule]) -> Vec<u32> {
    let mut modules: Vec<_> = modules.iter().collect();
    if modules.iter().any(|module| module.has_card) {
        modules.retain(|module| module.has_card);
    }
    modules.iter().map(|module| module.number).collect()
}

fn numbers(modules: &[u32]) -> String {
    let texts: Vec<String> = modules.iter().map(u32::to_string).collect();
    texts.join(",")
}

/// The modules of an answer, each once; None unless all of them are offered.
fn chosen(answer: &str, modules: &[OfferedModule]) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in answer.split([',', ' ']).filter(|part| !part.is_empty()) {
        let number = part.parse().ok()?;
        modules.iter().find(|module| module.number == number)?;
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers).filter(|numbers| !numbers.is_empty())
}

fn broken(error: std::io::Error) -> Refusal {
    Refusal::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(cards: &[bool]) -> Vec<OfferedModule> {
        let module = |(index, has_card): (usize, &bool)| OfferedModule {
            number: index as u32 + 1,
            esn: String::new(),
            has_card: *has_card,
        };
        cards.iter().enumerate().map(module).collect()
    }

    #[test]
    fn modules_are_read_from_a_line() {
        let modules = modules(&[false, false, true]);
        let check = |answer, expected: Option<&[u32]>| {
            assert_eq!(chosen(answer, &modules).as_deref(), expected, "{answer:?}");
        };
        check("1", Some(&[1]));
        check("3, 1,3", Some(&[1, 3]));
        check("4", None);
        check("1,x", None);
        check(",", None);
    }

    #[test]
    fn modules_with_cards_are_proposed() {
        assert_eq!(numbers(&preferred(&modules(&[false, true, true]))), "2,3");
        assert_eq!(numbers(&preferred(&modules(&[false, false]))), "1,2");
    }
}
