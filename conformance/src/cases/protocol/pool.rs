//! HSM Pool mode: two modules used as one, on hardservers of the cases' own.

use anyhow::ensure;
use ncore::message::{Command, command_flags};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};
use crate::wire::Wire;

const POOL: &str = "CAPI guide, section 5; PROTOCOL, section 4.9";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "pool.members.change",
        "A pool is made by whoever is privileged, and its members come and go",
        POOL,
        members_change,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::ConfigurePoolModule),
        denies(Cmd::ConfigurePoolModule, Status::PrivilegedCommand),
        denies(Cmd::ConfigurePoolModule, Status::InvalidModule),
        denies(Cmd::ConfigurePoolModule, Status::UnknownFlag),
        replies(Cmd::GetPoolInfo),
        denies(Cmd::GetPoolInfo, Status::NotPoolModule),
        denies(Cmd::GetPoolInfo, Status::NotYetImplemented),
    ]),
    Case::new(
        "pool.key.follows",
        "A key loaded through the pool is used on every member, through failures and returns",
        POOL,
        key_follows,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::LoadBlob),
        replies(Cmd::Encrypt),
        denies(Cmd::Encrypt, Status::HardwareFailed),
    ]),
    Case::new(
        "pool.channel.bound",
        "A channel of the pool is on one member and lost with it; its key is not",
        POOL,
        channel_bound,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::ChannelOpen),
        replies(Cmd::ChannelUpdate),
        denies(Cmd::ChannelUpdate, Status::UnknownID),
    ]),
    Case::new(
        "pool.flag.unnumbered",
        "The flag PoolModule sends commands that leave the choice of a module to the pool, and no others",
        POOL,
        flag_unnumbered,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::Hash),
        denies(Cmd::Hash, Status::NotPoolModule),
        denies(Cmd::NoOp, Status::NotPoolModule),
        denies(Cmd::Hash, Status::HardwareFailed),
    ]),
    Case::new(
        "pool.keys.unlimited",
        "Keys whose uses or time are limited are not for a pool, whose members would each count by itself",
        POOL,
        keys_unlimited,
    )
    .needs(&[Need::Control])
    .covers(&[denies(Cmd::GenerateKey, Status::UseLimitsUnavailable)]),
    Case::new(
        "pool.refuses.the-rest",
        "A pool has no slots, no tokens, no areas, and says so",
        POOL,
        refuses,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::GetSlotList, Status::CrossModule),
        denies(Cmd::NVMemList, Status::CrossModule),
        denies(Cmd::GenerateLogicalToken, Status::CrossModule),
    ]),
];

/// The number of a pool beside two modules.
const NUMBER: u32 = 3;

/// Two modules that are in operation in one world, with one world key.
fn two(rig: &Rig) -> anyhow::Result<(Spare, Bench, KeyHash)> {
    let spare = rig.spare_with(|options| options.modules = 2)?;
    let data = raw_key(KeyType::Rijndael, &[0x4b; 32])?;
    let mut hkm = KeyHash::default();
    for module in [1, 2] {
        spare.initialise(module)?;
        let bench = Bench::at(spare.wire()?, module);
        let idka = bench.import(data.clone(), may(Op::USE_AS_KM))?;
        hkm = bench.hash_of(idka)?;
        bench.send(SetKMArgs {
            module,
            flags: 0,
            idka,
        })?;
        spare.operate(module, [7; 20], EVERYTHING)?;
    }
    let bench = Bench::at(spare.wire()?, NUMBER);
    Ok((spare, bench, hkm))
}

fn pool_of(spare: &Spare, modules: &[u32]) -> anyhow::Result<()> {
    spare.privileged()?.send(ConfigurePoolModuleArgs {
        flags: 0,
        addmodules: modules.to_vec(),
    })?;
    Ok(())
}

fn info(type_: PoolInfo, req: PoolInfoReqData) -> GetPoolInfoArgs {
    GetPoolInfoArgs {
        flags: 0,
        type_,
        req,
    }
}

fn members(wire: &Wire) -> anyhow::Result<String> {
    let reply = wire.send(info(PoolInfo::StoreInfo, PoolInfoReqData::Empty))?;
    Ok(String::from_utf8(reply.info)?)
}

fn members_change(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, _) = two(rig)?;
    let asked = bench.send(info(PoolInfo::StoreInfo, PoolInfoReqData::Empty));
    is(status(asked), Status::NotPoolModule, "before there is one")?;
    let make = |flags, module| ConfigurePoolModuleArgs {
        flags,
        addmodules: vec![module],
    };
    let privileged = spare.privileged()?;
    is(
        status(bench.send(make(0, 1))),
        Status::PrivilegedCommand,
        "on the ordinary endpoint",
    )?;
    is(
        status(privileged.send(make(0, 9))),
        Status::InvalidModule,
        "a module that there is not",
    )?;
    is(
        status(privileged.send(make(1, 1))),
        Status::UnknownFlag,
        "a flag",
    )?;
    pool_of(&spare, &[1])?;
    is(members(&bench)?, "1".to_owned(), "one member")?;
    let of = |module| PoolInfoReqData::ModuleInfo(PoolInfoModuleInfoReqData { module });
    let outside = bench.send(info(PoolInfo::ModuleInfo, of(2)));
    is(status(outside), Status::NotPoolModule, "another module")?;
    pool_of(&spare, &[])?;
    is(members(&bench)?, "1 2".to_owned(), "all modules")?;
    privileged.send(FailArgs { module: 1 })?;
    is(members(&bench)?, "2".to_owned(), "one has failed")?;
    let absent = bench.send(info(PoolInfo::ModuleInfo, of(1)))?.info;
    is(absent, b"absent".to_vec(), "the failed one")?;
    privileged.send(RetryFailedModuleArgs { module: 1 })?;
    is(members(&bench)?, "1 2".to_owned(), "it is back")?;
    let key = PoolInfoReqData::KeyInfo(PoolInfoKeyInfoReqData::default());
    is(
        status(bench.send(info(PoolInfo::KeyInfo, key))),
        Status::NotYetImplemented,
        "about a key",
    )?;
    Ok(Outcome::Passed)
}

fn key_follows(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, hkm) = two(rig)?;
    let one = Bench::at(spare.wire()?, 1);
    let kept = ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NON_KM0;
    let key = one.aes(list(vec![
        group(vec![operations(Op::ENCRYPT)]),
        group(vec![blob_flags(kept)]),
    ]))?;
    let blob = one
        .send(MakeBlobArgs {
            format: BlobFormat::Module,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
            ..MakeBlobArgs::default()
        })?
        .blob;
    let text = || encrypt_args(key, Mech::RijndaelmECBpPKCS5, bytes(b"pool"));
    let expected = one.send(text())?.cipher;
    pool_of(&spare, &[])?;
    let key = bench
        .send(LoadBlobArgs {
            module: NUMBER,
            blob,
            ..LoadBlobArgs::default()
        })?
        .idka;
    let text = || encrypt_args(key, Mech::RijndaelmECBpPKCS5, bytes(b"pool"));
    let privileged = spare.privileged()?;
    for module in [1, 2] {
        privileged.send(FailArgs { module })?;
        is(
            bench.send(text())?.cipher,
            expected.clone(),
            "on the other member",
        )?;
        privileged.send(RetryFailedModuleArgs { module })?;
    }
    for module in [1, 2] {
        privileged.send(FailArgs { module })?;
    }
    is(
        status(bench.send(text())),
        Status::HardwareFailed,
        "with no member left",
    )?;
    privileged.send(RetryFailedModuleArgs { module: 2 })?;
    is(bench.send(text())?.cipher, expected, "after a return")?;
    let reply = bench.send(GetWhichModuleArgs { key })?;
    ensure!(reply.module == [NUMBER], "the key is on {:?}", reply.module);
    Ok(Outcome::Passed)
}

fn channel_bound(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, _) = two(rig)?;
    pool_of(&spare, &[])?;
    let privileged = spare.privileged()?;
    privileged.send(FailArgs { module: 2 })?;
    let key = bench.aes(may(Op::ENCRYPT))?;
    let open = || {
        bench.send(ChannelOpenArgs {
            module: NUMBER,
            type_: ChannelType::Simple,
            mode: ChannelMode::Encrypt,
            mech: Mech::RijndaelmECBpNONE,
            key: Some(key),
            ..ChannelOpenArgs::default()
        })
    };
    let update = |idch| {
        bench.send(ChannelUpdateArgs {
            idch,
            input: vec![7; 32],
            ..ChannelUpdateArgs::default()
        })
    };
    let channel = open()?.idch;
    let expected = update(channel)?.output;
    privileged.send(RetryFailedModuleArgs { module: 2 })?;
    is(update(channel)?.output, expected.clone(), "it stays")?;
    privileged.send(FailArgs { module: 1 })?;
    is(
        status(update(channel)),
        Status::UnknownID,
        "its member failed",
    )?;
    is(update(open()?.idch)?.output, expected, "a new one")?;
    privileged.send(RetryFailedModuleArgs { module: 1 })?;
    is(status(update(channel)), Status::UnknownID, "after a return")?;
    Ok(Outcome::Passed)
}

fn flag_unnumbered(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, _) = two(rig)?;
    let flagged = |args: Args| {
        let flags = command_flags::POOL_MODULE;
        let reply = bench.send_command(Command {
            flags,
            ..Command::new(0, args)
        });
        reply.map(|reply| reply.status)
    };
    let hash = || {
        Args::Hash(HashArgs {
            mech: Mech::SHA256Hash,
            plain: bytes(b"pool"),
            ..HashArgs::default()
        })
    };
    is(flagged(hash())?, Status::NotPoolModule, "without a pool")?;
    pool_of(&spare, &[2])?;
    is(flagged(hash())?, Status::OK, "with one")?;
    let no_op = |module| Args::NoOp(NoOpArgs { module });
    is(flagged(no_op(1))?, Status::NotPoolModule, "to a module")?;
    is(flagged(no_op(NUMBER))?, Status::OK, "to the pool's number")?;
    spare.privileged()?.send(FailArgs { module: 2 })?;
    is(
        flagged(hash())?,
        Status::HardwareFailed,
        "with no member left",
    )?;
    let elsewhere = bench.send(HashArgs {
        mech: Mech::SHA256Hash,
        plain: bytes(b"pool"),
        ..HashArgs::default()
    });
    is(status(elsewhere), Status::OK, "without the flag")?;
    Ok(Outcome::Passed)
}

fn keys_unlimited(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, _) = two(rig)?;
    pool_of(&spare, &[])?;
    let id = [9; 20];
    for (type_, details) in [
        (
            UseLim::Global,
            UseLimDetails::Global(UseLimGlobalDetails { id, max: 2 }),
        ),
        (
            UseLim::Time,
            UseLimDetails::Time(UseLimTimeDetails { seconds: 600 }),
        ),
    ] {
        let limited = PermissionGroup {
            limits: vec![UseLimit { type_, details }],
            ..group(vec![operations(Op::ENCRYPT)])
        };
        let acl = list(vec![limited]);
        let made = bench.send(bench.aes_args(acl.clone()));
        is(status(made), Status::UseLimitsUnavailable, "in the pool")?;
        let one = Bench::at(spare.wire()?, 1);
        is(
            status(one.send(one.aes_args(acl))),
            Status::OK,
            "in a module",
        )?;
    }
    Ok(Outcome::Passed)
}

fn refuses(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench, _) = two(rig)?;
    pool_of(&spare, &[])?;
    let refused = |found, what| is(found, Status::CrossModule, what);
    refused(
        status(bench.send(GetSlotListArgs { module: NUMBER })),
        "slots",
    )?;
    let areas = NVMemListArgs {
        module: NUMBER,
        flags: 0,
    };
    refused(status(bench.send(areas)), "areas")?;
    let token = GenerateLogicalTokenArgs {
        module: NUMBER,
        hkm: [0; 20],
        params: TokenParams {
            flags: 0,
            sharesneeded: 1,
            sharestotal: 1,
            timelimit: 0,
        },
    };
    refused(status(bench.send(token)), "tokens")?;
    Ok(Outcome::Passed)
}
