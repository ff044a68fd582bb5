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
use crate::kmdata::{CertificateRecord, EntryContent, KeyRecord, RecoveryRecord};
use crate::modules::Module;
use crate::names::{self, EntryName};
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
        self.make_recorded(request, &Origin::Generated(&request.params))
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
        self.make_recorded(request, &Origin::Imported(&private))
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
        )?;
        LoadedKey::load(
            self,
            None,
            made.public,
            made.record.hash,
            made.record.blob,
            None,
        )
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
        )?;
        LoadedKey::load(
            self,
            None,
            made.public,
            made.record.hash,
            made.record.blob,
            None,
        )
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
        let record = match self.folder().entry(&world.hknso, &name)? {
            EntryContent::Key(record) => record,
            EntryContent::Opaque(_) => return Err(Error::WrongContent { path, opaque: true }),
        };
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
        LoadedKey::load(self, Some(name), public, record.hash, record.blob, token)
    }

    fn make_recorded(&self, request: &NewKeyPair, origin: &Origin<'_>) -> Result<LoadedKey, Error> {
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
        let mut made = self.make(&world, origin, request.recovery, &request.protection)?;
        made.record.plainname = request.plainname.clone();
        let ident = match &request.ident {
            IdentRule::KeyHash => hex(&made.record.hash),
            IdentRule::Fixed(ident) => ident.clone(),
        };
        let name = EntryName::new(&request.appname, &ident)?;
        let blob = made.record.blob.clone();
        let hash = made.record.hash;
        let content = EntryContent::Key(Box::new(made.record));
        match request.ident {
            // The same key imported twice has the same name and is the same key.
            IdentRule::KeyHash => self.folder().replace_entry(&world.hknso, &name, content)?,
            IdentRule::Fixed(_) => self.folder().create_entry(&world.hknso, &name, content)?,
        }
        let token = request.protection.token().cloned();
        LoadedKey::load(self, Some(name), made.public, hash, blob, token)
    }

    /// Makes a key on the first usable module that can.
    fn make(
        &self,
        world: &World,
        origin: &Origin<'_>,
        recovery: bool,
        protection: &Protection,
    ) -> Result<Made, Error> {
        let Some(token) = protection.token() else {
            return self.on_some_module(world, |client, module| {
                make_on(client, module, world, origin, recovery, None)
            });
        };
        let usable = self.usable_modules(token.client(), world)?;
        let mut last = None;
        for (module, under) in token::places(usable, Some(token)) {
            let under = under.map(|id| (token, id));
            match make_on(token.client(), &module, world, origin, recovery, under) {
                Err(error) if error.is_failover() => last = Some(Arc::new(error)),
                result => return result,
            }
        }
        Err(Error::NoUsableModule { cause: last })
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

fn make_on(
    client: &Client,
    module: &Module,
    world: &World,
    origin: &Origin<'_>,
    recovery: bool,
    under: Option<(&LoadedToken, KeyId)>,
) -> Result<Made, Error> {
    let recovery_key = |role| world.hash(role).filter(|_| recovery);
    let bound = WorldHashes {
        hknso: world.hknso,
        hkm: world.hkm(),
        hkre: recovery_key(AdminKey::RE),
        hkra: recovery_key(AdminKey::RA),
        hkltu: under.map(|(token, _)| token.hash()),
    };
    let fips = FipsAuthorisation::obtain(client, module.number, world)?;
    let (private, public, certificate) = match origin {
        Origin::Generated(params) => {
            let reply = fips.transact(GenerateKeyPairArgs {
                flags: GenerateKeyPairArgs::CERTIFY,
                module: module.number,
                params: (*params).clone(),
                aclpriv: acl::private_key(&bound),
                aclpub: acl::public_key(&bound),
                ..GenerateKeyPairArgs::default()
            })?;
            (reply.keypriv, reply.keypub, reply.certpriv)
        }
        Origin::Imported(data) => {
            let public = public::public_half(client, data)?;
            let import = |data: &KeyData, acl| {
                let args = ImportArgs {
                    module: module.number,
                    data: data.clone(),
                    acl,
                    ..ImportArgs::default()
                };
                fips.transact(args).map(|reply| reply.key)
            };
            let private = import(data, acl::private_key(&bound))?;
            let public = import(&public, acl::public_key(&bound))
                .inspect_err(|_| client.destroy(private))?;
            (private, public, None)
        }
    };
    let pair = Pair {
        private,
        public,
        certificate,
    };
    let made = wrap(client, module, world, &bound, pair, under, &fips);
    // What was made is loaded again from its blobs; the files are what counts.
    client.destroy(private);
    client.destroy(public);
    made
}

/// A key pair in a module, and the module's word on how it was made.
struct Pair {
    private: KeyId,
    public: KeyId,
    certificate: Option<ModuleCert>,
}

/// Reads a key back and wraps it in its blobs.
fn wrap(
    client: &Client,
    module: &Module,
    world: &World,
    bound: &WorldHashes,
    pair: Pair,
    under: Option<(&LoadedToken, KeyId)>,
    fips: &FipsAuthorisation<'_>,
) -> Result<Made, Error> {
    let Pair {
        private,
        public,
        certificate,
    } = pair;
    let info = client.key_info(private)?;
    let data = client.export(public)?;
    public::check_hash(&data, &info.hash, "the module's public key")?;
    let recovery = match bound.hkre {
        Some(hkre) => Some(RecoveryRecord {
            hkre,
            blob: recovery_blob(client, module, world, private, fips)?,
        }),
        None => None,
    };
    let recoverable = if recovery.is_some() {
        NFKMNKF::RecoveryEnabled
    } else {
        NFKMNKF::RecoveryDisabled
    };
    let certified = if certificate.is_some() {
        NFKMNKF::HasCertificate.0
    } else {
        0
    };
    let (protection, blob) = match under {
        None => (
            NFKMNKF::ProtectionModule,
            client.module_blob(private, bound.hkm)?,
        ),
        Some((token, id)) => (
            if token.is_softcard() {
                NFKMNKF::ProtectionPassPhrase
            } else {
                NFKMNKF::ProtectionCardSet
            },
            client.token_blob(private, id)?,
        ),
    };
    let record = KeyRecord {
        plainname: None,
        hash: info.hash,
        flags: recoverable.0 | certified | protection.0 | NFKMNKF::PublicKey.0,
        gentime: now(),
        esn: module.esn.clone(),
        key_type: info.type_.0,
        cardset: bound.hkltu,
        hkm: bound.hkm,
        blob,
        public_blob: Some(client.module_blob(public, bound.hkm)?),
        recovery,
        generation: certificate.map(generation_record).transpose()?,
    };
    Ok(Made {
        public: data,
        record,
    })
}

/// Wraps a key under the world's KRE, whose public half the world file has.
fn recovery_blob(
    client: &Client,
    module: &Module,
    world: &World,
    private: KeyId,
    fips: &FipsAuthorisation<'_>,
) -> Result<Vec<u8>, Error> {
    let acl = acl::recovery_key();
    let key = public::import_admin(fips, module.number, world, AdminKey::RE, acl)?;
    let blob = client.indirect_blob(private, key, acl::RECOVERY_MECH);
    client.destroy(key);
    blob
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
