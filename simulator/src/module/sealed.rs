//! Authenticated encryption under the module's secrets: what blobs, tokens and shares have in common.
//!
//! AES-256-GCM under a key of its own for every message: HMAC-SHA-256 of the purpose, further input and 32 random bytes,
//! keyed with the secret. A key that encrypts one message needs no nonce, and no two purposes share a key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use rand_core::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of randomness in front of every sealed message.
pub(super) const SALT: usize = 32;

/// How the key of a message is made.
#[derive(Clone, Copy)]
pub(super) struct Derivation<'a> {
    /// The secret that protects the message.
    pub(super) secret: &'a [u8],
    /// What the message is for.
    pub(super) purpose: &'static str,
    /// What else goes into the key, such as a pass phrase's hash.
    pub(super) input: &'a [u8],
}

/// The message did not come from [`seal`] with the same secret, purpose, input and associated data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unauthentic;

/// Encrypts and authenticates `plain`, and authenticates `associated`: salt, then ciphertext with its tag.
pub(super) fn seal(
    derivation: Derivation<'_>,
    associated: &[u8],
    plain: &[u8],
    rng: &mut impl Rng,
) -> Vec<u8> {
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    let payload = Payload {
        msg: plain,
        aad: associated,
    };
    let sealed = cipher(derivation, &salt)
        .encrypt(&Nonce::default(), payload)
        .expect("AES-GCM refuses only messages of 64 GiB and more, and a message fits a frame");
    [&salt[..], &sealed].concat()
}

/// The inverse of [`seal`].
pub(super) fn open(
    derivation: Derivation<'_>,
    associated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
    let (salt, sealed) = sealed.split_first_chunk::<SALT>().ok_or(Unauthentic)?;
    let payload = Payload {
        msg: sealed,
        aad: associated,
    };
    let plain = cipher(derivation, salt)
        .decrypt(&Nonce::default(), payload)
        .map_err(|_| Unauthentic)?;
    Ok(Zeroizing::new(plain))
}

fn cipher(derivation: Derivation<'_>, salt: &[u8; SALT]) -> Aes256Gcm {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(derivation.secret).expect("HMAC takes keys of any length");
    mac.update(b"softshield ");
    mac.update(derivation.purpose.as_bytes());
    mac.update(&[0]);
    mac.update(salt);
    mac.update(derivation.input);
    let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
    Aes256Gcm::new((&*key).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const BASE: Derivation<'_> = Derivation {
        secret: b"module key",
        purpose: "blob",
        input: b"",
    };

    fn sealed(plain: &[u8]) -> Vec<u8> {
        seal(BASE, b"header", plain, &mut ChaCha20Rng::from_seed([1; 32]))
    }

    #[test]
    fn every_part_of_the_derivation_matters() {
        let sealed = sealed(b"secret");
        assert_eq!(
            open(BASE, b"header", &sealed).unwrap().as_slice(),
            b"secret"
        );
        let others = [
            Derivation {
                secret: b"another key",
                ..BASE
            },
            Derivation {
                purpose: "share",
                ..BASE
            },
            Derivation {
                input: b"pin",
                ..BASE
            },
        ];
        for derivation in others {
            assert_eq!(
                open(derivation, b"header", &sealed).unwrap_err(),
                Unauthentic
            );
        }
        assert_eq!(open(BASE, b"reader", &sealed).unwrap_err(), Unauthentic);
    }

    proptest! {
        #[test]
        fn a_changed_bit_is_noticed(plain: Vec<u8>, place: prop::sample::Index, bit in 0..8) {
            let mut sealed = sealed(&plain);
            let place = place.index(sealed.len());
            sealed[place] ^= 1u8 << bit;
            prop_assert_eq!(open(BASE, b"header", &sealed).unwrap_err(), Unauthentic);
        }

        #[test]
        fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
            prop_assert_eq!(open(BASE, b"header", &bytes).unwrap_err(), Unauthentic);
        }
    }
}
