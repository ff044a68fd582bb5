//! What the tests of this module and of `blob` share.

use super::{HashState, Random, SymKey};
use crate::alg::RSA_AES;
use crate::constants::AlgId;
use crate::error::Result;

/// A stream of the bytes 1 to 255, over and over: never zero, so that PKCS#1 padding takes every
/// byte of it.
pub(crate) struct Counting(pub(crate) u8);

impl Random for Counting {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        for byte in buffer {
            self.0 = self.0 % 255 + 1;
            *byte = self.0;
        }
        Ok(())
    }
}

/// The bytes of a hex string.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).expect("a hex digit") as u8;
    assert!(text.len().is_multiple_of(2), "{text}");
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The algorithm of a name in a vector file.
pub(crate) fn algorithm(name: &str) -> AlgId {
    let row = RSA_AES
        .algorithms
        .iter()
        .find(|row| row.id.name() == Some(name));
    row.unwrap_or_else(|| panic!("no algorithm {name}")).id
}

/// The lines of a vector file, comments left out: so many lines of so many fields.
pub(crate) fn vectors<const FIELDS: usize>(file: &str, lines: usize) -> Vec<[&str; FIELDS]> {
    let vectors: Vec<[&str; FIELDS]> = file
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            fields
                .try_into()
                .unwrap_or_else(|_| panic!("not {FIELDS} fields: {line}"))
        })
        .collect();
    assert_eq!(vectors.len(), lines);
    vectors
}

/// A key of PROV_RSA_AES imported in the clear.
pub(crate) fn key(algorithm: AlgId, bytes: &[u8], flags: u32) -> SymKey {
    SymKey::import_plaintext(&RSA_AES, algorithm, bytes, flags).expect("the key suits")
}

/// A plain hash of PROV_RSA_AES over some data.
pub(crate) fn hash(algorithm: AlgId, data: &[u8]) -> HashState {
    let mut hash = HashState::new(&RSA_AES, algorithm, None).expect("a plain hash");
    hash.update(data, 0).expect("the hash is open");
    hash
}

/// Encrypts a whole message.
pub(crate) fn encrypt(key: &mut SymKey, plain: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = plain.to_vec();
    buffer.resize(key.encrypted_len(plain.len(), true)?, 0xee);
    let len = key.encrypt(&mut buffer, plain.len(), true)?;
    assert_eq!(len, buffer.len());
    Ok(buffer)
}

/// Decrypts a whole message.
pub(crate) fn decrypt(key: &mut SymKey, cipher: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = cipher.to_vec();
    let len = key.decrypt(&mut buffer, true)?;
    buffer.truncate(len);
    Ok(buffer)
}
