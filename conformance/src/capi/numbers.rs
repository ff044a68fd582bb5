//! Numbers of CryptoAPI that the cases use, under their names in Microsoft's reference.
//!
//! They are written down here and not taken from the provider: a suite that took them from there would agree with
//! whatever the provider has.
#![allow(missing_docs)] // The names are the reference's.

pub const PROV_RSA_FULL: u32 = 1;
pub const PROV_DSS: u32 = 3;
pub const PROV_RSA_SCHANNEL: u32 = 12;
pub const PROV_DSS_DH: u32 = 13;
pub const PROV_DH_SCHANNEL: u32 = 18;
pub const PROV_RSA_AES: u32 = 24;

pub const CALG_MD2: u32 = 0x8001;
pub const CALG_MD5: u32 = 0x8003;
pub const CALG_SHA1: u32 = 0x8004;
pub const CALG_MAC: u32 = 0x8005;
pub const CALG_SSL3_SHAMD5: u32 = 0x8008;
pub const CALG_HMAC: u32 = 0x8009;
pub const CALG_TLS1PRF: u32 = 0x800a;
pub const CALG_SHA_256: u32 = 0x800c;
pub const CALG_SHA_384: u32 = 0x800d;
pub const CALG_SHA_512: u32 = 0x800e;
pub const CALG_RSA_SIGN: u32 = 0x2400;
pub const CALG_RSA_KEYX: u32 = 0xa400;
pub const CALG_DSS_SIGN: u32 = 0x2200;
pub const CALG_DH_EPHEM: u32 = 0xaa02;
pub const CALG_DH_SF: u32 = 0xaa01;
pub const CALG_SSL3_MASTER: u32 = 0x4c01;
pub const CALG_SCHANNEL_MASTER_HASH: u32 = 0x4c02;
pub const CALG_SCHANNEL_MAC_KEY: u32 = 0x4c03;
pub const CALG_PCT1_MASTER: u32 = 0x4c04;
pub const CALG_SSL2_MASTER: u32 = 0x4c05;
pub const CALG_TLS1_MASTER: u32 = 0x4c06;
pub const CALG_SCHANNEL_ENC_KEY: u32 = 0x4c07;
pub const CALG_DES: u32 = 0x6601;
pub const CALG_RC2: u32 = 0x6602;
pub const CALG_3DES: u32 = 0x6603;
pub const CALG_3DES_112: u32 = 0x6609;
pub const CALG_RC5: u32 = 0x660d;
pub const CALG_AES_128: u32 = 0x660e;
pub const CALG_AES_192: u32 = 0x660f;
pub const CALG_AES_256: u32 = 0x6610;
pub const CALG_AES: u32 = 0x6611;
pub const CALG_RC4: u32 = 0x6801;

pub const AT_KEYEXCHANGE: u32 = 1;
pub const AT_SIGNATURE: u32 = 2;

pub const CRYPT_VERIFYCONTEXT: u32 = 0xf000_0000;
pub const CRYPT_NEWKEYSET: u32 = 0x8;
pub const CRYPT_DELETEKEYSET: u32 = 0x10;
pub const CRYPT_MACHINE_KEYSET: u32 = 0x20;
pub const CRYPT_SILENT: u32 = 0x40;

pub const CRYPT_EXPORTABLE: u32 = 0x1;
pub const CRYPT_CREATE_SALT: u32 = 0x4;
pub const CRYPT_NO_SALT: u32 = 0x10;
pub const CRYPT_PREGEN: u32 = 0x40;
pub const CRYPT_BLOB_VER3: u32 = 0x80;
pub const CRYPT_SERVER: u32 = 0x400;
pub const CRYPT_SSL2_FALLBACK: u32 = 0x2;
pub const CRYPT_DESTROYKEY: u32 = 0x4;
pub const CRYPT_OAEP: u32 = 0x40;
pub const CRYPT_IPSEC_HMAC_KEY: u32 = 0x100;
pub const CRYPT_LITTLE_ENDIAN: u32 = 0x1;
pub const CRYPT_USERDATA: u32 = 0x1;
pub const CRYPT_NOHASHOID: u32 = 0x1;
pub const CRYPT_FIRST: u32 = 1;
pub const CRYPT_NEXT: u32 = 2;

pub const SIMPLEBLOB: u32 = 1;
pub const PUBLICKEYBLOB: u32 = 6;
pub const PRIVATEKEYBLOB: u32 = 7;
pub const PLAINTEXTKEYBLOB: u32 = 8;
pub const OPAQUEKEYBLOB: u32 = 9;
pub const SYMMETRICWRAPKEYBLOB: u32 = 11;

pub const KP_IV: u32 = 1;
pub const KP_SALT: u32 = 2;
pub const KP_PADDING: u32 = 3;
pub const KP_MODE: u32 = 4;
pub const KP_MODE_BITS: u32 = 5;
pub const KP_PERMISSIONS: u32 = 6;
pub const KP_ALGID: u32 = 7;
pub const KP_BLOCKLEN: u32 = 8;
pub const KP_KEYLEN: u32 = 9;
pub const KP_P: u32 = 11;
pub const KP_G: u32 = 12;
pub const KP_Q: u32 = 13;
pub const KP_EFFECTIVE_KEYLEN: u32 = 19;
pub const KP_SCHANNEL_ALG: u32 = 20;
pub const KP_CLIENT_RANDOM: u32 = 21;
pub const KP_SERVER_RANDOM: u32 = 22;
pub const KP_CLEAR_KEY: u32 = 27;
pub const KP_HIGHEST_VERSION: u32 = 41;

pub const SCHANNEL_MAC_KEY: u32 = 0;
pub const SCHANNEL_ENC_KEY: u32 = 1;
pub const INTERNATIONAL_USAGE: u32 = 1;

pub const CRYPT_MODE_CBC: u32 = 1;
pub const CRYPT_MODE_ECB: u32 = 2;
pub const CRYPT_MODE_CFB: u32 = 4;

pub const CRYPT_EXPORT: u32 = 0x4;

pub const HP_ALGID: u32 = 1;
pub const HP_HASHVAL: u32 = 2;
pub const HP_HASHSIZE: u32 = 4;
pub const HP_TLS1PRF_LABEL: u32 = 6;
pub const HP_TLS1PRF_SEED: u32 = 7;

pub const PP_ENUMALGS: u32 = 1;
pub const PP_ENUMCONTAINERS: u32 = 2;
pub const PP_IMPTYPE: u32 = 3;
pub const PP_NAME: u32 = 4;
pub const PP_VERSION: u32 = 5;
pub const PP_CONTAINER: u32 = 6;
pub const PP_KEYSET_SEC_DESCR: u32 = 8;
pub const PP_PROVTYPE: u32 = 16;
pub const PP_ENUMALGS_EX: u32 = 22;
pub const PP_KEYSET_TYPE: u32 = 27;
pub const PP_SIG_KEYSIZE_INC: u32 = 34;
pub const PP_KEYX_KEYSIZE_INC: u32 = 35;
pub const PP_UNIQUE_CONTAINER: u32 = 36;
pub const PP_KEYSPEC: u32 = 39;

pub const CRYPT_IMPL_HARDWARE: u32 = 1;
pub const DACL_SECURITY_INFORMATION: u32 = 4;
