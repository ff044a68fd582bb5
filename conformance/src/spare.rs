//! A hardserver for one case alone: for cases that initialise modules, which would erase the Security World of the
//! others' target, and for those that need one started otherwise.
//!
//! It runs in the harness's process, and is reached over its sockets like any other.

use std::path::Path;

use anyhow::Context as _;
use ncore::client::Endpoint;
use ncore::types::{
    ClearUnitExArgs, InitialiseUnitArgs, ModuleMode, NSOPerms, NoOpArgs, SetNSOPermsArgs,
};
use nfkm::Environment;
use simulator::Server;
use simulator::options::Options;
use tempfile::TempDir;

use crate::coverage::Recorder;
use crate::walk::Hands;
use crate::wire::Wire;

/// Every operation that an officer can make public.
pub const EVERYTHING: u32 = 0x7_ffff;

/// The hardserver. It ends with this value.
pub struct Spare {
    server: Option<Server>,
    options: Options,
    recorder: Recorder,
    // Declared last, so that it is removed when nobody uses it any more.
    folder: TempDir,
}

impl Spare {
    /// Starts one in a temporary folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(recorder: Recorder, change: impl FnOnce(&mut Options)) -> anyhow::Result<Spare> {
        let folder = tempfile::Builder::new().prefix("softshield-").tempdir()?;
        let mut options = Options::in_folder(folder.path());
        change(&mut options);
        let server = Server::start(&options).context("a hardserver for this case alone")?;
        Ok(Spare {
            server: Some(server),
            options,
            recorder,
            folder,
        })
    }

    /// Stops it and starts it again on the same files.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
        self.server = Some(Server::start(&self.options)?);
        Ok(())
    }

    /// The hands at its modules.
    ///
    /// # Errors
    /// It is not running.
    pub fn hands(&self) -> anyhow::Result<Hands> {
        let server = self.server.as_ref().context("the hardserver is stopped")?;
        Ok(Hands::at(server.endpoints().control.clone()))
    }

    /// What a client's process would have in its environment.
    pub fn environment(&self) -> Environment {
        Environment {
            server: Some(self.options.socket.display().to_string()),
            privileged_server: Some(self.options.privileged_socket.display().to_string()),
            kmdata: Some(self.options.kmdata.clone()),
            ..Environment::default()
        }
    }

    /// The folder of all its files, in which a case may have some of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ordinary endpoint.
    pub fn ordinary(&self) -> Endpoint {
        Endpoint::Unix(self.options.socket.clone())
    }

    /// A connection to the ordinary endpoint with a client of its own.
    ///
    /// # Errors
    /// The connection's own.
    pub fn wire(&self) -> anyhow::Result<Wire> {
        Wire::connect(&self.ordinary(), self.recorder.clone())
    }

    /// A connection to the privileged endpoint with a client of its own.
    ///
    /// # Errors
    /// The connection's own.
    pub fn privileged(&self) -> anyhow::Result<Wire> {
        let endpoint = Endpoint::Unix(self.options.privileged_socket.clone());
        Wire::connect(&endpoint, self.recorder.clone())
    }

    /// Brings a module into initialisation, without an officer: everything is permitted there.
    ///
    /// # Errors
    /// A refusal.
    pub fn initialise(&self, module: u32) -> anyhow::Result<()> {
        let wire = self.privileged()?;
        reset(&wire, module, ModuleMode::Initialisation)?;
        wire.send(InitialiseUnitArgs { module })?;
        Ok(())
    }

    /// Brings a module into operation under an officer with this hash, with these operations public.
    ///
    /// # Errors
    /// A refusal.
    pub fn operate(&self, module: u32, hknso: [u8; 20], ops: u32) -> anyhow::Result<()> {
        let wire = self.privileged()?;
        let publicperms = NSOPerms { ops };
        wire.send(SetNSOPermsArgs {
            module,
            flags: 0,
            hknso,
            publicperms,
        })?;
        reset(&wire, module, ModuleMode::Operational)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }
}

/// Resets a module into a mode, and waits until it is back.
///
/// # Errors
/// A refusal.
pub fn reset(wire: &Wire, module: u32, mode: ModuleMode) -> anyhow::Result<()> {
    wire.send(ClearUnitExArgs {
        flags: 0,
        module,
        mode,
    })?;
    wire.send(NoOpArgs { module })?;
    Ok(())
}
