//! The bare operation: what the engine does for a signature, with nothing around it.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use engine::{Kind, RsaPrivateComponents, RsaPrivateOp};
use ncore::types::{
    KeyGenParams, KeyType, KeyTypeData, KeyTypeGenParams, KeyTypeRSAPrivateGenParams,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use simulator::crypto::generate_key_pair;

use crate::stack::KEY_BITS;

/// An RSA-2048 private key, ready for use.
#[derive(Debug)]
pub struct Bare {
    key: Arc<dyn RsaPrivateOp>,
}

impl Bare {
    /// Makes a key and prepares it in an engine of `kind`.
    ///
    /// # Errors
    /// The engine refuses the key.
    pub fn new(kind: Kind) -> anyhow::Result<Bare> {
        let engine = kind.engine();
        let params = KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(KeyTypeRSAPrivateGenParams {
                lenbits: KEY_BITS,
                ..Default::default()
            }),
        };
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let pair = generate_key_pair(engine.as_ref(), &params, &mut rng);
        let data = pair
            .map_err(|status| anyhow::anyhow!("no key pair: {status}"))?
            .to_key_data();
        let KeyTypeData::RSAPrivate(numbers) = data.data else {
            bail!("not an RSA key")
        };
        let components = RsaPrivateComponents::from_primes(
            &numbers.p.to_be(),
            &numbers.q.to_be(),
            &numbers.e.to_be(),
        )?;
        Ok(Bare {
            key: engine
                .prepare_rsa(&components)
                .context("the engine refuses the key")?,
        })
    }

    /// One private-key operation.
    ///
    /// # Errors
    /// The engine's check of the result fails.
    pub fn sign(&self) -> anyhow::Result<()> {
        let mut block = [0xa5; KEY_BITS as usize / 8];
        block[0] = 0;
        self.key.private(&block)?;
        Ok(())
    }
}
