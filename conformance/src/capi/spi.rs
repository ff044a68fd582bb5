//! The provider's own entry points as the cases use them: what the layer above would not let through.

use anyhow::Context as _;

use super::{Capi, CapiResult, Function, sys};

pub use sys::Arguments;

/// The library behind the provider under test.
#[derive(Debug)]
pub struct Spi {
    capi: Capi,
    points: sys::EntryPoints,
}

impl Spi {
    /// Reaches it.
    ///
    /// # Errors
    /// From here it cannot be reached.
    pub(super) fn of(capi: &Capi) -> anyhow::Result<Spi> {
        let points = sys::entry_points(capi.provider());
        Ok(Spi {
            capi: capi.clone(),
            points: points.context("the provider's library cannot be reached")?,
        })
    }

    /// CPAcquireContext of a context without a container.
    pub fn acquire(&self) -> CapiResult<sys::Handle> {
        let context = self.points.acquire(self.capi.provider(), true);
        self.capi.noted(Function::AcquireContext, context)
    }

    /// CPAcquireContext with no place for the handle.
    pub fn acquire_nowhere(&self) -> CapiResult<sys::Handle> {
        let context = self.points.acquire(self.capi.provider(), false);
        self.capi.noted(Function::AcquireContext, context)
    }

    /// CPCreateHash of SHA-1.
    pub fn hash(&self, context: sys::Handle) -> CapiResult<sys::Handle> {
        self.capi
            .noted(Function::CreateHash, self.points.new_hash(context))
    }

    /// CPGenKey.
    pub fn key(&self, context: sys::Handle, algid: u32, flags: u32) -> CapiResult<sys::Handle> {
        let key = self.points.new_key(context, algid, flags);
        self.capi.noted(Function::GenKey, key)
    }

    /// CPImportKey.
    pub fn import(&self, context: sys::Handle, blob: &[u8]) -> CapiResult<sys::Handle> {
        self.capi
            .noted(Function::ImportKey, self.points.import(context, blob))
    }

    /// Any other function.
    ///
    /// # Panics
    /// For CPAcquireContext, which has functions of its own.
    pub fn call(&self, function: Function, arguments: &Arguments<'_>) -> CapiResult<()> {
        assert!(function != Function::AcquireContext, "there is acquire");
        self.capi
            .noted(function, self.points.call(function, arguments))
    }
}
