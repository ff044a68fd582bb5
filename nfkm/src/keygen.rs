//! Making keys: generated or imported in a module, wrapped in blobs, recorded, and loaded everywhere.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ncore::types::{KeyData, KeyGenParams, NFKMNKF};

use crate::client::KeyId;
use crate::error::Error;
use crate::key::Source;
use crate::kmdata::{EntryContent, KeyRecord};
use crate::making::{Made, Making, Origin};
use crate::names::{self, EntryName};
use crate::nvram::{InNvram, NvramAuthority};
use crate::session::Session;
use crate::token::{self, LoadedToken};
use crate::world::World;
use crate::{LoadedKey, hex, public};

/// What a new key is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentRule {
    /// The 40 lower-case hex digits of the key's hash.
    KeyHash,
    /// This ident.
    Fixed(String),
}

/// What a key needs to be loaded.
#[derive(Clone, Debug, Default)]
pub enum Protection {
    /// Nothing but a module of the world.
    #[default]
    Module,
    /// The cards of a set, or a softcard's pass phrase.
    Token(LoadedToken),
}

/// A key pair, or a secret key, to be made and recorded.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The application it belongs to.
    pub appname: String,
    /// Its name there.
    pub ident: IdentRule,
    /// The label people see.
    pub plainname: Option<String>,
    /// Type and size; an import takes both from the key instead.
    pub params: KeyGenParams,
    /// Whether it gets a recovery copy, if the world has recovery.
    pub recovery: bool,
    /// What it needs to be loaded.
    pub protection: Protection,
}

impl Session {
    /// Generates a key pair in a module, records it, and loads it on every usable module.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NoWorld`], [`Error::NoUsableModule`], [`Error::Exists`] for a name that is
    /// taken, [`Error::Status`] when the module refuses.
    pub fn generate_key_pair(&self, request: &NewKey) -> Result<LoadedKey, Error> {
        self.make_loaded(request, &Origin::Generated(&request.params), None)
    }

    /// Generates a secret key in a module and records it; its name.
    ///
    /// # Errors
    /// Those of [`Session::generate_key_pair`].
    pub fn generate_secret_key(&self, request: &NewKey) -> Result<EntryName, Error> {
        let (name, _) = self.make_recorded(request, &Origin::Secret(&request.params), None)?;
        Ok(name)
    }

    /// Imports a private key into a module, records it, and loads it on every usable module.
    ///
    /// # Errors
    /// Those of [`Session::generate_key_pair`]; [`Error::Malformed`] for a key that is not an RSA, DSA or DH private
    /// key, [`Error::WrongKey`] when its parts contradict each other.
    pub fn import_key_pair(&self, request: &NewKey, private: KeyData) -> Result<LoadedKey, Error> {
        self.make_loaded(request, &Origin::Imported(&private), None)
    }

    /// Generates a key pair that is not recorded. It lives as long as the loaded key.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::NoUsableModule`], [`Error::Status`].
    pub fn generate_ephemeral(&self, params: KeyGenParams) -> Result<LoadedKey, Error> {
        let world = World::required(self.folder())?;
        let made = self.make(
            &world,
            &Origin::Generated(&params),
            false,
            &Protection::Module,
            None,
        )?;
        self.load_made(None, made, None)
    }

    /// Imports a private key without recording it. It lives as long as the loaded key.
    ///
    /// # Errors
    /// Those of [`Session::generate_ephemeral`] and [`Session::import_key_pair`].
    pub fn import_ephemeral(&self, private: KeyData) -> Result<LoadedKey, Error> {
        let world = World::required(self.folder())?;
        let made = self.make(
            &world,
            &Origin::Imported(&private),
            false,
            &Protection::Module,
            None,
        )?;
        self.load_made(None, made, None)
    }

    /// Loads a recorded key pair on every usable module.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::WrongContent`], [`Error::NoUsableModule`],
    /// [`Error::WrongKey`], [`Error::Status`]; [`Error::NeedsToken`] for a key that cards or a softcard protect.
    pub fn load_key(&self, appname: &str, ident: &str) -> Result<LoadedKey, Error> {
        self.load_recorded(appname, ident, &Protection::Module)
    }

    /// Loads a recorded key pair that a card set or softcard protects, on the modules on which that is loaded.
    ///
    /// # Errors
    /// Those of [`Session::load_key`]; [`Error::NeedsToken`] for a key that another token protects. A key without
    /// protection is loaded without.
    pub fn load_key_with(
        &self,
        appname: &str,
        ident: &str,
        token: &LoadedToken,
    ) -> Result<LoadedKey, Error> {
        self.load_recorded(appname, ident, &Protection::Token(token.clone()))
    }

    fn load_recorded(
        &self,
        appname: &str,
        ident: &str,
        given: &Protection,
    ) -> Result<LoadedKey, Error> {
        let world = World::required(self.folder())?;
        let name = EntryName::new(appname, ident)?;
        let path = self.folder().entry_path(&name);
        let record = self.key_record(&world, &name)?;
        let token = match (record.cardset, given) {
            (None, _) => None,
            (Some(hkltu), Protection::Token(token)) if token.hash() == hkltu => Some(token.clone()),
            (Some(hkltu), _) if let Some(token) = self.preloaded(&hkltu)? => Some(token),
            (Some(hkltu), _) => {
                let softcard =
                    record.flags & NFKMNKF::Protection_mask.0 == NFKMNKF::ProtectionPassPhrase.0;
                return Err(Error::NeedsToken {
                    path,
                    hkltu,
                    softcard,
                });
            }
        };
        let public = self.public_key(&world, &record, &path.display().to_string())?;
        let source = Source::of(&record);
        LoadedKey::load(self, Some(name), public, record.hash, source, token)
    }

    /// Makes a key pair, records it, and loads it.
    fn make_loaded(
        &self,
        request: &NewKey,
        origin: &Origin<'_>,
        nvram: Option<(&NvramAuthority, InNvram)>,
    ) -> Result<LoadedKey, Error> {
        let (name, made) = self.make_recorded(request, origin, nvram)?;
        let token = request.protection.token().cloned();
        self.load_made(Some(name), made, token)
    }

    /// Loads a key pair that was just made.
    fn load_made(
        &self,
        name: Option<EntryName>,
        made: Made,
        token: Option<LoadedToken>,
    ) -> Result<LoadedKey, Error> {
        let public = made.public.ok_or(NO_PUBLIC_HALF)?;
        let source = Source::of(&made.record);
        LoadedKey::load(self, name, public, made.record.hash, source, token)
    }

    /// Makes a key and records it.
    fn make_recorded(
        &self,
        request: &NewKey,
        origin: &Origin<'_>,
        nvram: Option<(&NvramAuthority, InNvram)>,
    ) -> Result<(EntryName, Made), Error> {
        let world = World::required(self.folder())?;
        names::check_appname(&request.appname)?;
        // A name that is taken is noticed before the key is made, and again when the file is.
        if let IdentRule::Fixed(ident) = &request.ident {
            let path = self
                .folder()
                .entry_path(&EntryName::new(&request.appname, ident)?);
            if path.exists() {
                return Err(Error::Exists { path });
            }
        }
        let mut made = self.make(&world, origin, request.recovery, &request.protection, nvram)?;
        made.record.plainname = request.plainname.clone();
        let ident = match &request.ident {
            IdentRule::KeyHash => hex(&made.record.hash),
            IdentRule::Fixed(ident) => ident.clone(),
        };
        let name = EntryName::new(&request.appname, &ident)?;
        let content = EntryContent::Key(Box::new(made.record.clone()));
        let recorded = match request.ident {
            // The same key imported twice has the same name and is the same key.
            IdentRule::KeyHash => self.folder().replace_entry(&world.hknso, &name, content),
            IdentRule::Fixed(_) => self.folder().create_entry(&world.hknso, &name, content),
        };
        if let (Err(_), Some((authority, _)), Some(areas)) = (&recorded, nvram, &made.record.nvram)
        {
            authority.free_all(areas);
        }
        recorded?;
        Ok((name, made))
    }

    /// Makes a key on the first usable module that can.
    fn make(
        &self,
        world: &World,
        origin: &Origin<'_>,
        recovery: bool,
        protection: &Protection,
        nvram: Option<(&NvramAuthority, InNvram)>,
    ) -> Result<Made, Error> {
        if let Some((authority, what)) = nvram {
            let under = protection
                .token()
                .map(|token| on_same_module(token, authority));
            let recovery = recovery && !what.blob;
            let (client, module) = (authority.client(), authority.module());
            let making = Making::new(self, client, module, world, recovery, under.transpose()?)?;
            return making.keeping(authority, what)?.make(origin);
        }
        let Some(token) = protection.token() else {
            return self.on_some_module(world, |client, module| {
                Making::new(self, client, module, world, recovery, None)?.make(origin)
            });
        };
        let usable = self.usable_modules(token.client(), world)?;
        let mut last = None;
        for (module, under) in token::places(usable, Some(token)) {
            let under = under.map(|id| (token, id));
            let making = Making::new(self, token.client(), &module, world, recovery, under);
            match making.and_then(|making| making.make(origin)) {
                Err(error) if error.is_another_modules() => last = Some(error),
                result => return result,
            }
        }
        match last {
            Some(error @ Error::NeedsFipsCard { .. }) => Err(error),
            last => Err(Error::NoUsableModule {
                cause: last.map(Arc::new),
            }),
        }
    }

    /// The public half of a recorded key, out of its blob.
    fn public_key(&self, world: &World, record: &KeyRecord, place: &str) -> Result<KeyData, Error> {
        let blob = record.public_blob.as_ref().ok_or(NO_PUBLIC_HALF)?;
        let data = self.on_some_module(world, |client, module| {
            let key = client.load_blob(module.number, blob, None)?;
            let data = client.export(key);
            client.destroy(key);
            data
        })?;
        public::check_hash(&data, &record.hash, place)?;
        Ok(data)
    }
}

impl NvramAuthority {
    /// Generates a key pair in the module, with what it keeps in NVRAM, records it, and loads it there. A key whose blob is
    /// in NVRAM gets no recovery copy, which would be a blob on the host.
    ///
    /// # Errors
    /// Those of [`Session::generate_key_pair`]; [`Error::Parameters`] for a token that is not loaded on the module.
    pub fn generate_key_pair(&self, request: &NewKey, what: InNvram) -> Result<LoadedKey, Error> {
        let origin = Origin::Generated(&request.params);
        self.session()
            .make_loaded(request, &origin, Some((self, what)))
    }
}

/// The token that protects a key with something in NVRAM, as it is loaded where the areas are made. Certificates and token
/// must be one client's.
fn on_same_module<'a>(
    token: &'a LoadedToken,
    authority: &NvramAuthority,
) -> Result<(&'a LoadedToken, KeyId), Error> {
    let module = authority.module().number;
    let id = token.on(module);
    let id = id.filter(|_| Arc::ptr_eq(token.client(), authority.client()));
    let text = || format!("the card set or softcard is not loaded on module #{module}");
    id.map(|id| (token, id))
        .ok_or_else(|| Error::Parameters(text()))
}

impl Protection {
    fn token(&self) -> Option<&LoadedToken> {
        match self {
            Protection::Module => None,
            Protection::Token(token) => Some(token),
        }
    }
}

/// The error for a secret key where a key pair is wanted.
const NO_PUBLIC_HALF: Error = Error::Malformed {
    what: "key record without a public blob",
};

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
