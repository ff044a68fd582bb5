//! Containers as their administration sees them: files of the Key Management Data, read and written without a hardserver.
//!
//! The provider itself works through `store`; both write the same records in the same turn, so a utility may run beside
//! applications.

use std::path::PathBuf;

use ncore::types::KeyType;
use nfkm::kmdata::{EntryContent, Folder, KeyRecord};
use nfkm::{EntryName, Environment, Hash, World};

use super::id;
use super::store::{self, APPNAME};
use crate::alg::{Family, Provider};
use crate::identity::Identity;
use crate::names::{self, NAMES};
use crate::security::{Descriptor, Right};

pub use super::record::{DecodeError, Record, Scope, Slot, Unfinished};
pub use crate::key_spec::KeySpec;

/// The containers of one world.
#[derive(Clone, Debug)]
pub struct Containers {
    folder: Folder,
    world: Hash,
    user: Identity,
}

/// Why something cannot be done with a container.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Security World's reason: no world, a file that is damaged, foreign, unreadable, or no longer there.
    #[error(transparent)]
    World(#[from] nfkm::Error),
    /// The file is whole, but not a container's.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// No container has the name.
    #[error("there is no container `{name}' of {owner}")]
    NoContainer {
        /// The name.
        name: String,
        /// The SID, or `machine`.
        owner: String,
    },
    /// Containers of several providers have the name.
    #[error("containers of several providers have the name `{name}': {}", providers.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The providers, by name.
        providers: Vec<String>,
    },
    /// There is such a container.
    #[error("there is a container `{name}' already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The container's descriptor, or the lack of privilege, is against it.
    #[error("{action} container `{name}' is not allowed to this user")]
    Denied {
        /// What was attempted.
        action: &'static str,
        /// The container's name.
        name: String,
    },
}

/// Which container is meant.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name, or its ident, which reaches the containers of every user and provider.
    pub name: String,
    /// Whose it is.
    pub scope: Scope,
    /// The provider's type; None when the name says enough.
    pub prov_type: Option<u32>,
}

impl Containers {
    /// The containers of the world in the Key Management Data, as `user` may use them.
    ///
    /// # Errors
    /// [`nfkm::Error::NoWorld`], [`nfkm::Error::Corrupt`], [`nfkm::Error::File`], [`nfkm::Error::SymbolicLink`].
    pub fn open(environment: &Environment, user: Identity) -> Result<Containers, nfkm::Error> {
        let folder = environment.folder()?;
        let world = World::required(&folder)?.hknso;
        Ok(Containers {
            folder,
            world,
            user,
        })
    }

    /// Who uses them.
    pub fn user(&self) -> &Identity {
        &self.user
    }

    /// The idents of all container files, sorted.
    ///
    /// # Errors
    /// [`nfkm::Error::File`].
    pub fn idents(&self) -> Result<Vec<String>, nfkm::Error> {
        let mut idents = self.entries()?;
        idents.retain(|ident| id::is_ident(ident));
        Ok(idents)
    }

    /// The idents of all files of keys made by the provider, sorted.
    ///
    /// # Errors
    /// [`nfkm::Error::File`].
    pub fn key_idents(&self) -> Result<Vec<String>, nfkm::Error> {
        let mut idents = self.entries()?;
        idents.retain(|ident| !id::is_ident(ident));
        Ok(idents)
    }

    /// The file of a container.
    ///
    /// # Errors
    /// [`nfkm::Error::InvalidName`].
    pub fn path(&self, ident: &str) -> Result<PathBuf, nfkm::Error> {
        let name = EntryName::new(APPNAME, ident)?;
        Ok(self.folder.entry_path(&name))
    }

    /// Reads a container.
    ///
    /// # Errors
    /// [`Error::World`], [`Error::Content`].
    pub fn read(&self, ident: &str) -> Result<Record, Error> {
        let name = EntryName::new(APPNAME, ident)?;
        let path = self.folder.entry_path(&name);
        match self.folder.entry(&self.world, &name)? {
            EntryContent::Opaque(data) => {
                Record::decode(&data).map_err(|reason| Error::Content { path, reason })
            }
            EntryContent::Key(_) => Err(nfkm::Error::WrongContent {
                path,
                opaque: false,
            }
            .into()),
        }
    }

    /// Reads the record of a key.
    ///
    /// # Errors
    /// [`nfkm::Error::InvalidName`], [`nfkm::Error::NotFound`], [`nfkm::Error::Corrupt`], [`nfkm::Error::Foreign`],
    /// [`nfkm::Error::File`], [`nfkm::Error::WrongContent`].
    pub fn key(&self, appname: &str, ident: &str) -> Result<KeyRecord, nfkm::Error> {
        let name = EntryName::new(appname, ident)?;
        match self.folder.entry(&self.world, &name)? {
            EntryContent::Key(record) => Ok(*record),
            EntryContent::Opaque(_) => Err(nfkm::Error::WrongContent {
                path: self.folder.entry_path(&name),
                opaque: true,
            }),
        }
    }

    /// The ident and the record of a container that the user may open. A container of another user than the calling one
    /// is open to administrators alone.
    ///
    /// # Errors
    /// [`Error::NoContainer`], [`Error::Ambiguous`], [`Error::Denied`]; [`Error::World`] and [`Error::Content`] for a
    /// container that is damaged.
    pub fn find(&self, wanted: &Wanted) -> Result<(String, Record), Error> {
        let (ident, record) = self.look_up(wanted)?;
        self.allowed("reading", &ident, &record, Right::Read)?;
        Ok((ident, record))
    }

    /// Makes a container without keys, and gives its ident.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`], [`Error::World`].
    pub fn create(&self, prov_type: u32, scope: &Scope, name: &str) -> Result<String, Error> {
        let provider = names::canonical(prov_type)
            .ok_or_else(|| bad_name("provider type", &prov_type.to_string()))?;
        let mut creator = self.user.clone();
        if let Scope::User(sid) = scope {
            // What is made for another user is his.
            creator.user = sid.parse().map_err(|_| bad_name("SID", sid))?;
        }
        let record = Record {
            provider: provider.to_owned(),
            scope: scope.clone(),
            name: name.to_owned(),
            slots: [None, None],
            descriptor: Descriptor::of_new_container(&creator, *scope == Scope::Machine),
            unfinished: None,
        };
        self.own_scope("creating", &record)?;
        let ident = record.ident();
        let _turn = self.folder.turn(APPNAME)?;
        match self.read(&ident) {
            Err(Error::World(nfkm::Error::NotFound { .. })) => self.write(&ident, &record)?,
            Ok(record) => return Err(Error::Exists { name: record.name }),
            Err(error) => return Err(error),
        }
        Ok(ident)
    }

    /// Changes the keys of a container, in one step. Key files are left, also those that it refers to no longer.
    ///
    /// # Errors
    /// What `change` refuses; [`Error::Denied`], [`Error::World`], [`Error::Content`].
    pub fn change<E: From<Error>>(
        &self,
        ident: &str,
        change: impl FnOnce(&mut [Option<Slot>; 2]) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self
            .folder
            .turn(APPNAME)
            .map_err(|error| E::from(error.into()))?;
        let mut record = self.read(ident)?;
        self.allowed("changing", ident, &record, Right::Write)?;
        let before = record.slots[KeySpec::Exchange as usize].clone();
        change(&mut record.slots)?;
        if record.slots[KeySpec::Exchange as usize] != before {
            record.unfinished = None;
        }
        Ok(self.write(ident, &record)?)
    }

    /// Deletes the file of a container, in whatever state it is. Key files are left.
    ///
    /// # Errors
    /// [`Error::Denied`] to all but administrators (CAPI guide, section 5); [`Error::World`].
    pub fn delete_file(&self, ident: &str) -> Result<(), Error> {
        if !self.user.administrator {
            return Err(Error::Denied {
                action: "deleting",
                name: ident.to_owned(),
            });
        }
        let _turn = self.folder.turn(APPNAME)?;
        Ok(self.folder.remove_entry(&EntryName::new(APPNAME, ident)?)?)
    }

    fn entries(&self) -> Result<Vec<String>, nfkm::Error> {
        let entries = self.folder.entries(Some(APPNAME))?;
        Ok(entries
            .iter()
            .map(|entry| entry.ident().to_owned())
            .collect())
    }

    fn look_up(&self, wanted: &Wanted) -> Result<(String, Record), Error> {
        let mut found = Vec::new();
        for names in NAMES
            .iter()
            .filter(|names| wanted.prov_type.is_none_or(|it| it == names.prov_type))
        {
            let ident = id::ident(names.canonical, &wanted.scope, &wanted.name);
            match self.read(&ident) {
                Err(Error::World(nfkm::Error::NotFound { .. })) => {}
                record => found.push((ident, record?)),
            }
        }
        if found.is_empty() && id::is_ident(&wanted.name) {
            match self.read(&wanted.name) {
                Err(Error::World(nfkm::Error::NotFound { .. })) => {}
                record => found.push((wanted.name.clone(), record?)),
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.as_slice()) {
            (None, _) => Err(Error::NoContainer {
                name: wanted.name.clone(),
                owner: wanted.scope.as_str().to_owned(),
            }),
            (Some(only), []) => Ok(only),
            (Some((_, first)), others) => {
                let others = others.iter().map(|(_, record)| record.provider.clone());
                Err(Error::Ambiguous {
                    name: wanted.name.clone(),
                    providers: std::iter::once(first.provider).chain(others).collect(),
                })
            }
        }
    }

    fn allowed(
        &self,
        action: &'static str,
        ident: &str,
        record: &Record,
        right: Right,
    ) -> Result<(), Error> {
        self.own_scope(action, record)?;
        match store::allows(&self.folder, ident, record, &self.user, right) {
            true => Ok(()),
            false => Err(denied(action, record)),
        }
    }

    /// A user's container belongs to him, and to administrators.
    fn own_scope(&self, action: &'static str, record: &Record) -> Result<(), Error> {
        match &record.scope {
            Scope::User(sid) if *sid != self.user.user.to_string() && !self.user.administrator => {
                Err(denied(action, record))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, ident: &str, record: &Record) -> Result<(), Error> {
        let name = EntryName::new(APPNAME, ident)?;
        let data = record.encode().map_err(|reason| Error::Content {
            path: self.folder.entry_path(&name),
            reason,
        })?;
        self.folder
            .replace_entry(&self.world, &name, EntryContent::Opaque(data))?;
        store::protect(&self.folder, ident, record);
        Ok(())
    }
}

impl Record {
    /// The ident that belongs to provider, owner and name.
    pub fn ident(&self) -> String {
        id::ident(&self.provider, &self.scope, &self.name)
    }

    /// The type of its provider; None for a provider that is not known.
    pub fn prov_type(&self) -> Option<u32> {
        names::type_of(&self.provider)
    }
}

/// Whether a provider can use a private key of this type (a `KeyType` number) in the slot.
pub fn suits(prov_type: u32, spec: KeySpec, key_type: u32) -> bool {
    let Some(provider) = Provider::of_type(prov_type) else {
        return false;
    };
    let wanted = match (provider.family, spec) {
        (Family::Rsa, _) => KeyType::RSAPrivate,
        (Family::Dss, KeySpec::Signature) => KeyType::DSAPrivate,
        (Family::Dss, KeySpec::Exchange) => KeyType::DHPrivate,
    };
    wanted.0 == key_type
}

fn denied(action: &'static str, record: &Record) -> Error {
    Error::Denied {
        action,
        name: record.name.clone(),
    }
}

fn bad_name(what: &'static str, name: &str) -> nfkm::Error {
    nfkm::Error::InvalidName {
        what,
        name: name.to_owned(),
    }
}
