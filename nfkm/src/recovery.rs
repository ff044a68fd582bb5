//! Keys of lost cards: brought back from their recovery copies with the administrator cards, and put under another card
//! set or softcard.

use std::sync::Arc;

use ncore::types::{
    AdminKey, AdminToken, BlobFormat, BlobFormatMkBlobParams, BlobFormatTokenMkBlobParams,
    MakeBlobArgs, NFKMNKF,
};

use crate::cards::{CardSource, Cards, Operator, SetName};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::kmdata::{EntryContent, KeyRecord};
use crate::session::Session;
use crate::token::LoadedToken;
use crate::world::World;
use crate::world::admin::authority;
use crate::{EntryName, Hash};

/// The right to recover keys, on one module: KRE, which opens their recovery copies, and KRA, which may put them under
/// another token. It lasts as long as the administrator's authorisation.
pub struct Recovery {
    session: Session,
    client: Arc<Client>,
    module: u32,
    world: World,
    /// LTR, and what was loaded with it; dropped together.
    loaded: Vec<KeyId>,
    kre: KeyId,
    kra: KeyId,
    hkra: Hash,
}

/// A key under its new card set or softcard, not yet saved.
pub struct RecoveredKey {
    session: Session,
    world: Hash,
    name: EntryName,
    record: Box<KeyRecord>,
}

impl RecoveredKey {
    /// Which key it is.
    pub fn name(&self) -> &EntryName {
        &self.name
    }

    /// Hash of the card set or softcard it is under now.
    pub fn target(&self) -> Option<Hash> {
        self.record.cardset
    }

    /// Replaces the key's file. Loaded copies of the key stay.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`].
    pub fn save(self) -> Result<(), Error> {
        let content = EntryContent::Key(self.record);
        self.session
            .folder()
            .replace_entry(&self.world, &self.name, content)
    }
}

impl Session {
    /// Loads the recovery keys with the administrator cards, which may leave after that.
    ///
    /// # Errors
    /// [`Error::Parameters`] in a world without recovery; [`Error::Cards`], [`Error::WrongPassphrase`],
    /// [`Error::NoSuchModule`], [`Error::NoUsableModule`], [`Error::Status`], [`Error::Connection`].
    pub fn open_recovery(
        &self,
        module: u32,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<Recovery, Error> {
        let world = World::required(self.folder())?;
        let (true, Some(hkra)) = (world.has_recovery(), world.hash(AdminKey::RA)) else {
            return Err(Error::Parameters(
                "the world does not allow the recovery of keys".to_owned(),
            ));
        };
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        let known = self.known_cards(&world)?;
        let mut cards = Cards::new(source, operator, SetName::Admin, known);
        let token = authority::load_token(&client, module, &world, AdminToken::R, &mut cards)?;
        let mut recovery = Recovery {
            session: self.clone(),
            client,
            module,
            world,
            loaded: vec![token],
            kre: 0,
            kra: 0,
            hkra,
        };
        recovery.kre = recovery.load(AdminKey::RE, token)?;
        recovery.kra = recovery.load(AdminKey::RA, token)?;
        Ok(recovery)
    }
}

impl Recovery {
    /// Puts a key under another card set, or another softcard. Nothing changes on the host before that is saved.
    ///
    /// # Errors
    /// [`Error::Parameters`] for a key without a recovery copy, one that no cards protect, and one that would change the
    /// kind of its protection; [`Error::NotFound`], [`Error::WrongContent`], [`Error::Corrupt`], [`Error::WrongKey`],
    /// [`Error::Status`], [`Error::Connection`].
    pub fn recover(&self, name: &EntryName, target: &LoadedToken) -> Result<RecoveredKey, Error> {
        let folder = self.session.folder();
        let EntryContent::Key(mut record) = folder.entry(&self.world.hknso, name)? else {
            let path = folder.entry_path(name);
            return Err(Error::WrongContent { path, opaque: true });
        };
        check_protection(&record, name, target)?;
        record.blob = self.rewrapped(&record, name, target)?;
        record.cardset = Some(target.hash());
        Ok(RecoveredKey {
            session: self.session.clone(),
            world: self.world.hknso,
            name: name.clone(),
            record,
        })
    }

    /// The blob of a key under another token.
    fn rewrapped(
        &self,
        record: &KeyRecord,
        name: &EntryName,
        target: &LoadedToken,
    ) -> Result<Vec<u8>, Error> {
        let copy = record.recovery.as_ref().ok_or_else(|| {
            Error::Parameters(format!("{name}: the key was made without a recovery copy"))
        })?;
        let idkt = target.on(self.module).ok_or_else(|| {
            Error::Parameters(format!(
                "the target is not loaded on module #{}",
                self.module
            ))
        })?;
        let key = self
            .client
            .load_blob(self.module, &copy.blob, Some(self.kre))?;
        let blob = self
            .client
            .key_info(key)
            .and_then(|info| match info.hash == record.hash {
                true => self.token_blob(key, idkt),
                false => Err(Error::WrongKey {
                    place: format!("recovery copy of {name}"),
                    expected: record.hash,
                    actual: info.hash,
                }),
            });
        self.client.destroy(key);
        blob
    }

    /// Wraps a key under a token in KRA's name.
    fn token_blob(&self, key: KeyId, idkt: KeyId) -> Result<Vec<u8>, Error> {
        let args = MakeBlobArgs {
            format: BlobFormat::Token,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt }),
            ..MakeBlobArgs::default()
        };
        let by_kra = authority::signing_key(self.hkra, self.kra);
        Ok(self.client.transact_certified(args, &[by_kra])?.blob)
    }

    fn load(&mut self, role: AdminKey, token: KeyId) -> Result<KeyId, Error> {
        let key = authority::load_key(&self.client, self.module, &self.world, role, token)?;
        self.loaded.push(key);
        Ok(key)
    }
}

impl Drop for Recovery {
    fn drop(&mut self) {
        if self.client.is_lost() {
            return;
        }
        for id in self.loaded.drain(..).rev() {
            self.client.destroy(id);
        }
    }
}

/// Keys of card sets go to card sets, keys of softcards to softcards.
fn check_protection(
    record: &KeyRecord,
    name: &EntryName,
    target: &LoadedToken,
) -> Result<(), Error> {
    let wanted = if target.is_softcard() {
        (NFKMNKF::ProtectionPassPhrase, "softcard")
    } else {
        (NFKMNKF::ProtectionCardSet, "card set")
    };
    match record.flags & NFKMNKF::Protection_mask.0 == wanted.0.0 {
        true => Ok(()),
        false => Err(Error::Parameters(format!(
            "{name}: the key is not protected by a {}",
            wanted.1
        ))),
    }
}
