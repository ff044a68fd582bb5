//! What the tests of this folder share.

use std::convert::Infallible;
use std::sync::LazyLock;

use engine::{Engine, Fast, Portable};
use ncore::types::{
    KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRSAPrivateGenParams, PlainText, PlainTextType,
    PlainTextTypeBytesData, PlainTextTypeData,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{TryCryptoRng, TryRng};

use super::generate_key_pair;
use super::key::KeyMaterial;

/// Both engines, for tests that hold with either.
pub(super) const ENGINES: [&dyn Engine; 2] = [&Fast, &Portable];

/// A random stream of the test's own.
pub(super) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A stream that gives the bytes it was made of, for published examples that say which random numbers were drawn.
pub(super) struct Scripted(pub(super) Vec<u8>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let drawn: Vec<u8> = self.0.drain(..out.len()).collect();
        out.copy_from_slice(&drawn);
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

/// What it takes to generate an RSA pair.
pub(super) fn rsa_params(lenbits: u32) -> KeyGenParams {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits,
        ..Default::default()
    };
    KeyGenParams {
        type_: KeyType::RSAPrivate,
        params: KeyTypeGenParams::RSAPrivate(params),
    }
}

/// An RSA key of 1024 bits, made once.
pub(super) fn rsa_1024() -> &'static KeyMaterial {
    static KEY: LazyLock<KeyMaterial> = LazyLock::new(|| {
        generate_key_pair(&Fast, &rsa_params(1024), &mut rng(0x1024)).expect("supported size")
    });
    &KEY
}

/// Byte data.
pub(super) fn bytes(data: &[u8]) -> PlainText {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: data.to_vec(),
    });
    PlainText {
        type_: PlainTextType::Bytes,
        data,
    }
}

/// Hexadecimal text as bytes.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("a digit") as u8;
    digits
        .chunks(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}
