//! Public halves: from a private key, and what names them.

use ncore::codec;
use ncore::keyhash;
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, AdminKey, Bignum, ImportArgs, KeyData, KeyType, KeyTypeDHPublicData, KeyTypeDSAPublicData,
    KeyTypeData, KeyTypeRSAPublicData, ModExpArgs,
};
use sha1::{Digest, Sha1};

use crate::Hash;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::fips::FipsAuthorisation;
use crate::world::World;

/// The hash of a public or secret key; None for types without a known rule.
pub(crate) fn hash(key: &KeyData) -> Option<Hash> {
    keyhash::preimage(key).map(|preimage| Sha1::digest(preimage).into())
}

/// Whether the hash of a public key is the one expected. A type whose hash has no known rule passes: the module's word
/// is all there is.
///
/// # Errors
/// [`Error::WrongKey`].
pub(crate) fn check_hash(data: &KeyData, expected: &Hash, place: &str) -> Result<(), Error> {
    match hash(data) {
        Some(actual) if actual != *expected => Err(Error::WrongKey {
            place: place.to_owned(),
            expected: *expected,
            actual,
        }),
        _ => Ok(()),
    }
}

/// Imports the public half of an administrator key, which the world file has.
///
/// # Errors
/// [`Error::Malformed`] when the world has no such key, [`Error::WrongKey`], [`Error::Status`], [`Error::Connection`].
pub(crate) fn import_admin(
    fips: &FipsAuthorisation<'_>,
    module: u32,
    world: &World,
    role: AdminKey,
    acl: ACL,
) -> Result<KeyId, Error> {
    let malformed = || Error::Malformed {
        what: "administrator key in the world file",
    };
    let record = world.key(role).ok_or_else(malformed)?;
    let data = codec::from_bytes::<KeyData>(&record.public, &WireProfile::DEFAULT)
        .map_err(|_| malformed())?;
    let place = format!("administrator key {role} in the world file");
    check_hash(&data, &record.hash, &place)?;
    let args = ImportArgs {
        module,
        data,
        acl,
        ..ImportArgs::default()
    };
    Ok(fips.transact(args)?.key)
}

/// The public half of a private key in clear. Where it takes an exponentiation, a module does it, the one that is about
/// to be given the private key anyway.
///
/// # Errors
/// [`Error::Malformed`] for a key that is not an RSA, DSA or DH private key; those of [`Client::transact`].
pub(crate) fn public_half(client: &Client, private: &KeyData) -> Result<KeyData, Error> {
    let power = |g: &Bignum, x: &Bignum, p: &Bignum| {
        let reply = client.transact(ModExpArgs {
            a: g.clone(),
            p: x.clone(),
            n: p.clone(),
        });
        reply.map(|reply| reply.r)
    };
    let (type_, data) = match &private.data {
        KeyTypeData::RSAPrivate(key) => {
            let public = KeyTypeRSAPublicData {
                e: key.e.clone(),
                n: product(&key.p, &key.q),
            };
            (KeyType::RSAPublic, KeyTypeData::RSAPublic(public))
        }
        KeyTypeData::DSAPrivate(key) => {
            let y = power(&key.dlg.g, &key.x, &key.dlg.p)?;
            (
                KeyType::DSAPublic,
                KeyTypeData::DSAPublic(KeyTypeDSAPublicData {
                    dlg: key.dlg.clone(),
                    y,
                }),
            )
        }
        KeyTypeData::DHPrivate(key) => {
            let gx = power(&key.dlg.g, &key.x, &key.dlg.p)?;
            (
                KeyType::DHPublic,
                KeyTypeData::DHPublic(KeyTypeDHPublicData {
                    dlg: key.dlg.clone(),
                    gx,
                }),
            )
        }
        _ => {
            return Err(Error::Malformed {
                what: "private key",
            });
        }
    };
    Ok(KeyData { type_, data })
}

/// The product of two numbers, by the method taught in school: it is needed once an imported key.
fn product(a: &Bignum, b: &Bignum) -> Bignum {
    let mut bytes = vec![0u8; a.le_bytes().len() + b.le_bytes().len()];
    for (offset, x) in a.le_bytes().iter().enumerate() {
        let mut carry = 0;
        for (byte, y) in bytes[offset..]
            .iter_mut()
            .zip(b.le_bytes().iter().chain(&[0]))
        {
            // At most 255 * 255 + 255 + 255, which fits 16 bits.
            let sum = u16::from(*x) * u16::from(*y) + u16::from(*byte) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
    }
    Bignum::from_le(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_are_those_of_an_independent_library(
            a in proptest::collection::vec(any::<u8>(), 0..80),
            b in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            use num_bigint::BigUint;
            let expected = BigUint::from_bytes_le(&a) * BigUint::from_bytes_le(&b);
            let ours = product(&Bignum::from_le(&a), &Bignum::from_le(&b));
            prop_assert_eq!(BigUint::from_bytes_le(ours.le_bytes()), expected);
        }
    }
}
