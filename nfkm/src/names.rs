//! The two names of an entry in the Key Management Data: application name and identifier.
//!
//! The file of an entry is `key_<appname>_<ident>`, split at the underscores, so neither name may hold one; being file
//! names on hosts that fold case, both are lower case (SECURITY-WORLD section 3).

use std::fmt;

use crate::error::Error;

/// The longest ident, in bytes: with prefix and appname it must still fit in a file name of 255 bytes.
pub const IDENT_MAX: usize = 180;

/// The longest appname, in bytes.
pub const APPNAME_MAX: usize = 32;

/// The validated pair of names of one entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    appname: String,
    ident: String,
}

impl EntryName {
    /// Checks both names.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when a name is empty, too long or has a character outside its alphabet: lower-case
    /// letters and digits, and for the ident `-` too.
    pub fn new(appname: &str, ident: &str) -> Result<EntryName, Error> {
        check_appname(appname)?;
        check_ident(ident)?;
        Ok(EntryName {
            appname: appname.to_owned(),
            ident: ident.to_owned(),
        })
    }

    /// Reads the names back from a file name. None when it is not the name of an entry: other files in the folder
    /// (exports, logs, renamed files) are normal and ignored.
    pub fn from_file_name(name: &str) -> Option<EntryName> {
        let (appname, ident) = name.strip_prefix("key_")?.split_once('_')?;
        EntryName::new(appname, ident).ok()
    }

    /// The application the entry belongs to, `mscapi` for instance.
    pub fn appname(&self) -> &str {
        &self.appname
    }

    /// The entry's name within its application.
    pub fn ident(&self) -> &str {
        &self.ident
    }

    /// The entry's file name in the folder: `key_<appname>_<ident>`.
    pub fn file_name(&self) -> String {
        format!("key_{}_{}", self.appname, self.ident)
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.appname, self.ident)
    }
}

/// Checks an application name alone.
///
/// # Errors
/// [`Error::InvalidName`].
pub(crate) fn check_appname(appname: &str) -> Result<(), Error> {
    check("appname", appname, APPNAME_MAX, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit()
    })
}

fn check_ident(ident: &str) -> Result<(), Error> {
    check("ident", ident, IDENT_MAX, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
    })
}

fn check(what: &'static str, name: &str, max: usize, allowed: fn(u8) -> bool) -> Result<(), Error> {
    if name.is_empty() || name.len() > max || !name.bytes().all(allowed) {
        return Err(Error::InvalidName {
            what,
            name: name.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(appname: &str, ident: &str, file_name: Option<&str>) {
        let entry = EntryName::new(appname, ident);
        assert_eq!(
            entry.as_ref().map(EntryName::file_name).ok().as_deref(),
            file_name,
            "{appname:?} {ident:?}"
        );
        if let Ok(entry) = entry {
            assert_eq!(EntryName::from_file_name(&entry.file_name()), Some(entry));
        }
    }

    #[test]
    fn names_follow_the_alphabet_of_their_files() {
        check("simple", "contosokey", Some("key_simple_contosokey"));
        check("pkcs11", "uc5c3e-9f10", Some("key_pkcs11_uc5c3e-9f10"));
        check(
            "mscapi",
            "container-5c3e",
            Some("key_mscapi_container-5c3e"),
        );
        check("caping", "machine--9f10", Some("key_caping_machine--9f10"));
        check("", "a", None);
        check("a", "", None);
        check("a_b", "c", None);
        check("a", "b_c", None);
        check("Simple", "a", None);
        check("simple", "KEY", None);
        check("sim-ple", "a", None);
        check("simple", "../world", None);
        check("simple", "clé", None);
        check(
            "simple",
            &"a".repeat(IDENT_MAX),
            Some(&format!("key_simple_{}", "a".repeat(IDENT_MAX))),
        );
        check("simple", &"a".repeat(IDENT_MAX + 1), None);
    }

    #[test]
    fn other_files_of_the_folder_are_no_entries() {
        for name in [
            "world",
            "module_1A2B-02E0-D947",
            "key_simple",
            "key_simple_a.att",
            "key__a",
            "xkey_a_b",
            "key_a_",
        ] {
            assert_eq!(EntryName::from_file_name(name), None, "{name}");
        }
    }
}
