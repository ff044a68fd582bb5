//! Administrator tokens and keys, loaded with cards.

use ncore::types::{AdminKey, AdminToken, LoadLogicalTokenArgs, TokenParams};

use crate::cards::{Cards, Reading};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::world::World;

/// Loads an administrator token from cards.
///
/// # Errors
/// [`Error::Malformed`] when the world has no such token; those of [`Cards::read`].
pub(crate) fn load_token(
    client: &Client,
    module: u32,
    world: &World,
    role: AdminToken,
    cards: &mut Cards<'_>,
) -> Result<KeyId, Error> {
    let record = world.token(role).ok_or(Error::Malformed {
        what: "world file: administrator token",
    })?;
    let params = TokenParams {
        flags: record.flags,
        sharesneeded: record.shares_needed,
        sharestotal: record.shares_total,
        timelimit: record.time_limit,
    };
    let args = LoadLogicalTokenArgs {
        module,
        hkt: record.hkt,
        hkm: record.hkm,
        params,
    };
    let id = client.transact(args)?.idkt;
    let reading = Reading {
        id,
        hkt: record.hkt,
        left: record.shares_needed,
    };
    match cards.read(client, module, vec![reading], false) {
        Ok(_) => Ok(id),
        Err(error) => {
            client.destroy(id);
            Err(error)
        }
    }
}

/// Loads an administrator key with its token.
///
/// # Errors
/// [`Error::Malformed`] when the world has no such key, [`Error::WrongKey`], [`Error::Status`], [`Error::Connection`].
pub(crate) fn load_key(
    client: &Client,
    module: u32,
    world: &World,
    role: AdminKey,
    token: KeyId,
) -> Result<KeyId, Error> {
    let record = world.key(role).ok_or(Error::Malformed {
        what: "world file: administrator key",
    })?;
    let id = client.load_blob(module, &record.blob, Some(token))?;
    let actual = client.key_info(id)?.hash;
    if actual != record.hash {
        let place = format!("administrator key {role} in the world file");
        return Err(Error::WrongKey {
            place,
            expected: record.hash,
            actual,
        });
    }
    Ok(id)
}
