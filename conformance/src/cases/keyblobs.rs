//! Keys in blobs of the module: MakeBlob and LoadBlob.

use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

pub(super) const CASES: &[Case] = &[
    Case::new("keyblobs.module.round", "A key comes back out of a blob with its list and application data", "nCore API: Cmd_MakeBlob, Cmd_LoadBlob", module_round)
        .covers(&[replies(Cmd::MakeBlob), replies(Cmd::LoadBlob)]),
    Case::new("keyblobs.module.changed", "A blob that was changed anywhere does not load", "nCore API: Cmd_LoadBlob", module_changed)
        .covers(&[denies(Cmd::LoadBlob, Status::DecryptFailed), denies(Cmd::LoadBlob, Status::BlobTypeUnknown)]),
    Case::new("keyblobs.module.permission", "A blob under the module key alone needs its permission", "nCore API: Cmd_MakeBlob", module_permission)
        .covers(&[denies(Cmd::MakeBlob, Status::AccessDenied), denies(Cmd::MakeBlob, Status::UnknownKM)]),
    Case::new("keyblobs.world.other-modules", "A blob of the world loads on every module of the world, and one of a module's own key on that alone", "Entrust application note: Security World keys", world_other_modules)
        .needs(&[Need::World, Need::Modules(2)])
        .covers(&[replies(Cmd::LoadBlob), denies(Cmd::LoadBlob, Status::UnknownKM)]),
    Case::new("keyblobs.recovery.round", "A recovery blob opens with the private half, and with no other key", "nCore API: Cmd_MakeBlob (Indirect)", recovery_round)
        .covers(&[replies(Cmd::MakeBlob), replies(Cmd::LoadBlob), denies(Cmd::LoadBlob, Status::DecryptFailed)]),
];

/// The module's keys: its own first one, and the world's.
fn module_keys(wire: &Wire, module: u32) -> anyhow::Result<([u8; 20], [u8; 20])> {
    let hkms = wire.send(GetKMListArgs { module, flags: 0 })?.hkms;
    match hkms[..] {
        [own, world, ..] => Ok((own, world)),
        _ => anyhow::bail!("module {module} has {} module keys", hkms.len()),
    }
}

fn under_module_key(idka: u32, hkm: [u8; 20]) -> MakeBlobArgs {
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey,
        ..MakeBlobArgs::default()
    }
}

fn load(module: u32, blob: &[u8]) -> LoadBlobArgs {
    LoadBlobArgs {
        module,
        blob: blob.to_vec(),
        ..LoadBlobArgs::default()
    }
}

fn module_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (own, world) = module_keys(&wire, module)?;
    let (private, _) = rsa(&wire, module, 512, anything(), anything())?;
    wire.send(SetAppDataArgs {
        key: private,
        appdata: [7; 64],
    })?;
    let before = wire.send(sign_args(private, b"message"))?.sig;
    for hkm in [own, world] {
        let blob = wire.send(under_module_key(private, hkm))?.blob;
        let key = wire.send(load(module, &blob))?.idka;
        equal(
            wire.send(GetACLArgs { flags: 0, key })?.acl.0,
            anything(),
            "the list",
        )?;
        equal(
            wire.send(GetAppDataArgs { key })?.appdata,
            [7; 64],
            "the application data",
        )?;
        equal(
            wire.send(sign_args(key, b"message"))?.sig,
            before.clone(),
            "the signature",
        )?;
    }
    Ok(Outcome::Passed)
}

fn module_changed(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (_, world) = module_keys(&wire, module)?;
    let key = aes(&wire, module, anything())?;
    let blob = wire.send(under_module_key(key, world))?.blob;
    // The second half is cipher text and its check for certain, whatever the layout of the first.
    for at in blob.len() / 2..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1 << (at % 8);
        denied(wire.send(load(module, &changed)), Status::DecryptFailed)?;
    }
    denied(
        wire.send(load(module, b"no blob at all")),
        Status::BlobTypeUnknown,
    )?;
    denied(wire.send(load(module, b"")), Status::BlobTypeUnknown)?;
    wire.send(load(module, &blob))?;
    Ok(Outcome::Passed)
}

fn module_permission(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (own, world) = module_keys(&wire, module)?;
    let key = aes(&wire, module, may(Op::KNOWN_PERMS))?;
    for hkm in [own, world] {
        denied(wire.send(under_module_key(key, hkm)), Status::AccessDenied)?;
    }
    let key = aes(&wire, module, anything())?;
    denied(wire.send(under_module_key(key, [9; 20])), Status::UnknownKM)?;
    Ok(Outcome::Passed)
}

fn world_other_modules(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let modules = rig.target().usable_modules();
    let (own, world) = module_keys(&wire, modules[0])?;
    let key = aes(&wire, modules[0], anything())?;
    let blob = wire.send(under_module_key(key, world))?.blob;
    for module in modules {
        let loaded = wire.send(load(*module, &blob))?.idka;
        equal(hash_of(&wire, loaded)?, hash_of(&wire, key)?, "the hash")?;
    }
    let blob = wire.send(under_module_key(key, own))?.blob;
    denied(wire.send(load(modules[1], &blob)), Status::UnknownKM)?;
    Ok(Outcome::Passed)
}

fn recovery_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(
        &wire,
        module,
        1024,
        may(Op::USE_AS_BLOB_KEY),
        may(Op::USE_AS_BLOB_KEY),
    )?;
    let details = ActDetails::MakeArchiveBlob(ActMakeArchiveBlobDetails {
        kahash: Some(hash_of(&wire, public)?),
        ..ActMakeArchiveBlobDetails::default()
    });
    let archive = Action {
        type_: Act::MakeArchiveBlob,
        details,
    };
    let key = aes(&wire, module, acl(vec![operations(Op::SIGN), archive]))?;
    let params = BlobFormatIndirectMkBlobParams {
        idkr: public,
        mech: Mech::Any,
    };
    let args = MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka: key,
        blobkey: BlobFormatMkBlobParams::Indirect(params),
        ..MakeBlobArgs::default()
    };
    let blob = wire.send(args)?.blob;
    let open = |idkb| {
        wire.send(LoadBlobArgs {
            idkb: Some(idkb),
            ..load(module, &blob)
        })
    };
    let loaded = open(private)?.idka;
    equal(hash_of(&wire, loaded)?, hash_of(&wire, key)?, "the hash")?;
    let (stranger, _) = rsa(&wire, module, 1024, may(Op::USE_AS_BLOB_KEY), anything())?;
    denied(open(stranger), Status::DecryptFailed)?;
    Ok(Outcome::Passed)
}
