//! RSA keys out of PEM files: PKCS #1 (`RSA PRIVATE KEY`) and PKCS #8 (`PRIVATE KEY`), neither encrypted.

use std::path::Path;

use ncore::types::{Bignum, KeyData, KeyType, KeyTypeData, KeyTypeRSAPrivateData};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::{Decode, SecretDocument};

use crate::cli::Failure;

/// Reads the private key of a file.
///
/// # Errors
/// [`Failure::Operation`], which names the file.
pub(super) fn read(path: &Path) -> Result<KeyData, Failure> {
    let fail = |reason: &str| Failure::Operation(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error.to_string()))?;
    parse(&text).map_err(|reason| fail(&reason))
}

fn parse(text: &str) -> Result<KeyData, String> {
    let (label, document) = SecretDocument::from_pem(text)
        .map_err(|error| format!("not a PEM file with a key: {error}"))?;
    let broken = |_| "not an RSA private key".to_owned();
    match label {
        "RSA PRIVATE KEY" => key(&RsaPrivateKeyRef::from_der(document.as_bytes()).map_err(broken)?),
        "PRIVATE KEY" => {
            let info = PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(broken)?;
            if info.algorithm.oid != pkcs1::ALGORITHM_OID {
                return Err("not an RSA private key".to_owned());
            }
            key(&RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).map_err(broken)?)
        }
        "ENCRYPTED PRIVATE KEY" => Err("the key is encrypted; decrypt the file first".to_owned()),
        label => Err(format!("it holds a `{label}', not an RSA private key")),
    }
}

fn key(key: &RsaPrivateKeyRef<'_>) -> Result<KeyData, String> {
    if key.other_prime_infos.is_some() {
        return Err("the key has more than two primes".to_owned());
    }
    let number = |number: pkcs1::UintRef<'_>| Bignum::from_be(number.as_bytes());
    Ok(KeyData {
        type_: KeyType::RSAPrivate,
        data: KeyTypeData::RSAPrivate(KeyTypeRSAPrivateData {
            p: number(key.prime1),
            q: number(key.prime2),
            dmp1: number(key.exponent1),
            dmq1: number(key.exponent2),
            iqmp: number(key.coefficient),
            e: number(key.public_exponent),
        }),
    })
}
