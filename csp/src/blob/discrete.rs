//! DSS and Diffie-Hellman blobs, public and private, of both versions.
//!
//! ```text
//! version 2   magic, length of p in bits, then
//!   DSS1 public   p, q[20], g, y, DSSSEED        DSS2 private  p, q[20], g, x[20], DSSSEED
//!   DH1  public   y                              DH2  private  p, g, x
//! version 3   magic, lengths of p, q and j in bits (private: and of x), DSSSEED, p, q, g, j, y (private: and x)
//! ```
//!
//! In version 3 a number of length zero is left out, and so is y where a blob is for KP_PUB_PARAMS. j is the quotient of
//! `p - 1` by q, which says nothing new: it is skipped. Private keys are read only: the provider exports none.

use std::fmt;

use zeroize::Zeroizing;

use super::{BlobHeader, VERSION_3, header, take, take_u32};
use crate::constants::{AlgId, PRIVATEKEYBLOB, PUBLICKEYBLOB};
use crate::error::{CspError, Result};
use crate::soft::{DSS_ORDER_LEN, DiscretePublicKey, Group, PublicKey};

/// "DSS1" to "DSS4" and "\0DH1" to "\0DH4", for `kind` in 1..=4: public and private of version 2, of version 3.
const fn magic(is_dss: bool, kind: u8) -> u32 {
    let digit = b'0' + kind;
    match is_dss {
        true => u32::from_le_bytes([b'D', b'S', b'S', digit]),
        false => u32::from_le_bytes([0, b'D', b'H', digit]),
    }
}

/// The counter of a DSSSEED that has no seed.
const NO_SEED: u32 = 0xffff_ffff;

/// What a blob holds. A version 2 public blob of a Diffie-Hellman key has no group, a version 3 one for KP_PUB_PARAMS no
/// public value.
pub struct Parts {
    /// The domain parameters.
    pub group: Option<Group>,
    /// The public value.
    pub y: Option<Vec<u8>>,
    /// The private value, in a PRIVATEKEYBLOB.
    pub x: Option<Zeroizing<Vec<u8>>>,
}

/// Reads the body of a public or private blob of a DSS or Diffie-Hellman key.
///
/// # Errors
/// `NTE_BAD_DATA` if it is malformed or the header's algorithm is another.
pub fn parse(header: &BlobHeader, body: &[u8]) -> Result<Parts> {
    let is_dss = match header.algorithm {
        AlgId::CALG_DSS_SIGN => true,
        AlgId::CALG_DH_SF | AlgId::CALG_DH_EPHEM => false,
        _ => return Err(CspError::NTE_BAD_DATA),
    };
    let is_private = header.blob_type == PRIVATEKEYBLOB;
    let is_version_3 = header.version == VERSION_3;
    let mut body = body;
    let kind = 1 + u8::from(is_private) + 2 * u8::from(is_version_3);
    if take_u32(&mut body)? != magic(is_dss, kind) {
        return Err(CspError::NTE_BAD_DATA);
    }
    match (is_version_3, is_dss) {
        (true, _) => version_3(&mut body, is_dss, is_private),
        (false, true) => dss_2(&mut body, is_private),
        (false, false) => dh_2(&mut body, is_private),
    }
}

fn dss_2(body: &mut &[u8], is_private: bool) -> Result<Parts> {
    let len = length(take_u32(body)?)?;
    let p = take(body, len)?;
    let q = take(body, DSS_ORDER_LEN)?;
    let g = take(body, len)?;
    let value = take(body, if is_private { DSS_ORDER_LEN } else { len })?;
    // DSSSEED: the generation's counter and seed, which nobody here asks for.
    take(body, 4 + DSS_ORDER_LEN)?;
    Ok(Parts::new(
        Some(Group::new(p, Some(q), g)?),
        value,
        is_private,
    ))
}

fn dh_2(body: &mut &[u8], is_private: bool) -> Result<Parts> {
    let len = length(take_u32(body)?)?;
    let group = match is_private {
        true => {
            let (p, g) = (take(body, len)?, take(body, len)?);
            Some(Group::new(p, None, g)?)
        }
        false => None,
    };
    Ok(Parts::new(group, take(body, len)?, is_private))
}

fn version_3(body: &mut &[u8], is_dss: bool, is_private: bool) -> Result<Parts> {
    let mut next = || length(take_u32(body)?);
    let (p_len, q_len, j_len) = (next()?, next()?, next()?);
    let x_len = if is_private { next()? } else { 0 };
    take(body, 4 + DSS_ORDER_LEN)?;
    let p = take(body, p_len)?;
    let q = take(body, q_len)?;
    let g = take(body, p_len)?;
    take(body, j_len)?;
    let has_order = q_len != 0;
    if is_dss && !has_order {
        return Err(CspError::NTE_BAD_DATA);
    }
    let group = Some(Group::new(p, has_order.then_some(q), g)?);
    let y = match body.is_empty() && !is_private {
        true => None,
        false => Some(take(body, p_len)?.to_vec()),
    };
    let x = match is_private {
        true => Some(Zeroizing::new(take(body, x_len)?.to_vec())),
        false => None,
    };
    Ok(Parts { group, y, x })
}

impl Parts {
    fn new(group: Option<Group>, value: &[u8], is_private: bool) -> Parts {
        let (y, x) = match is_private {
            true => (None, Some(Zeroizing::new(value.to_vec()))),
            false => (Some(value.to_vec()), None),
        };
        Parts { group, y, x }
    }

    /// The public key in a blob that has all of it.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` if group or value are missing or do not go together.
    pub fn public_key(self) -> Result<DiscretePublicKey> {
        let group = self.group.ok_or(CspError::NTE_BAD_DATA)?;
        DiscretePublicKey::new(group, &self.y.ok_or(CspError::NTE_BAD_DATA)?)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.group.as_ref().map(Group::bits);
        write!(f, "Parts(p of {bits:?} bits)")
    }
}

/// The whole PUBLICKEYBLOB of a DSS or Diffie-Hellman key, of version 2 or, with CRYPT_BLOB_VER3, 3.
///
/// # Errors
/// `NTE_BAD_DATA` for an RSA key; `NTE_BAD_KEY` for a DSS key whose order is not of 160 bits, which version 2 cannot say.
pub fn build(algorithm: AlgId, key: &PublicKey, with_version_3: bool) -> Result<Vec<u8>> {
    let (is_dss, DiscretePublicKey { group, y }) = match key {
        PublicKey::Rsa(_) => return Err(CspError::NTE_BAD_DATA),
        PublicKey::Dsa(key) => (true, key),
        PublicKey::Dh(key) => (false, key),
    };
    let mut blob = header(PUBLICKEYBLOB, algorithm);
    let word = |blob: &mut Vec<u8>, value: u32| blob.extend_from_slice(&value.to_le_bytes());
    let q = group.q.as_deref().unwrap_or_default();
    let mut seed = NO_SEED.to_le_bytes().to_vec();
    seed.resize(4 + DSS_ORDER_LEN, 0);
    if with_version_3 {
        blob[1] = VERSION_3;
        word(&mut blob, magic(is_dss, 3));
        for bits in [group.bits(), q.len() as u32 * 8, 0] {
            word(&mut blob, bits);
        }
        for part in [&seed[..], &group.p, q, &group.g, y] {
            blob.extend_from_slice(part);
        }
        return Ok(blob);
    }
    word(&mut blob, magic(is_dss, 1));
    word(&mut blob, group.bits());
    if is_dss {
        if q.len() != DSS_ORDER_LEN {
            return Err(CspError::NTE_BAD_KEY);
        }
        for part in [&group.p, q, &group.g, y, &seed[..]] {
            blob.extend_from_slice(part);
        }
    } else {
        blob.extend_from_slice(y);
    }
    Ok(blob)
}

/// A length in whole bytes.
fn length(bits: u32) -> Result<usize> {
    match bits % 8 {
        0 => Ok(bits as usize / 8),
        _ => Err(CspError::NTE_BAD_DATA),
    }
}
