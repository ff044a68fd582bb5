//! How session keys come about: CPGenKey, CPDeriveKey, import.

use zeroize::Zeroizing;

use super::modes::{Mode, RC2_MAX_LEN, block_len};
use super::{State, SymKey};
use crate::alg::Provider;
use crate::constants::{
    ALG_CLASS_DATA_ENCRYPT, AlgId, CRYPT_ARCHIVABLE, CRYPT_ARCHIVE, CRYPT_CREATE_IV,
    CRYPT_CREATE_SALT, CRYPT_DATA_KEY, CRYPT_DECRYPT, CRYPT_ENCRYPT, CRYPT_EXPORT,
    CRYPT_EXPORTABLE, CRYPT_FORCE_KEY_PROTECTION_HIGH, CRYPT_IPSEC_HMAC_KEY, CRYPT_KEK, CRYPT_MAC,
    CRYPT_NO_SALT, CRYPT_OAEP, CRYPT_ONLINE, CRYPT_PREGEN, CRYPT_READ, CRYPT_SF, CRYPT_SGCKEY,
    CRYPT_UPDATE_KEY, CRYPT_USER_PROTECTED, CRYPT_VOLATILE, CRYPT_WRITE,
};
use crate::error::{CspError, Result};
use crate::soft::hash::Digest;
use crate::soft::{CmsDhKeyInfo, HashState, Random};

/// Low-word flags of CPGenKey that mean something here or are accepted without a meaning.
/// CRYPT_PREGEN stands for CRYPT_INITIATOR, CRYPT_NO_SALT for CRYPT_RECIPIENT: same bits.
pub(in crate::soft) const GENERATE_FLAGS: u32 = CRYPT_EXPORTABLE
    | CRYPT_USER_PROTECTED
    | CRYPT_CREATE_SALT
    | CRYPT_NO_SALT
    | CRYPT_PREGEN
    | CRYPT_ONLINE
    | CRYPT_SF
    | CRYPT_CREATE_IV
    | CRYPT_KEK
    | CRYPT_DATA_KEY
    | CRYPT_VOLATILE
    | CRYPT_SGCKEY
    | CRYPT_ARCHIVABLE
    | CRYPT_FORCE_KEY_PROTECTION_HIGH;

/// The same for CPDeriveKey.
const DERIVE_FLAGS: u32 = GENERATE_FLAGS | CRYPT_UPDATE_KEY;

/// Flags of CPImportKey for session keys, without those of one blob type.
pub(in crate::soft) const IMPORT_FLAGS: u32 =
    CRYPT_EXPORTABLE | CRYPT_USER_PROTECTED | CRYPT_NO_SALT | CRYPT_ARCHIVABLE;

/// Salt of a 40-bit key that was made without a flag about salt, in bytes.
pub(super) const DEFAULT_SALT_LEN: usize = 11;

impl SymKey {
    /// CPGenKey for a symmetric ALG_ID. `flags` is the caller's word: length in bits in the high
    /// half (0 = default), CRYPT_EXPORTABLE, CRYPT_ARCHIVABLE, CRYPT_CREATE_SALT, CRYPT_NO_SALT
    /// and the defined-but-unused bits in the low half. What CRYPT_USER_PROTECTED and
    /// CRYPT_FORCE_KEY_PROTECTION_HIGH mean for a silent context is the caller's to check.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID`, `NTE_BAD_FLAGS` for unknown bits, those of [`Provider::key_bits`], or
    /// the random source's error.
    pub fn generate(
        provider: &'static Provider,
        algorithm: AlgId,
        flags: u32,
        random: &mut dyn Random,
    ) -> Result<SymKey> {
        let len = wanted_len(provider, algorithm, flags, GENERATE_FLAGS)?;
        let mut key = Zeroizing::new(vec![0; len]);
        random.fill(&mut key)?;
        if algorithm.is_des() {
            set_odd_parity(&mut key);
        }
        Ok(SymKey::assemble(provider, algorithm, key, flags))
    }

    /// CPDeriveKey: the key is made of the hash's value, and the hash is finished.
    ///
    /// The key is a prefix of the value where that is long enough. Where it is not, and always
    /// for AES from a hash older than SHA-2, the value is expanded first.
    ///
    /// # Errors
    /// As [`SymKey::generate`]; `NTE_BAD_HASH` for an expansion from something else than a plain
    /// hash; the hash's own errors.
    pub fn derive(
        provider: &'static Provider,
        algorithm: AlgId,
        base: &mut HashState,
        flags: u32,
    ) -> Result<SymKey> {
        let len = wanted_len(provider, algorithm, flags, DERIVE_FLAGS)?;
        let mut material = Zeroizing::new(base.value()?);
        let is_aes = block_len(algorithm) == Some(16);
        if len > material.len() || (is_aes && is_older_than_sha2(base.algorithm())) {
            let digest = Digest::new(base.algorithm()).map_err(|_| CspError::NTE_BAD_HASH)?;
            material = expand(&digest, &material);
        }
        if len > material.len() {
            return Err(CspError::NTE_BAD_HASH);
        }
        let key = Zeroizing::new(material[..len].to_vec());
        Ok(SymKey::assemble(provider, algorithm, key, flags))
    }

    /// What an agreed secret becomes when KP_ALGID is set: a key of its first bytes, the secret being little-endian. `flags`
    /// are as for [`SymKey::generate`].
    ///
    /// # Errors
    /// As [`SymKey::generate`]; `NTE_BAD_LEN` for a secret that is too short.
    pub fn from_secret(
        provider: &'static Provider,
        algorithm: AlgId,
        secret: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        let len = wanted_len(provider, algorithm, flags, GENERATE_FLAGS)?;
        let key = secret.get(..len).ok_or(CspError::NTE_BAD_LEN)?;
        let key = Zeroizing::new(key.to_vec());
        Ok(SymKey::assemble(provider, algorithm, key, flags))
    }

    /// What an agreed secret becomes when KP_CMS_DH_KEY_INFO is set: a key of the algorithm's default length.
    ///
    /// # Errors
    /// As [`SymKey::generate`]; `NTE_BAD_DATA` for an object identifier that is none.
    pub fn from_cms_secret(
        provider: &'static Provider,
        secret: &[u8],
        info: &CmsDhKeyInfo,
        flags: u32,
    ) -> Result<SymKey> {
        let len = wanted_len(provider, info.algorithm, flags, GENERATE_FLAGS)?;
        let mut secret = Zeroizing::new(secret.to_vec());
        secret.reverse();
        let key = info.key(&secret, len)?;
        Ok(SymKey::assemble(provider, info.algorithm, key, flags))
    }

    /// The key of a PLAINTEXTKEYBLOB ([`crate::blob::plaintext`]); with CRYPT_IPSEC_HMAC_KEY and
    /// CALG_RC2 an HMAC key of any length.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for an algorithm that is no cipher of this provider, `NTE_BAD_FLAGS`,
    /// `NTE_BAD_DATA` if the length does not suit.
    pub fn import_plaintext(
        provider: &'static Provider,
        algorithm: AlgId,
        key: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        check_import(
            provider,
            algorithm,
            flags,
            IMPORT_FLAGS | CRYPT_IPSEC_HMAC_KEY,
        )?;
        let bits = key.len() * 8;
        let key = Zeroizing::new(key.to_vec());
        if flags & CRYPT_IPSEC_HMAC_KEY != 0 {
            // The documented form of such a key names CALG_RC2 and nothing else.
            if algorithm != AlgId::CALG_RC2 {
                return Err(CspError::NTE_BAD_FLAGS);
            }
            let made = SymKey::assemble(provider, algorithm, key, flags | CRYPT_NO_SALT);
            return Ok(SymKey {
                state: State::HmacOnly,
                ..made
            });
        }
        let row = provider.algorithm(algorithm)?;
        let suits = match algorithm {
            AlgId::CALG_RC2 | AlgId::CALG_RC4 => {
                (row.min_bits as usize..=row.max_bits as usize).contains(&bits)
            }
            _ => bits == stored_bits(algorithm, row.max_bits),
        };
        if !suits {
            return Err(CspError::NTE_BAD_DATA);
        }
        Ok(SymKey::assemble(provider, algorithm, key, flags))
    }

    /// The key found in a SIMPLEBLOB or SYMMETRICWRAPKEYBLOB after decryption, natural order.
    /// RC2 keys of up to 128 bytes are taken here. CRYPT_OAEP, which was for the decryption, may
    /// still be among the flags.
    ///
    /// # Errors
    /// As [`SymKey::import_plaintext`].
    pub fn import_wrapped(
        provider: &'static Provider,
        algorithm: AlgId,
        key: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        check_import(provider, algorithm, flags, IMPORT_FLAGS | CRYPT_OAEP)?;
        let flags = flags & !CRYPT_OAEP;
        if algorithm == AlgId::CALG_RC2 && (17..=RC2_MAX_LEN).contains(&key.len()) {
            let key = Zeroizing::new(key.to_vec());
            return Ok(SymKey::assemble(provider, algorithm, key, flags));
        }
        SymKey::import_plaintext(provider, algorithm, key, flags)
    }

    /// A key of an SSL or TLS connection, which the key block tells with its IV: a cipher's, or CALG_SCHANNEL_MAC_KEY.
    /// Lengths are the caller's to check. `flags` are CPDeriveKey's.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS` for unknown bits and for a length, which is settled.
    pub(in crate::soft) fn of_connection(
        provider: &'static Provider,
        algorithm: AlgId,
        key: &[u8],
        iv: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        if flags & !DERIVE_FLAGS != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        let key = Zeroizing::new(key.to_vec());
        // What the protocols call a key of 40 bits is one, without salt.
        let mut made = SymKey::assemble(provider, algorithm, key, flags | CRYPT_NO_SALT);
        made.set_iv(iv);
        Ok(made)
    }

    /// The finished key of checked parts. `flags` give permissions and salt.
    pub(super) fn assemble(
        provider: &'static Provider,
        algorithm: AlgId,
        key: Zeroizing<Vec<u8>>,
        flags: u32,
    ) -> SymKey {
        let state = match block_len(algorithm) {
            Some(len) => State::Block {
                mode: Mode::Cbc,
                iv: vec![0; len],
                chain: vec![0; len],
            },
            None if algorithm == AlgId::CALG_SCHANNEL_MAC_KEY => State::HmacOnly,
            None => State::Stream(None),
        };
        // CRYPT_CREATE_SALT makes no salt either: an Enhanced provider, which all of ours are,
        // answers it with a salt of length zero.
        let salted = matches!(algorithm, AlgId::CALG_RC2 | AlgId::CALG_RC4)
            && key.len() * 8 == 40
            && flags & (CRYPT_NO_SALT | CRYPT_CREATE_SALT) == 0;
        let salt = vec![0; if salted { DEFAULT_SALT_LEN } else { 0 }];
        SymKey {
            provider,
            algorithm,
            key,
            reported_salt_len: salt.len(),
            salt,
            effective_bits: None,
            permissions: permissions(flags),
            state,
            cipher: None,
        }
    }
}

/// KP_PERMISSIONS of a new key: everything but export, which `flags` give.
pub(in crate::soft) fn permissions(flags: u32) -> u32 {
    let mut permissions = CRYPT_ENCRYPT | CRYPT_DECRYPT | CRYPT_READ | CRYPT_WRITE | CRYPT_MAC;
    if flags & CRYPT_EXPORTABLE != 0 {
        permissions |= CRYPT_EXPORT;
    }
    if flags & CRYPT_ARCHIVABLE != 0 {
        permissions |= CRYPT_ARCHIVE;
    }
    permissions
}

/// Gives every byte of a DES key an odd number of ones by its lowest bit.
pub(crate) fn set_odd_parity(key: &mut [u8]) {
    for byte in key {
        *byte = (*byte & 0xfe) | u8::from((*byte & 0xfe).count_ones() % 2 == 0);
    }
}

/// Length in bytes of the key that a CPGenKey or CPDeriveKey call wants.
fn wanted_len(
    provider: &Provider,
    algorithm: AlgId,
    flags: u32,
    known_flags: u32,
) -> Result<usize> {
    if flags & 0xffff & !known_flags != 0 {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    if algorithm.class() != ALG_CLASS_DATA_ENCRYPT {
        return Err(CspError::NTE_BAD_ALGID);
    }
    let bits = provider.key_bits(algorithm, flags)?;
    Ok(stored_bits(algorithm, bits) / 8)
}

/// Bits as stored, DES parity included, of a length without.
pub(in crate::soft) fn stored_bits(algorithm: AlgId, bits: u32) -> usize {
    if algorithm.is_des() {
        bits as usize / 7 * 8
    } else {
        bits as usize
    }
}

fn check_import(provider: &Provider, algorithm: AlgId, flags: u32, known_flags: u32) -> Result<()> {
    if flags & !known_flags != 0 {
        return Err(CspError::NTE_BAD_FLAGS);
    }
    if algorithm.class() != ALG_CLASS_DATA_ENCRYPT {
        return Err(CspError::NTE_BAD_ALGID);
    }
    provider.algorithm(algorithm).map(|_| ())
}

fn is_older_than_sha2(algorithm: AlgId) -> bool {
    matches!(
        algorithm,
        AlgId::CALG_MD2 | AlgId::CALG_MD4 | AlgId::CALG_MD5 | AlgId::CALG_SHA1
    )
}

/// CPDeriveKey's expansion: the hash of the value XORed into 64 bytes of 0x36, then the hash of
/// the value XORed into 64 bytes of 0x5c.
fn expand(digest: &Digest, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut material = Zeroizing::new(Vec::with_capacity(2 * digest.size()));
    for pad in [0x36, 0x5c] {
        let mut block = Zeroizing::new([pad; 64]);
        for (byte, value) in block.iter_mut().zip(value) {
            *byte ^= value;
        }
        let mut digest = digest.clone();
        digest.update(&*block);
        material.extend_from_slice(&digest.finish());
    }
    material
}
