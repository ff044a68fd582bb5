//! DSS and Diffie-Hellman: pairs, signatures, agreement, blobs of both versions.

use anyhow::{Context as _, ensure};
use num_bigint::BigUint;

use crate::capi::numbers::*;
use crate::capi::{
    Context, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA, NTE_BAD_FLAGS, NTE_BAD_KEY,
    NTE_BAD_KEY_STATE, NTE_BAD_SIGNATURE, NTE_NO_KEY,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::oracle::digest;
use crate::rig::{Rig, equal, refused};
use crate::vectors;

use super::family::{DH, DSS, blob, dss_blob, dss_vectors, little};

const SIGN: &str = "CryptoAPI reference: CryptSignHash";
const PAGE: &str = "CryptoAPI reference: Diffie-Hellman keys";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "dss.sign.elsewhere",
        "Two DSS signatures of one hash differ, and both verify elsewhere",
        SIGN,
        sign_elsewhere,
    )
    .on(DSS)
    .covers(&[works(Function::GenKey), works(Function::SignHash)]),
    Case::new(
        "dss.sign.sha1-alone",
        "DSS signs SHA-1 values and no others",
        SIGN,
        sign_sha1_alone,
    )
    .on(DSS)
    .covers(&[refuses(Function::SignHash, NTE_BAD_ALGID)]),
    Case::new(
        "dss.verify.known",
        "The signatures of RFC 6979 and FIPS 186 verify, and changed ones do not",
        "RFC 6979, appendix A.2; FIPS 186, appendix 5",
        verify_known,
    )
    .on(DSS)
    .covers(&[
        works(Function::ImportKey),
        works(Function::VerifySignature),
        refuses(Function::VerifySignature, NTE_BAD_SIGNATURE),
    ]),
    Case::new(
        "dss.import.known",
        "A known private key signs in the module, and its public half follows from it",
        "RFC 6979, appendix A.2",
        import_known,
    )
    .on(DSS)
    .covers(&[works(Function::ImportKey), works(Function::SignHash)]),
    Case::new(
        "dss.blobs.versions",
        "A public key is the same in blobs of version 2 and 3",
        "CryptoAPI reference: DSS Version 3 Public Key BLOBs",
        blobs_versions,
    )
    .on(DSS)
    .covers(&[works(Function::ExportKey), works(Function::ImportKey)]),
    Case::new(
        "dss.blobs.private-stays",
        "A private key does not leave the module, in either slot",
        "CAPI guide, section 7",
        private_stays,
    )
    .on(DSS)
    .covers(&[refuses(Function::ExportKey, NTE_BAD_KEY_STATE)]),
    Case::new(
        "dss.pregen.parameters",
        "A pair is made in the group that its handle is given",
        "CryptoAPI reference: CryptSetKeyParam",
        pregen_parameters,
    )
    .on(DSS)
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_DATA),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
    ]),
    Case::new(
        "dss.lengths.refused",
        "Lengths of Diffie-Hellman keys off the range or the step are refused",
        "CryptoAPI reference: CryptGenKey",
        lengths_refused,
    )
    .on(DH)
    .covers(&[refuses(Function::GenKey, NTE_BAD_FLAGS)]),
    Case::new(
        "dss.exchange.none",
        "The signature provider has no exchange keys",
        "CAPI guide, section 6",
        exchange_none,
    )
    .on(&[PROV_DSS])
    .covers(&[
        refuses(Function::GenKey, NTE_BAD_ALGID),
        refuses(Function::GetUserKey, NTE_NO_KEY),
    ]),
    Case::new(
        "dss.agree.both-sides",
        "A stored and an ephemeral pair agree on one key",
        PAGE,
        agree_both_sides,
    )
    .on(DH)
    .covers(&[
        works(Function::ImportKey),
        works(Function::SetKeyParam),
        refuses(Function::Encrypt, NTE_BAD_KEY),
    ]),
    Case::new(
        "dss.agree.secret",
        "The agreed key is the low end of the secret that num-bigint finds",
        PAGE,
        agree_secret,
    )
    .on(DH)
    .covers(&[works(Function::ImportKey), works(Function::ExportKey)]),
    Case::new(
        "dss.agree.nobody",
        "Values that nobody can have agree on nothing",
        "RFC 2631, section 2.1.5",
        agree_nobody,
    )
    .on(DH)
    .covers(&[
        refuses(Function::ImportKey, NTE_BAD_DATA),
        refuses(Function::ImportKey, NTE_BAD_KEY),
    ]),
    Case::new(
        "dss.ephemeral.no-slot",
        "An ephemeral pair is in no slot",
        "CryptoAPI reference: CryptGenKey",
        ephemeral_no_slot,
    )
    .on(DH)
    .covers(&[refuses(Function::GetUserKey, NTE_NO_KEY)]),
];

/// p, q, g and y of a version 2 public DSS blob.
fn numbers(blob: &[u8]) -> anyhow::Result<[BigUint; 4]> {
    ensure!(blob.get(8..12) == Some(b"DSS1"), "not DSS1");
    let bits = u32::from_le_bytes(blob[12..16].try_into()?) as usize;
    let len = bits / 8;
    equal(blob.len(), 16 + 3 * len + 20 + 24, "length of the blob")?;
    let ends = [16, 16 + len, 36 + len, 36 + 2 * len, 36 + 3 * len];
    let number = |i: usize| BigUint::from_bytes_le(&blob[ends[i]..ends[i + 1]]);
    Ok([number(0), number(1), number(2), number(3)])
}

/// FIPS 186-4, section 4.7.
fn verifies(blob: &[u8], text: &[u8], signature: &[u8]) -> anyhow::Result<bool> {
    let [p, q, g, y] = numbers(blob)?;
    equal(signature.len(), 40, "length of the signature")?;
    let r = BigUint::from_bytes_le(&signature[..20]);
    let s = BigUint::from_bytes_le(&signature[20..]);
    if r == BigUint::ZERO || s == BigUint::ZERO || r >= q || s >= q {
        return Ok(false);
    }
    let z = BigUint::from_bytes_be(&digest(CALG_SHA1, text)?);
    let w = s.modpow(&(&q - 2_u32), &q);
    let v = g.modpow(&(z * &w % &q), &p) * y.modpow(&(&r * &w % &q), &p) % &p % &q;
    Ok(v == r)
}

fn sign(context: &Context, text: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(context.hash(CALG_SHA1, text)?.sign(AT_SIGNATURE, 0)?)
}

fn sign_elsewhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, name) = rig.container()?;
    let key = context.gen_pair(AT_SIGNATURE, 512)?;
    let public = key.export(PUBLICKEYBLOB, None, 0)?;
    let (one, two) = (sign(&context, b"text")?, sign(&context, b"text")?);
    ensure!(one != two, "the same signature twice");
    for signature in [&one, &two] {
        ensure!(verifies(&public, b"text", signature)?, "does not verify");
        ensure!(
            !verifies(&public, b"other", signature)?,
            "verifies anything"
        );
    }
    context.release(0)?;
    let context = rig.capi().acquire(Some(&name), 0)?;
    let found = context.user_key(AT_SIGNATURE)?;
    equal(
        found.export(PUBLICKEYBLOB, None, 0)?,
        public.clone(),
        "the key",
    )?;
    ensure!(
        verifies(&public, b"again", &sign(&context, b"again")?)?,
        "not the same key"
    );
    Ok(Outcome::Passed)
}

fn sign_sha1_alone(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    let hash = context.hash(CALG_MD5, b"text")?;
    refused(hash.sign(AT_SIGNATURE, 0), NTE_BAD_ALGID)?;
    Ok(Outcome::Passed)
}

fn verify_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for vector in dss_vectors()? {
        let key = context.import_key(&dss_blob(&vector, false), None, 0)?;
        let signature = [
            little(&vector.bytes("r"), 20),
            little(&vector.bytes("s"), 20),
        ]
        .concat();
        let msg = vector.bytes("msg");
        let check =
            |msg: &[u8], signature: &[u8]| context.hash(CALG_SHA1, msg)?.verify(signature, &key, 0);
        check(&msg, &signature).with_context(|| vector.text("id"))?;
        for at in 0..signature.len() {
            let mut wrong = signature.clone();
            wrong[at] ^= 1;
            refused(check(&msg, &wrong), NTE_BAD_SIGNATURE)?;
        }
        refused(check(b"another", &signature), NTE_BAD_SIGNATURE)?;
        refused(check(&msg, &signature[..39]), NTE_BAD_SIGNATURE)?;
    }
    Ok(Outcome::Passed)
}

fn import_known(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for vector in dss_vectors()? {
        let key = context.import_key(&dss_blob(&vector, true), None, 0)?;
        let public = key.export(PUBLICKEYBLOB, None, 0)?;
        equal(&public, &dss_blob(&vector, false), "the public half")?;
        ensure!(
            verifies(&public, b"x", &sign(&context, b"x")?)?,
            "does not verify"
        );
    }
    Ok(Outcome::Passed)
}

fn blobs_versions(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let vector = dss_vectors()?.into_iter().next().context("a key")?;
    let second = dss_blob(&vector, false);
    let key = context.import_key(&second, None, 0)?;
    let third = key.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?;
    equal(
        (third[1], &third[8..12]),
        (3, &b"DSS3"[..]),
        "version and magic",
    )?;
    let again = context.import_key(&third, None, 0)?;
    equal(again.export(PUBLICKEYBLOB, None, 0)?, second, "version 2")?;
    equal(
        again.export(PUBLICKEYBLOB, None, CRYPT_BLOB_VER3)?,
        third,
        "version 3",
    )?;
    Ok(Outcome::Passed)
}

fn private_stays(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let key = context.gen_key(AT_SIGNATURE, 512 << 16 | CRYPT_EXPORTABLE)?;
    refused(key.export(PRIVATEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    if rig.capi().provider().prov_type != PROV_DSS {
        let key = context.gen_key(AT_KEYEXCHANGE, 512 << 16 | CRYPT_EXPORTABLE)?;
        refused(key.export(PRIVATEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    }
    Ok(Outcome::Passed)
}

fn pregen_parameters(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let vector = dss_vectors()?
        .into_iter()
        .find(|vector| vector.bytes("p").len() == 128)
        .context("a key of 1024 bits")?;
    let pending = context.gen_key(AT_SIGNATURE, 1024 << 16 | CRYPT_PREGEN)?;
    refused(pending.export(PUBLICKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    let [p, q, g] = ["p", "q", "g"].map(|name| vector.bytes(name));
    refused(
        pending.set_blob(KP_P, &little(&p, 128)[..127]),
        NTE_BAD_DATA,
    )?;
    refused(pending.set_blob(KP_Q, &little(&q, 20)[..19]), NTE_BAD_DATA)?;
    pending.set_blob(KP_P, &little(&p, 128))?;
    pending.set_blob(KP_Q, &little(&q, 20))?;
    pending.set_blob(KP_G, &little(&g, 128))?;
    // The pair is made when it is first needed.
    let public = pending.export(PUBLICKEYBLOB, None, 0)?;
    let found = numbers(&public)?;
    let expected = [&p, &q, &g].map(|number| BigUint::from_bytes_be(number));
    equal(&found[..3], &expected[..], "the group")?;
    ensure!(
        verifies(&public, b"x", &sign(&context, b"x")?)?,
        "does not verify"
    );
    Ok(Outcome::Passed)
}

fn lengths_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for algid in [CALG_DH_SF, CALG_DH_EPHEM] {
        for bits in [448, 513, 1032, 1040, 4160] {
            refused(context.gen_pair(algid, bits), NTE_BAD_FLAGS)
                .with_context(|| format!("{bits} bits"))?;
        }
    }
    Ok(Outcome::Passed)
}

fn exchange_none(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    for algid in [AT_KEYEXCHANGE, CALG_DH_SF, CALG_DH_EPHEM, CALG_RSA_KEYX] {
        refused(context.gen_pair(algid, 512), NTE_BAD_ALGID)?;
    }
    refused(context.user_key(AT_KEYEXCHANGE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}

fn agree_both_sides(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let stored = context.gen_pair(AT_KEYEXCHANGE, 512)?;
    let other = rig.capi().verify_context()?;
    let ephemeral = other.gen_key(CALG_DH_EPHEM, 512 << 16 | CRYPT_PREGEN)?;
    ephemeral.set_blob(KP_P, &stored.param(KP_P)?)?;
    ephemeral.set_blob(KP_G, &stored.param(KP_G)?)?;
    let their = ephemeral.export(PUBLICKEYBLOB, None, 0)?;
    let mine = stored.export(PUBLICKEYBLOB, None, 0)?;
    let one = context.import_key(&their, Some(&stored), 0)?;
    let two = other.import_key(&mine, Some(&ephemeral), 0)?;
    refused(one.encrypt(b"some text", 0), NTE_BAD_KEY)?;
    for key in [&one, &two] {
        key.set_param(KP_ALGID, Some(&CALG_3DES.to_le_bytes()), 0)?;
        equal(key.param_word(KP_ALGID)?, CALG_3DES, "KP_ALGID")?;
    }
    let cipher = one.encrypt(b"some text", 0)?;
    equal(two.decrypt(&cipher, 0)?, b"some text".to_vec(), "the text")?;
    Ok(Outcome::Passed)
}

/// The first group of the RFCs' with a private value of our own: the imported pair, the prime and the value.
fn imported(context: &Context) -> anyhow::Result<(Key, BigUint, BigUint)> {
    let vectors = vectors::parse(include_str!("../../../vectors/dh-groups.txt"))?;
    let vector = vectors.first().context("a group")?;
    let p = vector.bytes("p");
    let len = p.len();
    let x: BigUint = (BigUint::from(1_u32) << (len as u64 * 8 - 9)) + 12_345_u32;
    let mut bytes = x.to_bytes_le();
    bytes.resize(len, 0);
    let parts = [
        &little(&p, len)[..],
        &little(&vector.bytes("g"), len),
        &bytes,
    ];
    let private = blob(PRIVATEKEYBLOB, CALG_DH_SF, b"\0DH2", len * 8, &parts);
    let key = context.import_key(&private, None, 0)?;
    Ok((key, BigUint::from_bytes_be(&p), x))
}

fn peer(value: &BigUint, len: usize) -> Vec<u8> {
    let mut bytes = value.to_bytes_le();
    bytes.resize(len, 0);
    blob(PUBLICKEYBLOB, CALG_DH_SF, b"\0DH1", len * 8, &[&bytes])
}

fn agree_secret(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (own, p, x) = imported(&context)?;
    let len = (p.bits() / 8) as usize;
    let value = BigUint::from(987_654_321_u32);
    let agreed = context.import_key(&peer(&value, len), Some(&own), 0)?;
    agreed.set_param(
        KP_ALGID,
        Some(&CALG_RC4.to_le_bytes()),
        128 << 16 | CRYPT_EXPORTABLE,
    )?;
    let plain = agreed.export(PLAINTEXTKEYBLOB, None, 0)?;
    let mut secret = value.modpow(&x, &p).to_bytes_le();
    secret.resize(len, 0);
    equal(&plain[12..], &secret[..16], "the key")?;
    Ok(Outcome::Passed)
}

fn agree_nobody(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let (own, p, _) = imported(&context)?;
    let len = (p.bits() / 8) as usize;
    for value in [BigUint::ZERO, BigUint::from(1_u32), &p - 1_u32, p.clone()] {
        refused(
            context.import_key(&peer(&value, len), Some(&own), 0),
            NTE_BAD_DATA,
        )?;
    }
    let good = peer(&BigUint::from(5_u32), len);
    refused(
        context.import_key(&good[..good.len() - 1], Some(&own), 0),
        NTE_BAD_DATA,
    )?;
    // A value alone is no key, and a session key no pair.
    refused(context.import_key(&good, None, 0), NTE_BAD_KEY)?;
    let session = context.gen_key(CALG_RC4, 0)?;
    refused(context.import_key(&good, Some(&session), 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn ephemeral_no_slot(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, _) = rig.container()?;
    let key = context.gen_pair(CALG_DH_EPHEM, 512)?;
    equal(key.param_word(KP_ALGID)?, CALG_DH_EPHEM, "KP_ALGID")?;
    refused(context.user_key(AT_KEYEXCHANGE), NTE_NO_KEY)?;
    Ok(Outcome::Passed)
}
