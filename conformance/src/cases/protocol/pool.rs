//! HSM Pool mode: two modules used as one, on hardservers of the cases' own.

use anyhow::ensure;
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
