//! What is done with a list before it becomes an object's own.

use ncore::Status;
use ncore::types::{
    ACL, ActDetails, ActMakeArchiveBlobDetails, ActMakeBlobDetails, ActNVMemOpPermsDetails,
    ActOpPermissionsDetails, Action, MakeBlobFilePerms, PermissionGroup, UseLim, UseLimDetails,
    UseLimit,
};
use rand_core::Rng;

use super::LimitId;
use super::wanted::is_well_formed;
use crate::module::counters::Counter;

/// Checks a list that a command brings and gives each limit without a name (all zero) a private one.
///
/// Unknown flag bits are UnknownFlag; unknown actions and limits, the obsolete AuthOld limit, and limits whose range in
/// NVRAM can be no number, InvalidACL.
pub(crate) fn admit(acl: &mut ACL, names: &mut impl Rng) -> Result<(), Status> {
    for group in &mut acl.groups {
        if group.flags & !PermissionGroup::KNOWN_FLAGS != 0 {
            return Err(Status::UnknownFlag);
        }
        group.actions.iter().try_for_each(admit_action)?;
        for limit in &mut group.limits {
            if let Some(id) = admit_limit(limit)?
                && *id == LimitId::default()
            {
                names.fill_bytes(id);
            }
        }
    }
    Ok(())
}

fn admit_action(action: &Action) -> Result<(), Status> {
    if !is_well_formed(action) {
        return Err(Status::InvalidACL);
    }
    let unknown = match &action.details {
        ActDetails::OpPermissions(details) => details.perms & !ActOpPermissionsDetails::KNOWN_PERMS,
        ActDetails::MakeBlob(details) => {
            details.flags & !ActMakeBlobDetails::KNOWN_FLAGS
                | unknown_of_file(details.blobfile.as_ref())
        }
        ActDetails::MakeArchiveBlob(details) => {
            details.flags & !ActMakeArchiveBlobDetails::KNOWN_FLAGS
                | unknown_of_file(details.blobfile.as_ref())
        }
        ActDetails::NVMemUseLimit(details) => details.flags,
        ActDetails::NVMemOpPerms(details) => details.perms & !ActNVMemOpPermsDetails::KNOWN_PERMS,
        _ => 0,
    };
    if unknown == 0 {
        Ok(())
    } else {
        Err(Status::UnknownFlag)
    }
}

/// The bits that nobody knows in what an action says of blobs in files.
fn unknown_of_file(perms: Option<&MakeBlobFilePerms>) -> u32 {
    perms.map_or(0, |perms| {
        let known = MakeBlobFilePerms::DEVS_NV_MEM
            | MakeBlobFilePerms::DEVS_PHYS_TOKEN
            | MakeBlobFilePerms::DEVS_SOFT_TOKEN;
        perms.flags | perms.devs.unwrap_or(0) & !known
    })
}

/// The name of the limit's counter, if it has one.
fn admit_limit(limit: &mut UseLimit) -> Result<Option<&mut LimitId>, Status> {
    match (limit.type_, &mut limit.details) {
        (UseLim::Global, UseLimDetails::Global(details)) => Ok(Some(&mut details.id)),
        (UseLim::Auth, UseLimDetails::Auth(details)) => Ok(Some(&mut details.id)),
        (UseLim::Time, UseLimDetails::Time(_)) => Ok(None),
        (UseLim::NonVolatile, UseLimDetails::NonVolatile(details)) => match details.flags {
            0 => Counter::of(details).ok_or(Status::InvalidACL).map(|_| None),
            _ => Err(Status::UnknownFlag),
        },
        _ => Err(Status::InvalidACL),
    }
}
