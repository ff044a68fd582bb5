//! Which algorithm a mechanism number means, and which one a key takes by default.

use ncore::Status;
use ncore::types::{KeyType, Mech};

use super::hash::Hash;
use super::symmetric::Algorithm;

/// A mechanism, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// RSA with PKCS#1 v1.5 padding. Without a hash function, the type of the data says what is padded.
    RsaPkcs1(Option<Hash>),
    /// RSA with OAEP, the mask generation function using the same hash function.
    RsaOaep(Hash),
    /// DSA. Without a hash function, a digest is signed as it is and bytes are hashed by SHA-1.
    Dsa(Option<Hash>),
    /// A block cipher in a mode that encrypts.
    Block(BlockMechanism),
    /// A MAC: the last block of CBC encryption.
    BlockMac(MacMechanism),
    /// RC4.
    ArcFour,
    /// HMAC.
    Hmac(Hash),
    /// Diffie-Hellman: the cipher text is the peer's public value, the plain text the secret.
    Dh,
    /// The same with keys that show the order of their group.
    DhEx,
}

/// A block cipher in ECB or CBC mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockMechanism {
    pub(super) algorithm: Algorithm,
    /// CBC, with an initialisation vector of one block; otherwise ECB.
    pub(super) chained: bool,
    /// PKCS#5 padding; otherwise the data are whole blocks.
    pub(super) padded: bool,
}

/// A CBC-MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MacMechanism {
    pub(super) algorithm: Algorithm,
    /// Starts from an initialisation vector that travels with the MAC; otherwise from zeros.
    pub(super) with_iv: bool,
    /// PKCS#5 padding; otherwise the data are whole blocks.
    pub(super) padded: bool,
}

/// What a key is to be used for, which decides between the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Sign and Verify.
    Signature,
    /// Encrypt and Decrypt.
    Encryption,
}

/// The mechanism to use with a key: the one asked for, or the default of the key's type for `Mech_Any`.
///
/// # Errors
/// `UnknownDefault` if the type has no default for this use.
pub(super) fn resolve(mech: Mech, key_type: KeyType, usage: Use) -> Result<Mech, Status> {
    if mech != Mech::Any {
        return Ok(mech);
    }
    let (signature, encryption) = match key_type {
        KeyType::RSAPublic | KeyType::RSAPrivate => (Mech::RSApPKCS1, Mech::RSApPKCS1),
        KeyType::DSAPublic | KeyType::DSAPrivate => (Mech::DSA, Mech::Any),
        KeyType::DES => (Mech::DESmCBCMACi64pPKCS5, Mech::DESmCBCi64pPKCS5),
        KeyType::DES2 => (Mech::DES2mCBCMACi64pPKCS5, Mech::DES2mCBCi64pPKCS5),
        KeyType::DES3 => (Mech::DES3mCBCMACi64pPKCS5, Mech::DES3mCBCi64pPKCS5),
        KeyType::Rijndael => (
            Mech::RijndaelmCBCMACi128pPKCS5,
            Mech::RijndaelmCBCi128pPKCS5,
        ),
        KeyType::ArcFour => (Mech::Any, Mech::ArcFourpNONE),
        KeyType::HMACMD5 => (Mech::HMACMD5, Mech::Any),
        KeyType::HMACSHA1 => (Mech::HMACSHA1, Mech::Any),
        KeyType::HMACSHA224 => (Mech::HMACSHA224, Mech::Any),
        KeyType::HMACSHA256 => (Mech::HMACSHA256, Mech::Any),
        KeyType::HMACSHA384 => (Mech::HMACSHA384, Mech::Any),
        KeyType::HMACSHA512 => (Mech::HMACSHA512, Mech::Any),
        _ => (Mech::Any, Mech::Any),
    };
    let default = if usage == Use::Signature {
        signature
    } else {
        encryption
    };
    if default == Mech::Any {
        Err(Status::UnknownDefault)
    } else {
        Ok(default)
    }
}

/// Whether a key pads by PKCS#1 v1.5 with this mechanism, or by default.
pub fn pads_by_pkcs1(mech: Mech, key_type: KeyType) -> bool {
    let mechanism = resolve(mech, key_type, Use::Encryption).and_then(lookup);
    matches!(mechanism, Ok(Mechanism::RsaPkcs1(_)))
}

/// The mechanism behind a number.
///
/// # Errors
/// `UnknownMechanism` if this module does not have it.
pub(super) fn lookup(mech: Mech) -> Result<Mechanism, Status> {
    use Algorithm::{Aes, Des, Des2, Des3};

    let block = |algorithm, chained, padded| {
        Mechanism::Block(BlockMechanism {
            algorithm,
            chained,
            padded,
        })
    };
    let mac = |algorithm, with_iv, padded| {
        Mechanism::BlockMac(MacMechanism {
            algorithm,
            with_iv,
            padded,
        })
    };
    Ok(match mech {
        Mech::RSApPKCS1 => Mechanism::RsaPkcs1(None),
        Mech::RSAhMD5pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Md5)),
        Mech::RSAhSHA1pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Sha1)),
        Mech::RSAhSHA224pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Sha224)),
        Mech::RSAhSHA256pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Sha256)),
        Mech::RSAhSHA384pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Sha384)),
        Mech::RSAhSHA512pPKCS1 => Mechanism::RsaPkcs1(Some(Hash::Sha512)),

        Mech::RSApPKCS1OAEP => Mechanism::RsaOaep(Hash::Sha1),
        Mech::RSApPKCS1OAEPhSHA224 => Mechanism::RsaOaep(Hash::Sha224),
        Mech::RSApPKCS1OAEPhSHA256 => Mechanism::RsaOaep(Hash::Sha256),
        Mech::RSApPKCS1OAEPhSHA384 => Mechanism::RsaOaep(Hash::Sha384),
        Mech::RSApPKCS1OAEPhSHA512 => Mechanism::RsaOaep(Hash::Sha512),

        Mech::DSA => Mechanism::Dsa(None),
        Mech::DSAhSHA224 => Mechanism::Dsa(Some(Hash::Sha224)),
        Mech::DSAhSHA256 => Mechanism::Dsa(Some(Hash::Sha256)),
        Mech::DSAhSHA384 => Mechanism::Dsa(Some(Hash::Sha384)),
        Mech::DSAhSHA512 => Mechanism::Dsa(Some(Hash::Sha512)),

        Mech::DESmECBpNONE => block(Des, false, false),
        Mech::DESmECBpPKCS5 => block(Des, false, true),
        Mech::DESmCBCpNONE => block(Des, true, false),
        Mech::DESmCBCi64pPKCS5 => block(Des, true, true),
        Mech::DES2mECBpNONE => block(Des2, false, false),
        Mech::DES2mECBpPKCS5 => block(Des2, false, true),
        Mech::DES2mCBCpNONE => block(Des2, true, false),
        Mech::DES2mCBCi64pPKCS5 => block(Des2, true, true),
        Mech::DES3mECBpNONE => block(Des3, false, false),
        Mech::DES3mECBpPKCS5 => block(Des3, false, true),
        Mech::DES3mCBCpNONE => block(Des3, true, false),
        Mech::DES3mCBCi64pPKCS5 => block(Des3, true, true),
        Mech::RijndaelmECBpNONE => block(Aes, false, false),
        Mech::RijndaelmECBpPKCS5 => block(Aes, false, true),
        Mech::RijndaelmCBCpNONE => block(Aes, true, false),
        Mech::RijndaelmCBCi128pPKCS5 => block(Aes, true, true),

        Mech::DESmCBCMACi64pPKCS5 => mac(Des, true, true),
        Mech::DESmCBCMACi0pPKCS5 => mac(Des, false, true),
        Mech::DESmCBCMACi0pNONE => mac(Des, false, false),
        Mech::DES2mCBCMACi64pPKCS5 => mac(Des2, true, true),
        Mech::DES2mCBCMACi0pPKCS5 => mac(Des2, false, true),
        Mech::DES2mCBCMACi0pNONE => mac(Des2, false, false),
        Mech::DES3mCBCMACi64pPKCS5 => mac(Des3, true, true),
        Mech::DES3mCBCMACi0pPKCS5 => mac(Des3, false, true),
        Mech::DES3mCBCMACi0pNONE => mac(Des3, false, false),
        Mech::RijndaelmCBCMACi128pPKCS5 => mac(Aes, true, true),
        Mech::RijndaelmCBCMACi0pPKCS5 => mac(Aes, false, true),
        Mech::RijndaelmCBCMACi0pNONE => mac(Aes, false, false),

        Mech::ArcFourpNONE => Mechanism::ArcFour,

        Mech::DHKeyExchange => Mechanism::Dh,
        Mech::DHExKeyExchange => Mechanism::DhEx,

        Mech::HMACMD5 => Mechanism::Hmac(Hash::Md5),
        Mech::HMACSHA1 => Mechanism::Hmac(Hash::Sha1),
        Mech::HMACSHA224 => Mechanism::Hmac(Hash::Sha224),
        Mech::HMACSHA256 => Mechanism::Hmac(Hash::Sha256),
        Mech::HMACSHA384 => Mechanism::Hmac(Hash::Sha384),
        Mech::HMACSHA512 => Mechanism::Hmac(Hash::Sha512),
        _ => return Err(Status::UnknownMechanism),
    })
}
