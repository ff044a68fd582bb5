//! Session keys: CPGenKey, CPDeriveKey and key import for symmetric algorithms, CPEncrypt and
//! CPDecrypt, and their KP_ parameters.

use zeroize::Zeroizing;

use super::{HashState, Random};
use crate::alg::Provider;
use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// A session key with its cipher state.
#[derive(Clone)]
pub struct SymKey {
    algorithm: AlgId,
    key: Zeroizing<Vec<u8>>,
}

/// How the data pointer of CPSetKeyParam or CPSetHashParam is to be read, since neither call
/// passes a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamForm {
    /// So many bytes at the pointer.
    Bytes(usize),
    /// A `CRYPT_DATA_BLOB` (or `CRYPT_INTEGER_BLOB`) at the pointer: length and pointer to the
    /// bytes.
    Blob,
    /// An `HMAC_INFO` structure at the pointer, which becomes an [`super::HmacInfo`].
    HmacInfo,
}

impl SymKey {
    /// CPGenKey for a symmetric ALG_ID. `flags` is the caller's word: length in bits in the high
    /// half (0 = default), CRYPT_EXPORTABLE, CRYPT_ARCHIVABLE, CRYPT_CREATE_SALT, CRYPT_NO_SALT
    /// and the defined-but-unused bits in the low half.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID`, `NTE_BAD_FLAGS` (DES sizes, unknown bits), `NTE_BAD_DATA` (RC2, RC4 and
    /// AES sizes), or the random source's error.
    pub fn generate(
        provider: &'static Provider,
        algorithm: AlgId,
        flags: u32,
        random: &mut dyn Random,
    ) -> Result<SymKey> {
        let _ = (provider, algorithm, flags, random);
        Err(CspError::NTE_FAIL)
    }

    /// CPDeriveKey: the key is made of the hash's value, and the hash is finished.
    ///
    /// # Errors
    /// As [`SymKey::generate`], and the hash's own errors.
    pub fn derive(
        provider: &'static Provider,
        algorithm: AlgId,
        base: &mut HashState,
        flags: u32,
    ) -> Result<SymKey> {
        let _ = (provider, algorithm, base, flags);
        Err(CspError::NTE_FAIL)
    }

    /// The key of a PLAINTEXTKEYBLOB ([`crate::blob::plaintext`]); with CRYPT_IPSEC_HMAC_KEY and
    /// CALG_RC2 an HMAC key of any length.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID`, `NTE_BAD_FLAGS`, `NTE_BAD_DATA` if the length does not suit.
    pub fn import_plaintext(
        provider: &'static Provider,
        algorithm: AlgId,
        key: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        let _ = (provider, algorithm, key, flags);
        Err(CspError::NTE_FAIL)
    }

    /// The key found in a SIMPLEBLOB or SYMMETRICWRAPKEYBLOB after decryption, natural order.
    /// RC2 keys of up to 128 bytes are taken here.
    ///
    /// # Errors
    /// As [`SymKey::import_plaintext`].
    pub fn import_wrapped(
        provider: &'static Provider,
        algorithm: AlgId,
        key: &[u8],
        flags: u32,
    ) -> Result<SymKey> {
        let _ = (provider, algorithm, key, flags);
        Err(CspError::NTE_FAIL)
    }

    /// Its ALG_ID.
    pub fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    /// Whether CPExportKey may hand it out (made exportable or archivable).
    pub fn is_exportable(&self) -> bool {
        false
    }

    /// The stored key bytes, DES parity included, salt not.
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// Block length in bytes, `None` for a stream cipher.
    pub fn block_len(&self) -> Option<usize> {
        None
    }

    /// How many bytes CPEncrypt will produce from `len` bytes. Makes every check that
    /// [`SymKey::encrypt`] makes, and consumes nothing: it answers size queries, and is to be
    /// called before an attached hash is fed.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a broken block without `last`; `NTE_BAD_KEY` for an RC2 key over the
    /// provider's maximum or an HMAC key; `NTE_BAD_ALGID` for a mode that is not computed;
    /// `NTE_PERM` without CRYPT_ENCRYPT.
    pub fn encrypted_len(&self, len: usize, last: bool) -> Result<usize> {
        let _ = (len, last);
        Err(CspError::NTE_FAIL)
    }

    /// CPEncrypt in place: the first `len` bytes of `buffer` are the plain text; returns the
    /// length of the cipher text. `last` (Final) pads and resets the key to its IV.
    ///
    /// # Errors
    /// `ERROR_MORE_DATA` if `buffer` is shorter than [`SymKey::encrypted_len`], with data and
    /// state untouched; else as there.
    pub fn encrypt(&mut self, buffer: &mut [u8], len: usize, last: bool) -> Result<usize> {
        let _ = (buffer, len, last);
        Err(CspError::NTE_FAIL)
    }

    /// CPDecrypt in place: returns the length of the plain text, which begins at the start of
    /// `data`. `last` removes the padding and resets the key to its IV, also when the padding is
    /// bad.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a broken block, an empty last piece or bad padding; `NTE_BAD_KEY` for
    /// an HMAC key; `NTE_BAD_ALGID` for a mode that is not computed; `NTE_PERM` without
    /// CRYPT_DECRYPT.
    pub fn decrypt(&mut self, data: &mut [u8], last: bool) -> Result<usize> {
        let _ = (data, last);
        Err(CspError::NTE_FAIL)
    }

    /// CPGetKeyParam: the value's bytes as the caller sees them (DWORDs little-endian).
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for an unknown parameter, `NTE_BAD_KEY` where this key has no such thing.
    pub fn param(&self, param: u32) -> Result<Vec<u8>> {
        let _ = param;
        Err(CspError::NTE_FAIL)
    }

    /// How CPSetKeyParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown or cannot be set.
    pub fn param_form(&self, param: u32) -> Result<ParamForm> {
        let _ = param;
        Err(CspError::NTE_FAIL)
    }

    /// CPSetKeyParam with the bytes read as [`SymKey::param_form`] says.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE`, `NTE_BAD_DATA` for a value that is not valid, `NTE_BAD_KEY` where this
    /// key has no such thing.
    pub fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        let _ = (param, value);
        Err(CspError::NTE_FAIL)
    }
}
