//! What each function of CryptoSPI is documented to answer, and the provider types on which no case can make it answer so.
//!
//! The rows are those of CRYPTSPI and of the error tables of Microsoft's reference, function by function. For every row and
//! every provider type there is a case that meets the answer, or a reason why there can be none: [`gaps`] finds what has
//! neither. `conformance/tests/refusals.rs` holds the table to what runs of all six providers observed.
//!
//! `ERROR_INVALID_HANDLE` is in no row: the layer above answers with it, for handles that never come to a provider.

use std::collections::{BTreeMap, BTreeSet};

use crate::capi::Function::*;
use crate::capi::numbers::*;
use crate::capi::*;
use crate::case::{Case, EVERY};
use crate::coverage::{Cover, refuses, works};

/// One documented answer of one function.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The function and its answer.
    pub cover: Cover,
    /// Where it cannot be met, if anywhere.
    pub missing: Option<Missing>,
}

/// Provider types on which an answer cannot be met.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// Which.
    pub types: &'static [u32],
    /// Why.
    pub reason: &'static str,
}

impl Row {
    /// Why the answer cannot be met on a type; None when it must be.
    pub fn reason(&self, prov_type: u32) -> Option<&'static str> {
        self.missing
            .filter(|missing| missing.types.contains(&prov_type))
            .map(|missing| missing.reason)
    }
}

/// The answers that were met, by provider type, with the ids of the cases that met them.
pub type Met = BTreeMap<(u32, Cover), BTreeSet<String>>;

/// What cases declare to meet. The runner fails a case that passes without having met it.
pub fn declared(cases: &[&'static Case]) -> Met {
    let mut met = Met::new();
    for case in cases {
        for cover in case.covers {
            for &prov_type in case.types {
                let ids = met.entry((prov_type, *cover)).or_default();
                ids.insert(case.id.to_owned());
            }
        }
    }
    met
}

/// The documented answers that were not met, and the reasons that do not hold because the answer was met, as sentences.
pub fn gaps(met: &Met) -> Vec<String> {
    let mut gaps = Vec::new();
    for row in TABLE {
        for &prov_type in EVERY {
            let is_met = met.contains_key(&(prov_type, row.cover));
            match (row.reason(prov_type), is_met) {
                (None, false) => gaps.push(format!("type {prov_type}, {}: not met", row.cover)),
                (Some(reason), true) => gaps.push(format!(
                    "type {prov_type}, {}: met, although {reason}",
                    row.cover
                )),
                _ => {}
            }
        }
    }
    gaps
}

/// An answer that is met on every type.
const fn met(function: Function, code: Code) -> Row {
    Row {
        cover: refuses(function, code),
        missing: None,
    }
}

/// Success, which every type has.
const fn ok(function: Function) -> Row {
    Row {
        cover: works(function),
        missing: None,
    }
}

/// Success of a function of session keys.
const fn session(function: Function) -> Row {
    Row {
        cover: works(function),
        ..but(function, NTE_BAD_KEY, &[PROV_DSS], NO_SESSION_KEYS)
    }
}

/// An answer that is met on all types but these.
const fn but(function: Function, code: Code, types: &'static [u32], reason: &'static str) -> Row {
    Row {
        cover: refuses(function, code),
        missing: Some(Missing { types, reason }),
    }
}

/// An answer that is not met on any type.
const fn never(function: Function, code: Code, reason: &'static str) -> Row {
    but(function, code, EVERY, reason)
}

const NO_SESSION_KEYS: &str = "the signature provider has no session keys";
const MEMORY: &str = "no case can make memory scarce";
const BUSY: &str = "nothing here is refused for being in use";
const FAIL: &str = "only the hardserver can fail, and this call does not need it";
const COPY: &str = "a hash has a copy of its key";
const DOUBLE: &str = "no state here is one in which data was encrypted already";
const LOADER: &str = "the image of a provider under test is there and loads";

const DSS_ONLY: &[u32] = &[PROV_DSS];
const DSS_FAMILY: &[u32] = &[PROV_DSS, PROV_DSS_DH, PROV_DH_SCHANNEL];
const NO_SHAMD5: &[u32] = &[PROV_DSS, PROV_DSS_DH];

/// Every row, function by function in the order of the error tables.
pub const TABLE: &[Row] = &[
    ok(AcquireContext),
    met(AcquireContext, ERROR_INVALID_PARAMETER),
    never(AcquireContext, ERROR_BUSY, "a container in use is deleted"),
    never(
        AcquireContext,
        ERROR_FILE_NOT_FOUND,
        "a container is in no user's profile",
    ),
    never(AcquireContext, ERROR_NOT_ENOUGH_MEMORY, MEMORY),
    met(AcquireContext, NTE_BAD_FLAGS),
    never(
        AcquireContext,
        NTE_BAD_KEY_STATE,
        "no password protects a container",
    ),
    met(AcquireContext, NTE_BAD_KEYSET),
    met(AcquireContext, NTE_BAD_KEYSET_PARAM),
    met(AcquireContext, NTE_EXISTS),
    met(AcquireContext, NTE_KEYSET_ENTRY_BAD),
    never(AcquireContext, NTE_NO_MEMORY, MEMORY),
    never(
        AcquireContext,
        NTE_SILENT_CONTEXT,
        "no prompt is shown for a container",
    ),
    met(AcquireContext, NTE_BAD_PROV_TYPE),
    met(AcquireContext, NTE_PROV_TYPE_NOT_DEF),
    never(
        AcquireContext,
        NTE_PROV_TYPE_ENTRY_BAD,
        "registrations are in order",
    ),
    met(AcquireContext, NTE_PROV_TYPE_NO_MATCH),
    met(AcquireContext, NTE_KEYSET_NOT_DEF),
    never(AcquireContext, NTE_PROV_DLL_NOT_FOUND, LOADER),
    never(AcquireContext, NTE_PROVIDER_DLL_FAIL, LOADER),
    never(AcquireContext, NTE_SIGNATURE_FILE_BAD, LOADER),
    never(AcquireContext, NTE_BAD_SIGNATURE, LOADER),
    ok(ReleaseContext),
    met(ReleaseContext, ERROR_INVALID_PARAMETER),
    met(ReleaseContext, NTE_BAD_UID),
    never(ReleaseContext, ERROR_BUSY, BUSY),
    met(ReleaseContext, NTE_BAD_FLAGS),
    ok(GenKey),
    met(GenKey, ERROR_INVALID_PARAMETER),
    met(GenKey, NTE_BAD_UID),
    met(GenKey, NTE_BAD_ALGID),
    met(GenKey, NTE_BAD_FLAGS),
    met(GenKey, NTE_FAIL),
    met(GenKey, NTE_SILENT_CONTEXT),
    met(GenKey, NTE_PERM),
    session(DeriveKey),
    met(DeriveKey, ERROR_INVALID_PARAMETER),
    met(DeriveKey, NTE_BAD_UID),
    met(DeriveKey, NTE_BAD_ALGID),
    met(DeriveKey, NTE_BAD_FLAGS),
    met(DeriveKey, NTE_BAD_HASH),
    but(
        DeriveKey,
        NTE_BAD_HASH_STATE,
        NO_SHAMD5,
        "every hash of the type can be finished, and a finished one has its value",
    ),
    never(DeriveKey, NTE_FAIL, FAIL),
    met(DeriveKey, NTE_SILENT_CONTEXT),
    ok(DestroyKey),
    met(DestroyKey, ERROR_INVALID_PARAMETER),
    met(DestroyKey, NTE_BAD_UID),
    never(DestroyKey, ERROR_BUSY, BUSY),
    met(DestroyKey, NTE_BAD_KEY),
    ok(DestroyHash),
    met(DestroyHash, ERROR_INVALID_PARAMETER),
    met(DestroyHash, NTE_BAD_UID),
    never(DestroyHash, ERROR_BUSY, BUSY),
    never(
        DestroyHash,
        NTE_BAD_ALGID,
        "no hash is made whose algorithm is unknown",
    ),
    met(DestroyHash, NTE_BAD_HASH),
    ok(DuplicateKey),
    never(
        DuplicateKey,
        ERROR_CALL_NOT_IMPLEMENTED,
        "the provider has the function",
    ),
    met(DuplicateKey, ERROR_INVALID_PARAMETER),
    met(DuplicateKey, NTE_BAD_UID),
    met(DuplicateKey, NTE_BAD_KEY),
    ok(DuplicateHash),
    never(
        DuplicateHash,
        ERROR_CALL_NOT_IMPLEMENTED,
        "the provider has the function",
    ),
    met(DuplicateHash, ERROR_INVALID_PARAMETER),
    met(DuplicateHash, NTE_BAD_UID),
    met(DuplicateHash, NTE_BAD_HASH),
    session(Encrypt),
    met(Encrypt, ERROR_INVALID_PARAMETER),
    met(Encrypt, NTE_BAD_UID),
    but(Encrypt, ERROR_MORE_DATA, DSS_ONLY, NO_SESSION_KEYS),
    but(
        Encrypt,
        NTE_BAD_LEN,
        DSS_FAMILY,
        "a short buffer is ERROR_MORE_DATA, and only RSA limits the length of its data",
    ),
    but(
        Encrypt,
        NTE_BAD_ALGID,
        DSS_FAMILY,
        "the family refuses modes that it does not compute when they are set",
    ),
    but(Encrypt, NTE_BAD_DATA, DSS_ONLY, NO_SESSION_KEYS),
    met(Encrypt, NTE_BAD_FLAGS),
    but(Encrypt, NTE_BAD_HASH, DSS_ONLY, NO_SESSION_KEYS),
    but(Encrypt, NTE_BAD_HASH_STATE, DSS_ONLY, NO_SESSION_KEYS),
    met(Encrypt, NTE_BAD_KEY),
    never(Encrypt, NTE_DOUBLE_ENCRYPT, DOUBLE),
    never(Encrypt, NTE_FAIL, FAIL),
    never(Encrypt, NTE_NO_MEMORY, MEMORY),
    session(Decrypt),
    met(Decrypt, ERROR_INVALID_PARAMETER),
    met(Decrypt, NTE_BAD_UID),
    but(
        Decrypt,
        NTE_BAD_ALGID,
        DSS_FAMILY,
        "the family refuses modes that it does not compute when they are set",
    ),
    but(Decrypt, NTE_BAD_DATA, DSS_ONLY, NO_SESSION_KEYS),
    met(Decrypt, NTE_BAD_FLAGS),
    met(Decrypt, NTE_BAD_HASH),
    met(Decrypt, NTE_BAD_KEY),
    never(
        Decrypt,
        NTE_BAD_LEN,
        "no plain text is longer than its cipher text",
    ),
    never(Decrypt, NTE_DOUBLE_ENCRYPT, DOUBLE),
    but(
        Decrypt,
        NTE_FAIL,
        DSS_FAMILY,
        "no pair of the family decrypts, and session keys need no hardserver",
    ),
    ok(ExportKey),
    met(ExportKey, ERROR_INVALID_PARAMETER),
    met(ExportKey, NTE_BAD_UID),
    met(ExportKey, ERROR_MORE_DATA),
    never(
        ExportKey,
        NTE_BAD_DATA,
        "no handle is to a key of an unknown algorithm",
    ),
    met(ExportKey, NTE_BAD_FLAGS),
    met(ExportKey, NTE_BAD_KEY),
    met(ExportKey, NTE_BAD_KEY_STATE),
    but(ExportKey, NTE_BAD_PUBLIC_KEY, DSS_ONLY, NO_SESSION_KEYS),
    met(ExportKey, NTE_BAD_TYPE),
    but(ExportKey, NTE_NO_KEY, DSS_ONLY, NO_SESSION_KEYS),
    ok(ImportKey),
    met(ImportKey, ERROR_INVALID_PARAMETER),
    met(ImportKey, NTE_BAD_UID),
    never(ImportKey, ERROR_BUSY, "a pair in use is replaced"),
    met(ImportKey, NTE_BAD_ALGID),
    met(ImportKey, NTE_BAD_DATA),
    met(ImportKey, NTE_BAD_FLAGS),
    met(ImportKey, NTE_BAD_TYPE),
    met(ImportKey, NTE_BAD_VER),
    met(ImportKey, NTE_SILENT_CONTEXT),
    ok(GenRandom),
    met(GenRandom, ERROR_INVALID_PARAMETER),
    met(GenRandom, NTE_BAD_UID),
    met(GenRandom, NTE_FAIL),
    ok(GetUserKey),
    met(GetUserKey, ERROR_INVALID_PARAMETER),
    met(GetUserKey, NTE_BAD_UID),
    never(
        GetUserKey,
        NTE_BAD_KEY,
        "a specification that is none has no key, as on Windows",
    ),
    met(GetUserKey, NTE_NO_KEY),
    ok(GetHashParam),
    met(GetHashParam, ERROR_INVALID_PARAMETER),
    met(GetHashParam, NTE_BAD_UID),
    met(GetHashParam, ERROR_MORE_DATA),
    met(GetHashParam, NTE_BAD_FLAGS),
    met(GetHashParam, NTE_BAD_HASH),
    met(GetHashParam, NTE_BAD_TYPE),
    ok(SetHashParam),
    met(SetHashParam, ERROR_INVALID_PARAMETER),
    met(SetHashParam, NTE_BAD_UID),
    never(SetHashParam, ERROR_BUSY, BUSY),
    met(SetHashParam, NTE_BAD_FLAGS),
    met(SetHashParam, NTE_BAD_HASH),
    met(SetHashParam, NTE_BAD_TYPE),
    never(SetHashParam, NTE_FAIL, FAIL),
    ok(GetKeyParam),
    met(GetKeyParam, ERROR_INVALID_PARAMETER),
    met(GetKeyParam, NTE_BAD_UID),
    met(GetKeyParam, ERROR_MORE_DATA),
    met(GetKeyParam, NTE_BAD_FLAGS),
    met(GetKeyParam, NTE_BAD_KEY),
    met(GetKeyParam, NTE_BAD_TYPE),
    ok(SetKeyParam),
    met(SetKeyParam, ERROR_INVALID_PARAMETER),
    met(SetKeyParam, NTE_BAD_UID),
    never(SetKeyParam, ERROR_BUSY, BUSY),
    met(SetKeyParam, NTE_BAD_FLAGS),
    met(SetKeyParam, NTE_BAD_TYPE),
    never(SetKeyParam, NTE_FAIL, FAIL),
    never(
        SetKeyParam,
        NTE_FIXEDPARAMETER,
        "the values of a group are the caller's to choose",
    ),
    ok(GetProvParam),
    met(GetProvParam, ERROR_INVALID_PARAMETER),
    met(GetProvParam, NTE_BAD_UID),
    met(GetProvParam, ERROR_MORE_DATA),
    met(GetProvParam, ERROR_NO_MORE_ITEMS),
    met(GetProvParam, NTE_BAD_FLAGS),
    met(GetProvParam, NTE_BAD_TYPE),
    ok(SetProvParam),
    met(SetProvParam, ERROR_INVALID_PARAMETER),
    met(SetProvParam, NTE_BAD_UID),
    never(SetProvParam, ERROR_BUSY, BUSY),
    met(SetProvParam, NTE_BAD_FLAGS),
    met(SetProvParam, NTE_BAD_TYPE),
    never(SetProvParam, NTE_FAIL, FAIL),
    ok(CreateHash),
    met(CreateHash, ERROR_INVALID_PARAMETER),
    met(CreateHash, NTE_BAD_UID),
    never(CreateHash, ERROR_NOT_ENOUGH_MEMORY, MEMORY),
    never(CreateHash, NTE_NO_MEMORY, MEMORY),
    met(CreateHash, NTE_BAD_ALGID),
    met(CreateHash, NTE_BAD_FLAGS),
    met(CreateHash, NTE_BAD_KEY),
    ok(HashData),
    met(HashData, ERROR_INVALID_PARAMETER),
    met(HashData, NTE_BAD_UID),
    but(
        HashData,
        NTE_BAD_ALGID,
        DSS_ONLY,
        "every hash of the type takes data until it is finished",
    ),
    met(HashData, NTE_BAD_FLAGS),
    met(HashData, NTE_BAD_HASH),
    met(HashData, NTE_BAD_HASH_STATE),
    never(HashData, NTE_BAD_KEY, COPY),
    never(HashData, NTE_BAD_LEN, "CRYPT_USERDATA asks nobody"),
    never(HashData, NTE_FAIL, FAIL),
    never(HashData, NTE_NO_MEMORY, MEMORY),
    session(HashSessionKey),
    met(HashSessionKey, ERROR_INVALID_PARAMETER),
    met(HashSessionKey, NTE_BAD_UID),
    but(HashSessionKey, NTE_BAD_ALGID, DSS_ONLY, NO_SESSION_KEYS),
    met(HashSessionKey, NTE_BAD_FLAGS),
    met(HashSessionKey, NTE_BAD_HASH),
    but(
        HashSessionKey,
        NTE_BAD_HASH_STATE,
        DSS_ONLY,
        NO_SESSION_KEYS,
    ),
    met(HashSessionKey, NTE_BAD_KEY),
    never(HashSessionKey, NTE_FAIL, FAIL),
    ok(SignHash),
    met(SignHash, ERROR_INVALID_PARAMETER),
    met(SignHash, NTE_BAD_UID),
    met(SignHash, ERROR_MORE_DATA),
    met(SignHash, NTE_BAD_ALGID),
    met(SignHash, NTE_BAD_FLAGS),
    met(SignHash, NTE_BAD_HASH),
    met(SignHash, NTE_NO_KEY),
    never(SignHash, NTE_NO_MEMORY, MEMORY),
    ok(VerifySignature),
    met(VerifySignature, ERROR_INVALID_PARAMETER),
    met(VerifySignature, NTE_BAD_UID),
    met(VerifySignature, NTE_BAD_FLAGS),
    met(VerifySignature, NTE_BAD_HASH),
    met(VerifySignature, NTE_BAD_KEY),
    met(VerifySignature, NTE_BAD_SIGNATURE),
    never(VerifySignature, NTE_NO_MEMORY, MEMORY),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::coverage::Subject;

    #[test]
    fn every_function_has_its_rows_once() {
        let mut seen = BTreeSet::new();
        for row in TABLE {
            assert!(seen.insert(row.cover), "{} is there twice", row.cover);
        }
        for function in Function::ALL {
            assert!(seen.contains(&works(function)), "{function}");
            let refusals = seen.iter().filter(|cover| {
                cover.subject == Subject::Function(function) && **cover != works(function)
            });
            assert!(refusals.count() > 2, "{function}");
        }
    }

    #[test]
    fn what_is_missing_and_what_is_there_in_spite_of_a_reason_are_found() {
        let mut met = Met::new();
        for row in TABLE {
            for &prov_type in EVERY {
                if row.reason(prov_type).is_none() {
                    met.entry((prov_type, row.cover)).or_default();
                }
            }
        }
        assert_eq!(gaps(&met), Vec::<String>::new());
        met.remove(&(PROV_DSS, refuses(SignHash, NTE_NO_KEY)));
        met.entry((PROV_DSS, works(Encrypt))).or_default();
        assert_eq!(
            gaps(&met),
            [
                format!("type 3, CPEncrypt: success: met, although {NO_SESSION_KEYS}"),
                "type 3, CPSignHash: NTE_NO_KEY: not met".to_owned(),
            ]
        );
    }

    #[test]
    fn the_cases_declare_every_row() {
        let gaps = gaps(&declared(&crate::cases::all()));
        assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    }
}
