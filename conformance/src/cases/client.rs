//! Clients and what belongs to them: NewClient, ExistingClient, CreateClient, and the rule that objects are their
//! client's own.

use anyhow::ensure;
use ncore::types::*;

use super::kit::{aes, aes_args, anything};
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::denied;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "client.new.secret",
        "Every client has an identifier of its own",
        "nCore API: Cmd_NewClient",
        new_secret,
    )
    .needs(&[])
    .covers(&[
        replies(Cmd::NewClient),
        denies(Cmd::NewClient, Status::UnknownFlag),
    ]),
    Case::new(
        "client.existing.shares",
        "A second connection of a client shares its objects",
        "nCore API: Cmd_ExistingClient",
        existing_shares,
    )
    .covers(&[replies(Cmd::ExistingClient), replies(Cmd::GetKeyInfo)]),
    Case::new(
        "client.existing.unknown",
        "An identifier that is nobody's is refused",
        "nCore API: Cmd_ExistingClient",
        existing_unknown,
    )
    .needs(&[])
    .covers(&[denies(Cmd::ExistingClient, Status::ClientUnknown)]),
    Case::new(
        "client.create.process",
        "A client tells its process",
        "nCore API: Cmd_CreateClient",
        create_process,
    )
    .needs(&[])
    .covers(&[
        replies(Cmd::CreateClient),
        denies(Cmd::CreateClient, Status::UnknownFlag),
    ]),
    Case::new(
        "client.objects.apart",
        "A key's identifier means nothing to another client",
        "nCore API: Cmd_NewClient",
        objects_apart,
    )
    .covers(&[
        denies(Cmd::GetKeyInfo, Status::UnknownID),
        denies(Cmd::Destroy, Status::UnknownID),
    ]),
    Case::new(
        "client.objects.end",
        "A client ends with its last connection",
        "nCore API: Cmd_ExistingClient",
        objects_end,
    )
    .covers(&[
        replies(Cmd::ExistingClient),
        denies(Cmd::ExistingClient, Status::ClientUnknown),
    ]),
    Case::new(
        "client.absent.no-objects",
        "Without a client there are no objects, but there is arithmetic",
        "nCore API: Cmd_NewClient",
        absent,
    )
    .covers(&[
        denies(Cmd::GenerateKey, Status::ClientUnknown),
        replies(Cmd::GenerateRandom),
    ]),
];

fn new_secret(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.bare_wire()?;
    let one = wire.send(NewClientArgs::default())?.client;
    let other = rig.bare_wire()?.send(NewClientArgs::default())?.client;
    ensure!(
        one != other && one != [0; 20],
        "identifiers are {one:02x?} and {other:02x?}"
    );
    denied(
        wire.send(NewClientArgs { flags: 0x8000_0000 }),
        Status::UnknownFlag,
    )?;
    Ok(Outcome::Passed)
}

fn existing_shares(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, other) = (rig.bare_wire()?, rig.bare_wire()?);
    let client = one.send(NewClientArgs::default())?.client;
    let key = aes(&one, rig.module()?, anything())?;
    other.send(ExistingClientArgs {
        client,
        ..ExistingClientArgs::default()
    })?;
    let info = other.send(GetKeyInfoArgs { key })?;
    equal(
        info,
        one.send(GetKeyInfoArgs { key })?,
        "what the key tells",
    )?;
    // It outlives the connection that made it.
    drop(one);
    other.send(GetKeyInfoArgs { key })?;
    Ok(Outcome::Passed)
}

fn existing_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.bare_wire()?;
    denied(
        wire.send(ExistingClientArgs {
            client: [7; 20],
            ..ExistingClientArgs::default()
        }),
        Status::ClientUnknown,
    )?;
    Ok(Outcome::Passed)
}

fn create_process(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.bare_wire()?;
    let one = CreateClientOne {
        pid: std::process::id(),
        name: "conformance".to_owned(),
    };
    let args = CreateClientArgs {
        flags: 0,
        version: CreateClientVer::One,
        data: CreateClientVerData::One(CreateClientVerOneData { one }),
    };
    let client = wire.send(args.clone())?.client;
    rig.bare_wire()?.send(ExistingClientArgs {
        client,
        ..ExistingClientArgs::default()
    })?;
    denied(
        wire.send(CreateClientArgs {
            flags: 0x8000_0000,
            ..args
        }),
        Status::UnknownFlag,
    )?;
    Ok(Outcome::Passed)
}

fn objects_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, other) = (rig.wire()?, rig.wire()?);
    let key = aes(&one, rig.module()?, anything())?;
    denied(other.send(GetKeyInfoArgs { key }), Status::UnknownID)?;
    denied(other.send(DestroyArgs { key }), Status::UnknownID)?;
    one.send(GetKeyInfoArgs { key })?;
    Ok(Outcome::Passed)
}

fn objects_end(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.bare_wire()?;
    let client = wire.send(NewClientArgs::default())?.client;
    let join = || {
        rig.bare_wire()?
            .send(ExistingClientArgs {
                client,
                ..ExistingClientArgs::default()
            })
            .map_err(anyhow::Error::from)
    };
    join()?;
    drop(wire);
    // The hardserver learns of the end when it next looks at the connection.
    for _ in 0..500 {
        if join().is_err() {
            let answer = rig.bare_wire()?.send(ExistingClientArgs {
                client,
                ..ExistingClientArgs::default()
            });
            denied(answer, Status::ClientUnknown)?;
            return Ok(Outcome::Passed);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    anyhow::bail!("the client outlives its connections by 5 s")
}

fn absent(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.bare_wire()?;
    denied(
        wire.send(aes_args(rig.module()?, anything())),
        Status::ClientUnknown,
    )?;
    equal(
        wire.send(GenerateRandomArgs { lenbytes: 8 })?.data.len(),
        8,
        "the number of random bytes",
    )?;
    Ok(Outcome::Passed)
}
