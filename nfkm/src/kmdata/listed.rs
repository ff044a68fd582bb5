//! Lists of what the folder has records of. One damaged file does not hide the others.

use super::{CardSetRecord, EntryContent, File, Folder, KeyRecord, SoftcardRecord};
use crate::Hash;
use crate::error::Error;
use crate::names::EntryName;

/// The records of a kind that the folder has, and what is wrong with the files of those that could not be read.
#[derive(Debug)]
pub struct Listed<R> {
    /// What could be read.
    pub records: Vec<R>,
    /// Of each other file, which it is and why it could not: [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`].
    pub faults: Vec<Error>,
}

impl<R> Default for Listed<R> {
    fn default() -> Listed<R> {
        Listed {
            records: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl<R> FromIterator<Result<R, Error>> for Listed<R> {
    fn from_iter<I: IntoIterator<Item = Result<R, Error>>>(outcomes: I) -> Listed<R> {
        let mut listed = Listed::default();
        for outcome in outcomes {
            match outcome {
                Ok(record) => listed.records.push(record),
                // Somebody has removed it since the folder was listed.
                Err(Error::NotFound { .. }) => {}
                Err(fault) => listed.faults.push(fault),
            }
        }
        listed
    }
}

impl Folder {
    /// The card sets of `world`, sorted by name.
    ///
    /// # Errors
    /// [`Error::File`] when the folder cannot be listed.
    pub fn card_sets(&self, world: &Hash) -> Result<Listed<CardSetRecord>, Error> {
        let files = self.files()?;
        let sets = files.iter().filter_map(|file| match file {
            File::CardSet(hkltu) => Some(self.card_set(world, hkltu)),
            _ => None,
        });
        let mut sets: Listed<CardSetRecord> = sets.collect();
        let order =
            |a: &CardSetRecord, b: &CardSetRecord| (&a.name, a.hkltu).cmp(&(&b.name, b.hkltu));
        sets.records.sort_by(order);
        Ok(sets)
    }

    /// The softcards of `world`, sorted by name.
    ///
    /// # Errors
    /// [`Error::File`] when the folder cannot be listed.
    pub fn softcards(&self, world: &Hash) -> Result<Listed<SoftcardRecord>, Error> {
        let files = self.files()?;
        let softcards = files.iter().filter_map(|file| match file {
            File::Softcard(hkltu) => Some(self.softcard(world, hkltu)),
            _ => None,
        });
        let mut softcards: Listed<SoftcardRecord> = softcards.collect();
        let order =
            |a: &SoftcardRecord, b: &SoftcardRecord| (&a.name, a.hkltu).cmp(&(&b.name, b.hkltu));
        softcards.records.sort_by(order);
        Ok(softcards)
    }

    /// The keys of `world` in the order of their names, of one application if `appname` is given. Entries with an
    /// application's data are left out.
    ///
    /// # Errors
    /// [`Error::File`] when the folder cannot be listed, [`Error::InvalidName`].
    pub fn keys(
        &self,
        world: &Hash,
        appname: Option<&str>,
    ) -> Result<Listed<(EntryName, KeyRecord)>, Error> {
        let entries = self.entries(appname)?;
        let keys = entries
            .into_iter()
            .filter_map(|name| match self.entry(world, &name) {
                Ok(EntryContent::Key(record)) => Some(Ok((name, *record))),
                Ok(EntryContent::Opaque(_)) => None,
                Err(error) => Some(Err(error)),
            });
        Ok(keys.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WORLD: Hash = [1; 20];

    fn softcard(name: &str, byte: u8) -> SoftcardRecord {
        SoftcardRecord {
            name: name.to_owned(),
            hkltu: [byte; 20],
            image: vec![1, 2],
            passphrase: false,
            pin: None,
            gentime: 0,
        }
    }

    #[test]
    fn what_is_whole_is_listed_by_name_and_each_damaged_file_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("local"));
        for (name, byte) in [("b", 2), ("c", 3), ("a", 4), ("b", 1)] {
            let softcard = softcard(name, byte);
            folder.write_softcard(&WORLD, &softcard).unwrap();
        }
        folder.write_softcard(&[9; 20], &softcard("d", 5)).unwrap();
        let damaged = folder.softcard_path(&[3; 20]);
        fs::write(&damaged, b"junk").unwrap();
        let listed = folder.softcards(&WORLD).unwrap();
        let found: Vec<(&str, u8)> = listed
            .records
            .iter()
            .map(|softcard| (softcard.name.as_str(), softcard.hkltu[0]))
            .collect();
        assert_eq!(found, [("a", 4), ("b", 1), ("b", 2)]);
        assert!(
            matches!(&listed.faults[..], [Error::Corrupt { path, .. }, Error::Foreign { .. }] if *path == damaged),
            "{:?}",
            listed.faults
        );
    }

    #[test]
    fn keys_are_listed_without_the_data_of_applications() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("local"));
        let name = |ident| EntryName::new("simple", ident).unwrap();
        for ident in ["data", "bad"] {
            let data = EntryContent::Opaque(b"data".to_vec());
            folder.create_entry(&WORLD, &name(ident), data).unwrap();
        }
        fs::write(folder.entry_path(&name("bad")), b"").unwrap();
        for (appname, faults) in [(None, 1), (Some("simple"), 1), (Some("mscapi"), 0)] {
            let listed = folder.keys(&WORLD, appname).unwrap();
            assert_eq!((listed.records.len(), listed.faults.len()), (0, faults));
        }
        assert!(folder.keys(&WORLD, Some("../x")).is_err());
    }
}
