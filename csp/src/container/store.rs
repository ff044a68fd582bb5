//! The containers of one Key Management Data folder: reading and writing their entries, and which are open here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nfkm::kmdata::{Folder, Turn};
use nfkm::{EntryName, Environment, Session};

use super::record::{Record, Scope, Slot};
use super::{Container, id};
use crate::error::{CspError, Result};
use crate::failure;
use crate::identity::Identity;
use crate::log;
use crate::security::{Descriptor, Right};
use crate::sys;

/// Application name of containers and of the keys made for them (CAPI guide, section 7).
pub(crate) const APPNAME: &str = "mscapi";

/// A session with a hardserver, and the containers found in its folder.
#[derive(Debug)]
pub(crate) struct Store {
    session: Session,
    /// Containers that some context has open, so that all contexts of a container share its loaded keys.
    open: Mutex<HashMap<String, Weak<Container>>>,
    /// Held while entries are changed, so that threads do not lose each other's changes.
    changes: Mutex<()>,
}

/// The right to change entries, which one thread of one process has at a time.
pub(crate) struct Changing<'a> {
    // Dropped in this order: the next thread of this process finds the turn of processes free.
    _among_processes: Turn,
    _among_threads: MutexGuard<'a, ()>,
}

impl Store {
    /// Connects, to use the pool of modules or the modules themselves.
    ///
    /// # Errors
    /// `NTE_FAIL`; the cause is logged.
    pub(crate) fn open(environment: &Environment, pool: bool) -> Result<Store> {
        let session = match pool {
            true => Session::open_pool(environment),
            false => Session::open(environment),
        };
        let session = session.map_err(failure::of_session)?;
        Ok(Store {
            session,
            open: Mutex::default(),
            changes: Mutex::default(),
        })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Waits for its turn to change entries.
    ///
    /// # Errors
    /// `NTE_PERM` when the system denies it, and the file system's.
    pub(crate) fn changing(&self) -> Result<Changing<'_>> {
        let among_threads = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.session.folder().turn(APPNAME);
        Ok(Changing {
            _among_processes: turn.map_err(failure::of_container_change)?,
            _among_threads: among_threads,
        })
    }

    /// Reads a container.
    ///
    /// # Errors
    /// `NTE_BAD_KEYSET` when there is none, `NTE_KEYSET_ENTRY_BAD` when it is damaged.
    pub(crate) fn read(&self, ident: &str) -> Result<Record> {
        let data = self
            .session
            .read_opaque(APPNAME, ident)
            .map_err(failure::of_container)?;
        Record::decode(&data).map_err(|error| {
            log::error(format_args!("container {ident}: {error}"));
            CspError::NTE_KEYSET_ENTRY_BAD
        })
    }

    /// Writes a container.
    ///
    /// # Errors
    /// `NTE_BAD_LEN` when it has grown too long, `NTE_PERM` when the system denies it, and the file system's.
    pub(crate) fn write(&self, _turn: &Changing<'_>, ident: &str, record: &Record) -> Result<()> {
        let data = record.encode().map_err(|_| CspError::NTE_BAD_LEN)?;
        self.session
            .save_opaque(APPNAME, ident, &data)
            .map_err(failure::of_container_change)?;
        protect(self.session.folder(), ident, record);
        Ok(())
    }

    /// Makes a container without keys.
    ///
    /// # Errors
    /// `NTE_EXISTS`; `NTE_KEYSET_ENTRY_BAD` when a damaged one is in its place; `NTE_BAD_KEYSET` when the system denies it.
    pub(crate) fn create(
        &self,
        provider: &str,
        scope: Scope,
        name: &str,
        creator: &Identity,
    ) -> Result<String> {
        let ident = id::ident(provider, &scope, name);
        let turn = self.changing().map_err(at_acquisition)?;
        match self.read(&ident) {
            Err(CspError::NTE_BAD_KEYSET) => {}
            Ok(_) => return Err(CspError::NTE_EXISTS),
            Err(error) => return Err(error),
        }
        let descriptor = Descriptor::of_new_container(creator, scope == Scope::Machine);
        let record = Record {
            provider: provider.to_owned(),
            scope,
            name: name.to_owned(),
            slots: [None, None],
            descriptor,
            unfinished: None,
        };
        self.write(&turn, &ident, &record).map_err(at_acquisition)?;
        Ok(ident)
    }

    /// Deletes a container, and those of its keys that no other container refers to.
    ///
    /// # Errors
    /// `NTE_BAD_KEYSET` when there is none or the user may not delete it.
    pub(crate) fn delete(&self, ident: &str, user: &Identity) -> Result<()> {
        let turn = self.changing().map_err(at_acquisition)?;
        let record = self.read(ident)?;
        if !self.allows(ident, &record, user, Right::Delete) {
            return Err(CspError::NTE_BAD_KEYSET);
        }
        // The container goes first: an interruption leaves keys that nothing refers to, rather than a container that
        // refers to nothing.
        self.session
            .delete_file(APPNAME, ident)
            .map_err(failure::of_container)?;
        if let Some(container) = self.live(ident) {
            container.forget_keys();
        }
        for slot in record.slots.iter().flatten() {
            self.delete_key(&turn, slot);
        }
        Ok(())
    }

    /// [`allows`], for a container of this world.
    pub(super) fn allows(
        &self,
        ident: &str,
        record: &Record,
        user: &Identity,
        right: Right,
    ) -> bool {
        allows(self.session.folder(), ident, record, user, right)
    }

    /// Deletes the entry of a key that a container no longer refers to, unless another one does. A key whose entry cannot
    /// be deleted, or of which that cannot be known, is left.
    pub(crate) fn delete_key(&self, _turn: &Changing<'_>, slot: &Slot) {
        if slot.appname != APPNAME || self.is_referred_to(slot) {
            return;
        }
        if let Err(error) = self.session.delete_file(&slot.appname, &slot.ident) {
            log::error(format_args!("key {} is left: {error}", slot.ident));
        }
    }

    /// The container as all its contexts share it.
    pub(crate) fn container(self: &Arc<Self>, ident: &str) -> Arc<Container> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(container) = open.get(ident).and_then(Weak::upgrade) {
            return container;
        }
        open.retain(|_, container| container.strong_count() > 0);
        let container = Arc::new(Container::new(Arc::clone(self), ident.to_owned()));
        open.insert(ident.to_owned(), Arc::downgrade(&container));
        container
    }

    /// The names of a provider's containers of one scope, sorted. Damaged ones are left out.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn names(&self, provider: &str, scope: &Scope) -> Result<Vec<String>> {
        let idents = self.session.list(APPNAME).map_err(failure::of_container)?;
        let containers = idents
            .iter()
            .filter(|ident| id::is_ident(ident))
            .filter_map(|ident| self.read(ident).ok());
        let mut names: Vec<String> = containers
            .filter(|record| record.provider == provider && record.scope == *scope)
            .map(|record| record.name)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Whether a container refers to a key, or may, being unreadable.
    fn is_referred_to(&self, slot: &Slot) -> bool {
        let Ok(idents) = self.session.list(APPNAME) else {
            return true;
        };
        idents
            .iter()
            .filter(|ident| id::is_ident(ident))
            .any(|ident| match self.read(ident) {
                Ok(record) => {
                    let refers =
                        |other: &Slot| other.appname == slot.appname && other.ident == slot.ident;
                    record.slots.iter().flatten().any(refers)
                }
                // Deleted meanwhile by another process.
                Err(CspError::NTE_BAD_KEYSET) => false,
                Err(_) => true,
            })
    }

    fn live(&self, ident: &str) -> Option<Arc<Container>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(ident)
            .and_then(Weak::upgrade)
    }
}

/// CPAcquireContext has no `NTE_PERM`: what it may not reach is not there (CRYPTSPI section 3.1).
fn at_acquisition(error: CspError) -> CspError {
    match error {
        CspError::NTE_PERM => CspError::NTE_BAD_KEYSET,
        error => error,
    }
}

/// Whether a user may do something with a container: by its descriptor, and if he only claims to be the one it names, by the
/// system's word about its file too.
pub(super) fn allows(
    folder: &Folder,
    ident: &str,
    record: &Record,
    user: &Identity,
    right: Right,
) -> bool {
    // Whoever may not read the file has no record of it.
    let may_change = || {
        right == Right::Read
            || EntryName::new(APPNAME, ident)
                .is_ok_and(|name| user.may_change(&folder.entry_path(&name)))
    };
    record.descriptor.allows(user, right) && may_change()
}

/// Gives the files of a container and of its keys the container's access list, or what comes next to it. The provider checks
/// the list by itself too: a file system that keeps none, or a file that is another user's, is no reason to fail.
pub(super) fn protect(folder: &Folder, ident: &str, record: &Record) {
    let keys = record.slots.iter().flatten();
    let keys = keys.filter(|slot| slot.appname == APPNAME);
    for ident in keys.map(|slot| slot.ident.as_str()).chain([ident]) {
        let Ok(name) = EntryName::new(APPNAME, ident) else {
            continue;
        };
        let path = folder.entry_path(&name);
        if let Err(error) = sys::protect(&path, &record.descriptor) {
            log::error(format_args!("{}: no access list: {error}", path.display()));
        }
    }
}
