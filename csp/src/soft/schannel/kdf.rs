//! The derivations of SSL 3.0 (RFC 6101 sections 6.1 and 6.2) and TLS 1.0 (RFC 2246 sections 5, 6.3 and 8.1).

use md5::Md5;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::constants::AlgId;
use crate::error::Result;
use crate::soft::HmacInfo;
use crate::soft::hash::Hmac;

/// Bytes that must not outlive their use.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// Length of a master, and of a premaster that RSA carries, in bytes.
pub(super) const MASTER_LEN: usize = 48;

/// Which protocol a master belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Ssl3,
    Tls1,
}

/// The two hellos' random values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Randoms {
    pub(super) client: Vec<u8>,
    pub(super) server: Vec<u8>,
}

/// Who writes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

impl Protocol {
    /// The protocol of a master's ALG_ID.
    pub(super) fn of(algorithm: AlgId) -> Option<Protocol> {
        match algorithm {
            AlgId::CALG_SSL3_MASTER => Some(Protocol::Ssl3),
            AlgId::CALG_TLS1_MASTER => Some(Protocol::Tls1),
            _ => None,
        }
    }

    /// The ALG_ID of its masters.
    pub(super) fn algorithm(self) -> AlgId {
        match self {
            Protocol::Ssl3 => AlgId::CALG_SSL3_MASTER,
            Protocol::Tls1 => AlgId::CALG_TLS1_MASTER,
        }
    }

    /// Its version number, major and minor.
    pub(super) fn version(self) -> u16 {
        match self {
            Protocol::Ssl3 => 0x0300,
            Protocol::Tls1 => 0x0301,
        }
    }

    /// The master of a premaster.
    pub(super) fn master(self, premaster: &[u8], randoms: &Randoms) -> Result<Secret> {
        let seed = [&randoms.client[..], &randoms.server].concat();
        match self {
            Protocol::Ssl3 => Ok(ssl3_expand(premaster, &seed, MASTER_LEN)),
            Protocol::Tls1 => prf_of(premaster, b"master secret", &seed, MASTER_LEN),
        }
    }

    /// The first `len` bytes of the key block.
    pub(super) fn key_block(self, master: &[u8], randoms: &Randoms, len: usize) -> Result<Secret> {
        let seed = [&randoms.server[..], &randoms.client].concat();
        match self {
            Protocol::Ssl3 => Ok(ssl3_expand(master, &seed, len)),
            Protocol::Tls1 => prf_of(master, b"key expansion", &seed, len),
        }
    }

    /// The final key of an export suite, of at most 16 bytes, from its part of the key block.
    pub(super) fn export_key(
        self,
        part: &[u8],
        randoms: &Randoms,
        side: Side,
        len: usize,
    ) -> Result<Secret> {
        match (self, side) {
            (Protocol::Ssl3, Side::Client) => {
                Ok(md5_prefix(&[part, &randoms.client, &randoms.server], len))
            }
            (Protocol::Ssl3, Side::Server) => {
                Ok(md5_prefix(&[part, &randoms.server, &randoms.client], len))
            }
            (Protocol::Tls1, side) => {
                let label: &[u8] = match side {
                    Side::Client => b"client write key",
                    Side::Server => b"server write key",
                };
                let seed = [&randoms.client[..], &randoms.server].concat();
                prf_of(part, label, &seed, len)
            }
        }
    }

    /// The IV of an export suite, of at most 16 bytes; it is no secret.
    pub(super) fn export_iv(self, randoms: &Randoms, side: Side, len: usize) -> Result<Vec<u8>> {
        let (client, server) = (&randoms.client[..], &randoms.server[..]);
        let iv = match (self, side) {
            (Protocol::Ssl3, Side::Client) => md5_prefix(&[client, server], len),
            (Protocol::Ssl3, Side::Server) => md5_prefix(&[server, client], len),
            (Protocol::Tls1, side) => {
                let block = prf_of(&[], b"IV block", &[client, server].concat(), 2 * len)?;
                Zeroizing::new(part(&block, side, len).to_vec())
            }
        };
        Ok(iv.to_vec())
    }
}

/// The client's or the server's of two neighbours of `len` bytes.
pub(super) fn part(pair: &[u8], side: Side, len: usize) -> &[u8] {
    &pair[side as usize * len..][..len]
}

/// TLS 1.0's PRF: fills `out`.
///
/// # Errors
/// None that MD5 and SHA-1 can raise.
pub(super) fn prf(secret: &[u8], label: &[u8], seed: &[u8], out: &mut [u8]) -> Result<()> {
    // The halves share the middle byte of a secret of odd length.
    let half = secret.len().div_ceil(2);
    let seed = [label, seed].concat();
    out.fill(0);
    mix(AlgId::CALG_MD5, &secret[..half], &seed, out)?;
    mix(AlgId::CALG_SHA1, &secret[secret.len() - half..], &seed, out)
}

fn prf_of(secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Result<Secret> {
    let mut out = Zeroizing::new(vec![0; len]);
    prf(secret, label, seed, &mut out)?;
    Ok(out)
}

/// XORs P_hash into `out`.
fn mix(hash: AlgId, secret: &[u8], seed: &[u8], out: &mut [u8]) -> Result<()> {
    let info = HmacInfo {
        algorithm: hash,
        inner: Vec::new(),
        outer: Vec::new(),
    };
    let keyed = Hmac::new(secret, &info)?;
    let hmac = |parts: &[&[u8]]| {
        let mut hmac = keyed.clone();
        parts.iter().for_each(|part| hmac.update(part));
        Zeroizing::new(hmac.finish())
    };
    let mut a = hmac(&[seed]);
    for chunk in out.chunks_mut(keyed.size()) {
        for (byte, mask) in chunk.iter_mut().zip(hmac(&[&a, seed]).iter()) {
            *byte ^= mask;
        }
        a = hmac(&[&a]);
    }
    Ok(())
}

/// SSL 3.0's way of making bytes: MD5 over the secret and a SHA-1 that is salted by "A", "BB", "CCC" and so on. The key
/// block, the longest that is asked for, has less than the 26 pieces of 16 bytes that there are letters for.
fn ssl3_expand(secret: &[u8], seed: &[u8], len: usize) -> Secret {
    let mut out = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(16)));
    for (count, letter) in (1..).zip(b'A'..=b'Z') {
        if out.len() >= len {
            break;
        }
        let mut inner = Sha1::new();
        inner.update(vec![letter; count]);
        inner.update(secret);
        inner.update(seed);
        let mut outer = Md5::new();
        outer.update(secret);
        outer.update(inner.finalize());
        out.extend_from_slice(&outer.finalize());
    }
    out.truncate(len);
    out
}

fn md5_prefix(parts: &[&[u8]], len: usize) -> Secret {
    let mut md5 = Md5::new();
    parts.iter().for_each(|part| md5.update(part));
    let mut value = Zeroizing::new(md5.finalize().to_vec());
    value.truncate(len);
    value
}
