//! Cmd_MakeBlob and Cmd_LoadBlob: under a module key, under a logical token, and to a recovery key.

use std::sync::Arc;

use ncore::types::{
    ActOpPermissionsDetails, BlobFormat, BlobFormatMkBlobParams, CipherText, LoadBlobArgs,
    LoadBlobReply, MakeBlobArgs, MakeBlobReply, Mech, MechCipher, MechIV, MechRSApPKCS1Cipher,
    MechRSApPKCS1OAEPIV, PlainText, PlainTextType, PlainTextTypeBytesData, PlainTextTypeData,
};
use ncore::{Bignum, Status};
use rand_core::Rng;
use zeroize::Zeroizing;

use super::acl::{Wanted, admit, is_subset};
use super::authorisation::Authorisation;
use super::blob::{self, Blob, Content, Header, Wrapped};
use super::call::{Call, Outcome, check_flags, later};
use super::key::Key;
use super::objects::Object;
use super::strict;
use super::world;
use crate::crypto::{self, KeyMaterial};

/// The mechanism of Indirect blobs, and what MechAny means there: key transport by RSA-OAEP.
const INDIRECT: Mech = Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC;

/// How the secret of an Indirect blob is encrypted.
const TRANSPORT: Mech = Mech::RSApPKCS1OAEPhSHA256;

/// Cmd_MakeBlob. The key's list must allow the blob; another list goes into it only as SetACL would allow. A blob to be
/// stored in a file of the module is NotYetImplemented, as are the formats Direct and UserKey.
pub(super) fn make_blob(call: Call, mut args: MakeBlobArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.idka)?;
    if args.file.is_some() {
        return Err(Status::NotYetImplemented);
    }
    let protection = protection(&call, &key, &args)?;
    let acl = match args.acl.take() {
        None => (*key.acl()).clone(),
        Some(mut acl) => {
            admit(&mut acl, &mut call.stream("limit names"))?;
            if !key.material.is_public() {
                strict::check_acl(&call, &acl)?;
            }
            if call
                .permit_operation(&key, ActOpPermissionsDetails::EXPAND_ACL)
                .is_err()
            {
                call.permit_operation(&key, ActOpPermissionsDetails::REDUCE_ACL)?;
                if !is_subset(&acl, &key.acl()) {
                    return Err(Status::AccessDenied);
                }
            }
            acl
        }
    };
    let appdata = key.appdata();
    later(move || {
        let content = Content {
            key: key.material.to_key_data(),
            acl,
            appdata,
        };
        let mut rng = call.stream("blob");
        let (header, secret) = match protection {
            Protection::Secret(header, secret) => (header, secret),
            Protection::PublicKey(key, mech) => wrap(&call, &key, mech)?,
        };
        let blob =
            blob::seal(&header, &content, &secret, &mut rng).map_err(|_| Status::InvalidACL)?;
        call.still_valid()?;
        Ok(MakeBlobReply { blob }.into())
    })
}

/// What a new blob is to be protected by.
enum Protection {
    Secret(Header, Zeroizing<Vec<u8>>),
    PublicKey(Arc<Key>, Mech),
}

/// Finds what protects the blob, and asks the key's list for it.
fn protection(call: &Call, key: &Key, args: &MakeBlobArgs) -> Result<Protection, Status> {
    let header = |protector| Header {
        format: args.format,
        protector,
        wrapped: None,
    };
    match (args.format, &args.blobkey) {
        (BlobFormat::Module, BlobFormatMkBlobParams::Module(params)) => {
            let secret = call
                .world
                .module_key(&params.hkm)
                .ok_or(Status::UnknownKM)?
                .secret
                .clone();
            call.permit(
                key,
                &Wanted::ModuleBlob {
                    hkm: params.hkm,
                    km0: call.world.is_km0(&params.hkm),
                },
            )?;
            Ok(Protection::Secret(header(params.hkm), secret.into()))
        }
        (BlobFormat::Token, BlobFormatMkBlobParams::Token(params)) => {
            let token = call.look(|objects| objects.token(call.client.ordinal, params.idkt))?;
            let secret = token.secret(call.uptime())?;
            let identity = &token.identity;
            let wanted = Wanted::TokenBlob {
                hkt: identity.hkt,
                params: &identity.params,
                hkm: identity.hkm,
                km0: call.world.is_km0(&identity.hkm),
                null: world::is_null(&identity.hkm),
            };
            call.permit(key, &wanted)?;
            Ok(Protection::Secret(
                header(identity.hkt),
                secret.to_vec().into(),
            ))
        }
        (BlobFormat::Indirect, BlobFormatMkBlobParams::Indirect(params)) => {
            let mech = if params.mech == Mech::Any {
                INDIRECT
            } else {
                params.mech
            };
            if mech != INDIRECT {
                return Err(Status::UnknownMechanism);
            }
            let wrapping = call.key(params.idkr)?;
            call.permit_operation(&wrapping, ActOpPermissionsDetails::USE_AS_BLOB_KEY)?;
            call.permit(
                key,
                &Wanted::ArchiveBlob {
                    hash: wrapping.hash,
                    mech,
                },
            )?;
            Ok(Protection::PublicKey(wrapping, mech))
        }
        (BlobFormat::Direct | BlobFormat::UserKey, _) => Err(Status::NotYetImplemented),
        _ => Err(Status::BlobTypeUnknown),
    }
}

/// Draws a secret and encrypts it to a public key.
fn wrap(call: &Call, key: &Key, mech: Mech) -> Result<(Header, Zeroizing<Vec<u8>>), Status> {
    let mut rng = call.stream("blob key");
    let mut secret = Zeroizing::new(vec![0; 32]);
    rng.fill_bytes(&mut secret);
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: secret.to_vec(),
    });
    let plain = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    let cipher = crypto::encrypt(
        call.module.engine(),
        &mut rng,
        &key.material,
        TRANSPORT,
        &plain,
        None,
    )?;
    let MechCipher::RSApPKCS1(cipher) = cipher.data else {
        return Err(Status::TypeMismatch);
    };
    let wrapped = Some(Wrapped {
        mech,
        secret: cipher.m.to_be(),
    });
    Ok((
        Header {
            format: BlobFormat::Indirect,
            protector: key.hash,
            wrapped,
        },
        secret,
    ))
}

/// Cmd_LoadBlob. A blob under a module key that is not here is UnknownKM; one that was changed, or opened with another
/// token or key than its own, DecryptFailed.
pub(super) fn load_blob(call: Call, args: LoadBlobArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    if args.file.is_some() {
        return Err(Status::NotYetImplemented);
    }
    let header = Blob::parse(&args.blob)?.header;
    let opener = opener(&call, &header, args.idkb)?;
    later(move || {
        let (authorisation, secret) = match opener {
            Opener::Secret(authorisation, secret) => (authorisation, secret),
            Opener::PrivateKey(key, wrapped) => (Arc::default(), unwrap(&call, &key, wrapped)?),
        };
        let content = Blob::parse(&args.blob)?.open(&secret)?;
        let material = KeyMaterial::restore(call.module.engine(), &content.key)?;
        let key = Key::under(
            authorisation,
            material,
            content.acl,
            content.appdata,
            call.uptime(),
        );
        Ok(LoadBlobReply {
            idka: call.insert(0, Object::Key(key.into()))?,
        }
        .into())
    })
}

/// What an existing blob is opened with.
enum Opener {
    Secret(Arc<Authorisation>, Zeroizing<Vec<u8>>),
    PrivateKey(Arc<Key>, Wrapped),
}

fn opener(call: &Call, header: &Header, idkb: Option<u32>) -> Result<Opener, Status> {
    let opening = || idkb.ok_or(Status::InvalidParameter);
    match (header.format, &header.wrapped) {
        (BlobFormat::Module, _) => {
            let secret = &call
                .world
                .module_key(&header.protector)
                .ok_or(Status::UnknownKM)?
                .secret;
            Ok(Opener::Secret(Arc::default(), secret.clone().into()))
        }
        (BlobFormat::Token, _) => {
            let id = opening()?;
            let token = call.look(|objects| objects.token(call.client.ordinal, id))?;
            let secret = token.secret(call.uptime())?;
            Ok(Opener::Secret(
                Arc::clone(&token.authorisation),
                secret.to_vec().into(),
            ))
        }
        (BlobFormat::Indirect, Some(wrapped)) => {
            let key = call.key(opening()?)?;
            call.permit_operation(&key, ActOpPermissionsDetails::USE_AS_BLOB_KEY)?;
            Ok(Opener::PrivateKey(key, wrapped.clone()))
        }
        _ => Err(Status::BlobTypeUnknown),
    }
}

fn unwrap(call: &Call, key: &Key, wrapped: Wrapped) -> Result<Zeroizing<Vec<u8>>, Status> {
    if wrapped.mech != INDIRECT {
        return Err(Status::UnknownMechanism);
    }
    let cipher = CipherText {
        mech: TRANSPORT,
        data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_be(&wrapped.secret),
        }),
        iv: MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV::default()),
    };
    let plain = crypto::decrypt(
        call.module.engine(),
        &key.material,
        TRANSPORT,
        &cipher,
        PlainTextType::Bytes,
    );
    // A number that is not less than the modulus belongs to another key, like one whose padding is wrong.
    let plain = plain.map_err(|status| {
        if status == Status::OutOfRange {
            Status::DecryptFailed
        } else {
            status
        }
    })?;
    match plain.data {
        PlainTextTypeData::Bytes(bytes) => Ok(bytes.data.into()),
        _ => Err(Status::DecryptFailed),
    }
}
