//! The session of an application: a client of a hardserver and the Security World in the Key Management Data.

use std::sync::Arc;

use ncore::types::GenerateRandomArgs;

use crate::client::Client;
use crate::environment::Environment;
use crate::error::Error;
use crate::kmdata::{EntryContent, Folder};
use crate::link::Link;
use crate::modules::{self, Module};
use crate::names::EntryName;
use crate::world::{World, WorldInfo};
use crate::{Hash, ZERO_HASH};

/// A client of a hardserver together with the Security World found in the Key Management Data. Clones share both.
///
/// The world file is read whenever it is needed, so a session notices a world that is made or replaced while it runs.
#[derive(Clone, Debug)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Folder,
    link: Link,
}

impl Session {
    /// Connects to the hardserver. There need not be a world yet.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::SymbolicLink`], [`Error::Connection`], [`Error::Status`].
    pub fn open(environment: &Environment) -> Result<Session, Error> {
        let folder = environment.folder()?;
        let link = Link::open(environment.endpoint()?)?;
        Ok(Session(Arc::new(Inner { folder, link })))
    }

    /// The Key Management Data folder.
    pub fn folder(&self) -> &Folder {
        &self.0.folder
    }

    /// The world and the modules.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`], [`Error::Connection`].
    pub fn world(&self) -> Result<WorldInfo, Error> {
        let world = World::required(self.folder())?;
        let modules = modules::survey(&*self.client()?, self.folder(), Some(&world))?;
        Ok(WorldInfo { world, modules })
    }

    /// Fills `buffer` with random bytes from any module (Cmd_GenerateRandom).
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Connection`].
    pub fn random(&self, buffer: &mut [u8]) -> Result<(), Error> {
        for chunk in buffer.chunks_mut(RANDOM_MAX) {
            let bytes = self.random_bytes(chunk.len())?;
            if bytes.len() != chunk.len() {
                return Err(Error::Malformed {
                    what: "GenerateRandom reply",
                });
            }
            chunk.copy_from_slice(&bytes);
        }
        Ok(())
    }

    /// Stores an application's data in the entry `key_<appname>_<ident>`, which holds no key material. An older content
    /// is replaced whole.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::File`], [`Error::TooLarge`].
    pub fn save_opaque(&self, appname: &str, ident: &str, data: &[u8]) -> Result<(), Error> {
        let name = EntryName::new(appname, ident)?;
        self.folder()
            .replace_entry(&self.hknso()?, &name, EntryContent::Opaque(data.to_vec()))
    }

    /// Reads back what [`Session::save_opaque`] stored.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::WrongContent`].
    pub fn read_opaque(&self, appname: &str, ident: &str) -> Result<Vec<u8>, Error> {
        let name = EntryName::new(appname, ident)?;
        match self.folder().entry(&self.hknso()?, &name)? {
            EntryContent::Opaque(data) => Ok(data),
            EntryContent::Key(_) => Err(Error::WrongContent {
                path: self.folder().entry_path(&name),
                opaque: false,
            }),
        }
    }

    /// Deletes an entry, whatever it holds. A key that is loaded stays loaded.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NotFound`], [`Error::File`].
    pub fn delete_file(&self, appname: &str, ident: &str) -> Result<(), Error> {
        self.folder().remove_entry(&EntryName::new(appname, ident)?)
    }

    /// The idents of an application's entries, sorted.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::File`].
    pub fn list(&self, appname: &str) -> Result<Vec<String>, Error> {
        let entries = self.folder().entries(Some(appname))?;
        Ok(entries
            .iter()
            .map(|entry| entry.ident().to_owned())
            .collect())
    }

    /// A client whose connection is not known to be lost.
    pub(crate) fn client(&self) -> Result<Arc<Client>, Error> {
        self.0.link.client()
    }

    /// The modules on which keys of the world can be loaded.
    ///
    /// # Errors
    /// [`Error::NoUsableModule`], [`Error::Connection`].
    pub(crate) fn usable_modules(
        &self,
        client: &Client,
        world: &World,
    ) -> Result<Vec<Module>, Error> {
        let mut modules = modules::survey(client, self.folder(), Some(world))?;
        modules.retain(Module::is_usable);
        match modules.is_empty() {
            true => Err(Error::NoUsableModule { cause: None }),
            false => Ok(modules),
        }
    }

    /// The world that opaque entries belong to; zeros before there is one.
    fn hknso(&self) -> Result<Hash, Error> {
        Ok(World::read(self.folder())?.map_or(ZERO_HASH, |world| world.hknso))
    }

    fn random_bytes(&self, length: usize) -> Result<Vec<u8>, Error> {
        // Module 0 is any module; the second attempt is for a connection that was lost, or a module that just failed.
        let attempt = || {
            let args = GenerateRandomArgs {
                lenbytes: length as u32,
            };
            self.client()?.transact(args).map(|reply| reply.data)
        };
        match attempt() {
            Err(error) if error.is_failover() => attempt(),
            result => result,
        }
    }
}

/// Random bytes asked for at once: the reply stays well below the 8 KiB that every module can send.
const RANDOM_MAX: usize = 4096;
