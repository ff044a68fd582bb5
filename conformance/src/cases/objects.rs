//! Keys as objects of a module: making, importing, exporting, copying, ending, and what lists allow.

use anyhow::{Context as _, bail, ensure};
use ncore::types::*;

use super::kit::*;
use crate::case::{Case, Outcome};
use crate::coverage::{denies, replies};
use crate::oracle::hex;
use crate::rig::{Rig, equal};
use crate::wire::{Wire, denied};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "objects.generate.single",
        "Keys of every single kind are made with the length asked for",
        "nCore API: Cmd_GenerateKey",
        generate_single,
    )
    .covers(&[
        replies(Cmd::GenerateKey),
        replies(Cmd::GetKeyInfoEx),
        denies(Cmd::GenerateKey, Status::InvalidParameter),
    ]),
    Case::new(
        "objects.generate.pair",
        "The halves of a pair have one hash",
        "nCore API: Cmd_GenerateKeyPair",
        generate_pair,
    )
    .covers(&[
        replies(Cmd::GenerateKeyPair),
        replies(Cmd::GetKeyInfo),
        denies(Cmd::GenerateKeyPair, Status::InvalidParameter),
    ]),
    Case::new(
        "objects.generate.groups",
        "DSA and Diffie-Hellman pairs have groups that hold",
        "FIPS 186-4, appendix A",
        generate_groups,
    )
    .covers(&[replies(Cmd::GenerateKeyPair), replies(Cmd::Export)]),
    Case::new(
        "objects.generate.confused",
        "A pair is not made as a single key, nor the other way round",
        "nCore API: Cmd_GenerateKey",
        generate_confused,
    )
    .covers(&[
        denies(Cmd::GenerateKey, Status::TypeMismatch),
        denies(Cmd::GenerateKeyPair, Status::TypeMismatch),
    ]),
    Case::new(
        "objects.import.round",
        "An exported key is imported again",
        "nCore API: Cmd_Export, Cmd_Import",
        import_round,
    )
    .covers(&[
        replies(Cmd::Import),
        replies(Cmd::Export),
        denies(Cmd::Import, Status::InvalidData),
    ]),
    Case::new(
        "objects.hash.known",
        "Key hashes are those of the published construction",
        "Entrust application note: nCore Key Hash",
        hash_known,
    )
    .covers(&[replies(Cmd::GetKeyInfo), replies(Cmd::Import)]),
    Case::new(
        "objects.export.permission",
        "A key leaves in clear only with ExportAsPlain",
        "nCore API: Cmd_Export",
        export_permission,
    )
    .covers(&[denies(Cmd::Export, Status::AccessDenied)]),
    Case::new(
        "objects.duplicate.apart",
        "A duplicate has its own list and application data",
        "nCore API: Cmd_Duplicate",
        duplicate_apart,
    )
    .covers(&[
        replies(Cmd::Duplicate),
        replies(Cmd::SetAppData),
        replies(Cmd::GetAppData),
        denies(Cmd::Duplicate, Status::AccessDenied),
    ]),
    Case::new(
        "objects.destroy.gone",
        "A destroyed key does nothing more",
        "nCore API: Cmd_Destroy",
        destroy_gone,
    )
    .covers(&[
        replies(Cmd::Destroy),
        denies(Cmd::Destroy, Status::UnknownID),
        denies(Cmd::Sign, Status::UnknownID),
    ]),
    Case::new(
        "objects.info.unknown",
        "An identifier that is nobody's is refused",
        "nCore API: Cmd_GetKeyInfo",
        info_unknown,
    )
    .covers(&[
        denies(Cmd::GetKeyInfo, Status::UnknownID),
        denies(Cmd::GetKeyInfoEx, Status::UnknownID),
    ]),
    Case::new(
        "objects.acl.bits",
        "Each operation needs its own permission",
        "nCore API: M_ACL",
        acl_bits,
    )
    .covers(&[
        denies(Cmd::GetACL, Status::AccessDenied),
        denies(Cmd::GetAppData, Status::AccessDenied),
        denies(Cmd::SetAppData, Status::AccessDenied),
        denies(Cmd::Encrypt, Status::AccessDenied),
        denies(Cmd::Sign, Status::AccessDenied),
    ]),
    Case::new(
        "objects.acl.reduce",
        "A list can be reduced, and not expanded, with ReduceACL",
        "nCore API: Cmd_SetACL",
        acl_reduce,
    )
    .covers(&[
        replies(Cmd::GetACL),
        replies(Cmd::SetACL),
        denies(Cmd::SetACL, Status::AccessDenied),
    ]),
    Case::new(
        "objects.acl.limit",
        "A use limit is counted",
        "nCore API: M_UseLimit",
        acl_limit,
    )
    .covers(&[
        replies(Cmd::Sign),
        denies(Cmd::Sign, Status::UseLimitExceeded),
    ]),
    Case::new(
        "objects.kml.public",
        "The module gives the public half of its own signing key",
        "nCore API: Cmd_GetKML",
        kml_public,
    )
    .covers(&[
        replies(Cmd::GetKML),
        denies(Cmd::GetKML, Status::InvalidModule),
    ]),
];

fn generate_single(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    for (type_, lenbytes) in [
        (KeyType::DES, 8),
        (KeyType::DES2, 16),
        (KeyType::DES3, 24),
        (KeyType::Rijndael, 16),
        (KeyType::Rijndael, 24),
        (KeyType::Rijndael, 32),
        (KeyType::ArcFour, 16),
        (KeyType::HMACSHA256, 32),
        (KeyType::Random, 100),
    ] {
        let params = match type_ {
            KeyType::DES | KeyType::DES2 | KeyType::DES3 => KeyTypeGenParams::Empty,
            _ => KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
        };
        let args = GenerateKeyArgs {
            params: KeyGenParams { type_, params },
            ..aes_args(module, anything())
        };
        let key = wire.send(args).with_context(|| type_.to_string())?.key;
        let info = wire.send(GetKeyInfoExArgs { flags: 0, key })?;
        equal(
            (info.type_, info.length),
            (type_, lenbytes * 8),
            "type and length",
        )?;
        equal(info.hash, hash_of(&wire, key)?, "the hash")?;
    }
    let params = KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes: 17 });
    let params = KeyGenParams {
        type_: KeyType::Rijndael,
        params,
    };
    denied(
        wire.send(GenerateKeyArgs {
            params,
            ..aes_args(module, anything())
        }),
        Status::InvalidParameter,
    )?;
    Ok(Outcome::Passed)
}

fn generate_pair(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(&wire, module, 1024, may(Op::SIGN), anything())?;
    let (one, other) = (
        wire.send(GetKeyInfoArgs { key: private })?,
        wire.send(GetKeyInfoArgs { key: public })?,
    );
    equal(
        (one.type_, other.type_),
        (KeyType::RSAPrivate, KeyType::RSAPublic),
        "the types",
    )?;
    equal(one.hash, other.hash, "the hashes")?;
    equal(exported(&wire, public)?.length, 128, "the modulus")?;
    denied(
        wire.send(rsa_args(module, 380, anything(), anything())),
        Status::InvalidParameter,
    )?;
    denied(
        wire.send(rsa_args(module, 513, anything(), anything())),
        Status::InvalidParameter,
    )?;
    Ok(Outcome::Passed)
}

fn generate_groups(rig: &Rig) -> anyhow::Result<Outcome> {
    use num_bigint::BigUint;
    let number = |number: &Bignum| BigUint::from_bytes_le(number.le_bytes());
    let one = BigUint::from(1_u32);
    let (wire, module) = (rig.wire()?, rig.module()?);
    let params = KeyTypeDSAPrivateGenParams {
        lenbits: 1024,
        ..KeyTypeDSAPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::DSAPrivate,
        params: KeyTypeGenParams::DSAPrivate(params),
    };
    let args = GenerateKeyPairArgs {
        params,
        ..rsa_args(module, 0, anything(), anything())
    };
    let public = wire.send(args)?.keypub;
    let KeyTypeData::DSAPublic(data) = wire.send(ExportArgs { key: public })?.data.data else {
        bail!("no DSA public key");
    };
    let (p, q, g, y) = (
        number(&data.dlg.p),
        number(&data.dlg.q),
        number(&data.dlg.g),
        number(&data.y),
    );
    equal((p.bits(), q.bits()), (1024, 160), "the bits of p and q")?;
    ensure!((&p - &one) % &q == BigUint::ZERO, "q does not divide p-1");
    ensure!(g > one && g.modpow(&q, &p) == one, "g is not of order q");
    ensure!(y > one && y.modpow(&q, &p) == one, "y is not of order q");

    let params = KeyTypeDHPrivateGenParams {
        plength: 512,
        ..KeyTypeDHPrivateGenParams::default()
    };
    let params = KeyGenParams {
        type_: KeyType::DHPrivate,
        params: KeyTypeGenParams::DHPrivate(params),
    };
    let args = GenerateKeyPairArgs {
        params,
        ..rsa_args(module, 0, anything(), anything())
    };
    let reply = wire.send(args)?;
    let KeyTypeData::DHPublic(public) = wire.send(ExportArgs { key: reply.keypub })?.data.data
    else {
        bail!("no Diffie-Hellman public key");
    };
    let KeyTypeData::DHPrivate(private) = wire.send(ExportArgs { key: reply.keypriv })?.data.data
    else {
        bail!("no Diffie-Hellman private key");
    };
    let (p, g) = (number(&public.dlg.p), number(&public.dlg.g));
    equal(p.bits(), 512, "the bits of p")?;
    equal(
        g.modpow(&number(&private.x), &p),
        number(&public.gx),
        "the public value",
    )?;
    Ok(Outcome::Passed)
}

fn generate_confused(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let pair = rsa_args(module, 512, anything(), anything());
    let single = aes_args(module, anything());
    denied(
        wire.send(GenerateKeyArgs {
            params: pair.params.clone(),
            ..single.clone()
        }),
        Status::TypeMismatch,
    )?;
    denied(
        wire.send(GenerateKeyPairArgs {
            params: single.params,
            ..pair
        }),
        Status::TypeMismatch,
    )?;
    Ok(Outcome::Passed)
}

fn import_round(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, _) = rsa(&wire, module, 512, anything(), anything())?;
    let data = wire.send(ExportArgs { key: private })?.data;
    let args = ImportArgs {
        module,
        data,
        acl: anything(),
        appdata: [9; 64],
    };
    let again = wire.send(args.clone())?.key;
    equal(hash_of(&wire, again)?, hash_of(&wire, private)?, "the hash")?;
    equal(
        wire.send(GetAppDataArgs { key: again })?.appdata,
        [9; 64],
        "the application data",
    )?;
    let one = wire.send(sign_args(private, b"message"))?.sig;
    equal(
        wire.send(sign_args(again, b"message"))?.sig,
        one,
        "the signature",
    )?;
    let KeyTypeData::RSAPrivate(mut damaged) = args.data.data.clone() else {
        bail!("no RSA private key")
    };
    damaged.dmp1 = 3.into();
    let data = KeyData {
        type_: KeyType::RSAPrivate,
        data: KeyTypeData::RSAPrivate(damaged),
    };
    denied(wire.send(ImportArgs { data, ..args }), Status::InvalidData)?;
    Ok(Outcome::Passed)
}

fn hash_known(rig: &Rig) -> anyhow::Result<Outcome> {
    use sha1::Digest as _;
    let (wire, module) = (rig.wire()?, rig.module()?);
    // The construction, written down once more: text, prefix, material, text.
    let expected = |prefix: &str, material: &[u8]| -> [u8; 20] {
        let mut input = b"nFast KeyHash\0".to_vec();
        input.extend(prefix.as_bytes());
        input.push(0);
        input.extend(material);
        input.extend(b"invented by nCipher 1997\0");
        sha1::Sha1::digest(&input).into()
    };
    let key = hex("0123456789abcdef 23456789abcdef01 456789abcdef0123");
    let data = KeyTypeData::DES3(KeyTypeDES3Data {
        k: key
            .clone()
            .try_into()
            .map_err(|_| anyhow::anyhow!("24 bytes"))?,
    });
    let data = KeyData {
        type_: KeyType::DES3,
        data,
    };
    let imported = wire
        .send(ImportArgs {
            module,
            data,
            acl: anything(),
            ..ImportArgs::default()
        })?
        .key;
    equal(
        hash_of(&wire, imported)?,
        expected("DES3", &key),
        "the hash of a triple DES key",
    )?;

    let (_, public) = rsa(&wire, module, 1024, anything(), anything())?;
    let KeyTypeData::RSAPublic(numbers) = wire.send(ExportArgs { key: public })?.data.data else {
        bail!("no RSA public key");
    };
    let padded = |number: &Bignum| {
        let mut bytes = number.le_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        bytes
    };
    let material = [padded(&numbers.e), padded(&numbers.n)].concat();
    equal(
        hash_of(&wire, public)?,
        expected("RSA00", &material),
        "the hash of an RSA key",
    )?;
    Ok(Outcome::Passed)
}

fn export_permission(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (private, public) = rsa(&wire, module, 512, may(Op::SIGN), may(Op::EXPORT_AS_PLAIN))?;
    exported(&wire, public)?;
    denied(wire.send(ExportArgs { key: private }), Status::AccessDenied)?;
    Ok(Outcome::Passed)
}

fn duplicate_apart(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let key = aes(&wire, module, anything())?;
    let copy = wire.send(DuplicateArgs { key })?.newkey;
    equal(hash_of(&wire, copy)?, hash_of(&wire, key)?, "the hash")?;
    wire.send(SetAppDataArgs {
        key: copy,
        appdata: [5; 64],
    })?;
    equal(
        wire.send(GetAppDataArgs { key })?.appdata,
        [0; 64],
        "the original's application data",
    )?;
    equal(
        wire.send(GetAppDataArgs { key: copy })?.appdata,
        [5; 64],
        "the duplicate's application data",
    )?;
    wire.send(DestroyArgs { key })?;
    wire.send(GetKeyInfoArgs { key: copy })?;
    let fixed = aes(&wire, module, may(Op::SIGN))?;
    denied(
        wire.send(DuplicateArgs { key: fixed }),
        Status::AccessDenied,
    )?;
    Ok(Outcome::Passed)
}

fn destroy_gone(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let (key, _) = rsa(&wire, module, 512, anything(), anything())?;
    wire.send(sign_args(key, b"message"))?;
    wire.send(DestroyArgs { key })?;
    denied(wire.send(sign_args(key, b"message")), Status::UnknownID)?;
    denied(wire.send(DestroyArgs { key }), Status::UnknownID)?;
    Ok(Outcome::Passed)
}

fn info_unknown(rig: &Rig) -> anyhow::Result<Outcome> {
    let wire = rig.wire()?;
    for key in [0, 1, u32::MAX] {
        denied(wire.send(GetKeyInfoArgs { key }), Status::UnknownID)?;
        denied(
            wire.send(GetKeyInfoExArgs { flags: 0, key }),
            Status::UnknownID,
        )?;
    }
    Ok(Outcome::Passed)
}

/// Answers to one command on a key with a permission, and on one with all others.
fn with_and_without<R: ncore::message::Request>(
    wire: &Wire,
    module: u32,
    bit: u32,
    command: impl Fn(u32) -> R,
) -> anyhow::Result<()> {
    let with = aes(wire, module, may(bit))?;
    wire.send(command(with))
        .with_context(|| format!("with permission {bit:#x}"))?;
    let without = aes(wire, module, may(Op::KNOWN_PERMS & !bit))?;
    denied(wire.send(command(without)), Status::AccessDenied)
        .with_context(|| format!("without permission {bit:#x}"))
}

fn acl_bits(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    with_and_without(&wire, module, Op::GET_ACL, |key| GetACLArgs {
        flags: 0,
        key,
    })?;
    with_and_without(&wire, module, Op::GET_APP_DATA, |key| GetAppDataArgs {
        key,
    })?;
    with_and_without(&wire, module, Op::SET_APP_DATA, |key| SetAppDataArgs {
        key,
        appdata: [1; 64],
    })?;
    with_and_without(&wire, module, Op::ENCRYPT, |key| EncryptArgs {
        key,
        plain: bytes(b"x"),
        ..EncryptArgs::default()
    })?;
    with_and_without(&wire, module, Op::SIGN, |key| SignArgs {
        key,
        plain: bytes(b"x"),
        ..SignArgs::default()
    })?;
    Ok(Outcome::Passed)
}

fn acl_reduce(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let before = may(Op::REDUCE_ACL | Op::GET_ACL | Op::SIGN);
    let key = aes(&wire, module, before.clone())?;
    equal(
        wire.send(GetACLArgs { flags: 0, key })?.acl.0,
        before,
        "the list",
    )?;
    let set = |newacl| {
        wire.send(SetACLArgs {
            flags: 0,
            key,
            newacl,
        })
    };
    denied(
        set(may(Op::REDUCE_ACL | Op::EXPORT_AS_PLAIN)),
        Status::AccessDenied,
    )?;
    set(may(Op::GET_ACL))?;
    equal(
        wire.send(GetACLArgs { flags: 0, key })?.acl.0,
        may(Op::GET_ACL),
        "the reduced list",
    )?;
    denied(set(may(Op::GET_ACL)), Status::AccessDenied)?;
    Ok(Outcome::Passed)
}

fn acl_limit(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    // A counter of this module that nobody else uses.
    let id = wire.send(GenerateRandomArgs { lenbytes: 20 })?.data;
    let id = id
        .try_into()
        .map_err(|id| anyhow::anyhow!("random bytes {id:?}"))?;
    let details = UseLimDetails::Global(UseLimGlobalDetails { id, max: 2 });
    let group = PermissionGroup {
        limits: vec![UseLimit {
            type_: UseLim::Global,
            details,
        }],
        actions: vec![operations(Op::SIGN)],
        ..PermissionGroup::default()
    };
    let (key, _) = rsa(
        &wire,
        module,
        512,
        ACL {
            groups: vec![group],
        },
        anything(),
    )?;
    wire.send(sign_args(key, b"one"))?;
    wire.send(sign_args(key, b"two"))?;
    denied(
        wire.send(sign_args(key, b"three")),
        Status::UseLimitExceeded,
    )?;
    Ok(Outcome::Passed)
}

fn kml_public(rig: &Rig) -> anyhow::Result<Outcome> {
    let (wire, module) = (rig.wire()?, rig.module()?);
    let key = wire.send(GetKMLArgs { module })?.idka;
    equal(
        wire.send(GetKeyInfoArgs { key })?.type_,
        KeyType::DSAPublic,
        "the type of KML",
    )?;
    denied(
        wire.send(GetKMLArgs { module: 4000 }),
        Status::InvalidModule,
    )?;
    Ok(Outcome::Passed)
}
