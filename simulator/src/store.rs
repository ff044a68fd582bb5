//! Where a module keeps what must survive a power cut: named records behind a trait, and the redb file behind it.
//!
//! A module saves a record and answers only after `save` has returned, so whatever a reply promised is on the disk.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition,
};

use crate::power::{Power, PoweredFile};

/// Named records, each replaced as a whole.
pub trait Store: Send + Sync {
    /// The record of this name, if there is one.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the records of these names, all or none. When this returns, the new ones survive a crash at any later
    /// instant; if it fails, the old ones are still there.
    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError>;

    /// Every record, by name.
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// As [`save`](Self::save), and removes all other records in the same step.
    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError>;
}

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("module state in {}: {}", place.display(), in_words(cause))]
pub struct StoreError {
    /// The file.
    pub place: PathBuf,
    /// What the database said.
    pub cause: Box<redb::Error>,
}

impl StoreError {
    fn new(place: &Path, cause: impl Into<redb::Error>) -> StoreError {
        StoreError {
            place: place.to_owned(),
            cause: Box::new(cause.into()),
        }
    }
}

/// What the database's error means for whoever has the file.
fn in_words(cause: &redb::Error) -> String {
    match cause {
        redb::Error::DatabaseAlreadyOpen => "another process has it open".to_owned(),
        redb::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "damaged: it ends too early".to_owned()
        }
        redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            "it is not the state of a module".to_owned()
        }
        redb::Error::Corrupted(why) => format!("damaged: its parts do not fit together ({why})"),
        cause => cause.to_string(),
    }
}

/// A store in one redb file. The file is locked: a second daemon on the same state is refused when it opens it.
#[derive(Debug)]
pub struct RedbStore {
    database: Database,
    path: PathBuf,
}

impl RedbStore {
    /// Opens the file, creating it if there is none. After a crash the database repairs itself here.
    pub fn open(path: &Path) -> Result<RedbStore, StoreError> {
        RedbStore::open_with_power(path, Arc::default())
    }

    /// The same on a file of which somebody can cut the power.
    pub(crate) fn open_with_power(path: &Path, power: Arc<Power>) -> Result<RedbStore, StoreError> {
        if !path.exists() {
            create(path)?;
        }
        let fail = |error: std::io::Error| StoreError::new(path, redb::Error::Io(error));
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(fail)?;
        // The database would take an empty file for a new one, and all that was promised would be forgotten.
        if file.metadata().map_err(fail)?.len() == 0 {
            return Err(fail(ErrorKind::UnexpectedEof.into()));
        }
        let file = PoweredFile::new(file, power).map_err(|error| StoreError::new(path, error))?;
        RedbStore::open_on(file, path)
    }

    /// Opens what stands for a file of this name: a disk that can lose its power.
    pub fn open_on(backend: impl StorageBackend, path: &Path) -> Result<RedbStore, StoreError> {
        RedbStore::new(path, |builder| builder.create_with_backend(backend))
    }

    fn new(
        path: &Path,
        open: impl FnOnce(&Builder) -> Result<Database, DatabaseError>,
    ) -> Result<RedbStore, StoreError> {
        let mut builder = Database::builder();
        // A file that was damaged is refused, where the database would trust it and could panic.
        builder.set_check_integrity_on_open(true);
        let database = open(&builder).map_err(|error| StoreError::new(path, error))?;
        Ok(RedbStore {
            database,
            path: path.to_owned(),
        })
    }

    fn error(&self, cause: impl Into<redb::Error>) -> StoreError {
        StoreError::new(&self.path, cause)
    }
}

/// Makes a new file beside its place and puts it there when it is whole: the database could never be opened again if it
/// were left in the middle of being made.
fn create(path: &Path) -> Result<(), StoreError> {
    let beside = path.with_added_extension("new");
    drop(RedbStore::new(&beside, |builder| {
        // What another start may have left.
        std::fs::write(&beside, []).map_err(redb::StorageError::from)?;
        builder.create(&beside)
    })?);
    let fail = |error: std::io::Error| StoreError::new(path, redb::Error::Io(error));
    std::fs::rename(&beside, path).map_err(fail)?;
    // The name must be on the disk before anything is promised that is behind it.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::File::open(folder.unwrap_or(Path::new(".")));
    folder.and_then(|folder| folder.sync_all()).map_err(fail)
}

const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");

impl Store for RedbStore {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let transaction = self
            .database
            .begin_read()
            .map_err(|error| self.error(error))?;
        let table = match transaction.open_table(RECORDS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let record = table.get(name).map_err(|error| self.error(error))?;
        Ok(record.map(|record| record.value().to_vec()))
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.write(records, false)
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read_all().map_err(|error| self.error(error))
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.write(records, true)
    }
}

impl RedbStore {
    fn read_all(&self) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
        let table = match self.database.begin_read()?.open_table(RECORDS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let record =
            |entry: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), _>| {
                let (name, record) = entry?;
                Ok((name.value().to_owned(), record.value().to_vec()))
            };
        table.iter()?.map(record).collect()
    }

    fn write(&self, records: &[(&str, &[u8])], alone: bool) -> Result<(), StoreError> {
        let transaction = self
            .database
            .begin_write()
            .map_err(|error| self.error(error))?;
        {
            let mut table = transaction
                .open_table(RECORDS)
                .map_err(|error| self.error(error))?;
            if alone {
                table
                    .retain(|_, _| false)
                    .map_err(|error| self.error(error))?;
            }
            for (name, record) in records {
                table
                    .insert(name, record)
                    .map_err(|error| self.error(error))?;
            }
        }
        transaction.commit().map_err(|error| self.error(error))
    }
}

/// A store whose next writes fail when somebody says so (see [`crate::faults`]).
pub(crate) struct Failing<S> {
    store: S,
    writes: Arc<AtomicU32>,
}

impl<S> Failing<S> {
    /// A store, and the number of its next writes that fail: none so far.
    pub(crate) fn new(store: S) -> (Failing<S>, Arc<AtomicU32>) {
        let writes = Arc::new(AtomicU32::new(0));
        let failing = Failing {
            store,
            writes: Arc::clone(&writes),
        };
        (failing, writes)
    }

    fn check(&self) -> Result<(), StoreError> {
        let one_less = |left: u32| left.checked_sub(1);
        match self
            .writes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        {
            Err(_) => Ok(()),
            Ok(_) => Err(StoreError {
                place: "a fault on purpose".into(),
                cause: Box::new(redb::Error::Io(ErrorKind::StorageFull.into())),
            }),
        }
    }
}

impl<S: Store> Store for Failing<S> {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.load(name)
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.check()?;
        self.store.save(records)
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.records()
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.check()?;
        self.store.replace(records)
    }
}

/// A store that lasts as long as the process: for tests, and for a daemon without a state directory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Vec<u8>>>);

impl Store for MemoryStore {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned())
    }

    fn save(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        let owned = records
            .iter()
            .map(|(name, record)| ((*name).to_owned(), record.to_vec()));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(owned);
        Ok(())
    }

    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(records.clone().into_iter().collect())
    }

    fn replace(&self, records: &[(&str, &[u8])]) -> Result<(), StoreError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.save(records)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::power::Cut;

    #[test]
    fn records_survive_closing_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.load("world").unwrap(), None);
        store.save(&[("world", b"one")]).unwrap();
        store
            .save(&[("world", b"two"), ("more", b"three")])
            .unwrap();
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.load("world").unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(store.load("more").unwrap().as_deref(), Some(&b"three"[..]));
        assert_eq!(store.load("other").unwrap(), None);
    }

    #[test]
    fn a_second_opening_of_the_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        let _store = RedbStore::open(&path).unwrap();
        let error = RedbStore::open(&path).unwrap_err();
        assert!(error.to_string().contains("module1.redb"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is wrong with it, a file gives what was saved or is refused by its name.
        #[test]
        fn a_damaged_file_is_refused_or_what_it_was(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            low: bool,
            length in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("module1.redb");
            let store = RedbStore::open(&path).unwrap();
            store.save(&[("world", b"one")]).unwrap();
            store.save(&[("world", b"two")]).unwrap();
            drop(store);
            let mut bytes = std::fs::read(&path).unwrap();
            // What the database is made of is at the front; most of the rest is empty.
            let end = if low { 16_384.min(bytes.len()) } else { bytes.len() };
            for (place, byte) in damage {
                bytes[place.index(end)] = byte;
            }
            if let Some(length) = length {
                bytes.truncate(length.index(bytes.len()));
            }
            std::fs::write(&path, &bytes).unwrap();
            let loaded = RedbStore::open(&path).and_then(|store| store.load("world"));
            match loaded {
                Ok(record) => {
                    let known = [None, Some(&b"one"[..]), Some(&b"two"[..])];
                    prop_assert!(known.contains(&record.as_deref()), "{:?}", record);
                }
                Err(error) => prop_assert!(error.to_string().contains("module1.redb")),
            }
        }
    }

    /// Whatever part of a change is written when the power goes, the file has the old record or the new one, and a change
    /// that was acknowledged is there.
    #[test]
    fn a_change_that_is_torn_anywhere_is_old_or_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        let store = RedbStore::open(&path).unwrap();
        store.save(&[("world", b"before")]).unwrap();
        drop(store);
        let image = std::fs::read(&path).unwrap();
        let change = |bytes| {
            std::fs::write(&path, &image).unwrap();
            let power = Arc::new(Power::default());
            let store = RedbStore::open_with_power(&path, Arc::clone(&power)).unwrap();
            store.save(&[("world", b"old")]).unwrap();
            power.cut_after(bytes);
            let saved = store.save(&[("world", b"new"), ("more", &[7; 5000])]);
            let cut = power.settle();
            drop(store);
            let loaded = RedbStore::open(&path).unwrap().load("world").unwrap();
            (saved.is_ok(), cut, loaded.unwrap())
        };
        let (saved, cut, loaded) = change(u64::MAX);
        let Cut::Missed(written) = cut else {
            panic!("{cut:?}");
        };
        assert!(saved && loaded == b"new" && written > 5000, "{written}");
        let mut seen = BTreeMap::new();
        // An odd step, so that cuts are inside pages as well as between them; and the ends.
        let cuts = (0..written)
            .step_by(509)
            .chain([1, written - 2, written - 1]);
        for bytes in cuts {
            let (saved, cut, loaded) = change(bytes);
            assert_eq!((saved, cut), (false, Cut::Made), "{bytes} of {written}");
            *seen.entry(loaded).or_insert(0) += 1;
        }
        assert!(seen.contains_key(&b"old"[..]), "{seen:?}");
        seen.retain(|loaded, _| loaded != b"old" && loaded != b"new");
        assert!(seen.is_empty(), "{seen:?}");
        // As long as what is written is not torn.
        assert_eq!(
            change(written),
            (true, Cut::Missed(written), b"new".to_vec())
        );
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        let store = RedbStore::open(&path).unwrap();
        store.save(&[("world", b"one")]).unwrap();
        let says = |words: &str| {
            let error = RedbStore::open(&path).unwrap_err().to_string();
            let expected = format!("module state in {}: {words}", path.display());
            assert_eq!(error, expected);
        };
        says("another process has it open");
        drop(store);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, b"").unwrap();
        says("damaged: it ends too early");
        for length in [4096, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = RedbStore::open(&path).unwrap_err().to_string();
            assert!(error.contains("module1.redb: damaged: it"), "{error}");
        }
        for other in [b"r".to_vec(), b"something else entirely".repeat(1000)] {
            std::fs::write(&path, other).unwrap();
            says("it is not the state of a module");
        }
    }

    #[test]
    fn a_start_that_was_cut_short_does_not_stop_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        std::fs::write(folder.path().join("module1.redb.new"), [0; 73_728]).unwrap();
        let store = RedbStore::open(&path).unwrap();
        store.save(&[("world", b"one")]).unwrap();
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        assert_eq!(store.load("world").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module1.redb");
        std::fs::write(&path, b"something else entirely").unwrap();
        assert!(RedbStore::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"something else entirely");
    }
}
