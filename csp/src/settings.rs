//! The parameters that the installation wizard sets for the provider (CAPI guide, sections 4.2 and 8).
//!
//! On Unix they are the file `config/mscapi` of the Key Management Data, TOML:
//!
//! ```toml
//! protection = "module"        # or "card-set"
//! always-display-ui = false    # at key generation, even with an automatic card in a reader
//! pool-mode = false            # HSM Pool mode
//! no-desktop = false           # prompts are shown nowhere, as in a service
//! prompt-timeout = 60          # seconds such a prompt has
//! ```
//!
//! What is left out has the value shown, and so has everything when there is no file. On Windows they are DWORD values of
//! the same names in the registry key `HKEY_LOCAL_MACHINE\SOFTWARE\nCipher\Cryptography`, protection 0 or 1; programs of
//! 32 bits see a copy of their own. The vendor's names and places are unpublished.
//!
//! On either system the variable [`SETTINGS_VARIABLE`] names a file of the above form that is read instead.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use nfkm::Environment;
use serde::{Deserialize, Serialize};

#[cfg(windows)]
use windows_registry::LOCAL_MACHINE;

/// The environment variable with the path of a file that is read in place of the machine's parameters.
pub const SETTINGS_VARIABLE: &str = "NCCAPI_SETTINGS";

/// What protects new keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyProtection {
    /// The module alone.
    #[default]
    Module,
    /// An operator card set.
    CardSet,
}

/// The parameters. They are read when a context is acquired, and hold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SetupParameters {
    /// What protects new keys. Keys that exist keep their protection.
    pub protection: KeyProtection,
    /// Whether a card set is chosen by the user at key generation even if an automatic card is in a reader.
    pub always_display_ui: bool,
    /// Whether the pool of modules is used in place of the modules.
    pub pool_mode: bool,
    /// Whether prompts are treated as if nobody could see them.
    pub no_desktop: bool,
    /// How long a prompt that nobody can see is left unanswered, in seconds.
    #[serde(rename = "prompt-timeout")]
    pub prompt_timeout_secs: u32,
}

/// Why the parameters cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file system's or the registry's refusal.
    #[error("{place}: {cause}")]
    Access {
        /// The file or registry key.
        place: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The folder of the file may not be used.
    #[error(transparent)]
    Folder(#[from] nfkm::Error),
    /// The machine's file has nothing in it, as no utility leaves it: what was set is lost.
    #[error("{}: empty; what was set there is lost, and without the file the defaults hold", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file that is no TOML, or has a parameter that does not exist.
    #[error("{}: {cause}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        cause: Box<toml::de::Error>,
    },
}

impl Default for SetupParameters {
    fn default() -> SetupParameters {
        SetupParameters {
            protection: KeyProtection::Module,
            always_display_ui: false,
            pool_mode: false,
            no_desktop: false,
            prompt_timeout_secs: 60,
        }
    }
}

impl SetupParameters {
    /// The parameters in force on this machine; [`SETTINGS_VARIABLE`] goes before them.
    ///
    /// # Errors
    /// [`SettingsError`]. That nothing was ever set is none.
    pub fn read(environment: &Environment) -> Result<SetupParameters, SettingsError> {
        match std::env::var_os(SETTINGS_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => SetupParameters::from_file(PathBuf::from(path), true),
            None => SetupParameters::of_machine(environment),
        }
    }

    /// How long a prompt that nobody can see is left unanswered.
    pub(crate) fn prompt_timeout(&self) -> Duration {
        Duration::from_secs(self.prompt_timeout_secs.into())
    }

    #[cfg(not(windows))]
    fn of_machine(environment: &Environment) -> Result<SetupParameters, SettingsError> {
        SetupParameters::from_file(file(environment)?, false)
    }

    /// Sets the parameters of this machine.
    ///
    /// # Errors
    /// [`SettingsError::Access`].
    #[cfg(not(windows))]
    pub fn write(&self, environment: &Environment) -> Result<(), SettingsError> {
        let path = file(environment)?;
        let access = |cause| SettingsError::Access {
            place: path.display().to_string(),
            cause,
        };
        let text = toml::to_string(self).map_err(|error| access(io::Error::other(error)))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(access)?;
        }
        // Whoever acquires a context meanwhile reads the old parameters or the new ones.
        let draft = path.with_extension("new");
        fs::write(&draft, text).map_err(access)?;
        fs::rename(&draft, &path).map_err(access)
    }

    #[cfg(windows)]
    fn of_machine(_: &Environment) -> Result<SetupParameters, SettingsError> {
        let default = SetupParameters::default();
        let absent = |error: &io::Error| error.raw_os_error() == Some(ABSENT);
        let key = match LOCAL_MACHINE.open(REGISTRY_KEY).map_err(io::Error::from) {
            Err(error) if absent(&error) => return Ok(default),
            key => key.map_err(registry)?,
        };
        let value = |name, default| match key.get_u32(name).map_err(io::Error::from) {
            Err(error) if absent(&error) => Ok(default),
            value => value.map_err(registry),
        };
        Ok(SetupParameters {
            protection: match value(PROTECTION, 0)? {
                0 => KeyProtection::Module,
                _ => KeyProtection::CardSet,
            },
            always_display_ui: value(ALWAYS_DISPLAY_UI, 0)? != 0,
            pool_mode: value(POOL_MODE, 0)? != 0,
            no_desktop: value(NO_DESKTOP, 0)? != 0,
            prompt_timeout_secs: value(PROMPT_TIMEOUT, default.prompt_timeout_secs)?,
        })
    }

    /// Sets the parameters of this machine.
    ///
    /// # Errors
    /// [`SettingsError::Access`].
    #[cfg(windows)]
    pub fn write(&self, _: &Environment) -> Result<(), SettingsError> {
        let protection = u32::from(self.protection == KeyProtection::CardSet);
        let failed = |error| registry(io::Error::from(error));
        let key = LOCAL_MACHINE.create(REGISTRY_KEY).map_err(failed)?;
        for (name, value) in [
            (PROTECTION, protection),
            (ALWAYS_DISPLAY_UI, self.always_display_ui.into()),
            (POOL_MODE, self.pool_mode.into()),
            (NO_DESKTOP, self.no_desktop.into()),
            (PROMPT_TIMEOUT, self.prompt_timeout_secs),
        ] {
            key.set_u32(name, value).map_err(failed)?;
        }
        Ok(())
    }

    /// Only a file that was named must be there.
    fn from_file(path: PathBuf, named: bool) -> Result<SetupParameters, SettingsError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) if text.is_empty() && !named => return Err(SettingsError::Empty { path }),
            Ok(text) => text,
            Err(error) if !named && error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(cause) => {
                let place = path.display().to_string();
                return Err(SettingsError::Access { place, cause });
            }
        };
        toml::from_str(&text).map_err(|cause| SettingsError::Content {
            path,
            cause: Box::new(cause),
        })
    }
}

#[cfg(not(windows))]
fn file(environment: &Environment) -> Result<PathBuf, SettingsError> {
    Ok(environment.config_folder()?.join("mscapi"))
}

#[cfg(windows)]
fn registry(cause: io::Error) -> SettingsError {
    SettingsError::Access {
        place: format!(r"HKEY_LOCAL_MACHINE\{REGISTRY_KEY}"),
        cause,
    }
}

#[cfg(windows)]
const REGISTRY_KEY: &str = r"SOFTWARE\nCipher\Cryptography";
/// The HRESULT of ERROR_FILE_NOT_FOUND: no such key or value.
#[cfg(windows)]
const ABSENT: i32 = 0x8007_0002_u32 as i32;
#[cfg(windows)]
const PROTECTION: &str = "protection";
#[cfg(windows)]
const ALWAYS_DISPLAY_UI: &str = "always-display-ui";
#[cfg(windows)]
const POOL_MODE: &str = "pool-mode";
#[cfg(windows)]
const NO_DESKTOP: &str = "no-desktop";
#[cfg(windows)]
const PROMPT_TIMEOUT: &str = "prompt-timeout";

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    fn rig() -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment {
            kmdata: Some(folder.path().to_owned()),
            ..Environment::default()
        };
        (folder, environment)
    }

    #[test]
    fn what_was_written_is_read_and_nothing_is_the_default() {
        let (_folder, environment) = rig();
        let read = || SetupParameters::of_machine(&environment).unwrap();
        assert_eq!(read(), SetupParameters::default());
        let other = SetupParameters {
            protection: KeyProtection::CardSet,
            always_display_ui: true,
            pool_mode: true,
            no_desktop: true,
            prompt_timeout_secs: 7,
        };
        other.write(&environment).unwrap();
        assert_eq!(read(), other);
    }

    #[test]
    fn the_file_has_the_form_that_is_documented() {
        let (folder, environment) = rig();
        let path = folder.path().join("config/mscapi");
        fs::create_dir(folder.path().join("config")).unwrap();
        let check = |text: &str| {
            fs::write(&path, text).unwrap();
            SetupParameters::of_machine(&environment).map_err(|error| error.to_string())
        };
        let card_set = SetupParameters {
            protection: KeyProtection::CardSet,
            always_display_ui: true,
            ..SetupParameters::default()
        };
        assert_eq!(
            check("protection = \"card-set\"\nalways-display-ui = true\n"),
            Ok(card_set)
        );
        assert_eq!(check("prompt-timeout = 60"), Ok(SetupParameters::default()));
        for wrong in ["protection = \"softcard\"", "pool = true", "pool-mode = 1"] {
            let error = check(wrong).unwrap_err();
            assert!(error.contains("mscapi") && error.contains('1'), "{error}");
        }
    }

    #[test]
    fn an_emptied_file_is_not_taken_for_the_defaults() {
        let (folder, environment) = rig();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/mscapi"), "").unwrap();
        let error = SetupParameters::of_machine(&environment).unwrap_err();
        assert!(error.to_string().contains("mscapi: empty"), "{error}");
    }

    #[test]
    fn a_file_that_is_named_must_be_there() {
        let (folder, _) = rig();
        let missing = folder.path().join("nowhere");
        assert!(SetupParameters::from_file(missing, true).is_err());
    }
}
