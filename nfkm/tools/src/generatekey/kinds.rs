//! The kinds of keys that can be generated, and their parameters `type`, `size` and `pubexp`.

use ncore::types::{
    Bignum, KeyGenParams, KeyType, KeyTypeDHPrivateGenParams, KeyTypeDSAPrivateGenParams,
    KeyTypeGenParams, KeyTypeRSAPrivateGenParams, KeyTypeRandomGenParams,
};

use super::parameters::Parameters;
use crate::cli::Failure;

/// The key types that can be made, as the question names them.
pub(super) const TYPES: [&str; 7] = ["DES3", "DH", "DSA", "HMACSHA1", "HMACSHA256", "RSA", "AES"];

/// Those of them that are key pairs.
pub(super) const PAIRS: [&str; 3] = ["DH", "DSA", "RSA"];

/// What kind of key is to be generated, out of these types.
pub(super) fn params(parameters: &mut Parameters, types: &[&str]) -> Result<KeyGenParams, Failure> {
    let kind = parameters.choice("type", "Key type?", "Key type", types, Some("RSA"))?;
    match secret_params(parameters, &kind)? {
        Some(params) => Ok(params),
        None => pair_params(parameters, &kind),
    }
}

/// Whether keys of a type that can be made are pairs.
pub(super) fn is_pair(type_: KeyType) -> bool {
    matches!(
        type_,
        KeyType::RSAPrivate | KeyType::DSAPrivate | KeyType::DHPrivate
    )
}

/// How a secret key is generated, by the name of its type; None for a pair.
fn secret_params(parameters: &mut Parameters, kind: &str) -> Result<Option<KeyGenParams>, Failure> {
    let (type_, smallest, step, largest) = match kind {
        "AES" => (KeyType::Rijndael, 128, 64, 256),
        "HMACSHA1" => (KeyType::HMACSHA1, 80, 8, 2_048),
        "HMACSHA256" => (KeyType::HMACSHA256, 80, 8, 2_048),
        // It has one size.
        "DES3" => {
            return Ok(Some(KeyGenParams {
                type_: KeyType::DES3,
                params: KeyTypeGenParams::Empty,
            }));
        }
        _ => return Ok(None),
    };
    let question = format!("Key size? (bits, {smallest}-{largest})");
    let bits = number(parameters, &question, None, &|bits| {
        (smallest..=largest).contains(&bits) && bits % step == 0
    })?;
    let lenbytes = bits / 8;
    Ok(Some(KeyGenParams {
        type_,
        params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
    }))
}

/// The parameter `size`.
fn number(
    parameters: &mut Parameters,
    question: &str,
    default: Option<&str>,
    check: &dyn Fn(u32) -> bool,
) -> Result<u32, Failure> {
    let size = parameters.text("size", question, "Key size", default, &|text| {
        text.parse().is_ok_and(check)
    })?;
    // It was checked to be a number.
    Ok(size.parse()?)
}

/// How a pair is generated, by the name of its type.
fn pair_params(parameters: &mut Parameters, kind: &str) -> Result<KeyGenParams, Failure> {
    let question = "Key size? (bits, minimum 1024)";
    let bits = number(parameters, question, Some("2048"), &|bits| {
        (1_024..=16_384).contains(&bits)
    })?;
    let (type_, params) = match kind {
        "DSA" => (
            KeyType::DSAPrivate,
            KeyTypeGenParams::DSAPrivate(KeyTypeDSAPrivateGenParams {
                lenbits: bits,
                ..KeyTypeDSAPrivateGenParams::default()
            }),
        ),
        "DH" => (
            KeyType::DHPrivate,
            KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
                plength: bits,
                ..KeyTypeDHPrivateGenParams::default()
            }),
        ),
        _ => {
            let exponent = parameters.optional(
                "pubexp",
                "Public exponent for RSA key (hex)?",
                "Public exponent for RSA key (hex)",
                &|text| text.is_empty() || exponent(text).is_some(),
            )?;
            (
                KeyType::RSAPrivate,
                KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                    lenbits: bits,
                    given_e: Some(exponent_or_default(&exponent)),
                    ..KeyTypeRSAPrivateGenParams::default()
                }),
            )
        }
    };
    Ok(KeyGenParams { type_, params })
}

fn exponent_or_default(text: &str) -> Bignum {
    exponent(text).unwrap_or_else(|| Bignum::from(65_537))
}

/// A public exponent in hexadecimal: odd, more than 1, of at most 32 bits.
fn exponent(text: &str) -> Option<Bignum> {
    let value = u32::from_str_radix(text, 16).ok()?;
    (value > 1 && value % 2 == 1).then(|| Bignum::from(value))
}
