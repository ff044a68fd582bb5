//! RC4, whose running state has to be duplicated with the key it belongs to; the `rc4` crate's
//! cannot be.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key stream of an RC4 key at some position.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// The start of the key stream. An empty key, which no caller has, would leave the state
    /// unkeyed.
    pub(super) fn new(key: &[u8]) -> Rc4 {
        let mut state = std::array::from_fn(|i| i as u8);
        let mut j = 0u8;
        for (i, byte) in (0..=255u8).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[usize::from(i)]).wrapping_add(*byte);
            state.swap(usize::from(i), usize::from(j));
        }
        Rc4 { state, i: 0, j: 0 }
    }

    /// The state and its position as bytes, for [`Rc4::restore`].
    pub(super) fn save(&self) -> Vec<u8> {
        let mut saved = self.state.to_vec();
        saved.extend([self.i, self.j]);
        saved
    }

    /// The stream where [`Rc4::save`] left it; `None` for another number of bytes.
    pub(super) fn restore(saved: &[u8]) -> Option<Rc4> {
        let (state, position) = saved.split_first_chunk()?;
        let [i, j] = *position else {
            return None;
        };
        Some(Rc4 {
            state: *state,
            i,
            j,
        })
    }

    /// Encrypts or decrypts with the next bytes of the stream.
    pub(super) fn apply(&mut self, data: &mut [u8]) {
        for byte in data {
            self.i = self.i.wrapping_add(1);
            self.j = self.j.wrapping_add(self.state[usize::from(self.i)]);
            self.state.swap(usize::from(self.i), usize::from(self.j));
            let k = self.state[usize::from(self.i)].wrapping_add(self.state[usize::from(self.j)]);
            *byte ^= self.state[usize::from(k)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rc4;

    fn stream(key: &[u8], offset: usize) -> [u8; 16] {
        let mut bytes = vec![0; offset + 16];
        Rc4::new(key).apply(&mut bytes);
        bytes[offset..].try_into().expect("sixteen bytes remain")
    }

    /// RFC 6229, section 2, keys 0x0102030405 and 0x0102..10.
    #[test]
    fn agrees_with_rfc_6229() {
        let key: Vec<u8> = (1..=16).collect();
        assert_eq!(
            stream(&key[..5], 0),
            0xb2396305_f03dc027_ccc3524a_0a1118a8u128.to_be_bytes()
        );
        assert_eq!(
            stream(&key[..5], 4096),
            0xff25b589_95996707_e51fbdf0_8b34d875u128.to_be_bytes()
        );
        assert_eq!(
            stream(&key, 0),
            0x9ac7cc9a_609d1ef7_b2932899_cde41b97u128.to_be_bytes()
        );
        assert_eq!(
            stream(&key, 1024),
            0xbdf0324e_6083dcc6_d3cedd3c_a8c53c16u128.to_be_bytes()
        );
    }
}
