//! A key in the making: generated or imported in one module, bound to its world, and wrapped in its blobs.

use ncore::codec;
use ncore::profile::WireProfile;
use ncore::types::{
    AdminKey, GenerateKeyArgs, GenerateKeyPairArgs, ImportArgs, KeyData, KeyGenParams,
    KeyMgmtEntType, ModuleCert, NFKMNKF,
};

use crate::acl::{self, WorldHashes};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::keygen::now;
use crate::kmdata::{CertificateRecord, KeyRecord, NvramRecord, RecoveryRecord};
use crate::modules::Module;
use crate::nvram::{InNvram, NvramAuthority};
use crate::session::Session;
use crate::token::LoadedToken;
use crate::world::World;
use crate::{Hash, public};

/// Where a key comes from.
pub(crate) enum Origin<'a> {
    /// Generated as a pair.
    Generated(&'a KeyGenParams),
    /// Generated as a secret key.
    Secret(&'a KeyGenParams),
    /// Imported as a pair, by its private half.
    Imported(&'a KeyData),
}

/// A key that was made, its record without names.
pub(crate) struct Made {
    /// None of a secret key.
    pub(crate) public: Option<KeyData>,
    pub(crate) record: KeyRecord,
}

/// A key in the making: where, under what, and what it is bound to.
pub(crate) struct Making<'a> {
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

/// A key pair, or a secret key, in a module, and the module's word on how it was made.
struct Pair {
    private: KeyId,
    /// None of a secret key.
    public: Option<KeyId>,
    certificate: Option<ModuleCert>,
}

impl<'a> Making<'a> {
    /// On this module, under this token, with a recovery copy if the world has recovery.
    pub(crate) fn new(
        session: &Session,
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
            fips: FipsAuthorisation::obtain(session, client, module.number, world)?,
            bound,
            authority: None,
            blob_list: None,
        })
    }

    /// The same with this in NVRAM.
    pub(crate) fn keeping(
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

    /// Makes the key, and leaves nothing of it in the module.
    pub(crate) fn make(self, origin: &Origin<'_>) -> Result<Made, Error> {
        let made = self.pair(origin).and_then(|pair| {
            let made = self.wrap(&pair);
            // What was made is loaded again from its blobs; the files are what counts.
            self.client.destroy(pair.private);
            if let Some(public) = pair.public {
                self.client.destroy(public);
            }
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
                (reply.keypriv, Some(reply.keypub), reply.certpriv)
            }
            Origin::Secret(params) => {
                let reply = self.fips.transact(GenerateKeyArgs {
                    flags: GenerateKeyArgs::CERTIFY,
                    module,
                    params: (*params).clone(),
                    acl: acl::secret_key(&self.bound),
                    ..GenerateKeyArgs::default()
                })?;
                (reply.key, None, reply.cert)
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
                (private, Some(public), None)
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
        let mut public = None;
        let mut public_blob = None;
        if let Some(key) = pair.public {
            let data = self.client.export(key)?;
            public::check_hash(&data, &info.hash, "the module's public key")?;
            public = Some(data);
            public_blob = Some(self.client.module_blob(key, self.bound.hkm)?);
        }
        let recovery = match self.bound.hkre {
            Some(hkre) => Some(RecoveryRecord {
                hkre,
                blob: self.recovery_blob(pair.private)?,
            }),
            None => None,
        };
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
            flags: self.flags(public.is_some(), recovery.is_some(), generation.is_some()),
            gentime: now(),
            esn: self.module.esn.clone(),
            key_type: info.type_.0,
            cardset: self.bound.hkltu,
            hkm: self.bound.hkm,
            blob,
            public_blob,
            recovery,
            generation,
            nvram,
        };
        Ok(Made { public, record })
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
    fn flags(&self, pair: bool, recoverable: bool, certified: bool) -> u32 {
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
            | set(pair, NFKMNKF::PublicKey)
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
