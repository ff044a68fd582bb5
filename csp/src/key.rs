//! What a key handle stands for: a session key, a pair, someone's public key, a pair that is still to be made, a secret
//! that became no key yet, or the master of an SSL or TLS session.
//!
//! Each handle has its own state (permissions, OAEP label, cipher state); a pair and its certificate are shared by all
//! handles to it.

use std::sync::Arc;

use crate::agreed::Agreed;
use crate::constants::{
    AlgId, CRYPT_EXPORT_KEY, CRYPT_IMPORT_KEY, CRYPT_READ, CRYPT_WRITE, KP_ALGID, KP_BLOCKLEN,
    KP_CERTIFICATE, KP_G, KP_IV, KP_KEYLEN, KP_MODE, KP_MODE_BITS, KP_OAEP_PARAMS, KP_P,
    KP_PADDING, KP_PERMISSIONS, KP_PUB_PARAMS, KP_Q, KP_SALT, KP_SALT_EX, KP_VERIFY_PARAMS, KP_X,
};
use crate::error::{CspError, Result};
use crate::key_values::{DEFAULT_PERMISSIONS, KeyParamForm, group_param};
use crate::pair::KeyPair;
use crate::pending::Pending;
use crate::soft::{Group, Master, ParamForm, PublicKey, RsaPublicKey, SymKey};

/// The object behind a key handle. `Clone` is CPDuplicateKey.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Session(SymKey),
    Public(PublicHandle),
    /// A pair whose values are set one by one (CRYPT_PREGEN).
    Pending(Pending),
    /// The secret of a Diffie-Hellman agreement, until KP_ALGID says what key it is to become.
    Agreed(Agreed),
    /// A premaster or master (CALG_SSL3_MASTER, CALG_TLS1_MASTER).
    Master(Master),
}

/// A handle to a public key, with or without the private half that a module holds.
#[derive(Clone, Debug)]
pub(crate) struct PublicHandle {
    algorithm: AlgId,
    half: Half,
    /// KP_PERMISSIONS, enforced in software (CAPI guide, section 7).
    permissions: u32,
    /// KP_OAEP_PARAMS.
    label: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Half {
    Both(Arc<KeyPair>),
    Public(Arc<PublicKey>),
}

/// What may be set. CRYPT_EXPORT and CRYPT_ARCHIVE are not for the caller to give.
const CHANGEABLE_PERMISSIONS: u32 = DEFAULT_PERMISSIONS | CRYPT_EXPORT_KEY | CRYPT_IMPORT_KEY;

/// The longest certificate that is stored with a pair, in bytes.
pub(crate) const CERTIFICATE_MAX: usize = 64 << 10;

impl Key {
    pub(crate) fn algorithm(&self) -> AlgId {
        match self {
            Key::Session(key) => key.algorithm(),
            Key::Public(key) => key.algorithm,
            Key::Pending(key) => key.algorithm(),
            Key::Agreed(_) => AlgId::CALG_AGREEDKEY_ANY,
            Key::Master(key) => key.algorithm(),
        }
    }

    /// The session key, where only such a key will do.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` if this is none.
    pub(crate) fn session(&self) -> Result<&SymKey> {
        match self {
            Key::Session(key) => Ok(key),
            _ => Err(CspError::NTE_BAD_KEY),
        }
    }

    /// CPGetKeyParam: the value's bytes.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for a parameter that is unknown, `NTE_BAD_KEY` for one that this kind of key does not have.
    pub(crate) fn param(&self, param: u32) -> Result<Vec<u8>> {
        match self {
            Key::Session(key) => key.param(param),
            Key::Public(key) => key.param(param),
            Key::Pending(key) => key.param(param),
            Key::Agreed(key) => key.param(param),
            Key::Master(key) => key.param(param),
        }
    }

    /// How CPSetKeyParam's data pointer is to be read for a parameter.
    ///
    /// # Errors
    /// As [`Key::param`].
    pub(crate) fn param_form(&self, param: u32) -> Result<KeyParamForm> {
        match self {
            Key::Session(key) => key.param_form(param).map(KeyParamForm::Plain),
            Key::Public(key) => key.param_form(param),
            Key::Pending(key) => key.param_form(param),
            Key::Agreed(key) => key.param_form(param),
            Key::Master(key) => key.param_form(param).map(KeyParamForm::Plain),
        }
    }
}

impl PublicHandle {
    /// A new handle to a pair.
    pub(crate) fn of_pair(algorithm: AlgId, pair: Arc<KeyPair>) -> PublicHandle {
        PublicHandle::new(algorithm, Half::Both(pair))
    }

    /// A handle to a public key that was imported.
    pub(crate) fn of_public(algorithm: AlgId, key: PublicKey) -> PublicHandle {
        PublicHandle::new(algorithm, Half::Public(Arc::new(key)))
    }

    fn new(algorithm: AlgId, half: Half) -> PublicHandle {
        PublicHandle {
            algorithm,
            half,
            permissions: DEFAULT_PERMISSIONS,
            label: Vec::new(),
        }
    }

    pub(crate) fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    pub(crate) fn key(&self) -> &PublicKey {
        match &self.half {
            Half::Both(pair) => pair.public(),
            Half::Public(key) => key,
        }
    }

    /// The pair, if the private half is at hand.
    pub(crate) fn pair(&self) -> Option<&Arc<KeyPair>> {
        match &self.half {
            Half::Both(pair) => Some(pair),
            Half::Public(_) => None,
        }
    }

    /// The OAEP label.
    pub(crate) fn label(&self) -> &[u8] {
        &self.label
    }

    /// Whether the handle allows a use.
    ///
    /// # Errors
    /// `NTE_PERM` if not.
    pub(crate) fn check(&self, permission: u32) -> Result<()> {
        if self.permissions & permission == 0 {
            Err(CspError::NTE_PERM)
        } else {
            Ok(())
        }
    }

    /// CPSetKeyParam for the parameters that are the handle's own.
    ///
    /// # Errors
    /// As [`Key::param_form`]; `NTE_PERM` without CRYPT_WRITE; `NTE_BAD_DATA` for a value that is not valid.
    pub(crate) fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        match param {
            KP_PERMISSIONS => {
                let value = value.try_into().map_err(|_| CspError::NTE_BAD_DATA)?;
                self.set_permissions(u32::from_le_bytes(value))
            }
            KP_OAEP_PARAMS => {
                self.label = value.to_vec();
                Ok(())
            }
            _ => Err(no_such(param)),
        }
    }

    fn param(&self, param: u32) -> Result<Vec<u8>> {
        let number = match param {
            // Asked of every key by .NET; it must stay readable to be of any use.
            KP_PERMISSIONS => self.permissions,
            _ => {
                self.check(CRYPT_READ)?;
                match param {
                    KP_ALGID => self.algorithm.0,
                    KP_KEYLEN => self.key().bits(),
                    // Nothing is encrypted with the others.
                    KP_BLOCKLEN => self.key().rsa().map_or(0, RsaPublicKey::bits),
                    KP_OAEP_PARAMS => {
                        self.key().rsa()?;
                        return Ok(self.label.clone());
                    }
                    KP_P | KP_Q | KP_G | KP_VERIFY_PARAMS => {
                        let group = self.group().ok_or(CspError::NTE_BAD_TYPE)?;
                        return group_param(group, param);
                    }
                    KP_CERTIFICATE => {
                        let pair = self.pair().ok_or(CspError::NTE_BAD_KEY)?;
                        return pair.certificate().ok_or(CspError::NTE_NOT_FOUND);
                    }
                    _ => return Err(no_such(param)),
                }
            }
        };
        Ok(number.to_le_bytes().to_vec())
    }

    fn group(&self) -> Option<&Group> {
        match self.key() {
            PublicKey::Rsa(_) => None,
            PublicKey::Dsa(key) | PublicKey::Dh(key) => Some(&key.group),
        }
    }

    fn param_form(&self, param: u32) -> Result<KeyParamForm> {
        let form = match param {
            KP_PERMISSIONS => KeyParamForm::Plain(ParamForm::Bytes(4)),
            KP_OAEP_PARAMS => {
                self.key().rsa()?;
                KeyParamForm::Plain(ParamForm::Blob)
            }
            // The values of a pair that was made are what they are.
            KP_P | KP_Q | KP_G | KP_X | KP_PUB_PARAMS if self.group().is_some() => {
                return Err(CspError::NTE_BAD_KEY_STATE);
            }
            KP_CERTIFICATE if self.pair().is_some() => KeyParamForm::Der,
            KP_CERTIFICATE => return Err(CspError::NTE_BAD_KEY),
            _ => return Err(no_such(param)),
        };
        self.check(CRYPT_WRITE)?;
        Ok(form)
    }

    /// Adding CRYPT_EXPORT fails; CRYPT_EXPORTABLE at creation is ignored, so there is none to clear.
    fn set_permissions(&mut self, wanted: u32) -> Result<()> {
        if wanted & !CHANGEABLE_PERMISSIONS != 0 {
            return Err(CspError::NTE_BAD_DATA);
        }
        self.permissions = wanted;
        Ok(())
    }
}

/// The code for a parameter that public keys do not have: one of ciphers, or none at all.
fn no_such(param: u32) -> CspError {
    match param {
        KP_SALT | KP_SALT_EX | KP_IV | KP_MODE | KP_MODE_BITS | KP_PADDING => CspError::NTE_BAD_KEY,
        _ => CspError::NTE_BAD_TYPE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::{
        CRYPT_ARCHIVE, CRYPT_DECRYPT, CRYPT_ENCRYPT, CRYPT_EXPORT, KP_EFFECTIVE_KEYLEN,
    };

    fn public_key() -> Key {
        let mut modulus = vec![0xff; 64];
        modulus[0] = 0x8d;
        let key = RsaPublicKey::new(&modulus, 65_537).unwrap();
        Key::Public(PublicHandle::of_public(
            AlgId::CALG_RSA_KEYX,
            PublicKey::Rsa(key),
        ))
    }

    fn set(key: &mut Key, param: u32, value: &[u8]) -> Result<()> {
        key.param_form(param)?;
        match key {
            Key::Public(key) => key.set_param(param, value),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_public_key_tells_its_parameters() {
        let key = public_key();
        let check = |param, expected: u32| {
            assert_eq!(key.param(param), Ok(expected.to_le_bytes().to_vec()))
        };
        check(KP_ALGID, 0xa400);
        check(KP_KEYLEN, 512);
        check(KP_BLOCKLEN, 512);
        check(KP_PERMISSIONS, 0x3b);
        assert_eq!(key.param(KP_OAEP_PARAMS), Ok(vec![]));
        assert_eq!(key.param(KP_SALT), Err(CspError::NTE_BAD_KEY));
        assert_eq!(key.param(KP_CERTIFICATE), Err(CspError::NTE_BAD_KEY));
        assert_eq!(key.param(KP_P), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(key.param(KP_EFFECTIVE_KEYLEN), Err(CspError::NTE_BAD_TYPE));
    }

    #[test]
    fn export_cannot_be_permitted_and_clearing_it_is_ignored() {
        let mut key = public_key();
        let with_export = DEFAULT_PERMISSIONS | CRYPT_EXPORT;
        assert_eq!(
            set(&mut key, KP_PERMISSIONS, &with_export.to_le_bytes()),
            Err(CspError::NTE_BAD_DATA)
        );
        let with_archive = DEFAULT_PERMISSIONS | CRYPT_ARCHIVE;
        assert_eq!(
            set(&mut key, KP_PERMISSIONS, &with_archive.to_le_bytes()),
            Err(CspError::NTE_BAD_DATA)
        );
        assert_eq!(
            set(&mut key, KP_PERMISSIONS, &DEFAULT_PERMISSIONS.to_le_bytes()),
            Ok(())
        );
        assert_eq!(
            key.param(KP_PERMISSIONS),
            Ok(DEFAULT_PERMISSIONS.to_le_bytes().to_vec())
        );
    }

    #[test]
    fn permissions_bind_the_handle_they_were_set_on() {
        let original = public_key();
        let mut copy = original.clone();
        assert_eq!(
            set(&mut copy, KP_PERMISSIONS, &CRYPT_ENCRYPT.to_le_bytes()),
            Ok(())
        );
        assert_eq!(copy.param(KP_KEYLEN), Err(CspError::NTE_PERM));
        assert_eq!(
            copy.param(KP_PERMISSIONS),
            Ok(CRYPT_ENCRYPT.to_le_bytes().to_vec())
        );
        assert_eq!(
            set(&mut copy, KP_OAEP_PARAMS, b"label"),
            Err(CspError::NTE_PERM)
        );
        assert!(original.param(KP_KEYLEN).is_ok());
        let Key::Public(copy) = copy else {
            panic!("a public key")
        };
        assert_eq!(copy.check(CRYPT_DECRYPT), Err(CspError::NTE_PERM));
        assert_eq!(copy.check(CRYPT_ENCRYPT), Ok(()));
    }

    #[test]
    fn only_its_own_parameters_can_be_set() {
        let mut key = public_key();
        assert_eq!(set(&mut key, KP_OAEP_PARAMS, b"label"), Ok(()));
        assert_eq!(key.param(KP_OAEP_PARAMS), Ok(b"label".to_vec()));
        assert_eq!(
            set(&mut key, KP_KEYLEN, &[0; 4]),
            Err(CspError::NTE_BAD_TYPE)
        );
        assert_eq!(set(&mut key, KP_G, &[0; 4]), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(set(&mut key, KP_IV, &[0; 8]), Err(CspError::NTE_BAD_KEY));
        assert_eq!(
            set(&mut key, KP_CERTIFICATE, &[]),
            Err(CspError::NTE_BAD_KEY)
        );
    }
}
