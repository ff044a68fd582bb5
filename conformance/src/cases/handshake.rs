//! Whole handshakes with stacks that have nothing to do with the provider: TLS 1.0 with OpenSSL's command line, and both
//! protocols with tlslite-ng, where there are such.

use std::io::{Read, Write};

use anyhow::Context as _;

use crate::capi::numbers::*;
use crate::capi::{Context, Function};
use crate::case::{Case, Outcome};
use crate::coverage::works;
use crate::handshake::openssl::Openssl;
use crate::handshake::peer::KeyKind;
use crate::handshake::suite::{Exchange, Suite, Version};
use crate::handshake::tlslite::Tlslite;
use crate::handshake::transcript::compare;
use crate::handshake::{Identity, Session};
use crate::rig::{Rig, equal};

const TLS: &str = "RFC 2246, sections 6.3, 7.4.9, 8.1";
const SSL: &str = "RFC 6101, sections 5.6.9, 6.1, 6.2";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "handshake.openssl.server-rsa",
        "OpenSSL's server and a client of the provider have the same master, keys and Finished messages",
        TLS,
        |rig| with_openssl(rig, OPENSSL_RSA, openssl_serves),
    )
    .on(&[PROV_RSA_SCHANNEL])
    .covers(&[
        works(Function::GenKey),
        works(Function::ExportKey),
        works(Function::DeriveKey),
        works(Function::HashSessionKey),
    ]),
    Case::new(
        "handshake.openssl.client-rsa",
        "OpenSSL's client and a server of the provider have the same master, keys and Finished messages",
        TLS,
        |rig| with_openssl(rig, OPENSSL_RSA, openssl_connects),
    )
    .on(&[PROV_RSA_SCHANNEL])
    .covers(&[works(Function::ImportKey), works(Function::DeriveKey)]),
    Case::new(
        "handshake.openssl.server-dhe-dss",
        "OpenSSL's server and a client of the provider agree on a master with ephemeral keys under a DSS signature",
        TLS,
        |rig| with_openssl(rig, OPENSSL_DHE_DSS, openssl_serves),
    )
    .on(&[PROV_DH_SCHANNEL])
    .covers(&[
        works(Function::VerifySignature),
        works(Function::SetKeyParam),
        works(Function::DeriveKey),
    ]),
    Case::new(
        "handshake.openssl.client-dhe-dss",
        "OpenSSL's client and a server of the provider agree on a master with ephemeral keys under a DSS signature",
        TLS,
        |rig| with_openssl(rig, OPENSSL_DHE_DSS, openssl_connects),
    )
    .on(&[PROV_DH_SCHANNEL])
    .covers(&[works(Function::SignHash), works(Function::DeriveKey)]),
    Case::new(
        "handshake.tlslite.tls1",
        "tlslite-ng speaks TLS 1.0 with clients and servers of the provider, with ciphers that OpenSSL has dropped",
        TLS,
        |rig| with_tlslite(rig, Version::Tls1),
    )
    .on(&[PROV_RSA_SCHANNEL])
    .covers(&[works(Function::ImportKey), works(Function::DeriveKey)]),
    Case::new(
        "handshake.tlslite.ssl3",
        "tlslite-ng speaks SSL 3.0 with clients and servers of the provider",
        SSL,
        |rig| with_tlslite(rig, Version::Ssl3),
    )
    .on(&[PROV_RSA_SCHANNEL])
    .covers(&[works(Function::ImportKey), works(Function::DeriveKey)]),
];

/// What a distribution's OpenSSL still speaks of TLS 1.0, at security level 0.
const OPENSSL_RSA: &[&str] = &["AES128-SHA", "AES256-SHA", "NULL-MD5", "NULL-SHA"];
const OPENSSL_DHE_DSS: &[&str] = &["DHE-DSS-AES128-SHA", "DHE-DSS-AES256-SHA"];

/// The suites of tlslite-ng.
const TLSLITE: &[&str] = &[
    "RC4-MD5",
    "RC4-SHA",
    "DES-CBC3-SHA",
    "AES128-SHA",
    "AES256-SHA",
];

fn with_openssl(
    rig: &Rig,
    suites: &[&str],
    handshake: fn(&Rig, &Openssl, &'static Suite) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let Ok(openssl) = Openssl::new() else {
        return Ok(Outcome::Skipped("there is no openssl".to_owned()));
    };
    for name in suites {
        let suite = Suite::named(name).context("no such suite")?;
        if !openssl.speaks(suite)? {
            return Ok(Outcome::Skipped(format!(
                "this openssl does not speak {name}"
            )));
        }
        handshake(rig, &openssl, suite).with_context(|| (*name).to_owned())?;
    }
    Ok(Outcome::Passed)
}

fn openssl_serves(rig: &Rig, openssl: &Openssl, suite: &'static Suite) -> anyhow::Result<()> {
    let (_peer, stream) = openssl.serve(kind(suite), suite)?;
    let session = call(rig, openssl, stream, Version::Tls1, suite)?;
    agrees(openssl, &session)?;
    session.close()
}

fn openssl_connects(rig: &Rig, openssl: &Openssl, suite: &'static Suite) -> anyhow::Result<()> {
    let (context, identity) = identity(rig, openssl, suite)?;
    let (mut peer, stream) = openssl.connect(suite, "hello\n")?;
    let session = answer(stream, context, Version::Tls1, suite, &identity)?;
    agrees(openssl, &session)?;
    session.close()?;
    equal(peer.output()?.as_str(), "good day\n", "what the client got")
}

fn with_tlslite(rig: &Rig, version: Version) -> anyhow::Result<Outcome> {
    let Some(tlslite) = Tlslite::found() else {
        let reason = "there is no tlslite-ng: scripts/handshake-tlslite brings one";
        return Ok(Outcome::Skipped(reason.to_owned()));
    };
    let openssl = Openssl::new()?;
    for name in TLSLITE {
        let suite = Suite::named(name).context("no such suite")?;
        let (mut peer, stream) = tlslite.serve(&openssl, version, suite)?;
        call(rig, &openssl, stream, version, suite)?.close()?;
        equal(
            peer.output()?.as_str(),
            "hello\nagain\n",
            "what the server got",
        )?;

        let (context, identity) = identity(rig, &openssl, suite)?;
        let (mut peer, stream) = tlslite.connect(version, suite)?;
        answer(stream, context, version, suite, &identity)?.close()?;
        equal(peer.output()?.as_str(), "good day\n", "what the client got")?;
    }
    Ok(Outcome::Passed)
}

/// A client's handshake with a server that sends each line back in reverse.
fn call<S: Read + Write>(
    rig: &Rig,
    openssl: &Openssl,
    stream: S,
    version: Version,
    suite: &'static Suite,
) -> anyhow::Result<Session<S>> {
    let public = |der: &[u8]| openssl.public_blob(kind(suite), der);
    let mut session =
        Session::connect(stream, rig.capi().verify_context()?, version, suite, public)?;
    for (said, answer) in [(b"hello\n", b"olleh\n"), (b"again\n", b"niaga\n")] {
        session.send(said)?;
        equal(session.receive(6)?, answer.to_vec(), "what the server says")?;
    }
    Ok(session)
}

/// A server's handshake with a client that says hello.
fn answer<S: Read + Write>(
    stream: S,
    context: Context,
    version: Version,
    suite: &'static Suite,
    identity: &Identity,
) -> anyhow::Result<Session<S>> {
    let mut session = Session::accept(stream, context, version, &[suite], identity)?;
    equal(
        session.receive(6)?,
        b"hello\n".to_vec(),
        "what the client says",
    )?;
    session.send(b"good ")?;
    session.send(b"day\n")?;
    Ok(session)
}

/// A context for a suite, with a server's pair and certificate.
fn identity(rig: &Rig, openssl: &Openssl, suite: &Suite) -> anyhow::Result<(Context, Identity)> {
    let context = rig.capi().verify_context()?;
    let spec = match suite.exchange {
        Exchange::Rsa => AT_KEYEXCHANGE,
        Exchange::DheDss => AT_SIGNATURE,
    };
    let pair = context.gen_pair(spec, 1024)?;
    let blob = pair.export(PUBLICKEYBLOB, None, 0)?;
    let certificate = openssl.certify(kind(suite), &blob)?;
    Ok((context, Identity { certificate, pair }))
}

fn kind(suite: &Suite) -> KeyKind {
    match suite.exchange {
        Exchange::Rsa => KeyKind::Rsa,
        Exchange::DheDss => KeyKind::Dss,
    }
}

/// Master, keys and Finished messages are what OpenSSL makes of its own master.
fn agrees<S: Read + Write>(openssl: &Openssl, session: &Session<S>) -> anyhow::Result<()> {
    for line in compare(openssl, session)? {
        equal(line.provider, line.openssl, line.what)?;
    }
    Ok(())
}
