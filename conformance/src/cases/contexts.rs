//! PP_ parameters: CPGetProvParam and CPSetProvParam, one parameter after the other.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    ERROR_INVALID_PARAMETER, ERROR_MORE_DATA, Function, NTE_BAD_FLAGS, NTE_BAD_TYPE, NTE_NO_KEY,
    NTE_NOT_SUPPORTED, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{Cover, refuses, works};
use crate::rig::{Rig, equal, refused};

const GET: &str = "CryptoAPI reference: CryptGetProvParam";
const SET: &str = "CryptoAPI reference: CryptSetProvParam";
const TABLE: &str = "CRYPTSPI, section 4.3";

const GETS: &[Cover] = &[works(Function::GetProvParam)];
const SETS: &[Cover] = &[works(Function::SetProvParam)];

pub(super) const CASES: &[Case] = &[
    Case::any(
        "contexts.storage.descriptor",
        "Containers are kept with security descriptors",
        TABLE,
        storage,
    )
    .covers(GETS),
    Case::any(
        "contexts.param.no-data",
        "Questions that are answered by success alone have no data",
        GET,
        no_data,
    )
    .covers(GETS),
    Case::any(
        "contexts.param.not-here",
        "Parameters of cards and of other providers are refused",
        TABLE,
        not_here,
    )
    .covers(&[refuses(Function::GetProvParam, NTE_BAD_TYPE)]),
    Case::any(
        "contexts.param.machine",
        "A context among the machine's containers says so",
        TABLE,
        machine,
    )
    .covers(GETS),
    Case::any(
        "contexts.param.verify",
        "A context without a container has no name of one",
        TABLE,
        verify,
    )
    .covers(GETS),
    Case::any(
        "contexts.param.fit",
        "A string fits a buffer of its own length with its NUL",
        GET,
        fit,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_MORE_DATA),
    ]),
    Case::any(
        "contexts.pin.taken",
        "A pass phrase is taken for either slot, and taken back by NULL",
        SET,
        pin_taken,
    )
    .covers(&[
        works(Function::SetProvParam),
        refuses(Function::SetProvParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "contexts.pin.secure",
        "Encrypted pass phrases are not for this provider",
        SET,
        pin_secure,
    )
    .covers(&[refuses(Function::SetProvParam, NTE_BAD_TYPE)]),
    Case::any(
        "contexts.prompt.text",
        "A text for prompts is UTF-16",
        SET,
        prompt_text,
    )
    .covers(&[
        works(Function::SetProvParam),
        refuses(Function::SetProvParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "contexts.generator.module",
        "The module is the generator, whoever asks",
        GET,
        generator,
    )
    .covers(&[
        works(Function::SetProvParam),
        works(Function::GetProvParam),
        works(Function::GenRandom),
    ]),
    Case::any(
        "contexts.information.ignored",
        "A context's private information is nobody's",
        SET,
        information,
    )
    .covers(SETS),
    Case::any(
        "contexts.count.ephemeral",
        "Pairs without a container are not counted",
        "CAPI guide, section 9",
        count_ephemeral,
    )
    .covers(&[
        refuses(Function::SetProvParam, NTE_NOT_SUPPORTED),
        works(Function::SetProvParam),
    ]),
    Case::any(
        "contexts.storage.ephemeral",
        "Pairs without a container are not stored in NVRAM",
        "CAPI guide, section 10",
        storage_ephemeral,
    )
    .covers(&[
        refuses(Function::SetProvParam, NTE_NOT_SUPPORTED),
        works(Function::SetProvParam),
    ]),
    Case::any(
        "contexts.nvram.reset",
        "Counting and storing in NVRAM end when they are set to 0",
        "CAPI guide, sections 9 and 10",
        nvram_reset,
    )
    .covers(&[works(Function::SetProvParam), works(Function::GenKey)]),
    Case::any(
        "contexts.nvram.null",
        "Counting and storing in NVRAM want a number",
        "CAPI guide, sections 9 and 10",
        nvram_null,
    )
    .covers(&[refuses(Function::SetProvParam, ERROR_INVALID_PARAMETER)]),
    Case::any(
        "contexts.nvram.unread",
        "Whether keys are counted or stored in NVRAM is not told",
        "CRYPTSPI, section 4.3",
        nvram_unread,
    )
    .covers(&[refuses(Function::GetProvParam, NTE_BAD_TYPE)]),
    Case::any(
        "contexts.delete-key.container",
        "PP_DELETEKEY is for contexts without a container",
        SET,
        delete_key_container,
    )
    .covers(&[
        refuses(Function::SetProvParam, NTE_BAD_TYPE),
        works(Function::GetUserKey),
    ]),
    Case::any(
        "contexts.set.read-only",
        "What a context tells of itself cannot be set",
        SET,
        read_only,
    )
    .covers(&[refuses(Function::SetProvParam, NTE_BAD_TYPE)]),
];
fn storage(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let storage = context.param_word(PP_KEYSTORAGE)?;
    equal(
        storage & CRYPT_SEC_DESCR,
        CRYPT_SEC_DESCR,
        "CRYPT_SEC_DESCR",
    )?;
    Ok(Outcome::Passed)
}

fn no_data(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for param in [PP_USE_HARDWARE_RNG, PP_ENUMEX_SIGNING_PROT] {
        let answer = context.param_into(param, Room::Ask, 0);
        equal(
            (answer.result, answer.length),
            (Ok(()), 0),
            &format!("parameter {param}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn not_here(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for param in [
        PP_CERTCHAIN,
        PP_SYM_KEYSIZE,
        PP_SESSION_KEYSIZE,
        PP_UI_PROMPT,
        PP_ADMIN_PIN,
        PP_SGC_INFO,
        PP_USER_CERTSTORE,
        PP_SMARTCARD_READER,
        PP_SMARTCARD_GUID,
        PP_ROOT_CERTSTORE,
        0,
    ] {
        for room in [Room::Ask, Room::Bytes(64)] {
            refused(context.param_into(param, room, 0).result, NTE_BAD_TYPE)
                .with_context(|| format!("parameter {param}"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn machine(rig: &Rig) -> anyhow::Result<Outcome> {
    let name = rig.machine_name();
    let flags = CRYPT_NEWKEYSET | CRYPT_MACHINE_KEYSET;
    let context = rig.capi().acquire(Some(&name), flags)?;
    equal(
        context.param_word(PP_KEYSET_TYPE)?,
        CRYPT_MACHINE_KEYSET,
        "PP_KEYSET_TYPE",
    )?;
    equal(context.param_text(PP_CONTAINER)?, name, "PP_CONTAINER")?;
    Ok(Outcome::Passed)
}

fn verify(rig: &Rig) -> anyhow::Result<Outcome> {
    for flags in [CRYPT_VERIFYCONTEXT, CRYPT_VERIFYCONTEXT | CRYPT_SILENT] {
        let context = rig.capi().acquire(None, flags)?;
        for param in [PP_CONTAINER, PP_UNIQUE_CONTAINER] {
            equal(
                context.param(param, 0)?,
                vec![0],
                &format!("parameter {param}"),
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn fit(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let size = name.len() + 1;
    let exact = context.param_into(PP_CONTAINER, Room::Bytes(size), 0);
    equal(
        exact.data()?,
        [name.as_bytes(), &[0]].concat(),
        "PP_CONTAINER",
    )?;
    let short = context.param_into(PP_CONTAINER, Room::Bytes(size - 1), 0);
    equal(
        (short.length, short.buffer),
        (size as u32, vec![0; size - 1]),
        "a short buffer",
    )?;
    refused(short.result, ERROR_MORE_DATA)?;
    for room in [0, 3] {
        let short = context.param_into(PP_PROVTYPE, Room::Bytes(room), 0);
        equal(short.length, 4, "the length for a short buffer")?;
        refused(short.result, ERROR_MORE_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn pin_taken(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for param in [PP_KEYEXCHANGE_PIN, PP_SIGNATURE_PIN] {
        context.set_param(param, Some(b"pass phrase\0"), 0)?;
        context.set_param(param, Some(b"\0"), 0)?;
        context.set_param(param, None, 0)?;
        refused(
            context.set_param(param, Some(b"pass phrase\0"), 2),
            NTE_BAD_FLAGS,
        )?;
        refused(context.param(param, 0), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}

fn pin_secure(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for param in [
        PP_SECURE_KEYEXCHANGE_PIN,
        PP_SECURE_SIGNATURE_PIN,
        PP_ADMIN_PIN,
    ] {
        refused(context.set_param(param, Some(&[0; 16]), 0), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}

fn prompt_text(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let units = |units: &[u16]| -> Vec<u8> {
        units
            .iter()
            .chain([&0])
            .flat_map(|unit| unit.to_le_bytes())
            .collect()
    };
    let text: Vec<u16> = "Für die Bücher".encode_utf16().collect();
    context.set_param(PP_UI_PROMPT, Some(&units(&text)), 0)?;
    context.set_param(PP_UI_PROMPT, None, 0)?;
    // Half of a pair of surrogates.
    refused(
        context.set_param(PP_UI_PROMPT, Some(&units(&[0xd800])), 0),
        NTE_BAD_FLAGS,
    )?;
    refused(
        context.set_param(PP_UI_PROMPT, Some(&units(&text)), 2),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn generator(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context
        .param_into(PP_USE_HARDWARE_RNG, Room::Ask, 0)
        .result?;
    context.set_param(PP_USE_HARDWARE_RNG, None, 0)?;
    let (one, other) = (context.random(32)?, context.random(32)?);
    ensure!(one != other, "the same 32 bytes came twice");
    Ok(Outcome::Passed)
}

fn information(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.set_param(PP_CONTEXT_INFO, Some(&[1; 16]), 0)?;
    refused(context.param(PP_CONTEXT_INFO, 0), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

/// A switch for keys in NVRAM in a context whose pairs are in none.
fn ephemeral(rig: &Rig, param: u32) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for on in [1_u32, 0x100, 0x8000_0000] {
        refused(
            context.set_param(param, Some(&on.to_le_bytes()), 0),
            NTE_NOT_SUPPORTED,
        )?;
    }
    context.set_param(param, Some(&[0; 4]), 0)?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    Ok(Outcome::Passed)
}

fn count_ephemeral(rig: &Rig) -> anyhow::Result<Outcome> {
    ephemeral(rig, PP_CRYPT_COUNT_KEY_USE)
}

fn storage_ephemeral(rig: &Rig) -> anyhow::Result<Outcome> {
    ephemeral(rig, PP_NO_HOST_STORAGE)
}

fn nvram_reset(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for param in [PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE] {
        context.set_param(param, Some(&1_u32.to_le_bytes()), 0)?;
        context.set_param(param, Some(&[0; 4]), 0)?;
    }
    // Nobody is asked for the Administrator Cards.
    let pair = context.gen_pair(AT_SIGNATURE, 512)?;
    refused(pair.param(KP_GET_USE_COUNT), crate::capi::NTE_NOT_FOUND)?;
    Ok(Outcome::Passed)
}

fn nvram_null(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for param in [PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE] {
        refused(context.set_param(param, None, 0), ERROR_INVALID_PARAMETER)?;
    }
    Ok(Outcome::Passed)
}

fn nvram_unread(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for param in [PP_CRYPT_COUNT_KEY_USE, PP_NO_HOST_STORAGE] {
        refused(context.param(param, 0), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}

fn delete_key_container(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    refused(context.set_param(PP_DELETEKEY, None, 0), NTE_BAD_TYPE)?;
    context.user_key(AT_SIGNATURE)?;
    Ok(Outcome::Passed)
}

fn read_only(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    for param in [
        PP_IMPTYPE,
        PP_VERSION,
        PP_CONTAINER,
        PP_PROVTYPE,
        PP_KEYSTORAGE,
        PP_KEYSET_TYPE,
        PP_KEYSPEC,
        PP_UNIQUE_CONTAINER,
        PP_SIG_KEYSIZE_INC,
        PP_ENUMALGS_EX,
    ] {
        refused(context.set_param(param, Some(&[0; 16]), 0), NTE_BAD_TYPE)
            .with_context(|| format!("parameter {param}"))?;
    }
    equal(context.param_text(PP_CONTAINER)?, name, "PP_CONTAINER")?;
    Ok(Outcome::Passed)
}
