//! Key pairs whose private half is in a module: the two slots that hold them, and what the module does with them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ncore::types::{
    Bignum, CipherText, Mech, MechCipher, MechDHKeyExchangeCipher, MechIV, MechRSApPKCS1Cipher,
    MechRSApPKCS1OAEPIV, PlainText, PlainTextType, PlainTextTypeBignumData, PlainTextTypeBytesData,
    PlainTextTypeData, PlainTextTypeHashData,
};
use nfkm::LoadedKey;
use zeroize::Zeroizing;

use crate::constants::{AT_KEYEXCHANGE, AT_SIGNATURE, AlgId, CRYPT_NOHASHOID, CRYPT_X931_FORMAT};
use crate::error::{CspError, Result};
use crate::failure;
use crate::new_pair;
use crate::soft::{self, DSS_ORDER_LEN, PublicKey, RsaPublicKey};

/// Which of a container's two pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// AT_KEYEXCHANGE.
    Exchange = 0,
    /// AT_SIGNATURE.
    Signature = 1,
}

/// The two pairs of a container or an ephemeral context, as far as they are loaded.
#[derive(Debug, Default)]
pub(crate) struct Slots([RwLock<Option<Arc<KeyPair>>>; 2]);

/// A pair that is loaded: the private half in the modules, the public half here.
#[derive(Debug)]
pub(crate) struct KeyPair {
    spec: KeySpec,
    public: PublicKey,
    loaded: LoadedKey,
    /// KP_CERTIFICATE, which is stored with the pair and so shared by all its handles.
    certificate: Mutex<Option<Vec<u8>>>,
}

/// How a decrypted block is unpadded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpadding<'a> {
    /// PKCS#1 v1.5 type 2.
    Pkcs1,
    /// OAEP with SHA-1 and this label.
    Oaep(&'a [u8]),
    /// Not at all: the whole block is wanted (CRYPT_DECRYPT_RSA_NO_PADDING_CHECK).
    None,
}

impl KeySpec {
    /// Reads a `dwKeySpec` (AT_KEYEXCHANGE, AT_SIGNATURE).
    pub(crate) fn from_dword(spec: u32) -> Option<KeySpec> {
        match spec {
            AT_KEYEXCHANGE => Some(KeySpec::Exchange),
            AT_SIGNATURE => Some(KeySpec::Signature),
            _ => None,
        }
    }

    /// The slot that an algorithm's pairs go into. CALG_DH_EPHEM has none: its pairs go with their handles.
    pub(crate) fn of_algorithm(algorithm: AlgId) -> Option<KeySpec> {
        match algorithm {
            AlgId::CALG_RSA_KEYX | AlgId::CALG_DH_SF => Some(KeySpec::Exchange),
            AlgId::CALG_RSA_SIGN | AlgId::CALG_DSS_SIGN => Some(KeySpec::Signature),
            _ => None,
        }
    }
}

impl Slots {
    pub(crate) fn get(&self, spec: KeySpec) -> Option<Arc<KeyPair>> {
        self.0[spec as usize]
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Fills or empties a slot. Whoever has the old pair keeps it.
    pub(crate) fn set(&self, spec: KeySpec, pair: Option<Arc<KeyPair>>) {
        let mut slot = self.0[spec as usize]
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The old pair is dropped outside the lock: unloading it talks to the hardserver.
        let old = std::mem::replace(&mut *slot, pair);
        drop(slot);
        drop(old);
    }
}

impl KeyPair {
    /// A pair of a key that the layer below has loaded.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` if it is no key whose public half a blob can express.
    pub(crate) fn new(
        spec: KeySpec,
        loaded: LoadedKey,
        certificate: Option<Vec<u8>>,
    ) -> Result<KeyPair> {
        let public = new_pair::public_half(loaded.public())?;
        Ok(KeyPair {
            spec,
            public,
            loaded,
            certificate: Mutex::new(certificate),
        })
    }

    pub(crate) fn spec(&self) -> KeySpec {
        self.spec
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Ident of the key's entry; none for a key that is not recorded.
    pub(crate) fn ident(&self) -> Option<&str> {
        self.loaded.ident()
    }

    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        self.certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_certificate(&self, certificate: Vec<u8>) {
        *self
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(certificate);
    }

    /// Signs a finished hash value into `signature`, which has the key's signature length, in CAPI's byte order, which is a
    /// big number's on the wire too.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for a hash that cannot be signed, `NTE_BAD_LEN` for one too long for the modulus, `NTE_BAD_KEY` for a
    /// key that signs nothing, and the module's.
    pub(crate) fn sign(
        &self,
        algorithm: AlgId,
        digest: &[u8],
        flags: u32,
        signature: &mut [u8],
    ) -> Result<()> {
        match &self.public {
            PublicKey::Rsa(key) => self.sign_rsa(key, algorithm, digest, flags, signature),
            PublicKey::Dsa(_) => self.sign_dss(algorithm, digest, signature),
            PublicKey::Dh(_) => Err(CspError::NTE_BAD_KEY),
        }
    }

    fn sign_dss(&self, algorithm: AlgId, digest: &[u8], signature: &mut [u8]) -> Result<()> {
        soft::dss_hash(algorithm)?;
        let data = digest.try_into().map_err(|_| CspError::NTE_FAIL)?;
        let plain = PlainText {
            type_: PlainTextType::Hash,
            data: PlainTextTypeData::Hash(PlainTextTypeHashData { data }),
        };
        let signed = self
            .loaded
            .sign(Mech::DSA, plain)
            .map_err(failure::of_key)?;
        let MechCipher::DSA(numbers) = &signed.data else {
            return Err(CspError::NTE_FAIL);
        };
        let (r, s) = signature
            .split_at_mut_checked(DSS_ORDER_LEN)
            .ok_or(CspError::NTE_FAIL)?;
        put_number(r, &numbers.r)?;
        put_number(s, &numbers.s)
    }

    fn sign_rsa(
        &self,
        key: &RsaPublicKey,
        algorithm: AlgId,
        digest: &[u8],
        flags: u32,
        signature: &mut [u8],
    ) -> Result<()> {
        let length = key.modulus_len();
        if flags & CRYPT_X931_FORMAT != 0 {
            let block = Bignum::from_be(&soft::x931_block(algorithm, digest, length)?);
            let data = PlainTextTypeData::Bignum(PlainTextTypeBignumData { m: block });
            self.raise(
                PlainText {
                    type_: PlainTextType::Bignum,
                    data,
                },
                signature,
            )?;
            return key.x931_signature(signature);
        }
        // The module pads bytes to a type 1 block and adds no DigestInfo of its own.
        let mut data = soft::digest_info(algorithm, digest)?;
        if flags & CRYPT_NOHASHOID != 0 {
            data.drain(..data.len() - digest.len());
        }
        if data.len() + PKCS1_OVERHEAD > length {
            return Err(CspError::NTE_BAD_LEN);
        }
        let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData { data });
        self.raise(
            PlainText {
                type_: PlainTextType::Bytes,
                data,
            },
            signature,
        )
    }

    /// The private operation of a signature; the result goes to `signature` with zeros at the high end.
    fn raise(&self, plain: PlainText, signature: &mut [u8]) -> Result<()> {
        let signed = self
            .loaded
            .sign(Mech::RSApPKCS1, plain)
            .map_err(failure::of_key)?;
        let MechCipher::RSApPKCS1(MechRSApPKCS1Cipher { m }) = &signed.data else {
            return Err(CspError::NTE_FAIL);
        };
        put_number(signature, m)
    }

    /// The secret that a Diffie-Hellman pair shares with the owner of a public value: little-endian and as long as the
    /// prime.
    ///
    /// # Errors
    /// `NTE_BAD_KEY` for a pair of another kind, `NTE_BAD_DATA` for a value that nobody can have, and the module's.
    pub(crate) fn agree(&self, y: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let PublicKey::Dh(key) = &self.public else {
            return Err(CspError::NTE_BAD_KEY);
        };
        let mech = Mech::DHKeyExchange;
        let data = MechCipher::DHKeyExchange(MechDHKeyExchangeCipher {
            gx: Bignum::from_le(y),
        });
        let cipher = CipherText {
            mech,
            data,
            iv: MechIV::Empty,
        };
        let plain = self
            .loaded
            .decrypt(mech, cipher, PlainTextType::Bignum)
            .map_err(failure::of_decryption)?;
        let PlainTextTypeData::Bignum(number) = plain.data else {
            return Err(CspError::NTE_FAIL);
        };
        let mut secret = Zeroizing::new(vec![0; key.group.p.len()]);
        put_number(&mut secret, &number.m)?;
        Ok(secret)
    }

    /// Decrypts a cipher text in CAPI's byte order; the plain text is in natural order.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a wrong length or padding, or a number not below the modulus, which is what a cipher text for
    /// another key often is; and the module's.
    pub(crate) fn decrypt(&self, cipher: &[u8], unpadding: Unpadding<'_>) -> Result<Vec<u8>> {
        let public = self.public.rsa()?;
        let length = public.modulus_len();
        if !public.may_have_made(cipher) {
            return Err(CspError::NTE_BAD_DATA);
        }
        let (mech, iv) = match unpadding {
            Unpadding::Oaep(label) => (
                Mech::RSApPKCS1OAEP,
                MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV { p: label.to_vec() }),
            ),
            Unpadding::Pkcs1 | Unpadding::None => (Mech::RSApPKCS1, MechIV::Empty),
        };
        let reply = match unpadding {
            Unpadding::None => PlainTextType::Bignum,
            _ => PlainTextType::Bytes,
        };
        let data = MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_le(cipher),
        });
        let plain = self
            .loaded
            .decrypt(mech, CipherText { mech, data, iv }, reply)
            .map_err(failure::of_decryption)?;
        match plain.data {
            PlainTextTypeData::Bytes(bytes) if reply == PlainTextType::Bytes => Ok(bytes.data),
            PlainTextTypeData::Bignum(number) if reply == PlainTextType::Bignum => {
                number.m.to_be_padded(length).ok_or(CspError::NTE_FAIL)
            }
            _ => Err(CspError::NTE_FAIL),
        }
    }
}

/// Bytes that PKCS#1 v1.5 padding adds at least (RFC 8017 section 9.2).
const PKCS1_OVERHEAD: usize = 11;

/// A number's little-endian bytes, with zeros at the high end.
fn put_number(place: &mut [u8], number: &Bignum) -> Result<()> {
    let number = number.le_bytes();
    let (low, high) = place
        .split_at_mut_checked(number.len())
        .ok_or(CspError::NTE_FAIL)?;
    low.copy_from_slice(number);
    high.fill(0);
    Ok(())
}
