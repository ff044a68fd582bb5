//! Module keys: Cmd_SetKM, Cmd_RemoveKM, Cmd_GetKMList.

use ncore::Status;
use ncore::types::{
    ActOpPermissionsDetails, GetKMListArgs, GetKMListReply, KeyType, KeyTypeData, NSOPerms,
    RemoveKMArgs, ReplyBody, SetKMArgs,
};

use super::call::{Call, Outcome, body, check_flags, later};
use super::world::{self, ModuleKey};
use crate::crypto::KeyMaterial;

/// Most module keys.
const MAX_MODULE_KEYS: usize = 64;

/// Cmd_SetKM: a loaded AES or Triple DES key becomes a module key. One that is there already stays as it is.
pub(super) fn set_km(call: Call, args: SetKMArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.idka)?;
    call.permit_module_operation(NSOPerms::OPS_SET_KM)?;
    let new = module_key(&key.material)?;
    call.permit_operation(&key, ActOpPermissionsDetails::USE_AS_KM)?;
    later(move || {
        call.module.commit(|world, _| {
            call.still_valid()?;
            if world.module_key(&new.hash).is_some() {
                return Ok(());
            }
            if world.module_keys.len() >= MAX_MODULE_KEYS {
                return Err(Status::NoModuleMemory);
            }
            world.module_keys.push(new);
            Ok(())
        })?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_RemoveKM: UnknownKM if it is not there, InvalidParameter for KM0, which only an initialisation replaces.
pub(super) fn remove_km(call: Call, args: RemoveKMArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    call.permit_module_operation(NSOPerms::OPS_REMOVE_KM)?;
    later(move || {
        call.module.commit(|world, _| {
            call.still_valid()?;
            let place = world
                .module_keys
                .iter()
                .position(|key| key.hash == args.hkm)
                .ok_or(Status::UnknownKM)?;
            if place == 0 {
                return Err(Status::InvalidParameter);
            }
            world.module_keys.remove(place);
            Ok(())
        })?;
        Ok(ReplyBody::Empty)
    })
}

/// Cmd_GetKMList: hknso (zeros while there is none), then the module keys, KM0 first.
pub(super) fn km_list(call: Call, args: GetKMListArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let hkms = call.world.module_keys.iter().map(|key| key.hash).collect();
    body(GetKMListReply {
        flags: 0,
        hknso: call.world.officer_hash().unwrap_or_default(),
        hkms,
    })
}

/// A key as a module key: TypeMismatch if it is of another type than AES (Rijndael) and Triple DES.
///
/// A module key whose hash is that of a null module key would be confused with it, so it is refused too; no key has such
/// a hash except by a collision.
pub(super) fn module_key(material: &KeyMaterial) -> Result<ModuleKey, Status> {
    let secret = match (material.key_type(), material.to_key_data().data) {
        (KeyType::Rijndael, KeyTypeData::Random(data)) => data.k,
        (KeyType::DES3, KeyTypeData::DES3(data)) => data.k.to_vec(),
        _ => return Err(Status::TypeMismatch),
    };
    let hash = material.hash();
    if world::is_null(&hash) {
        return Err(Status::InvalidParameter);
    }
    Ok(ModuleKey { hash, secret })
}
