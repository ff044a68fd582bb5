//! Administrator tokens and keys, loaded with cards.

use ncore::codec::{self, Decode};
use ncore::profile::WireProfile;
use ncore::types::{
    AdminKey, AdminToken, CertType, CertTypeCertBody, CertTypeSigningKeyCertBody,
    CertTypeSingleCertCertBody, Certificate, KeyMgmtEntType, LoadLogicalTokenArgs, TokenParams,
};

use crate::Hash;
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
