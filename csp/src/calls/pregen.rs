//! Pairs that are made later than their handles (CRYPT_PREGEN): when KP_X is set, or else when they are first needed,
//! because not every layer above lets KP_X with its NULL through.

use std::sync::{Arc, Mutex, Weak};

use crate::constants::AlgId;
use crate::context::Context;
use crate::csp::{Csp, lock};
use crate::error::{CspError, Result};
use crate::key::{Key, PublicHandle};
use crate::key_spec::KeySpec;
use crate::new_pair::NewPair;
use crate::pending::Pending;

impl Csp {
    /// CPGenKey with CRYPT_PREGEN: a handle whose values are still to be set.
    pub(super) fn pregen(
        &self,
        context: usize,
        opened: &Context,
        algorithm: AlgId,
        bits: u32,
    ) -> Result<usize> {
        let handle = self.add_key(context, Key::Pending(Pending::new(algorithm, bits)))?;
        if let Some(spec) = KeySpec::of_algorithm(algorithm) {
            let waiting = Arc::downgrade(&self.key(context, handle)?);
            lock(&opened.pending)[spec as usize] = waiting;
        }
        Ok(handle)
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
        let algorithm = pending.algorithm();
        let new = NewPair::generated_in(algorithm, &pending.group()?)?;
        let pair = self.new_pair(opened, algorithm, new)?;
        let handle = PublicHandle::of_pair(algorithm, pair);
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
            return Ok(());
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
}
