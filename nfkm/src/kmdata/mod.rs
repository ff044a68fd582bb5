//! The Key Management Data folder `local`: which files there are, what they are called, and that each belongs to the
//! world it is used in (SECURITY-WORLD section 2).
//!
//! | file | record |
//! | --- | --- |
//! | `world` | [`WorldRecord`] |
//! | `module_<ESN>` | [`ModuleRecord`] |
//! | `key_<appname>_<ident>` | [`EntryRecord`] |
//! | `cards_<LThash>` | [`CardSetRecord`] |
//! | `card_<LThash>_<n>` | [`CardRecord`] |
//! | `softcard_<LThash>` | [`SoftcardRecord`] |
//!
//! Any other file is ignored: exports, logs and renamed files are normal there.

mod envelope;
mod file;
mod listed;
mod records;
mod turn;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use file::File;
pub use listed::Listed;
pub use records::{
    AdminKeyRecord, AdminTokenRecord, CardRecord, CardSetRecord, CertificateRecord, EntryContent,
    EntryRecord, FileId, KeyRecord, KmlRecord, ModuleRecord, NvramRecord, RecoveryRecord,
    SoftcardRecord, WorldRecord,
};
pub use turn::Turn;

use crate::atomic;
use crate::error::{Corruption, Error};
use crate::names::{self, EntryName};
use crate::{Hash, ZERO_HASH, hex};
use envelope::{Record, Stored};

/// The folder that holds a world, its modules, cards and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    local: PathBuf,
}

impl Folder {
    /// The folder at `local`, which need not exist yet.
    pub fn at(local: impl Into<PathBuf>) -> Folder {
        Folder {
            local: local.into(),
        }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.local
    }

    /// Where the world file is.
    pub fn world_path(&self) -> PathBuf {
        self.local.join("world")
    }

    /// Where an entry's file is.
    pub fn entry_path(&self, name: &EntryName) -> PathBuf {
        self.local.join(name.file_name())
    }

    /// The world's hknso and description; None when there is no world.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::File`].
    pub fn world(&self) -> Result<Option<(Hash, WorldRecord)>, Error> {
        let path = self.world_path();
        match envelope::read::<WorldRecord>(&path) {
            Ok(Stored { world, .. }) if world == ZERO_HASH => Err(Error::Corrupt {
                path,
                reason: Corruption::Content,
            }),
            Ok(Stored { world, record }) => Ok(Some((world, record))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the world file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn write_world(&self, hknso: &Hash, record: &WorldRecord) -> Result<(), Error> {
        envelope::replace(&self.world_path(), hknso, record)
    }

    /// The record of the module with this electronic serial number in `world`; None when there is no file.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`].
    pub fn module(&self, world: &Hash, esn: &str) -> Result<Option<ModuleRecord>, Error> {
        let path = self.module_path(esn)?;
        let is_its = |record: &ModuleRecord| record.esn == esn;
        match read_in_world(&path, world).and_then(|record| named(path, record, is_its)) {
            Ok(record) => Ok(Some(record)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a module's file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`], [`Error::InvalidName`].
    pub fn write_module(&self, world: &Hash, record: &ModuleRecord) -> Result<(), Error> {
        envelope::replace(&self.module_path(&record.esn)?, world, record)
    }

    /// An entry's content.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`] (also for a file under another entry's name), [`Error::Foreign`],
    /// [`Error::File`].
    pub fn entry(&self, world: &Hash, name: &EntryName) -> Result<EntryContent, Error> {
        let path = self.entry_path(name);
        let record: EntryRecord = read_in_world(&path, world)?;
        let is_its =
            |record: &EntryRecord| record.appname == name.appname() && record.ident == name.ident();
        Ok(named(path, record, is_its)?.content)
    }

    /// Writes an entry, in the place of an older one if there is one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn replace_entry(
        &self,
        world: &Hash,
        name: &EntryName,
        content: EntryContent,
    ) -> Result<(), Error> {
        envelope::replace(&self.entry_path(name), world, &entry_record(name, content))
    }

    /// Writes an entry that must be new.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::File`], [`Error::TooLarge`].
    pub fn create_entry(
        &self,
        world: &Hash,
        name: &EntryName,
        content: EntryContent,
    ) -> Result<(), Error> {
        envelope::create(&self.entry_path(name), world, &entry_record(name, content))
    }

    /// Removes an entry's file.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::File`].
    pub fn remove_entry(&self, name: &EntryName) -> Result<(), Error> {
        remove(&self.entry_path(name))
    }

    /// Waits for the right to change an application's entries, which one thread of one process has at a time among all
    /// that ask for it this way. Writing an entry does not ask: only who reads it first needs a turn.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::File`].
    pub fn turn(&self, appname: &str) -> Result<Turn, Error> {
        names::check_appname(appname)?;
        let path = self.local.join(format!(".turn-{appname}"));
        Turn::wait(&path).map_err(Error::file(&path))
    }

    /// The names of all entries, sorted; of one application if `appname` is given.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::InvalidName`].
    pub fn entries(&self, appname: Option<&str>) -> Result<Vec<EntryName>, Error> {
        if let Some(appname) = appname {
            names::check_appname(appname)?;
        }
        let mut entries: Vec<EntryName> = self
            .file_names()?
            .iter()
            .filter_map(|name| EntryName::from_file_name(name))
            .filter(|entry| appname.is_none_or(|appname| appname == entry.appname()))
            .collect();
        entries.sort();
        Ok(entries)
    }

    /// What the folder has files of, sorted by file name.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn files(&self) -> Result<Vec<File>, Error> {
        let mut names = self.file_names()?;
        names.sort();
        Ok(names.iter().filter_map(|name| File::named(name)).collect())
    }

    /// The record of one card set.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`].
    pub fn card_set(&self, world: &Hash, hkltu: &Hash) -> Result<CardSetRecord, Error> {
        let path = self.card_set_path(hkltu);
        let record = read_in_world(&path, world)?;
        named(path, record, |record: &CardSetRecord| {
            record.hkltu == *hkltu
        })
    }

    /// Writes a card set's file, and one for each of its cards, whose recoverable pass phrases are `pins`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn write_card_set(
        &self,
        world: &Hash,
        record: &CardSetRecord,
        pins: &[Option<Vec<u8>>],
    ) -> Result<(), Error> {
        let pins = pins.iter().cloned().chain(std::iter::repeat(None));
        for ((share, name), pin) in (1..).zip(&record.card_names).zip(pins) {
            let card = CardRecord {
                hkltu: record.hkltu,
                share,
                name: name.clone(),
                pin,
            };
            self.write_card(world, &card)?;
        }
        envelope::replace(&self.card_set_path(&record.hkltu), world, record)
    }

    /// The record of one card of a set.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`].
    pub fn card(&self, world: &Hash, hkltu: &Hash, share: u32) -> Result<CardRecord, Error> {
        let path = self.card_path(hkltu, share);
        let record = read_in_world(&path, world)?;
        named(path, record, |record: &CardRecord| {
            record.hkltu == *hkltu && record.share == share
        })
    }

    /// Writes one card's file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn write_card(&self, world: &Hash, record: &CardRecord) -> Result<(), Error> {
        envelope::replace(&self.card_path(&record.hkltu, record.share), world, record)
    }

    /// The record of one softcard.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::File`].
    pub fn softcard(&self, world: &Hash, hkltu: &Hash) -> Result<SoftcardRecord, Error> {
        let path = self.softcard_path(hkltu);
        let record = read_in_world(&path, world)?;
        named(path, record, |record: &SoftcardRecord| {
            record.hkltu == *hkltu
        })
    }

    /// Writes a softcard's file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn write_softcard(&self, world: &Hash, record: &SoftcardRecord) -> Result<(), Error> {
        envelope::replace(&self.softcard_path(&record.hkltu), world, record)
    }

    /// Removes a softcard's file.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::File`].
    pub fn remove_softcard(&self, hkltu: &Hash) -> Result<(), Error> {
        remove(&self.softcard_path(hkltu))
    }

    /// Checks, before a module is changed for it, that the folder's content could be moved aside and a world written.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn check_writable(&self) -> Result<(), Error> {
        if !self.file_names()?.is_empty() {
            atomic::check_writable(&self.local).map_err(Error::file(&self.local))?;
        }
        let world = self.world_path();
        atomic::check_writable(&world).map_err(Error::file(&world))
    }

    /// Moves the whole folder to the first free `local<nn>` beside it (two digits or more) and says where it went. None
    /// when there was no folder, or nothing in it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn move_aside(&self) -> Result<Option<PathBuf>, Error> {
        if self.file_names()?.is_empty() {
            return Ok(None);
        }
        let name = self
            .local
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        for number in 0u32.. {
            let aside = self.local.with_file_name(format!("{name}{number:02}"));
            // A rename onto an empty folder would succeed on Unix, so look first.
            if fs::symlink_metadata(&aside).is_ok() {
                continue;
            }
            fs::rename(&self.local, &aside).map_err(Error::file(&self.local))?;
            atomic::sync_folder(&self.local).map_err(Error::file(&self.local))?;
            return Ok(Some(aside));
        }
        Ok(None)
    }

    fn card_set_path(&self, hkltu: &Hash) -> PathBuf {
        self.local.join(format!("cards_{}", hex(hkltu)))
    }

    fn card_path(&self, hkltu: &Hash, share: u32) -> PathBuf {
        self.local.join(format!("card_{}_{share}", hex(hkltu)))
    }

    fn softcard_path(&self, hkltu: &Hash) -> PathBuf {
        self.local.join(format!("softcard_{}", hex(hkltu)))
    }

    fn module_path(&self, esn: &str) -> Result<PathBuf, Error> {
        // The serial number comes from a server and becomes part of a file name.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if esn.is_empty() || esn.len() > 64 || !esn.bytes().all(allowed) {
            return Err(Error::InvalidName {
                what: "electronic serial number",
                name: esn.to_owned(),
            });
        }
        Ok(self.local.join(format!("module_{esn}")))
    }

    /// Names of the files in the folder; none when there is no folder. Names that are not Unicode are none of ours.
    fn file_names(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.local) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::file(&self.local)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::file(&self.local))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    atomic::remove(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound {
            path: path.to_owned(),
        },
        _ => Error::file(path)(error),
    })
}

fn entry_record(name: &EntryName, content: EntryContent) -> EntryRecord {
    EntryRecord {
        appname: name.appname().to_owned(),
        ident: name.ident().to_owned(),
        content,
    }
}

fn read_in_world<R: Record>(path: &Path, world: &Hash) -> Result<R, Error> {
    let stored = envelope::read::<R>(path)?;
    if stored.world != *world {
        return Err(Error::Foreign {
            path: path.to_owned(),
            file_world: stored.world,
            world: *world,
        });
    }
    Ok(stored.record)
}

/// The record, if it is what the name of its file says.
fn named<R>(path: PathBuf, record: R, is_its: impl Fn(&R) -> bool) -> Result<R, Error> {
    match is_its(&record) {
        true => Ok(record),
        false => Err(Error::Corrupt {
            path,
            reason: Corruption::Renamed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: Hash = [0x11; 20];
    const OTHER: Hash = [0x22; 20];

    fn opaque(data: &[u8]) -> EntryContent {
        EntryContent::Opaque(data.to_vec())
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("local"));
        (root, folder)
    }

    #[test]
    fn an_entry_of_another_world_is_refused_by_name_with_both_hashes() {
        let (_root, folder) = folder();
        let name = EntryName::new("mscapi", "container-1").unwrap();
        folder
            .replace_entry(&WORLD, &name, opaque(b"data"))
            .unwrap();
        assert_eq!(folder.entry(&WORLD, &name).unwrap(), opaque(b"data"));
        let error = folder.entry(&OTHER, &name).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Foreign { .. }));
        assert!(text.contains("key_mscapi_container-1"), "{text}");
        assert!(
            text.contains(&hex(&WORLD)) && text.contains(&hex(&OTHER)),
            "{text}"
        );
    }

    #[test]
    fn a_renamed_entry_is_corrupt() {
        let (_root, folder) = folder();
        let [one, two] = ["one", "two"].map(|ident| EntryName::new("simple", ident).unwrap());
        folder.replace_entry(&WORLD, &one, opaque(b"data")).unwrap();
        fs::rename(folder.entry_path(&one), folder.entry_path(&two)).unwrap();
        let error = folder.entry(&WORLD, &two).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Corrupt {
                    reason: Corruption::Renamed,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn entries_are_listed_sorted_and_other_files_ignored() {
        let (_root, folder) = folder();
        assert_eq!(folder.entries(None).unwrap(), []);
        for (appname, ident) in [("simple", "b"), ("mscapi", "z"), ("simple", "a")] {
            folder
                .create_entry(
                    &WORLD,
                    &EntryName::new(appname, ident).unwrap(),
                    opaque(b""),
                )
                .unwrap();
        }
        fs::write(folder.path().join("key_simple_a.att"), b"{}").unwrap();
        fs::write(folder.path().join("notes.txt"), b"").unwrap();
        let listed = |appname| -> Vec<String> {
            folder
                .entries(appname)
                .unwrap()
                .iter()
                .map(EntryName::file_name)
                .collect()
        };
        assert_eq!(
            listed(None),
            ["key_mscapi_z", "key_simple_a", "key_simple_b"]
        );
        assert_eq!(listed(Some("simple")), ["key_simple_a", "key_simple_b"]);
        assert!(matches!(
            folder.entries(Some("../x")),
            Err(Error::InvalidName { .. })
        ));
        let again =
            folder.create_entry(&WORLD, &EntryName::new("simple", "a").unwrap(), opaque(b""));
        assert!(matches!(again, Err(Error::Exists { .. })));
    }

    #[test]
    fn a_folder_moves_aside_to_the_first_free_number() {
        let (root, folder) = folder();
        assert_eq!(folder.move_aside().unwrap(), None);
        for expected in ["local00", "local01"] {
            let name = EntryName::new("simple", "a").unwrap();
            folder.replace_entry(&WORLD, &name, opaque(b"")).unwrap();
            assert_eq!(
                folder.move_aside().unwrap(),
                Some(root.path().join(expected))
            );
            assert!(root.path().join(expected).join("key_simple_a").exists());
            assert!(!folder.path().exists());
        }
    }

    #[test]
    fn a_card_set_has_a_file_and_one_for_each_card() {
        let (_root, folder) = folder();
        let record = CardSetRecord {
            name: "ops".to_owned(),
            hkltu: [0xab; 20],
            shares_needed: 1,
            shares_total: 2,
            time_limit: 0,
            persistent: true,
            remote: false,
            passphrase_recovery: false,
            card_names: vec![String::new(), "spare".to_owned()],
            gentime: 1_704_000_000,
            soft: false,
        };
        let pins = [None, Some(vec![7])];
        folder.write_card_set(&WORLD, &record, &pins).unwrap();
        let mut names = folder.file_names().unwrap();
        names.sort();
        let hash = "ab".repeat(20);
        assert_eq!(
            names,
            [
                format!("card_{hash}_1"),
                format!("card_{hash}_2"),
                format!("cards_{hash}")
            ]
        );
        assert_eq!(folder.card_set(&WORLD, &[0xab; 20]).unwrap(), record);
        let second = CardRecord {
            hkltu: [0xab; 20],
            share: 2,
            name: "spare".to_owned(),
            pin: Some(vec![7]),
        };
        assert_eq!(folder.card(&WORLD, &[0xab; 20], 2).unwrap(), second);
        assert!(matches!(
            folder.card_set(&OTHER, &[0xab; 20]),
            Err(Error::Foreign { .. })
        ));
    }

    #[test]
    fn a_softcard_is_one_file() {
        let (_root, folder) = folder();
        let record = SoftcardRecord {
            name: "soft".to_owned(),
            hkltu: [0xcd; 20],
            image: vec![1, 2],
            passphrase: true,
            pin: None,
            gentime: 1_704_000_000,
        };
        folder.write_softcard(&WORLD, &record).unwrap();
        let file = format!("softcard_{}", "cd".repeat(20));
        assert_eq!(folder.file_names().unwrap(), [file]);
        assert_eq!(folder.softcard(&WORLD, &[0xcd; 20]).unwrap(), record);
        folder.remove_softcard(&[0xcd; 20]).unwrap();
        assert!(matches!(
            folder.remove_softcard(&[0xcd; 20]),
            Err(Error::NotFound { .. })
        ));
    }

    #[test]
    fn a_serial_number_cannot_leave_the_folder() {
        let (_root, folder) = folder();
        assert!(matches!(
            folder.module(&WORLD, "../world"),
            Err(Error::InvalidName { .. })
        ));
        assert_eq!(folder.module(&WORLD, "1A2B-02E0-D947").unwrap(), None);
    }
}
