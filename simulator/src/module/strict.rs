//! FIPS 140 level 3: what a world of that mode refuses (PROTOCOL section 4.7). Keys that exist are used as before.

use ncore::Status;
use ncore::types::{ACL, ActDetails, ActOpPermissionsDetails, KeyType, NSOPerms};

use super::call::Call;
use crate::crypto::KeyMaterial;

/// The operations for which an operator must stand behind the command: a key that the security officer delegated them
/// to (KFIPS), or the officer's own. That they are public does not suffice.
pub(super) const WITH_OPERATOR: u32 =
    NSOPerms::OPS_ORIGINATE_KEY | NSOPerms::OPS_WRITE_SHARE | NSOPerms::OPS_GENERATE_LOG_TOKEN;

/// Kinds of keys that the mode does not know. Single DES is documented; the others follow from not being approved.
const NOT_APPROVED: [KeyType; 3] = [KeyType::DES, KeyType::ArcFour, KeyType::HMACMD5];

/// Refuses to make or take in a key of a kind that the mode does not know: StrictFIPS140.
pub(super) fn check_type(call: &Call, key_type: KeyType) -> Result<(), Status> {
    refuse_if(call, NOT_APPROVED.contains(&key_type))
}

/// Refuses a list for a secret or private key by which it could leave in the clear: StrictFIPS140.
pub(super) fn check_acl(call: &Call, acl: &ACL) -> Result<(), Status> {
    let mut actions = acl.groups.iter().flat_map(|group| &group.actions);
    let exports = actions.any(|action| match &action.details {
        ActDetails::OpPermissions(granted) => {
            granted.perms & ActOpPermissionsDetails::EXPORT_AS_PLAIN != 0
        }
        _ => false,
    });
    refuse_if(call, exports)
}

/// Refuses that a secret or private key enters or leaves in the clear: StrictFIPS140.
pub(super) fn check_plain(call: &Call, key: &KeyMaterial) -> Result<(), Status> {
    refuse_if(call, !key.is_public())
}

fn refuse_if(call: &Call, forbidden: bool) -> Result<(), Status> {
    if forbidden && call.world.strict_fips() {
        Err(Status::StrictFIPS140)
    } else {
        Ok(())
    }
}
