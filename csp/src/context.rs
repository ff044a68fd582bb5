//! A context: what CPAcquireContext opens, a provider seen by one caller with or without a container.

use std::sync::{Arc, Mutex, Weak};

use nfkm::InNvram;

use crate::alg::Provider;
use crate::container::Container;
use crate::container::record::Scope;
use crate::csp::lock;
use crate::error::{CspError, Result};
use crate::key::Key;
use crate::key_spec::KeySpec;
use crate::pair::{KeyPair, Slots};
use crate::prompt::Interaction;

/// The object behind a context handle.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) provider: &'static Provider,
    /// The provider's name as the caller opened it (PP_NAME).
    pub(crate) provider_name: String,
    pub(crate) keyset: Keyset,
    /// Whose containers PP_ENUMCONTAINERS walks: the machine's or the user's.
    pub(crate) scope: Scope,
    /// What its prompts depend on.
    pub(crate) interaction: Mutex<Interaction>,
    /// PP_CRYPT_COUNT_KEY_USE and PP_NO_HOST_STORAGE: what new keys have in NVRAM.
    pub(crate) in_nvram: Mutex<InNvram>,
    pub(crate) enumerations: Mutex<Enumerations>,
    /// By slot, the handle whose pair is still to be made for it (CRYPT_PREGEN).
    pub(crate) pending: Mutex<[Weak<Mutex<Key>>; 2]>,
}

/// Where a context's pairs are.
#[derive(Debug)]
pub(crate) enum Keyset {
    /// In a container, under the name with which it was opened.
    Container {
        name: String,
        container: Arc<Container>,
    },
    /// Nowhere: they go with the context (CRYPT_VERIFYCONTEXT).
    Ephemeral(Slots),
}

/// How far the walks of PP_ENUMALGS(_EX) and PP_ENUMCONTAINERS have come.
#[derive(Debug, Default)]
pub(crate) struct Enumerations {
    /// Both forms share one position.
    pub(crate) algorithm: usize,
    /// What is left of the containers, last one first; none before CRYPT_FIRST.
    pub(crate) containers: Vec<String>,
}

impl Context {
    /// The pair of a slot, looked up afresh: CPGetUserKey.
    ///
    /// # Errors
    /// `NTE_NO_KEY` when the slot is empty, `NTE_BAD_KEY` when its key is of another kind than the provider's.
    pub(crate) fn pair(&self, spec: KeySpec) -> Result<Arc<KeyPair>> {
        self.of_our_kind(
            spec,
            match &self.keyset {
                Keyset::Container { container, .. } => container.pair(spec, self),
                Keyset::Ephemeral(slots) => slots.get(spec).ok_or(CspError::NTE_NO_KEY),
            },
        )
    }

    /// The pair of a slot as it is loaded, without a look at any file: signing.
    ///
    /// # Errors
    /// As [`Context::pair`].
    pub(crate) fn loaded_pair(&self, spec: KeySpec) -> Result<Arc<KeyPair>> {
        self.of_our_kind(
            spec,
            match &self.keyset {
                Keyset::Container { container, .. } => container.loaded_pair(spec, self),
                Keyset::Ephemeral(slots) => slots.get(spec).ok_or(CspError::NTE_NO_KEY),
            },
        )
    }

    /// A container may have been given any key of the Security World.
    fn of_our_kind(&self, spec: KeySpec, pair: Result<Arc<KeyPair>>) -> Result<Arc<KeyPair>> {
        let Ok(algorithm) = self.provider.pair_algorithm(spec) else {
            return Err(CspError::NTE_NO_KEY);
        };
        pair.and_then(|pair| match pair.public().suits(algorithm) {
            true => Ok(pair),
            false => Err(CspError::NTE_BAD_KEY),
        })
    }

    /// What keys that are made now have in NVRAM.
    pub(crate) fn in_nvram(&self) -> InNvram {
        *lock(&self.in_nvram)
    }

    /// What its prompts depend on, as it is now.
    pub(crate) fn interaction(&self) -> Interaction {
        lock(&self.interaction).clone()
    }

    /// CRYPT_SILENT: whether nothing may be shown.
    pub(crate) fn is_silent(&self) -> bool {
        lock(&self.interaction).silent
    }

    /// Whether it uses the pool in place of the modules.
    pub(crate) fn uses_pool(&self) -> bool {
        lock(&self.interaction).setup.pool_mode
    }

    /// Whether the context has no container.
    pub(crate) fn is_ephemeral(&self) -> bool {
        matches!(self.keyset, Keyset::Ephemeral(_))
    }
}
