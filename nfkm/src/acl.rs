//! The access control lists that key management gives to keys (SECURITY-WORLD section 13).
//!
//! A key of a world has one group for everyday use and, always last, one that only the security officer's key KNSO may
//! invoke. No group allows a private or secret key to leave the module in clear.

use ncore::Mech;
use ncore::types::{
    ACL, Act, ActDetails, ActMakeArchiveBlobDetails, ActMakeBlobDetails, ActNSOPermissionsDetails,
    ActNVMemOpPermsDetails, ActNVMemUseLimitDetails, ActOpPermissionsDetails, Action,
    MakeBlobFilePerms, NSOPerms, NVMemRange, PermissionGroup, UseLim, UseLimDetails,
    UseLimNonVolatileDetails, UseLimTimeDetails, UseLimit,
};

use crate::Hash;
use crate::kmdata::FileId;

/// Short name for the bits of an OpPermissions action.
pub(crate) type Op = ActOpPermissionsDetails;

/// Short name for the bits of an action on an NVRAM file.
type File = ActNVMemOpPermsDetails;

/// What application keys of a world are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorldHashes {
    /// Security officer's key.
    pub(crate) hknso: Hash,
    /// Module key.
    pub(crate) hkm: Hash,
    /// Recovery encryption key; None when the world, or the key, has no recovery.
    pub(crate) hkre: Option<Hash>,
    /// Recovery authorisation key; None like `hkre`.
    pub(crate) hkra: Option<Hash>,
    /// The card set or softcard that protects the key; None under module protection.
    pub(crate) hkltu: Option<Hash>,
    /// The template key with the list of the NVRAM file for its blob; None when the host gets the blob.
    pub(crate) blob_list: Option<Hash>,
    /// The NVRAM file that counts its uses.
    pub(crate) counter: Option<FileId>,
}

/// The ACL of an application's private key.
///
/// Signing and decryption are both allowed whatever the key is meant for, as the CAPI guide says of the provider's keys.
/// Blobs may be made under the token that protects the key, or under the world's module key alone if none does; and under
/// KRE when the key is to be recoverable. Then KRA may move the key to another token: that is how the keys of a lost card
/// set come under another one. A key whose blob is to be in NVRAM has none elsewhere. Of a key whose uses are counted, each
/// signature and decryption is one.
pub(crate) fn private_key(world: &WorldHashes) -> ACL {
    application_key(world, Op::SIGN | Op::DECRYPT)
}

/// The ACL of an application's secret key, which has no public half for the other operations.
pub(crate) fn secret_key(world: &WorldHashes) -> ACL {
    application_key(world, Op::SIGN | Op::VERIFY | Op::ENCRYPT | Op::DECRYPT)
}

fn application_key(world: &WorldHashes, uses: u32) -> ACL {
    let mut blob = match world.hkltu {
        None => module_blob(world.hkm),
        Some(hkltu) => token_blob(hkltu, false),
    };
    if let ActDetails::MakeBlob(details) = &mut blob.details {
        details.blobfile = world.blob_list.map(in_nvram);
    }
    let others = Op::DUPLICATE_HANDLE | Op::GET_ACL;
    let (perms, counted) = match world.counter {
        None => (uses | others, None),
        Some(file) => (others, Some(counted(file, uses))),
    };
    let mut actions = vec![operations(perms), blob];
    actions.extend(world.hkre.map(archive_blob));
    let mut groups: Vec<PermissionGroup> = counted.into_iter().collect();
    groups.push(group(actions));
    if world.hkltu.is_some() {
        groups.extend(world.hkra.map(|hkra| recovery_authority(hkra, world.hkm)));
    }
    groups.push(security_officer(world.hknso));
    ACL { groups }
}

/// The ACL of the NVRAM file with a key's blob: the key may be loaded from it, and nobody sees the blob. It ends with the
/// authority of who may free areas.
pub(crate) fn blob_file() -> ACL {
    ACL {
        groups: vec![group(vec![on_file(File::LOAD_BLOB | File::GET_ACL)])],
    }
}

/// The ACL of the NVRAM file that counts a key's uses: this key counts there, and anyone may read the number.
pub(crate) fn counter_file(key: Hash) -> ACL {
    let details = ActNVMemUseLimitDetails {
        flags: 0,
        range: COUNTER,
        hks: vec![key],
    };
    let counts = Action {
        type_: Act::NVMemUseLimit,
        details: ActDetails::NVMemUseLimit(details),
    };
    ACL {
        groups: vec![group(vec![counts, on_file(File::READ | File::GET_ACL)])],
    }
}

/// Where in its file a counter is: its 64 bits are the whole of it.
pub(crate) const COUNTER: NVMemRange = NVMemRange { first: 0, last: 7 };

/// The ACL of a recorded public key: everything it can do, and a module blob.
pub(crate) fn public_key(world: &WorldHashes) -> ACL {
    ACL {
        groups: vec![group(vec![
            operations(PUBLIC_OPERATIONS),
            module_blob(world.hkm),
        ])],
    }
}

/// The ACL of the public half of an administrator key.
pub(crate) fn admin_public_key() -> ACL {
    ACL {
        groups: vec![group(vec![operations(PUBLIC_OPERATIONS)])],
    }
}

/// The ACL of KRE's public half while a recovery blob is made under it.
pub(crate) fn recovery_key() -> ACL {
    ACL {
        groups: vec![group(vec![operations(Op::ENCRYPT | Op::USE_AS_BLOB_KEY)])],
    }
}

/// The ACL of an administrator's private key: `operations` while the authorisation lasts (`lifetime` seconds from its
/// loading), a blob under the token with hash `hkt`, and, in a command that KNSO certifies, one under any other token: that
/// is how the administrator cards are replaced.
pub(crate) fn admin_key(permissions: u32, hkt: Hash, null_module_key: bool, lifetime: u32) -> ACL {
    let limited = PermissionGroup {
        limits: vec![UseLimit {
            type_: UseLim::Time,
            details: UseLimDetails::Time(UseLimTimeDetails { seconds: lifetime }),
        }],
        actions: vec![operations(permissions)],
        ..PermissionGroup::default()
    };
    let others = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_NON_KM0 | ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN,
        ..ActMakeBlobDetails::default()
    };
    // KNSO is being made too, so that its hash is not known: the module's officer is meant.
    let replacing = PermissionGroup {
        flags: PermissionGroup::NSO_CERTIFIED,
        actions: vec![Action {
            type_: Act::MakeBlob,
            details: ActDetails::MakeBlob(others),
        }],
        ..PermissionGroup::default()
    };
    let own = group(vec![token_blob(hkt, null_module_key)]);
    ACL {
        groups: vec![limited, own, replacing],
    }
}

/// The ACL of KNSO: signs, certifies commands, and may authorise every security officer operation.
pub(crate) fn security_officer_key(hkt: Hash, lifetime: u32) -> ACL {
    let mut acl = admin_key(
        Op::SIGN | Op::USE_AS_CERTIFICATE | Op::GET_ACL,
        hkt,
        true,
        lifetime,
    );
    if let Some(first) = acl.groups.first_mut() {
        first.actions.push(Action {
            type_: Act::NSOPermissions,
            details: ActDetails::NSOPermissions(ActNSOPermissionsDetails {
                perms: NSOPerms {
                    ops: ALL_OPERATIONS,
                },
            }),
        });
    }
    acl
}

/// Every security officer operation there is.
pub(crate) const ALL_OPERATIONS: u32 = 0x7_ffff;

/// Everything a public key can be used for. It is no secret, so it may leave in clear.
const PUBLIC_OPERATIONS: u32 =
    Op::VERIFY | Op::ENCRYPT | Op::EXPORT_AS_PLAIN | Op::DUPLICATE_HANDLE | Op::GET_ACL;

fn group(actions: Vec<Action>) -> PermissionGroup {
    PermissionGroup {
        actions,
        ..PermissionGroup::default()
    }
}

/// The group whose every use is counted in an NVRAM file, one by one: what the file says is how often the key was used.
fn counted(file: FileId, perms: u32) -> PermissionGroup {
    let details = UseLimNonVolatileDetails {
        flags: 0,
        file,
        range: COUNTER,
        maxlo: u32::MAX,
        maxhi: u32::MAX,
        prefetch: 1,
    };
    PermissionGroup {
        limits: vec![UseLimit {
            type_: UseLim::NonVolatile,
            details: UseLimDetails::NonVolatile(details),
        }],
        actions: vec![operations(perms)],
        ..PermissionGroup::default()
    }
}

/// What a key's ACL says of a blob in NVRAM.
fn in_nvram(list: Hash) -> MakeBlobFilePerms {
    MakeBlobFilePerms {
        flags: 0,
        devs: Some(MakeBlobFilePerms::DEVS_NV_MEM),
        aclhash: Some(list),
    }
}

fn on_file(perms: u32) -> Action {
    let details = File {
        perms,
        ..File::default()
    };
    Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(details),
    }
}

/// The group that a command certified by KNSO may use: to look at a key, to restrict it, and to move it to another
/// module key or token. Expanding the ACL is not among them: it would open the way to an export.
fn security_officer(hknso: Hash) -> PermissionGroup {
    let blob = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NON_KM0,
        ..ActMakeBlobDetails::default()
    };
    PermissionGroup {
        certifier: Some(hknso),
        actions: vec![
            operations(
                Op::DUPLICATE_HANDLE
                    | Op::GET_ACL
                    | Op::REDUCE_ACL
                    | Op::GET_APP_DATA
                    | Op::SET_APP_DATA,
            ),
            Action {
                type_: Act::MakeBlob,
                details: ActDetails::MakeBlob(blob),
            },
        ],
        ..PermissionGroup::default()
    }
}

/// The group that a command certified by KRA may use: a blob under any token of the world.
fn recovery_authority(hkra: Hash, hkm: Hash) -> PermissionGroup {
    let details = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_NON_KM0,
        kmhash: Some(hkm),
        ..ActMakeBlobDetails::default()
    };
    PermissionGroup {
        certifier: Some(hkra),
        actions: vec![Action {
            type_: Act::MakeBlob,
            details: ActDetails::MakeBlob(details),
        }],
        ..PermissionGroup::default()
    }
}

fn operations(perms: u32) -> Action {
    Action {
        type_: Act::OpPermissions,
        details: ActDetails::OpPermissions(ActOpPermissionsDetails { perms }),
    }
}

fn module_blob(hkm: Hash) -> Action {
    let details = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NON_KM0,
        kmhash: Some(hkm),
        ..ActMakeBlobDetails::default()
    };
    Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    }
}

fn token_blob(hkt: Hash, null_module_key: bool) -> Action {
    let null = if null_module_key {
        ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN
    } else {
        0
    };
    let details = ActMakeBlobDetails {
        flags: ActMakeBlobDetails::ALLOW_NON_KM0 | null,
        kthash: Some(hkt),
        ..ActMakeBlobDetails::default()
    };
    Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    }
}

/// The mechanism of recovery blobs, named in the ACL and in the command that makes them.
pub(crate) const RECOVERY_MECH: Mech = Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC;

fn archive_blob(hkre: Hash) -> Action {
    let details = ActMakeArchiveBlobDetails {
        mech: RECOVERY_MECH,
        kahash: Some(hkre),
        ..ActMakeArchiveBlobDetails::default()
    };
    Action {
        type_: Act::MakeArchiveBlob,
        details: ActDetails::MakeArchiveBlob(details),
    }
}
