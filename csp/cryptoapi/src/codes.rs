//! The Win32 and CryptoAPI numbers this layer itself uses. Providers have their own.

pub(crate) const ERROR_INVALID_PARAMETER: u32 = 87;
pub(crate) const ERROR_CALL_NOT_IMPLEMENTED: u32 = 120;
pub(crate) const ERROR_BUSY: u32 = 170;
pub(crate) const ERROR_MORE_DATA: u32 = 234;
pub(crate) const ERROR_NO_MORE_ITEMS: u32 = 259;

pub(crate) const NTE_BAD_FLAGS: u32 = 0x8009_0009;
pub(crate) const NTE_BAD_PROV_TYPE: u32 = 0x8009_0014;
pub(crate) const NTE_PROV_TYPE_NOT_DEF: u32 = 0x8009_0017;
pub(crate) const NTE_KEYSET_NOT_DEF: u32 = 0x8009_0019;
pub(crate) const NTE_PROV_TYPE_NO_MATCH: u32 = 0x8009_001B;
pub(crate) const NTE_PROVIDER_DLL_FAIL: u32 = 0x8009_001D;
pub(crate) const NTE_PROV_DLL_NOT_FOUND: u32 = 0x8009_001E;
pub(crate) const NTE_BAD_KEYSET_PARAM: u32 = 0x8009_001F;
pub(crate) const NTE_FAIL: u32 = 0x8009_0020;

/// The highest provider type; the lowest is 1.
pub(crate) const MAX_PROV_TYPE: u32 = 999;

pub(crate) const CRYPT_DELETEKEYSET: u32 = 0x10;

pub(crate) const CRYPT_MACHINE_DEFAULT: u32 = 0x1;
pub(crate) const CRYPT_USER_DEFAULT: u32 = 0x2;
pub(crate) const CRYPT_DELETE_DEFAULT: u32 = 0x4;

pub(crate) const PP_CLIENT_HWND: u32 = 1;
pub(crate) const PP_KEYSET_SEC_DESCR: u32 = 8;
