//! What a module says of itself and signs, checked without any module: with num-bigint and the rules of the standards.

use anyhow::{Context as _, bail, ensure};
use ncore::codec::{Reader, to_bytes};
use ncore::profile::WireProfile;
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Need, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::hashes::Hash;
use crate::oracle::key_hash::key_hash;
use crate::oracle::numbers::{big, dsa_verifies};
use crate::oracle::{ecdsa, wire_rsa::WireRsa};
use crate::rig::Rig;
use crate::spare::EVERYTHING;

const STATE: &str = "PROTOCOL, sections 4.2 and 4.8, module state certificate";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "states.attributes.true",
        "The attributes of a module are what other commands say of it",
        STATE,
        attributes_true,
    )
    .covers(&[
        replies(Cmd::GetModuleState),
        denies(Cmd::GetModuleState, Status::NotAvailable),
        denies(Cmd::GetModuleState, Status::UnknownParameter),
        denies(Cmd::GetModuleState, Status::UnknownFlag),
    ]),
    Case::new(
        "states.signature.klf2",
        "KLF2 signs the module's state: an ECDSA signature over P-521 that no other message has",
        STATE,
        signature_klf2,
    )
    .covers(&[
        replies(Cmd::SignModuleState),
        denies(Cmd::SignModuleState, Status::NotAvailable),
        denies(Cmd::SignModuleState, Status::UnknownParameter),
        denies(Cmd::SignModuleState, Status::UnknownFlag),
    ]),
    Case::new(
        "states.signature.kml",
        "KML signs the module's state: a DSA signature that no other message has",
        STATE,
        signature_kml,
    )
    .covers(&[replies(Cmd::SignModuleState)]),
    Case::new(
        "states.signature.application",
        "A key that may sign module certificates signs the state, and no other does",
        "PROTOCOL, section 4.3; nCore API: Cmd_SignModuleState",
        signature_application,
    )
    .covers(&[
        replies(Cmd::SignModuleState),
        denies(Cmd::SignModuleState, Status::AccessDenied),
        denies(Cmd::SignModuleState, Status::UnknownID),
    ]),
    Case::new(
        "states.warrant.every-byte",
        "A warrant with one byte changed is not the factory's",
        "nCore API: Cmd_VerifyCertificate",
        warrant_every_byte,
    )
    .covers(&[
        replies(Cmd::VerifyCertificate),
        denies(Cmd::VerifyCertificate, Status::BadCertSignature),
        denies(Cmd::VerifyCertificate, Status::MalformedCertificate),
        denies(Cmd::VerifyCertificate, Status::UnknownParameter),
        denies(Cmd::VerifyCertificate, Status::UnknownFlag),
    ]),
    Case::new(
        "states.signers.nobody",
        "Whoever asks from outside the module is signed by nobody",
        "PROTOCOL, section 4.3, certificates of type 3",
        signers_nobody,
    )
    .covers(&[
        replies(Cmd::GetWorldSigners),
        denies(Cmd::GetWorldSigners, Status::UnknownFlag),
    ]),
    Case::new(
        "states.factory.kept",
        "KLF2 stays through initialisation, KML does not",
        "PROTOCOL, section 4.2",
        factory_kept,
    )
    .needs(&[Need::Control])
    .covers(&[replies(Cmd::GetModuleState)]),
];

fn attributes_true(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let tags = [
        ModuleAttribTag::ESN,
        ModuleAttribTag::KNSO,
        ModuleAttribTag::KMList,
        ModuleAttribTag::KML,
        ModuleAttribTag::KLF2,
    ];
    let found = state(&bench, Some(&tags))?;
    is(
        found.iter().map(|attribute| attribute.tag).collect(),
        tags.to_vec(),
        "the attributes, in the order asked for",
    )?;
    let list = bench.send(GetKMListArgs {
        module: bench.module,
        flags: 0,
    })?;
    let kml = bench.send(GetKMLArgs {
        module: bench.module,
    })?;
    let kml = (bench.hash_of(kml.idka)?, bench.export(kml.idka)?);
    for attribute in &found {
        match &attribute.value {
            ModuleAttribTagValue::ESN(said) => {
                ensure!(said.esn.len() == 14, "{} is no serial number", said.esn);
            }
            ModuleAttribTagValue::KNSO(said) => is(said.hknso, list.hknso, "hknso")?,
            ModuleAttribTagValue::KMList(said) => {
                let hashes: Vec<KeyHash> = said.hkms.iter().map(|key| key.hk).collect();
                is(&hashes, &list.hkms, "the module keys")?;
            }
            ModuleAttribTagValue::KML(said) => {
                is((said.hkml, said.kmlpub.clone()), kml.clone(), "KML")?;
            }
            ModuleAttribTagValue::KLF2(said) => {
                is(said.klf2pub.type_, KeyType::ECDSAPublic, "the type of KLF2")?;
                is(said.mech_i, Mech::ECDSAhSHA512, "its mechanism")?;
            }
            other => bail!("not asked for: {other:?}"),
        }
    }
    for (tag, expected) in [
        (ModuleAttribTag::KLF, Status::NotAvailable),
        (ModuleAttribTag::PhysFIPSl3, Status::NotAvailable),
        (ModuleAttribTag::None, Status::UnknownParameter),
        (ModuleAttribTag(77), Status::UnknownParameter),
    ] {
        let answer = bench.send(state_args(&bench, Some(&[tag])));
        is(status(answer), expected, &format!("{tag}"))?;
    }
    let flags = GetModuleStateArgs {
        flags: 0x4000,
        ..state_args(&bench, None)
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    Ok(Outcome::Passed)
}

fn signature_klf2(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let point = klf2(&bench)?;
    let challenge = [0x5a; 20];
    let cert = bench
        .send(SignModuleStateArgs {
            challenge: Some(challenge),
            ..sign_args(&bench, SignerType::KLF2)
        })?
        .cert;
    let said = message(&cert)?;
    let first = said.first().context("an empty message")?;
    ensure!(
        matches!(&first.value, ModuleAttribTagValue::Challenge(said) if said.nonce == challenge),
        "the challenge does not come first: {first:?}"
    );
    is(
        said[1..].to_vec(),
        state(&bench, None)?,
        "the rest of the message",
    )?;
    is(cert.signature.mech, Mech::ECDSAhSHA512, "the mechanism")?;
    let MechCipher::ECDSA(numbers) = &cert.signature.data else {
        bail!("no ECDSA signature");
    };
    let verifies = |message: &[u8]| {
        let digest = Hash::Sha512.digest(message);
        ecdsa::verifies(&point, &digest, &numbers.r, &numbers.s)
    };
    ensure!(verifies(&cert.modcertmsg), "the signature is wrong");
    for at in (0..cert.modcertmsg.len()).step_by(cert.modcertmsg.len() / 4) {
        let mut changed = cert.modcertmsg.clone();
        changed[at] ^= 1;
        ensure!(!verifies(&changed), "byte {at} is not signed");
    }
    let without = SignModuleStateArgs {
        attribs: Some(tags(&[ModuleAttribTag::ESN])),
        ..sign_args(&bench, SignerType::KLF2)
    };
    let cert = bench.send(without)?.cert;
    is(message(&cert)?.len(), 1, "what was asked for alone")?;
    for (signer, expected) in [
        (SignerType::KLF, Status::NotAvailable),
        (SignerType(77), Status::UnknownParameter),
    ] {
        let answer = bench.send(sign_args(&bench, signer));
        is(status(answer), expected, &format!("{signer}"))?;
    }
    let flags = SignModuleStateArgs {
        flags: 0x4000,
        ..sign_args(&bench, SignerType::KLF2)
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    Ok(Outcome::Passed)
}

fn signature_kml(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let cert = bench.send(sign_args(&bench, SignerType::KML))?.cert;
    let mut kml = None;
    for attribute in message(&cert)? {
        if let ModuleAttribTagValue::KML(said) = attribute.value {
            kml = Some(said);
        }
    }
    let kml = kml.context("the message has no KML")?;
    is(
        key_hash(&kml.kmlpub, Hash::Sha1)?,
        kml.hkml.to_vec(),
        "the hash of KML",
    )?;
    let KeyTypeData::DSAPublic(public) = &kml.kmlpub.data else {
        bail!("KML is no DSA key");
    };
    is(cert.signature.mech, kml.mech_i, "the mechanism")?;
    let hash = match kml.mech_i {
        Mech::DSA => Hash::Sha1,
        Mech::DSAhSHA256 => Hash::Sha256,
        other => bail!("{other} is no mechanism of KML"),
    };
    let MechCipher::DSA(numbers) = &cert.signature.data else {
        bail!("no DSA signature");
    };
    let verifies = |message: &[u8]| {
        let digest = hash.digest(message);
        dsa_verifies(&public.dlg, &public.y, &digest, &numbers.r, &numbers.s)
    };
    ensure!(verifies(&cert.modcertmsg), "the signature is wrong");
    for at in (0..cert.modcertmsg.len()).step_by(cert.modcertmsg.len() / 8) {
        let mut changed = cert.modcertmsg.clone();
        changed[at] ^= 0x80;
        ensure!(!verifies(&changed), "byte {at} is not signed");
    }
    Ok(Outcome::Passed)
}

fn signature_application(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let public = may(Op::VERIFY | Op::EXPORT_AS_PLAIN);
    let pair = bench.rsa(1024, may(Op::SIGN_MODULE_CERT), public.clone())?;
    let by = |key| SignModuleStateArgs {
        siginfo: SignerTypeSignerInfo::AppKey(SignerTypeAppKeySignerInfo {
            key,
            mech: Mech::RSAhSHA256pPKCS1,
        }),
        ..sign_args(&bench, SignerType::AppKey)
    };
    let cert = bench.send(by(pair.private))?.cert;
    message(&cert)?;
    let key = WireRsa::new(&bench.export(pair.public)?)?;
    let digest = Hash::Sha256.digest(&cert.modcertmsg);
    key.verify(Some(Hash::Sha256), &digest, rsa_number(&cert.signature)?)?;
    let mut changed = cert.modcertmsg.clone();
    changed[9] ^= 1;
    let digest = Hash::Sha256.digest(&changed);
    ensure!(
        key.verify(Some(Hash::Sha256), &digest, rsa_number(&cert.signature)?)
            .is_err(),
        "the signature is another message's too"
    );
    let other = bench.rsa(1024, may(Op::SIGN), public)?;
    is(
        status(bench.send(by(other.private))),
        Status::AccessDenied,
        "a key that may only sign",
    )?;
    is(status(bench.send(by(0))), Status::UnknownID, "no key")?;
    Ok(Outcome::Passed)
}

fn warrant_every_byte(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let found = state(&bench, Some(&[ModuleAttribTag::WarrantKLF2]))?;
    let Some(ModuleAttribTagValue::WarrantKLF2(said)) = found.first().map(|found| &found.value)
    else {
        bail!("no warrant: {found:?}");
    };
    let verify = |type_, warrant: &[u8]| {
        let args = VerifyCertificateArgs {
            flags: 0,
            module: bench.module,
            type_,
            warrant: warrant.to_vec(),
        };
        status(bench.send(args))
    };
    let kind = CertificateKind::ModuleIdentification;
    let warrant = &said.warrant;
    is(verify(kind, warrant), Status::OK, "the warrant")?;
    for at in 0..warrant.len() {
        let mut changed = warrant.clone();
        changed[at] ^= 1;
        let found = verify(kind, &changed);
        ensure!(
            matches!(
                found,
                Status::BadCertSignature | Status::MalformedCertificate
            ),
            "byte {at}: {found}"
        );
    }
    // The names in it are part of what is signed.
    let serial = (8 + 4..8 + 4 + 14).collect::<Vec<_>>();
    for at in serial {
        let mut changed = warrant.clone();
        changed[at] ^= 1;
        is(
            verify(kind, &changed),
            Status::BadCertSignature,
            &format!("byte {at} of the serial number"),
        )?;
    }
    for cut in [0, 4, 8, warrant.len() / 2, warrant.len() - 1] {
        is(
            verify(kind, &warrant[..cut]),
            Status::MalformedCertificate,
            &format!("{cut} bytes of it"),
        )?;
    }
    is(
        verify(kind, &[&warrant[..], &[0; 4]].concat()),
        Status::MalformedCertificate,
        "bytes after it",
    )?;
    is(
        verify(CertificateKind(9), warrant),
        Status::UnknownParameter,
        "another kind",
    )?;
    let flags = VerifyCertificateArgs {
        flags: 1,
        module: bench.module,
        type_: kind,
        warrant: warrant.clone(),
    };
    is(status(bench.send(flags)), Status::UnknownFlag, "a flag")?;
    Ok(Outcome::Passed)
}

fn signers_nobody(rig: &Rig) -> anyhow::Result<Outcome> {
    let bench = Bench::open(rig)?;
    let signers = bench.send(GetWorldSignersArgs { flags: 0 })?.sigs;
    is(signers, vec![], "the signers")?;
    let flags = bench.send(GetWorldSignersArgs { flags: 1 });
    is(status(flags), Status::UnknownFlag, "a flag")?;
    Ok(Outcome::Passed)
}

fn factory_kept(rig: &Rig) -> anyhow::Result<Outcome> {
    let mut spare = rig.spare()?;
    let asked = [ModuleAttribTag::KLF2, ModuleAttribTag::KML];
    let before = state(&Bench::at(spare.wire()?, 1), Some(&asked[..1]))?;
    let mut kmls = Vec::new();
    for _ in 0..2 {
        spare.initialise(1)?;
        spare.operate(1, [7; 20], EVERYTHING)?;
        spare.restart()?;
        let mut now = state(&Bench::at(spare.wire()?, 1), Some(&asked))?;
        kmls.push(now.pop().context("no KML")?);
        is(now, before.clone(), "KLF2")?;
    }
    ensure!(kmls[0] != kmls[1], "both initialisations have one KML");
    Ok(Outcome::Passed)
}

fn tags(tags: &[ModuleAttribTag]) -> WrapVecModuleAttribTag {
    WrapVecModuleAttribTag { v: tags.to_vec() }
}

fn state_args(bench: &Bench, asked: Option<&[ModuleAttribTag]>) -> GetModuleStateArgs {
    GetModuleStateArgs {
        module: bench.module,
        flags: 0,
        attribs: asked.map(tags),
    }
}

fn state(bench: &Bench, asked: Option<&[ModuleAttribTag]>) -> anyhow::Result<Vec<ModuleAttrib>> {
    Ok(bench.send(state_args(bench, asked))?.state.attribs)
}

fn sign_args(bench: &Bench, signer: SignerType) -> SignModuleStateArgs {
    SignModuleStateArgs {
        module: bench.module,
        signer,
        ..SignModuleStateArgs::default()
    }
}

/// The public point of KLF2, whose hash the module gives with it.
fn klf2(bench: &Bench) -> anyhow::Result<ECPoint> {
    let found = state(bench, Some(&[ModuleAttribTag::KLF2]))?;
    match found.first().map(|found| &found.value) {
        Some(ModuleAttribTagValue::KLF2(said)) => match &said.klf2pub.data {
            KeyTypeData::ECPublic(public) => {
                is(public.curve.name, ECName::NISTP521, "the curve")?;
                ensure!(big(&public.q.x).bits() > 400, "a point near zero");
                Ok(public.q.clone())
            }
            other => bail!("KLF2 is no key of a curve: {other:?}"),
        },
        other => bail!("no KLF2: {other:?}"),
    }
}

/// The attributes of a module state certificate: type 4, flags 0, a vector of them, and nothing else.
fn message(cert: &ModuleCert) -> anyhow::Result<Vec<ModuleAttrib>> {
    let rest = cert.modcertmsg.strip_prefix(&[4, 0, 0, 0, 0, 0, 0, 0]);
    let rest = rest.context("no module state certificate")?;
    let mut reader = Reader::new(rest, &WireProfile::DEFAULT);
    let list = <ModuleAttribList as ncore::codec::Decode>::decode(&mut reader)?;
    ensure!(
        to_bytes(&list, &WireProfile::DEFAULT)? == rest,
        "bytes after the attributes"
    );
    Ok(list.attribs)
}
