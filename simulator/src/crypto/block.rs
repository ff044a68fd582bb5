//! Block cipher mechanisms: ECB and CBC encryption, and CBC-MAC.

use ncore::Status;
use ncore::types::{
    CipherText, IV, Mech, MechCipher, MechGeneric64Cipher, MechGeneric64IV, MechGeneric64MACCipher,
    MechGeneric64MACIV, MechGeneric128Cipher, MechGeneric128IV, MechGeneric128MACCipher,
    MechGeneric128MACIV, MechIV, PlainText, PlainTextType,
};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::mechanism::{BlockMechanism, MacMechanism};
use super::symmetric::{self, Algorithm, BlockMode, Direction};
use super::{iv_for, plain};

/// Encrypts byte data. An initialisation vector that is needed and not given is drawn; it travels with the ciphertext.
///
/// # Errors
/// `EncryptFailed` if the mechanism does not pad and the data are no whole blocks.
pub(super) fn encrypt(
    rng: &mut dyn CryptoRng,
    key: &[u8],
    mech: Mech,
    how: BlockMechanism,
    data: &PlainText,
    given_iv: Option<&IV>,
) -> Result<CipherText, Status> {
    let block = how.algorithm.block_len();
    let iv = starting_iv(rng, mech, how.algorithm, how.chained, given_iv)?;
    let mut data = plain::bytes(data)?;
    if how.padded {
        symmetric::pad(&mut data, block);
    }
    if !data.len().is_multiple_of(block) {
        return Err(Status::EncryptFailed);
    }
    symmetric::block_mode(how.algorithm, key, iv.as_deref(), Direction::Encrypt)?.apply(&mut data);
    let cipher = data.to_vec();
    let data = match block {
        8 => MechCipher::Generic64(MechGeneric64Cipher { cipher }),
        _ => MechCipher::Generic128(MechGeneric128Cipher { cipher }),
    };
    Ok(CipherText {
        mech,
        data,
        iv: encryption_iv(iv.as_deref()),
    })
}

/// Decrypts what [`encrypt`] makes.
///
/// # Errors
/// `DecryptFailed` if the ciphertext is no whole blocks, or its padding is bad.
pub(super) fn decrypt(
    key: &[u8],
    how: BlockMechanism,
    cipher: &CipherText,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let block = how.algorithm.block_len();
    let iv = if how.chained {
        Some(iv_bytes(&cipher.iv)?)
    } else {
        None
    };
    let mut data = Zeroizing::new(cipher_bytes(&cipher.data)?.to_vec());
    if !data.len().is_multiple_of(block) {
        return Err(Status::DecryptFailed);
    }
    symmetric::block_mode(how.algorithm, key, iv, Direction::Decrypt)?.apply(&mut data);
    if how.padded {
        symmetric::unpad(&mut data, block)?;
    }
    plain::reply(&data, wanted)
}

/// Makes a CBC-MAC of byte data.
///
/// # Errors
/// `InvalidData` if the mechanism does not pad and the data are no whole blocks, or are empty.
pub(super) fn sign(
    rng: &mut dyn CryptoRng,
    key: &[u8],
    mech: Mech,
    how: MacMechanism,
    data: &PlainText,
    given_iv: Option<&IV>,
) -> Result<CipherText, Status> {
    let iv = starting_iv(rng, mech, how.algorithm, how.with_iv, given_iv)?;
    let mut mac = Mac::start(key, how, iv.as_deref())?;
    mac.update(&plain::bytes(data)?);
    let mac = mac.finish()?;
    Ok(CipherText {
        mech,
        data: mac_cipher(&mac),
        iv: mac_iv(iv.as_deref()),
    })
}

/// Verifies what [`sign`] makes.
///
/// # Errors
/// `VerifyFailed` if the MAC is not one of the data; otherwise as for [`sign`].
pub(super) fn verify(
    key: &[u8],
    how: MacMechanism,
    data: &PlainText,
    signature: &CipherText,
) -> Result<(), Status> {
    let iv = if how.with_iv {
        Some(iv_bytes(&signature.iv)?)
    } else {
        None
    };
    let mut mac = Mac::start(key, how, iv)?;
    mac.update(&plain::bytes(data)?);
    let mac = mac.finish()?;
    let given = match &signature.data {
        MechCipher::Generic64MAC(body) => &body.mac[..],
        MechCipher::Generic128MAC(body) => &body.mac,
        _ => return Err(Status::TypeMismatch),
    };
    if bool::from(mac.ct_eq(given)) {
        Ok(())
    } else {
        Err(Status::VerifyFailed)
    }
}

/// A CBC-MAC to be fed piece by piece: CBC encryption of which only the last block is kept.
pub(super) struct Mac {
    mode: Box<dyn BlockMode>,
    how: MacMechanism,
    /// Data that do not fill a block yet.
    rest: Zeroizing<Vec<u8>>,
    last: Option<Vec<u8>>,
}

impl Mac {
    /// Starts from an initialisation vector, or from zeros.
    pub(super) fn start(key: &[u8], how: MacMechanism, iv: Option<&[u8]>) -> Result<Self, Status> {
        let zeros = vec![0; how.algorithm.block_len()];
        let mode = symmetric::block_mode(
            how.algorithm,
            key,
            Some(iv.unwrap_or(&zeros)),
            Direction::Encrypt,
        )?;
        Ok(Self {
            mode,
            how,
            rest: Zeroizing::default(),
            last: None,
        })
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.rest.extend_from_slice(data);
        let block = self.how.algorithm.block_len();
        let whole = self.rest.len() - self.rest.len() % block;
        self.take(whole);
    }

    /// The MAC: one block.
    ///
    /// # Errors
    /// `InvalidData` if the mechanism does not pad and the data are no whole blocks, or are empty.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Status> {
        let block = self.how.algorithm.block_len();
        if self.how.padded {
            symmetric::pad(&mut self.rest, block);
            self.take(block);
        }
        if !self.rest.is_empty() {
            return Err(Status::InvalidData);
        }
        self.last.ok_or(Status::InvalidData)
    }

    fn take(&mut self, whole: usize) {
        let mut data: Zeroizing<Vec<u8>> = Zeroizing::new(self.rest.drain(..whole).collect());
        self.mode.apply(&mut data);
        let block = self.how.algorithm.block_len();
        if let Some(last) = data.len().checked_sub(block) {
            self.last = Some(data[last..].to_vec());
        }
    }
}

/// The initialisation vector a mechanism starts from: the one given, or a new one; `None` if it uses none.
///
/// # Errors
/// `MechanismNotExpected` if the given one is for another mechanism.
pub(super) fn starting_iv(
    rng: &mut dyn CryptoRng,
    mech: Mech,
    algorithm: Algorithm,
    used: bool,
    given: Option<&IV>,
) -> Result<Option<Vec<u8>>, Status> {
    let given = iv_for(mech, given)?;
    match (used, given) {
        (false, _) => Ok(None),
        (true, Some(iv)) => iv_bytes(iv).map(|iv| Some(iv.to_vec())),
        (true, None) => {
            let mut iv = vec![0; algorithm.block_len()];
            rng.fill_bytes(&mut iv);
            Ok(Some(iv))
        }
    }
}

/// The initialisation vector of an encryption as it travels.
pub(super) fn encryption_iv(iv: Option<&[u8]>) -> MechIV {
    match iv {
        None => MechIV::Empty,
        Some(iv) if iv.len() == 8 => MechIV::Generic64(MechGeneric64IV { iv: array(iv) }),
        Some(iv) => MechIV::Generic128(MechGeneric128IV { iv: array(iv) }),
    }
}

/// The initialisation vector of a MAC as it travels.
pub(super) fn mac_iv(iv: Option<&[u8]>) -> MechIV {
    match iv {
        None => MechIV::Empty,
        Some(iv) if iv.len() == 8 => MechIV::Generic64MAC(MechGeneric64MACIV { iv: array(iv) }),
        Some(iv) => MechIV::Generic128MAC(MechGeneric128MACIV { iv: array(iv) }),
    }
}

fn iv_bytes(iv: &MechIV) -> Result<&[u8], Status> {
    Ok(match iv {
        MechIV::Generic64(iv) => &iv.iv,
        MechIV::Generic128(iv) => &iv.iv,
        MechIV::Generic64MAC(iv) => &iv.iv,
        MechIV::Generic128MAC(iv) => &iv.iv,
        _ => return Err(Status::TypeMismatch),
    })
}

fn cipher_bytes(cipher: &MechCipher) -> Result<&[u8], Status> {
    Ok(match cipher {
        MechCipher::Generic64(body) => &body.cipher,
        MechCipher::Generic128(body) => &body.cipher,
        _ => return Err(Status::TypeMismatch),
    })
}

fn mac_cipher(mac: &[u8]) -> MechCipher {
    match mac.len() {
        8 => MechCipher::Generic64MAC(MechGeneric64MACCipher { mac: array(mac) }),
        _ => MechCipher::Generic128MAC(MechGeneric128MACCipher { mac: array(mac) }),
    }
}

/// One block as an array. The callers choose `N` by the length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}
