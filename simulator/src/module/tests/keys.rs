//! Making keys, taking them in and out, and what they tell about themselves.

use ncore::codec::{Decode, Reader};
use ncore::profile::WireProfile;
use ncore::types::*;
use ncore::{Bignum, Status};
use rsa::traits::PublicKeyParts;

use super::rig::*;

fn symmetric(key_type: KeyType, lenbytes: u32) -> GenerateKeyArgs {
    let params = match key_type {
        KeyType::DES | KeyType::DES2 | KeyType::DES3 => KeyTypeGenParams::Empty,
        _ => KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
    };
    GenerateKeyArgs {
        params: KeyGenParams {
            type_: key_type,
            params,
        },
        ..aes_args(anything())
    }
}

#[test]
fn symmetric_keys_of_every_kind_are_made() {
    let mut rig = Rig::operational();
    for (key_type, bytes) in [
        (KeyType::DES, 8),
        (KeyType::DES2, 16),
        (KeyType::DES3, 24),
        (KeyType::Rijndael, 16),
        (KeyType::ArcFour, 5),
        (KeyType::HMACSHA256, 32),
        (KeyType::Random, 100),
    ] {
        let key = rig.ok(symmetric(key_type, bytes)).key;
        let info = rig.ok(GetKeyInfoExArgs { flags: 0, key });
        assert_eq!(
            (info.type_, info.length),
            (key_type, bytes * 8),
            "{key_type}"
        );
        assert_eq!(info.hash, rig.hash_of(key));
        assert_eq!(info.hashex.mech, KeyHashMech::SHA256Hash);
    }
    rig.refused(symmetric(KeyType::Rijndael, 17), Status::InvalidParameter);
    rig.refused(symmetric(KeyType::Twofish, 16), Status::UnknownParameter);
}

#[test]
fn the_halves_of_a_pair_share_their_hash() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(512, anything(), anything());
    let (one, two) = (
        rig.ok(GetKeyInfoArgs { key: private }),
        rig.ok(GetKeyInfoArgs { key: public }),
    );
    assert_eq!(
        (one.type_, two.type_),
        (KeyType::RSAPrivate, KeyType::RSAPublic)
    );
    assert_eq!(one.hash, two.hash);
    assert_ne!(private, public);
}

#[test]
fn pairs_and_single_keys_are_not_confused() {
    let mut rig = Rig::operational();
    let pair = rsa_args(512, anything(), anything());
    let single = GenerateKeyArgs {
        params: pair.params.clone(),
        ..aes_args(anything())
    };
    rig.refused(single, Status::TypeMismatch);
    let aes = aes_args(anything()).params;
    rig.refused(
        GenerateKeyPairArgs {
            params: aes,
            ..pair.clone()
        },
        Status::TypeMismatch,
    );
    rig.refused(
        rsa_args(380, anything(), anything()),
        Status::InvalidParameter,
    );
    rig.ok(GenerateKeyPairArgs {
        flags: GenerateKeyPairArgs::PAIRWISE_CHECK,
        ..pair
    });
}

#[test]
fn export_gives_the_public_key_that_was_made() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(512, may(Op::SIGN), may(Op::EXPORT_AS_PLAIN));
    let KeyTypeData::RSAPublic(data) = rig.ok(ExportArgs { key: public }).data.data else {
        panic!("no RSA key")
    };
    assert_eq!((data.e, data.n.bits()), (65537.into(), 512));
    rig.refused(ExportArgs { key: private }, Status::AccessDenied);
}

#[test]
fn an_exported_key_comes_back_by_import() {
    let mut rig = Rig::operational();
    let (private, _) = rig.rsa(512, anything(), anything());
    let data = rig.ok(ExportArgs { key: private }).data;
    let args = ImportArgs {
        module: 1,
        data,
        acl: anything(),
        appdata: [9; 64],
    };
    let again = rig.ok(args.clone()).key;
    assert_eq!(rig.hash_of(again), rig.hash_of(private));
    assert_eq!(rig.ok(GetAppDataArgs { key: again }).appdata, [9; 64]);

    let KeyTypeData::RSAPrivate(mut damaged) = args.data.data.clone() else {
        panic!("no RSA key")
    };
    damaged.dmp1 = 3.into();
    let data = KeyData {
        type_: KeyType::RSAPrivate,
        data: KeyTypeData::RSAPrivate(damaged),
    };
    rig.refused(
        ImportArgs {
            data,
            ..args.clone()
        },
        Status::InvalidData,
    );
    rig.refused(
        ImportArgs {
            data: KeyData::default(),
            ..args
        },
        Status::UnknownParameter,
    );
}

#[test]
fn each_operation_on_a_key_needs_its_own_bit() {
    let mut rig = Rig::operational();
    type OnKey = fn(u32) -> Args;
    let commands: Vec<(u32, OnKey)> = vec![
        (Op::DUPLICATE_HANDLE, |key| DuplicateArgs { key }.into()),
        (Op::EXPORT_AS_PLAIN, |key| ExportArgs { key }.into()),
        (Op::GET_APP_DATA, |key| GetAppDataArgs { key }.into()),
        (Op::SET_APP_DATA, |key| {
            SetAppDataArgs {
                key,
                appdata: [1; 64],
            }
            .into()
        }),
        (Op::GET_ACL, |key| GetACLArgs { flags: 0, key }.into()),
        (Op::EXPAND_ACL, |key| {
            SetACLArgs {
                flags: 0,
                key,
                newacl: anything(),
            }
            .into()
        }),
        (Op::ENCRYPT, |key| {
            EncryptArgs {
                key,
                mech: Mech::Any,
                plain: bytes(b"x"),
                ..Default::default()
            }
            .into()
        }),
        (Op::SIGN, |key| {
            SignArgs {
                key,
                mech: Mech::Any,
                plain: bytes(b"x"),
                ..Default::default()
            }
            .into()
        }),
        (Op::USE_AS_KM, |key| {
            SetKMArgs {
                module: 1,
                flags: 0,
                idka: key,
            }
            .into()
        }),
    ];
    for (bit, command) in commands {
        let with = rig.aes(may(bit));
        let reply = rig.send(command(with));
        assert_eq!(
            reply.status,
            Status::OK,
            "{:?} with {bit:#x}",
            command(with).cmd()
        );
        let without = rig.aes(may(Op::KNOWN_PERMS & !bit & !Op::REDUCE_ACL));
        rig.refused(command(without), Status::AccessDenied);
    }
}

#[test]
fn decrypt_and_verify_need_their_own_bits() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(512, anything(), anything());
    let cipher = rig
        .ok(EncryptArgs {
            key: public,
            plain: bytes(b"x"),
            ..Default::default()
        })
        .cipher;
    let sig = rig
        .ok(SignArgs {
            plain: bytes(b"x"),
            mech: Mech::RSApPKCS1,
            ..sign_args(private)
        })
        .sig;
    let data = rig.ok(ExportArgs { key: private }).data;
    let import = |acl| ImportArgs {
        module: 1,
        data: data.clone(),
        acl,
        appdata: [0; 64],
    };
    for (perms, status) in [
        (Op::DECRYPT, Status::OK),
        (Op::KNOWN_PERMS & !Op::DECRYPT, Status::AccessDenied),
    ] {
        let key = rig.ok(import(may(perms))).key;
        let args = DecryptArgs {
            key,
            cipher: cipher.clone(),
            reply_type: PlainTextType::Bytes,
            ..Default::default()
        };
        assert_eq!(rig.send(args).status, status);
    }
    let data = rig.ok(ExportArgs { key: public }).data;
    for (perms, status) in [
        (Op::VERIFY, Status::OK),
        (Op::KNOWN_PERMS & !Op::VERIFY, Status::AccessDenied),
    ] {
        let key = rig
            .ok(ImportArgs {
                data: data.clone(),
                ..import(may(perms))
            })
            .key;
        let args = VerifyArgs {
            key,
            plain: bytes(b"x"),
            sig: sig.clone(),
            ..Default::default()
        };
        assert_eq!(rig.send(args).status, status);
    }
}

#[test]
fn a_duplicate_goes_its_own_way() {
    let mut rig = Rig::operational();
    let key = rig.aes(anything());
    let copy = rig.ok(DuplicateArgs { key }).newkey;
    assert_eq!(rig.hash_of(copy), rig.hash_of(key));
    rig.ok(SetAppDataArgs {
        key: copy,
        appdata: [5; 64],
    });
    assert_eq!(rig.ok(GetAppDataArgs { key }).appdata, [0; 64]);
    rig.ok(SetACLArgs {
        flags: 0,
        key: copy,
        newacl: may(Op::GET_ACL),
    });
    rig.ok(ExportArgs { key });
    rig.refused(ExportArgs { key: copy }, Status::AccessDenied);
    rig.ok(DestroyArgs { key });
    rig.refused(GetKeyInfoArgs { key }, Status::UnknownID);
    rig.refused(DestroyArgs { key }, Status::UnknownID);
    rig.ok(GetKeyInfoArgs { key: copy });
}

#[test]
fn a_list_can_be_reduced_but_not_expanded_with_reduce_acl() {
    let mut rig = Rig::operational();
    let before = may(Op::REDUCE_ACL | Op::GET_ACL | Op::SIGN);
    let key = rig.aes(before.clone());
    assert_eq!(rig.ok(GetACLArgs { flags: 0, key }).acl.0, before);
    let set = |newacl| SetACLArgs {
        flags: 0,
        key,
        newacl,
    };
    rig.refused(
        set(may(Op::REDUCE_ACL | Op::EXPORT_AS_PLAIN)),
        Status::AccessDenied,
    );
    rig.ok(set(may(Op::GET_ACL)));
    assert_eq!(rig.ok(GetACLArgs { flags: 0, key }).acl.0, may(Op::GET_ACL));
    rig.refused(set(may(Op::GET_ACL)), Status::AccessDenied);
}

#[test]
fn lists_that_make_no_sense_are_refused() {
    let mut rig = Rig::operational();
    let details = ActDetails::OpPermissions(Op { perms: 1 << 16 });
    let unknown_bit = acl(vec![Action {
        type_: Act::OpPermissions,
        details,
    }]);
    rig.refused(aes_args(unknown_bit), Status::UnknownFlag);
    let unknown_action = acl(vec![Action {
        type_: Act(99),
        details: ActDetails::Empty,
    }]);
    rig.refused(aes_args(unknown_action), Status::InvalidACL);
    let unknown_flag = ACL {
        groups: vec![PermissionGroup {
            flags: 64,
            ..Default::default()
        }],
    };
    rig.refused(aes_args(unknown_flag), Status::UnknownFlag);
    let limit = |type_, details| ACL {
        groups: vec![PermissionGroup {
            limits: vec![UseLimit { type_, details }],
            ..Default::default()
        }],
    };
    rig.refused(
        aes_args(limit(UseLim::AuthOld, UseLimDetails::Empty)),
        Status::InvalidACL,
    );
    let counter = UseLimDetails::NonVolatile(UseLimNonVolatileDetails {
        range: NVMemRange { first: 0, last: 8 },
        ..Default::default()
    });
    rig.refused(
        aes_args(limit(UseLim::NonVolatile, counter)),
        Status::InvalidACL,
    );
    let key = rig.aes(anything());
    let newacl = limit(UseLim::AuthOld, UseLimDetails::Empty);
    rig.refused(
        SetACLArgs {
            flags: 0,
            key,
            newacl,
        },
        Status::InvalidACL,
    );
}

#[test]
fn identifiers_of_other_things_are_a_type_mismatch() {
    let mut rig = Rig::operational();
    let params = TokenParams {
        sharesneeded: 1,
        sharestotal: 1,
        ..Default::default()
    };
    let token = rig
        .ok(GenerateLogicalTokenArgs {
            module: 1,
            hkm: [0; 20],
            params,
        })
        .idkt;
    rig.refused(GetKeyInfoArgs { key: token }, Status::TypeMismatch);
    rig.refused(sign_args(token), Status::TypeMismatch);
    let key = rig.aes(anything());
    rig.refused(GetLogicalTokenInfoArgs { idkt: key }, Status::TypeMismatch);
    rig.refused(
        ChannelUpdateArgs {
            idch: key,
            ..Default::default()
        },
        Status::TypeMismatch,
    );
    rig.ok(DestroyArgs { key: token });
    rig.refused(GetLogicalTokenInfoArgs { idkt: token }, Status::UnknownID);
}

/// Verifies a module certificate by the `dsa` crate against the exported public half of KML.
#[track_caller]
fn check_certificate(
    rig: &mut Rig,
    cert: &ModuleCert,
    params: &KeyGenParams,
    list: &ACL,
    hash: [u8; 20],
) {
    use dsa::signature::hazmat::PrehashVerifier;
    use sha1::Digest;

    let kml = rig.ok(GetKMLArgs { module: 1 }).idka;
    let KeyTypeData::DSAPublic(kml) = rig.ok(ExportArgs { key: kml }).data.data else {
        panic!("no DSA key")
    };
    let number = |number: &Bignum| dsa::BoxedUint::from_be_slice_vartime(&number.to_be());
    let group = dsa::Components::from_components_unchecked(
        number(&kml.dlg.p),
        number(&kml.dlg.q),
        number(&kml.dlg.g),
    );
    let key = dsa::VerifyingKey::from_components(group.unwrap(), number(&kml.y)).unwrap();
    let MechCipher::DSA(rs) = &cert.signature.data else {
        panic!("no DSA signature")
    };
    let signature = dsa::Signature::from_components(number(&rs.r), number(&rs.s)).unwrap();
    key.verify_prehash(&sha1::Sha1::digest(&cert.modcertmsg), &signature)
        .unwrap();

    let mut message = Reader::new(&cert.modcertmsg, &WireProfile::DEFAULT);
    assert_eq!(
        (u32::decode(&mut message), u32::decode(&mut message)),
        (Ok(2), Ok(0))
    );
    assert_eq!(KeyGenParams::decode(&mut message).as_ref(), Ok(params));
    assert_eq!(ACL::decode(&mut message).as_ref(), Ok(list));
    assert_eq!(message.rest(), hash);
}

#[test]
fn a_certified_key_carries_the_modules_word_for_it() {
    let mut rig = Rig::operational();
    let args = GenerateKeyPairArgs {
        flags: GenerateKeyPairArgs::CERTIFY,
        ..rsa_args(512, anything(), may(Op::VERIFY))
    };
    let reply = rig.ok(args.clone());
    let hash = rig.hash_of(reply.keypriv);
    check_certificate(
        &mut rig,
        &reply.certpriv.unwrap(),
        &args.params,
        &args.aclpriv,
        hash,
    );
    check_certificate(
        &mut rig,
        &reply.certpub.unwrap(),
        &args.params,
        &args.aclpub,
        hash,
    );

    let args = GenerateKeyArgs {
        flags: GenerateKeyArgs::CERTIFY,
        ..aes_args(anything())
    };
    let reply = rig.ok(args.clone());
    let hash = rig.hash_of(reply.key);
    check_certificate(
        &mut rig,
        &reply.cert.unwrap(),
        &args.params,
        &args.acl,
        hash,
    );
    assert_eq!(rig.ok(aes_args(anything())).cert, None);
}

#[test]
fn the_exported_key_verifies_what_its_other_half_signs() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(1024, may(Op::SIGN), may(Op::EXPORT_AS_PLAIN));
    let signature = rig.ok(sign_args(private)).sig;
    let MechCipher::RSApPKCS1(signature) = signature.data else {
        panic!("no RSA signature")
    };
    let KeyTypeData::RSAPublic(data) = rig.ok(ExportArgs { key: public }).data.data else {
        panic!("no RSA key")
    };
    let number = |number: &Bignum| rsa::BoxedUint::from_be_slice_vartime(&number.to_be());
    let key = rsa::RsaPublicKey::new(number(&data.n), number(&data.e)).unwrap();
    let padding = rsa::Pkcs1v15Sign::new::<sha2::Sha256>();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"message");
    key.verify(
        padding,
        &digest,
        &signature.m.to_be_padded(key.size()).unwrap(),
    )
    .unwrap();
}
