//! The hardserver that the cases speak to, and what it has.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
#[cfg(feature = "embedded")]
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use ncore::client::Endpoint;
#[cfg(feature = "embedded")]
use nfkm::cards::{CardSource, Unattended};
#[cfg(feature = "embedded")]
use nfkm::world::admin::{Admin, WorldParams};
use nfkm::{Environment, Session};
use tempfile::TempDir;

use crate::capi::Provider;
use crate::case::Need;
#[cfg(feature = "embedded")]
use crate::daemon::{Daemon, Settings};
use crate::sys;

/// Which target to use.
#[derive(Clone, Debug)]
pub enum Choice {
    /// A hardserver of our own, in a temporary folder.
    #[cfg(feature = "embedded")]
    Own {
        /// How many modules.
        modules: u32,
        /// What decides every random value, in hexadecimal.
        seed: Option<String>,
    },
    /// One that runs already.
    Running {
        /// Where.
        ordinary: Endpoint,
        /// Its privileged endpoint, if it may be used.
        privileged: Option<Endpoint>,
        /// The Key Management Data folder of its Security World.
        kmdata: Option<PathBuf>,
        /// Whether its modules may be cleared and failed.
        sacrifice: bool,
    },
}

/// A target. An own hardserver ends with it, and its folder is removed.
#[derive(Debug)]
pub struct Target {
    ordinary: Endpoint,
    privileged: Option<Endpoint>,
    kmdata: PathBuf,
    sacrifice: bool,
    provider: Option<Provider>,
    #[cfg(feature = "embedded")]
    daemon: Option<Mutex<Daemon>>,
    facts: Facts,
    // Declared last, so that it is removed when nobody uses it any more.
    folder: Option<TempDir>,
}

/// What was found out when the target was opened.
#[derive(Clone, Debug)]
struct Facts {
    /// Numbers of the usable modules, or why there is no world.
    world: Result<Vec<u32>, String>,
    /// For the reports.
    lines: Vec<String>,
}

/// A place for a target whose hardserver does not run yet.
#[derive(Debug)]
pub struct Prepared {
    choice: Choice,
    folder: Option<TempDir>,
    kmdata: PathBuf,
}

impl Prepared {
    /// Chooses folders. Starts nothing.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn new(choice: Choice) -> anyhow::Result<Prepared> {
        let temporary = || {
            tempfile::Builder::new()
                .prefix("softshield-")
                .tempdir()
                .context("no temporary folder")
        };
        let (folder, kmdata) = match &choice {
            #[cfg(feature = "embedded")]
            Choice::Own { .. } => {
                let folder = temporary()?;
                let kmdata = settings(folder.path(), 1, None).kmdata();
                (Some(folder), kmdata)
            }
            Choice::Running {
                kmdata: Some(kmdata),
                ..
            } => (None, kmdata.clone()),
            Choice::Running { kmdata: None, .. } => {
                let folder = temporary()?;
                let kmdata = folder.path().join("kmdata");
                (Some(folder), kmdata)
            }
        };
        Ok(Prepared {
            choice,
            folder,
            kmdata,
        })
    }

    /// What clients of this target are told: the environment of the provider and of everything else.
    pub fn environment(&self) -> Environment {
        let (ordinary, privileged) = match &self.choice {
            #[cfg(feature = "embedded")]
            Choice::Own { modules, seed } => {
                let folder = self
                    .folder
                    .as_ref()
                    .map_or_else(|| Path::new("."), TempDir::path);
                let settings = settings(folder, *modules, seed.clone());
                (settings.ordinary(), Some(settings.privileged()))
            }
            Choice::Running {
                ordinary,
                privileged,
                ..
            } => (ordinary.clone(), privileged.clone()),
        };
        Environment {
            server: Some(ordinary.to_string()),
            privileged_server: privileged.map(|endpoint| endpoint.to_string()),
            kmdata: Some(self.kmdata.clone()),
            ..Environment::default()
        }
    }

    /// Tells the provider in this process where the hardserver and the Security World are, through the environment. To be
    /// called before the first thread is started.
    ///
    /// # Errors
    /// The process has more than one thread.
    pub fn point_provider(&self) -> anyhow::Result<()> {
        let environment = self.environment();
        let text = |value: &Option<String>| value.clone().map(Into::into);
        let values: [(&str, Option<OsString>); 7] = [
            ("NFAST_SERVER", text(&environment.server)),
            ("NFAST_PRIVSERVER", text(&environment.privileged_server)),
            (
                "NFAST_KMDATA",
                environment.kmdata.clone().map(PathBuf::into_os_string),
            ),
            ("NFAST_SERVER_PORT", None),
            ("NFAST_SERVER_PRIVPORT", None),
            ("NFAST_KMLOCAL", None),
            ("NFAST_KMDATA_LOCAL", None),
        ];
        sys::set_variables(values.iter().map(|(name, value)| (*name, value.as_deref())))
            .context("cannot tell the provider where the hardserver is")
    }

    /// Starts an own hardserver, makes a world where that is wanted, and finds out what there is.
    ///
    /// # Errors
    /// An own hardserver does not start, or makes no world; a running one does not answer. One that answers but lacks
    /// something is a target all the same.
    pub fn open(self) -> anyhow::Result<Target> {
        self.open_with(&std::env::current_exe()?)
    }

    /// [`Prepared::open`] with the executable that can be the hardserver, for callers that are another one.
    ///
    /// # Errors
    /// As [`Prepared::open`].
    #[cfg_attr(not(feature = "embedded"), expect(unused_variables))]
    pub fn open_with(self, executable: &Path) -> anyhow::Result<Target> {
        let environment = self.environment();
        let Prepared {
            choice,
            folder,
            kmdata,
        } = self;
        match choice {
            #[cfg(feature = "embedded")]
            Choice::Own { modules, seed } => {
                let folder = folder.context("an own hardserver has a folder")?;
                let settings = settings(folder.path(), modules, seed);
                let daemon = Daemon::start(executable, settings.clone())?;
                make_world(&environment, modules, folder.path())
                    .context("cannot make a Security World")?;
                Ok(Target {
                    ordinary: settings.ordinary(),
                    privileged: Some(settings.privileged()),
                    kmdata,
                    sacrifice: true,
                    provider: None,
                    daemon: Some(Mutex::new(daemon)),
                    facts: Facts::find(&environment)?,
                    folder: Some(folder),
                })
            }
            Choice::Running {
                ordinary,
                privileged,
                sacrifice,
                ..
            } => Ok(Target {
                ordinary,
                privileged,
                kmdata,
                sacrifice,
                provider: None,
                #[cfg(feature = "embedded")]
                daemon: None,
                facts: Facts::find(&environment)?,
                folder,
            }),
        }
    }
}

impl Target {
    /// With one provider for all cases, in place of ours of the type that each is for.
    pub fn with_provider(self, provider: Provider) -> Target {
        Target {
            provider: Some(provider),
            ..self
        }
    }

    /// The provider that all cases are to try, if one was chosen.
    pub fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// The ordinary endpoint.
    pub fn ordinary(&self) -> &Endpoint {
        &self.ordinary
    }

    /// The privileged endpoint, if it may be used.
    pub fn privileged(&self) -> Option<&Endpoint> {
        self.privileged.as_ref()
    }

    /// The folder of the Security World's files.
    pub fn kmlocal(&self) -> PathBuf {
        self.kmdata.join("local")
    }

    /// The hardserver that the harness started.
    #[cfg(feature = "embedded")]
    pub fn daemon(&self) -> Option<MutexGuard<'_, Daemon>> {
        self.daemon
            .as_ref()
            .map(|daemon| daemon.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The numbers of the modules that keys can be loaded on.
    pub fn usable_modules(&self) -> &[u32] {
        self.facts.world.as_deref().unwrap_or_default()
    }

    /// What the target has, for the reports.
    pub fn facts(&self) -> Vec<String> {
        self.facts.lines.clone()
    }

    /// The folder of an own hardserver, where cases may put files of their own.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }

    /// The log of an own hardserver.
    #[cfg(feature = "embedded")]
    pub fn log(&self) -> Option<PathBuf> {
        self.folder()
            .filter(|_| self.daemon.is_some())
            .map(|folder| settings(folder, 1, None).log())
    }

    #[cfg(feature = "embedded")]
    fn has_own_hardserver(&self) -> bool {
        self.daemon.is_some()
    }

    #[cfg(not(feature = "embedded"))]
    fn has_own_hardserver(&self) -> bool {
        false
    }

    /// Why a need is not met; None when it is.
    pub fn lacks(&self, need: Need) -> Option<String> {
        let met = match need {
            Need::World => {
                return self
                    .facts
                    .world
                    .as_ref()
                    .err()
                    .map(|why| format!("needs {need}: {why}"));
            }
            Need::Modules(count) => self.usable_modules().len() >= count as usize,
            Need::Privileged => self.privileged.is_some(),
            Need::Sacrifice => self.sacrifice,
            Need::Control => self.has_own_hardserver(),
        };
        if met {
            None
        } else {
            Some(format!("needs {need}"))
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.has_own_hardserver() {
            true => write!(f, "own hardserver")?,
            false => write!(f, "{}", self.ordinary)?,
        }
        match &self.provider {
            Some(provider) => write!(f, ", {}", provider.name),
            None => Ok(()),
        }
    }
}

impl Facts {
    fn find(environment: &Environment) -> anyhow::Result<Facts> {
        let found = Session::open(environment).and_then(|session| session.world());
        Ok(match found {
            Err(error @ nfkm::Error::Connection(_)) => return Err(error.into()),
            Err(error) => Facts {
                lines: vec![format!("no Security World: {error}")],
                world: Err(error.to_string()),
            },
            Ok(world) => {
                let usable = || world.modules.iter().filter(|module| module.is_usable());
                let serials: Vec<&str> = usable().map(|module| module.esn.as_str()).collect();
                let plural = if serials.len() == 1 { "" } else { "s" };
                let lines = vec![
                    format!(
                        "{} usable module{plural} ({})",
                        serials.len(),
                        serials.join(", ")
                    ),
                    format!("world {}", &nfkm::hex(&world.world.hknso)[..12]),
                ];
                let numbers: Vec<u32> = usable().map(|module| module.number).collect();
                let world = if numbers.is_empty() {
                    Err("no module has it".to_owned())
                } else {
                    Ok(numbers)
                };
                Facts { world, lines }
            }
        })
    }
}

#[cfg(feature = "embedded")]
fn settings(folder: &Path, modules: u32, seed: Option<String>) -> Settings {
    Settings {
        folder: folder.to_owned(),
        modules,
        seed,
    }
}

#[cfg(feature = "embedded")]
/// Makes a world with one administrator card, a file beside the hardserver's own, and loads it on every module.
fn make_world(environment: &Environment, modules: u32, folder: &Path) -> anyhow::Result<()> {
    let admin = Admin::open(environment)?;
    let modules: Vec<u32> = (1..=modules).collect();
    let cards = CardSource::Files(vec![folder.join("administrator-card")]);
    admin.create(
        &modules,
        &WorldParams::new(1, 1),
        &cards,
        &mut Unattended::default(),
    )?;
    Ok(())
}
