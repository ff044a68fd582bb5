//! Blobs: what each kind of protection keeps in, lets out and keeps from others.

use anyhow::{bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::EVERYTHING;
use crate::wire::denied;

const BLOBS: &str = "PROTOCOL, section 4.4; nCore API: Cmd_MakeBlob, Cmd_LoadBlob";
const PERMISSIONS: &str = "nCore API: M_ACL, Act_MakeBlob, Act_MakeArchiveBlob";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "wrapping.types.every",
        "Keys of every type come back with hash, list and application data",
        BLOBS,
        types,
    )
    .covers(&[replies(Cmd::MakeBlob), replies(Cmd::LoadBlob), replies(Cmd::GetAppData)]),
    Case::new(
        "wrapping.secret.hidden",
        "A blob does not show its key, and no two of one key are alike",
        BLOBS,
        hidden,
    )
    .covers(&[replies(Cmd::MakeBlob)]),
    Case::new(
        "wrapping.changed.anywhere",
        "A blob of any kind with a flipped bit or a missing end does not load",
        BLOBS,
        changed,
    )
    .covers(&[denies(Cmd::LoadBlob, Status::DecryptFailed)]),
    Case::new(
        "wrapping.module.permissions",
        "A blob under a module key needs AllowKmOnly, AllowNonKm0 for others than KM0, and the key it names",
        PERMISSIONS,
        module_permissions,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::MakeBlob),
        denies(Cmd::MakeBlob, Status::AccessDenied),
        denies(Cmd::MakeBlob, Status::UnknownKM),
    ]),
    Case::new(
        "wrapping.module.removed-key",
        "A blob loads as long as its module key is there",
        BLOBS,
        removed_key,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::LoadBlob), denies(Cmd::LoadBlob, Status::UnknownKM)]),
    Case::new(
        "wrapping.module.foreign",
        "A blob under one module's own key is UnknownKM to another module",
        BLOBS,
        foreign,
    )
    .needs(&[Need::Control])
    .covers(&[denies(Cmd::LoadBlob, Status::UnknownKM)]),
    Case::new(
        "wrapping.token.permissions",
        "A blob under a token needs the token, parameters and module key that the list names",
        PERMISSIONS,
        token_permissions,
    )
    .covers(&[
        replies(Cmd::MakeBlob),
        denies(Cmd::MakeBlob, Status::AccessDenied),
        denies(Cmd::MakeBlob, Status::LogTokenNotPresent),
    ]),
    Case::new(
        "wrapping.token.wrong",
        "A blob under a token opens with that token and no other",
        BLOBS,
        token_wrong,
    )
    .covers(&[
        replies(Cmd::LoadBlob),
        denies(Cmd::LoadBlob, Status::DecryptFailed),
        denies(Cmd::LoadBlob, Status::InvalidParameter),
        denies(Cmd::LoadBlob, Status::TypeMismatch),
        denies(Cmd::LoadBlob, Status::UnknownID),
    ]),
    Case::new(
        "wrapping.recovery.permissions",
        "A recovery blob needs the key and mechanism that the list names",
        PERMISSIONS,
        recovery_permissions,
    )
    .covers(&[
        replies(Cmd::MakeBlob),
        denies(Cmd::MakeBlob, Status::AccessDenied),
        denies(Cmd::MakeBlob, Status::UnknownMechanism),
        denies(Cmd::MakeBlob, Status::TypeMismatch),
    ]),
    Case::new(
        "wrapping.recovery.wrong",
        "A recovery blob opens with the private half and no other key",
        BLOBS,
        recovery_wrong,
    )
    .covers(&[
        replies(Cmd::LoadBlob),
        denies(Cmd::LoadBlob, Status::DecryptFailed),
        denies(Cmd::LoadBlob, Status::InvalidParameter),
    ]),
    Case::new(
        "wrapping.list.replaced",
        "Another list goes into a blob only as SetACL would allow it",
        BLOBS,
        list_replaced,
    )
    .covers(&[replies(Cmd::MakeBlob), denies(Cmd::MakeBlob, Status::AccessDenied)]),
    Case::new(
        "wrapping.formats.refused",
        "Formats and places that are not there are refused",
        BLOBS,
        formats,
    )
    .covers(&[
        denies(Cmd::MakeBlob, Status::BlobTypeUnknown),
        denies(Cmd::LoadBlob, Status::UnknownFileDevice),
        denies(Cmd::LoadBlob, Status::BlobTypeUnknown),
    ]),
    Case::new(
        "wrapping.keys.either",
        "A blob under a symmetric or a public key opens with that key alone, whole",
        BLOBS,
        under_keys,
    )
    .covers(&[
        replies(Cmd::MakeBlob),
        replies(Cmd::LoadBlob),
        denies(Cmd::MakeBlob, Status::AccessDenied),
        denies(Cmd::MakeBlob, Status::TypeMismatch),
        denies(Cmd::MakeBlob, Status::UnknownMechanism),
        denies(Cmd::LoadBlob, Status::AccessDenied),
        denies(Cmd::LoadBlob, Status::DecryptFailed),
        denies(Cmd::LoadBlob, Status::InvalidParameter),
    ]),
];

fn under_module(idka: u32, hkm: KeyHash) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey: BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm }),
        ..MakeBlobArgs::default()
    }
}

fn under_token(idka: u32, idkt: u32) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Token,
        idka,
        blobkey: BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt }),
        ..MakeBlobArgs::default()
    }
}

fn to_key(idka: u32, idkr: u32, mech: Mech) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka,
        blobkey: BlobFormatMkBlobParams::Indirect(BlobFormatIndirectMkBlobParams { idkr, mech }),
        ..MakeBlobArgs::default()
    }
}

fn load(bench: &Bench, blob: &[u8], idkb: Option<u32>) -> Sent<LoadBlobReply> {
    bench.send(LoadBlobArgs {
        module: bench.module,
        blob: blob.to_vec(),
        idkb,
        ..LoadBlobArgs::default()
    })
}

const PARAMS: TokenParams = TokenParams {
    flags: TokenParams::ALLOW_SOFT_SLOTS,
    sharesneeded: 1,
    sharestotal: 1,
    timelimit: 0,
};

/// A new token, written to a card so that it is whole: its identifier and hash.
pub(super) fn whole_token(
    bench: &Bench,
    hkm: KeyHash,
    params: &TokenParams,
) -> anyhow::Result<(u32, KeyHash)> {
    let made = bench.send(GenerateLogicalTokenArgs {
        module: bench.module,
        hkm,
        params: params.clone(),
    })?;
    for i in 1..=params.sharestotal {
        let card = super::quorums::insert(bench, Vec::new())?;
        bench.send(FormatTokenArgs {
            flags: 0,
            token: card.clone(),
            auth_key: None,
        })?;
        let share = WriteShareArgs {
            flags: 0,
            token: card.clone(),
            idkt: made.idkt,
            i,
            pin: None,
            acl: None,
        };
        bench.send(share)?;
        super::quorums::remove(bench, card)?;
    }
    Ok((made.idkt, made.hkt))
}

fn types(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hkm = bench.module_keys()?[0];
    let mut keys = Vec::new();
    for params in [
        random_params(KeyType::Rijndael, 24),
        random_params(KeyType::ArcFour, 5),
        random_params(KeyType::HMACSHA512, 64),
        random_params(KeyType::Random, 3),
        KeyGenParams {
            type_: KeyType::DES,
            params: KeyTypeGenParams::Empty,
        },
        KeyGenParams {
            type_: KeyType::DES2,
            params: KeyTypeGenParams::Empty,
        },
        KeyGenParams {
            type_: KeyType::DES3,
            params: KeyTypeGenParams::Empty,
        },
        KeyGenParams {
            type_: KeyType::DSAComm,
            params: KeyTypeGenParams::DSAComm(KeyTypeDSACommGenParams {
                lenbits: 512,
                ..Default::default()
            }),
        },
    ] {
        keys.push(bench.send(bench.key_args(params, anything()))?.key);
    }
    for params in [
        rsa_params(512),
        KeyGenParams {
            type_: KeyType::DSAPrivate,
            params: KeyTypeGenParams::DSAPrivate(KeyTypeDSAPrivateGenParams {
                lenbits: 512,
                ..Default::default()
            }),
        },
        KeyGenParams {
            type_: KeyType::DHPrivate,
            params: KeyTypeGenParams::DHPrivate(KeyTypeDHPrivateGenParams {
                plength: 512,
                ..Default::default()
            }),
        },
    ] {
        let pair = bench.send(bench.pair_args(params, anything(), anything()))?;
        keys.extend([pair.keypriv, pair.keypub]);
    }
    for (place, key) in (1..).zip(keys) {
        let appdata = [place; 64];
        bench.send(SetAppDataArgs { key, appdata })?;
        let blob = bench.send(under_module(key, hkm))?.blob;
        let loaded = load(&bench, &blob, None)?.idka;
        let info = |key| bench.send(GetKeyInfoExArgs { flags: 0, key });
        is(info(loaded)?, info(key)?, "type, length and hashes")?;
        is(bench.export(loaded)?, bench.export(key)?, "the key itself")?;
        is(
            bench.send(GetAppDataArgs { key: loaded })?.appdata,
            appdata,
            "the application data",
        )?;
        is(
            bench
                .send(GetACLArgs {
                    flags: 0,
                    key: loaded,
                })?
                .acl
                .0,
            anything(),
            "the list",
        )?;
    }
    Ok(Outcome::Passed)
}

fn hidden(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let secret: Vec<u8> = (0..32).map(|at| at * 7 + 1).collect();
    let key = bench.import(raw_key(KeyType::Rijndael, &secret)?, anything())?;
    let hkm = bench.module_keys()?[0];
    let (idkt, _) = whole_token(&bench, NULL_AES, &PARAMS)?;
    let mut seen = Vec::new();
    for args in [
        under_module(key, hkm),
        under_module(key, hkm),
        under_token(key, idkt),
        under_token(key, idkt),
    ] {
        let blob = bench.send(args)?.blob;
        for part in secret.windows(6) {
            ensure!(
                !blob.windows(6).any(|window| window == part),
                "the blob shows the key"
            );
        }
        ensure!(!seen.contains(&blob), "two blobs are alike");
        seen.push(blob);
    }
    Ok(Outcome::Passed)
}

fn changed(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hkm = bench.module_keys()?[0];
    let (idkt, _) = whole_token(&bench, NULL_AES, &PARAMS)?;
    let recovery = bench.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY))?;
    let allowed = acl(vec![
        archive(None, Mech::Any),
        blob_flags(ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN),
    ]);
    let key = bench.aes(allowed)?;
    for (args, opener) in [
        (under_module(key, hkm), None),
        (under_token(key, idkt), Some(idkt)),
        (
            to_key(key, recovery.public, Mech::Any),
            Some(recovery.private),
        ),
    ] {
        let format = args.format;
        let blob = bench.send(args)?.blob;
        load(&bench, &blob, opener)?;
        let mut failed_to_open = 0;
        for at in 0..blob.len() {
            let mut other = blob.clone();
            other[at] ^= 1 << (at % 8);
            match status(load(&bench, &other, opener)) {
                Status::OK => bail!("{format}: it loads with another byte {at}"),
                Status::DecryptFailed => failed_to_open += 1,
                _ => {}
            }
        }
        // All but the header, which says what the blob is.
        ensure!(
            failed_to_open * 2 > blob.len(),
            "{format}: only {failed_to_open} of {} bytes",
            blob.len()
        );
        for length in (0..blob.len()).step_by(3) {
            ensure!(
                status(load(&bench, &blob[..length], opener)) != Status::OK,
                "{format}: its first {length} bytes load"
            );
        }
        let longer = [&blob[..], &[0]].concat();
        ensure!(
            status(load(&bench, &longer, opener)) != Status::OK,
            "{format}: it loads with one more byte"
        );
    }
    Ok(Outcome::Passed)
}

fn module_permissions(rig: &Rig) -> anyhow::Result<Outcome> {
    type Details = ActMakeBlobDetails;
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let bench = Bench::at(spare.wire()?, 1);
    let km = bench.aes(may(Op::USE_AS_KM))?;
    bench.send(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    })?;
    let keys = bench.module_keys()?;
    let (km0, world) = (keys[0], keys[1]);
    let both = Details::ALLOW_KM_ONLY | Details::ALLOW_NON_KM0;
    let details = |flags, kmhash| Details {
        flags,
        kmhash,
        ..Details::default()
    };
    for (details, under_km0, under_world) in [
        (details(Details::ALLOW_KM_ONLY, None), true, false),
        (details(both, None), true, true),
        (details(Details::ALLOW_NON_KM0, None), false, false),
        (details(0, None), false, false),
        (details(both, Some(world)), false, true),
        (details(both, Some(km0)), true, false),
        (details(Details::ALLOW_KM_ONLY, Some(world)), false, false),
    ] {
        let what = format!("{details:?}");
        let key = bench.aes(acl(vec![blobs(details)]))?;
        let expected = |allowed| {
            if allowed {
                Status::OK
            } else {
                Status::AccessDenied
            }
        };
        is(
            status(bench.send(under_module(key, km0))),
            expected(under_km0),
            &what,
        )?;
        is(
            status(bench.send(under_module(key, world))),
            expected(under_world),
            &what,
        )?;
        for absent in [[0x55; 20], NULL_DES3, NULL_AES] {
            is(
                status(bench.send(under_module(key, absent))),
                Status::UnknownKM,
                &what,
            )?;
        }
    }
    let without = bench.aes(may(Op::KNOWN_PERMS))?;
    denied(bench.send(under_module(without, km0)), Status::AccessDenied)?;
    Ok(Outcome::Passed)
}

fn removed_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let bench = Bench::at(spare.wire()?, 1);
    let km = bench.aes(anything())?;
    let hkm = bench.hash_of(km)?;
    let (set, removal) = (
        SetKMArgs {
            module: 1,
            flags: 0,
            idka: km,
        },
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        },
    );
    bench.send(set.clone())?;
    let key = bench.aes(anything())?;
    let blob = bench.send(under_module(key, hkm))?.blob;
    bench.send(removal)?;
    denied(load(&bench, &blob, None), Status::UnknownKM)?;
    denied(bench.send(under_module(key, hkm)), Status::UnknownKM)?;
    bench.send(set)?;
    let loaded = load(&bench, &blob, None)?.idka;
    is(bench.hash_of(loaded)?, bench.hash_of(key)?, "the hash")?;
    Ok(Outcome::Passed)
}

fn foreign(rig: &Rig) -> anyhow::Result<Outcome> {
    let spare = rig.spare_with(|options| options.modules = 2)?;
    for module in [1, 2] {
        spare.initialise(module)?;
        spare.operate(module, [0x0f; 20], EVERYTHING)?;
    }
    let (one, two) = (Bench::at(spare.wire()?, 1), Bench::at(spare.wire()?, 2));
    let key = one.aes(anything())?;
    let blob = one.send(under_module(key, one.module_keys()?[0]))?.blob;
    denied(load(&two, &blob, None), Status::UnknownKM)?;
    // Both get the same module key, and what is under that goes from one to the other.
    let km = raw_key(KeyType::Rijndael, &[0x21; 32])?;
    for bench in [&one, &two] {
        let idka = bench.import(km.clone(), may(Op::USE_AS_KM))?;
        bench.send(SetKMArgs {
            module: bench.module,
            flags: 0,
            idka,
        })?;
    }
    let shared = one.module_keys()?[1];
    is(two.module_keys()?[1], shared, "the shared module key")?;
    let blob = one.send(under_module(key, shared))?.blob;
    let loaded = load(&two, &blob, None)?.idka;
    is(two.hash_of(loaded)?, one.hash_of(key)?, "the hash")?;
    Ok(Outcome::Passed)
}

fn token_permissions(rig: &Rig) -> anyhow::Result<Outcome> {
    type Details = ActMakeBlobDetails;
    let bench = Bench::open(rig)?;
    let km0 = bench.module_keys()?[0];
    let (under_km0, hkt) = whole_token(&bench, km0, &PARAMS)?;
    let (under_null, _) = whole_token(&bench, NULL_DES3, &PARAMS)?;
    let other = TokenParams {
        sharestotal: 2,
        ..PARAMS
    };
    let null = Details::ALLOW_NULL_KM_TOKEN;
    let plain = Details::default();
    for (details, at_km0, at_null, what) in [
        (plain.clone(), true, false, "a token"),
        (
            Details {
                flags: null,
                ..plain.clone()
            },
            true,
            true,
            "also under a null module key",
        ),
        (
            Details {
                kthash: Some(hkt),
                flags: null,
                ..plain.clone()
            },
            true,
            false,
            "this token",
        ),
        (
            Details {
                kthash: Some([1; 20]),
                flags: null,
                ..plain.clone()
            },
            false,
            false,
            "another token",
        ),
        (
            Details {
                ktparams: Some(PARAMS),
                flags: null,
                ..plain.clone()
            },
            true,
            true,
            "these parameters",
        ),
        (
            Details {
                ktparams: Some(other),
                flags: null,
                ..plain.clone()
            },
            false,
            false,
            "other parameters",
        ),
        (
            Details {
                kmhash: Some([2; 20]),
                ..plain.clone()
            },
            false,
            false,
            "another module key",
        ),
        (
            Details {
                kmhash: Some(km0),
                ..plain
            },
            true,
            false,
            "this module key",
        ),
    ] {
        let key = bench.aes(acl(vec![blobs(details)]))?;
        let expected = |allowed| {
            if allowed {
                Status::OK
            } else {
                Status::AccessDenied
            }
        };
        is(
            status(bench.send(under_token(key, under_km0))),
            expected(at_km0),
            &format!("{what}, under KM0"),
        )?;
        is(
            status(bench.send(under_token(key, under_null))),
            expected(at_null),
            &format!("{what}, under null"),
        )?;
    }
    let key = bench.aes(anything())?;
    let made = GenerateLogicalTokenArgs {
        module: bench.module,
        hkm: km0,
        params: PARAMS,
    };
    let unwritten = bench.send(made)?.idkt;
    denied(
        bench.send(under_token(key, unwritten)),
        Status::LogTokenNotPresent,
    )?;
    denied(bench.send(under_token(key, key)), Status::TypeMismatch)?;
    Ok(Outcome::Passed)
}

fn token_wrong(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (right, _) = whole_token(&bench, NULL_AES, &PARAMS)?;
    let (wrong, _) = whole_token(&bench, NULL_AES, &PARAMS)?;
    let key = bench.aes(anything())?;
    let blob = bench.send(under_token(key, right))?.blob;
    denied(load(&bench, &blob, Some(wrong)), Status::DecryptFailed)?;
    denied(load(&bench, &blob, None), Status::InvalidParameter)?;
    denied(load(&bench, &blob, Some(key)), Status::TypeMismatch)?;
    denied(load(&bench, &blob, Some(0)), Status::UnknownID)?;
    let loaded = load(&bench, &blob, Some(right))?.idka;
    is(bench.hash_of(loaded)?, bench.hash_of(key)?, "the hash")?;
    bench.send(DestroyArgs { key: right })?;
    denied(load(&bench, &blob, Some(right)), Status::UnknownID)?;
    // What was loaded under it stays.
    bench.send(sign_something(loaded))?;
    Ok(Outcome::Passed)
}

const INDIRECT: Mech = Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC;

fn recovery_permissions(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let recovery = bench.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY))?;
    let other = bench.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY))?;
    let hash = bench.hash_of(recovery.public)?;
    for (action, expected, what) in [
        (archive(Some(hash), Mech::Any), Status::OK, "this key"),
        (archive(None, Mech::Any), Status::OK, "any key"),
        (archive(Some(hash), INDIRECT), Status::OK, "this mechanism"),
        (
            archive(Some(hash), Mech::RSApPKCS1),
            Status::AccessDenied,
            "another mechanism",
        ),
        (
            archive(Some([3; 20]), Mech::Any),
            Status::AccessDenied,
            "another key",
        ),
        (
            blob_flags(ActMakeBlobDetails::KNOWN_FLAGS),
            Status::AccessDenied,
            "blobs of other kinds",
        ),
    ] {
        let key = bench.aes(acl(vec![action]))?;
        for mech in [Mech::Any, INDIRECT] {
            is(
                status(bench.send(to_key(key, recovery.public, mech))),
                expected,
                what,
            )?;
        }
    }
    let key = bench.aes(acl(vec![archive(Some(hash), Mech::Any)]))?;
    denied(
        bench.send(to_key(key, other.public, Mech::Any)),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(to_key(key, recovery.public, Mech::RSApPKCS1)),
        Status::UnknownMechanism,
    )?;
    let secret = bench.aes(may(Op::USE_AS_BLOB_KEY))?;
    let key = bench.aes(acl(vec![archive(None, Mech::Any)]))?;
    denied(
        bench.send(to_key(key, secret, Mech::Any)),
        Status::TypeMismatch,
    )?;
    Ok(Outcome::Passed)
}

fn recovery_wrong(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let pair = || bench.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY));
    let (right, wrong, larger) = (
        pair()?,
        pair()?,
        bench.rsa(1032, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY))?,
    );
    let key = bench.aes(acl(vec![archive(None, Mech::Any), operations(Op::SIGN)]))?;
    // More than once: a number that is not less than the other modulus is told the same way.
    for _ in 0..6 {
        let blob = bench.send(to_key(key, right.public, Mech::Any))?.blob;
        denied(
            load(&bench, &blob, Some(wrong.private)),
            Status::DecryptFailed,
        )?;
        denied(
            load(&bench, &blob, Some(larger.private)),
            Status::DecryptFailed,
        )?;
        denied(load(&bench, &blob, None), Status::InvalidParameter)?;
        denied(
            load(&bench, &blob, Some(right.public)),
            Status::TypeMismatch,
        )?;
        let loaded = load(&bench, &blob, Some(right.private))?.idka;
        is(bench.hash_of(loaded)?, bench.hash_of(key)?, "the hash")?;
        bench.send(sign_something(loaded))?;
    }
    Ok(Outcome::Passed)
}

fn list_replaced(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let hkm = bench.module_keys()?[0];
    let with = |perms| {
        acl(vec![
            operations(perms | Op::GET_ACL),
            blob_flags(ActMakeBlobDetails::ALLOW_KM_ONLY),
        ])
    };
    let less = with(Op::SIGN);
    let more = with(Op::SIGN | Op::DECRYPT | Op::EXPORT_AS_PLAIN);
    for (perms, reduced, expanded) in [
        (Op::SIGN, Status::AccessDenied, Status::AccessDenied),
        (Op::SIGN | Op::REDUCE_ACL, Status::OK, Status::AccessDenied),
        (Op::SIGN | Op::EXPAND_ACL, Status::OK, Status::OK),
    ] {
        let key = bench.aes(with(perms))?;
        for (list, expected) in [(&less, reduced), (&more, expanded)] {
            let args = MakeBlobArgs {
                acl: Some(list.clone()),
                ..under_module(key, hkm)
            };
            let answer = bench.send(args);
            if expected == Status::OK {
                let loaded = load(&bench, &answer?.blob, None)?.idka;
                is(
                    &bench
                        .send(GetACLArgs {
                            flags: 0,
                            key: loaded,
                        })?
                        .acl
                        .0,
                    list,
                    "the list in the blob",
                )?;
            } else {
                denied(answer, expected)?;
            }
        }
        is(
            bench.send(GetACLArgs { flags: 0, key })?.acl.0,
            with(perms),
            "the key's own list",
        )?;
    }
    Ok(Outcome::Passed)
}

fn formats(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let key = bench.aes(anything())?;
    for format in [BlobFormat::None, BlobFormat(99)] {
        let args = MakeBlobArgs {
            format,
            idka: key,
            ..MakeBlobArgs::default()
        };
        is(
            status(bench.send(args)),
            Status::BlobTypeUnknown,
            &format!("{format}"),
        )?;
    }
    let file = LoadBlobArgs {
        module: bench.module,
        file: Some(FileSpec::default()),
        ..LoadBlobArgs::default()
    };
    denied(bench.send(file), Status::UnknownFileDevice)?;
    for blob in [&b""[..], b"x", &[0; 64], &[0xff; 300]] {
        denied(load(&bench, blob, None), Status::BlobTypeUnknown)?;
    }
    Ok(Outcome::Passed)
}

fn under_keys(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let wrapping = may(Op::USE_AS_BLOB_KEY);
    let aes = bench.aes(wrapping.clone())?;
    let other = bench.aes(wrapping.clone())?;
    let idle = bench.aes(may(Op::ENCRYPT))?;
    let pair = bench.rsa(1024, wrapping.clone(), wrapping)?;
    let hashes = [aes, pair.public].map(|key| bench.hash_of(key));
    let mut actions = vec![operations(Op::ENCRYPT)];
    for hash in hashes {
        actions.push(archive(Some(hash?), Mech::Any));
    }
    let key = bench.aes(list(vec![group(actions)]))?;
    let name = bench.hash_of(key)?;
    let direct = |idki| MakeBlobArgs {
        format: BlobFormat::Direct,
        idka: key,
        blobkey: BlobFormatMkBlobParams::Direct(BlobFormatDirectMkBlobParams { idki }),
        ..MakeBlobArgs::default()
    };
    let user = |idkr, mech| {
        let params = BlobFormatUserKeyMkBlobParams { idkr, mech };
        MakeBlobArgs {
            format: BlobFormat::UserKey,
            idka: key,
            blobkey: BlobFormatMkBlobParams::UserKey(params),
            ..MakeBlobArgs::default()
        }
    };
    for (args, opener) in [
        (direct(aes), aes),
        (user(aes, Mech::Any), aes),
        (user(pair.public, Mech::Any), pair.private),
    ] {
        let format = args.format;
        let blob = bench.send(args)?.blob;
        let loaded = load(&bench, &blob, Some(opener))?.idka;
        is(bench.hash_of(loaded)?, name, &format!("{format}: the key"))?;
        denied(load(&bench, &blob, Some(idle)), Status::AccessDenied)?;
        denied(load(&bench, &blob, None), Status::InvalidParameter)?;
        if opener == aes {
            denied(load(&bench, &blob, Some(other)), Status::DecryptFailed)?;
        }
        for at in (0..blob.len()).step_by(11) {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            let found = status(load(&bench, &changed, Some(opener)));
            ensure!(found != Status::OK, "{format}: byte {at} does not count");
        }
    }
    let none = Mech::BlobCryptv3kNoneeAESCBC0dCTRCMACmSHA256HMAC;
    denied(bench.send(direct(other)), Status::AccessDenied)?;
    denied(bench.send(direct(idle)), Status::AccessDenied)?;
    denied(bench.send(direct(pair.public)), Status::TypeMismatch)?;
    denied(
        bench.send(user(pair.public, none)),
        Status::UnknownMechanism,
    )?;
    Ok(Outcome::Passed)
}
