//! What a module keeps through power cuts: who it is, its Security World, its module keys. And how that is saved.

use std::sync::Arc;

use engine::Engine;
use ncore::codec::{EncodeError, from_bytes, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::SetNSOPermsArgs;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::KeyHash;
use super::kml::Kml;
use super::mode::Switch;
use crate::record::{self, Kind, RecordError};
use crate::store::{Store, StoreError};

/// Hash of the AES null module key: 01, then zeros (PROTOCOL section 4.2).
pub(crate) const NULL_AES: KeyHash = {
    let mut hash = [0; 20];
    hash[0] = 1;
    hash
};

/// Hash of the Triple DES null module key: zeros.
pub(crate) const NULL_DES3: KeyHash = [0; 20];

/// The module's Security World as far as the module knows it. Replaced as a whole by the few commands that change it.
#[derive(Clone, Default)]
pub(super) struct World {
    /// The module's electronic serial number.
    pub(super) esn: String,
    /// The security officer, once SetNSOPerms has named one.
    pub(super) officer: Option<Officer>,
    /// The module keys, KM0 first.
    pub(super) module_keys: Vec<ModuleKey>,
    /// The module's signing key since the last initialisation.
    pub(super) kml: Option<Arc<Kml>>,
    /// The modes of the last initialisation: bits of M_InitialiseUnitExArgs' flags.
    pub(super) initial_modes: u32,
}

/// What the modules of one Security World have in common: the security officer, and every module key but each module's
/// own KM0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldIdentity {
    officer: KeyHash,
    /// In ascending order: modules have them in the order in which they learnt them.
    module_keys: Vec<KeyHash>,
}

impl WorldIdentity {
    /// The world of this security officer (hknso) and these module keys, KM0 left out, by their hashes.
    pub fn new(officer: KeyHash, mut module_keys: Vec<KeyHash>) -> WorldIdentity {
        module_keys.sort_unstable();
        WorldIdentity {
            officer,
            module_keys,
        }
    }

    /// hknso.
    pub fn officer(&self) -> &KeyHash {
        &self.officer
    }

    /// The hashes of the module keys, KM0 left out, in ascending order.
    pub fn module_keys(&self) -> &[KeyHash] {
        &self.module_keys
    }
}

/// What SetNSOPerms said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Officer {
    /// hknso: the hash of the security officer's key.
    pub(super) hash: KeyHash,
    /// Operations that anyone may do: bits of M_NSOPerms.
    pub(super) public_perms: u32,
    /// The modes of the world: bits of M_SetNSOPermsArgs' flags.
    pub(super) modes: u32,
}

/// A module key. It has no access control list; blobs and tokens name it by its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct ModuleKey {
    /// Its hash.
    pub(super) hash: KeyHash,
    /// Its bytes.
    pub(super) secret: Vec<u8>,
}

impl World {
    /// hknso, if an officer is set.
    pub(super) fn officer_hash(&self) -> Option<KeyHash> {
        self.officer.as_ref().map(|officer| officer.hash)
    }

    /// The modes that SetNSOPerms chose: bits of M_SetNSOPermsArgs' flags.
    pub(super) fn officer_modes(&self) -> u32 {
        self.officer.as_ref().map_or(0, |officer| officer.modes)
    }

    /// Whether the world has one of these modes.
    pub(super) fn has_mode(&self, mode: u32) -> bool {
        self.officer_modes() & mode != 0
    }

    /// Whether the world is one of FIPS 140 level 3.
    pub(super) fn strict_fips(&self) -> bool {
        self.has_mode(SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2)
    }

    /// What it has in common with the other modules of the world; None while no officer is set.
    pub(super) fn identity(&self) -> Option<WorldIdentity> {
        let module_keys = self.common_keys().map(|key| key.hash).collect();
        Some(WorldIdentity::new(self.officer_hash()?, module_keys))
    }

    /// Whether this is the world of that name, whatever the order of its module keys.
    pub(super) fn is(&self, world: &WorldIdentity) -> bool {
        self.officer_hash() == Some(world.officer)
            && self.common_keys().count() == world.module_keys.len()
            && self
                .common_keys()
                .all(|key| world.module_keys.contains(&key.hash))
    }

    fn common_keys(&self) -> impl Iterator<Item = &ModuleKey> {
        self.module_keys.iter().skip(1)
    }

    /// The module key of this hash.
    pub(super) fn module_key(&self, hash: &KeyHash) -> Option<&ModuleKey> {
        self.module_keys.iter().find(|key| key.hash == *hash)
    }

    /// Whether the hash is the one of KM0, the module's own first key.
    pub(super) fn is_km0(&self, hash: &KeyHash) -> bool {
        self.module_keys
            .first()
            .is_some_and(|key| key.hash == *hash)
    }

    /// The secret of a module key or of a null module key, under which logical tokens may be.
    pub(super) fn token_secret(&self, hash: &KeyHash) -> Option<Vec<u8>> {
        match *hash {
            NULL_AES => Some(vec![0; 32]),
            NULL_DES3 => Some(vec![1; 24]),
            _ => self.module_key(hash).map(|key| key.secret.clone()),
        }
    }
}

/// Whether the hash is the one of a null module key.
pub(super) fn is_null(hash: &KeyHash) -> bool {
    matches!(*hash, NULL_AES | NULL_DES3)
}

/// The saved form of everything a module keeps.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The electronic serial number.
    pub(super) esn: String,
    /// The mode switch.
    pub(super) switch: Switch,
    /// The security officer.
    pub(super) officer: Option<Officer>,
    /// The module keys, KM0 first.
    pub(super) module_keys: Vec<ModuleKey>,
    /// The marshalled private half of KML.
    pub(super) kml: Option<Vec<u8>>,
    /// The modes of the last initialisation.
    pub(super) initial_modes: u32,
}

/// The record of a module's state.
const KIND: Kind = Kind {
    magic: *b"SSMS",
    version: 3,
};
const NAME: &str = "module";

/// Why a module's state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PowerOnError {
    /// The file could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in it is no state of a module.
    #[error("module state: {0}")]
    Record(#[from] RecordError),
    /// A key in it is no key.
    #[error("module state: the module's signing key is damaged")]
    Key,
}

impl Saved {
    /// The saved form of a module.
    pub(super) fn of(switch: Switch, world: &World) -> Result<Saved, EncodeError> {
        let kml = world
            .kml
            .as_ref()
            .map(|kml| to_bytes(&kml.private.to_key_data(), &WireProfile::DEFAULT));
        Ok(Saved {
            esn: world.esn.clone(),
            switch,
            officer: world.officer.clone(),
            module_keys: world.module_keys.clone(),
            kml: kml.transpose()?,
            initial_modes: world.initial_modes,
        })
    }

    /// The world in it.
    pub(super) fn world(&self, engine: &dyn Engine) -> Result<World, PowerOnError> {
        let restore = |bytes: &Vec<u8>| {
            let data = from_bytes(bytes, &WireProfile::DEFAULT).ok()?;
            Kml::restore(engine, &data).ok().map(Arc::new)
        };
        let kml = self
            .kml
            .as_ref()
            .map(|bytes| restore(bytes).ok_or(PowerOnError::Key))
            .transpose()?;
        Ok(World {
            esn: self.esn.clone(),
            officer: self.officer.clone(),
            module_keys: self.module_keys.clone(),
            kml,
            initial_modes: self.initial_modes,
        })
    }

    /// The state in the store, if there is one.
    pub(super) fn load(store: &dyn Store) -> Result<Option<Saved>, PowerOnError> {
        Ok(store
            .load(NAME)?
            .map(|record| Saved::decode(&record))
            .transpose()?)
    }

    fn decode(bytes: &[u8]) -> Result<Saved, RecordError> {
        match record::decode(KIND, bytes) {
            // Version 2 had no modes.
            Err(RecordError::Version { found: 2, .. }) => {
                let before = Kind { version: 2, ..KIND };
                let (esn, switch, officer, module_keys, kml) = record::decode(before, bytes)?;
                Ok(Saved {
                    esn,
                    switch,
                    officer,
                    module_keys,
                    kml,
                    initial_modes: 0,
                })
            }
            result => result,
        }
    }

    /// Saves the state, with another record if one is given; returns when all is durable.
    pub(super) fn save(
        &self,
        store: &dyn Store,
        beside: Option<(&str, &[u8])>,
    ) -> Result<(), PowerOnError> {
        let state = record::encode(KIND, self)?;
        let records: Vec<_> = [(NAME, &state[..])].into_iter().chain(beside).collect();
        Ok(store.save(&records)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_of_version_2_is_read() {
        let officer = Officer {
            hash: [7; 20],
            public_perms: 3,
            modes: 1,
        };
        let key = ModuleKey {
            hash: [8; 20],
            secret: vec![9; 32],
        };
        let kml: Option<Vec<u8>> = Some(vec![1, 2, 3]);
        let before = (
            "1A2B-3C4D-5E6F",
            Switch::Maintenance,
            Some(officer.clone()),
            vec![key.clone()],
            kml.clone(),
        );
        let bytes = record::encode(Kind { version: 2, ..KIND }, &before).unwrap();
        let saved = Saved::decode(&bytes).unwrap();
        assert_eq!(saved.esn, "1A2B-3C4D-5E6F");
        assert_eq!(saved.switch, Switch::Maintenance);
        assert_eq!(saved.officer, Some(officer));
        assert!(saved.module_keys == [key]);
        assert_eq!((saved.kml, saved.initial_modes), (kml, 0));
        let other = record::encode(Kind { version: 1, ..KIND }, &before).unwrap();
        assert!(Saved::decode(&other).is_err());
    }
}
