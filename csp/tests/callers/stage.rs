//! What a call is made with: a hardserver that the process's own provider library finds, and in each provider a container
//! with a pair, contexts, keys and hashes.

use std::ffi::CString;
use std::ptr;
use std::sync::OnceLock;

use csp::alg::{PROVIDERS, Provider};
use csp::constants::*;
use csp::error::CspError;
use csp::ffi::*;

use crate::functions::{Function, Words};
use crate::rig::Rig;

/// Name of the container with the pair.
pub(crate) const CONTAINER: &str = "callers";

/// What the hash of a stage was fed.
const TEXT: &[u8] = b"text";

/// How many bytes each buffer of a stage has.
pub(crate) const BUFFER: usize = 4096;

/// DACL_SECURITY_INFORMATION.
const DACL: u32 = 4;

/// Lets the provider library find a hardserver, where each provider has a container with a pair. To be called first.
pub(crate) fn rig() {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        let rig = Rig::start();
        let environment = &rig.environment;
        let server = environment.server.as_deref().expect("the rig has a socket");
        let folder = environment
            .kmlocal
            .as_deref()
            .expect("the rig has a folder");
        // SAFETY: whoever reads the environment in this process does so through the standard library.
        unsafe {
            std::env::set_var("NFAST_SERVER", server);
            std::env::set_var("NFAST_KMLOCAL", folder);
        }
        for provider in PROVIDERS.iter().copied() {
            let context = acquire(provider, CONTAINER, CRYPT_NEWKEYSET).expect("a container");
            made("CPGenKey", &[context, AT_SIGNATURE as usize, 512 << 16]);
            must("CPReleaseContext", &[context, 0]);
        }
        rig
    });
}

/// Calls a function that must succeed.
#[track_caller]
fn must(name: &str, words: &[usize]) {
    let mut all = Words::default();
    all[..words.len()].copy_from_slice(words);
    let answer = unsafe { Function::named(name).call(&all) };
    assert_eq!(answer, Ok(()), "{name}");
}

/// A handle that a function gives out as its last argument.
#[track_caller]
fn made(name: &str, words: &[usize]) -> usize {
    let mut handle = 0usize;
    let words = [words, &[ptr::from_mut(&mut handle) as usize]].concat();
    must(name, &words);
    handle
}

/// Opens a context of a provider.
///
/// # Errors
/// The last error.
pub(crate) fn acquire(provider: &Provider, name: &str, flags: u32) -> Result<usize, CspError> {
    let caller = caller(provider.prov_type);
    let name = CString::new(name).expect("no NUL");
    let mut handle = 0usize;
    let words = [
        ptr::from_mut(&mut handle) as usize,
        name.as_ptr() as usize,
        flags as usize,
        ptr::from_ref(&caller) as usize,
        0,
        0,
        0,
        0,
    ];
    unsafe { Function::named("CPAcquireContext").call(&words) }.map(|()| handle)
}

/// What the layer above tells of a caller that asked for a provider type.
pub(crate) fn caller(prov_type: u32) -> VTableProvStruc {
    VTableProvStruc {
        Version: 2,
        FuncVerifyImage: ptr::null(),
        FuncReturnhWnd: ptr::null(),
        dwProvType: prov_type,
        pbContextInfo: ptr::null_mut(),
        cbContextInfo: 0,
        pszProvName: ptr::null_mut(),
    }
}

/// A context of a provider with what there is to make in it, and memory for the arguments.
pub(crate) struct Stage {
    pub(crate) context: usize,
    /// Of the slot AT_SIGNATURE.
    pub(crate) pair: usize,
    /// The same context's; [`Stage::pair`] where the provider has no session keys.
    pub(crate) key: usize,
    /// SHA-1, not finished.
    pub(crate) hash: usize,
    pub(crate) destroyed_key: usize,
    pub(crate) destroyed_hash: usize,
    pub(crate) released_context: usize,
    pub(crate) caller: VTableProvStruc,
    pub(crate) place: Box<usize>,
    pub(crate) length: Box<u32>,
    pub(crate) buffer: Vec<u8>,
}

impl Stage {
    pub(crate) fn of(provider: &'static Provider) -> Stage {
        rig();
        let context = acquire(provider, CONTAINER, 0).expect("it was made with the rig");
        let pair = made("CPGetUserKey", &[context, AT_SIGNATURE as usize]);
        let key = match has_session_keys(provider) {
            true => {
                let algorithm = AlgId::CALG_3DES.0 as usize;
                made("CPGenKey", &[context, algorithm, CRYPT_EXPORTABLE as usize])
            }
            false => pair,
        };
        let hash = || {
            let hash = made(
                "CPCreateHash",
                &[context, AlgId::CALG_SHA1.0 as usize, 0, 0],
            );
            let (text, length) = (TEXT.as_ptr() as usize, TEXT.len());
            must("CPHashData", &[context, hash, text, length, 0]);
            hash
        };
        let destroyed_key = made("CPGetUserKey", &[context, AT_SIGNATURE as usize]);
        must("CPDestroyKey", &[context, destroyed_key]);
        let destroyed_hash = hash();
        must("CPDestroyHash", &[context, destroyed_hash]);
        let released_context = acquire(provider, "", CRYPT_VERIFYCONTEXT).expect("a context");
        must("CPReleaseContext", &[released_context, 0]);
        Stage {
            context,
            pair,
            key,
            hash: hash(),
            destroyed_key,
            destroyed_hash,
            released_context,
            caller: caller(provider.prov_type),
            place: Box::new(0),
            length: Box::new(BUFFER as u32),
            buffer: vec![0; BUFFER],
        }
    }

    /// A pair whose values are still to be set.
    pub(crate) fn unmade_pair(&self) -> usize {
        let flags = 512 << 16 | CRYPT_PREGEN;
        let (spec, flags) = (AT_SIGNATURE as usize, flags as usize);
        made("CPGenKey", &[self.context, spec, flags])
    }

    /// A hash of CALG_HMAC with the session key.
    pub(crate) fn hmac(&self) -> usize {
        let algorithm = AlgId::CALG_HMAC.0 as usize;
        made("CPCreateHash", &[self.context, algorithm, self.key, 0])
    }

    pub(crate) fn buffer(&mut self) -> usize {
        self.buffer.as_mut_ptr() as usize
    }

    pub(crate) fn length(&mut self) -> usize {
        ptr::from_mut(&mut *self.length) as usize
    }

    /// Fills the buffer and the length from a function whose last arguments before `after` these are.
    fn fetch(&mut self, name: &str, before: &[usize], after: &[usize]) {
        *self.length = BUFFER as u32;
        let words = [before, &[self.buffer(), self.length()], after].concat();
        must(name, &words);
    }

    /// Arguments with which a function succeeds. None: nothing in this provider serves it.
    pub(crate) fn words(&mut self, name: &str) -> Option<Words> {
        let session = self.key != self.pair;
        let (context, key, hash) = (self.context, self.key, self.hash);
        let place = ptr::from_mut(&mut *self.place) as usize;
        let (buffer, length) = (self.buffer(), self.length());
        let signature = AT_SIGNATURE as usize;
        let words: &[usize] = match name {
            "CPAcquireContext" => {
                let caller = ptr::from_ref(&self.caller) as usize;
                &[place, 0, CRYPT_VERIFYCONTEXT as usize, caller]
            }
            "CPCreateHash" => &[context, AlgId::CALG_SHA1.0 as usize, 0, 0, place],
            "CPDecrypt" if session => {
                *self.length = 8;
                must(
                    "CPEncrypt",
                    &[context, key, 0, 1, 0, buffer, length, BUFFER],
                );
                &[context, key, hash, 1, 0, buffer, length]
            }
            "CPDeriveKey" if session => &[context, AlgId::CALG_3DES.0 as usize, hash, 0, place],
            "CPDestroyHash" => &[context, hash],
            "CPDestroyKey" => &[context, key],
            "CPDuplicateHash" => &[context, hash, 0, 0, place],
            "CPDuplicateKey" => &[context, key, 0, 0, place],
            "CPEncrypt" if session => {
                *self.length = 8;
                &[context, key, hash, 1, 0, buffer, length, BUFFER]
            }
            "CPExportKey" => &[
                context,
                self.pair,
                0,
                PUBLICKEYBLOB as usize,
                0,
                buffer,
                length,
            ],
            // Without a module, which is slow where it makes a group as well.
            "CPGenKey" if session => &[context, AlgId::CALG_3DES.0 as usize, 0, place],
            "CPGenKey" => {
                let flags = 512 << 16 | CRYPT_PREGEN;
                &[context, signature, flags as usize, place]
            }
            "CPGenRandom" => &[context, 32, buffer],
            "CPGetHashParam" => &[context, hash, HP_HASHVAL as usize, buffer, length, 0],
            "CPGetKeyParam" => &[context, key, KP_ALGID as usize, buffer, length, 0],
            "CPGetProvParam" => &[context, PP_NAME as usize, buffer, length, 0],
            "CPGetUserKey" => &[context, signature, place],
            "CPHashData" => &[context, hash, buffer, BUFFER, 0],
            "CPHashSessionKey" if session => &[context, hash, key, 0],
            "CPImportKey" => {
                let blob = PUBLICKEYBLOB as usize;
                self.fetch("CPExportKey", &[context, self.pair, 0, blob, 0], &[]);
                &[context, buffer, *self.length as usize, 0, 0, place]
            }
            "CPReleaseContext" => &[context, 0],
            "CPSetHashParam" => &[context, hash, HP_HASHVAL as usize, buffer, 0],
            "CPSetKeyParam" => {
                self.fetch(
                    "CPGetKeyParam",
                    &[context, key, KP_PERMISSIONS as usize],
                    &[0],
                );
                &[context, key, KP_PERMISSIONS as usize, buffer, 0]
            }
            "CPSetProvParam" => {
                let (param, part) = (PP_KEYSET_SEC_DESCR as usize, DACL as usize);
                self.fetch("CPGetProvParam", &[context, param], &[part]);
                &[context, param, buffer, part]
            }
            "CPSignHash" => &[context, hash, signature, 0, 0, buffer, length],
            "CPVerifySignature" => {
                let copy = made("CPDuplicateHash", &[context, hash, 0, 0]);
                self.fetch("CPSignHash", &[context, copy, signature, 0, 0], &[]);
                let length = *self.length as usize;
                &[context, hash, buffer, length, self.pair, 0, 0]
            }
            _ => return None,
        };
        let mut all = Words::default();
        all[..words.len()].copy_from_slice(words);
        Some(all)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Some cases have released it already.
        unsafe { CPReleaseContext(self.context, 0) };
    }
}

pub(crate) fn has_session_keys(provider: &Provider) -> bool {
    provider.algorithm(AlgId::CALG_3DES).is_ok()
}
