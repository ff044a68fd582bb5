//! Containers and contexts: CPAcquireContext and CPReleaseContext.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Arguments, Code, ERROR_INVALID_PARAMETER, Function, NTE_BAD_FLAGS, NTE_BAD_KEYSET,
    NTE_BAD_KEYSET_PARAM, NTE_BAD_PROV_TYPE, NTE_BAD_UID, NTE_EXISTS, NTE_KEYSET_ENTRY_BAD,
    NTE_KEYSET_NOT_DEF, NTE_NO_KEY, NTE_PROV_TYPE_NO_MATCH, NTE_PROV_TYPE_NOT_DEF, Provider,
    last_error, set_last_error,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::rig::{Rig, equal, refused};

use super::family::public_blob;

const ACQUIRE: &str = "CryptoAPI reference: CryptAcquireContext";
const RELEASE: &str = "CryptoAPI reference: CryptReleaseContext";

pub(super) const CASES: &[Case] = &[
    Case::any(
        "acquire.open.absent",
        "Opening a container that is not there fails",
        ACQUIRE,
        open_absent,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_KEYSET)]),
    Case::any(
        "acquire.create.once",
        "A container is created once",
        ACQUIRE,
        create_once,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_EXISTS),
    ]),
    Case::any(
        "acquire.create.lasts",
        "A container and its key outlive the context that made them",
        "CAPI guide, section 7",
        create_lasts,
    )
    .covers(&[
        works(Function::AcquireContext),
        works(Function::ReleaseContext),
    ]),
    Case::any(
        "acquire.create.seen-at-once",
        "A key made through one context is seen through another at once",
        ACQUIRE,
        seen_at_once,
    )
    .covers(&[
        works(Function::GetUserKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "acquire.success.clears-last-error",
        "A successful acquire sets the last error to 0",
        ACQUIRE,
        clears_last_error,
    )
    .covers(&[works(Function::AcquireContext)]),
    Case::any(
        "acquire.delete.gone",
        "A deleted container is gone",
        ACQUIRE,
        delete_gone,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "acquire.delete.stays-gone",
        "A context that outlives its container does not bring it back",
        ACQUIRE,
        delete_stays_gone,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_KEYSET)]),
    Case::any(
        "acquire.flags.unknown",
        "Flags that mean nothing together are refused",
        ACQUIRE,
        flags_unknown,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_FLAGS)]),
    Case::any(
        "acquire.verify.without-container",
        "CRYPT_VERIFYCONTEXT opens no container",
        ACQUIRE,
        verify_without_container,
    )
    .covers(&[works(Function::AcquireContext)]),
    Case::any(
        "acquire.verify.with-name",
        "CRYPT_VERIFYCONTEXT takes no container name",
        ACQUIRE,
        verify_with_name,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_FLAGS)]),
    Case::any(
        "acquire.verify.ephemeral",
        "A pair made in a CRYPT_VERIFYCONTEXT ends with it",
        ACQUIRE,
        verify_ephemeral,
    )
    .covers(&[
        works(Function::GenKey),
        works(Function::GetUserKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "acquire.machine.apart",
        "Machine containers are apart from the user's",
        ACQUIRE,
        machine_apart,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "acquire.name.too-long",
        "A container name has fewer than 260 characters",
        ACQUIRE,
        name_too_long,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET_PARAM),
    ]),
    Case::any(
        "acquire.name.unique",
        "What PP_UNIQUE_CONTAINER gives opens the container too",
        "CryptoAPI reference: CryptGetProvParam",
        name_unique,
    )
    .covers(&[
        works(Function::AcquireContext),
        works(Function::GetProvParam),
    ]),
    Case::any(
        "acquire.name.default",
        "No name is the default container, named after the user",
        ACQUIRE,
        name_default,
    )
    .covers(&[works(Function::AcquireContext)]),
    Case::any(
        "acquire.provider.alias",
        "Both spellings of the provider's name see the same containers",
        "CAPI guide, section 3",
        provider_alias,
    )
    .covers(&[works(Function::AcquireContext)]),
    Case::any(
        "acquire.provider.unknown",
        "Provider names and types that are not registered have their codes",
        ACQUIRE,
        provider_unknown,
    )
    .covers(&[
        refuses(Function::AcquireContext, NTE_KEYSET_NOT_DEF),
        refuses(Function::AcquireContext, NTE_PROV_TYPE_NO_MATCH),
        refuses(Function::AcquireContext, NTE_BAD_PROV_TYPE),
        refuses(Function::AcquireContext, NTE_PROV_TYPE_NOT_DEF),
    ]),
    Case::any(
        "acquire.container.damaged",
        "A damaged container file is told from an absent one",
        "CAPI guide, section 5 (cspcheck)",
        container_damaged,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_KEYSET_ENTRY_BAD)]),
    Case::any(
        "acquire.container.file",
        "A container is a file of the Security World that holds no key",
        "CAPI guide, section 7",
        container_file,
    )
    .covers(&[works(Function::AcquireContext), works(Function::GenKey)]),
    Case::any(
        "acquire.release.flags",
        "A release with flags fails and releases all the same",
        RELEASE,
        release_flags,
    )
    .covers(&[refuses(Function::ReleaseContext, NTE_BAD_FLAGS)]),
    Case::any(
        "acquire.release.ends-handles",
        "Keys and hashes end with their context",
        RELEASE,
        release_ends_handles,
    )
    .covers(&[works(Function::ReleaseContext)]),
    Case::any(
        "acquire.release.counts",
        "A context lives until its last reference is released",
        "CryptoAPI reference: CryptContextAddRef",
        release_counts,
    )
    .covers(&[works(Function::ReleaseContext)]),
    Case::any(
        "acquire.release.unknown",
        "The provider knows a context that it never gave out",
        RELEASE,
        release_unknown,
    )
    .covers(&[refuses(Function::ReleaseContext, NTE_BAD_UID)]),
];

fn open_absent(rig: &Rig) -> anyhow::Result<Outcome> {
    refused(rig.capi().acquire(Some(&rig.name()), 0), NTE_BAD_KEYSET)?;
    refused(rig.capi().delete(Some(&rig.name()), 0), NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn create_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, name) = rig.container()?;
    refused(rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET), NTE_EXISTS)?;
    rig.capi().acquire(Some(&name), 0)?;
    Ok(Outcome::Passed)
}

fn create_lasts(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let public = context
        .gen_pair(AT_SIGNATURE, 1024)?
        .export(PUBLICKEYBLOB, None, 0)?;
    context.release(0)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    equal(
        again
            .user_key(AT_SIGNATURE)?
            .export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the public key",
    )?;
    Ok(Outcome::Passed)
}

fn seen_at_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, name) = rig.container()?;
    let other = rig.capi().acquire(Some(&name), 0)?;
    refused(other.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    one.gen_pair(AT_SIGNATURE, 512)?;
    other.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn clears_last_error(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, name) = rig.container()?;
    set_last_error(NTE_BAD_FLAGS);
    let _context = rig.capi().acquire(Some(&name), 0)?;
    equal(last_error(), Code(0), "the last error after opening")?;
    set_last_error(NTE_BAD_FLAGS);
    rig.capi().delete(Some(&name), 0)?;
    equal(last_error(), Code(0), "the last error after deleting")?;
    Ok(Outcome::Passed)
}

fn delete_gone(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    context.release(0)?;
    rig.capi().delete(Some(&name), 0)?;
    refused(rig.capi().acquire(Some(&name), 0), NTE_BAD_KEYSET)?;
    let fresh = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET)?;
    refused(fresh.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn delete_stays_gone(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    rig.capi().delete(Some(&name), 0)?;
    // What the context answers now is its own affair; the container must not be there afterwards.
    let _ = context.gen_pair(AT_KEYEXCHANGE, 512);
    let _ = context.release(0);
    refused(rig.capi().acquire(Some(&name), 0), NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn flags_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    for flags in [
        CRYPT_NEWKEYSET | CRYPT_DELETEKEYSET,
        0x1,
        0x100,
        0x8000_0000,
    ] {
        refused(rig.capi().acquire(Some(&rig.name()), flags), NTE_BAD_FLAGS)
            .with_context(|| format!("flags {flags:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn verify_without_container(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    equal(
        context.param_text(PP_CONTAINER)?,
        String::new(),
        "the container's name",
    )?;
    let both = rig
        .capi()
        .acquire(None, CRYPT_VERIFYCONTEXT | CRYPT_NEWKEYSET)?;
    equal(
        both.param_text(PP_CONTAINER)?,
        String::new(),
        "the container's name with CRYPT_NEWKEYSET",
    )?;
    Ok(Outcome::Passed)
}

fn verify_with_name(rig: &Rig) -> anyhow::Result<Outcome> {
    refused(
        rig.capi().acquire(Some(&rig.name()), CRYPT_VERIFYCONTEXT),
        NTE_BAD_FLAGS,
    )?;
    rig.capi().acquire(Some(""), CRYPT_VERIFYCONTEXT)?;
    Ok(Outcome::Passed)
}

fn verify_ephemeral(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let public = context
        .gen_pair(AT_SIGNATURE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    equal(
        context
            .user_key(AT_SIGNATURE)?
            .export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the public key",
    )?;
    refused(
        rig.capi().verify_context()?.user_key(AT_SIGNATURE),
        NTE_NO_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn machine_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    let machine = rig
        .capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET)?;
    equal(
        machine.param_word(PP_KEYSET_TYPE)?,
        CRYPT_MACHINE_KEYSET,
        "PP_KEYSET_TYPE",
    )?;
    refused(rig.capi().acquire(Some(&name), 0), NTE_BAD_KEYSET)?;
    rig.capi().acquire(Some(&name), CRYPT_MACHINE_KEYSET)?;
    Ok(Outcome::Passed)
}

fn name_too_long(rig: &Rig) -> anyhow::Result<Outcome> {
    // The longest that is still one, and one more. Padded with what the case's own name is not.
    let name = format!("{:+<259}", rig.name());
    let context = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET)?;
    let kept = context.param_text(PP_CONTAINER);
    context.release(0)?;
    rig.capi().delete(Some(&name), 0)?;
    equal(kept?, name.clone(), "the container's name")?;
    refused(
        rig.capi()
            .acquire(Some(&format!("{name}+")), CRYPT_NEWKEYSET),
        NTE_BAD_KEYSET_PARAM,
    )?;
    Ok(Outcome::Passed)
}

fn name_unique(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let public = context
        .gen_pair(AT_SIGNATURE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    ensure!(
        unique.starts_with("container-"),
        "PP_UNIQUE_CONTAINER is {unique:?}"
    );
    ensure!(unique != name, "PP_UNIQUE_CONTAINER is the plain name");
    let again = rig.capi().acquire(Some(&unique), 0)?;
    equal(
        again
            .user_key(AT_SIGNATURE)?
            .export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the public key",
    )?;
    Ok(Outcome::Passed)
}

fn name_default(rig: &Rig) -> anyhow::Result<Outcome> {
    let capi = rig.capi();
    if capi.acquire(None, 0).is_ok() {
        return Ok(Outcome::Skipped(
            "this user has a default container, which is left alone".to_owned(),
        ));
    }
    let context = capi.acquire(None, CRYPT_NEWKEYSET)?;
    let name = context.param_text(PP_CONTAINER);
    let by_empty_name = capi.acquire(Some(""), 0).map(drop);
    let by_own_name = match &name {
        Ok(name) => capi.acquire(Some(name), 0).map(drop),
        Err(refusal) => Err(*refusal),
    };
    context.release(0)?;
    capi.delete(None, 0)?;
    by_empty_name?;
    by_own_name?;
    ensure!(!name?.is_empty(), "the default container has no name");
    refused(capi.acquire(None, 0), NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn provider_alias(rig: &Rig) -> anyhow::Result<Outcome> {
    let Provider { name, prov_type } = rig.capi().provider();
    let Some(alias) = rig.capi().provider().other_spelling() else {
        return Ok(Outcome::Skipped("the provider has one name".to_owned()));
    };
    let (context, container) = rig.container()?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    let other = rig
        .capi()
        .acquire_from(Some(&container), Some(&alias), *prov_type, 0)?;
    equal(
        other.param_text(PP_UNIQUE_CONTAINER)?,
        unique,
        "PP_UNIQUE_CONTAINER",
    )?;
    equal(other.param_text(PP_NAME)?, alias, "PP_NAME as opened")?;
    equal(
        context.param_text(PP_NAME)?,
        name.clone(),
        "PP_NAME as opened",
    )?;
    Ok(Outcome::Passed)
}

fn provider_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let Provider { name, prov_type } = rig.capi().provider();
    let acquire = |provider, prov_type| {
        rig.capi()
            .acquire_from(None, provider, prov_type, CRYPT_VERIFYCONTEXT)
    };
    refused(
        acquire(Some("No Such Provider"), *prov_type),
        NTE_KEYSET_NOT_DEF,
    )?;
    refused(acquire(Some(name), prov_type + 1), NTE_PROV_TYPE_NO_MATCH)?;
    refused(acquire(None, 0), NTE_BAD_PROV_TYPE)?;
    refused(acquire(None, 1000), NTE_BAD_PROV_TYPE)?;
    refused(acquire(None, 999), NTE_PROV_TYPE_NOT_DEF)?;
    acquire(None, *prov_type)?;
    Ok(Outcome::Passed)
}

fn container_damaged(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let file = rig.key_file(&context.param_text(PP_UNIQUE_CONTAINER)?);
    context.release(0)?;
    let whole = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    for damaged in [&whole[..whole.len() / 2], &flipped[..], b""] {
        std::fs::write(&file, damaged)?;
        refused(rig.capi().acquire(Some(&name), 0), NTE_KEYSET_ENTRY_BAD)?;
    }
    std::fs::write(&file, &whole)?;
    rig.capi().acquire(Some(&name), 0)?;
    Ok(Outcome::Passed)
}

fn container_file(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    let file = rig.key_file(&unique);
    let empty = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let before = rig.key_files()?;
    context.gen_pair(AT_SIGNATURE, 1024)?;
    let linked = std::fs::read(&file)?;
    ensure!(
        linked != empty,
        "the container's file does not know of its new key"
    );
    let new: Vec<String> = rig
        .key_files()?
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    let is_key_hash = |name: &String| {
        name.strip_prefix("key_mscapi_").is_some_and(|ident| {
            ident.len() == 40
                && ident
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        })
    };
    ensure!(
        matches!(&new[..], [name] if is_key_hash(name)),
        "new files of one key are {new:?}"
    );
    ensure!(
        linked.len() < 1024,
        "a container's file of {} bytes holds more than links",
        linked.len()
    );
    Ok(Outcome::Passed)
}

fn release_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    refused(context.release(1), NTE_BAD_FLAGS)?;
    refused(context.random(1), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn release_ends_handles(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&public_blob(rig)?, None, 0)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    context.release(0)?;
    refused(key.param_word(KP_KEYLEN), ERROR_INVALID_PARAMETER)?;
    refused(hash.data(b"x"), ERROR_INVALID_PARAMETER)?;
    refused(
        context.create_hash(CALG_SHA1, None),
        ERROR_INVALID_PARAMETER,
    )?;
    Ok(Outcome::Passed)
}

fn release_counts(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    context.add_ref()?;
    context.release(0)?;
    hash.data(b"still there")?;
    context.release(0)?;
    refused(hash.data(b"gone"), ERROR_INVALID_PARAMETER)?;
    refused(context.release(0), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn release_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let spi = rig.capi().spi()?;
    for handle in [0, 1, usize::MAX] {
        refused(
            spi.call(Function::ReleaseContext, &Arguments::of(handle)),
            NTE_BAD_UID,
        )?;
    }
    Ok(Outcome::Passed)
}
