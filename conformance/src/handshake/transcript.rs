//! What the provider computed of a TLS 1.0 session beside what OpenSSL makes of the master in its log of secrets.

use std::io::{Read, Write};

use crate::capi::numbers::*;
use crate::oracle::digest;

use super::Session;
use super::openssl::Openssl;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub what: &'static str,
    /// As the provider has it.
    pub provider: Vec<u8>,
    /// As OpenSSL has it.
    pub openssl: Vec<u8>,
}

/// Master, keys and Finished messages of a session with one of OpenSSL's peers. Masters do not leave the provider: of them
/// there is the hash.
///
/// # Errors
/// The provider's and OpenSSL's.
pub fn compare<S: Read + Write>(
    openssl: &Openssl,
    session: &Session<S>,
) -> anyhow::Result<Vec<Line>> {
    let randoms = &session.randoms;
    let master = openssl.master(&randoms.client)?;
    let hash = session.context().create_hash(CALG_SHA1, None)?;
    hash.session_key(&session.master, CRYPT_LITTLE_ENDIAN)?;
    let mut lines = vec![Line {
        what: "SHA-1 of the master",
        provider: hash.value()?,
        openssl: digest(CALG_SHA1, &master)?,
    }];

    let [client, server] = &session.keys;
    let keys = [
        ("client MAC key", &client[0]),
        ("server MAC key", &server[0]),
        ("client cipher key", &client[1]),
        ("server cipher key", &server[1]),
        ("client IV", &client[2]),
        ("server IV", &server[2]),
    ];
    let length = keys.iter().map(|(_, key)| key.len()).sum();
    let seed = [&randoms.server[..], &randoms.client].concat();
    let block = openssl.prf(&master, "key expansion", &seed, length)?;
    let mut rest = &block[..];
    for (what, key) in keys.into_iter().filter(|(_, key)| !key.is_empty()) {
        let (expected, behind) = rest.split_at(key.len());
        rest = behind;
        lines.push(Line {
            what,
            provider: key.clone(),
            openssl: expected.to_vec(),
        });
    }

    for (side, what) in ["client finished", "server finished"]
        .into_iter()
        .enumerate()
    {
        let seed = openssl.handshake_hash(&session.messages[side])?;
        lines.push(Line {
            what,
            provider: session.finished[side].clone(),
            openssl: openssl.prf(&master, what, &seed, 12)?,
        });
    }
    Ok(lines)
}
