//! Commands certified by keys and by delegations.

use ncore::Status;
use ncore::delegation::Delegation;
use ncore::types::*;

use super::rig::*;
use crate::module::KeyHash;

fn signing_key(key: u32, keyhash: KeyHash) -> Certificate {
    let body = CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key });
    Certificate {
        keyhash,
        type_: CertType::SigningKey,
        body,
    }
}

/// A key that may certify: private identifier, public key data, hash.
struct Authority {
    key: u32,
    public: KeyData,
    hash: KeyHash,
}

fn authority(rig: &mut Rig, more: Vec<Action>) -> Authority {
    let mut actions = vec![operations(Op::USE_AS_CERTIFICATE | Op::SIGN)];
    actions.extend(more);
    let (key, public) = rig.rsa(1024, acl(actions), may(Op::EXPORT_AS_PLAIN));
    let hash = rig.hash_of(key);
    Authority {
        key,
        public: rig.ok(ExportArgs { key: public }).data,
        hash,
    }
}

impl Authority {
    fn certificate(&self) -> Certificate {
        signing_key(self.key, self.hash)
    }

    /// Signs a delegation and wraps it up.
    fn delegates(&self, rig: &mut Rig, delegation: &Delegation) -> Certificate {
        let certsignmsg = delegation.to_message().unwrap();
        let signature = rig
            .ok(SignArgs {
                plain: bytes(&certsignmsg),
                ..sign_args(self.key)
            })
            .sig;
        let body = CertTypeSingleCertCertBody {
            pubkeydata: self.public.clone(),
            signature,
            certsignmsg,
        };
        Certificate {
            keyhash: self.hash,
            type_: CertType::SingleCert,
            body: CertTypeCertBody::SingleCert(body),
        }
    }
}

/// A key that signs only when it is certified by this one.
fn guarded(rig: &mut Rig, certifier: KeyHash) -> u32 {
    let group = PermissionGroup {
        certifier: Some(certifier),
        ..group(vec![operations(Op::SIGN)])
    };
    rig.aes(ACL {
        groups: vec![group],
    })
}

fn sign(key: u32) -> SignArgs {
    SignArgs {
        mech: Mech::Any,
        ..sign_args(key)
    }
}

#[test]
fn a_loaded_key_certifies_what_its_hash_guards() {
    let mut rig = Rig::operational();
    let (owner, stranger) = (authority(&mut rig, vec![]), authority(&mut rig, vec![]));
    let key = guarded(&mut rig, owner.hash);
    rig.refused(sign(key), Status::AccessDenied);
    rig.certified(vec![owner.certificate()]).ok(sign(key));
    rig.certified(vec![stranger.certificate()])
        .refused(sign(key), Status::AccessDenied);
    rig.certified(vec![stranger.certificate(), owner.certificate()])
        .ok(sign(key));
}

#[test]
fn certificates_that_are_wrong_in_themselves_are_refused() {
    let mut rig = Rig::operational();
    let owner = authority(&mut rig, vec![]);
    let key = guarded(&mut rig, owner.hash);
    let refused = |cert, status| rig.certified(vec![cert]).refused(sign(key), status);
    refused(signing_key(owner.key, [1; 20]), Status::BadCertKeyHash);
    refused(signing_key(999, owner.hash), Status::UnknownID);
    let nothing = CertTypeCertBody::Empty;
    refused(
        Certificate {
            keyhash: owner.hash,
            type_: CertType::SEECert,
            body: nothing.clone(),
        },
        Status::InvalidCertificate,
    );
    refused(
        Certificate {
            keyhash: owner.hash,
            type_: CertType(9),
            body: nothing,
        },
        Status::MalformedCertificate,
    );
    let many = vec![owner.certificate(); 9];
    rig.certified(many)
        .refused(sign(key), Status::InvalidParameter);
}

#[test]
fn a_key_certifies_only_if_its_list_says_so_and_only_its_private_half() {
    let mut rig = Rig::operational();
    let (private, public) = rig.rsa(512, may(Op::SIGN), may(Op::USE_AS_CERTIFICATE | Op::VERIFY));
    let hash = rig.hash_of(private);
    let key = guarded(&mut rig, hash);
    rig.certified(vec![signing_key(private, hash)])
        .refused(sign(key), Status::AccessDenied);
    rig.certified(vec![signing_key(public, hash)])
        .refused(sign(key), Status::InvalidCertificate);
}

#[test]
fn a_delegation_lets_another_key_act_for_what_it_names() {
    let mut rig = Rig::operational();
    let (owner, delegate) = (authority(&mut rig, vec![]), authority(&mut rig, vec![]));
    let key = guarded(&mut rig, owner.hash);
    let delegation = Delegation {
        delegate: Some(delegate.hash),
        nonce: None,
        actions: vec![operations(Op::SIGN)],
    };
    let chain = owner.delegates(&mut rig, &delegation);
    rig.certified(vec![delegate.certificate(), chain.clone()])
        .ok(sign(key));
    // The delegation alone proves nothing; nor does it reach further than it says.
    rig.certified(vec![chain])
        .refused(sign(key), Status::AccessDenied);
    let narrow = Delegation {
        actions: vec![operations(Op::DECRYPT)],
        ..delegation
    };
    let chain = owner.delegates(&mut rig, &narrow);
    rig.certified(vec![delegate.certificate(), chain])
        .refused(sign(key), Status::AccessDenied);
}

#[test]
fn delegations_form_chains_and_each_link_narrows() {
    let mut rig = Rig::operational();
    let [root, middle, leaf] = [(); 3].map(|()| authority(&mut rig, vec![]));
    let key = guarded(&mut rig, root.hash);
    let link = |delegate: &Authority, perms| Delegation {
        delegate: Some(delegate.hash),
        nonce: None,
        actions: vec![operations(perms)],
    };
    let first = root.delegates(&mut rig, &link(&middle, Op::SIGN | Op::ENCRYPT));
    let second = middle.delegates(&mut rig, &link(&leaf, Op::SIGN));
    rig.certified(vec![first.clone(), second, leaf.certificate()])
        .ok(sign(key));
    let second = middle.delegates(&mut rig, &link(&leaf, Op::ENCRYPT));
    rig.certified(vec![first, second, leaf.certificate()])
        .refused(sign(key), Status::AccessDenied);
}

#[test]
fn a_delegation_is_verified() {
    let mut rig = Rig::operational();
    let (owner, other) = (authority(&mut rig, vec![]), authority(&mut rig, vec![]));
    let key = guarded(&mut rig, owner.hash);
    let bearer = Delegation {
        delegate: None,
        nonce: None,
        actions: vec![operations(Op::SIGN)],
    };
    let good = owner.delegates(&mut rig, &bearer);
    rig.certified(vec![good.clone()]).ok(sign(key));

    let forge = |change: &dyn Fn(&mut Certificate, &mut CertTypeSingleCertCertBody)| {
        let mut cert = good.clone();
        let CertTypeCertBody::SingleCert(mut body) = cert.body.clone() else {
            panic!("no delegation")
        };
        change(&mut cert, &mut body);
        cert.body = CertTypeCertBody::SingleCert(body);
        rig.certified(vec![cert]).send(sign(key)).status
    };
    assert_eq!(
        forge(&|_, body| *body.certsignmsg.last_mut().unwrap() ^= 1),
        Status::BadCertSignature
    );
    assert_eq!(
        forge(&|_, body| body.signature.mech = Mech::RSAhSHA1pPKCS1),
        Status::BadCertSignature
    );
    assert_eq!(
        forge(&|cert, _| cert.keyhash = other.hash),
        Status::BadCertKeyHash
    );
    assert_eq!(
        forge(&|_, body| body.pubkeydata = other.public.clone()),
        Status::BadCertKeyHash
    );
    let by_other = |cert: &mut Certificate, body: &mut CertTypeSingleCertCertBody| {
        cert.keyhash = other.hash;
        body.pubkeydata = other.public.clone();
    };
    assert_eq!(forge(&by_other), Status::BadCertSignature);

    // Something else that the owner signed.
    let signature = rig
        .ok(SignArgs {
            plain: bytes(b"a contract"),
            ..sign_args(owner.key)
        })
        .sig;
    let contract = b"a contract".to_vec();
    let body = CertTypeSingleCertCertBody {
        pubkeydata: owner.public.clone(),
        signature,
        certsignmsg: contract,
    };
    let cert = Certificate {
        keyhash: owner.hash,
        type_: CertType::SingleCert,
        body: CertTypeCertBody::SingleCert(body),
    };
    rig.certified(vec![cert])
        .refused(sign(key), Status::MalformedCertificate);
}

#[test]
fn a_fresh_certificate_answers_a_challenge_once() {
    let mut rig = Rig::operational();
    let owner = authority(&mut rig, vec![]);
    let fresh = PermissionGroup {
        flags: PermissionGroup::FRESH_CERTS,
        certifier: Some(owner.hash),
        ..group(vec![operations(Op::SIGN)])
    };
    let key = rig.aes(ACL {
        groups: vec![fresh],
    });
    rig.certified(vec![owner.certificate()]).ok(sign(key));
    let lasting = Delegation {
        delegate: None,
        nonce: None,
        actions: vec![operations(Op::SIGN)],
    };
    let cert = owner.delegates(&mut rig, &lasting);
    rig.certified(vec![cert])
        .refused(sign(key), Status::AccessDenied);

    let nonce = Some(rig.ok(GetChallengeArgs { module: 1 }).nonce);
    let cert = owner.delegates(
        &mut rig,
        &Delegation {
            nonce,
            ..lasting.clone()
        },
    );
    rig.certified(vec![cert.clone()]).ok(sign(key));
    rig.certified(vec![cert])
        .refused(sign(key), Status::UnknownChallenge);
    let cert = owner.delegates(
        &mut rig,
        &Delegation {
            nonce: Some([1; 20]),
            ..lasting
        },
    );
    rig.certified(vec![cert])
        .refused(sign(key), Status::UnknownChallenge);
}

#[test]
fn a_required_mechanism_must_be_the_one_of_the_signature() {
    let mut rig = Rig::operational();
    let owner = authority(&mut rig, vec![]);
    let cert = owner.delegates(
        &mut rig,
        &Delegation {
            delegate: None,
            nonce: None,
            actions: vec![operations(Op::SIGN)],
        },
    );
    for (mech, status) in [
        (Mech::Any, Status::OK),
        (Mech::RSAhSHA256pPKCS1, Status::OK),
        (Mech::RSAhSHA1pPKCS1, Status::AccessDenied),
    ] {
        let certmech = Some(KeyHashAndMech {
            hash: owner.hash,
            mech,
        });
        let group = PermissionGroup {
            certmech,
            ..group(vec![operations(Op::SIGN)])
        };
        let key = rig.aes(ACL {
            groups: vec![group],
        });
        assert_eq!(
            rig.certified(vec![cert.clone()]).send(sign(key)).status,
            status,
            "{mech}"
        );
    }
}

/// A module whose officer's key is at hand, with these operations public.
fn with_officer(ops: u32, officer_may: u32) -> (Rig, Authority, u32) {
    let mut rig = Rig::initialising();
    let officer = authority(&mut rig, vec![officer_operations(officer_may)]);
    let km = rig.aes(may(Op::USE_AS_KM));
    let publicperms = NSOPerms { ops };
    rig.ok(SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: officer.hash,
        publicperms,
    });
    (rig, officer, km)
}

#[test]
fn reserved_operations_need_the_officers_key_and_its_permission() {
    let (mut rig, officer, km) = with_officer(0, NSOPerms::OPS_SET_KM);
    let set = SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    };
    rig.refused(set.clone(), Status::AccessDenied);
    let mut certified = rig.certified(vec![officer.certificate()]);
    certified.ok(set);
    let hkm = rig.hash_of(km);
    certified.refused(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        },
        Status::AccessDenied,
    );
    certified.refused(aes_args(anything()), Status::AccessDenied);
}

#[test]
fn the_officer_delegates_some_operations() {
    // The keys are made first: afterwards that is reserved too.
    let mut rig = Rig::initialising();
    let officer = authority(&mut rig, vec![officer_operations(EVERYTHING)]);
    let delegate = authority(&mut rig, vec![]);
    let km = rig.aes(may(Op::USE_AS_KM));
    let hkm = rig.hash_of(km);
    let delegation = Delegation {
        delegate: Some(delegate.hash),
        nonce: None,
        actions: vec![officer_operations(NSOPerms::OPS_SET_KM)],
    };
    let chain = officer.delegates(&mut rig, &delegation);
    let publicperms = NSOPerms { ops: 0 };
    rig.ok(SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: officer.hash,
        publicperms,
    });
    let mut certified = rig.certified(vec![delegate.certificate(), chain]);
    certified.ok(SetKMArgs {
        module: 1,
        flags: 0,
        idka: km,
    });
    certified.refused(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        },
        Status::AccessDenied,
    );
}

/// A module in a world of FIPS 140 level 3, where everything else is public; the certificates of an operator; and keys
/// made before: an AES key, an RSA pair.
fn strict_world() -> (Rig, Vec<Certificate>, u32, (u32, u32)) {
    let mut rig = Rig::initialising();
    let officer = authority(&mut rig, vec![officer_operations(EVERYTHING)]);
    let operator = authority(&mut rig, vec![]);
    let exportable = || {
        acl(vec![operations(
            Op::EXPORT_AS_PLAIN | Op::SIGN | Op::VERIFY,
        )])
    };
    let key = rig.aes(acl(vec![operations(
        Op::EXPORT_AS_PLAIN | Op::ENCRYPT | Op::EXPAND_ACL,
    )]));
    let pair = rig.rsa(1024, exportable(), exportable());
    let delegation = Delegation {
        delegate: Some(operator.hash),
        nonce: None,
        actions: vec![officer_operations(
            NSOPerms::OPS_ORIGINATE_KEY
                | NSOPerms::OPS_WRITE_SHARE
                | NSOPerms::OPS_GENERATE_LOG_TOKEN,
        )],
    };
    let chain = officer.delegates(&mut rig, &delegation);
    rig.ok(SetNSOPermsArgs {
        module: 1,
        flags: SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2,
        hknso: officer.hash,
        publicperms: NSOPerms { ops: EVERYTHING },
    });
    (rig, vec![operator.certificate(), chain], key, pair)
}

#[test]
fn strict_fips_asks_for_an_operator_whatever_is_public() {
    let (mut rig, operator, _, _) = strict_world();
    let generate = aes_args(acl(vec![operations(Op::ENCRYPT)]));
    rig.refused(generate.clone(), Status::StrictFIPS140);
    rig.certified(operator.clone()).ok(generate.clone());
    rig.certified(operator[..1].to_vec())
        .refused(generate.clone(), Status::StrictFIPS140);
    rig.certified(operator[1..].to_vec())
        .refused(generate, Status::StrictFIPS140);

    let token = GenerateLogicalTokenArgs {
        module: 1,
        hkm: [0; 20],
        params: TokenParams {
            flags: TokenParams::ALLOW_SOFT_SLOTS,
            sharesneeded: 1,
            sharestotal: 1,
            timelimit: 0,
        },
    };
    rig.refused(token.clone(), Status::StrictFIPS140);
    let mut certified = rig.certified(operator);
    let idkt = certified.ok(token).idkt;
    let place = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    let ic = certified
        .ok(InsertSoftTokenArgs {
            flags: 0,
            token: place.clone(),
            data: Vec::new(),
        })
        .ic;
    let place = PhysToken { ic, ..place };
    rig.ok(FormatTokenArgs {
        flags: 0,
        token: place.clone(),
        auth_key: None,
    });
    let write = WriteShareArgs {
        flags: 0,
        token: place,
        idkt,
        i: 1,
        pin: None,
        acl: None,
    };
    rig.refused(write.clone(), Status::StrictFIPS140);
    certified.ok(write);
}

#[test]
fn strict_fips_keeps_keys_from_leaving_or_entering_in_the_clear() {
    let (mut rig, operator, key, (private, public)) = strict_world();
    rig.refused(ExportArgs { key }, Status::StrictFIPS140);
    rig.refused(ExportArgs { key: private }, Status::StrictFIPS140);
    let data = rig.ok(ExportArgs { key: public }).data;
    let secret = KeyData {
        type_: KeyType::Rijndael,
        data: KeyTypeData::Random(KeyTypeRandomData { k: vec![7; 32] }),
    };
    let import = |data| ImportArgs {
        module: 1,
        data,
        acl: acl(vec![operations(Op::ENCRYPT | Op::VERIFY)]),
        ..ImportArgs::default()
    };
    rig.refused(import(data.clone()), Status::StrictFIPS140);
    let mut certified = rig.certified(operator);
    certified.ok(import(data));
    certified.refused(import(secret), Status::StrictFIPS140);
}

#[test]
fn strict_fips_refuses_lists_that_export_and_kinds_that_are_not_approved() {
    let (rig, operator, key, _) = strict_world();
    let mut certified = rig.certified(operator);
    let exportable = acl(vec![operations(Op::EXPORT_AS_PLAIN)]);
    certified.refused(aes_args(exportable.clone()), Status::StrictFIPS140);
    let list = SetACLArgs {
        key,
        newacl: exportable,
        ..SetACLArgs::default()
    };
    certified.refused(list, Status::StrictFIPS140);
    for (type_, lenbytes) in [
        (KeyType::DES, 8),
        (KeyType::ArcFour, 16),
        (KeyType::HMACMD5, 16),
    ] {
        let mut args = aes_args(acl(vec![operations(Op::ENCRYPT)]));
        args.params = KeyGenParams {
            type_,
            params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
        };
        certified.refused(args, Status::StrictFIPS140);
    }
}

#[test]
fn strict_fips_lets_keys_that_exist_be_used_without_an_operator() {
    let (mut rig, _, _, (private, _)) = strict_world();
    rig.ok(sign_args(private));
}

#[test]
fn strict_fips_survives_a_power_cut() {
    let store = SharedStore::default();
    let mut rig = Rig::with(1, b"strict", Box::new(store.clone()));
    rig.initialise();
    rig.ok(SetNSOPermsArgs {
        module: 1,
        flags: SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2,
        hknso: OFFICER,
        publicperms: NSOPerms { ops: EVERYTHING },
    });
    rig.ok(ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode: ModuleMode::Operational,
    });
    let mut again = Rig::with(1, b"strict", Box::new(store));
    again.refused(aes_args(anything()), Status::StrictFIPS140);
}

#[test]
fn a_group_can_ask_for_the_officer_of_the_module() {
    let (mut rig, officer, _) = with_officer(EVERYTHING, 0);
    let list = ACL {
        groups: vec![PermissionGroup {
            flags: PermissionGroup::NSO_CERTIFIED,
            ..group(vec![operations(Op::SIGN)])
        }],
    };
    let key = rig.aes(list);
    rig.refused(sign(key), Status::AccessDenied);
    rig.certified(vec![officer.certificate()]).ok(sign(key));
}

#[test]
fn a_group_can_ask_for_one_module() {
    let mut rig = Rig::operational();
    let esn = rig.module.esn().to_owned();
    for (serial, status) in [
        (esn, Status::OK),
        ("0000-0000-0000".to_owned(), Status::AccessDenied),
    ] {
        let group = PermissionGroup {
            moduleserial: Some(serial),
            ..group(vec![operations(Op::SIGN)])
        };
        let key = rig.aes(ACL {
            groups: vec![group],
        });
        assert_eq!(rig.send(sign(key)).status, status);
    }
}

#[test]
fn objects_of_certified_commands_take_their_identifiers_in_order() {
    let mut rig = Rig::operational();
    let owner = authority(&mut rig, vec![]);
    let bearer = Delegation {
        delegate: None,
        nonce: None,
        actions: vec![],
    };
    let cert = owner.delegates(&mut rig, &bearer);
    let mut command = ncore::message::Command::new(1, aes_args(anything()));
    command.certs = Some(CertificateList { certs: vec![cert] });
    // The certified command begins first and ends last.
    let first = rig.begin(command);
    let second = rig.ok(aes_args(anything())).key;
    let ReplyBody::GenerateKey(first) = first.finish().body else {
        panic!("no key")
    };
    let mask = 0x1000_0000;
    assert_eq!((first.key ^ mask) + 1, second ^ mask);
}
