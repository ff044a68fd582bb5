//! SYMMETRICWRAPKEYBLOB: the ALG_ID of the wrapping key, then a session key wrapped as RFC 3217
//! has it: triple DES keys under triple DES, RC2 keys under RC2.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{HEADER_LEN, header, take_u32};
use crate::constants::{AlgId, SYMMETRICWRAPKEYBLOB};
use crate::error::{CspError, Result};
use crate::soft::{Random, SymKey, set_odd_parity};

/// Block length of both ciphers, and length of the check value, in bytes.
const BLOCK: usize = 8;

/// Length of a wrapped triple DES key in bytes.
const TRIPLE_DES_LEN: usize = 24;

/// IV of the second encryption.
const SECOND_IV: [u8; BLOCK] = [0x4a, 0xdd, 0xa2, 0x2c, 0x79, 0xe8, 0x21, 0x05];

/// How a key is laid out before it is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Section 3: three DES keys with odd parity.
    TripleDes,
    /// Section 4: a length byte, the key, random padding.
    Rc2,
}

/// Unwraps the key in a SYMMETRICWRAPKEYBLOB's body, for [`SymKey::import_wrapped`]; `algorithm`
/// is the one of the blob's header.
///
/// # Errors
/// `NTE_BAD_ALGID` if the wrapping algorithm is not the wrapping key's; `NTE_BAD_KEY` if that key
/// cannot wrap such keys; `NTE_BAD_DATA` if the body is malformed or its check value wrong.
pub fn parse(body: &[u8], algorithm: AlgId, wrapping: &SymKey) -> Result<Zeroizing<Vec<u8>>> {
    let mut body = body;
    if AlgId(take_u32(&mut body)?) != wrapping.algorithm() {
        return Err(CspError::NTE_BAD_ALGID);
    }
    let layout = layout(algorithm, wrapping)?;
    let material = unwrap(body, wrapping)?;
    let key = match layout {
        Layout::TripleDes if material.len() == TRIPLE_DES_LEN => {
            if algorithm == AlgId::CALG_3DES {
                material
            } else if material[..BLOCK] == material[2 * BLOCK..] {
                Zeroizing::new(material[..2 * BLOCK].to_vec())
            } else {
                return Err(CspError::NTE_BAD_DATA);
            }
        }
        Layout::TripleDes => return Err(CspError::NTE_BAD_DATA),
        Layout::Rc2 => {
            let (len, rest) = material.split_first().ok_or(CspError::NTE_BAD_DATA)?;
            let key = rest
                .get(..usize::from(*len))
                .ok_or(CspError::NTE_BAD_DATA)?;
            if rest.len() - key.len() >= BLOCK {
                return Err(CspError::NTE_BAD_DATA);
            }
            Zeroizing::new(key.to_vec())
        }
    };
    Ok(key)
}

/// Length of the SYMMETRICWRAPKEYBLOB of `key` under `wrapping`.
///
/// # Errors
/// As [`build`], but for the random source's.
pub fn len(key: &SymKey, wrapping: &SymKey) -> Result<usize> {
    let material = match check(key, wrapping)? {
        Layout::TripleDes => TRIPLE_DES_LEN,
        Layout::Rc2 => (1 + key.key_bytes().len()).next_multiple_of(BLOCK),
    };
    Ok(HEADER_LEN + 4 + BLOCK + material + BLOCK)
}

/// The whole SYMMETRICWRAPKEYBLOB of a session key.
///
/// # Errors
/// `NTE_BAD_KEY_STATE` if the key is not exportable; `NTE_BAD_KEY` if the wrapping key cannot
/// wrap such keys; the random source's error.
pub fn build(key: &SymKey, wrapping: &SymKey, random: &mut dyn Random) -> Result<Vec<u8>> {
    let mut material = Zeroizing::new(Vec::new());
    match check(key, wrapping)? {
        Layout::TripleDes => {
            material.extend_from_slice(key.key_bytes());
            if key.algorithm() == AlgId::CALG_3DES_112 {
                material.extend_from_within(..BLOCK);
            }
            set_odd_parity(&mut material);
        }
        Layout::Rc2 => {
            material.push(key.key_bytes().len() as u8);
            material.extend_from_slice(key.key_bytes());
            let used = material.len();
            material.resize(used.next_multiple_of(BLOCK), 0);
            random.fill(&mut material[used..])?;
        }
    }
    let mut iv = [0; BLOCK];
    random.fill(&mut iv)?;

    let mut blob = header(SYMMETRICWRAPKEYBLOB, key.algorithm());
    blob.extend_from_slice(&wrapping.algorithm().0.to_le_bytes());
    blob.extend_from_slice(&wrap(&material, &iv, wrapping)?);
    Ok(blob)
}

fn check(key: &SymKey, wrapping: &SymKey) -> Result<Layout> {
    if !key.is_exportable() {
        return Err(CspError::NTE_BAD_KEY_STATE);
    }
    let layout = layout(key.algorithm(), wrapping)?;
    // A length byte counts to 255. Only an HMAC key under CALG_RC2 can be longer.
    if layout == Layout::Rc2 && key.key_bytes().len() > usize::from(u8::MAX) {
        return Err(CspError::NTE_BAD_KEY);
    }
    Ok(layout)
}

/// Which section of the RFC applies to a pair of algorithms. Two-key triple DES must not wrap
/// three keys.
fn layout(algorithm: AlgId, wrapping: &SymKey) -> Result<Layout> {
    match (algorithm, wrapping.algorithm()) {
        (AlgId::CALG_3DES | AlgId::CALG_3DES_112, AlgId::CALG_3DES)
        | (AlgId::CALG_3DES_112, AlgId::CALG_3DES_112) => Ok(Layout::TripleDes),
        (AlgId::CALG_RC2, AlgId::CALG_RC2) if wrapping.block_len().is_some() => Ok(Layout::Rc2),
        _ => Err(CspError::NTE_BAD_KEY),
    }
}

/// Steps 2 to 8 of sections 3.1 and 4.1, the latter counted from its checksum on.
fn wrap(material: &[u8], iv: &[u8; BLOCK], wrapping: &SymKey) -> Result<Vec<u8>> {
    let mut data = [iv, material, &checksum(material)].concat();
    wrapping.cbc_encrypt(iv, &mut data[BLOCK..])?;
    data.reverse();
    wrapping.cbc_encrypt(&SECOND_IV, &mut data)?;
    Ok(data)
}

/// The inverse of [`wrap`].
fn unwrap(wrapped: &[u8], wrapping: &SymKey) -> Result<Zeroizing<Vec<u8>>> {
    let mut data = Zeroizing::new(wrapped.to_vec());
    if data.len() < 3 * BLOCK || !data.len().is_multiple_of(BLOCK) {
        return Err(CspError::NTE_BAD_DATA);
    }
    wrapping.cbc_decrypt(&SECOND_IV, &mut data)?;
    data.reverse();
    let (iv, data) = data.split_at_mut(BLOCK);
    wrapping.cbc_decrypt(iv, data)?;
    let (material, found) = data.split_at(data.len() - BLOCK);
    if !bool::from(checksum(material)[..].ct_eq(found)) {
        return Err(CspError::NTE_BAD_DATA);
    }
    Ok(Zeroizing::new(material.to_vec()))
}

/// Section 2: the first eight bytes of the SHA-1 hash.
fn checksum(material: &[u8]) -> [u8; BLOCK] {
    let hash = Sha1::digest(material);
    std::array::from_fn(|i| hash[i])
}
