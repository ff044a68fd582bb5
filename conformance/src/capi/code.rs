//! The codes that `GetLastError` gives, by name.

use std::fmt;

/// A last error. Compared as a number, printed by its name in Microsoft's reference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u32);

impl std::error::Error for Code {}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(code, _)| code == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! codes {
    ($($name:ident = $value:literal,)+) => {
        $(#[doc = concat!("`", stringify!($name), "`")] pub const $name: Code = Code($value);)+
        const NAMES: &[(Code, &str)] = &[$(($name, stringify!($name)),)+];
    };
}

codes! {
    ERROR_FILE_NOT_FOUND = 2,
    ERROR_NOT_ENOUGH_MEMORY = 8,
    ERROR_INVALID_PARAMETER = 87,
    ERROR_CALL_NOT_IMPLEMENTED = 120,
    ERROR_INSUFFICIENT_BUFFER = 122,
    ERROR_BUSY = 170,
    ERROR_MORE_DATA = 234,
    ERROR_NO_MORE_ITEMS = 259,
    NTE_BAD_UID = 0x8009_0001,
    NTE_BAD_HASH = 0x8009_0002,
    NTE_BAD_KEY = 0x8009_0003,
    NTE_BAD_LEN = 0x8009_0004,
    NTE_BAD_DATA = 0x8009_0005,
    NTE_BAD_SIGNATURE = 0x8009_0006,
    NTE_BAD_VER = 0x8009_0007,
    NTE_BAD_ALGID = 0x8009_0008,
    NTE_BAD_FLAGS = 0x8009_0009,
    NTE_BAD_TYPE = 0x8009_000A,
    NTE_BAD_KEY_STATE = 0x8009_000B,
    NTE_BAD_HASH_STATE = 0x8009_000C,
    NTE_NO_KEY = 0x8009_000D,
    NTE_NO_MEMORY = 0x8009_000E,
    NTE_EXISTS = 0x8009_000F,
    NTE_PERM = 0x8009_0010,
    NTE_NOT_FOUND = 0x8009_0011,
    NTE_DOUBLE_ENCRYPT = 0x8009_0012,
    NTE_BAD_PROVIDER = 0x8009_0013,
    NTE_BAD_PROV_TYPE = 0x8009_0014,
    NTE_BAD_PUBLIC_KEY = 0x8009_0015,
    NTE_BAD_KEYSET = 0x8009_0016,
    NTE_PROV_TYPE_NOT_DEF = 0x8009_0017,
    NTE_PROV_TYPE_ENTRY_BAD = 0x8009_0018,
    NTE_KEYSET_NOT_DEF = 0x8009_0019,
    NTE_KEYSET_ENTRY_BAD = 0x8009_001A,
    NTE_PROV_TYPE_NO_MATCH = 0x8009_001B,
    NTE_SIGNATURE_FILE_BAD = 0x8009_001C,
    NTE_PROVIDER_DLL_FAIL = 0x8009_001D,
    NTE_PROV_DLL_NOT_FOUND = 0x8009_001E,
    NTE_BAD_KEYSET_PARAM = 0x8009_001F,
    NTE_FAIL = 0x8009_0020,
    NTE_SYS_ERR = 0x8009_0021,
    NTE_SILENT_CONTEXT = 0x8009_0022,
    NTE_TOKEN_KEYSET_STORAGE_FULL = 0x8009_0023,
    NTE_FIXEDPARAMETER = 0x8009_0025,
    NTE_NOT_SUPPORTED = 0x8009_0029,
    NTE_DEVICE_NOT_READY = 0x8009_0030,
}
