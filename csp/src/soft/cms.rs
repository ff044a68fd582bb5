//! KP_CMS_DH_KEY_INFO: the key that two parties of a CMS message make of what they agreed upon (RFC 2631, section 2.1.2).

use digest::const_oid::ObjectIdentifier;
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::constants::AlgId;
use crate::error::{CspError, Result};

/// CMS_DH_KEY_INFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmsDhKeyInfo {
    /// What the key will be for.
    pub algorithm: AlgId,
    /// The object identifier of the algorithm that the key serves in the message, in numbers with dots.
    pub content_oid: Vec<u8>,
    /// What else both parties know, partyAInfo in the RFC; may be empty.
    pub public_info: Vec<u8>,
}

/// Length of a SHA-1 value in bytes.
const HASH_LEN: usize = 20;

/// The tags of the structures that are hashed.
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const PARTY_A_INFO: u8 = 0xa0;
const SUPPLEMENT: u8 = 0xa2;

impl CmsDhKeyInfo {
    /// `len` bytes of key from the secret, which is big-endian and as long as the group's prime.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for an object identifier that is none.
    pub(super) fn key(&self, secret: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>> {
        let oid = std::str::from_utf8(&self.content_oid)
            .ok()
            .and_then(|text| ObjectIdentifier::new(text).ok())
            .ok_or(CspError::NTE_BAD_DATA)?;
        let mut key = Zeroizing::new(Vec::with_capacity(len + HASH_LEN));
        for counter in 1u32.. {
            if key.len() >= len {
                break;
            }
            let hash = Sha1::new()
                .chain_update(secret)
                .chain_update(self.other_info(&oid, counter, len as u32 * 8));
            key.extend_from_slice(&*Zeroizing::new(<[u8; HASH_LEN]>::from(hash.finalize())));
        }
        key.truncate(len);
        Ok(key)
    }

    /// OtherInfo, in DER.
    fn other_info(&self, oid: &ObjectIdentifier, counter: u32, bits: u32) -> Vec<u8> {
        let number = |number: u32| value(OCTET_STRING, &number.to_be_bytes());
        let specific = [value(OBJECT_IDENTIFIER, oid.as_bytes()), number(counter)].concat();
        let mut parts = value(SEQUENCE, &specific);
        if !self.public_info.is_empty() {
            let public = value(OCTET_STRING, &self.public_info);
            parts.extend(value(PARTY_A_INFO, &public));
        }
        parts.extend(value(SUPPLEMENT, &number(bits)));
        value(SEQUENCE, &parts)
    }
}

/// A DER value. Contents here have less than 4 GiB.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..0x80 => bytes.push(short as u8),
        _ => {
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            bytes.push(0x80 | (length.len() - zeros) as u8);
            bytes.extend_from_slice(&length[zeros..]);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soft::testing::hex;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f10111213";

    fn key(oid: &str, public_info: &str, len: usize) -> Result<Vec<u8>> {
        let info = CmsDhKeyInfo {
            algorithm: AlgId::CALG_3DES,
            content_oid: oid.as_bytes().to_vec(),
            public_info: hex(public_info),
        };
        Ok(info.key(&hex(SECRET), len)?.to_vec())
    }

    #[test]
    fn keys_are_those_of_the_rfcs_examples() {
        // RFC 2631, section 2.1.6: 3DES wrap, and RC2 wrap with 128 bits and a partyAInfo of 64 bytes.
        let des = "a09661392376f7044d9052a397883246b67f5f1ef63eb5fb";
        assert_eq!(key("1.2.840.113549.1.9.16.3.6", "", 24), Ok(hex(des)));
        let party = "0123456789abcdeffedcba9876543201".repeat(4);
        assert_eq!(
            key("1.2.840.113549.1.9.16.3.7", &party, 16),
            Ok(hex("48950c46e0530075403cce72889604e0"))
        );
    }

    #[test]
    fn a_public_info_of_more_than_a_short_length_counts() {
        // openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt hexkey:$SECRET -kdfopt cekalg:id-smime-alg-CMS3DESwrap
        //     -kdfopt hexukm:$PARTY X942KDF-ASN1, with the partyAInfo above once, and 20 times.
        let party = "0123456789abcdeffedcba9876543201";
        for (times, expected) in [
            (1, "366a9e45f541f746ec2af0819ac96a686c56a93bc44c1e97"),
            (20, "de933845d3949168a877b7ce2ccc810203e3448653e16434"),
        ] {
            assert_eq!(
                key("1.2.840.113549.1.9.16.3.6", &party.repeat(times), 24),
                Ok(hex(expected))
            );
        }
    }

    #[test]
    fn what_is_no_object_identifier_is_refused() {
        for text in ["", "1", "des", "1.2.", "9.9.9", "1.2.840.\u{e4}"] {
            assert_eq!(key(text, "", 24), Err(CspError::NTE_BAD_DATA), "{text}");
        }
    }
}
