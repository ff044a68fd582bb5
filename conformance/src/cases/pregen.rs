//! Pairs that are made value by value: CRYPT_PREGEN with KP_P, KP_Q, KP_G and KP_PUB_PARAMS.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{Function, NTE_BAD_DATA, NTE_BAD_KEY_STATE, NTE_NO_KEY};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::blob_head;
use crate::rig::{Rig, equal, refused};
use crate::vectors::Vector;

use super::agreement::group;
use super::family::{DH, DSS, dss_key, little, of};

const FLOW: &str = "CRYPTSPI, section 8";

pub(super) const CASES: &[Case] = &[
    of(
        "agreement.pregen.together",
        DH,
        "A group comes in one blob, and the pair is in it",
        "CryptoAPI reference: CryptSetKeyParam",
        pregen_together,
    )
    .covers(&[works(Function::SetKeyParam), works(Function::ExportKey)]),
    of(
        "agreement.pregen.order",
        DSS,
        "The values of a group come in any order, and last counts",
        "CryptoAPI reference: CryptSetKeyParam",
        pregen_order,
    )
    .covers(&[
        works(Function::SetKeyParam),
        works(Function::GetKeyParam),
        works(Function::SignHash),
    ]),
    of(
        "agreement.pregen.unfinished",
        DSS,
        "A pair without its values is none",
        FLOW,
        pregen_unfinished,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_KEY_STATE),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
        refuses(Function::GetUserKey, NTE_NO_KEY),
        refuses(Function::SignHash, NTE_NO_KEY),
    ]),
    of(
        "agreement.pregen.stored",
        DH,
        "Each value of a stored pair is kept when it is set, for the next context to go on with",
        "CryptoAPI reference: Diffie-Hellman keys",
        pregen_stored,
    )
    .covers(&[
        works(Function::SetKeyParam),
        works(Function::GetUserKey),
        works(Function::GetKeyParam),
    ]),
    of(
        "agreement.pregen.lengths",
        DSS,
        "Values of another length than was declared are bad data",
        "CryptoAPI reference: CryptSetKeyParam",
        pregen_lengths,
    )
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_DATA)]),
    of(
        "agreement.pregen.malformed",
        DH,
        "A group that is another key's, or malformed, is bad data",
        "CryptoAPI reference: CryptSetKeyParam",
        pregen_malformed,
    )
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_DATA)]),
];
/// The blob of KP_PUB_PARAMS: version 3 without a public value.
fn pub_params(algid: u32, vector: &Vector) -> Vec<u8> {
    let length = vector.bytes("p").len();
    let mut blob = blob_head(PUBLICKEYBLOB, algid);
    blob[1] = 3;
    blob.extend(b"\0DH3");
    for bits in [length * 8, 0, 0] {
        blob.extend((bits as u32).to_le_bytes());
    }
    for part in [
        &[0xff; 4][..],
        &[0; 20],
        &little(&vector.bytes("p"), length),
        &little(&vector.bytes("g"), length),
    ] {
        blob.extend(part);
    }
    blob
}

fn pregen_together(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let vector = group()?;
    let bits = vector.bytes("p").len() as u32 * 8;
    let key = context.gen_key(CALG_DH_SF, bits << 16 | CRYPT_PREGEN)?;
    key.set_blob(KP_PUB_PARAMS, &pub_params(CALG_DH_SF, &vector))?;
    let public = key.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?;
    let length = bits as usize / 8;
    equal(key.param(KP_P)?, little(&vector.bytes("p"), length), "KP_P")?;
    let found = context.user_key(AT_KEYEXCHANGE)?;
    equal(
        found.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?,
        public,
        "the slot's public key",
    )?;
    Ok(Outcome::Passed)
}

fn pregen_order(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let vector = dss_key(512)?;
    let number = |name: &str, length| little(&vector.bytes(name), length);
    let key = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_PREGEN)?;
    key.set_blob(KP_Q, &[0xff; 20])?;
    key.set_blob(KP_G, &number("g", 64))?;
    key.set_blob(KP_Q, &number("q", 20))?;
    key.set_blob(KP_P, &number("p", 64))?;
    for (param, name, length) in [(KP_P, "p", 64), (KP_Q, "q", 20), (KP_G, "g", 64)] {
        equal(key.param(param)?, number(name, length), name)?;
    }
    // The pair is made when it is first needed.
    let signature = context.hash(CALG_SHA1, b"text")?.sign(AT_SIGNATURE, 0)?;
    let public = context.import_key(&key.export(PUBLICKEYBLOB, None, 0)?, None, 0)?;
    context
        .hash(CALG_SHA1, b"text")?
        .verify(&signature, &public, 0)?;
    Ok(Outcome::Passed)
}

fn pregen_unfinished(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let key = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_PREGEN)?;
    equal(key.param_word(KP_KEYLEN)?, 512, "KP_KEYLEN")?;
    for param in [KP_P, KP_Q, KP_G] {
        refused(key.param(param), NTE_BAD_KEY_STATE)?;
    }
    key.set_blob(KP_G, &[2])?;
    refused(key.export(PUBLICKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    refused(context.user_key(AT_SIGNATURE), NTE_NO_KEY)?;
    refused(
        context.hash(CALG_SHA1, b"text")?.sign(AT_SIGNATURE, 0),
        NTE_NO_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn pregen_stored(rig: &Rig) -> anyhow::Result<Outcome> {
    let vector = group()?;
    let length = vector.bytes("p").len();
    let number = |name: &str| little(&vector.bytes(name), length);
    let (context, name) = rig.container()?;
    let key = context.gen_key(CALG_DH_SF, (length as u32 * 8) << 16 | CRYPT_PREGEN)?;
    key.set_blob(KP_P, &number("p"))?;
    drop((key, context));

    let context = rig.capi().acquire(Some(&name), 0)?;
    let key = context.user_key(AT_KEYEXCHANGE)?;
    equal(key.param(KP_P)?, number("p"), "KP_P")?;
    refused(key.param(KP_G), NTE_BAD_KEY_STATE)?;
    key.set_blob(KP_G, &number("g"))?;
    drop((key, context));

    let context = rig.capi().acquire(Some(&name), 0)?;
    let key = context.user_key(AT_KEYEXCHANGE)?;
    for (param, name) in [(KP_P, "p"), (KP_G, "g")] {
        equal(key.param(param)?, number(name), name)?;
    }
    // The pair is made by now, once.
    let public = key.export(PUBLICKEYBLOB, None, 0)?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    let found = again.user_key(AT_KEYEXCHANGE)?;
    equal(
        found.export(PUBLICKEYBLOB, None, 0)?,
        public,
        "the slot's public key",
    )?;
    Ok(Outcome::Passed)
}

fn pregen_lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_PREGEN)?;
    for (param, length) in [
        (KP_P, 63),
        (KP_P, 65),
        (KP_P, 0),
        (KP_Q, 19),
        (KP_Q, 21),
        (KP_G, 65),
    ] {
        refused(key.set_blob(param, &vec![0xff; length]), NTE_BAD_DATA)
            .with_context(|| format!("parameter {param} of {length} bytes"))?;
    }
    Ok(Outcome::Passed)
}

fn pregen_malformed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let vector = group()?;
    let bits = vector.bytes("p").len() as u32 * 8;
    let good = pub_params(CALG_DH_SF, &vector);
    let key = context.gen_key(CALG_DH_SF, bits << 16 | CRYPT_PREGEN)?;
    for length in [0, 7, 8, 23, good.len() - 1] {
        refused(key.set_blob(KP_PUB_PARAMS, &good[..length]), NTE_BAD_DATA)
            .with_context(|| format!("{length} bytes"))?;
    }
    let ephemeral = pub_params(CALG_DH_EPHEM, &vector);
    refused(key.set_blob(KP_PUB_PARAMS, &ephemeral), NTE_BAD_DATA)?;
    let other = context.gen_key(CALG_DH_SF, (bits + 64) << 16 | CRYPT_PREGEN)?;
    refused(other.set_blob(KP_PUB_PARAMS, &good), NTE_BAD_DATA)?;
    key.set_blob(KP_PUB_PARAMS, &good)?;
    ensure!(!key.param(KP_P)?.is_empty(), "no prime");
    Ok(Outcome::Passed)
}
