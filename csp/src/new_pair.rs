//! Where a new pair comes from, in the words a module understands.

use ncore::types::{
    Bignum, DSADiscreteLogGroup, DiscreteLogGroup, KeyData, KeyGenParams, KeyType,
    KeyTypeDHPrivateData, KeyTypeDHPrivateGenParams, KeyTypeDSAPrivateData,
    KeyTypeDSAPrivateGenParams, KeyTypeData, KeyTypeGenParams, KeyTypeRSAPrivateData,
    KeyTypeRSAPrivateGenParams,
};

use crate::blob::discrete::Parts;
use crate::blob::rsa_private::RsaKeyPair;
use crate::constants::AlgId;
use crate::error::{CspError, Result};
use crate::soft::{DiscretePublicKey, Group, PublicKey, RsaPublicKey};

/// Where a new pair comes from.
#[derive(Clone, Debug)]
pub(crate) enum NewPair {
    /// A module makes it.
    Generated(KeyGenParams),
    /// A module is given it.
    Imported(KeyData),
}

/// The public exponent of generated keys.
const PUBLIC_EXPONENT: u32 = 65_537;

impl NewPair {
    /// A pair of an algorithm, of so many bits; for DSS and Diffie-Hellman in a group of the module's own making.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for an algorithm that has no pairs.
    pub(crate) fn generated(algorithm: AlgId, bits: u32) -> Result<NewPair> {
        let (type_, params) = match algorithm {
            AlgId::CALG_RSA_KEYX | AlgId::CALG_RSA_SIGN => (
                KeyType::RSAPrivate,
                KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                    lenbits: bits,
                    given_e: Some(Bignum::from(PUBLIC_EXPONENT)),
                    ..KeyTypeRSAPrivateGenParams::default()
                }),
            ),
            AlgId::CALG_DSS_SIGN => (
                KeyType::DSAPrivate,
                KeyTypeGenParams::DSAPrivate(KeyTypeDSAPrivateGenParams {
                    lenbits: bits,
                    ..KeyTypeDSAPrivateGenParams::default()
                }),
            ),
            AlgId::CALG_DH_SF | AlgId::CALG_DH_EPHEM => (
                KeyType::DHPrivate,
                KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
                    plength: bits,
                    ..KeyTypeDHPrivateGenParams::default()
                }),
            ),
            _ => return Err(CspError::NTE_BAD_ALGID),
        };
        Ok(NewPair::Generated(KeyGenParams { type_, params }))
    }

    /// A DSS or Diffie-Hellman pair in a given group.
    ///
    /// # Errors
    /// `NTE_BAD_KEY_STATE` for a DSS group without an order.
    pub(crate) fn generated_in(algorithm: AlgId, group: &Group) -> Result<NewPair> {
        let bits = group.bits();
        let (type_, params) = match algorithm {
            AlgId::CALG_DSS_SIGN => (
                KeyType::DSAPrivate,
                KeyTypeGenParams::DSAPrivate(KeyTypeDSAPrivateGenParams {
                    lenbits: bits,
                    dlg: Some(dsa_group(group).ok_or(CspError::NTE_BAD_KEY_STATE)?),
                    ..KeyTypeDSAPrivateGenParams::default()
                }),
            ),
            _ => (
                KeyType::DHPrivate,
                KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
                    plength: bits,
                    dlg: Some(dh_group(group)),
                    ..KeyTypeDHPrivateGenParams::default()
                }),
            ),
        };
        Ok(NewPair::Generated(KeyGenParams { type_, params }))
    }

    /// The pair of an RSA PRIVATEKEYBLOB.
    pub(crate) fn of_rsa(pair: &RsaKeyPair) -> NewPair {
        NewPair::Imported(KeyData {
            type_: KeyType::RSAPrivate,
            data: KeyTypeData::RSAPrivate(KeyTypeRSAPrivateData {
                p: Bignum::from_le(&pair.prime1),
                q: Bignum::from_le(&pair.prime2),
                dmp1: Bignum::from_le(&pair.exponent1),
                dmq1: Bignum::from_le(&pair.exponent2),
                iqmp: Bignum::from_le(&pair.coefficient),
                e: Bignum::from(pair.public.exponent()),
            }),
        })
    }

    /// The pair of a DSS or Diffie-Hellman PRIVATEKEYBLOB.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` if group or private value are missing, or a DSS group has no order.
    pub(crate) fn of_parts(algorithm: AlgId, parts: &Parts) -> Result<NewPair> {
        let group = parts.group.as_ref().ok_or(CspError::NTE_BAD_DATA)?;
        let x = Bignum::from_le(parts.x.as_ref().ok_or(CspError::NTE_BAD_DATA)?);
        let (type_, data) = match algorithm {
            AlgId::CALG_DSS_SIGN => {
                let dlg = dsa_group(group).ok_or(CspError::NTE_BAD_DATA)?;
                let data = KeyTypeData::DSAPrivate(KeyTypeDSAPrivateData { dlg, x });
                (KeyType::DSAPrivate, data)
            }
            _ => {
                let dlg = dh_group(group);
                let data = KeyTypeData::DHPrivate(KeyTypeDHPrivateData { dlg, x });
                (KeyType::DHPrivate, data)
            }
        };
        Ok(NewPair::Imported(KeyData { type_, data }))
    }
}

/// The public key in a module's word.
///
/// # Errors
/// `NTE_BAD_KEY` for a key that no blob can express.
pub(crate) fn public_half(data: &KeyData) -> Result<PublicKey> {
    let read = || -> Result<PublicKey> {
        match &data.data {
            KeyTypeData::RSAPublic(key) => {
                let exponent = key.e.to_u32().ok_or(CspError::NTE_BAD_KEY)?;
                RsaPublicKey::new(key.n.le_bytes(), exponent).map(PublicKey::Rsa)
            }
            KeyTypeData::DSAPublic(key) => {
                let dlg = &key.dlg;
                let group = Group::new(dlg.p.le_bytes(), Some(dlg.q.le_bytes()), dlg.g.le_bytes())?;
                DiscretePublicKey::new(group, key.y.le_bytes()).map(PublicKey::Dsa)
            }
            KeyTypeData::DHPublic(key) => {
                let group = Group::new(key.dlg.p.le_bytes(), None, key.dlg.g.le_bytes())?;
                DiscretePublicKey::new(group, key.gx.le_bytes()).map(PublicKey::Dh)
            }
            _ => Err(CspError::NTE_BAD_KEY),
        }
    };
    read().map_err(|_| CspError::NTE_BAD_KEY)
}

fn dsa_group(group: &Group) -> Option<DSADiscreteLogGroup> {
    Some(DSADiscreteLogGroup {
        p: Bignum::from_le(&group.p),
        q: Bignum::from_le(group.q.as_ref()?),
        g: Bignum::from_le(&group.g),
    })
}

fn dh_group(group: &Group) -> DiscreteLogGroup {
    DiscreteLogGroup {
        p: Bignum::from_le(&group.p),
        g: Bignum::from_le(&group.g),
    }
}
