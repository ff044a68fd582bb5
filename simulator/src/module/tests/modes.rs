//! What the modes of a world do that SetNSOPerms and InitialiseUnitEx choose.

use ncore::types::*;
use ncore::{Bignum, Status};

use super::rig::*;
use crate::store::{MemoryStore, RedbStore, Store};

type Modes = SetNSOPermsArgs;

/// A module in operation in a world with these modes, initialised with these.
fn in_world(store: Box<dyn Store>, initial: u32, modes: u32) -> Rig {
    let mut rig = Rig::with(1, b"modes", store);
    let reset = |mode| ClearUnitExArgs {
        flags: 0,
        module: 1,
        mode,
    };
    rig.ok(reset(ModuleMode::Initialisation));
    rig.ok(InitialiseUnitExArgs {
        flags: initial,
        module: 1,
        kml: KMLType::DSAp1024s160,
    });
    rig.ok(SetNSOPermsArgs {
        module: 1,
        flags: modes,
        hknso: [9; 20],
        publicperms: NSOPerms { ops: EVERYTHING },
    });
    rig.ok(reset(ModuleMode::Operational));
    rig
}

fn with_modes(modes: u32) -> Rig {
    in_world(Box::new(MemoryStore::default()), 0, modes)
}

#[test]
fn every_rsa_pair_of_a_world_of_strong_primes_has_them() {
    let made = |modes, flags| {
        let mut rig = with_modes(modes);
        let mut args = rsa_args(1024, anything(), anything());
        let KeyTypeGenParams::RSAPrivate(params) = &mut args.params.params else {
            panic!("no RSA key")
        };
        params.flags = flags;
        let key = rig.ok(args).keypriv;
        rig.hash_of(key)
    };
    // One seed gives one pair, in whichever way strong primes are asked for.
    let strong = KeyTypeRSAPrivateGenParams::USE_STRONG_PRIMES;
    let in_the_mode = made(Modes::ALWAYS_USE_STRONG_PRIMES, 0);
    assert_eq!(in_the_mode, made(0, strong));
    assert_eq!(in_the_mode, made(Modes::ALWAYS_USE_STRONG_PRIMES, strong));
    assert_ne!(in_the_mode, made(0, 0));
}

#[test]
fn a_world_without_pkcs1_padding_refuses_it_in_every_use() {
    for (modes, padded) in [
        (0, Status::OK),
        (Modes::DISABLE_PKCS1_PADDING, Status::DeprecatedMechanism),
    ] {
        let mut rig = with_modes(modes);
        let (private, public) = rig.rsa(1024, anything(), anything());
        let number = PlainText {
            type_: PlainTextType::Bignum,
            data: PlainTextTypeData::Bignum(PlainTextTypeBignumData {
                m: Bignum::from_be(&[3]),
            }),
        };
        let sign = |mech, plain| SignArgs {
            key: private,
            mech,
            plain,
            ..Default::default()
        };
        let cipher = |mech| CipherText {
            mech,
            data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
                m: Bignum::from_be(&[5]),
            }),
            ..Default::default()
        };
        let verify = |mech, sig| VerifyArgs {
            key: public,
            mech,
            plain: bytes(b"data"),
            sig,
            ..Default::default()
        };
        let encrypt = |mech, plain| EncryptArgs {
            key: public,
            mech,
            plain,
            ..Default::default()
        };
        let decrypt = |mech, cipher, reply_type| DecryptArgs {
            key: private,
            mech,
            cipher,
            reply_type,
            ..Default::default()
        };
        let or = |otherwise| match padded {
            Status::OK => otherwise,
            refusal => refusal,
        };
        for mech in [
            Mech::Any,
            Mech::RSApPKCS1,
            Mech::RSAhSHA1pPKCS1,
            Mech::RSAhSHA512pPKCS1,
        ] {
            let reply = rig.send(sign(mech, bytes(b"data")));
            assert_eq!(reply.status, padded, "sign by {mech}");
            let given = match mech {
                Mech::Any => Mech::RSAhSHA256pPKCS1,
                mech => mech,
            };
            rig.refused(verify(mech, cipher(given)), or(Status::VerifyFailed));
        }
        for mech in [Mech::Any, Mech::RSApPKCS1] {
            let reply = rig.send(encrypt(mech, bytes(b"data")));
            assert_eq!(reply.status, padded, "encrypt by {mech}");
            let given = cipher(Mech::RSApPKCS1);
            let wanted = PlainTextType::Bytes;
            rig.refused(decrypt(mech, given, wanted), or(Status::DecryptFailed));
        }
        // OAEP pads otherwise, and numbers are not padded.
        let oaep = Mech::RSApPKCS1OAEPhSHA256;
        let reply = rig.ok(encrypt(oaep, bytes(b"data")));
        rig.ok(decrypt(oaep, reply.cipher, PlainTextType::Bytes));
        rig.ok(sign(Mech::RSApPKCS1, number.clone()));
        rig.ok(encrypt(Mech::RSApPKCS1, number.clone()));
        let given = cipher(Mech::RSApPKCS1);
        rig.ok(decrypt(Mech::RSApPKCS1, given, PlainTextType::Bignum));
        // Blobs are the module's own business.
        let aes = rig.aes(anything());
        let sign = SignArgs {
            key: aes,
            mech: Mech::Any,
            plain: bytes(b"data"),
            ..Default::default()
        };
        rig.ok(sign);
    }
}

#[test]
fn a_module_tells_its_modes_also_after_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module1.redb");
    let initial = InitialiseUnitExArgs::USE_FIPS_APPROVED_INTERNAL_MECHANISMS;
    let modes = Modes::ALWAYS_USE_STRONG_PRIMES | Modes::USE_FIPS_APPROVED_INTERNAL_MECHANISMS;
    let told = |rig: &Rig| {
        let description = rig.module.description();
        (description.initial_modes, description.officer_modes)
    };
    let rig = in_world(Box::new(RedbStore::open(&path).unwrap()), initial, modes);
    assert_eq!(told(&rig), (initial, modes));
    drop(rig);
    let mut rig = Rig::with(1, b"modes", Box::new(RedbStore::open(&path).unwrap()));
    assert_eq!(told(&rig), (initial, modes));
    rig.initialise();
    assert_eq!(told(&rig), (0, 0));
}
