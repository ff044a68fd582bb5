//! What a daemon needs to know before it starts, and where it learns it.
//!
//! Each setting is looked for in this order: the command line, the environment (`NFAST_SERVER_PORT` and its kin win over
//! the file, PROTOCOL section 2.1), nShield's configuration file, the default. The daemon and `softshield env` share
//! this code, so that both name the same places.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ncore::profile::FrameLen;

use crate::config::{ConfigError, ConfigFile, Startup, Unread};
use crate::folders;
use crate::hardserver::KnetiHash;
use crate::module::SlotKind;
use crate::profile::Timing;

/// Everything a daemon is started with. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Options {
    /// NFAST_HOME: the installation folder.
    pub home: PathBuf,
    /// NFAST_KMDATA: the Key Management Data folder. The daemon only looks after it: clients read and write it.
    pub kmdata: PathBuf,
    /// NFAST_CERTDIR: the folder of dynamic feature certificates.
    pub certdir: PathBuf,
    /// NFAST_LOGDIR: the folder of the log file.
    pub logdir: PathBuf,
    /// Whether the log goes to the file in it instead of standard error: somebody named the folder.
    pub log_to_file: bool,
    /// The folder of the modules' state, one file a module.
    pub state: PathBuf,
    /// The folder of card files, one a card.
    pub cards: PathBuf,
    /// The Unix socket of the control channel.
    pub control_socket: PathBuf,
    /// The control channel's port on 127.0.0.1, if there is one; 0 takes any free port.
    pub control_port: Option<u16>,
    /// The ordinary Unix socket.
    pub socket: PathBuf,
    /// The privileged Unix socket.
    pub privileged_socket: PathBuf,
    /// The ordinary TCP port on 127.0.0.1, if there is one; 0 takes any free port.
    pub port: Option<u16>,
    /// The privileged TCP port on 127.0.0.1, if there is one; 0 takes any free port.
    pub privileged_port: Option<u16>,
    /// The number of modules, at least 1.
    pub modules: u32,
    /// Whether they make a pool from the start, all of them (HSM Pool mode); else ConfigurePoolModule makes one.
    pub pool: bool,
    /// The slots of each module beyond the reader, slot 0.
    pub more_slots: Vec<SlotKind>,
    /// How many private-key operations a module does at a time, at least 1.
    pub engines: usize,
    /// The arithmetic beneath.
    pub engine: engine::Kind,
    /// The bytes that decide every random value of the run; None takes them from the operating system.
    pub seed: Option<Vec<u8>>,
    /// The units whose pace the modules keep, in the order of their numbers; those beyond the last keep its pace. None is as
    /// fast as possible.
    pub timings: Vec<Timing>,
    /// Bytes of each module's non-volatile memory, instead of what its unit has.
    pub nvram_size: Option<usize>,
    /// How frames are counted (open point F1).
    pub frame_len: FrameLen,
    /// The modules of other hardservers that are imported, in the order of their numbers, which follow those of this one's.
    pub imports: Vec<Import>,
    /// The hardservers that may import this one's modules. Without any nobody listens for them.
    pub hs_clients: Vec<HsClient>,
    /// Where this hardserver listens for them; port 0 takes any free one.
    pub impath: SocketAddr,
    /// The longest pause before a lost link to an exporter is made again.
    pub connect_retry: Duration,
    /// How long the other end of a link may be silent before the link counts as lost.
    pub connect_broken: Duration,
    /// What the configuration file has and this daemon does not act on, for the log.
    pub unread: Unread,
    /// Whether every user of the machine may reach the ordinary socket and read the key management data: the daemon of
    /// root serves the machine, that of anybody else its user alone.
    pub shared: bool,
}

/// A module of another hardserver that is imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Where its hardserver listens.
    pub remote: SocketAddr,
    /// Its electronic serial number.
    pub esn: String,
    /// The hash of its hardserver's key.
    pub keyhash: KnetiHash,
    /// Whether privileged connections here may use privileged commands there, if its hardserver grants it.
    pub privileged: bool,
}

/// A hardserver that may import modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HsClient {
    /// Where it has to come from, if that matters.
    pub addr: Option<IpAddr>,
    /// The hash of its key.
    pub keyhash: KnetiHash,
    /// Whether it may use privileged commands.
    pub privileged: bool,
}

/// The settings a command line gives. What it leaves out is None.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The configuration file; it must exist.
    pub config: Option<PathBuf>,
    /// As [`Options::home`].
    pub home: Option<PathBuf>,
    /// As [`Options::kmdata`].
    pub kmdata: Option<PathBuf>,
    /// As [`Options::state`].
    pub state: Option<PathBuf>,
    /// As [`Options::cards`].
    pub cards: Option<PathBuf>,
    /// As [`Options::control_socket`].
    pub control_socket: Option<PathBuf>,
    /// As [`Options::socket`].
    pub socket: Option<PathBuf>,
    /// As [`Options::privileged_socket`].
    pub privileged_socket: Option<PathBuf>,
    /// Both TCP ports, at 9000 and 9001 unless something else says otherwise.
    pub tcp: bool,
    /// The ordinary TCP port; 0 is off, as in the configuration file.
    pub port: Option<u16>,
    /// The privileged TCP port; 0 is off.
    pub privileged_port: Option<u16>,
}

/// Why the settings make no daemon.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path}: {cause}")]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// The configuration file says something that cannot be meant.
    #[error("{path}, {cause}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Where and what.
        cause: ConfigError,
    },
    /// An environment variable holds no port.
    #[error("{variable} is `{value}', which is not a port: a number from 0 (off) to 65535")]
    NotAPort {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// Neither a home folder nor the variables that would make it unnecessary.
    #[error("no place for the files: set NFAST_HOME, or HOME")]
    NoHome,
    /// The key data folder is a symbolic link.
    #[error(
        "the key management data, {0}, are a symbolic link, and NFAST_KMDATA must not be one (CryptoAPI guide, section 1.3): \
         name the folder itself"
    )]
    KmdataIsLink(PathBuf),
    /// Dynamic and static feature certificates in one folder.
    #[error(
        "NFAST_CERTDIR ({0}) is the folder of static feature certificates; dynamic ones must be kept apart \
         (CryptoAPI guide, section 1.3)"
    )]
    CertificatesMixed(PathBuf),
    /// A folder cannot be looked at or made.
    #[error("cannot use the folder {path}: {cause}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        cause: std::io::Error,
    },
}

/// The port of links between hardservers (PROTOCOL section 2.1).
pub const IMPATH_PORT: u16 = 9004;

/// The ports of Java clients, which `--tcp` opens (PROTOCOL section 2.1).
pub const DEFAULT_PORTS: (u16, u16) = (9000, 9001);

impl Options {
    /// A daemon that keeps everything it touches inside one folder: Unix sockets only, one module, a random seed.
    /// Harnesses start from this.
    pub fn in_folder(folder: &Path) -> Options {
        Options {
            home: folder.to_owned(),
            kmdata: folder.join("kmdata"),
            certdir: folder.join("femcerts"),
            logdir: folder.join("log"),
            log_to_file: false,
            state: folder.join("state"),
            cards: folder.join("cards"),
            control_socket: beside(&folder.join("priv").join("privnserver")),
            control_port: None,
            socket: folder.join("nserver"),
            privileged_socket: folder.join("priv").join("privnserver"),
            port: None,
            privileged_port: None,
            modules: 1,
            pool: false,
            more_slots: vec![SlotKind::SoftToken],
            engines: default_engines(),
            engine: engine::Kind::default(),
            seed: None,
            timings: Vec::new(),
            nvram_size: None,
            frame_len: FrameLen::default(),
            imports: Vec::new(),
            hs_clients: Vec::new(),
            impath: SocketAddr::from((Ipv4Addr::UNSPECIFIED, IMPATH_PORT)),
            connect_retry: Duration::from_secs(10),
            connect_broken: Duration::from_secs(10),
            unread: Unread::default(),
            shared: false,
        }
    }

    /// Settles every setting. `variable` reads the environment; an empty variable counts as absent.
    ///
    /// # Errors
    /// A configuration file that cannot be read or understood, a variable that holds no port, no home folder, a key data
    /// folder that is a symbolic link.
    pub fn resolve(
        given: &Given,
        variable: &dyn Fn(&str) -> Option<OsString>,
        root: bool,
    ) -> Result<Options, OptionsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let absolute = |path: PathBuf| lexical(&here.join(path));

        let places = Places::new(root, &path)?;
        let home = given.home.clone().or_else(|| path("NFAST_HOME"));
        // Sockets go to the run folder only as long as everything is where it is by default: two installations of one
        // user must not meet there.
        let run = if home.is_some() { None } else { places.run };
        let home = absolute(home.unwrap_or(places.home));
        let kmdata = given.kmdata.clone().or_else(|| path("NFAST_KMDATA"));
        let kmdata = absolute(kmdata.unwrap_or_else(|| home.join("kmdata")));
        // Before anything is read in it.
        folders::refuse_link(&kmdata)?;
        let startup = read_config(given.config.as_deref(), &kmdata)?;

        let sockets = run.unwrap_or_else(|| home.join("sockets"));
        let socket = given
            .socket
            .clone()
            .or_else(|| path("NFAST_SERVER"))
            .or(startup.unix_socket_name);
        let privileged_socket = given
            .privileged_socket
            .clone()
            .or_else(|| path("NFAST_PRIVSERVER"))
            .or(startup.unix_privsocket_name);
        let port = |option: Option<u16>, name, file: Option<u16>, tcp: u16| {
            let from_environment = variable(name).map(|value| port(name, &value)).transpose()?;
            let by_switch = given.tcp.then_some(tcp);
            let settled = option.or(from_environment).or(by_switch).or(file);
            Ok(settled.filter(|&port| port != 0))
        };

        let privileged_socket =
            absolute(privileged_socket.unwrap_or_else(|| sockets.join("priv").join("privnserver")));
        let control_socket = given
            .control_socket
            .clone()
            .map_or_else(|| beside(&privileged_socket), absolute);
        let (links, defaults) = (startup.links, Options::in_folder(&home));
        Ok(Options {
            state: absolute(given.state.clone().unwrap_or_else(|| home.join("modules"))),
            cards: absolute(given.cards.clone().unwrap_or_else(|| home.join("cards"))),
            certdir: absolute(path("NFAST_CERTDIR").unwrap_or_else(|| home.join("femcerts"))),
            log_to_file: path("NFAST_LOGDIR").is_some(),
            logdir: absolute(path("NFAST_LOGDIR").unwrap_or_else(|| home.join("log"))),
            socket: absolute(socket.unwrap_or_else(|| sockets.join("nserver"))),
            privileged_socket,
            control_socket,
            port: port(
                given.port,
                "NFAST_SERVER_PORT",
                startup.nonpriv_port,
                DEFAULT_PORTS.0,
            )?,
            privileged_port: port(
                given.privileged_port,
                "NFAST_SERVER_PRIVPORT",
                startup.priv_port,
                DEFAULT_PORTS.1,
            )?,
            unread: startup.unread,
            imports: links.imports,
            hs_clients: links.hs_clients,
            impath: SocketAddr::new(
                links.impath_addr.unwrap_or(defaults.impath.ip()),
                links.impath_port.unwrap_or(defaults.impath.port()),
            ),
            connect_retry: links.connect_retry.unwrap_or(defaults.connect_retry),
            connect_broken: links.connect_broken.unwrap_or(defaults.connect_broken),
            kmdata,
            shared: root,
            ..defaults
        })
    }
}

/// The number of engines a module has when nothing else is said: one a core.
pub fn default_engines() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where things go by default.
struct Places {
    home: PathBuf,
    run: Option<PathBuf>,
}

impl Places {
    /// Root has the vendor's folders. Everybody else has folders of their own, where the XDG base directory
    /// specification puts state and sockets.
    fn new(root: bool, path: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Places, OptionsError> {
        const VENDOR: &str = "/opt/nfast";
        const NAME: &str = "softshield";

        if root {
            return Ok(Places {
                home: VENDOR.into(),
                run: None,
            });
        }
        let absolute = |name| path(name).filter(|path| path.is_absolute());
        let home = match (absolute("XDG_STATE_HOME"), absolute("HOME")) {
            (Some(state), _) => state.join(NAME),
            (None, Some(home)) => home.join(".local/state").join(NAME),
            // Without either, NFAST_HOME has to be set; then this folder is not used.
            (None, None) if path("NFAST_HOME").is_some() => PathBuf::new(),
            (None, None) => return Err(OptionsError::NoHome),
        };
        Ok(Places {
            home,
            run: absolute("XDG_RUNTIME_DIR").map(|run| run.join(NAME)),
        })
    }
}

/// Reads the configuration file. One that was named must exist; the one at the usual place need not.
fn read_config(named: Option<&Path>, kmdata: &Path) -> Result<Startup, OptionsError> {
    let usual = kmdata.join("config").join("config");
    let path = named.unwrap_or(&usual).to_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if named.is_none() && cause.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Startup::default());
        }
        Err(cause) => return Err(OptionsError::ConfigUnreadable { path, cause }),
    };
    ConfigFile::parse(&text)
        .and_then(|file| file.startup())
        .map_err(|cause| OptionsError::Config { path, cause })
}

fn port(variable: &'static str, value: &OsString) -> Result<u16, OptionsError> {
    value
        .to_str()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| OptionsError::NotAPort {
            variable,
            value: value.to_string_lossy().into_owned(),
        })
}

/// The path without `.` and without a slash at the end, so that looking at a link does not follow it. `..` stays: what
/// it means depends on links.
fn lexical(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

/// Where the control channel is by default: beside the privileged socket, for the same people.
fn beside(privileged_socket: &Path) -> PathBuf {
    let mut name = privileged_socket.as_os_str().to_owned();
    name.push(".control");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn resolve(
        given: &Given,
        variables: &[(&str, &str)],
        root: bool,
    ) -> Result<Options, OptionsError> {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        Options::resolve(given, &|name| variables.get(name).map(OsString::from), root)
    }

    fn write_config(kmdata: &Path, text: &str) {
        std::fs::create_dir_all(kmdata.join("config")).unwrap();
        std::fs::write(kmdata.join("config/config"), text).unwrap();
    }

    #[test]
    fn root_gets_the_vendors_places() {
        let options = resolve(&Given::default(), &[("HOME", "/root")], true).unwrap();
        assert_eq!(options.socket, Path::new("/opt/nfast/sockets/nserver"));
        assert_eq!(
            options.privileged_socket,
            Path::new("/opt/nfast/sockets/priv/privnserver")
        );
        assert_eq!(options.kmdata, Path::new("/opt/nfast/kmdata"));
        assert_eq!(options.logdir, Path::new("/opt/nfast/log"));
        assert_eq!(options.certdir, Path::new("/opt/nfast/femcerts"));
        assert_eq!((options.port, options.privileged_port), (None, None));
        assert!(options.shared, "for every user of the machine");
    }

    #[test]
    fn a_user_gets_places_of_their_own() {
        let options = resolve(
            &Given::default(),
            &[("HOME", "/home/u"), ("XDG_RUNTIME_DIR", "/run/user/7")],
            false,
        );
        let options = options.unwrap();
        assert_eq!(options.home, Path::new("/home/u/.local/state/softshield"));
        assert_eq!(options.socket, Path::new("/run/user/7/softshield/nserver"));
        assert!(!options.shared);
        let options = resolve(
            &Given::default(),
            &[("HOME", "/home/u"), ("XDG_STATE_HOME", "/s")],
            false,
        )
        .unwrap();
        assert_eq!(options.home, Path::new("/s/softshield"));
        assert_eq!(options.socket, Path::new("/s/softshield/sockets/nserver"));
    }

    #[test]
    fn an_installation_of_its_own_has_sockets_of_its_own() {
        let variables = [
            ("HOME", "/home/u"),
            ("XDG_RUNTIME_DIR", "/run/user/7"),
            ("NFAST_HOME", "/elsewhere"),
        ];
        let options = resolve(&Given::default(), &variables, false).unwrap();
        assert_eq!(options.socket, Path::new("/elsewhere/sockets/nserver"));
    }

    #[test]
    fn without_any_home_there_is_no_place() {
        assert!(matches!(
            resolve(&Given::default(), &[], false),
            Err(OptionsError::NoHome)
        ));
        assert!(resolve(&Given::default(), &[("NFAST_HOME", "/n")], false).is_ok());
    }

    #[test]
    fn options_win_over_environment_and_environment_over_file() {
        let folder = tempfile::tempdir().unwrap();
        let kmdata = folder.path().join("kmdata");
        write_config(
            &kmdata,
            "syntax-version=1\n[server_startup]\nunix_socket_name=/file/s\nunix_privsocket_name=/file/p\n\
             nonpriv_port=1\npriv_port=2\n",
        );
        let given = Given {
            kmdata: Some(kmdata),
            ..Given::default()
        };
        let home = ("HOME", "/h");

        let options = resolve(&given, &[home], false).unwrap();
        assert_eq!(options.socket, Path::new("/file/s"));
        assert_eq!(options.privileged_socket, Path::new("/file/p"));
        assert_eq!((options.port, options.privileged_port), (Some(1), Some(2)));

        let variables = [
            home,
            ("NFAST_SERVER", "/env/s"),
            ("NFAST_PRIVSERVER", "/env/p"),
            ("NFAST_SERVER_PORT", "3"),
            ("NFAST_SERVER_PRIVPORT", "0"),
        ];
        let options = resolve(&given, &variables, false).unwrap();
        assert_eq!(options.socket, Path::new("/env/s"));
        assert_eq!(options.privileged_socket, Path::new("/env/p"));
        assert_eq!((options.port, options.privileged_port), (Some(3), None));

        let given = Given {
            socket: Some("/option/s".into()),
            privileged_socket: Some("/option/p".into()),
            port: Some(5),
            privileged_port: Some(6),
            ..given
        };
        let options = resolve(&given, &variables, false).unwrap();
        assert_eq!(options.socket, Path::new("/option/s"));
        assert_eq!(options.privileged_socket, Path::new("/option/p"));
        assert_eq!((options.port, options.privileged_port), (Some(5), Some(6)));
    }

    #[test]
    fn the_tcp_switch_opens_the_ports_of_java_clients() {
        let given = Given {
            tcp: true,
            ..Given::default()
        };
        let options = resolve(&given, &[("HOME", "/h")], false).unwrap();
        assert_eq!(
            (options.port, options.privileged_port),
            (Some(9000), Some(9001))
        );
    }

    #[test]
    fn a_port_variable_must_hold_a_port() {
        let error = resolve(
            &Given::default(),
            &[("HOME", "/h"), ("NFAST_SERVER_PORT", "http")],
            false,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "NFAST_SERVER_PORT is `http', which is not a port: a number from 0 (off) to 65535"
        );
    }

    #[test]
    fn a_named_configuration_file_must_exist_and_errors_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("own.conf");
        let given = Given {
            config: Some(config.clone()),
            ..Given::default()
        };
        let error = resolve(&given, &[("HOME", "/h")], false).unwrap_err();
        assert!(
            matches!(error, OptionsError::ConfigUnreadable { .. }),
            "{error}"
        );
        std::fs::write(&config, "syntax-version=1\n[server_startup]\npriv_port=x\n").unwrap();
        let error = resolve(&given, &[("HOME", "/h")], false)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("own.conf, line 3: `x' is not a port"),
            "{error}"
        );
    }

    #[test]
    fn linked_key_data_are_refused_before_anything_is_read_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        write_config(&real, "not a configuration\n");
        std::os::unix::fs::symlink(&real, folder.path().join("kmdata")).unwrap();
        let home = folder.path().to_str().unwrap();
        let behind = format!("{home}/./kmdata/");
        for variables in [
            vec![("NFAST_HOME", home)],
            vec![("NFAST_HOME", "/elsewhere"), ("NFAST_KMDATA", &behind)],
        ] {
            let error = resolve(&Given::default(), &variables, false).unwrap_err();
            assert!(matches!(error, OptionsError::KmdataIsLink(_)), "{error}");
        }
    }
}
