//! CryptoAPI as the cases use it: contexts, keys and hashes that end with their scope, and every answer written down
//! for the coverage table.

mod code;
pub mod numbers;
mod spi;
mod sys;

use std::fmt;

use anyhow::Context as _;

pub use code::*;
pub use spi::{Arguments, Spi};
pub use sys::{Handle, Room, last_error, set_last_error};

use crate::coverage::{Answer, Cover, Recorder, Subject};

/// A function that answered FALSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {code}")]
pub struct Refusal {
    /// Which.
    pub function: Function,
    /// The last error.
    pub code: Code,
    /// After `NTE_BAD_ALGID`: the algorithm asked for, when the provider does not enumerate it either.
    pub lacks: Option<u32>,
}

/// What a function answers: its value, or the refusal.
pub type CapiResult<T> = Result<T, Refusal>;

/// What a function with an output buffer answers.
pub type Output = sys::Output<Refusal>;

/// A provider by its name and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name it is registered under.
    pub name: String,
    /// `dwProvType`.
    pub prov_type: u32,
}

/// The six provider types of the guide, section 3, with what their names have in common in both spellings.
const GUIDE: [(u32, &str); 6] = [
    (numbers::PROV_RSA_FULL, "Enhanced Cryptographic Provider"),
    (numbers::PROV_DSS, "DSS Signature Cryptographic Provider"),
    (
        numbers::PROV_RSA_SCHANNEL,
        "Enhanced SChannel Cryptographic Provider",
    ),
    (
        numbers::PROV_DSS_DH,
        "Enhanced DSS and Diffie-Hellman Cryptographic Provider",
    ),
    (
        numbers::PROV_DH_SCHANNEL,
        "Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
    ),
    (
        numbers::PROV_RSA_AES,
        "Enhanced RSA and AES Cryptographic Provider",
    ),
];

impl Provider {
    /// Ours of a type, by the guide's name.
    ///
    /// # Panics
    /// When the guide has no such type: the types of cases are the guide's.
    pub fn of_type(prov_type: u32) -> Provider {
        let (_, stem) = GUIDE
            .iter()
            .find(|(known, _)| *known == prov_type)
            .expect("the guide has this type");
        Provider {
            name: format!("nShield {stem}"),
            prov_type,
        }
    }

    /// Any registered provider.
    ///
    /// # Errors
    /// None is registered under this name.
    pub fn named(name: &str) -> anyhow::Result<Provider> {
        Provider::registered()
            .into_iter()
            .find(|provider| provider.name.eq_ignore_ascii_case(name))
            .with_context(|| format!("no provider {name:?} is registered"))
    }

    /// All registered providers.
    pub fn registered() -> Vec<Provider> {
        sys::register_providers();
        let found = sys::providers().into_iter();
        found
            .map(|(name, prov_type)| Provider { name, prov_type })
            .collect()
    }

    /// The name of the same provider in the other spelling, `nCipher` for `nShield`; None unless it is one of ours.
    pub fn other_spelling(&self) -> Option<String> {
        let (_, stem) = GUIDE.iter().find(|(known, _)| *known == self.prov_type)?;
        let [guide, field] = ["nShield", "nCipher"].map(|vendor| format!("{vendor} {stem}"));
        match &self.name {
            name if *name == guide => Some(field),
            name if *name == field => Some(guide),
            _ => None,
        }
    }
}

/// A CryptoSPI entry point, without its `CP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // The names are Microsoft's.
pub enum Function {
    AcquireContext,
    CreateHash,
    Decrypt,
    DeriveKey,
    DestroyHash,
    DestroyKey,
    DuplicateHash,
    DuplicateKey,
    Encrypt,
    ExportKey,
    GenKey,
    GenRandom,
    GetHashParam,
    GetKeyParam,
    GetProvParam,
    GetUserKey,
    HashData,
    HashSessionKey,
    ImportKey,
    ReleaseContext,
    SetHashParam,
    SetKeyParam,
    SetProvParam,
    SignHash,
    VerifySignature,
}

impl Function {
    /// All 25.
    pub const ALL: [Function; 25] = [
        Function::AcquireContext,
        Function::CreateHash,
        Function::Decrypt,
        Function::DeriveKey,
        Function::DestroyHash,
        Function::DestroyKey,
        Function::DuplicateHash,
        Function::DuplicateKey,
        Function::Encrypt,
        Function::ExportKey,
        Function::GenKey,
        Function::GenRandom,
        Function::GetHashParam,
        Function::GetKeyParam,
        Function::GetProvParam,
        Function::GetUserKey,
        Function::HashData,
        Function::HashSessionKey,
        Function::ImportKey,
        Function::ReleaseContext,
        Function::SetHashParam,
        Function::SetKeyParam,
        Function::SetProvParam,
        Function::SignHash,
        Function::VerifySignature,
    ];
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CP{self:?}")
    }
}

/// CryptoAPI, with a recorder and the provider under test.
#[derive(Clone, Debug)]
pub struct Capi {
    recorder: Recorder,
    provider: Provider,
}

impl Capi {
    /// CryptoAPI with our providers registered, writing into `recorder`.
    pub fn new(recorder: Recorder, provider: Provider) -> Capi {
        sys::register_providers();
        Capi { recorder, provider }
    }

    /// The provider under test.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// CryptAcquireContext on the provider under test.
    pub fn acquire(&self, container: Option<&str>, flags: u32) -> CapiResult<Context> {
        let Provider { name, prov_type } = &self.provider;
        self.acquire_from(container, Some(name), *prov_type, flags)
    }

    /// CryptAcquireContext with everything given.
    pub fn acquire_from(
        &self,
        container: Option<&str>,
        provider: Option<&str>,
        prov_type: u32,
        flags: u32,
    ) -> CapiResult<Context> {
        let handle = self.noted(
            Function::AcquireContext,
            sys::acquire(container, provider, prov_type, flags),
        )?;
        Ok(Context {
            handle,
            capi: self.clone(),
        })
    }

    /// A context without a container.
    pub fn verify_context(&self) -> CapiResult<Context> {
        self.acquire(None, numbers::CRYPT_VERIFYCONTEXT)
    }

    /// CryptAcquireContext with `CRYPT_DELETEKEYSET`, which gives no context.
    pub fn delete(&self, container: Option<&str>, flags: u32) -> CapiResult<()> {
        let flags = flags | numbers::CRYPT_DELETEKEYSET;
        let Provider { name, prov_type } = &self.provider;
        let deleted = sys::acquire(container, Some(name), *prov_type, flags);
        self.noted(Function::AcquireContext, deleted).map(drop)
    }

    /// The provider's own entry points.
    ///
    /// # Errors
    /// From here they cannot be reached.
    pub fn spi(&self) -> anyhow::Result<Spi> {
        Spi::of(self)
    }

    /// No context, for calls that must refuse it.
    pub fn no_context(&self) -> Context {
        Context {
            handle: 0,
            capi: self.clone(),
        }
    }

    /// No key, for calls that must refuse it.
    pub fn no_key(&self) -> Key {
        Key {
            handle: 0,
            capi: self.clone(),
        }
    }

    /// No hash, for calls that must refuse it.
    pub fn no_hash(&self) -> Hash {
        Hash {
            handle: 0,
            capi: self.clone(),
        }
    }

    /// Writes an answer down.
    pub fn noted<T>(&self, function: Function, result: sys::Result<T>) -> CapiResult<T> {
        let answer = match &result {
            Ok(_) => Answer::Success,
            Err(code) => Answer::Refusal(code.0),
        };
        self.recorder.note(Cover {
            subject: Subject::Function(function),
            answer,
        });
        result.map_err(|code| Refusal {
            function,
            code,
            lacks: None,
        })
    }

    fn noted_output(&self, function: Function, output: sys::Output<Code>) -> Output {
        let sys::Output {
            result,
            length,
            buffer,
        } = output;
        Output {
            result: self.noted(function, result),
            length,
            buffer,
        }
    }

    fn key(&self, function: Function, handle: sys::Result<Handle>) -> CapiResult<Key> {
        let handle = self.noted(function, handle)?;
        Ok(Key {
            handle,
            capi: self.clone(),
        })
    }

    fn hash(&self, function: Function, handle: sys::Result<Handle>) -> CapiResult<Hash> {
        let handle = self.noted(function, handle)?;
        Ok(Hash {
            handle,
            capi: self.clone(),
        })
    }
}

/// A context. Released when dropped.
#[derive(Debug)]
pub struct Context {
    handle: Handle,
    capi: Capi,
}

impl Context {
    /// The handle.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// CryptReleaseContext, with its answer. Dropping the context afterwards does no harm.
    pub fn release(&self, flags: u32) -> CapiResult<()> {
        self.capi
            .noted(Function::ReleaseContext, sys::release(self.handle, flags))
    }

    /// CryptContextAddRef.
    pub fn add_ref(&self) -> Result<(), Code> {
        sys::add_ref(self.handle)
    }

    /// CryptGenKey.
    pub fn gen_key(&self, algid: u32, flags: u32) -> CapiResult<Key> {
        let key = sys::gen_key(self.handle, algid, flags);
        self.lacking(algid, self.capi.key(Function::GenKey, key))
    }

    /// CryptGenKey of a pair of `bits`.
    pub fn gen_pair(&self, key_spec: u32, bits: u32) -> CapiResult<Key> {
        self.gen_key(key_spec, bits << 16)
    }

    /// CryptDeriveKey.
    pub fn derive_key(&self, algid: u32, hash: &Hash, flags: u32) -> CapiResult<Key> {
        let key = sys::derive_key(self.handle, algid, hash.handle, flags);
        self.lacking(algid, self.capi.key(Function::DeriveKey, key))
    }

    /// CryptGetUserKey.
    pub fn user_key(&self, key_spec: u32) -> CapiResult<Key> {
        self.capi
            .key(Function::GetUserKey, sys::user_key(self.handle, key_spec))
    }

    /// CryptImportKey.
    pub fn import_key(&self, blob: &[u8], import_key: Option<&Key>, flags: u32) -> CapiResult<Key> {
        let handle = sys::import_key(self.handle, blob, key_handle(import_key), flags);
        let key = self.capi.key(Function::ImportKey, handle);
        match blob.get(4..8) {
            Some(algid) => self.lacking(word(algid), key),
            None => key,
        }
    }

    /// CryptCreateHash.
    pub fn create_hash(&self, algid: u32, key: Option<&Key>) -> CapiResult<Hash> {
        self.create_hash_with(algid, key, 0)
    }

    /// CryptCreateHash with flags.
    pub fn create_hash_with(&self, algid: u32, key: Option<&Key>, flags: u32) -> CapiResult<Hash> {
        let handle = sys::create_hash(self.handle, algid, key_handle(key), flags);
        self.lacking(algid, self.capi.hash(Function::CreateHash, handle))
    }

    /// CryptCreateHash and CryptHashData.
    pub fn hash(&self, algid: u32, data: &[u8]) -> CapiResult<Hash> {
        let hash = self.create_hash(algid, None)?;
        hash.data(data)?;
        Ok(hash)
    }

    /// The answer, and when that was `NTE_BAD_ALGID`, whether the provider says by its enumeration that it lacks the
    /// algorithm.
    fn lacking<T>(&self, algid: u32, answer: CapiResult<T>) -> CapiResult<T> {
        answer.map_err(|refusal| match refusal.code {
            NTE_BAD_ALGID if !self.enumerates(algid) => Refusal {
                lacks: Some(algid),
                ..refusal
            },
            _ => refusal,
        })
    }

    /// Not written down: no case asks for it.
    fn enumerates(&self, algid: u32) -> bool {
        let mut flags = numbers::CRYPT_FIRST;
        loop {
            let item =
                sys::prov_param(self.handle, numbers::PP_ENUMALGS, Room::Bytes(32), flags).data();
            match item {
                Ok(item) if word(&item[..4]) == algid => return true,
                Ok(_) => flags = numbers::CRYPT_NEXT,
                Err(_) => return false,
            }
        }
    }

    /// CryptGenRandom.
    pub fn random(&self, length: usize) -> CapiResult<Vec<u8>> {
        let mut buffer = vec![0; length];
        self.capi.noted(
            Function::GenRandom,
            sys::gen_random(self.handle, &mut buffer),
        )?;
        Ok(buffer)
    }

    /// CryptGetProvParam: the size, then the value.
    pub fn param(&self, param: u32, flags: u32) -> CapiResult<Vec<u8>> {
        let size = self.param_into(param, Room::Ask, flags);
        size.result?;
        self.param_into(param, Room::Bytes(size.length as usize), flags)
            .data()
    }

    /// CryptGetProvParam of a DWORD.
    pub fn param_word(&self, param: u32) -> CapiResult<u32> {
        self.param(param, 0).map(|data| word(&data))
    }

    /// CryptGetProvParam of a string, without its NUL.
    pub fn param_text(&self, param: u32) -> CapiResult<String> {
        self.param(param, 0).map(|data| text(&data))
    }

    /// CryptGetProvParam.
    pub fn param_into(&self, param: u32, room: Room, flags: u32) -> Output {
        self.capi.noted_output(
            Function::GetProvParam,
            sys::prov_param(self.handle, param, room, flags),
        )
    }

    /// CryptSetProvParam.
    pub fn set_param(&self, param: u32, data: Option<&[u8]>, flags: u32) -> CapiResult<()> {
        self.capi.noted(
            Function::SetProvParam,
            sys::set_prov_param(self.handle, param, data, flags),
        )
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Released before by the case, or kept by the provider: either way there is nobody to tell.
        let _ = sys::release(self.handle, 0);
    }
}

/// A key. Destroyed when dropped.
#[derive(Debug)]
pub struct Key {
    handle: Handle,
    capi: Capi,
}

impl Key {
    /// The handle.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// CryptDestroyKey, with its answer. Dropping the key afterwards does no harm.
    pub fn destroy(&self) -> CapiResult<()> {
        self.capi
            .noted(Function::DestroyKey, sys::destroy_key(self.handle))
    }

    /// CryptDuplicateKey.
    pub fn duplicate(&self, flags: u32) -> CapiResult<Key> {
        self.capi.key(
            Function::DuplicateKey,
            sys::duplicate_key(self.handle, flags),
        )
    }

    /// CryptGetKeyParam: the size, then the value.
    pub fn param(&self, param: u32) -> CapiResult<Vec<u8>> {
        let size = self.param_into(param, Room::Ask, 0);
        size.result?;
        self.param_into(param, Room::Bytes(size.length as usize), 0)
            .data()
    }

    /// CryptGetKeyParam of a DWORD.
    pub fn param_word(&self, param: u32) -> CapiResult<u32> {
        self.param(param).map(|data| word(&data))
    }

    /// CryptGetKeyParam.
    pub fn param_into(&self, param: u32, room: Room, flags: u32) -> Output {
        self.capi.noted_output(
            Function::GetKeyParam,
            sys::key_param(self.handle, param, room, flags),
        )
    }

    /// CryptSetKeyParam.
    pub fn set_param(&self, param: u32, data: Option<&[u8]>, flags: u32) -> CapiResult<()> {
        self.capi.noted(
            Function::SetKeyParam,
            sys::set_key_param(self.handle, param, data, flags),
        )
    }

    /// CryptSetKeyParam of a DWORD.
    pub fn set_word(&self, param: u32, value: u32) -> CapiResult<()> {
        self.set_param(param, Some(&value.to_le_bytes()), 0)
    }

    /// CryptSetKeyParam of a CRYPT_DATA_BLOB.
    pub fn set_blob(&self, param: u32, data: &[u8]) -> CapiResult<()> {
        self.capi.noted(
            Function::SetKeyParam,
            sys::set_key_blob(self.handle, param, data),
        )
    }

    /// CryptSetKeyParam(KP_SCHANNEL_ALG).
    pub fn set_schannel_alg(
        &self,
        usage: u32,
        algid: u32,
        bits: u32,
        flags: u32,
    ) -> CapiResult<()> {
        let words = [usage, algid, bits, flags, 0];
        let structure: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.set_param(numbers::KP_SCHANNEL_ALG, Some(&structure), 0)
    }

    /// CryptExportKey: the size, then the blob.
    pub fn export(
        &self,
        blob_type: u32,
        export_key: Option<&Key>,
        flags: u32,
    ) -> CapiResult<Vec<u8>> {
        let size = self.export_into(blob_type, export_key, flags, Room::Ask);
        size.result?;
        self.export_into(
            blob_type,
            export_key,
            flags,
            Room::Bytes(size.length as usize),
        )
        .data()
    }

    /// CryptExportKey.
    pub fn export_into(
        &self,
        blob_type: u32,
        export_key: Option<&Key>,
        flags: u32,
        room: Room,
    ) -> Output {
        let output = sys::export_key(self.handle, key_handle(export_key), blob_type, flags, room);
        self.capi.noted_output(Function::ExportKey, output)
    }

    /// CryptEncrypt of everything at once: the size, then the cipher text.
    pub fn encrypt(&self, data: &[u8], flags: u32) -> CapiResult<Vec<u8>> {
        let size = self.encrypt_into(data, None, true, flags, Room::Ask);
        size.result?;
        self.encrypt_into(data, None, true, flags, Room::Bytes(size.length as usize))
            .data()
    }

    /// CryptEncrypt.
    pub fn encrypt_into(
        &self,
        data: &[u8],
        hash: Option<&Hash>,
        last: bool,
        flags: u32,
        room: Room,
    ) -> Output {
        let output = sys::encrypt(self.handle, hash_handle(hash), last, flags, data, room);
        self.capi.noted_output(Function::Encrypt, output)
    }

    /// CryptDecrypt of everything at once.
    pub fn decrypt(&self, data: &[u8], flags: u32) -> CapiResult<Vec<u8>> {
        self.decrypt_into(data, None, true, flags).data()
    }

    /// CryptDecrypt.
    pub fn decrypt_into(&self, data: &[u8], hash: Option<&Hash>, last: bool, flags: u32) -> Output {
        let output = sys::decrypt(self.handle, hash_handle(hash), last, flags, data);
        self.capi.noted_output(Function::Decrypt, output)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // Destroyed before, or gone with its context: there is nobody to tell.
        let _ = sys::destroy_key(self.handle);
    }
}

/// A hash. Destroyed when dropped.
#[derive(Debug)]
pub struct Hash {
    handle: Handle,
    capi: Capi,
}

impl Hash {
    /// The handle.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// CryptDestroyHash, with its answer. Dropping the hash afterwards does no harm.
    pub fn destroy(&self) -> CapiResult<()> {
        self.capi
            .noted(Function::DestroyHash, sys::destroy_hash(self.handle))
    }

    /// CryptDuplicateHash.
    pub fn duplicate(&self, flags: u32) -> CapiResult<Hash> {
        self.capi.hash(
            Function::DuplicateHash,
            sys::duplicate_hash(self.handle, flags),
        )
    }

    /// CryptHashData.
    pub fn data(&self, data: &[u8]) -> CapiResult<()> {
        self.data_with(data, 0)
    }

    /// CryptHashData with flags.
    pub fn data_with(&self, data: &[u8], flags: u32) -> CapiResult<()> {
        self.capi
            .noted(Function::HashData, sys::hash_data(self.handle, data, flags))
    }

    /// CryptHashSessionKey.
    pub fn session_key(&self, key: &Key, flags: u32) -> CapiResult<()> {
        self.capi.noted(
            Function::HashSessionKey,
            sys::hash_session_key(self.handle, key.handle, flags),
        )
    }

    /// CryptGetHashParam(HP_HASHVAL).
    pub fn value(&self) -> CapiResult<Vec<u8>> {
        self.param(numbers::HP_HASHVAL)
    }

    /// CryptGetHashParam: the size, then the value.
    pub fn param(&self, param: u32) -> CapiResult<Vec<u8>> {
        let size = self.param_into(param, Room::Ask, 0);
        size.result?;
        self.param_into(param, Room::Bytes(size.length as usize), 0)
            .data()
    }

    /// CryptGetHashParam.
    pub fn param_into(&self, param: u32, room: Room, flags: u32) -> Output {
        self.capi.noted_output(
            Function::GetHashParam,
            sys::hash_param(self.handle, param, room, flags),
        )
    }

    /// CryptSetHashParam.
    pub fn set_param(&self, param: u32, data: Option<&[u8]>, flags: u32) -> CapiResult<()> {
        self.capi.noted(
            Function::SetHashParam,
            sys::set_hash_param(self.handle, param, data, flags),
        )
    }

    /// CryptSetHashParam of a CRYPT_DATA_BLOB.
    pub fn set_blob(&self, param: u32, data: &[u8]) -> CapiResult<()> {
        self.capi.noted(
            Function::SetHashParam,
            sys::set_hash_blob(self.handle, param, data),
        )
    }

    /// CryptSetHashParam(HP_HMAC_INFO); empty strings stand for the usual pads.
    pub fn set_hmac_info(&self, algid: u32, inner: &[u8], outer: &[u8]) -> CapiResult<()> {
        self.capi.noted(
            Function::SetHashParam,
            sys::set_hmac_info(self.handle, algid, inner, outer),
        )
    }

    /// CryptSignHash: the size, then the signature.
    pub fn sign(&self, key_spec: u32, flags: u32) -> CapiResult<Vec<u8>> {
        let size = self.sign_into(key_spec, None, flags, Room::Ask);
        size.result?;
        self.sign_into(key_spec, None, flags, Room::Bytes(size.length as usize))
            .data()
    }

    /// CryptSignHash.
    pub fn sign_into(
        &self,
        key_spec: u32,
        description: Option<&str>,
        flags: u32,
        room: Room,
    ) -> Output {
        let output = sys::sign_hash(self.handle, key_spec, description, flags, room);
        self.capi.noted_output(Function::SignHash, output)
    }

    /// CryptVerifySignature.
    pub fn verify(&self, signature: &[u8], key: &Key, flags: u32) -> CapiResult<()> {
        self.verify_described(signature, key, None, flags)
    }

    /// CryptVerifySignature with a description.
    pub fn verify_described(
        &self,
        signature: &[u8],
        key: &Key,
        description: Option<&str>,
        flags: u32,
    ) -> CapiResult<()> {
        let result = sys::verify_signature(self.handle, signature, key.handle, description, flags);
        self.capi.noted(Function::VerifySignature, result)
    }
}

impl Drop for Hash {
    fn drop(&mut self) {
        // Destroyed before, or gone with its context: there is nobody to tell.
        let _ = sys::destroy_hash(self.handle);
    }
}

/// A DWORD parameter's value.
///
/// # Panics
/// When there are not 4 bytes: the case that asked then fails.
pub fn word(data: &[u8]) -> u32 {
    u32::from_le_bytes(data.try_into().expect("a DWORD has 4 bytes"))
}

/// A string parameter's value.
///
/// # Panics
/// When it does not end in its only NUL, or is not UTF-8.
pub fn text(data: &[u8]) -> String {
    let text = std::ffi::CStr::from_bytes_with_nul(data).expect("a string ends in its only NUL");
    text.to_str()
        .expect("strings of the provider are UTF-8")
        .to_owned()
}

fn key_handle(key: Option<&Key>) -> Handle {
    key.map_or(0, |key| key.handle)
}

fn hash_handle(hash: Option<&Hash>) -> Handle {
    hash.map_or(0, |hash| hash.handle)
}
