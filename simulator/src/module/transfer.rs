//! Keys in the clear, copies and removal: Cmd_Import, Cmd_Export, Cmd_Duplicate, Cmd_Destroy.

use ncore::types::{
    ActOpPermissionsDetails, DestroyArgs, DuplicateArgs, DuplicateReply, ExportArgs, ExportReply,
    ImportArgs, ImportReply, NSOPerms,
};

use super::acl::admit;
use super::call::{Call, Outcome, body, done, later};
use super::key::Key;
use super::objects::Object;
use super::strict;
use crate::crypto::KeyMaterial;

/// Cmd_Import: checks everything about the key that can be checked, primes included. StrictFIPS140 for a secret or private
/// key in a world of FIPS 140 level 3.
pub(super) fn import(call: Call, mut args: ImportArgs) -> Outcome {
    call.permit_module_operation(NSOPerms::OPS_ORIGINATE_KEY)?;
    admit(&mut args.acl, &mut call.stream("limit names"))?;
    later(move || {
        let material = KeyMaterial::import(call.module.engine(), &args.data)?;
        strict::check_plain(&call, &material)?;
        let key = Key::new(material, args.acl, args.appdata, call.uptime());
        Ok(ImportReply {
            key: call.insert(0, Object::Key(key.into()))?,
        }
        .into())
    })
}

/// Cmd_Export: StrictFIPS140 for a secret or private key in a world of FIPS 140 level 3.
pub(super) fn export(call: Call, args: ExportArgs) -> Outcome {
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::EXPORT_AS_PLAIN)?;
    strict::check_plain(&call, &key.material)?;
    body(ExportReply {
        data: key.material.to_key_data(),
    })
}

/// Cmd_Duplicate.
pub(super) fn duplicate(call: Call, args: DuplicateArgs) -> Outcome {
    let key = call.key(args.key)?;
    call.permit_operation(&key, ActOpPermissionsDetails::DUPLICATE_HANDLE)?;
    let copy = Object::Key(key.duplicate().into());
    body(DuplicateReply {
        newkey: call.insert(0, copy)?,
    })
}

/// Cmd_Destroy: drops a handle to an object of any kind. The object itself goes with its last handle.
pub(super) fn destroy(call: Call, args: DestroyArgs) -> Outcome {
    call.change(|inner| inner.objects.remove(call.client.ordinal, args.key))?;
    call.module.statistics.objects_destroyed.add(1);
    done()
}
