//! A module's states, resets and keys, on hardservers of the cases' own.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::hashes::Hash;
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare, reset};
use crate::wire::{Wire, denied};

const STATES: &str = "PROTOCOL, section 4.1";
const KEYS: &str = "PROTOCOL, section 4.2; nCore API: Cmd_SetKM, Cmd_RemoveKM";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "modules.states.commands",
        "Each state lets through what works in it and refuses the rest with InvalidState",
        STATES,
        states,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::GenerateKey, Status::InvalidState),
        denies(Cmd::InitialiseUnit, Status::InvalidState),
        denies(Cmd::InitialiseUnitEx, Status::InvalidState),
        denies(Cmd::SetNSOPerms, Status::InvalidState),
        denies(Cmd::Maintenance, Status::InvalidState),
        denies(Cmd::RetryFailedModule, Status::InvalidState),
        denies(Cmd::GenerateRandom, Status::InvalidState),
        replies(Cmd::Maintenance),
        replies(Cmd::Fail),
        replies(Cmd::RetryFailedModule),
    ]),
    Case::new(
        "modules.states.enquiry",
        "The enquiry tells the state",
        "nCore API: Cmd_NewEnquiry, EnquiryDataOne flags",
        states_enquiry,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::NewEnquiry)]),
    Case::new(
        "modules.clear.mid-signing",
        "A reset in the middle ends what is under way with UnitReset, and identifiers are unknown afterwards",
        "PROTOCOL, section 3",
        clear_mid_signing,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::ClearUnit),
        denies(Cmd::GenerateKeyPair, Status::UnitReset),
        denies(Cmd::Sign, Status::UnknownID),
    ]),
    Case::new(
        "modules.fail.mid-signing",
        "A failure in the middle ends what is under way with HardwareFailed",
        STATES,
        fail_mid_signing,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::GenerateKeyPair, Status::HardwareFailed),
        denies(Cmd::NoOp, Status::HardwareFailed),
        denies(Cmd::Fail, Status::HardwareFailed),
        denies(Cmd::ClearUnitEx, Status::HardwareFailed),
    ]),
    Case::new(
        "modules.clear.neighbour",
        "A reset of one module leaves the other's objects alone",
        STATES,
        neighbour,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::ClearUnit), denies(Cmd::Sign, Status::UnknownID)]),
    Case::new(
        "modules.clear.everything-with-objects",
        "A reset ends keys, tokens, channels, tickets and challenges of every client",
        STATES,
        everything_ends,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::ChannelUpdate, Status::UnknownID),
        denies(Cmd::GetLogicalTokenInfo, Status::UnknownID),
        denies(Cmd::RedeemTicket, Status::UnknownID),
    ]),
    Case::new(
        "modules.clear.switch",
        "ClearUnitEx turns the mode switch, and Default leaves it",
        STATES,
        switch,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::ClearUnitEx),
        denies(Cmd::ClearUnitEx, Status::UnknownParameter),
        denies(Cmd::ClearUnitEx, Status::UnknownFlag),
    ]),
    Case::new(
        "modules.restart.kept",
        "Serial number, world and module keys survive a restart of the hardserver, objects do not",
        "PROTOCOL, section 4.2",
        restart,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::GetKMList), denies(Cmd::Sign, Status::UnknownID)]),
    Case::new(
        "modules.initialise.kinds",
        "InitialiseUnitEx makes a signing pair of the kind asked for",
        "nCore API: Cmd_InitialiseUnitEx",
        initialise_kinds,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::InitialiseUnitEx),
        replies(Cmd::GetKML),
        denies(Cmd::InitialiseUnitEx, Status::UnknownParameter),
        denies(Cmd::InitialiseUnitEx, Status::UnknownFlag),
        denies(Cmd::InitialiseUnitEx, Status::NotAvailable),
        denies(Cmd::GetKML, Status::InvalidState),
    ]),
    Case::new(
        "modules.officer.no-padding",
        "A world without PKCS#1 v1.5 padding refuses it, and takes OAEP",
        "UTILITIES, section 3.1, active modes; section 4.3, --disablepkcs1padding",
        no_padding,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::Sign, Status::DeprecatedMechanism),
        denies(Cmd::Encrypt, Status::DeprecatedMechanism),
        replies(Cmd::Encrypt),
    ]),
    Case::new(
        "modules.officer.flags",
        "Modes that the module does not have cannot be asked for",
        "nCore API: Cmd_SetNSOPerms",
        officer_flags,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetNSOPerms),
        denies(Cmd::SetNSOPerms, Status::NotAvailable),
        denies(Cmd::SetNSOPerms, Status::UnknownFlag),
    ]),
    Case::new(
        "modules.keys.kinds",
        "AES and Triple DES keys become module keys, once, and others do not",
        KEYS,
        key_kinds,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetKM),
        replies(Cmd::RemoveKM),
        denies(Cmd::SetKM, Status::TypeMismatch),
        denies(Cmd::SetKM, Status::UnknownID),
        denies(Cmd::RemoveKM, Status::UnknownKM),
        denies(Cmd::RemoveKM, Status::InvalidParameter),
    ]),
    Case::new(
        "modules.keys.reinitialised",
        "Module keys survive a reset and not an initialisation, which makes a new KM0",
        KEYS,
        reinitialised,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::InitialiseUnit), replies(Cmd::GetKMList)]),
];

/// The states that commands can bring a module into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Uninitialised,
    PreInitialisation,
    Initialisation,
    Operational,
    PreMaintenance,
    Maintenance,
    Failed,
}

use State::*;

/// Brings a fresh module into a state.
fn bring(spare: &Spare, state: State) -> anyhow::Result<Bench> {
    let wire = spare.privileged()?;
    match state {
        Uninitialised => {}
        PreInitialisation => reset(&wire, 1, ModuleMode::Initialisation)?,
        Initialisation => spare.initialise(1)?,
        Operational => {
            spare.initialise(1)?;
            spare.operate(1, [0x0f; 20], EVERYTHING)?;
        }
        PreMaintenance => reset(&wire, 1, ModuleMode::Maintenance)?,
        Maintenance => {
            reset(&wire, 1, ModuleMode::Maintenance)?;
            wire.send(MaintenanceArgs { module: 1 })?;
        }
        Failed => {
            wire.send(FailArgs { module: 1 })?;
        }
    }
    Ok(Bench::at(wire, 1))
}

const STATES_ALL: [State; 7] = [
    Uninitialised,
    PreInitialisation,
    Initialisation,
    Operational,
    PreMaintenance,
    Maintenance,
    Failed,
];

fn states(rig: &Rig) -> anyhow::Result<Outcome> {
    type Try = fn(&Bench) -> Status;
    // Those that change nothing, each with the states in which it works.
    let harmless: [(&str, Try, &[State]); 10] = [
        (
            "NoOp",
            |b| status(b.send(NoOpArgs { module: 1 })),
            &STATES_ALL[..6],
        ),
        (
            "GetKMList",
            |b| {
                status(b.send(GetKMListArgs {
                    module: 1,
                    flags: 0,
                }))
            },
            &STATES_ALL[..6],
        ),
        (
            "GetSlotList",
            |b| status(b.send(GetSlotListArgs { module: 1 })),
            &STATES_ALL[..6],
        ),
        (
            "ModExp",
            |b| {
                let (a, p, n) = (Bignum::from(3), Bignum::from(4), Bignum::from(7));
                status(b.send(ModExpArgs { a, p, n }))
            },
            &STATES_ALL[..4],
        ),
        (
            "GenerateRandom",
            |b| status(b.send(GenerateRandomArgs { lenbytes: 4 })),
            &STATES_ALL[..4],
        ),
        (
            "Hash",
            |b| {
                status(b.send(HashArgs {
                    flags: 0,
                    mech: Mech::SHA1Hash,
                    plain: bytes(b""),
                }))
            },
            &STATES_ALL[..4],
        ),
        (
            "GenerateKey",
            |b| status(b.send(b.aes_args(anything()))),
            &[Initialisation, Operational],
        ),
        (
            "GenerateLogicalToken",
            |b| {
                let params = TokenParams {
                    flags: 0,
                    sharesneeded: 1,
                    sharestotal: 1,
                    timelimit: 0,
                };
                status(b.send(GenerateLogicalTokenArgs {
                    module: 1,
                    hkm: NULL_AES,
                    params,
                }))
            },
            &[Initialisation, Operational],
        ),
        (
            "SetNSOPerms",
            |b| {
                // An unknown operation, which is looked at only where the command works.
                let publicperms = NSOPerms { ops: 0x8000_0000 };
                match status(b.send(SetNSOPermsArgs {
                    module: 1,
                    flags: 0,
                    hknso: [1; 20],
                    publicperms,
                })) {
                    Status::UnknownFlag => Status::OK,
                    other => other,
                }
            },
            &[Initialisation],
        ),
        (
            "RetryFailedModule",
            |b| status(b.send(RetryFailedModuleArgs { module: 1 })),
            &[],
        ),
    ];
    for state in STATES_ALL {
        let spare = rig.spare()?;
        let bench = bring(&spare, state)?;
        for (name, command, works) in harmless {
            // Leaving the failed state is tried last.
            if state == Failed && name == "RetryFailedModule" {
                continue;
            }
            let expected = match state {
                _ if works.contains(&state) => Status::OK,
                Failed => Status::HardwareFailed,
                _ => Status::InvalidState,
            };
            let found = command(&bench);
            ensure!(
                found == expected,
                "{name} in {state:?}: {found}, not {expected}"
            );
        }
        let maintenance = status(bench.send(MaintenanceArgs { module: 1 }));
        let expected = match state {
            PreMaintenance => Status::OK,
            Failed => Status::HardwareFailed,
            _ => Status::InvalidState,
        };
        is(maintenance, expected, &format!("Maintenance in {state:?}"))?;
        let ex = InitialiseUnitExArgs {
            flags: 0,
            module: 1,
            kml: KMLType::DSAp1024s160,
        };
        for answer in [
            status(bench.send(ex)),
            status(bench.send(InitialiseUnitArgs { module: 1 })),
        ] {
            match (state, answer) {
                // The first one moves the module on, so the second finds it there.
                (PreInitialisation, Status::OK | Status::InvalidState) => {}
                (Failed, Status::HardwareFailed) => {}
                (PreInitialisation | Failed, other) => {
                    bail!("initialisation in {state:?}: {other}")
                }
                (_, other) => is(
                    other,
                    Status::InvalidState,
                    &format!("initialisation in {state:?}"),
                )?,
            }
        }
        if state == Failed {
            is(
                status(bench.send(ClearUnitArgs { module: 1 })),
                Status::HardwareFailed,
                "ClearUnit, failed",
            )?;
            bench.send(RetryFailedModuleArgs { module: 1 })?;
            bench.send(NoOpArgs { module: 1 })?;
        } else {
            bench.send(ClearUnitArgs { module: 1 })?;
        }
    }
    Ok(Outcome::Passed)
}

/// Flags of the enquiry's first level.
fn enquiry_flags(wire: &Wire) -> anyhow::Result<u32> {
    match wire
        .send(NewEnquiryArgs {
            flags: 0,
            version: 1,
            module: 1,
        })?
        .data
    {
        EnqVerData::One(data) => Ok(data.one.flags),
        other => bail!("no enquiry of level one but {other:?}"),
    }
}

fn states_enquiry(rig: &Rig) -> anyhow::Result<Outcome> {
    type One = EnquiryDataOne;
    const MODES: u32 = One::INITIALISATION_MODE | One::MAINTENANCE_MODE | One::PRE_MAINT_INIT_MODE;
    for (state, expected) in [
        (Uninitialised, 0),
        (
            PreInitialisation,
            One::INITIALISATION_MODE | One::PRE_MAINT_INIT_MODE,
        ),
        (Initialisation, One::INITIALISATION_MODE),
        (Operational, 0),
        (
            PreMaintenance,
            One::MAINTENANCE_MODE | One::PRE_MAINT_INIT_MODE,
        ),
        (Maintenance, One::MAINTENANCE_MODE),
    ] {
        let spare = rig.spare()?;
        let bench = bring(&spare, state)?;
        is(
            enquiry_flags(&bench)? & MODES,
            expected,
            &format!("{state:?}"),
        )?;
    }
    // A failed module is still there to be asked about.
    let spare = rig.spare()?;
    let bench = bring(&spare, Failed)?;
    enquiry_flags(&bench)?;
    Ok(Outcome::Passed)
}

/// A module that signs and makes a key while something happens to it: how the commands end.
fn in_the_middle(
    rig: &Rig,
    happens: impl FnOnce(&Wire) -> anyhow::Result<()>,
    ends: Status,
) -> anyhow::Result<(Spare, Bench, u32)> {
    let spare = rig.spare()?;
    let bench = bring(&spare, Operational)?;
    let (pair, public) = bench.signer(1024)?;
    let connection = bench.connection();
    // Longer than the rest takes; what is under way ends when it ends.
    let slow = connection.submit(
        bench.pair_args(rsa_params(2048), anything(), anything()),
        None,
    )?;
    let pending: Vec<_> = (0..100_u32)
        .map(|round| {
            let plain = bytes(&round.to_le_bytes());
            connection.submit(sign_args(pair.private, Mech::RSAhSHA256pPKCS1, plain), None)
        })
        .collect::<Result<_, _>>()?;
    let other = spare.privileged()?;
    happens(&other)?;
    let (mut signed, mut ended) = (0, 0);
    for (round, pending) in (0..100_u32).zip(pending) {
        match connection.wait(pending) {
            Ok(reply) => {
                let digest = Hash::Sha256.digest(&round.to_le_bytes());
                public.verify(Some(Hash::Sha256), &digest, rsa_number(&reply.sig)?)?;
                signed += 1;
            }
            // Before the module it is known whether the identifier is still good.
            Err(error) if [ends, Status::UnknownID].contains(&error.status()) => ended += 1,
            Err(error) => bail!("a signature ended in {error}"),
        }
    }
    is(signed + ended, 100, "replies")?;
    let answer = connection.wait(slow);
    is(status(answer), ends, "the key that was being made")?;
    rig.note(denies(Cmd::GenerateKeyPair, ends));
    Ok((spare, bench, pair.private))
}

fn clear_mid_signing(rig: &Rig) -> anyhow::Result<Outcome> {
    let clear = |wire: &Wire| {
        wire.send(ClearUnitArgs { module: 1 })?;
        Ok(())
    };
    let (_spare, bench, key) = in_the_middle(rig, clear, Status::UnitReset)?;
    denied(bench.send(sign_something(key)), Status::UnknownID)?;
    denied(bench.send(DestroyArgs { key }), Status::UnknownID)?;
    let again = bench.aes(may(Op::SIGN))?;
    bench.send(sign_something(again))?;
    Ok(Outcome::Passed)
}

fn fail_mid_signing(rig: &Rig) -> anyhow::Result<Outcome> {
    let fail = |wire: &Wire| {
        wire.send(FailArgs { module: 1 })?;
        Ok(())
    };
    let (spare, bench, key) = in_the_middle(rig, fail, Status::HardwareFailed)?;
    denied(bench.send(NoOpArgs { module: 1 }), Status::HardwareFailed)?;
    denied(bench.send(FailArgs { module: 1 }), Status::HardwareFailed)?;
    let clear = ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Operational,
    };
    denied(bench.send(clear), Status::HardwareFailed)?;
    spare
        .privileged()?
        .send(RetryFailedModuleArgs { module: 1 })?;
    denied(bench.send(sign_something(key)), Status::UnknownID)?;
    let again = bench.aes(may(Op::SIGN))?;
    bench.send(sign_something(again))?;
    Ok(Outcome::Passed)
}

fn neighbour(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare_with(|options| options.modules = 2)?;
    for module in [1, 2] {
        spare.initialise(module)?;
        spare.operate(module, [0x0f; 20], EVERYTHING)?;
    }
    let (one, two) = (Bench::at(spare.wire()?, 1), Bench::at(spare.wire()?, 2));
    let (here, there) = (one.aes(may(Op::SIGN))?, two.aes(may(Op::SIGN))?);
    spare.privileged()?.send(ClearUnitArgs { module: 1 })?;
    denied(one.send(sign_something(here)), Status::UnknownID)?;
    two.send(sign_something(there))?;
    ensure!(
        one.module_keys()? != two.module_keys()?,
        "two modules have one KM0"
    );
    Ok(Outcome::Passed)
}

fn everything_ends(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = bring(&spare, Operational)?;
    let other = Bench::at(spare.wire()?, 1);
    let (mine, theirs) = (bench.aes(anything())?, other.aes(anything())?);
    let params = TokenParams {
        flags: 0,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    let idkt = bench
        .send(GenerateLogicalTokenArgs {
            module: 1,
            hkm: NULL_AES,
            params,
        })?
        .idkt;
    let channel = ChannelOpenArgs {
        module: 1,
        mode: ChannelMode::Sign,
        mech: Mech::SHA1Hash,
        ..ChannelOpenArgs::default()
    };
    let idch = bench.send(channel)?.idch;
    let ticket = bench
        .send(GetTicketArgs {
            obj: mine,
            ..GetTicketArgs::default()
        })?
        .ticket;
    bench.send(ClearUnitArgs { module: 1 })?;
    denied(bench.send(sign_something(mine)), Status::UnknownID)?;
    denied(other.send(sign_something(theirs)), Status::UnknownID)?;
    denied(
        bench.send(GetLogicalTokenInfoArgs { idkt }),
        Status::UnknownID,
    )?;
    denied(
        bench.send(ChannelUpdateArgs {
            flags: 0,
            idch,
            input: b"x".to_vec(),
        }),
        Status::UnknownID,
    )?;
    denied(
        other.send(RedeemTicketArgs {
            flags: 0,
            module: 1,
            ticket,
        }),
        Status::UnknownID,
    )?;
    // The clients themselves are the hardserver's, and live.
    let key = other.aes(may(Op::SIGN))?;
    other.send(sign_something(key))?;
    Ok(Outcome::Passed)
}

fn switch(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    let wire = spare.privileged()?;
    let clear = |flags, mode| ClearUnitExArgs {
        flags,
        module: 1,
        mode,
    };
    wire.send(clear(0, ModuleMode::Initialisation))?;
    let modes = EnquiryDataOne::INITIALISATION_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE;
    for again in [ModuleMode::Default, ModuleMode::Default] {
        wire.send(clear(0, again))?;
        is(
            enquiry_flags(&wire)? & modes,
            modes,
            "the mode after Default",
        )?;
    }
    wire.send(ClearUnitArgs { module: 1 })?;
    is(
        enquiry_flags(&wire)? & modes,
        modes,
        "the mode after ClearUnit",
    )?;
    denied(
        wire.send(clear(0, ModuleMode(77))),
        Status::UnknownParameter,
    )?;
    denied(
        wire.send(clear(2, ModuleMode::Operational)),
        Status::UnknownFlag,
    )?;
    is(
        enquiry_flags(&wire)? & modes,
        modes,
        "the mode after refusals",
    )?;
    drop(wire);
    spare.restart()?;
    let wire = spare.privileged()?;
    is(
        enquiry_flags(&wire)? & modes,
        modes,
        "the mode after a restart",
    )?;
    wire.send(clear(0, ModuleMode::Operational))?;
    is(enquiry_flags(&wire)? & modes, 0, "the mode at last")?;
    Ok(Outcome::Passed)
}

fn restart(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    let bench = bring(&spare, Operational)?;
    let km = bench.aes(may(Op::USE_AS_KM))?;
    bench.send(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    })?;
    let key = bench.aes(anything())?;
    let blobkey = |hkm| BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    let keys = bench.module_keys()?;
    let make = |hkm| MakeBlobArgs {
        format: BlobFormat::Module,
        idka: key,
        blobkey: blobkey(hkm),
        ..MakeBlobArgs::default()
    };
    let blobs = [
        bench.send(make(keys[0]))?.blob,
        bench.send(make(keys[1]))?.blob,
    ];
    let (hash, list) = (
        bench.hash_of(key)?,
        bench.send(GetKMListArgs {
            module: 1,
            flags: 0,
        })?,
    );
    let serial = |bench: &Bench| -> anyhow::Result<String> {
        match bench
            .send(NewEnquiryArgs {
                flags: 0,
                version: 1,
                module: 1,
            })?
            .data
        {
            EnqVerData::One(data) => Ok(data.one.hardwareserial),
            other => bail!("no enquiry of level one but {other:?}"),
        }
    };
    let esn = serial(&bench)?;
    drop(bench);
    spare.restart()?;
    let bench = Bench::at(spare.wire()?, 1);
    is(serial(&bench)?, esn, "the serial number")?;
    is(
        bench.send(GetKMListArgs {
            module: 1,
            flags: 0,
        })?,
        list,
        "hknso and the module keys",
    )?;
    denied(bench.send(sign_something(key)), Status::UnknownID)?;
    for blob in blobs {
        let idka = bench
            .send(LoadBlobArgs {
                module: 1,
                blob,
                ..LoadBlobArgs::default()
            })?
            .idka;
        is(bench.hash_of(idka)?, hash, "the hash of the loaded key")?;
    }
    Ok(Outcome::Passed)
}

fn initialise_kinds(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = Bench::at(spare.privileged()?, 1);
    reset(&bench, 1, ModuleMode::Initialisation)?;
    let ex = |flags, kml| InitialiseUnitExArgs {
        flags,
        module: 1,
        kml,
    };
    denied(bench.send(ex(0, KMLType(9))), Status::UnknownParameter)?;
    denied(
        bench.send(ex(0x100, KMLType::DSAp1024s160)),
        Status::UnknownFlag,
    )?;
    let logging = InitialiseUnitExArgs::AUDIT_LOGGING;
    denied(
        bench.send(ex(logging, KMLType::DSAp1024s160)),
        Status::NotAvailable,
    )?;
    // Nothing of that has initialised the module.
    denied(bench.send(bench.aes_args(anything())), Status::InvalidState)?;
    let mut seen = Vec::new();
    for (kml, sizes) in [
        (KMLType::DSAp1024s160, (1024, 160)),
        (KMLType::DSAp3072s256, (3072, 256)),
        (KMLType::DSAp1024s160, (1024, 160)),
    ] {
        reset(&bench, 1, ModuleMode::Initialisation)?;
        bench.send(ex(0, kml))?;
        let id = bench.send(GetKMLArgs { module: 1 })?.idka;
        let KeyTypeData::DSAPublic(public) = bench.export(id)?.data else {
            bail!("KML is no DSA key")
        };
        is(
            crate::oracle::numbers::group_defect(&public.dlg, sizes),
            None,
            &format!("{kml}"),
        )?;
        ensure!(!seen.contains(&public.y), "{kml}: the same KML twice");
        seen.push(public.y);
    }
    let fresh = rig.spare()?;
    // Uninitialised: there are no objects at all, and so no public key to be had.
    denied(
        fresh.wire()?.send(GetKMLArgs { module: 1 }),
        Status::InvalidState,
    )?;
    Ok(Outcome::Passed)
}

fn officer_flags(rig: &Rig) -> anyhow::Result<Outcome> {
    type Args = SetNSOPermsArgs;
    let spare = rig.spare()?;
    let bench = bring(&spare, Initialisation)?;
    let set = |flags, ops| {
        let publicperms = NSOPerms { ops };
        status(bench.send(Args {
            module: 1,
            flags,
            hknso: [5; 20],
            publicperms,
        }))
    };
    for flag in [Args::COMMON_CRITERIA_CMTS, Args::AUDIT_LOGGING] {
        is(
            set(flag, 0),
            Status::NotAvailable,
            &format!("flag {flag:#x}"),
        )?;
    }
    is(set(0x40, 0), Status::UnknownFlag, "an unknown flag")?;
    is(
        set(0, EVERYTHING + 1),
        Status::UnknownFlag,
        "an unknown operation",
    )?;
    let hknso = || -> anyhow::Result<KeyHash> {
        Ok(bench
            .send(GetKMListArgs {
                module: 1,
                flags: 0,
            })?
            .hknso)
    };
    is(hknso()?, [0; 20], "hknso before")?;
    let modes = Args::ALWAYS_USE_STRONG_PRIMES
        | Args::DISABLE_PKCS1_PADDING
        | Args::USE_FIPS_APPROVED_INTERNAL_MECHANISMS;
    is(set(modes, 0), Status::OK, "those that it has")?;
    is(hknso()?, [5; 20], "hknso afterwards")?;
    is(set(0, 0), Status::InvalidState, "a second time")?;
    let told = bench.send(NewEnquiryArgs {
        flags: 0,
        version: 6,
        module: 1,
    })?;
    let EnqVerData::Six(six) = told.data else {
        bail!("no enquiry of level six")
    };
    is(six.six.activensopermsmodes, modes, "the modes it tells")?;
    Ok(Outcome::Passed)
}

fn no_padding(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = bring(&spare, Initialisation)?;
    bench.send(SetNSOPermsArgs {
        module: 1,
        flags: SetNSOPermsArgs::DISABLE_PKCS1_PADDING,
        hknso: [5; 20],
        publicperms: NSOPerms { ops: EVERYTHING },
    })?;
    reset(&bench, 1, ModuleMode::Operational)?;
    let pair = bench.rsa(1024, anything(), anything())?;
    let sign = |mech| status(bench.send(sign_args(pair.private, mech, bytes(b"data"))));
    let encrypt = |mech| status(bench.send(encrypt_args(pair.public, mech, bytes(b"data"))));
    for mech in [Mech::Any, Mech::RSApPKCS1, Mech::RSAhSHA256pPKCS1] {
        is(sign(mech), Status::DeprecatedMechanism, &format!("{mech}"))?;
    }
    for mech in [Mech::Any, Mech::RSApPKCS1] {
        is(
            encrypt(mech),
            Status::DeprecatedMechanism,
            &format!("{mech}"),
        )?;
    }
    is(encrypt(Mech::RSApPKCS1OAEP), Status::OK, "OAEP")?;
    Ok(Outcome::Passed)
}

fn key_kinds(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = bring(&spare, Operational)?;
    let set = |idka| {
        status(bench.send(SetKMArgs {
            module: 1,
            flags: 0,
            idka,
        }))
    };
    let remove = |hkm| {
        status(bench.send(RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        }))
    };
    let km0 = bench.module_keys()?[0];
    let mut expected = vec![km0];
    for (type_, length) in [(KeyType::Rijndael, 16), (KeyType::Rijndael, 32)] {
        let key = bench
            .send(bench.key_args(random_params(type_, length), may(Op::USE_AS_KM)))?
            .key;
        is(set(key), Status::OK, "an AES key")?;
        is(set(key), Status::OK, "the same again")?;
        expected.push(bench.hash_of(key)?);
    }
    let params = KeyGenParams {
        type_: KeyType::DES3,
        params: KeyTypeGenParams::Empty,
    };
    let triple = bench.send(bench.key_args(params, may(Op::USE_AS_KM)))?.key;
    is(set(triple), Status::OK, "a Triple DES key")?;
    expected.push(bench.hash_of(triple)?);
    is(bench.module_keys()?, expected.clone(), "the module keys")?;

    let hmac = bench
        .send(bench.key_args(random_params(KeyType::HMACSHA256, 32), may(Op::USE_AS_KM)))?
        .key;
    is(set(hmac), Status::TypeMismatch, "an HMAC key")?;
    let pair = bench.rsa(512, may(Op::USE_AS_KM), may(Op::USE_AS_KM))?;
    is(set(pair.private), Status::TypeMismatch, "an RSA key")?;
    is(set(pair.private ^ 0x0f0f_0f0f), Status::UnknownID, "no key")?;
    is(
        remove([0x77; 20]),
        Status::UnknownKM,
        "a key that is not there",
    )?;
    is(remove(NULL_AES), Status::UnknownKM, "a null module key")?;
    is(remove(km0), Status::InvalidParameter, "KM0")?;
    is(remove(expected[2]), Status::OK, "one of them")?;
    is(remove(expected[2]), Status::UnknownKM, "the same again")?;
    expected.remove(2);
    is(bench.module_keys()?, expected, "the module keys at last")?;
    Ok(Outcome::Passed)
}

fn reinitialised(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    let bench = bring(&spare, Operational)?;
    let km = bench.aes(may(Op::USE_AS_KM))?;
    bench.send(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    })?;
    let keys = bench.module_keys()?;
    is(keys.len(), 2, "module keys")?;
    bench.send(ClearUnitArgs { module: 1 })?;
    is(
        bench.module_keys()?,
        keys.clone(),
        "the module keys after a reset",
    )?;
    let before = Instant::now();
    spare.initialise(1)?;
    ensure!(
        before.elapsed() < Duration::from_secs(20),
        "initialisation takes too long"
    );
    let list = bench.send(GetKMListArgs {
        module: 1,
        flags: 0,
    })?;
    is(list.hknso, [0; 20], "hknso")?;
    is(list.hkms.len(), 1, "module keys")?;
    ensure!(!keys.contains(&list.hkms[0]), "KM0 is the old one");
    Ok(Outcome::Passed)
}
