//! The Schannel providers: masters, the keys of a connection, the pseudo-random function.

use std::io::{Cursor, Read, Write};

use anyhow::{Context as _, ensure};

use crate::capi::numbers::*;
use crate::capi::{
    CapiResult, Context, ERROR_INVALID_PARAMETER, Function, Key, NTE_BAD_ALGID, NTE_BAD_DATA,
    NTE_BAD_FLAGS, NTE_BAD_HASH, NTE_BAD_KEY, NTE_BAD_KEY_STATE, NTE_BAD_TYPE, Provider, Room,
};
use crate::case::{Case, Outcome};
use crate::coverage::{refuses, works};
use crate::handshake::exchange::premaster_blob;
use crate::handshake::keys::{Randoms, Side, establish, finished};
use crate::handshake::record::{
    APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Protection, Records,
};
use crate::handshake::suite::{Suite, Version};
use crate::oracle::{RsaPrivate, RsaPublic, blob_head, digest};
use crate::rig::{Rig, equal, refused};
use crate::vectors::{self, Vector};

const CHAPTER: &str = "CRYPTSPI, section 9";
const TLS: &str = "RFC 2246";
const SSL: &str = "RFC 6101";

/// The types with masters.
const SCHANNEL: &[u32] = &[PROV_RSA_SCHANNEL, PROV_DH_SCHANNEL];

/// The one of them with RSA keys.
const RSA_SCHANNEL: &[u32] = &[PROV_RSA_SCHANNEL];

pub(super) const CASES: &[Case] = &[
    Case::new(
        "schannel.session.tls1",
        "Recorded TLS 1.0 sessions open with the keys of their premasters, and have the same Finished messages",
        TLS,
        |rig| recorded(rig, Version::Tls1),
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        works(Function::ImportKey),
        works(Function::DeriveKey),
        works(Function::Decrypt),
        works(Function::GetHashParam),
    ]),
    Case::new(
        "schannel.session.ssl3",
        "Recorded SSL 3.0 sessions open with the keys of their premasters, and have the same Finished messages",
        SSL,
        |rig| recorded(rig, Version::Ssl3),
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        works(Function::ImportKey),
        works(Function::DeriveKey),
        works(Function::HashSessionKey),
        works(Function::SetHashParam),
    ]),
    Case::new(
        "schannel.session.reconnect",
        "New randoms on the same master give new keys",
        CHAPTER,
        reconnect,
    )
    .on(SCHANNEL)
    .covers(&[works(Function::DeriveKey)]),
    Case::new(
        "schannel.provider.algorithms",
        "The providers tell their type and have the hashes of their time",
        "CAPI guide, section 6; CRYPTSPI, section 5",
        provider_algorithms,
    )
    .on(SCHANNEL)
    .covers(&[
        works(Function::GetProvParam),
        refuses(Function::CreateHash, NTE_BAD_ALGID),
    ]),
    Case::new(
        "schannel.master.generated",
        "A generated premaster has 48 bytes: the version, then random ones",
        "RFC 2246, section 7.4.7.1",
        master_generated,
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        works(Function::GenKey),
        works(Function::GetKeyParam),
        works(Function::ExportKey),
        refuses(Function::GenKey, ERROR_INVALID_PARAMETER),
        refuses(Function::GenKey, NTE_BAD_FLAGS),
    ]),
    Case::new(
        "schannel.master.version",
        "The premaster carries the highest version, which the server expects",
        "RFC 2246, section 7.4.7.1",
        master_version,
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_DATA),
        refuses(Function::SetKeyParam, NTE_BAD_KEY_STATE),
    ]),
    Case::new(
        "schannel.master.wrong-premaster",
        "A premaster with a wrong padding, length or version goes on as a random one",
        "RFC 2246, section 7.4.7.1",
        wrong_premaster,
    )
    .on(RSA_SCHANNEL)
    .covers(&[works(Function::ImportKey)]),
    Case::new(
        "schannel.master.export",
        "Only an exportable premaster leaves, and no master",
        "CryptoAPI reference: CryptExportKey",
        master_export,
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        works(Function::ExportKey),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
        refuses(Function::ExportKey, NTE_BAD_KEY),
    ]),
    Case::new(
        "schannel.master.old-protocols",
        "SSL 2.0 and PCT are refused",
        "CAPI guide, section 6",
        old_protocols,
    )
    .on(RSA_SCHANNEL)
    .covers(&[
        refuses(Function::GenKey, NTE_BAD_ALGID),
        refuses(Function::ImportKey, NTE_BAD_ALGID),
        refuses(Function::ExportKey, NTE_BAD_KEY),
        refuses(Function::SetKeyParam, NTE_BAD_TYPE),
    ]),
    Case::new(
        "schannel.master.other-uses",
        "A master encrypts nothing, and a premaster is not hashed",
        CHAPTER,
        master_other_uses,
    )
    .on(SCHANNEL)
    .covers(&[
        refuses(Function::Encrypt, NTE_BAD_KEY),
        refuses(Function::HashSessionKey, NTE_BAD_KEY_STATE),
        refuses(Function::GetKeyParam, NTE_BAD_TYPE),
    ]),
    Case::new(
        "schannel.suite.algorithms",
        "KP_SCHANNEL_ALG takes the ciphers and MACs of the protocols' suites",
        "CryptoAPI reference: SCHANNEL_ALG",
        suite_algorithms,
    )
    .on(SCHANNEL)
    .covers(&[
        works(Function::SetKeyParam),
        refuses(Function::SetKeyParam, NTE_BAD_DATA),
    ]),
    Case::new(
        "schannel.suite.export",
        "Export suites make whole keys of short ones",
        "RFC 2246, section 6.3.1",
        suite_export,
    )
    .on(SCHANNEL)
    .covers(&[works(Function::DeriveKey), works(Function::Encrypt)]),
    Case::new(
        "schannel.hash.states",
        "A master hash wants a master with both randoms, a pseudo-random function one that is no premaster",
        CHAPTER,
        hash_states,
    )
    .on(SCHANNEL)
    .covers(&[
        refuses(Function::CreateHash, NTE_BAD_KEY),
        refuses(Function::CreateHash, ERROR_INVALID_PARAMETER),
        refuses(Function::CreateHash, NTE_BAD_KEY_STATE),
        works(Function::CreateHash),
    ]),
    Case::new(
        "schannel.hash.other-uses",
        "Hashes of a master take no data, tell no value and are not signed",
        CHAPTER,
        hash_other_uses,
    )
    .on(SCHANNEL)
    .covers(&[
        refuses(Function::HashData, NTE_BAD_ALGID),
        refuses(Function::GetHashParam, NTE_BAD_TYPE),
        refuses(Function::SetHashParam, NTE_BAD_TYPE),
        refuses(Function::SignHash, NTE_BAD_ALGID),
        refuses(Function::DeriveKey, NTE_BAD_HASH),
    ]),
    Case::new(
        "schannel.prf.lengths",
        "The pseudo-random function gives as much as is asked for, and a copy of it the same",
        CHAPTER,
        prf_lengths,
    )
    .on(SCHANNEL)
    .covers(&[
        works(Function::GetHashParam),
        works(Function::DuplicateHash),
        refuses(Function::GetHashParam, ERROR_INVALID_PARAMETER),
    ]),
    Case::new(
        "schannel.derive.states",
        "Keys are derived once KP_SCHANNEL_ALG has named what they are for",
        CHAPTER,
        derive_states,
    )
    .on(SCHANNEL)
    .covers(&[
        refuses(Function::DeriveKey, NTE_BAD_FLAGS),
        refuses(Function::DeriveKey, NTE_BAD_HASH),
        refuses(Function::DeriveKey, NTE_BAD_ALGID),
        works(Function::DeriveKey),
    ]),
    Case::new(
        "schannel.opaque.moved",
        "An opaque blob takes a key to another context where it stands, and away from the first if that is wanted",
        "CryptoAPI reference: CryptExportKey",
        opaque_moved,
    )
    .on(SCHANNEL)
    .covers(&[
        works(Function::ExportKey),
        works(Function::ImportKey),
        refuses(Function::ExportKey, NTE_BAD_KEY_STATE),
        refuses(Function::ExportKey, NTE_BAD_FLAGS),
        refuses(Function::DestroyKey, NTE_BAD_KEY),
        refuses(Function::ImportKey, NTE_BAD_DATA),
    ]),
    Case::new(
        "schannel.client.signs",
        "A client signs both its hashes without DigestInfo",
        "RFC 2246, section 7.4.8",
        client_signs,
    )
    .on(RSA_SCHANNEL)
    .covers(&[works(Function::SignHash), works(Function::VerifySignature)]),
];

/// A context of a provider that knows nothing of sessions, beside ours.
fn elsewhere(rig: &Rig) -> CapiResult<Option<Context>> {
    if rig.capi().provider().other_spelling().is_none() {
        return Ok(None);
    }
    let Provider { name, prov_type } = Provider::of_type(PROV_RSA_AES);
    let capi = rig.capi();
    let context = capi.acquire_from(None, Some(&name), prov_type, CRYPT_VERIFYCONTEXT);
    context.map(Some)
}

/// A context with an exchange pair whose private half the oracle has too.
fn with_pair(rig: &Rig) -> anyhow::Result<(Context, Key, RsaPrivate, RsaPublic)> {
    let context = rig.capi().verify_context()?;
    let private = RsaPrivate::new(1024)?;
    let pair = context.import_key(&private.to_blob(CALG_RSA_KEYX)?, None, 0)?;
    let public = RsaPublic::from_blob(&private.to_public_blob(CALG_RSA_KEYX))?;
    Ok((context, pair, private, public))
}

/// The SIMPLEBLOB of a premaster that the oracle encrypts.
fn sealed(version: Version, public: &RsaPublic, premaster: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encrypted = public.encrypt(premaster)?;
    encrypted.reverse();
    Ok(premaster_blob(version, &encrypted))
}

/// A master with randoms and a suite, and its first hash behind it.
fn ready(context: &Context, version: Version, suite: &str) -> anyhow::Result<Key> {
    let master = context.gen_key(version.master(), CRYPT_EXPORTABLE)?;
    let suite = Suite::named(suite).context("no such suite")?;
    establish(context, &master, suite, &randoms(1))?;
    Ok(master)
}

fn randoms(seed: u8) -> Randoms {
    Randoms {
        client: vec![seed; 32],
        server: vec![!seed; 32],
    }
}

/// SHA-1 of a master's bytes: which one it is.
fn fingerprint(context: &Context, master: &Key) -> CapiResult<Vec<u8>> {
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.session_key(master, CRYPT_LITTLE_ENDIAN)?;
    hash.value()
}

/// Sets randoms on a premaster and makes it the master.
fn become_master(context: &Context, master: &Key) -> CapiResult<Vec<u8>> {
    master.set_blob(KP_CLIENT_RANDOM, b"client")?;
    master.set_blob(KP_SERVER_RANDOM, b"server")?;
    context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(master))?;
    fingerprint(context, master)
}

fn recorded(rig: &Rig, version: Version) -> anyhow::Result<Outcome> {
    let kind = match version {
        Version::Ssl3 => "ssl3 ",
        Version::Tls1 => "tls1 ",
    };
    let (context, pair, _, public) = with_pair(rig)?;
    let mut count = 0;
    for vector in vectors::parse(include_str!("../../../vectors/schannel.txt"))? {
        let Some(name) = vector.text("id").strip_prefix(kind) else {
            continue;
        };
        count += 1;
        replay(&context, &pair, &public, version, &vector).with_context(|| name.to_owned())?;
    }
    equal(count, 5, "recorded sessions")?;
    Ok(Outcome::Passed)
}

fn replay(
    context: &Context,
    pair: &Key,
    public: &RsaPublic,
    version: Version,
    vector: &Vector,
) -> anyhow::Result<()> {
    let suite = Suite::named(match (vector.text("cipher"), vector.text("mac")) {
        ("rc4", "md5") => "RC4-MD5",
        ("rc4", _) => "RC4-SHA",
        ("3des", _) => "DES-CBC3-SHA",
        ("aes128", _) => "AES128-SHA",
        _ => "AES256-SHA",
    });
    let suite = suite.context("no such suite")?;
    let blob = sealed(version, public, &vector.bytes("premaster"))?;
    let master = context.import_key(&blob, Some(pair), 0)?;
    let randoms = Randoms {
        client: vector.bytes("client_random"),
        server: vector.bytes("server_random"),
    };
    let [client, server] = establish(context, &master, suite, &randoms)?;
    let expected = digest(CALG_SHA1, &vector.bytes("master"))?;
    equal(
        fingerprint(context, &master)?,
        expected,
        "hash of the master",
    )?;
    let parts = client.bytes()?.into_iter().zip(server.bytes()?);
    let block: Vec<u8> = parts
        .flat_map(|(client, server)| [client, server].concat())
        .collect();
    equal(block, vector.bytes("key_block"), "key block")?;

    let mut messages = vector.bytes("messages");
    for (side, keys, name) in [
        (Side::Client, client, "client"),
        (Side::Server, server, "server"),
    ] {
        let value = finished(context, version, &master, side, &messages)?;
        equal(
            &value,
            &vector.bytes(&format!("{name}_finished")),
            "Finished",
        )?;
        let message = [&[20, 0, 0, value.len() as u8][..], &value].concat();
        messages.extend(&message);

        let recorded = Recorded(Cursor::new(vector.bytes(&format!("{name}_records"))));
        let mut records = Records::new(recorded, version);
        while records.receive(context)?.0 != CHANGE_CIPHER_SPEC {}
        records.reading = Some(Protection::new(suite, keys));
        equal(
            records.receive(context)?,
            (HANDSHAKE, message),
            "the record",
        )?;
        let mut said = Vec::new();
        while said.len() < 5 {
            let (kind, content) = records.receive(context)?;
            equal(kind, APPLICATION_DATA, "type")?;
            said.extend(content);
        }
        let expected: &[u8] = match side {
            Side::Client => b"hello",
            Side::Server => b"world",
        };
        equal(&said[..], expected, "data")?;
    }
    Ok(())
}

/// What one side sent, to be read alone.
struct Recorded(Cursor<Vec<u8>>);

impl Read for Recorded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Recorded {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn reconnect(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for version in [Version::Ssl3, Version::Tls1] {
        let master = ready(&context, version, "AES128-SHA")?;
        let known = fingerprint(&context, &master)?;
        let suite = Suite::named("AES128-SHA").context("no such suite")?;
        let mut seen = Vec::new();
        for seed in [1, 2, 1] {
            let [client, server] = establish(&context, &master, suite, &randoms(seed))?;
            seen.push([client.bytes()?, server.bytes()?].concat());
            equal(fingerprint(&context, &master)?, known.clone(), "the master")?;
        }
        equal(&seen[0], &seen[2], "keys of the same randoms")?;
        let differ = seen[0]
            .iter()
            .zip(&seen[1])
            .all(|(one, other)| one != other);
        ensure!(differ, "other randoms give the same keys");
    }
    Ok(Outcome::Passed)
}

fn provider_algorithms(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let prov_type = rig.capi().provider().prov_type;
    equal(context.param_word(PP_PROVTYPE)?, prov_type, "type")?;
    let name = context.param_text(PP_NAME)?;
    ensure!(name.contains("SChannel"), "the name is {name}");
    let mut listed = Vec::new();
    let mut flags = CRYPT_FIRST;
    while let Ok(row) = context
        .param_into(PP_ENUMALGS, Room::Bytes(64), flags)
        .data()
    {
        listed.push(crate::capi::word(&row[..4]));
        flags = CRYPT_NEXT;
    }
    for algid in [
        CALG_SSL3_MASTER,
        CALG_TLS1_MASTER,
        CALG_SCHANNEL_MASTER_HASH,
        CALG_SCHANNEL_MAC_KEY,
        CALG_SCHANNEL_ENC_KEY,
        CALG_TLS1PRF,
        CALG_SSL3_SHAMD5,
    ] {
        ensure!(listed.contains(&algid), "{algid:#x} is not listed");
    }
    for absent in [CALG_SSL2_MASTER, CALG_PCT1_MASTER, CALG_MD2, CALG_SHA_256] {
        ensure!(!listed.contains(&absent), "{absent:#x} is listed");
    }
    for algid in [CALG_MD2, CALG_SHA_256, CALG_SCHANNEL_ENC_KEY] {
        refused(context.create_hash(algid, None), NTE_BAD_ALGID)?;
    }
    context.create_hash(CALG_MD5, None)?;
    if let Some(other) = elsewhere(rig)? {
        for algid in [CALG_TLS1PRF, CALG_SCHANNEL_MASTER_HASH] {
            refused(other.create_hash(algid, None), NTE_BAD_ALGID)?;
        }
        refused(other.gen_key(CALG_TLS1_MASTER, 0), NTE_BAD_ALGID)?;
    }
    Ok(Outcome::Passed)
}

fn master_generated(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, pair, private, _) = with_pair(rig)?;
    for version in [Version::Ssl3, Version::Tls1] {
        let mut seen = Vec::new();
        for flags in [CRYPT_EXPORTABLE, CRYPT_EXPORTABLE | 384 << 16] {
            let master = context.gen_key(version.master(), flags)?;
            equal(master.param_word(KP_ALGID)?, version.master(), "KP_ALGID")?;
            equal(master.param_word(KP_KEYLEN)?, 384, "KP_KEYLEN")?;
            let blob = master.export(SIMPLEBLOB, Some(&pair), 0)?;
            let head = [
                blob_head(SIMPLEBLOB, version.master()),
                CALG_RSA_KEYX.to_le_bytes().to_vec(),
            ];
            equal(blob[..12].to_vec(), head.concat(), "head of the blob")?;
            let premaster = private.decrypt(&blob[12..])?;
            equal(premaster.len(), 48, "length")?;
            equal(&premaster[..2], &version.bytes()[..], "version")?;
            seen.push(premaster);
        }
        ensure!(seen[0] != seen[1], "two premasters are equal");
        refused(
            context.gen_key(version.master(), 128 << 16),
            ERROR_INVALID_PARAMETER,
        )?;
        refused(context.gen_key(version.master(), 0x8), NTE_BAD_FLAGS)?;
    }
    Ok(Outcome::Passed)
}

fn master_version(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, pair, private, public) = with_pair(rig)?;
    let made = context.gen_key(CALG_TLS1_MASTER, CRYPT_EXPORTABLE)?;
    made.set_word(KP_HIGHEST_VERSION, 0x0303)?;
    let blob = made.export(SIMPLEBLOB, Some(&pair), 0)?;
    let premaster = private.decrypt(&blob[12..])?;
    equal(&premaster[..2], &[3, 3][..], "version")?;
    for wrong in [0, 0x0300, 0x0400, 0x1_0301] {
        refused(made.set_word(KP_HIGHEST_VERSION, wrong), NTE_BAD_DATA)?;
    }
    let expected = become_master(&context, &made)?;
    refused(made.set_word(KP_HIGHEST_VERSION, 0x0303), NTE_BAD_KEY_STATE)?;
    for (highest, same) in [(None, true), (Some(0x0303), true), (Some(0x0301), false)] {
        let blob = sealed(Version::Tls1, &public, &premaster)?;
        let received = context.import_key(&blob, Some(&pair), 0)?;
        if let Some(highest) = highest {
            received.set_word(KP_HIGHEST_VERSION, highest)?;
        }
        let found = become_master(&context, &received)?;
        ensure!(
            (found == expected) == same,
            "with highest version {highest:x?}"
        );
    }
    Ok(Outcome::Passed)
}

fn wrong_premaster(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, pair, _, public) = with_pair(rig)?;
    let mut premaster = vec![7; 48];
    premaster[..2].copy_from_slice(&[3, 1]);
    let good = sealed(Version::Tls1, &public, &premaster)?;
    let unpadded = {
        let mut block = vec![5; 128];
        block[127] = 0;
        let mut cipher = public.raise(&block);
        cipher.resize(128, 0);
        cipher.reverse();
        premaster_blob(Version::Tls1, &cipher)
    };
    let with_version = |version: [u8; 2]| {
        let mut premaster = premaster.clone();
        premaster[..2].copy_from_slice(&version);
        sealed(Version::Tls1, &public, &premaster)
    };
    let import = |blob: &[u8]| -> anyhow::Result<Vec<u8>> {
        let master = context.import_key(blob, Some(&pair), 0)?;
        Ok(become_master(&context, &master)?)
    };
    let expected = import(&good)?;
    equal(import(&good)?, expected.clone(), "the same premaster")?;
    let mut seen = vec![expected];
    for (what, blob) in [
        ("no padding", unpadded.clone()),
        ("no padding again", unpadded),
        (
            "47 bytes",
            sealed(Version::Tls1, &public, &premaster[..47])?,
        ),
        ("no bytes", sealed(Version::Tls1, &public, &[])?),
        ("SSL 2.0", with_version([2, 0])?),
        ("SSL 3.0", with_version([3, 0])?),
        ("a version to come", with_version([4, 1])?),
    ] {
        let found = import(&blob).context(what)?;
        ensure!(!seen.contains(&found), "{what}: the master is not random");
        seen.push(found);
    }
    // What is no premaster at all is refused as ever.
    refused(
        context.import_key(&good[..139], Some(&pair), 0),
        NTE_BAD_DATA,
    )?;
    Ok(Outcome::Passed)
}

fn master_export(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, pair, _, _) = with_pair(rig)?;
    let fixed = context.gen_key(CALG_SSL3_MASTER, 0)?;
    refused(fixed.export(SIMPLEBLOB, Some(&pair), 0), NTE_BAD_KEY_STATE)?;
    refused(fixed.export(OPAQUEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    let master = context.gen_key(CALG_SSL3_MASTER, CRYPT_EXPORTABLE)?;
    for blob_type in [PUBLICKEYBLOB, PRIVATEKEYBLOB, PLAINTEXTKEYBLOB] {
        refused(master.export(blob_type, None, 0), NTE_BAD_KEY)?;
    }
    let blob = master.export(SIMPLEBLOB, Some(&pair), 0)?;
    let copy = context.import_key(&blob, Some(&pair), CRYPT_EXPORTABLE)?;
    equal(
        become_master(&context, &copy)?,
        become_master(&context, &master)?,
        "the copy",
    )?;
    refused(master.export(SIMPLEBLOB, Some(&pair), 0), NTE_BAD_KEY_STATE)?;
    refused(copy.export(SIMPLEBLOB, Some(&pair), 0), NTE_BAD_KEY_STATE)?;
    Ok(Outcome::Passed)
}

fn old_protocols(rig: &Rig) -> anyhow::Result<Outcome> {
    let (context, pair, _, public) = with_pair(rig)?;
    let good = sealed(Version::Tls1, &public, &[3; 48])?;
    for algid in [CALG_SSL2_MASTER, CALG_PCT1_MASTER] {
        refused(context.gen_key(algid, 0), NTE_BAD_ALGID)?;
        let mut blob = good.clone();
        blob[4..8].copy_from_slice(&algid.to_le_bytes());
        refused(context.import_key(&blob, Some(&pair), 0), NTE_BAD_ALGID)?;
    }
    let master = context.gen_key(CALG_TLS1_MASTER, CRYPT_EXPORTABLE)?;
    let fallback = master.export(SIMPLEBLOB, Some(&pair), CRYPT_SSL2_FALLBACK);
    refused(fallback, NTE_BAD_KEY)?;
    refused(master.set_blob(KP_CLEAR_KEY, &[0; 11]), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn master_other_uses(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let master = context.gen_key(CALG_TLS1_MASTER, 0)?;
    refused(master.encrypt(b"data", 0), NTE_BAD_KEY)?;
    refused(master.decrypt(&[0; 8], 0), NTE_BAD_KEY)?;
    refused(master.param(KP_IV), NTE_BAD_TYPE)?;
    refused(master.param(KP_CLIENT_RANDOM), NTE_BAD_TYPE)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    refused(hash.session_key(&master, 0), NTE_BAD_KEY_STATE)?;
    refused(context.create_hash(CALG_HMAC, Some(&master)), NTE_BAD_KEY)?;
    become_master(&context, &master)?;
    refused(master.encrypt(b"data", 0), NTE_BAD_KEY)?;
    // A key for MACs is for nothing else.
    let connected = context.gen_key(CALG_TLS1_MASTER, CRYPT_EXPORTABLE)?;
    let suite = Suite::named("AES128-SHA").context("no such suite")?;
    let [client, _] = establish(&context, &connected, suite, &randoms(3))?;
    equal(
        client.mac.param_word(KP_ALGID)?,
        CALG_SCHANNEL_MAC_KEY,
        "KP_ALGID",
    )?;
    equal(client.mac.param_word(KP_KEYLEN)?, 160, "KP_KEYLEN")?;
    refused(client.mac.encrypt(b"data", 0), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn suite_algorithms(rig: &Rig) -> anyhow::Result<Outcome> {
    let (enc, mac, export) = (SCHANNEL_ENC_KEY, SCHANNEL_MAC_KEY, INTERNATIONAL_USAGE);
    let context = rig.capi().verify_context()?;
    let master = context.gen_key(CALG_TLS1_MASTER, 0)?;
    for (usage, algid, bits, flags) in [
        (enc, CALG_RC4, 128, 0),
        (enc, CALG_RC2, 128, 0),
        (enc, CALG_DES, 64, 0),
        (enc, CALG_3DES, 192, 0),
        (enc, CALG_AES_128, 128, 0),
        (enc, CALG_AES_256, 256, 0),
        (enc, CALG_RC4, 40, export),
        (enc, CALG_DES, 40, export),
        (mac, CALG_MD5, 128, 0),
        (mac, CALG_SHA1, 160, 0),
    ] {
        master.set_schannel_alg(usage, algid, bits, flags)?;
    }
    for (usage, algid, bits, flags) in [
        (enc, CALG_RC4, 0, 0),
        (enc, CALG_RC4, 136, 0),
        (enc, CALG_AES_128, 256, 0),
        (enc, CALG_3DES, 192, export),
        (enc, CALG_SHA1, 160, 0),
        (mac, CALG_RC4, 128, 0),
        (mac, CALG_MD5, 160, 0),
        (2, CALG_MD5, 128, 0),
        (mac, CALG_MD5, 128, 0x80),
    ] {
        let answer = master.set_schannel_alg(usage, algid, bits, flags);
        refused(answer, NTE_BAD_DATA)?;
    }
    Ok(Outcome::Passed)
}

fn suite_export(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    for version in [Version::Ssl3, Version::Tls1] {
        for (algid, bits, whole, iv_len) in [
            (CALG_RC4, 40, 128, 0),
            (CALG_RC2, 40, 128, 8),
            (CALG_DES, 40, 64, 8),
        ] {
            let master = context.gen_key(version.master(), 0)?;
            master.set_schannel_alg(SCHANNEL_ENC_KEY, algid, bits, INTERNATIONAL_USAGE)?;
            master.set_schannel_alg(SCHANNEL_MAC_KEY, CALG_MD5, 128, INTERNATIONAL_USAGE)?;
            master.set_blob(KP_CLIENT_RANDOM, &[1; 32])?;
            master.set_blob(KP_SERVER_RANDOM, &[2; 32])?;
            let hash = context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(&master))?;
            let derive = |flags| context.derive_key(CALG_SCHANNEL_ENC_KEY, &hash, flags);
            let (client, server) = (derive(0)?, derive(CRYPT_SERVER)?);
            for key in [&client, &server] {
                equal(key.param_word(KP_ALGID)?, algid, "KP_ALGID")?;
                equal(key.param_word(KP_KEYLEN)?, whole, "KP_KEYLEN")?;
                equal(key.param(KP_IV)?.len(), iv_len, "length of the IV")?;
            }
            let (one, other) = (client.encrypt(b"data", 0)?, server.encrypt(b"data", 0)?);
            ensure!(one != other, "both sides have the same key");
        }
    }
    Ok(Outcome::Passed)
}

fn hash_states(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let session = context.gen_key(CALG_RC4, 0)?;
    for algid in [CALG_SCHANNEL_MASTER_HASH, CALG_TLS1PRF] {
        refused(context.create_hash(algid, None), NTE_BAD_KEY)?;
        refused(context.create_hash(algid, Some(&session)), NTE_BAD_KEY)?;
    }
    let master = context.gen_key(CALG_TLS1_MASTER, 0)?;
    let master_hash = || context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(&master));
    let prf = || context.create_hash(CALG_TLS1PRF, Some(&master));
    refused(master_hash(), ERROR_INVALID_PARAMETER)?;
    refused(prf(), NTE_BAD_KEY_STATE)?;
    master.set_blob(KP_SERVER_RANDOM, &[9; 33])?;
    refused(master_hash(), ERROR_INVALID_PARAMETER)?;
    master.set_blob(KP_CLIENT_RANDOM, &[8; 33])?;
    refused(prf(), NTE_BAD_KEY_STATE)?;
    master_hash()?;
    prf()?;
    let ssl3 = ready(&context, Version::Ssl3, "RC4-MD5")?;
    refused(context.create_hash(CALG_TLS1PRF, Some(&ssl3)), NTE_BAD_KEY)?;
    Ok(Outcome::Passed)
}

fn hash_other_uses(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    context.gen_pair(AT_SIGNATURE, 512)?;
    let master = ready(&context, Version::Tls1, "RC4-MD5")?;
    for algid in [CALG_SCHANNEL_MASTER_HASH, CALG_TLS1PRF] {
        let hash = context.create_hash(algid, Some(&master))?;
        refused(hash.data(b"data"), NTE_BAD_ALGID)?;
        equal(
            hash.param(HP_ALGID)?,
            algid.to_le_bytes().to_vec(),
            "HP_ALGID",
        )?;
        refused(hash.set_param(HP_HASHVAL, Some(&[0; 36]), 0), NTE_BAD_TYPE)?;
        refused(hash.sign(AT_SIGNATURE, 0), NTE_BAD_ALGID)?;
        refused(context.derive_key(CALG_RC4, &hash, 0), NTE_BAD_HASH)?;
    }
    let hash = context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(&master))?;
    refused(hash.value(), NTE_BAD_TYPE)?;
    refused(hash.set_blob(HP_TLS1PRF_LABEL, b"label"), NTE_BAD_TYPE)?;
    Ok(Outcome::Passed)
}

fn prf_lengths(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let master = ready(&context, Version::Tls1, "RC4-MD5")?;
    let prf = context.create_hash(CALG_TLS1PRF, Some(&master))?;
    let value = |hash: &crate::capi::Hash, length| {
        hash.param_into(HP_HASHVAL, Room::Bytes(length), 0).data()
    };
    prf.set_blob(HP_TLS1PRF_LABEL, b"label")?;
    prf.set_blob(HP_TLS1PRF_SEED, b"seed")?;
    let long = value(&prf, 500)?;
    for length in [0, 1, 12, 16, 20, 48, 499] {
        let found = value(&prf, length)?;
        equal(&found[..], &long[..length], "a shorter value")?;
    }
    let asked = prf.param_into(HP_HASHVAL, Room::Ask, 0);
    refused(asked.result, ERROR_INVALID_PARAMETER)?;
    let copy = prf.duplicate(0)?;
    prf.set_blob(HP_TLS1PRF_SEED, b"other")?;
    equal(value(&copy, 500)?, long.clone(), "the copy's value")?;
    ensure!(
        value(&prf, 500)? != long,
        "another seed gives the same value"
    );
    prf.set_blob(HP_TLS1PRF_SEED, b"seed")?;
    prf.set_blob(HP_TLS1PRF_LABEL, b"")?;
    ensure!(
        value(&prf, 500)? != long,
        "another label gives the same value"
    );
    Ok(Outcome::Passed)
}

fn derive_states(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let master = context.gen_key(CALG_TLS1_MASTER, 0)?;
    master.set_blob(KP_CLIENT_RANDOM, &[1; 32])?;
    master.set_blob(KP_SERVER_RANDOM, &[2; 32])?;
    let hash = || context.create_hash(CALG_SCHANNEL_MASTER_HASH, Some(&master));
    let both = [CALG_SCHANNEL_ENC_KEY, CALG_SCHANNEL_MAC_KEY];
    let empty = hash()?;
    for algid in both {
        refused(
            context.derive_key(algid, &empty, CRYPT_SERVER),
            NTE_BAD_FLAGS,
        )?;
        let plain = context.hash(CALG_MD5, b"data")?;
        refused(context.derive_key(algid, &plain, 0), NTE_BAD_HASH)?;
    }
    master.set_schannel_alg(SCHANNEL_ENC_KEY, CALG_DES, 64, 0)?;
    master.set_schannel_alg(SCHANNEL_MAC_KEY, CALG_MD5, 128, 0)?;
    let whole = hash()?;
    for algid in both {
        context.derive_key(algid, &whole, CRYPT_SERVER)?;
        let with_length = context.derive_key(algid, &whole, 64 << 16);
        refused(with_length, NTE_BAD_FLAGS)?;
    }
    let master_key = context.derive_key(CALG_TLS1_MASTER, &whole, 0);
    refused(master_key, NTE_BAD_ALGID)?;
    let key = context.derive_key(CALG_SCHANNEL_ENC_KEY, &whole, 0)?;
    equal(key.param_word(KP_ALGID)?, CALG_DES, "KP_ALGID")?;
    refused(key.export(PLAINTEXTKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;
    if let Some(other) = elsewhere(rig)? {
        let plain = other.hash(CALG_MD5, b"data")?;
        let key = other.derive_key(CALG_SCHANNEL_ENC_KEY, &plain, 0);
        refused(key, NTE_BAD_ALGID)?;
    }
    Ok(Outcome::Passed)
}

fn opaque_moved(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let other = rig.capi().verify_context()?;
    let master = ready(&context, Version::Tls1, "RC4-MD5")?;
    let suite = Suite::named("RC4-MD5").context("no such suite")?;
    let [client, _] = establish(&context, &master, suite, &randoms(5))?;
    let cipher = client.cipher.context("the suite has a cipher")?;
    let encrypt = |key: &Key| {
        key.encrypt_into(b"data", None, false, 0, Room::Bytes(4))
            .data()
    };
    encrypt(&cipher)?;
    for key in [&cipher, &client.mac, &master] {
        let wrong = key.export(OPAQUEKEYBLOB, Some(&cipher), 0);
        refused(wrong, NTE_BAD_KEY)?;
        let misplaced = key.export(PLAINTEXTKEYBLOB, None, CRYPT_DESTROYKEY);
        refused(misplaced, NTE_BAD_FLAGS)?;
    }
    let blob = cipher.export(OPAQUEKEYBLOB, None, 0)?;
    let copy = other.import_key(&blob, None, 0)?;
    equal(encrypt(&copy)?, encrypt(&cipher)?, "the stream goes on")?;
    refused(copy.export(OPAQUEKEYBLOB, None, 0), NTE_BAD_KEY_STATE)?;

    let known = fingerprint(&context, &master)?;
    let asked = master.export_into(OPAQUEKEYBLOB, None, CRYPT_DESTROYKEY, Room::Ask);
    asked.result?;
    let blob = master.export(OPAQUEKEYBLOB, None, CRYPT_DESTROYKEY)?;
    refused(master.destroy(), NTE_BAD_KEY)?;
    let moved = other.import_key(&blob, None, 0)?;
    equal(fingerprint(&other, &moved)?, known, "the master")?;
    for length in [8, 16, 18, blob.len() - 1] {
        refused(other.import_key(&blob[..length], None, 0), NTE_BAD_DATA)?;
    }
    if let Some(other) = elsewhere(rig)? {
        refused(other.import_key(&blob, None, 0), NTE_BAD_TYPE)?;
    }
    Ok(Outcome::Passed)
}

fn client_signs(rig: &Rig) -> anyhow::Result<Outcome> {
    let context = rig.capi().verify_context()?;
    let pair = context.gen_pair(AT_SIGNATURE, 1024)?;
    let public = RsaPublic::from_blob(&pair.export(PUBLICKEYBLOB, None, 0)?)?;
    let mut value = context.hash(CALG_MD5, b"messages")?.value()?;
    value.extend(context.hash(CALG_SHA1, b"messages")?.value()?);
    let both = || -> anyhow::Result<_> {
        let hash = context.create_hash(CALG_SSL3_SHAMD5, None)?;
        hash.set_param(HP_HASHVAL, Some(&value), 0)?;
        Ok(hash)
    };
    let signature = both()?.sign(AT_SIGNATURE, 0)?;
    public.verify_bare(&value, &signature)?;
    both()?.verify(&signature, &pair, 0)?;
    Ok(Outcome::Passed)
}
