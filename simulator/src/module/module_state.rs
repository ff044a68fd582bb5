//! What a module says of itself and signs: Cmd_GetModuleState, Cmd_SignModuleState, Cmd_GetWorldSigners.

use ncore::Status;
use ncore::codec::{Encode, EncodeError, Writer};
use ncore::profile::WireProfile;
use ncore::types::{
    ActOpPermissionsDetails, GetModuleStateArgs, GetModuleStateReply, GetWorldSignersArgs,
    GetWorldSignersReply, KeyHashAttrib, Mech, ModuleAttrib, ModuleAttribList,
    ModuleAttribTag as Tag, ModuleAttribTagChallengeValue, ModuleAttribTagESNValue,
    ModuleAttribTagKLF2Value, ModuleAttribTagKMLValue, ModuleAttribTagKMListValue,
    ModuleAttribTagKNSOValue, ModuleAttribTagValue as Value, ModuleAttribTagWarrantKLF2Value,
    ModuleCert, NSOPerms, PlainText, PlainTextType, PlainTextTypeBytesData, PlainTextTypeData,
    SignModuleStateArgs, SignModuleStateReply, SignerType, SignerTypeSignerInfo,
};
use sha1::{Digest, Sha1};

use super::call::{Call, Outcome, body, check_flags, later};
use super::klf2::{self, Klf2};
use crate::crypto;

/// What is said if nothing is asked for; of these, what there is.
const USUAL: [Tag; 5] = [Tag::ESN, Tag::KML, Tag::KNSO, Tag::KMList, Tag::KLF2];

/// The protection of what is under a module key here, for integrity and confidentiality alike.
const INTERNAL: Mech = Mech::AESmGCM;

/// Cmd_GetModuleState. An attribute that the module does not have is NotAvailable, an unknown one UnknownParameter.
pub(super) fn module_state(call: Call, args: GetModuleStateArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        let asked = args.attribs.map(|asked| asked.v);
        let attribs = attributes(&call, asked.as_deref())?;
        let state = ModuleAttribList { attribs };
        Ok(GetModuleStateReply { state }.into())
    })
}

/// Cmd_SignModuleState: the same as ModCertMsg, signed by KLF2, by KML, or by a key that may (SignModuleCert). A challenge
/// comes first in it.
pub(super) fn sign_module_state(call: Call, args: SignModuleStateArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    later(move || {
        let asked = args.attribs.as_ref().map(|asked| asked.v.as_slice());
        let challenge = args.challenge.map(|nonce| ModuleAttrib {
            tag: Tag::Challenge,
            value: Value::Challenge(ModuleAttribTagChallengeValue { nonce }),
        });
        let mut attribs: Vec<ModuleAttrib> = challenge.into_iter().collect();
        attribs.extend(attributes(&call, asked)?);
        let mut message = Writer::new(&WireProfile::DEFAULT);
        write_message(&mut message, ModuleAttribList { attribs }).map_err(|_| Status::Failed)?;
        let modcertmsg = message.into_bytes();
        let signature = match (args.signer, &args.siginfo) {
            (SignerType::KLF2, _) => Klf2::of(&call)?.sign(&modcertmsg),
            (SignerType::KML, _) => {
                let kml = call.world.kml.as_ref().ok_or(Status::NotAvailable)?;
                signed(&call, &kml.private, kml.mech, &modcertmsg)?
            }
            (SignerType::AppKey, SignerTypeSignerInfo::AppKey(named)) => {
                let key = call.key(named.key)?;
                call.permit_operation(&key, ActOpPermissionsDetails::SIGN_MODULE_CERT)?;
                signed(&call, &key.material, named.mech, &modcertmsg)?
            }
            // There is no older factory key.
            (SignerType::KLF, _) => return Err(Status::NotAvailable),
            _ => return Err(Status::UnknownParameter),
        };
        call.still_valid()?;
        let cert = ModuleCert {
            signature,
            modcertmsg,
        };
        Ok(SignModuleStateReply { cert }.into())
    })
}

/// Cmd_GetWorldSigners: the keys that signed the code that asks. Code outside the module is signed by nobody, and nothing
/// runs inside this one.
pub(super) fn world_signers(_: Call, args: GetWorldSignersArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    body(GetWorldSignersReply { sigs: Vec::new() })
}

fn signed(
    call: &Call,
    key: &crypto::KeyMaterial,
    mech: Mech,
    message: &[u8],
) -> Result<ncore::types::CipherText, Status> {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: message.to_vec(),
    });
    let plain = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    let mut rng = call.stream("module state");
    crypto::sign(call.module.engine(), &mut rng, key, mech, &plain, None)
}

/// M_ModCertMsg: type 4 (module state), flags, the attributes.
fn write_message(w: &mut Writer<'_>, attributes: ModuleAttribList) -> Result<(), EncodeError> {
    const MODULE_STATE: u32 = 4;
    MODULE_STATE.encode(w)?;
    0u32.encode(w)?;
    attributes.encode(w)
}

fn attributes(call: &Call, asked: Option<&[Tag]>) -> Result<Vec<ModuleAttrib>, Status> {
    let attribute = |tag: Tag| value(call, tag).map(|value| ModuleAttrib { tag, value });
    match asked {
        Some(asked) if asked.len() > MOST => Err(Status::InvalidParameter),
        Some(asked) => asked.iter().map(|&tag| attribute(tag)).collect(),
        None => {
            let there =
                |found: &Result<ModuleAttrib, Status>| !matches!(found, Err(Status::NotAvailable));
            USUAL.map(attribute).into_iter().filter(there).collect()
        }
    }
}

/// Most attributes that can be asked for at once: more than there are.
const MOST: usize = 64;

fn value(call: &Call, tag: Tag) -> Result<Value, Status> {
    let world = &call.world;
    Ok(match tag {
        Tag::ESN => Value::ESN(ModuleAttribTagESNValue {
            esn: world.esn.clone(),
        }),
        Tag::KML => {
            let kml = world.kml.as_ref().ok_or(Status::NotAvailable)?;
            let public = kml.private.public().ok_or(Status::Failed)?;
            Value::KML(ModuleAttribTagKMLValue {
                hkml: public.hash(),
                kmlpub: public.to_key_data(),
                mech_i: kml.mech,
            })
        }
        Tag::KNSO => {
            let officer = world.officer.as_ref().ok_or(Status::NotAvailable)?;
            Value::KNSO(ModuleAttribTagKNSOValue {
                hknso: officer.hash,
                publicperms: NSOPerms {
                    ops: officer.public_perms,
                },
            })
        }
        Tag::KMList => {
            let attribute = |key: &super::world::ModuleKey| KeyHashAttrib {
                hk: key.hash,
                mech_i: INTERNAL,
                mech_c: INTERNAL,
            };
            let hkms = world.module_keys.iter().map(attribute).collect();
            Value::KMList(ModuleAttribTagKMListValue { hkms })
        }
        Tag::KLF2 => {
            let klf2pub = Klf2::of(call)?.public();
            let preimage = ncore::keyhash::preimage(&klf2pub).ok_or(Status::Failed)?;
            Value::KLF2(ModuleAttribTagKLF2Value {
                hklf2: Sha1::digest(preimage).into(),
                klf2pub,
                mech_i: klf2::MECH,
            })
        }
        Tag::WarrantKLF2 => Value::WarrantKLF2(ModuleAttribTagWarrantKLF2Value {
            warrant: Klf2::of(call)?.warrant(&world.esn)?,
        }),
        _ if tag.name().is_some() && tag != Tag::None => return Err(Status::NotAvailable),
        _ => return Err(Status::UnknownParameter),
    })
}
