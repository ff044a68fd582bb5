//! A Security World: the hashes, keys and thresholds of its file, by name.

pub mod admin;

use ncore::types::{AdminKey, AdminToken, CipherSuite, KeyType, SetNSOPermsArgs};

use crate::error::Error;
use crate::kmdata::{AdminKeyRecord, AdminTokenRecord, Folder, WorldRecord};
use crate::modules::Module;
use crate::{Hash, ZERO_HASH};

/// The null AES module key, which every module has: its hash is 01 and then zeros (PROTOCOL section 4.2). Tokens under
/// it can be read before a module is in any world.
pub const NULL_MODULE_KEY: Hash = {
    let mut hash = ZERO_HASH;
    hash[0] = 1;
    hash
};

/// hknso of a module in factory state. The vendor's value is unpublished; nobody has a key with this hash.
pub const FACTORY_HKNSO: Hash = NULL_MODULE_KEY;

/// A Security World as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Hash of the security officer's key; it names the world.
    pub hknso: Hash,
    /// The file's content.
    pub record: WorldRecord,
}

impl World {
    /// Reads the world of a folder; None when it has none.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::File`].
    pub fn read(folder: &Folder) -> Result<Option<World>, Error> {
        let Some((hknso, record)) = folder.world()? else {
            return Ok(None);
        };
        Ok(Some(World { hknso, record }))
    }

    /// Reads the world of a folder, which must have one.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`], [`Error::File`].
    pub fn required(folder: &Folder) -> Result<World, Error> {
        World::read(folder)?.ok_or_else(|| Error::NoWorld {
            path: folder.world_path(),
        })
    }

    /// The record of an administrator key; None when the world has no such key.
    pub fn key(&self, role: AdminKey) -> Option<&AdminKeyRecord> {
        self.record.keys.iter().find(|key| key.role == role.0)
    }

    /// The record of an administrator token; None when the world has no such token.
    pub fn token(&self, role: AdminToken) -> Option<&AdminTokenRecord> {
        self.record.tokens.iter().find(|token| token.role == role.0)
    }

    /// The hash of an administrator key; None when the world has no such key.
    pub fn hash(&self, role: AdminKey) -> Option<Hash> {
        self.key(role).map(|key| key.hash)
    }

    /// The cards needed to load an administrator token; None when the world has no such token.
    pub fn threshold(&self, role: AdminToken) -> Option<u32> {
        self.token(role).map(|token| token.shares_needed)
    }

    /// The hash of the module key KM. Zeros, which no module key has, in a world file that lacks it.
    pub fn hkm(&self) -> Hash {
        self.hash(AdminKey::M).unwrap_or(ZERO_HASH)
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> CipherSuite {
        CipherSuite(self.record.cipher_suite)
    }

    /// The type of the module key KM.
    pub fn module_key_type(&self) -> KeyType {
        KeyType(self.record.module_key_type)
    }

    /// Whether it is a world of FIPS 140 level 3.
    pub fn is_strict_fips(&self) -> bool {
        self.key(AdminKey::FIPS).is_some()
    }

    /// The modes of its modules: bits of SetNSOPerms' flags.
    pub fn modes(&self) -> u32 {
        match self.is_strict_fips() {
            true => self.record.modes | SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2,
            false => self.record.modes,
        }
    }

    /// Whether keys get recovery copies.
    pub fn has_recovery(&self) -> bool {
        self.key(AdminKey::RE).is_some()
    }
}

/// A world and the modules it can be used on.
#[derive(Clone, Debug)]
pub struct WorldInfo {
    /// The world.
    pub world: World,
    /// Every module of the hardserver, and where it stands towards the world.
    pub modules: Vec<Module>,
}

impl WorldInfo {
    /// Whether at least one module is usable.
    pub fn is_usable(&self) -> bool {
        self.modules.iter().any(Module::is_usable)
    }
}
