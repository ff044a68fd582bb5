//! What the cases of the protocol build their commands from.

use anyhow::{Context as _, bail};
use ncore::types::*;

use crate::oracle::RsaPublic;
use crate::wire::Wire;

/// The permissions of Act_OpPermissions by a short name.
pub(super) use ncore::types::ActOpPermissionsDetails as Op;

/// A list of one group without limits or conditions.
pub(super) fn acl(actions: Vec<Action>) -> ACL {
    ACL {
        groups: vec![PermissionGroup {
            actions,
            ..PermissionGroup::default()
        }],
    }
}

/// A list that allows these operations.
pub(super) fn may(perms: u32) -> ACL {
    acl(vec![operations(perms)])
}

/// A list that allows everything that lists can allow about one key.
pub(super) fn anything() -> ACL {
    let flags = ActMakeBlobDetails::ALLOW_KM_ONLY
        | ActMakeBlobDetails::ALLOW_NON_KM0
        | ActMakeBlobDetails::ALLOW_NULL_KM_TOKEN;
    let details = ActDetails::MakeBlob(ActMakeBlobDetails {
        flags,
        ..ActMakeBlobDetails::default()
    });
    acl(vec![
        operations(Op::KNOWN_PERMS),
        Action {
            type_: Act::MakeBlob,
            details,
        },
    ])
}

/// Act_OpPermissions.
pub(super) fn operations(perms: u32) -> Action {
    Action {
        type_: Act::OpPermissions,
        details: ActDetails::OpPermissions(Op { perms }),
    }
}

/// A plain text of bytes.
pub(super) fn bytes(data: &[u8]) -> PlainText {
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: data.to_vec(),
    });
    PlainText {
        type_: PlainTextType::Bytes,
        data,
    }
}

/// The command that makes an RSA pair.
pub(super) fn rsa_args(module: u32, bits: u32, private: ACL, public: ACL) -> GenerateKeyPairArgs {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits: bits,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    GenerateKeyPairArgs {
        module,
        params: KeyGenParams {
            type_: KeyType::RSAPrivate,
            params: KeyTypeGenParams::RSAPrivate(params),
        },
        aclpriv: private,
        aclpub: public,
        ..GenerateKeyPairArgs::default()
    }
}

/// A new RSA pair: private and public identifier.
pub(super) fn rsa(
    wire: &Wire,
    module: u32,
    bits: u32,
    private: ACL,
    public: ACL,
) -> anyhow::Result<(u32, u32)> {
    let reply = wire.send(rsa_args(module, bits, private, public))?;
    Ok((reply.keypriv, reply.keypub))
}

/// The command that makes an AES key of 256 bits.
pub(super) fn aes_args(module: u32, acl: ACL) -> GenerateKeyArgs {
    let params = KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 32 });
    GenerateKeyArgs {
        module,
        params: KeyGenParams {
            type_: KeyType::Rijndael,
            params,
        },
        acl,
        ..GenerateKeyArgs::default()
    }
}

/// A new AES key.
pub(super) fn aes(wire: &Wire, module: u32, acl: ACL) -> anyhow::Result<u32> {
    Ok(wire.send(aes_args(module, acl))?.key)
}

/// The key that a symmetric KeyData with these bytes is.
pub(super) fn import_args(module: u32, type_: KeyType, key: &[u8], acl: ACL) -> ImportArgs {
    let data = KeyTypeData::Random(KeyTypeRandomData { k: key.to_vec() });
    ImportArgs {
        module,
        data: KeyData { type_, data },
        acl,
        ..ImportArgs::default()
    }
}

/// The hash of a key.
pub(super) fn hash_of(wire: &Wire, key: u32) -> anyhow::Result<[u8; 20]> {
    Ok(wire.send(GetKeyInfoArgs { key })?.hash)
}

/// A public key, exported, as the oracle has it.
pub(super) fn exported(wire: &Wire, key: u32) -> anyhow::Result<RsaPublic> {
    let KeyTypeData::RSAPublic(data) = wire.send(ExportArgs { key })?.data.data else {
        bail!("the exported key is no RSA public key");
    };
    RsaPublic::from_numbers(
        data.n.le_bytes(),
        data.e.to_u32().context("the public exponent is long")?,
    )
}

/// A command that signs bytes with SHA-256.
pub(super) fn sign_args(key: u32, message: &[u8]) -> SignArgs {
    SignArgs {
        key,
        mech: Mech::RSAhSHA256pPKCS1,
        plain: bytes(message),
        ..SignArgs::default()
    }
}

/// An RSA signature as CryptoAPI would give it: little-endian, as long as the modulus.
pub(super) fn signature(sig: &CipherText, length: usize) -> anyhow::Result<Vec<u8>> {
    let MechCipher::RSApPKCS1(body) = &sig.data else {
        bail!("no RSA signature but {}", sig.mech)
    };
    body.m
        .to_le_padded(length)
        .context("the signature is longer than the modulus")
}
