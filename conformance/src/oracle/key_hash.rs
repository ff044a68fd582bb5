//! The key hash as PROTOCOL section 1 describes it.

use anyhow::bail;
use ncore::types::{Bignum, KeyData, KeyType, KeyTypeData};

use super::hashes::Hash;

/// The hash of a public or symmetric key.
///
/// # Errors
/// A type whose rule is not public.
pub fn key_hash(key: &KeyData, hash: Hash) -> anyhow::Result<Vec<u8>> {
    let (prefix, material): (&str, Vec<u8>) = match &key.data {
        KeyTypeData::RSAPublic(key) => ("RSA00", [padded(&key.e), padded(&key.n)].concat()),
        KeyTypeData::DSAPublic(key) => (
            "DSA00",
            [&key.dlg.p, &key.dlg.q, &key.dlg.g, &key.y]
                .map(padded)
                .concat(),
        ),
        KeyTypeData::DSAComm(key) => (
            "DSC01",
            [&key.dlg.p, &key.dlg.q, &key.dlg.g].map(padded).concat(),
        ),
        KeyTypeData::DSACommVariableSeed(data) => {
            let prefix = if key.type_ == KeyType::DSACommFIPS186_3 {
                "DSC02"
            } else {
                "DSC01"
            };
            (
                prefix,
                [&data.dlg.p, &data.dlg.q, &data.dlg.g].map(padded).concat(),
            )
        }
        KeyTypeData::DHPublic(key) => (
            "DH000",
            [&key.dlg.p, &key.dlg.g, &key.gx].map(padded).concat(),
        ),
        KeyTypeData::DES(key) => ("DES", key.k.to_vec()),
        KeyTypeData::DES2(key) => ("DES2", key.k.to_vec()),
        KeyTypeData::DES3(key) => ("DES3", key.k.to_vec()),
        KeyTypeData::Random(data) if key.type_ == KeyType::ArcFour => ("RC4", data.k.clone()),
        other => bail!("no oracle for the hash of {other:?}"),
    };
    let input = [
        b"nFast KeyHash\0",
        prefix.as_bytes(),
        b"\0",
        &material,
        b"invented by nCipher 1997\0",
    ]
    .concat();
    Ok(hash.digest(&input))
}

/// Least significant byte first, zeros up to a multiple of 64 bytes, no length.
fn padded(number: &Bignum) -> Vec<u8> {
    let mut bytes = number.to_be();
    bytes.reverse();
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes
}
