//! nShield's configuration file: `kmdata/config/config`.
//!
//! Its dialect: the first line that says anything is `syntax-version=1`; `[section]` lines; `name=value` lines; whole
//! lines of `#` comment; within a section that repeats, a line of dashes separates the entries. A file that cannot be
//! understood is refused with the number of the line, since a setting that silently does nothing is worse than none. What
//! concerns a genuine installation alone is let through and named: sections that newer releases have, whatever is in them,
//! and settings that have no effect here.

mod links;

use std::path::PathBuf;

pub use self::links::Links;

/// A configuration file as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigFile {
    /// The sections in the order of the file.
    pub sections: Vec<Section>,
}

/// One `[section]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name between the brackets.
    pub name: String,
    /// The line of the brackets, from 1.
    pub line: usize,
    /// The entries that lines of dashes separate. Never an empty entry.
    pub entries: Vec<Vec<Setting>>,
}

/// One `name=value` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What stands before the first `=`.
    pub name: String,
    /// What stands after it, blanks around it left out. It may be empty.
    pub value: String,
    /// The line, from 1.
    pub line: usize,
}

/// What `[server_startup]` says about the endpoints, and what other sections say about other hardservers. A setting that is
/// not in the file is None.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Startup {
    /// `unix_socket_name`: the ordinary socket.
    pub unix_socket_name: Option<PathBuf>,
    /// `unix_privsocket_name`: the privileged socket.
    pub unix_privsocket_name: Option<PathBuf>,
    /// `nonpriv_port`: the ordinary TCP port; 0 is off.
    pub nonpriv_port: Option<u16>,
    /// `priv_port`: the privileged TCP port; 0 is off.
    pub priv_port: Option<u16>,
    /// What the sections about other hardservers say.
    pub links: Links,
    /// What is in the file and does nothing.
    pub unread: Unread,
}

/// What a configuration file has and this daemon does not act on, for the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unread {
    /// Settings and sections of the dialect that have no effect here.
    pub without_effect: Vec<String>,
    /// Sections of no known name, each once: of a newer release, or mistyped.
    pub unknown_sections: Vec<String>,
}

/// Why a configuration file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub kind: ConfigErrorKind,
}

/// What is wrong with a line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigErrorKind {
    /// The file does not begin with its version.
    #[error("the file must begin with `syntax-version=1'")]
    NoVersion,
    /// A version of the dialect that nobody has described.
    #[error("syntax-version `{0}' is not known, only 1 is")]
    UnknownVersion(String),
    /// Neither a section nor a setting nor a comment.
    #[error("`{0}' is neither `[section]' nor `name=value'")]
    NotASetting(String),
    /// A setting or separator outside every section.
    #[error("nothing but comments may stand before the first section")]
    NoSection,
    /// The same name twice in one entry.
    #[error("`{name}' is already set in line {first}")]
    Twice {
        /// The setting.
        name: String,
        /// Where it was set first.
        first: usize,
    },
    /// A second entry or section where one is all there can be.
    #[error("`[{0}]' may have one entry only")]
    SecondEntry(String),
    /// A name that a section does not have.
    #[error("`[{section}]' has no setting `{name}'")]
    UnknownSetting {
        /// The section.
        section: String,
        /// The setting.
        name: String,
    },
    /// A port that is not a number from 0 to 65535.
    #[error("`{0}' is not a port: a number from 0 (off) to 65535")]
    NotAPort(String),
    /// A path that is empty or not absolute.
    #[error("`{0}' is not an absolute path")]
    NotAPath(String),
    /// Not an IPv4 or IPv6 address.
    #[error("`{0}' is not an address")]
    NotAnAddress(String),
    /// Not a serial number.
    #[error("not a serial number: three groups of four hexadecimal digits")]
    NotAnEsn,
    /// Not the hash of a key.
    #[error("not the hash of a key: 40 hexadecimal digits")]
    NotAHash,
    /// A hash of zeros.
    #[error("the hash of the other hardserver's key is wanted, and zeros are none")]
    NoHash,
    /// Not a truth value.
    #[error("`yes', `1', `no' or `0' is expected")]
    NotYesOrNo,
    /// Not a number of seconds.
    #[error("not a number of seconds from 1 to 86400")]
    NotSeconds,
    /// Not what an importer may do.
    #[error("`clientperm' is `priv' or `unpriv'")]
    NotAPermission,
    /// A number of its own for an imported module.
    #[error("modules are imported under the next number: `local_module' can be 0 only")]
    LocalModule,
    /// An entry without a setting that it must have.
    #[error("`[{section}]' wants `{name}' in each entry")]
    Missing {
        /// The section.
        section: &'static str,
        /// The setting.
        name: &'static str,
    },
}

/// The sections of a genuine file (SECURITY-WORLD, section 12), which are accepted although most concern network units.
const SECTIONS: &[&str] = &[
    "server_settings",
    "module_settings",
    "server_remotecomms",
    "server_remotecomms_ipv6",
    "auditlog_settings",
    STARTUP,
    "server_performance",
    "nethsm_imports",
    "load_seemachine",
    "slot_imports",
    "slot_exports",
    "dynamic_slots",
    "dynamic_slot_timeouts",
    "slot_mapping",
    "remote_file_system",
    "rfs_sync_client",
    "remote_administration_service_startup",
    "remote_administration_slot_server_startup",
    "nethsm_settings",
    "cosmod",
    "nethsm_eth",
    "nethsm_eth_ipv6",
    "nethsm_eth1_enable",
    "nethsm_gateway",
    "nethsm_route",
    "nethsm_enable",
    "hs_clients",
    "hs_clients_ipv6",
    "rfs_client",
    "rfs_client_ipv6",
    "sys_log",
    "config_op",
    "ui_lockout",
];

const STARTUP: &str = "server_startup";

/// Settings of `[server_startup]` that mean something on Windows, to serial devices or to the process's limits only.
const STARTUP_WITHOUT_EFFECT: &[&str] = &[
    "nt_pipe_name",
    "nt_pipe_users",
    "nt_privpipe_name",
    "nt_privpipe_users",
    "serial_dtpp_devices",
    "unix_file_descriptor_max",
];

impl ConfigFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first line that does not fit the dialect.
    pub fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        check_version(lines.next())?;

        let mut file = ConfigFile::default();
        for (line, text) in lines {
            let fail = |kind| Err(ConfigError { line, kind });
            if let Some(name) = text
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                file.sections.push(Section {
                    name: name.trim().to_owned(),
                    line,
                    entries: vec![Vec::new()],
                });
                continue;
            }
            let Some(section) = file.sections.last_mut() else {
                return fail(ConfigErrorKind::NoSection);
            };
            if text.bytes().all(|byte| byte == b'-') {
                section.entries.push(Vec::new());
                continue;
            }
            let Some((name, value)) = text.split_once('=') else {
                return fail(ConfigErrorKind::NotASetting(text.to_owned()));
            };
            let setting = Setting {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
                line,
            };
            if setting.name.is_empty() {
                return fail(ConfigErrorKind::NotASetting(text.to_owned()));
            }
            // A section always has an entry: it is made with one, and entries are only added.
            let Some(entry) = section.entries.last_mut() else {
                continue;
            };
            if let Some(earlier) = entry.iter().find(|earlier| earlier.name == setting.name) {
                return fail(ConfigErrorKind::Twice {
                    name: setting.name,
                    first: earlier.line,
                });
            }
            entry.push(setting);
        }
        for section in &mut file.sections {
            section.entries.retain(|entry| !entry.is_empty());
        }
        Ok(file)
    }

    /// Takes out what concerns this daemon's endpoints and other hardservers, and names what has no effect here.
    ///
    /// # Errors
    /// In the sections that are read: a second one where there can be one only, and a setting that cannot be meant.
    pub fn startup(&self) -> Result<Startup, ConfigError> {
        let mut startup = Startup::default();
        let mut seen = Vec::new();
        for section in &self.sections {
            let name = section.name.as_str();
            let fail = |line, kind| Err(ConfigError { line, kind });
            if !SECTIONS.contains(&name) {
                let unknown = &mut startup.unread.unknown_sections;
                if !unknown.contains(&section.name) {
                    unknown.push(section.name.clone());
                }
                continue;
            }
            let linking = links::SECTIONS.iter().find(|known| **known == name);
            if name != STARTUP && linking.is_none() {
                if !section.entries.is_empty() {
                    let without_effect = &mut startup.unread.without_effect;
                    without_effect.push(format!("[{name}]"));
                }
                continue;
            }
            if !links::LISTS.contains(&name) && (seen.contains(&name) || section.entries.len() > 1)
            {
                let second = section.entries.get(1).and_then(|entry| entry.first());
                let line = second.map_or(section.line, |setting| setting.line);
                return fail(line, ConfigErrorKind::SecondEntry(section.name.clone()));
            }
            seen.push(name);
            for entry in &section.entries {
                match linking {
                    Some(linking) => {
                        let without_effect = &mut startup.unread.without_effect;
                        startup.links.take(linking, entry, without_effect)?;
                    }
                    None => entry.iter().try_for_each(|setting| startup.set(setting))?,
                }
            }
        }
        Ok(startup)
    }
}

impl Startup {
    fn set(&mut self, setting: &Setting) -> Result<(), ConfigError> {
        match setting.name.as_str() {
            "unix_socket_name" => self.unix_socket_name = Some(path(setting)?),
            "unix_privsocket_name" => self.unix_privsocket_name = Some(path(setting)?),
            "nonpriv_port" => self.nonpriv_port = Some(port(setting)?),
            "priv_port" => self.priv_port = Some(port(setting)?),
            name if STARTUP_WITHOUT_EFFECT.contains(&name) => {
                let without_effect = &mut self.unread.without_effect;
                without_effect.push(format!("[{STARTUP}] {name}"));
            }
            _ => {
                let kind = ConfigErrorKind::UnknownSetting {
                    section: STARTUP.to_owned(),
                    name: setting.name.clone(),
                };
                return Err(ConfigError {
                    line: setting.line,
                    kind,
                });
            }
        }
        Ok(())
    }
}

fn check_version(first: Option<(usize, &str)>) -> Result<(), ConfigError> {
    let Some((line, text)) = first else {
        return Err(ConfigError {
            line: 1,
            kind: ConfigErrorKind::NoVersion,
        });
    };
    match text
        .split_once('=')
        .map(|(name, value)| (name.trim(), value.trim()))
    {
        Some(("syntax-version", "1")) => Ok(()),
        Some(("syntax-version", other)) => Err(ConfigError {
            line,
            kind: ConfigErrorKind::UnknownVersion(other.to_owned()),
        }),
        _ => Err(ConfigError {
            line,
            kind: ConfigErrorKind::NoVersion,
        }),
    }
}

fn path(setting: &Setting) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(&setting.value);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(ConfigError {
            line: setting.line,
            kind: ConfigErrorKind::NotAPath(setting.value.clone()),
        })
    }
}

fn port(setting: &Setting) -> Result<u16, ConfigError> {
    let not_a_port = || ConfigError {
        line: setting.line,
        kind: ConfigErrorKind::NotAPort(setting.value.clone()),
    };
    setting.value.parse().map_err(|_| not_a_port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn startup(text: &str) -> Result<Startup, String> {
        ConfigFile::parse(text)
            .and_then(|file| file.startup())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_the_endpoints_of_a_file_as_a_unit_has_it() {
        let text = "# hardserver configuration\r\n\
            syntax-version=1\r\n\
            \r\n\
            [server_settings]\r\n\
            loglevel=info\r\n\
            [module_settings]\r\n\
            esn=AAAA-BBBB-CCCC\r\n\
            priority=1\r\n\
            -----\r\n\
            esn=DDDD-EEEE-FFFF\r\n\
            priority=2\r\n\
            [server_startup]\r\n\
            # where applications connect\r\n\
            unix_socket_name = /tmp/a socket\r\n\
            unix_privsocket_name=/tmp/priv=1\r\n\
            nt_pipe_name=\\\\.\\pipe\\crypto\r\n\
            nonpriv_port=9000\r\n\
            priv_port=0\r\n";
        let expected = Startup {
            unix_socket_name: Some("/tmp/a socket".into()),
            unix_privsocket_name: Some("/tmp/priv=1".into()),
            nonpriv_port: Some(9000),
            priv_port: Some(0),
            links: Links::default(),
            unread: Unread {
                without_effect: vec![
                    "[server_settings] loglevel".to_owned(),
                    "[module_settings]".to_owned(),
                    "[server_startup] nt_pipe_name".to_owned(),
                ],
                unknown_sections: Vec::new(),
            },
        };
        assert_eq!(startup(text), Ok(expected));
    }

    #[test]
    fn sections_of_newer_releases_are_named_once_and_let_through() {
        let text = "syntax-version=1\n[quantum_settings]\nkeys=many\n[server_startup]\npriv_port=7\n\
            [nethsm_eth_ipv6]\naddr=::1\n[quantum_settings]\nkeys=few\n[server_start]\n";
        let startup = startup(text).unwrap();
        assert_eq!(startup.priv_port, Some(7));
        let expected = Unread {
            without_effect: vec!["[nethsm_eth_ipv6]".to_owned()],
            unknown_sections: vec!["quantum_settings".to_owned(), "server_start".to_owned()],
        };
        assert_eq!(startup.unread, expected);
    }

    #[test]
    fn entries_are_separated_by_lines_of_dashes() {
        let file =
            ConfigFile::parse("syntax-version=1\n[module_settings]\n-\na=1\n-----\n--\na=2\nb=\n")
                .unwrap();
        let setting = |name: &str, value: &str, line| Setting {
            name: name.to_owned(),
            value: value.to_owned(),
            line,
        };
        assert_eq!(
            file.sections[0].entries,
            vec![
                vec![setting("a", "1", 4)],
                vec![setting("a", "2", 7), setting("b", "", 8)]
            ]
        );
    }

    #[test]
    fn refuses_each_kind_of_mistake_with_its_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(startup(text), Err(expected.to_owned()), "{text}")
        };
        check("", "line 1: the file must begin with `syntax-version=1'");
        check(
            "\n[server_startup]\n",
            "line 2: the file must begin with `syntax-version=1'",
        );
        check(
            "# x\nsyntax-version=2\n",
            "line 2: syntax-version `2' is not known, only 1 is",
        );
        check(
            "syntax-version=1\nnonpriv_port=1\n",
            "line 2: nothing but comments may stand before the first section",
        );
        check(
            "syntax-version=1\n[server_startup]\nnonpriv_port\n",
            "line 3: `nonpriv_port' is neither `[section]' nor `name=value'",
        );
        check(
            "syntax-version=1\n[server_startup]\n=3\n",
            "line 3: `=3' is neither `[section]' nor `name=value'",
        );
        check(
            "syntax-version=1\n[server_startup]\npriv_port=1\n\npriv_port=2\n",
            "line 5: `priv_port' is already set in line 3",
        );
        check(
            "syntax-version=1\n[server_startup]\npriv_port=1\n-----\npriv_port=2\n",
            "line 5: `[server_startup]' may have one entry only",
        );
        check(
            "syntax-version=1\n[server_startup]\nnonprivport=1\n",
            "line 3: `[server_startup]' has no setting `nonprivport'",
        );
        check(
            "syntax-version=1\n[server_startup]\nnonpriv_port=65536\n",
            "line 3: `65536' is not a port: a number from 0 (off) to 65535",
        );
        check(
            "syntax-version=1\n[server_startup]\nunix_socket_name=nserver\n",
            "line 3: `nserver' is not an absolute path",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(syntax-version=1\n)?([\\[\\]=#\\-a-z0-9 \r]{0,12}\n){0,12}") {
            let _ = startup(&text);
        }
    }
}
