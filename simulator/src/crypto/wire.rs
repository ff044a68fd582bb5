//! Keys as they travel (`M_KeyData`): in Import, Export and, encrypted, in blobs.

use engine::{CrtComponents, Engine, RsaPrivateComponents, RsaPublicComponents};
use ncore::types::{
    DSADiscreteLogGroup, DiscreteLogGroup, KeyData, KeyType, KeyTypeDES2Data, KeyTypeDES3Data,
    KeyTypeDESData, KeyTypeDHExPrivateData, KeyTypeDHExPublicData, KeyTypeDHPrivateData,
    KeyTypeDHPublicData, KeyTypeDSACommData, KeyTypeDSACommVariableSeedData, KeyTypeDSAPrivateData,
    KeyTypeDSAPublicData, KeyTypeData, KeyTypeRSAPrivateData, KeyTypeRSAPublicData,
    KeyTypeRandomData,
};
use ncore::{Bignum, Status};

use super::key::{Body, Group, Origin, RsaPrivateKey, Secret, public_value};
use super::{engine_status, symmetric, validate};

/// Takes the numbers out of a key from the wire. Sizes and ranges are checked only where arithmetic needs it at once;
/// the rest is [`validate`]'s.
///
/// # Errors
/// `UnknownParameter` for a type this module does not handle, or that does not go with the value; `InvalidParameter` and
/// `InvalidData` where the engine refuses a key.
pub(super) fn parse(engine: &dyn Engine, data: &KeyData) -> Result<Body, Status> {
    // The decoder pairs types and arms; values made elsewhere in this process are held to the same.
    Ok(match (data.type_, &data.data) {
        (KeyType::RSAPrivate, KeyTypeData::RSAPrivate(key)) => {
            let given = CrtComponents {
                p: key.p.to_be(),
                q: key.q.to_be(),
                dmp1: key.dmp1.to_be(),
                dmq1: key.dmq1.to_be(),
                iqmp: key.iqmp.to_be(),
            };
            let components =
                RsaPrivateComponents::from_crt(&given, &key.e.to_be()).map_err(engine_status)?;
            Body::RsaPrivate(RsaPrivateKey::new(components))
        }
        (KeyType::RSAPublic, KeyTypeData::RSAPublic(key)) => Body::RsaPublic(
            RsaPublicComponents::new(&key.n.to_be(), &key.e.to_be()).map_err(engine_status)?,
        ),
        (KeyType::DSAPrivate, KeyTypeData::DSAPrivate(key)) => {
            let (group, x) = (Group::from_wire(&key.dlg), Secret::owning(key.x.to_be()));
            validate::group_ranges(&group)?;
            let y = group.power(engine, x.bytes())?;
            Body::DsaPrivate { group, x, y }
        }
        (KeyType::DSAPublic, KeyTypeData::DSAPublic(key)) => Body::DsaPublic {
            group: Group::from_wire(&key.dlg),
            y: key.y.to_be(),
        },
        (KeyType::DSAComm, KeyTypeData::DSAComm(key)) => Body::DsaGroup {
            group: Group::from_wire(&key.dlg),
            origin: Origin::Fixed(key.iv.clone()),
        },
        (
            KeyType::DSACommVariableSeed | KeyType::DSACommFIPS186_3,
            KeyTypeData::DSACommVariableSeed(key),
        ) => Body::DsaGroup {
            group: Group::from_wire(&key.dlg),
            origin: Origin::Variable(key.iv.clone()),
        },
        (KeyType::DHPrivate, KeyTypeData::DHPrivate(key)) => {
            let (p, g, x) = (
                key.dlg.p.to_be(),
                key.dlg.g.to_be(),
                Secret::owning(key.x.to_be()),
            );
            validate::modulus_ranges(&p, &g)?;
            let gx = public_value(engine, &p, &g, x.bytes(), p.len())?;
            Body::DhPrivate { p, g, x, gx }
        }
        (KeyType::DHPublic, KeyTypeData::DHPublic(key)) => Body::DhPublic {
            p: key.dlg.p.to_be(),
            g: key.dlg.g.to_be(),
            gx: key.gx.to_be(),
        },
        (KeyType::DHExPrivate, KeyTypeData::DHExPrivate(key)) => {
            let (group, x) = (Group::from_wire(&key.dlg), Secret::owning(key.x.to_be()));
            validate::group_ranges(&group)?;
            let gx = group.power(engine, x.bytes())?;
            Body::DhExPrivate { group, x, gx }
        }
        (KeyType::DHExPublic, KeyTypeData::DHExPublic(key)) => Body::DhExPublic {
            group: Group::from_wire(&key.dlg),
            gx: key.gx.to_be(),
        },
        (KeyType::DKTemplate, KeyTypeData::DKTemplate(template)) => {
            Body::Template(template.clone())
        }
        (KeyType::DES, KeyTypeData::DES(key)) => raw(data.type_, &key.k)?,
        (KeyType::DES2, KeyTypeData::DES2(key)) => raw(data.type_, &key.k)?,
        (KeyType::DES3, KeyTypeData::DES3(key)) => raw(data.type_, &key.k)?,
        (KeyType::DES | KeyType::DES2 | KeyType::DES3, _) => return Err(Status::UnknownParameter),
        (type_, KeyTypeData::Random(key)) => raw(type_, &key.k)?,
        _ => return Err(Status::UnknownParameter),
    })
}

fn raw(key_type: KeyType, bytes: &[u8]) -> Result<Body, Status> {
    symmetric::check_length(key_type, bytes.len())?;
    Ok(Body::Raw(Secret::new(bytes)))
}

/// The value of a key in the clear.
pub(super) fn plain(key_type: KeyType, body: &Body) -> KeyTypeData {
    let number = Bignum::from_be;
    match body {
        Body::RsaPrivate(key) => {
            let Some(crt) = key.components.crt() else {
                return KeyTypeData::Empty;
            };
            KeyTypeData::RSAPrivate(KeyTypeRSAPrivateData {
                p: number(&crt.p),
                q: number(&crt.q),
                dmp1: number(&crt.dmp1),
                dmq1: number(&crt.dmq1),
                iqmp: number(&crt.iqmp),
                e: number(key.components.e()),
            })
        }
        Body::RsaPublic(key) => KeyTypeData::RSAPublic(KeyTypeRSAPublicData {
            e: number(key.e()),
            n: number(key.n()),
        }),
        Body::DsaPrivate { group, x, .. } => KeyTypeData::DSAPrivate(KeyTypeDSAPrivateData {
            dlg: group.to_wire(),
            x: number(x.bytes()),
        }),
        Body::DsaPublic { group, y } => KeyTypeData::DSAPublic(KeyTypeDSAPublicData {
            dlg: group.to_wire(),
            y: number(y),
        }),
        Body::DsaGroup { group, origin } => match origin {
            Origin::Fixed(iv) => KeyTypeData::DSAComm(KeyTypeDSACommData {
                iv: iv.clone(),
                dlg: group.to_wire(),
            }),
            Origin::Variable(iv) => {
                KeyTypeData::DSACommVariableSeed(KeyTypeDSACommVariableSeedData {
                    iv: iv.clone(),
                    dlg: group.to_wire(),
                })
            }
        },
        Body::DhPrivate { p, g, x, .. } => KeyTypeData::DHPrivate(KeyTypeDHPrivateData {
            dlg: DiscreteLogGroup {
                p: number(p),
                g: number(g),
            },
            x: number(x.bytes()),
        }),
        Body::DhPublic { p, g, gx } => KeyTypeData::DHPublic(KeyTypeDHPublicData {
            dlg: DiscreteLogGroup {
                p: number(p),
                g: number(g),
            },
            gx: number(gx),
        }),
        Body::DhExPrivate { group, x, .. } => KeyTypeData::DHExPrivate(KeyTypeDHExPrivateData {
            dlg: group.to_wire(),
            x: number(x.bytes()),
        }),
        Body::DhExPublic { group, gx } => KeyTypeData::DHExPublic(KeyTypeDHExPublicData {
            dlg: group.to_wire(),
            gx: number(gx),
        }),
        Body::Raw(bytes) => plain_raw(key_type, bytes.bytes()),
        Body::Template(template) => KeyTypeData::DKTemplate(template.clone()),
    }
}

/// DES keys have arms of their own; the length was checked when the key was made.
fn plain_raw(key_type: KeyType, bytes: &[u8]) -> KeyTypeData {
    fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
        let mut out = [0; N];
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = *from;
        }
        out
    }
    match key_type {
        KeyType::DES => KeyTypeData::DES(KeyTypeDESData { k: fixed(bytes) }),
        KeyType::DES2 => KeyTypeData::DES2(KeyTypeDES2Data { k: fixed(bytes) }),
        KeyType::DES3 => KeyTypeData::DES3(KeyTypeDES3Data { k: fixed(bytes) }),
        _ => KeyTypeData::Random(KeyTypeRandomData { k: bytes.to_vec() }),
    }
}

impl Group {
    pub(super) fn from_wire(group: &DSADiscreteLogGroup) -> Self {
        Self {
            p: group.p.to_be(),
            q: group.q.to_be(),
            g: group.g.to_be(),
        }
    }

    pub(super) fn to_wire(&self) -> DSADiscreteLogGroup {
        DSADiscreteLogGroup {
            p: Bignum::from_be(&self.p),
            q: Bignum::from_be(&self.q),
            g: Bignum::from_be(&self.g),
        }
    }
}
