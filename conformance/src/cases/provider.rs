//! The provider itself: CPGetProvParam, CPSetProvParam and CPGenRandom.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    Arguments, Code, Context, ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS,
    Function, NTE_BAD_FLAGS, NTE_BAD_TYPE, NTE_BAD_UID, NTE_NO_KEY, Provider, Room, last_error,
    set_last_error, text, word,
};
use crate::case::{Case, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::rig::{Rig, equal, refused};

const GET: &str = "CryptoAPI reference: CryptGetProvParam";
const SET: &str = "CryptoAPI reference: CryptSetProvParam";
const RANDOM: &str = "CryptoAPI reference: CryptGenRandom";

pub(super) const CASES: &[Case] = &[
    Case::any(
        "provider.param.facts",
        "The provider tells what it is",
        "CAPI guide, section 3",
        facts,
    )
    .covers(&[works(Function::GetProvParam)]),
    Case::any(
        "provider.param.container",
        "A context tells its container",
        GET,
        container,
    )
    .covers(&[works(Function::GetProvParam)]),
    Case::any(
        "provider.param.sizes",
        "Sizes are told for NULL and for a short buffer",
        GET,
        sizes,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_MORE_DATA),
    ]),
    Case::any(
        "provider.param.unknown",
        "Unknown parameters and flags are refused",
        GET,
        unknown,
    )
    .covers(&[
        refuses(Function::GetProvParam, NTE_BAD_TYPE),
        refuses(Function::GetProvParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "provider.algorithms.guide",
        "The algorithms of the guide are enumerated with their lengths",
        "CAPI guide, section 6",
        algorithms_guide,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_NO_MORE_ITEMS),
    ]),
    Case::any(
        "provider.algorithms.walk",
        "A walk starts over on demand, and a question for the size does not advance it",
        GET,
        algorithms_walk,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_MORE_DATA),
    ]),
    Case::any(
        "provider.algorithms.true",
        "Every enumerated algorithm exists",
        GET,
        algorithms_true,
    )
    .covers(&[
        works(Function::GetProvParam),
        works(Function::GenKey),
        works(Function::CreateHash),
    ]),
    Case::any(
        "provider.containers.walk",
        "A user's containers are enumerated",
        GET,
        containers_walk,
    )
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::GetProvParam, ERROR_NO_MORE_ITEMS),
    ]),
    Case::any(
        "provider.descriptor.read",
        "A container has a security descriptor",
        "CAPI guide, section 7",
        descriptor_read,
    )
    .covers(&[works(Function::GetProvParam)]),
    Case::any(
        "provider.set.delete-key",
        "PP_DELETEKEY drops the pairs of a CRYPT_VERIFYCONTEXT",
        SET,
        set_delete_key,
    )
    .covers(&[
        works(Function::SetProvParam),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::any(
        "provider.set.unknown",
        "What cannot be set is refused",
        SET,
        set_unknown,
    )
    .covers(&[
        refuses(Function::SetProvParam, NTE_BAD_TYPE),
        refuses(Function::SetProvParam, NTE_BAD_FLAGS),
    ]),
    Case::any(
        "provider.random.differs",
        "Random bytes differ",
        RANDOM,
        random_differs,
    )
    .covers(&[works(Function::GenRandom)]),
    Case::any(
        "provider.random.unknown",
        "The provider knows a context that it never gave out",
        RANDOM,
        random_unknown,
    )
    .covers(&[refuses(Function::GenRandom, NTE_BAD_UID)]),
];

fn facts(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let Provider { name, prov_type } = rig.capi().provider();
    equal(&context.param_text(PP_NAME)?, name, "PP_NAME")?;
    let key_spec = match *prov_type {
        PROV_DSS => AT_SIGNATURE,
        _ => AT_KEYEXCHANGE | AT_SIGNATURE,
    };
    let step = if RSA.contains(prov_type) { 8 } else { 64 };
    for (param, value, what) in [
        (PP_PROVTYPE, *prov_type, "PP_PROVTYPE"),
        (PP_VERSION, 0x200, "PP_VERSION"),
        (PP_IMPTYPE, CRYPT_IMPL_HARDWARE, "PP_IMPTYPE"),
        (PP_KEYSPEC, key_spec, "PP_KEYSPEC"),
        (PP_KEYSET_TYPE, 0, "PP_KEYSET_TYPE"),
        (PP_SIG_KEYSIZE_INC, step, "PP_SIG_KEYSIZE_INC"),
        (PP_KEYX_KEYSIZE_INC, step, "PP_KEYX_KEYSIZE_INC"),
    ] {
        equal(context.param_word(param)?, value, what)?;
    }
    Ok(Outcome::Passed)
}

fn container(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    equal(context.param_text(PP_CONTAINER)?, name, "PP_CONTAINER")?;
    let unique = context.param_text(PP_UNIQUE_CONTAINER)?;
    ensure!(
        rig.key_file(&unique).exists(),
        "there is no entry {unique} in the Security World"
    );
    Ok(Outcome::Passed)
}

fn sizes(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let size = rig.capi().provider().name.len() as u32 + 1;
    let asked = context.param_into(PP_NAME, Room::Ask, 0);
    equal(
        (asked.result, asked.length),
        (Ok(()), size),
        "the answer to NULL",
    )?;
    let short = context.param_into(PP_NAME, Room::Bytes(size as usize - 1), 0);
    equal(short.length, size, "the length for a short buffer")?;
    refused(short.result, ERROR_MORE_DATA)?;
    Ok(Outcome::Passed)
}

fn unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    refused(context.param(999, 0), NTE_BAD_TYPE)?;
    refused(context.param(PP_NAME, 1), NTE_BAD_FLAGS)?;
    Ok(Outcome::Passed)
}

/// One item of PP_ENUMALGS_EX.
#[derive(Debug, PartialEq, Eq)]
struct Algorithm {
    algid: u32,
    default: u32,
    min: u32,
    max: u32,
    name: String,
    long_name: String,
}

/// The items of a walk from its start, as their bytes.
fn walk(context: &Context, param: u32, size: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut items = Vec::new();
    let mut flags = CRYPT_FIRST;
    loop {
        let item = context.param_into(param, Room::Bytes(size), flags);
        match item.result {
            Ok(()) => items.push(item.buffer),
            end => {
                refused(end, ERROR_NO_MORE_ITEMS)?;
                return Ok(items);
            }
        }
        ensure!(items.len() < 10_000, "the walk does not end");
        flags = CRYPT_NEXT;
    }
}

fn algorithms(context: &Context) -> anyhow::Result<Vec<Algorithm>> {
    let mut algorithms = Vec::new();
    for item in walk(context, PP_ENUMALGS_EX, 88)? {
        let word = |at: usize| word(&item[at..at + 4]);
        algorithms.push(Algorithm {
            algid: word(0),
            default: word(4),
            min: word(8),
            max: word(12),
            name: text(&item[24..24 + word(20) as usize]),
            long_name: text(&item[48..48 + word(44) as usize]),
        });
    }
    Ok(algorithms)
}

/// An algorithm with its default, shortest and longest length in bits.
type Row = (u32, u32, u32, u32);

/// What the guide lists for each type, with the lengths of Microsoft's reference and of its providers.
fn guide_rows(prov_type: u32) -> Vec<Row> {
    const fn fixed(algid: u32, bits: u32) -> Row {
        (algid, bits, bits, bits)
    }
    const HASHES: [Row; 2] = [fixed(CALG_MD5, 128), fixed(CALG_SHA1, 160)];
    const CIPHERS: [Row; 4] = [
        fixed(CALG_DES, 56),
        fixed(CALG_3DES_112, 112),
        fixed(CALG_3DES, 168),
        (CALG_RC4, 128, 40, 128),
    ];
    const RSA_ROWS: [Row; 5] = [
        (CALG_RSA_SIGN, 1024, 384, 16_384),
        (CALG_RSA_KEYX, 1024, 384, 16_384),
        fixed(CALG_SSL3_SHAMD5, 288),
        fixed(CALG_MAC, 0),
        fixed(CALG_HMAC, 0),
    ];
    const AES_AND_SHA2: [Row; 6] = [
        fixed(CALG_AES_128, 128),
        fixed(CALG_AES_192, 192),
        fixed(CALG_AES_256, 256),
        fixed(CALG_SHA_256, 256),
        fixed(CALG_SHA_384, 384),
        fixed(CALG_SHA_512, 512),
    ];
    const DSS_ROW: Row = (CALG_DSS_SIGN, 1024, 512, 1024);
    const DH_ROWS: [Row; 2] = [
        (CALG_DH_SF, 1024, 512, 4096),
        (CALG_DH_EPHEM, 1024, 512, 4096),
    ];

    let mut rows = HASHES.to_vec();
    match prov_type {
        PROV_DSS => rows.push(DSS_ROW),
        PROV_DSS_DH | PROV_DH_SCHANNEL => {
            rows.push(DSS_ROW);
            rows.extend(DH_ROWS);
            rows.extend(CIPHERS);
        }
        _ => {
            rows.extend(RSA_ROWS);
            rows.extend(CIPHERS);
        }
    }
    if prov_type == PROV_RSA_AES {
        rows.extend(AES_AND_SHA2);
    }
    rows
}

fn algorithms_guide(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let found = algorithms(&context)?;
    for (algid, default, min, max) in guide_rows(rig.capi().provider().prov_type) {
        let row = found.iter().find(|row| row.algid == algid);
        let row = row.with_context(|| format!("{algid:#x} is not enumerated"))?;
        equal(
            (row.default, row.min, row.max),
            (default, min, max),
            &format!("the lengths of {algid:#x}"),
        )?;
        ensure!(
            !row.name.is_empty() && !row.long_name.is_empty(),
            "{algid:#x} has no name"
        );
    }
    let distinct: BTreeSet<u32> = found.iter().map(|row| row.algid).collect();
    equal(
        distinct.len(),
        found.len(),
        "the number of different algorithms",
    )?;
    Ok(Outcome::Passed)
}

fn algorithms_walk(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let all = walk(&context, PP_ENUMALGS, 32)?;
    let expected: Vec<u32> = algorithms(&context)?.iter().map(|row| row.algid).collect();
    let found: Vec<u32> = all.iter().map(|item| word(&item[..4])).collect();
    equal(found, expected, "the two enumerations")?;

    let item = |room, flags| context.param_into(PP_ENUMALGS, room, flags);
    equal(
        item(Room::Bytes(32), CRYPT_FIRST).data()?,
        all[0].clone(),
        "the first item",
    )?;
    let asked = item(Room::Ask, 0);
    equal(
        (asked.result, asked.length),
        (Ok(()), 32),
        "the answer to NULL",
    )?;
    let short = item(Room::Bytes(31), 0);
    equal(short.length, 32, "the length for a short buffer")?;
    refused(short.result, ERROR_MORE_DATA)?;
    equal(
        item(Room::Bytes(32), 0).data()?,
        all[1].clone(),
        "the second item",
    )?;
    equal(
        item(Room::Bytes(32), CRYPT_FIRST).data()?,
        all[0].clone(),
        "the first item again",
    )?;
    Ok(Outcome::Passed)
}

fn algorithms_true(rig: &Rig) -> anyhow::Result<Outcome> {
    const CLASS: u32 = 7 << 13;
    const MSG_ENCRYPT: u32 = 2 << 13;
    const DATA_ENCRYPT: u32 = 3 << 13;
    const HASH: u32 = 4 << 13;
    let context = rig.capi().verify_context()?;
    for row in algorithms(&context)? {
        let what = || format!("{} ({:#x})", row.name, row.algid);
        match row.algid & CLASS {
            DATA_ENCRYPT => {
                context
                    .gen_key(row.algid, row.min << 16)
                    .with_context(what)?;
                context
                    .gen_key(row.algid, row.max << 16)
                    .with_context(what)?;
            }
            // These are made in the course of a handshake.
            MSG_ENCRYPT => {}
            HASH if row.algid == CALG_TLS1PRF => {}
            HASH if matches!(row.algid, CALG_MAC | CALG_HMAC) => {
                let key = context.gen_key(CALG_3DES, 0)?;
                context
                    .create_hash(row.algid, Some(&key))
                    .with_context(what)?;
            }
            HASH => {
                let size = word(
                    &context
                        .create_hash(row.algid, None)
                        .with_context(what)?
                        .param(HP_HASHSIZE)?,
                );
                equal(size * 8, row.default, &what())?;
            }
            _ => drop(context.gen_key(row.algid, 512 << 16).with_context(what)?),
        }
    }
    Ok(Outcome::Passed)
}

fn containers_walk(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut made = Vec::new();
    for _ in 0..3 {
        let (_context, name) = rig.container()?;
        made.push(name);
    }
    let context = rig.capi().verify_context()?;
    let asked = context.param_into(PP_ENUMCONTAINERS, Room::Ask, CRYPT_FIRST);
    // MAX_PATH and the NUL.
    equal(
        (asked.result, asked.length),
        (Ok(()), 261),
        "the answer to NULL",
    )?;
    let mut found = Vec::new();
    for item in walk(&context, PP_ENUMCONTAINERS, 261)? {
        let end = item
            .iter()
            .position(|byte| *byte == 0)
            .context("a name without its NUL")?;
        found.push(text(&item[..=end]));
    }
    for name in &made {
        equal(found.iter().filter(|found| *found == name).count(), 1, name)?;
    }
    for name in &found {
        rig.capi()
            .acquire(Some(name), CRYPT_SILENT)
            .with_context(|| format!("{name} does not open"))?;
    }
    // A name that fits leaves the length variable alone.
    let first = context.param_into(PP_ENUMCONTAINERS, Room::Bytes(261), CRYPT_FIRST);
    equal(
        (first.result, first.length),
        (Ok(()), 261),
        "the length after a name",
    )?;
    Ok(Outcome::Passed)
}

fn descriptor_read(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    set_last_error(Code(0));
    let asked = context.param_into(PP_KEYSET_SEC_DESCR, Room::Ask, DACL_SECURITY_INFORMATION);
    asked.result?;
    equal(
        last_error(),
        ERROR_INSUFFICIENT_BUFFER,
        "the last error beside TRUE",
    )?;
    let descriptor = context.param_into(
        PP_KEYSET_SEC_DESCR,
        Room::Bytes(asked.length as usize),
        DACL_SECURITY_INFORMATION,
    );
    let descriptor = descriptor.data()?;
    // Revision 1; self-relative with a DACL, which is somewhere in the descriptor and has the guide's three entries.
    equal(descriptor[0], 1, "the revision")?;
    let control = u16::from_le_bytes([descriptor[2], descriptor[3]]);
    equal(control & 0x8004, 0x8004, "the control bits")?;
    let dacl = word(&descriptor[16..20]) as usize;
    let entries = descriptor
        .get(dacl + 4..dacl + 6)
        .context("the DACL is not in the descriptor")?;
    equal(
        entries,
        &[3, 0][..],
        "the number of entries: everyone, the administrators, the user",
    )?;
    Ok(Outcome::Passed)
}

fn set_delete_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    context.set_param(PP_DELETEKEY, None, 0)?;
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn set_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    refused(context.set_param(999, Some(&[0; 4]), 0), NTE_BAD_TYPE)?;
    refused(context.set_param(PP_NAME, Some(b"name"), 0), NTE_BAD_TYPE)?;
    // Not bit 0: Wine's advapi32 takes that for PP_CLIENT_HWND and keeps the call to itself.
    refused(
        context.set_param(PP_CRYPT_COUNT_KEY_USE, Some(&[0; 4]), 2),
        NTE_BAD_FLAGS,
    )?;
    Ok(Outcome::Passed)
}

fn random_differs(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.random(0)?;
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        ensure!(
            seen.insert(context.random(16)?),
            "the same 16 bytes came twice"
        );
    }
    let long = context.random(20_000)?;
    let ones: u32 = long.iter().map(|byte| byte.count_ones()).sum();
    // 160,000 coins: six deviations to either side.
    ensure!(
        (78_800..=81_200).contains(&ones),
        "{ones} ones in 160,000 bits"
    );
    Ok(Outcome::Passed)
}

fn random_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let nothing = Arguments::of(usize::MAX);
    refused(
        rig.capi().spi()?.call(Function::GenRandom, &nothing),
        NTE_BAD_UID,
    )?;
    Ok(Outcome::Passed)
}
