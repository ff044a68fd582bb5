//! Making a new world.

use ncore::client::Pending;
use ncore::codec;
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, AdminKey, AdminToken, GenerateKeyArgs, GenerateKeyPairArgs, GenerateLogicalTokenArgs,
    KeyGenParams, ModuleMode, NSOPerms, SetKMArgs, TokenParams,
};
use ncore::{Cmd, Status};

use super::certificates::{self, certify};
use super::params::WorldParams;
use super::{Admin, Unit};
use crate::Hash;
use crate::acl::{self, Op};
use crate::cards::{CardSource, Cards, Known, NewToken, Notice, Operator, SetName};
use crate::client::KeyId;
use crate::error::Error;
use crate::keygen::now;
use crate::kmdata::{AdminKeyRecord, AdminTokenRecord, ModuleRecord, WorldRecord};
use crate::modules::{Enquiry, Mode};
use crate::world::{NULL_MODULE_KEY, World};

impl Admin {
    /// Makes a world on the first of the modules and loads it on the others. What the folder held before is moved to
    /// `local<nn>` once the new world is complete in its module.
    ///
    /// # Errors
    /// [`Error::Parameters`], [`Error::Cards`], [`Error::NoSuchModule`], [`Error::IsPool`], [`Error::ModuleFailed`], [`Error::Status`], [`Error::Connection`],
    /// [`Error::File`].
    pub fn create(
        &self,
        modules: &[u32],
        params: &WorldParams,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<World, Error> {
        params.check()?;
        self.folder().check_writable()?;
        let old = World::read(self.folder())?;
        // No damaged file of the old world is in the way of a new one.
        let sets = match &old {
            Some(world) => self.folder().card_sets(&world.hknso)?.records,
            None => Vec::new(),
        };
        let known = Known::new(old.as_ref(), sets);
        let mut cards = Cards::new(source, operator, SetName::Admin, known);
        cards.check_enough(params.cards)?;
        let units = self.units(modules)?;
        let Some((first, others)) = units.split_first() else {
            return Err(Error::Parameters("no module".to_owned()));
        };
        cards.operator().notice(Notice::Creating {
            module: first.module,
        });
        first.look_at_cards(params.cards, &mut cards)?;
        cards.operator().begins()?;
        first.initialise(params.kml)?;
        let made = first
            .create(params, &mut cards)
            .and_then(|(world, module)| {
                self.folder().move_aside()?;
                self.folder().write_world(&world.hknso, &world.record)?;
                self.folder().write_module(&world.hknso, &module)?;
                Ok(world)
            });
        let world = made.inspect_err(|_| first.say_erased(old.is_some(), cards.operator()))?;
        cards.operator().notice(Notice::Created {
            module: first.module,
            hknso: world.hknso,
        });
        for unit in others {
            self.load_on(unit, &world, &mut cards, params.share_target, params.kml)?;
        }
        Ok(world)
    }
}

/// A token of the new world, as the module has it.
struct Token {
    id: KeyId,
    record: AdminTokenRecord,
}

impl Token {
    fn shared(&self) -> NewToken {
        NewToken {
            id: self.id,
            hkt: self.record.hkt,
            total: self.record.shares_total,
            open: self.record.role == AdminToken::FIPS.0,
        }
    }
}

/// A key of the new world, as the module has it.
struct Key {
    role: AdminKey,
    token: AdminToken,
    id: KeyId,
    hash: Hash,
    public: Vec<u8>,
}

/// A key pair that is being made.
struct KeyUnderWay {
    role: AdminKey,
    token: AdminToken,
    pending: Pending<GenerateKeyPairArgs>,
}

impl Unit<'_> {
    /// Looks at the cards while the module still has its world, so that whatever is wrong with them costs nothing.
    fn look_at_cards(&self, count: u32, cards: &mut Cards<'_>) -> Result<(), Error> {
        if cards.are_new() {
            return Ok(());
        }
        // Card files go into a module that works, and a reset loses less than what comes next.
        if cards.is_soft() && Enquiry::of(self.client, self.module)?.mode() != Mode::Operational {
            self.enter(ModuleMode::Operational)?;
        }
        match cards.look(self.client, self.module, count) {
            // A module without a security officer takes none, and has nothing to lose.
            Err(Error::Status {
                cmd: Cmd::InsertSoftToken,
                status: Status::InvalidState,
            }) => Ok(()),
            looked => looked.map_err(|error| self.named(error)),
        }
    }

    /// Makes a world on the module, which was initialised for it.
    fn create(
        &self,
        params: &WorldParams,
        cards: &mut Cards<'_>,
    ) -> Result<(World, ModuleRecord), Error> {
        let (early, late): (Vec<_>, Vec<_>) = params
            .tokens()
            .into_iter()
            .partition(|(role, _)| NULL_KEY_TOKENS.contains(role));
        let mut tokens = Tokens::default();
        for (role, needed) in early {
            tokens
                .0
                .push(self.generate_token(role, needed, NULL_MODULE_KEY, params, cards)?);
        }
        let km = self.module_key(params, &tokens)?;
        for (role, needed) in late {
            tokens
                .0
                .push(self.generate_token(role, needed, km.hash, params, cards)?);
        }
        let mut keys = vec![km];
        // The longest work first: two primes for each RSA key. The module does the rest meanwhile.
        let mut under_way = Vec::new();
        for pair in [&ENCRYPTION_KEYS[..], &SIGNING_KEYS[..]].concat() {
            under_way.extend(self.start_pair(pair, params, &tokens)?);
        }
        let shared: Vec<NewToken> = tokens.0.iter().map(Token::shared).collect();
        cards.learn_tokens(tokens.0.iter().map(|token| &token.record));
        // The cards are bound to no module key: they are read by modules that are in no world yet.
        cards.write(self.client, self.module, params.cards, None, &shared, None)?;
        for key in under_way {
            keys.push(self.finish_pair(key)?);
        }

        let keys = Keys(keys);
        let knso = keys.find(AdminKey::NSO)?;
        let certificates = self.certify(params, &keys)?;
        let module = self.module_record(
            keys.find(AdminKey::MC)?.id,
            params.suite,
            params.share_target,
        )?;
        let record = WorldRecord {
            cipher_suite: params.suite.code.0,
            created: now(),
            esn: self.esn.clone(),
            hkmwk: NULL_MODULE_KEY,
            module_key_type: params.suite.module_key_type().0,
            cards: params.cards,
            nso_timeout: params.timeout(),
            passphrase_min: params.passphrase_min,
            keys: keys
                .0
                .iter()
                .map(|key| self.key_record(key, &tokens))
                .collect::<Result<_, _>>()?,
            tokens: tokens.0.iter().map(|token| token.record.clone()).collect(),
            certificates,
            debug_for_all: params.features.debug_for_all,
            fips_140_3: params.fips_140_3,
            modes: params.modes(),
        };
        // From here on the module obeys the new security officer; nothing that needs one is left to do.
        let public = public_operations(params.features.debug_for_all);
        let world = World {
            hknso: knso.hash,
            record,
        };
        self.set_officer(world.hknso, public, world.modes())?;
        self.enter(ModuleMode::Operational)?;
        Ok((world, module))
    }

    fn generate_token(
        &self,
        role: AdminToken,
        needed: u32,
        hkm: Hash,
        params: &WorldParams,
        cards: &Cards<'_>,
    ) -> Result<Token, Error> {
        // Whatever slot a card is in, it proves that somebody is there.
        let flags = if cards.is_soft() || role == AdminToken::FIPS {
            TokenParams::ALLOW_SOFT_SLOTS
        } else {
            0
        };
        let params = TokenParams {
            flags,
            sharesneeded: needed,
            sharestotal: params.cards,
            timelimit: params.timeout(),
        };
        let args = GenerateLogicalTokenArgs {
            module: self.module,
            hkm,
            params: params.clone(),
        };
        let reply = self.client.transact(args)?;
        let record = AdminTokenRecord {
            role: role.0,
            hkt: reply.hkt,
            hkm,
            flags: params.flags,
            shares_needed: params.sharesneeded,
            shares_total: params.sharestotal,
            time_limit: params.timelimit,
        };
        Ok(Token {
            id: reply.idkt,
            record,
        })
    }

    /// Makes KM and makes it a module key.
    fn module_key(&self, params: &WorldParams, tokens: &Tokens) -> Result<Key, Error> {
        let hkt = tokens.find(AdminToken::M)?.record.hkt;
        let args = GenerateKeyArgs {
            module: self.module,
            params: params.suite.module_key(),
            acl: acl::admin_key(Op::USE_AS_KM | Op::GET_ACL, hkt, true, params.timeout()),
            ..GenerateKeyArgs::default()
        };
        let id = self.client.transact(args)?.key;
        let hash = self.client.key_info(id)?.hash;
        self.client.transact(SetKMArgs {
            module: self.module,
            idka: id,
            ..SetKMArgs::default()
        })?;
        Ok(Key {
            role: AdminKey::M,
            token: AdminToken::M,
            id,
            hash,
            public: Vec::new(),
        })
    }

    /// Sets a key pair going. None when the world has no token for it.
    fn start_pair(
        &self,
        pair: Pair,
        params: &WorldParams,
        tokens: &Tokens,
    ) -> Result<Option<KeyUnderWay>, Error> {
        let Pair {
            role,
            token,
            permissions,
        } = pair;
        let Ok(under) = tokens.find(token) else {
            return Ok(None);
        };
        let (hkt, null) = (under.record.hkt, under.record.hkm == NULL_MODULE_KEY);
        let aclpriv: ACL = match role {
            AdminKey::NSO => acl::security_officer_key(hkt, params.timeout()),
            _ => acl::admin_key(permissions, hkt, null, params.timeout()),
        };
        let made_of: KeyGenParams = match role {
            AdminKey::RE | AdminKey::P => params.suite.encryption_key(),
            _ => params.suite.signing_key(),
        };
        let pending = self.client.submit(GenerateKeyPairArgs {
            module: self.module,
            params: made_of,
            aclpriv,
            aclpub: acl::admin_public_key(),
            ..GenerateKeyPairArgs::default()
        })?;
        Ok(Some(KeyUnderWay {
            role,
            token,
            pending,
        }))
    }

    fn finish_pair(&self, key: KeyUnderWay) -> Result<Key, Error> {
        let reply = self.client.wait(key.pending)?;
        let public = self.client.export(reply.keypub)?;
        self.client.destroy(reply.keypub);
        let public =
            codec::to_bytes(&public, &WireProfile::DEFAULT).map_err(|_| Error::Malformed {
                what: "the module's public key",
            })?;
        let hash = self.client.key_info(reply.keypriv)?.hash;
        Ok(Key {
            role: key.role,
            token: key.token,
            id: reply.keypriv,
            hash,
            public,
        })
    }

    fn key_record(&self, key: &Key, tokens: &Tokens) -> Result<AdminKeyRecord, Error> {
        Ok(AdminKeyRecord {
            role: key.role.0,
            hash: key.hash,
            token: key.token.0,
            blob: self.client.token_blob(key.id, tokens.find(key.token)?.id)?,
            public: key.public.clone(),
        })
    }

    /// Has KNSO sign everything that binds the world together.
    fn certify(
        &self,
        params: &WorldParams,
        keys: &Keys,
    ) -> Result<Vec<crate::kmdata::CertificateRecord>, Error> {
        let knso = keys.find(AdminKey::NSO)?;
        let hash = |role| keys.find(role).ok().map(|key| key.hash);
        let messages = certificates::messages(params.suite, &hash)?;
        let sign = |(entry, message)| {
            certify(
                self.client,
                knso.id,
                params.suite.signing_mech(),
                entry,
                message,
            )
        };
        messages.into_iter().map(sign).collect()
    }
}

/// The tokens that must be readable before a module is in the world.
const NULL_KEY_TOKENS: [AdminToken; 2] = [AdminToken::NSO, AdminToken::M];

/// An administrator key pair: its token, and what its private half may be used for while the authorisation lasts.
#[derive(Clone, Copy)]
struct Pair {
    role: AdminKey,
    token: AdminToken,
    permissions: u32,
}

const CERTIFY: u32 = Op::SIGN | Op::USE_AS_CERTIFICATE | Op::GET_ACL;
const UNWRAP: u32 = Op::DECRYPT | Op::USE_AS_BLOB_KEY | Op::GET_ACL;

/// The keys that others encrypt to.
const ENCRYPTION_KEYS: [Pair; 2] = [
    Pair {
        role: AdminKey::RE,
        token: AdminToken::R,
        permissions: UNWRAP,
    },
    Pair {
        role: AdminKey::P,
        token: AdminToken::P,
        permissions: UNWRAP,
    },
];

/// The keys that sign or stand behind commands.
const SIGNING_KEYS: [Pair; 8] = [
    Pair {
        role: AdminKey::NSO,
        token: AdminToken::NSO,
        permissions: CERTIFY,
    },
    Pair {
        role: AdminKey::MC,
        token: AdminToken::M,
        permissions: Op::SIGN | Op::GET_ACL,
    },
    Pair {
        role: AdminKey::RA,
        token: AdminToken::R,
        permissions: CERTIFY,
    },
    Pair {
        role: AdminKey::NV,
        token: AdminToken::NV,
        permissions: CERTIFY,
    },
    Pair {
        role: AdminKey::RTC,
        token: AdminToken::RTC,
        permissions: CERTIFY,
    },
    Pair {
        role: AdminKey::DSEE,
        token: AdminToken::DSEE,
        permissions: CERTIFY,
    },
    Pair {
        role: AdminKey::FIPS,
        token: AdminToken::FIPS,
        permissions: Op::USE_AS_CERTIFICATE | Op::GET_ACL,
    },
    Pair {
        role: AdminKey::FTO,
        token: AdminToken::FTO,
        permissions: CERTIFY,
    },
];

/// What anyone may do on a module of the world. The rest needs the security officer's key, or one it delegated to.
pub(super) fn public_operations(debug_for_all: bool) -> u32 {
    let officer = NSOPerms::OPS_SET_KM
        | NSOPerms::OPS_REMOVE_KM
        | NSOPerms::OPS_NV_MEM_ALLOC
        | NSOPerms::OPS_NV_MEM_FREE
        | NSOPerms::OPS_SET_RTC
        | NSOPerms::OPS_FOREIGN_TOKEN_OPEN
        | if debug_for_all {
            0
        } else {
            NSOPerms::OPS_DEBUG_SEE_WORLD
        };
    acl::ALL_OPERATIONS & !officer
}

#[derive(Default)]
struct Tokens(Vec<Token>);

impl Tokens {
    fn find(&self, role: AdminToken) -> Result<&Token, Error> {
        self.0
            .iter()
            .find(|token| token.record.role == role.0)
            .ok_or(Error::Malformed { what: "new world" })
    }
}

struct Keys(Vec<Key>);

impl Keys {
    fn find(&self, role: AdminKey) -> Result<&Key, Error> {
        self.0
            .iter()
            .find(|key| key.role == role)
            .ok_or(Error::Malformed { what: "new world" })
    }
}
