//! Access control lists: what each permission guards, the order of groups, conditions, use limits.

use anyhow::{bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::EVERYTHING;
use crate::wire::denied;

const ACLS: &str = "nCore API: M_ACL";
const BITS: &str = "nCore API: M_ACL, Act_OpPermissions";
const LIMITS: &str = "nCore API: M_ACL, M_UseLimit";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "lists.operations.each-bit",
        "Each bit of OpPermissions lets its own commands through and no others",
        BITS,
        each_bit,
    )
    .covers(&[
        replies(Cmd::Duplicate),
        denies(Cmd::Duplicate, Status::AccessDenied),
        replies(Cmd::Export),
        denies(Cmd::Export, Status::AccessDenied),
        replies(Cmd::GetAppData),
        denies(Cmd::GetAppData, Status::AccessDenied),
        replies(Cmd::SetAppData),
        denies(Cmd::SetAppData, Status::AccessDenied),
        replies(Cmd::GetACL),
        denies(Cmd::GetACL, Status::AccessDenied),
        replies(Cmd::SetACL),
        denies(Cmd::SetACL, Status::AccessDenied),
        replies(Cmd::Encrypt),
        denies(Cmd::Encrypt, Status::AccessDenied),
        replies(Cmd::Decrypt),
        denies(Cmd::Decrypt, Status::AccessDenied),
        replies(Cmd::Sign),
        denies(Cmd::Sign, Status::AccessDenied),
        replies(Cmd::Verify),
        denies(Cmd::Verify, Status::AccessDenied),
    ]),
    Case::new(
        "lists.operations.channels",
        "A channel needs the permission of its mode",
        BITS,
        channels,
    )
    .covers(&[
        replies(Cmd::ChannelOpen),
        denies(Cmd::ChannelOpen, Status::AccessDenied),
    ]),
    Case::new(
        "lists.operations.blob-key",
        "UseAsBlobKey lets a key wrap blobs, and its other half unwrap them",
        BITS,
        blob_key,
    )
    .covers(&[
        replies(Cmd::MakeBlob),
        denies(Cmd::MakeBlob, Status::AccessDenied),
        replies(Cmd::LoadBlob),
        denies(Cmd::LoadBlob, Status::AccessDenied),
    ]),
    Case::new(
        "lists.operations.module-key",
        "UseAsKM lets a key become a module key",
        BITS,
        module_key,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetKM),
        denies(Cmd::SetKM, Status::AccessDenied),
    ]),
    Case::new(
        "lists.empty.nothing",
        "An empty list allows nothing, and the key's type and hash are still told",
        ACLS,
        empty,
    )
    .covers(&[
        replies(Cmd::GetKeyInfo),
        denies(Cmd::Sign, Status::AccessDenied),
    ]),
    Case::new(
        "lists.groups.in-order",
        "The first group with room is used, and then the next",
        ACLS,
        groups_in_order,
    )
    .covers(&[denies(Cmd::Sign, Status::UseLimitExceeded)]),
    Case::new(
        "lists.groups.apart",
        "An action of one group does not come with the condition of another",
        ACLS,
        groups_apart,
    )
    .covers(&[denies(Cmd::Sign, Status::AccessDenied)]),
    Case::new(
        "lists.list.as-given",
        "A list comes back as it was given",
        ACLS,
        as_given,
    )
    .covers(&[replies(Cmd::GetACL)]),
    Case::new(
        "lists.admit.refused",
        "Lists with unknown bits, actions and limits are refused",
        ACLS,
        admit_refused,
    )
    .covers(&[
        denies(Cmd::GenerateKey, Status::UnknownFlag),
        denies(Cmd::GenerateKey, Status::InvalidACL),
        denies(Cmd::Import, Status::UnknownFlag),
        denies(Cmd::SetACL, Status::UnknownFlag),
    ]),
    Case::new(
        "lists.reduce.no-looser",
        "ReduceACL takes away actions and lowers limits, and gives nothing back",
        "nCore API: Cmd_SetACL",
        reduce,
    )
    .covers(&[
        replies(Cmd::SetACL),
        denies(Cmd::SetACL, Status::AccessDenied),
    ]),
    Case::new(
        "lists.reduce.conditions",
        "ReduceACL adds conditions and removes none",
        "nCore API: Cmd_SetACL",
        reduce_conditions,
    )
    .covers(&[
        replies(Cmd::SetACL),
        denies(Cmd::SetACL, Status::AccessDenied),
    ]),
    Case::new(
        "lists.limits.global",
        "A global limit counts the uses of every key that names it, of every client",
        LIMITS,
        global,
    )
    .covers(&[denies(Cmd::Sign, Status::UseLimitExceeded)]),
    Case::new(
        "lists.limits.global-reset",
        "A reset forgets global counters",
        LIMITS,
        global_reset,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::Sign, Status::UseLimitExceeded),
        replies(Cmd::ClearUnit),
    ]),
    Case::new(
        "lists.limits.per-loading",
        "A limit per authorisation starts anew with each loading, and duplicates share it",
        LIMITS,
        per_loading,
    )
    .covers(&[
        denies(Cmd::Sign, Status::UseLimitExceeded),
        replies(Cmd::LoadBlob),
    ]),
    Case::new(
        "lists.limits.time",
        "A time limit of nothing is over at once, and one of an hour is not",
        LIMITS,
        time,
    )
    .covers(&[denies(Cmd::Sign, Status::TimeLimitExceeded)]),
    Case::new(
        "lists.limits.all-of-a-group",
        "Every limit of the group that grants is charged",
        LIMITS,
        all_of_a_group,
    )
    .covers(&[denies(Cmd::Sign, Status::UseLimitExceeded)]),
    Case::new(
        "lists.limits.nameless",
        "A limit without a name gets one of its own",
        LIMITS,
        nameless,
    )
    .covers(&[
        replies(Cmd::GetACL),
        denies(Cmd::Sign, Status::UseLimitExceeded),
    ]),
    Case::new(
        "lists.conditions.serial",
        "A group can be for one module alone",
        ACLS,
        serial,
    )
    .covers(&[denies(Cmd::Sign, Status::AccessDenied)]),
];

/// A command that one bit guards: the bits that let it through, and the command tried on a key.
type Guarded = (u32, fn(&Bench, u32, &CipherText, &CipherText) -> Status);

/// The commands on an AES key, and the bits that guard them.
const GUARDED: [Guarded; 11] = [
    (Op::DUPLICATE_HANDLE, |b, key, _, _| {
        status(b.send(DuplicateArgs { key }))
    }),
    (Op::EXPORT_AS_PLAIN, |b, key, _, _| {
        status(b.send(ExportArgs { key }))
    }),
    (Op::GET_APP_DATA, |b, key, _, _| {
        status(b.send(GetAppDataArgs { key }))
    }),
    (Op::SET_APP_DATA, |b, key, _, _| {
        status(b.send(SetAppDataArgs {
            key,
            appdata: [7; 64],
        }))
    }),
    // An empty list is less than any.
    (Op::REDUCE_ACL | Op::EXPAND_ACL, |b, key, _, _| {
        status(b.send(SetACLArgs {
            flags: 0,
            key,
            newacl: ACL::default(),
        }))
    }),
    (Op::EXPAND_ACL, |b, key, _, _| {
        status(b.send(SetACLArgs {
            flags: 0,
            key,
            newacl: anything(),
        }))
    }),
    (Op::ENCRYPT, |b, key, _, _| {
        status(b.send(encrypt_args(
            key,
            Mech::RijndaelmCBCi128pPKCS5,
            bytes(b"secret"),
        )))
    }),
    (Op::DECRYPT, |b, key, cipher, _| {
        status(b.send(decrypt_args(key, cipher.clone())))
    }),
    (Op::SIGN, |b, key, _, _| status(b.send(sign_something(key)))),
    (Op::VERIFY, |b, key, _, mac| {
        status(b.send(verify_args(key, bytes(b"message"), mac.clone())))
    }),
    (Op::GET_ACL, |b, key, _, _| {
        status(b.send(GetACLArgs { flags: 0, key }))
    }),
];

fn each_bit(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let data = raw_key(KeyType::Rijndael, &[0x42; 16])?;
    let key = bench.import(data.clone(), anything())?;
    let cipher = bench
        .send(encrypt_args(
            key,
            Mech::RijndaelmCBCi128pPKCS5,
            bytes(b"secret"),
        ))?
        .cipher;
    let mac = bench.sign(key, Mech::Any, bytes(b"message"))?;
    for bit in (0..16).map(|place| 1 << place) {
        for (grants, command) in GUARDED {
            // Each command on keys of its own: some change what they are tried on.
            let only = bench.import(data.clone(), may(bit))?;
            let expected = if grants & bit != 0 {
                Status::OK
            } else {
                Status::AccessDenied
            };
            let found = command(&bench, only, &cipher, &mac);
            ensure!(
                found == expected,
                "bit {bit:#x} alone, command guarded by {grants:#x}: {found}, not {expected}"
            );
        }
    }
    for (grants, command) in GUARDED {
        let without = bench.import(data.clone(), may(Op::KNOWN_PERMS & !grants))?;
        let found = command(&bench, without, &cipher, &mac);
        ensure!(
            found == Status::AccessDenied,
            "every bit but {grants:#x}: {found}, not AccessDenied"
        );
    }
    Ok(Outcome::Passed)
}

fn channels(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let modes = [
        (
            ChannelMode::Encrypt,
            Op::ENCRYPT,
            Mech::RijndaelmCBCi128pPKCS5,
        ),
        (
            ChannelMode::Decrypt,
            Op::DECRYPT,
            Mech::RijndaelmCBCi128pPKCS5,
        ),
        (ChannelMode::Sign, Op::SIGN, Mech::RijndaelmCBCMACi128pPKCS5),
        (
            ChannelMode::Verify,
            Op::VERIFY,
            Mech::RijndaelmCBCMACi128pPKCS5,
        ),
    ];
    for (mode, bit, mech) in modes {
        for (perms, expected) in [
            (bit, Status::OK),
            (Op::KNOWN_PERMS & !bit, Status::AccessDenied),
        ] {
            let key = bench.aes(may(perms))?;
            let open = ChannelOpenArgs {
                module: bench.module,
                mode,
                mech,
                key: Some(key),
                ..ChannelOpenArgs::default()
            };
            is(
                status(bench.send(open)),
                expected,
                &format!("{mode} with {perms:#x}"),
            )?;
        }
    }
    Ok(Outcome::Passed)
}

fn blob_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let wrapping = |private: u32, public: u32| bench.rsa(1024, may(private), may(public));
    let good = wrapping(Op::USE_AS_BLOB_KEY, Op::USE_AS_BLOB_KEY)?;
    let bad = wrapping(
        Op::KNOWN_PERMS & !Op::USE_AS_BLOB_KEY,
        Op::KNOWN_PERMS & !Op::USE_AS_BLOB_KEY,
    )?;
    let key = bench.aes(acl(vec![archive(None, Mech::Any)]))?;
    let make = |idkr| MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka: key,
        blobkey: BlobFormatMkBlobParams::Indirect(BlobFormatIndirectMkBlobParams {
            idkr,
            mech: Mech::Any,
        }),
        ..MakeBlobArgs::default()
    };
    denied(bench.send(make(bad.public)), Status::AccessDenied)?;
    let blob = bench.send(make(good.public))?.blob;
    let load = |idkb| LoadBlobArgs {
        module: bench.module,
        blob: blob.clone(),
        idkb: Some(idkb),
        ..LoadBlobArgs::default()
    };
    denied(bench.send(load(bad.private)), Status::AccessDenied)?;
    let loaded = bench.send(load(good.private))?.idka;
    is(
        bench.hash_of(loaded)?,
        bench.hash_of(key)?,
        "the hash of the recovered key",
    )?;
    Ok(Outcome::Passed)
}

fn module_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let bench = Bench::at(spare.wire()?, 1);
    let without = bench.aes(may(Op::KNOWN_PERMS & !Op::USE_AS_KM))?;
    denied(
        bench.send(SetKMArgs {
            module: 1,
            flags: 0,
            idka: without,
        }),
        Status::AccessDenied,
    )?;
    let with = bench.aes(may(Op::USE_AS_KM))?;
    bench.send(SetKMArgs {
        module: 1,
        flags: 0,
        idka: with,
    })?;
    is(
        bench.module_keys()?[1..].to_vec(),
        vec![bench.hash_of(with)?],
        "the module keys after KM0",
    )?;
    Ok(Outcome::Passed)
}

fn empty(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let data = raw_key(KeyType::Rijndael, &[0x43; 32])?;
    let key = bench.import(data.clone(), ACL::default())?;
    for (grants, command) in GUARDED {
        let cipher = CipherText::default();
        let found = command(&bench, key, &cipher, &cipher);
        ensure!(
            found == Status::AccessDenied,
            "a command guarded by {grants:#x}: {found}"
        );
    }
    // A key without a list is the same key.
    let other = bench.import(data, anything())?;
    is(bench.hash_of(key)?, bench.hash_of(other)?, "the hashes")?;
    Ok(Outcome::Passed)
}

fn groups_in_order(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let limited = |id, max| PermissionGroup {
        limits: vec![global_limit(id, max)],
        ..group(vec![operations(Op::SIGN)])
    };
    let (first, second) = (bench.limit_name()?, bench.limit_name()?);
    let key = bench.aes(list(vec![limited(first, 1), limited(second, 2)]))?;
    // A key that shares the second counter alone shows which group was charged.
    let probe = bench.aes(list(vec![limited(second, 1)]))?;
    bench.send(sign_something(key))?;
    bench.send(sign_something(probe))?;
    bench.send(sign_something(key))?;
    denied(bench.send(sign_something(key)), Status::UseLimitExceeded)?;
    Ok(Outcome::Passed)
}

fn groups_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let elsewhere = PermissionGroup {
        moduleserial: Some("0000-0000-0000".to_owned()),
        ..group(vec![operations(Op::SIGN)])
    };
    let here = group(vec![operations(Op::ENCRYPT)]);
    let key = bench.aes(list(vec![elsewhere, here]))?;
    denied(bench.send(sign_something(key)), Status::AccessDenied)?;
    bench.send(encrypt_args(key, Mech::Any, bytes(b"data")))?;
    Ok(Outcome::Passed)
}

fn as_given(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let given = list(vec![
        PermissionGroup {
            flags: PermissionGroup::FRESH_CERTS | PermissionGroup::LOG_KEY_USAGE,
            certifier: Some([3; 20]),
            certmech: Some(KeyHashAndMech {
                hash: [4; 20],
                mech: Mech::DSA,
            }),
            moduleserial: Some("1234-5678-9ABC".to_owned()),
            limits: vec![
                global_limit([5; 20], 9),
                auth_limit([6; 20], 8),
                time_limit(3600),
            ],
            actions: vec![
                operations(Op::SIGN),
                officer_operations(NSOPerms::OPS_SET_KM),
            ],
        },
        group(vec![
            operations(Op::GET_ACL | Op::EXPAND_ACL),
            blobs(ActMakeBlobDetails {
                flags: ActMakeBlobDetails::ALLOW_NON_KM0,
                kmhash: Some([7; 20]),
                kthash: Some([8; 20]),
                ktparams: Some(TokenParams {
                    flags: 0,
                    sharesneeded: 1,
                    sharestotal: 2,
                    timelimit: 3,
                }),
                blobfile: None,
            }),
            archive(Some([9; 20]), Mech::Any),
            user(UserActionInfo {
                id: [1; 20],
                perms: 3,
                restriction: vec![1, 2, 3],
            }),
        ]),
    ]);
    let key = bench.aes(given.clone())?;
    is(
        bench.send(GetACLArgs { flags: 0, key })?.acl.0,
        given,
        "the list after GenerateKey",
    )?;
    let newacl = may(Op::GET_ACL);
    bench.send(SetACLArgs {
        flags: 0,
        key,
        newacl: newacl.clone(),
    })?;
    is(
        bench.send(GetACLArgs { flags: 0, key })?.acl.0,
        newacl,
        "the list after SetACL",
    )?;
    Ok(Outcome::Passed)
}

fn admit_refused(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let limit = |type_, details| {
        list(vec![PermissionGroup {
            limits: vec![UseLimit { type_, details }],
            ..PermissionGroup::default()
        }])
    };
    let bad = [
        (may(0x1_0000), Status::UnknownFlag),
        (
            list(vec![PermissionGroup {
                flags: 0x8000_0000,
                ..PermissionGroup::default()
            }]),
            Status::UnknownFlag,
        ),
        (acl(vec![blob_flags(0x4000_0000)]), Status::UnknownFlag),
        (
            acl(vec![Action {
                type_: Act(99),
                details: ActDetails::Empty,
            }]),
            Status::InvalidACL,
        ),
        (
            limit(
                UseLim::AuthOld,
                UseLimDetails::Auth(UseLimAuthDetails::default()),
            ),
            Status::InvalidACL,
        ),
        (limit(UseLim(77), UseLimDetails::Empty), Status::InvalidACL),
        (
            limit(
                UseLim::NonVolatile,
                UseLimDetails::NonVolatile(UseLimNonVolatileDetails {
                    range: NVMemRange { first: 1, last: 0 },
                    ..UseLimNonVolatileDetails::default()
                }),
            ),
            Status::InvalidACL,
        ),
    ];
    let data = raw_key(KeyType::Rijndael, &[0x44; 32])?;
    let key = bench.aes(anything())?;
    for (list, expected) in bad {
        let what = format!("{list:?}");
        is(
            status(bench.send(bench.aes_args(list.clone()))),
            expected,
            &what,
        )?;
        is(
            status(bench.send(bench.import_args(data.clone(), list.clone()))),
            expected,
            &what,
        )?;
        is(
            status(bench.send(bench.pair_args(rsa_params(512), list.clone(), anything()))),
            expected,
            &what,
        )?;
        is(
            status(bench.send(bench.pair_args(rsa_params(512), anything(), list.clone()))),
            expected,
            &what,
        )?;
        is(
            status(bench.send(SetACLArgs {
                flags: 0,
                key,
                newacl: list,
            })),
            expected,
            &what,
        )?;
    }
    // What was refused has changed nothing.
    is(
        bench.send(GetACLArgs { flags: 0, key })?.acl.0,
        anything(),
        "the list",
    )?;
    Ok(Outcome::Passed)
}

fn reduce(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let id = bench.limit_name()?;
    let limited = |perms, max| {
        list(vec![PermissionGroup {
            limits: vec![global_limit(id, max)],
            ..group(vec![operations(perms)])
        }])
    };
    let perms = Op::SIGN | Op::ENCRYPT | Op::REDUCE_ACL | Op::GET_ACL;
    let old = limited(perms, 50);
    let key = bench.aes(old.clone())?;
    let set = |newacl: &ACL| {
        status(bench.send(SetACLArgs {
            flags: 0,
            key,
            newacl: newacl.clone(),
        }))
    };
    for (newacl, what) in [
        (limited(perms | Op::DECRYPT, 50), "one more operation"),
        (limited(perms, 51), "a higher limit"),
        (may(perms), "no limit"),
        (
            list(vec![PermissionGroup {
                limits: vec![global_limit([1; 20], 50)],
                ..group(vec![operations(perms)])
            }]),
            "another counter",
        ),
        (
            ACL {
                groups: [old.groups.clone(), may(Op::EXPORT_AS_PLAIN).groups].concat(),
            },
            "one more group",
        ),
    ] {
        is(set(&newacl), Status::AccessDenied, what)?;
    }
    let less = limited(perms & !Op::ENCRYPT, 40);
    is(set(&less), Status::OK, "less")?;
    is(
        bench.send(GetACLArgs { flags: 0, key })?.acl.0,
        less,
        "the list",
    )?;
    is(set(&old), Status::AccessDenied, "what was given away")?;
    denied(
        bench.send(encrypt_args(key, Mech::Any, bytes(b"x"))),
        Status::AccessDenied,
    )?;
    bench.send(sign_something(key))?;
    Ok(Outcome::Passed)
}

fn reduce_conditions(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let plain = group(vec![operations(Op::SIGN | Op::REDUCE_ACL)]);
    let esn = serial_number(&bench)?;
    let bound = PermissionGroup {
        moduleserial: Some(esn),
        ..plain.clone()
    };
    let key = bench.aes(list(vec![plain.clone()]))?;
    let set = |group: &PermissionGroup| {
        status(bench.send(SetACLArgs {
            flags: 0,
            key,
            newacl: list(vec![group.clone()]),
        }))
    };
    is(set(&bound), Status::OK, "a condition added")?;
    is(set(&plain), Status::AccessDenied, "the condition removed")?;
    let other = PermissionGroup {
        moduleserial: Some("0000-0000-0000".to_owned()),
        ..plain
    };
    is(set(&other), Status::AccessDenied, "the condition replaced")?;
    bench.send(sign_something(key))?;
    Ok(Outcome::Passed)
}

fn global(rig: &Rig) -> anyhow::Result<Outcome> {
    let (bench, other) = (Bench::open(rig)?, Bench::open(rig)?);
    let id = bench.limit_name()?;
    let limited = || limited_to(vec![global_limit(id, 3)]);
    let (one, two, far) = (
        bench.aes(limited())?,
        bench.aes(limited())?,
        other.aes(limited())?,
    );
    bench.send(sign_something(one))?;
    bench.send(sign_something(two))?;
    other.send(sign_something(far))?;
    denied(bench.send(sign_something(one)), Status::UseLimitExceeded)?;
    denied(bench.send(sign_something(two)), Status::UseLimitExceeded)?;
    denied(other.send(sign_something(far)), Status::UseLimitExceeded)?;
    let unlike = bench.aes(limited_to(vec![global_limit(bench.limit_name()?, 1)]))?;
    bench.send(sign_something(unlike))?;
    Ok(Outcome::Passed)
}

fn global_reset(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    spare.operate(1, [0x0f; 20], EVERYTHING)?;
    let bench = Bench::at(spare.privileged()?, 1);
    let spend = || -> anyhow::Result<()> {
        let key = bench.aes(limited_to(vec![global_limit([9; 20], 1)]))?;
        bench.send(sign_something(key))?;
        denied(bench.send(sign_something(key)), Status::UseLimitExceeded)
    };
    spend()?;
    ensure!(
        spend().is_err(),
        "the counter is the module's, and it is spent"
    );
    bench.send(ClearUnitArgs { module: 1 })?;
    spend()?;
    Ok(Outcome::Passed)
}

fn per_loading(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hkm = bench.module_keys()?[0];
    let group = PermissionGroup {
        limits: vec![auth_limit([2; 20], 2)],
        ..group(vec![operations(Op::SIGN)])
    };
    let free = super::kit::group(vec![
        operations(Op::DUPLICATE_HANDLE),
        blob_flags(ActMakeBlobDetails::ALLOW_KM_ONLY),
    ]);
    let key = bench.aes(list(vec![group, free]))?;
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    let make = MakeBlobArgs {
        format: BlobFormat::Module,
        idka: key,
        blobkey,
        ..MakeBlobArgs::default()
    };
    let blob = bench.send(make)?.blob;
    let copy = bench.send(DuplicateArgs { key })?.newkey;
    bench.send(sign_something(key))?;
    bench.send(sign_something(copy))?;
    denied(bench.send(sign_something(key)), Status::UseLimitExceeded)?;
    denied(bench.send(sign_something(copy)), Status::UseLimitExceeded)?;
    for _ in 0..2 {
        let load = LoadBlobArgs {
            module: bench.module,
            blob: blob.clone(),
            ..LoadBlobArgs::default()
        };
        let loaded = bench.send(load)?.idka;
        bench.send(sign_something(loaded))?;
        bench.send(sign_something(loaded))?;
        denied(bench.send(sign_something(loaded)), Status::UseLimitExceeded)?;
    }
    Ok(Outcome::Passed)
}

fn time(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let over = bench.aes(limited_to(vec![time_limit(0)]))?;
    denied(bench.send(sign_something(over)), Status::TimeLimitExceeded)?;
    let long = bench.aes(limited_to(vec![time_limit(3600)]))?;
    bench.send(sign_something(long))?;
    Ok(Outcome::Passed)
}

fn all_of_a_group(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (wide, narrow) = (bench.limit_name()?, bench.limit_name()?);
    let key = bench.aes(limited_to(vec![
        global_limit(wide, 5),
        global_limit(narrow, 2),
    ]))?;
    bench.send(sign_something(key))?;
    bench.send(sign_something(key))?;
    denied(bench.send(sign_something(key)), Status::UseLimitExceeded)?;
    // Two of five were charged to the wide one: the refusal charged nothing.
    let probe = bench.aes(limited_to(vec![global_limit(wide, 5)]))?;
    for _ in 0..3 {
        bench.send(sign_something(probe))?;
    }
    denied(bench.send(sign_something(probe)), Status::UseLimitExceeded)?;
    Ok(Outcome::Passed)
}

fn nameless(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let keys = [
        bench.aes(limited_to(vec![global_limit([0; 20], 2)]))?,
        bench.aes(limited_to(vec![global_limit([0; 20], 2)]))?,
    ];
    let mut names = Vec::new();
    for key in keys {
        // The look at the list is one of the two uses.
        let given = bench.send(GetACLArgs { flags: 0, key })?.acl.0;
        match given.groups.first().and_then(|group| group.limits.first()) {
            Some(UseLimit {
                details: UseLimDetails::Global(limit),
                ..
            }) => names.push(limit.id),
            other => bail!("no global limit but {other:?}"),
        }
        bench.send(sign_something(key))?;
        denied(bench.send(sign_something(key)), Status::UseLimitExceeded)?;
    }
    ensure!(
        names[0] != [0; 20] && names[0] != names[1],
        "the names are {names:02x?}"
    );
    Ok(Outcome::Passed)
}

fn serial(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let esn = serial_number(&bench)?;
    for (moduleserial, expected) in [
        (esn.clone(), Status::OK),
        ("0000-0000-0000".to_owned(), Status::AccessDenied),
        (esn[..esn.len() - 1].to_owned(), Status::AccessDenied),
        (String::new(), Status::AccessDenied),
    ] {
        let what = format!("serial number {moduleserial:?}");
        let group = PermissionGroup {
            moduleserial: Some(moduleserial),
            ..group(vec![operations(Op::SIGN)])
        };
        let key = bench.aes(list(vec![group]))?;
        is(status(bench.send(sign_something(key))), expected, &what)?;
    }
    Ok(Outcome::Passed)
}

fn user(allow: UserActionInfo) -> Action {
    Action {
        type_: Act::UserAction,
        details: ActDetails::UserAction(ActUserActionDetails { allow }),
    }
}

/// A list that lets a key sign, and show its list, within these limits.
fn limited_to(limits: Vec<UseLimit>) -> ACL {
    list(vec![PermissionGroup {
        limits,
        ..group(vec![operations(Op::SIGN | Op::GET_ACL)])
    }])
}

fn global_limit(id: [u8; 20], max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Global,
        details: UseLimDetails::Global(UseLimGlobalDetails { id, max }),
    }
}

fn auth_limit(id: [u8; 20], max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Auth,
        details: UseLimDetails::Auth(UseLimAuthDetails { id, max }),
    }
}

fn time_limit(seconds: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Time,
        details: UseLimDetails::Time(UseLimTimeDetails { seconds }),
    }
}

/// The module's serial number.
fn serial_number(bench: &Bench) -> anyhow::Result<String> {
    let enquiry = bench.send(NewEnquiryArgs {
        flags: 0,
        version: 1,
        module: bench.module,
    })?;
    match enquiry.data {
        EnqVerData::One(data) => Ok(data.one.hardwareserial),
        other => bail!("no enquiry of level one but {other:?}"),
    }
}
