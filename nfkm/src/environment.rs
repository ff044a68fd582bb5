//! Where things are: the `NFAST_*` variables and the defaults behind them (SECURITY-WORLD section 1, PROTOCOL 2.1).

use std::env;
use std::path::{Path, PathBuf};

use ncore::client::Endpoint;

use crate::error::Error;
use crate::hex;
use crate::kmdata::Folder;
use crate::preload::Preload;

/// The settings a client takes from its process. Every field is one variable; None means that it is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NFAST_SERVER`: the hardserver's ordinary endpoint, a socket path, or `tcp:HOST:PORT`.
    pub server: Option<String>,
    /// `NFAST_PRIVSERVER`: the privileged endpoint, in the same forms.
    pub privileged_server: Option<String>,
    /// `NFAST_SERVER_PORT`: the ordinary TCP port on this host, used when `NFAST_SERVER` is not set.
    pub server_port: Option<String>,
    /// `NFAST_SERVER_PRIVPORT`: the privileged TCP port on this host, used when `NFAST_PRIVSERVER` is not set.
    pub privileged_server_port: Option<String>,
    /// `NFAST_HOME`: the installation.
    pub home: Option<PathBuf>,
    /// `NFAST_KMDATA`: the Key Management Data; must not be a symbolic link (CAPI guide, section 1.3).
    pub kmdata: Option<PathBuf>,
    /// `NFAST_KMLOCAL`, or its alias `NFAST_KMDATA_LOCAL`: the folder of world, cards and keys.
    pub kmlocal: Option<PathBuf>,
    /// `NFAST_NFKM_TOKENSFILE`: where another process says which tokens it keeps loaded.
    pub tokens_file: Option<PathBuf>,
    /// `NFAST_NFKM_TOKENSSELECT`: the client (M_ClientID, in hexadecimal) whose tokens are meant. A file of another one counts
    /// for nothing.
    pub tokens_select: Option<String>,
}

impl Environment {
    /// Reads this process's variables. One that is set to nothing counts as not set.
    pub fn from_process() -> Environment {
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Environment {
            server: text("NFAST_SERVER"),
            privileged_server: text("NFAST_PRIVSERVER"),
            server_port: text("NFAST_SERVER_PORT"),
            privileged_server_port: text("NFAST_SERVER_PRIVPORT"),
            home: path("NFAST_HOME"),
            kmdata: path("NFAST_KMDATA"),
            kmlocal: path("NFAST_KMLOCAL").or_else(|| path("NFAST_KMDATA_LOCAL")),
            tokens_file: path("NFAST_NFKM_TOKENSFILE"),
            tokens_select: text("NFAST_NFKM_TOKENSSELECT"),
        }
    }

    /// The hardserver's ordinary endpoint.
    ///
    /// # Errors
    /// [`Error::Setting`] when a variable makes no sense.
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        Endpoint::ordinary(self.server.as_deref(), self.server_port.as_deref()).map_err(|cause| {
            Error::Setting {
                names: "NFAST_SERVER, NFAST_SERVER_PORT",
                cause,
            }
        })
    }

    /// The hardserver's privileged endpoint.
    ///
    /// # Errors
    /// [`Error::Setting`] when a variable makes no sense.
    pub fn privileged_endpoint(&self) -> Result<Endpoint, Error> {
        Endpoint::privileged(
            self.privileged_server.as_deref(),
            self.privileged_server_port.as_deref(),
        )
        .map_err(|cause| Error::Setting {
            names: "NFAST_PRIVSERVER, NFAST_SERVER_PRIVPORT",
            cause,
        })
    }

    /// The folder of world, cards and keys: `NFAST_KMLOCAL`, else `NFAST_KMDATA/local`, else
    /// `NFAST_HOME/kmdata/local`, else the built-in default.
    ///
    /// # Errors
    /// [`Error::SymbolicLink`] when the Key Management Data are one.
    pub fn folder(&self) -> Result<Folder, Error> {
        let kmdata = self.kmdata_folder()?;
        let local = self.kmlocal.clone();
        Ok(Folder::at(local.unwrap_or_else(|| kmdata.join("local"))))
    }

    /// What another process keeps loaded for this one; None when no file, or one of another client, says so.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::File`].
    pub fn preload(&self) -> Result<Option<Preload>, Error> {
        let preload = match &self.tokens_file {
            Some(file) => Preload::read(file)?,
            None => None,
        };
        let is_meant = |preload: &Preload| {
            let select = self.tokens_select.as_ref();
            select.is_none_or(|client| client.eq_ignore_ascii_case(&hex(&preload.client)))
        };
        Ok(preload.filter(is_meant))
    }

    /// The folder of settings: `NFAST_KMDATA/config`, else `NFAST_HOME/kmdata/config`, else the built-in default.
    ///
    /// # Errors
    /// [`Error::SymbolicLink`] when the Key Management Data are one.
    pub fn config_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.kmdata_folder()?.join("config"))
    }

    /// The Key Management Data, which may not be a symbolic link wherever they are settled.
    fn kmdata_folder(&self) -> Result<PathBuf, Error> {
        let folder = match (&self.kmdata, &self.home) {
            (Some(kmdata), _) => kmdata.clone(),
            (None, Some(home)) => home.join("kmdata"),
            (None, None) => PathBuf::from(DEFAULT_KMDATA),
        };
        refuse_symbolic_link(&folder)?;
        Ok(folder)
    }
}

#[cfg(unix)]
const DEFAULT_KMDATA: &str = "/opt/nfast/kmdata";
#[cfg(not(unix))]
const DEFAULT_KMDATA: &str = r"C:\ProgramData\nCipher\Key Management Data";

/// Looks at the path itself: a trailing separator would make the system look behind the link.
fn refuse_symbolic_link(path: &Path) -> Result<(), Error> {
    let bare: PathBuf = path.components().collect();
    match std::fs::symlink_metadata(&bare) {
        Ok(metadata) if metadata.is_symlink() => Err(Error::SymbolicLink { path: bare }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kmlocal: Option<&str>, kmdata: Option<&str>, home: Option<&str>, expected: &str) {
        let environment = Environment {
            kmlocal: kmlocal.map(PathBuf::from),
            kmdata: kmdata.map(PathBuf::from),
            home: home.map(PathBuf::from),
            ..Environment::default()
        };
        assert_eq!(environment.folder().unwrap().path(), Path::new(expected));
    }

    #[test]
    fn the_folder_is_looked_up_in_the_vendors_order() {
        check(Some("/a"), Some("/b"), Some("/c"), "/a");
        check(None, Some("/b"), Some("/c"), "/b/local");
        check(None, None, Some("/c"), "/c/kmdata/local");
        let default = Path::new(DEFAULT_KMDATA).join("local");
        check(None, None, None, default.to_str().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn key_management_data_behind_a_symbolic_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("kmdata");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        let named = |path| Environment {
            kmdata: Some(path),
            ..Environment::default()
        };
        let in_home = Environment {
            home: Some(root.path().to_owned()),
            kmlocal: Some(root.path().join("elsewhere")),
            ..Environment::default()
        };
        let slash = PathBuf::from(format!("{}/", link.display()));
        for environment in [named(link.clone()), named(slash), in_home] {
            for error in [
                environment.folder().unwrap_err(),
                environment.config_folder().unwrap_err(),
            ] {
                assert!(
                    matches!(&error, Error::SymbolicLink { path } if *path == link),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        let environment = Environment {
            server_port: Some("900000".to_owned()),
            ..Environment::default()
        };
        let text = environment.endpoint().unwrap_err().to_string();
        assert!(
            text.contains("NFAST_SERVER_PORT") && text.contains("900000"),
            "{text}"
        );
    }
}
