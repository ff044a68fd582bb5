//! MergeKeyIDs, UpdateMergedKey, GetWhichModule (PROTOCOL section 4.9).

use std::sync::Arc;

use ncore::types::{
    GetWhichModuleArgs, GetWhichModuleReply, KeyType, MergeKeyIDsArgs, MergeKeyIDsReply, Status,
    UpdateMergedKeyArgs, UpdateMergedKeyReply,
};

use super::Hardserver;
use super::clients::{Client, Location};
use super::dispatch::refuse_flags;
use super::merged::Merged;
use crate::module::KeyHash;

/// Most members of one merged key: far more than there are modules, far less than fits a message.
const MAX_MEMBERS: usize = 256;

/// MergeKeyIDs: one identifier for copies of one key.
pub(super) fn merge(
    server: &Hardserver,
    client: &Client,
    args: &MergeKeyIDsArgs,
) -> Result<MergeKeyIDsReply, Status> {
    if args.keys.is_empty() {
        return Err(Status::InvalidParameter);
    }
    let newkey = client.allocate();
    check_copies(server, client, &args.keys)?;
    client.remember(
        newkey,
        Location::Merged(Arc::new(Merged::new(args.keys.iter().copied()))),
    );
    Ok(MergeKeyIDsReply { newkey })
}

/// UpdateMergedKey: adds and removes members, drops those that are gone, and tells which are left.
pub(super) fn update(
    server: &Hardserver,
    client: &Client,
    args: &UpdateMergedKeyArgs,
) -> Result<UpdateMergedKeyReply, Status> {
    refuse_flags(args.flags)?;
    let Location::Merged(merged) = client.locate(args.mkey)? else {
        return Err(Status::InvalidMergedKey);
    };
    if !args.delkeys.iter().all(|&key| merged.has(key)) {
        return Err(Status::UnknownID);
    }
    // Members whose module failed are no standard of comparison: what is left of them cannot be asked.
    let stays = merged
        .alive(client)
        .unwrap_or_default()
        .into_iter()
        .map(|(_, key)| key);
    let compared: Vec<u32> = stays
        .filter(|key| !args.delkeys.contains(key))
        .chain(args.addkeys.iter().copied())
        .collect();
    check_copies(server, client, &compared)?;
    for &key in &args.delkeys {
        merged.remove(key);
    }
    merged.add(args.addkeys.iter().copied());
    Ok(UpdateMergedKeyReply {
        keys: merged.members(),
    })
}

/// GetWhichModule: the numbers of the modules where an object lives.
pub(super) fn which_module(
    server: &Hardserver,
    client: &Client,
    args: &GetWhichModuleArgs,
) -> Result<GetWhichModuleReply, Status> {
    let indices = match client.locate(args.key)? {
        Location::Module { index, .. } => vec![index],
        Location::Merged(merged) => merged
            .alive(client)?
            .into_iter()
            .map(|(index, _)| index)
            .collect(),
        Location::Pool(_) => {
            return Ok(GetWhichModuleReply {
                module: server.pool.number().into_iter().collect(),
            });
        }
    };
    let mut module: Vec<u32> = indices
        .into_iter()
        .map(|index| server.modules[index].number)
        .collect();
    module.sort_unstable();
    module.dedup();
    Ok(GetWhichModuleReply { module })
}

/// Checks that these are copies of one key: of one type and hash.
fn check_copies(server: &Hardserver, client: &Client, keys: &[u32]) -> Result<(), Status> {
    if keys.len() > MAX_MEMBERS {
        return Err(Status::InvalidParameter);
    }
    let mut first = None;
    for &key in keys {
        let identity = key_identity(server, client, key)?;
        if *first.get_or_insert(identity) != identity {
            return Err(Status::InvalidMergedKey);
        }
    }
    Ok(())
}

fn key_identity(
    server: &Hardserver,
    client: &Client,
    key: u32,
) -> Result<(KeyType, KeyHash), Status> {
    let Location::Module { index, .. } = client.locate(key)? else {
        return Err(Status::InvalidMergedKey);
    };
    // What is on the module and is no key has no copies either.
    let identity = server.modules[index]
        .unit
        .key_identity(client.ordinal(), key);
    identity.ok_or(Status::TypeMismatch)
}
