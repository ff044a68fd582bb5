//! The secrets of a session: CALG_SSL3_MASTER and CALG_TLS1_MASTER, first a premaster, then the master.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::derive::{MasterHash, Prf};
use super::kdf::{MASTER_LEN, Protocol, Randoms, Secret};
use super::suite::{Choice, Cipher, Mac, SCHANNEL_ALG_LEN};
use crate::alg::Provider;
use crate::constants::{
    AlgId, CRYPT_ARCHIVE, CRYPT_EXPORT, KP_ALGID, KP_BLOCKLEN, KP_CLIENT_RANDOM,
    KP_HIGHEST_VERSION, KP_KEYLEN, KP_PERMISSIONS, KP_SCHANNEL_ALG, KP_SERVER_RANDOM,
};
use crate::error::{CspError, Result};
use crate::soft::symkey::{GENERATE_FLAGS, IMPORT_FLAGS, permissions};
use crate::soft::{ParamForm, Random, trim};

/// A premaster or master with what was set on it. `Clone` is CPDuplicateKey.
#[derive(Clone)]
pub struct Master {
    provider: &'static Provider,
    protocol: Protocol,
    stage: Stage,
    permissions: u32,
    client_random: Option<Vec<u8>>,
    server_random: Option<Vec<u8>>,
    /// The two `SCHANNEL_ALG` structures as they were set, and what they mean.
    cipher: Option<(Structure, Cipher)>,
    mac: Option<(Structure, Mac)>,
}

type Structure = [u8; SCHANNEL_ALG_LEN];

/// How far the secret has come.
#[derive(Clone)]
enum Stage {
    /// A premaster made here, for a server's public key.
    Made(Secret),
    /// A premaster that a client sent, as it was decrypted, and random bytes to go on with if it is not what it must be.
    Received {
        secret: Secret,
        substitute: Secret,
        highest: Option<u16>,
    },
    /// A premaster that a Diffie-Hellman agreement gave.
    Agreed(Secret),
    /// The master.
    Master(Secret),
}

/// A master as an opaque blob has it, its algorithm apart.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct SavedMaster {
    stage: SavedStage,
    client_random: Option<Vec<u8>>,
    server_random: Option<Vec<u8>>,
    cipher: Option<Structure>,
    mac: Option<Structure>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
enum SavedStage {
    Made(Vec<u8>),
    Received(Vec<u8>, Vec<u8>, Option<u16>),
    Agreed(Vec<u8>),
    Master(Vec<u8>),
}

/// The longest random, in bytes. Those of the protocols have 32; an opaque blob has room for two.
const RANDOM_MAX: usize = 4 << 10;

/// The longest secret that an agreement gives, in bytes.
const AGREED_MAX: usize = 4096 / 8;

impl Master {
    /// CPGenKey: a premaster of the protocol's version and random bytes (RFC 2246 section 7.4.7.1). `flags` are as for
    /// [`SymKey::generate`](crate::soft::SymKey::generate).
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for what is no master of the provider, `NTE_BAD_FLAGS`, `ERROR_INVALID_PARAMETER` for another length
    /// than 384 bits, the random source's error.
    pub fn generate(
        provider: &'static Provider,
        algorithm: AlgId,
        flags: u32,
        random: &mut dyn Random,
    ) -> Result<Master> {
        let protocol = check(provider, algorithm, flags, GENERATE_FLAGS)?;
        let mut secret = Zeroizing::new(vec![0; MASTER_LEN]);
        random.fill(&mut secret)?;
        secret[..2].copy_from_slice(&protocol.version().to_be_bytes());
        Ok(Master::new(provider, protocol, Stage::Made(secret), flags))
    }

    /// CPImportKey of a SIMPLEBLOB: a premaster as the exchange pair decrypted it, none if that found no padding. A wrong
    /// one goes unnoticed here and everywhere: the handshake fails with a master that nobody else has, so that a peer
    /// learns nothing of the padding (RFC 2246 section 7.4.7.1).
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for what is no master of the provider, `NTE_BAD_FLAGS`, the random source's error.
    pub fn receive(
        provider: &'static Provider,
        algorithm: AlgId,
        decrypted: Option<&[u8]>,
        flags: u32,
        random: &mut dyn Random,
    ) -> Result<Master> {
        let protocol = check(provider, algorithm, flags, IMPORT_FLAGS)?;
        let mut substitute = Zeroizing::new(vec![0; MASTER_LEN]);
        random.fill(&mut substitute)?;
        let secret = match decrypted {
            Some(secret) if secret.len() == MASTER_LEN => Zeroizing::new(secret.to_vec()),
            _ => substitute.clone(),
        };
        let stage = Stage::Received {
            secret,
            substitute,
            highest: None,
        };
        Ok(Master::new(provider, protocol, stage, flags))
    }

    /// KP_ALGID on an agreed secret, little-endian: its premaster is the number in big-endian order without zeros in front
    /// (RFC 2246 section 8.1.2). `flags` are as for [`Master::generate`].
    ///
    /// # Errors
    /// As [`Master::generate`].
    pub fn from_secret(
        provider: &'static Provider,
        algorithm: AlgId,
        secret: &[u8],
        flags: u32,
    ) -> Result<Master> {
        let protocol = check(provider, algorithm, flags, GENERATE_FLAGS)?;
        let mut premaster = Zeroizing::new(trim(secret).to_vec());
        premaster.reverse();
        Ok(Master::new(
            provider,
            protocol,
            Stage::Agreed(premaster),
            flags,
        ))
    }

    fn new(provider: &'static Provider, protocol: Protocol, stage: Stage, flags: u32) -> Master {
        Master {
            provider,
            protocol,
            stage,
            permissions: permissions(flags),
            client_random: None,
            server_random: None,
            cipher: None,
            mac: None,
        }
    }

    /// Its ALG_ID.
    pub fn algorithm(&self) -> AlgId {
        self.protocol.algorithm()
    }

    /// Whether CPExportKey may hand it out.
    pub fn is_exportable(&self) -> bool {
        self.permissions & (CRYPT_EXPORT | CRYPT_ARCHIVE) != 0
    }

    /// What a SIMPLEBLOB carries: the premaster, which is what the reader of one takes it for.
    ///
    /// # Errors
    /// `NTE_BAD_KEY_STATE` once it is the master, and for a premaster that both sides have already.
    pub fn premaster(&self) -> Result<Zeroizing<Vec<u8>>> {
        match &self.stage {
            Stage::Made(secret) => Ok(secret.clone()),
            Stage::Received {
                secret,
                substitute,
                highest,
            } => Ok(self.choose(secret, substitute, *highest)),
            Stage::Agreed(_) | Stage::Master(_) => Err(CspError::NTE_BAD_KEY_STATE),
        }
    }

    /// CPHashSessionKey: the master's bytes.
    ///
    /// # Errors
    /// `NTE_BAD_KEY_STATE` before it is the master.
    pub fn bytes(&self) -> Result<&[u8]> {
        match &self.stage {
            Stage::Master(master) => Ok(master),
            _ => Err(CspError::NTE_BAD_KEY_STATE),
        }
    }

    /// CPCreateHash(CALG_SCHANNEL_MASTER_HASH). The first one turns the premaster into the master.
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` while a random is missing.
    pub fn hash(&mut self) -> Result<MasterHash> {
        let (Some(client), Some(server)) = (&self.client_random, &self.server_random) else {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        };
        let randoms = Randoms {
            client: client.clone(),
            server: server.clone(),
        };
        let master = match &self.stage {
            Stage::Master(master) => master.clone(),
            Stage::Agreed(premaster) => self.protocol.master(premaster, &randoms)?,
            Stage::Made(_) | Stage::Received { .. } => {
                self.protocol.master(&self.premaster()?, &randoms)?
            }
        };
        self.stage = Stage::Master(master.clone());
        Ok(MasterHash {
            provider: self.provider,
            protocol: self.protocol,
            master,
            randoms,
            cipher: self.cipher.map(|(_, cipher)| cipher),
            mac: self.mac.map(|(_, mac)| mac),
        })
    }

    /// CPCreateHash(CALG_TLS1PRF).
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for SSL 3.0, which has no such function; `NTE_BAD_KEY_STATE` before it is the master.
    pub fn prf(&self) -> Result<Prf> {
        match self.protocol {
            Protocol::Ssl3 => Err(CspError::NTE_BAD_KEY),
            Protocol::Tls1 => Ok(Prf::new(Zeroizing::new(self.bytes()?.to_vec()))),
        }
    }

    /// CPGetKeyParam.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for what a master does not have, or does not tell.
    pub fn param(&self, param: u32) -> Result<Vec<u8>> {
        let number = match param {
            KP_ALGID => self.algorithm().0,
            KP_KEYLEN => MASTER_LEN as u32 * 8,
            KP_BLOCKLEN => 0,
            KP_PERMISSIONS => self.permissions,
            _ => return Err(CspError::NTE_BAD_TYPE),
        };
        Ok(number.to_le_bytes().to_vec())
    }

    /// How CPSetKeyParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for what cannot be set.
    pub fn param_form(&self, param: u32) -> Result<ParamForm> {
        match param {
            KP_SCHANNEL_ALG => Ok(ParamForm::Bytes(SCHANNEL_ALG_LEN)),
            KP_CLIENT_RANDOM | KP_SERVER_RANDOM => Ok(ParamForm::Blob),
            KP_HIGHEST_VERSION => Ok(ParamForm::Bytes(4)),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPSetKeyParam with the bytes read as [`Master::param_form`] says.
    ///
    /// # Errors
    /// As there; `NTE_BAD_DATA` for a value that is not valid; `NTE_BAD_KEY_STATE` for a version that comes too late.
    pub fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        match param {
            KP_SCHANNEL_ALG => {
                let structure = value.try_into().map_err(|_| CspError::NTE_BAD_DATA)?;
                match Choice::parse(self.provider, value)? {
                    Choice::Cipher(cipher) => self.cipher = Some((structure, cipher)),
                    Choice::Mac(mac) => self.mac = Some((structure, mac)),
                }
                Ok(())
            }
            KP_CLIENT_RANDOM | KP_SERVER_RANDOM if value.len() > RANDOM_MAX => {
                Err(CspError::NTE_BAD_DATA)
            }
            KP_CLIENT_RANDOM => {
                self.client_random = Some(value.to_vec());
                Ok(())
            }
            KP_SERVER_RANDOM => {
                self.server_random = Some(value.to_vec());
                Ok(())
            }
            KP_HIGHEST_VERSION => {
                let value = value.try_into().map_err(|_| CspError::NTE_BAD_DATA)?;
                self.set_highest_version(u32::from_le_bytes(value))
            }
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// The version of the client's hello, which its premaster carries: written into one that is made here, expected of one
    /// that was received.
    fn set_highest_version(&mut self, version: u32) -> Result<()> {
        let version = u16::try_from(version)
            .ok()
            .filter(|version| (self.protocol.version()..=MAJOR_3_LAST).contains(version))
            .ok_or(CspError::NTE_BAD_DATA)?;
        match &mut self.stage {
            Stage::Made(secret) => secret[..2].copy_from_slice(&version.to_be_bytes()),
            Stage::Received { highest, .. } => *highest = Some(version),
            // Nothing in it tells a version.
            Stage::Agreed(_) => {}
            Stage::Master(_) => return Err(CspError::NTE_BAD_KEY_STATE),
        }
        Ok(())
    }

    /// The received premaster if its version is right, else the substitute, in the same time. Without KP_HIGHEST_VERSION the
    /// client's hello is not known: then any version of the family will do that is not older than the protocol itself.
    fn choose(&self, secret: &Secret, substitute: &Secret, highest: Option<u16>) -> Secret {
        let found = u16::from_be_bytes([secret[0], secret[1]]);
        let good = match highest {
            Some(version) => found.ct_eq(&version),
            None => u8::from((self.protocol.version()..=MAJOR_3_LAST).contains(&found)).ct_eq(&1),
        };
        let mut chosen = substitute.clone();
        for (byte, received) in chosen.iter_mut().zip(secret.iter()) {
            byte.conditional_assign(received, good);
        }
        chosen
    }

    /// What an opaque blob is to hold.
    pub fn save(&self) -> SavedMaster {
        SavedMaster {
            stage: match &self.stage {
                Stage::Made(secret) => SavedStage::Made(secret.to_vec()),
                Stage::Received {
                    secret,
                    substitute,
                    highest,
                } => SavedStage::Received(secret.to_vec(), substitute.to_vec(), *highest),
                Stage::Agreed(secret) => SavedStage::Agreed(secret.to_vec()),
                Stage::Master(secret) => SavedStage::Master(secret.to_vec()),
            },
            client_random: self.client_random.clone(),
            server_random: self.server_random.clone(),
            cipher: self.cipher.map(|(structure, _)| structure),
            mac: self.mac.map(|(structure, _)| structure),
        }
    }

    /// The master of an opaque blob.
    ///
    /// # Errors
    /// As [`Master::receive`]; `NTE_BAD_DATA` for content that no master has.
    pub fn restore(
        provider: &'static Provider,
        algorithm: AlgId,
        saved: &SavedMaster,
        flags: u32,
    ) -> Result<Master> {
        let protocol = check(provider, algorithm, flags, IMPORT_FLAGS)?;
        let whole = |secret: &[u8]| match secret.len() {
            MASTER_LEN => Ok(Zeroizing::new(secret.to_vec())),
            _ => Err(CspError::NTE_BAD_DATA),
        };
        let stage = match &saved.stage {
            SavedStage::Made(secret) => Stage::Made(whole(secret)?),
            SavedStage::Received(secret, substitute, highest) => Stage::Received {
                secret: whole(secret)?,
                substitute: whole(substitute)?,
                highest: *highest,
            },
            SavedStage::Agreed(secret) if secret.len() <= AGREED_MAX => {
                Stage::Agreed(Zeroizing::new(secret.clone()))
            }
            SavedStage::Agreed(_) => return Err(CspError::NTE_BAD_DATA),
            SavedStage::Master(secret) => Stage::Master(whole(secret)?),
        };
        let mut master = Master::new(provider, protocol, stage, flags);
        for (param, value) in [
            (KP_CLIENT_RANDOM, saved.client_random.as_deref()),
            (KP_SERVER_RANDOM, saved.server_random.as_deref()),
            (
                KP_SCHANNEL_ALG,
                saved.cipher.as_ref().map(|value| &value[..]),
            ),
            (KP_SCHANNEL_ALG, saved.mac.as_ref().map(|value| &value[..])),
        ] {
            if let Some(value) = value {
                master.set_param(param, value)?;
            }
        }
        Ok(master)
    }
}

/// The last version number of the family that begins with SSL 3.0.
const MAJOR_3_LAST: u16 = 0x03ff;

/// The protocol of a master that the provider has.
fn check(provider: &Provider, algorithm: AlgId, flags: u32, known_flags: u32) -> Result<Protocol> {
    if flags & 0xffff & !known_flags != 0 {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    provider.key_bits(algorithm, flags)?;
    Protocol::of(algorithm).ok_or(CspError::NTE_BAD_ALGID)
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Master(_) => "master",
            _ => "premaster",
        };
        write!(f, "Master({}, {stage})", self.algorithm())
    }
}
