//! CPAcquireContext and CPReleaseContext.

use std::sync::{Arc, Mutex};

use crate::alg::Provider;
use crate::constants::{
    CRYPT_DEFAULT_CONTAINER_OPTIONAL, CRYPT_DELETEKEYSET, CRYPT_MACHINE_KEYSET, CRYPT_NEWKEYSET,
    CRYPT_SILENT, CRYPT_VERIFYCONTEXT, PROV_RSA_AES,
};
use crate::container::id;
use crate::container::record::{Record, Scope};
use crate::container::store::Store;
use crate::context::{Context, Enumerations, Keyset};
use crate::csp::Csp;
use crate::error::{CspError, Result};
use crate::identity::Identity;
use crate::names;
use crate::pair::Slots;
use crate::security::Right;
use crate::sys;

/// What VTableProvStruc tells of the layer above (CRYPTSPI 1.4); a member that its version lacks is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// `dwProvType`.
    pub prov_type: Option<u32>,
    /// `pszProvName`: the name that was opened, without its NUL.
    pub provider_name: Option<Vec<u8>>,
    /// What `FuncReturnhWnd` tells: the window that owns prompts; 0 for none.
    pub window: usize,
}

/// What CPAcquireContext is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Open,
    Create,
    Delete,
    /// No container at all.
    Verify,
}

/// Longest container name with its NUL, in characters (MAX_PATH).
const NAME_MAX: usize = 260;

impl Csp {
    /// CPAcquireContext: returns the context's handle, or 0 after CRYPT_DELETEKEYSET, which opens nothing.
    /// `container` is the caller's string without its NUL; absent or empty is the default container.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS`, `NTE_BAD_KEYSET`, `NTE_BAD_KEYSET_PARAM`, `NTE_EXISTS`, `NTE_KEYSET_ENTRY_BAD`, `NTE_FAIL`;
    /// `NTE_BAD_PROV_TYPE` for a provider type that is not offered.
    pub fn acquire_context(
        &self,
        container: Option<&[u8]>,
        flags: u32,
        caller: &Caller,
    ) -> Result<usize> {
        sys::pin_library();
        let action = action(flags)?;
        let (provider, provider_name) = provider(caller)?;
        let name = container_name(container)?;
        let identity = self.identity()?;
        let interaction = self.interaction(flags & CRYPT_SILENT != 0, caller.window)?;
        let scope = match flags & CRYPT_MACHINE_KEYSET != 0 {
            true => Scope::Machine,
            false => Scope::User(identity.user.to_string()),
        };
        let keyset = match action {
            Action::Verify if !name.is_empty() => return Err(CspError::NTE_BAD_FLAGS),
            Action::Verify => Keyset::Ephemeral(Slots::default()),
            Action::Open | Action::Create | Action::Delete => {
                let name = match name.is_empty() {
                    true => identity.default_container(scope == Scope::Machine),
                    false => name,
                };
                let canonical = names::canonical(provider.prov_type).ok_or(CspError::NTE_FAIL)?;
                let place = Place {
                    store: self.store(interaction.setup.pool_mode)?,
                    provider: canonical,
                    scope: &scope,
                    name: &name,
                };
                let ident = match action {
                    Action::Create => {
                        place
                            .store
                            .create(canonical, scope.clone(), &name, &identity)?
                    }
                    Action::Delete => {
                        place.store.delete(&place.find(&identity)?.0, &identity)?;
                        return Ok(0);
                    }
                    Action::Open | Action::Verify => place.open(&identity)?,
                };
                Keyset::Container {
                    container: place.store.container(&ident),
                    name,
                }
            }
        };
        self.add_context(Context {
            provider,
            provider_name,
            keyset,
            scope,
            interaction: Mutex::new(interaction),
            in_nvram: Mutex::default(),
            enumerations: Mutex::new(Enumerations::default()),
            pending: Mutex::default(),
        })
    }

    /// CPReleaseContext: the context's keys and hashes end with it.
    ///
    /// # Errors
    /// `NTE_BAD_UID`; `NTE_BAD_FLAGS` for flags that are not zero, though the context is released all the same.
    pub fn release_context(&self, context: usize, flags: u32) -> Result<()> {
        self.remove_context(context)?;
        if flags == 0 {
            Ok(())
        } else {
            Err(CspError::NTE_BAD_FLAGS)
        }
    }
}

/// A container that is named, not yet found.
struct Place<'a> {
    store: Arc<Store>,
    provider: &'static str,
    scope: &'a Scope,
    name: &'a str,
}

impl Place<'_> {
    /// An existing container: by its name, or by what PP_UNIQUE_CONTAINER gave out, which is the ident itself. The latter
    /// reaches no further than a name does, except for administrators.
    fn find(&self, user: &Identity) -> Result<(String, Record)> {
        let ident = id::ident(self.provider, self.scope, self.name);
        match self.store.read(&ident) {
            Err(CspError::NTE_BAD_KEYSET) if id::is_ident(self.name) => {
                let record = self.store.read(self.name)?;
                let reachable = record.scope == *self.scope || user.administrator;
                if record.provider != self.provider || !reachable {
                    return Err(CspError::NTE_BAD_KEYSET);
                }
                Ok((self.name.to_owned(), record))
            }
            record => Ok((ident, record?)),
        }
    }

    /// The ident of an existing container that the user may open.
    fn open(&self, user: &Identity) -> Result<String> {
        let (ident, record) = self.find(user)?;
        if record.descriptor.allows(user, Right::Read) {
            Ok(ident)
        } else {
            Err(CspError::NTE_BAD_KEYSET)
        }
    }
}

fn action(flags: u32) -> Result<Action> {
    let modifiers = CRYPT_MACHINE_KEYSET | CRYPT_SILENT | CRYPT_DEFAULT_CONTAINER_OPTIONAL;
    // VERIFYCONTEXT is four bits, and means itself also together with NEWKEYSET.
    const VERIFY_NEW: u32 = CRYPT_VERIFYCONTEXT | CRYPT_NEWKEYSET;
    match flags & !modifiers {
        0 => Ok(Action::Open),
        CRYPT_NEWKEYSET => Ok(Action::Create),
        CRYPT_DELETEKEYSET => Ok(Action::Delete),
        CRYPT_VERIFYCONTEXT | VERIFY_NEW => Ok(Action::Verify),
        _ => Err(CspError::NTE_BAD_FLAGS),
    }
}

/// The provider a caller means, and its name for PP_NAME. The type decides; a caller that tells none is taken at his name,
/// and else means the one type that serves everything.
fn provider(caller: &Caller) -> Result<(&'static Provider, String)> {
    let name = match &caller.provider_name {
        Some(name) => Some(sys::decode_ansi(name).ok_or(CspError::NTE_BAD_KEYSET_PARAM)?)
            .filter(|name| !name.is_empty()),
        None => None,
    };
    let by_name = || {
        name.as_deref()
            .and_then(names::type_of)
            .unwrap_or(PROV_RSA_AES)
    };
    let prov_type = caller.prov_type.unwrap_or_else(by_name);
    let provider = Provider::of_type(prov_type).ok_or(CspError::NTE_BAD_PROV_TYPE)?;
    let name = name
        .or_else(|| names::canonical(prov_type).map(str::to_owned))
        .ok_or(CspError::NTE_FAIL)?;
    Ok((provider, name))
}

fn container_name(container: Option<&[u8]>) -> Result<String> {
    let name =
        sys::decode_ansi(container.unwrap_or_default()).ok_or(CspError::NTE_BAD_KEYSET_PARAM)?;
    match name.encode_utf16().count() < NAME_MAX {
        true => Ok(name),
        false => Err(CspError::NTE_BAD_KEYSET_PARAM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_choose_one_action_or_are_refused() {
        let check = |flags, expected| assert_eq!(action(flags), expected, "{flags:#x}");
        check(0, Ok(Action::Open));
        check(CRYPT_MACHINE_KEYSET | CRYPT_SILENT, Ok(Action::Open));
        check(CRYPT_DEFAULT_CONTAINER_OPTIONAL, Ok(Action::Open));
        check(CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET, Ok(Action::Create));
        check(CRYPT_DELETEKEYSET | CRYPT_SILENT, Ok(Action::Delete));
        check(CRYPT_VERIFYCONTEXT, Ok(Action::Verify));
        check(
            CRYPT_VERIFYCONTEXT | CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET,
            Ok(Action::Verify),
        );
        check(
            CRYPT_NEWKEYSET | CRYPT_DELETEKEYSET,
            Err(CspError::NTE_BAD_FLAGS),
        );
        check(
            CRYPT_VERIFYCONTEXT | CRYPT_DELETEKEYSET,
            Err(CspError::NTE_BAD_FLAGS),
        );
        check(0x8000_0000, Err(CspError::NTE_BAD_FLAGS));
        check(0x1, Err(CspError::NTE_BAD_FLAGS));
        check(0x100, Err(CspError::NTE_BAD_FLAGS));
    }

    #[test]
    fn the_type_decides_and_the_name_is_kept_as_opened() {
        let open = |prov_type, name: Option<&str>| {
            let caller = Caller {
                prov_type,
                provider_name: name.map(|name| name.as_bytes().to_vec()),
                window: 0,
            };
            provider(&caller).map(|(provider, name)| (provider.prov_type, name))
        };
        let canonical = "nShield Enhanced RSA and AES Cryptographic Provider".to_owned();
        let alias = "nCipher Enhanced RSA and AES Cryptographic Provider";
        assert_eq!(open(None, None), Ok((24, canonical.clone())));
        assert_eq!(open(Some(24), Some("")), Ok((24, canonical)));
        assert_eq!(open(Some(24), Some(alias)), Ok((24, alias.to_owned())));
        assert_eq!(open(None, Some(alias)), Ok((24, alias.to_owned())));
        assert_eq!(
            open(Some(24), Some("my own name")),
            Ok((24, "my own name".to_owned()))
        );
        assert_eq!(
            open(Some(999), Some(alias)),
            Err(CspError::NTE_BAD_PROV_TYPE)
        );
    }

    #[test]
    fn a_name_that_is_no_text_or_too_long_is_refused() {
        assert_eq!(container_name(None), Ok(String::new()));
        assert_eq!(
            container_name(Some(&[b'a'; 259])).map(|name| name.len()),
            Ok(259)
        );
        assert_eq!(
            container_name(Some(&[b'a'; 260])),
            Err(CspError::NTE_BAD_KEYSET_PARAM)
        );
        #[cfg(not(windows))]
        assert_eq!(
            container_name(Some(b"\xff")),
            Err(CspError::NTE_BAD_KEYSET_PARAM)
        );
    }
}
