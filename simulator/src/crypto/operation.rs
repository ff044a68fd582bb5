//! Sign, Verify, Encrypt and Decrypt: from a mechanism and a key to the algorithm.

use engine::Engine;
use ncore::Status;
use ncore::types::{
    CipherText, IV, Mech, MechArcFourpNONECipher, MechCipher, MechIV, PlainText, PlainTextType,
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::key::{Body, KeyMaterial};
use super::mechanism::{Mechanism, Use, lookup, resolve};
use super::symmetric::{self, Algorithm};
use super::{block, dh, dsa, iv_for, plain, rsa};

/// Cmd_Sign. `rng` gives what the mechanism draws: the nonce of DSA, an initialisation vector that was not given.
///
/// # Errors
/// See the [module](super).
pub fn sign(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    key: &KeyMaterial,
    mech: Mech,
    data: &PlainText,
    given_iv: Option<&IV>,
) -> Result<CipherText, Status> {
    let mech = resolve(mech, key.key_type(), Use::Signature)?;
    let mechanism = lookup(mech)?;
    iv_for(mech, given_iv)?;
    match (mechanism, &key.body) {
        (Mechanism::RsaPkcs1(hash), Body::RsaPrivate(key)) => {
            rsa::sign(engine, key, mech, hash, data)
        }
        (Mechanism::Dsa(hash), Body::DsaPrivate { group, x, .. }) => {
            dsa::sign(engine, rng, (group, x.bytes()), mech, hash, data)
        }
        (Mechanism::BlockMac(how), _) => block::sign(
            rng,
            key.block_key(how.algorithm)?,
            mech,
            how,
            data,
            given_iv,
        ),
        (Mechanism::Hmac(hash), _) => {
            let mut mac = hash.start_hmac(key.hmac_key(hash)?)?;
            mac.update(&plain::bytes(data)?);
            Ok(CipherText {
                mech,
                data: hash.to_cipher(&mac.finish()),
                iv: MechIV::Empty,
            })
        }
        _ => Err(Status::TypeMismatch),
    }
}

/// Cmd_Verify: `Ok` if `signature` is one of `data`.
///
/// # Errors
/// `VerifyFailed` if it is not; otherwise see the [module](super).
pub fn verify(
    engine: &dyn Engine,
    key: &KeyMaterial,
    mech: Mech,
    data: &PlainText,
    signature: &CipherText,
) -> Result<(), Status> {
    let mech = of_cipher(mech, key, Use::Signature, signature)?;
    match (lookup(mech)?, &key.body) {
        (Mechanism::RsaPkcs1(hash), Body::RsaPublic(key)) => {
            rsa::verify(engine, key, hash, data, &signature.data)
        }
        (Mechanism::Dsa(hash), Body::DsaPublic { group, y }) => {
            dsa::verify(engine, group, y, hash, data, &signature.data)
        }
        (Mechanism::BlockMac(how), _) => {
            block::verify(key.block_key(how.algorithm)?, how, data, signature)
        }
        (Mechanism::Hmac(hash), _) => {
            let given = hash
                .of_cipher(&signature.data)
                .ok_or(Status::TypeMismatch)?;
            let mut mac = hash.start_hmac(key.hmac_key(hash)?)?;
            mac.update(&plain::bytes(data)?);
            if bool::from(mac.finish().ct_eq(given)) {
                Ok(())
            } else {
                Err(Status::VerifyFailed)
            }
        }
        _ => Err(Status::TypeMismatch),
    }
}

/// Cmd_Encrypt. `rng` gives what the mechanism draws: padding, an initialisation vector that was not given.
///
/// # Errors
/// See the [module](super).
pub fn encrypt(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    key: &KeyMaterial,
    mech: Mech,
    data: &PlainText,
    given_iv: Option<&IV>,
) -> Result<CipherText, Status> {
    let mech = resolve(mech, key.key_type(), Use::Encryption)?;
    let mechanism = lookup(mech)?;
    iv_for(mech, given_iv)?;
    match (mechanism, &key.body) {
        (Mechanism::RsaPkcs1(None), Body::RsaPublic(key)) => {
            rsa::encrypt(engine, rng, key, mech, data)
        }
        (Mechanism::RsaOaep(hash), Body::RsaPublic(key)) => {
            rsa::encrypt_oaep(engine, rng, key, mech, hash, data, given_iv)
        }
        (Mechanism::Block(how), _) => block::encrypt(
            rng,
            key.block_key(how.algorithm)?,
            mech,
            how,
            data,
            given_iv,
        ),
        (Mechanism::ArcFour, _) => {
            let mut bytes = plain::bytes(data)?;
            symmetric::arc_four_apply(key.arc_four_key()?, &mut bytes)?;
            let body = MechArcFourpNONECipher {
                cipher: bytes.to_vec(),
            };
            Ok(CipherText {
                mech,
                data: MechCipher::ArcFourpNONE(body),
                iv: MechIV::Empty,
            })
        }
        _ => Err(Status::TypeMismatch),
    }
}

/// Cmd_Decrypt, with the result in the type the caller wants.
///
/// # Errors
/// `DecryptFailed` if the padding is bad; otherwise see the [module](super).
pub fn decrypt(
    engine: &dyn Engine,
    key: &KeyMaterial,
    mech: Mech,
    cipher: &CipherText,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let mech = of_cipher(mech, key, Use::Encryption, cipher)?;
    match (lookup(mech)?, &key.body) {
        (Mechanism::RsaPkcs1(None), Body::RsaPrivate(key)) => {
            rsa::decrypt(engine, key, &cipher.data, wanted)
        }
        (Mechanism::RsaOaep(hash), Body::RsaPrivate(key)) => {
            rsa::decrypt_oaep(engine, key, hash, cipher, wanted)
        }
        (Mechanism::Block(how), _) => {
            block::decrypt(key.block_key(how.algorithm)?, how, cipher, wanted)
        }
        (Mechanism::ArcFour, _) => {
            let MechCipher::ArcFourpNONE(body) = &cipher.data else {
                return Err(Status::TypeMismatch);
            };
            let mut bytes = zeroize::Zeroizing::new(body.cipher.clone());
            symmetric::arc_four_apply(key.arc_four_key()?, &mut bytes)?;
            plain::reply(&bytes, wanted)
        }
        (Mechanism::Dh, Body::DhPrivate { p, x, .. }) => {
            dh::agree(engine, (p, x.bytes()), &cipher.data, wanted)
        }
        (Mechanism::DhEx, Body::DhExPrivate { group, x, .. }) => {
            dh::agree_in_group(engine, (group, x.bytes()), &cipher.data, wanted)
        }
        _ => Err(Status::TypeMismatch),
    }
}

/// The mechanism of a ciphertext or signature. The command may name it again, or leave it to the ciphertext.
///
/// # Errors
/// `MechanismNotExpected` if the command names another.
fn of_cipher(
    mech: Mech,
    key: &KeyMaterial,
    usage: Use,
    cipher: &CipherText,
) -> Result<Mech, Status> {
    match (mech, cipher.mech) {
        (Mech::Any, Mech::Any) => resolve(mech, key.key_type(), usage),
        (Mech::Any, named) => Ok(named),
        (asked, named) if asked == named => Ok(asked),
        _ => Err(Status::MechanismNotExpected),
    }
}

impl KeyMaterial {
    /// The bytes of a key that is of the algorithm's type.
    pub(super) fn block_key(&self, algorithm: Algorithm) -> Result<&[u8], Status> {
        self.raw_key(self.key_type() == algorithm.key_type())
    }

    pub(super) fn arc_four_key(&self) -> Result<&[u8], Status> {
        self.raw_key(self.key_type() == ncore::types::KeyType::ArcFour)
    }

    /// The bytes of a key that is for the HMAC of this function.
    pub(super) fn hmac_key(&self, hash: super::hash::Hash) -> Result<&[u8], Status> {
        self.raw_key(super::hash::Hash::from_hmac_key(self.key_type()) == Some(hash))
    }

    fn raw_key(&self, of_type: bool) -> Result<&[u8], Status> {
        match &self.body {
            Body::Raw(bytes) if of_type => Ok(bytes.bytes()),
            _ => Err(Status::TypeMismatch),
        }
    }
}
