//! What can be asked of an access control list, and which action grants it.

use ncore::types::{
    Act, ActDetails, ActMakeArchiveBlobDetails, ActMakeBlobDetails, ActNVMemOpPermsDetails, Action,
    Mech, TokenParams, UserActionInfo,
};

use crate::module::KeyHash;

/// One thing a command wants to do with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// One of the operations of Act_OpPermissions: a single bit.
    Operation(u32),
    /// A blob under a module key alone.
    ModuleBlob {
        /// The module key.
        hkm: KeyHash,
        /// Whether it is the module's own first key.
        km0: bool,
    },
    /// A blob under a logical token.
    TokenBlob {
        /// The token.
        hkt: KeyHash,
        /// How it is shared.
        params: &'a TokenParams,
        /// The module key it is under.
        hkm: KeyHash,
        /// Whether that is the module's own first key.
        km0: bool,
        /// Whether that is a null module key.
        null: bool,
    },
    /// A blob under another key, for recovery.
    ArchiveBlob {
        /// The key.
        hash: KeyHash,
        /// How it wraps.
        mech: Mech,
    },
    /// Operations on the module that its security officer reserved: bits of M_NSOPerms.
    OfficerOperation(u32),
    /// Reading a share of a logical token from a card.
    ReadShare,
    /// Something with a file in NVRAM.
    NvMem {
        /// Bits of Act_NVMemOpPerms, all of which are wanted.
        perms: u32,
        /// Offsets of the first and last byte it is about, if it is not about the file as a whole.
        part: Option<(u32, u32)>,
        /// By how much it counts up or down.
        step: Option<u32>,
    },
    /// An action whose meaning is the application's.
    UserAction(&'a UserActionInfo),
}

impl Wanted<'_> {
    /// Whether this action grants it.
    pub(crate) fn is_granted_by(&self, action: &Action) -> bool {
        match (self, &action.details) {
            (Wanted::Operation(bit), ActDetails::OpPermissions(granted)) => {
                granted.perms & bit == *bit
            }
            (Wanted::ModuleBlob { hkm, km0 }, ActDetails::MakeBlob(granted)) => {
                granted.flags & ActMakeBlobDetails::ALLOW_KM_ONLY != 0
                    && module_key_suits(granted, hkm, *km0)
            }
            (
                Wanted::TokenBlob {
                    hkt,
                    params,
                    hkm,
                    km0,
                    null,
                },
                ActDetails::MakeBlob(granted),
            ) => {
                (!null || granted.flags & ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN != 0)
                    && (*null || module_key_suits(granted, hkm, *km0))
                    && granted.kthash.is_none_or(|hash| hash == *hkt)
                    && granted
                        .ktparams
                        .as_ref()
                        .is_none_or(|fixed| fixed == *params)
            }
            (Wanted::ArchiveBlob { hash, mech }, ActDetails::MakeArchiveBlob(granted)) => {
                archive_suits(granted, hash, *mech)
            }
            (Wanted::OfficerOperation(ops), ActDetails::NSOPermissions(granted)) => {
                granted.perms.ops & ops == *ops
            }
            (Wanted::ReadShare, ActDetails::ReadShare(_)) => true,
            (Wanted::NvMem { perms, part, step }, ActDetails::NVMemOpPerms(granted)) => {
                granted.perms & perms == *perms
                    && part.is_none_or(|part| part_suits(granted, part))
                    && step.is_none_or(|step| {
                        granted.incdeclimit.is_none_or(|largest| step <= largest)
                    })
            }
            (Wanted::UserAction(asked), ActDetails::UserAction(granted)) => {
                let allowed = &granted.allow;
                // A restriction in the list must be the one asked for; an empty one restricts nothing.
                asked.id == allowed.id
                    && asked.perms & !allowed.perms == 0
                    && (allowed.restriction.is_empty() || allowed.restriction == asked.restriction)
            }
            _ => false,
        }
    }
}

/// Whether the action allows a blob under this module key. A null module key has its own permission instead.
fn module_key_suits(granted: &ActMakeBlobDetails, hkm: &KeyHash, km0: bool) -> bool {
    (km0 || granted.flags & ActMakeBlobDetails::ALLOW_NON_KM0 != 0)
        && granted.kmhash.is_none_or(|hash| hash == *hkm)
}

/// Whether the part lies inside the one that the action allows, and is exactly the one that it names.
fn part_suits(granted: &ActNVMemOpPermsDetails, (first, last): (u32, u32)) -> bool {
    granted
        .subrange
        .as_ref()
        .is_none_or(|range| range.first <= first && last <= range.last)
        && granted
            .exactrange
            .as_ref()
            .is_none_or(|range| (range.first, range.last) == (first, last))
}

fn archive_suits(granted: &ActMakeArchiveBlobDetails, hash: &KeyHash, mech: Mech) -> bool {
    granted.kahash.is_none_or(|allowed| allowed == *hash)
        && (granted.mech == Mech::Any || granted.mech == mech)
}

/// Whether an action's details are the ones its type asks for.
pub(super) fn is_well_formed(action: &Action) -> bool {
    matches!(
        (action.type_, &action.details),
        (Act::NoAction, ActDetails::Empty)
            | (Act::OpPermissions, ActDetails::OpPermissions(_))
            | (Act::MakeBlob, ActDetails::MakeBlob(_))
            | (Act::MakeArchiveBlob, ActDetails::MakeArchiveBlob(_))
            | (Act::NSOPermissions, ActDetails::NSOPermissions(_))
            | (Act::DeriveKey, ActDetails::DeriveKey(_))
            | (Act::NVMemOpPerms, ActDetails::NVMemOpPerms(_))
            | (Act::FeatureEnable, ActDetails::FeatureEnable(_))
            | (Act::NVMemUseLimit, ActDetails::NVMemUseLimit(_))
            | (Act::SendShare, ActDetails::SendShare(_))
            | (Act::ReadShare, ActDetails::ReadShare(_))
            | (Act::StaticFeatureEnable, ActDetails::StaticFeatureEnable(_))
            | (Act::UserAction, ActDetails::UserAction(_))
            | (Act::FileCopy, ActDetails::FileCopy(_))
            | (Act::DeriveKeyEx, ActDetails::DeriveKeyEx(_))
            | (Act::SendKey, ActDetails::SendKey(_))
    )
}
