//! The provider library as one value: the handle tables, and the session it shares among contexts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nfkm::{Environment, World};

use crate::container::store::Store;
use crate::context::Context;
use crate::error::{CspError, Result};
use crate::failure;
use crate::handle::{Kind, NO_OWNER, Table};
use crate::identity::Identity;
use crate::key::Key;
use crate::log;
use crate::prompt::{Answers, Interaction};
use crate::protection;
use crate::settings::SetupParameters;
use crate::soft::HashState;

/// A provider library: everything that its 25 functions work on. A process has one; tests have as many as they like.
///
/// The functions are methods in the modules of `calls`, named after the entry points. Contexts, keys and
/// hashes are passed as the numbers that C callers hold.
#[derive(Debug)]
pub struct Csp {
    settings: Settings,
    contexts: Table<Context>,
    keys: Table<Mutex<Key>>,
    hashes: Table<Mutex<HashState>>,
    current: Mutex<Option<Current>>,
}

/// What a provider library would else ask of the process it is in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where hardserver and Key Management Data are. None: what the variables say at each acquire.
    pub environment: Option<Environment>,
    /// Who calls. None: the user of the process.
    pub identity: Option<Identity>,
    /// The wizard's parameters. None: those of the machine at each acquire.
    pub setup: Option<SetupParameters>,
    /// Prepared answers to prompts. None: what the variable says at each acquire, and else a person is asked.
    pub answers: Option<Answers>,
}

/// The session in use, and for what it is good.
#[derive(Debug)]
struct Current {
    /// A child process must not share its parent's connection.
    process: u32,
    environment: Environment,
    pool: bool,
    store: Arc<Store>,
}

impl Csp {
    /// A library without contexts. Nothing is read or connected yet.
    pub fn new(settings: Settings) -> Csp {
        Csp {
            settings,
            contexts: Table::new(Kind::Context),
            keys: Table::new(Kind::Key),
            hashes: Table::new(Kind::Hash),
            current: Mutex::default(),
        }
    }

    pub(crate) fn live_handles(&self) -> [usize; 3] {
        [self.contexts.len(), self.keys.len(), self.hashes.len()]
    }

    /// The calling user.
    ///
    /// # Errors
    /// `NTE_FAIL` when he claims to have something that is no SID; the cause is logged.
    pub(crate) fn identity(&self) -> Result<Identity> {
        match &self.settings.identity {
            Some(identity) => Ok(identity.clone()),
            None => Identity::from_process().map_err(|error| unreadable(&error)),
        }
    }

    /// What prompts of a new context depend on, and with what the wizard's parameters are.
    ///
    /// # Errors
    /// `NTE_FAIL` when the parameters or the prepared answers cannot be read; the cause is logged.
    pub(crate) fn interaction(&self, silent: bool, window: usize) -> Result<Interaction> {
        let setup = match self.settings.setup {
            Some(setup) => setup,
            None => {
                SetupParameters::read(&self.environment()).map_err(|error| unreadable(&error))?
            }
        };
        let answers = match &self.settings.answers {
            Some(answers) => Some(answers.clone()),
            None => Answers::from_process().map_err(|error| unreadable(&error))?,
        };
        Ok(Interaction {
            silent,
            setup,
            answers: answers.map(Arc::new),
            window,
            ..Interaction::default()
        })
    }

    fn environment(&self) -> Environment {
        let given = self.settings.environment.clone();
        given.unwrap_or_else(Environment::from_process)
    }

    /// The session with the hardserver, of the modules or of their pool: opened when it is first needed, and again when the
    /// variables changed or the process forked.
    ///
    /// # Errors
    /// `NTE_FAIL`; the cause is logged.
    pub(crate) fn store(&self, pool: bool) -> Result<Arc<Store>> {
        let environment = self.environment();
        let process = std::process::id();
        let mut current = lock(&self.current);
        match &*current {
            Some(found)
                if found.process == process
                    && found.environment == environment
                    && found.pool == pool =>
            {
                Ok(Arc::clone(&found.store))
            }
            _ => {
                let store = Arc::new(Store::open(&environment, pool)?);
                *current = Some(Current {
                    process,
                    environment,
                    pool,
                    store: Arc::clone(&store),
                });
                Ok(store)
            }
        }
    }

    /// A world of FIPS 140 level 3 wants a card even for importing a public key, which no module sees. Elsewhere the
    /// import needs no hardserver.
    ///
    /// # Errors
    /// Those of [`protection::authorise`].
    pub(crate) fn authorise_import(&self, context: &Context) -> Result<()> {
        let folder = self.environment().folder().map_err(failure::of_session)?;
        match World::read(&folder).map_err(failure::of_session)? {
            Some(world) if world.is_strict_fips() => {
                let store = self.store(context.uses_pool())?;
                protection::authorise(store.session(), &context.interaction())
            }
            _ => Ok(()),
        }
    }

    /// The context behind a handle.
    ///
    /// # Errors
    /// `NTE_BAD_UID`.
    pub(crate) fn context(&self, context: usize) -> Result<Arc<Context>> {
        self.contexts
            .get(NO_OWNER, context)
            .ok_or(CspError::NTE_BAD_UID)
    }

    /// A key of a context.
    ///
    /// # Errors
    /// `NTE_BAD_KEY`, also for a key of another context.
    pub(crate) fn key(&self, context: usize, key: usize) -> Result<Arc<Mutex<Key>>> {
        self.keys.get(context, key).ok_or(CspError::NTE_BAD_KEY)
    }

    /// A copy of a key, for calls that read it while another key or a module is busy.
    ///
    /// # Errors
    /// As [`Csp::key`].
    pub(crate) fn key_copy(&self, context: usize, key: usize) -> Result<Key> {
        Ok(lock(&*self.key(context, key)?).clone())
    }

    /// A hash of a context.
    ///
    /// # Errors
    /// `NTE_BAD_HASH`, also for a hash of another context.
    pub(crate) fn hash(&self, context: usize, hash: usize) -> Result<Arc<Mutex<HashState>>> {
        self.hashes.get(context, hash).ok_or(CspError::NTE_BAD_HASH)
    }

    pub(crate) fn add_context(&self, context: Context) -> Result<usize> {
        self.contexts
            .insert(NO_OWNER, context)
            .ok_or(CspError::NTE_NO_MEMORY)
    }

    /// Ends a context with its keys and hashes.
    pub(crate) fn remove_context(&self, context: usize) -> Result<()> {
        let removed = self
            .contexts
            .remove(NO_OWNER, context)
            .ok_or(CspError::NTE_BAD_UID)?;
        // What goes may talk to the hardserver on its way; no lock is held here.
        drop(self.hashes.remove_all(context));
        drop(self.keys.remove_all(context));
        drop(removed);
        Ok(())
    }

    pub(crate) fn add_key(&self, context: usize, key: Key) -> Result<usize> {
        let handle = self
            .keys
            .insert(context, Mutex::new(key))
            .ok_or(CspError::NTE_NO_MEMORY)?;
        self.still_open(context)
            .inspect_err(|_| drop(self.keys.remove(context, handle)))?;
        Ok(handle)
    }

    pub(crate) fn add_hash(&self, context: usize, hash: HashState) -> Result<usize> {
        let handle = self
            .hashes
            .insert(context, Mutex::new(hash))
            .ok_or(CspError::NTE_NO_MEMORY)?;
        self.still_open(context)
            .inspect_err(|_| drop(self.hashes.remove(context, handle)))?;
        Ok(handle)
    }

    pub(crate) fn remove_key(&self, context: usize, key: usize) -> Result<()> {
        self.keys
            .remove(context, key)
            .map(drop)
            .ok_or(CspError::NTE_BAD_KEY)
    }

    pub(crate) fn remove_hash(&self, context: usize, hash: usize) -> Result<()> {
        self.hashes
            .remove(context, hash)
            .map(drop)
            .ok_or(CspError::NTE_BAD_HASH)
    }

    /// Another thread may have released the context while an object was made for it. The object was added before this
    /// look, so either the release found it or this look finds the release.
    fn still_open(&self, context: usize) -> Result<()> {
        self.context(context).map(drop)
    }
}

fn unreadable(error: &dyn std::error::Error) -> CspError {
    log::error(format_args!("settings: {error}"));
    CspError::NTE_FAIL
}

/// Locks, also after a panic of another thread: the state behind these locks is whole after every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
