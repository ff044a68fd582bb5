//! Big numbers as the protocol carries them.
//!
//! On the wire: a word n, then n bytes, least significant byte first, n a multiple of 4, the shortest that fits; zero is
//! four zero bytes (PROTOCOL section 1.4). Two command flags ask for other orders; the reader and the writer undo and
//! apply them, so that a [`Bignum`] in memory always has one form.

use crate::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};

/// An unsigned number of any size, kept as its bytes, least significant first, without zero bytes at the top.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Bignum {
    little_endian: Vec<u8>,
}

impl Bignum {
    /// The number with these bytes, least significant first. Zero bytes at the top are dropped.
    pub fn from_le(bytes: &[u8]) -> Self {
        Self {
            little_endian: bytes[..significant(bytes)].to_vec(),
        }
    }

    /// The number with these bytes, most significant first. Zero bytes at the top are dropped.
    pub fn from_be(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Self {
            little_endian: bytes[zeros..].iter().rev().copied().collect(),
        }
    }

    /// The bytes, least significant first, the shortest that fit; none for zero.
    pub fn le_bytes(&self) -> &[u8] {
        &self.little_endian
    }

    /// The bytes, most significant first, the shortest that fit; none for zero.
    pub fn to_be(&self) -> Vec<u8> {
        self.little_endian.iter().rev().copied().collect()
    }

    /// The bytes, most significant first, with zeros in front up to `len` bytes; `None` if the number needs more.
    pub fn to_be_padded(&self, len: usize) -> Option<Vec<u8>> {
        let zeros = len.checked_sub(self.little_endian.len())?;
        let mut bytes = vec![0; zeros];
        bytes.extend(self.little_endian.iter().rev());
        Some(bytes)
    }

    /// The bytes, least significant first, with zeros at the end up to `len` bytes; `None` if the number needs more.
    pub fn to_le_padded(&self, len: usize) -> Option<Vec<u8>> {
        let zeros = len.checked_sub(self.little_endian.len())?;
        let mut bytes = self.little_endian.clone();
        bytes.resize(bytes.len() + zeros, 0);
        Some(bytes)
    }

    /// The position of the highest bit that is set, counted from 1; 0 for zero.
    pub fn bits(&self) -> usize {
        let top = self
            .little_endian
            .last()
            .map_or(0, |byte| 8 - byte.leading_zeros() as usize);
        self.little_endian.len().saturating_sub(1) * 8 + top
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.little_endian.is_empty()
    }

    /// Whether the number is odd.
    pub fn is_odd(&self) -> bool {
        self.little_endian.first().is_some_and(|byte| byte & 1 == 1)
    }

    /// The value, if it fits 32 bits.
    pub fn to_u32(&self) -> Option<u32> {
        let bytes: [u8; 4] = self.to_le_padded(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }
}

/// The number of bytes up to the last that is not zero.
fn significant(little_endian: &[u8]) -> usize {
    let top = little_endian.iter().rposition(|&byte| byte != 0);
    top.map_or(0, |top| top + 1)
}

impl From<u32> for Bignum {
    fn from(value: u32) -> Self {
        Self::from_le(&value.to_le_bytes())
    }
}

impl std::fmt::Debug for Bignum {
    /// Prints the length only: the number may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bignum({} bits)", self.bits())
    }
}

/// The order in which a message carries its big numbers, by the command flags `BignumMSBitFirst` and `BignumMSWordFirst`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BignumOrder {
    /// Bytes inside each word are most significant first.
    pub ms_bit_first: bool,
    /// Words are most significant first.
    pub ms_word_first: bool,
}

impl BignumOrder {
    /// The order that a command's flag word asks for.
    pub fn from_command_flags(flags: u32) -> Self {
        use crate::message::command_flags::{BIGNUM_MS_BIT_FIRST, BIGNUM_MS_WORD_FIRST};
        Self {
            ms_bit_first: flags & BIGNUM_MS_BIT_FIRST != 0,
            ms_word_first: flags & BIGNUM_MS_WORD_FIRST != 0,
        }
    }

    /// Turns the plain form into this order, or back: both changes undo themselves. `words` is a multiple of 4 bytes.
    fn apply(self, words: &mut [u8]) {
        if self.ms_word_first {
            words.reverse();
        }
        if self.ms_bit_first != self.ms_word_first {
            words.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        }
    }
}

impl Encode for Bignum {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let len = self.little_endian.len().next_multiple_of(4).max(4);
        w.count(len)?;
        let start = w.len();
        w.raw(&self.little_endian);
        w.zeros(len - self.little_endian.len());
        let order = w.bignum_order();
        order.apply(w.since(start));
        Ok(())
    }
}

impl Decode for Bignum {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.length()?;
        if len % 4 != 0 {
            return Err(DecodeError::bignum_length(len));
        }
        let mut words = r.take(len)?.to_vec();
        r.bignum_order().apply(&mut words);
        words.truncate(significant(&words));
        Ok(Self {
            little_endian: words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::WireProfile;

    /// PROTOCOL, worked examples: n = 0xC0FFEE00112233445566.
    #[test]
    fn wire_form_is_the_worked_example() {
        let number = Bignum::from_be(&[0xc0, 0xff, 0xee, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]);
        let profile = WireProfile::default();
        let mut w = Writer::new(&profile);
        number.encode(&mut w).unwrap();
        assert_eq!(
            w.into_bytes(),
            [
                12, 0, 0, 0, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0xee, 0xff, 0xc0, 0, 0
            ]
        );
    }

    #[test]
    fn every_order_is_undone_by_the_reader() {
        let number = Bignum::from_be(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let profile = WireProfile::default();
        for (ms_bit_first, ms_word_first) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let order = BignumOrder {
                ms_bit_first,
                ms_word_first,
            };
            let mut w = Writer::new(&profile).with_bignum_order(order);
            number.encode(&mut w).unwrap();
            let bytes = w.into_bytes();
            if ms_bit_first && ms_word_first {
                assert_eq!(bytes[4..], [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            }
            let mut r = Reader::new(&bytes, &profile).with_bignum_order(order);
            assert_eq!(Bignum::decode(&mut r).unwrap(), number);
        }
    }

    #[test]
    fn zero_is_four_zero_bytes() {
        let profile = WireProfile::default();
        let mut w = Writer::new(&profile);
        Bignum::default().encode(&mut w).unwrap();
        assert_eq!(w.into_bytes(), [4, 0, 0, 0, 0, 0, 0, 0]);
    }
}
