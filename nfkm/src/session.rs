//! The session of an application: a client of a hardserver and the Security World in the Key Management Data.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ncore::types::{GenerateRandomArgs, GetLogicalTokenInfoArgs, LogTokenState};

use crate::client::{Client, KeyId};
use crate::environment::Environment;
use crate::error::Error;
use crate::kmdata::{EntryContent, Folder};
use crate::link::Link;
use crate::modules::{self, Module};
use crate::names::EntryName;
use crate::preload::{Preload, PreloadedKey};
use crate::token::{LoadedToken, Member};
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
    /// Which modules keys are made and loaded on.
    meant: Meant,
    /// Tokens that another process has loaded.
    preload: Option<Preload>,
    /// Card files that stand behind commands in a world of FIPS 140 level 3.
    authorising: OnceLock<Vec<PathBuf>>,
}

/// The modules that a session uses. A pool is one where it is asked for, by its number or as such.
#[derive(Clone, Copy, Debug)]
enum Meant {
    Modules,
    Pool,
    Only(u32),
}

impl Session {
    /// Connects to the hardserver. There need not be a world yet.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::SymbolicLink`], [`Error::Connection`], [`Error::Status`].
    pub fn open(environment: &Environment) -> Result<Session, Error> {
        Session::connect(environment, Meant::Modules)
    }

    /// Connects to the hardserver, to use its pool of modules as if that were one (HSM Pool mode): a key is loaded once,
    /// and its members are the hardserver's concern. Only keys under module protection can be used, and without a pool
    /// there is no usable module.
    ///
    /// # Errors
    /// Those of [`Session::open`].
    pub fn open_pool(environment: &Environment) -> Result<Session, Error> {
        Session::connect(environment, Meant::Pool)
    }

    /// The same, for one that makes and loads keys on one module alone, if a number is given.
    ///
    /// # Errors
    /// Those of [`Session::open`].
    pub fn open_on(environment: &Environment, only: Option<u32>) -> Result<Session, Error> {
        Session::connect(environment, only.map_or(Meant::Modules, Meant::Only))
    }

    fn connect(environment: &Environment, meant: Meant) -> Result<Session, Error> {
        let folder = environment.folder()?;
        let preload = environment.preload()?;
        let link = Link::open(environment.endpoint()?, preload.as_ref())?;
        Ok(Session(Arc::new(Inner {
            folder,
            link,
            meant,
            preload,
            authorising: OnceLock::new(),
        })))
    }

    /// The tokens that another process keeps loaded for this one; None when there is no such process, or no more.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn preload(&self) -> Result<Option<&Preload>, Error> {
        let client = self.client()?.id();
        Ok(self
            .0
            .preload
            .as_ref()
            .filter(|preload| preload.client == client))
    }

    /// A preloaded token.
    pub(crate) fn preloaded(&self, hkltu: &Hash) -> Result<Option<LoadedToken>, Error> {
        let Some(preload) = self.preload()? else {
            return Ok(None);
        };
        let tokens = preload.tokens.iter().filter(|token| token.hkltu == *hkltu);
        let members: Vec<Member> = tokens
            .clone()
            .map(|token| Member::new(token.module, token.id, None))
            .collect();
        let softcard = tokens.map(|token| token.softcard).next();
        let client = self.client()?;
        Ok(softcard.map(|softcard| LoadedToken::borrowed(client, *hkltu, softcard, members)))
    }

    /// The token of a card set or softcard that another process keeps loaded on the module; None when there is none, or it is
    /// of no more use: the module was cleared, the card of a set that is not persistent has left, or its time is over.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn preloaded_token(&self, hkltu: &Hash, module: u32) -> Result<Option<LoadedToken>, Error> {
        let Some(token) = self.preloaded(hkltu)? else {
            return Ok(None);
        };
        let Some(idkt) = token.on(module) else {
            return Ok(None);
        };
        match self.client()?.transact(GetLogicalTokenInfoArgs { idkt }) {
            Ok(info) => {
                let is_good = info.hkt == *hkltu && info.state == LogTokenState::Present;
                Ok(Some(token).filter(|_| is_good))
            }
            Err(Error::Status { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names card files that prove to a world of FIPS 140 level 3 that an operator is there, where no slot of the module
    /// has a card of it. Only the first call counts, for all clones of the session.
    pub fn authorise_with(&self, files: Vec<PathBuf>) {
        let _ = self.0.authorising.set(files);
    }

    /// Those files.
    pub(crate) fn authorising_files(&self) -> &[PathBuf] {
        self.0.authorising.get().map_or(&[], Vec::as_slice)
    }

    /// A preloaded private key on a module.
    pub(crate) fn preloaded_key(&self, hash: &Hash, module: u32) -> Result<Option<KeyId>, Error> {
        let Some(preload) = &self.0.preload else {
            return Ok(None);
        };
        let is_it = |key: &&PreloadedKey| (key.hash, key.module) == (*hash, module);
        match preload.keys.iter().find(is_it) {
            Some(key) if self.preload()?.is_some() => Ok(Some(key.id)),
            _ => Ok(None),
        }
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
        let modules =
            self.connected(|client| modules::survey(client, self.folder(), Some(&world)))?;
        Ok(WorldInfo { world, modules })
    }

    /// Whether keys of the world can be made and used now, on a module or on the pool, as the session was opened.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`], [`Error::File`], [`Error::NoUsableModule`], [`Error::Connection`].
    pub fn check_usable(&self) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        self.connected(|client| self.usable_modules(client, &world))
            .map(drop)
    }

    /// Whether the world is of FIPS 140 level 3.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`].
    pub fn is_strict_fips(&self) -> Result<bool, Error> {
        Ok(World::required(self.folder())?.is_strict_fips())
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
    ///
    /// # Errors
    /// [`Error::Connection`], when the connection was lost and cannot be made again.
    pub fn client(&self) -> Result<Arc<Client>, Error> {
        self.0.link.client()
    }

    /// The modules on which keys of the world can be loaded, but for a pool, whose members are among them; or the pool
    /// or the one module alone, if that is what the session uses.
    ///
    /// # Errors
    /// [`Error::NoUsableModule`], [`Error::NoSuchModule`], [`Error::Connection`].
    pub(crate) fn usable_modules(
        &self,
        client: &Client,
        world: &World,
    ) -> Result<Vec<Module>, Error> {
        let mut modules = modules::survey(client, self.folder(), Some(world))?;
        modules.retain(|module| match self.0.meant {
            Meant::Modules => !module.is_pool(),
            Meant::Pool => module.is_pool(),
            Meant::Only(number) => module.number == number,
        });
        if modules.iter().any(Module::is_usable) {
            modules.retain(Module::is_usable);
            return Ok(modules);
        }
        match (self.0.meant, modules.is_empty()) {
            (_, false) => Err(none_usable(&modules)),
            (Meant::Modules, true) => Err(not_usable("the hardserver has none".to_owned())),
            (Meant::Pool, true) => Err(not_usable("there is no HSM pool".to_owned())),
            (Meant::Only(module), true) => Err(Error::NoSuchModule { module }),
        }
    }

    /// The usable module with this number, for what a pool cannot do.
    ///
    /// # Errors
    /// [`Error::NoSuchModule`], [`Error::IsPool`], [`Error::NoUsableModule`] when it is not usable, [`Error::Connection`].
    pub(crate) fn usable_module(
        &self,
        client: &Client,
        world: &World,
        number: u32,
    ) -> Result<Module, Error> {
        let modules = modules::survey(client, self.folder(), Some(world))?;
        let module = modules
            .into_iter()
            .find(|module| module.number == number)
            .ok_or(Error::NoSuchModule { module: number })?;
        if module.is_pool() {
            return Err(Error::IsPool { module: number });
        }
        match module.is_usable() {
            true => Ok(module),
            false => Err(none_usable(&[module])),
        }
    }

    /// Does something on the first usable module that can. All are tried twice, since a module that was just reset loses
    /// the command that it had, and the connection may turn out to be lost.
    ///
    /// # Errors
    /// [`Error::NoUsableModule`] with the last failure, [`Error::NeedsFipsCard`] when a card in some module is all that is
    /// missing, and whatever `action` meets that another module cannot help.
    pub(crate) fn on_some_module<T>(
        &self,
        world: &World,
        action: impl Fn(&Client, &Module) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut last = None;
        for _ in 0..2 {
            let client = self.client()?;
            let modules = match self.usable_modules(&client, world) {
                Err(error) if error.is_failover() => {
                    last = Some(Arc::new(error));
                    continue;
                }
                modules => modules?,
            };
            let mut needs_card = None;
            for module in &modules {
                match action(&client, module) {
                    Err(error @ Error::NeedsFipsCard { .. }) => needs_card = Some(error),
                    Err(error) if error.is_failover() => last = Some(Arc::new(error)),
                    result => return result,
                }
            }
            if let Some(error) = needs_card {
                return Err(error);
            }
        }
        Err(Error::NoUsableModule { cause: last })
    }

    /// Does something with a connected client, again if the connection turns out to be lost.
    fn connected<T>(&self, action: impl Fn(&Client) -> Result<T, Error>) -> Result<T, Error> {
        match action(&*self.client()?) {
            Err(error) if error.is_failover() => action(&*self.client()?),
            result => result,
        }
    }

    /// The world that opaque entries belong to; zeros before there is one.
    fn hknso(&self) -> Result<Hash, Error> {
        Ok(World::read(self.folder())?.map_or(ZERO_HASH, |world| world.hknso))
    }

    fn random_bytes(&self, length: usize) -> Result<Vec<u8>, Error> {
        // The command names no module: the hardserver chooses one, and another if the first has failed since.
        let args = GenerateRandomArgs {
            lenbytes: length as u32,
        };
        self.connected(|client| Ok(client.transact(args.clone())?.data))
    }
}

/// No module is usable, for what is the matter with each.
fn none_usable(modules: &[Module]) -> Error {
    let reasons: Vec<String> = modules.iter().filter_map(Module::why_not_usable).collect();
    not_usable(reasons.join("; "))
}

fn not_usable(why: String) -> Error {
    Error::NoUsableModule {
        cause: Some(Arc::new(Error::NotUsable(why))),
    }
}

/// Random bytes asked for at once: the reply stays well below the 8 KiB that every module can send.
const RANDOM_MAX: usize = 4096;
