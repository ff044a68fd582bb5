//! How both sides come to a premaster: RSA, and Diffie-Hellman under a DSS signature.

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{Context, Key};
use crate::oracle::hex;

use super::keys::Randoms;
use super::suite::Version;
use super::{Reader, vector};

/// A new premaster, and the ClientKeyExchange that carries it to the owner of an RSA key.
///
/// # Errors
/// The provider's.
pub(super) fn encrypt_premaster(
    context: &Context,
    version: Version,
    server: &Key,
) -> anyhow::Result<(Key, Vec<u8>)> {
    let master = context.gen_key(version.master(), CRYPT_EXPORTABLE)?;
    let blob = master.export(SIMPLEBLOB, Some(server), 0)?;
    let encrypted = reversed(&blob[12..]);
    let message = match version {
        Version::Tls1 => vector(2, &encrypted),
        Version::Ssl3 => encrypted,
    };
    Ok((master, message))
}

/// The premaster of a ClientKeyExchange.
///
/// # Errors
/// The provider's; a message of another form.
pub(super) fn decrypt_premaster(
    context: &Context,
    version: Version,
    pair: &Key,
    message: &[u8],
) -> anyhow::Result<Key> {
    let encrypted = match version {
        Version::Tls1 => Reader(message).vector(2)?,
        Version::Ssl3 => message,
    };
    let blob = premaster_blob(version, encrypted);
    Ok(context.import_key(&blob, Some(pair), 0)?)
}

/// The SIMPLEBLOB of a premaster that is encrypted as protocols have it, most significant byte first.
pub fn premaster_blob(version: Version, encrypted: &[u8]) -> Vec<u8> {
    let mut blob = vec![SIMPLEBLOB as u8, 2, 0, 0];
    blob.extend(version.master().to_le_bytes());
    blob.extend(CALG_RSA_KEYX.to_le_bytes());
    blob.extend(reversed(encrypted));
    blob
}

/// A server's Diffie-Hellman pair, waiting for the client's value.
pub(super) struct Agreement {
    pair: Key,
}

/// What a server's Diffie-Hellman pair looks like to its client. All numbers most significant byte first.
pub(super) struct Opened<'a> {
    p: &'a [u8],
    g: &'a [u8],
    y: &'a [u8],
}

/// The prime of RFC 2409 section 6.2, whose generator is 2.
const GROUP_2: &str = "
    ffffffff ffffffff c90fdaa2 2168c234 c4c6628b 80dc1cd1 29024e08 8a67cc74 020bbea6 3b139b22 514a0879 8e3404dd
    ef9519b3 cd3a431b 302b0a6d f25f1437 4fe1356d 6d51c245 e485b576 625e7ec6 f44c42e9 a637ed6b 0bff5cb6 f406b7ed
    ee386bfb 5a899fa5 ae9f2411 7c4b1fe6 49286651 ece65381 ffffffff ffffffff";

impl Agreement {
    /// A new pair, and the ServerKeyExchange that shows it, signed with the context's DSS key.
    pub(super) fn offer(
        context: &Context,
        randoms: &Randoms,
    ) -> anyhow::Result<(Agreement, Vec<u8>)> {
        let (p, g) = (hex(GROUP_2), [2]);
        let pair = dh_pair(context, &p, &g)?;
        let y = public_value(&pair)?;
        let parameters = [vector(2, &p), vector(2, &g), vector(2, &y)].concat();
        let hash = signed_hash(context, randoms, &parameters)?;
        let signature = hash.sign(AT_SIGNATURE, 0)?;
        let (r, s) = signature.split_at(20);
        let signature = [der_integer(r), der_integer(s)].concat();
        let signature = [&[0x30, signature.len() as u8][..], &signature].concat();
        let message = [parameters, vector(2, &signature)].concat();
        Ok((Agreement { pair }, message))
    }

    /// The premaster that the client's value gives.
    pub(super) fn agree(
        &self,
        context: &Context,
        version: Version,
        message: &[u8],
    ) -> anyhow::Result<Key> {
        agree(context, version, &self.pair, Reader(message).vector(2)?)
    }
}

impl Opened<'_> {
    /// Reads a ServerKeyExchange and verifies its signature.
    pub(super) fn read<'a>(
        context: &Context,
        message: &'a [u8],
        randoms: &Randoms,
        server: &Key,
    ) -> anyhow::Result<Opened<'a>> {
        let mut reader = Reader(message);
        let opened = Opened {
            p: reader.vector(2)?,
            g: reader.vector(2)?,
            y: reader.vector(2)?,
        };
        let parameters = &message[..message.len() - reader.0.len()];
        let mut signature = Reader(reader.vector(2)?);
        ensure!(signature.take(1)? == [0x30], "the signature is no SEQUENCE");
        let mut numbers = Reader(signature.vector(1)?);
        let signature = [
            read_der_integer(&mut numbers)?,
            read_der_integer(&mut numbers)?,
        ];
        let hash = signed_hash(context, randoms, parameters)?;
        hash.verify(&signature.concat(), server, 0)?;
        Ok(opened)
    }

    /// An own pair in the server's group: the premaster, and the ClientKeyExchange with its value.
    pub(super) fn answer(
        &self,
        context: &Context,
        version: Version,
    ) -> anyhow::Result<(Key, Vec<u8>)> {
        let pair = dh_pair(context, self.p, self.g)?;
        let y = public_value(&pair)?;
        let master = agree(context, version, &pair, self.y)?;
        Ok((master, vector(2, &y)))
    }
}

/// An ephemeral pair in a group.
fn dh_pair(context: &Context, p: &[u8], g: &[u8]) -> anyhow::Result<Key> {
    let bits = p.len() as u32 * 8;
    let pair = context.gen_key(CALG_DH_EPHEM, bits << 16 | CRYPT_PREGEN)?;
    pair.set_blob(KP_P, &reversed(p))?;
    pair.set_blob(KP_G, &reversed(g))?;
    Ok(pair)
}

fn public_value(pair: &Key) -> anyhow::Result<Vec<u8>> {
    let blob = pair.export(PUBLICKEYBLOB, None, 0)?;
    Ok(reversed(&blob[16..]))
}

fn agree(context: &Context, version: Version, pair: &Key, y: &[u8]) -> anyhow::Result<Key> {
    let length = pair.param_word(KP_KEYLEN)?;
    let mut blob = vec![PUBLICKEYBLOB as u8, 2, 0, 0];
    blob.extend(CALG_DH_EPHEM.to_le_bytes());
    blob.extend(b"\0DH1");
    blob.extend(length.to_le_bytes());
    blob.extend(padded(&reversed(y), length as usize / 8)?);
    let master = context.import_key(&blob, Some(pair), 0)?;
    master.set_word(KP_ALGID, version.master())?;
    Ok(master)
}

/// What the server signs: SHA-1 over both randoms and its parameters.
fn signed_hash(
    context: &Context,
    randoms: &Randoms,
    parameters: &[u8],
) -> anyhow::Result<crate::capi::Hash> {
    let signed = [&randoms.client[..], &randoms.server, parameters].concat();
    Ok(context.hash(CALG_SHA1, &signed)?)
}

/// A little-endian number as a DER INTEGER of less than 128 bytes.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let big_endian = reversed(number);
    let start = big_endian.iter().position(|byte| *byte != 0);
    let mut digits = big_endian[start.unwrap_or(number.len())..].to_vec();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        digits.insert(0, 0);
    }
    [&[2, digits.len() as u8][..], &digits].concat()
}

/// A DER INTEGER as a little-endian number of 20 bytes.
fn read_der_integer(reader: &mut Reader<'_>) -> anyhow::Result<Vec<u8>> {
    ensure!(reader.take(1)? == [2], "the signature has no INTEGER");
    let mut number = reversed(reader.vector(1)?);
    while number.last() == Some(&0) {
        number.pop();
    }
    padded(&number, 20)
}

fn padded(number: &[u8], length: usize) -> anyhow::Result<Vec<u8>> {
    let zeros = length
        .checked_sub(number.len())
        .context("a number is too long")?;
    Ok([number, &vec![0; zeros]].concat())
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}
