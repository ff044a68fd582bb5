//! A key pair that is ready for use, and stays so while any module can do the work.
//!
//! The private key is loaded on every usable module and its copies merged into one identifier (Cmd_MergeKeyIDs), over
//! which the hardserver spreads the commands. A module that is cleared or fails takes its copy with it; with real
//! hardware it is the client that loads the key again, so it is here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use ncore::message::Request;
use ncore::types::{
    CipherText, DecryptArgs, GetWhichModuleArgs, KeyData, MergeKeyIDsArgs, PlainText,
    PlainTextType, SignArgs,
};
use ncore::{Mech, Status};

use crate::Hash;
use crate::client::{Client, KeyId};
use crate::error::Error;
use crate::kmdata::{KeyRecord, NvramRecord};
use crate::modules::Module;
use crate::names::EntryName;
use crate::nvram;
use crate::session::Session;
use crate::token::{self, LoadedToken};
use crate::world::World;

/// A loaded key pair. Clones share it, and any number of threads use it at once; it is unloaded with its last clone.
///
/// When a module or the connection goes away, a command is repeated on what is left, after loading the key again where
/// that is needed. A module that comes back is used again.
#[derive(Clone, Debug)]
pub struct LoadedKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    session: Session,
    name: Option<EntryName>,
    hash: Hash,
    public: KeyData,
    source: Source,
    /// The card set or softcard that protects the key.
    token: Option<LoadedToken>,
    /// What commands use now. Readers clone the pointer and let go of the lock before they send.
    loaded: RwLock<Arc<Loaded>>,
    /// Held by the one thread that loads the key again; in it, how that ended last when it did not end well.
    reloading: Mutex<Option<Failure>>,
    started: Instant,
    /// When to look after the key again, in milliseconds after `started`.
    next_look: AtomicU64,
}

/// No module took the key.
#[derive(Debug)]
struct Failure {
    at: Instant,
    error: Error,
}

impl LoadedKey {
    /// Loads the private key on every usable module, or every one on which its token is loaded.
    pub(crate) fn load(
        session: &Session,
        name: Option<EntryName>,
        public: KeyData,
        hash: Hash,
        source: Source,
        token: Option<LoadedToken>,
    ) -> Result<LoadedKey, Error> {
        let loaded = Loaded::everywhere(session, &source, &hash, token.as_ref())?;
        let inner = Inner {
            session: session.clone(),
            name,
            hash,
            public,
            source,
            token,
            next_look: AtomicU64::new(LOOK_EVERY),
            loaded: RwLock::new(Arc::new(loaded)),
            reloading: Mutex::new(None),
            started: Instant::now(),
        };
        Ok(LoadedKey(Arc::new(inner)))
    }

    /// The ident under which the key is recorded; None when it is not.
    pub fn ident(&self) -> Option<&str> {
        self.0.name.as_ref().map(EntryName::ident)
    }

    /// The key's hash.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// The public half in clear: RSAPublic, DSAPublic or DHPublic.
    pub fn public(&self) -> &KeyData {
        &self.0.public
    }

    /// The card set or softcard that protects the key, as it is loaded; None for a key that the module alone protects.
    pub fn token(&self) -> Option<&LoadedToken> {
        self.0.token.as_ref()
    }

    /// The numbers of the modules that hold the private key now.
    pub fn modules(&self) -> Vec<u32> {
        self.0
            .loaded()
            .members
            .iter()
            .map(|member| member.module)
            .collect()
    }

    /// Its identifier on each module.
    pub(crate) fn places(&self) -> Vec<(u32, KeyId)> {
        let loaded = self.0.loaded();
        let members = loaded.members.iter();
        members.map(|member| (member.module, member.key)).collect()
    }

    /// Signs (Cmd_Sign).
    ///
    /// # Errors
    /// [`Error::Status`] when the module refuses; [`Error::NoUsableModule`], [`Error::Connection`] when none is left.
    pub fn sign(&self, mech: Mech, plain: PlainText) -> Result<CipherText, Error> {
        let args = |key| SignArgs {
            key,
            mech,
            plain: plain.clone(),
            ..SignArgs::default()
        };
        self.0.perform(args).map(|reply| reply.sig)
    }

    /// Decrypts (Cmd_Decrypt).
    ///
    /// # Errors
    /// Those of [`LoadedKey::sign`].
    pub fn decrypt(
        &self,
        mech: Mech,
        cipher: CipherText,
        reply: PlainTextType,
    ) -> Result<PlainText, Error> {
        let args = |key| DecryptArgs {
            key,
            mech,
            cipher: cipher.clone(),
            reply_type: reply,
            ..DecryptArgs::default()
        };
        self.0.perform(args).map(|reply| reply.plain)
    }
}

impl Inner {
    /// Sends a command about the private key, on another module or after loading the key again if need be.
    fn perform<R: Request>(&self, args: impl Fn(KeyId) -> R) -> Result<R::Reply, Error> {
        let loaded = self.loaded();
        let first = loaded.client.transact(args(loaded.key));
        match first {
            Err(error) if error.is_failover() => self.perform_again(loaded, args, error),
            result => {
                self.look_after();
                result
            }
        }
    }

    /// The way of a command whose first attempt met a module or a connection that is gone.
    ///
    /// Each round loads the key again, unless another thread has, and tries the merged key, then each member for itself:
    /// a module that takes the key and then fails with it must not stand in the way of one that works.
    fn perform_again<R: Request>(
        &self,
        mut failed: Arc<Loaded>,
        args: impl Fn(KeyId) -> R,
        mut error: Error,
    ) -> Result<R::Reply, Error> {
        for _ in 0..ROUNDS {
            let loaded = self.reload(&failed)?;
            for key in loaded.ways() {
                match loaded.client.transact(args(key)) {
                    Err(again) if again.is_failover() => error = again,
                    result => return result,
                }
            }
            failed = loaded;
        }
        Err(error)
    }

    /// The key as it is loaded after `failed` did not work. Of the threads that come here at once, the first loads it, or
    /// fails for them all: it tries for a while, and they would be served one after the other.
    fn reload(&self, failed: &Arc<Loaded>) -> Result<Arc<Loaded>, Error> {
        let came = Instant::now();
        let mut last = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.loaded();
        if !Arc::ptr_eq(&now, failed) {
            return Ok(now);
        }
        if let Some(failure) = &*last
            && failure.at > came
            && let Some(error) = failure.error.repeated()
        {
            return Err(error);
        }
        let result = self.load_everywhere();
        *last = result.as_ref().err().and_then(|error| {
            let at = Instant::now();
            error.repeated().map(|error| Failure { at, error })
        });
        result.map(|fresh| self.replace(fresh))
    }

    /// From time to time, while the key is used, one thread looks whether it is on the modules it should be on. The
    /// hardserver quietly goes on with fewer when one fails, so no error tells when to load the key on it again.
    fn look_after(&self) {
        if self.elapsed() < self.next_look.load(Ordering::Relaxed) {
            return;
        }
        let Ok(_alone) = self.reloading.try_lock() else {
            return;
        };
        // Whatever comes of it, the next look is a while away.
        self.plan_look();
        let loaded = self.loaded();
        if loaded
            .is_where_it_should_be(&self.session, &self.source, self.token.as_ref())
            .unwrap_or(true)
        {
            return;
        }
        // What is loaded works, so a failure here is no one's concern.
        if let Ok(fresh) = self.load_everywhere() {
            self.replace(fresh);
        }
    }

    fn load_everywhere(&self) -> Result<Loaded, Error> {
        Loaded::everywhere(&self.session, &self.source, &self.hash, self.token.as_ref())
    }

    fn replace(&self, fresh: Loaded) -> Arc<Loaded> {
        let fresh = Arc::new(fresh);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        self.plan_look();
        fresh
    }

    fn plan_look(&self) {
        self.next_look
            .store(self.elapsed() + LOOK_EVERY, Ordering::Relaxed);
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn elapsed(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// How often a key is loaded again for one command before its last error is the caller's. Modules that are cleared in turn,
/// each about as soon as a command of many threads reaches it, can meet the same command several times.
const ROUNDS: usize = 16;

/// How often a key in use is looked after, in milliseconds.
const LOOK_EVERY: u64 = 1_000;

/// Where the private key is loaded from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its blob; empty if that is in NVRAM.
    blob: Vec<u8>,
    /// What of it is in NVRAM.
    nvram: Option<NvramRecord>,
}

impl Source {
    /// Where a recorded key is loaded from.
    pub(crate) fn of(record: &KeyRecord) -> Source {
        Source {
            blob: record.blob.clone(),
            nvram: record.nvram.clone(),
        }
    }

    /// Of these modules those on which the key can be loaded. One that has something in NVRAM can be on that module alone:
    /// elsewhere its blob, or its counter, is not.
    fn places<'a>(
        &'a self,
        modules: Vec<Module>,
        token: Option<&'a LoadedToken>,
    ) -> impl Iterator<Item = (Module, Option<KeyId>)> + 'a {
        token::places(modules, token).filter(|(module, _)| {
            let nvram = self.nvram.as_ref();
            nvram.is_none_or(|kept| kept.esn == module.esn)
        })
    }

    /// Loads it on a module.
    pub(crate) fn load(
        &self,
        client: &Client,
        module: &Module,
        under: Option<KeyId>,
    ) -> Result<KeyId, Error> {
        let Some(file) = self.nvram.as_ref().and_then(|kept| kept.blob) else {
            return client.load_blob(module.number, &self.blob, under);
        };
        let spec = nvram::file_spec(module.number, &file);
        match client.load_stored_blob(module.number, spec, under) {
            // The token, too, may be what is not known.
            Err(error)
                if error.status() == Some(Status::UnknownID)
                    && !nvram::has_area(client, module.number, &file)? =>
            {
                Err(nvram::erased(&module.esn, &file))
            }
            result => result,
        }
    }
}

/// One loading of a private key: identifiers that live and die with a client. They are dropped in the modules when the
/// last command that uses them is done.
#[derive(Debug)]
struct Loaded {
    client: Arc<Client>,
    /// The merged key, or the only member.
    key: KeyId,
    members: Vec<Member>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    module: u32,
    key: KeyId,
    /// Whether another process loaded it and unloads it.
    borrowed: bool,
}

impl Loaded {
    /// Loads the key on every usable module that has its token, and merges the copies.
    fn everywhere(
        session: &Session,
        source: &Source,
        hash: &Hash,
        token: Option<&LoadedToken>,
    ) -> Result<Loaded, Error> {
        let mut last = None;
        for pause in RETRY_AFTER {
            thread::sleep(pause);
            match Loaded::attempt(session, source, hash, token) {
                // Without a hardserver there is nothing to wait for.
                Err(error) if error.status() == Some(Status::ServerNotRunning) => {
                    return Err(error);
                }
                Err(error) if error.is_failover() => last = Some(error),
                Err(error @ Error::NoUsableModule { .. }) => last = Some(error),
                result => return result,
            }
        }
        Err(last.unwrap_or(Error::NoUsableModule { cause: None }))
    }

    fn attempt(
        session: &Session,
        source: &Source,
        hash: &Hash,
        token: Option<&LoadedToken>,
    ) -> Result<Loaded, Error> {
        // What is under a token lives and dies with the token's client.
        let client = match token {
            None => session.client()?,
            Some(token) => Arc::clone(token.client()),
        };
        let world = World::required(session.folder())?;
        let mut loaded = Loaded {
            client,
            key: 0,
            members: Vec::new(),
        };
        let mut last = token.and_then(LoadedToken::why_gone);
        let usable = session.usable_modules(&loaded.client, &world)?;
        for (module, under) in source.places(usable, token) {
            // A module that was cleared since has lost what was preloaded.
            let has_it = |key: &KeyId| {
                let info = loaded.client.key_info(*key);
                info.is_ok_and(|info| info.hash == *hash)
            };
            let preloaded = session.preloaded_key(hash, module.number)?.filter(has_it);
            let borrowed = preloaded.is_some();
            let key = match preloaded {
                Some(key) => Ok(key),
                None => source.load(&loaded.client, &module, under),
            };
            match key {
                Ok(key) => loaded.members.push(Member {
                    module: module.number,
                    key,
                    borrowed,
                }),
                Err(error) if error.is_failover() => {
                    let status = error.status();
                    let error = Arc::new(error);
                    if let Some(Status::UnknownID | Status::PhysTokenNotPresent) = status
                        && let Some(token) = token
                    {
                        token.is_gone_from(module.number, &error);
                    }
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let keys: Vec<KeyId> = loaded.members.iter().map(|member| member.key).collect();
        loaded.key = match keys[..] {
            [] => return Err(Error::NoUsableModule { cause: last }),
            [only] => only,
            _ => loaded.client.transact(MergeKeyIDsArgs { keys })?.newkey,
        };
        for member in &loaded.members {
            let actual = loaded.client.key_info(member.key)?.hash;
            if actual != *hash {
                let place = format!("module #{}", member.module);
                return Err(Error::WrongKey {
                    place,
                    expected: *hash,
                    actual,
                });
            }
        }
        Ok(loaded)
    }

    /// Whether the key is loaded on every module that is usable now, and on no other.
    fn is_where_it_should_be(
        &self,
        session: &Session,
        source: &Source,
        token: Option<&LoadedToken>,
    ) -> Result<bool, Error> {
        let world = World::required(session.folder())?;
        let usable = session.usable_modules(&self.client, &world)?;
        let mut alive = self
            .client
            .transact(GetWhichModuleArgs { key: self.key })?
            .module;
        alive.sort_unstable();
        let usable = source
            .places(usable, token)
            .map(|(module, _)| module.number);
        let usable: Vec<u32> = usable.collect();
        let loaded = self.members.iter().map(|member| member.module);
        Ok(usable == alive && loaded.eq(usable))
    }

    /// The identifiers to try, best first.
    fn ways(&self) -> impl Iterator<Item = KeyId> {
        let members = self
            .members
            .iter()
            .map(|member| member.key)
            .filter(|key| *key != self.key);
        std::iter::once(self.key).chain(members)
    }
}

/// Pauses before each attempt to load a key: a module that was just cleared is back in a moment.
const RETRY_AFTER: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(5),
    Duration::from_millis(50),
    Duration::from_millis(200),
];

impl Drop for Loaded {
    fn drop(&mut self) {
        if self.client.is_lost() {
            return;
        }
        let merged =
            self.members.iter().all(|member| member.key != self.key) && !self.members.is_empty();
        let own = self.members.iter().filter(|member| !member.borrowed);
        let own = own.map(|member| member.key);
        for key in merged.then_some(self.key).into_iter().chain(own) {
            self.client.destroy(key);
        }
    }
}
