//! What answers are compared with: other implementations than the engine and the provider under test, and the few
//! layouts that a caller of CryptoAPI knows.
//!
//! Here is what the cases of CryptoAPI need; below it what those of the protocol need, in its own types.

pub mod ciphers;
pub mod ecdsa;
pub mod hashes;
pub mod key_hash;
pub mod numbers;
pub mod wire_rsa;

use anyhow::{Context as _, bail, ensure};
use md5::Md5;
use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha384, Sha512};

use crate::capi::numbers::*;

/// Bytes written in hexadecimal, with spaces where a reader wants them.
///
/// # Panics
/// When it is not hexadecimal: the text is a case's own.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| {
            character
                .to_digit(16)
                .expect("cases write hexadecimal digits") as u8
        })
        .collect();
    assert!(digits.len().is_multiple_of(2), "cases write whole bytes");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The hash of `data` by the ALG_ID of the hash.
///
/// # Errors
/// An algorithm that is not known here.
pub fn digest(algid: u32, data: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(match algid {
        CALG_MD5 => Md5::digest(data).to_vec(),
        CALG_SHA1 => Sha1::digest(data).to_vec(),
        CALG_SHA_256 => Sha256::digest(data).to_vec(),
        CALG_SHA_384 => Sha384::digest(data).to_vec(),
        CALG_SHA_512 => Sha512::digest(data).to_vec(),
        other => bail!("no oracle for hash {other:#x}"),
    })
}

/// An RSA public key, taken out of a PUBLICKEYBLOB.
#[derive(Clone, Debug)]
pub struct RsaPublic {
    key: RsaPublicKey,
    /// aiKeyAlg of the blob.
    pub algid: u32,
    /// Length of the modulus in bytes.
    pub length: usize,
}

impl RsaPublic {
    /// Reads a blob and checks every field of it.
    ///
    /// # Errors
    /// A field that is not what Microsoft's page on base provider key blobs says.
    pub fn from_blob(blob: &[u8]) -> anyhow::Result<RsaPublic> {
        let word = |at: usize| -> anyhow::Result<u32> {
            let bytes = blob.get(at..at + 4).context("the blob is too short")?;
            Ok(u32::from_le_bytes(bytes.try_into()?))
        };
        ensure!(
            blob.starts_with(&[6, 2, 0, 0]),
            "bType, bVersion or reserved are wrong: {:02x?}",
            blob.get(..4)
        );
        ensure!(
            word(8)? == u32::from_le_bytes(*b"RSA1"),
            "the magic is {:#x}",
            word(8)?
        );
        let (bits, exponent) = (word(12)?, word(16)?);
        let modulus = &blob[20..];
        ensure!(
            bits as usize == modulus.len() * 8,
            "bitlen {bits} for {} bytes of modulus",
            modulus.len()
        );
        ensure!(
            modulus.last().is_some_and(|byte| *byte >= 0x80),
            "the modulus is shorter than bitlen says"
        );
        let number = BoxedUint::from_le_slice(modulus, bits)?;
        let exponent = BoxedUint::from(u64::from(exponent));
        let key = RsaPublicKey::new_with_size_limits(number, exponent, 384..=16_384)?;
        Ok(RsaPublic {
            key,
            algid: word(4)?,
            length: modulus.len(),
        })
    }

    /// A key of a little-endian modulus and an exponent; its algorithm is RSA signature.
    ///
    /// # Errors
    /// Numbers that are no key.
    pub fn from_numbers(modulus: &[u8], exponent: u32) -> anyhow::Result<RsaPublic> {
        let bits = u32::try_from(modulus.len() * 8)?;
        let number = BoxedUint::from_le_slice(modulus, bits)?;
        let exponent = BoxedUint::from(u64::from(exponent));
        let key = RsaPublicKey::new_with_size_limits(number, exponent, 384..=16_384)?;
        Ok(RsaPublic {
            key,
            algid: CALG_RSA_SIGN,
            length: modulus.len(),
        })
    }

    /// Verifies a signature as CPSignHash gives it: PKCS#1 v1.5, little-endian, with the DigestInfo of the hash.
    ///
    /// # Errors
    /// It does not verify.
    pub fn verify(&self, algid: u32, digest: &[u8], signature: &[u8]) -> anyhow::Result<()> {
        self.verify_with(scheme(algid)?, digest, signature)
    }

    /// The same without a DigestInfo.
    ///
    /// # Errors
    /// It does not verify.
    pub fn verify_bare(&self, digest: &[u8], signature: &[u8]) -> anyhow::Result<()> {
        self.verify_with(Pkcs1v15Sign::new_unprefixed(), digest, signature)
    }

    fn verify_with(
        &self,
        scheme: Pkcs1v15Sign,
        digest: &[u8],
        signature: &[u8],
    ) -> anyhow::Result<()> {
        let signature: Vec<u8> = signature.iter().rev().copied().collect();
        self.key
            .verify(scheme, digest, &signature)
            .context("the oracle refuses the signature")
    }

    /// PKCS#1 v1.5 encryption as CPDecrypt takes it: little-endian.
    ///
    /// # Errors
    /// A message that is too long.
    pub fn encrypt(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut cipher = self.key.encrypt(&mut rng(), Pkcs1v15Encrypt, message)?;
        cipher.reverse();
        Ok(cipher)
    }

    /// OAEP with SHA-1 as CPDecrypt takes it: little-endian.
    ///
    /// # Errors
    /// A message that is too long.
    pub fn encrypt_oaep(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut cipher = self.key.encrypt(&mut rng(), Oaep::<Sha1>::new(), message)?;
        cipher.reverse();
        Ok(cipher)
    }

    /// Raw exponentiation of a little-endian number, for blocks with a padding of the case's own.
    pub fn raise(&self, block: &[u8]) -> Vec<u8> {
        let number = |value: &BoxedUint| BigUint::from_bytes_be(&value.to_be_bytes());
        let mut result = BigUint::from_bytes_le(block)
            .modpow(&number(self.key.e()), &number(self.key.n().as_ref()))
            .to_bytes_le();
        result.resize(self.length, 0);
        result
    }
}

/// An RSA private key that no module made.
#[derive(Clone, Debug)]
pub struct RsaPrivate(RsaPrivateKey);

impl RsaPrivate {
    /// A key of `bits`, the same at every call with the same number.
    ///
    /// # Errors
    /// A length that the generator does not take.
    pub fn new(bits: usize) -> anyhow::Result<RsaPrivate> {
        let mut rng = ChaCha20Rng::seed_from_u64(bits as u64);
        let exponent = BoxedUint::from(65_537_u64);
        Ok(RsaPrivate(RsaPrivateKey::new_with_exp_unchecked(
            &mut rng, bits, exponent,
        )?))
    }

    /// A PRIVATEKEYBLOB with `algid`.
    ///
    /// # Errors
    /// A key without the numbers of the Chinese remainder theorem.
    pub fn to_blob(&self, algid: u32) -> anyhow::Result<Vec<u8>> {
        let key = &self.0;
        let length = key.n().bit_width().div_ceil(8) as usize;
        let half = length.div_ceil(2);
        let missing = || anyhow::anyhow!("the oracle's key lacks a number");
        let (p, q) = match key.primes() {
            [p, q] => (p, q),
            _ => return Err(missing()),
        };
        let coefficient = key.crt_coefficient().ok_or_else(missing)?;
        let mut blob = blob_head(PRIVATEKEYBLOB, algid);
        blob.extend(b"RSA2");
        blob.extend(u32::try_from(length * 8)?.to_le_bytes());
        blob.extend(65_537_u32.to_le_bytes());
        blob.extend(little(key.n().as_ref(), length));
        for number in [
            p,
            q,
            key.dp().ok_or_else(missing)?,
            key.dq().ok_or_else(missing)?,
            &coefficient,
        ] {
            blob.extend(little(number, half));
        }
        blob.extend(little(key.d(), length));
        Ok(blob)
    }

    /// A PUBLICKEYBLOB with `algid`.
    pub fn to_public_blob(&self, algid: u32) -> Vec<u8> {
        let length = self.0.n().bit_width().div_ceil(8) as usize;
        let mut blob = blob_head(PUBLICKEYBLOB, algid);
        blob.extend(b"RSA1");
        blob.extend((length as u32 * 8).to_le_bytes());
        blob.extend(65_537_u32.to_le_bytes());
        blob.extend(little(self.0.n().as_ref(), length));
        blob
    }

    /// A PKCS#1 v1.5 signature as CPSignHash gives it, with the DigestInfo of the hash. There is but one.
    ///
    /// # Errors
    /// The oracle's own, and a hash that is not known here.
    pub fn sign_hash(&self, algid: u32, digest: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut signature = self.0.sign_with_rng(&mut rng(), scheme(algid)?, digest)?;
        signature.reverse();
        Ok(signature)
    }

    /// Decrypts a little-endian PKCS#1 v1.5 cipher text.
    ///
    /// # Errors
    /// A padding that is wrong.
    pub fn decrypt(&self, cipher: &[u8]) -> anyhow::Result<Vec<u8>> {
        let cipher: Vec<u8> = cipher.iter().rev().copied().collect();
        Ok(self
            .0
            .decrypt_blinded(&mut rng(), Pkcs1v15Encrypt, &cipher)?)
    }

    /// Decrypts a little-endian OAEP cipher text.
    ///
    /// # Errors
    /// A padding that is wrong.
    pub fn decrypt_oaep(&self, cipher: &[u8]) -> anyhow::Result<Vec<u8>> {
        let cipher: Vec<u8> = cipher.iter().rev().copied().collect();
        Ok(self
            .0
            .decrypt_blinded(&mut rng(), Oaep::<Sha1>::new(), &cipher)?)
    }
}

/// PKCS#1 v1.5 with the DigestInfo of a hash.
fn scheme(algid: u32) -> anyhow::Result<Pkcs1v15Sign> {
    Ok(match algid {
        CALG_MD5 => Pkcs1v15Sign::new::<Md5>(),
        CALG_SHA1 => Pkcs1v15Sign::new::<Sha1>(),
        CALG_SHA_256 => Pkcs1v15Sign::new::<Sha256>(),
        CALG_SHA_384 => Pkcs1v15Sign::new::<Sha384>(),
        CALG_SHA_512 => Pkcs1v15Sign::new::<Sha512>(),
        other => bail!("no oracle for hash {other:#x}"),
    })
}

/// A PLAINTEXTKEYBLOB.
pub fn plaintext_blob(algid: u32, key: &[u8]) -> Vec<u8> {
    let mut blob = blob_head(PLAINTEXTKEYBLOB, algid);
    blob.extend((key.len() as u32).to_le_bytes());
    blob.extend(key);
    blob
}

/// The head of every blob: type, version 2, reserved, algorithm.
pub fn blob_head(blob_type: u32, algid: u32) -> Vec<u8> {
    let mut head = vec![blob_type as u8, 2, 0, 0];
    head.extend(algid.to_le_bytes());
    head
}

fn little(number: &BoxedUint, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(length, 0);
    bytes
}

/// Randomness of the oracles: padding and blinding, neither of which shows in a result that is compared.
fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(0x006f_7261_636c_6573)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracles_agree_with_each_other() {
        let key = RsaPrivate::new(1024).expect("a usual length");
        let public = RsaPublic::from_blob(&key.to_public_blob(CALG_RSA_KEYX)).expect("a good blob");
        assert_eq!((public.algid, public.length), (CALG_RSA_KEYX, 128));
        let value = digest(CALG_SHA_256, b"abc").expect("known");
        assert_eq!(
            value,
            hex("ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad")
        );
        let signature = key.sign_hash(CALG_SHA_256, &value).expect("signs");
        public
            .verify(CALG_SHA_256, &value, &signature)
            .expect("verifies");
        assert!(public.verify(CALG_SHA_384, &value, &signature).is_err());
        let cipher = public.encrypt(b"secret").expect("short enough");
        assert_eq!(key.decrypt(&cipher).expect("decrypts"), b"secret");
        let cipher = public.encrypt_oaep(b"secret").expect("short enough");
        assert_eq!(key.decrypt_oaep(&cipher).expect("decrypts"), b"secret");
        // The signature raised to e is the padded block: 00 01 ff.. 00 DigestInfo, seen from its end.
        let block = public.raise(&signature);
        assert_eq!(block[126..], [1, 0]);
        assert_eq!(block[..32].iter().rev().copied().collect::<Vec<_>>(), value);
    }

    #[test]
    fn a_private_blob_has_the_length_of_its_layout() {
        let blob = RsaPrivate::new(512)
            .expect("a usual length")
            .to_blob(CALG_RSA_SIGN)
            .expect("whole");
        assert_eq!(blob.len(), 8 + 12 + 64 + 5 * 32 + 64);
    }
}
