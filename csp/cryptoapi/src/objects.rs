//! The handles that applications hold.
//!
//! A handle is a number that is never used twice, not an address: a stale, foreign or made-up one
//! is found out and answered with `ERROR_INVALID_PARAMETER`, which is what the Windows library was
//! seen to answer for objects used after their context was released.
//!
//! Each object remembers the provider's own handle. A context counts its users; the last release
//! takes the keys and hashes made in it away too, as the provider does with the handles below.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    codes::ERROR_INVALID_PARAMETER,
    table::{Handle, Table},
};

/// An open context of a provider.
#[derive(Debug)]
pub(crate) struct Context {
    /// The application's handle of this context.
    id: Handle,
    /// The provider's functions.
    pub(crate) table: Table,
    /// The provider's handle.
    pub(crate) handle: Handle,
}

/// A key or a hash of a context.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    /// Where it was made.
    pub(crate) context: Arc<Context>,
    /// The provider's handle.
    pub(crate) handle: Handle,
}

/// What releasing a context means.
#[derive(Debug)]
pub(crate) enum Release {
    /// Others still use it.
    Kept,
    /// That was the last user. The context no longer answers to its handle; its keys and hashes
    /// are gone.
    Last(Arc<Context>),
}

/// Makes a handle for a context that a provider has opened.
pub(crate) fn add_context(table: Table, handle: Handle) -> Handle {
    let mut objects = write();
    let id = objects.fresh();
    let context = Arc::new(Context { id, table, handle });
    objects
        .map
        .insert(id, Object::Context { context, users: 1 });
    id
}

/// Makes a handle for a key of `context`.
pub(crate) fn add_key(context: &Arc<Context>, handle: Handle) -> Handle {
    let mut objects = write();
    let id = objects.fresh();
    let context = Arc::clone(context);
    objects
        .map
        .insert(id, Object::Key(Child { context, handle }));
    id
}

/// Makes a handle for a hash of `context`.
pub(crate) fn add_hash(context: &Arc<Context>, handle: Handle) -> Handle {
    let mut objects = write();
    let id = objects.fresh();
    let context = Arc::clone(context);
    objects
        .map
        .insert(id, Object::Hash(Child { context, handle }));
    id
}

/// The context behind a handle.
pub(crate) fn context(id: Handle) -> Result<Arc<Context>, u32> {
    match read().map.get(&id) {
        Some(Object::Context { context, .. }) => Ok(Arc::clone(context)),
        _ => Err(ERROR_INVALID_PARAMETER),
    }
}

/// The key behind a handle.
pub(crate) fn key(id: Handle) -> Result<Child, u32> {
    match read().map.get(&id) {
        Some(Object::Key(child)) => Ok(child.clone()),
        _ => Err(ERROR_INVALID_PARAMETER),
    }
}

/// The hash behind a handle.
pub(crate) fn hash(id: Handle) -> Result<Child, u32> {
    match read().map.get(&id) {
        Some(Object::Hash(child)) => Ok(child.clone()),
        _ => Err(ERROR_INVALID_PARAMETER),
    }
}

/// The provider's handle of a key that may be absent: 0 stays 0.
pub(crate) fn optional_key(id: Handle) -> Result<Handle, u32> {
    if id == 0 {
        Ok(0)
    } else {
        key(id).map(|key| key.handle)
    }
}

/// The provider's handle of a hash that may be absent: 0 stays 0.
pub(crate) fn optional_hash(id: Handle) -> Result<Handle, u32> {
    if id == 0 {
        Ok(0)
    } else {
        hash(id).map(|hash| hash.handle)
    }
}

/// One user more for a context.
pub(crate) fn add_user(id: Handle) -> Result<(), u32> {
    match write().map.get_mut(&id) {
        Some(Object::Context { users, .. }) => {
            *users += 1;
            Ok(())
        }
        _ => Err(ERROR_INVALID_PARAMETER),
    }
}

/// One user fewer for a context.
pub(crate) fn release_context(id: Handle) -> Result<Release, u32> {
    let mut objects = write();
    match objects.map.get_mut(&id) {
        Some(Object::Context { users, .. }) if *users > 1 => {
            *users -= 1;
            Ok(Release::Kept)
        }
        Some(Object::Context { context, .. }) => {
            let context = Arc::clone(context);
            objects.map.retain(|_, object| object.context_id() != id);
            Ok(Release::Last(context))
        }
        _ => Err(ERROR_INVALID_PARAMETER),
    }
}

/// Puts back a context that the provider would not release because it is in use. Its keys and
/// hashes stay gone: the application asked for their end.
pub(crate) fn restore_context(context: Arc<Context>) {
    let id = context.id;
    write()
        .map
        .insert(id, Object::Context { context, users: 1 });
}

/// Takes a key or hash away.
pub(crate) fn remove(id: Handle) {
    write().map.remove(&id);
}

#[derive(Debug)]
enum Object {
    Context { context: Arc<Context>, users: u32 },
    Key(Child),
    Hash(Child),
}

impl Object {
    fn context_id(&self) -> Handle {
        match self {
            Object::Context { context, .. } => context.id,
            Object::Key(child) | Object::Hash(child) => child.context.id,
        }
    }
}

#[derive(Debug, Default)]
struct Objects {
    map: HashMap<Handle, Object>,
    last: Handle,
}

impl Objects {
    /// A number that no object has or had. The step keeps handles of different objects apart in
    /// more than their last digit, so that a slip of one does not name a neighbour.
    fn fresh(&mut self) -> Handle {
        loop {
            self.last = self.last.wrapping_add(0x10);
            if self.last != 0 && !self.map.contains_key(&self.last) {
                return self.last;
            }
        }
    }
}

static OBJECTS: LazyLock<RwLock<Objects>> = LazyLock::new(RwLock::default);

// Every change under the lock is one insert or remove, so the table is sound after a panic too.
fn read() -> RwLockReadGuard<'static, Objects> {
    OBJECTS.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Objects> {
    OBJECTS.write().unwrap_or_else(PoisonError::into_inner)
}
