//! The identity of a container: which file of the Key Management Data it is.
//!
//! The ident is `container-<containerID>`, the containerID "calculated from a combination of the CSP name, the user's
//! unique SID and the container name" (CAPI guide, section 7). The vendor's recipe is unpublished; ours is the SHA-1 of
//! provider name, SID (or `machine`) and container name in UTF-16, each ended by a zero unit. The provider name is the
//! canonical one, so that both spellings see the same containers, and the container name is in lower case, because
//! Windows' own containers are files, whose names do not tell case.

use sha1::{Digest, Sha1};

use super::record::Scope;

/// What every container's ident begins with, and no key's.
pub(crate) const PREFIX: &str = "container-";

/// The ident of a container.
pub(crate) fn ident(provider: &str, scope: &Scope, name: &str) -> String {
    let mut hash = Sha1::new();
    for part in [provider, scope.as_str(), &name.to_lowercase()] {
        for unit in part.encode_utf16().chain([0]) {
            hash.update(unit.to_le_bytes());
        }
    }
    let mut ident = PREFIX.to_owned();
    for byte in hash.finalize() {
        ident.push_str(&format!("{byte:02x}"));
    }
    ident
}

/// Whether a name has the form of an ident, which is what PP_UNIQUE_CONTAINER gives out and CPAcquireContext takes back.
pub(crate) fn is_ident(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|id| {
        id.len() == 40
            && id
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "nShield Enhanced RSA and AES Cryptographic Provider";

    fn of_user(name: &str) -> String {
        ident(PROVIDER, &Scope::User("S-1-22-1-1000".to_owned()), name)
    }

    #[test]
    fn the_recipe_is_sha1_over_utf16() {
        // printf '%s\0%s\0%s\0' "$PROVIDER" S-1-22-1-1000 'my key' | iconv -t UTF-16LE | openssl sha1
        assert_eq!(
            of_user("My Key"),
            "container-3a8234fd853645c2d0bba905d01b3f8759fe016c"
        );
        assert!(is_ident(&of_user("My Key")));
    }

    #[test]
    fn case_does_not_tell_containers_apart_but_everything_else_does() {
        assert_eq!(of_user("ÄB"), of_user("äb"));
        assert_ne!(of_user("a"), of_user("b"));
        assert_ne!(of_user("a"), ident(PROVIDER, &Scope::Machine, "a"));
        assert_ne!(
            of_user("a"),
            ident("nShield", &Scope::User("S-1-22-1-1000".to_owned()), "a")
        );
    }

    #[test]
    fn only_the_exact_form_is_an_ident() {
        let ident = of_user("a");
        assert!(!is_ident(&ident.to_uppercase()));
        assert!(!is_ident(&ident[..ident.len() - 1]));
        assert!(!is_ident(&ident[PREFIX.len()..]));
        assert!(!is_ident("container-my-own"));
    }
}
