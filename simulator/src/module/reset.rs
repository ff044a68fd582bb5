//! The commands that change the module's mode: Cmd_ClearUnit, Cmd_ClearUnitEx, Cmd_InitialiseUnit,
//! Cmd_InitialiseUnitEx, Cmd_SetNSOPerms, Cmd_Maintenance, Cmd_Fail, Cmd_RetryFailedModule.

use std::sync::Arc;

use ncore::Status;
use ncore::types::{
    ClearUnitArgs, ClearUnitExArgs, FailArgs, InitialiseUnitArgs, InitialiseUnitExArgs, KMLType,
    KeyGenParams, KeyType, KeyTypeGenParams, KeyTypeRandomGenParams, MaintenanceArgs, ModuleMode,
    NSOPerms, ReplyBody, RetryFailedModuleArgs, SetNSOPermsArgs,
};

use super::call::{Call, Outcome, check_flags, done, later};
use super::kml::Kml;
use super::mode::{Event, Switch};
use super::modes;
use super::module_keys::module_key;
use super::world::{Officer, World};
use crate::crypto;

/// Every bit of M_NSOPerms that has a name.
const ALL_OPERATIONS: u32 = 0x7_ffff;

/// Cmd_ClearUnit: the reply comes when the module is back.
pub(super) fn clear_unit(call: Call, _: ClearUnitArgs) -> Outcome {
    call.module.happen(Event::Reset(None))?;
    done()
}

/// Cmd_ClearUnitEx: the same with a new position of the mode switch, unless it is Default. AccessDenied for another one than
/// the switch has while hands hold it there ([`super::jumper`]).
pub(super) fn clear_unit_ex(call: Call, args: ClearUnitExArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let switch = match args.mode {
        ModuleMode::Default => {
            return clear_unit(
                call,
                ClearUnitArgs {
                    module: args.module,
                },
            );
        }
        ModuleMode::Maintenance => Switch::Maintenance,
        ModuleMode::Operational => Switch::Operational,
        ModuleMode::Initialisation => Switch::Initialisation,
        _ => return Err(Status::UnknownParameter),
    };
    call.module.would_happen(Event::Reset(Some(switch)))?;
    later(move || {
        call.module.commit(|_, saved_switch| {
            call.module.jumper.check(*saved_switch, switch)?;
            *saved_switch = switch;
            Ok(())
        })?;
        call.module.happen(Event::Reset(Some(switch)))?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_InitialiseUnit: a new KM0, and a KML of the kind that every client knows.
pub(super) fn initialise_unit(call: Call, _: InitialiseUnitArgs) -> Outcome {
    initialise(call, KMLType::DSAp1024s160, 0)
}

/// Cmd_InitialiseUnitEx: with a choice of KML. Of the modes its flags ask for, UseFIPSApprovedInternalMechanisms is available
/// (see [`super::modes`]), else NotAvailable.
pub(super) fn initialise_unit_ex(call: Call, args: InitialiseUnitExArgs) -> Outcome {
    const KNOWN: u32 = InitialiseUnitExArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS
        | InitialiseUnitExArgs::AUDIT_LOGGING;
    check_flags(args.flags, KNOWN)?;
    if args.flags & !InitialiseUnitExArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS != 0 {
        return Err(Status::NotAvailable);
    }
    initialise(call, args.kml, args.flags)
}

/// Erases the world and begins another.
fn initialise(call: Call, kml: KMLType, initial_modes: u32) -> Outcome {
    call.module.would_happen(Event::Initialise)?;
    later(move || {
        let engine = call.module.engine();
        let km0 = KeyGenParams {
            type_: KeyType::Rijndael,
            params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 }),
        };
        let km0 = module_key(&crypto::generate_key(
            engine,
            &km0,
            &mut call.stream("KM0"),
        )?)?;
        let kml = Some(Arc::new(Kml::generate(
            engine,
            kml,
            &mut call.stream("KML"),
        )?));
        // NVRAM goes with the world (the CAPI guide, section 9).
        call.module.commit_erasing(|world, _| {
            call.module.would_happen(Event::Initialise)?;
            *world = World {
                esn: world.esn.clone(),
                officer: None,
                module_keys: vec![km0],
                kml,
                initial_modes,
            };
            Ok(())
        })?;
        call.module.happen(Event::Initialise)?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_SetNSOPerms: once after each initialisation, else InvalidState. NotAvailable for a mode that is not among
/// [`modes::AVAILABLE`].
pub(super) fn set_nso_perms(call: Call, args: SetNSOPermsArgs) -> Outcome {
    const KNOWN: u32 = SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2
        | SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES
        | SetNSOPermsArgs::DISABLE_PKCS1_PADDING
        | SetNSOPermsArgs::COMMON_CRITERIA_CMTS
        | SetNSOPermsArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS
        | SetNSOPermsArgs::AUDIT_LOGGING;
    check_flags(args.flags, KNOWN)?;
    check_flags(args.publicperms.ops, ALL_OPERATIONS)?;
    if args.flags & !modes::AVAILABLE != 0 {
        return Err(Status::NotAvailable);
    }
    if call.world.officer.is_some() {
        return Err(Status::InvalidState);
    }
    later(move || {
        call.module.commit(|world, _| {
            call.still_valid()?;
            if world.officer.is_some() {
                return Err(Status::InvalidState);
            }
            world.officer = Some(Officer {
                hash: args.hknso,
                public_perms: args.publicperms.ops,
                modes: args.flags,
            });
            Ok(())
        })?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_Maintenance.
pub(super) fn maintenance(call: Call, _: MaintenanceArgs) -> Outcome {
    call.module.happen(Event::EnterMaintenance)?;
    done()
}

/// Cmd_Fail: the module is lost until RetryFailedModule.
pub(super) fn fail(call: Call, _: FailArgs) -> Outcome {
    call.module.happen(Event::Fail)?;
    done()
}

/// Cmd_RetryFailedModule: InvalidState for one that has not failed.
pub(super) fn retry(call: Call, _: RetryFailedModuleArgs) -> Outcome {
    call.module.happen(Event::Retry)?;
    done()
}

// The last operation with a name is the highest bit of all.
const _: () = assert!(NSOPerms::OPS_FOREIGN_TOKEN_OPEN << 1 == ALL_OPERATIONS + 1);
