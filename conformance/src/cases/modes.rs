//! Modes of a module and what changes them, on a hardserver of the case's own.

use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

const OWN: &[Need] = &[Need::Control];

pub(super) const CASES: &[Case] = &[
    Case::new(
        "modes.factory.no-objects",
        "A module from the factory has no objects, and does arithmetic",
        "nCore API: modes of operation",
        factory,
    )
    .needs(OWN)
    .covers(&[
        denies(Cmd::GenerateKey, Status::InvalidState),
        replies(Cmd::ModExp),
        replies(Cmd::GenerateRandom),
    ]),
    Case::new(
        "modes.initialise.new-key",
        "Initialisation erases the world and makes a new module key",
        "nCore API: Cmd_InitialiseUnit, Cmd_InitialiseUnitEx",
        initialise_new_key,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::ClearUnitEx),
        replies(Cmd::InitialiseUnit),
        replies(Cmd::InitialiseUnitEx),
        denies(Cmd::InitialiseUnit, Status::InvalidState),
        denies(Cmd::InitialiseUnitEx, Status::InvalidState),
    ]),
    Case::new(
        "modes.officer.once",
        "The security officer is named once",
        "nCore API: Cmd_SetNSOPerms",
        officer_once,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::SetNSOPerms),
        denies(Cmd::SetNSOPerms, Status::InvalidState),
    ]),
    Case::new(
        "modes.officer.reserves",
        "What the officer keeps for himself is refused to others",
        "nCore API: Cmd_SetNSOPerms, Cmd_SetKM",
        officer_reserves,
    )
    .needs(OWN)
    .covers(&[denies(Cmd::SetKM, Status::AccessDenied)]),
    Case::new(
        "modes.clear.objects-end",
        "A cleared module has lost its objects and kept its world",
        "nCore API: Cmd_ClearUnit",
        clear_objects_end,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::ClearUnit),
        replies(Cmd::NoOp),
        denies(Cmd::GetKeyInfo, Status::UnknownID),
        denies(Cmd::ClearUnitEx, Status::UnknownParameter),
    ]),
    Case::new(
        "modes.fail.retry",
        "A failed module answers nothing until it is retried",
        "nCore API: Cmd_Fail, Cmd_RetryFailedModule",
        fail_retry,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::Fail),
        denies(Cmd::Fail, Status::HardwareFailed),
        denies(Cmd::NoOp, Status::HardwareFailed),
        denies(Cmd::ClearUnit, Status::HardwareFailed),
        replies(Cmd::RetryFailedModule),
        denies(Cmd::RetryFailedModule, Status::InvalidState),
    ]),
    Case::new(
        "modes.maintenance.own-mode",
        "Maintenance is entered from its own mode",
        "nCore API: Cmd_Maintenance",
        maintenance,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::Maintenance),
        denies(Cmd::Maintenance, Status::InvalidState),
        denies(Cmd::GenerateRandom, Status::InvalidState),
    ]),
    Case::new(
        "modes.module-key.set",
        "A loaded key becomes a module key and goes again",
        "nCore API: Cmd_SetKM, Cmd_RemoveKM",
        module_key_set,
    )
    .needs(OWN)
    .covers(&[
        replies(Cmd::SetKM),
        replies(Cmd::RemoveKM),
        denies(Cmd::RemoveKM, Status::UnknownKM),
    ]),
];

fn enter(wire: &Wire, mode: ModuleMode) -> anyhow::Result<()> {
    wire.send(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode,
    })?;
    wire.send(NoOpArgs { module: 1 })?;
    Ok(())
}

/// Brings a module from the factory into operation, with an officer whose key nobody has.
fn become_operational(wire: &Wire, public: u32) -> anyhow::Result<()> {
    enter(wire, ModuleMode::Initialisation)?;
    wire.send(InitialiseUnitArgs { module: 1 })?;
    let publicperms = NSOPerms { ops: public };
    wire.send(SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: [0x0f; 20],
        publicperms,
    })?;
    enter(wire, ModuleMode::Operational)
}

/// Every operation that an officer can make public.
const EVERYTHING: u32 = 0x7_ffff;

fn keys(wire: &Wire) -> anyhow::Result<GetKMListReply> {
    Ok(wire.send(GetKMListArgs {
        module: 1,
        flags: 0,
    })?)
}

fn factory(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.wire()?;
    denied(wire.send(aes_args(1, anything())), Status::InvalidState)?;
    equal(
        wire.send(ModExpArgs {
            a: 5.into(),
            p: 3.into(),
            n: 101.into(),
        })?
        .r,
        24.into(),
        "125 modulo 101",
    )?;
    wire.send(GenerateRandomArgs { lenbytes: 4 })?;
    Ok(Outcome::Passed)
}

fn initialise_new_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    denied(
        wire.send(InitialiseUnitArgs { module: 1 }),
        Status::InvalidState,
    )?;
    let ex = InitialiseUnitExArgs {
        flags: 0,
        module: 1,
        kml: KMLType::DSAp3072s256,
    };
    denied(wire.send(ex.clone()), Status::InvalidState)?;
    become_operational(&wire, EVERYTHING)?;
    let first = keys(&wire)?;
    equal(first.hknso, [0x0f; 20], "the officer's key")?;
    enter(&wire, ModuleMode::Initialisation)?;
    wire.send(ex)?;
    let second = keys(&wire)?;
    equal(
        (second.hknso, second.hkms.len()),
        ([0; 20], 1),
        "the officer's key and the number of module keys",
    )?;
    anyhow::ensure!(
        second.hkms[0] != first.hkms[0],
        "the module key is the old one"
    );
    Ok(Outcome::Passed)
}

fn officer_once(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    let args = SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: [1; 20],
        publicperms: NSOPerms { ops: 1 },
    };
    denied(wire.send(args.clone()), Status::InvalidState)?;
    enter(&wire, ModuleMode::Initialisation)?;
    wire.send(InitialiseUnitArgs { module: 1 })?;
    wire.send(args.clone())?;
    denied(wire.send(args), Status::InvalidState)?;
    equal(keys(&wire)?.hknso, [1; 20], "the officer's key")?;
    Ok(Outcome::Passed)
}

fn officer_reserves(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    become_operational(&wire, EVERYTHING & !NSOPerms::OPS_SET_KM)?;
    let key = aes(&wire, 1, anything())?;
    denied(
        wire.send(SetKMArgs {
            module: 1,
            flags: 0,
            idka: key,
        }),
        Status::AccessDenied,
    )?;
    Ok(Outcome::Passed)
}

fn clear_objects_end(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    become_operational(&wire, EVERYTHING)?;
    let key = aes(&wire, 1, anything())?;
    let before = keys(&wire)?;
    wire.send(ClearUnitArgs { module: 1 })?;
    wire.send(NoOpArgs { module: 1 })?;
    denied(wire.send(GetKeyInfoArgs { key }), Status::UnknownID)?;
    equal(keys(&wire)?, before, "the module's keys")?;
    aes(&wire, 1, anything())?;
    denied(
        wire.send(ClearUnitExArgs {
            flags: 0,
            module: 1,
            mode: ModuleMode(9),
        }),
        Status::UnknownParameter,
    )?;
    Ok(Outcome::Passed)
}

fn fail_retry(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    become_operational(&wire, EVERYTHING)?;
    let key = aes(&wire, 1, anything())?;
    denied(
        wire.send(RetryFailedModuleArgs { module: 1 }),
        Status::InvalidState,
    )?;
    wire.send(FailArgs { module: 1 })?;
    denied(wire.send(FailArgs { module: 1 }), Status::HardwareFailed)?;
    denied(wire.send(NoOpArgs { module: 1 }), Status::HardwareFailed)?;
    denied(
        wire.send(ClearUnitArgs { module: 1 }),
        Status::HardwareFailed,
    )?;
    wire.send(NewEnquiryArgs {
        version: 6,
        module: 1,
        flags: 0,
    })?;
    wire.send(RetryFailedModuleArgs { module: 1 })?;
    denied(wire.send(GetKeyInfoArgs { key }), Status::UnknownID)?;
    aes(&wire, 1, anything())?;
    Ok(Outcome::Passed)
}

fn maintenance(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    become_operational(&wire, EVERYTHING)?;
    denied(
        wire.send(MaintenanceArgs { module: 1 }),
        Status::InvalidState,
    )?;
    enter(&wire, ModuleMode::Maintenance)?;
    wire.send(MaintenanceArgs { module: 1 })?;
    denied(
        wire.send(GenerateRandomArgs { lenbytes: 1 }),
        Status::InvalidState,
    )?;
    enter(&wire, ModuleMode::Operational)?;
    aes(&wire, 1, anything())?;
    Ok(Outcome::Passed)
}

fn module_key_set(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let wire = spare.privileged()?;
    become_operational(&wire, EVERYTHING)?;
    let key = aes(&wire, 1, may(Op::USE_AS_KM))?;
    let hkm = hash_of(&wire, key)?;
    wire.send(SetKMArgs {
        module: 1,
        flags: 0,
        idka: key,
    })?;
    equal(
        keys(&wire)?.hkms.get(1).copied(),
        Some(hkm),
        "the second module key",
    )?;
    // It survives a reset, and the handle it came from does not.
    enter(&wire, ModuleMode::Operational)?;
    equal(
        keys(&wire)?.hkms.get(1).copied(),
        Some(hkm),
        "the second module key after a reset",
    )?;
    wire.send(RemoveKMArgs {
        module: 1,
        flags: 0,
        hkm,
    })?;
    denied(
        wire.send(RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        }),
        Status::UnknownKM,
    )?;
    Ok(Outcome::Passed)
}
