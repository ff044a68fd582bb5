//! Masters of agreements with a stored Diffie-Hellman pair, which a certificate would have made public (fixed Diffie-Hellman).

use anyhow::Context as _;

use crate::capi::Function;
use crate::capi::numbers::*;
use crate::case::{Case, Outcome};
use crate::coverage::{Cover, works};
use crate::handshake::keys::{Randoms, establish};
use crate::handshake::suite::{Suite, Version};
use crate::oracle::digest;
use crate::rig::{Rig, equal};
use crate::vectors::{self, Vector};

use super::agreement::group;
use super::family::{blob, little};

pub(super) const CASES: &[Case] = &[
    fixed(
        "schannel.agreed.ssl3",
        "An SSL 3.0 master comes of a stored Diffie-Hellman pair and a peer's value",
        "RFC 6101, section 6.1",
        |rig| each(rig, Version::Ssl3),
    ),
    fixed(
        "schannel.agreed.tls1",
        "A TLS 1.0 master comes of a stored Diffie-Hellman pair and a peer's value",
        "RFC 2246, section 8.1.2",
        |rig| each(rig, Version::Tls1),
    ),
];

const fn fixed(
    id: &'static str,
    title: &'static str,
    source: &'static str,
    run: fn(&Rig) -> anyhow::Result<Outcome>,
) -> Case {
    Case::new(id, title, source, run)
        .on(&[PROV_DH_SCHANNEL])
        .covers(COVERS)
}

const COVERS: &[Cover] = &[
    works(Function::GetUserKey),
    works(Function::ImportKey),
    works(Function::SetKeyParam),
    works(Function::DeriveKey),
];

fn each(rig: &Rig, version: Version) -> anyhow::Result<Outcome> {
    let kind = match version {
        Version::Ssl3 => "ssl3 ",
        Version::Tls1 => "tls1 ",
    };
    let all = vectors::parse(include_str!("../../../vectors/schannel-dh.txt"))?;
    let ours = all.iter().filter(|it| it.text("id").starts_with(kind));
    let mut count = 0;
    for vector in ours {
        agreed(rig, version, vector).context(vector.text("id"))?;
        count += 1;
    }
    // One whose secret is as long as the prime, and one whose secret begins with a zero.
    equal(count, 2, "vectors")?;
    Ok(Outcome::Passed)
}

fn agreed(rig: &Rig, version: Version, vector: &Vector) -> anyhow::Result<()> {
    let group = group()?;
    let length = group.bytes("p").len();
    let number = |bytes: Vec<u8>| little(&bytes, length);
    let (context, name) = rig.container()?;
    let private = blob(
        PRIVATEKEYBLOB,
        CALG_DH_SF,
        b"\0DH2",
        length * 8,
        &[
            &number(group.bytes("p")),
            &number(group.bytes("g")),
            &number(vector.bytes("x")),
        ],
    );
    context.import_key(&private, None, 0)?;
    context.release(0)?;

    let context = rig.capi().acquire(Some(&name), 0)?;
    let own = context.user_key(AT_KEYEXCHANGE)?;
    let peer = blob(
        PUBLICKEYBLOB,
        CALG_DH_SF,
        b"\0DH1",
        length * 8,
        &[&number(vector.bytes("y"))],
    );
    let master = context.import_key(&peer, Some(&own), 0)?;
    master.set_word(KP_ALGID, version.master())?;
    let suite = Suite::named("AES128-SHA").context("no such suite")?;
    let randoms = Randoms {
        client: vector.bytes("client_random"),
        server: vector.bytes("server_random"),
    };
    let [client, server] = establish(&context, &master, suite, &randoms)?;
    let hash = context.create_hash(CALG_SHA1, None)?;
    hash.session_key(&master, CRYPT_LITTLE_ENDIAN)?;
    let expected = digest(CALG_SHA1, &vector.bytes("master"))?;
    equal(hash.value()?, expected, "hash of the master")?;
    let parts = client.bytes()?.into_iter().zip(server.bytes()?);
    let block: Vec<u8> = parts
        .flat_map(|(client, server)| [client, server].concat())
        .collect();
    equal(block, vector.bytes("key_block"), "key block")
}
