//! The registry of Windows, below `Cryptography\Defaults`.

use std::io;
use std::path::Path;

use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

use crate::alg::{PROVIDERS, Provider};
use crate::{log, names, sys};

const PROVIDER_KEYS: &str = r"SOFTWARE\Microsoft\Cryptography\Defaults\Provider";
const TYPE_KEYS: &str = r"SOFTWARE\Microsoft\Cryptography\Defaults\Provider Types";
/// Below the user's key, each type's default provider is a key of its own.
const USER_KEYS: &str = r"SOFTWARE\Microsoft\Cryptography";

/// Registers the providers with the library `image`, an absolute path. A registration that is there already is written anew.
///
/// # Errors
/// The path is not absolute or not Unicode; the registry's own, above all a lack of privilege.
pub fn register(image: &Path) -> io::Result<()> {
    let image = match image.to_str() {
        // A bare name would be looked for in every program's own search path.
        Some(image) if Path::new(image).is_absolute() => image,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not an absolute path",
            ));
        }
    };
    for provider in PROVIDERS {
        let prov_type = provider.prov_type;
        for name in our_names(prov_type) {
            let key = LOCAL_MACHINE.create(format!(r"{PROVIDER_KEYS}\{name}"))?;
            // REG_SZ: Wine refuses REG_EXPAND_SZ here.
            key.set_string("Image Path", image)?;
            key.set_u32("Type", prov_type)?;
            // Where systems that verify signatures look for this one: in the value `Signature`, which needs Microsoft's key.
            key.set_u32("SigInFile", 0)?;
        }
        let type_key = type_key(prov_type);
        if LOCAL_MACHINE.open(&type_key).is_err() {
            let key = LOCAL_MACHINE.create(&type_key)?;
            key.set_string("Name", canonical(provider))?;
            key.set_string("TypeName", type_name(prov_type))?;
        }
    }
    Ok(())
}

/// Removes every registration of our providers, of types that this version does not offer too. Where one of them is the
/// default of its type, another provider of that type takes its place, and else the type goes.
///
/// # Errors
/// The registry's own.
pub fn unregister() -> io::Result<()> {
    for names in names::NAMES {
        for name in [names.canonical, names.alias] {
            let key = format!(r"{PROVIDER_KEYS}\{name}");
            if LOCAL_MACHINE.open(&key).is_ok() {
                LOCAL_MACHINE.remove_tree(&key)?;
            }
        }
    }
    // Only then: what is left are the providers of others.
    for names in names::NAMES {
        let is_ours = |key: &Key| {
            key.get_string("Name")
                .is_ok_and(|name| names::type_of(&name).is_some())
        };
        let type_key = type_key(names.prov_type);
        if let Ok(key) = LOCAL_MACHINE.options().read().write().open(&type_key)
            && is_ours(&key)
        {
            match other_provider(names.prov_type)? {
                Some(other) => key.set_string("Name", other)?,
                None => LOCAL_MACHINE.remove_tree(&type_key)?,
            }
        }
        let user_key = format!(r"{USER_KEYS}\Provider Type {:03}", names.prov_type);
        if CURRENT_USER.open(&user_key).is_ok_and(|key| is_ours(&key)) {
            CURRENT_USER.remove_tree(&user_key)?;
        }
    }
    Ok(())
}

/// Registers the providers with the library that this code is in.
///
/// # Errors
/// As [`register`]; they are logged.
pub fn register_itself() -> io::Result<()> {
    sys::library_path()
        .and_then(|image| register(&image))
        .inspect_err(logged)
}

/// As [`unregister`].
///
/// # Errors
/// The registry's own; they are logged.
pub fn unregister_itself() -> io::Result<()> {
    unregister().inspect_err(logged)
}

fn logged(error: &io::Error) {
    log::error(format_args!("registration: {error}"));
}

fn our_names(prov_type: u32) -> impl Iterator<Item = &'static str> {
    names::NAMES
        .iter()
        .filter(move |names| names.prov_type == prov_type)
        .flat_map(|names| [names.canonical, names.alias])
}

fn canonical(provider: &Provider) -> &'static str {
    names::canonical(provider.prov_type).unwrap_or_default()
}

fn type_key(prov_type: u32) -> String {
    format!(r"{TYPE_KEYS}\Type {prov_type:03}")
}

/// The first registered provider of a type.
fn other_provider(prov_type: u32) -> io::Result<Option<String>> {
    let providers = LOCAL_MACHINE.open(PROVIDER_KEYS)?;
    Ok(providers.keys()?.find(|name| {
        providers
            .open(name)
            .and_then(|key| key.get_u32("Type"))
            .is_ok_and(|found| found == prov_type)
    }))
}

/// The names that Windows gives the types.
fn type_name(prov_type: u32) -> &'static str {
    use crate::constants::*;
    match prov_type {
        PROV_RSA_FULL => "RSA Full (Signature and Key Exchange)",
        PROV_DSS => "DSS Signature",
        PROV_RSA_SCHANNEL => "RSA SChannel",
        PROV_DSS_DH => "DSS Signature with Diffie-Hellman Key Exchange",
        PROV_DH_SCHANNEL => "Diffie-Hellman SChannel",
        _ => "RSA Full and AES",
    }
}
