//! Containers: named places of up to two key pairs, kept as opaque entries of the Security World (CAPI guide, sections 7
//! and 11). A container holds no key, only which keys are its own.

pub mod admin;
pub(crate) mod id;
pub(crate) mod record;
pub(crate) mod store;

use std::sync::{Arc, Mutex};

use ncore::types::KeyGenParams;
use nfkm::{IdentRule, InNvram, LoadedKey, NewKey};

use self::record::{Record, Slot, Unfinished};
use self::store::{APPNAME, Changing, Store};
use crate::context::Context;
use crate::csp::lock;
use crate::error::{CspError, Result};
use crate::failure;
use crate::identity::Identity;
use crate::key_spec::KeySpec;
use crate::new_pair::NewPair;
use crate::pair::{Home, KeyPair, Slots};
use crate::prompt::Interaction;
use crate::protection::ForKey;
use crate::security::{Descriptor, Right};

/// An open container. All contexts that have it open in this process share one, and with it the loaded keys: a key made
/// through one context is seen by the others at once.
#[derive(Debug)]
pub(crate) struct Container {
    store: Arc<Store>,
    ident: String,
    slots: Slots,
    /// Held while a key is loaded, so that threads asking for it at once load it once.
    loading: Mutex<()>,
}

impl Container {
    pub(super) fn new(store: Arc<Store>, ident: String) -> Container {
        Container {
            store,
            ident,
            slots: Slots::default(),
            loading: Mutex::default(),
        }
    }

    /// Ident of the entry, which serves as the unique name.
    pub(crate) fn ident(&self) -> &str {
        &self.ident
    }

    /// The pair of a slot as it is now, also after another process has replaced it.
    ///
    /// # Errors
    /// `NTE_NO_KEY` when the slot is empty, its key's entry is missing, or the container was deleted; those of
    /// [`ForKey::load`].
    pub(crate) fn pair(&self, spec: KeySpec, context: &Context) -> Result<Arc<KeyPair>> {
        loop {
            let slot = self.slot(spec)?;
            match self.pair_of(spec, &slot, context) {
                // Another process may have put a new pair into the slot since it was read, and deleted this one.
                Err(CspError::NTE_NO_KEY) if self.slot(spec)?.ident != slot.ident => {}
                pair => return pair,
            }
        }
    }

    fn slot(&self, spec: KeySpec) -> Result<Slot> {
        let mut record = match self.store.read(&self.ident) {
            Err(CspError::NTE_BAD_KEYSET) => return Err(CspError::NTE_NO_KEY),
            record => record?,
        };
        record.slots[spec as usize]
            .take()
            .ok_or(CspError::NTE_NO_KEY)
    }

    fn pair_of(&self, spec: KeySpec, slot: &Slot, context: &Context) -> Result<Arc<KeyPair>> {
        let in_slot = || {
            let pair = self.slots.get(spec);
            pair.filter(|pair| pair.ident().as_ref() == Some(&slot.ident))
        };
        // Not to wait for another slot's key, which may be waiting for its card.
        if let Some(pair) = in_slot() {
            return Ok(pair);
        }
        let _one_at_a_time = lock(&self.loading);
        if let Some(pair) = in_slot() {
            return Ok(pair);
        }
        let interaction = context.interaction();
        let loaded = self
            .for_key(spec, &interaction)
            .load(&slot.appname, &slot.ident)?;
        let home = Home {
            session: self.store.session().clone(),
            appname: slot.appname.clone(),
        };
        let pair = KeyPair::new(spec, loaded, Some(home), slot.certificate.clone())?;
        let pair = Arc::new(pair);
        self.slots.set(spec, Some(Arc::clone(&pair)));
        Ok(pair)
    }

    /// The pair of a slot, without a look at the entry when it is loaded: what signing uses.
    ///
    /// # Errors
    /// As [`Container::pair`].
    pub(crate) fn loaded_pair(&self, spec: KeySpec, context: &Context) -> Result<Arc<KeyPair>> {
        match self.slots.get(spec) {
            Some(pair) => Ok(pair),
            None => self.pair(spec, context),
        }
    }

    /// Makes a pair, records it, and puts it in its slot in place of an older one.
    ///
    /// # Errors
    /// `NTE_BAD_KEYSET` when the container was deleted, `NTE_PERM` when the user may not write to it, those of
    /// [`ForKey::protection`] and [`ForKey::nvram_authority`], and the module's.
    pub(crate) fn put_pair(
        &self,
        spec: KeySpec,
        new: NewPair,
        user: &Identity,
        context: &Context,
    ) -> Result<Arc<KeyPair>> {
        let record = self.writable(user)?;
        let session = self.store.session();
        let interaction = context.interaction();
        let wanted = interaction.setup.protection;
        let for_key = self.for_key(spec, &interaction);
        let request = |params, protection| NewKey {
            appname: APPNAME.to_owned(),
            ident: IdentRule::KeyHash,
            plainname: Some(record.name.clone()).filter(|name| !name.is_empty()),
            params,
            recovery: true,
            protection,
        };
        let what = context.in_nvram();
        match new {
            NewPair::Generated(params) if what == InNvram::default() => {
                let request = request(params, for_key.protection(wanted)?);
                let loaded = session.generate_key_pair(&request);
                let loaded = loaded.map_err(failure::of_new_key)?;
                self.adopt(&self.store.changing()?, spec, loaded)
            }
            NewPair::Generated(params) => {
                // The administrator cards first: they may have to leave the reader for the operator's.
                let authority = for_key.nvram_authority()?;
                let on_its_module = ForKey {
                    module: Some(authority.module().number),
                    ..for_key
                };
                let request = request(params, on_its_module.protection(wanted)?);
                let loaded = authority.generate_key_pair(&request, what);
                let loaded = loaded.map_err(failure::of_key_in_nvram)?;
                self.adopt(&self.store.changing()?, spec, loaded)
            }
            NewPair::Imported(key) => {
                let request = request(KeyGenParams::default(), for_key.protection(wanted)?);
                // A key that is imported may be one that another container is about to let go of.
                let turn = self.store.changing()?;
                let loaded = session.import_key_pair(&request, key);
                self.adopt(&turn, spec, loaded.map_err(failure::of_new_key)?)
            }
        }
    }

    fn for_key<'a>(&'a self, spec: KeySpec, interaction: &'a Interaction) -> ForKey<'a> {
        ForKey {
            session: self.store.session(),
            interaction,
            spec,
            module: None,
        }
    }

    /// Stores a certificate with a pair (KP_CERTIFICATE).
    ///
    /// # Errors
    /// `NTE_NO_KEY` when the slot has another key by now; else as [`Container::put_pair`].
    pub(crate) fn set_certificate(
        &self,
        pair: &KeyPair,
        certificate: Vec<u8>,
        user: &Identity,
    ) -> Result<()> {
        let turn = self.store.changing()?;
        let mut record = self.writable(user)?;
        match &mut record.slots[pair.spec() as usize] {
            Some(slot) if Some(&slot.ident) == pair.ident().as_ref() => {
                slot.certificate = Some(certificate.clone())
            }
            _ => return Err(CspError::NTE_NO_KEY),
        }
        self.store.write(&turn, &self.ident, &record)?;
        pair.set_certificate(certificate);
        Ok(())
    }

    /// The values of the pair that is being made for the exchange slot, whoever set them.
    ///
    /// # Errors
    /// The file system's, `NTE_KEYSET_ENTRY_BAD`.
    pub(crate) fn unfinished(&self) -> Result<Option<Unfinished>> {
        match self.store.read(&self.ident) {
            Err(CspError::NTE_BAD_KEYSET) => Ok(None),
            record => Ok(record?.unfinished),
        }
    }

    /// Stores the values of the pair that is being made for the exchange slot, or none.
    ///
    /// # Errors
    /// `NTE_BAD_KEYSET` when the container was deleted, `NTE_PERM` when the user may not write to it.
    pub(crate) fn set_unfinished(
        &self,
        unfinished: Option<Unfinished>,
        user: &Identity,
    ) -> Result<()> {
        let turn = self.store.changing()?;
        let mut record = self.writable(user)?;
        record.unfinished = unfinished;
        self.store.write(&turn, &self.ident, &record)
    }

    /// The security descriptor.
    ///
    /// # Errors
    /// `NTE_BAD_KEYSET` when the container was deleted.
    pub(crate) fn descriptor(&self) -> Result<Descriptor> {
        Ok(self.store.read(&self.ident)?.descriptor)
    }

    /// Replaces parts of the security descriptor.
    ///
    /// # Errors
    /// `NTE_PERM` when the user has not all of `rights`; else as [`Container::descriptor`].
    pub(crate) fn set_descriptor(
        &self,
        parts: u32,
        from: Descriptor,
        rights: &[Right],
        user: &Identity,
    ) -> Result<()> {
        let turn = self.store.changing()?;
        let mut record = self.store.read(&self.ident)?;
        if !rights
            .iter()
            .all(|right| self.store.allows(&self.ident, &record, user, *right))
        {
            return Err(CspError::NTE_PERM);
        }
        record.descriptor.replace(parts, from);
        self.store.write(&turn, &self.ident, &record)
    }

    /// The container was deleted: contexts that still have it open find no keys.
    pub(super) fn forget_keys(&self) {
        self.slots.set(KeySpec::Exchange, None);
        self.slots.set(KeySpec::Signature, None);
    }

    fn writable(&self, user: &Identity) -> Result<Record> {
        let record = self.store.read(&self.ident)?;
        match self.store.allows(&self.ident, &record, user, Right::Write) {
            true => Ok(record),
            false => Err(CspError::NTE_PERM),
        }
    }

    /// Puts a recorded key into its slot, and lets go of the one it replaces.
    fn adopt(&self, turn: &Changing<'_>, spec: KeySpec, loaded: LoadedKey) -> Result<Arc<KeyPair>> {
        let ident = loaded.ident().ok_or(CspError::NTE_FAIL)?.to_owned();
        let slot = Slot {
            appname: APPNAME.to_owned(),
            ident,
            certificate: None,
        };
        let home = Home {
            session: self.store.session().clone(),
            appname: APPNAME.to_owned(),
        };
        let pair = Arc::new(KeyPair::new(spec, loaded, Some(home), None)?);
        // Read again: making the key took a while.
        let updated = self.store.read(&self.ident).and_then(|mut record| {
            let old = record.slots[spec as usize].replace(slot.clone());
            if spec == KeySpec::Exchange {
                record.unfinished = None;
            }
            self.store.write(turn, &self.ident, &record)?;
            Ok(old)
        });
        let old = updated.inspect_err(|_| self.store.delete_key(turn, &slot))?;
        self.slots.set(spec, Some(Arc::clone(&pair)));
        if let Some(old) = old.filter(|old| old.ident != slot.ident) {
            self.store.delete_key(turn, &old);
        }
        Ok(pair)
    }
}
