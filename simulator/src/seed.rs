//! Where every random byte of a run comes from.
//!
//! One [`Seed`] decides a whole run. A stream is ChaCha20 keyed with the SHA-256 of the seed, the module, the client,
//! the command's place within its client and a purpose, so that the order in which threads run changes nothing:
//! whoever draws from a stream is alone with it.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The value that decides every key, nonce, identifier and serial number of a run.
///
/// It is as good as all the keys made from it, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Makes a seed of any bytes: the same bytes give the same seed.
    pub fn from_bytes(bytes: &[u8]) -> Seed {
        let mut hash = Sha256::new();
        hash.update(b"softshield seed\0");
        hash.update(bytes);
        Seed(hash.finalize().into())
    }

    /// The stream of things that belong to one module and to no client: its serial number, for instance.
    pub fn module_stream(&self, module: u32, purpose: &str) -> ChaCha20Rng {
        stream(self, module, 0, 0, purpose)
    }

    /// The stream of things the hardserver makes for one client: its identifier, the mask of its key identifiers.
    pub fn client_stream(&self, client: u64, purpose: &str) -> ChaCha20Rng {
        stream(self, 0, client, 0, purpose)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seed(..)")
    }
}

/// The streams one command may draw from, one for each purpose.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: Seed,
    module: u32,
    client: u64,
    command: u64,
}

impl Streams {
    /// The streams of the `command`-th command (from 1) of the `client`-th client (from 1) on module `module` (from 1;
    /// 0 is the hardserver itself).
    pub fn new(seed: Seed, module: u32, client: u64, command: u64) -> Streams {
        Streams {
            seed,
            module,
            client,
            command,
        }
    }

    /// The stream for one purpose. Asked twice for one purpose it starts again, so each use has a purpose of its own.
    pub fn stream(&self, purpose: &str) -> ChaCha20Rng {
        stream(&self.seed, self.module, self.client, self.command, purpose)
    }
}

fn stream(seed: &Seed, module: u32, client: u64, command: u64, purpose: &str) -> ChaCha20Rng {
    let mut hash = Sha256::new();
    hash.update(seed.0);
    hash.update(module.to_le_bytes());
    hash.update(client.to_le_bytes());
    hash.update(command.to_le_bytes());
    hash.update(purpose.as_bytes());
    ChaCha20Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::Rng;

    use super::*;

    fn first_word(mut rng: ChaCha20Rng) -> u64 {
        rng.next_u64()
    }

    #[test]
    fn every_coordinate_separates_streams() {
        let at = |seed: &[u8], module, client, command, purpose: &str| {
            first_word(
                Streams::new(Seed::from_bytes(seed), module, client, command).stream(purpose),
            )
        };
        let base = at(b"seed", 1, 2, 3, "key");
        assert_eq!(base, at(b"seed", 1, 2, 3, "key"));
        assert_ne!(base, at(b"sced", 1, 2, 3, "key"));
        assert_ne!(base, at(b"seed", 2, 2, 3, "key"));
        assert_ne!(base, at(b"seed", 1, 3, 3, "key"));
        assert_ne!(base, at(b"seed", 1, 2, 4, "key"));
        assert_ne!(base, at(b"seed", 1, 2, 3, "iv"));
    }

    #[test]
    fn debug_does_not_show_the_seed() {
        assert_eq!(format!("{:?}", Seed::from_bytes(b"secret")), "Seed(..)");
    }
}
