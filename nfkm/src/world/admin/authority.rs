//! Administrator tokens and keys, loaded with cards.

use std::sync::Arc;

use ncore::codec::{self, Decode};
use ncore::message::Request;
use ncore::profile::WireProfile;
use ncore::types::{
    AdminKey, AdminToken, CertType, CertTypeCertBody, CertTypeSigningKeyCertBody,
    CertTypeSingleCertCertBody, Certificate, KeyMgmtEntType, LoadLogicalTokenArgs, TokenParams,
};

use crate::Hash;
use crate::cards::{Cards, Reading};
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::kmdata::AdminTokenRecord;
use crate::world::World;

/// The error for a world file that has a key but not its token.
pub(super) const NO_TOKEN: Error = Error::Malformed {
    what: "world file: administrator token",
};

impl AdminTokenRecord {
    /// The parameters of the token, which cannot be loaded with others.
    pub(crate) fn token_params(&self) -> TokenParams {
        TokenParams {
            flags: self.flags,
            sharesneeded: self.shares_needed,
            sharestotal: self.shares_total,
            timelimit: self.time_limit,
        }
    }
}

/// The right to do one thing in the security officer's name on one module. It lasts as long as the administrator's
/// authorisation, and what was loaded for it goes with it.
pub(crate) struct Authority {
    client: Arc<Client>,
    loaded: Vec<KeyId>,
    certificates: Vec<Certificate>,
}

/// What an administrator key does in KNSO's name: its token, itself, and KNSO's word on it.
pub(crate) struct Delegate {
    pub(crate) token: AdminToken,
    pub(crate) key: AdminKey,
    pub(crate) entry: KeyMgmtEntType,
}

impl Authority {
    /// Loads the key with its token from the administrator cards, which may leave after that; in a world without it, KNSO.
    ///
    /// # Errors
    /// Those of [`load_token`], [`load_key`] and [`delegated`].
    pub(crate) fn open(
        client: &Arc<Client>,
        module: u32,
        world: &World,
        delegate: &Delegate,
        cards: &mut Cards<'_>,
    ) -> Result<Authority, Error> {
        let (token, role) = match world.key(delegate.key) {
            Some(_) => (delegate.token, delegate.key),
            None => (AdminToken::NSO, AdminKey::NSO),
        };
        let token = load_token(client, module, world, token, cards)?;
        let mut authority = Authority {
            client: Arc::clone(client),
            loaded: vec![token],
            certificates: Vec::new(),
        };
        let key = load_key(client, module, world, role, token)?;
        authority.loaded.push(key);
        authority.certificates = match role {
            AdminKey::NSO => vec![signing_key(world.hknso, key)],
            role => delegated(world, role, delegate.entry, key)?,
        };
        Ok(authority)
    }

    /// Sends a command that needs it.
    ///
    /// # Errors
    /// Those of [`Client::transact`].
    pub(crate) fn transact<R: Request>(&self, args: R) -> Result<R::Reply, Error> {
        self.client.transact_certified(args, &self.certificates)
    }

    /// The client that it belongs to.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if self.client.is_lost() {
            return;
        }
        for id in self.loaded.drain(..).rev() {
            self.client.destroy(id);
        }
    }
}

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
    let reading = begin(client, module, world, role)?;
    let id = reading.id;
    match cards.read(client, module, vec![reading], false) {
        Ok(_) => Ok(id),
        Err(error) => {
            client.destroy(id);
            Err(error)
        }
    }
}

/// Reads an administrator token from the cards that are at hand, and forgets it. Whether they suffice; not in a module that
/// takes no tokens.
///
/// # Errors
/// Those of [`load_token`].
pub(super) fn try_token(
    client: &Client,
    module: u32,
    world: &World,
    role: AdminToken,
    cards: &mut Cards<'_>,
) -> Result<bool, Error> {
    let reading = match begin(client, module, world, role) {
        Err(Error::Status { .. }) => return Ok(false),
        begun => begun?,
    };
    let id = reading.id;
    let read = cards.read_at_hand(client, module, reading);
    client.destroy(id);
    read
}

/// A token without shares yet.
fn begin(client: &Client, module: u32, world: &World, role: AdminToken) -> Result<Reading, Error> {
    let record = world.token(role).ok_or(NO_TOKEN)?;
    let args = LoadLogicalTokenArgs {
        module,
        hkt: record.hkt,
        hkm: record.hkm,
        params: record.token_params(),
    };
    Ok(Reading {
        id: client.transact(args)?.idkt,
        hkt: record.hkt,
        left: record.shares_needed,
    })
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

/// The certificate of a command that a loaded key stands behind.
pub(crate) fn signing_key(keyhash: Hash, key: KeyId) -> Certificate {
    Certificate {
        keyhash,
        type_: CertType::SigningKey,
        body: CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key }),
    }
}

/// The certificates of a command in the name of KNSO, which delegated it to a loaded administrator key: `entry` is the
/// delegation in the world file.
///
/// # Errors
/// [`Error::Malformed`] for a world file that lacks the delegation.
pub(crate) fn delegated(
    world: &World,
    role: AdminKey,
    entry: KeyMgmtEntType,
    key: KeyId,
) -> Result<Vec<Certificate>, Error> {
    let malformed = |what| Error::Malformed { what };
    let mut certificates = world.record.certificates.iter();
    let delegation = certificates
        .find(|record| record.entry == entry.0)
        .ok_or_else(|| malformed("world file: a delegation by KNSO"))?;
    let knso = world
        .key(AdminKey::NSO)
        .ok_or_else(|| malformed("world file: KNSO"))?;
    let signed = CertTypeSingleCertCertBody {
        pubkeydata: read(&knso.public)?,
        signature: read(&delegation.signature)?,
        certsignmsg: delegation.message.clone(),
    };
    let by_knso = Certificate {
        keyhash: world.hknso,
        type_: CertType::SingleCert,
        body: CertTypeCertBody::SingleCert(signed),
    };
    let hash = world.hash(role).unwrap_or_default();
    Ok(vec![signing_key(hash, key), by_knso])
}

fn read<T: Decode>(bytes: &[u8]) -> Result<T, Error> {
    codec::from_bytes(bytes, &WireProfile::DEFAULT)
        .map_err(|_| Error::Malformed { what: "world file" })
}
