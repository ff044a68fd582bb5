//! The codes with which CryptSPI functions fail, as one table.
//!
//! A CSP reports failure by returning FALSE after `SetLastError(code)`. Everything below the C
//! boundary returns [`Result`], whose error is that very code, so that the entry points have
//! nothing left to translate. Numbers are those of `winerror.h`.

use std::fmt;

/// What every function of the provider returns.
pub type Result<T, E = CspError> = std::result::Result<T, E>;

/// A last-error code: an `NTE_` HRESULT, a Win32 error or, in one place, an NTSTATUS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CspError(pub u32);

/// Declares the constants of [`CspError`] and the table their names are looked up in.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)+) => {
        impl CspError {
            $($(#[$doc])* pub const $name: CspError = CspError($value);)+

            /// Every code with its name in the vendor's headers, in the order of declaration.
            pub const CODES: &[(CspError, &str)] =
                &[$((CspError::$name, stringify!($name)),)+];
        }
    };
}

codes! {
    /// No error: what a successful CPAcquireContext leaves as the last error.
    ERROR_SUCCESS = 0,
    /// The file named does not exist; acquiring under impersonation without a loaded profile.
    ERROR_FILE_NOT_FOUND = 2,
    /// A handle of the layer above is not valid.
    ERROR_INVALID_HANDLE = 6,
    /// The system is out of memory.
    ERROR_NOT_ENOUGH_MEMORY = 8,
    /// An argument is not valid, most often a pointer.
    ERROR_INVALID_PARAMETER = 87,
    /// The provider has no such function.
    ERROR_CALL_NOT_IMPLEMENTED = 120,
    /// The buffer for a security descriptor is too small.
    ERROR_INSUFFICIENT_BUFFER = 122,
    /// The object is in use.
    ERROR_BUSY = 170,
    /// The buffer is too small; the needed size was stored.
    ERROR_MORE_DATA = 234,
    /// An enumeration has come to its end.
    ERROR_NO_MORE_ITEMS = 259,
    /// The user closed a prompt.
    ERROR_CANCELLED = 1223,

    /// The context is not valid.
    NTE_BAD_UID = 0x8009_0001,
    /// The hash is not valid.
    NTE_BAD_HASH = 0x8009_0002,
    /// The key is not valid, or not of the kind the call wants.
    NTE_BAD_KEY = 0x8009_0003,
    /// A length is not valid.
    NTE_BAD_LEN = 0x8009_0004,
    /// Data is not valid.
    NTE_BAD_DATA = 0x8009_0005,
    /// The signature does not verify.
    NTE_BAD_SIGNATURE = 0x8009_0006,
    /// The version of a blob does not fit the provider.
    NTE_BAD_VER = 0x8009_0007,
    /// The algorithm is unknown or not available in this provider.
    NTE_BAD_ALGID = 0x8009_0008,
    /// Flag bits, or in some set calls data, are not valid.
    NTE_BAD_FLAGS = 0x8009_0009,
    /// A parameter number or blob type is unknown.
    NTE_BAD_TYPE = 0x8009_000a,
    /// The key's state forbids the call; also: no permission to export it.
    NTE_BAD_KEY_STATE = 0x8009_000b,
    /// The hash is finished already.
    NTE_BAD_HASH_STATE = 0x8009_000c,
    /// The key does not exist.
    NTE_NO_KEY = 0x8009_000d,
    /// The provider is out of memory.
    NTE_NO_MEMORY = 0x8009_000e,
    /// The object exists already.
    NTE_EXISTS = 0x8009_000f,
    /// Access is denied.
    NTE_PERM = 0x8009_0010,
    /// The object was not found.
    NTE_NOT_FOUND = 0x8009_0011,
    /// The same data was encrypted or decrypted twice.
    NTE_DOUBLE_ENCRYPT = 0x8009_0012,
    /// The provider's name is not valid.
    NTE_BAD_PROVIDER = 0x8009_0013,
    /// The provider type is not valid.
    NTE_BAD_PROV_TYPE = 0x8009_0014,
    /// The public key is not valid for the call.
    NTE_BAD_PUBLIC_KEY = 0x8009_0015,
    /// The container does not exist or may not be opened.
    NTE_BAD_KEYSET = 0x8009_0016,
    /// No default provider is set for the type.
    NTE_PROV_TYPE_NOT_DEF = 0x8009_0017,
    /// The registration of a provider type is damaged.
    NTE_PROV_TYPE_ENTRY_BAD = 0x8009_0018,
    /// The provider is not registered.
    NTE_KEYSET_NOT_DEF = 0x8009_0019,
    /// The container was found but is damaged.
    NTE_KEYSET_ENTRY_BAD = 0x8009_001a,
    /// The named provider is of another type.
    NTE_PROV_TYPE_NO_MATCH = 0x8009_001b,
    /// The provider's image could not be loaded before its check.
    NTE_SIGNATURE_FILE_BAD = 0x8009_001c,
    /// The provider's library did not load or initialise.
    NTE_PROVIDER_DLL_FAIL = 0x8009_001d,
    /// The provider's library is missing.
    NTE_PROV_DLL_NOT_FOUND = 0x8009_001e,
    /// The name of a container is not valid.
    NTE_BAD_KEYSET_PARAM = 0x8009_001f,
    /// An unexpected failure inside the provider.
    NTE_FAIL = 0x8009_0020,
    /// An unexpected failure of the system.
    NTE_SYS_ERR = 0x8009_0021,
    /// The call would need user interaction in a silent context.
    NTE_SILENT_CONTEXT = 0x8009_0022,
    /// The token has no room for another key.
    NTE_TOKEN_KEYSET_STORAGE_FULL = 0x8009_0023,
    /// The user's profile is temporary.
    NTE_TEMPORARY_PROFILE = 0x8009_0024,
    /// The value is fixed in this provider and cannot be set.
    NTE_FIXEDPARAMETER = 0x8009_0025,
    /// The function exists, what was asked of it does not.
    NTE_NOT_SUPPORTED = 0x8009_0029,
    /// The device is not ready, as when the connection to the hardserver is lost.
    NTE_DEVICE_NOT_READY = 0x8009_0030,

    /// A card error below was not classified further: no card in the slot.
    SCARD_E_NO_SMARTCARD = 0x8010_000c,
    /// The card was removed during the operation.
    SCARD_W_REMOVED_CARD = 0x8010_0069,
    /// A wrong pass phrase was given too often.
    SCARD_W_WRONG_CHV = 0x8010_006b,
    /// The user cancelled a card prompt.
    SCARD_W_CANCELLED_BY_USER = 0x8010_006e,

    /// The NTSTATUS that Windows reports for a DSS key of an odd length such as 513 bits.
    STATUS_INVALID_PARAMETER = 0xc000_000d,
}

impl CspError {
    /// The number given to `SetLastError`.
    pub const fn code(self) -> u32 {
        self.0
    }

    /// The name in the vendor's headers, if the table has one.
    pub fn name(self) -> Option<&'static str> {
        Self::CODES
            .iter()
            .find(|(code, _)| *code == self)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for CspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for CspError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CspError {}

#[cfg(test)]
mod tests {
    use super::CspError;

    #[test]
    fn no_code_or_name_appears_twice() {
        for (i, (code, name)) in CspError::CODES.iter().enumerate() {
            for (other, other_name) in &CspError::CODES[..i] {
                assert_ne!(code, other, "{name} and {other_name}");
                assert_ne!(name, other_name);
            }
        }
    }

    #[test]
    fn displays_the_name_or_the_number_in_hex() {
        assert_eq!(CspError(0x8009_0005).to_string(), "NTE_BAD_DATA");
        assert_eq!(CspError(234).to_string(), "ERROR_MORE_DATA");
        assert_eq!(CspError(0x8009_ffff).to_string(), "0x8009ffff");
    }

    /// The NTE_ codes are numbered without a gap from NTE_BAD_UID to NTE_FIXEDPARAMETER, in the
    /// order of the header, which the table keeps.
    #[test]
    fn nte_codes_are_consecutive() {
        let first = CspError::CODES
            .iter()
            .position(|(code, _)| *code == CspError::NTE_BAD_UID);
        let run = &CspError::CODES[first.expect("the table has NTE_BAD_UID")..][..0x25];
        for (i, (code, name)) in run.iter().enumerate() {
            assert_eq!(code.0, 0x8009_0001 + i as u32, "{name}");
        }
        assert_eq!(run[0x24].0, CspError::NTE_FIXEDPARAMETER);
    }
}
