//! What both sides compute of a master: the keys of the connection, MACs and the Finished messages.

use crate::capi::numbers::*;
use crate::capi::{CapiResult, Context, Key, Room};

use super::suite::{Suite, Version};

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who speaks first.
    Client,
    /// Who answers.
    Server,
}

/// The two hellos' random values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Randoms {
    /// The client's, 32 bytes.
    pub client: Vec<u8>,
    /// The server's, 32 bytes.
    pub server: Vec<u8>,
}

/// The keys that one side writes with.
#[derive(Debug)]
pub struct WriteKeys {
    /// The MAC's.
    pub mac: Key,
    /// The cipher's; none where there is none.
    pub cipher: Option<Key>,
}

impl WriteKeys {
    /// MAC key, cipher key and IV, in the clear.
    ///
    /// # Errors
    /// The provider's.
    pub fn bytes(&self) -> CapiResult<[Vec<u8>; 3]> {
        let clear = |key: &Key| -> CapiResult<Vec<u8>> {
            let blob = key.export(PLAINTEXTKEYBLOB, None, 0)?;
            Ok(blob[12..].to_vec())
        };
        let (cipher, iv) = match &self.cipher {
            None => (Vec::new(), Vec::new()),
            Some(key) => (clear(key)?, key.param(KP_IV)?),
        };
        Ok([clear(&self.mac)?, cipher, iv])
    }
}

/// Turns a premaster into the master and derives the four keys, which can be exported: the client's, then the server's.
///
/// # Errors
/// The provider's.
pub fn establish(
    context: &Context,
    master: &Key,
    suite: &Suite,
    randoms: &Randoms,
) -> CapiResult<[WriteKeys; 2]> {
    if let Some(cipher) = suite.cipher {
        master.set_schannel_alg(SCHANNEL_ENC_KEY, cipher.algid, cipher.bits, 0)?;
    }
    let mac_bits = suite.mac_len() as u32 * 8;
    master.set_schannel_alg(SCHANNEL_MAC_KEY, suite.hash, mac_bits, 0)?;
    master.set_blob(KP_CLIENT_RANDOM, &randoms.client)?;
    master.set_blob(KP_SERVER_RANDOM, &randoms.server)?;
    let hash = context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(master))?;
    let write_keys = |flags: u32| -> CapiResult<WriteKeys> {
        let flags = flags | CRYPT_EXPORTABLE;
        Ok(WriteKeys {
            mac: context.derive_key(CALG_SCHANNEL_MAC_KEY, &hash, flags)?,
            cipher: match suite.cipher {
                None => None,
                Some(_) => Some(context.derive_key(CALG_SCHANNEL_ENC_KEY, &hash, flags)?),
            },
        })
    };
    Ok([write_keys(0)?, write_keys(CRYPT_SERVER)?])
}

/// `verify_data` of a side's Finished message over the handshake messages before it.
///
/// # Errors
/// The provider's.
pub fn finished(
    context: &Context,
    version: Version,
    master: &Key,
    side: Side,
    messages: &[u8],
) -> CapiResult<Vec<u8>> {
    match version {
        Version::Tls1 => {
            let mut seed = context.hash(CALG_MD5, messages)?.value()?;
            seed.extend(context.hash(CALG_SHA1, messages)?.value()?);
            let label: &[u8] = match side {
                Side::Client => b"client finished",
                Side::Server => b"server finished",
            };
            let prf = context.create_hash(CALG_TLS1PRF, Some(master))?;
            prf.set_blob(HP_TLS1PRF_LABEL, label)?;
            prf.set_blob(HP_TLS1PRF_SEED, &seed)?;
            prf.param_into(HP_HASHVAL, Room::Bytes(12), 0).data()
        }
        Version::Ssl3 => {
            let sender: &[u8] = match side {
                Side::Client => b"CLNT",
                Side::Server => b"SRVR",
            };
            let mut value = Vec::new();
            for hash in [CALG_MD5, CALG_SHA1] {
                let inner = context.hash(hash, messages)?;
                inner.data(sender)?;
                inner.session_key(master, CRYPT_LITTLE_ENDIAN)?;
                inner.data(&vec![0x36; ssl3_pad(hash)])?;
                let outer = context.create_hash(hash, None)?;
                outer.session_key(master, CRYPT_LITTLE_ENDIAN)?;
                outer.data(&vec![0x5c; ssl3_pad(hash)])?;
                outer.data(&inner.value()?)?;
                value.extend(outer.value()?);
            }
            Ok(value)
        }
    }
}

/// The MAC of a record (RFC 2246 section 6.2.3.1, RFC 6101 section 5.2.3.1). SSL 3.0's is an HMAC whose pads are as long as
/// the key and some more, and not XORed with it: HMAC_INFO's strings, with zeros where the key goes.
///
/// # Errors
/// The provider's.
pub fn mac(
    context: &Context,
    version: Version,
    suite: &Suite,
    key: &Key,
    sequence: u64,
    kind: u8,
    content: &[u8],
) -> CapiResult<Vec<u8>> {
    let hmac = context.create_hash(CALG_HMAC, Some(key))?;
    let mut header = sequence.to_be_bytes().to_vec();
    header.push(kind);
    match version {
        Version::Tls1 => {
            hmac.set_hmac_info(suite.hash, &[], &[])?;
            header.extend(version.bytes());
        }
        Version::Ssl3 => {
            let string = |pad: u8| {
                let mut string = vec![0; suite.mac_len()];
                string.resize(suite.mac_len() + ssl3_pad(suite.hash), pad);
                string
            };
            hmac.set_hmac_info(suite.hash, &string(0x36), &string(0x5c))?;
        }
    }
    header.extend((content.len() as u16).to_be_bytes());
    hmac.data(&header)?;
    hmac.data(content)?;
    hmac.value()
}

/// Length of SSL 3.0's pads in bytes.
fn ssl3_pad(hash: u32) -> usize {
    match hash {
        CALG_MD5 => 48,
        _ => 40,
    }
}
