//! Areas of non-volatile memory, on hardservers of the cases' own: making them is a security officer's.

use anyhow::{Context as _, bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::{EVERYTHING, Spare};
use crate::wire::Wire;

const NVRAM: &str = "PROTOCOL, section 4.6";
const PERMS: &str = "PROTOCOL, section 4.3; nCore API: Act_NVMemOpPerms";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "nvram.areas.life",
        "An area begins as zeros, is listed for anyone, and ends when it is freed",
        NVRAM,
        life,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::NVMemAlloc),
        denies(Cmd::NVMemAlloc, Status::AlreadyExists),
        denies(Cmd::NVMemAlloc, Status::InvalidParameter),
        denies(Cmd::NVMemAlloc, Status::UnknownFlag),
        replies(Cmd::NVMemList),
        denies(Cmd::NVMemList, Status::UnknownFlag),
        replies(Cmd::NVMemFree),
        denies(Cmd::NVMemFree, Status::UnknownID),
        replies(Cmd::NVMemOp),
        denies(Cmd::NVMemOp, Status::UnknownID),
    ]),
    Case::new(
        "nvram.memory.finite",
        "Areas fit the memory together, and a freed one makes room",
        NVRAM,
        finite,
    )
    .needs(&[Need::Control])
    .covers(&[denies(Cmd::NVMemAlloc, Status::NoModuleMemory)]),
    Case::new(
        "nvram.operations.every",
        "Each operation changes the range that it names and nothing else",
        "PROTOCOL, section 4.6; nCore API: M_NVMemOpType",
        operations_every,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::NVMemOp),
        denies(Cmd::NVMemOp, Status::OutOfRange),
        denies(Cmd::NVMemOp, Status::InvalidParameter),
    ]),
    Case::new(
        "nvram.list.permissions",
        "Each operation needs its own bit in the area's list",
        PERMS,
        permissions,
    )
    .needs(&[Need::Control])
    .covers(&[denies(Cmd::NVMemOp, Status::AccessDenied)]),
    Case::new(
        "nvram.list.ranges",
        "A list allows a part, exactly a range, or steps up to a limit",
        PERMS,
        ranges,
    )
    .needs(&[Need::Control])
    .covers(&[denies(Cmd::NVMemOp, Status::AccessDenied)]),
    Case::new(
        "nvram.limit.counts",
        "A key's uses are counted in its area, through resets and restarts, and end with the limit",
        "CAPI guide, section 9; PROTOCOL, section 4.3",
        limit_counts,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::Encrypt),
        denies(Cmd::Encrypt, Status::UseLimitExceeded),
        denies(Cmd::Encrypt, Status::UseLimitsUnavailable),
        denies(Cmd::Encrypt, Status::AccessDenied),
    ]),
    Case::new(
        "nvram.officer.alone",
        "Where the officer reserved it, nobody else makes or frees an area",
        "PROTOCOL, sections 4.2 and 4.6",
        officer_alone,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::NVMemAlloc, Status::AccessDenied),
        denies(Cmd::NVMemFree, Status::AccessDenied),
    ]),
    Case::new(
        "nvram.initialise.erased",
        "Areas survive a reset and a restart, and initialisation erases all of them",
        "CAPI guide, section 9",
        erased,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::NVMemList), replies(Cmd::InitialiseUnit)]),
    Case::new(
        "nvram.poll.counts",
        "A module counts the changes of its memory and its resets, each for itself",
        "nCore API: Cmd_PollModuleState",
        poll_counts,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::PollModuleState),
        denies(Cmd::PollModuleState, Status::UnknownFlag),
    ]),
];

const NAME: [u8; 11] = *b"counter\0\0\0\0";

type Perms = ActNVMemOpPermsDetails;

fn life(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    bench.send(area(NAME, 6, every()))?;
    is(read(&bench, None)?, vec![0; 6], "a new area")?;
    let taken = bench.send(area(NAME, 6, every()));
    is(status(taken), Status::AlreadyExists, "the same name again")?;
    let empty = bench.send(area([1; 11], 0, every()));
    is(
        status(empty),
        Status::InvalidParameter,
        "an area of no bytes",
    )?;
    let flags = NVMemAllocArgs {
        flags: 0x8000,
        ..area([1; 11], 1, every())
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    let info = FileInfo {
        flags: 0,
        length: 6,
        id: NAME,
    };
    is(areas(&bench)?, vec![info], "the areas")?;
    let flags = NVMemListArgs {
        module: 1,
        flags: 1,
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    bench.send(free())?;
    is(areas(&bench)?, vec![], "the areas after the end")?;
    is(status(bench.send(free())), Status::UnknownID, "freed twice")?;
    let gone = bench.send(operation(NVMemOpType::Read, NVMemOpTypeOpVal::Empty, None));
    is(status(gone), Status::UnknownID, "an area that is gone")?;
    Ok(Outcome::Passed)
}

/// How large the memory is depends on the unit, and no command tells: the largest area that the module takes does.
fn finite(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let mut largest = 1 << 30;
    loop {
        match status(bench.send(area(NAME, largest, every()))) {
            Status::OK => break,
            Status::NoModuleMemory => largest /= 2,
            other => bail!("an area of {largest} bytes: {other}"),
        }
        ensure!(largest >= 2048, "not even an area of 2048 bytes");
    }
    bench.send(free())?;
    let length = largest / 8;
    let mut made = 0;
    loop {
        let mut id = [0; 11];
        id[0] = made + 1;
        match status(bench.send(area(id, length, every()))) {
            Status::OK => made += 1,
            Status::NoModuleMemory => break,
            other => bail!("area {made}: {other}"),
        }
        ensure!(
            made <= 16,
            "twice {largest} bytes do not fit, and smaller areas have no end"
        );
    }
    // Beside its content each area takes its list.
    ensure!(made >= 4, "only {made} areas of {length} bytes");
    is(areas(&bench)?.len(), usize::from(made), "the areas")?;
    let mut first = free();
    first.name = [0; 11];
    first.name[0] = 1;
    bench.send(first)?;
    bench.send(area(NAME, length, every()))?;
    Ok(Outcome::Passed)
}

fn operations_every(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    bench.send(area(NAME, 8, every()))?;
    let range = |first, last| Some(NVMemRange { first, last });
    let write = |data: Vec<u8>| NVMemOpTypeOpVal::Write(NVMemOpTypeWriteOpVal { data });
    let up = |count| NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count });
    let down = |count| NVMemOpTypeOpVal::Decr(NVMemOpTypeDecrOpVal { count });
    let set = |data: Vec<u8>| NVMemOpTypeOpVal::BitSet(NVMemOpTypeBitSetOpVal { data });
    let clear = |data: Vec<u8>| NVMemOpTypeOpVal::BitClear(NVMemOpTypeBitClearOpVal { data });
    // Each operation, and the eight bytes after it.
    let script = [
        (
            operation(
                NVMemOpType::Write,
                write(vec![1, 2, 3, 4, 5, 6, 7, 8]),
                None,
            ),
            [1, 2, 3, 4, 5, 6, 7, 8],
        ),
        (
            operation(NVMemOpType::Write, write(vec![0xff, 0xff]), range(2, 3)),
            [1, 2, 0xff, 0xff, 5, 6, 7, 8],
        ),
        (
            operation(NVMemOpType::Incr, up(1), range(2, 4)),
            [1, 2, 0, 0, 6, 6, 7, 8],
        ),
        (
            operation(NVMemOpType::Decr, down(2), range(2, 4)),
            [1, 2, 0xfe, 0xff, 5, 6, 7, 8],
        ),
        (
            operation(NVMemOpType::BitSet, set(vec![0x81]), range(0, 0)),
            [0x81, 2, 0xfe, 0xff, 5, 6, 7, 8],
        ),
        (
            operation(NVMemOpType::BitClear, clear(vec![0x01, 0xff]), range(0, 1)),
            [0x80, 0, 0xfe, 0xff, 5, 6, 7, 8],
        ),
    ];
    for (args, expected) in script {
        let op = args.op;
        bench.send(args)?;
        is(
            read(&bench, None)?,
            expected.to_vec(),
            &format!("after {op}"),
        )?;
    }
    // Those that read give the range as it is afterwards.
    let reading = [
        (
            operation(NVMemOpType::IncrRead, up(3), range(4, 5)),
            vec![8, 6],
        ),
        (
            operation(NVMemOpType::DecrRead, down(1), range(4, 5)),
            vec![7, 6],
        ),
        (
            operation(NVMemOpType::BitSetRead, set(vec![8]), range(4, 4)),
            vec![15],
        ),
        (
            operation(NVMemOpType::BitClearRead, clear(vec![3]), range(4, 4)),
            vec![12],
        ),
    ];
    for (args, expected) in reading {
        let op = args.op;
        is(data(bench.send(args)?.res)?, expected, &format!("{op}"))?;
    }
    let before = read(&bench, None)?;
    let refused = [
        (
            operation(NVMemOpType::Incr, up(u32::MAX), range(0, 1)),
            Status::OutOfRange,
        ),
        (
            operation(NVMemOpType::Decr, down(0x100), range(7, 7)),
            Status::OutOfRange,
        ),
        (
            operation(NVMemOpType::Incr, up(1), range(7, 8)),
            Status::OutOfRange,
        ),
        (
            operation(NVMemOpType::Read, NVMemOpTypeOpVal::Empty, range(3, 2)),
            Status::OutOfRange,
        ),
        (
            operation(NVMemOpType::Write, write(vec![1]), range(0, 1)),
            Status::InvalidParameter,
        ),
        (
            operation(NVMemOpType::BitSet, set(vec![1]), None),
            Status::InvalidParameter,
        ),
    ];
    for (args, expected) in refused {
        let what = format!("{} of {:?}", args.op, args.range);
        is(status(bench.send(args)), expected, &what)?;
    }
    is(
        read(&bench, None)?,
        before.clone(),
        "after what was refused",
    )?;
    let size = |size| {
        let value = NVMemOpTypeOpVal::Resize(NVMemOpTypeResizeOpVal { size });
        operation(NVMemOpType::Resize, value, None)
    };
    bench.send(size(10))?;
    is(read(&bench, range(8, 9))?, vec![0, 0], "what was added")?;
    bench.send(size(2))?;
    is(read(&bench, None)?, before[..2].to_vec(), "what is left")?;
    Ok(Outcome::Passed)
}

fn permissions(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let one = || NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count: 1 });
    let bits = || NVMemOpTypeOpVal::BitSet(NVMemOpTypeBitSetOpVal { data: vec![1] });
    let rest = || NVMemOpTypeOpVal::BitClear(NVMemOpTypeBitClearOpVal { data: vec![1] });
    let back = || NVMemOpTypeOpVal::Decr(NVMemOpTypeDecrOpVal { count: 1 });
    let new = || NVMemOpTypeOpVal::Write(NVMemOpTypeWriteOpVal { data: vec![1] });
    let size = || NVMemOpTypeOpVal::Resize(NVMemOpTypeResizeOpVal { size: 1 });
    let table = [
        (NVMemOpType::Write, new(), Perms::WRITE),
        (NVMemOpType::Read, NVMemOpTypeOpVal::Empty, Perms::READ),
        (NVMemOpType::Incr, one(), Perms::INCR),
        (NVMemOpType::IncrRead, one(), Perms::INCR | Perms::READ),
        (NVMemOpType::Decr, back(), Perms::DECR),
        (NVMemOpType::DecrRead, back(), Perms::DECR | Perms::READ),
        (NVMemOpType::BitSet, bits(), Perms::BIT_SET),
        (
            NVMemOpType::BitSetRead,
            bits(),
            Perms::BIT_SET | Perms::READ,
        ),
        (NVMemOpType::BitClear, rest(), Perms::BIT_CLEAR),
        (
            NVMemOpType::BitClearRead,
            rest(),
            Perms::BIT_CLEAR | Perms::READ,
        ),
        (NVMemOpType::Resize, size(), Perms::RESIZE),
        (NVMemOpType::GetACL, NVMemOpTypeOpVal::Empty, Perms::GET_ACL),
        (NVMemOpType::Free, NVMemOpTypeOpVal::Empty, Perms::FREE),
    ];
    for (op, val, needed) in table {
        // Each single bit that is needed is missing once; then all are there and no other.
        let bits = (0..32).map(|bit| 1 << bit).filter(|bit| needed & bit != 0);
        for missing in bits {
            bench.send(area(NAME, 1, perms(Perms::KNOWN_PERMS & !missing)))?;
            // A number that can be counted down.
            let prepared = operation(NVMemOpType::Incr, one(), None);
            let counted = status(bench.send(prepared));
            ensure!(
                matches!(counted, Status::OK | Status::AccessDenied),
                "{counted}"
            );
            let denied = bench.send(operation(op, val.clone(), None));
            is(
                status(denied),
                Status::AccessDenied,
                &format!("{op} without {missing:#x}"),
            )?;
            bench.send(free())?;
        }
        bench.send(area(NAME, 1, perms(needed | Perms::INCR)))?;
        bench.send(operation(NVMemOpType::Incr, one(), None))?;
        bench.send(operation(op, val, None))?;
        if op != NVMemOpType::Free {
            bench.send(free())?;
        }
    }
    Ok(Outcome::Passed)
}

fn ranges(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench) = bench(rig)?;
    let up = |count, first, last| {
        let value = NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count });
        operation(NVMemOpType::Incr, value, Some(NVMemRange { first, last }))
    };
    let check = |details: Perms, allowed: &[(u32, u32, u32)], refused: &[(u32, u32, u32)]| {
        bench.send(area(NAME, 16, file(details)))?;
        for &(count, first, last) in allowed {
            bench.send(up(count, first, last))?;
        }
        for &(count, first, last) in refused {
            let what = format!("{count} at {first} to {last}");
            is(
                status(bench.send(up(count, first, last))),
                Status::AccessDenied,
                &what,
            )?;
        }
        bench.send(free())?;
        anyhow::Ok(())
    };
    let part = NVMemRange { first: 4, last: 11 };
    let incr = Perms {
        perms: Perms::INCR,
        ..Perms::default()
    };
    check(
        Perms {
            subrange: Some(part.clone()),
            ..incr.clone()
        },
        &[(1, 4, 11), (1, 5, 5), (1, 11, 11)],
        &[(1, 3, 11), (1, 4, 12), (1, 0, 15), (1, 0, 0)],
    )?;
    check(
        Perms {
            exactrange: Some(part),
            ..incr.clone()
        },
        &[(1, 4, 11)],
        &[(1, 5, 11), (1, 4, 10), (1, 0, 15)],
    )?;
    check(
        Perms {
            incdeclimit: Some(5),
            ..incr
        },
        &[(5, 0, 7), (0, 0, 7), (4, 0, 7)],
        &[(6, 0, 7), (u32::MAX, 0, 7)],
    )?;
    Ok(Outcome::Passed)
}

fn limit_counts(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    spare.initialise(1)?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    let bench = Bench::at(spare.wire()?, 1);
    let range = NVMemRange { first: 0, last: 3 };
    let limited = UseLimit {
        type_: UseLim::NonVolatile,
        details: UseLimDetails::NonVolatile(UseLimNonVolatileDetails {
            flags: 0,
            file: NAME,
            range: range.clone(),
            maxlo: 5,
            maxhi: 0,
            prefetch: 2,
        }),
    };
    let counted = PermissionGroup {
        limits: vec![limited],
        ..group(vec![operations(Op::ENCRYPT)])
    };
    let kept = group(vec![blob_flags(ActMakeBlobDetails::ALLOW_KM_ONLY)]);
    let key = bench.aes(list(vec![counted.clone(), kept]))?;
    let other = bench.aes(list(vec![counted]))?;
    let encrypt =
        |bench: &Bench, key| status(bench.send(encrypt_args(key, Mech::Any, bytes(b"counted"))));
    is(
        encrypt(&bench, key),
        Status::UseLimitsUnavailable,
        "a use without the area",
    )?;
    let counting = Action {
        type_: Act::NVMemUseLimit,
        details: ActDetails::NVMemUseLimit(ActNVMemUseLimitDetails {
            flags: 0,
            range: range.clone(),
            hks: vec![bench.hash_of(key)?],
        }),
    };
    let reading = Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(Perms {
            perms: Perms::READ,
            ..Perms::default()
        }),
    };
    bench.send(area(NAME, 4, list(vec![group(vec![counting, reading])])))?;
    is(
        encrypt(&bench, other),
        Status::AccessDenied,
        "a key that the area does not name",
    )?;
    let hkms = bench.module_keys()?;
    let hkm = *hkms.first().context("no KM0")?;
    let blob = bench
        .send(MakeBlobArgs {
            format: BlobFormat::Module,
            idka: key,
            blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
            ..MakeBlobArgs::default()
        })?
        .blob;
    is(encrypt(&bench, key), Status::OK, "the first use")?;
    is(read(&bench, None)?, vec![2, 0, 0, 0], "two are reserved")?;
    is(encrypt(&bench, key), Status::OK, "the second use")?;
    is(encrypt(&bench, key), Status::OK, "the third use")?;
    is(read(&bench, None)?, vec![4, 0, 0, 0], "two more")?;
    spare.restart()?;
    let bench = Bench::at(spare.wire()?, 1);
    let key = bench
        .send(LoadBlobArgs {
            module: 1,
            blob,
            ..LoadBlobArgs::default()
        })?
        .idka;
    is(encrypt(&bench, key), Status::OK, "the last use")?;
    is(
        encrypt(&bench, key),
        Status::UseLimitExceeded,
        "one too many",
    )?;
    is(read(&bench, None)?, vec![5, 0, 0, 0], "all uses")?;
    Ok(Outcome::Passed)
}

fn officer_alone(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let bench = spare.wire()?;
    // While there is no officer, everything is permitted.
    bench.send(area(NAME, 4, perms(Perms::READ)))?;
    let reserved = NSOPerms::OPS_NV_MEM_ALLOC | NSOPerms::OPS_NV_MEM_FREE;
    spare.operate(1, [7; 20], EVERYTHING & !reserved)?;
    let bench = spare.wire()?;
    let made = bench.send(area([1; 11], 4, every()));
    is(status(made), Status::AccessDenied, "an area")?;
    is(
        status(bench.send(free())),
        Status::AccessDenied,
        "the end of one",
    )?;
    is(read(&bench, None)?, vec![0; 4], "the area")?;
    Ok(Outcome::Passed)
}

fn erased(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    spare.initialise(1)?;
    spare.wire()?.send(area(NAME, 4, every()))?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    let up = NVMemOpTypeOpVal::Incr(NVMemOpTypeIncrOpVal { count: 9 });
    let bench = spare.wire()?;
    bench.send(operation(NVMemOpType::Incr, up, None))?;
    spare.privileged()?.send(ClearUnitArgs { module: 1 })?;
    is(
        read(&spare.wire()?, None)?,
        vec![9, 0, 0, 0],
        "after a reset",
    )?;
    spare.restart()?;
    is(
        read(&spare.wire()?, None)?,
        vec![9, 0, 0, 0],
        "after a restart",
    )?;
    spare.initialise(1)?;
    is(areas(&spare.wire()?)?, vec![], "after initialisation")?;
    spare.restart()?;
    is(
        areas(&spare.wire()?)?,
        vec![],
        "after initialisation and a restart",
    )?;
    Ok(Outcome::Passed)
}

fn poll_counts(rig: &Rig) -> anyhow::Result<Outcome> {
    let (spare, bench) = bench(rig)?;
    let poll = |bench: &Wire| {
        let polled = bench.send(PollModuleStateArgs {
            module: 1,
            flags: 0,
        })?;
        anyhow::Ok((polled.stateevents, polled.nvmemevents))
    };
    let (resets, changes) = poll(&bench)?;
    is(poll(&bench)?, (resets, changes), "polled again")?;
    bench.send(area(NAME, 4, every()))?;
    is(poll(&bench)?, (resets, changes + 1), "after an area")?;
    read(&bench, None)?;
    is(poll(&bench)?, (resets, changes + 1), "after a look")?;
    bench.send(free())?;
    is(poll(&bench)?, (resets, changes + 2), "after its end")?;
    is(
        status(bench.send(free())),
        Status::UnknownID,
        "the end of none",
    )?;
    is(poll(&bench)?, (resets, changes + 2), "after a refusal")?;
    spare.privileged()?.send(ClearUnitArgs { module: 1 })?;
    let bench = spare.wire()?;
    is(poll(&bench)?, (resets + 1, changes + 2), "after a reset")?;
    let flags = PollModuleStateArgs {
        module: 1,
        flags: 1,
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    Ok(Outcome::Passed)
}

/// A hardserver with a module in operation where everything is public, and a connection to it.
fn bench(rig: &Rig) -> anyhow::Result<(Spare, Wire)> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    spare.operate(1, [7; 20], EVERYTHING)?;
    let wire = spare.wire()?;
    Ok((spare, wire))
}

fn file(details: Perms) -> ACL {
    list(vec![group(vec![Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(details),
    }])])
}

fn perms(perms: u32) -> ACL {
    file(Perms {
        perms,
        ..Perms::default()
    })
}

fn every() -> ACL {
    perms(Perms::KNOWN_PERMS)
}

fn area(id: [u8; 11], length: u32, acl: ACL) -> NVMemAllocArgs {
    NVMemAllocArgs {
        module: 1,
        flags: 0,
        info: FileInfo {
            flags: 0,
            length,
            id,
        },
        acl,
    }
}

fn free() -> NVMemFreeArgs {
    NVMemFreeArgs {
        module: 1,
        flags: 0,
        name: NAME,
    }
}

fn operation(op: NVMemOpType, val: NVMemOpTypeOpVal, range: Option<NVMemRange>) -> NVMemOpArgs {
    NVMemOpArgs {
        module: 1,
        flags: 0,
        name: NAME,
        range,
        op,
        val,
    }
}

fn read(bench: &Wire, range: Option<NVMemRange>) -> anyhow::Result<Vec<u8>> {
    data(
        bench
            .send(operation(NVMemOpType::Read, NVMemOpTypeOpVal::Empty, range))?
            .res,
    )
}

fn data(result: NVMemOpTypeOpRes) -> anyhow::Result<Vec<u8>> {
    match result {
        NVMemOpTypeOpRes::Read(read) => Ok(read.data),
        other => bail!("no bytes: {other:?}"),
    }
}

fn areas(bench: &Wire) -> anyhow::Result<Vec<FileInfo>> {
    let args = NVMemListArgs {
        module: 1,
        flags: 0,
    };
    Ok(bench.send(args)?.infos)
}
