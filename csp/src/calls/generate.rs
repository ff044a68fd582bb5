//! CPGenKey, CPDeriveKey, CPGenRandom, and the life of key handles: CPGetUserKey, CPDuplicateKey, CPDestroyKey.

use std::sync::Arc;

use crate::alg::Family;
use crate::constants::{
    ALG_CLASS_KEY_EXCHANGE, ALG_CLASS_SIGNATURE, AlgId, CRYPT_ARCHIVABLE, CRYPT_CREATE_IV,
    CRYPT_CREATE_SALT, CRYPT_DATA_KEY, CRYPT_EXPORTABLE, CRYPT_FORCE_KEY_PROTECTION_HIGH,
    CRYPT_KEK, CRYPT_NO_SALT, CRYPT_ONLINE, CRYPT_PREGEN, CRYPT_SF, CRYPT_SGCKEY,
    CRYPT_USER_PROTECTED, CRYPT_VOLATILE,
};
use crate::context::{Context, Keyset};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::failure;
use crate::key::{Key, PublicHandle};
use crate::key_spec::KeySpec;
use crate::new_pair::NewPair;
use crate::pair::KeyPair;
use crate::pending::Pending;
use crate::protection::ForKey;
use crate::random;
use crate::settings::KeyProtection;
use crate::soft::{Master, SymKey, is_schannel};

/// Low-word flags that CPGenKey knows for pairs. CRYPT_EXPORTABLE and CRYPT_ARCHIVABLE are accepted and not granted: private
/// keys never leave the module, and ordinary callers pass the flag on every key. The salt flags and those that are defined
/// without a meaning do nothing to a pair.
const PAIR_FLAGS: u32 = CRYPT_EXPORTABLE
    | CRYPT_USER_PROTECTED
    | CRYPT_CREATE_SALT
    | CRYPT_NO_SALT
    | CRYPT_ONLINE
    | CRYPT_SF
    | CRYPT_CREATE_IV
    | CRYPT_KEK
    | CRYPT_DATA_KEY
    | CRYPT_VOLATILE
    | CRYPT_SGCKEY
    | CRYPT_ARCHIVABLE
    | CRYPT_FORCE_KEY_PROTECTION_HIGH;

impl Csp {
    /// CPGenKey: `algorithm` is an ALG_ID or a key specification, the high half of `flags` a length in bits.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_ALGID`, `NTE_BAD_FLAGS`, `NTE_SILENT_CONTEXT`, those of
    /// [`Provider::key_bits`](crate::alg::Provider::key_bits), and the module's.
    pub fn gen_key(&self, context: usize, algorithm: u32, flags: u32) -> Result<usize> {
        let opened = self.context(context)?;
        let algorithm = match KeySpec::from_dword(algorithm) {
            Some(spec) => opened.provider.pair_algorithm(spec)?,
            None => AlgId(algorithm),
        };
        if !has_pairs(algorithm) {
            let (provider, random) = (opened.provider, &mut random::system);
            let key = match is_schannel(algorithm) {
                true => Key::Master(Master::generate(provider, algorithm, flags, random)?),
                false => Key::Session(SymKey::generate(provider, algorithm, flags, random)?),
            };
            check_prompts(&opened, flags)?;
            return self.add_key(context, key);
        }
        let bits = opened.provider.key_bits(algorithm, flags)?;
        // Only keys with domain parameters can be made in two steps.
        let known = match opened.provider.family {
            Family::Rsa => PAIR_FLAGS,
            Family::Dss => PAIR_FLAGS | CRYPT_PREGEN,
        };
        if flags & 0xffff & !known != 0 {
            return Err(CspError::NTE_BAD_FLAGS);
        }
        check_prompts(&opened, flags)?;
        if flags & CRYPT_PREGEN != 0 {
            return self.pregen(context, &opened, Pending::new(algorithm, bits));
        }
        let pair = self.new_pair(&opened, algorithm, NewPair::generated(algorithm, bits)?)?;
        let key = Key::Public(PublicHandle::of_pair(algorithm, pair));
        self.add_key(context, key)
    }

    /// CPDeriveKey: a session key out of a hash, which is finished by it; a key of a connection out of a master hash, which
    /// is left as it was.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_HASH`, `NTE_SILENT_CONTEXT`, and those of [`SymKey::derive`] or
    /// [`MasterHash::derive`](crate::soft::MasterHash::derive).
    pub fn derive_key(
        &self,
        context: usize,
        algorithm: u32,
        base: usize,
        flags: u32,
    ) -> Result<usize> {
        let opened = self.context(context)?;
        let base = self.hash(context, base)?;
        let (provider, algorithm, mut base) = (opened.provider, AlgId(algorithm), lock(&base));
        let key = if is_schannel(algorithm) {
            provider.algorithm(algorithm)?;
            base.master()?.derive(algorithm, flags)?
        } else {
            // A prompt that may not be shown must not finish the hash.
            check_prompts(&opened, flags)?;
            SymKey::derive(provider, algorithm, &mut base, flags)?
        };
        drop(base);
        self.add_key(context, Key::Session(key))
    }

    /// CPGenRandom: fills the buffer from a module's generator.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_FAIL`: nothing else stands in for the module.
    pub fn gen_random(&self, context: usize, buffer: &mut [u8]) -> Result<()> {
        let opened = self.context(context)?;
        if buffer.is_empty() {
            return Ok(());
        }
        let store = self.store(opened.uses_pool())?;
        store.session().random(buffer).map_err(|error| {
            failure::of_session(error);
            CspError::NTE_FAIL
        })
    }

    /// CPGetUserKey: a new handle to a pair of the context.
    ///
    /// # Errors
    /// `NTE_BAD_UID`; `NTE_NO_KEY` for an empty slot, or a key specification that is none.
    pub fn get_user_key(&self, context: usize, key_spec: u32) -> Result<usize> {
        let opened = self.context(context)?;
        let spec = match opened.provider.family {
            Family::Rsa => KeySpec::from_dword(key_spec),
            // The identifiers of the algorithms serve as well.
            Family::Dss => {
                KeySpec::from_dword(key_spec).or_else(|| KeySpec::of_algorithm(AlgId(key_spec)))
            }
        };
        let spec = spec.ok_or(CspError::NTE_NO_KEY)?;
        self.complete_slot(&opened, spec)?;
        match opened.pair(spec) {
            Err(CspError::NTE_NO_KEY) => self.resume(context, &opened, spec),
            pair => {
                let algorithm = opened.provider.pair_algorithm(spec)?;
                self.add_key(
                    context,
                    Key::Public(PublicHandle::of_pair(algorithm, pair?)),
                )
            }
        }
    }

    /// CPDuplicateKey: an independent copy, where it stands.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_KEY`; `ERROR_INVALID_PARAMETER` for flags that are not zero.
    pub fn duplicate_key(&self, context: usize, key: usize, flags: u32) -> Result<usize> {
        self.context(context)?;
        if flags != 0 {
            return Err(CspError::ERROR_INVALID_PARAMETER);
        }
        self.add_key(context, self.key_copy(context, key)?)
    }

    /// CPDestroyKey: ends a handle. A container's pair stays.
    ///
    /// # Errors
    /// `NTE_BAD_UID`, `NTE_BAD_KEY`.
    pub fn destroy_key(&self, context: usize, key: usize) -> Result<()> {
        self.context(context)?;
        self.remove_key(context, key)
    }

    /// Makes a pair where the context keeps the pairs of its algorithm.
    pub(super) fn new_pair(
        &self,
        context: &Context,
        algorithm: AlgId,
        new: NewPair,
    ) -> Result<Arc<KeyPair>> {
        match (KeySpec::of_algorithm(algorithm), &context.keyset) {
            (Some(spec), Keyset::Container { container, .. }) => {
                container.put_pair(spec, new, &self.identity()?, context)
            }
            (Some(spec), Keyset::Ephemeral(slots)) => {
                let pair = self.unrecorded_pair(context, spec, new)?;
                slots.set(spec, Some(Arc::clone(&pair)));
                Ok(pair)
            }
            // CALG_DH_EPHEM is never stored: its values go with its handle.
            (None, _) => self.unrecorded_pair(context, KeySpec::Exchange, new),
        }
    }

    /// A pair that lives as long as it is used, and that the module alone protects: no card outlives it.
    fn unrecorded_pair(
        &self,
        context: &Context,
        spec: KeySpec,
        new: NewPair,
    ) -> Result<Arc<KeyPair>> {
        let store = self.store(context.uses_pool())?;
        let interaction = context.interaction();
        let for_key = ForKey {
            session: store.session(),
            interaction: &interaction,
            spec,
            module: None,
        };
        for_key.protection(KeyProtection::Module)?;
        let loaded = match new {
            NewPair::Generated(params) => store.session().generate_ephemeral(params),
            NewPair::Imported(key) => store.session().import_ephemeral(key),
        };
        let loaded = loaded.map_err(failure::of_new_key)?;
        Ok(Arc::new(KeyPair::new(spec, loaded, None, None)?))
    }
}

/// Whether an algorithm's keys are pairs.
fn has_pairs(algorithm: AlgId) -> bool {
    matches!(
        algorithm.class(),
        ALG_CLASS_SIGNATURE | ALG_CLASS_KEY_EXCHANGE
    )
}

/// Refuses the flags that ask for a prompt where none may be shown. Elsewhere they ask for nothing: what protects keys is
/// the wizard's choice.
///
/// # Errors
/// `NTE_SILENT_CONTEXT`.
pub(super) fn check_prompts(context: &Context, flags: u32) -> Result<()> {
    let needs = |flag| flags & flag != 0;
    let silent =
        context.is_silent() && needs(CRYPT_USER_PROTECTED | CRYPT_FORCE_KEY_PROTECTION_HIGH);
    let unprotectable = context.is_ephemeral() && needs(CRYPT_FORCE_KEY_PROTECTION_HIGH);
    if silent || unprotectable {
        Err(CspError::NTE_SILENT_CONTEXT)
    } else {
        Ok(())
    }
}
