//! CPAcquireContext and CPReleaseContext: flags that are or-ed, names, and what containers keep from each other.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_INVALID_PARAMETER, Function, NTE_BAD_FLAGS, NTE_BAD_KEYSET, NTE_BAD_KEYSET_PARAM,
    NTE_EXISTS, NTE_NO_KEY,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::rig::{Rig, equal, refused};

use super::family::{CIPHERS, private_blob, public_blob};

const ACQUIRE: &str = "CryptoAPI reference: CryptAcquireContext";
const RULES: &str = "CRYPTSPI, section 3.1";
const STORAGE: &str = "CAPI guide, section 7";

pub(super) const CASES: &[Case] = &[
    Case::any(
        "containers.flags.silent",
        "CRYPT_SILENT goes with every way of acquiring",
        ACQUIRE,
        silent,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "containers.flags.optional",
        "CRYPT_DEFAULT_CONTAINER_OPTIONAL is accepted and changes nothing",
        RULES,
        optional,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "containers.flags.verify",
        "CRYPT_VERIFYCONTEXT goes with all flags but CRYPT_DELETEKEYSET",
        RULES,
        verify,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "containers.flags.each",
        "Every bit without a meaning is refused",
        RULES,
        each_bit,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_FLAGS)]),
    Case::any(
        "containers.name.case",
        "Case does not tell containers apart, and a name is told as it was given",
        STORAGE,
        name_case,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_EXISTS),
    ]),
    Case::any(
        "containers.name.odd",
        "Names may look like paths, numbers or nothing much",
        ACQUIRE,
        name_odd,
    )
    .covers(&[
        works(Function::AcquireContext),
        works(Function::GetProvParam),
    ]),
    Case::any(
        "containers.name.similar",
        "Names that differ a little are different containers",
        STORAGE,
        name_similar,
    )
    .covers(&[refuses(Function::AcquireContext, NTE_BAD_KEYSET)]),
    Case::any(
        "containers.name.longest",
        "A name of 259 characters works throughout, and one more does not",
        RULES,
        name_longest,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET_PARAM),
    ]),
    Case::any(
        "containers.create.empty",
        "A new container has no pair in either slot",
        ACQUIRE,
        create_empty,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "containers.create.again",
        "A container that was deleted is made anew, without its pair",
        ACQUIRE,
        create_again,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "containers.create.machine",
        "A name is free among the user's containers when the machine has it",
        ACQUIRE,
        create_machine,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_EXISTS),
    ]),
    Case::any(
        "containers.delete.machine",
        "A machine's container is deleted as such alone",
        ACQUIRE,
        delete_machine,
    )
    .covers(&[
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
        works(Function::AcquireContext),
    ]),
    Case::any(
        "containers.delete.files",
        "Deleting a container takes its file and its keys' files away",
        STORAGE,
        delete_files,
    )
    .covers(&[works(Function::AcquireContext), works(Function::GenKey)]),
    Case::any(
        "containers.delete.unique",
        "A container is deleted by its unique name too",
        "CryptoAPI reference: CryptGetProvParam",
        delete_unique,
    )
    .covers(&[
        works(Function::AcquireContext),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "containers.unique.scope",
        "A unique name is no way from the user's containers to the machine's",
        ACQUIRE,
        unique_scope,
    )
    .covers(&[
        works(Function::GetProvParam),
        works(Function::AcquireContext),
    ]),
    Case::any(
        "containers.pairs.apart",
        "Containers of one provider keep their pairs apart",
        STORAGE,
        pairs_apart,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::new(
        "containers.pairs.kept",
        "A new pair in one slot leaves the other slot alone",
        STORAGE,
        pairs_kept,
    )
    .on(CIPHERS)
    .covers(&[works(Function::GenKey), works(Function::GetUserKey)]),
    Case::any(
        "containers.pairs.imported",
        "An imported public key fills no slot",
        "CryptoAPI reference: CryptImportKey",
        public_fills_none,
    )
    .covers(&[
        works(Function::ImportKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "containers.verify.apart",
        "Contexts without a container keep their pairs from each other",
        ACQUIRE,
        verify_apart,
    )
    .covers(&[
        works(Function::GenKey),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "containers.verify.no-files",
        "A context without a container leaves no file behind",
        STORAGE,
        verify_no_files,
    )
    .covers(&[works(Function::GenKey), works(Function::ImportKey)]),
    Case::any(
        "containers.release.flags-container",
        "A container stays when its context is released with wrong flags",
        "CryptoAPI reference: CryptReleaseContext",
        release_flags,
    )
    .covers(&[
        refuses(Function::ReleaseContext, NTE_BAD_FLAGS),
        works(Function::AcquireContext),
    ]),
    Case::any(
        "containers.release.twice",
        "A context is released once",
        "CryptoAPI reference: CryptReleaseContext",
        release_twice,
    )
    .covers(&[
        works(Function::ReleaseContext),
        refuses(Function::ReleaseContext, ERROR_INVALID_PARAMETER),
    ]),
    Case::any(
        "containers.release.others",
        "Releasing one context leaves the others of its container alone",
        "CryptoAPI reference: CryptReleaseContext",
        release_others,
    )
    .covers(&[works(Function::ReleaseContext), works(Function::SignHash)]),
];

fn silent(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.name();
    let acquire = |flags| rig.capi().acquire(Some(&name), flags | CRYPT_SILENT);
    refused(acquire(0), NTE_BAD_KEYSET)?;
    acquire(CRYPT_NEWKEYSET)?;
    acquire(0)?.gen_pair(AT_SIGNATURE, 512)?;
    rig.capi()
        .acquire(None, CRYPT_VERIFYCONTEXT | CRYPT_SILENT)?;
    rig.capi().delete(Some(&name), CRYPT_SILENT)?;
    refused(acquire(0), NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn optional(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.name();
    let acquire = |flags| {
        rig.capi()
            .acquire(Some(&name), flags | CRYPT_DEFAULT_CONTAINER_OPTIONAL)
    };
    refused(acquire(0), NTE_BAD_KEYSET)?;
    acquire(CRYPT_NEWKEYSET)?;
    equal(
        acquire(0)?.param_text(PP_CONTAINER)?,
        name.clone(),
        "PP_CONTAINER",
    )?;
    rig.capi()
        .delete(Some(&name), CRYPT_DEFAULT_CONTAINER_OPTIONAL)?;
    refused(acquire(0), NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn verify(rig: &Rig) -> anyhow::Result<Outcome> {
    for flags in [
        0,
        CRYPT_NEWKEYSET,
        CRYPT_MACHINE_KEYSET,
        CRYPT_SILENT,
        CRYPT_DEFAULT_CONTAINER_OPTIONAL,
        CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET | CRYPT_SILENT,
    ] {
        let context = rig
            .capi()
            .acquire(None, CRYPT_VERIFYCONTEXT | flags)
            .with_context(|| format!("flags {flags:#x}"))?;
        equal(
            context.param_text(PP_CONTAINER)?,
            String::new(),
            "PP_CONTAINER",
        )?;
    }
    refused(rig.capi().delete(None, CRYPT_VERIFYCONTEXT), NTE_BAD_FLAGS)?;
    Ok(Outcome::Passed)
}

fn each_bit(rig: &Rig) -> anyhow::Result<Outcome> {
    let known = CRYPT_NEWKEYSET
        | CRYPT_DELETEKEYSET
        | CRYPT_MACHINE_KEYSET
        | CRYPT_SILENT
        | CRYPT_DEFAULT_CONTAINER_OPTIONAL;
    let (_context, name) = rig.container()?;
    for bit in 0..32 {
        let flag = 1 << bit;
        if flag & known == 0 {
            // The upper four are CRYPT_VERIFYCONTEXT together, and nothing each alone.
            refused(rig.capi().acquire(Some(&name), flag), NTE_BAD_FLAGS)
                .with_context(|| format!("flag {flag:#x}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn name_case(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let upper = name.to_uppercase();
    ensure!(upper != name, "{name} has no case");
    let found = rig.capi().acquire(Some(&upper), 0)?;
    equal(
        found.param_text(PP_CONTAINER)?,
        upper.clone(),
        "PP_CONTAINER",
    )?;
    found.user_key(AT_SIGNATURE)?;
    refused(
        rig.capi().acquire(Some(&upper), CRYPT_NEWKEYSET),
        NTE_EXISTS,
    )?;
    Ok(Outcome::Passed)
}

fn name_odd(rig: &Rig) -> anyhow::Result<Outcome> {
    let base = rig.name();
    for odd in [
        "/../x", "\\y\\", "..", " ", ".", "%s%n", "*?", "con:", "'\"<>|", "0",
    ] {
        let name = format!("{base}{odd}");
        let context = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET);
        let told = context
            .as_ref()
            .map(|context| context.param_text(PP_CONTAINER));
        let opened = rig.capi().acquire(Some(&name), 0).map(drop);
        let deleted = rig.capi().delete(Some(&name), 0);
        equal(
            told.map_err(|refusal| *refusal)??,
            name.clone(),
            "PP_CONTAINER",
        )?;
        opened.with_context(|| name.clone())?;
        deleted.with_context(|| name.clone())?;
    }
    Ok(Outcome::Passed)
}

fn name_similar(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, name) = rig.container()?;
    for other in [
        format!("{name} "),
        format!(" {name}"),
        format!("{name}."),
        name.replace(' ', "_"),
        name[1..].to_owned(),
        name[..name.len() - 1].to_owned(),
    ] {
        refused(rig.capi().acquire(Some(&other), 0), NTE_BAD_KEYSET).context(other)?;
    }
    Ok(Outcome::Passed)
}

fn name_longest(rig: &Rig) -> anyhow::Result<Outcome> {
    let base = rig.name();
    let name = format!("{base}{}", "n".repeat(259 - base.len()));
    for flags in [0, CRYPT_NEWKEYSET, CRYPT_DELETEKEYSET] {
        let longer = rig.capi().acquire(Some(&format!("{name}n")), flags);
        refused(longer, NTE_BAD_KEYSET_PARAM).with_context(|| format!("flags {flags:#x}"))?;
    }
    let context = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET)?;
    let told = context.param_text(PP_CONTAINER);
    let made = context.gen_pair(AT_SIGNATURE, 512).map(drop);
    let opened = rig.capi().acquire(Some(&name), 0).map(drop);
    rig.capi().delete(Some(&name), 0)?;
    equal(told?, name, "PP_CONTAINER")?;
    made?;
    opened?;
    Ok(Outcome::Passed)
}

fn create_empty(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    for context in [&context, &again] {
        for spec in [AT_SIGNATURE, AT_KEYEXCHANGE] {
            refused(context.user_key(spec), NTE_NO_KEY)?;
        }
    }
    Ok(Outcome::Passed)
}

fn create_again(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    context.release(0)?;
    for _ in 0..3 {
        rig.capi().delete(Some(&name), 0)?;
        let context = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET)?;
        refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
        // A container's identity follows from its name.
        equal(
            context.param_text(PP_UNIQUE_CONTAINER)?,
            unique.clone(),
            "PP_UNIQUE_CONTAINER",
        )?;
        context.import_key(&private_blob(rig)?, None, 0)?;
    }
    Ok(Outcome::Passed)
}

fn create_machine(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    let machine = CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET;
    let context = rig.capi().acquire(Some(&name), machine)?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    refused(rig.capi().acquire(Some(&name), machine), NTE_EXISTS)?;
    let user = rig.capi().acquire(Some(&name), CRYPT_NEWKEYSET)?;
    let empty = user.user_key(AT_SIGNATURE);
    let uniques = [
        context.param_text(PP_UNIQUE_CONTAINER),
        user.param_text(PP_UNIQUE_CONTAINER),
    ];
    rig.capi().delete(Some(&name), 0)?;
    refused(empty, NTE_NO_KEY)?;
    let [one, other] = uniques;
    ensure!(one? != other?, "both containers are one");
    rig.capi().acquire(Some(&name), CRYPT_MACHINE_KEYSET)?;
    Ok(Outcome::Passed)
}

fn delete_machine(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    rig.capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET)?;
    refused(rig.capi().delete(Some(&name), 0), NTE_BAD_KEYSET)?;
    rig.capi().acquire(Some(&name), CRYPT_MACHINE_KEYSET)?;
    rig.capi().delete(Some(&name), CRYPT_MACHINE_KEYSET)?;
    refused(
        rig.capi().acquire(Some(&name), CRYPT_MACHINE_KEYSET),
        NTE_BAD_KEYSET,
    )?;
    Ok(Outcome::Passed)
}

fn delete_files(rig: &Rig) -> anyhow::Result<Outcome> {
    let before = rig.key_files()?;
    let (context, name) = rig.container()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    ensure!(
        rig.key_files()?.len() >= before.len() + 2,
        "no files of container and key"
    );
    context.release(0)?;
    rig.capi().delete(Some(&name), 0)?;
    equal(rig.key_files()?, before, "the files of the Security World")?;
    Ok(Outcome::Passed)
}

fn delete_unique(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    context.release(0)?;
    rig.capi().delete(Some(&unique), 0)?;
    for name in [&name, &unique] {
        refused(rig.capi().acquire(Some(name), 0), NTE_BAD_KEYSET)?;
    }
    Ok(Outcome::Passed)
}

fn unique_scope(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    let machine = rig
        .capi()
        .acquire(Some(&name), CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET)?;
    let unique = machine.param_text(PP_UNIQUE_CONTAINER)?;
    let found = rig.capi().acquire(Some(&unique), CRYPT_MACHINE_KEYSET)?;
    equal(
        found.param_text(PP_UNIQUE_CONTAINER)?,
        unique.clone(),
        "PP_UNIQUE_CONTAINER",
    )?;
    // The unique name of nothing.
    let nothing = format!("{}0", &unique[..unique.len() - 1]);
    if nothing != unique {
        refused(
            rig.capi().acquire(Some(&nothing), CRYPT_MACHINE_KEYSET),
            NTE_BAD_KEYSET,
        )?;
    }
    Ok(Outcome::Passed)
}

fn pairs_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, _) = rig.container()?;
    let (other, _) = rig.container()?;
    one.import_key(&private_blob(rig)?, None, 0)?;
    refused(other.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    other.gen_pair(AT_SIGNATURE, 512)?;
    let found = one.user_key(AT_SIGNATURE)?.export(PUBLICKEYBLOB, None, 0)?;
    equal(found, public_blob(rig)?, "the first container's public key")?;
    Ok(Outcome::Passed)
}

fn pairs_kept(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let exchange = context
        .gen_pair(AT_KEYEXCHANGE, 512)?
        .export(PUBLICKEYBLOB, None, 0)?;
    for _ in 0..2 {
        context.gen_pair(AT_SIGNATURE, 512)?;
        let found = context
            .user_key(AT_KEYEXCHANGE)?
            .export(PUBLICKEYBLOB, None, 0)?;
        equal(found, exchange.clone(), "the exchange pair's public key")?;
    }
    Ok(Outcome::Passed)
}

fn public_fills_none(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let before = rig.key_files()?;
    context.import_key(&public_blob(rig)?, None, 0)?;
    for spec in [AT_SIGNATURE, AT_KEYEXCHANGE] {
        refused(context.user_key(spec), NTE_NO_KEY)?;
    }
    equal(rig.key_files()?, before, "the files of the Security World")?;
    Ok(Outcome::Passed)
}

fn verify_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    one.gen_pair(AT_SIGNATURE, 512)?;
    refused(other.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    one.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn verify_no_files(rig: &Rig) -> anyhow::Result<Outcome> {
    let before = rig.key_files()?;
    let context = rig.capi().verify_context()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    equal(
        rig.key_files()?,
        before.clone(),
        "the files of the Security World",
    )?;
    context.release(0)?;
    equal(rig.key_files()?, before, "the files afterwards")?;
    Ok(Outcome::Passed)
}

fn release_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    refused(context.release(1), NTE_BAD_FLAGS)?;
    refused(context.user_key(AT_SIGNATURE), ERROR_INVALID_PARAMETER)?;
    rig.capi().acquire(Some(&name), 0)?.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn release_twice(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.release(0)?;
    refused(context.release(0), ERROR_INVALID_PARAMETER)?;
    refused(context.random(8), ERROR_INVALID_PARAMETER)?;
    Ok(Outcome::Passed)
}

fn release_others(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let other = rig.capi().acquire(Some(&name), 0)?;
    let hash = other.hash(CALG_SHA1, b"text")?;
    context.release(0)?;
    hash.sign(AT_SIGNATURE, 0)?;
    other.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}
