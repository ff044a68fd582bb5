//! Pairs that are made later than their handles (CRYPT_PREGEN): when KP_X is set, or else when they are first needed,
//! because not every layer above lets KP_X with its NULL through.
//!
//! Of a pair of CALG_DH_SF in a container each value is stored when it is set (Microsoft's page on Diffie-Hellman keys), so
//! that another process can go on where one ended. The pair that the slot had stays until the new one is made.

use std::sync::{Arc, Mutex, Weak};

use crate::constants::AlgId;
use crate::container::Container;
use crate::context::{Context, Keyset};
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::{Key, PublicHandle};
use crate::key_spec::KeySpec;
use crate::new_pair::NewPair;
use crate::pair::KeyPair;
use crate::pending::Pending;

impl Csp {
    /// A handle whose values are still to be set: CPGenKey with CRYPT_PREGEN.
    pub(super) fn pregen(
        &self,
        context: usize,
        opened: &Context,
        pending: Pending,
    ) -> Result<usize> {
        let spec = KeySpec::of_algorithm(pending.algorithm());
        let handle = self.add_key(context, Key::Pending(pending))?;
        if let Some(spec) = spec {
            let waiting = Arc::downgrade(&self.key(context, handle)?);
            lock(&opened.pending)[spec as usize] = waiting;
        }
        Ok(handle)
    }

    /// A handle to go on with the values that the container keeps for a slot: CPGetUserKey.
    ///
    /// # Errors
    /// `NTE_NO_KEY` when it keeps none.
    pub(super) fn resume(&self, context: usize, opened: &Context, spec: KeySpec) -> Result<usize> {
        let stored = stored(opened, spec)?.ok_or(CspError::NTE_NO_KEY)?;
        self.pregen(context, opened, stored)
    }

    /// Stores the values so far of a pair that the container is to have.
    ///
    /// # Errors
    /// Those of [`Container::set_unfinished`].
    pub(super) fn store_pending(&self, opened: &Context, pending: &Pending) -> Result<()> {
        match keeper(opened, pending.algorithm()) {
            Some(container) => container.set_unfinished(Some(pending.values()), &self.identity()?),
            None => Ok(()),
        }
    }

    /// The public key behind a handle, whose pair is made now if it was not before.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for a key of another kind; `NTE_BAD_KEY_STATE` while the pair lacks values, `NTE_BAD_DATA` when they
    /// make no group, and the module's.
    pub(super) fn complete(&self, opened: &Context, key: &Mutex<Key>) -> Result<PublicHandle> {
        // Held while the module works: whoever else needs this pair must wait for it.
        let mut key = lock(key);
        let pending = match &*key {
            Key::Public(handle) => return Ok(handle.clone()),
            Key::Pending(pending) => pending,
            Key::Session(_) | Key::Agreed(_) | Key::Master(_) => return Err(CspError::NTE_BAD_KEY),
        };
        let pair = self.make(opened, pending)?;
        let handle = PublicHandle::of_pair(pending.algorithm(), pair);
        *key = Key::Public(handle.clone());
        Ok(handle)
    }

    /// Makes the pair that a slot waits for, if there is one and its values are set.
    ///
    /// # Errors
    /// The module's.
    pub(super) fn complete_slot(&self, opened: &Context, spec: KeySpec) -> Result<()> {
        let waiting = std::mem::take(&mut lock(&opened.pending)[spec as usize]);
        let Some(key) = Weak::upgrade(&waiting) else {
            return match stored(opened, spec)? {
                Some(pending) if pending.group() != Err(CspError::NTE_BAD_KEY_STATE) => {
                    self.make(opened, &pending).map(drop)
                }
                _ => Ok(()),
            };
        };
        let is_ready = match &*lock(&key) {
            Key::Pending(pending) => pending.group().is_ok(),
            _ => return Ok(()),
        };
        if is_ready {
            self.complete(opened, &key).map(drop)
        } else {
            lock(&opened.pending)[spec as usize] = waiting;
            Ok(())
        }
    }

    fn make(&self, opened: &Context, pending: &Pending) -> Result<Arc<KeyPair>> {
        let algorithm = pending.algorithm();
        let made = pending
            .group()
            .and_then(|group| NewPair::generated_in(algorithm, &group))
            .and_then(|new| self.new_pair(opened, algorithm, new));
        if let (Err(CspError::NTE_BAD_DATA), Some(container)) = (&made, keeper(opened, algorithm)) {
            // Values that are no group would stand in the way of the slot for ever.
            container.set_unfinished(None, &self.identity()?)?;
        }
        made
    }
}

/// The container that keeps the values of such a pair while it is being made.
fn keeper(opened: &Context, algorithm: AlgId) -> Option<&Container> {
    match &opened.keyset {
        Keyset::Container { container, .. } if algorithm == AlgId::CALG_DH_SF => Some(container),
        _ => None,
    }
}

/// The values that a container keeps for a slot.
fn stored(opened: &Context, spec: KeySpec) -> Result<Option<Pending>> {
    let Ok(algorithm) = opened.provider.pair_algorithm(spec) else {
        return Ok(None);
    };
    let Some(container) = keeper(opened, algorithm) else {
        return Ok(None);
    };
    let values = container.unfinished()?;
    values
        .map(|values| Pending::resumed(opened.provider, values))
        .transpose()
}
