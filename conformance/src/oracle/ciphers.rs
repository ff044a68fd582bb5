//! Symmetric ciphers over nCore's key types: single blocks by crates, modes and RC4 by their definitions.

use aes::{Aes128, Aes192, Aes256};
use anyhow::{bail, ensure};
use cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{Des, TdesEde2, TdesEde3};
use ncore::types::KeyType;

/// A block cipher with its key.
#[derive(Clone, Debug)]
pub struct BlockCipher {
    type_: KeyType,
    key: Vec<u8>,
}

impl BlockCipher {
    /// A cipher with this key.
    pub fn new(type_: KeyType, key: &[u8]) -> BlockCipher {
        BlockCipher {
            type_,
            key: key.to_vec(),
        }
    }

    /// Bytes of a block.
    pub fn block_len(&self) -> usize {
        if self.type_ == KeyType::Rijndael {
            16
        } else {
            8
        }
    }

    /// Whole blocks, each for itself.
    ///
    /// # Errors
    /// A key type or a length that is not known here; a part of a block.
    pub fn ecb(&self, data: &[u8]) -> anyhow::Result<Vec<u8>> {
        ensure!(
            data.len().is_multiple_of(self.block_len()),
            "a part of a block"
        );
        let blocks = data.chunks(self.block_len()).map(|block| self.block(block));
        Ok(blocks.collect::<anyhow::Result<Vec<_>>>()?.concat())
    }

    /// Whole blocks, each masked by the one before it.
    ///
    /// # Errors
    /// As [`BlockCipher::ecb`].
    pub fn cbc(&self, iv: &[u8], data: &[u8]) -> anyhow::Result<Vec<u8>> {
        ensure!(
            data.len().is_multiple_of(self.block_len()),
            "a part of a block"
        );
        let (mut out, mut last) = (Vec::new(), iv.to_vec());
        for block in data.chunks(self.block_len()) {
            let masked: Vec<u8> = block
                .iter()
                .zip(&last)
                .map(|(one, two)| one ^ two)
                .collect();
            last = self.block(&masked)?;
            out.extend(&last);
        }
        Ok(out)
    }

    /// The last block of [`BlockCipher::cbc`].
    ///
    /// # Errors
    /// As [`BlockCipher::ecb`]; no data.
    pub fn cbc_mac(&self, iv: &[u8], data: &[u8]) -> anyhow::Result<Vec<u8>> {
        let out = self.cbc(iv, data)?;
        ensure!(!out.is_empty(), "no data");
        Ok(out[out.len() - self.block_len()..].to_vec())
    }

    /// `data` with PKCS#5 padding.
    pub fn pad(&self, data: &[u8]) -> Vec<u8> {
        let count = self.block_len() - data.len() % self.block_len();
        [data, &vec![count as u8; count]].concat()
    }

    fn block(&self, block: &[u8]) -> anyhow::Result<Vec<u8>> {
        match (self.type_, self.key.len()) {
            (KeyType::Rijndael, 16) => one::<Aes128>(&self.key, block),
            (KeyType::Rijndael, 24) => one::<Aes192>(&self.key, block),
            (KeyType::Rijndael, 32) => one::<Aes256>(&self.key, block),
            (KeyType::DES, 8) => one::<Des>(&self.key, block),
            (KeyType::DES2, 16) => one::<TdesEde2>(&self.key, block),
            (KeyType::DES3, 24) => one::<TdesEde3>(&self.key, block),
            (type_, length) => bail!("no oracle for {type_} with {length} bytes"),
        }
    }
}

/// RC4 over `data`.
pub fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: Vec<u8> = (0..=255).collect();
    let mut j = 0_u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, j.into());
    }
    let (mut i, mut j) = (0_u8, 0_u8);
    let stream = data.iter().map(|byte| {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[usize::from(i)]);
        state.swap(i.into(), j.into());
        byte ^ state[usize::from(state[usize::from(i)].wrapping_add(state[usize::from(j)]))]
    });
    stream.collect()
}

fn one<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt>(
    key: &[u8],
    block: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let cipher = C::new_from_slice(key)?;
    let mut out = Block::<C>::try_from(block)?;
    cipher.encrypt_block(&mut out);
    let mut back = out.clone();
    cipher.decrypt_block(&mut back);
    ensure!(back[..] == *block, "the oracle does not undo itself");
    Ok(out.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn the_oracle_gives_the_known_answers() {
        for vector in
            vectors::parse(include_str!("../../../vectors/ciphers.txt")).expect("well formed")
        {
            let (key, iv, msg) = (vector.bytes("key"), vector.bytes("iv"), vector.bytes("msg"));
            let type_ = KeyType::from_name(vector.text("type")).expect("a key type");
            let cipher = BlockCipher::new(type_, &key);
            let found = match vector.text("mode") {
                "ECB" => cipher.ecb(&msg).expect("whole blocks"),
                "CBC" => cipher.cbc(&iv, &msg).expect("whole blocks"),
                _ => rc4(&key, &msg),
            };
            assert_eq!(found, vector.bytes("ct"), "{vector:?}");
        }
    }
}
