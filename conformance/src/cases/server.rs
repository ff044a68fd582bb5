//! What the hardserver and its modules tell of themselves: NewEnquiry, NoOp, module keys, slots, polls, statistics.

use anyhow::{Context as _, ensure};
use ncore::types::*;

use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::{Rig, equal};
use crate::wire::denied;

/// A module number that no hardserver here has.
const NOWHERE: u32 = 4000;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "server.enquiry.levels",
        "Server and modules answer an enquiry at every level",
        "nCore API: Cmd_NewEnquiry",
        enquiry_levels,
    )
    .covers(&[replies(Cmd::NewEnquiry)]),
    Case::new(
        "server.enquiry.nowhere",
        "A module that is not there is told",
        "nCore API: Cmd_NewEnquiry",
        enquiry_nowhere,
    )
    .needs(&[])
    .covers(&[denies(Cmd::NewEnquiry, Status::InvalidModule)]),
    Case::new(
        "server.enquiry.emulator",
        "The enquiry says that this is an emulator that guards nothing",
        "nCore API: Cmd_NewEnquiry",
        enquiry_emulator,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::NewEnquiry)]),
    Case::new(
        "server.noop.module",
        "A module answers a command that does nothing",
        "nCore API: Cmd_NoOp",
        noop,
    )
    .covers(&[replies(Cmd::NoOp), denies(Cmd::NoOp, Status::InvalidModule)]),
    Case::new(
        "server.keys.list",
        "A module lists the security officer's key and its module keys",
        "nCore API: Cmd_GetKMList",
        keys_list,
    )
    .covers(&[
        replies(Cmd::GetKMList),
        denies(Cmd::GetKMList, Status::InvalidModule),
    ]),
    Case::new(
        "server.slots.list",
        "A module lists its slots",
        "nCore API: Cmd_GetSlotList, Cmd_GetSlotInfo",
        slots_list,
    )
    .covers(&[
        replies(Cmd::GetSlotList),
        denies(Cmd::GetSlotList, Status::InvalidModule),
        denies(Cmd::GetSlotInfo, Status::UnknownSlot),
    ]),
    Case::new(
        "server.poll.answers",
        "Polls answer",
        "nCore API: Cmd_PollModuleState, Cmd_PollSlotList",
        poll_answers,
    )
    .covers(&[
        replies(Cmd::PollModuleState),
        denies(Cmd::PollModuleState, Status::InvalidModule),
        replies(Cmd::PollSlotList),
        denies(Cmd::PollSlotList, Status::InvalidModule),
    ]),
    Case::new(
        "server.statistics.tree",
        "Every node of the statistics can be read, and its values are those the tree names",
        "nCore API: Cmd_StatEnumTree, Cmd_StatGetValues",
        statistics_tree,
    )
    .covers(&[replies(Cmd::StatEnumTree), replies(Cmd::StatGetValues)]),
    Case::new(
        "server.statistics.nowhere",
        "A node that is not there is refused",
        "nCore API: Cmd_StatEnumTree, Cmd_StatGetValues",
        statistics_nowhere,
    )
    .needs(&[])
    .covers(&[
        denies(Cmd::StatEnumTree, Status::UnknownParameter),
        denies(Cmd::StatGetValues, Status::UnknownParameter),
    ]),
    Case::new(
        "server.statistics.count",
        "Commands are counted",
        "nCore API: Cmd_StatGetValues",
        statistics_count,
    )
    .needs(&[])
    .covers(&[replies(Cmd::StatGetValues)]),
];

fn enquiry_levels(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for module in std::iter::once(0).chain(rig.target().usable_modules().iter().copied()) {
        for version in 0..=EnqVer::Six.0 {
            let reply = wire.send(NewEnquiryArgs {
                version,
                module,
                ..NewEnquiryArgs::default()
            })?;
            equal(
                (reply.module, reply.version),
                (module, EnqVer(version)),
                "module and level",
            )?;
        }
        let reply = wire.send(NewEnquiryArgs {
            version: 99,
            module,
            ..NewEnquiryArgs::default()
        })?;
        let EnqVerData::Six(data) = reply.data else {
            anyhow::bail!("level {} for 99", reply.version)
        };
        ensure!(
            !data.one.hardwareserial.is_empty(),
            "module {module} has no serial number"
        );
        ensure!(
            data.two.maxwrite >= 8192,
            "module {module} takes {} bytes",
            data.two.maxwrite
        );
    }
    Ok(Outcome::Passed)
}

fn enquiry_nowhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    denied(
        wire.send(NewEnquiryArgs {
            version: 6,
            module: NOWHERE,
            flags: 0,
        }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}

fn enquiry_emulator(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for module in [0, 1] {
        let reply = wire.send(NewEnquiryArgs {
            version: 6,
            module,
            flags: 0,
        })?;
        let EnqVerData::Six(data) = reply.data else {
            anyhow::bail!("level {} for 6", reply.version)
        };
        let name = data.five.productname;
        ensure!(
            name.contains("softshield") && name.contains("guards nothing"),
            "the product is {name:?}"
        );
    }
    Ok(Outcome::Passed)
}

fn noop(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for module in rig.target().usable_modules() {
        wire.send(NoOpArgs { module: *module })?;
    }
    denied(
        wire.send(NoOpArgs { module: NOWHERE }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}

fn keys_list(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let list = |module| wire.send(GetKMListArgs { module, flags: 0 });
    let mut worlds = Vec::new();
    for module in rig.target().usable_modules() {
        let reply = list(*module)?;
        ensure!(
            reply.hknso != [0; 20],
            "module {module} has no security officer"
        );
        ensure!(
            reply.hkms.len() >= 2,
            "module {module} has {} module keys",
            reply.hkms.len()
        );
        worlds.push((reply.hknso, reply.hkms[1]));
    }
    ensure!(
        worlds.windows(2).all(|pair| pair[0] == pair[1]),
        "the modules are not in one world"
    );
    denied(list(NOWHERE), Status::InvalidModule)?;
    Ok(Outcome::Passed)
}

fn slots_list(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let slots = wire.send(GetSlotListArgs { module })?.slots;
    let first = slots.first().context("the module has no slot")?;
    equal(first.type_, SlotType::SmartCard, "the type of slot 0")?;
    for (number, slot) in slots.iter().enumerate() {
        equal(
            (slot.token.module, slot.token.slot as usize),
            (module, number),
            "where the slot is",
        )?;
    }
    denied(
        wire.send(GetSlotInfoArgs { module, slot: 99 }),
        Status::UnknownSlot,
    )?;
    denied(
        wire.send(GetSlotListArgs { module: NOWHERE }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}

fn poll_answers(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    wire.send(PollModuleStateArgs { module, flags: 0 })?;
    let polled = wire.send(PollSlotListArgs { module, flags: 0 })?.slots;
    let listed = wire.send(GetSlotListArgs { module })?.slots;
    equal(
        polled.into_iter().map(|slot| slot.sld).collect::<Vec<_>>(),
        listed,
        "the slots",
    )?;
    denied(
        wire.send(PollModuleStateArgs {
            module: NOWHERE,
            flags: 0,
        }),
        Status::InvalidModule,
    )?;
    denied(
        wire.send(PollSlotListArgs {
            module: NOWHERE,
            flags: 0,
        }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}

fn statistics_tree(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let mut paths = vec![Vec::new()];
    let mut values = 0;
    while let Some(path) = paths.pop() {
        let tree = match wire.send(StatEnumTreeArgs {
            flags: 0,
            path_tags: path.clone(),
        }) {
            Ok(tree) => tree,
            // Connections come and go while the tree is walked.
            Err(_) if path.first() == Some(&StatNodeTag::Connections.0) => continue,
            Err(error) => return Err(error).with_context(|| format!("node {path:?}")),
        };
        let below = tree
            .subnodetags
            .iter()
            .map(|tag| [&path[..], &[*tag]].concat());
        paths.extend(below);
        ensure!(paths.len() < 10_000, "the tree does not end");
        if path.first() == Some(&StatNodeTag::Connections.0) {
            continue;
        }
        let reply = wire.send(StatGetValuesArgs {
            flags: 0,
            path_tags: path.clone(),
        })?;
        equal(&reply.statinfos, &tree.statinfos, "what the values are")?;
        equal(
            reply.values.len(),
            reply.statinfos.len(),
            "the number of values",
        )?;
        values += reply.values.len();
    }
    ensure!(values > 20, "there are {values} values in all");
    Ok(Outcome::Passed)
}

fn statistics_nowhere(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let path_tags = vec![StatNodeTag::PerModule.0, NOWHERE];
    denied(
        wire.send(StatEnumTreeArgs {
            flags: 0,
            path_tags: path_tags.clone(),
        }),
        Status::UnknownParameter,
    )?;
    denied(
        wire.send(StatGetValuesArgs {
            flags: 0,
            path_tags,
        }),
        Status::UnknownParameter,
    )?;
    Ok(Outcome::Passed)
}

fn statistics_count(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    let count = || -> anyhow::Result<u32> {
        let path_tags = vec![StatNodeTag::ServerGlobals.0];
        let reply = wire.send(StatGetValuesArgs {
            flags: 0,
            path_tags,
        })?;
        let at = reply
            .statinfos
            .iter()
            .position(|info| info.id == StatID::CmdCount);
        at.and_then(|at| reply.values.get(at))
            .copied()
            .context("commands are not counted")
    };
    let before = count()?;
    for _ in 0..10 {
        wire.send(GenerateRandomArgs { lenbytes: 1 })?;
    }
    let more = count()?.wrapping_sub(before);
    ensure!(more >= 11, "{more} commands were counted, and 11 were sent");
    Ok(Outcome::Passed)
}
