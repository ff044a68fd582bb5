//! Replacing the administrator card set: the keys of the world stay, under new tokens on new cards.

use std::sync::Arc;

use ncore::types::{
    Act, Action, AdminKey, AdminToken, BlobFormat, BlobFormatMkBlobParams,
    BlobFormatTokenMkBlobParams, Certificate, GenerateLogicalTokenArgs, GetACLArgs,
    LoadLogicalTokenArgs, MakeBlobArgs, PermissionGroup, TokenParams,
};

use super::authority::{self, NO_TOKEN};
use crate::cards::{CardSource, Cards, NewToken, Operator, Reading, SetName};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::kmdata::{AdminKeyRecord, AdminTokenRecord};
use crate::session::Session;
use crate::world::World;

impl Session {
    /// Replaces the administrator card set by one of the same size, with the same quora, and the world file with it. The
    /// old cards are read in full: as many as the most demanding token needs. They keep their content, which opens
    /// nothing of this host any more; one of a world of level 3 still proves that an operator is there, as the
    /// operators' cards do.
    ///
    /// The world file changes in one step, when every new card is written: before that the old cards are good, after it
    /// the new ones.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Cards`], [`Error::WrongPassphrase`], [`Error::NoSuchModule`], [`Error::IsPool`],
    /// [`Error::NoUsableModule`], [`Error::Parameters`] for a world whose keys cannot come under other tokens,
    /// [`Error::WrongKey`], [`Error::Malformed`], [`Error::Status`], [`Error::Connection`], [`Error::File`].
    pub fn replace_administrators(
        &self,
        module: u32,
        old: &CardSource,
        new: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<World, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        self.folder().check_writable()?;
        let known = self.known_cards(&world)?;
        let mut set = Replacing {
            client: Arc::clone(&client),
            module,
            world,
            tokens: Vec::new(),
            keys: Vec::new(),
            new: Vec::new(),
        };
        let cards = set.world.record.cards;
        // Both at once would need two operators.
        Cards::new(new, operator, SetName::Admin, known.clone()).check_enough(cards)?;
        set.load(&mut Cards::new(
            old,
            operator,
            SetName::Admin,
            known.clone(),
        ))?;
        let fips = set.authorisation(&client)?;
        let tokens = set.generate(new.is_soft(), &fips)?;
        let shared: Vec<NewToken> = tokens.iter().map(|token| token.shared()).collect();
        let mut written = Cards::new(new, operator, SetName::Admin, known);
        // Until the world file is written the old cards are the only ones.
        written.keep_administrators();
        written.learn_tokens(tokens.iter().map(|token| &token.record));
        written.write(&set.client, module, cards, None, &shared, Some(&fips))?;
        let mut world = set.world.clone();
        world.record.keys = set.wrap(&tokens)?;
        world.record.tokens = tokens.into_iter().map(|token| token.record).collect();
        self.folder().write_world(&world.hknso, &world.record)?;
        Ok(world)
    }
}

/// A world whose administrator cards are being replaced, as the module has it.
struct Replacing {
    client: Arc<Client>,
    module: u32,
    world: World,
    /// The tokens of the world, in the order of its file.
    tokens: Vec<KeyId>,
    /// The keys of the world, in the order of its file.
    keys: Vec<KeyId>,
    /// Identifiers of the tokens that take the place of the old ones.
    new: Vec<KeyId>,
}

/// A token that the new cards get a share of.
struct Token {
    id: KeyId,
    record: AdminTokenRecord,
}

impl Token {
    fn is_fips(&self) -> bool {
        self.record.role == AdminToken::FIPS.0
    }

    fn shared(&self) -> NewToken {
        NewToken {
            id: self.id,
            hkt: self.record.hkt,
            total: self.record.shares_total,
            open: self.is_fips(),
        }
    }
}

impl Replacing {
    /// Loads every token of the world with the old cards, and every key with the tokens.
    fn load(&mut self, cards: &mut Cards<'_>) -> Result<(), Error> {
        let mut readings = Vec::new();
        for record in &self.world.record.tokens {
            let args = LoadLogicalTokenArgs {
                module: self.module,
                hkt: record.hkt,
                hkm: record.hkm,
                params: record.token_params(),
            };
            let id = self.client.transact(args)?.idkt;
            self.tokens.push(id);
            readings.push(Reading {
                id,
                hkt: record.hkt,
                left: record.shares_needed,
            });
        }
        cards.read(&self.client, self.module, readings, false)?;
        for key in &self.world.record.keys {
            let token = self.token(key)?;
            let role = AdminKey(key.role);
            let id = authority::load_key(&self.client, self.module, &self.world, role, token)?;
            self.keys.push(id);
            self.check_movable(id)?;
        }
        Ok(())
    }

    /// Refuses a key that cannot come under another token, before a card is written.
    fn check_movable(&self, key: KeyId) -> Result<(), Error> {
        let args = GetACLArgs {
            key,
            ..GetACLArgs::default()
        };
        let acl = self.client.transact(args)?.acl.0;
        let moves = |group: &PermissionGroup| {
            let is_blob = |action: &Action| action.type_ == Act::MakeBlob;
            group.flags & PermissionGroup::NSO_CERTIFIED != 0 && group.actions.iter().any(is_blob)
        };
        match acl.groups.iter().any(moves) {
            true => Ok(()),
            false => {
                let text = "the world was made by an older version, whose keys stay under their cards for good";
                Err(Error::Parameters(text.to_owned()))
            }
        }
    }

    /// The loaded token that a key is under.
    fn token(&self, key: &AdminKeyRecord) -> Result<KeyId, Error> {
        let mut tokens = self.world.record.tokens.iter().zip(&self.tokens);
        let found = tokens.find(|(record, _)| record.role == key.token);
        found.map(|(_, id)| *id).ok_or(NO_TOKEN)
    }

    /// The loaded key of a role.
    fn key(&self, role: AdminKey) -> Option<KeyId> {
        let mut keys = self.world.record.keys.iter().zip(&self.keys);
        keys.find(|(record, _)| record.role == role.0)
            .map(|(_, id)| *id)
    }

    /// The authorisation of a world of level 3: its key is loaded already.
    fn authorisation<'c>(&self, client: &'c Client) -> Result<FipsAuthorisation<'c>, Error> {
        match self.key(AdminKey::FIPS) {
            Some(key) => {
                let tokens = self.world.record.tokens.iter().zip(&self.tokens);
                let mut fips = tokens.filter(|(record, _)| record.role == AdminToken::FIPS.0);
                let token = fips.next().map(|(_, id)| *id).ok_or(NO_TOKEN)?;
                FipsAuthorisation::by_loaded(client, &self.world, token, key)
            }
            None => Ok(FipsAuthorisation::none(client)),
        }
    }

    /// Makes a new token for each old one but LTFIPS, of which the operators' cards have shares.
    fn generate(&mut self, soft: bool, fips: &FipsAuthorisation<'_>) -> Result<Vec<Token>, Error> {
        let mut tokens = Vec::new();
        for (record, id) in self.world.record.tokens.iter().zip(&self.tokens) {
            if record.role == AdminToken::FIPS.0 {
                tokens.push(Token {
                    id: *id,
                    record: record.clone(),
                });
                continue;
            }
            let flags = match soft {
                true => record.flags | TokenParams::ALLOW_SOFT_SLOTS,
                false => record.flags & !TokenParams::ALLOW_SOFT_SLOTS,
            };
            let reply = fips.transact(GenerateLogicalTokenArgs {
                module: self.module,
                hkm: record.hkm,
                params: TokenParams {
                    flags,
                    ..record.token_params()
                },
            })?;
            self.new.push(reply.idkt);
            tokens.push(Token {
                id: reply.idkt,
                record: AdminTokenRecord {
                    hkt: reply.hkt,
                    flags,
                    ..record.clone()
                },
            });
        }
        Ok(tokens)
    }

    /// Wraps every key under the token that takes the place of its own, in KNSO's name.
    fn wrap(&self, tokens: &[Token]) -> Result<Vec<AdminKeyRecord>, Error> {
        let knso = self.key(AdminKey::NSO).ok_or(Error::Malformed {
            what: "world file: KNSO",
        })?;
        let by_knso = authority::signing_key(self.world.hknso, knso);
        let mut records = Vec::new();
        for (record, id) in self.world.record.keys.iter().zip(&self.keys) {
            let token = tokens
                .iter()
                .find(|token| token.record.role == record.token)
                .filter(|token| !token.is_fips());
            let blob = match token {
                Some(token) => self.wrapped(*id, token.id, record, &by_knso)?,
                None => record.blob.clone(),
            };
            records.push(AdminKeyRecord {
                blob,
                ..record.clone()
            });
        }
        Ok(records)
    }

    /// The blob of a key under a new token, from which it was loaded again.
    fn wrapped(
        &self,
        key: KeyId,
        idkt: KeyId,
        record: &AdminKeyRecord,
        by_knso: &Certificate,
    ) -> Result<Vec<u8>, Error> {
        let args = MakeBlobArgs {
            format: BlobFormat::Token,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt }),
            ..MakeBlobArgs::default()
        };
        let by_knso = std::slice::from_ref(by_knso);
        let blob = self.client.transact_certified(args, by_knso)?.blob;
        let again = self.client.load_blob(self.module, &blob, Some(idkt))?;
        let actual = self.client.key_info(again).map(|info| info.hash);
        self.client.destroy(again);
        match actual? {
            actual if actual == record.hash => Ok(blob),
            actual => Err(Error::WrongKey {
                place: "new blob of an administrator key".to_owned(),
                expected: record.hash,
                actual,
            }),
        }
    }
}

impl Drop for Replacing {
    fn drop(&mut self) {
        if self.client.is_lost() {
            return;
        }
        for id in self
            .new
            .drain(..)
            .chain(self.keys.drain(..))
            .chain(self.tokens.drain(..))
        {
            self.client.destroy(id);
        }
    }
}
