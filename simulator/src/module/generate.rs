//! Cmd_GenerateKey and Cmd_GenerateKeyPair.

use ncore::Status;
use ncore::codec::{Encode, EncodeError, Writer};
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, GenerateKeyArgs, GenerateKeyPairArgs, GenerateKeyPairReply, GenerateKeyReply,
    KeyGenParams, ModuleCert, NSOPerms, PlainText, PlainTextType, PlainTextTypeBytesData,
    PlainTextTypeData,
};

use super::KeyHash;
use super::acl::admit;
use super::call::{Call, Outcome, check_flags, later};
use super::key::Key;
use super::modes;
use super::objects::Object;
use super::strict;
use crate::crypto::{self, KeyMaterial};

/// Cmd_GenerateKey: a key that is not half of a pair. PairwiseCheck tests nothing there, since there is no pair.
pub(super) fn generate_key(call: Call, mut args: GenerateKeyArgs) -> Outcome {
    check_flags(args.flags, GenerateKeyArgs::KNOWN_FLAGS)?;
    call.permit_module_operation(NSOPerms::OPS_ORIGINATE_KEY)?;
    admit(&mut args.acl, &mut call.stream("limit names"))?;
    strict::check_type(&call, args.params.type_)?;
    strict::check_acl(&call, &args.acl)?;
    let certify = args.flags & GenerateKeyArgs::CERTIFY != 0;
    later(move || {
        let mut rng = call.stream("key");
        let material = crypto::generate_key(call.module.engine(), &args.params, &mut rng)?;
        let cert = certify.then(|| {
            certificate(
                &call,
                &args.params,
                &args.acl,
                material.hash(),
                "certificate",
            )
        });
        let cert = cert.transpose()?;
        let key = Key::new(
            material,
            args.acl,
            args.appdata.unwrap_or([0; 64]),
            call.uptime(),
        );
        let key = call.insert(0, Object::Key(key.into()))?;
        Ok(GenerateKeyReply {
            flags: 0,
            key,
            cert,
        }
        .into())
    })
}

/// Cmd_GenerateKeyPair: both halves, each with its own list.
pub(super) fn generate_key_pair(call: Call, mut args: GenerateKeyPairArgs) -> Outcome {
    check_flags(args.flags, GenerateKeyPairArgs::KNOWN_FLAGS)?;
    call.permit_module_operation(NSOPerms::OPS_ORIGINATE_KEY)?;
    let mut names = call.stream("limit names");
    admit(&mut args.aclpriv, &mut names)?;
    admit(&mut args.aclpub, &mut names)?;
    strict::check_acl(&call, &args.aclpriv)?;
    later(move || {
        let private = make_pair(&call, &args)?;
        let public = private.public().ok_or(Status::TypeMismatch)?;
        let mut reply = GenerateKeyPairReply::default();
        if args.flags & GenerateKeyPairArgs::CERTIFY != 0 {
            let hash = private.hash();
            reply.certpriv = Some(certificate(
                &call,
                &args.params,
                &args.aclpriv,
                hash,
                "private certificate",
            )?);
            reply.certpub = Some(certificate(
                &call,
                &args.params,
                &args.aclpub,
                hash,
                "public certificate",
            )?);
        }
        let private = Key::new(
            private,
            args.aclpriv,
            args.appdatapriv.unwrap_or([0; 64]),
            call.uptime(),
        );
        let public = Key::new(
            public,
            args.aclpub,
            args.appdatapub.unwrap_or([0; 64]),
            call.uptime(),
        );
        reply.keypriv = call.insert(0, Object::Key(private.into()))?;
        reply.keypub = call.insert(1, Object::Key(public.into()))?;
        Ok(reply.into())
    })
}

fn make_pair(call: &Call, args: &GenerateKeyPairArgs) -> Result<KeyMaterial, Status> {
    let engine = call.module.engine();
    let params = modes::parameters(call, &args.params);
    let private = crypto::generate_key_pair(engine, &params, &mut call.stream("key"))?;
    if args.flags & GenerateKeyPairArgs::PAIRWISE_CHECK != 0 {
        private.pairwise_check(engine, &mut call.stream("pairwise check"))?;
    }
    Ok(private)
}

/// Certifies with KML that the module made a key (ModuleCert, PROTOCOL section 4.3). InvalidState without a KML, which
/// only a module that was never initialised lacks.
fn certificate(
    call: &Call,
    params: &KeyGenParams,
    acl: &ACL,
    hash: KeyHash,
    purpose: &str,
) -> Result<ModuleCert, Status> {
    let kml = call.world.kml.as_ref().ok_or(Status::InvalidState)?;
    let mut message = Writer::new(&WireProfile::DEFAULT);
    write_message(&mut message, params, acl, hash).map_err(|_| Status::InvalidACL)?;
    let modcertmsg = message.into_bytes();
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: modcertmsg.clone(),
    });
    let plain = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    let mut rng = call.stream(purpose);
    let signature = crypto::sign(
        call.module.engine(),
        &mut rng,
        &kml.private,
        kml.mech,
        &plain,
        None,
    )?;
    Ok(ModuleCert {
        signature,
        modcertmsg,
    })
}

/// M_ModCertMsg: type 2 (KeyGen), flags, then how the key was made, its list and its hash.
fn write_message(
    w: &mut Writer<'_>,
    params: &KeyGenParams,
    acl: &ACL,
    hash: KeyHash,
) -> Result<(), EncodeError> {
    const KEY_GEN: u32 = 2;
    KEY_GEN.encode(w)?;
    0u32.encode(w)?;
    params.encode(w)?;
    acl.encode(w)?;
    hash.encode(w)
}
