//! What a key tells about itself: Cmd_GetKeyInfo, Cmd_GetKeyInfoEx, Cmd_GetACL, Cmd_SetACL, Cmd_GetAppData,
//! Cmd_SetAppData.

use ncore::Status;
use ncore::types::{
    ActOpPermissionsDetails, GetACLArgs, GetACLReply, GetAppDataArgs, GetAppDataReply,
    GetKeyInfoArgs, GetKeyInfoExArgs, GetKeyInfoExReply, GetKeyInfoReply, KeyHashMech, Nested,
    SetACLArgs, SetAppDataArgs,
};

use super::acl::{admit, is_subset};
use super::call::{Call, Outcome, body, check_flags, done};
use super::strict;

/// Cmd_GetKeyInfo: needs no permission.
pub(super) fn key_info(call: Call, args: GetKeyInfoArgs) -> Outcome {
    let key = call.key(args.key)?;
    body(GetKeyInfoReply {
        type_: key.key_type(),
        hash: key.hash,
    })
}

/// Cmd_GetKeyInfoEx: the length in bits too, and the hash by SHA-256.
pub(super) fn key_info_ex(call: Call, args: GetKeyInfoExArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    body(GetKeyInfoExReply {
        ver: 0,
        flags: 0,
        type_: key.key_type(),
        length: key.material.length_bits(),
        hash: key.hash,
        hashex: key.material.hash_ex(KeyHashMech::SHA256Hash)?,
    })
}

/// Cmd_GetACL.
pub(super) fn acl(call: Call, args: GetACLArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::GET_ACL)?;
    body(GetACLReply {
        acl: Nested((*key.acl()).clone()),
    })
}

/// Cmd_SetACL: anything with ExpandACL, less than before with ReduceACL.
pub(super) fn set_acl(call: Call, mut args: SetACLArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.key)?;
    admit(&mut args.newacl, &mut call.stream("limit names"))?;
    if !key.material.is_public() {
        strict::check_acl(&call, &args.newacl)?;
    }
    let expand = call.permit_operation(&key, ActOpPermissionsDetails::EXPAND_ACL);
    if expand.is_err() {
        call.permit_operation(&key, ActOpPermissionsDetails::REDUCE_ACL)?;
        if !is_subset(&args.newacl, &key.acl()) {
            return Err(Status::AccessDenied);
        }
    }
    call.note_counted(&args.newacl);
    key.set_acl(args.newacl);
    done()
}

/// Cmd_GetAppData.
pub(super) fn appdata(call: Call, args: GetAppDataArgs) -> Outcome {
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::GET_APP_DATA)?;
    body(GetAppDataReply {
        appdata: key.appdata(),
    })
}

/// Cmd_SetAppData.
pub(super) fn set_appdata(call: Call, args: SetAppDataArgs) -> Outcome {
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::SET_APP_DATA)?;
    key.set_appdata(args.appdata);
    done()
}
