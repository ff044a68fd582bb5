//! RSA mechanisms: the paddings of PKCS#1 (RFC 8017) around the engine's raw operation.

use engine::{Engine, RsaPublicComponents, number};
use ncore::types::{
    CipherText, IV, Mech, MechCipher, MechIV, MechRSApPKCS1Cipher, MechRSApPKCS1OAEPIV, PlainText,
    PlainTextType, PlainTextTypeData,
};
use ncore::{Bignum, Status};
use rand_core::CryptoRng;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

use super::hash::Hash;
use super::key::RsaPrivateKey;
use super::{engine_status, iv_for, plain};

/// Signs with PKCS#1 v1.5 padding, or without any if the data are a number.
///
/// # Errors
/// `InvalidData` if the data do not fit the modulus, `OutOfRange` if a number is not less than it, `TypeMismatch` if
/// the data are of a type the mechanism cannot sign.
pub(super) fn sign(
    engine: &dyn Engine,
    key: &RsaPrivateKey,
    mech: Mech,
    hash: Option<Hash>,
    data: &PlainText,
) -> Result<CipherText, Status> {
    let input = encode_signature(hash, data, key.components.n().len())?;
    let signature = key
        .prepared(engine)?
        .private(&input)
        .map_err(engine_status)?;
    Ok(cipher_text(mech, &signature, MechIV::Empty))
}

/// Verifies what [`sign`] makes.
///
/// # Errors
/// `VerifyFailed` if the signature is not one of the data; otherwise as for [`sign`].
pub(super) fn verify(
    engine: &dyn Engine,
    key: &RsaPublicComponents,
    hash: Option<Hash>,
    data: &PlainText,
    signature: &MechCipher,
) -> Result<(), Status> {
    let expected = encode_signature(hash, data, key.n().len())?;
    let recovered = match engine.rsa_public(key, &number_of(signature)?) {
        Ok(recovered) => recovered,
        Err(engine::Error::OutOfRange) => return Err(Status::VerifyFailed),
        Err(error) => return Err(engine_status(error)),
    };
    if bool::from(recovered.ct_eq(&expected)) {
        Ok(())
    } else {
        Err(Status::VerifyFailed)
    }
}

/// Encrypts with PKCS#1 v1.5 padding, or without any if the data are a number.
///
/// # Errors
/// `EncryptFailed` if the data are too long for the modulus, `OutOfRange` if a number is not less than it.
pub(super) fn encrypt(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    key: &RsaPublicComponents,
    mech: Mech,
    data: &PlainText,
) -> Result<CipherText, Status> {
    let length = key.n().len();
    let input = match &data.data {
        PlainTextTypeData::Bignum(body) => Zeroizing::new(body.m.to_be()),
        _ => pad_type_two(rng, &plain::bytes(data)?, length)?,
    };
    let output = engine.rsa_public(key, &input).map_err(engine_status)?;
    Ok(cipher_text(mech, &output, MechIV::Empty))
}

/// Decrypts what [`encrypt`] makes. The padding is examined in constant time, and bad padding is an error.
///
/// # Errors
/// `DecryptFailed` for bad padding, or data that are not of the length a hash type has; `OutOfRange` if the ciphertext
/// is not less than the modulus; `InvalidParameter` for a reply type that cannot carry the data.
pub(super) fn decrypt(
    engine: &dyn Engine,
    key: &RsaPrivateKey,
    cipher: &MechCipher,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let padded = key
        .prepared(engine)?
        .private(&number_of(cipher)?)
        .map_err(engine_status)?;
    if wanted == PlainTextType::Bignum {
        return Ok(plain::reply_number(Bignum::from_be(&padded)));
    }
    let data = unpad_type_two(&padded).ok_or(Status::DecryptFailed)?;
    plain::reply(&data, wanted)
}

/// Encrypts with OAEP. The label (parameter P) comes as the initialisation vector; without one it is empty.
///
/// # Errors
/// `EncryptFailed` if the data are too long for the modulus, `TypeMismatch` if they are a number.
pub(super) fn encrypt_oaep(
    engine: &dyn Engine,
    rng: &mut dyn CryptoRng,
    key: &RsaPublicComponents,
    mech: Mech,
    hash: Hash,
    data: &PlainText,
    given_iv: Option<&IV>,
) -> Result<CipherText, Status> {
    let label = match iv_for(mech, given_iv)? {
        None => Vec::new(),
        Some(iv) => oaep_label(iv)?.to_vec(),
    };
    let input = pad_oaep(rng, hash, &label, &plain::bytes(data)?, key.n().len())?;
    let output = engine.rsa_public(key, &input).map_err(engine_status)?;
    Ok(cipher_text(
        mech,
        &output,
        MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV { p: label }),
    ))
}

/// Decrypts what [`encrypt_oaep`] makes. Every defect of the padding gives the same answer in the same time.
///
/// # Errors
/// As for [`decrypt`].
pub(super) fn decrypt_oaep(
    engine: &dyn Engine,
    key: &RsaPrivateKey,
    hash: Hash,
    cipher: &CipherText,
    wanted: PlainTextType,
) -> Result<PlainText, Status> {
    let label = oaep_label(&cipher.iv)?;
    let padded = key
        .prepared(engine)?
        .private(&number_of(&cipher.data)?)
        .map_err(engine_status)?;
    let data = unpad_oaep(hash, label, &padded).ok_or(Status::DecryptFailed)?;
    plain::reply(&data, wanted)
}

/// What is raised to the private exponent to sign `data`, in `length` bytes (RFC 8017, section 9.2).
fn encode_signature(
    hash: Option<Hash>,
    data: &PlainText,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Status> {
    let content = match (hash, &data.data) {
        (None, PlainTextTypeData::Bignum(body)) => {
            return number::pad(&body.m.to_be(), length).ok_or(Status::OutOfRange);
        }
        (None, PlainTextTypeData::Bytes(body)) => body.data.clone(),
        (Some(hash), PlainTextTypeData::Bytes(body)) => digest_info(hash, &hash.digest(&body.data)),
        (wanted, _) => {
            let (hash, digest) = plain::digest(data).ok_or(Status::TypeMismatch)?;
            if wanted.is_some_and(|wanted| wanted != hash) {
                return Err(Status::TypeMismatch);
            }
            digest_info(hash, digest)
        }
    };
    // 0, 1, at least eight times 255, 0, content.
    let filling = length
        .checked_sub(content.len() + 3)
        .filter(|filling| *filling >= 8);
    let filling = filling.ok_or(Status::InvalidData)?;
    let mut out = Zeroizing::new(vec![0xff; length]);
    out[0] = 0;
    out[1] = 1;
    out[2 + filling] = 0;
    out[3 + filling..].copy_from_slice(&content);
    Ok(out)
}

fn digest_info(hash: Hash, digest: &[u8]) -> Vec<u8> {
    [hash.digest_info(), digest].concat()
}

/// RFC 8017, section 7.2.1: 0, 2, at least eight random bytes that are not zero, 0, content.
fn pad_type_two(
    rng: &mut dyn CryptoRng,
    content: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Status> {
    let filling = length
        .checked_sub(content.len() + 3)
        .filter(|filling| *filling >= 8);
    let filling = filling.ok_or(Status::EncryptFailed)?;
    let mut out = Zeroizing::new(vec![0; length]);
    out[1] = 2;
    for byte in &mut out[2..2 + filling] {
        while *byte == 0 {
            rng.fill_bytes(std::slice::from_mut(byte));
        }
    }
    out[3 + filling..].copy_from_slice(content);
    Ok(out)
}

/// Undoes [`pad_type_two`], looking at every byte whatever it finds.
fn unpad_type_two(padded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if padded.len() < 11 {
        return None;
    }
    let mut good = padded[0].ct_eq(&0) & padded[1].ct_eq(&2);
    let mut start = 0u32;
    let mut found = Choice::from(0);
    for (index, byte) in (0u32..).zip(padded).skip(2) {
        let first_zero = byte.ct_eq(&0) & !found;
        start.conditional_assign(&(index + 1), first_zero);
        found |= first_zero;
    }
    // The zero that ends the filling comes after eight bytes of it at the earliest.
    good &= found & 10u32.ct_lt(&start);
    bool::from(good).then(|| Zeroizing::new(padded[start as usize..].to_vec()))
}

/// RFC 8017, section 7.1.1.
fn pad_oaep(
    rng: &mut dyn CryptoRng,
    hash: Hash,
    label: &[u8],
    content: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Status> {
    let size = hash.output_len();
    let zeros = length
        .checked_sub(content.len() + 2 * size + 2)
        .ok_or(Status::EncryptFailed)?;
    let mut out = Zeroizing::new(vec![0; length]);
    let (seed, block) = out[1..].split_at_mut(size);
    block[..size].copy_from_slice(&hash.digest(label));
    block[size + zeros] = 1;
    block[size + zeros + 1..].copy_from_slice(content);
    rng.fill_bytes(seed);
    mask(hash, seed, block);
    mask(hash, block, seed);
    Ok(out)
}

/// RFC 8017, section 7.1.2, looking at every byte whatever it finds.
fn unpad_oaep(hash: Hash, label: &[u8], padded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let size = hash.output_len();
    if padded.len() < 2 * size + 2 {
        return None;
    }
    let mut padded = Zeroizing::new(padded.to_vec());
    let mut good = padded[0].ct_eq(&0);
    let (seed, block) = padded[1..].split_at_mut(size);
    mask(hash, block, seed);
    mask(hash, seed, block);
    good &= block[..size].ct_eq(&hash.digest(label));
    let mut start = 0u32;
    let mut found = Choice::from(0);
    for (index, byte) in (0u32..).zip(&*block).skip(size) {
        let first_one = byte.ct_eq(&1) & !found;
        start.conditional_assign(&(index + 1), first_one);
        // Only zeros may come before the one.
        good &= found | first_one | byte.ct_eq(&0);
        found |= first_one;
    }
    good &= found;
    bool::from(good).then(|| Zeroizing::new(block[start as usize..].to_vec()))
}

/// Adds the mask generated from `seed` (MGF1, RFC 8017, section B.2.1) to `target`.
fn mask(hash: Hash, seed: &[u8], target: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(target.chunks_mut(hash.output_len())) {
        let mut state = hash.start();
        state.update(seed);
        state.update(&counter.to_be_bytes());
        let mask = Zeroizing::new(state.finish());
        for (byte, mask) in chunk.iter_mut().zip(&*mask) {
            *byte ^= mask;
        }
    }
}

fn oaep_label(iv: &MechIV) -> Result<&[u8], Status> {
    match iv {
        MechIV::RSApPKCS1OAEP(iv) => Ok(&iv.p),
        _ => Err(Status::TypeMismatch),
    }
}

fn number_of(cipher: &MechCipher) -> Result<Vec<u8>, Status> {
    match cipher {
        MechCipher::RSApPKCS1(body) => Ok(body.m.to_be()),
        _ => Err(Status::TypeMismatch),
    }
}

fn cipher_text(mech: Mech, output: &[u8], iv: MechIV) -> CipherText {
    let data = MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
        m: Bignum::from_be(output),
    });
    CipherText { mech, data, iv }
}
