//! Symmetric keys: their lengths, their generation, and block and stream ciphers.

use aes::{Aes128, Aes192, Aes256};
use cipher::{
    Array, Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, InnerIvInit, KeyInit, StreamCipher,
};
use des::{Des, TdesEde2, TdesEde3};
use ncore::Status;
use ncore::types::KeyType;
use rand_core::CryptoRng;
use rc4::Rc4;
use zeroize::Zeroizing;

use super::hash::Hash;
use super::key::{Body, KeyMaterial, Secret};

/// The longest key without a length of its own (HMAC, Random, Wrapped), in bytes. A message of the default size could
/// not carry a longer one.
const MAX_RAW: usize = 8192;

/// The longest RC4 key, in bytes: the key schedule repeats no further.
const MAX_ARC_FOUR: usize = 256;

/// A block cipher by the name of its key type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Des,
    Des2,
    Des3,
    Aes,
}

impl Algorithm {
    /// The type of key the algorithm takes.
    pub(super) fn key_type(self) -> KeyType {
        match self {
            Self::Des => KeyType::DES,
            Self::Des2 => KeyType::DES2,
            Self::Des3 => KeyType::DES3,
            Self::Aes => KeyType::Rijndael,
        }
    }

    /// Length of a block in bytes.
    pub(super) fn block_len(self) -> usize {
        if self == Self::Aes { 16 } else { 8 }
    }
}

/// Checks the length of a symmetric key, in bytes.
///
/// # Errors
/// `InvalidParameter` for a length the type does not have, `UnknownParameter` for a type this module does not handle.
pub(super) fn check_length(key_type: KeyType, length: usize) -> Result<(), Status> {
    let good = match key_type {
        KeyType::DES => length == 8,
        KeyType::DES2 => length == 16,
        KeyType::DES3 => length == 24,
        KeyType::Rijndael => matches!(length, 16 | 24 | 32),
        KeyType::ArcFour => (1..=MAX_ARC_FOUR).contains(&length),
        KeyType::Random | KeyType::Wrapped => (1..=MAX_RAW).contains(&length),
        hmac if Hash::from_hmac_key(hmac).is_some() => (1..=MAX_RAW).contains(&length),
        _ => return Err(Status::UnknownParameter),
    };
    if good {
        Ok(())
    } else {
        Err(Status::InvalidParameter)
    }
}

/// Makes a symmetric key. `length` is in bytes, and `None` for DES, whose types say it themselves.
///
/// # Errors
/// As for [`check_length`]; `TypeMismatch` for a type whose keys are not made alone.
pub(super) fn generate(
    key_type: KeyType,
    length: Option<u32>,
    rng: &mut dyn CryptoRng,
) -> Result<KeyMaterial, Status> {
    let length = match (key_type, length) {
        (KeyType::DES, None) => 8,
        (KeyType::DES2, None) => 16,
        (KeyType::DES3, None) => 24,
        (KeyType::RSAPublic | KeyType::DSAPublic | KeyType::DHPublic | KeyType::DHExPublic, _) => {
            return Err(Status::TypeMismatch);
        }
        // Wrapped keys come out of other keys, never out of the random number generator.
        (KeyType::Wrapped, _) | (_, None) => return Err(Status::UnknownParameter),
        (_, Some(length)) => length as usize,
    };
    check_length(key_type, length)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    let is_des = matches!(key_type, KeyType::DES | KeyType::DES2 | KeyType::DES3);
    loop {
        rng.fill_bytes(&mut bytes);
        if !is_des {
            break;
        }
        for byte in bytes.iter_mut() {
            *byte = with_odd_parity(*byte);
        }
        // Weak and semi-weak keys, and triple keys whose parts are equal.
        if des::weak_key_test(&bytes).is_ok() {
            break;
        }
    }
    KeyMaterial::new(key_type, Body::Raw(Secret::new(&bytes)))
}

/// The byte with its lowest bit such that the number of ones is odd (FIPS 46-3).
fn with_odd_parity(byte: u8) -> u8 {
    let rest = byte & 0xfe;
    rest | u8::from(rest.count_ones().is_multiple_of(2))
}

/// Which way a cipher is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Encrypt,
    Decrypt,
}

/// A cipher that turns whole blocks in place and remembers where it is.
pub(super) trait BlockMode: Send {
    /// Turns `data`, whose length is a multiple of the block length.
    fn apply(&mut self, data: &mut [u8]);
}

/// A block cipher in ECB mode, or in CBC mode if there is an initialisation vector (of one block).
///
/// # Errors
/// `TypeMismatch` if the key or the vector is not of the length the algorithm takes.
pub(super) fn block_mode(
    algorithm: Algorithm,
    key: &[u8],
    iv: Option<&[u8]>,
    direction: Direction,
) -> Result<Box<dyn BlockMode>, Status> {
    match (algorithm, key.len()) {
        (Algorithm::Des, _) => mode_of::<Des>(key, iv, direction),
        (Algorithm::Des2, _) => mode_of::<TdesEde2>(key, iv, direction),
        (Algorithm::Des3, _) => mode_of::<TdesEde3>(key, iv, direction),
        (Algorithm::Aes, 16) => mode_of::<Aes128>(key, iv, direction),
        (Algorithm::Aes, 24) => mode_of::<Aes192>(key, iv, direction),
        (Algorithm::Aes, _) => mode_of::<Aes256>(key, iv, direction),
    }
}

fn mode_of<C>(
    key: &[u8],
    iv: Option<&[u8]>,
    direction: Direction,
) -> Result<Box<dyn BlockMode>, Status>
where
    C: KeyInit + BlockSizeUser + BlockCipherEncrypt + BlockCipherDecrypt + Send + 'static,
{
    let cipher = C::new_from_slice(key).map_err(|_| Status::TypeMismatch)?;
    Ok(match (iv, direction) {
        (None, Direction::Encrypt) => Box::new(EcbEncrypt(cipher)),
        (None, Direction::Decrypt) => Box::new(EcbDecrypt(cipher)),
        (Some(iv), Direction::Encrypt) => Box::new(CbcEncrypt(
            cbc::Encryptor::inner_iv_slice_init(cipher, iv).map_err(|_| Status::TypeMismatch)?,
        )),
        (Some(iv), Direction::Decrypt) => Box::new(CbcDecrypt(
            cbc::Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| Status::TypeMismatch)?,
        )),
    })
}

struct EcbEncrypt<C>(C);
struct EcbDecrypt<C>(C);
struct CbcEncrypt<C: BlockCipherEncrypt>(cbc::Encryptor<C>);
struct CbcDecrypt<C: BlockCipherDecrypt>(cbc::Decryptor<C>);

impl<C: BlockCipherEncrypt + Send> BlockMode for EcbEncrypt<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.0.encrypt_blocks(blocks::<C>(data));
    }
}

impl<C: BlockCipherDecrypt + Send> BlockMode for EcbDecrypt<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.0.decrypt_blocks(blocks::<C>(data));
    }
}

impl<C: BlockCipherEncrypt + Send> BlockMode for CbcEncrypt<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.0.encrypt_blocks(blocks::<C>(data));
    }
}

impl<C: BlockCipherDecrypt + Send> BlockMode for CbcDecrypt<C> {
    fn apply(&mut self, data: &mut [u8]) {
        self.0.decrypt_blocks(blocks::<C>(data));
    }
}

/// The data as blocks. There is no rest: callers keep data to whole blocks.
fn blocks<C: BlockSizeUser>(data: &mut [u8]) -> &mut [Block<C>] {
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    debug_assert!(rest.is_empty(), "callers pass whole blocks");
    blocks
}

/// RC4 with the key's whole length.
///
/// # Errors
/// `TypeMismatch` if the key has no length RC4 takes.
pub(super) fn arc_four(key: &[u8]) -> Result<Rc4, Status> {
    Rc4::new_from_slice(key).map_err(|_| Status::TypeMismatch)
}

/// One-shot RC4, which is the same both ways.
pub(super) fn arc_four_apply(key: &[u8], data: &mut [u8]) -> Result<(), Status> {
    arc_four(key)?.apply_keystream(data);
    Ok(())
}

/// Adds PKCS#5 padding: 1 to `block` bytes, each of them their number.
pub(super) fn pad(data: &mut Vec<u8>, block: usize) {
    let count = block - data.len() % block;
    data.resize(data.len() + count, count as u8);
}

/// Takes PKCS#5 padding off, looking at the whole last block whatever it finds.
///
/// # Errors
/// `DecryptFailed` if the padding is not one.
pub(super) fn unpad(data: &mut Vec<u8>, block: usize) -> Result<(), Status> {
    use subtle::{ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess};

    let (Some(count), Some(start)) = (data.last().copied(), data.len().checked_sub(block)) else {
        return Err(Status::DecryptFailed);
    };
    let mut good = count.ct_gt(&0) & !count.ct_gt(&(block as u8));
    for (distance, byte) in (0u8..).zip(data[start..].iter().rev()) {
        good &= !distance.ct_lt(&count) | byte.ct_eq(&count);
    }
    if !bool::from(good) {
        return Err(Status::DecryptFailed);
    }
    data.truncate(data.len() - usize::from(count));
    Ok(())
}
