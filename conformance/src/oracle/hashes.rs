//! Hash functions by name, and HMAC by its definition.

use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names say it.
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Every one, by length.
    pub const ALL: [Hash; 6] = [
        Hash::Md5,
        Hash::Sha1,
        Hash::Sha224,
        Hash::Sha256,
        Hash::Sha384,
        Hash::Sha512,
    ];

    /// The one that a vector names, as in `SHA-256`.
    pub fn named(name: &str) -> Option<Hash> {
        let names = ["MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"];
        let place = names.iter().position(|known| *known == name)?;
        Some(Hash::ALL[place])
    }

    /// The hash of `data`.
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Hash::Md5 => Md5::digest(data).to_vec(),
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha224 => Sha224::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha384 => Sha384::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// HMAC as RFC 2104 defines it.
    pub fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let block = match self {
            Hash::Sha384 | Hash::Sha512 => 128,
            _ => 64,
        };
        let mut key = if key.len() > block {
            self.digest(key)
        } else {
            key.to_vec()
        };
        key.resize(block, 0);
        let under = |pad: u8, data: &[u8]| {
            let masked: Vec<u8> = key.iter().map(|byte| byte ^ pad).collect();
            self.digest(&[&masked, data].concat())
        };
        under(0x5c, &under(0x36, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn the_oracle_gives_the_known_answers() {
        for vector in
            vectors::parse(include_str!("../../../vectors/hashes.txt")).expect("well formed")
        {
            let hash = Hash::named(vector.text("hash")).expect("known");
            assert_eq!(
                hash.digest(&vector.bytes("msg")),
                vector.bytes("digest"),
                "{vector:?}"
            );
        }
        for vector in
            vectors::parse(include_str!("../../../vectors/hmac.txt")).expect("well formed")
        {
            let hash = Hash::named(vector.text("hash")).expect("known");
            let tag = hash.hmac(&vector.bytes("key"), &vector.bytes("msg"));
            assert_eq!(tag, vector.bytes("tag"), "{vector:?}");
        }
    }
}
