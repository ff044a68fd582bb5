//! The providers' names (CAPI guide, section 3; CRYPTSPI 1.3 and decision 7).
//!
//! A provider has a canonical name, the guide's, which goes into the identity of its containers, and an alias, the spelling
//! under which it is found in the field. Behaviour comes from the type, never from a name.

use crate::constants::{
    PROV_DH_SCHANNEL, PROV_DSS, PROV_DSS_DH, PROV_RSA_AES, PROV_RSA_FULL, PROV_RSA_SCHANNEL,
};

/// The names of one provider type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// `dwProvType`.
    pub prov_type: u32,
    /// The guide's name.
    pub canonical: &'static str,
    /// The same in the older spelling.
    pub alias: &'static str,
}

/// The names of every provider type of the guide.
pub static NAMES: [Names; 6] = [
    Names {
        prov_type: PROV_RSA_FULL,
        canonical: "nShield Enhanced Cryptographic Provider",
        alias: "nCipher Enhanced Cryptographic Provider",
    },
    Names {
        prov_type: PROV_DSS,
        canonical: "nShield DSS Signature Cryptographic Provider",
        alias: "nCipher DSS Signature Cryptographic Provider",
    },
    Names {
        prov_type: PROV_RSA_SCHANNEL,
        canonical: "nShield Enhanced SChannel Cryptographic Provider",
        alias: "nCipher Enhanced SChannel Cryptographic Provider",
    },
    Names {
        prov_type: PROV_DSS_DH,
        canonical: "nShield Enhanced DSS and Diffie-Hellman Cryptographic Provider",
        alias: "nCipher Enhanced DSS and Diffie-Hellman Cryptographic Provider",
    },
    Names {
        prov_type: PROV_DH_SCHANNEL,
        canonical: "nShield Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
        alias: "nCipher Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
    },
    Names {
        prov_type: PROV_RSA_AES,
        canonical: "nShield Enhanced RSA and AES Cryptographic Provider",
        alias: "nCipher Enhanced RSA and AES Cryptographic Provider",
    },
];

/// The canonical name of a provider type.
pub fn canonical(prov_type: u32) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|names| names.prov_type == prov_type)
        .map(|names| names.canonical)
}

/// The type of the provider with this name, in either spelling. Names are compared as registry keys are, without regard to
/// case.
pub fn type_of(name: &str) -> Option<u32> {
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    NAMES
        .iter()
        .find(|names| is(names.canonical) || is(names.alias))
        .map(|names| names.prov_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::PROVIDERS;

    #[test]
    fn both_spellings_lead_to_one_canonical_name() {
        for names in NAMES {
            assert_eq!(
                names.alias,
                names.canonical.replacen("nShield", "nCipher", 1)
            );
            for name in [names.canonical, names.alias] {
                assert_eq!(type_of(name).and_then(canonical), Some(names.canonical));
            }
        }
        assert_eq!(
            type_of("Microsoft Enhanced RSA and AES Cryptographic Provider"),
            None
        );
    }

    #[test]
    fn every_provider_has_a_name() {
        for provider in PROVIDERS {
            assert!(
                canonical(provider.prov_type).is_some(),
                "{}",
                provider.prov_type
            );
        }
    }
}
