//! The 25 entry points as data: what each argument is, which codes are documented, and a way to call it with any words.

use csp::error::CspError;
use csp::ffi::*;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Context,
    Key,
    /// A key, or 0 for none.
    OptionalKey,
    Hash,
    /// A hash, or 0 for none.
    OptionalHash,
    /// An ALG_ID, a key specification, a parameter or a blob type.
    Number,
    Flags,
    /// Final.
    Truth,
    /// Where a handle is to go.
    Place,
    /// Data to read, whose length is the next argument, or its own affair.
    Input,
    InputLength,
    /// A result's buffer; the next argument leads to its length.
    Output,
    /// CPEncrypt and CPDecrypt's data; the next argument leads to its length.
    InPlace,
    Length,
    /// How long CPEncrypt's buffer is.
    Room,
    /// NULL.
    Reserved,
    /// A string of bytes that ends with a NUL, or NULL.
    Text,
    /// The same of UTF-16 units.
    Wide,
    /// VTableProvStruc, or NULL.
    Caller,
}

use Kind::*;

/// As many as CPEncrypt has arguments.
pub(crate) type Words = [usize; 8];

pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Kind],
    /// With what it may fail besides [`COMMON`] (ERRORS and CRYPTSPI 3, and the decisions of the provider's page).
    pub(crate) codes: &'static [CspError],
    call: unsafe fn(&Words) -> Bool,
}

/// Every function's codes: a pointer that must not be NULL, and a context that is none. NTE_FAIL is not among them: with a
/// hardserver that works it could only stand for a panic.
pub(crate) const COMMON: [CspError; 2] = [CspError::ERROR_INVALID_PARAMETER, CspError::NTE_BAD_UID];

impl Function {
    pub(crate) fn named(name: &str) -> &'static Function {
        let found = FUNCTIONS.iter().find(|function| function.name == name);
        found.expect("one of the 25")
    }

    /// Where its first argument of a kind is.
    pub(crate) fn position(&self, kind: Kind) -> Option<usize> {
        self.arguments.iter().position(|argument| *argument == kind)
    }

    /// Calls it. The error is the last one when it answers FALSE.
    ///
    /// # Safety
    /// The pointers among the words are NULL or lead to as much memory as the words beside them say.
    pub(crate) unsafe fn call(&self, words: &Words) -> Result<(), CspError> {
        match unsafe { (self.call)(words) } {
            0 => Err(CspError(CSPGetLastError())),
            1 => Ok(()),
            other => panic!("{} answered {other}", self.name),
        }
    }
}

fn dword(word: usize) -> u32 {
    word as u32
}

pub(crate) static FUNCTIONS: [Function; 25] = [
    Function {
        name: "CPAcquireContext",
        arguments: &[Place, Text, Flags, Caller],
        codes: &[
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEYSET,
            CspError::NTE_BAD_KEYSET_PARAM,
            CspError::NTE_BAD_PROV_TYPE,
            CspError::NTE_EXISTS,
            CspError::NTE_KEYSET_ENTRY_BAD,
        ],
        call: |w| unsafe { CPAcquireContext(w[0] as _, w[1] as _, dword(w[2]), w[3] as _) },
    },
    Function {
        name: "CPCreateHash",
        arguments: &[Context, Number, OptionalKey, Flags, Place],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe { CPCreateHash(w[0], dword(w[1]), w[2], dword(w[3]), w[4] as _) },
    },
    Function {
        name: "CPDecrypt",
        arguments: &[Context, Key, OptionalHash, Truth, Flags, InPlace, Length],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_LEN,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe {
            let last = w[3] as Bool;
            CPDecrypt(w[0], w[1], w[2], last, dword(w[4]), w[5] as _, w[6] as _)
        },
    },
    Function {
        name: "CPDeriveKey",
        arguments: &[Context, Number, Hash, Flags, Place],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_SILENT_CONTEXT,
        ],
        call: |w| unsafe { CPDeriveKey(w[0], dword(w[1]), w[2], dword(w[3]), w[4] as _) },
    },
    Function {
        name: "CPDestroyHash",
        arguments: &[Context, Hash],
        codes: &[CspError::NTE_BAD_HASH],
        call: |w| unsafe { CPDestroyHash(w[0], w[1]) },
    },
    Function {
        name: "CPDestroyKey",
        arguments: &[Context, Key],
        codes: &[CspError::NTE_BAD_KEY],
        call: |w| unsafe { CPDestroyKey(w[0], w[1]) },
    },
    Function {
        name: "CPDuplicateHash",
        arguments: &[Context, Hash, Reserved, Flags, Place],
        codes: &[CspError::NTE_BAD_HASH],
        call: |w| unsafe { CPDuplicateHash(w[0], w[1], w[2] as _, dword(w[3]), w[4] as _) },
    },
    Function {
        name: "CPDuplicateKey",
        arguments: &[Context, Key, Reserved, Flags, Place],
        codes: &[CspError::NTE_BAD_KEY],
        call: |w| unsafe { CPDuplicateKey(w[0], w[1], w[2] as _, dword(w[3]), w[4] as _) },
    },
    Function {
        name: "CPEncrypt",
        arguments: &[
            Context,
            Key,
            OptionalHash,
            Truth,
            Flags,
            InPlace,
            Length,
            Room,
        ],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_LEN,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe {
            let (last, room) = (w[3] as Bool, dword(w[7]));
            CPEncrypt(
                w[0],
                w[1],
                w[2],
                last,
                dword(w[4]),
                w[5] as _,
                w[6] as _,
                room,
            )
        },
    },
    Function {
        name: "CPExportKey",
        arguments: &[Context, Key, OptionalKey, Number, Flags, Output, Length],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_BAD_PUBLIC_KEY,
            CspError::NTE_BAD_TYPE,
            CspError::NTE_NO_KEY,
        ],
        call: |w| unsafe {
            let (blob, flags) = (dword(w[3]), dword(w[4]));
            CPExportKey(w[0], w[1], w[2], blob, flags, w[5] as _, w[6] as _)
        },
    },
    Function {
        name: "CPGenKey",
        arguments: &[Context, Number, Flags, Place],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_SILENT_CONTEXT,
            CspError::STATUS_INVALID_PARAMETER,
        ],
        call: |w| unsafe { CPGenKey(w[0], dword(w[1]), dword(w[2]), w[3] as _) },
    },
    Function {
        name: "CPGenRandom",
        arguments: &[Context, InputLength, Input],
        codes: &[],
        call: |w| unsafe { CPGenRandom(w[0], dword(w[1]), w[2] as _) },
    },
    Function {
        name: "CPGetHashParam",
        arguments: &[Context, Hash, Number, Output, Length, Flags],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_TYPE,
        ],
        call: |w| unsafe {
            let (param, flags) = (dword(w[2]), dword(w[5]));
            CPGetHashParam(w[0], w[1], param, w[3] as _, w[4] as _, flags)
        },
    },
    Function {
        name: "CPGetKeyParam",
        arguments: &[Context, Key, Number, Output, Length, Flags],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_BAD_TYPE,
            CspError::NTE_NOT_FOUND,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe {
            let (param, flags) = (dword(w[2]), dword(w[5]));
            CPGetKeyParam(w[0], w[1], param, w[3] as _, w[4] as _, flags)
        },
    },
    Function {
        name: "CPGetProvParam",
        arguments: &[Context, Number, Output, Length, Flags],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::ERROR_NO_MORE_ITEMS,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEYSET,
            CspError::NTE_BAD_TYPE,
        ],
        call: |w| unsafe {
            let (param, flags) = (dword(w[1]), dword(w[4]));
            CPGetProvParam(w[0], param, w[2] as _, w[3] as _, flags)
        },
    },
    Function {
        name: "CPGetUserKey",
        arguments: &[Context, Number, Place],
        codes: &[CspError::NTE_BAD_KEY, CspError::NTE_NO_KEY],
        call: |w| unsafe { CPGetUserKey(w[0], dword(w[1]), w[2] as _) },
    },
    Function {
        name: "CPHashData",
        arguments: &[Context, Hash, Input, InputLength, Flags],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
        ],
        call: |w| unsafe { CPHashData(w[0], w[1], w[2] as _, dword(w[3]), dword(w[4])) },
    },
    Function {
        name: "CPHashSessionKey",
        arguments: &[Context, Hash, Key, Flags],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
        ],
        call: |w| unsafe { CPHashSessionKey(w[0], w[1], w[2], dword(w[3])) },
    },
    Function {
        name: "CPImportKey",
        arguments: &[Context, Input, InputLength, OptionalKey, Flags, Place],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_BAD_LEN,
            CspError::NTE_BAD_PUBLIC_KEY,
            CspError::NTE_BAD_TYPE,
            CspError::NTE_BAD_VER,
            CspError::NTE_NO_KEY,
            CspError::NTE_PERM,
            CspError::NTE_SILENT_CONTEXT,
        ],
        call: |w| unsafe {
            let (length, flags) = (dword(w[2]), dword(w[4]));
            CPImportKey(w[0], w[1] as _, length, w[3], flags, w[5] as _)
        },
    },
    Function {
        name: "CPReleaseContext",
        arguments: &[Context, Flags],
        codes: &[CspError::NTE_BAD_FLAGS],
        call: |w| unsafe { CPReleaseContext(w[0], dword(w[1])) },
    },
    Function {
        name: "CPSetHashParam",
        arguments: &[Context, Hash, Number, Input, Flags],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_TYPE,
        ],
        call: |w| unsafe { CPSetHashParam(w[0], w[1], dword(w[2]), w[3] as _, dword(w[4])) },
    },
    Function {
        name: "CPSetKeyParam",
        arguments: &[Context, Key, Number, Input, Flags],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_BAD_LEN,
            CspError::NTE_BAD_TYPE,
            CspError::NTE_FIXEDPARAMETER,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe { CPSetKeyParam(w[0], w[1], dword(w[2]), w[3] as _, dword(w[4])) },
    },
    Function {
        name: "CPSetProvParam",
        arguments: &[Context, Number, Input, Flags],
        codes: &[
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_KEYSET,
            CspError::NTE_BAD_TYPE,
            CspError::NTE_NOT_SUPPORTED,
            CspError::NTE_PERM,
        ],
        call: |w| unsafe { CPSetProvParam(w[0], dword(w[1]), w[2] as _, dword(w[3])) },
    },
    Function {
        name: "CPSignHash",
        arguments: &[Context, Hash, Number, Wide, Flags, Output, Length],
        codes: &[
            CspError::ERROR_MORE_DATA,
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_KEY,
            CspError::NTE_NO_KEY,
        ],
        call: |w| unsafe {
            let (spec, flags) = (dword(w[2]), dword(w[4]));
            CPSignHash(w[0], w[1], spec, w[3] as _, flags, w[5] as _, w[6] as _)
        },
    },
    Function {
        name: "CPVerifySignature",
        arguments: &[Context, Hash, Input, InputLength, Key, Wide, Flags],
        codes: &[
            CspError::NTE_BAD_ALGID,
            CspError::NTE_BAD_DATA,
            CspError::NTE_BAD_FLAGS,
            CspError::NTE_BAD_HASH,
            CspError::NTE_BAD_HASH_STATE,
            CspError::NTE_BAD_KEY,
            CspError::NTE_BAD_KEY_STATE,
            CspError::NTE_BAD_SIGNATURE,
        ],
        call: |w| unsafe {
            let (length, flags) = (dword(w[3]), dword(w[6]));
            CPVerifySignature(w[0], w[1], w[2] as _, length, w[4], w[5] as _, flags)
        },
    },
];
