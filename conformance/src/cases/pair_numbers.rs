//! Certificates, labels and numbers of pairs: KP_CERTIFICATE, KP_OAEP_PARAMS, KP_P, KP_Q, KP_G.

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{
    Function, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY, NTE_BAD_KEY_STATE, NTE_BAD_TYPE,
    NTE_NOT_FOUND, Room,
};
use crate::case::{Case, EVERY, Outcome, RSA};
use crate::coverage::{refuses, works};
use crate::oracle::{RsaPrivate, RsaPublic};
use crate::rig::{Rig, equal, refused};
use crate::vectors;

use super::family::{DSS, dss_blob, dss_key, dss_vectors, little, of, private_blob, public_blob};

const GET: &str = "CryptoAPI reference: CryptGetKeyParam";
const SET: &str = "CryptoAPI reference: CryptSetKeyParam";
const TABLE: &str = "CRYPTSPI, section 4.1";

pub(super) const CASES: &[Case] = &[
    of(
        "pairs.certificate.absent",
        EVERY,
        "A pair has no certificate until one is set, and a public key never",
        TABLE,
        certificate_absent,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_NOT_FOUND),
        refuses(Function::GetKeyParam, NTE_BAD_KEY),
    ]),
    of(
        "pairs.certificate.garbage",
        EVERY,
        "What is no certificate is not stored",
        TABLE,
        certificate_garbage,
    )
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_FLAGS)]),
    of(
        "pairs.certificate.stored",
        RSA,
        "A certificate is stored with the pair that it is for, and with no other",
        TABLE,
        certificate_stored,
    )
    .covers(&[
        works(Function::SetKeyParam),
        works(Function::GetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_FLAGS),
    ]),
    of(
        "pairs.label.used",
        RSA,
        "KP_OAEP_PARAMS is the label of OAEP, on the handle on which it was set",
        SET,
        label_used,
    )
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::Decrypt, NTE_BAD_DATA),
    ]),
    of(
        "pairs.numbers.known",
        DSS,
        "KP_P, KP_Q and KP_G are the numbers of the key, little-endian",
        GET,
        numbers_known,
    )
    .covers(&[works(Function::GetKeyParam)]),
    of(
        "pairs.numbers.fixed",
        DSS,
        "The numbers of a pair that was made are what they are",
        SET,
        numbers_fixed,
    )
    .covers(&[refuses(Function::SetKeyParam, NTE_BAD_KEY_STATE)]),
    of(
        "pairs.numbers.rsa",
        RSA,
        "An RSA key has no domain parameters",
        TABLE,
        numbers_rsa,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    of(
        "pairs.numbers.verified",
        DSS,
        "KP_VERIFY_PARAMS tells sound domain parameters by success alone",
        GET,
        numbers_verified,
    )
    .covers(&[
        works(Function::GetKeyParam),
        refuses(Function::GetKeyParam, NTE_BAD_DATA),
    ]),
    of(
        "pairs.count.none",
        EVERY,
        "A pair that is not counted has no use count, and a public key never",
        "CAPI guide, section 9",
        count_none,
    )
    .covers(&[
        refuses(Function::GetKeyParam, NTE_NOT_FOUND),
        refuses(Function::GetKeyParam, NTE_BAD_KEY),
    ]),
];
fn certificate_absent(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.import_key(&private_blob(rig)?, None, 0)?;
    refused(pair.param(KP_CERTIFICATE), NTE_NOT_FOUND)?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(public.param(KP_CERTIFICATE), NTE_BAD_KEY)?;
    refused(
        public.set_param(KP_CERTIFICATE, Some(&[0x30, 0]), 0),
        NTE_BAD_KEY,
    )?;
    Ok(Outcome::Passed)
}

fn certificate_garbage(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.import_key(&private_blob(rig)?, None, 0)?;
    for garbage in [
        &[0_u8, 0][..],
        &[0x30, 0],
        &[0x30, 0x85, 1, 1, 1, 1, 1],
        &[0x30, 3, 2, 1, 5],
    ] {
        refused(
            pair.set_param(KP_CERTIFICATE, Some(garbage), 0),
            NTE_BAD_FLAGS,
        )
        .with_context(|| format!("{garbage:02x?}"))?;
    }
    refused(pair.param(KP_CERTIFICATE), NTE_NOT_FOUND)?;
    Ok(Outcome::Passed)
}

fn certificate_stored(rig: &Rig) -> anyhow::Result<Outcome> {
    let vectors = vectors::parse(include_str!("../../../vectors/capi-certificate.txt"))?;
    let vector = vectors.first().context("a certificate")?;
    let (der, blob) = (vector.bytes("der"), vector.bytes("blob"));
    let (context, name) = rig.container()?;
    let pair = context.import_key(&blob, None, 0)?;
    pair.set_param(KP_CERTIFICATE, Some(&der), 0)?;
    equal(pair.param(KP_CERTIFICATE)?, der.clone(), "KP_CERTIFICATE")?;
    let again = rig.capi().acquire(Some(&name), 0)?;
    let found = again.user_key(AT_SIGNATURE)?.param(KP_CERTIFICATE)?;
    equal(found, der.clone(), "KP_CERTIFICATE of another context")?;
    let other = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    refused(
        other.set_param(KP_CERTIFICATE, Some(&der), 0),
        NTE_BAD_FLAGS,
    )?;
    refused(other.param(KP_CERTIFICATE), NTE_NOT_FOUND)?;
    Ok(Outcome::Passed)
}

fn label_used(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, 1024)?;
    let other = context.user_key(AT_KEYEXCHANGE)?;
    key.set_blob(KP_OAEP_PARAMS, b"label")?;
    equal(
        key.param(KP_OAEP_PARAMS)?,
        b"label".to_vec(),
        "KP_OAEP_PARAMS",
    )?;
    equal(
        other.param(KP_OAEP_PARAMS)?,
        Vec::new(),
        "KP_OAEP_PARAMS of another handle",
    )?;
    let cipher = key.encrypt(b"text", CRYPT_OAEP)?;
    equal(
        key.decrypt(&cipher, CRYPT_OAEP)?,
        b"text".to_vec(),
        "the plain text",
    )?;
    refused(other.decrypt(&cipher, CRYPT_OAEP), NTE_BAD_DATA)?;
    // The oracle's label is the empty one.
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    let cipher = public.encrypt_oaep(b"text")?;
    refused(key.decrypt(&cipher, CRYPT_OAEP), NTE_BAD_DATA)?;
    equal(
        other.decrypt(&cipher, CRYPT_OAEP)?,
        b"text".to_vec(),
        "the plain text",
    )?;
    Ok(Outcome::Passed)
}

fn numbers_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in dss_vectors()? {
        let length = vector.bytes("p").len();
        for is_private in [false, true] {
            let key = context.import_key(&dss_blob(&vector, is_private), None, 0)?;
            for (param, name) in [(KP_P, "p"), (KP_Q, "q"), (KP_G, "g")] {
                let expected = vector.bytes(name);
                let found = key.param(param)?;
                let expected = little(&expected, found.len());
                equal(found, expected, name)?;
            }
            equal(key.param(KP_P)?.len(), length, "bytes of p")?;
            equal(key.param_word(KP_KEYLEN)? as usize, length * 8, "KP_KEYLEN")?;
        }
    }
    Ok(Outcome::Passed)
}

fn numbers_fixed(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&private_blob(rig)?, None, 0)?;
    for param in [KP_P, KP_Q, KP_G, KP_PUB_PARAMS] {
        refused(key.set_blob(param, &[0xff; 64]), NTE_BAD_KEY_STATE)
            .with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn numbers_rsa(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let key = context.import_key(&RsaPrivate::new(512)?.to_blob(CALG_RSA_SIGN)?, None, 0)?;
    for param in [KP_P, KP_Q, KP_G, KP_VERIFY_PARAMS] {
        refused(key.param(param), NTE_BAD_TYPE).with_context(|| format!("parameter {param}"))?;
    }
    for param in [KP_P, KP_Q, KP_G, KP_PUB_PARAMS] {
        refused(key.set_blob(param, &[0xff; 64]), NTE_BAD_TYPE)
            .with_context(|| format!("parameter {param}"))?;
    }
    Ok(Outcome::Passed)
}

fn numbers_verified(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let vector = dss_key(1024)?;
    let blob = dss_blob(&vector, false);
    let key = context.import_key(&blob, None, 0)?;
    let answer = key.param_into(KP_VERIFY_PARAMS, Room::Ask, 0);
    equal((answer.result, answer.length), (Ok(()), 0), "the answer")?;
    // Another odd prime-sized number in place of the order: a key, but of no group.
    let mut wrong = blob;
    wrong[16 + 128] ^= 2;
    let key = context.import_key(&wrong, None, 0)?;
    refused(
        key.param_into(KP_VERIFY_PARAMS, Room::Ask, 0).result,
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn count_none(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.import_key(&private_blob(rig)?, None, 0)?;
    refused(pair.param(KP_GET_USE_COUNT), NTE_NOT_FOUND)?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    refused(public.param(KP_GET_USE_COUNT), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}
