//! Pass phrases that the administrator cards can replace: what goes on the wire for one is kept on the host, encrypted to
//! the world's KP. The vendor's way is unpublished.

use ncore::codec;
use ncore::profile::WireProfile;
use ncore::types::{
    AdminKey, CipherText, DecryptArgs, EncryptArgs, Mech, PlainText, PlainTextType,
    PlainTextTypeBytesData, PlainTextTypeData,
};

use crate::acl;
use crate::cards::Pin;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::public;
use crate::world::World;

/// Refuses what the world has no key for.
///
/// # Errors
/// [`Error::Parameters`].
pub(crate) fn check_allowed(world: &World, wanted: bool) -> Result<(), Error> {
    if wanted && world.key(AdminKey::P).is_none() {
        return Err(Error::Parameters(
            "the world does not allow the recovery of pass phrases".to_owned(),
        ));
    }
    Ok(())
}

/// Encrypts a pass phrase to KP. No pass phrase is 20 zero bytes, which no SHA-1 known to anybody is.
///
/// # Errors
/// [`Error::Malformed`], [`Error::WrongKey`], [`Error::Status`], [`Error::Connection`].
pub(crate) fn seal(
    client: &Client,
    module: u32,
    world: &World,
    pin: Option<Pin>,
    fips: &FipsAuthorisation<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let key = public::import_admin(fips, module, world, AdminKey::P, acl::admin_public_key())?;
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: pin.unwrap_or_default().to_vec(),
    });
    let sealed = client.transact(EncryptArgs {
        key,
        mech: MECH,
        plain: PlainText {
            type_: PlainTextType::Bytes,
            data,
        },
        ..EncryptArgs::default()
    });
    client.destroy(key);
    codec::to_bytes(&sealed?.cipher, &WireProfile::DEFAULT)
        .map(Some)
        .map_err(|_| malformed())
}

/// Decrypts what [`seal`] made, with the private half of KP.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Status`], [`Error::Connection`].
pub(crate) fn open(client: &Client, kp: KeyId, sealed: &[u8]) -> Result<Option<Pin>, Error> {
    let cipher: CipherText =
        codec::from_bytes(sealed, &WireProfile::DEFAULT).map_err(|_| malformed())?;
    let plain = client.transact(DecryptArgs {
        key: kp,
        mech: MECH,
        cipher,
        reply_type: PlainTextType::Bytes,
        ..DecryptArgs::default()
    })?;
    let PlainTextTypeData::Bytes(bytes) = plain.plain.data else {
        return Err(malformed());
    };
    let pin: Pin = bytes.data.try_into().map_err(|_| malformed())?;
    Ok(Some(pin).filter(|pin| *pin != Pin::default()))
}

const MECH: Mech = Mech::RSApPKCS1OAEPhSHA256;

fn malformed() -> Error {
    Error::Malformed {
        what: "recoverable pass phrase",
    }
}
