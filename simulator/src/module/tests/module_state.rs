//! What a module says of itself and signs.

use ncore::Status;
use ncore::types::*;

use super::rig::*;
use crate::store::RedbStore;

fn state(attribs: Option<&[ModuleAttribTag]>) -> GetModuleStateArgs {
    GetModuleStateArgs {
        module: 1,
        flags: 0,
        attribs: attribs.map(|tags| WrapVecModuleAttribTag { v: tags.to_vec() }),
    }
}

fn sign(signer: SignerType) -> SignModuleStateArgs {
    SignModuleStateArgs {
        module: 1,
        signer,
        ..Default::default()
    }
}

fn said(rig: &mut Rig, tag: ModuleAttribTag) -> ModuleAttribTagValue {
    let mut state = rig.ok(state(Some(&[tag]))).state.attribs;
    assert_eq!(state.len(), 1);
    state.remove(0).value
}

fn tags(rig: &mut Rig) -> Vec<ModuleAttribTag> {
    let state = rig.ok(state(None)).state.attribs;
    state.iter().map(|attribute| attribute.tag).collect()
}

#[test]
fn a_module_says_what_it_has() {
    let mut rig = Rig::factory();
    use ModuleAttribTag as Tag;
    assert_eq!(tags(&mut rig), [Tag::ESN, Tag::KMList, Tag::KLF2]);
    rig.refused(state(Some(&[Tag::KML])), Status::NotAvailable);
    rig.refused(state(Some(&[Tag::KNSO])), Status::NotAvailable);
    rig.refused(state(Some(&[Tag(1000)])), Status::UnknownParameter);
    rig.refused(state(Some(&[Tag::ESN; 65])), Status::InvalidParameter);
    rig.initialise();
    rig.become_operational(NSOPerms::OPS_READ_FILE);
    let all = [Tag::ESN, Tag::KML, Tag::KNSO, Tag::KMList, Tag::KLF2];
    assert_eq!(tags(&mut rig), all);
    let ModuleAttribTagValue::KNSO(officer) = said(&mut rig, Tag::KNSO) else {
        panic!("no officer")
    };
    assert_eq!(officer.hknso, OFFICER);
    assert_eq!(officer.publicperms.ops, NSOPerms::OPS_READ_FILE);
}

#[test]
fn klf2_stays_through_everything_and_belongs_to_one_module() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module1.redb");
    let power_on = || Rig::with(1, b"test", Box::new(RedbStore::open(&path).unwrap()));
    let mut rig = power_on();
    let first = said(&mut rig, ModuleAttribTag::KLF2);
    rig.initialise();
    assert_eq!(said(&mut rig, ModuleAttribTag::KLF2), first);
    drop(rig);
    assert_eq!(said(&mut power_on(), ModuleAttribTag::KLF2), first);
    let mut other = Rig::with(
        1,
        b"another",
        Box::new(crate::store::MemoryStore::default()),
    );
    assert_ne!(said(&mut other, ModuleAttribTag::KLF2), first);
}

#[test]
fn only_a_key_that_may_signs_the_state() {
    let mut rig = Rig::operational();
    let (private, _) = rig.rsa(1024, may(Op::SIGN_MODULE_CERT), may(Op::VERIFY));
    let (other, _) = rig.rsa(1024, may(Op::SIGN), may(Op::VERIFY));
    let by = |key| SignModuleStateArgs {
        siginfo: SignerTypeSignerInfo::AppKey(SignerTypeAppKeySignerInfo {
            key,
            mech: Mech::RSAhSHA256pPKCS1,
        }),
        ..sign(SignerType::AppKey)
    };
    let cert = rig.ok(by(private)).cert;
    assert_eq!(cert.signature.mech, Mech::RSAhSHA256pPKCS1);
    rig.refused(by(other), Status::AccessDenied);
    rig.refused(sign(SignerType::KLF), Status::NotAvailable);
    rig.refused(sign(SignerType(9)), Status::UnknownParameter);
    // Each signer signs the same words.
    for signer in [SignerType::KLF2, SignerType::KML] {
        assert_eq!(rig.ok(sign(signer)).cert.modcertmsg, cert.modcertmsg);
    }
}

#[test]
fn a_warrant_is_the_factorys_or_it_is_not() {
    let mut rig = Rig::factory();
    let ModuleAttribTagValue::WarrantKLF2(said) = said(&mut rig, ModuleAttribTag::WarrantKLF2)
    else {
        panic!("no warrant")
    };
    let verify = |warrant: &[u8]| VerifyCertificateArgs {
        flags: 0,
        module: 1,
        type_: CertificateKind::ModuleIdentification,
        warrant: warrant.to_vec(),
    };
    rig.ok(verify(&said.warrant));
    for place in 0..said.warrant.len() {
        let mut changed = said.warrant.clone();
        changed[place] ^= 0x04;
        let status = rig.send(verify(&changed)).status;
        assert!(
            matches!(
                status,
                Status::BadCertSignature | Status::MalformedCertificate
            ),
            "byte {place}: {status}"
        );
    }
    rig.refused(verify(b""), Status::MalformedCertificate);
    let other = VerifyCertificateArgs {
        type_: CertificateKind(2),
        ..verify(&said.warrant)
    };
    rig.refused(other, Status::UnknownParameter);
}

#[test]
fn nobody_signed_a_client() {
    let mut rig = Rig::factory();
    assert_eq!(rig.ok(GetWorldSignersArgs { flags: 0 }).sigs, []);
}
