//! Diffie-Hellman agreement: Cmd_Decrypt with Mech_DHKeyExchange or Mech_DHExKeyExchange, the peer's public value being
//! the cipher text.

use engine::{Engine, number};
use ncore::Status;
use ncore::types::{Bignum, MechCipher, PlainText, PlainTextType};
use zeroize::Zeroizing;

use super::key::{Group, public_value};
use super::{plain, validate};

/// The secret that a private exponent shares with the owner of a public value: a number, or its bytes, most significant
/// first and as many as the prime has.
///
/// # Errors
/// `InvalidData` for a public value that nobody can have: not below the prime, or one that makes the secret known to
/// everyone; `TypeMismatch` for another kind of cipher text; `InvalidParameter` for a type of result that holds no number.
pub(super) fn agree(
    engine: &dyn Engine,
    (p, x): (&[u8], &[u8]),
    cipher: &MechCipher,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let peer = peer_value(cipher)?;
    validate::peer(&peer, p)?;
    let secret = Zeroizing::new(public_value(engine, p, &peer, x, p.len())?);
    match wanted {
        PlainTextType::Bignum => Ok(plain::reply_number(Bignum::from_be(&secret))),
        _ => {
            let padded = number::pad(&secret, p.len()).ok_or(Status::Failed)?;
            plain::reply(&Zeroizing::new(padded), wanted)
        }
    }
}

/// The same in a group that shows its order, to which the peer's value must belong.
///
/// # Errors
/// As for [`agree`].
pub(super) fn agree_in_group(
    engine: &dyn Engine,
    (group, x): (&Group, &[u8]),
    cipher: &MechCipher,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let peer = peer_value(cipher)?;
    validate::peer(&peer, &group.p)?;
    if public_value(engine, &group.p, &peer, &group.q, group.q.len())? != [1] {
        return Err(Status::InvalidData);
    }
    agree(engine, (&group.p, x), cipher, wanted)
}

fn peer_value(cipher: &MechCipher) -> Result<Vec<u8>, Status> {
    match cipher {
        MechCipher::DHKeyExchange(cipher) => Ok(cipher.gx.to_be()),
        MechCipher::DHExKeyExchange(cipher) => Ok(cipher.gx.to_be()),
        _ => Err(Status::TypeMismatch),
    }
}
