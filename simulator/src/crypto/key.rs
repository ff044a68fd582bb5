//! Key material: what a key object holds beside its ACL, parsed, checked and wiped when dropped.

use std::fmt;
use std::sync::{Arc, OnceLock};

use engine::{Engine, RsaPrivateComponents, RsaPrivateOp, RsaPublicComponents};
use ncore::keyhash;
use ncore::types::{
    DSAInitValues, DSAInitValuesVarSeed, KeyData, KeyHashEx, KeyHashMech, KeyHashMechKeyHashData,
    KeyHashMechSHA1HashKeyHashData, KeyHashMechSHA256HashKeyHashData,
    KeyHashMechSHA512HashKeyHashData, KeyType, KeyTypeDKTemplateData,
};
use ncore::{Bignum, Status};
use rand_core::CryptoRng;
use sha1::{Digest, Sha1};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{engine_status, validate, wire};

/// A key's type and value. Cheap to share through an `Arc`; everything a private-key operation can reuse is computed
/// once and kept here.
pub struct KeyMaterial {
    key_type: KeyType,
    pub(super) body: Body,
    hash: [u8; 20],
}

/// The value of a key, by what can be done with it. All numbers are big-endian.
pub(super) enum Body {
    RsaPrivate(RsaPrivateKey),
    RsaPublic(RsaPublicComponents),
    DsaPrivate {
        group: Group,
        x: Secret,
        y: Vec<u8>,
    },
    DsaPublic {
        group: Group,
        y: Vec<u8>,
    },
    DsaGroup {
        group: Group,
        origin: Origin,
    },
    DhPrivate {
        p: Vec<u8>,
        g: Vec<u8>,
        x: Secret,
        gx: Vec<u8>,
    },
    DhPublic {
        p: Vec<u8>,
        g: Vec<u8>,
        gx: Vec<u8>,
    },
    DhExPrivate {
        group: Group,
        x: Secret,
        gx: Vec<u8>,
    },
    DhExPublic {
        group: Group,
        gx: Vec<u8>,
    },
    /// Symmetric keys of every kind: the bytes as they are.
    Raw(Secret),
    Template(KeyTypeDKTemplateData),
}

/// A prime `p`, a prime `q` that divides `p - 1`, and a generator `g` of the subgroup of order `q`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) p: Vec<u8>,
    pub(super) q: Vec<u8>,
    pub(super) g: Vec<u8>,
}

/// The seed and counters from which a group was generated, which let anyone repeat the generation (FIPS 186).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// KeyType_DSAComm: SHA-1 and a seed of 20 bytes (FIPS 186-2).
    Fixed(DSAInitValues),
    /// KeyType_DSACommVariableSeed and KeyType_DSACommFIPS186_3.
    Variable(DSAInitValuesVarSeed),
}

/// Secret bytes: wiped on drop, shown as a length only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(super) fn owning(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// An RSA private key with its engine's prepared form.
pub(super) struct RsaPrivateKey {
    pub(super) components: RsaPrivateComponents,
    prepared: OnceLock<(engine::Kind, Arc<dyn RsaPrivateOp>)>,
}

impl RsaPrivateKey {
    pub(super) fn new(components: RsaPrivateComponents) -> Self {
        Self {
            components,
            prepared: OnceLock::new(),
        }
    }

    /// The key made ready for `engine`: prepared on first use and kept.
    pub(super) fn prepared(&self, engine: &dyn Engine) -> Result<Arc<dyn RsaPrivateOp>, Status> {
        match self.prepared.get() {
            Some((kind, prepared)) if *kind == engine.kind() => Ok(Arc::clone(prepared)),
            kept => {
                let prepared = engine
                    .prepare_rsa(&self.components)
                    .map_err(engine_status)?;
                if kept.is_none() {
                    // Another thread may have been quicker; its work is as good.
                    let _ = self.prepared.set((engine.kind(), Arc::clone(&prepared)));
                }
                Ok(prepared)
            }
        }
    }
}

impl KeyMaterial {
    /// Takes a key from outside (Cmd_Import) and checks everything about it that can be checked. CRT values of an RSA
    /// key that are zero are computed.
    ///
    /// # Errors
    /// `InvalidParameter` for a length the type does not have, `InvalidData` for values that contradict each other or
    /// are not what they claim (a composite "prime", a generator of the wrong order), `UnknownParameter` for a type
    /// this module does not handle.
    pub fn import(engine: &dyn Engine, data: &KeyData) -> Result<Self, Status> {
        let material = Self::restore(engine, data)?;
        validate::check(engine, &material.body)?;
        Ok(material)
    }

    /// Takes a key that was checked when it was made, and has since been under the protection of a blob or of the
    /// module's own store. The structure is checked; primes are believed.
    ///
    /// # Errors
    /// As for [`import`](Self::import).
    pub fn restore(engine: &dyn Engine, data: &KeyData) -> Result<Self, Status> {
        let body = wire::parse(engine, data)?;
        validate::check_ranges(&body)?;
        Self::new(data.type_, body)
    }

    /// Puts a body that is known to be good under its type.
    pub(super) fn new(key_type: KeyType, body: Body) -> Result<Self, Status> {
        let mut material = Self {
            key_type,
            body,
            hash: [0; 20],
        };
        let preimage = material.hash_input()?;
        material.hash = Sha1::digest(&*preimage).into();
        Ok(material)
    }

    /// The type of the key.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The key hash (`M_KeyHash`), which a private key shares with its public half.
    pub fn hash(&self) -> [u8; 20] {
        self.hash
    }

    /// The key hash by a mechanism of the caller's choice (`M_KeyHashEx`).
    ///
    /// # Errors
    /// `UnknownMechanism` if `mech` is none of SHA-1, SHA-256 and SHA-512.
    pub fn hash_ex(&self, mech: KeyHashMech) -> Result<KeyHashEx, Status> {
        let input = self.hash_input()?;
        let data = match mech {
            KeyHashMech::SHA1Hash => {
                KeyHashMechKeyHashData::SHA1Hash(KeyHashMechSHA1HashKeyHashData { hash: self.hash })
            }
            KeyHashMech::SHA256Hash => {
                KeyHashMechKeyHashData::SHA256Hash(KeyHashMechSHA256HashKeyHashData {
                    hash: sha2::Sha256::digest(&*input).into(),
                })
            }
            KeyHashMech::SHA512Hash => {
                KeyHashMechKeyHashData::SHA512Hash(KeyHashMechSHA512HashKeyHashData {
                    hash: sha2::Sha512::digest(&*input).into(),
                })
            }
            _ => return Err(Status::UnknownMechanism),
        };
        Ok(KeyHashEx { mech, data })
    }

    /// The length of the key in bits, as Cmd_GetKeyInfoEx reports it: the modulus of an RSA key, the prime `p` of a
    /// discrete logarithm key or group, all bits of a symmetric key (parity bits of DES included), 0 for a template.
    pub fn length_bits(&self) -> u32 {
        let bits = |number: &[u8]| Bignum::from_be(number).bits() as u32;
        match &self.body {
            Body::RsaPrivate(key) => bits(key.components.n()),
            Body::RsaPublic(key) => bits(key.n()),
            Body::DsaPrivate { group, .. }
            | Body::DsaPublic { group, .. }
            | Body::DsaGroup { group, .. }
            | Body::DhExPrivate { group, .. }
            | Body::DhExPublic { group, .. } => bits(&group.p),
            Body::DhPrivate { p, .. } | Body::DhPublic { p, .. } => bits(p),
            Body::Raw(bytes) => bytes.bytes().len() as u32 * 8,
            Body::Template(_) => 0,
        }
    }

    /// Whether this is the private half of a pair.
    pub fn is_private(&self) -> bool {
        self.public_type().is_some()
    }

    /// Whether nothing about the key is secret: a public half, or what keys are made from.
    pub fn is_public(&self) -> bool {
        match &self.body {
            Body::RsaPublic(_)
            | Body::DsaPublic { .. }
            | Body::DhPublic { .. }
            | Body::DhExPublic { .. }
            | Body::DsaGroup { .. }
            | Body::Template(_) => true,
            Body::RsaPrivate(_)
            | Body::DsaPrivate { .. }
            | Body::DhPrivate { .. }
            | Body::DhExPrivate { .. }
            | Body::Raw(_) => false,
        }
    }

    /// The public half of a private key; `None` for keys that have none.
    pub fn public(&self) -> Option<KeyMaterial> {
        let body = match &self.body {
            Body::RsaPrivate(key) => Body::RsaPublic(key.components.public()),
            Body::DsaPrivate { group, y, .. } => Body::DsaPublic {
                group: group.clone(),
                y: y.clone(),
            },
            Body::DhPrivate { p, g, gx, .. } => Body::DhPublic {
                p: p.clone(),
                g: g.clone(),
                gx: gx.clone(),
            },
            Body::DhExPrivate { group, gx, .. } => Body::DhExPublic {
                group: group.clone(),
                gx: gx.clone(),
            },
            _ => return None,
        };
        Some(Self {
            key_type: self.public_type()?,
            body,
            hash: self.hash,
        })
    }

    /// The bytes of a symmetric key; `None` for other keys.
    pub fn secret(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Raw(bytes) => Some(bytes.bytes()),
            _ => None,
        }
    }

    /// What a template key (KeyType_DKTemplate) says of keys and files to be made; `None` for other keys.
    pub fn template(&self) -> Option<&KeyTypeDKTemplateData> {
        match &self.body {
            Body::Template(template) => Some(template),
            _ => None,
        }
    }

    /// The key in the clear, as Cmd_Export gives it and blobs hold it.
    pub fn to_key_data(&self) -> KeyData {
        KeyData {
            type_: self.key_type,
            data: wire::plain(self.key_type, &self.body),
        }
    }

    /// Tests that both halves of a pair belong together by using them (the PairwiseCheck flag).
    ///
    /// # Errors
    /// `Failed` if what one half does, the other does not undo.
    pub fn pairwise_check(
        &self,
        engine: &dyn Engine,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Status> {
        validate::pairwise(engine, self, rng)
    }

    fn public_type(&self) -> Option<KeyType> {
        match self.body {
            Body::RsaPrivate(_) => Some(KeyType::RSAPublic),
            Body::DsaPrivate { .. } => Some(KeyType::DSAPublic),
            Body::DhPrivate { .. } => Some(KeyType::DHPublic),
            Body::DhExPrivate { .. } => Some(KeyType::DHExPublic),
            _ => None,
        }
    }

    fn hash_input(&self) -> Result<Zeroizing<Vec<u8>>, Status> {
        let public = self.public();
        let named = public.as_ref().unwrap_or(self);
        let input = keyhash::preimage(&named.to_key_data());
        input.map(Zeroizing::new).ok_or(Status::UnknownParameter)
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaterial")
            .field("key_type", &self.key_type)
            .field("bits", &self.length_bits())
            .finish_non_exhaustive()
    }
}

impl Group {
    /// `g ^ x mod p`, with the secret exponent padded to the length of `q`.
    pub(super) fn power(&self, engine: &dyn Engine, x: &[u8]) -> Result<Vec<u8>, Status> {
        public_value(engine, &self.p, &self.g, x, self.q.len())
    }
}

/// `g ^ x mod p` without leading zeros. The time depends on `length`, to which the secret exponent is padded.
pub(super) fn public_value(
    engine: &dyn Engine,
    p: &[u8],
    g: &[u8],
    x: &[u8],
    length: usize,
) -> Result<Vec<u8>, Status> {
    let x = engine::number::pad(x, length).ok_or(Status::InvalidData)?;
    let value = engine.mod_exp(g, &x, p).map_err(engine_status)?;
    Ok(engine::number::trim(&value).to_vec())
}
