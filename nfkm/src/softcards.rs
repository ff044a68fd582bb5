//! Softcards: tokens with one share, which is kept on the host (SECURITY-WORLD section 5).

use ncore::Status;
use ncore::types::{
    ChangeSharePINArgs, FormatTokenArgs, GenerateLogicalTokenArgs, LoadLogicalTokenArgs, PhysToken,
    ReadSoftTokenShareArgs, TokenParams, WriteShareArgs,
};

use crate::cards::{self, Pin, pin};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::keygen::now;
use crate::kmdata::{Listed, SoftcardRecord};
use crate::session::Session;
use crate::token::{LoadedToken, Member};
use crate::world::World;
use crate::{card_sets, pin_recovery};

impl Session {
    /// Makes a softcard on this module and records it. `recoverable` says whether the administrator cards can replace its pass phrase,
    /// which the world must allow.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Parameters`], [`Error::NoSuchModule`], [`Error::NoUsableModule`], [`Error::Status`],
    /// [`Error::Connection`], [`Error::File`].
    pub fn create_softcard(
        &self,
        module: u32,
        name: &str,
        passphrase: Option<&str>,
        recoverable: bool,
    ) -> Result<SoftcardRecord, Error> {
        let world = World::required(self.folder())?;
        pin_recovery::check_allowed(&world, recoverable)?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        let pin = pin(passphrase);
        let record = create_on(self, &client, module, &world, name, pin, recoverable)?;
        self.folder().write_softcard(&world.hknso, &record)?;
        Ok(record)
    }

    /// The softcards of the world, sorted by name.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Corrupt`] for the world's file, [`Error::File`].
    pub fn softcards(&self) -> Result<Listed<SoftcardRecord>, Error> {
        let world = World::required(self.folder())?;
        self.folder().softcards(&world.hknso)
    }

    /// The softcard with this name or hash, in hexadecimal.
    ///
    /// # Errors
    /// Those of [`Session::softcards`]; [`Error::Cards`] if there is none, or several of the name; what is wrong with a
    /// softcard's file, if that may be the one.
    pub fn softcard(&self, name: &str) -> Result<SoftcardRecord, Error> {
        let world = World::required(self.folder())?.hknso;
        card_sets::by_name_or_hash(
            "softcard",
            name,
            |hkltu| self.folder().softcard(&world, hkltu),
            || self.folder().softcards(&world),
            |softcard| &softcard.name,
        )
    }

    /// Loads a softcard on every usable module.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::NoWorld`], [`Error::NoUsableModule`], [`Error::Status`],
    /// [`Error::Connection`].
    pub fn load_softcard(
        &self,
        softcard: &SoftcardRecord,
        passphrase: Option<&str>,
    ) -> Result<LoadedToken, Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        let mut members = Vec::new();
        let mut result = Ok(());
        for module in self.usable_modules(&client, &world)? {
            match load_on(&client, module.number, &world, softcard, pin(passphrase)) {
                Ok(id) => members.push(Member::new(module.number, id, None)),
                Err(error) => result = Err(error),
            }
        }
        let token = LoadedToken::new(client, softcard.hkltu, true, members);
        match result {
            // One module that fails does not matter while another has it.
            Err(error) if !error.is_failover() || token.modules().is_empty() => Err(error),
            _ => Ok(token),
        }
    }

    /// Changes the pass phrase of a softcard.
    ///
    /// # Errors
    /// Those of [`Session::load_softcard`]; [`Error::File`].
    pub fn change_softcard(
        &self,
        softcard: &SoftcardRecord,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<(), Error> {
        self.replace_pin(softcard, pin(old), pin(new))
    }

    /// Removes a softcard from the host. Keys under it are lost, but for their recovery copies.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::File`].
    pub fn delete_softcard(&self, softcard: &SoftcardRecord) -> Result<(), Error> {
        self.folder().remove_softcard(&softcard.hkltu)
    }

    pub(crate) fn replace_pin(
        &self,
        softcard: &SoftcardRecord,
        old: Option<Pin>,
        new: Option<Pin>,
    ) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        let record = self.on_some_module(&world, |client, module| {
            changed_on(self, client, module.number, &world, softcard, old, new)
        })?;
        self.folder().write_softcard(&world.hknso, &record)
    }
}

fn create_on(
    session: &Session,
    client: &Client,
    module: u32,
    world: &World,
    name: &str,
    pin: Option<Pin>,
    recoverable: bool,
) -> Result<SoftcardRecord, Error> {
    let fips = FipsAuthorisation::obtain(session, client, module, world)?;
    let sealed = match recoverable {
        true => pin_recovery::seal(client, module, world, pin, &fips)?,
        false => None,
    };
    let hkm = world.hkm();
    let made = fips.transact(GenerateLogicalTokenArgs {
        module,
        hkm,
        params: PARAMS,
    })?;
    let image = with_image(client, module, Vec::new(), |token| {
        client.transact(FormatTokenArgs {
            token: token.clone(),
            auth_key: Some(hkm),
            ..FormatTokenArgs::default()
        })?;
        fips.transact(WriteShareArgs {
            token: token.clone(),
            idkt: made.idkt,
            i: 1,
            pin,
            ..WriteShareArgs::default()
        })?;
        Ok(())
    });
    client.destroy(made.idkt);
    Ok(SoftcardRecord {
        name: name.to_owned(),
        hkltu: made.hkt,
        image: image?,
        passphrase: pin.is_some(),
        pin: sealed,
        gentime: now(),
    })
}

fn load_on(
    client: &Client,
    module: u32,
    world: &World,
    softcard: &SoftcardRecord,
    pin: Option<Pin>,
) -> Result<KeyId, Error> {
    let args = LoadLogicalTokenArgs {
        module,
        hkt: softcard.hkltu,
        hkm: world.hkm(),
        params: PARAMS,
    };
    let id = client.transact(args)?.idkt;
    let args = ReadSoftTokenShareArgs {
        token: PhysToken {
            module,
            ..PhysToken::default()
        },
        idkt: id,
        i: 1,
        pin: pin.filter(|_| softcard.passphrase),
        data: softcard.image.clone(),
        ..ReadSoftTokenShareArgs::default()
    };
    match client.transact(args) {
        Ok(_) => Ok(id),
        Err(error) => {
            client.destroy(id);
            Err(wrong_passphrase(error, softcard))
        }
    }
}

/// The record of a softcard whose pass phrase was changed.
fn changed_on(
    session: &Session,
    client: &Client,
    module: u32,
    world: &World,
    softcard: &SoftcardRecord,
    old: Option<Pin>,
    new: Option<Pin>,
) -> Result<SoftcardRecord, Error> {
    let sealed = match softcard.pin {
        Some(_) => {
            let fips = FipsAuthorisation::obtain(session, client, module, world)?;
            pin_recovery::seal(client, module, world, new, &fips)?
        }
        None => None,
    };
    let image = with_image(client, module, softcard.image.clone(), |token| {
        let args = ChangeSharePINArgs {
            token: token.clone(),
            hkm: world.hkm(),
            hkt: cards::short(&softcard.hkltu),
            i: 1,
            oldpin: old.filter(|_| softcard.passphrase),
            newpin: new,
            ..ChangeSharePINArgs::default()
        };
        client
            .transact(args)
            .map_err(|error| wrong_passphrase(error, softcard))?;
        Ok(())
    })?;
    Ok(SoftcardRecord {
        image,
        passphrase: new.is_some(),
        pin: sealed,
        ..softcard.clone()
    })
}

/// Does something to a card image in a soft token slot; the changed image.
fn with_image(
    client: &Client,
    module: u32,
    image: Vec<u8>,
    action: impl FnOnce(&PhysToken) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let token = cards::insert_image(client, module, image)?;
    let done = action(&token);
    let image = cards::remove_image(client, token);
    done.and(image)
}

fn wrong_passphrase(error: Error, softcard: &SoftcardRecord) -> Error {
    match error {
        Error::Status {
            status: Status::DecryptFailed,
            ..
        } => Error::WrongPassphrase {
            place: format!("softcard `{}'", softcard.name),
            tries: 1,
        },
        error => error,
    }
}

/// The parameters of every softcard's token.
const PARAMS: TokenParams = TokenParams {
    flags: TokenParams::ALLOW_SOFT_SLOTS,
    sharesneeded: 1,
    sharestotal: 1,
    timelimit: 0,
};
