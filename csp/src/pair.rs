//! Key pairs whose private half is in a module: the two slots that hold them, and what the module does with them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ncore::types::{
    Bignum, CipherText, Mech, MechCipher, MechDHKeyExchangeCipher, MechIV, MechRSApPKCS1Cipher,
    MechRSApPKCS1OAEPIV, PlainText, PlainTextType, PlainTextTypeBignumData, PlainTextTypeBytesData,
    PlainTextTypeData, PlainTextTypeHashData,
};
use nfkm::{Area, EntryName, LoadedKey, Session};
use zeroize::Zeroizing;

use crate::constants::{AlgId, CRYPT_NOHASHOID, CRYPT_X931_FORMAT};
use crate::context::Context;
use crate::csp::lock;
use crate::error::{CspError, Result};
use crate::failure;
use crate::key_spec::KeySpec;
use crate::new_pair;
use crate::prompt::Interaction;
use crate::protection::{self, ForKey};
use crate::soft::{self, DSS_ORDER_LEN, PublicKey, RsaPublicKey};

/// The two pairs of a container or an ephemeral context, as far as they are loaded.
#[derive(Debug, Default)]
pub(crate) struct Slots([RwLock<Option<Arc<KeyPair>>>; 2]);

/// A pair that is loaded: the private half in the modules, the public half here.
#[derive(Debug)]
pub(crate) struct KeyPair {
    spec: KeySpec,
    public: PublicKey,
    loaded: RwLock<Loading>,
    /// Where it is recorded, unless it is not.
    home: Option<Home>,
    /// Held by the one thread that loads the key again; in it, when it was last looked whether more modules could have it.
    reloading: Mutex<Instant>,
    /// KP_CERTIFICATE, which is stored with the pair and so shared by all its handles.
    certificate: Mutex<Option<Vec<u8>>>,
}

/// Where a pair is recorded.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) session: Session,
    /// Application name of the key's entry.
    pub(crate) appname: String,
}

/// One loading of the key. A key under a card set is loaded anew when its modules lose the set's token.
#[derive(Clone, Debug)]
struct Loading {
    number: u64,
    key: LoadedKey,
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
        key: LoadedKey,
        home: Option<Home>,
        certificate: Option<Vec<u8>>,
    ) -> Result<KeyPair> {
        let public = new_pair::public_half(key.public())?;
        Ok(KeyPair {
            spec,
            public,
            loaded: RwLock::new(Loading { number: 0, key }),
            home,
            reloading: Mutex::new(Instant::now()),
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
    pub(crate) fn ident(&self) -> Option<String> {
        self.loaded().key.ident().map(str::to_owned)
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
        context: &Context,
        algorithm: AlgId,
        digest: &[u8],
        flags: u32,
        signature: &mut [u8],
    ) -> Result<()> {
        match &self.public {
            PublicKey::Rsa(key) => self.sign_rsa(context, key, algorithm, digest, flags, signature),
            PublicKey::Dsa(_) => self.sign_dss(context, algorithm, digest, signature),
            PublicKey::Dh(_) => Err(CspError::NTE_BAD_KEY),
        }
    }

    fn sign_dss(
        &self,
        context: &Context,
        algorithm: AlgId,
        digest: &[u8],
        signature: &mut [u8],
    ) -> Result<()> {
        soft::dss_hash(algorithm)?;
        let data = digest.try_into().map_err(|_| CspError::NTE_FAIL)?;
        let plain = PlainText {
            type_: PlainTextType::Hash,
            data: PlainTextTypeData::Hash(PlainTextTypeHashData { data }),
        };
        let signed = self.perform(context, failure::of_key, |key| {
            key.sign(Mech::DSA, plain.clone())
        })?;
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
        context: &Context,
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
                context,
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
            context,
            PlainText {
                type_: PlainTextType::Bytes,
                data,
            },
            signature,
        )
    }

    /// The private operation of a signature; the result goes to `signature` with zeros at the high end.
    fn raise(&self, context: &Context, plain: PlainText, signature: &mut [u8]) -> Result<()> {
        let signed = self.perform(context, failure::of_key, |key| {
            key.sign(Mech::RSApPKCS1, plain.clone())
        })?;
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
    pub(crate) fn agree(&self, context: &Context, y: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
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
        let plain = self.perform(context, failure::of_decryption, |key| {
            key.decrypt(mech, cipher.clone(), PlainTextType::Bignum)
        })?;
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
    pub(crate) fn decrypt(
        &self,
        context: &Context,
        cipher: &[u8],
        unpadding: Unpadding<'_>,
    ) -> Result<Vec<u8>> {
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
        let cipher = CipherText { mech, data, iv };
        let plain = self.perform(context, failure::of_decryption, |key| {
            key.decrypt(mech, cipher.clone(), reply)
        })?;
        match plain.data {
            PlainTextTypeData::Bytes(bytes) if reply == PlainTextType::Bytes => Ok(bytes.data),
            PlainTextTypeData::Bignum(number) if reply == PlainTextType::Bignum => {
                number.m.to_be_padded(length).ok_or(CspError::NTE_FAIL)
            }
            _ => Err(CspError::NTE_FAIL),
        }
    }
}

impl KeyPair {
    /// Has the module work with the private key. A key under a card set is loaded again first if it was lost with its
    /// token, by the rules for loading a key: that may take the card, and its user.
    fn perform<T>(
        &self,
        context: &Context,
        code: fn(nfkm::Error) -> CspError,
        work: impl Fn(&LoadedKey) -> Result<T, nfkm::Error>,
    ) -> Result<T> {
        let now = self.loaded();
        match work(&now.key) {
            Err(error) if error.is_loss() && now.key.token().is_some() => {
                failure::of_key(error);
                let fresh = self.load_again(&now, context)?;
                work(&fresh.key).map_err(|error| self.code_of(error, code))
            }
            Ok(value) => {
                self.spread(&now, context);
                Ok(value)
            }
            Err(error) => Err(self.code_of(error, code)),
        }
    }

    /// How often the key was used, if that is counted.
    ///
    /// # Errors
    /// `NTE_NOT_FOUND` when it is not, `NTE_DEVICE_NOT_READY` when the counter was erased, and the module's.
    pub(crate) fn use_count(&self) -> Result<u64> {
        let (home, name) = self.entry().ok_or(CspError::NTE_NOT_FOUND)?;
        let state = home.session.nvram_state(&name).map_err(failure::of_key)?;
        match state.and_then(|state| state.counter) {
            Some(Area::Present(count)) => Ok(count),
            Some(Area::Erased) => Err(CspError::NTE_DEVICE_NOT_READY),
            Some(Area::Unreachable) => Err(CspError::NTE_FAIL),
            None => Err(CspError::NTE_NOT_FOUND),
        }
    }

    /// The code for a failure with the key: that its counter, or its blob, was erased says more than what the module said.
    fn code_of(&self, error: nfkm::Error, code: fn(nfkm::Error) -> CspError) -> CspError {
        let code = code(error);
        if code == CspError::NTE_BAD_DATA {
            return code;
        }
        let entry = self.entry();
        let nvram = entry.map(|(home, name)| protection::check_nvram(&home.session, &name));
        match nvram {
            Some(Err(
                lost @ (CspError::NTE_NO_KEY
                | CspError::NTE_KEYSET_ENTRY_BAD
                | CspError::NTE_DEVICE_NOT_READY),
            )) => lost,
            _ => code,
        }
    }

    /// Where it is recorded, and as what.
    fn entry(&self) -> Option<(&Home, EntryName)> {
        let home = self.home.as_ref()?;
        let name = EntryName::new(&home.appname, &self.ident()?).ok()?;
        Some((home, name))
    }

    /// The key as it is loaded after `lost` was lost. The first thread that comes here loads it.
    fn load_again(&self, lost: &Loading, context: &Context) -> Result<Loading> {
        let _one_at_a_time = lock(&self.reloading);
        let now = self.loaded();
        if now.number != lost.number {
            return Ok(now);
        }
        self.reload(&now, &context.interaction())
    }

    /// From time to time, while a key under an automatic card set is used, one thread looks whether the card is in more
    /// modules than the key is on: one that was cleared or failed is back.
    fn spread(&self, now: &Loading, context: &Context) {
        let Some((token, home)) = now.key.token().zip(self.home.as_ref()) else {
            return;
        };
        let Ok(mut looked) = self.reloading.try_lock() else {
            return;
        };
        if looked.elapsed() < LOOK_EVERY {
            return;
        }
        let interaction = context.interaction();
        let kept = self
            .entry()
            .map(|(home, name)| protection::check_nvram(&home.session, &name));
        let for_key = ForKey {
            module: kept.and_then(Result::ok).flatten(),
            ..self.for_key(home, &interaction)
        };
        let possible = for_key.automatic_modules(token).unwrap_or_default();
        let loaded = now.key.modules();
        let is_more =
            possible.len() > loaded.len() && loaded.iter().all(|module| possible.contains(module));
        if is_more && self.loaded().number == now.number {
            // What is loaded works, so a failure is no one's concern.
            let _ = self.reload(now, &interaction);
        }
        *looked = Instant::now();
    }

    fn reload(&self, now: &Loading, interaction: &Interaction) -> Result<Loading> {
        let lost = CspError::NTE_FAIL;
        let home = self.home.as_ref().ok_or(lost)?;
        let ident = now.key.ident().ok_or(lost)?;
        let fresh = Loading {
            number: now.number + 1,
            key: self.for_key(home, interaction).load(&home.appname, ident)?,
        };
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *place, fresh.clone());
        drop(place);
        // Outside the lock: unloading it talks to the hardserver.
        drop(old);
        Ok(fresh)
    }

    fn for_key<'a>(&self, home: &'a Home, interaction: &'a Interaction) -> ForKey<'a> {
        ForKey {
            session: &home.session,
            interaction,
            spec: self.spec,
            module: None,
        }
    }

    fn loaded(&self) -> Loading {
        self.loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How often it is looked whether a key in use could be on more modules.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
