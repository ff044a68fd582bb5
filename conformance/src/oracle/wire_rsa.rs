//! RSA keys as the protocol carries them, with the crate rsa behind them.

use anyhow::{Context as _, bail};
use ncore::types::{
    Bignum, KeyData, KeyType, KeyTypeData, KeyTypeRSAPrivateData, KeyTypeRSAPublicData,
};
use num_bigint::BigUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::hashes::Hash;
use super::numbers::{big, bignum};
use super::{RsaPrivate, rng};

/// A public key out of a KeyData.
#[derive(Clone, Debug)]
pub struct WireRsa {
    key: RsaPublicKey,
    n: BigUint,
    e: BigUint,
}

impl WireRsa {
    /// Reads a key.
    ///
    /// # Errors
    /// It is no RSA public key.
    pub fn new(data: &KeyData) -> anyhow::Result<WireRsa> {
        let (KeyType::RSAPublic, KeyTypeData::RSAPublic(key)) = (data.type_, &data.data) else {
            bail!("no RSA public key but {}", data.type_)
        };
        let (n, e) = (boxed(&key.n)?, boxed(&key.e)?);
        Ok(WireRsa {
            key: RsaPublicKey::new_with_size_limits(n, e, 384..=16_384)?,
            n: big(&key.n),
            e: big(&key.e),
        })
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> u64 {
        self.n.bits()
    }

    /// Bytes of the modulus.
    pub fn length(&self) -> usize {
        self.n.bits().div_ceil(8) as usize
    }

    /// Verifies PKCS#1 v1.5 with the DigestInfo of `hash` over a digest; without one where there is none.
    ///
    /// # Errors
    /// It does not verify.
    pub fn verify(
        &self,
        hash: Option<Hash>,
        digest: &[u8],
        signature: &Bignum,
    ) -> anyhow::Result<()> {
        let scheme = match hash {
            None => Pkcs1v15Sign::new_unprefixed(),
            Some(hash) => scheme(hash),
        };
        let signature = signature
            .to_be_padded(self.length())
            .context("longer than the modulus")?;
        self.key
            .verify(scheme, digest, &signature)
            .context("the oracle refuses the signature")
    }

    /// Encrypts with PKCS#1 v1.5.
    ///
    /// # Errors
    /// A message that is too long.
    pub fn encrypt(&self, message: &[u8]) -> anyhow::Result<Bignum> {
        Ok(Bignum::from_be(&self.key.encrypt(
            &mut rng(),
            Pkcs1v15Encrypt,
            message,
        )?))
    }

    /// Encrypts with OAEP, the same hash in MGF1.
    ///
    /// # Errors
    /// A message that is too long; MD5.
    pub fn encrypt_oaep(&self, hash: Hash, label: &[u8], message: &[u8]) -> anyhow::Result<Bignum> {
        let rng = &mut rng();
        let cipher = match hash {
            Hash::Md5 => bail!("no OAEP with MD5"),
            Hash::Sha1 => self
                .key
                .encrypt(rng, Oaep::<Sha1>::new_with_label(label), message),
            Hash::Sha224 => self
                .key
                .encrypt(rng, Oaep::<Sha224>::new_with_label(label), message),
            Hash::Sha256 => self
                .key
                .encrypt(rng, Oaep::<Sha256>::new_with_label(label), message),
            Hash::Sha384 => self
                .key
                .encrypt(rng, Oaep::<Sha384>::new_with_label(label), message),
            Hash::Sha512 => self
                .key
                .encrypt(rng, Oaep::<Sha512>::new_with_label(label), message),
        };
        Ok(Bignum::from_be(&cipher?))
    }

    /// The public operation without padding.
    pub fn raise(&self, number: &Bignum) -> Bignum {
        bignum(&big(number).modpow(&self.e, &self.n))
    }
}

impl RsaPrivate {
    /// The key as Import takes it.
    ///
    /// # Errors
    /// A key without the numbers of the Chinese remainder theorem.
    pub fn to_wire(&self) -> anyhow::Result<KeyData> {
        let key = self.parts()?;
        Ok(KeyData {
            type_: KeyType::RSAPrivate,
            data: KeyTypeData::RSAPrivate(key),
        })
    }

    /// The numbers of the key.
    ///
    /// # Errors
    /// As [`RsaPrivate::to_wire`].
    pub fn parts(&self) -> anyhow::Result<KeyTypeRSAPrivateData> {
        let [p, q] = self.0.primes() else {
            bail!("the oracle's key has not two primes")
        };
        let missing = "the oracle's key lacks a number";
        let number = |number: &BoxedUint| Bignum::from_be(&number.to_be_bytes());
        Ok(KeyTypeRSAPrivateData {
            p: number(p),
            q: number(q),
            dmp1: number(self.0.dp().context(missing)?),
            dmq1: number(self.0.dq().context(missing)?),
            iqmp: number(&self.0.crt_coefficient().context(missing)?),
            e: number(self.0.e()),
        })
    }

    /// The public half as the protocol carries it.
    pub fn public(&self) -> KeyData {
        let n = Bignum::from_be(&self.0.n().to_be_bytes());
        let e = Bignum::from_be(&self.0.e().to_be_bytes());
        KeyData {
            type_: KeyType::RSAPublic,
            data: KeyTypeData::RSAPublic(KeyTypeRSAPublicData { e, n }),
        }
    }

    /// The one PKCS#1 v1.5 signature of a digest.
    ///
    /// # Errors
    /// A key that is too short for the hash.
    pub fn sign(&self, hash: Hash, digest: &[u8]) -> anyhow::Result<Bignum> {
        let signature = self.0.sign_with_rng(&mut rng(), scheme(hash), digest)?;
        Ok(Bignum::from_be(&signature))
    }

    /// Decrypts PKCS#1 v1.5 from the protocol's number.
    ///
    /// # Errors
    /// A number that is longer than the modulus. Wrong padding gives a made-up message.
    pub fn decrypt_wire(&self, cipher: &Bignum) -> anyhow::Result<Vec<u8>> {
        let cipher = self.whole(cipher)?;
        Ok(self
            .0
            .decrypt_blinded(&mut rng(), Pkcs1v15Encrypt, &cipher)?)
    }

    /// Decrypts OAEP from the protocol's number, the same hash in MGF1.
    ///
    /// # Errors
    /// Wrong padding; MD5.
    pub fn decrypt_oaep_wire(
        &self,
        hash: Hash,
        label: &[u8],
        cipher: &Bignum,
    ) -> anyhow::Result<Vec<u8>> {
        let (cipher, rng) = (self.whole(cipher)?, &mut rng());
        let key: &RsaPrivateKey = &self.0;
        Ok(match hash {
            Hash::Md5 => bail!("no OAEP with MD5"),
            Hash::Sha1 => key.decrypt_blinded(rng, Oaep::<Sha1>::new_with_label(label), &cipher)?,
            Hash::Sha224 => {
                key.decrypt_blinded(rng, Oaep::<Sha224>::new_with_label(label), &cipher)?
            }
            Hash::Sha256 => {
                key.decrypt_blinded(rng, Oaep::<Sha256>::new_with_label(label), &cipher)?
            }
            Hash::Sha384 => {
                key.decrypt_blinded(rng, Oaep::<Sha384>::new_with_label(label), &cipher)?
            }
            Hash::Sha512 => {
                key.decrypt_blinded(rng, Oaep::<Sha512>::new_with_label(label), &cipher)?
            }
        })
    }

    fn whole(&self, cipher: &Bignum) -> anyhow::Result<Vec<u8>> {
        let length = self.0.n().bit_width().div_ceil(8) as usize;
        cipher
            .to_be_padded(length)
            .context("longer than the modulus")
    }
}

fn scheme(hash: Hash) -> Pkcs1v15Sign {
    match hash {
        Hash::Md5 => Pkcs1v15Sign::new::<md5::Md5>(),
        Hash::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
        Hash::Sha224 => Pkcs1v15Sign::new::<Sha224>(),
        Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    }
}

fn boxed(number: &Bignum) -> anyhow::Result<BoxedUint> {
    Ok(BoxedUint::from_be_slice(
        &number.to_be(),
        number.bits() as u32,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{self, Vector};

    /// The oracle against Wycheproof, where the result is one that the crate's own interface can give.
    #[test]
    fn the_oracle_takes_the_known_signatures_and_no_other() {
        let text = include_str!("../../../vectors/wycheproof-rsa-pkcs1-verify.txt");
        for vector in vectors::parse(text).expect("well formed") {
            let number = |vector: &Vector, name: &str| Bignum::from_be(&vector.bytes(name));
            let key = WireRsa::new(&KeyData {
                type_: KeyType::RSAPublic,
                data: KeyTypeData::RSAPublic(KeyTypeRSAPublicData {
                    e: number(&vector, "e"),
                    n: number(&vector, "n"),
                }),
            })
            .expect("a key");
            let signature = vector.bytes("sig");
            // As a number the signature has no length of its own.
            if signature.len() != key.length() {
                continue;
            }
            let hash = Hash::named(vector.text("hash")).expect("known");
            let digest = hash.digest(&vector.bytes("msg"));
            let verified = key.verify(Some(hash), &digest, &Bignum::from_be(&signature));
            let expected = vector.text("result") == "valid";
            assert_eq!(verified.is_ok(), expected, "{}", vector.text("id"));
        }
    }
}
