//! CryptoAPI as `keytst` and `csptest` use it: any registered provider, with handles that end with their scope.

mod cause;
#[allow(unsafe_code)]
mod sys;

use std::borrow::Cow;

use csp::constants::{
    AlgId, CRYPT_DELETEKEYSET, CRYPT_FIRST, CRYPT_NEXT, KP_KEYLEN, PP_CONTAINER, PP_ENUMALGS_EX,
    PP_ENUMCONTAINERS, PP_IMPTYPE, PP_UNIQUE_CONTAINER, PP_VERSION,
};
use csp::error::CspError;

/// A function that answered FALSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {code} ({:#010x}){}", code.0, meaning(*code))]
pub(crate) struct Refusal {
    /// Which.
    pub(crate) function: &'static str,
    /// The last error.
    pub(crate) code: CspError,
}

pub(crate) type Result<T> = std::result::Result<T, Refusal>;

/// A registered provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) prov_type: u32,
}

/// A context; released when it ends.
#[derive(Debug)]
pub(crate) struct Context(sys::Handle);

/// A key of a context.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    handle: sys::Handle,
    _context: &'a Context,
}

/// PROV_ENUMALGS_EX: an algorithm, with the lengths of its keys in bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    pub(crate) id: u32,
    pub(crate) default: u32,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) name: String,
}

/// The registered providers, in the order of CryptEnumProviders.
pub(crate) fn providers() -> Result<Vec<Provider>> {
    let mut providers = Vec::new();
    for index in 0.. {
        match sys::provider_at(index) {
            Ok((name, prov_type)) => providers.push(Provider { name, prov_type }),
            Err(code) if code == CspError::ERROR_NO_MORE_ITEMS.0 => break,
            Err(code) => return Err(refusal("CryptEnumProviders")(code)),
        }
    }
    Ok(providers)
}

impl Provider {
    /// Opens a container, or with CRYPT_VERIFYCONTEXT none.
    pub(crate) fn acquire(&self, container: Option<&str>, flags: u32) -> Result<Context> {
        sys::acquire(container, Some(&self.name), self.prov_type, flags)
            .map(Context)
            .map_err(refusal("CryptAcquireContext"))
    }

    /// Deletes a container with its keys.
    pub(crate) fn delete(&self, container: &str, flags: u32) -> Result<()> {
        let flags = flags | CRYPT_DELETEKEYSET;
        sys::acquire(Some(container), Some(&self.name), self.prov_type, flags)
            .map(drop)
            .map_err(refusal("CryptAcquireContext"))
    }
}

impl Context {
    /// The names of the provider's containers (PP_ENUMCONTAINERS); `flags` may say the machine's.
    pub(crate) fn containers(&self, flags: u32) -> Result<Vec<String>> {
        self.enumerate(PP_ENUMCONTAINERS, flags, |name| text(&name))
    }

    /// The provider's algorithms (PP_ENUMALGS_EX).
    pub(crate) fn algorithms(&self) -> Result<Vec<Algorithm>> {
        self.enumerate(PP_ENUMALGS_EX, 0, |entry| {
            let word = |index: usize| number(entry.get(index * 4..).unwrap_or_default());
            Algorithm {
                id: word(0),
                default: word(1),
                min: word(2),
                max: word(3),
                // Five words, the name with its length, and the long name with its own.
                name: text(entry.get(24..44).unwrap_or_default()),
            }
        })
    }

    /// PP_VERSION.
    pub(crate) fn version(&self) -> Result<u32> {
        self.param(PP_VERSION).map(|data| number(&data))
    }

    /// PP_IMPTYPE.
    pub(crate) fn implementation(&self) -> Result<u32> {
        self.param(PP_IMPTYPE).map(|data| number(&data))
    }

    /// PP_CONTAINER: the container's name.
    pub(crate) fn container(&self) -> Result<String> {
        self.param(PP_CONTAINER).map(|data| text(&data))
    }

    /// PP_UNIQUE_CONTAINER.
    pub(crate) fn unique_container(&self) -> Result<String> {
        self.param(PP_UNIQUE_CONTAINER).map(|data| text(&data))
    }

    /// Sets a parameter that is a DWORD.
    pub(crate) fn set(&self, param: u32, value: u32) -> Result<()> {
        sys::set_prov_param(self.0, param, value).map_err(refusal("CryptSetProvParam"))
    }

    /// Makes a pair in the container.
    pub(crate) fn generate(&self, key_spec: u32, flags: u32) -> Result<Key<'_>> {
        self.key(sys::gen_key(self.0, key_spec, flags), "CryptGenKey")
    }

    /// One of the container's pairs.
    pub(crate) fn user_key(&self, key_spec: u32) -> Result<Key<'_>> {
        self.key(sys::user_key(self.0, key_spec), "CryptGetUserKey")
    }

    /// Signs the SHA-1 hash of `data`, and checks the signature with the public half of the pair if that is given.
    pub(crate) fn sign(&self, data: &[u8], key_spec: u32, check: Option<&Key<'_>>) -> Result<()> {
        let hash =
            Hash(sys::create_hash(self.0, AlgId::CALG_SHA1.0).map_err(refusal("CryptCreateHash"))?);
        sys::hash_data(hash.0, data).map_err(refusal("CryptHashData"))?;
        let signature = sys::sign(hash.0, key_spec).map_err(refusal("CryptSignHash"))?;
        match check {
            None => Ok(()),
            Some(key) => {
                sys::verify(hash.0, &signature, key.handle).map_err(refusal("CryptVerifySignature"))
            }
        }
    }

    fn param(&self, param: u32) -> Result<Vec<u8>> {
        sys::prov_param(self.0, param, 0).map_err(refusal("CryptGetProvParam"))
    }

    fn enumerate<T>(&self, param: u32, flags: u32, read: impl Fn(Vec<u8>) -> T) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut which = CRYPT_FIRST;
        loop {
            match sys::prov_param(self.0, param, flags | which) {
                Ok(item) => items.push(read(item)),
                Err(code) if code == CspError::ERROR_NO_MORE_ITEMS.0 => return Ok(items),
                Err(code) => return Err(refusal("CryptGetProvParam")(code)),
            }
            which = CRYPT_NEXT;
        }
    }

    fn key(&self, made: sys::Result<sys::Handle>, function: &'static str) -> Result<Key<'_>> {
        made.map(|handle| Key {
            handle,
            _context: self,
        })
        .map_err(refusal(function))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // A context that cannot be released ends with the process.
        let _ = sys::release(self.0);
    }
}

impl Key<'_> {
    /// KP_KEYLEN, in bits.
    pub(crate) fn length(&self) -> Result<u32> {
        sys::key_param(self.handle, KP_KEYLEN)
            .map(|data| number(&data))
            .map_err(refusal("CryptGetKeyParam"))
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // As above.
        let _ = sys::destroy_key(self.handle);
    }
}

struct Hash(sys::Handle);

impl Drop for Hash {
    fn drop(&mut self) {
        // As above.
        let _ = sys::destroy_hash(self.0);
    }
}

/// What a code means to the person at the terminal; nothing for those that say it by their name. Only a refusal that is shown
/// is looked into.
fn meaning(code: CspError) -> Cow<'static, str> {
    let text = match code {
        CspError::NTE_BAD_KEYSET => ": there is no such container, or this user may not open it",
        CspError::NTE_EXISTS => ": there is such a container already",
        CspError::NTE_KEYSET_ENTRY_BAD => {
            ": its file is damaged (cspcheck tells how), or its blob was erased with a module's NVRAM (csputils -d tells)"
        }
        CspError::NTE_NO_KEY => {
            ": the container has no such key, or the key's file is missing; csputils -d tells which"
        }
        CspError::NTE_DEVICE_NOT_READY => {
            ": the key's counter was erased with the module's NVRAM; cspnvfix makes it again"
        }
        CspError::NTE_NOT_SUPPORTED => {
            ": the provider cannot do this here: in HSM Pool mode it has no counters and no keys in NVRAM"
        }
        CspError::NTE_PERM => {
            ": it is not allowed: by the container's rights, the key's use limit, or a world of FIPS 140 level 3"
        }
        CspError::NTE_TOKEN_KEYSET_STORAGE_FULL => ": the module's NVRAM is full",
        CspError::SCARD_E_NO_SMARTCARD => ": a card that is needed is in no reader of the modules",
        CspError::SCARD_W_REMOVED_CARD => {
            ": the card was removed, or a world of FIPS 140 level 3 needs a card in a reader"
        }
        CspError::SCARD_W_WRONG_CHV => ": the pass phrase is wrong",
        CspError::SCARD_W_CANCELLED_BY_USER => ": the prompt for cards was cancelled",
        CspError::NTE_KEYSET_NOT_DEF => ": no provider of this name is installed",
        CspError::NTE_PROV_DLL_NOT_FOUND => ": the provider's library is missing",
        CspError::NTE_SILENT_CONTEXT => ": a card or a pass phrase would have to be asked for",
        CspError::NTE_FAIL => match cause::seen() {
            Some(cause) => return format!(": an nShield provider cannot work now: {cause}").into(),
            None => {
                ": no cause is to be seen, hardserver, Security World and modules are as they should be; an nShield \
                 provider fails so when nobody answers a prompt in time, or the file that NCCAPI_ANSWERS names has no \
                 answer to it. NFLOG_FILE names a file for its log"
            }
        },
        _ => "",
    };
    text.into()
}

fn refusal(function: &'static str) -> impl Fn(u32) -> Refusal {
    move |code| Refusal {
        function,
        code: CspError(code),
    }
}

/// The DWORD at the start; zero when there is less.
fn number(data: &[u8]) -> u32 {
    data.first_chunk().copied().map_or(0, u32::from_ne_bytes)
}

/// A C string.
fn text(data: &[u8]) -> String {
    let end = data
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(data.len());
    sys::ansi(&data[..end])
}
