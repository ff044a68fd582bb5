//! Whether a recorded key is what its file says: made by a module of the world, and bound to the world by its ACL
//! (SECURITY-WORLD section 13, PROTOCOL section 4.3).

use ncore::Status;
use ncore::codec::{Decode, DecodeError, Reader};
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, ActDetails, ActMakeBlobDetails, ActOpPermissionsDetails, AdminKey, GetACLArgs, GetKMLArgs,
    KeyData, KeyGenParams, KeyMgmtEntType, PermissionGroup,
};

use crate::acl;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::key::Source;
use crate::kmdata::{CertificateRecord, EntryContent, KeyRecord};
use crate::modules::{self, Module};
use crate::session::Session;
use crate::world::World;
use crate::world::admin::certificates;
use crate::{EntryName, Hash, hex, public};

/// What was found out about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKey {
    /// Its file.
    pub record: KeyRecord,
    /// Its public half; None for a secret key.
    pub public: Option<KeyData>,
    /// The ACL that its certificate says it was made with.
    pub made_with: Option<ACL>,
    /// The ACL of the loaded key; None for a key that cards or a softcard protect.
    pub loaded_with: Option<ACL>,
    /// Why no module can be asked for its word that it made the key so: it was imported, or the module is not there, or
    /// has been initialised since.
    pub uncertified: Option<String>,
    /// What contradicts the file or weakens the key, a sentence each.
    pub problems: Vec<String>,
}

impl Session {
    /// Checks a key against the world.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::NotFound`], [`Error::Corrupt`], [`Error::Foreign`], [`Error::WrongContent`] for an
    /// application's data, [`Error::NoUsableModule`], [`Error::NeedsFipsCard`], [`Error::Status`],
    /// [`Error::Connection`].
    pub fn verify_key(&self, name: &EntryName) -> Result<VerifiedKey, Error> {
        let world = World::required(self.folder())?;
        let EntryContent::Key(record) = self.folder().entry(&world.hknso, name)? else {
            let path = self.folder().entry_path(name);
            return Err(Error::WrongContent { path, opaque: true });
        };
        let mut verified = VerifiedKey {
            record: *record,
            public: None,
            made_with: None,
            loaded_with: None,
            uncertified: None,
            problems: Vec::new(),
        };
        self.check_blobs(&world, &mut verified)?;
        self.check_generation(&world, &mut verified)?;
        let rules = Rules {
            hkm: world.hkm(),
            hkre: world.hash(AdminKey::RE),
            hkra: world.hash(AdminKey::RA),
            hknso: world.hknso,
        };
        for acl in [&verified.made_with, &verified.loaded_with]
            .into_iter()
            .flatten()
        {
            for problem in rules.problems(acl) {
                if !verified.problems.contains(&problem) {
                    verified.problems.push(problem);
                }
            }
        }
        Ok(verified)
    }

    /// Loads what can be loaded without cards, and looks whether it is the key of the file.
    fn check_blobs(&self, world: &World, verified: &mut VerifiedKey) -> Result<(), Error> {
        let record = verified.record.clone();
        let mut problems = Vec::new();
        let recovery = record.recovery.as_ref().map(|recovery| recovery.hkre);
        if recovery.is_some_and(|hkre| Some(hkre) != world.hash(AdminKey::RE)) {
            problems.push("its recovery copy is not under the world's recovery key".to_owned());
        }
        if record.hkm != world.hkm() {
            problems.push("its blobs are not under the world's module key".to_owned());
        }
        if let Some(blob) = &record.public_blob {
            let public = self.on_some_module(world, |client, module| {
                let key = match client.load_blob(module.number, blob, None) {
                    // Another module may do better; a blob that none opens is the key's fault.
                    Err(error @ Error::Status { .. }) if !error.is_failover() => return Ok(None),
                    key => key?,
                };
                let data = client.export(key);
                client.destroy(key);
                data.map(Some)
            })?;
            match &public {
                Some(data) if public::check_hash(data, &record.hash, "").is_ok() => {}
                Some(_) => problems.push("its public key has another hash".to_owned()),
                None => problems.push("its public blob cannot be loaded".to_owned()),
            }
            verified.public = public;
        }
        if record.cardset.is_none() {
            match self.look_at_private(world, &record)? {
                Ok((hash, acl)) => {
                    if hash != record.hash {
                        problems.push(format!("its blob holds the key with hash {}", hex(&hash)));
                    }
                    verified.loaded_with = Some(acl);
                }
                Err(problem) => problems.push(problem),
            }
        }
        verified.problems.extend(problems);
        Ok(())
    }

    /// The hash and ACL of a private key without a token, or why it cannot be loaded.
    fn look_at_private(
        &self,
        world: &World,
        record: &KeyRecord,
    ) -> Result<Result<(Hash, ACL), String>, Error> {
        let source = Source::of(record);
        let looked = |client: &Client, module: &Module| match source.load(client, module, None) {
            Ok(key) => {
                let looked = look(client, key);
                client.destroy(key);
                looked.map(Ok)
            }
            Err(error) if error.is_failover() => Err(error),
            Err(error @ Error::NvramErased { .. }) => Ok(Err(error.to_string())),
            Err(Error::Status { .. }) => Ok(Err("its blob cannot be loaded".to_owned())),
            Err(error) => Err(error),
        };
        let Some(kept) = record.nvram.as_ref().filter(|kept| kept.blob.is_some()) else {
            return self.on_some_module(world, looked);
        };
        let client = self.client()?;
        let modules = self.usable_modules(&client, world)?;
        match modules.iter().find(|module| module.esn == kept.esn) {
            Some(module) => looked(&client, module),
            None => Ok(Err(format!(
                "its blob is in the NVRAM of the module {}, which is not there",
                kept.esn
            ))),
        }
    }

    /// Reads what the module that made the key said about that, if it can be asked whether it said so.
    fn check_generation(&self, world: &World, verified: &mut VerifiedKey) -> Result<(), Error> {
        let Some(certificate) = &verified.record.generation else {
            verified.uncertified = Some("it has no key generation certificate".to_owned());
            return Ok(());
        };
        let said = match Said::read(&certificate.message) {
            Ok(said) => said,
            Err(_) => {
                let problem = "its key generation certificate makes no sense";
                verified.problems.push(problem.to_owned());
                return Ok(());
            }
        };
        if said.hash != verified.record.hash {
            let problem = "its key generation certificate is another key's";
            verified.problems.push(problem.to_owned());
        }
        verified.made_with = Some(said.acl);
        let client = self.client()?;
        let esn = &verified.record.esn;
        let maker = modules::survey(&client, self.folder(), Some(world))?
            .into_iter()
            .find(|module| !module.is_pool() && module.esn == *esn);
        let Some(maker) = maker.as_ref().filter(|module| module.is_usable()) else {
            let why = maker.and_then(|module| module.why_not_usable());
            verified.uncertified = Some(match why {
                Some(why) => format!("{why}; it made the key"),
                None => format!("the module {esn}, which made it, is not there"),
            });
            return Ok(());
        };
        let programmed = maker.record.as_ref().map(|record| record.programmed);
        if programmed.is_some_and(|programmed| programmed > verified.record.gentime) {
            verified.uncertified = Some(format!(
                "the module {esn}, which made it, has been initialised since"
            ));
            return Ok(());
        }
        match check_word(self, &client, maker, world, certificate)? {
            Word::Good => {}
            Word::Unknown(why) => verified.uncertified = Some(why),
            Word::Bad(problem) => verified.problems.push(problem),
        }
        Ok(())
    }
}

/// Hash and ACL of a loaded key.
fn look(client: &Client, key: KeyId) -> Result<(Hash, ACL), Error> {
    let hash = client.key_info(key)?.hash;
    let args = GetACLArgs {
        key,
        ..GetACLArgs::default()
    };
    Ok((hash, client.transact(args)?.acl.0))
}

/// What became of asking whether a module made a key.
enum Word {
    Good,
    Unknown(String),
    Bad(String),
}

/// Checks the chain from KMC, which is the world's, over the module's KML to what it says about the key.
fn check_word(
    session: &Session,
    client: &Client,
    maker: &Module,
    world: &World,
    certificate: &CertificateRecord,
) -> Result<Word, Error> {
    let unknown = |why: &str| {
        Ok(Word::Unknown(format!(
            "the module {}, which made it, {why}",
            maker.esn
        )))
    };
    let Some(recorded) = maker.record.as_ref().and_then(|record| record.kml.as_ref()) else {
        return unknown("has no certified signing key");
    };
    let kml = match client.transact(GetKMLArgs {
        module: maker.number,
    }) {
        Ok(reply) => reply.idka,
        Err(Error::Status { .. }) => return unknown("does not show its signing key"),
        Err(error) => return Err(error),
    };
    let hash = client.key_info(kml)?.hash;
    if hash != recorded.hash {
        client.destroy(kml);
        return unknown("has another signing key than its file says");
    }
    let word = (|| {
        let (entry, message): (KeyMgmtEntType, _) =
            certificates::module_signing_key(&maker.esn, &hash);
        if recorded.certificate.entry != entry.0 || recorded.certificate.message != message {
            return Ok(Word::Bad(format!(
                "the file of module {} certifies another signing key",
                maker.esn
            )));
        }
        let fips = FipsAuthorisation::obtain(session, client, maker.number, world)?;
        let acl = acl::admin_public_key();
        let kmc = public::import_admin(&fips, maker.number, world, AdminKey::MC, acl)?;
        let certified = signed(client, kmc, &recorded.certificate);
        client.destroy(kmc);
        if !certified? {
            return Ok(Word::Bad(format!(
                "the world did not certify the signing key of module {}",
                maker.esn
            )));
        }
        Ok(match signed(client, kml, certificate)? {
            true => Word::Good,
            false => Word::Bad(
                "its key generation certificate is not signed by the module that made it"
                    .to_owned(),
            ),
        })
    })();
    client.destroy(kml);
    word
}

/// Whether a certificate is signed by this key.
fn signed(client: &Client, signer: KeyId, certificate: &CertificateRecord) -> Result<bool, Error> {
    match certificates::verify(client, signer, certificate) {
        Ok(()) => Ok(true),
        Err(Error::Malformed { .. }) => Ok(false),
        Err(Error::Status {
            status:
                Status::VerifyFailed
                | Status::UnknownMechanism
                | Status::TypeMismatch
                | Status::InvalidData
                | Status::Malformed,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a module says of a key it made: ModCertMsg of type 2.
struct Said {
    acl: ACL,
    hash: Hash,
}

impl Said {
    fn read(message: &[u8]) -> Result<Said, DecodeError> {
        const KEY_GENERATION: u32 = 2;
        let mut reader = Reader::new(message, &WireProfile::DEFAULT);
        let kind = u32::decode(&mut reader)?;
        let _flags = u32::decode(&mut reader)?;
        let _params = KeyGenParams::decode(&mut reader)?;
        let acl = ACL::decode(&mut reader)?;
        let mut hash = Hash::default();
        hash.copy_from_slice(reader.take(20)?);
        // Another kind of message has no hash of a key, and zeros are none.
        let hash = if kind == KEY_GENERATION {
            hash
        } else {
            crate::ZERO_HASH
        };
        reader.finish()?;
        Ok(Said { acl, hash })
    }
}

/// What an ACL of a key of the world may say.
struct Rules {
    hkm: Hash,
    hkre: Option<Hash>,
    hkra: Option<Hash>,
    hknso: Hash,
}

impl Rules {
    fn problems(&self, acl: &ACL) -> Vec<String> {
        acl.groups
            .iter()
            .flat_map(|group| self.group(group))
            .collect()
    }

    fn group(&self, group: &PermissionGroup) -> Vec<String> {
        let certifier = match (&group.certifier, &group.certmech) {
            (Some(hash), _) => Some(*hash),
            (None, Some(named)) => Some(named.hash),
            (None, None) => None,
        };
        let who = match certifier {
            None => "anyone",
            Some(hash) if hash == self.hknso => "the security officer",
            Some(hash) if Some(hash) == self.hkra => "the recovery authority",
            Some(hash) => {
                return vec![format!(
                    "the key with hash {}, which is not the world's, has rights over it",
                    hex(&hash)
                )];
            }
        };
        let mut problems = Vec::new();
        for action in &group.actions {
            match &action.details {
                ActDetails::OpPermissions(details) => {
                    for (bit, what) in [
                        (
                            ActOpPermissionsDetails::EXPORT_AS_PLAIN,
                            "export it in clear",
                        ),
                        (ActOpPermissionsDetails::EXPAND_ACL, "give it more rights"),
                    ] {
                        if details.perms & bit != 0 {
                            problems.push(format!("{who} may {what}"));
                        }
                    }
                }
                ActDetails::MakeBlob(details) if certifier.is_none() => {
                    problems.extend(self.blob(details));
                }
                ActDetails::MakeArchiveBlob(details)
                    if (details.kahash.is_none() || details.kahash != self.hkre) =>
                {
                    problems.push(format!(
                        "{who} may wrap it under a key that is not the world's recovery key"
                    ));
                }
                _ => {}
            }
        }
        problems
    }

    fn blob(&self, details: &ActMakeBlobDetails) -> Option<String> {
        match (details.kmhash, details.kthash) {
            (Some(hkm), _) if hkm != self.hkm => {
                Some("anyone may wrap it under a module key that is not the world's".to_owned())
            }
            (Some(_), _) | (None, Some(_)) => None,
            (None, None) => Some("anyone may wrap it under any token or module key".to_owned()),
        }
    }
}
