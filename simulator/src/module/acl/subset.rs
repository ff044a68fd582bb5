//! Whether one list permits no more than another: what SetACL may do under ReduceACL alone.

use ncore::types::{
    ACL, ActDetails, ActMakeArchiveBlobDetails, ActMakeBlobDetails, Action, MakeBlobFilePerms,
    PermissionGroup, UseLimDetails, UseLimit,
};

/// Whether everything `new` permits, `old` permits under no stricter conditions.
///
/// Each group of `new` must lie inside one group of `old`: the same conditions or more, every limit of the old group kept
/// or lowered, each action part of an action of it. It may refuse a list that permits less in a way it does not see;
/// it never accepts one that permits more.
pub(crate) fn is_subset(new: &ACL, old: &ACL) -> bool {
    new.groups
        .iter()
        .all(|new| old.groups.iter().any(|old| is_inside(new, old)))
}

fn is_inside(new: &PermissionGroup, old: &PermissionGroup) -> bool {
    old.flags & !new.flags == 0
        && kept(&new.certifier, &old.certifier)
        && kept(&new.certmech, &old.certmech)
        && kept(&new.moduleserial, &old.moduleserial)
        && old
            .limits
            .iter()
            .all(|old| new.limits.iter().any(|new| is_no_looser(new, old)))
        && new
            .actions
            .iter()
            .all(|new| old.actions.iter().any(|old| is_part_of(new, old)))
}

/// A condition that was there is still there; one that was not may be added.
fn kept<T: PartialEq>(new: &Option<T>, old: &Option<T>) -> bool {
    old.is_none() || new == old
}

fn is_no_looser(new: &UseLimit, old: &UseLimit) -> bool {
    match (&new.details, &old.details) {
        (UseLimDetails::Global(new), UseLimDetails::Global(old)) => {
            new.id == old.id && new.max <= old.max
        }
        (UseLimDetails::Auth(new), UseLimDetails::Auth(old)) => {
            new.id == old.id && new.max <= old.max
        }
        (UseLimDetails::Time(new), UseLimDetails::Time(old)) => new.seconds <= old.seconds,
        (UseLimDetails::NonVolatile(new), UseLimDetails::NonVolatile(old)) => {
            (new.flags, new.file, &new.range) == (old.flags, old.file, &old.range)
                && (new.maxhi, new.maxlo) <= (old.maxhi, old.maxlo)
        }
        _ => new == old,
    }
}

fn is_part_of(new: &Action, old: &Action) -> bool {
    match (&new.details, &old.details) {
        (ActDetails::Empty, _) => true,
        (ActDetails::OpPermissions(new), ActDetails::OpPermissions(old)) => {
            new.perms & !old.perms == 0
        }
        (ActDetails::NSOPermissions(new), ActDetails::NSOPermissions(old)) => {
            new.perms.ops & !old.perms.ops == 0
        }
        (ActDetails::MakeBlob(new), ActDetails::MakeBlob(old)) => blob_is_part_of(new, old),
        (ActDetails::MakeArchiveBlob(new), ActDetails::MakeArchiveBlob(old)) => {
            archive_is_part_of(new, old)
        }
        (ActDetails::UserAction(new), ActDetails::UserAction(old)) => {
            new.allow.id == old.allow.id
                && new.allow.perms & !old.allow.perms == 0
                && (old.allow.restriction.is_empty()
                    || new.allow.restriction == old.allow.restriction)
        }
        _ => new == old,
    }
}

fn blob_is_part_of(new: &ActMakeBlobDetails, old: &ActMakeBlobDetails) -> bool {
    new.flags & !old.flags == 0
        && kept(&new.kmhash, &old.kmhash)
        && kept(&new.kthash, &old.kthash)
        && kept(&new.ktparams, &old.ktparams)
        && place_is_part_of(new.blobfile.as_ref(), old.blobfile.as_ref())
}

fn archive_is_part_of(new: &ActMakeArchiveBlobDetails, old: &ActMakeArchiveBlobDetails) -> bool {
    (new.mech == old.mech || old.mech == ncore::Mech::Any)
        && kept(&new.kahash, &old.kahash)
        && place_is_part_of(new.blobfile.as_ref(), old.blobfile.as_ref())
}

/// Blobs in files and blobs that the client gets are two permissions, and neither is part of the other.
fn place_is_part_of(new: Option<&MakeBlobFilePerms>, old: Option<&MakeBlobFilePerms>) -> bool {
    match (new, old) {
        (None, None) => true,
        (Some(new), Some(old)) => {
            old.devs
                .is_none_or(|old| new.devs.is_some_and(|new| new & !old == 0))
                && kept(&new.aclhash, &old.aclhash)
        }
        _ => false,
    }
}
