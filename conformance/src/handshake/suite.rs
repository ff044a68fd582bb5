//! Protocol versions and cipher suites.

use crate::capi::numbers::*;

/// A protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SSL 3.0, RFC 6101.
    Ssl3,
    /// TLS 1.0, RFC 2246.
    Tls1,
}

impl Version {
    /// Its two bytes.
    pub fn bytes(self) -> [u8; 2] {
        match self {
            Version::Ssl3 => [3, 0],
            Version::Tls1 => [3, 1],
        }
    }

    /// ALG_ID of its masters.
    pub fn master(self) -> u32 {
        match self {
            Version::Ssl3 => CALG_SSL3_MASTER,
            Version::Tls1 => CALG_TLS1_MASTER,
        }
    }
}

/// How the premaster comes to both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Encrypted for the server's RSA key.
    Rsa,
    /// Agreed with ephemeral Diffie-Hellman keys, the server's signed with its DSS key.
    DheDss,
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// OpenSSL's name.
    pub name: &'static str,
    /// Its number on the wire.
    pub code: u16,
    /// How the premaster is exchanged.
    pub exchange: Exchange,
    /// The cipher; none where the data is only authenticated.
    pub cipher: Option<Cipher>,
    /// ALG_ID of the MAC's hash: CALG_MD5 or CALG_SHA1.
    pub hash: u32,
}

/// A cipher of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher {
    /// Its ALG_ID.
    pub algid: u32,
    /// Length of a key in bits, parity included.
    pub bits: u32,
    /// Length of a block in bytes; 0 for a stream cipher.
    pub block: usize,
}

impl Suite {
    /// Length of a MAC and its key in bytes.
    pub fn mac_len(&self) -> usize {
        match self.hash {
            CALG_MD5 => 16,
            _ => 20,
        }
    }

    /// The suite of a name.
    pub fn named(name: &str) -> Option<&'static Suite> {
        SUITES.iter().find(|suite| suite.name == name)
    }
}

const RC4: Option<Cipher> = Some(Cipher {
    algid: CALG_RC4,
    bits: 128,
    block: 0,
});
const TRIPLE_DES: Option<Cipher> = Some(Cipher {
    algid: CALG_3DES,
    bits: 192,
    block: 8,
});
const AES_128: Option<Cipher> = Some(Cipher {
    algid: CALG_AES_128,
    bits: 128,
    block: 16,
});
const AES_256: Option<Cipher> = Some(Cipher {
    algid: CALG_AES_256,
    bits: 256,
    block: 16,
});

const fn suite(
    name: &'static str,
    code: u16,
    exchange: Exchange,
    cipher: Option<Cipher>,
    hash: u32,
) -> Suite {
    Suite {
        name,
        code,
        exchange,
        cipher,
        hash,
    }
}

/// The suites that are spoken (RFC 2246 appendix A.5, RFC 3268).
pub const SUITES: &[Suite] = &[
    suite("NULL-MD5", 0x0001, Exchange::Rsa, None, CALG_MD5),
    suite("NULL-SHA", 0x0002, Exchange::Rsa, None, CALG_SHA1),
    suite("RC4-MD5", 0x0004, Exchange::Rsa, RC4, CALG_MD5),
    suite("RC4-SHA", 0x0005, Exchange::Rsa, RC4, CALG_SHA1),
    suite("DES-CBC3-SHA", 0x000a, Exchange::Rsa, TRIPLE_DES, CALG_SHA1),
    suite("AES128-SHA", 0x002f, Exchange::Rsa, AES_128, CALG_SHA1),
    suite("AES256-SHA", 0x0035, Exchange::Rsa, AES_256, CALG_SHA1),
    suite(
        "DHE-DSS-DES-CBC3-SHA",
        0x0013,
        Exchange::DheDss,
        TRIPLE_DES,
        CALG_SHA1,
    ),
    suite(
        "DHE-DSS-AES128-SHA",
        0x0032,
        Exchange::DheDss,
        AES_128,
        CALG_SHA1,
    ),
    suite(
        "DHE-DSS-AES256-SHA",
        0x0038,
        Exchange::DheDss,
        AES_256,
        CALG_SHA1,
    ),
];
