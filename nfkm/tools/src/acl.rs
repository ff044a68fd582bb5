//! Access control lists and public keys in words, for reports that show them in full.

use ncore::types::{
    ACL, ActDetails, ActMakeBlobDetails, ActOpPermissionsDetails as Op, Action, KeyTypeData,
    PermissionGroup, UseLimDetails,
};
use nfkm::hex;

use crate::layout::flag_names;

/// What a list permits, a line for each group and each of its actions.
pub(crate) fn lines(acl: &ACL) -> Vec<String> {
    let mut lines = Vec::new();
    for (group, number) in acl.groups.iter().zip(1..) {
        lines.push(format!("ACL group {number}, for {}", who(group)));
        for limit in &group.limits {
            let details = match &limit.details {
                UseLimDetails::Time(time) => format!(" of {} s", time.seconds),
                _ => String::new(),
            };
            lines.push(format!("   limit {}{details}", limit.type_));
        }
        lines.extend(
            group
                .actions
                .iter()
                .map(|action| format!("   {}", self::action(action))),
        );
    }
    lines
}

fn who(group: &PermissionGroup) -> String {
    let hash = group.certmech.as_ref().map(|certifier| certifier.hash);
    match group.certifier.or(hash) {
        None => "anyone".to_owned(),
        Some(hash) => format!("the holder of key {}", hex(&hash)),
    }
}

fn action(action: &Action) -> String {
    let details = match &action.details {
        ActDetails::OpPermissions(details) => flag_names(details.perms, PERMISSIONS),
        ActDetails::MakeBlob(details) => blob(details),
        ActDetails::MakeArchiveBlob(details) => match details.kahash {
            Some(hash) => format!("under key {} by {}", hex(&hash), details.mech),
            None => format!("under any key by {}", details.mech),
        },
        _ => String::new(),
    };
    format!("{} {details}", action.type_).trim_end().to_owned()
}

fn blob(details: &ActMakeBlobDetails) -> String {
    let under = match (details.kmhash, details.kthash) {
        (_, Some(hash)) => format!("under token {}", hex(&hash)),
        (Some(hash), None) => format!("under module key {}", hex(&hash)),
        (None, None) => "under any module key or token".to_owned(),
    };
    match details.blobfile {
        Some(_) => under + ", into a file",
        None => under,
    }
}

/// The names of permissions, in the order of their bits.
const PERMISSIONS: &[(u32, &str)] = &[
    (Op::DUPLICATE_HANDLE, "DuplicateHandle"),
    (Op::USE_AS_CERTIFICATE, "UseAsCertificate"),
    (Op::EXPORT_AS_PLAIN, "ExportAsPlain"),
    (Op::GET_APP_DATA, "GetAppData"),
    (Op::SET_APP_DATA, "SetAppData"),
    (Op::REDUCE_ACL, "ReduceACL"),
    (Op::EXPAND_ACL, "ExpandACL"),
    (Op::ENCRYPT, "Encrypt"),
    (Op::DECRYPT, "Decrypt"),
    (Op::VERIFY, "Verify"),
    (Op::USE_AS_BLOB_KEY, "UseAsBlobKey"),
    (Op::USE_AS_KM, "UseAsKM"),
    (Op::SIGN, "Sign"),
    (Op::GET_ACL, "GetACL"),
    (Op::USE_AS_LOADER_KEY, "UseAsLoaderKey"),
    (Op::SIGN_MODULE_CERT, "SignModuleCert"),
];

/// The numbers of a public key in hexadecimal, a line each. None of a key of another type.
pub(crate) fn public_key(data: &KeyTypeData) -> Vec<String> {
    let numbers = match data {
        KeyTypeData::RSAPublic(key) => vec![("n", &key.n), ("e", &key.e)],
        KeyTypeData::DSAPublic(key) => vec![
            ("p", &key.dlg.p),
            ("q", &key.dlg.q),
            ("g", &key.dlg.g),
            ("y", &key.y),
        ],
        KeyTypeData::DHPublic(key) => {
            vec![("p", &key.dlg.p), ("g", &key.dlg.g), ("y", &key.gx)]
        }
        _ => Vec::new(),
    };
    numbers
        .into_iter()
        .map(|(name, number)| format!("Public key {name} {}", hex(&number.to_be())))
        .collect()
}

#[cfg(test)]
mod tests {
    use ncore::types::{Act, ActMakeArchiveBlobDetails, Mech};

    use super::*;

    #[test]
    fn each_group_says_who_may_do_what() {
        let action = |type_, details| Action { type_, details };
        let acl = ACL {
            groups: vec![
                PermissionGroup {
                    actions: vec![
                        action(
                            Act::OpPermissions,
                            ActDetails::OpPermissions(Op {
                                perms: Op::SIGN | Op::DECRYPT | 1 << 30,
                            }),
                        ),
                        action(
                            Act::MakeBlob,
                            ActDetails::MakeBlob(ActMakeBlobDetails {
                                kthash: Some([0xab; 20]),
                                ..ActMakeBlobDetails::default()
                            }),
                        ),
                        action(
                            Act::MakeArchiveBlob,
                            ActDetails::MakeArchiveBlob(ActMakeArchiveBlobDetails {
                                mech: Mech::Any,
                                kahash: Some([0xcd; 20]),
                                ..ActMakeArchiveBlobDetails::default()
                            }),
                        ),
                    ],
                    ..PermissionGroup::default()
                },
                PermissionGroup {
                    certifier: Some([0xef; 20]),
                    actions: vec![action(
                        Act::MakeBlob,
                        ActDetails::MakeBlob(ActMakeBlobDetails::default()),
                    )],
                    ..PermissionGroup::default()
                },
            ],
        };
        let (token, key, officer) = ("ab".repeat(20), "cd".repeat(20), "ef".repeat(20));
        assert_eq!(
            lines(&acl),
            [
                "ACL group 1, for anyone".to_owned(),
                "   OpPermissions Decrypt Sign +0x40000000".to_owned(),
                format!("   MakeBlob under token {token}"),
                format!("   MakeArchiveBlob under key {key} by Any"),
                format!("ACL group 2, for the holder of key {officer}"),
                "   MakeBlob under any module key or token".to_owned(),
            ]
        );
    }
}
