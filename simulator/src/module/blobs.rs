//! Cmd_MakeBlob and Cmd_LoadBlob: under a module key, under a logical token, and under a key; for the client, or in a file of
//! the module.

use std::sync::Arc;

use ncore::codec::from_bytes;
use ncore::profile::WireProfile;
use ncore::types::{
    ACL, ActOpPermissionsDetails, BlobFormat, BlobFormatMkBlobParams, CipherText, FileInfo,
    KeyType, LoadBlobArgs, LoadBlobReply, MakeBlobArgs, MakeBlobFile, MakeBlobReply, Mech,
    MechCipher, MechIV, MechRSApPKCS1Cipher, MechRSApPKCS1OAEPIV, PlainText, PlainTextType,
    PlainTextTypeBytesData, PlainTextTypeData, ReplyBody,
};
use ncore::{Bignum, Status};
use rand_core::Rng;
use zeroize::Zeroizing;

use super::KeyHash;
use super::acl::{InFile, Wanted, admit, is_subset};
use super::area::check_length;
use super::authorisation::Authorisation;
use super::blob::{self, Blob, Content, Header, UnderKey};
use super::call::{Call, Outcome, check_flags, later};
use super::files::Device;
use super::key::Key;
use super::objects::Object;
use super::strict;
use super::world;
use crate::crypto::{self, KeyMaterial};

/// The mechanism under a public key, and what MechAny means there: key transport by RSA-OAEP.
const PUBLIC: Mech = Mech::BlobCryptv3kRSAOAEPeAESCBC0dCTRCMACmSHA256HMAC;

/// The mechanism under a symmetric key, and what MechAny means there: no key transport.
const SYMMETRIC: Mech = Mech::BlobCryptv3kNoneeAESCBC0dCTRCMACmSHA256HMAC;

/// How the secret of a blob is encrypted to a public key.
const TRANSPORT: Mech = Mech::RSApPKCS1OAEPhSHA256;

/// Cmd_MakeBlob. The key's list must allow the blob; another list goes into it only as SetACL would allow. A blob that goes
/// to a file is there when the client is answered, and the client does not get it. That a UserKey blob is under a key of
/// either kind, and by which mechanisms, is our own choice.
pub(super) fn make_blob(call: Call, mut args: MakeBlobArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let key = call.key(args.idka)?;
    let target = args.file.take();
    let target = target.map(|file| Target::of(&call, file)).transpose()?;
    let protection = protection(&call, &key, &args, target.as_ref().map(Target::in_file))?;
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
            Protection::PublicKey(key, mech) => wrap(&call, args.format, &key, mech)?,
        };
        let blob =
            blob::seal(&header, &content, &secret, &mut rng).map_err(|_| Status::InvalidACL)?;
        let blob = match target {
            None => blob,
            Some(target) => {
                target.store(&call, blob)?;
                Vec::new()
            }
        };
        call.still_valid()?;
        Ok(MakeBlobReply { blob }.into())
    })
}

/// The file that a blob is to be stored in.
struct Target {
    device: Device,
    file: FileInfo,
    /// The hash of the template key that the file's list comes from.
    template: KeyHash,
    acl: ACL,
}

impl Target {
    /// What a command says of the file. Its list comes from a template key (`kacl`), by whose hash the key's list may name
    /// it: that the field means this is our own conclusion from the two.
    fn of(call: &Call, named: MakeBlobFile) -> Result<Target, Status> {
        check_flags(named.flags, 0)?;
        let device = Device::of(call, &named.file)?;
        let template = call.key(named.kacl)?;
        let acl = template.material.template().ok_or(Status::TypeMismatch)?;
        let acl = from_bytes(&acl.nested_acl, &WireProfile::DEFAULT);
        let mut acl = acl.map_err(|_| Status::InvalidACL)?;
        admit(&mut acl, &mut call.stream("file limit names"))?;
        device.permit_making(call)?;
        Ok(Target {
            device,
            file: named.file.file,
            template: template.hash,
            acl,
        })
    }

    fn in_file(&self) -> InFile {
        InFile {
            device: self.device.bit(),
            acl: self.template,
        }
    }

    fn store(self, call: &Call, blob: Vec<u8>) -> Result<(), Status> {
        check_length(&self.file, blob.len())?;
        self.device.make(call, self.file.id, blob, self.acl)
    }
}

/// What a new blob is to be protected by.
enum Protection {
    Secret(Header, Zeroizing<Vec<u8>>),
    PublicKey(Arc<Key>, Mech),
}

/// Finds what protects the blob, and asks the key's list for it.
fn protection(
    call: &Call,
    key: &Key,
    args: &MakeBlobArgs,
    file: Option<InFile>,
) -> Result<Protection, Status> {
    let header = |protector| Header {
        format: args.format,
        protector,
        under_key: None,
    };
    let (wrapping, mech) = match (args.format, &args.blobkey) {
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
                    file,
                },
            )?;
            return Ok(Protection::Secret(header(params.hkm), secret.into()));
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
                file,
            };
            call.permit(key, &wanted)?;
            let header = header(identity.hkt);
            return Ok(Protection::Secret(header, secret.to_vec().into()));
        }
        (BlobFormat::Direct, BlobFormatMkBlobParams::Direct(params)) => (params.idki, Mech::Any),
        (BlobFormat::Indirect, BlobFormatMkBlobParams::Indirect(params)) => {
            (params.idkr, params.mech)
        }
        (BlobFormat::UserKey, BlobFormatMkBlobParams::UserKey(params)) => {
            (params.idkr, params.mech)
        }
        _ => return Err(Status::BlobTypeUnknown),
    };
    let wrapping = call.key(wrapping)?;
    let mech = suitable(args.format, wrapping.key_type(), mech)?;
    call.permit_operation(&wrapping, ActOpPermissionsDetails::USE_AS_BLOB_KEY)?;
    let hash = wrapping.hash;
    call.permit(key, &Wanted::ArchiveBlob { hash, mech, file })?;
    match wrapping.material.secret() {
        None => Ok(Protection::PublicKey(wrapping, mech)),
        Some(secret) => {
            let header = Header {
                under_key: Some(UnderKey {
                    mech,
                    secret: Vec::new(),
                }),
                ..header(hash)
            };
            Ok(Protection::Secret(header, secret.to_vec().into()))
        }
    }
}

/// The mechanism of a blob of this format under a key of this type: TypeMismatch if the format is not for it,
/// UnknownMechanism if the mechanism asked for is not.
fn suitable(format: BlobFormat, key_type: KeyType, asked: Mech) -> Result<Mech, Status> {
    let mech = match (format, key_type) {
        (BlobFormat::Direct | BlobFormat::UserKey, KeyType::Rijndael | KeyType::DES3) => SYMMETRIC,
        (BlobFormat::Indirect | BlobFormat::UserKey, KeyType::RSAPublic | KeyType::RSAPrivate) => {
            PUBLIC
        }
        _ => return Err(Status::TypeMismatch),
    };
    match asked == mech || asked == Mech::Any {
        true => Ok(mech),
        false => Err(Status::UnknownMechanism),
    }
}

/// Draws a secret and encrypts it to a public key.
fn wrap(
    call: &Call,
    format: BlobFormat,
    key: &Key,
    mech: Mech,
) -> Result<(Header, Zeroizing<Vec<u8>>), Status> {
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
    let under_key = Some(UnderKey {
        mech,
        secret: cipher.m.to_be(),
    });
    Ok((
        Header {
            format,
            protector: key.hash,
            under_key,
        },
        secret,
    ))
}

/// Cmd_LoadBlob. A blob under a module key that is not here is UnknownKM; one that was changed, or opened with another
/// token or key than its own, DecryptFailed. One that is in a file is loaded as the file's list allows.
pub(super) fn load_blob(call: Call, args: LoadBlobArgs) -> Outcome {
    check_flags(args.flags, 0)?;
    let Some(file) = args.file else {
        let opener = opener(&call, &Blob::parse(&args.blob)?.header, args.idkb)?;
        return later(move || open(&call, &args.blob, opener));
    };
    if !args.blob.is_empty() {
        return Err(Status::InvalidParameter);
    }
    let device = Device::of(&call, &file)?;
    later(move || {
        let blob = device.blob(&call, &file.file)?;
        let opener = opener(&call, &Blob::parse(&blob)?.header, args.idkb)?;
        open(&call, &blob, opener)
    })
}

fn open(call: &Call, blob: &[u8], opener: Opener) -> Result<ReplyBody, Status> {
    let (authorisation, secret) = match opener {
        Opener::Secret(authorisation, secret) => (authorisation, secret),
        Opener::PrivateKey(key, secret) => (Arc::default(), unwrap(call, &key, &secret)?),
    };
    let content = Blob::parse(blob)?.open(&secret)?;
    let material = KeyMaterial::restore(call.module.engine(), &content.key)?;
    let key = Key::under(
        authorisation,
        material,
        content.acl,
        content.appdata,
        call.uptime(),
    );
    let idka = call.insert(0, Object::Key(key.into()))?;
    Ok(LoadBlobReply { idka }.into())
}

/// What an existing blob is opened with.
enum Opener {
    Secret(Arc<Authorisation>, Zeroizing<Vec<u8>>),
    PrivateKey(Arc<Key>, Vec<u8>),
}

fn opener(call: &Call, header: &Header, idkb: Option<u32>) -> Result<Opener, Status> {
    let opening = || idkb.ok_or(Status::InvalidParameter);
    match (header.format, &header.under_key) {
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
        (format, Some(under)) => {
            let key = call.key(opening()?)?;
            call.permit_operation(&key, ActOpPermissionsDetails::USE_AS_BLOB_KEY)?;
            if suitable(format, key.key_type(), Mech::Any)? != under.mech {
                return Err(Status::UnknownMechanism);
            }
            Ok(match key.material.secret() {
                None => Opener::PrivateKey(key, under.secret.clone()),
                // A key that counts on nothing but itself authorises nothing else.
                Some(secret) => Opener::Secret(Arc::default(), secret.to_vec().into()),
            })
        }
        _ => Err(Status::BlobTypeUnknown),
    }
}

fn unwrap(call: &Call, key: &Key, secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, Status> {
    let cipher = CipherText {
        mech: TRANSPORT,
        data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_be(secret),
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
