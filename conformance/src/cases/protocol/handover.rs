//! Objects that change hands: tickets to other clients, and copies of one key on several modules.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};
use ncore::client::ClientError;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::hashes::Hash;
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};
use crate::wire::denied;

const TICKETS: &str = "PROTOCOL, sections 3 and 6, K6; nCore API: Cmd_GetTicket, Cmd_RedeemTicket";
const MERGED: &str = "PROTOCOL, section 4.9; nCore API: Cmd_MergeKeyIDs, Cmd_UpdateMergedKey";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "handover.ticket.destinations",
        "A ticket goes to any client or to the one that is named, and to nothing inside a module",
        TICKETS,
        destinations,
    )
    .covers(&[
        replies(Cmd::GetTicket),
        replies(Cmd::RedeemTicket),
        denies(Cmd::RedeemTicket, Status::AccessDenied),
        denies(Cmd::GetTicket, Status::NotAvailable),
        denies(Cmd::GetTicket, Status::UnknownParameter),
    ]),
    Case::new(
        "handover.ticket.same-object",
        "What is redeemed is the same object under another identifier, whatever its kind",
        TICKETS,
        same_object,
    )
    .covers(&[replies(Cmd::RedeemTicket), replies(Cmd::SetACL)]),
    Case::new(
        "handover.ticket.dies",
        "A ticket serves once, and dies with its issuer",
        TICKETS,
        dies,
    )
    .covers(&[denies(Cmd::RedeemTicket, Status::UnknownID)]),
    Case::new(
        "handover.ticket.outlives-handle",
        "What was redeemed outlives the handle and the client it came from",
        TICKETS,
        outlives,
    )
    .covers(&[
        replies(Cmd::RedeemTicket),
        replies(Cmd::Destroy),
        replies(Cmd::Sign),
    ]),
    Case::new(
        "handover.ticket.forged",
        "Bytes that are no ticket are refused, and a changed one is unknown",
        TICKETS,
        forged,
    )
    .covers(&[
        denies(Cmd::RedeemTicket, Status::InvalidParameter),
        denies(Cmd::RedeemTicket, Status::UnknownID),
    ]),
    Case::new(
        "handover.merged.members",
        "Only copies of one key are merged, and each operation goes to one of them",
        MERGED,
        members,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::MergeKeyIDs),
        replies(Cmd::GetWhichModule),
        denies(Cmd::MergeKeyIDs, Status::InvalidParameter),
        denies(Cmd::MergeKeyIDs, Status::InvalidMergedKey),
        denies(Cmd::MergeKeyIDs, Status::TypeMismatch),
        denies(Cmd::MergeKeyIDs, Status::UnknownID),
    ]),
    Case::new(
        "handover.merged.updated",
        "Members are added and removed, and what is no member cannot be",
        MERGED,
        updated,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::UpdateMergedKey),
        denies(Cmd::UpdateMergedKey, Status::UnknownID),
        denies(Cmd::UpdateMergedKey, Status::InvalidMergedKey),
    ]),
    Case::new(
        "handover.merged.spread",
        "The module goes on with the copies that are left when one module fails or is reset",
        MERGED,
        spread,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::Sign),
        denies(Cmd::Sign, Status::HardwareFailed),
        denies(Cmd::Sign, Status::UnknownID),
    ]),
    Case::new(
        "handover.merged.destroyed",
        "Destroying a merged key leaves its members, and destroying a member leaves the key",
        MERGED,
        destroyed,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::Destroy),
        denies(Cmd::Sign, Status::UnknownID),
        denies(Cmd::GetWhichModule, Status::UnknownID),
    ]),
    Case::new(
        "handover.modules.crossed",
        "A command about things on two modules is refused with the reasons",
        "PROTOCOL, section 4.9, CrossModule",
        crossed,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::MakeBlob, Status::CrossModule),
        denies(Cmd::SetKM, Status::CrossModule),
    ]),
    Case::new(
        "handover.modules.any",
        "Module 0 is any module, and only where that makes sense",
        "PROTOCOL, section 4.9",
        any_module,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::GenerateKey),
        replies(Cmd::GetWhichModule),
        denies(Cmd::GetKMList, Status::InvalidModule),
        denies(Cmd::GetSlotList, Status::InvalidModule),
    ]),
];

fn ticket(
    bench: &Bench,
    obj: u32,
    dest: TicketDestination,
    destspec: TicketDestinationDetails,
) -> Sent<GetTicketReply> {
    bench.send(GetTicketArgs {
        flags: 0,
        obj,
        dest,
        destspec,
    })
}

fn any_ticket(bench: &Bench, obj: u32) -> anyhow::Result<Vec<u8>> {
    Ok(ticket(
        bench,
        obj,
        TicketDestination::Any,
        TicketDestinationDetails::Empty,
    )?
    .ticket)
}

fn redeem(bench: &Bench, ticket: &[u8]) -> Sent<RedeemTicketReply> {
    bench.send(RedeemTicketArgs {
        flags: 0,
        module: bench.module,
        ticket: ticket.to_vec(),
    })
}

/// A client whose identifier's hash is known.
fn named_client(rig: &Rig) -> anyhow::Result<(Bench, [u8; 20])> {
    let wire = rig.bare_wire()?;
    let id = wire.send(NewClientArgs::default())?.client;
    let hash = Hash::Sha1.digest(&id);
    Ok((Bench::at(wire, rig.module()?), hash[..].try_into()?))
}

fn destinations(rig: &Rig) -> anyhow::Result<Outcome> {
    let issuer = Bench::open(rig)?;
    let (named, hclientid) = named_client(rig)?;
    let other = Bench::open(rig)?;
    let key = issuer.aes(may(Op::SIGN))?;
    for dest in [TicketDestination::Any, TicketDestination::AnyClient] {
        let bytes = ticket(&issuer, key, dest, TicketDestinationDetails::Empty)?.ticket;
        let obj = redeem(&other, &bytes)?.obj;
        other.send(sign_something(obj))?;
    }
    let details =
        TicketDestinationDetails::NamedClient(TicketDestinationNamedClientDetails { hclientid });
    let bytes = ticket(
        &issuer,
        key,
        TicketDestination::NamedClient,
        details.clone(),
    )?
    .ticket;
    denied(redeem(&other, &bytes), Status::AccessDenied)?;
    denied(redeem(&issuer, &bytes), Status::AccessDenied)?;
    // Whoever may not redeem it does not use it up.
    let obj = redeem(&named, &bytes)?.obj;
    named.send(sign_something(obj))?;
    denied(redeem(&named, &bytes), Status::UnknownID)?;
    let world = TicketDestinationDetails::NamedSEEWorld(Default::default());
    for (dest, details, expected) in [
        (
            TicketDestination::AnySEEWorld,
            TicketDestinationDetails::Empty,
            Status::NotAvailable,
        ),
        (
            TicketDestination::NamedSEEWorld,
            world,
            Status::NotAvailable,
        ),
        (
            TicketDestination::AnyKernelClient,
            TicketDestinationDetails::Empty,
            Status::NotAvailable,
        ),
        (
            TicketDestination(77),
            TicketDestinationDetails::Empty,
            Status::UnknownParameter,
        ),
    ] {
        is(
            status(ticket(&issuer, key, dest, details)),
            expected,
            &format!("{dest}"),
        )?;
    }
    Ok(Outcome::Passed)
}

fn same_object(rig: &Rig) -> anyhow::Result<Outcome> {
    let (one, two) = (Bench::open(rig)?, Bench::open(rig)?);
    let key = one.aes(may(Op::SIGN | Op::EXPAND_ACL | Op::GET_ACL))?;
    let obj = redeem(&two, &any_ticket(&one, key)?)?.obj;
    is(two.hash_of(obj)?, one.hash_of(key)?, "the hash")?;
    // Taking a permission away here takes it away there: a ticket makes no copy.
    two.send(SetACLArgs {
        flags: 0,
        key: obj,
        newacl: may(Op::GET_ACL),
    })?;
    denied(one.send(sign_something(key)), Status::AccessDenied)?;

    let hash = ChannelOpenArgs {
        module: one.module,
        mode: ChannelMode::Sign,
        mech: Mech::SHA256Hash,
        ..ChannelOpenArgs::default()
    };
    let idch = one.send(hash)?.idch;
    one.send(ChannelUpdateArgs {
        flags: 0,
        idch,
        input: b"one and ".to_vec(),
    })?;
    let theirs = redeem(&two, &any_ticket(&one, idch)?)?.obj;
    let last = ChannelUpdateArgs {
        flags: 1,
        idch: theirs,
        input: b"two".to_vec(),
    };
    is(
        two.send(last)?.output,
        Hash::Sha256.digest(b"one and two"),
        "the hash of both clients' data",
    )?;

    let params = TokenParams {
        flags: 0,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    let made = GenerateLogicalTokenArgs {
        module: one.module,
        hkm: NULL_AES,
        params,
    };
    let made = one.send(made)?;
    let theirs = redeem(&two, &any_ticket(&one, made.idkt)?)?.obj;
    is(
        two.send(GetLogicalTokenInfoArgs { idkt: theirs })?.hkt,
        made.hkt,
        "the token",
    )?;
    Ok(Outcome::Passed)
}

fn dies(rig: &Rig) -> anyhow::Result<Outcome> {
    let (issuer, other) = (Bench::open(rig)?, Bench::open(rig)?);
    let key = issuer.aes(may(Op::SIGN))?;
    let (used, unused) = (any_ticket(&issuer, key)?, any_ticket(&issuer, key)?);
    ensure!(used != unused, "two tickets are alike");
    redeem(&other, &used)?;
    denied(redeem(&other, &used), Status::UnknownID)?;
    drop(issuer);
    // The connection ends when the hardserver sees it.
    let gone = (0..400).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        // Redeeming would use it up, so the wait is for the issuer's end as the statistics tell it.
        clients(&other).is_ok_and(|count| count <= 1)
    });
    if !gone {
        // Others are connected to this target; their number says nothing, and half a second is enough.
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    denied(redeem(&other, &unused), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

/// How many connections there are.
fn clients(bench: &Bench) -> anyhow::Result<u32> {
    let args = StatGetValuesArgs {
        flags: 0,
        path_tags: vec![StatNodeTag::ServerGlobals.0],
    };
    let reply = bench.send(args)?;
    let place = reply
        .statinfos
        .iter()
        .position(|info| info.id == StatID::ClientCount);
    match place.and_then(|place| reply.values.get(place)) {
        Some(count) => Ok(*count),
        None => bail!("no count of clients"),
    }
}

fn outlives(rig: &Rig) -> anyhow::Result<Outcome> {
    let (issuer, other) = (Bench::open(rig)?, Bench::open(rig)?);
    let key = issuer.aes(may(Op::SIGN))?;
    let obj = redeem(&other, &any_ticket(&issuer, key)?)?.obj;
    issuer.send(DestroyArgs { key })?;
    denied(issuer.send(sign_something(key)), Status::UnknownID)?;
    other.send(sign_something(obj))?;
    drop(issuer);
    std::thread::sleep(std::time::Duration::from_millis(50));
    other.send(sign_something(obj))?;
    other.send(DestroyArgs { key: obj })?;
    denied(other.send(sign_something(obj)), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn forged(rig: &Rig) -> anyhow::Result<Outcome> {
    let (issuer, other) = (Bench::open(rig)?, Bench::open(rig)?);
    let key = issuer.aes(may(Op::SIGN))?;
    let good = any_ticket(&issuer, key)?;
    for bytes in [
        &b""[..],
        b"x",
        &good[..good.len() - 1],
        &[&good[..], &[0]].concat(),
    ] {
        denied(redeem(&other, bytes), Status::InvalidParameter)?;
        denied(
            other.send(RedeemTicketArgs {
                flags: 0,
                module: 0,
                ticket: bytes.to_vec(),
            }),
            Status::InvalidParameter,
        )?;
    }
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x80;
        let found = status(redeem(&other, &changed));
        is(found, Status::UnknownID, &format!("byte {at}"))?;
    }
    denied(
        ticket(
            &other,
            key,
            TicketDestination::Any,
            TicketDestinationDetails::Empty,
        ),
        Status::UnknownID,
    )?;
    // Module 0 stands for the one that made it.
    other.send(RedeemTicketArgs {
        flags: 0,
        module: 0,
        ticket: good,
    })?;
    Ok(Outcome::Passed)
}

/// Two modules in operation.
fn two_modules(rig: &Rig) -> anyhow::Result<(Spare, Bench, Bench)> {
    let spare = rig.spare_with(|options| options.modules = 2)?;
    for module in [1, 2] {
        spare.initialise(module)?;
        spare.operate(module, [0x0f; 20], EVERYTHING)?;
    }
    // One client, whose keys are on both.
    let first = crate::wire::Wire::connect_bare(&spare.ordinary(), rig.recorder())?;
    let client = first.send(NewClientArgs::default())?.client;
    let second = crate::wire::Wire::connect_bare(&spare.ordinary(), rig.recorder())?;
    second.send(ExistingClientArgs { flags: 0, client })?;
    Ok((spare, Bench::at(first, 1), Bench::at(second, 2)))
}

/// The same key on both modules.
fn copies(one: &Bench, two: &Bench, secret: u8) -> anyhow::Result<[u32; 2]> {
    let data = raw_key(KeyType::Rijndael, &[secret; 32])?;
    Ok([
        one.import(data.clone(), anything())?,
        two.import(data, anything())?,
    ])
}

fn which(bench: &Bench, key: u32) -> anyhow::Result<Vec<u32>> {
    Ok(bench.send(GetWhichModuleArgs { key })?.module)
}

fn members(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, one, two) = two_modules(rig)?;
    let keys = copies(&one, &two, 1)?;
    let others = copies(&one, &two, 2)?;
    let merge = |keys: &[u32]| {
        one.send(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })
    };
    let merged = merge(&keys)?.newkey;
    ensure!(
        !keys.contains(&merged),
        "the merged key has a member's identifier"
    );
    is(which(&one, merged)?, vec![1, 2], "where the merged key is")?;
    is(
        (which(&one, keys[0])?, which(&one, keys[1])?),
        (vec![1], vec![2]),
        "where the members are",
    )?;
    is(one.hash_of(merged)?, one.hash_of(keys[0])?, "the hash")?;
    let cipher = one
        .send(encrypt_args(merged, Mech::Any, bytes(b"secret")))?
        .cipher;
    for key in keys {
        let plain = one.send(decrypt_args(key, cipher.clone()))?.plain;
        is(plain_bytes(&plain)?, b"secret", "decrypted by a member")?;
    }
    let pair = one.rsa(512, anything(), anything())?;
    let channel = ChannelOpenArgs {
        module: 1,
        mode: ChannelMode::Sign,
        mech: Mech::SHA1Hash,
        ..ChannelOpenArgs::default()
    };
    let channel = one.send(channel)?.idch;
    for (list, expected, what) in [
        (vec![], Status::InvalidParameter, "nothing"),
        (
            vec![keys[0], others[1]],
            Status::InvalidMergedKey,
            "another key",
        ),
        (
            vec![pair.private, pair.public],
            Status::InvalidMergedKey,
            "two halves",
        ),
        (
            vec![keys[0], merged],
            Status::InvalidMergedKey,
            "a merged key",
        ),
        (vec![keys[0], channel], Status::TypeMismatch, "a channel"),
        (
            vec![keys[0], 0x0bad_0bad],
            Status::UnknownID,
            "nothing known",
        ),
    ] {
        is(status(merge(&list)), expected, what)?;
    }
    // One is a merged key of one.
    let lonely = merge(&keys[..1])?.newkey;
    is(
        which(&one, lonely)?,
        vec![1],
        "where a merged key of one is",
    )?;
    Ok(Outcome::Passed)
}

fn updated(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, one, two) = two_modules(rig)?;
    let keys = copies(&one, &two, 3)?;
    let others = copies(&one, &two, 4)?;
    let mkey = one
        .send(MergeKeyIDsArgs {
            keys: vec![keys[0]],
        })?
        .newkey;
    let update = |addkeys: &[u32], delkeys: &[u32]| {
        let args = UpdateMergedKeyArgs {
            flags: 0,
            mkey,
            addkeys: addkeys.to_vec(),
            delkeys: delkeys.to_vec(),
        };
        one.send(args).map(|reply| BTreeSet::from_iter(reply.keys))
    };
    is(update(&[], &[])?, BTreeSet::from([keys[0]]), "the members")?;
    is(
        update(&[keys[1]], &[])?,
        BTreeSet::from(keys),
        "with the other one",
    )?;
    is(
        update(&[keys[1]], &[])?,
        BTreeSet::from(keys),
        "with the other one twice",
    )?;
    is(which(&one, mkey)?, vec![1, 2], "where it is")?;
    denied(update(&[others[0]], &[]), Status::InvalidMergedKey)?;
    denied(update(&[], &[others[0]]), Status::UnknownID)?;
    denied(update(&[0x0bad_0bad], &[]), Status::UnknownID)?;
    is(
        update(&[], &[keys[0]])?,
        BTreeSet::from([keys[1]]),
        "without the first",
    )?;
    is(which(&one, mkey)?, vec![2], "where it is")?;
    one.send(sign_something(mkey))?;
    // In one step from one key to another.
    is(
        update(&others, &[keys[1]])?,
        BTreeSet::from(others),
        "with others in their place",
    )?;
    is(one.hash_of(mkey)?, one.hash_of(others[0])?, "the hash")?;
    let plain = UpdateMergedKeyArgs {
        mkey: keys[0],
        ..UpdateMergedKeyArgs::default()
    };
    denied(one.send(plain), Status::InvalidMergedKey)?;
    let unknown = UpdateMergedKeyArgs {
        mkey: 0x0bad_0bad,
        ..UpdateMergedKeyArgs::default()
    };
    denied(one.send(unknown), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn spread(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, one, two) = two_modules(rig)?;
    let keys = copies(&one, &two, 5)?;
    let merged = one
        .send(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })?
        .newkey;
    let jobs = |module: u32| -> anyhow::Result<u32> {
        let path = vec![
            StatNodeTag::PerModule.0,
            module,
            StatNodeTag::ModuleJobStats.0,
        ];
        let reply = one.send(StatGetValuesArgs {
            flags: 0,
            path_tags: path,
        })?;
        let place = reply
            .statinfos
            .iter()
            .position(|info| info.id == StatID::CmdCount);
        place
            .and_then(|place| reply.values.get(place).copied())
            .ok_or_else(|| anyhow::anyhow!("no count"))
    };
    let before = (jobs(1)?, jobs(2)?);
    for _ in 0..40 {
        one.send(sign_something(merged))?;
    }
    let done = (jobs(1)? - before.0, jobs(2)? - before.1);
    ensure!(
        done.0 >= 10 && done.1 >= 10,
        "40 signatures went {done:?} to the two modules"
    );
    let privileged = spare.privileged()?;
    privileged.send(FailArgs { module: 1 })?;
    for _ in 0..10 {
        one.send(sign_something(merged))?;
    }
    is(which(&one, merged)?, vec![2], "where it is")?;
    denied(one.send(sign_something(keys[0])), Status::HardwareFailed)?;
    privileged.send(FailArgs { module: 2 })?;
    denied(one.send(sign_something(merged)), Status::HardwareFailed)?;
    for module in [1, 2] {
        privileged.send(RetryFailedModuleArgs { module })?;
    }
    denied(one.send(sign_something(keys[0])), Status::UnknownID)?;
    // The copies went with the failure; new ones serve under the old identifier.
    let again = copies(&one, &two, 5)?;
    let update = UpdateMergedKeyArgs {
        mkey: merged,
        addkeys: again.to_vec(),
        ..UpdateMergedKeyArgs::default()
    };
    one.send(update)?;
    one.send(sign_something(merged))?;
    privileged.send(ClearUnitArgs { module: 2 })?;
    for _ in 0..10 {
        one.send(sign_something(merged))?;
    }
    is(which(&one, merged)?, vec![1], "where it is")?;
    Ok(Outcome::Passed)
}

fn destroyed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, one, two) = two_modules(rig)?;
    let keys = copies(&one, &two, 6)?;
    let merge = || {
        one.send(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })
    };
    let merged = merge()?.newkey;
    one.send(DestroyArgs { key: merged })?;
    denied(one.send(sign_something(merged)), Status::UnknownID)?;
    denied(
        one.send(GetWhichModuleArgs { key: merged }),
        Status::UnknownID,
    )?;
    denied(one.send(DestroyArgs { key: merged }), Status::UnknownID)?;
    one.send(sign_something(keys[0]))?;
    one.send(sign_something(keys[1]))?;
    let merged = merge()?.newkey;
    one.send(DestroyArgs { key: keys[0] })?;
    for _ in 0..6 {
        one.send(sign_something(merged))?;
    }
    is(which(&one, merged)?, vec![2], "where it is")?;
    one.send(DestroyArgs { key: keys[1] })?;
    denied(one.send(sign_something(merged)), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn crossed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, one, two) = two_modules(rig)?;
    let key = one.aes(acl(vec![archive(None, Mech::Any)]))?;
    let recovery = two.rsa(512, anything(), may(Op::USE_AS_BLOB_KEY))?;
    let blob = MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka: key,
        blobkey: BlobFormatMkBlobParams::Indirect(BlobFormatIndirectMkBlobParams {
            idkr: recovery.public,
            mech: Mech::Any,
        }),
        ..MakeBlobArgs::default()
    };
    let reasons = |error: ClientError| match error {
        ClientError::Status {
            status: Status::CrossModule,
            info,
            ..
        } => match *info {
            StatusInfo::CrossModule(info) => Ok(info.reasons),
            other => bail!("no reasons but {other:?}"),
        },
        other => bail!("CrossModule was expected, not {other}"),
    };
    let of_key = |key| CrossModuleReason {
        type_: CrossModReason::Key,
        info: CrossModReasonInfo::Key(CrossModReasonKeyInfo { key }),
    };
    let request = CrossModuleReason {
        type_: CrossModReason::ExplicitRequest,
        info: CrossModReasonInfo::Empty,
    };
    let Err(error) = one.send(blob) else {
        bail!("a blob across modules was made")
    };
    is(
        reasons(error)?,
        vec![of_key(key), of_key(recovery.public)],
        "the reasons",
    )?;
    let km = one.aes(may(Op::USE_AS_KM))?;
    let Err(error) = one.send(SetKMArgs {
        module: 2,
        flags: 0,
        idka: km,
    }) else {
        bail!("a key of module 1 became one of module 2")
    };
    is(reasons(error)?, vec![request, of_key(km)], "the reasons")?;
    // A certificate counts among the keys.
    let signer = two.rsa(512, may(Op::USE_AS_CERTIFICATE), may(Op::VERIFY))?;
    let cert = signing_key(signer.private, two.hash_of(signer.private)?);
    let plain = one.aes(may(Op::SIGN))?;
    let Err(error) = one.send_with(sign_something(plain), certificates(vec![cert])) else {
        bail!("a key of module 2 certified for module 1")
    };
    is(
        reasons(error)?,
        vec![of_key(plain), of_key(signer.private)],
        "the reasons",
    )?;
    Ok(Outcome::Passed)
}

fn any_module(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, one, _two) = two_modules(rig)?;
    let any = |acl| GenerateKeyArgs {
        module: 0,
        ..one.aes_args(acl)
    };
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let key = one.send(any(may(Op::SIGN)))?.key;
        seen.extend(which(&one, key)?);
    }
    is(seen, BTreeSet::from([1, 2]), "modules that were chosen")?;
    // A module that cannot is not chosen.
    spare.privileged()?.send(FailArgs { module: 1 })?;
    for _ in 0..10 {
        let key = one.send(any(may(Op::SIGN)))?.key;
        is(which(&one, key)?, vec![2], "where the key is")?;
        one.send(GenerateRandomArgs { lenbytes: 8 })?;
    }
    denied(
        one.send(GetKMListArgs {
            module: 0,
            flags: 0,
        }),
        Status::InvalidModule,
    )?;
    denied(
        one.send(GetSlotListArgs { module: 0 }),
        Status::InvalidModule,
    )?;
    denied(one.send(GetKMLArgs { module: 0 }), Status::InvalidModule)?;
    // The server itself is there.
    one.send(NoOpArgs { module: 0 })?;
    Ok(Outcome::Passed)
}
