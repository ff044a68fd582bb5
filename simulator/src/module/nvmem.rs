//! Non-volatile memory: Cmd_NVMemAlloc, Cmd_NVMemFree, Cmd_NVMemList, Cmd_NVMemOp (PROTOCOL section 4.6).
//!
//! Making a file is the security officer's, or whoever it delegates that to. Everything that is done with one is judged by
//! the file's own list. A change is answered when it is on the disk.

use ncore::Status;
use ncore::types::{
    NSOPerms, NVMemAllocArgs, NVMemFreeArgs, NVMemListArgs, NVMemListReply, NVMemOpArgs,
    NVMemOpReply, NVMemOpTypeOpRes, NVMemRange, ReplyBody,
};

use super::acl::admit;
use super::area::{Area, Asked, FileId};
use super::call::{Call, Outcome, check_flags, later};

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
        erase(&call, &args.name)?;
        Ok(ReplyBody::Empty)
    })
}

/// Frees a file of the non-volatile memory.
pub(super) fn erase(call: &Call, name: &FileId) -> Result<(), Status> {
    match operation(call, name, &Asked::Free, None) {
        Err(Status::AccessDenied) => {
            call.permit_module_operation(NSOPerms::OPS_NV_MEM_FREE)?;
            call.change_nvram(|nvram| nvram.free(name))?;
            call.module.counters.forget_file(name);
            Ok(())
        }
        result => result.map(drop),
    }
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
        let asked = Asked::of(args.op, &args.val)?;
        let res = operation(&call, &args.name, &asked, args.range)?;
        Ok(NVMemOpReply { op: args.op, res }.into())
    })
}

/// Does what is asked of a file of the non-volatile memory.
pub(super) fn operation(
    call: &Call,
    name: &FileId,
    asked: &Asked<'_>,
    range: Option<NVMemRange>,
) -> Result<NVMemOpTypeOpRes, Status> {
    if asked.only_looks() {
        let nvram = call.module.nvram();
        let (acl, mut data) = (nvram.acl(name)?, nvram.data(name)?.to_vec());
        let area = Area {
            acl: &acl,
            most: data.len(),
            data: &mut data,
            full: Status::NoModuleMemory,
        };
        return area.operate(call, asked, range);
    }
    let res = call.change_nvram(|nvram| {
        let res = nvram.edit(name, |area| area.operate(call, asked, range))?;
        if let Asked::Free = asked {
            nvram.free(name)?;
        }
        Ok(res)
    })?;
    call.module.counters.forget_file(name);
    Ok(res)
}
