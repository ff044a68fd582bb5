//! The names of the files in the folder.

use std::fmt;

use crate::names::EntryName;
use crate::{Hash, hex, unhex};

/// What a file is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// `world`
    World,
    /// `module_<ESN>`
    Module(String),
    /// `key_<appname>_<ident>`
    Entry(EntryName),
    /// `cards_<LThash>`
    CardSet(Hash),
    /// `card_<LThash>_<n>`
    Card(Hash, u32),
    /// `softcard_<LThash>`
    Softcard(Hash),
}

impl File {
    /// Reads a file name. None for a file that is none of these: exports, logs and renamed files are normal.
    pub fn named(name: &str) -> Option<File> {
        if name == "world" {
            return Some(File::World);
        }
        if let Some(esn) = name.strip_prefix("module_") {
            return Some(File::Module(esn.to_owned()));
        }
        if let Some(hash) = name.strip_prefix("cards_") {
            return unhex(hash).map(File::CardSet);
        }
        if let Some(hash) = name.strip_prefix("softcard_") {
            return unhex(hash).map(File::Softcard);
        }
        if let Some((hash, number)) = name
            .strip_prefix("card_")
            .and_then(|rest| rest.split_once('_'))
        {
            let hash = unhex(hash)?;
            let number: u32 = number.parse().ok()?;
            let file = File::Card(hash, number);
            // `+1` and `01` are numbers too, but not the names of cards.
            return (file.to_string() == name).then_some(file);
        }
        EntryName::from_file_name(name).map(File::Entry)
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            File::World => f.write_str("world"),
            File::Module(esn) => write!(f, "module_{esn}"),
            File::Entry(name) => f.write_str(&name.file_name()),
            File::CardSet(hkltu) => write!(f, "cards_{}", hex(hkltu)),
            File::Card(hkltu, number) => write!(f, "card_{}_{number}", hex(hkltu)),
            File::Softcard(hkltu) => write!(f, "softcard_{}", hex(hkltu)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_alone() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        for name in [
            "world".to_owned(),
            "module_1A2B-02E0-D947".to_owned(),
            "key_simple_contosokey".to_owned(),
            format!("cards_{hash}"),
            format!("card_{hash}_12"),
            format!("softcard_{hash}"),
        ] {
            let file = File::named(&name);
            assert_eq!(file.map(|file| file.to_string()), Some(name));
        }
        for name in [
            "worlds".to_owned(),
            "key_simple_contosokey.att".to_owned(),
            format!("cards_{}", hash.to_uppercase()),
            format!("cards_{}", &hash[1..]),
            format!("card_{hash}_01"),
            format!("card_{hash}_+1"),
            format!("card_{hash}"),
        ] {
            assert_eq!(File::named(&name), None, "{name}");
        }
    }
}
