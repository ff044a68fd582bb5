//! Authorisation in worlds of FIPS 140 level 3: any card of the world proves that an operator is there (PROTOCOL section
//! 4.7). Every administrator and operator card carries a share of LTFIPS, which one card opens; KFIPS under it stands behind
//! the command, to which KNSO delegated that in the world file.

use std::path::PathBuf;

use ncore::message::Request;
use ncore::types::{
    AdminKey, AdminToken, Certificate, GetSlotInfoArgs, GetSlotListArgs, KeyMgmtEntType,
    LoadLogicalTokenArgs, PhysToken, ReadShareArgs,
};

use crate::Hash;
use crate::cards::InSlot;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::kmdata::AdminTokenRecord;
use crate::modules;
use crate::preload::{Preload, PreloadedFips};
use crate::session::Session;
use crate::world::World;
use crate::world::admin::authority;

/// What stands behind commands that make, import or write: nothing in a world of another mode.
pub(crate) struct FipsAuthorisation<'a> {
    client: &'a Client,
    loaded: Option<Loaded>,
}

struct Loaded {
    token: KeyId,
    key: KeyId,
    certificates: Vec<Certificate>,
    /// Whether somebody else loaded the two, and takes care of them.
    borrowed: bool,
}

impl<'a> FipsAuthorisation<'a> {
    /// Takes the authorisation that another process keeps loaded, or that of any card of the world in a slot of the module or
    /// in a card file that the session was given for it, if the world asks for it. It is kept when the card leaves.
    ///
    /// # Errors
    /// [`Error::NeedsFipsCard`] without a card, [`Error::Malformed`] for a world file that lacks what it needs,
    /// [`Error::WrongKey`], [`Error::File`], [`Error::Status`], [`Error::Connection`].
    pub(crate) fn obtain(
        session: &Session,
        client: &'a Client,
        module: u32,
        world: &World,
    ) -> Result<FipsAuthorisation<'a>, Error> {
        let mut authorisation = FipsAuthorisation::none(client);
        if world.is_strict_fips() {
            authorisation.loaded = preloaded(client, module, world)?;
        }
        if world.is_strict_fips() && authorisation.loaded.is_none() {
            let token = read_token(client, module, world, session.authorising_files())?;
            match loaded(client, module, world, token) {
                Ok(loaded) => authorisation.loaded = Some(loaded),
                Err(error) => {
                    client.destroy(token);
                    return Err(error);
                }
            }
        }
        Ok(authorisation)
    }

    /// With LTFIPS and KFIPS as somebody else has loaded them.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a world file that lacks the delegation.
    pub(crate) fn by_loaded(
        client: &'a Client,
        world: &World,
        token: KeyId,
        key: KeyId,
    ) -> Result<FipsAuthorisation<'a>, Error> {
        let entry = KeyMgmtEntType::CertDelgFIPSbNSO;
        let loaded = Loaded {
            token,
            key,
            certificates: authority::delegated(world, AdminKey::FIPS, entry, key)?,
            borrowed: true,
        };
        Ok(FipsAuthorisation {
            client,
            loaded: Some(loaded),
        })
    }

    /// Without an authorisation, where none is asked for.
    pub(crate) fn none(client: &'a Client) -> FipsAuthorisation<'a> {
        FipsAuthorisation {
            client,
            loaded: None,
        }
    }

    /// Sends a command that needs the authorisation.
    ///
    /// # Errors
    /// Those of [`Client::transact`].
    pub(crate) fn transact<R: Request>(&self, args: R) -> Result<R::Reply, Error> {
        match &self.loaded {
            Some(loaded) => self.client.transact_certified(args, &loaded.certificates),
            None => self.client.transact(args),
        }
    }

    /// LTFIPS as it is loaded, of which new cards get a share too.
    pub(crate) fn token(&self) -> Option<KeyId> {
        self.loaded.as_ref().map(|loaded| loaded.token)
    }
}

impl Session {
    /// Takes the authorisation on a module and keeps it there as long as this client lives, for the programs that `preload`
    /// tells of it. Whether there is one to take: only a world of FIPS 140 level 3 asks for it.
    ///
    /// # Errors
    /// [`Error::NeedsFipsCard`] without a card, [`Error::NoWorld`], [`Error::Status`], [`Error::Connection`].
    pub fn preload_authorisation(&self, module: u32, preload: &mut Preload) -> Result<bool, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let mut authorisation = FipsAuthorisation::obtain(self, &client, module, &world)?;
        let Some(loaded) = authorisation.loaded.take() else {
            return Ok(false);
        };
        preload.fips.retain(|old| old.module != module);
        preload.fips.push(PreloadedFips {
            hash: world.hash(AdminKey::FIPS).unwrap_or_default(),
            module,
            token: loaded.token,
            key: loaded.key,
        });
        Ok(true)
    }

    /// Whether another process keeps the authorisation loaded on the module, so that no card is needed there.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Malformed`] for a world file that lacks the delegation, [`Error::Connection`].
    pub fn has_preloaded_authorisation(&self, module: u32) -> Result<bool, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        Ok(preloaded(&client, module, &world)?.is_some())
    }

    /// Takes the authorisation for a moment: that it is to be had is all that an import of a public key needs, which no
    /// module does.
    ///
    /// # Errors
    /// [`Error::NeedsFipsCard`] when the world asks for it and no usable module has a card; [`Error::NoWorld`],
    /// [`Error::NoUsableModule`], and the others of making a key.
    pub fn check_authorisation(&self) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        if !world.is_strict_fips() {
            return Ok(());
        }
        let client = self.client()?;
        let mut last = None;
        // A pool has no slots: its members have.
        for module in modules::survey(&client, self.folder(), Some(&world))? {
            if !module.is_usable() || module.is_pool() {
                continue;
            }
            match FipsAuthorisation::obtain(self, &client, module.number, &world) {
                Err(error) if error.is_another_modules() => last = Some(error),
                result => return result.map(drop),
            }
        }
        Err(last.unwrap_or(Error::NoUsableModule { cause: None }))
    }
}

impl Drop for FipsAuthorisation<'_> {
    fn drop(&mut self) {
        let own = self.loaded.take().filter(|loaded| !loaded.borrowed);
        if let Some(loaded) = own.filter(|_| !self.client.is_lost()) {
            self.client.destroy(loaded.key);
            self.client.destroy(loaded.token);
        }
    }
}

/// Loads LTFIPS with the first card that has a share of it: one in a slot, or one in these files.
fn read_token(
    client: &Client,
    module: u32,
    world: &World,
    files: &[PathBuf],
) -> Result<KeyId, Error> {
    let record = world.token(AdminToken::FIPS).ok_or(Error::Malformed {
        what: "world file: the token for FIPS 140 level 3",
    })?;
    let slots = client.transact(GetSlotListArgs { module })?.slots;
    for place in slots.into_iter().map(|slot| slot.token) {
        if let Some(token) = open(client, &place, record)? {
            return Ok(token);
        }
    }
    for file in files.iter().filter(|file| file.exists()) {
        let card = InSlot::put_in(client, module, file)?;
        let opened = match card.is_taken() {
            true => open(client, &card.token, record),
            false => Ok(None),
        };
        card.take_out(client, false)?;
        if let Some(token) = opened? {
            return Ok(token);
        }
    }
    Err(Error::NeedsFipsCard { module })
}

/// Loads LTFIPS with the card in a slot; None if there is none that has a share of it.
fn open(
    client: &Client,
    place: &PhysToken,
    record: &AdminTokenRecord,
) -> Result<Option<KeyId>, Error> {
    let Some(index) = share_in(client, place, &record.hkt) else {
        return Ok(None);
    };
    let args = LoadLogicalTokenArgs {
        module: place.module,
        hkt: record.hkt,
        hkm: record.hkm,
        params: record.token_params(),
    };
    let token = client.transact(args)?.idkt;
    // It has no pass phrase: that a card is there is enough.
    let read = client.transact(ReadShareArgs {
        token: place.clone(),
        idkt: token,
        i: index,
        ..ReadShareArgs::default()
    });
    match read {
        Ok(reply) if reply.sharesleft == 0 => return Ok(Some(token)),
        // Another card may do: this one was pulled, or is damaged.
        Ok(_) | Err(Error::Status { .. }) => client.destroy(token),
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Which share of the token the card in a slot carries, if one is there and can be read.
fn share_in(client: &Client, place: &PhysToken, hkt: &Hash) -> Option<u32> {
    if place.ic == 0 {
        return None;
    }
    let args = GetSlotInfoArgs {
        module: place.module,
        slot: place.slot,
    };
    let content = client.transact(args).ok()?;
    let share = content
        .tokens
        .iter()
        .find(|share| hkt.starts_with(&share.hkt))?;
    Some(share.i)
}

/// What another process keeps loaded on a module; None when there is no such process, or the module was cleared since.
fn preloaded(client: &Client, module: u32, world: &World) -> Result<Option<Loaded>, Error> {
    let has_it = |fips: &&PreloadedFips| {
        let info = client.key_info(fips.key);
        info.is_ok_and(|info| Some(info.hash) == world.hash(AdminKey::FIPS))
    };
    match client.preloaded_fips(module).filter(has_it) {
        None => Ok(None),
        Some(fips) => Ok(Some(Loaded {
            token: fips.token,
            key: fips.key,
            certificates: delegated(world, fips.key)?,
            borrowed: true,
        })),
    }
}

fn delegated(world: &World, key: KeyId) -> Result<Vec<Certificate>, Error> {
    authority::delegated(world, AdminKey::FIPS, KeyMgmtEntType::CertDelgFIPSbNSO, key)
}

fn loaded(client: &Client, module: u32, world: &World, token: KeyId) -> Result<Loaded, Error> {
    let key = authority::load_key(client, module, world, AdminKey::FIPS, token)?;
    match delegated(world, key) {
        Ok(certificates) => Ok(Loaded {
            token,
            key,
            certificates,
            borrowed: false,
        }),
        Err(error) => {
            client.destroy(key);
            Err(error)
        }
    }
}
