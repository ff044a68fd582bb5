//! Where every random byte of a run comes from.
//!
//! One [`Seed`] decides a whole run. A stream is ChaCha20 keyed with a SHA-256 in two steps: of the seed, the module, the
//! client and the command's place within its client, which is what a command knows, and of that and a purpose. So the
//! order in which threads run changes nothing, since whoever draws from a stream is alone with it; and a command can be
//! carried out on another machine that draws the same without learning the seed.

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
        Streams::new(self, module, 0, 0).stream(purpose)
    }

    /// The stream of things the hardserver makes for one client: its identifier, the mask of its key identifiers.
    pub fn client_stream(&self, client: u64, purpose: &str) -> ChaCha20Rng {
        Streams::new(self, 0, client, 0).stream(purpose)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seed(..)")
    }
}

/// The streams one command may draw from, one for each purpose.
#[derive(Clone)]
pub struct Streams([u8; 32]);

impl Streams {
    /// The streams of the `command`-th command (from 1) of the `client`-th client (from 1) on module `module` (from 1;
    /// 0 is the hardserver itself).
    pub fn new(seed: &Seed, module: u32, client: u64, command: u64) -> Streams {
        let mut hash = Sha256::new();
        hash.update(seed.0);
        hash.update(module.to_le_bytes());
        hash.update(client.to_le_bytes());
        hash.update(command.to_le_bytes());
        Streams(hash.finalize().into())
    }

    /// The streams that another hardserver chose for a command.
    pub fn from_bytes(bytes: [u8; 32]) -> Streams {
        Streams(bytes)
    }

    /// What decides them all, and nothing else of the run.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The stream for one purpose. Asked twice for one purpose it starts again, so each use has a purpose of its own.
    pub fn stream(&self, purpose: &str) -> ChaCha20Rng {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(purpose.as_bytes());
        ChaCha20Rng::from_seed(hash.finalize().into())
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Streams(..)")
    }
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
                Streams::new(&Seed::from_bytes(seed), module, client, command).stream(purpose),
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
    fn streams_draw_the_same_on_another_machine() {
        let here = Streams::new(&Seed::from_bytes(b"seed"), 1, 2, 3);
        let there = Streams::from_bytes(here.to_bytes());
        assert_eq!(
            first_word(here.stream("key")),
            first_word(there.stream("key"))
        );
    }

    #[test]
    fn debug_does_not_show_the_seed() {
        let seed = Seed::from_bytes(b"secret");
        assert_eq!(format!("{seed:?}"), "Seed(..)");
        assert_eq!(format!("{:?}", Streams::new(&seed, 1, 1, 1)), "Streams(..)");
    }
}
