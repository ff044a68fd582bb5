//! Non-volatile memory: Cmd_NVMemAlloc, Cmd_NVMemFree, Cmd_NVMemList, Cmd_NVMemOp (PROTOCOL section 4.6).
//!
//! Making a file is the security officer's, or whoever it delegates that to. Everything that is done with one is judged by
//! the file's own list. A change is answered when it is on the disk.

use ncore::Status;
use ncore::types::{
    ActNVMemOpPermsDetails as Perms, NSOPerms, NVMemAllocArgs, NVMemFreeArgs, NVMemListArgs,
    NVMemListReply, NVMemOpArgs, NVMemOpReply, NVMemOpType as Op, NVMemOpTypeGetACLOpRes,
    NVMemOpTypeOpRes, NVMemOpTypeOpVal as Value, NVMemOpTypeReadOpRes, ReplyBody,
};

use super::acl::{Wanted, admit};
use super::call::{Call, Outcome, check_flags, later};
use super::nvram::{Change, FileId, Nvram, Part};

/// Cmd_NVMemAlloc.
pub(super) fn allocate(call: Call, mut args: NVMemAllocArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    check_flags(args.info.flags, 0)?;
    admit(&mut args.acl, &mut call.stream("limit names"))?;
    call.permit_module_operation(NSOPerms::OPS_NV_MEM_ALLOC)?;
    later(move || {
        call.change_nvram(|nvram| nvram.allocate(args.info.id, args.info.length, args.acl))?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_NVMemFree: for those to whom the file's list gives it, and for the security officer.
pub(super) fn free(call: Call, args: NVMemFreeArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        call.change_nvram(|nvram| {
            permit(&call, nvram, &args.name, &plainly(Perms::FREE)).or_else(
                |status| match status {
                    Status::AccessDenied => call.permit_module_operation(NSOPerms::OPS_NV_MEM_FREE),
                    _ => Err(status),
                },
            )?;
            nvram.free(&args.name)
        })?;
        call.module.counters.forget_file(&args.name);
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_NVMemList: for anyone.
pub(super) fn list(call: Call, args: NVMemListArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        let infos = call.module.nvram().list();
        Ok(NVMemListReply { flags: 0, infos }.into())
    })
}

/// Cmd_NVMemOp.
pub(super) fn operate(call: Call, args: NVMemOpArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        let res = operation(&call, &args)?;
        if !matches!(args.op, Op::Read | Op::GetACL) {
            call.module.counters.forget_file(&args.name);
        }
        Ok(NVMemOpReply { op: args.op, res }.into())
    })
}

fn operation(call: &Call, args: &NVMemOpArgs) -> Result<NVMemOpTypeOpRes, Status> {
    let name = &args.name;
    // These are about the file as a whole.
    match (args.op, &args.val) {
        (Op::GetACL, _) => {
            let nvram = call.module.nvram();
            permit(call, &nvram, name, &plainly(Perms::GET_ACL))?;
            let acl = (*nvram.acl(name)?).clone();
            return Ok(NVMemOpTypeOpRes::GetACL(NVMemOpTypeGetACLOpRes { acl }));
        }
        (Op::Free, _) => {
            call.change_nvram(|nvram| {
                permit(call, nvram, name, &plainly(Perms::FREE))?;
                nvram.free(name)
            })?;
            return Ok(NVMemOpTypeOpRes::Empty);
        }
        (Op::Resize, Value::Resize(value)) => {
            call.change_nvram(|nvram| {
                permit(call, nvram, name, &plainly(Perms::RESIZE))?;
                nvram.resize(name, value.size)
            })?;
            return Ok(NVMemOpTypeOpRes::Empty);
        }
        _ => {}
    }
    let range = || args.range.clone();
    if args.op == Op::Read {
        let nvram = call.module.nvram();
        let part = nvram.part(name, range())?;
        permit(call, &nvram, name, &on(Perms::READ, part, None))?;
        return read(&nvram, name, part);
    }
    let (perms, step, change) = match &args.val {
        Value::Write(value) => (Perms::WRITE, None, Change::Write(&value.data)),
        Value::Incr(value) => (
            Perms::INCR,
            Some(value.count),
            Change::Increase(value.count),
        ),
        Value::Decr(value) => (
            Perms::DECR,
            Some(value.count),
            Change::Decrease(value.count),
        ),
        Value::BitSet(value) => (Perms::BIT_SET, None, Change::SetBits(&value.data)),
        Value::BitClear(value) => (Perms::BIT_CLEAR, None, Change::ClearBits(&value.data)),
        Value::Resize(_) | Value::Empty => return Err(Status::UnknownParameter),
    };
    let reads = matches!(
        args.op,
        Op::IncrRead | Op::DecrRead | Op::BitSetRead | Op::BitClearRead
    );
    let perms = if reads { perms | Perms::READ } else { perms };
    call.change_nvram(|nvram| {
        let part = nvram.part(name, range())?;
        permit(call, nvram, name, &on(perms, part, step))?;
        nvram.change(name, part, change)?;
        if reads {
            read(nvram, name, part)
        } else {
            Ok(NVMemOpTypeOpRes::Empty)
        }
    })
}

fn read(nvram: &Nvram, name: &FileId, part: Part) -> Result<NVMemOpTypeOpRes, Status> {
    let data = nvram.read(name, part)?;
    Ok(NVMemOpTypeOpRes::Read(NVMemOpTypeReadOpRes { data }))
}

fn permit(call: &Call, nvram: &Nvram, name: &FileId, wanted: &Wanted<'_>) -> Result<(), Status> {
    call.permit_by(&*nvram.acl(name)?, wanted)
}

/// An operation on a file as a whole.
fn plainly(perms: u32) -> Wanted<'static> {
    Wanted::NvMem {
        perms,
        part: None,
        step: None,
    }
}

/// An operation on a part of a file.
fn on(perms: u32, part: Part, step: Option<u32>) -> Wanted<'static> {
    Wanted::NvMem {
        perms,
        part: Some((part.first, part.last)),
        step,
    }
}
