//! One identifier for copies of a key on several modules: MergeKeyIDs, UpdateMergedKey, GetWhichModule.

use anyhow::ensure;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

const TWO: &[Need] = &[Need::World, Need::Modules(2)];

pub(super) const CASES: &[Case] = &[
    Case::new(
        "merged.key.spreads",
        "A merged key is used on every module that has a copy",
        "nCore API: Cmd_MergeKeyIDs",
        key_spreads,
    )
    .needs(TWO)
    .covers(&[
        replies(Cmd::MergeKeyIDs),
        replies(Cmd::GetWhichModule),
        replies(Cmd::Sign),
    ]),
    Case::new(
        "merged.key.different",
        "Different keys are not merged",
        "nCore API: Cmd_MergeKeyIDs",
        key_different,
    )
    .covers(&[
        denies(Cmd::MergeKeyIDs, Status::InvalidMergedKey),
        denies(Cmd::MergeKeyIDs, Status::UnknownID),
        denies(Cmd::GetWhichModule, Status::UnknownID),
    ]),
    Case::new(
        "merged.key.updated",
        "Copies are added and taken away",
        "nCore API: Cmd_UpdateMergedKey",
        key_updated,
    )
    .needs(TWO)
    .covers(&[
        replies(Cmd::UpdateMergedKey),
        denies(Cmd::UpdateMergedKey, Status::InvalidMergedKey),
        denies(Cmd::UpdateMergedKey, Status::UnknownID),
    ]),
    Case::new(
        "merged.key.copy-lost",
        "A merged key goes on with the copies that are left",
        "nCore API: Cmd_MergeKeyIDs",
        copy_lost,
    )
    .needs(TWO)
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::UnknownID)]),
    Case::new(
        "merged.modules.crossed",
        "A command that names keys of two modules is refused",
        "nCore API: Status_CrossModule",
        modules_crossed,
    )
    .needs(TWO)
    .covers(&[
        denies(Cmd::Verify, Status::CrossModule),
        denies(Cmd::MakeBlob, Status::CrossModule),
    ]),
];

/// Copies of one RSA key on the first two modules, and its public half.
fn copies(rig: &Rig, wire: &Wire) -> anyhow::Result<([u32; 2], KeyData)> {
    let modules = rig.target().usable_modules();
    let (private, public) = rsa(wire, modules[0], 1024, anything(), anything())?;
    let data = wire.send(ExportArgs { key: private })?.data;
    let other = wire
        .send(ImportArgs {
            module: modules[1],
            data,
            acl: anything(),
            ..ImportArgs::default()
        })?
        .key;
    Ok((
        [private, other],
        wire.send(ExportArgs { key: public })?.data,
    ))
}

/// How many commands each of the first two modules was given so far.
fn jobs(rig: &Rig, wire: &Wire) -> anyhow::Result<Vec<u32>> {
    let modules = &rig.target().usable_modules()[..2];
    modules
        .iter()
        .map(|module| {
            let path_tags = vec![
                StatNodeTag::PerModule.0,
                *module,
                StatNodeTag::ModuleJobStats.0,
            ];
            let reply = wire.send(StatGetValuesArgs {
                flags: 0,
                path_tags,
            })?;
            let at = reply
                .statinfos
                .iter()
                .position(|info| info.id == StatID::CmdCount);
            let at = at.or_else(|| {
                reply
                    .statinfos
                    .iter()
                    .position(|info| info.id == StatID::CmdBytes)
            });
            anyhow::Context::context(
                at.and_then(|at| reply.values.get(at)).copied(),
                "a module counts no commands",
            )
        })
        .collect()
}

fn key_spreads(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let (keys, _) = copies(rig, &wire)?;
    let merged = wire
        .send(MergeKeyIDsArgs {
            keys: keys.to_vec(),
        })?
        .newkey;
    equal(
        wire.send(GetWhichModuleArgs { key: merged })?.module,
        rig.target().usable_modules()[..2].to_vec(),
        "the modules",
    )?;
    let before = jobs(rig, &wire)?;
    let mut signatures = Vec::new();
    for _ in 0..16 {
        signatures.push(wire.send(sign_args(merged, b"message"))?.sig);
    }
    ensure!(
        signatures.windows(2).all(|pair| pair[0] == pair[1]),
        "the copies sign differently"
    );
    let after = jobs(rig, &wire)?;
    ensure!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| after != before),
        "a module was left out: {before:?}, {after:?}"
    );
    Ok(Outcome::Passed)
}

fn key_different(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (one, other) = (
        aes(&wire, module, anything())?,
        aes(&wire, module, anything())?,
    );
    denied(
        wire.send(MergeKeyIDsArgs {
            keys: vec![one, other],
        }),
        Status::InvalidMergedKey,
    )?;
    denied(
        wire.send(MergeKeyIDsArgs {
            keys: vec![one, 77],
        }),
        Status::UnknownID,
    )?;
    denied(wire.send(GetWhichModuleArgs { key: 77 }), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn key_updated(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let ([one, other], _) = copies(rig, &wire)?;
    let mkey = wire.send(MergeKeyIDsArgs { keys: vec![one] })?.newkey;
    let update = |addkeys: &[u32], delkeys: &[u32]| {
        wire.send(UpdateMergedKeyArgs {
            mkey,
            flags: 0,
            addkeys: addkeys.to_vec(),
            delkeys: delkeys.to_vec(),
        })
    };
    equal(update(&[other], &[])?.keys, vec![one, other], "the members")?;
    let stranger = aes(&wire, rig.module()?, anything())?;
    denied(update(&[stranger], &[]), Status::InvalidMergedKey)?;
    equal(update(&[], &[one])?.keys, vec![other], "the members")?;
    denied(update(&[], &[one]), Status::UnknownID)?;
    equal(
        wire.send(GetWhichModuleArgs { key: mkey })?.module,
        vec![rig.target().usable_modules()[1]],
        "the modules",
    )?;
    Ok(Outcome::Passed)
}

fn copy_lost(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let ([one, other], _) = copies(rig, &wire)?;
    let merged = wire
        .send(MergeKeyIDsArgs {
            keys: vec![one, other],
        })?
        .newkey;
    wire.send(DestroyArgs { key: one })?;
    for _ in 0..4 {
        wire.send(sign_args(merged, b"message"))?;
    }
    wire.send(DestroyArgs { key: other })?;
    denied(wire.send(sign_args(merged, b"message")), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn modules_crossed(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let modules = rig.target().usable_modules();
    let key = aes(&wire, modules[0], anything())?;
    let (signer, verifier) = rsa(
        &wire,
        modules[1],
        1024,
        may(Op::USE_AS_CERTIFICATE | Op::SIGN),
        anything(),
    )?;
    let params = BlobFormatIndirectMkBlobParams {
        idkr: verifier,
        mech: Mech::Any,
    };
    let args = MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka: key,
        blobkey: BlobFormatMkBlobParams::Indirect(params),
        ..MakeBlobArgs::default()
    };
    denied(wire.send(args), Status::CrossModule)?;
    // A certificate's key counts as named too.
    let body = CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key: signer });
    let cert = Certificate {
        keyhash: hash_of(&wire, signer)?,
        type_: CertType::SigningKey,
        body,
    };
    let verify = VerifyArgs {
        key,
        plain: bytes(b"message"),
        ..VerifyArgs::default()
    };
    denied(
        wire.send_with(verify, CertificateList { certs: vec![cert] }),
        Status::CrossModule,
    )?;
    Ok(Outcome::Passed)
}
