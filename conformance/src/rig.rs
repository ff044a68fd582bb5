//! What a case gets to work with.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
#[cfg(feature = "embedded")]
use simulator::options::Options;

use crate::capi::{Capi, CapiResult, Code, Context, Provider, numbers};
use crate::case::Case;
use crate::coverage::{Cover, Recorder};
#[cfg(feature = "embedded")]
use crate::spare::Spare;
use crate::target::Target;
use crate::wire::Wire;

/// One case's view of the target. What the case makes through it is undone when it ends.
#[derive(Debug)]
pub struct Rig {
    target: Arc<Target>,
    recorder: Recorder,
    capi: Capi,
    case: &'static str,
    containers: Mutex<Vec<(String, u32)>>,
}

impl Rig {
    /// A rig for `case` that writes down what happens in `recorder`.
    pub fn new(target: Arc<Target>, recorder: Recorder, case: &Case) -> Rig {
        let provider = target.provider().cloned();
        let provider = provider.unwrap_or_else(|| Provider::of_type(case.types[0]));
        let capi = Capi::new(recorder.clone(), provider);
        Rig {
            target,
            recorder,
            capi,
            case: case.id,
            containers: Mutex::default(),
        }
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// CryptoAPI.
    pub fn capi(&self) -> &Capi {
        &self.capi
    }

    /// A connection to the ordinary endpoint with a client of its own.
    pub fn wire(&self) -> anyhow::Result<Wire> {
        Wire::connect(self.target.ordinary(), self.recorder.clone())
    }

    /// A connection to the ordinary endpoint without a client.
    ///
    /// # Errors
    /// No hardserver.
    pub fn bare_wire(&self) -> anyhow::Result<Wire> {
        Wire::connect_bare(self.target.ordinary(), self.recorder.clone())
    }

    /// A connection to the privileged endpoint with a client of its own.
    pub fn privileged(&self) -> anyhow::Result<Wire> {
        match self.target.privileged() {
            Some(endpoint) => Wire::connect(endpoint, self.recorder.clone()),
            None => bail!("the target has no privileged endpoint"),
        }
    }

    /// [`Rig::spare`] with other options, among them the number of modules.
    ///
    /// # Errors
    /// It does not start.
    #[cfg(feature = "embedded")]
    pub fn spare_with(&self, change: impl FnOnce(&mut Options)) -> anyhow::Result<Spare> {
        Spare::start(self.recorder.clone(), change)
    }

    /// Where this case's connections write down what they see.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Writes an event down that no wrapper saw.
    pub fn note(&self, cover: Cover) {
        self.recorder.note(cover);
    }

    /// The number of a module that keys can be loaded on.
    ///
    /// # Errors
    /// There is none.
    pub fn module(&self) -> anyhow::Result<u32> {
        self.target
            .usable_modules()
            .first()
            .copied()
            .context("no module is usable")
    }

    /// Another hardserver, with one module as it comes from the factory, for this case alone.
    ///
    /// # Errors
    /// It does not start.
    #[cfg(feature = "embedded")]
    pub fn spare(&self) -> anyhow::Result<Spare> {
        self.spare_with(|_| {})
    }

    /// A container name that nobody else uses; what is made under it is deleted when the case ends.
    pub fn name(&self) -> String {
        self.name_in(0)
    }

    /// [`Rig::name`] among the machine's containers.
    pub fn machine_name(&self) -> String {
        self.name_in(numbers::CRYPT_MACHINE_KEYSET)
    }

    /// A new container, and its name.
    pub fn container(&self) -> CapiResult<(Context, String)> {
        let name = self.name();
        let context = self.capi.acquire(Some(&name), numbers::CRYPT_NEWKEYSET)?;
        Ok((context, name))
    }

    /// The file of an entry of the Security World that belongs to CryptoAPI.
    pub fn key_file(&self, ident: &str) -> PathBuf {
        self.target.kmlocal().join(format!("key_mscapi_{ident}"))
    }

    /// The names of all such files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn key_files(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.target.kmlocal())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name.starts_with("key_mscapi_"));
        names.sort();
        Ok(names)
    }

    fn name_in(&self, flags: u32) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("conformance {} {} {number}", self.case, std::process::id());
        let mut containers = self
            .containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        containers.push((name.clone(), flags));
        name
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Not written down as the case's doing.
        let capi = Capi::new(Recorder::default(), self.capi.provider().clone());
        for (name, flags) in self
            .containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            // Most are there; a case may have deleted its own.
            let _ = capi.delete(Some(&name), flags);
        }
    }
}

/// The answer must be a refusal with this code.
///
/// # Errors
/// It is not.
#[track_caller]
pub fn refused<T>(answer: CapiResult<T>, expected: Code) -> anyhow::Result<()> {
    let place = std::panic::Location::caller();
    match answer {
        Err(refusal) if refusal.code == expected => Ok(()),
        Err(refusal) => Err(anyhow::Error::new(refusal)
            .context(format!("expected {expected}, met {refusal}, at {place}"))),
        Ok(_) => bail!("expected {expected}, met success, at {place}"),
    }
}

/// The two must be equal; `what` says what they are.
///
/// # Errors
/// They are not.
#[track_caller]
pub fn equal<T: PartialEq + std::fmt::Debug>(
    found: T,
    expected: T,
    what: &str,
) -> anyhow::Result<()> {
    if found == expected {
        return Ok(());
    }
    bail!(
        "{what}: found {found:02x?}, expected {expected:02x?}, at {}",
        std::panic::Location::caller()
    )
}
