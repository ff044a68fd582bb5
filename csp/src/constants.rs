//! The numbers of `wincrypt.h` that CryptSPI calls are made of.
//!
//! Algorithm identifiers are a newtype, because they are stored, compared and logged; parameter
//! numbers, flags and modes stay plain words, as they arrive in a `DWORD` and are only matched.

use std::fmt;

/// ALG_ID: which algorithm a key or hash belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlgId(pub u32);

/// Declares the constants of [`AlgId`] and the table their names are looked up in.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)+) => {
        impl AlgId {
            $($(#[$doc])* pub const $name: AlgId = AlgId($value);)+
        }

        const ALGORITHMS: &[(AlgId, &str)] = &[$((AlgId::$name, stringify!($name)),)+];
    };
}

algorithms! {
    /// MD2 hash, 16 bytes.
    CALG_MD2 = 0x8001,
    /// MD4 hash, 16 bytes.
    CALG_MD4 = 0x8002,
    /// MD5 hash, 16 bytes.
    CALG_MD5 = 0x8003,
    /// SHA-1 hash, 20 bytes (also named CALG_SHA).
    CALG_SHA1 = 0x8004,
    /// CBC MAC of a block cipher's key.
    CALG_MAC = 0x8005,
    /// MD5 and SHA-1 value of TLS client authentication, 36 bytes, only ever set.
    CALG_SSL3_SHAMD5 = 0x8008,
    /// Keyed hash of RFC 2104.
    CALG_HMAC = 0x8009,
    /// The pseudo-random function of TLS 1.0.
    CALG_TLS1PRF = 0x800a,
    /// SHA-256 hash, 32 bytes.
    CALG_SHA_256 = 0x800c,
    /// SHA-384 hash, 48 bytes.
    CALG_SHA_384 = 0x800d,
    /// SHA-512 hash, 64 bytes.
    CALG_SHA_512 = 0x800e,
    /// RSA signature key.
    CALG_RSA_SIGN = 0x2400,
    /// RSA key exchange key.
    CALG_RSA_KEYX = 0xa400,
    /// DSA signature key.
    CALG_DSS_SIGN = 0x2200,
    /// Diffie-Hellman key stored in the container.
    CALG_DH_SF = 0xaa01,
    /// Diffie-Hellman key that lives as long as its handle.
    CALG_DH_EPHEM = 0xaa02,
    /// Agreed key whose cipher is not chosen yet.
    CALG_AGREEDKEY_ANY = 0xaa03,
    /// DES.
    CALG_DES = 0x6601,
    /// Triple DES with two keys.
    CALG_3DES_112 = 0x6609,
    /// Triple DES with three keys.
    CALG_3DES = 0x6603,
    /// RC2 (RFC 2268).
    CALG_RC2 = 0x6602,
    /// RC4 stream cipher.
    CALG_RC4 = 0x6801,
    /// RC5, which no provider here offers.
    CALG_RC5 = 0x660d,
    /// AES with a 128-bit key.
    CALG_AES_128 = 0x660e,
    /// AES with a 192-bit key.
    CALG_AES_192 = 0x660f,
    /// AES with a 256-bit key.
    CALG_AES_256 = 0x6610,
    /// AES without a key length: never accepted for a key.
    CALG_AES = 0x6611,
    /// Master secret of SSL 3.0.
    CALG_SSL3_MASTER = 0x4c01,
    /// Hash object over a master secret, from which connection keys are derived.
    CALG_SCHANNEL_MASTER_HASH = 0x4c02,
    /// MAC key of a connection.
    CALG_SCHANNEL_MAC_KEY = 0x4c03,
    /// Master secret of PCT 1, which is not spoken.
    CALG_PCT1_MASTER = 0x4c04,
    /// Master secret of SSL 2.0, which is not spoken.
    CALG_SSL2_MASTER = 0x4c05,
    /// Master secret of TLS 1.0.
    CALG_TLS1_MASTER = 0x4c06,
    /// Cipher key of a connection.
    CALG_SCHANNEL_ENC_KEY = 0x4c07,
}

impl AlgId {
    /// The name in the vendor's header, if it is one of those this provider knows of.
    pub fn name(self) -> Option<&'static str> {
        ALGORITHMS
            .iter()
            .find(|(id, _)| *id == self)
            .map(|(_, name)| *name)
    }

    /// Whether it is DES with one, two or three keys, whose key bytes carry parity bits.
    pub fn is_des(self) -> bool {
        matches!(
            self,
            AlgId::CALG_DES | AlgId::CALG_3DES_112 | AlgId::CALG_3DES
        )
    }

    /// The class bits (13 to 15), to compare with the `ALG_CLASS_` constants.
    pub const fn class(self) -> u32 {
        self.0 & (7 << 13)
    }
}

impl fmt::Display for AlgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Debug for AlgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Class of signature keys.
pub const ALG_CLASS_SIGNATURE: u32 = 1 << 13;
/// Class of protocol secrets.
pub const ALG_CLASS_MSG_ENCRYPT: u32 = 2 << 13;
/// Class of ciphers.
pub const ALG_CLASS_DATA_ENCRYPT: u32 = 3 << 13;
/// Class of hashes.
pub const ALG_CLASS_HASH: u32 = 4 << 13;
/// Class of key exchange keys.
pub const ALG_CLASS_KEY_EXCHANGE: u32 = 5 << 13;

// Provider types (`dwProvType`).

/// RSA, the general purpose type.
pub const PROV_RSA_FULL: u32 = 1;
/// DSA signatures only.
pub const PROV_DSS: u32 = 3;
/// RSA with SSL 3.0 and TLS 1.0.
pub const PROV_RSA_SCHANNEL: u32 = 12;
/// DSA and Diffie-Hellman.
pub const PROV_DSS_DH: u32 = 13;
/// DSA and Diffie-Hellman with SSL 3.0 and TLS 1.0.
pub const PROV_DH_SCHANNEL: u32 = 18;
/// RSA with AES and SHA-2.
pub const PROV_RSA_AES: u32 = 24;

// Key specifications, the two slots of a container.

/// The key exchange pair.
pub const AT_KEYEXCHANGE: u32 = 1;
/// The signature pair.
pub const AT_SIGNATURE: u32 = 2;

// Flags of CPAcquireContext.

/// No persistent keys.
pub const CRYPT_VERIFYCONTEXT: u32 = 0xf000_0000;
/// Create the container.
pub const CRYPT_NEWKEYSET: u32 = 0x8;
/// Delete the container.
pub const CRYPT_DELETEKEYSET: u32 = 0x10;
/// The machine's containers instead of the user's.
pub const CRYPT_MACHINE_KEYSET: u32 = 0x20;
/// Never show a prompt.
pub const CRYPT_SILENT: u32 = 0x40;
/// For card providers: the default container may be absent.
pub const CRYPT_DEFAULT_CONTAINER_OPTIONAL: u32 = 0x80;

// Flags of CPGenKey, CPDeriveKey and CPImportKey.

/// The key may be exported.
pub const CRYPT_EXPORTABLE: u32 = 0x1;
/// Ask the user before each use.
pub const CRYPT_USER_PROTECTED: u32 = 0x2;
/// Give the key a salt.
pub const CRYPT_CREATE_SALT: u32 = 0x4;
/// CPDeriveKey: rewrite an existing key; ignored.
pub const CRYPT_UPDATE_KEY: u32 = 0x8;
/// A 40-bit key gets no salt.
pub const CRYPT_NO_SALT: u32 = 0x10;
/// Make a DSS or DH handle whose values are set later.
pub const CRYPT_PREGEN: u32 = 0x40;
/// Defined, unused.
pub const CRYPT_ONLINE: u32 = 0x80;
/// Defined, unused.
pub const CRYPT_SF: u32 = 0x100;
/// Defined, unused.
pub const CRYPT_CREATE_IV: u32 = 0x200;
/// Defined, unused.
pub const CRYPT_KEK: u32 = 0x400;
/// Defined, unused.
pub const CRYPT_DATA_KEY: u32 = 0x800;
/// Defined, unused.
pub const CRYPT_VOLATILE: u32 = 0x1000;
/// Defined, unused.
pub const CRYPT_SGCKEY: u32 = 0x2000;
/// Exportable until the handle is destroyed.
pub const CRYPT_ARCHIVABLE: u32 = 0x4000;
/// Ask for a pass phrase for this key.
pub const CRYPT_FORCE_KEY_PROTECTION_HIGH: u32 = 0x8000;
/// CPDeriveKey: the server's write key.
pub const CRYPT_SERVER: u32 = 0x400;
/// CPImportKey: an HMAC key of any length under CALG_RC2.
pub const CRYPT_IPSEC_HMAC_KEY: u32 = 0x100;

// Flags of CPExportKey, CPEncrypt and CPDecrypt.

/// Defined, unused.
pub const CRYPT_Y_ONLY: u32 = 0x1;
/// Roll-back marker in the padding of an SSL 2.0 master.
pub const CRYPT_SSL2_FALLBACK: u32 = 0x2;
/// Destroy the key after an opaque export.
pub const CRYPT_DESTROYKEY: u32 = 0x4;
/// RSA decryption hands back the padded block.
pub const CRYPT_DECRYPT_RSA_NO_PADDING_CHECK: u32 = 0x20;
/// OAEP in place of PKCS#1 v1.5 padding.
pub const CRYPT_OAEP: u32 = 0x40;
/// Version 3 of the DSS and DH blobs.
pub const CRYPT_BLOB_VER3: u32 = 0x80;

// Flags of hashing and signing.

/// CPHashData: let the user type the data; ignored.
pub const CRYPT_USERDATA: u32 = 1;
/// CPHashSessionKey: hash the bytes as stored.
pub const CRYPT_LITTLE_ENDIAN: u32 = 0x1;
/// PKCS#1 signature without DigestInfo.
pub const CRYPT_NOHASHOID: u32 = 0x1;
/// Defined, unused.
pub const CRYPT_TYPE2_FORMAT: u32 = 0x2;
/// ANSI X9.31 signature format.
pub const CRYPT_X931_FORMAT: u32 = 0x4;

// Blob types (`bType` of the header).

/// Session key under a public key.
pub const SIMPLEBLOB: u32 = 0x1;
/// Public key.
pub const PUBLICKEYBLOB: u32 = 0x6;
/// Key pair.
pub const PRIVATEKEYBLOB: u32 = 0x7;
/// Session key in the clear.
pub const PLAINTEXTKEYBLOB: u32 = 0x8;
/// Session key in the provider's own form.
pub const OPAQUEKEYBLOB: u32 = 0x9;
/// Defined, unused.
pub const PUBLICKEYBLOBEX: u32 = 0xa;
/// Session key under a session key.
pub const SYMMETRICWRAPKEYBLOB: u32 = 0xb;
/// Defined, unused.
pub const KEYSTATEBLOB: u32 = 0xc;
/// Version of every blob but the DSS and DH *_VER3 forms.
pub const CUR_BLOB_VERSION: u32 = 2;

// Key parameters.

/// Initialisation vector.
pub const KP_IV: u32 = 1;
/// Salt of an RC2 or RC4 key, 11 bytes when set.
pub const KP_SALT: u32 = 2;
/// Padding method.
pub const KP_PADDING: u32 = 3;
/// Cipher mode.
pub const KP_MODE: u32 = 4;
/// Feedback width in bits.
pub const KP_MODE_BITS: u32 = 5;
/// Permission bits.
pub const KP_PERMISSIONS: u32 = 6;
/// Algorithm.
pub const KP_ALGID: u32 = 7;
/// Block length in bits.
pub const KP_BLOCKLEN: u32 = 8;
/// Key length in bits, parity included.
pub const KP_KEYLEN: u32 = 9;
/// Salt of any length.
pub const KP_SALT_EX: u32 = 10;
/// Prime modulus of DSS and DH.
pub const KP_P: u32 = 11;
/// Generator of DSS and DH.
pub const KP_G: u32 = 12;
/// Subgroup order of DSS.
pub const KP_Q: u32 = 13;
/// Private value of DSS and DH.
pub const KP_X: u32 = 14;
/// Defined, unused.
pub const KP_Y: u32 = 15;
/// Defined, unused.
pub const KP_RA: u32 = 16;
/// Defined, unused.
pub const KP_RB: u32 = 17;
/// Defined, unused.
pub const KP_INFO: u32 = 18;
/// Effective key length of RC2 in bits.
pub const KP_EFFECTIVE_KEYLEN: u32 = 19;
/// Cipher or MAC of a connection.
pub const KP_SCHANNEL_ALG: u32 = 20;
/// Client's random of a handshake.
pub const KP_CLIENT_RANDOM: u32 = 21;
/// Server's random of a handshake.
pub const KP_SERVER_RANDOM: u32 = 22;
/// Defined, unused.
pub const KP_RP: u32 = 23;
/// Defined, unused.
pub const KP_PRECOMP_MD5: u32 = 24;
/// Defined, unused.
pub const KP_PRECOMP_SHA: u32 = 25;
/// Certificate stored with the pair.
pub const KP_CERTIFICATE: u32 = 26;
/// Clear part of an SSL 2.0 master.
pub const KP_CLEAR_KEY: u32 = 27;
/// Defined, unused.
pub const KP_PUB_EX_LEN: u32 = 28;
/// Defined, unused.
pub const KP_PUB_EX_VAL: u32 = 29;
/// Key bytes of a DES key.
pub const KP_KEYVAL: u32 = 30;
/// Defined, unused.
pub const KP_ADMIN_PIN: u32 = 31;
/// Defined, unused.
pub const KP_KEYEXCHANGE_PIN: u32 = 32;
/// Defined, unused.
pub const KP_SIGNATURE_PIN: u32 = 33;
/// Defined, unused.
pub const KP_PREHASH: u32 = 34;
/// Defined, unused.
pub const KP_ROUNDS: u32 = 35;
/// OAEP label.
pub const KP_OAEP_PARAMS: u32 = 36;
/// Defined, unused.
pub const KP_CMS_KEY_INFO: u32 = 37;
/// CMS information for an agreed key.
pub const KP_CMS_DH_KEY_INFO: u32 = 38;
/// Domain parameters in one blob.
pub const KP_PUB_PARAMS: u32 = 39;
/// Check of the domain parameters.
pub const KP_VERIFY_PARAMS: u32 = 40;
/// Highest protocol version of a master.
pub const KP_HIGHEST_VERSION: u32 = 41;
/// Use counter of a counted key.
pub const KP_GET_USE_COUNT: u32 = 42;

// Members of the `SCHANNEL_ALG` of KP_SCHANNEL_ALG: dwUse, and a bit of dwFlags.

/// The MAC.
pub const SCHANNEL_MAC_KEY: u32 = 0;
/// The cipher.
pub const SCHANNEL_ENC_KEY: u32 = 1;
/// An export suite.
pub const INTERNATIONAL_USAGE: u32 = 1;

// Values of KP_PADDING.

/// PKCS#5, the only one there is.
pub const PKCS5_PADDING: u32 = 1;
/// Defined, refused.
pub const RANDOM_PADDING: u32 = 2;
/// Defined, refused.
pub const ZERO_PADDING: u32 = 3;

// Values of KP_MODE.

/// Cipher block chaining, the default.
pub const CRYPT_MODE_CBC: u32 = 1;
/// Electronic code book.
pub const CRYPT_MODE_ECB: u32 = 2;
/// Output feedback, which no provider computes.
pub const CRYPT_MODE_OFB: u32 = 3;
/// Cipher feedback of 8 bits.
pub const CRYPT_MODE_CFB: u32 = 4;
/// Cipher text stealing, which no provider computes.
pub const CRYPT_MODE_CTS: u32 = 5;

// Bits of KP_PERMISSIONS.

/// Encryption.
pub const CRYPT_ENCRYPT: u32 = 0x1;
/// Decryption.
pub const CRYPT_DECRYPT: u32 = 0x2;
/// Export.
pub const CRYPT_EXPORT: u32 = 0x4;
/// Reading of values.
pub const CRYPT_READ: u32 = 0x8;
/// Setting of values.
pub const CRYPT_WRITE: u32 = 0x10;
/// Message authentication.
pub const CRYPT_MAC: u32 = 0x20;
/// Use in exporting other keys.
pub const CRYPT_EXPORT_KEY: u32 = 0x40;
/// Use in importing other keys.
pub const CRYPT_IMPORT_KEY: u32 = 0x80;
/// Export until the handle is destroyed.
pub const CRYPT_ARCHIVE: u32 = 0x100;

// Hash parameters.

/// Algorithm.
pub const HP_ALGID: u32 = 0x1;
/// Value.
pub const HP_HASHVAL: u32 = 0x2;
/// Length of the value in bytes.
pub const HP_HASHSIZE: u32 = 0x4;
/// Inner hash and pads of an HMAC.
pub const HP_HMAC_INFO: u32 = 0x5;
/// Label of CALG_TLS1PRF.
pub const HP_TLS1PRF_LABEL: u32 = 0x6;
/// Seed of CALG_TLS1PRF.
pub const HP_TLS1PRF_SEED: u32 = 0x7;

// Provider parameters.

/// One algorithm a call.
pub const PP_ENUMALGS: u32 = 1;
/// One container's name a call.
pub const PP_ENUMCONTAINERS: u32 = 2;
/// Kind of implementation.
pub const PP_IMPTYPE: u32 = 3;
/// Provider's name.
pub const PP_NAME: u32 = 4;
/// Provider's version.
pub const PP_VERSION: u32 = 5;
/// Container's name.
pub const PP_CONTAINER: u32 = 6;
/// Defined, unused.
pub const PP_CHANGE_PASSWORD: u32 = 7;
/// Security descriptor of the container.
pub const PP_KEYSET_SEC_DESCR: u32 = 8;
/// Defined, unused.
pub const PP_CERTCHAIN: u32 = 9;
/// Defined, unused.
pub const PP_KEY_TYPE_SUBTYPE: u32 = 10;
/// Provider type.
pub const PP_PROVTYPE: u32 = 16;
/// Properties of the key storage.
pub const PP_KEYSTORAGE: u32 = 17;
/// Defined, unused.
pub const PP_APPLI_CERT: u32 = 18;
/// Defined, unused.
pub const PP_SYM_KEYSIZE: u32 = 19;
/// Defined, unused.
pub const PP_SESSION_KEYSIZE: u32 = 20;
/// Text of a prompt.
pub const PP_UI_PROMPT: u32 = 21;
/// One algorithm a call, long form.
pub const PP_ENUMALGS_EX: u32 = 22;
/// Drop the ephemeral key.
pub const PP_DELETEKEY: u32 = 24;
/// Defined, unused.
pub const PP_ENUMMANDROOTS: u32 = 25;
/// Defined, unused.
pub const PP_ENUMELECTROOTS: u32 = 26;
/// Machine container or not.
pub const PP_KEYSET_TYPE: u32 = 27;
/// Defined, unused.
pub const PP_ADMIN_PIN: u32 = 31;
/// Pass phrase of the exchange key.
pub const PP_KEYEXCHANGE_PIN: u32 = 32;
/// Pass phrase of the signature key.
pub const PP_SIGNATURE_PIN: u32 = 33;
/// Step of signature key lengths in bits.
pub const PP_SIG_KEYSIZE_INC: u32 = 34;
/// Step of exchange key lengths in bits.
pub const PP_KEYX_KEYSIZE_INC: u32 = 35;
/// Container's unique name.
pub const PP_UNIQUE_CONTAINER: u32 = 36;
/// Defined, unused.
pub const PP_SGC_INFO: u32 = 37;
/// Use of a hardware random number generator.
pub const PP_USE_HARDWARE_RNG: u32 = 38;
/// Key specifications that exist.
pub const PP_KEYSPEC: u32 = 39;
/// Whether `dwProtocols` has a meaning.
pub const PP_ENUMEX_SIGNING_PROT: u32 = 40;
/// Counting of key uses.
pub const PP_CRYPT_COUNT_KEY_USE: u32 = 41;
/// Defined, unused.
pub const PP_USER_CERTSTORE: u32 = 42;
/// Defined, unused.
pub const PP_SMARTCARD_READER: u32 = 43;
/// Defined, unused.
pub const PP_SMARTCARD_GUID: u32 = 45;
/// Defined, unused.
pub const PP_ROOT_CERTSTORE: u32 = 46;
/// Defined, unused.
pub const PP_SECURE_KEYEXCHANGE_PIN: u32 = 47;
/// Defined, unused.
pub const PP_SECURE_SIGNATURE_PIN: u32 = 48;
/// Window that owns prompts (set only; its number is that of PP_ENUMALGS).
pub const PP_CLIENT_HWND: u32 = 1;
/// Context information (set only).
pub const PP_CONTEXT_INFO: u32 = 11;
/// nShield: keys made from now on keep their blobs in the module's NVRAM; shares its number with PP_PIN_PROMPT_STRING, which is not used here.
pub const PP_NO_HOST_STORAGE: u32 = 44;

// Flags of the enumerating provider parameters.

/// Start over.
pub const CRYPT_FIRST: u32 = 1;
/// Go on.
pub const CRYPT_NEXT: u32 = 2;

// Values of PP_IMPTYPE, bits of PP_KEYSTORAGE and of `dwProtocols`.

/// In hardware.
pub const CRYPT_IMPL_HARDWARE: u32 = 1;
/// In software.
pub const CRYPT_IMPL_SOFTWARE: u32 = 2;
/// In both.
pub const CRYPT_IMPL_MIXED: u32 = 3;
/// Containers have security descriptors.
pub const CRYPT_SEC_DESCR: u32 = 0x1;
/// PCT 1.
pub const CRYPT_FLAG_PCT1: u32 = 0x1;
/// SSL 2.0.
pub const CRYPT_FLAG_SSL2: u32 = 0x2;
/// SSL 3.0.
pub const CRYPT_FLAG_SSL3: u32 = 0x4;
/// TLS 1.0.
pub const CRYPT_FLAG_TLS1: u32 = 0x8;
/// IPsec.
pub const CRYPT_FLAG_IPSEC: u32 = 0x10;
/// Usable for signing.
pub const CRYPT_FLAG_SIGNING: u32 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_algorithm_appears_twice() {
        for (i, (id, name)) in ALGORITHMS.iter().enumerate() {
            assert!(
                ALGORITHMS[..i].iter().all(|(other, _)| other != id),
                "{name}"
            );
        }
    }

    /// An ALG_ID is class, type and number in the header's own scheme.
    #[test]
    fn classes_are_part_of_the_identifier() {
        for (class, members) in [
            (
                ALG_CLASS_HASH,
                &[
                    AlgId::CALG_MD2,
                    AlgId::CALG_HMAC,
                    AlgId::CALG_SHA_512,
                    AlgId::CALG_TLS1PRF,
                ][..],
            ),
            (
                ALG_CLASS_DATA_ENCRYPT,
                &[AlgId::CALG_DES, AlgId::CALG_RC4, AlgId::CALG_AES_256],
            ),
            (
                ALG_CLASS_SIGNATURE,
                &[AlgId::CALG_RSA_SIGN, AlgId::CALG_DSS_SIGN],
            ),
            (
                ALG_CLASS_KEY_EXCHANGE,
                &[AlgId::CALG_RSA_KEYX, AlgId::CALG_DH_EPHEM],
            ),
            (
                ALG_CLASS_MSG_ENCRYPT,
                &[AlgId::CALG_TLS1_MASTER, AlgId::CALG_SCHANNEL_ENC_KEY],
            ),
        ] {
            for id in members {
                assert_eq!(id.class(), class, "{id}");
            }
        }
    }

    #[test]
    fn unknown_identifiers_print_in_hex() {
        assert_eq!(AlgId::CALG_SHA1.to_string(), "CALG_SHA1");
        assert_eq!(AlgId(0x1234).to_string(), "0x1234");
    }
}
