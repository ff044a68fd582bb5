//! Turns containers into those of versions before 1.11.0, to try `cspmigrate` on: `csputils --json` goes in, with -m for the
//! machine's containers, with -a for all, and a file comes out as the registry editor exports it, with the keys that
//! docs/utilities.md describes. `scripts/old-containers` runs it.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};

use serde::Deserialize;

/// The longest name of a registry key, in characters.
const LONGEST_NAME: usize = 255;

/// What is taken of a container as `csputils --json` shows it.
#[derive(Debug, Deserialize)]
struct Container {
    name: String,
    /// The SID, or `machine`.
    owner: String,
    provider: String,
    exchange: Option<Key>,
    signature: Option<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    appname: String,
    ident: String,
}

fn main() -> io::Result<()> {
    let mut listed = String::new();
    io::stdin().read_to_string(&mut listed)?;
    let export = export(&listed).map_err(|error| {
        io::Error::other(format!(
            "the input is not what csputils --json prints: {error}"
        ))
    })?;
    io::stdout().write_all(&export)
}

/// The export of the registry in which these containers are.
pub(crate) fn export(listed: &str) -> Result<Vec<u8>, serde_json::Error> {
    let containers: Vec<Container> = serde_json::from_str(listed)?;
    let mut text = "Windows Registry Editor Version 5.00\r\n".to_owned();
    for (number, container) in containers.iter().enumerate() {
        write_key(&mut text, number, container);
    }
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    Ok(units.flat_map(u16::to_le_bytes).collect())
}

/// The registry key of a container, with its values.
fn write_key(text: &mut String, number: usize, container: &Container) {
    let root = match container.owner.as_str() {
        "machine" => r"HKEY_LOCAL_MACHINE\SOFTWARE".to_owned(),
        sid => format!(r"HKEY_USERS\{sid}\Software"),
    };
    let (provider, name) = (&container.provider, &container.name);
    let own_name = is_key_name(name);
    let key = match own_name {
        true => name.clone(),
        false => format!("container {number}"),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\r\n[{root}\\nCipher\\Cryptography\\Containers\\{provider}\\{key}]\r\n"
    );
    let mut value = |name: &str, data: &str| {
        let data = data.replace('\\', r"\\").replace('"', r#"\""#);
        let _ = write!(text, "\"{name}\"=\"{data}\"\r\n");
    };
    let keys = [
        ("ExchangeKey", &container.exchange),
        ("SignatureKey", &container.signature),
    ];
    for (name, key) in keys {
        if let Some(Key { appname, ident }) = key {
            value(name, &format!("{appname},{ident}"));
        }
    }
    if !own_name {
        value("Name", name);
    }
}

fn is_key_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=LONGEST_NAME).contains(&length) && !name.contains(|c: char| c == '\\' || c.is_control())
}
