//! What the cases of all provider types share: which types have what, and what stands for "a key" or "a hash" in each.

use anyhow::Context as _;
use num_bigint::BigUint;

use crate::capi::numbers::*;
use crate::capi::{Context, Hash, Key};
use crate::case::{Case, Outcome};
use crate::oracle::{RsaPrivate, RsaPublic, blob_head, plaintext_blob};
use crate::rig::Rig;
use crate::vectors::{self, Vector};

pub(super) use crate::case::RSA;

/// The provider types with session keys: all but the signature provider.
pub(super) const CIPHERS: &[u32] = &[
    PROV_RSA_AES,
    PROV_RSA_FULL,
    PROV_RSA_SCHANNEL,
    PROV_DSS_DH,
    PROV_DH_SCHANNEL,
];

/// Those with AES.
pub(super) const AES: &[u32] = &[PROV_RSA_AES, PROV_RSA_SCHANNEL, PROV_DH_SCHANNEL];

/// Those with SHA-2.
pub(super) const SHA2: &[u32] = &[PROV_RSA_AES];

/// Those that sign with DSS.
pub(super) const DSS: &[u32] = &[PROV_DSS, PROV_DSS_DH, PROV_DH_SCHANNEL];

/// Those that agree on keys.
pub(super) const DH: &[u32] = &[PROV_DSS_DH, PROV_DH_SCHANNEL];

/// Those with the hash of TLS client authentication.
pub(super) const SHAMD5: &[u32] = &[
    PROV_RSA_AES,
    PROV_RSA_FULL,
    PROV_RSA_SCHANNEL,
    PROV_DH_SCHANNEL,
];

/// Those with masters.
pub(super) const SCHANNEL: &[u32] = &[PROV_RSA_SCHANNEL, PROV_DH_SCHANNEL];

/// Those with MD2 and MD4.
pub(super) const OLD_HASHES: &[u32] = &[PROV_RSA_AES, PROV_RSA_FULL];

/// Whether the provider under test is of one of these types.
pub(super) fn is_on(rig: &Rig, types: &[u32]) -> bool {
    types.contains(&rig.capi().provider().prov_type)
}

/// A block cipher that the provider has, with its block and its key in bytes: AES, or else triple DES.
pub(super) fn block_cipher(rig: &Rig) -> (u32, usize, usize) {
    match is_on(rig, AES) {
        true => (CALG_AES_128, 16, 16),
        false => (CALG_3DES, 8, 24),
    }
}

/// The longest hash that the provider signs.
pub(super) fn signed_hash(rig: &Rig) -> u32 {
    match is_on(rig, SHA2) {
        true => CALG_SHA_256,
        false => CALG_SHA1,
    }
}

/// A session key out of its bytes.
pub(super) fn session_key(context: &Context, algid: u32, key: &[u8]) -> anyhow::Result<Key> {
    Ok(context.import_key(&plaintext_blob(algid, key), None, 0)?)
}

/// The bytes of an exportable session key.
pub(super) fn bytes_of(key: &Key) -> anyhow::Result<Vec<u8>> {
    Ok(key.export(PLAINTEXTKEYBLOB, None, 0)?.split_off(12))
}

/// A public signature key that the provider takes: RSA or DSS, of 512 bits.
pub(super) fn public_blob(rig: &Rig) -> anyhow::Result<Vec<u8>> {
    match is_on(rig, RSA) {
        true => Ok(RsaPrivate::new(512)?.to_public_blob(CALG_RSA_SIGN)),
        false => Ok(dss_blob(&dss_key(512)?, false)),
    }
}

/// A private signature key that the provider takes: RSA or DSS, of 512 bits.
pub(super) fn private_blob(rig: &Rig) -> anyhow::Result<Vec<u8>> {
    match is_on(rig, RSA) {
        true => RsaPrivate::new(512)?.to_blob(CALG_RSA_SIGN),
        false => Ok(dss_blob(&dss_key(512)?, true)),
    }
}

/// The bytes of a signature with that key.
pub(super) fn signature_len(rig: &Rig) -> usize {
    if is_on(rig, RSA) { 64 } else { 40 }
}

/// The keys and SHA-1 signatures of RFC 6979 and FIPS 186 with an order of 160 bits, the only ones that CryptoAPI knows.
pub(super) fn dss_vectors() -> anyhow::Result<Vec<Vector>> {
    let mut vectors = vectors::parse(include_str!("../../../vectors/dsa.txt"))?;
    vectors.retain(|vector| vector.text("hash") == "SHA-1" && vector.bytes("q").len() == 20);
    anyhow::ensure!(vectors.len() > 2, "{} signatures", vectors.len());
    Ok(vectors)
}

/// The first of them with a prime of so many bits.
pub(super) fn dss_key(bits: usize) -> anyhow::Result<Vector> {
    let fits = |vector: &Vector| vector.bytes("p").len() * 8 == bits;
    dss_vectors()?.into_iter().find(fits).context("no such key")
}

/// A number of a vector, little-endian in so many bytes.
pub(super) fn little(number: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = BigUint::from_bytes_be(number).to_bytes_le();
    bytes.resize(length, 0);
    bytes
}

/// A blob of version 2 with a magic and a length in bits.
pub(super) fn blob(
    blob_type: u32,
    algid: u32,
    magic: &[u8; 4],
    bits: usize,
    parts: &[&[u8]],
) -> Vec<u8> {
    let mut blob = blob_head(blob_type, algid);
    blob.extend(magic);
    blob.extend((bits as u32).to_le_bytes());
    blob.extend(parts.concat());
    blob
}

/// A DSSSEED that says nothing.
pub(super) fn no_seed() -> Vec<u8> {
    let mut seed = vec![0xff; 4];
    seed.resize(24, 0);
    seed
}

/// The blob of a known DSS key, public or private.
pub(super) fn dss_blob(vector: &Vector, is_private: bool) -> Vec<u8> {
    let length = vector.bytes("p").len();
    let number = |name: &str, length: usize| little(&vector.bytes(name), length);
    let (kind, magic, value) = match is_private {
        true => (PRIVATEKEYBLOB, b"DSS2", number("x", 20)),
        false => (PUBLICKEYBLOB, b"DSS1", number("y", length)),
    };
    let (p, q, g) = (number("p", length), number("q", 20), number("g", length));
    let parts = [&p[..], &q, &g, &value, &no_seed()];
    blob(kind, CALG_DSS_SIGN, magic, length * 8, &parts)
}

/// A case for these types.
pub(super) const fn of(
    id: &'static str,
    types: &'static [u32],
    title: &'static str,
    source: &'static str,
    run: fn(&Rig) -> anyhow::Result<Outcome>,
) -> Case {
    Case::new(id, title, source, run).on(types)
}

/// A blob with one byte changed.
pub(super) fn changed(blob: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob[at] = value;
    blob
}

/// An HMAC key of any length, imported as CryptoAPI imports one.
pub(super) fn hmac_key(context: &Context, key: &[u8]) -> anyhow::Result<Key> {
    Ok(context.import_key(&plaintext_blob(CALG_RC2, key), None, CRYPT_IPSEC_HMAC_KEY)?)
}

/// An HMAC with the usual pads.
pub(super) fn hmac_of(context: &Context, key: &Key, algid: u32) -> anyhow::Result<Hash> {
    let hash = context.create_hash(CALG_HMAC, Some(key))?;
    hash.set_hmac_info(algid, &[], &[])?;
    Ok(hash)
}

/// A context with an ephemeral exchange pair of so many bits, the pair, and its public half as the oracle has it.
pub(super) fn exchange(rig: &Rig, bits: u32) -> anyhow::Result<(Context, Key, RsaPublic)> {
    let context = rig.capi().verify_context()?;
    let key = context.gen_pair(AT_KEYEXCHANGE, bits)?;
    let public = RsaPublic::from_blob(&key.export(PUBLICKEYBLOB, None, 0)?)?;
    Ok((context, key, public))
}

/// A context with the known signature pair, and its public half as a key of its own.
pub(super) fn signer(rig: &Rig) -> anyhow::Result<(Context, Key)> {
    let context = rig.capi().verify_context()?;
    context.import_key(&private_blob(rig)?, None, 0)?;
    let public = context.import_key(&public_blob(rig)?, None, 0)?;
    Ok((context, public))
}

/// A signature over the SHA-1 hash of a text.
pub(super) fn signed(context: &Context, text: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(context.hash(CALG_SHA1, text)?.sign(AT_SIGNATURE, 0)?)
}

/// Does `work` in so many threads at once, each of which is told its number.
pub(super) fn at_once(
    threads: u8,
    work: impl Fn(u8) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || work(thread)))
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        Ok(())
    })
}
