//! The sections about other hardservers: whose modules are imported, and who may import (SECURITY-WORLD, section 12).
//!
//! `[hs_clients]` is a network unit's section; its settings are those of deployment scripts in the field. Where a genuine
//! unit takes a hash of zeros to mean that any key will do, a hash is wanted here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{ConfigError, ConfigErrorKind, Setting, port};
use crate::hardserver::KnetiHash;
use crate::options::{HsClient, IMPATH_PORT, Import};

/// What a file says about other hardservers. A setting that is not in it is None.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Links {
    /// `[nethsm_imports]`, in the order of the file.
    pub imports: Vec<Import>,
    /// `[hs_clients]`.
    pub hs_clients: Vec<HsClient>,
    /// `[server_remotecomms] impath_addr`.
    pub impath_addr: Option<IpAddr>,
    /// `[server_remotecomms] impath_port`.
    pub impath_port: Option<u16>,
    /// `[server_settings] connect_retry`.
    pub connect_retry: Option<Duration>,
    /// `[server_settings] connect_broken`.
    pub connect_broken: Option<Duration>,
}

/// The sections that are read here.
pub(super) const SECTIONS: &[&str] = &[
    "nethsm_imports",
    "hs_clients",
    "server_remotecomms",
    "server_settings",
];

/// The sections that have one entry for each of what they list.
pub(super) const LISTS: &[&str] = &["nethsm_imports", "hs_clients"];

/// Settings of these sections that mean nothing here, beside those of `[server_settings]` that are not read.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("nethsm_imports", "privileged_use_high_port"),
    ("nethsm_imports", "ntoken_esn"),
    ("nethsm_imports", "timelimit"),
    ("nethsm_imports", "datalimit"),
    ("hs_clients", "esn"),
    ("hs_clients", "timelimit"),
    ("hs_clients", "datalimit"),
    ("server_remotecomms", "impath_interface"),
    ("server_settings", "loglevel"),
    ("server_settings", "logdetail"),
    ("server_settings", "connect_maxqueue"),
    ("server_settings", "connect_keepalive"),
    ("server_settings", "connect_keepidle"),
    ("server_settings", "connect_command_block"),
    ("server_settings", "accept_keepidle"),
    ("server_settings", "accept_keepalive"),
    ("server_settings", "max_pci_if_vers"),
    ("server_settings", "enable_remote_mode"),
    ("server_settings", "enable_remote_reboot"),
    ("server_settings", "enable_remote_upgrade"),
];

impl Links {
    /// Takes an entry of one of [`SECTIONS`]; what of it has no effect goes to `without_effect`.
    ///
    /// # Errors
    /// A setting that cannot be meant, and one that is wanted and is not there.
    pub(super) fn take(
        &mut self,
        section: &'static str,
        entry: &[Setting],
        without_effect: &mut Vec<String>,
    ) -> Result<(), ConfigError> {
        match section {
            "nethsm_imports" => self.imports.push(import(section, entry, without_effect)?),
            "hs_clients" => self
                .hs_clients
                .push(client(section, entry, without_effect)?),
            _ => {
                for setting in entry {
                    match setting.name.as_str() {
                        "impath_addr" => self.impath_addr = Some(address(setting)?),
                        "impath_port" => self.impath_port = Some(port(setting)?),
                        "connect_retry" => self.connect_retry = Some(seconds(setting)?),
                        "connect_broken" => self.connect_broken = Some(seconds(setting)?),
                        _ => unread(section, setting, without_effect)?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn import(
    section: &'static str,
    entry: &[Setting],
    without_effect: &mut Vec<String>,
) -> Result<Import, ConfigError> {
    let (mut ip, mut esn, mut keyhash) = (None, None, None);
    let (mut remote_port, mut privileged) = (IMPATH_PORT, false);
    for setting in entry {
        match setting.name.as_str() {
            "local_module" if setting.value == "0" => {}
            "local_module" => return Err(wrong(setting, ConfigErrorKind::LocalModule)),
            "remote_ip" => ip = Some(address(setting)?),
            "remote_port" => remote_port = port(setting)?,
            "remote_esn" if is_esn(&setting.value) => {
                esn = Some(setting.value.to_ascii_uppercase());
            }
            "remote_esn" => return Err(wrong(setting, ConfigErrorKind::NotAnEsn)),
            "keyhash" => keyhash = Some(hash(setting)?),
            "privileged" => privileged = yes(setting)?,
            _ => unread(section, setting, without_effect)?,
        }
    }
    let missing = |name| missing(section, name, entry);
    Ok(Import {
        remote: SocketAddr::new(ip.ok_or_else(|| missing("remote_ip"))?, remote_port),
        esn: esn.ok_or_else(|| missing("remote_esn"))?,
        keyhash: keyhash.ok_or_else(|| missing("keyhash"))?,
        privileged,
    })
}

fn client(
    section: &'static str,
    entry: &[Setting],
    without_effect: &mut Vec<String>,
) -> Result<HsClient, ConfigError> {
    let (mut addr, mut keyhash, mut privileged) = (None, None, false);
    for setting in entry {
        match (setting.name.as_str(), setting.value.as_str()) {
            // Any address.
            ("addr", "0.0.0.0") => addr = None,
            ("addr", _) => addr = Some(address(setting)?),
            ("clientperm", "unpriv") => privileged = false,
            ("clientperm", "priv") => privileged = true,
            ("clientperm", _) => return Err(wrong(setting, ConfigErrorKind::NotAPermission)),
            ("keyhash", _) => keyhash = Some(hash(setting)?),
            _ => unread(section, setting, without_effect)?,
        }
    }
    Ok(HsClient {
        addr,
        keyhash: keyhash.ok_or_else(|| missing(section, "keyhash", entry))?,
        privileged,
    })
}

fn unread(
    section: &'static str,
    setting: &Setting,
    without_effect: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let name = setting.name.as_str();
    if WITHOUT_EFFECT.contains(&(section, name)) {
        without_effect.push(format!("[{section}] {name}"));
        return Ok(());
    }
    let kind = ConfigErrorKind::UnknownSetting {
        section: section.to_owned(),
        name: setting.name.clone(),
    };
    Err(wrong(setting, kind))
}

fn wrong(setting: &Setting, kind: ConfigErrorKind) -> ConfigError {
    ConfigError {
        line: setting.line,
        kind,
    }
}

fn missing(section: &'static str, name: &'static str, entry: &[Setting]) -> ConfigError {
    ConfigError {
        // An entry has at least one setting.
        line: entry.first().map_or(0, |setting| setting.line),
        kind: ConfigErrorKind::Missing { section, name },
    }
}

fn address(setting: &Setting) -> Result<IpAddr, ConfigError> {
    let address = setting.value.parse();
    address.map_err(|_| {
        wrong(
            setting,
            ConfigErrorKind::NotAnAddress(setting.value.clone()),
        )
    })
}

fn hash(setting: &Setting) -> Result<KnetiHash, ConfigError> {
    match setting.value.parse() {
        Ok(KnetiHash([0, ..])) if setting.value.bytes().all(|digit| digit == b'0') => {
            Err(wrong(setting, ConfigErrorKind::NoHash))
        }
        Ok(hash) => Ok(hash),
        Err(_) => Err(wrong(setting, ConfigErrorKind::NotAHash)),
    }
}

fn yes(setting: &Setting) -> Result<bool, ConfigError> {
    match setting.value.as_str() {
        "yes" | "1" => Ok(true),
        "no" | "0" => Ok(false),
        _ => Err(wrong(setting, ConfigErrorKind::NotYesOrNo)),
    }
}

/// At least one: with none nothing would ever be tried, or everything be broken.
fn seconds(setting: &Setting) -> Result<Duration, ConfigError> {
    match setting.value.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(setting, ConfigErrorKind::NotSeconds)),
    }
}

/// Three groups of four hexadecimal digits (UTILITIES, section 2).
fn is_esn(text: &str) -> bool {
    let group = |group: &str| group.len() == 4 && group.bytes().all(|it| it.is_ascii_hexdigit());
    text.split('-').count() == 3 && text.split('-').all(group)
}

#[cfg(test)]
mod tests {
    use super::super::ConfigFile;
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn links(text: &str) -> Result<Links, String> {
        ConfigFile::parse(&format!("syntax-version=1\n{text}"))
            .and_then(|file| file.startup())
            .map(|startup| startup.links)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_imports_and_importers() {
        let text = format!(
            "[server_settings]\nconnect_retry=3\nconnect_broken=90\nconnect_keepalive=10\n\
             [server_remotecomms]\nimpath_port=9104\nimpath_addr=127.0.0.1\n\
             [nethsm_imports]\nlocal_module=0\nremote_ip=127.0.0.2\nremote_esn=1A2B-3C4D-5E6F\nkeyhash={HASH}\n\
             -----\nremote_ip=::1\nremote_port=7\nremote_esn=1A2B-3C4D-5E70\nkeyhash={HASH}\nprivileged=1\n\
             [hs_clients]\naddr=0.0.0.0\nclientperm=priv\nkeyhash={HASH}\nesn=\n\
             -----\naddr=10.0.0.1\nkeyhash={HASH}\n"
        );
        let keyhash = HASH.parse().unwrap();
        let import = |remote: &str, esn: &str, privileged| Import {
            remote: remote.parse().unwrap(),
            esn: esn.to_owned(),
            keyhash,
            privileged,
        };
        let expected = Links {
            imports: vec![
                import("127.0.0.2:9004", "1A2B-3C4D-5E6F", false),
                import("[::1]:7", "1A2B-3C4D-5E70", true),
            ],
            hs_clients: vec![
                HsClient {
                    addr: None,
                    keyhash,
                    privileged: true,
                },
                HsClient {
                    addr: Some("10.0.0.1".parse().unwrap()),
                    keyhash,
                    privileged: false,
                },
            ],
            impath_addr: Some("127.0.0.1".parse().unwrap()),
            impath_port: Some(9104),
            connect_retry: Some(Duration::from_secs(3)),
            connect_broken: Some(Duration::from_secs(90)),
        };
        assert_eq!(links(&text), Ok(expected));
    }

    #[test]
    fn refuses_each_kind_of_mistake_with_its_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(links(text), Err(expected.to_owned()), "{text}");
        };
        let zeros = "0".repeat(40);
        for (text, expected) in [
            (
                "local_module=3",
                "line 3: modules are imported under the next number: `local_module' can be 0 only",
            ),
            ("remote_ip=there", "line 3: `there' is not an address"),
            (
                "remote_esn=1A2B",
                "line 3: not a serial number: three groups of four hexadecimal digits",
            ),
            (
                "keyhash=12",
                "line 3: not the hash of a key: 40 hexadecimal digits",
            ),
            (
                "privileged=perhaps",
                "line 3: `yes', `1', `no' or `0' is expected",
            ),
            (
                "remote_ip=::1",
                "line 3: `[nethsm_imports]' wants `remote_esn' in each entry",
            ),
            ("frob=1", "line 3: `[nethsm_imports]' has no setting `frob'"),
        ] {
            check(&format!("[nethsm_imports]\n{text}\n"), expected);
        }
        let no_hash =
            "line 3: the hash of the other hardserver's key is wanted, and zeros are none";
        check(&format!("[hs_clients]\nkeyhash={zeros}\n"), no_hash);
        check(
            "[hs_clients]\nclientperm=priv_lowport\n",
            "line 3: `clientperm' is `priv' or `unpriv'",
        );
        check(
            "[server_settings]\nconnect_broken=0\n",
            "line 3: not a number of seconds from 1 to 86400",
        );
        check(
            "[server_settings]\nconnect_retry=1\n---\nconnect_retry=2\n",
            "line 5: `[server_settings]' may have one entry only",
        );
    }
}
