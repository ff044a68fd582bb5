//! The padded blocks of RSA: what a module signs, and what goes under a public key. All
//! big-endian, as the standards write them.

use zeroize::Zeroizing;

use super::RsaPadding;
use crate::constants::AlgId;
use crate::error::{CspError, Result};
use crate::soft::Random;
use crate::soft::hash::Digest;

/// Bytes around the data in a PKCS#1 v1.5 block: 00, block type, eight or more of padding, 00.
const PKCS1_OVERHEAD: usize = 11;

/// The DER DigestInfo of a hash value (RFC 8017 section 9.2), which a module pads and signs.
/// CALG_SSL3_SHAMD5 has none and stays bare.
///
/// # Errors
/// `NTE_BAD_ALGID` for a MAC, an HMAC or anything else that cannot be signed; `NTE_BAD_LEN` if
/// the value is not as long as the algorithm's.
pub fn digest_info(algorithm: AlgId, digest: &[u8]) -> Result<Vec<u8>> {
    check_value(algorithm, digest)?;
    Ok([prefix(algorithm), digest].concat())
}

/// The PKCS#1 type 1 block over [`digest_info`]; `len` is the modulus' length in bytes.
///
/// # Errors
/// As [`digest_info`]; `NTE_BAD_LEN` also if the modulus is too short.
pub fn digest_info_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    type_1_block(&digest_info(algorithm, digest)?, len)
}

/// The PKCS#1 type 1 block over the bare value (CRYPT_NOHASHOID).
///
/// # Errors
/// As [`digest_info_block`].
pub fn bare_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    check_value(algorithm, digest)?;
    type_1_block(digest, len)
}

/// The ANSI X9.31 block (CRYPT_X931_FORMAT): 6b bb .. bb ba, the value, the hash's number, cc.
/// The signature is the lesser of the block's RSA signature and the modulus minus that.
///
/// # Errors
/// `NTE_BAD_ALGID` for a hash that X9.31 has no number for; `NTE_BAD_LEN` if the modulus is too
/// short.
pub fn x931_block(algorithm: AlgId, digest: &[u8], len: usize) -> Result<Vec<u8>> {
    let number = match algorithm {
        AlgId::CALG_SHA1 => 0x33,
        AlgId::CALG_SHA_256 => 0x34,
        AlgId::CALG_SHA_512 => 0x35,
        AlgId::CALG_SHA_384 => 0x36,
        _ => return Err(CspError::NTE_BAD_ALGID),
    };
    check_value(algorithm, digest)?;
    let padding = len
        .checked_sub(digest.len() + 4)
        .ok_or(CspError::NTE_BAD_LEN)?;
    let mut block = vec![0x6b];
    block.resize(1 + padding, 0xbb);
    block.push(0xba);
    block.extend_from_slice(digest);
    block.extend_from_slice(&[number, 0xcc]);
    Ok(block)
}

/// The block to be encrypted; `len` is the modulus' length in bytes.
///
/// # Errors
/// `NTE_BAD_LEN` if the plain text is too long; the random source's error.
pub(super) fn encryption_block(
    plain: &[u8],
    padding: RsaPadding<'_>,
    len: usize,
    random: &mut dyn Random,
) -> Result<Zeroizing<Vec<u8>>> {
    match padding {
        RsaPadding::Pkcs1 => type_2_block(plain, len, random),
        RsaPadding::Oaep { label } => oaep_block(plain, label, len, random),
    }
}

fn type_1_block(data: &[u8], len: usize) -> Result<Vec<u8>> {
    if data.len() + PKCS1_OVERHEAD > len {
        return Err(CspError::NTE_BAD_LEN);
    }
    let mut block = vec![0x00, 0x01];
    block.resize(len - data.len() - 1, 0xff);
    block.push(0x00);
    block.extend_from_slice(data);
    Ok(block)
}

fn type_2_block(plain: &[u8], len: usize, random: &mut dyn Random) -> Result<Zeroizing<Vec<u8>>> {
    if plain.len() + PKCS1_OVERHEAD > len {
        return Err(CspError::NTE_BAD_LEN);
    }
    let mut block = Zeroizing::new(vec![0; len]);
    let (padding, rest) = block[1..].split_at_mut(len - plain.len() - 2);
    padding[0] = 0x02;
    fill_nonzero(&mut padding[1..], random)?;
    rest[1..].copy_from_slice(plain);
    Ok(block)
}

/// RFC 8017 section 7.1.1, with SHA-1 and MGF1-SHA-1.
fn oaep_block(
    plain: &[u8],
    label: &[u8],
    len: usize,
    random: &mut dyn Random,
) -> Result<Zeroizing<Vec<u8>>> {
    const HASH_LEN: usize = 20;
    if plain.len() + 2 * HASH_LEN + 2 > len {
        return Err(CspError::NTE_BAD_LEN);
    }
    let mut sha1 = Digest::new(AlgId::CALG_SHA1)?;
    sha1.update(label);
    let mut block = Zeroizing::new(vec![0; len]);
    let (seed, data) = block[1..].split_at_mut(HASH_LEN);
    random.fill(seed)?;
    let data_len = data.len();
    data[..HASH_LEN].copy_from_slice(&sha1.finish());
    data[data_len - plain.len() - 1] = 0x01;
    data[data_len - plain.len()..].copy_from_slice(plain);
    xor_mask(data, seed, &mut sha1);
    xor_mask(seed, data, &mut sha1);
    Ok(block)
}

/// XORs MGF1 of the seed into the data.
fn xor_mask(data: &mut [u8], seed: &[u8], hash: &mut Digest) {
    for (counter, chunk) in (0u32..).zip(data.chunks_mut(hash.size())) {
        hash.update(seed);
        hash.update(&counter.to_be_bytes());
        for (byte, mask) in chunk.iter_mut().zip(hash.finish()) {
            *byte ^= mask;
        }
    }
}

/// How often a source of random bytes may return zeros in a row where none are wanted, before it
/// is taken for broken.
const MAX_ZEROS: u32 = 256;

fn fill_nonzero(buffer: &mut [u8], random: &mut dyn Random) -> Result<()> {
    random.fill(buffer)?;
    for byte in buffer.iter_mut() {
        let mut tries = 0;
        while *byte == 0 {
            if tries == MAX_ZEROS {
                return Err(CspError::NTE_FAIL);
            }
            random.fill(std::slice::from_mut(byte))?;
            tries += 1;
        }
    }
    Ok(())
}

fn check_value(algorithm: AlgId, digest: &[u8]) -> Result<()> {
    let len = match algorithm {
        AlgId::CALG_SSL3_SHAMD5 => 36,
        _ => Digest::new(algorithm)?.size(),
    };
    if digest.len() == len {
        Ok(())
    } else {
        Err(CspError::NTE_BAD_LEN)
    }
}

/// What precedes a hash value in its DigestInfo: RFC 8017 section 9.2 note 1; MD4 as RFC 1320's
/// object identifier gives it.
fn prefix(algorithm: AlgId) -> &'static [u8] {
    match algorithm {
        AlgId::CALG_MD2 => {
            b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x02\x05\x00\x04\x10"
        }
        AlgId::CALG_MD4 => {
            b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x04\x05\x00\x04\x10"
        }
        AlgId::CALG_MD5 => {
            b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"
        }
        AlgId::CALG_SHA1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        AlgId::CALG_SHA_256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        AlgId::CALG_SHA_384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
        }
        AlgId::CALG_SHA_512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
        _ => b"",
    }
}
