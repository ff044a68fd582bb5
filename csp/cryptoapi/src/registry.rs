//! What `HKLM\SOFTWARE\Microsoft\Cryptography\Defaults` holds on Windows: provider names with
//! their types and images, type names, and the default provider of each type.
//!
//! There is no registry on Linux. The entries start from the built-in tables below and live as long
//! as the process: what `CryptSetProvider` sets is forgotten with it. Names compare without regard
//! to case, as registry keys do.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{LazyLock, PoisonError, RwLock},
};

use crate::{
    codes::{
        ERROR_NO_MORE_ITEMS, MAX_PROV_TYPE, NTE_BAD_PROV_TYPE, NTE_KEYSET_NOT_DEF,
        NTE_PROV_TYPE_NO_MATCH, NTE_PROV_TYPE_NOT_DEF,
    },
    table::Table,
};

/// The environment variable that names the built-in providers' image, in place of
/// [`IMAGE_NAME`] beside this library.
pub const IMAGE_VARIABLE: &str = "SOFTSHIELD_CSP";

/// The file name of the built-in providers' image.
pub const IMAGE_NAME: &str = "libncsp.so";

/// Registers a provider in this process under `name` with type `prov_type` (1 to 999), in place
/// of one of the same name.
///
/// Nothing of the provider is called here. `CryptAcquireContext` and its kin call it, and it is
/// part of their safety contract that every registered table keeps CryptoSPI's.
pub fn register(name: &str, prov_type: u32, table: Table) {
    insert(name, prov_type, Source::Table(Box::new(table)));
}

/// Registers a provider that is a shared library at `image`, as [`register`] does. The library is
/// loaded when the first context is acquired, and stays.
pub fn register_image(name: &str, prov_type: u32, image: &Path) {
    insert(name, prov_type, Source::Image(image.to_path_buf()));
}

/// Where a provider's entry points come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// From this process.
    Table(Box<Table>),
    /// From a shared library.
    Image(PathBuf),
    /// From the library of the built-in providers, wherever that is now.
    BuiltIn,
}

/// A provider that was found.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// The name in the spelling of its registration.
    pub(crate) name: String,
    pub(crate) prov_type: u32,
    pub(crate) source: Source,
}

/// Whose default provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    User,
    Machine,
}

/// The provider for an acquire: by name, or the default of the type when the name is absent or
/// empty; the user's default goes before the machine's.
pub(crate) fn resolve(name: Option<&str>, prov_type: u32) -> Result<Provider, u32> {
    check_type(prov_type)?;
    let registry = read();
    let name = match name {
        Some(name) if !name.is_empty() => name,
        _ => registry
            .user_defaults
            .get(&prov_type)
            .or_else(|| registry.machine_defaults.get(&prov_type))
            .ok_or(NTE_PROV_TYPE_NOT_DEF)?,
    };
    let provider = registry
        .providers
        .get(&key(name))
        .ok_or(NTE_KEYSET_NOT_DEF)?;
    if provider.prov_type != prov_type {
        return Err(NTE_PROV_TYPE_NO_MATCH);
    }
    Ok(provider.clone())
}

/// Name and type of the provider at `index`, in the order of names.
pub(crate) fn provider_at(index: u32) -> Result<(String, u32), u32> {
    let registry = read();
    let provider = usize::try_from(index)
        .ok()
        .and_then(|index| registry.providers.values().nth(index))
        .ok_or(ERROR_NO_MORE_ITEMS)?;
    Ok((provider.name.clone(), provider.prov_type))
}

/// Number and name of the provider type at `index`.
pub(crate) fn type_at(index: u32) -> Result<(u32, &'static str), u32> {
    usize::try_from(index)
        .ok()
        .and_then(|index| TYPES.get(index))
        .copied()
        .ok_or(ERROR_NO_MORE_ITEMS)
}

/// The name of a type's default provider.
pub(crate) fn default_provider(prov_type: u32, owner: Owner) -> Result<String, u32> {
    check_type(prov_type)?;
    let registry = read();
    let defaults = match owner {
        Owner::User => &registry.user_defaults,
        Owner::Machine => &registry.machine_defaults,
    };
    defaults
        .get(&prov_type)
        .cloned()
        .ok_or(NTE_PROV_TYPE_NOT_DEF)
}

/// Makes the provider `name` the default of its type.
pub(crate) fn set_default(name: &str, prov_type: u32, owner: Owner) -> Result<(), u32> {
    check_type(prov_type)?;
    let mut registry = write();
    let provider = registry
        .providers
        .get(&key(name))
        .ok_or(NTE_KEYSET_NOT_DEF)?;
    if provider.prov_type != prov_type {
        return Err(NTE_PROV_TYPE_NO_MATCH);
    }
    let name = provider.name.clone();
    registry.defaults(owner).insert(prov_type, name);
    Ok(())
}

/// Leaves a type without a default provider.
pub(crate) fn delete_default(prov_type: u32, owner: Owner) -> Result<(), u32> {
    check_type(prov_type)?;
    let removed = write().defaults(owner).remove(&prov_type);
    removed.map(drop).ok_or(NTE_PROV_TYPE_NOT_DEF)
}

#[derive(Debug)]
struct Registry {
    /// By [`key`] of the name.
    providers: BTreeMap<String, Provider>,
    user_defaults: BTreeMap<u32, String>,
    machine_defaults: BTreeMap<u32, String>,
}

impl Registry {
    fn built_in() -> Self {
        let mut registry = Registry {
            providers: BTreeMap::new(),
            user_defaults: BTreeMap::new(),
            machine_defaults: BTreeMap::new(),
        };
        for (prov_type, stem) in PROVIDERS {
            for vendor in VENDORS {
                let name = format!("{vendor} {stem}");
                registry.providers.insert(
                    key(&name),
                    Provider {
                        name,
                        prov_type,
                        source: Source::BuiltIn,
                    },
                );
            }
            registry
                .machine_defaults
                .insert(prov_type, format!("{} {stem}", VENDORS[0]));
        }
        registry
    }

    fn defaults(&mut self, owner: Owner) -> &mut BTreeMap<u32, String> {
        match owner {
            Owner::User => &mut self.user_defaults,
            Owner::Machine => &mut self.machine_defaults,
        }
    }
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(|| RwLock::new(Registry::built_in()));

// Every change under the lock is one insert or remove, so the tables are sound after a panic too.
fn read() -> std::sync::RwLockReadGuard<'static, Registry> {
    REGISTRY.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> std::sync::RwLockWriteGuard<'static, Registry> {
    REGISTRY.write().unwrap_or_else(PoisonError::into_inner)
}

fn insert(name: &str, prov_type: u32, source: Source) {
    let provider = Provider {
        name: name.to_owned(),
        prov_type,
        source,
    };
    write().providers.insert(key(name), provider);
}

fn key(name: &str) -> String {
    name.to_lowercase()
}

fn check_type(prov_type: u32) -> Result<(), u32> {
    if (1..=MAX_PROV_TYPE).contains(&prov_type) {
        Ok(())
    } else {
        Err(NTE_BAD_PROV_TYPE)
    }
}

/// The provider types with the names Windows gives them.
const TYPES: [(u32, &str); 6] = [
    (1, "RSA Full (Signature and Key Exchange)"),
    (3, "DSS Signature"),
    (12, "RSA SChannel"),
    (13, "DSS Signature with Diffie-Hellman Key Exchange"),
    (18, "Diffie-Hellman SChannel"),
    (24, "RSA Full and AES"),
];

/// The providers of the guide, section 3, by type; each is registered once for every vendor name.
const PROVIDERS: [(u32, &str); 6] = [
    (1, "Enhanced Cryptographic Provider"),
    (3, "DSS Signature Cryptographic Provider"),
    (12, "Enhanced SChannel Cryptographic Provider"),
    (13, "Enhanced DSS and Diffie-Hellman Cryptographic Provider"),
    (
        18,
        "Enhanced DSS and Diffie-Hellman SChannel Cryptographic Provider",
    ),
    (24, "Enhanced RSA and AES Cryptographic Provider"),
];

/// The guide's spelling, and the one that deployed software uses.
const VENDORS: [&str; 2] = ["nShield", "nCipher"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_without_a_name_resolves_to_the_guides_provider() {
        let provider = resolve(None, 24).expect("type 24 has a default");
        assert_eq!(
            provider.name,
            "nShield Enhanced RSA and AES Cryptographic Provider"
        );
        assert_eq!(resolve(Some(""), 24).expect("the same").name, provider.name);
    }

    #[test]
    fn names_compare_without_regard_to_case_and_keep_their_spelling() {
        let provider =
            resolve(Some("NCIPHER enhanced Cryptographic Provider"), 1).expect("registered");
        assert_eq!(provider.name, "nCipher Enhanced Cryptographic Provider");
    }

    #[test]
    fn a_name_of_another_type_and_an_unknown_name_have_different_codes() {
        assert_eq!(
            resolve(Some("nCipher Enhanced Cryptographic Provider"), 24).map(|p| p.name),
            Err(NTE_PROV_TYPE_NO_MATCH)
        );
        assert_eq!(
            resolve(Some("Nobody"), 24).map(|p| p.name),
            Err(NTE_KEYSET_NOT_DEF)
        );
        assert_eq!(
            resolve(None, 999).map(|p| p.name),
            Err(NTE_PROV_TYPE_NOT_DEF)
        );
        assert_eq!(resolve(None, 0).map(|p| p.name), Err(NTE_BAD_PROV_TYPE));
        assert_eq!(resolve(None, 1000).map(|p| p.name), Err(NTE_BAD_PROV_TYPE));
    }

    #[test]
    fn the_users_default_goes_before_the_machines() {
        let alias = "nCipher DSS Signature Cryptographic Provider";
        set_default(alias, 3, Owner::User).expect("registered with type 3");
        assert_eq!(resolve(None, 3).expect("has a default").name, alias);
        assert_eq!(
            default_provider(3, Owner::Machine).expect("built in"),
            "nShield DSS Signature Cryptographic Provider"
        );
        delete_default(3, Owner::User).expect("was set");
        assert_eq!(delete_default(3, Owner::User), Err(NTE_PROV_TYPE_NOT_DEF));
        assert_eq!(
            resolve(None, 3).expect("has a default").name,
            "nShield DSS Signature Cryptographic Provider"
        );
    }
}
