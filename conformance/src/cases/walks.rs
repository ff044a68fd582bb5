//! PP_ENUMALGS, PP_ENUMCONTAINERS and PP_KEYSET_SEC_DESCR: what is walked, and who may have a container.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Context, ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS, Function, NTE_BAD_FLAGS, NTE_BAD_KEYSET,
    NTE_PERM, Provider, Room, word,
};
use crate::case::{Case, EVERY, Outcome};
use crate::coverage::{Cover, refuses, works};
use crate::rig::{Rig, equal, refused};

const GET: &str = "CryptoAPI reference: CryptGetProvParam";
const SET: &str = "CryptoAPI reference: CryptSetProvParam";
const TABLE: &str = "CRYPTSPI, section 4.3";

const GETS: &[Cover] = &[works(Function::GetProvParam)];

pub(super) const CASES: &[Case] = &[
    Case::any(
        "contexts.walk.shared",
        "Both walks of algorithms stand at one place",
        TABLE,
        walk_shared,
    )
    .covers(GETS),
    Case::any(
        "contexts.walk.end",
        "A walk that has ended stays ended until it starts over",
        GET,
        walk_end,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_NO_MORE_ITEMS),
    ]),
    Case::any(
        "contexts.walk.flags",
        "A walk takes CRYPT_FIRST, CRYPT_NEXT or nothing",
        GET,
        walk_flags,
    )
    .covers(&[refuses(Function::GetProvParam, NTE_BAD_FLAGS)]),
    Case::any(
        "contexts.walk.apart",
        "Two contexts walk each for itself",
        GET,
        walk_apart,
    )
    .covers(GETS),
    Case::any(
        "contexts.containers.machine",
        "The machine's containers are walked by flag or by context, apart from the user's",
        TABLE,
        containers_machine,
    )
    .covers(GETS),
    Case::any(
        "contexts.containers.short",
        "A buffer that a name does not fit leaves the walk where it is",
        GET,
        containers_short,
    )
    .covers(&[
        refuses(Function::GetProvParam, ERROR_MORE_DATA),
        works(Function::GetProvParam),
    ]),
    Case::any(
        "contexts.containers.own",
        "A provider walks no other provider's containers",
        "CRYPTSPI, section 3.1",
        containers_own,
    )
    .covers(&[
        refuses(Function::GetProvParam, ERROR_NO_MORE_ITEMS),
        refuses(Function::AcquireContext, NTE_BAD_KEYSET),
    ]),
    Case::any(
        "contexts.descriptor.parts",
        "A security descriptor has the parts that are asked for",
        GET,
        descriptor_parts,
    )
    .covers(GETS),
    Case::any(
        "contexts.descriptor.flags",
        "Parts that no descriptor has are refused",
        GET,
        descriptor_flags,
    )
    .covers(&[
        refuses(Function::GetProvParam, NTE_BAD_FLAGS),
        refuses(Function::SetProvParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "contexts.descriptor.none",
        "A context without a container has no security descriptor",
        TABLE,
        descriptor_none,
    )
    .covers(&[refuses(Function::GetProvParam, NTE_BAD_KEYSET)]),
    Case::any(
        "contexts.descriptor.set",
        "A descriptor that is set is the descriptor, for every context",
        SET,
        descriptor_set,
    )
    .covers(&[works(Function::SetProvParam), works(Function::GetProvParam)]),
    Case::any(
        "contexts.descriptor.garbage",
        "What is no descriptor is not set",
        SET,
        descriptor_garbage,
    )
    .covers(&[refuses(Function::SetProvParam, NTE_BAD_FLAGS)]),
    Case::any(
        "contexts.descriptor.audit",
        "Nobody may have uses of a container audited",
        SET,
        descriptor_audit,
    )
    .covers(&[refuses(Function::SetProvParam, NTE_PERM)]),
];
/// The next algorithm of a walk.
fn algorithm(context: &Context, param: u32, flags: u32) -> anyhow::Result<u32> {
    let size = if param == PP_ENUMALGS { 32 } else { 88 };
    let item = context.param_into(param, Room::Bytes(size), flags).data()?;
    Ok(word(&item[..4]))
}

fn walk_shared(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let mut short = vec![algorithm(&context, PP_ENUMALGS, CRYPT_FIRST)?];
    for _ in 0..2 {
        short.push(algorithm(&context, PP_ENUMALGS, CRYPT_NEXT)?);
    }
    let mixed = [
        algorithm(&context, PP_ENUMALGS_EX, CRYPT_FIRST)?,
        algorithm(&context, PP_ENUMALGS, 0)?,
        algorithm(&context, PP_ENUMALGS_EX, CRYPT_NEXT)?,
    ];
    equal(mixed.to_vec(), short, "the first three algorithms")?;
    Ok(Outcome::Passed)
}

fn walk_end(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let first = algorithm(&context, PP_ENUMALGS, CRYPT_FIRST)?;
    let mut count = 1;
    while algorithm(&context, PP_ENUMALGS, CRYPT_NEXT).is_ok() {
        count += 1;
        ensure!(count < 1000, "the walk does not end");
    }
    for flags in [CRYPT_NEXT, 0] {
        let answer = context.param_into(PP_ENUMALGS, Room::Bytes(32), flags);
        refused(answer.result, ERROR_NO_MORE_ITEMS)?;
    }
    equal(
        algorithm(&context, PP_ENUMALGS, CRYPT_FIRST)?,
        first,
        "the first again",
    )?;
    Ok(Outcome::Passed)
}

fn walk_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for param in [PP_ENUMALGS, PP_ENUMALGS_EX, PP_ENUMCONTAINERS] {
        for flags in [CRYPT_FIRST | CRYPT_NEXT, 4, 0x8000_0000] {
            refused(
                context.param_into(param, Room::Bytes(300), flags).result,
                NTE_BAD_FLAGS,
            )
            .with_context(|| format!("parameter {param} with flags {flags:#x}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn walk_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, other) = (rig.capi().verify_context()?, rig.capi().verify_context()?);
    let first = algorithm(&one, PP_ENUMALGS, CRYPT_FIRST)?;
    let second = algorithm(&one, PP_ENUMALGS, CRYPT_NEXT)?;
    equal(
        algorithm(&other, PP_ENUMALGS, 0)?,
        first,
        "the other context's first",
    )?;
    equal(
        algorithm(&other, PP_ENUMALGS, 0)?,
        second,
        "the other context's second",
    )?;
    Ok(Outcome::Passed)
}

/// The names of a walk.
fn containers(context: &Context, scope: u32) -> anyhow::Result<Vec<String>> {
    let (mut names, mut flags) = (Vec::new(), CRYPT_FIRST);
    loop {
        let item = context.param_into(PP_ENUMCONTAINERS, Room::Bytes(261), flags | scope);
        if item.result.is_err() {
            refused(item.result, ERROR_NO_MORE_ITEMS)?;
            return Ok(names);
        }
        let text = item
            .buffer
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        names.push(String::from_utf8_lossy(text).into_owned());
        flags = CRYPT_NEXT;
    }
}

fn containers_machine(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    let flags = CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET;
    let machine = rig.capi().acquire(Some(&name), flags)?;
    let (_user, own) = rig.container()?;
    let verify = rig.capi().verify_context()?;
    for found in [
        containers(&machine, 0)?,
        containers(&verify, CRYPT_MACHINE_KEYSET)?,
    ] {
        ensure!(found.contains(&name), "{name} is not among {found:?}");
        ensure!(!found.contains(&own), "{own} is among the machine's");
    }
    let found = containers(&verify, 0)?;
    ensure!(
        found.contains(&own) && !found.contains(&name),
        "the user's are {found:?}"
    );
    Ok(Outcome::Passed)
}

fn containers_short(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let all = containers(&context, 0)?;
    let short = context.param_into(PP_ENUMCONTAINERS, Room::Bytes(2), CRYPT_FIRST);
    refused(short.result, ERROR_MORE_DATA)?;
    let item = context.param_into(PP_ENUMCONTAINERS, Room::Bytes(261), 0);
    item.result?;
    ensure!(
        item.buffer.starts_with(all[0].as_bytes()),
        "not the first name"
    );
    Ok(Outcome::Passed)
}

fn containers_own(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_context, name) = rig.container()?;
    let own = rig.capi().provider();
    let other = EVERY.iter().find(|other| **other != own.prov_type);
    let Provider {
        name: other,
        prov_type,
    } = Provider::of_type(*other.context("there are other types")?);
    let capi = rig.capi();
    let context = capi.acquire_from(None, Some(&other), prov_type, CRYPT_VERIFYCONTEXT)?;
    ensure!(
        !containers(&context, 0)?.contains(&name),
        "{name} is another provider's too"
    );
    refused(
        capi.acquire_from(Some(&name), Some(&other), prov_type, 0),
        NTE_BAD_KEYSET,
    )?;
    Ok(Outcome::Passed)
}

/// A container's descriptor, with the parts that are asked for.
fn descriptor(context: &Context, parts: u32) -> anyhow::Result<Vec<u8>> {
    let size = context.param_into(PP_KEYSET_SEC_DESCR, Room::Ask, parts);
    size.result?;
    let room = Room::Bytes(size.length as usize);
    Ok(context
        .param_into(PP_KEYSET_SEC_DESCR, room, parts)
        .data()?)
}

fn descriptor_parts(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    // Offsets of owner, group and DACL in a self-relative descriptor.
    let places = [4, 8, 16];
    for (parts, present) in [
        (OWNER_SECURITY_INFORMATION, [true, false, false]),
        (GROUP_SECURITY_INFORMATION, [false, true, false]),
        (DACL_SECURITY_INFORMATION, [false, false, true]),
        (
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            [true, false, true],
        ),
    ] {
        let bytes = descriptor(&context, parts)?;
        let found = places.map(|place| word(&bytes[place..place + 4]) != 0);
        equal(found, present, &format!("parts {parts:#x}"))?;
    }
    Ok(Outcome::Passed)
}

fn descriptor_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let whole = descriptor(&context, DACL_SECURITY_INFORMATION)?;
    for flags in [0x10, 0x100] {
        let answer = context.param_into(PP_KEYSET_SEC_DESCR, Room::Ask, flags);
        refused(answer.result, NTE_BAD_FLAGS)?;
        refused(
            context.set_param(PP_KEYSET_SEC_DESCR, Some(&whole), flags),
            NTE_BAD_FLAGS,
        )?;
    }
    Ok(Outcome::Passed)
}

fn descriptor_none(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let answer = context.param_into(PP_KEYSET_SEC_DESCR, Room::Ask, DACL_SECURITY_INFORMATION);
    refused(answer.result, NTE_BAD_KEYSET)?;
    Ok(Outcome::Passed)
}

fn descriptor_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let mut whole = descriptor(&context, DACL_SECURITY_INFORMATION)?;
    // One entry less: behind the header of the list stand entries that tell their own sizes.
    let list = word(&whole[16..20]) as usize;
    let entry = u16::from_le_bytes([whole[list + 10], whole[list + 11]]);
    let size = u16::from_le_bytes([whole[list + 2], whole[list + 3]]) - entry;
    whole.drain(list + 8..list + 8 + usize::from(entry));
    whole[list + 2..list + 4].copy_from_slice(&size.to_le_bytes());
    whole[list + 4] -= 1;
    context.set_param(PP_KEYSET_SEC_DESCR, Some(&whole), DACL_SECURITY_INFORMATION)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    for context in [&context, &again] {
        let found = descriptor(context, DACL_SECURITY_INFORMATION)?;
        let list = word(&found[16..20]) as usize;
        equal(found[list + 4], 2, "the entries that are left")?;
    }
    Ok(Outcome::Passed)
}

fn descriptor_garbage(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let before = descriptor(&context, DACL_SECURITY_INFORMATION)?;
    for garbage in [[0_u8; 20], [2; 20], [0xff; 20]] {
        let answer = context.set_param(
            PP_KEYSET_SEC_DESCR,
            Some(&garbage),
            DACL_SECURITY_INFORMATION,
        );
        refused(answer, NTE_BAD_FLAGS)?;
    }
    equal(
        descriptor(&context, DACL_SECURITY_INFORMATION)?,
        before,
        "the descriptor",
    )?;
    Ok(Outcome::Passed)
}

fn descriptor_audit(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let whole = descriptor(&context, DACL_SECURITY_INFORMATION)?;
    let answer = context.set_param(PP_KEYSET_SEC_DESCR, Some(&whole), SACL_SECURITY_INFORMATION);
    refused(answer, NTE_PERM)?;
    Ok(Outcome::Passed)
}
