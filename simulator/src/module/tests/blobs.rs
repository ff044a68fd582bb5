//! Keys out into blobs and back in.

use ncore::Status;
use ncore::types::*;

use super::rig::*;

/// A module in operation that also has a world key; the hashes of KM0 and of the world key.
fn with_world_key() -> (Rig, [u8; 20], [u8; 20]) {
    let mut rig = Rig::operational();
    let km = rig.aes(may(Op::USE_AS_KM));
    let hkm = rig.hash_of(km);
    rig.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    });
    let km0 = rig
        .ok(GetKMListArgs {
            module: 1,
            flags: 0,
        })
        .hkms[0];
    (rig, km0, hkm)
}

fn under_module_key(idka: u32, hkm: [u8; 20]) -> MakeBlobArgs {
    let blobkey = BlobFormatMkBlobParams::Module(BlobFormatModuleMkBlobParams { hkm });
    MakeBlobArgs {
        format: BlobFormat::Module,
        idka,
        blobkey,
        ..Default::default()
    }
}

fn under_token(idka: u32, idkt: u32) -> MakeBlobArgs {
    let blobkey = BlobFormatMkBlobParams::Token(BlobFormatTokenMkBlobParams { idkt });
    MakeBlobArgs {
        format: BlobFormat::Token,
        idka,
        blobkey,
        ..Default::default()
    }
}

fn to_key(idka: u32, idkr: u32, mech: Mech) -> MakeBlobArgs {
    let blobkey = BlobFormatMkBlobParams::Indirect(BlobFormatIndirectMkBlobParams { idkr, mech });
    MakeBlobArgs {
        format: BlobFormat::Indirect,
        idka,
        blobkey,
        ..Default::default()
    }
}

fn load(blob: Vec<u8>, idkb: Option<u32>) -> LoadBlobArgs {
    LoadBlobArgs {
        flags: 0,
        module: 1,
        blob,
        idkb,
        file: None,
    }
}

#[test]
fn a_key_comes_back_with_its_list_and_application_data() {
    let (mut rig, _, hkm) = with_world_key();
    let (private, _) = rig.rsa(512, anything(), anything());
    rig.ok(SetAppDataArgs {
        key: private,
        appdata: [7; 64],
    });
    let blob = rig.ok(under_module_key(private, hkm)).blob;
    rig.ok(DestroyArgs { key: private });
    let key = rig.ok(load(blob, None)).idka;
    assert_eq!(rig.ok(GetACLArgs { flags: 0, key }).acl.0, anything());
    assert_eq!(rig.ok(GetAppDataArgs { key }).appdata, [7; 64]);
    rig.ok(SignArgs {
        mech: Mech::RSAhSHA1pPKCS1,
        ..sign_args(key)
    });
}

#[test]
fn a_blob_hides_its_key_and_no_two_are_alike() {
    let (mut rig, _, hkm) = with_world_key();
    let key = rig.aes(anything());
    let KeyTypeData::Random(secret) = rig.ok(ExportArgs { key }).data.data else {
        panic!("no AES key")
    };
    let (one, two) = (
        rig.ok(under_module_key(key, hkm)).blob,
        rig.ok(under_module_key(key, hkm)).blob,
    );
    assert_ne!(one, two);
    assert!(!one.windows(8).any(|window| window == &secret.k[..8]));
}

#[test]
fn a_blob_of_another_world_is_unknown_km_and_a_changed_one_does_not_open() {
    let (mut rig, _, hkm) = with_world_key();
    let key = rig.aes(anything());
    let blob = rig.ok(under_module_key(key, hkm)).blob;
    let mut stranger = Rig::with(
        1,
        b"another",
        Box::new(crate::store::MemoryStore::default()),
    );
    stranger.initialise();
    stranger.become_operational(EVERYTHING);
    stranger.refused(load(blob.clone(), None), Status::UnknownKM);
    for place in [33, blob.len() / 2, blob.len() - 1] {
        let mut changed = blob.clone();
        changed[place] ^= 0x10;
        rig.refused(load(changed, None), Status::DecryptFailed);
    }
    rig.refused(
        load(blob[..blob.len() - 4].to_vec(), None),
        Status::DecryptFailed,
    );
    rig.refused(
        load(b"no blob at all".to_vec(), None),
        Status::BlobTypeUnknown,
    );
    rig.refused(load(Vec::new(), None), Status::BlobTypeUnknown);
    rig.ok(RemoveKMArgs {
        module: 1,
        flags: 0,
        hkm,
    });
    rig.refused(load(blob, None), Status::UnknownKM);
}

#[test]
fn blobs_under_module_keys_need_their_permissions() {
    let (mut rig, km0, hkm) = with_world_key();
    const KM_ONLY: u32 = ActMakeBlobDetails::ALLOW_KM_ONLY;
    const NON_KM0: u32 = ActMakeBlobDetails::ALLOW_NON_KM0;
    for (flags, under_km0, under_km) in [
        (0, Status::AccessDenied, Status::AccessDenied),
        (NON_KM0, Status::AccessDenied, Status::AccessDenied),
        (KM_ONLY, Status::OK, Status::AccessDenied),
        (KM_ONLY | NON_KM0, Status::OK, Status::OK),
    ] {
        let key = rig.aes(acl(vec![make_blob(flags)]));
        assert_eq!(
            rig.send(under_module_key(key, km0)).status,
            under_km0,
            "flags {flags}"
        );
        assert_eq!(
            rig.send(under_module_key(key, hkm)).status,
            under_km,
            "flags {flags}"
        );
    }
    let details = ActMakeBlobDetails {
        flags: KM_ONLY | NON_KM0,
        kmhash: Some(hkm),
        ..Default::default()
    };
    let key = rig.aes(acl(vec![Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    }]));
    rig.refused(under_module_key(key, km0), Status::AccessDenied);
    rig.ok(under_module_key(key, hkm));
    rig.refused(under_module_key(key, [9; 20]), Status::UnknownKM);
    // A blob under a null module key would be no protection at all.
    rig.refused(under_module_key(key, [0; 20]), Status::UnknownKM);
}

#[test]
fn a_list_in_a_blob_follows_the_rules_of_set_acl() {
    let (mut rig, _, hkm) = with_world_key();
    let blobs = make_blob(ActMakeBlobDetails::ALLOW_KM_ONLY | ActMakeBlobDetails::ALLOW_NON_KM0);
    let key = rig.aes(acl(vec![
        operations(Op::REDUCE_ACL | Op::SIGN),
        blobs.clone(),
    ]));
    let with = |acl| MakeBlobArgs {
        acl: Some(acl),
        ..under_module_key(key, hkm)
    };
    rig.refused(with(may(Op::EXPORT_AS_PLAIN)), Status::AccessDenied);
    let blob = rig.ok(with(may(Op::SIGN))).blob;
    let loaded = rig.ok(load(blob, None)).idka;
    rig.refused(under_module_key(loaded, hkm), Status::AccessDenied);
    rig.ok(SignArgs {
        mech: Mech::Any,
        ..sign_args(loaded)
    });

    let fixed = rig.aes(acl(vec![operations(Op::SIGN), blobs.clone()]));
    let args = MakeBlobArgs {
        acl: Some(may(Op::SIGN)),
        ..under_module_key(fixed, hkm)
    };
    rig.refused(args, Status::AccessDenied);
    let free = rig.aes(acl(vec![operations(Op::EXPAND_ACL), blobs]));
    let args = MakeBlobArgs {
        acl: Some(may(Op::EXPORT_AS_PLAIN)),
        ..under_module_key(free, hkm)
    };
    let blob = rig.ok(args).blob;
    let loaded = rig.ok(load(blob, None)).idka;
    rig.ok(ExportArgs { key: loaded });
}

#[test]
fn a_recovery_blob_opens_with_the_private_half() {
    let (mut rig, _, _) = with_world_key();
    let (kre_private, kre) = rig.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY));
    let hash = rig.hash_of(kre);
    let key = rig.aes(acl(vec![operations(Op::SIGN), archive_blob(hash)]));
    let blob = rig.ok(to_key(key, kre, Mech::Any)).blob;
    let loaded = rig.ok(load(blob.clone(), Some(kre_private))).idka;
    assert_eq!(rig.hash_of(loaded), rig.hash_of(key));

    rig.refused(load(blob.clone(), None), Status::InvalidParameter);
    rig.refused(load(blob.clone(), Some(999)), Status::UnknownID);
    // The public half, another pair, and a key of another kind.
    rig.refused(load(blob.clone(), Some(kre)), Status::TypeMismatch);
    let (stranger, _) = rig.rsa(1024, anything(), anything());
    rig.refused(load(blob.clone(), Some(stranger)), Status::DecryptFailed);
    let aes = rig.aes(anything());
    rig.refused(load(blob.clone(), Some(aes)), Status::TypeMismatch);
    let mut changed = blob;
    *changed.last_mut().unwrap() ^= 1;
    rig.refused(load(changed, Some(kre_private)), Status::DecryptFailed);
}

#[test]
fn recovery_needs_the_permission_of_both_keys() {
    let (mut rig, _, _) = with_world_key();
    let (powerless_private, powerless) = rig.rsa(1024, may(Op::DECRYPT), may(Op::ENCRYPT));
    let hash = rig.hash_of(powerless);
    let key = rig.aes(acl(vec![archive_blob(hash)]));
    rig.refused(to_key(key, powerless, Mech::Any), Status::AccessDenied);
    let (_, kre) = rig.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY));
    rig.refused(to_key(key, kre, Mech::Any), Status::AccessDenied);
    let hash = rig.hash_of(kre);
    let key = rig.aes(acl(vec![archive_blob(hash)]));
    rig.refused(
        to_key(key, kre, Mech::RSApPKCS1OAEP),
        Status::UnknownMechanism,
    );
    let blob = rig
        .ok(to_key(
            key,
            kre,
            Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC,
        ))
        .blob;
    rig.refused(load(blob, Some(powerless_private)), Status::AccessDenied);
}

fn token(rig: &mut Rig, hkm: [u8; 20]) -> u32 {
    let (idkt, card) = token_in_slot(rig, hkm, 0);
    rig.ok(RemoveSoftTokenArgs {
        flags: 0,
        token: card,
    });
    idkt
}

/// A token whose only card is still in the soft slot.
fn token_in_slot(rig: &mut Rig, hkm: [u8; 20], flags: u32) -> (u32, PhysToken) {
    let params = TokenParams {
        flags: TokenParams::ALLOW_SOFT_SLOTS | flags,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    let idkt = rig
        .ok(GenerateLogicalTokenArgs {
            module: 1,
            hkm,
            params,
        })
        .idkt;
    let slot = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    let ic = rig
        .ok(InsertSoftTokenArgs {
            flags: 0,
            token: slot.clone(),
            data: Vec::new(),
        })
        .ic;
    let slot = PhysToken { ic, ..slot };
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: slot.clone(),
        auth_key: None,
    });
    rig.ok(WriteShareArgs {
        flags: 0,
        token: slot.clone(),
        idkt,
        i: 1,
        pin: None,
        acl: None,
    });
    (idkt, slot)
}

#[test]
fn a_key_goes_with_the_last_card_of_a_token_that_is_not_persistent() {
    for (flags, gone) in [(TokenParams::NOT_PERSISTENT, true), (0, false)] {
        let (mut rig, _, hkm) = with_world_key();
        let (idkt, card) = token_in_slot(&mut rig, hkm, flags);
        let key = rig.aes(acl(vec![make_blob(ActMakeBlobDetails::ALLOW_NON_KM0)]));
        let blob = rig.ok(under_token(key, idkt)).blob;
        let loaded = rig.ok(load(blob.clone(), Some(idkt))).idka;
        let again = under_token(loaded, idkt);
        rig.ok(again.clone());
        rig.ok(RemoveSoftTokenArgs {
            flags: 0,
            token: card,
        });
        let state = rig.ok(GetLogicalTokenInfoArgs { idkt }).state;
        if gone {
            assert_eq!(state, LogTokenState::PhysTokenNotPresent);
            rig.refused(again, Status::PhysTokenNotPresent);
            rig.refused(load(blob, Some(idkt)), Status::PhysTokenNotPresent);
            rig.refused(under_token(key, idkt), Status::PhysTokenNotPresent);
            let asked = GetACLArgs {
                flags: 0,
                key: loaded,
            };
            rig.refused(asked, Status::PhysTokenNotPresent);
        } else {
            assert_eq!(state, LogTokenState::Present);
            rig.ok(again);
            rig.ok(load(blob, Some(idkt)));
        }
    }
}

#[test]
fn a_key_under_a_token_opens_with_that_token_only() {
    let (mut rig, _, hkm) = with_world_key();
    let (one, two) = (token(&mut rig, hkm), token(&mut rig, hkm));
    let key = rig.aes(acl(vec![make_blob(ActMakeBlobDetails::ALLOW_NON_KM0)]));
    rig.refused(under_module_key(key, hkm), Status::AccessDenied);
    let blob = rig.ok(under_token(key, one)).blob;
    let loaded = rig.ok(load(blob.clone(), Some(one))).idka;
    assert_eq!(rig.hash_of(loaded), rig.hash_of(key));
    rig.refused(load(blob.clone(), Some(two)), Status::DecryptFailed);
    rig.refused(load(blob.clone(), Some(key)), Status::TypeMismatch);
    rig.refused(load(blob, None), Status::InvalidParameter);
}

#[test]
fn token_blobs_need_their_permissions() {
    let (mut rig, km0, hkm) = with_world_key();
    let (own, world, null) = (
        token(&mut rig, km0),
        token(&mut rig, hkm),
        token(&mut rig, [0; 20]),
    );
    const NON_KM0: u32 = ActMakeBlobDetails::ALLOW_NON_KM0;
    const NULL: u32 = ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN;
    for (flags, allowed) in [
        (0, [own].to_vec()),
        (NON_KM0, vec![own, world]),
        (NULL, vec![own, null]),
    ] {
        let key = rig.aes(acl(vec![make_blob(flags)]));
        for token in [own, world, null] {
            let expected = if allowed.contains(&token) {
                Status::OK
            } else {
                Status::AccessDenied
            };
            assert_eq!(
                rig.send(under_token(key, token)).status,
                expected,
                "flags {flags}"
            );
        }
    }
    let hkt = rig.ok(GetLogicalTokenInfoArgs { idkt: world }).hkt;
    let mut restricted = |details: ActMakeBlobDetails| {
        let details = ActMakeBlobDetails {
            flags: NON_KM0,
            ..details
        };
        let key = rig.aes(acl(vec![Action {
            type_: Act::MakeBlob,
            details: ActDetails::MakeBlob(details),
        }]));
        [own, world].map(|token| rig.send(under_token(key, token)).status)
    };
    let only_world = [Status::AccessDenied, Status::OK];
    assert_eq!(
        restricted(ActMakeBlobDetails {
            kthash: Some(hkt),
            ..Default::default()
        }),
        only_world
    );
    assert_eq!(
        restricted(ActMakeBlobDetails {
            kmhash: Some(hkm),
            ..Default::default()
        }),
        only_world
    );
    let params = TokenParams {
        flags: 0,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    let neither = [Status::AccessDenied; 2];
    assert_eq!(
        restricted(ActMakeBlobDetails {
            ktparams: Some(params),
            ..Default::default()
        }),
        neither
    );
}

fn direct(idka: u32, idki: u32) -> MakeBlobArgs {
    MakeBlobArgs {
        format: BlobFormat::Direct,
        idka,
        blobkey: BlobFormatMkBlobParams::Direct(BlobFormatDirectMkBlobParams { idki }),
        ..Default::default()
    }
}

fn user(idka: u32, idkr: u32, mech: Mech) -> MakeBlobArgs {
    let blobkey = BlobFormatMkBlobParams::UserKey(BlobFormatUserKeyMkBlobParams { idkr, mech });
    MakeBlobArgs {
        format: BlobFormat::UserKey,
        idka,
        blobkey,
        ..Default::default()
    }
}

/// Mech 222 of the protocol: blobs without key transport.
const SYMMETRIC: Mech = Mech::BlobCryptv3kNoneeAESCBC0dCTRCMACmSHA256HMAC;

#[test]
fn a_symmetric_key_opens_what_it_wraps_and_nothing_else() {
    let mut rig = Rig::operational();
    let wrapping = rig.aes(may(Op::USE_AS_BLOB_KEY));
    let other = rig.aes(may(Op::USE_AS_BLOB_KEY));
    let idle = rig.aes(may(Op::ENCRYPT));
    let hash = rig.hash_of(wrapping);
    let key = rig.aes(acl(vec![operations(Op::ENCRYPT), archive_blob(hash)]));
    let name = rig.hash_of(key);
    for args in [
        direct(key, wrapping),
        user(key, wrapping, Mech::Any),
        user(key, wrapping, SYMMETRIC),
    ] {
        let blob = rig.ok(args).blob;
        let loaded = rig.ok(load(blob.clone(), Some(wrapping))).idka;
        assert_eq!(rig.hash_of(loaded), name);
        rig.refused(load(blob.clone(), Some(other)), Status::DecryptFailed);
        rig.refused(load(blob.clone(), Some(idle)), Status::AccessDenied);
        rig.refused(load(blob.clone(), None), Status::InvalidParameter);
        for place in 32..blob.len() {
            let mut changed = blob.clone();
            changed[place] ^= 1;
            let status = rig.send(load(changed, Some(wrapping))).status;
            assert_ne!(status, Status::OK, "byte {place}");
        }
    }
    rig.refused(direct(key, other), Status::AccessDenied);
    rig.refused(direct(key, idle), Status::AccessDenied);
    let mech = Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC;
    rig.refused(user(key, wrapping, mech), Status::UnknownMechanism);
    rig.refused(to_key(key, wrapping, Mech::Any), Status::TypeMismatch);
}

#[test]
fn a_user_key_may_be_a_pair_and_a_direct_one_may_not() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(1024, may(Op::USE_AS_BLOB_KEY), may(Op::USE_AS_BLOB_KEY));
    let hash = rig.hash_of(public);
    let key = rig.aes(acl(vec![operations(Op::ENCRYPT), archive_blob(hash)]));
    let name = rig.hash_of(key);
    let blob = rig.ok(user(key, public, Mech::Any)).blob;
    let loaded = rig.ok(load(blob.clone(), Some(private))).idka;
    assert_eq!(rig.hash_of(loaded), name);
    let aes = rig.aes(may(Op::USE_AS_BLOB_KEY));
    rig.refused(load(blob, Some(aes)), Status::UnknownMechanism);
    rig.refused(direct(key, public), Status::TypeMismatch);
    rig.refused(user(key, public, SYMMETRIC), Status::UnknownMechanism);
}

#[test]
fn formats_and_places_that_are_not_there_are_refused() {
    let (mut rig, _, hkm) = with_world_key();
    let key = rig.aes(anything());
    for format in [BlobFormat::None, BlobFormat::Direct, BlobFormat(77)] {
        let args = MakeBlobArgs {
            format,
            ..under_module_key(key, hkm)
        };
        rig.refused(args, Status::BlobTypeUnknown);
    }
    let file = Some(MakeBlobFile::default());
    rig.refused(
        MakeBlobArgs {
            file,
            ..under_module_key(key, hkm)
        },
        Status::UnknownFileDevice,
    );
    rig.refused(
        LoadBlobArgs {
            file: Some(FileSpec::default()),
            ..load(Vec::new(), None)
        },
        Status::UnknownFileDevice,
    );
    rig.refused(under_module_key(999, hkm), Status::UnknownID);
    rig.refused(under_token(key, 999), Status::UnknownID);
}
