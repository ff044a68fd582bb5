//! What each provider type offers: algorithms with their names and key lengths, as data.
//!
//! One [`Provider`] value a provider type. Everything that depends on the type (which ALG_IDs
//! exist, how long their keys may be, which of two historical behaviours applies) is read from
//! it, never from the provider's name. PP_ENUMALGS and PP_ENUMALGS_EX walk
//! [`Provider::algorithms`] in its order.

use crate::constants::{
    ALG_CLASS_DATA_ENCRYPT, ALG_CLASS_KEY_EXCHANGE, ALG_CLASS_MSG_ENCRYPT, ALG_CLASS_SIGNATURE,
    AlgId, CRYPT_FLAG_IPSEC, CRYPT_FLAG_SIGNING, CRYPT_FLAG_SSL3, CRYPT_FLAG_TLS1,
    PROV_DH_SCHANNEL, PROV_DSS, PROV_DSS_DH, PROV_RSA_AES, PROV_RSA_FULL, PROV_RSA_SCHANNEL,
};
use crate::error::{CspError, Result};
use crate::key_spec::KeySpec;

/// One row of PP_ENUMALGS_EX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// The algorithm.
    pub id: AlgId,
    /// Key or hash length in bits, parity not counted, when the caller gives none.
    pub default_bits: u32,
    /// Shortest length in bits.
    pub min_bits: u32,
    /// Longest length in bits.
    pub max_bits: u32,
    /// `CRYPT_FLAG_` bits of the protocols it serves.
    pub protocols: u32,
    /// Short name, at most 19 characters.
    pub name: &'static str,
    /// Long name, at most 39 characters.
    pub long_name: &'static str,
}

/// The two lines of Microsoft providers, which differ in a few answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// PROV_RSA_FULL, PROV_RSA_AES, PROV_RSA_SCHANNEL.
    Rsa,
    /// PROV_DSS, PROV_DSS_DH, PROV_DH_SCHANNEL.
    Dss,
}

/// One provider type.
#[derive(Debug)]
pub struct Provider {
    /// `dwProvType`, a `PROV_` constant.
    pub prov_type: u32,
    /// Which line it belongs to.
    pub family: Family,
    /// Step of public key lengths in bits (PP_SIG_KEYSIZE_INC, PP_KEYX_KEYSIZE_INC).
    pub public_key_step: u32,
    /// Its algorithms, in the order in which they are enumerated.
    pub algorithms: &'static [Algorithm],
}

/// The provider types that exist here.
pub static PROVIDERS: &[&Provider] = &[
    &RSA_FULL,
    &RSA_AES,
    &RSA_SCHANNEL,
    &DSS,
    &DSS_DH,
    &DH_SCHANNEL,
];

/// PROV_RSA_FULL. SHA-2 is not among its hashes, as on Windows.
pub static RSA_FULL: Provider = Provider {
    prov_type: PROV_RSA_FULL,
    family: Family::Rsa,
    public_key_step: 8,
    algorithms: &[
        RC2,
        RC4,
        DES,
        TRIPLE_DES_112,
        TRIPLE_DES,
        SHA1,
        MD2,
        MD4,
        MD5,
        SSL3_SHAMD5,
        MAC,
        RSA_SIGN,
        RSA_KEYX,
        HMAC,
    ],
};

/// PROV_RSA_AES.
pub static RSA_AES: Provider = Provider {
    prov_type: PROV_RSA_AES,
    family: Family::Rsa,
    public_key_step: 8,
    algorithms: &[
        RC2,
        RC4,
        DES,
        TRIPLE_DES_112,
        TRIPLE_DES,
        SHA1,
        MD2,
        MD4,
        MD5,
        SSL3_SHAMD5,
        MAC,
        RSA_SIGN,
        RSA_KEYX,
        HMAC,
        AES_128,
        AES_192,
        AES_256,
        SHA_256,
        SHA_384,
        SHA_512,
    ],
};

/// PROV_RSA_SCHANNEL. AES, for the suites of RFC 3268, is an addition to the ciphers that SSL 3.0 and TLS 1.0 were born with.
pub static RSA_SCHANNEL: Provider = Provider {
    prov_type: PROV_RSA_SCHANNEL,
    family: Family::Rsa,
    public_key_step: 8,
    algorithms: &[
        RC2,
        RC4,
        DES,
        TRIPLE_DES_112,
        TRIPLE_DES,
        SHA1,
        MD5,
        SSL3_SHAMD5,
        MAC,
        RSA_SIGN,
        RSA_KEYX,
        HMAC,
        AES_128,
        AES_192,
        AES_256,
        SSL3_MASTER,
        TLS1_MASTER,
        SCHANNEL_MASTER_HASH,
        SCHANNEL_MAC_KEY,
        SCHANNEL_ENC_KEY,
        TLS1PRF,
    ],
};

/// PROV_DSS: signatures and hashes alone.
pub static DSS: Provider = Provider {
    prov_type: PROV_DSS,
    family: Family::Dss,
    public_key_step: 64,
    algorithms: &[SHA1, MD5, DSS_SIGN],
};

/// PROV_DSS_DH.
pub static DSS_DH: Provider = Provider {
    prov_type: PROV_DSS_DH,
    family: Family::Dss,
    public_key_step: 64,
    algorithms: &[
        RC2,
        RC4,
        DES,
        TRIPLE_DES_112,
        TRIPLE_DES,
        SHA1,
        MD5,
        MAC,
        DSS_SIGN,
        DH_SF,
        DH_EPHEM,
        HMAC,
    ],
};

/// PROV_DH_SCHANNEL.
pub static DH_SCHANNEL: Provider = Provider {
    prov_type: PROV_DH_SCHANNEL,
    family: Family::Dss,
    public_key_step: 64,
    algorithms: &[
        RC2,
        RC4,
        DES,
        TRIPLE_DES_112,
        TRIPLE_DES,
        SHA1,
        MD5,
        SSL3_SHAMD5,
        MAC,
        DSS_SIGN,
        DH_SF,
        DH_EPHEM,
        HMAC,
        AES_128,
        AES_192,
        AES_256,
        SSL3_MASTER,
        TLS1_MASTER,
        SCHANNEL_MASTER_HASH,
        SCHANNEL_MAC_KEY,
        SCHANNEL_ENC_KEY,
        TLS1PRF,
    ],
};

impl Provider {
    /// The provider of a `dwProvType`.
    pub fn of_type(prov_type: u32) -> Option<&'static Provider> {
        PROVIDERS
            .iter()
            .copied()
            .find(|provider| provider.prov_type == prov_type)
    }

    /// The row of an algorithm.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` if this provider does not offer it.
    pub fn algorithm(&self, id: AlgId) -> Result<&'static Algorithm> {
        self.algorithms
            .iter()
            .find(|row| row.id == id)
            .ok_or(CspError::NTE_BAD_ALGID)
    }

    /// Whether it makes the keys of SSL 3.0 and TLS 1.0.
    pub fn is_schannel(&self) -> bool {
        self.algorithm(AlgId::CALG_SCHANNEL_MASTER_HASH).is_ok()
    }

    /// The algorithm of the pairs in a slot.
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` for a slot that this provider does not fill.
    pub(crate) fn pair_algorithm(&self, spec: KeySpec) -> Result<AlgId> {
        let algorithm = match (self.family, spec) {
            (Family::Rsa, KeySpec::Exchange) => AlgId::CALG_RSA_KEYX,
            (Family::Rsa, KeySpec::Signature) => AlgId::CALG_RSA_SIGN,
            (Family::Dss, KeySpec::Exchange) => AlgId::CALG_DH_SF,
            (Family::Dss, KeySpec::Signature) => AlgId::CALG_DSS_SIGN,
        };
        self.algorithm(algorithm).map(|row| row.id)
    }
}

impl Provider {
    /// The key length that a CPGenKey or CPDeriveKey call asks for: the high word of `flags`, or
    /// the default where that is zero. In bits, DES parity not counted, although the DES family
    /// may be asked for with parity too (64, 128, 192).
    ///
    /// # Errors
    /// `NTE_BAD_ALGID` if the provider has no such key. For a length that is not offered the
    /// sources differ; this follows Microsoft's page first (`ERROR_INVALID_PARAMETER` below the
    /// minimum or above the maximum) and Wine for what the page leaves open, lengths within the
    /// range that do not exist: `NTE_BAD_FLAGS` for the DES family, else `NTE_BAD_DATA`. Pairs of the DSS family answer
    /// `NTE_BAD_FLAGS` throughout, but an NTSTATUS for a DSS length off the step, as was seen on Windows.
    pub fn key_bits(&self, id: AlgId, flags: u32) -> Result<u32> {
        let row = self.algorithm(id)?;
        let step = match id.class() {
            ALG_CLASS_DATA_ENCRYPT | ALG_CLASS_MSG_ENCRYPT => 8,
            ALG_CLASS_SIGNATURE | ALG_CLASS_KEY_EXCHANGE => self.public_key_step,
            _ => return Err(CspError::NTE_BAD_ALGID),
        };
        let max_bits = if id.is_des() {
            row.max_bits / 7 * 8
        } else {
            row.max_bits
        };
        let step_error = match (self.family, id) {
            (Family::Dss, AlgId::CALG_DSS_SIGN) => CspError::STATUS_INVALID_PARAMETER,
            (Family::Dss, AlgId::CALG_DH_SF | AlgId::CALG_DH_EPHEM) => CspError::NTE_BAD_FLAGS,
            _ => CspError::NTE_BAD_DATA,
        };
        let range_error = match step_error {
            CspError::NTE_BAD_DATA => CspError::ERROR_INVALID_PARAMETER,
            _ => CspError::NTE_BAD_FLAGS,
        };
        match flags >> 16 {
            0 => Ok(row.default_bits),
            bits if bits < row.min_bits || bits > max_bits => Err(range_error),
            bits if id.is_des() => match bits {
                bits if bits == row.max_bits || bits == max_bits => Ok(row.max_bits),
                _ => Err(CspError::NTE_BAD_FLAGS),
            },
            bits if bits % step != 0 => Err(step_error),
            bits => Ok(bits),
        }
    }
}

impl Algorithm {
    const fn new(id: AlgId, bits: [u32; 3], protocols: u32, names: [&'static str; 2]) -> Self {
        let [default_bits, min_bits, max_bits] = bits;
        let [name, long_name] = names;
        Algorithm {
            id,
            default_bits,
            min_bits,
            max_bits,
            protocols,
            name,
            long_name,
        }
    }

    const fn fixed(id: AlgId, bits: u32, protocols: u32, names: [&'static str; 2]) -> Self {
        Algorithm::new(id, [bits; 3], protocols, names)
    }
}

const RC2: Algorithm = Algorithm::new(
    AlgId::CALG_RC2,
    [128, 40, 128],
    0,
    ["RC2", "RSA Data Security's RC2"],
);
const RC4: Algorithm = Algorithm::new(
    AlgId::CALG_RC4,
    [128, 40, 128],
    0,
    ["RC4", "RSA Data Security's RC4"],
);
const DES: Algorithm = Algorithm::fixed(
    AlgId::CALG_DES,
    56,
    CRYPT_FLAG_IPSEC,
    ["DES", "Data Encryption Standard (DES)"],
);
const TRIPLE_DES_112: Algorithm = Algorithm::fixed(
    AlgId::CALG_3DES_112,
    112,
    CRYPT_FLAG_IPSEC,
    ["3DES TWO KEY", "Two Key Triple DES"],
);
const TRIPLE_DES: Algorithm = Algorithm::fixed(
    AlgId::CALG_3DES,
    168,
    CRYPT_FLAG_IPSEC,
    ["3DES", "Three Key Triple DES"],
);
const AES_128: Algorithm = Algorithm::fixed(
    AlgId::CALG_AES_128,
    128,
    0,
    ["AES 128", "Advanced Encryption Standard 128"],
);
const AES_192: Algorithm = Algorithm::fixed(
    AlgId::CALG_AES_192,
    192,
    0,
    ["AES 192", "Advanced Encryption Standard 192"],
);
const AES_256: Algorithm = Algorithm::fixed(
    AlgId::CALG_AES_256,
    256,
    0,
    ["AES 256", "Advanced Encryption Standard 256"],
);
const MD2: Algorithm = Algorithm::fixed(
    AlgId::CALG_MD2,
    128,
    CRYPT_FLAG_SIGNING,
    ["MD2", "Message Digest 2 (MD2)"],
);
const MD4: Algorithm = Algorithm::fixed(
    AlgId::CALG_MD4,
    128,
    CRYPT_FLAG_SIGNING,
    ["MD4", "Message Digest 4 (MD4)"],
);
const MD5: Algorithm = Algorithm::fixed(
    AlgId::CALG_MD5,
    128,
    CRYPT_FLAG_SIGNING | CRYPT_FLAG_IPSEC,
    ["MD5", "Message Digest 5 (MD5)"],
);
const SHA1: Algorithm = Algorithm::fixed(
    AlgId::CALG_SHA1,
    160,
    CRYPT_FLAG_SIGNING | CRYPT_FLAG_IPSEC,
    ["SHA-1", "Secure Hash Algorithm (SHA-1)"],
);
const SHA_256: Algorithm = Algorithm::fixed(
    AlgId::CALG_SHA_256,
    256,
    CRYPT_FLAG_SIGNING,
    ["SHA-256", "Secure Hash Algorithm 256"],
);
const SHA_384: Algorithm = Algorithm::fixed(
    AlgId::CALG_SHA_384,
    384,
    CRYPT_FLAG_SIGNING,
    ["SHA-384", "Secure Hash Algorithm 384"],
);
const SHA_512: Algorithm = Algorithm::fixed(
    AlgId::CALG_SHA_512,
    512,
    CRYPT_FLAG_SIGNING,
    ["SHA-512", "Secure Hash Algorithm 512"],
);
const SSL3_SHAMD5: Algorithm = Algorithm::fixed(
    AlgId::CALG_SSL3_SHAMD5,
    288,
    0,
    ["SSL3 SHAMD5", "SSL3 SHAMD5"],
);
/// The length of a MAC or HMAC value depends on the key's or hash's algorithm: no bits.
const MAC: Algorithm = Algorithm::fixed(
    AlgId::CALG_MAC,
    0,
    0,
    ["MAC", "Message Authentication Code"],
);
const HMAC: Algorithm = Algorithm::fixed(AlgId::CALG_HMAC, 0, 0, ["HMAC", "Hugo's MAC (HMAC)"]);
const RSA_SIGN: Algorithm = Algorithm::new(
    AlgId::CALG_RSA_SIGN,
    [1024, 384, 16_384],
    CRYPT_FLAG_SIGNING | CRYPT_FLAG_IPSEC,
    ["RSA_SIGN", "RSA Signature"],
);
const RSA_KEYX: Algorithm = Algorithm::new(
    AlgId::CALG_RSA_KEYX,
    [1024, 384, 16_384],
    CRYPT_FLAG_SIGNING | CRYPT_FLAG_IPSEC,
    ["RSA_KEYX", "RSA Key Exchange"],
);
const DSS_SIGN: Algorithm = Algorithm::new(
    AlgId::CALG_DSS_SIGN,
    [1024, 512, 1024],
    CRYPT_FLAG_SIGNING,
    ["DSA_SIGN", "Digital Signature Algorithm"],
);
const DH_SF: Algorithm = Algorithm::new(
    AlgId::CALG_DH_SF,
    [1024, 512, 4096],
    0,
    ["DH_KEYX", "Diffie-Hellman Key Exchange"],
);
const DH_EPHEM: Algorithm = Algorithm::new(
    AlgId::CALG_DH_EPHEM,
    [1024, 512, 4096],
    0,
    ["DH_EPHEM", "Diffie-Hellman Ephemeral Key"],
);

const SSL3_MASTER: Algorithm = Algorithm::fixed(
    AlgId::CALG_SSL3_MASTER,
    384,
    CRYPT_FLAG_SSL3,
    ["SSL3 MASTER", "SSL3 Master"],
);
const TLS1_MASTER: Algorithm = Algorithm::fixed(
    AlgId::CALG_TLS1_MASTER,
    384,
    CRYPT_FLAG_TLS1,
    ["TLS1 MASTER", "TLS1 Master"],
);
const SCHANNEL_MASTER_HASH: Algorithm = Algorithm::new(
    AlgId::CALG_SCHANNEL_MASTER_HASH,
    ANY_LENGTH,
    CRYPT_FLAG_SSL3 | CRYPT_FLAG_TLS1,
    ["SCH MASTER HASH", "SChannel Master Hash"],
);
const SCHANNEL_MAC_KEY: Algorithm = Algorithm::new(
    AlgId::CALG_SCHANNEL_MAC_KEY,
    ANY_LENGTH,
    CRYPT_FLAG_SSL3 | CRYPT_FLAG_TLS1,
    ["SCH MAC KEY", "SChannel MAC Key"],
);
const SCHANNEL_ENC_KEY: Algorithm = Algorithm::new(
    AlgId::CALG_SCHANNEL_ENC_KEY,
    ANY_LENGTH,
    CRYPT_FLAG_SSL3 | CRYPT_FLAG_TLS1,
    ["SCH ENC KEY", "SChannel Encryption Key"],
);
const TLS1PRF: Algorithm = Algorithm::new(
    AlgId::CALG_TLS1PRF,
    ANY_LENGTH,
    CRYPT_FLAG_TLS1,
    ["TLS1 PRF", "TLS1 Pseudo Random Function"],
);
/// Default, shortest and longest of what has its length from the suite, or from the caller.
const ANY_LENGTH: [u32; 3] = [0, 0, u32::MAX];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_arrays_of_prov_enumalgs_ex() {
        for row in PROVIDERS.iter().flat_map(|provider| provider.algorithms) {
            assert!(row.name.len() < 20, "{}", row.name);
            assert!(row.long_name.len() < 40, "{}", row.long_name);
        }
    }

    #[test]
    fn lengths_are_ordered_and_no_algorithm_appears_twice() {
        for provider in PROVIDERS {
            for (i, row) in provider.algorithms.iter().enumerate() {
                assert!(row.min_bits <= row.default_bits && row.default_bits <= row.max_bits);
                assert!(
                    provider.algorithms[..i]
                        .iter()
                        .all(|other| other.id != row.id)
                );
            }
        }
    }

    #[test]
    fn key_lengths_are_checked_per_algorithm() {
        let bits = |id, bits: u32| RSA_AES.key_bits(id, bits << 16);
        assert_eq!(bits(AlgId::CALG_RC2, 0), Ok(128));
        assert_eq!(bits(AlgId::CALG_RC2, 40), Ok(40));
        assert_eq!(bits(AlgId::CALG_RC2, 41), Err(CspError::NTE_BAD_DATA));
        assert_eq!(
            bits(AlgId::CALG_RC2, 136),
            Err(CspError::ERROR_INVALID_PARAMETER)
        );
        assert_eq!(
            bits(AlgId::CALG_RC4, 32),
            Err(CspError::ERROR_INVALID_PARAMETER)
        );
        assert_eq!(bits(AlgId::CALG_AES_192, 192), Ok(192));
        assert_eq!(
            bits(AlgId::CALG_AES_192, 128),
            Err(CspError::ERROR_INVALID_PARAMETER)
        );
        assert_eq!(bits(AlgId::CALG_RSA_KEYX, 0), Ok(1024));
        assert_eq!(bits(AlgId::CALG_RSA_KEYX, 16_384), Ok(16_384));
        assert_eq!(
            bits(AlgId::CALG_RSA_SIGN, 376),
            Err(CspError::ERROR_INVALID_PARAMETER)
        );
        assert_eq!(
            bits(AlgId::CALG_RSA_SIGN, 1025),
            Err(CspError::NTE_BAD_DATA)
        );
        assert_eq!(bits(AlgId::CALG_SHA1, 0), Err(CspError::NTE_BAD_ALGID));
    }

    #[test]
    fn pairs_of_the_dss_family_have_codes_of_their_own() {
        let bits = |id, bits: u32| DSS_DH.key_bits(id, bits << 16);
        for id in [AlgId::CALG_DH_SF, AlgId::CALG_DH_EPHEM] {
            assert_eq!(bits(id, 0), Ok(1024));
            assert_eq!(bits(id, 4096), Ok(4096));
            for wrong in [448, 513, 1032, 1040, 4160] {
                assert_eq!(bits(id, wrong), Err(CspError::NTE_BAD_FLAGS), "{wrong}");
            }
            assert_eq!(DSS.key_bits(id, 0), Err(CspError::NTE_BAD_ALGID));
        }
        let dss = AlgId::CALG_DSS_SIGN;
        assert_eq!(bits(dss, 576), Ok(576));
        assert_eq!(bits(dss, 448), Err(CspError::NTE_BAD_FLAGS));
        assert_eq!(bits(dss, 1088), Err(CspError::NTE_BAD_FLAGS));
        assert_eq!(bits(dss, 513), Err(CspError::STATUS_INVALID_PARAMETER));
        let exchange = DSS.pair_algorithm(KeySpec::Exchange);
        assert_eq!(exchange, Err(CspError::NTE_BAD_ALGID));
        assert_eq!(DSS_DH.pair_algorithm(KeySpec::Signature), Ok(dss));
    }

    #[test]
    fn des_lengths_are_taken_with_and_without_parity() {
        for (id, plain, with_parity) in [
            (AlgId::CALG_DES, 56, 64),
            (AlgId::CALG_3DES_112, 112, 128),
            (AlgId::CALG_3DES, 168, 192),
        ] {
            assert_eq!(RSA_AES.key_bits(id, 0), Ok(plain));
            assert_eq!(RSA_AES.key_bits(id, plain << 16), Ok(plain));
            assert_eq!(RSA_AES.key_bits(id, with_parity << 16), Ok(plain));
            let odd = RSA_AES.key_bits(id, (plain + 1) << 16);
            assert_eq!(odd, Err(CspError::NTE_BAD_FLAGS));
            let long = RSA_AES.key_bits(id, (with_parity + 8) << 16);
            assert_eq!(long, Err(CspError::ERROR_INVALID_PARAMETER));
        }
    }

    #[test]
    fn the_generic_aes_identifier_is_no_algorithm() {
        assert_eq!(
            RSA_AES.algorithm(AlgId::CALG_AES),
            Err(CspError::NTE_BAD_ALGID)
        );
        assert_eq!(
            RSA_AES.algorithm(AlgId::CALG_RC5),
            Err(CspError::NTE_BAD_ALGID)
        );
    }
}
