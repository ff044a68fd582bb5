//! Which keys are preloaded: those of the card sets and softcards that are, and those that are named.

use clap::Args;
use nfkm::kmdata::{KeyRecord, Listed};
use nfkm::{EntryName, LoadedKey, LoadedToken, Session, World};

use crate::cli::{self, Failure};

/// The options that choose keys.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// The application of keys that are named by ident
    #[arg(short = 'A', long, value_name = "APP", requires = "key_idents")]
    appname: Option<String>,
    /// The application's keys with such an ident; * stands for any text, ? for any character
    #[arg(
        short = 'K',
        long = "key-ident",
        value_name = "PATTERN",
        requires = "appname"
    )]
    key_idents: Vec<String>,
    /// Keys of any application with such a name
    #[arg(short = 'n', long = "name-pattern", value_name = "PATTERN")]
    names: Vec<String>,
    /// All keys that the module alone protects
    #[arg(short = 'M', long)]
    module_prot: bool,
    /// Leave out the keys of card sets
    #[arg(long)]
    no_cardset_keys: bool,
    /// Leave out the keys of card sets and softcards
    #[arg(long)]
    no_token_keys: bool,
}

impl Choice {
    /// Loads the keys, with these tokens or what another preload has loaded.
    ///
    /// # Errors
    /// Those of [`Session::load_key`]; [`Failure::Operation`] for a pattern that no key pair has.
    pub(super) fn load(
        &self,
        session: &Session,
        tokens: &[LoadedToken],
    ) -> Result<Vec<LoadedKey>, Failure> {
        let world = World::required(session.folder())?;
        let Listed {
            mut records,
            faults,
        } = session.folder().keys(&world.hknso, None)?;
        // Programs use pairs: no other key is loaded for them.
        records.retain(|(_, record)| record.public_blob.is_some());
        for pattern in self.key_idents.iter().chain(&self.names) {
            let has_it =
                |(name, record): &(EntryName, KeyRecord)| self.is_named(pattern, name, record);
            if !records.iter().any(has_it) {
                // One with a damaged file may have been meant.
                let _ = cli::complain_of_faults("preload", &faults);
                return Err(Failure::Operation(format!(
                    "there is no key pair `{pattern}'"
                )));
            }
        }
        // A key with a damaged file may be one of those that are meant without being named.
        if self.module_prot || !(tokens.is_empty() || self.no_token_keys) {
            let _ = cli::complain_of_faults("preload", &faults);
        }
        let mut keys = Vec::new();
        for (name, record) in &records {
            let token = tokens
                .iter()
                .find(|token| Some(token.hash()) == record.cardset);
            if !self.is_chosen(name, record, token) {
                continue;
            }
            let (appname, ident) = (name.appname(), name.ident());
            keys.push(match token {
                Some(token) => session.load_key_with(appname, ident, token)?,
                None => session.load_key(appname, ident)?,
            });
        }
        Ok(keys)
    }

    fn is_chosen(&self, name: &EntryName, record: &KeyRecord, token: Option<&LoadedToken>) -> bool {
        let by_token = token.is_some_and(|token| {
            !self.no_token_keys && (token.is_softcard() || !self.no_cardset_keys)
        });
        let mut patterns = self.key_idents.iter().chain(&self.names);
        by_token
            || self.module_prot && record.cardset.is_none()
            || patterns.any(|pattern| self.is_named(pattern, name, record))
    }

    /// Whether a pattern of the command line, for idents or for names, has the key.
    fn is_named(&self, pattern: &String, name: &EntryName, record: &KeyRecord) -> bool {
        let by_ident = self.key_idents.contains(pattern)
            && self.appname.as_deref() == Some(name.appname())
            && matches(pattern, name.ident());
        let plainname = record.plainname.as_deref();
        let by_name = self.names.contains(pattern)
            && plainname.is_some_and(|plainname| matches(pattern, plainname));
        by_ident || by_name
    }
}

/// Whether a text has a pattern: `*` is any text, `?` any character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and what it has taken so far: it takes one more whenever the rest does not fit.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(sign) if *sign == '?' || *sign == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (p, t) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("a*b*c", "a-b-b-c", true),
            ("?", "", false),
            ("??", "é!", true),
            ("*.*", "ab", false),
            ("a", "ab", false),
            ("ab*", "a", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
