//! What a master is turned into through hash objects: CALG_SCHANNEL_MASTER_HASH, of which CPDeriveKey makes the keys of a
//! connection, and CALG_TLS1PRF.

use super::kdf::{Protocol, Randoms, Secret, Side, part, prf};
use super::suite::{Cipher, Mac};
use crate::alg::Provider;
use crate::constants::{AlgId, CRYPT_SERVER, HP_TLS1PRF_LABEL, HP_TLS1PRF_SEED};
use crate::error::{CspError, Result};
use crate::soft::SymKey;

/// CALG_SCHANNEL_MASTER_HASH: a master with everything that the keys of one connection depend on. It is a copy: what is set
/// on the master afterwards belongs to the next one.
#[derive(Clone)]
pub struct MasterHash {
    pub(super) provider: &'static Provider,
    pub(super) protocol: Protocol,
    pub(super) master: Secret,
    pub(super) randoms: Randoms,
    pub(super) cipher: Option<Cipher>,
    pub(super) mac: Option<Mac>,
}

/// CALG_TLS1PRF: the pseudo-random function over a master.
#[derive(Clone)]
pub struct Prf {
    pub(super) master: Secret,
    label: Vec<u8>,
    seed: Vec<u8>,
}

/// The longest label or seed, in bytes; all that a protocol has are far shorter.
const VALUE_MAX: usize = 64 << 10;

impl MasterHash {
    /// CPDeriveKey: CALG_SCHANNEL_ENC_KEY, a key of the chosen cipher at its IV, or CALG_SCHANNEL_MAC_KEY; the server's with
    /// CRYPT_SERVER, else the client's. The hash stays as it is, for the other three.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for another algorithm; `NTE_BAD_FLAGS` before KP_SCHANNEL_ALG named what the key is for, for a key
    /// length, which KP_SCHANNEL_ALG has told, and for unknown bits.
    pub fn derive(&self, algorithm: AlgId, flags: u32) -> Result<SymKey> {
        self.provider.algorithm(algorithm)?;
        let side = match flags & CRYPT_SERVER {
            0 => Side::Client,
            _ => Side::Server,
        };
        match algorithm {
            AlgId::CALG_SCHANNEL_MAC_KEY => {
                let mac = self.mac.ok_or(CspError::NTE_BAD_FLAGS)?;
                let block = self.block(2 * mac.len)?;
                let key = part(&block, side, mac.len);
                SymKey::of_connection(self.provider, algorithm, key, &[], flags)
            }
            AlgId::CALG_SCHANNEL_ENC_KEY => {
                let cipher = self.cipher.ok_or(CspError::NTE_BAD_FLAGS)?;
                // Every suite that encrypts has a MAC, and the MAC keys come first in the key block.
                let mac = self.mac.ok_or(CspError::NTE_BAD_FLAGS)?;
                let iv_len = cipher.block_len();
                let block = self.block(2 * (mac.len + cipher.material + iv_len))?;
                let (keys, ivs) = block[2 * mac.len..].split_at(2 * cipher.material);
                let key = part(keys, side, cipher.material);
                match cipher.export {
                    None => {
                        let iv = part(ivs, side, iv_len);
                        SymKey::of_connection(self.provider, cipher.algorithm, key, iv, flags)
                    }
                    Some(len) => {
                        let key = self.protocol.export_key(key, &self.randoms, side, len)?;
                        let iv = self.protocol.export_iv(&self.randoms, side, iv_len)?;
                        SymKey::of_connection(self.provider, cipher.algorithm, &key, &iv, flags)
                    }
                }
            }
            _ => Err(CspError::NTE_BAD_ALGID),
        }
    }

    fn block(&self, len: usize) -> Result<Secret> {
        self.protocol.key_block(&self.master, &self.randoms, len)
    }
}

impl Prf {
    pub(super) fn new(master: Secret) -> Prf {
        Prf {
            master,
            label: Vec::new(),
            seed: Vec::new(),
        }
    }

    /// CPSetHashParam: HP_TLS1PRF_LABEL, HP_TLS1PRF_SEED.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for another parameter; `NTE_BAD_FLAGS` for a value of absurd length.
    pub fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        let place = match param {
            HP_TLS1PRF_LABEL => &mut self.label,
            HP_TLS1PRF_SEED => &mut self.seed,
            _ => return Err(CspError::NTE_BAD_TYPE),
        };
        if value.len() > VALUE_MAX {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        *place = value.to_vec();
        Ok(())
    }

    /// HP_HASHVAL: as many bytes as the caller has room for.
    ///
    /// # Errors
    /// None that a label and a seed of any content can raise.
    pub fn fill(&self, out: &mut [u8]) -> Result<()> {
        prf(&self.master, &self.label, &self.seed, out)
    }
}
