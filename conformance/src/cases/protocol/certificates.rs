//! Commands certified by keys at hand and by delegations.

use anyhow::ensure;
use ncore::delegation::Delegation;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::rig::Rig;
use crate::spare::EVERYTHING;
use crate::wire::denied;

const CERTIFICATES: &str = "nCore API: M_Certificate; PROTOCOL, sections 1.15 and 4.3";
const OFFICER: &str = "nCore API: Cmd_SetNSOPerms, Act_NSOPermissions";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "certificates.single.every-byte",
        "A delegation with one wrong byte anywhere certifies nothing",
        CERTIFICATES,
        every_byte,
    )
    .covers(&[
        denies(Cmd::Encrypt, Status::BadCertSignature),
        denies(Cmd::Encrypt, Status::BadCertKeyHash),
    ]),
    Case::new(
        "certificates.single.scope",
        "A delegation reaches as far as its actions and no further",
        CERTIFICATES,
        scope,
    )
    .covers(&[
        replies(Cmd::Sign),
        denies(Cmd::Encrypt, Status::AccessDenied),
    ]),
    Case::new(
        "certificates.single.chain",
        "Delegations form chains, in any order, and each link narrows",
        CERTIFICATES,
        chain,
    )
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::AccessDenied)]),
    Case::new(
        "certificates.single.not-a-delegation",
        "Another message that the key signed is no delegation",
        CERTIFICATES,
        not_a_delegation,
    )
    .covers(&[denies(Cmd::Sign, Status::MalformedCertificate)]),
    Case::new(
        "certificates.single.mechanism",
        "A group can ask for the mechanism of the signature",
        CERTIFICATES,
        mechanism,
    )
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::AccessDenied)]),
    Case::new(
        "certificates.single.challenge-of-others",
        "A challenge is the client's own, and a stale delegation is not fresh",
        "nCore API: Cmd_GetChallenge",
        challenge,
    )
    .covers(&[
        replies(Cmd::GetChallenge),
        denies(Cmd::Sign, Status::UnknownChallenge),
        denies(Cmd::Sign, Status::AccessDenied),
    ]),
    Case::new(
        "certificates.key.must-be-private",
        "Only the private half certifies, and only if its list says so",
        CERTIFICATES,
        must_be_private,
    )
    .covers(&[
        denies(Cmd::Sign, Status::AccessDenied),
        denies(Cmd::Sign, Status::InvalidCertificate),
    ]),
    Case::new(
        "certificates.key.wrong",
        "Certificates that are wrong in themselves are refused, each in its way",
        CERTIFICATES,
        wrong,
    )
    .covers(&[
        denies(Cmd::Sign, Status::BadCertKeyHash),
        denies(Cmd::Sign, Status::UnknownID),
        denies(Cmd::Sign, Status::InvalidCertificate),
        denies(Cmd::Sign, Status::MalformedCertificate),
    ]),
    Case::new(
        "certificates.key.limits",
        "Each use as a certificate is charged to the certifying key",
        CERTIFICATES,
        limits,
    )
    .covers(&[denies(Cmd::Sign, Status::UseLimitExceeded)]),
    Case::new(
        "certificates.officer.own-key",
        "The officer's key permits the operations that its own list names",
        OFFICER,
        officer_key,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetKM),
        denies(Cmd::SetKM, Status::AccessDenied),
        denies(Cmd::RemoveKM, Status::AccessDenied),
    ]),
    Case::new(
        "certificates.officer.delegate",
        "The officer delegates some operations, and a wrong byte ends that",
        OFFICER,
        officer_delegate,
    )
    .needs(&[Need::Control])
    .covers(&[
        replies(Cmd::SetKM),
        denies(Cmd::SetKM, Status::BadCertSignature),
        denies(Cmd::RemoveKM, Status::AccessDenied),
    ]),
    Case::new(
        "certificates.officer.condition",
        "A group can ask for the officer of the module",
        "nCore API: M_ACL, NSOCertified",
        officer_condition,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::Sign), denies(Cmd::Sign, Status::AccessDenied)]),
    Case::new(
        "certificates.officer.reserves",
        "Each operation that is not public needs the officer",
        OFFICER,
        officer_reserves,
    )
    .needs(&[Need::Control])
    .covers(&[
        denies(Cmd::GenerateKey, Status::AccessDenied),
        denies(Cmd::GenerateKeyPair, Status::AccessDenied),
        denies(Cmd::Import, Status::AccessDenied),
        denies(Cmd::GenerateLogicalToken, Status::AccessDenied),
        denies(Cmd::LoadLogicalToken, Status::AccessDenied),
        denies(Cmd::FormatToken, Status::AccessDenied),
        denies(Cmd::EraseShare, Status::AccessDenied),
        denies(Cmd::ChangeSharePIN, Status::AccessDenied),
    ]),
];

/// A key that may certify.
pub(super) struct Authority {
    key: u32,
    public: KeyData,
    pub(super) hash: KeyHash,
}

impl Authority {
    pub(super) fn new(bench: &Bench, more: Vec<Action>) -> anyhow::Result<Authority> {
        let actions = [vec![operations(Op::USE_AS_CERTIFICATE | Op::SIGN)], more].concat();
        let pair = bench.rsa(1024, acl(actions), may(Op::EXPORT_AS_PLAIN))?;
        Ok(Authority {
            key: pair.private,
            public: bench.export(pair.public)?,
            hash: bench.hash_of(pair.private)?,
        })
    }

    pub(super) fn certificate(&self) -> Certificate {
        signing_key(self.key, self.hash)
    }

    fn signed(&self, bench: &Bench, message: &[u8]) -> anyhow::Result<CertTypeSingleCertCertBody> {
        Ok(CertTypeSingleCertCertBody {
            pubkeydata: self.public.clone(),
            signature: bench.sign(self.key, Mech::RSAhSHA256pPKCS1, bytes(message))?,
            certsignmsg: message.to_vec(),
        })
    }

    pub(super) fn delegates(
        &self,
        bench: &Bench,
        delegation: &Delegation,
    ) -> anyhow::Result<Certificate> {
        Ok(single(
            self.hash,
            self.signed(bench, &delegation.to_message()?)?,
        ))
    }
}

fn single(keyhash: KeyHash, body: CertTypeSingleCertCertBody) -> Certificate {
    Certificate {
        keyhash,
        type_: CertType::SingleCert,
        body: CertTypeCertBody::SingleCert(body),
    }
}

/// A delegation to whoever presents it.
fn bearer(perms: u32) -> Delegation {
    Delegation {
        delegate: None,
        nonce: None,
        actions: vec![operations(perms)],
    }
}

fn delegation_to(delegate: &Authority, actions: Vec<Action>) -> Delegation {
    Delegation {
        delegate: Some(delegate.hash),
        nonce: None,
        actions,
    }
}

/// A key that signs and encrypts only under these conditions.
fn guarded(bench: &Bench, condition: PermissionGroup) -> anyhow::Result<u32> {
    let actions = vec![operations(Op::SIGN | Op::ENCRYPT)];
    bench.aes(list(vec![PermissionGroup {
        actions,
        ..condition
    }]))
}

fn certified_by(hash: KeyHash) -> PermissionGroup {
    PermissionGroup {
        certifier: Some(hash),
        ..PermissionGroup::default()
    }
}

fn sign(bench: &Bench, key: u32, certs: Vec<Certificate>) -> Status {
    status(bench.send_with(sign_something(key), certificates(certs)))
}

fn encrypt(bench: &Bench, key: u32, certs: Vec<Certificate>) -> Status {
    let args = encrypt_args(key, Mech::Any, bytes(b"data"));
    status(bench.send_with(args, certificates(certs)))
}

fn every_byte(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let owner = Authority::new(&bench, vec![])?;
    let key = guarded(&bench, certified_by(owner.hash))?;
    let good = owner.signed(&bench, &bearer(Op::ENCRYPT).to_message()?)?;
    is(
        encrypt(&bench, key, vec![single(owner.hash, good.clone())]),
        Status::OK,
        "the right one",
    )?;

    for at in 0..good.certsignmsg.len() {
        let mut body = good.clone();
        body.certsignmsg[at] ^= 1;
        let found = encrypt(&bench, key, vec![single(owner.hash, body)]);
        is(
            found,
            Status::BadCertSignature,
            &format!("byte {at} of the message"),
        )?;
    }
    let signature = rsa_number(&good.signature)?.to_be();
    for at in (0..signature.len()).step_by(7) {
        let mut changed = signature.clone();
        changed[at] ^= 0x10;
        let mut body = good.clone();
        body.signature = rsa_cipher(good.signature.mech, Bignum::from_be(&changed));
        let found = encrypt(&bench, key, vec![single(owner.hash, body)]);
        is(
            found,
            Status::BadCertSignature,
            &format!("byte {at} of the signature"),
        )?;
    }
    for at in 0..20 {
        let mut hash = owner.hash;
        hash[at] ^= 1;
        let found = encrypt(&bench, key, vec![single(hash, good.clone())]);
        is(
            found,
            Status::BadCertKeyHash,
            &format!("byte {at} of the key hash"),
        )?;
    }
    let mut body = good.clone();
    if let KeyTypeData::RSAPublic(public) = &mut body.pubkeydata.data {
        let mut n = public.n.to_be();
        n[10] ^= 1;
        public.n = Bignum::from_be(&n);
    }
    is(
        encrypt(&bench, key, vec![single(owner.hash, body)]),
        Status::BadCertKeyHash,
        "a byte of the public key",
    )?;
    let mut body = good;
    body.signature.mech = Mech::RSAhSHA1pPKCS1;
    is(
        encrypt(&bench, key, vec![single(owner.hash, body)]),
        Status::BadCertSignature,
        "another mechanism",
    )?;
    Ok(Outcome::Passed)
}

fn scope(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let owner = Authority::new(&bench, vec![])?;
    let key = guarded(&bench, certified_by(owner.hash))?;
    let signs = owner.delegates(&bench, &bearer(Op::SIGN))?;
    is(
        sign(&bench, key, vec![signs.clone()]),
        Status::OK,
        "what it names",
    )?;
    is(
        encrypt(&bench, key, vec![signs]),
        Status::AccessDenied,
        "what it does not",
    )?;
    let nothing = Delegation {
        actions: vec![],
        ..bearer(0)
    };
    let nothing = owner.delegates(&bench, &nothing)?;
    is(
        sign(&bench, key, vec![nothing]),
        Status::AccessDenied,
        "no actions at all",
    )?;
    // The owner itself may do everything that the group allows.
    is(
        encrypt(&bench, key, vec![owner.certificate()]),
        Status::OK,
        "the owner",
    )?;
    Ok(Outcome::Passed)
}

fn chain(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let (root, middle, leaf) = (
        Authority::new(&bench, vec![])?,
        Authority::new(&bench, vec![])?,
        Authority::new(&bench, vec![])?,
    );
    let key = guarded(&bench, certified_by(root.hash))?;
    let link = |from: &Authority, to: &Authority, perms| {
        from.delegates(&bench, &delegation_to(to, vec![operations(perms)]))
    };
    let first = link(&root, &middle, Op::SIGN | Op::ENCRYPT)?;
    let second = link(&middle, &leaf, Op::SIGN)?;
    let orders = [
        vec![first.clone(), second.clone(), leaf.certificate()],
        vec![leaf.certificate(), second.clone(), first.clone()],
        vec![second.clone(), leaf.certificate(), first.clone()],
    ];
    for certs in orders {
        is(
            sign(&bench, key, certs.clone()),
            Status::OK,
            "the whole chain",
        )?;
        is(
            encrypt(&bench, key, certs),
            Status::AccessDenied,
            "what the last link leaves out",
        )?;
    }
    for (certs, what) in [
        (
            vec![first.clone(), leaf.certificate()],
            "without the middle link",
        ),
        (vec![second, leaf.certificate()], "without the first link"),
        (vec![first], "without a key at hand"),
    ] {
        is(sign(&bench, key, certs), Status::AccessDenied, what)?;
    }
    Ok(Outcome::Passed)
}

fn not_a_delegation(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let owner = Authority::new(&bench, vec![])?;
    let key = guarded(&bench, certified_by(owner.hash))?;
    let mut cut = bearer(Op::SIGN).to_message()?;
    cut.pop();
    for message in [b"a contract".to_vec(), Vec::new(), cut] {
        let signed = owner.signed(&bench, &message)?;
        let found = sign(&bench, key, vec![single(owner.hash, signed)]);
        is(
            found,
            Status::MalformedCertificate,
            &format!("{} bytes", message.len()),
        )?;
    }
    Ok(Outcome::Passed)
}

fn mechanism(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let owner = Authority::new(&bench, vec![])?;
    let cert = owner.delegates(&bench, &bearer(Op::SIGN))?;
    for (mech, expected) in [
        (Mech::Any, Status::OK),
        (Mech::RSAhSHA256pPKCS1, Status::OK),
        (Mech::RSAhSHA1pPKCS1, Status::AccessDenied),
        (Mech::DSA, Status::AccessDenied),
    ] {
        let certmech = Some(KeyHashAndMech {
            hash: owner.hash,
            mech,
        });
        let key = guarded(
            &bench,
            PermissionGroup {
                certmech,
                ..PermissionGroup::default()
            },
        )?;
        is(
            sign(&bench, key, vec![cert.clone()]),
            expected,
            &format!("{mech}"),
        )?;
        is(
            sign(&bench, key, vec![]),
            Status::AccessDenied,
            "no certificate",
        )?;
    }
    Ok(Outcome::Passed)
}

fn challenge(rig: &Rig) -> anyhow::Result<Outcome> {
    let (bench, other) = (Bench::open(rig)?, Bench::open(rig)?);
    let owner = Authority::new(&bench, vec![])?;
    let fresh = PermissionGroup {
        flags: PermissionGroup::FRESH_CERTS,
        ..certified_by(owner.hash)
    };
    let key = guarded(&bench, fresh)?;
    let delegated = |nonce| {
        owner.delegates(
            &bench,
            &Delegation {
                nonce,
                ..bearer(Op::SIGN)
            },
        )
    };
    is(
        sign(&bench, key, vec![delegated(None)?]),
        Status::AccessDenied,
        "a lasting one",
    )?;
    let theirs = other
        .send(GetChallengeArgs {
            module: other.module,
        })?
        .nonce;
    let cert = delegated(Some(theirs))?;
    is(
        sign(&bench, key, vec![cert]),
        Status::UnknownChallenge,
        "another client's",
    )?;
    let one = bench
        .send(GetChallengeArgs {
            module: bench.module,
        })?
        .nonce;
    let two = bench
        .send(GetChallengeArgs {
            module: bench.module,
        })?
        .nonce;
    ensure!(one != two, "two challenges are alike");
    // One of which a byte is another was never open, and does not answer the one that is.
    for at in 0..one.len() {
        let mut changed = one;
        changed[at] ^= 1;
        let cert = delegated(Some(changed))?;
        is(
            sign(&bench, key, vec![cert]),
            Status::UnknownChallenge,
            &format!("byte {at} of a challenge"),
        )?;
    }
    // Each is good for once, in any order.
    for nonce in [two, one] {
        let cert = delegated(Some(nonce))?;
        is(
            sign(&bench, key, vec![cert.clone()]),
            Status::OK,
            "an answer",
        )?;
        is(
            sign(&bench, key, vec![cert]),
            Status::UnknownChallenge,
            "the answer again",
        )?;
    }
    Ok(Outcome::Passed)
}

fn must_be_private(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let pair = bench.rsa(512, may(Op::SIGN), may(Op::USE_AS_CERTIFICATE | Op::VERIFY))?;
    let hash = bench.hash_of(pair.private)?;
    let key = guarded(&bench, certified_by(hash))?;
    let by = |id| sign(&bench, key, vec![signing_key(id, hash)]);
    is(by(pair.private), Status::AccessDenied, "a key that may not")?;
    is(
        by(pair.public),
        Status::InvalidCertificate,
        "the public half",
    )?;
    let secret = bench.aes(may(Op::USE_AS_CERTIFICATE))?;
    let secret_hash = bench.hash_of(secret)?;
    let key = guarded(&bench, certified_by(secret_hash))?;
    is(
        sign(&bench, key, vec![signing_key(secret, secret_hash)]),
        Status::InvalidCertificate,
        "a secret key",
    )?;
    Ok(Outcome::Passed)
}

fn wrong(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let owner = Authority::new(&bench, vec![])?;
    let key = guarded(&bench, certified_by(owner.hash))?;
    let mut hash = owner.hash;
    hash[19] ^= 1;
    let empty = |type_| Certificate {
        keyhash: owner.hash,
        type_,
        body: CertTypeCertBody::Empty,
    };
    for (cert, expected, what) in [
        (
            signing_key(owner.key, hash),
            Status::BadCertKeyHash,
            "one byte of the hash",
        ),
        (
            signing_key(owner.key ^ 0x5555_5555, owner.hash),
            Status::UnknownID,
            "an unknown identifier",
        ),
        (
            empty(CertType::SEECert),
            Status::InvalidCertificate,
            "code in the module",
        ),
        (
            empty(CertType(9)),
            Status::MalformedCertificate,
            "an unknown kind",
        ),
    ] {
        is(sign(&bench, key, vec![cert.clone()]), expected, what)?;
        // A good certificate beside it does not help.
        is(
            sign(&bench, key, vec![owner.certificate(), cert]),
            expected,
            what,
        )?;
    }
    Ok(Outcome::Passed)
}

fn limits(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let id = bench.limit_name()?;
    let limit = UseLimit {
        type_: UseLim::Global,
        details: UseLimDetails::Global(UseLimGlobalDetails { id, max: 2 }),
    };
    let group = PermissionGroup {
        limits: vec![limit],
        ..group(vec![operations(Op::USE_AS_CERTIFICATE)])
    };
    let owner = bench.rsa(512, list(vec![group]), may(Op::VERIFY))?;
    let hash = bench.hash_of(owner.private)?;
    let key = guarded(&bench, certified_by(hash))?;
    let by = || sign(&bench, key, vec![signing_key(owner.private, hash)]);
    is(by(), Status::OK, "the first use")?;
    is(by(), Status::OK, "the second use")?;
    is(by(), Status::UseLimitExceeded, "the third use")?;
    Ok(Outcome::Passed)
}

/// A module in initialisation whose officer's key is at hand, with these operations public and these in the key's list.
fn with_officer(
    rig: &Rig,
    ops: u32,
    officer_may: u32,
) -> anyhow::Result<(crate::spare::Spare, Bench, Authority, Authority, u32)> {
    let spare = rig.spare()?;
    spare.initialise(1)?;
    let bench = Bench::at(spare.privileged()?, 1);
    let officer = Authority::new(&bench, vec![officer_operations(officer_may)])?;
    let delegate = Authority::new(&bench, vec![])?;
    let km = bench.aes(may(Op::USE_AS_KM | Op::SIGN))?;
    let publicperms = NSOPerms { ops };
    bench.send(SetNSOPermsArgs {
        module: 1,
        flags: 0,
        hknso: officer.hash,
        publicperms,
    })?;
    Ok((spare, bench, officer, delegate, km))
}

fn set_km(bench: &Bench, idka: u32, certs: Vec<Certificate>) -> Status {
    status(bench.send_with(
        SetKMArgs {
            module: 1,
            flags: 0,
            idka,
        },
        certificates(certs),
    ))
}

fn remove_km(bench: &Bench, hkm: KeyHash, certs: Vec<Certificate>) -> Status {
    status(bench.send_with(
        RemoveKMArgs {
            module: 1,
            flags: 0,
            hkm,
        },
        certificates(certs),
    ))
}

fn officer_key(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench, officer, delegate, km) = with_officer(rig, 0, NSOPerms::OPS_SET_KM)?;
    let hkm = bench.hash_of(km)?;
    is(set_km(&bench, km, vec![]), Status::AccessDenied, "nobody")?;
    is(
        set_km(&bench, km, vec![delegate.certificate()]),
        Status::AccessDenied,
        "somebody",
    )?;
    is(
        set_km(&bench, km, vec![officer.certificate()]),
        Status::OK,
        "the officer",
    )?;
    is(
        remove_km(&bench, hkm, vec![officer.certificate()]),
        Status::AccessDenied,
        "what the officer's own list leaves out",
    )?;
    ensure!(
        bench.module_keys()?.contains(&hkm),
        "the module key is not there"
    );
    Ok(Outcome::Passed)
}

fn officer_delegate(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench, officer, delegate, km) = with_officer(
        rig,
        EVERYTHING & !(NSOPerms::OPS_SET_KM | NSOPerms::OPS_REMOVE_KM),
        EVERYTHING,
    )?;
    let hkm = bench.hash_of(km)?;
    let delegation = delegation_to(&delegate, vec![officer_operations(NSOPerms::OPS_SET_KM)]);
    let body = officer.signed(&bench, &delegation.to_message()?)?;
    let mut changed = body.clone();
    if let Some(last) = changed.certsignmsg.last_mut() {
        *last ^= 1;
    }
    let chain = |body| vec![delegate.certificate(), single(officer.hash, body)];
    is(
        set_km(&bench, km, chain(changed)),
        Status::BadCertSignature,
        "a wrong byte",
    )?;
    is(
        set_km(&bench, km, vec![single(officer.hash, body.clone())]),
        Status::AccessDenied,
        "without the delegate",
    )?;
    is(
        remove_km(&bench, hkm, chain(body.clone())),
        Status::AccessDenied,
        "another operation",
    )?;
    is(
        set_km(&bench, km, chain(body)),
        Status::OK,
        "what was delegated",
    )?;
    is(
        remove_km(&bench, hkm, vec![officer.certificate()]),
        Status::OK,
        "the officer",
    )?;
    ensure!(
        !bench.module_keys()?.contains(&hkm),
        "the module key is still there"
    );
    Ok(Outcome::Passed)
}

fn officer_condition(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench, officer, delegate, _) = with_officer(rig, EVERYTHING, 0)?;
    let key = guarded(
        &bench,
        PermissionGroup {
            flags: PermissionGroup::NSO_CERTIFIED,
            ..PermissionGroup::default()
        },
    )?;
    is(sign(&bench, key, vec![]), Status::AccessDenied, "nobody")?;
    is(
        sign(&bench, key, vec![delegate.certificate()]),
        Status::AccessDenied,
        "somebody",
    )?;
    is(
        sign(&bench, key, vec![officer.certificate()]),
        Status::OK,
        "the officer",
    )?;
    Ok(Outcome::Passed)
}

fn officer_reserves(rig: &Rig) -> anyhow::Result<Outcome> {
    let (_spare, bench, _, _, _) = with_officer(rig, 0, 0)?;
    let token = PhysToken {
        module: 1,
        slot: 1,
        ic: 0,
    };
    let ic = bench
        .send(InsertSoftTokenArgs {
            flags: 0,
            token: token.clone(),
            data: Vec::new(),
        })?
        .ic;
    let token = PhysToken { ic, ..token };
    let params = TokenParams {
        flags: 0,
        sharesneeded: 1,
        sharestotal: 1,
        timelimit: 0,
    };
    denied(bench.send(bench.aes_args(anything())), Status::AccessDenied)?;
    denied(
        bench.send(bench.pair_args(rsa_params(512), anything(), anything())),
        Status::AccessDenied,
    )?;
    let data = raw_key(KeyType::Rijndael, &[1; 16])?;
    denied(
        bench.send(bench.import_args(data, anything())),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(GenerateLogicalTokenArgs {
            module: 1,
            hkm: NULL_DES3,
            params: params.clone(),
        }),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(LoadLogicalTokenArgs {
            module: 1,
            hkt: [1; 20],
            hkm: NULL_DES3,
            params,
        }),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(FormatTokenArgs {
            flags: 0,
            token: token.clone(),
            auth_key: None,
        }),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(EraseShareArgs {
            token: token.clone(),
            hkt: [1; 10],
            i: 1,
        }),
        Status::AccessDenied,
    )?;
    denied(
        bench.send(ChangeSharePINArgs {
            flags: 0,
            token,
            hkm: NULL_DES3,
            hkt: [1; 10],
            i: 1,
            oldpin: None,
            newpin: None,
        }),
        Status::AccessDenied,
    )?;
    // What needs no operation of the officer's still works.
    bench.send(GenerateRandomArgs { lenbytes: 4 })?;
    Ok(Outcome::Passed)
}
