//! Making keys: generated or imported in a module, wrapped in blobs, recorded, and loaded everywhere.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ncore::codec;
use ncore::profile::WireProfile;
use ncore::types::{
    AdminKey, GenerateKeyPairArgs, ImportArgs, KeyData, KeyGenParams, KeyMgmtEntType, ModuleCert,
    NFKMNKF,
};

use crate::acl::{self, WorldHashes};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::key::Source;
use crate::kmdata::{CertificateRecord, EntryContent, KeyRecord, NvramRecord, RecoveryRecord};
use crate::modules::Module;
use crate::names::{self, EntryName};
use crate::nvram::{InNvram, NvramAuthority};
use crate::session::Session;
use crate::token::{self, LoadedToken};
use crate::world::World;
use crate::{Hash, LoadedKey, hex, public};

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

/// A key pair to be made and recorded.
#[derive(Clone, Debug)]
pub struct NewKeyPair {
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
    pub fn generate_key_pair(&self, request: &NewKeyPair) -> Result<LoadedKey, Error> {
        self.make_recorded(request, &Origin::Generated(&request.params), None)
    }

    /// Imports a private key into a module, records it, and loads it on every usable module.
    ///
    /// # Errors
    /// Those of [`Session::generate_key_pair`]; [`Error::Malformed`] for a key that is not an RSA, DSA or DH private
    /// key, [`Error::WrongKey`] when its parts contradict each other.
    pub fn import_key_pair(
        &self,
        request: &NewKeyPair,
        private: KeyData,
    ) -> Result<LoadedKey, Error> {
        self.make_recorded(request, &Origin::Imported(&private), None)
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
        let source = Source::of(&made.record);
        LoadedKey::load(self, None, made.public, made.record.hash, source, None)
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
        let source = Source::of(&made.record);
        LoadedKey::load(self, None, made.public, made.record.hash, source, None)
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

    fn make_recorded(
        &self,
        request: &NewKeyPair,
        origin: &Origin<'_>,
        nvram: Option<(&NvramAuthority, InNvram)>,
    ) -> Result<LoadedKey, Error> {
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
        let source = Source::of(&made.record);
        let hash = made.record.hash;
        let areas = made.record.nvram.clone();
        let content = EntryContent::Key(Box::new(made.record));
        let recorded = match request.ident {
            // The same key imported twice has the same name and is the same key.
            IdentRule::KeyHash => self.folder().replace_entry(&world.hknso, &name, content),
            IdentRule::Fixed(_) => self.folder().create_entry(&world.hknso, &name, content),
        };
        if let (Err(_), Some((authority, _)), Some(areas)) = (&recorded, nvram, areas) {
            authority.free_all(&areas);
        }
        recorded?;
        let token = request.protection.token().cloned();
        LoadedKey::load(self, Some(name), made.public, hash, source, token)
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
            let making = Making::new(client, module, world, recovery, under.transpose()?)?;
            return making.keeping(authority, what)?.make(origin);
        }
        let Some(token) = protection.token() else {
            return self.on_some_module(world, |client, module| {
                Making::new(client, module, world, recovery, None)?.make(origin)
            });
        };
        let usable = self.usable_modules(token.client(), world)?;
        let mut last = None;
        for (module, under) in token::places(usable, Some(token)) {
            let under = under.map(|id| (token, id));
            let making = Making::new(token.client(), &module, world, recovery, under);
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
        let blob = record.public_blob.as_ref().ok_or(Error::Malformed {
            what: "key record without a public blob",
        })?;
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
    pub fn generate_key_pair(
        &self,
        request: &NewKeyPair,
        what: InNvram,
    ) -> Result<LoadedKey, Error> {
        let origin = Origin::Generated(&request.params);
        self.session()
            .make_recorded(request, &origin, Some((self, what)))
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

/// Where a key comes from.
enum Origin<'a> {
    Generated(&'a KeyGenParams),
    Imported(&'a KeyData),
}

/// A key that was made, its record without names.
struct Made {
    public: KeyData,
    record: KeyRecord,
}

/// A key in the making: where, under what, and what it is bound to.
struct Making<'a> {
    client: &'a Client,
    module: &'a Module,
    world: &'a World,
    under: Option<(&'a LoadedToken, KeyId)>,
    fips: FipsAuthorisation<'a>,
    bound: WorldHashes,
    /// Who makes its areas in NVRAM.
    authority: Option<&'a NvramAuthority>,
    /// The template key with the list of its blob's area.
    blob_list: Option<KeyId>,
}

/// A key pair in a module, and the module's word on how it was made.
struct Pair {
    private: KeyId,
    public: KeyId,
    certificate: Option<ModuleCert>,
}

impl<'a> Making<'a> {
    fn new(
        client: &'a Client,
        module: &'a Module,
        world: &'a World,
        recovery: bool,
        under: Option<(&'a LoadedToken, KeyId)>,
    ) -> Result<Making<'a>, Error> {
        let recovery_key = |role| world.hash(role).filter(|_| recovery);
        let bound = WorldHashes {
            hknso: world.hknso,
            hkm: world.hkm(),
            hkre: recovery_key(AdminKey::RE),
            hkra: recovery_key(AdminKey::RA),
            hkltu: under.map(|(token, _)| token.hash()),
            blob_list: None,
            counter: None,
        };
        Ok(Making {
            client,
            module,
            world,
            under,
            fips: FipsAuthorisation::obtain(client, module.number, world)?,
            bound,
            authority: None,
            blob_list: None,
        })
    }

    /// The same with this in NVRAM.
    fn keeping(
        mut self,
        authority: &'a NvramAuthority,
        what: InNvram,
    ) -> Result<Making<'a>, Error> {
        self.authority = Some(authority);
        if what.counter {
            self.bound.counter = Some(authority.counter_name()?);
        }
        if what.blob {
            let (key, hash) = authority.blob_list(&self.fips)?;
            self.blob_list = Some(key);
            self.bound.blob_list = Some(hash);
        }
        Ok(self)
    }

    fn make(self, origin: &Origin<'_>) -> Result<Made, Error> {
        let made = self.pair(origin).and_then(|pair| {
            let made = self.wrap(&pair);
            // What was made is loaded again from its blobs; the files are what counts.
            self.client.destroy(pair.private);
            self.client.destroy(pair.public);
            made
        });
        if let Some(list) = self.blob_list {
            self.client.destroy(list);
        }
        made
    }

    fn pair(&self, origin: &Origin<'_>) -> Result<Pair, Error> {
        let module = self.module.number;
        let (private, public, certificate) = match origin {
            Origin::Generated(params) => {
                let reply = self.fips.transact(GenerateKeyPairArgs {
                    flags: GenerateKeyPairArgs::CERTIFY,
                    module,
                    params: (*params).clone(),
                    aclpriv: acl::private_key(&self.bound),
                    aclpub: acl::public_key(&self.bound),
                    ..GenerateKeyPairArgs::default()
                })?;
                (reply.keypriv, reply.keypub, reply.certpriv)
            }
            Origin::Imported(data) => {
                let public = public::public_half(self.client, data)?;
                let import = |data: &KeyData, acl| {
                    let args = ImportArgs {
                        module,
                        data: data.clone(),
                        acl,
                        ..ImportArgs::default()
                    };
                    self.fips.transact(args).map(|reply| reply.key)
                };
                let private = import(data, acl::private_key(&self.bound))?;
                let public = import(&public, acl::public_key(&self.bound))
                    .inspect_err(|_| self.client.destroy(private))?;
                (private, public, None)
            }
        };
        Ok(Pair {
            private,
            public,
            certificate,
        })
    }

    /// Reads a key back and wraps it in its blobs.
    fn wrap(&self, pair: &Pair) -> Result<Made, Error> {
        let info = self.client.key_info(pair.private)?;
        let data = self.client.export(pair.public)?;
        public::check_hash(&data, &info.hash, "the module's public key")?;
        let recovery = match self.bound.hkre {
            Some(hkre) => Some(RecoveryRecord {
                hkre,
                blob: self.recovery_blob(pair.private)?,
            }),
            None => None,
        };
        let public_blob = self.client.module_blob(pair.public, self.bound.hkm)?;
        let generation = pair
            .certificate
            .clone()
            .map(generation_record)
            .transpose()?;
        // Areas come last, so that nothing but what is done with them can leave them behind.
        let (blob, nvram) = self.private_blob(pair.private, &info.hash)?;
        let record = KeyRecord {
            plainname: None,
            hash: info.hash,
            flags: self.flags(recovery.is_some(), generation.is_some()),
            gentime: now(),
            esn: self.module.esn.clone(),
            key_type: info.type_.0,
            cardset: self.bound.hkltu,
            hkm: self.bound.hkm,
            blob,
            public_blob: Some(public_blob),
            recovery,
            generation,
            nvram,
        };
        Ok(Made {
            public: data,
            record,
        })
    }

    /// The blob of the private key, empty when it is in NVRAM, and what is there.
    fn private_blob(
        &self,
        key: KeyId,
        hash: &Hash,
    ) -> Result<(Vec<u8>, Option<NvramRecord>), Error> {
        let under = self.under.map(|(_, id)| id);
        let Some(authority) = self.authority else {
            let blob = match under {
                None => self.client.module_blob(key, self.bound.hkm)?,
                Some(id) => self.client.token_blob(key, id)?,
            };
            return Ok((blob, None));
        };
        let mut areas = NvramRecord {
            esn: self.module.esn.clone(),
            blob: None,
            counter: None,
        };
        if let Some(counter) = self.bound.counter {
            authority.allocate_counter(&counter, hash)?;
            areas.counter = Some(counter);
        }
        let blob = match (self.blob_list, under) {
            (Some(list), under) => {
                let stored = authority.store_blob(key, hash, list, under);
                stored.map(|file| {
                    areas.blob = Some(file);
                    Vec::new()
                })
            }
            (None, None) => self.client.module_blob(key, self.bound.hkm),
            (None, Some(id)) => self.client.token_blob(key, id),
        };
        match blob {
            Ok(blob) => {
                let none = areas.blob.is_none() && areas.counter.is_none();
                Ok((blob, (!none).then_some(areas)))
            }
            Err(error) => {
                authority.free_all(&areas);
                Err(error)
            }
        }
    }

    /// What the record says of the key in one word.
    fn flags(&self, recoverable: bool, certified: bool) -> u32 {
        let recovery = match recoverable {
            true => NFKMNKF::RecoveryEnabled,
            false => NFKMNKF::RecoveryDisabled,
        };
        let protection = match self.under {
            None => NFKMNKF::ProtectionModule,
            Some((token, _)) if token.is_softcard() => NFKMNKF::ProtectionPassPhrase,
            Some(_) => NFKMNKF::ProtectionCardSet,
        };
        let set = |condition, flag: NFKMNKF| if condition { flag.0 } else { 0 };
        recovery.0
            | protection.0
            | NFKMNKF::PublicKey.0
            | set(certified, NFKMNKF::HasCertificate)
            | set(self.blob_list.is_some(), NFKMNKF::NVMemBlob)
    }

    /// Wraps a key under the world's KRE, whose public half the world file has.
    fn recovery_blob(&self, private: KeyId) -> Result<Vec<u8>, Error> {
        let acl = acl::recovery_key();
        let (module, role) = (self.module.number, AdminKey::RE);
        let key = public::import_admin(&self.fips, module, self.world, role, acl)?;
        let blob = self.client.indirect_blob(private, key, acl::RECOVERY_MECH);
        self.client.destroy(key);
        blob
    }
}

fn generation_record(certificate: ModuleCert) -> Result<CertificateRecord, Error> {
    let signature =
        codec::to_bytes(&certificate.signature, &WireProfile::DEFAULT).map_err(|_| {
            Error::Malformed {
                what: "key generation certificate",
            }
        })?;
    Ok(CertificateRecord {
        entry: KeyMgmtEntType::CertGenKA.0,
        message: certificate.modcertmsg,
        signature,
    })
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
