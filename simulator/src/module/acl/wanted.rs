//! What can be asked of an access control list, and which action grants it.

use ncore::types::{
    Act, ActDetails, ActMakeArchiveBlobDetails, ActMakeBlobDetails, ActNVMemOpPermsDetails, Action,
    MakeBlobFilePerms, Mech, TokenParams, UserActionInfo,
};

use crate::module::KeyHash;

/// A file that a blob is to be stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFile {
    /// Its device: one of the bits of MakeBlobFilePerms' devs.
    pub(crate) device: u32,
    /// The hash of the template key that the file's list comes from.
    pub(crate) acl: KeyHash,
}

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
        /// The file it goes to, if not to the client.
        file: Option<InFile>,
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
        /// The file it goes to, if not to the client.
        file: Option<InFile>,
    },
    /// A blob under another key, for recovery.
    ArchiveBlob {
        /// The key.
        hash: KeyHash,
        /// How it wraps.
        mech: Mech,
        /// The file it goes to, if not to the client.
        file: Option<InFile>,
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
            (Wanted::ModuleBlob { hkm, km0, file }, ActDetails::MakeBlob(granted)) => {
                place_suits(granted.blobfile.as_ref(), file.as_ref())
                    && granted.flags & ActMakeBlobDetails::ALLOW_KM_ONLY != 0
                    && module_key_suits(granted, hkm, *km0)
            }
            (
                Wanted::TokenBlob {
                    hkt,
                    params,
                    hkm,
                    km0,
                    null,
                    file,
                },
                ActDetails::MakeBlob(granted),
            ) => {
                place_suits(granted.blobfile.as_ref(), file.as_ref())
                    && (!null || granted.flags & ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN != 0)
                    && (*null || module_key_suits(granted, hkm, *km0))
                    && granted.kthash.is_none_or(|hash| hash == *hkt)
                    && granted
                        .ktparams
                        .as_ref()
                        .is_none_or(|fixed| fixed == *params)
            }
            (Wanted::ArchiveBlob { hash, mech, file }, ActDetails::MakeArchiveBlob(granted)) => {
                place_suits(granted.blobfile.as_ref(), file.as_ref())
                    && archive_suits(granted, hash, *mech)
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

/// Whether a blob may go where it is to go. An action with `blobfile` is about blobs in files, one without about blobs
/// that the client gets: otherwise no list could keep a key's blobs inside the module.
fn place_suits(granted: Option<&MakeBlobFilePerms>, file: Option<&InFile>) -> bool {
    match (granted, file) {
        (None, None) => true,
        (Some(granted), Some(file)) => {
            granted.devs.is_none_or(|devs| devs & file.device != 0)
                && granted.aclhash.is_none_or(|hash| hash == file.acl)
        }
        _ => false,
    }
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
